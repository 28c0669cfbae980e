//! The search: what is looked for and where it was found.

use std::ops::Range;

use crate::text::buffer::Buffer;
use crate::text::search::{Case, Query, find_all};
use crate::text::selection::Selection;

/// So many matches are counted and shown; a document with more says "more than".
pub const MAX_MATCHES: usize = 10_000;

/// In documents longer than this, in characters, matches are found one by one and not counted.
const COUNTED: usize = 1 << 22;

/// The last search.
#[derive(Debug, Default)]
pub struct Find {
    query: Option<Query>,
    matches: Vec<Range<usize>>,
    /// The text that `matches` are of.
    revision: u64,
    /// Matches are shown on the screen.
    shown: bool,
}

impl Find {
    /// Looks for this from now on; as usual, capitals count if there are any.
    pub(crate) fn set(&mut self, text: &str, buffer: &Buffer) {
        self.query = (!text.is_empty()).then(|| Query::literal(text, Case::Smart));
        self.shown = true;
        self.revision = buffer.revision().wrapping_sub(1);
        self.refresh(buffer);
    }

    /// Matches are not shown any more; the query stays for "find next".
    pub(crate) fn hide(&mut self) {
        self.shown = false;
        self.matches.clear();
    }

    pub(crate) fn show(&mut self, buffer: &Buffer) {
        self.shown = true;
        self.revision = buffer.revision().wrapping_sub(1);
        self.refresh(buffer);
    }

    /// What is looked for.
    pub fn query(&self) -> Option<&Query> {
        self.query.as_ref()
    }

    /// Finds the matches again if the text has changed.
    pub(crate) fn refresh(&mut self, buffer: &Buffer) {
        if !self.shown || self.revision == buffer.revision() {
            return;
        }
        self.revision = buffer.revision();
        self.matches = match &self.query {
            Some(query) if buffer.len() <= COUNTED => find_all(buffer, query, MAX_MATCHES),
            _ => Vec::new(),
        };
    }

    /// The matches that overlap this range.
    pub fn in_range(&self, range: &Range<usize>) -> &[Range<usize>] {
        let from = self.matches.partition_point(|hit| hit.end <= range.start);
        let to = self.matches.partition_point(|hit| hit.start <= range.end);
        self.matches.get(from..to.max(from)).unwrap_or(&[])
    }

    /// The match that is selected.
    pub fn current(&self, selection: Selection) -> Option<Range<usize>> {
        let range = selection.range();
        self.matches.binary_search_by_key(&range.start, |hit| hit.start).ok()?;
        self.matches.contains(&range).then_some(range)
    }

    /// What is known about the number of matches, in words.
    pub fn count(&self, selection: Selection) -> String {
        let total = self.matches.len();
        let current =
            self.current(selection).map(|range| self.matches.partition_point(|hit| hit.start < range.start) + 1);
        match (total, current) {
            (0, _) => "no match".to_owned(),
            (MAX_MATCHES, _) => format!("more than {MAX_MATCHES} matches"),
            (1, _) => "1 match".to_owned(),
            (_, Some(current)) => format!("{current} of {total}"),
            _ => format!("{total} matches"),
        }
    }

    /// Whether matches are counted in a document of this length.
    pub fn is_counted(buffer: &Buffer) -> bool {
        buffer.len() <= COUNTED
    }
}
