//! The texts that a hole may hold together with the bytes that it took in on either side: `before BODY after`, in whole
//! characters.
//!
//! A hole that begins or ends inside a word is extended to where the tokeniser could have cut, and its text must then
//! begin and end with the bytes that were there (`reference/decoding.md` 4.5). Where `after` begins cannot be told until
//! the end, so all places where it may have begun are followed at once, one bit each (Baeza-Yates and Gonnet's shift-and).
//! Limit: [`LONGEST_AFTER`] bytes after.

use std::sync::Arc;

use super::dfa::{DEAD, Dfa, State};

/// The longest `after`: a bit for each of its bytes, and one for none of them.
pub const LONGEST_AFTER: usize = 63;

/// `before BODY after`.
#[derive(Debug, Clone)]
pub struct Language {
    before: Vec<u8>,
    body: Arc<Dfa>,
    utf8: Dfa,
    /// `ends[byte]`: bit `k` is set where byte `k - 1` of `after` is that byte.
    ends: Box<[u64; 256]>,
    after: usize,
}

/// How far a text has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// Bytes of `before` that were read.
    begun: u32,
    utf8: State,
    body: State,
    /// Bit `k`: the last `k` bytes are the first of `after`, and the body ended before them.
    tail: u64,
}

impl Language {
    /// The texts `before BODY after` with `BODY` in the given set. `after` is cut to [`LONGEST_AFTER`] bytes.
    pub fn new(before: &[u8], body: Arc<Dfa>, after: &[u8]) -> Self {
        let after = &after[..after.len().min(LONGEST_AFTER)];
        let mut ends = Box::new([0; 256]);
        for (index, byte) in after.iter().enumerate() {
            ends[usize::from(*byte)] |= 1 << (index + 1);
        }
        Self { before: before.to_vec(), body, utf8: Dfa::utf8(), ends, after: after.len() }
    }

    /// Before the first byte.
    pub fn start(&self) -> Spot {
        Spot { begun: 0, utf8: self.utf8.start(), body: self.body.start(), tail: 0 }
    }

    /// After one more byte; none where it may not stand.
    pub fn step(&self, spot: Spot, byte: u8) -> Option<Spot> {
        let utf8 = self.utf8.step(spot.utf8, byte);
        if utf8 == DEAD {
            return None;
        }
        if let Some(expected) = self.before.get(spot.begun as usize) {
            return (*expected == byte).then_some(Spot { begun: spot.begun + 1, utf8, ..spot });
        }
        let ended = u64::from(self.body.accepts(spot.body));
        let tail = ((spot.tail | ended) << 1) & self.ends[usize::from(byte)];
        let body = self.body.step(spot.body, byte);
        (body != DEAD || tail != 0).then_some(Spot { utf8, body, tail, ..spot })
    }

    /// After more bytes.
    pub fn walk(&self, spot: Spot, bytes: &[u8]) -> Option<Spot> {
        bytes.iter().try_fold(spot, |spot, byte| self.step(spot, *byte))
    }

    /// Whether the text may end here.
    pub fn accepts(&self, spot: Spot) -> bool {
        let ended = if self.after == 0 { self.body.accepts(spot.body) } else { spot.tail >> self.after & 1 == 1 };
        ended && spot.begun as usize == self.before.len() && self.utf8.accepts(spot.utf8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(language: &Language, inside: &[&[u8]], outside: &[&[u8]]) {
        let holds = |text: &&[u8]| language.walk(language.start(), text).is_some_and(|spot| language.accepts(spot));
        assert!(inside.iter().all(holds), "{inside:?}");
        assert!(!outside.iter().any(holds), "{outside:?}");
    }

    #[test]
    fn the_bytes_on_both_sides_are_there_once_and_do_not_overlap() {
        let language = Language::new(b" ab", Arc::new(Dfa::any()), b"bb");
        check(&language, &[b" abbb", b" abxbb", b" abbbbb"], &[b" abb", b" ab", b" abbbx", b"abbb"]);
    }

    #[test]
    fn the_body_meets_its_own_demands_between_them() {
        let digits = Arc::new(Dfa::regex("[0-9]{2}").unwrap());
        check(&Language::new(b"1", digits.clone(), b"23"), &[b"12323"], &[b"1233", b"1223", b"123423"]);
        check(&Language::new(b"", digits, b""), &[b"42"], &[b"4", b"423"]);
    }

    #[test]
    fn characters_are_whole_also_where_the_edge_is_inside_of_one() {
        let language = Language::new(b"\xE2", Arc::new(Dfa::any()), b"\xAC!");
        check(&language, &["€!".as_bytes(), "™x€!".as_bytes()], &[b"\xE2\xAC!", b"\xE2\x82x\xAC!", "€".as_bytes()]);
    }
}
