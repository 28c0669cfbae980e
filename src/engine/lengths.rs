//! What is believed about the lengths of holes, per model (`reference/decoding.md` section 3.4).
//!
//! The paper's rule, confidence divided by a fitted curve, was made for 8-billion-weight models; the default model's
//! confidence says little about lengths. It was taught to tell them instead (`job/told.rs`, `diffusion.tells_lengths` in
//! its files): a short, a middle and a long one of what it tells are filled, and that fill wins after which the text goes
//! on likeliest and whose own tokens are likely too. The weights of the two were chosen on 48 holes of text that is in no
//! held-out file; `assets/lacuna-135m/README.md` says what comes of it on held-out text. For any other model `lacuna
//! calibrate` fits the curve and chooses the rule on text of the user's, and [`kept`] keeps both. What the user's settings
//! say wins over that. Where a hole held text before, that text's length counts as well.

pub(crate) mod kept;

use std::path::Path;

use super::catalog::{self, DEFAULT_MODEL};
use crate::diffusion::length::{Evidence, LengthBias, Prior};

/// The belief about a hole that held so many tokens.
pub(super) fn prior_of(original: usize) -> Prior {
    if original == 0 {
        return Prior::NONE;
    }
    Prior { typical: original as f64, spread: SPREAD_AROUND_ORIGINAL }
}

/// How a model's lengths are searched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lengths {
    /// What the model's confidence in any text is, by its length.
    pub bias: LengthBias,
    /// How much a pass is believed.
    pub evidence: Evidence,
    /// Whether a length of each band is filled and judged before one is taken; else the likeliest is.
    pub trials: bool,
    /// Longest hole that auto length tries, where the window leaves room for it.
    pub longest: usize,
}

/// Text that stood in a hole is a good guess of how long its successor will be.
const SPREAD_AROUND_ORIGINAL: f64 = 0.5;

impl Lengths {
    /// What the settings say of a model, what was fitted for it on this machine, what ships with the program, or the
    /// paper's rule, in this order.
    pub(crate) fn of_model(name: &str, path: &Path) -> Self {
        // Settings that cannot be read are told where models are found.
        let described = catalog::described().unwrap_or_default();
        let longest = described.into_iter().find(|(entry, _)| entry == name).and_then(|(_, said)| said.longest);
        let lengths = kept::read(path).unwrap_or_else(|| Self::shipped(name));
        Self { longest: longest.unwrap_or(lengths.longest), ..lengths }
    }

    /// What ships with the program for a model of this name, or the paper's rule.
    pub(crate) fn shipped(name: &str) -> Self {
        let bias = LengthBias::default();
        if name == DEFAULT_MODEL {
            let evidence = Evidence { confidence: 0.0, seam: 0.45, fluency: 1.0, refinements: 0 };
            return Self { bias, evidence, trials: true, longest: 32 };
        }
        Self { bias, evidence: Evidence::default(), trials: false, longest: 32 }
    }

    /// The lengths that auto tries for a hole that held so many tokens, both included.
    pub(super) fn auto(&self, original: usize) -> (usize, usize) {
        if original == 0 { (1, self.longest) } else { ((original / 2).max(1), 2 * original + 1) }
    }
}
