//! The screen: draws `&App`. A frame is a pure function of the program's state and the theme.
//!
//! Here are only the areas and their order: the page (or the help page over it), the header, the lines below, and what is
//! open in front of them. Where the areas are is [`layout`]'s business, what the lines say is [`crate::app::status`]'s,
//! how anything looks is [`theme`]'s. Rows and columns are terminal cells, 0-based. Whatever lies outside the frame is
//! not drawn, so no size is too small.

pub(crate) mod help;
pub(crate) mod lab;
pub(crate) mod page;
pub(crate) mod panel;
pub(crate) mod pen;
pub(crate) mod side;
pub(crate) mod status;
pub mod theme;

use ratatui::Frame;

use crate::app::App;
use crate::app::layout;
use crate::app::panel::Panel;
use crate::ui::theme::Theme;

/// Draws the program and puts the terminal's cursor where the next character goes.
pub fn draw(app: &App, theme: &Theme, frame: &mut Frame<'_>) {
    let screen = layout::screen(app);
    let words = crate::app::status::status(app);
    let buffer = frame.buffer_mut();
    match app.panel() {
        Panel::Help(top) => help::draw(app, *top, (theme, screen.geometry.cover()), buffer),
        _ => page::draw(app, theme, &screen, buffer),
    }
    if let Some(area) = screen.geometry.side {
        side::draw(app, theme, area, buffer);
    }
    status::draw(app, &words, (theme, screen.geometry), buffer);
    let cursor = match app.panel() {
        Panel::None => page::cursor(&screen),
        Panel::Help(_) => None,
        Panel::Question(question) => {
            panel::question(question, (theme, screen.geometry), buffer);
            None
        }
        Panel::Prompt(prompt) => Some(panel::prompt(app, prompt, (theme, screen.geometry), buffer)),
    };
    if let Some((x, y)) = cursor.filter(|&(x, y)| x < buffer.area.width && y < buffer.area.height) {
        frame.set_cursor_position((x, y));
    }
}

#[cfg(test)]
mod tests;
