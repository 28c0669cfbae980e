//! What the metadata of a GGUF file says about a network (`reference/llamacpp.md`, llama.cpp's `gguf-py` constants).

use std::path::Path;

use candle_core::quantized::gguf_file::{Content, Value};

use super::config::{Attention, Descriptor, Overrides};
use super::decoder::names::Layout;
use super::decoder::{Backbone, Decoder, RopePairs};
use super::error::ModelError;
use super::family::{Architecture, SUPPORTED};
use super::moe::{self, Mixture};

/// Reads shape and descriptor from GGUF metadata; the number of embedding rows comes from the tensor itself.
pub(crate) fn from_metadata(
    path: &Path,
    content: &Content,
    overrides: &Overrides,
) -> Result<(Box<dyn Architecture>, Descriptor), ModelError> {
    let keys = Metadata { path, content };
    let arch = keys.text("general.architecture")?.to_owned();
    // (rows of q and k permuted for interleaved pairs, qkv bias, q/k norm, shift when the file does not say)
    let (rope, qkv_bias, qk_norm, shift) = match arch.as_str() {
        "llada" => (RopePairs::Interleaved, false, false, 0),
        "llama" => (RopePairs::Interleaved, false, false, 1),
        "dream" => (RopePairs::Halves, true, false, 1),
        "qwen2" => (RopePairs::Halves, true, false, 1),
        "qwen3" | "llada-moe" | "qwen3moe" => (RopePairs::Halves, false, true, 0),
        "rnd1" => (RopePairs::Halves, false, true, 1),
        other => {
            let what = format!("a network of architecture `{other}`");
            return Err(ModelError::Unsupported { path: path.into(), what, supported: SUPPORTED });
        }
    };
    let shape = |name: &str| content.tensor_infos.get(name).map(|info| info.shape.dims().to_vec());
    let hidden = keys.size(&format!("{arch}.embedding_length"))?;
    let heads = keys.size(&format!("{arch}.attention.head_count"))?;
    let vocab = match shape("token_embd.weight").as_deref() {
        Some([rows, _]) => *rows,
        _ => keys.size(&format!("{arch}.vocab_size"))?,
    };
    let head_dim = match keys.optional(&format!("{arch}.attention.key_length"))? {
        Some(width) => width,
        None => hidden / heads.max(1),
    };
    let scaling = format!("{arch}.rope.scaling.type");
    if content.metadata.contains_key(&scaling) && keys.text(&scaling)? != "none" {
        return Err(keys.error(&scaling, "is set, and scaled rotary positions are not supported"));
    }
    if shape("rope_freqs.weight").is_some() {
        return Err(keys.error("rope_freqs.weight", "is there, and scaled rotary positions are not supported"));
    }
    let layers = keys.size(&format!("{arch}.block_count"))?;
    let has_experts = ["llada-moe", "qwen3moe", "rnd1"].contains(&arch.as_str());
    let mixture = if has_experts { Some(keys.mixture(&arch, layers)?) } else { None };
    let feed_forward = match (&mixture, keys.optional(&format!("{arch}.feed_forward_length"))?) {
        (_, Some(width)) => width,
        // No block has a layer of that kind.
        (Some(mixture), None) => mixture.width,
        (None, None) => return Err(keys.error(&format!("{arch}.feed_forward_length"), "is missing")),
    };
    let backbone = Backbone {
        vocab,
        hidden,
        layers,
        heads,
        kv_heads: keys.optional(&format!("{arch}.attention.head_count_kv"))?.unwrap_or(heads),
        head_dim,
        rotary_dim: keys.optional(&format!("{arch}.rope.dimension_count"))?.unwrap_or(head_dim),
        feed_forward,
        norm_eps: keys.number(&format!("{arch}.attention.layer_norm_rms_epsilon"))?,
        rope_theta: keys.optional_number(&format!("{arch}.rope.freq_base"))?.unwrap_or(10_000.0),
        rope,
        qkv_bias: qkv_bias || shape("blk.0.attn_q.bias").is_some(),
        output_bias: shape("blk.0.attn_output.bias").is_some(),
        feed_forward_bias: shape("blk.0.ffn_up.bias").is_some(),
        head_bias: shape("output.bias").is_some(),
        norm_bias: shape("output_norm.bias").is_some(),
        qk_norm: qk_norm || shape("blk.0.attn_q_norm.weight").is_some(),
        mixture,
        convolutions: None,
        tied: true,
        context: keys.size(&format!("{arch}.context_length"))?,
    };
    backbone.check(path)?;
    let descriptor = Descriptor {
        family: overrides.family.clone().unwrap_or_else(|| arch.clone()),
        mask: keys.token("tokenizer.ggml.mask_token_id")?,
        shift: keys.flag("diffusion.shift_logits")?.map_or(shift, usize::from),
        attention: match content.metadata.get("diffusion.attention") {
            Some(Value::String(text)) => {
                Attention::parse(text).map_err(|why| keys.error("diffusion.attention", why))?
            }
            _ => Attention::Full,
        },
        tells_lengths: keys.flag("diffusion.tells_lengths")?.unwrap_or(false),
        bos: keys.token("tokenizer.ggml.bos_token_id")?,
        eos: keys.token("tokenizer.ggml.eos_token_id")?,
        ..Descriptor::default()
    };
    let architecture = Decoder { shape: backbone, layout: Layout::Gguf, attention: Attention::Full };
    Ok((Box::new(architecture), descriptor.with(overrides)))
}

struct Metadata<'a> {
    path: &'a Path,
    content: &'a Content,
}

impl Metadata<'_> {
    fn error(&self, key: &str, why: impl Into<String>) -> ModelError {
        ModelError::Config { path: self.path.into(), key: key.into(), why: why.into() }
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, ModelError> {
        match self.content.metadata.get(key) {
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.error(key, "is not true or false")),
            None => Ok(None),
        }
    }

    fn text(&self, key: &str) -> Result<&str, ModelError> {
        match self.content.metadata.get(key) {
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(self.error(key, "is not a text")),
            None => Err(self.error(key, "is missing")),
        }
    }

    fn optional(&self, key: &str) -> Result<Option<usize>, ModelError> {
        let Some(value) = self.content.metadata.get(key) else { return Ok(None) };
        let number = match value {
            Value::U8(number) => Some(u64::from(*number)),
            Value::U16(number) => Some(u64::from(*number)),
            Value::U32(number) => Some(u64::from(*number)),
            Value::U64(number) => Some(*number),
            Value::I32(number) => u64::try_from(*number).ok(),
            Value::I64(number) => u64::try_from(*number).ok(),
            // llama.cpp writes per-layer counts as a list; a list of one value is that value.
            Value::Array(list) => {
                let mut numbers = list.iter().map(|value| value.to_u32().ok());
                let first = numbers.next().flatten();
                first.filter(|first| numbers.all(|number| number == Some(*first))).map(u64::from)
            }
            _ => None,
        };
        let number = number.and_then(|number| usize::try_from(number).ok());
        number.map(Some).ok_or_else(|| self.error(key, "is not one whole number"))
    }

    fn size(&self, key: &str) -> Result<usize, ModelError> {
        self.optional(key)?.ok_or_else(|| self.error(key, "is missing"))
    }

    fn mixture(&self, arch: &str, layers: usize) -> Result<Mixture, ModelError> {
        let key = |name: &str| format!("{arch}.{name}");
        if layers > 1 << 16 {
            return Err(self.error(&key("block_count"), format!("is {layers}, which no network has")));
        }
        let (experts, chosen) = (self.size(&key("expert_count"))?, self.size(&key("expert_used_count"))?);
        let width = self.size(&key("expert_feed_forward_length"))?;
        let mixture = moe::plain(experts, chosen, width, layers, arch != "llada-moe");
        mixture.possible().map_err(|(_, why)| self.error(&key("expert_count"), why))?;
        Ok(mixture)
    }

    fn optional_number(&self, key: &str) -> Result<Option<f64>, ModelError> {
        match self.content.metadata.get(key) {
            None => Ok(None),
            Some(Value::F32(number)) => Ok(Some(f64::from(*number))),
            Some(Value::F64(number)) => Ok(Some(*number)),
            Some(_) => Err(self.error(key, "is not a number")),
        }
    }

    fn number(&self, key: &str) -> Result<f64, ModelError> {
        self.optional_number(key)?.ok_or_else(|| self.error(key, "is missing"))
    }

    fn token(&self, key: &str) -> Result<Option<u32>, ModelError> {
        match self.optional(key)? {
            None => Ok(None),
            Some(id) => u32::try_from(id).map(Some).map_err(|_| self.error(key, "is not a token id")),
        }
    }
}
