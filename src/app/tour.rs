//! The tour: a document with holes that teaches the workbench.
//!
//! Its text, `assets/tour.md`, names keys by their commands: `{run}` is the key that is shown for that command, `{help@run}`
//! the one that a run has for it, in the keymap in use, set apart by backticks. `{gap 3}` is a hole of 3 tokens. Lines of a paragraph are one line.

use std::ops::Range;

use crate::app::command::find;
use crate::app::keymap::{CONTEXTS, Keymap};
use crate::app::message::Opened;
use crate::text::holes::HoleLength;

/// What it is called.
pub const TITLE: &str = "tour";

const TEXT: &str = include_str!("../../assets/tour.md");

/// The tour with the keys of a keymap.
pub fn tour(keys: &Keymap) -> Opened {
    let (mut text, mut holes) = (String::new(), Vec::new());
    for paragraph in TEXT.trim_end().split("\n\n") {
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        write(&paragraph.replace('\n', " "), keys, (&mut text, &mut holes));
    }
    text.push('\n');
    Opened { title: Some(TITLE), text: text.into(), holes, ..Opened::default() }
}

/// Writes a paragraph, with keys and holes in the place of what stands in braces. What is neither stays as it is.
fn write(paragraph: &str, keys: &Keymap, (text, holes): (&mut String, &mut Vec<(Range<usize>, HoleLength)>)) {
    let mut rest = paragraph;
    while let Some((before, behind)) = rest.split_once('{') {
        text.push_str(before);
        rest = behind;
        let Some((name, after)) = behind.split_once('}') else {
            text.push('{');
            continue;
        };
        if let Some(length) = gap(name) {
            let at = text.chars().count();
            holes.push((at..at, length));
        } else if let Some(key) = key(name, keys) {
            text.extend(["`", &key, "`"]);
        } else {
            text.push('{');
            continue;
        }
        rest = after;
    }
    text.push_str(rest);
}

/// `gap 3`.
fn gap(name: &str) -> Option<HoleLength> {
    name.strip_prefix("gap ")?.parse().ok().map(HoleLength::Fixed)
}

/// `run` or `help@run`; the command's name where it has no key.
fn key(name: &str, keys: &Keymap) -> Option<String> {
    let (name, place) = name.split_once('@').map_or((name, None), |(name, place)| (name, Some(place)));
    let command = find(name)?;
    let key = match place {
        None => keys.key_of(command.name),
        Some(place) => keys.key_in(CONTEXTS.iter().find(|(_, known)| *known == place)?.0, command.name),
    };
    Some(key.unwrap_or_else(|| command.name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::keymap::{Context, KEYS, Scheme};

    #[test]
    fn every_placeholder_is_known_in_every_keymap() {
        for scheme in [Scheme::Modeless, Scheme::Modal] {
            let keys = Keymap::of(scheme);
            let tour = tour(&keys);
            let text = tour.text.text();
            assert!(!text.contains(['{', '}']), "{text}");
            assert!(tour.holes.len() > 6);
            let chars: Vec<char> = text.chars().collect();
            assert!(tour.holes.iter().all(|(range, _)| range.is_empty() && chars[range.start - 1] == ' '));
            // A user's own key is the one that is named.
            let mut other = keys.clone();
            assert_eq!(other.bind(Context::Text, "f9", "run"), Ok(None));
            assert!(super::tour(&other).text.text().contains("f9") && !text.contains("f9"));
        }
        let mut text = String::new();
        let (keys, holes) = (Keymap::of(Scheme::Modeless), &mut Vec::new());
        write("a {nonsense} {gap x} {run@nowhere} { b", &keys, (&mut text, holes));
        assert_eq!(text, "a {nonsense} {gap x} {run@nowhere} { b", "unknown ones would be seen");
    }

    #[test]
    fn it_teaches_every_key_of_the_run() {
        let taught =
            |command: &str| TEXT.contains(&format!("{{{command}}}")) || TEXT.contains(&format!("{{{command}@run}}"));
        // Of the alternatives the first and the last are named.
        let named =
            |command: &str| !matches!(command, "cell-choose-2" | "cell-choose-3" | "cell-choose-4" | "cell-choose-5");
        for binding in KEYS.iter().filter(|binding| binding.context == Context::Run && named(binding.command)) {
            assert!(taught(binding.command), "{} is not in the tour", binding.command);
        }
        for command in [
            "run",
            "hole",
            "hole-length",
            "hole-next",
            "focus",
            "rewrite",
            "refine",
            "heat",
            "heat-next",
            "demands",
            "why",
            "take-back",
            "undo",
            "palette",
        ] {
            assert!(taught(command), "{command} is not in the tour");
        }
    }
}
