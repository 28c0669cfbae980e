//! Whole screens: what is drawn, how it is styled, at every size.

mod heat;
pub(super) mod scenes;
mod side;
mod split;
mod workbench;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, CellWidth};
use ratatui::style::Color;

use crate::app::message::{Message, Opened};
use crate::ui::draw;
use crate::ui::tests::scenes::{ALL, Scene};
use crate::ui::theme::Theme;

/// Draws a scene; the buffer and the cursor, if it is shown.
fn drawn(scene: &mut Scene, theme: &Theme, (width, height): (u16, u16)) -> (Buffer, Option<(u16, u16)>) {
    scene.send(Message::Resize { width, height });
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(&scene.app, theme, frame)).unwrap();
    let backend = terminal.backend();
    let cursor = backend.cursor_visible().then(|| backend.cursor_position()).map(|at| (at.x, at.y));
    (backend.buffer().clone(), cursor)
}

/// The row's words, without the blanks behind them.
fn words(buffer: &Buffer, y: u16) -> String {
    let (mut row, mut x) = (String::new(), 0);
    while x < buffer.area.width {
        let cell = &buffer[(x, y)];
        row.push_str(cell.symbol());
        x += cell.cell_width().max(1);
    }
    row.trim_end().to_owned()
}

/// The row's styles as runs of columns: `4-8 bold white-on-blue`; what has no style is left out.
fn styles(buffer: &Buffer, y: u16) -> String {
    let style = |x: u16| {
        let cell = &buffer[(x, y)];
        let names = [(cell.fg, ""), (cell.bg, "on ")].into_iter().filter(|(hue, _)| *hue != Color::Reset);
        let mut parts: Vec<String> = cell.modifier.iter_names().map(|(name, _)| name.to_lowercase()).collect();
        parts.extend(names.map(|(hue, on)| format!("{on}{hue}").to_lowercase()));
        parts.join(" ")
    };
    let (mut runs, mut x): (Vec<String>, u16) = (Vec::new(), 0);
    while x < buffer.area.width {
        let (start, here) = (x, style(x));
        while x < buffer.area.width && style(x) == here {
            x += 1;
        }
        if !here.is_empty() {
            runs.push(format!("{start}-{} {here}", x - 1));
        }
    }
    runs.join(", ")
}

/// The screen as a drawing: rows, and under those with `:` asked for, their styles.
fn drawing(buffer: &Buffer, with_styles: bool) -> String {
    let mut rows = Vec::new();
    for y in 0..buffer.area.height {
        rows.push(words(buffer, y));
        if with_styles && !styles(buffer, y).is_empty() {
            rows.push(format!("  : {}", styles(buffer, y)));
        }
    }
    rows.join("\n")
}

/// The words of a screen. Expected rows begin behind a `|`; `..` stands for as many blank rows as are missing.
#[track_caller]
fn check_screen(scene: Scene, size: (u16, u16), expected: &str) {
    check(scene, (&Theme::plain(), size), expected, false);
}

/// A part of a screen, with the styles of each row under it.
#[track_caller]
fn check_styles(scene: Scene, theme: &Theme, size: (u16, u16), expected: &str) {
    check(scene, (theme, size), expected, true);
}

#[track_caller]
fn check(mut scene: Scene, (theme, size): (&Theme, (u16, u16)), expected: &str, with_styles: bool) {
    let (buffer, _) = drawn(&mut scene, theme, size);
    let actual = drawing(&buffer, with_styles);
    // How long the help page is follows from the tables of commands and keys.
    let lines = crate::app::help::page(&scene.app.settings().keys).len();
    let expected = expected.replace("LINES", &lines.to_string());
    let mut rows: Vec<&str> = expected.lines().filter_map(|row| row.trim_start().strip_prefix('|')).collect();
    if let Some(at) = rows.iter().position(|row| *row == "..") {
        let missing = (actual.split('\n').count() + 1).saturating_sub(rows.len());
        rows.splice(at..=at, std::iter::repeat_n("", missing));
    }
    let found: Vec<&str> = actual.split('\n').collect();
    if with_styles {
        assert!(
            found.windows(rows.len()).any(|part| part == rows),
            "drawn:\n{actual}\nexpected:\n{}\n",
            rows.join("\n")
        );
        return;
    }
    assert!(found == rows, "drawn:\n{actual}\nexpected:\n{}\n", rows.join("\n"));
}

#[test]
fn no_numbers_stand_beside_a_column_of_text_where_they_are_switched_off() {
    let row = |mut scene: Scene| words(&drawn(&mut scene, &Theme::plain(), (60, 10)).0, 1).trim().to_owned();
    let scene = || Scene::in_columns("one\ntwo", 20);
    assert_eq!(row(scene()).split_whitespace().collect::<Vec<_>>(), ["1", "one"]);
    assert_eq!(row(scene().keys("alt-n")), "one");
}

#[test]
fn an_empty_document_says_what_to_do() {
    check_screen(
        Scene::empty(),
        (80, 24),
        r"
        | untitled                                               1:1   lacuna-135m · cpu
        |  1
        |
        |      Type or paste a text, or open a file with ctrl-o.
        |      alt-m puts a hole where words are missing; f5 fills it.
        |      f1 shows all keys and what the marks on the screen mean.
        |..
        |────────────────────────────────────────────────────────────────────────────────
        |
        | alt-m mark hole   ctrl-s save   ctrl-q quit   f1 help
        ",
    );
}

#[test]
fn a_run_shows_its_cells_its_progress_and_its_keys() {
    check_screen(
        scenes::run(),
        (80, 24),
        r"
        | lighthouse.md                                         3:40   lacuna-135m · cpu
        |  1   The keeper had not spoken to anyone in eleven days
        |  2 ┃ when the storm░░░, and he ran down to the
        |  3 ┃ water. Nobody aboard had heard him▒▒▒ her all░░░, so he
        |  4   called again, louder.
        |  5
        |  6   No answer.
        |  7
        |..
        |─────────────────────────────────────────────────── ━━━━━━━━━━──────────  50 % ─
        | ▸ filling 2 holes   step 7/16 · 5 of 10 left · 8 passes · 0.4 s · seed 4821
        | space pause  enter keep  esc drop  r again  . step  , back  i type      ? help
        ",
    );
}

#[test]
fn the_cell_at_the_caret_is_explained_on_the_rule() {
    check_screen(
        scenes::inspect(),
        (80, 24),
        r#"
        | lighthouse.md                                         3:22   lacuna-135m · cpu
        |  1   The keeper had not spoken to anyone in eleven days
        |  2 ┃ when the storm░░░, and he ran down to the
        |  3 ┃ water. Nobody aboard had heard him▒▒▒ her all░░░, so he
        |  4   called again, louder.
        |  5
        |  6   No answer.
        |  7
        |..
        |── " heard" 80 % · or " ship" 12 %, " tug" 4 % ──── ━━━━━━━━━━──────────  50 % ─
        | ‖ filling 2 holes   paused at step 7/16 · 5 of 10 left · 8 passes · seed 4821
        | space go on  enter keep  esc drop  r again  . step  , back  i type      ? help
        "#,
    );
}

#[test]
fn a_proposal_says_how_it_was_made() {
    check_screen(
        scenes::review(),
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
        |..
        |────────────────────────────────────────────────────────────────────────────────
        | ◆ proposal · 8 passes · 0.4 s · seed 4821
        | enter accept   esc reject   r again   i type here   f6 to the text   ? help
        ",
    );
}

#[test]
fn the_palette_lists_names_keys_and_sentences() {
    check_screen(
        scenes::palette(),
        (80, 24),
        r"
        | lighthouse.md                                          2:6   lacuna-135m · cpu
        |  1   The keeper had not spoken to anyone in eleven days
        |  2   when the wind fell, and he ran down to the
        |  3   water. Nobody aboard had seen the light, so he
        |  4   called again, louder.
        |  5
        |  6   No answer.
        |  7
        |..
        |── 2 of 9 commands ─────────────────────────────────────────────────────────────
        |   hole              alt-m  Mark the selection as a hole, put one at the caret…
        | ▸ hole-length       alt-l  Set how many tokens the hole gets.
        |   hole-next         alt-j  Go to the next hole.
        |   hole-previous     alt-k  Go to the hole before.
        |   holes-clear              Unmark all holes.
        |   branch-take-hole  x      Take this hole from another branch; a mix of both…
        |   run               f5     Fill the holes, rewrite the selection, or refine t…
        |   run-type          i      Put the caret into the hole and type there.
        |   demands           alt-e  Say what the text of the hole must be like: length…
        | command  hole
        | enter do it   esc leave   up down choose
        ",
    );
}

#[test]
fn help_begins_with_what_a_newcomer_needs() {
    check_screen(
        scenes::help(),
        (80, 24),
        r"
        | lighthouse.md                                          2:6   lacuna-135m · cpu
        | In short
        | A hole is a place where the model writes. alt-m makes one of the selection, or
        | where words are missing.
        | f5 fills all holes. With no hole it rewrites the selection; with no selection
        | it refines the paragraph.
        | What it writes is a proposal and not in your text until enter accepts it;
        | ctrl-z takes it back in one step.
        | While it has the keys, the keys below steer it; f6 gives them to the text and
        | back.
        | The command tour (ctrl-p finds it) opens a text that teaches all this. Words
        | of a run, lists and the keys on the last line can be clicked.
        |
        | While the run or a proposal has the keys
        |  space                   Pause the run, or go on with it; when it is over,
        |                          play its steps or stop playing.
        |  .                       Show the next step; at the newest one, make one step
        |                          of the run and pause.
        |  ,                       Show the step before; a run that goes on is paused.
        |  <                       Show the first step.
        |  >                       Show the newest step.
        |────────────────────────────────────────────────────────────────────────────────
        | help   line 1 of LINES
        | esc close   up down scroll   pageup pagedown by pages
        ",
    );
}

#[test]
fn a_run_in_a_small_window() {
    check_screen(
        scenes::run(),
        (40, 10),
        r"
        | lighthouse.md                     3:40
        |  2 ┃ when the storm░░░, and he ran down
        |      to the
        |  3 ┃ water. Nobody aboard had heard
        |    ┃ him▒▒▒ her all░░░, so he
        |  4   called again, louder.
        |  5
        |─────────────────────── ━━━━────  50 % ─
        | ▸ filling 2 holes   step 7/16
        | space pause  enter keep         ? help
        ",
    );
}

#[test]
fn the_palette_in_a_small_window() {
    check_screen(
        scenes::palette(),
        (40, 10),
        r"
        | lighthouse.md  2:6   lacuna-135m · cpu
        |── 2 of 9 commands ─────────────────────
        |   hole              alt-m
        | ▸ hole-length       alt-l
        |   hole-next         alt-j
        |   hole-previous     alt-k
        |   holes-clear
        |   branch-take-hole  x
        | command  hole
        | enter do it  esc leave  up down choose
        ",
    );
}

#[test]
fn help_in_a_small_window() {
    check_screen(
        scenes::help(),
        (40, 10),
        r"
        | lighthouse.md  2:6   lacuna-135m · cpu
        | In short
        | A hole is a place where the model
        | writes. alt-m makes one of the
        | selection, or where words are missing.
        | f5 fills all holes. With no hole it
        | rewrites the selection; with no
        |────────────────────────────────────────
        | help   line 1 of LINES
        | esc close  up down scroll
        ",
    );
}

#[test]
fn a_complaint_stands_above_the_prompt_and_is_not_cut() {
    check_screen(
        scenes::complaint(),
        (40, 10),
        r"
        | lighthouse.md                     3:40
        |  2 ┃ when the wind fell, and he ran
        |      down to the
        |  3 ┃ water. Nobody aboard had seen the
        |    ┃ light, so he
        |  4   called again, louder.
        | ✗ Type auto, a number of tokens such
        |   as 12, or a range such as 3-40.
        | tokens in the hole (auto, 1…  many
        | enter set it   esc leave
        ",
    );
}

#[test]
fn an_error_is_not_cut() {
    check_screen(
        scenes::error(),
        (40, 10),
        r"
        | lighthouse.md  2:6   lacuna-135m · cpu
        |  1   The keeper had not spoken to
        |      anyone in eleven days
        |  2   when the wind fell, and he ran
        |      down to the
        |  3   water. Nobody aboard had seen the
        | ✗ lighthouse.md could not be saved: no
        |   space is left on the disk; free
        |   some, or save elsewhere with alt-s.
        | alt-m mark hole  f5 refine     f1 help
        ",
    );
}

#[test]
fn lines_that_go_on_beyond_the_window_say_so() {
    check_screen(
        scenes::sideways(),
        (40, 10),
        r"
        | lighthouse.md                    2:337
        |  1   ‹
        |  2   ‹a long line without an end,
        |  3   ‹
        |  4
        |
        |
        |────────────────────────────────────────
        |
        | alt-m mark hole  f5 refine     f1 help
        ",
    );
}

#[test]
fn a_selection_is_reversed_line_break_included() {
    check_styles(
        scenes::selection(),
        &Theme::plain(),
        (60, 10),
        r"
        |  1   The keeper had not spoken to anyone in eleven days
        |  : 0-2 dim
        |  2   when the wind fell, and he ran down to the
        |  : 0-2 dim, 11-48 reversed
        |  3   water. Nobody aboard had seen the light, so he
        |  : 6-10 reversed
        ",
    );
}

#[test]
fn holes_are_marked_in_text_and_margin() {
    check_styles(
        scenes::hole(),
        &Theme::full(),
        (60, 10),
        r"
        |  3 ┃ water. Nobody aboard had seen the light, so he
        |  : 0-2 dim, 4-4 #b36b00, 27-44 underlined #b36b00
        |  4   called again, louder.
        |  : 0-2 dim
        |  5
        |  : 0-2 dim
        |  6 ┃ No ▢answer.
        |  : 4-4 #b36b00, 9-9 bold #b36b00
        ",
    );
}

#[test]
fn a_run_without_colour() {
    check_styles(
        scenes::run(),
        &Theme::plain(),
        (60, 10),
        r"
        |  2 ┃ when the storm░░░, and he ran down to the
        |  : 0-2 dim, 4-4 bold, 11-13 italic, 14-19 dim italic, 20-22 dim
        |  3 ┃ water. Nobody aboard had heard him▒▒▒ her all░░░, so
        |  : 4-4 bold, 27-35 bold italic, 36-39 italic, 40-42 dim italic, 43-46 dim crossed_out, 47-50 bold underlined, 51-53 dim
        |      he
        ",
    );
}

#[test]
fn a_run_in_sixteen_colours() {
    check_styles(
        scenes::run(),
        &Theme::sixteen(),
        (60, 10),
        r"
        |  2 ┃ when the storm░░░, and he ran down to the
        |  : 0-2 dim, 4-4 bold lightblue, 11-13 italic white on blue, 14-19 dim italic, 20-22 dim
        |  3 ┃ water. Nobody aboard had heard him▒▒▒ her all░░░, so
        |  : 4-4 bold lightblue, 27-35 bold italic black on cyan, 36-39 italic white on blue, 40-42 dim italic, 43-46 dim crossed_out red, 47-50 bold underlined lightblue, 51-53 dim
        |      he
        ",
    );
}

#[test]
fn a_run_in_full_colour() {
    check_styles(
        scenes::run(),
        &Theme::full(),
        (60, 10),
        r"
        |  2 ┃ when the storm░░░, and he ran down to the
        |  : 0-2 dim, 4-4 bold #0072b2, 11-13 italic #ffffff on #0b5c8a, 14-19 dim italic, 20-22 dim
        |  3 ┃ water. Nobody aboard had heard him▒▒▒ her all░░░, so
        |  : 4-4 bold #0072b2, 27-35 bold italic #000000 on #56b4e9, 36-39 italic #ffffff on #0b5c8a, 40-42 dim italic, 43-46 dim crossed_out #d55e00, 47-50 bold underlined #a8578f, 51-53 dim
        |      he
        ",
    );
}

#[test]
fn a_proposal_without_colour() {
    check_styles(
        scenes::review(),
        &Theme::plain(),
        (60, 10),
        r"
        |  2 ┃ when the storm broke, and he ran down to the
        |  : 0-2 dim, 4-4 bold, 11-25 italic underlined
        |  3 ┃ water. Nobody aboard had heard him call, so he
        |  : 4-4 bold, 27-44 italic underlined
        ",
    );
}

#[test]
fn a_proposal_in_full_colour() {
    check_styles(
        scenes::review(),
        &Theme::full(),
        (60, 10),
        r"
        |  2 ┃ when the storm broke, and he ran down to the
        |  : 0-2 dim, 4-4 bold #0072b2, 11-25 italic underlined #ffffff on #00664b
        |  3 ┃ water. Nobody aboard had heard him call, so he
        |  : 4-4 bold #0072b2, 27-44 italic underlined #ffffff on #00664b
        ",
    );
}

#[test]
fn a_rewrite_shows_which_words_changed() {
    check_styles(
        scenes::rewrite(),
        &Theme::full(),
        (60, 10),
        r"
        |  2 ┃ when the storm fell, and he ran down to the
        |  : 4-4 bold #0072b2, 11-13 underlined #b36b00, 14-19 italic underlined #ffffff on #00664b, 20-24 underlined #b36b00
        |  3   water. Nobody aboard had seen the light, so he
        |  : 0-2 dim
        ",
    );
}

#[test]
fn matches_without_colour_and_the_prompt() {
    check_styles(
        scenes::find(),
        &Theme::plain(),
        (60, 10),
        r"
        |  1   The keeper had not spoken to anyone in eleven days
        |  : 0-2 dim, 6-8 bold underlined
        |  2   when the wind fell, and he ran down to the
        |  : 11-13 bold underlined reversed, 45-47 bold underlined
        |  3   water. Nobody aboard had seen the light, so he
        |  : 0-2 dim, 36-38 bold underlined
        |  4   called again, louder.
        |  : 0-2 dim
        |  5
        |  : 0-2 dim
        |  6   No answer.
        |  : 0-2 dim
        |────────────────────────────────────────────────────────────
        |  : 0-59 dim
        | find  the                                           2 of 4
        |  : 1-4 bold, 53-58 dim
        | enter stay there  esc go back  up down other matches
        |  : 1-5 bold, 7-16 dim, 19-21 bold, 23-29 dim, 32-38 bold, 40-52 dim
        ",
    );
}

#[test]
fn matches_in_full_colour() {
    check_styles(
        scenes::find(),
        &Theme::full(),
        (60, 10),
        r"
        |  1   The keeper had not spoken to anyone in eleven days
        |  : 0-2 dim, 6-8 bold underlined #000000 on #f0e442
        |  2   when the wind fell, and he ran down to the
        |  : 11-13 bold underlined #000000 on #e69f00, 45-47 bold underlined #000000 on #f0e442
        |  3   water. Nobody aboard had seen the light, so he
        |  : 0-2 dim, 36-38 bold underlined #000000 on #f0e442
        ",
    );
}

#[test]
fn the_chosen_command_is_reversed() {
    check_styles(
        scenes::palette(),
        &Theme::plain(),
        (40, 10),
        r"
        |   hole              alt-m
        |  : 21-25 bold
        | ▸ hole-length       alt-l
        |  : 0-39 reversed
        |   hole-next         alt-j
        |  : 21-25 bold
        ",
    );
}

#[test]
fn marks_are_explained_as_they_look() {
    check_styles(
        scenes::marks(),
        &Theme::plain(),
        (80, 18),
        r"
        | What the marks mean
        |  : 1-19 bold
        |  text                    a hole with text in it: a run replaces the text on
        |  : 2-5 underlined
        |                          the screen, accepting replaces it for good
        |  ▢                       a hole without text
        |  : 2-2 bold
        |  ░░░                     still masked: nothing is written here yet
        |  : 2-4 dim
        |  ▒▒▒                     the model has a guess here, but not a likely one
        |  : 2-4 dim italic
        |  word                    the model's current guess
        |  : 2-5 dim italic
        |  word                    written in the step just made
        |  : 2-5 bold italic
        |  word                    written: part of the proposal, not of your text
        |  : 2-5 italic
        |  word                    taken back in the step just made
        |  : 2-5 dim crossed_out
        |  word                    held by you: the run cannot change it
        |  : 2-5 bold underlined
        |  word                    your own word, not touched by this run
        |  : 2-5 underlined
        |  ⏎                       a line break in the proposal
        |  : 2-2 dim italic
        |  ┃                       in the margin: this line holds a hole, a run or a
        |  : 2-2 bold
        ",
    );
}

#[test]
fn a_question_shows_its_answers() {
    check_styles(
        scenes::question(),
        &Theme::full(),
        (60, 10),
        r"
        | ! lighthouse.md has changes that are not saved.
        |  : 1-1 bold #b36b00, 3-47 bold #b36b00
        | s save   d discard them   esc stay
        |  : 1-1 bold #0072b2, 3-6 dim, 10-10 bold #0072b2, 12-23 dim, 27-29 bold #0072b2, 31-34 dim
        ",
    );
}

#[test]
fn a_question_keeps_its_answers_without_a_row_for_them() {
    for height in 1..=3 {
        let (buffer, _) = drawn(&mut scenes::question(), &Theme::plain(), (40, height));
        let all = drawing(&buffer, false);
        assert!(all.contains("s save, d discard, esc stay"), "{height}:\n{all}");
    }
}

#[test]
fn no_size_is_too_small_for_any_state() {
    for (name, make) in ALL {
        let mut scene = make();
        for (width, height) in (0..=40).flat_map(|width| (0..=12).map(move |height| (width, height))) {
            let (_, cursor) = drawn(&mut scene, &Theme::full(), (width, height));
            if let Some((x, y)) = cursor {
                assert!(x < width && y < height, "{name} {width}x{height}: cursor at {x}, {y}");
            }
        }
    }
}

#[test]
fn a_frame_smaller_or_larger_than_the_program_knows_is_drawn() {
    for (_, make) in ALL {
        let mut scene = make();
        scene.send(Message::Resize { width: 60, height: 20 });
        for (width, height) in [(1, 1), (30, 5), (59, 19), (90, 30)] {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
            terminal.draw(|frame| draw(&scene.app, &Theme::full(), frame)).unwrap();
        }
    }
}

#[test]
fn drawing_twice_gives_the_same_frame() {
    for (name, make) in ALL {
        let mut scene = make();
        let first = drawn(&mut scene, &Theme::full(), (60, 20));
        assert_eq!(first, drawn(&mut scene, &Theme::full(), (60, 20)), "{name}");
        assert_eq!(first, drawn(&mut make(), &Theme::full(), (60, 20)), "{name}");
    }
}

#[test]
fn without_colour_no_cell_has_one() {
    for (name, make) in ALL {
        let (buffer, _) = drawn(&mut make(), &Theme::plain(), (60, 20));
        assert!(buffer.content.iter().all(|cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset)), "{name}");
    }
}

#[test]
fn glyphs_stand_where_the_layout_put_them() {
    let mut scene = scenes::wide();
    let (buffer, _) = drawn(&mut scene, &Theme::full(), (60, 10));
    let screen = crate::app::layout::screen(&scene.app);
    let area = screen.geometry.here.text;
    for (row, y) in screen.rows.iter().zip(area.y..) {
        for (i, glyph) in row.glyphs.iter().enumerate() {
            let x = area.x + row.column_of(i) as u16;
            assert!(glyph.text.starts_with(buffer[(x, y)].symbol()), "{glyph:?} at {x}");
        }
    }
}

/// What a terminal shows after these frames: it gets the differences only, as the real one does.
#[test]
fn wide_glyphs_leave_nothing_behind() {
    let mut terminal = Terminal::new(TestBackend::new(60, 10)).unwrap();
    for make in [scenes::text, scenes::wide, scenes::run, scenes::wide, scenes::review, scenes::sideways, scenes::wide]
    {
        let mut scene = make();
        scene.send(Message::Resize { width: 60, height: 10 });
        terminal.draw(|frame| draw(&scene.app, &Theme::full(), frame)).unwrap();
        let (fresh, _) = drawn(&mut scene, &Theme::full(), (60, 10));
        assert_eq!(drawing(terminal.backend().buffer(), false), drawing(&fresh, false));
    }
}

#[test]
fn the_cursor_is_where_the_next_character_goes() {
    let cursor = |mut scene: Scene| drawn(&mut scene, &Theme::plain(), (60, 10)).1;
    assert_eq!(cursor(Scene::empty()), Some((6, 1)));
    assert_eq!(cursor(scenes::text()), Some((11, 2)));
    assert_eq!(cursor(scenes::find()), Some((10, 8)), "in the prompt");
    assert_eq!(cursor(scenes::find().keys("left*2")), Some((8, 8)));
    assert_eq!(cursor(scenes::question()), None);
    assert_eq!(cursor(scenes::help()), None);
}

#[test]
fn long_names_and_inputs_are_cut_to_what_fits() {
    let typed = "a_very_long_name_of_a_file_in_a_deep_folder_";
    let mut scene = scenes::text().keys(&format!("alt-s \"{}\"", typed.repeat(2)));
    let (buffer, cursor) = drawn(&mut scene, &Theme::plain(), (40, 10));
    assert!(words(&buffer, 8).starts_with(" save as"), "{}", words(&buffer, 8));
    assert_eq!(cursor.map(|(_, y)| y), Some(8));
    let path = Some(format!("{}.md", typed.repeat(2)).into());
    let opened = Opened { path, text: "x".into(), read_only: true, ..Opened::default() };
    let mut scene = Scene::empty().sent(Message::Opened(Ok(opened)));
    let (buffer, _) = drawn(&mut scene, &Theme::plain(), (40, 10));
    let header = words(&buffer, 0);
    assert!(header.contains('…') && header.contains("read only") && header.contains("1:1"), "{header}");
}
