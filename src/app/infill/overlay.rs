//! Cells over a hole: what a run or a proposal shows in its place.
//!
//! While a run goes on, each cell keeps a box of a width that only grows, so that guesses of changing length do not make
//! the text around them jump. Widths are terminal columns.

use std::sync::Arc;

use crate::engine::protocol::{Cell, Frame, HoleId};
use crate::text::measure;

/// A cell's box is at least this wide while it is denoised.
pub const MIN_CELL_WIDTH: usize = 3;

/// The cells over one hole.
#[derive(Debug, Clone, PartialEq)]
pub struct HoleCells {
    /// The hole.
    pub id: HoleId,
    /// Its cells, in order.
    pub cells: Vec<Cell>,
    /// The width of each cell's box; empty in a proposal, where every cell is as wide as its text.
    pub widths: Vec<usize>,
}

impl HoleCells {
    /// The text that accepting would put into the hole: that of the written cells.
    pub fn text(&self) -> String {
        self.cells.iter().filter(|cell| cell.state.is_written()).map(|cell| cell.text.as_str()).collect()
    }

    /// The first cell that is not written, or the first.
    pub(crate) fn first_masked(&self) -> usize {
        self.cells.iter().position(|cell| !cell.state.is_written()).unwrap_or(0)
    }

    /// The same boxes with nothing in them: what a repeated run starts from.
    pub(crate) fn masked(&self) -> Self {
        let widths = (0..self.cells.len()).map(|k| self.width(k)).collect();
        Self { id: self.id, cells: vec![Cell::blank(); self.cells.len()], widths }
    }

    /// The same cells as wide as their text.
    pub(crate) fn settled(mut self) -> Self {
        self.widths.clear();
        self
    }

    /// The width of a cell's box.
    pub fn width(&self, k: usize) -> usize {
        self.widths.get(k).copied().unwrap_or_else(|| self.cells.get(k).map_or(0, |cell| shown_width(&cell.text)))
    }

    fn part(&self, id: HoleId, range: std::ops::Range<usize>) -> Self {
        let widths = self.widths.get(range.clone()).map(<[usize]>::to_vec).unwrap_or_default();
        Self { id, cells: self.cells[range].to_vec(), widths }
    }
}

/// Columns of a cell's text on one row; a line break takes one.
fn shown_width(text: &str) -> usize {
    let text = text.replace("\r\n", "\n");
    text.split('\n').map(|line| measure::display_width(line, 1)).sum::<usize>() + text.matches('\n').count()
}

/// The cells of a frame for these holes, in boxes at least as wide as before. `None` if the frame lacks one of them.
pub(crate) fn of_frame(frame: &Arc<Frame>, holes: &[HoleId], before: &[HoleCells]) -> Option<Vec<HoleCells>> {
    holes
        .iter()
        .map(|&id| {
            let hole = frame.holes.iter().find(|hole| hole.id == id)?;
            let old = before.iter().find(|cells| cells.id == id);
            let width = |(k, cell): (usize, &Cell)| {
                let least = old.and_then(|old| old.widths.get(k)).copied().unwrap_or(MIN_CELL_WIDTH);
                shown_width(&cell.text).max(least)
            };
            Some(HoleCells {
                id,
                widths: hole.cells.iter().enumerate().map(width).collect(),
                cells: hole.cells.clone(),
            })
        })
        .collect()
}

/// The cells of an earlier step, in boxes as wide as what came to stand there in the end, so that nothing moves.
pub(crate) fn boxed(id: HoleId, cells: Vec<Cell>, end: Option<&HoleCells>) -> HoleCells {
    let width = |(k, cell): (usize, &Cell)| {
        let least = match end {
            Some(end) => end.width(k),
            None if cell.state.is_written() => 0,
            None => MIN_CELL_WIDTH,
        };
        shown_width(&cell.text).max(least).max(usize::from(!cell.state.is_written()))
    };
    HoleCells { id, widths: cells.iter().enumerate().map(width).collect(), cells }
}

/// Splits the cells over hole `id` at cell `at.0` of `at.1`. Where this list has another number of cells (another
/// proposal), it is split at the same share.
pub(crate) fn split(list: &mut Vec<HoleCells>, id: HoleId, at: (usize, usize), sides: [Option<HoleId>; 2]) {
    let Some(index) = list.iter().position(|cells| cells.id == id) else { return };
    let whole = list.remove(index);
    let n = whole.cells.len();
    let k = if n == at.1 { at.0 } else { (at.0 * n + at.1 / 2) / at.1.max(1) }.min(n);
    let parts = match sides {
        [Some(left), Some(right)] => vec![whole.part(left, 0..k), whole.part(right, k..n)],
        [Some(one), None] | [None, Some(one)] => vec![whole.part(one, 0..n)],
        [None, None] => Vec::new(),
    };
    list.splice(index..index, parts);
}

/// Puts the cells over several holes over one.
pub(crate) fn join(list: &mut Vec<HoleCells>, sides: &[HoleId], into: HoleId) {
    let Some(at) = list.iter().position(|hole| sides.contains(&hole.id)) else { return };
    let mut whole = HoleCells { id: into, cells: Vec::new(), widths: Vec::new() };
    list.retain_mut(|hole| {
        let joins = sides.contains(&hole.id);
        if joins {
            whole.cells.append(&mut hole.cells);
            whole.widths.append(&mut hole.widths);
        }
        !joins
    });
    list.insert(at, whole);
}
