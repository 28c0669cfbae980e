//! Commands for several selections at once.

use std::ops::Range;

use crate::app::App;
use crate::app::commands::lines::word_or_selection;
use crate::app::layout::moves::{Spot, Walker, by_rows};
use crate::app::mouse::to_selection;
use crate::text::search::{Case, Query, find_all, find_next};
use crate::text::selection::{Selection, Selections};

/// As many matches are selected at once.
const MOST: usize = 10_000;

/// Selects these; the one at `primary` is the one that the window follows.
pub(crate) fn select_all(app: &mut App, list: Vec<Selection>, primary: usize) {
    app.document.break_group();
    app.view.caret_cell = None;
    app.document.select_all(&Selections::new(list, primary));
}

/// Selects the words at carets; where something is selected, also its next occurrence.
pub(crate) fn add_next_match(app: &mut App) {
    let buffer = app.document.buffer();
    let all = app.document.selections();
    if all.all().iter().any(Selection::is_caret) {
        let words = all.each(|selection| word_or_selection(buffer, selection));
        select_all(app, words.all().to_vec(), words.primary_index());
        return;
    }
    let mut from = all.primary().range().end;
    let query = Query::literal(&buffer.slice(all.primary().range()), Case::Sensitive);
    let taken = |hit: &Range<usize>| all.all().iter().any(|s| s.range().start < hit.end && hit.start < s.range().end);
    // Each turn passes one that is selected already, so as many turns as selections are enough.
    let hit = (0..=all.all().len()).find_map(|_| {
        let hit = find_next(buffer, from, &query)?;
        from = hit.end;
        (!taken(&hit)).then_some(hit)
    });
    match hit {
        Some(hit) => {
            let mut list = all.all().to_vec();
            list.push(to_selection(hit));
            let last = list.len() - 1;
            select_all(app, list, last);
        }
        None => app.inform("This text is selected wherever it stands."),
    }
}

/// Selects all matches of the search, or all places where the selected text or the word at the caret stands.
pub(crate) fn select_matches(app: &mut App) {
    let buffer = app.document.buffer();
    let selection = app.document.selection();
    let range = word_or_selection(buffer, &selection).range();
    let of_search = app.find.query().filter(|_| app.find.is_shown());
    let query = of_search.cloned().unwrap_or_else(|| Query::literal(&buffer.slice(range.clone()), Case::Sensitive));
    let hits = find_all(buffer, &query, MOST);
    if hits.is_empty() {
        app.inform("There is nothing to select: put the caret on a word, or select a text.");
        return;
    }
    let primary = hits.iter().position(|hit| hit.end > range.start).unwrap_or(0);
    let n = hits.len();
    select_all(app, hits.into_iter().map(to_selection).collect(), primary);
    if n == MOST {
        app.inform(format!("The first {MOST} matches are selected."));
    }
}

/// Puts a caret at the end of each selected line.
pub(crate) fn split_lines(app: &mut App) {
    let buffer = app.document.buffer();
    let mut carets = Vec::new();
    for selection in app.document.selections().all() {
        let range = selection.range();
        let (first, last) = (buffer.line_of(range.start), buffer.line_of(range.end));
        for line in first..=last {
            // A selection that ends at a line's start has nothing of that line.
            if line == first || buffer.line_start(line) < range.end {
                carets.push(Selection::caret(buffer.line_end(line).min(range.end)));
            }
        }
    }
    let last = carets.len() - 1;
    select_all(app, carets, last);
}

pub(crate) fn cursor_above(app: &mut App) {
    add_by_rows(app, -1);
}

pub(crate) fn cursor_below(app: &mut App) {
    add_by_rows(app, 1);
}

/// Adds a caret a row above the first or below the last.
fn add_by_rows(app: &mut App, rows: isize) {
    let all = app.document.selections().all();
    let Some(edge) = (if rows < 0 { all.first() } else { all.last() }) else { return };
    let mut walker = Walker::at(app, Spot::at(edge.head));
    let has_row = if rows < 0 { walker.up() } else { walker.down() };
    if !has_row {
        app.inform("There is no further line.");
        return;
    }
    let (spot, goal) = by_rows(app, Spot::at(edge.head), app.view.goal_at(edge.head), rows);
    let mut list = all.to_vec();
    list.push(Selection::caret(spot.pos));
    let last = list.len() - 1;
    select_all(app, list, last);
    app.view.goals.push((spot.pos, goal));
}

/// Leaves only the primary selection.
pub(crate) fn keep_primary(app: &mut App) {
    let primary = app.document.selection();
    select_all(app, vec![primary], 0);
}
