//! Where the network runs: the CPU with a pool of threads, or a GPU when the crate was built for one.

use candle_core::{DType, Device};

use super::error::ModelError;
use super::layers::Packing;

/// `--device`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// A GPU when the crate was built for one and one answers, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The first CUDA device.
    Cuda,
    /// The Metal device.
    Metal,
}

/// `--dtype`: the type that weights and activations are computed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DtypeChoice {
    /// Packed 8-bit weights on a CPU with the instructions for them, f32 on others, bf16 on a GPU.
    #[default]
    Auto,
    /// 32-bit floats: exact, the type that golden values are checked in.
    F32,
    /// Brain floats; on a GPU only.
    Bf16,
    /// Weights packed to 8 bits in blocks of 32 (Q8_0), activations in f32; on the CPU.
    Q8,
}

/// Finds the device and the type to compute in.
///
/// # Errors
/// [`ModelError::Device`] when the device asked for is not there, saying how to build for it.
pub(crate) fn open(device: DeviceChoice, dtype: DtypeChoice) -> Result<(Device, DType, Packing), ModelError> {
    let cuda = || open_gpu("cuda", candle_core::utils::cuda_is_available(), || Device::new_cuda(0));
    let metal = || open_gpu("metal", candle_core::utils::metal_is_available(), || Device::new_metal(0));
    let device = match device {
        DeviceChoice::Cpu => Device::Cpu,
        DeviceChoice::Cuda => cuda()?,
        DeviceChoice::Metal => metal()?,
        DeviceChoice::Auto => cuda().or_else(|_| metal()).unwrap_or(Device::Cpu),
    };
    let (dtype, packing) = match (dtype, device.is_cpu()) {
        (DtypeChoice::Auto, true) if has_int8_dot() => (DType::F32, Packing::Q8),
        (DtypeChoice::Q8, true) => (DType::F32, Packing::Q8),
        (DtypeChoice::Auto, true) | (DtypeChoice::F32, _) => (DType::F32, Packing::Dense),
        (DtypeChoice::Auto | DtypeChoice::Bf16, false) => (DType::BF16, Packing::Dense),
        (DtypeChoice::Bf16, true) => {
            return Err(ModelError::Device("bf16 is computed on GPUs only; use --dtype f32 or q8 on the CPU".into()));
        }
        (DtypeChoice::Q8, false) => {
            return Err(ModelError::Device("q8 is computed on the CPU only; use --dtype bf16 or f32 on a GPU".into()));
        }
    };
    Ok((device, dtype, packing))
}

/// Whether packed 8-bit weights are faster here than f32 ones: with our kernels wherever there is more than the
/// portable path, and with candle's own on ARM (measured two to three times).
fn has_int8_dot() -> bool {
    super::kernel::pays() || cfg!(target_arch = "aarch64")
}

/// The instructions that packed weights are multiplied with on this CPU, for reports of measurements.
pub fn instructions() -> &'static str {
    super::kernel::best().name
}

fn open_gpu(name: &str, built_in: bool, open: impl Fn() -> candle_core::Result<Device>) -> Result<Device, ModelError> {
    if !built_in {
        let message =
            format!("this lacuna was built without {name}; build it with `cargo build --release --features {name}`");
        return Err(ModelError::Device(message));
    }
    open().map_err(|error| {
        let why = super::error::first_line(&error);
        ModelError::Device(format!("no {name} device answers ({why}); use --device cpu"))
    })
}

/// The device's name for the status line.
pub(crate) fn name(device: &Device) -> &'static str {
    match device {
        Device::Cpu => "cpu",
        Device::Cuda(_) => "cuda",
        Device::Metal(_) => "metal",
    }
}

/// A pool of `threads` workers, at least one. candle's own pool takes its size from the environment only, once; all
/// of its work is done in the pool that calls it, so that a forward pass inside `install` uses ours.
pub(crate) fn pool(threads: usize) -> Result<rayon::ThreadPool, ModelError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .thread_name(|index| format!("lacuna-model-{index}"))
        .build()
        .map_err(|error| {
            ModelError::Device(format!("cannot start {threads} threads ({error}); use a smaller --threads"))
        })
}
