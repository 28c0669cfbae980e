//! What typing inside holes makes of them: two in the place of one, and one again when that is undone.
//!
//! Cells follow: those of the run and of every branch at once, those of a moment of a timeline when it is looked at.

use std::ops::Range;
use std::sync::Arc;

use super::timeline::Moment;
use super::{Session, overlay};
use crate::engine::protocol::{Cell, HoleId, Resume};

/// A hole that was split by typing before its cell `cell`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split {
    whole: HoleId,
    cell: usize,
    sides: [Option<HoleId>; 2],
}

/// Stretches of cells of the holes as they were at a moment, one after the other.
type Pieces = Vec<(HoleId, Range<usize>)>;

impl Session {
    /// A hole was split by typing before its cell `cell`; a side without cells is no hole.
    pub(crate) fn split(&mut self, id: HoleId, cell: usize, left: Option<HoleId>, right: Option<HoleId>) {
        self.splits.push(Split { whole: id, cell, sides: [left, right] });
        self.divide(id, cell, [left, right]);
    }

    fn divide(&mut self, id: HoleId, cell: usize, [left, right]: [Option<HoleId>; 2]) {
        let sides: Vec<HoleId> = left.into_iter().chain(right).collect();
        let Some(at) = self.holes.iter().position(|&hole| hole == id) else { return };
        self.holes.splice(at..=at, sides);
        let shown = self.shown_len(id);
        if let Some(run) = &mut self.run {
            if run.known {
                let n = shown.unwrap_or(cell);
                run.resumes.extend(left.map(|hole| (hole, Resume { from: id, cells: 0..cell })));
                run.resumes.extend(right.map(|hole| (hole, Resume { from: id, cells: cell..n })));
            }
            overlay::split(&mut run.cells, id, (cell, shown.unwrap_or(cell)), [left, right]);
        }
        for branch in &mut self.branches {
            overlay::split(&mut branch.holes, id, (cell, shown.unwrap_or(cell)), [left, right]);
            // The halves are from where the whole is from.
            if let Some((_, made)) = branch.taken.iter().find(|(taken, _)| *taken == id).cloned() {
                branch.taken.extend(left.into_iter().chain(right).map(|side| (side, made.clone())));
            }
        }
    }

    fn shown_len(&self, id: HoleId) -> Option<usize> {
        let cells = match &self.run {
            Some(run) => &run.cells,
            None => &self.branches.get(self.current)?.holes,
        };
        Some(cells.iter().find(|cells| cells.id == id)?.cells.len())
    }

    /// Follows undo and deletion through the splits: halves whose whole is back, or one of which was taken in by the other,
    /// become one hole again, and a whole that redo has split is divided again. A half that is merely gone takes its words
    /// with it.
    pub(crate) fn follow_splits(
        &mut self,
        alive: impl Fn(HoleId) -> bool,
        is_absorbed: impl Fn(HoleId, HoleId) -> bool,
    ) {
        for split in self.splits.clone().into_iter().rev() {
            let here: Vec<HoleId> =
                split.sides.into_iter().flatten().filter(|side| self.holes.contains(side)).collect();
            let left_over: Vec<HoleId> = here.iter().copied().filter(|side| alive(*side)).collect();
            match left_over.as_slice() {
                [] if !here.is_empty() && alive(split.whole) => self.join(&here, split.whole),
                [one] if here.iter().any(|lost| is_absorbed(*lost, *one)) => self.join(&here, *one),
                _ => {}
            }
        }
        for Split { whole, cell, sides } in self.splits.clone() {
            let sides = sides.map(|side| side.filter(|id| alive(*id)));
            if !alive(whole) && self.holes.contains(&whole) && sides.iter().any(Option::is_some) {
                self.divide(whole, cell, sides);
            }
        }
    }

    fn join(&mut self, sides: &[HoleId], into: HoleId) {
        let Some(at) = self.holes.iter().position(|hole| sides.contains(hole)) else { return };
        self.holes.retain(|hole| !sides.contains(hole));
        self.holes.insert(at, into);
        if let Some(run) = &mut self.run {
            // The engine can go on from the cells of one hole only: from the half with more of them.
            let longest =
                run.cells.iter().filter(|cells| sides.contains(&cells.id)).max_by_key(|hole| hole.cells.len());
            let resume = longest.map(|hole| (into, Resume { from: hole.id, cells: 0..hole.cells.len() }));
            run.resumes.retain(|(hole, _)| !sides.contains(hole));
            run.resumes.extend(resume.filter(|_| run.known));
            overlay::join(&mut run.cells, sides, into);
        }
        for branch in &mut self.branches {
            overlay::join(&mut branch.holes, sides, into);
        }
    }

    /// Forgets holes that the document has lost. Whether any was.
    pub(crate) fn retain(&mut self, alive: impl Fn(HoleId) -> bool) -> bool {
        let before = self.holes.len();
        self.holes.retain(|&id| alive(id));
        let lists = self.run.iter_mut().map(|run| &mut run.cells);
        for cells in lists.chain(self.branches.iter_mut().map(|branch| &mut branch.holes)) {
            cells.retain(|hole| alive(hole.id));
        }
        self.holes.len() < before
    }

    /// Which cells of a moment each hole of now consists of; none if one of them was not there then.
    pub(super) fn pieces(&self, moment: &Moment) -> Option<Vec<(HoleId, Pieces)>> {
        let whole = |(id, cells): &(HoleId, Vec<Arc<Cell>>)| (*id, vec![(*id, 0..cells.len())]);
        let mut holes: Vec<(HoleId, Pieces)> = moment.holes.iter().map(whole).collect();
        for split in &self.splits {
            if self.holes.contains(&split.whole) {
                let sides = split.sides;
                let is_side = |id: HoleId| sides.contains(&Some(id));
                let Some(at) = holes.iter().position(|(id, _)| is_side(*id)) else { continue };
                let joined = holes.iter().filter(|(id, _)| is_side(*id)).flat_map(|(_, pieces)| pieces.clone());
                let joined = (split.whole, joined.collect());
                holes.retain(|(id, _)| !is_side(*id));
                holes.insert(at.min(holes.len()), joined);
            } else if let Some(at) = holes.iter().position(|(id, _)| *id == split.whole) {
                let (_, pieces) = holes.remove(at);
                let (before, behind) = cut(pieces, split.cell);
                let sides = match split.sides {
                    [Some(left), Some(right)] => vec![(left, before), (right, behind)],
                    [Some(one), None] | [None, Some(one)] => vec![(one, [before, behind].concat())],
                    [None, None] => Vec::new(),
                };
                holes.splice(at..at, sides);
            }
        }
        let piece = |id: &HoleId| holes.iter().find(|(hole, _)| hole == id).cloned();
        self.holes.iter().map(piece).collect()
    }
}

/// Cuts pieces before the cell `k` of them all.
fn cut(pieces: Pieces, k: usize) -> (Pieces, Pieces) {
    let (mut before, mut behind, mut left) = (Vec::new(), Vec::new(), k);
    for (id, range) in pieces {
        let at = range.start + left.min(range.len());
        left -= at - range.start;
        before.extend((at > range.start).then_some((id, range.start..at)));
        behind.extend((at < range.end).then_some((id, at..range.end)));
    }
    (before, behind)
}

/// What the engine is told of a hole that consists of these: it can go on from the cells of one hole only.
pub(super) fn resume(pieces: &Pieces) -> Option<Resume> {
    let (from, cells) = pieces.iter().max_by_key(|(_, range)| range.len())?;
    Some(Resume { from: *from, cells: cells.clone() })
}
