//! Inputs that are nearly right: real ones with a few things changed, the same ones in every run.

/// Numbers that look random, from a counter (Steele, Lea and Flood 2014, SplitMix64).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn of(case: u64) -> Self {
        Self(case.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A number below `end`; 0 when there is none.
    pub(super) fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { (self.next() % end as u64) as usize }
    }

    fn one_of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// Sizes and counts that lie.
const NUMBERS: [u64; 14] =
    [0, 1, 2, 3, 7, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 32, 1 << 40, i64::MAX as u64, u64::MAX];

/// What texts are broken with.
const WORDS: [&str; 24] = [
    "null",
    "true",
    "{}",
    "[]",
    "\"\"",
    "-1",
    "1e999",
    "0.5",
    "NaN",
    "99999999999999999999",
    "[MASK",
    "]",
    ":",
    "-",
    "/",
    "\\",
    "(",
    ")",
    "\n",
    "=",
    "é",
    "\u{0}",
    ";",
    "[[[[[[[[[[[[[[[[",
];

/// One of the seeds, changed in one to five places. Where `prefix` is given, mostly there.
pub(super) fn mutated(seeds: &[Vec<u8>], prefix: usize, case: u64) -> Vec<u8> {
    let mut dice = Dice::of(case);
    let mut bytes = dice.one_of(seeds).clone();
    for _ in 0..=dice.below(5) {
        let reach = if prefix > 0 && dice.below(8) > 0 { prefix.min(bytes.len()) } else { bytes.len() };
        let at = dice.below(reach + 1).min(bytes.len());
        match dice.below(11) {
            0 => {
                let bit = dice.below(8);
                bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << bit);
            }
            1 => {
                let new = dice.next() as u8;
                bytes.get_mut(at).into_iter().for_each(|byte| *byte = new);
            }
            2 => bytes.truncate(at),
            3 => {
                let end = (at + 1 + dice.below(24)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                let end = (at + 1 + dice.below(64)).min(bytes.len());
                let again = bytes[at..end].repeat(1 + dice.below(3));
                bytes.splice(at..at, again);
            }
            5 | 6 => {
                let width = *dice.one_of(&[1, 2, 4, 8]);
                let number = dice.one_of(&NUMBERS).to_le_bytes();
                bytes.iter_mut().skip(at).zip(&number[..width]).for_each(|(byte, new)| *byte = *new);
            }
            7 => {
                let word = dice.one_of(&WORDS).as_bytes();
                bytes.splice(at..at, word.iter().copied());
            }
            8 => {
                let end = (at + dice.below(16)).min(bytes.len());
                let word = dice.one_of(&WORDS).as_bytes();
                bytes.splice(at..end, word.iter().copied());
            }
            9 => {
                let other = dice.one_of(seeds);
                let (from, length) = (dice.below(other.len()), 1 + dice.below(64));
                let part = other.iter().skip(from).take(length).copied().collect::<Vec<_>>();
                bytes.splice(at..at, part);
            }
            _ => another_number(&mut bytes, at, &mut dice),
        }
    }
    bytes
}

/// Writes another number in place of the next one that is spelled out.
fn another_number(bytes: &mut Vec<u8>, at: usize, dice: &mut Dice) {
    let Some(start) = bytes.iter().skip(at).position(u8::is_ascii_digit).map(|skip| at + skip) else { return };
    let length = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = dice.one_of(&NUMBERS).to_string();
    bytes.splice(start..start + length, number.into_bytes());
}
