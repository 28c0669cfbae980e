//! What a run came to, or was stopped at: a branch of the tree of a task's runs.
//!
//! A run from the beginning is a branch at the root, named `a`, `b`, and so on; one that goes on from a step of `a` is `a.1`,
//! and one from a step of that, `a.1.1`. Names can be changed. The tree is walked in the order in which it is drawn.

use super::Session;
use super::overlay::HoleCells;
use super::timeline::Timeline;
use crate::app::sources::Provenance;
use crate::engine::protocol::{HoleId, RunOptions};

/// As many branches are kept for one set of holes; the oldest goes first.
pub const MAX_BRANCHES: usize = 16;

/// What names a branch within its task, for as long as that lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BranchId(pub(crate) u32);

/// Where a branch belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// It.
    pub id: BranchId,
    /// What it is called.
    pub name: String,
    /// What it went on from: the branch, and after how many steps.
    pub from: Option<(BranchId, usize)>,
}

/// The result of one run, waiting for a decision.
#[derive(Debug, Clone)]
pub struct Branch {
    /// Where it belongs.
    pub node: Node,
    /// Its cells, hole by hole in document order.
    pub holes: Vec<HoleCells>,
    /// Positions that are still masked: it was stopped before its end.
    pub masks_left: usize,
    /// How it was made.
    pub options: RunOptions,
    /// The model that made it.
    pub model: String,
    /// The steps it took.
    pub steps: usize,
    /// Holes that were taken from other branches, and how those were made.
    pub taken: Vec<(HoleId, Provenance)>,
    /// Forward passes it took.
    pub nfe: usize,
    /// Seconds of computing it took.
    pub seconds: f64,
    /// The natural log-probability of a hole's tokens when they were written, on average, where that is known.
    pub likelihood: Vec<(HoleId, f64)>,
    /// Which demands its holes do not meet.
    pub unmet: Vec<(HoleId, String)>,
    /// Its steps.
    pub timeline: Timeline,
}

impl Branch {
    /// How likely the tokens of a hole were, where that is known.
    pub fn likelihood_of(&self, hole: HoleId) -> Option<f64> {
        self.likelihood.iter().find(|(id, _)| *id == hole).map(|(_, likelihood)| *likelihood)
    }

    /// How likely they were in all holes, on average.
    pub fn mean_likelihood(&self) -> Option<f64> {
        let known: Vec<f64> = self.holes.iter().filter_map(|cells| self.likelihood_of(cells.id)).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    }
}

impl Session {
    /// The branch whose tokens in this hole were likeliest when they were written, where there are several branches.
    pub fn likeliest(&self, hole: HoleId) -> Option<usize> {
        let known = |(at, branch): (usize, &Branch)| Some((branch.likelihood_of(hole)?, at));
        let all: Vec<(f64, usize)> = self.branches.iter().enumerate().filter_map(known).collect();
        let best = all.iter().max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))?;
        (all.len() > 1).then_some(best.1)
    }

    /// A branch like the one shown, but for one hole, which is as another branch has it. It has no steps of its own.
    pub(crate) fn mix(&mut self, hole: usize, other: usize) {
        let (Some(own), Some(other)) = (self.branches.get(self.current), self.branches.get(other)) else { return };
        let mut mixed = own.clone();
        let Some(id) = self.holes.get(hole).copied() else { return };
        let taken = other.holes.iter().find(|cells| cells.id == id).cloned();
        let (Some(taken), Some(place)) = (taken, mixed.holes.iter_mut().find(|cells| cells.id == id)) else {
            return;
        };
        *place = taken;
        let from_third = other.taken.iter().find(|(taken, _)| *taken == id).map(|(_, made)| made.clone());
        mixed.taken.retain(|(taken, _)| *taken != id);
        mixed.taken.push((id, from_third.unwrap_or_else(|| self.provenance(other, other.steps))));
        mixed.unmet.retain(|(hole, _)| *hole != id);
        mixed.unmet.extend(other.unmet.iter().filter(|(hole, _)| *hole == id).cloned());
        mixed.likelihood.retain(|(hole, _)| *hole != id);
        mixed.likelihood.extend(other.likelihood_of(id).map(|likelihood| (id, likelihood)));
        let (from, step) = (own.node.id, own.timeline.last().map_or(0, |last| last.step));
        mixed.timeline = Timeline::default();
        let still = |cells: &HoleCells| cells.cells.iter().filter(|cell| !cell.state.is_written()).count();
        mixed.masks_left = mixed.holes.iter().map(still).sum();
        mixed.node = self.new_node(Some((from, step)));
        self.propose(mixed);
    }
}

/// The name of the next branch, given those that there are: under a parent or at the root.
pub(crate) fn next_name<'a>(parent: Option<&Node>, nodes: impl Iterator<Item = &'a Node> + Clone) -> String {
    let free = |name: &String| nodes.clone().all(|node| node.name != *name);
    // One more than there are nodes: one of these is free.
    let numbers = 0..=nodes.clone().count() as u32;
    match parent {
        Some(parent) => numbers.map(|n| format!("{}.{}", parent.name, n + 1)).find(free),
        None => numbers.map(letters).find(free),
    }
    .unwrap_or_default()
}

/// `a` to `z`, `aa`, `ab`, and so on.
fn letters(n: u32) -> String {
    let last = char::from(b'a' + (n % 26) as u8);
    if n < 26 { last.to_string() } else { letters(n / 26 - 1) + &last.to_string() }
}

/// The branches as the tree is drawn: indices, each with its depth.
pub(crate) fn walk(branches: &[Branch]) -> Vec<(usize, usize)> {
    let parent = |branch: &Branch| branch.node.from.map(|(id, _)| id);
    let is_there = |id: BranchId| branches.iter().any(|branch| branch.node.id == id);
    let mut order = Vec::with_capacity(branches.len());
    let roots = (0..branches.len()).filter(|at| parent(&branches[*at]).is_none_or(|id| !is_there(id)));
    let mut open: Vec<(usize, usize)> = roots.map(|at| (at, 0)).collect();
    open.reverse();
    while let Some((at, depth)) = open.pop() {
        order.push((at, depth));
        let id = branches[at].node.id;
        let children = (0..branches.len()).rev().filter(|child| parent(&branches[*child]) == Some(id));
        open.extend(children.map(|child| (child, depth + 1)));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::infill::overlay;

    fn branch(id: u32, name: &str, from: Option<u32>) -> Branch {
        Branch {
            node: Node { id: BranchId(id), name: name.into(), from: from.map(|id| (BranchId(id), 3)) },
            holes: Vec::new(),
            masks_left: 0,
            options: RunOptions::default(),
            model: String::new(),
            steps: 0,
            taken: Vec::new(),
            nfe: 0,
            seconds: 0.0,
            likelihood: Vec::new(),
            unmet: Vec::new(),
            timeline: Timeline::default(),
        }
    }

    #[test]
    fn names_say_where_a_branch_comes_from() {
        let branches = [branch(0, "a", None), branch(1, "b", None), branch(2, "a.1", Some(0))];
        let nodes = || branches.iter().map(|branch| &branch.node);
        assert_eq!(next_name(None, nodes()), "c");
        assert_eq!(next_name(Some(&branches[0].node), nodes()), "a.2");
        assert_eq!(next_name(Some(&branches[2].node), nodes()), "a.1.1");
        assert_eq!([0, 25, 26, 27, 702].map(letters), ["a", "z", "aa", "ab", "aaa"]);
    }

    #[test]
    fn likelihoods_are_those_of_the_holes_that_are_there() {
        let holes = vec![overlay::boxed(HoleId(2), Vec::new(), None)];
        let branch = Branch { holes, likelihood: vec![(HoleId(1), -1.0), (HoleId(2), -3.0)], ..branch(0, "a", None) };
        assert_eq!((branch.likelihood_of(HoleId(2)), branch.mean_likelihood()), (Some(-3.0), Some(-3.0)));
    }

    #[test]
    fn the_tree_is_walked_as_it_is_drawn() {
        let tree = [
            branch(0, "a", None),
            branch(1, "b", None),
            branch(2, "a.1", Some(0)),
            branch(3, "a.1.1", Some(2)),
            branch(4, "a.2", Some(0)),
            branch(5, "of one that is gone", Some(99)),
        ];
        assert_eq!(walk(&tree), [(0, 0), (2, 1), (3, 2), (4, 1), (1, 0), (5, 0)]);
    }
}
