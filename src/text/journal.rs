//! The history of a document as entries that can be written one after the other, and what they come to.
//!
//! An [`Entry`] says from which step on the history is another, and which of its steps led to the text. [`Replay`] takes
//! entries in order and keeps the steps and the text; any first part of a journal comes to a state that was.

use crate::text::buffer::Buffer;
use crate::text::history::{Revision, way};

/// What changed in a history.
#[derive(Clone, Debug)]
pub struct Entry {
    /// So many steps are as they were; those behind them are those of this entry.
    pub from: usize,
    /// The steps.
    pub steps: Vec<Revision>,
    /// The number of the step that led to the text.
    pub at: usize,
}

/// The history and the text after some entries.
#[derive(Clone, Debug)]
pub struct Replay {
    /// All steps.
    pub steps: Vec<Revision>,
    /// The number of the step that led to the text.
    pub at: usize,
    /// The text.
    pub text: Buffer,
}

impl Replay {
    /// No history over a text.
    pub fn of(text: Buffer) -> Self {
        Self { steps: Vec::new(), at: 0, text }
    }

    /// Takes an entry. `None`, and nothing is changed, where it does not fit what came before: then nothing behind it means
    /// anything.
    pub fn take(&mut self, entry: Entry) -> Option<()> {
        let Entry { from, steps, at } = entry;
        let mut kept = self.at;
        while kept > from {
            kept = self.steps.get(kept - 1)?.parent;
        }
        let text = self.text_after(self.text.clone(), (self.at, kept))?;
        let others = self.replace(from, steps, at)?;
        let Some(text) = self.text_after(text, (kept, at)) else {
            self.steps.truncate(from);
            self.steps.extend(others);
            return None;
        };
        (self.text, self.at) = (text, at);
        Some(())
    }

    /// The same, but for the text, which stays as it is.
    pub fn take_untold(&mut self, entry: Entry) -> Option<()> {
        self.replace(entry.from, entry.steps, entry.at)?;
        self.at = entry.at;
        Some(())
    }

    /// Goes to the text after another of the steps; `None`, and nothing is changed, where the steps do not fit the text.
    pub fn go(&mut self, step: usize) -> Option<()> {
        (self.text, self.at) = (self.text_after(self.text.clone(), (self.at, step))?, step);
        Some(())
    }

    /// Puts steps in the place of those from here on, if all follow steps that there are, and `at` is one; returns those.
    fn replace(&mut self, from: usize, steps: Vec<Revision>, at: usize) -> Option<Vec<Revision>> {
        let in_order = (from + 1..).zip(&steps).all(|(number, step)| step.parent < number);
        if from > self.steps.len() || at > from + steps.len() || !in_order {
            return None;
        }
        let others = self.steps.split_off(from);
        self.steps.extend(steps);
        Some(others)
    }

    /// A text that is that after one step, undone and done until it is that after another.
    fn text_after(&self, mut text: Buffer, (from, to): (usize, usize)) -> Option<Buffer> {
        let (undo, redo) = way(&self.steps, from, to);
        for number in undo {
            text.apply(&self.steps.get(number - 1)?.record.inverse).ok()?;
        }
        for number in redo {
            text.apply(&self.steps.get(number - 1)?.record.forward).ok()?;
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::text::change::ChangeSet;
    use crate::text::history::{EditKind, History, Record, Snapshot};

    fn record(buffer: &mut Buffer, change: ChangeSet, kind: EditKind) -> Record {
        let inverse = buffer.apply(&change).unwrap();
        let (before, after) = (Snapshot::default(), Snapshot::default());
        Record { forward: change, inverse, before, after, kind, origin: None, at: Duration::ZERO }
    }

    proptest! {
        /// Whenever entries are taken, what they come to is the text as it is, and the history goes on from there.
        #[test]
        fn entries_come_to_the_text_as_it_is(ops in proptest::collection::vec((0..7_u8, 0..9_usize, any::<bool>()), 0..30)) {
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
                    4 => if let Some(step) = history.redo() { buffer.apply(&step.change).unwrap(); },
                    _ => {
                        let steps = if op == 5 { history.earlier() } else { history.later() };
                        for step in steps {
                            buffer.apply(&step.change).unwrap();
                        }
                    }
                }
                if write {
                    if let Some(entry) = history.take_entry() {
                        replay.take(entry).unwrap();
                    }
                    prop_assert_eq!(replay.text.text(), buffer.text());
                }
            }
            if let Some(entry) = history.take_entry() {
                replay.take(entry).unwrap();
            }
            prop_assert_eq!(replay.text.text(), buffer.text());
            prop_assert!(history.take_entry().is_none());
            let mut again = History::restored(replay.steps, replay.at);
            let (mut text, mut other) = (replay.text, buffer);
            prop_assert_eq!(again.place(), history.place());
            while let Some(step) = again.undo() { text.apply(&step.change).unwrap(); }
            while let Some(step) = history.undo() { other.apply(&step.change).unwrap(); }
            prop_assert_eq!(text.text(), "some text");
            prop_assert_eq!(other.text(), "some text");
        }
    }
}
