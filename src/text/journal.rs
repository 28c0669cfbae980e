//! The history of a document as entries that can be written one after the other, and what they come to.
//!
//! An [`Entry`] says from which step on the history is another, and which of its steps are applied now. [`Replay`] takes
//! entries in order and keeps the steps and the text; any first part of a journal comes to a state that was.

use crate::text::buffer::Buffer;
use crate::text::history::Record;

/// What changed in a history.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Steps from here on are those of this entry.
    pub from: usize,
    /// The steps.
    pub steps: Vec<Record>,
    /// How many of all steps are applied.
    pub applied: usize,
}

/// The history and the text after some entries.
#[derive(Clone, Debug)]
pub struct Replay {
    /// All steps, the undone ones included.
    pub steps: Vec<Record>,
    /// How many of them are applied to the text.
    pub applied: usize,
    /// The text.
    pub text: Buffer,
}

impl Replay {
    /// No history over a text.
    pub fn of(text: Buffer) -> Self {
        Self { steps: Vec::new(), applied: 0, text }
    }

    /// Takes an entry. `None` where it does not fit what came before: then nothing behind it means anything.
    pub fn take(mut self, entry: Entry) -> Option<Self> {
        let Entry { from, steps, applied } = entry;
        if from > self.steps.len() || applied > from + steps.len() {
            return None;
        }
        while self.applied > from {
            self.applied -= 1;
            self.text.apply(&self.steps[self.applied].inverse).ok()?;
        }
        self.steps.truncate(from);
        self.steps.extend(steps);
        self.walk(applied)
    }

    /// Undoes or redoes until so many steps are applied.
    fn walk(mut self, applied: usize) -> Option<Self> {
        while self.applied > applied {
            self.applied -= 1;
            self.text.apply(&self.steps[self.applied].inverse).ok()?;
        }
        while self.applied < applied {
            self.text.apply(&self.steps[self.applied].forward).ok()?;
            self.applied += 1;
        }
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::text::change::ChangeSet;
    use crate::text::history::{EditKind, History, Snapshot};

    fn record(buffer: &mut Buffer, change: ChangeSet, kind: EditKind) -> Record {
        let inverse = buffer.apply(&change).unwrap();
        let (before, after) = (Snapshot::default(), Snapshot::default());
        Record { forward: change, inverse, before, after, kind, origin: None, at: Duration::ZERO }
    }

    proptest! {
        /// Whenever entries are taken, what they come to is the text as it is, and the history goes on from there.
        #[test]
        fn entries_come_to_the_text_as_it_is(ops in proptest::collection::vec((0..5_u8, 0..9_usize, any::<bool>()), 0..30)) {
            let start = Buffer::from_text("some text");
            let (mut buffer, mut history) = (start.clone(), History::new());
            let mut replay = Replay::of(start);
            for (op, at, write) in ops {
                match op {
                    0 | 1 => {
                        let kind = if op == 0 { EditKind::Typing } else { EditKind::Other };
                        let change = ChangeSet::insert(buffer.len(), at.min(buffer.len()), "x");
                        history.commit(record(&mut buffer, change, kind));
                    }
                    2 => {
                        let change = ChangeSet::delete(buffer.len(), at..at + 2);
                        history.commit(record(&mut buffer, change, EditKind::Other));
                    }
                    3 => if let Some(step) = history.undo() { buffer.apply(&step.change).unwrap(); },
                    _ => if let Some(step) = history.redo() { buffer.apply(&step.change).unwrap(); },
                }
                if write {
                    if let Some(entry) = history.take_entry() {
                        replay = replay.take(entry).unwrap();
                    }
                    prop_assert_eq!(replay.text.text(), buffer.text());
                }
            }
            if let Some(entry) = history.take_entry() {
                replay = replay.take(entry).unwrap();
            }
            prop_assert_eq!(replay.text.text(), buffer.text());
            prop_assert!(history.take_entry().is_none());
            let mut again = History::restored(replay.steps, replay.applied);
            let (mut text, mut other) = (replay.text, buffer);
            while let Some(step) = again.undo() { text.apply(&step.change).unwrap(); }
            while let Some(step) = history.undo() { other.apply(&step.change).unwrap(); }
            prop_assert_eq!(text.text(), "some text");
            prop_assert_eq!(other.text(), "some text");
        }
    }
}
