//! What the files say about a network: its shape ([`Backbone`]) and how it is to be asked ([`Descriptor`]).
//!
//! Two sources are read: a Hugging Face `config.json` (whose key names differ per family, `reference/models.md`
//! section 2) and the metadata of a GGUF file (`reference/llamacpp.md`). Nothing is guessed silently: a key that a
//! family needs and that is missing is an error naming the key. What no file says (the mask id of half the published
//! models) comes from [`Overrides`] or the tokenizer.

use std::path::Path;

use serde_json::Value;

use super::error::ModelError;

/// The shape of a Llama- or Qwen-shaped stack. Field comments name the key in a Hugging Face `config.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct Backbone {
    /// Rows of the embedding (`vocab_size`, LLaDA: `embedding_size`).
    pub vocab: usize,
    /// Width of the residual stream (`hidden_size`, LLaDA: `d_model`).
    pub hidden: usize,
    /// Number of blocks (`num_hidden_layers`, LLaDA: `n_layers`).
    pub layers: usize,
    /// Query heads (`num_attention_heads`, LLaDA: `n_heads`).
    pub heads: usize,
    /// Key and value heads (`num_key_value_heads`, LLaDA: `n_kv_heads`); query head h reads head h / (heads / kv_heads).
    pub kv_heads: usize,
    /// Width of one head (`head_dim`, else hidden / heads).
    pub head_dim: usize,
    /// Width of the feed-forward layer (`intermediate_size`, LLaDA: `mlp_hidden_size`).
    pub feed_forward: usize,
    /// Added to the mean square in RMSNorm (`rms_norm_eps`).
    pub norm_eps: f64,
    /// Base of the rotary frequencies (`rope_theta`).
    pub rope_theta: f64,
    /// Which elements of a head form a rotary pair.
    pub rope: RopePairs,
    /// Whether q, k and v have a bias.
    pub qkv_bias: bool,
    /// Whether the attention's output projection has a bias.
    pub output_bias: bool,
    /// Whether the feed-forward projections have a bias.
    pub feed_forward_bias: bool,
    /// Whether q and k are RMS-normalised per head before the rotation (Qwen3).
    pub qk_norm: bool,
    /// Whether the head may be the embedding (`tie_word_embeddings`); a head in the file wins.
    pub tied: bool,
    /// Longest sequence it was made for (`max_position_embeddings`, LLaDA: `max_sequence_length`).
    pub context: usize,
}

/// How rotary position pairs the elements of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RopePairs {
    /// Element i with i + d/2 (Hugging Face).
    Halves,
    /// Element 2i with 2i + 1 (GGUF files whose q and k rows were permuted: `llama`, `llada`).
    Interleaved,
}

/// Which positions a row may attend to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Attention {
    /// All.
    #[default]
    Full,
    /// All of its own block of this length and of the blocks before it.
    Block(usize),
}

impl Attention {
    /// Reads `full` or `block:B`, as `--attention` takes it.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "full" => Ok(Self::Full),
            Some(("block", size)) => match size.parse() {
                Ok(size) if size > 0 => Ok(Self::Block(size)),
                _ => Err(format!("attention block:{size} needs a block length of at least 1")),
            },
            _ => Err(format!("attention is `full` or `block:B`, not `{text}`")),
        }
    }
}

/// How a network is asked, beside its shape.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Descriptor {
    /// The family's name: `llada`, `dream`, `a2d-qwen2`, `a2d-qwen3`, `qwen2`, `qwen3`, `llama`.
    pub family: String,
    /// The mask token, where the files say it.
    pub mask: Option<u32>,
    /// 1 where row i-1 predicts position i.
    pub shift: usize,
    /// Who sees whom.
    pub attention: Attention,
    /// Put before a hole at position 0 of a shifted model, which has no row to predict it from.
    pub bos: Option<u32>,
    /// End of text.
    pub eos: Option<u32>,
}

/// What the user says about a model beyond its files (`--mask-id`, `--shift`, `--attention`, `--family`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// The mask token.
    pub mask: Option<u32>,
    /// The logit shift.
    pub shift: Option<usize>,
    /// The attention.
    pub attention: Option<Attention>,
    /// The family, where the files name another.
    pub family: Option<String>,
}

pub(crate) const SUPPORTED: &str =
    "Llama- and Qwen-shaped diffusion models (llada, Dream, a2d-qwen2, a2d-qwen3, qwen2, qwen3, llama)";

/// Reads a Hugging Face `config.json`.
///
/// # Errors
/// [`ModelError::Config`] for a missing or impossible key, [`ModelError::Unsupported`] for another kind of network.
pub fn from_json(path: &Path, json: &Value, overrides: &Overrides) -> Result<(Backbone, Descriptor), ModelError> {
    let keys = Keys { path, json };
    let family = match &overrides.family {
        Some(family) => family.clone(),
        None => keys.text("model_type")?.to_owned(),
    };
    let backbone = match family.as_str() {
        "llada" => llada(&keys)?,
        "Dream" | "dream" | "qwen2" | "a2d-qwen2" | "qwen3" | "a2d-qwen3" | "llama" => hugging_face(&keys, &family)?,
        other => {
            let what = format!("a network of type `{other}`");
            return Err(ModelError::Unsupported { path: path.into(), what, supported: SUPPORTED });
        }
    };
    backbone.check(path)?;
    let diffusion = Keys { path, json: json.get("diffusion").unwrap_or(&Value::Null) };
    let shift = match diffusion.optional("logit_shift")? {
        Some(shift) => shift,
        // The published families that keep the shift of their autoregressive parents (`models.md` section 7, trap 1).
        None => usize::from(matches!(family.as_str(), "Dream" | "dream" | "qwen2" | "llama")),
    };
    let attention = match diffusion.json.get("attention").and_then(Value::as_str) {
        Some(text) => Attention::parse(text).map_err(|why| diffusion.error("attention", why))?,
        None => Attention::Full,
    };
    let descriptor = Descriptor {
        family: family.to_lowercase(),
        mask: keys.token("mask_token_id")?,
        shift,
        attention,
        bos: keys.token("bos_token_id")?,
        eos: keys.token("eos_token_id")?,
    };
    Ok((backbone, descriptor.with(overrides)))
}

impl Descriptor {
    /// The same with what the user said put over it.
    pub(crate) fn with(mut self, overrides: &Overrides) -> Self {
        self.mask = overrides.mask.or(self.mask);
        self.shift = overrides.shift.unwrap_or(self.shift);
        self.attention = overrides.attention.unwrap_or(self.attention);
        self
    }
}

fn hugging_face(keys: &Keys<'_>, family: &str) -> Result<Backbone, ModelError> {
    keys.expect_text("hidden_act", "silu")?;
    if !matches!(keys.json.get("rope_scaling"), None | Some(Value::Null)) {
        return Err(keys.error("rope_scaling", "is set, and scaled rotary positions are not supported"));
    }
    if let Some(true) = keys.json.get("use_sliding_window").and_then(Value::as_bool) {
        return Err(keys.error("use_sliding_window", "is true, and windowed attention is not supported"));
    }
    let hidden = keys.size("hidden_size")?;
    let heads = keys.size("num_attention_heads")?;
    let qwen2 = matches!(family, "Dream" | "dream" | "qwen2" | "a2d-qwen2");
    let attention_bias = keys.flag("attention_bias")?;
    Ok(Backbone {
        vocab: keys.size("vocab_size")?,
        hidden,
        layers: keys.size("num_hidden_layers")?,
        heads,
        kv_heads: keys.optional("num_key_value_heads")?.unwrap_or(heads),
        head_dim: keys.optional("head_dim")?.unwrap_or(hidden / heads.max(1)),
        feed_forward: keys.size("intermediate_size")?,
        norm_eps: keys.number("rms_norm_eps")?,
        rope_theta: keys.rope_theta()?,
        rope: RopePairs::Halves,
        // Qwen2's q, k and v always have a bias and its output never; the others say so with one key for all four.
        qkv_bias: qwen2 || attention_bias,
        output_bias: !qwen2 && attention_bias,
        feed_forward_bias: keys.flag("mlp_bias")?,
        qk_norm: matches!(family, "qwen3" | "a2d-qwen3"),
        tied: keys.flag("tie_word_embeddings")?,
        context: keys.size("max_position_embeddings")?,
    })
}

fn llada(keys: &Keys<'_>) -> Result<Backbone, ModelError> {
    // LLaDA-MoE says `llada` too; its keys are others (`models.md` section 7, trap 4).
    if keys.json.get("num_experts").is_some() {
        let what = "LLaDA-MoE (a mixture of experts)".to_owned();
        return Err(ModelError::Unsupported { path: keys.path.into(), what, supported: SUPPORTED });
    }
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
    let bias = keys.flag("include_bias")?;
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
        feed_forward,
        norm_eps: keys.number("rms_norm_eps")?,
        rope_theta: keys.rope_theta()?,
        rope: RopePairs::Halves,
        qkv_bias: bias || keys.flag("include_qkv_bias")?,
        output_bias: bias,
        feed_forward_bias: bias,
        qk_norm: false,
        tied: keys.flag("weight_tying")?,
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
        if !self.head_dim.is_multiple_of(2) {
            return wrong("head width", format!("is {}, and rotary positions need an even one", self.head_dim));
        }
        if !(self.norm_eps.is_finite() && self.norm_eps >= 0.0 && self.rope_theta.is_finite() && self.rope_theta > 0.0)
        {
            return wrong("rms_norm_eps or rope_theta", "is not a positive number".into());
        }
        Ok(())
    }
}

/// Typed reading of a JSON object's keys with errors that name file and key.
struct Keys<'a> {
    path: &'a Path,
    json: &'a Value,
}

impl Keys<'_> {
    fn error(&self, key: &str, why: impl Into<String>) -> ModelError {
        ModelError::Config { path: self.path.into(), key: key.into(), why: why.into() }
    }

    fn present(&self, key: &str) -> Option<&Value> {
        self.json.get(key).filter(|value| !value.is_null())
    }

    fn text(&self, key: &str) -> Result<&str, ModelError> {
        let value = self.present(key).ok_or_else(|| self.error(key, "is missing"))?;
        value.as_str().ok_or_else(|| self.error(key, format!("is {value}, not a text")))
    }

    fn expect_text(&self, key: &str, expected: &str) -> Result<(), ModelError> {
        match self.present(key) {
            None => Ok(()),
            Some(value) if value.as_str() == Some(expected) => Ok(()),
            Some(value) => Err(self.error(key, format!("is {value}, and only \"{expected}\" is supported"))),
        }
    }

    fn optional(&self, key: &str) -> Result<Option<usize>, ModelError> {
        let Some(value) = self.present(key) else { return Ok(None) };
        let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
        number.map(Some).ok_or_else(|| self.error(key, format!("is {value}, not a whole number")))
    }

    fn size(&self, key: &str) -> Result<usize, ModelError> {
        self.optional(key)?.ok_or_else(|| self.error(key, "is missing"))
    }

    fn number(&self, key: &str) -> Result<f64, ModelError> {
        let value = self.present(key).ok_or_else(|| self.error(key, "is missing"))?;
        value.as_f64().ok_or_else(|| self.error(key, format!("is {value}, not a number")))
    }

    /// Since transformers 5 the base lies in `rope_parameters`.
    fn rope_theta(&self) -> Result<f64, ModelError> {
        match self.json.get("rope_parameters").and_then(|nested| nested.get("rope_theta")).and_then(Value::as_f64) {
            Some(theta) => Ok(theta),
            None => self.number("rope_theta"),
        }
    }

    fn flag(&self, key: &str) -> Result<bool, ModelError> {
        match self.present(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(value) => Err(self.error(key, format!("is {value}, not true or false"))),
        }
    }

    /// A token id; some configurations hold a list, whose first entry counts.
    fn token(&self, key: &str) -> Result<Option<u32>, ModelError> {
        let Some(value) = self.present(key) else { return Ok(None) };
        let value = value.as_array().and_then(|list| list.first()).unwrap_or(value);
        let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
        id.map(Some).ok_or_else(|| self.error(key, format!("is {value}, not a token id")))
    }
}
