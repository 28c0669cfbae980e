//! Token ids as text, cell by cell, without ever showing half a character.
//!
//! In byte-level vocabularies a token may end inside a character. Its bytes wait for the next token's; the character
//! shows at the token that completes it. Bytes that can never become a character are dropped.

use crate::diffusion::TokenId;
use crate::model::Tokenizer;

/// Joins the bytes of consecutive tokens into whole characters.
#[derive(Debug, Default)]
pub(crate) struct Speller {
    pending: Vec<u8>,
}

impl Speller {
    /// The characters that `bytes` complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut text = String::new();
        loop {
            match std::str::from_utf8(&self.pending) {
                Ok(whole) => {
                    text.push_str(whole);
                    self.pending.clear();
                    return text;
                }
                Err(error) => {
                    let valid = error.valid_up_to();
                    text.push_str(&String::from_utf8_lossy(&self.pending[..valid]));
                    let Some(bad) = error.error_len() else {
                        self.pending.drain(..valid);
                        return text;
                    };
                    self.pending.drain(..valid + bad);
                }
            }
        }
    }

    /// Forgets an unfinished character: the next token does not follow the last one.
    pub(crate) fn interrupt(&mut self) {
        self.pending.clear();
    }
}

/// The text of each token of one hole; `None` is a position without a token. What the hole took in of the text before and
/// after it is left out: `before` at the start of its first tokens, `after` at the end of its last.
pub(crate) fn spell(tokenizer: &Tokenizer, ids: &[Option<TokenId>], before: &[u8], after: &[u8]) -> Vec<String> {
    let mut pieces: Vec<Option<&[u8]>> = ids.iter().map(|id| id.map(|id| tokenizer.bytes(id))).collect();
    take_off(&mut pieces, before, after);
    let mut speller = Speller::default();
    let spelled = |piece: Option<&[u8]>| {
        if piece.is_none() {
            speller.interrupt();
        }
        speller.push(piece.unwrap_or_default())
    };
    pieces.into_iter().map(spelled).collect()
}

/// Takes bytes off both ends, as far as they are there and no piece is missing in between. What begins or ends otherwise
/// is left as it is.
fn take_off(pieces: &mut [Option<&[u8]>], mut before: &[u8], mut after: &[u8]) {
    let whole = pieces.to_vec();
    for piece in pieces.iter_mut().map_while(Option::as_mut) {
        let taken = piece.iter().zip(before).take_while(|(a, b)| a == b).count();
        (*piece, before) = (&piece[taken..], &before[taken..]);
        if before.is_empty() || !piece.is_empty() {
            break;
        }
    }
    let missing = |pieces: &[Option<&[u8]>]| pieces.iter().any(Option::is_none);
    if !before.is_empty() && !missing(&whole) {
        pieces.copy_from_slice(&whole);
    }
    let whole = pieces.to_vec();
    for piece in pieces.iter_mut().rev().map_while(Option::as_mut) {
        let taken = piece.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| a == b).count();
        (*piece, after) = (&piece[..piece.len() - taken], &after[..after.len() - taken]);
        if after.is_empty() || !piece.is_empty() {
            break;
        }
    }
    if !after.is_empty() && !missing(&whole) {
        pieces.copy_from_slice(&whole);
    }
}

#[cfg(test)]
mod tests {
    use super::{Speller, take_off};

    #[test]
    fn characters_wait_for_their_last_byte() {
        let mut speller = Speller::default();
        assert_eq!(speller.push(b"a\xe2\x82"), "a");
        assert_eq!(speller.push(b"\xacb"), "€b");
    }

    #[test]
    fn bytes_that_cannot_become_a_character_are_dropped() {
        let mut speller = Speller::default();
        assert_eq!(speller.push(b"\xff\xe2x"), "x");
        assert_eq!(speller.push(b"\xe2"), "");
        speller.interrupt();
        assert_eq!(speller.push(b"y"), "y");
    }

    #[test]
    fn what_a_hole_took_in_is_taken_off_as_far_as_it_is_there() {
        let check = |pieces: &[Option<&str>], before: &str, after: &str, left: &[&str]| {
            let mut pieces: Vec<Option<&[u8]>> = pieces.iter().map(|piece| piece.map(str::as_bytes)).collect();
            take_off(&mut pieces, before.as_bytes(), after.as_bytes());
            let text = |piece: Option<&[u8]>| String::from_utf8_lossy(piece.unwrap_or(b"_")).into_owned();
            assert_eq!(pieces.into_iter().map(text).collect::<Vec<_>>(), left);
        };
        check(&[Some(" capital")], " capi", "l", &["ta"]);
        check(&[Some(" cap"), Some("ital")], " capi", "l", &["", "ta"]);
        check(&[Some(" cap"), None, Some("al")], " capi", "l", &["", "_", "a"]);
        check(&[None, Some("l")], " c", "al", &["_", ""]);
        check(&[Some("other")], " c", "xr", &["other"]);
    }
}
