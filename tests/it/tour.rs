//! The tour as its reader takes it: in a pseudo-terminal of 80 by 24, paragraph after paragraph, with the default model.

use crate::support::refused;
use crate::terminal::{Place, Session};

const READY: &str = "lacuna-135m · cpu";

/// What the first hint is while a proposal waits.
const PROPOSAL: &str = "◆ proposal";

/// The tour on a small screen.
fn begin(place: &Place) -> Session {
    let mut session = place.lacuna(&["tour", "--seed", "1"]);
    session.wait_for(READY);
    session.resize(80, 24);
    session.wait_for("# The tour");
    session
}

/// Waits until a text is shown, on one row or on several.
#[track_caller]
fn reads(session: &Session, text: &str) {
    session.wait_until(text, |screen| screen.split_whitespace().collect::<Vec<_>>().join(" ").contains(text));
}

/// The start of each paragraph that runs: to the next hole, its paragraph, and the run. What is to be done must be on the
/// screen together with the hole.
#[track_caller]
fn run_next(session: &mut Session, heading: &str) {
    session.keys("alt-j alt-a f5");
    reads(session, heading);
}

#[track_caller]
fn proposal(session: &Session) {
    session.wait_until("a proposal that is not run on", |screen| screen.contains(PROPOSAL));
}

#[track_caller]
fn accept(session: &mut Session) {
    session.keys("enter");
    session.wait_for("Accepted; ctrl-z");
}

/// What stands between two texts on the screen, on one row.
#[track_caller]
fn between(session: &Session, before: &str, after: &str) -> String {
    let screen = session.screen();
    let row =
        screen.lines().find_map(|row| row.split_once(before)?.1.split_once(after).map(|(word, _)| word.to_owned()));
    row.unwrap_or_else(|| panic!("{before:?} and {after:?} are not on one row:\n{screen}"))
}

#[test]
fn the_tour_does_what_it_says() {
    let place = Place::new();
    let mut session = begin(&place);

    // 1. Fill a hole.
    session.wait_for("The capital of France is ▢, a city");
    run_next(&mut session, "## 1. Fill a hole");
    proposal(&session);
    let word = between(&session, "The capital of France is ", ", a city");
    assert!(word.chars().any(char::is_alphabetic), "{word:?}");
    accept(&mut session);
    session.wait_for("tour ●");

    // 2. Watch it happen.
    session.keys("alt-j alt-a f5 .");
    session.wait_for("## 2. Watch it happen");
    session.wait_for("paused at step");
    session.wait_for("░");
    let left = || number_before(&session.screen(), " of 12 left");
    let before = left();
    session.keys(".");
    session.wait_until("a step more", |screen| {
        screen.contains("paused at step") && number_before(screen, " of 12 left").is_some_and(|n| Some(n) < before)
    });
    session.keys("space");
    proposal(&session);
    let seed = number_after(&session.screen(), "· seed ");
    session.keys("r");
    session.wait_for("one of 2");
    assert_ne!(number_after(&session.screen(), "· seed "), seed);
    accept(&mut session);

    // 3. Type inside a run.
    session.keys("alt-j alt-a f5 .");
    session.wait_for("## 3. Type inside a run");
    session.wait_for("paused at step");
    session.keys("i");
    session.wait_for("What you type here stays");
    session.type_text(" ZEBRA ");
    session.wait_for("ZEBRA");
    session.keys("f6 space");
    proposal(&session);
    session.wait_for("ZEBRA");
    accept(&mut session);

    // 4. Look inside.
    run_next(&mut session, "## 4. Look inside");
    proposal(&session);
    session.keys("v");
    session.wait_until("the panel", |screen| {
        screen.contains("written · step") && screen.contains("━") && screen.contains(" % now")
    });
    session.wait_for("## 4. Look inside");
    let heading = |session: &Session| between(session, "── ", " written · step");
    let first = heading(&session);
    session.keys("right");
    session.wait_until("the next word", |screen| {
        screen.contains("written · step") && !screen.contains(&format!("── {first} written"))
    });
    accept(&mut session);
    session.wait_until("the panel to be gone", |screen| !screen.contains("━"));

    // 5. Steer. The panel is open from the beginning.
    run_next(&mut session, "Go to a word of the proposal and press `1`");
    proposal(&session);
    session.keys("right");
    session
        .wait_until("a word of the proposal", |screen| screen.contains("written · step") && screen.contains(" % now"));
    let choice = between(&session, " 1 \"", "━");
    let choice = choice.trim().trim_end_matches('"').trim().to_owned();
    session.keys("1");
    session.wait_for("proposal a.1 · one of 2");
    session.wait_until("what was chosen", |screen| screen.contains(" held") && screen.contains(&choice));
    session.keys("[");
    session.wait_for("proposal a · one of 2");
    session.keys("]");
    session.wait_for("proposal a.1 · one of 2");
    reads(&session, "The proposal from before is kept: `[` shows it, `]` the new one.");
    accept(&mut session);

    // 6. Hold and forbid.
    run_next(&mut session, "and go to a word. `w` puts a word of your own there");
    proposal(&session);
    session.keys("right");
    session.wait_for("written · step");
    session.keys("w");
    session.wait_for("put it there");
    session.type_text("quixotic");
    session.keys("enter");
    session.wait_for("one of 2");
    session.wait_for("quixotic");
    session.wait_for(" held");
    session.keys("u");
    session.wait_for("one of 3");
    session.wait_until("a word that is not held", |screen| !screen.contains(" held"));
    session.keys("p");
    session.wait_for("one of 4");
    session.wait_for(" held");
    session.keys("m");
    session.wait_for("one of 5");
    session.keys("b");
    session.wait_for("one of 6");
    session.keys("B");
    session.wait_for("one of 7");
    reads(&session, "forbids this word here");
    session.keys("v");
    session.wait_until("the panel to be gone", |screen| !screen.contains(" % now"));
    accept(&mut session);

    // 7. Go back in time.
    run_next(&mut session, "## 7. Go back in time");
    proposal(&session);
    session.keys(",");
    session.wait_for("◆ looking at a   step");
    session.wait_for("◉");
    session.keys(".");
    proposal(&session);
    session.keys("<");
    session.wait_for("step 1/");
    session.wait_for("8 of 8 left");
    session.keys("space");
    session.wait_for("◆ playing a");
    proposal(&session);
    session.keys("- + < . R");
    session.wait_for("proposal a.1 · one of 2");
    session.keys("< . o");
    session.wait_for("go on from here");
    session.keys("end");
    session.type_text(" temperature=1.5");
    session.keys("enter");
    session.wait_for("one of 3");
    session.keys("t");
    session.wait_for(" of 3 branches ");
    session.keys("up*3 enter");
    session.wait_for("proposal a · one of 3");
    session.keys("n");
    session.wait_for("name of the branch");
    session.type_text("best");
    session.keys("enter");
    session.wait_for("proposal best · one of 3");
    accept(&mut session);

    // 8. Several proposals.
    run_next(&mut session, "## 8. Several proposals");
    proposal(&session);
    session.keys("c");
    session.wait_for("how many proposals, 2 to 8");
    session.keys("enter");
    session.wait_for("one of 4");
    session.wait_for("marked is what differs from d");
    session.wait_for("*");
    reads(&session, "go through them, a click shows one.");
    session.keys("[");
    session.wait_for("marked is what differs from c");
    session.keys("]");
    session.wait_for("marked is what differs from d");
    session.keys("x");
    session.wait_for("take the hole from");
    session.keys("enter");
    session.wait_for("proposal d.1 · one of 5");
    session.keys("d");
    session.wait_until("no comparison", |screen| !screen.contains("marked is what differs"));
    session.keys("l");
    session.wait_for("run them one by one");
    session.keys("enter");
    session.wait_for("each as it came out");
    session.keys("L");
    session.wait_until("no columns", |screen| !screen.contains("each as it came out"));
    accept(&mut session);

    // 9. Record.
    session.keys("alt-j");
    run_next(&mut session, "## 9. Record");
    proposal(&session);
    let word = between(&session, "The letter that came this ", " was from his brother.");
    assert!(word.chars().any(char::is_alphabetic), "{word:?}");
    session.keys("s");
    session.wait_for("record as");
    session.keys("enter");
    session.wait_for("run.svg");
    crate::terminal::until("the film", || place.file("run.svg").exists());
    session.wait_for("The run is recorded in");
    accept(&mut session);
    session.keys("alt-y");
    session.wait_for("Fill by lacuna-135m: sampler eb");

    // 10. Your own holes: the word is found by a search here, where a reader goes to it.
    session.keys("ctrl-f");
    session.type_text("the road to the");
    session.keys("enter");
    session.wait_for("(15 characters selected)");
    session.keys("left right*4 ctrl-d");
    session.wait_for("(4 characters selected)");
    session.keys("alt-m");
    session.wait_for("unmark hole");
    let holes = number_before(&session.screen(), " holes marked").unwrap();
    session.keys("alt-l");
    session.wait_for("tokens in the hole");
    session.type_text("3");
    session.keys("enter alt-e");
    session.wait_for("demands");
    session.type_text("3; ban road");
    session.keys("enter");
    session.wait_for("3 tokens; ban road");
    session.keys("f5");
    session.wait_for("## 10. Your own holes");
    proposal(&session);
    session.keys("esc");
    session.wait_for("Dropped; nothing of it is in your text.");
    session.wait_for("followed the road to the village");
    session.keys("alt-m");
    session.wait_for(&format!("{} holes marked", holes - 1));

    // 11. Rewrite.
    session.keys("ctrl-f");
    session.type_text("The meeting was");
    session.keys("enter alt-a alt-w");
    session.wait_for("how much may change");
    session.keys("enter");
    session.wait_for("## 11. Rewrite");
    proposal(&session);
    session.keys("esc");
    session.wait_for("The meeting was very much extremely long and he was becoming to be tired.");

    // 12. Unlikely words.
    session.keys("ctrl-end ctrl-f");
    session.type_text("banana early");
    session.keys("enter");
    session.wait_for("(12 characters selected)");
    session.keys("left alt-h");
    // Stretch by stretch: each has a patience of its own.
    let judged = |screen: &str| screen.contains("\"banana\" ") && screen.contains(", given both sides");
    while !judged(&session.screen()) {
        let before = number_after(&session.screen(), "· heat ");
        session.wait_until("more words to be judged", |screen| {
            judged(screen)
                || number_after(screen, "· heat ").is_some_and(|now| before.is_none_or(|before| now > before))
        });
    }
    session.keys("alt-a f7");
    session.wait_for("\"banana\": ");
    reads(&session, "go to its least likely word");
    session.keys("alt-r");
    proposal(&session);
    accept(&mut session);
    session.wait_until("a better word", |screen| !screen.contains("in his banana early"));
    session.keys("alt-h");
    session.wait_for("Unlikely words are not marked.");

    // 13. Where to find all this.
    session.keys("ctrl-end");
    session.wait_for("## 13. Where to find all this");
    session.keys("f1");
    session.wait_for("In short");
    session.keys("down");
    session.wait_for("help   line 2 of");
    session.keys("esc");
    session.wait_for("All of it works in your own files.");
    session.quit();
    assert!(!place.file("tour").exists());
}

#[test]
fn the_tour_names_the_keys_that_are_in_use() {
    let place = Place::new();
    place.configure("[keys.text]\n\"f9\" = \"run\"\n\"alt-j\" = \"none\"\n\"f8\" = \"none\"\n");
    let session = place.lacuna(&["tour", "--model", "/nowhere"]);
    reads(&session, "`hole-next` goes to it");
    reads(&session, "`f9` fills the holes");
    session.quit();
    refused(&crate::support::run(&["tour"]), 1, &["not a terminal"]);
}

#[test]
fn everything_of_a_run_can_be_done_with_the_mouse() {
    let place = Place::new();
    place.write("a.txt", "The weather was so that nobody went out.\n");
    let mut session = place.lacuna(&["--seed", "3", "a.txt"]);
    session.wait_for(READY);
    session.resize(80, 24);
    session.keys("right*19 alt-m alt-l");
    session.wait_for("tokens in the hole");
    session.type_text("6");
    session.keys("enter");
    session.wait_for("1 hole marked");
    // Run, by its hint.
    click_on(&mut session, "f5 fill");
    proposal(&session);
    // Inspect a word, and choose an alternative.
    let (row, column) = session.place_of("The weather was so");
    click(&mut session, (row, column + 21));
    session.wait_until("the panel", |screen| screen.contains("written · step") && screen.contains(" % now"));
    click_on(&mut session, " 1 \"");
    session.wait_for("proposal a.1 · one of 2");
    session.wait_for(" held");
    // Go through the steps on the bar: the first, by a drag the last but some, and back to the last with the wheel.
    let (row, column) = session.place_of("◉");
    let left =
        session.screen().lines().nth(usize::from(row)).map(|line| line.chars().take_while(|c| *c != '━').count());
    let left = left.filter(|left| *left < usize::from(column)).unwrap() as u16;
    press(&mut session, 0, (row, left), 'M');
    session.wait_for("step 1/");
    press(&mut session, 32, (row, left + 5), 'M');
    session.wait_until("a later step", |screen| screen.contains("◆ looking at") && !screen.contains("step 1/"));
    press(&mut session, 0, (row, left + 5), 'm');
    for _ in 0..20 {
        press(&mut session, 65, (row, left), 'M');
    }
    session.wait_for("proposal a.1 · one of 2");
    // Go to the other branch in the list, in the comparison, and accept.
    session.keys("t");
    click_on(&mut session, "   a  ");
    session.wait_for("proposal a · one of 2");
    session.keys("d");
    session.wait_for("marked is what differs from a ");
    click_on(&mut session, "   a.1  ");
    session.wait_for("marked is what differs from a.1 ");
    click_on(&mut session, "enter accept");
    session.wait_for("Accepted");
    session.quit();
}

/// Clicks on the first place where this is shown; blanks before it are left out.
fn click_on(session: &mut Session, text: &str) {
    session.wait_for(text);
    let (row, column) = session.place_of(text);
    let blanks = text.chars().take_while(|c| *c == ' ').count() as u16;
    click(session, (row, column + blanks));
}

fn click(session: &mut Session, at: (u16, u16)) {
    press(session, 0, at, 'M');
    press(session, 0, at, 'm');
}

/// What a terminal sends for the mouse: 0 the left button, 32 a drag, 64 and 65 the wheel; `m` for a button that goes up.
fn press(session: &mut Session, button: u8, (row, column): (u16, u16), last: char) {
    session.type_text(&format!("\x1b[<{button};{};{}{last}", column + 1, row + 1));
}

fn number_before(screen: &str, words: &str) -> Option<usize> {
    let before = screen.split_once(words)?.0;
    let digits = before.chars().rev().take_while(char::is_ascii_digit).count();
    before[before.len() - digits..].parse().ok()
}

fn number_after(screen: &str, words: &str) -> Option<usize> {
    let digits: String = screen.split_once(words)?.1.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}
