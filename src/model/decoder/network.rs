//! The one transformer stack: embedding, blocks of attention and SwiGLU with pre-RMSNorm, final norm, head.
//!
//! Run with every position visible to every other (or block by block, [`Attention`]), without a cache and without
//! state: `forward(&self)` is a function of its input. Hidden states are computed for all positions, the head only
//! for the rows asked for, since with a vocabulary of 50,000 to 150,000 it is a large share of a small model's work.

use candle_core::{DType, Device, Module, Tensor};
use candle_nn::RmsNorm;

use super::Backbone;
use super::names::{Layout, Place};
use crate::model::error::ModelError;
use crate::model::family::{Input, Network};
use crate::model::layers::{Linear, Packing, Rotary, SelfAttention, SwiGlu, attention_bias, width};
use crate::model::lfm2::ShortConvolution;
use crate::model::moe::Experts;
use crate::model::weights::Weights;

struct Block {
    attention_norm: RmsNorm,
    mixer: Mixer,
    feed_forward_norm: RmsNorm,
    feed_forward: FeedForward,
}

/// What lets rows see one another.
enum Mixer {
    Attention(Box<SelfAttention>),
    Convolution(ShortConvolution),
}

enum FeedForward {
    Dense(SwiGlu),
    Mixture(Box<Experts>),
}

impl FeedForward {
    fn load(
        weights: &Weights,
        layout: Layout,
        shape: &Backbone,
        block: usize,
        packing: Packing,
    ) -> Result<Self, ModelError> {
        if let Some(mixture) = shape.mixture.as_ref().filter(|mixture| mixture.sparse[block]) {
            return Ok(Self::Mixture(Box::new(Experts::load(weights, mixture, block, packing)?)));
        }
        let names = [Place::Gate, Place::Up, Place::Down].map(|place| layout.name(place, block));
        Ok(Self::Dense(SwiGlu::load(weights, &names, packing)?))
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        match self {
            Self::Dense(layer) => layer.forward(x),
            Self::Mixture(experts) => experts.forward(x),
        }
    }
}

/// A loaded stack.
pub(crate) struct Stack {
    embedding: Tensor,
    blocks: Vec<Block>,
    final_norm: RmsNorm,
    head: Linear,
    shape: Backbone,
    device: Device,
}

impl Stack {
    /// Reads all tensors. The caller has compared names and shapes before ([`Weights::report`]).
    pub(crate) fn load(
        weights: &Weights,
        layout: Layout,
        shape: &Backbone,
        packing: Packing,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let norm = |place, block| -> Result<RmsNorm, ModelError> {
            let weight = weights.get(&(layout.name(place, block) + ".weight"))?;
            Ok(RmsNorm::new(weight, shape.norm_eps))
        };
        let mut blocks = Vec::with_capacity(shape.layers);
        for block in 0..shape.layers {
            blocks.push(Block {
                attention_norm: norm(Place::AttentionNorm, block)?,
                mixer: match shape.convolutions.as_ref().filter(|convolutions| convolutions.blocks[block]) {
                    Some(_) => Mixer::Convolution(ShortConvolution::load(weights, layout, block, packing)?),
                    None => Mixer::Attention(Box::new(SelfAttention::load(weights, layout, block, shape, packing)?)),
                },
                feed_forward_norm: norm(Place::FeedForwardNorm, block)?,
                feed_forward: FeedForward::load(weights, layout, shape, block, packing)?,
            });
        }
        let embedding = weights.get(&(layout.name(Place::Embedding, 0) + ".weight"))?;
        let head = layout.name(Place::Head, 0);
        let head = if weights.has(&format!("{head}.weight")) {
            Linear::load(weights, &head, packing)?
        } else {
            Linear::new(embedding.clone(), None, packing)?
        };
        let final_norm = norm(Place::FinalNorm, 0)?;
        Ok(Self { embedding, blocks, final_norm, head, shape: shape.clone(), device: device.clone() })
    }
}

impl Stack {
    /// Embeddings of tokens: (n, d).
    pub(crate) fn embed(&self, ids: &[u32]) -> candle_core::Result<Tensor> {
        self.embedding.index_select(&Tensor::new(ids, &self.device)?, 0)
    }

    /// The mean of all embeddings by weights: p (n, V) -> (n, d).
    pub(crate) fn embed_mixture(&self, p: &Tensor) -> candle_core::Result<Tensor> {
        p.matmul(&self.embedding)
    }

    /// Embeddings (n, d) to logits (n, V), every row seeing all.
    pub(crate) fn of_embeddings(&self, x: Tensor, cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Tensor, ModelError> {
        let in_order: Vec<usize> = (0..x.dim(0)?).collect();
        let x = self.blocks(x, &self.rotary(&in_order)?, None, None, cancelled)?;
        Ok(self.head.forward(&self.final_norm.forward(&x)?)?)
    }

    fn rotary(&self, positions: &[usize]) -> Result<Rotary, ModelError> {
        Rotary::new(positions, self.shape.rotary_dim, self.shape.rope_theta, self.shape.rope, &self.device)
    }

    fn blocks(
        &self,
        mut x: Tensor,
        rotary: &Rotary,
        bias: Option<&Tensor>,
        visible: Option<&[bool]>,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Tensor, ModelError> {
        let seen = visible.map(|visible| {
            let seen: Vec<f32> = visible.iter().map(|seen| f32::from(u8::from(*seen))).collect();
            Tensor::from_vec(seen, (visible.len(), 1), &self.device)
        });
        let seen = seen.transpose()?;
        for block in &self.blocks {
            if cancelled() {
                return Err(ModelError::Cancelled);
            }
            let normed = block.attention_norm.forward(&x)?;
            let mixed = match &block.mixer {
                Mixer::Attention(attention) => attention.forward(&normed, rotary, bias)?,
                Mixer::Convolution(convolution) => convolution.forward(&normed, seen.as_ref())?,
            };
            x = (x + mixed)?;
            let fed = block.feed_forward.forward(&block.feed_forward_norm.forward(&x)?)?;
            x = (x + fed)?;
        }
        Ok(x)
    }
}

impl Network for Stack {
    fn forward(&mut self, input: &Input<'_>, cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Vec<f32>, ModelError> {
        let n = input.ids.len();
        let in_order: Vec<usize> = (0..n).collect();
        let rotary = self.rotary(input.positions.unwrap_or(&in_order))?;
        let bias = attention_bias(input.attention, input.visible, n, &self.device)?;
        let x = self.blocks(self.embed(input.ids)?, &rotary, bias.as_ref(), input.visible, cancelled)?;
        let rows: Vec<u32> = input.rows.iter().map(|row| *row as u32).collect();
        let x = x.index_select(&Tensor::new(rows.as_slice(), &self.device)?, 0)?;
        let logits = self.head.forward(&self.final_norm.forward(&x)?)?;
        debug_assert_eq!(width(&logits)?, self.shape.vocab);
        Ok(logits.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
    }
}
