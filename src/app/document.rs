//! The user's document: text, selection, holes, history and where it is kept.
//!
//! [`Document::edit`] is the only door through which the text changes: typing, pasting, accepting a proposal. It maps
//! the selection and the holes and records how to go back. Undo and redo replay what the door recorded.
//!
//! A *temporary* hole belongs to a rewrite or refinement and lives as long as that: it is mapped like the others but
//! never enters the history.

mod change;
mod past;

use std::borrow::Cow;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use self::change::Change;
use crate::app::message::{FileStyle, Opened, Stamp};
use crate::app::sources::Sources;
use crate::engine::protocol::Constraint;
use crate::text::buffer::{Buffer, LineEnding};
use crate::text::change::ChangeSet;
use crate::text::encoding::Encoding;
use crate::text::history::{EditKind, History, Record, Snapshot};
use crate::text::holes::{HoleLength, Holes};
use crate::text::selection::{Selection, Selections};

/// A step that was undone or redone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Walked {
    /// Where its text came from, if not from the keyboard.
    pub(crate) origin: Option<String>,
}

/// The document. See the module's text.
#[derive(Debug)]
pub struct Document {
    /// Tells it from every other document of the session.
    id: u64,
    buffer: Buffer,
    history: History,
    selection: Selections,
    holes: Holes,
    /// What is demanded of holes: the first is number 1. Which of it a hole is under is the hole's, so that undo knows it.
    demands: Vec<Vec<Constraint>>,
    temporary: Vec<u64>,
    sources: Sources,
    path: Option<PathBuf>,
    title: Option<&'static str>,
    stamp: Option<Stamp>,
    /// The revision that is being written, and what the history calls it.
    on_its_way: Option<(u64, usize)>,
    read_only: bool,
    encoding: Encoding,
    style: FileStyle,
    /// What changed since [`Document::take_changes`], in order.
    changes: Vec<ChangeSet>,
}

impl Document {
    /// A document that was read.
    pub(crate) fn opened(file: &Opened) -> Self {
        let mut holes = Holes::new();
        for (range, length) in &file.holes {
            holes.add(range.clone(), *length);
        }
        Self {
            id: 0,
            buffer: file.text.clone(),
            history: History::new(),
            selection: Selections::default(),
            holes,
            demands: Vec::new(),
            temporary: Vec::new(),
            sources: Sources::default(),
            path: file.path.clone(),
            title: file.title,
            stamp: file.stamp,
            on_its_way: None,
            read_only: file.read_only,
            encoding: file.encoding,
            style: file.style,
            changes: Vec::new(),
        }
    }

    /// An empty document without a name.
    pub(crate) fn empty() -> Self {
        Self::opened(&Opened::default())
    }

    /// Tells it from every other document of the session.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The same document under the name that it has in this session.
    pub(crate) fn named(self, id: u64) -> Self {
        Self { id, ..self }
    }

    /// The text.
    pub fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// What is selected; the caret is its head. Of several, the primary one.
    pub fn selection(&self) -> Selection {
        self.selection.primary()
    }

    /// All that is selected.
    pub fn selections(&self) -> &Selections {
        &self.selection
    }

    /// The caret's position.
    pub fn caret(&self) -> usize {
        self.selection.primary().head
    }

    /// The holes, temporary ones included.
    pub fn holes(&self) -> &Holes {
        &self.holes
    }

    /// The empty holes that others took in since the last call, and which did.
    pub(crate) fn take_absorbed(&mut self) -> Vec<(u64, u64)> {
        self.holes.take_absorbed()
    }

    /// Whether the hole belongs to a rewrite or a refinement.
    pub fn is_temporary(&self, id: u64) -> bool {
        self.temporary.contains(&id)
    }

    /// Where it is kept.
    pub fn path(&self) -> Option<&PathBuf> {
        self.path.as_ref()
    }

    /// What it is called: by its file, or as a text of the program's own.
    pub fn name(&self) -> String {
        let path = self.path.as_ref().map(|path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy());
        path.map_or_else(|| self.title.unwrap_or("untitled").to_owned(), Cow::into_owned)
    }

    /// What it is called as a text of the program's own, as long as it is in no file.
    pub(crate) fn title(&self) -> Option<&'static str> {
        self.title.filter(|_| self.path.is_none())
    }

    /// The file as it was read or written last.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }

    /// The file that this text was made from is another than the one that was read.
    pub(crate) fn set_stamp(&mut self, stamp: Option<Stamp>) {
        self.stamp = stamp;
    }

    /// Whether the file cannot be written.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// What its project says about it.
    pub(crate) fn style(&self) -> FileStyle {
        self.style
    }

    /// The characters to insert for a new line: those of the text, or where it has one line, those of its project.
    pub(crate) fn line_ending(&self) -> LineEnding {
        let own = self.buffer.line_ending();
        if self.buffer.line_count() > 1 { own } else { self.style.line_ending.unwrap_or(own) }
    }

    /// How it is written as bytes.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// From now on it is written like this.
    pub(crate) fn set_encoding(&mut self, encoding: Encoding) {
        self.encoding = encoding;
    }

    /// Whether the text differs from what is kept on disk.
    pub fn is_dirty(&self) -> bool {
        !self.history.is_saved()
    }

    /// Selects this and nothing else; both ends go to the nearest character boundary before them.
    pub(crate) fn select(&mut self, selection: Selection) {
        self.select_all(&selection.into());
    }

    /// Selects these.
    pub(crate) fn select_all(&mut self, selections: &Selections) {
        self.selection = selections.snapped(&self.buffer);
    }

    /// Ends the running undo group: what is typed next is undone by itself.
    pub(crate) fn break_group(&mut self) {
        self.history.break_group();
    }

    /// The one door to the text.
    pub(crate) fn edit(&mut self, change: Change, now: Duration) {
        let before = self.snapshot();
        let Ok(inverse) = self.buffer.apply(&change.set) else {
            debug_assert!(false, "a change set made for another text");
            return;
        };
        self.selection = change.selection.unwrap_or_else(|| self.selection.map(&change.set)).snapped(&self.buffer);
        match change.holes {
            Some(holes) => self.holes = holes,
            None => self.holes.map(&change.set),
        }
        self.sources.follow(&change.set, &change.written);
        self.changes.push(change.set.clone());
        let record = Record {
            forward: change.set,
            inverse,
            before,
            after: self.snapshot(),
            kind: change.kind,
            origin: change.origin,
            at: now,
        };
        self.history.commit(record);
    }

    /// What is demanded of a hole.
    pub(crate) fn demands(&self, hole: u64) -> &[Constraint] {
        let asked = self.holes.get(hole).map_or(0, |hole| hole.asked);
        asked.checked_sub(1).and_then(|at| self.demands.get(at)).map_or(&[], Vec::as_slice)
    }

    /// A number for these demands, for [`Holes::set_asked`].
    pub(crate) fn number_demands(&mut self, demands: Vec<Constraint>) -> usize {
        if demands.is_empty() {
            return 0;
        }
        self.demands.push(demands);
        self.demands.len()
    }

    /// Where text came from that was not typed.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    pub(crate) fn sources_mut(&mut self) -> &mut Sources {
        &mut self.sources
    }

    /// Changes holes and nothing else, as one undo step that leaves the text as saved as it was.
    pub(crate) fn edit_holes(&mut self, now: Duration, change: impl FnOnce(&mut Holes)) {
        let before = self.snapshot();
        change(&mut self.holes);
        let nothing = ChangeSet::identity(self.buffer.len());
        self.history.break_group();
        self.history.commit(Record {
            forward: nothing.clone(),
            inverse: nothing,
            before,
            after: self.snapshot(),
            kind: EditKind::Other,
            origin: None,
            at: now,
        });
    }

    fn snapshot(&self) -> Snapshot {
        let mut holes = self.holes.clone();
        for id in &self.temporary {
            holes.remove(*id);
        }
        Snapshot { selection: self.selection.clone(), holes, written: self.sources.snapshot() }
    }

    /// A hole for a rewrite or a refinement.
    pub(crate) fn add_temporary(&mut self, range: Range<usize>) -> u64 {
        let id = self.holes.add(range, HoleLength::Auto);
        self.temporary.push(id);
        id
    }

    /// A temporary hole was split into these.
    pub(crate) fn replace_temporary(&mut self, id: u64, by: &[u64]) {
        if let Some(at) = self.temporary.iter().position(|&old| old == id) {
            self.temporary.splice(at..=at, by.iter().copied());
        }
    }

    /// The rewrite is over.
    pub(crate) fn drop_temporary(&mut self) {
        for id in std::mem::take(&mut self.temporary) {
            self.holes.remove(id);
        }
    }

    /// The text is being written as it is now.
    pub(crate) fn save_begins(&mut self) {
        self.on_its_way = Some((self.buffer.revision(), self.history.name_present()));
    }

    /// The text was written: `revision` is that of the contents.
    pub(crate) fn saved(&mut self, path: PathBuf, stamp: Stamp, revision: u64) {
        self.path = Some(path);
        self.read_only = false;
        self.found_on_disk(stamp, revision);
    }

    /// The file has the text of this revision.
    pub(crate) fn found_on_disk(&mut self, stamp: Stamp, revision: u64) {
        self.stamp = Some(stamp);
        if revision == self.buffer.revision() {
            self.history.mark_saved();
        } else if let Some((_, name)) = self.on_its_way.filter(|(of, _)| *of == revision) {
            self.history.mark_named_saved(name);
        }
    }

    /// What changed since the last call, in order.
    pub(crate) fn take_changes(&mut self) -> Vec<ChangeSet> {
        std::mem::take(&mut self.changes)
    }
}
