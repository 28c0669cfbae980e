//! Commands that mark holes.

use crate::app::App;
use crate::app::infill::demands;
use crate::app::panel::{Asked, Panel, Prompt};
use crate::text::holes::{Hole, HoleLength, Holes};
use crate::text::selection::Selection;

/// Unmarks the hole at the caret or in the selection; else marks the selection, or an empty hole at the caret.
pub(crate) fn toggle(app: &mut App) {
    let selection = app.document.selection();
    let marked = touched(app);
    let now = app.outbox.now;
    let selected: Vec<_> = app.document.selections().all().iter().map(Selection::range).collect();
    if marked.is_empty() && selected.len() > 1 {
        // Several places at once: one hole each, filled together.
        app.document.edit_holes(now, |holes| {
            for range in selected {
                if holes.in_range(range.clone()).next().is_none() {
                    holes.add(range, HoleLength::Auto);
                }
            }
        });
        let ends = app.document.selections().each(|s| Selection::caret(s.range().end));
        app.document.select_all(&ends);
        return;
    }
    if marked.is_empty() {
        app.document.edit_holes(now, |holes| {
            holes.add(selection.range(), HoleLength::Auto);
        });
        app.document.select(Selection::caret(selection.range().end));
        return;
    }
    let grows = !selection.is_caret() && !covers_all(app, &marked);
    app.document.edit_holes(now, |holes| {
        for id in &marked {
            holes.remove(*id);
        }
        if grows {
            holes.add(selection.range(), HoleLength::Auto);
        }
    });
}

/// The holes in the selection or at the caret.
fn touched(app: &App) -> Vec<u64> {
    let range = app.document.selection().range();
    let holes = app.document.holes();
    if range.is_empty() {
        return holes.at(range.start).map(|hole| hole.id).into_iter().collect();
    }
    holes.in_range(range).map(|hole| hole.id).collect()
}

/// Whether the selection has nothing but these holes in it, so that the key unmarks rather than widens.
fn covers_all(app: &App, marked: &[u64]) -> bool {
    let range = app.document.selection().range();
    let inside: usize = marked
        .iter()
        .filter_map(|id| app.document.holes().get(*id))
        .map(|hole| hole.range.end.min(range.end).saturating_sub(hole.range.start.max(range.start)))
        .sum();
    inside >= range.len()
}

pub(crate) fn clear(app: &mut App) {
    if app.document.holes().is_empty() {
        app.inform("No hole is marked.");
        return;
    }
    app.document.edit_holes(app.outbox.now, Holes::clear);
}

/// The holes at the caret or in the selection, the first of them apart; all, where there is none.
fn meant(app: &mut App) -> Option<(Hole, Vec<u64>)> {
    let mut holes = touched(app);
    if holes.is_empty() {
        holes = app.document.holes().iter().map(|hole| hole.id).collect();
    }
    let first = holes.first().and_then(|id| app.document.holes().get(*id)).cloned();
    if first.is_none() {
        app.inform("There is no hole yet; {hole} marks one.");
    }
    Some((first?, holes))
}

/// Asks for the length of holes.
pub(crate) fn ask_length(app: &mut App) {
    let Some((first, holes)) = meant(app) else { return };
    app.panel = Panel::Prompt(Prompt::new(Asked::Length { holes }, in_words(first.length)));
}

/// Asks what the text of holes must be like.
pub(crate) fn ask_demands(app: &mut App) {
    let Some((first, holes)) = meant(app) else { return };
    let said = demands::written(&first, &app.document);
    app.panel = Panel::Prompt(Prompt::new(Asked::Demands { holes }, said));
}

/// A length as it is typed.
pub(crate) fn in_words(length: HoleLength) -> String {
    match length {
        HoleLength::Auto => "auto".to_owned(),
        HoleLength::Fixed(n) => n.to_string(),
        HoleLength::Range(least, most) => format!("{least}-{most}"),
    }
}

/// A length that was typed.
pub(crate) fn parse_length(text: &str) -> Option<HoleLength> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("auto") || text.is_empty() {
        return Some(HoleLength::Auto);
    }
    let number = |text: &str| text.trim().parse().ok().filter(|n| (1..=4096).contains(n));
    match text.split_once('-') {
        None => number(text).map(HoleLength::Fixed),
        Some((least, most)) => {
            let (least, most) = (number(least)?, number(most)?);
            (least <= most).then_some(HoleLength::Range(least, most))
        }
    }
}

pub(crate) fn next(app: &mut App) {
    let caret = app.document.caret();
    let starts: Vec<usize> = app.document.holes().iter().map(|hole| hole.range.start).collect();
    let to = starts.iter().find(|start| **start > caret).or(starts.first()).copied();
    go(app, to);
}

pub(crate) fn previous(app: &mut App) {
    let caret = app.document.caret();
    let starts: Vec<usize> = app.document.holes().iter().map(|hole| hole.range.start).collect();
    let to = starts.iter().rfind(|start| **start < caret).or(starts.last()).copied();
    go(app, to);
}

fn go(app: &mut App, to: Option<usize>) {
    let Some(to) = to else {
        app.inform("There is no hole yet; {hole} marks one.");
        return;
    };
    app.view.caret_cell = None;
    app.document.break_group();
    app.document.select(Selection::caret(to));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_parse_as_they_print() {
        for (text, length) in
            [("auto", HoleLength::Auto), ("12", HoleLength::Fixed(12)), ("3-40", HoleLength::Range(3, 40))]
        {
            assert_eq!(parse_length(text), Some(length));
            assert_eq!(in_words(length), text);
        }
        for wrong in ["0", "40-3", "x", "-", "3-", "99999"] {
            assert_eq!(parse_length(wrong), None, "{wrong}");
        }
    }
}
