//! Which key does what: one literal table. A key that is not in it and writes a character types that character in the
//! text, and does nothing to a run.
//!
//! Tab never has to do with the model. Keys that old terminals cannot tell apart (ctrl-i, ctrl-m, ctrl-j, ctrl-enter) are
//! not used; ctrl-h is what ctrl-backspace is on many of them.

use crate::app::command::{Command, find};
use crate::app::key::Key;

/// Who has the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// The text: every character types.
    Text,
    /// The run or the proposal: keys steer it. What is not bound here and is no character means what it means in the text.
    Run,
}

/// A key and its command.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// Where it holds.
    pub context: Context,
    /// The key, as [`Key`] prints it.
    pub key: &'static str,
    /// The command's name.
    pub command: &'static str,
}

const fn text(key: &'static str, command: &'static str) -> Binding {
    Binding { context: Context::Text, key, command }
}

const fn run(key: &'static str, command: &'static str) -> Binding {
    Binding { context: Context::Run, key, command }
}

/// The keys. Where a command has several, the first is the one that is shown.
pub const KEYS: &[Binding] = &[
    run("space", "run-pause"),
    run(".", "run-step"),
    run("enter", "run-accept"),
    run("esc", "run-reject"),
    run("r", "run-again"),
    run("[", "proposal-previous"),
    run("]", "proposal-next"),
    run("i", "run-type"),
    run("?", "help"),
    text("f5", "run"),
    text("alt-enter", "run"),
    text("alt-w", "rewrite"),
    text("alt-i", "instruct"),
    text("alt-r", "refine"),
    text("f6", "focus"),
    text("alt-m", "hole"),
    text("f4", "hole"),
    text("ctrl-space", "hole"),
    text("alt-l", "hole-length"),
    text("alt-j", "hole-next"),
    text("alt-k", "hole-previous"),
    text("f8", "hole-next"),
    text("shift-f8", "hole-previous"),
    text("f2", "model"),
    text("ctrl-s", "save"),
    text("alt-s", "save-as"),
    text("f12", "save-as"),
    text("ctrl-o", "open"),
    text("ctrl-n", "new"),
    text("ctrl-q", "quit"),
    text("ctrl-alt-z", "suspend"),
    text("ctrl-z", "undo"),
    text("ctrl-y", "redo"),
    text("ctrl-shift-z", "redo"),
    text("ctrl-x", "cut"),
    text("shift-delete", "cut"),
    text("ctrl-c", "copy"),
    text("ctrl-insert", "copy"),
    text("ctrl-v", "paste"),
    text("shift-insert", "paste"),
    text("enter", "newline"),
    text("shift-enter", "newline"),
    text("tab", "indent"),
    text("backtab", "outdent"),
    text("backspace", "delete-left"),
    text("shift-backspace", "delete-left"),
    text("delete", "delete-right"),
    text("ctrl-backspace", "delete-word-left"),
    text("alt-backspace", "delete-word-left"),
    text("ctrl-h", "delete-word-left"),
    text("ctrl-delete", "delete-word-right"),
    text("alt-delete", "delete-word-right"),
    text("ctrl-k", "delete-line"),
    text("ctrl-f", "find"),
    text("f3", "find-next"),
    text("ctrl-g", "find-next"),
    text("shift-f3", "find-previous"),
    text("ctrl-shift-g", "find-previous"),
    text("ctrl-l", "go-to-line"),
    text("ctrl-p", "palette"),
    text("f1", "help"),
    text("alt-z", "wrap"),
    text("alt-n", "line-numbers"),
    text("esc", "leave"),
    text("ctrl-a", "select-all"),
    text("ctrl-d", "select-word"),
    text("alt-a", "select-paragraph"),
    text("left", "left"),
    text("right", "right"),
    text("up", "up"),
    text("down", "down"),
    text("ctrl-left", "word-left"),
    text("alt-left", "word-left"),
    text("alt-b", "word-left"),
    text("ctrl-right", "word-right"),
    text("alt-right", "word-right"),
    text("alt-f", "word-right"),
    text("home", "line-start"),
    text("end", "line-end"),
    text("pageup", "page-up"),
    text("pagedown", "page-down"),
    text("ctrl-up", "paragraph-up"),
    text("ctrl-down", "paragraph-down"),
    text("ctrl-home", "start"),
    text("ctrl-end", "end"),
    text("shift-left", "select-left"),
    text("shift-right", "select-right"),
    text("shift-up", "select-up"),
    text("shift-down", "select-down"),
    text("ctrl-shift-left", "select-word-left"),
    text("alt-shift-left", "select-word-left"),
    text("ctrl-shift-right", "select-word-right"),
    text("alt-shift-right", "select-word-right"),
    text("shift-home", "select-line-start"),
    text("shift-end", "select-line-end"),
    text("shift-pageup", "select-page-up"),
    text("shift-pagedown", "select-page-down"),
    text("ctrl-shift-up", "select-paragraph-up"),
    text("ctrl-shift-down", "select-paragraph-down"),
    text("ctrl-shift-home", "select-start"),
    text("ctrl-shift-end", "select-end"),
];

/// The command that a key means.
pub fn lookup(context: Context, key: Key) -> Option<&'static Command> {
    let name = key.to_string();
    let binding = KEYS.iter().find(|binding| binding.context == context && binding.key == name)?;
    find(binding.command)
}

/// The keys of a command, the one to be shown first.
pub fn keys_of(command: &str) -> impl Iterator<Item = &'static Binding> {
    KEYS.iter().filter(move |binding| binding.command == command)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::app::command::COMMANDS;

    #[test]
    fn every_key_is_in_normal_form_and_names_a_command() {
        let mut seen = BTreeSet::new();
        for binding in KEYS {
            let key: Key = binding.key.parse().unwrap();
            assert_eq!(key.to_string(), binding.key, "not as a terminal reports it");
            assert!(find(binding.command).is_some(), "{binding:?}");
            assert!(seen.insert((binding.context == Context::Run, binding.key)), "{binding:?} is bound twice");
            assert!(binding.context == Context::Run || key.printable().is_none(), "{binding:?} would not type");
        }
    }

    #[test]
    fn every_command_has_a_unique_name_and_one_sentence() {
        let mut names = BTreeSet::new();
        for command in COMMANDS {
            assert!(names.insert(command.name), "{} is there twice", command.name);
            assert!(command.name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", command.name);
            assert!(command.doc.ends_with('.') && command.doc.matches(". ").count() == 0, "{}", command.doc);
            assert!(command.doc.starts_with(char::is_uppercase), "{}", command.doc);
        }
    }

    #[test]
    fn tab_is_never_about_the_model() {
        for key in ["tab", "backtab"] {
            let command = lookup(Context::Text, key.parse().unwrap()).unwrap();
            assert!(command.name.ends_with("dent"));
            assert!(lookup(Context::Run, key.parse().unwrap()).is_none());
        }
    }
}
