//! The bar of a run's steps, and what is open beside the text.

use super::{check_screen, check_styles, scenes};
use crate::app::message::{Message, Mouse, MouseKind};
use crate::ui::theme::Theme;

#[test]
fn an_earlier_step_is_shown_in_place_with_a_handle_on_the_bar() {
    check_screen(
        scenes::timeline(),
        (80, 24),
        r"
        | lighthouse.md                                         3:40   lacuna-135m · cpu
        |  1   The keeper had not spoken to anyone in eleven days
        |  2 ┃ when the storm░░░░░░, and he ran down to the
        |  3 ┃ water. Nobody aboard had heard░░░░░░░░░, so he
        |  4   called again, louder.
        |  5
        |  6   No answer.
        |  7
        |..
        |─────────────────────────────────────────────────── ━━━━━━━━━━━━◉─────── 3/4   ─
        | ◆ looking at a   step 3/4 · 3 of 7 left
        | , back  . forward  space play  R branch here  > newest  f6 to the text  ? help
        ",
    );
    check_styles(
        scenes::timeline(),
        &Theme::plain(),
        (80, 24),
        r"
        |─────────────────────────────────────────────────── ━━━━━━━━━━━━◉─────── 3/4   ─
        |  : 0-50 dim, 52-64 bold, 65-71 dim, 79-79 dim
        ",
    );
}

#[test]
fn branches_are_compared_word_by_word() {
    check_styles(
        scenes::compare(),
        &Theme::plain(),
        (80, 24),
        r"
        |── marked is what differs from b ───────────────────────────────────────────────
        |  : 0-1 dim, 33-79 dim
        | ▸ 1 b               the wind broke
        |  : 1-1 bold, 3-5 bold, 30-34 bold underlined
        |   1 original        the wind fell
        |  : 30-33 bold underlined
        |   1 a               the storm broke
        |  : 25-29 bold underlined
        | ▸ 2 b               had seen him
        |  : 1-1 bold, 3-5 bold, 30-32 bold underlined
        |   2 original        had seen the light
        |  : 30-38 bold underlined
        |   2 a               had heard him call
        |  : 25-29 bold underlined, 34-38 bold underlined
        ",
    );
}

#[test]
fn what_does_not_fit_beside_the_text_is_scrolled_to_and_counted() {
    let mut scene = scenes::compare();
    scene.send(Message::Resize { width: 80, height: 12 });
    let wheel = Mouse { kind: MouseKind::ScrollDown, column: 5, row: 6, clicks: 1, shift: false };
    scene.send(Message::Mouse(wheel));
    check_screen(
        scene,
        (80, 12),
        r"
        | lighthouse.md                                         3:40   lacuna-135m · cpu
        |  2 ┃ when the wind broke, and he ran down to the
        |  3 ┃ water. Nobody aboard had seen him, so he
        |  4   called again, louder.
        |── marked is what differs from b ───────────────────────────────────────────────
        |   1 a               the storm broke
        | ▸ 2 b               had seen him
        |   2 original        had seen the light
        |   2 a               had heard him call
        |────────────────────────────────────────────────────────────────────────────────
        | ◆ proposal b · one of 2 · 8 passes · 0.4 s · seed 266696
        | enter accept  esc close  r again  [ previous  ] next  t branches        ? help
        ",
    );
}

#[test]
fn the_cell_at_the_caret_has_its_numbers_and_what_else_could_stand_there() {
    check_styles(
        scenes::inspected(),
        &Theme::plain(),
        (80, 24),
        r#"
        |── " call" written · step 4 · 90 % then · entropy 1.3 ──────────────────────────
        |  : 0-1 dim, 54-79 dim
        | ▸ " call"            ━━━━━━━━━━━━━━━━━━──  90 % then
        |  : 1-1 bold, 3-9 bold, 22-39 bold, 40-41 dim, 43-52 dim
        | 1 " ship"            ━━──────────────────  12 % then
        |  : 1-1 bold, 22-23 bold, 24-41 dim, 43-52 dim
        | 2 " tug"             ━───────────────────   4 % then
        |  : 1-1 bold, 22-22 bold, 23-41 dim, 43-52 dim
        "#,
    );
    check_screen(
        scenes::inspected().answered(3),
        (80, 24),
        r#"
        | lighthouse.md                                         3:40   lacuna-135m · cpu
        |  1   The keeper had not spoken to anyone in eleven days
        |  2 ┃ when the storm broke, and he ran down to the
        |  3 ┃ water. Nobody aboard had heard him call, so he
        |  4   called again, louder.
        |  5
        |  6   No answer.
        |  7
        |
        |
        |
        |
        |
        |── " call" written · step 4 · 90 % then · 50 % now · entropy 1.3 → 0.8 ─────────
        | ▸ " call"            ━━━━━━━━━━──────────  50 % now    90 % then
        | 1 " ship"            ━━━━━━──────────────  30 % now    12 % then
        | 2 " tug"             ━───────────────────   4 % then
        |
        |
        |
        |
        |────────────────────────────────────────────────────────────────────────────────
        | ◆ proposal · 8 passes · 0.4 s · seed 4821
        | enter accept   esc close   r again   i type here   f6 to the text   ? help
        "#,
    );
}

#[test]
fn the_panel_in_a_small_window() {
    check_screen(
        scenes::inspected(),
        (40, 10),
        r#"
        | lighthouse.md                     3:40
        |  3 ┃ water. Nobody aboard had heard him
        |    ┃ call, so he
        |  4   called again, louder.
        |── " call" written ─────────────────────
        | ▸ " call"            ━━━━━━━━━─  90 %
        | 1 " ship"            ━─────────  12 %
        |────────────────────────────────────────
        | ◆ proposal · 8 passes · seed 4821
        | enter accept  esc close         ? help
        "#,
    );
}

#[test]
fn branches_stand_in_columns_each_after_as_many_passes() {
    check_screen(
        scenes::lab(),
        (80, 24),
        r"
        | lighthouse.md                                         3:40   lacuna-135m · cpu
        |  1   The keeper had not spoken to anyone in eleven days
        |  2 ┃ when the░░░░░░░░░░░, and he ran down to the
        |  3 ┃ water. Nobody aboard ░░░░░░░░░░░░, so he
        |  4   called again, louder.
        |  5
        |  6   No answer.
        |  7
        |..
        |── each after 2 passes ─────────────────────────────────────────────────────────
        |   a eb                                  ▸ b left-to-right
        |   the░░░░░░                               the░░░░░░
        |   had░░░░░░░░░                            ░░░░░░░░░░░░
        |
        |
        |
        |
        |   2 of 8 passes                           2 of 8 passes
        |   0.4 s · log p -0.11                     0.4 s · log p -0.11
        |─────────────────────────────────────────────────── ━━━━━━━━━◉────────── 2/3   ─
        | ◆ looking at b   step 2/3 · 6 of 7 left
        | , back  . forward  space play  R branch here  > newest  f6 to the text  ? help
        ",
    );
}
