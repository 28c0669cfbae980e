//! Word by word and line by line, what of one text another does not have.

use std::ops::Range;
use std::time::Duration;

use similar::{Algorithm, DiffTag, TextDiff, capture_diff_slices};
use unicode_segmentation::UnicodeSegmentation;

use crate::text::change::Edit;

/// Stands where words of the other text are missing.
pub const MISSING: &str = "‸";

/// A stretch of a text, and whether it is only there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The words.
    pub text: String,
    /// They are not in the other text at this place.
    pub differs: bool,
}

/// Where two texts differ, word by word, in order: characters of the one and of the other that stand there instead. A place
/// where the other has nothing takes a character in that both have, if there is one.
pub fn changes(old: &str, new: &str) -> Vec<(Range<usize>, Range<usize>)> {
    let words = |text| UnicodeSegmentation::split_word_bounds(text).collect::<Vec<&str>>();
    let (old_words, new_words) = (words(old), words(new));
    let length = |words: &[&str]| words.iter().map(|word| word.chars().count()).sum::<usize>();
    let (mut before, mut after) = (0, 0);
    let mut changes: Vec<(Range<usize>, Range<usize>)> = Vec::new();
    for op in capture_diff_slices(Algorithm::Patience, &old_words, &new_words) {
        let (tag, gone, come) = op.as_tag_tuple();
        let (from, to) = ((before, after), (before + length(&old_words[gone]), after + length(&new_words[come])));
        (before, after) = to;
        if tag == DiffTag::Equal {
            continue;
        }
        match changes.last_mut() {
            Some((old, new)) if (old.end, new.end) == from => (old.end, new.end) = to,
            _ => changes.push((from.0..to.0, from.1..to.1)),
        }
    }
    let end = new.chars().count();
    for (old, new) in changes.iter_mut().filter(|(_, new)| new.is_empty()) {
        if new.end < end {
            (old.end, new.end) = (old.end + 1, new.end + 1);
        } else if new.start > 0 {
            (old.start, new.start) = (old.start - 1, new.start - 1);
        }
    }
    // Two places may have taken the same character.
    changes.dedup_by(|next, last| {
        let overlap = next.1.start < last.1.end;
        if overlap {
            (last.0.end, last.1.end) = (next.0.end, next.1.end);
        }
        overlap
    });
    changes
}

/// The words of `text` in order, those marked that `other` does not have there. [`MISSING`] is put where `other` has more.
pub fn against(other: &str, text: &str) -> Vec<Piece> {
    let words = |text| UnicodeSegmentation::split_word_bounds(text).collect::<Vec<&str>>();
    let (old, new) = (words(other), words(text));
    let mut pieces: Vec<Piece> = Vec::new();
    for op in capture_diff_slices(Algorithm::Patience, &old, &new) {
        let (tag, _, range) = op.as_tag_tuple();
        let (text, differs) = match tag {
            DiffTag::Equal => (new[range].concat(), false),
            DiffTag::Insert | DiffTag::Replace => (new[range].concat(), true),
            DiffTag::Delete => (MISSING.to_owned(), true),
        };
        match pieces.last_mut() {
            Some(last) if last.differs == differs => last.text += &text,
            _ => pieces.push(Piece { text, differs }),
        }
    }
    pieces
}

/// For so long the fewest lines that differ are looked for; then more of them than need be are taken to differ.
const PATIENCE: Duration = Duration::from_millis(500);

fn by_lines<'a>(old: &'a str, new: &'a str) -> TextDiff<'a, 'a, str> {
    TextDiff::configure().timeout(PATIENCE).diff_lines(old, new)
}

/// The edits that make one text the other, by lines.
pub fn line_edits(old: &str, new: &str) -> Vec<Edit> {
    let diff = by_lines(old, new);
    let (mut gone, mut come) = (diff.iter_old_slices(), diff.iter_new_slices());
    let mut at = 0;
    let mut edits = Vec::new();
    for op in diff.ops() {
        let (tag, old, new) = op.as_tag_tuple();
        let start = at;
        at += gone.by_ref().take(old.len()).map(|line| line.chars().count()).sum::<usize>();
        let text: String = come.by_ref().take(new.len()).collect();
        if tag != DiffTag::Equal {
            edits.push(Edit { range: start..at, text });
        }
    }
    edits
}

/// How one text became the other, as a unified diff with three lines around each change. Each comes with its name.
pub fn unified(old: (&str, &str), new: (&str, &str)) -> String {
    by_lines(old.1, new.1).unified_diff().header(old.0, new.0).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::buffer::Buffer;
    use crate::text::change::ChangeSet;
    use proptest::prelude::*;

    fn drawn(other: &str, text: &str) -> String {
        let piece = |piece: &Piece| if piece.differs { format!("[{}]", piece.text) } else { piece.text.clone() };
        against(other, text).iter().map(piece).collect()
    }

    #[test]
    fn words_that_differ_are_marked_whole() {
        assert_eq!(drawn("the old boat", "the new boat"), "the [new] boat");
        assert_eq!(drawn("the boat", "the old boat"), "the [old ]boat");
        assert_eq!(drawn("the old boat", "the boat"), "the [‸]boat");
        assert_eq!(drawn("same", "same"), "same");
        assert_eq!(drawn("", "all new"), "[all new]");
        assert_eq!(drawn("Häuser am See", "Häuser am Meer"), "Häuser am [Meer]");
    }

    #[test]
    fn lines_that_differ_stand_in_a_unified_diff() {
        let told = unified(("a on disk", "one\ntwo\nthree\n"), ("a here", "one\nzwei\nthree"));
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines[..2], ["--- a on disk", "+++ a here"]);
        assert_eq!(lines[3..7], [" one", "-two", "-three", "+zwei"]);
        assert_eq!(unified(("a", "x"), ("b", "x")), "");
    }

    proptest! {
        #[test]
        fn edits_by_lines_lead_to_the_other_text(a in "[abé\r\n]{0,16}", b in "[abé\r\n]{0,16}") {
            let mut buffer = Buffer::from_text(&a);
            buffer.apply(&ChangeSet::new(buffer.len(), line_edits(&a, &b))).unwrap();
            prop_assert_eq!(buffer.text(), b);
        }

        #[test]
        fn putting_back_what_changed_gives_the_old_text(a in "[ab é]{0,12}", b in "[ab é]{0,12}") {
            let old: Vec<char> = a.chars().collect();
            let mut text: Vec<char> = b.chars().collect();
            let changes = changes(&a, &b);
            prop_assert!(changes.windows(2).all(|two| two[0].1.end <= two[1].1.start), "{changes:?}");
            prop_assert!(b.is_empty() || changes.iter().all(|(_, new)| !new.is_empty()), "{changes:?}");
            for (before, after) in changes.into_iter().rev() {
                text.splice(after, old[before].iter().copied());
            }
            prop_assert_eq!(text, old);
        }

        #[test]
        fn nothing_of_the_text_is_lost_and_what_is_not_marked_is_in_both(a in "[ab ]{0,12}", b in "[ab ]{0,12}") {
            let pieces = against(&a, &b);
            let whole: String = pieces.iter().map(|piece| piece.text.replace(MISSING, "")).collect();
            prop_assert_eq!(&whole, &b);
            let same: String = pieces.iter().filter(|piece| !piece.differs).map(|piece| piece.text.as_str()).collect();
            let mut chars = a.chars();
            prop_assert!(same.chars().all(|c| chars.any(|other| other == c)), "{same} is not in {a}");
        }
    }
}
