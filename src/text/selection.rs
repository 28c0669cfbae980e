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
    fn snapping_widens_a_range_to_whole_graphemes() {
        let buffer = Buffer::from_text("e\u{301}e\u{301}e\u{301}");
        assert_eq!(Selection::new(1, 3).snapped(&buffer), Selection::new(0, 4));
        assert_eq!(Selection::new(3, 1).snapped(&buffer), Selection::new(4, 0));
        assert_eq!(Selection::caret(3).snapped(&buffer), Selection::caret(2));
        assert_eq!(Selection::caret(99).snapped(&buffer), Selection::caret(6));
    }
}
