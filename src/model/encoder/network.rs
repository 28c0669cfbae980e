//! The layers of an encoder, its embedding and its head: ids in, logits out.
//!
//! Queries, keys and values are one map, whether the file holds one or three. Every pass computes all rows; the head
//! runs on the rows asked for only.

use candle_core::{DType, Device, Module, Tensor};
use candle_nn::LayerNorm;

use super::names::{Layout, Place};
use super::{Positions, Shape};
use crate::model::config::Attention;
use crate::model::decoder::RopePairs;
use crate::model::error::ModelError;
use crate::model::family::{Input, Network};
use crate::model::layers::{FusedAttention, Linear, Packing, Rotary, UNSEEN, attention_bias};
use crate::model::weights::Weights;

/// Reads the LayerNorm of this name; its bias may be absent.
pub(crate) fn layer_norm(weights: &Weights, name: &str, eps: f64) -> Result<LayerNorm, ModelError> {
    let weight = weights.get(&format!("{name}.weight"))?;
    let bias = format!("{name}.bias");
    Ok(if weights.has(&bias) {
        LayerNorm::new(weight, weights.get(&bias)?, eps)
    } else {
        LayerNorm::new_no_bias(weight, eps)
    })
}

struct Block {
    /// None in ModernBERT's first layer.
    attention_norm: Option<LayerNorm>,
    attention: FusedAttention,
    feed_forward_norm: LayerNorm,
    up: Linear,
    down: Linear,
}

/// The layers, from embeddings to hidden states.
pub(crate) struct Body {
    blocks: Vec<Block>,
    final_norm: Option<LayerNorm>,
    shape: Shape,
    device: Device,
}

/// What goes through the layers beside the hidden states.
pub(crate) struct Encoded<'a> {
    /// Rotary positions, when they are not 0, 1, 2, ...
    pub(crate) positions: Option<&'a [usize]>,
    /// `false` hides a position from all others.
    pub(crate) visible: Option<&'a [bool]>,
    /// Who sees whom, beyond the layers' own windows.
    pub(crate) attention: Attention,
}

impl Body {
    pub(crate) fn load(
        weights: &Weights,
        layout: Layout,
        shape: &Shape,
        packing: Packing,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let norm = |place, layer| layer_norm(weights, &layout.name(place, layer), shape.norm_eps);
        let linear = |place, layer| Linear::load(weights, &layout.name(place, layer), packing);
        let mut blocks = Vec::with_capacity(shape.layers.len());
        for layer in 0..shape.layers.len() {
            let inputs = layout.attention_inputs(layer);
            let read = |suffix: &str| -> Result<Tensor, ModelError> {
                let parts: Result<Vec<_>, _> =
                    inputs.iter().map(|name| weights.get(&format!("{name}.{suffix}"))).collect();
                Ok(Tensor::cat(&parts?, 0)?)
            };
            let bias = if shape.biases.attention { Some(read("bias")?) } else { None };
            blocks.push(Block {
                attention_norm: layout
                    .has_attention_norm(layer)
                    .then(|| norm(Place::AttentionNorm, layer))
                    .transpose()?,
                attention: FusedAttention {
                    fused: Linear::new(read("weight")?, bias, packing)?,
                    output: linear(Place::Output, layer)?,
                    heads: shape.heads,
                },
                feed_forward_norm: norm(Place::FeedForwardNorm, layer)?,
                up: linear(Place::Up, layer)?,
                down: linear(Place::Down, layer)?,
            });
        }
        let final_norm = shape.pre_norm.then(|| norm(Place::FinalNorm, 0)).transpose()?;
        Ok(Self { blocks, final_norm, shape: shape.clone(), device: device.clone() })
    }

    /// x (n, d) -> (n, d). `cancelled` is asked once per layer.
    pub(crate) fn forward(
        &self,
        mut x: Tensor,
        how: &Encoded<'_>,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Tensor, ModelError> {
        let n = x.dim(0)?;
        let everywhere = attention_bias(how.attention, how.visible, n, &self.device)?;
        let mut windows: Vec<(usize, Tensor)> = Vec::new();
        let mut rotaries: Vec<(f64, Rotary)> = Vec::new();
        for (layer, block) in self.shape.layers.iter().zip(&self.blocks) {
            if cancelled() {
                return Err(ModelError::Cancelled);
            }
            let bias = match layer.reach {
                None => everywhere.as_ref(),
                Some(reach) => {
                    let make = || window(reach, everywhere.as_ref(), n, &self.device);
                    Some(made_once(&mut windows, reach, make)?)
                }
            };
            let rotary = match self.shape.positions {
                Positions::Learned { .. } => None,
                Positions::Rotary => {
                    let make = || self.rotary(how.positions, n, layer.rope_theta);
                    Some(made_once(&mut rotaries, layer.rope_theta, make)?)
                }
            };
            x = block.forward(&x, &self.shape, rotary, bias)?;
        }
        Ok(match &self.final_norm {
            Some(norm) => norm.forward(&x)?,
            None => x,
        })
    }

    fn rotary(&self, positions: Option<&[usize]>, n: usize, theta: f64) -> Result<Rotary, ModelError> {
        let in_order: Vec<usize> = (0..n).collect();
        let positions = positions.unwrap_or(&in_order);
        Rotary::new(positions, self.shape.head_dim(), theta, RopePairs::Halves, &self.device)
    }
}

/// What was made for this key before, or now.
fn made_once<K: PartialEq, T>(
    made: &mut Vec<(K, T)>,
    key: K,
    make: impl FnOnce() -> Result<T, ModelError>,
) -> Result<&T, ModelError> {
    let known = made.iter().position(|(known, _)| *known == key);
    let at = known.unwrap_or(made.len());
    if known.is_none() {
        made.push((key, make()?));
    }
    Ok(&made[at].1)
}

/// The bias of a layer whose rows see `reach` positions to each side of what `everywhere` lets them see.
fn window(reach: usize, everywhere: Option<&Tensor>, n: usize, device: &Device) -> Result<Tensor, ModelError> {
    let hide = |i: usize, j: usize| if i.abs_diff(j) > reach { UNSEEN } else { 0.0 };
    let bias: Vec<f32> = (0..n).flat_map(|i| (0..n).map(move |j| hide(i, j))).collect();
    let bias = Tensor::from_vec(bias, (n, n), device)?;
    Ok(match everywhere {
        Some(everywhere) => bias.minimum(everywhere)?,
        None => bias,
    })
}

impl Block {
    fn forward(
        &self,
        x: &Tensor,
        shape: &Shape,
        rotary: Option<&Rotary>,
        bias: Option<&Tensor>,
    ) -> candle_core::Result<Tensor> {
        let attended = |x: &Tensor| self.attention.forward(x, rotary, bias);
        let fed = |x: &Tensor| self.feed_forward(x, shape.gated);
        if shape.pre_norm {
            let normed = match &self.attention_norm {
                Some(norm) => norm.forward(x)?,
                None => x.clone(),
            };
            let x = (x + attended(&normed)?)?;
            return &x + fed(&self.feed_forward_norm.forward(&x)?)?;
        }
        let mut x = (x + attended(x)?)?;
        if let Some(norm) = &self.attention_norm {
            x = norm.forward(&x)?;
        }
        self.feed_forward_norm.forward(&(&x + fed(&x)?)?)
    }

    fn feed_forward(&self, x: &Tensor, gated: bool) -> candle_core::Result<Tensor> {
        let up = self.up.forward(x)?;
        if !gated {
            return self.down.forward(&up.gelu_erf()?);
        }
        let halves = up.chunk(2, 1)?;
        self.down.forward(&(halves[0].contiguous()?.gelu_erf()? * &halves[1])?)
    }
}

/// What is added to a token's embedding, and the norm over the sum.
struct LearnedEmbedding {
    positions: Option<Tensor>,
    types: Option<Tensor>,
    norm: LayerNorm,
    first: usize,
    pad: Option<u32>,
}

impl LearnedEmbedding {
    pub(crate) fn load(weights: &Weights, layout: Layout, shape: &Shape) -> Result<Self, ModelError> {
        let table = |place| weights.get(&(layout.name(place, 0) + ".weight"));
        let (first, pad) = match shape.positions {
            Positions::Learned { first, pad, .. } => (first, pad),
            Positions::Rotary => (0, None),
        };
        let learned = matches!(shape.positions, Positions::Learned { .. });
        Ok(Self {
            positions: learned.then(|| table(Place::Positions)).transpose()?,
            types: (shape.types > 0).then(|| table(Place::Types)).transpose()?,
            norm: layer_norm(weights, &layout.name(Place::EmbeddingNorm, 0), shape.norm_eps)?,
            first,
            pad,
        })
    }

    /// x (n, d) with its positions and segments added, normed. Without `ids` no row is padding.
    pub(crate) fn forward(
        &self,
        mut x: Tensor,
        ids: Option<&[u32]>,
        positions: Option<&[usize]>,
        types: Option<&[u32]>,
    ) -> Result<Tensor, ModelError> {
        let n = x.dim(0)?;
        let device = x.device().clone();
        if let Some(table) = &self.types {
            let types = types.map_or_else(|| vec![0; n], <[u32]>::to_vec);
            x = (x + rows_of(table, &types, "token_type_ids", &device)?)?;
        }
        if let Some(table) = &self.positions {
            let at: Vec<u32> = match positions {
                Some(positions) => positions.iter().map(|position| *position as u32).collect(),
                None => self.count(ids, n),
            };
            x = (x + rows_of(table, &at, "position_ids", &device)?)?;
        }
        Ok(self.norm.forward(&x)?)
    }

    /// Tokens that are not padding are counted; padding has the row of the padding token.
    fn count(&self, ids: Option<&[u32]>, n: usize) -> Vec<u32> {
        let first = self.first as u32;
        let (Some(ids), Some(pad)) = (ids, self.pad) else { return (first..first + n as u32).collect() };
        let mut next = first;
        ids.iter()
            .map(|id| {
                if *id == pad {
                    return pad;
                }
                next += 1;
                next - 1
            })
            .collect()
    }
}

/// Rows of a table; indices outside of it are the caller's mistake, told in a sentence.
pub(crate) fn rows_of(table: &Tensor, rows: &[u32], what: &str, device: &Device) -> Result<Tensor, ModelError> {
    let limit = table.dim(0)?;
    if let Some(row) = rows.iter().find(|row| **row as usize >= limit) {
        return Err(ModelError::Input(format!(
            "{what} holds {row}; the largest that the model knows is {}",
            limit - 1
        )));
    }
    Ok(table.index_select(&Tensor::new(rows, device)?, 0)?)
}

/// Hidden states to logits.
struct LmHead {
    dense: Linear,
    norm: LayerNorm,
    decoder: Linear,
}

impl LmHead {
    /// `tokens` is the embedding, which the map to logits is tied to where the file has none.
    pub(crate) fn load(
        weights: &Weights,
        layout: Layout,
        shape: &Shape,
        tokens: &Tensor,
        packing: Packing,
    ) -> Result<Self, ModelError> {
        let decoder = layout.name(Place::Decoder, 0);
        let decoder = if weights.has(&decoder) { weights.get(&decoder)? } else { tokens.clone() };
        let bias = shape.biases.logits.then(|| weights.get(&layout.name(Place::LogitBias, 0))).transpose()?;
        Ok(Self {
            dense: Linear::load(weights, &layout.name(Place::HeadDense, 0), packing)?,
            norm: layer_norm(weights, &layout.name(Place::HeadNorm, 0), shape.norm_eps)?,
            decoder: Linear::new(decoder, bias, packing)?,
        })
    }

    /// x (m, d) -> (m, V).
    pub(crate) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        self.decoder.forward(&self.norm.forward(&self.dense.forward(x)?.gelu_erf()?)?)
    }
}

/// A loaded masked language model.
pub(crate) struct MaskedLanguageModel {
    tokens: Tensor,
    embedding: LearnedEmbedding,
    body: Body,
    head: LmHead,
    device: Device,
}

impl MaskedLanguageModel {
    pub(crate) fn load(
        weights: &Weights,
        layout: Layout,
        shape: &Shape,
        packing: Packing,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let tokens = weights.get(&(layout.name(Place::Tokens, 0) + ".weight"))?;
        Ok(Self {
            embedding: LearnedEmbedding::load(weights, layout, shape)?,
            body: Body::load(weights, layout, shape, packing, device)?,
            head: LmHead::load(weights, layout, shape, &tokens, packing)?,
            tokens,
            device: device.clone(),
        })
    }
}

impl MaskedLanguageModel {
    /// Embeddings of tokens, without positions: (n, d).
    pub(crate) fn embed(&self, ids: &[u32]) -> candle_core::Result<Tensor> {
        self.tokens.index_select(&Tensor::new(ids, &self.device)?, 0)
    }

    /// Embeddings (n, d) without positions to logits (n, V).
    pub(crate) fn of_embeddings(&self, x: Tensor, cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Tensor, ModelError> {
        let x = self.embedding.forward(x, None, None, None)?;
        let how = Encoded { positions: None, visible: None, attention: Attention::Full };
        Ok(self.head.forward(&self.body.forward(x, &how, cancelled)?)?)
    }
}

impl Network for MaskedLanguageModel {
    fn forward(&mut self, input: &Input<'_>, cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Vec<f32>, ModelError> {
        let x = self.embed(input.ids)?;
        let x = self.embedding.forward(x, Some(input.ids), input.positions, input.token_types)?;
        let how = Encoded { positions: input.positions, visible: input.visible, attention: input.attention };
        let x = self.body.forward(x, &how, cancelled)?;
        let rows: Vec<u32> = input.rows.iter().map(|row| *row as u32).collect();
        let logits = self.head.forward(&x.index_select(&Tensor::new(rows.as_slice(), &self.device)?, 0)?)?;
        Ok(logits.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
    }
}
