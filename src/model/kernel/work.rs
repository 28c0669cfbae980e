//! How work is shared out among the threads of the pool.
#![expect(unsafe_code, reason = "threads that write to different places of one output")]

use rayon::prelude::*;

use super::int8::PANEL;

/// Does `count` items of work on the threads of the pool. Each may be taken alone: a thread that is held up keeps one
/// item, not its share of all.
pub(super) fn each(count: usize, work: impl Fn(usize) + Sync + Send) {
    if count == 1 {
        return work(0);
    }
    (0..count).into_par_iter().with_max_len(1).for_each(work);
}

/// A matrix that many threads write to, each to places of its own.
pub(super) struct Output {
    start: *mut f32,
    rows: usize,
    width: usize,
}

// SAFETY: the callers of `write` see to it that no two of them write to the same place.
unsafe impl Sync for Output {}

impl Output {
    /// A matrix whose every element `work` writes. It is not cleared before, which would cost as much as the writing.
    ///
    /// # Safety
    /// `work` leaves out no element.
    pub(super) unsafe fn fill(rows: usize, width: usize, work: impl FnOnce(&Self)) -> Vec<f32> {
        let mut matrix = Vec::with_capacity(rows * width);
        work(&Self { start: matrix.as_mut_ptr(), rows, width });
        // SAFETY: all of it has been written, as the caller promises.
        unsafe { matrix.set_len(rows * width) };
        matrix
    }

    /// # Safety
    /// No other thread writes to this row and these columns.
    pub(super) unsafe fn write(&self, row: usize, column: usize, values: &[f32]) {
        assert!(row < self.rows && column + values.len() <= self.width);
        // SAFETY: inside of the matrix, as just seen, and nobody else's, as the caller promises.
        unsafe {
            let to = self.start.add(row * self.width + column);
            if let Ok(panel) = <&[f32; PANEL]>::try_from(values) {
                // The usual case, without a call.
                to.cast::<[f32; PANEL]>().write_unaligned(*panel);
            } else {
                to.copy_from_nonoverlapping(values.as_ptr(), values.len());
            }
        }
    }
}
