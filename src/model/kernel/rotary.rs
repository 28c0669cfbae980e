//! Rows of a projection into heads, rotated: the gather, the rotation and the transposition in one go.
#![expect(unsafe_code, reason = "rows written by many threads")]

use super::work::{Output, each};
use crate::model::decoder::RopePairs;

/// Cosines and sines, (n, width) each: `width` pairs of each head are turned.
pub(crate) struct Angles<'a> {
    pub(crate) cos: &'a [f32],
    pub(crate) sin: &'a [f32],
    pub(crate) width: usize,
    pub(crate) pairs: RopePairs,
}

/// n rows of x, `stride` apart, of `heads` heads of `e` each, to (heads, n, e), turned where there are angles.
pub(crate) fn split(
    x: &[f32],
    (n, stride): (usize, usize),
    (heads, e): (usize, usize),
    angles: Option<&Angles<'_>>,
) -> Vec<f32> {
    /// Rows of one item: tens of microseconds of copying.
    const ROWS: usize = 64;
    let work = |y: &Output| {
        each(n.div_ceil(ROWS), |item| {
            let mut turned = vec![0.0; e];
            for row in item * ROWS..n.min((item + 1) * ROWS) {
                for (head, x) in x[row * stride..][..heads * e].chunks_exact(e).enumerate() {
                    turned.copy_from_slice(x);
                    if let Some(angles) = angles {
                        turn(x, angles, row, &mut turned);
                    }
                    // SAFETY: no other item has this row.
                    unsafe { y.write(head * n + row, 0, &turned) };
                }
            }
        });
    };
    // SAFETY: the items are all rows, each with all heads.
    unsafe { Output::fill(heads * n, e, work) }
}

/// RoFormer, equation 34: each pair (a, b) becomes (a cos - b sin, b cos + a sin).
fn turn(x: &[f32], angles: &Angles<'_>, row: usize, turned: &mut [f32]) {
    let width = angles.width;
    let (cos, sin) = (&angles.cos[row * width..][..width], &angles.sin[row * width..][..width]);
    match angles.pairs {
        RopePairs::Halves => {
            let (left, right) = turned[..2 * width].split_at_mut(width);
            for (i, (left, right)) in left.iter_mut().zip(right).enumerate() {
                let (a, b) = (x[i], x[width + i]);
                (*left, *right) = (a * cos[i] - b * sin[i], b * cos[i] + a * sin[i]);
            }
        }
        RopePairs::Interleaved => {
            for (i, pair) in turned[..2 * width].as_chunks_mut::<2>().0.iter_mut().enumerate() {
                let [a, b] = *pair;
                *pair = [a * cos[i] - b * sin[i], b * cos[i] + a * sin[i]];
            }
        }
    }
}
