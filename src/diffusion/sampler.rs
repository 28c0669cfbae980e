//! One step of the reverse process, `xt -> xs` with `s < t`, as a pure function of canvas, proposals, clock and draws.
//!
//! Read [`step`] first; it is the algorithm box:
//! ```text
//! input   canvas xt, window W, proposals for x0, clock, draws
//! for each rule (over, where, score, pick, act):
//!     C   <- positions of W that the rule is over
//!     R   <- C ranked by score, ties by position
//!     P   <- those of R that are picked
//!     xs  <- act on P; a later rule overrides an earlier one
//! output  the list of edits from xt to xs
//! ```
//! In the last step of the plan the rules are one: write all that is noise in W. Where a kernel draws every position, it
//! removes the noise.
//! All rules read the same proposals and the same `xt`. Unit: canvas positions. Cost: sorting the window; no row of
//! logits is touched here. The three middle lines are in `pick.rs`. Limit: nothing here calls the denoiser or changes
//! a canvas.

use std::collections::BTreeMap;

use crate::diffusion::canvas::{Canvas, Edit, EditAct, Kind};
use crate::diffusion::dry::Dry;
use crate::diffusion::expr::{Expr, Needs, Var};
use crate::diffusion::memory::Memory;
use crate::diffusion::noise::{Draws, Kernel};
use crate::diffusion::pick::Picker;
use crate::diffusion::propose::{Proposal, Propose};
use crate::diffusion::refresh::RefreshPolicy;
use crate::diffusion::rng::{Draw, DrawKey, Purpose};
use crate::diffusion::rule::{Act, Over, Pick, Rule};
use crate::diffusion::schedule::{Clock, Schedule, Stop};
use crate::diffusion::search::Search;
use crate::diffusion::vocabulary::Vocabulary;
use crate::diffusion::window::Window;

/// A sampler: how tokens are proposed, which rules act, on what schedule, in what window, until when; which rows are
/// computed anew, and which canvases are tried. Read from its notation ([`crate::diffusion::notation`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Sampler {
    /// From a row of logits to a token.
    pub propose: Propose,
    /// The temperature, where it changes during the run; else that of `propose`.
    pub temperature: Option<Expr>,
    /// `w` of `u + (w + 1) (c - u)`, with `c` the logits and `u` those without the text around; 0 makes no second pass.
    pub guidance: f64,
    /// Draws the next state from a reverse kernel; the token proposed may then be the mask.
    pub reverse: Option<Reverse>,
    /// When a token's own influence is taken out of the logits at its position (leave-one-out, 2605.22765).
    pub leave_one_out: Option<Expr>,
    /// Adds to the logits of tokens that were the best before.
    pub credit: Option<Credit>,
    /// Takes from the logits of words that would repeat a phrase of the holes.
    pub dry: Option<Dry>,
    /// What happens in a step, in order.
    pub rules: Vec<Rule>,
    /// Where the rules' numbers come from.
    pub schedule: Schedule,
    /// Which positions may change now.
    pub window: Window,
    /// When it ends.
    pub stop: Stop,
    /// Whether masks are replaced by random tokens before the first step.
    pub starts_random: bool,
    /// Which rows are computed anew in a pass.
    pub refresh: RefreshPolicy,
    /// Which canvases are tried besides the one.
    pub search: Search,
}

/// Drawing from a reverse kernel ([`crate::diffusion::noise`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reverse {
    /// Which.
    pub kernel: Kernel,
    /// How a category is drawn.
    pub draws: Draws,
    /// The step that removes the last noise takes the most likely token instead of drawing one (MDLM, Duo).
    pub greedy_removal: bool,
}

/// Credit decoding (dInfer): `credit <- decay credit + p^power` at the best token, `logits += weight ln(1 + credit)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Credit {
    /// How fast it is forgotten.
    pub decay: f64,
    /// How much a sure guess counts over an unsure one.
    pub power: f64,
    /// How much it weighs.
    pub weight: f64,
}

/// The proposals of a step, by position.
pub type Proposals = BTreeMap<usize, Proposal>;

/// What a step reads.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The canvas `xt`.
    pub canvas: &'a Canvas,
    /// The positions that may change now, ascending.
    pub window: &'a [usize],
    /// Proposals for `x0`; positions without one are not written.
    pub x0: &'a Proposals,
    /// How far the run is.
    pub clock: &'a Clock,
    /// What earlier steps left.
    pub memory: &'a Memory,
    /// The tokens there are.
    pub vocabulary: &'a Vocabulary,
}

impl Sampler {
    /// Whether a word stands anywhere in it.
    pub(crate) fn mentions(&self, var: Var) -> bool {
        let others = self.temperature.iter().chain(&self.stop.when).chain(&self.leave_one_out);
        self.rules.iter().any(|rule| rule.mentions(var)) || others.into_iter().any(|expr| expr.mentions(var))
    }

    /// Whether it obeys control tokens.
    pub fn obeys(&self) -> bool {
        self.rules.iter().any(|rule| rule.act == Act::Obey)
    }
}

/// One step: what the sampler does to the canvas, one edit per position at most, ascending.
pub fn step(sampler: &Sampler, at: &Situation<'_>, draws: &impl Draw) -> Vec<Edit> {
    let mut acts: BTreeMap<usize, Act> = BTreeMap::new();
    for (index, rule) in rules(sampler, at.clock).iter().enumerate() {
        let picked = Picker::new(sampler, at, &acts, draws).pick(index as u8, rule);
        acts.extend(picked.into_iter().map(|position| (position, rule.act)));
    }
    acts.into_iter().filter_map(|(position, act)| edit(act, position, at, draws)).collect()
}

/// The last step of a plan commits what is left and takes nothing back, so that every sampler ends.
fn rules<'a>(sampler: &'a Sampler, clock: &Clock) -> &'a [Rule] {
    const COMMIT_ALL: &[Rule] = &[Rule::new(Over::Masked, Pick::All, Act::Write)];
    const WRITE_ALL: &[Rule] = &[Rule::new(Over::Both, Pick::All, Act::Write)];
    const OBEY_ALL: &[Rule] = &[Rule::new(Over::Masked, Pick::All, Act::Obey)];
    match (clock.is_last(), sampler.starts_random) {
        (false, _) => &sampler.rules,
        // A reverse kernel knows itself what is noise, in tokens as well (GIDD).
        (true, _) if sampler.reverse.is_some() && sampler.rules == WRITE_ALL => WRITE_ALL,
        // A control token is never text, and a hole that still wants to grow gets more steps for it.
        (true, false) if sampler.obeys() => OBEY_ALL,
        (true, false) => COMMIT_ALL,
        // Among random tokens nothing tells noise from text: all is written anew.
        (true, true) => WRITE_ALL,
    }
}

/// The positions whose proposals a step reads, ascending: all candidates of a rule that ranks by what the denoiser
/// says, but only those picked where the order is random, and none where the count is zero. `x0` of `at` is not read.
pub fn positions_read(sampler: &Sampler, at: &Situation<'_>, draws: &impl Draw) -> Vec<usize> {
    let none = Proposals::new();
    let blind = Situation { x0: &none, ..*at };
    let mut acts: BTreeMap<usize, Act> = BTreeMap::new();
    let mut positions: Vec<usize> = Vec::new();
    let mut unknown = false;
    for (index, rule) in rules(sampler, at.clock).iter().enumerate() {
        let picker = Picker::new(sampler, &blind, &acts, draws);
        if rule.when.needs() == Needs::Canvas && !picker.acts_now(index as u8, rule) {
            continue;
        }
        let reads_rows = rule.needs() == Needs::Row || (unknown && rule.needs() == Needs::Rules);
        if reads_rows && !(rule.counts_without_rows() && picker.pick(index as u8, rule).is_empty()) {
            positions.extend(picker.candidates(index as u8, rule));
            unknown = true;
        } else if !reads_rows {
            let picked = picker.pick(index as u8, rule);
            if matches!(rule.act, Act::Write | Act::Obey) {
                positions.extend(&picked);
            }
            acts.extend(picked.into_iter().map(|position| (position, rule.act)));
        }
    }
    if sampler.stop.when.as_ref().is_some_and(|when| when.needs() == Needs::Row) {
        positions.extend(at.window);
    }
    positions.sort_unstable();
    positions.dedup();
    positions
}

/// What an act does to one position; none if that leaves it as it is.
fn edit(act: Act, position: usize, at: &Situation<'_>, draws: &impl Draw) -> Option<Edit> {
    let (in_place, kind) = (at.canvas.ids().get(position).copied()?, at.canvas.kind(position));
    let proposal = at.x0.get(&position);
    let masked = kind == Kind::Masked && in_place == at.canvas.mask();
    let act = match act {
        Act::Write => write(proposal?.token, at),
        Act::Obey => obey(proposal?.token, at),
        Act::Mask => EditAct::Mask,
        Act::Noise => EditAct::Noise { token: random_token(position, at.clock.step, at.vocabulary, draws) },
        Act::Insert(masks) => EditAct::Insert { masks: masks.into() },
        Act::Delete => EditAct::Delete,
        Act::Close if at.vocabulary.controls().delete.is_some() => EditAct::Delete,
        Act::Close => write(at.vocabulary.end()?, at),
    };
    let unchanged = match act {
        EditAct::Write { token } => token == in_place && kind.is_written(),
        EditAct::Mask => masked,
        EditAct::Noise { token } => token == in_place && kind == Kind::Masked,
        EditAct::Insert { masks } => masks == 0,
        EditAct::Delete => false,
    };
    let probability = match act {
        EditAct::Write { .. } => proposal.map(|proposal| proposal.probability),
        _ => proposal.and_then(|proposal| proposal.in_place),
    };
    let runners_up = proposal.map(|proposal| proposal.runners_up(proposal.token)).unwrap_or_default();
    let entropy = proposal.map_or(0.0, |proposal| proposal.entropy);
    (!unchanged).then_some(Edit { position, act, probability: probability.unwrap_or_default(), entropy, runners_up })
}

/// A reverse kernel may say that a position is, or stays, masked.
fn write(token: u32, at: &Situation<'_>) -> EditAct {
    if token == at.canvas.mask() { EditAct::Mask } else { EditAct::Write { token } }
}

/// DreamOn: `expand` puts two masks in place of one, `delete` takes the position out.
fn obey(token: u32, at: &Situation<'_>) -> EditAct {
    let controls = at.vocabulary.controls();
    match Some(token) {
        expand if expand == controls.expand => EditAct::Insert { masks: 1 },
        delete if delete == controls.delete => EditAct::Delete,
        _ => write(token, at),
    }
}

/// A token drawn uniformly from those that may be proposed.
pub(crate) fn random_token(position: usize, step: usize, vocabulary: &Vocabulary, draws: &impl Draw) -> u32 {
    let uniform = draws.uniform(DrawKey { purpose: Purpose::Noise, step, position, index: 0 });
    vocabulary.nth_proposable((uniform * vocabulary.proposable() as f64) as usize)
}

#[cfg(test)]
mod tests;
