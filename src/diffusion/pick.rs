//! Over, score and pick: which positions a rule acts on, out of those in the window.
//!
//! The order is total, by exact score and then by position, so that equal inputs pick equal positions everywhere; scores
//! are not rounded, as reference traces need them exact. Unit: canvas positions. Cost: one sort of the candidates.

use crate::diffusion::canvas::{Canvas, Kind};
use crate::diffusion::propose::Proposal;
use crate::diffusion::rng::{Draw, DrawKey, Purpose};
use crate::diffusion::rule::{Num, Over, Pick, Rule, Score};
use crate::diffusion::sampler::{Proposals, Sampler};
use crate::diffusion::schedule::Clock;

/// Over, score and pick of one step.
pub(crate) struct Picker<'a, D> {
    sampler: &'a Sampler,
    canvas: &'a Canvas,
    x0: &'a Proposals,
    clock: &'a Clock,
    window: Vec<usize>,
    draws: &'a D,
}

impl<'a, D: Draw> Picker<'a, D> {
    pub(crate) fn new(
        sampler: &'a Sampler,
        canvas: &'a Canvas,
        x0: &'a Proposals,
        clock: &'a Clock,
        draws: &'a D,
    ) -> Self {
        Self { sampler, canvas, x0, clock, window: sampler.window.positions(canvas), draws }
    }

    /// Over: the positions of the window that a rule looks at, ascending.
    pub(crate) fn candidates(&self, over: Over) -> Vec<usize> {
        let looked_at = |&position: &usize| match (over, self.canvas.kind(position)) {
            (Over::Masked | Over::Both, Kind::Masked) => true,
            (Over::Committed | Over::Both, kind) => kind.is_written(),
            _ => false,
        };
        self.window.iter().copied().filter(looked_at).collect()
    }

    /// Score: how sure a position is, more is surer; NaN and what is not known come last.
    fn score(&self, rule: u8, score: Score, index: usize, position: usize) -> f64 {
        let of = |read: fn(&Proposal) -> f64| self.x0.get(&position).map_or(f64::NEG_INFINITY, read);
        let score = match score {
            Score::Probability => of(|proposal| proposal.confidence),
            Score::Margin => of(|proposal| proposal.margin),
            Score::NegEntropy => of(|proposal| proposal.neg_entropy),
            Score::InPlace => of(|proposal| proposal.in_place.unwrap_or(proposal.confidence)),
            Score::Uniform => self.draw(Purpose::Rank(rule), index, position),
        };
        // Adding 0 makes -0 and 0 one score, which the total order would tell apart.
        if score.is_nan() { f64::NEG_INFINITY } else { score + 0.0 }
    }

    /// Pick: the positions that a rule acts on, in order of preference.
    pub(crate) fn pick(&self, index: u8, rule: &Rule) -> Vec<usize> {
        let candidates = self.candidates(rule.over);
        let scores = candidates.iter().enumerate().map(|(i, &p)| self.score(index, rule.score, i, p));
        let mut ranked: Vec<Ranked> = candidates
            .iter()
            .zip(scores)
            .enumerate()
            .map(|(i, (&position, score))| Ranked { index: i, position, score })
            .collect();
        ranked.sort_by(|a, b| match rule.pick {
            Pick::Worst(_) | Pick::Below(_) => a.score.total_cmp(&b.score),
            _ => b.score.total_cmp(&a.score),
        });
        let mut taken = self.taken(index, rule, &ranked);
        taken.truncate(rule.max);
        let missing = rule.min.saturating_sub(taken.len());
        let more: Vec<usize> =
            ranked.iter().map(|r| r.position).filter(|position| !taken.contains(position)).take(missing).collect();
        taken.extend(more);
        taken
    }

    /// Those of the ranked positions that the pick names, before the rule's `min` and `max`.
    fn taken(&self, index: u8, rule: &Rule, ranked: &[Ranked]) -> Vec<usize> {
        let masks = self.window.iter().filter(|&&position| self.canvas.kind(position) == Kind::Masked).count();
        let value = |num: Num| num.value(&self.sampler.schedule, self.clock, masks);
        let those = |keep: &dyn Fn(&Ranked) -> bool| ranked.iter().filter(|r| keep(r)).map(|r| r.position).collect();
        let first = |count: usize| ranked.iter().take(count).map(|r| r.position).collect();
        match rule.pick {
            Pick::All => first(ranked.len()),
            Pick::Best(n) | Pick::Worst(n) => first(value(n) as usize),
            Pick::Above(threshold) => those(&|r| r.score >= value(threshold)),
            Pick::Below(threshold) => those(&|r| r.score < value(threshold)),
            Pick::Coin(chance) => those(&|r| self.draw(Purpose::Coin(index), r.index, r.position) < value(chance)),
            Pick::Entropy(budget) => first(self.within_entropy(ranked, value(budget))),
        }
    }

    /// EB: the longest prefix whose entropies, but for the largest of them, sum to at most `budget`. The sum bounds
    /// what is lost by committing the prefix at once instead of one by one.
    fn within_entropy(&self, ranked: &[Ranked], budget: f64) -> usize {
        let (mut sum, mut largest) = (0.0, 0.0_f64);
        let fits = |r: &&Ranked| {
            let entropy = self.x0.get(&r.position).map_or(f64::INFINITY, |proposal| -proposal.neg_entropy);
            sum += entropy;
            largest = largest.max(entropy);
            sum - largest <= budget
        };
        ranked.iter().take_while(fits).count()
    }

    fn draw(&self, purpose: Purpose, index: usize, position: usize) -> f64 {
        self.draws.uniform(DrawKey { purpose, step: self.clock.step, position, index })
    }
}

/// A candidate and its score; `index` is its place among the candidates, ascending by position.
struct Ranked {
    index: usize,
    position: usize,
    score: f64,
}
