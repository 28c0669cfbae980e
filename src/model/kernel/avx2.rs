//! AVX2 with FMA, on laptops of the last ten years, and AVX-VNNI, on those without AVX-512 of the last few.
#![expect(unsafe_code, reason = "reading weights as vectors, of lengths that stand beside each use")]
#![expect(clippy::cast_ptr_alignment, reason = "blocks are aligned for it, or the load asks for no alignment")]

use std::arch::x86_64::{
    __m256i, _mm256_abs_epi8, _mm256_add_epi16, _mm256_add_epi32, _mm256_add_ps, _mm256_cvtepi32_ps,
    _mm256_dpbusd_avx_epi32, _mm256_fmadd_ps, _mm256_load_ps, _mm256_load_si256, _mm256_loadu_ps, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_mul_ps, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps,
    _mm256_setzero_ps, _mm256_setzero_si256, _mm256_sign_epi8, _mm256_srai_epi32, _mm256_storeu_ps, _mm256_sub_epi8,
    _mm256_xor_si256,
};
use std::hint::black_box;

use super::int8::{BLOCK, Block, NARROW, PANEL, word};
use super::{Path, Sums, Tiled, portable};

/// The paths that the CPU has the instructions for, the faster first.
pub(super) fn paths() -> Vec<Path> {
    let there = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let vnni = there && is_x86_feature_detected!("avxvnni");
    let plain = Path { name: "avx2", rows: 4, tile: plain, narrow, quantise, pack, gate, sums, soften };
    let with_vnni = Path { name: "avx-vnni", tile: vnni_tile, narrow: vnni_tile, ..plain };
    vnni.then_some(with_vnni).into_iter().chain(there.then_some(plain)).collect()
}

#[target_feature(enable = "avx2,fma")]
fn quantise(x: &[f32], values: &mut [i8; BLOCK]) -> (f32, i32) {
    portable::quantise(x, values)
}

#[target_feature(enable = "avx2,fma")]
fn pack(weights: &[f32], values: &mut [i8; BLOCK]) -> f32 {
    portable::pack(weights, values)
}

#[target_feature(enable = "avx2,fma")]
fn gate(sums: &mut [f32; PANEL]) {
    portable::gate(sums);
}

#[target_feature(enable = "avx2,fma")]
fn soften(scores: &mut [f32], max: &mut f32) -> (f32, f32) {
    portable::soften(scores, max)
}

#[target_feature(enable = "avx2,fma")]
fn plain(tiled: Tiled<'_>, out: &mut [[f32; PANEL]]) {
    match out.len() {
        1 => plain_rows::<1>(tiled, out),
        2 => plain_rows::<2>(tiled, out),
        3 => plain_rows::<3>(tiled, out),
        _ => plain_rows::<4>(tiled, out),
    }
}

#[target_feature(enable = "avx2,fma")]
fn narrow(tiled: Tiled<'_>, out: &mut [[f32; PANEL]]) {
    match out.len() {
        1 => narrow_rows::<1>(tiled, out),
        2 => narrow_rows::<2>(tiled, out),
        3 => narrow_rows::<3>(tiled, out),
        _ => narrow_rows::<4>(tiled, out),
    }
}

#[target_feature(enable = "avx2,fma,avxvnni")]
fn vnni_tile(tiled: Tiled<'_>, out: &mut [[f32; PANEL]]) {
    match out.len() {
        1 => vnni_rows::<1>(tiled, out),
        2 => vnni_rows::<2>(tiled, out),
        3 => vnni_rows::<3>(tiled, out),
        _ => vnni_rows::<4>(tiled, out),
    }
}

/// `vpmaddubsw` wants one side without signs: the weights give theirs to x. Two products of magnitudes up to 127 fit
/// its 16 bits (with the unsigned weights they would not, and it would cut them off).
#[target_feature(enable = "avx2,fma")]
#[inline]
fn plain_rows<const R: usize>(tiled: Tiled<'_>, out: &mut [[f32; PANEL]]) {
    let (flip, ones) = (_mm256_set1_epi8(i8::MIN), _mm256_set1_epi16(1));
    let dot = |sum, weights, magnitudes, x| {
        let pairs = _mm256_maddubs_epi16(magnitudes, _mm256_sign_epi8(x, weights));
        _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones))
    };
    out.fill([0.0; PANEL]);
    for (b, block) in tiled.panel.iter().enumerate() {
        for pair in 0..PANEL / 16 {
            let mut sums = [[_mm256_setzero_si256(); 2]; R];
            for (group, columns) in block.values.iter().enumerate() {
                let weights = columns[16 * pair..16 * pair + 16].as_ptr().cast::<__m256i>();
                // SAFETY: 16 columns of 4 bytes are two vectors of 32 bytes, aligned as the block is.
                let (left, right) = unsafe { (_mm256_load_si256(weights), _mm256_load_si256(weights.add(1))) };
                let (left, right) = (_mm256_xor_si256(left, flip), _mm256_xor_si256(right, flip));
                let magnitudes = [_mm256_abs_epi8(left), _mm256_abs_epi8(right)];
                for (r, sums) in sums.iter_mut().enumerate() {
                    let x = _mm256_set1_epi32(word(&tiled.values[b * R + r], group));
                    sums[0] = dot(sums[0], left, magnitudes[0], x);
                    sums[1] = dot(sums[1], right, magnitudes[1], x);
                }
            }
            for (r, sums) in sums.into_iter().enumerate() {
                add(sums[0], tiled.scales[b * R + r], block, 2 * pair, &mut out[r]);
                add(sums[1], tiled.scales[b * R + r], block, 2 * pair + 1, &mut out[r]);
            }
        }
    }
}

/// Weights of up to 16 steps are 0 to 32 without signs. Two products with x are at most 2 * 32 * 127, so four such pairs
/// add up in 16 bits, and only then are they widened: half the work of [`plain_rows`].
#[target_feature(enable = "avx2,fma")]
#[inline]
fn narrow_rows<const R: usize>(tiled: Tiled<'_>, out: &mut [[f32; PANEL]]) {
    const PAIRS: usize = 4;
    const { assert!(PAIRS as i32 * 2 * 2 * NARROW as i32 * 127 <= i16::MAX as i32) };
    let (shift, ones) = (_mm256_set1_epi8((128 - NARROW) as i8), _mm256_set1_epi16(1));
    // Unrolled, the innermost loop would need more registers than there are, and take half as long again.
    let rolled = black_box(PAIRS);
    out.fill([0.0; PANEL]);
    for (b, block) in tiled.panel.iter().enumerate() {
        let tile = b * R..(b + 1) * R;
        let (values, offsets) = (&tiled.values[tile.clone()], &tiled.offsets[tile]);
        for pair in 0..PANEL / 16 {
            // Offsets are for weights with 128 added, and multiples of that.
            const { assert!(NARROW == 128 >> 3) };
            let offset = |r: usize| _mm256_srai_epi32::<3>(_mm256_set1_epi32(offsets[r]));
            let mut sums: [_; R] = std::array::from_fn(|r| [offset(r); 2]);
            for (part, groups) in block.values.as_chunks::<PAIRS>().0.iter().enumerate() {
                let mut pairs = [[_mm256_setzero_si256(); 2]; R];
                for (group, columns) in groups.iter().enumerate().take(rolled) {
                    let weights = columns[16 * pair..16 * pair + 16].as_ptr().cast::<__m256i>();
                    // SAFETY: 16 columns of 4 bytes are two vectors of 32 bytes, aligned as the block is.
                    let (left, right) = unsafe { (_mm256_load_si256(weights), _mm256_load_si256(weights.add(1))) };
                    let (left, right) = (_mm256_sub_epi8(left, shift), _mm256_sub_epi8(right, shift));
                    for (pairs, values) in pairs.iter_mut().zip(values) {
                        let x = _mm256_set1_epi32(word(values, PAIRS * part + group));
                        pairs[0] = _mm256_add_epi16(pairs[0], _mm256_maddubs_epi16(left, x));
                        pairs[1] = _mm256_add_epi16(pairs[1], _mm256_maddubs_epi16(right, x));
                    }
                }
                for (sums, pairs) in sums.iter_mut().zip(pairs) {
                    sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(pairs[0], ones));
                    sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(pairs[1], ones));
                }
            }
            for (r, sums) in sums.into_iter().enumerate() {
                add(sums[0], tiled.scales[b * R + r], block, 2 * pair, &mut out[r]);
                add(sums[1], tiled.scales[b * R + r], block, 2 * pair + 1, &mut out[r]);
            }
        }
    }
}

#[target_feature(enable = "avx2,fma,avxvnni")]
#[inline]
fn vnni_rows<const R: usize>(tiled: Tiled<'_>, out: &mut [[f32; PANEL]]) {
    out.fill([0.0; PANEL]);
    for (b, block) in tiled.panel.iter().enumerate() {
        for pair in 0..PANEL / 16 {
            let mut sums: [_; R] = std::array::from_fn(|r| [_mm256_set1_epi32(tiled.offsets[b * R + r]); 2]);
            for (group, columns) in block.values.iter().enumerate() {
                let weights = columns[16 * pair..16 * pair + 16].as_ptr().cast::<__m256i>();
                // SAFETY: 16 columns of 4 bytes are two vectors of 32 bytes, aligned as the block is.
                let (left, right) = unsafe { (_mm256_load_si256(weights), _mm256_load_si256(weights.add(1))) };
                for (r, sums) in sums.iter_mut().enumerate() {
                    let x = _mm256_set1_epi32(word(&tiled.values[b * R + r], group));
                    sums[0] = _mm256_dpbusd_avx_epi32(sums[0], left, x);
                    sums[1] = _mm256_dpbusd_avx_epi32(sums[1], right, x);
                }
            }
            for (r, sums) in sums.into_iter().enumerate() {
                add(sums[0], tiled.scales[b * R + r], block, 2 * pair, &mut out[r]);
                add(sums[1], tiled.scales[b * R + r], block, 2 * pair + 1, &mut out[r]);
            }
        }
    }
}

/// Adds what a block gives to 8 columns of a row of the tile.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn add(sum: __m256i, scale: f32, block: &Block, eight: usize, out: &mut [f32; PANEL]) {
    let (sum, x_scale) = (_mm256_cvtepi32_ps(sum), _mm256_set1_ps(scale));
    let out = out[8 * eight..8 * eight + 8].as_mut_ptr();
    // SAFETY: 8 floats each, the scales aligned as the block is.
    unsafe {
        let scale = _mm256_load_ps(block.scales[8 * eight..8 * eight + 8].as_ptr());
        let scale = _mm256_mul_ps(scale, x_scale);
        _mm256_storeu_ps(out, _mm256_fmadd_ps(sum, scale, _mm256_loadu_ps(out)));
    }
}

#[target_feature(enable = "avx2,fma")]
fn sums(from: Sums<'_>, out: &mut [f32]) {
    for first in (0..from.rows).step_by(6) {
        let from = Sums { a: &from.a[first * from.a_width..], rows: (from.rows - first).min(6), ..from };
        let out = &mut out[first * from.out_width..];
        match from.rows {
            1 => some_sums::<1>(from, out),
            2 => some_sums::<2>(from, out),
            3 => some_sums::<3>(from, out),
            4 => some_sums::<4>(from, out),
            5 => some_sums::<5>(from, out),
            _ => some_sums::<6>(from, out),
        }
    }
}

/// Six rows by two vectors of 8 columns, twice: 12 chains of dependent instructions, and with what they are made of 15 of the
/// 16 registers.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn some_sums<const R: usize>(from: Sums<'_>, out: &mut [f32]) {
    assert!(from.a.len() >= (R - 1) * from.a_width + from.panel.len() && out.len() >= (R - 1) * from.out_width + PANEL);
    for half in [0, PANEL / 2] {
        let mut sums = [[_mm256_setzero_ps(); 2]; R];
        for (k, panel) in from.panel.iter().enumerate() {
            let panel = panel[half..].as_ptr();
            // SAFETY: half a row of the panel is two vectors.
            let (left, right) = unsafe { (_mm256_loadu_ps(panel), _mm256_loadu_ps(panel.add(8))) };
            for (r, sums) in sums.iter_mut().enumerate() {
                // SAFETY: inside of `a`, by the assertion above.
                let a = _mm256_set1_ps(unsafe { *from.a.get_unchecked(r * from.a_width + k) });
                sums[0] = _mm256_fmadd_ps(a, left, sums[0]);
                sums[1] = _mm256_fmadd_ps(a, right, sums[1]);
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            // SAFETY: two vectors from here are inside of `out`, by the assertion above.
            unsafe {
                let out = out.as_mut_ptr().add(r * from.out_width + half);
                _mm256_storeu_ps(out, _mm256_add_ps(_mm256_loadu_ps(out), sums[0]));
                _mm256_storeu_ps(out.add(8), _mm256_add_ps(_mm256_loadu_ps(out.add(8)), sums[1]));
            }
        }
    }
}
