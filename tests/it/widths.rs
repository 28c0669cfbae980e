//! Widths: what the program believes a character to take is where the terminal puts what stands behind it.

use lacuna::text::measure::display_width;

use crate::terminal::{Place, until};

/// Clusters of every kind that terminals and editors have disagreed about.
const TRICKY: [&str; 18] = [
    "plain",
    "字漢",
    "e\u{301}e\u{301}\u{308}",
    "👍👍🏽",
    "👨\u{200d}👩\u{200d}👧",
    "❤❤\u{fe0f}",
    "ｶﾞ",
    "🇩🇪🇫🇷",
    "1\u{fe0f}\u{20e3}",
    "a\u{200b}b\u{2060}c",
    "שלום",
    "a\u{202e}b",
    "กำนิ",
    "नमस्ते",
    "\u{1112}\u{1161}\u{11ab}",
    "\u{85}\u{7f}\u{1b}",
    "ａ１～",
    "\t字\t",
];

#[test]
fn what_stands_behind_a_cluster_is_where_the_program_believes_it_to_be() {
    let place = Place::new();
    let text: String = TRICKY.iter().map(|tricky| format!("{tricky}|end\n")).collect();
    place.write("a.txt", &text);
    let mut session = place.without_model("a.txt");
    session.wait_for("end");
    // Also when only some cells are drawn anew: a line goes off the screen, and comes back.
    for keys in ["ctrl-end", "ctrl-home", "down*9 end", "ctrl-home"] {
        session.keys(keys);
        until("every line to end where it should", || {
            TRICKY.iter().enumerate().all(|(line, tricky)| {
                // Line numbers take 6 columns; tab stops are 4 apart.
                let column = 6 + display_width(tricky, 4) as u16;
                let cells = (column..column + 4).map(|at| session.cell((1 + line as u16, at)));
                cells.map(|cell| cell.contents().to_owned()).collect::<String>() == "|end"
            })
        });
    }
    session.quit();
}
