//! How likely the user's words are, as it is drawn.

use super::{check_screen, check_styles, scenes};
use crate::ui::theme::Theme;

#[test]
fn unlikely_words_are_told_in_the_margin_and_in_words() {
    check_screen(
        scenes::heat(),
        (80, 24),
        r#"
        | lighthouse.md                 3:41 (6 characters selected)   lacuna-135m · cpu
        |  1▁  The keeper had not spoken to anyone in eleven days
        |  2▃  when the wind fell, and he ran down to the
        |  3▇  water. Nobody aboard had seen the light, so he
        |  4▅  called again, louder.
        |  5
        |  6▁  No answer.
        |  7
        |..
        |── "light," under 0.1 %, given both sides ──────────────────────────────────────
        | · "light,": under 0.1 %, least likely of 34 words; alt-r mends it.
        | alt-m mark hole   f5 rewrite   ctrl-s save   ctrl-q quit   f1 help
        "#,
    );
}

#[test]
fn unlikely_words_are_marked_without_colour() {
    check_styles(
        scenes::heat().keys("right"),
        &Theme::plain(),
        (60, 10),
        r#"
        |  1▁  The keeper had not spoken to anyone in eleven days
        |  : 0-3 dim
        |  2▃  when the wind fell, and he ran down to the
        |  : 0-2 dim, 20-24 dim underlined
        |  3▇  water. Nobody aboard had seen the light, so he
        |  : 13-18 dim italic underlined, 40-45 bold italic underlined
        |  4▅  called again, louder.
        |  : 0-2 dim, 20-26 dim italic underlined
        |  5
        |  : 0-2 dim
        |  6▁  No answer.
        |  : 0-3 dim
        |── "light," under 0.1 %, given both sides ──────────────────
        |  : 0-1 dim, 42-59 dim
        | · heat 34 words · 6 passes · 0.5 s
        |  : 1-1 dim
        "#,
    );
}

#[test]
fn unlikely_words_are_marked_in_colour_and_without_line_numbers() {
    check_styles(
        scenes::heat().keys("right alt-n"),
        &Theme::full(),
        (40, 10),
        r"
        |▃  when the wind fell, and he ran down
        |  : 0-0 #8c7086, 17-21 dim underlined #8c7086
        |▁  to the
        |  : 0-0 dim
        |▅  water. Nobody aboard had seen the
        |  : 0-0 #c44e86, 10-15 dim italic underlined #c44e86
        |▇  light, so he
        |  : 0-0 #d63a44, 3-8 bold italic underlined #d63a44
        |▅  called again, louder.
        |  : 0-0 #c44e86, 17-23 dim italic underlined #c44e86
        ",
    );
}
