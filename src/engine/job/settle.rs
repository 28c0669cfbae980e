//! When all is written: demands that only a finished document shows are met by changing one token, or by drawing again.
//!
//! Brackets and grammars are no automaton's matter, so they are checked on proposals. First the runners-up of the tokens
//! written are tried, one at a time, the likeliest exchange first; then the whole run is made again with other draws. Both
//! are bounded, and what is best but fails is still shown: the report says which demands it does not meet.

use super::picture::Picture;
use super::{Job, Stage};
use crate::diffusion::TokenId;
use crate::diffusion::canvas::{Canvas, Edit, EditAct, Kind};
use crate::diffusion::sampler::Sampler;
use crate::engine::check;
use crate::engine::protocol::RunOptions;
use crate::model::Model;

/// Single exchanges that are tried, each with one parse of the document.
const MOST_EXCHANGES: usize = 48;
/// Further runs that are made.
const MOST_RUNS: usize = 3;

/// What is needed to try again.
#[derive(Clone, Default)]
pub(super) struct Settling {
    /// The canvas that the run began with.
    fresh: Canvas,
    /// The picture of the first run.
    first: Option<Picture>,
    runs: usize,
}

impl Settling {
    /// Nothing was tried yet.
    pub(super) fn of(fresh: Canvas) -> Self {
        Self { fresh, ..Self::default() }
    }

    /// From here on a new try begins with this canvas.
    pub(super) fn begin_anew_from(&mut self, fresh: Canvas) {
        (self.fresh, self.first) = (fresh, None);
    }

    /// As if nothing had been tried yet.
    pub(super) fn untried(&self) -> Self {
        Self::of(self.fresh.clone())
    }

    /// About how much memory it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        // A position of a canvas is its token, its kind and its limit.
        (1 + usize::from(self.first.is_some())) * self.fresh.len() * 72
    }
}

impl Job {
    /// Ends the job, or goes on until its late demands are met.
    pub(super) fn settle_demands(&mut self, canvas: &Canvas, model: &Model) -> Stage {
        if !check::is_needed(&self.parts) || self.passes_with(canvas, model) {
            return Stage::Done;
        }
        if let Some((canvas, edit)) = self.exchanged(canvas, model) {
            self.steps += 1;
            self.trail.record_edits(&canvas, vec![edit.clone()]);
            self.picture.exchange(canvas, edit, self.steps);
            return Stage::Done;
        }
        // The next run would be one of tokens.
        if model.continuous().is_some() {
            return Stage::Done;
        }
        if self.settling.first.is_none() {
            self.settling.first = Some(self.picture.clone());
        }
        self.settling.runs += 1;
        if self.settling.runs > MOST_RUNS {
            if let Some(first) = self.settling.first.take() {
                self.picture = first;
            }
            return Stage::Done;
        }
        // Beginning anew is a step of its own: what is shown after it is not what was shown before.
        self.steps += 1;
        self.run_on(self.settling.fresh.clone(), model)
    }

    /// The sampler and the seed that the run of this many-th try draws with.
    pub(super) fn drawing(&self) -> (Sampler, u64) {
        let mut sampler = self.sampler.clone();
        if self.settling.runs > 0 {
            sampler.propose.temperature = sampler.propose.temperature.max(RunOptions::VARIED);
        }
        (sampler, self.options.seed.wrapping_add(self.settling.runs as u64))
    }

    fn passes_with(&self, canvas: &Canvas, model: &Model) -> bool {
        let holes = Picture::new(canvas.clone()).holes(&self.prompt, model);
        let texts: Vec<String> = holes.iter().map(crate::engine::protocol::HoleFrame::text).collect();
        check::passes(&self.parts, &texts)
    }

    /// The canvas with one token exchanged for a runner-up, such that all demands are met.
    fn exchanged(&mut self, canvas: &Canvas, model: &Model) -> Option<(Canvas, Edit)> {
        let mut exchanges: Vec<(f64, usize, TokenId, f64)> = Vec::new();
        for position in canvas.hole_positions() {
            let Kind::Committed { probability, .. } = canvas.kind(position) else { continue };
            for &(token, other) in self.picture.considered(position) {
                let loss = probability.max(f64::MIN_POSITIVE).ln() - f64::from(other).max(f64::MIN_POSITIVE).ln();
                exchanges.push((loss, position, token, f64::from(other)));
            }
        }
        exchanges.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        exchanges.into_iter().take(MOST_EXCHANGES).find_map(|(_, position, token, probability)| {
            let edit = Edit { probability, ..Edit::bare(position, EditAct::Write { token }) };
            let mut changed = canvas.clone();
            changed.apply(std::slice::from_ref(&edit), 0).ok()?;
            (self.limits.holds(&changed) && self.passes_with(&changed, model)).then_some((changed, edit))
        })
    }
}
