//! The reverse process, which is the same for all verbs: a run is begun, makes its steps, and ends or is finished early.

use super::picture::Picture;
use super::settle::Settling;
use super::{Cancelled, Job, Stage, words};
use crate::diffusion::canvas::Canvas;
use crate::diffusion::rng::Seeded;
use crate::diffusion::run::Run;
use crate::diffusion::sampler::Sampler;
use crate::diffusion::{DenoiseError, Denoiser, Logits};
use crate::engine::protocol::Verb;
use crate::model::Model;

impl Job {
    pub(super) fn begin(&mut self, canvas: Canvas, model: &Model) -> Stage {
        if canvas.masks_left() == 0 {
            self.picture = Picture::new(canvas);
            return Stage::Done;
        }
        self.limits.keep(&canvas);
        self.settling = Settling::of(canvas.clone());
        self.run_on(canvas, self.sampler.clone(), self.options.seed, model)
    }

    pub(super) fn begin_masked(&mut self, lengths: &[usize], model: &Model) -> Result<Stage, DenoiseError> {
        let canvas = self.masked_canvas(model, lengths)?;
        Ok(self.begin(canvas, model))
    }

    pub(super) fn run_on(&mut self, canvas: Canvas, sampler: Sampler, seed: u64, model: &Model) -> Stage {
        self.picture = Picture::new(canvas.clone());
        let run = Run::new(canvas, sampler, model.vocabulary(), model.shift(), Seeded(seed));
        Stage::Denoising(Box::new(run.with_noise(model.noise()).with_limits(self.limits.clone())))
    }

    /// One step of a run; whether it was the last.
    pub(super) fn turn(
        &mut self,
        run: &mut Run,
        model: &mut Model,
        cancelled: Cancelled<'_>,
    ) -> Result<bool, DenoiseError> {
        run.revise(|canvas| words::forbid_echoes(canvas, model));
        let report = run.turn(model, true, cancelled)?;
        self.picture.step(run, &report);
        Ok(report.done)
    }

    pub(super) fn denoise(
        &mut self,
        mut run: Box<Run>,
        model: &mut Model,
        cancelled: Cancelled<'_>,
    ) -> Result<Stage, DenoiseError> {
        let done = self.turn(&mut run, model, cancelled)?;
        self.steps += 1;
        if !done {
            return Ok(Stage::Denoising(run));
        }
        self.passes += run.nfe();
        match self.verb {
            Verb::Refine => Ok(Self::judge(run, model)),
            Verb::Fill | Verb::Rewrite { .. } => Ok(self.settle_demands(run.canvas(), model)),
        }
    }

    /// Writes the best guess everywhere, reading what is missing with `read`; the rounds that took.
    pub(super) fn finish(
        &mut self,
        run: &mut Run,
        mut read: impl FnMut(&Run, &[usize]) -> Result<Logits, DenoiseError>,
    ) -> Result<usize, DenoiseError> {
        let mut rounds = 0;
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
            self.picture.step(run, &report);
            if report.edits.is_empty() {
                break;
            }
        }
        Ok(rounds)
    }
}
