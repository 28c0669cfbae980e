//! The columns of the lab: a branch in each, as far as it is after the passes of the step on the screen.
//!
//! What is masked is noise, as in the text itself; under each column stand its passes, its time and how likely its words
//! were when they were written.

use ratatui::buffer::Buffer;
use ratatui::style::Style;

use crate::app::lab::{Column, Placed};
use crate::app::side::in_one_row;
use crate::app::status::count;
use crate::app::view::Area;
use crate::engine::protocol::CellState;
use crate::text::{measure, wrap};
use crate::ui::pen;
use crate::ui::theme::Theme;

/// Signs for a position of which nothing is known.
const NOISE: &str = "░░░";

/// Draws as many columns as there is room for, that of the branch on the screen among them; how many are left out.
pub(super) fn draw(columns: &[Column<'_>], guesses: bool, theme: &Theme, area: Area, buffer: &mut Buffer) -> usize {
    let placed = Placed::new(columns, area.width);
    for (index, column) in columns.iter().skip(placed.first).take(placed.count).enumerate() {
        let x = area.x + index as u16 * placed.width;
        draw_column(column, guesses, theme, Area { x, width: placed.width, ..area }, buffer);
    }
    columns.len().saturating_sub(placed.count)
}

fn draw_column(column: &Column<'_>, guesses: bool, theme: &Theme, area: Area, buffer: &mut Buffer) {
    let room = usize::from(area.width.saturating_sub(4));
    let (x, end) = (area.x + 3, area.y + area.height);
    if area.height == 0 {
        return;
    }
    let mut head = format!("{} {}", column.name, column.sampler);
    head.extend(column.model.iter().map(|model| format!(" {model}")));
    head.extend(column.seed.map(|seed| format!(" #{seed}")));
    let style = if column.is_shown { theme.words.strong } else { theme.words.plain };
    pen::put(buffer, (area.x + 1, area.y), if column.is_shown { theme.glyphs.chosen } else { "" }, 1, theme.words.key);
    pen::put(buffer, (x, area.y), &head, room, style);
    let (now, all) = column.passes;
    let passes = if now < all { format!("{now} of {}", count(all, "pass")) } else { count(all, "pass") };
    let mut numbers = vec![format!("{:.1} s", column.seconds)];
    numbers.extend(column.likelihood.map(|log| format!("log p {log:.2}")));
    let together = numbers.join(" · ");
    if measure::display_width(&together, 1) <= room {
        numbers = vec![together];
    }
    numbers.insert(0, passes);
    // Where there is little room, the words go before the numbers.
    let below = numbers.len().min(usize::from(area.height.saturating_sub(2)));
    let bottom = end - below as u16;
    for (line, y) in numbers.iter().zip(bottom..end) {
        pen::put(buffer, (x, y), line, room, theme.words.quiet);
    }
    let mut y = area.y + 1;
    for cells in &column.holes {
        let (mut text, mut styles) = (String::new(), Vec::with_capacity(cells.len()));
        for cell in cells {
            let is_noise = cell.text.is_empty() && !cell.state.is_written()
                || cell.state == CellState::Masked
                || cell.state == CellState::Tentative && !guesses;
            text += &if is_noise { NOISE.to_owned() } else { in_one_row(&cell.text) };
            styles.push((text.len(), theme.cell(cell.state, false)));
        }
        let graphemes: Vec<_> = measure::graphemes(&text, 0, 0, 1).collect();
        let mut byte = 0;
        for row in wrap::wrap(&wrap::items(&text, 1), room) {
            let mut at = x;
            for (index, grapheme) in graphemes[row].iter().enumerate() {
                let style = styles.iter().find(|(end, _)| byte < *end).map_or(Style::new(), |(_, style)| *style);
                byte += grapheme.text.len();
                // The blank that the first word of a hole often begins with is none of the column's.
                if y < bottom && (index > 0 || grapheme.text != " ") {
                    pen::glyph(buffer, (at, y), &grapheme.text, grapheme.width, style);
                    at += grapheme.width as u16;
                }
            }
            y += 1;
        }
    }
}
