//! How likely text that is there is, given both sides, and what follows for rewriting it.
//!
//! A visible token cannot be judged by its own row: masked models are not trained on it and some rows leak it. So the
//! words of a span are dealt into interleaved folds, each fold is masked as a whole in one pass, and the log-probability
//! of each token is read where it was masked (`decoding.md` 4.3). Whole words are masked, else the rest of a word gives
//! its pieces away. Unit: canvas positions and natural logarithms. Cost: one pass per fold.

use std::ops::Range;

use crate::diffusion::rng::{Draw, DrawKey, Purpose};
use crate::diffusion::vocabulary::Vocabulary;
use crate::diffusion::{DenoiseError, Denoiser, Logits, TokenId, row_of};

/// How many folds are usual: with more, a word sees more of its neighbours and the text costs more passes.
pub const FOLDS: usize = 6;

/// Deals words into at most `count` folds, every `count`-th word into the same; a fold is its words' positions. Empty
/// folds are left out.
pub fn folds(words: &[Range<usize>], count: usize) -> Vec<Vec<usize>> {
    let count = count.clamp(1, words.len().max(1));
    let fold = |first: usize| words.iter().skip(first).step_by(count).cloned().flatten().collect();
    (0..count).map(fold).filter(|fold: &Vec<usize>| !fold.is_empty()).collect()
}

/// The natural log-probability of a token in a raw row at temperature 1, among the tokens that may be proposed and
/// itself. Minus infinity if the row excludes it.
pub fn log_probability(raw: &[f32], token: TokenId, vocabulary: &Vocabulary) -> f64 {
    let clean = |logit: f32| if logit.is_nan() { f64::NEG_INFINITY } else { f64::from(logit.min(f32::MAX)) };
    let Some(&own) = raw.get(token as usize) else { return f64::NEG_INFINITY };
    let own = clean(own);
    if own == f64::NEG_INFINITY {
        return own;
    }
    let mut banned = vocabulary.banned().iter().peekable();
    let mut allowed: Vec<f64> = Vec::with_capacity(raw.len());
    for (id, &logit) in raw.iter().enumerate().take(vocabulary.size()) {
        if banned.next_if(|&&id_banned| id_banned as usize == id).is_none() || id == token as usize {
            allowed.push(clean(logit));
        }
    }
    let max = allowed.iter().copied().fold(own, f64::max);
    let sum: f64 = allowed.iter().map(|logit| (logit - max).exp()).sum();
    (own - max - sum.ln()).min(0.0)
}

/// Scores the words of one text, fold by fold: [`Scoring::judge`] each of them.
#[derive(Debug, Clone)]
pub struct Scoring {
    ids: Vec<TokenId>,
    mask: TokenId,
    shift: usize,
    folds: Vec<Vec<usize>>,
    log_probabilities: Vec<Option<f64>>,
}

impl Scoring {
    /// Begins: `ids` is the whole context, `words` the words to judge, as positions in it.
    pub fn new(ids: Vec<TokenId>, words: &[Range<usize>], count: usize, mask: TokenId, shift: usize) -> Self {
        let inside: Vec<Range<usize>> =
            words.iter().map(|word| word.start.min(ids.len())..word.end.min(ids.len())).collect();
        let log_probabilities = vec![None; ids.len()];
        Self { folds: folds(&inside, count), ids, mask, shift, log_probabilities }
    }

    /// The same with folds of the caller's choosing: positions, each in at most one of them.
    pub fn with_folds(ids: Vec<TokenId>, folds: Vec<Vec<usize>>, mask: TokenId, shift: usize) -> Self {
        let folds = folds.into_iter().filter(|fold| !fold.is_empty()).collect();
        Self { log_probabilities: vec![None; ids.len()], folds, ids, mask, shift }
    }

    /// How many passes it takes.
    pub fn fold_count(&self) -> usize {
        self.folds.len()
    }

    /// The share of the judged words that each pass masks: the time, for a network that reads one.
    fn share_masked(&self) -> f64 {
        1.0 / self.folds.len().max(1) as f64
    }

    /// The context with one fold masked.
    fn canvas(&self, fold: usize) -> Vec<TokenId> {
        let mut ids = self.ids.clone();
        for &position in self.fold(fold) {
            if let Some(id) = ids.get_mut(position) {
                *id = self.mask;
            }
        }
        ids
    }

    /// The raw rows that one fold reads, ascending.
    fn rows(&self, fold: usize) -> Vec<usize> {
        let mut rows: Vec<usize> = self.fold(fold).iter().map(|&position| row_of(position, self.shift)).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    /// Makes the pass of one fold and takes what it says.
    ///
    /// # Errors
    /// What the denoiser says.
    pub fn judge(
        &mut self,
        fold: usize,
        denoiser: &mut dyn Denoiser,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), DenoiseError> {
        self.judge_and_look(fold, denoiser, cancelled, |_, _, _| {})
    }

    /// The same; `look` sees each judged position with its token and its raw row.
    ///
    /// # Errors
    /// What the denoiser says.
    pub fn judge_and_look(
        &mut self,
        fold: usize,
        denoiser: &mut dyn Denoiser,
        cancelled: &(dyn Fn() -> bool + Sync),
        look: impl FnMut(usize, TokenId, &[f32]),
    ) -> Result<(), DenoiseError> {
        let (ids, rows) = (self.canvas(fold), self.rows(fold));
        let pass = denoiser.noise().pass(self.share_masked(), &ids, &rows);
        let logits = denoiser.logits(&pass, cancelled)?;
        self.report(fold, &logits, denoiser.vocabulary(), look);
        Ok(())
    }

    /// Takes the logits of one fold; positions whose row is missing stay unknown.
    fn report(
        &mut self,
        fold: usize,
        logits: &Logits,
        vocabulary: &Vocabulary,
        mut look: impl FnMut(usize, TokenId, &[f32]),
    ) {
        let positions = self.folds.get(fold).map_or(&[][..], Vec::as_slice);
        for &position in positions {
            if let (Some(raw), Some(slot)) =
                (logits.row(row_of(position, self.shift)), self.log_probabilities.get_mut(position))
            {
                *slot = Some(log_probability(raw, self.ids[position], vocabulary));
                look(position, self.ids[position], raw);
            }
        }
    }

    /// The log-probability of each position of the context; none where it was not judged.
    pub fn log_probabilities(&self) -> &[Option<f64>] {
        &self.log_probabilities
    }

    fn fold(&self, fold: usize) -> &[usize] {
        debug_assert!(fold < self.folds.len(), "fold {fold} does not exist");
        self.folds.get(fold).map_or(&[], Vec::as_slice)
    }
}

/// The mean log-probability of a word's tokens; none if none of them was judged.
pub fn mean(word: &Range<usize>, log_probabilities: &[Option<f64>]) -> Option<f64> {
    let known: Vec<f64> = word.clone().filter_map(|p| log_probabilities.get(p).copied().flatten()).collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

/// The words to mask for a rewrite of strength `s` in \[0, 1\]: the least likely ones, while their tokens number at most
/// `floor(s * N)` of the `N` judged; at least one if `s > 0`. Ascending indices into `words`.
///
/// Pass words of one token each for the least likely tokens.
pub fn rewrite(words: &[Range<usize>], log_probabilities: &[Option<f64>], strength: f64) -> Vec<usize> {
    let ranked = weakest_first(words, log_probabilities);
    let budget = share_of(ranked.iter().map(|&(index, _)| &words[index]), strength);
    within(ranked.into_iter().map(|(index, _)| index), words, budget, strength > 0.0)
}

/// The tokens to mask where each is masked by itself with probability `strength`, as the forward process noises
/// (`q(x_t | x_0)`, MD4's `reconstruct`; `reference/decoding.md` 4.1): at least one if `strength > 0`. Words may be halved.
pub fn noised_tokens(words: &[Range<usize>], strength: f64, draw: &dyn Draw) -> Vec<Range<usize>> {
    let toss = |position: usize| {
        (draw.uniform(DrawKey { purpose: Purpose::Coin(u8::MAX), step: 0, position, index: 0 }), position)
    };
    let mut tossed: Vec<(f64, usize)> = words.iter().cloned().flatten().map(toss).collect();
    let least = tossed.iter().min_by(|a, b| a.0.total_cmp(&b.0)).copied().filter(|_| strength > 0.0);
    tossed.retain(|(toss, position)| *toss < strength || least.is_some_and(|(_, least)| least == *position));
    tossed.into_iter().map(|(_, position)| position..position + 1).collect()
}

/// The words to mask where whole words are noised, whichever they are, within the budget of [`rewrite`]. Ascending indices.
pub fn noised_words(words: &[Range<usize>], strength: f64, draw: &dyn Draw) -> Vec<usize> {
    let rank = |(index, word): (usize, &Range<usize>)| {
        (draw.uniform(DrawKey { purpose: Purpose::Rank(u8::MAX), step: 0, position: word.start, index: 0 }), index)
    };
    let mut ranked: Vec<(f64, usize)> = words.iter().enumerate().map(rank).collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
    let budget = share_of(words.iter(), strength);
    within(ranked.into_iter().map(|(_, index)| index), words, budget, strength > 0.0)
}

/// The words to mend: those whose tokens are on average less likely than `below`, the weakest first while they number
/// at most `share` of all tokens judged, and at least one if there is one. Ascending indices into `words`.
pub fn weakest(words: &[Range<usize>], log_probabilities: &[Option<f64>], below: f64, share: f64) -> Vec<usize> {
    let ranked = weakest_first(words, log_probabilities);
    let budget = share_of(ranked.iter().map(|&(index, _)| &words[index]), share);
    let weak = ranked.into_iter().filter(|&(_, score)| score < below.ln()).map(|(index, _)| index);
    within(weak, words, budget, true)
}

/// Whether new text is to be accepted: it is likelier per token than the old. Not so where either was not judged.
pub fn is_likelier(new: &[Option<f64>], old: &[Option<f64>]) -> bool {
    let average = |all: &[Option<f64>]| mean(&(0..all.len()), all);
    matches!((average(new), average(old)), (Some(new), Some(old)) if new > old)
}

/// A share in \[0, 1\] of the tokens of these words, rounded down; nothing where the share is no number.
fn share_of<'w>(words: impl Iterator<Item = &'w Range<usize>>, share: f64) -> usize {
    let tokens: usize = words.map(ExactSizeIterator::len).sum();
    // A share that is no number comes out as 0.
    (share.clamp(0.0, 1.0) * tokens as f64).floor() as usize
}

/// The words that were judged, the least likely first, ties by place.
fn weakest_first(words: &[Range<usize>], log_probabilities: &[Option<f64>]) -> Vec<(usize, f64)> {
    let judged = words.iter().enumerate().filter_map(|(i, word)| Some((i, mean(word, log_probabilities)?)));
    let mut ranked: Vec<(usize, f64)> = judged.collect();
    ranked.sort_by(|a, b| a.1.total_cmp(&b.1));
    ranked
}

/// As many of the words, in order of preference, as fit the budget of tokens; one that does not fit is passed over,
/// unless nothing else fits and one must be taken.
fn within(
    ranked: impl Iterator<Item = usize>,
    words: &[Range<usize>],
    budget: usize,
    one_at_least: bool,
) -> Vec<usize> {
    let ranked: Vec<usize> = ranked.collect();
    let mut left = budget;
    let mut taken: Vec<usize> = Vec::new();
    for &word in &ranked {
        if words[word].len() <= left {
            left -= words[word].len();
            taken.push(word);
        }
    }
    if taken.is_empty() && one_at_least {
        taken.extend(ranked.first());
    }
    taken.sort_unstable();
    taken
}

#[cfg(test)]
mod tests {
    use super::{Scoring, folds, is_likelier, log_probability, noised_tokens, noised_words, rewrite, weakest};
    use crate::diffusion::Logits;
    use crate::diffusion::rng::Seeded;
    use crate::diffusion::vocabulary::Vocabulary;
    use proptest::prelude::*;

    #[test]
    fn folds_take_every_kth_word_whole() {
        let words = [0..2, 2..3, 5..6, 6..9];
        assert_eq!(folds(&words, 2), [vec![0, 1, 5], vec![2, 6, 7, 8]]);
        assert_eq!(folds(&words, 90).len(), 4);
        assert_eq!(folds(&[], 3), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn a_log_probability_is_among_what_may_be_proposed() {
        let vocabulary = Vocabulary::new(4, 3, None, [2]).unwrap();
        let raw = [1.0_f32.ln(), 3.0_f32.ln(), 4.0_f32.ln(), 100.0];
        let p = |token| log_probability(&raw, token, &vocabulary).exp();
        assert!((p(1) - 0.75).abs() < 1e-6);
        assert!((p(2) - 0.5).abs() < 1e-6, "a banned token in the text is judged with the others");
        assert_eq!(log_probability(&[0.0, f32::NAN], 1, &vocabulary), f64::NEG_INFINITY);
        assert_eq!(log_probability(&raw, 77, &vocabulary), f64::NEG_INFINITY);
    }

    #[test]
    fn each_word_is_judged_where_it_is_masked() {
        let vocabulary = Vocabulary::new(3, 2, None, []).unwrap();
        let mut scoring = Scoring::new(vec![0, 1, 0, 1], &[1..2, 2..4], 2, 2, 1);
        assert_eq!((scoring.canvas(0), scoring.rows(0)), (vec![0, 2, 0, 1], vec![0]));
        assert_eq!((scoring.canvas(1), scoring.rows(1)), (vec![0, 1, 2, 2], vec![1, 2]));
        let rows = [[0.0, 3.0_f32.ln(), 9.0], [0.0, 0.0, 9.0]];
        scoring.report(0, &Logits::new(vec![0], 3, rows[0].to_vec()).unwrap(), &vocabulary, |_, _, _| {});
        scoring.report(1, &Logits::new(vec![1], 3, rows[1].to_vec()).unwrap(), &vocabulary, |_, _, _| {});
        let p: Vec<_> = scoring.log_probabilities().iter().map(|log| log.map(|l| (l.exp() * 100.0).round())).collect();
        assert_eq!(p, [None, Some(75.0), Some(50.0), None]);
    }

    #[test]
    fn a_rewrite_takes_the_least_likely_words_that_fit() {
        let words = [0..1, 1..3, 3..4, 4..6];
        let scores = [-1.0, -5.0, -3.0, -2.0, -0.1, -0.2].map(Some);
        assert_eq!(rewrite(&words, &scores, 0.5), [1, 2]);
        assert_eq!(rewrite(&words, &scores, 0.34), [1]);
        assert_eq!(rewrite(&words, &scores, 0.2), [2], "the weakest has two tokens and only one fits");
        assert_eq!(rewrite(&words, &scores, 0.01), [1]);
        assert_eq!(rewrite(&words, &scores, 0.0), [0; 0]);
        assert_eq!(rewrite(&words, &scores, 1.0), [0, 1, 2, 3]);
    }

    #[test]
    fn only_weak_words_are_mended_and_only_a_share_of_them() {
        let words = [0..1, 1..2, 2..3, 3..4];
        let scores = [0.9, 0.01, 0.02, 0.8_f64].map(|p| Some(p.ln()));
        assert_eq!(weakest(&words, &scores, 0.1, 1.0), [1, 2]);
        assert_eq!(weakest(&words, &scores, 0.1, 0.25), [1]);
        assert_eq!(weakest(&words, &scores, 0.1, 0.0), [1]);
        assert_eq!(weakest(&words, &scores, 0.001, 1.0), [0; 0]);
    }

    #[test]
    fn only_likelier_text_is_accepted() {
        assert!(is_likelier(&[Some(-1.0), None], &[Some(-1.5), Some(-1.5)]));
        assert!(!is_likelier(&[Some(-1.0)], &[Some(-1.0)]));
        assert!(!is_likelier(&[Some(f64::NAN)], &[Some(-1.0)]) && !is_likelier(&[], &[Some(-1.0)]));
    }

    #[test]
    fn noise_is_as_strong_as_it_was_asked_for_and_hits_all_alike() {
        let words: Vec<_> = (0..40).map(|word| word * 3..word * 3 + 1 + word % 3).collect();
        let tokens: usize = words.iter().map(ExactSizeIterator::len).sum();
        let runs = 4000_u64;
        let (mut by_token, mut by_word) = (vec![0_usize; 120], vec![0_usize; words.len()]);
        for seed in 0..runs {
            for position in noised_tokens(&words, 0.3, &Seeded(seed)).into_iter().flatten() {
                by_token[position] += 1;
            }
            let taken = noised_words(&words, 0.3, &Seeded(seed));
            assert!(taken.is_sorted() && taken.iter().map(|word| words[*word].len()).sum::<usize>() <= tokens * 3 / 10);
            for word in taken {
                by_word[word] += 1;
            }
        }
        // Each token by itself with this probability: within five standard errors.
        let expected = 0.3 * runs as f64;
        let error = 5.0 * (runs as f64 * 0.3 * 0.7).sqrt();
        for position in words.iter().cloned().flatten() {
            assert!((by_token[position] as f64 - expected).abs() < error, "{position}: {}", by_token[position]);
        }
        // Words of the same length are taken alike; a long one is passed over where it would be too much.
        for times in by_word {
            let share = times as f64 / runs as f64;
            assert!((0.25..0.35).contains(&share), "{share}");
        }
        assert_eq!((noised_tokens(&words, 0.0, &Seeded(1)), noised_words(&words, 0.0, &Seeded(1))), (vec![], vec![]));
        assert_eq!(
            (noised_tokens(&words, 1e-9, &Seeded(1)).len(), noised_words(&words, 1e-9, &Seeded(1)).len()),
            (1, 1)
        );
        assert_eq!(noised_tokens(&words, 1.0, &Seeded(1)).len(), tokens);
        assert_eq!(noised_words(&words, 1.0, &Seeded(1)).len(), words.len());
    }

    proptest! {
        #[test]
        fn a_rewrite_never_exceeds_its_budget(
            lengths in prop::collection::vec(1_usize..4, 1..20), strength in 0.0..=1.0_f64, seed in 0_u64..99
        ) {
            let mut words = Vec::new();
            for length in lengths {
                let start = words.last().map_or(0, |word: &std::ops::Range<usize>| word.end);
                words.push(start..start + length);
            }
            let n = words.last().map_or(0, |word| word.end);
            let scores: Vec<_> = (0..n as u64).map(|i| Some(-(((i + seed) * 7919 % 101) as f64))).collect();
            let taken = rewrite(&words, &scores, strength);
            let tokens: usize = taken.iter().map(|&word| words[word].len()).sum();
            prop_assert!(taken.len() <= 1 || tokens <= (strength * n as f64) as usize);
        }
    }
}
