//! The end of a run that was stopped before it was done: what there is of guesses is kept.

use super::{Run, RunError, StepReport};
use crate::diffusion::canvas::{Edit, EditAct};
use crate::diffusion::rng::Draw;
use crate::diffusion::run::Guess;
use crate::diffusion::sampler::Proposals;

impl<D: Draw> Run<D> {
    /// The raw rows of masked positions for which there is no guess yet: what [`Run::finish_now`] lacks.
    pub fn rows_to_finish(&self) -> Vec<usize> {
        self.rows_of(self.canvas.masked().filter(|position| !self.guesses.contains_key(position)).collect())
    }

    /// Stop and keep: writes the last guess to everything still masked. What has no guess stays masked; see
    /// [`Run::rows_to_finish`].
    pub fn finish_now(&mut self) -> Result<StepReport, RunError> {
        let step = self.clock.step;
        let masked: Vec<usize> = self.canvas.masked().collect();
        let guesses = masked.iter().filter_map(|position| self.guesses.get(position));
        let write = |guess: &Guess| Edit {
            position: guess.position,
            act: EditAct::Write { token: guess.token },
            probability: guess.probability,
            entropy: guess.entropy,
            runners_up: guess.runners_up.clone(),
        };
        let mut edits: Vec<Edit> = guesses.map(write).collect();
        self.admit(&mut edits)?;
        self.canvas.apply(&edits, step)?;
        self.guess(&Proposals::new());
        self.memo = None;
        self.clock.step += 1;
        if self.canvas.masks_left() == 0 {
            self.block = None;
        }
        Ok(self.report(step, edits))
    }
}
