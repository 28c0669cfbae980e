//! Commands about how likely the words of the text are.

use crate::app::heat::percent;
use crate::app::{App, Model};
use crate::text::selection::Selection;
use crate::text::spans::Span;

/// Shows how likely the words are, or stops showing it.
pub(crate) fn toggle(app: &mut App) {
    if !app.settings.heat
        && let Model::Unavailable(why) = &app.model
    {
        let why = why.clone();
        app.complain(why);
        return;
    }
    app.settings.heat = !app.settings.heat;
    app.inform(if app.settings.heat {
        "Unlikely words are marked as they are judged; {heat-next} goes to the least likely."
    } else {
        "Unlikely words are not marked."
    });
}

/// Selects the least likely word, of the selection where that has several, then the next less likely.
pub(crate) fn next(app: &mut App) {
    go(app, 1);
}

/// Selects the word before that.
pub(crate) fn previous(app: &mut App) {
    go(app, -1);
}

fn go(app: &mut App, by: isize) {
    if !app.settings.heat {
        toggle(app);
        return;
    }
    let buffer = app.document.buffer();
    let mut ranked = app.heat.ranked();
    ranked.retain(|word| buffer.slice(word.range.clone()).chars().any(char::is_alphanumeric));
    if ranked.is_empty() {
        app.inform("No word is judged yet; {heat-next} goes to one in a moment.");
        return;
    }
    let here = app.document.selection().range();
    let within = |word: &Span<f64>| here.start <= word.range.start && word.range.end <= here.end;
    let to = match ranked.iter().position(|word| word.range == here) {
        Some(at) => (at as isize + by).rem_euclid(ranked.len() as isize) as usize,
        None => ranked.iter().position(within).unwrap_or(0),
    };
    let word = &ranked[to];
    let said = format!(
        "{:?}: {}, {} of {}; {{refine}} mends it.",
        buffer.slice(word.range.clone()),
        percent(word.value),
        rank(to),
        crate::app::status::count(ranked.len(), "word"),
    );
    let selection = Selection::new(word.range.start, word.range.end);
    app.view.caret_cell = None;
    app.document.break_group();
    app.document.select(selection);
    app.inform(said);
}

/// The place among the least likely, in words.
fn rank(at: usize) -> String {
    let place = at + 1;
    let ending = match (place % 100, place % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    if at == 0 { "least likely".to_owned() } else { format!("{place}{ending} least likely") }
}

#[cfg(test)]
mod tests {
    use super::rank;

    #[test]
    fn places_are_said_as_people_say_them() {
        let said = [0, 1, 2, 3, 10, 20].map(|at| rank(at).replace("least likely", ""));
        assert_eq!(said, ["", "2nd ", "3rd ", "4th ", "11th ", "21st "]);
    }
}
