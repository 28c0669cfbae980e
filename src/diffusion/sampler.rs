//! One step of the reverse process, `xt -> xs` with `s < t`, as a pure function of canvas, proposals, clock and draws.
//!
//! Read [`step`] first; it is the algorithm box:
//! ```text
//! input   canvas xt, proposals for x0, clock, draws
//! W       <- the window: positions that may change now
//! for each rule (over, score, pick, act):
//!     C   <- positions of W that the rule is over
//!     R   <- C ranked by score, ties by position
//!     P   <- those of R that are picked
//!     xs  <- act on P; a later rule overrides an earlier one
//! output  the list of edits from xt to xs
//! ```
//! In the last step of the plan the rules are one: write all that is masked in W.
//! All rules read the same proposals and the same `xt`. Unit: canvas positions. Cost: sorting the window; no row of
//! logits is touched here. The three middle lines are in `pick.rs`. Limit: nothing here calls the denoiser or changes
//! a canvas.

use std::collections::BTreeMap;

use crate::diffusion::canvas::{Canvas, Edit, EditAct, Kind};
use crate::diffusion::pick::Picker;
use crate::diffusion::propose::{Proposal, Propose};
use crate::diffusion::rng::Draw;
use crate::diffusion::rule::{Act, Pick, Rule, Score};
use crate::diffusion::schedule::{Clock, Schedule};

/// A sampler: how tokens are proposed, which rules act, on what schedule, in what window. It stops when nothing is
/// masked any more.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampler {
    /// From a row of logits to a token.
    pub propose: Propose,
    /// What happens in a step, in order.
    pub rules: Vec<Rule>,
    /// Where the rules' numbers come from.
    pub schedule: Schedule,
    /// Which positions may change now.
    pub window: Window,
}

/// The proposals of a step, by position.
pub type Proposals = BTreeMap<usize, Proposal>;

/// Which editable positions are eligible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// All of them.
    All,
    /// Blocks of so many positions of holes, counted across holes; the first block with a mask in it (LLaDA).
    Blocks(usize),
}

impl Window {
    /// The positions of holes, block by block.
    fn blocks(self, canvas: &Canvas) -> Vec<Vec<usize>> {
        let positions: Vec<usize> = canvas.hole_positions().collect();
        let size = match self {
            Window::All => positions.len(),
            Window::Blocks(size) => size,
        };
        positions.chunks(size.max(1)).map(<[usize]>::to_vec).collect()
    }

    /// How many masks each block has, block 0 first.
    pub fn masks(self, canvas: &Canvas) -> Vec<usize> {
        let masked = |block: Vec<usize>| block.iter().filter(|&&p| canvas.kind(p) == Kind::Masked).count();
        self.blocks(canvas).into_iter().map(masked).collect()
    }

    /// The editable positions of the first block with a mask, ascending; none if nothing is masked.
    pub fn positions(self, canvas: &Canvas) -> Vec<usize> {
        let has_mask = |block: &Vec<usize>| block.iter().any(|&p| canvas.kind(p) == Kind::Masked);
        let mut block = self.blocks(canvas).into_iter().find(has_mask).unwrap_or_default();
        block.retain(|&position| canvas.kind(position).is_editable());
        block
    }
}

/// One step: what the sampler does to the canvas, one edit per position at most, ascending.
///
/// Positions without a proposal are not written; callers provide one for each of [`positions_read`].
pub fn step(sampler: &Sampler, canvas: &Canvas, x0: &Proposals, clock: &Clock, draws: &impl Draw) -> Vec<Edit> {
    let mut edits = BTreeMap::new();
    let picker = Picker::new(sampler, canvas, x0, clock, draws);
    for (index, rule) in rules(sampler, clock).iter().enumerate() {
        for position in picker.pick(index as u8, rule) {
            match edit(rule.act, position, canvas, x0.get(&position)) {
                Some(edit) => edits.insert(position, edit),
                None => edits.remove(&position),
            };
        }
    }
    edits.into_values().collect()
}

/// The last step of a plan commits what is left and takes nothing back, so that every sampler ends.
fn rules<'a>(sampler: &'a Sampler, clock: &Clock) -> &'a [Rule] {
    const COMMIT_ALL: &[Rule] = &[Rule::commit(Score::Probability, Pick::All)];
    if clock.is_last() { COMMIT_ALL } else { &sampler.rules }
}

/// The positions whose proposals a step reads, ascending: all candidates of a rule that ranks by what the denoiser
/// says, but only those picked where the order is random, and none where the count is zero.
pub fn positions_read(sampler: &Sampler, canvas: &Canvas, clock: &Clock, draws: &impl Draw) -> Vec<usize> {
    let x0 = Proposals::new();
    let picker = Picker::new(sampler, canvas, &x0, clock, draws);
    let reads = |(index, rule): (usize, &Rule)| match rule.score {
        Score::Uniform if rule.act != Act::Write => Vec::new(),
        Score::Uniform => picker.pick(index as u8, rule),
        _ if picker.pick(index as u8, rule).is_empty() && rule.pick.counts_without_scores() => Vec::new(),
        _ => picker.candidates(rule.over),
    };
    let mut positions: Vec<usize> = rules(sampler, clock).iter().enumerate().flat_map(reads).collect();
    positions.sort_unstable();
    positions.dedup();
    positions
}

/// What an act does to one position; none if that leaves it as it is.
fn edit(act: Act, position: usize, canvas: &Canvas, proposal: Option<&Proposal>) -> Option<Edit> {
    let in_place = canvas.ids().get(position).copied()?;
    let runners_up = proposal.map(|proposal| proposal.runners_up(proposal.token)).unwrap_or_default();
    let (act, probability) = match act {
        Act::Write => (EditAct::Write { token: proposal?.token }, proposal?.probability),
        Act::Mask => (EditAct::Mask, proposal.and_then(|proposal| proposal.in_place).unwrap_or_default()),
        Act::Insert(masks) => (EditAct::Insert { masks: masks.into() }, 0.0),
        Act::Delete => (EditAct::Delete, 0.0),
    };
    let unchanged = match act {
        EditAct::Write { token } => token == in_place,
        EditAct::Mask => canvas.kind(position) == Kind::Masked,
        EditAct::Insert { masks } => masks == 0,
        EditAct::Delete => false,
    };
    (!unchanged).then_some(Edit { position, act, probability, runners_up })
}

#[cfg(test)]
mod tests {
    use super::{Proposals, Sampler, Window, positions_read, step};
    use crate::diffusion::canvas::{Canvas, Cell, EditAct};
    use crate::diffusion::propose::{Proposal, Propose};
    use crate::diffusion::rng::Seeded;
    use crate::diffusion::rule::{Act, Num, Over, Pick, Rule, Score};
    use crate::diffusion::schedule::{Clock, NoiseSchedule, Schedule, Steps};

    const M: u32 = 99;
    const EARLY: Clock = Clock { step: 0, window_step: 0, window_steps: 9, window_size: 4 };
    const LAST: Clock = Clock { step: 8, window_step: 8, window_steps: 9, window_size: 4 };

    fn sampler(rules: &[Rule]) -> Sampler {
        let schedule = Schedule { steps: Steps::PerMask, noise: NoiseSchedule::Linear, eps: 1e-3 };
        Sampler { propose: Propose::default(), rules: rules.to_vec(), schedule, window: Window::All }
    }

    /// Four masks, then a token of an earlier step and one of the document.
    fn canvas() -> Canvas {
        let written = [Cell::Committed { id: 7, probability: 0.9 }, Cell::Original(8), Cell::Pinned(9)];
        Canvas::builder(M).hole(4).hole_from(written).build()
    }

    /// Confidence and entropy per position; the token proposed at position `i` is `10 + i`.
    fn proposals(scores: &[(f64, f64)]) -> Proposals {
        let proposal = |(i, &(confidence, entropy)): (usize, &(f64, f64))| {
            let token = 10 + i as u32;
            let in_place = (i >= 4).then_some(confidence);
            let (probability, margin) = (confidence, confidence / 2.0);
            (i, Proposal { token, probability, confidence, margin, neg_entropy: -entropy, in_place, top: Vec::new() })
        };
        scores.iter().enumerate().map(proposal).collect()
    }

    const SCORES: [(f64, f64); 6] = [(0.9, 0.06), (0.95, 0.05), (0.5, 0.07), (0.9, 0.4), (0.2, 1.0), (0.3, 2.0)];

    /// Where the rules write and where they mask.
    fn acts(rules: &[Rule], clock: &Clock) -> (Vec<usize>, Vec<usize>) {
        let edits = step(&sampler(rules), &canvas(), &proposals(&SCORES), clock, &Seeded(1));
        let at = |masks: bool| {
            edits.iter().filter(move |edit| (edit.act == EditAct::Mask) == masks).map(|edit| edit.position).collect()
        };
        (at(false), at(true))
    }

    #[track_caller]
    fn commits(score: Score, pick: Pick, expected: &[usize]) {
        assert_eq!(acts(&[Rule::commit(score, pick)], &EARLY).0, expected);
    }

    const fn num(value: f64) -> Num {
        Num::Const(value)
    }

    #[test]
    fn picks_take_what_they_say() {
        commits(Score::Probability, Pick::All, &[0, 1, 2, 3]);
        commits(Score::Probability, Pick::Best(num(2.0)), &[0, 1]);
        commits(Score::Probability, Pick::Worst(num(2.0)), &[0, 2]);
        commits(Score::Probability, Pick::Above(num(0.9)), &[0, 1, 3]);
        commits(Score::Probability, Pick::Below(num(0.9)), &[2]);
        commits(Score::NegEntropy, Pick::Best(num(3.0)), &[0, 1, 2]);
        commits(Score::Uniform, Pick::Coin(num(0.0)), &[]);
        commits(Score::Uniform, Pick::Coin(num(1.0)), &[0, 1, 2, 3]);
    }

    #[test]
    fn nan_comes_last_and_zero_has_no_sign() {
        let rule = |n| Rule::commit(Score::Probability, Pick::Best(num(n)));
        let taken = |rule: Rule| {
            let x0 = proposals(&[(f64::NAN, 0.0), (-0.0, 0.0), (0.0, 0.0), (-0.1, 0.0)]);
            let edits = step(&sampler(&[rule]), &canvas(), &x0, &EARLY, &Seeded(1));
            edits.iter().map(|edit| edit.position).collect::<Vec<_>>()
        };
        assert_eq!((taken(rule(1.0)), taken(rule(3.0))), (vec![1], vec![1, 2, 3]));
    }

    #[test]
    fn the_entropy_budget_bounds_all_but_the_largest() {
        // Sums less the largest: 0, 0.05, 0.11, 0.18.
        commits(Score::NegEntropy, Pick::Entropy(num(0.0)), &[1]);
        commits(Score::NegEntropy, Pick::Entropy(num(0.1)), &[0, 1]);
        commits(Score::NegEntropy, Pick::Entropy(num(0.111)), &[0, 1, 2]);
        commits(Score::NegEntropy, Pick::Entropy(num(0.19)), &[0, 1, 2, 3]);
    }

    #[test]
    fn a_rule_takes_at_least_and_at_most_what_it_says() {
        let strict = Rule::commit(Score::Probability, Pick::Above(num(0.99)));
        assert_eq!(acts(&[strict], &EARLY).0, [0; 0]);
        assert_eq!(acts(&[strict.at_least(1)], &EARLY).0, [1]);
        let all = Rule { max: 3, ..Rule::commit(Score::Probability, Pick::All) };
        assert_eq!(acts(&[all], &EARLY).0, [0, 1, 3], "ties go to the lower position");
    }

    #[test]
    fn a_later_rule_overrides_an_earlier_one() {
        let write = Rule::commit(Score::Probability, Pick::All);
        let mask = Rule { over: Over::Both, act: Act::Mask, ..Rule::commit(Score::Probability, Pick::Worst(num(3.0))) };
        assert_eq!(acts(&[write, mask], &EARLY), (vec![0, 1, 3], vec![4, 5]));
    }

    #[test]
    fn the_last_step_writes_all_masks_and_takes_nothing_back() {
        let mask = Rule { over: Over::Both, act: Act::Mask, ..Rule::commit(Score::InPlace, Pick::All) };
        assert_eq!(acts(&[mask], &LAST), (vec![0, 1, 2, 3], vec![]));
        assert_eq!(acts(&[], &LAST).0, [0, 1, 2, 3]);
    }

    #[test]
    fn pinned_positions_are_no_candidates() {
        let mask = Rule { over: Over::Committed, act: Act::Mask, ..Rule::commit(Score::Uniform, Pick::All) };
        assert_eq!(acts(&[mask], &EARLY), (vec![], vec![4, 5]));
    }

    #[test]
    fn only_what_a_rule_reads_is_read() {
        let read = |rule: Rule| positions_read(&sampler(&[rule]), &canvas(), &EARLY, &Seeded(1));
        assert_eq!(read(Rule::commit(Score::Margin, Pick::Best(num(1.0)))), [0, 1, 2, 3]);
        assert_eq!(read(Rule::commit(Score::Margin, Pick::Best(num(0.0)))), [0; 0]);
        assert_eq!(read(Rule::commit(Score::Uniform, Pick::Best(num(1.0)))).len(), 1);
        let remask = Rule { act: Act::Mask, ..Rule::commit(Score::Uniform, Pick::All) };
        assert_eq!(read(remask), [0; 0]);
    }

    #[test]
    fn blocks_go_from_left_to_right_across_holes() {
        let canvas = Canvas::builder(M).hole_from([Cell::Original(1); 2]).fixed(&[5]).hole(3).build();
        assert_eq!(Window::Blocks(3).masks(&canvas), [1, 2]);
        assert_eq!(Window::Blocks(3).positions(&canvas), [0, 1, 3]);
        assert_eq!(Window::Blocks(2).positions(&canvas), [3, 4]);
    }
}
