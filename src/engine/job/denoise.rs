//! The reverse process, which is the same for all verbs: a run is begun, makes its steps, and ends or is finished early.

use super::beside::Beside;
use super::picture::Picture;
use super::settle::Settling;
use super::{Cancelled, Job, Stage, words};
use crate::diffusion::canvas::Canvas;
use crate::diffusion::run::{Run, StepReport};
use crate::diffusion::{DenoiseError, Logits};
use crate::engine::protocol::Verb;
use crate::model::Model;

impl Job {
    pub(super) fn begin(&mut self, canvas: Canvas, model: &Model) -> Stage {
        let stage = self.begin_one(canvas, model);
        match (self.sampler.search.runs(), stage) {
            (Some(runs), Stage::Denoising(run)) => {
                Stage::Beside(Box::new(Beside::new(&run, &self.picture, self.options.seed, runs)))
            }
            (_, stage) => stage,
        }
    }

    /// The same with one run, whatever the sampler says.
    pub(super) fn begin_one(&mut self, canvas: Canvas, model: &Model) -> Stage {
        if canvas.masks_left() == 0 {
            self.picture = Picture::new(canvas);
            return Stage::Done;
        }
        self.limits.keep(&canvas);
        self.settling = Settling::of(canvas.clone());
        self.run_on(canvas, model)
    }

    pub(super) fn begin_masked(&mut self, lengths: &[usize], model: &Model) -> Result<Stage, DenoiseError> {
        let canvas = self.masked_canvas(model, lengths)?;
        Ok(self.begin(canvas, model))
    }

    pub(super) fn run_on(&mut self, canvas: Canvas, model: &Model) -> Stage {
        self.picture = Picture::new(canvas.clone());
        self.trail.close();
        self.skipped = 0;
        Stage::Denoising(Box::new(self.going_on(canvas, None, model)))
    }

    /// One step of a run.
    pub(super) fn turn(
        &mut self,
        run: &mut Run,
        model: &mut Model,
        cancelled: Cancelled<'_>,
    ) -> Result<StepReport, DenoiseError> {
        run.revise(|canvas| {
            words::forbid_echoes(canvas, model);
            words::forbid(canvas, &self.unwanted);
        });
        let report = run.turn(model, true, cancelled)?;
        self.picture.step(run, &report, self.steps + 1);
        Ok(report)
    }

    pub(super) fn denoise(
        &mut self,
        mut run: Box<Run>,
        model: &mut Model,
        cancelled: Cancelled<'_>,
    ) -> Result<Stage, DenoiseError> {
        let report = self.turn(&mut run, model, cancelled)?;
        self.steps += 1;
        self.trail.record(&run, &report);
        Ok(if report.done { self.conclude(run, model) } else { Stage::Denoising(run) })
    }

    /// A run has ended.
    pub(super) fn conclude(&mut self, run: Box<Run>, model: &Model) -> Stage {
        self.passes += run.nfe() - self.skipped;
        self.skipped = 0;
        match self.verb {
            // Without the old text there is nothing to judge by.
            Verb::Refine if !self.picture.old_ids.is_empty() => Self::judge(run, model),
            _ => self.settle_demands(run.canvas(), model),
        }
    }

    /// Writes the best guess everywhere, reading what is missing with `read`; the rounds that took.
    pub(super) fn finish(
        &mut self,
        run: &mut Run,
        mut read: impl FnMut(&Run, &[usize]) -> Result<Logits, DenoiseError>,
    ) -> Result<usize, DenoiseError> {
        let mut rounds = 0;
        if run.sampler().guidance != 0.0 {
            // The network read the canvas without its context last.
            run.forget_rows();
        }
        // Guesses that are not possible together leave some masked; each round writes at least one.
        while !run.is_done() {
            run.limit()?;
            let rows = run.rows_to_finish();
            if !rows.is_empty() {
                let logits = read(run, &rows)?;
                run.observe(&logits)?;
            }
            let report = run.finish_now()?;
            rounds += 1;
            self.picture.step(run, &report, self.steps + rounds);
            self.trail.record(run, &report);
            if report.edits.is_empty() {
                break;
            }
        }
        Ok(rounds)
    }
}
