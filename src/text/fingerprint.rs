//! What tells one text from others in what is kept on disk about it: FNV-1a, which is the same in every build, as the
//! standard library's hasher does not promise.

use crate::text::buffer::Buffer;

/// The hash of nothing.
pub const START: u64 = 0xcbf2_9ce4_8422_2325;

/// The hash of what was hashed and these bytes.
pub fn on(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The hash of a text as UTF-8.
pub fn of(text: &Buffer) -> u64 {
    text.rope().chunks().fold(START, |hash, chunk| on(hash, chunk.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_one_however_the_text_is_cut() {
        assert_eq!(on(START, b"foobar"), 0x8594_4171_f739_67e8);
        let long = "x\n".repeat(5000);
        assert_eq!(of(&Buffer::from_text(&long)), on(START, long.as_bytes()));
    }
}
