//! The pieces of a block, written once: linear maps, rotary positions, attention.
//!
//! Letters in shape comments: n rows (positions), m of them computed, d width of the stream, h query heads, g key/value
//! heads, e width of one head.

use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{D, DType, Device, Module, Tensor};
use candle_nn::rotary_emb::{rope, rope_i};

use super::config::Attention;
use super::decoder::names::{Layout, Place};
use super::decoder::{Backbone, RopePairs};
use super::error::ModelError;
use super::kernel;
use super::kernel::int8::{Finish, Packed};
use super::weights::Weights;

/// Whether weights of linear maps are kept dense or packed to 8 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Dense,
    Q8,
}

/// A linear map, y = x Wᵀ + b.
pub(crate) enum Linear {
    Dense(candle_nn::Linear),
    Packed {
        weight: Packed,
        bias: Option<Vec<f32>>,
    },
    /// candle's own 8-bit kernels, where ours have no instructions; `padding` columns of zeros were added to the
    /// weight, and are to be added to x.
    Quantised {
        weight: QMatMul,
        bias: Option<Tensor>,
        padding: usize,
    },
}

/// candle's fast int8 kernels take whole groups of this many inputs; other widths fall to a path ten times slower
/// (`reference/cpu.md`).
const QUANTISED_GROUP: usize = 256;

impl Linear {
    pub(crate) fn new(weight: Tensor, bias: Option<Tensor>, packing: Packing) -> Result<Self, ModelError> {
        if packing == Packing::Dense {
            return Ok(Self::Dense(candle_nn::Linear::new(weight, bias)));
        }
        let (outputs, inputs) = weight.dims2()?;
        let weight = weight.to_dtype(DType::F32)?;
        if kernel::pays() {
            let mut packed = Packed::zeros(outputs, inputs);
            packed.fill(&weight.flatten_all()?.to_vec1()?, Some);
            let bias = bias.map(|bias| bias.to_dtype(DType::F32)?.to_vec1()).transpose()?;
            return Ok(Self::Packed { weight: packed, bias });
        }
        let padding = inputs.next_multiple_of(QUANTISED_GROUP) - inputs;
        let packed = QTensor::quantize(&weight.pad_with_zeros(1, 0, padding)?, GgmlDType::Q8_0)?;
        Ok(Self::Quantised { weight: QMatMul::from_qtensor(packed)?, bias, padding })
    }

    pub(crate) fn load(weights: &Weights, name: &str, packing: Packing) -> Result<Self, ModelError> {
        let bias = format!("{name}.bias");
        let bias = if weights.has(&bias) { Some(weights.get(&bias)?) } else { None };
        Self::new(weights.get(&format!("{name}.weight"))?, bias, packing)
    }

    pub(crate) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        match self {
            Self::Dense(linear) => linear.forward(x),
            Self::Packed { weight, bias } => {
                kernel::ops::product(x, weight, bias.as_deref().map_or(Finish::Plain, Finish::Bias))
            }
            Self::Quantised { weight, bias, padding } => {
                let y = weight.forward(&x.pad_with_zeros(D::Minus1, 0, *padding)?)?;
                match bias {
                    Some(bias) => y.broadcast_add(bias),
                    None => Ok(y),
                }
            }
        }
    }
}

/// Cosines and sines of the rotary positions of one forward pass, each (n, e/2), computed in f32.
pub(crate) struct Rotary {
    cos: Tensor,
    sin: Tensor,
    pairs: RopePairs,
}

impl Rotary {
    /// Frequency i is theta^(-2i/e) (RoFormer, section 3.4.2).
    pub(crate) fn new(
        positions: &[usize],
        head_dim: usize,
        theta: f64,
        pairs: RopePairs,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let frequencies: Vec<f32> =
            (0..head_dim / 2).map(|i| 1.0 / (theta as f32).powf(2.0 * i as f32 / head_dim as f32)).collect();
        let angles: Vec<f32> = positions
            .iter()
            .flat_map(|position| frequencies.iter().map(move |frequency| *position as f32 * frequency))
            .collect();
        let angles = Tensor::from_vec(angles, (positions.len(), head_dim / 2), device)?;
        Ok(Self { cos: angles.cos()?, sin: angles.sin()?, pairs })
    }

    /// Rotates x of shape (1, heads, n, e): all of e, or the first part where the angles are fewer.
    pub(crate) fn apply(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let (cos, sin) = (self.cos.to_dtype(x.dtype())?, self.sin.to_dtype(x.dtype())?);
        let (turned, all) = (2 * width(&cos)?, width(x)?);
        if turned < all {
            let rest = x.narrow(D::Minus1, turned, all - turned)?;
            return Tensor::cat(&[&self.apply(&x.narrow(D::Minus1, 0, turned)?)?, &rest], D::Minus1);
        }
        match self.pairs {
            RopePairs::Halves => rope(&x.contiguous()?, &cos, &sin),
            RopePairs::Interleaved => rope_i(&x.contiguous()?, &cos, &sin),
        }
    }
}

/// What is added to the attention scores, (n, n): 0 where row i may see column j, a very low number where not.
/// `None` where every row sees all.
pub(crate) fn attention_bias(
    attention: Attention,
    visible: Option<&[bool]>,
    n: usize,
    device: &Device,
) -> Result<Option<Tensor>, ModelError> {
    let hidden = |j: usize| visible.is_some_and(|visible| !visible[j]);
    let block = match attention {
        Attention::Full if (0..n).all(|j| !hidden(j)) => return Ok(None),
        Attention::Full => usize::MAX,
        Attention::Block(block) => block,
    };
    let mut bias = Vec::with_capacity(n * n);
    for i in 0..n {
        // Not -inf: a row that sees nothing (padding) must not become NaN.
        bias.extend((0..n).map(|j| if hidden(j) || j / block > i / block { f32::MIN } else { 0.0 }));
    }
    Ok(Some(Tensor::from_vec(bias, (n, n), device)?))
}

/// Softmax attention of q (h, m, e) to k and v (g, n, e), each key head for h/g query heads; bias (m, n).
/// Gives (m, h * e).
pub(crate) fn attend(q: &Tensor, k: &Tensor, v: &Tensor, bias: Option<&Tensor>) -> candle_core::Result<Tensor> {
    let ((h, m, e), (g, n, _)) = (q.dims3()?, k.dims3()?);
    // The h/g query heads of one key head are stacked as rows, so that keys and values are not repeated.
    let q = (q.reshape((g, h / g * m, e))? * (1.0 / (e as f64).sqrt()))?;
    let scores = q.matmul(&k.t()?)?; // (g, h/g * m, n)
    let scores = match bias {
        Some(bias) => scores.reshape((h, m, n))?.broadcast_add(&bias.to_dtype(scores.dtype())?)?,
        None => scores,
    };
    let weights = candle_nn::ops::softmax_last_dim(&scores.reshape((g, h / g * m, n))?)?;
    let mixed = weights.matmul(&v.contiguous()?)?; // (g, h/g * m, e)
    mixed.reshape((h, m, e))?.transpose(0, 1)?.contiguous()?.reshape((m, h * e))
}

/// Keys and values of one layer, (g, n, e) each: what the last pass that computed a row found for it.
#[derive(Default)]
pub(crate) struct KeyValues(Option<(Tensor, Tensor)>);

impl KeyValues {
    /// Takes in the keys and values of some rows (ascending; none: of all, and the old ones are let go), each
    /// (g, rows, e); gives those of all rows.
    fn update(&mut self, k: Tensor, v: Tensor, rows: Option<&[usize]>) -> candle_core::Result<(Tensor, Tensor)> {
        let (Some((keys, values)), Some(rows)) = (&self.0, rows) else {
            self.0 = Some((k.clone(), v.clone()));
            return Ok((k, v));
        };
        let mut from = 0;
        for run in rows.chunk_by(|a, b| a + 1 == *b) {
            keys.slice_set(&k.narrow(1, from, run.len())?.contiguous()?, 1, run[0])?;
            values.slice_set(&v.narrow(1, from, run.len())?.contiguous()?, 1, run[0])?;
            from += run.len();
        }
        Ok((keys.clone(), values.clone()))
    }
}

/// Grouped-query attention of some rows, or all, to all.
pub(crate) struct SelfAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    query_norm: Option<candle_nn::RmsNorm>,
    key_norm: Option<candle_nn::RmsNorm>,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
}

impl SelfAttention {
    pub(crate) fn load(
        weights: &Weights,
        layout: Layout,
        block: usize,
        shape: &Backbone,
        packing: Packing,
    ) -> Result<Self, ModelError> {
        let linear = |place| layout.linear(weights, place, block, shape, packing);
        let norm = |place| -> Result<_, ModelError> {
            if !shape.qk_norm {
                return Ok(None);
            }
            let weight = weights.get(&(layout.name(place, block) + ".weight"))?;
            Ok(Some(candle_nn::RmsNorm::new(weight, shape.norm_eps)))
        };
        Ok(Self {
            query: linear(Place::Query)?,
            key: linear(Place::Key)?,
            value: linear(Place::Value)?,
            output: linear(Place::Output)?,
            query_norm: norm(Place::QueryNorm)?,
            key_norm: norm(Place::KeyNorm)?,
            heads: shape.heads,
            kv_heads: shape.kv_heads,
            head_dim: shape.head_dim,
        })
    }

    /// x (m, d) -> (m, d) for the m rows given (ascending; none: all), attending to all n; bias (m, n).
    pub(crate) fn forward(
        &self,
        x: &Tensor,
        rows: Option<&[usize]>,
        rotary: &Rotary,
        bias: Option<&Tensor>,
        memory: &mut KeyValues,
    ) -> candle_core::Result<Tensor> {
        let m = x.dim(0)?;
        let (h, g, e) = (self.heads, self.kv_heads, self.head_dim);
        let split = |x: Tensor, heads: usize| x.reshape((1, m, heads, e))?.transpose(1, 2)?.contiguous();
        let normed = |x: Tensor, norm: &Option<candle_nn::RmsNorm>| match norm {
            Some(norm) => norm.forward(&x),
            None => Ok(x),
        };
        let q = rotary.apply(&normed(split(self.query.forward(x)?, h)?, &self.query_norm)?)?;
        let k = rotary.apply(&normed(split(self.key.forward(x)?, g)?, &self.key_norm)?)?;
        let v = split(self.value.forward(x)?, g)?;
        let (k, v) = memory.update(k.squeeze(0)?.contiguous()?, v.squeeze(0)?.contiguous()?, rows)?;
        let mixed = attend(&q.squeeze(0)?, &k, &v, bias)?;
        self.output.forward(&mixed)
    }
}

/// Attention whose queries, keys and values are one map, (n, d) -> (n, 3d), of as many heads each.
pub(crate) struct FusedAttention {
    pub(crate) fused: Linear,
    pub(crate) output: Linear,
    pub(crate) heads: usize,
}

impl FusedAttention {
    /// x (n, d) -> (n, d); without `rotary` nothing is rotated.
    pub(crate) fn forward(
        &self,
        x: &Tensor,
        rotary: Option<&Rotary>,
        bias: Option<&Tensor>,
    ) -> candle_core::Result<Tensor> {
        let (n, h) = (x.dim(0)?, self.heads);
        let parts = self.fused.forward(x)?.reshape((n, 3, h, ()))?.permute((1, 2, 0, 3))?.contiguous()?; // (3, h, n, e)
        let turned = |part: usize| match rotary {
            Some(rotary) => rotary.apply(&parts.narrow(0, part, 1)?)?.squeeze(0),
            None => parts.get(part),
        };
        self.output.forward(&attend(&turned(0)?, &turned(1)?, &parts.get(2)?, bias)?)
    }
}

/// down(silu(gate(x)) * up(x)).
pub(crate) struct SwiGlu {
    gate: Linear,
    up: Linear,
    down: Linear,
}

impl SwiGlu {
    /// `names` are those of gate, up and down.
    pub(crate) fn load(weights: &Weights, names: &[String; 3], packing: Packing) -> Result<Self, ModelError> {
        let [gate, up, down] = names.each_ref().map(|name| Linear::load(weights, name, packing));
        Ok(Self { gate: gate?, up: up?, down: down? })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let gated = (candle_nn::ops::silu(&self.gate.forward(x)?)? * self.up.forward(x)?)?;
        self.down.forward(&gated)
    }
}

/// The last-dimension index of a shape, for reading `(n, d)` tensors by rows.
pub(crate) fn width(x: &Tensor) -> candle_core::Result<usize> {
    x.dim(D::Minus1)
}
