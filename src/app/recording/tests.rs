//! Recordings: what is written can be read, what lies is refused, and what is played is what was recorded.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::app::effect::Effect;
use crate::app::infill::Stage;
use crate::app::panel::Panel;
use crate::app::tests::Desk;
use crate::engine::protocol::{Alternative, Cell, CellState, HolePart, JobId, Length, Phase, Token};

fn cell(text: &str, state: CellState) -> Cell {
    let other = Alternative { token: Token(7), text: "other".into(), probability: 0.25 };
    Cell { alternatives: vec![other], step: Some(1), entropy: Some(0.5), ..Cell::new(text, state, 0.5) }
}

fn frame(step: usize, holes: &[Vec<Cell>]) -> Arc<Frame> {
    let holes: Vec<HoleFrame> = holes
        .iter()
        .enumerate()
        .map(|(k, cells)| HoleFrame { id: HoleId(10 + k as u64), cells: cells.clone(), mean_logprob: Some(-0.5) })
        .collect();
    let masked = |hole: &HoleFrame| hole.cells.iter().filter(|cell| !cell.state.is_written()).count();
    Arc::new(Frame {
        job: JobId(3),
        step,
        steps: None,
        phase: Phase::Denoising,
        masks_left: holes.iter().map(masked).sum(),
        masks_total: 3,
        nfe: step,
        seconds: step as f64 * 0.25,
        holes,
    })
}

fn made() -> Made {
    Made {
        name: "a.md".into(),
        verb: Verb::Fill,
        model: "tiny".into(),
        device: "cpu".into(),
        options: RunOptions { seed: 4821, ..RunOptions::default() },
    }
}

/// "é ▢ and ▢." filled in three steps, the second hole growing by a cell on the way.
fn recording() -> Recording {
    let parts = [
        Part::Text("é ".into()),
        Part::Hole(HolePart::new(HoleId(10), "", Length::Auto)),
        Part::Text(" and ".into()),
        Part::Hole(HolePart::new(HoleId(11), "old", Length::Auto)),
        Part::Text(".\n".into()),
    ];
    let masked = || Cell::blank();
    let frames = [
        frame(0, &[vec![masked()], vec![masked()]]),
        frame(1, &[vec![cell("one", CellState::JustCommitted)], vec![masked(), cell("?", CellState::Tentative)]]),
        frame(
            2,
            &[
                vec![cell("one", CellState::Committed)],
                vec![cell("two", CellState::JustCommitted), cell("!", CellState::JustCommitted)],
            ],
        ),
    ];
    Recording::of_parts(&parts, &frames, made())
}

#[test]
fn a_recording_is_read_as_it_was_written() {
    let recording = recording();
    assert_eq!(recording.text, "é  and old.\n");
    assert_eq!(recording.holes, [2..2, 7..10]);
    assert_eq!(Recording::from_json(&recording.to_json()).unwrap(), recording);
}

#[test]
fn what_is_played_ends_as_the_recorded_run_did() {
    let recording = recording();
    let mut player = recording.play(crate::app::settings::Settings::default(), (60, 12));
    assert_eq!(player.app.infill().stage(), Stage::Idle);
    player.begin(&recording);
    let mut seconds = Vec::new();
    while let Some(waited) = player.step() {
        assert_eq!(player.app.infill().stage(), Stage::Running);
        assert_eq!(player.app.document().buffer().text(), recording.text, "a run never writes");
        seconds.push(waited);
    }
    assert_eq!(seconds, [0.0, 0.25, 0.25]);
    player.end();
    assert_eq!(player.app.infill().stage(), Stage::Review);
    player.accept();
    assert_eq!(player.app.document().buffer().text(), "é one and two!.\n");
}

#[test]
fn holes_that_touch_are_played_as_the_one_that_a_document_makes_of_them() {
    let hole = |id| Part::Hole(HolePart::new(HoleId(id), "", Length::Auto));
    let parts = [Part::Text("a".into()), hole(10), hole(11), Part::Text("b".into())];
    let frames = [frame(1, &[vec![cell("x", CellState::Committed)], vec![cell("y", CellState::Committed)]])];
    let recording = Recording::of_parts(&parts, &frames, made());
    let mut player = recording.play(crate::app::settings::Settings::default(), (60, 12));
    player.begin(&recording);
    while player.step().is_some() {}
    player.end();
    player.accept();
    assert_eq!(player.app.document().buffer().text(), "axyb");
}

#[test]
fn pictures_from_before_a_hole_was_split_are_left_out() {
    let parts = [Part::Hole(HolePart::new(HoleId(10), "", Length::Auto))];
    let other = frame(0, &[]);
    let frames = [other, frame(1, &[vec![cell("x", CellState::Committed)]])];
    assert_eq!(Recording::of_parts(&parts, &frames, made()).frames.len(), 1);
}

#[test]
fn the_branch_on_the_screen_is_recorded_with_its_steps() {
    let mut desk = Desk::new("one ⟦two⟧ three[|]");
    desk.keys("f5").frames(0, &[&["-"], &["?2"]]).finish_at(2, &["+2"]).keys("s");
    desk.keys("ctrl-a \"run.mp4\" enter");
    let Panel::Prompt(prompt) = desk.app.panel() else { panic!("it is asked again") };
    assert_eq!(prompt.complaint.as_deref(), Some("End the name in .json, .cast, .svg or .gif."));
    desk.keys("esc s \"run.json\" enter");
    let request = desk.effects.iter().find_map(|effect| match effect {
        Effect::Record(request) => Some(request),
        _ => None,
    });
    let recording = &request.unwrap().recording;
    assert_eq!(
        (recording.text.as_str(), &recording.holes[..]),
        ("one two three", &std::iter::once(4..7).collect::<Vec<_>>()[..])
    );
    assert_eq!((recording.name.as_str(), recording.model.as_str()), ("a.txt", "tiny"));
    let texts: Vec<String> = recording.frames.iter().map(|frame| frame.holes[0].text()).collect();
    assert_eq!(texts.last().map(String::as_str), Some("2"));
    assert!(texts.len() >= 2 && texts[0].is_empty(), "{texts:?}");
    assert_eq!(Recording::from_json(&recording.to_json()).unwrap(), *recording);
}

#[test]
fn files_that_lie_are_refused_in_words() {
    let good: serde_json::Value = serde_json::from_str(&recording().to_json()).unwrap();
    let refused = |path: &str, value: serde_json::Value, why: &str| {
        let mut file = good.clone();
        *file.pointer_mut(path).unwrap() = value;
        let error = Recording::from_json(&file.to_string()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    };
    refused("/lacuna", 99.into(), "newer Lacuna");
    refused("/holes/1/end", 4000.into(), "not in its text");
    refused("/holes/0/end", 9.into(), "not in order");
    refused("/holes", serde_json::json!([]), "no holes");
    refused("/steps", serde_json::json!([]), "no steps");
    refused("/steps/1/holes", serde_json::json!([]), "step 1 has 0 holes of 2");
    refused("/steps/1/holes/0/count", 4_000_000_000_u64.into(), "more cells");
    refused("/steps/1/holes/0/count", 0.into(), "changes cell 0 of 0");
    refused("/steps/1/holes/0/cells/0/0", 7.into(), "changes cell 7 of 1");
    refused("/verb", "sing".into(), "not a recording");
    assert!(Recording::from_json("").is_err());
}

proptest! {
    #[test]
    fn no_damage_to_a_file_is_a_panic(at in 0_usize..2000, byte in any::<u8>()) {
        let mut bytes = recording().to_json().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        // Read or refused, as long as it is told.
        let _ = Recording::from_json(&String::from_utf8_lossy(&bytes));
    }
}
