//! Running a DDiT: embedding, blocks, head, and what the noise level makes of every norm and branch.
//!
//! Formulas: `models/dit.py` of MDLM and SEDD's `model/transformer.py`. A norm with adaLN is a norm with another weight
//! and bias, `norm(x) w (1 + scale) + shift`; so the noise level is turned into weights, biases and gates first
//! ([`Adaptive::at`]), once at load where it never changes, and the pass itself is the same for all.

use candle_core::{DType, Device, Tensor};
use candle_nn::ops::{layer_norm, silu};

use super::{FREQUENCIES, Rows, Shape, Time};
use crate::diffusion::noise::sigma;
use crate::model::decoder::RopePairs;
use crate::model::error::ModelError;
use crate::model::family::{Input, Network};
use crate::model::layers::{FusedAttention, Linear, Packing, Rotary, attention_bias};
use crate::model::weights::Weights;

const NORM_EPS: f32 = 1e-5;
const ROPE_BASE: f64 = 10_000.0;
/// Longest period of the sinusoidal embedding.
const LONGEST_PERIOD: f64 = 10_000.0;

/// The share of masks that is assumed at least when nobody says the noise level: at none at all scores are infinite.
const LEAST_SHARE: f64 = 1e-3;

struct Block {
    norms: [Adaptive; 2],
    attention: FusedAttention,
    up: Linear,
    down: Linear,
}

/// A norm, and the map from the noise level's embedding to its shift, its scale and, of a block's two, the gate of the
/// branch behind it.
struct Adaptive {
    weight: Tensor,
    bias: Tensor,
    modulation: Option<Linear>,
}

/// A norm at one noise level.
#[derive(Clone)]
struct Norm {
    weight: Tensor,
    bias: Tensor,
    gate: Option<Tensor>,
}

/// Every norm of the network at one noise level, the final one last.
struct Norms {
    /// None where it does not matter.
    time: Option<f64>,
    blocks: Vec<[Norm; 2]>,
    last: Norm,
}

/// A loaded network.
pub(super) struct Ddit {
    shape: Shape,
    embedding: Tensor,
    blocks: Vec<Block>,
    last: Adaptive,
    head: Linear,
    /// The two linear maps of `sigma_map`, where the network has one.
    level: Option<[Linear; 2]>,
    /// Of the pass before, which mostly had the same noise level.
    norms: Option<Norms>,
    device: Device,
}

impl Ddit {
    pub(super) fn load(
        shape: &Shape,
        weights: &Weights,
        packing: Packing,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let name = |place: &str| format!("{}{place}", shape.prefix);
        let linear = |place: &str| Linear::load(weights, &name(place), packing);
        // Small maps that are run once a noise level stay as they are.
        let exact = |place: &str| Linear::load(weights, &name(place), Packing::Dense);
        let adaptive = shape.time != Time::None;
        let d = shape.hidden;
        let norm = |place: &str, modulation: Option<Linear>| -> Result<Adaptive, ModelError> {
            let weight = weights.get(&name(&format!("{place}.weight")))?;
            let bias = format!("{place}.bias");
            let bias = if shape.norm_bias { weights.get(&name(&bias))? } else { weight.zeros_like()? };
            Ok(Adaptive { weight, bias, modulation })
        };
        // Rows `from..from + count` of a modulation, each as wide as the stream.
        let modulation = |place: &str, from: usize, count: usize| -> Result<Option<Linear>, ModelError> {
            if !adaptive {
                return Ok(None);
            }
            let part = |suffix: &str| -> Result<Tensor, ModelError> {
                let whole = weights.get(&name(&format!("{place}.adaLN_modulation.{suffix}")))?;
                Ok(whole.narrow(0, from * d, count * d)?.contiguous()?)
            };
            Linear::new(part("weight")?, Some(part("bias")?), Packing::Dense).map(Some)
        };
        let mut blocks = Vec::with_capacity(shape.blocks);
        for block in 0..shape.blocks {
            let place = format!("blocks.{block}");
            blocks.push(Block {
                norms: [
                    norm(&format!("{place}.norm1"), modulation(&place, 0, 3)?)?,
                    norm(&format!("{place}.norm2"), modulation(&place, 3, 3)?)?,
                ],
                attention: FusedAttention {
                    fused: linear(&format!("{place}.attn_qkv"))?,
                    output: linear(&format!("{place}.attn_out"))?,
                    heads: shape.heads,
                },
                up: linear(&format!("{place}.mlp.0"))?,
                down: linear(&format!("{place}.mlp.2"))?,
            });
        }
        let level = if adaptive { Some([exact("sigma_map.mlp.0")?, exact("sigma_map.mlp.2")?]) } else { None };
        let mut network = Self {
            embedding: weights.get(&name("vocab_embed.embedding"))?,
            blocks,
            last: norm("output_layer.norm_final", modulation("output_layer", 0, 2)?)?,
            head: linear("output_layer.linear")?,
            level,
            norms: None,
            shape: shape.clone(),
            device: device.clone(),
        };
        if matches!(shape.time, Time::None | Time::Fixed) {
            network.set_level(None)?;
            // Folded: what made them is needed no more.
            network.level = None;
            for norm in network.blocks.iter_mut().flat_map(|block| &mut block.norms).chain([&mut network.last]) {
                norm.modulation = None;
            }
        }
        Ok(network)
    }

    /// Makes [`Ddit::norms`] those of a noise level.
    fn set_level(&mut self, time: Option<f64>) -> Result<(), ModelError> {
        if self.norms.as_ref().is_some_and(|norms| norms.time == time) {
            return Ok(());
        }
        let embedded = match &self.level {
            Some([inner, outer]) => {
                let waves = sinusoids(time.unwrap_or(0.0), &self.device)?.to_dtype(self.embedding.dtype())?;
                Some(silu(&outer.forward(&silu(&inner.forward(&waves)?)?)?)?)
            }
            None => None,
        };
        let at = |norm: &Adaptive| norm.at(embedded.as_ref());
        let blocks = self.blocks.iter().map(|block| Ok([at(&block.norms[0])?, at(&block.norms[1])?]));
        let blocks = blocks.collect::<candle_core::Result<_>>()?;
        self.norms = Some(Norms { time, blocks, last: at(&self.last)? });
        Ok(())
    }

    /// The noise level of a pass. When nobody says it, it is read off the canvas: the share of masks.
    fn level_of(&self, input: &Input<'_>) -> Result<Option<f64>, ModelError> {
        if matches!(self.shape.time, Time::None | Time::Fixed) {
            return Ok(None);
        }
        let time = match (input.time, self.shape.mask()) {
            (Some(time), _) => time,
            (None, Some(mask)) => {
                let masks = input.ids.iter().filter(|id| **id == mask).count();
                let share = (masks as f64 / input.ids.len() as f64).clamp(LEAST_SHARE, 1.0 - LEAST_SHARE);
                if self.shape.time == Time::Sigma { sigma(share) } else { share }
            }
            (None, None) => {
                let why = "this network has to be told the noise level (\"time\"), and it stands in no mask";
                return Err(ModelError::Input(why.into()));
            }
        };
        let last = if self.shape.time == Time::Level { 1.0 } else { f64::MAX };
        let scored = matches!(self.shape.rows, Rows::LogScores { scaled: true });
        if !(0.0..=last).contains(&time) || (scored && time == 0.0) {
            return Err(ModelError::Input(format!(
                "a noise level (\"time\") of {time} is none that this network knows"
            )));
        }
        Ok(Some(time))
    }
}

impl Adaptive {
    /// The norm at a noise level, given the level's embedding (1, c).
    fn at(&self, level: Option<&Tensor>) -> candle_core::Result<Norm> {
        let (Some(modulation), Some(level)) = (&self.modulation, level) else {
            return Ok(Norm { weight: self.weight.clone(), bias: self.bias.clone(), gate: None });
        };
        let d = self.weight.dim(0)?;
        let parts = modulation.forward(level)?.reshape(((), d))?;
        let (shift, scale) = (parts.get(0)?, (parts.get(1)? + 1.0)?);
        let gate = if parts.dim(0)? > 2 { Some(parts.get(2)?) } else { None };
        Ok(Norm { weight: (&self.weight * &scale)?, bias: ((&self.bias * &scale)? + shift)?, gate })
    }
}

impl Norm {
    /// x (n, d) -> (n, d).
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        layer_norm(&x.contiguous()?, &self.weight, &self.bias, NORM_EPS)
    }

    /// Adds what the branch behind the norm made to the stream.
    fn join(&self, x: &Tensor, branch: Tensor) -> candle_core::Result<Tensor> {
        match &self.gate {
            Some(gate) => x + branch.broadcast_mul(gate)?,
            None => x + branch,
        }
    }
}

/// The cosines and then the sines of a number at periods from 2 pi on (DDPM, `timestep_embedding`), (1, 256).
fn sinusoids(number: f64, device: &Device) -> candle_core::Result<Tensor> {
    let half = FREQUENCIES / 2;
    let angles = (0..half).map(|i| {
        let frequency = (-(LONGEST_PERIOD.ln() as f32) * i as f32 / half as f32).exp();
        number as f32 * frequency
    });
    let angles: Vec<f32> = angles.collect();
    let waves: Vec<f32> = angles.iter().map(|x| x.cos()).chain(angles.iter().map(|x| x.sin())).collect();
    Tensor::from_vec(waves, (1, FREQUENCIES), device)
}

impl Network for Ddit {
    fn forward(&mut self, input: &Input<'_>, cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Vec<f32>, ModelError> {
        let level = self.level_of(input)?;
        self.set_level(level)?;
        let Some(norms) = &self.norms else { return Err(ModelError::Compute("there is no noise level".into())) };
        let n = input.ids.len();
        let in_order: Vec<usize> = (0..n).collect();
        let positions = input.positions.unwrap_or(&in_order);
        let head_dim = self.shape.hidden / self.shape.heads;
        let rotary = Rotary::new(positions, head_dim, ROPE_BASE, RopePairs::Halves, &self.device)?;
        let bias = attention_bias(input.attention, input.visible, n, &self.device)?;
        let mut x = self.embedding.index_select(&Tensor::new(input.ids, &self.device)?, 0)?; // (n, d)
        for (block, [first, second]) in self.blocks.iter().zip(&norms.blocks) {
            if cancelled() {
                return Err(ModelError::Cancelled);
            }
            x = first.join(&x, block.attention.forward(&first.forward(&x)?, Some(&rotary), bias.as_ref())?)?;
            x = second.join(&x, block.down.forward(&block.up.forward(&second.forward(&x)?)?.gelu()?)?)?;
        }
        let rows: Vec<u32> = input.rows.iter().map(|row| *row as u32).collect();
        let x = x.index_select(&Tensor::new(rows.as_slice(), &self.device)?, 0)?;
        let logits = self.head.forward(&norms.last.forward(&x)?)?;
        let mut logits: Vec<f32> = logits.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
        if let Rows::LogScores { scaled } = self.shape.rows {
            self.score(&mut logits, input, if scaled { level } else { None });
        }
        Ok(logits)
    }
}

impl Ddit {
    /// SEDD `transformer.py`: `x - log(exp(sigma) - 1) - log(V - 1)`, and 0 at the token in place.
    fn score(&self, logits: &mut [f32], input: &Input<'_>, sigma: Option<f64>) {
        // ln(exp(s) - 1) as s + ln(1 - exp(-s)), which stays finite.
        let scale = |sigma: f64| sigma + (-(-sigma).exp_m1()).ln() + (self.shape.vocab as f64 - 1.0).ln();
        let taken = sigma.map_or(0.0, scale);
        for (row, logits) in input.rows.iter().zip(logits.chunks_mut(self.shape.vocab)) {
            for logit in logits.iter_mut() {
                *logit -= taken as f32;
            }
            logits[input.ids[*row] as usize] = 0.0;
        }
    }
}
