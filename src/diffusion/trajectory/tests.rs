//! Runs shown again, and gone on from.

use proptest::prelude::*;

use super::{MOST_STATES, Trajectory};
use crate::diffusion::canvas::{Canvas, Kind, UserAct};
use crate::diffusion::preset::names;
use crate::diffusion::rng::Seeded;
use crate::diffusion::run::Run;
use crate::diffusion::spec::{Overrides, parse_spec};
use crate::diffusion::vocabulary::Vocabulary;
use crate::diffusion::{Logits, TokenId};

const M: TokenId = 5;

fn begin(spec: &str, canvas: Canvas, seed: u64) -> Run {
    let vocabulary = Vocabulary::new(6, M, None, []).unwrap();
    Run::new(canvas, parse_spec(spec, &Overrides::default()).unwrap(), &vocabulary, 0, Seeded(seed))
}

/// One step on a network that reads the whole canvas.
fn step(run: &mut Run) -> crate::diffusion::run::StepReport {
    let rows = run.rows_needed();
    let ids = run.canvas().ids().to_vec();
    let logit = |row: usize, id: u32| {
        let words = ids.iter().copied().chain([row as u32, id]);
        (words.fold(7_u32, |hash, word| (hash ^ word).wrapping_mul(0x9e37_79b1).rotate_left(7)) % 997) as f32 / 200.0
    };
    let data = rows.iter().flat_map(|&row| (0..6).map(move |id| logit(row, id))).collect();
    let logits = if rows.is_empty() { Logits::none() } else { Logits::new(rows.clone(), 6, data).unwrap() };
    run.advance(&logits).unwrap()
}

fn recorded(spec: &str, ids: &[TokenId], seed: u64) -> (Trajectory, Vec<Canvas>) {
    let mut run = begin(spec, Canvas::from_ids(ids, M), seed);
    let mut trajectory = Trajectory::new(&run, spec, seed);
    let mut canvases = vec![run.canvas().clone()];
    while !run.is_done() {
        let report = step(&mut run);
        trajectory.record(&run, &report).unwrap();
        canvases.push(run.canvas().clone());
    }
    (trajectory, canvases)
}

/// Samplers that remember nothing of earlier steps.
fn forgetful(name: &str) -> bool {
    !["klass", "slowfast", "credit", "t2m", "diffusion-gemma", "entropy-bound", "gidd-correct"].contains(&name)
}

proptest! {
    #[test]
    fn every_step_can_be_shown_again_and_gone_on_from(
        name in prop::sample::select(names().collect::<Vec<_>>()), masks in 1_usize..9, seed in 0_u64..99, at in 0_usize..9
    ) {
        let ids: Vec<TokenId> = [1, 2].into_iter().chain(std::iter::repeat_n(M, masks)).chain([3, M, M]).collect();
        let (trajectory, canvases) = recorded(&format!("{name}:block=3"), &ids, seed);
        for (steps, canvas) in canvases.iter().enumerate() {
            prop_assert_eq!(&trajectory.canvas_at(steps).unwrap(), canvas);
        }
        let at = at.min(canvases.len() - 1);
        prop_assume!(forgetful(name));
        let start = trajectory.canvas_at(at).unwrap();
        let mut branch = trajectory.branch(begin(trajectory.spec(), start, seed), at);
        for canvas in &canvases[at + 1..] {
            prop_assert!(!branch.is_done());
            step(&mut branch);
            prop_assert_eq!(branch.canvas(), canvas);
        }
        prop_assert!(branch.is_done());
    }
}

#[test]
fn a_branch_with_another_seed_and_a_pin_keeps_what_was_there_and_differs_after() {
    let ids = [M; 12];
    let (trajectory, canvases) = recorded("fhs", &ids, 1);
    let mut canvas = trajectory.canvas_at(6).unwrap();
    let free = canvas.masked().next().unwrap();
    UserAct::PinAs(free, 4).apply(&mut canvas).unwrap();
    let mut branch = trajectory.branch(begin("fhs", canvas.clone(), 2), 6);
    while !branch.is_done() {
        step(&mut branch);
    }
    for (position, kind) in canvas.kinds().iter().enumerate() {
        assert!(*kind == Kind::Masked || canvas.ids()[position] == branch.canvas().ids()[position]);
    }
    assert_ne!(branch.canvas().ids(), canvases[12].ids());
}

#[test]
fn what_the_user_does_is_a_step_of_its_own() {
    let mut run = begin("llada", Canvas::from_ids(&[M; 4], M), 1);
    let mut trajectory = Trajectory::new(&run, "llada", 1);
    let report = step(&mut run);
    trajectory.record(&run, &report).unwrap();
    let written = report.edits[0].position;
    let masked = run.canvas().masked().next().unwrap();
    assert!(trajectory.act(vec![UserAct::MaskAgain(written), UserAct::Pin(masked)]).is_err(), "nothing to pin");
    assert_eq!(trajectory.newest(), run.canvas(), "all or nothing");
    let acts =
        vec![UserAct::MaskAgain(written), UserAct::Forbid(written, 2), UserAct::WriteOver(masked, [1, 3].into())];
    trajectory.act(acts).unwrap();
    let mut run = trajectory.branch(begin("llada", trajectory.newest().clone(), 1), 2);
    assert_eq!(run.steps_left(), 3, "the plan grows by what was masked, and what was written over is done");
    while !run.is_done() {
        let report = step(&mut run);
        trajectory.record(&run, &report).unwrap();
    }
    assert_eq!(&trajectory.canvas_at(99).unwrap(), run.canvas());
    assert_eq!(trajectory.moments()[1].acts.len(), 3);
    assert!(run.canvas().ids().len() == 5 && run.canvas().masks_left() == 0);
    assert!(trajectory.canvas_at(1).unwrap().ids().len() == 4);
}

#[test]
fn what_was_forbidden_on_the_way_is_forbidden_in_a_branch() {
    let mut run = begin("llada", Canvas::from_ids(&[M; 6], M), 1);
    let mut trajectory = Trajectory::new(&run, "llada", 1);
    let mut canvases = vec![run.canvas().clone()];
    for token in 0..4 {
        let last = run.canvas().masked().last().unwrap();
        run.revise(|canvas| canvas.forbid(last, token)).unwrap();
        let report = step(&mut run);
        trajectory.record(&run, &report).unwrap();
        canvases.push(run.canvas().clone());
    }
    for (steps, canvas) in canvases.iter().enumerate() {
        assert_eq!(&trajectory.canvas_at(steps).unwrap(), canvas);
    }
}

#[test]
fn a_long_run_keeps_few_canvases_and_every_step() {
    let (trajectory, canvases) = recorded("left-to-right", &[M; 400], 1);
    // Of a canvas of 400 positions, each of some 70 bytes, with five runners-up an edit.
    assert!(trajectory.bytes() < (MOST_STATES + 2) * 400 * 80 + 400 * 400, "{}", trajectory.bytes());
    assert!(trajectory.states.len() <= MOST_STATES && trajectory.states.len() > MOST_STATES / 4);
    for steps in [0, 1, 77, 399, 400, 900] {
        assert_eq!(&trajectory.canvas_at(steps).unwrap(), &canvases[steps.min(400)]);
    }
}
