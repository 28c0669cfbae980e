//! Several documents at once.

use super::Desk;
use crate::app::effect::Effect;
use crate::app::message::{Message, Opened, SaveError, SavedFile, Stamp};
use crate::app::panel::{Panel, Question, Then};
use crate::app::status::status;

fn open(desk: &mut Desk, name: &str, text: &str) {
    let opened = Opened { path: Some(name.into()), text: text.into(), ..Opened::default() };
    desk.send(Message::Opened(Ok(opened)));
}

fn name(desk: &Desk) -> String {
    let words = status(&desk.app);
    format!("{} {}", words.name, words.documents)
}

#[test]
fn documents_keep_their_places_their_carets_and_their_changes() {
    let mut desk = Desk::new("one[|]");
    open(&mut desk, "b.txt", "two");
    open(&mut desk, "c.txt", "three");
    assert_eq!(name(&desk), "c.txt 3/3");
    desk.keys("end \"!\" ctrl-pageup");
    assert_eq!((name(&desk).as_str(), desk.text().as_str()), ("b.txt 2/3", "two"));
    desk.keys("ctrl-pagedown");
    assert_eq!(desk.drawing(), "three![|]");
    desk.keys("ctrl-pagedown");
    assert_eq!((name(&desk).as_str(), desk.drawing().as_str()), ("a.txt 1/3", "one[|]"));
    desk.keys("ctrl-b \"c.t\" enter ctrl-z");
    assert_eq!((name(&desk).as_str(), desk.text().as_str()), ("c.txt 3/3", "three"));
    desk.keys("ctrl-o \"b.txt\" enter");
    assert_eq!(name(&desk), "b.txt 2/3", "what is open is shown and not read again");
    desk.keys("ctrl-w");
    assert_eq!(name(&desk), "a.txt 1/2");
    desk.keys("ctrl-n");
    assert_eq!(name(&desk), "untitled 2/3");
    desk.keys("ctrl-w ctrl-w ctrl-w ctrl-w");
    assert_eq!(name(&desk), "untitled ");
}

#[test]
fn quitting_asks_about_each_document_that_is_not_saved() {
    let mut desk = Desk::new("one[|]");
    desk.keys("x");
    open(&mut desk, "b.txt", "two");
    desk.keys("y");
    open(&mut desk, "c.txt", "three");
    desk.keys("ctrl-q");
    let asked = |desk: &Desk| matches!(desk.app.panel(), Panel::Question(Question::Unsaved(Then::Quit)));
    assert!(asked(&desk) && name(&desk).starts_with("a.txt"), "{}", name(&desk));
    desk.keys("d");
    assert!(asked(&desk) && name(&desk).starts_with("b.txt"), "{}", name(&desk));
    desk.keys("esc");
    assert_eq!(name(&desk), "b.txt 1/2");
    desk.keys("ctrl-q d");
    assert!(matches!(desk.effects.last(), Some(Effect::Quit)), "{:?}", desk.effects.last());
}

#[test]
fn answers_find_their_document_though_another_is_on_the_screen() {
    let mut desk = Desk::new("one[|]");
    desk.keys("x ctrl-s");
    let document = desk.app.document().id();
    let Some(Effect::Save(request)) = desk.effects.last().cloned() else { panic!("no save") };
    assert_eq!(request.document, document);
    open(&mut desk, "b.txt", "two");
    let stamp = Stamp { modified: None, len: 4 };
    let file = SavedFile { path: request.path, stamp, revision: request.contents.revision() };
    desk.send(Message::Saved { document, result: Ok(file) });
    assert_eq!(name(&desk), "b.txt 2/2");
    desk.keys("ctrl-pageup");
    assert!(!desk.app.document().is_dirty());
    desk.keys("y ctrl-s ctrl-pagedown");
    desk.send(Message::Saved { document, result: Err(SaveError::ChangedOnDisk("a.txt".into())) });
    assert_eq!(name(&desk), "a.txt 1/2", "what is asked about is on the screen");
    assert!(matches!(desk.app.panel(), Panel::Question(Question::ChangedOnDisk(_))));
}

#[test]
fn a_run_goes_on_in_a_document_that_waits_and_its_proposal_is_there() {
    let mut desk = Desk::new("one ⟦⟧[|]");
    desk.keys("f5");
    open(&mut desk, "b.txt", "two");
    desk.keys("f5");
    assert!(desk.notice().contains("a.txt"), "{}", desk.notice());
    desk.frame(&["+x"]).finish(&["+x"]);
    assert_eq!((name(&desk).as_str(), desk.text().as_str()), ("b.txt 2/2", "two"));
    assert_eq!(desk.app.listed()[0].state, "proposal");
    desk.keys("ctrl-q");
    assert!(matches!(desk.app.panel(), Panel::Question(Question::Proposal(_))));
    desk.keys("esc");
    assert_eq!(name(&desk), "a.txt 1/2");
    desk.keys("enter");
    assert_eq!(desk.text(), "one x");
    let first = desk.job();
    desk.keys("ctrl-pagedown f5");
    assert!(desk.job() != first, "jobs are counted for all documents together");
}

#[test]
fn unsaved_text_is_kept_safe_when_its_document_is_left() {
    let mut desk = Desk::new("[|]");
    desk.keys("a b");
    let before = desk.effects.len();
    open(&mut desk, "b.txt", "two");
    let kept = desk.effects[before..].iter().find_map(|effect| match effect {
        Effect::WriteRecovery { contents, .. } => Some(contents.text()),
        _ => None,
    });
    assert_eq!(kept.as_deref(), Some("ab"));
}

#[test]
fn the_caret_goes_back_to_where_it_was_over_documents_and_edits() {
    let lines: String = (0..60).map(|n| format!("line {n}\n")).collect();
    let mut desk = Desk::new(&format!("[|]{lines}"));
    let line = |desk: &Desk| desk.app.document().buffer().line_of(desk.app.document().caret());
    desk.keys("down down ctrl-end");
    assert_eq!(line(&desk), 60);
    desk.keys("alt-,");
    assert_eq!(line(&desk), 2);
    desk.keys("alt-.");
    assert_eq!(line(&desk), 60);
    desk.keys("alt-, ctrl-home enter alt-.");
    open(&mut desk, "b.txt", "two");
    desk.keys("alt-,");
    assert!(name(&desk).starts_with("a.txt"));
    desk.keys("alt-.");
    assert!(name(&desk).starts_with("b.txt"));
    desk.keys("alt-. alt-.");
    assert_eq!(desk.notice(), "There is no further place.");
}

#[test]
fn a_search_goes_on_in_other_documents() {
    let mut desk = Desk::new("[|]one two");
    open(&mut desk, "b.txt", "three");
    open(&mut desk, "c.txt", "two");
    desk.keys("ctrl-f \"two\" enter alt-f3");
    assert_eq!((name(&desk).as_str(), desk.drawing().as_str()), ("a.txt 1/3", "one [two|]"));
    desk.keys("alt-f3");
    assert_eq!(name(&desk), "c.txt 3/3");
}

#[test]
fn a_file_is_chosen_by_letters_of_its_path() {
    let mut desk = Desk::new("[|]");
    desk.keys("alt-o");
    assert!(matches!(desk.effects.last(), Some(Effect::ListFiles)));
    let others = ["src/app.rs", "src/text/buffer.rs"].map(str::to_owned).to_vec();
    desk.send(Message::Files { recent: vec!["notes.md".into()], others });
    desk.keys("\"tebu\" enter");
    assert!(matches!(desk.effects.last(), Some(Effect::Open(path)) if path.ends_with("src/text/buffer.rs")));
}

#[test]
fn the_tour_has_a_place_of_its_own_and_no_file() {
    let mut desk = Desk::new("mine[|]");
    desk.keys("x ctrl-p \"tour\" enter");
    assert_eq!((name(&desk).as_str(), desk.app.document().holes().len() > 6), ("tour 2/2", true));
    assert!(desk.text().starts_with("# The tour\n") && !desk.app.document().is_dirty());
    desk.keys("\"typed\" ctrl-s");
    assert!(
        matches!(desk.app.panel(), Panel::Prompt(prompt) if prompt.label() == "save as" && prompt.input.text().is_empty())
    );
    assert!(!desk.effects.iter().any(|effect| matches!(effect, Effect::Save(_))));
    // Asked for again it is the same one.
    desk.keys("esc ctrl-pageup");
    assert_eq!((name(&desk).as_str(), desk.text().as_str()), ("a.txt 1/2", "minex"));
    desk.keys("ctrl-p \"tour\" enter");
    assert!(name(&desk) == "tour 2/2" && desk.text().starts_with("typed"));
    desk.keys("ctrl-w d");
    assert_eq!(name(&desk), "a.txt ");
}

#[test]
fn what_came_through_a_pipe_stays_when_another_document_is_opened() {
    let mut desk = Desk::new("[|]");
    let sent = |title, text: &str| Message::Opened(Ok(Opened { title, text: text.into(), ..Opened::default() }));
    desk.send(sent(None, "piped"));
    desk.keys("ctrl-p \"tour\" enter");
    assert_eq!(name(&desk), "tour 3/3");
    // A text of the program's own that was not touched makes room.
    open(&mut desk, "b.txt", "two");
    assert_eq!(name(&desk), "b.txt 3/3");
    desk.keys("ctrl-pageup");
    assert_eq!((name(&desk).as_str(), desk.text().as_str()), ("untitled 2/3", "piped"));
}
