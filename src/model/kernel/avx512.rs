//! AVX-512 with VNNI: 64 products of bytes per instruction.
#![expect(unsafe_code, reason = "reading weights as vectors, of lengths that stand beside each use")]
#![expect(clippy::cast_ptr_alignment, reason = "blocks are aligned for it, or the load asks for no alignment")]

use std::arch::x86_64::{
    __m128i, __m512i, _mm_storeu_si128, _mm512_abs_ps, _mm512_add_epi32, _mm512_add_ps, _mm512_castps_si512,
    _mm512_cvtepi32_epi8, _mm512_cvtepi32_ps, _mm512_cvtps_epi32, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_load_ps,
    _mm512_load_si512, _mm512_loadu_ps, _mm512_max_epu32, _mm512_mul_ps, _mm512_reduce_add_epi32,
    _mm512_reduce_max_epu32, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512,
    _mm512_storeu_ps,
};

use super::int8::{BLOCK, PANEL, word};
use super::{Path, Sums, Tiled, portable};

/// The path, where the CPU has the instructions.
pub(super) fn path() -> Option<Path> {
    let there = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vnni");
    there.then_some(Path { name: "avx512-vnni", rows: 6, tile, narrow: tile, quantise, pack, gate, sums, soften })
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn quantise(x: &[f32], values: &mut [i8; BLOCK]) -> (f32, i32) {
    let Ok(x) = <&[f32; BLOCK]>::try_from(x) else { return portable::quantise(x, values) };
    // SAFETY: 32 floats are two vectors.
    let (left, right) = unsafe { (_mm512_loadu_ps(x.as_ptr()), _mm512_loadu_ps(x.as_ptr().add(16))) };
    let magnitudes = [left, right].map(|x| _mm512_castps_si512(_mm512_abs_ps(x)));
    let largest = f32::from_bits(_mm512_reduce_max_epu32(_mm512_max_epu32(magnitudes[0], magnitudes[1])));
    let scale = largest / 127.0;
    if scale < f32::MIN_POSITIVE || !largest.is_finite() {
        return portable::quantise(x, values);
    }
    let inverse = _mm512_set1_ps(1.0 / scale);
    // To the nearest integer, ties to even, as the portable path rounds.
    let whole = [left, right].map(|x| _mm512_cvtps_epi32(_mm512_mul_ps(x, inverse)));
    for (half, whole) in values.as_chunks_mut::<16>().0.iter_mut().zip(whole) {
        // SAFETY: 16 bytes are a vector.
        unsafe { _mm_storeu_si128(half.as_mut_ptr().cast::<__m128i>(), _mm512_cvtepi32_epi8(whole)) };
    }
    (scale, -128 * _mm512_reduce_add_epi32(_mm512_add_epi32(whole[0], whole[1])))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn pack(weights: &[f32], values: &mut [i8; BLOCK]) -> f32 {
    portable::pack(weights, values)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn gate(sums: &mut [f32; PANEL]) {
    portable::gate(sums);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn soften(scores: &mut [f32], max: &mut f32) -> (f32, f32) {
    portable::soften(scores, max)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn tile(tiled: Tiled<'_>, out: &mut [[f32; PANEL]]) {
    match out.len() {
        1 => rows::<1>(tiled, out),
        2 => rows::<2>(tiled, out),
        3 => rows::<3>(tiled, out),
        4 => rows::<4>(tiled, out),
        5 => rows::<5>(tiled, out),
        _ => rows::<6>(tiled, out),
    }
}

/// Six rows by two vectors of 16 columns: 12 chains of dependent instructions hide their latency, and 12 sums in
/// integers with 12 in floats leave room in 32 registers for two vectors of weights.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn rows<const R: usize>(tiled: Tiled<'_>, out: &mut [[f32; PANEL]]) {
    let mut floats = [[_mm512_setzero_ps(); 2]; R];
    let (values, _) = tiled.values.as_chunks::<R>();
    let (scales, _) = tiled.scales.as_chunks::<R>();
    let (offsets, _) = tiled.offsets.as_chunks::<R>();
    for (((block, values), scales), offsets) in tiled.panel.iter().zip(values).zip(scales).zip(offsets) {
        let mut sums = [[_mm512_setzero_si512(); 2]; R];
        for (sums, offset) in sums.iter_mut().zip(offsets) {
            *sums = [_mm512_set1_epi32(*offset); 2];
        }
        let weights = block.values.as_ptr().cast::<__m512i>();
        for group in 0..BLOCK / 4 {
            // SAFETY: a group of four inputs is 32 columns of 4 bytes, two vectors, and blocks lie at multiples of 64.
            let (left, right) =
                unsafe { (_mm512_load_si512(weights.add(2 * group)), _mm512_load_si512(weights.add(2 * group + 1))) };
            for (sums, values) in sums.iter_mut().zip(values) {
                let x = _mm512_set1_epi32(word(values, group));
                sums[0] = _mm512_dpbusd_epi32(sums[0], left, x);
                sums[1] = _mm512_dpbusd_epi32(sums[1], right, x);
            }
        }
        // SAFETY: 32 scales are two vectors, after 1024 bytes of an aligned block.
        let (left, right) =
            unsafe { (_mm512_load_ps(block.scales.as_ptr()), _mm512_load_ps(block.scales.as_ptr().add(16))) };
        for ((floats, sums), scale) in floats.iter_mut().zip(sums).zip(scales) {
            let scale = _mm512_set1_ps(*scale);
            floats[0] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[0]), _mm512_mul_ps(left, scale), floats[0]);
            floats[1] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[1]), _mm512_mul_ps(right, scale), floats[1]);
        }
    }
    for (out, floats) in out.iter_mut().zip(floats) {
        // SAFETY: a row of the tile is 32 floats, two vectors.
        unsafe {
            _mm512_storeu_ps(out.as_mut_ptr(), floats[0]);
            _mm512_storeu_ps(out.as_mut_ptr().add(16), floats[1]);
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn sums(from: Sums<'_>, out: &mut [f32]) {
    for first in (0..from.rows).step_by(8) {
        let from = Sums { a: &from.a[first * from.a_width..], rows: (from.rows - first).min(8), ..from };
        let out = &mut out[first * from.out_width..];
        match from.rows {
            1 => some_sums::<1>(from, out),
            2 => some_sums::<2>(from, out),
            3 => some_sums::<3>(from, out),
            4 => some_sums::<4>(from, out),
            5 => some_sums::<5>(from, out),
            6 => some_sums::<6>(from, out),
            7 => some_sums::<7>(from, out),
            _ => some_sums::<8>(from, out),
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn some_sums<const R: usize>(from: Sums<'_>, out: &mut [f32]) {
    assert!(from.a.len() >= (R - 1) * from.a_width + from.panel.len() && out.len() >= (R - 1) * from.out_width + PANEL);
    let mut sums = [[_mm512_setzero_ps(); 2]; R];
    for (k, panel) in from.panel.iter().enumerate() {
        // SAFETY: a row of the panel is two vectors.
        let (left, right) = unsafe { (_mm512_loadu_ps(panel.as_ptr()), _mm512_loadu_ps(panel.as_ptr().add(16))) };
        for (r, sums) in sums.iter_mut().enumerate() {
            // SAFETY: inside of `a`, by the assertion above.
            let a = _mm512_set1_ps(unsafe { *from.a.get_unchecked(r * from.a_width + k) });
            sums[0] = _mm512_fmadd_ps(a, left, sums[0]);
            sums[1] = _mm512_fmadd_ps(a, right, sums[1]);
        }
    }
    for (r, sums) in sums.into_iter().enumerate() {
        // SAFETY: two vectors from here are inside of `out`, by the assertion above.
        unsafe {
            let out = out.as_mut_ptr().add(r * from.out_width);
            _mm512_storeu_ps(out, _mm512_add_ps(_mm512_loadu_ps(out), sums[0]));
            _mm512_storeu_ps(out.add(16), _mm512_add_ps(_mm512_loadu_ps(out.add(16)), sums[1]));
        }
    }
}
