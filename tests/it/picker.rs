//! Choosing another model in the editor, giving one up, and rewriting by instruction: the built program in a
//! pseudo-terminal, with tiny models among the user's own.

use std::fs;

use crate::terminal::{Place, Session};
use crate::tiny;

/// Opens the list of models and takes one.
fn choose(session: &mut Session, name: &str) {
    session.keys("f2");
    session.wait_for(" models ");
    session.type_text(name);
    session.wait_until("one model to be listed", |screen| screen.contains("1 of 1 model "));
    session.keys("enter");
}

#[test]
fn another_model_is_taken_fills_a_hole_and_is_there_at_the_next_start() {
    let place = Place::new();
    tiny::model("llada", 150, &place.models().join("alpha"));
    tiny::model("a2d-qwen3", 170, &place.models().join("beta"));
    let broken = place.models().join("broken");
    tiny::model("llada", 150, &broken);
    let weights = fs::read(broken.join("model.safetensors")).unwrap();
    fs::write(broken.join("model.safetensors"), &weights[..weights.len() / 2]).unwrap();
    place.write("a.txt", "one two three\n");

    let mut session = place.lacuna(&["a.txt"]);
    session.wait_for("lacuna-135m · cpu");
    session.keys("f2");
    session.wait_until("all models to be listed", |screen| {
        ["alpha", "beta", "broken", "lacuna-135m", "of 4 models"].iter().all(|words| screen.contains(words))
    });
    session.keys("esc");
    session.wait_until("the list to close", |screen| !screen.contains("of 4 models"));
    choose(&mut session, "alpha");
    session.wait_for("alpha · cpu");
    // Its weights are random numbers, and the editor does not hide it.
    session.wait_for("noise");
    session.keys("right*4 shift-right*3");
    session.wait_for("(3 characters selected)");
    session.keys("alt-m f5");
    session.wait_for("◆ proposal");
    session.keys("esc");
    session.wait_for("Dropped");

    choose(&mut session, "beta");
    session.wait_for("beta · cpu");
    choose(&mut session, "broken");
    session.wait_for("damaged");
    session.wait_for("beta stays");
    session.wait_for("beta · cpu");
    session.quit();

    let mut session = place.lacuna(&["a.txt"]);
    session.wait_for("beta · cpu");
    session.keys("ctrl-p");
    session.wait_for("commands");
    session.type_text("model-unload");
    session.keys("enter");
    session.wait_for("beta is unloaded");
    session.wait_for("no model");
    choose(&mut session, "alpha");
    session.wait_for("alpha · cpu");
    session.quit();

    // What is named on the command line wins; a choice that is gone is told.
    let session = place.lacuna(&["a.txt", "--model", "lacuna-135m"]);
    session.wait_for("lacuna-135m · cpu");
    session.quit();
    fs::remove_dir_all(place.models().join("alpha")).unwrap();
    let session = place.lacuna(&["a.txt"]);
    session.wait_for("The model chosen last is not used");
    session.wait_for("lacuna-135m · cpu");
    session.quit();
}

#[test]
fn a_selection_is_rewritten_as_told_where_the_model_can_and_else_it_is_said_why_not() {
    let place = Place::new();
    tiny::chat_model("a2d-qwen3", 170, &place.models().join("talker"));
    place.write("a.txt", "one two three\n");
    let mut session = place.lacuna(&["a.txt"]);
    session.wait_for("lacuna-135m · cpu");
    session.keys("right*4 shift-right*3 alt-i");
    session.wait_for("lacuna-135m cannot follow an instruction");
    choose(&mut session, "talker");
    session.wait_for("talker · cpu");
    session.keys("alt-i");
    session.wait_for("what to do with the selection");
    session.type_text("make this warmer");
    session.keys("enter");
    session.wait_for("◆ proposal");
    session.keys("r");
    session.wait_for("proposal b · one of 2");
    session.keys("enter");
    session.wait_for("Accepted");
    session.save("a.txt");
    let text = place.read("a.txt");
    assert!(text.starts_with("one ") && text.ends_with(" three\n"), "{text:?}");
    session.quit();
}
