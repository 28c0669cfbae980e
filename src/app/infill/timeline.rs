//! The steps of a run as they were shown, to be gone through again.
//!
//! Cells that did not change from one step to the next are kept once. Bound: about [`MOST_BYTES`] for all branches of a task
//! together; when there is more, the oldest steps of the oldest branches go, and it is said. Moments know the job and the
//! step that they were, so that the engine can go on from there.

use std::mem::size_of;
use std::sync::Arc;

use crate::engine::protocol::{Alternative, Cell, Frame, HoleFrame, HoleId, JobId, Phase};

/// So much is kept of one task, about, in bytes.
pub const MOST_BYTES: usize = 64 << 20;

/// One step as it was shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// The job that made it.
    pub job: JobId,
    /// After which of its steps.
    pub step: usize,
    /// Positions still masked, and how many there were at first.
    pub masks: (usize, usize),
    /// Passes made.
    pub nfe: usize,
    /// Seconds of computing that the job had taken.
    pub seconds: f64,
    /// The cells, hole by hole.
    pub(crate) holes: Vec<(HoleId, Vec<Arc<Cell>>)>,
    /// What it added to the memory taken.
    bytes: usize,
}

/// The steps of a run, oldest first; those of the run that it went on from go before its own.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    moments: Vec<Arc<Moment>>,
    /// Moments that were dropped before the first one.
    dropped: usize,
}

impl Timeline {
    /// The steps up to and with one of this timeline.
    pub(crate) fn up_to(&self, index: usize) -> Self {
        let moments = self.moments.iter().take(index + 1).cloned().collect();
        Self { moments, dropped: self.dropped }
    }

    /// Takes a frame in, if it is a step that can be gone back to.
    pub(crate) fn take(&mut self, frame: &Frame) {
        let writes = matches!(frame.phase, Phase::Denoising | Phase::Paused) || frame.step > 0;
        if !writes || frame.holes.iter().all(|hole| hole.cells.is_empty()) {
            return;
        }
        // The first step of a branch is the one that it goes on from.
        if self.moments.last().is_some_and(|last| last.step == frame.step) {
            self.moments.pop();
        }
        let before = self.moments.last();
        let mut bytes = size_of::<Moment>();
        let mut kept = |id: HoleId, k: usize, cell: &Cell| {
            bytes += size_of::<Arc<Cell>>();
            let same = before.and_then(|moment| moment.cell(id, k)).filter(|then| then.as_ref() == cell);
            same.cloned().unwrap_or_else(|| {
                let texts = cell.alternatives.iter().map(|other| size_of::<Alternative>() + other.text.len());
                bytes += size_of::<Cell>() + cell.text.len() + texts.sum::<usize>();
                Arc::new(cell.clone())
            })
        };
        let holes = frame.holes.iter();
        let holes = holes
            .map(|hole| {
                (hole.id, hole.cells.iter().enumerate().map(|(k, cell)| kept(hole.id, k, cell)).collect::<Vec<_>>())
            })
            .collect();
        let masks = (frame.masks_left, frame.masks_total);
        let (job, step, nfe, seconds) = (frame.job, frame.step, frame.nfe, frame.seconds);
        self.moments.push(Arc::new(Moment { job, step, masks, nfe, seconds, holes, bytes }));
    }

    /// How many steps can be shown.
    pub fn len(&self) -> usize {
        self.moments.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.moments.is_empty()
    }

    /// How many steps were dropped to keep within the bound.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// One of the steps.
    pub fn moment(&self, index: usize) -> Option<&Moment> {
        self.moments.get(index).map(Arc::as_ref)
    }

    /// The steps as frames, as they are recorded. What the engine was busy with besides denoising is not among them.
    pub fn frames(&self) -> Vec<Arc<Frame>> {
        self.moments.iter().map(|moment| Arc::new(moment.frame())).collect()
    }

    /// The newest step.
    pub fn last(&self) -> Option<&Moment> {
        self.moments.last().map(Arc::as_ref)
    }

    /// Memory taken, as if nothing were shared with other timelines.
    fn bytes(&self) -> usize {
        self.moments.iter().map(|moment| moment.bytes).sum()
    }

    fn drop_first(&mut self) -> bool {
        let more = self.moments.len() > 1;
        if more {
            self.moments.remove(0);
            self.dropped += 1;
        }
        more
    }
}

impl Moment {
    fn frame(&self) -> Frame {
        let holes = self.holes.iter().map(|(id, cells)| HoleFrame {
            id: *id,
            cells: cells.iter().map(|cell| cell.as_ref().clone()).collect(),
            mean_logprob: None,
        });
        Frame {
            job: self.job,
            step: self.step,
            steps: None,
            phase: Phase::Denoising,
            masks_left: self.masks.0,
            masks_total: self.masks.1,
            nfe: self.nfe,
            seconds: self.seconds,
            holes: holes.collect(),
        }
    }

    fn cell(&self, id: HoleId, k: usize) -> Option<&Arc<Cell>> {
        self.holes.iter().find(|(hole, _)| *hole == id)?.1.get(k)
    }

    /// The state of a cell, if there is such a cell.
    pub fn cell_at(&self, id: HoleId, k: usize) -> Option<&Cell> {
        self.cell(id, k).map(Arc::as_ref)
    }
}

/// Drops the oldest steps, of the oldest timelines first, until all keep within the bound. Whether any was dropped.
pub(crate) fn bound<'a>(timelines: impl Iterator<Item = &'a mut Timeline>, most: usize) -> bool {
    let mut timelines: Vec<&mut Timeline> = timelines.collect();
    let mut total: usize = timelines.iter().map(|timeline| timeline.bytes()).sum();
    let mut any = false;
    for timeline in &mut timelines {
        while total > most {
            let first = timeline.moments.first().map_or(0, |moment| moment.bytes);
            if !timeline.drop_first() {
                break;
            }
            total -= first;
            any = true;
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::protocol::CellState;

    fn frame(step: usize, words: &[&str]) -> Frame {
        let cells = words.iter().map(|word| Cell::new(*word, CellState::Committed, 0.5)).collect();
        Frame {
            job: JobId(1),
            step,
            steps: None,
            phase: Phase::Denoising,
            masks_left: 0,
            masks_total: words.len(),
            nfe: step,
            seconds: 0.0,
            holes: vec![HoleFrame { id: HoleId(1), cells, mean_logprob: None }],
        }
    }

    #[test]
    fn unchanged_cells_are_kept_once_and_a_step_that_comes_twice_is_one() {
        let mut timeline = Timeline::default();
        timeline.take(&Frame { phase: Phase::Measuring { tried: 0, of: 1 }, ..frame(0, &["x"]) });
        assert!(timeline.is_empty());
        for (step, words) in [(0, ["a", "b"]), (1, ["a", "c"]), (1, ["a", "d"])] {
            timeline.take(&frame(step, &words));
        }
        assert_eq!(timeline.len(), 2);
        let cell = |index: usize, k| timeline.moment(index).unwrap().cell(HoleId(1), k).unwrap();
        assert!(Arc::ptr_eq(cell(0, 0), cell(1, 0)));
        assert_eq!((cell(0, 1).text.as_str(), cell(1, 1).text.as_str()), ("b", "d"));
    }

    #[test]
    fn the_oldest_steps_go_first_and_the_newest_stays() {
        let mut one = Timeline::default();
        let mut two = Timeline::default();
        let long = "x".repeat(1000);
        for step in 0..10 {
            one.take(&frame(step, &[&format!("{long}{step}")]));
            two.take(&frame(step, &[&format!("{long}{step}")]));
        }
        assert!(!bound([&mut one, &mut two].into_iter(), 1 << 20));
        assert!(bound([&mut one, &mut two].into_iter(), 8000));
        assert_eq!((one.len(), one.dropped()), (1, 9));
        assert!(two.len() > 2 && two.bytes() + one.bytes() <= 8000);
        assert_eq!(two.last().unwrap().step, 9);
        assert!(bound([&mut one, &mut two].into_iter(), 0) && one.len() == 1 && two.len() == 1);
    }
}
