//! Commands that move the caret or select.

use crate::app::App;
use crate::app::keymap::Context;
use crate::app::layout;
use crate::app::layout::moves::{Side, Spot, by_rows, covered_at, scrolled};
use crate::app::mouse::to_selection;
use crate::text::motion;
use crate::text::selection::{Selection, Selections};

/// Where to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Motion {
    Left,
    Right,
    Up,
    Down,
    WordLeft,
    WordRight,
    NextWord,
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
    /// What the caret passes is selected, and nothing else.
    Take,
}

/// Moves the caret. Looking at the cells of a run leaves the keys with the run; going anywhere else gives them to the text.
pub(crate) fn go(app: &mut App, motion: Motion, reach: Reach) {
    let selection = app.document.selection();
    app.document.break_group();
    let (others, mut goals): (Vec<Selection>, Vec<Option<usize>>) =
        app.document.selections().others().map(|s| moved(app, s, motion, reach)).unzip();
    let collapses = reach == Reach::Move && !selection.is_caret();
    let rows = |rows: isize| keeping_column(by_rows(app, Spot::caret(app), app.view().goal_at(selection.head), rows));
    let (spot, goal) = match motion {
        Motion::Left if collapses => (Spot::at(selection.range().start), None),
        Motion::Right if collapses => (Spot::at(selection.range().end), None),
        Motion::Left if reach == Reach::Move => (Spot::caret(app).left(app), None),
        Motion::Right if reach == Reach::Move => (Spot::caret(app).right(app), None),
        _ => by(app, motion).map_or_else(|| (through_text(app, motion, selection.head), None), rows),
    };
    let primary = match reach {
        Reach::Move => {
            app.view.caret_cell = spot.cell;
            let touches = |range: &std::ops::Range<usize>| range.start <= spot.pos && spot.pos <= range.end;
            if covered_at(app, touches).is_none() {
                app.focus = Context::Text;
            }
            Selection::caret(spot.pos)
        }
        Reach::Select | Reach::Take => {
            let anchor = if reach == Reach::Take { selection.head } else { selection.anchor };
            app.view.caret_cell = None;
            app.focus = Context::Text;
            Selection::new(anchor, spot.pos)
        }
    };
    if matches!(motion, Motion::PageUp | Motion::PageDown) {
        // The window goes along, so that the caret stays where it is on the screen.
        app.view.top = scrolled(app.pane(), by(app, motion).unwrap_or(0));
    }
    let all: Vec<Selection> = [primary].into_iter().chain(others).collect();
    goals.insert(0, goal);
    app.view.goals = all.iter().zip(goals).filter_map(|(s, goal)| Some((s.head, goal?))).collect();
    app.document.select_all(&Selections::new(all, 0));
}

/// Where a selection besides the primary one goes, and the column that it tries to keep.
fn moved(app: &App, selection: Selection, motion: Motion, reach: Reach) -> (Selection, Option<usize>) {
    let range = selection.range();
    let (head, goal) = match motion {
        Motion::Left if reach == Reach::Move && !range.is_empty() => (range.start, None),
        Motion::Right if reach == Reach::Move && !range.is_empty() => (range.end, None),
        _ => match by(app, motion) {
            Some(rows) => {
                let goal = app.view().goal_at(selection.head);
                let (spot, goal) = by_rows(app, Spot::at(selection.head), goal, rows);
                (spot.pos, Some(goal))
            }
            None => (through_text(app, motion, selection.head).pos, None),
        },
    };
    let selection = match reach {
        Reach::Move => Selection::caret(head),
        Reach::Select => selection.extend_to(head),
        Reach::Take => Selection::new(selection.head, head),
    };
    (selection, goal)
}

/// How many rows down a motion goes, if it goes by rows.
fn by(app: &App, motion: Motion) -> Option<isize> {
    match motion {
        Motion::Up => Some(-1),
        Motion::Down => Some(1),
        Motion::PageUp => Some(-page(app)),
        Motion::PageDown => Some(page(app)),
        _ => None,
    }
}

fn keeping_column((spot, goal): (Spot, usize)) -> (Spot, Option<usize>) {
    (spot, Some(goal))
}

/// Rows that a page has: one stays in sight.
fn page(app: &App) -> isize {
    isize::from(layout::geometry(app).here.text.height as i16).max(2) - 1
}

/// A motion of the text, out of what cells hide.
fn through_text(app: &App, motion: Motion, head: usize) -> Spot {
    let buffer = app.document.buffer();
    let (pos, side) = match motion {
        Motion::Left => (motion::left(buffer, head), Side::Before),
        Motion::Right => (motion::right(buffer, head), Side::After),
        Motion::WordLeft => (motion::word_left(buffer, head), Side::Before),
        Motion::WordRight => (motion::word_right(buffer, head), Side::After),
        Motion::NextWord => (motion::next_word(buffer, head), Side::After),
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

/// Selects whole lines: those that the selection touches, or one more if they are selected already.
pub(crate) fn select_line_below(app: &mut App) {
    let (buffer, range) = (app.document.buffer(), app.document.selection().range());
    let start = motion::line_start(buffer, range.start);
    let last =
        if range.is_empty() || motion::line_start(buffer, range.end) != range.end { range.end } else { range.end - 1 };
    let end = motion::line_range_at(buffer, last).end;
    let whole = start == range.start && end == range.end;
    let end = if whole { motion::line_range_at(buffer, end).end } else { end };
    select(app, Selection::new(start, end));
}

pub(crate) fn collapse(app: &mut App) {
    select(app, Selection::caret(app.document.caret()));
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
