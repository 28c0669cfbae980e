//! What takes the keys away from text and run for a while: a prompt on the status line, a question, the help page.

use std::path::PathBuf;

use crate::app::command::{COMMANDS, Command};
use crate::app::commands::habit;
use crate::app::infill::branch::BranchId;
use crate::app::input::Input;
use crate::app::message::Recovered;
use crate::app::typed::Recalled;
use crate::text::selection::Selection;

/// What is open in front of the document.
#[derive(Debug, Clone, Default)]
pub enum Panel {
    /// Nothing.
    #[default]
    None,
    /// A line to be typed.
    Prompt(Prompt),
    /// A choice to be made.
    Question(Question),
    /// The help page, scrolled down by so many rows.
    Help(usize),
}

/// What is being asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// What to look for; the selection before, for Esc.
    Find {
        /// The selection when the prompt opened.
        before: Selection,
        /// What is found is to be replaced.
        replace: bool,
        /// Only in the selection, which is of more than one line.
        within: bool,
    },
    /// What is to stand in the place of what is found.
    Replacement,
    /// Which file to open.
    Open,
    /// Where to save.
    SaveAs,
    /// Which line to go to.
    Line,
    /// How many tokens these holes get.
    Length {
        /// The holes.
        holes: Vec<u64>,
    },
    /// What the text of these holes must be like.
    Demands {
        /// The holes.
        holes: Vec<u64>,
    },
    /// How much of the selection may change.
    Strength {
        /// What is made besides.
        besides: Besides,
    },
    /// The seed of the next run.
    Seed,
    /// Into which file a run is to be recorded.
    Record,
    /// What is to be done with the selection.
    Instruction,
    /// Which model to take.
    Model {
        /// The entry that Enter takes.
        selected: usize,
    },
    /// Which document to show.
    Document {
        /// The entry that Enter takes.
        selected: usize,
    },
    /// Which file to open.
    File {
        /// The entry that Enter takes.
        selected: usize,
    },
    /// Which branch to show.
    Branch {
        /// The entry that Enter takes.
        selected: usize,
    },
    /// What a branch is to be called.
    BranchName {
        /// The branch.
        id: BranchId,
    },
    /// Which word is to stand at a cell.
    Word {
        /// The hole.
        hole: u64,
        /// Which of its cells.
        cell: usize,
    },
    /// How many proposals are to be made.
    Candidates,
    /// What the lab compares.
    Lab,
    /// From which branch a hole is to be taken.
    HoleFrom {
        /// Which of the task's holes, from 0.
        hole: usize,
        /// The entry that Enter takes.
        selected: usize,
    },
    /// With which knobs to go on from the step that is shown.
    BranchOptions,
    /// Which command to carry out.
    Palette {
        /// The entry that Enter takes.
        selected: usize,
    },
}

/// What is made besides a rewriting, once it is known how much may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Besides {
    /// Nothing.
    Nothing,
    /// So many more proposals.
    Candidates(usize),
    /// What the lab was told to compare.
    Lab(String),
}

/// A prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// What is being asked for.
    pub asked: Asked,
    /// What was typed.
    pub input: Input,
    /// Why the last Enter was not taken.
    pub complaint: Option<String>,
    /// The earlier text that was brought back into it.
    pub(crate) recalled: Option<Recalled>,
}

/// What is to happen once unsaved changes are dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// End the program.
    Quit,
    /// Close the document.
    Close,
}

/// A question with a few answers, each a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// There are unsaved changes: in this document, and in so many others.
    Unsaved(Then, String, usize),
    /// A proposal waits for a decision, and nothing else is unsaved.
    Proposal(Then),
    /// There is a file already where a document is to be saved.
    Overwrite(PathBuf),
    /// Somebody else wrote the file.
    ChangedOnDisk(PathBuf),
    /// Whether this match is to be replaced.
    Replace {
        /// What stands there.
        old: String,
        /// What would stand there.
        with: String,
        /// Where.
        hit: std::ops::Range<usize>,
    },
    /// An earlier session left unsaved text.
    Recovery {
        /// That.
        found: Recovered,
        /// The file is another now than the one that it was made from.
        is_stale: bool,
        /// It was in a file, and that is on the screen.
        is_named: bool,
    },
    /// A model could not be loaded, and the one before had made room for it.
    ModelLost {
        /// Why, as a sentence.
        why: String,
        /// The one before.
        before: String,
    },
}

impl Asked {
    /// The entry of a list that Enter takes, where there is a list.
    pub fn selected(&self) -> Option<usize> {
        match self {
            Self::Palette { selected }
            | Self::Model { selected }
            | Self::Document { selected }
            | Self::Branch { selected }
            | Self::HoleFrom { selected, .. }
            | Self::File { selected } => Some(*selected),
            _ => None,
        }
    }

    /// Has Enter take another entry.
    pub(crate) fn select(&mut self, entry: usize) {
        if let Self::Palette { selected }
        | Self::Model { selected }
        | Self::Document { selected }
        | Self::Branch { selected }
        | Self::HoleFrom { selected, .. }
        | Self::File { selected } = self
        {
            *selected = entry;
        }
    }
}

impl Prompt {
    pub(crate) fn new(asked: Asked, text: impl Into<String>) -> Self {
        Self { asked, input: Input::offered(text), complaint: None, recalled: None }
    }

    /// What stands before the input.
    pub fn label(&self) -> &'static str {
        match self.asked {
            Asked::Find { replace: false, .. } => "find",
            Asked::Find { within: true, .. } => "replace in the selection",
            Asked::Find { .. } => "replace",
            Asked::Replacement => "by",
            Asked::Open => "open file",
            Asked::SaveAs => "save as",
            Asked::Line => "go to line",
            Asked::Length { .. } => "tokens in the hole (auto, 12 or 3-40)",
            Asked::Demands { .. } => "demands (3-40; /[a-z]+/)",
            Asked::Strength { .. } => "how much may change, 10 to 100 %",
            Asked::Seed => "seed of the next run",
            Asked::Record => "record as (.json to be replayed, .cast, .svg or .gif)",
            Asked::Instruction => "what to do with the selection (make this warmer)",
            Asked::Model { .. } => "model",
            Asked::Document { .. } => "document",
            Asked::File { .. } => "file",
            Asked::Branch { .. } => "branch",
            Asked::BranchName { .. } => "name of the branch",
            Asked::BranchOptions => "go on with",
            Asked::Word { .. } => "word",
            Asked::Candidates => "how many proposals, 2 to 8",
            Asked::Lab => "compare samplers",
            Asked::HoleFrom { .. } => "take the hole from",
            Asked::Palette { .. } => "command",
        }
    }

    /// The commands that the palette offers for what was typed, best first.
    pub fn palette(&self) -> Vec<&'static Command> {
        let typed = self.input.text().trim().to_lowercase();
        let mut found: Vec<(u8, &Command)> =
            COMMANDS.iter().filter_map(|command| Some((rank(command, &typed)?, command))).collect();
        found.sort_by_key(|(rank, _)| *rank);
        let meant = habit::meant(&typed);
        let others = found.into_iter().map(|(_, command)| command).filter(|command| Some(*command) != meant);
        meant.into_iter().chain(others).collect()
    }
}

/// How well a command fits what was typed, 0 best; `None` if not at all.
fn rank(command: &Command, typed: &str) -> Option<u8> {
    let name = command.name.replace('-', " ");
    let typed = typed.replace('-', " ");
    let is_word_start = |at: usize| at == 0 || name.as_bytes()[at - 1] == b' ';
    if name.starts_with(&typed) {
        return Some(0);
    }
    if let Some((at, _)) = name.match_indices(&typed).find(|(at, _)| is_word_start(*at)) {
        return Some(u8::from(at > 0));
    }
    if name.contains(&typed) {
        return Some(2);
    }
    if command.doc.to_lowercase().contains(&typed) {
        return Some(3);
    }
    let mut letters = name.chars();
    let in_order = typed.chars().filter(|c| *c != ' ').all(|wanted| letters.any(|c| c == wanted));
    in_order.then_some(4)
}

impl Question {
    /// The question, as a sentence.
    pub fn text(&self) -> String {
        match self {
            Self::Unsaved(_, name, 0) => format!("{name} has changes that are not saved."),
            Self::Unsaved(_, name, others) => {
                format!("{name} has changes that are not saved, and so {}.", have(*others))
            }
            Self::Proposal(_) => "A proposal is waiting that is not in your text yet.".to_owned(),
            Self::Overwrite(path) => format!("{} exists already.", path.display()),
            Self::ChangedOnDisk(path) => {
                format!("{} was changed by another program since it was read.", path.display())
            }
            Self::Replace { old, with, .. } => format!("{} → {}", quoted(old), quoted(with)),
            Self::ModelLost { why, .. } => why.clone(),
            Self::Recovery { found, is_stale, is_named } => {
                let since = if *is_stale { " Another program has changed the file since." } else { "" };
                // Of what was in no file its first words are all that tells which it is.
                let what = if *is_named { "this file".to_owned() } else { quoted_to(24, found.text.trim_start()) };
                format!("An earlier session ended before {what} was saved ({}).{since}", found.when)
            }
        }
    }

    /// The answers: key or keys, what it does, and the same where there is little room.
    pub fn choices(&self) -> &'static [(&'static str, &'static str, &'static str)] {
        match self {
            Self::Unsaved(..) => &[("s", "save", "save"), ("d", "discard them", "discard"), ("esc", "stay", "stay")],
            Self::Proposal(_) => &[("d", "drop it", "drop"), ("esc", "stay", "stay")],
            Self::Overwrite(_) => &[("o", "overwrite it", "overwrite"), ("esc", "do not save", "leave")],
            Self::ChangedOnDisk(_) => &[
                ("o", "overwrite it", "write"),
                ("d", "see how it differs", "differs"),
                ("r", "read it again", "read"),
                ("esc", "do not save", "leave"),
            ],
            Self::Replace { .. } => &[
                ("y", "replace", "yes"),
                ("n", "pass over", "no"),
                ("a", "replace all that follow", "all"),
                ("esc", "stop", "stop"),
            ],
            Self::ModelLost { .. } => {
                &[("l", "load the model from before again", "load it again"), ("esc", "go on without a model", "go on")]
            }
            Self::Recovery { .. } => &[("r", "restore its text", "restore"), ("d esc", "discard it", "discard")],
        }
    }
}

fn have(others: usize) -> String {
    if others == 1 { "has one other document".to_owned() } else { format!("have {others} other documents") }
}

/// A text as it is shown in a sentence: in one line, and not too long.
pub(crate) fn quoted(text: &str) -> String {
    quoted_to(60, text)
}

fn quoted_to(most: usize, text: &str) -> String {
    let mut chars = text.chars().filter(|c| *c != '\r');
    let short: String = chars.by_ref().take(most).collect();
    let more = if chars.next().is_some() { "…" } else { "" };
    format!("“{}{more}”", short.replace('\n', "⏎").replace('\t', "→"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn palette_puts_names_before_descriptions() {
        let prompt = Prompt::new(Asked::Palette { selected: 0 }, "undo");
        assert_eq!(prompt.palette()[0].name, "undo");
        let all = Prompt::new(Asked::Palette { selected: 0 }, "");
        assert_eq!(all.palette().len(), COMMANDS.len());
        let none = Prompt::new(Asked::Palette { selected: 0 }, "qqqqzz");
        assert!(none.palette().is_empty());
    }

    #[test]
    fn what_vi_users_type_is_what_they_mean() {
        let first = |typed: &str| Prompt::new(Asked::Palette { selected: 0 }, typed).palette()[0].name;
        for (typed, name) in
            [("w", "save"), ("q", "quit"), ("q!", "quit"), ("wq", "save-quit"), ("x", "save-quit"), ("e", "open")]
        {
            assert_eq!(first(typed), name, "{typed}");
        }
        assert_eq!([first("12"), first("3:7")], ["go-to-line"; 2]);
        assert_eq!(first("wr"), "wrap", "only what is typed exactly");
    }
}
