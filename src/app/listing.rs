//! Where the list of a prompt stands on the screen: to be drawn there, and to be clicked.

use crate::app::view::Geometry;

/// As many entries are listed at once.
const LISTED: usize = 12;

/// Which entries of a prompt's list are on the screen, and where: below its heading, above the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listing {
    /// The row of the heading.
    pub heading: u16,
    /// The first entry that is shown.
    pub first: usize,
    /// How many are.
    pub rows: usize,
}

impl Listing {
    /// The list above the prompt on this row, in a screen of these parts.
    pub fn new(geometry: Geometry, prompt: u16, (entries, selected): (usize, usize)) -> Self {
        let bottom = prompt.saturating_sub(1);
        let rows = entries.min(LISTED).min(usize::from(bottom.saturating_sub(geometry.body.y)));
        let first = (selected + 1).saturating_sub(rows).min(entries - rows);
        Self { heading: bottom.saturating_sub(rows as u16), first, rows }
    }

    /// The entry on a row of the screen.
    pub fn entry_at(&self, row: u16) -> Option<usize> {
        let below = usize::from(row.checked_sub(self.heading + 1)?);
        (below < self.rows).then_some(self.first + below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_where_they_are_drawn() {
        let geometry = Geometry::new(80, 24);
        let all = Listing::new(geometry, 22, (3, 0));
        assert_eq!(all, Listing { heading: 18, first: 0, rows: 3 });
        assert_eq!([18, 19, 21, 22].map(|row| all.entry_at(row)), [None, Some(0), Some(2), None]);
        let scrolled = Listing::new(geometry, 22, (40, 30));
        assert_eq!(scrolled.first + scrolled.rows, 31, "the one that Enter takes is the last that is shown");
        assert_eq!(scrolled.entry_at(21), Some(30));
        let low = Listing::new(Geometry::new(40, 3), 2, (9, 0));
        assert!(low.entry_at(0).is_none() && low.rows <= 1);
    }
}
