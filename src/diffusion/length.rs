//! How many tokens a hole needs: calibrated confidence of the first pass, and a bounded search over lengths.
//!
//! CAL (2602.00476): `Phi(L)` is the mean over a hole's `L` masks of the largest probability at the first forward pass.
//! It falls with `L` for any text, so it is divided by a curve `B(L)` fitted on text cut out at random; the length with
//! the largest quotient wins, the shorter one on a tie. [`LengthSearch`] tries a coarse grid and then halves the gaps
//! beside the best; several holes take turns, the others staying at their current length. Unit: tokens. Cost: one pass
//! per length tried, at most [`FORWARDS_PER_HOLE`] for each hole whose length is open.
//!
//! A small model's confidence says little of lengths, but the text that goes on after a hole says much: masked together
//! with the hole, it is likelier when the hole has room for what leads to it ([`Signs::seam`]). And a length that has
//! been filled can be judged by what it was filled with ([`Evidence::worth`]).

mod fit;
pub mod told;

use std::ops::{Range, RangeInclusive};

use crate::diffusion::canvas::{Canvas, Kind};
use crate::diffusion::propose::{Fallback, Propose, Row};
use crate::diffusion::vocabulary::Vocabulary;
use crate::diffusion::{Logits, row_of};
pub use fit::fit;

/// The coarse lengths.
pub const GRID: [usize; 12] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];

/// How many lengths are tried between grid points, per hole: enough to close a gap of 16 from both sides.
pub const REFINEMENTS: usize = 8;

/// The most passes one hole costs: the grid, the two ends of its range, and the refinements.
pub const FORWARDS_PER_HOLE: usize = GRID.len() + 2 + REFINEMENTS;

/// A word or so, a phrase, more: of each the likeliest length is worth filling, since fills tell more than masks do.
pub const BANDS: [RangeInclusive<usize>; 3] = [1..=2, 3..=6, 7..=usize::MAX];

/// Where the other holes stand before they have been searched: the first length that CAL tries.
const FIRST_LENGTH: usize = 8;

/// `B(L) = a e^(-b L) + c e^(-d L) + e`: what `Phi(L)` is for text of the wrong length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LengthBias {
    /// Height of the fast decay.
    pub a: f64,
    /// Rate of the fast decay.
    pub b: f64,
    /// Height of the slow decay.
    pub c: f64,
    /// Rate of the slow decay.
    pub d: f64,
    /// What is left for long holes.
    pub e: f64,
}

impl Default for LengthBias {
    /// Fitted on LLaDA-8B-Base in the paper, which reuses it for DreamCoder and DiffuCoder.
    fn default() -> Self {
        Self { a: 1.0, b: 1.77, c: 0.56, d: 0.06, e: 0.24 }
    }
}

impl LengthBias {
    /// The curve at a length; never 0 or less, so that it can be divided by.
    pub fn at(&self, length: usize) -> f64 {
        let length = length as f64;
        let value = self.a * (-self.b * length).exp() + self.c * (-self.d * length).exp() + self.e;
        if value.is_finite() { value.max(1e-6) } else { 1e-6 }
    }
}

/// `Phi` of one hole: the mean of the largest probability over its masked positions; 0 if it has none.
///
/// Reads the raw rows of those positions ([`row_of`]); a row that is not there counts as 0.
pub fn phi(logits: &Logits, canvas: &Canvas, hole: usize, vocabulary: &Vocabulary, shift: usize) -> f64 {
    let masked: Vec<usize> = canvas.hole_range(hole).filter(|&p| canvas.kind(p) == Kind::Masked).collect();
    let mut row = Row::default();
    let mut sum = 0.0;
    for &position in &masked {
        if let Some(raw) = logits.row(row_of(position, shift)) {
            let limit = canvas.limit(position);
            row.load(raw, vocabulary, limit);
            sum += Propose::default().propose(&row, Fallback { vocabulary, limit }, None, 0.0).probability;
        }
    }
    sum / masked.len().max(1) as f64
}

/// How many tokens after a hole are asked about.
pub const SEAM: usize = 3;

/// The positions right after a hole that hold the text's own tokens, at most [`SEAM`].
pub fn seam(canvas: &Canvas, hole: usize) -> Range<usize> {
    let end = canvas.hole_range(hole).end;
    let fixed = (end..canvas.len().min(end + SEAM)).take_while(|position| canvas.kind(*position) == Kind::Fixed);
    end..end + fixed.count()
}

/// What a pass said about one length of a hole.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Signs {
    /// CAL's mean confidence: [`phi`].
    pub phi: f64,
    /// The sum of the natural log-probabilities of the tokens of the [`seam`], read while they were masked too; 0 where
    /// none were.
    pub seam: f64,
}

/// What is known about a hole's length before any pass: a log-normal belief.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    /// The most plausible length.
    pub typical: f64,
    /// Standard deviation of the logarithm; infinite where nothing is known.
    pub spread: f64,
}

impl Prior {
    /// Nothing is known: the paper's rule.
    pub const NONE: Self = Self { typical: 1.0, spread: f64::INFINITY };

    /// The logarithm of the belief, up to a constant.
    fn log(&self, length: usize) -> f64 {
        -0.5 * ((length as f64 / self.typical).ln() / self.spread).powi(2)
    }
}

/// How much a pass is believed beside the [`Prior`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// What `ln(Phi / B)` is multiplied with: 1 beside no prior, less for models whose confidence says little of lengths.
    pub confidence: f64,
    /// What [`Signs::seam`] is multiplied with.
    pub seam: f64,
    /// What the mean log-probability of a fill's own tokens is multiplied with, in [`Evidence::worth`].
    pub fluency: f64,
    /// How many lengths are tried between grid points, per hole, at most [`REFINEMENTS`].
    pub refinements: usize,
}

impl Default for Evidence {
    fn default() -> Self {
        Self { confidence: 1.0, seam: 0.0, fluency: 0.0, refinements: REFINEMENTS }
    }
}

impl Evidence {
    /// How good a length is that has been filled, up to a constant: from the log-probability of the [`seam`] given the
    /// fill, the mean log-probability of the fill's tokens given the rest, and what was known before.
    pub fn worth(&self, length: usize, seam: f64, fluency: f64, prior: &Prior) -> f64 {
        self.seam * seam + self.fluency * fluency + prior.log(length)
    }
}

/// A length to be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Which hole is being measured.
    pub hole: usize,
    /// The lengths of all holes for this pass.
    pub lengths: Vec<usize>,
}

/// The search: ask [`LengthSearch::next_candidate`], make a pass, [`LengthSearch::report`] its `Phi`, until there is none.
#[derive(Debug, Clone)]
pub struct LengthSearch {
    bias: LengthBias,
    evidence: Evidence,
    priors: Vec<Prior>,
    ranges: Vec<(usize, usize)>,
    lengths: Vec<usize>,
    hole: usize,
    /// Lengths of the current hole tried so far and their calibrated scores, by length.
    tried: Vec<(usize, f64)>,
    /// The lengths of the holes before, the best first.
    ranked: Vec<Vec<usize>>,
    refined: usize,
    done: usize,
}

impl LengthSearch {
    /// A search over one range of lengths per hole (ends included, at least 1); a range of one length costs nothing.
    pub fn new(ranges: &[RangeInclusive<usize>], bias: LengthBias) -> Self {
        let ends = |range: &RangeInclusive<usize>| {
            let least = (*range.start()).max(1);
            (least, (*range.end()).max(least))
        };
        let ranges: Vec<(usize, usize)> = ranges.iter().map(ends).collect();
        let lengths = ranges.iter().map(|&(least, most)| FIRST_LENGTH.clamp(least, most)).collect();
        let priors = vec![Prior::NONE; ranges.len()];
        let evidence = Evidence::default();
        let mut search = Self {
            bias,
            evidence,
            priors,
            ranges,
            lengths,
            hole: 0,
            tried: Vec::new(),
            ranked: Vec::new(),
            refined: 0,
            done: 0,
        };
        search.settle();
        search
    }

    /// The same search with what is known beforehand, one prior per hole; the lengths that others stand at before they
    /// have been searched are the typical ones.
    pub fn with_priors(mut self, priors: &[Prior], evidence: Evidence) -> Self {
        for (index, prior) in priors.iter().enumerate().take(self.ranges.len()) {
            let (least, most) = self.ranges[index];
            self.priors[index] = *prior;
            if prior.spread.is_finite() {
                self.lengths[index] = (prior.typical.round().max(1.0) as usize).clamp(least, most);
            }
        }
        self.evidence = Evidence { refinements: evidence.refinements.min(REFINEMENTS), ..evidence };
        self.settle();
        self
    }

    /// What to try next; none when the search is over. Asking twice gives the same answer.
    pub fn next_candidate(&self) -> Option<Candidate> {
        let length = self.next_length()?;
        let mut lengths = self.lengths.clone();
        *lengths.get_mut(self.hole)? = length;
        Some(Candidate { hole: self.hole, lengths })
    }

    /// Takes what a pass over the current candidate said of the hole that it names.
    pub fn report(&mut self, signs: Signs) {
        let Some(length) = self.next_length() else { return };
        let prior = self.priors.get(self.hole).copied().unwrap_or(Prior::NONE);
        let confidence = self.evidence.confidence * (signs.phi.max(1e-9) / self.bias.at(length)).ln();
        let score = confidence + self.evidence.seam * signs.seam + prior.log(length);
        self.refined += usize::from(self.next_coarse().is_none());
        let at = self.tried.partition_point(|&(other, _)| other < length);
        self.tried.insert(at, (length, if score.is_nan() { f64::NEG_INFINITY } else { score }));
        self.done += 1;
        self.settle();
    }

    /// The best lengths known, one per hole.
    pub fn best(&self) -> Vec<usize> {
        let mut lengths = self.lengths.clone();
        if let (Some(slot), Some(best)) = (lengths.get_mut(self.hole), self.best_tried()) {
            *slot = self.tried[best].0;
        }
        lengths
    }

    /// Once the search is over: lengths of all holes that are worth filling, those of the shortest [band](BANDS) first. A
    /// hole that has none in a band, or of which something was known before, has its best one there.
    pub fn plans(&self) -> Vec<Vec<usize>> {
        let mut plans: Vec<Vec<usize>> = Vec::new();
        for band in BANDS {
            let of = |(hole, best): (usize, &usize)| {
                let is_open = self.priors.get(hole).is_some_and(|prior| prior.spread.is_infinite());
                let ranked = self.ranked.get(hole).filter(|_| is_open).map_or(&[][..], Vec::as_slice);
                *ranked.iter().find(|length| band.contains(length)).unwrap_or(best)
            };
            let plan: Vec<usize> = self.lengths.iter().enumerate().map(of).collect();
            if !plans.contains(&plan) {
                plans.push(plan);
            }
        }
        plans
    }

    /// Lengths tried so far, and an upper bound of how many will have been in the end.
    pub fn progress(&self) -> (usize, usize) {
        let open = self.ranges.iter().skip(self.hole).filter(|(least, most)| least < most);
        let most: usize = open.map(|&range| coarse(range).count() + self.evidence.refinements).sum();
        (self.done, self.done + most.saturating_sub(self.tried.len()))
    }

    /// Passes over holes that have nothing left to try, keeping their best length.
    fn settle(&mut self) {
        while self.hole < self.ranges.len() && self.next_length().is_none() {
            self.lengths = self.best();
            self.hole += 1;
            // A stable sort: of equals the shorter is first.
            self.tried.sort_by(|a, b| b.1.total_cmp(&a.1));
            self.ranked.push(self.tried.drain(..).map(|(length, _)| length).collect());
            self.refined = 0;
        }
    }

    fn next_length(&self) -> Option<usize> {
        let &(least, most) = self.ranges.get(self.hole)?;
        if least == most {
            return None;
        }
        self.next_coarse().or_else(|| self.next_refinement())
    }

    fn next_coarse(&self) -> Option<usize> {
        coarse(*self.ranges.get(self.hole)?).find(|length| !self.is_tried(*length))
    }

    /// Half way across the wider of the gaps beside the best length; the shorter side if they are equal.
    fn next_refinement(&self) -> Option<usize> {
        let best = self.best_tried().filter(|_| self.refined < self.evidence.refinements)?;
        let length = self.tried[best].0;
        let neighbours = [best.checked_sub(1), Some(best + 1)].into_iter().flatten();
        let gaps = neighbours.filter_map(|index| Some(self.tried.get(index)?.0));
        let open = gaps.filter(|&other| !self.is_tried(other.midpoint(length)));
        open.rev().max_by_key(|other| other.abs_diff(length)).map(|other| other.midpoint(length))
    }

    fn is_tried(&self, length: usize) -> bool {
        self.tried.binary_search_by_key(&length, |&(length, _)| length).is_ok()
    }

    /// The index of the best length tried; the shortest of equals.
    fn best_tried(&self) -> Option<usize> {
        let better = |best: usize, index: usize| if self.tried[index].1 > self.tried[best].1 { index } else { best };
        (0..self.tried.len()).reduce(better)
    }
}

/// The ends of a range and the grid points between, ascending.
fn coarse((least, most): (usize, usize)) -> impl Iterator<Item = usize> {
    let inner = GRID.into_iter().filter(move |&length| least < length && length < most);
    std::iter::once(least).chain(inner).chain((most > least).then_some(most))
}

#[cfg(test)]
mod tests {
    use super::{Evidence, FORWARDS_PER_HOLE, LengthBias, LengthSearch, Prior, Signs, phi, seam};
    use crate::diffusion::Logits;
    use crate::diffusion::canvas::Canvas;
    use crate::diffusion::vocabulary::Vocabulary;
    use proptest::prelude::*;

    fn sure(phi: f64) -> Signs {
        Signs { phi, seam: 0.0 }
    }

    #[test]
    fn the_seam_is_the_texts_own_tokens_right_after_a_hole() {
        let canvas = Canvas::builder(9).fixed(&[1]).hole(2).fixed(&[2, 3]).hole(1).fixed(&[4, 5, 6, 7]).hole(1).build();
        assert_eq!([seam(&canvas, 0), seam(&canvas, 1), seam(&canvas, 2)], [3..5, 6..9, 11..11]);
    }

    #[test]
    fn where_confidence_counts_nothing_the_text_after_the_hole_decides_and_the_best_of_each_band_is_remembered() {
        let evidence = Evidence { confidence: 0.0, seam: 1.0, refinements: 0, ..Evidence::default() };
        let mut search =
            LengthSearch::new(&[1..=8, 4..=4], LengthBias::default()).with_priors(&[Prior::NONE; 2], evidence);
        while let Some(candidate) = search.next_candidate() {
            let seam = [0.0, -9.0, 2.0, -9.0, -9.0, 2.5][candidate.lengths[0].min(6) - 1];
            search.report(Signs { phi: 0.5, seam });
        }
        // Of equals the shorter is the best.
        assert_eq!((search.best(), search.plans()), (vec![6, 4], vec![vec![1, 4], vec![6, 4], vec![8, 4]]));
    }

    /// Runs a search where hole `h` likes length `truth[h]` best, unimodally; returns the result and the passes.
    fn search(ranges: &[(usize, usize)], truth: &[usize]) -> (Vec<usize>, usize) {
        let bias = LengthBias::default();
        let ranges: Vec<_> = ranges.iter().map(|&(least, most)| least..=most).collect();
        let mut search = LengthSearch::new(&ranges, bias);
        let mut passes = 0;
        while let Some(candidate) = search.next_candidate() {
            let (length, best) = (candidate.lengths[candidate.hole] as f64, truth[candidate.hole] as f64);
            let score = 1.0 / (1.0 + (length.ln() - best.ln()).abs());
            search.report(sure(score * bias.at(candidate.lengths[candidate.hole])));
            passes += 1;
            let (done, most) = search.progress();
            assert!(done == passes && most >= passes && passes <= 1000);
        }
        (search.best(), passes)
    }

    #[test]
    fn the_best_length_is_found_between_grid_points() {
        for truth in 1..=64 {
            let (lengths, passes) = search(&[(1, 64)], &[truth]);
            assert_eq!(lengths, [truth]);
            assert!(passes <= FORWARDS_PER_HOLE, "{passes}");
        }
    }

    #[test]
    fn a_fixed_length_costs_nothing() {
        assert_eq!(search(&[(5, 5), (0, 0)], &[1, 1]), (vec![5, 1], 0));
        assert_eq!(search(&[], &[]), (Vec::new(), 0));
    }

    #[test]
    fn holes_take_turns_and_keep_what_was_found() {
        let (lengths, passes) = search(&[(1, 64), (4, 4), (3, 40)], &[10, 4, 29]);
        assert_eq!(lengths, [10, 4, 29]);
        assert!(passes <= 2 * FORWARDS_PER_HOLE);
        let mut first = LengthSearch::new(&[1..=64, 1..=64], LengthBias::default());
        assert_eq!(first.next_candidate().unwrap().lengths, [1, 8]);
        first.report(sure(0.5));
        assert_eq!(first.next_candidate().unwrap().lengths, [2, 8]);
    }

    #[test]
    fn a_prior_decides_where_the_passes_say_nothing_and_gives_way_where_they_do() {
        let flat = LengthBias { a: 0.0, b: 1.0, c: 0.0, d: 1.0, e: 1.0 };
        let prior = Prior { typical: 6.0, spread: 0.7 };
        let best = |phi: fn(usize) -> f64| {
            let evidence = Evidence { refinements: 0, ..Evidence::default() };
            let mut search = LengthSearch::new(&[1..=24], flat).with_priors(&[prior], evidence);
            while let Some(candidate) = search.next_candidate() {
                search.report(sure(phi(candidate.lengths[0])));
            }
            search.best()
        };
        assert_eq!(best(|_| 0.5), [6]);
        assert_eq!(best(|length| if length == 12 { 0.9 } else { 0.1 }), [12]);
    }

    #[test]
    fn holes_that_wait_stand_at_their_typical_length() {
        let prior = Prior { typical: 3.2, spread: 0.5 };
        let search = LengthSearch::new(&[1..=8, 2..=8], LengthBias::default())
            .with_priors(&[Prior::NONE, prior], Evidence::default());
        assert_eq!(search.next_candidate().unwrap().lengths, [1, 3]);
    }

    #[test]
    fn the_shorter_of_equals_wins_and_nan_never_does() {
        let flat = LengthBias { a: 0.0, b: 1.0, c: 0.0, d: 1.0, e: 1.0 };
        let mut search = LengthSearch::new(&[1..=3], flat);
        for phi in [f64::NAN, 0.5, 0.5] {
            search.report(sure(phi));
        }
        assert_eq!((search.best(), search.next_candidate()), (vec![2], None));
    }

    #[test]
    fn phi_is_the_mean_of_the_largest_probabilities_of_one_hole() {
        let vocabulary = Vocabulary::new(3, 2, None, []).unwrap();
        let canvas = Canvas::builder(2).hole(1).fixed(&[0]).hole(2).build();
        let rows = [[0.0, 0.0, 9.0], [9.0_f32.ln(), 0.0, 9.0], [3.0_f32.ln(), 0.0, 9.0]];
        let logits = Logits::new(vec![0, 1, 2], 3, rows.concat()).unwrap();
        assert!((phi(&logits, &canvas, 1, &vocabulary, 1) - 0.825).abs() < 1e-6);
        assert!((phi(&logits, &canvas, 0, &vocabulary, 0) - 0.5).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn any_search_ends_within_its_bound(
            ranges in prop::collection::vec((1_usize..300, 0_usize..300), 0..4),
            phis in prop::collection::vec(prop_oneof![Just(f64::NAN), Just(1.0), 0.0..1.0_f64], 100)
        ) {
            let ranges: Vec<_> = ranges.iter().map(|&(least, more)| least..=least + more).collect();
            let mut search = LengthSearch::new(&ranges, LengthBias::default());
            let mut passes = 0;
            while let Some(candidate) = search.next_candidate() {
                prop_assert!(ranges[candidate.hole].contains(&candidate.lengths[candidate.hole]));
                search.report(sure(phis[passes % phis.len()]));
                passes += 1;
                prop_assert!(passes <= ranges.len() * FORWARDS_PER_HOLE);
            }
            prop_assert!(search.best().iter().zip(&ranges).all(|(length, range)| range.contains(length)));
        }

    }
}
