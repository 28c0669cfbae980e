//! Networks that are shown a vector at each position: Plaid, Diffusion-LM, SSD-LM and TESS 2.
//!
//! A loaded one is the [`ContinuousModel`] in a [`Model`](super::Model); how it is run is `diffusion::continuous`. Here
//! is only what the networks compute. TESS 2 is told by its `config.json`; the others come as the files of a training
//! run, so that the files that lie in the folder say what it is ([`open`]), and the tensors' shapes what no file says.

mod diffusion_lm;
mod plaid;
mod ssd_lm;
pub(crate) mod tess2;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::config::{Descriptor, Overrides};
use super::error::ModelError;
use super::family::Architecture;
use super::files::Checkpoint;
use super::layers::Packing;
use super::weights::Weights;
use super::{LoadOptions, LoadedNetwork};
use crate::diffusion::continuous::{Choices, ContinuousDenoiser, Noised, Prediction, Process};
use crate::diffusion::vocabulary::Vocabulary;
use crate::diffusion::{DenoiseError, TokenId};

/// What loads as a network on vectors.
pub(crate) trait VectorArchitecture: Sync {
    /// Reads all tensors. The caller has compared names and shapes before.
    fn load_vectors(
        &self,
        weights: &Weights,
        packing: Packing,
        device: &Device,
    ) -> Result<Box<dyn VectorNetwork>, ModelError>;
}

/// A loaded network on vectors; see [`ContinuousDenoiser`], whose methods these are.
pub(crate) trait VectorNetwork: Send + Sync {
    fn width(&self) -> usize;

    /// Not asked of networks on the simplex.
    fn embed(&self, _tokens: &[TokenId]) -> Result<Vec<f32>, ModelError> {
        Ok(Vec::new())
    }

    fn process(&self, choices: &Choices) -> Process;

    /// How many steps, where nobody says.
    fn steps(&self) -> usize;

    /// The caller has checked lengths.
    fn predict(&mut self, noised: &Noised<'_>, cancelled: &(dyn Fn() -> bool + Sync))
    -> Result<Prediction, ModelError>;
}

/// What denoises vectors in a loaded model.
pub struct ContinuousModel {
    vocabulary: Vocabulary,
    network: Box<dyn VectorNetwork>,
    context: usize,
    pool: Arc<rayon::ThreadPool>,
}

impl ContinuousModel {
    pub(super) fn new(
        network: Box<dyn VectorNetwork>,
        vocabulary: Vocabulary,
        context: usize,
        pool: Arc<rayon::ThreadPool>,
    ) -> Self {
        Self { vocabulary, network, context, pool }
    }
}

impl Checkpoint {
    /// Whether this is a model of vectors: then the loaded one has a [`ContinuousModel`] and denoises no tokens.
    pub fn is_continuous(&self) -> bool {
        self.architecture.vectors().is_some()
    }

    /// Reads a model of vectors for what needs neither its text nor its name.
    ///
    /// # Errors
    /// As [`Checkpoint::load`], and [`ModelError::Input`] for a model of tokens.
    pub fn load_continuous(self, name: &str, options: &LoadOptions) -> Result<ContinuousModel, ModelError> {
        match self.load(name, options)?.network {
            LoadedNetwork::Vectors(vectors) => Ok(*vectors),
            LoadedNetwork::Tokens(_) => Err(ModelError::Input(format!("{name} denoises tokens, not vectors"))),
        }
    }
}

impl ContinuousDenoiser for ContinuousModel {
    fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    fn width(&self) -> usize {
        self.network.width()
    }

    fn context(&self) -> usize {
        self.context
    }

    fn embed(&self, tokens: &[TokenId]) -> Result<Vec<f32>, DenoiseError> {
        if tokens.is_empty() {
            return Ok(Vec::new());
        }
        self.pool.install(|| self.network.embed(tokens)).map_err(told)
    }

    fn process(&self, choices: &Choices) -> Process {
        self.network.process(choices)
    }

    fn steps(&self) -> usize {
        self.network.steps()
    }

    fn predict(
        &mut self,
        noised: &Noised<'_>,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Prediction, DenoiseError> {
        let (n, width) = (noised.known.len(), self.network.width());
        if n == 0 || n > self.context || noised.state.len() != n * width {
            let (found, context) = (noised.state.len(), self.context);
            let why = format!(
                "{n} positions with {found} numbers; the model takes 1 to {context} positions of {width} numbers each"
            );
            return Err(DenoiseError::Failed(why));
        }
        if let Some(token) = noised.known.iter().flatten().find(|token| **token as usize >= self.vocabulary.size()) {
            return Err(DenoiseError::Failed(format!("token id {token} is outside the vocabulary")));
        }
        self.pool.install(|| self.network.predict(noised, cancelled)).map_err(told)
    }
}

fn told(error: ModelError) -> DenoiseError {
    match error {
        ModelError::Cancelled => DenoiseError::Cancelled,
        other => DenoiseError::Failed(other.to_string()),
    }
}

/// A shape and how it is asked, or what is wrong with the files.
type Described = Result<(Box<dyn Architecture>, Descriptor), ModelError>;

/// A kind of training folder.
struct Kind {
    family: &'static str,
    /// Of each of these lists, one file is in the folder.
    files: &'static [&'static [&'static str]],
    /// Safetensors that hold the tensors, where somebody converted them.
    converted: &'static [&'static str],
    /// Else PyTorch's files (`*` stands for anything; the last one counts), and what comes before the names in each.
    pickled: &'static [(&'static str, &'static str)],
    read: fn(&Path, &Weights) -> Described,
}

const KINDS: [Kind; 3] = [
    Kind {
        family: "ssd-lm",
        files: &[&["config.json"], &["embed_sum_layer.pt", "extra_layers.safetensors"]],
        converted: &["model.safetensors", "extra_layers.safetensors"],
        pickled: &[
            ("pytorch_model.bin", ""),
            ("embed_sum_layer.pt", "embed_sum_layer."),
            ("timestep_layer.pt", "timestep_layer."),
        ],
        read: ssd_lm::read,
    },
    Kind {
        family: "plaid",
        files: &[&["noise_schedule.pt"], &["embedding_matrix.pt"], &["gamma_bounds.pt"]],
        converted: &["model.safetensors"],
        pickled: &[
            ("model.pt", "model."),
            ("noise_schedule.pt", "noise_schedule."),
            ("embedding_matrix.pt", "embedding_matrix."),
            ("gamma_bounds.pt", "gamma_bounds."),
        ],
        read: plaid::read,
    },
    Kind {
        family: "diffusion-lm",
        files: &[&["training_args.json"]],
        converted: &["model.safetensors"],
        pickled: &[("ema_*.pt", "")],
        read: diffusion_lm::read,
    },
];

/// Opens a training folder of one of these models; none where it is no such folder.
///
/// # Errors
/// A folder of one of them that lacks weights or holds damaged ones.
pub(crate) fn open(folder: &Path, overrides: &Overrides) -> Result<Option<Checkpoint>, ModelError> {
    let holds = |name: &str| folder.join(name).is_file();
    let fits = |kind: &&Kind| match &overrides.family {
        Some(family) => family == kind.family,
        None => kind.files.iter().all(|names| names.iter().any(|name| holds(name))),
    };
    let Some(kind) = KINDS.iter().find(fits) else { return Ok(None) };
    let weights = if kind.converted.iter().all(|name| holds(name)) {
        let files: Vec<_> = kind.converted.iter().map(|name| folder.join(name)).collect();
        Weights::safetensors(folder, &files)?
    } else {
        let find = |(name, before): &(&str, &'static str)| Ok((find(folder, name)?, *before));
        let files: Vec<_> = kind.pickled.iter().map(find).collect::<Result<_, ModelError>>()?;
        Weights::pickles_under(folder, &files)?
    };
    let (architecture, descriptor) = (kind.read)(folder, &weights)?;
    let descriptor = Descriptor { family: kind.family.into(), ..descriptor }.with(overrides);
    Ok(Some(Checkpoint { path: folder.into(), descriptor, architecture, weights }))
}

/// A file of this name; of several that fit, the one of the most training steps, whose name is the longest or last.
fn find(folder: &Path, name: &str) -> Result<PathBuf, ModelError> {
    let (start, end) = name.split_once('*').unwrap_or((name, ""));
    let entries = std::fs::read_dir(folder).map_err(|source| ModelError::Read { path: folder.into(), source })?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let fits = |found: &String| {
        if name.contains('*') { found.starts_with(start) && found.ends_with(end) } else { found == name }
    };
    let found = names.filter(fits).max_by_key(|found| (found.len(), found.clone()));
    let found = found.ok_or_else(|| {
        let why = format!("its {name} is missing; fetch that file too");
        ModelError::NotAModel { path: folder.into(), why }
    })?;
    Ok(folder.join(found))
}

/// Numbers of a slice as (rows, width) in the working type.
fn tensor(numbers: &[f64], width: usize, like: &Tensor) -> candle_core::Result<Tensor> {
    let numbers: Vec<f32> = numbers.iter().map(|number| *number as f32).collect();
    Tensor::from_vec(numbers, ((), width), like.device())?.to_dtype(like.dtype())
}

/// All numbers of a tensor.
fn numbers(x: &Tensor) -> candle_core::Result<Vec<f32>> {
    x.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}
