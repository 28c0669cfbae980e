//! The steps of a job as they happened, kept so that another job can go on from any of them.
//!
//! A job is made of stretches: one begins with each run of the sampler, and when the document changes under it. Each has
//! the prompt that it was made with and a [`Trajectory`]. A stretch without steps is replaced by the next. Bound: the last
//! [`MOST_STRETCHES`]; [`History`] keeps the trails of the last jobs within what the protocol says.

use std::collections::VecDeque;
use std::sync::Arc;

use super::settle::Settling;
use super::{Job, Stage};
use crate::diffusion::TokenId;
use crate::diffusion::canvas::{Canvas, Edit, UserAct};
use crate::diffusion::run::{Mark, Run, StepReport};
use crate::diffusion::trajectory::Trajectory;
use crate::engine::prompt::Prompt;
use crate::engine::protocol::{JobId, KEPT_BYTES, KEPT_JOBS, RunOptions, Verb};

/// Typing beside a run makes a stretch for every change.
const MOST_STRETCHES: usize = 16;

/// Steps made on one prompt with one run.
#[derive(Clone)]
pub(super) struct Stretch {
    /// Steps of the job before it.
    pub(super) base: usize,
    pub(super) prompt: Prompt,
    pub(super) options: RunOptions,
    pub(super) settling: Settling,
    /// What a refinement compares with.
    pub(super) old_ids: Vec<TokenId>,
    pub(super) old_log_probabilities: Vec<Option<f64>>,
    /// Tokens that the user does not want anywhere.
    pub(super) unwanted: Vec<TokenId>,
    pub(super) trajectory: Trajectory,
}

impl Stretch {
    fn bytes(&self) -> usize {
        self.trajectory.bytes() + self.prompt.bytes() + self.settling.bytes() + self.old_ids.len() * 24
    }
}

/// The steps of one job.
#[derive(Clone)]
pub(crate) struct Trail {
    pub(super) verb: Verb,
    stretches: VecDeque<Stretch>,
    /// Whether the last stretch is of the run that goes on.
    open: bool,
}

impl Trail {
    pub(super) fn new(verb: Verb) -> Self {
        Self { verb, stretches: VecDeque::new(), open: false }
    }

    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// The run that went on is over, or is another from now on.
    pub(super) fn close(&mut self) {
        self.open = false;
    }

    pub(super) fn begin(&mut self, stretch: Stretch) {
        self.stretches.retain(|before| !before.trajectory.moments().is_empty());
        self.stretches.push_back(stretch);
        if self.stretches.len() > MOST_STRETCHES {
            self.stretches.pop_front();
        }
        self.open = true;
    }

    pub(super) fn record(&mut self, run: &Run, report: &StepReport) {
        self.note(|trajectory| trajectory.record(run, report));
    }

    /// Edits that no run made, but that led to a canvas.
    pub(super) fn record_edits(&mut self, after: &Canvas, edits: Vec<Edit>) {
        self.note(|trajectory| {
            let mark = trajectory.mark_at(usize::MAX);
            trajectory.record_edits(after, edits, (mark.step(), mark))
        });
    }

    pub(super) fn act(&mut self, acts: Vec<UserAct>) {
        self.note(|trajectory| trajectory.act(acts));
    }

    fn note<E>(&mut self, note: impl FnOnce(&mut Trajectory) -> Result<(), E>) {
        let Some(stretch) = self.stretches.back_mut().filter(|_| self.open) else { return };
        if note(&mut stretch.trajectory).is_err() {
            // A trail that is not what happened is worse than none.
            debug_assert!(false, "a step does not fit the trail");
            self.stretches.pop_back();
            self.open = false;
        }
    }

    /// The stretch that has the job's step `step`, and how many of its own steps that is; the later of two that meet there.
    pub(super) fn at(&self, step: usize) -> Option<(&Stretch, usize)> {
        let stretch = self.stretches.iter().rev().find(|stretch| stretch.base <= step)?;
        let made = step - stretch.base;
        (made <= stretch.trajectory.moments().len()).then_some((stretch, made))
    }

    fn bytes(&self) -> usize {
        self.stretches.iter().map(Stretch::bytes).sum()
    }
}

/// Where the run of a stretch was in its plan.
impl Stretch {
    pub(super) fn mark_at(&self, made: usize) -> Mark {
        self.trajectory.mark_at(made)
    }
}

impl Job {
    /// Keeps the steps of the run that goes on from here on, if they are not kept yet.
    pub(super) fn open_trail(&mut self) {
        let Stage::Denoising(run) = &self.stage else { return };
        if self.trail.is_open() {
            return;
        }
        self.trail.begin(Stretch {
            base: self.steps,
            prompt: self.prompt.clone(),
            options: self.options.clone(),
            settling: self.settling.clone(),
            old_ids: self.picture.old_ids.clone(),
            old_log_probabilities: self.picture.old_log_probabilities.clone(),
            unwanted: self.unwanted.clone(),
            trajectory: Trajectory::new(run, &self.options.sampler, self.options.seed),
        });
    }

    /// The steps so far.
    pub(crate) fn trail(&self) -> &Trail {
        &self.trail
    }

    /// The steps of a job that is over.
    pub(crate) fn into_trail(self) -> Trail {
        self.trail
    }

    /// The network has read something else meanwhile: what it remembers of rows is not this job's.
    pub(crate) fn forget_rows(&mut self) {
        match &mut self.stage {
            Stage::Denoising(run) => run.forget_rows(),
            Stage::Weighing(weighing) => weighing.run.forget_rows(),
            Stage::Trying(trial) => trial.forget_rows(),
            Stage::Beside(beside) => beside.forget_rows(),
            _ => {}
        }
    }
}

/// The trails of the last jobs.
#[derive(Default)]
pub(crate) struct History {
    trails: VecDeque<(JobId, Arc<Trail>)>,
}

impl History {
    /// Keeps the trail of a job that is over.
    pub(crate) fn keep(&mut self, job: JobId, trail: Trail) {
        self.trails.push_back((job, Arc::new(trail)));
        let bytes = |history: &Self| history.trails.iter().map(|(_, trail)| trail.bytes()).sum::<usize>();
        while self.trails.len() > KEPT_JOBS || self.trails.len() > 1 && bytes(self) > KEPT_BYTES {
            self.trails.pop_front();
        }
    }

    /// The trail of a job, if it is still kept.
    pub(crate) fn trail(&self, job: JobId) -> Option<Arc<Trail>> {
        self.trails.iter().rev().find(|(id, _)| *id == job).map(|(_, trail)| trail.clone())
    }
}
