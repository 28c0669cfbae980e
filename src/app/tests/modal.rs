//! The modal keymap, through keys.

use super::Desk;
use crate::app::keymap::{Context, Scheme};
use crate::app::settings::{SETTINGS, Value};
use crate::app::status::status;

fn modal(drawing: &str) -> Desk {
    let mut desk = Desk::new(drawing);
    let keymap = SETTINGS.iter().find(|setting| setting.name == "keymap").unwrap();
    keymap.set(&mut desk.app.settings, &Value::Text("modal".into())).unwrap();
    desk.app.mode = Context::Normal;
    assert_eq!(desk.app.settings().scheme, Scheme::Modal);
    desk
}

#[track_caller]
fn check(before: &str, keys: &str, after: &str) {
    let mut desk = modal(before);
    desk.keys(keys);
    assert_eq!(desk.drawing(), after);
}

#[test]
fn keys_are_commands_until_one_begins_to_type() {
    check("one [|]two", "x d", "[|]");
    check("[|]one two", "w d", "[|]two");
    check("[|]one two", "e d", "[|] two");
    check("one two[|]", "b c \"x\"", "one x[|]");
    check("a[|]bc", "i \"x\" esc l l", "axbc[|]");
    check("a[|]bc", "a \"x\" esc", "abx[|]c");
    check("a\nb[|]\nc", "o \"x\" esc", "a\nb\nx[|]\nc");
    check("a\n  b[|]\nc", "O \"x\" esc", "a\n  x[|]\n  b\nc");
    check("a[|]b\nc", "I \"x\" esc A \"y\" esc", "xaby[|]\nc");
    check("ab\ncd[|]", "g g", "[|]ab\ncd");
    check("[|]ab\ncd", "g e", "ab\ncd[|]");
    check("[|]ab", "q z", "[|]ab");
    check("[|]ab\ncd\nef", "x x", "[ab\ncd\n|]ef");
    check("[|]ab", "d u", "[|]ab");
    check("a[|]\nb", ">", "    a[|]\nb");
}

#[test]
fn motions_select_in_select_mode() {
    check("[|]one two", "v w w", "[one two|]");
    check("[|]one two", "v w ;", "one [|]two");
    check("[|]abc", "v l l esc", "[ab|]c");
    check("[|]abc", "v l esc l", "a[|]bc");
    // Taking what is selected ends selecting.
    check("[|]one two six", "v w d l", "t[|]wo six");
    check("[|]one two", "v w y l", "one [|]two");
}

#[test]
fn keys_without_a_character_do_what_they_do_in_the_text() {
    check("[|]ab", "right", "a[|]b");
    check("[a|]b", "alt-m", "⟦a⟧[|]b");
    check("[|]ab", "space m", "[|]⟦⟧ab");
}

#[test]
fn the_mode_and_a_sequence_that_has_begun_are_shown() {
    let mut desk = modal("[|]ab");
    assert_eq!(status(&desk.app).mode, "NORMAL");
    desk.keys("g");
    let words = status(&desk.app);
    assert_eq!(words.mode, "NORMAL g");
    assert!(words.hints.iter().any(|hint| hint.key == "e" && hint.does == "end"), "{:?}", words.hints);
    desk.keys("esc");
    assert_eq!((status(&desk.app).mode.as_str(), desk.notice()), ("NORMAL", ""));
    desk.keys("i");
    assert_eq!(status(&desk.app).mode, "INSERT");
    desk.keys("esc v");
    assert_eq!(status(&desk.app).mode, "SELECT");
    desk.keys("g z");
    assert!(desk.notice().starts_with("g z does nothing here"), "{}", desk.notice());
}

#[test]
fn a_run_and_its_proposal_are_steered_as_ever() {
    let mut desk = modal("one ⟦⟧[|]");
    desk.keys("space r").finish(&["+two"]).keys("enter");
    assert_eq!(desk.text(), "one two");
    desk.keys("u");
    assert_eq!(desk.text(), "one ");
}

#[test]
fn escape_leaves_the_text_for_the_run() {
    let mut desk = modal("a⟦⟧b[|]");
    desk.keys("f5").frame(&["+x -"]).keys("f6 esc");
    assert_eq!(desk.app.focus, Context::Run);
}
