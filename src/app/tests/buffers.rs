//! Several documents at once.

use super::Desk;
use crate::app::effect::Effect;
use crate::app::message::{Message, OnDisk, Opened, SaveError, SavedFile, Stamp};
use crate::app::panel::{Panel, Question, Then};
use crate::app::status::status;
use crate::text::change::Edit;
use crate::text::encoding::Encoding;

pub(super) fn open(desk: &mut Desk, name: &str, text: &str) {
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
    let asked = |desk: &Desk| matches!(desk.app.panel(), Panel::Question(Question::Unsaved(Then::Quit, ..)));
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
    let goes_on = |desk: &Desk| crate::app::status::status(&desk.app).activity;
    assert_eq!(goes_on(&desk), "a run goes on in a.txt");
    desk.frame(&["+x"]).finish(&["+x"]);
    assert_eq!(goes_on(&desk), "a proposal waits in a.txt");
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
        Effect::WriteRecovery(unsaved) => Some(unsaved.contents.text()),
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

fn looked(desk: &Desk) -> (u64, u64, bool) {
    let look = |effect: &Effect| match effect {
        Effect::LookAtDisk { document, contents, take, .. } => Some((*document, contents.revision(), *take)),
        _ => None,
    };
    desk.effects.iter().rev().find_map(look).unwrap()
}

#[test]
fn how_the_file_differs_is_shown_beside_and_shown_anew_in_the_same_place() {
    let mut desk = Desk::new("one[|]");
    desk.send(Message::DiskChanged("a.txt".into()));
    assert!(desk.notice().contains("disk-diff shows how"), "{}", desk.notice());
    desk.keys("ctrl-s");
    let document = desk.app.document().id();
    desk.send(Message::Saved { document, result: Err(SaveError::ChangedOnDisk("a.txt".into())) });
    for text in ["-two\n+one\n", "-three\n+one\n"] {
        let is_asked = matches!(desk.app.panel(), Panel::Question(_));
        desk.keys(if is_asked { "d" } else { "ctrl-p \"disk-diff\" enter" });
        let (document, revision, take) = looked(&desk);
        assert!(!take);
        desk.send(Message::OnDisk { document, revision, found: Ok(OnDisk::Differs(text.into())) });
        assert_eq!((name(&desk).as_str(), desk.text().as_str()), ("differences.diff 2/2", text));
        desk.keys("ctrl-pageup");
        assert_eq!((name(&desk).as_str(), desk.text().as_str()), ("a.txt 1/2", "one"));
    }
    desk.keys("ctrl-p \"disk-diff\" enter");
    let (document, revision, _) = looked(&desk);
    // Whatever is on the screen when the answer comes, all keep their places.
    open(&mut desk, "b.txt", "two");
    desk.send(Message::OnDisk { document, revision, found: Ok(OnDisk::Differs("-four\n".into())) });
    let places: Vec<String> = desk.app.listed().into_iter().map(|listed| listed.name).collect();
    assert_eq!(places, ["a.txt", "b.txt", "differences.diff"]);
    desk.send(Message::OnDisk { document, revision, found: Err("a.txt is not there any more.".into()) });
    assert_eq!(desk.notice(), "a.txt is not there any more.");
}

#[test]
fn what_is_on_disk_is_taken_over_as_one_undo_step_and_holes_stay() {
    let mut desk = Desk::new("one\ntwo\n⟦three⟧[|]\n");
    desk.keys("ctrl-p \"disk-read\" enter \"x\"");
    let stamp = Stamp { modified: None, len: 9 };
    let edit = |range, text: &str| Edit { range, text: text.into() };
    let other = |edits| Ok(OnDisk::Other { edits, stamp, encoding: Encoding::Utf8 });
    let document = desk.app.document().id();
    // It was edited meanwhile: what was found is of another text.
    let before = looked(&desk);
    desk.send(Message::OnDisk { document, revision: before.1, found: other(vec![edit(0..3, "uno")]) });
    let (_, revision, take) = looked(&desk);
    assert!(take && revision != before.1 && desk.text().starts_with("one"));
    desk.send(Message::OnDisk { document, revision, found: other(vec![edit(0..4, ""), edit(4..8, "zwei\n")]) });
    assert_eq!(desk.drawing(), "zwei\n⟦three⟧x[|]\n");
    assert!(!desk.app.document().is_dirty(), "it is what the file has");
    desk.keys("ctrl-z");
    assert_eq!(desk.drawing(), "one\ntwo\n⟦three⟧x[|]\n");
    assert!(desk.app.document().is_dirty());
    desk.keys("ctrl-p \"disk-diff\" enter");
    let (_, revision, _) = looked(&desk);
    desk.send(Message::OnDisk { document, revision, found: Ok(OnDisk::Same(stamp)) });
    assert!(!desk.app.document().is_dirty() && desk.notice().contains("is on disk what it is here"));
}

#[test]
fn a_document_is_not_saved_over_another_that_is_open() {
    let mut desk = Desk::new("one[|]");
    open(&mut desk, "b.txt", "two");
    desk.keys("alt-s ctrl-u \"a.txt\" enter");
    assert!(desk.notice().starts_with("a.txt is open as another document"), "{}", desk.notice());
    assert!(!desk.effects.iter().any(|effect| matches!(effect, Effect::Save(_))));
}

#[test]
fn a_proposal_makes_no_run_while_another_document_has_one() {
    let mut desk = Desk::new("a⟦⟧b[|]");
    desk.keys("f5").frames(0, &[&["- -"], &["+one -"]]);
    desk.finish_at(2, &["+one +two"]);
    open(&mut desk, "b.txt", "c");
    desk.keys("alt-m f5").frame(&["+x -"]);
    let sent = desk.effects.len();
    for keys in ["ctrl-pageup f6 r", "R", "c \"2\" enter", "esc", "l \"eb\" space \"left-to-right\" enter"] {
        desk.keys(keys);
    }
    let engine = |effect: &&Effect| matches!(effect, Effect::Engine(_));
    assert_eq!(desk.effects[sent..].iter().filter(engine).count(), 0, "{:?}", &desk.effects[sent..]);
    assert!(desk.notice().starts_with("A run is going on in b.txt"), "{}", desk.notice());
}

#[test]
fn the_places_that_a_search_passes_while_it_is_typed_are_no_jumps() {
    let lines: String = (0..60).map(|n| format!("line {n}\n")).collect();
    let mut desk = Desk::new(&format!("[|]{lines}"));
    let line = |desk: &Desk| desk.app.document().buffer().line_of(desk.app.document().caret());
    desk.keys("ctrl-f \"line\" space \"3\" \"5\" enter");
    assert_eq!(line(&desk), 35);
    desk.keys("alt-,");
    assert_eq!(line(&desk), 0);
    desk.keys("alt-, alt-,");
    assert_eq!(line(&desk), 0);
}
