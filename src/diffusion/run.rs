//! A run: one sampler taking one canvas from masked to clean, step by step, with the caller fetching the logits.
//!
//! ```text
//! while !run.is_done() {
//!     let rows = run.rows_needed();                      // or rows_to_show(), to see guesses everywhere
//!     let logits = if rows.is_empty() { Logits::none() } else { denoiser.logits(&Pass::new(run.canvas().ids(), &rows), ..)? };
//!     let report = run.advance(&logits)?;
//! }
//! ```
//! Steps that read nothing (no count due, no coin fell) ask for no rows and cost no pass; that is exact for denoisers
//! that do not read the time. Extra rows change the guesses shown and nothing else. Unit: raw rows outside, canvas
//! positions inside. Limit: at most as many steps as planned, see [`Run::steps_left`].

use std::collections::BTreeMap;

use crate::diffusion::canvas::{Canvas, Edit, EditAct, EditError, Kind};
use crate::diffusion::propose::{Fallback, Proposal, Row};
use crate::diffusion::rng::{Draw, DrawKey, Purpose, Seeded};
use crate::diffusion::sampler::{self, Proposals, Sampler};
use crate::diffusion::schedule::{Clock, Steps};
use crate::diffusion::vocabulary::Vocabulary;
use crate::diffusion::{Logits, TokenId, row_of};

/// What the model would put at a position that is still masked.
#[derive(Debug, Clone, PartialEq)]
pub struct Guess {
    /// Where.
    pub position: usize,
    /// The most likely token, whatever the temperature.
    pub token: TokenId,
    /// How likely it is at temperature 1.
    pub probability: f64,
    /// What else, most likely first.
    pub runners_up: Vec<(TokenId, f32)>,
}

/// What one step did.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReport {
    /// Which step it was, from 0.
    pub step: usize,
    /// What changed; positions are those before the step.
    pub edits: Vec<Edit>,
    /// Guesses for positions still masked, ascending; those whose row was not there keep their last one.
    pub guesses: Vec<Guess>,
    /// How many positions are still masked.
    pub masks_left: usize,
    /// Passes made so far.
    pub nfe: usize,
    /// Whether the run is over.
    pub done: bool,
}

/// Why a step was not made; the run is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The logits lack a row that was asked for.
    #[error("the logits lack row {0}, which the step reads")]
    MissingRow(usize),
    /// The rows are not as wide as the vocabulary.
    #[error("a row has {found} logits, the vocabulary has {expected} tokens")]
    Width {
        /// How long the rows are.
        found: usize,
        /// How many tokens there are.
        expected: usize,
    },
    /// An edit was refused: a defect of the sampler.
    #[error(transparent)]
    Edit(#[from] EditError),
}

/// A sampler at work on a canvas.
#[derive(Debug, Clone)]
pub struct Run<D = Seeded> {
    canvas: Canvas,
    sampler: Sampler,
    vocabulary: Vocabulary,
    shift: usize,
    draws: D,
    clock: Clock,
    /// The block that the clock is planned for; none when nothing is masked.
    window: Option<usize>,
    /// How many blocks had a mask at the start: a fixed number of steps is shared among them.
    windows: usize,
    nfe: usize,
    guesses: BTreeMap<usize, Guess>,
    row: Row,
}

impl<D: Draw> Run<D> {
    /// Begins a run. `shift` is the denoiser's ([`crate::diffusion::Denoiser::shift`]).
    pub fn new(canvas: Canvas, sampler: Sampler, vocabulary: &Vocabulary, shift: usize, draws: D) -> Self {
        let windows = sampler.window.masks(&canvas).iter().filter(|&&masks| masks > 0).count();
        let mut run = Self {
            canvas,
            sampler,
            vocabulary: vocabulary.clone(),
            shift,
            draws,
            clock: Clock::default(),
            window: None,
            windows,
            nfe: 0,
            guesses: BTreeMap::new(),
            row: Row::default(),
        };
        run.enter_window();
        run
    }

    /// The canvas as it is now.
    pub fn canvas(&self) -> &Canvas {
        &self.canvas
    }

    /// The canvas, given back at the end.
    pub fn into_canvas(self) -> Canvas {
        self.canvas
    }

    /// The sampler.
    pub fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    /// How far the plan is.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Passes made: calls of [`Run::advance`] and [`Run::observe`] with at least one row.
    pub fn nfe(&self) -> usize {
        self.nfe
    }

    /// Whether nothing is masked any more.
    pub fn is_done(&self) -> bool {
        self.canvas.masks_left() == 0
    }

    /// How many more steps the plan has, at most; 0 when done. Threshold and entropy rules usually need far fewer.
    pub fn steps_left(&self) -> usize {
        let masks = self.sampler.window.masks(&self.canvas);
        let later = masks.iter().enumerate().filter(|&(block, &masks)| Some(block) != self.window && masks > 0);
        let later: usize = later.map(|(_, &masks)| self.sampler.schedule.planned(masks, self.windows)).sum();
        if self.is_done() { 0 } else { self.clock.steps_left() + later }
    }

    /// The raw rows that the next step reads, ascending. Empty when it reads none: then make no pass and call
    /// [`Run::advance`] with [`Logits::none`].
    pub fn rows_needed(&self) -> Vec<usize> {
        self.rows_of(sampler::positions_read(&self.sampler, &self.canvas, &self.clock, &self.draws))
    }

    /// The raw rows of everything masked and of what the next step reads: for a screen that shows guesses everywhere.
    pub fn rows_to_show(&self) -> Vec<usize> {
        let read = sampler::positions_read(&self.sampler, &self.canvas, &self.clock, &self.draws);
        self.rows_of(read.into_iter().chain(self.canvas.masked()).collect())
    }

    /// The raw rows of masked positions for which there is no guess yet: what [`Run::finish_now`] lacks.
    pub fn rows_to_finish(&self) -> Vec<usize> {
        self.rows_of(self.canvas.masked().filter(|position| !self.guesses.contains_key(position)).collect())
    }

    /// Makes one step. Does nothing, but for the report, when the run is done.
    pub fn advance(&mut self, logits: &Logits) -> Result<StepReport, RunError> {
        if self.is_done() {
            return Ok(self.report(self.clock.step, Vec::new()));
        }
        let read = sampler::positions_read(&self.sampler, &self.canvas, &self.clock, &self.draws);
        if let Some(row) = read.iter().map(|&p| row_of(p, self.shift)).find(|&row| logits.row(row).is_none()) {
            return Err(RunError::MissingRow(row));
        }
        let x0 = self.propose(logits, &read)?;
        let edits = sampler::step(&self.sampler, &self.canvas, &x0, &self.clock, &self.draws);
        let step = self.clock.step;
        self.canvas.apply(&edits, step)?;
        self.nfe += usize::from(!logits.rows().is_empty());
        self.remember(&x0, &edits);
        self.clock.step += 1;
        self.clock.window_step += 1;
        self.enter_window();
        Ok(self.report(step, edits))
    }

    /// Takes in logits without making a step, so that there are guesses; counts as a pass.
    pub fn observe(&mut self, logits: &Logits) -> Result<Vec<Guess>, RunError> {
        let x0 = self.propose(logits, &[])?;
        self.nfe += usize::from(!logits.rows().is_empty());
        self.remember(&x0, &[]);
        Ok(self.guesses())
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
            runners_up: guess.runners_up.clone(),
        };
        let edits: Vec<Edit> = guesses.map(write).collect();
        self.canvas.apply(&edits, step)?;
        self.remember(&Proposals::new(), &edits);
        self.clock.step += 1;
        self.enter_window();
        Ok(self.report(step, edits))
    }

    /// Lets the user act on the canvas between steps (pin, mask again, forbid). The plan grows by the masks added.
    pub fn revise<R>(&mut self, act: impl FnOnce(&mut Canvas) -> R) -> R {
        let before = self.canvas.masks_left();
        let answer = act(&mut self.canvas);
        let added = self.canvas.masks_left().saturating_sub(before);
        let canvas = &self.canvas;
        let stands = |guess: &Guess| {
            let allowed = canvas.limit(guess.position).is_some_and(|limit| limit.allows(guess.token));
            canvas.kind(guess.position) == Kind::Masked && allowed
        };
        self.guesses.retain(|_, guess| stands(guess));
        let was = self.window;
        self.enter_window();
        if was == self.window && self.sampler.schedule.steps == Steps::PerMask {
            self.clock.window_steps += added;
        }
        answer
    }

    /// The guesses for positions still masked, ascending.
    pub fn guesses(&self) -> Vec<Guess> {
        self.guesses.values().cloned().collect()
    }

    /// Looks which block is the first with a mask, and plans it if it is another one than before.
    fn enter_window(&mut self) {
        let masks = self.sampler.window.masks(&self.canvas);
        let window = masks.iter().position(|&masks| masks > 0);
        if window != self.window {
            self.window = window;
            let size = window.map_or(0, |block| masks[block]);
            self.clock.window_step = 0;
            self.clock.window_size = size;
            self.clock.window_steps = self.sampler.schedule.planned(size, self.windows);
        }
    }

    /// Proposals for the positions read and for all masked ones whose row is there.
    fn propose(&mut self, logits: &Logits, read: &[usize]) -> Result<Proposals, RunError> {
        let (found, expected) = (logits.vocab(), self.vocabulary.size());
        if !logits.rows().is_empty() && found != expected {
            return Err(RunError::Width { found, expected });
        }
        let mut positions: Vec<usize> = self.canvas.masked().chain(read.iter().copied()).collect();
        positions.sort_unstable();
        positions.dedup();
        let mut proposals = Proposals::new();
        for position in positions {
            if let Some(raw) = logits.row(row_of(position, self.shift)) {
                let proposal = self.propose_at(position, raw);
                proposals.insert(position, proposal);
            }
        }
        Ok(proposals)
    }

    fn propose_at(&mut self, position: usize, raw: &[f32]) -> Proposal {
        let limit = self.canvas.limit(position);
        self.row.load(raw, &self.vocabulary, limit);
        let masked = self.canvas.kind(position) == Kind::Masked;
        let in_place = self.canvas.ids().get(position).copied().filter(|_| !masked);
        let key = DrawKey { purpose: Purpose::Token, step: self.clock.step, position, index: 0 };
        let propose = self.sampler.propose;
        let uniform = if propose.temperature > 0.0 { self.draws.uniform(key) } else { 0.0 };
        propose.propose(&self.row, Fallback { vocabulary: &self.vocabulary, limit }, in_place, uniform)
    }

    fn remember(&mut self, x0: &Proposals, edits: &[Edit]) {
        if edits.iter().any(|edit| matches!(edit.act, EditAct::Insert { .. } | EditAct::Delete)) {
            self.guesses.clear();
            return;
        }
        let canvas = &self.canvas;
        for (&position, proposal) in x0 {
            let token = proposal.top.first().map_or(proposal.token, |&(token, _)| token);
            let (probability, runners_up) = (proposal.max_probability(), proposal.runners_up(token));
            self.guesses.insert(position, Guess { position, token, probability, runners_up });
        }
        self.guesses.retain(|&position, _| canvas.kind(position) == Kind::Masked);
    }

    fn rows_of(&self, positions: Vec<usize>) -> Vec<usize> {
        let mut rows: Vec<usize> = positions.into_iter().map(|position| row_of(position, self.shift)).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    fn report(&self, step: usize, edits: Vec<Edit>) -> StepReport {
        let masks_left = self.canvas.masks_left();
        StepReport { step, edits, guesses: self.guesses(), masks_left, nfe: self.nfe, done: masks_left == 0 }
    }
}

#[cfg(test)]
mod tests;
