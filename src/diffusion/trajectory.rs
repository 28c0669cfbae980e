//! A run as it happened: everything needed to show any step again, to go on from it with another seed, pins or bans, and to
//! export it.
//!
//! What is kept is the first canvas, each step's edits, what the user did between steps, and where in its plan the run
//! was. Some whole canvases are kept on the way, so that going to a step is short. Plain data; JSON is made above.
//! Bound: at most [`MOST_STATES`] canvases (every second one goes when there are more), all edits, and the runners-up of
//! the last [`MOST_RUNNERS_UP`] of them. Limit: what a run remembers for `drift`, `remasks`, `credit` and its frontier
//! is not kept; a branch begins to gather it anew.

use std::collections::BTreeMap;

use crate::diffusion::TokenId;
use crate::diffusion::canvas::{Canvas, Edit, EditError};
use crate::diffusion::rng::Draw;
use crate::diffusion::run::{Mark, Run, StepReport};

/// How many whole canvases are kept.
pub const MOST_STATES: usize = 64;
/// How many edits keep what else was considered.
pub const MOST_RUNNERS_UP: usize = 1 << 16;

/// What a user did to the canvas between two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserAct {
    /// [`Canvas::pin`].
    Pin(usize),
    /// [`Canvas::pin_as`].
    PinAs(usize, TokenId),
    /// [`Canvas::mask_again`].
    MaskAgain(usize),
    /// [`Canvas::forbid`].
    Forbid(usize, TokenId),
}

impl UserAct {
    /// Does it.
    ///
    /// # Errors
    /// The canvas refuses it.
    pub fn apply(self, canvas: &mut Canvas) -> Result<(), EditError> {
        match self {
            UserAct::Pin(position) => canvas.pin(position),
            UserAct::PinAs(position, token) => canvas.pin_as(position, token),
            UserAct::MaskAgain(position) => canvas.mask_again(position),
            UserAct::Forbid(position, token) => canvas.forbid(position, token),
        }
    }
}

/// One step of a trajectory.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// What the user did before the step.
    pub acts: Vec<UserAct>,
    /// What the step did.
    pub edits: Vec<Edit>,
    /// Where in its plan the run was after it.
    pub mark: Mark,
}

/// A run as it happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Trajectory {
    spec: String,
    seed: u64,
    first: Canvas,
    start: Mark,
    moments: Vec<Moment>,
    acts: Vec<UserAct>,
    /// Canvases after so many steps.
    states: BTreeMap<usize, Canvas>,
    stride: usize,
    newest: Canvas,
    edits: usize,
    /// The first step whose edits have their runners-up.
    considered: usize,
}

impl Trajectory {
    /// Begins with a run that has made no step; `spec` and `seed` are what it was made of.
    pub fn new<D: Draw>(run: &Run<D>, spec: &str, seed: u64) -> Self {
        Self {
            spec: spec.to_owned(),
            seed,
            first: run.canvas().clone(),
            start: run.mark(),
            moments: Vec::new(),
            acts: Vec::new(),
            states: BTreeMap::new(),
            stride: 1,
            newest: run.canvas().clone(),
            edits: 0,
            considered: 0,
        }
    }

    /// The sampler's specification.
    pub fn spec(&self) -> &str {
        &self.spec
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The canvas before the first step.
    pub fn first(&self) -> &Canvas {
        &self.first
    }

    /// The steps, in order.
    pub fn moments(&self) -> &[Moment] {
        &self.moments
    }

    /// Takes note of what the user does now, and does it to the run.
    ///
    /// # Errors
    /// The canvas refuses it; nothing is noted then.
    pub fn act<D: Draw>(&mut self, run: &mut Run<D>, act: UserAct) -> Result<(), EditError> {
        run.revise(|canvas| act.apply(canvas))?;
        act.apply(&mut self.newest)?;
        self.acts.push(act);
        Ok(())
    }

    /// Takes note of a step that the run has made.
    ///
    /// # Errors
    /// The edits do not fit the canvas that the trajectory has come to: another run's step.
    pub fn record<D: Draw>(&mut self, run: &Run<D>, report: &StepReport) -> Result<(), EditError> {
        self.newest.apply(&report.edits, report.step)?;
        let acts = std::mem::take(&mut self.acts);
        self.edits += report.edits.len();
        self.moments.push(Moment { acts, edits: report.edits.clone(), mark: run.mark() });
        if self.moments.len().is_multiple_of(self.stride) {
            self.states.insert(self.moments.len(), self.newest.clone());
        }
        self.thin();
        Ok(())
    }

    /// Keeps within the bounds.
    fn thin(&mut self) {
        if self.states.len() > MOST_STATES {
            self.stride *= 2;
            let stride = self.stride;
            self.states.retain(|step, _| step.is_multiple_of(stride));
        }
        while self.edits > MOST_RUNNERS_UP {
            let Some(moment) = self.moments.get_mut(self.considered) else { break };
            self.edits -= moment.edits.len();
            for edit in &mut moment.edits {
                edit.runners_up = Vec::new();
            }
            self.considered += 1;
        }
    }

    /// The canvas after so many steps; after the last one if there are fewer.
    ///
    /// # Errors
    /// None that a trajectory recorded as it is meant to can have.
    pub fn canvas_at(&self, steps: usize) -> Result<Canvas, EditError> {
        let (from, start) = self.states.range(..=steps).next_back().unwrap_or((&0, &self.first));
        let mut canvas = start.clone();
        for (step, moment) in self.moments.iter().enumerate().take(steps).skip(*from) {
            for act in &moment.acts {
                act.apply(&mut canvas)?;
            }
            let step = self.moments[..step].last().map_or(self.start, |before| before.mark).step();
            canvas.apply(&moment.edits, step)?;
        }
        Ok(canvas)
    }

    /// Goes on from after so many steps: `run` is a run of the same sampler on [`Trajectory::canvas_at`] that step, with a
    /// seed, pins and bans of its own.
    #[must_use]
    pub fn branch<D: Draw>(&self, run: Run<D>, steps: usize) -> Run<D> {
        let mark =
            steps.checked_sub(1).and_then(|last| self.moments.get(last)).map_or(self.start, |moment| moment.mark);
        run.resume(mark)
    }
}

#[cfg(test)]
mod tests;
