//! Word by word, what of one text another does not have.

use similar::{Algorithm, DiffTag, capture_diff_slices};
use unicode_segmentation::UnicodeSegmentation;

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

#[cfg(test)]
mod tests {
    use super::*;
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

    proptest! {
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
