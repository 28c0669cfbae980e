//! The one integration binary. Each module says what goes there.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where and stop")]

/// The import law and the tidiness rules, held against every source file.
mod architecture;
/// What goes wrong around the editor, seen in a terminal.
#[cfg(unix)]
mod bad_input;
/// The command line, as a script would use it: the real binary in a temporary folder.
mod busy;
mod checkpoints;
mod cli;
/// The editor as a person has it: the real binary in a pseudo-terminal.
#[cfg(unix)]
mod demands;
mod editor;
/// The engine with the default model: commands in, events out.
mod engine;
/// A tiny checkpoint of each family fills a hole in the editor.
#[cfg(unix)]
mod every_family;
/// Traps of published checkpoints, one test each.
mod families;
/// Every parser that we own, fed with inputs that are nearly right.
#[path = "../fuzz"]
mod fuzz {
    mod mutate;
    mod targets;
}
/// GGUF files against the safetensors that they are made from.
mod gguf;
/// A hub on this machine.
mod hub;
/// Undo after a restart, encodings, several carets, colours.
#[cfg(unix)]
mod keeping;
/// Commands that measure: length constants, the presets on the same holes.
#[cfg(target_os = "linux")]
mod measuring;
/// Models listed, fetched, removed, packed, described, asked to follow instructions.
#[cfg(unix)]
mod models;
/// Networks against the golden numbers of their reference implementations, and the default model against its own.
mod network;
/// Choosing models in the editor.
#[cfg(unix)]
mod picker;
/// The README against the program.
mod readme;
/// What the command line refuses.
#[cfg(unix)]
mod refusals;
mod replay;
/// Passes that compute some rows only: exact where nothing is stale, bounded where something is.
mod rows;
/// The settings file.
#[cfg(unix)]
mod settings;
mod sources;
mod steering;
/// What every module here needs.
mod support;
/// A pseudo-terminal with the built program in it.
#[cfg(unix)]
mod terminal;
/// Tiny models for work on text.
mod tiny;
/// Tokenizers in the forms that they are published in.
#[cfg(unix)]
mod tokenizers;
/// The tour, walked from its beginning to its end, and the mouse.
#[cfg(unix)]
mod tour;
/// Models of vectors behind the engine and on the command line.
#[cfg(unix)]
mod vectors;
mod widths;
