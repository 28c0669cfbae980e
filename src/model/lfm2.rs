//! LFM2 with attention to both sides: the decoder, most of whose blocks mix neighbours by a short convolution instead.
//!
//! `LiquidAI/LFM2.5-Encoder-350M-Diffusion` (`reference/models.md` section 2.9). Written from that description; there is
//! no fixture of the published network, so that it is unverified against published weights. Its causal siblings have the
//! same tensors and another convolution, and are refused.

use candle_core::Tensor;
use serde_json::Value;

use super::config::{Attention, Keys};
use super::decoder::names::{Layout, Place};
use super::decoder::{Backbone, Decoder, RopePairs};
use super::error::ModelError;
use super::family::{Read, SUPPORTED};
use super::layers::{Linear, Packing};
use super::weights::Weights;

/// Widest kernel that a convolution may have; the published one has 3.
const WIDEST: usize = 64;

/// Reads the `config.json`.
pub(crate) fn read(keys: &Keys<'_>, _family: &str) -> Read {
    let architectures = keys.present("architectures").and_then(Value::as_array);
    let mut names = architectures.into_iter().flatten().filter_map(Value::as_str);
    if !names.any(|name| name.contains("Bidirectional")) {
        let what = "an LFM2 that reads from left to right only".to_owned();
        return Err(ModelError::Unsupported { path: keys.path.into(), what, supported: SUPPORTED });
    }
    if keys.flag("conv_bias")? {
        return Err(keys.error("conv_bias", "is true, and no published LFM2 has it"));
    }
    let hidden = keys.size("hidden_size")?;
    let heads = keys.size("num_attention_heads")?;
    let head_dim = keys.optional("head_dim")?.unwrap_or(hidden / heads.max(1));
    let layers = keys.size("num_hidden_layers")?;
    let kernel = keys.optional("conv_L_cache")?.unwrap_or(3);
    if kernel.is_multiple_of(2) || kernel > WIDEST {
        return Err(keys.error("conv_L_cache", format!("is {kernel}, and a centred convolution has an odd width")));
    }
    let tied = if keys.present("tie_embedding").is_some() { "tie_embedding" } else { "tie_word_embeddings" };
    let shape = Backbone {
        vocab: keys.size("vocab_size")?,
        hidden,
        layers,
        heads,
        kv_heads: keys.optional("num_key_value_heads")?.unwrap_or(heads),
        head_dim,
        rotary_dim: head_dim,
        feed_forward: feed_forward(keys)?,
        norm_eps: keys.number("norm_eps")?,
        rope_theta: keys.rope_theta()?,
        rope: RopePairs::Halves,
        qkv_bias: false,
        output_bias: false,
        feed_forward_bias: false,
        head_bias: false,
        norm_bias: false,
        qk_norm: true,
        mixture: None,
        convolutions: Some(Convolutions { blocks: convolutions(keys, layers)?, kernel }),
        tied: keys.present(tied).is_none() || keys.flag(tied)?,
        context: keys.size("max_position_embeddings")?,
    };
    shape.check(keys.path)?;
    Ok(Box::new(Decoder { shape, layout: Layout::Lfm2, attention: Attention::Full }))
}

/// The width of the feed-forward layer: the tensor's, else two thirds of what is written, rounded up (`Lfm2MLP` of
/// transformers).
fn feed_forward(keys: &Keys<'_>) -> Result<usize, ModelError> {
    if let Some([rows, _]) = keys.shape(&(Layout::Lfm2.name(Place::Gate, 0) + ".weight")).as_deref() {
        return Ok(*rows);
    }
    let written = match keys.optional("block_ff_dim")? {
        Some(width) => width,
        None => keys.size("intermediate_size")?,
    };
    let adjusted = keys.present("block_auto_adjust_ff_dim").is_none() || keys.flag("block_auto_adjust_ff_dim")?;
    if !adjusted || written > 1 << 20 {
        return Ok(written);
    }
    let factor =
        if keys.present("block_ffn_dim_multiplier").is_some() { keys.number("block_ffn_dim_multiplier")? } else { 1.0 };
    let unit = keys.optional("block_multiple_of")?.unwrap_or(256).max(1);
    let width = ((2 * written / 3) as f64 * factor.clamp(0.0, 16.0)) as usize;
    width.checked_next_multiple_of(unit).ok_or_else(|| keys.error("block_multiple_of", "is too large"))
}

/// Which blocks are convolutions: by `layer_types`, or all but `full_attn_idxs`.
fn convolutions(keys: &Keys<'_>, layers: usize) -> Result<Vec<bool>, ModelError> {
    if let Some(kinds) = keys.present("layer_types").and_then(Value::as_array) {
        let kind = |kind: &Value| match kind.as_str() {
            Some("conv") => Ok(true),
            Some("full_attention") => Ok(false),
            _ => Err(keys.error("layer_types", format!("holds {kind}, which is unknown"))),
        };
        let kinds: Vec<bool> = kinds.iter().map(kind).collect::<Result<_, _>>()?;
        if kinds.len() != layers {
            return Err(keys.error("layer_types", format!("has {} entries for {layers} layers", kinds.len())));
        }
        return Ok(kinds);
    }
    let attending = keys.present("full_attn_idxs").and_then(Value::as_array);
    let attending = attending.ok_or_else(|| keys.error("layer_types", "is missing"))?;
    if layers > 1 << 12 {
        return Err(keys.error("num_hidden_layers", format!("is {layers}, which no network has")));
    }
    Ok((0..layers as u64).map(|layer| !attending.iter().any(|index| index.as_u64() == Some(layer))).collect())
}

/// The convolutions among the blocks of a decoder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Convolutions {
    /// Whether a block is one.
    pub(crate) blocks: Vec<bool>,
    /// How many rows it mixes, an odd number.
    pub(crate) kernel: usize,
}

/// `out(C * conv(B * x))` with (B, C, x) = `in(row)`: each channel mixed over a few neighbours on both sides.
pub(crate) struct ShortConvolution {
    input: Linear,
    output: Linear,
    /// (kernel, d): the weight of each neighbour, first to last.
    taps: Tensor,
}

impl ShortConvolution {
    pub(crate) fn load(weights: &Weights, layout: Layout, block: usize, packing: Packing) -> Result<Self, ModelError> {
        let taps = weights.get(&(layout.name(Place::ConvolutionTaps, block) + ".weight"))?; // (d, 1, kernel)
        Ok(Self {
            input: Linear::load(weights, &layout.name(Place::ConvolutionInput, block), packing)?,
            output: Linear::load(weights, &layout.name(Place::ConvolutionOutput, block), packing)?,
            taps: taps.squeeze(1)?.t()?.contiguous()?,
        })
    }

    /// x (n, d) -> (n, d). `seen` (n, 1) is 0 for rows that nobody sees, 1 for others.
    pub(crate) fn forward(&self, x: &Tensor, seen: Option<&Tensor>) -> candle_core::Result<Tensor> {
        let n = x.dim(0)?;
        let x = match seen {
            Some(seen) => x.broadcast_mul(&seen.to_dtype(x.dtype())?)?,
            None => x.clone(),
        };
        let parts = self.input.forward(&x)?.chunk(3, 1)?;
        let gated = (&parts[0] * &parts[2])?;
        let kernel = self.taps.dim(0)?;
        let padded = gated.pad_with_zeros(0, kernel / 2, kernel / 2)?;
        let mut mixed = padded.narrow(0, 0, n)?.broadcast_mul(&self.taps.narrow(0, 0, 1)?)?;
        for tap in 1..kernel {
            mixed = (mixed + padded.narrow(0, tap, n)?.broadcast_mul(&self.taps.narrow(0, tap, 1)?)?)?;
        }
        self.output.forward(&(&parts[1] * mixed)?)
    }
}
