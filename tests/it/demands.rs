//! What is demanded of a hole, in the editor and on the command line: the same words.

use crate::editor::with_a_hole;
use crate::support::{run, run_with};
use crate::terminal::Place;

#[test]
fn demands_are_typed_shown_on_the_hole_met_and_told_when_they_cannot_be() {
    let place = Place::new();
    let mut session = with_a_hole(&place, "a.txt", "3");
    session.keys("alt-e");
    session.wait_for("demands (");
    session.keys("ctrl-u");
    session.type_text("3; ma");
    session.wait_for("Go on to match RE, or max-lines N.");
    session.keys("backspace*2");
    session.type_text("/[A-Z][a-z]+/; need 9");
    session.wait_for("No text can meet all of these together.");
    session.keys("backspace*8");
    session.type_text("; ban Paris");
    session.keys("enter");
    session.wait_for("this hole: 3 tokens; match [A-Z][a-z]+; ban Paris · 1 hole marked");
    // It is kept while text moves.
    session.keys("home");
    session.wait_until("only the number of holes", |screen| !screen.contains("this hole:"));
    session.type_text("X");
    session.keys("alt-j");
    session.wait_for("this hole: 3 tokens; match [A-Z][a-z]+; ban Paris");
    session.keys("f5");
    session.wait_for("Every demand is met.");
    session.keys("enter");
    session.wait_for("Accepted");
    session.save("a.txt");
    let text = place.read("a.txt");
    let filled =
        text.strip_prefix("XThe capital of France is ").and_then(|rest| rest.split_once(", a city")).unwrap().0;
    let mut letters = filled.chars();
    assert!(letters.next().unwrap().is_ascii_uppercase() && letters.all(|c| c.is_ascii_lowercase()), "{filled}");
    assert!(filled.len() > 1 && !filled.contains("Paris"), "{filled}");

    session.keys("alt-e ctrl-u");
    session.type_text("1; /[a-z]{40}/");
    session.keys("enter f5");
    session.wait_for("(match [a-z]{40})");
    session.quit();
}

#[test]
fn a_marker_takes_the_same_demands() {
    let text = "The capital of France is [MASK:1-4 /[A-Z][a-z]+/; ban Paris], a city on the river Seine.";
    let told = run_with(&["fill", "--seed", "1", "--json"], text.as_bytes());
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    let said = &told["holes"][0]["constraints"];
    assert_eq!(said[0], serde_json::json!({ "constraint": "match [A-Z][a-z]+", "met": true }));
    assert_eq!(said[1], serde_json::json!({ "constraint": "ban Paris", "met": true }));
    let refused = run(&["fill", "It is [MASK /[a-z]+/; max]."]);
    let why = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(why.contains("[MASK /[a-z]+/; max]: Go on to max-lines N."), "{why}");
}
