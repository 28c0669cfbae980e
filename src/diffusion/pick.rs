//! Over, score and pick: which positions a rule acts on, out of those in the window.
//!
//! The order is total, by exact score and then by position, so that equal inputs pick equal positions everywhere; scores
//! are not rounded, as reference traces need them exact. Unit: canvas positions. Cost: one sort of the candidates.

use std::collections::BTreeMap;

use crate::diffusion::canvas::Kind;
use crate::diffusion::expr::{Expr, Fold, Needs, Scope, Var};
use crate::diffusion::propose::Proposal;
use crate::diffusion::rng::{Draw, DrawKey, Purpose};
use crate::diffusion::rule::{Act, Group, Over, Pick, Rule};
use crate::diffusion::sampler::{Sampler, Situation};

/// Over, score and pick of one step.
pub(crate) struct Picker<'a, D> {
    sampler: &'a Sampler,
    at: &'a Situation<'a>,
    /// What earlier rules of the step did.
    acts: &'a BTreeMap<usize, Act>,
    draws: &'a D,
}

/// A rule and its candidates: where expressions are evaluated.
struct Here<'a, D> {
    picker: &'a Picker<'a, D>,
    rule: u8,
    candidates: &'a [usize],
    /// Index into the candidates and the position; none for numbers of the rule as a whole.
    place: Option<(usize, usize)>,
}

/// A candidate and its score; `index` is its place among the candidates, ascending by position.
#[derive(Clone, Copy)]
struct Ranked {
    index: usize,
    position: usize,
    score: f64,
}

impl<'a, D: Draw> Picker<'a, D> {
    pub(crate) fn new(
        sampler: &'a Sampler,
        at: &'a Situation<'a>,
        acts: &'a BTreeMap<usize, Act>,
        draws: &'a D,
    ) -> Self {
        Self { sampler, at, acts, draws }
    }

    fn here<'b>(&'b self, rule: u8, candidates: &'b [usize]) -> Here<'b, D> {
        Here { picker: self, rule, candidates, place: None }
    }

    /// Over: the positions of the window that a rule looks at, ascending. What needs rows filters only where they are.
    pub(crate) fn candidates(&self, index: u8, rule: &Rule) -> Vec<usize> {
        let looked_at = |&position: &usize| match (rule.over, self.at.canvas.kind(position)) {
            (Over::Masked | Over::Both, Kind::Masked) => true,
            (Over::Committed | Over::Both, kind) => kind.is_written(),
            _ => false,
        };
        let over: Vec<usize> = self.at.window.iter().copied().filter(looked_at).collect();
        if rule.filter == Expr::Const(1.0) || (rule.filter.needs() == Needs::Row && self.at.x0.is_empty()) {
            return over;
        }
        let here = self.here(index, &over);
        over.iter().enumerate().filter(|&(i, &p)| rule.filter.holds(&here.at(i, p))).map(|(_, &p)| p).collect()
    }

    /// Whether the rule acts at all in this step.
    pub(crate) fn acts_now(&self, index: u8, rule: &Rule) -> bool {
        rule.when == Expr::Const(1.0) || rule.when.holds(&self.here(index, &self.candidates(index, rule)))
    }

    /// Whether a token that ends the text stands before a position, or was proposed there and acted on.
    fn ended_before(&self, position: usize) -> bool {
        let ends = self.at.vocabulary.end();
        let proposed = |p: &usize| self.at.x0.get(p).map(|proposal| proposal.token);
        let stands = self.at.canvas.ids().iter().take(position).any(|id| Some(*id) == ends);
        ends.is_some() && (stands || self.acts.range(..position).any(|(p, _)| proposed(p) == ends))
    }

    /// Whether a condition of the whole window holds, such as one that ends the run.
    pub(crate) fn window_holds(&self, condition: &Expr) -> bool {
        condition.holds(&self.here(u8::MAX, self.at.window))
    }

    /// A number of the whole window, such as the temperature.
    pub(crate) fn window_value(&self, expr: &Expr) -> f64 {
        expr.value(&self.here(u8::MAX, self.at.window))
    }

    /// The positions that a rule acts on, in order of preference.
    pub(crate) fn pick(&self, index: u8, rule: &Rule) -> Vec<usize> {
        if !self.acts_now(index, rule) {
            return Vec::new();
        }
        let candidates = self.candidates(index, rule);
        let here = self.here(index, &candidates);
        let mut picked = Vec::new();
        for group in self.groups(rule.per, &candidates) {
            let mut ranked: Vec<Ranked> = group.map(|i| here.ranked(rule, i)).collect();
            ranked.sort_by(|a, b| match rule.pick {
                Pick::Worst(_) | Pick::Below(_) => a.score.total_cmp(&b.score),
                _ => b.score.total_cmp(&a.score),
            });
            let mut taken = self.taken(&here, rule, &ranked);
            taken.retain(|r| rule.keep.holds(&here.at(r.index, r.position)));
            taken.truncate(rule.max.count(&here));
            let missing = rule.min.count(&here).saturating_sub(taken.len());
            let others = ranked.iter().filter(|r| taken.iter().all(|t| t.index != r.index));
            let more: Vec<Ranked> = others.take(missing).copied().collect();
            picked.extend(taken.into_iter().chain(more).map(|r| r.position));
        }
        picked
    }

    /// Ranges of indices into the candidates.
    fn groups(&self, per: Group, candidates: &[usize]) -> Vec<std::ops::Range<usize>> {
        let hole = |position| self.at.canvas.hole_of(position);
        let together = |a: usize, b: usize| match per {
            Group::Window => true,
            Group::Run => a + 1 == b && hole(a) == hole(b),
            Group::Hole => hole(a) == hole(b),
        };
        let mut start = 0;
        let lengths = candidates.chunk_by(|a, b| together(*a, *b)).map(<[usize]>::len);
        lengths
            .map(|length| {
                start += length;
                start - length..start
            })
            .collect()
    }

    /// Those of the ranked positions that the pick names, before the rule's `if`, `min` and `max`.
    fn taken(&self, here: &Here<'_, D>, rule: &Rule, ranked: &[Ranked]) -> Vec<Ranked> {
        let those = |keep: &dyn Fn(&Ranked) -> bool| ranked.iter().filter(|r| keep(r)).copied().collect();
        let first = |count: usize| ranked.iter().take(count).copied().collect();
        let own = |number: &Expr, r: &Ranked| number.value(&here.at(r.index, r.position));
        match &rule.pick {
            Pick::All => first(ranked.len()),
            Pick::Best(n) | Pick::Worst(n) => first(n.count(here)),
            Pick::Above(threshold) => those(&|r| r.score >= own(threshold, r)),
            Pick::Below(threshold) => those(&|r| r.score < own(threshold, r)),
            Pick::Coin(chance) => those(&|r| self.draw(Purpose::Coin(here.rule), r.index, r.position) < own(chance, r)),
            Pick::Entropy(budget) => first(self.within_entropy(ranked, budget.value(here))),
            Pick::Factor(factor) => first(within_factor(ranked, factor.value(here))),
            Pick::Independent(_) => match &self.at.memory.independent {
                Some(found) => those(&|r| found.contains(&r.position)),
                None => first(1),
            },
        }
    }

    /// EB: the longest prefix whose entropies, but for the largest of them, sum to at most `budget`. The sum bounds
    /// what is lost by committing the prefix at once instead of one by one.
    fn within_entropy(&self, ranked: &[Ranked], budget: f64) -> usize {
        let (mut sum, mut largest) = (0.0, 0.0_f64);
        let fits = |r: &&Ranked| {
            let entropy = self.at.x0.get(&r.position).map_or(f64::INFINITY, |proposal| -proposal.neg_entropy);
            sum += entropy;
            largest = largest.max(entropy);
            sum - largest <= budget
        };
        ranked.iter().take_while(fits).count()
    }

    fn draw(&self, purpose: Purpose, index: usize, position: usize) -> f64 {
        self.draws.uniform(DrawKey { purpose, step: self.at.clock.step, position, index })
    }
}

/// Fast-dLLM: the largest `n` with `(n + 1) (1 - c_n) < factor`, the last position included.
fn within_factor(ranked: &[Ranked], factor: f64) -> usize {
    let fits = |n: usize| ranked.get(n - 1).is_some_and(|r| (n as f64 + 1.0) * (1.0 - r.score) < factor);
    (1..=ranked.len()).rev().find(|&n| fits(n)).unwrap_or(0)
}

impl<'a, D: Draw> Here<'a, D> {
    fn at(&self, index: usize, position: usize) -> Here<'a, D> {
        Here { picker: self.picker, rule: self.rule, candidates: self.candidates, place: Some((index, position)) }
    }

    fn ranked(&self, rule: &Rule, index: usize) -> Ranked {
        let position = self.candidates[index];
        let score = rule.score.value(&self.at(index, position));
        // NaN comes last; adding 0 makes -0 and 0 one score, which the total order would tell apart.
        Ranked { index, position, score: if score.is_nan() { f64::NEG_INFINITY } else { score + 0.0 } }
    }

    /// Words about the step as a whole.
    fn of_step(&self, var: Var) -> Option<f64> {
        let (at, schedule) = (self.picker.at, &self.picker.sampler.schedule);
        let (clock, count) = (at.clock, |n: usize| Some(n as f64));
        let masks = || at.window.iter().filter(|&&position| at.canvas.kind(position) == Kind::Masked).count();
        match var {
            Var::Step => count(clock.window_step),
            Var::Steps => count(clock.window_steps),
            Var::Left => count(clock.steps_left()),
            Var::Progress => Some((clock.window_step + 1) as f64 / clock.window_steps.max(1) as f64),
            Var::Time => Some(schedule.times(clock).0),
            Var::NextTime => Some(schedule.times(clock).1),
            Var::Alpha => Some(schedule.noise.alpha(schedule.times(clock).0)),
            Var::NextAlpha => Some(schedule.noise.alpha(schedule.times(clock).1)),
            Var::Unmask => Some(schedule.unmask_chance(clock)),
            Var::Equal => count(schedule.equal_split(clock, masks())),
            Var::Dream => count(schedule.truncated(clock, masks())),
            Var::Rounded => count(schedule.rounded(clock, masks())),
            Var::Masks => count(masks()),
            Var::Candidates => count(self.candidates.len()),
            Var::Size => count(clock.window_size),
            Var::Post => count(clock.post),
            Var::Passes => count(clock.passes),
            Var::Grown => count(clock.grown),
            Var::Vocabulary => count(at.vocabulary.proposable()),
            Var::Acted => count(self.picker.acts.len()),
            Var::Settled => Some(f64::from(u8::from(at.memory.frontier().is_some()))),
            Var::Stable => count(at.memory.stable()),
            Var::Holes => count(at.canvas.hole_count()),
            _ => None,
        }
    }

    /// Words about one position that need no row.
    fn of_position(&self, var: Var, index: usize, position: usize) -> Option<f64> {
        let at = self.picker.at;
        let (kind, hole) = (at.canvas.kind(position), at.canvas.hole_of(position));
        let range = || hole.map_or(0..0, |hole| at.canvas.hole_range(hole));
        let yes = |is: bool| Some(f64::from(u8::from(is)));
        let uniform = || self.picker.draw(Purpose::Rank(self.rule), index, position);
        match var {
            Var::Position => Some(position.saturating_sub(range().start) as f64),
            Var::Hole => Some(hole.unwrap_or_default() as f64),
            Var::Level => {
                let masked = range().filter(|&p| at.canvas.kind(p) == Kind::Masked).count();
                Some(masked as f64 / range().len().max(1) as f64)
            }
            Var::Masked => yes(kind == Kind::Masked),
            Var::Taken => yes(self.picker.acts.contains_key(&position)),
            Var::PastEnd => yes(self.picker.ended_before(position)),
            Var::Kept => Some(if let Kind::Committed { probability, .. } = kind { probability } else { 1.0 }),
            Var::Age => {
                let age = |step: usize| at.clock.step.saturating_sub(step) as f64;
                Some(if let Kind::Committed { step, .. } = kind { age(step) } else { age(0) })
            }
            Var::Remasks => Some(f64::from(at.memory.remasks(position))),
            Var::Uniform => Some(uniform()),
            Var::Gumbel => Some(-(-uniform().max(f64::MIN_POSITIVE).ln()).ln()),
            _ => None,
        }
    }

    /// Words about what the denoiser says of a position; NaN where it was not asked.
    fn of_row(&self, var: Var, position: usize) -> f64 {
        let at = self.picker.at;
        let of = |read: &dyn Fn(&Proposal) -> f64| at.x0.get(&position).map_or(f64::NAN, read);
        match var {
            Var::Conf => of(&|proposal| proposal.confidence),
            Var::Margin => of(&|proposal| proposal.margin),
            Var::Entropy => of(&|proposal| -proposal.neg_entropy),
            Var::Current => of(&|proposal| proposal.in_place.unwrap_or(proposal.confidence)),
            Var::Rival => of(&|proposal| proposal.rival(at.canvas.ids().get(position).copied())),
            Var::Gap => of(&|proposal| proposal.gap),
            Var::Differs => of(&|proposal| {
                let differs = at.canvas.ids().get(position) != Some(&proposal.token);
                f64::from(u8::from(differs))
            }),
            Var::Frequency => of(&|proposal| at.memory.frequency(proposal.token, at.vocabulary.size())),
            Var::Drift => of(&|_| at.memory.drift(position, 1)),
            Var::Drift2 => of(&|_| at.memory.drift(position, 2)),
            Var::Independent => {
                let found = at.memory.independent.as_ref().is_some_and(|found| found.contains(&position));
                f64::from(u8::from(found))
            }
            _ => f64::NAN,
        }
    }
}

impl<D: Draw> Scope for Here<'_, D> {
    fn var(&self, var: Var) -> f64 {
        if let Some(value) = self.of_step(var) {
            return value;
        }
        let Some((index, position)) = self.place else { return f64::NAN };
        self.of_position(var, index, position).unwrap_or_else(|| self.of_row(var, position))
    }

    fn fold(&self, fold: Fold, inner: &Expr) -> f64 {
        let all = || self.candidates.iter().enumerate();
        let sum: f64 = all().map(|(index, &position)| inner.value(&self.at(index, position))).sum();
        match fold {
            Fold::Sum => sum,
            Fold::Mean => sum / all().len().max(1) as f64,
        }
    }

    fn density(&self, sigma: f64) -> f64 {
        let Some((_, position)) = self.place else { return f64::NAN };
        let canvas = self.picker.at.canvas;
        let weight = |other: usize| (-0.5 * (position.abs_diff(other) as f64 / sigma).powi(2)).exp();
        let known = |other: usize| canvas.kind(other) != Kind::Masked;
        let all: f64 = (0..canvas.len()).map(weight).sum();
        (0..canvas.len()).filter(|&other| known(other)).map(weight).sum::<f64>() / all
    }
}
