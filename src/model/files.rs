//! Which files make a checkpoint: a folder with `config.json` and safetensors, or a GGUF file with its metadata.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::config::{Descriptor, Overrides};
use super::continuous;
use super::error::ModelError;
use super::family::{self, Architecture};
use super::gguf;
use super::weights::{TensorReport, Weights};

/// A checkpoint whose headers have been read and whose tensors have not.
pub struct Checkpoint {
    /// The folder or file that was asked for.
    pub path: PathBuf,
    /// How it is asked.
    pub descriptor: Descriptor,
    pub(crate) architecture: Box<dyn Architecture>,
    pub(crate) weights: Weights,
}

impl Checkpoint {
    /// Opens a folder, or a `.gguf` file.
    ///
    /// # Errors
    /// Everything that can be told without reading tensors: no checkpoint there, damaged headers, a configuration
    /// with missing or impossible keys, an unsupported kind of network.
    pub fn open(path: &Path, overrides: &Overrides) -> Result<Self, ModelError> {
        if path.is_dir() {
            return Self::open_folder(path, overrides);
        }
        if !path.exists() {
            let why = "there is no such file or folder; `lacuna models list` shows what is installed".into();
            return Err(ModelError::NotAModel { path: path.into(), why });
        }
        if path.extension().is_some_and(|extension| extension == "gguf") {
            return Self::open_gguf(path, path, overrides);
        }
        let why = "give a folder with config.json and weights, or a .gguf file".into();
        Err(ModelError::NotAModel { path: path.into(), why })
    }

    fn open_folder(folder: &Path, overrides: &Overrides) -> Result<Self, ModelError> {
        if let Some(opened) = continuous::open(folder, overrides)? {
            return Ok(opened);
        }
        let safetensors = safetensors_of(folder)?;
        if safetensors.is_empty() {
            let mut ggufs = with_extension(folder, "gguf")?;
            return match (ggufs.pop(), ggufs.is_empty()) {
                (Some(file), true) => Self::open_gguf(folder, &file, overrides),
                (Some(_), false) => {
                    let why = "it holds several .gguf files; give the path of one".into();
                    Err(ModelError::NotAModel { path: folder.into(), why })
                }
                (None, _) => {
                    let why =
                        "it holds no .safetensors and no .gguf file; fetch the weights too, or give another folder"
                            .into();
                    Err(ModelError::NotAModel { path: folder.into(), why })
                }
            };
        }
        let config = folder.join("config.json");
        if !config.is_file() {
            let why = "its config.json is missing; fetch that file too".into();
            return Err(ModelError::NotAModel { path: folder.into(), why });
        }
        let (architecture, descriptor) = family::from_json(&config, &read_json(&config)?, overrides)?;
        let weights = Weights::safetensors(folder, &safetensors)?;
        Ok(Self { path: folder.into(), descriptor, architecture, weights })
    }

    fn open_gguf(path: &Path, file: &Path, overrides: &Overrides) -> Result<Self, ModelError> {
        let weights = Weights::gguf(file)?;
        let Some(content) = weights.gguf_content() else {
            return Err(ModelError::NotAModel { path: file.into(), why: "it has no GGUF header".into() });
        };
        let (architecture, mut descriptor) = gguf::from_metadata(file, content, overrides)?;
        // A config.json beside it may say what the metadata leaves out.
        let beside = file.with_file_name("config.json");
        if beside.is_file() {
            let (_, said) = family::from_json(&beside, &read_json(&beside)?, overrides)?;
            descriptor.mask = descriptor.mask.or(said.mask);
            descriptor.bos = descriptor.bos.or(said.bos);
            descriptor.eos = descriptor.eos.or(said.eos);
        }
        Ok(Self { path: path.into(), descriptor, architecture, weights })
    }

    /// What `models show` tells of the network: label and value.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let architecture = &self.architecture;
        let mut facts = vec![("weights", format!("{:.1} million", architecture.parameters() as f64 / 1e6))];
        facts.extend(architecture.facts());
        facts.push(("vocabulary", architecture.vocab().to_string()));
        facts.push(("context", format!("{} tokens", architecture.context())));
        facts
    }

    /// Compares the tensors' names and shapes with the configuration.
    pub fn report(&self) -> TensorReport {
        self.weights.report(&self.architecture.expected())
    }

    /// The same as an error when anything is missing or misshapen.
    pub(crate) fn check_tensors(&self) -> Result<(), ModelError> {
        let report = self.report();
        if report.missing.is_empty() && report.misshapen.is_empty() {
            return Ok(());
        }
        let TensorReport { missing, misshapen, .. } = report;
        Err(ModelError::Tensors { path: self.path.clone(), missing, misshapen })
    }

    /// Where `tokenizer.json` would be.
    pub(crate) fn folder(&self) -> &Path {
        if self.path.is_dir() { &self.path } else { self.path.parent().unwrap_or(Path::new(".")) }
    }
}

/// Reads a JSON file.
pub(crate) fn read_json(path: &Path) -> Result<Value, ModelError> {
    let bytes = std::fs::read(path).map_err(|source| ModelError::Read { path: path.into(), source })?;
    serde_json::from_slice(&bytes).map_err(|error| ModelError::Damaged { path: path.into(), why: error.to_string() })
}

/// The safetensors files of a folder: those that the index names, or the one that is there.
fn safetensors_of(folder: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let index = folder.join("model.safetensors.index.json");
    if index.is_file() {
        let json = read_json(&index)?;
        let damaged = |why: &str| ModelError::Damaged { path: index.clone(), why: why.into() };
        let map = json.get("weight_map").and_then(Value::as_object).ok_or_else(|| damaged("it has no weight_map"))?;
        let mut names = BTreeSet::new();
        for name in map.values() {
            names.insert(name.as_str().ok_or_else(|| damaged("weight_map holds something that is no file name"))?);
        }
        let files: Vec<PathBuf> = names.into_iter().map(|name| folder.join(name)).collect();
        return match files.iter().find(|file| !file.is_file()) {
            None => Ok(files),
            Some(file) => {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                let why = format!("its part {name} is missing; fetch that file too");
                Err(ModelError::NotAModel { path: folder.into(), why })
            }
        };
    }
    let whole = folder.join("model.safetensors");
    if whole.is_file() {
        return Ok(vec![whole]);
    }
    let mut files = with_extension(folder, "safetensors")?;
    // Golden fixtures keep logits beside the weights.
    files.retain(|file| !file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("logits")));
    if files.len() > 1 {
        let why = "it holds several .safetensors files and no model.safetensors.index.json that orders them".into();
        return Err(ModelError::NotAModel { path: folder.into(), why });
    }
    Ok(files)
}

fn with_extension(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, ModelError> {
    let entries = std::fs::read_dir(folder).map_err(|source| ModelError::Read { path: folder.into(), source })?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|found| found == extension) && path.is_file())
        .collect();
    files.sort();
    Ok(files)
}
