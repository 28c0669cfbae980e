//! Keeping unsaved text safe: when to ask for the recovery file to be written, and when it is not needed any more.

use std::path::PathBuf;
use std::time::Duration;

use crate::app::App;
use crate::app::document::Document;
use crate::app::effect::{Effect, Unsaved};

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
}

impl Recovery {
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
            self.write_journal(None);
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
        Unsaved { document: self.document.id(), path, contents, base: self.document.stamp(), steps }
    }

    /// Adds what was done to the journal: that of the document's file, or of another that it is to be saved as.
    pub(crate) fn write_journal(&mut self, other: Option<&PathBuf>) {
        let Some(path) = other.or(self.document.path()).cloned() else { return };
        if !self.settings.keep_undo {
            return;
        }
        if other.is_some() {
            // The document keeps its file until it is saved, which may fail.
            self.write_journal(None);
            self.document.tell_all();
        }
        if let Some(entry) = self.document.take_entry() {
            self.recovery.journalled_at = Some(self.outbox.now);
            self.emit(Effect::WriteJournal { path, entry });
        }
    }

    /// The file is what the document is, and not by a save: the journal is to know that.
    pub(crate) fn found_on_disk(&mut self) {
        self.write_journal(None);
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
        self.emit(Effect::RemoveRecovery { document, path });
    }
}
