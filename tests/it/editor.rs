//! The editor as a person has it: the built program in a pseudo-terminal, with the default model where a run is needed.

use crate::support::project;
use crate::terminal::{Place, Session, until};

/// What the header says once runs can start.
pub(crate) const READY: &str = "lacuna-135m · cpu";

/// One sentence, with a word in it to be made a hole that no model would write there.
pub(crate) const SENTENCE: &str = "The capital of France is Qwxyz, a city on the river Seine.\n";

/// Opens a text and makes a hole of `tokens` tokens of its word `Qwxyz`.
pub(crate) fn with_a_hole(place: &Place, name: &str, tokens: &str) -> Session {
    place.write(name, SENTENCE);
    let mut session = place.lacuna(&[name]);
    session.wait_for(READY);
    session.keys("right*25 shift-right*5");
    session.wait_for("(5 characters selected)");
    session.keys("alt-m");
    session.wait_for("1 hole marked");
    session.keys("alt-l");
    session.wait_for("tokens in the hole");
    session.keys("ctrl-u");
    session.type_text(tokens);
    session.keys("enter");
    session
}

/// The number after a word on the screen.
#[track_caller]
fn number_after(session: &Session, word: &str) -> u64 {
    let screen = session.screen();
    let (_, rest) = screen.split_once(word).unwrap_or_else(|| panic!("{word:?} is not shown:\n{screen}"));
    rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

#[test]
fn what_is_typed_into_a_running_hole_stays_while_the_run_goes_on_and_one_undo_takes_the_result_back() {
    let place = Place::new();
    let mut session = with_a_hole(&place, "a.txt", "6");
    session.keys("f5 space");
    session.wait_for("paused at step 0");
    session.keys(".");
    session.wait_for("paused at step 1 ");
    session.keys("i");
    session.wait_for("What you type here stays");
    session.type_text(" ZEBRA");
    session.wait_for("ZEBRA");

    // The run is an overlay: what is saved now is what the user wrote, the former word of the hole included.
    session.save("a.txt");
    let with_typed = place.read("a.txt");
    assert_eq!(with_typed.replace(" ZEBRA", ""), SENTENCE);

    session.keys("f6 space");
    session.wait_for("◆ proposal");
    session.wait_for("ZEBRA");
    session.keys("enter");
    session.wait_for("Accepted");
    session.save("a.txt");
    let accepted = place.read("a.txt");
    assert!(accepted.starts_with("The capital of France is ") && accepted.ends_with(", a city on the river Seine.\n"));
    assert!(accepted.contains(" ZEBRA") && !accepted.contains("Qwxyz"), "{accepted}");

    session.keys("ctrl-z");
    session.wait_for("Qwxyz");
    session.save("a.txt");
    assert_eq!(place.read("a.txt"), with_typed);
    session.keys("ctrl-z");
    session.wait_until("the typed text to be gone", |screen| !screen.contains("ZEBRA"));
    session.save("a.txt");
    assert_eq!(place.read("a.txt"), SENTENCE);
    session.quit();
}

#[test]
fn what_is_typed_elsewhere_is_drawn_while_the_model_computes() {
    let place = Place::new();
    let mut session = with_a_hole(&place, "a.txt", "200");
    session.keys("f5");
    session.wait_for(" of 200 left");
    session.keys("f6 down");
    session.type_text("typed below");
    session.wait_until("typed text and a run going on", |screen| {
        screen.contains("typed below") && screen.contains("▸ filling 1 hole")
    });
    session.keys("f6 esc");
    session.wait_for("Dropped the run; nothing of it is in your text.");
    session.wait_for(SENTENCE.trim_end());
    session.save("a.txt");
    assert_eq!(place.read("a.txt"), format!("{SENTENCE}typed below"));
    session.quit();
}

#[test]
fn rejecting_restores_every_byte_and_another_try_has_another_seed() {
    let place = Place::new();
    let mut session = with_a_hole(&place, "a.txt", "2");
    session.keys("f5");
    session.wait_for("◆ proposal");
    let first = number_after(&session, "· seed ");
    session.keys("r");
    session.wait_for("◆ proposal b · one of 2");
    assert_ne!(number_after(&session, "· seed "), first);
    session.keys("[");
    session.wait_for("◆ proposal a · one of 2");
    assert_eq!(number_after(&session, "· seed "), first);
    session.keys("esc");
    session.wait_for("Dropped; nothing of it is in your text.");
    session.wait_for(SENTENCE.trim_end());
    // Nothing has changed, so there is nothing to save and quitting does not ask.
    session.keys("ctrl-q");
    assert!(session.wait_for_end().success());
    assert!(session.is_restored());
    assert_eq!(place.read("a.txt"), SENTENCE);
}

#[test]
fn unlikely_words_are_found_while_nothing_runs_and_refined() {
    let place = Place::new();
    place.write("a.txt", "The capital of France is banana, a city on the river Seine.\n");
    let mut session = place.lacuna(&["a.txt"]);
    session.wait_for(READY);
    session.keys("alt-h");
    session.wait_for("heat 12 words · 6 passes");
    session.keys("f7");
    session.wait_for("\"banana\": under 0.1 %, least likely of 12 words; alt-r mends it.");
    session.wait_for("(6 characters selected)");
    session.keys("alt-r");
    session.wait_for("◆ proposal");
    session.keys("enter");
    session.wait_for("Accepted");
    session.wait_until("another word to be judged", |screen| {
        !screen.contains("banana") && screen.contains("heat 12 words · ") && !screen.contains("· 6 passes")
    });
    session.keys("ctrl-z");
    session.wait_for("banana");
    session.keys("alt-h");
    session.wait_for("Unlikely words are not marked.");
    session.keys("ctrl-q");
    assert!(session.wait_for_end().success());
}

#[test]
fn unsaved_text_survives_being_killed_in_the_middle_of_a_run() {
    let place = Place::new();
    let mut session = with_a_hole(&place, "a.txt", "6");
    session.keys("f5 space");
    session.wait_for("paused at step 0");
    session.keys(". i");
    session.wait_for("What you type here stays");
    session.type_text(" OKAPI");
    until("the text to be kept", || place.keeps(" OKAPI"));
    session.signal("KILL");
    session.wait_for_end();
    assert_eq!(place.read("a.txt"), SENTENCE);

    let mut session = place.lacuna(&["--model", "/nowhere", "a.txt"]);
    session.wait_for("no model");
    session.wait_for("An earlier session ended before this file was saved");
    session.keys("r");
    session.wait_for("OKAPI");
    session.save("a.txt");
    assert_eq!(place.read("a.txt").replace(" OKAPI", ""), SENTENCE);
    assert!(place.read("a.txt").contains(" OKAPI"));
    session.quit();
    assert!(!place.keeps(" OKAPI"));
}

#[test]
fn a_terminal_with_kittys_keyboard_protocol_is_used_with_it_and_left_without() {
    let contains = |session: &Session, bytes: &[u8]| session.raw().windows(bytes.len()).any(|part| part == bytes);
    let place = Place::new();
    place.write("a.txt", "one\n");
    let program = env!("CARGO_BIN_EXE_lacuna");
    let mut session = place.start_in(&[(b"\x1b[?u", b"\x1b[?0u")], program, &["--model", "/nowhere", "a.txt"], &[]);
    session.wait_for("no model");
    until("the protocol to be switched on", || contains(&session, b"\x1b[>5u"));
    // A, shift-backspace, ctrl-m, b, esc, super-x, d, and alt with the key that is a dot or, with shift, an angle.
    session.type_text("A\x1b[127;2u\x1b[109;5ub\x1b[27u\x1b[120;9ud\x1b[46:62;4u");
    session.wait_for("alt->");
    session.type_text("\x1b[115;5u");
    session.wait_for("Saved a.txt");
    assert_eq!(place.read("a.txt"), "\nbdone\n");
    session.type_text("\x1b[113;5u");
    assert!(session.wait_for_end().success());
    assert!(session.is_restored());
    let raw = session.raw();
    let place_of = |bytes: &[u8]| raw.windows(bytes.len()).rposition(|part| part == bytes).unwrap();
    assert!(place_of(b"\x1b[<1u") < place_of(b"\x1b[?1049l"));

    let session = place.without_model("a.txt");
    assert!(contains(&session, b"\x1b[?u"));
    assert!(!contains(&session, b"\x1b[>5u"));
    session.quit();
}

#[test]
fn a_file_that_never_was_comes_back_with_its_undo_steps() {
    let place = Place::new();
    let mut session = place.without_model("new.txt");
    session.type_text("one two");
    session.keys("left*3");
    session.type_text("and ");
    until("the text to be kept", || place.keeps("one and two"));
    session.signal("KILL");
    session.wait_for_end();

    let mut session = place.without_model("new.txt");
    session.wait_for("An earlier session ended before this file was saved");
    session.keys("r");
    session.wait_for("Restored with its undo steps");
    session.wait_for("one and two");
    session.keys("ctrl-z");
    session.wait_until("the last step to be undone", |screen| screen.contains("one two"));
    session.save("new.txt");
    session.quit();
    std::fs::remove_file(place.file("new.txt")).unwrap();

    // It was saved, and removed by the user: there is nothing to offer.
    let session = place.without_model("new.txt");
    assert!(!session.screen().contains("An earlier session"));
    session.quit();
}

#[test]
fn a_polite_end_keeps_the_unsaved_text_and_puts_the_terminal_back() {
    for signal in ["TERM", "HUP"] {
        let place = Place::new();
        place.write("a.txt", "kept\n");
        let mut session = place.lacuna(&["--model", "/nowhere", "a.txt"]);
        session.wait_for("kept");
        session.type_text("never saved, ");
        session.wait_for("never saved, kept");
        session.signal(signal);
        let status = session.wait_for_end();
        assert!(status.signal().is_some(), "whoever waits is to see that a signal ended it: {status:?}");
        assert!(session.is_restored());
        assert!(session.raw().windows(8).any(|bytes| bytes == b"\x1b[?1049l"));
        assert_eq!(place.read("a.txt"), "kept\n");

        let mut session = place.lacuna(&["--model", "/nowhere", "a.txt"]);
        session.wait_for("An earlier session ended before this file was saved");
        session.keys("r");
        session.wait_for("never saved, kept");
        session.keys("ctrl-z");
        session.wait_until("what is on disk", |screen| !screen.contains("never saved"));
        session.quit();
    }
}

#[test]
fn without_a_file_the_welcome_text_has_holes_that_are_filled() {
    let place = Place::new();
    let template = std::fs::read_to_string(project("assets/welcome.md")).unwrap();
    let marked = format!("{} holes marked", template.matches("[MASK").count());
    let mut session = place.lacuna(&[]);
    session.wait_for("Welcome to Lacuna");
    session.wait_for(&marked);
    session.keys("f5");
    session.wait_for("◆ proposal");
    session.keys("enter");
    session.wait_for("Accepted");
    session.wait_for(&marked);
    session.keys("alt-s");
    session.wait_for("save as");
    session.type_text("welcome.md");
    session.keys("enter");
    session.wait_for("Saved welcome.md");
    let filled = place.read("welcome.md");
    let mut rest = filled.as_str();
    for piece in template.split("[MASK").map(|piece| piece.split_once(']').map_or(piece, |(_, after)| after)) {
        // A hole's text brings the space before it, so pieces are compared without their ends.
        let (before, after) = rest.split_once(piece.trim()).unwrap_or_else(|| panic!("{piece:?} is not in:\n{filled}"));
        assert!(piece.starts_with('#') == before.is_empty(), "a hole before {piece:?} is empty");
        rest = after;
    }
    session.quit();
}

#[test]
fn a_selection_is_rewritten_as_far_as_was_asked_and_esc_restores_it() {
    let place = Place::new();
    let text = "The old man walked slowly along the road, and the wind was cold.\n\nAnother paragraph.\n";
    place.write("a.txt", text);
    let mut session = place.lacuna(&["a.txt"]);
    session.wait_for(READY);
    session.keys("shift-end f5");
    session.wait_for("how much may change");
    session.type_text("5");
    session.keys("enter");
    session.wait_for("Type a number from 10 to 100");
    session.type_text("0");
    session.keys("enter");
    session.wait_for("◆ proposal");
    session.wait_for("Another paragraph.");
    session.keys("esc");
    session.wait_for("Dropped; nothing of it is in your text.");
    session.wait_for("The old man walked slowly along the road, and the wind was cold.");
    session.keys("ctrl-q");
    assert!(session.wait_for_end().success());
    assert_eq!(place.read("a.txt"), text);
}

#[test]
fn with_nothing_selected_the_paragraph_is_refined_or_left_with_a_word() {
    let place = Place::new();
    let text = "The old man walked slowly along the road, and the wind was banana.\n";
    place.write("a.txt", text);
    let mut session = place.lacuna(&["a.txt"]);
    session.wait_for(READY);
    session.keys("f5");
    session.wait_until("the end of refining", |screen| {
        screen.contains("◆ proposal") || screen.contains("Nothing here could be made likelier")
    });
    if session.screen().contains("◆ proposal") {
        session.keys("enter");
        session.wait_for("Accepted");
        session.save("a.txt");
        assert_ne!(place.read("a.txt"), text, "a change is proposed only where there is one");
        session.keys("ctrl-z");
        session.save("a.txt");
    }
    assert_eq!(place.read("a.txt"), text);
    session.quit();
}

#[test]
fn a_document_longer_than_the_models_context_has_its_hole_filled() {
    let place = Place::new();
    let line = "The rain fell on the roofs of the town, and the people stayed at home.\n";
    let half = line.repeat(1400);
    let text = format!("{half}The capital of France is , a city on the river Seine.\n{half}");
    assert!(text.len() > 190_000);
    place.write("long.txt", &text);
    let mut session = place.lacuna(&["long.txt:1401:26"]);
    session.wait_for(READY);
    session.wait_for("1401:26");
    session.keys("alt-m f5");
    session.wait_for("◆ proposal");
    session.keys("enter");
    session.wait_for("Accepted");
    session.save("long.txt");
    let filled = place.read("long.txt");
    let middle = filled.strip_prefix(&half).and_then(|rest| rest.strip_suffix(&half)).expect("the rest is untouched");
    assert!(middle.len() > "The capital of France is , a city on the river Seine.\n".len(), "{middle}");
    session.quit();
}

#[test]
fn an_empty_document_with_nothing_but_a_hole_is_filled() {
    let place = Place::new();
    let mut session = place.lacuna(&["new.txt"]);
    session.wait_for("new.txt is a new file");
    session.keys("alt-m");
    session.wait_for("1 hole marked");
    session.keys("f5");
    session.wait_for("◆ proposal");
    session.keys("enter");
    session.wait_for("Accepted");
    session.save("new.txt");
    assert!(!place.read("new.txt").is_empty());
    session.quit();
}
