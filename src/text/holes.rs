//! The user's holes: ranges of the document that the model is to write.
//!
//! Positions are `char` indices. A hole may be empty (text is to be written between two characters). [`Holes`] keeps them
//! sorted by start and disjoint; two may touch, but an empty one that touches another is absorbed by it, so a position
//! never belongs to two holes in a way the user cannot see. Holes follow edits by [`Holes::map`]: what is typed at an
//! edge stays outside.

use std::ops::Range;

use crate::text::change::ChangeSet;

/// How much text a hole is to receive, in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HoleLength {
    /// As much as fits best.
    #[default]
    Auto,
    /// Exactly so many tokens.
    Fixed(usize),
    /// At least and at most so many tokens.
    Range(usize, usize),
}

/// A marked range. Its `id` stays the same through edits and is never given to another hole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// The identity of the hole.
    pub id: u64,
    /// What is to be written over.
    pub range: Range<usize>,
    /// How much is to be written.
    pub length: HoleLength,
    /// What else is asked of it, by a number that its document knows; 0 where nothing is.
    pub asked: usize,
}

/// The holes of one document: sorted by start, disjoint, no empty one at the edge of another.
///
/// Two sets are equal when their holes are, whatever identity the next hole will get.
#[derive(Clone, Debug, Default)]
pub struct Holes {
    list: Vec<Hole>,
    next_id: u64,
    /// Since this was asked last: empty holes that others took in, and which did.
    absorbed: Vec<(u64, u64)>,
}

impl PartialEq for Holes {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list
    }
}

impl Eq for Holes {}

impl Holes {
    /// No holes.
    pub fn new() -> Self {
        Self::default()
    }

    /// No holes; identities are given out from this one on.
    pub fn numbered_from(first: u64) -> Self {
        Self { next_id: first, ..Self::default() }
    }

    /// The holes in document order.
    pub fn iter(&self) -> std::slice::Iter<'_, Hole> {
        self.list.iter()
    }

    /// The hole with this identity.
    pub fn get(&self, id: u64) -> Option<&Hole> {
        self.list.iter().find(|hole| hole.id == id)
    }

    /// Number of holes.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is no hole.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Marks `range` and returns the identity of the hole that it is part of.
    ///
    /// Holes that it overlaps become one with it, under a new identity and with the new length. An empty range inside or
    /// at the edge of a hole adds nothing and returns that hole's identity.
    pub fn add(&mut self, range: Range<usize>, length: HoleLength) -> u64 {
        let range = range.start..range.end.max(range.start);
        if range.is_empty()
            && let Some(hole) = self.at(range.start)
        {
            return hole.id;
        }
        let mut merged = range;
        self.list.retain(|hole| {
            let joins = overlap(&hole.range, &merged) || hole.range.is_empty() && touch(&hole.range, &merged);
            if joins {
                merged = merged.start.min(hole.range.start)..merged.end.max(hole.range.end);
            }
            !joins
        });
        let id = self.fresh_id();
        let at = self.list.partition_point(|hole| hole.range.start < merged.start);
        self.list.insert(at, Hole { id, range: merged, length, asked: 0 });
        id
    }

    /// Takes a hole away and returns it.
    pub fn remove(&mut self, id: u64) -> Option<Hole> {
        let at = self.list.iter().position(|hole| hole.id == id)?;
        Some(self.list.remove(at))
    }

    /// Takes all holes away. Their identities stay used.
    pub fn clear(&mut self) {
        self.list.clear();
    }

    /// Puts back the holes of an earlier state, as undo does, without ever giving out an identity again.
    pub fn restore(&mut self, earlier: &Holes) {
        self.list.clone_from(&earlier.list);
        self.next_id = self.next_id.max(earlier.next_id);
    }

    /// The same, but those that are to be kept stay beside them where they are, unless one of the earlier state is in the way.
    pub fn restore_beside(&mut self, earlier: &Holes, is_kept: impl Fn(u64) -> bool) {
        let kept: Vec<Hole> = self.list.drain(..).filter(|hole| is_kept(hole.id)).collect();
        self.restore(earlier);
        for hole in kept {
            self.put_back(hole);
        }
    }

    /// Puts a hole back that was taken out, where it is now, unless another is in the way.
    pub fn put_back(&mut self, hole: Hole) {
        if self.in_range(hole.range.clone()).next().is_none() {
            let at = self.list.partition_point(|other| other.range.start < hole.range.start);
            self.list.insert(at, hole);
        }
    }

    /// The hole at `pos`: one that contains the character behind `pos` if there is one, else one that ends there.
    pub fn at(&self, pos: usize) -> Option<&Hole> {
        let after = self.list.partition_point(|hole| hole.range.start <= pos);
        // Touching holes end and start at one position, and the later of them contains it.
        self.list[..after].last().filter(|hole| pos <= hole.range.end)
    }

    /// The holes that share a character with `range`, and the empty ones inside it or at its edges. An empty `range` asks
    /// for the holes that contain or touch that position.
    pub fn in_range(&self, range: Range<usize>) -> impl Iterator<Item = &Hole> {
        self.list.iter().filter(move |hole| {
            overlap(&hole.range, &range) || (hole.range.is_empty() || range.is_empty()) && touch(&hole.range, &range)
        })
    }

    /// Changes how much a hole is to receive. Unknown identities are ignored.
    pub fn set_length(&mut self, id: u64, length: HoleLength) {
        if let Some(hole) = self.list.iter_mut().find(|hole| hole.id == id) {
            hole.length = length;
        }
    }

    /// Changes what else is asked of a hole. Unknown identities are ignored.
    pub fn set_asked(&mut self, id: u64, asked: usize) {
        if let Some(hole) = self.list.iter_mut().find(|hole| hole.id == id) {
            hole.asked = asked;
        }
    }

    /// Carries the holes through `change`.
    ///
    /// Text typed at an edge stays outside, and an empty hole stays behind what is typed at it. A hole whose text is all
    /// deleted is empty afterwards, unless the deletion reached beyond it on both sides: then it is gone.
    pub fn map(&mut self, change: &ChangeSet) {
        self.list.retain_mut(|hole| {
            let i = change.edits().partition_point(|edit| edit.range.end <= hole.range.end);
            let swallowed = change
                .edits()
                .get(i)
                .is_some_and(|edit| edit.range.start < hole.range.start && hole.range.end < edit.range.end);
            hole.range = change.map_range(hole.range.clone());
            !swallowed
        });
        self.absorb_empty();
    }

    /// Divides a hole around `gap` characters that were typed into it at `at`, and returns the identities of the two new
    /// holes before and behind them; to be called after [`Holes::map`].
    ///
    /// Either half may be empty; both get [`HoleLength::Auto`]. An empty half that touches another hole is absorbed by it,
    /// and its identity is then unknown. `None`, and no change, if the hole is unknown, does not reach the typed text, or
    /// nothing was typed.
    pub fn split(&mut self, id: u64, at: usize, gap: usize) -> Option<(u64, u64)> {
        let index = self.list.iter().position(|hole| hole.id == id)?;
        let whole = self.list.get(index)?.range.clone();
        let behind = at + gap;
        // Typing at an edge left the text outside, so the hole may begin only behind it or end before it.
        let (left, right) = (whole.start.min(at)..at, behind..whole.end.max(behind));
        let crosses_neighbour = self.list[..index].last().is_some_and(|hole| left.start < hole.range.end)
            || self.list.get(index + 1).is_some_and(|hole| hole.range.start < right.end);
        if gap == 0 || whole.start > behind || whole.end < at || crosses_neighbour {
            return None;
        }
        let before = Hole { id: self.fresh_id(), range: left, length: HoleLength::Auto, asked: 0 };
        let after = Hole { id: self.fresh_id(), range: right, length: HoleLength::Auto, asked: 0 };
        let ids = (before.id, after.id);
        self.list.splice(index..=index, [before, after]);
        self.absorb_empty();
        Some(ids)
    }

    /// Panics unless the holes are sorted, disjoint, within `0..=len`, and no empty one touches another; for tests.
    pub fn assert_invariants(&self, len: usize) {
        for hole in &self.list {
            assert!(hole.range.start <= hole.range.end && hole.range.end <= len, "{hole:?} is outside 0..={len}");
            assert!(hole.id < self.next_id, "{hole:?} has an identity that was not given out");
        }
        for (a, b) in self.list.iter().zip(self.list.iter().skip(1)) {
            assert!(a.range.end <= b.range.start, "{a:?} and {b:?} overlap");
            assert!(
                a.range.end < b.range.start || !a.range.is_empty() && !b.range.is_empty(),
                "of {a:?} and {b:?}, which touch, one is empty"
            );
        }
    }

    /// The empty holes that were absorbed since the last call, each with the one that took it in.
    pub fn take_absorbed(&mut self) -> Vec<(u64, u64)> {
        std::mem::take(&mut self.absorbed)
    }

    fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    fn absorb_empty(&mut self) {
        let Self { list, absorbed, .. } = self;
        list.dedup_by(|next, last| {
            let touching = last.range.end >= next.range.start;
            if touching && last.range.is_empty() && !next.range.is_empty() {
                // `dedup_by` always drops the later of the two.
                std::mem::swap(next, last);
            }
            let is_absorbed = touching && next.range.is_empty();
            absorbed.extend(is_absorbed.then_some((next.id, last.id)));
            is_absorbed
        });
    }
}

impl<'a> IntoIterator for &'a Holes {
    type Item = &'a Hole;
    type IntoIter = std::slice::Iter<'a, Hole>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start.max(b.start) < a.end.min(b.end)
}

fn touch(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start.max(b.start) <= a.end.min(b.end)
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a list of one range is what is meant")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::samples;

    fn holes(ranges: &[Range<usize>]) -> Holes {
        let mut holes = Holes::new();
        for range in ranges {
            holes.add(range.clone(), HoleLength::Auto);
        }
        holes
    }

    fn ranges(holes: &Holes) -> Vec<Range<usize>> {
        holes.assert_invariants(usize::MAX);
        holes.iter().map(|hole| hole.range.clone()).collect()
    }

    /// Draws the document of `text` with the holes as `⟦…⟧`, does `change` to both, and draws again.
    #[track_caller]
    fn check_map(drawn: &str, change: impl FnOnce(usize) -> ChangeSet, expected: &str) {
        let mut text = String::new();
        let (mut starts, mut marked) = (Vec::new(), Vec::new());
        for c in drawn.chars() {
            match c {
                '⟦' => starts.push(text.chars().count()),
                '⟧' => marked.push(starts.pop().expect("opened")..text.chars().count()),
                c => text.push(c),
            }
        }
        let change = change(text.chars().count());
        let mut holes = holes(&marked);
        holes.map(&change);
        let mut chars: Vec<String> = samples::changed(&text, &change).chars().map(String::from).collect();
        for range in ranges(&holes).into_iter().rev() {
            chars.insert(range.end, "⟧".to_owned());
            chars.insert(range.start, "⟦".to_owned());
        }
        assert_eq!(chars.concat(), expected);
    }

    #[test]
    fn typing_before_a_hole_moves_it() {
        check_map("ab⟦cd⟧e", |len| ChangeSet::insert(len, 1, "xy"), "axyb⟦cd⟧e");
    }

    #[test]
    fn typing_at_an_edge_stays_outside() {
        check_map("ab⟦cd⟧e", |len| ChangeSet::insert(len, 2, "x"), "abx⟦cd⟧e");
        check_map("ab⟦cd⟧e", |len| ChangeSet::insert(len, 4, "x"), "ab⟦cd⟧xe");
        check_map("⟦ab⟧⟦cd⟧", |len| ChangeSet::insert(len, 2, "x"), "⟦ab⟧x⟦cd⟧");
    }

    #[test]
    fn an_empty_hole_stays_behind_what_is_typed_at_it() {
        check_map("ab⟦⟧c", |len| ChangeSet::insert(len, 2, "xy"), "abxy⟦⟧c");
    }

    #[test]
    fn a_hole_deleted_exactly_is_empty_and_one_deleted_from_both_sides_is_gone() {
        check_map("ab⟦cd⟧e", |len| ChangeSet::delete(len, 2..4), "ab⟦⟧e");
        check_map("ab⟦cd⟧e", |len| ChangeSet::delete(len, 1..4), "a⟦⟧e");
        check_map("ab⟦cd⟧e", |len| ChangeSet::delete(len, 2..5), "ab⟦⟧");
        check_map("ab⟦cd⟧e", |len| ChangeSet::delete(len, 1..5), "a");
        check_map("ab⟦⟧cd", |len| ChangeSet::delete(len, 1..3), "ad");
        check_map("ab⟦⟧cd", |len| ChangeSet::delete(len, 2..3), "ab⟦⟧d");
    }

    #[test]
    fn what_replaces_a_part_of_a_hole_from_its_edge_is_outside() {
        check_map("ab⟦cd⟧e", |len| ChangeSet::replace(len, 1..3, "x"), "ax⟦d⟧e");
        check_map("ab⟦cd⟧e", |len| ChangeSet::replace(len, 3..5, "x"), "ab⟦c⟧x");
    }

    #[test]
    fn holes_that_a_deletion_brings_together_stay_apart_unless_one_is_empty() {
        check_map("⟦ab⟧c⟦de⟧", |len| ChangeSet::delete(len, 2..3), "⟦ab⟧⟦de⟧");
        check_map("⟦ab⟧c⟦⟧", |len| ChangeSet::delete(len, 2..3), "⟦ab⟧");
        check_map("⟦⟧c⟦de⟧", |len| ChangeSet::delete(len, 0..1), "⟦de⟧");
        check_map("⟦⟧c⟦⟧", |len| ChangeSet::delete(len, 0..1), "⟦⟧");
    }

    #[test]
    fn adding_merges_what_it_overlaps_and_lets_touching_holes_be() {
        assert_eq!(ranges(&holes(&[0..2, 4..6, 1..5])), [0..6]);
        assert_eq!(ranges(&holes(&[0..2, 4..6, 2..4])), [0..2, 2..4, 4..6]);
        assert_eq!(ranges(&holes(&[2..2, 2..4])), [2..4]);
        assert_eq!(ranges(&holes(&[2..2, 0..2])), [0..2]);
        assert_eq!(ranges(&holes(&[2..4, 2..2, 4..4, 3..3])), [2..4]);
        assert_eq!(ranges(&holes(&[4..4, 2..2])), [2..2, 4..4]);
    }

    #[test]
    fn an_identity_is_never_given_out_again() {
        let mut holes = holes(&[0..1]);
        let earlier = holes.clone();
        let second = holes.add(3..4, HoleLength::Fixed(2));
        holes.restore(&earlier);
        assert_eq!(holes, earlier);
        assert!(holes.add(3..4, HoleLength::Auto) > second);
        holes.clear();
        assert!(holes.add(0..1, HoleLength::Auto) > second + 1);
    }

    #[test]
    fn the_hole_at_a_position_is_the_one_that_contains_it_before_one_that_ends_there() {
        let holes = holes(&[1..3, 3..5, 7..7]);
        let at = |pos| holes.at(pos).map(|hole| hole.range.clone());
        assert_eq!([at(0), at(1), at(3), at(5)], [None, Some(1..3), Some(3..5), Some(3..5)]);
        assert_eq!([at(6), at(7), at(8)], [None, Some(7..7), None]);
    }

    #[test]
    fn in_range_counts_empty_holes_at_the_edges_and_no_others() {
        let holes = holes(&[1..3, 3..5, 7..7]);
        let within = |range| holes.in_range(range).map(|hole| hole.range.clone()).collect::<Vec<_>>();
        assert_eq!(within(0..3), [1..3]);
        assert_eq!(within(5..7), [7..7]);
        assert_eq!(within(3..3), [1..3, 3..5]);
        assert_eq!(within(2..9), [1..3, 3..5, 7..7]);
    }

    #[test]
    fn what_is_typed_into_a_hole_divides_it() {
        for (hole, at, expected) in [(2..6, 4, [2..4, 5..7]), (2..6, 2, [2..2, 3..7]), (2..6, 6, [2..6, 7..7])] {
            let mut holes = holes(&[hole]);
            let id = holes.iter().next().expect("one hole").id;
            holes.map(&ChangeSet::insert(9, at, "x"));
            let (before, after) = holes.split(id, at, 1).expect("typed into the hole");
            assert_eq!(ranges(&holes), expected);
            assert!(holes.get(id).is_none() && holes.get(before).is_some() && holes.get(after).is_some());
        }
    }

    #[test]
    fn typing_into_an_empty_hole_leaves_one_on_each_side() {
        let mut holes = holes(&[2..2]);
        holes.map(&ChangeSet::insert(4, 2, "xy"));
        assert!(holes.split(0, 2, 2).is_some());
        assert_eq!(ranges(&holes), [2..2, 4..4]);
    }

    #[test]
    fn a_split_that_does_not_fit_does_nothing() {
        let mut holes = holes(&[2..4, 5..7]);
        assert_eq!(holes.split(9, 3, 1), None);
        assert_eq!(holes.split(0, 3, 0), None);
        assert_eq!(holes.split(0, 6, 1), None);
        assert_eq!(holes.split(0, 3, 9), None);
        assert_eq!(ranges(&holes), [2..4, 5..7]);
    }

    #[derive(Clone, Debug)]
    enum Op {
        Add(usize, usize),
        Remove(usize),
        Change(Vec<(usize, usize, &'static str)>),
        TypeInto(usize, usize),
    }

    fn op() -> impl Strategy<Value = Op> {
        let edit = (0..30_usize, 0..6_usize, proptest::sample::select(&["", "x", "yz"][..]));
        prop_oneof![
            (0..30_usize, 0..6_usize).prop_map(|(start, n)| Op::Add(start, n)),
            (0..4_usize).prop_map(Op::Remove),
            proptest::collection::vec(edit, 1..3).prop_map(Op::Change),
            (0..4_usize, 0..6_usize).prop_map(|(hole, offset)| Op::TypeInto(hole, offset)),
        ]
    }

    /// The oracle: which hole each character belongs to.
    type Labels = Vec<Option<u64>>;

    fn relabel(labels: &mut Labels, change: &ChangeSet) {
        for edit in change.edits().iter().rev() {
            let before = edit.range.start.checked_sub(1).and_then(|i| labels[i]);
            let behind = labels.get(edit.range.end).copied().flatten();
            // New text is in a hole only if that hole goes on at both sides of it.
            let label = before.filter(|_| before == behind);
            labels.splice(edit.range.clone(), edit.text.chars().map(|_| label));
        }
    }

    fn add_label(labels: &mut Labels, range: &Range<usize>, id: u64) {
        let merged: Vec<u64> = labels[range.clone()].iter().copied().flatten().collect();
        for (i, label) in labels.iter_mut().enumerate() {
            if range.contains(&i) || label.is_some_and(|label| merged.contains(&label)) {
                *label = Some(id);
            }
        }
    }

    fn run(op: Op, holes: &mut Holes, labels: &mut Labels) {
        match op {
            Op::Add(start, n) => {
                let start = start.min(labels.len());
                let range = start..(start + n).min(labels.len());
                let id = holes.add(range.clone(), HoleLength::Auto);
                add_label(labels, &range, id);
            }
            Op::Remove(index) => {
                let Some(id) = holes.iter().nth(index).map(|hole| hole.id) else { return };
                holes.remove(id);
                labels.iter_mut().filter(|label| **label == Some(id)).for_each(|label| *label = None);
            }
            Op::Change(edits) => {
                let edits = edits.into_iter().map(|(start, n, text)| crate::text::change::Edit {
                    range: start..start + n,
                    text: text.to_owned(),
                });
                let change = ChangeSet::new(labels.len(), edits.collect());
                holes.map(&change);
                relabel(labels, &change);
            }
            Op::TypeInto(index, offset) => {
                let Some(hole) = holes.iter().nth(index).cloned() else { return };
                let at = (hole.range.start + offset).min(hole.range.end);
                let change = ChangeSet::insert(labels.len(), at, "new");
                holes.map(&change);
                relabel(labels, &change);
                let (before, after) = holes.split(hole.id, at, 3).expect("typed into the hole");
                for (i, label) in labels.iter_mut().enumerate().filter(|(_, label)| **label == Some(hole.id)) {
                    *label = if i < at { Some(before) } else { Some(after).filter(|_| i >= at + 3) };
                }
            }
        }
    }

    proptest! {
        #[test]
        fn holes_hold_the_same_characters_after_any_sequence(ops in proptest::collection::vec(op(), 1..25)) {
            let (mut holes, mut labels) = (Holes::new(), vec![None; 20]);
            for op in ops {
                run(op, &mut holes, &mut labels);
                holes.assert_invariants(labels.len());
                let mut found = vec![None; labels.len()];
                for hole in &holes {
                    found[hole.range.clone()].fill(Some(hole.id));
                }
                prop_assert_eq!(&found, &labels);
            }
        }
    }
}
