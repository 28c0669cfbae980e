//! Matrix kernels for the CPU: packed weights, run-time choice of instructions, work that any thread can take.
//!
//! [`int8`] is the format of weights, [`product`] the loop over tiles, [`attention`] the other half of a block; a
//! [`Path`] is one set of instructions for their innermost parts, chosen once when it is first needed, since people run
//! the stock build. [`ops`] hands the kernels to candle.
//!
//! **Invariants.** Every output element is summed in one fixed order, so that the number of threads, the number of
//! rows and the way rows are grouped change no bit. No thread waits for a particular other one: work is cut into
//! small items, and whoever is free takes the next, so that a neighbour on the machine costs its share and no more.

pub(crate) mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub(crate) mod int8;
pub(crate) mod ops;
mod portable;
pub(crate) mod product;
pub(crate) mod race;
pub(crate) mod rotary;
#[cfg(test)]
mod tests;
mod work;

use std::sync::LazyLock;

use int8::{BLOCK, Block, PANEL};

/// What a tile of a product is computed from: a panel of weights and a group of quantised rows.
///
/// The rows of the group lie block by block: `values[b * R + r]`, and the same for `scales` and `offsets` (-128 times
/// the sum of the values, since weights are stored with 128 added).
#[derive(Clone, Copy)]
pub(crate) struct Tiled<'a> {
    panel: &'a [Block],
    values: &'a [[i8; BLOCK]],
    scales: &'a [f32],
    offsets: &'a [i32],
}

/// What sums of floats are computed from: rows of `a`, `a_width` apart, times a panel of 32 columns.
#[derive(Clone, Copy)]
pub(crate) struct Sums<'a> {
    a: &'a [f32],
    a_width: usize,
    panel: &'a [[f32; PANEL]],
    rows: usize,
    out_width: usize,
}

/// One set of instructions. Its functions may be called only on a CPU that has them.
pub(crate) struct Path {
    /// For tests and reports.
    pub(crate) name: &'static str,
    /// The largest number of rows in a tile.
    rows: usize,
    /// `out[r][c]` is row r of the group, of `out.len()` rows, times column c of the panel.
    tile: unsafe fn(Tiled<'_>, &mut [[f32; PANEL]]),
    /// The same, to the bit, where no weight is of more than [`int8::NARROW`] steps.
    narrow: unsafe fn(Tiled<'_>, &mut [[f32; PANEL]]),
    /// Quantises up to 32 activations: the values, their scale, their offset.
    quantise: unsafe fn(&[f32], &mut [i8; BLOCK]) -> (f32, i32),
    /// Quantises up to 32 weights: the values and their scale.
    pack: unsafe fn(&[f32], &mut [i8; BLOCK]) -> f32,
    /// See [`portable::gate`].
    gate: unsafe fn(&mut [f32; PANEL]),
    /// Adds to 32 columns of each row of `out`, `out_width` apart.
    sums: unsafe fn(Sums<'_>, &mut [f32]),
    /// See [`portable::soften`].
    soften: unsafe fn(&mut [f32], &mut f32) -> (f32, f32),
}

/// The paths that this CPU can take, the fastest first; the portable one is always there.
pub(crate) static PATHS: LazyLock<Vec<Path>> = LazyLock::new(|| {
    let mut paths = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        paths.extend(avx512::path());
        paths.extend(avx2::paths());
    }
    paths.push(portable::PATH);
    paths
});

/// The fastest path that this CPU can take.
pub(crate) fn best() -> &'static Path {
    &PATHS[0]
}

/// Whether packed weights are faster here than dense f32 ones: wherever there is a path beyond the portable one.
pub(crate) fn pays() -> bool {
    PATHS.len() > 1
}
