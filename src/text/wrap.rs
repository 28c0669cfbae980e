//! Soft wrap: divides one line into rows that fit a width.
//!
//! Works on [`WrapItem`]s rather than on text, since the cells of a hole are wrapped together with the graphemes around
//! it. The unit of widths is the terminal cell, of rows the item index. [`items`] makes the items of plain text.

use std::ops::Range;

use crate::text::measure;

/// Something drawn that is never divided: a grapheme, or one cell of a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrapItem {
    /// Cells it takes.
    pub width: usize,
    /// Whether it is white space: a row may end behind it, and at the end of a row it may stand past the edge.
    pub is_space: bool,
    /// Whether a row may end behind it although it is no space (a hyphen, an ideograph).
    pub may_break_after: bool,
}

/// The rows of a line as ranges of item indices, in order.
///
/// Greedy: a row ends at its last place where it may, or where it is full if there is none. Spaces behind the last word of
/// a row stay on it, past the edge if need be; the rest fits `width` (0 counts as 1), except an item wider than that,
/// which is alone with such spaces. There is always a row, and every item is in exactly one. O(items).
pub fn wrap(items: &[WrapItem], width: usize) -> Vec<Range<usize>> {
    wrap_hanging(items, width, 0)
}

/// The same, with rows behind the first that are narrower by `indent`.
pub fn wrap_hanging(items: &[WrapItem], width: usize, indent: usize) -> Vec<Range<usize>> {
    let mut rows: Vec<Range<usize>> = Vec::new();
    let (mut start, mut col) = (0, 0);
    let mut last_break = None;
    for (i, item) in items.iter().enumerate() {
        let room = |rows: &[Range<usize>]| width.saturating_sub(if rows.is_empty() { 0 } else { indent }).max(1);
        while !item.is_space && i > start && col + item.width > room(&rows) {
            let end = last_break.take().unwrap_or(i);
            rows.push(start..end);
            start = end;
            col = items[start..i].iter().map(|item| item.width).sum();
        }
        col += item.width;
        if item.is_space || item.may_break_after {
            last_break = Some(i + 1);
        }
    }
    rows.push(start..items.len());
    rows
}

/// The items of a line of plain text that begins at column 0, one for each of its [`measure::graphemes`].
pub fn items(line_text: &str, tab: usize) -> Vec<WrapItem> {
    let mut items: Vec<WrapItem> = Vec::new();
    let mut chars = line_text.chars();
    for grapheme in measure::graphemes(line_text, 0, 0, tab) {
        let first = chars.next().unwrap_or(' ');
        if let Some(skipped) = grapheme.chars.checked_sub(2) {
            chars.nth(skipped);
        }
        let next = chars.clone().next();
        items.push(WrapItem {
            width: grapheme.width,
            is_space: is_breaking_space(first),
            may_break_after: may_break_between(first, next),
        });
    }
    items
}

/// White space that a row may end behind; no-break spaces are none.
pub fn is_breaking_space(c: char) -> bool {
    c.is_whitespace() && !matches!(c, '\u{A0}' | '\u{2007}' | '\u{202F}')
}

/// Whether a row may end between two neighbouring graphemes, given the first character of each, where neither is a space:
/// behind a hyphen or dash before a letter, and next to ideographs and kana, but not before closing punctuation or behind
/// opening punctuation. A small part of UAX #14.
pub fn may_break_between(before: char, after: Option<char>) -> bool {
    let Some(after) = after else { return true };
    match before {
        '-' | '\u{2010}' | '\u{2013}' | '\u{2014}' => after.is_alphabetic(),
        '\u{AD}' | '\u{200B}' => true,
        _ => (is_cjk(before) || is_cjk(after)) && !is_closing(after) && !is_opening(before),
    }
}

fn is_cjk(c: char) -> bool {
    matches!(c, '\u{2E80}'..='\u{A4CF}' | '\u{AC00}'..='\u{D7A3}' | '\u{F900}'..='\u{FAFF}' | '\u{FF00}'..='\u{FF9F}'
        | '\u{20000}'..='\u{3FFFF}')
}

fn is_opening(c: char) -> bool {
    matches!(
        c,
        '(' | '['
            | '{'
            | '\u{201C}'
            | '\u{2018}'
            | '\u{3008}'
            | '\u{300A}'
            | '\u{300C}'
            | '\u{300E}'
            | '\u{3010}'
            | '\u{3014}'
            | '\u{3016}'
            | '\u{FF08}'
            | '\u{FF3B}'
            | '\u{FF5B}'
    )
}

fn is_closing(c: char) -> bool {
    matches!(
        c,
        ')' | ']'
            | '}'
            | ','
            | '.'
            | ';'
            | ':'
            | '!'
            | '?'
            | '\u{201D}'
            | '\u{2019}'
            | '\u{3001}'
            | '\u{3002}'
            | '\u{3005}'
            | '\u{3009}'
            | '\u{300B}'
            | '\u{300D}'
            | '\u{300F}'
            | '\u{3011}'
            | '\u{3015}'
            | '\u{3017}'
            | '\u{30FB}'
            | '\u{30FC}'
            | '\u{FF01}'
            | '\u{FF09}'
            | '\u{FF0C}'
            | '\u{FF0E}'
            | '\u{FF1A}'
            | '\u{FF1B}'
            | '\u{FF1F}'
            | '\u{FF3D}'
            | '\u{FF5D}'
    ) || matches!(
        c,
        '\u{3041}'
            | '\u{3043}'
            | '\u{3045}'
            | '\u{3047}'
            | '\u{3049}'
            | '\u{3063}'
            | '\u{3083}'
            | '\u{3085}'
            | '\u{3087}'
            | '\u{30A1}'
            | '\u{30A3}'
            | '\u{30A5}'
            | '\u{30A7}'
            | '\u{30A9}'
            | '\u{30C3}'
            | '\u{30E3}'
            | '\u{30E5}'
            | '\u{30E7}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use unicode_segmentation::UnicodeSegmentation;

    use super::*;
    use crate::text::samples;

    #[track_caller]
    fn check(text: &str, width: usize, expected: &[&str]) {
        let graphemes: Vec<&str> = text.graphemes(true).collect();
        let rows: Vec<String> = wrap(&items(text, 4), width).into_iter().map(|row| graphemes[row].concat()).collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn rows_end_behind_words() {
        check("the boat came in", 9, &["the boat ", "came in"]);
        check("the boat came in", 8, &["the boat ", "came in"]);
        check("the boat", 7, &["the ", "boat"]);
        check("", 5, &[""]);
    }

    #[test]
    fn words_longer_than_a_row_are_broken() {
        check("a lighthouse", 5, &["a ", "light", "house"]);
        check("abc", 0, &["a", "b", "c"]);
    }

    #[test]
    fn hyphens_and_ideographs_are_places_to_break() {
        check("well-known", 7, &["well-", "known"]);
        check("-5 x", 3, &["-5 ", "x"]);
        check("漢字漢字。", 8, &["漢字漢", "字。"]);
        check("a漢字", 3, &["a漢", "字"]);
    }

    #[test]
    fn a_no_break_space_holds_words_together() {
        check("to 5\u{A0}km", 5, &["to ", "5\u{A0}km"]);
    }

    #[test]
    fn an_item_wider_than_the_row_has_a_row() {
        check("漢字", 1, &["漢", "字"]);
    }

    fn item() -> impl Strategy<Value = WrapItem> {
        (0..4_usize, any::<bool>(), any::<bool>()).prop_map(|(width, is_space, may_break_after)| WrapItem {
            width,
            is_space,
            may_break_after,
        })
    }

    proptest! {
        #[test]
        fn rows_cover_every_item_once_and_fit(items in vec(item(), 0..40), width in 0..9_usize) {
            let rows = wrap(&items, width);
            prop_assert!(!rows.is_empty());
            prop_assert_eq!(rows.iter().cloned().flatten().collect::<Vec<_>>(), (0..items.len()).collect::<Vec<_>>());
            for row in &rows {
                prop_assert!(items.is_empty() || !row.is_empty());
                let row = &items[row.clone()];
                let hanging = row.iter().rev().take_while(|item| item.is_space).count();
                let solid = &row[..row.len() - hanging];
                let total: usize = solid.iter().map(|item| item.width).sum();
                prop_assert!(total <= width.max(1) || solid.len() == 1);
            }
        }

        /// No row could have taken in the next unbreakable piece, and a piece is broken only if it fits no row.
        #[test]
        fn rows_are_as_long_as_they_may_be(items in vec(item(), 0..40), width in 1..9_usize) {
            for pair in wrap(&items, width).windows(2) {
                let (row, next) = (pair[0].clone(), pair[1].clone());
                let may_end = |i: usize| items[i].is_space || items[i].may_break_after;
                let piece_end = (next.start..items.len()).find(|&i| may_end(i)).map_or(items.len(), |i| i + 1);
                let sum = |range: Range<usize>| items[range].iter().map(|item| item.width).sum::<usize>();
                if may_end(row.end - 1) {
                    let solid_end = (next.start..piece_end).find(|&i| items[i].is_space).unwrap_or(piece_end);
                    prop_assert!(sum(row.start..solid_end) > width);
                } else {
                    prop_assert!(!(row.start..row.end).any(may_end));
                    prop_assert!(sum(row.start..next.start + 1) > width);
                }
            }
        }

        #[test]
        fn text_has_an_item_for_each_grapheme(text in samples::text()) {
            let text = text.replace('\n', "");
            let widths: Vec<usize> = measure::graphemes(&text, 0, 0, 4).map(|grapheme| grapheme.width).collect();
            prop_assert_eq!(items(&text, 4).iter().map(|item| item.width).collect::<Vec<_>>(), widths);
        }
    }
}
