//! Networks on candle: token ids in, logits out.
//!
//! Read [`Checkpoint`] first (which files make a model), then [`Model`] (a loaded one), then `family`: the table of
//! families and the two traits that every architecture has. Each architecture is one file (`decoder` is the Llama- and
//! Qwen-shaped one); families that share it differ in data, not in copies of code.
//!
//! **Invariants.** This floor chooses no token, draws no random number and bans nothing of its own accord: it hands
//! over raw rows. It opens no connection, and reads no environment variable. No candle type leaves it. All candle
//! work happens inside the model's own thread pool, whose size changes the speed and never a bit of the result.

pub mod chat;
pub mod config;
mod continuous;
mod ddit;
mod decoder;
mod descriptors;
pub mod device;
mod encoder;
pub mod error;
pub mod export;
mod family;
mod files;
mod gguf;
mod gpt2;
mod kernel;
mod layers;
mod lfm2;
mod moe;
mod pickle;
pub mod tokenizer;
mod weights;

use std::path::PathBuf;
use std::sync::Arc;

use crate::diffusion::noise::Noise;
use crate::diffusion::vocabulary::{Controls, Said, Vocabulary};
use crate::diffusion::{DenoiseError, Denoiser, Logits, Pass};

pub use chat::ChatFormat;
pub use config::{Attention, Descriptor, Overrides};
pub use continuous::ContinuousModel;
pub use device::{DeviceChoice, DtypeChoice};
pub use error::ModelError;
pub use family::Input;
pub use files::Checkpoint;
pub use kernel::race::Race;

pub use tokenizer::Tokenizer;
pub use weights::TensorReport;

use family::Network;

/// How a model is to be loaded.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Where it runs.
    pub device: DeviceChoice,
    /// What it computes in.
    pub dtype: DtypeChoice,
    /// Threads on the CPU, at least 1.
    pub threads: usize,
    /// What the user says beyond the files.
    pub overrides: Overrides,
    /// A `tokenizer.json`, or a folder with one, elsewhere than beside the weights.
    pub tokenizer: Option<PathBuf>,
    /// Whether it is loaded though nobody names its mask token: for what needs none.
    pub maskless: bool,
    /// Bytes of memory of this machine, where they are known: what can never fit is refused.
    pub machine: Option<u64>,
}

/// A loaded model.
pub struct Model {
    /// A short name for people.
    pub name: String,
    /// How it is asked.
    pub descriptor: Descriptor,
    /// Number of weights.
    pub parameters: u64,
    /// How a conversation is written for it, or why it was not made for any.
    pub chat: Result<ChatFormat, String>,
    tokenizer: Option<Tokenizer>,
    vocabulary: Vocabulary,
    network: LoadedNetwork,
    /// Ids that the network embeds.
    embedded: usize,
    context: usize,
    device: &'static str,
    pool: Arc<rayon::ThreadPool>,
}

/// A network of either kind.
enum LoadedNetwork {
    Tokens(Box<dyn Network>),
    Vectors(Box<ContinuousModel>),
}

impl Checkpoint {
    /// Reads the tensors and the tokenizer.
    ///
    /// # Errors
    /// Tensors that do not fit the configuration, a damaged file, a tokenizer of another model, a mask token that
    /// nobody names, a device that is not there.
    pub fn load(self, name: &str, options: &LoadOptions) -> Result<Model, ModelError> {
        self.check_tensors()?;
        let (device, dtype, packing) = device::open(options.device, options.dtype)?;
        self.check_memory(options.machine.filter(|_| device.is_cpu()), packing.bytes(dtype))?;
        let tokenizer = self.tokenizer(options)?;
        let named = self.descriptor.mask.or_else(|| tokenizer.as_ref().and_then(Tokenizer::mask));
        // Vectors have no mask: a hole's id is the first one that no token has.
        let own = self.is_continuous().then(|| self.architecture.vocab() as u32);
        let mask = own.map(|own| options.overrides.mask.unwrap_or(own)).or(named);
        // A model that may go without has one that no canvas holds: the first id that is not embedded.
        let none = (options.maskless && mask.is_none()).then(|| self.architecture.embedded() as u32);
        let mask = mask.or(none).ok_or_else(|| ModelError::NoMask { path: self.path.clone() })?;
        let vocabulary = self.vocabulary(mask, none.is_some(), tokenizer.as_ref())?;
        let chat = chat::find(self.folder(), self.weights.gguf_content());
        let Self { architecture, mut descriptor, weights, .. } = self;
        descriptor.mask = Some(mask).filter(|_| none.is_none());
        // DreamOn's tokenizer names the token that no other file does.
        let expand = tokenizer.as_ref().and_then(|tokenizer| tokenizer.id_of("<|expand|>"));
        descriptor.elastic |= expand.is_some();
        descriptor.expand = expand.or(descriptor.expand);
        let descriptor = descriptor.with(&options.overrides);
        let Descriptor { expand, delete, .. } = descriptor;
        let vocabulary = vocabulary.with_controls(Controls { expand, delete });
        let weights = weights.working_on(device.clone(), dtype);
        let pool = Arc::new(device::pool(options.threads)?);
        let network = match architecture.vectors() {
            None => LoadedNetwork::Tokens(pool.install(|| architecture.load(&weights, packing, &device))?),
            Some(vectors) => {
                let network = pool.install(|| vectors.load_vectors(&weights, packing, &device))?;
                let model = ContinuousModel::new(network, vocabulary.clone(), architecture.context(), pool.clone());
                LoadedNetwork::Vectors(Box::new(model))
            }
        };
        Ok(Model {
            name: name.to_owned(),
            parameters: architecture.parameters(),
            chat,
            context: architecture.context(),
            embedded: architecture.embedded(),
            device: device::name(&device),
            descriptor,
            tokenizer,
            vocabulary,
            network,
            pool,
        })
    }

    /// Refuses weights that take more than there is: the system would end the program in the middle of loading.
    fn check_memory(&self, machine: Option<u64>, bytes_per_weight: f64) -> Result<(), ModelError> {
        let needed = self.architecture.parameters() as f64 * bytes_per_weight;
        let there = machine.map_or(f64::INFINITY, |bytes| bytes as f64);
        if needed <= there {
            return Ok(());
        }
        Err(ModelError::TooLarge { path: self.path.clone(), gigabytes: needed / 1e9, there: there / 1e9 })
    }

    /// The tokenizer that belongs to the checkpoint, or none: token-level work needs none.
    fn tokenizer(&self, options: &LoadOptions) -> Result<Option<Tokenizer>, ModelError> {
        let path = options.tokenizer.clone().or_else(|| tokenizer::find(self.folder()));
        let (tokenizer, path) = match (path, self.weights.gguf_content()) {
            (Some(path), _) => (Tokenizer::from_file(&path)?, path),
            (None, Some(content)) if tokenizer::is_in(content) => {
                (Tokenizer::from_gguf(&self.path, content)?, self.path.clone())
            }
            (None, _) => return Ok(None),
        };
        let (tokens, rows) = (tokenizer.size(), self.architecture.vocab());
        // Published networks have up to a few per cent more rows than tokens (padding); more is another model's.
        if tokens > rows || rows - tokens > (rows / 10).max(1024) {
            let why = format!("the tokenizer has {tokens} tokens and the network {rows} rows");
            return Err(ModelError::Tokenizer { path, why });
        }
        // A mask was often put in a row behind the tokens without telling the tokenizer; text ends with one of its own.
        if let Some(id) = self.descriptor.eos.filter(|id| *id as usize >= tokens) {
            let why = format!("the network's end-of-text token {id} is outside the tokenizer's {tokens} tokens");
            return Err(ModelError::Tokenizer { path, why });
        }
        Ok(Some(tokenizer))
    }

    fn vocabulary(&self, mask: u32, maskless: bool, tokenizer: Option<&Tokenizer>) -> Result<Vocabulary, ModelError> {
        let size = self.architecture.vocab();
        let embedded = self.architecture.embedded();
        // Where noise is other tokens, the mask is a hole's own id and the network never sees it.
        let outside = maskless || self.descriptor.noise.starts_random() || self.is_continuous();
        let own = outside && mask as usize == embedded;
        if mask as usize >= embedded && !own {
            let why =
                format!("mask id {mask} is outside the {embedded} rows of the network; give another with --mask-id N");
            return Err(ModelError::Input(format!("{}: {why}", self.path.display())));
        }
        let mut banned = vec![mask];
        if let Some(tokenizer) = tokenizer {
            banned.extend(tokenizer.textless());
            banned.extend(tokenizer.size() as u32..size as u32);
        }
        let vocabulary = Vocabulary::new(size, mask, self.descriptor.eos, banned)
            .map_err(|error| ModelError::Input(format!("{}: {error}", self.path.display())))?;
        let Some(tokenizer) = tokenizer else { return Ok(vocabulary) };
        Ok(vocabulary.saying((0..tokenizer.size() as u32).map(|id| said(tokenizer.bytes(id)))))
    }
}

/// What a token is in a text, told from its bytes.
fn said(bytes: &[u8]) -> Said {
    let word = |text: &str| {
        text.strip_prefix(' ').is_some_and(|word| !word.is_empty() && word.chars().all(char::is_alphabetic))
    };
    match std::str::from_utf8(bytes) {
        _ if bytes.contains(&b'\n') => Said::Break,
        Ok(text) if word(text) => Said::Word,
        _ => Said::Sign,
    }
}

impl Model {
    /// One forward pass: the raw logits of `input.rows`, row after row, each of the vocabulary's length.
    ///
    /// # Errors
    /// [`ModelError::Input`] for ids, rows or lengths out of range, [`ModelError::Cancelled`] when `cancelled` says so
    /// (asked once per layer), [`ModelError::Compute`] when candle fails, out of memory on a GPU among it.
    pub fn forward(
        &mut self,
        input: &Input<'_>,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<f32>, ModelError> {
        let mask = self.vocabulary.mask();
        if self.continuous().is_some() {
            return Err(ModelError::Vectors);
        }
        if mask as usize >= self.embedded && input.ids.contains(&mask) {
            let why = "has no mask: it fills holes that begin with other tokens, and cannot be asked what is masked";
            return Err(ModelError::Input(format!("{} {why}", self.name)));
        }
        input.check(self.embedded, self.context)?;
        if input.rows.is_empty() {
            return Ok(Vec::new());
        }
        let LoadedNetwork::Tokens(network) = &mut self.network else { return Err(ModelError::Vectors) };
        self.pool.install(|| network.forward(input, cancelled))
    }

    /// What denoises vectors, in a model that denoises those instead of tokens.
    pub fn continuous(&self) -> Option<&ContinuousModel> {
        match &self.network {
            LoadedNetwork::Tokens(_) => None,
            LoadedNetwork::Vectors(vectors) => Some(vectors),
        }
    }

    /// The same, to be run.
    pub fn continuous_mut(&mut self) -> Option<&mut ContinuousModel> {
        match &mut self.network {
            LoadedNetwork::Tokens(_) => None,
            LoadedNetwork::Vectors(vectors) => Some(vectors),
        }
    }

    /// Rows of the embedding and of each row of logits.
    pub fn vocabulary_size(&self) -> usize {
        self.vocabulary.size()
    }

    /// The tokenizer.
    ///
    /// # Errors
    /// A sentence when the checkpoint came without one.
    pub fn tokenizer(&self) -> Result<&Tokenizer, ModelError> {
        let why = || {
            format!(
                "{} has no tokenizer.json (nor vocab.json with merges.txt), which work on text needs; give one with --tokenizer",
                self.name
            )
        };
        self.tokenizer.as_ref().ok_or_else(|| ModelError::Input(why()))
    }

    /// `cpu`, `cuda` or `metal`.
    pub fn device(&self) -> &'static str {
        self.device
    }
}

impl Denoiser for Model {
    fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    fn shift(&self) -> usize {
        self.descriptor.shift
    }

    fn noise(&self) -> Noise {
        self.descriptor.noise
    }

    fn context(&self) -> usize {
        self.context
    }

    fn logits(&mut self, pass: &Pass<'_>, cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Logits, DenoiseError> {
        let input = Input {
            time: pass.time,
            refresh: pass.refresh,
            ..Input::new(pass.ids, self.descriptor.attention, pass.rows)
        };
        let data = self.forward(&input, cancelled).map_err(|error| match error {
            ModelError::Cancelled => DenoiseError::Cancelled,
            other => DenoiseError::Failed(other.to_string()),
        })?;
        Logits::new(pass.rows.to_vec(), self.vocabulary.size(), data)
    }
}
