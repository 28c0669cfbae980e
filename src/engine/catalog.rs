//! Where models are: the default one in `assets`, the user's own in the data folder or named in `[models]` of `config.toml`,
//! those in the hub's cache, any by its path.
//!
//! The built program finds the default model wherever it is run from: beside the sources it was built from, or beside
//! itself when it was installed together with an `assets` folder. [`known`] is the table of published models,
//! [`settings`] what the user says about his own, [`memory`] what fits. Nothing here opens a connection.

pub mod known;
pub mod memory;
pub mod settings;

use std::path::{Path, PathBuf};

use super::hub;
use crate::diffusion::spec::nearest;
use known::{Known, Tuned};
use settings::Described;

/// The model that ships with the program.
pub const DEFAULT_MODEL: &str = "lacuna-135m";

/// Where a model was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It ships with the program.
    Shipped,
    /// A folder among the user's own models.
    User,
    /// The cache that all programs for the hub share.
    Hub,
    /// A path in `[models]` of `config.toml`.
    Settings,
}

/// A model found on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// What `--model` takes.
    pub name: String,
    /// Its folder or file.
    pub path: PathBuf,
    /// Bytes of its files.
    pub size: u64,
    /// Where it was found.
    pub place: Place,
}

impl Installed {
    /// What is known about it, where it is a published model.
    pub fn known(&self) -> Option<&'static Known> {
        known::by_name(&self.name)
    }

    /// The most memory it takes, in bytes.
    pub fn memory(&self) -> u64 {
        memory::needed(self.size)
    }
}

/// A model that was asked for by name or path.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// What it is called on the screen.
    pub name: String,
    /// Its folder or file.
    pub path: PathBuf,
    /// What the user's settings say about it.
    pub described: Described,
}

impl Found {
    /// Whether it was tuned on conversations: the settings say so, or it is a published model that was.
    pub fn is_chat(&self) -> bool {
        is_chat(&self.name, &self.described)
    }
}

fn is_chat(name: &str, described: &Described) -> bool {
    described.chat.unwrap_or_else(|| known::by_name(name).is_some_and(|known| known.tuned == Tuned::Chat))
}

/// Whether a model of this name was tuned on conversations, as far as the settings and the table know.
pub(super) fn is_chat_by_name(name: &str) -> bool {
    let entries = described().unwrap_or_default();
    let entry = entries.into_iter().find(|(entry, _)| entry == name);
    is_chat(name, &entry.map(|(_, said)| said).unwrap_or_default())
}

/// The folder or file for a name or path given to `--model`.
///
/// # Errors
/// One sentence when there is no such model.
pub fn find(name: &str) -> Result<PathBuf, String> {
    resolve(name).map(|found| found.path)
}

/// The same with its name and what the user's settings say about it. A bare word is a name first and a path only if no
/// model is called so: a folder that happens to lie here stands in the way of none.
///
/// # Errors
/// One sentence when there is no such model, or when the settings that may name it cannot be read; what is named by its
/// path, and the default model, do not depend on them.
pub fn resolve(name: &str) -> Result<Found, String> {
    let settings = described();
    let entries = settings.as_deref().unwrap_or_default();
    let entry = |name: &str| entries.iter().find(|(entry, _)| entry == name).map(|(_, said)| said.clone());
    let at_path = || {
        let path = Path::new(name);
        let name = path.exists().then(|| name_of(path))?;
        Some(Found { described: entry(&name).unwrap_or_default(), path: path.to_owned(), name })
    };
    if name.contains(std::path::is_separator)
        && let Some(found) = at_path()
    {
        return Ok(found);
    }
    if let Some(said) = entry(name).filter(|said| said.path.is_some()) {
        let path = said.path.clone().unwrap_or_default();
        return Ok(Found { name: name.to_owned(), path, described: said });
    }
    if let Some(model) = installed().into_iter().find(|model| is_called(model, name)) {
        // What the settings say of it may be what it cannot do without.
        if let Err(why) = &settings
            && model.name != DEFAULT_MODEL
        {
            return Err(why.clone());
        }
        let described = entry(name).or_else(|| entry(&model.name)).unwrap_or_default();
        return Ok(Found { name: model.name, path: model.path, described });
    }
    if let Some(found) = at_path() {
        return Ok(found);
    }
    // It may stand in a part of the settings that cannot be read.
    settings?;
    Err(match settings::first_mistake() {
        Some(mistake) => format!("{}; the settings have a mistake: {mistake}", missing(name)),
        None => missing(name),
    })
}

/// Whether a name means this model: its own name, or its repository's.
fn is_called(model: &Installed, name: &str) -> bool {
    model.name == name || model.known().is_some_and(|known| known::by_name(name) == Some(known))
}

fn missing(name: &str) -> String {
    if name == DEFAULT_MODEL {
        let looked: Vec<String> = asset_folders().iter().map(|folder| folder.display().to_string()).collect();
        return format!(
            "the default model {name} was looked for in {} and is not there; run lacuna from where it was built, or give --model DIR",
            looked.join(" and ")
        );
    }
    let path = Path::new(name);
    if path.has_root() || name.starts_with('.') || path.extension().is_some_and(|end| end == "gguf") {
        return format!(
            "there is no model {name}: no such file or folder is there; `lacuna models list` shows what is installed"
        );
    }
    if let Some(known) = known::by_name(name) {
        let size = words(u64::from(known.megabytes) * 1_000_000);
        return format!("{name} is not on this machine; `lacuna models pull {}` fetches it ({size})", known.name);
    }
    let near = nearest(name, known::KNOWN.iter().map(|known| known.name));
    format!(
        "there is no model {name}: it is no folder, and `lacuna models list` does not show it; the nearest known name is {near}"
    )
}

/// What to call the model at a path: the repository's name inside the hub's cache, else that of the file or folder.
fn name_of(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if let Some(repo) = whole.ancestors().find_map(hub::repo_of) {
        return called(&repo);
    }
    whole.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// The short name of a repository, where there is one.
fn called(repo: &str) -> String {
    known::by_name(repo).map_or_else(|| repo.to_owned(), |known| known.name.to_owned())
}

/// The user's descriptors.
///
/// # Errors
/// `file:line: ` and one sentence.
pub fn described() -> Result<Vec<(String, Described)>, String> {
    settings::read_all()
}

/// All models in the places where models are looked for, the default one first. Of two with one name the first counts:
/// settings before the user's folder, that before the hub's cache.
pub fn installed() -> Vec<Installed> {
    let mut found: Vec<Installed> = Vec::new();
    let mut add = |model: Installed| {
        if found.iter().all(|earlier| earlier.name != model.name) {
            found.push(model);
        }
    };
    // What is wrong with the settings is said by whoever asks for a model.
    for (name, said) in described().unwrap_or_default() {
        if let Some((path, size)) = said.path.and_then(|path| Some((path.clone(), size_of(&path)?))) {
            add(Installed { name, path, size, place: Place::Settings });
        }
    }
    for folder in asset_folders() {
        models_in(&folder, Place::Shipped).into_iter().for_each(&mut add);
    }
    if let Some(folder) = user_folder() {
        models_in(&folder, Place::User).into_iter().for_each(&mut add);
    }
    for (repo, path) in hub::cache_folder().map_or_else(Vec::new, |cache| hub::snapshots(&cache)) {
        if let Some(size) = size_of(&path) {
            add(Installed { name: called(&repo), path, size, place: Place::Hub });
        }
    }
    found.sort_by_key(|model| model.name != DEFAULT_MODEL);
    found
}

/// Published models that are not on this machine.
pub fn absent(installed: &[Installed]) -> Vec<&'static Known> {
    known::KNOWN.iter().filter(|known| installed.iter().all(|model| !is_called(model, known.name))).collect()
}

/// Where the user's own models lie, if the system has such a place.
pub fn user_folder() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "lacuna").map(|dirs| dirs.data_dir().join("models"))
}

/// A number of bytes as people say it.
pub fn words(bytes: u64) -> String {
    match bytes as f64 {
        bytes if bytes >= 1e9 => format!("{:.1} GB", bytes / 1e9),
        bytes if bytes >= 1e6 => format!("{:.0} MB", bytes / 1e6),
        bytes => format!("{:.0} kB", bytes / 1e3),
    }
}

/// Folders that may hold the shipped model: those beside the program first, then the sources' own.
fn asset_folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Some(program) = std::env::current_exe().ok().and_then(|path| path.canonicalize().ok()) {
        let beside = program.ancestors().skip(1).take(2);
        folders.extend(beside.flat_map(|folder| [folder.join("assets"), folder.join("share/lacuna")]));
    }
    folders.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets"));
    folders
}

fn models_in(folder: &Path, place: Place) -> Vec<Installed> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let model = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.to_owned();
        Some(Installed { name, size: size_of(&path)?, path, place })
    };
    let mut models: Vec<Installed> = entries.flatten().filter_map(|entry| model(entry.path())).collect();
    models.sort_by(|a, b| a.name.cmp(&b.name));
    models
}

/// Bytes of a model's files; `None` where there are no weights.
pub fn size_of(path: &Path) -> Option<u64> {
    let is_weights = |path: &Path| {
        path.extension()
            .is_some_and(|kind| ["gguf", "safetensors", "bin", "pth", "pt"].iter().any(|known| kind == *known))
    };
    let length = |path: &Path| std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|file| file.len());
    if path.is_file() {
        return length(path).filter(|_| is_weights(path));
    }
    let files: Vec<PathBuf> = std::fs::read_dir(path).ok()?.flatten().map(|file| file.path()).collect();
    files.iter().any(|file| is_weights(file)).then(|| files.iter().filter_map(|file| length(file)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_in_words() {
        assert_eq!([words(990_000_000), words(15_200_000_000), words(1_234)], ["990 MB", "15.2 GB", "1 kB"]);
    }

    #[test]
    fn a_model_in_the_hubs_cache_is_called_by_its_repository() {
        let path = Path::new("/cache/hub/models--some--thing/snapshots/0123abcd");
        assert_eq!(name_of(path), "some/thing");
        let path = Path::new("/cache/hub/models--fredzzp--open-dcoder-0.5B/snapshots/0123abcd");
        assert_eq!(name_of(path), "open-dcoder-0.5b");
        assert_eq!(name_of(Path::new("/models/mine")), "mine");
    }

    #[test]
    fn what_is_missing_is_told_with_the_way_to_get_it() {
        assert!(missing("Dream-org/DreamOn-v0-7B").contains("`lacuna models pull dreamon-7b` fetches it (15.2 GB)"));
        assert!(missing("dreamon").contains("the nearest known name is dreamon-7b"));
    }

    #[test]
    fn published_chat_models_are_known_as_such_unless_the_user_says_otherwise() {
        let mut found = Found { name: "qwen3-0.6b-mdlm".into(), ..Found::default() };
        assert!(found.is_chat());
        found.described.chat = Some(false);
        assert!(!found.is_chat());
        assert!(!Found { name: "mine".into(), ..Found::default() }.is_chat());
    }
}
