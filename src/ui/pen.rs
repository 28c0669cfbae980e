//! Drawing of words into the cells of a frame: the only code that writes to a buffer.
//!
//! Units are terminal cells. Nothing here can write outside the frame: what does not fit is left out, words that are cut
//! end in `…`. Widths are those of [`measure`], whatever the terminal library thinks: each glyph stands in its own column,
//! so a glyph of doubtful width cannot shift what follows it.

use std::num::NonZeroU16;

use ratatui::buffer::{Buffer, CellDiffOption, CellWidth};
use ratatui::style::Style;

use crate::text::measure;
use crate::text::wrap;
use crate::ui::theme::ELLIPSIS;

/// Columns of a text.
pub(crate) fn width(text: &str) -> usize {
    measure::display_width(text, 1)
}

/// The text in at most `columns` columns; one that is cut ends in an ellipsis.
pub(crate) fn shorten(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(width(ELLIPSIS));
    let fits = measure::graphemes(text, 0, 0, 1).take_while(|grapheme| {
        let fits = grapheme.width <= left;
        left = left.saturating_sub(grapheme.width);
        fits
    });
    let mut short: String = fits.map(|grapheme| grapheme.text).collect();
    short.truncate(short.trim_end().len());
    if columns > 0 {
        short.push_str(ELLIPSIS);
    }
    short
}

/// The text in rows of at most `columns` columns, broken at words.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let graphemes: Vec<_> = measure::graphemes(text, 0, 0, 1).collect();
    wrap::wrap(&wrap::items(text, 1), columns)
        .into_iter()
        .map(|row| graphemes[row].iter().map(|grapheme| grapheme.text.as_str()).collect::<String>())
        .map(|row| row.trim_end().to_owned())
        .collect()
}

/// Writes a text from column `x` on, in at most `columns` columns; returns the column behind it.
pub(crate) fn put(buffer: &mut Buffer, (x, y): (u16, u16), text: &str, columns: usize, style: Style) -> u16 {
    let room = usize::from(buffer.area.width.saturating_sub(x)).min(columns);
    let mut at = x;
    for grapheme in measure::graphemes(&shorten(text, room), 0, 0, 1) {
        glyph(buffer, (at, y), &grapheme.text, grapheme.width, style);
        at = at.saturating_add(grapheme.width as u16);
    }
    at
}

/// Draws one glyph that takes `columns` columns. One that does not fit in the frame leaves its columns blank.
pub(crate) fn glyph(buffer: &mut Buffer, (x, y): (u16, u16), text: &str, columns: usize, style: Style) {
    if usize::from(x) + columns > usize::from(buffer.area.width) {
        blank(buffer, (x, y), columns, style);
        return;
    }
    // Most of what is drawn, and about it there is nothing to find out.
    if let [sign @ b' '..=b'~'] = text.as_bytes() {
        if let Some(cell) = buffer.cell_mut((x, y)) {
            cell.reset();
            cell.set_char(char::from(*sign)).set_style(style);
        }
        return;
    }
    let mut at = x;
    for part in measure::graphemes(text, 0, 0, 1) {
        blank(buffer, (at, y), part.width, style);
        if let Some(cell) = buffer.cell_mut((at, y)) {
            cell.set_symbol(&part.text);
            if usize::from(cell.cell_width()) != part.width
                && let Some(width) = NonZeroU16::new(part.width as u16)
            {
                cell.set_diff_option(CellDiffOption::ForcedWidth(width));
            }
        }
        at = at.saturating_add(part.width as u16);
    }
}

/// Blanks so many columns.
pub(crate) fn blank(buffer: &mut Buffer, (x, y): (u16, u16), columns: usize, style: Style) {
    for column in 0..columns.min(usize::from(buffer.area.width.saturating_sub(x))) {
        if let Some(cell) = buffer.cell_mut((x + column as u16, y)) {
            cell.reset();
            cell.set_style(style);
        }
    }
}

/// Fills a row from column `x` on with copies of a glyph one column wide.
pub(crate) fn fill(buffer: &mut Buffer, (x, y): (u16, u16), sign: &str, columns: usize, style: Style) {
    for column in 0..columns.min(usize::from(buffer.area.width.saturating_sub(x))) {
        glyph(buffer, (x + column as u16, y), sign, 1, style);
    }
}

/// Writes a sentence in rows that end at row `bottom` and grow upwards, over whatever is there, to half the screen at
/// most. `sign` stands before its first row.
pub(crate) fn sentence(buffer: &mut Buffer, bottom: u16, sign: &str, text: &str, style: Style) {
    let columns = usize::from(buffer.area.width);
    let indent = if sign.is_empty() { 0 } else { width(sign) + 1 } + usize::from(columns > 2);
    let mut rows = wrapped(text, columns.saturating_sub(indent + 1).max(1));
    let most = usize::from(bottom + 1).min(usize::from(buffer.area.height / 2).max(1));
    if rows.len() > most {
        let rest = rows.split_off(most - 1).join(" ");
        rows.push(rest);
    }
    let top = (bottom + 1).saturating_sub(rows.len() as u16);
    for (row, y) in rows.iter().zip(top..) {
        blank(buffer, (0, y), columns, Style::new());
        put(buffer, (indent as u16, y), row, columns.saturating_sub(indent), style);
    }
    if !sign.is_empty() {
        put(buffer, (u16::from(columns > 2), top), sign, columns, style);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;

    #[test]
    fn what_is_cut_ends_in_an_ellipsis() {
        assert_eq!(shorten("lighthouse.md", 20), "lighthouse.md");
        assert_eq!(shorten("lighthouse.md", 13), "lighthouse.md");
        assert_eq!(shorten("lighthouse.md", 6), "light…");
        assert_eq!(shorten("灯台守.md", 6), "灯台…");
        assert_eq!(shorten("a b c", 3), "a…");
        assert_eq!(shorten("ab", 1), "…");
        assert_eq!(shorten("ab", 0), "");
    }

    #[test]
    fn sentences_break_at_words() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("", 8), [""]);
    }

    #[test]
    fn a_glyph_of_doubtful_width_takes_the_columns_it_is_given() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 1));
        // The terminal library counts the sound mark as a column of its own.
        let end = put(&mut buffer, (0, 0), "ｶﾞx", 8, Style::new());
        assert_eq!(usize::from(end), width("ｶﾞx"));
        assert_eq!(buffer[(end - 1, 0)].symbol(), "x");
        let shown: usize =
            Buffer::empty(buffer.area).diff(&buffer).iter().filter(|(.., cell)| cell.symbol() == "x").count();
        assert_eq!(shown, 1, "the glyph behind it is drawn");
    }
}
