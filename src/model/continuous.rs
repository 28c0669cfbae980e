//! Networks that are shown a vector at each position: Plaid, Diffusion-LM, SSD-LM and TESS 2.
//!
//! A loaded one is a [`ContinuousModel`]; how it is run is `diffusion::continuous`. Here is only what the networks
//! compute. TESS 2 is told by its `config.json`; the others come as the files of a training run, so that the files that
//! lie in the folder say what it is ([`open`]), and the tensors' shapes what no file says.

mod diffusion_lm;
mod plaid;
mod ssd_lm;
pub(crate) mod tess2;

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};

use super::config::{Descriptor, Overrides};
use super::error::ModelError;
use super::family::Architecture;
use super::files::Checkpoint;
use super::layers::Packing;
use super::tokenizer::Tokenizer;
use super::weights::Weights;
use super::{LoadOptions, device};
use crate::diffusion::continuous::{Choices, ContinuousDenoiser, Noised, Prediction, Process};
use crate::diffusion::vocabulary::Vocabulary;
use crate::diffusion::{DenoiseError, TokenId};

/// What loads as a network on vectors.
pub(crate) trait VectorArchitecture {
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

    /// The caller has checked lengths.
    fn predict(&mut self, noised: &Noised<'_>, cancelled: &(dyn Fn() -> bool + Sync))
    -> Result<Prediction, ModelError>;
}

/// A loaded model that denoises vectors.
pub struct ContinuousModel {
    /// A short name for people.
    pub name: String,
    /// How it is asked; it has no mask.
    pub descriptor: Descriptor,
    /// Number of weights.
    pub parameters: u64,
    tokenizer: Option<Tokenizer>,
    vocabulary: Vocabulary,
    network: Box<dyn VectorNetwork>,
    context: usize,
    device: &'static str,
    pool: rayon::ThreadPool,
}

impl Checkpoint {
    /// Whether this is a model of vectors, to be loaded with [`Checkpoint::load_continuous`].
    pub fn is_continuous(&self) -> bool {
        self.architecture.vectors().is_some()
    }

    /// Reads the tensors and the tokenizer of a model of vectors.
    ///
    /// # Errors
    /// As [`Checkpoint::load`], and [`ModelError::Input`] for a model of tokens.
    pub fn load_continuous(self, name: &str, options: &LoadOptions) -> Result<ContinuousModel, ModelError> {
        self.check_tensors()?;
        let (device, dtype, packing) = device::open(options.device, options.dtype)?;
        let tokenizer = self.tokenizer(options)?;
        let size = self.architecture.vocab();
        let banned = tokenizer
            .iter()
            .flat_map(|tokenizer| tokenizer.textless().chain(tokenizer.size() as TokenId..size as TokenId));
        // There is no mask: its id is the first one that no token has.
        let vocabulary = Vocabulary::new(size, size as TokenId, self.descriptor.eos, banned)
            .map_err(|error| ModelError::Input(format!("{}: {error}", self.path.display())))?;
        let Self { path, architecture, descriptor, weights } = self;
        let weights = weights.working_on(device.clone(), dtype);
        let vectors = architecture.vectors();
        let vectors = vectors.ok_or_else(|| ModelError::Input(format!("{} denoises tokens", path.display())))?;
        Ok(ContinuousModel {
            name: name.to_owned(),
            parameters: architecture.parameters(),
            context: architecture.context(),
            network: vectors.load_vectors(&weights, packing, &device)?,
            device: device::name(&device),
            pool: device::pool(options.threads)?,
            descriptor,
            tokenizer,
            vocabulary,
        })
    }
}

impl ContinuousModel {
    /// The tokenizer, where the checkpoint came with one.
    pub fn tokenizer(&self) -> Option<&Tokenizer> {
        self.tokenizer.as_ref()
    }

    /// `cpu`, `cuda` or `metal`.
    pub fn device(&self) -> &'static str {
        self.device
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
