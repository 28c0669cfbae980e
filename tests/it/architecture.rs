//! The law of DESIGN section 2 as one table, and a few rules about files, held against every source file.
//!
//! A file's tests (from its last `#[cfg(test)]` on) are outside of the law: they may build what they like.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::project;

/// A floor: its name, what it may import of ours, and words that never stand in its files.
struct Floor {
    name: &'static str,
    imports: &'static [&'static str],
    never: &'static [&'static str],
}

const TERMINAL: [&str; 2] = ["ratatui", "crossterm"];
const WORLD: [&str; 6] = ["std::fs", "std::io", "std::env", "std::thread", "std::net", "std::process"];
const CLOCK: [&str; 2] = ["Instant", "SystemTime"];

const FLOORS: [Floor; 8] = [
    Floor { name: "text", imports: &["text"], never: &["tokio", "candle", "tokenizers", "serde"] },
    Floor {
        name: "diffusion",
        imports: &["diffusion"],
        never: &["tokio", "candle", "tokenizers", "serde", "HashMap", "HashSet"],
    },
    Floor {
        name: "model",
        imports: &["model", "diffusion"],
        never: &["tokio", "std::env", "std::net", "Tensor::rand", "uniform("],
    },
    Floor { name: "engine", imports: &["engine", "diffusion", "model"], never: &["candle", "tokio", "println!"] },
    Floor { name: "app", imports: &["app", "text", "engine::protocol"], never: &["tokio", "candle", "tokenizers"] },
    Floor {
        name: "ui",
        imports: &["ui", "app", "text", "engine::protocol"],
        never: &["crossterm", "tokio", "candle", "&mut App"],
    },
    Floor {
        name: "shell",
        imports: &["shell", "app", "ui", "engine", "text"],
        never: &["candle", "tokenizers", "process::exit"],
    },
    Floor {
        name: "cli",
        imports: &["cli", "shell", "ui", "app", "engine", "model", "diffusion", "text"],
        never: &["candle_core", "candle_nn", "process::exit"],
    },
];

/// Which floors never name the terminal, the outside world, a clock.
const WITHOUT: [(&[&str], &[&str]); 3] = [
    (&TERMINAL, &["text", "diffusion", "model", "engine", "app", "cli"]),
    (&WORLD, &["text", "diffusion", "app", "ui"]),
    (&CLOCK, &["text", "diffusion", "model", "app", "ui"]),
];

/// `unsafe` stands here and nowhere else, each with its reason beside it.
const UNSAFE: [&str; 8] = [
    "model/kernel/attention.rs",
    "model/kernel/avx2.rs",
    "model/kernel/avx512.rs",
    "model/kernel/int8.rs",
    "model/kernel/product.rs",
    "model/kernel/rotary.rs",
    "model/kernel/work.rs",
    "model/weights.rs",
];

const LONGEST_FILE: usize = 400;

#[test]
fn floors_import_only_what_is_below_them() {
    let mut broken = Vec::new();
    for source in sources() {
        let Some(floor) = FLOORS.iter().find(|floor| source.floor == floor.name) else { continue };
        for (number, line) in source.code_lines() {
            for import in imports(line) {
                let allowed = floor
                    .imports
                    .iter()
                    .any(|allowed| import == *allowed || import.starts_with(&format!("{allowed}::")));
                if !allowed {
                    broken.push(format!("{}:{number}: `{}` may not import crate::{import}", source.name, floor.name));
                }
            }
            let without =
                WITHOUT.iter().filter(|(_, floors)| floors.contains(&floor.name)).flat_map(|(words, _)| words.iter());
            for word in floor.never.iter().chain(without).filter(|word| has_word(line, word)) {
                broken.push(format!("{}:{number}: `{word}` never stands in `{}`", source.name, floor.name));
            }
        }
    }
    assert!(broken.is_empty(), "DESIGN section 2:\n{}", broken.join("\n"));
}

#[test]
fn files_say_what_they_are_for_and_are_short() {
    let mut broken = Vec::new();
    for source in sources() {
        if !source.text.starts_with("//! ") {
            broken.push(format!("{}: the first line does not say what the file is for", source.name));
        }
        let lines = source.code_lines().count();
        if lines > LONGEST_FILE && !source.is_test() {
            broken
                .push(format!("{}: {lines} lines without tests; over {LONGEST_FILE} is asking to be two", source.name));
        }
        if source.name.ends_with("/mod.rs") {
            broken.push(format!("{}: folders are `foo.rs` + `foo/`", source.name));
        }
    }
    assert!(broken.is_empty(), "DESIGN section 2, style.md section 3:\n{}", broken.join("\n"));
}

#[test]
fn nothing_is_left_undone_or_switched_off() {
    // Put together here, so that this file does not name them.
    let words = [
        ["#[all", "ow("],
        ["#[ign", "ore"],
        ["#[should_", "panic"],
        ["TO", "DO"],
        ["FIX", "ME"],
        ["unimplem", "ented!"],
    ];
    let mut broken = Vec::new();
    for source in sources() {
        for (number, line) in source.text.lines().enumerate() {
            for word in words.map(|parts| parts.concat()).iter().filter(|word| has_word(line, word)) {
                // Text that a user might mask is data, as in `"TODO"`.
                if !line.contains(&format!("\"{word}")) && !line.contains('"') {
                    broken.push(format!("{}:{}: {word}", source.name, number + 1));
                }
            }
        }
    }
    assert!(broken.is_empty(), "style.md section 3:\n{}", broken.join("\n"));
}

#[test]
fn unsafe_stands_only_where_it_is_listed_and_gives_its_reason() {
    for source in sources() {
        let uses =
            source.code_lines().filter(|(_, line)| has_word(line, "unsafe") && !line.contains("unsafe_code")).count();
        let listed = UNSAFE.contains(&source.name.as_str());
        assert_eq!(uses > 0, listed, "{}", source.name);
        assert!(!listed || source.text.contains("[expect(unsafe_code, reason"), "{}", source.name);
    }
}

#[test]
fn the_law_names_every_floor() {
    let floors =
        sources().into_iter().map(|source| source.floor).filter(|floor| !["lib", "main"].contains(&floor.as_str()));
    for floor in floors {
        assert!(FLOORS.iter().any(|known| known.name == floor), "{floor} is in no row of the table");
    }
}

struct Source {
    /// Relative to `src`.
    name: String,
    floor: String,
    text: String,
}

impl Source {
    fn is_test(&self) -> bool {
        self.name.ends_with("/tests.rs") || self.name.contains("/tests/")
    }

    /// Lines before the file's tests, comments left out of what is judged but counted; numbered from 1.
    fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = if self.is_test() { 0 } else { self.text.rfind("#[cfg(test)]").unwrap_or(self.text.len()) };
        let lines = self.text[..end].lines().enumerate();
        lines.map(|(index, line)| (index + 1, if line.trim_start().starts_with("//") { "" } else { line }))
    }
}

fn sources() -> Vec<Source> {
    let root = project("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    assert!(files.len() > 30, "the sources were not found");
    files.sort();
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
        let floor = name.split(['/', '.']).next().unwrap_or_default().to_owned();
        Source { floor, text: fs::read_to_string(&path).unwrap(), name }
    };
    files.into_iter().map(read).collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The `a::b` of each `crate::a::b` in a line.
fn imports(line: &str) -> Vec<String> {
    let paths = line.match_indices("crate::").map(|(at, word)| &line[at + word.len()..]);
    let path = |rest: &str| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').unwrap_or(rest.len());
        rest[..end].trim_end_matches(':').to_owned()
    };
    paths.map(path).collect()
}

/// Whether a word stands in a line, not as a part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let whole = |at: usize| {
        let (before, after) = (line[..at].chars().next_back(), line[at + word.len()..].chars().next());
        !part(before) && (!word.ends_with(|c: char| c.is_alphanumeric()) || !part(after))
    };
    line.match_indices(word).any(|(at, _)| whole(at))
}

#[test]
fn words_and_imports_are_recognised() {
    assert!(
        has_word("use std::fs;", "std::fs")
            && !has_word("let instant_s = 1;", "Instant")
            && has_word("x.uniform(k)", "uniform(")
    );
    assert_eq!(
        imports("use crate::engine::protocol::{Event}; crate::text::Buffer"),
        ["engine::protocol", "text::Buffer"]
    );
}
