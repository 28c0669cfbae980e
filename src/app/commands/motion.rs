//! Commands that move the caret or select.

use crate::app::App;
use crate::app::keymap::Context;
use crate::app::layout;
use crate::app::layout::moves::{Side, Spot, by_rows, covered_at};
use crate::app::mouse::to_selection;
use crate::text::motion;
use crate::text::selection::Selection;

/// Where to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Motion {
    Left,
    Right,
    Up,
    Down,
    WordLeft,
    WordRight,
    LineStart,
    LineEnd,
    PageUp,
    PageDown,
    ParagraphUp,
    ParagraphDown,
    Start,
    End,
}

/// What comes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The caret moves, and nothing is selected.
    Move,
    /// The anchor stays.
    Select,
}

/// Moves the caret. Looking at the cells of a run leaves the keys with the run; going anywhere else gives them to the text.
pub(crate) fn go(app: &mut App, motion: Motion, reach: Reach) {
    let selection = app.document.selection();
    app.document.break_group();
    let collapses = reach == Reach::Move && !selection.is_caret();
    let (spot, goal) = match motion {
        Motion::Left if collapses => (Spot::at(selection.range().start), None),
        Motion::Right if collapses => (Spot::at(selection.range().end), None),
        Motion::Left if reach == Reach::Move => (Spot::caret(app).left(app), None),
        Motion::Right if reach == Reach::Move => (Spot::caret(app).right(app), None),
        Motion::Up => keeping_column(by_rows(app, -1)),
        Motion::Down => keeping_column(by_rows(app, 1)),
        Motion::PageUp => keeping_column(by_rows(app, -page(app))),
        Motion::PageDown => keeping_column(by_rows(app, page(app))),
        _ => (through_text(app, motion), None),
    };
    app.view.goal = goal;
    match reach {
        Reach::Move => {
            app.document.select(Selection::caret(spot.pos));
            app.view.caret_cell = spot.cell;
            let touches = |range: &std::ops::Range<usize>| range.start <= spot.pos && spot.pos <= range.end;
            if covered_at(app, touches).is_none() {
                app.focus = Context::Text;
            }
        }
        Reach::Select => {
            app.document.select(selection.extend_to(spot.pos));
            app.view.caret_cell = None;
            app.focus = Context::Text;
        }
    }
}

fn keeping_column((spot, goal): (Spot, usize)) -> (Spot, Option<usize>) {
    (spot, Some(goal))
}

/// Rows that a page has: one stays in sight.
fn page(app: &App) -> isize {
    isize::from(layout::geometry(app).text.height as i16).max(2) - 1
}

/// A motion of the text, out of what cells hide.
fn through_text(app: &App, motion: Motion) -> Spot {
    let (buffer, head) = (app.document.buffer(), app.document.caret());
    let (pos, side) = match motion {
        Motion::Left => (motion::left(buffer, head), Side::Before),
        Motion::Right => (motion::right(buffer, head), Side::After),
        Motion::WordLeft => (motion::word_left(buffer, head), Side::Before),
        Motion::WordRight => (motion::word_right(buffer, head), Side::After),
        Motion::LineStart => (smart_line_start(app, head), Side::Before),
        Motion::LineEnd => (motion::line_end(buffer, head), Side::After),
        Motion::ParagraphUp => (motion::paragraph_up(buffer, head), Side::Before),
        Motion::ParagraphDown => (motion::paragraph_down(buffer, head), Side::After),
        Motion::Start => (0, Side::Before),
        Motion::End => (buffer.len(), Side::After),
        Motion::Up | Motion::Down | Motion::PageUp | Motion::PageDown => (head, Side::Before),
    };
    Spot::at(pos).out_of_holes(app, side)
}

/// The first character of the line that is no space; its very start when the caret is there already.
fn smart_line_start(app: &App, head: usize) -> usize {
    let buffer = app.document.buffer();
    match motion::line_first_nonblank(buffer, head) {
        text if text == head => motion::line_start(buffer, head),
        text => text,
    }
}

pub(crate) fn select_all(app: &mut App) {
    select(app, Selection::new(0, app.document.buffer().len()));
}

pub(crate) fn select_word(app: &mut App) {
    let range = motion::word_range_at(app.document.buffer(), app.document.caret());
    select(app, to_selection(range));
}

pub(crate) fn select_line(app: &mut App) {
    let range = motion::line_range_at(app.document.buffer(), app.document.caret());
    select(app, to_selection(range));
}

pub(crate) fn select_paragraph(app: &mut App) {
    let range = motion::paragraph_range_at(app.document.buffer(), app.document.caret());
    select(app, to_selection(range));
}

fn select(app: &mut App, selection: Selection) {
    app.document.break_group();
    app.view.caret_cell = None;
    app.document.select(selection);
}
