//! Several runs side by side: particles that are drawn anew by weight, or seeds of which the likeliest is kept.
//!
//! Self-rewarding SMC (2602.01849): a particle's log weight grows by `beta` times the log-probability of what it commits;
//! when the effective number falls below half, particles are drawn anew by weight, and go on with draws of their own.
//! With `beta` 0 nothing is ever drawn anew, and the runs are the candidates of best-of-n. Unit: whole runs. Cost: one pass
//! per particle and step. Limit: at temperature 0 all particles are the same but for random orders.

use crate::diffusion::canvas::{Canvas, EditAct, Kind};
use crate::diffusion::noise::inverse;
use crate::diffusion::rng::{Draw, DrawKey, Purpose, Seeded};
use crate::diffusion::run::{Run, StepReport};

/// Runs side by side.
#[derive(Debug, Clone)]
pub struct Particles {
    runs: Vec<Run<Seeded>>,
    log_weights: Vec<f64>,
    beta: f64,
    seed: u64,
    step: usize,
    passes: usize,
}

impl Particles {
    /// `n` copies of a run that has not begun, each with draws of its own; the first has the run's.
    pub fn new(run: &Run<Seeded>, seed: u64, n: usize, beta: f64) -> Self {
        let own = |slot: usize| run.clone().with_draws(slot_seed(seed, slot));
        let (runs, log_weights) = ((0..n.max(1)).map(own).collect(), vec![0.0; n.max(1)]);
        Self { runs, log_weights, beta, seed, step: 0, passes: 0 }
    }

    /// Whether every run is over.
    pub fn is_done(&self) -> bool {
        self.runs.iter().all(Run::is_done)
    }

    /// One step of every run that is not over, made by `step`, which is told the run's number; and drawing anew if few carry
    /// the weight: then it is said which run each is a copy of.
    ///
    /// # Errors
    /// What `step` says.
    pub fn turn<E>(
        &mut self,
        mut step: impl FnMut(usize, &mut Run<Seeded>) -> Result<StepReport, E>,
    ) -> Result<Option<Vec<usize>>, E> {
        let runs = self.runs.iter_mut().zip(&mut self.log_weights).enumerate();
        for (slot, (run, weight)) in runs.filter(|(_, (run, _))| !run.is_done()) {
            let before = run.nfe();
            let report = step(slot, run)?;
            self.passes += run.nfe() - before;
            let written = report.edits.iter().filter(|edit| matches!(edit.act, EditAct::Write { .. }));
            *weight += self.beta * written.map(|edit| edit.probability.max(f64::MIN_POSITIVE).ln()).sum::<f64>();
        }
        self.step += 1;
        let few = effective_number(&self.log_weights) < self.runs.len() as f64 / 2.0;
        Ok(few.then(|| self.draw_anew()))
    }

    fn draw_anew(&mut self) -> Vec<usize> {
        let weights = normalised(&self.log_weights);
        let parent = |slot: usize| {
            let key = DrawKey { purpose: Purpose::Search(0), step: self.step, position: slot, index: 0 };
            inverse(&weights, Seeded(self.seed).uniform(key)).unwrap_or_default() as usize
        };
        let parents: Vec<usize> = (0..self.runs.len()).map(parent).collect();
        let drawn = parents.iter().enumerate();
        self.runs = drawn.map(|(slot, &p)| self.runs[p].clone().with_draws(slot_seed(self.seed, slot))).collect();
        self.log_weights.fill(0.0);
        parents
    }

    /// The network has read another canvas meanwhile ([`Run::forget_rows`]).
    pub fn forget_rows(&mut self) {
        self.runs.iter_mut().for_each(Run::forget_rows);
    }

    /// Passes made by all runs, those included that were drawn away.
    pub fn nfe(&self) -> usize {
        self.passes
    }

    /// One of the runs.
    pub fn run(&self, slot: usize) -> &Run<Seeded> {
        &self.runs[slot]
    }

    /// The numbers of the runs and their mean log-probabilities, the likeliest first, those of equal texts once.
    pub fn ranked(&self) -> Vec<(usize, f64)> {
        let mut all: Vec<(usize, f64)> = Vec::new();
        for (slot, run) in self.runs.iter().enumerate() {
            if all.iter().all(|(other, _)| self.run(*other).canvas().ids() != run.canvas().ids()) {
                all.push((slot, mean_log_probability(run.canvas())));
            }
        }
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        all
    }
}

/// Draws of a particle's own; the first particle has the run's.
fn slot_seed(seed: u64, slot: usize) -> Seeded {
    Seeded(seed.wrapping_add((slot as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

/// The mean log-probability, at commit, of what samplers wrote; 0 if they wrote nothing.
pub fn mean_log_probability(canvas: &Canvas) -> f64 {
    let of = |kind: &Kind| match kind {
        Kind::Committed { probability, .. } => Some(probability.max(f64::MIN_POSITIVE).ln()),
        _ => None,
    };
    let logs: Vec<f64> = canvas.kinds().iter().filter_map(of).collect();
    logs.iter().sum::<f64>() / logs.len().max(1) as f64
}

fn normalised(log_weights: &[f64]) -> Vec<f64> {
    let max = log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = log_weights.iter().map(|log| (log - max).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// `1 / sum w^2`: by how many equal particles the weights could be carried.
fn effective_number(log_weights: &[f64]) -> f64 {
    1.0 / normalised(log_weights).iter().map(|weight| weight * weight).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::effective_number;

    #[test]
    fn the_effective_number_is_n_for_equal_weights_and_one_for_a_single_one() {
        assert!((effective_number(&[3.0; 4]) - 4.0).abs() < 1e-12);
        assert!((effective_number(&[0.0, -900.0, -900.0]) - 1.0).abs() < 1e-12);
    }
}
