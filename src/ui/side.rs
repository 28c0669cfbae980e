//! What is open beside the text: the cell at the caret with what else could stand there, or the branches compared
//! word by word or in columns.
//!
//! Below the text each entry has one row; in a column of its own it takes as many as its words need. The heading stands on
//! a rule. A likelihood is a bar and a number, so that neither colour nor a glyph tells it alone.

use ratatui::buffer::Buffer;
use ratatui::style::Style;

use crate::app::App;
use crate::app::settings::Motion;
use crate::app::side::{Side, Version, in_one_row};
use crate::app::status::count;
use crate::app::view::Area;
use crate::engine::protocol::CellState;
use crate::ui::theme::Theme;
use crate::ui::{lab, pen};

/// Columns of a bar of probability in a wide and in a narrow area.
const BAR: [usize; 2] = [20, 10];

/// An area is wide from this many columns on.
const WIDE: u16 = 60;

/// Columns of a percentage with the word that says when.
const NUMBER: usize = 10;

/// Columns of the words before a bar.
const WORDS: usize = 18;

/// Draws what is open beside the text.
pub(crate) fn draw(app: &App, theme: &Theme, area: Area, buffer: &mut Buffer) {
    for y in area.y..area.y + area.height {
        pen::blank(buffer, (area.x, y), usize::from(area.width), Style::new());
    }
    pen::fill(buffer, (area.x, area.y), theme.glyphs.rule, usize::from(area.width), theme.words.rule);
    match app.side() {
        Side::None => {}
        Side::Inspect => inspect(app, theme, area, buffer),
        Side::Compare => compare(&app.versions(), app.side_top(), (theme, area), buffer),
        Side::Lab => {
            let columns = app.lab_columns();
            let shown = columns.iter().find(|column| column.is_shown).map_or((0, 0), |column| column.passes);
            let looks_back = shown.0 < shown.1 || app.infill().run().is_some();
            let passes = format!("each after {}", count(shown.0, "pass"));
            heading(if looks_back { &passes } else { "each as it came out" }, theme, area, buffer);
            let guesses = app.settings().motion == Motion::Full;
            let inner = Area { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
            let left = lab::draw(&columns, guesses, theme, inner, buffer);
            more(left, theme, area, buffer);
        }
    }
}

fn heading(text: &str, theme: &Theme, area: Area, buffer: &mut Buffer) {
    let room = usize::from(area.width).saturating_sub(4);
    pen::put(buffer, (area.x + 2, area.y), &format!(" {text} "), room, theme.words.plain);
}

fn inspect(app: &App, theme: &Theme, area: Area, buffer: &mut Buffer) {
    let Some(cell) = app.shown_cell() else {
        heading("no word of the run at the caret", theme, area, buffer);
        return;
    };
    let mut words = vec![match cell.state {
        CellState::Masked => "masked".to_owned(),
        _ => format!("{:?} {}", cell.text, state(cell.state)),
    }];
    words.extend(cell.step.map(|step| format!("step {step}")));
    if matches!(cell.state, CellState::JustCommitted | CellState::Committed) {
        words.push(format!("{:.0} % then", cell.probability * 100.0));
    }
    let now = app.judgement();
    words.extend(now.and_then(|now| now.probability).map(|now| format!("{:.0} % now", now * 100.0)));
    match (cell.entropy, now) {
        (Some(then), Some(now)) => words.push(format!("entropy {then:.1} → {:.1}", now.entropy)),
        (Some(then), None) => words.push(format!("entropy {then:.1}")),
        (None, Some(now)) => words.push(format!("entropy {:.1} now", now.entropy)),
        (None, None) => {}
    }
    let wide = area.width >= WIDE;
    let mut y = area.y + 1;
    if wide {
        heading(&words.join(" · "), theme, area, buffer);
    } else {
        // In a column the numbers have rows of their own, below the offers, so that rows stay where clicks expect them.
        heading(&words[0], theme, area, buffer);
    }
    let mut number = 0;
    let end = area.y + area.height;
    let top = app.side_top();
    for (at, offer) in app.offers().into_iter().enumerate() {
        if y >= end {
            break;
        }
        let sign = if offer.stands {
            theme.glyphs.chosen.to_owned()
        } else {
            number += 1;
            if number <= 6 { number.to_string() } else { String::new() }
        };
        if at < top {
            continue;
        }
        let style = if offer.stands { theme.words.strong } else { theme.words.plain };
        pen::put(buffer, (area.x + 1, y), &sign, 1, theme.words.key);
        pen::put(buffer, (area.x + 3, y), &format!("{:?}", offer.text), WORDS, style);
        let shown = offer.now.or(offer.then).unwrap_or(0.0);
        let bar = BAR[usize::from(!wide)];
        let full = ((bar as f32) * shown.clamp(0.0, 1.0)).round() as usize;
        let x = area.x + 4 + WORDS as u16;
        pen::fill(buffer, (x, y), theme.glyphs.rule, bar, theme.words.rule);
        pen::fill(buffer, (x, y), theme.glyphs.done, full, theme.words.progress);
        let room = usize::from((area.x + area.width).saturating_sub(x + bar as u16 + 1));
        let percent = |p: f32, when: &str| match room {
            0..NUMBER => format!("{:>3.0} %", p * 100.0),
            _ => format!("{:>3.0} % {when}", p * 100.0),
        };
        let numbers = match (offer.now, offer.then) {
            (Some(now), Some(then)) if wide => format!("{}   {}", percent(now, "now"), percent(then, "then")),
            (Some(now), _) => percent(now, "now"),
            (None, Some(then)) => percent(then, "then"),
            (None, None) => String::new(),
        };
        pen::put(buffer, (x + bar as u16 + 1, y), &numbers, room, theme.words.quiet);
        y += 1;
    }
    if number == 0 && y < end {
        pen::put(buffer, (area.x + 3, y), "nothing else was considered", WORDS * 2, theme.words.quiet);
        y += 1;
    }
    if !wide {
        for word in words.iter().skip(1).take(usize::from(end.saturating_sub(y + 1))) {
            y += 1;
            pen::put(buffer, (area.x + 3, y), word, usize::from(area.width).saturating_sub(4), theme.words.quiet);
        }
    }
}

fn state(state: CellState) -> &'static str {
    match state {
        CellState::Masked => "",
        CellState::Tentative => "is a guess",
        CellState::JustCommitted | CellState::Committed => "written",
        CellState::Remasked => "taken back",
        CellState::Pinned => "held by you",
        CellState::Original => "your own",
    }
}

fn compare(versions: &[Version], top: usize, (theme, area): (&Theme, Area), buffer: &mut Buffer) {
    let shown = versions.iter().find(|version| version.is_shown).map_or("", |version| version.name.as_str());
    heading(&format!("marked is what differs from {shown}"), theme, area, buffer);
    let names = versions.iter().map(|version| pen::width(&label(version))).max().unwrap_or(0).min(16);
    let end = area.y + area.height;
    for (version, y) in versions.iter().skip(top).zip(area.y + 1..end) {
        let sign = if version.is_shown { theme.glyphs.chosen } else { "" };
        pen::put(buffer, (area.x + 1, y), sign, 1, theme.words.key);
        let style = if version.is_shown { theme.words.strong } else { theme.words.plain };
        pen::put(buffer, (area.x + 3, y), &label(version), names, style);
        let mut x = area.x + 4 + names as u16;
        let nats = version.likelihood.map_or_else(String::new, |nats| format!("{nats:>5.1}"));
        pen::put(buffer, (x, y), &nats, 5, theme.words.quiet);
        x += 5;
        if version.is_likeliest {
            pen::put(buffer, (x, y), theme.glyphs.likeliest, 1, theme.words.progress);
        }
        x += 2;
        let stop = (area.x + area.width).saturating_sub(1);
        for piece in &version.pieces {
            let room = usize::from(stop.saturating_sub(x));
            let style = if piece.differs { theme.words.differs } else { theme.words.plain };
            x = pen::put(buffer, (x, y), &in_one_row(&piece.text), room, style);
        }
    }
    more(versions.len().saturating_sub(top + usize::from(area.height.saturating_sub(1))), theme, area, buffer);
}

/// How many entries have no room, on the rule.
fn more(left: usize, theme: &Theme, area: Area, buffer: &mut Buffer) {
    if left > 0 {
        let more = format!(" {left} more ");
        let x = (area.x + area.width).saturating_sub(more.len() as u16 + 2);
        pen::put(buffer, (x, area.y), &more, more.len(), theme.words.quiet);
    }
}

fn label(version: &Version) -> String {
    version.hole.map_or_else(|| version.name.clone(), |hole| format!("{hole} {}", version.name))
}
