//! How likely the words of a text are, each given the text on both sides (`reference/decoding.md` section 4.3).
//!
//! A long text is judged stretch by stretch, each in a window of its own neighbourhood, so that the cost grows with the
//! text and not with its square. Cost: [`FOLDS`] passes for every [`STRETCH`] tokens.

use std::ops::Range;

use super::brain::Brain;
use super::job::words;
use super::protocol::WordScore;
use crate::diffusion::canvas::{Canvas, Cell};
use crate::diffusion::score::{FOLDS, Scoring, mean};
use crate::diffusion::{DenoiseError, Denoiser};
use crate::model::Model;

/// Tokens judged in one window.
const STRETCH: usize = 96;

/// How carefully words are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Care {
    /// In how many passes for each window.
    pub folds: usize,
    /// Tokens of context that a window has on each side of what is judged in it.
    pub context: usize,
}

impl Care {
    /// As `lacuna score` does it.
    pub const FULL: Self = Self { folds: FOLDS, context: 64 };
    /// For comparing very many texts that differ in a few words.
    pub const QUICK: Self = Self { folds: 2, context: 32 };
}

/// The words of a text being judged, one pass at a time.
pub(super) struct Judge {
    text: String,
    ids: Vec<u32>,
    /// Where in the text each token begins, and where the last one ends.
    starts: Vec<usize>,
    /// The words that are asked about, as positions of tokens.
    words: Vec<Range<usize>>,
    /// The stretches that are left, the next one last, as places in `words`.
    left: Vec<Range<usize>>,
    current: Option<Stretch>,
    care: Care,
    judged: Vec<Option<f64>>,
}

/// The stretch at hand.
struct Stretch {
    window: Range<usize>,
    scoring: Scoring,
    fold: usize,
}

impl Judge {
    /// Begins with the words that have bytes inside a stretch of a text. Makes no pass.
    ///
    /// # Errors
    /// One sentence when the model cannot judge words or the tokenizer fails.
    pub(super) fn new(model: &Model, text: &str, bytes: Range<usize>, care: Care) -> Result<Self, String> {
        if model.continuous().is_some() {
            return Err(format!(
                "{} works on vectors and says of no word how likely it is; choose another model",
                model.name
            ));
        }
        let tokenizer = model.tokenizer().map_err(|error| error.to_string())?;
        let ids = tokenizer.encode(text).map_err(|error| error.to_string())?;
        let starts: Vec<usize> = std::iter::once(0).chain(tokenizer.ends(text, &ids)).collect();
        let whole = Canvas::builder(model.vocabulary().mask()).hole_from(ids.iter().map(|id| Cell::Original(*id)));
        let inside = |word: &Range<usize>| starts[word.start] < bytes.end && bytes.start < starts[word.end];
        let words: Vec<Range<usize>> = words::of_holes(&whole.build(), model).into_iter().filter(inside).collect();
        let mut left = stretches(&words);
        left.reverse();
        let judged = vec![None; ids.len()];
        Ok(Self { text: text.to_owned(), ids, starts, words, left, current: None, care, judged })
    }

    /// Passes that are left to make.
    pub(super) fn passes_left(&self) -> usize {
        let current = self.current.as_ref().map_or(0, |stretch| stretch.scoring.fold_count() - stretch.fold);
        current + self.left.iter().map(|stretch| self.care.folds.min(stretch.len())).sum::<usize>()
    }

    /// Makes one pass, if one is left.
    pub(super) fn advance(
        &mut self,
        model: &mut Model,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), DenoiseError> {
        if self.current.is_none() {
            let Some(next) = self.left.last().cloned() else { return Ok(()) };
            let words = &self.words[next];
            let window = window(words, self.ids.len(), model.context(), self.care.context);
            let scoring = scoring(words, &self.ids, &window, model, self.care.folds);
            self.current = Some(Stretch { window, scoring, fold: 0 });
            self.left.pop();
        }
        let Some(stretch) = &mut self.current else { return Ok(()) };
        stretch.scoring.judge(stretch.fold, model, cancelled)?;
        stretch.fold += 1;
        if stretch.fold < stretch.scoring.fold_count() {
            return Ok(());
        }
        let found = stretch.scoring.log_probabilities();
        let front = found.len() - stretch.window.len();
        for (position, log) in stretch.window.clone().zip(&found[front..]) {
            self.judged[position] = log.or(self.judged[position]);
        }
        self.current = None;
        Ok(())
    }

    /// What was found.
    pub(super) fn words(&self) -> Vec<WordScore> {
        let score = |word: &Range<usize>| {
            let (start, end) = (self.starts[word.start], self.starts[word.end]);
            let blank = self.text.as_bytes()[start..end].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            WordScore { bytes: start + blank..end, tokens: word.len(), log_probability: mean(word, &self.judged) }
        };
        self.words.iter().map(score).collect()
    }
}

impl Brain {
    /// Judges every word of a text. `done` is told how many of how many passes have been made.
    ///
    /// # Errors
    /// One sentence when the model cannot judge words, or the tokenizer or the network fails.
    pub fn score(&mut self, text: &str, done: impl FnMut(usize, usize)) -> Result<Vec<WordScore>, String> {
        self.score_within(text, 0..text.len(), Care::FULL, done)
    }

    /// Judges the words that have bytes inside a stretch of a text, given all of it.
    ///
    /// # Errors
    /// As for [`Brain::score`].
    pub fn score_within(
        &mut self,
        text: &str,
        bytes: Range<usize>,
        care: Care,
        mut done: impl FnMut(usize, usize),
    ) -> Result<Vec<WordScore>, String> {
        let mut judge = Judge::new(&self.model, text, bytes, care)?;
        let passes = judge.passes_left();
        while judge.passes_left() > 0 {
            judge.advance(&mut self.model, &|| false).map_err(|error| error.to_string())?;
            done(passes - judge.passes_left(), passes);
        }
        Ok(judge.words())
    }
}

/// The tokens that the model sees while it judges some words: of so many, in a model's context, with so many around.
fn window(words: &[Range<usize>], tokens: usize, context: usize, around: usize) -> Range<usize> {
    let (first, last) = (words.first().map_or(0, |word| word.start), words.last().map_or(0, |word| word.end));
    // One place is kept for the token that begins a text.
    let room = context.saturating_sub(last - first + 1) / 2;
    first.saturating_sub(around.min(room))..(last + around.min(room)).min(tokens)
}

fn scoring(words: &[Range<usize>], ids: &[u32], window: &Range<usize>, model: &Model, folds: usize) -> Scoring {
    // A shifted model predicts the first token of a text from the token that begins one.
    let bos = model.descriptor.bos.filter(|_| model.shift() == 1 && window.start == 0);
    let front = bos.iter().count();
    let context: Vec<u32> = bos.into_iter().chain(ids[window.clone()].iter().copied()).collect();
    let inside = |word: &Range<usize>| word.start - window.start + front..word.end - window.start + front;
    let words: Vec<Range<usize>> = words.iter().map(inside).collect();
    Scoring::new(context, &words, folds, model.vocabulary().mask(), model.shift())
}

/// Sum of the natural log-probabilities of the tokens of those words that were judged, and how many tokens they are.
pub fn total(words: &[WordScore]) -> (f64, usize) {
    let judged = words.iter().filter_map(|word| Some((word.log_probability? * word.tokens as f64, word.tokens)));
    judged.fold((0.0, 0), |(sum, tokens), (log, count)| (sum + log, tokens + count))
}

/// Neighbouring words together, as many as fit [`STRETCH`] tokens, as places in the list.
fn stretches(words: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut stretches = Vec::new();
    let mut at = 0;
    while let Some(first) = words.get(at) {
        let fits = words[at..].iter().take_while(|word| word.end - first.start <= STRETCH).count().max(1);
        stretches.push(at..at + fits);
        at += fits;
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
        assert_eq!(stretches.iter().cloned().flatten().collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
        assert!(stretches.iter().all(|stretch| words[stretch.end - 1].end - words[stretch.start].start <= STRETCH));
        assert_eq!(stretches.len(), 4);
    }

    #[test]
    fn a_word_longer_than_a_stretch_stands_alone() {
        assert_eq!(stretches(&[0..500, 500..501]).len(), 2);
        assert!(stretches(&[]).is_empty());
    }
}
