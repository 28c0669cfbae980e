//! Two windows, as they are drawn.

use super::{check_screen, check_styles, drawn, scenes, words};
use crate::app::message::Message;
use crate::ui::theme::Theme;

#[test]
fn one_above_the_other_they_are_told_apart_and_show_their_carets() {
    check_styles(
        scenes::split(),
        &Theme::plain(),
        (80, 24),
        r"
        | lighthouse.md                                          7:1   lacuna-135m · cpu
        |  : 1-13 bold, 56-78 dim
        |── lighthouse.md ───────────────────────────────────────────────────────────────
        |  : 0-79 dim
        |  1   The keeper had not spoken to anyone in eleven days
        |  : 0-2 dim
        |  2 ┃ when the wind fell, and he ran down to the
        |  : 0-2 dim, 11-23 underlined
        |  3 ┃ water. Nobody aboard had seen the light, so he
        |  : 0-2 dim, 27-44 underlined
        |  4   called again, louder.
        |  : 0-2 dim
        |  5
        |  : 0-2 dim
        |  6 ┃ No ▢answer.
        |  : 9-9 bold underlined reversed
        |  7
        |  : 0-2 dim
        |
        |
        |── ▸ lighthouse.md ─────────────────────────────────────────────────────────────
        |  : 0-1 dim, 2-18 bold, 19-79 dim
        |  1   The keeper had not spoken to anyone in eleven days
        |  : 0-2 dim
        ",
    );
}

#[test]
fn in_a_wide_screen_they_stand_side_by_side() {
    check_screen(
        scenes::split_documents(),
        (120, 14),
        r"
        | notes.md  2/2                                                                                  1:1   lacuna-135m · cpu
        |── lighthouse.md ──────────────────────────────────────────│── ▸ notes.md ──────────────────────────────────────────────
        |  1   The keeper had not spoken to anyone in eleven days   │  1   Notes
        |  2 ┃ when the░░░░░░, and he ran down to the               │  2
        |  3 ┃ water. Nobody aboard ░░░░░░░░░░░░, so he             │  3   - the wind
        |  4   called again, louder.                                │  4
        |  5                                                        │
        |  6 ┃ No ░░░░░░answer.                                     │
        |  7                                                        │
        |                                                           │
        |                                                           │
        |────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
        | · notes.md is a new file; it is made when you save.
        | alt-m mark hole   f5 refine   ctrl-s save   ctrl-q quit   f1 help
        ",
    );
}

#[test]
fn help_hides_both_and_what_is_beside_the_text_stays_beside_both() {
    let mut scene = scenes::split().keys("f1");
    let (buffer, _) = drawn(&mut scene, &Theme::plain(), (120, 24));
    let column = |x: u16| (0..24).filter(|y| buffer[(x, *y)].symbol() == "│").count();
    assert_eq!((0..120).map(column).sum::<usize>(), 0, "{}", words(&buffer, 3));
    let mut scene = scenes::lab().keys("f6 alt-v");
    let (buffer, _) = drawn(&mut scene, &Theme::plain(), (80, 40));
    let rows: Vec<String> = (0..40).map(|y| words(&buffer, y)).collect();
    let at = |what: &str| rows.iter().position(|row| row.contains(what)).unwrap_or_else(|| panic!("{rows:#?}"));
    assert!(at("── lighthouse") < at("── ▸ lighthouse") && at("── ▸ lighthouse") < at("── each after"));
    scene.send(Message::Resize { width: 80, height: 24 });
}
