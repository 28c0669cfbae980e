//! Where a text may be cut so that both sides keep their own tokens, whatever comes between them.
//!
//! A tokeniser first cuts a text into pieces and never joins tokens across them. Where the pieces lie depends on what
//! stands next to them: after `capi` a letter makes the piece longer, after `foo` a space begins a new one. So a cut is safe
//! when it is one beside every kind of character, which is tried (`reference/decoding.md` 4.5). Unit: bytes.

use tokenizers::tokenizer::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer};
use tokenizers::{NormalizedString, Normalizer, PreTokenizerWrapper};

use super::Tokenizer;

/// One of each kind that pre-tokenisers tell apart: letters (those of English contractions among them), digits, signs,
/// blanks, line breaks, marks that combine with what is before.
const NEIGHBOURS: [&str; 9] = ["a", "s", "É", "1", ".", "(", " ", "\n", "\u{301}"];

/// Pieces are looked for so far from an edge; in text without any blank the cut is where it was asked for.
const REACH: usize = 256;

impl Tokenizer {
    /// How many of the last bytes of a text may share a token with what follows it; the rest of the text has the same
    /// tokens whatever follows.
    pub fn open_end(&self, text: &str) -> usize {
        let far = text.len().saturating_sub(REACH);
        let start = (far..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        let tail = &text[start..];
        let cuts = |next: &str| -> Vec<usize> {
            let cuts = self.cuts(&format!("{tail}{next}"));
            cuts.into_iter().filter(|cut| *cut <= tail.len()).collect()
        };
        let safe = common(cuts);
        // Pieces nest: the last cut that all agree on has the same pieces before it.
        safe.last().map_or(0, |cut| tail.len() - cut)
    }

    /// How many of the first bytes of a text may share a token with what is before it.
    pub fn open_start(&self, text: &str) -> usize {
        let end = (0..=text.len().min(REACH)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let head = &text[..end];
        let cuts = |before: &str| -> Vec<usize> {
            let cuts = self.cuts(&format!("{before}{head}"));
            cuts.into_iter().filter_map(|cut| cut.checked_sub(before.len())).collect()
        };
        // The end of what was looked at is no cut, unless it is the end of the text.
        let safe = common(cuts);
        safe.first().copied().filter(|cut| *cut < head.len() || head.len() == text.len()).unwrap_or(0)
    }

    /// Where pieces of a text begin and end, ascending.
    fn cuts(&self, text: &str) -> Vec<usize> {
        let mut cuts = self.pieces(text).unwrap_or_else(|| before_spaces(text));
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        cuts.dedup();
        cuts
    }

    /// The same as the tokeniser sees it; none where it has no pieces of its own.
    fn pieces(&self, text: &str) -> Option<Vec<usize>> {
        let cutter = self.inner.get_pre_tokenizer()?;
        if !splits(cutter) {
            return None;
        }
        let mut normalized = NormalizedString::from(text);
        if let Some(normalizer) = self.inner.get_normalizer() {
            normalizer.normalize(&mut normalized).ok()?;
        }
        let mut pieces = PreTokenizedString::from(normalized);
        cutter.pre_tokenize(&mut pieces).ok()?;
        let splits = pieces.get_splits(OffsetReferential::Original, OffsetType::Byte);
        Some(splits.into_iter().flat_map(|(_, (start, end), _)| [start, end]).collect())
    }
}

/// Whether a pre-tokeniser cuts at all: SentencePiece's often only marks the spaces.
fn splits(cutter: &PreTokenizerWrapper) -> bool {
    match cutter {
        PreTokenizerWrapper::Metaspace(metaspace) => metaspace.get_split(),
        PreTokenizerWrapper::ByteLevel(byte_level) => byte_level.use_regex,
        PreTokenizerWrapper::Sequence(sequence) => sequence.as_ref().iter().any(splits),
        _ => true,
    }
}

/// SentencePiece's vocabularies keep a word's space in front of it and have no token with a space inside.
fn before_spaces(text: &str) -> Vec<usize> {
    let begins = |(at, c): (usize, char)| c == ' ' && !text[..at].ends_with(' ');
    text.char_indices().filter(|found| begins(*found)).map(|(at, _)| at).collect()
}

/// The cuts that are there beside every neighbour.
fn common(cuts: impl Fn(&str) -> Vec<usize>) -> Vec<usize> {
    let mut neighbours = NEIGHBOURS.into_iter();
    let first = neighbours.next().map(&cuts).unwrap_or_default();
    neighbours.fold(first, |mut common, neighbour| {
        let cuts = cuts(neighbour);
        common.retain(|cut| cuts.binary_search(cut).is_ok());
        common
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn default() -> Tokenizer {
        Tokenizer::from_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/lacuna-135m/tokenizer.json")).unwrap()
    }

    #[test]
    fn a_text_is_open_as_far_as_its_last_piece() {
        let tokenizer = default();
        let open = |text: &'static str| &text[text.len() - tokenizer.open_end(text)..];
        assert_eq!(open("The capi"), " capi");
        assert_eq!(open("France is "), " ");
        assert_eq!(open("if x:\n    "), "\n    ");
        assert_eq!(open("print("), "(");
        assert_eq!(open("it's"), "");
        assert_eq!(open(""), "");
    }

    #[test]
    fn a_text_is_open_as_far_as_its_first_piece() {
        let tokenizer = default();
        let open = |text: &'static str| &text[..tokenizer.open_start(text)];
        assert_eq!(open("l of France"), "l");
        assert_eq!(open(" over there"), "");
        assert_eq!(open("). Then"), ").");
        assert_eq!(open("\n    return"), "\n   ");
        assert_eq!(open("tal"), "tal");
    }

    #[test]
    fn vocabularies_without_pieces_are_cut_before_spaces() {
        assert_eq!(before_spaces("one  two three"), [3, 8]);
    }
}
