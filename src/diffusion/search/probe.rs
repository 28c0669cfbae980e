//! Probing which masks depend on which, with `log2 n` passes for `n` masks: PUNT (2510.21961).
//!
//! The masks are numbered by confidence. For each bit of the numbers, those with the bit clear are written for a trial, and
//! of the others those are dropped whose distribution then diverges from what it was. What is left may be written at
//! once; the surest mask is never dropped. Unit: canvas positions. Limit: what the dropped ones depended on is not kept.

use std::collections::BTreeSet;

use crate::diffusion::canvas::{Canvas, Edit, EditAct};
use crate::diffusion::memory::divergence;
use crate::diffusion::sampler::Proposals;
use crate::diffusion::{Logits, row_of};

/// A probing under way.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The surest first.
    order: Vec<usize>,
    alive: BTreeSet<usize>,
    bit: u32,
    divergence: f64,
}

impl Probe {
    /// Begins with the masks to be told apart; dependence is a divergence of more than so many nats.
    pub fn new(x0: &Proposals, masked: impl Iterator<Item = usize>, divergence: f64) -> Self {
        let confidence = |position: &usize| x0.get(position).map_or(0.0, |proposal| proposal.confidence);
        let mut order: Vec<usize> = masked.collect();
        order.sort_by(|a, b| confidence(b).total_cmp(&confidence(a)));
        Self { alive: order.iter().copied().collect(), order, bit: 0, divergence }
    }

    /// The positions of the round that are written and those that are watched.
    fn halves(&self) -> (Vec<usize>, Vec<usize>) {
        let numbered = self.order.iter().enumerate().filter(|(_, position)| self.alive.contains(position));
        let (written, watched): (Vec<_>, Vec<_>) = numbered.partition(|(number, _)| number >> self.bit & 1 == 0);
        let positions = |half: Vec<(usize, &usize)>| half.into_iter().map(|(_, &position)| position).collect();
        (positions(written), positions(watched))
    }

    /// The canvas of the next trial; none when all is told apart.
    pub fn next(&mut self, canvas: &Canvas, x0: &Proposals) -> Option<Canvas> {
        while self.order.len() >> self.bit > 0 && self.bit < usize::BITS - 1 {
            let (written, watched) = self.halves();
            if !watched.is_empty() && !written.is_empty() {
                let token = |position: &usize| x0.get(position).map(|proposal| proposal.token);
                let edit = |position: usize| {
                    let act = EditAct::Write { token: token(&position)? };
                    Some(Edit::bare(position, act))
                };
                let edits: Vec<Edit> = written.into_iter().filter_map(edit).collect();
                let mut trial = canvas.clone();
                return trial.apply(&edits, 0).is_ok().then_some(trial);
            }
            self.bit += 1;
        }
        None
    }

    /// Takes in the logits before and those of the trial, and goes on to the next bit.
    pub fn report(&mut self, before: &Logits, trial: &Logits, shift: usize) {
        let (_, watched) = self.halves();
        for position in watched {
            let row = row_of(position, shift);
            let pair = trial.row(row).zip(before.row(row));
            if pair.is_some_and(|(now, then)| divergence(then, now) > self.divergence) {
                self.alive.remove(&position);
            }
        }
        self.bit += 1;
    }

    /// What may be written at once.
    pub fn independent(self) -> BTreeSet<usize> {
        self.alive
    }
}
