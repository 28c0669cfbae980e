//! The linear map, dense or packed, and what else its weight is for: a table of token vectors, a head.

use std::ops::Range;

use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{D, DType, Device, Module, Tensor};

use crate::model::error::ModelError;
use crate::model::kernel;
use crate::model::kernel::int8::Packed;
use crate::model::kernel::product::Finish;
use crate::model::weights::Weights;

/// Whether weights of linear maps are kept dense or packed to 8 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Dense,
    Q8,
}

impl Packing {
    /// Bytes that a weight takes in memory.
    pub(crate) fn bytes(self, dtype: DType) -> f64 {
        match self {
            Self::Dense => dtype.size_in_bytes() as f64,
            // Its own 8 bits, and a scale of 32 bits for every 32 weights.
            Self::Q8 => 1.125,
        }
    }
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
        let weight = weight.to_dtype(DType::F32)?.contiguous()?;
        if kernel::pays() {
            let rows = |rows: Range<usize>| -> candle_core::Result<_> {
                weight.narrow(0, rows.start, rows.len())?.flatten_all()?.to_vec1()
            };
            return Self::packed(outputs, inputs, bias, rows);
        }
        let padding = inputs.next_multiple_of(QUANTISED_GROUP) - inputs;
        let packed = QTensor::quantize(&weight.pad_with_zeros(1, 0, padding)?, GgmlDType::Q8_0)?;
        Ok(Self::Quantised { weight: QMatMul::from_qtensor(packed)?, bias, padding })
    }

    pub(crate) fn load(weights: &Weights, name: &str, packing: Packing) -> Result<Self, ModelError> {
        let bias = format!("{name}.bias");
        let bias = if weights.has(&bias) { Some(weights.get(&bias)?) } else { None };
        let name = format!("{name}.weight");
        if packing == Packing::Dense || !kernel::pays() {
            return Self::new(weights.get(&name)?, bias, packing);
        }
        let matrix = weights.matrix(&name)?;
        let rows = |rows| matrix.rows(rows).map_err(|error| weights.damaged(&name, &error));
        Self::packed(matrix.outputs, matrix.inputs, bias, rows)
    }

    /// A table of vectors, one for each token: a linear map (which a tied head is) whose rows are read.
    pub(crate) fn table(weights: &Weights, name: &str, packing: Packing) -> Result<Self, ModelError> {
        Self::load(weights, name, if kernel::pays() { packing } else { Packing::Dense })
    }

    /// The mean of the weight's rows by shares: p (n, outputs) -> (n, inputs).
    pub(crate) fn mixture(&self, p: &Tensor) -> candle_core::Result<Tensor> {
        /// Rows that are unpacked at a time.
        const ROWS: usize = 1024;
        let outputs = match self {
            Self::Dense(linear) => return p.matmul(linear.weight()),
            Self::Packed { weight, .. } => weight.outputs(),
            Self::Quantised { .. } => candle_core::bail!("candle's packed weights are not read by rows"),
        };
        let part = |first: usize| {
            let ids: Vec<u32> = (first..outputs.min(first + ROWS)).map(|id| id as u32).collect();
            p.narrow(1, first, ids.len())?.matmul(&self.rows(&ids, p.device())?)
        };
        let first = part(0)?;
        (ROWS..outputs).step_by(ROWS).try_fold(first, |sum, first| sum + part(first)?)
    }

    /// What [`Self::forward`] gives, row after row in f32.
    pub(crate) fn logits(&self, x: &Tensor) -> candle_core::Result<Vec<f32>> {
        match self {
            // Straight from the kernel: a copy of so large a matrix costs as much as a layer.
            Self::Packed { weight, bias } => kernel::ops::product_vec(x, weight, finish(bias.as_deref())),
            _ => self.forward(x)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1(),
        }
    }

    /// The head where it is the table, and cannot be the same copy of it.
    pub(crate) fn tied_head(weights: &Weights, name: &str, packing: Packing) -> Result<Option<Self>, ModelError> {
        let apart = packing != Packing::Dense && !kernel::pays();
        apart.then(|| Self::load(weights, name, packing)).transpose()
    }

    /// The rows of the weight that the ids name, (ids, inputs).
    pub(crate) fn rows(&self, ids: &[u32], device: &Device) -> candle_core::Result<Tensor> {
        match self {
            Self::Dense(linear) => linear.weight().index_select(&Tensor::new(ids, device)?, 0),
            Self::Packed { weight, .. } => {
                if let Some(id) = ids.iter().find(|id| **id as usize >= weight.outputs()) {
                    candle_core::bail!("there is no row {id}");
                }
                let rows: Vec<f32> = ids.iter().flat_map(|id| weight.row(*id as usize)).collect();
                Tensor::from_vec(rows, (ids.len(), weight.inputs()), device)
            }
            Self::Quantised { .. } => candle_core::bail!("candle's packed weights are not read by rows"),
        }
    }

    fn packed<E: Send>(
        outputs: usize,
        inputs: usize,
        bias: Option<Tensor>,
        rows: impl Fn(Range<usize>) -> Result<Vec<f32>, E> + Sync,
    ) -> Result<Self, ModelError>
    where
        ModelError: From<E>,
    {
        let bias = bias.map(|bias| bias.to_dtype(DType::F32)?.to_vec1()).transpose()?;
        Ok(Self::Packed { weight: Packed::new(kernel::best(), outputs, inputs, rows)?, bias })
    }

    /// Whether both are packed so that they can be one map, and have a bias both or neither.
    pub(super) fn fits_beside(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Packed { weight, bias }, Self::Packed { weight: other, bias: others }) => {
                weight.fits_beside(other) && bias.is_some() == others.is_some()
            }
            _ => false,
        }
    }

    pub(crate) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        match self {
            Self::Dense(linear) => linear.forward(x),
            Self::Packed { weight, bias } => kernel::ops::product(x, weight, finish(bias.as_deref())),
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

fn finish(bias: Option<&[f32]>) -> Finish<'_> {
    bias.map_or(Finish::Plain, Finish::Bias)
}
