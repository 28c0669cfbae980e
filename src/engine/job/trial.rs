//! Which of a few lengths is best? Each is filled, and the fills are judged by how well the text goes on after them.
//!
//! The lengths are those that measuring found likeliest, for all holes at once; every hole then takes the length that
//! served it best. Judged is how likely the tokens after the hole are given the fill, and the fill's own tokens given the
//! rest ([`crate::diffusion::length::Evidence::worth`]). Cost: a run for each, and [`FOLDS`] passes and one more.

use super::{Cancelled, Job, Stage};
use crate::diffusion::canvas::Canvas;
use crate::diffusion::length::seam;
use crate::diffusion::run::Run;
use crate::diffusion::score::Scoring;
use crate::diffusion::{DenoiseError, Denoiser};
use crate::model::Model;

/// A fill's tokens are judged a third at a time, each between neighbours that are there.
const FOLDS: usize = 3;

/// Lengths being filled in turn.
pub(super) struct Trial {
    /// The lengths of all holes, for each trial; at least one.
    plans: Vec<Vec<usize>>,
    /// Which is being tried.
    at: usize,
    /// The best length of each hole so far, and its worth.
    best: Vec<(f64, usize)>,
    state: State,
}

enum State {
    Filling(Box<Run>),
    Judging { canvas: Box<Canvas>, scoring: Scoring, fold: usize },
}

impl Trial {
    /// Trials ended, and how many there are.
    pub(super) fn progress(&self) -> (usize, usize) {
        (self.at, self.plans.len())
    }

    /// Passes of the run that goes on.
    pub(super) fn nfe(&self) -> usize {
        if let State::Filling(run) = &self.state { run.nfe() } else { 0 }
    }

    /// The network has read something else meanwhile.
    pub(super) fn forget_rows(&mut self) {
        if let State::Filling(run) = &mut self.state {
            run.forget_rows();
        }
    }

    /// The run that goes on, if one does.
    pub(super) fn into_run(self) -> Option<Box<Run>> {
        if let State::Filling(run) = self.state { Some(run) } else { None }
    }
}

impl Job {
    /// Begins with the first of some lengths; a single choice needs no trial.
    pub(super) fn try_lengths(&mut self, mut plans: Vec<Vec<usize>>, model: &Model) -> Result<Stage, DenoiseError> {
        if plans.len() == 1 {
            return self.begin_masked(&plans.swap_remove(0), model);
        }
        let best = vec![(f64::NEG_INFINITY, 1); self.prompt.holes.len()];
        self.fill_trial(plans, 0, best, model)
    }

    fn fill_trial(
        &mut self,
        plans: Vec<Vec<usize>>,
        at: usize,
        best: Vec<(f64, usize)>,
        model: &Model,
    ) -> Result<Stage, DenoiseError> {
        let Some(plan) = plans.get(at) else {
            let lengths: Vec<usize> = best.iter().map(|(_, length)| *length).collect();
            return self.begin_masked(&lengths, model);
        };
        let canvas = self.masked_canvas(model, plan)?;
        Ok(match self.begin_one(canvas, model) {
            Stage::Denoising(run) => Stage::Trying(Box::new(Trial { plans, at, best, state: State::Filling(run) })),
            done => done,
        })
    }

    pub(super) fn advance_trial(
        &mut self,
        trial: Trial,
        model: &mut Model,
        cancelled: Cancelled<'_>,
    ) -> Result<Stage, DenoiseError> {
        let Trial { plans, at, mut best, state } = trial;
        let state = match state {
            State::Filling(mut run) => {
                if self.turn(&mut run, model, cancelled)?.done {
                    self.passes += run.nfe();
                    let canvas = Box::new(run.into_canvas());
                    State::Judging { scoring: judging(&canvas, model.shift()), canvas, fold: 0 }
                } else {
                    State::Filling(run)
                }
            }
            State::Judging { canvas, mut scoring, fold } if fold < scoring.fold_count() => {
                scoring.judge(fold, model, cancelled)?;
                self.passes += 1;
                State::Judging { canvas, scoring, fold: fold + 1 }
            }
            State::Judging { canvas, scoring, .. } => {
                for (hole, best) in best.iter_mut().enumerate() {
                    let length = plans[at][hole];
                    let worth = self.worth(hole, length, &Judged::of(&canvas, hole, scoring.log_probabilities()));
                    if worth > best.0 {
                        *best = (worth, length);
                    }
                }
                return self.fill_trial(plans, at + 1, best, model);
            }
        };
        Ok(Stage::Trying(Box::new(Trial { plans, at, best, state })))
    }

    fn worth(&self, hole: usize, length: usize, judged: &Judged) -> f64 {
        // What no text can be is worth nothing, but not less than not having been tried.
        let worth = self.lengths.evidence.worth(length, judged.seam, judged.fluency, &self.prior(hole));
        if worth.is_nan() { f64::MIN } else { worth.max(f64::MIN) }
    }

    /// Judges what fills a hole now.
    pub(in crate::engine) fn judged(&self, hole: usize, model: &mut Model) -> Result<Judged, DenoiseError> {
        let canvas = &self.picture.canvas;
        let mut scoring = judging(canvas, model.shift());
        for fold in 0..scoring.fold_count() {
            scoring.judge(fold, model, &|| false)?;
        }
        Ok(Judged::of(canvas, hole, scoring.log_probabilities()))
    }
}

/// How good a fill is: natural log-probabilities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::engine) struct Judged {
    /// The sum over the tokens right after the hole, given the fill.
    pub(in crate::engine) seam: f64,
    /// The mean over the fill's own tokens, given the rest.
    pub(in crate::engine) fluency: f64,
}

impl Judged {
    fn of(canvas: &Canvas, hole: usize, logs: &[Option<f64>]) -> Self {
        let known = |range: std::ops::Range<usize>| range.filter_map(|position| logs.get(position).copied().flatten());
        let fill: Vec<f64> = known(canvas.hole_range(hole)).collect();
        Self { seam: known(seam(canvas, hole)).sum(), fluency: fill.iter().sum::<f64>() / fill.len().max(1) as f64 }
    }
}

/// The passes that judge a filled canvas: the holes' tokens by thirds, and the tokens after them.
pub(super) fn judging(canvas: &Canvas, shift: usize) -> Scoring {
    let holes = || 0..canvas.hole_count();
    let third = |first: usize| holes().flat_map(|hole| canvas.hole_range(hole).skip(first).step_by(FOLDS)).collect();
    let mut folds: Vec<Vec<usize>> = (0..FOLDS).map(third).collect();
    folds.push(holes().flat_map(|hole| seam(canvas, hole)).collect());
    Scoring::with_folds(canvas.ids().to_vec(), folds, canvas.mask(), shift)
}
