//! What a job shows: the canvas with the model's guesses, as text, cell by cell.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::diffusion::TokenId;
use crate::diffusion::canvas::{Canvas, Edit, EditAct, Kind};
use crate::diffusion::run::{Guess, Run, StepReport};
use crate::engine::prompt::{HolePlan, Prompt};
use crate::engine::protocol::{Cell, CellState, HoleFrame};
use crate::engine::spell::spell;
use crate::model::{Model, Tokenizer};

/// A guess below this is noise, and showing it as text would only flicker.
const WORTH_SHOWING: f64 = 0.1;

/// The last canvas with what is known about its positions.
#[derive(Clone, Default)]
pub(super) struct Picture {
    pub(super) canvas: Canvas,
    pub(super) masks_total: usize,
    /// The text as it was before a refinement, to compare with.
    pub(super) old_ids: Vec<TokenId>,
    pub(super) old_log_probabilities: Vec<Option<f64>>,
    guesses: BTreeMap<usize, Guess>,
    /// What else was considered for a written position, at its commit.
    considered: BTreeMap<usize, Vec<(TokenId, f32)>>,
    last_step: Option<usize>,
    /// What the last step did.
    pub(super) edits: Vec<Edit>,
    remasked: BTreeMap<usize, TokenId>,
}

impl Picture {
    pub(super) fn new(canvas: Canvas) -> Self {
        Self { masks_total: canvas.masks_left(), canvas, ..Self::default() }
    }

    /// Takes in a step. Positions are stable: no sampler here inserts or deletes yet.
    pub(super) fn step(&mut self, run: &Run, report: &StepReport) {
        self.remasked.clear();
        for edit in &report.edits {
            match edit.act {
                EditAct::Write { .. } => {
                    self.considered.insert(edit.position, edit.runners_up.clone());
                }
                EditAct::Mask | EditAct::Noise { .. } => {
                    self.remasked.extend(self.canvas.ids().get(edit.position).map(|id| (edit.position, *id)));
                }
                EditAct::Insert { .. } | EditAct::Delete => self.considered.clear(),
            }
        }
        self.guesses = report.guesses.iter().map(|guess| (guess.position, guess.clone())).collect();
        self.last_step = Some(report.step);
        self.edits.clone_from(&report.edits);
        self.canvas = run.canvas().clone();
    }

    /// Takes in a step that writes nothing yet: what it would write, and what of that is new.
    pub(super) fn watch(&mut self, guesses: &[Guess], edits: Vec<Edit>) {
        self.guesses = guesses.iter().map(|guess| (guess.position, guess.clone())).collect();
        self.edits = edits;
    }

    /// What else was considered when a position was written.
    pub(super) fn considered(&self, position: usize) -> &[(TokenId, f32)] {
        self.considered.get(&position).map_or(&[], Vec::as_slice)
    }

    /// The holes as they are shown.
    pub(super) fn holes(&self, prompt: &Prompt, model: &Model) -> Vec<HoleFrame> {
        let Ok(tokenizer) = model.tokenizer() else { return Vec::new() };
        let count = self.canvas.hole_count();
        let holes = prompt.holes.iter().take(count).enumerate();
        holes.map(|(index, hole)| self.hole(prompt.own_range(&self.canvas, index), hole, tokenizer)).collect()
    }

    fn hole(&self, range: Range<usize>, plan: &HolePlan, tokenizer: &Tokenizer) -> HoleFrame {
        // Written tokens are spelled in a row, so that characters made of several tokens come out whole; a guess
        // joins in where nothing is written.
        let ids: Vec<Option<TokenId>> = range.clone().map(|position| self.shown(position)).collect();
        let texts = spell(tokenizer, &ids, plan.left.left_spelled(tokenizer), plan.right.right_spelled(tokenizer));
        let cells = range.clone().zip(texts).map(|(position, text)| self.cell(position, text, tokenizer)).collect();
        let log_probabilities: Vec<f64> = range
            .filter_map(|position| match self.canvas.kind(position) {
                Kind::Committed { probability, .. } => Some(probability.max(f64::MIN_POSITIVE).ln()),
                _ => None,
            })
            .collect();
        let count = log_probabilities.len();
        let mean_logprob = (count > 0).then(|| log_probabilities.iter().sum::<f64>() / count as f64);
        HoleFrame { id: plan.id(), cells, mean_logprob }
    }

    /// The token whose text a position shows, if any.
    fn shown(&self, position: usize) -> Option<TokenId> {
        if self.canvas.kind(position) != Kind::Masked {
            return self.canvas.ids().get(position).copied();
        }
        self.remasked.get(&position).copied().or_else(|| self.likely_guess(position).map(|guess| guess.token))
    }

    fn likely_guess(&self, position: usize) -> Option<&Guess> {
        self.guesses.get(&position).filter(|guess| guess.probability >= WORTH_SHOWING)
    }

    fn cell(&self, position: usize, text: String, tokenizer: &Tokenizer) -> Cell {
        let (state, probability) = match self.canvas.kind(position) {
            Kind::Masked if self.remasked.contains_key(&position) => (CellState::Remasked, 0.0),
            Kind::Masked => match self.likely_guess(position) {
                Some(guess) => (CellState::Tentative, guess.probability),
                None => (CellState::Masked, self.guesses.get(&position).map_or(0.0, |guess| guess.probability)),
            },
            Kind::Committed { step, probability }
                if Some(step) == self.last_step && self.considered.contains_key(&position) =>
            {
                (CellState::JustCommitted, probability)
            }
            Kind::Committed { probability, .. } => (CellState::Committed, probability),
            Kind::Pinned => (CellState::Pinned, 1.0),
            Kind::Fixed | Kind::Original => (CellState::Original, 1.0),
        };
        let others = match self.guesses.get(&position) {
            Some(guess) => Some(&guess.runners_up),
            None => self.considered.get(&position),
        };
        let alternative = |(id, probability): &(TokenId, f32)| {
            (String::from_utf8_lossy(tokenizer.bytes(*id)).into_owned(), *probability)
        };
        let alternatives = others.map(|others| others.iter().map(alternative).collect()).unwrap_or_default();
        Cell { text, state, probability: probability as f32, alternatives }
    }
}
