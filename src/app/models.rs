//! Choosing another model while the program runs: the list, what becomes of the choice, and giving a model up.

use crate::app::commands::run::may_start;
use crate::app::effect::Effect;
use crate::app::infill::Stage;
use crate::app::panel::{Asked, Panel, Prompt, Question};
use crate::app::{App, Model};
use crate::engine::protocol::{Command, ModelEntry, ModelInfo};

/// What is known of the models there are, and which the user has asked for.
#[derive(Debug, Default)]
pub struct Choice {
    entries: Vec<ModelEntry>,
    /// The list was asked for and opens when it comes.
    listing: bool,
    /// The model that the user chose and that is being loaded.
    chosen: Option<String>,
}

impl Choice {
    /// The models that fit what was typed into the prompt.
    pub fn listed(&self, prompt: &Prompt) -> Vec<&ModelEntry> {
        let typed = prompt.input.text().trim().to_lowercase();
        self.entries.iter().filter(|entry| entry.name.to_lowercase().contains(&typed)).collect()
    }
}

/// Asks for the list.
pub(crate) fn choose(app: &mut App) {
    if may_start(app) {
        app.choice.listing = true;
        app.inform("Looking for models.");
        app.emit(Effect::Engine(Command::ListModels));
    }
}

/// Gives the model's memory back.
pub(crate) fn unload(app: &mut App) {
    match &app.model {
        Model::Ready(_) => {
            if may_start(app) {
                app.emit(Effect::Engine(Command::Unload));
            }
        }
        Model::Loading(_) => app.inform("The model is still being loaded."),
        Model::Unavailable(_) => app.inform("There is no model loaded; {model} chooses one."),
    }
}

impl App {
    pub(crate) fn take_models(&mut self, entries: Vec<ModelEntry>) {
        if !std::mem::take(&mut self.choice.listing) || !matches!(self.panel, Panel::None) {
            return;
        }
        if entries.is_empty() {
            self.inform("There is no model on this machine; `lacuna models pull NAME` fetches one.");
            return;
        }
        let selected = entries.iter().position(|entry| self.is_loaded(&entry.name)).unwrap_or(0);
        self.choice.entries = entries;
        self.notice = None;
        self.panel = Panel::Prompt(Prompt::new(Asked::Model { selected }, ""));
    }

    fn is_loaded(&self, name: &str) -> bool {
        matches!(&self.model, Model::Ready(info) if info.name == name)
    }

    /// Loads the model that was chosen in the list.
    pub(crate) fn take_model(&mut self, prompt: &Prompt, selected: usize) -> Option<&'static str> {
        let Some(entry) = self.choice.listed(prompt).get(selected).map(|entry| (*entry).clone()) else {
            return Some("There is no such model; esc leaves.");
        };
        if self.is_loaded(&entry.name) {
            self.inform(format!("{} is loaded already.", entry.name));
        } else {
            self.load_model(entry.name);
        }
        None
    }

    pub(crate) fn load_model(&mut self, name: String) {
        self.choice.chosen = Some(name.clone());
        self.load_for_now(name);
    }

    /// Loads a model that is not to be remembered as the user's choice.
    pub(crate) fn load_for_now(&mut self, name: String) {
        self.model = Model::Loading(name.clone());
        self.emit(Effect::Engine(Command::Load(name)));
    }

    pub(crate) fn model_is_ready(&mut self, info: ModelInfo) {
        let name = info.name.clone();
        let warning = info.warning.clone();
        self.model = Model::Ready(info);
        if self.choice.chosen.take().is_some() {
            self.emit(Effect::RememberModel(name.clone()));
            self.inform(format!("{name} is loaded, and will be at the next start."));
        }
        if let Some(warning) = warning {
            self.warn(warning);
        }
        self.with_each(|app| {
            if app.infill.stage() == Stage::Waiting {
                app.send_start();
            }
        });
    }

    pub(crate) fn model_is_not_loaded(&mut self, why: String, kept: Option<ModelInfo>, before: Option<String>) {
        self.choice.chosen = None;
        if let Some(info) = kept {
            let stays = format!("{why}; {} stays", info.name);
            self.with_each(|app| {
                app.drop_contender();
            });
            self.model_is_ready(info);
            self.complain(stays);
            self.with_each(App::go_on_comparing);
            return;
        }
        self.model = Model::Unavailable(why.clone());
        self.with_each(App::abandon_run);
        match before {
            Some(before) if matches!(self.panel, Panel::None) => {
                self.panel = Panel::Question(Question::ModelLost { why, before });
            }
            _ => self.complain(why),
        }
    }

    pub(crate) fn model_is_unloaded(&mut self, name: &str) {
        self.model = Model::Unavailable(format!("{name} was unloaded; {{model}} chooses a model."));
        self.inform(format!("{name} is unloaded and its memory free; {{model}} chooses a model."));
    }
}
