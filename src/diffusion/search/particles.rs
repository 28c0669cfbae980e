//! Several runs side by side: particles that are drawn anew by weight, or seeds of which the likeliest is kept.
//!
//! Self-rewarding SMC (2602.01849): a particle's log weight grows by `beta` times the log-probability of what it commits;
//! when the effective number falls below half, particles are drawn anew by weight, and go on with draws of their own.
//! With `beta` 0 nothing is ever drawn anew, and the runs are the candidates of best-of-n. Unit: whole runs. Cost: one pass
//! per particle and step. Limit: at temperature 0 all particles are the same but for random orders.

use crate::diffusion::canvas::{Canvas, EditAct, Kind};
use crate::diffusion::noise::inverse;
use crate::diffusion::rng::{Draw, DrawKey, Purpose, Seeded};
use crate::diffusion::run::Run;
use crate::diffusion::{DenoiseError, Denoiser};

/// Runs side by side.
#[derive(Debug, Clone)]
pub struct Particles {
    runs: Vec<Run<Seeded>>,
    log_weights: Vec<f64>,
    beta: f64,
    seed: u64,
    step: usize,
}

impl Particles {
    /// `n` copies of a run that has not begun, each with draws of its own; the first has the run's.
    pub fn new(run: &Run<Seeded>, seed: u64, n: usize, beta: f64) -> Self {
        let own = |slot: usize| run.clone().with_draws(slot_seed(seed, slot));
        Self { runs: (0..n.max(1)).map(own).collect(), log_weights: vec![0.0; n.max(1)], beta, seed, step: 0 }
    }

    /// Whether every run is over.
    pub fn is_done(&self) -> bool {
        self.runs.iter().all(Run::is_done)
    }

    /// One step of every run, and drawing anew if few carry the weight.
    ///
    /// # Errors
    /// What the denoiser says.
    pub fn turn(
        &mut self,
        denoiser: &mut dyn Denoiser,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), DenoiseError> {
        for (run, weight) in self.runs.iter_mut().zip(&mut self.log_weights) {
            if run.is_done() {
                continue;
            }
            let report = run.turn(denoiser, false, cancelled)?;
            let written = report.edits.iter().filter(|edit| matches!(edit.act, EditAct::Write { .. }));
            *weight += self.beta * written.map(|edit| edit.probability.max(f64::MIN_POSITIVE).ln()).sum::<f64>();
        }
        self.step += 1;
        if effective_number(&self.log_weights) < self.runs.len() as f64 / 2.0 {
            self.draw_anew();
        }
        Ok(())
    }

    fn draw_anew(&mut self) {
        let weights = normalised(&self.log_weights);
        let parent = |slot: usize| {
            let key = DrawKey { purpose: Purpose::Search(0), step: self.step, position: slot, index: 0 };
            inverse(&weights, Seeded(self.seed).uniform(key)).unwrap_or_default() as usize
        };
        let drawn =
            (0..self.runs.len()).map(|slot| self.runs[parent(slot)].clone().with_draws(slot_seed(self.seed, slot)));
        self.runs = drawn.collect();
        self.log_weights.fill(0.0);
    }

    /// Passes made by all runs. Those of runs that were drawn away are those of the runs in their place.
    pub fn nfe(&self) -> usize {
        self.runs.iter().map(Run::nfe).sum()
    }

    /// The canvases, the likeliest per token first, equal ones once.
    pub fn ranked(&self) -> Vec<(&Canvas, f64)> {
        let mut all: Vec<(&Canvas, f64)> = Vec::new();
        for run in &self.runs {
            if all.iter().all(|(canvas, _)| canvas.ids() != run.canvas().ids()) {
                all.push((run.canvas(), mean_log_probability(run.canvas())));
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
