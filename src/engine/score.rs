//! How likely the words of a text are, each given the text on both sides (`reference/decoding.md` section 4.3).
//!
//! A long text is judged stretch by stretch, each in a window of its own neighbourhood, so that the cost grows with the
//! text and not with its square. Cost: [`FOLDS`] passes for every [`STRETCH`] tokens.

use std::ops::Range;

use super::brain::Brain;
use super::job::words;
use crate::diffusion::canvas::{Canvas, Cell};
use crate::diffusion::score::{FOLDS, Scoring, mean};
use crate::diffusion::{DenoiseError, Denoiser};

/// Tokens judged in one window.
const STRETCH: usize = 96;
/// Tokens of context that a window has on each side of them.
const CONTEXT: usize = 64;

/// One word of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct WordScore {
    /// Its bytes in the text, without the blank before it.
    pub bytes: Range<usize>,
    /// How many tokens it has.
    pub tokens: usize,
    /// Mean natural log-probability of its tokens, each read while the whole word was masked; none where the model has
    /// no row to predict it from.
    pub log_probability: Option<f64>,
}

impl Brain {
    /// Judges every word of a text. `done` is told how many of how many passes have been made.
    ///
    /// # Errors
    /// One sentence when the tokenizer or the network fails.
    pub fn score(&mut self, text: &str, done: impl FnMut(usize, usize)) -> Result<Vec<WordScore>, String> {
        self.score_within(text, 0..text.len(), done)
    }

    /// Judges the words that have bytes inside a stretch of a text, given all of it.
    ///
    /// # Errors
    /// As for [`Brain::score`].
    pub fn score_within(
        &mut self,
        text: &str,
        bytes: Range<usize>,
        mut done: impl FnMut(usize, usize),
    ) -> Result<Vec<WordScore>, String> {
        let sentence = |error: DenoiseError| error.to_string();
        let tokenizer = self.model.tokenizer().map_err(|error| error.to_string())?;
        let ids = tokenizer.encode(text).map_err(|error| error.to_string())?;
        let mut starts = vec![0];
        starts.extend(ids.iter().scan(0, |at, id| {
            *at += tokenizer.bytes(*id).len();
            Some(*at)
        }));
        let whole =
            Canvas::builder(self.model.vocabulary().mask()).hole_from(ids.iter().map(|id| Cell::Original(*id))).build();
        let inside = |word: &Range<usize>| starts[word.start] < bytes.end && bytes.start < starts[word.end];
        let words: Vec<Range<usize>> = words::of_holes(&whole, &self.model).into_iter().filter(inside).collect();
        let stretches: Vec<&[Range<usize>]> = stretches(&words);
        let passes: usize = stretches.iter().map(|stretch| FOLDS.min(stretch.len())).sum();
        let mut made = 0;
        let mut judged: Vec<Option<f64>> = vec![None; ids.len()];
        for stretch in stretches {
            let window = self.window(stretch, &ids);
            let mut scoring = self.scoring(stretch, &ids, &window);
            for fold in 0..scoring.fold_count() {
                scoring.judge(fold, &mut self.model, &|| false).map_err(sentence)?;
                made += 1;
                done(made, passes);
            }
            let front = scoring.log_probabilities().len() - window.len();
            for (position, log) in window.zip(&scoring.log_probabilities()[front..]) {
                judged[position] = log.or(judged[position]);
            }
        }
        let score = |word: &Range<usize>| {
            let (start, end) = (starts[word.start], starts[word.end]);
            let blank = text.as_bytes()[start..end].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            WordScore { bytes: start + blank..end, tokens: word.len(), log_probability: mean(word, &judged) }
        };
        Ok(words.iter().map(score).collect())
    }

    /// The tokens that the model sees while it judges some words.
    fn window(&self, words: &[Range<usize>], ids: &[u32]) -> Range<usize> {
        let (first, last) = (words.first().map_or(0, |word| word.start), words.last().map_or(0, |word| word.end));
        // One place is kept for the token that begins a text.
        let room = self.model.context().saturating_sub(last - first + 1) / 2;
        first.saturating_sub(CONTEXT.min(room))..(last + CONTEXT.min(room)).min(ids.len())
    }

    fn scoring(&self, words: &[Range<usize>], ids: &[u32], window: &Range<usize>) -> Scoring {
        // A shifted model predicts the first token of a text from the token that begins one.
        let bos = self.model.descriptor.bos.filter(|_| self.model.shift() == 1 && window.start == 0);
        let front = bos.iter().count();
        let context: Vec<u32> = bos.into_iter().chain(ids[window.clone()].iter().copied()).collect();
        let inside = |word: &Range<usize>| word.start - window.start + front..word.end - window.start + front;
        let words: Vec<Range<usize>> = words.iter().map(inside).collect();
        Scoring::new(context, &words, FOLDS, self.model.vocabulary().mask(), self.model.shift())
    }
}

/// Sum of the natural log-probabilities of the tokens of those words that were judged, and how many tokens they are.
pub fn total(words: &[WordScore]) -> (f64, usize) {
    let judged = words.iter().filter_map(|word| Some((word.log_probability? * word.tokens as f64, word.tokens)));
    judged.fold((0.0, 0), |(sum, tokens), (log, count)| (sum + log, tokens + count))
}

/// Neighbouring words together, as many as fit [`STRETCH`] tokens.
fn stretches(words: &[Range<usize>]) -> Vec<&[Range<usize>]> {
    let mut stretches = Vec::new();
    let mut rest = words;
    while let Some(first) = rest.first() {
        let fits = rest.iter().take_while(|word| word.end - first.start <= STRETCH).count().max(1);
        let (stretch, later) = rest.split_at(fits);
        stretches.push(stretch);
        rest = later;
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_hold_every_word_once_and_are_short() {
        let words: Vec<Range<usize>> = (0..100).map(|i| 3 * i..3 * i + 2).collect();
        let stretches = stretches(&words);
        assert_eq!(stretches.concat(), words);
        assert!(stretches.iter().all(|stretch| stretch[stretch.len() - 1].end - stretch[0].start <= STRETCH));
        assert_eq!(stretches.len(), 4);
    }

    #[test]
    fn a_word_longer_than_a_stretch_stands_alone() {
        assert_eq!(stretches(&[0..500, 500..501]).len(), 2);
        assert!(stretches(&[]).is_empty());
    }
}
