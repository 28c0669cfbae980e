//! Two windows.

use super::Desk;
use super::buffers::open;
use crate::app::effect::Effect;
use crate::app::layout::{geometry, screen};
use crate::app::message::{Message, Mouse, MouseKind};

/// What each window shows, that with the keys first.
fn windows(desk: &Desk) -> (String, String) {
    let shown = screen(&desk.app);
    let first = |rows: &[crate::app::layout::Row]| {
        rows.first().map_or(String::new(), |row| row.glyphs.iter().map(|glyph| glyph.text.as_str()).collect())
    };
    (first(&shown.rows), first(&shown.other))
}

/// The carets of the window without the keys.
fn carets_beside(desk: &Desk) -> Vec<usize> {
    let pane = desk.app.other_pane().unwrap();
    pane.selections.all().iter().map(|selection| selection.head).collect()
}

fn lines(count: usize) -> String {
    (0..count).map(|line| format!("line {line}\n")).collect()
}

/// Room for two windows one above the other.
fn tall(drawing: &str) -> Desk {
    let mut desk = Desk::new(drawing);
    desk.send(Message::Resize { width: 40, height: 24 });
    desk
}

#[test]
fn two_windows_show_two_places_of_a_document_and_both_follow_what_is_typed() {
    let mut desk = tall(&format!("[|]{}", lines(60)));
    desk.keys("alt-v");
    assert_eq!(windows(&desk), ("line 0".into(), "line 0".into()));
    desk.keys("ctrl-end");
    let (here, other) = windows(&desk);
    assert!(here.starts_with("line 5") && other == "line 0", "{here} {other}");
    desk.keys("alt-t");
    assert_eq!(windows(&desk), (other, here), "each has kept its place");
    let end = desk.app.document().buffer().len();
    assert_eq!((desk.app.document().caret(), carets_beside(&desk)), (0, vec![end]));
    desk.keys("\"ab\" enter");
    assert_eq!(carets_beside(&desk), [end + 3], "the other caret stays before the same text");
    desk.keys("ctrl-z ctrl-z alt-t");
    assert_eq!(desk.app.document().caret(), end);
    desk.keys("alt-v");
    assert!(desk.app.other_pane().is_none());
    assert_eq!(desk.app.document().caret(), end, "the window that had the keys is left");
}

#[test]
fn two_windows_show_two_documents_and_keys_go_to_one() {
    let mut desk = tall("one[|]");
    desk.keys("alt-v");
    open(&mut desk, "b.txt", "two");
    assert_eq!(windows(&desk), ("two".into(), "one".into()));
    desk.keys("end \"!\" alt-t");
    assert_eq!((windows(&desk), desk.drawing().as_str()), (("one".into(), "two!".into()), "one[|]"));
    desk.keys("\"?\" alt-t ctrl-z");
    assert_eq!(windows(&desk), ("two".into(), "one?".into()));
    // The same document in both, and then another again: the place of the window beside is kept.
    desk.keys("home ctrl-pageup");
    assert_eq!(windows(&desk), ("one?".into(), "one?".into()));
    desk.keys("home ctrl-pagedown alt-t");
    assert_eq!(desk.drawing(), "one?[|]");
    desk.keys("alt-t ctrl-w");
    assert_eq!(windows(&desk), ("one?".into(), "one?".into()), "what is closed is gone from its window only");
    desk.keys("ctrl-w d");
    assert!(desk.app.other_pane().is_none(), "nothing is left that it could show");
}

#[test]
fn a_document_that_is_open_already_is_not_read_again() {
    let mut desk = tall(&format!("[|]{}", lines(60)));
    desk.keys("alt-v ctrl-end");
    let before = windows(&desk);
    open(&mut desk, "a.txt", "short");
    assert_eq!(windows(&desk), before);
}

#[test]
fn there_are_two_windows_only_where_there_is_room() {
    let mut desk = Desk::new("one[|]");
    desk.send(Message::Resize { width: 40, height: 9 });
    desk.keys("alt-v");
    assert!(desk.notice().contains("no room"), "{}", desk.notice());
    desk.keys("alt-t");
    assert!(desk.notice().contains("alt-v shows two"), "{}", desk.notice());
    desk.send(Message::Resize { width: 140, height: 9 });
    desk.keys("alt-v");
    let both = geometry(&desk.app);
    assert_eq!(both.other.map(|other| other.page.y), Some(both.here.page.y), "side by side");
    assert!(both.here.page.x > 60, "the right one has the keys");
    desk.send(Message::Resize { width: 40, height: 9 });
    assert!(desk.app.other_pane().is_none());
    desk.send(Message::Resize { width: 40, height: 30 });
    let both = geometry(&desk.app);
    assert!(both.other.is_some_and(|other| other.page.y < both.here.page.y), "one above the other");
}

#[test]
fn the_mouse_gives_keys_to_a_window_and_scrolls_the_other() {
    let mut desk = tall(&format!("[|]{}", lines(60)));
    desk.keys("alt-v ctrl-end");
    let other = geometry(&desk.app).other.unwrap();
    let (column, row) = (other.text.x + 3, other.text.y + 4);
    let mouse = |kind| Message::Mouse(Mouse { kind, column, row, clicks: 1, shift: false });
    let here = windows(&desk).0;
    desk.send(mouse(MouseKind::ScrollDown));
    assert_eq!(windows(&desk), (here.clone(), "line 3".into()));
    desk.send(mouse(MouseKind::Down));
    assert_eq!(windows(&desk), ("line 3".into(), here));
    let line = desk.app.document().buffer().line_start(7);
    assert_eq!(desk.app.document().caret(), line + 3);
    desk.send(mouse(MouseKind::Up));
    open(&mut desk, "b.txt", &lines(40));
    desk.keys("alt-t");
    let other = geometry(&desk.app).other.unwrap();
    assert_eq!((other.text.x + 3, other.text.y + 4), (column, row));
    let before = windows(&desk).1;
    desk.send(mouse(MouseKind::ScrollDown));
    assert_ne!(windows(&desk).1, before, "also where it shows another document");
}

#[test]
fn a_run_goes_on_to_be_seen_in_the_other_window() {
    let mut desk = tall("a ⟦b⟧[|] c");
    desk.keys("alt-v");
    open(&mut desk, "b.txt", "two");
    desk.keys("alt-t f5").frame(&["+the -"]);
    desk.keys("f6 alt-t");
    assert_eq!(windows(&desk).0, "two");
    assert!(windows(&desk).1.starts_with("a the"), "{:?}", windows(&desk));
    desk.finish(&["+the +end"]);
    assert!(windows(&desk).1.starts_with("a theend"), "{:?}", windows(&desk));
}

#[test]
fn colours_are_asked_for_in_both_windows() {
    let mut desk = tall(&format!("[|]{}", lines(900)));
    let asked = |effects: &[Effect]| -> Vec<(bool, usize)> {
        let request = |effect: &Effect| match effect {
            Effect::Highlight(request) => Some((request.beside, request.lines.start)),
            _ => None,
        };
        effects.iter().filter_map(request).collect()
    };
    let mut press = |key: &str| {
        desk.now += std::time::Duration::from_millis(10);
        desk.app.update(desk.now, Message::Key(key.parse().unwrap()))
    };
    assert_eq!(asked(&press("alt-v")), [(true, 0)], "the one that had the keys has what it needs");
    let far = asked(&press("ctrl-end"));
    assert!(far.len() == 1 && !far[0].0 && far[0].1 > 700, "{far:?}");
    assert_eq!(asked(&press("x")).len(), 2, "an edit may change both");
    assert_eq!(asked(&press("alt-t")), [], "each takes its colours along");
}
