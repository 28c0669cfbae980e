//! The document's past: undo, redo and what else goes through its history, and the history for whoever keeps it.

use super::{Document, Walked};
use crate::text::change::ChangeSet;
use crate::text::history::{History, Record, Revision, Step};
use crate::text::holes::Holes;
use crate::text::journal::{Entry, Replay};

impl Document {
    /// Goes one step back; `None` where there is nothing to undo.
    pub(crate) fn undo(&mut self) -> Option<Walked> {
        let step = self.history.undo()?;
        self.walk(step)
    }

    /// Whether undo would take back that this hole was marked, and nothing of the text.
    pub(crate) fn undo_unmarks(&self, hole: u64) -> bool {
        let marks = |record: &&Record| record.forward.is_identity() && record.after.holes.get(hole).is_some();
        self.history.behind().filter(marks).is_some_and(|record| record.before.holes.get(hole).is_none())
    }

    /// Goes one step forth again.
    pub(crate) fn redo(&mut self) -> Option<Walked> {
        let step = self.history.redo()?;
        self.walk(step)
    }

    /// Goes to the text as it was one step earlier in time, or later, whatever was undone since; false where there is none.
    pub(crate) fn travel(&mut self, later: bool) -> bool {
        let steps = if later { self.history.later() } else { self.history.earlier() };
        !steps.is_empty() && steps.into_iter().all(|step| self.walk(step).is_some())
    }

    /// Goes forth to this text, if redo leads to it.
    pub(crate) fn redo_to(&mut self, text: &str) -> bool {
        let Some(before) = self.steps_before(text) else { return false };
        (0..=before).all(|_| self.redo().is_some())
    }

    /// Whether redo leads to this text.
    pub(crate) fn is_ahead(&self, text: &str) -> bool {
        self.steps_before(text).is_some()
    }

    /// How many steps ahead there are before the one that leads to this text.
    fn steps_before(&self, text: &str) -> Option<usize> {
        let mut buffer = self.buffer.clone();
        let reach = |record: &Record| buffer.apply(&record.forward).is_ok() && buffer.rope() == text;
        self.history.ahead().position(reach)
    }

    /// The number of the step that led to the text, and how many there are.
    pub(crate) fn place_in_history(&self) -> (usize, usize) {
        self.history.place()
    }

    /// Whether something was undone and then left for another change.
    pub(crate) fn has_branches(&self) -> bool {
        self.history.has_branches()
    }

    fn walk(&mut self, step: Step) -> Option<Walked> {
        if self.buffer.apply(&step.change).is_err() {
            debug_assert!(false, "the history fits the text");
            return None;
        }
        self.restore_holes(step.restore.holes, &step.change);
        self.sources.restore(step.restore.written, &step.change);
        self.selection = step.restore.selection.snapped(&self.buffer);
        self.changes.push(step.change);
        Some(Walked { origin: step.origin })
    }

    /// The holes of a snapshot, and the temporary ones, which no snapshot knows, moved by the change.
    fn restore_holes(&mut self, restored: Holes, change: &ChangeSet) {
        // Which holes become one on the way is told by moving them.
        self.holes.map(change);
        if self.temporary.is_empty() {
            self.holes.restore(&restored);
            return;
        }
        self.holes.restore_beside(&restored, |id| self.temporary.contains(&id));
    }

    /// Takes up what was done in earlier sessions, unless something was done in this one already.
    pub(crate) fn take_history(&mut self, steps: Vec<Revision>, at: usize) {
        if self.history.is_new() {
            self.history = History::restored(steps, at);
        }
    }

    /// Takes up steps of an earlier session that lead from this text to another; false if they do not, or something was done
    /// in this session already.
    pub(crate) fn take_steps_to(&mut self, text: &str, steps: &[Revision]) -> bool {
        let entry = Entry { from: 0, steps: steps.to_vec(), at: steps.len() };
        let mut replay = Replay::of(self.buffer.clone());
        let fits = self.history.is_new() && replay.take(entry).is_some() && replay.text.rope() == text;
        if fits {
            self.take_history(replay.steps, 0);
        }
        fits
    }

    /// The steps that led to the text, for whoever keeps it safe; none if they weigh more than this, in bytes.
    pub(crate) fn way_here(&self, most: usize) -> Vec<Revision> {
        self.history.way_here(most)
    }

    /// What was done since the last call, for the journal.
    pub(crate) fn take_entry(&mut self) -> Option<Entry> {
        self.history.take_entry()
    }

    /// Whether the journal lacks something.
    pub(crate) fn has_entry(&self) -> bool {
        self.history.has_entry()
    }

    /// The next entry of the journal is to have everything.
    pub(crate) fn tell_all(&mut self) {
        self.history.tell_all();
    }
}
