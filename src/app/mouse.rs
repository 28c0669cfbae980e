//! The mouse: clicks put the caret, drags select, the wheel scrolls.

use crate::app::App;
use crate::app::keymap::Context;
use crate::app::layout;
use crate::app::layout::moves::{Spot, Walker, spot_at};
use crate::app::message::{Mouse, MouseKind};
use crate::app::panel::Panel;
use crate::text::motion;
use crate::text::selection::Selection;

/// Rows that one notch of the wheel scrolls.
const WHEEL: usize = 3;

impl App {
    pub(crate) fn take_mouse(&mut self, mouse: Mouse) {
        match (&mut self.panel, mouse.kind) {
            (Panel::Help(top), MouseKind::ScrollUp) => *top = top.saturating_sub(WHEEL),
            (Panel::Help(top), MouseKind::ScrollDown) => {
                *top = (*top + WHEEL).min(crate::app::help::page(&self.settings.keys).len().saturating_sub(1));
            }
            (Panel::None, MouseKind::Down) => self.mouse_down(mouse),
            (Panel::None, MouseKind::Drag) if self.view.dragging => {
                let spot = self.spot_under(mouse);
                self.view.caret_cell = None;
                self.document.select(self.document.selection().extend_to(spot.pos));
            }
            (_, MouseKind::Up) => self.view.dragging = false,
            (Panel::None, MouseKind::ScrollUp) => self.scroll(|walker| walker.up()),
            (Panel::None, MouseKind::ScrollDown) => self.scroll(|walker| walker.down()),
            _ => {}
        }
    }

    fn mouse_down(&mut self, mouse: Mouse) {
        let area = layout::geometry(self).text;
        if !(area.y..area.y + area.height).contains(&mouse.row) {
            return;
        }
        self.notice = None;
        self.focus = Context::Text;
        self.view.dragging = true;
        self.view.goal = None;
        self.document.break_group();
        let spot = self.spot_under(mouse);
        let buffer = self.document.buffer();
        let selection = match mouse.clicks {
            _ if mouse.shift => self.document.selection().extend_to(spot.pos),
            2 => to_selection(motion::word_range_at(buffer, spot.pos)),
            3.. => to_selection(motion::line_range_at(buffer, spot.pos)),
            _ => Selection::caret(spot.pos),
        };
        self.document.select(selection);
        self.view.caret_cell = if selection.is_caret() { spot.cell } else { None };
    }

    /// The spot under the mouse, or the nearest one when it is outside the text.
    fn spot_under(&self, mouse: Mouse) -> Spot {
        let area = layout::geometry(self).text;
        let row = mouse.row.saturating_sub(area.y).min(area.height.saturating_sub(1));
        let column = usize::from(mouse.column.saturating_sub(area.x)) + self.view.left;
        let mut walker = Walker::new(self, self.view.top);
        let beyond = (0..row).any(|_| !walker.down());
        if beyond { spot_at(self, walker.row(), usize::MAX) } else { spot_at(self, walker.row(), column) }
    }

    fn scroll(&mut self, step: fn(&mut Walker<'_>) -> bool) {
        let mut walker = Walker::new(self, self.view.top);
        for _ in 0..WHEEL {
            step(&mut walker);
        }
        self.view.top = walker.top();
    }
}

pub(crate) fn to_selection(range: std::ops::Range<usize>) -> Selection {
    Selection::new(range.start, range.end)
}
