//! Loading models for the engine's thread, and what there is to be loaded.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::EngineOptions;
use super::brain::Brain;
use super::catalog::{self, memory, words};
use super::protocol::ModelEntry;
use super::worker::panic_message;
use crate::diffusion::{DenoiseError, Denoiser};
use crate::model::{Checkpoint, LoadOptions, ModelError};

/// Loads models by name. The first is the one that the program was started with, with all that was said about it;
/// others take from that only where and in what to compute.
pub(super) struct Loader {
    first: EngineOptions,
}

impl Loader {
    pub(super) fn new(first: EngineOptions) -> Self {
        Self { first }
    }

    /// What that one is called.
    pub(super) fn first_name(&self) -> &str {
        &self.first.name
    }

    /// The model that the program was started with.
    pub(super) fn first(&self) -> Result<Brain, String> {
        guarded(&self.first)
    }

    /// The model of this name.
    pub(super) fn load(&self, name: &str) -> Result<Brain, String> {
        if name == self.first.name && self.first.path.is_ok() {
            return self.first();
        }
        let found = catalog::resolve(name)?;
        let LoadOptions { device, dtype, threads, machine, .. } = self.first.load;
        let load = found.described.under(LoadOptions { device, dtype, threads, machine, ..LoadOptions::default() });
        guarded(&EngineOptions { name: found.name, path: Ok(found.path), load })
    }
}

/// Whether a model of this name can be loaded while another stays. One that cannot be found needs no room.
pub(super) fn has_room_for(name: &str) -> bool {
    let size = catalog::find(name).ok().and_then(|path| catalog::size_of(&path));
    let needed = memory::needed(size.unwrap_or(0));
    memory::of_machine().is_none_or(|machine| needed <= machine.available)
}

/// All models on this machine.
pub(super) fn entries() -> Vec<ModelEntry> {
    let machine = memory::of_machine();
    let entry = |model: catalog::Installed| {
        let fit = memory::fit(model.memory(), machine).words();
        let note = model.known().map_or_else(|| model.path.display().to_string(), |known| known.good_at.to_owned());
        let needs = format!("{} {fit}", words(model.size)).trim_end().to_owned();
        ModelEntry { name: model.name, size: model.size, needs, note }
    };
    catalog::installed().into_iter().map(entry).collect()
}

fn guarded(options: &EngineOptions) -> Result<Brain, String> {
    catch_unwind(AssertUnwindSafe(|| load(options))).unwrap_or_else(|panic| {
        let why = panic_message(panic.as_ref());
        Err(format!("loading {} stopped with a defect ({why}); choose another with --model", options.name))
    })
}

fn load(options: &EngineOptions) -> Result<Brain, String> {
    let path = options.path.clone()?;
    let sentence = |error: ModelError| error.to_string();
    let checkpoint = Checkpoint::open(&path, &options.load.overrides).map_err(sentence)?;
    let model = checkpoint.load(&options.name, &options.load).map_err(sentence)?;
    let is_chat = catalog::is_chat_by_name(&options.name);
    let mut brain = Brain::new(model).map_err(sentence)?.tuned_on_chat(is_chat);
    // The first pass packs the weights; better now than when the user waits for it.
    let tried = match brain.model.continuous() {
        None => brain.model.logits(&brain.model.noise().pass(0.5, &[0; 8], &[0]), &|| false).map(drop),
        Some(_) => Ok(()),
    };
    match tried.and_then(|()| brain.self_test()) {
        Ok(warning) => {
            brain.warning = warning;
            Ok(brain)
        }
        Err(DenoiseError::Cancelled) => Err("loading was cancelled".into()),
        Err(DenoiseError::Failed(message)) => Err(message),
    }
}
