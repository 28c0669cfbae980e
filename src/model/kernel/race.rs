//! One product on every path of this CPU and on candle's own 8-bit kernel: what `lacuna bench` races against each other.

use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{Device, Module, Tensor};

use super::int8::Packed;
use super::product::Finish;
use super::{PATHS, best};
use crate::model::ModelError;
use crate::model::device::pool;

/// (m, k) times (n, k) transposed: half a feed-forward of a small model on a usual canvas. Its width is a multiple of
/// 256, which candle's fast kernels need.
const SHAPE: (usize, usize, usize) = (128, 768, 2048);

/// The same product, ready to be made in several ways.
pub struct Race {
    pool: rayon::ThreadPool,
    x: Vec<f32>,
    packed: Packed,
    /// Weights of five bits, as the default model has them.
    narrow: Packed,
    input: Tensor,
    candle: QMatMul,
}

impl Race {
    /// Multiplications and additions of the product.
    pub const OPERATIONS: usize = 2 * SHAPE.0 * SHAPE.1 * SHAPE.2;

    /// Packs the weights, for so many threads.
    ///
    /// # Errors
    /// As for starting threads, or candle's own.
    pub fn new(threads: usize) -> Result<Self, ModelError> {
        let (m, k, n) = SHAPE;
        let wave = |count: usize, pace: f32| (0..count).map(|i| (i as f32 * pace).sin()).collect::<Vec<f32>>();
        let (x, w) = (wave(m * k, 0.37), wave(n * k, 0.11));
        let pack =
            |w: &[f32]| Packed::new(best(), n, k, |rows| Ok::<_, ModelError>(w[rows.start * k..rows.end * k].to_vec()));
        // Each block of 32 has the largest step, from which the size of all is told.
        let five_bits = |(at, w): (usize, &f32)| if at.is_multiple_of(32) { 1.0 } else { (w * 16.0).round() / 16.0 };
        let narrow: Vec<f32> = w.iter().enumerate().map(five_bits).collect();
        let input = Tensor::from_slice(&x, (m, k), &Device::Cpu)?;
        let weight = Tensor::from_slice(&w, (n, k), &Device::Cpu)?;
        let candle = QMatMul::from_qtensor(QTensor::quantize(&weight, GgmlDType::Q8_0)?)?;
        Ok(Self { pool: pool(threads)?, packed: pack(&w)?, narrow: pack(&narrow)?, x, input, candle })
    }

    /// The ways: the fastest path with weights of five bits, all paths with weights of eight, and `candle`.
    pub fn ways(&self) -> Vec<String> {
        let eight_bits = PATHS.iter().map(|path| path.name.to_owned());
        [format!("{}, 5-bit weights", best().name)].into_iter().chain(eight_bits).chain(["candle".to_owned()]).collect()
    }

    /// Makes the product once in the way with this number; those that are none are candle's.
    ///
    /// # Errors
    /// candle's own.
    pub fn once(&self, way: usize) -> Result<(), ModelError> {
        self.pool.install(|| {
            match way.checked_sub(1) {
                None => drop(self.narrow.multiply(best(), &self.x, Finish::Plain)),
                Some(path) if path < PATHS.len() => drop(self.packed.multiply(&PATHS[path], &self.x, Finish::Plain)),
                Some(_) => drop(self.candle.forward(&self.input)?),
            }
            Ok(())
        })
    }
}
