//! The help page: keys, commands and what the marks mean, all made from the tables that the program itself runs on.

use crate::app::command::COMMANDS;
use crate::app::keymap::{Bound, Context, Keymap};
use crate::app::layout::{Look, Marks};
use crate::engine::protocol::CellState;

/// A line of the help page.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// A heading.
    Heading(&'static str),
    /// A sentence.
    Text(String),
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
        /// What is drawn over it.
        marks: Marks,
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

/// The marks over the user's own text.
const OVER_TEXT: &[(&str, Marks, &str)] = &[
    ("word", heated(1), "a word of yours that is a little unlikely, given the text on both sides"),
    ("word", heated(2), "an unlikely one"),
    ("word", heated(3), "a very unlikely one"),
    ("▁▃▅▇", heated(0), "in the margin: how unlikely the least likely word of this row is"),
];

const fn heated(heat: u8) -> Marks {
    Marks { heat, ..Marks::NONE }
}

/// What a newcomer needs; commands in braces stand for their keys.
const IN_SHORT: [&str; 5] = [
    "A hole is a place where the model writes. {hole} makes one of the selection, or where words are missing.",
    "{run} fills all holes. With no hole it rewrites the selection; with no selection it refines the paragraph.",
    "What it writes is a proposal and not in your text until {run-accept} accepts it; {undo} takes it back in one step.",
    "While it has the keys, the keys below steer it; {focus} gives them to the text and back.",
    "The command tour ({palette} finds it) opens a text that teaches all this. Words of a run, lists and the keys on the last line can be clicked.",
];

/// The page.
pub fn page(keymap: &Keymap) -> Vec<Line> {
    let mut page = vec![Line::Heading("In short")];
    page.extend(IN_SHORT.map(|sentence| Line::Text(keymap.said(sentence))));
    page.extend([Line::Gap, Line::Heading("While the run or a proposal has the keys")]);
    page.extend(keys(keymap, Context::Run));
    page.extend([Line::Gap, Line::Heading("What the marks mean")]);
    let mark = |&(sample, look, meaning)| Line::Mark { sample, look, marks: Marks::NONE, meaning };
    page.extend(MARKS.iter().map(mark));
    let over = |&(sample, marks, meaning)| Line::Mark { sample, look: Look::Text, marks, meaning };
    page.extend(OVER_TEXT.iter().map(over));
    let modal = [(Context::Normal, "Keys while keys are commands"), (Context::Select, "Keys while motions select")];
    for (context, heading) in modal {
        if keymap.bound().iter().any(|bound| bound.context == context) {
            page.extend([Line::Gap, Line::Heading(heading)]);
            page.extend(keys(keymap, context));
        }
    }
    page.extend([Line::Gap, Line::Heading("Keys")]);
    page.extend(keys(keymap, Context::Text));
    page.extend([Line::Gap, Line::Heading("Commands without a key (the palette finds any by name)")]);
    let without = COMMANDS.iter().filter(|command| keymap.keys_of(command.name).next().is_none());
    page.extend(without.map(|command| Line::Key { keys: String::new(), command: command.name, doc: command.doc }));
    page
}

/// The commands with keys in this context, in the order of the command table.
fn keys(keymap: &Keymap, context: Context) -> impl Iterator<Item = Line> {
    COMMANDS.iter().filter_map(move |command| {
        let here = keymap.keys_of(command.name).filter(|bound| bound.context == context);
        let keys: Vec<String> = here.map(Bound::written).collect();
        let (name, doc) = (command.name, command.doc);
        // Keys of a sequence stand close together, so that blanks divide keys.
        let keys = keys.iter().map(|key| key.replace(' ', "\u{a0}")).collect::<Vec<_>>().join(" ");
        (!keys.is_empty()).then_some(Line::Key { keys, command: name, doc })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::keymap::Scheme;

    #[test]
    fn every_command_is_on_the_page() {
        for scheme in [Scheme::Modeless, Scheme::Modal] {
            let page = page(&Keymap::of(scheme));
            for wanted in COMMANDS {
                let there =
                    page.iter().any(|line| matches!(line, Line::Key { command, .. } if *command == wanted.name));
                assert!(there, "{} is missing", wanted.name);
            }
        }
    }

    #[test]
    fn in_short_names_keys() {
        let text: Vec<String> = IN_SHORT.iter().map(|text| Keymap::of(Scheme::Modeless).said(text)).collect();
        for key in ["alt-m", "f5", "enter", "ctrl-z", "f6"] {
            assert!(text.iter().any(|text| text.contains(key)), "{key} is not mentioned");
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
