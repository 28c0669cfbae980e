//! Going through the steps of a run: which one is shown, and playing them.
//!
//! The newest step is shown unless an earlier one is asked for. While one is shown, its cells stand in boxes as wide as what
//! came to stand there, so that nothing on the page moves. Scrubbing is looking: the run and the document stay as they are.

use std::time::Duration;

use super::overlay::{self, HoleCells};
use super::{Session, splits};
use crate::engine::protocol::{Act, Branch as Request, HoleId, JobId, Part, Place, Question, Resume, RunOptions};

/// Steps a second.
pub const SPEEDS: [u32; 6] = [1, 2, 4, 8, 16, 32];

/// What is shown of a timeline.
#[derive(Debug)]
pub struct Scrub {
    shown: Option<Shown>,
    /// When the next step is due, while the steps are played.
    due: Option<Duration>,
    /// Which of [`SPEEDS`].
    speed: usize,
}

/// An earlier step that is shown.
#[derive(Debug)]
pub struct Shown {
    /// Which of the timeline's.
    pub at: usize,
    /// Its cells over the holes as they are now.
    pub cells: Vec<HoleCells>,
}

impl Default for Scrub {
    fn default() -> Self {
        Self { shown: None, due: None, speed: 3 }
    }
}

impl Scrub {
    /// The earlier step that is shown.
    pub fn shown(&self) -> Option<&Shown> {
        self.shown.as_ref()
    }

    /// When the next step is due, while the steps are played.
    pub fn due(&self) -> Option<Duration> {
        self.due
    }

    /// Steps a second.
    pub fn speed(&self) -> u32 {
        SPEEDS[self.speed]
    }

    /// Shows the newest step again.
    pub(crate) fn leave(&mut self) {
        (self.shown, self.due) = (None, None);
    }

    /// Stops playing.
    pub(crate) fn stop(&mut self) {
        self.due = None;
    }

    /// Faster or slower.
    pub(crate) fn change_speed(&mut self, by: isize) {
        self.speed = self.speed.saturating_add_signed(by).min(SPEEDS.len() - 1);
    }

    /// The next step is due one interval after `now`.
    pub(crate) fn play_on(&mut self, now: Duration) {
        self.due = Some(now + Duration::from_secs(1) / self.speed());
    }
}

impl Session {
    /// Which step of the timeline is shown, and how many there are.
    pub fn place(&self) -> Option<(usize, usize)> {
        let count = self.timeline()?.len();
        let newest = count.checked_sub(1)?;
        Some((self.scrub.shown().map_or(newest, |shown| shown.at), count))
    }

    /// Shows a step of the timeline; the last is what stands there anyhow. Whether it can be shown.
    pub(crate) fn show_step(&mut self, at: usize) -> bool {
        let Some((_, count)) = self.place() else { return false };
        if at >= count.saturating_sub(1) {
            self.scrub.shown = None;
            return true;
        }
        let Some(cells) = self.cells_at(at) else { return false };
        self.scrub.shown = Some(Shown { at, cells });
        true
    }

    /// Makes what is shown agree with the holes that there are now.
    pub(crate) fn refresh_shown(&mut self) {
        let Some(shown) = self.scrub.shown() else { return };
        let alike = shown.cells.iter().map(|cells| cells.id).eq(self.holes.iter().copied());
        if !alike {
            let at = shown.at;
            if !self.show_step(at) {
                self.scrub.leave();
            }
        }
    }

    /// The cells of a step over the holes of now.
    pub(crate) fn cells_at(&self, at: usize) -> Option<Vec<HoleCells>> {
        let moment = self.timeline()?.moment(at)?;
        let last = match &self.run {
            Some(run) => &run.cells,
            None => &self.branches.get(self.current)?.holes,
        };
        let cells = self.pieces(moment)?.into_iter().map(|(id, pieces)| {
            let cells: Vec<_> = pieces
                .into_iter()
                .flat_map(|(from, range)| range.filter_map(move |k| moment.cell_at(from, k)))
                .cloned()
                .collect();
            let end = last.iter().find(|cells| cells.id == id).filter(|end| end.cells.len() == cells.len());
            overlay::boxed(id, cells, end)
        });
        Some(cells.collect())
    }

    /// What is to be asked about a cell of what is shown, in the words of the job that wrote it.
    pub(crate) fn question(&self, place: Place) -> Option<Question> {
        let moment = self.timeline()?.moment(self.place()?.0)?;
        let pieces = self.pieces(moment)?.into_iter().find(|(id, _)| *id == place.hole)?.1;
        let (hole, cell) = pieces.into_iter().flat_map(|(id, range)| range.map(move |k| (id, k))).nth(place.cell)?;
        Some(Question { job: moment.job, step: moment.step, at: Place { hole, cell } })
    }

    /// The step that a branch would go on from: the one shown, else the newest that is known.
    pub(crate) fn fork(&self) -> Option<usize> {
        Some(self.place()?.0)
    }

    /// What each hole of now goes on from at a step.
    pub(crate) fn resumes_at(&self, at: usize) -> Option<Vec<(HoleId, Resume)>> {
        let pieces = self.pieces(self.timeline()?.moment(at)?)?;
        Some(pieces.iter().filter_map(|(id, pieces)| Some((*id, splits::resume(pieces)?))).collect())
    }

    /// The request for a branch from a step.
    pub(crate) fn branch_request(
        &self,
        (at, job): (usize, JobId),
        parts: Vec<Part>,
        acts: Vec<Act>,
        options: RunOptions,
    ) -> Option<Request> {
        let moment = self.timeline()?.moment(at)?;
        Some(Request { job, from: moment.job, step: moment.step, parts, acts, options })
    }
}
