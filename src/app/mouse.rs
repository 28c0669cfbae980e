//! The mouse: clicks put the caret, drags select, the wheel scrolls; on the bar of a run's steps they go through those. What
//! is listed, offered or hinted at is done by a click on it.

use crate::app::App;
use crate::app::commands::branch;
use crate::app::keymap::Context;
use crate::app::lab::Placed;
use crate::app::layout;
use crate::app::layout::moves::{Spot, Walker, spot_at};
use crate::app::message::{Mouse, MouseKind};
use crate::app::panel::Panel;
use crate::app::side::Side;
use crate::engine::protocol::Act;
use crate::text::motion;
use crate::text::selection::Selection;

/// Rows that one notch of the wheel scrolls.
const WHEEL: usize = 3;

impl App {
    pub(crate) fn take_mouse(&mut self, mouse: Mouse) {
        if mouse.kind == MouseKind::Down && self.press_hint((mouse.column, mouse.row)) {
            return;
        }
        self.pending.clear();
        match (&mut self.panel, mouse.kind) {
            (Panel::Help(top), MouseKind::ScrollUp) => *top = top.saturating_sub(WHEEL),
            (Panel::Help(top), MouseKind::ScrollDown) => {
                *top = (*top + WHEEL).min(crate::app::help::page(&self.settings.keys).len().saturating_sub(1));
            }
            (Panel::Prompt(_), MouseKind::Down) => self.click_in_prompt(mouse.row),
            (Panel::Prompt(_), MouseKind::ScrollUp) => self.go_through_list(-1),
            (Panel::Prompt(_), MouseKind::ScrollDown) => self.go_through_list(1),
            (Panel::None, MouseKind::Down) => self.mouse_down(mouse),
            (Panel::None, MouseKind::Drag) if self.view.scrubbing => self.scrub_under(mouse),
            (Panel::None, MouseKind::Drag) if self.view.dragging => {
                let spot = self.spot_under(mouse);
                self.view.caret_cell = None;
                self.document.select(self.document.selection().extend_to(spot.pos));
            }
            (_, MouseKind::Up) => (self.view.dragging, self.view.scrubbing) = (false, false),
            (Panel::None, MouseKind::ScrollUp) => self.wheel(mouse, true),
            (Panel::None, MouseKind::ScrollDown) => self.wheel(mouse, false),
            _ => {}
        }
    }

    /// The wheel goes through the steps on their bar, and scrolls what is under it elsewhere.
    fn wheel(&mut self, mouse: Mouse, up: bool) {
        let rows = if up { -(WHEEL as isize) } else { WHEEL as isize };
        let step: fn(&mut Walker<'_>) -> bool = if up { |walker| walker.up() } else { |walker| walker.down() };
        if self.is_on_bar(mouse) {
            self.scrub_by(rows.signum());
        } else if layout::geometry(self).side.is_some_and(|side| side.holds(mouse.column, mouse.row)) {
            self.scroll_side(rows);
        } else if !self.scroll_other(mouse, WHEEL, step) {
            self.scroll(step);
        }
    }

    /// Whether the mouse is on the bar of the steps, and there are some.
    fn is_on_bar(&self, mouse: Mouse) -> bool {
        let bar = layout::bar(layout::geometry(self), self.view.width);
        bar.is_some_and(|bar| bar.holds(mouse.column, mouse.row))
            && self.infill.session().and_then(|session| session.place()).is_some()
    }

    fn mouse_down(&mut self, mouse: Mouse) {
        let mut geometry = layout::geometry(self);
        if self.is_on_bar(mouse) {
            (self.notice, self.focus, self.view.scrubbing) = (None, Context::Run, true);
            self.scrub_under(mouse);
            return;
        }
        if let Some(side) = geometry.side.filter(|side| side.holds(mouse.column, mouse.row)) {
            self.mouse_beside((mouse.column - side.x, mouse.row - side.y), side.width);
            return;
        }
        if self.take_keys_to(mouse) {
            geometry = layout::geometry(self);
        }
        let area = geometry.here.text;
        if !(area.y..area.y + area.height).contains(&mouse.row) {
            return;
        }
        self.notice = None;
        self.view.goals.clear();
        self.document.break_group();
        let spot = self.spot_under(mouse);
        let cell = self.cell_of(spot).filter(|_| !mouse.shift);
        // Who steers goes on steering from word to word. Who types in a hole goes on typing, unless the click is a double one.
        let steers = cell.is_some() && (self.focus == Context::Run || mouse.clicks == 2);
        self.focus = if steers { Context::Run } else { Context::Text };
        self.view.dragging = !steers;
        let buffer = self.document.buffer();
        let selection = match mouse.clicks {
            _ if mouse.shift => self.document.selection().extend_to(spot.pos),
            _ if steers => Selection::caret(spot.pos),
            2 => to_selection(motion::word_range_at(buffer, spot.pos)),
            3.. => to_selection(motion::line_range_at(buffer, spot.pos)),
            _ => Selection::caret(spot.pos),
        };
        self.document.select(selection);
        self.view.caret_cell = if selection.is_caret() { spot.cell } else { None };
        if steers && self.side() == Side::None {
            self.side = Side::Inspect;
        }
    }

    /// The spot under the mouse, or the nearest one when it is outside the text.
    fn spot_under(&self, mouse: Mouse) -> Spot {
        let area = layout::geometry(self).here.text;
        let row = mouse.row.saturating_sub(area.y).min(area.height.saturating_sub(1));
        let column = usize::from(mouse.column.saturating_sub(area.x)) + self.view.left;
        let mut walker = Walker::new(self.pane(), self.view.top);
        let beyond = (0..row).any(|_| !walker.down());
        if beyond { spot_at(self, walker.row(), usize::MAX) } else { spot_at(self, walker.row(), column) }
    }

    /// A click beside the text: on an alternative it chooses that, on a branch it shows it.
    fn mouse_beside(&mut self, (column, row): (u16, u16), width: u16) {
        self.notice = None;
        self.focus = Context::Run;
        let Some(row) = row.checked_sub(1).map(|row| usize::from(row) + self.side_top()) else { return };
        match (self.side(), self.cell_at_caret()) {
            (Side::Inspect, Some(place)) => {
                let chosen = self.offers().into_iter().nth(row).filter(|offer| !offer.stands);
                if let Some(offer) = chosen {
                    self.steer(vec![Act::Choose(place, offer.token)]);
                }
            }
            (Side::Compare, _) => {
                if let Some(version) = self.versions().into_iter().nth(row) {
                    self.show_branch_named(&version.name);
                }
            }
            (Side::Lab, _) => {
                let columns = self.lab_columns();
                let clicked = columns.get(Placed::new(&columns, width).at(column)).map(|column| column.name.clone());
                if let Some(name) = clicked {
                    self.show_branch_named(&name);
                }
            }
            _ => {}
        }
    }

    fn show_branch_named(&mut self, name: &str) {
        let Some(session) = self.infill.session() else { return };
        match session.branches().iter().position(|branch| branch.node.name == name) {
            Some(_) if session.run.is_some() => self.inform(branch::NOT_YET),
            Some(at) => self.show_branch(at),
            None => {}
        }
    }

    /// Shows the step under the mouse: the whole bar is the whole timeline.
    fn scrub_under(&mut self, mouse: Mouse) {
        let bar = layout::bar(layout::geometry(self), self.view.width);
        let place = self.infill.session().and_then(|session| session.place());
        let (Some(bar), Some((_, of))) = (bar, place) else { return };
        let (last, column) = (usize::from(bar.width.max(2) - 1), usize::from(mouse.column.saturating_sub(bar.x)));
        self.scrub_to((column.min(last) * (of - 1) + last / 2) / last);
    }

    fn scroll(&mut self, step: fn(&mut Walker<'_>) -> bool) {
        let mut walker = Walker::new(self.pane(), self.view.top);
        for _ in 0..WHEEL {
            step(&mut walker);
        }
        self.view.top = walker.top();
    }
}

pub(crate) fn to_selection(range: std::ops::Range<usize>) -> Selection {
    Selection::new(range.start, range.end)
}
