//! What a session has the disk do. A file is the same by any path to it, and is open once.

use std::path::Path;
use std::time::Instant;

use crate::app::commands::file::is_anothers;
use crate::app::effect::SaveRequest;
use crate::app::message::{Message, SaveError};
use crate::shell::disk::{Job, Kept};
use crate::shell::session::Session;
use crate::shell::{FileArg, files, recovery};

impl Session {
    /// Has one more file opened, behind the one on the screen.
    pub(crate) fn open(&self, file: &FileArg) {
        self.disk.send(Job::OpenBehind(file.clone()));
    }

    /// The place of the document of a file, if it is open.
    fn place_of(&self, path: &Path) -> Option<usize> {
        let wanted = recovery::absolute(path);
        self.app.place_of_file_where(|known| recovery::absolute(known) == wanted)
    }

    /// Opens a file as it was typed at a prompt, or shows it where it is open.
    pub(super) fn open_or_show(&mut self, typed: &Path) {
        let file = files::typed(typed);
        match self.place_of(&file.path) {
            Some(place) => self.update(Message::ShowDocument(place, file.at)),
            None => self.disk.send(Job::Open(file)),
        }
    }

    /// Has a document saved, but not over another that is open: each would undo what the other wrote.
    pub(super) fn save(&mut self, request: SaveRequest) {
        let place = self.place_of(&files::expand_home(&request.path));
        if place.is_none() || place == self.app.place_of(request.document) {
            self.disk.send(Job::Save(request));
            return;
        }
        let why = is_anothers(&request.path);
        self.update(Message::Saved { document: request.document, result: Err(SaveError::Failed(why)) });
    }

    pub(super) fn compare_with_disk(&mut self) {
        self.compared = Instant::now();
        for (path, stamp) in self.app.known_files() {
            self.disk.send(Job::Compare { path, stamp });
        }
    }

    /// Has unsaved text written to the recovery file. What waits behind it was written when it left the screen.
    pub(crate) fn keep_unsaved(&self) {
        if self.app.document().is_dirty() {
            self.disk.send(Job::WriteRecovery(self.app.unsaved()));
        }
    }

    /// Puts the terminal back, then waits until everything asked of the disk is done, and says what became of unsaved text.
    pub(crate) fn close(&mut self) -> Kept {
        self.terminal.leave();
        let kept = self.disk.finish();
        self.clipboard.finish();
        kept
    }
}
