//! What is known of the cell at the caret, and what could stand there instead.
//!
//! Known are the numbers of the moment when it was written, which come with every frame. What the model thinks of it now,
//! with everything else in place, is asked of the engine while the panel is open and no step is being made: one pass.

use crate::app::App;
use crate::app::effect::Effect;
use crate::app::layout::moves::{Spot, covered, covered_at};
use crate::engine::protocol::{Cell, CellState, Command, HoleId, Judgement, Place, Question, Token};

/// A token that could stand at the cell, or does.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// Its name.
    pub token: Token,
    /// It as text.
    pub text: String,
    /// How likely it was when the cell was written.
    pub then: Option<f32>,
    /// How likely it is with everything else in place.
    pub now: Option<f32>,
    /// It stands there.
    pub stands: bool,
}

/// What the engine was asked, and what it said.
#[derive(Debug, Default)]
pub(crate) struct Inquiry {
    asked: Option<Question>,
    answer: Option<Judgement>,
}

impl App {
    /// The cell that the caret stands before, or the last one of the hole that it stands behind.
    pub fn cell_at_caret(&self) -> Option<Place> {
        self.cell_of(Spot::caret(self))
    }

    pub(crate) fn cell_of(&self, spot: Spot) -> Option<Place> {
        let place = |hole: HoleId, cell: usize, n: usize| (n > 0).then(|| Place { hole, cell: cell.min(n - 1) });
        if let Some((id, k)) = spot.cell {
            return covered(self, id).and_then(|(_, cells)| place(id, k, cells.cells.len()));
        }
        let begins = covered_at(self, |range| range.start == spot.pos);
        if let Some((_, cells)) = begins {
            return place(cells.id, 0, cells.cells.len());
        }
        let (_, cells) = covered_at(self, |range| range.end == spot.pos)?;
        place(cells.id, usize::MAX, cells.cells.len())
    }

    /// The cell at the caret as it is shown.
    pub fn shown_cell(&self) -> Option<&Cell> {
        let place = self.cell_at_caret()?;
        self.infill().cells_of(place.hole)?.cells.get(place.cell)
    }

    /// What the model thinks of the cell at the caret now, as far as it has been asked.
    pub fn judgement(&self) -> Option<&Judgement> {
        let question = self.question()?;
        self.inquiry.answer.as_ref().filter(|answer| answer.question == question)
    }

    /// What could stand at the caret's cell, the likeliest first: now where that is known, else when it was written.
    pub fn offers(&self) -> Vec<Offer> {
        let Some(cell) = self.shown_cell() else { return Vec::new() };
        // A word that the user put or holds there has no probability of its own; as a choice it may have had one.
        let own_word = cell.state == CellState::Pinned;
        let own = |token: Token| cell.state.is_written() && cell.token == Some(token);
        let mut offers: Vec<Offer> = Vec::new();
        let standing = cell.token.filter(|_| !cell.text.is_empty());
        let then = standing.map(|token| (token, cell.text.clone(), Some(cell.probability).filter(|_| !own_word)));
        let others = cell.alternatives.iter().map(|other| (other.token, other.text.clone(), Some(other.probability)));
        for (token, text, then) in then.into_iter().chain(others) {
            match offers.iter_mut().find(|offer| offer.token == token) {
                Some(offer) => offer.then = offer.then.or(then),
                None => offers.push(Offer { token, text, then, now: None, stands: own(token) }),
            }
        }
        if let Some(judgement) = self.judgement() {
            for now in &judgement.alternatives {
                match offers.iter_mut().find(|offer| offer.token == now.token) {
                    Some(offer) => offer.now = Some(now.probability),
                    None => offers.push(Offer {
                        token: now.token,
                        text: now.text.clone(),
                        then: None,
                        now: Some(now.probability),
                        stands: own(now.token),
                    }),
                }
            }
            if let Some(stands) = offers.iter_mut().find(|offer| offer.stands) {
                stands.now = judgement.probability;
            }
        }
        let unknown = |offer: &Offer| if offer.stands { 1.0 } else { 0.0 };
        let key = |offer: &Offer| (offer.now.unwrap_or(-1.0), offer.then.unwrap_or_else(|| unknown(offer)));
        offers.sort_by(|a, b| key(b).0.total_cmp(&key(a).0).then(key(b).1.total_cmp(&key(a).1)));
        offers
    }

    /// The token that the key of this number chooses, from 1.
    pub(crate) fn offer(&self, number: usize) -> Option<Token> {
        self.offers().into_iter().filter(|offer| !offer.stands).nth(number.checked_sub(1)?).map(|offer| offer.token)
    }

    /// What is to be asked about the caret's cell: nothing while steps are made, as each would need an answer of its own.
    fn question(&self) -> Option<Question> {
        let (place, session) = (self.cell_at_caret()?, self.infill().session()?);
        let makes = session.run.as_ref().is_some_and(|run| !run.paused) && session.scrub.shown().is_none();
        if makes { None } else { session.question(place) }
    }

    /// Asks the engine about the caret's cell, once.
    pub(crate) fn keep_asking(&mut self) {
        if !self.side.inspects() {
            return;
        }
        let question = self.question();
        if question != self.inquiry.asked {
            self.inquiry.asked = question;
            if let Some(question) = question {
                self.emit(Effect::Engine(Command::Ask(question)));
            }
        }
    }

    pub(crate) fn take_judgement(&mut self, judgement: Judgement) {
        self.inquiry.answer = Some(judgement);
    }
}
