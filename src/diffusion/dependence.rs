//! What depends on a change: which written words does the model, after a user's act, no longer mean?
//!
//! ```text
//! for each of FOLDS folds of the words in question:      with the fold masked,
//!     before[i] <- log p(word_i | the canvas before the act)
//!     after[i]  <- log p(word_i | the canvas after it)
//! word i falls  <=>  after[i] < before[i] - ln 2   and   the model now likes another token better
//! ```
//! The same positions are masked before and after, so that a word to which the act means nothing is judged alike both
//! times and cannot fall, whatever was thought of it when it was written: nothing else jumps. Words are judged and fall
//! whole, as the rest of a half-masked word gives it away. Never judged is what is pinned, the document's own, or noise.
//! Unit: canvas positions, natural logarithms. Cost: two passes a fold.

use std::ops::Range;

use crate::diffusion::canvas::{Canvas, Kind};
use crate::diffusion::score::{self, Scoring};
use crate::diffusion::{DenoiseError, Denoiser, TokenId};

/// Every second word is judged at once, each between neighbours that are there.
const FOLDS: usize = 2;

/// A word falls when it is less than this much as likely as before.
const FALL: f64 = 0.5;

/// Words being judged on two canvases.
#[derive(Debug, Clone)]
pub struct Dependence {
    before: Scoring,
    after: Scoring,
    /// The words on the canvas before and after the act.
    words: Vec<(Range<usize>, Range<usize>)>,
    /// By position after the act: whether another token is likelier.
    outdone: Vec<bool>,
    passed: usize,
}

impl Dependence {
    /// Begins with words of the canvas after the act, as positions; `origin` says where a position was before it. Words that
    /// were not there before, or are not all a sampler's, are left out.
    pub fn new(
        before: &Canvas,
        after: &Canvas,
        words: &[Range<usize>],
        origin: impl Fn(usize) -> Option<usize>,
        shift: usize,
    ) -> Self {
        let written = |canvas: &Canvas, at: usize| matches!(canvas.kind(at), Kind::Committed { .. });
        let counterpart = |word: &Range<usize>| {
            let start = origin(word.start)?;
            let old = start..start + word.len();
            let alike = word.clone().zip(old.clone()).all(|(now, then)| {
                origin(now) == Some(then)
                    && written(after, now)
                    && written(before, then)
                    && before.ids().get(then) == after.ids().get(now)
            });
            (alike && !word.is_empty()).then_some((old, word.clone()))
        };
        let words: Vec<_> = words.iter().filter_map(counterpart).collect();
        let scoring = |canvas: &Canvas, words: Vec<Range<usize>>| {
            Scoring::new(canvas.ids().to_vec(), &words, FOLDS, canvas.mask(), shift)
        };
        Self {
            before: scoring(before, words.iter().map(|(old, _)| old.clone()).collect()),
            after: scoring(after, words.iter().map(|(_, new)| new.clone()).collect()),
            outdone: vec![false; after.len()],
            words,
            passed: 0,
        }
    }

    /// Passes made, and how many there are.
    pub fn progress(&self) -> (usize, usize) {
        (self.passed, self.before.fold_count() + self.after.fold_count())
    }

    /// Whether all passes are made.
    pub fn is_done(&self) -> bool {
        let (passed, of) = self.progress();
        passed >= of
    }

    /// Makes the next pass.
    ///
    /// # Errors
    /// What the denoiser says; the pass can be made again.
    pub fn pass(
        &mut self,
        denoiser: &mut dyn Denoiser,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), DenoiseError> {
        let first = self.before.fold_count();
        if self.passed < first {
            self.before.judge(self.passed, denoiser, cancelled)?;
        } else if !self.is_done() {
            let banned = denoiser.vocabulary().banned().to_vec();
            let (fold, outdone) = (self.passed - first, &mut self.outdone);
            self.after.judge_and_look(fold, denoiser, cancelled, |position, token, raw| {
                outdone[position] = is_outdone(raw, token, &banned);
            })?;
        }
        self.passed += 1;
        Ok(())
    }

    /// The words that fell, as positions after the act.
    pub fn fallen(&self) -> Vec<Range<usize>> {
        let fell = |(old, new): &&(Range<usize>, Range<usize>)| {
            let sum = |word: &Range<usize>, logs| score::mean(word, logs).map(|mean| mean * word.len() as f64);
            let (then, now) = (sum(old, self.before.log_probabilities()), sum(new, self.after.log_probabilities()));
            let less = then.zip(now).is_some_and(|(then, now)| now < then + FALL.ln());
            less && new.clone().any(|position| self.outdone[position])
        };
        self.words.iter().filter(fell).map(|(_, new)| new.clone()).collect()
    }
}

/// Whether another token that may be proposed is likelier than this one.
fn is_outdone(raw: &[f32], token: TokenId, banned: &[TokenId]) -> bool {
    let Some(own) = raw.get(token as usize) else { return true };
    let mut others = raw.iter().enumerate().filter(|(id, logit)| *logit > own && *id != token as usize);
    others.any(|(id, _)| banned.binary_search(&(id as TokenId)).is_err())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diffusion::canvas::{Cell, UserAct};
    use crate::diffusion::vocabulary::Vocabulary;
    use crate::diffusion::{Logits, Pass};

    const M: TokenId = 9;

    /// A network in which a position wants the token two to its left, if that is there, and else token 1.
    struct Echo(Vocabulary, usize);

    impl Denoiser for Echo {
        fn vocabulary(&self) -> &Vocabulary {
            &self.0
        }

        fn shift(&self) -> usize {
            0
        }

        fn context(&self) -> usize {
            100
        }

        fn logits(&mut self, pass: &Pass<'_>, _: &(dyn Fn() -> bool + Sync)) -> Result<Logits, DenoiseError> {
            self.1 += 1;
            let wanted = |row: usize| row.checked_sub(2).map_or(1, |left| pass.ids[left]);
            let row = |row: &usize| {
                let wanted = if wanted(*row) == M { 1 } else { wanted(*row) };
                (0..10).map(move |id| if id == wanted { 3.0_f32 } else { 0.0 })
            };
            Logits::new(pass.rows.to_vec(), 10, pass.rows.iter().flat_map(row).collect())
        }
    }

    fn one(range: Range<usize>) -> Vec<Range<usize>> {
        std::iter::once(range).collect()
    }

    fn judged(before: &Canvas, acts: &[UserAct], words: &[Range<usize>]) -> (Vec<Range<usize>>, usize) {
        let mut after = before.clone();
        for act in acts {
            act.apply(&mut after).unwrap();
        }
        let origin = |now: usize| {
            (0..before.len()).find(|then| acts.iter().try_fold(*then, |at, act| act.moved(at)) == Some(now))
        };
        let mut dependence = Dependence::new(before, &after, words, origin, 0);
        let mut network = Echo(Vocabulary::new(10, M, None, []).unwrap(), 0);
        while !dependence.is_done() {
            dependence.pass(&mut network, &|| false).unwrap();
        }
        (dependence.fallen(), network.1)
    }

    fn written(ids: &[TokenId]) -> Canvas {
        let cell = |id: &TokenId| Cell::Committed { id: *id, probability: 0.5 };
        Canvas::builder(M).fixed(&[2, 3]).hole_from(ids.iter().map(cell)).fixed(&[4]).build()
    }

    #[test]
    fn only_what_the_model_meant_because_of_it_falls() {
        // Position 4 repeats 2, position 6 repeats 4; what is chosen at 2 concerns 4 alone. 5 was never likely.
        let canvas = written(&[2, 3, 2, 8, 2]);
        let (fallen, passes) = judged(&canvas, &[UserAct::PinAs(2, 7)], &[2..3, 3..4, 4..5, 5..6, 6..7]);
        assert_eq!((fallen, passes), (one(4..5), 4));
    }

    #[test]
    fn what_is_pinned_or_the_documents_own_is_never_judged() {
        let mut canvas = written(&[2, 3, 2]);
        canvas.pin(4).unwrap();
        assert_eq!(judged(&canvas, &[UserAct::PinAs(2, 7)], &one(4..5)), (vec![], 0));
        canvas.restore(4, 2).unwrap();
        assert_eq!(judged(&canvas, &[UserAct::PinAs(2, 7)], &one(4..5)), (vec![], 0));
    }

    #[test]
    fn words_fall_whole_and_are_found_where_they_have_moved_to() {
        let canvas = written(&[2, 3, 2, 3, 2]);
        let act = [UserAct::WriteOver(2, [7, 7].into())];
        // Afterwards the words stand one further: 4 (the old 3) sees a 7 two to its left, and so does 5's word.
        let (fallen, _) = judged(&canvas, &act, &[4..5, 5..7, 7..8]);
        assert_eq!(fallen, [4..5, 5..7]);
    }
}
