//! Windows: which editable positions may change now. A window only narrows what rules look at.
//!
//! A run goes through the blocks of its window from left to right, and within a block some windows narrow further: a
//! dilated one by the masks that are left, a frontier by what the run has seen. Unit: canvas positions.

use crate::diffusion::canvas::{Canvas, Kind};

/// Which editable positions are eligible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Window {
    /// All of them.
    All,
    /// Blocks of so many positions of holes, counted across holes (LLaDA).
    Blocks(usize),
    /// One hole after the other.
    PerHole,
    /// Blocks of so many positions; in each, every `size/2`-th first, then every `size/4`-th and so on (DUS,
    /// 2506.19037), so that what is written together is far apart.
    Dilated(usize),
    /// All of them; once settled, those up to the last one that is at least this likely (SlowFast, 2506.10848).
    Frontier(f64),
}

impl Window {
    /// The positions of holes, block by block.
    pub fn blocks(self, canvas: &Canvas) -> Vec<Vec<usize>> {
        if self == Window::PerHole {
            return (0..canvas.hole_count()).map(|hole| canvas.hole_range(hole).collect()).collect();
        }
        let positions: Vec<usize> = canvas.hole_positions().collect();
        let size = match self {
            Window::Blocks(size) | Window::Dilated(size) => size,
            _ => positions.len(),
        };
        positions.chunks(size.max(1)).map(<[usize]>::to_vec).collect()
    }

    /// How many masks each block has, block 0 first.
    pub fn masks(self, canvas: &Canvas) -> Vec<usize> {
        let masked = |block: Vec<usize>| block.iter().filter(|&&p| canvas.kind(p) == Kind::Masked).count();
        self.blocks(canvas).into_iter().map(masked).collect()
    }

    /// The editable positions of a block that may change now, ascending; `frontier` is the last of them if there is one.
    pub fn positions(self, canvas: &Canvas, block: usize, frontier: Option<usize>) -> Vec<usize> {
        let mut positions = self.blocks(canvas).into_iter().nth(block).unwrap_or_default();
        let masked = |position: usize| canvas.kind(position) == Kind::Masked;
        if let Window::Dilated(size) = self {
            let strides = std::iter::successors(Some(size / 2), |stride| Some(stride / 2)).take_while(|s| *s > 0);
            let rounds = strides.chain([1]).map(|stride| every(&positions, stride));
            positions = rounds.into_iter().find(|round| round.iter().any(|&p| masked(p))).unwrap_or_default();
        }
        positions.retain(|&position| canvas.kind(position).is_editable());
        if let Some(frontier) = frontier {
            positions.retain(|&position| position <= frontier);
        }
        positions
    }
}

fn every(positions: &[usize], stride: usize) -> Vec<usize> {
    positions.iter().copied().step_by(stride.max(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::Window;
    use crate::diffusion::canvas::{Canvas, Cell, Edit, EditAct};

    const M: u32 = 99;

    #[test]
    fn blocks_go_from_left_to_right_across_holes() {
        let canvas = Canvas::builder(M).hole_from([Cell::Original(1); 2]).fixed(&[5]).hole(3).build();
        assert_eq!(Window::Blocks(3).masks(&canvas), [1, 2]);
        assert_eq!(Window::Blocks(3).positions(&canvas, 0, None), [0, 1, 3]);
        assert_eq!(Window::Blocks(2).positions(&canvas, 1, None), [3, 4]);
        assert_eq!((Window::PerHole.masks(&canvas), Window::All.masks(&canvas)), (vec![0, 3], vec![3]));
        assert_eq!(Window::Frontier(0.3).positions(&canvas, 0, Some(3)), [0, 1, 3]);
        assert_eq!(Window::All.positions(&canvas, 7, None), [0; 0]);
    }

    #[test]
    fn a_dilated_window_halves_its_stride_round_by_round() {
        let mut canvas = Canvas::from_ids(&[M; 8], M);
        let mut rounds = Vec::new();
        while canvas.masks_left() > 0 {
            let now = Window::Dilated(8).positions(&canvas, 0, None);
            let write = |&position: &usize| Edit::bare(position, EditAct::Write { token: 1 });
            canvas.apply(&now.iter().map(write).collect::<Vec<_>>(), 0).unwrap();
            rounds.push(now);
        }
        assert_eq!(rounds, [vec![0, 4], vec![0, 2, 4, 6], (0..8).collect()], "log2 8 rounds");
    }
}
