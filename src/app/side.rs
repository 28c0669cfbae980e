//! What is open beside the text while there is a run or a branch: the numbers of a cell, or the branches compared.

use crate::app::App;
use crate::app::layout;
use crate::engine::protocol::Place;
use crate::text::diff::{self, Piece};

/// What is open beside the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Side {
    /// Nothing.
    #[default]
    None,
    /// The cell at the caret.
    Inspect,
    /// The branches, word by word.
    Compare,
    /// The branches in columns, each after as many passes.
    Lab,
}

impl Side {
    /// Opens it, or closes it if it is what is open.
    pub(crate) fn toggle(&mut self, side: Self) {
        *self = if *self == side { Self::None } else { side };
    }

    pub(crate) fn inspects(self) -> bool {
        self == Self::Inspect
    }
}

/// A text of a run or a branch in one row: a line break is a sign in it.
pub fn in_one_row(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "⏎")
}

/// One hole as one branch has it, for comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// Which hole, from 1; none where there is only one.
    pub hole: Option<usize>,
    /// Whose: a branch's name, or `original`.
    pub name: String,
    /// It is the one on the screen: what is marked in the others is what differs from it.
    pub is_shown: bool,
    /// The natural log-probability of its tokens when they were written, on average.
    pub likelihood: Option<f64>,
    /// It is the likeliest of several: a suggestion.
    pub is_likeliest: bool,
    /// Its words, those marked that differ.
    pub pieces: Vec<Piece>,
}

/// How far down what is beside the text was scrolled, and what was shown there then.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Scrolled {
    side: Side,
    place: Option<Place>,
    rows: usize,
}

impl App {
    /// The first entry that is shown beside the text.
    pub fn side_top(&self) -> usize {
        let Scrolled { side, place, rows } = self.view.beside;
        if (side, place) == self.beside() { rows.min(self.side_most()) } else { 0 }
    }

    fn beside(&self) -> (Side, Option<Place>) {
        (self.side(), self.cell_at_caret().filter(|_| self.side() == Side::Inspect))
    }

    /// How far it can be scrolled.
    fn side_most(&self) -> usize {
        let entries = match self.side() {
            Side::None | Side::Lab => 0,
            Side::Inspect => self.offers().len(),
            Side::Compare => self.versions().len(),
        };
        let rows = layout::geometry(self).side.map_or(0, |side| usize::from(side.height.saturating_sub(1)));
        entries.saturating_sub(rows)
    }

    /// Scrolls what is beside the text.
    pub(crate) fn scroll_side(&mut self, by: isize) {
        let rows = self.side_top().saturating_add_signed(by).min(self.side_most());
        let (side, place) = self.beside();
        self.view.beside = Scrolled { side, place, rows };
    }

    /// What is open beside the text; nothing where there is no run and no branch.
    pub fn side(&self) -> Side {
        if self.infill().session().is_some() { self.side } else { Side::None }
    }

    /// All versions of all holes: of each hole the one on the screen, the document's own text, and the other branches'.
    pub fn versions(&self) -> Vec<Version> {
        let Some(session) = self.infill().session() else { return Vec::new() };
        let several = session.holes().len() > 1;
        let shown_name = session.node().map(|node| node.name.clone()).unwrap_or_default();
        let mut versions = Vec::new();
        for (index, id) in session.holes().iter().enumerate() {
            let hole = several.then_some(index + 1);
            let shown = self.infill().cells_of(*id).map(|cells| cells.text()).unwrap_or_default();
            let original =
                self.document().holes().get(id.0).map(|hole| self.document().buffer().slice(hole.range.clone()));
            let original = original.filter(|text| !text.is_empty());
            let likelihood = |at: usize| session.branches()[at].likelihood_of(*id);
            let best = session.likeliest(*id);
            let order = session.walk();
            let is_run = session.run.is_some();
            let others = order.iter().map(|(at, _)| *at).filter(|at| is_run || *at != session.current());
            let mut push = |name: String, pieces, is_shown, at: Option<usize>| {
                let (likelihood, is_likeliest) = (at.and_then(likelihood), at.is_some() && at == best);
                versions.push(Version { hole, name, is_shown, likelihood, is_likeliest, pieces });
            };
            let own = diff::against(original.as_deref().unwrap_or(&shown), &shown);
            push(shown_name.clone(), own, true, (!is_run).then_some(session.current()));
            if let Some(original) = &original {
                push("original".to_owned(), diff::against(&shown, original), false, None);
            }
            for at in others {
                let branch = &session.branches()[at];
                let text =
                    branch.holes.iter().find(|cells| cells.id == *id).map(|cells| cells.text()).unwrap_or_default();
                push(branch.node.name.clone(), diff::against(&shown, &text), false, Some(at));
            }
        }
        versions
    }
}
