//! The edges of a hole: what the hole takes in of the text on both sides, so that all that stays outside keeps its tokens.
//!
//! A hole may begin and end anywhere. It is extended to where the tokeniser surely cuts; the bytes taken in must be there
//! again when it is filled, and are taken off before anything is shown (`reference/decoding.md` 4.5). Their own tokens
//! *stand* in the hole as context, never to change, unless a word goes on across the edge: then the hole's tokens spell
//! them too, `capi` and `tal` as one ` capital`. Unit: bytes of text, tokens of the hole.

use std::ops::Range;
use std::sync::Arc;

use crate::diffusion::TokenId;
use crate::diffusion::constraint::ConstraintError;
use crate::diffusion::constraint::dfa::Dfa;
use crate::diffusion::constraint::language::LONGEST_AFTER;
use crate::model::{ModelError, Tokenizer};

/// After these no token goes on backwards across the edge often enough to ask the model.
const ENDS: [char; 6] = ['.', ',', ';', ':', '!', '?'];

/// One side of a hole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Edge {
    /// What the hole took in.
    pub(crate) bytes: Vec<u8>,
    /// Tokens of it that stand in the hole and stay.
    pub(crate) standing: Vec<TokenId>,
    /// Whether a token may go on across the edge, so that the model is to be asked.
    pub(crate) doubtful: bool,
}

impl Edge {
    /// The edge where the text before a hole ends.
    pub(crate) fn before(tokenizer: &Tokenizer, text: &[u8]) -> Result<Self, ModelError> {
        let (whole, half) = at_last_character(text);
        let open = tokenizer.open_end(whole);
        let bytes = text[whole.len() - open..].to_vec();
        if !half.is_empty() {
            return Ok(Self { bytes, ..Self::default() });
        }
        let taken = &whole[whole.len() - open..];
        // The space before a word is its first token's.
        let inner = taken.strip_suffix(' ').unwrap_or(taken);
        let standing = tokenizer.encode_inside(inner)?;
        if !tokenizer.spell(&standing, 0, inner) {
            // Of a tokenizer that changes texts, or leaves blanks out, only the word's blank is surely spelled.
            return Ok(Self { bytes: taken.as_bytes()[inner.len()..].to_vec(), ..Self::default() });
        }
        // A line break is often one token with the indentation behind it.
        let doubtful = taken.chars().next_back().is_some_and(|last| !last.is_whitespace() || last == '\n');
        Ok(Self { bytes, standing, doubtful })
    }

    /// The edge where the text after a hole begins.
    pub(crate) fn after(tokenizer: &Tokenizer, text: &[u8]) -> Result<Self, ModelError> {
        let half = text.iter().take(3).take_while(|byte| (0x80..0xC0).contains(*byte)).count();
        let whole = at_last_character(&text[half..]).0;
        let mut open = tokenizer.open_start(whole);
        if half + open > LONGEST_AFTER {
            open = 0;
        }
        let bytes = text[..half + open].to_vec();
        if half > 0 {
            return Ok(Self { bytes, ..Self::default() });
        }
        let taken = &whole[..open];
        let standing = tokenizer.encode_inside(taken)?;
        if !tokenizer.spell(&standing, 0, taken) {
            return Ok(Self::default());
        }
        let doubtful = taken.chars().next().is_some_and(|first| !first.is_whitespace() && !ENDS.contains(&first));
        Ok(Self { bytes, standing, doubtful })
    }

    /// From now on the hole's own tokens spell what it took in.
    pub(crate) fn open(&mut self) {
        self.standing.clear();
        self.doubtful = false;
    }

    /// Whether tokens of the hole spell some of the bytes.
    pub(crate) fn is_open(&self) -> bool {
        self.standing.is_empty() && !self.bytes.is_empty()
    }

    /// Whether the edge is in the middle of a word, as far as this side shows.
    pub(crate) fn is_in_word(&self, left: bool) -> bool {
        let text = String::from_utf8_lossy(&self.bytes);
        let nearest = if left { text.chars().next_back() } else { text.chars().next() };
        nearest.is_some_and(char::is_alphanumeric)
    }

    /// Bytes that the hole's own tokens spell beyond those that stand.
    fn spelled(&self, tokenizer: &Tokenizer) -> usize {
        let standing: usize = self.standing.iter().map(|id| tokenizer.bytes(*id).len()).sum();
        self.bytes.len().saturating_sub(standing)
    }

    /// The end of the bytes taken in, as far as it does not stand: what is taken off a left edge's first tokens.
    pub(crate) fn left_spelled(&self, tokenizer: &Tokenizer) -> &[u8] {
        &self.bytes[self.bytes.len() - self.spelled(tokenizer)..]
    }

    /// The beginning of the bytes taken in, as far as it does not stand: what is taken off a right edge's last tokens.
    pub(crate) fn right_spelled(&self, tokenizer: &Tokenizer) -> &[u8] {
        &self.bytes[..self.spelled(tokenizer)]
    }
}

/// Shares the tokens of `left + text + right` out: those that lie in one of the edges stand there, the rest is the hole's.
pub(crate) fn share_out(
    tokenizer: &Tokenizer,
    left: &mut Edge,
    text: &str,
    right: &mut Edge,
) -> Result<Vec<TokenId>, ModelError> {
    let all = [&left.bytes, text.as_bytes(), &right.bytes].concat();
    let ids = tokenizer.encode_inside(&String::from_utf8_lossy(&all))?;
    let lengths = |id: &TokenId| tokenizer.bytes(*id).len();
    // A space at the end of the left edge is the first word's.
    let reach = left.bytes.len() - usize::from(left.bytes.ends_with(b" "));
    let before = standing(ids.iter().map(lengths), reach);
    let after = standing(ids[before..].iter().rev().map(lengths), right.bytes.len());
    let own: Range<usize> = before..ids.len() - after;
    left.standing = ids[..own.start].to_vec();
    right.standing = ids[own.end..].to_vec();
    (left.doubtful, right.doubtful) = (false, false);
    Ok(ids[own].to_vec())
}

/// How many of these lengths fit into a reach.
fn standing(lengths: impl Iterator<Item = usize>, reach: usize) -> usize {
    let ends = lengths.scan(0, |end, length| {
        *end += length;
        Some(*end)
    });
    ends.take_while(|end| *end <= reach).count()
}

/// What a hole's own text must be like for the sake of its place.
///
/// Inside a line there is no line break, and no blank beside another; after a space there is a word; before the mark that
/// ends a clause stands no other such mark, and no blank.
pub(crate) fn body(before: &str, after: &str, inline: bool) -> Result<Arc<Dfa>, ConstraintError> {
    let (blank_before, blank_after) = (before.ends_with(char::is_whitespace), after.starts_with(char::is_whitespace));
    const BLANK: &str = r"[^\S\r\n]";
    let pattern = match (inline, before.ends_with(' ')) {
        (true, _) => {
            let lead = if blank_before { String::new() } else { format!("{BLANK}?") };
            let marks = marks_before(after);
            let trail = if blank_after || !marks.is_empty() { String::new() } else { format!("{BLANK}?") };
            format!(r"{lead}(?:\S+{BLANK})*\S*[^\s{marks}]{trail}")
        }
        (false, true) => r"\S(?s:.*)".to_owned(),
        (false, false) => return Ok(Arc::new(Dfa::something())),
    };
    Dfa::regex(&pattern).map(Arc::new)
}

/// The marks that cannot stand right before a text, as that begins with a mark that ends a clause; else none. A mark with a
/// letter or another mark behind it is code (`.iter()`, `..`). Before a comma an abbreviation keeps its dot, and code its
/// operators (`get()?;`).
fn marks_before(text: &str) -> &'static str {
    let mut characters = text.chars();
    let (first, second) = (characters.next(), characters.next());
    match first {
        _ if second.is_some_and(|next| next.is_alphanumeric() || ENDS.contains(&next)) => "",
        Some('.' | '!' | '?') => ".,;:!?",
        Some(',' | ';' | ':') => ",;:",
        _ => "",
    }
}

/// The blanks that the last line of a text begins with.
pub(crate) fn indent(text: &str) -> &str {
    let line = text.rsplit('\n').next().unwrap_or_default();
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// The text as far as its last whole character, and the bytes of one that is not.
fn at_last_character(text: &[u8]) -> (&str, &[u8]) {
    match std::str::from_utf8(text) {
        Ok(whole) => (whole, &[]),
        Err(error) => {
            let (whole, half) = text.split_at(error.valid_up_to());
            (std::str::from_utf8(whole).unwrap_or_default(), half)
        }
    }
}

#[cfg(test)]
mod tests;
