//! A rule: over a set of positions, score each, pick some, act on them. Samplers are short lists of rules.
//!
//! `decoding.md` section 6 maps the literature onto these four fields; they are closed enums, so that a sampler is data.
//! Numbers in them ([`Num`]) are read off the schedule at each step. Order is total: by exact score, then by position.
//! Unit: canvas positions. Limit: scores read one forward pass, never an earlier one.

use crate::diffusion::schedule::{Clock, Schedule};

/// Which positions of the window a rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Those still masked.
    Masked,
    /// Those that hold a token a sampler may change.
    Committed,
    /// All editable ones.
    Both,
}

/// What positions are ranked by; more is surer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Score {
    /// The probability of the proposed token: LLaDA `low_confidence`, Dream `maskgit_plus`.
    Probability,
    /// The best token's probability less the second's: Dream `topk_margin`.
    Margin,
    /// Minus the entropy: Dream `entropy`.
    NegEntropy,
    /// The probability of the token in place; of the proposed one where there is none.
    InPlace,
    /// A random number: ancestral sampling, random order. Needs no logits.
    Uniform,
}

/// A number that a rule needs, perhaps off the schedule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Num {
    /// Always this.
    Const(f64),
    /// LLaDA's count ([`Schedule::equal_split`]).
    EqualSplit,
    /// Dream's count ([`Schedule::truncated`]).
    Truncated,
    /// The masks less those that the noise schedule still wants ([`Schedule::still_masked`]): MaskGIT.
    Reveal,
    /// How many the noise schedule still wants masked: P2.
    StillMasked,
    /// The ancestral chance ([`Schedule::unmask_chance`]).
    UnmaskChance,
}

impl Num {
    /// Its value at a step that starts with so many masks in the window.
    pub fn value(self, schedule: &Schedule, clock: &Clock, masks: usize) -> f64 {
        match self {
            Num::Const(value) => value,
            Num::EqualSplit => schedule.equal_split(clock, masks) as f64,
            Num::Truncated => schedule.truncated(clock, masks) as f64,
            Num::Reveal => masks.saturating_sub(schedule.still_masked(clock)) as f64,
            Num::StillMasked => schedule.still_masked(clock) as f64,
            Num::UnmaskChance => schedule.unmask_chance(clock),
        }
    }
}

/// Which of the ranked positions are taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pick {
    /// All.
    All,
    /// So many, from the best down.
    Best(Num),
    /// So many, from the worst up.
    Worst(Num),
    /// Those that score at least this.
    Above(Num),
    /// Those that score less than this, the worst first.
    Below(Num),
    /// Each by itself with this chance.
    Coin(Num),
    /// From the best down while the entropies, but for the largest, sum to at most this: EB-Sampler (2505.24857).
    Entropy(Num),
}

impl Pick {
    /// Whether how many are taken does not depend on the scores.
    pub(crate) fn counts_without_scores(self) -> bool {
        matches!(self, Pick::All | Pick::Best(_) | Pick::Worst(_) | Pick::Coin(_))
    }
}

/// What happens to a position that was picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It gets the proposed token.
    Write,
    /// It is masked (again), or stays so.
    Mask,
    /// So many masks are put before it.
    Insert(u8),
    /// It is taken out.
    Delete,
}

/// Over, score, pick, act.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// Which positions.
    pub over: Over,
    /// Ranked by what.
    pub score: Score,
    /// Which of them.
    pub pick: Pick,
    /// At least so many, where there are as many: the first in the order of the pick.
    pub min: usize,
    /// At most so many.
    pub max: usize,
    /// What happens to them.
    pub act: Act,
}

impl Rule {
    /// Masked positions are ranked, picked and written: what most samplers are.
    pub const fn commit(score: Score, pick: Pick) -> Self {
        Self { over: Over::Masked, score, pick, min: 0, max: usize::MAX, act: Act::Write }
    }

    /// The same, but at least so many.
    pub const fn at_least(self, min: usize) -> Self {
        Self { min, ..self }
    }
}
