//! How a run is made: its sampler and the knobs of that.

use serde::{Deserialize, Serialize};

use crate::diffusion::spec::{self, Overrides};

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

impl RunOptions {
    /// The sampler where none is asked for: what is surest first, and no phrase twice.
    pub const SAMPLER: &str = "eb-dry";

    /// How much is left to chance where another text is wanted than the likeliest: enough to give one.
    pub const VARIED: f64 = 0.7;

    /// The same for another text: a sampler that takes the likeliest tokens gives one text, whatever the seed, so it draws
    /// them, unless a temperature was given.
    #[must_use]
    pub fn varied(self) -> Self {
        let takes_the_likeliest = || {
            let sampler = spec::parse_spec(&self.sampler, &Overrides::default());
            sampler.is_ok_and(|sampler| sampler.propose.temperature == 0.0)
        };
        let temperature = self.temperature.or_else(|| takes_the_likeliest().then_some(Self::VARIED));
        Self { temperature, ..self }
    }
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            sampler: Self::SAMPLER.into(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_text_is_drawn_unless_the_sampler_draws_or_a_temperature_was_given() {
        let temperature = |sampler: &str, temperature: Option<f64>| {
            RunOptions { sampler: sampler.into(), temperature, ..RunOptions::default() }.varied().temperature
        };
        assert_eq!(temperature("eb", None), Some(RunOptions::VARIED));
        assert_eq!(temperature("llada:block=8", None), Some(RunOptions::VARIED));
        assert_eq!(temperature("eb", Some(0.0)), Some(0.0), "who says 0 means it");
        assert_eq!(temperature("mdlm", None), None);
        assert_eq!(temperature("no such sampler", None), None);
    }
}
