//! The product with a packed matrix, y = x Wᵀ: quantising the rows of x, cutting the work into items, finishing tiles.
//!
//! Activations are quantised as the weights are, by row and block, so that one large value costs only its block's
//! accuracy. Letters: m rows of activations, k inputs, n outputs; x (m, k), W (n, k), y (m, n).
#![expect(unsafe_code, reason = "calling functions that need a path's instructions, and tiles written by many threads")]

use std::cell::Cell;
use std::ops::Range;

use rayon::prelude::*;

use super::int8::{BLOCK, Block, PANEL, Packed};
use super::work::{Output, each};
use super::{Path, Tiled};

impl Packed {
    /// y = x Wᵀ, its tiles finished by `finish`.
    pub(crate) fn multiply(&self, path: &Path, x: &[f32], finish: Finish<'_>) -> Vec<f32> {
        let (k, outputs) = (self.inputs(), self.outputs());
        let (blocks, panels) = (k.div_ceil(BLOCK), outputs.div_ceil(PANEL));
        let m = x.len().checked_div(k).unwrap_or(0);
        let mut rows = ROWS.take();
        rows.quantise(path, x, m, k);
        let compute = if self.narrow { path.narrow } else { path.tile };
        let items = Items::new(m.div_ceil(path.rows), panels, path.rows * k * PANEL);
        let work = |y: &Output| {
            each(items.count(), |item| {
                let mut tile = [[0.0; PANEL]; MOST_ROWS];
                let (groups, panels) = items.get(item);
                let panels_end = if panels.end < outputs.div_ceil(PANEL) { panels.end + 1 } else { panels.end };
                for number in panels {
                    let panel = self.panel(number);
                    let next = if number + 1 < panels_end { self.panel(number + 1) } else { &[] };
                    // As many blocks for each group as there are, so that the next panel is near when its turn comes.
                    let mut coming = next.chunks(next.len().div_ceil(groups.len().max(1)).max(1));
                    for group in groups.clone() {
                        coming.next().into_iter().flatten().for_each(prefetch);
                        let first = group * path.rows;
                        let tile = &mut tile[..path.rows.min(m - first)];
                        let part = first * blocks..(first + tile.len()) * blocks;
                        let (values, scales) = (&rows.values[part.clone()], &rows.scales[part.clone()]);
                        let tiled = Tiled { panel, values, scales, offsets: &rows.offsets[part] };
                        // SAFETY: a path is in `PATHS` only when the CPU has its instructions.
                        unsafe { compute(tiled, tile) };
                        for (r, sums) in tile.iter_mut().enumerate() {
                            let columns = finish.apply(path, number, sums, outputs);
                            // SAFETY: no other item has this row and these columns.
                            unsafe { y.write(first + r, columns.start, &sums[..columns.len()]) };
                        }
                    }
                }
            });
        };
        // SAFETY: the items are all groups of rows by all panels of columns.
        let y = unsafe { Output::fill(m, finish.outputs(outputs), work) };
        ROWS.set(rows);
        y
    }
}

/// What is done with a tile's sums before they are written.
#[derive(Clone, Copy)]
pub(crate) enum Finish<'a> {
    /// Nothing.
    Plain,
    /// One number is added to each column.
    Bias(&'a [f32]),
    /// Columns come in sixteens, of a gate and of what it lets through: silu(gate) * other, half as many columns.
    Gate,
}

impl Finish<'_> {
    /// The width of y when W has `outputs` rows.
    pub(crate) fn outputs(self, outputs: usize) -> usize {
        if matches!(self, Self::Gate) { outputs / 2 } else { outputs }
    }

    /// Finishes one row of a tile in place; the columns of y that its first values are for.
    fn apply(self, path: &Path, panel: usize, sums: &mut [f32; PANEL], outputs: usize) -> Range<usize> {
        let first = panel * PANEL;
        let last = (first + PANEL).min(outputs);
        match self {
            Self::Plain => first..last,
            Self::Bias(bias) => {
                for (sum, bias) in sums.iter_mut().zip(&bias[first..last]) {
                    *sum += bias;
                }
                first..last
            }
            Self::Gate => {
                // SAFETY: a path is in `PATHS` only when the CPU has its instructions.
                unsafe { (path.gate)(sums) };
                first / 2..last / 2
            }
        }
    }
}

/// The most rows in a tile of any path.
const MOST_ROWS: usize = 8;

/// The work on one matrix, cut into pieces of about the same size: some groups of rows by some panels.
struct Items {
    groups: usize,
    panels: usize,
    /// Groups and panels of one item.
    size: (usize, usize),
}

impl Items {
    /// Products in one item: about 20 microseconds of the fastest path's time, far more than it costs to hand one out.
    const PRODUCTS: usize = 1 << 22;

    /// `tile` is the products in one tile.
    fn new(groups: usize, panels: usize, tile: usize) -> Self {
        let tiles = (Self::PRODUCTS / tile.max(1)).max(1);
        let high = groups.min(tiles).max(1);
        // Items of the same height, not a full one and a rest.
        let high = groups.div_ceil(groups.div_ceil(high).max(1)).max(1);
        Self { groups, panels, size: (high, (tiles / high).max(1)) }
    }

    fn count(&self) -> usize {
        self.groups.div_ceil(self.size.0) * self.panels.div_ceil(self.size.1)
    }

    /// Items of the same panels follow each other, so that a thread finds the weights in its cache.
    fn get(&self, item: usize) -> (Range<usize>, Range<usize>) {
        let high = self.groups.div_ceil(self.size.0);
        let (group, panel) = (item % high * self.size.0, item / high * self.size.1);
        (group..(group + self.size.0).min(self.groups), panel..(panel + self.size.1).min(self.panels))
    }
}

/// Asks for a block from memory before it is needed: weights are too many to stay in a cache from pass to pass.
fn prefetch(block: &Block) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..size_of::<Block>()).step_by(64) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: inside of the block, and every x86-64 CPU has the instruction.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(std::ptr::from_ref(block).cast::<i8>().add(line)) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = block;
}

thread_local! {
    /// The quantised rows of the last call on this thread, whose memory the next one takes over.
    static ROWS: Cell<Rows> = const { Cell::new(Rows::new()) };
}

/// Quantised activations, in groups of a path's rows, as [`super::Tile`] wants them.
struct Rows {
    values: Vec<[i8; BLOCK]>,
    scales: Vec<f32>,
    offsets: Vec<i32>,
}

impl Rows {
    const fn new() -> Self {
        Self { values: Vec::new(), scales: Vec::new(), offsets: Vec::new() }
    }

    fn quantise(&mut self, path: &Path, x: &[f32], m: usize, k: usize) {
        let blocks = k.div_ceil(BLOCK);
        self.values.resize(m * blocks, [0; BLOCK]);
        self.scales.resize(m * blocks, 0.0);
        self.offsets.resize(m * blocks, 0);
        let chunk = path.rows * blocks.max(1);
        let (values, scales) = (self.values.par_chunks_mut(chunk), self.scales.par_chunks_mut(chunk));
        let groups = values.zip(scales).zip(self.offsets.par_chunks_mut(chunk)).zip(x.par_chunks(path.rows * k.max(1)));
        // Several groups at a time: one is a microsecond's work.
        groups.with_min_len((1 << 16) / (path.rows * k.max(1)) + 1).for_each(|(((values, scales), offsets), x)| {
            let rows = x.len() / k;
            for (r, x) in x.chunks(k).enumerate() {
                for (b, x) in x.chunks(BLOCK).enumerate() {
                    let at = b * rows + r;
                    // SAFETY: a path is in `PATHS` only when the CPU has its instructions.
                    (scales[at], offsets[at]) = unsafe { (path.quantise)(x, &mut values[at]) };
                }
            }
        });
    }
}

impl Default for Rows {
    fn default() -> Self {
        Self::new()
    }
}
