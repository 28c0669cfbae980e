//! The help page: keys, commands and what the marks mean, all made from the tables that the program itself runs on.

use crate::app::command::COMMANDS;
use crate::app::keymap::{Context, KEYS, keys_of};
use crate::app::layout::Look;
use crate::engine::protocol::CellState;

/// A line of the help page.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// A heading.
    Heading(&'static str),
    /// A sentence.
    Text(&'static str),
    /// Keys and what they do.
    Key {
        /// The keys, the first one first, separated by spaces.
        keys: String,
        /// The command's name.
        command: &'static str,
        /// The command's sentence.
        doc: &'static str,
    },
    /// A mark as it looks, and what it means.
    Mark {
        /// What is drawn.
        sample: &'static str,
        /// How it is drawn.
        look: Look,
        /// What it means.
        meaning: &'static str,
    },
    /// An empty line.
    Gap,
}

/// The marks on the screen.
pub const MARKS: &[(&str, Look, &str)] = &[
    (
        "text",
        Look::Hole,
        "a hole with text in it: a run replaces the text on the screen, accepting replaces it for good",
    ),
    ("▢", Look::EmptyHole, "a hole without text"),
    ("░░░", Look::Shade { state: CellState::Masked }, "still masked: nothing is written here yet"),
    ("▒▒▒", Look::Shade { state: CellState::Tentative }, "the model has a guess here, but not a likely one"),
    ("word", Look::Cell { state: CellState::Tentative, probability: 0.5 }, "the model's current guess"),
    ("word", Look::Cell { state: CellState::JustCommitted, probability: 0.9 }, "written in the step just made"),
    (
        "word",
        Look::Cell { state: CellState::Committed, probability: 0.9 },
        "written: part of the proposal, not of your text",
    ),
    ("word", Look::Cell { state: CellState::Remasked, probability: 0.2 }, "taken back in the step just made"),
    ("word", Look::Cell { state: CellState::Pinned, probability: 1.0 }, "held by you: the run cannot change it"),
    ("word", Look::Cell { state: CellState::Original, probability: 0.9 }, "your own word, not touched by this run"),
    ("⏎", Look::Break { state: CellState::Committed }, "a line break in the proposal"),
    ("┃", Look::Text, "in the margin: this line holds a hole, a run or a proposal"),
];

/// What a newcomer needs. A test holds the keys in it against the table.
const IN_SHORT: [&str; 4] = [
    "A hole is a place where the model writes. alt-m makes one of the selection, or where words are missing.",
    "f5 fills all holes. With no hole it rewrites the selection; with no selection it refines the paragraph.",
    "What it writes is a proposal and not in your text until enter accepts it; ctrl-z takes it back in one step.",
    "While it has the keys, the keys below steer it; f6 gives them to the text and back.",
];

/// The page.
pub fn page() -> Vec<Line> {
    let mut page = vec![Line::Heading("In short")];
    page.extend(IN_SHORT.map(Line::Text));
    page.extend([Line::Gap, Line::Heading("While the run or a proposal has the keys")]);
    page.extend(keys(Context::Run));
    page.extend([Line::Gap, Line::Heading("What the marks mean")]);
    page.extend(MARKS.iter().map(|&(sample, look, meaning)| Line::Mark { sample, look, meaning }));
    page.extend([Line::Gap, Line::Heading("Keys")]);
    page.extend(keys(Context::Text));
    page.extend([Line::Gap, Line::Heading("Commands without a key (ctrl-p finds any by name)")]);
    let without = COMMANDS.iter().filter(|command| keys_of(command.name).next().is_none());
    page.extend(without.map(|command| Line::Key { keys: String::new(), command: command.name, doc: command.doc }));
    page
}

/// The commands with keys in this context, in the order of the command table.
fn keys(context: Context) -> impl Iterator<Item = Line> {
    COMMANDS.iter().filter_map(move |command| {
        let keys: Vec<&str> = KEYS
            .iter()
            .filter(|binding| binding.context == context && binding.command == command.name)
            .map(|binding| binding.key)
            .collect();
        let (name, doc) = (command.name, command.doc);
        (!keys.is_empty()).then(|| Line::Key { keys: keys.join(" "), command: name, doc })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_on_the_page() {
        let page = page();
        for wanted in COMMANDS {
            let there = page.iter().any(|line| matches!(line, Line::Key { command, .. } if *command == wanted.name));
            assert!(there, "{} is missing", wanted.name);
        }
    }

    #[test]
    fn keys_in_short_are_those_of_the_table() {
        let text = IN_SHORT.join(" ");
        for (key, command) in
            [("alt-m", "hole"), ("f5", "run"), ("enter", "run-accept"), ("ctrl-z", "undo"), ("f6", "focus")]
        {
            assert!(text.contains(key), "{key} is not mentioned");
            assert!(keys_of(command).any(|binding| binding.key == key), "{key} is not {command}");
        }
    }

    #[test]
    fn every_state_of_a_cell_is_explained() {
        use CellState::{Committed, JustCommitted, Masked, Original, Pinned, Remasked, Tentative};
        for state in [Masked, Tentative, JustCommitted, Committed, Remasked, Pinned, Original] {
            let explained = MARKS.iter().any(|(_, look, _)| match look {
                Look::Cell { state: s, .. } | Look::Shade { state: s } => *s == state,
                _ => false,
            });
            assert!(explained, "{state:?}");
        }
    }
}
