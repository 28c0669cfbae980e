//! The text area: rows as the layout made them, the margin with line numbers, and the words of an empty document.
//!
//! Nothing is laid out here. Columns of a row count from the left edge of the text before scrolling; a glyph that the
//! window cuts in two leaves blanks.

use ratatui::buffer::Buffer;
use ratatui::style::Style;

use crate::app::App;
use crate::app::layout::pane::Pane;
use crate::app::layout::{Row, Screen};
use crate::app::view::{Area, Window};
use crate::ui::pen;
use crate::ui::theme::Theme;

/// Windows narrower than this have no signs for lines that go on beyond them.
const SIGNS_FROM: u16 = 10;

/// Draws the windows: their text, their margins, and what they are called where there are two.
pub(crate) fn draw(app: &App, theme: &Theme, screen: &Screen, buffer: &mut Buffer) {
    window(app.pane(), &screen.rows, theme, buffer);
    if let Some(other) = app.other_pane() {
        window(other, &screen.other, theme, buffer);
        for pane in [app.pane(), other] {
            heading(pane, theme, buffer);
        }
        // Side by side there is a column between them.
        let (here, other) = (screen.geometry.here.page, other.window.page);
        let right = if here.x > other.x { here } else { other };
        if let Some(x) = right.x.checked_sub(1).filter(|_| here.y == other.y) {
            for y in right.y.saturating_sub(1)..right.y + right.height {
                pen::put(buffer, (x, y), theme.glyphs.column, 1, theme.words.rule);
            }
        }
    }
    let document = app.document();
    if document.buffer().is_empty() && !document.is_dirty() && document.holes().is_empty() {
        welcome(app, theme, screen.geometry.here.text, buffer);
    }
}

/// Draws the text and its margin.
fn window(pane: Pane<'_>, rows: &[Row], theme: &Theme, buffer: &mut Buffer) {
    let (area, document, settings) = (pane.window.text, pane.document, pane.settings);
    let here = document.buffer().line_of(pane.selections.primary().head);
    let (start, end) = (document.buffer().line_start(here), document.buffer().line_end(here));
    for (row, y) in rows.iter().zip(area.y..area.y.saturating_add(area.height)) {
        if area.x > pane.window.page.x {
            let number = row.line.filter(|_| settings.line_numbers);
            margin(row, (number, number == Some(here)), (theme, pane.window, y), buffer);
        }
        let left = if settings.soft_wrap { 0 } else { pane.view.left() };
        let is_current = pane.has_keys && row.range.start >= start && row.range.end <= end;
        let ground = if settings.current_line && is_current { theme.page.line_here } else { Style::new() };
        if ground.bg.is_some() {
            pen::blank(buffer, (area.x, y), usize::from(area.width), ground);
        }
        text(row, (area, y, left), (theme, ground), buffer);
        if !settings.soft_wrap && area.width >= SIGNS_FROM {
            if left > 0 && row.width() > 0 {
                pen::glyph(buffer, (area.x, y), theme.glyphs.beyond_left, 1, theme.page.aside);
            }
            if row.width() > left + usize::from(area.width) {
                let last = area.x + area.width - 1;
                pen::glyph(buffer, (last, y), theme.glyphs.beyond_right, 1, theme.page.aside);
            }
        }
    }
}

/// A window's document, on the rule above it; the one with the keys has a sign before it.
fn heading(pane: Pane<'_>, theme: &Theme, buffer: &mut Buffer) {
    let (page, Some(y)) = (pane.window.page, pane.window.heading) else { return };
    let columns = usize::from(page.width);
    pen::fill(buffer, (page.x, y), theme.glyphs.rule, columns, theme.words.rule);
    let sign = if pane.has_keys { theme.glyphs.chosen } else { "" };
    let dirty = if pane.document.is_dirty() { theme.glyphs.dirty } else { "" };
    let pieces = [sign, &pane.document.name(), dirty];
    let name = pieces.into_iter().filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join(" ");
    let style = if pane.has_keys { theme.words.strong } else { theme.words.quiet };
    let room = columns.saturating_sub(4);
    pen::put(buffer, (page.x + 2, y), &format!(" {} ", pen::shorten(&name, room.saturating_sub(2))), room, style);
}

/// Where the cursor stands: column and row of the screen.
pub(crate) fn cursor(screen: &Screen) -> Option<(u16, u16)> {
    let (row, column) = screen.caret?;
    let area = screen.geometry.here.text;
    Some((area.x.saturating_add(column as u16), area.y.saturating_add(row as u16)))
}

/// `line`: the number to be shown, and whether it is that of the caret's line.
fn margin(row: &Row, line: (Option<usize>, bool), (theme, window, y): (&Theme, Window, u16), buffer: &mut Buffer) {
    let first = window.page.x;
    let bar = window.text.x.saturating_sub(2).max(first);
    if let (Some(line), is_here) = line
        && bar > first
    {
        let style = if is_here { theme.page.number_here } else { theme.page.number };
        let number = format!("{:>1$}", line + 1, usize::from(bar - first - 1));
        pen::put(buffer, (first, y), &number, usize::from(bar - first), style);
    }
    if let Some(step) = row.heat.map(usize::from) {
        let style =
            step.checked_sub(1).and_then(|at| theme.heat.get(at)).map_or(theme.page.number, |it| Theme::ink(*it));
        let glyph = theme.glyphs.heat.get(step).copied().unwrap_or_default();
        pen::glyph(buffer, (bar.saturating_sub(1).max(first), y), glyph, 1, style);
    }
    if row.holds_hole {
        let runs = row.glyphs.iter().any(|glyph| glyph.cell.is_some());
        let style = if runs { theme.page.bar_run } else { theme.page.bar_hole };
        pen::glyph(buffer, (bar, y), theme.glyphs.margin, 1, style);
    }
}

fn text(row: &Row, (area, y, left): (Area, u16, usize), (theme, ground): (&Theme, Style), buffer: &mut Buffer) {
    let right = left + usize::from(area.width);
    let mut column = row.indent;
    let x = |column: usize| area.x + (column - left) as u16;
    for glyph in &row.glyphs {
        let (start, end) = (column, column + glyph.width);
        column = end;
        let (from, to) = (start.max(left), end.min(right));
        if from >= to {
            continue;
        }
        let style = ground.patch(theme.glyph(glyph.look, glyph.marks));
        if (from, to) == (start, end) {
            pen::glyph(buffer, (x(start), y), &glyph.text, glyph.width, style);
        } else {
            pen::blank(buffer, (x(from), y), to - from, style);
        }
    }
    if (row.break_selected || row.caret_at_end) && (left..right).contains(&column) {
        let style = if row.caret_at_end { theme.page.caret } else { theme.page.selected };
        pen::blank(buffer, (x(column), y), 1, style);
    }
}

/// Tells a newcomer what to do, below the caret's row, while there is nothing else to see.
fn welcome(app: &App, theme: &Theme, area: Area, buffer: &mut Buffer) {
    let key = |command: &str| app.settings().keys.key_of(command).unwrap_or_else(|| command.to_owned());
    let lines = [
        format!("Type or paste a text, or open a file with {}.", key("open")),
        format!("{} puts a hole where words are missing; {} fills it.", key("hole"), key("run")),
        format!("{} shows all keys and what the marks on the screen mean.", key("help")),
    ];
    let columns = usize::from(area.width.saturating_sub(1)).max(1);
    let rows = lines.iter().flat_map(|line| pen::wrapped(line, columns));
    let (first, end) = (area.y.saturating_add(2), area.y.saturating_add(area.height));
    for (row, y) in rows.zip(first..end) {
        pen::put(buffer, (area.x, y), &row, columns, theme.page.aside);
    }
}
