//! The same seed under several samplers and models: who runs when, and what the columns show.

use super::Desk;
use crate::app::Model;
use crate::app::infill::Stage;
use crate::app::message::Message;
use crate::app::side::Side;
use crate::engine::protocol::{Command, Event, ModelInfo, Outcome, Verb};

/// A proposal that took three steps.
fn review() -> Desk {
    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("f5").frames(0, &[&["- - -"], &["+one - -"], &["+one - +three"]]);
    desk.finish_at(3, &["+one +two +three"]);
    desk
}

fn ready(desk: &mut Desk, name: &str) {
    desk.send(Message::Engine(Event::Ready(ModelInfo { name: name.into(), ..ModelInfo::default() })));
}

fn samplers(desk: &Desk) -> Vec<String> {
    desk.app.lab_columns().into_iter().map(|column| column.sampler).collect()
}

/// The columns: what is written in each and after how many passes of how many.
fn columns(desk: &Desk) -> Vec<(String, (usize, usize))> {
    let text =
        |cells: &&crate::engine::protocol::Cell| if cells.state.is_written() { cells.text.clone() } else { "-".into() };
    desk.app
        .lab_columns()
        .into_iter()
        .map(|column| (column.holes.iter().flatten().map(text).collect::<Vec<_>>().join(" "), column.passes))
        .collect()
}

#[test]
fn samplers_run_one_after_the_other_with_one_seed_and_are_shown_after_as_many_passes() {
    let mut desk = review();
    let first = desk.request().options;
    desk.keys("l \"eb\" space \"llada\" space \"ar\" enter");
    let second = desk.request().options;
    assert_eq!((first.sampler.as_str(), second.sampler.as_str()), ("eb", "llada"), "the proposal there is counts");
    assert_eq!((second.seed, desk.app.side()), (first.seed, Side::Lab));
    desk.frames(0, &[&["- - -"], &["- +zwei -"]]);
    // While it runs, the one that is over is shown as it was after one pass.
    assert_eq!(columns(&desk), [("one - -".into(), (1, 3)), ("- zwei -".into(), (1, 1))]);
    desk.finish_at(2, &["+eins +zwei +drei"]);
    assert_eq!((desk.request().options.sampler.as_str(), desk.request().options.seed), ("ar", first.seed));
    desk.frames(0, &[&["- - -"], &["+1 - -"], &["+1 +2 -"], &["+1 +2 +3"]]).finish_at(4, &["+1 +2 +3"]);
    assert!(desk.notice().starts_with("Here they are: space plays"), "{}", desk.notice());
    assert_eq!(samplers(&desk), ["eb", "llada", "ar"]);
    let ends = [("one two three".into(), (3, 3)), ("eins zwei drei".into(), (2, 2)), ("1 2 3".into(), (4, 4))];
    assert_eq!(columns(&desk), ends);
    desk.keys("<");
    assert_eq!(columns(&desk).iter().map(|column| column.1.0).collect::<Vec<_>>(), [0, 0, 0]);
    desk.keys(". .");
    assert_eq!(columns(&desk)[1], ("eins zwei drei".into(), (2, 2)));
    assert_eq!(columns(&desk)[2], ("1 2 -".into(), (2, 4)));
    assert!(desk.app.lab_columns()[2].likelihood.is_some_and(|log| log <= 0.0));
    // Playing shows the branch that took longest, so that all come to their end.
    desk.keys("> [ space");
    let session = desk.app.infill().session().unwrap();
    assert_eq!((session.node().unwrap().name.as_str(), session.place()), ("c", Some((0, 5))));
    desk.keys("space > [ enter");
    assert_eq!(desk.text(), "aeinszweidreib");
}

#[test]
fn a_contender_of_another_model_has_it_loaded_and_the_one_before_comes_back() {
    let mut desk = review();
    desk.keys("l \"eb\" space \"eb@other\" enter");
    assert_eq!(desk.last_command(), &Command::Load("other".into()));
    assert_eq!(desk.app.infill().stage(), Stage::Waiting);
    ready(&mut desk, "other");
    assert_eq!(desk.app.infill().stage(), Stage::Running);
    desk.finish(&["+x"]);
    assert_eq!(desk.last_command(), &Command::Load("tiny".into()));
    let models: Vec<_> = desk.app.lab_columns().into_iter().map(|column| column.model.unwrap()).collect();
    assert_eq!(models, ["tiny", "other"]);
    ready(&mut desk, "tiny");
    assert!(!desk.effects.iter().any(|effect| matches!(effect, crate::app::effect::Effect::RememberModel(_))));
    // One that is dropped on the way leaves no other model behind either.
    desk.keys("l \"llada@other\" space \"ar\" enter");
    ready(&mut desk, "other");
    desk.keys("esc esc");
    assert_eq!((desk.last_command(), desk.app.infill().stage()), (&Command::Load("tiny".into()), Stage::Review));
}

#[test]
fn contenders_that_cannot_run_are_told_and_passed_over() {
    let mut desk = review();
    desk.keys("l \"eb\" space \"nonsense\" space \"eb@missing\" space \"ar\" enter");
    let job = desk.job();
    let outcome = Outcome::Failed("there is no sampler nonsense".into());
    desk.send(Message::Engine(Event::Ended { job, outcome }));
    assert_eq!(desk.notice(), "there is no sampler nonsense");
    assert_eq!(desk.last_command(), &Command::Load("missing".into()));
    let kept = ModelInfo { name: "tiny".into(), ..ModelInfo::default() };
    desk.send(Message::Engine(Event::NotLoaded { why: "no such model".into(), kept: Some(kept), before: None }));
    assert_eq!(desk.request().options.sampler, "ar");
    desk.finish(&["+x"]);
    assert_eq!(samplers(&desk), ["eb", "ar"]);
    assert_eq!(desk.app.model(), &Model::Ready(ModelInfo { name: "tiny".into(), ..ModelInfo::default() }));
}

#[test]
fn why_the_last_contender_cannot_run_stays_on_the_screen_also_from_another_document() {
    let mut desk = review();
    desk.keys("l \"eb\" space \"eb@missing\" enter ctrl-n");
    let kept = ModelInfo { name: "tiny".into(), ..ModelInfo::default() };
    desk.send(Message::Engine(Event::NotLoaded { why: "no such model".into(), kept: Some(kept), before: None }));
    assert_eq!(
        desk.last_command(),
        &Command::Load("missing".into()),
        "nothing runs under a model it was not meant for"
    );
    assert_eq!(desk.notice(), "no such model; tiny stays");
    desk.keys("ctrl-pageup");
    assert_eq!((samplers(&desk), desk.app.infill().stage()), (vec!["eb".to_owned()], Stage::Review));
}

#[test]
fn from_no_run_at_all_the_first_contender_begins_and_mistakes_are_told() {
    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("ctrl-p \"lab\" enter \"eb\" enter");
    let complaint = |desk: &Desk| match desk.app.panel() {
        crate::app::panel::Panel::Prompt(prompt) => prompt.complaint.clone().unwrap_or_default(),
        panel => panic!("{panel:?}"),
    };
    assert!(complaint(&desk).starts_with("Type 2 to 8 samplers"), "{}", complaint(&desk));
    desk.keys("space \"left-to-right\" enter");
    assert_eq!(desk.request().options.sampler, "eb");
    desk.finish(&["+x"]);
    assert_eq!(desk.request().options.sampler, "left-to-right");
    desk.finish(&["+y"]);
    assert_eq!(samplers(&desk), ["eb", "left-to-right"]);
    // The next run is made as ever.
    desk.keys("r");
    assert_eq!(desk.request().options.sampler, "eb");
    desk.keys("esc");
    assert_eq!((desk.app.side(), desk.app.infill().stage()), (Side::None, Stage::Running));
    // The columns go with the lab: a run that comes later has none.
    desk.keys("esc L enter");
    assert_eq!((desk.text().as_str(), desk.app.infill().stage()), ("ayb", Stage::Idle));
    desk.keys("ctrl-z f5");
    assert_eq!(desk.app.side(), Side::None);
}

#[test]
fn nothing_runs_on_the_model_at_hand_that_was_asked_of_another() {
    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("ctrl-p \"lab\" enter \"eb@other\" space \"llada\" enter");
    assert_eq!(desk.request().options.sampler, "llada");
    desk.finish(&["+x"]);
    assert_eq!(desk.last_command(), &Command::Load("other".into()));
    ready(&mut desk, "other");
    assert_eq!(desk.request().options.sampler, "eb");
    desk.finish(&["+y"]);
    assert_eq!(samplers(&desk), ["llada", "eb"]);
    assert_eq!(desk.last_command(), &Command::Load("tiny".into()));

    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("ctrl-p \"lab\" enter \"eb@other\" space \"llada@third\" enter");
    assert_eq!(desk.last_command(), &Command::Load("other".into()), "no run before it");
    ready(&mut desk, "other");
    assert_eq!(desk.request().options.sampler, "eb");
    desk.finish(&["+x"]);
    assert_eq!(desk.last_command(), &Command::Load("third".into()));
}

#[test]
fn what_is_asked_for_with_words_selected_follows_once_it_is_said_how_much_may_change() {
    let mut desk = Desk::new("a [word|] here");
    desk.keys("ctrl-p \"lab\" enter \"eb\" space \"left-to-right\" enter enter");
    assert!(matches!(desk.request().verb, Verb::Rewrite { .. }), "{:?}", desk.request().verb);
    assert_eq!(desk.request().options.sampler, "eb");
    desk.finish(&["+x"]);
    assert_eq!(desk.request().options.sampler, "left-to-right");
    desk.finish(&["+y"]);
    assert_eq!(samplers(&desk), ["eb", "left-to-right"]);

    let mut desk = Desk::new("a [word|] here");
    desk.keys("ctrl-p \"candidates\" enter \"2\" enter enter");
    assert!(matches!(desk.request().verb, Verb::Rewrite { .. }), "{:?}", desk.request().verb);
    let first = desk.request().options.seed;
    desk.finish(&["+x"]);
    assert_ne!(desk.request().options.seed, first, "another proposal follows");
    desk.finish(&["+y"]);
    assert_eq!(desk.app.infill().stage(), Stage::Review);
}
