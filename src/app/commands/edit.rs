//! Commands that change the text.

use std::ops::Range;

use crate::app::App;
use crate::app::commands::lines::{self, blocks};
use crate::app::commands::mode;
use crate::app::document::{Change, Walked};
use crate::app::effect::Effect;
use crate::app::keymap::Context;
use crate::app::language;
use crate::app::layout::moves::{Side, Spot, covered};
use crate::text::brackets;
use crate::text::buffer::Buffer;
use crate::text::change::{Bias, ChangeSet, Edit};
use crate::text::history::EditKind;
use crate::text::measure;
use crate::text::motion;
use crate::text::selection::{Selection, Selections};

/// So many lines are looked at to tell whether a file indents with tabs.
const INDENT_SAMPLE: usize = 400;

/// Types a text where the carets are: over what is selected, or into a hole that is being denoised.
pub(crate) fn type_text(app: &mut App, text: &str) {
    insert(app, text, EditKind::Typing);
    if let Some(c) = text.chars().next().filter(|c| matches!(c, ')' | ']' | '}')) {
        align_closing(app, c);
    }
}

fn insert(app: &mut App, text: &str, kind: EditKind) {
    if !text.is_empty() {
        insert_each(app, kind, |_, _| (text.to_owned(), 0));
    }
}

/// Puts a text in the place of each selection, or at each caret. `text` gives it for a place, and how many of its
/// characters the caret is to stand before its end.
fn insert_each(app: &mut App, kind: EditKind, text: impl Fn(&App, Range<usize>) -> (String, usize)) {
    insert_over(app, kind, |_, place| place, text);
}

/// The same; `over` may widen the place that is replaced.
fn insert_over(
    app: &mut App,
    kind: EditKind,
    over: impl Fn(&App, Range<usize>) -> Range<usize>,
    text: impl Fn(&App, Range<usize>) -> (String, usize),
) {
    app.view.goals.clear();
    let all = app.document.selections();
    if let (Some((id, k)), true) = (app.view.caret_cell, all.primary().is_caret()) {
        let (text, _) = text(app, all.primary().range());
        app.type_in_hole(id, k, &text);
        return;
    }
    let place = |selection: &Selection| {
        if !selection.is_caret() {
            return selection.range();
        }
        let pos = Spot::at(selection.head).out_of_holes(app, Side::Before).pos;
        pos..pos
    };
    let places: Vec<Range<usize>> = all.all().iter().map(place).collect();
    let kind = if places.iter().all(Range::is_empty) { kind } else { EditKind::Other };
    let texts: Vec<(String, usize)> = places.iter().map(|place| text(app, place.clone())).collect();
    let places = places.into_iter().map(|place| over(app, place));
    let back: Vec<usize> = texts.iter().map(|(_, back)| *back).collect();
    let replacements = places.zip(texts).map(|(place, (text, _))| (place, text)).collect();
    replace_each(app, replacements, Then::Caret { kind, back });
}

/// What is selected after each selection has got its new text.
pub(crate) enum Then {
    /// Nothing: a caret so many characters before the end of each.
    Caret { kind: EditKind, back: Vec<usize> },
    /// The new text.
    Select,
}

/// Replaces the text of each selection, given in their order, as one edit.
pub(crate) fn replace_each(app: &mut App, replacements: Vec<(Range<usize>, String)>, then: Then) {
    let (mut selections, mut edits, mut shift) = (Vec::new(), Vec::new(), 0_isize);
    for (i, (range, text)) in replacements.into_iter().enumerate() {
        let start = range.start.saturating_add_signed(shift);
        let len = text.chars().count();
        shift += len as isize - range.len() as isize;
        selections.push(match &then {
            Then::Caret { back, .. } => Selection::caret(start + len - back.get(i).copied().unwrap_or(0)),
            Then::Select => Selection::new(start, start + len),
        });
        edits.push(Edit { range, text });
    }
    let primary = app.document.selections().primary_index();
    let set = ChangeSet::new(app.document.buffer().len(), edits);
    let kind = if let Then::Caret { kind, .. } = then { kind } else { EditKind::Other };
    let change = Change::new(set, kind).selecting_all(Selections::new(selections, primary));
    app.document.edit(change, app.outbox.now);
}

/// Pastes: line breaks become those of the document.
pub(crate) fn paste_text(app: &mut App, text: &str) {
    if app.focus == Context::Run && app.infill.session().is_some() {
        app.inform("Keys steer the run: {focus} goes back to the text, then paste again.");
        return;
    }
    let ending = app.document.line_ending().as_str();
    let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', ending);
    app.document.break_group();
    let pieces: Vec<&str> = text.strip_suffix(ending).unwrap_or(&text).split(ending).collect();
    let all = app.document.selections().all();
    if all.len() > 1 && pieces.len() == all.len() {
        // What was copied from as many places goes to one each.
        let replacements = all.iter().zip(pieces).map(|(s, piece)| (s.range(), piece.to_owned())).collect();
        replace_each(app, replacements, Then::Caret { kind: EditKind::Other, back: Vec::new() });
        return;
    }
    insert(app, &text, EditKind::Other);
}

pub(crate) fn paste(app: &mut App) {
    app.focus = Context::Text;
    app.emit(Effect::ReadClipboard);
}

pub(crate) fn paste_after(app: &mut App) {
    let ends = app.document.selections().each(|s| Selection::caret(s.range().end));
    app.document.select_all(&ends);
    paste(app);
}

/// The system's clipboard, or ours where it has none.
pub(crate) fn pasted(app: &mut App, text: Option<String>) {
    let text = text.unwrap_or_else(|| app.clipboard.clone());
    app.take_paste(&text);
}

pub(crate) fn copy(app: &mut App) {
    let buffer = app.document.buffer();
    let pieces: Vec<String> = selections_or_lines(app).into_iter().map(|range| buffer.slice(range)).collect();
    if pieces.iter().all(String::is_empty) {
        app.inform("There is nothing here to copy.");
        return;
    }
    let lines = app.document.selections().all().iter().all(Selection::is_caret);
    app.clipboard = pieces.join(if lines { "" } else { buffer.line_ending().as_str() });
    app.emit(Effect::SetClipboard(app.clipboard.clone()));
    mode::end_selecting(app);
}

pub(crate) fn cut(app: &mut App) {
    copy(app);
    let ranges = selections_or_lines(app);
    delete(app, ranges, EditKind::Other);
}

/// What is selected; of a caret, its line.
fn selections_or_lines(app: &App) -> Vec<Range<usize>> {
    let buffer = app.document.buffer();
    let range = |s: &Selection| if s.is_caret() { motion::line_range_at(buffer, s.head) } else { s.range() };
    let mut ranges: Vec<Range<usize>> = app.document.selections().all().iter().map(range).collect();
    // Two carets on a line mean it once.
    ranges.dedup();
    ranges
}

pub(crate) fn undo(app: &mut App) {
    let held = app.infill.session().is_some_and(|it| it.holes.iter().any(|id| app.document.undo_unmarks(id.0)));
    if held {
        app.inform(
            "What is next to be undone is the mark of a hole that the run fills; {run-reject} drops the run first.",
        );
        return;
    }
    match app.document.undo() {
        None => app.inform("There is nothing to undo."),
        Some(Walked { origin: Some(origin) }) => app.inform(format!("Undone: {origin}.")),
        Some(_) => {}
    }
    app.view.caret_cell = None;
}

pub(crate) fn redo(app: &mut App) {
    match app.document.redo() {
        None => {
            let left = if app.document.has_branches() { " {earlier} goes to what was undone before." } else { "" };
            app.inform(format!("There is nothing to redo.{left}"));
        }
        Some(Walked { origin: Some(origin) }) => app.inform(format!("Done again: {origin}.")),
        Some(_) => {}
    }
    app.view.caret_cell = None;
}

pub(crate) fn earlier(app: &mut App) {
    travel(app, false, "Nothing was done before.");
}

pub(crate) fn later(app: &mut App) {
    travel(app, true, "Nothing was done later.");
}

fn travel(app: &mut App, later: bool, end: &str) {
    if app.document.travel(later) {
        let (at, of) = app.document.place_in_history();
        app.inform(if at == 0 { end.to_owned() } else { format!("The text after change {at} of {of}.") });
    } else {
        app.inform(end);
    }
    app.view.caret_cell = None;
}

pub(crate) fn newline(app: &mut App) {
    insert_over(app, EditKind::Typing, with_blanks_before, line_break);
}

/// A place together with the blanks before it, where there is nothing else in its line: a line that is left as empty as it
/// was found keeps no indentation.
fn with_blanks_before(app: &App, place: Range<usize>) -> Range<usize> {
    let buffer = app.document.buffer();
    let line = buffer.line_of(place.start);
    let start = buffer.line_start(line);
    let end = buffer.line_end(line);
    let is_blank = place.is_empty() && end - start <= 256 && buffer.slice(start..end).trim().is_empty();
    if is_blank && place.start == end { start..place.end } else { place }
}

/// A line break with the indentation of the line that it ends, one level deeper behind an opening bracket. Between two
/// brackets, the closing one gets a line of its own, and the caret is to stand before that.
fn line_break(app: &App, place: Range<usize>) -> (String, usize) {
    let buffer = app.document.buffer();
    let ending = app.document.line_ending().as_str();
    let start = buffer.line_start(buffer.line_of(place.start));
    let before = buffer.slice(start..place.start.min(start + 256));
    let indent: String = before.chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
    let path = app.document.path().map(std::path::PathBuf::as_path);
    let last = before.trim_end().chars().next_back().filter(|_| place.start <= start + 256);
    let closes = last.and_then(brackets::closing_of);
    let opens = closes.is_some() || last == Some(':') && language::indents_after_colon(path);
    if !opens {
        return (format!("{ending}{indent}"), 0);
    }
    let inner = format!("{ending}{indent}{}", indent_unit(app));
    if closes.is_some() && buffer.char_at(place.end) == closes {
        let outer = format!("{ending}{indent}");
        let back = outer.chars().count();
        return (inner + &outer, back);
    }
    (inner, 0)
}

/// A closing bracket typed as the first of its line goes under the line of its partner.
pub(crate) fn align_closing(app: &mut App, c: char) {
    let buffer = app.document.buffer();
    let caret = app.document.caret();
    let line = buffer.line_of(caret);
    let start = buffer.line_start(line);
    let alone = app.document.selections().is_one() && buffer.slice(start..caret).trim() == c.to_string();
    if !alone || app.view.caret_cell.is_some() {
        return;
    }
    let Some((_, opener)) = brackets::pair_at(buffer, caret - 1).filter(|(at, partner)| partner < at) else { return };
    let from = buffer.line_start(buffer.line_of(opener));
    let indent: String = buffer.slice(from..opener).chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
    if buffer.line_of(opener) == line || indent == buffer.slice(start..caret - 1) {
        return;
    }
    let set = ChangeSet::replace(buffer.len(), start..caret - 1, &indent);
    let after = Selection::caret(start + indent.chars().count() + 1);
    app.document.edit(Change::new(set, EditKind::Other).selecting(after), app.outbox.now);
}

/// What one level of indentation is in this file.
fn indent_unit(app: &App) -> String {
    match app.document.style().indent {
        Some(0) => return "\t".to_owned(),
        Some(spaces) => return " ".repeat(spaces),
        None => {}
    }
    let buffer = app.document.buffer();
    let first = |line: usize| buffer.char_at(buffer.line_start(line));
    let tabs = (0..buffer.line_count().min(INDENT_SAMPLE)).any(|line| first(line) == Some('\t'));
    if tabs { "\t".to_owned() } else { " ".repeat(app.tab_width()) }
}

/// Goes to the next indentation stop at each caret; where a selection spans lines, moves those right.
pub(crate) fn indent(app: &mut App) {
    let all = app.document.selections().all();
    let buffer = app.document.buffer();
    let spans = |s: &Selection| !s.is_caret() && buffer.line_of(s.range().start) != buffer.line_of(s.range().end);
    if all.iter().any(spans) {
        indent_lines(app);
        return;
    }
    let (unit, tab) = (indent_unit(app), app.tab_width());
    insert_each(app, EditKind::Typing, |app, place| {
        let column = measure::column_of(app.document.buffer(), place.start, tab);
        let width = unit.len() - column % unit.len();
        (unit[unit.len() - width..].to_owned(), 0)
    });
}

/// Moves the lines right, also where there is only one.
pub(crate) fn indent_lines(app: &mut App) {
    let unit = indent_unit(app);
    let buffer = app.document.buffer();
    let full = |line: &usize| buffer.line_end(*line) > buffer.line_start(*line);
    let starts = blocks(app).into_iter().flatten().filter(full).map(|line| buffer.line_start(line));
    let edits = starts.map(|at| Edit { range: at..at, text: unit.clone() }).collect();
    lines::change(app, edits, None);
}

pub(crate) fn outdent(app: &mut App) {
    let (buffer, unit) = (app.document.buffer(), indent_unit(app));
    let width = if unit == "\t" { app.tab_width() } else { unit.len() };
    let edits: Vec<Edit> = blocks(app)
        .into_iter()
        .flatten()
        .filter_map(|line| {
            let start = buffer.line_start(line);
            let spaces = (start..start + width).take_while(|pos| buffer.char_at(*pos) == Some(' ')).count();
            let gone = if buffer.char_at(start) == Some('\t') { 1 } else { spaces };
            (gone > 0).then(|| Edit { range: start..start + gone, text: String::new() })
        })
        .collect();
    lines::change(app, edits, None);
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
    let buffer = app.document.buffer();
    let whole = |lines: Range<usize>| {
        buffer.line_start(lines.start)..motion::line_range_at(buffer, buffer.line_start(lines.end - 1)).end
    };
    let ranges = blocks(app).into_iter().map(whole).collect();
    delete(app, ranges, EditKind::Other);
}

/// Deletes what is selected, or from each caret to where the motion leads. What a run shows there is not deleted with it.
fn delete_by(app: &mut App, to: fn(&Buffer, usize) -> usize) {
    let all = app.document.selections();
    let kind = if all.all().iter().all(Selection::is_caret) { EditKind::Deleting } else { EditKind::Other };
    let ranges: Vec<(Range<usize>, bool)> =
        all.all().iter().map(|s| if s.is_caret() { reach(app, s.head, to) } else { (s.range(), false) }).collect();
    let in_cells = app.view.caret_cell.is_some() && all.primary().is_caret();
    if in_cells || ranges.iter().all(|(range, held)| range.is_empty() && *held) {
        app.inform("These words are the run's and not in the text: type to keep something here, or drop the run.");
        return;
    }
    delete(app, ranges.into_iter().map(|(range, _)| range).collect(), kind);
}

/// From the caret to where the motion leads, but not over holes with cells; and whether one held it up.
fn reach(app: &App, caret: usize, to: fn(&Buffer, usize) -> usize) -> (Range<usize>, bool) {
    let caret = Spot::at(caret).out_of_holes(app, Side::Before).pos;
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
    (range.clone(), range.is_empty() && target != caret)
}

/// Deletes these and leaves a caret at each.
fn delete(app: &mut App, ranges: Vec<Range<usize>>, kind: EditKind) {
    if ranges.iter().all(Range::is_empty) {
        return;
    }
    app.view.goals.clear();
    app.view.caret_cell = None;
    let primary = app.document.selections().primary_index().min(ranges.len() - 1);
    let edits = ranges.iter().map(|range| Edit { range: range.clone(), text: String::new() }).collect();
    let set = ChangeSet::new(app.document.buffer().len(), edits);
    mode::end_selecting(app);
    let carets = ranges.iter().map(|range| Selection::caret(set.map(range.start, Bias::Left))).collect();
    let change = Change::new(set, kind).selecting_all(Selections::new(carets, primary));
    app.document.edit(change, app.outbox.now);
}
