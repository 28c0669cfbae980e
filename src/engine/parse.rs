//! Does a document still parse? Tree-sitter's grammars, and what counts as a new error.
//!
//! An error is a node that the parser could not make sense of or had to make up. One that was there before, in text that no
//! hole touches, is the document's own; every other is new. Unit: bytes.

use std::ops::Range;

use tree_sitter::{Language, Node, Parser};

/// A language: its name, the endings of its files, and its grammar.
struct Grammar {
    name: &'static str,
    endings: &'static [&'static str],
    language: fn() -> Language,
}

const GRAMMARS: [Grammar; 7] = [
    Grammar { name: "bash", endings: &["sh", "bash"], language: || tree_sitter_bash::LANGUAGE.into() },
    Grammar { name: "c", endings: &["c", "h"], language: || tree_sitter_c::LANGUAGE.into() },
    Grammar { name: "go", endings: &["go"], language: || tree_sitter_go::LANGUAGE.into() },
    Grammar {
        name: "javascript",
        endings: &["js", "mjs", "cjs", "jsx"],
        language: || tree_sitter_javascript::LANGUAGE.into(),
    },
    Grammar { name: "json", endings: &["json"], language: || tree_sitter_json::LANGUAGE.into() },
    Grammar { name: "python", endings: &["py", "pyi"], language: || tree_sitter_python::LANGUAGE.into() },
    Grammar { name: "rust", endings: &["rs"], language: || tree_sitter_rust::LANGUAGE.into() },
];

/// The names of the languages that can be parsed.
pub fn languages() -> impl Iterator<Item = &'static str> {
    GRAMMARS.iter().map(|grammar| grammar.name)
}

/// The language of that name, or for `auto` that of the file of this name.
pub fn language_named(name: &str, file: &str) -> Option<&'static str> {
    match name {
        "auto" => language_of_file(file),
        name => languages().find(|known| *known == name),
    }
}

/// The language of a file, by the ending of its name.
fn language_of_file(name: &str) -> Option<&'static str> {
    let ending = name.rsplit_once('.')?.1;
    GRAMMARS.iter().find(|grammar| grammar.endings.contains(&ending)).map(|grammar| grammar.name)
}

/// A document with holes: its text, and where in it they are.
#[derive(Debug, Clone, Default)]
pub(super) struct Holed {
    pub(super) text: String,
    pub(super) holes: Vec<Range<usize>>,
}

/// Whether a document has errors that it did not have before its holes were filled; none where the language is unknown.
pub(super) fn breaks(language: &str, before: &Holed, after: &Holed) -> Option<bool> {
    let grammar = GRAMMARS.iter().find(|grammar| grammar.name == language)?;
    let mut parser = Parser::new();
    parser.set_language(&(grammar.language)()).ok()?;
    let now = errors(&mut parser, &after.text)?;
    if now.is_empty() {
        return Some(false);
    }
    let own: Vec<Range<usize>> =
        errors(&mut parser, &before.text)?.into_iter().filter_map(|error| moved(&error, before, after)).collect();
    Some(now.iter().any(|error| !own.contains(error)))
}

/// Where a stretch that no hole touches lies once the holes are filled.
fn moved(error: &Range<usize>, before: &Holed, after: &Holed) -> Option<Range<usize>> {
    let (mut gained, mut lost) = (0, 0);
    for (old, new) in before.holes.iter().zip(&after.holes) {
        if error.end < old.start {
            break;
        }
        if error.start <= old.end {
            return None;
        }
        gained += new.len();
        lost += old.len();
    }
    Some(error.start + gained - lost..error.end + gained - lost)
}

fn errors(parser: &mut Parser, text: &str) -> Option<Vec<Range<usize>>> {
    let tree = parser.parse(text, None)?;
    let mut found = Vec::new();
    let mut open: Vec<Node<'_>> = vec![tree.root_node()];
    while let Some(node) = open.pop() {
        if node.is_error() || node.is_missing() {
            found.push(node.byte_range());
        }
        // Only branches with an error in them are looked into.
        if node.has_error() {
            let mut cursor = node.walk();
            open.extend(node.children(&mut cursor));
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holed(before: &str, hole: &str, after: &str) -> Holed {
        let end = before.len() + hole.len();
        Holed { text: format!("{before}{hole}{after}"), holes: std::iter::once(before.len()..end).collect() }
    }

    #[track_caller]
    fn check(language: &str, before: &str, after: &str, good: &str, bad: &str) {
        let breaks = |text| breaks(language, &holed(before, "", after), &holed(before, text, after));
        assert_eq!((breaks(good), breaks(bad)), (Some(false), Some(true)), "{language}");
    }

    #[test]
    fn every_grammar_tells_right_from_wrong() {
        check("python", "def f(x):\n    return ", "\n", "x + 1", "x +");
        check("rust", "fn f() -> u8 { ", " }\n", "1 + 2", "1 + }");
        check("javascript", "const f = (a) => ", ";\n", "a * 2", "a * (");
        check("c", "int f(void) { return ", "; }\n", "3", "3 +");
        check("go", "package a\nfunc f() int { return ", " }\n", "4", "4 *");
        check("json", "{\"a\": ", "}", "[1, 2]", "[1, ");
        check("bash", "if true; then ", "; fi\n", "echo hi", "echo \"hi");
        assert_eq!(languages().count(), 7);
    }

    #[test]
    fn errors_that_were_there_before_are_the_documents_own() {
        let (before, after) = ("x = (1 +\n\n\n", "\ndef g(:\n    pass\n");
        let same = breaks("json", &holed("[1, ", "", "]\n{:}\n"), &holed("[1, ", "22", "]\n{:}\n"));
        assert_eq!(same, Some(false));
        assert_eq!(breaks("python", &holed(before, "", after), &holed(before, "if (", after)), Some(true));
        assert_eq!(breaks("cobol", &Holed::default(), &Holed::default()), None);
    }

    #[test]
    fn languages_go_by_the_ending_of_the_name() {
        assert_eq!(language_of_file("src/lib.rs"), Some("rust"));
        assert_eq!((language_of_file("README"), language_of_file("a.xyz")), (None, None));
    }
}
