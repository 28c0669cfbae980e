//! Nothing of the user's is lost on the way to a file and back: questions about the right document, saves that wait for each
//! other, journals that begin when there is a file.

use super::Desk;
use super::buffers::open;
use crate::app::effect::{Effect, Expect, SaveRequest};
use crate::app::message::{Message, OnDisk, Opened, Recovered, SaveError, SavedFile, Stamp};
use crate::app::panel::{Panel, Question, Then};
use crate::text::holes::{Hole, HoleLength};

fn file(name: &str, text: &str) -> Opened {
    Opened { path: Some(name.into()), text: text.into(), ..Opened::default() }
}

fn found(name: &str, text: &str) -> Message {
    let found = Recovered { text: text.into(), when: "a minute ago".into(), base: None, steps: Vec::new(), kept: None };
    Message::RecoveryFound { path: Some(name.into()), found }
}

fn is_asked(desk: &Desk) -> bool {
    matches!(desk.app.panel(), Panel::Question(Question::Recovery { .. }))
}

fn name(desk: &Desk) -> String {
    desk.app.document().name()
}

/// The saves that were asked for.
fn saves(desk: &Desk) -> Vec<SaveRequest> {
    let save = |effect: &Effect| if let Effect::Save(request) = effect { Some(request.clone()) } else { None };
    desk.effects.iter().filter_map(save).collect()
}

/// The answer to the save asked for last.
fn answer(desk: &Desk) -> Message {
    let request = saves(desk).pop().unwrap();
    let stamp = Stamp { modified: None, len: request.contents.len() as u64 };
    let file = SavedFile { path: request.path, stamp, revision: request.contents.revision() };
    Message::Saved { document: request.document, result: Ok(file) }
}

fn saved(desk: &mut Desk) -> Vec<Effect> {
    let answer = answer(desk);
    desk.send(answer)
}

#[test]
fn text_of_an_earlier_session_is_asked_about_with_its_own_document_on_the_screen() {
    let mut desk = Desk::new("one[|]");
    desk.send(found("a.txt", "one more"));
    desk.send(Message::OpenedBehind(Ok(file("b.txt", "two"))));
    desk.send(found("b.txt", "two more"));
    assert_eq!((name(&desk).as_str(), is_asked(&desk)), ("a.txt", true));
    desk.keys("r");
    assert_eq!((desk.text().as_str(), is_asked(&desk)), ("one more", false));
    desk.keys("ctrl-pagedown");
    assert_eq!((name(&desk).as_str(), desk.text().as_str(), is_asked(&desk)), ("b.txt", "two", true));
    desk.keys("d");
    assert_eq!((desk.text().as_str(), is_asked(&desk)), ("two", false));
    let removed = desk.effects.iter().rev().find_map(|effect| match effect {
        Effect::RemoveRecovery { path, .. } => path.clone(),
        _ => None,
    });
    assert_eq!(removed, Some("b.txt".into()));
}

#[test]
fn a_question_that_is_open_waits_with_its_document() {
    let mut desk = Desk::new("one[|]");
    desk.send(found("a.txt", "one more"));
    assert!(is_asked(&desk));
    open(&mut desk, "b.txt", "two");
    assert_eq!((name(&desk).as_str(), is_asked(&desk)), ("b.txt", false));
    desk.keys("r ctrl-pageup");
    assert_eq!((name(&desk).as_str(), is_asked(&desk)), ("a.txt", true));
    desk.keys("r");
    assert_eq!(desk.text(), "one more");
    // What this session keeps safe itself is nothing to be asked about.
    desk.send(found("a.txt", "one m"));
    assert!(!is_asked(&desk));
}

#[test]
fn a_document_that_arrives_while_something_is_asked_waits_behind_the_one_that_it_is_asked_about() {
    let mut desk = Desk::new("one[|]");
    desk.keys("x ctrl-s");
    let document = desk.app.document().id();
    desk.send(Message::Saved { document, result: Err(SaveError::ChangedOnDisk("a.txt".into())) });
    open(&mut desk, "b.txt", "two");
    desk.send(Message::OnDisk { document, revision: 0, found: Ok(OnDisk::Differs("-one\n".into())) });
    assert_eq!((name(&desk).as_str(), desk.app.documents()), ("a.txt", (3, 0)));
    assert!(desk.notice().starts_with("differences.diff is open behind this document"), "{}", desk.notice());
    desk.keys("o");
    let last = saves(&desk).pop().unwrap();
    assert_eq!((last.path.to_str(), last.contents.text().as_str()), (Some("a.txt"), "onex"));
    // Nor does one take the place of an empty document whose name is being typed.
    let mut desk = Desk::new("[|]");
    desk.keys("ctrl-w alt-s");
    open(&mut desk, "b.txt", "two");
    desk.keys("\"c.txt\" enter");
    assert_eq!(saves(&desk).pop().unwrap().contents.text(), "");
}

#[test]
fn a_proposal_is_asked_about_when_its_document_is_saved_to_be_closed() {
    let mut desk = Desk::new("one ⟦⟧[|]");
    desk.keys("x f5");
    desk.frame(&["+y"]).finish(&["+y"]);
    desk.keys("ctrl-w s");
    saved(&mut desk);
    assert!(matches!(desk.app.panel(), Panel::Question(Question::Proposal(Then::Close))), "{:?}", desk.app.panel());
    assert_eq!(name(&desk), "a.txt");
}

#[test]
fn holes_of_another_document_are_not_taken_for_accepted() {
    let mut desk = Desk::new("⟦⟧[|]");
    desk.keys("f5");
    desk.frame(&["+y"]).finish(&["+y"]);
    desk.keys("enter ctrl-w d");
    let holes = vec![(0..0, HoleLength::Auto), (2..2, HoleLength::Auto)];
    desk.send(Message::Opened(Ok(Opened { holes, ..file("b.txt", "two") })));
    let accepted = |hole: &Hole| desk.app.infill().is_accepted(hole.id);
    assert!(desk.app.document().holes().len() == 2 && !desk.app.document().holes().iter().any(accepted));
}

#[test]
fn each_text_that_was_in_no_file_is_asked_about_with_its_first_words() {
    let mut desk = Desk::new("[|]");
    desk.keys("ctrl-w");
    let asked =
        |desk: &Desk| if let Panel::Question(question) = desk.app.panel() { question.text() } else { String::new() };
    for (text, kept) in [("one\nmore", 1), ("two", 2)] {
        let Message::RecoveryFound { found, .. } = found("", text) else { panic!("no text") };
        desk.send(Message::RecoveryFound { path: None, found: Recovered { kept: Some(kept), ..found } });
    }
    assert!(asked(&desk).contains("“one⏎more”"), "{}", asked(&desk));
    desk.keys("r");
    let written = |effect: &Effect| match effect {
        Effect::WriteRecovery(unsaved) => Some((unsaved.contents.text(), unsaved.replaces)),
        _ => None,
    };
    assert_eq!(desk.effects.iter().rev().find_map(written), Some(("one\nmore".to_owned(), Some(1))));
    assert!(asked(&desk).contains("“two”"), "{}", asked(&desk));
    desk.keys("d");
    assert!(
        matches!(desk.effects.last(), Some(Effect::RemoveRecovery { replaced: Some(2), .. })),
        "{:?}",
        desk.effects
    );
    assert_eq!((desk.app.documents(), desk.text().as_str()), ((2, 1), ""));
    desk.keys("ctrl-pageup");
    assert_eq!(desk.text(), "one\nmore");
}

#[test]
fn files_of_the_command_line_leave_the_screen_and_the_caret_alone() {
    let mut desk = Desk::new("one[|]");
    desk.keys("x");
    let b = Opened { at: Some((2, 3)), ..file("b.txt", "two\nthree") };
    desk.send(Message::OpenedBehind(Ok(b)));
    desk.send(Message::OpenedBehind(Ok(file("a.txt", "other"))));
    desk.send(Message::OpenedBehind(Err("c.txt is a folder.".into())));
    assert_eq!((desk.drawing().as_str(), desk.app.documents()), ("onex[|]", (2, 0)));
    desk.keys("ctrl-pagedown");
    assert_eq!(desk.drawing(), "two\nth[|]ree");
}

#[test]
fn a_file_that_is_open_already_is_shown_with_what_was_done_to_it() {
    let mut desk = Desk::new("one[|]");
    desk.keys("x");
    open(&mut desk, "b.txt", "two");
    desk.send(Message::Opened(Ok(Opened { at: Some((1, 2)), ..file("a.txt", "one") })));
    assert_eq!((desk.drawing().as_str(), desk.app.documents().0), ("o[|]nex", 2));
    desk.keys("ctrl-z");
    assert_eq!(desk.text(), "one");
}

#[test]
fn a_save_waits_for_the_one_before() {
    let mut desk = Desk::new("[|]");
    desk.keys("x ctrl-s y ctrl-s ctrl-s");
    assert_eq!(saves(&desk).len(), 1);
    saved(&mut desk);
    let all = saves(&desk);
    let last = all.last().unwrap();
    assert_eq!((all.len(), last.contents.text().as_str()), (2, "xy"));
    assert_eq!(last.expect, Expect::Same(Stamp { modified: None, len: 1 }), "what the first one wrote");
    saved(&mut desk);
    assert_eq!((saves(&desk).len(), desk.app.document().is_dirty()), (2, false));
    desk.keys("z ctrl-s");
    assert_eq!(saves(&desk).len(), 3);
}

#[test]
fn saved_text_is_kept_nowhere_else_though_its_document_leaves_the_screen() {
    let mut desk = Desk::new("one[|]");
    desk.keys("x");
    open(&mut desk, "b.txt", "two");
    desk.keys("y ctrl-q s");
    let effects = saved(&mut desk);
    let forgotten = |effects: &[Effect], name: &str| {
        let is_it =
            |effect: &Effect| matches!(effect, Effect::RemoveRecovery { path: Some(path), .. } if path.ends_with(name));
        effects.iter().any(is_it)
    };
    assert!(forgotten(&effects, "b.txt"), "{effects:?}");
    desk.keys("s");
    let effects = saved(&mut desk);
    assert!(forgotten(&effects, "a.txt") && matches!(effects.last(), Some(Effect::Quit)), "{effects:?}");
}

#[test]
fn another_file_gets_a_journal_once_it_is_saved_and_not_before() {
    let mut desk = Desk::new("one[|]");
    // The first letter is told at once, the second waits.
    desk.keys("x y alt-s ctrl-u \"b.txt\"");
    let journal = |desk: &mut Desk, message: Message| {
        let effects = desk.app.update(desk.now, message);
        let line = |effect: &Effect| match effect {
            Effect::WriteJournal { path, entry } => Some(format!("{} {}", path.display(), entry.steps.len())),
            Effect::MarkOnDisk { path, .. } => Some(format!("{} is on disk", path.display())),
            _ => None,
        };
        let lines: Vec<String> = effects.iter().filter_map(line).collect();
        desk.effects.extend(effects);
        lines
    };
    let enter = Message::Key("enter".parse().unwrap());
    assert_eq!(journal(&mut desk, enter), ["a.txt 1"], "the document's own has the last letter first");
    let answer = answer(&desk);
    let lines = journal(&mut desk, answer);
    assert_eq!(lines, ["b.txt 1", "b.txt is on disk"], "all that was done");
}

#[test]
fn what_was_to_follow_a_save_does_not_follow_another() {
    let mut desk = Desk::new("one[|]");
    desk.keys("ctrl-n x ctrl-q s \"a.txt\" enter");
    assert!(desk.notice().contains("is open as another document"), "{}", desk.notice());
    desk.keys("ctrl-pageup y ctrl-s");
    let effects = saved(&mut desk);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Quit)), "{effects:?}");
    assert_eq!(desk.app.documents().0, 2);
}

#[test]
fn an_expression_that_is_being_typed_survives_keys_that_go_to_matches() {
    let mut desk = Desk::new("[|]a(b");
    desk.keys("ctrl-r alt-r \"a(\" down f3 up");
    let Panel::Prompt(prompt) = desk.app.panel() else { panic!("no prompt") };
    assert_eq!((prompt.input.text(), prompt.label()), ("a(", "replace"));
}

#[test]
fn earlier_searches_come_back() {
    let mut desk = Desk::new("[|]abc");
    desk.keys("ctrl-f \"b\" enter ctrl-f ctrl-u \"c\" enter ctrl-f alt-up");
    let Panel::Prompt(prompt) = desk.app.panel() else { panic!("no prompt") };
    assert_eq!(prompt.input.text(), "b");
    desk.keys("enter");
    assert_eq!(desk.drawing(), "a[b|]c");
}

#[test]
fn what_is_undone_while_it_is_written_is_not_what_the_file_has() {
    let mut desk = Desk::new("one[|]");
    desk.keys("ctrl-s");
    saved(&mut desk);
    desk.keys("x ctrl-s ctrl-z");
    saved(&mut desk);
    assert!(desk.app.document().is_dirty(), "the file has the letter, and the screen has not");
    desk.keys("ctrl-y");
    assert!(!desk.app.document().is_dirty());
    desk.keys("ctrl-z ctrl-s");
    assert_eq!(saves(&desk).last().unwrap().contents.text(), "one");
    saved(&mut desk);
    assert!(!desk.app.document().is_dirty());
}

#[test]
fn tab_completes_a_path_as_far_as_all_names_go_together() {
    let mut desk = Desk::new("[|]");
    desk.keys("ctrl-o \"src/no\" tab");
    assert!(matches!(desk.effects.last(), Some(Effect::Complete(typed)) if typed == "src/no"));
    let typed = |desk: &Desk| match desk.app.panel() {
        Panel::Prompt(prompt) => prompt.input.text().to_owned(),
        panel => panic!("{panel:?}"),
    };
    let answer = |desk: &mut Desk, typed: &str, names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        desk.send(Message::Completed { typed: typed.to_owned(), names });
    };
    answer(&mut desk, "src/no", &["notes.txt", "notes/"]);
    assert_eq!((typed(&desk).as_str(), desk.app.files().names("src/notes").len()), ("src/notes", 2));
    desk.keys("\"/\" tab x");
    assert!(desk.app.files().names(&typed(&desk)).is_empty());
    answer(&mut desk, "src/notes/", &["late.txt"]);
    assert_eq!(typed(&desk), "src/notes/x", "what was typed since is not touched");
}
