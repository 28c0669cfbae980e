//! The help page over the text: keys, marks as they look, and what each means, from the tables in [`crate::app::help`].
//!
//! Sentences are wrapped behind a column of keys, so a line of the page takes one row or more; scrolling is by lines.

use ratatui::buffer::Buffer;
use ratatui::style::Style;

use crate::app::App;
use crate::app::help::{Line, page};
use crate::app::layout::{Look, Marks};
use crate::app::view::Area;
use crate::ui::pen;
use crate::ui::theme::Theme;

/// Columns of the keys in a wide and in a narrow window.
const KEYS: [usize; 2] = [24, 14];

/// A window is wide from this many columns on.
const WIDE: usize = 60;

/// Sentences are not wider than this, however wide the window is.
const MOST: usize = 90;

/// Draws the page from line `top` on, over the text and its margin.
pub(crate) fn draw(app: &App, top: usize, (theme, area): (&Theme, Area), buffer: &mut Buffer) {
    let columns = usize::from(area.x) + usize::from(area.width);
    let end = area.y.saturating_add(area.height);
    let mut y = area.y;
    for line in page(&app.settings().keys).iter().skip(top) {
        if y >= end {
            return;
        }
        y = draw_line(line, (theme, columns), (y, end), buffer);
    }
}

/// What the status row says while the page is open.
pub(crate) fn place(app: &App, top: usize) -> String {
    let lines = page(&app.settings().keys).len();
    format!("help   line {} of {lines}", top.min(lines - 1) + 1)
}

/// Draws a line of the page; returns the row behind it.
fn draw_line(line: &Line, (theme, columns): (&Theme, usize), (y, end): (u16, u16), buffer: &mut Buffer) -> u16 {
    let keys = KEYS[usize::from(columns < WIDE)];
    match line {
        Line::Gap => y + 1,
        Line::Heading(text) => {
            pen::put(buffer, (1, y), text, columns.saturating_sub(1), theme.words.strong);
            y + 1
        }
        Line::Text(text) => rows(text, (1, columns, theme.words.plain), (y, end), buffer),
        Line::Key { keys: shown, command, doc } => {
            let shown = if shown.is_empty() { (*command).to_owned() } else { fitting(shown, keys - 2) };
            pen::put(buffer, (2, y), &shown, columns.saturating_sub(2).min(keys - 2), theme.words.key);
            rows(doc, (keys + 2, columns, theme.words.plain), (y, end), buffer)
        }
        Line::Mark { sample, look, marks, meaning } => {
            let style = mark_style(sample, (*look, *marks), theme);
            pen::put(buffer, (2, y), sample, columns.saturating_sub(2), style);
            rows(meaning, (keys + 2, columns, theme.words.plain), (y, end), buffer)
        }
    }
}

fn mark_style(sample: &str, (look, marks): (Look, Marks), theme: &Theme) -> Style {
    if sample == theme.glyphs.margin { theme.page.bar_run } else { theme.glyph(look, marks) }
}

/// Writes a sentence from column `x` on, in as many rows as it takes; returns the row behind it.
fn rows(text: &str, (x, columns, style): (usize, usize, Style), (y, end): (u16, u16), buffer: &mut Buffer) -> u16 {
    let room = columns.saturating_sub(x + 1).min(MOST);
    if room < 8 {
        return y + 1;
    }
    let rows = pen::wrapped(text, room);
    for (row, y) in rows.iter().zip(y..end) {
        pen::put(buffer, (x as u16, y), row, room, style);
    }
    y.saturating_add(rows.len() as u16)
}

/// As many of the keys as fit, the first ones, whole.
fn fitting(keys: &str, columns: usize) -> String {
    let mut shown = String::new();
    for key in keys.split(' ') {
        if !shown.is_empty() && pen::width(&shown) + 1 + pen::width(key) > columns {
            break;
        }
        if !shown.is_empty() {
            shown.push(' ');
        }
        shown.push_str(key);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_do_not_fit_are_left_out_whole() {
        assert_eq!(fitting("ctrl-left alt-left alt-b", 22), "ctrl-left alt-left");
        assert_eq!(fitting("ctrl-left", 4), "ctrl-left", "one is always there");
    }
}
