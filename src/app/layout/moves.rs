//! Moving over the screen: from spots to columns and back, by character, by cell, by row.
//!
//! A [`Spot`] is where a caret can stand: a position of the document or, in a hole with cells over it, before a cell.
//! Normal form: before the first cell is the hole's start, behind the last is the hole's end; only behind the last cell
//! of a hole without text does the cell have to say on which side of the hole the caret is.

use std::ops::Range;

use crate::app::App;
use crate::app::infill::overlay::HoleCells;
use crate::app::layout::pane::Pane;
use crate::app::layout::unit::{next_unit, prev_unit, rows, unit_at};
use crate::app::layout::{Glyph, Look, Row, Style, screen};
use crate::app::view::Top;
use crate::engine::protocol::HoleId;
use crate::text::holes::Hole;

/// Where a caret can stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) pos: usize,
    pub(crate) cell: Option<(HoleId, usize)>,
}

impl Spot {
    pub(crate) fn at(pos: usize) -> Self {
        Self { pos, cell: None }
    }

    /// The caret's.
    pub(crate) fn caret(app: &App) -> Self {
        Self { pos: app.document().caret(), cell: app.view().caret_cell() }
    }

    /// The spot before cell `k`, in normal form.
    pub(crate) fn before_cell(hole: &Hole, cells: &HoleCells, k: usize) -> Self {
        let (n, range) = (cells.cells.len(), &hole.range);
        match k {
            0 if n > 0 || !range.is_empty() => Self::at(range.start),
            k if k >= n && !range.is_empty() => Self::at(range.end),
            k => Self { pos: range.start, cell: Some((cells.id, k.min(n))) },
        }
    }

    pub(crate) fn right(self, app: &App) -> Self {
        let buffer = app.document().buffer();
        if let Some((hole, cells)) = self.cell.and_then(|(id, _)| covered(app, id)) {
            let k = self.cell.map_or(0, |(_, k)| k);
            if k < cells.cells.len() {
                return Self::before_cell(hole, cells, k + 1);
            }
        } else if let Some((hole, cells)) = covered_at(app, |range| range.start == self.pos)
            && (!cells.cells.is_empty() || !hole.range.is_empty())
        {
            return Self::before_cell(hole, cells, 1);
        }
        Self::at(buffer.next_grapheme(self.pos)).out_of_holes(app, Side::After)
    }

    pub(crate) fn left(self, app: &App) -> Self {
        if let Some((hole, cells)) = self.cell.and_then(|(id, _)| covered(app, id)) {
            let k = self.cell.map_or(0, |(_, k)| k);
            return if k == 0 { Self::at(hole.range.start) } else { Self::before_cell(hole, cells, k - 1) };
        }
        if let Some((hole, cells)) = covered_at(app, |range| range.end == self.pos && !range.is_empty()) {
            return Self::before_cell(hole, cells, cells.cells.len().saturating_sub(1));
        }
        let pos = app.document().buffer().prev_grapheme(self.pos);
        if pos == self.pos {
            return self;
        }
        behind(app, pos).out_of_holes(app, Side::Before)
    }

    /// Out of text that cells hide, to this side of the hole.
    pub(crate) fn out_of_holes(self, app: &App, side: Side) -> Self {
        match covered_at(app, |range| range.start < self.pos && self.pos < range.end) {
            Some((hole, _)) if side == Side::After => Self::at(hole.range.end),
            Some((hole, _)) => Self::at(hole.range.start),
            None => self,
        }
    }
}

/// A side of a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Before,
    After,
}

/// The hole and the cells over it, if there are any over it.
pub(crate) fn covered(app: &App, id: HoleId) -> Option<(&Hole, &HoleCells)> {
    let cells = app.infill().cells_of(id)?;
    let shown = !cells.cells.is_empty() || app.infill().is_settled();
    shown.then_some(())?;
    Some((app.document().holes().get(id.0)?, cells))
}

pub(crate) fn covered_at(app: &App, test: impl Fn(&Range<usize>) -> bool) -> Option<(&Hole, &HoleCells)> {
    app.infill().overlay().iter().filter_map(|cells| covered(app, cells.id)).find(|(hole, _)| test(&hole.range))
}

/// The spot at a position, behind the cells of an empty hole that stands there.
fn behind(app: &App, pos: usize) -> Spot {
    match covered_at(app, |range| range.is_empty() && range.start == pos) {
        Some((hole, cells)) => Spot::before_cell(hole, cells, cells.cells.len()),
        None => Spot::at(pos),
    }
}

/// The column of the spot `(pos, cell)` if it is on this row.
pub(crate) fn column_in(app: &App, row: &Row, pos: usize, cell: Option<(HoleId, usize)>) -> Option<usize> {
    let at_end = |pos: usize| (row.ends_unit && pos == row.range.end).then(|| row.width());
    if let Some((hole, cells)) = cell.and_then(|(id, _)| covered(app, id))
        && let Some((id, k)) = cell
    {
        let behind_all = k >= cells.cells.len();
        let text =
            |glyph: &Glyph| glyph.cell.is_none() && glyph.look != Look::EmptyHole && glyph.pos == hole.range.start;
        let here = |glyph: &Glyph| if behind_all { text(glyph) } else { glyph.cell == Some((id, k)) };
        let found = row.glyphs.iter().position(here);
        return found.map(|i| row.column_of(i)).or_else(|| behind_all.then(|| at_end(hole.range.start)).flatten());
    }
    let pos = Spot::at(pos).out_of_holes(app, Side::Before).pos;
    let here = |i: &usize| row.glyphs[*i].pos == pos && row.glyphs[*i].cell.is_none_or(|(_, k)| k == 0);
    let found = (0..row.glyphs.len()).find(here);
    found.map(|i| row.column_of(i)).or_else(|| at_end(pos))
}

/// The spot at a column of a row; the nearest one left of it where the column is in the middle of something.
pub(crate) fn spot_at(app: &App, row: &Row, column: usize) -> Spot {
    let mut passed = row.indent;
    let found = row.glyphs.iter().find(|glyph| {
        passed += glyph.width;
        column < passed
    });
    let glyph = match found {
        None if row.ends_unit => return behind(app, row.range.end),
        None => row.glyphs.last(),
        found => found,
    };
    match glyph {
        None => Spot::at(row.range.start),
        Some(glyph) => match glyph.cell.and_then(|(id, k)| Some((covered(app, id)?, k))) {
            Some(((hole, cells), k)) => Spot::before_cell(hole, cells, k),
            None if glyph.look == Look::EmptyHole => Spot::at(glyph.pos),
            None => behind(app, glyph.pos),
        },
    }
}

/// Where the caret goes when a run starts: to the first hole, where no hole is in sight, or where more than it was
/// selected; else it stays.
pub(crate) fn place_to_watch(app: &App, holes: &[HoleId]) -> usize {
    let ranges = holes.iter().filter_map(|id| app.document().holes().get(id.0)).map(|hole| hole.range.clone());
    let (selection, caret) = (app.document().selection(), app.document().caret());
    let around = !selection.is_caret() && !ranges.clone().any(|range| (range.start..=range.end).contains(&caret));
    let in_sight = || screen(app).rows.iter().any(|row| row.holds_hole);
    let first = ranges.map(|range| range.start).min();
    first.filter(|_| around || !in_sight()).unwrap_or(caret)
}

/// Walks over the rows of the document, up and down, laying out one unit at a time.
pub(crate) struct Walker<'a> {
    pane: Pane<'a>,
    style: Style,
    unit: Range<usize>,
    rows: Vec<Row>,
    at: usize,
}

impl<'a> Walker<'a> {
    /// Begins at a row, or the last of its unit where that has fewer.
    pub(crate) fn new(pane: Pane<'a>, top: Top) -> Self {
        let style = Style::of(pane);
        let unit = unit_at(pane, top.pos);
        let rows = rows(pane, &unit, style);
        let at = top.row.min(rows.len() - 1);
        Self { pane, style, unit, rows, at }
    }

    /// Begins at the caret's row.
    pub(crate) fn at_caret(app: &'a App) -> Self {
        Self::at(app, Spot::caret(app))
    }

    /// Begins at the row of a spot.
    pub(crate) fn at(app: &'a App, spot: Spot) -> Self {
        let mut walker = Self::new(app.pane(), Top { pos: spot.pos, row: 0 });
        let holds = |row: &Row| column_in(app, row, spot.pos, spot.cell).is_some();
        walker.at = walker.rows.iter().position(holds).unwrap_or(0);
        walker
    }

    /// Where it stands.
    pub(crate) fn top(&self) -> Top {
        Top { pos: self.unit.start, row: self.at }
    }

    /// The row it stands on.
    pub(crate) fn row(&self) -> &Row {
        &self.rows[self.at]
    }

    /// The row it stands on, for whoever goes on downwards and does not come back to it.
    pub(crate) fn take_row(&mut self) -> Row {
        std::mem::take(&mut self.rows[self.at])
    }

    /// One row down; false at the end of the document.
    pub(crate) fn down(&mut self) -> bool {
        if self.at + 1 < self.rows.len() {
            self.at += 1;
            return true;
        }
        let Some(unit) = next_unit(self.pane, &self.unit) else { return false };
        self.enter(unit);
        self.at = 0;
        true
    }

    /// One row up; false at the start of the document.
    pub(crate) fn up(&mut self) -> bool {
        if self.at > 0 {
            self.at -= 1;
            return true;
        }
        let Some(unit) = prev_unit(self.pane, &self.unit) else { return false };
        self.enter(unit);
        self.at = self.rows.len() - 1;
        true
    }

    fn enter(&mut self, unit: Range<usize>) {
        self.rows = rows(self.pane, &unit, self.style);
        self.unit = unit;
    }
}

/// The top so many rows down (negative: up), but no further down than the window stays full.
pub(crate) fn scrolled(pane: Pane<'_>, rows: isize) -> Top {
    let from = pane.view.top;
    let mut walker = Walker::new(pane, from);
    let here = walker.top();
    let step: fn(&mut Walker<'_>) -> bool = if rows < 0 { |walker| walker.up() } else { |walker| walker.down() };
    _ = (0..rows.unsigned_abs()).all(|_| step(&mut walker));
    let to = filled(pane, walker.top());
    // Whoever has scrolled beyond the end already is not taken back by going on.
    if rows > 0 && (to.pos, to.row) < (here.pos, here.row) { here } else { to }
}

/// The top from which on the window is full, as far as there is text above it.
pub(crate) fn filled(pane: Pane<'_>, top: Top) -> Top {
    let height = usize::from(pane.window.text.height).max(1);
    let mut below = Walker::new(pane, top);
    let rows = 1 + (1..height).take_while(|_| below.down()).count();
    let mut walker = Walker::new(pane, top);
    _ = (rows..height).all(|_| walker.up());
    walker.top()
}

/// Where a spot gets by so many rows down (negative: up), and the column it tries to keep, which may be given. Past the
/// first row is the start of the document, past the last its end.
pub(crate) fn by_rows(app: &App, spot: Spot, goal: Option<usize>, rows: isize) -> (Spot, usize) {
    let mut walker = Walker::at(app, spot);
    let column = column_in(app, walker.row(), spot.pos, spot.cell).unwrap_or(0);
    let goal = goal.unwrap_or(column);
    for moved in 0..rows.unsigned_abs() {
        let more = if rows < 0 { walker.up() } else { walker.down() };
        if !more && moved == 0 {
            let edge = if rows < 0 { 0 } else { app.document().buffer().len() };
            return (Spot::at(edge), goal);
        }
        if !more {
            break;
        }
    }
    (spot_at(app, walker.row(), goal), goal)
}
