//! The editor without a model.

use std::time::Duration;

use super::{Desk, check};
use crate::app::effect::{Effect, Expect, Unsaved};
use crate::app::message::{FileStyle, Message, Mouse, MouseKind, Opened, Recovered, SaveError, SavedFile, Stamp};
use crate::app::panel::Panel;
use crate::text::change::ChangeSet;
use crate::text::history::{EditKind, Record, Revision, Snapshot};

#[test]
fn characters_type_and_replace_the_selection() {
    check("a[|]c", "b", "ab[|]c");
    check("a[b|]c", "x", "ax[|]c");
    check("[|]", "\"a_b\"", "a b[|]");
    check("a[|]c", "?", "a?[|]c");
}

#[test]
fn deleting_takes_graphemes_words_lines() {
    check("ae\u{301}[|]", "backspace", "a[|]");
    check("one two[|]", "ctrl-backspace", "one [|]");
    check("[|]one two", "ctrl-delete", "[|] two");
    check("a\nb[|]b\nc", "ctrl-k", "a\n[|]c");
    check("a\nb[b\nc|]c\nd", "ctrl-k", "a\n[|]d");
    check("[a\nb\n|]c", "ctrl-k", "[|]c");
    check("a\nb[b|]", "ctrl-k", "a\n[|]");
    check("[|]", "backspace", "[|]");
    check("a[bc|]d", "delete", "a[|]d");
}

#[test]
fn motions_and_selection() {
    check("one [|]two", "ctrl-left", "[|]one two");
    check("a[b|]c", "left", "a[|]bc");
    check("a[|]bc", "shift-right shift-right", "a[bc|]");
    check("  a[|]", "home", "  [|]a");
    check("  [|]a", "home", "[|]  a");
    check("ab\nc[|]", "ctrl-home", "[|]ab\nc");
    check("ab[|]\nc\nde", "down down", "ab\nc\nde[|]");
    check("a[|]b", "ctrl-a", "[ab|]");
}

#[test]
fn typing_is_undone_in_groups_and_redone() {
    check("[|]", "\"ab\" ctrl-z", "[|]");
    check("[|]", "\"ab\" ctrl-z ctrl-y", "ab[|]");
    check("[|]c", "\"ab\" right \"d\" ctrl-z", "abc[|]");
    check("[|]", "\"ab\" ctrl-z ctrl-shift-z", "ab[|]");
}

#[test]
fn enter_and_tab_follow_the_file() {
    check("  a[|]", "enter", "  a\n  [|]");
    // A line that is left empty keeps no indentation; one that is broken within its blanks does.
    check("  a[|]", "enter enter", "  a\n\n  [|]");
    check("\t[|]", "enter", "\n\t[|]");
    check("  [|]  b", "enter", "  \n  [|]  b");
    check("a\r\n b[|]", "enter", "a\r\n b\r\n [|]");
    check("ab[|]", "tab", "ab  [|]");
    check("\tx\n[|]", "tab", "\tx\n\t[|]");
    check("[a\nb|]", "tab", "    [a\n    b|]");
    check("    a[|]", "backtab", "a[|]");
}

#[test]
fn lines_move_left_by_a_level_of_the_file_and_not_by_a_tab_stop() {
    let mut desk = Desk::new("[|]");
    let style = FileStyle { indent: Some(2), tab_width: Some(8), ..FileStyle::default() };
    desk.send(Message::Opened(Ok(Opened { text: "        a\n".into(), style, ..Opened::default() })));
    desk.keys("backtab");
    assert_eq!(desk.text(), "      a\n");
}

#[test]
fn what_changes_nothing_is_no_step_and_leaves_what_can_be_done_again() {
    let mut desk = Desk::new("[|]A B");
    desk.keys("x ctrl-z alt-u ctrl-y");
    assert_eq!(desk.text(), "xA B");
    let mut desk = Desk::new("a⟦⟧[|]");
    desk.keys("x ctrl-z alt-l enter ctrl-y");
    assert_eq!(desk.text(), "ax");
}

#[test]
fn holes_are_marked_unmarked_and_undone() {
    check("a[bc|]d", "alt-m", "a⟦bc⟧[|]d");
    check("a⟦b[|]c⟧d", "alt-m", "ab[|]cd");
    check("a[|]d", "f4", "a[|]⟦⟧d");
    check("a[|]⟦⟧d", "x", "ax[|]⟦⟧d");
    check("a[bc|]d", "alt-m ctrl-z", "a[bc|]d");
    check("[|]a⟦b⟧c⟦d⟧", "alt-j alt-j", "a⟦b⟧c[|]⟦d⟧");
    let mut desk = Desk::new("a[bc|]d");
    desk.keys("alt-m");
    assert!(!desk.app.document().is_dirty(), "a mark is not a change of the file");
}

#[test]
fn cut_copy_and_paste() {
    let mut desk = Desk::new("a[bc|]d");
    desk.keys("ctrl-x");
    assert!(desk.effects.iter().any(|effect| matches!(effect, Effect::SetClipboard(text) if text == "bc")));
    desk.keys("end ctrl-v");
    desk.send(Message::Clipboard(None));
    assert_eq!(desk.drawing(), "adbc[|]");
    desk.send(Message::Paste("x\ry\r\nz".into()));
    assert_eq!(desk.text(), "adbcx\ny\nz");
}

#[test]
fn find_moves_with_what_is_typed() {
    let mut desk = Desk::new("[|]one two one");
    desk.keys("ctrl-f \"on\"");
    assert_eq!(desk.drawing(), "[on|]e two one");
    assert_eq!(desk.app.find().count(desk.app.document().buffer(), desk.app.document().selection()), "1 of 2");
    desk.keys("enter f3");
    assert_eq!(desk.drawing(), "one two [on|]e");
    desk.keys("shift-f3 esc ctrl-f \"z\"");
    assert_eq!(desk.app.find().count(desk.app.document().buffer(), desk.app.document().selection()), "no match");
    desk.keys("esc");
    assert_eq!(desk.text(), "one two one");
}

#[test]
fn while_a_query_is_typed_a_long_text_is_searched_near_the_caret_only() {
    let filling = "word\n".repeat(1000);
    let mut desk = Desk::new(&format!("[|]near\n{filling}far\n"));
    let count = |desk: &Desk| desk.app.find().count(desk.app.document().buffer(), desk.app.document().selection());
    let selected = |desk: &Desk| desk.app.document().buffer().slice(desk.app.document().selection().range());
    desk.keys("ctrl-f \"nea\"");
    assert_eq!((selected(&desk).as_str(), count(&desk).as_str()), ("nea", ""));
    desk.keys("esc ctrl-f \"far\"");
    assert_eq!((selected(&desk).as_str(), count(&desk).as_str()), ("", "enter looks further"));
    desk.keys("enter");
    assert_eq!(selected(&desk), "far");
    desk.keys("ctrl-home ctrl-f \"farm\" enter");
    assert_eq!(desk.notice(), "“farm” is nowhere in this document.");
}

#[test]
fn prompts_say_what_is_wrong_and_stay() {
    let mut desk = Desk::new("[|]a\nb\nc");
    desk.keys("ctrl-l \"x\" enter");
    assert!(matches!(desk.app.panel(), Panel::Prompt(prompt) if prompt.complaint.is_some()));
    desk.keys("backspace \"3\" enter");
    assert_eq!(desk.drawing(), "a\nb\n[|]c");
    desk.keys("ctrl-p \"select_all\" enter");
    assert_eq!(desk.drawing(), "[a\nb\nc|]");
    assert!(matches!(desk.app.panel(), Panel::None));
}

#[test]
fn quit_asks_about_unsaved_changes() {
    let mut desk = Desk::new("[|]");
    desk.keys("x ctrl-q");
    assert!(matches!(desk.app.panel(), Panel::Question(_)));
    desk.keys("y esc");
    assert!(matches!(desk.app.panel(), Panel::None));
    desk.keys("ctrl-q s");
    let Some(Effect::Save(request)) = desk.effects.last().cloned() else { panic!("no save") };
    assert_eq!((request.contents.text(), request.expect), ("x".into(), Expect::Nothing));
    let stamp = Stamp { modified: None, len: 1 };
    let file = SavedFile { path: request.path, stamp, revision: request.contents.revision() };
    let effects = desk.send(Message::Saved { document: desk.app.document().id(), result: Ok(file) });
    assert!(matches!(&effects[..], [Effect::RemoveRecovery { .. }, Effect::Quit]), "{effects:?}");
}

#[test]
fn discarded_changes_leave_no_recovery_file() {
    let mut desk = Desk::new("[|]");
    desk.keys("x ctrl-q");
    desk.now += Duration::from_secs(10);
    desk.send(Message::Tick);
    desk.keys("d");
    assert!(matches!(&desk.effects[..], [.., Effect::RemoveRecovery { .. }, Effect::Quit]), "{:?}", desk.effects);
}

#[test]
fn recovered_text_is_offered_and_undone_as_one_step() {
    let found =
        Recovered { text: "more".into(), when: "a minute ago".into(), base: None, steps: Vec::new(), kept: None };
    let mut desk = Desk::new("[|]some");
    desk.send(Message::RecoveryFound { path: None, found: found.clone() });
    desk.keys("x r");
    assert_eq!((desk.text(), desk.app.document().is_dirty()), ("more".into(), true));
    desk.keys("ctrl-z");
    assert_eq!(desk.text(), "some");
    desk.send(Message::RecoveryFound { path: None, found });
    desk.keys("d");
    assert!(matches!(desk.effects.last(), Some(Effect::RemoveRecovery { .. })));
    assert_eq!((desk.text().as_str(), desk.notice()), ("some", "Discarded; ctrl-y brings it back."));
    desk.keys("ctrl-y");
    assert_eq!(desk.text(), "more");
}

#[test]
fn recovered_text_of_a_file_that_was_changed_since_is_not_saved_over_it_unasked() {
    let stamp = |len| Stamp { modified: Some(Duration::from_secs(9)), len };
    let opened = Opened { path: Some("b.txt".into()), text: "some".into(), stamp: Some(stamp(4)), ..Opened::default() };
    for (base, is_stale) in [(Some(stamp(4)), false), (Some(stamp(3)), true), (None, false)] {
        let mut desk = Desk::new("[|]");
        desk.send(Message::Opened(Ok(opened.clone())));
        let found = Recovered { text: "more".into(), when: "a minute ago".into(), base, steps: Vec::new(), kept: None };
        desk.send(Message::RecoveryFound { path: None, found });
        let Panel::Question(question) = desk.app.panel() else { panic!("no question") };
        assert_eq!(question.text().contains("changed the file since"), is_stale);
        desk.keys("r ctrl-s");
        let Some(Effect::Save(request)) = desk.effects.last() else { panic!("no save") };
        assert_eq!(request.expect, Expect::Same(stamp(if is_stale { 3 } else { 4 })));
    }
}

#[test]
fn text_without_a_file_comes_back_with_the_steps_that_led_to_it() {
    let kept = |desk: &mut Desk| {
        desk.now += Duration::from_secs(1);
        desk.send(Message::Tick);
        let unsaved = desk.effects.iter().rev().find_map(|effect| match effect {
            Effect::WriteRecovery(unsaved) => Some(unsaved.clone()),
            _ => None,
        });
        unsaved.unwrap()
    };
    let mut desk = Desk::new("[|]some");
    desk.keys("x left y");
    assert_eq!(kept(&mut desk).steps, [], "its journal has them");
    desk.keys("ctrl-n a left b x ctrl-z");
    let Unsaved { contents, steps, path, .. } = kept(&mut desk);
    assert_eq!((path, contents.text().as_str(), steps.len()), (None, "a", 1));
    desk.keys("c");
    let Unsaved { contents, steps, .. } = kept(&mut desk);
    assert_eq!((contents.text().as_str(), steps.len()), ("ca", 2), "no branches");

    let found = Recovered { text: "ca".into(), when: "a minute ago".into(), base: None, steps, kept: None };
    for begun in ["", "ctrl-n"] {
        // Over another text they lead nowhere, so there they come into a document of their own.
        let mut next = Desk::new("[|]shown");
        next.keys(begun);
        next.send(Message::RecoveryFound { path: None, found: found.clone() });
        next.keys("r");
        let mut texts = vec![next.text()];
        for _ in 0..2 {
            next.keys("ctrl-z");
            texts.push(next.text());
        }
        assert_eq!(texts, ["ca", "a", ""]);
        next.keys("ctrl-pageup");
        assert_eq!(next.text(), "shown");
        next.keys("ctrl-pageup");
        assert_eq!(next.text(), "");
    }
    let mut next = Desk::new("[|]shown");
    next.send(Message::RecoveryFound { path: None, found: Recovered { text: "cx".into(), ..found } });
    next.keys("r ctrl-z");
    assert_eq!(next.text(), "shown", "steps that lead to another text are none");
}

#[test]
fn a_file_that_another_program_wrote_is_not_overwritten_unasked() {
    let mut desk = Desk::new("[|]");
    desk.keys("x ctrl-s");
    desk.send(Message::Saved {
        document: desk.app.document().id(),
        result: Err(SaveError::ChangedOnDisk("a.txt".into())),
    });
    desk.keys("o");
    assert!(matches!(desk.effects.last(), Some(Effect::Save(request)) if request.expect == Expect::Anything));
    desk.send(Message::Saved {
        document: desk.app.document().id(),
        result: Err(SaveError::Failed("the disk is full".into())),
    });
    assert_eq!(desk.notice(), "the disk is full");
    assert!(desk.app.document().is_dirty());
}

#[test]
fn unsaved_text_is_kept_safe_at_most_every_second() {
    let mut desk = Desk::new("[|]");
    let writes = |desk: &Desk| desk.effects.iter().filter(|effect| matches!(effect, Effect::WriteRecovery(_))).count();
    desk.keys("\"abc\"");
    assert_eq!(writes(&desk), 1);
    assert!(desk.app.wants_ticks());
    desk.now += Duration::from_millis(900);
    desk.send(Message::Tick);
    assert_eq!(writes(&desk), 1);
    desk.now += Duration::from_millis(100);
    desk.send(Message::Tick);
    assert_eq!(writes(&desk), 2);
    desk.send(Message::Tick);
    assert_eq!(writes(&desk), 2);
    desk.keys("ctrl-z");
    assert!(matches!(desk.effects.last(), Some(Effect::RemoveRecovery { .. })));
}

#[test]
fn notices_go_with_the_next_key_or_with_time() {
    let mut desk = Desk::new("[|]");
    desk.keys("ctrl-z");
    assert_eq!(desk.notice(), "There is nothing to undo.");
    desk.now += Duration::from_secs(6);
    desk.send(Message::Tick);
    assert_eq!(desk.notice(), "");
    desk.keys("ctrl-z a");
    assert_eq!(desk.notice(), "");
}

#[test]
fn the_mouse_puts_the_caret_and_selects() {
    let mut desk = Desk::new("[|]one two\nthree");
    let x = crate::app::layout::geometry(&desk.app).here.text.x;
    let mouse = |kind, column, row, clicks| Message::Mouse(Mouse { kind, column, row, clicks, shift: false });
    desk.send(mouse(MouseKind::Down, x + 2, 2, 1));
    assert_eq!(desk.drawing(), "one two\nth[|]ree");
    desk.send(mouse(MouseKind::Drag, x + 4, 1, 1));
    assert_eq!(desk.drawing(), "one [|two\nth]ree");
    desk.send(mouse(MouseKind::Up, x + 4, 1, 1));
    desk.send(mouse(MouseKind::Down, x + 5, 1, 2));
    assert_eq!(desk.drawing(), "one [two|]\nthree");
    desk.send(mouse(MouseKind::Down, x + 30, 9, 1));
    assert_eq!(desk.drawing(), "one two\nthree[|]");
}

#[test]
fn help_scrolls_and_any_other_key_closes_it() {
    let mut desk = Desk::new("[|]");
    desk.keys("f1 down pagedown");
    assert!(matches!(desk.app.panel(), Panel::Help(11)));
    desk.keys("esc x");
    assert_eq!(desk.text(), "x");
}

#[test]
fn what_was_undone_and_left_is_gone_to_through_time() {
    let mut desk = Desk::new("[|]");
    desk.keys("\"one\" ctrl-z \"two\" ctrl-y");
    assert_eq!(
        (desk.text().as_str(), desk.notice()),
        ("two", "There is nothing to redo. alt-pageup goes to what was undone before.")
    );
    desk.keys("alt-pageup");
    assert_eq!((desk.drawing().as_str(), desk.notice()), ("one[|]", "The text after change 1 of 2."));
    desk.keys("alt-pageup");
    assert_eq!((desk.text().as_str(), desk.notice()), ("", "Nothing was done before."));
    desk.keys("alt-pageup alt-pagedown alt-pagedown alt-pagedown");
    assert_eq!((desk.text().as_str(), desk.notice()), ("two", "Nothing was done later."));
    desk.keys("alt-pageup ctrl-z ctrl-y");
    assert_eq!(desk.text(), "one", "redo goes the way that was come");
}

#[test]
fn recovered_text_comes_with_its_undo_steps_and_is_not_lost_where_it_is_not_wanted() {
    let steps = || {
        let record = |len, pos, text: &str| Record {
            forward: ChangeSet::insert(len, pos, text),
            inverse: ChangeSet::delete(len + text.len(), pos..pos + text.len()),
            before: Snapshot::default(),
            after: Snapshot::default(),
            kind: EditKind::Other,
            origin: None,
            at: Duration::ZERO,
        };
        [record(3, 0, "so "), record(6, 6, "!")]
            .into_iter()
            .zip(0..)
            .map(|(record, parent)| Revision { parent, record })
    };
    let mut desk = Desk::new("one[|]");
    let found = |desk: &mut Desk, text: &str| {
        desk.send(Message::HistoryFound { path: "a.txt".into(), steps: steps().collect(), at: 0 });
        desk.send(Message::RecoveryFound { path: None, found: Recovered::of_journal(text.to_owned()) });
    };
    found(&mut desk, "so one!");
    desk.keys("r");
    assert_eq!((desk.text().as_str(), desk.app.document().is_dirty()), ("so one!", true));
    desk.keys("ctrl-z");
    assert_eq!(desk.text(), "so one");
    desk.keys("ctrl-z");
    assert!(desk.text() == "one" && !desk.app.document().is_dirty());
    let mut desk = Desk::new("one[|]");
    found(&mut desk, "so one!");
    desk.keys("d ctrl-y");
    assert_eq!(desk.text(), "so one", "what is not wanted now is what was undone");
    let mut desk = Desk::new("one[|]");
    found(&mut desk, "so one!!");
    desk.keys("r");
    assert_eq!(desk.text(), "so one!!", "the recovery file is newer than the journal");
    desk.keys("ctrl-z");
    assert_eq!(desk.text(), "one");
}

#[test]
fn holes_go_with_their_lines_when_lines_are_moved() {
    check("one[|]\na ⟦two⟧ ⟦⟧\nthree", "alt-down", "a ⟦two⟧ ⟦⟧\none[|]\nthree");
    check("a ⟦two⟧\nthree [|]⟦⟧", "alt-up", "three [|]⟦⟧\na ⟦two⟧");
    check("⟦one⟧ x\n⟦two⟧[|]\n", "alt-up", "⟦two⟧[|]\n⟦one⟧ x\n");
}
