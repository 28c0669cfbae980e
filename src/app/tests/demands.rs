//! What is demanded of holes: typed, told, met or not, and kept with the hole.

use std::sync::Arc;

use super::Desk;
use crate::app::message::Message;
use crate::app::panel::Panel;
use crate::app::status::status;
use crate::engine::protocol::{Command, Constraint, Event, Frame, Length, Outcome, Part};

fn demanded(parts: &[Part]) -> Vec<Vec<Constraint>> {
    let demands = |part: &Part| if let Part::Hole(hole) = part { Some(hole.constraints.clone()) } else { None };
    parts.iter().filter_map(demands).collect()
}

fn complaint(desk: &Desk) -> &str {
    match desk.app.panel() {
        Panel::Prompt(prompt) => prompt.complaint.as_deref().unwrap_or_default(),
        _ => panic!("no prompt"),
    }
}

#[test]
fn what_is_demanded_of_holes_goes_along_and_the_proposal_says_what_was_met() {
    let mut desk = Desk::new("one ⟦x⟧ two ⟦⟧[|] three");
    // At the second hole: it alone is meant.
    desk.keys("alt-e");
    desk.send(Message::Paste("max-lines one".into()));
    desk.keys("enter");
    assert!(
        matches!(desk.app.panel(), Panel::Prompt(prompt) if prompt.complaint.as_deref().is_some_and(|why| why.contains("number")))
    );
    desk.keys("ctrl-u");
    desk.send(Message::Paste("max-lines 1; need y".into()));
    desk.keys("enter f5");
    assert_eq!(demanded(&desk.request().parts), [vec![], vec![Constraint::MostLines(1), Constraint::With("y".into())]]);
    let (job, second) = (desk.job(), desk.engine_holes()[1]);
    let frame = desk.frame_of(&["+red", "+end"]);
    let unmet = Frame { unmet: vec![(second, "need y".into())], ..(*frame).clone() };
    let ended = |frame| Message::Engine(Event::Ended { job, outcome: Outcome::Finished(Arc::new(frame)) });
    desk.send(ended(unmet));
    assert_eq!(desk.notice(), "Not met: need y (hole 2); r tries another seed.");
    desk.keys("v");
    assert!(status(&desk.app).activity.starts_with("proposal · not met: need y (hole 2) · 3 passes"));
    desk.keys("esc esc f5").finish(&["+red", "+why"]);
    assert_eq!(desk.notice(), "Every demand is met.");
    // Asked again, what was said stands there.
    desk.keys("esc");
    desk.keys("alt-e");
    assert!(matches!(desk.app.panel(), Panel::Prompt(prompt) if prompt.input.text() == "max-lines 1; need y"));
}

#[test]
fn mistakes_are_told_while_it_is_typed() {
    let mut desk = Desk::new("one ⟦⟧[|] two");
    desk.keys("alt-e");
    assert_eq!(complaint(&desk), "");
    for (typed, why) in [
        ("max", "Go on to max-lines N."),
        ("max-lines 1", ""),
        ("max-lines 1; /[a-", "An expression stands between two slashes"),
        ("/[a-/", "no regular expression"),
        ("40-3", "A length is auto, a number of tokens such as 12, or a range such as 3-40."),
        ("3-40; rhyme", "Demands are a length such as 3-40, /RE/, match RE, charset a-z, max-lines N,"),
        ("/[a-z]+/; need 9", "No text can meet all of these together."),
        ("must-parse klingon", "must-parse takes one of "),
        ("must-parse auto", "or auto in a file of one."),
    ] {
        desk.keys("ctrl-u");
        desk.send(Message::Paste(typed.into()));
        assert!(
            complaint(&desk).contains(why) && complaint(&desk).is_empty() == why.is_empty(),
            "{}",
            complaint(&desk)
        );
    }
    desk.keys("enter");
    assert!(!complaint(&desk).is_empty(), "it is not taken");
}

#[test]
fn a_length_is_one_of_the_demands_and_all_are_shown_with_the_caret_in_the_hole() {
    let mut desk = Desk::new("one ⟦⟧[|] two ⟦⟧");
    desk.keys("alt-e");
    desk.send(Message::Paste("3-40; /[a-z;]+/; charset a-z; ban x".into()));
    desk.keys("enter");
    let shown = "this hole: 3-40 tokens; /[a-z;]+/; charset a-z; ban x · 2 holes marked";
    assert_eq!(status(&desk.app).activity, shown);
    desk.keys("home");
    assert_eq!(status(&desk.app).activity, "2 holes marked");
    // Text before it moves it.
    desk.keys(r#" "x" alt-j alt-e "#);
    assert!(
        matches!(desk.app.panel(), Panel::Prompt(prompt) if prompt.input.text() == "3-40; /[a-z;]+/; charset a-z; ban x")
    );
    desk.keys("esc f5");
    let length = |part: &Part| if let Part::Hole(hole) = part { Some(hole.length) } else { None };
    let lengths: Vec<Length> = desk.request().parts.iter().filter_map(length).collect();
    assert_eq!(lengths, [Length::Range(3, 40), Length::Auto]);
    // Accepted, it is filled again under the same demands; undone, too.
    desk.finish(&["+red", "+end"]).keys("enter alt-k alt-j");
    assert_eq!(status(&desk.app).activity, "2 holes marked");
    desk.keys("alt-k");
    assert_eq!(status(&desk.app).activity, shown);
    desk.keys("ctrl-z home alt-j");
    assert_eq!(status(&desk.app).activity, shown);
    desk.keys("alt-e ctrl-u enter");
    assert_eq!(status(&desk.app).activity, "2 holes marked");
}

#[test]
fn a_length_and_the_demands_that_were_typed_with_it_are_taken_back_together() {
    let mut desk = Desk::new("one ⟦⟧[|] two");
    let said = |desk: &mut Desk| {
        desk.keys("alt-e");
        let Panel::Prompt(prompt) = desk.app.panel() else { panic!("no prompt") };
        let said = prompt.input.text().to_owned();
        desk.keys("esc");
        said
    };
    let before = said(&mut desk);
    desk.keys("alt-e ctrl-u");
    desk.send(Message::Paste("4-8; need cat".into()));
    desk.keys("enter");
    assert_eq!(said(&mut desk), "4-8; need cat");
    desk.keys("ctrl-z");
    assert_eq!(said(&mut desk), before);
    desk.keys("ctrl-y");
    assert_eq!(said(&mut desk), "4-8; need cat");
}

#[test]
fn halves_of_a_hole_keep_what_can_be_asked_of_them() {
    let mut desk = Desk::new("one ⟦⟧[|] two");
    desk.keys("alt-e");
    desk.send(Message::Paste("match [a-z ]+; max-lines 1".into()));
    desk.keys("enter f5").frame(&["+red -"]).keys("i");
    desk.send(Message::Paste("new".into()));
    assert_eq!(desk.notice(), "The hole is two now, of which this is not demanded: match [a-z ]+.");
    let Command::Rebase { parts, .. } = desk.last_command() else { panic!("{:?}", desk.last_command()) };
    assert_eq!(demanded(parts), [[Constraint::MostLines(1)], [Constraint::MostLines(1)]]);
}
