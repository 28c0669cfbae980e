//! What hands type behind a colon that vi and its kin have taught them: the palette takes it as it is meant there.

use crate::app::App;
use crate::app::command::{Command, find};
use crate::app::commands::file;
use crate::app::panel::Then;

/// What is typed, and the command that it means. `q!` asks before it discards anything, as `q` does.
const MEANT: [(&str, &str); 10] = [
    ("w", "save"),
    ("write", "save"),
    ("q", "quit"),
    ("quit", "quit"),
    ("q!", "quit"),
    ("wq", "save-quit"),
    ("x", "save-quit"),
    ("e", "open"),
    ("edit", "open"),
    ("o", "open"),
];

/// The command that is meant by exactly this; a number means a line.
pub(crate) fn meant(typed: &str) -> Option<&'static Command> {
    let named = MEANT.iter().find(|(known, _)| *known == typed).map(|(_, name)| *name);
    find(named.or_else(|| is_line(typed).then_some("go-to-line"))?)
}

/// Whether this is a line, or a line and a column.
pub(crate) fn is_line(typed: &str) -> bool {
    typed.starts_with(|c: char| c.is_ascii_digit()) && typed.chars().all(|c| c.is_ascii_digit() || c == ':')
}

/// Saves the document, and then quits as far as nothing else is unsaved.
pub(crate) fn save_quit(app: &mut App) {
    app.outbox.after_save = Some((app.document.id(), Then::Quit));
    file::save(app);
}
