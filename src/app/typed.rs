//! What was typed into prompts before, so that it need not be typed again: up brings it back, alt-up in a search, where up
//! alone goes through the matches.

use std::mem::{Discriminant, discriminant};

use crate::app::input::Input;
use crate::app::panel::{Asked, Prompt};

/// So many texts are kept, of all prompts together.
const MOST: usize = 200;

/// The texts that prompts were answered with, and what each asked for; the latest last.
#[derive(Debug, Default)]
pub(crate) struct Typed(Vec<(Discriminant<Asked>, String)>);

/// An earlier text that stands in a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recalled {
    /// Which, 1 the latest.
    back: usize,
    /// What had been typed before it was brought back.
    draft: String,
}

impl Typed {
    /// Keeps what a prompt was answered with.
    pub(crate) fn keep(&mut self, prompt: &Prompt) {
        let entry = (discriminant(&prompt.asked), prompt.input.text().to_owned());
        if entry.1.trim().is_empty() || !is_worth_keeping(&prompt.asked) {
            return;
        }
        self.0.retain(|earlier| *earlier != entry);
        self.0.push(entry);
        let surplus = self.0.len().saturating_sub(MOST);
        self.0.drain(..surplus);
    }

    /// Puts an earlier text into a prompt (`by` < 0), or a later one, at last what was being typed. Whether it changed.
    pub(crate) fn recall(&self, prompt: &mut Prompt, by: isize) -> bool {
        let (back, draft) = match &prompt.recalled {
            Some(recalled) => (recalled.back, recalled.draft.clone()),
            None => (0, prompt.input.text().to_owned()),
        };
        let asked = discriminant(&prompt.asked);
        let fits = |entry: &&(Discriminant<Asked>, String)| entry.0 == asked && entry.1 != draft;
        let earlier: Vec<&str> = self.0.iter().rev().filter(fits).map(|(_, text)| text.as_str()).collect();
        let to = back.saturating_add_signed(-by.signum()).min(earlier.len());
        if to == back {
            return false;
        }
        prompt.input = Input::new(if to == 0 { draft.as_str() } else { earlier[to - 1] });
        prompt.recalled = (to > 0).then_some(Recalled { back: to, draft });
        true
    }
}

/// Lists choose, and a line, a strength or a seed is quicker typed than sought.
fn is_worth_keeping(asked: &Asked) -> bool {
    matches!(
        asked,
        Asked::Find { .. }
            | Asked::Replacement
            | Asked::Instruction
            | Asked::Demands { .. }
            | Asked::Lab
            | Asked::BranchOptions
            | Asked::Word { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(text: &str) -> Prompt {
        Prompt::new(Asked::Instruction, text)
    }

    #[test]
    fn the_latest_comes_back_first_and_what_was_being_typed_last() {
        let mut typed = Typed::default();
        for text in ["warmer", "shorter", "warmer", " "] {
            typed.keep(&prompt(text));
        }
        typed.keep(&Prompt::new(Asked::Lab, "eb, llada"));
        typed.keep(&Prompt::new(Asked::Seed, "7"));
        let mut now = prompt("in rhy");
        let mut seen = Vec::new();
        for by in [1, -1, -1, -1, 1, 8, 1] {
            let changed = typed.recall(&mut now, by);
            seen.push((now.input.text().to_owned(), changed));
        }
        let texts = [
            ("in rhy", false),
            ("warmer", true),
            ("shorter", true),
            ("shorter", false),
            ("warmer", true),
            ("in rhy", true),
            ("in rhy", false),
        ];
        assert_eq!(seen, texts.map(|(text, changed)| (text.to_owned(), changed)));
        assert!(!typed.recall(&mut Prompt::new(Asked::Seed, ""), -1));
    }

    #[test]
    fn what_stands_there_already_is_passed_over_and_the_oldest_go() {
        let mut typed = Typed::default();
        for number in 0..MOST + 3 {
            typed.keep(&prompt(&number.to_string()));
        }
        let mut now = prompt(&(MOST + 2).to_string());
        assert!(typed.recall(&mut now, -1));
        assert_eq!(now.input.text(), (MOST + 1).to_string());
        for _ in 0..2 * MOST {
            typed.recall(&mut now, -1);
        }
        assert_eq!(now.input.text(), "3");
    }
}
