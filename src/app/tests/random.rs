//! Random sessions against a plain `String`: what the user typed, and nothing else, is in the document.

use proptest::prelude::*;

use super::Desk;
use crate::app::effect::Effect;
use crate::app::infill::Stage;
use crate::app::layout::screen;
use crate::app::message::Message;
use crate::app::panel::Panel;
use crate::engine::protocol::{Event, Outcome};

#[derive(Debug, Clone)]
enum Op {
    Key(&'static str),
    Frame(usize),
    Tick,
    LateFrame,
    Finish(usize),
    Fail,
}

fn op() -> impl Strategy<Value = Op> {
    let edits = ["x", "y", "enter", "backspace", "delete", "ctrl-z", "ctrl-y", "ctrl-k", "tab"];
    let moves = ["left", "right", "up", "down", "home", "end", "shift-left", "shift-right", "ctrl-a", "ctrl-home"];
    let runs = ["alt-m", "f5", "f6", "i", "r", "[", "]", "space", ".", "esc"];
    // Going through the steps and doing something to cells.
    let steers = [",", ",", "<", ">", "R", "v", "d", "p", "u", "m", "b", "B", "1"];
    prop_oneof![
        4 => prop::sample::select(edits.to_vec()).prop_map(Op::Key),
        4 => prop::sample::select(moves.to_vec()).prop_map(Op::Key),
        4 => prop::sample::select(runs.to_vec()).prop_map(Op::Key),
        3 => prop::sample::select(steers.to_vec()).prop_map(Op::Key),
        1 => Just(Op::Tick),
        3 => (0_usize..5).prop_map(Op::Frame),
        1 => Just(Op::LateFrame),
        2 => (0_usize..5).prop_map(Op::Finish),
        1 => Just(Op::Fail),
    ]
}

const CELLS: [&str; 5] = ["+x -", "- - -", "+one ?_two -", "+a~b", "=q"];
const DONE: [&str; 5] = ["+x", "+one +_two", "+a~b", "+é +z", "=q"];

fn apply(desk: &mut Desk, op: &Op) {
    let running = desk.app.infill().stage() == Stage::Running;
    match op {
        Op::Key(key) => _ = desk.keys(key),
        Op::Frame(i) if running => {
            // Steps go on from where the run, or what it is a branch of, was.
            let step = desk.app.infill().session().and_then(|session| session.timeline()?.last());
            let step = step.map_or(0, |last| last.step + 1);
            desk.frames(step, &[&[CELLS[*i]; 9]]);
        }
        Op::Finish(i) if running => _ = desk.finish(&[DONE[*i]; 9]),
        Op::Tick => {
            desk.now += std::time::Duration::from_secs(1);
            desk.send(Message::Tick);
        }
        Op::Fail if running => {
            let job = desk.job();
            desk.send(Message::Engine(Event::Ended { job, outcome: Outcome::Failed("no".into()) }));
        }
        Op::LateFrame if desk.effects.iter().any(|effect| matches!(effect, Effect::Engine(_))) && !running => {
            let frame = desk.frame_of(&["+late"; 9]);
            desk.send(Message::Engine(Event::Frame(frame)));
        }
        _ => {}
    }
}

pub(super) fn check_invariants(desk: &Desk) {
    let app = &desk.app;
    let len = app.document().buffer().len();
    app.document().holes().assert_invariants(len);
    let selection = app.document().selection();
    assert!(selection.head <= len && selection.anchor <= len);
    assert_eq!(app.infill().session().is_some(), app.infill().stage() != Stage::Idle);
    if let Some(session) = app.infill().session() {
        assert!(!session.holes().is_empty());
        assert!(session.holes().iter().all(|id| app.document().holes().get(id.0).is_some()));
        assert!(app.infill().overlay().iter().all(|cells| session.holes().contains(&cells.id)));
        assert!(app.infill().stage() != Stage::Review || !session.branches().is_empty());
    }
    assert!(screen(app).rows.iter().all(|row| row.range.end <= len));
}

/// Everything that may change the text by itself is a key; this says which keys may.
fn may_edit(op: &Op) -> bool {
    matches!(
        op,
        Op::Key(
            "x" | "y"
                | "enter"
                | "backspace"
                | "delete"
                | "ctrl-z"
                | "ctrl-y"
                | "ctrl-k"
                | "tab"
                | "i"
                | "r"
                | "["
                | "]"
                | "space"
                | "."
                | ","
                | "<"
                | ">"
                | "R"
                | "v"
                | "d"
                | "p"
                | "u"
                | "m"
                | "b"
                | "B"
                | "1"
        )
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]

    /// Runs, frames, marks and rejections leave the text alone; a save in between gives exactly that text; the caret is
    /// never lost; and undoing everything restores every byte.
    #[test]
    fn only_editing_keys_change_the_text(ops in prop::collection::vec(op(), 1..60)) {
        let start = "one two\nthree ⟦four⟧ five\n\n⟦⟧six[|]";
        let mut desk = Desk::new(start);
        let first = desk.text();
        for op in &ops {
            let before = desk.text();
            let reviewing = desk.app.infill().stage() == Stage::Review;
            apply(&mut desk, op);
            check_invariants(&desk);
            let accepted = reviewing && matches!(op, Op::Key("enter"));
            if !may_edit(op) && !accepted {
                prop_assert_eq!(&desk.text(), &before, "{:?}", op);
            }
            if !matches!(desk.app.panel(), Panel::None) {
                continue;
            }
            let effects = desk.send(Message::Key("ctrl-s".parse().unwrap()));
            let saved = effects.iter().find_map(|effect| match effect {
                Effect::Save(request) => Some(request.contents.text()),
                _ => None,
            });
            prop_assert_eq!(saved, Some(desk.text()));
            desk.refuse_save();
        }
        desk.keys("esc esc esc esc esc");
        for _ in 0..=ops.len() {
            desk.keys("ctrl-z");
            check_invariants(&desk);
        }
        prop_assert_eq!(desk.text(), first);
    }

    /// Typed text follows a plain string, whatever a run does meanwhile.
    #[test]
    fn typing_during_a_run_is_as_without(keys in prop::collection::vec(
        prop::sample::select(&["a", "b", "enter", "backspace", "delete", "left", "right", "home", "end"][..]), 1..40),
        frames in prop::collection::vec(0_usize..5, 40))
    {
        let (mut desk, mut plain) = (Desk::new("start [|]of\n\nthe ⟦⟧end"), Desk::new("start [|]of\n\nthe end"));
        desk.keys("f5 f6");
        for (key, frame) in keys.iter().zip(frames) {
            // Keys that stay before the hole.
            let document = desk.app.document();
            let hole = document.holes().iter().next().map_or(0, |hole| hole.range.start);
            let same_line = document.buffer().line_of(hole) == document.buffer().line_of(document.caret());
            if document.caret() + 1 >= hole && matches!(*key, "right" | "delete") || same_line && *key == "end" {
                continue;
            }
            desk.frame(&[CELLS[frame]]).keys(key);
            plain.keys(key);
            prop_assert_eq!(desk.text(), plain.text());
            prop_assert_eq!(desk.app.document().caret(), plain.app.document().caret());
        }
    }

    /// Accepting is one step: undo gives back every byte.
    #[test]
    fn undo_of_accept_restores_every_byte(ops in prop::collection::vec(op(), 0..25), done in 0_usize..5) {
        let mut desk = Desk::new("one ⟦two⟧ three⟦⟧ four[|]");
        for op in &ops {
            apply(&mut desk, op);
        }
        if desk.app.infill().stage() == Stage::Running {
            desk.finish(&[DONE[done]; 9]);
        }
        if desk.app.infill().stage() == Stage::Review {
            if desk.app.focus() == crate::app::keymap::Context::Text {
                desk.keys("f6");
            }
            let before = desk.text();
            // At an earlier step, or where a run was stopped, nothing is accepted while something is masked.
            desk.keys("> enter");
            let stopped = desk.app.infill().branch().is_some_and(|branch| branch.masks_left > 0);
            if stopped {
                prop_assert_eq!(&desk.text(), &before);
                return Ok(());
            }
            prop_assert_eq!(desk.app.infill().stage(), Stage::Idle);
            desk.keys("ctrl-z");
            prop_assert_eq!(desk.text(), before);
        }
    }
}
