//! BERT, RoBERTa (XLM-R) and ModernBERT: masked language models, which are absorbing diffusion without a time input.
//!
//! One encoder with switches (`reference/models.md` section 2.7): norms before or after a sublayer, learned or rotary
//! positions, plain or gated feed-forward layers, attention to all or to a window. This file reads the shape from a
//! `config.json`; `names` says what each tensor is called, `network` runs the layers. The layers alone ([`Body`]) also
//! run SSD-LM and Diffusion-LM, whose input are no tokens.

mod names;
mod network;

use candle_core::Device;
use serde_json::Value;

use super::config::Keys;
use super::error::ModelError;
use super::family::{Architecture, Expected, Network, Read};
use super::layers::Packing;
use super::weights::Weights;
pub(crate) use names::{Layout, body, expected};
pub(crate) use network::{Body, Encoded, MaskedLanguageModel, layer_norm, rows_of};

/// The shape of an encoder. Field comments name the key in a Hugging Face `config.json`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape {
    /// Rows of the embedding (`vocab_size`).
    pub(crate) vocab: usize,
    /// Width of the residual stream (`hidden_size`).
    pub(crate) hidden: usize,
    /// One entry a layer (`num_hidden_layers`).
    pub(crate) layers: Vec<Layer>,
    /// Heads (`num_attention_heads`), each hidden / heads wide.
    pub(crate) heads: usize,
    /// Width of the feed-forward layer (`intermediate_size`).
    pub(crate) feed_forward: usize,
    /// Added to the variance in LayerNorm (`layer_norm_eps`, ModernBERT: `norm_eps`).
    pub(crate) norm_eps: f64,
    /// How positions enter.
    pub(crate) positions: Positions,
    /// Rows of the segment embedding (`type_vocab_size`); 0 without one.
    pub(crate) types: usize,
    /// Whether norms stand before the sublayers (and one at the end) instead of after each sum.
    pub(crate) pre_norm: bool,
    /// Whether the feed-forward layer is `Wo(gelu(a) * b)` instead of `Wo(gelu(a))`.
    pub(crate) gated: bool,
    /// Which linear maps and norms have a bias.
    pub(crate) biases: Biases,
    /// Longest sequence.
    pub(crate) context: usize,
}

/// What differs between the layers of one encoder.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Layer {
    /// How far a row sees to each side; none: everything.
    pub(crate) reach: Option<usize>,
    /// Base of the rotary frequencies; unused with learned positions.
    pub(crate) rope_theta: f64,
}

/// How positions enter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Positions {
    /// A row of a table is added; the first token has row `first`, and `pad` tokens do not count (RoBERTa).
    Learned { rows: usize, first: usize, pad: Option<u32> },
    /// Queries and keys are rotated.
    Rotary,
}

/// Which maps have a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Biases {
    pub(crate) attention: bool,
    pub(crate) feed_forward: bool,
    pub(crate) norms: bool,
    /// The dense map of the head.
    pub(crate) head: bool,
    /// The logits.
    pub(crate) logits: bool,
}

impl Biases {
    pub(crate) const ALL: Self = Self { attention: true, feed_forward: true, norms: true, head: true, logits: true };
}

/// An encoder with the names that its checkpoint gives its tensors.
struct Encoder {
    shape: Shape,
    layout: Layout,
}

impl Architecture for Encoder {
    fn vocab(&self) -> usize {
        self.shape.vocab
    }

    fn context(&self) -> usize {
        self.shape.context
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        self.shape.facts()
    }

    fn expected(&self) -> Vec<Expected> {
        names::expected(&self.shape, self.layout)
    }

    fn load(&self, weights: &Weights, packing: Packing, device: &Device) -> Result<Box<dyn Network>, ModelError> {
        Ok(Box::new(MaskedLanguageModel::load(weights, self.layout, &self.shape, packing, device)?))
    }
}

/// Reads the `config.json` of BERT.
pub(crate) fn bert(keys: &Keys<'_>, _family: &str) -> Read {
    let rows = keys.size("max_position_embeddings")?;
    let positions = Positions::Learned { rows, first: 0, pad: None };
    boxed(keys, learned(keys, positions, rows)?, Layout::Bert)
}

/// Reads the `config.json` of RoBERTa and XLM-R.
pub(crate) fn roberta(keys: &Keys<'_>, _family: &str) -> Read {
    boxed(keys, roberta_shape(keys)?, Layout::Roberta)
}

/// RoBERTa's positions begin after the row of the padding token (fairseq).
pub(crate) fn roberta_shape(keys: &Keys<'_>) -> Result<Shape, ModelError> {
    let rows = keys.size("max_position_embeddings")?;
    let pad = keys.token("pad_token_id")?.unwrap_or(1);
    let first = pad as usize + 1;
    let context = rows.checked_sub(first).filter(|context| *context > 0);
    let context = context.ok_or_else(|| keys.error("max_position_embeddings", format!("is {rows}, too few")))?;
    learned(keys, Positions::Learned { rows, first, pad: Some(pad) }, context)
}

/// Reads the `config.json` of ModernBERT, of transformers 4 or 5.
pub(crate) fn modernbert(keys: &Keys<'_>, _family: &str) -> Read {
    keys.expect_text("hidden_activation", "gelu")?;
    keys.expect_text("classifier_activation", "gelu")?;
    let theta = |old: &str, kind: &str, usual: f64| {
        let new = keys.json.pointer(&format!("/rope_parameters/{kind}/rope_theta"));
        let value = keys.present(old).or(new).map(Value::as_f64);
        match value {
            None => Ok(usual),
            Some(Some(theta)) if theta.is_finite() && theta > 0.0 => Ok(theta),
            Some(_) => Err(keys.error(old, "is not a positive number")),
        }
    };
    // The defaults are those of the configuration class.
    let global = Layer { reach: None, rope_theta: theta("global_rope_theta", "full_attention", 160_000.0)? };
    // In transformers 4 a null, other than silence, means the base of the others.
    let null = keys.json.get("local_rope_theta").is_some_and(Value::is_null);
    let usual_local = if null { global.rope_theta } else { 10_000.0 };
    let reach = keys.optional("local_attention")?.unwrap_or(128) / 2;
    let local = Layer { reach: Some(reach), rope_theta: theta("local_rope_theta", "sliding_attention", usual_local)? };
    let count = limited(keys, "num_hidden_layers", keys.size("num_hidden_layers")?, 1 << 12)?;
    let layers = if let Some(kinds) = keys.present("layer_types").and_then(Value::as_array) {
        let kind = |kind: &Value| match kind.as_str() {
            Some("full_attention") => Ok(global),
            Some("sliding_attention") => Ok(local),
            _ => Err(keys.error("layer_types", format!("holds {kind}, which is unknown"))),
        };
        kinds.iter().map(kind).collect::<Result<_, _>>()?
    } else {
        let every = keys.optional("global_attn_every_n_layers")?.unwrap_or(3).max(1);
        (0..count).map(|layer| if layer % every == 0 { global } else { local }).collect()
    };
    let shape = Shape {
        vocab: keys.size("vocab_size")?,
        hidden: keys.size("hidden_size")?,
        layers,
        heads: keys.size("num_attention_heads")?,
        feed_forward: keys.size("intermediate_size")?,
        norm_eps: if keys.present("norm_eps").is_some() { keys.number("norm_eps")? } else { 1e-5 },
        positions: Positions::Rotary,
        types: 0,
        pre_norm: true,
        gated: true,
        biases: Biases {
            attention: keys.flag("attention_bias")?,
            feed_forward: keys.flag("mlp_bias")?,
            norms: keys.flag("norm_bias")?,
            head: keys.flag("classifier_bias")?,
            logits: keys.flag_or("decoder_bias", true)?,
        },
        context: keys.size("max_position_embeddings")?,
    };
    boxed(keys, shape, Layout::ModernBert)
}

/// The shape that BERT and RoBERTa share.
fn learned(keys: &Keys<'_>, positions: Positions, context: usize) -> Result<Shape, ModelError> {
    keys.expect_text("hidden_act", "gelu")?;
    keys.expect_text("position_embedding_type", "absolute")?;
    let count = limited(keys, "num_hidden_layers", keys.size("num_hidden_layers")?, 1 << 12)?;
    Ok(Shape {
        vocab: keys.size("vocab_size")?,
        hidden: keys.size("hidden_size")?,
        layers: vec![Layer { reach: None, rope_theta: 0.0 }; count],
        heads: keys.size("num_attention_heads")?,
        feed_forward: keys.size("intermediate_size")?,
        norm_eps: keys.number("layer_norm_eps")?,
        positions,
        types: keys.size("type_vocab_size")?,
        pre_norm: false,
        gated: false,
        biases: Biases::ALL,
        context,
    })
}

fn boxed(keys: &Keys<'_>, shape: Shape, layout: Layout) -> Read {
    shape.check(keys)?;
    Ok(Box::new(Encoder { shape, layout }))
}

fn limited(keys: &Keys<'_>, key: &str, size: usize, limit: usize) -> Result<usize, ModelError> {
    if size == 0 || size > limit {
        return Err(keys.error(key, format!("is {size}, which no network has")));
    }
    Ok(size)
}

impl Shape {
    pub(crate) fn head_dim(&self) -> usize {
        self.hidden / self.heads
    }

    pub(crate) fn facts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("layers", self.layers.len().to_string()),
            ("width", self.hidden.to_string()),
            ("heads", format!("{} of {}", self.heads, self.head_dim())),
        ]
    }

    /// Refuses sizes that no network can have, so that nothing later divides by zero or allocates without bound.
    pub(crate) fn check(&self, keys: &Keys<'_>) -> Result<(), ModelError> {
        for (key, size, limit) in [
            ("vocab_size", self.vocab, 1 << 22),
            ("hidden_size", self.hidden, 1 << 17),
            ("num_hidden_layers", self.layers.len(), 1 << 12),
            ("num_attention_heads", self.heads, 1 << 12),
            ("intermediate_size", self.feed_forward, 1 << 20),
            ("max_position_embeddings", self.context, 1 << 24),
        ] {
            limited(keys, key, size, limit)?;
        }
        if self.types > 1 << 16 {
            return Err(keys.error("type_vocab_size", format!("is {}, which no network has", self.types)));
        }
        if !self.hidden.is_multiple_of(self.heads) {
            let why = format!("is {}, which does not divide the hidden size {}", self.heads, self.hidden);
            return Err(keys.error("num_attention_heads", why));
        }
        if self.positions == Positions::Rotary && !self.head_dim().is_multiple_of(2) {
            return Err(keys.error("num_attention_heads", "gives heads of an odd width, which cannot be rotated"));
        }
        if !(self.norm_eps.is_finite() && self.norm_eps >= 0.0) {
            return Err(keys.error("layer_norm_eps", "is not a positive number"));
        }
        Ok(())
    }
}
