//! Where models are: the default one in `assets`, others in the user's data folder, any by its path.
//!
//! The built program finds the default model wherever it is run from: beside the sources it was built from, or beside
//! itself when it was installed together with an `assets` folder.

use std::path::{Path, PathBuf};

/// The model that ships with the program.
pub const DEFAULT_MODEL: &str = "lacuna-135m";

/// A model found on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// What `--model` takes.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// Bytes of its files.
    pub size: u64,
}

/// The folder for a name or path given to `--model`.
///
/// # Errors
/// One sentence when there is no such model.
pub fn find(name: &str) -> Result<PathBuf, String> {
    let path = Path::new(name);
    if path.exists() {
        return Ok(path.to_owned());
    }
    if let Some(found) = installed().into_iter().find(|model| model.name == name) {
        return Ok(found.path);
    }
    if name == DEFAULT_MODEL {
        let looked: Vec<String> = asset_folders().iter().map(|folder| folder.display().to_string()).collect();
        return Err(format!(
            "the default model {name} was looked for in {} and is not there; run lacuna from where it was built, or give --model DIR",
            looked.join(" and ")
        ));
    }
    Err(format!("there is no model {name}: it is no folder, and `lacuna models list` does not show it"))
}

/// All models in the places where models are looked for, the default one first.
pub fn installed() -> Vec<Installed> {
    let mut found: Vec<Installed> = Vec::new();
    for folder in asset_folders().into_iter().chain(user_folder()) {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        let mut models: Vec<Installed> = entries.flatten().filter_map(|entry| model_in(&entry.path())).collect();
        models.sort_by(|a, b| a.name.cmp(&b.name));
        for model in models {
            if found.iter().all(|earlier| earlier.name != model.name) {
                found.push(model);
            }
        }
    }
    found.sort_by_key(|model| model.name != DEFAULT_MODEL);
    found
}

/// Where the user's own models lie, if the system has such a place.
pub fn user_folder() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "lacuna").map(|dirs| dirs.data_dir().join("models"))
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

fn model_in(path: &Path) -> Option<Installed> {
    let name = path.file_name()?.to_str()?.to_owned();
    let files: Vec<_> = std::fs::read_dir(path).ok()?.flatten().collect();
    let is_weights = |path: &Path| path.extension().is_some_and(|kind| kind == "gguf" || kind == "safetensors");
    if !files.iter().any(|file| is_weights(&file.path())) {
        return None;
    }
    let size = files.iter().filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum();
    Some(Installed { name, path: path.to_owned(), size })
}
