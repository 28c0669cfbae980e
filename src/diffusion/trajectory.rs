//! A run as it happened: everything needed to show any step again, to go on from it with another seed, pins or bans, and to
//! export it.
//!
//! What is kept is the first canvas, each step's edits, what the user did between steps (a step of its own), and where in
//! its plan the run was. Some whole canvases are kept on the way, so that going to a step is short. Plain data; JSON is
//! made above. Bound: at most [`MOST_STATES`] canvases (every second one goes when there are more), all edits, and the
//! runners-up of the last [`MOST_RUNNERS_UP`] of them; [`Trajectory::bytes`] says what that comes to. Limit: what a run
//! remembers for `drift`, `remasks`, `credit` and its frontier is not kept; a branch begins to gather it anew.

use std::collections::BTreeMap;
use std::mem::size_of;

use crate::diffusion::TokenId;
use crate::diffusion::canvas::{Canvas, Edit, EditError, Kind, Limit, UserAct};
use crate::diffusion::rng::Draw;
use crate::diffusion::run::{Mark, Run, StepReport};

/// How many whole canvases are kept.
pub const MOST_STATES: usize = 64;
/// How many edits keep what else was considered.
pub const MOST_RUNNERS_UP: usize = 1 << 16;

/// One step of a trajectory: the user's, which has acts and no edits, or the run's.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// What the user did.
    pub acts: Vec<UserAct>,
    /// What the step did.
    pub edits: Vec<Edit>,
    /// Positions at which other tokens were forbidden after it than before, and all that were.
    pub bans: Vec<(usize, Vec<TokenId>)>,
    /// Where in its plan the run was after it.
    pub mark: Mark,
}

impl Moment {
    fn apply(&self, canvas: &mut Canvas, step: usize) -> Result<(), EditError> {
        self.acts.iter().try_for_each(|act| act.apply(canvas))?;
        canvas.apply(&self.edits, step)?;
        for (position, banned) in &self.bans {
            canvas.set_banned(*position, banned);
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        let edit = |edit: &Edit| size_of::<Edit>() + edit.runners_up.len() * size_of::<(TokenId, f32)>();
        let bans = self.bans.iter().map(|(_, banned)| size_of::<Vec<TokenId>>() + banned.len() * size_of::<TokenId>());
        size_of::<Self>()
            + self.acts.len() * size_of::<UserAct>()
            + self.edits.iter().map(edit).sum::<usize>()
            + bans.sum::<usize>()
    }
}

/// A run as it happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Trajectory {
    spec: String,
    seed: u64,
    first: Canvas,
    start: Mark,
    moments: Vec<Moment>,
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

    /// Takes note of what the user does now, as a step of its own. The run is to go on from [`Trajectory::newest`].
    ///
    /// # Errors
    /// The canvas refuses one of the acts; nothing is noted then.
    pub fn act(&mut self, acts: Vec<UserAct>) -> Result<(), EditError> {
        let mut canvas = self.newest.clone();
        acts.iter().try_for_each(|act| act.apply(&mut canvas))?;
        self.newest = canvas;
        let mark = self.mark_at(self.moments.len());
        self.push(Moment { acts, edits: Vec::new(), bans: Vec::new(), mark });
        Ok(())
    }

    /// Takes note of a step that the run has made.
    ///
    /// # Errors
    /// The edits do not fit the canvas that the trajectory has come to: another run's step.
    pub fn record<D: Draw>(&mut self, run: &Run<D>, report: &StepReport) -> Result<(), EditError> {
        self.record_edits(run.canvas(), report.edits.clone(), (report.step, run.mark()))
    }

    /// Takes note of edits that led to a canvas, made at a step of the run, which is then at a mark.
    ///
    /// # Errors
    /// The edits do not fit the canvas that the trajectory has come to.
    pub fn record_edits(
        &mut self,
        after: &Canvas,
        edits: Vec<Edit>,
        (step, mark): (usize, Mark),
    ) -> Result<(), EditError> {
        self.newest.apply(&edits, step)?;
        let banned = |canvas: &Canvas, position| canvas.limit(position).map_or_else(Vec::new, |at| at.banned.clone());
        let changed = |position: &usize| banned(after, *position) != banned(&self.newest, *position);
        let bans: Vec<_> = after.hole_positions().filter(changed).map(|at| (at, banned(after, at))).collect();
        for (position, banned) in &bans {
            self.newest.set_banned(*position, banned);
        }
        self.edits += edits.len();
        self.push(Moment { acts: Vec::new(), edits, bans, mark });
        Ok(())
    }

    fn push(&mut self, moment: Moment) {
        self.moments.push(moment);
        if self.moments.len().is_multiple_of(self.stride) {
            self.states.insert(self.moments.len(), self.newest.clone());
        }
        self.thin();
    }

    /// The canvas after the last step.
    pub fn newest(&self) -> &Canvas {
        &self.newest
    }

    /// About how much memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        let limits = |canvas: &Canvas| {
            let banned = |position| canvas.limit(position).map_or(0, |limit| limit.banned.len());
            (0..canvas.len()).map(banned).sum::<usize>() * size_of::<TokenId>()
        };
        let position = size_of::<TokenId>() + size_of::<Kind>() + size_of::<Limit>();
        let canvas = |canvas: &Canvas| canvas.len() * position + limits(canvas);
        let canvases = self.states.values().chain([&self.first, &self.newest]);
        canvases.map(canvas).sum::<usize>() + self.moments.iter().map(Moment::bytes).sum::<usize>()
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
            moment.apply(&mut canvas, self.mark_at(step).step())?;
        }
        Ok(canvas)
    }

    /// Where in its plan the run was after so many steps.
    pub fn mark_at(&self, steps: usize) -> Mark {
        self.moments[..steps.min(self.moments.len())].last().map_or(self.start, |moment| moment.mark)
    }

    /// Goes on from after so many steps: `run` is a run of the same sampler on [`Trajectory::canvas_at`] that step, with a
    /// seed, pins and bans of its own.
    #[must_use]
    pub fn branch<D: Draw>(&self, run: Run<D>, steps: usize) -> Run<D> {
        run.resume(self.mark_at(steps))
    }
}

#[cfg(test)]
mod tests;
