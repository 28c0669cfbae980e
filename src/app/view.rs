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
    /// The column that up and down try to keep.
    pub(crate) goal: Option<usize>,
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

/// Where the parts of the screen are; a part that has no room is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Geometry {
    /// The row with the file's name and the model's.
    pub header: Option<u16>,
    /// The document, without the gutter, which is the columns to its left.
    pub text: Area,
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
    /// Divides a screen. `gutter` columns are taken from the text where there is room for both.
    pub fn new(width: u16, height: u16, gutter: u16) -> Self {
        let gutter = if width >= gutter.saturating_mul(2) + 8 { gutter } else { 0 };
        let header = (height >= 5).then_some(0);
        let below = match height {
            0 | 1 => 0,
            2 | 3 => 1,
            4..=7 => 2,
            _ => 3,
        };
        let y = u16::from(header.is_some());
        let text = Area { x: gutter, y, width: width - gutter, height: height.saturating_sub(y + below) };
        let rows = match below {
            0 => (None, None, None),
            1 => (None, Some(height - 1), None),
            2 => (None, Some(height - 2), Some(height - 1)),
            _ => (Some(height - 3), Some(height - 2), Some(height - 1)),
        };
        Self { header, text, side: None, rule: rows.0, status: rows.1, hints: rows.2 }
    }

    /// The same with room beside the text: a column where the screen is wide, else rows below it; none where too little of
    /// the text would be left.
    /// What is in columns itself has rows below the text always, and more of them.
    pub(crate) fn with_side(mut self, width: u16, in_columns: bool) -> Self {
        let text = &mut self.text;
        if width >= SIDE_FROM && !in_columns {
            text.width = text.width.saturating_sub(SIDE_COLUMNS + 1);
            self.side = Some(Area { x: width - SIDE_COLUMNS, y: text.y, width: SIDE_COLUMNS, height: text.height });
        } else if text.height >= LEAST_TEXT + LEAST_SIDE {
            let most = if in_columns { SIDE_ROWS.max(text.height / 2) } else { SIDE_ROWS };
            let height = most.min(text.height - LEAST_TEXT);
            text.height -= height;
            self.side = Some(Area { x: 0, y: text.y + text.height, width, height });
        }
        self
    }
}

impl View {
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
        for width in 0..30 {
            for height in 0..12 {
                let at = Geometry::new(width, height, 6);
                assert!(at.text.x + at.text.width <= width);
                assert!(at.text.y + at.text.height <= height);
                assert!(height == 0 || at.text.height >= 1, "{height}: {at:?}");
                for row in [at.header, at.rule, at.status, at.hints].into_iter().flatten() {
                    assert!(row < height);
                    assert!(row < at.text.y || row >= at.text.y + at.text.height);
                }
                for with in [at.with_side(width, false), at.with_side(width, true)] {
                    assert!(with.text.height >= LEAST_TEXT || with.text == at.text);
                    assert!(with.side.is_none_or(|side| side.y + side.height == at.text.y + at.text.height));
                }
            }
        }
    }
}
