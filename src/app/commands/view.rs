//! Commands that change what is shown: search, panels, wrapping.

use std::ops::Range;

use crate::app::App;
use crate::app::keymap::Context;
use crate::app::layout;
use crate::app::mouse::to_selection;
use crate::app::panel::{Asked, Panel, Prompt};
use crate::app::settings::Motion;
use crate::text::buffer::Buffer;
use crate::text::search;
use crate::text::selection::Selection;

pub(crate) fn find(app: &mut App) {
    let before = app.document.selection();
    let selected = app.document.buffer().slice(before.range());
    let text = match app.find.query() {
        _ if !selected.is_empty() && selected.len() < 200 && !selected.contains('\n') => selected,
        Some(query) => query.pattern().to_owned(),
        None => String::new(),
    };
    app.find.set(&text, app.document.buffer());
    app.panel = Panel::Prompt(Prompt::new(Asked::Find { before }, text));
}

pub(crate) fn find_next(app: &mut App) {
    let from = app.document.selection().range().end;
    go_to_match(app, from, search::find_next);
}

pub(crate) fn find_previous(app: &mut App) {
    let from = app.document.selection().range().start;
    go_to_match(app, from, search::find_prev);
}

type Search = fn(&Buffer, usize, &search::Query) -> Option<Range<usize>>;

fn go_to_match(app: &mut App, from: usize, look: Search) {
    let Some(query) = app.find.query() else {
        find(app);
        return;
    };
    let hit = look(app.document.buffer(), from, query);
    let missing = format!("{:?} is nowhere in this document.", query.pattern());
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
    if !selection.is_caret() {
        app.document.select(Selection::caret(selection.head));
    } else if app.infill.session().is_some() {
        app.focus = Context::Run;
    }
}
