//! The kernels as candle operations, so that the text of the network is one for every device.

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, D, DType, Layout, Result, Shape, Storage, Tensor, bail,
};

use super::attention::{Heads, HeadsShape, attend};
use super::int8::Packed;
use super::product::Finish;
use super::rotary::{Angles, split};

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
        let mut dims = layout.dims().to_vec();
        let Some(width) = dims.last_mut() else { bail!("x has no dimensions") };
        if *width != self.weight.inputs() {
            bail!("x is {width} wide and the weight takes {}", self.weight.inputs());
        }
        *width = self.finish.outputs(self.weight.outputs());
        let shape = Shape::from(dims);
        let y = self.weight.multiply(super::best(), floats(storage, layout)?, self.finish);
        Ok((CpuStorage::F32(y), shape))
    }
}

/// The product of x (.., k) and a packed weight (n, k), y (.., n) in f32.
pub(crate) fn product(x: &Tensor, weight: &Packed, finish: Finish<'_>) -> Result<Tensor> {
    x.to_dtype(DType::F32)?.contiguous()?.apply_op1_no_bwd(&Product { weight, finish })
}

/// [`product`] as bare numbers.
pub(crate) fn product_vec(x: &Tensor, weight: &Packed, finish: Finish<'_>) -> Result<Vec<f32>> {
    let x = x.to_dtype(DType::F32)?.contiguous()?;
    if x.rank() == 0 || x.dim(D::Minus1)? != weight.inputs() {
        bail!("x is {:?} and the weight takes {}", x.dims(), weight.inputs());
    }
    let (storage, layout) = x.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else { bail!("packed weights are multiplied on the CPU only") };
    Ok(weight.multiply(super::best(), floats(storage, layout)?, finish))
}

struct Attention<'a> {
    bias: Option<&'a [f32]>,
    shape: HeadsShape,
}

impl CustomOp3 for Attention<'_> {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        q_layout: &Layout,
        k: &CpuStorage,
        k_layout: &Layout,
        v: &CpuStorage,
        v_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (q, k, v) = (floats(q, q_layout)?, floats(k, k_layout)?, floats(v, v_layout)?);
        let HeadsShape { h, m, e, .. } = self.shape;
        let y = attend(super::best(), &Heads { q, k, v, bias: self.bias, shape: self.shape });
        Ok((CpuStorage::F32(y), Shape::from((m, h * e))))
    }
}

/// Softmax attention of q (h, m, e) to k and v (g, n, e) in f32 on the CPU, bias (m, n); gives (m, h e).
pub(crate) fn attention(q: &Tensor, k: &Tensor, v: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let ((h, m, e), (g, n, _)) = (q.dims3()?, k.dims3()?);
    if g == 0 || n == 0 || e == 0 || h % g != 0 || k.dims() != [g, n, e] || v.dims() != k.dims() {
        bail!("attention of {:?} to {:?} and {:?}", q.dims(), k.dims(), v.dims());
    }
    let bias: Option<Vec<f32>> = match bias {
        Some(bias) if bias.dims() == [m, n] => Some(bias.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?),
        Some(bias) => bail!("a bias of {:?} for {m} rows and {n} keys", bias.dims()),
        None => None,
    };
    let op = Attention { bias: bias.as_deref(), shape: HeadsShape { h, g, m, n, e } };
    q.contiguous()?.apply_op3_no_bwd(&k.contiguous()?, &v.contiguous()?, &op)
}

struct Sum;

impl CustomOp2 for Sum {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (a, b) = (floats(a, a_layout)?, floats(b, b_layout)?);
        let sum = a.iter().zip(b).map(|(a, b)| a + b).collect();
        Ok((CpuStorage::F32(sum), a_layout.shape().clone()))
    }
}

/// a + b, of one shape, in f32 on the CPU. candle's own addition hands large tensors to threads that spin while they
/// wait, and that are not those of our pool; what is added here is soon done.
pub(crate) fn sum(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.dims() != b.dims() {
        bail!("{:?} + {:?}", a.dims(), b.dims());
    }
    a.contiguous()?.apply_op2_no_bwd(&b.contiguous()?, &Sum)
}

/// The numbers of a contiguous tensor.
fn floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else { bail!("a tensor is not contiguous") };
    Ok(&storage.as_slice::<f32>()?[start..end])
}

struct Split<'a> {
    heads: usize,
    angles: Option<Angles<'a>>,
}

impl CustomOp1 for Split<'_> {
    fn name(&self) -> &'static str {
        "split-heads"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let ((n, width), heads) = (layout.shape().dims2()?, self.heads);
        let [stride, 1] = *layout.stride() else { bail!("rows of heads are not contiguous") };
        let x = &storage.as_slice::<f32>()?[layout.start_offset()..];
        let y = split(x, (n, stride), (heads, width / heads), self.angles.as_ref());
        Ok((CpuStorage::F32(y), Shape::from((heads, n, width / heads))))
    }
}

/// Rows of heads x (n, heads e), in f32 on the CPU, to heads of rows (heads, n, e), turned where there are angles.
pub(crate) fn split_heads(x: &Tensor, heads: usize, angles: Option<Angles<'_>>) -> Result<Tensor> {
    let (n, width) = x.dims2()?;
    let fits = |angles: &Angles<'_>| angles.cos.len() == n * angles.width && 2 * angles.width <= width / heads;
    if heads == 0 || width % heads != 0 || !angles.as_ref().is_none_or(fits) {
        bail!("{n} rows of {width} are not {heads} heads that can be turned");
    }
    x.apply_op1_no_bwd(&Split { heads, angles })
}
