//! Commands about files, and what the shell answers. Nothing here touches a file.

use std::path::{Path, PathBuf};

use crate::app::App;
use crate::app::commands;
use crate::app::document::Document;
use crate::app::effect::{Effect, Expect, SaveRequest};
use crate::app::infill::Stage;
use crate::app::message::{Opened, SaveError, SavedFile};
use crate::app::panel::{Asked, Panel, Prompt, Question, Then};
use crate::app::status::count;
use crate::app::tour;
use crate::text::change::{Bias, Edit};
use crate::text::encoding::Encoding;
use crate::text::lines;
use crate::text::selection::Selection;

pub(crate) fn save(app: &mut App) {
    let Some(path) = app.document.path().cloned() else {
        save_as(app);
        return;
    };
    if let Some((_, again)) = app.outbox.saving.iter_mut().find(|(id, _)| *id == app.document.id()) {
        // What the file will be is known once the answer is there.
        *again = true;
        return;
    }
    let expect = app.document.stamp().map_or(Expect::Nothing, Expect::Same);
    request_save(app, path, expect);
}

pub(crate) fn save_as(app: &mut App) {
    let name = app.document.path().map(|path| path.display().to_string()).unwrap_or_default();
    app.panel = Panel::Prompt(Prompt::new(Asked::SaveAs, name));
}

/// Saves under this name, as long as that does not overwrite another file.
pub(crate) fn save_to(app: &mut App, path: PathBuf) {
    if app.document.path() == Some(&path) {
        save(app);
    } else if app.place_of_file(&path).is_some() {
        // Each would undo what the other wrote, in the file and in its journal.
        app.outbox.after_save = None;
        app.complain(is_anothers(&path));
    } else {
        request_save(app, path, Expect::Nothing);
    }
}

/// Says that a file is that of another document.
pub(crate) fn is_anothers(path: &Path) -> String {
    format!("{} is open as another document; close that one, or save under another name.", path.display())
}

pub(crate) fn request_save(app: &mut App, path: PathBuf, expect: Expect) {
    app.document.break_group();
    tidy(app);
    // The journal has what was done before it is told that this was saved. That of another file begins when there is one.
    app.write_journal();
    app.document.save_begins();
    let (contents, encoding) = (app.document.buffer().clone(), app.document.encoding());
    let sources = Some(app.document.sources()).filter(|sources| app.settings.sidecar && sources.wants_file());
    let sidecar = sources.map(|sources| sources.to_json(&contents));
    let document = app.document.id();
    app.outbox.saving.push((document, false));
    app.emit(Effect::Save(SaveRequest { document, path, contents, encoding, expect, sidecar }));
}

/// What is to be done to a text before it is saved, as one undo step: blanks at the ends of lines, a last line break. What
/// stands in a hole is left alone.
fn tidy(app: &mut App) {
    let style = app.document.style();
    let trim = style.trim.unwrap_or(app.settings.trim);
    let last = style.final_newline.unwrap_or(app.settings.final_newline);
    let buffer = app.document.buffer();
    let mut edits = if trim { lines::trim(buffer) } else { Vec::new() };
    edits.retain(|edit| app.document.holes().in_range(edit.range.clone()).next().is_none());
    let ends = buffer.is_empty() || buffer.char_at(buffer.len() - 1) == Some('\n');
    // A hole at the very end is where text is to come: it would be on the line after the last.
    let is_open = app.document.holes().in_range(buffer.len()..buffer.len()).any(|hole| hole.range.is_empty());
    if last && !ends && !is_open {
        edits.push(Edit { range: buffer.len()..buffer.len(), text: app.document.line_ending().as_str().to_owned() });
    }
    commands::lines::change(app, edits, Some(Bias::Left));
}

/// The shell saved, or did not.
pub(crate) fn saved(app: &mut App, document: u64, saved: Result<SavedFile, SaveError>) {
    // A question about it is asked with it on the screen.
    if let (Err(SaveError::ChangedOnDisk(_) | SaveError::Exists(_)), Some(place)) = (&saved, app.place_of(document)) {
        app.show_document(place);
    }
    let is_saved = saved.is_ok();
    let asked = app.outbox.saving.iter().position(|(id, _)| *id == document).map(|at| app.outbox.saving.remove(at));
    app.with_document(document, |app| take_saved(app, saved));
    if !is_saved {
        return;
    }
    let is_dirty = app.with_document(document, |app| app.document.is_dirty());
    if is_dirty == Some(true) && asked.is_some_and(|(_, again)| again) {
        app.with_document(document, save);
    } else if let Some((_, then)) = app.outbox.after_save.take_if(|(id, _)| *id == document)
        && is_dirty == Some(false)
        && let Some(place) = app.place_of(document)
    {
        app.show_document(place);
        // A proposal that waits in it is not saved with it.
        unless_unsaved(app, then);
    }
}

fn take_saved(app: &mut App, saved: Result<SavedFile, SaveError>) {
    match saved {
        Ok(file) => {
            let is_moved = app.document.path() != Some(&file.path);
            if is_moved {
                // A recovery file is named after the document's former path, and so is the journal.
                app.forget_recovery();
                app.document.tell_all();
            }
            let lines = count(app.document.buffer().counted_lines(), "line");
            let name = file.path.display().to_string();
            app.document.saved(file.path, file.stamp, file.revision);
            app.inform(format!("Saved {name}, {lines}."));
            if app.document.is_dirty() {
                app.write_journal();
                return;
            }
            if is_moved {
                app.found_on_disk();
            }
            if app.recovery.is_kept() {
                app.forget_recovery();
            }
        }
        Err(SaveError::ChangedOnDisk(path)) => app.panel = Panel::Question(Question::ChangedOnDisk(path)),
        Err(SaveError::Exists(path)) => app.panel = Panel::Question(Question::Overwrite(path)),
        Err(SaveError::Failed(why)) => {
            app.document.tell_all();
            app.outbox.after_save = None;
            app.complain(why);
        }
    }
}

pub(crate) fn open(app: &mut App) {
    app.panel = Panel::Prompt(Prompt::new(Asked::Open, ""));
}

pub(crate) fn new(app: &mut App) {
    app.put_document(Document::empty());
}

/// Shows the tour, which is in no file.
pub(crate) fn tour(app: &mut App) {
    match app.place_of_title(tour::TITLE) {
        Some(place) => app.show_document(place),
        None => app.put_document(Document::opened(&tour::tour(&app.settings.keys))),
    }
}

/// Opens a file, or shows it if it is open.
pub(crate) fn open_path(app: &mut App, path: PathBuf) {
    if let Some(place) = app.place_of_file(&path) {
        app.show_document(place);
        return;
    }
    let of_open =
        path.to_str().and_then(split_place).and_then(|(path, at)| Some((app.place_of_file(Path::new(path))?, at)));
    match of_open {
        Some((place, (line, column))) => {
            app.show_document(place);
            go_to(app, line, column);
        }
        None => app.emit(Effect::Open(path)),
    }
}

/// The name, the line and the column of `FILE:LINE` or `FILE:LINE:COL`.
pub(crate) fn split_place(text: &str) -> Option<(&str, (usize, usize))> {
    let number = |text: &str| text.parse::<usize>().ok().filter(|n| *n > 0);
    let (rest, last) = text.strip_suffix(':').unwrap_or(text).rsplit_once(':')?;
    let last = number(last)?;
    let (path, at) = match rest.rsplit_once(':').and_then(|(path, line)| Some((path, number(line)?))) {
        Some((path, line)) => (path, (line, last)),
        None => (rest, (last, 1)),
    };
    (!path.is_empty()).then_some((path, at))
}

pub(crate) fn close(app: &mut App) {
    unless_unsaved(app, Then::Close);
}

pub(crate) fn next(app: &mut App) {
    step(app, 1);
}

pub(crate) fn previous(app: &mut App) {
    step(app, -1);
}

fn step(app: &mut App, by: isize) {
    let (count, current) = app.documents();
    if count == 1 {
        app.inform("There is no other document; {open} opens one.");
        return;
    }
    app.show_document((current as isize + by).rem_euclid(count as isize) as usize);
}

/// Lists the documents.
pub(crate) fn choose(app: &mut App) {
    let (_, current) = app.documents();
    app.panel = Panel::Prompt(Prompt::new(Asked::Document { selected: current }, ""));
}

pub(crate) fn quit(app: &mut App) {
    unless_unsaved(app, Then::Quit);
}

pub(crate) fn suspend(app: &mut App) {
    app.emit(Effect::Suspend);
}

/// Does it, after asking about unsaved changes or a proposal if there are any.
pub(crate) fn unless_unsaved(app: &mut App, then: Then) {
    if app.document.is_dirty() {
        let others = if then == Then::Quit { app.others_unsaved() } else { 0 };
        app.panel = Panel::Question(Question::Unsaved(then, app.document.name(), others));
    } else if app.infill.stage() == Stage::Review {
        app.panel = Panel::Question(Question::Proposal(then));
    } else {
        go_on(app, then);
    }
}

/// Does it, whatever is unsaved in this document.
pub(crate) fn go_on(app: &mut App, then: Then) {
    match then {
        Then::Close => {
            if !app.drop_document() {
                app.drop_session();
                app.discard_document();
            }
        }
        Then::Quit => match app.place_of_unsaved() {
            Some(place) => {
                app.show_document(place);
                unless_unsaved(app, Then::Quit);
            }
            None => end(app),
        },
    }
}

/// Gives up what is unsaved in this document, and goes on.
pub(crate) fn discard(app: &mut App, then: Then) {
    app.forget_recovery();
    if app.drop_document() {
        if then == Then::Quit {
            go_on(app, then);
        }
        return;
    }
    app.drop_session();
    match then {
        Then::Quit => {
            app.end_recovery();
            app.emit(Effect::Quit);
        }
        Then::Close => app.discard_document(),
    }
}

fn end(app: &mut App) {
    app.drop_session();
    app.write_journal();
    app.end_recovery();
    app.emit(Effect::Quit);
}

/// The shell read a file, or did not. One that is open already is shown as it is: what was done to it is not read over.
pub(crate) fn opened(app: &mut App, opened: Result<Opened, String>) {
    let file = match opened {
        Err(why) => return app.complain(why),
        Ok(file) => file,
    };
    let place = file.path.as_deref().and_then(|path| app.place_of_file(path));
    if app.is_asking() {
        // The answer is to be about the document that is on the screen.
        if place.is_none() {
            put_behind(app, &file);
        }
        app.tell_of_waiting(file.path.as_deref());
        return;
    }
    if let Some(place) = place {
        show(app, place, file.at);
        return;
    }
    app.put_document(Document::opened(&file));
    if let Some((line, column)) = file.at {
        go_to(app, line, column);
    }
    introduce(app, &file);
}

/// The shell read one more file of the command line, or did not.
pub(crate) fn opened_behind(app: &mut App, opened: Result<Opened, String>) {
    match opened {
        Err(why) => app.complain(why),
        Ok(file) if file.path.as_deref().is_some_and(|path| app.place_of_file(path).is_some()) => {}
        Ok(file) => {
            put_behind(app, &file);
            introduce(app, &file);
        }
    }
}

fn put_behind(app: &mut App, file: &Opened) {
    let id = app.put_behind(Document::opened(file));
    if let Some((line, column)) = file.at {
        app.with_document(id, |app| go_to(app, line, column));
    }
}

/// Says what is to be known of a file that was read.
fn introduce(app: &mut App, file: &Opened) {
    let Some(name) = file.path.as_ref().map(|path| path.display()) else { return };
    if file.stamp.is_none() {
        app.inform(format!("{name} is a new file; it is made when you save."));
    } else if file.read_only {
        app.inform(format!("{name} is read-only; {{save-as}} saves under another name."));
    } else if file.encoding != Encoding::Utf8 {
        let encoding = file.encoding.name();
        app.inform(format!("{name} is in {encoding} and stays so; the command utf-8 changes that."));
    }
}

/// Shows the document at a place among all, and a line and a column of it.
pub(crate) fn show(app: &mut App, place: usize, at: Option<(usize, usize)>) {
    app.show_document(place);
    if let Some((line, column)) = at {
        go_to(app, line, column);
    }
}

/// From now on the document is written as UTF-8.
pub(crate) fn to_utf8(app: &mut App) {
    app.document.set_encoding(Encoding::Utf8);
    app.inform("The document will be saved as UTF-8.");
}

/// Puts the caret at a line and a column, both 1-based, or as near as there is.
pub(crate) fn go_to(app: &mut App, line: usize, column: usize) {
    let buffer = app.document.buffer();
    let line = line.saturating_sub(1).min(buffer.line_count().saturating_sub(1));
    let pos = buffer.line_start(line).saturating_add(column.saturating_sub(1)).min(buffer.line_end(line));
    app.view.caret_cell = None;
    app.document.break_group();
    app.document.select(Selection::caret(pos));
}
