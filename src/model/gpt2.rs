//! The GPT-2 body that DiffuGPT runs without its causal mask (`HKUNLP/DiffuLLaMA` `model.py`, `models.md` section 2.8).
//!
//! Learned positions, LayerNorm with bias, one fused projection to queries, keys and values, GELU. Weights are stored as
//! GPT-2's `Conv1D` has them, inputs first, and are turned at load. DiffuGPT puts its mask behind GPT-2's tokens, or takes
//! a rare one of them; so the number of rows is read from the embedding and not from `config.json`.

use candle_core::{DType, Device, Module, Tensor};
use candle_nn::LayerNorm;

use super::config::{Descriptor, Keys};
use super::encoder::{layer_norm, rows_of};
use super::error::ModelError;
use super::family::{Architecture, Expected, Input, Network, Read, SUPPORTED};
use super::layers::{FusedAttention, Linear, Packing, attention_bias};
use super::weights::Weights;

const EMBEDDING: &str = "embed_tokens";
const HEAD: &str = "lm_head";
const BODY: &str = "denoise_model";

/// The shape of a GPT-2; field comments name the key in `config.json`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape {
    /// Rows of the embedding, from the tensor.
    vocab: usize,
    /// `n_embd`.
    hidden: usize,
    /// `n_layer`.
    layers: usize,
    /// `n_head`.
    heads: usize,
    /// `n_inner`, else four times the width.
    feed_forward: usize,
    /// `n_positions`.
    context: usize,
    /// `layer_norm_epsilon`.
    norm_eps: f64,
    /// What the embedding and the head are called in this file: one of the two may be absent, and is the other then.
    embedding: &'static str,
    head: &'static str,
    /// The token that was put behind GPT-2's.
    added: Option<u32>,
}

/// Reads GPT-2's `config.json`.
pub(crate) fn diffugpt(keys: &Keys<'_>, _family: &str) -> Read {
    keys.expect_text("activation_function", "gelu_new")?;
    for key in ["scale_attn_by_inverse_layer_idx", "reorder_and_upcast_attn"] {
        if keys.flag(key)? {
            return Err(keys.error(key, "is true, and DiffuGPT has it false"));
        }
    }
    if !keys.flag_or("scale_attn_weights", true)? {
        return Err(keys.error("scale_attn_weights", "is false, and DiffuGPT has it true"));
    }
    let plain = ["transformer.wpe.weight", "wpe.weight"].iter().any(|name| keys.shape(name).is_some());
    if plain && keys.shape(&format!("{BODY}.wpe.weight")).is_none() {
        let what = "GPT-2 itself, which only reads from left to right,".to_owned();
        return Err(ModelError::Unsupported { path: keys.path.into(), what, supported: SUPPORTED });
    }
    let hidden = keys.size("n_embd")?;
    let rows = |name: &str| keys.shape(&format!("{name}.weight")).and_then(|shape| shape.first().copied());
    let tokens = keys.size("vocab_size")?;
    let vocab = rows(EMBEDDING).or(rows(HEAD)).unwrap_or(tokens);
    let present = |name: &'static str, other| if rows(name).is_some() { name } else { other };
    let shape = Shape {
        vocab,
        hidden,
        layers: keys.size("n_layer")?,
        heads: keys.size("n_head")?,
        feed_forward: keys.optional("n_inner")?.unwrap_or(hidden.saturating_mul(4)),
        context: keys.size("n_positions")?,
        norm_eps: keys.number("layer_norm_epsilon")?,
        embedding: if rows(HEAD).is_some() { present(EMBEDDING, HEAD) } else { EMBEDDING },
        head: present(HEAD, EMBEDDING),
        added: (vocab > tokens).then_some(tokens as u32),
    };
    keys.check_sizes(&[
        ("vocabulary", shape.vocab, 1 << 22),
        ("n_embd", shape.hidden, 1 << 17),
        ("n_layer", shape.layers, 1 << 12),
        ("n_head", shape.heads, 1 << 12),
        ("n_inner", shape.feed_forward, 1 << 20),
        ("n_positions", shape.context, 1 << 28),
    ])?;
    if !shape.hidden.is_multiple_of(shape.heads) {
        return Err(keys.error("n_head", format!("is {}, which does not divide n_embd {hidden}", shape.heads)));
    }
    Ok(Box::new(shape))
}

impl Architecture for Shape {
    fn vocab(&self) -> usize {
        self.vocab
    }

    fn context(&self) -> usize {
        self.context
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("layers", self.layers.to_string()),
            ("width", self.hidden.to_string()),
            ("heads", format!("{} of {}", self.heads, self.hidden / self.heads)),
        ]
    }

    fn describe(&self, descriptor: &mut Descriptor) {
        descriptor.mask = self.added;
    }

    fn expected(&self) -> Vec<Expected> {
        let (d, ff) = (self.hidden, self.feed_forward);
        let mut list = Vec::new();
        let mut add = |name: String, shape: &[usize], required: bool| {
            list.push(Expected { name, shape: shape.to_vec(), required });
        };
        let embedding = self.embedding;
        add(format!("{embedding}.weight"), &[self.vocab, d], true);
        let other = if embedding == HEAD { EMBEDDING } else { HEAD };
        add(format!("{other}.weight"), &[self.vocab, d], self.head != embedding);
        add(format!("{BODY}.wpe.weight"), &[self.context, d], true);
        let mut pair = |name: String, weight: &[usize], bias: usize| {
            add(format!("{name}.weight"), weight, true);
            add(format!("{name}.bias"), &[bias], true);
        };
        for layer in 0..self.layers {
            let place = format!("{BODY}.h.{layer}");
            pair(format!("{place}.ln_1"), &[d], d);
            pair(format!("{place}.attn.c_attn"), &[d, 3 * d], 3 * d);
            pair(format!("{place}.attn.c_proj"), &[d, d], d);
            pair(format!("{place}.ln_2"), &[d], d);
            pair(format!("{place}.mlp.c_fc"), &[d, ff], ff);
            pair(format!("{place}.mlp.c_proj"), &[ff, d], d);
        }
        pair(format!("{BODY}.ln_f"), &[d], d);
        list
    }

    fn load(&self, weights: &Weights, packing: Packing, device: &Device) -> Result<Box<dyn Network>, ModelError> {
        Ok(Box::new(Gpt2::load(self, weights, packing, device)?))
    }
}

struct Block {
    attention_norm: LayerNorm,
    attention: FusedAttention,
    feed_forward_norm: LayerNorm,
    up: Linear,
    down: Linear,
}

/// A loaded network.
struct Gpt2 {
    embedding: Tensor,
    positions: Tensor,
    blocks: Vec<Block>,
    last_norm: LayerNorm,
    head: Linear,
    device: Device,
}

impl Gpt2 {
    fn load(shape: &Shape, weights: &Weights, packing: Packing, device: &Device) -> Result<Self, ModelError> {
        let norm = |name: String| layer_norm(weights, &name, shape.norm_eps);
        // A Conv1D, turned: inputs are its rows.
        let turned = |name: String| -> Result<Linear, ModelError> {
            let weight = weights.get(&format!("{name}.weight"))?.t()?.contiguous()?;
            Linear::new(weight, Some(weights.get(&format!("{name}.bias"))?), packing)
        };
        let mut blocks = Vec::with_capacity(shape.layers);
        for layer in 0..shape.layers {
            let place = format!("{BODY}.h.{layer}");
            blocks.push(Block {
                attention_norm: norm(format!("{place}.ln_1"))?,
                attention: FusedAttention {
                    fused: turned(format!("{place}.attn.c_attn"))?,
                    output: turned(format!("{place}.attn.c_proj"))?,
                    heads: shape.heads,
                },
                feed_forward_norm: norm(format!("{place}.ln_2"))?,
                up: turned(format!("{place}.mlp.c_fc"))?,
                down: turned(format!("{place}.mlp.c_proj"))?,
            });
        }
        Ok(Self {
            embedding: weights.get(&format!("{}.weight", shape.embedding))?,
            positions: weights.get(&format!("{BODY}.wpe.weight"))?,
            blocks,
            last_norm: norm(format!("{BODY}.ln_f"))?,
            head: Linear::load(weights, shape.head, packing)?,
            device: device.clone(),
        })
    }
}

impl Network for Gpt2 {
    fn forward(&mut self, input: &Input<'_>, cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Vec<f32>, ModelError> {
        let n = input.ids.len();
        let positions: Vec<u32> = match input.positions {
            Some(positions) => positions.iter().map(|position| *position as u32).collect(),
            None => (0..n as u32).collect(),
        };
        let bias = attention_bias(input.attention, input.visible, n, &self.device)?;
        let tokens = self.embedding.index_select(&Tensor::new(input.ids, &self.device)?, 0)?; // (n, d)
        let places = rows_of(&self.positions, &positions, "position_ids", &self.device)?;
        let mut x = (tokens + places)?;
        for block in &self.blocks {
            if cancelled() {
                return Err(ModelError::Cancelled);
            }
            let normed = block.attention_norm.forward(&x)?;
            x = (x + block.attention.forward(&normed, None, bias.as_ref())?)?;
            let fed = block.up.forward(&block.feed_forward_norm.forward(&x)?)?.gelu()?;
            x = (x + block.down.forward(&fed)?)?;
        }
        let rows: Vec<u32> = input.rows.iter().map(|row| *row as u32).collect();
        let x = x.index_select(&Tensor::new(rows.as_slice(), &self.device)?, 0)?;
        let logits = self.head.forward(&self.last_norm.forward(&x)?)?;
        Ok(logits.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
    }
}
