//! Softmax attention without its matrix of scores: a few query rows at a time against blocks of keys, with a running
//! maximum and sum (Dao et al., FlashAttention; Milakov and Gimelshein, arXiv 1805.02867).
//!
//! Letters: h query heads, g key heads (each for h/g query heads), m query rows, n keys, e width of a head.
#![expect(unsafe_code, reason = "calling functions that need a path's instructions, and rows written by many threads")]

use std::cell::Cell;

use rayon::prelude::*;

use super::int8::PANEL;
use super::work::{Output, each};
use super::{Path, Sums};

/// Query rows of one item of work.
const ROWS: usize = 24;
/// Keys that are looked at together: their scores and values stay in the innermost caches.
const KEYS: usize = 128;

/// What is attended: q (h, m, e), k and v (g, n, e), bias (m, n).
pub(crate) struct Heads<'a> {
    pub(crate) q: &'a [f32],
    pub(crate) k: &'a [f32],
    pub(crate) v: &'a [f32],
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) shape: HeadsShape,
}

/// The letters of the module.
#[derive(Clone, Copy)]
pub(crate) struct HeadsShape {
    pub(crate) h: usize,
    pub(crate) g: usize,
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) e: usize,
}

thread_local! {
    /// Memory of the last call on this thread for keys and values in panels, which the next one takes over.
    static PANELS: Cell<[Vec<[f32; PANEL]>; 2]> = const { Cell::new([Vec::new(), Vec::new()]) };
}

/// y (m, h e) = softmax(q kᵀ / sqrt(e) + bias) v, head by head.
pub(crate) fn attend(path: &Path, heads: &Heads<'_>) -> Vec<f32> {
    let HeadsShape { h, g, m, n, e } = heads.shape;
    let [mut keys, mut values] = PANELS.take();
    // Both in panels: keys (g, n / 32, e, 32), values (g, e / 32, n, 32) with zeros after the last key. What else
    // stands beyond the last key or the last column is left over from before, and is not read.
    let (across, deep) = (n.div_ceil(PANEL), e.div_ceil(PANEL));
    let tall = across * PANEL;
    keys.resize(g * across * e, [0.0; PANEL]);
    values.resize(g * deep * tall, [0.0; PANEL]);
    keys.par_chunks_mut(e).enumerate().with_min_len(4).for_each(|(at, panel)| {
        let (head, first) = (at / across, at % across * PANEL);
        for j in first..n.min(first + PANEL) {
            for (row, k) in panel.iter_mut().zip(&heads.k[(head * n + j) * e..][..e]) {
                row[j - first] = *k;
            }
        }
    });
    values.par_chunks_mut(tall).enumerate().for_each(|(at, panel)| {
        let (head, first) = (at / deep, at % deep * PANEL);
        let columns = first..e.min(first + PANEL);
        for (row, v) in panel.iter_mut().zip(heads.v[head * n * e..(head + 1) * n * e].chunks_exact(e)) {
            row[..columns.len()].copy_from_slice(&v[columns.clone()]);
        }
        panel[n..].fill([0.0; PANEL]);
    });
    let blocks = m.div_ceil(ROWS);
    let work = |y: &Output| {
        each(h * blocks, |item| {
            let (head, first) = (item / blocks, item % blocks * ROWS);
            let kv = head * g / h;
            let keys = &keys[kv * across * e..][..across * e];
            let values = &values[kv * deep * tall..][..deep * tall];
            let rows = first..m.min(first + ROWS);
            let mixed = some_rows(path, heads, head, rows.clone(), keys, values);
            for (row, mixed) in rows.zip(mixed.chunks(deep * PANEL)) {
                // SAFETY: no other item has these rows of this head.
                unsafe { y.write(row, head * e, &mixed[..e]) };
            }
        });
    };
    // SAFETY: the items are all rows of all heads.
    let y = unsafe { Output::fill(m, h * e, work) };
    PANELS.set([keys, values]);
    y
}

/// The mixed values of some query rows of one head, each row as wide as its panels.
fn some_rows(
    path: &Path,
    heads: &Heads<'_>,
    head: usize,
    rows: std::ops::Range<usize>,
    keys: &[[f32; PANEL]],
    values: &[[f32; PANEL]],
) -> Vec<f32> {
    let HeadsShape { m, n, e, .. } = heads.shape;
    let (tall, wide) = (n.next_multiple_of(PANEL), e.next_multiple_of(PANEL));
    let scale = 1.0 / (e as f32).sqrt();
    let q = &heads.q[(head * m + rows.start) * e..(head * m + rows.end) * e];
    let q: Vec<f32> = q.iter().map(|q| q * scale).collect();
    let mut mixed = vec![0.0; rows.len() * wide];
    let mut scores = [0.0f32; ROWS * KEYS];
    let (mut max, mut total) = ([f32::NEG_INFINITY; ROWS], [0.0f32; ROWS]);
    for first in (0..n).step_by(KEYS) {
        let (here, padded) = (KEYS.min(n - first), KEYS.min(tall - first));
        scores.fill(0.0);
        for at in (0..padded).step_by(PANEL) {
            let panel = &keys[(first + at) / PANEL * e..][..e];
            let from = Sums { a: &q, a_width: e, panel, rows: rows.len(), out_width: KEYS };
            // SAFETY: a path is in `PATHS` only when the CPU has its instructions.
            unsafe { (path.sums)(from, &mut scores[at..]) };
        }
        for (r, row) in rows.clone().enumerate() {
            let scores = &mut scores[r * KEYS..][..padded];
            if let Some(bias) = heads.bias {
                for (score, bias) in scores.iter_mut().zip(&bias[row * n + first..][..here]) {
                    *score += bias;
                }
            }
            scores[here..].fill(f32::NEG_INFINITY);
            // SAFETY: as above.
            let (before, sum) = unsafe { (path.soften)(scores, &mut max[r]) };
            scores[here..].fill(0.0);
            total[r] = total[r] * before + sum;
            for mixed in &mut mixed[r * wide..(r + 1) * wide] {
                *mixed *= before;
            }
        }
        for (panel, values) in values.chunks_exact(tall).enumerate() {
            let values = &values[first..first + padded];
            let from = Sums { a: &scores, a_width: KEYS, panel: values, rows: rows.len(), out_width: wide };
            // SAFETY: as above.
            unsafe { (path.sums)(from, &mut mixed[panel * PANEL..]) };
        }
    }
    for (mixed, total) in mixed.chunks_mut(wide).zip(total) {
        for mixed in mixed {
            *mixed /= total;
        }
    }
    mixed
}
