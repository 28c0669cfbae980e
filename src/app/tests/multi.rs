//! Several selections at once, commands for lines, and replacing.

use proptest::prelude::*;

use super::{Desk, check};
use crate::app::panel::{Panel, Question};
use crate::text::selection::{Selection, Selections};

/// A document in which `|` is a caret; the last is the primary one.
fn with_carets(drawing: &str) -> Desk {
    let text: String = drawing.chars().filter(|c| *c != '|').collect();
    let mut desk = Desk::new(&text);
    let marks = drawing.chars().enumerate().filter(|(_, c)| *c == '|');
    let carets: Vec<Selection> = marks.enumerate().map(|(n, (at, _))| Selection::caret(at - n)).collect();
    let last = carets.len() - 1;
    desk.app.document.select_all(&Selections::new(carets, last));
    desk
}

fn carets(desk: &Desk) -> String {
    let heads: Vec<usize> = desk.app.document().selections().all().iter().map(|s| s.head).collect();
    let text: Vec<char> = desk.text().chars().collect();
    let mut drawing = String::new();
    for pos in 0..=text.len() {
        drawing.extend(heads.iter().filter(|head| **head == pos).map(|_| '|'));
        drawing.extend(text.get(pos));
    }
    drawing
}

#[track_caller]
fn check_carets(before: &str, keys: &str, after: &str) {
    let mut desk = with_carets(before);
    desk.keys(keys);
    assert_eq!(carets(&desk), after);
}

#[test]
fn keys_work_at_every_caret() {
    check_carets("a|b|c", "x", "ax|bx|c");
    check_carets("a|\nb|", "enter", "a\n|\nb\n|");
    check_carets("  a|\n b|", "enter", "  a\n  |\n b\n |");
    check_carets("ab|\ncd|", "backspace", "a|\nc|");
    check_carets("|ab\n|cd", "delete delete", "|\n|");
    check_carets("one two|\none|", "ctrl-backspace", "one |\n|");
    check_carets("a|b\nc|d", "left left", "|ab|\ncd");
    check_carets("a|b\nc|d", "home", "|ab\n|cd");
    check_carets("a|b\nc|d", "shift-end \"x\"", "ax|\ncx|");
    check_carets("a|b\nc|d", "esc x", "ab\ncx|d");
    check_carets("a|b\nc|d\nef", "down", "ab\nc|d\ne|f");
    check_carets("a|b|c", "backspace backspace", "|c");
    check_carets("a|\nb|", "\"xy\" ctrl-z", "a|\nb|");
}

#[test]
fn carets_are_added_by_match_by_row_and_by_line() {
    check_carets("fo|o a foo b foo", "ctrl-d ctrl-d x", "x| a x| b foo");
    check_carets("fo|o a foo b foo", "ctrl-d ctrl-d ctrl-d ctrl-d x", "x| a x| b x|");
    check_carets("a foo b fo|o", "ctrl-d ctrl-d x", "a x| b x|");
    check_carets("fo|o food foo", "alt-shift-l x", "x| x|d x|");
    check_carets("a|b\ncd\nef", "ctrl-alt-down ctrl-alt-down x", "ax|b\ncx|d\nex|f");
    check_carets("ab\nc|d", "ctrl-alt-up x", "ax|b\ncx|d");
    // There is no row to go to, at whatever column; and each caret keeps its column over short lines.
    check_carets("a|b", "ctrl-alt-down x", "ax|b");
    check_carets("a|b\ncd", "ctrl-alt-up x", "ax|b\ncd");
    check_carets("abcd|\nef\nghij|\nk\nlmno", "down down", "abcd\nef\nghij|\nk\nlmno|");
    check_carets("ab\ncd\n|", "ctrl-a alt-shift-i x", "abx|\ncdx|\n");
    check_carets("ab|", "ctrl-alt-down x", "abx|");
}

#[test]
fn several_selections_are_copied_and_pasted_one_by_one_and_become_holes_together() {
    let mut desk = with_carets("one| two|");
    desk.keys("ctrl-shift-left ctrl-c end enter");
    assert_eq!(desk.app.clipboard, "one\ntwo");
    let mut desk = with_carets("a|\nb|");
    desk.app.clipboard = "x\ny\n".to_owned();
    desk.send(crate::app::message::Message::Clipboard(None));
    assert_eq!(carets(&desk), "ax|\nby|");
    let mut desk = with_carets("fo|o a foo");
    desk.keys("ctrl-d ctrl-d alt-m");
    assert_eq!(desk.app.document().holes().len(), 2);
    desk.keys("f5").finish(&["+x", "+y"]).keys("enter");
    assert_eq!(desk.text(), "x a y");
}

#[test]
fn lines_are_moved_duplicated_joined_sorted_and_commented() {
    check("a\nb[|]\nc", "alt-up", "b[|]\na\nc");
    check("a\n[b\n|]c", "alt-down", "a\nc\n[b|]");
    check("a[|]\nb", "alt-d", "a\na[|]\nb");
    check("a[|]\n  b", "alt-shift-j", "a[|] b");
    check("[b\na|]", "alt-a alt-c", "[b\na|]");
    check("a⟦b⟧[|]\nc", "alt-down", "c\na⟦b⟧[|]");
    check("one[|] two", "alt-u", "[ONE|] two");
    check_carets("a\n|b\nc\n|d", "alt-up", "|b\na\n|d\nc");
    check_carets("|a\nb\n|c\nd", "alt-down", "b\n|a\nd\n|c");
    check_carets("a\n|b|\nc\n|d\ne", "alt-up", "|b|\na\n|d\nc\ne");
    check("a[|](b)", "right alt-9", "a(b[|])");
    let mut desk = Desk::new("  a[|]\nb");
    desk.app.document.saved("a.rs".into(), crate::app::message::Stamp { modified: None, len: 0 }, 0);
    desk.keys("shift-down alt-c");
    assert_eq!(desk.text(), "//   a\n// b");
    desk.keys("alt-c");
    assert_eq!(desk.text(), "  a\nb");
}

#[test]
fn enter_and_closing_brackets_follow_the_brackets() {
    check("f {[|]", "enter", "f {\n    [|]");
    check("f {[|]}", "enter", "f {\n    [|]\n}");
    check("  f {\n      a\n      [|]", "}", "  f {\n      a\n  }[|]");
    check("f(a[|]", ")", "f(a)[|]");
    check("so:[|]", "enter", "so:\n[|]");
}

#[test]
fn replacing_begins_at_the_match_that_is_shown_and_comes_round_to_it() {
    let replaced = |keys: &str| {
        let mut desk = Desk::new("x1 x2 [|]x3 x4");
        desk.keys(keys);
        (desk.text(), desk.notice().to_owned())
    };
    let (text, said) = replaced("ctrl-r \"x\" enter \"long\" enter y n y n");
    assert_eq!(
        (text.as_str(), said.as_str()),
        ("long1 x2 long3 x4", "Replaced 2 matches; ctrl-z takes back the last one.")
    );
    assert_eq!(replaced("ctrl-r \"x\" enter \"\" enter a").0, "1 2 3 4");
    assert_eq!(replaced("ctrl-r \"x\" enter \"yy\" enter n a").0, "yy1 yy2 x3 yy4");
    assert_eq!(replaced("ctrl-r \"x\" enter \"yy\" enter n n a").0, "yy1 yy2 x3 x4");
}

#[test]
fn what_stands_for_a_match_is_written_as_people_write_it() {
    let replaced = |template: &str| {
        let mut desk = Desk::new("[|]alpha\r\n");
        desk.keys(&format!("ctrl-r alt-r \"(al)(ph)a\" enter \"{template}\" enter a"));
        desk.text()
    };
    assert_eq!(replaced("$1x|$2y|$0|${1}b|$$1"), "alx|phy|alpha|alb|$1\r\n");
    assert_eq!(replaced(r"$2\t$1\n\\n"), "ph\tal\r\n\\n\r\n");
}

#[test]
fn a_regular_expression_is_replaced_match_by_match_and_all_at_once() {
    let mut desk = Desk::new("[|]a1 b2 c3");
    desk.keys("ctrl-r alt-r \"\\w(\\d)\" enter \"$1-\" enter");
    assert!(
        matches!(desk.app.panel(), Panel::Question(Question::Replace { old, with, .. }) if old == "a1" && with == "1-")
    );
    desk.keys("y n a");
    assert_eq!(desk.text(), "1- b2 3-");
    assert_eq!(desk.notice(), "Replaced 2 matches; ctrl-z takes back the last one.");
    desk.keys("ctrl-r");
    assert!(matches!(desk.app.panel(), Panel::Prompt(_)));
    desk.keys("\"b2\" enter \"x\" enter esc");
    assert_eq!((desk.text().as_str(), desk.notice()), ("1- b2 3-", "Nothing was replaced."));
    desk.keys("ctrl-z");
    assert_eq!(desk.text(), "1- b2 c3");
}

#[test]
fn what_is_replaced_stays_within_selected_lines_and_a_search_without_a_match_asks_for_nothing() {
    let mut desk = Desk::new("x\n[x x\nx|] x");
    desk.keys("ctrl-r");
    assert!(matches!(desk.app.panel(), Panel::Prompt(prompt) if prompt.label() == "replace in the selection"));
    desk.keys("\"x\" enter \"long\" enter y a");
    assert_eq!(
        (desk.text().as_str(), desk.notice()),
        ("x\nlong long\nlong x", "Replaced 3 matches; ctrl-z takes back the last 2.")
    );
    let mut desk = Desk::new("[|]a b");
    desk.keys("ctrl-r \"q\" enter");
    let complaint = |desk: &Desk| match desk.app.panel() {
        Panel::Prompt(prompt) => (prompt.label(), prompt.complaint.clone().unwrap_or_default()),
        panel => panic!("{panel:?}"),
    };
    assert_eq!(complaint(&desk), ("replace", "There is no match in this document; esc leaves.".to_owned()));
}

#[test]
fn a_line_break_is_found_and_replaced_as_the_file_has_it() {
    let mut desk = Desk::new("[|]one\r\ntwo\r\n");
    desk.keys(r#"ctrl-r alt-r "e\n" enter "$0\n" enter a"#);
    assert_eq!(desk.text(), "one\r\n\r\ntwo\r\n");
    desk.keys(r#"ctrl-home ctrl-r "\n" enter "," enter a"#);
    assert_eq!(desk.text(), "one,,two,");
}

#[test]
fn a_search_says_what_is_wrong_with_it_and_how_it_looks() {
    let mut desk = Desk::new("[|]Cat cat concat");
    desk.keys("ctrl-f alt-r \"(\"");
    let complaint = |desk: &Desk| match desk.app.panel() {
        Panel::Prompt(prompt) => prompt.complaint.clone().unwrap_or_default(),
        _ => String::new(),
    };
    assert!(complaint(&desk).contains("unclosed"), "{}", complaint(&desk));
    desk.keys("enter");
    assert!(complaint(&desk).contains("unclosed"), "enter does not leave a search that is wrong");
    desk.keys("alt-r backspace \"cat\"");
    let count = |desk: &Desk| desk.app.find().count(desk.app.document().buffer(), desk.app.document().selection());
    assert_eq!((complaint(&desk).as_str(), count(&desk).as_str()), ("", "1 of 3"));
    desk.keys("alt-w");
    assert_eq!((desk.app.find().options().as_str(), count(&desk).as_str()), ("word", "1 of 2"));
    desk.keys("alt-c");
    assert_eq!((desk.app.find().options().as_str(), count(&desk).as_str()), ("word Aa", "1 match"));
}

/// Stands for a caret in the oracle's text.
const MARK: char = '\u{E000}';

/// Does a key at every mark of a text, the obvious way.
fn oracle(text: &mut Vec<char>, key: &str) {
    let mut at = 0;
    while at < text.len() {
        if text[at] != MARK {
            at += 1;
            continue;
        }
        match key {
            "backspace" if at > 0 && text[at - 1] != MARK => {
                text.remove(at - 1);
            }
            "delete" => {
                if let Some(next) = text[at..].iter().position(|c| *c != MARK) {
                    text.remove(at + next);
                }
                at += 1;
            }
            "left" => {
                if let Some(before) = text[..at].iter().rposition(|c| *c != MARK) {
                    text[before..=at].rotate_right(1);
                }
                at += 1;
            }
            "right" => {
                if let Some(next) = text[at..].iter().position(|c| *c != MARK) {
                    // It goes behind that character, and is not met again.
                    text[at..=at + next].rotate_left(1);
                    at += next + 1;
                } else {
                    at += 1;
                }
            }
            "home" => {
                let start = text[..at].iter().rposition(|c| *c == '\n').map_or(0, |newline| newline + 1);
                text[start..=at].rotate_right(1);
                at += 1;
            }
            "backspace" => at += 1,
            c => {
                text.insert(at, c.chars().next().unwrap_or('?'));
                at += 2;
            }
        }
    }
    text.dedup_by(|a, b| *a == MARK && *b == MARK);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Edits at several carets are those of the oracle, and undoing all of them restores every byte.
    #[test]
    fn edits_at_several_carets_are_as_one_by_one(
        lines in prop::collection::vec("[a-c]{0,4}", 1..5),
        places in prop::collection::btree_set(0_usize..14, 1..5),
        keys in prop::collection::vec(prop::sample::select(&["x", "y", "backspace", "delete", "left", "right", "home"][..]), 0..14),
    ) {
        let text = lines.join("\n");
        let mut model: Vec<char> = text.chars().collect();
        for at in places.iter().rev() {
            let at = (*at).min(text.len());
            model.insert(at, MARK);
        }
        model.dedup_by(|a, b| *a == MARK && *b == MARK);
        let drawing: String = model.iter().map(|c| if *c == MARK { '|' } else { *c }).collect();
        let mut desk = with_carets(&drawing);
        for key in &keys {
            oracle(&mut model, key);
            desk.keys(key);
            let expected: String = model.iter().map(|c| if *c == MARK { '|' } else { *c }).collect();
            prop_assert_eq!(carets(&desk), expected, "after {}", key);
        }
        for _ in &keys {
            desk.keys("ctrl-z");
        }
        prop_assert_eq!(desk.text(), text);
    }
}
