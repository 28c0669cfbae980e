//! The lab, what is demanded of a hole, where accepted text is from, and recording a run: their screens.

use super::{check_screen, check_styles, scenes};
use crate::app::message::Message;
use crate::app::notice::{Notice, Severity};
use crate::ui::theme::Theme;

#[test]
fn columns_of_the_lab_are_styled_as_the_text_is() {
    check_styles(
        scenes::lab(),
        &Theme::plain(),
        (80, 24),
        r"
        |── each after 2 passes ─────────────────────────────────────────────────────────
        |  : 0-1 dim, 23-79 dim
        |   a eb                                  ▸ b left-to-right
        |  : 41-41 bold, 43-57 bold
        |   the░░░░░░                               the░░░░░░
        |  : 3-5 italic, 6-11 dim, 43-45 italic, 46-51 dim
        |   had░░░░░░░░░                            ░░░░░░░░░░░░
        |  : 3-5 italic, 6-14 dim, 43-54 dim
        |
        |
        |
        |
        |   2 of 8 passes                           2 of 8 passes
        |  : 3-15 dim, 43-55 dim
        |   0.4 s · log p -0.11                     0.4 s · log p -0.11
        |  : 3-21 dim, 43-61 dim
        ",
    );
    check_styles(
        scenes::lab(),
        &Theme::sixteen(),
        (80, 24),
        r"
        |── each after 2 passes ─────────────────────────────────────────────────────────
        |  : 0-1 dim, 23-79 dim
        |   a eb                                  ▸ b left-to-right
        |  : 41-41 bold lightblue, 43-57 bold
        |   the░░░░░░                               the░░░░░░
        |  : 3-5 italic white on blue, 6-11 dim, 43-45 italic white on blue, 46-51 dim
        |   had░░░░░░░░░                            ░░░░░░░░░░░░
        |  : 3-5 italic white on blue, 6-14 dim, 43-54 dim
        ",
    );
    check_screen(
        scenes::lab(),
        (40, 10),
        r"
        | lighthouse.md                     3:40
        |      down to the
        |  3 ┃ water. Nobody aboard ░░░░░░░░░░░░,
        |      so he
        |── each after 2 passes ─────────────────
        |   a eb              ▸ b left-to-right
        |   the░░░░░░           the░░░░░░
        |─────────────────────── ━━━◉──── 2/3   ─
        | ◆ looking at b   step 2/3
        | , back  . forward  space play   ? help
        ",
    );
}

#[test]
fn numbers_that_do_not_fit_into_a_column_stand_below_each_other() {
    check_screen(
        scenes::lab(),
        (40, 18),
        r"
        | lighthouse.md                     3:40
        |      anyone in eleven days
        |  2 ┃ when the░░░░░░░░░░░, and he ran
        |      down to the
        |  3 ┃ water. Nobody aboard ░░░░░░░░░░░░,
        |      so he
        |  4   called again, louder.
        |── each after 2 passes ─────────────────
        |   a eb              ▸ b left-to-right
        |   the░░░░░░           the░░░░░░
        |   had░░░░░░░░░        ░░░░░░░░░░░░
        |
        |   2 of 8 passes       2 of 8 passes
        |   0.4 s               0.4 s
        |   log p -0.11         log p -0.11
        |─────────────────────── ━━━◉──── 2/3   ─
        | ◆ looking at b   step 2/3
        | , back  . forward  space play   ? help
        ",
    );
}

#[test]
fn what_is_demanded_is_told_with_the_caret_in_the_hole() {
    check_screen(
        scenes::demanded(),
        (80, 24),
        r"
        | lighthouse.md                                         3:40   lacuna-135m · cpu
        |  1   The keeper had not spoken to anyone in eleven days
        |  2 ┃ when the wind fell, and he ran down to the
        |  3 ┃ water. Nobody aboard had seen the light, so he
        |  4   called again, louder.
        |  5
        |  6   No answer.
        |  7
        |
        |..
        |────────────────────────────────────────────────────────────────────────────────
        | ▢ this hole: 3-40 tokens; match [a-z ]+; need sea · 2 holes marked
        | alt-m unmark hole  f5 fill  alt-e demands  ctrl-s save  ctrl-q quit  f1 help
        ",
    );
    check_styles(
        scenes::demanded(),
        &Theme::plain(),
        (40, 10),
        r"
        |  3 ┃ water. Nobody aboard had seen the
        |  : 27-39 underlined
        |    ┃ light, so he
        |  : 6-10 underlined
        |  4   called again, louder.
        |  : 0-2 dim
        |  5
        |  : 0-2 dim
        |────────────────────────────────────────
        |  : 0-39 dim
        | ▢ this hole: 3-40 tokens; match [a-z…
        | alt-m unmark hole  f5 fill     f1 help
        ",
    );
}

#[test]
fn a_mistake_in_a_demand_stands_above_it_while_it_is_typed() {
    check_screen(
        scenes::demand(),
        (80, 24),
        r"
        | lighthouse.md                                         3:40   lacuna-135m · cpu
        |  1   The keeper had not spoken to anyone in eleven days
        |  2 ┃ when the wind fell, and he ran down to the
        |  3 ┃ water. Nobody aboard had seen the light, so he
        |  4   called again, louder.
        |  5
        |  6   No answer.
        |  7
        |
        |..
        | ✗ `[a-z` is no regular expression: unclosed character class
        | demands (3-40; /[a-z]+/)  3-40; /[a-z/
        | enter set it   esc leave   up earlier
        ",
    );
    check_styles(
        scenes::demand(),
        &Theme::sixteen(),
        (40, 10),
        r"
        | ✗ `[a-z` is no regular expression:
        |  : 1-1 bold red, 3-34 bold red
        |   unclosed character class
        |  : 3-26 bold red
        | demands (3-40; /[a-z]+/)  -40; /[a-z/
        |  : 1-24 bold
        ",
    );
}

#[test]
fn a_demand_that_was_not_met_is_told_by_the_proposal() {
    check_styles(
        scenes::unmet(),
        &Theme::sixteen(),
        (80, 24),
        r"
        |  2 ┃ when the storm broke, and he ran down to the
        |  : 0-2 dim, 4-4 bold lightblue, 11-25 italic underlined black on green
        |  3 ┃ water. Nobody aboard had heard him call, so he
        |  : 4-4 bold lightblue, 27-44 italic underlined black on green
        |  4   called again, louder.
        |  : 0-2 dim
        |  5
        |  : 0-2 dim
        |  6   No answer.
        |  : 0-2 dim
        |  7
        |  : 0-2 dim
        |
        |
        |
        |
        |
        |
        |
        |
        |
        |
        |
        |
        |
        |────────────────────────────────────────────────────────────────────────────────
        |  : 0-79 dim
        | · Not met: need sea (hole 2); r tries another seed.
        ",
    );
    check_styles(
        scenes::unmet().keys("v"),
        &Theme::plain(),
        (80, 24),
        r"
        |────────────────────────────────────────────────────────────────────────────────
        |  : 0-79 dim
        | ◆ proposal · not met: need sea (hole 2) · 8 passes · 0.4 s · seed 4821
        |  : 1-1 bold
        ",
    );
}

#[test]
fn where_accepted_text_is_from_is_told_whole() {
    check_screen(
        scenes::source(),
        (80, 24),
        r#"
        | lighthouse.md ●                                       3:37   lacuna-135m · cpu
        |  1   The keeper had not spoken to anyone in eleven days
        |  2 ┃ when the storm broke, and he ran down to the
        |  3 ┃ water. Nobody aboard had heard him call, so he
        |  4   called again, louder.
        |  5
        |  6   No answer.
        |  7
        |
        |..
        | · Fill by lacuna-135m: sampler eb, seed 4821; branch a, step 7; "had seen the
        |   light" stood there before. alt-shift-y takes this run back (2 places).
        | alt-m unmark hole  f5 fill  alt-e demands  ctrl-s save  ctrl-q quit  f1 help
        "#,
    );
    check_styles(
        scenes::source(),
        &Theme::plain(),
        (40, 10),
        r#"
        |  2 ┃ when the storm broke, and he ran
        |  : 0-2 dim, 11-25 underlined
        |      down to the
        |  3 ┃ water. Nobody aboard had heard him
        |  : 27-39 underlined
        | · Fill by lacuna-135m: sampler eb,
        |   seed 4821; branch a, step 7; "had
        |   seen the light" stood there before.
        |   alt-shift-y takes this run back (2
        |   places).
        "#,
    );
}

#[test]
fn text_that_is_taken_back_leaves_its_hole() {
    check_styles(
        scenes::source().keys("alt-shift-y"),
        &Theme::plain(),
        (80, 24),
        r"
        |  2 ┃ when the wind fell, and he ran down to the
        |  : 11-23 underlined
        |  3 ┃ water. Nobody aboard had seen the light, so he
        |  : 0-2 dim, 27-44 underlined
        |  4   called again, louder.
        |  : 0-2 dim
        |  5
        |  : 0-2 dim
        |  6   No answer.
        |  : 0-2 dim
        |  7
        |  : 0-2 dim
        |
        |
        |
        |
        |
        |
        |
        |
        |
        |
        |
        |
        |
        |────────────────────────────────────────────────────────────────────────────────
        |  : 0-79 dim
        | · Taken back in 2 places. ctrl-z puts it in again.
        ",
    );
}

#[test]
fn a_run_is_recorded_into_a_file_of_a_kind_that_there_is() {
    check_screen(
        scenes::record(),
        (80, 24),
        r"
        | lighthouse.md                                         3:40   lacuna-135m · cpu
        |  1   The keeper had not spoken to anyone in eleven days
        |  2 ┃ when the storm broke, and he ran down to the
        |  3 ┃ water. Nobody aboard had heard him call, so he
        |  4   called again, louder.
        |  5
        |  6   No answer.
        |  7
        |
        |..
        |────────────────────────────────────────────────────────────────────────────────
        | record as (.json to be replayed, .cast, .svg or .gif)  lighthouse.run.svg
        | enter write it   esc leave
        ",
    );
    check_styles(
        scenes::record().keys("ctrl-u \"run.mp4\" enter"),
        &Theme::sixteen(),
        (40, 10),
        r"
        | ✗ End the name in .json, .cast, .svg
        |  : 1-1 bold red, 3-36 bold red
        |   or .gif.
        |  : 3-10 bold red
        | record as (.json to be repl…  run.mp4
        |  : 1-28 bold
        | enter write it   esc leave
        ",
    );
    let done = Notice::new(Severity::Info, "The run is recorded in lighthouse.run.svg.");
    check_styles(
        scenes::record().keys("enter").sent(Message::Notice(done)),
        &Theme::plain(),
        (80, 24),
        r"
        |────────────────────────────────────────────────────────────────────────────────
        |  : 0-79 dim
        | · The run is recorded in lighthouse.run.svg.
        | enter accept   esc reject   r again   i type here   f6 to the text   ? help
        ",
    );
}
