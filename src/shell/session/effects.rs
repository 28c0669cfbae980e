//! What `app` wishes of the outside, carried out or handed to whoever does it.

use super::{Ending, Reply, Session};
use crate::app::effect::Effect;
use crate::app::message::Message;
use crate::app::notice::{Notice, Severity};
use crate::engine::config;
use crate::engine::protocol::Command;
use crate::shell::disk::Job;
use crate::shell::terminal::Terminal;
use crate::shell::{film, listing};

impl Session {
    pub(super) fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Engine(command) => self.tell_engine(command),
            Effect::Open(path) => self.open_or_show(&path),
            Effect::Save(request) => self.save(request),
            Effect::Highlight(request) => self.highlighter.send(request),
            Effect::ListFiles => listing::start(self.replies.clone()),
            Effect::Complete(typed) => listing::complete(typed, self.replies.clone()),
            Effect::OpenSettings => self.open_settings(),
            Effect::Record(request) => {
                let replies = self.replies.clone();
                film::record(*request, move |notice| drop(replies.send(Reply::Message(Message::Notice(notice)))));
            }
            Effect::LookAtDisk { document, path, contents, take } => {
                self.disk.send(Job::Look { document, path, contents, take });
            }
            Effect::SetClipboard(text) => {
                if let Some(text) = self.clipboard.set(text) {
                    self.note(Terminal::write(&self.clipboard.sequence(&text)));
                }
            }
            Effect::ReadClipboard => self.clipboard.read(),
            Effect::WriteRecovery(unsaved) => self.disk.send(Job::WriteRecovery(unsaved)),
            Effect::WriteJournal { path, entry } => self.disk.send(Job::WriteJournal { path, entry }),
            Effect::MarkOnDisk { path, contents } => self.disk.send(Job::MarkOnDisk { path, contents }),
            Effect::RemoveRecovery { document, path, replaced } => {
                self.disk.send(Job::RemoveRecovery { document, path, replaced });
            }
            Effect::RememberModel(name) => self.disk.send(Job::RememberModel(name)),
            Effect::Suspend => self.suspend(),
            Effect::Quit => self.ending = Some(Ending::Quit),
        }
    }

    fn tell_engine(&self, command: Command) {
        // `app` starts no run before the engine is ready, so nothing is lost before there is one.
        if let Some(link) = &self.engine {
            (link.send)(command);
        }
    }

    /// Opens the settings file; where there is none it is said which it would be.
    fn open_settings(&mut self) {
        let why = match config::settings_file() {
            Some(path) if path.exists() => {
                self.open_or_show(&path);
                return;
            }
            Some(path) => format!(
                "Your settings would be in {}; the command `lacuna config --print-default` prints such a file.",
                path.display()
            ),
            None => "There is no folder for settings on this system.".to_owned(),
        };
        self.update(Message::Notice(Notice::new(Severity::Info, why)));
    }
}
