//! The user's selection: an anchor that stays and a head that moves, with the caret at the head.
//!
//! Positions are `char` indices. A selection is a plain value; [`Selection::snapped`] is the one place where it is made
//! legal for a given text.

use std::ops::Range;

use crate::text::buffer::Buffer;
use crate::text::change::{Bias, ChangeSet};

/// The half-open range between `anchor` and `head`, in either direction; empty for a mere caret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Where the selection was begun.
    pub anchor: usize,
    /// Where the caret is.
    pub head: usize,
}

impl Selection {
    /// A caret at `pos` with nothing selected.
    pub fn caret(pos: usize) -> Self {
        Self { anchor: pos, head: pos }
    }

    /// A selection begun at `anchor` with the caret at `head`.
    pub fn new(anchor: usize, head: usize) -> Self {
        Self { anchor, head }
    }

    /// What is selected, in document order.
    pub fn range(&self) -> Range<usize> {
        self.anchor.min(self.head)..self.anchor.max(self.head)
    }

    /// Whether nothing is selected.
    pub fn is_caret(&self) -> bool {
        self.anchor == self.head
    }

    /// The same anchor with the caret at `pos`.
    pub fn extend_to(self, pos: usize) -> Self {
        Self { head: pos, ..self }
    }

    /// Where the selection is after `change`: a caret moves behind what is typed at it, and a range does not take in what
    /// is typed at its edges.
    pub fn map(self, change: &ChangeSet) -> Self {
        if self.is_caret() {
            return Self::caret(change.map(self.head, Bias::Right));
        }
        let range = change.map_range(self.range());
        self.with_range(range)
    }

    /// The selection widened to whole graphemes of `buffer`; a caret inside a grapheme moves before it.
    pub fn snapped(self, buffer: &Buffer) -> Self {
        if self.is_caret() {
            return Self::caret(buffer.grapheme_at_or_before(self.head));
        }
        let range = self.range();
        self.with_range(buffer.grapheme_at_or_before(range.start)..buffer.grapheme_at_or_after(range.end))
    }

    fn with_range(self, range: Range<usize>) -> Self {
        if self.anchor <= self.head { Self::new(range.start, range.end) } else { Self::new(range.end, range.start) }
    }
}

/// One selection or several, sorted, of which none overlap; one of them is the *primary*, which the window follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selections {
    list: Vec<Selection>,
    primary: usize,
}

impl Default for Selections {
    fn default() -> Self {
        Selection::default().into()
    }
}

impl From<Selection> for Selections {
    fn from(selection: Selection) -> Self {
        Self { list: vec![selection], primary: 0 }
    }
}

impl Selections {
    /// These selections, sorted. Those that overlap become one, as do a caret and what it touches; `primary` is the index of
    /// the primary one in the list as it is given. No selection at all is a caret at the start.
    pub fn new(list: Vec<Selection>, primary: usize) -> Self {
        let mut numbered: Vec<(usize, Selection)> = list.into_iter().enumerate().collect();
        numbered.sort_by_key(|(_, selection)| (selection.range().start, selection.range().end));
        let mut merged: Vec<Selection> = Vec::with_capacity(numbered.len());
        let mut at = 0;
        for (number, selection) in numbered {
            let (range, caret) = (selection.range(), selection.is_caret());
            match merged.last_mut() {
                Some(last) if touches(last, &range, caret) => {
                    let whole = last.range().start..last.range().end.max(range.end);
                    let direction = if last.is_caret() { selection } else { *last };
                    *last = direction.with_range(whole);
                }
                _ => merged.push(selection),
            }
            if number == primary {
                at = merged.len() - 1;
            }
        }
        if merged.is_empty() {
            return Self::default();
        }
        Self { list: merged, primary: at }
    }

    /// The one that the window follows.
    pub fn primary(&self) -> Selection {
        self.list[self.primary]
    }

    /// All, in the order of the document.
    pub fn all(&self) -> &[Selection] {
        &self.list
    }

    /// The index of the primary one among [`Selections::all`].
    pub fn primary_index(&self) -> usize {
        self.primary
    }

    /// Those besides the primary one.
    pub fn others(&self) -> impl Iterator<Item = Selection> + '_ {
        self.list.iter().enumerate().filter(|(i, _)| *i != self.primary).map(|(_, selection)| *selection)
    }

    /// Whether there is only one.
    pub fn is_one(&self) -> bool {
        self.list.len() == 1
    }

    /// Each changed by itself.
    pub fn each(&self, change: impl FnMut(&Selection) -> Selection) -> Self {
        Self::new(self.list.iter().map(change).collect(), self.primary)
    }

    /// Where they are after `change`.
    pub fn map(&self, change: &ChangeSet) -> Self {
        self.each(|selection| selection.map(change))
    }

    /// All of them legal for a text.
    pub fn snapped(&self, buffer: &Buffer) -> Self {
        self.each(|selection| selection.snapped(buffer))
    }
}

fn touches(last: &Selection, range: &Range<usize>, caret: bool) -> bool {
    range.start < last.range().end || range.start == last.range().end && (caret || last.is_caret())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_moves_behind_what_is_typed_at_it() {
        let change = ChangeSet::insert(5, 2, "xy");
        assert_eq!(Selection::caret(2).map(&change), Selection::caret(4));
    }

    #[test]
    fn a_range_keeps_its_direction_and_leaves_out_what_is_typed_at_its_edges() {
        let before = ChangeSet::insert(5, 1, "xy");
        let behind = ChangeSet::insert(5, 3, "xy");
        assert_eq!(Selection::new(3, 1).map(&before), Selection::new(5, 3));
        assert_eq!(Selection::new(1, 3).map(&behind), Selection::new(1, 3));
    }

    #[test]
    fn selections_are_sorted_and_those_that_meet_are_one() {
        let all = |list: &[(usize, usize)], primary| {
            let list = list.iter().map(|&(anchor, head)| Selection::new(anchor, head)).collect();
            let made = Selections::new(list, primary);
            (made.all().iter().map(|s| (s.anchor, s.head)).collect::<Vec<_>>(), made.primary_index())
        };
        assert_eq!(all(&[(5, 7), (1, 3)], 0), (vec![(1, 3), (5, 7)], 1));
        assert_eq!(all(&[(1, 4), (6, 3)], 1), (vec![(1, 6)], 0));
        assert_eq!(all(&[(1, 3), (3, 5)], 1), (vec![(1, 3), (3, 5)], 1), "neighbours stay two");
        assert_eq!(all(&[(3, 3), (5, 3)], 0), (vec![(5, 3)], 0), "a caret goes into what it touches");
        assert_eq!(all(&[(2, 2), (2, 2)], 1), (vec![(2, 2)], 0));
        assert_eq!(all(&[], 0), (vec![(0, 0)], 0));
    }

    #[test]
    fn snapping_widens_a_range_to_whole_graphemes() {
        let buffer = Buffer::from_text("e\u{301}e\u{301}e\u{301}");
        assert_eq!(Selection::new(1, 3).snapped(&buffer), Selection::new(0, 4));
        assert_eq!(Selection::new(3, 1).snapped(&buffer), Selection::new(4, 0));
        assert_eq!(Selection::caret(3).snapped(&buffer), Selection::caret(2));
        assert_eq!(Selection::caret(99).snapped(&buffer), Selection::caret(6));
    }
}
