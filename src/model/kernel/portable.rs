//! The kernels in plain Rust: what runs on any CPU, and what the other paths are tested against.

use super::int8::{BLOCK, PANEL};
use super::{Path, Tiled};

pub(super) const PATH: Path = Path { name: "portable", rows: 4, tile, quantise };

fn tile(tiled: Tiled<'_>, out: &mut [[f32; PANEL]]) {
    let rows = out.len();
    out.fill([0.0; PANEL]);
    for (b, block) in tiled.panel.iter().enumerate() {
        for (r, out) in out.iter_mut().enumerate() {
            let at = b * rows + r;
            let mut sums = [tiled.offsets[at]; PANEL];
            for (columns, x) in block.values.iter().zip(tiled.values[at].as_chunks::<4>().0) {
                for (sum, w) in sums.iter_mut().zip(columns) {
                    *sum += w.iter().zip(x).map(|(w, x)| i32::from(*w) * i32::from(*x)).sum::<i32>();
                }
            }
            for ((out, sum), scale) in out.iter_mut().zip(sums).zip(block.scales) {
                *out += sum as f32 * (scale * tiled.scales[at]);
            }
        }
    }
}

/// One body for all paths: compiled anew for the instructions of each function that it is inlined into.
///
/// The scale is the largest magnitude over 127. Something that is no number makes the scale NaN, so that it shows in
/// every output of its row and is not taken for 0.
#[inline(always)]
pub(super) fn quantise(x: &[f32], values: &mut [i8; BLOCK]) -> (f32, i32) {
    // Adding this leaves the number rounded to the nearest integer (ties to even) in the low bits of the mantissa.
    const ROUNDER: f32 = 12_582_912.0;
    let mut block = [0.0; BLOCK];
    block[..x.len()].copy_from_slice(x);
    // Magnitudes of floats are ordered as their bits are, infinity and NaN above all numbers.
    let largest = f32::from_bits(block.iter().map(|x| x.to_bits() & 0x7fff_ffff).max().unwrap_or(0));
    let scale = largest / 127.0;
    if scale < f32::MIN_POSITIVE {
        values.fill(0);
        return (0.0, 0);
    }
    let (scale, inverse) = if largest.is_finite() { (scale, 1.0 / scale) } else { (f32::NAN, 0.0) };
    for (value, x) in values.iter_mut().zip(block) {
        *value = (x * inverse + ROUNDER).to_bits() as i8;
    }
    (scale, -128 * values.iter().map(|value| i32::from(*value)).sum::<i32>())
}
