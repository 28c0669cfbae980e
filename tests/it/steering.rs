//! Steering a run, asking about its cells and going on from its steps, with the default model on the engine's thread.

use std::sync::Arc;

use lacuna::engine::catalog;
use lacuna::engine::protocol::{
    Act, Branch, CellState, Command, Event, Frame, HoleId, JobId, Length, Outcome, Part, Phase, Place, Question,
    Request, RunOptions, Token, Verb,
};

use crate::engine::{Desk, hole, text};

const HOLE: HoleId = HoleId(1);

fn story() -> Vec<Part> {
    vec![
        text("The fisherman went out to sea early in the morning. When he came back, he had caught"),
        hole(1, "", Length::Fixed(10)),
        text(". His wife was very happy."),
    ]
}

fn options() -> RunOptions {
    // All rows each pass, so that what a branch does first is what the other run did.
    RunOptions { exact: true, sampler: "llada".into(), seed: 3, ..RunOptions::default() }
}

fn start(desk: &Desk, job: u64) {
    let request = Request { job: JobId(job), verb: Verb::Fill, parts: story(), options: options() };
    desk.engine.send(Command::Start(request));
}

/// All frames of a job, and the last.
fn all(desk: &Desk, job: u64) -> (Vec<Arc<Frame>>, Arc<Frame>) {
    let mut frames = Vec::new();
    loop {
        match desk.next() {
            Event::Frame(frame) if frame.job == JobId(job) => frames.push(frame),
            Event::Ended { job: ended, outcome } if ended == JobId(job) => match outcome {
                Outcome::Finished(last) => return (frames, last),
                other => panic!("{other:?}"),
            },
            Event::Refused { why, .. } => panic!("{why}"),
            _ => {}
        }
    }
}

fn branch(desk: &Desk, job: u64, from: u64, step: usize, acts: Vec<Act>, options: RunOptions) {
    let (job, from) = (JobId(job), JobId(from));
    desk.engine.send(Command::Branch(Branch { job, from, step, parts: story(), acts, options }));
}

fn texts(frame: &Frame) -> Vec<String> {
    frame.holes[0].cells.iter().map(|cell| cell.text.clone()).collect()
}

fn tokens(frame: &Frame) -> Vec<Option<Token>> {
    let token = |cell: &lacuna::engine::protocol::Cell| cell.token.filter(|_| cell.state.is_written());
    frame.holes[0].cells.iter().map(token).collect()
}

fn at(cell: usize) -> Place {
    Place { hole: HOLE, cell }
}

#[test]
fn a_branch_without_a_change_does_what_the_run_did_and_one_with_another_seed_keeps_what_was_there() {
    let desk = Desk::at(catalog::DEFAULT_MODEL, catalog::find(catalog::DEFAULT_MODEL));
    start(&desk, 1);
    let (frames, last) = all(&desk, 1);
    let steps: Vec<usize> = frames.iter().map(|frame| frame.step).collect();
    assert!(steps.windows(2).all(|pair| pair[0] <= pair[1]) && last.step >= 8, "{steps:?}");
    for (job, step) in [(2, 0), (3, 4), (4, last.step)] {
        branch(&desk, job, 1, step, Vec::new(), options());
        let (again, end) = all(&desk, job);
        assert_eq!(texts(&end), texts(&last), "from step {step}");
        assert_eq!(end.step, last.step);
        // Step by step the same, and with the same numbers to look at.
        for frame in &again {
            let then = frames.iter().chain([&last]).rfind(|other| other.step == frame.step).unwrap();
            assert_eq!(tokens(frame), tokens(then), "step {}", frame.step);
        }
    }
    let there = frames.iter().find(|frame| frame.step == 4).unwrap();
    let other = RunOptions { seed: 99, temperature: Some(1.5), ..options() };
    branch(&desk, 5, 1, 4, Vec::new(), other);
    let (_, end) = all(&desk, 5);
    let kept = tokens(there).into_iter().zip(tokens(&end));
    assert!(kept.clone().all(|(then, now)| then.is_none() || then == now), "{kept:?}");
    assert_ne!(texts(&end), texts(&last), "another seed at this temperature writes something else");
    assert_eq!(end.nfe, last.step - 4, "a branch counts its own passes");
    // A branch of a branch, and of what is not kept.
    branch(&desk, 6, 5, 6, Vec::new(), options());
    all(&desk, 6);
    branch(&desk, 7, 77, 6, Vec::new(), options());
    let Outcome::Failed(why) = desk.end_of(7) else { panic!("not failed") };
    assert!(why.contains("no longer kept"), "{why}");
    branch(&desk, 8, 5, 3, Vec::new(), options());
    let Outcome::Failed(why) = desk.end_of(8) else { panic!("not failed") };
    assert!(why.contains("no longer kept"), "steps before a branch are the other job's: {why}");
}

#[test]
fn what_is_chosen_typed_and_pinned_stays_and_only_what_depends_on_it_is_redone() {
    let desk = Desk::at(catalog::DEFAULT_MODEL, catalog::find(catalog::DEFAULT_MODEL));
    start(&desk, 1);
    let (_, last) = all(&desk, 1);
    let cells = &last.holes[0].cells;
    assert!(cells.iter().all(|cell| cell.step.is_some() && cell.entropy.is_some() && cell.token.is_some()));
    // The model's second choice somewhere in the middle.
    let k = (3..8).find(|k| !cells[*k].alternatives.is_empty()).unwrap();
    let other = cells[k].alternatives[0].clone();
    let steered = |job| {
        branch(&desk, job, 1, last.step, vec![Act::Pin(at(0)), Act::Choose(at(k), other.token)], options());
        all(&desk, job)
    };
    let (seen, end) = steered(2);
    let now = &end.holes[0].cells;
    assert_eq!((now[k].state, now[k].token), (CellState::Pinned, Some(other.token)));
    assert_eq!((now[0].state, now[0].token), (CellState::Pinned, cells[0].token));
    assert!(now[k].alternatives.iter().any(|it| Some(it.token) == cells[k].token), "the old word can be had back");
    // What was not masked again is what it was: find the frame in which it was taken back.
    let remasked: Vec<usize> = seen
        .iter()
        .flat_map(|frame| frame.holes[0].cells.iter().enumerate())
        .filter(|(_, cell)| cell.state == CellState::Remasked)
        .map(|(k, _)| k)
        .collect();
    assert!(!remasked.contains(&0) && !remasked.contains(&k));
    for (i, (now, then)) in now.iter().zip(cells).enumerate() {
        assert!(i == k || remasked.contains(&i) || now.token == then.token, "cell {i} jumped");
    }
    assert!(remasked.len() < cells.len() / 2, "{remasked:?}");
    // The same acts at the same step with the same seed: the same bytes.
    assert_eq!(texts(&steered(3).1), texts(&end));

    // A word of one's own may change the number of cells; banned words do not come again.
    let long = Act::Write(at(k), "quixotically zigzagged".into());
    branch(&desk, 4, 1, 5, vec![Act::Pin(at(k)), long, Act::Ban(at(0), cells[0].token.unwrap())], options());
    let (_, typed) = all(&desk, 4);
    assert!(typed.holes[0].cells.len() > cells.len());
    assert!(typed.holes[0].text().contains("quixotically zigzagged"), "{}", typed.holes[0].text());
    assert_ne!(typed.holes[0].cells[0].token, cells[0].token);
    let word = cells.iter().find(|cell| cell.text.trim().len() > 2).unwrap();
    branch(&desk, 5, 1, 2, vec![Act::BanEverywhere(word.token.unwrap())], options());
    let (_, without) = all(&desk, 5);
    assert!(texts(&without).iter().all(|text| text.trim() != word.text.trim()), "{:?}", texts(&without));
}

#[test]
fn a_running_job_is_steered_between_two_steps_and_says_what_it_cannot_do() {
    let desk = Desk::at(catalog::DEFAULT_MODEL, catalog::find(catalog::DEFAULT_MODEL));
    start(&desk, 1);
    desk.engine.send(Command::Pause(JobId(1)));
    // Edges and length are found in steps of their own, before the first word.
    let mut paused = desk.frame_where(|frame| frame.phase == Phase::Paused);
    while paused.step < 4 {
        let before = paused.nfe;
        desk.engine.send(Command::Step(JobId(1)));
        paused = desk.frame_where(|frame| frame.phase == Phase::Paused && frame.nfe > before);
    }
    let written = tokens(&paused).iter().position(Option::is_some).unwrap();
    let masked = tokens(&paused).iter().position(Option::is_none).unwrap();
    let steer = |acts| desk.engine.send(Command::Steer { job: JobId(1), acts });
    steer(vec![Act::Mask(at(written)), Act::Choose(at(99), Token(5))]);
    let why = loop {
        match desk.next() {
            Event::Refused { why, .. } => break why,
            Event::Ended { outcome, .. } => panic!("{outcome:?}"),
            _ => {}
        }
    };
    assert!(why.contains("not part of the run"), "{why}");
    // Nothing was done: all or none.
    steer(vec![Act::Write(at(masked), "nothing".into())]);
    let shown = desk.frame_where(|frame| frame.step > paused.step);
    assert!(tokens(&shown)[written].is_some() && shown.holes[0].text().contains("nothing"));
    // Weighing is done although the run is paused; then it waits.
    assert!(matches!(shown.phase, Phase::Scoring { done: 0, of: 4 }), "{:?}", shown.phase);
    let weighed = desk.frame_where(|frame| frame.phase == Phase::Paused);
    steer(vec![Act::Mask(at(written)), Act::Unpin(at(masked))]);
    let again = desk.frame_where(|frame| frame.step > weighed.step);
    assert!(tokens(&again)[written].is_none());
    assert_eq!(again.holes[0].cells[masked].state, CellState::Committed);

    // What the model thinks of a written cell now, and at an earlier step.
    let ask = |step, cell| {
        desk.engine.send(Command::Ask(Question { job: JobId(1), step, at: at(cell) }));
        loop {
            if let Event::Judged(judgement) = desk.next() {
                return judgement;
            }
        }
    };
    let now = ask(again.step, masked);
    assert!(now.entropy > 0.0 && now.probability.is_some_and(|p| p > 0.0 && p < 1.0));
    assert_eq!(now.alternatives.len(), 6);
    let sum: f32 = now.alternatives.iter().map(|it| it.probability).sum();
    assert!(sum > 0.0 && sum <= 1.001 && now.alternatives.is_sorted_by(|a, b| a.probability >= b.probability));
    assert_eq!(ask(paused.step, masked).probability, None, "nothing stood there then");
    desk.engine.send(Command::Resume(JobId(1)));
    let Outcome::Finished(last) = desk.end_of(1) else { panic!("not finished") };
    assert_eq!(last.masks_left, 0);
    // Its steps are kept, and asking costs the run nothing that can be seen.
    assert!(ask(last.step, 0).probability.is_some());
}
