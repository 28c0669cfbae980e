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

/// Begins at the match that is shown, or behind the caret, and goes once through the document.
pub(crate) fn begin(app: &mut App, template: &str) {
    let origin = app.document.selection().range().start;
    app.find.replacing = Some(Replacing { template: template.to_owned(), origin, is_round: false, done: 0 });
    ask_from(app, origin);
}

/// The matches from `from` on, and what would stand in their places.
fn next(app: &App, from: usize, limit: usize) -> Vec<(Range<usize>, String)> {
    let (Some(query), Some(replacing)) = (app.find.query(), &app.find.replacing) else { return Vec::new() };
    let is_regex = app.find.options.regex;
    let ending = app.document.line_ending().as_str();
    let template = if is_regex { expanded(&replacing.template, ending) } else { replacing.template.clone() };
    let mut found = replacements(app.document.buffer(), (from, limit), query, (&template, is_regex));
    found.retain(|(hit, _)| !replacing.is_round || hit.end <= replacing.origin);
    found
}

/// What is typed for a regular expression as its crate wants it: `\n` is the document's line break, `\t` a tab, `\\` a
/// backslash, and the number of a group ends where its digits do.
fn expanded(template: &str, ending: &str) -> String {
    let mut out = String::new();
    let mut chars = template.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some('n')) => out.push_str(ending),
            ('\\', Some('t')) => out.push('\t'),
            ('\\', Some('\\')) => out.push('\\'),
            ('$', Some('$')) => out.push_str("$$"),
            ('$', Some(digit)) if digit.is_ascii_digit() => {
                out.push_str("${");
                while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                    out.push(digit);
                }
                out.push('}');
                continue;
            }
            _ => {
                out.push(c);
                continue;
            }
        }
        chars.next();
    }
    out
}

fn ask_from(app: &mut App, from: usize) {
    app.find.show(app.document.buffer());
    let found = next(app, from, 1).pop().or_else(|| {
        let replacing = app.find.replacing.as_mut().filter(|replacing| !replacing.is_round)?;
        replacing.is_round = true;
        next(app, 0, 1).pop()
    });
    match found {
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
        if replacing.is_round {
            replacing.origin = (replacing.origin + behind).saturating_sub(hit.end);
        }
    }
    lines::change(app, vec![Edit { range: hit, text: with }], None);
    ask_from(app, behind);
}

/// Leaves it as it is, and goes on behind it.
pub(crate) fn pass(app: &mut App, hit: &Range<usize>) {
    ask_from(app, hit.end);
}

/// Replaces this and all that follow, round to where the replacing began, as one step.
pub(crate) fn replace_rest(app: &mut App, from: usize) {
    let mut all = next(app, from, usize::MAX);
    if let Some(replacing) = app.find.replacing.as_mut().filter(|replacing| !replacing.is_round) {
        replacing.is_round = true;
        all.splice(..0, next(app, 0, usize::MAX));
    }
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
