//! Brackets and their partners.

use crate::text::buffer::Buffer;

const PAIRS: [(char, char); 3] = [('(', ')'), ('[', ']'), ('{', '}')];

/// What closes an opening bracket.
pub fn closing_of(open: char) -> Option<char> {
    PAIRS.iter().find(|(known, _)| *known == open).map(|(_, close)| *close)
}

/// A partner further away than this, in characters, is not looked for.
const FAR: usize = 1 << 20;

/// The bracket at `pos`, or failing that the one before it, and its partner: their positions.
pub fn pair_at(buffer: &Buffer, pos: usize) -> Option<(usize, usize)> {
    let before = pos.checked_sub(1);
    [Some(pos), before].into_iter().flatten().find_map(|at| Some((at, partner(buffer, at)?)))
}

/// The partner of the bracket at `pos`.
fn partner(buffer: &Buffer, pos: usize) -> Option<usize> {
    let bracket = buffer.char_at(pos)?;
    let (open, close) = PAIRS.into_iter().find(|(open, close)| [*open, *close].contains(&bracket))?;
    let mut depth = 0_usize;
    let mut count = |c: char| {
        // Counted from the bracket itself on, so it is done when all that were begun are ended.
        depth = match c {
            c if c == bracket => depth + 1,
            c if c == open || c == close => depth - 1,
            _ => depth,
        };
        depth == 0
    };
    if bracket == open {
        let found = buffer.rope().chars_at(pos).take(FAR).position(&mut count);
        return found.map(|distance| pos + distance);
    }
    let mut chars = buffer.rope().chars_at(pos + 1);
    chars.reverse();
    let found = chars.take(FAR).position(count);
    found.map(|distance| pos - distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partners_are_found_both_ways_and_over_others() {
        let buffer = Buffer::from_text("a(b[c](d))e)");
        assert_eq!(pair_at(&buffer, 1), Some((1, 9)));
        assert_eq!(pair_at(&buffer, 9), Some((9, 1)));
        assert_eq!(pair_at(&buffer, 2), Some((1, 9)), "the one before the caret");
        assert_eq!(pair_at(&buffer, 5), Some((5, 3)));
        assert_eq!(pair_at(&buffer, 11), None, "it has no partner");
        assert_eq!(pair_at(&buffer, 0), None);
        assert_eq!(pair_at(&buffer, 99), None);
    }
}
