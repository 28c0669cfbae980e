//! How wide text is on a terminal, and what stands in for what a terminal cannot show.
//!
//! Widths and columns are terminal cells; positions are `char` indices. Every grapheme is at least one cell wide, so
//! that nothing in a file is invisible and columns and positions translate back and forth. Control characters, zero-width
//! and bidirectional controls have visible stand-ins. `tab` is the distance between tab stops (0 counts as 1).
//! Widths of everything else are those of the `unicode-width` crate, which `ratatui` uses as well.

use compact_str::CompactString;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::text::buffer::Buffer;

/// The usual distance between tab stops.
pub const TAB_WIDTH: usize = 4;

/// A grapheme as it is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grapheme {
    /// Where it starts.
    pub pos: usize,
    /// Characters it consists of.
    pub chars: usize,
    /// Cells it takes; at least 1.
    pub width: usize,
    /// What to draw: the grapheme itself, spaces for a tab, or a stand-in.
    pub text: CompactString,
}

/// The graphemes of `line_text`, which begins at position `start_pos` and column `start_col`.
///
/// The column matters for tabs. The text must begin at a grapheme boundary.
pub fn graphemes(
    line_text: &str,
    start_pos: usize,
    start_col: usize,
    tab: usize,
) -> impl Iterator<Item = Grapheme> + '_ {
    let (mut pos, mut col) = (start_pos, start_col);
    clusters(line_text).map(move |cluster| {
        let (text, width) = match shown(cluster) {
            Shown::Tab => {
                let width = tab_width(col, tab);
                (CompactString::from(" ").repeat(width), width)
            }
            Shown::AsIs(width) => (cluster.into(), width),
            Shown::StandIn(text) => {
                let width = text.width().max(1);
                (text.into(), width)
            }
        };
        let grapheme = Grapheme { pos, chars: cluster.chars().count(), width, text };
        pos += grapheme.chars;
        col += width;
        grapheme
    })
}

/// The width of `text` when it begins at column 0.
pub fn display_width(text: &str, tab: usize) -> usize {
    clusters(text).fold(0, |col, cluster| col + cluster_width(cluster, col, tab))
}

/// The column of `pos` on its line; inside a grapheme, the column of that grapheme. O(characters before it on the line).
pub fn column_of(buffer: &Buffer, pos: usize, tab: usize) -> usize {
    let pos = buffer.grapheme_at_or_before(pos);
    let start = buffer.line_start(buffer.line_of(pos));
    display_width(&buffer.slice(start..pos), tab)
}

/// The position on `line` whose grapheme covers column `col`; the end of the line if the line is shorter.
///
/// Never past the end of the line and never inside a grapheme. O(`col`), however long the line is.
pub fn pos_at_column(buffer: &Buffer, line: usize, col: usize, tab: usize) -> usize {
    let (start, end) = (buffer.line_start(line), buffer.line_end(line));
    // A grapheme takes a cell or more but any number of characters, so the first guess may have to grow.
    let mut reach = col.saturating_add(64);
    loop {
        let stop = start.saturating_add(reach).min(end);
        // Cut at a boundary, as the widths of half a grapheme mean nothing.
        let stop = buffer.grapheme_at_or_before(stop);
        let (mut pos, mut reached) = (start, 0);
        for cluster in clusters(&buffer.slice(start..stop)) {
            reached += cluster_width(cluster, reached, tab);
            if reached > col {
                return pos;
            }
            pos += cluster.chars().count();
        }
        if stop >= end {
            return pos;
        }
        reach = reach.saturating_mul(2);
    }
}

/// Splits at grapheme boundaries, with a short cut for plain ASCII, which is most text.
fn clusters(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let bytes = rest.as_bytes();
        let plain = match bytes {
            [] => return None,
            [first] => is_plain(*first),
            // What follows must not be able to join: no mark, no joiner.
            [first, second, ..] => is_plain(*first) && second.is_ascii(),
        };
        let len = if plain { 1 } else { rest.graphemes(true).next().map_or(rest.len(), str::len) };
        let (cluster, tail) = rest.split_at(len);
        rest = tail;
        Some(cluster)
    })
}

fn is_plain(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte)
}

/// How a grapheme appears.
enum Shown {
    Tab,
    AsIs(usize),
    StandIn(String),
}

fn cluster_width(cluster: &str, col: usize, tab: usize) -> usize {
    match shown(cluster) {
        Shown::Tab => tab_width(col, tab),
        Shown::AsIs(width) => width,
        Shown::StandIn(text) => text.width().max(1),
    }
}

fn tab_width(col: usize, tab: usize) -> usize {
    let tab = tab.max(1);
    tab - col % tab
}

fn shown(cluster: &str) -> Shown {
    if let [byte] = cluster.as_bytes()
        && is_plain(*byte)
    {
        return Shown::AsIs(1);
    }
    if cluster == "\t" {
        return Shown::Tab;
    }
    if cluster.chars().any(|c| control_stand_in(c).is_some()) {
        let parts = cluster.chars().map(|c| control_stand_in(c).unwrap_or_else(|| c.to_string()));
        return Shown::StandIn(parts.collect());
    }
    match cluster.width() {
        // A mark with nothing to sit on is drawn on the dotted circle that charts use for this.
        0 if cluster.chars().any(is_visible_mark) => Shown::StandIn(format!("\u{25CC}{cluster}")),
        0 => Shown::StandIn("\u{B7}".to_owned()),
        width => Shown::AsIs(width),
    }
}

/// What to draw for a character that would move the cursor, reorder the line or draw nothing.
fn control_stand_in(c: char) -> Option<String> {
    let picture = match c {
        // The block U+2400 holds a picture for each of U+0000 to U+001F.
        '\0'..='\u{1F}' => char::from_u32(0x2400 + c as u32)?,
        '\u{7F}' => '\u{2421}',
        '\u{80}'..='\u{9F}' => return Some(format!("<{:02x}>", c as u32)),
        '\u{2028}' => '\u{2424}',
        '\u{2029}' => '\u{B6}',
        '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => '\u{21C4}',
        _ => return None,
    };
    Some(picture.to_string())
}

fn is_visible_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{34E}' | '\u{350}'..='\u{36F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::samples;

    fn drawn(text: &str) -> String {
        graphemes(text, 0, 0, 4).map(|grapheme| grapheme.text).collect()
    }

    #[test]
    fn tabs_reach_to_the_next_stop() {
        assert_eq!(drawn("a\tb"), "a   b");
        assert_eq!(display_width("abcd\t", 4), 8);
        assert_eq!(display_width("\t\t", 0), 2);
        let after_two: Vec<usize> = graphemes("\t\t", 0, 2, 4).map(|grapheme| grapheme.width).collect();
        assert_eq!(after_two, [2, 4]);
    }

    #[test]
    fn nothing_is_invisible() {
        assert_eq!(drawn("\0\u{1b}\r\u{7f}\u{85}"), "␀␛␍␡<85>");
        assert_eq!(drawn("a\u{200B}b\u{FEFF}"), "a·b·");
        assert_eq!(drawn("\u{202E}x\u{2069}"), "⇄x⇄");
        assert_eq!(drawn("\u{301}a"), "\u{25CC}\u{301}a");
    }

    #[test]
    fn clusters_have_one_width() {
        let widths = |text| graphemes(text, 0, 0, 4).map(|g| (g.chars, g.width)).collect::<Vec<_>>();
        assert_eq!(widths("👨\u{200D}👩\u{200D}👧字e\u{301}"), [(5, 2), (1, 2), (2, 1)]);
    }

    #[test]
    fn a_column_inside_a_wide_grapheme_is_that_grapheme() {
        let buffer = Buffer::from_text("a字b\n");
        let at = |col| pos_at_column(&buffer, 0, col, 4);
        assert_eq!([at(0), at(1), at(2), at(3), at(4), at(99)], [0, 1, 1, 2, 3, 3]);
        assert_eq!(column_of(&buffer, 2, 4), 3);
    }

    proptest! {
        #[test]
        fn graphemes_cover_the_line_and_agree_with_the_width(text in samples::text(), tab in 0..9_usize) {
            let (mut pos, mut col) = (7, 0);
            let mut found = vec![0];
            for grapheme in graphemes(&text, 7, 0, tab) {
                prop_assert_eq!(grapheme.pos, pos);
                prop_assert!(grapheme.width >= 1);
                prop_assert_eq!(grapheme.text.width().max(1), grapheme.width);
                prop_assert!(!grapheme.text.chars().any(char::is_control));
                pos += grapheme.chars;
                col += grapheme.width;
                found.push(pos - 7);
            }
            prop_assert_eq!(found, samples::boundaries(&text));
            prop_assert_eq!(col, display_width(&text, tab));
        }

        #[test]
        fn any_column_is_a_boundary_on_its_line(text in samples::text(), line in 0..9_usize, col in 0..40_usize) {
            let buffer = Buffer::from_text(&text);
            let pos = pos_at_column(&buffer, line, col, 4);
            prop_assert!(samples::boundaries(&text).contains(&pos));
            prop_assert!(buffer.line_start(line) <= pos && pos <= buffer.line_end(line));
            prop_assert!(column_of(&buffer, pos, 4) <= col);
        }
    }

    proptest! {
        // The texts are long.
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn columns_and_positions_translate_back(text in samples::long_text(), tab in 1..9_usize) {
            let buffer = Buffer::from_text(&text);
            let boundaries = samples::boundaries(&text);
            // One in seven is enough of a long text, and keeps this fast.
            for &pos in boundaries.iter().step_by(7) {
                let line = buffer.line_of(pos);
                prop_assert_eq!(pos_at_column(&buffer, line, column_of(&buffer, pos, tab), tab), pos);
            }
        }
    }
}
