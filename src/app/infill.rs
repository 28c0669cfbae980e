//! The state machine of a run: idle, waiting for the model, running, in review.
//!
//! A [`Session`] lasts from the key that starts a run until its proposals are accepted or dropped. It knows its holes by
//! name only: where they are is the document's business, so edits elsewhere need nothing from here. The cells of a
//! run or proposal lie over the holes on the screen and are never in the text.
//! Invariant: a session has a run, or at least one proposal, or both.

pub(crate) mod origin;
pub mod overlay;
pub(crate) mod request;

use std::sync::Arc;

use crate::app::infill::overlay::HoleCells;
use crate::engine::protocol::{Frame, HoleId, JobId, Resume, RunOptions, Verb};

/// As many proposals are kept for one set of holes; the oldest goes first.
pub const MAX_PROPOSALS: usize = 16;

/// Where the state machine stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Nothing is going on.
    Idle,
    /// A run starts as soon as the model is there.
    Waiting,
    /// The engine is at work.
    Running,
    /// Proposals wait for a decision.
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

/// One task: these holes, this verb, the run going on and the proposals so far.
#[derive(Debug)]
pub struct Session {
    pub(crate) verb: Verb,
    pub(crate) holes: Vec<HoleId>,
    pub(crate) run: Option<Run>,
    pub(crate) proposals: Vec<Proposal>,
    pub(crate) current: usize,
    /// What typing inside holes has made of them, in order.
    splits: Vec<Split>,
}

/// A hole that was split by typing before its cell `cell`.
#[derive(Debug, Clone, Copy)]
struct Split {
    whole: HoleId,
    cell: usize,
    sides: [Option<HoleId>; 2],
}

/// A run that was asked for.
#[derive(Debug)]
pub struct Run {
    pub(crate) job: JobId,
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
}

/// The document as the engine knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) revision: u64,
    pub(crate) holes: Vec<HoleId>,
}

/// The result of one run, waiting for a decision.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// Its cells, hole by hole in document order.
    pub holes: Vec<HoleCells>,
    /// How it was made.
    pub options: RunOptions,
    /// The tag of the undo step, such as `fill · lacuna-135m · eb · seed 4821`.
    pub origin: String,
    /// Forward passes it took.
    pub nfe: usize,
    /// Seconds of computing it took.
    pub seconds: f64,
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

    /// The proposal on the screen.
    pub fn proposal(&self) -> Option<&Proposal> {
        match &self.session {
            Some(session) if session.run.is_none() => session.proposals.get(session.current),
            _ => None,
        }
    }

    /// The cells that lie over the document, in document order.
    pub fn overlay(&self) -> &[HoleCells] {
        match &self.session {
            Some(Session { run: Some(run), .. }) => &run.cells,
            Some(session) => session.proposals.get(session.current).map_or(&[], |proposal| &proposal.holes),
            None => &[],
        }
    }

    /// The cells over one hole.
    pub fn cells_of(&self, id: HoleId) -> Option<&HoleCells> {
        self.overlay().iter().find(|cells| cells.id == id)
    }

    /// Begins a task with its first run.
    pub(crate) fn begin(&mut self, verb: Verb, holes: Vec<HoleId>, options: RunOptions) {
        let run = Run::new(self.new_job(), options, Vec::new());
        self.session =
            Some(Session { verb, holes, run: Some(run), proposals: Vec::new(), current: 0, splits: Vec::new() });
    }

    /// Runs the task again. What is on the screen stays there as masks until the first frame, so that nothing jumps.
    pub(crate) fn again(&mut self, options: RunOptions) {
        let shown: Vec<HoleCells> = self.overlay().iter().map(HoleCells::masked).collect();
        let job = self.new_job();
        if let Some(session) = &mut self.session {
            session.run = Some(Run::new(job, options, shown));
        }
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
        run.or(self.proposals.last().map(|proposal| &proposal.options))?.instruction.as_deref()
    }

    /// The holes, in document order.
    pub fn holes(&self) -> &[HoleId] {
        &self.holes
    }

    /// Number of proposals, and which of them is shown.
    pub fn proposals(&self) -> (usize, usize) {
        (self.proposals.len(), self.current)
    }

    /// Puts a proposal behind the others and shows it.
    pub(crate) fn propose(&mut self, proposal: Proposal) {
        self.run = None;
        self.proposals.push(proposal);
        if self.proposals.len() > MAX_PROPOSALS {
            self.proposals.remove(0);
        }
        self.current = self.proposals.len() - 1;
    }

    /// A hole was split by typing before its cell `cell`; a side without cells is no hole.
    pub(crate) fn split(&mut self, id: HoleId, cell: usize, left: Option<HoleId>, right: Option<HoleId>) {
        self.splits.push(Split { whole: id, cell, sides: [left, right] });
        self.divide(id, cell, [left, right]);
    }

    fn divide(&mut self, id: HoleId, cell: usize, [left, right]: [Option<HoleId>; 2]) {
        let sides: Vec<HoleId> = left.into_iter().chain(right).collect();
        let Some(at) = self.holes.iter().position(|&hole| hole == id) else { return };
        self.holes.splice(at..=at, sides);
        let shown = self.shown_len(id);
        if let Some(run) = &mut self.run {
            if run.known {
                let n = shown.unwrap_or(cell);
                run.resumes.extend(left.map(|hole| (hole, Resume { from: id, cells: 0..cell })));
                run.resumes.extend(right.map(|hole| (hole, Resume { from: id, cells: cell..n })));
            }
            overlay::split(&mut run.cells, id, (cell, shown.unwrap_or(cell)), [left, right]);
        }
        for proposal in &mut self.proposals {
            overlay::split(&mut proposal.holes, id, (cell, shown.unwrap_or(cell)), [left, right]);
        }
    }

    fn shown_len(&self, id: HoleId) -> Option<usize> {
        let cells = match &self.run {
            Some(run) => &run.cells,
            None => &self.proposals.get(self.current)?.holes,
        };
        Some(cells.iter().find(|cells| cells.id == id)?.cells.len())
    }

    /// Follows undo and deletion through the splits: halves whose whole is back, or one of which was taken in by the other,
    /// become one hole again, and a whole that redo has split is divided again.
    pub(crate) fn follow_splits(&mut self, alive: impl Fn(HoleId) -> bool) {
        for split in self.splits.clone().into_iter().rev() {
            let here: Vec<HoleId> =
                split.sides.into_iter().flatten().filter(|side| self.holes.contains(side)).collect();
            let left_over: Vec<HoleId> = here.iter().copied().filter(|side| alive(*side)).collect();
            match left_over.as_slice() {
                [] if !here.is_empty() && alive(split.whole) => self.join(&here, split.whole),
                [one] if here.len() == 2 => self.join(&here, *one),
                _ => {}
            }
        }
        for Split { whole, cell, sides } in self.splits.clone() {
            let sides = sides.map(|side| side.filter(|id| alive(*id)));
            if !alive(whole) && self.holes.contains(&whole) && sides.iter().any(Option::is_some) {
                self.divide(whole, cell, sides);
            }
        }
    }

    fn join(&mut self, sides: &[HoleId], into: HoleId) {
        let Some(at) = self.holes.iter().position(|hole| sides.contains(hole)) else { return };
        self.holes.retain(|hole| !sides.contains(hole));
        self.holes.insert(at, into);
        if let Some(run) = &mut self.run {
            // The engine can go on from the cells of one hole only: from the half with more of them.
            let longest =
                run.cells.iter().filter(|cells| sides.contains(&cells.id)).max_by_key(|hole| hole.cells.len());
            let resume = longest.map(|hole| (into, Resume { from: hole.id, cells: 0..hole.cells.len() }));
            run.resumes.retain(|(hole, _)| !sides.contains(hole));
            run.resumes.extend(resume.filter(|_| run.known));
            overlay::join(&mut run.cells, sides, into);
        }
        for proposal in &mut self.proposals {
            overlay::join(&mut proposal.holes, sides, into);
        }
    }

    /// Forgets holes that the document has lost. Whether any was.
    pub(crate) fn retain(&mut self, alive: impl Fn(HoleId) -> bool) -> bool {
        let before = self.holes.len();
        self.holes.retain(|&id| alive(id));
        let lists = self.run.iter_mut().map(|run| &mut run.cells);
        for cells in lists.chain(self.proposals.iter_mut().map(|proposal| &mut proposal.holes)) {
            cells.retain(|hole| alive(hole.id));
        }
        self.holes.len() < before
    }
}

impl Run {
    fn new(job: JobId, options: RunOptions, cells: Vec<HoleCells>) -> Self {
        Self {
            job,
            options,
            told: None,
            frame: None,
            cells,
            known: false,
            resumes: Vec::new(),
            paused: false,
            keeping: false,
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
        if let Some(cells) = overlay::of_frame(&frame, holes, &self.cells) {
            self.known = cells.iter().any(|hole| !hole.cells.is_empty());
            if self.known {
                self.cells = cells;
            }
        }
        self.frame = Some(frame);
    }
}
