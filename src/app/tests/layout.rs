//! What stands where on the screen.

use super::Desk;
use crate::app::layout::{SEGMENT, screen};
use crate::app::message::Message;

fn caret(desk: &Desk) -> Option<(usize, usize)> {
    screen(&desk.app).caret
}

#[test]
fn long_lines_wrap_at_words_and_are_numbered_once() {
    let mut desk = Desk::new("aaaa bbbb cccc dddd\n[|]e");
    desk.send(Message::Resize { width: 20, height: 14 });
    assert_eq!(crate::app::layout::geometry(&desk.app).here.text.width, 14);
    assert_eq!(desk.rows(), ["aaaa bbbb cccc ", "dddd", "e"]);
    let lines: Vec<Option<usize>> = screen(&desk.app).rows.iter().map(|row| row.line).collect();
    assert_eq!(lines, [Some(0), None, Some(1)]);
    desk.keys("alt-z");
    assert_eq!(desk.rows(), ["aaaa bbbb cccc dddd", "e"]);
}

#[test]
fn a_hole_over_several_lines_hides_them() {
    let mut desk = Desk::new("a ⟦one\ntwo\n⟧b[|]\nc");
    assert_eq!(desk.rows(), ["a one", "two", "b", "c"]);
    desk.keys("f5").frame(&["- +_x"]);
    assert_eq!(desk.rows(), ["a ░░░ x b", "c"]);
    assert_eq!(caret(&desk), Some((0, 9)));
    let lines: Vec<Option<usize>> = screen(&desk.app).rows.iter().map(|row| row.line).collect();
    assert_eq!(lines, [Some(0), Some(3)]);
}

#[test]
fn boxes_only_grow_while_a_run_goes_on() {
    let mut desk = Desk::new("⟦⟧b[|]");
    desk.keys("f5").frame(&["?abcdef -"]);
    assert_eq!(desk.rows(), ["abcdef░░░b"]);
    desk.frame(&["?a +c"]);
    assert_eq!(desk.rows(), ["a     c  b"]);
    desk.finish(&["+a +c"]);
    assert_eq!(desk.rows(), ["acb"]);
}

#[test]
fn the_caret_walks_through_cells() {
    let mut desk = Desk::new("[|]a⟦⟧b");
    desk.keys("f5").finish(&["+xy +z"]).keys("f6");
    let walk: Vec<_> = (0..5)
        .map(|_| {
            desk.keys("right");
            caret(&desk).unwrap().1
        })
        .collect();
    assert_eq!(walk, [1, 3, 4, 5, 5]);
    let back: Vec<_> = (0..5)
        .map(|_| {
            desk.keys("left");
            caret(&desk).unwrap().1
        })
        .collect();
    assert_eq!(back, [4, 3, 1, 0, 0]);
}

#[test]
fn the_caret_walks_through_cells_over_text() {
    let mut desk = Desk::new("[|]a⟦old⟧b");
    desk.keys("f5").finish(&["+xy +z"]).keys("f6");
    let walk: Vec<_> = (0..5)
        .map(|_| {
            desk.keys("right");
            caret(&desk).unwrap().1
        })
        .collect();
    assert_eq!(walk, [1, 3, 4, 5, 5]);
    desk.keys("left left left");
    assert_eq!(caret(&desk), Some((0, 1)));
}

#[test]
fn up_and_down_keep_the_column() {
    let mut desk = Desk::new("abcdef[|]\nab\nabcdef");
    desk.keys("down down");
    assert_eq!(desk.drawing(), "abcdef\nab\nabcdef[|]");
    desk.keys("up up");
    assert_eq!(desk.drawing(), "abcdef[|]\nab\nabcdef");
}

#[test]
fn the_window_follows_the_caret() {
    let mut desk = Desk::new(&format!("[|]{}", "line\n".repeat(100)));
    let height = usize::from(screen(&desk.app).geometry.here.text.height);
    for _ in 0..50 {
        desk.keys("down");
        assert!(caret(&desk).is_some_and(|(row, _)| row < height));
    }
    assert_eq!(caret(&desk).unwrap().0, height - 3);
    for key in ["ctrl-end", "pageup", "ctrl-home", "pagedown", "up", "ctrl-end"] {
        desk.keys(key);
        assert!(caret(&desk).is_some(), "{key}");
    }
}

#[test]
fn a_page_scrolls_a_page_and_a_higher_window_is_full() {
    let mut desk = Desk::new(&format!("[|]{}end", "line\n".repeat(99)));
    let height = usize::from(screen(&desk.app).geometry.here.text.height);
    let first = |desk: &Desk| screen(&desk.app).rows[0].range.start / 5;
    desk.keys("down down down");
    let row = caret(&desk).unwrap().0;
    for pages in 1..=3 {
        desk.keys("pagedown");
        assert_eq!((first(&desk), caret(&desk).unwrap().0), (pages * (height - 1), row));
    }
    desk.keys("pageup");
    assert_eq!((first(&desk), caret(&desk).unwrap().0), (2 * (height - 1), row));
    desk.keys("ctrl-end");
    assert_eq!((first(&desk), caret(&desk).unwrap().0), (100 - height, height - 1));
    desk.send(Message::Resize { width: 40, height: 24 });
    assert_eq!(first(&desk), 100 - usize::from(screen(&desk.app).geometry.here.text.height));
}

#[test]
fn a_very_long_line_costs_a_window_and_not_the_line() {
    let mut desk = Desk::new("[|]");
    desk.send(Message::Paste("word ".repeat(400_000)));
    for keys in ["ctrl-end", "up x", "home", "pageup y", "alt-z", "end", "left z", "ctrl-home"] {
        desk.keys(keys);
        let screen = screen(&desk.app);
        assert!(screen.caret.is_some(), "{keys}");
        assert!(screen.rows.iter().all(|row| row.glyphs.len() < SEGMENT + 64), "{keys}");
    }
}

#[test]
fn a_long_line_is_folded_between_words_and_clusters_and_all_of_it_is_shown() {
    let words = "words and more ".repeat(200);
    // A cluster over the place of the fold, and no blank near it.
    let marked = format!("{}e\u{301}{}", "a".repeat(SEGMENT - 1), "b".repeat(500));
    for line in [words.as_str(), &marked] {
        let mut desk = Desk::new(&format!("[|]{line}\nthe end"));
        desk.send(Message::Resize { width: 80, height: 70 });
        let rows = desk.rows();
        assert_eq!(rows.concat(), format!("{line}the end"));
        let cut = rows.iter().filter(|row| row.ends_with(char::is_alphabetic)).count();
        assert!(!line.contains(' ') || cut <= 1, "{rows:?}");
        // Down goes through all rows, and the caret is seen on each.
        for row in 0..rows.len() {
            assert_eq!(caret(&desk).map(|(row, _)| row), Some(row));
            desk.keys("down");
        }
    }
}

#[test]
fn every_screen_shows_a_caret() {
    let mut desk = Desk::new("a ⟦b⟧\n\tc⟦⟧[|]");
    desk.keys("f5").frame(&["+x -", "-"]);
    for width in [1, 2, 3, 7, 30] {
        for height in [1, 2, 4, 9] {
            desk.send(Message::Resize { width, height });
            let screen = screen(&desk.app);
            assert!(screen.caret.is_some(), "{width}x{height}");
            assert!(screen.rows.len() <= usize::from(screen.geometry.here.text.height).max(1));
        }
    }
}

#[test]
fn the_mark_of_an_empty_hole_stands_behind_the_caret() {
    let desk = Desk::new("ab[|]⟦⟧");
    assert_eq!(desk.rows(), ["ab▢"]);
    assert_eq!(caret(&desk), Some((0, 2)));
}
