//! The length of a hole as a model tells it by its control tokens, in one pass.
//!
//! Some models are taught that of `k` positions for `n` tokens the last ones say "here is nothing" (delete, `n < k`) or
//! "here are two or more" (expand, `n > k`): DreamOn's transform (2602.01326) with nothing left to chance, as
//! `assets/training/holes.py` makes it. What stands at the positions is the expand token, so that a mask always stands for
//! one token. Position `i` then says delete with the probability `P(n <= i)` and expand with `P(n >= 2k - i)`, so that `k`
//! of them tell the distribution from 0 to `2k - 1`, and how much of it lies beyond. Unit: tokens.
//!
//! It is the distribution for somebody who leaves holes as the trainer does. People are likelier to leave out a word, so that
//! what was usual there is divided out (Saerens et al. 2002, prior shift): before the text is looked at all orders of
//! magnitude are as likely, unless more is known.

use std::ops::RangeInclusive;

use super::Prior;

/// How long the holes are that models are taught with: what `spans` of `assets/training/holes.py` makes of its texts.
const TAUGHT: Prior = Prior { typical: 7.0, spread: 1.11 };

/// What one pass told of one hole's length.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The probability of each length, from 0.
    of: Vec<f64>,
    /// That of all longer ones together.
    beyond: f64,
}

impl Told {
    /// From the probabilities of delete and of expand at each position of a hole, in order.
    ///
    /// Both are distribution functions only up to the network's mistakes: what would fall is held level, half by what came
    /// before and half by what comes after.
    pub fn new(delete: &[f64], expand: &[f64]) -> Self {
        let at_most = delete.iter().copied().chain(expand.iter().rev().map(|longer| 1.0 - longer));
        let mut up: Vec<f64> = at_most.map(|p| if p.is_nan() { 0.0 } else { p.clamp(0.0, 1.0) }).collect();
        let mut down = up.clone();
        for at in 1..up.len() {
            up[at] = up[at].max(up[at - 1]);
        }
        for at in (1..down.len()).rev() {
            down[at - 1] = down[at - 1].min(down[at]);
        }
        let at_most: Vec<f64> = up.iter().zip(&down).map(|(up, down)| f64::midpoint(*up, *down)).collect();
        let before = std::iter::once(0.0).chain(at_most.iter().copied());
        let of = at_most.iter().zip(before).map(|(now, before)| now - before).collect();
        Self { of, beyond: 1.0 - at_most.last().copied().unwrap_or(0.0) }
    }

    /// The probability that the hole is longer than could be told.
    pub fn beyond(&self) -> f64 {
        self.beyond
    }

    /// The length within a range that this share of the belief does not exceed, together with what was known before; what lies
    /// beyond what was told counts for the first length that was not. Never 0, where the range is.
    pub fn quantile(&self, share: f64, range: RangeInclusive<usize>, prior: &Prior) -> usize {
        let (least, most) = (*range.start(), *range.end());
        let first_beyond = self.of.len().clamp(least, most.max(least));
        let weight = |length: usize| {
            let told = self.of.get(length).copied().unwrap_or(0.0);
            // What lies above the range counts for its longest length, and what lies below it for its least.
            let above: f64 = if length == most { self.of.iter().skip(most + 1).sum() } else { 0.0 };
            let below: f64 = if length == least { self.of.iter().take(least).sum() } else { 0.0 };
            let beyond = if length == first_beyond { self.beyond } else { 0.0 };
            let known = if prior.spread.is_finite() { prior.log(length.max(1)) } else { 0.0 };
            (told + above + below + beyond) * (known - TAUGHT.log(length.max(1))).exp()
        };
        let total: f64 = range.clone().map(weight).sum();
        let mut sum = 0.0;
        for length in range {
            sum += weight(length);
            if sum >= share * total {
                return length;
            }
        }
        most
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Told;
    use crate::diffusion::length::Prior;

    /// What a perfect model says at each of so many positions, of lengths with these probabilities.
    fn says(of: &[f64], masks: usize) -> (Vec<f64>, Vec<f64>) {
        let sum = |lengths: &mut dyn Iterator<Item = usize>| lengths.filter_map(|n| of.get(n)).sum();
        let delete = (0..masks).map(|i| sum(&mut (0..=i))).collect();
        let expand = (0..masks).map(|i| sum(&mut (2 * masks - i..of.len()))).collect();
        (delete, expand)
    }

    proptest! {
        #[test]
        fn a_perfect_model_tells_the_distribution(weights in prop::collection::vec(0.0..1.0_f64, 1..40), masks in 1_usize..16) {
            let total: f64 = weights.iter().sum::<f64>() + 1e-9;
            let of: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
            let (delete, expand) = says(&of, masks);
            let told = Told::new(&delete, &expand);
            let true_at = |n: usize| of.get(n).copied().unwrap_or(0.0);
            for n in 0..2 * masks {
                prop_assert!((told.of[n] - true_at(n)).abs() < 1e-6, "{n}: {} and {}", told.of[n], true_at(n));
            }
            prop_assert!((told.beyond() - (2 * masks..of.len()).map(true_at).sum::<f64>()).abs() < 1e-6);
        }

        #[test]
        fn whatever_a_model_says_is_a_length_of_the_range(
            delete in prop::collection::vec(-1.0..2.0_f64, 0..20), expand in prop::collection::vec(-1.0..2.0_f64, 0..20),
            share in 0.0..1.0_f64, least in 0_usize..9, more in 0_usize..40,
        ) {
            let told = Told::new(&delete, &expand);
            prop_assert!(told.of.iter().all(|p| *p >= 0.0) && told.beyond() >= 0.0);
            let length = told.quantile(share, least..=least + more, &Prior::NONE);
            prop_assert!((least..=least + more).contains(&length));
        }
    }

    #[test]
    fn quantiles_keep_to_the_range_and_to_what_was_known() {
        let (delete, expand) = says(&[0.0, 0.1, 0.2, 0.4, 0.1, 0.0, 0.0, 0.0, 0.0, 0.2], 4);
        let told = Told::new(&delete, &expand);
        let at = |share, range| told.quantile(share, range, &Prior::NONE);
        assert_eq!([at(0.1, 1..=64), at(0.5, 1..=64), at(0.9, 1..=64)], [1, 3, 8]);
        assert_eq!([at(0.5, 1..=2), at(0.1, 5..=9)], [2, 5]);
        let known = Prior { typical: 1.0, spread: 0.3 };
        assert_eq!(told.quantile(0.5, 1..=64, &known), 1);
        assert_eq!(Told::new(&[f64::NAN], &[]).quantile(0.5, 2..=7, &Prior::NONE), 2);
    }
}
