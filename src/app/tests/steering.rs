//! Going through the steps of a run, branches, and what is done to single cells, with an engine that says what the test
//! tells it to.

use std::time::Duration;

use proptest::prelude::*;

use super::Desk;
use crate::app::effect::Effect;
use crate::app::infill::Stage;
use crate::app::message::{Message, Mouse, MouseKind};
use crate::app::side::Side;
use crate::app::status::status;
use crate::engine::protocol::{
    Act, Alternative, Branch, CellState, Command, Event, Judgement, Outcome, Place, Question, Resume, RunOptions, Token,
};

/// A run of three words that is over after three steps.
fn run() -> Desk {
    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("f5").frames(0, &[&["- - -"], &["+one - -"], &["+one - +three"]]);
    desk.finish_at(3, &["+one +two +three"]);
    desk
}

fn branch(desk: &Desk) -> Branch {
    let Command::Branch(branch) = desk.last_command() else { panic!("{:?}", desk.last_command()) };
    branch.clone()
}

fn node(desk: &Desk) -> String {
    desk.app.infill().session().and_then(|session| session.node()).unwrap().name.clone()
}

fn tick(desk: &mut Desk, millis: u64) {
    desk.now += Duration::from_millis(millis);
    desk.send(Message::Tick);
}

#[test]
fn a_word_that_the_user_holds_has_no_likelihood_of_its_own() {
    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("f5");
    let mut frame = (*desk.frame_of(&["+one"])).clone();
    frame.holes[0].cells[0].state = CellState::Pinned;
    desk.send(Message::Engine(Event::Ended { job: desk.job(), outcome: Outcome::Finished(frame.into()) }));
    desk.keys("v");
    let offers: Vec<_> = desk.app.offers().into_iter().map(|offer| (offer.text, offer.then, offer.stands)).collect();
    assert_eq!(offers, [("one".to_owned(), None, true), ("ONE".to_owned(), Some(0.1), false)]);
    desk.keys("esc");
    assert_eq!((desk.app.side(), desk.app.infill().stage()), (Side::None, Stage::Review));
}

#[test]
fn every_step_is_kept_and_scrubbing_moves_nothing() {
    let mut desk = run();
    assert_eq!(desk.rows(), ["aonetwothreeb"]);
    desk.keys(",");
    assert_eq!(desk.rows(), ["aone░░░threeb"], "the box is as wide as what came to stand there");
    assert_eq!(status(&desk.app).activity, "looking at a   step 3/4 · 1 of 3 left");
    desk.keys(", ,");
    assert_eq!(desk.rows(), ["a░░░░░░░░░░░b"]);
    desk.keys(", .");
    assert_eq!(desk.rows(), ["aone░░░░░░░░b"]);
    desk.keys(">");
    assert_eq!(desk.rows(), ["aonetwothreeb"]);
    desk.keys("<");
    assert_eq!(desk.rows(), ["a░░░░░░░░░░░b"]);
    desk.keys("enter");
    assert!(desk.notice().starts_with("3 positions still masked here: > goes to the end"), "{}", desk.notice());
    assert_eq!((desk.text().as_str(), desk.app.infill().stage()), ("ab", Stage::Review));
    desk.keys("> enter");
    assert_eq!(desk.text(), "aonetwothreeb");
}

#[test]
fn going_back_pauses_a_run_that_goes_on_and_its_frames_are_not_lost() {
    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("f5").frames(0, &[&["- -"], &["+x -"]]).keys(",");
    let job = desk.job();
    assert_eq!(desk.last_command(), &Command::Pause(job));
    assert_eq!(desk.rows(), ["a░░░░░░b"]);
    // The step that was being made comes in late; the one looked at stays on the screen.
    desk.frames(2, &[&["+x ?y"]]);
    assert_eq!(desk.rows(), ["a░░░░░░b"]);
    desk.keys(". .");
    assert_eq!(desk.rows(), ["ax  y  b"]);
    desk.keys(".");
    assert_eq!(desk.last_command(), &Command::Step(job));
    desk.keys("space");
    assert_eq!(desk.last_command(), &Command::Resume(job));
}

#[test]
fn the_steps_are_played_at_several_speeds_and_not_where_motion_is_reduced() {
    let mut desk = run();
    desk.keys("space");
    assert_eq!(desk.rows(), ["a░░░░░░░░░░░b"], "from the beginning, as it was at the end");
    let first = desk.app.wakes_at().unwrap();
    assert!(first > desk.now && first <= desk.now + Duration::from_millis(125));
    desk.send(Message::Tick);
    assert_eq!(desk.rows(), ["a░░░░░░░░░░░b"], "not before its time");
    tick(&mut desk, 125);
    assert_eq!(desk.rows(), ["aone░░░░░░░░b"]);
    desk.keys("space");
    assert_eq!(desk.app.wakes_at(), None);
    desk.keys("- - space");
    tick(&mut desk, 125);
    assert_eq!(desk.rows(), ["aone░░░░░░░░b"], "slower");
    tick(&mut desk, 400);
    tick(&mut desk, 500);
    assert_eq!((desk.rows(), desk.app.wakes_at()), (vec!["aonetwothreeb".to_owned()], None));
    let mut desk = run();
    desk.app.settings.motion = crate::app::settings::Motion::Reduced;
    desk.keys("space");
    assert_eq!((desk.app.wakes_at(), desk.notice()), (None, "Motion is reduced: , and . go step by step."));
}

#[test]
fn the_mouse_goes_through_the_steps_on_the_bar() {
    let mut desk = run();
    let bar = crate::app::layout::bar(crate::app::layout::geometry(&desk.app), 40).unwrap();
    let mut mouse = |kind, column: u16| {
        desk.send(Message::Mouse(Mouse { kind, column, row: bar.y, clicks: 1, shift: false }));
        desk.app.infill().session().and_then(|session| session.place()).unwrap().0
    };
    assert_eq!(mouse(MouseKind::Down, bar.x), 0);
    assert_eq!(mouse(MouseKind::Drag, bar.x + bar.width / 2), 2);
    assert_eq!(mouse(MouseKind::Drag, bar.x + bar.width + 9), 3);
    assert_eq!(mouse(MouseKind::Drag, 0), 0);
    mouse(MouseKind::Up, 0);
    assert_eq!(mouse(MouseKind::Drag, bar.x + bar.width), 0, "the button is up");
}

#[test]
fn a_branch_goes_on_from_the_step_shown_and_the_others_stay() {
    let mut desk = run();
    let (first, seed) = (desk.job(), desk.request().options.seed);
    desk.keys(", , R");
    let asked = branch(&desk);
    assert_eq!((asked.from, asked.step), (first, 1));
    assert!(asked.options.seed != seed && asked.acts.is_empty());
    let id = desk.engine_holes()[0];
    let crate::engine::protocol::Part::Hole(hole) = &asked.parts[1] else { panic!("{:?}", asked.parts) };
    assert_eq!(hole.resume, Some(Resume { from: id, cells: 0..3 }));
    assert_eq!((node(&desk), desk.app.infill().stage()), ("a.1".to_owned(), Stage::Running));
    assert_eq!(desk.rows(), ["aone░░░░░░░░b"], "what was looked at stays until the first frame");
    desk.frames(1, &[&["+one - -"], &["+one +zwei -"]]).finish_at(3, &["+one +zwei +drei"]);
    assert_eq!(desk.rows(), ["aonezweidreib"]);
    // Its timeline begins with the steps of the other before it.
    assert_eq!(desk.app.infill().session().and_then(|session| session.place()), Some((3, 4)));
    desk.keys("<");
    assert_eq!(desk.rows(), ["a░░░░░░░░░░░b"]);
    // From a step before the fork it is the first job that is gone on from.
    desk.keys("R");
    assert_eq!((branch(&desk).from, branch(&desk).step, node(&desk)), (first, 0, "a.1.1".to_owned()));
    desk.finish_at(1, &["+x"]);
    desk.keys("[ [");
    assert_eq!((node(&desk), desk.rows()), ("a".to_owned(), vec!["aonetwothreeb".to_owned()]));
    desk.keys("[");
    assert!(desk.notice().starts_with("There is no further branch"));
    desk.keys("] enter");
    assert_eq!(desk.text(), "aonezweidreib");
    desk.keys("ctrl-z");
    assert_eq!(desk.text(), "ab");
}

#[test]
fn a_run_that_is_branched_from_is_stopped_and_kept() {
    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("f5").frames(0, &[&["- -"], &["+x -"]]);
    let first = desk.job();
    desk.keys(", o").keys("end \"_temperature=0.5\" enter");
    let asked = branch(&desk);
    assert_eq!((asked.from, asked.step, asked.options.temperature), (first, 0, Some(0.5)));
    // What the engine says of the other job is about nothing any more.
    desk.send(Message::Engine(Event::Ended { job: first, outcome: Outcome::Cancelled }));
    assert_eq!((node(&desk), desk.app.infill().stage()), ("a.1".to_owned(), Stage::Running));
    desk.keys("esc");
    assert_eq!((node(&desk), desk.app.infill().stage()), ("a".to_owned(), Stage::Review));
    assert!(status(&desk.app).activity.starts_with("proposal stopped"));
    desk.keys("enter");
    assert_eq!((desk.app.infill().stage(), desk.text().as_str()), (Stage::Review, "ab"), "half a text is not accepted");
    let failed = Outcome::Failed("the steps of that run are no longer kept; run it again".into());
    desk.keys("R");
    desk.send(Message::Engine(Event::Ended { job: desk.job(), outcome: failed }));
    assert_eq!((node(&desk), desk.app.infill().stage()), ("a".to_owned(), Stage::Review));
}

#[test]
fn branches_have_names_a_list_and_a_comparison() {
    let mut desk = run();
    desk.keys("r").finish(&["+one +zwei +three"]);
    desk.keys("n").keys("\"better\" enter");
    assert_eq!(node(&desk), "better");
    desk.keys("n").keys("\"a\" enter");
    assert!(matches!(desk.app.panel(), crate::app::panel::Panel::Prompt(prompt) if prompt.complaint.is_some()));
    desk.keys("esc t");
    let listed = desk.app.branches_for("");
    assert_eq!(listed.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["a", "better"]);
    assert_eq!(listed[1].text, "onezweithree");
    desk.keys("up enter");
    assert_eq!(node(&desk), "a");
    desk.keys("d");
    assert_eq!(desk.app.side(), Side::Compare);
    let versions = desk.app.versions();
    let said = |at: usize| -> String {
        let piece = |piece: &crate::text::diff::Piece| {
            if piece.differs { format!("[{}]", piece.text) } else { piece.text.clone() }
        };
        versions[at].pieces.iter().map(piece).collect()
    };
    assert_eq!((versions[0].name.as_str(), versions[0].is_shown, said(0)), ("a", true, "onetwothree".into()));
    assert_eq!((versions[1].name.as_str(), said(1)), ("better", "[onezweithree]".into()));
    desk.keys("d");
    assert_eq!(desk.app.side(), Side::None);
}

#[test]
fn a_cell_of_a_running_job_is_steered_and_one_of_a_proposal_begins_a_branch() {
    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("f5").frames(0, &[&["- - -"], &["+one - +three"]]).keys("left left left left");
    let (job, hole) = (desk.job(), desk.engine_holes()[0]);
    let at = |cell| Place { hole, cell };
    let one = desk.app.shown_cell().unwrap().token.unwrap();
    let other = desk.app.offers().into_iter().find(|offer| !offer.stands).unwrap();
    assert_eq!(other.text, "ONE");
    for (key, act) in [
        ("p", Act::Pin(at(0))),
        ("u", Act::Unpin(at(0))),
        ("m", Act::Mask(at(0))),
        ("b", Act::Ban(at(0), one)),
        ("B", Act::BanEverywhere(one)),
        ("1", Act::Choose(at(0), other.token)),
    ] {
        desk.keys(key);
        assert_eq!(desk.last_command(), &Command::Steer { job, acts: vec![act] }, "{key}");
    }
    desk.keys("2");
    assert!(desk.notice().contains("no 2. alternative"));
    desk.send(Message::Engine(Event::Refused { job, why: "that place is gone".into() }));
    assert_eq!(desk.notice(), "Nothing was changed: that place is gone.");
    desk.keys("right right w \"own\" enter");
    assert_eq!(desk.last_command(), &Command::Steer { job, acts: vec![Act::Write(at(2), "own".into())] });
    assert_eq!(desk.text(), "ab");

    let mut desk = run();
    let (job, options) = (desk.job(), desk.request().options);
    let hole = desk.engine_holes()[0];
    desk.keys("left 1");
    let asked = branch(&desk);
    assert_eq!((asked.from, asked.step, &asked.options), (job, 3, &options), "the same seed goes on");
    let [Act::Choose(place, _)] = asked.acts[..] else { panic!("{:?}", asked.acts) };
    assert_eq!(place, Place { hole, cell: 2 });
    // At an earlier step, too.
    desk.finish_at(4, &["+one +two +THREE"]).keys("< . p");
    assert_eq!((branch(&desk).from, branch(&desk).step), (job, 1));
}

#[test]
fn the_panel_asks_once_about_the_cell_at_the_caret_and_offers_what_the_model_thinks_now() {
    let mut desk = run();
    let (job, hole) = (desk.job(), desk.engine_holes()[0]);
    let asked = |desk: &Desk| {
        let of = |effect: &Effect| if let Effect::Engine(Command::Ask(it)) = effect { Some(*it) } else { None };
        desk.effects.iter().filter_map(of).collect::<Vec<Question>>()
    };
    desk.keys("v");
    assert_eq!(desk.app.side(), Side::Inspect);
    let question = |step, cell| Question { job, step, at: Place { hole, cell } };
    assert_eq!(asked(&desk), [question(3, 0)], "the caret went to the first word");
    desk.keys("right left").send(Message::Tick);
    assert_eq!(asked(&desk), [question(3, 0), question(3, 1), question(3, 0)]);
    let one = desk.app.shown_cell().unwrap().token.unwrap();
    let said = |token, text: &str, probability| Alternative { token, text: text.into(), probability };
    let alternatives = vec![said(Token(5), "five", 0.6), said(one, "one", 0.2)];
    let judgement = Judgement { question: question(3, 0), probability: Some(0.2), entropy: 1.5, alternatives };
    desk.send(Message::Engine(Event::Judged(judgement)));
    let offers = desk.app.offers();
    assert_eq!(offers.iter().map(|it| it.text.as_str()).collect::<Vec<_>>(), ["five", "one", "ONE"]);
    assert_eq!((offers[1].stands, offers[1].then, offers[1].now), (true, Some(0.8), Some(0.2)));
    desk.keys("1");
    assert_eq!(branch(&desk).acts, [Act::Choose(Place { hole, cell: 0 }, Token(5))]);
    // While steps are made nothing is asked, and the run is not slowed.
    let before = asked(&desk).len();
    desk.frames(4, &[&["#five +two +three"], &["#five - +three"]]);
    assert_eq!(asked(&desk).len(), before);
    desk.keys("space");
    assert_eq!(asked(&desk).len(), before + 1);
    desk.keys("esc esc");
    assert_eq!(desk.app.side(), Side::None, "without a run there is nothing beside the text");
}

#[test]
fn several_proposals_are_made_compared_and_mixed() {
    let mut desk = Desk::new("a⟦⟧b⟦⟧c[|]");
    desk.keys("f5").finish(&["+x", "+y"]).keys("c \"2\" enter");
    desk.finish(&["+p", "+q"]);
    assert_eq!(desk.app.infill().stage(), Stage::Running, "the next one is made at once");
    desk.finish(&["+s", "+t"]);
    assert_eq!((desk.app.infill().stage(), desk.app.side()), (Stage::Review, Side::Compare));
    let seeds: std::collections::BTreeSet<u64> =
        desk.app.infill().session().unwrap().branches().iter().map(|branch| branch.options.seed).collect();
    assert_eq!(seeds.len(), 3);
    assert_eq!(desk.rows()[0], "asbtc");
    // The caret is at the end of the second hole's line; go to that hole and take it from `a`.
    desk.keys("left left x enter");
    assert_eq!(desk.rows()[0], "asbyc");
    let session = desk.app.infill().session().unwrap();
    assert_eq!((session.branches().len(), session.node().unwrap().name.as_str()), (4, "c.1"));
    desk.keys("p");
    assert!(desk.notice().starts_with("Nothing is written yet that could be gone on from"), "{}", desk.notice());
    desk.keys("enter");
    assert_eq!(desk.text(), "asbyc");
    desk.keys("ctrl-z");
    assert!(desk.notice().ends_with(" · hole 2 of a."), "{}", desk.notice());
}

#[test]
fn the_likeliest_of_a_hole_is_marked_and_never_taken() {
    let mut desk = Desk::new("a⟦⟧b[|]");
    let ended = |desk: &mut Desk, word: &str, likely: f64| {
        let mut frame = (*desk.frame_of(&[word])).clone();
        frame.holes[0].mean_logprob = Some(likely);
        let outcome = Outcome::Finished(frame.into());
        let ended = Event::Ended { job: desk.job(), outcome };
        desk.send(Message::Engine(ended));
    };
    desk.keys("f5");
    ended(&mut desk, "+x", -1.0);
    assert!(desk.app.versions().iter().all(|version| !version.is_likeliest), "of one there is no best");
    desk.keys("r");
    ended(&mut desk, "+y", -2.0);
    let best: Vec<String> =
        desk.app.versions().into_iter().filter(|version| version.is_likeliest).map(|version| version.name).collect();
    assert_eq!(best, ["a"]);
    desk.keys("enter");
    assert_eq!(desk.text(), "ayb", "the one on the screen");
}

#[test]
fn typing_inside_a_hole_is_followed_by_the_steps_before_it() {
    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("f5").frames(0, &[&["- - -"], &["+x - -"]]).keys("i T");
    assert_eq!(desk.rows(), ["ax  T░░░░░░b"]);
    desk.keys("esc ,");
    assert_eq!(desk.rows(), ["a░░░T░░░░░░b"]);
    desk.keys("R");
    let resumes: Vec<_> = branch(&desk)
        .parts
        .iter()
        .filter_map(
            |part| if let crate::engine::protocol::Part::Hole(hole) = part { Some(hole.resume.clone()) } else { None },
        )
        .map(|resume| resume.unwrap().cells)
        .collect();
    assert_eq!(resumes, [0..1, 1..3]);
}

#[test]
fn knobs_of_a_branch_that_are_wrong_are_said_and_nothing_starts() {
    let mut desk = run();
    let before = desk.effects.len();
    desk.keys(", o").keys("end \"_warmth=3\" enter");
    assert!(matches!(desk.app.panel(), crate::app::panel::Panel::Prompt(prompt) if prompt.complaint.is_some()));
    assert_eq!(desk.effects.len(), before);
    assert_eq!(desk.app.infill().branch().map(|branch| branch.options.sampler.as_str()), Some("eb"));
}

proptest! {
    /// Looking at steps, branches and cells changes neither the document nor what is accepted in the end.
    #[test]
    fn looking_changes_nothing(
        keys in prop::collection::vec(prop::sample::select(&[",", ".", "<", ">", "space", "+", "-", "v", "d", "f8", "[", "]"][..]), 0..40)
    ) {
        let mut desk = run();
        desk.keys("r").frames(0, &[&["- -"], &["+p -"]]).finish_at(2, &["+p +q"]);
        let revision = desk.app.document().buffer().revision();
        for key in keys {
            desk.keys(key);
            tick(&mut desk, 100);
            super::random::check_invariants(&desk);
            prop_assert_eq!(desk.app.document().buffer().revision(), revision);
        }
        let name = node(&desk);
        desk.keys("> enter");
        prop_assert_eq!(desk.text(), if name == "a" { "aonetwothreeb" } else { "apqb" });
    }
}

#[test]
fn what_is_tried_again_is_drawn_and_the_first_is_the_likeliest() {
    let mut desk = run();
    assert_eq!(desk.request().options.temperature, None);
    desk.keys("r");
    let again = desk.request().options.clone();
    assert_eq!(again.temperature, Some(RunOptions::VARIED), "the likeliest words are the same for every seed");
    desk.finish(&["+uno +dos"]).keys("R");
    let branch = branch(&desk).options;
    assert_eq!(branch.temperature, Some(RunOptions::VARIED));
    assert_ne!(branch.seed, again.seed);
}

#[test]
fn words_of_the_last_pass_are_there_though_their_hole_was_parted_meanwhile() {
    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("f5").frame(&["+x - -"]);
    let whole = desk.engine_holes();
    let last = desk.frame_of(&["+x +y +z"]);
    desk.keys("i T");
    assert!(desk.engine_holes() != whole, "the hole was parted");
    let ended = Event::Ended { job: desk.job(), outcome: Outcome::Finished(last) };
    desk.send(Message::Engine(ended));
    desk.keys("f6 enter");
    let typed: String = desk.text().chars().filter(|c| *c != 'T').collect();
    assert_eq!(typed, "axyzb", "{}", desk.text());
}
