//! How much noise there is at each step of a continuous process, and the schedules of the families.
//!
//! A level is kept as `gamma`, the logarithm of noise to signal (VDM, 2107.00630): `alpha^2 = sigmoid(-gamma)`, `sigma^2
//! = sigmoid(gamma)`. It says small amounts of either as exactly as large ones; minus infinity is no noise at all.

use std::f64::consts::FRAC_PI_2;

/// The noise that a step begins with and ends with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// How far the process is, as the network reads it.
    pub time: f64,
    /// gamma of the state that the network is shown.
    pub gamma: f64,
    /// gamma after the step; none for a step that only looks.
    pub next: Option<f64>,
}

impl Level {
    /// (alpha, sigma) of the state that the network is shown.
    pub fn from(&self) -> (f64, f64) {
        amounts(self.gamma)
    }

    /// (alpha, sigma) after the step.
    pub fn to(&self) -> Option<(f64, f64)> {
        self.next.map(amounts)
    }

    /// Signal to noise before the step over signal to noise after it; the guess's share in the posterior's mean is 1
    /// less this.
    pub fn ratio(&self) -> f64 {
        match self.next {
            // Without noise before it there is none to keep.
            Some(_) if self.gamma == f64::NEG_INFINITY => 0.0,
            Some(next) => (next - self.gamma).exp(),
            None => 1.0,
        }
    }
}

fn amounts(gamma: f64) -> (f64, f64) {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    (sigmoid(-gamma).sqrt(), sigmoid(gamma).sqrt())
}

/// gamma where the share `alpha^2` of signal is given.
fn of_share(share: f64) -> f64 {
    ((1.0 - share) / share).ln()
}

/// The cosine schedule of Nichol and Dhariwal (2102.09672) with offset 1e-4, as SSD-LM and TESS 2 have it.
fn cosine(t: f64) -> f64 {
    const OFFSET: f64 = 1e-4;
    let f = |t: f64| ((t + OFFSET) / (1.0 + OFFSET) * FRAC_PI_2).cos().powi(2);
    f(t) / f(0.0)
}

/// SSD-LM's `steps` last steps of `total`: time `t / total` for t from `steps` to 1, down to the noise of t - 1.
pub fn ssd_lm(steps: usize, total: usize) -> Vec<Level> {
    let share = |t: usize| of_share(cosine(t as f64 / total.max(1) as f64));
    let level = |t: usize| Level { time: t as f64 / total.max(1) as f64, gamma: share(t), next: Some(share(t - 1)) };
    (1..=steps).rev().map(level).collect()
}

/// TESS 2: time `t / steps` for t from `steps - 1` to 0, down to the noise of t - 1; the last step leaves none.
pub fn tess2(steps: usize) -> Vec<Level> {
    let share = |t: usize| of_share(cosine(t as f64 / steps as f64));
    let next = |t: usize| if t == 0 { f64::NEG_INFINITY } else { share(t - 1) };
    (0..steps).rev().map(|t| Level { time: t as f64 / steps as f64, gamma: share(t), next: Some(next(t)) }).collect()
}

/// Diffusion-LM's square-root schedule, `alpha^2(t) = 1 - sqrt(t + 1e-4)`, as the product of its steps' shares, each at
/// least 0.001; time is rescaled to 1000.
pub fn diffusion_lm(steps: usize) -> Vec<Level> {
    let at = |t: usize| 1.0 - (t as f64 / steps as f64 + 1e-4).sqrt();
    let mut gammas = vec![f64::NEG_INFINITY];
    let mut share = 1.0;
    for t in 0..steps {
        share *= 1.0 - (1.0 - at(t + 1) / at(t)).min(0.999);
        gammas.push(of_share(share));
    }
    let level =
        |t: usize| Level { time: t as f64 * 1000.0 / steps as f64, gamma: gammas[t + 1], next: Some(gammas[t]) };
    (0..steps).rev().map(level).collect()
}

/// Plaid's learned schedule: a monotone network between two bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Monotone {
    /// gamma at time 0 and at time 1.
    pub bounds: (f64, f64),
    /// Weights of the first layer, before softplus.
    pub first: Vec<f64>,
    /// Its biases.
    pub bias: Vec<f64>,
    /// Weights of the second layer, before softplus.
    pub second: Vec<f64>,
}

impl Monotone {
    /// How far gamma is between its bounds, 0 at time 0 and 1 at time 1. Times a little below 0 are meant to work too.
    pub fn share(&self, t: f64) -> f64 {
        let softplus = |x: f64| if x > 20.0 { x } else { x.exp().ln_1p() };
        let raw = |t: f64| -> f64 {
            let units = self.first.iter().zip(&self.bias).zip(&self.second);
            units.map(|((w, b), v)| ((t - 0.5) * softplus(*w) + b).tanh() * 0.01 * softplus(*v)).sum()
        };
        (raw(t) - raw(0.0)) / (raw(1.0) - raw(0.0))
    }

    /// gamma at a time.
    pub fn gamma(&self, t: f64) -> f64 {
        self.bounds.0 + (self.bounds.1 - self.bounds.0) * self.share(t)
    }

    /// Plaid's steps: times evenly from 1 to 0, each going 1 / steps down, the one at 0 and one more only looking. The
    /// network reads gamma as an f32.
    pub fn levels(&self, steps: usize) -> Vec<Level> {
        let last = steps.saturating_sub(1).max(1) as f64;
        let level = |i: usize| {
            let t = 1.0 - i as f64 / last;
            let gamma = self.gamma(t);
            let next = (i + 1 < steps).then(|| self.gamma(t - 1.0 / steps as f64));
            Level { time: f64::from(gamma as f32), gamma, next }
        };
        let looks = level(steps.saturating_sub(1));
        (0..steps).map(level).chain([looks]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simplex_schedule_has_the_shares_that_tess2_published() {
        // `alphas_cumprod` of SimplexDDPMScheduler(8, "squaredcos_improved_ddpm").
        let published = [1.0, 0.961_887_2, 0.853_470_1, 0.691_251, 0.499_921_5, 0.308_603_8, 0.146_418_9, 0.038_052_7];
        for (level, share) in tess2(8).iter().rev().zip(published) {
            assert!((level.from().0.powi(2) - share).abs() < 1e-6, "{level:?} {share}");
        }
        assert_eq!(tess2(8)[7].to(), Some((1.0, 0.0)));
        assert_eq!(ssd_lm(4, 4).last().unwrap().to().unwrap().1, 0.0);
    }

    #[test]
    fn noise_falls_at_every_step_and_ends_where_the_next_begins() {
        for levels in [tess2(9), ssd_lm(9, 9), diffusion_lm(9)] {
            for pair in levels.windows(2) {
                assert!(pair[1].gamma < pair[0].gamma && pair[1].time < pair[0].time);
                assert_eq!(pair[0].next, Some(pair[1].gamma));
            }
        }
    }

    #[test]
    fn a_monotone_schedule_goes_from_bound_to_bound() {
        let schedule =
            Monotone { bounds: (-3.0, 6.0), first: vec![0.5, 2.0], bias: vec![0.1, -0.3], second: vec![1.0, -1.0] };
        assert_eq!((schedule.gamma(0.0), schedule.gamma(1.0)), (-3.0, 6.0));
        let gammas: Vec<f64> = (0..=10).map(|i| schedule.gamma(f64::from(i) / 10.0)).collect();
        assert!(gammas.windows(2).all(|pair| pair[0] < pair[1]));
        let levels = schedule.levels(4);
        assert_eq!(levels.len(), 5);
        assert_eq!((levels[3], levels[3].next), (levels[4], None));
    }
}
