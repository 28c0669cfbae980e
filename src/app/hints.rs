//! The keys on the last row of the screen, and where each stands: there they are read, and there they can be clicked.

use crate::app::App;
use crate::app::key::Key;
use crate::app::panel::{Asked, Panel};
use crate::app::status::Hint;
use crate::text::measure::display_width;

/// A hint and its first column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The first column.
    pub x: u16,
    /// The key and what it does.
    pub hint: Hint,
}

impl Placed {
    /// The column of what it does.
    pub fn words(&self) -> u16 {
        self.x + (columns_of(&self.hint.key) + 1) as u16
    }

    fn holds(&self, column: u16) -> bool {
        (self.x..self.x + width(&self.hint) as u16).contains(&column)
    }
}

/// The hints that there is room for, from the left. `usual` are those while no panel is open; their last one leads to all the
/// others, is kept the longest, and stands at the right edge when something is missing.
pub fn placed(panel: &Panel, usual: &[Hint], columns: u16) -> Vec<Placed> {
    let own = of_panel(panel, usize::from(columns));
    let (hints, last) = match (own.as_slice(), usual.split_last()) {
        ([], Some((last, first))) => (first, Some(last)),
        (own, _) => (own, None),
    };
    let whole: usize = hints.iter().chain(last).map(|hint| width(hint) + 3).sum();
    let columns = usize::from(columns);
    let gap = if whole < columns { 3 } else { 2 };
    let mut room = columns.saturating_sub(2);
    let kept = last.filter(|hint| width(hint) <= room);
    room = room.saturating_sub(kept.map_or(0, |hint| width(hint) + gap));
    let (mut x, mut placed) = (1, Vec::new());
    for hint in hints {
        let gap = if placed.is_empty() { 0 } else { gap };
        if width(hint) + gap > room {
            break;
        }
        room -= width(hint) + gap;
        placed.push(Placed { x: (x + gap) as u16, hint: hint.clone() });
        x += gap + width(hint);
    }
    if let Some(hint) = kept {
        let all = placed.len() == hints.len();
        let behind = x + if placed.is_empty() { 0 } else { gap };
        let x = if all { behind } else { columns.saturating_sub(width(hint) + 1) };
        placed.push(Placed { x: x as u16, hint: hint.clone() });
    }
    placed
}

fn columns_of(text: &str) -> usize {
    display_width(text, 1)
}

fn width(hint: &Hint) -> usize {
    columns_of(&hint.key) + 1 + columns_of(hint.does)
}

/// The keys of a panel; none where there is no panel. The answers to a question are put in fewer words rather than left out.
fn of_panel(panel: &Panel, columns: usize) -> Vec<Hint> {
    let hints = |pairs: &[(&'static str, &'static str)]| -> Vec<Hint> {
        pairs.iter().map(|&(key, does)| Hint { key: key.to_owned(), does }).collect()
    };
    match panel {
        Panel::None => Vec::new(),
        Panel::Question(question) => {
            let said = |is_short: bool| {
                let words = question.choices().iter();
                let words = words.map(|&(key, does, short)| (key, if is_short { short } else { does }));
                hints(&words.collect::<Vec<_>>())
            };
            let long = said(false);
            let fits = long.iter().map(|hint| width(hint) + 2).sum::<usize>() <= columns;
            if fits { long } else { said(true) }
        }
        Panel::Help(_) => hints(&[("esc", "close"), ("up down", "scroll"), ("pageup pagedown", "by pages")]),
        Panel::Prompt(prompt) => match &prompt.asked {
            Asked::Find { replace, .. } => hints(&[
                ("enter", if *replace { "go on" } else { "stay there" }),
                ("esc", "go back"),
                ("up down", "other matches"),
                ("alt-r", "regex"),
                ("alt-w", "words"),
                ("alt-c", "capitals"),
                ("alt-up", "earlier"),
            ]),
            Asked::Replacement => hints(&[("enter", "show the next match"), ("esc", "leave"), ("up", "earlier")]),
            Asked::Palette { .. } => hints(&[("enter", "do it"), ("esc", "leave"), ("up down", "choose")]),
            Asked::Strength { .. } => hints(&[("enter", "rewrite"), ("esc", "leave"), ("up down", "more or less")]),
            Asked::File { .. } => hints(&[("enter", "open it"), ("esc", "leave"), ("up down", "choose")]),
            Asked::Branch { .. } => hints(&[("enter", "show it"), ("esc", "leave"), ("up down", "choose")]),
            Asked::HoleFrom { .. } => hints(&[("enter", "take it"), ("esc", "leave"), ("up down", "choose")]),
            Asked::Record => hints(&[("enter", "write it"), ("esc", "leave")]),
            Asked::Word { .. } => hints(&[("enter", "put it there"), ("esc", "leave")]),
            Asked::Candidates => hints(&[("enter", "make them"), ("esc", "leave")]),
            Asked::Lab => hints(&[("enter", "run them one by one"), ("esc", "leave"), ("up", "earlier")]),
            Asked::BranchName { .. } => hints(&[("enter", "call it so"), ("esc", "leave")]),
            Asked::BranchOptions => hints(&[("enter", "go on from here"), ("esc", "leave"), ("up", "earlier")]),
            Asked::Document { .. } => hints(&[("enter", "show it"), ("esc", "leave"), ("up down", "choose")]),
            Asked::Open => hints(&[("enter", "open"), ("esc", "leave"), ("tab", "complete")]),
            Asked::SaveAs => hints(&[("enter", "save"), ("esc", "leave"), ("tab", "complete")]),
            Asked::Line => hints(&[("enter", "go there"), ("esc", "leave")]),
            Asked::Instruction => hints(&[("enter", "write it anew"), ("esc", "leave"), ("up", "earlier")]),
            Asked::Model { .. } => hints(&[("enter", "load it"), ("esc", "leave"), ("up down", "choose")]),
            Asked::Demands { .. } => hints(&[("enter", "set it"), ("esc", "leave"), ("up", "earlier")]),
            Asked::Length { .. } | Asked::Seed => hints(&[("enter", "set it"), ("esc", "leave")]),
        },
    }
}

impl App {
    /// Presses the keys under the mouse; whether there are some.
    pub(crate) fn press_hint(&mut self, (column, row): (u16, u16)) -> bool {
        if crate::app::layout::geometry(self).hints != Some(row) {
            return false;
        }
        let usual = crate::app::status::status(self).hints;
        let hints = placed(&self.panel, &usual, self.view.width);
        let Some(hit) = hints.into_iter().find(|hint| hint.holds(column)) else { return false };
        // Of a panel's they are several for as many things, else one after the other.
        let names: Vec<&str> = match self.panel {
            Panel::None => hit.hint.key.split(' ').collect(),
            _ => vec![key_at(&hit.hint.key, usize::from(column - hit.x))],
        };
        for key in names.into_iter().filter_map(|name| name.parse::<Key>().ok()) {
            self.take_key(key);
        }
        true
    }
}

/// The key at a column of several, or the first.
fn key_at(keys: &str, column: usize) -> &str {
    let mut passed = 0;
    let under = keys.split(' ').find(|key| {
        passed += columns_of(key) + 1;
        column < passed
    });
    under.or(keys.split(' ').next()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_no_room_for_is_left_out_and_the_last_one_stands_at_the_edge() {
        let hint = |key: &str, does| Hint { key: key.to_owned(), does };
        let usual = [hint("f5", "fill"), hint("ctrl-s", "save"), hint("f1", "help")];
        let at = |columns| {
            placed(&Panel::None, &usual, columns).into_iter().map(|it| (it.x, it.hint.key)).collect::<Vec<_>>()
        };
        let named = |pairs: &[(u16, &str)]| pairs.iter().map(|&(x, key)| (x, key.to_owned())).collect::<Vec<_>>();
        assert_eq!(at(60), named(&[(1, "f5"), (11, "ctrl-s"), (25, "f1")]));
        assert_eq!(at(20), named(&[(1, "f5"), (12, "f1")]));
        assert_eq!(at(9), named(&[(1, "f1")]));
        assert_eq!(at(5), named(&[]));
    }

    #[test]
    fn every_answer_to_a_question_has_its_place_at_forty_columns() {
        use crate::app::panel::Question;
        let question = Panel::Question(Question::ChangedOnDisk("a".into()));
        let words = |columns| placed(&question, &[], columns).into_iter().map(|it| it.hint.does).collect::<Vec<_>>();
        assert_eq!(words(80), ["overwrite it", "see how it differs", "read it again", "do not save"]);
        assert_eq!(words(40), ["write", "differs", "read", "leave"]);
    }

    #[test]
    fn of_several_keys_it_is_the_one_at_the_column() {
        assert_eq!([0, 2, 3, 6, 9].map(|column| key_at("up down", column)), ["up", "up", "down", "down", "up"]);
    }
}
