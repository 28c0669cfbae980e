//! Changes of whole lines: duplicating, moving, joining, sorting, commenting.
//!
//! Pure functions of a text and of *blocks*, sorted ranges of lines that do not overlap. Each gives edits that touch as
//! little as possible, so that what stands in the lines (selections, holes) is mapped to where its text went.

use std::ops::Range;

use crate::text::buffer::{Buffer, LineEnding};
use crate::text::change::Edit;

/// How a language writes a comment: what stands before, and behind, if anything does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommentMarks {
    /// Before the commented text.
    pub open: &'static str,
    /// Behind it; empty where a comment ends with its line.
    pub close: &'static str,
}

/// Which way lines are moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Towards the start.
    Up,
    /// Towards the end.
    Down,
}

fn insert(at: usize, text: String) -> Edit {
    Edit { range: at..at, text }
}

/// Where a line begins, or the text ends.
fn start(buffer: &Buffer, line: usize) -> usize {
    if line < buffer.line_count() { buffer.line_start(line) } else { buffer.len() }
}

/// A copy of each block above it; what is in the block goes with the lower one. A last line takes this break.
pub fn duplicate(buffer: &Buffer, blocks: &[Range<usize>], ending: LineEnding) -> Vec<Edit> {
    let copy = |block: &Range<usize>| {
        let (from, to) = (start(buffer, block.start), start(buffer, block.end));
        let mut text = buffer.slice(from..to);
        if block.end == buffer.line_count() {
            text.push_str(ending.as_str());
        }
        insert(from, text)
    };
    blocks.iter().map(copy).collect()
}

/// Moves each block over the line above or below it. A block at the edge stays.
pub fn move_blocks(buffer: &Buffer, blocks: &[Range<usize>], way: Way) -> Vec<Edit> {
    let ending = buffer.line_ending().as_str();
    let mut edits = Vec::new();
    for block in blocks {
        let (from, to) = (start(buffer, block.start), start(buffer, block.end));
        match way {
            Way::Up if block.start > 0 => {
                let above = buffer.line_start(block.start - 1)..from;
                let text = if block.end == buffer.line_count() {
                    format!("{ending}{}", buffer.line_text(block.start - 1))
                } else {
                    buffer.slice(above.clone())
                };
                edits.extend([Edit { range: above, text: String::new() }, insert(to, text)]);
            }
            Way::Down if block.end < buffer.line_count() => {
                let below = to..start(buffer, block.end + 1);
                // The last line takes the break before it along, as it has none of its own.
                let (below, text) = if block.end + 1 == buffer.line_count() {
                    let text = format!("{}{ending}", buffer.line_text(block.end));
                    (buffer.line_end(block.end - 1)..below.end, text)
                } else {
                    (below.clone(), buffer.slice(below))
                };
                edits.extend([insert(from, text), Edit { range: below, text: String::new() }]);
            }
            _ => {}
        }
    }
    edits
}

/// By how many characters [`move_blocks`] moves what is in a block.
pub fn moved_by(buffer: &Buffer, block: &Range<usize>, way: Way) -> isize {
    match way {
        Way::Up if block.start > 0 => -((start(buffer, block.start) - buffer.line_start(block.start - 1)) as isize),
        Way::Down if block.end + 1 == buffer.line_count() => {
            let below = buffer.line_end(block.end) - buffer.line_start(block.end);
            (below + buffer.line_ending().as_str().len()) as isize
        }
        Way::Down if block.end < buffer.line_count() => {
            (start(buffer, block.end + 1) - start(buffer, block.end)) as isize
        }
        _ => 0,
    }
}

/// The stretches that [`move_blocks`] moves, each with by how many characters: the blocks, and the lines that they go over.
pub fn moved(buffer: &Buffer, blocks: &[Range<usize>], way: Way) -> Vec<(Range<usize>, isize)> {
    let content = |first: usize, end: usize| buffer.line_start(first)..buffer.line_end(end - 1);
    let mut moved = Vec::new();
    for block in blocks {
        let by = moved_by(buffer, block, way);
        if by == 0 {
            continue;
        }
        let across = (start(buffer, block.end) - start(buffer, block.start)) as isize;
        let (over, back) = match way {
            // A last line has no break of its own, and gets one.
            Way::Up if block.end == buffer.line_count() => {
                (block.start - 1, across + buffer.line_ending().as_str().len() as isize)
            }
            Way::Up => (block.start - 1, across),
            Way::Down => (block.end, -across),
        };
        moved.extend([(content(block.start, block.end), by), (content(over, over + 1), back)]);
    }
    moved
}

/// Joins the lines of each block with a blank between; a block of one line is joined with the next.
pub fn join(buffer: &Buffer, blocks: &[Range<usize>]) -> Vec<Edit> {
    let mut edits = Vec::new();
    for block in blocks {
        let last = if block.len() > 1 { block.end - 1 } else { block.end };
        let blank_at = |pos: usize| buffer.char_at(pos).is_some_and(|c| matches!(c, ' ' | '\t'));
        let is_empty = |line: usize| buffer.line_start(line) == buffer.line_end(line);
        // Whether what was joined so far ends in a blank, or is nothing yet.
        let mut blank = is_empty(block.start) || blank_at(buffer.line_end(block.start) - 1);
        for line in block.start..last.min(buffer.line_count() - 1) {
            let end = buffer.line_end(line);
            let next = buffer.line_start(line + 1);
            let indent = buffer.rope().chars_at(next).take_while(|c| matches!(c, ' ' | '\t')).count();
            let to = (next + indent).min(buffer.line_end(line + 1));
            let text = if blank || to == buffer.line_end(line + 1) { "" } else { " " };
            if to < buffer.line_end(line + 1) {
                blank = blank_at(buffer.line_end(line + 1) - 1);
            }
            edits.push(Edit { range: end..to, text: text.to_owned() });
        }
    }
    edits
}

/// Sorts the lines of each block by their characters; lines that are alike keep their order.
pub fn sort(buffer: &Buffer, blocks: &[Range<usize>]) -> Vec<Edit> {
    let mut edits = Vec::new();
    for block in blocks {
        let lines: Vec<String> = block.clone().map(|line| buffer.line_text(line)).collect();
        let mut sorted = lines.clone();
        sorted.sort();
        for ((line, old), new) in block.clone().zip(lines).zip(sorted) {
            if old != new {
                edits.push(Edit { range: buffer.line_start(line)..buffer.line_end(line), text: new });
            }
        }
    }
    edits
}

/// Takes blanks at the ends of lines away.
pub fn trim(buffer: &Buffer) -> Vec<Edit> {
    let mut edits = Vec::new();
    for line in 0..buffer.line_count() {
        let (start, end) = (buffer.line_start(line), buffer.line_end(line));
        let mut chars = buffer.rope().chars_at(end);
        chars.reverse();
        let blanks = chars.take(end - start).take_while(|c| matches!(c, ' ' | '\t')).count();
        if blanks > 0 {
            edits.push(Edit { range: end - blanks..end, text: String::new() });
        }
    }
    edits
}

/// Comments the lines of all blocks, or uncomments them where all are comments already. Blank lines stay as they are.
pub fn toggle_comment(buffer: &Buffer, blocks: &[Range<usize>], marks: CommentMarks) -> Vec<Edit> {
    let CommentMarks { open, close } = marks;
    let lines: Vec<(usize, String)> = blocks
        .iter()
        .flat_map(Clone::clone)
        .map(|line| (buffer.line_start(line), buffer.line_text(line)))
        .filter(|(_, text)| !text.trim().is_empty())
        .collect();
    let indent = |text: &str| text.chars().take_while(|c| c.is_whitespace()).count();
    let inside =
        |text: &str| text.trim().strip_prefix(open).and_then(|rest| rest.strip_suffix(close)).map(str::to_owned);
    let mut edits = Vec::new();
    if lines.iter().all(|(_, text)| inside(text).is_some()) {
        for (at, text) in lines {
            let from = at + indent(&text);
            let body = inside(&text).unwrap_or_default();
            let blank = usize::from(body.starts_with(' '));
            let open_len = open.chars().count() + blank;
            edits.push(Edit { range: from..from + open_len, text: String::new() });
            if !close.is_empty() {
                let end = from + text.trim().chars().count();
                let blank = usize::from(body.len() > 1 && body.ends_with(' '));
                edits.push(Edit { range: end - close.chars().count() - blank..end, text: String::new() });
            }
        }
        return edits;
    }
    let least = lines.iter().map(|(_, text)| indent(text)).min().unwrap_or(0);
    for (at, text) in lines {
        edits.push(insert(at + least, format!("{open} ")));
        if !close.is_empty() {
            edits.push(insert(at + text.trim_end().chars().count(), format!(" {close}")));
        }
    }
    edits
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a list of one block is what is meant")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::change::ChangeSet;

    fn done(text: &str, edits: impl FnOnce(&Buffer) -> Vec<Edit>) -> String {
        let mut buffer = Buffer::from_text(text);
        let edits = edits(&buffer);
        buffer.apply(&ChangeSet::new(buffer.len(), edits)).unwrap();
        buffer.text()
    }

    const HASH: CommentMarks = CommentMarks { open: "#", close: "" };
    const HTML: CommentMarks = CommentMarks { open: "<!--", close: "-->" };

    #[test]
    fn lines_are_duplicated_and_moved_with_or_without_a_last_line_break() {
        assert_eq!(done("a\nb\nc\n", |buffer| duplicate(buffer, &[0..1, 2..3], LineEnding::Lf)), "a\na\nb\nc\nc\n");
        assert_eq!(done("a\nb", |buffer| duplicate(buffer, &[1..2], LineEnding::Lf)), "a\nb\nb");
        assert_eq!(done("a\r\nb", |buffer| duplicate(buffer, &[0..2], LineEnding::CrLf)), "a\r\nb\r\na\r\nb");
        assert_eq!(done("a\nb\nc", |buffer| move_blocks(buffer, &[1..2], Way::Up)), "b\na\nc");
        assert_eq!(done("a\nb\nc", |buffer| move_blocks(buffer, &[2..3], Way::Up)), "a\nc\nb");
        assert_eq!(done("a\nb\nc", |buffer| move_blocks(buffer, &[1..2], Way::Down)), "a\nc\nb");
        assert_eq!(done("a\nb\nc", |buffer| move_blocks(buffer, &[0..2], Way::Down)), "c\na\nb");
        assert_eq!(done("a\nb\nc\nd\n", |buffer| move_blocks(buffer, &[1..2, 3..4], Way::Up)), "b\na\nd\nc\n");
        assert_eq!(done("a\nb", |buffer| move_blocks(buffer, &[0..1], Way::Up)), "a\nb");
        assert_eq!(done("a\nb", |buffer| move_blocks(buffer, &[1..2], Way::Down)), "a\nb");
    }

    #[test]
    fn what_stands_in_moved_lines_is_found_where_they_go() {
        for (text, block, way) in [
            ("ab\ncde\nf\n", 0..2, Way::Down),
            ("ab\ncde\nf", 0..2, Way::Down),
            ("ab\ncde\nf", 1..3, Way::Up),
            ("ab\r\ncde\r\nf", 1..2, Way::Up),
        ] {
            let buffer = Buffer::from_text(text);
            let mut after = buffer.clone();
            let set = ChangeSet::new(buffer.len(), move_blocks(&buffer, std::slice::from_ref(&block), way));
            after.apply(&set).unwrap();
            let moved = moved(&buffer, &[block], way);
            assert_eq!(moved.len(), 2);
            for (range, by) in moved {
                let to = range.start.saturating_add_signed(by)..range.end.saturating_add_signed(by);
                assert_eq!(after.slice(to), buffer.slice(range), "{text:?} {way:?}");
            }
        }
    }

    #[test]
    fn lines_are_joined_with_one_blank() {
        assert_eq!(done("a\n  b\nc", |buffer| join(buffer, &[0..1])), "a b\nc");
        assert_eq!(done("a \nb", |buffer| join(buffer, &[0..2])), "a b");
        assert_eq!(done("a\n\nb", |buffer| join(buffer, &[0..3])), "a b");
        assert_eq!(done("a", |buffer| join(buffer, &[0..1])), "a");
    }

    #[test]
    fn blanks_at_the_ends_of_lines_are_taken_away() {
        assert_eq!(done("a \t\r\n b\n  \nc ", trim), "a\r\n b\n\nc");
        assert!(trim(&Buffer::from_text("a\n\n b")).is_empty());
    }

    #[test]
    fn lines_are_sorted() {
        assert_eq!(done("b\na\nc", |buffer| sort(buffer, &[0..3])), "a\nb\nc");
        assert_eq!(done("x\nb\na\n", |buffer| sort(buffer, &[1..3])), "x\na\nb\n");
    }

    #[test]
    fn comments_are_put_on_and_taken_off() {
        let toggled = |text: &str, marks| done(text, |buffer| toggle_comment(buffer, &[0..buffer.line_count()], marks));
        assert_eq!(toggled("  a\n\n    b\n", HASH), "  # a\n\n  #   b\n");
        assert_eq!(toggled("  # a\n\n  #   b\n", HASH), "  a\n\n    b\n");
        assert_eq!(toggled("# a\nb\n", HASH), "# # a\n# b\n");
        assert_eq!(toggled("#a", HASH), "a");
        assert_eq!(toggled("<p>\n", HTML), "<!-- <p> -->\n");
        assert_eq!(toggled("<!-- <p> -->\n", HTML), "<p>\n");
        assert_eq!(toggled("\n", HASH), "\n");
    }

    proptest! {
        #[test]
        fn commenting_twice_gives_the_text_back(lines in proptest::collection::vec("[ a-z]{0,6}", 1..6)) {
            let text = lines.join("\n");
            for marks in [HASH, HTML] {
                // A line that ends in blanks has its closing mark before them.
                let all = |buffer: &Buffer| toggle_comment(buffer, &[0..buffer.line_count()], marks);
                prop_assert_eq!(done(&done(&text, all), all), text.clone());
            }
        }

        #[test]
        fn moving_up_and_down_again_gives_the_text_back(lines in proptest::collection::vec("[a-c]{0,3}", 2..6), at in 1..6_usize) {
            let at = at.min(lines.len() - 1);
            let text = lines.join("\n");
            let up = done(&text, |buffer| move_blocks(buffer, &[at..at + 1], Way::Up));
            let down = done(&up, |buffer| move_blocks(buffer, &[at - 1..at], Way::Down));
            prop_assert_eq!(down, text.clone());
            let mut lines: Vec<&str> = text.split('\n').collect();
            lines.swap(at - 1, at);
            prop_assert_eq!(up, lines.join("\n"));
        }
    }
}
