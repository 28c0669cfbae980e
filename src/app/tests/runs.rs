//! The state machine of a run, with an engine that says what the test tells it to.

use super::{Desk, check};
use crate::app::effect::Effect;
use crate::app::infill::Stage;
use crate::app::keymap::Context;
use crate::app::message::Message;
use crate::app::panel::{Panel, Question};
use crate::engine::protocol::{Command, Event, ModelInfo, Outcome, Part, Resume, Verb};

fn texts(parts: &[Part]) -> Vec<String> {
    let part = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Hole(hole) => format!("⟦{}⟧", hole.original),
    };
    parts.iter().map(part).collect()
}

fn resumes(desk: &Desk) -> Vec<Option<Resume>> {
    let Command::Rebase { parts, .. } = desk.last_command() else { panic!("{:?} is no rebase", desk.last_command()) };
    let resume = |part: &Part| if let Part::Hole(hole) = part { Some(hole.resume.clone()) } else { None };
    parts.iter().filter_map(resume).collect()
}

#[test]
fn a_run_takes_all_holes_or_those_in_the_selection() {
    let mut desk = Desk::new("a⟦b⟧c⟦⟧d[|]");
    desk.keys("f5");
    assert_eq!(texts(&desk.request().parts), ["a", "⟦b⟧", "c", "⟦⟧", "d"]);
    assert_eq!((desk.request().verb, desk.request().options.seed), (Verb::Fill, 7));
    assert_eq!(desk.app.focus(), Context::Run);
    let mut desk = Desk::new("[a⟦b⟧|]c⟦⟧d");
    desk.keys("f5");
    assert_eq!(texts(&desk.request().parts), ["a", "⟦b⟧", "cd"]);
}

#[test]
fn frames_are_shown_over_the_text_and_never_in_it() {
    let mut desk = Desk::new("one ⟦xx⟧ two[|]");
    desk.keys("f5").frame(&["+red ?_fox -"]);
    assert_eq!(desk.text(), "one xx two");
    assert_eq!(desk.rows(), ["one red fox░░░ two"]);
    desk.keys("ctrl-s");
    assert!(matches!(desk.effects.last(), Some(Effect::Save(request)) if request.contents.text() == "one xx two"));
}

#[test]
fn accepting_is_one_undo_step_and_the_holes_stay() {
    let mut desk = Desk::new("one ⟦xx⟧ two ⟦⟧[|]");
    desk.keys("f5").finish(&["+red +_fox", "+end"]);
    assert_eq!(desk.app.infill().stage(), Stage::Review);
    assert_eq!(desk.text(), "one xx two ");
    desk.keys("enter");
    assert_eq!(desk.drawing(), "one ⟦red fox⟧ two ⟦end⟧[|]");
    assert_eq!(desk.app.infill().stage(), Stage::Idle);
    desk.keys("ctrl-z");
    assert_eq!(desk.text(), "one xx two ");
    assert_eq!(desk.app.document().holes().len(), 2);
    assert_eq!(desk.notice(), "Undone: fill · tiny · eb · seed 7.");
}

#[test]
fn quitting_with_a_proposal_asks_first() {
    let mut desk = Desk::new("one ⟦⟧ two[|]");
    desk.keys("f5").finish(&["+red"]).keys("ctrl-q");
    assert!(matches!(desk.app.panel(), Panel::Question(Question::Proposal(_))));
    desk.keys("esc");
    assert_eq!(desk.app.infill().stage(), Stage::Review);
    desk.keys("ctrl-q d");
    assert!(matches!(desk.effects.last(), Some(Effect::Quit)));
}

#[test]
fn accepted_holes_are_filled_again_only_when_meant() {
    let mut desk = Desk::new("one ⟦⟧ two ⟦⟧[|] three four");
    desk.keys("f5").finish(&["+red", "+end"]).keys("enter");
    assert_eq!(desk.drawing(), "one ⟦red⟧ two ⟦end⟧[|] three four");
    // A new hole elsewhere is filled alone.
    desk.keys("ctrl-end ctrl-shift-left alt-m f5");
    assert_eq!(desk.app.infill().session().map(|session| session.holes.len()), Some(1));
    desk.keys("esc esc");
    // With the caret in an accepted hole and no other open, that one again.
    desk.keys("alt-m ctrl-home right right right right right f5");
    let holes = desk.app.infill().session().map(|session| session.holes.clone()).unwrap();
    assert_eq!(holes.len(), 1);
    assert_eq!(desk.app.document().holes().get(holes[0].0).map(|hole| hole.range.start), Some(4));
}

#[test]
fn rejecting_leaves_every_byte_and_the_holes() {
    let mut desk = Desk::new("one ⟦xx⟧ two[|]");
    desk.keys("f5").finish(&["+red"]).keys("esc");
    assert_eq!(desk.drawing(), "one ⟦xx⟧ two[|]");
    assert_eq!((desk.app.infill().stage(), desk.app.focus()), (Stage::Idle, Context::Text));
    desk.keys("f5").frame(&["+red"]).keys("esc");
    assert!(matches!(desk.last_command(), Command::Cancel(_)));
    assert_eq!(desk.drawing(), "one ⟦xx⟧ two[|]");
}

#[test]
fn again_makes_another_proposal_with_another_seed() {
    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("f5").finish(&["+one"]);
    let first = desk.request().options.seed;
    desk.keys("r");
    assert_eq!(desk.rows(), ["a░░░b"], "the box stays while it runs again");
    assert_ne!(desk.request().options.seed, first);
    desk.finish(&["+two"]);
    assert_eq!(desk.rows(), ["atwob"]);
    desk.keys("[");
    assert_eq!(desk.rows(), ["aoneb"]);
    desk.keys("] ] [ enter");
    assert_eq!(desk.text(), "aoneb");
}

#[test]
fn a_rerun_that_is_dropped_gives_the_proposals_back() {
    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("f5").finish(&["+one"]).keys("r").frame(&["+x"]).keys("esc");
    assert_eq!(desk.app.infill().stage(), Stage::Review);
    assert_eq!(desk.rows(), ["aoneb"]);
}

#[test]
fn late_events_of_another_job_change_nothing() {
    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("f5");
    let (job, late) = (desk.job(), desk.frame_of(&["+late"]));
    desk.keys("esc");
    desk.send(Message::Engine(Event::Frame(late.clone())));
    desk.keys("f5");
    desk.send(Message::Engine(Event::Frame(late.clone())));
    desk.send(Message::Engine(Event::Ended { job, outcome: Outcome::Finished(late) }));
    assert_eq!((desk.app.infill().stage(), desk.rows()), (Stage::Running, vec!["a▢b".to_owned()]));
}

#[test]
fn keep_pause_and_step_are_told_to_the_engine() {
    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("f5").frame(&["- -"]);
    let job = desk.job();
    desk.keys("space");
    assert_eq!(desk.last_command(), &Command::Pause(job));
    desk.keys(".");
    assert_eq!(desk.last_command(), &Command::Step(job));
    desk.keys("space");
    assert_eq!(desk.last_command(), &Command::Resume(job));
    desk.keys("enter");
    assert_eq!(desk.last_command(), &Command::Keep(job));
    desk.send(Message::Engine(Event::Ended { job, outcome: Outcome::Kept(desk.frame_of(&["+x +y"])) }));
    desk.keys("enter");
    assert_eq!(desk.drawing(), "a⟦xy⟧b[|]");
}

#[test]
fn characters_do_not_type_while_the_run_has_the_keys() {
    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("f5 x backspace");
    assert_eq!(desk.text(), "ab");
    assert!(desk.notice().starts_with("Keys steer the run"));
    desk.keys("f6 x");
    assert_eq!(desk.text(), "abx");
    desk.keys("esc");
    assert_eq!(desk.app.focus(), Context::Run);
}

#[test]
fn typing_elsewhere_moves_the_hole_and_the_run_goes_on() {
    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("f5").frame(&["+x -"]).keys("f6 home y");
    let id = desk.engine_holes()[0];
    assert_eq!(resumes(&desk), [Some(Resume { from: id, cells: 0..2 })]);
    let Command::Rebase { parts, .. } = desk.last_command() else { unreachable!() };
    assert_eq!(texts(parts), ["ya", "⟦⟧", "b"]);
    desk.keys("f6").finish(&["+x +z"]).keys("enter");
    assert_eq!(desk.text(), "yaxzb");
}

#[test]
fn typing_inside_a_running_hole_makes_two_of_it() {
    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("f5").frame(&["+x - -"]);
    let id = desk.engine_holes()[0];
    desk.keys("i T");
    assert_eq!(desk.drawing(), "a⟦⟧T[|]⟦⟧b");
    assert_eq!(desk.rows(), ["ax  T░░░░░░b"]);
    assert_eq!(resumes(&desk), [Some(Resume { from: id, cells: 0..1 }), Some(Resume { from: id, cells: 1..3 })]);
    desk.keys("U");
    assert_eq!(desk.drawing(), "a⟦⟧TU[|]⟦⟧b");
    let ids = desk.engine_holes();
    assert_eq!(resumes(&desk)[1], Some(Resume { from: ids[1], cells: 0..2 }));
    desk.finish(&["+x", "+y +z"]).keys("esc enter");
    assert_eq!(desk.text(), "axTUyzb");
}

#[test]
fn undo_of_typing_inside_makes_the_hole_whole_again() {
    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("f5").frame(&["+x - -"]).keys("i T ctrl-z");
    assert_eq!(desk.rows(), ["ax  ░░░░░░b"]);
    assert_eq!((desk.app.infill().stage(), desk.engine_holes().len()), (Stage::Running, 1));
    desk.finish(&["+x +y +z"]);
    assert_eq!(desk.rows(), ["axyzb"]);
    desk.keys("esc f6 home right right T ctrl-z");
    assert_eq!(desk.rows(), ["axyzb"]);
    desk.keys("ctrl-y");
    assert_eq!(desk.rows(), ["axTyzb"]);
    desk.keys("backspace f6 enter");
    assert_eq!(desk.text(), "axyzb");
}

#[test]
fn a_half_of_a_hole_that_is_unmarked_takes_its_words_with_it() {
    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("f5").finish(&["+x +y +z"]).keys("f6 home right right T");
    assert_eq!(desk.rows(), ["axTyzb"]);
    // One that comes to touch the other half is one with it, and redone, too.
    desk.keys("backspace ctrl-z ctrl-z ctrl-y ctrl-y");
    assert_eq!(desk.rows(), ["axyzb"]);
    desk.keys("ctrl-z ctrl-z ctrl-y home right alt-m");
    assert_eq!(desk.rows(), ["aTyzb"]);
    desk.keys("f6 enter");
    assert_eq!(desk.text(), "aTyzb");
}

#[test]
fn what_is_typed_inside_stays_when_the_proposal_goes() {
    let mut desk = Desk::new("a⟦old⟧b[|]");
    desk.keys("f5").frame(&["+x -"]).keys("i T").finish(&["+x", "+y"]).keys("esc esc");
    assert_eq!(desk.text(), "aoldTb");
    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("f5").finish(&["+x +y"]).keys("f6 left left T esc enter");
    assert_eq!(desk.text(), "axTyb", "typed into a proposal in review");
}

#[test]
fn a_run_without_its_hole_is_dropped() {
    let mut desk = Desk::new("a⟦bc⟧d[|]");
    desk.keys("f5").frame(&["+x"]).keys("f6 ctrl-a delete");
    assert_eq!(desk.app.infill().stage(), Stage::Idle);
    assert!(matches!(desk.last_command(), Command::Cancel(_)));
    desk.keys("ctrl-z");
    assert_eq!(desk.text(), "abcd");
}

#[test]
fn undo_does_not_take_the_hole_from_under_a_run() {
    let mut desk = Desk::new("a[bc|]d");
    desk.keys("alt-m f5").frame(&["+x"]);
    desk.keys("f6 ctrl-z");
    assert!(desk.notice().contains("a hole that the run fills; esc drops"), "{}", desk.notice());
    assert_eq!(desk.app.infill().stage(), Stage::Running);
    // What was typed since is undone as ever.
    desk.keys("end \"!\" ctrl-z");
    assert_eq!((desk.text().as_str(), desk.app.infill().stage()), ("abcd", Stage::Running));
    desk.keys("f6 esc ctrl-z");
    assert!(desk.app.document().holes().is_empty());
}

#[test]
fn line_breaks_of_two_characters_are_one_sign() {
    let mut desk = Desk::new("x\r\na⟦⟧b[|]");
    desk.keys("f5");
    let mut frame = (*desk.frame_of(&["+one"])).clone();
    frame.holes[0].cells[0].text = "one\r\ntwo".into();
    desk.send(Message::Engine(Event::Ended { job: desk.job(), outcome: Outcome::Finished(frame.into()) }));
    assert_eq!(desk.rows(), ["x", "aone⏎", "twob"]);
}

#[test]
fn deleting_beside_a_proposal_does_not_eat_hidden_text() {
    let mut desk = Desk::new("a⟦bc⟧d[|]");
    desk.keys("f5").finish(&["+x"]).keys("f6 backspace backspace backspace");
    assert_eq!(desk.text(), "abc");
    desk.keys("esc esc");
    assert_eq!(desk.drawing(), "a⟦bc⟧[|]");
}

#[test]
fn a_selection_is_rewritten_by_a_strength() {
    let mut desk = Desk::new("one [two three|] four");
    desk.keys("f5 backspace backspace \"70\" enter");
    assert_eq!(desk.request().verb, Verb::Rewrite { strength: 0.7 });
    assert_eq!(texts(&desk.request().parts), ["one ", "⟦two three⟧", " four"]);
    desk.frame(&["=two -"]);
    assert_eq!(desk.rows(), ["one two░░░ four"]);
    desk.finish(&["=two +_owls"]).keys("esc");
    assert_eq!(desk.drawing(), "one [two three|] four");
    desk.keys("f5 enter").finish(&["=two +_owls"]).keys("enter");
    assert_eq!(desk.drawing(), "one two owls[|] four");
    desk.keys("ctrl-z");
    assert_eq!(desk.text(), "one two three four");
    assert!(desk.app.document().holes().is_empty());
}

#[test]
fn a_paragraph_is_refined_only_where_it_gets_likelier() {
    let mut desk = Desk::new("first\n\nsec[|]ond one\n\nthird");
    desk.keys("f5");
    assert_eq!(desk.request().verb, Verb::Refine);
    assert_eq!(texts(&desk.request().parts), ["first\n\n", "⟦second one⟧", "\n\nthird"]);
    desk.finish(&["=second =_one"]);
    assert_eq!(desk.app.infill().stage(), Stage::Idle);
    assert!(desk.notice().starts_with("Nothing here could be made likelier"));
    assert!(desk.app.document().holes().is_empty());
}

#[test]
fn undo_during_a_rewrite_keeps_its_hole() {
    let mut desk = Desk::new("one [two|] x");
    desk.keys("f5 enter").frame(&["=two"]).keys("f6 end y ctrl-z");
    assert_eq!((desk.app.infill().stage(), desk.text()), (Stage::Running, "one two x".into()));
    desk.keys("f6 esc");
    assert!(desk.app.document().holes().is_empty());
    // Other holes are the same as before, with what is demanded of them.
    let mut desk = Desk::new("a⟦⟧ one [two|] x");
    let id = |desk: &Desk| desk.app.document().holes().iter().next().unwrap().id;
    let before = id(&desk);
    desk.keys("f5 enter").frame(&["=two"]).keys("f6 end y ctrl-z");
    assert_eq!((desk.app.infill().stage(), desk.app.document().holes().len()), (Stage::Running, 2));
    assert_eq!(id(&desk), before);
}

#[test]
fn a_run_waits_for_the_model_or_says_why_there_is_none() {
    let mut desk = Desk::without_model("a⟦⟧b[|]");
    desk.keys("f5 f6 z");
    assert_eq!(desk.app.infill().stage(), Stage::Waiting);
    desk.send(Message::Engine(Event::Ready(ModelInfo::default())));
    assert_eq!(texts(&desk.request().parts), ["a", "⟦⟧", "bz"]);
    desk.send(Message::Engine(Event::Unavailable("No model in assets.".into())));
    assert_eq!((desk.app.infill().stage(), desk.notice()), (Stage::Idle, "No model in assets."));
    desk.keys("f5");
    assert_eq!((desk.app.infill().stage(), desk.notice()), (Stage::Idle, "No model in assets."));
}

#[test]
fn a_failed_run_is_one_sentence_and_costs_nothing() {
    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("f5").frame(&["+x"]);
    let failed = Outcome::Failed("Out of memory.".into());
    desk.send(Message::Engine(Event::Ended { job: desk.job(), outcome: failed }));
    assert_eq!((desk.app.infill().stage(), desk.notice()), (Stage::Idle, "Out of memory."));
    assert_eq!(desk.drawing(), "a⟦⟧b[|]");
}

#[test]
fn starting_again_while_a_proposal_waits_says_so() {
    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("f5").finish(&["+x"]).keys("f6 f5");
    assert!(desk.notice().starts_with("A proposal is waiting"));
    assert_eq!(desk.app.focus(), Context::Run);
}

#[test]
fn the_status_line_counts_in_words() {
    let mut desk = Desk::new("a⟦⟧b⟦⟧[|]");
    desk.keys("f5").frame(&["+x -", "-"]);
    let status = crate::app::status::status(&desk.app);
    assert_eq!(status.activity, "filling 2 holes   step 3/8 · 2 of 3 left · 3 passes · 0.5 s · 2 tok/s · seed 7");
    assert_eq!((status.model.as_str(), status.place.as_str()), ("tiny · cpu", "1:3"));
    desk.finish(&["+x +y", "+z"]);
    assert_eq!(crate::app::status::status(&desk.app).activity, "proposal · 3 passes · 0.5 s · seed 7");
}

#[test]
fn line_breaks_of_a_proposal_follow_the_document() {
    let mut desk = Desk::new("a\r\n⟦⟧b[|]");
    desk.keys("f5").finish(&["+x~y"]);
    assert_eq!(desk.rows(), ["a", "x⏎", "yb"]);
    desk.keys("enter");
    assert_eq!(desk.text(), "a\r\nx\r\nyb");
}

#[test]
fn the_caret_goes_to_the_hole_that_was_selected_with_more_around_it() {
    check("a [b ⟦⟧ c|] d", "f5", "a b [|]⟦⟧ c d");
    // Where nothing was selected, or just the hole, it stays.
    check("a b ⟦⟧ c[|] d", "f5", "a b ⟦⟧ c[|] d");
    check("a [⟦b⟧|] d", "f5", "a ⟦b⟧[|] d");
}
