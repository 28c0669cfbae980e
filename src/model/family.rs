//! The families of networks, as one table: how a checkpoint is recognised and which architecture reads it.
//!
//! An [`Architecture`] is a shape read from a configuration; it names the tensors that it expects and loads itself as a
//! [`Network`]. Families that share an architecture differ in rows of [`FAMILIES`], not in code. A new architecture is
//! a file beside `decoder.rs` and one row here.

use std::path::Path;

use candle_core::Device;
use serde_json::Value;

use super::config::{Attention, Descriptor, Keys, Overrides};
use super::continuous::{VectorArchitecture, tess2};
use super::error::ModelError;
use super::layers::Packing;
use super::weights::Weights;
use super::{ddit, decoder, descriptors, encoder, gpt2, lfm2};
use crate::diffusion::Refresh;

/// A network's shape, before its tensors are read.
pub(crate) trait Architecture: Send + Sync {
    /// How many logits a row has.
    fn vocab(&self) -> usize;

    /// How many ids it embeds; more than [`Architecture::vocab`] where the mask is read and never predicted.
    fn embedded(&self) -> usize {
        self.vocab()
    }

    /// Longest sequence it was made for.
    fn context(&self) -> usize;

    /// What `models show` tells beyond that: label and value.
    fn facts(&self) -> Vec<(&'static str, String)>;

    /// Puts in what the shape says of how the network is asked; the files' own keys and the user speak over it.
    fn describe(&self, _descriptor: &mut Descriptor) {}

    /// Itself, where it is the Llama- and Qwen-shaped stack: what can be written as GGUF.
    fn decoder(&self) -> Option<&decoder::Decoder> {
        None
    }

    /// Every tensor that it needs, with its shape.
    fn expected(&self) -> Vec<Expected>;

    /// Reads all tensors. The caller has compared names and shapes before ([`Weights::report`]).
    fn load(&self, _weights: &Weights, _packing: Packing, _device: &Device) -> Result<Box<dyn Network>, ModelError> {
        Err(ModelError::Vectors)
    }

    /// The same as a network that is shown vectors instead of tokens; such a one is not loaded with
    /// [`Architecture::load`].
    fn vectors(&self) -> Option<&dyn VectorArchitecture> {
        None
    }

    /// Number of weights, a tied head counted once.
    fn parameters(&self) -> u64 {
        let size = |tensor: &Expected| tensor.shape.iter().map(|size| *size as u64).product::<u64>();
        self.expected().iter().filter(|tensor| tensor.required).map(size).sum()
    }
}

/// A loaded network.
pub(crate) trait Network: Send {
    /// The raw logits of the rows asked for, row after row, each of the vocabulary's length, in f32.
    ///
    /// `cancelled` is asked once per layer. The caller has checked ids, rows and lengths ([`Input::check`]).
    fn forward(&mut self, input: &Input<'_>, cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Vec<f32>, ModelError>;
}

/// One forward pass.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// Token ids of the whole canvas.
    pub ids: &'a [u32],
    /// Rotary positions, when they are not 0, 1, 2, ...
    pub positions: Option<&'a [usize]>,
    /// `false` hides a position (padding) from all others.
    pub visible: Option<&'a [bool]>,
    /// Segment numbers of BERT-shaped networks, when they are not all 0.
    pub token_types: Option<&'a [u32]>,
    /// Who sees whom.
    pub attention: Attention,
    /// The noise level, for networks that read it: sigma for SEDD, t for GIDD (DESIGN section 6).
    pub time: Option<f64>,
    /// The rows whose logits are wanted.
    pub rows: &'a [usize],
    /// Which rows are computed anew; a network without a cache computes all.
    pub refresh: Refresh<'a>,
}

impl<'a> Input<'a> {
    /// A plain pass: positions in order, everything visible, everything computed.
    pub fn new(ids: &'a [u32], attention: Attention, rows: &'a [usize]) -> Self {
        Self {
            ids,
            positions: None,
            visible: None,
            token_types: None,
            attention,
            time: None,
            rows,
            refresh: Refresh::All,
        }
    }

    /// Refuses what a network with this many embeddings and this context cannot take.
    pub(crate) fn check(&self, embedded: usize, context: usize) -> Result<(), ModelError> {
        let n = self.ids.len();
        if n == 0 {
            return Err(ModelError::Input("there are no token ids to run the network on; give at least one".into()));
        }
        if n > context {
            return Err(ModelError::Input(format!("{n} tokens are more than the model's context of {context}")));
        }
        if let Some(id) = self.ids.iter().find(|id| **id as usize >= embedded) {
            let last = embedded - 1;
            return Err(ModelError::Input(format!("token id {id} is outside the vocabulary; the largest is {last}")));
        }
        let refreshed = match self.refresh {
            Refresh::All => &[][..],
            Refresh::Only(rows) => rows,
        };
        if let Some(row) = self.rows.iter().chain(refreshed).find(|row| **row >= n) {
            return Err(ModelError::Input(format!("row {row} is outside the {n} rows of the input")));
        }
        let lengths =
            [self.positions.map(<[usize]>::len), self.visible.map(<[bool]>::len), self.token_types.map(<[u32]>::len)];
        if lengths.into_iter().flatten().any(|length| length != n) {
            return Err(ModelError::Input(format!(
                "position_ids, attention_mask and token_type_ids need one entry for each of {n} ids"
            )));
        }
        Ok(())
    }
}

/// A tensor that an architecture asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    /// A tied head may be absent.
    pub(crate) required: bool,
}

/// One kind of checkpoint.
struct Family {
    /// What `model_type` or `--family` calls it, in lower case.
    names: &'static [&'static str],
    /// 1 where row i-1 predicts position i (`models.md` section 7, trap 1).
    shift: usize,
    /// Reads the shape, given the name that the files or the user call the family by.
    read: fn(&Keys<'_>, &str) -> Read,
}

/// A shape read from a configuration, or what is wrong with it.
pub(crate) type Read = Result<Box<dyn Architecture>, ModelError>;

const FAMILIES: &[Family] = &[
    Family { names: &["llada", "illada"], shift: 0, read: decoder::llada },
    Family { names: &["dream", "qwen2", "llama", "coda"], shift: 1, read: decoder::hugging_face },
    Family { names: &["a2d-llama", "a2d-qwen2", "a2d-qwen3", "qwen3"], shift: 0, read: decoder::hugging_face },
    Family { names: &["llada-moe", "lladamoe", "qwen3_moe"], shift: 0, read: decoder::mixture },
    // "pos i predicts token i+1": `rnd/sampling.py` of its authors, where `models.md` says otherwise.
    Family { names: &["rnd1"], shift: 1, read: decoder::mixture },
    Family { names: &["llada2_moe", "llada21_moe"], shift: 0, read: decoder::llada2 },
    Family { names: &["sdar", "sdar_moe"], shift: 0, read: decoder::block_causal },
    Family { names: &["fast_dllm_qwen"], shift: 1, read: decoder::block_causal },
    Family { names: &["tess2"], shift: 1, read: tess2::read },
    Family { names: &["lfm2"], shift: 0, read: lfm2::read },
    Family { names: &["bert"], shift: 0, read: encoder::bert },
    Family { names: &["roberta", "xlm-roberta"], shift: 0, read: encoder::roberta },
    Family { names: &["modernbert"], shift: 0, read: encoder::modernbert },
    Family { names: &["smdm"], shift: 0, read: decoder::smdm::read },
    Family { names: &["mdlm", "sdtt", "bd3lm", "udlm", "duo"], shift: 0, read: ddit::mdlm },
    Family { names: &["dit", "gidd"], shift: 0, read: ddit::gidd },
    Family { names: &["sedd", "radd"], shift: 0, read: ddit::hydra },
    Family { names: &["gpt2", "diffugpt"], shift: 1, read: gpt2::diffugpt },
];

/// (`model_type`, `architectures`, family): types that several kinds of networks share (`models.md` section 7, trap 4).
const SHARED_TYPES: &[(&str, &str, &str)] =
    &[("llada", "LLaDAMoEModelLM", "llada-moe"), ("mistral", "MistralForDiffusionLM", "tess2")];

/// The family that a configuration names.
fn named(keys: &Keys<'_>) -> Result<String, ModelError> {
    let name = match (keys.present("model_type"), recognise(keys.json, keys.weights)) {
        (None, Some(name)) => name.to_owned(),
        _ => keys.text("model_type")?.to_lowercase(),
    };
    let classes = keys.json.get("architectures").and_then(Value::as_array);
    let is = |class: &str| classes.is_some_and(|classes| classes.iter().any(|found| found.as_str() == Some(class)));
    let shared = SHARED_TYPES.iter().find(|(of, class, _)| *of == name && is(class));
    Ok(match shared {
        Some((_, _, family)) => (*family).to_owned(),
        None if name == "lladamoe" || name == "llada" && keys.present("num_experts").is_some() => "llada-moe".into(),
        None => name,
    })
}

pub(crate) const SUPPORTED: &str = "Llama- and Qwen-shaped diffusion models (llada, Dream, a2d-qwen2, a2d-qwen3, qwen2, \
    qwen3, llama, CoDA, SMDM), their mixtures of experts (LLaDA-MoE, LLaDA 2), block by block (SDAR, Fast-dLLM v2), \
    DDiT-shaped ones (mdlm, bd3lm, udlm, duo, SEDD, RADD, GIDD), DiffuGPT, masked language models (BERT, RoBERTa, \
    ModernBERT, LFM2) and models of vectors (Plaid, Diffusion-LM, SSD-LM, TESS 2)";

/// What a checkpoint without a `model_type` is, if it can be told: by its training configuration, or by its tensors.
fn recognise(json: &Value, weights: Option<&Weights>) -> Option<&'static str> {
    ddit::trained_with(json).or_else(|| weights.filter(|weights| decoder::smdm::is_one(weights)).map(|_| "smdm"))
}

/// Whether the tensors say all, so that no `config.json` is needed.
pub(crate) fn needs_no_configuration(weights: &Weights, overrides: &Overrides) -> bool {
    overrides.family.as_deref().or(recognise(&Value::Null, Some(weights))) == Some("smdm")
}

/// Reads a `config.json`; `path` is its place, in the model's folder.
///
/// # Errors
/// [`ModelError::Config`] for a missing or impossible key, [`ModelError::Unsupported`] for another kind of network.
pub(crate) fn from_json(
    path: &Path,
    json: &Value,
    weights: Option<&Weights>,
    overrides: &Overrides,
) -> Result<(Box<dyn Architecture>, Descriptor), ModelError> {
    let keys = Keys { path, json, weights, overrides };
    let name = match &overrides.family {
        Some(family) => family.to_lowercase(),
        None => named(&keys)?,
    };
    let Some(family) = FAMILIES.iter().find(|family| family.names.contains(&name.as_str())) else {
        let what = format!("a network of type `{name}`");
        return Err(ModelError::Unsupported { path: path.into(), what, supported: SUPPORTED });
    };
    let architecture = (family.read)(&keys, &name)?;
    let diffusion = Keys { json: json.get("diffusion").unwrap_or(&Value::Null), ..keys };
    let mut descriptor = Descriptor { family: name, shift: family.shift, ..Descriptor::default() };
    architecture.describe(&mut descriptor);
    descriptors::apply(&mut descriptor, path.parent().unwrap_or(path), json, architecture.vocab());
    if let Some(text) = diffusion.json.get("attention").and_then(Value::as_str) {
        descriptor.attention = Attention::parse(text).map_err(|why| diffusion.error("attention", why))?;
    }
    descriptor.shift = diffusion.optional("logit_shift")?.unwrap_or(descriptor.shift);
    descriptor.tells_lengths = diffusion.flag("tells_lengths")?;
    descriptor.mask = keys.token("mask_token_id")?.or(descriptor.mask);
    (descriptor.expand, descriptor.delete) = (keys.token("expand_token_id")?, keys.token("delete_token_id")?);
    descriptor.elastic |= descriptor.expand.is_some();
    (descriptor.bos, descriptor.eos) = (keys.token("bos_token_id")?, keys.token("eos_token_id")?);
    Ok((architecture, descriptor.with(overrides)))
}
