//! The state machine of a run: idle, waiting for the model, running, in review.
//!
//! A [`Session`] lasts from the key that starts a run until one of its branches is accepted or all are dropped. It knows its
//! holes by name only: where they are is the document's business, so edits elsewhere need nothing from here. The cells of a
//! run, a branch or an earlier step of one lie over the holes on the screen and are never in the text.
//! Invariant: a session has a run, or at least one branch, or both.

pub mod branch;
pub(crate) mod demands;
pub mod overlay;
pub(crate) mod request;
pub mod scrub;
mod splits;
pub mod timeline;

use std::sync::Arc;

use crate::app::infill::branch::{Branch, BranchId, MAX_BRANCHES, Node};
use crate::app::infill::overlay::HoleCells;
use crate::app::infill::scrub::Scrub;
use crate::app::infill::splits::Split;
use crate::app::infill::timeline::Timeline;
use crate::app::lab::Lab;
use crate::engine::protocol::{Frame, HoleId, JobId, Resume, RunOptions, Verb};

/// Where the state machine stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Nothing is going on.
    Idle,
    /// A run starts as soon as the model is there.
    Waiting,
    /// The engine is at work.
    Running,
    /// Branches wait for a decision.
    Review,
}

/// The infill machinery of the one document.
#[derive(Debug, Default)]
pub struct Infill {
    session: Option<Session>,
    last_job: u64,
    /// Runs started, the counter that seeds are derived from.
    runs: u64,
    /// The seed that the user typed for the next run.
    next_seed: Option<u64>,
    /// Holes whose text was accepted: they are filled again only when asked for by name.
    accepted: Vec<u64>,
}

/// One task: these holes, this verb, the run going on and the branches so far.
#[derive(Debug)]
pub struct Session {
    pub(crate) verb: Verb,
    pub(crate) holes: Vec<HoleId>,
    pub(crate) run: Option<Run>,
    pub(crate) branches: Vec<Branch>,
    /// Which of the branches is shown while no run goes on.
    pub(crate) current: usize,
    /// The earlier step that is shown, and whether the steps are played.
    pub(crate) scrub: Scrub,
    /// Branches so far, those that are gone among them.
    counted: u32,
    /// It was said that the oldest steps are dropped.
    pub(crate) told_of_bound: bool,
    /// So many more runs are to be made once the one going on is over.
    pub(crate) more: usize,
    /// The comparison that the run going on is part of.
    pub(crate) lab: Option<Lab>,
    /// What typing inside holes has made of them, in order.
    splits: Vec<Split>,
}

/// A run that was asked for.
#[derive(Debug)]
pub struct Run {
    pub(crate) job: JobId,
    /// Where its branch will belong.
    pub(crate) node: Node,
    pub(crate) options: RunOptions,
    /// What the engine was told last; `None` while it waits for the model.
    pub(crate) told: Option<Told>,
    pub(crate) frame: Option<Arc<Frame>>,
    pub(crate) cells: Vec<HoleCells>,
    /// Whether `cells` are the engine's, not place holders from before.
    pub(crate) known: bool,
    /// What the engine does not know yet of holes made by typing inside one.
    pub(crate) resumes: Vec<(HoleId, Resume)>,
    pub(crate) paused: bool,
    /// The engine was told to stop and keep.
    pub(crate) keeping: bool,
    /// Its steps.
    pub(crate) timeline: Timeline,
}

/// The document as the engine knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) revision: u64,
    pub(crate) holes: Vec<HoleId>,
}

impl Infill {
    /// Jobs and runs are counted for all documents together.
    pub(crate) fn count_on_from(&mut self, other: &Infill) {
        self.last_job = self.last_job.max(other.last_job);
        self.runs = self.runs.max(other.runs);
    }

    /// Whether the hole's text is a proposal that was accepted.
    pub fn is_accepted(&self, hole: u64) -> bool {
        self.accepted.contains(&hole)
    }

    /// The hole's text is now a proposal that was accepted.
    pub(crate) fn mark_accepted(&mut self, hole: u64) {
        self.accepted.push(hole);
    }

    /// Where it stands.
    pub fn stage(&self) -> Stage {
        match &self.session {
            None => Stage::Idle,
            Some(Session { run: Some(run), .. }) if run.told.is_none() => Stage::Waiting,
            Some(Session { run: Some(_), .. }) => Stage::Running,
            Some(_) => Stage::Review,
        }
    }

    /// The task at hand.
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    pub(crate) fn session_mut(&mut self) -> Option<&mut Session> {
        self.session.as_mut()
    }

    /// The run going on.
    pub fn run(&self) -> Option<&Run> {
        self.session.as_ref()?.run.as_ref()
    }

    pub(crate) fn run_mut(&mut self) -> Option<&mut Run> {
        self.session.as_mut()?.run.as_mut()
    }

    /// The branch that is to be decided about, while no run goes on.
    pub fn branch(&self) -> Option<&Branch> {
        match &self.session {
            Some(session) if session.run.is_none() => session.branches.get(session.current),
            _ => None,
        }
    }

    /// Whether a branch is shown as it came out, not an earlier step of it.
    pub fn is_settled(&self) -> bool {
        self.branch().is_some() && self.session.as_ref().is_some_and(|session| session.scrub.shown().is_none())
    }

    /// The cells that lie over the document, in document order.
    pub fn overlay(&self) -> &[HoleCells] {
        let Some(session) = &self.session else { return &[] };
        match (session.scrub.shown(), &session.run) {
            (Some(shown), _) => &shown.cells,
            (None, Some(run)) => &run.cells,
            (None, None) => session.branches.get(session.current).map_or(&[], |branch| &branch.holes),
        }
    }

    /// The cells over one hole.
    pub fn cells_of(&self, id: HoleId) -> Option<&HoleCells> {
        self.overlay().iter().find(|cells| cells.id == id)
    }

    /// Begins a task with its first run.
    pub(crate) fn begin(&mut self, verb: Verb, holes: Vec<HoleId>, options: RunOptions) {
        let job = self.new_job();
        let mut session = Session {
            verb,
            holes,
            run: None,
            branches: Vec::new(),
            current: 0,
            scrub: Scrub::default(),
            counted: 0,
            told_of_bound: false,
            more: 0,
            lab: None,
            splits: Vec::new(),
        };
        let node = session.new_node(None);
        session.run = Some(Run::new(job, node, options, Vec::new()));
        self.session = Some(session);
    }

    /// Runs the task again. What is on the screen stays there as masks until the first frame, so that nothing jumps.
    pub(crate) fn again(&mut self, options: RunOptions) {
        let shown: Vec<HoleCells> = self.overlay().iter().map(HoleCells::masked).collect();
        let job = self.new_job();
        if let Some(session) = &mut self.session {
            session.run = None;
            let node = session.new_node(None);
            session.scrub.leave();
            session.run = Some(Run::new(job, node, options, shown));
        }
    }

    /// Runs on from a step of a branch, of which the timeline up to there is given; its cells stay on the screen. The engine
    /// is told.
    pub(crate) fn run_on(
        &mut self,
        from: (BranchId, usize),
        options: RunOptions,
        told: Told,
        (timeline, shown): (Timeline, Vec<HoleCells>),
    ) -> JobId {
        let job = self.new_job();
        if let Some(session) = &mut self.session {
            let node = session.new_node(Some(from));
            session.scrub.leave();
            let run = Run::new(job, node, options, shown);
            session.run = Some(Run { told: Some(told), known: true, timeline, ..run });
        }
        job
    }

    /// Forgets the task.
    pub(crate) fn end(&mut self) -> Option<Session> {
        self.session.take()
    }

    /// The seed for the run that is about to start.
    pub(crate) fn take_seed(&mut self, settings_seed: u64) -> u64 {
        let number = self.runs;
        self.runs += 1;
        self.next_seed.take().unwrap_or_else(|| crate::app::settings::seed_of_run(settings_seed, number))
    }

    /// The next run takes this seed.
    pub(crate) fn set_next_seed(&mut self, seed: u64) {
        self.next_seed = Some(seed);
    }

    fn new_job(&mut self) -> JobId {
        self.last_job += 1;
        JobId(self.last_job)
    }
}

impl Session {
    /// What the holes are subjected to.
    pub fn verb(&self) -> Verb {
        self.verb
    }

    /// What the model was told to write, where it was told.
    pub fn instruction(&self) -> Option<&str> {
        let run = self.run.as_ref().map(|run| &run.options);
        run.or(self.branches.last().map(|branch| &branch.options))?.instruction.as_deref()
    }

    /// The holes, in document order.
    pub fn holes(&self) -> &[HoleId] {
        &self.holes
    }

    /// The branches, in the order in which they came.
    pub fn branches(&self) -> &[Branch] {
        &self.branches
    }

    /// Which of them is shown while no run goes on.
    pub fn current(&self) -> usize {
        self.current
    }

    /// The branches in the order of the tree, as indices with their depths.
    pub fn walk(&self) -> Vec<(usize, usize)> {
        branch::walk(&self.branches)
    }

    /// What names the run going on, or the branch that is shown.
    pub fn node(&self) -> Option<&Node> {
        let branch = || self.branches.get(self.current).map(|branch| &branch.node);
        self.run.as_ref().map(|run| &run.node).or_else(branch)
    }

    /// The steps of the run going on, or of the branch that is shown.
    pub fn timeline(&self) -> Option<&Timeline> {
        let branch = || self.branches.get(self.current).map(|branch| &branch.timeline);
        self.run.as_ref().map(|run| &run.timeline).or_else(branch)
    }

    pub(crate) fn new_node(&mut self, from: Option<(BranchId, usize)>) -> Node {
        let id = BranchId(self.counted);
        self.counted += 1;
        let running = self.run.as_ref().map(|run| &run.node);
        let nodes = self.branches.iter().map(|branch| &branch.node).chain(running);
        let parent = from.and_then(|(id, _)| nodes.clone().find(|node| node.id == id));
        let name = branch::next_name(parent, nodes.clone());
        Node { id, name, from }
    }

    /// Puts a branch behind the others and shows it, in the place of the run.
    pub(crate) fn propose(&mut self, branch: Branch) {
        self.run = None;
        self.scrub.leave();
        self.branches.push(branch);
        if self.branches.len() > MAX_BRANCHES {
            self.branches.remove(0);
        }
        self.current = self.branches.len() - 1;
    }

    /// The run is over without a result: what it went on from is shown again.
    pub(crate) fn drop_run(&mut self) {
        let from = self.run.take().and_then(|run| run.node.from);
        self.scrub.leave();
        if let Some(at) = from.and_then(|(id, _)| self.branches.iter().position(|branch| branch.node.id == id)) {
            self.current = at;
        }
    }
}

impl Run {
    fn new(job: JobId, node: Node, options: RunOptions, cells: Vec<HoleCells>) -> Self {
        Self {
            job,
            node,
            options,
            told: None,
            frame: None,
            cells,
            known: false,
            resumes: Vec::new(),
            paused: false,
            keeping: false,
            timeline: Timeline::default(),
        }
    }

    /// The newest frame.
    pub fn frame(&self) -> Option<&Frame> {
        self.frame.as_deref()
    }

    /// How it is made.
    pub fn options(&self) -> &RunOptions {
        &self.options
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Whether it was told to stop and keep what there is.
    pub fn is_keeping(&self) -> bool {
        self.keeping
    }

    /// Takes a frame in. Its cells count only if it knows every hole: else it was made before the last rebase.
    pub(crate) fn take_frame(&mut self, frame: Arc<Frame>, holes: &[HoleId]) {
        self.timeline.take(&frame);
        if let Some(cells) = overlay::of_frame(&frame, holes, &self.cells) {
            self.known = cells.iter().any(|hole| !hole.cells.is_empty());
            if self.known {
                self.cells = cells;
            }
        }
        self.frame = Some(frame);
    }
}
