//! Undo and redo: the steps a document went through, each with its stored inverse.
//!
//! Read [`History::commit`] for what makes one step of several edits. Steps are numbered from 1 as they are done and form a
//! tree: an edit after an undo begins a branch, and what was undone stays. Undo goes towards the root, redo the way that
//! was come, [`History::earlier`] and [`History::later`] from number to number, through all branches. Time is a
//! [`Duration`] since any fixed moment, passed in. Limits: the tree is unbounded, and both directions of each step are kept.

use std::ops::Range;
use std::time::Duration;

use crate::text::change::{ChangeSet, Edit};
use crate::text::holes::Holes;
use crate::text::journal::Entry;
use crate::text::selection::Selections;
use crate::text::spans::Spans;

/// The longest pause between two edits of one undo step.
pub const GROUP_PAUSE: Duration = Duration::from_secs(1);

/// Behind so many characters a word begins an undo step of its own.
const LONG: usize = 20;

/// What undo and redo bring back besides the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The selections at that moment.
    pub selection: Selections,
    /// The holes at that moment. Put them back with [`Holes::restore`], which keeps identities unique.
    pub holes: Holes,
    /// Which text was not typed by the user; none where nothing is known, and then what is known is carried through the
    /// change of the step.
    pub written: Option<Spans<Written>>,
}

/// Of text that was not typed: where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The number of its source, which the floor above knows.
    pub source: u64,
    /// Something was typed into it or taken out of it since.
    pub edited: bool,
}

/// What sort of edit a record is: only runs of one sort become one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditKind {
    /// Characters typed one after the other.
    Typing,
    /// Characters deleted one after the other, in either direction.
    Deleting,
    /// Anything else: always a step of its own.
    Other,
}

/// One edit that has been applied, with everything needed to take it back. An identity change records that only the
/// holes or the selection changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What was done.
    pub forward: ChangeSet,
    /// What [`crate::text::buffer::Buffer::apply`] returned for it.
    pub inverse: ChangeSet,
    /// Selection and holes before the edit.
    pub before: Snapshot,
    /// Selection and holes after the edit.
    pub after: Snapshot,
    /// What sort of edit it was.
    pub kind: EditKind,
    /// Where the text came from, if not from the user's hands.
    pub origin: Option<String>,
    /// When it was done.
    pub at: Duration,
}

impl Record {
    /// About how many bytes it takes.
    pub fn weight(&self) -> usize {
        self.forward.edits().iter().chain(self.inverse.edits()).map(|edit| edit.text.len() + 64).sum()
    }
}

/// What to do to the document for one undo or redo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The change to apply.
    pub change: ChangeSet,
    /// What to put back after that.
    pub restore: Snapshot,
    /// Where the text of the step came from.
    pub origin: Option<String>,
}

/// A step and the step that it followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The number of that step; 0 for the text before all steps. Always less than this one's own number.
    pub parent: usize,
    /// What was done.
    pub record: Record,
}

/// The way from the text after one step to that after another: the steps to undo, then those to do, by number.
pub fn way(revisions: &[Revision], from: usize, to: usize) -> (Vec<usize>, Vec<usize>) {
    let parent = |number: usize| revisions.get(number - 1).map_or(0, |revision| revision.parent);
    let (mut undo, mut redo, mut here, mut there) = (Vec::new(), Vec::new(), from, to);
    // What a step followed has a lesser number, so the greater of two is not on the way to the root from the other.
    while here != there {
        let (end, steps) = if here > there { (&mut here, &mut undo) } else { (&mut there, &mut redo) };
        steps.push(*end);
        *end = parent(*end);
    }
    redo.reverse();
    (undo, redo)
}

/// The steps of one document and which of them led to the present text.
#[derive(Clone, Debug, Default)]
pub struct History {
    revisions: Vec<Revision>,
    /// The number of the step that led to the present text.
    at: usize,
    /// Where redo goes from a step, by its number; 0 where it goes nowhere.
    forth: Vec<usize>,
    /// Where the edits of the newest step's last record ended, while the step may still grow.
    open: Option<Vec<Range<usize>>>,
    /// The text on disk, as [`History::text_at`] names it.
    saved_text: usize,
    /// The first step that [`History::take_entry`] has not told yet as it is, and which step it said led to the text.
    changed_from: Option<usize>,
    told_at: usize,
}

impl History {
    /// No steps; the text is as it was saved.
    pub fn new() -> Self {
        Self::default()
    }

    /// A history that was kept: these steps, of which the one with this number led to the text as it is saved.
    pub fn restored(revisions: Vec<Revision>, at: usize) -> Self {
        let at = at.min(revisions.len());
        let mut history = Self { at, told_at: at, ..Self::default() };
        for (number, revision) in (1..).zip(&revisions) {
            history.lead(revision.parent, number);
        }
        history.revisions = revisions;
        let (_, path) = way(&history.revisions, 0, at);
        for (from, to) in [0].into_iter().chain(path.clone()).zip(path) {
            history.lead(from, to);
        }
        history.saved_text = history.text_at(at);
        history
    }

    /// What changed since the last call, for a journal; `None` if nothing did.
    pub fn take_entry(&mut self) -> Option<Entry> {
        if !self.has_entry() {
            return None;
        }
        let from = self.changed_from.take().unwrap_or(self.revisions.len());
        let steps = self.revisions.iter().skip(from).cloned().collect();
        self.told_at = self.at;
        Some(Entry { from, steps, at: self.at })
    }

    /// The steps that led from the beginning to the text, one after the other and without those that were left; none if they
    /// weigh more than this, in bytes.
    pub fn way_here(&self, most: usize) -> Vec<Revision> {
        let (_, path) = way(&self.revisions, 0, self.at);
        let records = path.iter().map(|number| &self.revisions[number - 1].record);
        if records.clone().map(Record::weight).sum::<usize>() > most {
            return Vec::new();
        }
        (0..).zip(records).map(|(parent, record)| Revision { parent, record: record.clone() }).collect()
    }

    /// Whether nothing was done yet.
    pub fn is_new(&self) -> bool {
        self.revisions.is_empty()
    }

    /// Whether there is something to tell.
    pub fn has_entry(&self) -> bool {
        self.changed_from.is_some() || self.told_at != self.at
    }

    /// The next entry tells everything: it goes to another journal.
    pub fn tell_all(&mut self) {
        self.changed_from = Some(0);
    }

    /// Adds an edit that has just been applied.
    ///
    /// It joins the last step if both are typing or both are deleting, it goes on where that ended and with the selection
    /// left there, not more than [`GROUP_PAUSE`] passed, neither undo, redo, saving nor [`History::break_group`] came
    /// between, and no line and, where it is long already, no word begins with it. Cost: the size of the step it joins.
    pub fn commit(&mut self, mut record: Record) {
        let written = [&mut record.before.written, &mut record.after.written];
        if written.iter().any(|written| written.is_some()) {
            // Nothing is known of the other side of the step: that is known, too.
            for written in written {
                written.get_or_insert_default();
            }
        }
        let joins = self.joins(&record);
        self.open = growing_end(&record);
        match self.revisions.last_mut() {
            Some(Revision { record: whole, .. }) if joins => {
                whole.forward = take(&mut whole.forward).compose(record.forward);
                whole.inverse = record.inverse.compose(take(&mut whole.inverse));
                whole.after = record.after;
                whole.at = record.at;
            }
            _ => {
                self.revisions.push(Revision { parent: self.at, record });
                self.lead(self.at, self.revisions.len());
                self.at = self.revisions.len();
            }
        }
        let changed = self.at - 1;
        self.changed_from = Some(self.changed_from.map_or(changed, |known| known.min(changed)));
    }

    /// Goes one step back; `None` if there is none.
    pub fn undo(&mut self) -> Option<Step> {
        let parent = self.revisions.get(self.at.checked_sub(1)?)?.parent;
        self.go(parent).pop()
    }

    /// Goes one undone step forward again, on the branch that was left or begun last; `None` if there is none.
    pub fn redo(&mut self) -> Option<Step> {
        let next = self.forth.get(self.at).copied().filter(|next| *next > 0)?;
        self.go(next).pop()
    }

    /// Goes to the text as it was one step earlier in time, on whatever branch; no steps if there is none.
    pub fn earlier(&mut self) -> Vec<Step> {
        self.go(self.at.saturating_sub(1))
    }

    /// Goes to the text as it was one step later in time, on whatever branch; no steps if there is none.
    pub fn later(&mut self) -> Vec<Step> {
        self.go((self.at + 1).min(self.revisions.len()))
    }

    /// The number of the step that led to the present text, and how many there are.
    pub fn place(&self) -> (usize, usize) {
        (self.at, self.revisions.len())
    }

    /// The steps that redo would go, one after the other.
    pub fn ahead(&self) -> impl Iterator<Item = &Record> {
        let mut at = self.at;
        std::iter::from_fn(move || {
            at = self.forth.get(at).copied().filter(|next| *next > 0)?;
            self.revisions.get(at - 1).map(|revision| &revision.record)
        })
    }

    /// Whether something was undone and then left for another change.
    pub fn has_branches(&self) -> bool {
        (0..).zip(&self.revisions).any(|(before, revision)| revision.parent != before)
    }

    /// What to do to get to the text after this step. Redo then leads back from where branches meet.
    fn go(&mut self, to: usize) -> Vec<Step> {
        let (undo, redo) = way(&self.revisions, self.at, to);
        let mut steps = Vec::with_capacity(undo.len() + redo.len());
        for (numbers, back) in [(undo, true), (redo, false)] {
            for number in numbers {
                let Some(Revision { parent, record }) = self.revisions.get(number - 1) else { continue };
                let (change, restore) =
                    if back { (&record.inverse, &record.before) } else { (&record.forward, &record.after) };
                let origin = record.origin.clone();
                steps.push(Step { change: change.clone(), restore: restore.clone(), origin });
                self.lead(*parent, number);
            }
        }
        if !steps.is_empty() {
            self.at = to;
            self.break_group();
        }
        steps
    }

    /// From now on redo goes this way.
    fn lead(&mut self, from: usize, to: usize) {
        if self.forth.len() <= from {
            self.forth.resize(from + 1, 0);
        }
        self.forth[from] = to;
    }

    /// Makes the next edit a step of its own.
    pub fn break_group(&mut self) {
        self.open = None;
    }

    /// What undo would take back.
    pub fn behind(&self) -> Option<&Record> {
        self.revisions.get(self.at.checked_sub(1)?).map(|revision| &revision.record)
    }

    /// Whether there is a step to undo.
    pub fn can_undo(&self) -> bool {
        self.at > 0
    }

    /// Whether there is a step to redo.
    pub fn can_redo(&self) -> bool {
        self.forth.get(self.at).is_some_and(|next| *next > 0)
    }

    /// Names the present text, and ends the step so that undo can come back to it.
    pub fn name_present(&mut self) -> usize {
        self.break_group();
        self.text_at(self.at)
    }

    /// Remembers the present text as the one on disk, and ends the step so that undo can come back to it.
    pub fn mark_saved(&mut self) {
        self.saved_text = self.name_present();
    }

    /// Remembers that the text of this name is the one on disk: [`History::name_present`] named it.
    pub fn mark_named_saved(&mut self, name: usize) {
        self.saved_text = name;
    }

    /// Whether the present text is the one last saved, also after undoing or redoing back to it.
    pub fn is_saved(&self) -> bool {
        self.text_at(self.at) == self.saved_text
    }

    fn joins(&self, record: &Record) -> bool {
        let (Some(ends), Some(last)) = (&self.open, self.revisions.last()) else { return false };
        debug_assert_eq!(self.at, self.revisions.len(), "whoever goes elsewhere ends the step");
        let continues = |(end, edit): (&Range<usize>, &Edit)| match record.kind {
            EditKind::Typing => edit.range.start == end.end,
            EditKind::Deleting => edit.range.start == end.start || edit.range.end == end.start,
            EditKind::Other => false,
        };
        let edits = record.forward.edits();
        let last = &last.record;
        !edits.is_empty()
            && edits.len() == ends.len()
            && ends.iter().zip(edits).all(continues)
            && last.kind == record.kind
            && last.origin == record.origin
            && last.after.selection == record.before.selection
            // The step goes back to what was known before its first edit.
            && (record.before.written.is_none() || last.before.written.is_some())
            && record.at.saturating_sub(last.at) <= GROUP_PAUSE
            && !begins_anew(last, record)
    }

    /// Names the text after a step: by that step, or where it left the text alone, the one before that changed it.
    fn text_at(&self, mut number: usize) -> usize {
        while let Some(revision) = number.checked_sub(1).and_then(|index| self.revisions.get(index)) {
            if !revision.record.forward.is_identity() {
                break;
            }
            number = revision.parent;
        }
        number
    }
}

/// Whether what is typed is a new line, or the beginning of a word behind much that was typed.
fn begins_anew(last: &Record, record: &Record) -> bool {
    let (Some(before), Some(typed)) = (last.forward.edits().first(), record.forward.edits().first()) else {
        return false;
    };
    let begins_word = before.text.ends_with(char::is_whitespace) && !typed.text.starts_with(char::is_whitespace);
    let is_long = || before.text.trim().chars().count() > LONG;
    record.kind == EditKind::Typing && (typed.text.contains('\n') || begins_word && is_long())
}

/// Where the next edits must go on to join this one: behind what was typed, or where something was deleted.
fn growing_end(record: &Record) -> Option<Vec<Range<usize>>> {
    let grows = matches!(record.kind, EditKind::Typing | EditKind::Deleting) && !record.forward.is_identity();
    grows.then(|| record.forward.placed().to_vec())
}

fn take(change: &mut ChangeSet) -> ChangeSet {
    std::mem::replace(change, ChangeSet::identity(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::buffer::Buffer;
    use crate::text::holes::HoleLength;
    use crate::text::samples;
    use crate::text::selection::Selection;

    /// The least document: what the floor above does with these types.
    struct Document {
        buffer: Buffer,
        snapshot: Snapshot,
        history: History,
    }

    impl Document {
        fn new(text: &str) -> Self {
            Self { buffer: Buffer::from_text(text), snapshot: Snapshot::default(), history: History::new() }
        }

        fn edit(&mut self, forward: ChangeSet, kind: EditKind, millis: u64) {
            let before = self.snapshot.clone();
            let inverse = self.buffer.apply(&forward).expect("the change fits");
            self.snapshot.holes.map(&forward);
            self.snapshot.selection =
                forward.placed().last().map_or(before.selection.clone(), |placed| Selection::caret(placed.end).into());
            let (after, at) = (self.snapshot.clone(), Duration::from_millis(millis));
            self.history.commit(Record { forward, inverse, before, after, kind, origin: None, at });
        }

        fn type_at(&mut self, pos: usize, text: &str, millis: u64) {
            self.snapshot.selection = Selection::caret(pos).into();
            self.edit(ChangeSet::insert(self.buffer.len(), pos, text), EditKind::Typing, millis);
        }

        fn delete(&mut self, range: Range<usize>, millis: u64) {
            self.snapshot.selection = Selection::caret(range.end).into();
            self.edit(ChangeSet::delete(self.buffer.len(), range), EditKind::Deleting, millis);
        }

        fn follow(&mut self, step: Option<Step>) -> bool {
            let Some(step) = step else { return false };
            self.buffer.apply(&step.change).expect("the step fits");
            self.snapshot = step.restore;
            true
        }

        fn undo(&mut self) -> bool {
            let step = self.history.undo();
            self.follow(step)
        }

        fn redo(&mut self) -> bool {
            let step = self.history.redo();
            self.follow(step)
        }

        fn walk(&mut self, way: fn(&mut History) -> Vec<Step>) -> bool {
            let steps = way(&mut self.history);
            let moved = !steps.is_empty();
            for step in steps {
                self.follow(Some(step));
            }
            moved
        }

        fn state(&self) -> (String, Snapshot) {
            (self.buffer.text(), self.snapshot.clone())
        }

        /// The texts that undoing one step after the other shows.
        fn undo_all(&mut self) -> Vec<String> {
            std::iter::from_fn(|| self.undo().then(|| self.buffer.text())).collect()
        }
    }

    #[test]
    fn typing_without_a_pause_is_one_step() {
        let mut document = Document::new("");
        for (i, c) in ["a", "b", "c"].into_iter().enumerate() {
            document.type_at(i, c, i as u64 * 900);
        }
        assert_eq!(document.undo_all(), [""]);
        assert!(document.redo());
        assert_eq!(document.buffer.text(), "abc");
    }

    #[test]
    fn much_that_is_typed_is_undone_line_by_line_and_a_few_words_at_a_time() {
        let mut document = Document::new("");
        for (at, c) in "the keeper had not spoken to\nanyone".chars().enumerate() {
            document.type_at(at, &c.to_string(), at as u64);
        }
        assert_eq!(document.undo_all(), ["the keeper had not spoken to", "the keeper had not spoken ", ""]);
    }

    #[test]
    fn a_pause_a_jump_and_a_break_each_begin_a_step() {
        let mut document = Document::new("");
        document.type_at(0, "a", 0);
        document.type_at(1, "b", 1001);
        document.type_at(0, "c", 1001);
        document.history.break_group();
        document.type_at(1, "d", 1001);
        assert_eq!(document.undo_all(), ["cab", "ab", "a", ""]);
    }

    #[test]
    fn a_caret_that_went_away_and_typing_that_follows_deleting_begin_a_step() {
        let mut document = Document::new("xyz");
        document.delete(2..3, 0);
        document.delete(1..2, 0);
        document.type_at(1, "a", 0);
        assert_eq!(document.undo_all(), ["x", "xyz"]);
    }

    #[test]
    fn deleting_towards_the_end_is_one_step_as_well() {
        let mut document = Document::new("xyz");
        for _ in 0..2 {
            document.snapshot.selection = Selection::caret(1).into();
            document.edit(ChangeSet::delete(document.buffer.len(), 1..2), EditKind::Deleting, 0);
        }
        assert_eq!(document.buffer.text(), "x");
        assert_eq!(document.undo_all(), ["xyz"]);
    }

    #[test]
    fn an_edit_after_an_undo_begins_a_branch_and_nothing_is_lost() {
        let mut document = Document::new("");
        document.type_at(0, "a", 0);
        document.undo();
        document.type_at(0, "b", 0);
        document.type_at(1, "c", 2000);
        assert!(!document.history.can_redo() && !document.redo());
        let texts = |document: &mut Document, way: fn(&mut History) -> Vec<Step>| -> Vec<String> {
            std::iter::from_fn(|| document.walk(way).then(|| document.buffer.text())).collect()
        };
        assert_eq!(texts(&mut document, History::earlier), ["b", "a", ""]);
        assert!(document.redo() && document.buffer.text() == "a", "the branch that was left last");
        assert_eq!(texts(&mut document, History::later), ["b", "bc"]);
        assert_eq!(document.undo_all(), ["b", ""]);
        assert!(document.redo() && document.redo() && document.buffer.text() == "bc");
    }

    #[test]
    fn the_saved_text_is_known_again_after_undoing_back_to_it() {
        let mut document = Document::new("");
        assert!(document.history.is_saved());
        document.type_at(0, "a", 0);
        document.history.mark_saved();
        document.type_at(1, "b", 0);
        assert!(!document.history.is_saved());
        document.undo();
        assert!(document.history.is_saved());
        document.undo();
        assert!(!document.history.is_saved());
        document.type_at(0, "c", 0);
        assert!(!document.history.is_saved() && document.undo() && !document.history.is_saved());
    }

    #[test]
    fn marking_a_hole_is_a_step_that_leaves_the_text_saved() {
        let mut document = Document::new("abc");
        let before = document.snapshot.clone();
        document.snapshot.holes.add(0..2, HoleLength::Auto);
        let after = document.snapshot.clone();
        let identity = ChangeSet::identity(3);
        document.history.commit(Record {
            forward: identity.clone(),
            inverse: identity,
            before: before.clone(),
            after,
            kind: EditKind::Other,
            origin: None,
            at: Duration::ZERO,
        });
        assert!(document.history.is_saved() && document.undo());
        assert_eq!(document.state(), ("abc".to_owned(), before));
    }

    #[test]
    fn a_step_names_where_its_text_came_from() {
        let mut history = History::new();
        let record = |origin: Option<&str>| Record {
            forward: ChangeSet::insert(0, 0, "x"),
            inverse: ChangeSet::delete(1, 0..1),
            before: Snapshot::default(),
            after: Snapshot::default(),
            kind: EditKind::Other,
            origin: origin.map(str::to_owned),
            at: Duration::ZERO,
        };
        history.commit(record(Some("tiny-model")));
        assert_eq!(history.undo().and_then(|step| step.origin).as_deref(), Some("tiny-model"));
        assert_eq!(history.redo().and_then(|step| step.origin).as_deref(), Some("tiny-model"));
    }

    #[derive(Clone, Debug)]
    enum Op {
        Edit(Vec<(usize, usize, &'static str)>),
        Hole(usize, usize),
        Type(usize),
        Delete,
        Undo,
        Redo,
        Earlier,
        Later,
    }

    fn op() -> impl Strategy<Value = Op> {
        let edit = (0..30_usize, 0..5_usize, proptest::sample::select(&["", "x", "yz\n"][..]));
        prop_oneof![
            proptest::collection::vec(edit, 0..3).prop_map(Op::Edit),
            (0..20_usize, 0..5_usize).prop_map(|(start, n)| Op::Hole(start, n)),
            (0..3_usize).prop_map(Op::Type),
            Just(Op::Delete),
            Just(Op::Undo),
            Just(Op::Redo),
            Just(Op::Earlier),
            Just(Op::Later),
        ]
    }

    /// Does the op; returns whether it was an edit.
    fn run(document: &mut Document, op: Op, kinds: [EditKind; 2], millis: u64) -> bool {
        let len = document.buffer.len();
        match op {
            Op::Edit(edits) => {
                let edits = edits.into_iter().map(|(start, n, text)| crate::text::change::Edit {
                    range: start..start + n,
                    text: text.to_owned(),
                });
                document.edit(ChangeSet::new(len, edits.collect()), EditKind::Other, millis);
            }
            Op::Hole(start, n) => {
                let start = start.min(len);
                let before = document.snapshot.clone();
                document.snapshot.holes.add(start..(start + n).min(len), HoleLength::Auto);
                let (after, forward) = (document.snapshot.clone(), ChangeSet::identity(len));
                let (kind, at, inverse) = (EditKind::Other, Duration::from_millis(millis), forward.clone());
                document.history.commit(Record { forward, inverse, before, after, kind, origin: None, at });
            }
            Op::Type(back) => {
                let pos = document.snapshot.selection.primary().head.saturating_sub(back / 2).min(len);
                document.edit(ChangeSet::insert(len, pos, "t"), kinds[0], millis);
            }
            Op::Delete => {
                let end = document.snapshot.selection.primary().head.min(len);
                document.edit(ChangeSet::delete(len, end.saturating_sub(1)..end), kinds[1], millis);
            }
            Op::Undo | Op::Redo | Op::Earlier | Op::Later => {
                let _moved = match op {
                    Op::Undo => document.undo(),
                    Op::Redo => document.redo(),
                    Op::Earlier => document.walk(History::earlier),
                    _ => document.walk(History::later),
                };
                return false;
            }
        }
        true
    }

    proptest! {
        /// Ungrouped, so that the oracle is a list of states, each with the one it came from and where redo goes.
        #[test]
        fn all_ways_lead_to_the_states_that_were(
            text in samples::text(),
            ops in proptest::collection::vec(op(), 0..40),
        ) {
            let mut document = Document::new(&text);
            let (mut states, mut at) = (vec![(document.state(), 0, None)], 0);
            for op in ops {
                let (can_undo, can_redo) = (at > 0, states[at].2.is_some());
                prop_assert_eq!((document.history.can_undo(), document.history.can_redo()), (can_undo, can_redo));
                let to = match op {
                    Op::Undo => states[at].1,
                    Op::Redo => states[at].2.unwrap_or(at),
                    Op::Earlier => at.saturating_sub(1),
                    Op::Later => (at + 1).min(states.len() - 1),
                    _ => at,
                };
                if run(&mut document, op, [EditKind::Other; 2], 0) {
                    // A step brings back the selection that was left when it was done.
                    states.push((document.state(), at, None));
                    states[at].2 = Some(states.len() - 1);
                    at = states.len() - 1;
                } else {
                    // Redo goes the way that was come last: down to where the two ways part, and up to the new place.
                    let line = |mut end: usize| {
                        let mut line = vec![end];
                        while end > 0 {
                            end = states[end].1;
                            line.push(end);
                        }
                        line
                    };
                    let (old, new) = (line(at), line(to));
                    for line in [&old, &new] {
                        let other = if line == &old { &new } else { &old };
                        for pair in line.windows(2).filter(|pair| !other.contains(&pair[0])) {
                            states[pair[1]].2 = Some(pair[0]);
                        }
                    }
                    at = to;
                }
                prop_assert_eq!(&document.state(), &states[at].0);
                prop_assert!(!document.history.is_saved() || states[at].0.0 == states[0].0.0);
                prop_assert!(document.history.is_saved() || at > 0);
            }
        }

        #[test]
        fn undoing_everything_restores_text_selection_and_holes_however_it_is_grouped(
            text in samples::text(),
            ops in proptest::collection::vec((op(), 0..1500_u64), 0..25),
        ) {
            let mut document = Document::new(&text);
            let first = document.state();
            let mut millis = 0;
            for (op, pause) in ops {
                millis += pause;
                run(&mut document, op, [EditKind::Typing, EditKind::Deleting], millis);
            }
            while document.redo() {}
            let last = document.state();
            while document.undo() {}
            prop_assert_eq!(document.state(), first);
            while document.redo() {}
            prop_assert_eq!(document.state(), last);
        }
    }
}
