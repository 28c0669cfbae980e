//! Lookahead: several next steps, each judged by what the network says after it.
//!
//! LoPA (2512.16229): the sampler's own step, and that step with one more position written. Info-Gain (2602.18176): steps
//! of one position each, drawn by confidence. Unit: edits of one step. Limit: the caller makes one pass per branch.

use crate::diffusion::Logits;
use crate::diffusion::canvas::{Canvas, Edit, EditAct, Kind};
use crate::diffusion::propose::{Proposal, Row};
use crate::diffusion::rng::{Draw, DrawKey, Purpose};
use crate::diffusion::sampler::Proposals;
use crate::diffusion::vocabulary::Vocabulary;

/// How sharply Info-Gain prefers sure positions.
const TEMPERATURE: f64 = 0.2;
/// From this confidence everywhere, looking ahead is not worth its passes (Info-Gain).
const SURE: f64 = 0.8;

/// LoPA: the step itself first, then the step and each of the `n` surest other positions.
pub fn branches(canvas: &Canvas, window: &[usize], x0: &Proposals, step: &[Edit], n: usize) -> Vec<Vec<Edit>> {
    let untouched = |position: usize| step.iter().all(|edit| edit.position != position);
    let others = ranked(canvas, window, x0, |_, proposal| proposal.confidence);
    let others = others.into_iter().filter(|&position| untouched(position)).take(n);
    let with = |position: usize| {
        let mut edits = step.to_vec();
        edits.extend(x0.get(&position).map(|proposal| write(position, proposal)));
        edits.sort_by_key(|edit| edit.position);
        edits
    };
    std::iter::once(step.to_vec()).chain(others.map(with)).collect()
}

/// Info-Gain: `n` steps of one position each, the positions drawn by confidence without repeats; none where all is sure.
pub fn actions(
    canvas: &Canvas,
    window: &[usize],
    x0: &Proposals,
    n: usize,
    step: usize,
    draws: &impl Draw,
) -> Vec<Vec<Edit>> {
    let gumbel = |position: usize, proposal: &Proposal| {
        let uniform = draws.uniform(DrawKey { purpose: Purpose::Search(1), step, position, index: 0 });
        proposal.confidence / TEMPERATURE - (-uniform.max(f64::MIN_POSITIVE).ln()).ln()
    };
    let drawn = ranked(canvas, window, x0, gumbel);
    if drawn.iter().filter_map(|position| x0.get(position)).all(|proposal| proposal.confidence >= SURE) {
        return Vec::new();
    }
    let drawn = drawn.into_iter().take(n).filter_map(|position| Some((position, x0.get(&position)?)));
    drawn.map(|(position, proposal)| vec![write(position, proposal)]).collect()
}

/// The masks of the window that have a proposal, the highest first.
fn ranked(canvas: &Canvas, window: &[usize], x0: &Proposals, by: impl Fn(usize, &Proposal) -> f64) -> Vec<usize> {
    let masked = window.iter().copied().filter(|&position| canvas.kind(position) == Kind::Masked);
    let mut all: Vec<(usize, f64)> = masked.filter_map(|p| x0.get(&p).map(|proposal| (p, by(p, proposal)))).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    all.into_iter().map(|(position, _)| position).collect()
}

fn write(position: usize, proposal: &Proposal) -> Edit {
    Edit {
        position,
        act: EditAct::Write { token: proposal.token },
        probability: proposal.probability,
        entropy: proposal.entropy,
        runners_up: proposal.runners_up(proposal.token),
    }
}

/// LoPA's value of a branch: the mean of the largest probability over what is still masked; 1 if nothing is.
pub fn confidence(after: &Logits, vocabulary: &Vocabulary) -> f64 {
    mean(after, vocabulary, |row| row.peak().0).unwrap_or(1.0)
}

/// Info-Gain's value of a step: minus the entropy of what it writes, minus the mean entropy of what is still masked.
pub fn information(after: &Logits, x0: &Proposals, step: &[Edit], vocabulary: &Vocabulary) -> f64 {
    let written: f64 = step.iter().filter_map(|edit| x0.get(&edit.position)).map(|p| -p.neg_entropy).sum();
    -written - mean(after, vocabulary, |row| row.peak().1).unwrap_or(0.0)
}

fn mean(logits: &Logits, vocabulary: &Vocabulary, of: impl Fn(&Row) -> f64) -> Option<f64> {
    let mut row = Row::default();
    let values = logits.rows().iter().filter_map(|&raw| logits.row(raw)).map(|raw| {
        row.load(raw, vocabulary, None);
        of(&row)
    });
    let (count, sum) = values.fold((0, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::{branches, confidence, information};
    use crate::diffusion::Logits;
    use crate::diffusion::canvas::Canvas;
    use crate::diffusion::propose::Proposal;
    use crate::diffusion::sampler::Proposals;
    use crate::diffusion::vocabulary::Vocabulary;

    fn proposals(confidences: &[f64]) -> Proposals {
        let proposal = |(i, &confidence): (usize, &f64)| {
            let top = vec![(i as u32, confidence as f32)];
            let probability = confidence;
            let (margin, neg_entropy) = (confidence, confidence.ln());
            (
                i,
                Proposal {
                    token: 0,
                    probability,
                    confidence,
                    margin,
                    neg_entropy,
                    gap: 1.0,
                    in_place: None,
                    entropy: 0.0,
                    top,
                },
            )
        };
        confidences.iter().enumerate().map(proposal).collect()
    }

    #[test]
    fn branches_are_the_step_and_the_step_with_one_more() {
        let canvas = Canvas::from_ids(&[9, 9, 9, 9], 9);
        let x0 = proposals(&[0.9, 0.2, 0.7, 0.5]);
        let step = vec![super::write(0, &x0[&0])];
        let found = branches(&canvas, &[0, 1, 2, 3], &x0, &step, 2);
        let positions: Vec<Vec<usize>> =
            found.iter().map(|edits| edits.iter().map(|edit| edit.position).collect()).collect();
        assert_eq!(positions, [vec![0], vec![0, 2], vec![0, 3]]);
    }

    #[test]
    fn a_branch_is_worth_what_the_network_is_sure_of_after_it() {
        let vocabulary = Vocabulary::new(3, 2, None, []).unwrap();
        let row = [0.75_f32.ln(), 0.25_f32.ln(), 9.0];
        let after = Logits::new(vec![1], 3, row.to_vec()).unwrap();
        assert!((confidence(&after, &vocabulary) - 0.75).abs() < 1e-6);
        let entropy = -(0.75_f64 * 0.75_f64.ln() + 0.25 * 0.25_f64.ln());
        let x0 = proposals(&[0.5]);
        let value = information(&after, &x0, &[super::write(0, &x0[&0])], &vocabulary);
        assert!((value - (0.5_f64.ln() - entropy)).abs() < 1e-6, "{value}");
    }
}
