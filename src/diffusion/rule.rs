//! A rule: over a set of positions, score each, pick some, act on them. Samplers are short lists of rules.
//!
//! `decoding.md` section 6 maps the literature onto these fields. As written in the notation:
//! ```text
//! OVER [when(..)] [where(..)] [SCORE] PICK [if(..)] [per run|hole] [min=..] [max=..] ACT
//! masked conf above(threshold) min=1 write
//! committed current below(0.3) max=25% mask
//! ```
//! Everything in it that is a number is an [`Expr`]. Order is total: by exact score, then by position. Unit: canvas
//! positions.

use crate::diffusion::expr::{Expr, Needs, Var};

/// Which positions of the window a rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Those still noise.
    Masked,
    /// Those that hold a token a sampler may change.
    Committed,
    /// All editable ones.
    Both,
}

/// Which of the ranked positions are taken.
#[derive(Debug, Clone, PartialEq)]
pub enum Pick {
    /// All.
    All,
    /// So many, from the best down.
    Best(Expr),
    /// So many, from the worst up.
    Worst(Expr),
    /// Those that score at least this.
    Above(Expr),
    /// Those that score less than this, the worst first.
    Below(Expr),
    /// Each by itself with this chance.
    Coin(Expr),
    /// From the best down while the entropies, but for the largest, sum to at most this: EB-Sampler (2505.24857).
    Entropy(Expr),
    /// The largest `n` with `(n + 1) (1 - score of the n-th)` below this: Fast-dLLM's factor (2505.22618).
    Factor(Expr),
    /// From the best down, those that depend on none taken before by more than this: PUNT (2510.21961). What depends on
    /// what is found by probing ([`crate::diffusion::search`]); without a probe only the best is taken.
    Independent(Expr),
}

/// Among which positions a pick, a `min` and a `max` count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// All candidates.
    Window,
    /// Each run of neighbouring candidates by itself.
    Run,
    /// Each hole by itself.
    Hole,
}

/// What happens to a position that was picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It gets the proposed token.
    Write,
    /// It is masked (again), or stays so.
    Mask,
    /// It gets a random token and counts as noise.
    Noise,
    /// So many masks are put before it.
    Insert(u8),
    /// It is taken out.
    Delete,
    /// What the proposed token says: a control token inserts or deletes (DreamOn, LLaDA2.2), any other is written.
    Obey,
    /// It gets the token that ends the text, or is taken out where that is what the token stands for (DreamOn's
    /// `pad_eos_to_right`).
    Close,
}

/// Over, score, pick, act.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Which positions.
    pub over: Over,
    /// Whether the rule acts at all in this step.
    pub when: Expr,
    /// Which of the positions are candidates.
    pub filter: Expr,
    /// Ranked by what.
    pub score: Expr,
    /// Which of them.
    pub pick: Pick,
    /// Which of those picked are acted on after all.
    pub keep: Expr,
    /// Among which positions the pick counts.
    pub per: Group,
    /// At least so many, where there are as many: the first in the order of the pick.
    pub min: Expr,
    /// At most so many.
    pub max: Expr,
    /// What happens to them.
    pub act: Act,
}

const YES: Expr = Expr::Const(1.0);

impl Rule {
    /// A rule without conditions, scores and bounds.
    pub const fn new(over: Over, pick: Pick, act: Act) -> Self {
        let (min, max) = (Expr::Const(0.0), Expr::Const(f64::INFINITY));
        Self { over, when: YES, filter: YES, score: YES, pick, keep: YES, per: Group::Window, min, max, act }
    }

    /// The numbers in it.
    fn exprs(&self) -> impl Iterator<Item = &Expr> {
        [&self.when, &self.filter, &self.score, &self.keep, &self.min, &self.max].into_iter().chain(self.pick.expr())
    }

    /// What must be known to pick its positions.
    pub(crate) fn needs(&self) -> Needs {
        let of_pick = match self.pick {
            Pick::Entropy(_) | Pick::Independent(_) => Needs::Row,
            _ => Needs::Canvas,
        };
        self.exprs().map(Expr::needs).max().unwrap_or(of_pick).max(of_pick)
    }

    /// Whether a word stands in it.
    pub(crate) fn mentions(&self, var: Var) -> bool {
        self.exprs().any(|expr| expr.mentions(var))
    }

    /// Whether how many are picked can be known before any row is: then a count of zero needs no pass.
    pub(crate) fn counts_without_rows(&self) -> bool {
        let counted = matches!(self.pick, Pick::Best(_) | Pick::Worst(_));
        let numbers = [&self.filter, &self.min].into_iter().chain(self.pick.expr());
        counted && numbers.map(Expr::needs).max() == Some(Needs::Canvas)
    }
}

impl Pick {
    pub(crate) fn expr(&self) -> Option<&Expr> {
        match self {
            Pick::All => None,
            Pick::Best(n)
            | Pick::Worst(n)
            | Pick::Above(n)
            | Pick::Below(n)
            | Pick::Coin(n)
            | Pick::Entropy(n)
            | Pick::Factor(n)
            | Pick::Independent(n) => Some(n),
        }
    }
}
