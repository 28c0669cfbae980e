//! The Llama- and Qwen-shaped stack: pre-RMSNorm, grouped-query attention with rotary positions, SwiGLU.
//!
//! LLaDA, Dream, the A2D models, Open-dCoder, DiffuLLaMA and the default model are this network under different key
//! names and switches (`reference/models.md` sections 2.1 to 2.5). This file reads the shape from a `config.json`;
//! `names` says what each tensor is called, `smdm` reads the one without a configuration, `network` runs the stack.

pub(crate) mod names;
mod network;
pub(crate) mod smdm;

use std::path::Path;

use candle_core::Device;
use serde_json::Value;

use super::config::{Attention, Descriptor, Keys};
use super::error::ModelError;
use super::family::{Architecture, Expected, Network, Read};
use super::layers::Packing;
use super::lfm2::Convolutions;
use super::moe::{self, Mixture};
use super::weights::Weights;
use names::{Layout, Place};
pub(crate) use network::Stack;

/// The shape of a Llama- or Qwen-shaped stack. Field comments name the key in a Hugging Face `config.json`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Backbone {
    /// Rows of the embedding (`vocab_size`, LLaDA: `embedding_size`).
    pub(crate) vocab: usize,
    /// Width of the residual stream (`hidden_size`, LLaDA: `d_model`).
    pub(crate) hidden: usize,
    /// Number of blocks (`num_hidden_layers`, LLaDA: `n_layers`).
    pub(crate) layers: usize,
    /// Query heads (`num_attention_heads`, LLaDA: `n_heads`).
    pub(crate) heads: usize,
    /// Key and value heads (`num_key_value_heads`, LLaDA: `n_kv_heads`); query head h reads head h / (heads / kv_heads).
    pub(crate) kv_heads: usize,
    /// Width of one head (`head_dim`, else hidden / heads).
    pub(crate) head_dim: usize,
    /// How many elements of a head are rotated (`partial_rotary_factor` x head_dim).
    pub(crate) rotary_dim: usize,
    /// Width of the feed-forward layer (`intermediate_size`, LLaDA: `mlp_hidden_size`).
    pub(crate) feed_forward: usize,
    /// Added to the mean square in RMSNorm (`rms_norm_eps`).
    pub(crate) norm_eps: f64,
    /// Base of the rotary frequencies (`rope_theta`).
    pub(crate) rope_theta: f64,
    /// Which elements of a head form a rotary pair.
    pub(crate) rope: RopePairs,
    /// Whether q, k and v have a bias.
    pub(crate) qkv_bias: bool,
    /// Whether the attention's output projection has a bias.
    pub(crate) output_bias: bool,
    /// Whether the feed-forward projections have a bias.
    pub(crate) feed_forward_bias: bool,
    /// Whether the head has a bias.
    pub(crate) head_bias: bool,
    /// Whether the blocks' norms and the final one have a bias.
    pub(crate) norm_bias: bool,
    /// Whether q and k are RMS-normalised per head before the rotation (Qwen3).
    pub(crate) qk_norm: bool,
    /// Experts in the place of the feed-forward layer of some blocks.
    pub(crate) mixture: Option<Mixture>,
    /// Blocks that mix neighbours by a convolution instead of attending.
    pub(crate) convolutions: Option<Convolutions>,
    /// Whether the head may be the embedding (`tie_word_embeddings`); a head in the file wins.
    pub(crate) tied: bool,
    /// Longest sequence it was made for (`max_position_embeddings`, LLaDA: `max_sequence_length`).
    pub(crate) context: usize,
}

/// How rotary position pairs the elements of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RopePairs {
    /// Element i with i + d/2 (Hugging Face).
    Halves,
    /// Element 2i with 2i + 1 (GGUF files whose q and k rows were permuted: `llama`, `llada`).
    Interleaved,
}

/// The stack with the names that its checkpoint gives its tensors.
pub(crate) struct Decoder {
    pub(crate) shape: Backbone,
    pub(crate) layout: Layout,
    /// Who sees whom, where neither the file nor the user says it.
    pub(crate) attention: Attention,
}

impl Architecture for Decoder {
    fn vocab(&self) -> usize {
        self.shape.vocab
    }

    fn embedded(&self) -> usize {
        self.layout.embedded(self.shape.vocab)
    }

    fn context(&self) -> usize {
        self.shape.context
    }

    fn describe(&self, descriptor: &mut Descriptor) {
        descriptor.attention = self.attention;
        // A row that the head has not is the mask's.
        descriptor.mask = (self.embedded() > self.vocab()).then_some(self.vocab() as u32);
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let shape = &self.shape;
        let mut facts = vec![
            ("layers", shape.layers.to_string()),
            ("width", shape.hidden.to_string()),
            ("heads", format!("{} of {}, {} for keys and values", shape.heads, shape.head_dim, shape.kv_heads)),
        ];
        if let Some(mixture) = &shape.mixture {
            facts.push(("experts", format!("{} of {} for each token", mixture.chosen, mixture.experts)));
        }
        facts
    }

    fn decoder(&self) -> Option<&Decoder> {
        Some(self)
    }

    fn expected(&self) -> Vec<Expected> {
        names::expected(&self.shape, self.layout)
    }

    fn load(&self, weights: &Weights, packing: Packing, device: &Device) -> Result<Box<dyn Network>, ModelError> {
        Ok(Box::new(Stack::load(weights, self.layout, &self.shape, packing, device)?))
    }
}

/// Reads the `config.json` of Qwen, Llama, Dream and the A2D models.
pub(crate) fn hugging_face(keys: &Keys<'_>, family: &str) -> Read {
    boxed(keys, hugging_face_shape(keys, family)?, Layout::HuggingFace, Attention::Full)
}

/// Reads the `config.json` of LLaDA, whose key names are OLMo's, and of iLLaDA, whose are Hugging Face's.
pub(crate) fn llada(keys: &Keys<'_>, family: &str) -> Read {
    let olmo = keys.present("d_model").is_some() || keys.present("hidden_size").is_none();
    let shape = if olmo { llada_shape(keys)? } else { hugging_face_shape(keys, family)? };
    // Keys of the one kind do not promise tensors of the same kind.
    let begins = |layout: &Layout| keys.shape(&(layout.name(Place::Embedding, 0) + ".weight")).is_some();
    let usual = if olmo { Layout::Llada } else { Layout::HuggingFace };
    let layout = [Layout::Llada, Layout::HuggingFace].into_iter().find(begins).unwrap_or(usual);
    boxed(keys, shape, layout, Attention::Full)
}

/// The shape in the `config.json` of Mistral, which TESS 2 shares with Llama.
pub(crate) fn mistral_shape(keys: &Keys<'_>) -> Result<Backbone, ModelError> {
    let shape = hugging_face_shape(keys, "mistral")?;
    shape.check(keys.path)?;
    Ok(shape)
}

/// Reads the `config.json` of networks whose rows see no block of tokens after their own: SDAR (Qwen3-shaped,
/// dense or with experts) and Fast-dLLM v2 (Qwen2-shaped). The block length is the checkpoint's.
pub(crate) fn block_causal(keys: &Keys<'_>, family: &str) -> Read {
    let mut usual = 32;
    let mut shape = hugging_face_shape(keys, family)?;
    if family.starts_with("sdar") {
        usual = 4;
    }
    if family == "sdar_moe" {
        shape.mixture = Some(moe::qwen3_moe(keys, shape.layers)?);
    }
    let block = match keys.optional("block_size")? {
        Some(block) => block,
        None => keys.optional("bd_size")?.unwrap_or(usual),
    };
    if block == 0 {
        return Err(keys.error("block_size", "is 0"));
    }
    boxed(keys, shape, Layout::HuggingFace, Attention::Block(block))
}

/// Reads the `config.json` of LLaDA-MoE, and of RND1 and other networks shaped as Qwen3-MoE with full attention.
pub(crate) fn mixture(keys: &Keys<'_>, family: &str) -> Read {
    let mut shape = hugging_face_shape(keys, family)?;
    let read = if family == "llada-moe" { moe::llada_moe } else { moe::qwen3_moe };
    shape.mixture = Some(read(keys, shape.layers)?);
    boxed(keys, shape, Layout::HuggingFace, Attention::Full)
}

/// Reads the `config.json` of LLaDA 2.0 and 2.1. Their block length (32) is an argument of the authors' decoder.
pub(crate) fn llada2(keys: &Keys<'_>, family: &str) -> Read {
    let mut shape = hugging_face_shape(keys, family)?;
    shape.qkv_bias = keys.flag("use_qkv_bias")?;
    // The class says that there is one; the files that are silent are believed.
    let stands = keys.shape("model.layers.0.attention.dense.bias").is_some();
    shape.output_bias = keys.flag_or("use_bias", stands)?;
    shape.mixture = Some(moe::llada2(keys, shape.layers)?);
    boxed(keys, shape, Layout::Llada2, Attention::Block(32))
}

fn boxed(keys: &Keys<'_>, shape: Backbone, layout: Layout, attention: Attention) -> Read {
    shape.check(keys.path)?;
    if let Some(mixture) = &shape.mixture {
        mixture.check(keys)?;
    }
    Ok(Box::new(Decoder { shape, layout, attention }))
}

/// Families whose queries and keys are normed although no key of their configuration says so.
const QK_NORM: [&str; 7] = ["qwen3", "a2d-qwen3", "coda", "sdar", "sdar_moe", "rnd1", "qwen3_moe"];

/// LLaDA 2.0 and 2.1, whose configuration class has defaults of its own.
fn is_llada2(family: &str) -> bool {
    family.starts_with("llada2")
}

/// How much of a head is rotated, usually this share; -1 in the configuration class of LLaDA-MoE means all.
fn rotary_dim(keys: &Keys<'_>, head_dim: usize, usual: f64) -> Result<usize, ModelError> {
    let nested = keys.present("rope_parameters").and_then(|said| said.get("partial_rotary_factor")?.as_f64());
    let factor = match nested {
        Some(factor) => factor,
        None if keys.present("partial_rotary_factor").is_some() => keys.number("partial_rotary_factor")?,
        None => usual,
    };
    if factor > 1.0 || factor.is_nan() {
        return Err(keys.error("partial_rotary_factor", format!("is {factor}, more than the whole head")));
    }
    Ok(if factor > 0.0 { (head_dim as f64 * factor) as usize } else { head_dim })
}

fn hugging_face_shape(keys: &Keys<'_>, family: &str) -> Result<Backbone, ModelError> {
    keys.expect_text("hidden_act", "silu")?;
    keys.expect_plain_rope()?;
    if let Some(true) = keys.json.get("use_sliding_window").and_then(Value::as_bool) {
        return Err(keys.error("use_sliding_window", "is true, and windowed attention is not supported"));
    }
    if keys.present("clip_qkv").is_some() {
        return Err(keys.error("clip_qkv", "is set, and no published model has it"));
    }
    let hidden = keys.size("hidden_size")?;
    let heads = keys.size("num_attention_heads")?;
    let head_dim = keys.optional("head_dim")?.unwrap_or(hidden / heads.max(1));
    let layers = keys.size("num_hidden_layers")?;
    // DreamReasoner calls itself Dream and is shaped like Qwen3 (`models.md` section 7, trap 4).
    let architecture = keys.json.get("architectures").and_then(|list| list.get(0)).and_then(Value::as_str);
    let reasoner = family == "dream" && architecture == Some("DreamForCausalLM");
    let qwen2 = matches!(family, "dream" | "qwen2" | "a2d-qwen2" | "fast_dllm_qwen") && !reasoner;
    let qk_norm = match keys.present("qk_layernorm").or(keys.present("use_qk_norm")) {
        Some(Value::Bool(flag)) => *flag,
        _ => reasoner || is_llada2(family) || QK_NORM.contains(&family),
    };
    // LLaDA-MoE calls the width of its dense layers otherwise, and may have none: then that of an expert stands for it.
    let mut widths = ["dense_intermediate_size", "intermediate_size"].into_iter();
    let feed_forward = widths.find_map(|key| keys.unless_minus_one(key).transpose()).transpose()?;
    let feed_forward = match feed_forward {
        Some(width) => width,
        None if family == "llada-moe" => keys.size("expert_intermediate_size")?,
        None => return Err(keys.error("intermediate_size", "is missing")),
    };
    let attention_bias = keys.flag("attention_bias")?;
    Ok(Backbone {
        vocab: keys.size("vocab_size")?,
        hidden,
        layers,
        heads,
        kv_heads: keys.optional("num_key_value_heads")?.unwrap_or(heads),
        head_dim,
        rotary_dim: rotary_dim(keys, head_dim, if is_llada2(family) { 0.5 } else { 1.0 })?,
        feed_forward,
        norm_eps: keys.number("rms_norm_eps")?,
        rope_theta: keys.rope_theta()?,
        rope: RopePairs::Halves,
        // Qwen2's q, k and v always have a bias and its output never; the others say so with one key for all four.
        qkv_bias: qwen2 || attention_bias,
        output_bias: !qwen2 && attention_bias,
        feed_forward_bias: keys.flag("mlp_bias")?,
        head_bias: false,
        norm_bias: false,
        qk_norm,
        mixture: None,
        convolutions: None,
        // CoDA's class ties them where its file is silent.
        tied: match keys.present("tie_word_embeddings") {
            None => family == "coda",
            Some(_) => keys.flag("tie_word_embeddings")?,
        },
        context: keys.size("max_position_embeddings")?,
    })
}

fn llada_shape(keys: &Keys<'_>) -> Result<Backbone, ModelError> {
    keys.expect_text("activation_type", "silu")?;
    keys.expect_text("block_type", "llama")?;
    keys.expect_text("layer_norm_type", "rms")?;
    for key in ["alibi", "attention_layer_norm", "input_emb_norm", "scale_logits", "multi_query_attention"] {
        if keys.flag(key)? {
            return Err(keys.error(key, "is true, and no published LLaDA has it"));
        }
    }
    let hidden = keys.size("d_model")?;
    let heads = keys.size("n_heads")?;
    let (bias, tied) = (keys.flag("include_bias")?, keys.flag("weight_tying")?);
    let vocab = match keys.optional("embedding_size")? {
        Some(rows) => rows,
        None => keys.size("vocab_size")?,
    };
    let feed_forward = match keys.optional("mlp_hidden_size")? {
        Some(width) => width,
        None => keys.size("mlp_ratio")? * hidden,
    };
    Ok(Backbone {
        vocab,
        hidden,
        layers: keys.size("n_layers")?,
        heads,
        kv_heads: keys.optional("n_kv_heads")?.unwrap_or(heads),
        head_dim: hidden / heads.max(1),
        rotary_dim: hidden / heads.max(1),
        feed_forward,
        norm_eps: keys.number("rms_norm_eps")?,
        rope_theta: keys.rope_theta()?,
        rope: RopePairs::Halves,
        qkv_bias: bias || keys.flag("include_qkv_bias")?,
        output_bias: bias,
        feed_forward_bias: bias,
        head_bias: bias && !tied,
        norm_bias: keys.flag_or("bias_for_layer_norm", bias)?,
        qk_norm: false,
        mixture: None,
        convolutions: None,
        tied,
        context: keys.size("max_sequence_length")?,
    })
}

impl Backbone {
    /// Refuses sizes that no network can have, so that nothing later divides by zero or allocates without bound.
    pub(crate) fn check(&self, path: &Path) -> Result<(), ModelError> {
        let wrong = |key: &str, why: String| Err(ModelError::Config { path: path.into(), key: key.into(), why });
        let sizes = [
            ("vocabulary", self.vocab, 1 << 22),
            ("hidden size", self.hidden, 1 << 17),
            ("number of layers", self.layers, 1 << 12),
            ("number of heads", self.heads, 1 << 12),
            ("number of key/value heads", self.kv_heads, 1 << 12),
            ("head width", self.head_dim, 1 << 12),
            ("feed-forward width", self.feed_forward, 1 << 20),
            ("context length", self.context, 1 << 28),
        ];
        for (key, size, limit) in sizes {
            if size == 0 || size > limit {
                return wrong(key, format!("is {size}, which no network has"));
            }
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            let why = format!("{} do not divide the {} heads", self.kv_heads, self.heads);
            return wrong("number of key/value heads", why);
        }
        if !self.rotary_dim.is_multiple_of(2) || self.rotary_dim == 0 {
            return wrong("head width", format!("{} to rotate, and rotary positions need pairs", self.rotary_dim));
        }
        if !(self.norm_eps.is_finite() && self.norm_eps >= 0.0 && self.rope_theta.is_finite() && self.rope_theta > 0.0)
        {
            return wrong("rms_norm_eps or rope_theta", "is not a positive number".into());
        }
        Ok(())
    }
}
