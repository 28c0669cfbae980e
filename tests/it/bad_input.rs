//! What goes wrong around the editor, seen in a terminal: one clear sentence each, and no text is lost.

use std::fs;

use crate::terminal::{Place, Session, quoted};

#[test]
fn without_a_model_everything_but_runs_works() {
    let place = Place::new();
    place.write("a.txt", "one two\n");
    let mut session = place.without_model("a.txt");
    session.keys("alt-m f5");
    session.wait_for("there is no model /nowhere");
    session.type_text("zero ");
    session.wait_for("zero ▢one two");
    session.save("a.txt");
    assert_eq!(place.read("a.txt"), "zero one two\n");
    session.quit();
}

#[test]
fn a_spoilt_model_is_told_in_a_sentence() {
    let place = Place::new();
    fs::create_dir(place.file("spoilt")).unwrap();
    place.write("spoilt/config.json", "{ \"model_type\": ");
    place.write("spoilt/model.safetensors", "");
    place.write("a.txt", "one two\n");
    let mut session = place.lacuna(&["--model", "spoilt", "a.txt"]);
    session.wait_for("no model");
    session.keys("alt-m f5");
    session.wait_for("spoilt/config.json");
    session.type_text("zero ");
    session.wait_for("zero ▢one two");
    session.quit();
}

#[test]
fn what_is_no_text_is_refused_before_the_terminal_is_touched() {
    let place = Place::new();
    fs::write(place.file("binary"), b"\x7fELF\0\0\xff\xfe").unwrap();
    fs::create_dir(place.file("folder")).unwrap();
    for (name, sentence) in [("binary", "is not"), ("folder", "is a folder"), ("binary/x", "part of that path")] {
        let mut session = place.lacuna(&["--model", "/nowhere", name]);
        let status = session.wait_for_end();
        assert_eq!((status.exit_code(), status.signal()), (1, None));
        let said = String::from_utf8(session.raw()).unwrap();
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.starts_with("lacuna: ") && said.contains(name) && said.contains(sentence), "{said}");
        assert!(!said.contains('\x1b'), "{said:?}");
    }
}

#[test]
fn a_read_only_file_is_edited_and_saved_elsewhere() {
    let place = Place::new();
    place.write("a.txt", "one\n");
    let path = place.file("a.txt");
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    let lacuna = env!("CARGO_BIN_EXE_lacuna");
    let is_root = fs::OpenOptions::new().write(true).open(&path).is_ok();
    // The superuser may write anything, unless that privilege is laid down.
    let mut session = if is_root {
        let lay_down = ["--bounding-set=-dac_override", "--inh-caps=-dac_override", lacuna];
        place.start("setpriv", &[&lay_down[..], &["--model", "/nowhere", "a.txt"]].concat(), &[])
    } else {
        place.without_model("a.txt")
    };
    session.wait_for("a.txt  read only");
    session.wait_for("no model");
    session.type_text("zero ");
    session.keys("ctrl-s");
    session.wait_for("a.txt was not saved: you are not allowed to write there");
    session.wait_for("zero one");
    session.keys("alt-s");
    session.wait_for("save as");
    session.keys("ctrl-u");
    session.type_text("b.txt");
    session.keys("enter");
    session.wait_for("Saved b.txt");
    assert_eq!((place.read("a.txt"), place.read("b.txt")), ("one\n".to_owned(), "zero one\n".to_owned()));
    session.quit();
}

#[test]
fn a_file_that_changed_or_vanished_under_the_editor_costs_nothing() {
    let place = Place::new();
    fs::create_dir(place.file("folder")).unwrap();
    place.write("folder/a.txt", "one\n");
    let mut session = place.without_model("folder/a.txt");
    session.wait_for("one");
    session.type_text("zero ");
    place.write("folder/a.txt", "somebody else's text\n");
    session.keys("ctrl-s");
    session.wait_for("was changed by another program since it was read");
    session.keys("esc");
    session.wait_until("the question to go", |screen| !screen.contains("was changed by another"));
    assert_eq!(place.read("folder/a.txt"), "somebody else's text\n");
    session.keys("ctrl-s");
    session.wait_for("was changed by another program since it was read");
    session.keys("o");
    session.wait_for("Saved folder/a.txt");
    assert_eq!(place.read("folder/a.txt"), "zero one\n");

    fs::remove_file(place.file("folder/a.txt")).unwrap();
    session.type_text("and ");
    session.wait_for("zero and one");
    session.save("folder/a.txt");
    assert_eq!(place.read("folder/a.txt"), "zero and one\n");

    fs::remove_dir_all(place.file("folder")).unwrap();
    session.type_text("a half ");
    session.wait_for("zero and a half one");
    session.keys("ctrl-s");
    session.wait_for("the folder folder does not exist");
    fs::create_dir(place.file("folder")).unwrap();
    session.save("folder/a.txt");
    assert_eq!(place.read("folder/a.txt"), "zero and a half one\n");
    session.quit();
}

#[test]
fn what_another_program_wrote_is_told_shown_and_taken_over_and_undo_brings_back_what_was_here() {
    let place = Place::new();
    place.write("a.txt", "one\ntwo\nthree\n");
    let mut session = place.without_model("a.txt");
    session.wait_for("three");
    session.type_text("zero ");
    place.write("a.txt", "one\ndeux, they wrote\nthree\n");
    // The terminal says that its window has the focus again.
    session.type_text("\x1b[I");
    session.wait_for("a.txt was changed on disk by another program");
    session.keys("ctrl-s");
    session.wait_for("was changed by another program since it was read");
    session.keys("d");
    session.wait_for("-deux, they wrote");
    session.wait_for("+zero one");
    session.wait_for("--- a.txt on disk");
    session.keys("ctrl-w");
    session.wait_until("the differences to be closed", |screen| !screen.contains("--- a.txt"));
    session.keys("ctrl-s");
    session.wait_for("was changed by another program since it was read");
    session.keys("r");
    session.wait_for("a.txt was read again");
    session.wait_for("deux, they wrote");
    session.wait_until("what was typed to be gone", |screen| !screen.contains("zero one"));
    // It is what the file has: nothing is asked.
    session.keys("ctrl-s");
    session.wait_for("Saved a.txt");
    session.keys("ctrl-z");
    session.wait_for("zero one");
    session.save("a.txt");
    assert_eq!(place.read("a.txt"), "zero one\ntwo\nthree\n");
    session.quit();
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_the_text_can_be_saved_elsewhere() {
    let place = Place::new();
    place.write("a.txt", "one\n");
    let mut session = place.without_model("a.txt");
    session.wait_for("one");
    session.type_text("zero ");
    let save_as = |session: &mut Session, name: &str| {
        session.keys("alt-s");
        session.wait_for("save as");
        session.keys("ctrl-u");
        session.type_text(name);
        session.keys("enter");
    };
    save_as(&mut session, "/dev/full");
    session.wait_for("/dev/full exists already");
    session.keys("o");
    session.wait_for("/dev/full was not saved: the disk is full");
    session.wait_for("zero one");
    save_as(&mut session, "b.txt");
    session.wait_for("Saved b.txt");
    assert_eq!(place.read("b.txt"), "zero one\n");
    session.quit();
}

#[test]
fn a_document_on_standard_input_is_edited_with_keys_from_the_terminal() {
    let place = Place::new();
    let lacuna = quoted(env!("CARGO_BIN_EXE_lacuna").as_ref());
    for dash in ["-", ""] {
        let script = format!("printf 'one\\ntwo\\n' | {lacuna} --model /nowhere {dash}");
        let mut session = place.start("sh", &["-c", &script], &[]);
        session.wait_for("two");
        session.wait_for("no model");
        session.type_text("zero ");
        session.wait_for("zero one");
        session.keys("ctrl-s");
        session.wait_for("save as");
        session.type_text("piped.txt");
        session.keys("enter");
        session.wait_for("Saved piped.txt");
        assert_eq!(place.read("piped.txt"), "zero one\ntwo\n");
        session.quit();
        fs::remove_file(place.file("piped.txt")).unwrap();
    }
}

#[test]
fn a_hole_larger_than_the_context_is_told_in_a_sentence() {
    let place = Place::new();
    place.write("a.txt", "one two\n");
    let mut session = place.lacuna(&["a.txt"]);
    session.wait_for("lacuna-135m · cpu");
    session.keys("alt-m alt-l");
    session.wait_for("tokens in the hole");
    session.keys("ctrl-u");
    session.type_text("4096");
    session.keys("enter f5");
    session.wait_for("the model's context is 2048");
    session.type_text("zero ");
    session.wait_for("zero");
    session.quit();
}

#[test]
fn windows_of_any_size_are_drawn_during_a_run() {
    let place = Place::new();
    place.write("a.txt", "The capital of France is , a city on the river Seine.\n");
    let mut session = place.lacuna(&["a.txt:1:26"]);
    session.wait_for("lacuna-135m · cpu");
    session.keys("alt-m alt-l");
    session.wait_for("tokens in the hole");
    session.keys("ctrl-u");
    session.type_text("8");
    session.keys("enter f5 space");
    session.wait_for("paused at step 0");
    for (columns, rows) in [(10, 3), (2, 2), (1, 1), (1, 40), (300, 1), (4, 80)] {
        session.resize(columns, rows);
        session.keys(".");
    }
    session.resize(100, 30);
    session.wait_for("paused at step");
    session.wait_for("The capital of France is");
    session.keys("space");
    session.wait_for("◆ proposal");
    session.resize(1, 1);
    session.resize(100, 30);
    session.keys("enter");
    session.wait_for("Accepted");
    session.quit();
}

#[test]
fn without_colour_no_colour_is_sent_and_every_state_can_still_be_told() {
    let place = Place::new();
    place.write("a.txt", "The capital of France is Paris, a city on the river Seine.\n");
    let mut session = place.start(env!("CARGO_BIN_EXE_lacuna"), &["a.txt"], &[("NO_COLOR", "1")]);
    session.wait_for("lacuna-135m · cpu");
    session.keys("right*25 shift-right*5");
    session.wait_for("(5 characters selected)");
    let word = session.place_of("Paris");
    let text = session.place_of("capital");
    let bold_dim_italic_underlined_reversed = |session: &Session, at| {
        let cell = session.cell(at);
        (cell.bold(), cell.dim(), cell.italic(), cell.underline(), cell.inverse())
    };
    let look = bold_dim_italic_underlined_reversed;
    let plain = look(&session, text);
    let selected = look(&session, word);
    session.keys("alt-m");
    session.wait_for("1 hole marked");
    let hole = look(&session, word);
    session.keys("f5");
    session.wait_for("◆ proposal");
    let proposed = look(&session, word);
    let looks = [plain, selected, hole, proposed];
    for (i, one) in looks.iter().enumerate() {
        assert!(!looks[..i].contains(one), "{looks:?}");
    }
    session.keys("enter");
    session.wait_for("Accepted");
    let raw = String::from_utf8_lossy(&session.raw()).into_owned();
    session.quit();
    let sets_colour = |parameter: &str| match parameter.parse::<u8>() {
        // 39 and 49 are the terminal's own colours.
        Ok(code) => matches!(code, 30..=38 | 40..=48 | 58 | 90..=107),
        Err(_) => true,
    };
    let mut styles = 0;
    for start in raw.split("\x1b[").skip(1) {
        let Some((parameters, _)) = start.split_once('m') else { continue };
        if parameters.chars().all(|c| c.is_ascii_digit() || c == ';' || c == ':') {
            styles += 1;
            assert!(!parameters.split([';', ':']).any(sets_colour), "{parameters:?} sets a colour or is empty");
        }
    }
    assert!(styles > 0);
}
