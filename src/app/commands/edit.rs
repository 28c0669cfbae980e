//! Commands that change the text.

use std::ops::Range;

use crate::app::App;
use crate::app::document::{Change, Walked};
use crate::app::effect::Effect;
use crate::app::keymap::Context;
use crate::app::layout::moves::{Side, Spot, covered};
use crate::text::change::{ChangeSet, Edit};
use crate::text::history::EditKind;
use crate::text::measure;
use crate::text::motion;
use crate::text::selection::Selection;

/// So many lines are looked at to tell whether a file indents with tabs.
const INDENT_SAMPLE: usize = 400;

/// Types a text where the caret is: over the selection, or into a hole that is being denoised.
pub(crate) fn type_text(app: &mut App, text: &str) {
    insert(app, text, EditKind::Typing);
}

fn insert(app: &mut App, text: &str, kind: EditKind) {
    if text.is_empty() {
        return;
    }
    app.view.goal = None;
    let selection = app.document.selection();
    if let (Some((id, k)), true) = (app.view.caret_cell, selection.is_caret()) {
        app.type_in_hole(id, k, text);
        return;
    }
    let mut range = selection.range();
    if range.is_empty() {
        let pos = Spot::at(selection.head).out_of_holes(app, Side::Before).pos;
        range = pos..pos;
    }
    let kind = if range.is_empty() { kind } else { EditKind::Other };
    let set = ChangeSet::replace(app.document.buffer().len(), range.clone(), text);
    let caret = Selection::caret(range.start + text.chars().count());
    app.document.edit(Change::new(set, kind).selecting(caret), app.outbox.now);
}

/// Pastes: line breaks become those of the document.
pub(crate) fn paste_text(app: &mut App, text: &str) {
    if app.focus == Context::Run && app.infill.session().is_some() {
        app.inform("Keys steer the run: f6 goes back to the text, then paste again.");
        return;
    }
    let ending = app.document.buffer().line_ending().as_str();
    let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', ending);
    app.document.break_group();
    insert(app, &text, EditKind::Other);
}

pub(crate) fn paste(app: &mut App) {
    app.focus = Context::Text;
    app.emit(Effect::ReadClipboard);
}

/// The system's clipboard, or ours where it has none.
pub(crate) fn pasted(app: &mut App, text: Option<String>) {
    let text = text.unwrap_or_else(|| app.clipboard.clone());
    app.take_paste(&text);
}

pub(crate) fn copy(app: &mut App) {
    let range = selection_or_line(app);
    app.clipboard = app.document.buffer().slice(range);
    app.emit(Effect::SetClipboard(app.clipboard.clone()));
}

pub(crate) fn cut(app: &mut App) {
    copy(app);
    let range = selection_or_line(app);
    delete(app, range, EditKind::Other);
}

fn selection_or_line(app: &App) -> Range<usize> {
    let selection = app.document.selection();
    if selection.is_caret() { motion::line_range_at(app.document.buffer(), selection.head) } else { selection.range() }
}

pub(crate) fn undo(app: &mut App) {
    match app.document.undo() {
        None => app.inform("There is nothing to undo."),
        Some(Walked { origin: Some(origin) }) => app.inform(format!("Undone: {origin}.")),
        Some(_) => {}
    }
    app.view.caret_cell = None;
}

pub(crate) fn redo(app: &mut App) {
    match app.document.redo() {
        None => app.inform("There is nothing to redo."),
        Some(Walked { origin: Some(origin) }) => app.inform(format!("Done again: {origin}.")),
        Some(_) => {}
    }
    app.view.caret_cell = None;
}

pub(crate) fn newline(app: &mut App) {
    let buffer = app.document.buffer();
    let caret = app.document.selection().range().start;
    let start = buffer.line_start(buffer.line_of(caret));
    let before = buffer.slice(start..caret.min(start + 256));
    let indent: String = before.chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
    let text = format!("{}{indent}", buffer.line_ending().as_str());
    type_text(app, &text);
}

/// What one level of indentation is in this file.
fn indent_unit(app: &App) -> String {
    let buffer = app.document.buffer();
    let first = |line: usize| buffer.char_at(buffer.line_start(line));
    let tabs = (0..buffer.line_count().min(INDENT_SAMPLE)).any(|line| first(line) == Some('\t'));
    if tabs { "\t".to_owned() } else { " ".repeat(app.settings.tab_width.max(1)) }
}

pub(crate) fn indent(app: &mut App) {
    let (unit, lines) = (indent_unit(app), selected_lines(app));
    let buffer = app.document.buffer();
    if lines.len() < 2 {
        let column = measure::column_of(buffer, app.document.selection().range().start, app.settings.tab_width.max(1));
        let width = unit.len() - column % unit.len();
        type_text(app, &unit[unit.len() - width..]);
        return;
    }
    let insert = |line: usize| buffer.line_start(line);
    let full = lines.filter(|&line| buffer.line_end(line) > buffer.line_start(line)).map(insert);
    let edits: Vec<Edit> = full.map(|at| Edit { range: at..at, text: unit.clone() }).collect();
    change_lines(app, edits);
}

pub(crate) fn outdent(app: &mut App) {
    let buffer = app.document.buffer();
    let width = app.settings.tab_width.max(1);
    let edits: Vec<Edit> = selected_lines(app)
        .filter_map(|line| {
            let start = buffer.line_start(line);
            let spaces = (start..start + width).take_while(|pos| buffer.char_at(*pos) == Some(' ')).count();
            let gone = if buffer.char_at(start) == Some('\t') { 1 } else { spaces };
            (gone > 0).then(|| Edit { range: start..start + gone, text: String::new() })
        })
        .collect();
    change_lines(app, edits);
}

/// The lines that the selection touches; one that it only reaches the start of is none.
fn selected_lines(app: &App) -> Range<usize> {
    let (buffer, range) = (app.document.buffer(), app.document.selection().range());
    let (first, last) = (buffer.line_of(range.start), buffer.line_of(range.end));
    let only_reached = last > first && buffer.line_start(last) == range.end;
    first..if only_reached { last } else { last + 1 }
}

fn change_lines(app: &mut App, edits: Vec<Edit>) {
    if edits.is_empty() {
        return;
    }
    let set = ChangeSet::new(app.document.buffer().len(), edits);
    app.document.break_group();
    app.document.edit(Change::new(set, EditKind::Other), app.outbox.now);
}

pub(crate) fn delete_left(app: &mut App) {
    delete_by(app, motion::left);
}

pub(crate) fn delete_right(app: &mut App) {
    delete_by(app, motion::right);
}

pub(crate) fn delete_word_left(app: &mut App) {
    delete_by(app, motion::word_left);
}

pub(crate) fn delete_word_right(app: &mut App) {
    delete_by(app, motion::word_right);
}

pub(crate) fn delete_line(app: &mut App) {
    let range = motion::line_range_at(app.document.buffer(), app.document.caret());
    delete(app, range, EditKind::Other);
}

/// Deletes the selection, or from the caret to where the motion leads. What a run shows there is not deleted with it.
fn delete_by(app: &mut App, to: fn(&crate::text::buffer::Buffer, usize) -> usize) {
    let selection = app.document.selection();
    if !selection.is_caret() {
        delete(app, selection.range(), EditKind::Other);
        return;
    }
    let caret = Spot::at(selection.head).out_of_holes(app, Side::Before).pos;
    let target = to(app.document.buffer(), caret);
    let mut range = caret.min(target)..caret.max(target);
    for cells in app.infill.overlay() {
        let Some((hole, _)) = covered(app, cells.id).filter(|(hole, _)| !hole.range.is_empty()) else { continue };
        if target < caret && hole.range.end <= caret {
            range.start = range.start.max(hole.range.end);
        } else if target > caret && hole.range.start >= caret {
            range.end = range.end.min(hole.range.start);
        }
    }
    if app.view.caret_cell.is_some() || range.is_empty() && target != caret {
        app.inform("These words are the run's and not in the text: type to keep something here, or drop the run.");
        return;
    }
    delete(app, range, EditKind::Deleting);
}

fn delete(app: &mut App, range: Range<usize>, kind: EditKind) {
    if range.is_empty() {
        return;
    }
    app.view.goal = None;
    app.view.caret_cell = None;
    let set = ChangeSet::delete(app.document.buffer().len(), range.clone());
    app.document.edit(Change::new(set, kind).selecting(Selection::caret(range.start)), app.outbox.now);
}
