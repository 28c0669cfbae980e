//! Weights as bytes in blocks of 32 inputs with a scale each (the blocks of llama.cpp's Q8_0), and their product.
//!
//! Activations are quantised the same way as they come, by row and block, so that one large value costs only its
//! block's accuracy. Letters: m rows of activations, k inputs, n outputs; y = x Wᵀ, x (m, k), W (n, k), y (m, n).
#![expect(unsafe_code, reason = "calling a path's instructions, and threads that write to tiles of one output")]

use std::cell::Cell;
use std::ops::Range;

use rayon::prelude::*;

use super::{Path, Tiled, portable};

/// Inputs that share a scale.
pub(crate) const BLOCK: usize = 32;

/// Outputs (columns of y) that are computed together.
pub(crate) const PANEL: usize = 32;

/// 32 inputs of 32 outputs, in the order in which the kernels read them.
#[repr(C, align(64))]
#[derive(Clone)]
pub(crate) struct Block {
    /// For every four inputs, for every output: four values, 128 added to make them unsigned.
    pub(super) values: [[[u8; 4]; PANEL]; BLOCK / 4],
    pub(super) scales: [f32; PANEL],
}

/// A packed weight matrix.
pub(crate) struct Packed {
    /// Panel after panel, in each block after block.
    blocks: Vec<Block>,
    inputs: usize,
    outputs: usize,
}

impl Packed {
    /// A matrix of zeros, to be filled.
    pub(crate) fn zeros(outputs: usize, inputs: usize) -> Self {
        let zero = Block { values: [[[128; 4]; PANEL]; BLOCK / 4], scales: [0.0; PANEL] };
        let blocks = vec![zero; outputs.div_ceil(PANEL) * inputs.div_ceil(BLOCK)];
        Self { blocks, inputs, outputs }
    }

    /// Packs rows of k weights each: output i becomes row `source(i)` of them, where it names one.
    pub(crate) fn fill(&mut self, rows: &[f32], source: impl Fn(usize) -> Option<usize> + Sync) {
        let (k, blocks, outputs) = (self.inputs, self.inputs.div_ceil(BLOCK).max(1), self.outputs);
        self.blocks.par_chunks_mut(blocks).enumerate().for_each(|(number, panel)| {
            for output in number * PANEL..outputs.min((number + 1) * PANEL) {
                let Some(row) = source(output) else { continue };
                let row = &rows[row * k..(row + 1) * k];
                for (block, weights) in panel.iter_mut().zip(row.chunks(BLOCK)) {
                    let (values, scale) = quantise_weights(weights);
                    block.scales[output % PANEL] = scale;
                    for (columns, values) in block.values.iter_mut().zip(values.as_chunks::<4>().0) {
                        columns[output % PANEL] = values.map(|value| value as u8 ^ 0x80);
                    }
                }
            }
        });
    }

    /// The width of x, k.
    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    /// The width of y, n.
    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// One row of W as floats.
    pub(crate) fn row(&self, output: usize) -> impl Iterator<Item = f32> {
        let (panel, column) = (output / PANEL, output % PANEL);
        let blocks = self.inputs.div_ceil(BLOCK);
        let values = self.blocks[panel * blocks..(panel + 1) * blocks].iter().flat_map(move |block| {
            let scale = block.scales[column];
            block.values.iter().flat_map(move |columns| columns[column].map(|v| f32::from((v ^ 0x80) as i8) * scale))
        });
        values.take(self.inputs)
    }

    /// y = x Wᵀ for m rows of x, every tile finished by `finish` and written to y at the tile's row.
    pub(crate) fn multiply(&self, path: &Path, x: &[f32], finish: Finish<'_>, y: &mut [f32]) {
        let (k, blocks, panels) = (self.inputs, self.inputs.div_ceil(BLOCK), self.outputs.div_ceil(PANEL));
        let width = finish.outputs(self.outputs);
        let m = y.len().checked_div(width).unwrap_or(0);
        debug_assert!(y.len() == m * width && x.len() == m * k);
        let mut rows = SCRATCH.take();
        rows.quantise(path, x, m, k);
        let items = Items::new(m.div_ceil(path.rows), panels, path.rows * k * PANEL);
        let y = Output { start: y.as_mut_ptr(), width };
        each(items.count(), |item| {
            let mut tile = [[0.0; PANEL]; MOST_ROWS];
            let (groups, panels) = items.get(item);
            for number in panels {
                let panel = &self.blocks[number * blocks..(number + 1) * blocks];
                for group in groups.clone() {
                    let first = group * path.rows;
                    let tile = &mut tile[..path.rows.min(m - first)];
                    let part = first * blocks..(first + tile.len()) * blocks;
                    let (values, scales) = (&rows.values[part.clone()], &rows.scales[part.clone()]);
                    let tiled = Tiled { panel, values, scales, offsets: &rows.offsets[part] };
                    // SAFETY: a path is in `PATHS` only when the CPU has its instructions.
                    unsafe { (path.tile)(tiled, tile) };
                    for (r, sums) in tile.iter_mut().enumerate() {
                        let columns = finish.apply(number, sums, self.outputs);
                        // SAFETY: no other item has this row and these columns of y, which outlives the loop.
                        unsafe { y.write(first + r, columns.start, &sums[..columns.len()]) };
                    }
                }
            }
        });
        SCRATCH.set(rows);
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
    fn apply(self, panel: usize, sums: &mut [f32; PANEL], outputs: usize) -> Range<usize> {
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
                let (gate, through) = sums.split_at_mut(PANEL / 2);
                for (gate, through) in gate.iter_mut().zip(through) {
                    *gate = silu(*gate) * *through;
                }
                first / 2..last / 2
            }
        }
    }
}

/// Which row of the gate, or of what it lets through (`other`), output i of [`Finish::Gate`] is.
pub(crate) fn gated(output: usize, other: bool) -> Option<usize> {
    let half = PANEL / 2;
    ((output % PANEL >= half) == other).then(|| output / PANEL * half + output % half)
}

fn silu(x: f32) -> f32 {
    x / (1.0 + (-x).exp())
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

/// Does `count` items of work on the threads of the pool. Each may be taken alone: a thread that is held up keeps one
/// item, not its share of all.
pub(super) fn each(count: usize, work: impl Fn(usize) + Sync + Send) {
    (0..count).into_par_iter().with_max_len(1).for_each(work);
}

/// y, shared by the threads that write to its tiles.
struct Output {
    start: *mut f32,
    width: usize,
}

// SAFETY: the callers of `write` see to it that no two of them write to the same place.
unsafe impl Sync for Output {}

impl Output {
    /// # Safety
    /// The row and the columns are inside of y, and nobody else has them.
    unsafe fn write(&self, row: usize, column: usize, values: &[f32]) {
        // SAFETY: as the caller promises.
        unsafe { self.start.add(row * self.width + column).copy_from_nonoverlapping(values.as_ptr(), values.len()) };
    }
}

thread_local! {
    /// The quantised rows of the last call on this thread, whose memory the next one takes over.
    static SCRATCH: Cell<Rows> = const { Cell::new(Rows::new()) };
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
        groups.with_min_len((1 << 15) / (path.rows * k.max(1)) + 1).for_each(|(((values, scales), offsets), x)| {
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

/// Four of a block's values as the word that the kernels broadcast.
#[expect(clippy::inline_always, reason = "in the innermost loop of functions that are compiled for other instructions")]
#[inline(always)]
pub(super) fn word(values: &[i8; BLOCK], group: usize) -> i32 {
    let four = &values.as_chunks::<4>().0[group];
    i32::from_ne_bytes(four.map(|value| value as u8))
}

/// The values and the scale that lose least.
///
/// Weights that come from blocks of 4 or 5 bits (Q4_0, Q5_0) are whole multiples of the largest over 8 or 16, and are
/// kept as they are; so are those of Q8_0, which are multiples of the largest over 127, as all others are rounded to.
fn quantise_weights(weights: &[f32]) -> ([i8; BLOCK], f32) {
    let mut values = [0; BLOCK];
    let largest = weights.iter().fold(0.0f32, |largest, w| largest.max(w.abs()));
    for steps in [8.0, 16.0] {
        let scale = largest / steps;
        let inverse = 1.0 / scale;
        let whole = |w: &f32| (w * inverse - (w * inverse).round_ties_even()).abs() < 1e-5;
        if scale >= f32::MIN_POSITIVE && weights.iter().all(whole) {
            for (value, w) in values.iter_mut().zip(weights) {
                *value = (w * inverse).round_ties_even() as i8;
            }
            return (values, scale);
        }
    }
    let (scale, _) = portable::quantise(weights, &mut values);
    (values, scale)
}
