//! The search: what is looked for and where it was found.

use std::ops::Range;

use crate::text::buffer::Buffer;
use crate::text::search::{Case, Options, Query, find_all, find_near, find_next};
use crate::text::selection::Selection;

/// So many matches are counted and shown; a document with more says "more than".
pub const MAX_MATCHES: usize = 10_000;

/// In documents longer than this, in characters, matches are found one by one and not counted, and only near the caret while
/// the query is typed.
const COUNTED: usize = if cfg!(test) { 1 << 12 } else { 1 << 22 };

/// A replacement that goes on from match to match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replacing {
    /// What stands for a match, groups included.
    pub(crate) template: String,
    /// Where it began, and whether it has come round to the start of the text since: it ends there.
    pub(crate) origin: usize,
    pub(crate) is_round: bool,
    /// Nothing outside of this is replaced.
    pub(crate) within: Option<Range<usize>>,
    /// How many were replaced, and how many of them as the last step.
    pub(crate) done: usize,
    pub(crate) last: usize,
}

/// The last search.
#[derive(Debug, Default)]
pub struct Find {
    query: Option<Query>,
    /// What was typed last is no query.
    wrong: bool,
    pub(crate) options: Options,
    /// What the matches are being replaced by, one after the other.
    pub(crate) replacing: Option<Replacing>,
    /// Where matches are to be replaced, where that is not everywhere.
    pub(crate) within: Option<Range<usize>>,
    matches: Vec<Range<usize>>,
    /// The text that `matches` are of.
    revision: u64,
    /// Matches are shown on the screen.
    shown: bool,
    /// What was typed last is not near; it may be further away.
    not_near: bool,
}

impl Find {
    /// Looks for this from now on. The error says why that cannot be looked for.
    pub(crate) fn set(&mut self, text: &str, buffer: &Buffer) -> Result<(), String> {
        let query = if text.is_empty() { Ok(None) } else { Query::new(text, self.options).map(Some) };
        let wrong = query.as_ref().err().cloned();
        self.query = query.unwrap_or_default();
        self.wrong = wrong.is_some();
        self.not_near = false;
        self.shown = true;
        self.revision = buffer.revision().wrapping_sub(1);
        self.refresh(buffer);
        wrong.map_or(Ok(()), Err)
    }

    /// The match to show while the query is typed: the next one from `from` on.
    pub(crate) fn while_typed(&mut self, buffer: &Buffer, from: usize) -> Option<Range<usize>> {
        let look = if Self::is_counted(buffer) { find_next } else { find_near };
        let hit = self.query.as_ref().and_then(|query| look(buffer, from, query));
        self.not_near = hit.is_none() && self.query.is_some() && !Self::is_counted(buffer);
        hit
    }

    /// Whether what was typed last was looked for near the caret only, and not found there.
    pub(crate) fn is_only_not_near(&self) -> bool {
        self.not_near
    }

    /// What the options are, in words.
    pub fn options(&self) -> String {
        let Options { regex, words, case } = self.options;
        let case = match case {
            Case::Smart => "",
            Case::Sensitive => "Aa",
            Case::Insensitive => "aa",
        };
        let on = [(regex, ".*"), (words, "word"), (!case.is_empty(), case)];
        on.iter().filter(|(is_on, _)| *is_on).map(|(_, name)| *name).collect::<Vec<_>>().join(" ")
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

    /// Whether what was typed cannot be looked for.
    pub(crate) fn is_wrong(&self) -> bool {
        self.wrong
    }

    /// Whether matches are shown.
    pub fn is_shown(&self) -> bool {
        self.shown
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

    /// What is known about the number of matches, in words; nothing where they are not counted.
    pub fn count(&self, buffer: &Buffer, selection: Selection) -> String {
        if !Self::is_counted(buffer) {
            return if self.not_near { "enter looks further" } else { "" }.to_owned();
        }
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
    fn is_counted(buffer: &Buffer) -> bool {
        buffer.len() <= COUNTED
    }
}
