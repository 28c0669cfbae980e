//! The pieces of a block, written once: linear maps, rotary positions, attention.
//!
//! Letters in shape comments: n rows (positions), m of them computed, d width of the stream, h query heads, g key/value
//! heads, e width of one head.

mod linear;

use candle_core::{D, DType, Device, Module, Tensor};
use candle_nn::rotary_emb::{rope, rope_i};

use super::config::Attention;
use super::decoder::names::{Layout, Place};
use super::decoder::{Backbone, RopePairs};
use super::error::ModelError;
use super::kernel;
use super::kernel::int8::Packed;
use super::kernel::product::Finish;
use super::kernel::rotary::Angles;
use super::weights::Weights;

pub(crate) use linear::{Linear, Packing};

/// Cosines and sines of the rotary positions of one forward pass, each (n, e/2), computed in f32.
pub(crate) struct Rotary {
    cos: Tensor,
    sin: Tensor,
    pairs: RopePairs,
    /// Cosines and sines again, for our own kernels.
    table: (Vec<f32>, Vec<f32>),
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
        let table = angles.iter().map(|angle| (angle.cos(), angle.sin())).unzip();
        let angles = Tensor::from_vec(angles, (positions.len(), head_dim / 2), device)?;
        Ok(Self { cos: angles.cos()?, sin: angles.sin()?, pairs, table })
    }

    fn angles(&self) -> candle_core::Result<Angles<'_>> {
        Ok(Angles { cos: &self.table.0, sin: &self.table.1, width: width(&self.cos)?, pairs: self.pairs })
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

/// What is added to the score of what a row does not see. Not -inf, nor what becomes it in bfloat16: a row that sees nothing
/// (padding) must not become NaN.
pub(crate) const UNSEEN: f32 = -3e38;

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
        bias.extend((0..n).map(|j| if hidden(j) || j / block > i / block { UNSEEN } else { 0.0 }));
    }
    Ok(Some(Tensor::from_vec(bias, (n, n), device)?))
}

/// Softmax attention of q (h, m, e) to k and v (g, n, e), each key head for h/g query heads; bias (m, n).
/// Gives (m, h * e).
pub(crate) fn attend(q: &Tensor, k: &Tensor, v: &Tensor, bias: Option<&Tensor>) -> candle_core::Result<Tensor> {
    if ours(q) {
        return kernel::ops::attention(q, k, v, bias);
    }
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

/// Rows of heads x (n, heads e) to heads of rows (heads, n, e), turned where there are angles.
fn split_heads(x: &Tensor, heads: usize, rotary: Option<&Rotary>) -> candle_core::Result<Tensor> {
    if ours(x) {
        return kernel::ops::split_heads(x, heads, rotary.map(Rotary::angles).transpose()?);
    }
    let (n, _) = x.dims2()?;
    let split = x.reshape((1, n, heads, ()))?.transpose(1, 2)?.contiguous()?;
    rotary.map_or_else(|| Ok(split.clone()), |rotary| rotary.apply(&split))?.squeeze(0)
}

/// a + b, of one shape.
pub(crate) fn add(a: &Tensor, b: &Tensor) -> candle_core::Result<Tensor> {
    if ours(a) { kernel::ops::sum(a, b) } else { a + b }
}

/// Whether our own kernels take a tensor.
fn ours(x: &Tensor) -> bool {
    x.device().is_cpu() && x.dtype() == DType::F32 && kernel::pays()
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
    projections: Projections,
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
            projections: Projections::new([linear(Place::Query)?, linear(Place::Key)?, linear(Place::Value)?]),
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
        let (h, g, e) = (self.heads, self.kv_heads, self.head_dim);
        let normed = |x: Tensor, norm: &Option<candle_nn::RmsNorm>| match norm {
            Some(norm) => norm.forward(&x.contiguous()?.reshape(((), e))?)?.reshape(x.shape()),
            None => Ok(x),
        };
        let [q, k, v] = self.projections.forward(x, [h * e, g * e, g * e])?;
        let q = split_heads(&normed(q, &self.query_norm)?, h, Some(rotary))?;
        let k = split_heads(&normed(k, &self.key_norm)?, g, Some(rotary))?;
        let (k, v) = memory.update(k.contiguous()?, split_heads(&v, g, None)?.contiguous()?, rows)?;
        let mixed = attend(&q, &k, &v, bias)?;
        self.output.forward(&mixed)
    }
}

/// The maps to queries, keys and values, as one packed map where they can be.
enum Projections {
    Fused(Linear),
    Apart([Linear; 3]),
}

impl Projections {
    fn new(parts: [Linear; 3]) -> Self {
        if !parts.iter().all(|part| parts[0].fits_beside(part)) {
            return Self::Apart(parts);
        }
        let (mut weights, mut biases) = (Vec::new(), Vec::new());
        for part in parts {
            if let Linear::Packed { weight, bias } = part {
                weights.push(weight);
                biases.extend(bias.into_iter().flatten());
            }
        }
        let bias = (!biases.is_empty()).then_some(biases);
        Self::Fused(Linear::Packed { weight: Packed::beside(weights), bias })
    }

    /// x (n, d) -> (n, width) for each of the three widths.
    fn forward(&self, x: &Tensor, widths: [usize; 3]) -> candle_core::Result<[Tensor; 3]> {
        match self {
            Self::Fused(all) => {
                let y = all.forward(x)?;
                let part = |first, width| y.narrow(D::Minus1, first, width);
                Ok([part(0, widths[0])?, part(widths[0], widths[1])?, part(widths[0] + widths[1], widths[2])?])
            }
            Self::Apart([q, k, v]) => Ok([q.forward(x)?, k.forward(x)?, v.forward(x)?]),
        }
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
        let all = self.fused.forward(x)?;
        let d = width(&all)? / 3;
        let part = |part, rotary| split_heads(&all.narrow(1, part * d, d)?, self.heads, rotary);
        self.output.forward(&attend(&part(0, rotary)?, &part(1, rotary)?, &part(2, None)?, bias)?)
    }
}

/// down(silu(gate(x)) * up(x)).
pub(crate) struct SwiGlu {
    gated: Gated,
    down: Linear,
}

/// The gate and what it lets through, as one packed map where they can be.
enum Gated {
    Fused(Packed),
    Apart(Linear, Linear),
}

impl Gated {
    fn new(gate: Linear, up: Linear) -> Self {
        match (gate, up) {
            (Linear::Packed { weight: gate, bias: None }, Linear::Packed { weight: up, bias: None })
                if gate.fits_gate(&up) =>
            {
                Self::Fused(Packed::gated(&gate, &up))
            }
            (gate, up) => Self::Apart(gate, up),
        }
    }
}

impl SwiGlu {
    /// `names` are those of gate, up and down.
    pub(crate) fn load(weights: &Weights, names: &[String; 3], packing: Packing) -> Result<Self, ModelError> {
        let [gate, up, down] = names.each_ref().map(|name| Linear::load(weights, name, packing));
        Ok(Self { gated: Gated::new(gate?, up?), down: down? })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let gated = match &self.gated {
            Gated::Fused(both) => kernel::ops::product(x, both, Finish::Gate)?,
            Gated::Apart(gate, up) => (candle_nn::ops::silu(&gate.forward(x)?)? * up.forward(x)?)?,
        };
        self.down.forward(&gated)
    }
}

/// The last-dimension index of a shape, for reading `(n, d)` tensors by rows.
pub(crate) fn width(x: &Tensor) -> candle_core::Result<usize> {
    x.dim(D::Minus1)
}
