//! Does a word go across the edge of a hole? One pass answers for all holes at once.
//!
//! The tokens that stand at a doubtful edge are masked, and the model says which token it wants there, of those that begin
//! (or end) with the same bytes: one that goes on across the edge, as ` Paris` does from ` Par`, or one that ends there.

use std::sync::Arc;

use crate::diffusion::canvas::{Canvas, Cell};
use crate::diffusion::constraint::dfa::Dfa;
use crate::diffusion::vocabulary::Vocabulary;
use crate::diffusion::{DenoiseError, Denoiser, Logits, TokenId, row_of};
use crate::engine::boundary::Edge;
use crate::engine::prompt::{HolePlan, Prompt};
use crate::engine::protocol::Length;
use crate::model::Model;

use super::picture::Picture;
use super::{Cancelled, Job, Stage, cell_at, impossible};

/// How long a hole of open length is while its edges are asked about. Beside a part of a word it has no length of its own:
/// would the word, in the place of its part alone, be another? With more masks than the word needs, the model thinks of
/// other texts.
const WHILE_ASKING: usize = 3;

impl Job {
    pub(super) fn ask(&mut self, model: &Model) -> Result<Stage, DenoiseError> {
        // What cannot be is said before any pass.
        (0..self.prompt.holes.len()).try_for_each(|hole| self.lengths_of(hole).map(drop))?;
        let lengths: Vec<usize> = self.prompt.holes.iter().map(while_asking).collect();
        self.picture = Picture::new(self.masked_canvas(model, &lengths)?);
        Ok(Stage::Asking)
    }

    /// Makes the pass and opens the edges that a word goes across.
    pub(super) fn decide(&mut self, model: &mut Model, cancelled: Cancelled<'_>) -> Result<Stage, DenoiseError> {
        let mut asking = self.prompt.clone();
        let mut cells = Vec::with_capacity(asking.holes.len());
        for hole in &mut asking.holes {
            // What is asked is which bytes come out again, not what else is demanded.
            hole.body = Arc::new(Dfa::any());
            let in_word = [(&hole.left, true), (&hole.right, false)]
                .into_iter()
                .any(|(edge, left)| edge.doubtful && edge.is_in_word(left));
            let mut length = if in_word && hole.part.length == Length::Auto { 0 } else { while_asking(hole) };
            for edge in [&mut hole.left, &mut hole.right].into_iter().filter(|edge| edge.doubtful) {
                length += edge.standing.len();
                edge.open();
            }
            cells.push(vec![Cell::Masked; length]);
        }
        let canvas = asking.canvas(model.vocabulary().mask(), &cells);
        let mut canvas = canvas.map_err(|error| DenoiseError::Failed(error.to_string()))?;
        asking.limits().apply(&mut canvas).map_err(impossible)?;
        let shift = model.shift();
        let ends = |hole: usize| [asking.own_range(&canvas, hole).start, asking.own_range(&canvas, hole).end - 1];
        let mut rows: Vec<usize> = (0..canvas.hole_count()).flat_map(ends).map(|p| row_of(p, shift)).collect();
        rows.sort_unstable();
        rows.dedup();
        let logits = model.logits(&model.noise().pass(1.0, canvas.ids(), &rows), cancelled)?;
        self.passes += 1;
        let vocabulary = model.vocabulary();
        let wanted = |position| most_likely(&logits, &canvas, position, vocabulary, shift);
        let before = self.prompt.holes.clone();
        for (index, hole) in self.prompt.holes.iter_mut().enumerate() {
            let [first, last] = ends(index);
            if hole.left.doubtful && wanted(first) != hole.left.standing.first().copied() {
                hole.left.open();
            }
            if hole.right.doubtful && wanted(last) != hole.right.standing.last().copied() {
                hole.right.open();
            }
            (hole.left.doubtful, hole.right.doubtful) = (false, false);
        }
        // A hole whose length leaves no room for that stays as it was.
        for (index, before) in before.into_iter().enumerate() {
            if !before.part.constraints.is_empty() && self.lengths_of(index).is_err() {
                let (left, right) = (before.left, before.right);
                let hole = &mut self.prompt.holes[index];
                (hole.left, hole.right) = (Edge { doubtful: false, ..left }, Edge { doubtful: false, ..right });
            }
        }
        self.measure(model)
    }
}

fn while_asking(hole: &HolePlan) -> usize {
    let (least, most) = hole.bounds((1, WHILE_ASKING));
    WHILE_ASKING.clamp(least, most)
}

/// The allowed token with the largest logit at a masked position.
fn most_likely(
    logits: &Logits,
    canvas: &Canvas,
    position: usize,
    vocabulary: &Vocabulary,
    shift: usize,
) -> Option<TokenId> {
    let row = logits.row(row_of(position, shift))?;
    let limit = canvas.limit(position)?;
    let allowed = |id: &TokenId| !vocabulary.is_banned(*id) && limit.allows(*id);
    let logit = |id: &TokenId| row[*id as usize];
    (0..row.len() as TokenId).filter(allowed).max_by(|a, b| logit(a).total_cmp(&logit(b)).then(b.cmp(a)))
}

/// The cells that each hole of a new prompt goes on from, out of the canvas of an old one. A hole that names none goes on
/// from all of its own. An edge that was decided stays decided where the text beside it is the same; where it is not, what
/// was spelled across it is masked again.
pub(super) fn carry(old: &Prompt, new: &mut Prompt, canvas: &Canvas) -> Vec<Vec<Cell>> {
    let mut carried = Vec::with_capacity(new.holes.len());
    for hole in &mut new.holes {
        (hole.left.doubtful, hole.right.doubtful) = (false, false);
        let (from, part) = match &hole.part.resume {
            Some(resume) => (resume.from, resume.cells.clone()),
            None => (hole.id(), 0..usize::MAX),
        };
        let Some(index) = old.holes.iter().position(|old| old.id() == from) else {
            carried.push(Vec::new());
            continue;
        };
        let before = &old.holes[index];
        let all: Vec<Cell> = old.own_range(canvas, index).map(|position| cell_at(canvas, position)).collect();
        let (at_start, at_end) = (part.start == 0, part.end >= all.len());
        let mut cells: Vec<Cell> = all.into_iter().skip(part.start).take(part.len()).collect();
        if at_start && !take_over(&before.left, &mut hole.left) {
            mask_first(cells.iter_mut());
        }
        if at_end && !take_over(&before.right, &mut hole.right) {
            mask_first(cells.iter_mut().rev());
        }
        carried.push(cells);
    }
    carried
}

/// What was forbidden in the cells that each hole went on from is forbidden there on the new canvas.
pub(super) fn carry_bans((old, from): (&Prompt, &Canvas), (new, canvas): (&Prompt, &mut Canvas)) {
    for (index, hole) in new.holes.iter().enumerate() {
        let (id, part) = match &hole.part.resume {
            Some(resume) => (resume.from, resume.cells.clone()),
            None => (hole.id(), 0..usize::MAX),
        };
        let Some(before) = old.holes.iter().position(|old| old.id() == id) else { continue };
        let cells = old.own_range(from, before).skip(part.start).take(part.len());
        for (then, now) in cells.zip(new.own_range(canvas, index)) {
            if let Some(limit) = from.limit(then).filter(|limit| !limit.banned.is_empty()) {
                canvas.set_banned(now, &limit.banned);
            }
        }
    }
}

/// Whether a new edge can be as the old one was.
fn take_over(old: &Edge, new: &mut Edge) -> bool {
    if old.bytes == new.bytes {
        *new = old.clone();
        return true;
    }
    // A single space is any first word's; nothing else was spelled where the edge was not open.
    !old.is_open() || old.bytes == b" "
}

fn mask_first<'a>(cells: impl Iterator<Item = &'a mut Cell>) {
    for cell in cells.take_while(|cell| !matches!(cell, Cell::Masked)) {
        *cell = Cell::Masked;
    }
}
