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

/// The text of each token of one hole; `None` is a position without a token. With `strip_space`, the space that the
/// first token brings because the one before the hole was taken into it is left out.
pub(crate) fn spell(tokenizer: &Tokenizer, ids: &[Option<TokenId>], strip_space: bool) -> Vec<String> {
    let mut speller = Speller::default();
    let mut texts = Vec::with_capacity(ids.len());
    for (index, id) in ids.iter().enumerate() {
        let Some(id) = id else {
            speller.interrupt();
            texts.push(String::new());
            continue;
        };
        let bytes = tokenizer.bytes(*id);
        let bytes = if index == 0 && strip_space { bytes.strip_prefix(b" ").unwrap_or(bytes) } else { bytes };
        texts.push(speller.push(bytes));
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::Speller;

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
}
