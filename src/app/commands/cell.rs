//! Commands about the cell at the caret: what stands there is held, exchanged, banned, masked again or typed.

use crate::app::App;
use crate::app::commands::run::has_session;
use crate::app::keymap::Context;
use crate::app::layout::moves::Spot;
use crate::app::panel::{Asked, Panel, Prompt};
use crate::app::side::Side;
use crate::engine::protocol::{Act, HoleId, Place};
use crate::text::selection::Selection;

/// Opens or closes the panel about the cell at the caret; the caret goes to a cell if it is at none.
pub(crate) fn inspect(app: &mut App) {
    if !has_session(app) {
        return;
    }
    app.side.toggle(Side::Inspect);
    if app.side == Side::Inspect {
        app.focus = Context::Run;
        go_to_a_cell(app);
    }
}

/// Opens or closes the comparison of the branches.
pub(crate) fn compare(app: &mut App) {
    if has_session(app) {
        app.side.toggle(Side::Compare);
    }
}

fn go_to_a_cell(app: &mut App) {
    if app.cell_at_caret().is_some() {
        return;
    }
    let first = app.infill.overlay().iter().find(|cells| !cells.cells.is_empty());
    let spot = first.and_then(|cells| Some(Spot::before_cell(app.document.holes().get(cells.id.0)?, cells, 0)));
    if let Some(spot) = spot {
        app.document.select(Selection::caret(spot.pos));
        app.view.caret_cell = spot.cell;
    }
}

/// The cell at the caret; where it is at none it goes to one, and that is said.
fn cell(app: &mut App) -> Option<Place> {
    if !has_session(app) {
        return None;
    }
    let place = app.cell_at_caret();
    if place.is_none() {
        go_to_a_cell(app);
        app.inform("The caret was on no word of the run and is on one now; the arrow keys move it.");
    }
    place
}

fn act(app: &mut App, what: fn(Place) -> Act) {
    if let Some(place) = cell(app) {
        app.steer(vec![what(place)]);
    }
}

pub(crate) fn pin(app: &mut App) {
    act(app, Act::Pin);
}

pub(crate) fn unpin(app: &mut App) {
    act(app, Act::Unpin);
}

pub(crate) fn mask(app: &mut App) {
    act(app, Act::Mask);
}

/// Never what stands here, here.
pub(crate) fn ban(app: &mut App) {
    if let Some(place) = cell(app) {
        match app.shown_cell().and_then(|cell| cell.token) {
            Some(token) => app.steer(vec![Act::Ban(place, token)]),
            None => app.inform("Nothing stands here yet that could be banned."),
        }
    }
}

/// Never what stands here, anywhere in this run.
pub(crate) fn ban_everywhere(app: &mut App) {
    if cell(app).is_some() {
        match app.shown_cell().and_then(|cell| cell.token) {
            Some(token) => app.steer(vec![Act::BanEverywhere(token)]),
            None => app.inform("Nothing stands here yet that could be banned."),
        }
    }
}

/// Asks for a word to stand here; [`take_word`] follows.
pub(crate) fn ask_word(app: &mut App) {
    if let Some(place) = cell(app) {
        let text = app.shown_cell().map(|cell| cell.text.trim().to_owned()).unwrap_or_default();
        app.panel = Panel::Prompt(Prompt::new(Asked::Word { hole: place.hole.0, cell: place.cell }, text));
    }
}

pub(crate) fn take_word(app: &mut App, (hole, cell): (u64, usize), typed: &str) -> Option<&'static str> {
    if typed.trim().is_empty() {
        return Some("Type the word that is to stand there.");
    }
    app.steer(vec![Act::Write(Place { hole: HoleId(hole), cell }, typed.to_owned())]);
    None
}

/// Puts the alternative of this number here.
pub(crate) fn choose<const N: usize>(app: &mut App) {
    if let Some(place) = cell(app) {
        choose_number(app, place, N);
    }
}

pub(crate) fn choose_number(app: &mut App, place: Place, number: usize) {
    match app.offer(number) {
        Some(token) => app.steer(vec![Act::Choose(place, token)]),
        None => app.inform(format!("The model offers no {number}. alternative here.")),
    }
}
