//! The constants of the length search, per model (`reference/decoding.md` section 3.4).

use super::catalog::DEFAULT_MODEL;
use crate::diffusion::length::LengthBias;

/// Of the default model; how they were found stands in `assets/lacuna-135m/README.md`.
const DEFAULT_MODEL_BIAS: LengthBias = LengthBias { a: 1.0, b: 1.77, c: 0.56, d: 0.06, e: 0.24 };

/// The constants fitted for a model, or the paper's.
pub(super) fn bias_of(model: &str) -> LengthBias {
    if model == DEFAULT_MODEL { DEFAULT_MODEL_BIAS } else { LengthBias::default() }
}
