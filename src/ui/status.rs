//! The lines around the text: header, rule, status and hints. What they say comes from [`crate::app::status`].
//!
//! The rule carries the progress bar at its right end and the cell at the caret at its left. When room is short, whole
//! pieces go, the least important first; only then are words cut.

use ratatui::buffer::Buffer;

use crate::app::infill::{Run, Stage};
use crate::app::notice::Severity;
use crate::app::panel::Panel;
use crate::app::status::{Hint, Progress, Status, Timeline};
use crate::app::view::Geometry;
use crate::app::{App, hints, layout};
use crate::ui::theme::Theme;
use crate::ui::{help, pen};

/// What stands between the pieces of an activity.
const BETWEEN: &str = " · ";

/// Draws header, rule, status and hints.
pub(crate) fn draw(app: &App, words: &Status, (theme, geometry): (&Theme, Geometry), buffer: &mut Buffer) {
    if let Some(y) = geometry.header {
        header(words, theme, y, buffer);
    }
    if let Some(y) = geometry.rule {
        rule(words, (theme, geometry), y, buffer);
    }
    if let Some(y) = geometry.hints {
        draw_hints(app, &words.hints, (theme, y), buffer);
    }
    let Some(y) = geometry.status else { return };
    match (app.panel(), &words.notice) {
        (Panel::Help(top), _) => {
            let text = help::place(app, *top);
            pen::put(buffer, (1, y), &text, usize::from(buffer.area.width).saturating_sub(2), theme.words.plain);
        }
        (_, Some(notice)) => {
            let (sign, style) = match notice.severity {
                Severity::Info => (theme.glyphs.info, theme.words.plain),
                Severity::Warning => (theme.glyphs.warning, theme.words.warning),
                Severity::Error => (theme.glyphs.error, theme.words.error),
            };
            pen::sentence(buffer, y, sign, &notice.text, style);
        }
        _ => activity(app, words, (theme, y), buffer),
    }
}

/// Name on the left, place and model on the right.
fn header(words: &Status, theme: &Theme, y: u16, buffer: &mut Buffer) {
    let columns = usize::from(buffer.area.width);
    let documents = if words.documents.is_empty() { String::new() } else { format!("  {}", words.documents) };
    let mut flag = documents + &words.encoding.map_or_else(String::new, |name| format!("  {name}"));
    if words.read_only {
        flag += "  read only";
    }
    let extra = pen::width(&flag) + 2 * usize::from(words.dirty);
    let least = pen::width(&words.name).min(14) + extra + 4;
    let brief = words.place.split(' ').next().unwrap_or_default();
    let [whole, shorter] = [words.place.as_str(), brief].map(|place| format!("{place}   {}", words.model));
    let right = [whole.as_str(), shorter.as_str(), words.place.as_str(), brief, ""]
        .into_iter()
        .find(|right| least + pen::width(right) <= columns)
        .unwrap_or_default();
    let free = columns.saturating_sub(pen::width(right) + extra + if right.is_empty() { 2 } else { 4 });
    let mut x = pen::put(buffer, (u16::from(columns > 2), y), &words.name, free.max(1), theme.words.strong);
    if words.dirty {
        x = pen::put(buffer, (x + 1, y), theme.glyphs.dirty, 1, theme.words.progress);
    }
    pen::put(buffer, (x, y), &flag, columns, theme.words.quiet);
    let at = columns.saturating_sub(pen::width(right) + 1) as u16;
    if !right.is_empty() {
        pen::put(buffer, (at, y), right, columns, theme.words.quiet);
    }
}

fn rule(words: &Status, (theme, geometry): (&Theme, Geometry), y: u16, buffer: &mut Buffer) {
    let columns = usize::from(buffer.area.width);
    pen::fill(buffer, (0, y), theme.glyphs.rule, columns, theme.words.rule);
    let mut right = columns;
    let mut left = 2;
    if !words.mode.is_empty() {
        let said = format!(" {} ", words.mode);
        left = 1 + pen::put(buffer, (left, y), &said, columns.saturating_sub(3), theme.words.key);
    }
    if let Some(bar) = layout::bar(geometry, buffer.area.width)
        && (words.progress.is_some() || words.timeline.is_some())
    {
        right = usize::from(bar.x.saturating_sub(1));
        pen::blank(buffer, (right as u16, y), 1, theme.words.plain);
        let room = usize::from(bar.width);
        let number = match (words.timeline, words.progress) {
            (Some(Timeline { at, of, .. }), _) => {
                // The handle is somewhere on the bar: at its ends for the first and the last step.
                let handle = (room - 1) * at / (of - 1).max(1);
                pen::fill(buffer, (bar.x, y), theme.glyphs.done, handle, theme.words.progress);
                pen::put(buffer, (bar.x + handle as u16, y), theme.glyphs.handle, 1, theme.words.strong);
                format!("{}/{of}", at + 1)
            }
            (None, progress) => {
                let (done, of) = progress.map_or((0, 1), |Progress { done, of }| (done, of));
                pen::fill(buffer, (bar.x, y), theme.glyphs.done, room * done / of.max(1), theme.words.progress);
                format!("{:>3} %", done * 100 / of.max(1))
            }
        };
        let number = format!("{:<1$}", format!(" {number} "), usize::from(layout::BAR_NUMBER));
        pen::put(buffer, (bar.x + bar.width, y), &number, columns, theme.words.plain);
    }
    if let Some(cell) = &words.cell
        && right > 14 + usize::from(left)
    {
        let room = right - usize::from(left);
        let said = format!(" {} ", pen::shorten(cell, room - 4));
        pen::put(buffer, (left, y), &said, room - 2, theme.words.plain);
    }
}

/// The sign and the words of what is going on.
fn activity(app: &App, words: &Status, (theme, y): (&Theme, u16), buffer: &mut Buffer) {
    if words.activity.is_empty() {
        return;
    }
    let glyphs = &theme.glyphs;
    let (sign, style) = match app.infill().stage() {
        Stage::Idle if app.document().holes().is_empty() => (glyphs.info, theme.words.quiet),
        Stage::Idle => (glyphs.hole, theme.page.bar_hole),
        Stage::Waiting => (glyphs.waiting, theme.words.progress),
        Stage::Running if app.infill().run().is_some_and(Run::is_paused) => (glyphs.paused, theme.words.progress),
        Stage::Running => (glyphs.running, theme.words.progress),
        Stage::Review => (glyphs.review, theme.words.progress),
    };
    let columns = usize::from(buffer.area.width);
    let x = pen::put(buffer, (u16::from(columns > 2), y), sign, columns, style);
    let room = columns.saturating_sub(usize::from(x) + 2);
    pen::put(buffer, (x + 1, y), &condensed(&words.activity, room), room.max(1), theme.words.plain);
}

/// Leaves out pieces of an activity until it fits: those before the last first, which is the seed, then that.
fn condensed(activity: &str, columns: usize) -> String {
    let mut pieces: Vec<&str> = activity.split(BETWEEN).collect();
    while pieces.len() > 1 && pen::width(&pieces.join(BETWEEN)) > columns {
        let leaves = if pieces.len() > 2 { pieces.len() - 2 } else { 1 };
        pieces.remove(leaves);
    }
    let left = pieces.join(BETWEEN);
    // What it is about goes before how far it is.
    match left.split_once("   ") {
        Some((_, how_far)) if pen::width(&left) > columns => pen::shorten(how_far, columns),
        _ => pen::shorten(&left, columns),
    }
}

/// Keys and what they do.
fn draw_hints(app: &App, hints: &[Hint], (theme, y): (&Theme, u16), buffer: &mut Buffer) {
    let columns = usize::from(buffer.area.width);
    for placed in hints::placed(app.panel(), hints, buffer.area.width) {
        pen::put(buffer, (placed.x, y), &placed.hint.key, columns, theme.words.key);
        pen::put(buffer, (placed.words(), y), placed.hint.does, columns, theme.words.quiet);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_an_activity_go_before_its_words() {
        let whole = "filling 2 holes   step 7/16 · 9 of 21 left · 7 passes · 0.4 s · 31 tok/s · seed 4821";
        assert_eq!(condensed(whole, 90), whole);
        assert_eq!(condensed(whole, 77), "filling 2 holes   step 7/16 · 9 of 21 left · 7 passes · 0.4 s · seed 4821");
        assert_eq!(condensed(whole, 50), "filling 2 holes   step 7/16 · seed 4821");
        assert_eq!(condensed(whole, 30), "filling 2 holes   step 7/16");
        assert_eq!(condensed(whole, 12), "step 7/16");
        assert_eq!(condensed("2 holes marked", 8), "2 holes…");
    }
}
