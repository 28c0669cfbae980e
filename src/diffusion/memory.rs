//! What a run remembers of earlier steps, for the words that ask for it: drift, remasks, credit, the frontier.
//!
//! Only what a sampler's rules mention is kept. Unit: canvas positions. Cost: `drift` keeps one row of logits per
//! position read, `positions x vocabulary` f32; everything else is a few numbers per position.

use std::collections::{BTreeMap, BTreeSet};

use crate::diffusion::TokenId;
use crate::diffusion::canvas::{Canvas, Edit, EditAct, Kind};
use crate::diffusion::expr::Var;
use crate::diffusion::sampler::{Proposals, Sampler};
use crate::diffusion::window::Window;

/// How long a frontier may take to settle (SlowFast).
const PROBES: usize = 6;

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Memory {
    drifts: bool,
    rows: BTreeMap<usize, Vec<f32>>,
    drift: BTreeMap<usize, [f64; 2]>,
    remasks: BTreeMap<usize, u32>,
    credit: BTreeMap<usize, BTreeMap<TokenId, f64>>,
    counts: BTreeMap<TokenId, u32>,
    counted: u32,
    probes: Vec<usize>,
    frontier: Option<usize>,
    best: BTreeMap<usize, TokenId>,
    stable: usize,
    /// The positions that probing found independent of surer ones; none where nothing was probed.
    pub(crate) independent: Option<BTreeSet<usize>>,
}

impl Memory {
    /// Begins with the tokens that no sampler wrote as the background of frequencies.
    pub(crate) fn new(sampler: &Sampler, canvas: &Canvas) -> Self {
        let drifts = [Var::Drift, Var::Drift2].iter().any(|&var| sampler.mentions(var));
        let mut memory = Self { drifts, ..Self::default() };
        let given = |kind: &Kind| matches!(kind, Kind::Fixed | Kind::Pinned | Kind::Original);
        let known = canvas.kinds().iter().zip(canvas.ids()).filter(|(kind, _)| given(kind));
        for (_, &id) in known {
            *memory.counts.entry(id).or_default() += 1;
            memory.counted += 1;
        }
        memory
    }

    /// How frequent a token is in the background: `(count + 1) / (total + vocabulary)`.
    pub(crate) fn frequency(&self, token: TokenId, vocabulary: usize) -> f64 {
        let count = self.counts.get(&token).copied().unwrap_or_default();
        (f64::from(count) + 1.0) / (f64::from(self.counted) + vocabulary.max(1) as f64)
    }

    /// Another background than the text around: counts of tokens.
    pub(crate) fn set_background(&mut self, counts: BTreeMap<TokenId, u32>) {
        self.counted = counts.values().fold(0, |sum: u32, n| sum.saturating_add(*n));
        self.counts = counts;
    }

    /// The last drift, or the larger of the last two; infinite before that many were seen.
    pub(crate) fn drift(&self, position: usize, last: usize) -> f64 {
        let seen = self.drift.get(&position).copied().unwrap_or([f64::INFINITY; 2]);
        seen[..last.min(2)].iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    pub(crate) fn remasks(&self, position: usize) -> u32 {
        self.remasks.get(&position).copied().unwrap_or_default()
    }

    pub(crate) fn frontier(&self) -> Option<usize> {
        self.frontier
    }

    /// Steps for which no best guess has changed.
    pub(crate) fn stable(&self) -> usize {
        self.stable
    }

    /// Takes note of a row as it was read, before credit: its divergence from the row of the step before.
    pub(crate) fn see_row(&mut self, position: usize, logits: &[f32]) {
        if !self.drifts {
            return;
        }
        let divergence = self.rows.get(&position).map_or(f64::INFINITY, |before| divergence(logits, before));
        let [last, _] = self.drift.get(&position).copied().unwrap_or([f64::INFINITY; 2]);
        self.drift.insert(position, [divergence, last]);
        self.rows.insert(position, logits.to_vec());
    }

    /// Credit decoding (dInfer): decays what a position's tokens have, adds `probability ^ power` to its best one, and
    /// gives all of them.
    pub(crate) fn credit(
        &mut self,
        position: usize,
        best: TokenId,
        gain: f64,
        decay: f64,
    ) -> impl Iterator<Item = (TokenId, f64)> + '_ {
        let credit = self.credit.entry(position).or_default();
        for value in credit.values_mut() {
            *value *= decay;
        }
        credit.retain(|_, value| *value > 1e-6);
        *credit.entry(best).or_default() += gain;
        credit.iter().map(|(&token, &value)| (token, value))
    }

    /// Takes note of a step: what it proposed and what it did, the canvas being the one after it.
    pub(crate) fn see_step(&mut self, x0: &Proposals, edits: &[Edit], window: Window, canvas: &Canvas) {
        let changed = x0.iter().any(|(position, p)| self.best.get(position).is_some_and(|before| *before != p.best()));
        let first = x0.keys().any(|position| !self.best.contains_key(position));
        self.stable = if changed || first || x0.is_empty() { 0 } else { self.stable + 1 };
        self.best.extend(x0.iter().map(|(&position, proposal)| (position, proposal.best())));
        for edit in edits.iter().filter(|edit| edit.act == EditAct::Mask) {
            *self.remasks.entry(edit.position).or_default() += 1;
        }
        self.independent = None;
        if let Window::Frontier(least) = window {
            self.probe(x0, least, canvas);
        }
        let shifts: Vec<(usize, EditAct)> = edits
            .iter()
            .map(|edit| (edit.position, edit.act))
            .filter(|(_, act)| matches!(act, EditAct::Insert { .. } | EditAct::Delete))
            .collect();
        if !shifts.is_empty() {
            self.shift(&shifts);
        }
    }

    /// SlowFast: while exploring, estimate the last sure position; when two estimates agree, or after [`PROBES`], it is
    /// the frontier until everything up to it is written.
    fn probe(&mut self, x0: &Proposals, least: f64, canvas: &Canvas) {
        if let Some(frontier) = self.frontier {
            if canvas.masked().next().is_none_or(|first| first > frontier) {
                (self.frontier, self.probes) = (None, Vec::new());
            }
            return;
        }
        let masked = canvas.masked().next();
        let sure = x0.iter().rev().find(|(_, proposal)| proposal.confidence >= least).map(|(&position, _)| position);
        let Some(estimate) = sure.or(masked) else { return };
        self.probes.push(estimate);
        // The standard deviation of two numbers is half their distance.
        let agree = matches!(self.probes[..], [.., a, b] if (a.abs_diff(b) as f64) / 2.0 < 1.0);
        if (agree || self.probes.len() >= PROBES) && masked.is_some_and(|first| first <= estimate) {
            self.frontier = Some(estimate);
        }
    }

    /// Positions moved: what is known of those left of the first change stays, the rest moves along or is forgotten.
    fn shift(&mut self, shifts: &[(usize, EditAct)]) {
        let moved = |position: usize| {
            let mut to = position;
            for &(at, act) in shifts.iter().rev() {
                match act {
                    EditAct::Insert { masks } if at <= position => to += masks,
                    EditAct::Delete if at == position => return None,
                    EditAct::Delete if at < position => to -= 1,
                    _ => {}
                }
            }
            Some(to)
        };
        self.rows = remapped(&self.rows, moved);
        self.drift = remapped(&self.drift, moved);
        self.remasks = remapped(&self.remasks, moved);
        self.credit = remapped(&self.credit, moved);
        self.best = remapped(&self.best, moved);
        (self.frontier, self.probes, self.stable) = (None, Vec::new(), 0);
    }
}

fn remapped<V: Clone>(map: &BTreeMap<usize, V>, moved: impl Fn(usize) -> Option<usize>) -> BTreeMap<usize, V> {
    map.iter().filter_map(|(&position, value)| Some((moved(position)?, value.clone()))).collect()
}

/// Kullback-Leibler's divergence of two rows of logits, in nats, over what both allow.
pub(crate) fn divergence(now: &[f32], before: &[f32]) -> f64 {
    let (now, before) = (Normal::of(now), Normal::of(before));
    let term = |(a, b): (&f32, &f32)| {
        let (log_p, log_q) = (now.log(*a), before.log(*b));
        if log_p.is_finite() && log_q.is_finite() { log_p.exp() * (log_p - log_q) } else { 0.0 }
    };
    now.row.iter().zip(before.row).map(term).sum::<f64>().max(0.0)
}

struct Normal<'a> {
    row: &'a [f32],
    log_sum: f64,
}

impl<'a> Normal<'a> {
    fn of(row: &'a [f32]) -> Self {
        let max = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        let sum: f64 = row.iter().map(|&logit| (f64::from(logit) - max).exp()).filter(|mass| mass.is_finite()).sum();
        Self { row, log_sum: max + sum.ln() }
    }

    fn log(&self, logit: f32) -> f64 {
        f64::from(logit) - self.log_sum
    }
}

#[cfg(test)]
mod tests {
    use super::{Memory, divergence};
    use crate::diffusion::canvas::EditAct;

    #[test]
    fn divergence_is_that_of_the_softmaxes() {
        let row = |p: [f32; 3]| p.map(f32::ln);
        assert!(divergence(&row([0.2, 0.3, 0.5]), &row([0.2, 0.3, 0.5])) < 1e-12);
        let expected = 0.5 * (0.5_f64 / 0.25).ln() + 0.5 * (0.5_f64 / 0.75).ln();
        assert!((divergence(&row([0.5, 0.5, 0.0]), &row([0.25, 0.75, 0.0])) - expected).abs() < 1e-6);
        assert!(divergence(&[f32::NEG_INFINITY; 2], &[0.0; 2]).abs() < 1e-12, "a row that allows nothing");
    }

    #[test]
    fn drift_is_infinite_until_it_was_seen_often_enough() {
        let mut memory = Memory { drifts: true, ..Memory::default() };
        memory.see_row(3, &[0.0, 1.0]);
        assert_eq!(memory.drift(3, 1), f64::INFINITY);
        memory.see_row(3, &[0.0, 1.0]);
        assert_eq!((memory.drift(3, 1), memory.drift(3, 2)), (0.0, f64::INFINITY));
        memory.see_row(3, &[0.0, 1.0]);
        assert_eq!((memory.drift(3, 2), memory.drift(4, 1)), (0.0, f64::INFINITY));
    }

    #[test]
    fn what_is_remembered_moves_with_its_position() {
        let mut memory = Memory::default();
        memory.remasks.extend([(1, 10), (3, 30), (4, 40), (6, 60)]);
        memory.shift(&[(2, EditAct::Insert { masks: 2 }), (4, EditAct::Delete)]);
        assert_eq!(memory.remasks.into_iter().collect::<Vec<_>>(), [(1, 10), (5, 30), (7, 60)]);
    }
}
