//! Weights as bytes in blocks of 32 inputs with a scale each (the blocks of llama.cpp's Q8_0), in the order in which the
//! kernels read them.
//!
//! Letters: k inputs, n outputs; W (n, k). Weights that come as whole multiples of a step, as from Q4_0, Q5_0 and Q8_0
//! files, are kept exactly; all others are rounded to 1/127 of the largest of their block.
#![expect(unsafe_code, reason = "calling functions that need a path's instructions")]

use std::ops::Range;

use rayon::prelude::*;

use super::Path;

/// Inputs that share a scale.
pub(crate) const BLOCK: usize = 32;

/// Outputs (columns of y) that are computed together.
pub(crate) const PANEL: usize = 32;

/// Weights of at most so many steps are narrow: all those of Q4_0 and Q5_0 files.
pub(crate) const NARROW: u8 = 16;

/// 32 inputs of 32 outputs, in the order in which the kernels read them.
#[repr(C, align(64))]
#[derive(Clone)]
pub(crate) struct Block {
    /// For every four inputs, for every output: four values, 128 added to make them unsigned.
    pub(super) values: [[[u8; 4]; PANEL]; BLOCK / 4],
    pub(super) scales: [f32; PANEL],
}

impl Block {
    const ZERO: Self = Self { values: [[[128; 4]; PANEL]; BLOCK / 4], scales: [0.0; PANEL] };

    /// Whether no weight is of more than [`NARROW`] steps.
    fn is_narrow(&self) -> bool {
        // All are looked at, also behind one that is wider, so that it is done on vectors.
        let steps = self.values.as_flattened().as_flattened().iter().map(|value| value.abs_diff(128));
        steps.fold(0, u8::max) <= NARROW
    }
}

/// A packed weight matrix.
pub(crate) struct Packed {
    /// Panel after panel, in each block after block.
    blocks: Vec<Block>,
    inputs: usize,
    outputs: usize,
    /// No weight is of more than [`NARROW`] steps.
    pub(super) narrow: bool,
}

impl Packed {
    /// Packs W, which is handed out panel by panel: `rows(outputs)` are those rows of W, one after the other.
    pub(crate) fn new<E: Send>(
        path: &Path,
        outputs: usize,
        inputs: usize,
        rows: impl Fn(Range<usize>) -> Result<Vec<f32>, E> + Sync,
    ) -> Result<Self, E> {
        let across = inputs.div_ceil(BLOCK);
        let mut blocks = vec![Block::ZERO; outputs.div_ceil(PANEL) * across];
        blocks.par_chunks_mut(across.max(1)).enumerate().try_for_each(|(number, panel)| {
            let outputs = number * PANEL..outputs.min((number + 1) * PANEL);
            for (column, row) in rows(outputs)?.chunks(inputs).enumerate() {
                for (block, weights) in panel.iter_mut().zip(row.chunks(BLOCK)) {
                    let mut values = [0; BLOCK];
                    // SAFETY: a path is in `PATHS` only when the CPU has its instructions.
                    block.scales[column] = unsafe { (path.pack)(weights, &mut values) };
                    for (columns, values) in block.values.iter_mut().zip(values.as_chunks::<4>().0) {
                        columns[column] = values.map(|value| value as u8 ^ 0x80);
                    }
                }
            }
            Ok(())
        })?;
        let narrow = blocks.par_iter().all(Block::is_narrow);
        Ok(Self { blocks, inputs, outputs, narrow })
    }

    /// Whether both take the same inputs and fill their panels, as [`Self::beside`] needs.
    pub(crate) fn fits_beside(&self, other: &Self) -> bool {
        let full = |part: &Self| part.outputs.is_multiple_of(PANEL);
        self.inputs == other.inputs && full(self) && full(other)
    }

    /// The outputs of several matrices beside each other, all of which must fit.
    pub(crate) fn beside(parts: Vec<Self>) -> Self {
        debug_assert!(parts.iter().all(|part| parts[0].fits_beside(part)));
        let inputs = parts.first().map_or(0, |part| part.inputs);
        let outputs = parts.iter().map(|part| part.outputs).sum();
        let narrow = parts.iter().all(|part| part.narrow);
        // Collecting them would grow the list by doubling.
        let mut blocks = Vec::with_capacity(parts.iter().map(|part| part.blocks.len()).sum());
        for part in parts {
            blocks.extend(part.blocks);
        }
        Self { blocks, inputs, outputs, narrow }
    }

    /// Whether both are of one shape, of whole halves of panels, as [`Self::gated`] needs.
    pub(crate) fn fits_gate(&self, through: &Self) -> bool {
        (self.inputs, self.outputs) == (through.inputs, through.outputs) && self.outputs.is_multiple_of(PANEL / 2)
    }

    /// Sixteen outputs of a gate and sixteen of what it lets through in each panel, as
    /// [`super::product::Finish::Gate`] takes them. They must fit.
    pub(crate) fn gated(gate: &Self, through: &Self) -> Self {
        const HALF: usize = PANEL / 2;
        debug_assert!(gate.fits_gate(through));
        let across = gate.inputs.div_ceil(BLOCK);
        let mut blocks = vec![Block::ZERO; gate.outputs / HALF * across];
        for (at, block) in blocks.iter_mut().enumerate() {
            let (panel, b) = (at / across, at % across);
            let first = panel % 2 * HALF;
            for (part, to) in [(gate, 0), (through, HALF)] {
                let from = &part.blocks[panel / 2 * across + b];
                block.scales[to..to + HALF].copy_from_slice(&from.scales[first..first + HALF]);
                for (block, from) in block.values.iter_mut().zip(&from.values) {
                    block[to..to + HALF].copy_from_slice(&from[first..first + HALF]);
                }
            }
        }
        let narrow = gate.narrow && through.narrow;
        Self { blocks, inputs: gate.inputs, outputs: 2 * gate.outputs, narrow }
    }

    /// The blocks of one panel.
    pub(super) fn panel(&self, number: usize) -> &[Block] {
        let across = self.inputs.div_ceil(BLOCK);
        &self.blocks[number * across..(number + 1) * across]
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
        let column = output % PANEL;
        let values = self.panel(output / PANEL).iter().flat_map(move |block| {
            let scale = block.scales[column];
            block.values.iter().flat_map(move |columns| columns[column].map(|v| f32::from((v ^ 0x80) as i8) * scale))
        });
        values.take(self.inputs)
    }
}

/// Four of a block's values as the word that the kernels broadcast.
#[expect(clippy::inline_always, reason = "in the innermost loop of functions that are compiled for other instructions")]
#[inline(always)]
pub(super) fn word(values: &[i8; BLOCK], group: usize) -> i32 {
    let four = &values.as_chunks::<4>().0[group];
    i32::from_ne_bytes(four.map(|value| value as u8))
}
