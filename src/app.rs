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

pub(crate) mod accepting;
pub mod buffers;
pub mod command;
pub(crate) mod commands;
pub mod document;
pub mod effect;
pub mod files;
pub mod find;
pub mod heat;
pub mod help;
pub mod highlight;
pub mod hints;
pub mod infill;
pub mod input;
pub mod inspect;
pub(crate) mod jumps;
pub mod key;
pub mod keymap;
pub mod lab;
pub mod language;
pub mod layout;
pub mod listing;
pub mod message;
pub mod models;
pub(crate) mod mouse;
pub mod notice;
pub(crate) mod ondisk;
pub mod panel;
pub(crate) mod prompts;
pub mod recording;
pub mod recovery;
pub(crate) mod session;
pub mod settings;
pub mod side;
pub mod sources;
pub(crate) mod split;
pub mod status;
pub mod steering;
pub mod tour;
pub(crate) mod typed;
pub mod view;

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::app::buffers::Buffers;
use crate::app::document::Document;
use crate::app::effect::Effect;
use crate::app::find::Find;
use crate::app::heat::Heat;
use crate::app::highlight::Highlights;
use crate::app::infill::Infill;
use crate::app::key::{Key, KeyCode};
use crate::app::keymap::{Context, Meaning, Scheme};
use crate::app::message::Message;
use crate::app::notice::{Notice, Severity};
use crate::app::panel::Panel;
use crate::app::recovery::Recovery;
use crate::app::settings::Settings;
use crate::app::view::View;
use crate::engine::protocol::ModelInfo;
use crate::text::brackets;

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

impl Model {
    /// Its name; empty where there is none or it is not known yet.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Loading(name) => name,
            Self::Ready(info) => &info.name,
            Self::Unavailable(_) => "",
        }
    }
}

/// The state of the program. See the module's text.
#[derive(Debug)]
pub struct App {
    buffers: Buffers,
    /// The window beside the one with the keys.
    split: Option<split::Split>,
    document: Document,
    view: View,
    infill: Infill,
    focus: Context,
    /// Under a modal keymap, whether keys type or are commands.
    mode: Context,
    /// The keys of a sequence that has begun.
    pending: Vec<Key>,
    panel: Panel,
    side: side::Side,
    inquiry: inspect::Inquiry,
    notice: Option<Notice>,
    find: Find,
    typed: typed::Typed,
    files: files::Files,
    jumps: jumps::Jumps,
    highlights: Highlights,
    heat: Heat,
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
    /// What the user wants done once this document is saved.
    after_save: Option<(u64, panel::Then)>,
    /// Documents whose save is not answered yet, and whether they are to be saved once more then.
    saving: Vec<(u64, bool)>,
}

/// What is said of a key that would edit while the run has the keys.
const STEERS: &str = "Keys steer the run: {run-type} types here, {focus} goes back to the text, {help} shows the keys.";

/// What scrolling follows: when one of these changes, the caret is brought into the window.
#[derive(PartialEq)]
struct Followed(usize, Option<(crate::engine::protocol::HoleId, usize)>, u64, (u16, u16));

impl App {
    /// The program with an empty document; the shell then sends the size, the first file, and what the engine says.
    pub fn new(settings: Settings) -> Self {
        Self {
            buffers: Buffers::default(),
            split: None,
            document: Document::empty(),
            view: View { width: 80, height: 24, ..View::default() },
            infill: Infill::default(),
            focus: Context::Text,
            mode: if settings.scheme == Scheme::Modal { Context::Normal } else { Context::Text },
            pending: Vec::new(),
            panel: Panel::None,
            side: side::Side::None,
            inquiry: inspect::Inquiry::default(),
            notice: None,
            find: Find::default(),
            typed: typed::Typed::default(),
            files: files::Files::default(),
            jumps: jumps::Jumps::default(),
            highlights: Highlights::default(),
            heat: Heat::default(),
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
        let (before, place) = (self.followed(), self.settled_place());
        self.take(message);
        self.settle();
        self.note_jump(place);
        let after = self.followed();
        if after != before {
            (self.view.top, self.view.left) = layout::scroll_to_caret(self);
        }
        if after.3 != before.3 {
            // A window that has become higher shows what is above before it stays empty below.
            self.view.top = layout::moves::filled(self.pane(), self.view.top);
        }
        self.keep_recovery();
        self.ask_about_found();
        self.ask_for_highlights();
        self.ask_for_heat();
        std::mem::take(&mut self.outbox.effects)
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Key(key) => self.take_key(self.settings.keys.taken_for(key)),
            Message::Paste(text) => self.take_paste(&text),
            Message::Mouse(mouse) => self.take_mouse(mouse),
            Message::Resize { width, height } => (self.view.width, self.view.height) = (width, height),
            Message::Engine(event) => self.take_event(event),
            Message::Opened(opened) => commands::file::opened(self, opened),
            Message::Saved { document, result } => commands::file::saved(self, document, result),
            Message::OpenedBehind(opened) => commands::file::opened_behind(self, opened),
            Message::ShowDocument(place, at) => commands::file::show(self, place, at),
            Message::Clipboard(text) => commands::edit::pasted(self, text),
            Message::Highlighted(answer) => {
                let other = self.split.as_mut().map(|split| &mut split.highlights);
                for highlights in [&mut self.highlights].into_iter().chain(other) {
                    highlights.take(&answer);
                }
            }
            Message::Files { recent, others } => self.take_files(recent, others),
            Message::Completed { typed, names } => self.take_names(&typed, names),
            Message::DiskChanged(path) => ondisk::changed(self, &path),
            Message::DiskGone(path) => ondisk::gone(self, &path),
            Message::OnDisk { document, revision, found } => ondisk::found(self, document, revision, found),
            Message::HistoryFound { path, steps, at } => {
                self.with_file(&path, |app| app.document.take_history(steps, at));
            }
            Message::SourcesFound { path, found } => {
                self.with_file(&path, |app| commands::source::found(app, &path, found));
            }
            Message::RecoveryFound { path: None, found } => self.keep_unnamed(found),
            Message::RecoveryFound { path: Some(path), found } => {
                self.with_file(&path, |app| app.keep_for_question(found));
            }
            Message::Run => commands::run::start(self),
            Message::Notice(notice) => self.say(notice),
            Message::Tick => {
                self.play();
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
            self.jumps.map(self.document.id(), change);
            self.highlights.map(change, self.document.buffer());
            self.heat.map(change, self.document.buffer());
            if let Some(split) = &mut self.split {
                split.map(change, self.document.buffer());
            }
        }
        // Marks of a search that is over would be looked for anew at every key.
        if !changes.is_empty() && self.find.replacing.is_none() && matches!(self.panel, Panel::None) {
            self.find.hide();
        }
        self.settle_split();
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
        self.keep_asking();
    }

    fn take_key(&mut self, key: Key) {
        self.notice = None;
        if !matches!(self.panel, Panel::None) {
            self.pending.clear();
            self.key_in_panel(key);
            return;
        }
        let context = self.context();
        self.pending.push(key);
        match self.settings.keys.meaning(context, &self.pending) {
            Meaning::Command(command) => {
                self.pending.clear();
                if self.steers_only(context, key) {
                    self.inform(STEERS);
                } else {
                    command.run(self);
                }
            }
            Meaning::Begun => {}
            Meaning::Nothing => {
                let keys = std::mem::take(&mut self.pending);
                self.take_unbound(context, key, &keys);
            }
        }
    }

    /// A key that means nothing.
    fn take_unbound(&mut self, context: Context, key: Key, keys: &[Key]) {
        if keys.len() > 1 && key.code == KeyCode::Esc {
            return;
        }
        match key.printable() {
            Some(c) if context.types() => commands::edit::type_text(self, c.encode_utf8(&mut [0; 4])),
            Some(_) if context == Context::Run => self.inform(STEERS),
            _ => self.inform(format!("{} does nothing here; {{help}} shows the keys.", keymap::written(keys))),
        }
    }

    /// Whether a key that edits the text is one that the run has now.
    fn steers_only(&self, context: Context, key: Key) -> bool {
        let edits = matches!(key.code, KeyCode::Backspace | KeyCode::Delete | KeyCode::Tab | KeyCode::BackTab);
        let here = || self.settings.keys.bound().iter().any(|bound| bound.context == context && bound.keys == [key]);
        context == Context::Run && edits && !key.ctrl && !key.alt && !key.shift && !here()
    }

    /// Where keys are looked for.
    pub fn context(&self) -> Context {
        if self.focus == Context::Run && self.infill.session().is_some() { Context::Run } else { self.mode }
    }

    /// The keys of a sequence that has begun.
    pub fn pending(&self) -> &[Key] {
        &self.pending
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
        let window = layout::geometry(self).here.text;
        Followed(caret, self.view.caret_cell, revision, (window.width, window.height))
    }

    fn emit(&mut self, effect: Effect) {
        self.outbox.effects.push(effect);
    }

    fn say(&mut self, notice: Notice) {
        let text = self.settings.keys.said(&notice.text);
        self.notice = Some(Notice { at: self.outbox.now, text, ..notice });
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

    /// The files to choose from.
    pub fn files(&self) -> &files::Files {
        &self.files
    }

    /// The search.
    pub fn find(&self) -> &Find {
        &self.find
    }

    /// Columns from one tab stop to the next, at least 1.
    pub fn tab_width(&self) -> usize {
        self.pane().tab_width()
    }

    /// The bracket at the caret and its partner, while nothing is selected.
    pub fn bracket_pair(&self) -> Option<(usize, usize)> {
        let selection = self.document.selection();
        let looked_for = selection.is_caret() && self.view.caret_cell.is_none();
        looked_for.then(|| brackets::pair_at(self.document.buffer(), selection.head)).flatten()
    }

    /// What the words are in the text's language.
    pub fn highlights(&self) -> &Highlights {
        &self.highlights
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
        let journal = self.settings.keep_undo && self.document.path().is_some() && self.document.has_entry();
        let goes = self.notice.as_ref().is_some_and(|notice| notice.severity != Severity::Error);
        journal || goes || self.recovery.is_behind(&self.document)
    }
}
