//! Motions: where a position goes, and what a word, a line or a paragraph around it is.
//!
//! Pure functions of a text and a position. A position past the end counts as the end; a motion that has nowhere to go
//! stays. Results are grapheme boundaries. A *word* is a run of letters, digits and `_` (an apostrophe between letters
//! belongs to it, as in UAX #29), of ideographs, of one kana script, or of other marks; a *paragraph* is a run of lines
//! that are not blank, and a line is blank if it holds only white space.

use std::ops::Range;

use unicode_width::UnicodeWidthChar;

use crate::text::buffer::Buffer;

/// One grapheme towards the start.
pub fn left(buffer: &Buffer, pos: usize) -> usize {
    buffer.prev_grapheme(pos)
}

/// One grapheme towards the end.
pub fn right(buffer: &Buffer, pos: usize) -> usize {
    buffer.next_grapheme(pos)
}

/// Over white space and then to the start of the word there, towards the start.
pub fn word_left(buffer: &Buffer, pos: usize) -> usize {
    let blank = run_start(buffer, pos.min(buffer.len()), Class::is_blank);
    let class = class_before(buffer, blank);
    // A mark with nothing before it is in no run, but must not hold the motion up.
    let start = run_start(buffer, blank, |next| Some(next) == class);
    buffer.grapheme_at_or_before(start).min(buffer.prev_grapheme(pos))
}

/// Over white space and then to the end of the word there, towards the end.
pub fn word_right(buffer: &Buffer, pos: usize) -> usize {
    let pos = run_end(buffer, pos.min(buffer.len()), Class::is_blank);
    let class = class_at(buffer, pos);
    buffer.grapheme_at_or_after(run_end(buffer, pos, |next| Some(next) == class))
}

/// Over the rest of the word and then over white space, to the start of the next word, towards the end.
pub fn next_word(buffer: &Buffer, pos: usize) -> usize {
    let class = class_at(buffer, pos);
    let word_end = run_end(buffer, pos, |next| Some(next) == class && !next.is_blank());
    buffer.grapheme_at_or_after(run_end(buffer, word_end, Class::is_blank))
}

/// The start of the line.
pub fn line_start(buffer: &Buffer, pos: usize) -> usize {
    buffer.line_start(buffer.line_of(pos))
}

/// The first character of the line that is no white space; its end if there is none.
pub fn line_first_nonblank(buffer: &Buffer, pos: usize) -> usize {
    let line = buffer.line_of(pos);
    let (start, end) = (buffer.line_start(line), buffer.line_end(line));
    let indent = buffer.rope().chars_at(start).take(end - start).take_while(|c| c.is_whitespace()).count();
    buffer.grapheme_at_or_before(start + indent)
}

/// The end of the line, before what ends it.
pub fn line_end(buffer: &Buffer, pos: usize) -> usize {
    buffer.line_end(buffer.line_of(pos))
}

/// The start of the blank line before the paragraph at or before `pos`; the start of the text if there is none.
pub fn paragraph_up(buffer: &Buffer, pos: usize) -> usize {
    let mut above = (0..=buffer.line_of(pos)).rev().skip_while(|&line| is_blank_line(buffer, line));
    above.find(|&line| is_blank_line(buffer, line)).map_or(0, |line| buffer.line_start(line))
}

/// The start of the blank line behind the paragraph at or after `pos`; the end of the text if there is none.
pub fn paragraph_down(buffer: &Buffer, pos: usize) -> usize {
    let mut below = (buffer.line_of(pos)..buffer.line_count()).skip_while(|&line| is_blank_line(buffer, line));
    below.find(|&line| is_blank_line(buffer, line)).map_or(buffer.len(), |line| buffer.line_start(line))
}

/// The word that `pos` is in, at the start of, or failing that at the end of; between words, the white space around `pos`
/// on its line.
pub fn word_range_at(buffer: &Buffer, pos: usize) -> Range<usize> {
    let pos = buffer.grapheme_at_or_before(pos);
    let here = class_at(buffer, pos).filter(|&class| class != Class::Newline);
    let before = class_before(buffer, pos).filter(|&class| class != Class::Newline);
    let class = match (here, before) {
        (Some(Class::Space) | None, Some(before)) => before,
        (Some(here), _) => here,
        (None, None) => return pos..pos,
    };
    let start = buffer.grapheme_at_or_before(run_start(buffer, pos, |next| next == class));
    let end = buffer.grapheme_at_or_after(run_end(buffer, pos, |next| next == class));
    start..end
}

/// The lines around `pos` that are not blank, without what ends the last of them; empty on a blank line.
pub fn paragraph_range_at(buffer: &Buffer, pos: usize) -> Range<usize> {
    let line = buffer.line_of(pos);
    if is_blank_line(buffer, line) {
        let pos = buffer.grapheme_at_or_before(pos);
        return pos..pos;
    }
    let first = (0..line).rev().take_while(|&line| !is_blank_line(buffer, line)).last().unwrap_or(line);
    let last = (line..buffer.line_count()).take_while(|&line| !is_blank_line(buffer, line)).last().unwrap_or(line);
    buffer.line_start(first)..buffer.line_end(last)
}

/// The line of `pos` with what ends it.
pub fn line_range_at(buffer: &Buffer, pos: usize) -> Range<usize> {
    let line = buffer.line_of(pos);
    let end = if line + 1 < buffer.line_count() { buffer.line_start(line + 1) } else { buffer.len() };
    buffer.line_start(line)..end
}

fn is_blank_line(buffer: &Buffer, line: usize) -> bool {
    let mut chars = buffer.rope().chars_at(buffer.line_start(line));
    chars.find(|&c| c == '\n' || !c.is_whitespace()).is_none_or(|c| c == '\n')
}

/// What a word is made of: a word ends where the class changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Newline,
    Space,
    Word,
    Ideograph,
    Hiragana,
    Katakana,
    Mark,
}

impl Class {
    fn is_blank(self) -> bool {
        matches!(self, Class::Newline | Class::Space)
    }

    /// The class of `c`; `None` for a character that only modifies the one before it.
    fn of(c: char) -> Option<Class> {
        Some(match c {
            '\n' | '\r' => Class::Newline,
            c if c.is_whitespace() => Class::Space,
            '\u{200B}' => Class::Space,
            c if c.width() == Some(0) => return None,
            '\u{3041}'..='\u{309F}' => Class::Hiragana,
            '\u{30A0}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}' | '\u{FF66}'..='\u{FF9F}' => Class::Katakana,
            '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}' => {
                Class::Ideograph
            }
            c if c.is_alphanumeric() || c == '_' => Class::Word,
            _ => Class::Mark,
        })
    }
}

/// Classes of the characters from `pos` on, in one direction; `None` for modifiers.
fn classes(buffer: &Buffer, pos: usize, direction: Direction) -> impl Iterator<Item = Option<Class>> + '_ {
    let mut chars = buffer.rope().chars_at(pos);
    if direction == Direction::Backward {
        chars.reverse();
    }
    let mut chars = chars.peekable();
    let mut last = match direction {
        Direction::Forward => pos.checked_sub(1).and_then(|before| buffer.char_at(before)),
        Direction::Backward => buffer.char_at(pos),
    };
    std::iter::from_fn(move || {
        let c = chars.next()?;
        let joins_letters = matches!(c, '\'' | '\u{2019}')
            && last.is_some_and(char::is_alphabetic)
            && chars.peek().is_some_and(|next| next.is_alphabetic());
        last = Some(c);
        Some(if joins_letters { Some(Class::Word) } else { Class::of(c) })
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Forward,
    Backward,
}

fn run_start(buffer: &Buffer, pos: usize, belongs: impl Fn(Class) -> bool) -> usize {
    // Read backwards, a modifier comes before what it modifies and is part of the run only if that is.
    let run = classes(buffer, pos, Direction::Backward).take_while(|class| class.is_none_or(&belongs));
    pos - run.enumerate().filter(|(_, class)| class.is_some()).last().map_or(0, |(distance, _)| distance + 1)
}

fn run_end(buffer: &Buffer, pos: usize, belongs: impl Fn(Class) -> bool) -> usize {
    pos + classes(buffer, pos, Direction::Forward).take_while(|class| class.is_none_or(&belongs)).count()
}

fn class_at(buffer: &Buffer, pos: usize) -> Option<Class> {
    classes(buffer, pos, Direction::Forward).flatten().next()
}

fn class_before(buffer: &Buffer, pos: usize) -> Option<Class> {
    classes(buffer, pos, Direction::Backward).flatten().next()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::samples;

    type Motion = fn(&Buffer, usize) -> usize;

    /// The caret is drawn as `|`, before and after the motion.
    #[track_caller]
    fn check(motion: Motion, drawn: &str, expected: &str) {
        let pos = drawn.chars().position(|c| c == '|').expect("a caret");
        let mut text = drawn.replace('|', "");
        let moved = motion(&Buffer::from_text(&text), pos);
        let byte = text.char_indices().nth(moved).map_or(text.len(), |(byte, _)| byte);
        text.insert(byte, '|');
        assert_eq!(text, expected);
    }

    /// The caret is drawn as `|`; the range that is found, as `[…]`.
    #[track_caller]
    fn check_range(find: fn(&Buffer, usize) -> Range<usize>, drawn: &str, expected: &str) {
        let pos = drawn.chars().position(|c| c == '|').expect("a caret");
        let text = drawn.replace('|', "");
        let range = find(&Buffer::from_text(&text), pos);
        let mut chars: Vec<char> = text.chars().collect();
        chars.insert(range.end, ']');
        chars.insert(range.start, '[');
        assert_eq!(chars.into_iter().collect::<String>(), expected);
    }

    #[test]
    fn graphemes_are_stepped_over_whole() {
        check(right, "|👨\u{200D}👩\u{200D}👧!", "👨\u{200D}👩\u{200D}👧|!");
        check(left, "a\r\n|b", "a|\r\nb");
        check(left, "|a", "|a");
        check(right, "a|", "a|");
    }

    #[test]
    fn words_end_where_the_class_changes() {
        check(word_right, "|foo.bar baz", "foo|.bar baz");
        check(word_right, "foo|.bar baz", "foo.|bar baz");
        check(word_right, "foo|  bar", "foo  bar|");
        check(word_left, "foo.bar  |baz", "foo.|bar  baz");
        check(word_left, "one\n\n  |two", "|one\n\n  two");
        check(word_right, "|I don't know", "I| don't know");
        check(word_right, "I| don't know", "I don't| know");
        check(word_left, "I don't|", "I |don't");
        check(word_right, "|漢字かな", "漢字|かな");
        check(word_left, "漢字かな|カナ", "漢字|かなカナ");
    }

    #[test]
    fn marks_belong_to_what_they_modify() {
        check(word_left, "cafe\u{301}!|", "cafe\u{301}|!");
        check(word_left, "cafe\u{301}|", "|cafe\u{301}");
        check(word_right, "|e\u{301}e\u{301} x", "e\u{301}e\u{301}| x");
    }

    #[test]
    fn lines_have_a_start_an_indent_and_an_end() {
        check(line_start, "a\n  b|c\r\n", "a\n|  bc\r\n");
        check(line_first_nonblank, "a\n  bc|\r\n", "a\n  |bc\r\n");
        check(line_first_nonblank, "a\n|  \nb", "a\n  |\nb");
        check(line_end, "a\n  |bc\r\n", "a\n  bc|\r\n");
    }

    #[test]
    fn paragraphs_are_parted_by_blank_lines() {
        check(paragraph_up, "a\n\nb\nc|\n", "a\n|\nb\nc\n");
        check(paragraph_up, "a\n|\nb", "|a\n\nb");
        check(paragraph_down, "|a\nb\n \nc", "a\nb\n| \nc");
        check(paragraph_down, "a\n|\n\nc", "a\n\n\nc|");
    }

    #[test]
    fn ranges_around_a_position() {
        check_range(word_range_at, "one tw|o three", "one [two] three");
        check_range(word_range_at, "one| two", "[one] two");
        check_range(word_range_at, "one | two", "one[  ]two");
        check_range(word_range_at, "one|\ntwo", "[one]\ntwo");
        check_range(word_range_at, "one\n|\ntwo", "one\n[]\ntwo");
        check_range(paragraph_range_at, "a\n\nb\nc|\n\nd", "a\n\n[b\nc]\n\nd");
        check_range(paragraph_range_at, "a\n|\nb", "a\n[]\nb");
        check_range(paragraph_range_at, "a|\nb", "[a\nb]");
        check_range(line_range_at, "a\nb|c\r\nd", "a\n[bc\r\n]d");
        check_range(line_range_at, "a\nb|c", "a\n[bc]");
    }

    const TOWARDS_START: [Motion; 4] = [left, word_left, line_start, paragraph_up];
    const TOWARDS_END: [Motion; 4] = [right, word_right, line_end, paragraph_down];

    proptest! {
        // Each case tries every motion from every position.
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn motions_end_on_grapheme_boundaries_and_go_their_way(text in samples::text()) {
            let buffer = Buffer::from_text(&text);
            let boundaries = samples::boundaries(&text);
            for &pos in &boundaries {
                for motion in TOWARDS_START {
                    prop_assert!(motion(&buffer, pos) <= pos);
                }
                for motion in TOWARDS_END {
                    prop_assert!(motion(&buffer, pos) >= pos);
                }
            }
            for pos in 0..buffer.len() + 3 {
                for motion in TOWARDS_START.into_iter().chain(TOWARDS_END).chain([line_first_nonblank as Motion]) {
                    prop_assert!(boundaries.contains(&motion(&buffer, pos)));
                }
                for find in [word_range_at, paragraph_range_at, line_range_at] {
                    let range = find(&buffer, pos);
                    prop_assert!(boundaries.contains(&range.start) && boundaries.contains(&range.end));
                    let inside = buffer.grapheme_at_or_before(pos);
                    prop_assert!(range.start <= inside && inside <= range.end);
                }
            }
        }

        #[test]
        fn word_motions_get_through_the_whole_text(text in samples::text()) {
            let buffer = Buffer::from_text(&text);
            let mut pos = 0;
            while pos < buffer.len() {
                let next = word_right(&buffer, pos);
                prop_assert!(next > pos);
                pos = next;
            }
            while pos > 0 {
                let next = word_left(&buffer, pos);
                prop_assert!(next < pos);
                pos = next;
            }
        }
    }
}
