//! What a job shows: the canvas with the model's guesses, as text, cell by cell.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::diffusion::TokenId;
use crate::diffusion::canvas::{Canvas, Edit, EditAct, EditError, Kind, UserAct};
use crate::diffusion::run::{Guess, Run, StepReport};
use crate::diffusion::trajectory::Trajectory;
use crate::engine::prompt::{HolePlan, Prompt};
use crate::engine::protocol::{Alternative, Cell, CellState, HoleFrame, Token};
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
    /// How written positions came to be what they are.
    written: BTreeMap<usize, Written>,
    /// Written in the last step.
    fresh: BTreeSet<usize>,
    /// What the last step did.
    pub(super) edits: Vec<Edit>,
    remasked: BTreeMap<usize, TokenId>,
}

/// What was known of a position when it was written.
#[derive(Debug, Clone, PartialEq)]
struct Written {
    /// After which step of the job it stands there.
    step: usize,
    /// What else was considered.
    runners_up: Vec<(TokenId, f32)>,
    entropy: Option<f64>,
}

impl Picture {
    pub(super) fn new(canvas: Canvas) -> Self {
        Self { masks_total: canvas.masks_left(), canvas, ..Self::default() }
    }

    /// What a job showed after so many steps of a trajectory that began when it had made `base` of them; without guesses,
    /// which the next pass brings.
    pub(super) fn of(trajectory: &Trajectory, steps: usize, base: usize) -> Result<Self, EditError> {
        let mut picture = Self::new(trajectory.first().clone());
        for (made, moment) in trajectory.moments().iter().take(steps).enumerate() {
            picture.note_acts(&moment.acts, base + made + 1);
            picture.note(&moment.edits, base + made + 1);
            picture.canvas = trajectory.canvas_at(made + 1)?;
        }
        // What was written last is no news any more, and what was taken back is gone.
        picture.fresh.clear();
        picture.remasked.clear();
        picture.edits.clear();
        Ok(picture)
    }

    /// Becomes the picture of another run, but for the text to compare with.
    pub(super) fn show(&mut self, other: Self) {
        let (old_ids, old) = (std::mem::take(&mut self.old_ids), std::mem::take(&mut self.old_log_probabilities));
        *self = Self { old_ids, old_log_probabilities: old, ..other };
    }

    /// Takes in a step, which is the job's step `step`.
    pub(super) fn step(&mut self, run: &Run, report: &StepReport, step: usize) {
        self.note(&report.edits, step);
        self.guesses = report.guesses.iter().map(|guess| (guess.position, guess.clone())).collect();
        self.canvas = run.canvas().clone();
    }

    fn note(&mut self, edits: &[Edit], step: usize) {
        self.remasked.clear();
        self.fresh.clear();
        for edit in edits {
            match edit.act {
                EditAct::Write { .. } => {
                    let (runners_up, entropy) = (edit.runners_up.clone(), Some(edit.entropy));
                    self.written.insert(edit.position, Written { step, runners_up, entropy });
                    self.fresh.insert(edit.position);
                }
                EditAct::Mask | EditAct::Noise { .. } => {
                    self.remasked.extend(self.canvas.ids().get(edit.position).map(|id| (edit.position, *id)));
                    self.written.remove(&edit.position);
                }
                EditAct::Insert { .. } | EditAct::Delete => {}
            }
        }
        let mut shifting: Vec<&Edit> =
            edits.iter().filter(|edit| matches!(edit.act, EditAct::Insert { .. } | EditAct::Delete)).collect();
        shifting.sort_by_key(|edit| std::cmp::Reverse(edit.position));
        shifting.dedup_by_key(|edit| edit.position);
        for edit in shifting {
            let at = edit.position;
            match edit.act {
                EditAct::Insert { masks } => self.shift(|old| Some(if old >= at { old + masks } else { old })),
                _ => self.shift(|old| (old != at).then(|| if old > at { old - 1 } else { old })),
            }
        }
        self.edits = edits.to_vec();
    }

    /// Takes in what the user did, as the job's step `step`, which led to a canvas.
    pub(super) fn steered(&mut self, acts: &[UserAct], canvas: &Canvas, step: usize) {
        let masks = self.canvas.masks_left();
        self.note_acts(acts, step);
        self.canvas = canvas.clone();
        self.masks_total = (self.masks_total + canvas.masks_left()).saturating_sub(masks);
        let is_open = |position: &usize| canvas.kind(*position) == Kind::Masked;
        self.guesses.retain(|position, guess| {
            is_open(position) && canvas.limit(*position).is_some_and(|limit| limit.allows(guess.token))
        });
    }

    fn note_acts(&mut self, acts: &[UserAct], step: usize) {
        self.remasked.clear();
        self.fresh.clear();
        self.edits.clear();
        let held = Written { step, runners_up: Vec::new(), entropy: None };
        for act in acts {
            match act {
                UserAct::PinAs(position, token) => {
                    let written = self.instead(*position, *token, step);
                    self.written.insert(*position, written);
                }
                UserAct::WriteOver(position, tokens) => {
                    self.shift(|old| act.moved(old));
                    self.written.extend((*position..*position + tokens.len()).map(|at| (at, held.clone())));
                }
                UserAct::MaskAgain(position) => {
                    self.remasked.extend(self.canvas.ids().get(*position).map(|id| (*position, *id)));
                    self.written.remove(position);
                }
                UserAct::Restore(position, _) => drop(self.written.remove(position)),
                UserAct::Pin(_) | UserAct::Unpin(_) | UserAct::Forbid(..) => {}
            }
        }
        // Positions of what was taken back are those of the canvas before; where they moved, it is not shown.
        if acts.iter().any(|act| matches!(act, UserAct::WriteOver(_, tokens) if tokens.len() > 1)) {
            self.remasked.clear();
        }
    }

    /// What is known of a position at which a token is put in the place of another: that one can be chosen again.
    fn instead(&self, position: usize, token: TokenId, step: usize) -> Written {
        let guess = self.guesses.get(&position);
        let before = match (self.canvas.kind(position), guess) {
            (Kind::Committed { probability, .. }, _) => self.canvas.ids().get(position).map(|id| (*id, probability)),
            (_, Some(guess)) => Some((guess.token, guess.probability)),
            _ => None,
        };
        let (others, entropy) = match (self.written.get(&position), guess) {
            (Some(written), _) => (written.runners_up.clone(), written.entropy),
            (None, Some(guess)) => (guess.runners_up.clone(), Some(guess.entropy)),
            (None, None) => (Vec::new(), None),
        };
        let before = before.map(|(id, probability)| (id, probability as f32));
        let mut runners_up: Vec<(TokenId, f32)> =
            before.into_iter().chain(others).filter(|(id, _)| *id != token).collect();
        runners_up.sort_by(|a, b| b.1.total_cmp(&a.1));
        Written { step, runners_up, entropy }
    }

    /// A token was exchanged for another, which led to a canvas.
    pub(super) fn exchange(&mut self, canvas: Canvas, edit: Edit, step: usize) {
        let runners_up = self.considered(edit.position).to_vec();
        self.note(&[Edit { runners_up, ..edit }], step);
        self.canvas = canvas;
    }

    /// Moves what is known of positions to where they are now.
    fn shift(&mut self, moved: impl Fn(usize) -> Option<usize>) {
        let moved_in = |position: usize| moved(position);
        self.written =
            std::mem::take(&mut self.written).into_iter().filter_map(|(at, it)| Some((moved_in(at)?, it))).collect();
        self.fresh = std::mem::take(&mut self.fresh).into_iter().filter_map(&moved_in).collect();
        let guesses = std::mem::take(&mut self.guesses).into_values();
        let guess = |guess: Guess| {
            let position = moved_in(guess.position)?;
            Some((position, Guess { position, ..guess }))
        };
        self.guesses = guesses.filter_map(guess).collect();
    }

    /// Takes in a step that writes nothing yet: what it would write, and what of that is new.
    pub(super) fn watch(&mut self, guesses: &[Guess], edits: Vec<Edit>) {
        self.guesses = guesses.iter().map(|guess| (guess.position, guess.clone())).collect();
        self.edits = edits;
    }

    /// What else was considered when a position was written.
    pub(super) fn considered(&self, position: usize) -> &[(TokenId, f32)] {
        self.written.get(&position).map_or(&[], |written| written.runners_up.as_slice())
    }

    /// The model's best guess for a position that is masked.
    pub(super) fn guess(&self, position: usize) -> Option<TokenId> {
        self.guesses.get(&position).map(|guess| guess.token)
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
            Kind::Committed { probability, .. } if self.fresh.contains(&position) => {
                (CellState::JustCommitted, probability)
            }
            Kind::Committed { probability, .. } => (CellState::Committed, probability),
            Kind::Pinned => (CellState::Pinned, 1.0),
            Kind::Fixed | Kind::Original => (CellState::Original, 1.0),
        };
        let (guess, written) = (self.guesses.get(&position), self.written.get(&position));
        let (others, entropy) = match (guess, written) {
            (Some(guess), _) => (guess.runners_up.as_slice(), Some(guess.entropy)),
            (None, Some(written)) => (written.runners_up.as_slice(), written.entropy),
            (None, None) => (&[][..], None),
        };
        // What was banned here since the model thought of it is no choice any more.
        let limit = self.canvas.limit(position);
        let others = others.iter().filter(|(id, _)| limit.is_none_or(|limit| !limit.banned.contains(id)));
        Cell {
            text,
            state,
            probability: probability as f32,
            alternatives: others.map(|other| alternative(*other, tokenizer)).collect(),
            token: self.shown(position).map(Token),
            entropy: entropy.map(|entropy| entropy as f32),
            step: written.map(|written| written.step),
        }
    }
}

/// A token as it is offered.
pub(super) fn alternative((id, probability): (TokenId, f32), tokenizer: &Tokenizer) -> Alternative {
    let text = String::from_utf8_lossy(tokenizer.bytes(id)).into_owned();
    Alternative { token: Token(id), text, probability }
}
