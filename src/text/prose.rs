//! Counting prose.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use crate::text::buffer::Buffer;

/// Words that a reader reads in a minute, by the mean of many studies (Brysbaert 2019: 238 for English prose).
const A_MINUTE: usize = 238;

/// How much text there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Words, as UAX #29 has them.
    pub words: usize,
    /// Characters as a reader counts them, line breaks left out.
    pub characters: usize,
    /// Lines.
    pub lines: usize,
}

impl Count {
    /// Minutes that reading takes, rounded up.
    pub fn minutes(self) -> usize {
        self.words.div_ceil(A_MINUTE)
    }
}

/// Words of a text, as UAX #29 has them.
pub fn words(text: &str) -> usize {
    text.unicode_words().count()
}

/// Counts a part of a text.
pub fn count(buffer: &Buffer, range: Range<usize>) -> Count {
    let (first, last) = (buffer.line_of(range.start), buffer.line_of(range.end));
    // Behind a line break that ends the range there is no line of it.
    let lines = last - first + usize::from(buffer.line_start(last) < range.end);
    let mut count = Count { lines, ..Count::default() };
    for line in first..=last {
        let part = buffer.line_start(line).max(range.start)..buffer.line_end(line).min(range.end);
        let text = buffer.slice(part.start..part.end.max(part.start));
        count.words += words(&text);
        count.characters += text.graphemes(true).count();
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_characters_are_those_of_a_reader() {
        let buffer = Buffer::from_text("Don't panic, e\u{301}t\u{e9}!\r\n\r\nTwo words\n");
        assert_eq!(count(&buffer, 0..buffer.len()), Count { words: 5, characters: 26, lines: 3 });
        assert_eq!(count(&buffer, 0..5), Count { words: 1, characters: 5, lines: 1 });
        assert_eq!(Count { words: 239, ..Count::default() }.minutes(), 2);
        assert_eq!(count(&Buffer::new(), 0..0), Count::default());
    }
}
