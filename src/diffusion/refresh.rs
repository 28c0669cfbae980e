//! Refresh policies: which rows of the network a pass computes anew (`decoding.md` section 2).
//!
//! A policy is a cost and never a meaning: it reads the canvas and what changed lately, and touches no token. The memory of
//! keys and values is the network's ([`crate::diffusion::Refresh`]). Unit: raw rows out, canvas positions in. Limit: a
//! canvas that changed its length is computed whole.

use std::collections::BTreeSet;

use crate::diffusion::canvas::{Canvas, Kind};
use crate::diffusion::row_of;

/// Which rows are computed anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RefreshPolicy {
    /// All: exact.
    #[default]
    All,
    /// All when a block is entered, then the block and what is right of it (Fast-dLLM's prefix cache).
    Prefix,
    /// All when a block is entered, then the block alone (Fast-dLLM's dual cache).
    Dual,
    /// As dual, and so many positions on either side of the block (dInfer).
    Vicinity(usize),
    /// What is masked or was changed since all were computed, and so many positions on either side; all once more than a
    /// quarter of the holes, and more than 8 positions, changed: the editor's.
    Dirty(usize),
    /// All every so many passes; in between what is masked or was changed last (dKV-Cache).
    Every(usize),
}

/// Neighbours on either side that the editor's policy computes, as many as dInfer's.
pub const NEIGHBOURS: usize = 16;

/// What happened since the last pass that computed all rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Since {
    /// The block and the canvas' length at that pass; none before the first one.
    full: Option<(Option<usize>, usize)>,
    passes: usize,
    changes: Vec<usize>,
    last: Vec<usize>,
}

/// What a policy decides on.
pub(crate) struct Place<'a> {
    pub(crate) canvas: &'a Canvas,
    pub(crate) block: Option<usize>,
    pub(crate) positions: &'a [usize],
    pub(crate) shift: usize,
}

impl Since {
    /// Takes note of what a step changed.
    pub(crate) fn changed(&mut self, positions: Vec<usize>) {
        self.changes.extend(&positions);
        self.last = positions;
    }

    /// Takes note of a pass.
    pub(crate) fn passed(&mut self, all: bool, place: &Place<'_>) {
        self.passes += 1;
        if all {
            *self = Self { full: Some((place.block, place.canvas.len())), last: self.last.clone(), ..Self::default() };
        }
    }
}

impl RefreshPolicy {
    /// The raw rows to compute anew, ascending; none for all.
    pub(crate) fn rows(self, since: &Since, place: &Place<'_>) -> Option<Vec<usize>> {
        let (block, length) = since.full?;
        let same_block = block == place.block;
        if length != place.canvas.len() {
            return None;
        }
        let holes = place.canvas.hole_positions().count();
        let dirty = || place.canvas.masked().chain(since.last.iter().copied());
        let with_own = |positions: Vec<usize>| {
            let rows = positions.into_iter().flat_map(|position| [row_of(position, place.shift), position]);
            rows.collect::<BTreeSet<_>>().into_iter().collect()
        };
        let (first, last) = (place.positions.first().copied()?, place.positions.last().copied()?);
        // Blocks have the rows of their own positions, as in the reference: one that is read beyond them is computed, too.
        let rows: Vec<usize> = match self {
            RefreshPolicy::Prefix if same_block => (first..place.canvas.len()).collect(),
            RefreshPolicy::Dual if same_block => (first..=last).collect(),
            RefreshPolicy::Vicinity(reach) if same_block => {
                (first.saturating_sub(reach)..(last + reach + 1).min(place.canvas.len())).collect()
            }
            RefreshPolicy::Dirty(reach) if since.changes.len() <= (holes / 4).max(8) => {
                let changed = place.canvas.masked().chain(since.changes.iter().copied());
                with_own(around(changed, reach, place.canvas))
            }
            RefreshPolicy::Every(n) if since.passes + 1 < n => with_own(around(dirty(), 0, place.canvas)),
            _ => return None,
        };
        Some(rows)
    }
}

fn around(positions: impl Iterator<Item = usize>, reach: usize, canvas: &Canvas) -> Vec<usize> {
    positions.flat_map(|p| p.saturating_sub(reach)..(p + reach + 1).min(canvas.len())).collect()
}

/// The positions of a block as it lies on the canvas, whatever they hold: what [`Place::positions`] wants.
pub(crate) fn span(positions: Vec<usize>, canvas: &Canvas) -> Vec<usize> {
    positions.into_iter().filter(|&position| canvas.kind(position) != Kind::Fixed).collect()
}

#[cfg(test)]
mod tests {
    use super::{Place, RefreshPolicy, Since};
    use crate::diffusion::canvas::Canvas;

    const M: u32 = 9;

    #[track_caller]
    fn rows(policy: RefreshPolicy, since: &Since, shift: usize, expected: Option<&[usize]>) {
        let canvas = Canvas::from_ids(&[1, 2, 3, M, M, 4, M, 5], M);
        let place = Place { canvas: &canvas, block: Some(0), positions: &[3, 4], shift };
        assert_eq!(policy.rows(since, &place).as_deref(), expected, "{policy:?}");
    }

    #[test]
    fn each_policy_computes_the_rows_it_names() {
        let since = Since { full: Some((Some(0), 8)), passes: 0, changes: vec![2], last: vec![2] };
        rows(RefreshPolicy::All, &since, 0, None);
        rows(RefreshPolicy::Prefix, &since, 0, Some(&[3, 4, 5, 6, 7]));
        rows(RefreshPolicy::Dual, &since, 0, Some(&[3, 4]));
        rows(RefreshPolicy::Dual, &since, 1, Some(&[3, 4]));
        rows(RefreshPolicy::Dirty(0), &since, 1, Some(&[1, 2, 3, 4, 5, 6]));
        rows(RefreshPolicy::Vicinity(1), &since, 0, Some(&[2, 3, 4, 5]));
        rows(RefreshPolicy::Dirty(0), &since, 0, Some(&[2, 3, 4, 6]));
        rows(RefreshPolicy::Every(4), &since, 0, Some(&[2, 3, 4, 6]));
    }

    #[test]
    fn all_rows_are_computed_first_in_a_new_block_and_after_many_changes() {
        for policy in [RefreshPolicy::Prefix, RefreshPolicy::Dual, RefreshPolicy::Dirty(1), RefreshPolicy::Every(9)] {
            rows(policy, &Since::default(), 0, None);
            rows(policy, &Since { full: Some((Some(0), 7)), ..Since::default() }, 0, None);
        }
        rows(RefreshPolicy::Dual, &Since { full: Some((Some(1), 8)), ..Since::default() }, 0, None);
        rows(
            RefreshPolicy::Dirty(1),
            &Since { full: Some((Some(0), 8)), changes: vec![3; 9], ..Since::default() },
            0,
            None,
        );
        rows(RefreshPolicy::Every(3), &Since { full: Some((Some(0), 8)), passes: 2, ..Since::default() }, 0, None);
    }
}
