//! DRY, "don't repeat yourself", without an order: what would go on with a phrase that was said before is held back.
//!
//! Small models end up in loops ("the friend of the house, and the friend of the house, ..."), and masked ones all at once,
//! as every position wants what its neighbours have. DRY (p-e-w, text-generation-webui 5677; llama.cpp's
//! `--dry-multiplier`) takes `multiplier * base^(n - allowed)` from the logit of a token that would repeat what stands
//! elsewhere together with the `n` tokens before it. Here text comes in any order, so that the phrase reaches to both
//! sides, as far as tokens stand; and counted is only what stands in the holes, since what people wrote may be taken up
//! again. Only words are held back: signs and the names of code may repeat. A line break ends a phrase.
//!
//! Unit: nats, canvas positions. Cost of a position: the tokens of the holes. Limit: tokens that are written in the same
//! step do not see each other.

use std::collections::BTreeMap;

use crate::diffusion::TokenId;
use crate::diffusion::canvas::{Canvas, Kind};
use crate::diffusion::vocabulary::{Said, Vocabulary};

/// The longest phrase that is looked for to one side, in tokens.
const LONGEST: usize = 16;

/// How much a word is held back that would repeat a phrase.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dry {
    /// What is taken from its logit where `allowed` tokens beside it are the same.
    pub multiplier: f64,
    /// How many times more it is for each token more.
    pub base: f64,
    /// With fewer tokens than these in common nothing is repeated.
    pub allowed: usize,
}

impl Dry {
    /// With this multiplier; a pair of words counts as a phrase.
    pub const fn usual(multiplier: f64) -> Self {
        Self { multiplier, base: 2.0, allowed: 1 }
    }

    /// What is taken from the logit of a word with so many tokens beside it that stand beside it elsewhere too.
    pub fn penalty(&self, common: usize) -> f64 {
        let further = common.checked_sub(self.allowed);
        further.map_or(0.0, |further| self.multiplier * self.base.powi(further as i32))
    }
}

/// The words of the holes that would repeat a phrase at a position, with how many tokens beside them they would have in
/// common with where they stand; the longest counts.
pub(crate) fn repeated(canvas: &Canvas, position: usize, vocabulary: &Vocabulary) -> BTreeMap<TokenId, usize> {
    let stands = |at: usize| canvas.ids().get(at).copied().filter(|_| canvas.kind(at) != Kind::Masked);
    let common = |at: usize, step: fn(usize, usize) -> Option<usize>| {
        let same = |distance: &usize| {
            let (here, there) = (step(position, *distance), step(at, *distance));
            let token = here.and_then(stands);
            let phrase = token.is_some_and(|token| vocabulary.said(token) != Said::Break);
            phrase && there != Some(position) && token == there.and_then(stands)
        };
        (1..=LONGEST).take_while(same).count()
    };
    let mut found: BTreeMap<TokenId, usize> = BTreeMap::new();
    for at in canvas.hole_positions().filter(|at| *at != position) {
        if let Some(word) = stands(at).filter(|token| vocabulary.said(*token) == Said::Word) {
            let count = common(at, usize::checked_sub) + common(at, usize::checked_add);
            let longest = found.entry(word).or_default();
            *longest = count.max(*longest);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const M: TokenId = 9;

    /// Token 7 is a sign and token 8 a line break; all others are words.
    fn vocabulary() -> Vocabulary {
        let said = |id| match id {
            7 => Said::Sign,
            8 => Said::Break,
            _ => Said::Word,
        };
        Vocabulary::new(10, M, None, []).unwrap().saying((0..10).map(said))
    }

    /// A canvas of one hole after the text `before`; 9 is masked, all else was written there.
    fn canvas(before: &[TokenId], hole: &[TokenId], after: &[TokenId]) -> Canvas {
        let mut canvas = Canvas::builder(M).fixed(before).hole(hole.len()).fixed(after).build();
        for (at, token) in hole.iter().enumerate().filter(|(_, token)| **token != M) {
            canvas.restore(before.len() + at, *token).unwrap();
        }
        canvas
    }

    fn at(canvas: &Canvas, position: usize) -> Vec<(TokenId, usize)> {
        repeated(canvas, position, &vocabulary()).into_iter().collect()
    }

    #[test]
    fn a_phrase_is_what_stands_alike_on_both_sides() {
        // 1 2 3 4 and 1 2 _ 4: a 3 would have three tokens in common, and the others none beside them.
        let canvas = canvas(&[], &[1, 2, 3, 4, 5, 1, 2, M, 4], &[]);
        let (common, rest): (Vec<_>, Vec<_>) = at(&canvas, 7).into_iter().partition(|(_, count)| *count > 0);
        assert_eq!(common, [(3, 3)]);
        assert_eq!(rest.iter().map(|(token, _)| *token).collect::<Vec<_>>(), [1, 2, 4, 5]);
    }

    #[test]
    fn phrases_go_on_into_the_text_around_but_its_own_words_may_be_taken_up() {
        let canvas = canvas(&[1, 2, 3, 1], &[2, 5, 1, M], &[5]);
        assert_eq!(at(&canvas, 7), [(1, 0), (2, 2), (5, 0)], "2 after 1 and before 5; not the 3 of the text");
    }

    #[test]
    fn signs_may_repeat_and_phrases_end_at_line_breaks() {
        assert_eq!(at(&canvas(&[], &[1, 7, 1, M], &[]), 3), [(1, 0)]);
        assert_eq!(at(&canvas(&[], &[8, 2, 8, M], &[]), 3), [(2, 0)]);
    }

    #[test]
    fn the_longer_the_phrase_the_more_is_taken() {
        let dry = Dry::usual(0.5);
        assert_eq!([0, 1, 2, 4].map(|common| dry.penalty(common)), [0.0, 0.5, 1.0, 4.0]);
        assert_eq!(Dry { allowed: 2, ..dry }.penalty(1), 0.0);
    }
}
