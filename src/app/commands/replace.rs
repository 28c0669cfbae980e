//! Replacing what was found: match by match, each shown with what would stand in its place, or all at once.

use std::ops::Range;

use crate::app::App;
use crate::app::commands::lines;
use crate::app::commands::view::select_match;
use crate::app::find::Replacing;
use crate::app::panel::{Asked, Panel, Prompt, Question};
use crate::app::status::count;
use crate::text::change::Edit;
use crate::text::search::{find_next, replacements};

/// Asks what is to stand in the place of matches, all of them or those within a range; says if there is none.
pub(crate) fn ask(app: &mut App, within: Option<Range<usize>>) -> Option<&'static str> {
    let from = within.as_ref().map_or(0, |range| range.start);
    let hit = app.find.query().and_then(|query| find_next(app.document.buffer(), from, query));
    let is_in =
        |hit: Range<usize>| within.as_ref().is_none_or(|range| range.start <= hit.start && hit.end <= range.end);
    if !hit.is_some_and(is_in) {
        let nowhere = "There is no match in this document; esc leaves.";
        return Some(if within.is_some() { "There is no match in the selection; esc leaves." } else { nowhere });
    }
    app.find.within = within;
    let before = app.find.replacing.take().map(|last| last.template).unwrap_or_default();
    app.panel = Panel::Prompt(Prompt::new(Asked::Replacement, before));
    None
}

/// Begins at the match that is shown, or behind the caret, and goes once through the document, or through the selection.
pub(crate) fn begin(app: &mut App, template: &str) {
    let within = app.find.within.take();
    let origin = within.as_ref().map_or_else(|| app.document.selection().range().start, |range| range.start);
    let template = template.to_owned();
    app.find.replacing = Some(Replacing { template, origin, is_round: false, within, done: 0, last: 0 });
    ask_from(app, origin);
}

/// The matches from `from` on, and what would stand in their places.
fn next(app: &App, from: usize, limit: usize) -> Vec<(Range<usize>, String)> {
    let (Some(query), Some(replacing)) = (app.find.query(), &app.find.replacing) else { return Vec::new() };
    let is_regex = app.find.options.regex;
    let ending = app.document.line_ending().as_str();
    let template = if is_regex { expanded(&replacing.template, ending) } else { replacing.template.clone() };
    let (from, end) = replacing.within.as_ref().map_or((from, usize::MAX), |range| (from.max(range.start), range.end));
    let mut found = replacements(app.document.buffer(), (from, limit), query, (&template, is_regex));
    found.retain(|(hit, _)| hit.end <= end && (!replacing.is_round || hit.end <= replacing.origin));
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
        (replacing.done, replacing.last) = (replacing.done + 1, 1);
        if let Some(within) = &mut replacing.within {
            within.end = (within.end + behind).saturating_sub(hit.end);
        }
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
        (replacing.done, replacing.last) = (replacing.done + all.len(), all.len());
    }
    let edits = all.into_iter().map(|(range, text)| Edit { range, text }).collect();
    lines::change(app, edits, None);
    end(app);
}

/// Says how many were replaced, and how many of them one undo takes back.
pub(crate) fn end(app: &mut App) {
    let Some(Replacing { done, last, .. }) = app.find.replacing.take() else { return };
    app.panel = Panel::None;
    app.find.hide();
    app.inform(match done {
        0 => "Nothing was replaced.".to_owned(),
        n if n == last => format!("Replaced {}; {{undo}} takes it back.", count(n, "match")),
        n => {
            let last = if last == 1 { "the last one".to_owned() } else { format!("the last {last}") };
            format!("Replaced {}; {{undo}} takes back {last}.", count(n, "match"))
        }
    });
}
