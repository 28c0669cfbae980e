//! What is for prose and for projects: wrapping, counting, tidying.

use super::Desk;
use crate::app::effect::Effect;
use crate::app::layout::screen;
use crate::app::message::{FileStyle, Message, Opened};
use crate::app::settings::SETTINGS;
use crate::app::settings::Value;

fn set(desk: &mut Desk, name: &str, value: Value) {
    let setting = SETTINGS.iter().find(|setting| setting.name == name).unwrap();
    setting.set(&mut desk.app.settings, &value).unwrap();
}

fn saved(desk: &Desk) -> String {
    let request = desk.effects.iter().rev().find_map(|effect| match effect {
        Effect::Save(request) => Some(request.contents.text()),
        _ => None,
    });
    request.unwrap()
}

#[test]
fn rows_of_an_indented_line_hang_under_it_and_the_caret_follows() {
    let mut desk = Desk::new("    a list of words that goes on for more than a row[|]");
    let rows = screen(&desk.app).rows;
    assert!(rows.len() > 1 && rows[1..].iter().all(|row| row.indent == 4));
    assert!(rows.iter().all(|row| row.width() <= 34), "{rows:?}");
    let (row, column) = screen(&desk.app).caret.unwrap();
    assert_eq!(column, rows[row].width());
    desk.keys("up down");
    assert_eq!(desk.app.document().caret(), desk.text().len());
    desk.keys("up home");
    let mut flat = Desk::new("    a list of words that goes on for more than a row[|]");
    set(&mut flat, "wrap_indent", Value::Flag(false));
    assert!(screen(&flat.app).rows.iter().all(|row| row.indent == 0));
}

#[test]
fn prose_stands_in_a_column_in_the_middle() {
    let mut desk = Desk::new("one two three four five six[|]");
    set(&mut desk, "column", Value::Number(12));
    let shown = screen(&desk.app);
    assert_eq!(shown.geometry.here.text.width, 12);
    assert!(shown.geometry.here.text.x > 10, "{:?}", shown.geometry);
    assert_eq!(desk.rows(), ["one two ", "three four ", "five six"]);
    desk.keys("alt-z");
    assert!(screen(&desk.app).geometry.here.text.width > 12);
}

#[test]
fn words_are_counted() {
    let mut desk = Desk::new("one two\nthree[|]");
    desk.keys("alt-g");
    assert_eq!(desk.notice(), "3 words, 12 characters, 2 lines; about 1 minute to read.");
    desk.keys("shift-home alt-g");
    assert_eq!(desk.notice(), "Selected: 1 word, 5 characters, 1 line; about 1 minute to read.");
}

#[test]
fn saving_tidies_where_that_is_wanted_as_one_step_and_leaves_holes_alone() {
    let mut desk = Desk::new("a  \nb⟦ ⟧\nc [|]");
    desk.keys("ctrl-s");
    assert_eq!(saved(&desk), "a  \nb \nc ");
    desk.refuse_save();
    set(&mut desk, "trim_on_save", Value::Flag(true));
    set(&mut desk, "final_newline", Value::Flag(true));
    desk.keys("ctrl-s");
    assert_eq!(saved(&desk), "a\nb \nc\n");
    assert_eq!(desk.drawing(), "a\nb⟦ ⟧\nc[|]\n");
    desk.keys("ctrl-z");
    assert_eq!(desk.text(), "a  \nb \nc ");
}

#[test]
fn a_hole_at_the_very_end_stays_on_the_last_line() {
    let mut desk = Desk::new("a [|]⟦⟧");
    set(&mut desk, "final_newline", Value::Flag(true));
    desk.keys("ctrl-s");
    assert_eq!((saved(&desk).as_str(), desk.drawing().as_str()), ("a ", "a [|]⟦⟧"));
}

#[test]
fn a_project_overrules_the_settings() {
    let mut desk = Desk::new("[|]");
    let style = FileStyle { indent: Some(2), trim: Some(true), final_newline: Some(true), ..FileStyle::default() };
    let opened = Opened { path: Some("b.txt".into()), text: "x ".into(), style, ..Opened::default() };
    desk.send(Message::Opened(Ok(opened)));
    desk.keys("tab ctrl-s");
    assert_eq!(saved(&desk), "  x\n");
}
