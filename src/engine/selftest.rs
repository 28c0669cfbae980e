//! A question with an obvious answer, put to a model when it is loaded for text: a wrong mask token or logit shift makes
//! every answer noise, and nothing else tells.
//!
//! A sentence stands there three times. In the second copy lone tokens are masked, whose neighbours are others: rows read
//! one off fail there. In the third, three in a row: there a wrong mask token is seen as the word that it is. A model
//! that is asked rightly has read the answers a moment before. One pass. Unit: nats, and shares of the nats that an
//! even guess among all tokens costs.
//!
//! Measured with the default model before this one, lone and in a row: 0.04 and 0.13 as it should be; shift 0: 0.64 and 0.31; mask 0: 0.08 and
//! 0.45, 333: 0.17 and 0.52, 7000: 0.11 and 0.42, 12345: 0.17 and 0.33, 20000: 0.11 and 0.35. A reserved token that no text has passes for a mask.

use super::brain::Brain;
use crate::diffusion::noise::Noise;
use crate::diffusion::{DenoiseError, Denoiser, TokenId, row_of};

const SENTENCE: &str = " The red ship sailed across the cold sea to an island where old friends waited.";
/// Where masking begins, and the lengths of masked stretches and of those between, in the second and third copy.
const FROM: usize = 2;
const MASKED: [(usize, usize); 2] = [(1, 3), (3, 3)];
/// Answers that cost more than this share of an even guess are noise.
const NOISE: [f64; 2] = [0.35, 0.28];

impl Brain {
    /// A sentence of warning when the answers are noise. Models that cannot be asked are not judged.
    ///
    /// # Errors
    /// When the pass itself fails.
    pub fn self_test(&mut self) -> Result<Option<String>, DenoiseError> {
        let Some(costs) = self.easy_question()? else { return Ok(None) };
        let is_noise = costs.iter().zip(NOISE).any(|(cost, limit)| *cost > limit);
        let mask = self.model.vocabulary().mask();
        let shift = self.model.shift();
        Ok(is_noise.then(|| {
            format!(
                "{} answers an easy question with noise: its mask token ({mask}) or logit shift ({shift}) may be wrong; set them with --mask-id and --shift, or under `[models]` in config.toml",
                self.model.name
            )
        }))
    }

    /// What the right answers cost on average, as shares of what an even guess costs: to lone masks, and to masks in a
    /// row. Nothing for models without a tokenizer, with too short a context, or to whom noise is other than the mask.
    ///
    /// # Errors
    /// When the pass fails.
    pub fn easy_question(&mut self) -> Result<Option<[f64; 2]>, DenoiseError> {
        let Ok(tokenizer) = self.model.tokenizer() else { return Ok(None) };
        let Ok(once) = tokenizer.encode(SENTENCE) else { return Ok(None) };
        let n = once.len();
        let mask = self.model.vocabulary().mask();
        let shift = self.model.shift();
        if self.model.continuous().is_some()
            || self.model.noise() != Noise::Absorbing
            || 3 * n > self.model.context()
            || n < 2 * (FROM + 3)
            || once.contains(&mask)
        {
            return Ok(None);
        }
        let mut ids: Vec<TokenId> = once.repeat(3);
        let asked: Vec<Vec<usize>> = MASKED
            .iter()
            .enumerate()
            .map(|(copy, (masked, kept))| {
                let within = (FROM..n).filter(|at| (at - FROM) % (masked + kept) < *masked);
                within.map(|at| (copy + 1) * n + at).collect()
            })
            .collect();
        for position in asked.iter().flatten() {
            ids[*position] = mask;
        }
        let rows: Vec<usize> = asked.iter().flatten().map(|position| row_of(*position, shift)).collect();
        let logits = self.model.logits(&self.model.noise().pass(1.0, &ids, &rows), &|| false)?;
        let cost = |position: &usize| {
            let row = logits.row(row_of(*position, shift))?;
            let right = *row.get(once[position % n] as usize)?;
            let most = row.iter().copied().fold(f32::MIN, f32::max);
            let sum: f64 = row.iter().map(|logit| f64::from(logit - most).exp()).sum();
            Some(sum.ln() + f64::from(most - right))
        };
        let even = (self.model.vocabulary_size() as f64).ln();
        let mean = |positions: &[usize]| {
            let costs: Vec<f64> = positions.iter().filter_map(cost).collect();
            costs.iter().sum::<f64>() / (costs.len().max(1) as f64 * even)
        };
        Ok(Some([mean(&asked[0]), mean(&asked[1])]))
    }
}
