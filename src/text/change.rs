//! Edits as values: a [`ChangeSet`] says how one document becomes another, and can be applied, composed and mapped
//! through.
//!
//! Read [`ChangeSet::new`] for the normal form and [`ChangeSet::map`] for what happens to positions. All positions are
//! `char` indices; an edit's range is in the document *before* the change. Applying and inverting need the text, so they
//! live in `buffer.rs`.

use std::ops::Range;

/// The side of inserted text that a position on the spot sticks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bias {
    /// Stays before what is inserted.
    Left,
    /// Moves behind what is inserted.
    Right,
}

/// One replacement: `range` of the old document becomes `text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced, in positions before the change; empty for an insertion.
    pub range: Range<usize>,
    /// What stands there afterwards; empty for a deletion.
    pub text: String,
}

/// A change of a whole document: sorted edits that neither overlap nor touch, and the lengths they lead from and to.
///
/// Laws (tested): applying and then applying the inverse restores the text; `a.compose(b)` applied is `a` then `b`;
/// [`ChangeSet::map`] is monotone and stays within the new document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeSet {
    edits: Vec<Edit>,
    /// Where the text of each edit lies in the new document; as long as `edits`.
    placed: Vec<Range<usize>>,
    len_before: usize,
    len_after: usize,
}

impl ChangeSet {
    /// A change of a document of `len_before` characters.
    ///
    /// Edits are sorted by position; those that overlap or touch become one, whose text is theirs in that order; ranges
    /// are clamped to the document; edits that do nothing are dropped.
    pub fn new(len_before: usize, mut edits: Vec<Edit>) -> Self {
        for edit in &mut edits {
            let start = edit.range.start.min(len_before);
            edit.range = start..edit.range.end.clamp(start, len_before);
        }
        // Stable: two insertions at one place keep the order in which they were given.
        edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
        let mut builder = Builder::default();
        for edit in edits {
            builder.push(edit.range, &edit.text);
        }
        builder.finish(len_before)
    }

    /// Inserts `text` at `pos` of a document of `len` characters.
    pub fn insert(len: usize, pos: usize, text: &str) -> Self {
        Self::replace(len, pos..pos, text)
    }

    /// Replaces `range` of a document of `len` characters by `text`.
    pub fn replace(len: usize, range: Range<usize>, text: &str) -> Self {
        Self::new(len, vec![Edit { range, text: text.to_owned() }])
    }

    /// Deletes `range` of a document of `len` characters.
    pub fn delete(len: usize, range: Range<usize>) -> Self {
        Self::replace(len, range, "")
    }

    /// The change of a document of `len` characters that changes nothing.
    pub fn identity(len: usize) -> Self {
        Self::new(len, Vec::new())
    }

    /// The edits, sorted, with a gap of at least one character between any two.
    pub fn edits(&self) -> &[Edit] {
        &self.edits
    }

    /// Where the text of each edit lies in the new document, in the order of [`ChangeSet::edits`].
    pub fn placed(&self) -> &[Range<usize>] {
        &self.placed
    }

    /// Characters of the document that this change fits.
    pub fn len_before(&self) -> usize {
        self.len_before
    }

    /// Characters of the document that this change produces.
    pub fn len_after(&self) -> usize {
        self.len_after
    }

    /// Whether no edit is left. A replacement of text by the same text still counts as an edit.
    pub fn is_identity(&self) -> bool {
        self.edits.is_empty()
    }

    /// The change that does `self` and then `next`, in time linear in the edits of both.
    ///
    /// `next` must fit what `self` produces; where it does not, its ranges are clamped.
    pub fn compose(self, next: ChangeSet) -> ChangeSet {
        debug_assert_eq!(self.len_after, next.len_before, "composed change sets must fit together");
        let next =
            if self.len_after == next.len_before { next } else { ChangeSet::new(self.len_after, next.edits.clone()) };
        let (mut first, mut second) = (self.ops(), next.ops());
        let mut builder = Builder::default();
        let mut old = 0;
        loop {
            match (first.head, second.head) {
                (Some(Op::Delete(n)), _) => {
                    builder.push(old..old + n, "");
                    old += n;
                    first.take(n);
                }
                (_, Some(Op::Insert(text, n))) => {
                    builder.push(old..old, text);
                    second.take(n);
                }
                (Some(a), Some(b)) => {
                    let n = a.len().min(b.len());
                    match (a, b) {
                        (Op::Insert(text, _), Op::Retain(_)) => builder.push(old..old, split_at_char(text, n).0),
                        (Op::Retain(_), Op::Delete(_)) => builder.push(old..old + n, ""),
                        _ => {}
                    }
                    if matches!(a, Op::Retain(_)) {
                        old += n;
                    }
                    first.take(n);
                    second.take(n);
                }
                _ => break,
            }
        }
        builder.finish(self.len_before)
    }

    /// Where `pos` is after the change.
    ///
    /// A position inside or at an edge of a replaced range goes to the start of the new text with [`Bias::Left`] and to
    /// its end with [`Bias::Right`], as if the range had been deleted first and the text typed afterwards. O(log edits).
    pub fn map(&self, pos: usize, bias: Bias) -> usize {
        let pos = pos.min(self.len_before);
        let i = self.edits.partition_point(|edit| edit.range.end < pos);
        match (self.edits.get(i), self.placed.get(i)) {
            (Some(edit), Some(placed)) if edit.range.start <= pos => match bias {
                Bias::Left => placed.start,
                Bias::Right => placed.end,
            },
            _ => match i.checked_sub(1).and_then(|last| Some((self.edits.get(last)?, self.placed.get(last)?))) {
                Some((edit, placed)) => placed.end + (pos - edit.range.end),
                None => pos,
            },
        }
    }

    /// Where `range` is after the change: what is inserted at its edges stays outside.
    ///
    /// A range that is replaced as a whole, or an empty one where something is typed, ends up empty behind the new text.
    pub fn map_range(&self, range: Range<usize>) -> Range<usize> {
        let start = self.map(range.start, Bias::Right);
        start..self.map(range.end, Bias::Left).max(start)
    }

    fn ops(&self) -> Ops<'_> {
        let mut ops = Ops { change: self, next_edit: 0, done: 0, pending_delete: 0, head: None };
        ops.refill();
        ops
    }
}

/// Collects edits in ascending order into the normal form.
#[derive(Default)]
struct Builder {
    edits: Vec<Edit>,
}

impl Builder {
    fn push(&mut self, range: Range<usize>, text: &str) {
        match self.edits.last_mut() {
            Some(last) if range.start <= last.range.end => {
                last.range.end = last.range.end.max(range.end);
                last.text.push_str(text);
            }
            _ => self.edits.push(Edit { range, text: text.to_owned() }),
        }
    }

    fn finish(mut self, len_before: usize) -> ChangeSet {
        self.edits.retain(|edit| !edit.range.is_empty() || !edit.text.is_empty());
        let (mut old, mut new) = (0, 0);
        let mut placed = Vec::with_capacity(self.edits.len());
        for edit in &self.edits {
            let start = new + (edit.range.start - old);
            new = start + edit.text.chars().count();
            old = edit.range.end;
            placed.push(start..new);
        }
        ChangeSet { edits: self.edits, placed, len_before, len_after: new + (len_before - old) }
    }
}

/// A step along a change set. The lengths are in characters and never 0.
#[derive(Clone, Copy)]
enum Op<'a> {
    Retain(usize),
    Delete(usize),
    Insert(&'a str, usize),
}

impl Op<'_> {
    fn len(self) -> usize {
        match self {
            Op::Retain(n) | Op::Delete(n) | Op::Insert(_, n) => n,
        }
    }
}

/// Walks a change set as retain, insert and delete steps, which can be taken in part.
struct Ops<'a> {
    change: &'a ChangeSet,
    next_edit: usize,
    /// Characters of the old document that have been handed out.
    done: usize,
    pending_delete: usize,
    head: Option<Op<'a>>,
}

impl Ops<'_> {
    fn take(&mut self, n: usize) {
        self.head = match self.head {
            Some(Op::Retain(len)) if n < len => Some(Op::Retain(len - n)),
            Some(Op::Delete(len)) if n < len => Some(Op::Delete(len - n)),
            Some(Op::Insert(text, len)) if n < len => Some(Op::Insert(split_at_char(text, n).1, len - n)),
            _ => None,
        };
        if self.head.is_none() {
            self.refill();
        }
    }

    fn refill(&mut self) {
        if self.pending_delete > 0 {
            self.head = Some(Op::Delete(self.pending_delete));
            self.done += self.pending_delete;
            self.pending_delete = 0;
            return;
        }
        let change = self.change;
        let Some((edit, placed)) = change.edits.get(self.next_edit).zip(change.placed.get(self.next_edit)) else {
            let tail = change.len_before - self.done;
            self.done = change.len_before;
            self.head = (tail > 0).then_some(Op::Retain(tail));
            return;
        };
        if self.done < edit.range.start {
            self.head = Some(Op::Retain(edit.range.start - self.done));
            self.done = edit.range.start;
            return;
        }
        self.next_edit += 1;
        self.pending_delete = edit.range.len();
        if placed.is_empty() {
            // An edit without text deletes something, so this goes one level deep.
            self.refill();
        } else {
            self.head = Some(Op::Insert(&edit.text, placed.len()));
        }
    }
}

fn split_at_char(text: &str, n: usize) -> (&str, &str) {
    let byte = text.char_indices().nth(n).map_or(text.len(), |(byte, _)| byte);
    text.split_at(byte)
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a list of one range is what is meant")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::samples;

    fn edit(range: Range<usize>, text: &str) -> Edit {
        Edit { range, text: text.to_owned() }
    }

    #[test]
    fn edits_that_touch_or_overlap_become_one() {
        let change = ChangeSet::new(9, vec![edit(5..7, "B"), edit(2..5, "A"), edit(6..8, "C"), edit(0..0, "")]);
        assert_eq!(change.edits(), [edit(2..8, "ABC")]);
        assert_eq!(change.placed(), [2..5]);
        assert_eq!((change.len_before(), change.len_after()), (9, 6));
    }

    #[test]
    fn ranges_past_the_end_are_clamped() {
        assert_eq!(ChangeSet::replace(3, 2..9, "x").edits(), [edit(2..3, "x")]);
        assert_eq!(ChangeSet::insert(3, 9, "x").edits(), [edit(3..3, "x")]);
        let backwards = Range { start: 2, end: 1 };
        assert!(ChangeSet::delete(3, backwards).is_identity());
    }

    #[test]
    fn insertions_at_one_place_keep_their_order() {
        let change = ChangeSet::new(1, vec![edit(1..1, "a"), edit(1..1, "b")]);
        assert_eq!(samples::changed("x", &change), "xab");
    }

    #[test]
    fn a_position_where_text_is_typed_goes_to_the_side_it_sticks_to() {
        let change = ChangeSet::insert(4, 2, "xyz");
        assert_eq!((change.map(2, Bias::Left), change.map(2, Bias::Right)), (2, 5));
        assert_eq!((change.map(1, Bias::Right), change.map(3, Bias::Left)), (1, 6));
        assert_eq!(change.map_range(2..4), 5..7);
        assert_eq!(change.map_range(0..2), 0..2);
        assert_eq!(change.map_range(1..3), 1..6);
        assert_eq!(change.map_range(2..2), 5..5);
    }

    #[test]
    fn a_range_replaced_as_a_whole_is_empty_behind_the_new_text() {
        assert_eq!(ChangeSet::replace(9, 3..5, "xyz").map_range(3..5), 6..6);
    }

    /// Walks all edits, where the real one searches.
    fn map_slowly(change: &ChangeSet, pos: usize, bias: Bias) -> usize {
        let mut shift = 0_isize;
        for edit in change.edits() {
            let (n, removed) = (edit.text.chars().count(), edit.range.len());
            if pos < edit.range.start {
                break;
            }
            if pos <= edit.range.end {
                let start = (edit.range.start as isize + shift) as usize;
                return if bias == Bias::Left { start } else { start + n };
            }
            shift += n as isize - removed as isize;
        }
        (pos as isize + shift) as usize
    }

    fn text_and_two_changes() -> impl Strategy<Value = (String, ChangeSet, ChangeSet)> {
        samples::text().prop_flat_map(|text| {
            let len = text.chars().count();
            samples::change(len).prop_flat_map(move |a| {
                let text = text.clone();
                samples::change(a.len_after()).prop_map(move |b| (text.clone(), a.clone(), b))
            })
        })
    }

    proptest! {
        #[test]
        fn edits_are_in_normal_form((text, a, b) in text_and_two_changes()) {
            for change in [a.clone(), a.compose(b)] {
                prop_assert!(change.edits().iter().all(|edit| !edit.range.is_empty() || !edit.text.is_empty()));
                prop_assert!(change.edits().windows(2).all(|pair| pair[0].range.end < pair[1].range.start));
                prop_assert_eq!(change.len_after(), samples::changed(&text, &change).chars().count());
            }
        }

        #[test]
        fn composing_is_doing_one_after_the_other((text, a, b) in text_and_two_changes()) {
            let both = samples::changed(&samples::changed(&text, &a), &b);
            prop_assert_eq!(samples::changed(&text, &a.compose(b)), both);
        }

        #[test]
        fn identity_is_neutral((_, a, _) in text_and_two_changes()) {
            prop_assert_eq!(ChangeSet::identity(a.len_before()).compose(a.clone()), a.clone());
            prop_assert_eq!(a.clone().compose(ChangeSet::identity(a.len_after())), a);
        }

        #[test]
        fn map_is_monotone_within_bounds_and_as_the_slow_one((_, a, _) in text_and_two_changes()) {
            for bias in [Bias::Left, Bias::Right] {
                let mapped: Vec<usize> = (0..=a.len_before()).map(|pos| a.map(pos, bias)).collect();
                let slow: Vec<usize> = (0..=a.len_before()).map(|pos| map_slowly(&a, pos, bias)).collect();
                prop_assert!(mapped.is_sorted());
                prop_assert!(mapped.iter().all(|&pos| pos <= a.len_after()));
                prop_assert_eq!(mapped, slow);
            }
        }

        /// A composition forgets what was deleted of its middle text, so it can only push a position further to its side;
        /// away from its edits both ways agree.
        #[test]
        fn mapping_through_a_composition_is_mapping_twice((_, a, b) in text_and_two_changes()) {
            let both = a.clone().compose(b.clone());
            for pos in 0..=a.len_before() {
                let twice = |bias| b.map(a.map(pos, bias), bias);
                let (left, right) = (both.map(pos, Bias::Left), both.map(pos, Bias::Right));
                prop_assert!(left <= twice(Bias::Left) && twice(Bias::Right) <= right);
                if both.edits().iter().all(|edit| pos < edit.range.start || edit.range.end < pos) {
                    prop_assert_eq!((left, right), (twice(Bias::Left), twice(Bias::Right)));
                }
            }
        }

        #[test]
        fn a_mapped_range_is_never_inverted((_, a, _) in text_and_two_changes(), start in 0..40_usize, n in 0..9_usize) {
            let mapped = a.map_range(start..start + n);
            prop_assert!(mapped.start <= mapped.end && mapped.end <= a.len_after());
        }
    }
}
