//! Everything the user can change, and the one function that changes it.
//!
//! [`App::update`] takes the time and a [`Message`] and returns [`Effect`]s; it cannot fail, does no I/O and knows no
//! clock but the time it is given. Whatever happens in a session is a list of messages, so tests are such lists. `ui`
//! draws `&App`; the shell carries the effects out. Times are counted from the start of the program.
//!
//! Read [`document`] (the text and its one door), [`infill`] (the run and its proposals), [`command`] (what can be done)
//! and [`layout`] (what is where on the screen).
//!
//! Invariants: a run never changes the document before it is accepted, and accepting is one undo step; nothing here reads
//! a clock, a file or the terminal; an event of a job that is over changes nothing.

pub mod command;
pub(crate) mod commands;
pub mod document;
pub mod effect;
pub mod find;
pub mod help;
pub mod infill;
pub mod key;
pub mod keymap;
pub mod layout;
pub mod message;
pub mod models;
pub(crate) mod mouse;
pub mod notice;
pub mod panel;
pub(crate) mod prompts;
pub mod recovery;
pub(crate) mod session;
pub mod settings;
pub mod status;
pub mod view;

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::app::document::Document;
use crate::app::effect::Effect;
use crate::app::find::Find;
use crate::app::infill::Infill;
use crate::app::key::{Key, KeyCode};
use crate::app::keymap::Context;
use crate::app::message::Message;
use crate::app::notice::{Notice, Severity};
use crate::app::panel::Panel;
use crate::app::recovery::Recovery;
use crate::app::settings::Settings;
use crate::app::view::View;
use crate::engine::protocol::ModelInfo;

/// What is known about the model.
#[derive(Debug, Clone, PartialEq)]
pub enum Model {
    /// It is being read; the name is empty until the engine says it.
    Loading(String),
    /// It can be used.
    Ready(ModelInfo),
    /// There is none: a sentence saying why and what to do.
    Unavailable(String),
}

/// The state of the program. See the module's text.
#[derive(Debug)]
pub struct App {
    document: Document,
    view: View,
    infill: Infill,
    focus: Context,
    panel: Panel,
    notice: Option<Notice>,
    find: Find,
    model: Model,
    choice: models::Choice,
    settings: Settings,
    clipboard: String,
    recovery: Recovery,
    outbox: Outbox,
}

/// The time of the update going on, and what it asks for.
#[derive(Debug, Default)]
struct Outbox {
    now: Duration,
    effects: Vec<Effect>,
    /// What the user wants done once the document is saved.
    after_save: Option<panel::Then>,
}

/// What scrolling follows: when one of these changes, the caret is brought into the window.
#[derive(PartialEq)]
struct Followed(usize, Option<(crate::engine::protocol::HoleId, usize)>, u64, (u16, u16));

impl App {
    /// The program with an empty document; the shell then sends the size, the first file, and what the engine says.
    pub fn new(settings: Settings) -> Self {
        Self {
            document: Document::empty(),
            view: View { width: 80, height: 24, ..View::default() },
            infill: Infill::default(),
            focus: Context::Text,
            panel: Panel::None,
            notice: None,
            find: Find::default(),
            model: Model::Loading(String::new()),
            choice: models::Choice::default(),
            settings,
            clipboard: String::new(),
            recovery: Recovery::default(),
            outbox: Outbox::default(),
        }
    }

    /// Takes in what happened and returns what is to be done about it, in order.
    pub fn update(&mut self, now: Duration, message: Message) -> Vec<Effect> {
        self.outbox.now = now;
        let before = self.followed();
        self.take(message);
        self.settle();
        if self.followed() != before {
            let (top, left) = layout::scroll_to_caret(self);
            self.view.top = top;
            self.view.left = left;
        }
        self.keep_recovery();
        std::mem::take(&mut self.outbox.effects)
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Key(key) => self.take_key(key),
            Message::Paste(text) => self.take_paste(&text),
            Message::Mouse(mouse) => self.take_mouse(mouse),
            Message::Resize { width, height } => (self.view.width, self.view.height) = (width, height),
            Message::Engine(event) => self.take_event(event),
            Message::Opened(opened) => commands::file::opened(self, opened),
            Message::Saved(saved) => commands::file::saved(self, saved),
            Message::Clipboard(text) => commands::edit::pasted(self, text),
            Message::DiskChanged => {
                self.warn(
                    "This file was changed on disk by another program; saving will ask before it overwrites that.",
                );
            }
            Message::RecoveryFound(found) => self.panel = Panel::Question(panel::Question::Recovery(found)),
            Message::Notice(notice) => self.say(notice),
            Message::Tick => {
                if self.notice.as_ref().is_some_and(|notice| notice.is_over(self.outbox.now)) {
                    self.notice = None;
                }
            }
            Message::QuitRequested => commands::file::quit(self),
        }
    }

    /// Puts everything that depends on the document back into agreement with it.
    fn settle(&mut self) {
        let changes = self.document.take_changes();
        for change in &changes {
            self.view.map(change);
        }
        self.sync_run();
        if self.infill.session().is_none() {
            self.focus = Context::Text;
        }
        let spot = layout::moves::Spot::caret(self);
        if let Some((id, k)) = spot.cell {
            let stands = layout::moves::covered(self, id)
                .is_some_and(|(hole, cells)| hole.range.start == spot.pos && k <= cells.cells.len());
            if !stands || !self.document.selection().is_caret() {
                self.view.caret_cell = None;
            }
        }
        self.find.refresh(self.document.buffer());
    }

    fn take_key(&mut self, key: Key) {
        self.notice = None;
        if !matches!(self.panel, Panel::None) {
            self.key_in_panel(key);
            return;
        }
        let in_run = self.focus == Context::Run && self.infill.session().is_some();
        if in_run {
            if let Some(command) = keymap::lookup(Context::Run, key) {
                command.run(self);
                return;
            }
            let edits = matches!(key.code, KeyCode::Backspace | KeyCode::Delete | KeyCode::Tab | KeyCode::BackTab);
            if key.printable().is_some() || edits && !key.ctrl && !key.alt && !key.shift {
                self.inform("Keys steer the run: i types here, f6 goes back to the text, ? shows the keys.");
                return;
            }
        }
        if let Some(command) = keymap::lookup(Context::Text, key) {
            command.run(self);
        } else if let Some(c) = key.printable() {
            commands::edit::type_text(self, c.encode_utf8(&mut [0; 4]));
        } else {
            self.inform(format!("{key} does nothing here; f1 shows the keys."));
        }
    }

    fn take_paste(&mut self, text: &str) {
        self.notice = None;
        match &mut self.panel {
            Panel::None => commands::edit::paste_text(self, text),
            Panel::Prompt(prompt) => {
                prompt.input.insert(text);
                self.prompt_changed();
            }
            Panel::Question(_) | Panel::Help(_) => {}
        }
    }

    fn followed(&self) -> Followed {
        let (caret, revision) = (self.document.caret(), self.document.buffer().revision());
        Followed(caret, self.view.caret_cell, revision, self.view.size())
    }

    fn emit(&mut self, effect: Effect) {
        self.outbox.effects.push(effect);
    }

    fn say(&mut self, notice: Notice) {
        self.notice = Some(Notice { at: self.outbox.now, ..notice });
    }

    fn inform(&mut self, text: impl Into<String>) {
        self.say(Notice::new(Severity::Info, text));
    }

    fn warn(&mut self, text: impl Into<String>) {
        self.say(Notice::new(Severity::Warning, text));
    }

    fn complain(&mut self, text: impl Into<String>) {
        self.say(Notice::new(Severity::Error, text));
    }

    /// The document.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The window.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The run and its proposals.
    pub fn infill(&self) -> &Infill {
        &self.infill
    }

    /// Who has the keys when no panel is open.
    pub fn focus(&self) -> Context {
        self.focus
    }

    /// What is open in front of the document.
    pub fn panel(&self) -> &Panel {
        &self.panel
    }

    /// What there is to say.
    pub fn notice(&self) -> Option<&Notice> {
        self.notice.as_ref()
    }

    /// The search.
    pub fn find(&self) -> &Find {
        &self.find
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The models that can be chosen.
    pub fn choice(&self) -> &models::Choice {
        &self.choice
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether [`Message::Tick`] is needed from time to time (every second or so): a notice is to go or text to be kept safe.
    pub fn wants_ticks(&self) -> bool {
        self.notice.is_some() || self.recovery.is_behind(&self.document)
    }
}
