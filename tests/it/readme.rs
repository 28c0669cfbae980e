//! The README's promises about the program, compared with the program.

use std::fmt::Write as _;

use lacuna::app::command::COMMANDS;
use lacuna::app::keymap::{Context, KEYS};

use crate::support::project;

/// The rows of the README's key tables: every command that has a key, in the order of the command table.
fn keys_of(context: Context) -> String {
    let mut table = String::from("| key | what it does |\n|---|---|\n");
    for command in COMMANDS {
        let keys: Vec<String> = KEYS
            .iter()
            .filter(|binding| binding.context == context && binding.command == command.name)
            .map(|binding| format!("`{}`", binding.key))
            .collect();
        if !keys.is_empty() {
            writeln!(table, "| {} | {} |", keys.join(" "), command.doc).unwrap();
        }
    }
    table
}

#[test]
fn the_key_tables_are_the_programs_own() {
    let readme = std::fs::read_to_string(project("README.md")).unwrap();
    for (name, context) in [("text", Context::Text), ("run", Context::Run)] {
        let expected = keys_of(context);
        assert!(readme.contains(&expected), "the README's keys ({name}) should be:\n{expected}");
    }
}

#[test]
fn the_commands_that_it_names_are_there() {
    let readme = std::fs::read_to_string(project("README.md")).unwrap();
    let help = String::from_utf8(crate::support::run(&["--help"]).stdout).unwrap();
    for command in [
        "tour",
        "fill",
        "replay",
        "score",
        "denoise",
        "logits",
        "models",
        "samplers",
        "calibrate",
        "eval",
        "bench",
        "config",
    ] {
        assert!(readme.contains(&format!("lacuna {command}")), "README: {command}");
        assert!(help.contains(&format!("\n  {command}")), "--help: {command}");
    }
}
