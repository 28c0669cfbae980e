//! Commands that change whole lines, or the selected text as a whole, at all selections at once.

use std::ops::Range;

use crate::app::App;
use crate::app::commands::edit;
use crate::app::document::Change;
use crate::app::language;
use crate::app::mouse::to_selection;
use crate::text::brackets;
use crate::text::buffer::Buffer;
use crate::text::change::{Bias, ChangeSet, Edit};
use crate::text::history::EditKind;
use crate::text::holes::Hole;
use crate::text::lines::{self, Way};
use crate::text::motion;
use crate::text::selection::Selection;

/// The lines that the selections touch, as sorted blocks; neighbouring ones are one block. A line of which a selection only
/// reaches the start is none of it.
pub(crate) fn blocks(app: &App) -> Vec<Range<usize>> {
    let buffer = app.document.buffer();
    let mut blocks: Vec<Range<usize>> = Vec::new();
    for selection in app.document.selections().all() {
        let range = selection.range();
        let (first, last) = (buffer.line_of(range.start), buffer.line_of(range.end));
        let only_reached = last > first && buffer.line_start(last) == range.end;
        let end = if only_reached { last } else { last + 1 };
        match blocks.last_mut() {
            Some(block) if first <= block.end => block.end = block.end.max(end),
            _ => blocks.push(first..end),
        }
    }
    blocks
}

/// Makes a change of lines, after which the selections are where their text went; at an edit they go to this side of it.
pub(crate) fn change(app: &mut App, edits: Vec<Edit>, bias: Option<Bias>) {
    if edits.is_empty() {
        return;
    }
    let set = ChangeSet::new(app.document.buffer().len(), edits);
    let all = app.document.selections();
    let after = match bias {
        Some(bias) => all.each(|s| Selection::new(set.map(s.anchor, bias), set.map(s.head, bias))),
        None => all.map(&set),
    };
    apply(app, Change::new(set, EditKind::Other).selecting_all(after));
}

fn apply(app: &mut App, change: Change) {
    app.view.goals.clear();
    app.view.caret_cell = None;
    app.document.break_group();
    app.document.edit(change, app.outbox.now);
}

pub(crate) fn duplicate(app: &mut App) {
    let edits = lines::duplicate(app.document.buffer(), &blocks(app), app.document.line_ending());
    change(app, edits, Some(Bias::Right));
}

pub(crate) fn move_up(app: &mut App) {
    move_lines(app, Way::Up);
}

pub(crate) fn move_down(app: &mut App) {
    move_lines(app, Way::Down);
}

/// Moves the selected lines, and what is selected with them. Holes go with their lines, those of the line that is gone over
/// among them: as edits, that is deleted here and inserted there.
fn move_lines(app: &mut App, way: Way) {
    let (buffer, blocks) = (app.document.buffer(), blocks(app));
    let edits = lines::move_blocks(buffer, &blocks, way);
    if edits.is_empty() {
        return;
    }
    let after = app.document.selections().each(|s| {
        let line = buffer.line_of(s.range().start);
        let block = blocks.iter().find(|block| block.contains(&line));
        let by = block.map_or(0, |block| lines::moved_by(buffer, block, way));
        Selection::new(s.anchor.saturating_add_signed(by), s.head.saturating_add_signed(by))
    });
    let moved = lines::moved(buffer, &blocks, way);
    let set = ChangeSet::new(buffer.len(), edits);
    let mut holes = app.document.holes().clone();
    let carried = |hole: &Hole| {
        let Range { start, end } = hole.range;
        let (_, by) = moved.iter().find(|(lines, _)| lines.start <= start && end <= lines.end)?;
        Some(Hole { range: start.saturating_add_signed(*by)..end.saturating_add_signed(*by), ..hole.clone() })
    };
    let all: Vec<Hole> = holes.iter().filter_map(carried).collect();
    for hole in &all {
        holes.remove(hole.id);
    }
    holes.map(&set);
    for hole in all {
        holes.put_back(hole);
    }
    apply(app, Change::new(set, EditKind::Other).selecting_all(after).with_holes(holes));
}

pub(crate) fn join(app: &mut App) {
    let edits = lines::join(app.document.buffer(), &blocks(app));
    change(app, edits, Some(Bias::Left));
}

/// Sorts the selected lines; the paragraph's where nothing is selected.
pub(crate) fn sort(app: &mut App) {
    let buffer = app.document.buffer();
    let mut blocks = blocks(app);
    if let ([block], true) = (blocks.as_slice(), app.document.selection().is_caret()) {
        let paragraph = motion::paragraph_range_at(buffer, buffer.line_start(block.start));
        blocks.clear();
        blocks.push(buffer.line_of(paragraph.start)..buffer.line_of(paragraph.end) + 1);
    }
    let edits = lines::sort(buffer, &blocks);
    change(app, edits, None);
}

pub(crate) fn toggle_comment(app: &mut App) {
    let path = app.document.path().map(std::path::PathBuf::as_path);
    let Some(marks) = language::comment_marks(path) else {
        app.inform("How a comment is written in this kind of file is not known; the name of the file tells it.");
        return;
    };
    let edits = lines::toggle_comment(app.document.buffer(), &blocks(app), marks);
    change(app, edits, None);
}

pub(crate) fn upper_case(app: &mut App) {
    recase(app, |text| text.to_uppercase());
}

pub(crate) fn lower_case(app: &mut App) {
    recase(app, |text| text.to_lowercase());
}

/// Changes what is selected, or the word at a caret.
fn recase(app: &mut App, case: fn(&str) -> String) {
    let buffer = app.document.buffer();
    let all = app.document.selections().each(|selection| word_or_selection(buffer, selection));
    let replacements: Vec<(Range<usize>, String)> =
        all.all().iter().map(|s| (s.range(), case(&buffer.slice(s.range())))).collect();
    // A step of nothing would be one to undo, and cut off what there is to redo.
    if replacements.iter().all(|(range, text)| buffer.slice(range.clone()) == *text) {
        return;
    }
    app.document.break_group();
    edit::replace_each(app, replacements, edit::Then::Select);
}

/// The selection, or the word at a caret.
pub(crate) fn word_or_selection(buffer: &Buffer, selection: &Selection) -> Selection {
    if selection.is_caret() { to_selection(motion::word_range_at(buffer, selection.head)) } else { *selection }
}

/// Goes to the partner of the bracket at the caret.
pub(crate) fn matching_bracket(app: &mut App) {
    match brackets::pair_at(app.document.buffer(), app.document.caret()) {
        Some((_, partner)) => {
            app.view.caret_cell = None;
            app.document.break_group();
            app.document.select(Selection::caret(partner));
        }
        None => app.inform("There is no bracket here that has a partner."),
    }
}
