//! The mouse: words, alternatives, branches, steps, entries of lists and hints by a click or the wheel.

use super::Desk;
use crate::app::hints::placed;
use crate::app::infill::Stage;
use crate::app::keymap::Context;
use crate::app::message::{Message, Mouse, MouseKind};
use crate::app::panel::Panel;
use crate::app::side::Side;
use crate::app::status::status;
use crate::app::{help, layout};
use crate::engine::protocol::{Act, Command};

impl Desk {
    fn mouse(&mut self, kind: MouseKind, (column, row): (u16, u16), clicks: u8) -> &mut Self {
        self.send(Message::Mouse(Mouse { kind, column, row, clicks, shift: false }));
        self
    }

    fn click(&mut self, at: (u16, u16)) -> &mut Self {
        self.mouse(MouseKind::Down, at, 1).mouse(MouseKind::Up, at, 1)
    }

    /// A column of a row of the text.
    fn in_text(&self, column: u16, row: u16) -> (u16, u16) {
        let area = layout::geometry(&self.app).here.text;
        (area.x + column, area.y + row)
    }

    /// A row beside the text, below its heading.
    fn in_side(&self, row: u16) -> (u16, u16) {
        let area = layout::geometry(&self.app).side.expect("something is open beside the text");
        (area.x + 4, area.y + 1 + row)
    }

    /// The hint with this key.
    fn hint(&self, key: &str) -> (u16, u16) {
        let (width, _) = self.app.view().size();
        let all = placed(self.app.panel(), &status(&self.app).hints, width);
        let hint = all.iter().find(|placed| placed.hint.key == key).unwrap_or_else(|| panic!("{all:?}"));
        (hint.x, layout::geometry(&self.app).hints.expect("a row of hints"))
    }

    fn shown(&self) -> &str {
        &self.app.infill().session().and_then(|session| session.node()).expect("a branch").name
    }
}

fn run() -> Desk {
    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("f5").frames(0, &[&["- - -"], &["+one - -"], &["+one - +three"]]);
    desk.finish_at(3, &["+one +two +three"]);
    desk
}

#[test]
fn a_click_on_a_word_inspects_it_and_one_on_an_alternative_puts_that_there() {
    let mut desk = run();
    desk.click(desk.in_text(5, 0));
    assert_eq!((desk.app.side(), desk.app.focus()), (Side::Inspect, Context::Run));
    assert_eq!(desk.app.shown_cell().unwrap().text, "two");
    desk.click(desk.in_text(2, 0));
    assert_eq!(desk.app.shown_cell().unwrap().text, "one");
    let at = desk.app.offers().iter().position(|offer| !offer.stands).unwrap();
    let (place, token) = (desk.app.cell_at_caret().unwrap(), desk.app.offers()[at].token);
    // The word that stands there is no choice, and neither is a row without one.
    let before = desk.effects.len();
    desk.click(desk.in_side(1 - at as u16));
    desk.click(desk.in_side(5));
    assert_eq!(desk.effects.len(), before);
    desk.click(desk.in_side(at as u16));
    let Command::Branch(branch) = desk.last_command() else { panic!("{:?}", desk.last_command()) };
    assert_eq!(branch.acts, [Act::Choose(place, token)]);
    assert_eq!(desk.text(), "ab");
}

#[test]
fn who_types_in_a_hole_goes_on_typing_after_a_click_and_inspects_by_a_double_one() {
    let mut desk = run();
    desk.keys("f6");
    desk.click(desk.in_text(5, 0));
    assert_eq!((desk.app.side(), desk.app.focus()), (Side::None, Context::Text));
    let at = desk.in_text(5, 0);
    desk.mouse(MouseKind::Down, at, 2).mouse(MouseKind::Up, at, 2);
    assert_eq!((desk.app.side(), desk.app.focus()), (Side::Inspect, Context::Run));
    assert_eq!(desk.app.shown_cell().unwrap().text, "two");
    // A click beside the hole gives the keys to the text.
    desk.click(desk.in_text(30, 0));
    assert_eq!(desk.app.focus(), Context::Text);
    desk.keys("x");
    assert_eq!(desk.text(), "abx");
}

#[test]
fn the_wheel_on_the_bar_goes_through_the_steps() {
    let mut desk = run();
    let bar = layout::bar(layout::geometry(&desk.app), 40).unwrap();
    let on_bar = (bar.x + 1, bar.y);
    desk.mouse(MouseKind::ScrollUp, on_bar, 1);
    assert_eq!(desk.rows(), ["aone░░░threeb"]);
    desk.mouse(MouseKind::ScrollUp, on_bar, 1).mouse(MouseKind::ScrollUp, on_bar, 1);
    assert_eq!(desk.rows(), ["a░░░░░░░░░░░b"]);
    desk.mouse(MouseKind::ScrollDown, on_bar, 1);
    assert_eq!(desk.rows(), ["aone░░░░░░░░b"]);
}

#[test]
fn a_click_on_a_version_shows_its_branch_and_the_wheel_scrolls_what_does_not_fit() {
    let mut desk = run();
    for word in ["+p", "+q", "+r", "+s", "+t", "+u", "+v"] {
        desk.keys("r").finish(&[word]);
    }
    desk.keys("d");
    assert_eq!((desk.shown(), desk.app.versions().len()), ("h", 8));
    desk.click(desk.in_side(1));
    assert_eq!(desk.shown(), "a");
    // Six rows of eight are shown.
    let there = desk.in_side(0);
    desk.mouse(MouseKind::ScrollDown, there, 1);
    assert_eq!(desk.app.side_top(), 2);
    let last = desk.app.versions()[7].name.clone();
    desk.click(desk.in_side(5));
    assert_eq!(desk.shown(), last);
    desk.mouse(MouseKind::ScrollUp, there, 1);
    assert_eq!(desk.app.side_top(), 0);
    desk.keys("r");
    desk.click(desk.in_side(1));
    assert!(desk.notice().starts_with("The branches can be looked through when"), "{}", desk.notice());
    desk.keys("esc d");
    assert_eq!(desk.app.side_top(), 0);
}

#[test]
fn a_click_on_a_column_of_the_lab_shows_its_branch() {
    let mut desk = run();
    desk.keys("r").finish(&["+x"]).keys("L");
    assert_eq!((desk.app.side(), desk.shown()), (Side::Lab, "b"));
    let side = layout::geometry(&desk.app).side.unwrap();
    desk.click((side.x + 3, side.y + 2));
    assert_eq!(desk.shown(), "a");
    desk.click((side.x + side.width - 1, side.y + 2));
    assert_eq!(desk.shown(), "b");
}

#[test]
fn entries_of_a_list_are_taken_by_a_click_and_gone_through_with_the_wheel() {
    let mut desk = run();
    desk.keys("r").finish(&["+x"]).keys("r").finish(&["+y"]).keys("t");
    let rule = layout::geometry(&desk.app).rule.unwrap();
    // The rows above the prompt, the last one right above it; the heading is no entry.
    desk.click((5, rule - 3));
    assert!(matches!(desk.app.panel(), Panel::Prompt(_)));
    desk.click((5, rule - 1));
    assert_eq!((desk.shown(), matches!(desk.app.panel(), Panel::None)), ("b", true));
    desk.keys("t").mouse(MouseKind::ScrollUp, (5, 5), 1).mouse(MouseKind::ScrollUp, (5, 5), 1).keys("enter");
    assert_eq!(desk.shown(), "a");
    desk.keys("ctrl-p \"wrap\"").click((5, rule));
    assert!(!desk.app.settings().soft_wrap);
    // A prompt without a list stays as it is.
    desk.keys("n").click((5, 5)).mouse(MouseKind::ScrollDown, (5, 5), 1);
    assert!(matches!(desk.app.panel(), Panel::Prompt(prompt) if prompt.input.text() == "a"));
}

#[test]
fn a_click_on_a_hint_presses_its_key() {
    let mut desk = run();
    desk.send(Message::Resize { width: 100, height: 14 });
    desk.click(desk.hint(","));
    assert_eq!(desk.rows(), ["aone░░░threeb"]);
    desk.keys("f1");
    let page = |desk: &Desk| if let Panel::Help(top) = desk.app.panel() { *top } else { panic!("no help") };
    let (x, y) = desk.hint("up down");
    desk.click((x + 4, y));
    assert_eq!(page(&desk), 1, "the second key of the two");
    desk.click((x, y));
    assert_eq!(page(&desk), 0);
    assert!(help::page(&desk.app.settings().keys).len() > 20);
    desk.click(desk.hint("esc"));
    assert!(matches!(desk.app.panel(), Panel::None));
    desk.keys(">");
    desk.click(desk.hint("enter"));
    assert_eq!((desk.text().as_str(), desk.app.infill().stage()), ("aonetwothreeb", Stage::Idle));
    desk.keys("ctrl-q");
    desk.click(desk.hint("esc"));
    assert!(matches!(desk.app.panel(), Panel::None), "a question is answered");
    // Nothing is there, on the header, on the rule, or between two hints.
    let (rule, (x, hints)) = (layout::geometry(&desk.app).rule.unwrap(), desk.hint("f1"));
    let before = desk.text();
    desk.click((3, 0)).click((3, rule)).click((x - 1, hints)).click((0, hints));
    assert_eq!((desk.text(), desk.app.infill().stage()), (before, Stage::Idle));
}
