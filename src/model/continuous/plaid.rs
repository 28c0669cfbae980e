//! Plaid: a transformer between noised embeddings and logits, with a learned noise schedule.
//!
//! `lib/models.py` of igul222/plaid. A folder holds four files of tensors and no configuration: every size follows from
//! the tensors, also the number of heads (from the rotary frequencies). Known numbers: 32 frequencies of gamma, RMSNorm
//! with 1e-5, muP with a base width of 256.

use std::path::Path;

use candle_core::{D, DType, Device, Module, Tensor};
use candle_nn::{LayerNorm, RmsNorm};

use super::{Described, VectorArchitecture, VectorNetwork, numbers, tensor};
use crate::diffusion::TokenId;
use crate::diffusion::continuous::levels::Monotone;
use crate::diffusion::continuous::{Choices, Motion, Noised, Prediction, Process};
use crate::model::config::Descriptor;
use crate::model::decoder::RopePairs;
use crate::model::error::ModelError;
use crate::model::family::{Architecture, Expected};
use crate::model::layers::{Linear, Packing, Rotary, attend};
use crate::model::weights::Weights;

/// Its authors make 256 to 4096; a person waits for these.
const STEPS: usize = 128;
/// Frequencies of gamma, each as a sine and a cosine.
const FREQUENCIES: usize = 32;
const NORM_EPS: f64 = 1e-5;
const ROPE_THETA: f64 = 10_000.0;
/// The width at which muP leaves the logits as they are.
const BASE_WIDTH: f64 = 256.0;
/// `seq_len` that the released model was trained with.
const CONTEXT: usize = 1024;
/// `score_temp` of the authors' sampler.
const TEMPERATURE: f64 = 0.9;

#[derive(Clone, Copy)]
struct Plaid {
    vocab: usize,
    /// Width of an embedding.
    embedding: usize,
    hidden: usize,
    blocks: usize,
    head_dim: usize,
    /// Width of the feed-forward layer.
    feed_forward: usize,
    /// Units of the schedule's network.
    units: usize,
}

/// Reads the sizes from the tensors.
pub(super) fn read(folder: &Path, weights: &Weights) -> Described {
    let wrong = |name: &str, why: &str| {
        let why = format!("tensor {name} {why}, so that it is no Plaid");
        ModelError::NotAModel { path: folder.into(), why }
    };
    let shape = |name: &str| weights.shape(name).ok_or_else(|| wrong(name, "is missing"));
    let matrix = |name: &str| match shape(name)?.as_slice() {
        [rows, columns] if *rows > 0 && *columns > 0 => Ok((*rows, *columns)),
        _ => Err(wrong(name, "is no matrix")),
    };
    let (vocab, embedding) = matrix("embedding_matrix.matrix")?;
    let (hidden, _) = matrix("model.input_linear.weight")?;
    let (feed_forward, _) = matrix("model.blocks.0.mlp.fc1.weight")?;
    let (units, _) = matrix("noise_schedule.W1")?;
    let head_dim = 2 * shape("model.rotary_emb.inv_freq")?.first().copied().unwrap_or(0);
    if head_dim == 0 || !hidden.is_multiple_of(head_dim) {
        return Err(wrong("model.rotary_emb.inv_freq", "does not fit the width"));
    }
    let has = |block: &usize| weights.has(&format!("model.blocks.{block}.attn_qkv.weight"));
    let blocks = (0..1 << 12).take_while(has).count();
    let plaid = Plaid { vocab, embedding, hidden, blocks, head_dim, feed_forward, units };
    Ok((Box::new(plaid), Descriptor::default()))
}

impl Architecture for Plaid {
    fn vocab(&self) -> usize {
        self.vocab
    }

    fn context(&self) -> usize {
        CONTEXT
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("layers", self.blocks.to_string()),
            ("width", self.hidden.to_string()),
            ("heads", format!("{} of {}", self.hidden / self.head_dim, self.head_dim)),
            ("embedding", format!("{} numbers for each token", self.embedding)),
        ]
    }

    fn expected(&self) -> Vec<Expected> {
        let mut list = Vec::new();
        let mut add = |name: &str, shape: &[usize]| {
            list.push(Expected { name: name.into(), shape: shape.to_vec(), required: true });
        };
        let (hidden, wide) = (self.hidden, self.feed_forward);
        add("embedding_matrix.matrix", &[self.vocab, self.embedding]);
        add("gamma_bounds.gamma_0", &[]);
        add("gamma_bounds.gamma_1", &[]);
        add("noise_schedule.W1", &[self.units, 1]);
        add("noise_schedule.b1", &[self.units]);
        add("noise_schedule.W2", &[1, self.units]);
        add("model.input_linear.weight", &[hidden, self.embedding]);
        add("model.selfcond_linear.weight", &[hidden, self.embedding]);
        add("model.gamma_linear.weight", &[hidden, 2 * FREQUENCIES]);
        add("model.rotary_emb.inv_freq", &[self.head_dim / 2]);
        for block in 0..self.blocks {
            let mut add = |name: &str, shape: &[usize]| add(&format!("model.blocks.{block}.{name}.weight"), shape);
            add("rmsnorm1", &[hidden]);
            add("attn_qkv", &[3 * hidden, hidden]);
            add("attn_out", &[hidden, hidden]);
            add("rmsnorm2", &[hidden]);
            add("mlp.fc1", &[wide, hidden]);
            add("mlp.fc2", &[hidden, wide]);
        }
        add("model.output_norm.weight", &[hidden]);
        add("model.output_linear.weight", &[self.vocab, hidden]);
        add("model.output_linear.bias", &[self.vocab]);
        list
    }

    fn vectors(&self) -> Option<&dyn VectorArchitecture> {
        Some(self)
    }
}

impl VectorArchitecture for Plaid {
    fn load_vectors(
        &self,
        weights: &Weights,
        packing: Packing,
        device: &Device,
    ) -> Result<Box<dyn VectorNetwork>, ModelError> {
        let linear = |name: &str| Linear::load(weights, &format!("model.{name}"), packing);
        let norm = |name: String| -> Result<RmsNorm, ModelError> {
            Ok(RmsNorm::new(weights.get(&format!("model.{name}.weight"))?, NORM_EPS))
        };
        let flat = |name: &str| -> Result<Vec<f64>, ModelError> {
            Ok(numbers(&weights.get(name)?)?.into_iter().map(f64::from).collect())
        };
        let bound = |name: &str| flat(name).map(|numbers| numbers.first().copied().unwrap_or(0.0));
        let embeddings = weights.get("embedding_matrix.matrix")?;
        let length = embeddings.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?;
        let blocks = (0..self.blocks).map(|block| {
            let linear = |name: &str| linear(&format!("blocks.{block}.{name}"));
            Ok(Block {
                attention_norm: norm(format!("blocks.{block}.rmsnorm1"))?,
                fused: linear("attn_qkv")?,
                output: linear("attn_out")?,
                feed_forward_norm: norm(format!("blocks.{block}.rmsnorm2"))?,
                up: linear("mlp.fc1")?,
                down: linear("mlp.fc2")?,
            })
        });
        Ok(Box::new(Network {
            schedule: Monotone {
                bounds: (bound("gamma_bounds.gamma_0")?, bound("gamma_bounds.gamma_1")?),
                first: flat("noise_schedule.W1")?,
                bias: flat("noise_schedule.b1")?,
                second: flat("noise_schedule.W2")?,
            },
            embeddings: embeddings.broadcast_div(&(length + 1e-8)?)?,
            // The maps around the blocks are small.
            input: Linear::load(weights, "model.input_linear", Packing::Dense)?,
            guess: Linear::load(weights, "model.selfcond_linear", Packing::Dense)?,
            gamma: Linear::load(weights, "model.gamma_linear", Packing::Dense)?,
            blocks: blocks.collect::<Result<_, ModelError>>()?,
            output_norm: LayerNorm::new_no_bias(weights.get("model.output_norm.weight")?, NORM_EPS),
            head: linear("output_linear")?,
            shape: *self,
            device: device.clone(),
        }))
    }
}

struct Block {
    attention_norm: RmsNorm,
    fused: Linear,
    output: Linear,
    feed_forward_norm: RmsNorm,
    up: Linear,
    down: Linear,
}

struct Network {
    schedule: Monotone,
    /// Of length 1 each.
    embeddings: Tensor,
    input: Linear,
    guess: Linear,
    gamma: Linear,
    blocks: Vec<Block>,
    output_norm: LayerNorm,
    head: Linear,
    shape: Plaid,
    device: Device,
}

impl Network {
    /// Sines and cosines of gamma, in f64: the largest argument is 150 times gamma.
    fn gamma_waves(gamma: f64) -> Vec<f64> {
        let step = 10.0 / (FREQUENCIES - 1) as f64;
        let angles: Vec<f64> = (0..FREQUENCIES).map(|i| (-5.0 + step * i as f64).exp() * gamma).collect();
        angles.iter().map(|angle| angle.sin()).chain(angles.iter().map(|angle| angle.cos())).collect()
    }
}

impl VectorNetwork for Network {
    fn width(&self) -> usize {
        self.shape.embedding
    }

    fn embed(&self, tokens: &[TokenId]) -> Result<Vec<f32>, ModelError> {
        Ok(numbers(&self.embeddings.index_select(&Tensor::new(tokens, &self.device)?, 0)?)?)
    }

    fn process(&self, choices: &Choices) -> Process {
        Process::on_embeddings(self.schedule.levels(choices.steps), Motion::Posterior, TEMPERATURE, choices)
    }

    fn steps(&self) -> usize {
        STEPS
    }

    fn predict(
        &mut self,
        noised: &Noised<'_>,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Prediction, ModelError> {
        let width = self.shape.embedding;
        let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
        let gamma = noised.time as f32;
        let (signal, noise) = (sigmoid(-gamma), sigmoid(gamma));
        let z = tensor(noised.state, width, &self.embeddings)?;
        let spread = (signal / width as f32 + noise).sqrt();
        let mut x = self.input.forward(&(&z / f64::from(spread))?)?;
        if let Some(previous) = noised.previous {
            let guess: Vec<f64> = previous.clean.iter().map(|number| f64::from(*number)).collect();
            let guess = (tensor(&guess, width, &z)? * (width as f64).sqrt())?;
            x = (x + self.guess.forward(&guess)?)?;
        }
        let waves = tensor(&Self::gamma_waves(f64::from(gamma)), 2 * FREQUENCIES, &z)?;
        x = x.broadcast_add(&self.gamma.forward(&waves)?)?;
        let in_order: Vec<usize> = (0..noised.known.len()).collect();
        let rotary = Rotary::new(&in_order, self.shape.head_dim, ROPE_THETA, RopePairs::Halves, &self.device)?;
        let share = 1.0 / (self.blocks.len() as f64).sqrt();
        for block in &self.blocks {
            if cancelled() {
                return Err(ModelError::Cancelled);
            }
            x = block.forward(&x, &rotary, &self.shape, share)?;
        }
        x = (self.output_norm.forward(&x)? / (self.shape.hidden as f64 / BASE_WIDTH))?;
        let nearness = (z * f64::from(signal.sqrt() / noise))?.matmul(&self.embeddings.t()?)?;
        let logits = (self.head.forward(&x)? + nearness)?;
        let shares = candle_nn::ops::softmax_last_dim(&logits.to_dtype(DType::F32)?)?;
        let clean = shares.matmul(&self.embeddings.to_dtype(DType::F32)?)?;
        Ok(Prediction { logits: numbers(&logits)?, clean: numbers(&clean)? })
    }
}

impl Block {
    fn forward(&self, x: &Tensor, rotary: &Rotary, shape: &Plaid, share: f64) -> candle_core::Result<Tensor> {
        let (n, e) = (x.dim(0)?, shape.head_dim);
        let heads = shape.hidden / e;
        let parts = self.fused.forward(&self.attention_norm.forward(x)?)?;
        let parts = parts.reshape((n, 3, heads, e))?.permute((1, 2, 0, 3))?.contiguous()?; // (3, h, n, e)
        let turned = |part: usize| rotary.apply(&parts.narrow(0, part, 1)?)?.squeeze(0);
        let mixed = self.output.forward(&attend(&turned(0)?, &turned(1)?, &parts.get(2)?, None)?)?;
        let x = (x + mixed * share)?;
        let fed = self.down.forward(&self.up.forward(&self.feed_forward_norm.forward(&x)?)?.gelu()?)?;
        x + fed * share
    }
}
