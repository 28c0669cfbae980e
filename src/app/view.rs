//! What part of the document is on the screen, and where on the screen things are.
//!
//! Screen coordinates are cells, 0-based. The scroll position is anchored to a document position, so that edits above
//! the window do not move what the user looks at.

use crate::app::side::Scrolled;
use crate::engine::protocol::HoleId;
use crate::text::change::{Bias, ChangeSet};

/// Where the window begins: a row of the unit that begins at `pos` (see [`crate::app::layout`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Top {
    /// A position in the unit.
    pub pos: usize,
    /// Which row of the unit.
    pub row: usize,
}

/// The window on the document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct View {
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) top: Top,
    /// Columns scrolled to the right; 0 while long lines wrap.
    pub(crate) left: usize,
    /// The columns that up and down try to keep, each with where its caret stands; a caret elsewhere has none.
    pub(crate) goals: Vec<(usize, usize)>,
    /// The caret stands before this cell of the hole at which the selection's head is.
    pub(crate) caret_cell: Option<(HoleId, usize)>,
    /// Where the mouse button went down, while it is down.
    pub(crate) dragging: bool,
    /// It went down on the bar of a run's steps.
    pub(crate) scrubbing: bool,
    /// How far what is beside the text is scrolled.
    pub(crate) beside: Scrolled,
}

/// Screens of so many columns have room beside the text, of so many columns; others below it, of so many rows.
const SIDE_FROM: u16 = 120;
const SIDE_COLUMNS: u16 = 44;
const SIDE_ROWS: u16 = 8;

/// Windows of more columns than this stand side by side.
const WINDOW_COLUMNS: u16 = 50;

/// So many rows of the text stay, and so many are needed to show anything beside it.
const LEAST_TEXT: u16 = 3;
const LEAST_SIDE: u16 = 3;

/// A part of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Area {
    /// First column.
    pub x: u16,
    /// First row.
    pub y: u16,
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

impl Area {
    /// Whether a cell of the screen is in it.
    pub fn holds(&self, column: u16, row: u16) -> bool {
        (self.x..self.x + self.width).contains(&column) && (self.y..self.y + self.height).contains(&row)
    }
}

/// A window on a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// The row above it with the document's name, where there is another window.
    pub heading: Option<u16>,
    /// The margin and the text.
    pub page: Area,
    /// The text.
    pub text: Area,
}

impl Window {
    fn new(page: Area) -> Self {
        Self { heading: None, page, text: page }
    }

    /// A window whose first row is its heading.
    fn headed(frame: Area) -> Self {
        let page = Area { y: frame.y + 1, height: frame.height.saturating_sub(1), ..frame };
        Self { heading: Some(frame.y), ..Self::new(page) }
    }

    /// With a margin of so many columns, where there is room for that and for text.
    pub(crate) fn with_margin(mut self, columns: u16) -> Self {
        let columns = if self.page.width >= columns.saturating_mul(2) + 8 { columns } else { 0 };
        self.text = Area { x: self.page.x + columns, width: self.page.width - columns, ..self.page };
        self
    }

    /// With the text in so many columns, in the middle of the room there is for it.
    pub(crate) fn centred(mut self, columns: u16) -> Self {
        if self.text.width > columns {
            self.text.x += (self.text.width - columns) / 2;
            self.text.width = columns;
        }
        self
    }

    /// Whether a cell of the screen is in it, or in its heading.
    pub fn holds(&self, column: u16, row: u16) -> bool {
        let Area { x, width, .. } = self.page;
        self.page.holds(column, row) || self.heading == Some(row) && (x..x + width).contains(&column)
    }
}

/// Where the parts of the screen are; a part that has no room is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Geometry {
    /// The row with the file's name and the model's.
    pub header: Option<u16>,
    /// All windows together.
    pub body: Area,
    /// The window that has the keys.
    pub here: Window,
    /// The other one.
    pub other: Option<Window>,
    /// What is open beside the text, its heading first.
    pub side: Option<Area>,
    /// The line between document and status.
    pub rule: Option<u16>,
    /// The row that says what is going on; notices and prompts take its place.
    pub status: Option<u16>,
    /// The row of key hints.
    pub hints: Option<u16>,
}

impl Geometry {
    /// Divides a screen.
    pub fn new(width: u16, height: u16) -> Self {
        let header = (height >= 5).then_some(0);
        let below = match height {
            0 | 1 => 0,
            2 | 3 => 1,
            4..=7 => 2,
            _ => 3,
        };
        let y = u16::from(header.is_some());
        let body = Area { x: 0, y, width, height: height.saturating_sub(y + below) };
        let rows = match below {
            0 => (None, None, None),
            1 => (None, Some(height - 1), None),
            2 => (None, Some(height - 2), Some(height - 1)),
            _ => (Some(height - 3), Some(height - 2), Some(height - 1)),
        };
        let here = Window::new(body);
        Self { header, body, here, other: None, side: None, rule: rows.0, status: rows.1, hints: rows.2 }
    }

    /// The same with room beside the text: a column where the screen is wide, else rows below it; none where too little of
    /// the text would be left.
    /// What is in columns itself has rows below the text always, and more of them.
    pub(crate) fn with_side(mut self, in_columns: bool) -> Self {
        let body = &mut self.body;
        if body.width >= SIDE_FROM && !in_columns {
            body.width -= SIDE_COLUMNS + 1;
            self.side = Some(Area { x: body.width + 1, y: body.y, width: SIDE_COLUMNS, height: body.height });
        } else if body.height >= LEAST_TEXT + LEAST_SIDE {
            let most = if in_columns { SIDE_ROWS.max(body.height / 2) } else { SIDE_ROWS };
            let height = most.min(body.height - LEAST_TEXT);
            body.height -= height;
            self.side = Some(Area { x: 0, y: body.y + body.height, width: body.width, height });
        }
        self.here = Window::new(self.body);
        self
    }

    /// The same with two windows, side by side where both are wide enough for that, else one above the other; one, where
    /// there is no room for two. `second`: the right or lower one has the keys.
    pub(crate) fn with_two(mut self, second: bool) -> Self {
        let body = self.body;
        let [first, last] = if body.width > 2 * WINDOW_COLUMNS && body.height > LEAST_TEXT {
            let width = (body.width - 1) / 2;
            [Area { width, ..body }, Area { x: body.x + width + 1, width: body.width - width - 1, ..body }]
        } else if body.height >= 2 * (LEAST_TEXT + 1) {
            let height = body.height / 2;
            [Area { height, ..body }, Area { y: body.y + height, height: body.height - height, ..body }]
        } else {
            return self;
        };
        let (here, other) = if second { (last, first) } else { (first, last) };
        (self.here, self.other) = (Window::headed(here), Some(Window::headed(other)));
        self
    }

    /// Where what hides all windows stands.
    pub fn cover(&self) -> Area {
        if self.other.is_some() { self.body } else { self.here.text }
    }
}

impl View {
    /// The column that a caret here tries to keep.
    pub(crate) fn goal_at(&self, head: usize) -> Option<usize> {
        self.goals.iter().find(|(at, _)| *at == head).map(|(_, column)| *column)
    }

    /// Columns and rows of the screen.
    pub fn size(&self) -> (u16, u16) {
        (self.width, self.height)
    }

    /// Columns scrolled to the right.
    pub fn left(&self) -> usize {
        self.left
    }

    /// The cell before which the caret stands, when it stands in a hole that is overlaid.
    pub fn caret_cell(&self) -> Option<(HoleId, usize)> {
        self.caret_cell
    }

    /// Follows an edit.
    pub(crate) fn map(&mut self, change: &ChangeSet) {
        self.top.pos = change.map(self.top.pos, Bias::Left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_screen_is_too_small() {
        for width in 0..130 {
            for height in 0..16 {
                let at = Geometry::new(width, height);
                assert!(height == 0 || at.body.height >= 1, "{height}: {at:?}");
                for row in [at.header, at.rule, at.status, at.hints].into_iter().flatten() {
                    assert!(row < height);
                    assert!(row < at.body.y || row >= at.body.y + at.body.height);
                }
                for with in [at, at.with_side(false), at.with_side(true)] {
                    assert!(with.body.height >= LEAST_TEXT || with.body.height == at.body.height);
                    assert!(with.side.is_none_or(|side| side.y + side.height == at.body.y + at.body.height));
                    for second in [false, true] {
                        let two = with.with_two(second);
                        let text = |window: Window| window.with_margin(6).centred(60);
                        let windows = [Some(two.here), two.other];
                        for window in windows.into_iter().flatten().map(text) {
                            let (page, text) = (window.page, window.text);
                            assert!(page.x <= text.x && text.x + text.width <= page.x + page.width);
                            assert!(page.x + page.width <= with.body.x + with.body.width);
                            assert!(page.y + page.height <= with.body.y + with.body.height);
                            assert!(two.other.is_none() || text.height >= LEAST_TEXT && text.width > 0 || width == 0);
                            assert_eq!(window.heading.is_some(), two.other.is_some());
                        }
                        let both = |row, column| two.other.is_some_and(|other| other.holds(column, row));
                        let Window { page, heading, .. } = two.here;
                        assert!(!both(page.y, page.x) && heading.is_none_or(|row| !both(row, page.x)));
                    }
                }
            }
        }
    }
}
