//! Commands of modal keymaps: where keys are commands and where they type.

use crate::app::App;
use crate::app::commands::edit;
use crate::app::keymap::{Context, Scheme};
use crate::text::buffer::Buffer;
use crate::text::motion;
use crate::text::selection::Selection;

/// Goes to a mode; under a keymap without modes there is only the one.
fn enter(app: &mut App, mode: Context) {
    if app.settings.scheme == Scheme::Modal {
        app.mode = mode;
    }
}

pub(crate) fn normal(app: &mut App) {
    app.document.break_group();
    if app.mode == Context::Normal {
        // Nothing is left to leave but the marks of a search, and the text itself.
        app.find.hide();
        if app.infill.session().is_some() {
            app.focus = Context::Run;
        }
    }
    enter(app, Context::Normal);
}

/// What was selected was taken: keys move again.
pub(crate) fn end_selecting(app: &mut App) {
    if app.mode == Context::Select {
        enter(app, Context::Normal);
    }
}

pub(crate) fn select(app: &mut App) {
    enter(app, Context::Select);
}

/// Puts carets somewhere and begins to type.
fn type_at(app: &mut App, carets: impl Fn(&Buffer, &Selection) -> usize) {
    let all = app.document.selections();
    let carets = all.each(|selection| Selection::caret(carets(app.document.buffer(), selection)));
    if *all != carets {
        app.view.caret_cell = None;
        app.document.select_all(&carets);
    }
    app.document.break_group();
    enter(app, Context::Text);
}

pub(crate) fn insert(app: &mut App) {
    type_at(app, |_, selection| selection.range().start);
}

pub(crate) fn append(app: &mut App) {
    type_at(app, |buffer, selection| {
        if !selection.is_caret() {
            return selection.range().end;
        }
        // Behind the character that the caret is on, but not on another line.
        motion::right(buffer, selection.head).min(motion::line_end(buffer, selection.head))
    });
}

pub(crate) fn insert_line_start(app: &mut App) {
    type_at(app, |buffer, selection| motion::line_first_nonblank(buffer, selection.head));
}

pub(crate) fn append_line_end(app: &mut App) {
    type_at(app, |buffer, selection| motion::line_end(buffer, selection.head));
}

pub(crate) fn open_below(app: &mut App) {
    append_line_end(app);
    edit::newline(app);
}

pub(crate) fn open_above(app: &mut App) {
    insert_line_start(app);
    edit::newline(app);
    type_at(app, |buffer, selection| {
        let line = buffer.line_of(selection.head);
        buffer.line_end(line.saturating_sub(1))
    });
}

pub(crate) fn change(app: &mut App) {
    edit::delete_right(app);
    type_at(app, |_, selection| selection.head);
}
