//! Which files make a checkpoint: a folder with `config.json` and safetensors or PyTorch's pickles, or a GGUF file with
//! its metadata. Where a folder has several kinds, the first of [`KINDS`] counts.

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
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let Some(kind) = KINDS.iter().find(|kind| kind.extensions.contains(&extension)) else {
            let why = "give a folder with config.json and weights, or a .gguf, .safetensors or .bin file".into();
            return Err(ModelError::NotAModel { path: path.into(), why });
        };
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::open_files(path, folder, kind, &[path.to_owned()], overrides)
    }

    fn open_folder(folder: &Path, overrides: &Overrides) -> Result<Self, ModelError> {
        if let Some(opened) = continuous::open(folder, overrides)? {
            return Ok(opened);
        }
        for kind in &KINDS {
            let files = kind.files_of(folder)?;
            if !files.is_empty() {
                return Self::open_files(folder, folder, kind, &files, overrides);
            }
        }
        let why = "it holds no .safetensors, .gguf or .bin file; fetch the weights too, or give another folder";
        Err(ModelError::NotAModel { path: folder.into(), why: why.into() })
    }

    fn open_files(
        path: &Path,
        folder: &Path,
        kind: &Kind,
        files: &[PathBuf],
        overrides: &Overrides,
    ) -> Result<Self, ModelError> {
        // Read first: what is wrong with it says more than what is wrong with the weights.
        let config = folder.join("config.json");
        let said = if config.is_file() { Some(read_json(&config)?) } else { None };
        let weights = match (kind.open, files) {
            (Some(open), _) => open(path, files)?,
            (None, [file, ..]) => return Self::open_gguf(path, file, overrides),
            (None, []) => return Err(ModelError::NotAModel { path: path.into(), why: "it holds no file".into() }),
        };
        let (config, json) = if let Some(json) = said {
            (config, json)
        } else if family::needs_no_configuration(&weights, overrides) {
            // lit-gpt's own, where somebody kept it.
            let lit = folder.join("lit_config.json");
            let json = if lit.is_file() { read_json(&lit)? } else { Value::Null };
            (if lit.is_file() { lit } else { files[0].clone() }, json)
        } else {
            let why = "its config.json is missing; fetch that file too".into();
            return Err(ModelError::NotAModel { path: folder.into(), why });
        };
        let (architecture, descriptor) = family::from_json(&config, &json, Some(&weights), overrides)?;
        Ok(Self { path: path.into(), descriptor, architecture, weights })
    }

    fn open_gguf(path: &Path, file: &Path, overrides: &Overrides) -> Result<Self, ModelError> {
        let weights = Weights::gguf(file)?;
        let Some(content) = weights.gguf_content() else {
            return Err(ModelError::NotAModel { path: file.into(), why: "it has no GGUF header".into() });
        };
        let (architecture, mut descriptor) = gguf::from_metadata(file, content, overrides)?;
        // A config.json beside it may say what the metadata leaves out.
        let beside = file.with_file_name("config.json");
        // Where it is of no use, the metadata is enough.
        let said = read_json(&beside).and_then(|json| family::from_json(&beside, &json, None, overrides));
        if let Ok((_, said)) = said {
            descriptor.mask = descriptor.mask.or(said.mask);
            descriptor.bos = descriptor.bos.or(said.bos);
            descriptor.eos = descriptor.eos.or(said.eos);
        }
        Ok(Self { path: path.into(), descriptor, architecture, weights })
    }

    /// How many logits a row has.
    pub fn vocabulary_size(&self) -> usize {
        self.architecture.vocab()
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

/// Opens files; the path is what the user gave.
type Open = fn(&Path, &[PathBuf]) -> Result<Weights, ModelError>;

/// A kind of file that weights come in.
struct Kind {
    extensions: &'static [&'static str],
    /// What the one file is called that other files beside it do not count against, and its index with parts:
    /// `NAME.index.json`.
    whole: &'static str,
    /// Files of the kind that hold something else: training state, and the numbers of golden fixtures.
    others: &'static [&'static str],
    /// Opens them; none for a file that carries its own configuration.
    open: Option<Open>,
}

const KINDS: [Kind; 3] = [
    Kind {
        extensions: &["safetensors"],
        whole: "model.safetensors",
        others: &["logits", "trace", "cont_tensors"],
        open: Some(Weights::safetensors),
    },
    Kind { extensions: &["gguf"], whole: "model.gguf", others: &[], open: None },
    Kind {
        extensions: &["bin", "pth", "pt"],
        whole: "pytorch_model.bin",
        others: &["training_args", "optimizer", "scheduler", "rng_state"],
        open: Some(Weights::pickles),
    },
];

impl Kind {
    /// The files of a folder: those that the index names, or the one that is there.
    fn files_of(&self, folder: &Path) -> Result<Vec<PathBuf>, ModelError> {
        let index = folder.join(format!("{}.index.json", self.whole));
        if index.is_file() {
            return parts_of(folder, &index);
        }
        let whole = folder.join(self.whole);
        if whole.is_file() {
            return Ok(vec![whole]);
        }
        let mut files = Vec::new();
        for extension in self.extensions {
            files.extend(with_extension(folder, extension)?);
        }
        let name = |file: &Path| file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.retain(|file| !self.others.iter().any(|other| name(file).starts_with(other)));
        if files.len() > 1 {
            let kind = self.extensions[0];
            let why = format!("it holds several .{kind} files and no index that orders them; give the path of one");
            return Err(ModelError::NotAModel { path: folder.into(), why });
        }
        Ok(files)
    }
}

/// The files that an index names.
fn parts_of(folder: &Path, index: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let json = read_json(index)?;
    let damaged = |why: &str| ModelError::Damaged { path: index.into(), why: why.into() };
    let map = json.get("weight_map").and_then(Value::as_object).ok_or_else(|| damaged("it has no weight_map"))?;
    let mut names = BTreeSet::new();
    for name in map.values() {
        names.insert(name.as_str().ok_or_else(|| damaged("weight_map holds something that is no file name"))?);
    }
    let files: Vec<PathBuf> = names.into_iter().map(|name| folder.join(name)).collect();
    match files.iter().find(|file| !file.is_file()) {
        None => Ok(files),
        Some(file) => {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let why = format!("its part {} is missing; fetch that file too", name.escape_debug());
            Err(ModelError::NotAModel { path: folder.into(), why })
        }
    }
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
