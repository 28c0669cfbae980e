//! How far a run is and which numbers follow from that: diffusion time, counts to unmask, chances to unmask.
//!
//! A [`Clock`] says which step of how many this is; a [`Schedule`] turns it into time `t` on a grid, and a
//! [`crate::diffusion::rule::Num`] reads both. Unit: steps, and time in \[0, 1\] with 1 all masked. Every plan ends:
//! on its last step all that is masked is committed, whatever the rules say.

/// `alpha(t)`, the share of positions that are still clean at time `t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoiseSchedule {
    /// `1 - t`: MDLM (log-linear), LLaDA, Dream.
    Linear,
    /// `1 - cos(pi/2 (1 - t))`: MaskGIT and the cosine grid of MD4.
    Cosine,
}

impl NoiseSchedule {
    /// The share of positions that are clean at `t`.
    pub fn alpha(self, t: f64) -> f64 {
        1.0 - self.move_chance(t)
    }

    /// The share of positions that are masked at `t`, without the rounding of `1 - alpha`.
    pub fn move_chance(self, t: f64) -> f64 {
        match self {
            NoiseSchedule::Linear => t,
            NoiseSchedule::Cosine => (std::f64::consts::FRAC_PI_2 * (1.0 - t)).cos(),
        }
    }
}

/// How many steps a window (the canvas, or one block of it) is planned to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steps {
    /// So many in all, shared equally among the blocks, at least one each.
    Fixed(usize),
    /// As many as there are masks: an upper bound for rules that commit at least one token a step.
    PerMask,
}

/// What turns a clock into numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// How many steps.
    pub steps: Steps,
    /// The curve.
    pub noise: NoiseSchedule,
    /// Where the grid of times ends: it is `linspace(1, eps, steps + 1)`.
    pub eps: f64,
}

impl Schedule {
    /// The steps planned for a window of so many masks, one of `windows`; at least 1.
    pub fn planned(&self, masks: usize, windows: usize) -> usize {
        match self.steps {
            Steps::Fixed(steps) => (steps / windows.max(1)).max(1),
            Steps::PerMask => masks.max(1),
        }
    }

    /// The times that a step goes from and to, `t > s`.
    pub fn times(&self, clock: &Clock) -> (f64, f64) {
        let at = |step: usize| 1.0 + (self.eps - 1.0) * step as f64 / clock.window_steps.max(1) as f64;
        (at(clock.window_step), at(clock.window_step + 1))
    }

    /// The chance that a masked position is unmasked in this step, `(alpha(s) - alpha(t)) / (1 - alpha(t))`; 1 in the
    /// last one (MDLM; "origin" of Dream).
    pub fn unmask_chance(&self, clock: &Clock) -> f64 {
        let (t, s) = self.times(clock);
        if clock.is_last() { 1.0 } else { 1.0 - self.noise.move_chance(s) / self.noise.move_chance(t) }
    }

    /// LLaDA: the masks split equally over the steps, the remainder going to the first ones.
    pub fn equal_split(&self, clock: &Clock, masks: usize) -> usize {
        masks.div_ceil(clock.steps_left())
    }

    /// Dream: `int(masks * (1 - s / t))` in f32, all in the last step. The product is truncated, so that f32 and f64
    /// differ by a whole token where it is an integer; the reference is in f32.
    pub fn truncated(&self, clock: &Clock, masks: usize) -> usize {
        if clock.is_last() {
            return masks;
        }
        let move_chance = |t: f32| self.noise.move_chance(f64::from(t)) as f32;
        let t = linspace(self.eps as f32, clock.window_steps, clock.window_step);
        let s = linspace(self.eps as f32, clock.window_steps, clock.window_step + 1);
        let unmasked = masks as f32 * (1.0 - move_chance(s) / move_chance(t));
        (unmasked.max(0.0) as usize).min(masks)
    }

    /// MaskGIT, P2: how many positions of the window are to be masked after this step, `floor(n (1 - alpha))` on the
    /// even grid from 1 to 0.
    pub fn still_masked(&self, clock: &Clock) -> usize {
        if clock.is_last() {
            return 0;
        }
        let t = 1.0 - (clock.window_step + 1) as f64 / clock.window_steps.max(1) as f64;
        (clock.window_size as f64 * self.noise.move_chance(t)).floor() as usize
    }
}

/// `torch.linspace(1, eps, steps + 1)[index]` in f32: computed from the nearer end.
fn linspace(eps: f32, steps: usize, index: usize) -> f32 {
    let stride = (eps - 1.0) / steps.max(1) as f32;
    let points = steps + 1;
    if index < points / 2 { 1.0 + stride * index as f32 } else { eps - stride * (points - 1 - index) as f32 }
}

/// Where in its plan a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Clock {
    /// Steps made since the run began; keys the draws.
    pub step: usize,
    /// Steps made in this window.
    pub window_step: usize,
    /// Steps planned for this window.
    pub window_steps: usize,
    /// Masks in this window when it was entered.
    pub window_size: usize,
}

impl Clock {
    /// Whether this step is the last one planned for its window.
    pub fn is_last(&self) -> bool {
        self.window_step + 1 >= self.window_steps
    }

    /// Steps left in this window, this one included; at least 1.
    pub fn steps_left(&self) -> usize {
        self.window_steps.saturating_sub(self.window_step).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, NoiseSchedule, Schedule, Steps};

    fn schedule(noise: NoiseSchedule, eps: f64) -> Schedule {
        Schedule { steps: Steps::PerMask, noise, eps }
    }

    fn counts(masks: usize, steps: usize, count: impl Fn(&Clock, usize) -> usize) -> Vec<usize> {
        let mut left = masks;
        let step = |window_step| {
            let clock = Clock { step: window_step, window_step, window_steps: steps, window_size: masks };
            let n = count(&clock, left);
            left -= n;
            n
        };
        (0..steps).map(step).collect()
    }

    #[test]
    fn llada_splits_equally_and_gives_the_remainder_first() {
        let linear = schedule(NoiseSchedule::Linear, 0.0);
        let split = |masks, steps| counts(masks, steps, |clock, left| linear.equal_split(clock, left));
        assert_eq!(split(16, 5), [4, 3, 3, 3, 3]);
        assert_eq!(split(17, 5), [4, 4, 3, 3, 3]);
        assert_eq!(split(2, 4), [1, 1, 0, 0]);
    }

    #[test]
    fn dream_truncates_in_f32() {
        let dream = schedule(NoiseSchedule::Linear, 1e-3);
        let split = |masks, steps| counts(masks, steps, |clock, left| dream.truncated(clock, left));
        assert_eq!(split(16, 16), [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
        assert_eq!(split(16, 5), [3, 3, 3, 3, 4]);
    }

    #[test]
    fn the_unmask_chance_is_that_of_the_noise_schedule() {
        for noise in [NoiseSchedule::Linear, NoiseSchedule::Cosine] {
            let schedule = schedule(noise, 1e-5);
            for window_step in 0..9 {
                let clock = Clock { step: 0, window_step, window_steps: 10, window_size: 3 };
                let (t, s) = schedule.times(&clock);
                let expected = (noise.alpha(s) - noise.alpha(t)) / (1.0 - noise.alpha(t));
                assert!((schedule.unmask_chance(&clock) - expected).abs() < 1e-9);
            }
        }
        let last = Clock { step: 0, window_step: 9, window_steps: 10, window_size: 3 };
        assert_eq!(schedule(NoiseSchedule::Linear, 1e-5).unmask_chance(&last), 1.0);
    }

    #[test]
    fn alpha_falls_from_one_to_zero() {
        for noise in [NoiseSchedule::Linear, NoiseSchedule::Cosine] {
            assert!((noise.alpha(0.0) - 1.0).abs() < 1e-12 && noise.alpha(1.0).abs() < 1e-12);
            assert!((0..100).all(|k| noise.alpha(f64::from(k) / 100.0) > noise.alpha(f64::from(k + 1) / 100.0)));
        }
    }

    #[test]
    fn maskgit_unmasks_slowly_at_first() {
        let cosine = schedule(NoiseSchedule::Cosine, 0.0);
        let reveal = |clock: &Clock, left: usize| left - cosine.still_masked(clock).min(left);
        assert_eq!(counts(16, 4, reveal), [2, 3, 5, 6]);
    }
}
