//! Keeping unsaved text safe: when to ask for the recovery file to be written, and when it is not needed any more.

use std::time::Duration;

use crate::app::App;
use crate::app::document::{Change, Document};
use crate::app::effect::{Effect, Unsaved};
use crate::app::message::Recovered;
use crate::app::panel::{Panel, Question};
use crate::text::change::ChangeSet;
use crate::text::history::EditKind;
use crate::text::selection::Selection;

/// At most one write in this time, for a document of usual size.
const INTERVAL: Duration = Duration::from_secs(1);

/// One more second between writes for so many characters.
const CHARS_PER_SECOND: usize = 1 << 23;

/// Steps of more bytes than this are not kept with a text: they are written anew each time.
const MOST_STEPS: usize = 1 << 20;

/// What the recovery file holds.
#[derive(Debug, Default)]
pub struct Recovery {
    /// The text in it, by revision, and when it was written; `None` when there is no file.
    kept: Option<u64>,
    written_at: Option<Duration>,
    /// When the journal was written.
    journalled_at: Option<Duration>,
    /// The program ends: what is unsaved now was given up by the user.
    over: bool,
    /// What an earlier session left of this document, until the user is asked about it.
    found: Option<Recovered>,
    /// The recovery file of that, once the user has answered: what is written takes its place.
    taken: Option<u64>,
}

impl Recovery {
    /// Whether the user is to be asked about text of an earlier session.
    pub(crate) fn asks(&self) -> bool {
        self.found.is_some()
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.kept.is_some()
    }

    /// Whether there is unsaved text that the file does not have.
    pub fn is_behind(&self, document: &Document) -> bool {
        document.is_dirty() && self.kept != Some(document.buffer().revision())
    }

    fn is_due(&self, document: &Document, now: Duration) -> bool {
        let pause = INTERVAL + Duration::from_secs((document.buffer().len() / CHARS_PER_SECOND) as u64);
        !self.over && self.is_behind(document) && self.written_at.is_none_or(|at| now.saturating_sub(at) >= pause)
    }
}

impl App {
    /// Text of an earlier session was found: the user is asked about it when the document is on the screen. What this session
    /// keeps of the document itself is no such text, and that the journal may have.
    pub(crate) fn keep_for_question(&mut self, found: Recovered) {
        if found.kept.is_some() || !self.document.is_dirty() && !self.recovery.is_kept() {
            self.recovery.found = Some(found);
        }
    }

    /// The same for text that was in no file: of several, each gets a document of its own.
    pub(crate) fn keep_unnamed(&mut self, found: Recovered) {
        if self.recovery.asks() || matches!(self.panel, Panel::Question(Question::Recovery { .. })) {
            let id = self.put_behind(Document::empty());
            self.with_document(id, |app| app.keep_for_question(found));
        } else {
            self.keep_for_question(found);
        }
    }

    /// Goes to the next document that only has a question about text that was in no file.
    pub(crate) fn go_on_asking(&mut self) {
        if let Some(place) = self.place_of_unnamed_found() {
            self.show_document(place);
            // It stands where the question is to be read.
            self.notice = None;
        }
    }

    /// Asks about text of an earlier session, where that waits and nothing else is being asked.
    pub(crate) fn ask_about_found(&mut self) {
        if matches!(self.panel, Panel::None)
            && let Some(found) = self.recovery.found.take()
        {
            let is_stale = found.base.is_some() && found.base != self.document.stamp();
            let is_named = self.document.path().is_some();
            self.panel = Panel::Question(Question::Recovery { found, is_stale, is_named });
        }
    }

    /// The document leaves the screen with the question about it unanswered.
    pub(crate) fn put_question_back(&mut self) {
        if let Panel::Question(Question::Recovery { found, .. }) = &self.panel {
            self.recovery.found = Some(found.clone());
            self.panel = Panel::None;
        }
    }

    /// Asks for the recovery file to be written or removed, if that is due.
    pub(crate) fn keep_recovery(&mut self) {
        let now = self.outbox.now;
        if self.recovery.is_due(&self.document, now) {
            self.write_recovery();
        } else if !self.document.is_dirty() && self.recovery.kept.is_some() {
            self.forget_recovery();
        }
        let due = self.recovery.journalled_at.is_none_or(|at| now.saturating_sub(at) >= INTERVAL);
        if due && !self.recovery.over {
            self.write_journal();
        }
    }

    /// Keeps the text safe if it is not yet.
    pub(crate) fn write_recovery(&mut self) {
        if self.recovery.is_behind(&self.document) && !self.recovery.over {
            self.recovery.kept = Some(self.document.buffer().revision());
            self.recovery.written_at = Some(self.outbox.now);
            self.emit(Effect::WriteRecovery(self.unsaved()));
        }
    }

    /// The text, to be kept safe.
    pub(crate) fn unsaved(&self) -> Unsaved {
        let (path, contents) = (self.document.path().cloned(), self.document.buffer().clone());
        // A file's journal has them, and to gather them takes as long as the history is.
        let wanted = path.is_none() && self.settings.keep_undo;
        let steps = if wanted { self.document.way_here(MOST_STEPS) } else { Vec::new() };
        let (document, base, replaces) = (self.document.id(), self.document.stamp(), self.recovery.taken);
        Unsaved { document, path, contents, base, steps, replaces }
    }

    /// Adds what was done to the journal of the document's file.
    pub(crate) fn write_journal(&mut self) {
        let Some(path) = self.document.path().cloned().filter(|_| self.settings.keep_undo) else { return };
        if let Some(entry) = self.document.take_entry() {
            self.recovery.journalled_at = Some(self.outbox.now);
            self.emit(Effect::WriteJournal { path, entry });
        }
    }

    /// The file is what the document is, and not by a save: the journal is to know that.
    pub(crate) fn found_on_disk(&mut self) {
        self.write_journal();
        if let Some(path) = self.document.path().cloned() {
            self.emit(Effect::MarkOnDisk { path, contents: self.document.buffer().clone() });
        }
    }

    /// The program ends by the user's wish: nothing is kept any more. To be called before [`Effect::Quit`].
    pub(crate) fn end_recovery(&mut self) {
        if self.recovery.is_kept() {
            self.forget_recovery();
        }
        self.recovery.over = true;
    }

    /// The unsaved text is not wanted any more, or is saved.
    pub(crate) fn forget_recovery(&mut self) {
        self.recovery.kept = None;
        let (document, path) = (self.document.id(), self.document.path().cloned());
        let replaced = self.recovery.taken.take();
        self.emit(Effect::RemoveRecovery { document, path, replaced });
    }
}

/// Goes on without the text that an earlier session left, which redo still leads to if it is one of this document.
pub(crate) fn leave_out(app: &mut App, found: &Recovered) {
    let Recovered { text, steps, .. } = found;
    let is_known = app.document.is_ahead(text) || !steps.is_empty() && app.document.take_steps_to(text, steps);
    if !is_known {
        app.document.edit(recovered(app, text), app.outbox.now);
        app.document.undo();
    }
    app.recovery.taken = found.kept;
    app.forget_recovery();
    // What was typed before the question came is kept on.
    app.write_recovery();
    app.inform("Discarded; {redo} brings it back.");
}

fn recovered(app: &App, text: &str) -> Change {
    let len = app.document.buffer().len();
    let change = Change::new(ChangeSet::replace(len, 0..len, text), EditKind::Other);
    change.selecting(Selection::caret(0)).from("recovered text".to_owned())
}

/// Puts recovered text into the document: by the steps that led to it where they are known, else as one. Steps of a document
/// without a file that began empty, as this one did not, lead to the text in a document of its own.
pub(crate) fn restore(app: &mut App, found: &Recovered) {
    let Recovered { text, steps, .. } = found;
    if !steps.is_empty() && !app.document.take_steps_to(text, steps) {
        let mut empty = Document::empty();
        if empty.take_steps_to(text, steps) {
            app.put_document(empty);
        }
    }
    app.recovery.taken = found.kept;
    // The journal knows how the text came about; the recovery file may be a little older or newer.
    if app.document.redo_to(text) {
        app.inform("Restored with its undo steps; save to keep it.");
    } else {
        app.document.edit(recovered(app, text), app.outbox.now);
        app.inform("Restored; save to keep it, {undo} goes back to what is on disk.");
    }
}
