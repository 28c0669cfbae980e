//! Commands that change what is shown: search, panels, wrapping.

use std::ops::Range;

use crate::app::App;
use crate::app::commands::multi;
use crate::app::effect::Effect;
use crate::app::keymap::Context;
use crate::app::layout;
use crate::app::mouse::to_selection;
use crate::app::panel::{Asked, Panel, Prompt, quoted};
use crate::app::settings::{Blanks, Motion};
use crate::app::status::count;
use crate::text::buffer::Buffer;
use crate::text::prose;
use crate::text::search;
use crate::text::selection::Selection;

pub(crate) fn find(app: &mut App) {
    ask_what(app, false);
}

/// Asks what to look for, and then what to put in its place.
pub(crate) fn replace(app: &mut App) {
    ask_what(app, true);
}

fn ask_what(app: &mut App, replace: bool) {
    let before = app.document.selection();
    let selected = app.document.buffer().slice(before.range());
    let text = match app.find.query() {
        _ if !selected.is_empty() && selected.len() < 200 && !selected.contains('\n') => selected,
        Some(query) => query.pattern().to_owned(),
        None => String::new(),
    };
    let wrong = app.find.set(&text, app.document.buffer()).err();
    let within = replace && app.document.buffer().slice(before.range()).contains('\n');
    let prompt = Prompt::new(Asked::Find { before, replace, within }, text);
    app.panel = Panel::Prompt(Prompt { complaint: wrong, ..prompt });
}

pub(crate) fn find_next(app: &mut App) {
    let from = app.document.selection().range().end;
    go_to_match(app, from, search::find_next);
}

pub(crate) fn find_previous(app: &mut App) {
    let from = app.document.selection().range().start;
    go_to_match(app, from, search::find_prev);
}

/// Goes to the first match in one of the documents behind this one, in their order.
pub(crate) fn find_elsewhere(app: &mut App) {
    let Some(query) = app.find.query().cloned() else {
        find(app);
        return;
    };
    let (count, current) = app.documents();
    for place in (1..count).map(|by| (current + by) % count) {
        let hit = app.buffer_of(place).and_then(|buffer| search::find_next(buffer, 0, &query));
        if let Some(hit) = hit {
            app.show_document(place);
            app.find.show(app.document.buffer());
            select_match(app, hit);
            return;
        }
    }
    app.inform(format!("{} is in no other open document.", quoted(query.pattern())));
}

type Search = fn(&Buffer, usize, &search::Query) -> Option<Range<usize>>;

fn go_to_match(app: &mut App, from: usize, look: Search) {
    let Some(query) = app.find.query() else {
        find(app);
        return;
    };
    let hit = look(app.document.buffer(), from, query);
    let missing = format!("{} is nowhere in this document.", quoted(query.pattern()));
    app.find.show(app.document.buffer());
    match hit {
        Some(hit) => select_match(app, hit),
        None => app.inform(missing),
    }
}

/// Selects a match.
pub(crate) fn select_match(app: &mut App, hit: Range<usize>) {
    app.view.caret_cell = None;
    app.document.break_group();
    app.document.select(to_selection(hit));
}

pub(crate) fn go_to_line(app: &mut App) {
    app.panel = Panel::Prompt(Prompt::new(Asked::Line, ""));
}

pub(crate) fn palette(app: &mut App) {
    app.panel = Panel::Prompt(Prompt::new(Asked::Palette { selected: 0 }, ""));
}

pub(crate) fn settings(app: &mut App) {
    app.emit(Effect::OpenSettings);
}

pub(crate) fn help(app: &mut App) {
    app.panel = Panel::Help(0);
}

pub(crate) fn toggle_wrap(app: &mut App) {
    app.settings.soft_wrap = !app.settings.soft_wrap;
    app.view.left = 0;
    app.view.top.row = 0;
    let (top, left) = layout::scroll_to_caret(app);
    (app.view.top, app.view.left) = (top, left);
    app.inform(if app.settings.soft_wrap { "Long lines are wrapped." } else { "Long lines are not wrapped." });
}

pub(crate) fn toggle_line_numbers(app: &mut App) {
    app.settings.line_numbers = !app.settings.line_numbers;
}

/// Says how many words the selection or the document has, and how long reading it takes.
pub(crate) fn count_words(app: &mut App) {
    let buffer = app.document.buffer();
    let selection = app.document.selection();
    let (range, what) = if selection.is_caret() { (0..buffer.len(), "") } else { (selection.range(), "Selected: ") };
    let found = prose::count(buffer, range);
    let minutes = count(found.minutes(), "minute");
    app.inform(format!(
        "{what}{}, {}, {}; about {minutes} to read.",
        count(found.words, "word"),
        count(found.characters, "character"),
        count(found.lines, "line"),
    ));
}

/// Shows white space: that at the ends of lines, then all, then none.
pub(crate) fn toggle_whitespace(app: &mut App) {
    let (next, said) = match app.settings.blanks {
        Blanks::None => (Blanks::Trailing, "White space at the ends of lines is shown."),
        Blanks::Trailing => (Blanks::All, "All white space is shown."),
        Blanks::All => (Blanks::None, "White space is not shown."),
    };
    app.settings.blanks = next;
    app.inform(said);
}

pub(crate) fn toggle_syntax(app: &mut App) {
    app.settings.syntax = !app.settings.syntax;
    app.inform(if app.settings.syntax {
        "Words have the colours of their language."
    } else {
        "Words have no colours."
    });
}

pub(crate) fn toggle_motion(app: &mut App) {
    app.settings.motion = match app.settings.motion {
        Motion::Full => Motion::Reduced,
        Motion::Reduced => Motion::Full,
    };
    app.inform(match app.settings.motion {
        Motion::Full => "Guesses are shown while text is denoised.",
        Motion::Reduced => "Only what is written is shown while text is denoised.",
    });
}

/// Leaves what is in front, one thing at a time: the marked matches and the selection, then the text for the run.
pub(crate) fn leave(app: &mut App) {
    let selection = app.document.selection();
    app.find.hide();
    if !app.document.selections().is_one() {
        multi::keep_primary(app);
    } else if !selection.is_caret() {
        app.document.select(Selection::caret(selection.head));
    } else if app.infill.session().is_some() {
        app.focus = Context::Run;
    }
}
