//! From document and overlay to rows of glyphs: what stands where on the screen, as a pure function.
//!
//! The document is cut into *units*: a line, or a piece of [`SEGMENT`] characters of a longer one, so that no work ever
//! depends on the length of the document or of a line. A hole with cells over it hides its own text; a unit that ends
//! inside such a hole is joined with the next. Each unit is laid out into rows, wrapped or not. Read [`screen`] first.
//! Columns are terminal cells counted from the left edge of the text, before scrolling to the right.

pub(crate) mod moves;
pub mod pane;
pub(crate) mod unit;

use std::ops::Range;

use compact_str::CompactString;

use crate::app::App;
use crate::app::document::Document;
use crate::app::heat::Heat;
use crate::app::highlight::Tone;
use crate::app::layout::moves::Walker;
use crate::app::layout::pane::Pane;
use crate::app::settings::{Blanks, Motion, Settings};
use crate::app::side::Side;
use crate::app::view::{Area, Geometry, Top, Window};
use crate::engine::protocol::{CellState, HoleId};
use crate::text::selection::Selection;

/// A line longer than this is folded here, in characters, whether long lines wrap or not.
pub const SEGMENT: usize = 1024;

/// A tentative guess less likely than this is shown as shade, not as text.
pub const GUESS_SHOWN: f32 = 0.3;

/// What a glyph stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Look {
    /// The user's text.
    Text,
    /// The user's text in a hole that is marked and has no cells over it.
    Hole,
    /// White space of the user's text, made visible.
    Blank,
    /// The sign of a hole without text.
    EmptyHole,
    /// A cell of a run or a proposal: its token's text.
    Cell {
        /// The state of the cell.
        state: CellState,
        /// The probability of the text.
        probability: f32,
    },
    /// A cell shown as shade: nothing is written there, and there is no likely guess.
    Shade {
        /// The state of the cell.
        state: CellState,
    },
    /// The rest of a cell's box.
    Padding {
        /// The state of the cell.
        state: CellState,
    },
    /// A line break that belongs to a cell.
    Break {
        /// The state of the cell.
        state: CellState,
    },
}

/// What is drawn over a glyph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// It is selected.
    pub selected: bool,
    /// One of several carets stands before it, and it is not the one that the terminal shows.
    pub caret: bool,
    /// It is the bracket at the caret, or its partner.
    pub pair: bool,
    /// It is part of a match of the search.
    pub matched: bool,
    /// It is part of the match the caret is at.
    pub current_match: bool,
    /// It belongs to a proposal in review rather than to a run.
    pub proposed: bool,
    /// What it is in the text's language.
    pub tone: Option<Tone>,
    /// How unlikely its word is, from 0 to 3.
    pub heat: u8,
}

impl Marks {
    /// Nothing.
    pub const NONE: Self = Self {
        selected: false,
        caret: false,
        pair: false,
        matched: false,
        current_match: false,
        proposed: false,
        tone: None,
        heat: 0,
    };
}

/// One thing on a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Glyph {
    /// What to draw; `width` columns of it.
    pub text: CompactString,
    /// Columns.
    pub width: usize,
    /// Where in the document it stands; a cell stands at its hole's start.
    pub pos: usize,
    /// Which cell it belongs to.
    pub cell: Option<(HoleId, usize)>,
    /// What it stands for.
    pub look: Look,
    /// What is drawn over it.
    pub marks: Marks,
}

/// One row of the window.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// The line's number, 0-based, on the first row of a line.
    pub line: Option<usize>,
    /// A hole is on it, with or without cells.
    pub holds_hole: bool,
    /// How unlikely its least likely word is, from 0 to 3; `None` where no word was judged.
    pub heat: Option<u8>,
    /// The line break behind it is selected.
    pub break_selected: bool,
    /// One of several carets stands behind it, and it is not the one that the terminal shows.
    pub caret_at_end: bool,
    /// Columns left free before what stands on it.
    pub indent: usize,
    /// What stands on it.
    pub glyphs: Vec<Glyph>,
    /// Where in the document it begins and ends.
    pub range: Range<usize>,
    /// It is the last row of its unit: a caret at the end of the range stands here.
    pub ends_unit: bool,
}

/// The windows as they are to be drawn.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Screen {
    /// The rows of the window that has the keys, from the top; fewer than the height at the end of the document.
    pub rows: Vec<Row>,
    /// Those of the window beside it; none where there is no such window.
    pub other: Vec<Row>,
    /// Row and column of the caret within the text area, scrolling included; `None` when it is not in the window.
    pub caret: Option<(usize, usize)>,
    /// Where the parts of the screen are.
    pub geometry: Geometry,
}

impl Row {
    /// Columns up to glyph `i`.
    pub fn column_of(&self, i: usize) -> usize {
        self.indent + self.glyphs.iter().take(i).map(|glyph| glyph.width).sum::<usize>()
    }

    /// Columns of all glyphs.
    pub fn width(&self) -> usize {
        self.column_of(self.glyphs.len())
    }
}

/// What the layout of a unit depends on, besides the document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    /// Columns, at least 1.
    pub(crate) width: usize,
    pub(crate) wrap: bool,
    pub(crate) tab: usize,
    /// Rows behind the first of a line are indented like it.
    pub(crate) hanging: bool,
    /// White space that is made visible.
    pub(crate) blanks: Blanks,
    /// Cells show what they are about to say, not only what is written.
    pub(crate) guesses: bool,
    /// A proposal in review: line breaks break.
    pub(crate) settled: bool,
}

impl Style {
    pub(crate) fn of(pane: Pane<'_>) -> Self {
        let settings = pane.settings;
        Self {
            width: usize::from(pane.window.text.width).max(1),
            wrap: settings.soft_wrap,
            tab: pane.tab_width(),
            hanging: settings.wrap_indent,
            blanks: settings.blanks,
            guesses: settings.motion == Motion::Full,
            settled: pane.infill.is_settled(),
        }
    }
}

/// Where the parts of the screen are.
pub fn geometry(app: &App) -> Geometry {
    let (width, height) = app.view().size();
    let mut geometry = Geometry::new(width, height);
    if app.side() != Side::None {
        geometry = geometry.with_side(app.side() == Side::Lab);
    }
    let beside = app.document_beside();
    if let Some((_, second)) = beside {
        geometry = geometry.with_two(second);
    }
    let settings = app.settings();
    geometry.here = with_margins(geometry.here, app.document(), settings);
    geometry.other = beside.and_then(|(document, _)| Some(with_margins(geometry.other?, document, settings)));
    geometry
}

fn with_margins(window: Window, document: &Document, settings: &Settings) -> Window {
    let window = window.with_margin(gutter(document, settings));
    let column = settings.column as u16;
    if settings.soft_wrap && column > 0 { window.centred(column) } else { window }
}

/// Columns of the bar of progress and steps in a wide and in a narrow window.
const BAR: [u16; 2] = [20, 8];

/// Columns behind the bar for its number.
pub const BAR_NUMBER: u16 = 7;

/// A window is wide from this many columns on.
const WIDE: u16 = 60;

/// Where the bar of progress and steps is, on the rule; none where there is no room for it.
pub fn bar(geometry: Geometry, width: u16) -> Option<Area> {
    let bar = BAR[usize::from(width < WIDE)];
    let x = width.checked_sub(bar + BAR_NUMBER + 1).filter(|x| *x > 0)?;
    Some(Area { x, y: geometry.rule?, width: bar, height: 1 })
}

/// Columns left of the text: the line's number, how unlikely its words are, and the bar of lines that hold a hole.
fn gutter(document: &Document, settings: &Settings) -> u16 {
    if !settings.line_numbers {
        return 2 + u16::from(settings.heat);
    }
    let digits = document.buffer().line_count().to_string().len().max(3);
    digits as u16 + 3
}

/// Lays the windows out.
pub fn screen(app: &App) -> Screen {
    let geometry = geometry(app);
    let rows = rows(app.pane(), app.bracket_pair());
    let other = app.other_pane().map(|pane| self::rows(pane, None)).unwrap_or_default();
    let caret = caret_in(app, &rows).map(|(row, column)| {
        let column = column.saturating_sub(app.view().left());
        (row, column.min(usize::from(geometry.here.text.width).saturating_sub(1)))
    });
    Screen { rows, other, caret, geometry }
}

/// The rows that a window shows. `pair`: the bracket at the caret and its partner.
fn rows(pane: Pane<'_>, pair: Option<(usize, usize)>) -> Vec<Row> {
    let height = usize::from(pane.window.text.height);
    let mut walker = Walker::new(pane, pane.view.top);
    let mut rows = Vec::with_capacity(height);
    while rows.len() < height {
        rows.push(walker.take_row());
        if !walker.down() {
            break;
        }
    }
    let decoration = Decoration::of(pane, pair);
    for row in &mut rows {
        decoration.mark(row);
    }
    rows
}

/// Row and column of the caret in these rows.
fn caret_in(app: &App, rows: &[Row]) -> Option<(usize, usize)> {
    let pos = app.document().caret();
    let cell = app.view().caret_cell();
    rows.iter().enumerate().find_map(|(i, row)| Some((i, moves::column_in(app, row, pos, cell)?)))
}

/// What is the same for all rows of a window.
struct Decoration<'a> {
    pane: Pane<'a>,
    /// Where the carets are that the terminal does not show, in order.
    carets: Vec<usize>,
    pair: Option<(usize, usize)>,
    current: Option<Range<usize>>,
    proposed: bool,
    /// How likely words are, where that is to be seen.
    heat: Option<&'a Heat>,
}

impl<'a> Decoration<'a> {
    fn of(pane: Pane<'a>, pair: Option<(usize, usize)>) -> Self {
        let (all, primary) = (pane.selections.all(), pane.selections.primary());
        let shown = |selection: &&Selection| !pane.has_keys || **selection != primary;
        Self {
            pane,
            carets: all.iter().filter(shown).map(|selection| selection.head).collect(),
            pair,
            current: pane.find.and_then(|find| find.current(primary)),
            proposed: pane.infill.is_settled(),
            heat: Some(pane.heat).filter(|_| pane.settings.heat),
        }
    }

    fn is_caret(&self, pos: usize) -> bool {
        self.carets.binary_search(&pos).is_ok()
    }

    /// Selections are in order and have nothing in common.
    fn is_selected(&self, pos: usize) -> bool {
        let all = self.pane.selections.all();
        let next = all.partition_point(|selection| selection.range().end <= pos);
        all.get(next).is_some_and(|selection| selection.range().contains(&pos))
    }

    fn mark(&self, row: &mut Row) {
        let hits = self.pane.find.map(|find| find.in_range(&row.range)).unwrap_or_default();
        let mut before = None;
        for glyph in &mut row.glyphs {
            // The sign of a hole stands where the text behind it does.
            let is_first = before.replace(glyph.pos) != Some(glyph.pos);
            let inside = |range: &Range<usize>| range.contains(&glyph.pos);
            glyph.marks = Marks {
                selected: self.is_selected(glyph.pos),
                caret: is_first && glyph.cell.is_none() && self.is_caret(glyph.pos),
                pair: glyph.cell.is_none() && self.pair.is_some_and(|(a, b)| glyph.pos == a || glyph.pos == b),
                matched: glyph.cell.is_none() && hits.iter().any(inside),
                current_match: glyph.cell.is_none() && self.current.as_ref().is_some_and(inside),
                proposed: self.proposed && glyph.cell.is_some(),
                tone: if glyph.look == Look::Text { self.pane.highlights.at(glyph.pos) } else { None },
                heat: self.heat.filter(|_| glyph.cell.is_none()).and_then(|heat| heat.step_at(glyph.pos)).unwrap_or(0),
            };
        }
        row.heat = self.heat.and_then(|heat| heat.worst_in(&row.range));
        row.break_selected = row.ends_unit && self.is_selected(row.range.end);
        row.caret_at_end = row.ends_unit && self.is_caret(row.range.end);
    }
}

/// Scrolls as little as needed so that the caret is in the window with a margin around it.
pub(crate) fn scroll_to_caret(app: &App) -> (Top, usize) {
    let area = geometry(app).here.text;
    let height = usize::from(area.height).max(1);
    let margin = 2.min((height - 1) / 2);
    let top = Walker::new(app.pane(), app.view().top).top();
    let mut at_caret = Walker::at_caret(app);
    let caret = at_caret.top();
    let column = moves::column_in(app, at_caret.row(), app.document().caret(), app.view().caret_cell()).unwrap_or(0);
    let left = scroll_sideways(app, column);
    let order = |a: Top, b: Top| (a.pos, a.row) < (b.pos, b.row);
    // How far below the top the caret is, if that is within two windows.
    let mut above = 0;
    while at_caret.top() != top && above < 2 * height && at_caret.up() {
        above += 1;
    }
    let found = at_caret.top() == top;
    let up_from_caret = |rows: usize| {
        let mut walker = Walker::new(app.pane(), caret);
        (0..rows).all(|_| walker.up());
        walker.top()
    };
    let top = match found {
        true if above < margin => up_from_caret(margin),
        true if above + margin < height => top,
        true => moves::filled(app.pane(), up_from_caret(height - 1 - margin)),
        false if order(caret, top) && near_below(app, caret, top, height) => up_from_caret(margin),
        false => moves::filled(app.pane(), up_from_caret(height / 2)),
    };
    (top, left)
}

/// Whether `top` is at most a window below `caret`.
fn near_below(app: &App, caret: Top, top: Top, height: usize) -> bool {
    let mut walker = Walker::new(app.pane(), caret);
    (0..height).any(|_| walker.down() && walker.top() == top)
}

fn scroll_sideways(app: &App, column: usize) -> usize {
    if app.settings().soft_wrap {
        return 0;
    }
    let width = usize::from(geometry(app).here.text.width).max(1);
    let margin = 4.min((width - 1) / 2);
    let left = app.view().left();
    if column < left + margin {
        column.saturating_sub(margin)
    } else if column + margin >= left + width {
        column + margin + 1 - width
    } else {
        left
    }
}
