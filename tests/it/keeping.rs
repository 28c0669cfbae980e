//! What the editor keeps and gives back: undo after a restart, encodings, and what several carets and searches do to files.

use crate::terminal::{Answers, Place, until};

/// The journals of a place.
fn journals(place: &Place) -> Vec<std::path::PathBuf> {
    let folder = place.state().join("lacuna/undo");
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path()).collect()
}

#[test]
fn undo_goes_on_after_a_restart_unless_the_file_was_changed() {
    let place = Place::new();
    place.write("a.txt", "one\n");
    let mut session = place.without_model("a.txt");
    session.wait_for("one");
    session.type_text("so ");
    session.save("a.txt");
    session.quit();
    assert_eq!(place.read("a.txt"), "so one\n");
    assert_eq!(journals(&place).len(), 1);

    let mut session = place.without_model("a.txt");
    session.wait_for("so one");
    session.keys("ctrl-z");
    session.wait_until("the words to be gone", |screen| !screen.contains("so one"));
    session.keys("ctrl-y");
    session.wait_for("so one");
    session.quit();

    place.write("a.txt", "another\n");
    let mut session = place.without_model("a.txt");
    session.wait_for("another");
    session.keys("ctrl-z");
    session.wait_for("nothing to undo");
    session.quit();
}

#[test]
fn undo_goes_over_what_was_read_from_disk_after_a_restart_too() {
    let place = Place::new();
    place.write("a.txt", "one\n");
    let mut session = place.without_model("a.txt");
    session.wait_for("one");
    session.type_text("so ");
    session.wait_for("so one");
    place.write("a.txt", "another\n");
    session.keys("ctrl-p");
    session.type_text("disk-read");
    session.keys("enter");
    session.wait_for("another");
    session.quit();

    let mut session = place.without_model("a.txt");
    session.wait_for("another");
    session.keys("ctrl-z");
    session.wait_for("so one");
    session.keys("ctrl-z");
    session.wait_until("the words to be gone", |screen| !screen.contains("so one"));
    session.keys("ctrl-y ctrl-y");
    session.wait_for("another");
    session.quit();
}

#[test]
fn no_history_is_kept_where_the_settings_say_so() {
    let place = Place::new();
    place.configure("[editor]\nkeep_undo = false\n");
    place.write("a.txt", "one\n");
    let mut session = place.without_model("a.txt");
    session.wait_for("one");
    session.type_text("so ");
    session.save("a.txt");
    session.quit();
    assert!(journals(&place).is_empty());
}

#[test]
fn unsaved_text_is_offered_after_a_kill_from_the_journal_alone() {
    let place = Place::new();
    place.write("a.txt", "one\n");
    let mut session = place.without_model("a.txt");
    session.wait_for("one");
    session.type_text("kept ");
    session.keys("end");
    session.type_text("!");
    until("the journal to have it", || {
        journals(&place).iter().any(|path| std::fs::read_to_string(path).is_ok_and(|text| text.contains("\"!\"")))
    });
    until("the recovery file to have it", || place.keeps("kept one!"));
    session.signal("KILL");
    session.wait_for_end();
    std::fs::remove_dir_all(place.state().join("lacuna/recovery")).unwrap();
    let mut session = place.without_model("a.txt");
    session.wait_for("An earlier session ended");
    session.keys("r");
    session.wait_for("kept one!");
    session.keys("ctrl-z");
    session.wait_until("the last step to be undone", |screen| {
        screen.contains("kept one") && !screen.contains("kept one!")
    });
    session.quit();
}

#[test]
fn files_in_other_encodings_are_edited_and_saved_as_they_are() {
    let place = Place::new();
    std::fs::write(place.file("a.txt"), b"caf\xe9\r\n").unwrap();
    let mut session = place.without_model("a.txt");
    session.wait_for("café");
    session.wait_for("Windows-1252");
    session.type_text("ü ");
    session.save("a.txt");
    session.quit();
    assert_eq!(std::fs::read(place.file("a.txt")).unwrap(), b"\xfc caf\xe9\r\n");
}

#[test]
fn several_files_are_open_at_once_and_each_is_asked_about() {
    let place = Place::new();
    place.write("a.txt", "one\n");
    place.write("b.txt", "two\nlines\n");
    let mut session = place.lacuna(&["--model", "/nowhere", "a.txt", "b.txt:2"]);
    session.wait_for("a.txt  1/2");
    session.keys("ctrl-b");
    session.wait_for("2 documents");
    session.type_text("b.");
    session.keys("enter");
    session.wait_for("b.txt  2/2");
    session.type_text("x");
    session.wait_for("xlines");
    session.keys("ctrl-pageup");
    session.wait_for("a.txt  1/2");
    session.keys("ctrl-q");
    session.wait_for("changes that are not saved");
    assert!(session.screen().contains("xlines"), "{}", session.screen());
    session.keys("s");
    session.wait_for_end();
    assert_eq!((place.read("a.txt"), place.read("b.txt")), ("one\n".into(), "two\nxlines\n".into()));
}

#[test]
fn several_carets_type_and_a_search_replaces_by_groups() {
    let place = Place::new();
    place.write("a.txt", "let one = 1;\nlet two = 2;\n");
    let mut session = place.without_model("a.txt");
    session.wait_for("let two");
    session.keys("ctrl-d ctrl-d");
    session.wait_for("(2 places)");
    session.type_text("const");
    session.wait_for("const two");
    session.keys("esc");
    session.wait_until("one caret", |screen| !screen.contains("(2 places)"));
    session.keys("ctrl-r");
    session.wait_for("replace");
    session.keys("alt-r");
    session.type_text(r"(\w+) = (\d)");
    session.keys("enter");
    session.type_text("$2 = $1");
    session.keys("enter");
    session.wait_for("“two = 2” → “2 = two”");
    session.keys("a");
    session.wait_for("Replaced 2 matches");
    session.save("a.txt");
    assert_eq!(place.read("a.txt"), "const 1 = one;\nconst 2 = two;\n");
    session.quit();
}

#[test]
fn words_of_a_language_have_colours_and_none_where_none_are_wanted() {
    let place = Place::new();
    place.write("a.rs", "fn main() {}\n");
    for (variables, coloured) in [(&[("COLORTERM", "truecolor")][..], true), (&[("NO_COLOR", "1")], false)] {
        let session = place.start(env!("CARGO_BIN_EXE_lacuna"), &["--model", "/nowhere", "a.rs"], variables);
        session.wait_for("fn main");
        let at = session.place_of("fn main");
        until("the keyword to be bold", || session.cell(at).bold());
        assert_eq!(session.cell(at).fgcolor() != vt100::Color::Default, coloured);
        session.quit();
    }
}

#[test]
fn the_terminal_is_asked_for_its_ground_where_that_matters() {
    const QUESTION: &[u8] = b"\x1b]11;?";
    let place = Place::new();
    place.write("a.txt", "one\ntwo\n");
    let start = |answer: Answers, variables: &[(&str, &str)]| {
        let session =
            place.start_in(answer, env!("CARGO_BIN_EXE_lacuna"), &["--model", "/nowhere", "a.txt"], variables);
        session.wait_for("no model");
        let line_here = session.cell(session.place_of("one")).bgcolor();
        let asked = session.raw().windows(QUESTION.len()).any(|bytes| bytes == QUESTION);
        session.quit();
        (line_here, asked)
    };
    let colours = [("COLORTERM", "truecolor")];
    let black_on_white: Answers =
        &[(b"\x1b]10;?", b"\x1b]10;rgb:0000/0000/0000\x1b\\"), (QUESTION, b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\")];
    let grey_on_blue: Answers =
        &[(b"\x1b]10;?", b"\x1b]10;rgb:d0d0/d0d0/d0d0\x07"), (QUESTION, b"\x1b]11;rgb:1010/1010/2020\x07")];
    let (light, dark) = (start(black_on_white, &colours), start(grey_on_blue, &colours));
    let silent = start(&[], &colours);
    assert!(light.1 && dark.1 && silent.1);
    assert!(light.0 != dark.0 && dark.0 != silent.0 && silent.0 != light.0, "{light:?} {dark:?} {silent:?}");
    // What is known, or cannot matter, is not asked.
    assert_eq!(start(&[], &[("COLORTERM", "truecolor"), ("COLORFGBG", "0;15")]), (light.0, false));
    assert!(!start(&[], &[("NO_COLOR", "1")]).1);
}

#[test]
fn a_file_with_two_names_is_saved_also_where_no_unsaved_text_is_kept() {
    let place = Place::new();
    place.configure("[editor]\nkeep_unsaved = false\n");
    place.write("a.txt", "one\n");
    std::fs::hard_link(place.file("a.txt"), place.file("b.txt")).unwrap();
    let mut session = place.without_model("a.txt");
    session.type_text("so ");
    session.save("a.txt");
    assert_eq!((place.read("a.txt"), place.read("b.txt")), ("so one\n".into(), "so one\n".into()));
    session.quit();
}

#[test]
fn only_the_line_with_the_caret_has_its_ground() {
    let place = Place::new();
    place.configure("[editor]\ntheme = \"dark\"\ncolor = \"true\"\n");
    place.write("a.txt", "one\ntwo\nthree\n");
    let mut session = place.without_model("a.txt");
    session.keys("down");
    let is_marked = |word: &str| session.cell(session.place_of(word)).bgcolor() != vt100::Color::Default;
    until("the second line alone to be marked", || ["one", "two", "three"].map(is_marked) == [false, true, false]);
    session.quit();
}
