//! Replacing what was found: match by match, each shown with what would stand in its place, or all at once.

use std::ops::Range;

use crate::app::App;
use crate::app::commands::lines;
use crate::app::commands::view::select_match;
use crate::app::find::Replacing;
use crate::app::panel::{Panel, Question};
use crate::app::status::count;
use crate::text::change::Edit;
use crate::text::search::replacements;

/// Begins at the first match of the document.
pub(crate) fn begin(app: &mut App, template: &str) {
    app.find.replacing = Some(Replacing { template: template.to_owned(), done: 0 });
    ask_from(app, 0);
}

/// The first match from `from` on, and what would stand in its place.
fn next(app: &App, from: usize, limit: usize) -> Vec<(Range<usize>, String)> {
    let (Some(query), Some(replacing)) = (app.find.query(), &app.find.replacing) else { return Vec::new() };
    let template = (replacing.template.as_str(), app.find.options.regex);
    let found = replacements(app.document.buffer(), (from, limit), query, template);
    if !app.find.options.regex {
        return found;
    }
    // In a regular expression `\\n` is a line break; here it is the document's.
    let ending = app.document.buffer().line_ending().as_str();
    found.into_iter().map(|(hit, with)| (hit, with.replace("\\n", ending))).collect()
}

fn ask_from(app: &mut App, from: usize) {
    app.find.show(app.document.buffer());
    match next(app, from, 1).pop() {
        Some((hit, with)) => {
            select_match(app, hit.clone());
            let old = app.document.buffer().slice(hit.clone());
            app.panel = Panel::Question(Question::Replace { old, with, hit });
        }
        None => end(app),
    }
}

/// Replaces the match that is asked about, and goes on behind it.
pub(crate) fn replace(app: &mut App, hit: Range<usize>, with: String) {
    let behind = hit.start + with.chars().count();
    if let Some(replacing) = &mut app.find.replacing {
        replacing.done += 1;
    }
    lines::change(app, vec![Edit { range: hit, text: with }], None);
    ask_from(app, behind);
}

/// Leaves it as it is, and goes on behind it.
pub(crate) fn pass(app: &mut App, hit: &Range<usize>) {
    ask_from(app, hit.end);
}

/// Replaces this and all that follow, as one step.
pub(crate) fn replace_rest(app: &mut App, from: usize) {
    let all = next(app, from, usize::MAX);
    if let Some(replacing) = &mut app.find.replacing {
        replacing.done += all.len();
    }
    let edits = all.into_iter().map(|(range, text)| Edit { range, text }).collect();
    lines::change(app, edits, None);
    end(app);
}

/// Says how many were replaced.
pub(crate) fn end(app: &mut App) {
    let Some(Replacing { done, .. }) = app.find.replacing.take() else { return };
    app.panel = Panel::None;
    app.find.hide();
    app.inform(match done {
        0 => "Nothing was replaced.".to_owned(),
        n => format!("Replaced {}; {{undo}} takes it back.", count(n, "match")),
    });
}
