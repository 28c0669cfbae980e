//! A question with an obvious answer, put to a model when it is loaded for text: a wrong mask token or logit shift makes
//! every answer noise, and nothing else tells.
//!
//! A sentence stands there twice, and some words of its second copy are masked. A model that was asked rightly has seen
//! the answer a moment before; the tokens before and after a masked one are others, so that reading the rows one off
//! fails. One pass. Unit: ranks in the vocabulary.

use super::brain::Brain;
use crate::diffusion::{DenoiseError, Denoiser, Pass, TokenId, row_of};

const SENTENCE: &str = " The red ship sailed across the cold sea to an island where old friends waited.";
/// One token in so many of the second copy is masked.
const EVERY: usize = 4;
/// An answer this high up is no noise: chance is one in a thousand even for small vocabularies.
const NEAR: usize = 5;

impl Brain {
    /// A sentence of warning when the answers are noise. Models that cannot be asked are not judged.
    ///
    /// # Errors
    /// When the pass itself fails.
    pub fn self_test(&mut self) -> Result<Option<String>, DenoiseError> {
        let Ok(tokenizer) = self.model.tokenizer() else { return Ok(None) };
        let Ok(once) = tokenizer.encode(SENTENCE) else { return Ok(None) };
        let n = once.len();
        let mask = self.model.vocabulary().mask();
        let shift = self.model.shift();
        if 2 * n > self.model.context() || once.contains(&mask) {
            return Ok(None);
        }
        let mut ids: Vec<TokenId> = once.repeat(2);
        let differs = |at: &usize| at + 1 < n && once[*at] != once[at - 1] && once[*at] != once[at + 1];
        let asked: Vec<usize> = (2..n).step_by(EVERY).filter(differs).collect();
        for at in &asked {
            ids[n + at] = mask;
        }
        let rows: Vec<usize> = asked.iter().map(|at| row_of(n + at, shift)).collect();
        let logits = self.model.logits(&Pass::new(&ids, &rows), &|| false)?;
        let rank = |at: &usize| {
            let row = logits.row(row_of(n + at, shift))?;
            let right = *row.get(once[*at] as usize)?;
            Some(row.iter().filter(|logit| **logit > right).count())
        };
        let near = asked.iter().filter_map(rank).filter(|rank| *rank < NEAR).count();
        if asked.is_empty() || 4 * near > asked.len() {
            return Ok(None);
        }
        Ok(Some(format!(
            "{} answers an easy question with noise ({near} of {} right): its mask token ({mask}) or logit shift ({shift}) may be wrong; set them with --mask-id and --shift, or in models.toml",
            self.model.name,
            asked.len(),
        )))
    }
}
