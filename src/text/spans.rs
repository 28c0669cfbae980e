//! Stretches of a document that something is known of, carried through edits.
//!
//! Positions are `char` indices. [`Spans`] are sorted, disjoint and never empty; two may touch. What is typed inside a
//! span belongs to nobody, so it divides the span; what is typed at an edge stays outside. Unlike
//! [`crate::text::holes::Holes`], a span without text is gone.

use std::ops::Range;

use crate::text::change::ChangeSet;

/// A stretch and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span<T> {
    /// Which characters.
    pub range: Range<usize>,
    /// What is known.
    pub value: T,
}

/// Spans of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spans<T> {
    list: Vec<Span<T>>,
}

impl<T> Default for Spans<T> {
    fn default() -> Self {
        Self { list: Vec::new() }
    }
}

impl<'a, T: Clone> IntoIterator for &'a Spans<T> {
    type Item = &'a Span<T>;
    type IntoIter = std::slice::Iter<'a, Span<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Clone> Spans<T> {
    /// The spans in document order.
    pub fn iter(&self) -> std::slice::Iter<'_, Span<T>> {
        self.list.iter()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The span of the character behind a position.
    pub fn at(&self, pos: usize) -> Option<&Span<T>> {
        self.list.get(self.first_behind(pos)).filter(|span| span.range.start <= pos)
    }

    /// The spans that share a character with `range`.
    pub fn in_range(&self, range: Range<usize>) -> &[Span<T>] {
        let first = self.first_behind(range.start);
        let end = self.list.partition_point(|span| span.range.start < range.end).max(first);
        &self.list[first..end]
    }

    /// The stretches of `range` that no span covers.
    pub fn gaps(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let mut gaps = Vec::new();
        let mut at = range.start;
        for span in self.in_range(range.clone()) {
            if at < span.range.start {
                gaps.push(at..span.range.start);
            }
            at = span.range.end;
        }
        if at < range.end {
            gaps.push(at..range.end);
        }
        gaps
    }

    /// Says something of `range`, instead of what was known of it; an empty one says nothing.
    pub fn set(&mut self, range: Range<usize>, value: T) {
        if range.is_empty() {
            return;
        }
        self.cut(range.clone());
        let at = self.first_behind(range.start);
        self.list.insert(at, Span { range, value });
    }

    /// Forgets what is known of `range`; spans that reach beyond it keep their rest.
    pub fn cut(&mut self, range: Range<usize>) {
        let first = self.first_behind(range.start);
        let touched = self.in_range(range.clone());
        if touched.is_empty() || range.is_empty() {
            return;
        }
        let count = touched.len();
        let (left, right) = (touched[0].clone(), touched[count - 1].clone());
        let before = Span { range: left.range.start..range.start.min(left.range.end), value: left.value };
        let behind = Span { range: range.end.max(right.range.start)..right.range.end, value: right.value };
        let rest = [before, behind].into_iter().filter(|span| !span.range.is_empty());
        self.list.splice(first..first + count, rest);
    }

    /// Keeps those spans of which this holds.
    pub fn retain(&mut self, keep: impl FnMut(&Span<T>) -> bool) {
        self.list.retain(keep);
    }

    /// Says something else of every span, each by itself.
    pub fn update(&mut self, change: impl FnMut(&mut T)) {
        self.list.iter_mut().map(|span| &mut span.value).for_each(change);
    }

    /// The spans from which a change takes a character away or that it divides, so that its inverse does not bring all
    /// back.
    pub fn hurt_by(&self, change: &ChangeSet) -> impl Iterator<Item = &Span<T>> {
        change.edits().iter().flat_map(|edit| {
            let Range { start, end } = edit.range;
            let spans = if start < end { self.in_range(start..end) } else { self.in_range(start..start + 1) };
            spans.iter().filter(move |span| start < end || span.range.start < start)
        })
    }

    /// Carries the spans through `change`. Cost: the spans behind its first edit.
    pub fn map(&mut self, change: &ChangeSet) {
        let Some(first) = change.edits().first() else { return };
        let from = self.list.partition_point(|span| span.range.end <= first.range.start);
        let later = self.list.split_off(from);
        for Span { range, value } in later {
            let edits = change.edits();
            let mut at = range.start;
            let inside = edits.partition_point(|edit| edit.range.end <= range.start && edit.range.start < range.start);
            for edit in edits[inside..].iter().take_while(|edit| edit.range.start < range.end) {
                self.push(change, at..edit.range.start.max(at), &value);
                at = edit.range.end.max(at);
            }
            self.push(change, at..range.end, &value);
        }
    }

    fn push(&mut self, change: &ChangeSet, piece: Range<usize>, value: &T) {
        if piece.start < piece.end {
            self.list.push(Span { range: change.map_range(piece), value: value.clone() });
        }
    }

    /// The first span that ends behind a position.
    fn first_behind(&self, pos: usize) -> usize {
        self.list.partition_point(|span| span.range.end <= pos)
    }
}

impl<T: Clone + PartialEq> Spans<T> {
    /// Makes one of spans that touch and of which the same is known.
    pub fn merge(&mut self) {
        self.list.dedup_by(|next, last| {
            let joins = last.range.end == next.range.start && last.value == next.value;
            if joins {
                last.range.end = next.range.end;
            }
            joins
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::change::Edit;

    /// A document drawn with a letter for what is known of each character, `.` for nothing.
    fn drawn(spans: &Spans<char>, len: usize) -> String {
        let list: Vec<_> = spans.iter().collect();
        for pair in list.windows(2) {
            assert!(pair[0].range.end <= pair[1].range.start, "{list:?}");
        }
        assert!(list.iter().all(|span| span.range.start < span.range.end && span.range.end <= len), "{list:?}");
        (0..len).map(|pos| spans.at(pos).map_or('.', |span| span.value)).collect()
    }

    fn spans(drawing: &str) -> Spans<char> {
        let mut spans = Spans::default();
        for (at, c) in drawing.chars().enumerate().filter(|(_, c)| *c != '.') {
            spans.set(at..at + 1, c);
        }
        spans.merge();
        spans
    }

    #[test]
    fn what_is_said_last_counts_and_what_reaches_beyond_keeps_its_rest() {
        let mut known = spans("aaaa.bb");
        known.set(2..6, 'c');
        assert_eq!(drawn(&known, 7), "aaccccb");
        known.cut(1..3);
        assert_eq!(drawn(&known, 7), "a..cccb");
        known.cut(4..5);
        assert_eq!((drawn(&known, 7).as_str(), known.iter().count()), ("a..c.cb", 4));
        assert_eq!(known.gaps(0..9), [1..3, 4..5, 7..9]);
        assert_eq!(known.in_range(3..5).len(), 1);
        assert_eq!(known.gaps(5..6).len() + known.in_range(4..5).len(), 0);
    }

    #[test]
    fn typing_inside_divides_and_typing_at_an_edge_stays_outside() {
        let mapped = |drawing: &str, change: ChangeSet| {
            let mut known = spans(drawing);
            known.map(&change);
            drawn(&known, change.len_after())
        };
        assert_eq!(mapped(".aa.", ChangeSet::insert(4, 2, "x")), ".a.a.");
        assert_eq!(mapped(".aab", ChangeSet::insert(4, 1, "x")), "..aab");
        assert_eq!(mapped(".aab", ChangeSet::insert(4, 3, "x")), ".aa.b");
        assert_eq!(mapped(".aab", ChangeSet::delete(4, 1..3)), ".b");
        assert_eq!(mapped("aaabbb", ChangeSet::replace(6, 2..4, "x")), "aa.bb");
    }

    proptest! {
        #[test]
        fn what_is_not_hurt_comes_back_with_the_inverse(
            drawing in "[ab.]{0,12}", edits in prop::collection::vec((0..13_usize, 0..4_usize, "x{0,2}"), 0..4)
        ) {
            let len = drawing.len();
            let edits = edits.into_iter().map(|(at, n, text)| Edit { range: at..at + n, text }).collect();
            let change = ChangeSet::new(len, edits);
            let inverse = crate::text::buffer::Buffer::from_text(&drawing).apply(&change).unwrap();
            let known = spans(&drawing);
            let mut mapped = known.clone();
            mapped.map(&change);
            mapped.map(&inverse);
            prop_assert!(known.hurt_by(&change).next().is_some() || mapped == known);
        }

        /// The oracle carries a letter for each character.
        #[test]
        fn every_character_keeps_what_is_known_of_it(
            drawing in "[ab.]{0,12}", edits in prop::collection::vec((0..13_usize, 0..4_usize, "x{0,2}"), 0..4)
        ) {
            let len = drawing.len();
            let edits = edits.into_iter().map(|(at, n, text)| Edit { range: at..at + n, text }).collect();
            let change = ChangeSet::new(len, edits);
            let mut chars: Vec<char> = drawing.chars().collect();
            for edit in change.edits().iter().rev() {
                chars.splice(edit.range.clone(), edit.text.chars().map(|_| '.'));
            }
            let mut known = spans(&drawing);
            known.map(&change);
            prop_assert_eq!(drawn(&known, change.len_after()), chars.into_iter().collect::<String>());
        }
    }
}
