//! The text of a document: a rope, a revision number, and one way to change it.
//!
//! Read [`Buffer::apply`] first. Positions are `char` indices and lines end at `"\n"` only (the `ropey` features that
//! break lines elsewhere are off). Every argument may be out of range and is then clamped. Cloning is O(1), so a clone is
//! the snapshot to hand to other threads. The limit is memory: a file is held as a whole.

use std::fmt;
use std::ops::Range;

use ropey::str_utils::byte_to_char_idx;
use ropey::{Rope, RopeBuilder};
use unicode_segmentation::{GraphemeCursor, GraphemeIncomplete};

use crate::text::change::{ChangeSet, Edit};
use crate::text::encoding::MARK;

/// How lines end in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnding {
    /// `"\n"`.
    Lf,
    /// `"\r\n"`.
    CrLf,
}

impl LineEnding {
    /// The characters to insert for a new line.
    pub fn as_str(self) -> &'static str {
        match self {
            LineEnding::Lf => "\n",
            LineEnding::CrLf => "\r\n",
        }
    }
}

/// A change set was applied to a document of another length than it was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LengthMismatch {
    /// Characters that the change set expects.
    pub expected: usize,
    /// Characters that the document has.
    pub found: usize,
}

impl fmt::Display for LengthMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the edit is for a text of {} characters, but the text has {}", self.expected, self.found)
    }
}

impl std::error::Error for LengthMismatch {}

/// A text and the number of changes it has seen.
///
/// Equal are buffers of equal text.
#[derive(Clone, Debug, Default)]
pub struct Buffer {
    rope: Rope,
    revision: u64,
    /// How many of the `"\n"` have a `"\r"` before them.
    crlf: usize,
}

impl PartialEq for Buffer {
    fn eq(&self, other: &Self) -> bool {
        self.rope == other.rope
    }
}

impl Eq for Buffer {}

impl<T: AsRef<str>> From<T> for Buffer {
    fn from(text: T) -> Self {
        Self::from_text(text.as_ref())
    }
}

/// A text that comes in pieces of bytes, so that a large file is in memory only once.
#[derive(Default)]
pub struct Incoming {
    rope: RopeBuilder,
    crlf: usize,
    /// The piece before ended in `"\r"`.
    after_cr: bool,
    /// A character that is not whole yet.
    half: Vec<u8>,
}

impl Incoming {
    /// Takes the next piece; false where what has come is no UTF-8, or has a zero byte.
    #[must_use]
    pub fn push(&mut self, piece: &[u8]) -> bool {
        let joined;
        let bytes = if self.half.is_empty() {
            piece
        } else {
            joined = [std::mem::take(&mut self.half).as_slice(), piece].concat();
            &joined
        };
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) if error.error_len().is_some() => return false,
            Err(error) => {
                let (whole, half) = bytes.split_at(error.valid_up_to());
                self.half = half.to_vec();
                std::str::from_utf8(whole).unwrap_or_default()
            }
        };
        self.crlf += text.matches("\r\n").count() + usize::from(self.after_cr && text.starts_with('\n'));
        if !text.is_empty() {
            self.after_cr = text.ends_with('\r');
        }
        self.rope.append(text);
        !text.contains('\0')
    }

    /// The text, if its last character is whole, and whether a byte order mark stood before it.
    pub fn finish(self) -> Option<(Buffer, bool)> {
        let Self { rope, crlf, half, .. } = self;
        let mut rope = rope.finish();
        let is_marked = rope.get_char(0) == Some(MARK);
        if is_marked {
            rope.remove(..1);
        }
        half.is_empty().then_some((Buffer { rope, revision: 0, crlf }, is_marked))
    }
}

impl Buffer {
    /// An empty text.
    pub fn new() -> Self {
        Self::default()
    }

    /// A buffer of `text`, byte for byte, line endings included.
    pub fn from_text(text: &str) -> Self {
        Self { rope: Rope::from_str(text), revision: 0, crlf: text.matches("\r\n").count() }
    }

    /// The rope, for reading in chunks.
    pub fn rope(&self) -> &Rope {
        &self.rope
    }

    /// Length in characters, which is also the last position.
    pub fn len(&self) -> usize {
        self.rope.len_chars()
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rises with each change, so equal revisions of one buffer and its clones hold equal text.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Number of lines: one more than there are `"\n"`.
    pub fn line_count(&self) -> usize {
        self.rope.len_lines()
    }

    /// Number of lines as people and `wc` count them: behind the last line break there is none.
    pub fn counted_lines(&self) -> usize {
        self.line_count() - usize::from(self.line_start(self.line_count() - 1) == self.len())
    }

    /// The line that `pos` is on. O(log n).
    pub fn line_of(&self, pos: usize) -> usize {
        self.rope.char_to_line(self.clamp(pos))
    }

    /// The first position of `line`; of the last line if there are fewer.
    pub fn line_start(&self, line: usize) -> usize {
        self.rope.line_to_char(line.min(self.line_count() - 1))
    }

    /// The last position of `line`: before its `"\n"` or `"\r\n"`, or the end of the text.
    pub fn line_end(&self, line: usize) -> usize {
        let line = line.min(self.line_count() - 1);
        if line + 1 == self.line_count() {
            return self.len();
        }
        let newline = self.rope.line_to_char(line + 1) - 1;
        match newline.checked_sub(1) {
            Some(before) if self.char_at(before) == Some('\r') => before,
            _ => newline,
        }
    }

    /// The text of `line` without what ends it.
    pub fn line_text(&self, line: usize) -> String {
        self.slice(self.line_start(line)..self.line_end(line))
    }

    /// The text of `range`, clamped to the document.
    pub fn slice(&self, range: Range<usize>) -> String {
        let start = self.clamp(range.start);
        self.rope.slice(start..self.clamp(range.end).max(start)).to_string()
    }

    /// The whole text.
    pub fn text(&self) -> String {
        self.rope.to_string()
    }

    /// The character behind `pos`.
    pub fn char_at(&self, pos: usize) -> Option<char> {
        self.rope.get_char(pos)
    }

    /// The byte offset of `pos`.
    pub fn byte_of(&self, pos: usize) -> usize {
        self.rope.char_to_byte(self.clamp(pos))
    }

    /// The position at byte offset `byte`; inside a character, the position before it.
    pub fn pos_of_byte(&self, byte: usize) -> usize {
        self.rope.byte_to_char(byte.min(self.rope.len_bytes()))
    }

    /// How most lines end; `Lf` where no line ends or as many end one way as the other. O(1).
    pub fn line_ending(&self) -> LineEnding {
        if self.crlf * 2 > self.line_count() - 1 { LineEnding::CrLf } else { LineEnding::Lf }
    }

    /// The first grapheme boundary after `pos`; the end of the text if there is none.
    pub fn next_grapheme(&self, pos: usize) -> usize {
        // From inside a cluster the rules would see only a part of it, so the walk starts at its beginning.
        let start = self.grapheme_at_or_before(pos);
        self.walk(start, GraphemeCursor::next_boundary).unwrap_or(self.len())
    }

    /// The last grapheme boundary before `pos`; 0 if there is none.
    pub fn prev_grapheme(&self, pos: usize) -> usize {
        self.walk(self.clamp(pos), GraphemeCursor::prev_boundary).unwrap_or(0)
    }

    /// `pos` if it is a grapheme boundary, else the boundary before it.
    pub fn grapheme_at_or_before(&self, pos: usize) -> usize {
        let pos = self.clamp(pos);
        if pos == 0 || pos == self.len() || self.is_grapheme_boundary(pos) { pos } else { self.prev_grapheme(pos) }
    }

    /// `pos` if it is a grapheme boundary, else the boundary after it.
    pub fn grapheme_at_or_after(&self, pos: usize) -> usize {
        let pos = self.clamp(pos);
        if self.grapheme_at_or_before(pos) == pos { pos } else { self.next_grapheme(pos) }
    }

    /// Applies `change` and returns its inverse. The only way in which text changes.
    ///
    /// Costs O(edits · log n) and the text moved. On an error the text is untouched.
    pub fn apply(&mut self, change: &ChangeSet) -> Result<ChangeSet, LengthMismatch> {
        if change.len_before() != self.len() {
            return Err(LengthMismatch { expected: change.len_before(), found: self.len() });
        }
        let mut inverse = Vec::with_capacity(change.edits().len());
        // Edits before this one have been made already, so it lies where its new text will.
        for (edit, placed) in change.edits().iter().zip(change.placed()) {
            let removed = placed.start..placed.start + edit.range.len();
            inverse.push(Edit { range: placed.clone(), text: self.slice(removed.clone()) });
            let crlf_before = self.crlf_around(&removed);
            self.rope.remove(removed);
            self.rope.insert(placed.start, &edit.text);
            self.crlf = self.crlf + self.crlf_around(placed) - crlf_before;
        }
        if !change.is_identity() {
            self.revision += 1;
        }
        Ok(ChangeSet::new(self.len(), inverse))
    }

    fn clamp(&self, pos: usize) -> usize {
        pos.min(self.len())
    }

    /// Counts `"\r\n"` in `range` widened by one on each side, where an edit of `range` can make or break one.
    fn crlf_around(&self, range: &Range<usize>) -> usize {
        let widened = range.start.saturating_sub(1)..(range.end + 1).min(self.len());
        let mut count = 0;
        let mut after_cr = false;
        for chunk in self.rope.slice(widened).chunks() {
            count += usize::from(after_cr && chunk.starts_with('\n')) + chunk.matches("\r\n").count();
            after_cr = chunk.ends_with('\r');
        }
        count
    }

    fn is_grapheme_boundary(&self, pos: usize) -> bool {
        let byte = self.rope.char_to_byte(pos);
        let mut cursor = GraphemeCursor::new(byte, self.rope.len_bytes(), true);
        let (chunk, chunk_start, _, _) = self.rope.chunk_at_byte(byte);
        loop {
            match cursor.is_boundary(chunk, chunk_start) {
                Ok(is_boundary) => return is_boundary,
                Err(GraphemeIncomplete::PreContext(end)) => self.provide_context(&mut cursor, end),
                // The cursor asks for nothing else here.
                Err(_) => return true,
            }
        }
    }

    /// Moves a cursor from `pos` to the neighbouring boundary, handing it chunks of the rope as it asks for them.
    fn walk(&self, pos: usize, step: Step) -> Option<usize> {
        let byte = self.rope.char_to_byte(pos);
        let mut cursor = GraphemeCursor::new(byte, self.rope.len_bytes(), true);
        let (mut chunk, mut chunk_start, mut char_start, _) = self.rope.chunk_at_byte(byte);
        loop {
            match step(&mut cursor, chunk, chunk_start) {
                Ok(None) => return None,
                Ok(Some(byte)) => return Some(char_start + byte_to_char_idx(chunk, byte - chunk_start)),
                Err(GraphemeIncomplete::NextChunk) => {
                    (chunk, chunk_start, char_start, _) = self.rope.chunk_at_byte(chunk_start + chunk.len());
                }
                Err(GraphemeIncomplete::PrevChunk) => {
                    (chunk, chunk_start, char_start, _) = self.rope.chunk_at_byte(chunk_start.saturating_sub(1));
                }
                Err(GraphemeIncomplete::PreContext(end)) => self.provide_context(&mut cursor, end),
                Err(GraphemeIncomplete::InvalidOffset) => return None,
            }
        }
    }

    fn provide_context(&self, cursor: &mut GraphemeCursor, end: usize) {
        let (chunk, start, _, _) = self.rope.chunk_at_byte(end.saturating_sub(1));
        cursor.provide_context(chunk.get(..end - start).unwrap_or(chunk), start);
    }
}

type Step = fn(&mut GraphemeCursor, &str, usize) -> Result<Option<usize>, GraphemeIncomplete>;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::samples;

    #[test]
    fn only_newline_ends_a_line() {
        let buffer = Buffer::from_text("a\rb\u{2028}c\u{85}\u{b}d\r\ne\n");
        assert_eq!(buffer.line_count(), 3);
        assert_eq!(buffer.line_text(0), "a\rb\u{2028}c\u{85}\u{b}d");
        assert_eq!(buffer.line_text(1), "e");
        assert_eq!(buffer.line_text(2), "");
        assert_eq!(buffer.line_text(9), "");
    }

    #[test]
    fn a_change_for_another_length_is_refused_and_does_nothing() {
        let mut buffer = Buffer::from_text("abc");
        assert_eq!(buffer.apply(&ChangeSet::insert(2, 0, "x")), Err(LengthMismatch { expected: 2, found: 3 }));
        assert_eq!((buffer.text().as_str(), buffer.revision()), ("abc", 0));
    }

    #[test]
    fn a_clone_keeps_the_text_it_was_made_from() {
        let mut buffer = Buffer::from_text("abc");
        let snapshot = buffer.clone();
        buffer.apply(&ChangeSet::insert(3, 0, "x")).expect("lengths agree");
        assert_eq!((buffer.text().as_str(), snapshot.text().as_str()), ("xabc", "abc"));
        assert_eq!((buffer.revision(), snapshot.revision()), (1, 0));
    }

    #[test]
    fn line_ending_is_that_of_most_lines() {
        assert_eq!(Buffer::new().line_ending(), LineEnding::Lf);
        assert_eq!(Buffer::from_text("a\r\nb\n").line_ending(), LineEnding::Lf);
        assert_eq!(Buffer::from_text("a\r\nb\r\nc\n").line_ending(), LineEnding::CrLf);
        assert_eq!(Buffer::from_text("a\rb\r").line_ending(), LineEnding::Lf);
    }

    #[test]
    fn positions_past_the_end_are_the_end() {
        let buffer = Buffer::from_text("ab\ncd");
        assert_eq!((buffer.line_of(99), buffer.line_start(99), buffer.line_end(99)), (1, 3, 5));
        assert_eq!((buffer.next_grapheme(99), buffer.prev_grapheme(99), buffer.byte_of(99)), (5, 4, 5));
        assert_eq!((buffer.slice(4..99), buffer.slice(98..99), buffer.char_at(5)), ("d".into(), String::new(), None));
    }

    /// A step that copied the line would copy 20 GB here.
    #[test]
    fn grapheme_steps_in_a_line_of_ten_megabytes_do_not_read_the_line() {
        let buffer = Buffer::from_text(&"wörd ".repeat(1_700_000));
        let middle = buffer.len() / 2;
        let forward = (0..1000).fold(middle, |pos, _| buffer.next_grapheme(pos));
        assert_eq!(forward, middle + 1000);
        assert_eq!((0..1000).fold(forward, |pos, _| buffer.prev_grapheme(pos)), middle);
        assert_eq!(buffer.line_of(forward), 0);
    }

    fn text_and_change() -> impl Strategy<Value = (String, ChangeSet)> {
        samples::text().prop_flat_map(|text| {
            let len = text.chars().count();
            samples::change(len).prop_map(move |change| (text.clone(), change))
        })
    }

    #[test]
    fn what_is_no_text_is_refused_wherever_it_is_cut() {
        for bytes in [&b"a\xff"[..], b"\xc3(", b"\xe2\x82", b"a\0b", b"\xff\xfea\0"] {
            for cut in 0..=bytes.len() {
                let mut incoming = Incoming::default();
                let taken = incoming.push(&bytes[..cut]) && incoming.push(&bytes[cut..]);
                assert!(!taken || incoming.finish().is_none(), "{bytes:?} cut at {cut}");
            }
        }
    }

    proptest! {
        #[test]
        fn pieces_of_bytes_are_the_text_they_are_of(text in "[aé字👍\r\n]{0,40}", size in 1_usize..7) {
            let mut incoming = Incoming::default();
            for piece in text.as_bytes().chunks(size) {
                prop_assert!(incoming.push(piece));
            }
            let ((come, is_marked), whole) = (incoming.finish().unwrap(), Buffer::from_text(&text));
            prop_assert!(!is_marked);
            prop_assert_eq!(come.text(), text);
            prop_assert_eq!((come.crlf, come.line_count()), (whole.crlf, whole.line_count()));
        }

        #[test]
        fn apply_then_inverse_restores_the_text((text, change) in text_and_change()) {
            let mut buffer = Buffer::from_text(&text);
            let inverse = buffer.apply(&change).expect("lengths agree");
            let after = samples::changed(&text, &change);
            prop_assert_eq!(buffer.text(), after.clone());
            prop_assert_eq!(buffer.crlf, after.matches("\r\n").count());
            let again = buffer.apply(&inverse).expect("lengths agree");
            prop_assert_eq!(buffer.text(), text.clone());
            prop_assert_eq!(buffer.crlf, text.matches("\r\n").count());
            prop_assert_eq!(again, change);
        }

        #[test]
        fn lines_are_those_of_split(text in samples::long_text()) {
            let buffer = Buffer::from_text(&text);
            let lines: Vec<&str> = text.split('\n').collect();
            prop_assert_eq!(buffer.line_count(), lines.len());
            let mut start = 0;
            for (i, line) in lines.iter().enumerate() {
                let ended = i + 1 < lines.len();
                let shown = if ended { line.strip_suffix('\r').unwrap_or(line) } else { line };
                prop_assert_eq!(buffer.line_text(i), shown);
                prop_assert_eq!(buffer.line_start(i), start);
                prop_assert_eq!(buffer.line_end(i), start + shown.chars().count());
                prop_assert_eq!(buffer.line_of(start + line.chars().count()), i);
                start += line.chars().count() + 1;
            }
        }

        #[test]
        fn bytes_and_positions_translate_back(text in samples::text()) {
            let buffer = Buffer::from_text(&text);
            for (pos, (byte, c)) in text.char_indices().enumerate() {
                prop_assert_eq!(buffer.byte_of(pos), byte);
                prop_assert_eq!(buffer.char_at(pos), Some(c));
                prop_assert!((byte..byte + c.len_utf8()).all(|byte| buffer.pos_of_byte(byte) == pos));
            }
        }
    }

    proptest! {
        // Each case asks for every position of a text of several chunks.
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn graphemes_are_those_of_the_whole_string(text in samples::long_text()) {
            let buffer = Buffer::from_text(&text);
            let boundaries = samples::boundaries(&text);
            for pos in 0..=buffer.len() {
                let below = boundaries.partition_point(|&b| b < pos);
                let above = boundaries.partition_point(|&b| b <= pos);
                let next = boundaries.get(above).copied().unwrap_or(buffer.len());
                let prev = below.checked_sub(1).map_or(0, |i| boundaries[i]);
                prop_assert_eq!(buffer.next_grapheme(pos), next);
                prop_assert_eq!(buffer.prev_grapheme(pos), prev);
                prop_assert_eq!(buffer.grapheme_at_or_before(pos), boundaries[above - 1]);
                prop_assert_eq!(buffer.grapheme_at_or_after(pos), boundaries[below]);
            }
        }
    }
}
