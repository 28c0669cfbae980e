//! How a run is made: its sampler and the knobs of that.

use serde::{Deserialize, Serialize};

/// Which tokens [`super::Verb::Rewrite`] masks (`reference/decoding.md` 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Renoise {
    /// The least likely words: what is surest, such as names, stays. Takes some passes to find out.
    #[default]
    LeastLikely,
    /// Each token by itself, by chance.
    Tokens,
    /// Whole words, by chance.
    Words,
}

impl Renoise {
    /// All, by their names.
    pub const ALL: [(&'static str, Self); 3] =
        [("least-likely", Self::LeastLikely), ("tokens", Self::Tokens), ("words", Self::Words)];

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, renoise)| *renoise)
    }
}

/// The knobs of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunOptions {
    /// A preset or specification of a sampler, as `--sampler` takes it (`eb`, `llada:block=8`).
    pub sampler: String,
    /// The number of steps, where the sampler has a fixed number.
    pub steps: Option<usize>,
    /// 0 takes the most likely token; none is the sampler's own choice.
    pub temperature: Option<f64>,
    /// Nucleus: the smallest set of tokens with at least this probability; 1 takes all.
    pub top_p: Option<f64>,
    /// Only the k most likely tokens; 0 takes all.
    pub top_k: Option<usize>,
    /// What all draws of the run are keyed by.
    pub seed: u64,
    /// What to write, for a model that was tuned to follow instructions.
    pub instruction: Option<String>,
    /// Which tokens a rewrite masks.
    pub renoise: Renoise,
    /// Whether every pass computes all rows; else rows far from what changes are computed now and then.
    pub exact: bool,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            sampler: "eb".into(),
            steps: None,
            temperature: None,
            top_p: None,
            top_k: None,
            seed: 0,
            instruction: None,
            renoise: Renoise::default(),
            exact: false,
        }
    }
}
