//! The one transformer stack: embedding, blocks of attention and SwiGLU with pre-RMSNorm, final norm, head.
//!
//! Run with every position visible to every other (or block by block, [`Attention`]). The head runs only on the rows
//! asked for, since with a vocabulary of 50,000 to 150,000 it is a large share of a small model's work. Keys and values
//! of every layer are kept from pass to pass ([`Memory`]), so that a pass may compute some rows only ([`Refresh`],
//! `decoding.md` section 2); a pass that computes all is a function of its input alone.

use candle_core::{Device, Module, Tensor};
use candle_nn::RmsNorm;

use super::Backbone;
use super::names::{Layout, Place};
use crate::diffusion::Refresh;
use crate::model::config::Attention;
use crate::model::error::ModelError;
use crate::model::family::{Input, Network};
use crate::model::layers::{KeyValues, Linear, Packing, Rotary, SelfAttention, SwiGlu, add, attention_bias};
use crate::model::lfm2::ShortConvolution;
use crate::model::moe::Experts;
use crate::model::weights::Weights;

struct Block {
    attention_norm: Norm,
    mixer: Mixer,
    feed_forward_norm: Norm,
    feed_forward: FeedForward,
}

/// RMSNorm; LLaDA's code allows for a bias.
struct Norm {
    scaled: RmsNorm,
    bias: Option<Tensor>,
}

impl Norm {
    fn load(weights: &Weights, name: &str, shape: &Backbone) -> Result<Self, ModelError> {
        let scaled = RmsNorm::new(weights.get(&format!("{name}.weight"))?, shape.norm_eps);
        let bias = shape.norm_bias.then(|| weights.get(&format!("{name}.bias"))).transpose()?;
        Ok(Self { scaled, bias })
    }

    /// x (m, d) -> (m, d).
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let scaled = self.scaled.forward(x)?;
        self.bias.as_ref().map_or_else(|| Ok(scaled.clone()), |bias| scaled.broadcast_add(bias))
    }
}

/// What lets rows see one another.
enum Mixer {
    Attention(Box<SelfAttention>),
    Convolution(ShortConvolution),
}

enum FeedForward {
    Dense(Box<SwiGlu>),
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
        Ok(Self::Dense(Box::new(SwiGlu::load(weights, &names, packing)?)))
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        match self {
            Self::Dense(layer) => layer.forward(x),
            Self::Mixture(experts) => experts.forward(x),
        }
    }
}

/// What the passes before left behind: keys and values of all rows, and the circumstances under which they hold.
#[derive(Default)]
struct Memory {
    layers: Vec<KeyValues>,
    ids: Vec<u32>,
    positions: Vec<usize>,
    visible: Option<Vec<bool>>,
    attention: Attention,
}

impl Memory {
    /// The rows to compute, ascending: those to be refreshed, those whose logits are wanted, and those whose token is
    /// another than the one remembered. None for all, which is what a memory of other circumstances asks for.
    fn rows(&self, input: &Input<'_>, positions: &[usize]) -> Option<Vec<usize>> {
        let Refresh::Only(rows) = input.refresh else { return None };
        let stands = self.positions == positions
            && self.visible.as_deref() == input.visible
            && self.attention == input.attention;
        let mut rows = [rows, input.rows].concat();
        rows.extend((0..input.ids.len()).filter(|row| self.ids.get(*row) != input.ids.get(*row)));
        rows.sort_unstable();
        rows.dedup();
        (stands && rows.len() < positions.len()).then_some(rows)
    }
}

/// A loaded stack.
pub(crate) struct Stack {
    embedding: Linear,
    blocks: Vec<Block>,
    final_norm: Norm,
    /// None where it is the embedding.
    head: Option<Linear>,
    shape: Backbone,
    device: Device,
    /// Empty before the first pass and after one that did not come to its end.
    memory: Memory,
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
        let norm = |place, block| Norm::load(weights, &layout.name(place, block), shape);
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
        let embedding = layout.name(Place::Embedding, 0);
        let head = layout.name(Place::Head, 0);
        let head = if weights.has(&format!("{head}.weight")) {
            Some(Linear::load(weights, &head, packing)?)
        } else {
            Linear::tied_head(weights, &embedding, packing)?
        };
        let embedding = Linear::table(weights, &embedding, packing)?;
        let final_norm = norm(Place::FinalNorm, 0)?;
        let (shape, device) = (shape.clone(), device.clone());
        Ok(Self { embedding, blocks, final_norm, head, shape, device, memory: Memory::default() })
    }
}

/// What the rows of a pass see, and which of the canvas's rows they are.
struct Sight<'a> {
    /// The rows computed; none where all are.
    rows: Option<&'a [usize]>,
    rotary: &'a Rotary,
    bias: Option<&'a Tensor>,
    visible: Option<&'a [bool]>,
}

impl Stack {
    /// Embeddings of tokens: (n, d).
    pub(crate) fn embed(&self, ids: &[u32]) -> candle_core::Result<Tensor> {
        self.embedding.rows(ids, &self.device)
    }

    /// The mean of all embeddings by weights: p (n, V) -> (n, d).
    pub(crate) fn embed_mixture(&self, p: &Tensor) -> candle_core::Result<Tensor> {
        self.embedding.mixture(p)
    }

    /// Embeddings (n, d) to logits (n, V), every row seeing all.
    pub(crate) fn of_embeddings(&self, x: Tensor, cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Tensor, ModelError> {
        let in_order: Vec<usize> = (0..x.dim(0)?).collect();
        let mut memory = Memory::default();
        let sight = Sight { rows: None, rotary: &self.rotary(&in_order)?, bias: None, visible: None };
        let x = self.blocks(x, &sight, &mut memory.layers, cancelled)?;
        Ok(self.head().forward(&self.final_norm.forward(&x)?)?)
    }

    fn head(&self) -> &Linear {
        self.head.as_ref().unwrap_or(&self.embedding)
    }

    fn rotary(&self, positions: &[usize]) -> Result<Rotary, ModelError> {
        Rotary::new(positions, self.shape.rotary_dim, self.shape.rope_theta, self.shape.rope, &self.device)
    }

    /// x (m, d) -> (m, d) for the m rows given (none: all), attending to what is kept of the others.
    fn blocks(
        &self,
        mut x: Tensor,
        sight: &Sight<'_>,
        layers: &mut Vec<KeyValues>,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Tensor, ModelError> {
        let seen = sight.visible.map(|visible| {
            let seen: Vec<f32> = visible.iter().map(|seen| f32::from(u8::from(*seen))).collect();
            Tensor::from_vec(seen, (visible.len(), 1), &self.device)
        });
        let seen = seen.transpose()?;
        layers.resize_with(self.blocks.len(), KeyValues::default);
        for (block, kept) in self.blocks.iter().zip(layers) {
            if cancelled() {
                return Err(ModelError::Cancelled);
            }
            let normed = block.attention_norm.forward(&x)?;
            let mixed = match &block.mixer {
                Mixer::Attention(attention) => {
                    attention.forward(&normed, sight.rows, sight.rotary, sight.bias, kept)?
                }
                Mixer::Convolution(convolution) => convolution.forward(&normed, seen.as_ref())?,
            };
            x = add(&x, &mixed)?;
            let fed = block.feed_forward.forward(&block.feed_forward_norm.forward(&x)?)?;
            x = add(&x, &fed)?;
        }
        Ok(x)
    }

    fn indices(&self, rows: &[usize]) -> candle_core::Result<Tensor> {
        let rows: Vec<u32> = rows.iter().map(|row| *row as u32).collect();
        Tensor::new(rows.as_slice(), &self.device)
    }
}

impl Network for Stack {
    fn forward(&mut self, input: &Input<'_>, cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Vec<f32>, ModelError> {
        let n = input.ids.len();
        let in_order: Vec<usize> = (0..n).collect();
        let positions = input.positions.unwrap_or(&in_order);
        // Taken out, and put back at the end: a pass that is cancelled leaves no memory.
        let mut memory = std::mem::take(&mut self.memory);
        // A convolution reads the neighbours' hidden states, which nobody keeps.
        let some = if self.shape.convolutions.is_some() { None } else { memory.rows(input, positions) };
        let rows = some.as_deref().unwrap_or(&in_order);
        let here: Vec<usize> = rows.iter().map(|row| positions[*row]).collect();
        let mut bias = attention_bias(input.attention, input.visible, n, &self.device)?;
        if let (Some(all), true) = (&bias, some.is_some()) {
            bias = Some(all.index_select(&self.indices(rows)?, 0)?);
        }
        let ids: Vec<u32> = rows.iter().map(|row| input.ids[*row]).collect();
        let (x, rotary) = (self.embed(&ids)?, self.rotary(&here)?);
        let sight = Sight { rows: some.as_deref(), rotary: &rotary, bias: bias.as_ref(), visible: input.visible };
        let x = self.blocks(x, &sight, &mut memory.layers, cancelled)?;
        (memory.ids, memory.positions) = (input.ids.to_vec(), positions.to_vec());
        (memory.visible, memory.attention) = (input.visible.map(<[bool]>::to_vec), input.attention);
        self.memory = memory;
        let wanted: Vec<usize> = input.rows.iter().map(|row| rows.partition_point(|other| other < row)).collect();
        let x = x.index_select(&self.indices(&wanted)?, 0)?;
        let logits = self.head().logits(&self.final_norm.forward(&x)?)?;
        debug_assert_eq!(logits.len(), input.rows.len() * self.shape.vocab);
        Ok(logits)
    }
}
