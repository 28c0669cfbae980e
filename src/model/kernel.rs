//! Matrix kernels for the CPU: packed weights, run-time choice of instructions, work that any thread can take.
//!
//! [`int8`] is the format and the loop over tiles; a [`Path`] is one set of instructions for its innermost part, chosen
//! once when the program starts, since people run the stock build. [`ops`] hands the kernels to candle.
//!
//! **Invariants.** Every output element is summed in one fixed order, so that the number of threads, the number of
//! rows and the way rows are grouped change no bit. No thread waits for a particular other one: work is cut into
//! small items, and whoever is free takes the next, so that a neighbour on the machine costs its share and no more.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub(crate) mod int8;
pub(crate) mod ops;
mod portable;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use int8::{Block, PANEL};

/// Computes one tile: `out[r][c]` is row r of a group of quantised rows times column c of a panel of weights.
///
/// The rows of the group lie block by block: `values[b * R + r]`, and the same for `scales` and `offsets`. The number
/// of rows is `out.len()`.
///
/// # Safety
/// The CPU must have the instructions of the path that the function belongs to.
type Tile = unsafe fn(Tiled<'_>, &mut [[f32; PANEL]]);

/// Quantises one block of up to 32 activations: the values, their scale, and -128 times the sum of the values.
///
/// # Safety
/// As for [`Tile`].
type Quantise = unsafe fn(&[f32], &mut [i8; int8::BLOCK]) -> (f32, i32);

/// What a tile is computed from.
#[derive(Clone, Copy)]
pub(crate) struct Tiled<'a> {
    panel: &'a [Block],
    values: &'a [[i8; int8::BLOCK]],
    scales: &'a [f32],
    offsets: &'a [i32],
}

/// One set of instructions.
pub(crate) struct Path {
    pub(crate) name: &'static str,
    /// The largest number of rows in a tile.
    rows: usize,
    tile: Tile,
    quantise: Quantise,
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
