//! What is open in front of the text: a prompt with its list of commands, or a question.
//!
//! Both take the status row, or the last row of a window that has none. A question's answers are hints; what is wrong
//! with an input stands above it; the list of commands grows upwards from it.

use ratatui::buffer::Buffer;

use crate::app::App;
use crate::app::command::Command;
use crate::app::listing::Listing;
use crate::app::panel::{Asked, Prompt, Question};
use crate::app::status::count;
use crate::app::view::Geometry;
use crate::text::measure;
use crate::ui::pen;
use crate::ui::theme::Theme;

/// Columns that the input of a prompt keeps, whatever stands before it.
const LEAST_INPUT: usize = 12;

/// Columns that a command's sentence needs to be worth showing.
const LEAST_DOC: usize = 30;

/// The row of panels.
fn row(geometry: Geometry, buffer: &Buffer) -> u16 {
    geometry.status.unwrap_or(buffer.area.height.saturating_sub(1))
}

/// Draws a question.
pub(crate) fn question(question: &Question, (theme, geometry): (&Theme, Geometry), buffer: &mut Buffer) {
    let y = row(geometry, buffer);
    let mut text = question.text();
    if geometry.hints.is_none() {
        // Without a row for them the answers come first: they must not be cut.
        let answers: Vec<String> = question.choices().iter().map(|(key, _, does)| format!("{key} {does}")).collect();
        text = format!("{}? {text}", answers.join(", "));
    }
    pen::sentence(buffer, y, theme.glyphs.warning, &text, theme.words.warning);
}

/// Draws a prompt; returns column and row of the cursor.
pub(crate) fn prompt(
    app: &App,
    prompt: &Prompt,
    (theme, geometry): (&Theme, Geometry),
    buffer: &mut Buffer,
) -> (u16, u16) {
    let y = row(geometry, buffer);
    let columns = usize::from(buffer.area.width);
    pen::blank(buffer, (0, y), columns, theme.words.plain);
    let label = pen::shorten(prompt.label(), columns.saturating_sub(LEAST_INPUT));
    let after = pen::put(buffer, (u16::from(columns > LEAST_INPUT), y), &label, columns, theme.words.strong);
    let x = if label.is_empty() { 0 } else { after + 2 };
    let count = match prompt.asked {
        Asked::Find { .. } if !prompt.input.text().is_empty() => {
            let (document, find) = (app.document(), app.find());
            let words = [find.options(), find.count(document.buffer(), document.selection())];
            words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join("   ")
        }
        _ => String::new(),
    };
    let mut room = columns.saturating_sub(usize::from(x) + 1);
    if !count.is_empty() && room > pen::width(&count) + LEAST_INPUT {
        room -= pen::width(&count) + 2;
        let at = columns.saturating_sub(pen::width(&count) + 1) as u16;
        pen::put(buffer, (at, y), &count, columns, theme.words.quiet);
    }
    let place = (theme, geometry, y);
    match prompt.asked {
        Asked::Palette { selected } if y > 0 => {
            let commands = prompt.palette();
            let key_of = |command: &&Command| app.settings().keys.key_of(command.name).unwrap_or_default();
            let keys: Vec<String> = commands.iter().map(key_of).collect();
            let entries: Vec<[&str; 3]> =
                commands.iter().zip(&keys).map(|(command, key)| [command.name, key, command.doc]).collect();
            list("command", &entries, selected, place, buffer);
        }
        Asked::Document { selected } if y > 0 => {
            let documents = app.listed_for(prompt.input.text());
            let entries: Vec<[&str; 3]> =
                documents.iter().map(|(_, one)| [one.name.as_str(), one.state, one.folder.as_str()]).collect();
            list("document", &entries, selected, place, buffer);
        }
        Asked::File { selected } if y > 0 => {
            let entries: Vec<[&str; 3]> =
                app.files().fitting().into_iter().map(|(path, word)| [path, word, ""]).collect();
            list("file", &entries, selected, place, buffer);
        }
        Asked::Branch { selected } if y > 0 => {
            let branches = app.branches_for(prompt.input.text());
            let entries: Vec<[&str; 3]> =
                branches.iter().map(|one| [one.name.as_str(), one.made.as_str(), one.text.as_str()]).collect();
            list("branch", &entries, selected, place, buffer);
        }
        Asked::HoleFrom { hole, selected } if y > 0 => {
            let branches = app.versions_of(hole, prompt.input.text());
            let entries: Vec<[&str; 3]> =
                branches.iter().map(|one| [one.name.as_str(), one.made.as_str(), one.text.as_str()]).collect();
            list("branch", &entries, selected, place, buffer);
        }
        Asked::Model { selected } if y > 0 => {
            let models = app.choice().listed(prompt);
            let entries: Vec<[&str; 3]> =
                models.iter().map(|model| [model.name.as_str(), model.needs.as_str(), model.note.as_str()]).collect();
            list("model", &entries, selected, place, buffer);
        }
        Asked::Open | Asked::SaveAs if y > 0 => names(app.files().names(prompt.input.text()), place, buffer),
        _ => {}
    }
    if let Some(complaint) = &prompt.complaint
        && y > 0
    {
        pen::sentence(buffer, y - 1, theme.glyphs.error, complaint, theme.words.error);
    }
    (x + input(prompt, (x, y, room), theme, buffer), y)
}

/// Draws what a path can become, above the prompt, as many names as there is room for.
fn names(names: &[String], (theme, geometry, y): (&Theme, Geometry, u16), buffer: &mut Buffer) {
    if names.is_empty() {
        return;
    }
    let columns = usize::from(buffer.area.width);
    let rows = pen::wrapped(&names.join("  "), columns.saturating_sub(4).max(1));
    let Listing { heading, rows: shown, .. } = Listing::new(geometry, y, (rows.len(), 0));
    pen::fill(buffer, (0, heading), theme.glyphs.rule, columns, theme.words.rule);
    let said = format!(" {} ", count(names.len(), "name"));
    pen::put(buffer, (2, heading), &said, columns.saturating_sub(4), theme.words.quiet);
    for (row, y) in rows.iter().take(shown).zip(heading + 1..) {
        pen::blank(buffer, (0, y), columns, theme.words.plain);
        pen::put(buffer, (3, y), row, columns.saturating_sub(4), theme.words.plain);
    }
}

/// Draws what was typed, scrolled so that the caret is seen; returns the caret's column in it.
fn input(prompt: &Prompt, (x, y, room): (u16, u16, usize), theme: &Theme, buffer: &mut Buffer) -> u16 {
    let text = prompt.input.text();
    let before: String = text.chars().take(prompt.input.caret()).collect();
    let caret = pen::width(&before);
    let left = (caret + 1).saturating_sub(room.max(1));
    let mut column = 0;
    for grapheme in measure::graphemes(text, 0, 0, 1) {
        let start = column;
        column += grapheme.width;
        if start >= left && column <= left + room {
            pen::glyph(buffer, (x + (start - left) as u16, y), &grapheme.text, grapheme.width, theme.words.plain);
        }
    }
    caret.saturating_sub(left) as u16
}

/// Draws a list of things above the prompt, which is on row `y`: of each its name, a few words and a sentence.
fn list(
    thing: &str,
    list: &[[&str; 3]],
    selected: usize,
    (theme, geometry, y): (&Theme, Geometry, u16),
    buffer: &mut Buffer,
) {
    let columns = usize::from(buffer.area.width);
    let Listing { heading: top, first, rows } = Listing::new(geometry, y, (list.len(), selected));
    pen::fill(buffer, (0, top), theme.glyphs.rule, columns, theme.words.rule);
    let said = match list.len() {
        0 => format!(" no {thing} fits "),
        n => format!(" {} of {} ", selected.min(n - 1) + 1, count(n, thing)),
    };
    pen::put(buffer, (2, top), &said, columns.saturating_sub(4), theme.words.quiet);
    // The sentence gets what room those that are shown leave.
    let shown = &list[first..first + rows];
    let widest = |column: usize| shown.iter().map(|entry| pen::width(entry[column])).max().unwrap_or(0);
    let names = widest(0).min(columns / 2);
    let keys = widest(1);
    for (i, y) in (first..first + rows).zip(top + 1..) {
        let [name, words, doc] = list[i];
        let is_chosen = i == selected;
        let style = |usual| if is_chosen { theme.words.chosen } else { usual };
        pen::blank(buffer, (0, y), columns, style(theme.words.plain));
        if is_chosen {
            pen::put(buffer, (1, y), theme.glyphs.chosen, columns, theme.words.chosen);
        }
        pen::put(buffer, (3, y), name, names, style(theme.words.plain));
        let at = names + 5;
        pen::put(buffer, (at as u16, y), words, columns.saturating_sub(at + 1), style(theme.words.key));
        let at = at + keys + 2;
        if columns > at + LEAST_DOC {
            pen::put(buffer, (at as u16, y), doc, columns - at - 1, style(theme.words.quiet));
        }
    }
}
