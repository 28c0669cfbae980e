//! The kernels in plain Rust: what runs on any CPU, and what the other paths are tested against.
//!
//! Those marked `inline(always)` are the bodies of all paths, compiled anew for the instructions of each function that
//! they are inlined into.
#![expect(clippy::inline_always, reason = "that is what compiles a body for its caller's instructions")]

use super::int8::{BLOCK, PANEL};
use super::{Path, Sums, Tiled};

pub(super) const PATH: Path =
    Path { name: "portable", rows: 4, tile, narrow: tile, quantise, pack, gate, sums, soften };

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

/// Adding this leaves a number rounded to the nearest integer (ties to even) in the low bits of the mantissa.
const ROUNDER: f32 = 12_582_912.0;

/// The scale is the largest magnitude over 127. Something that is no number makes the scale NaN, so that it shows in
/// every output of its row and is not taken for 0.
#[inline(always)]
pub(super) fn quantise(x: &[f32], values: &mut [i8; BLOCK]) -> (f32, i32) {
    let mut block = [0.0; BLOCK];
    block[..x.len()].copy_from_slice(x);
    let largest = largest(&block);
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

/// Magnitudes of floats are ordered as their bits are, infinity and NaN above all numbers.
#[inline(always)]
fn largest(block: &[f32; BLOCK]) -> f32 {
    f32::from_bits(block.iter().map(|x| x.to_bits() & 0x7fff_ffff).max().unwrap_or(0))
}

/// Quantises weights as [`quantise`] does activations, except that whole multiples of the largest over 8 or 16 are kept
/// as they are: so come the blocks of Q4_0 and Q5_0 files (those of Q8_0 are multiples of the largest over 127).
#[inline(always)]
pub(super) fn pack(weights: &[f32], values: &mut [i8; BLOCK]) -> f32 {
    let mut block = [0.0; BLOCK];
    block[..weights.len()].copy_from_slice(weights);
    let largest = largest(&block);
    for steps in [16.0, 8.0] {
        let scale = largest / steps;
        let inverse = 1.0 / scale;
        let off = |w: &f32| (w * inverse - ((w * inverse + ROUNDER) - ROUNDER)).abs();
        if scale >= f32::MIN_POSITIVE && scale.is_finite() && block.iter().map(off).fold(0.0, f32::max) < 1e-5 {
            for (value, w) in values.iter_mut().zip(block) {
                *value = (w * inverse + ROUNDER).to_bits() as i8;
            }
            return scale;
        }
    }
    quantise(weights, values).0
}

/// e^x to within 2e-7 of itself (the polynomial of the Cephes library's `expf`); x is held between -87 and 88.
#[inline(always)]
fn exp(x: f32) -> f32 {
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    let whole = x * std::f32::consts::LOG2_E + ROUNDER;
    let power = f32::from_bits(whole.to_bits().wrapping_add(127) << 23);
    let whole = whole - ROUNDER;
    let r = (x - whole * 0.693_359_4) + whole * 2.121_944_4e-4;
    let p = ((((1.987_569_1e-4 * r + 1.398_2e-3) * r + 8.333_452e-3) * r + 4.166_579_6e-2) * r + 1.666_666_5e-1) * r;
    ((p + 0.5) * r * r + r + 1.0) * power
}

/// silu of the first half times the second, in the place of the first.
#[inline(always)]
pub(super) fn gate(sums: &mut [f32; PANEL]) {
    let (gate, through) = sums.split_at_mut(PANEL / 2);
    for (gate, through) in gate.iter_mut().zip(through) {
        *gate = *gate / (1.0 + exp(-*gate)) * *through;
    }
}

/// Numbers that are added up beside each other, so that sums of rows can be vectors on every path and equal on all.
const LANES: usize = 16;

/// Turns scores (a multiple of 16 of them) into e^(score - max), where max is the largest of them and of those before;
/// by what the sums before are to be multiplied, now that the maximum is another, and the sum of the new ones.
#[inline(always)]
pub(super) fn soften(scores: &mut [f32], max: &mut f32) -> (f32, f32) {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, _) = scores.as_chunks_mut::<LANES>();
    for chunk in &*chunks {
        for (lane, score) in lanes.iter_mut().zip(chunk) {
            *lane = if *score > *lane { *score } else { *lane };
        }
    }
    let new = lanes.into_iter().fold(*max, f32::max);
    let mut sums = [0.0; LANES];
    for chunk in chunks {
        for (sum, score) in sums.iter_mut().zip(chunk) {
            *score = exp(*score - new);
            *sum += *score;
        }
    }
    let before = if *max == f32::NEG_INFINITY { 0.0 } else { exp(*max - new) };
    *max = new;
    (before, sums.into_iter().sum())
}

fn sums(from: Sums<'_>, out: &mut [f32]) {
    for r in 0..from.rows {
        let mut sums = [0.0; PANEL];
        for (a, b) in from.a[r * from.a_width..].iter().zip(from.panel) {
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum += a * b;
            }
        }
        for (out, sum) in out[r * from.out_width..][..PANEL].iter_mut().zip(sums) {
            *out += sum;
        }
    }
}
