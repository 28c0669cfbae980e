//! What is believed about the lengths of holes, per model (`reference/decoding.md` section 3.4).
//!
//! The paper's rule, confidence divided by a fitted curve, was made for 8-billion-weight models; the default model's
//! confidence says little about lengths. What tells more is the text after the hole: of the short, the middle and the
//! long lengths the ones that make its first tokens likeliest are filled, and that fill wins after which they are
//! likeliest and whose own tokens are likely too. The weights were chosen on 48 holes of text that is in no held-out
//! file; `assets/lacuna-135m/README.md` says what they reach on held-out text. Where a hole held text before, that
//! text's length counts as well.

use super::catalog::DEFAULT_MODEL;
use crate::diffusion::length::{Evidence, Prior};

/// The belief about a hole that held so many tokens.
pub(super) fn prior_of(original: usize) -> Prior {
    if original == 0 {
        return Prior::NONE;
    }
    Prior { typical: original as f64, spread: SPREAD_AROUND_ORIGINAL }
}

/// How a model's lengths are searched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Lengths {
    /// How much a pass is believed.
    pub(super) evidence: Evidence,
    /// Whether a length of each band is filled and judged before one is taken; else the likeliest is.
    pub(super) trials: bool,
    /// Longest hole that auto length tries, where the window leaves room for it.
    pub(super) longest: usize,
}

/// Text that stood in a hole is a good guess of how long its successor will be.
const SPREAD_AROUND_ORIGINAL: f64 = 0.5;

impl Lengths {
    /// What was fitted for a model, or the paper's rule.
    pub(crate) fn of_model(name: &str) -> Self {
        if name == DEFAULT_MODEL {
            return Self {
                evidence: Evidence { confidence: 0.0, seam: 0.45, fluency: 1.0, refinements: 0 },
                trials: true,
                longest: 16,
            };
        }
        Self { evidence: Evidence::default(), trials: false, longest: 32 }
    }

    /// The lengths that auto tries for a hole that held so many tokens, both included.
    pub(super) fn auto(&self, original: usize) -> (usize, usize) {
        if original == 0 { (1, self.longest) } else { ((original / 2).max(1), 2 * original + 1) }
    }
}
