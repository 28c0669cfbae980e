//! How long is each hole? Lengths that cannot hold what is demanded are left out; of the others the likeliest is searched.

use std::ops::RangeInclusive;

use super::picture::Picture;
use super::{Cancelled, Job, Stage, impossible};
use crate::diffusion::canvas::Canvas;
use crate::diffusion::length::{Evidence, LengthSearch, Prior, Signs, phi, seam};
use crate::diffusion::rule::Act;
use crate::diffusion::score::log_probability;
use crate::diffusion::{DenoiseError, Denoiser, row_of};
use crate::engine::lengths;
use crate::engine::protocol::Length;
use crate::model::Model;

/// How long a hole is thought to be that completes a word which one side has begun, and one inside a word. What the
/// edges took in is spelled by these tokens too.
const BESIDE_A_PART: f64 = 2.0;
const INSIDE_A_WORD: f64 = 1.0;
/// How sure that is.
const IN_A_WORD: f64 = 0.5;

/// How many more tokens than asked a hole may get when it is too short for what must be in it.
const LONGER: usize = 32;

impl Job {
    pub(super) fn measure(&mut self, model: &Model) -> Result<Stage, DenoiseError> {
        let holes = 0..self.prompt.holes.len();
        let ranges = holes.clone().map(|hole| self.lengths_of(hole)).collect::<Result<Vec<_>, _>>()?;
        let search = LengthSearch::new(&ranges, self.lengths.bias);
        let controls = model.vocabulary().controls();
        if model.descriptor.tells_lengths && controls.delete.is_some() && controls.expand.is_some() {
            let searched = ranges.iter().map(|range| (*range.start()).max(1)..=(*range.end()).max(1)).collect();
            return self.ask_lengths(searched, model);
        }
        if self.finds_lengths(model) {
            // From where a search would begin, the model says itself what is too many or too few.
            return self.begin_masked(&search.best(), model);
        }
        let priors: Vec<_> = holes.map(|hole| self.prior(hole)).collect();
        let search = search.with_priors(&priors, self.lengths.evidence);
        let canvas = self.masked_canvas(model, &search.best())?;
        self.picture = Picture::new(canvas);
        self.settle(search, model)
    }

    /// Whether the model says by control tokens that a hole is to grow or to shrink, and the sampler obeys.
    fn finds_lengths(&self, model: &Model) -> bool {
        let controls = model.vocabulary().controls();
        let has_controls = controls.expand.is_some() || controls.delete.is_some();
        has_controls && self.sampler.rules.iter().any(|rule| rule.act == Act::Obey)
    }

    /// What is believed of a hole's length before anything is measured.
    pub(super) fn prior(&self, hole: usize) -> Prior {
        let hole = &self.prompt.holes[hole];
        let prior = lengths::prior_of(hole.original.len());
        let goes_on = [(&hole.left, true), (&hole.right, false)].into_iter();
        let goes_on = goes_on.filter(|(edge, left)| edge.is_open() && edge.is_in_word(*left));
        match goes_on.count() {
            _ if !hole.original.is_empty() => prior,
            0 => prior,
            1 => Prior { typical: BESIDE_A_PART, spread: IN_A_WORD },
            _ => Prior { typical: INSIDE_A_WORD, spread: IN_A_WORD },
        }
    }

    /// The lengths that a hole can have, of those asked for.
    ///
    /// # Errors
    /// One sentence when no text of such a length is what was demanded.
    pub(super) fn lengths_of(&mut self, index: usize) -> Result<RangeInclusive<usize>, DenoiseError> {
        let (room, hole) = (self.prompt.longest_hole(), &self.prompt.holes[index]);
        let (least, most) = self.lengths.auto(hole.original.len());
        let (least, most) = hole.bounds((least.min(room), most.min(room)));
        // What cannot be is not looked for, however long it is asked to be.
        let context = self.prompt.room_for(least).map_err(|error| DenoiseError::Failed(error.to_string()))?;
        let most = most.min(context);
        let standing = (&hole.left.standing[..], &hole.right.standing[..]);
        let possible = self.limits.possible(index, standing, least..most + 1).map_err(impossible)?;
        if let (Some(least), Some(most)) = (possible.first(), possible.last()) {
            return Ok(*least..=*most);
        }
        // A hole too short for what must be in it grows, unless its length was asked for together with a demand.
        let longer = self.limits.possible(index, standing, most + 1..most + 1 + LONGER).map_err(impossible)?;
        let demands: Vec<String> = hole.part.constraints.iter().map(ToString::to_string).collect();
        match longer.first() {
            Some(longer) if demands.is_empty() || hole.part.length == Length::Auto => Ok(*longer..=*longer),
            _ if demands.is_empty() => Ok(least..=most),
            longer => {
                let asked = if least == most { format!("{least}") } else { format!("{least} to {most}") };
                let demands = demands.join(", ");
                let advice = match longer {
                    Some(longer) => format!("it takes at least {longer}"),
                    None => "change its length or ask for less".into(),
                };
                let message =
                    format!("no text of {asked} tokens is what hole {} must be ({demands}); {advice}", index + 1);
                Err(DenoiseError::Failed(message))
            }
        }
    }

    fn settle(&mut self, search: LengthSearch, model: &Model) -> Result<Stage, DenoiseError> {
        if let Some(vectors) = model.continuous() {
            let canvas = self.masked_canvas(model, &search.best())?;
            return self.begin_vectors(&canvas, 0, model, vectors);
        }
        if search.next_candidate().is_some() && !model.noise().starts_random() {
            return Ok(Stage::Measuring(search));
        }
        let plans = if self.lengths.trials { search.plans() } else { vec![search.best()] };
        self.try_lengths(plans, model)
    }

    pub(super) fn try_length(
        &mut self,
        mut search: LengthSearch,
        model: &mut Model,
        cancelled: Cancelled<'_>,
    ) -> Result<Stage, DenoiseError> {
        let Some(candidate) = search.next_candidate() else { return self.settle(search, model) };
        let hole = &self.prompt.holes[candidate.hole];
        let length = candidate.lengths[candidate.hole];
        let standing = (&hole.left.standing[..], &hole.right.standing[..]);
        if self.limits.possible(candidate.hole, standing, length..length + 1).map_err(impossible)?.is_empty() {
            search.report(Signs { phi: 0.0, seam: f64::NEG_INFINITY });
            return self.settle(search, model);
        }
        let canvas = self.limited_canvas(model, &candidate.lengths)?;
        let signs = self.signs(&canvas, candidate.hole, self.lengths.evidence, model, cancelled)?;
        search.report(signs);
        self.settle(search, model)
    }

    /// A masked canvas, and what may stand where in it.
    pub(in crate::engine) fn limited_canvas(
        &mut self,
        model: &Model,
        lengths: &[usize],
    ) -> Result<Canvas, DenoiseError> {
        let mut canvas = self.masked_canvas(model, lengths)?;
        self.limits.apply(&mut canvas).map_err(impossible)?;
        Ok(canvas)
    }

    /// What a pass says of one hole of a masked canvas. Only what counts is asked, and no pass is made for nothing; what
    /// comes after the hole is masked with it, and one pass answers both questions.
    pub(in crate::engine) fn signs(
        &mut self,
        canvas: &Canvas,
        hole: usize,
        Evidence { confidence, seam: weight, .. }: Evidence,
        model: &mut Model,
        cancelled: Cancelled<'_>,
    ) -> Result<Signs, DenoiseError> {
        let shift = model.shift();
        let inside = if confidence > 0.0 { canvas.hole_range(hole) } else { 0..0 };
        let after = if weight > 0.0 { seam(canvas, hole) } else { 0..0 };
        let mut rows: Vec<usize> = inside.chain(after.clone()).map(|position| row_of(position, shift)).collect();
        rows.dedup();
        if rows.is_empty() {
            return Ok(Signs::default());
        }
        let mut ids = canvas.ids().to_vec();
        ids[after.clone()].fill(canvas.mask());
        let logits = model.logits(&model.noise().pass(1.0, &ids, &rows), cancelled)?;
        self.passes += 1;
        let vocabulary = model.vocabulary();
        let log =
            |position| log_probability(logits.row(row_of(position, shift))?, canvas.ids()[position], vocabulary).into();
        let phi = if confidence > 0.0 { phi(&logits, canvas, hole, vocabulary, shift) } else { 0.0 };
        Ok(Signs { phi, seam: after.filter_map(log).sum::<f64>() })
    }
}
