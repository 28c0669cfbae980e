//! The kernels as candle operations, so that the text of the network is one for every device.

use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Shape, Tensor};

use super::int8::{Finish, Packed};

/// y = x Wᵀ + b, or with [`Finish::Gate`] silu of one half of it times the other.
struct Product<'a> {
    weight: &'a Packed,
    finish: Finish<'a>,
}

impl CustomOp1 for Product<'_> {
    fn name(&self) -> &'static str {
        "packed-product"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Some((start, end)) = layout.contiguous_offsets() else { candle_core::bail!("x is not contiguous") };
        let x = &storage.as_slice::<f32>()?[start..end];
        let mut dims = layout.dims().to_vec();
        let Some(width) = dims.last_mut() else { candle_core::bail!("x has no dimensions") };
        if *width != self.weight.inputs() {
            candle_core::bail!("x is {width} wide and the weight takes {}", self.weight.inputs());
        }
        *width = self.finish.outputs(self.weight.outputs());
        let shape = Shape::from(dims);
        let mut y = vec![0.0; shape.elem_count()];
        self.weight.multiply(super::best(), x, self.finish, &mut y);
        Ok((CpuStorage::F32(y), shape))
    }
}

/// The product of x (.., k) and a packed weight (n, k), y (.., n) in f32.
pub(crate) fn product(x: &Tensor, weight: &Packed, finish: Finish<'_>) -> Result<Tensor> {
    x.to_dtype(DType::F32)?.contiguous()?.apply_op1_no_bwd(&Product { weight, finish })
}
