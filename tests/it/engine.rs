//! The engine's thread with the default model: what it is told and what it tells.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use lacuna::engine::brain::Brain;
use lacuna::engine::protocol::{
    CellState, Command, Event, Frame, HoleId, HolePart, JobId, Length, Outcome, Part, Phase, Renoise, Request, Resume,
    RunOptions, ScoreId, ScoreRequest, Scored, Verb, WordScore,
};
use lacuna::engine::score::Care;
use lacuna::engine::score::total;
use lacuna::engine::{Engine, EngineOptions, catalog};
use lacuna::model::{Checkpoint, LoadOptions};

/// Long enough for the slowest machine; nothing here measures time.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Desk {
    pub(crate) engine: Engine,
    events: Receiver<Event>,
}

impl Desk {
    fn new(model: &str) -> Self {
        Self::at(model, catalog::find(model))
    }

    pub(crate) fn at(name: &str, path: Result<std::path::PathBuf, String>) -> Self {
        let (tell, events) = channel();
        let options =
            EngineOptions { name: name.to_owned(), path, load: LoadOptions { threads: 1, ..LoadOptions::default() } };
        let engine = Engine::start(options, move |event| drop(tell.send(event))).unwrap();
        Self { engine, events }
    }

    #[track_caller]
    pub(crate) fn next(&self) -> Event {
        self.events.recv_timeout(PATIENCE).expect("the engine says something")
    }

    #[track_caller]
    pub(crate) fn frame_where(&self, wanted: impl Fn(&Frame) -> bool) -> Arc<Frame> {
        loop {
            match self.next() {
                Event::Frame(frame) if wanted(&frame) => return frame,
                Event::Ended { outcome, .. } => panic!("ended before: {outcome:?}"),
                _ => {}
            }
        }
    }

    #[track_caller]
    pub(crate) fn end_of(&self, job: u64) -> Outcome {
        loop {
            if let Event::Ended { job: ended, outcome } = self.next()
                && ended == JobId(job)
            {
                return outcome;
            }
        }
    }

    /// The next answer about words.
    #[track_caller]
    fn scored(&self) -> Scored {
        loop {
            match self.next() {
                Event::Scored(scored) => return scored,
                Event::NotScored { why, .. } => panic!("{why}"),
                _ => {}
            }
        }
    }

    pub(crate) fn start(&self, job: u64, verb: Verb, parts: Vec<Part>) {
        self.engine.send(Command::Start(Request { job: JobId(job), verb, parts, options: RunOptions::default() }));
    }
}

pub(crate) fn text(text: &str) -> Part {
    Part::Text(text.into())
}

pub(crate) fn hole(id: u64, original: &str, length: Length) -> Part {
    Part::Hole(HolePart::new(HoleId(id), original, length))
}

#[test]
fn a_job_is_told_step_by_step_and_ends_with_every_hole_written() {
    let desk = Desk::new(catalog::DEFAULT_MODEL);
    // Sent before the model is loaded: it waits.
    desk.start(
        1,
        Verb::Fill,
        vec![text("The capital of France is "), hole(7, "", Length::Fixed(3)), text(" the Seine.")],
    );
    assert!(matches!(desk.next(), Event::Loading { model } if model == catalog::DEFAULT_MODEL));
    assert!(matches!(desk.next(), Event::Ready(info) if info.context == 2048 && info.device == "cpu"));
    let first = desk.frame_where(|_| true);
    assert_eq!((first.step, first.masks_left, first.masks_total), (0, 3, 3));
    let Outcome::Finished(last) = desk.end_of(1) else { panic!("not finished") };
    assert_eq!((last.masks_left, last.holes.len(), last.holes[0].id), (0, 1, HoleId(7)));
    assert!(last.holes[0].cells.iter().all(|cell| cell.state.is_written()));
    assert!(!last.holes[0].text().is_empty() && !last.holes[0].text().starts_with(' '), "{:?}", last.holes[0].text());
    assert!(last.holes[0].cells.iter().any(|cell| cell.alternatives.len() > 1));

    // Pause, one step, resume, keep: each does what it says.
    desk.start(2, Verb::Fill, vec![text("Once upon a time "), hole(1, "", Length::Fixed(12)), text(" ever after.")]);
    desk.engine.send(Command::Pause(JobId(2)));
    let paused = desk.frame_where(|frame| frame.phase == Phase::Paused);
    desk.engine.send(Command::Step(JobId(2)));
    let stepped = desk.frame_where(|frame| frame.step == paused.step + 1);
    assert_eq!(stepped.phase, Phase::Paused);
    assert!(stepped.masks_left < paused.masks_left);
    desk.engine.send(Command::Keep(JobId(2)));
    let Outcome::Kept(kept) = desk.end_of(2) else { panic!("not kept") };
    assert_eq!(kept.masks_left, 0);
    let written = |frame: &Frame| -> Vec<(usize, String)> {
        let cells = frame.holes[0].cells.iter().enumerate();
        cells.filter(|(_, cell)| cell.state.is_written()).map(|(k, cell)| (k, cell.text.clone())).collect()
    };
    assert!(written(&stepped).iter().all(|cell| written(&kept).contains(cell)), "what was committed is kept");

    // A new job ends the old one; a cancelled one says so.
    desk.start(3, Verb::Fill, vec![hole(1, "", Length::Fixed(60))]);
    desk.start(4, Verb::Fill, vec![hole(1, "", Length::Fixed(60))]);
    assert_eq!(desk.end_of(3), Outcome::Cancelled);
    desk.engine.send(Command::Cancel(JobId(4)));
    assert_eq!(desk.end_of(4), Outcome::Cancelled);
}

#[test]
fn typing_into_a_running_hole_splits_it_and_the_run_goes_on() {
    let desk = Desk::new(catalog::DEFAULT_MODEL);
    desk.start(1, Verb::Fill, vec![text("We went "), hole(1, "", Length::Fixed(10)), text(" and came home late.")]);
    desk.engine.send(Command::Pause(JobId(1)));
    desk.frame_where(|frame| frame.phase == Phase::Paused);
    desk.engine.send(Command::Step(JobId(1)));
    let before = desk.frame_where(|frame| frame.step == 1);
    let half = |id, cells| {
        let resume = Some(Resume { from: HoleId(1), cells });
        Part::Hole(HolePart { resume, ..HolePart::new(HoleId(id), "", Length::Auto) })
    };
    let parts = vec![text("We went "), half(2, 0..4), text(" OKAPI"), half(3, 4..10), text(" and came home late.")];
    desk.engine.send(Command::Rebase { job: JobId(1), parts });
    let split = desk.frame_where(|frame| frame.holes.len() == 2);
    assert_eq!(split.holes.iter().map(|hole| hole.cells.len()).collect::<Vec<_>>(), [4, 6]);
    let committed = |frame: &Frame| -> Vec<usize> {
        let cells = frame.holes.iter().flat_map(|hole| &hole.cells).enumerate();
        cells
            .filter(|(_, cell)| matches!(cell.state, CellState::Committed | CellState::JustCommitted))
            .map(|(k, _)| k)
            .collect()
    };
    assert_eq!(committed(&split), committed(&before), "the partial state is lost");
    desk.engine.send(Command::Resume(JobId(1)));
    let Outcome::Finished(last) = desk.end_of(1) else { panic!("not finished") };
    assert!(last.holes.iter().flat_map(|hole| &hole.cells).all(|cell| cell.state.is_written()));
}

#[test]
fn a_rewrite_keeps_its_share_and_refining_changes_little() {
    let desk = Desk::new(catalog::DEFAULT_MODEL);
    let sentence = "The old man was walking very slowly along the long and dusty road.";
    desk.start(1, Verb::Rewrite { strength: 0.3 }, vec![text("It was noon. "), hole(1, sentence, Length::Auto)]);
    let Outcome::Finished(frame) = desk.end_of(1) else { panic!("not finished") };
    let cells = &frame.holes[0].cells;
    let kept = cells.iter().filter(|cell| cell.state == CellState::Original).count();
    assert!(kept * 10 >= cells.len() * 7 && kept < cells.len(), "{kept} of {} kept", cells.len());
    desk.start(2, Verb::Refine, vec![hole(1, sentence, Length::Auto)]);
    let Outcome::Finished(frame) = desk.end_of(2) else { panic!("not finished") };
    let kept = frame.holes[0].cells.iter().filter(|cell| cell.state == CellState::Original).count();
    assert!(kept * 10 >= frame.holes[0].cells.len() * 8, "{kept}");
    // By chance no pass is spent on choosing, and another seed chooses other words.
    let mut masked = Vec::new();
    for (id, seed) in [(3, 1), (4, 2), (5, 1)] {
        let options = RunOptions { renoise: Renoise::Words, seed, ..RunOptions::default() };
        let parts = vec![text("It was noon. "), hole(1, sentence, Length::Auto)];
        let verb = Verb::Rewrite { strength: 0.3 };
        desk.engine.send(Command::Start(Request { job: JobId(id), verb, parts, options }));
        let first = desk.frame_where(|frame| frame.job == JobId(id) && frame.phase == Phase::Denoising);
        assert!(first.nfe <= 1, "{}", first.nfe);
        let Outcome::Finished(frame) = desk.end_of(id) else { panic!("not finished") };
        let is_masked = |cell: &lacuna::engine::protocol::Cell| cell.state != CellState::Original;
        masked.push(frame.holes[0].cells.iter().map(is_masked).collect::<Vec<_>>());
    }
    let share = masked[0].iter().filter(|masked| **masked).count();
    assert!(share > 0 && share * 10 <= masked[0].len() * 3, "{masked:?}");
    assert!(masked[0] != masked[1] && masked[0] == masked[2], "{masked:?}");
}

#[test]
fn a_refinement_judges_again_when_the_text_around_it_changes() {
    let desk = Desk::new(catalog::DEFAULT_MODEL);
    let sentence = "The old xylophone was walking very zebra along the long and dusty road.";
    desk.start(1, Verb::Refine, vec![hole(1, sentence, Length::Auto)]);
    desk.frame_where(|frame| frame.phase == Phase::Denoising);
    let parts = vec![text("It was noon. "), hole(1, sentence, Length::Auto)];
    desk.engine.send(Command::Rebase { job: JobId(1), parts });
    // Judging what was there, not what the run had written so far.
    let own = |frame: &Frame| frame.holes[0].cells.iter().all(|cell| cell.state == CellState::Original);
    let again = desk.frame_where(|frame| matches!(frame.phase, Phase::Scoring { .. }));
    assert!(own(&again) && again.masks_total == 0, "{:?}", again.phase);
    let Outcome::Finished(frame) = desk.end_of(1) else { panic!("not finished") };
    assert!(frame.holes[0].cells.iter().all(|cell| cell.state.is_written()));
}

#[test]
fn words_are_judged_while_nothing_runs_and_no_run_waits_for_it() {
    let desk = Desk::new(catalog::DEFAULT_MODEL);
    let ask = |id, text: &str| {
        desk.engine.send(Command::Score(ScoreRequest { id: ScoreId(id), text: text.into(), bytes: 0..text.len() }));
    };
    let sentence = "The capital of France is banana, a city on the river Seine.";
    ask(1, sentence);
    let Scored { words, passes, .. } = desk.scored();
    let is_word = |word: &&WordScore| sentence[word.bytes.clone()].len() > 1;
    let least = words.iter().filter(is_word).min_by(|a, b| a.log_probability.partial_cmp(&b.log_probability).unwrap());
    assert_eq!((&sentence[least.unwrap().bytes.clone()], passes), ("banana", 6));

    // A run goes before, and the words are judged as if there had been none.
    let long = sentence.repeat(12);
    ask(2, &long);
    desk.start(1, Verb::Fill, vec![text("We went "), hole(1, "", Length::Fixed(4)), text(" and came home late.")]);
    loop {
        match desk.next() {
            Event::Ended { outcome, .. } => {
                assert!(matches!(outcome, Outcome::Finished(_)), "{outcome:?}");
                break;
            }
            Event::Scored(_) => panic!("the run waited"),
            _ => {}
        }
    }
    let interrupted = desk.scored();
    ask(3, &long);
    let again = desk.scored();
    assert_eq!((interrupted.id, again.id), (ScoreId(2), ScoreId(3)));
    assert_eq!((interrupted.words, interrupted.passes), (again.words, again.passes));

    // What is asked last counts, and nothing does when no more is wanted.
    ask(4, &long);
    ask(5, "Only this.");
    assert_eq!(desk.scored().id, ScoreId(5));
    ask(6, &long);
    desk.engine.send(Command::StopScoring);
    desk.start(2, Verb::Fill, vec![hole(1, "", Length::Fixed(1)), text(" and came home late.")]);
    assert!(matches!(desk.end_of(2), Outcome::Finished(_)));
    ask(7, "And this.");
    assert_eq!(desk.scored().id, ScoreId(7));
}

#[test]
fn what_cannot_be_done_is_one_sentence() {
    let desk = Desk::new("/nowhere");
    desk.start(1, Verb::Fill, vec![hole(1, "", Length::Auto)]);
    let Outcome::Failed(message) = desk.end_of(1) else { panic!("not failed") };
    assert!(message.contains("/nowhere") && !message.contains('\n'), "{message}");
    let desk = Desk::new(catalog::DEFAULT_MODEL);
    for (parts, named) in [(vec![text("no hole")], "hole"), (vec![hole(1, "", Length::Fixed(4000))], "4000")] {
        desk.start(2, Verb::Fill, parts);
        let Outcome::Failed(message) = desk.end_of(2) else { panic!("not failed") };
        assert!(message.contains(named) && !message.contains('\n'), "{message}");
    }
    desk.start(3, Verb::Refine, vec![hole(1, "  \n ", Length::Auto)]);
    let Outcome::Failed(message) = desk.end_of(3) else { panic!("not failed") };
    assert!(message.contains("no words"), "{message}");
}

#[test]
fn only_the_words_of_a_stretch_are_judged_and_given_both_sides() {
    let folder = catalog::find("lacuna-135m").unwrap();
    let options = LoadOptions::default();
    let model = Checkpoint::open(&folder, &options.overrides).unwrap().load("lacuna-135m", &options).unwrap();
    let mut brain = Brain::new(model).unwrap();
    let mut judge = |city: &str| {
        let before = "The capital of France is ";
        let text = format!("{before}{city}, and the river that runs through it is the Seine.");
        let words = brain.score_within(&text, before.len()..before.len() + city.len(), Care::FULL, |_, _| {}).unwrap();
        assert_eq!(words.iter().map(|word| &text[word.bytes.clone()]).collect::<Vec<_>>(), [city]);
        let (sum, tokens) = total(&words);
        sum / tokens as f64
    };
    assert!(judge("Paris") > judge("Berlin") && judge("Berlin") > judge("walked"));
}
