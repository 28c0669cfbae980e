//! How long is each hole? Models that were taught to say it are asked once, all holes together, by tokens that stand for
//! text of any length; a hole that is longer than could be told is asked about again with more of them. Lengths about the
//! middle of what was told are then tried.

use std::ops::{Range, RangeInclusive};

use super::{Cancelled, Job, Picture, Stage};
use crate::diffusion::length::told::Told;
use crate::diffusion::propose::Row;
use crate::diffusion::{DenoiseError, Denoiser, Logits, row_of};
use crate::model::Model;

/// Positions a hole has in the first question, and in the second: 8 tell of up to 15 tokens, 32 of up to 63. No others: these
/// are the ones that the trainer asks with (`ASKED` in `assets/training/holes.py`).
const POSITIONS: [usize; 2] = [8, 32];
/// A hole that is likelier than this to be longer than could be told is asked about again.
const BEYOND: f64 = 0.25;
/// Where in the distribution the lengths lie that are tried, if more than one is.
const TRIED: [f64; 3] = [0.2, 0.5, 0.8];

/// A question about the lengths of holes.
pub(super) struct Question {
    /// The lengths that each may have.
    ranges: Vec<RangeInclusive<usize>>,
    /// How many positions each has.
    positions: Vec<usize>,
    asked: usize,
}

impl Question {
    /// Passes made, and how many there are at most.
    pub(super) fn progress(&self) -> (usize, usize) {
        (self.asked, 2)
    }
}

impl Job {
    /// Asks about holes that may have these lengths, at least 1; without a pass where each can only have one.
    pub(super) fn ask_lengths(
        &mut self,
        ranges: Vec<RangeInclusive<usize>>,
        model: &Model,
    ) -> Result<Stage, DenoiseError> {
        let of = |range: &RangeInclusive<usize>| if is_fixed(range) { *range.start() } else { POSITIONS[0] };
        let positions: Vec<usize> = ranges.iter().map(of).collect();
        if ranges.iter().all(is_fixed) {
            return self.begin_masked(&positions, model);
        }
        self.picture = Picture::new(self.masked_canvas(model, &positions)?);
        Ok(Stage::Hearing(Question { ranges, positions, asked: 0 }))
    }

    /// Makes the pass and takes what was told.
    pub(super) fn hear_lengths(
        &mut self,
        mut question: Question,
        model: &mut Model,
        cancelled: Cancelled<'_>,
    ) -> Result<Stage, DenoiseError> {
        let canvas = self.masked_canvas(model, &question.positions)?;
        let holes = 0..question.ranges.len();
        let own = |hole: usize| self.prompt.own_range(&canvas, hole);
        let asked: Vec<usize> = holes.clone().filter(|hole| !is_fixed(&question.ranges[*hole])).flat_map(own).collect();
        let mut ids = canvas.ids().to_vec();
        if let Some(expand) = model.vocabulary().controls().expand {
            for &position in &asked {
                ids[position] = expand;
            }
        }
        let mut rows: Vec<usize> = asked.iter().map(|position| row_of(*position, model.shift())).collect();
        // The first position has no row of its own.
        rows.dedup();
        let logits = model.logits(&model.noise().pass(1.0, &ids, &rows), cancelled)?;
        let told: Vec<Told> = holes.clone().map(|hole| told(&logits, own(hole), model)).collect();
        self.passes += 1;
        question.asked += 1;
        let mut again = false;
        for (hole, told) in told.iter().enumerate() {
            let range = &question.ranges[hole];
            let may_be_long = !is_fixed(range) && *range.end() >= 2 * POSITIONS[0];
            if question.asked == 1 && may_be_long && told.beyond() > BEYOND {
                // As far as the context has room: of the others the first answer counts.
                let before = std::mem::replace(&mut question.positions[hole], POSITIONS[1]);
                if self.masked_canvas(model, &question.positions).is_ok() {
                    again = true;
                } else {
                    question.positions[hole] = before;
                }
            }
        }
        if again {
            return Ok(Stage::Hearing(question));
        }
        let shares = if self.lengths.trials { &TRIED[..] } else { &TRIED[1..2] };
        let mut plans: Vec<Vec<usize>> = Vec::new();
        for share in shares {
            let of = |hole: usize| told[hole].quantile(*share, question.ranges[hole].clone(), &self.prior(hole));
            let plan: Vec<usize> = holes.clone().map(of).collect();
            if !plans.contains(&plan) {
                plans.push(plan);
            }
        }
        self.try_lengths(plans, model)
    }
}

/// Whether there is nothing to ask: it can only have one length.
fn is_fixed(range: &RangeInclusive<usize>) -> bool {
    range.start() == range.end()
}

/// What a pass told of the hole whose own positions these are.
fn told(logits: &Logits, positions: Range<usize>, model: &Model) -> Told {
    let (vocabulary, shift) = (model.vocabulary(), model.shift());
    let controls = vocabulary.controls();
    let mut row = Row::default();
    let (mut delete, mut expand) = (Vec::new(), Vec::new());
    for position in positions {
        let Some(raw) = logits.row(row_of(position, shift)) else { continue };
        row.load(raw, vocabulary, None);
        for control in [controls.delete, controls.expand].into_iter().flatten() {
            row.restore(control, raw);
        }
        let probability = |control: Option<u32>| control.map_or(0.0, |control| row.probability(control));
        delete.push(probability(controls.delete));
        expand.push(probability(controls.expand));
    }
    Told::new(&delete, &expand)
}
