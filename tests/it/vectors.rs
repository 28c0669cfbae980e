//! Models of vectors as the engine and the command line run them: the same events, another state.

use std::fs;

use lacuna::engine::protocol::{
    CellState, Command, Frame, HoleId, HolePart, JobId, Length, Outcome, Part, Phase, Resume, Verb,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::engine::{Desk, hole, text};
use crate::support::{json, refused, run};
use crate::tiny;

const NAMES: [&str; 4] = ["plaid", "ssd-lm", "diffusion-lm", "tess2"];

fn model(name: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    tiny::copy(name, folder.path(), &Value::Null);
    tiny::give_tokenizer(folder.path());
    folder
}

fn desk(name: &str) -> (Desk, TempDir) {
    let folder = model(name);
    (Desk::at(name, Ok(folder.path().to_owned())), folder)
}

/// The tokens shown in the first hole.
fn shown(frame: &Frame) -> Vec<(CellState, String)> {
    frame.holes[0].cells.iter().map(|cell| (cell.state, cell.text.clone())).collect()
}

#[test]
fn every_step_is_told_and_nothing_is_final_before_the_last() {
    for name in NAMES {
        let (desk, _folder) = desk(name);
        desk.start(1, Verb::Fill, vec![text("the old "), hole(7, "", Length::Fixed(5)), text(" and the sea")]);
        let first = desk.frame_where(|_| true);
        assert_eq!((first.step, first.masks_left, first.masks_total), (0, 5, 5), "{name}");
        let steps = first.steps.unwrap();
        let middle = desk.frame_where(|frame| frame.step == steps / 2);
        assert_eq!((middle.nfe, middle.masks_left, middle.phase), (middle.step, 5, Phase::Denoising), "{name}");
        let open = |(state, _): &(CellState, String)| matches!(state, CellState::Masked | CellState::Tentative);
        assert!(shown(&middle).iter().all(open) && middle.holes[0].text().is_empty(), "{name}");
        assert!(middle.holes[0].cells.iter().all(|cell| cell.probability > 0.0), "{name}");
        let Outcome::Finished(last) = desk.end_of(1) else { panic!("{name} did not finish") };
        assert_eq!((last.step, last.nfe, last.masks_left, last.holes[0].cells.len()), (steps, steps, 0, 5), "{name}");
        assert!(last.holes[0].cells.iter().all(|cell| cell.state.is_written() && !cell.alternatives.is_empty()));
        let written = last.holes[0].text();
        assert!(written.len() == 5 && !written.contains('\n'), "{name}: {written:?}");
    }
}

#[test]
fn pausing_stepping_keeping_and_dropping_work_as_with_tokens() {
    let (desk, _folder) = desk("diffusion-lm");
    let parts = || vec![text("the old "), hole(7, "", Length::Fixed(6)), text(" and the sea")];
    desk.start(1, Verb::Fill, parts());
    desk.engine.send(Command::Pause(JobId(1)));
    let paused = desk.frame_where(|frame| frame.phase == Phase::Paused);
    desk.engine.send(Command::Step(JobId(1)));
    let stepped = desk.frame_where(|frame| frame.step == paused.step + 1);
    assert_eq!((stepped.phase, stepped.masks_left), (Phase::Paused, 6));
    desk.engine.send(Command::Keep(JobId(1)));
    let Outcome::Kept(kept) = desk.end_of(1) else { panic!("not kept") };
    assert_eq!((kept.masks_left, kept.step, kept.holes[0].text().len()), (0, stepped.step, 6));
    // What was shown as likely is what is kept.
    for ((state, guess), (_, kept)) in shown(&stepped).iter().zip(shown(&kept)) {
        assert!(*state != CellState::Tentative || *guess == kept, "{guess:?} {kept:?}");
    }
    desk.start(2, Verb::Fill, parts());
    desk.frame_where(|_| true);
    desk.engine.send(Command::Cancel(JobId(2)));
    assert_eq!(desk.end_of(2), Outcome::Cancelled);
}

#[test]
fn what_is_typed_into_the_hole_is_clamped_and_the_run_goes_on_from_its_step() {
    for name in NAMES {
        let (desk, _folder) = desk(name);
        desk.start(1, Verb::Fill, vec![text("the old "), hole(7, "", Length::Fixed(6)), text(" and the sea")]);
        desk.engine.send(Command::Pause(JobId(1)));
        let paused = desk.frame_where(|frame| frame.phase == Phase::Paused);
        desk.engine.send(Command::Step(JobId(1)));
        desk.frame_where(|frame| frame.step == paused.step + 1);
        let half = |id: u64, cells| {
            let resume = Some(Resume { from: HoleId(7), cells });
            Part::Hole(HolePart { resume, ..HolePart::new(HoleId(id), "", Length::Auto) })
        };
        let parts = vec![text("the old "), half(7, 0..2), text("cat"), half(8, 2..6), text(" and the sea")];
        desk.engine.send(Command::Rebase { job: JobId(1), parts });
        let rebased = desk.frame_where(|frame| frame.holes.len() == 2);
        let lengths: Vec<usize> = rebased.holes.iter().map(|hole| hole.cells.len()).collect();
        assert_eq!((lengths, rebased.step), (vec![2, 4], paused.step + 1), "{name}");
        assert_eq!(rebased.steps, paused.steps, "{name}");
        desk.engine.send(Command::Resume(JobId(1)));
        let Outcome::Finished(last) = desk.end_of(1) else { panic!("{name} did not finish") };
        assert_eq!((last.masks_left, Some(last.step)), (0, paused.steps), "{name}");
    }
}

#[test]
fn rewriting_goes_back_as_far_as_its_strength_says_and_refining_is_refused() {
    for name in NAMES {
        let (desk, _folder) = desk(name);
        let parts = || vec![text("the old "), hole(7, "man", Length::Auto), text(" and the sea")];
        let mut steps = Vec::new();
        for (job, strength) in [(1, 0.0), (2, 0.3), (3, 1.0)] {
            desk.start(job, Verb::Rewrite { strength }, parts());
            let Outcome::Finished(last) = desk.end_of(job) else { panic!("{name} did not finish") };
            assert_eq!(last.holes[0].cells.len(), 3, "{name}");
            assert!(strength > 0.0 || last.holes[0].text() == "man", "{name}: {:?}", last.holes[0].text());
            steps.push(last.nfe);
        }
        assert!(steps[0] == 0 && steps[0] < steps[1] && 2 * steps[1] < steps[2], "{name}: {steps:?}");
        desk.start(4, Verb::Refine, parts());
        let Outcome::Failed(why) = desk.end_of(4) else { panic!("{name} refined") };
        assert!(why.contains(name) && why.contains("rewrite"), "{why}");
    }
}

#[test]
fn fill_gives_the_same_bytes_at_any_thread_count_and_keeps_what_is_demanded() {
    for name in NAMES {
        let folder = model(name);
        let at = folder.path().to_str().unwrap();
        let fill = |more: &[&str]| {
            let text = "the [MASK:4] and the [MASK:2] sea";
            json(&run(&[&["fill", text, "--model", at, "--json", "--steps", "9", "--seed", "5"], more].concat()))
        };
        let (one, two) = (fill(&["--threads", "1"]), fill(&["--threads", "2"]));
        assert_eq!(one["text"], two["text"], "{name}");
        let written = one["text"].as_str().unwrap();
        assert!(written.starts_with("the ") && written.ends_with(" sea") && written.contains(" and the "), "{written}");
        assert_eq!((&one["holes"][0]["tokens"], &one["holes"][1]["tokens"]), (&json!(4), &json!(2)), "{name}");
        let digits = fill(&["--match", "[0-9]+"]);
        let inside = |hole: usize| digits["holes"][hole]["text"].as_str().unwrap().to_owned();
        assert!(inside(0).len() == 4 && (inside(0) + &inside(1)).bytes().all(|byte| byte.is_ascii_digit()), "{digits}");
        let output = run(&["fill", "the [MASK] sea", "--model", at, "--sampler", "llada"]);
        refused(&output, 2, &["--sampler llada", "vectors"]);
        let output = run(&["score", "the old sea", "--model", at]);
        refused(&output, 1, &["vectors"]);
    }
}

#[test]
fn denoise_takes_ids_with_the_id_behind_the_last_token_for_a_hole() {
    for name in NAMES {
        let folder = model(name);
        fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
        let rows = lacuna::model::Checkpoint::open(folder.path(), &lacuna::model::Overrides::default());
        let mask = rows.unwrap().vocabulary_size();
        let (ids, trace) = (folder.path().join("ids.json"), folder.path().join("trace.jsonl"));
        fs::write(&ids, json!({ "ids": [4, 5, mask, mask, 6] }).to_string()).unwrap();
        let at = folder.path().to_str().unwrap();
        let (ids, trace_at) = (ids.to_str().unwrap(), trace.to_str().unwrap());
        let common = ["--model", at, "--steps", "6", "--seed", "2", "--trace", trace_at];
        let found = json(&run(&[&["denoise", "--ids", ids][..], &common].concat()));
        let list = |value: &Value| serde_json::from_value::<Vec<usize>>(value.clone()).unwrap();
        let all = list(&found["ids"]);
        assert_eq!((&all[..2], all[4]), (&[4, 5][..], 6), "{name}");
        assert!(all.iter().all(|id| *id < mask), "{name}: {all:?}");
        // The edits of all steps make the result, and each step says what stands after it.
        let mut canvas = vec![4, 5, mask, mask, 6];
        let lines: Vec<Value> =
            fs::read_to_string(&trace).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len() as u64, found["nfe"].as_u64().unwrap(), "{name}");
        for line in &lines {
            for edit in line["edits"].as_array().unwrap() {
                canvas[edit["position"].as_u64().unwrap() as usize] = edit["token"].as_u64().unwrap() as usize;
            }
            assert_eq!(list(&line["ids"]), canvas, "{name}");
        }
        assert_eq!(canvas, all, "{name}");
    }
}
