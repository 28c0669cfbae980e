//! How far a run is and which numbers follow from that: diffusion time, counts to unmask, chances to unmask.
//!
//! A [`Clock`] says which step of how many this is; a [`Schedule`] turns it into time `t` on a grid, and a
//! [`crate::diffusion::rule::Num`] reads both. Unit: steps, and time in \[0, 1\] with 1 all masked. Every plan ends:
//! on its last step all that is masked is committed, whatever the rules say.

use crate::diffusion::expr::Expr;

/// `alpha(t)`, the share of positions that are still clean at time `t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoiseSchedule {
    /// `1 - t`: MDLM (log-linear), LLaDA, Dream.
    Linear,
    /// `1 - cos(pi/2 (1 - t))`: MaskGIT and the cosine grid of MD4.
    Cosine,
    /// `1 - 0.999 t`, so that `sigma = -ln alpha` stays finite: SEDD, and MDLM's sampler without a cache.
    LogLinear,
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
            NoiseSchedule::LogLinear => (1.0 - 1e-3) * t,
        }
    }
}

/// Where on \[0, 1\] the steps of a plan lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grid {
    /// `linspace(1, eps, steps + 1)`: MDLM, SEDD, RADD, Dream.
    Even,
    /// `(1 - 2 eps) k / steps + eps` from `k = steps - 1` down to 0, the last one standing still: GIDD.
    Inner,
    /// From `linspace(1, 0, steps)` down by `1 / steps` each: BD3-LM.
    Closed,
}

/// How many steps a window (the canvas, or one block of it) is planned to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steps {
    /// So many in all, shared equally among the blocks, at least one each.
    Fixed(usize),
    /// As many as there are masks: an upper bound for rules that commit at least one token a step.
    PerMask,
}

/// When a run ends, besides there being no mask left.
#[derive(Debug, Clone, PartialEq)]
pub struct Stop {
    /// A window goes through all its steps, whether anything is masked or not: uniform noise, correctors.
    pub full: bool,
    /// So many more steps in a window after its last mask is gone; fewer if one changes nothing.
    pub post: usize,
    /// Write everything once this holds ([`crate::diffusion::expr`], over all that is editable in the window).
    pub when: Option<Expr>,
    /// Write everything before more passes than these are made.
    pub passes: Option<usize>,
    /// End the steps after the last mask when the share of positions that are as the model would have them has not grown
    /// for so many (GIDD).
    pub patience: Option<usize>,
}

impl Stop {
    /// When nothing is masked any more.
    pub const NO_MASKS: Self = Self { full: false, post: 0, when: None, passes: None, patience: None };
}

/// What turns a clock into numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// How many steps.
    pub steps: Steps,
    /// The curve.
    pub noise: NoiseSchedule,
    /// Where the steps lie.
    pub grid: Grid,
    /// Where the grid of times ends.
    pub eps: f64,
    /// Before each step of time, so many that stand still (`s` is `t`): correctors. The last step of a plan is one of time.
    pub sweeps: usize,
    /// Whether one more step removes what noise is left at the end of the grid.
    pub removal: bool,
}

impl Schedule {
    /// One step per mask, linear.
    pub const PER_MASK: Self = Self {
        steps: Steps::PerMask,
        noise: NoiseSchedule::Linear,
        grid: Grid::Even,
        eps: 1e-3,
        sweeps: 0,
        removal: false,
    };

    /// The steps planned for a window of so many masks, one of `windows`; at least 1.
    pub fn planned(&self, masks: usize, windows: usize) -> usize {
        let steps = match self.steps {
            Steps::Fixed(steps) => (steps / windows.max(1)).max(1),
            Steps::PerMask => masks.max(1),
        };
        steps.saturating_add(usize::from(self.removal))
    }

    /// The times that a step goes from and to, `t > s`, or `t = s` where it stands still.
    pub fn times(&self, clock: &Clock) -> (f64, f64) {
        let steps = clock.window_steps.saturating_sub(usize::from(self.removal)).max(1);
        // Counted from the end, so that the last group of sweeps and a step of time is whole.
        let (group, left) = (self.sweeps + 1, steps.saturating_sub(clock.window_step));
        let points = steps.div_ceil(group);
        let (k, n) = (points - left.div_ceil(group), points as f64);
        let at = |step: usize| match self.grid {
            Grid::Even => 1.0 + (self.eps - 1.0) * step as f64 / n,
            Grid::Inner => (1.0 - 2.0 * self.eps) * points.saturating_sub(step + 1) as f64 / n + self.eps,
            Grid::Closed if points == 1 => 1.0,
            Grid::Closed => 1.0 - step as f64 / (n - 1.0),
        };
        match self.grid {
            _ if left == 0 => (at(points), if self.removal { 0.0 } else { at(points) }),
            _ if !(left - 1).is_multiple_of(group) => (at(k), at(k)),
            Grid::Closed => (at(k), at(k) - 1.0 / n),
            Grid::Even | Grid::Inner => (at(k), at(k + 1)),
        }
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

    /// dllm `get_num_transfer_tokens`: `round(masks (1 - s / t))`, half to even, on the grid from 1 to 0. The share that
    /// stays masked is taken in f32 as the reference writes it, since the product lies on a half now and then.
    pub fn rounded(&self, clock: &Clock, masks: usize) -> usize {
        if clock.is_last() {
            return masks;
        }
        let left = |steps: usize| 1.0 - (1.0 - (steps as f64 / clock.window_steps as f64) as f32);
        let kept = left(clock.steps_left() - 1) / left(clock.steps_left());
        ((masks as f64 * (1.0 - f64::from(kept))).round_ties_even() as usize).min(masks)
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
    /// Steps made in this window since its last mask was gone.
    pub post: usize,
    /// Passes made.
    pub passes: usize,
    /// Masks that rules have put in.
    pub grown: usize,
    /// The caller has decided that this step is the last ([`Stop::when`], [`Stop::passes`]).
    pub ended: bool,
}

impl Clock {
    /// Whether this step is the last one planned for its window.
    pub fn is_last(&self) -> bool {
        self.ended || self.window_step + 1 >= self.window_steps
    }

    /// Steps left in this window, this one included; at least 1.
    pub fn steps_left(&self) -> usize {
        self.window_steps.saturating_sub(self.window_step).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, Grid, NoiseSchedule, Schedule};

    fn schedule(noise: NoiseSchedule, eps: f64) -> Schedule {
        Schedule { noise, eps, ..Schedule::PER_MASK }
    }

    fn counts(masks: usize, steps: usize, count: impl Fn(&Clock, usize) -> usize) -> Vec<usize> {
        let mut left = masks;
        let step = |window_step| {
            let clock =
                Clock { step: window_step, window_step, window_steps: steps, window_size: masks, ..Clock::default() };
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
                let clock = Clock { window_step, window_steps: 10, window_size: 3, ..Clock::default() };
                let (t, s) = schedule.times(&clock);
                let expected = (noise.alpha(s) - noise.alpha(t)) / (1.0 - noise.alpha(t));
                assert!((schedule.unmask_chance(&clock) - expected).abs() < 1e-9);
            }
        }
        let last = Clock { window_step: 9, window_steps: 10, ..Clock::default() };
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
    fn sweeps_stand_still_before_each_step_of_time_and_the_last_step_is_one() {
        let schedule = Schedule { eps: 0.0, sweeps: 2, ..Schedule::PER_MASK };
        let times = |steps| {
            let at = |window_step| schedule.times(&Clock { window_step, window_steps: steps, ..Clock::default() });
            (0..steps).map(|step| [at(step).0, at(step).1]).collect::<Vec<_>>()
        };
        assert_eq!(times(6), [[1.0, 1.0], [1.0, 1.0], [1.0, 0.5], [0.5, 0.5], [0.5, 0.5], [0.5, 0.0]]);
        assert_eq!(times(4), [[1.0, 0.5], [0.5, 0.5], [0.5, 0.5], [0.5, 0.0]]);
        assert_eq!(times(1), [[1.0, 0.0]]);
        let still = Clock { window_step: 4, window_steps: 6, ..Clock::default() };
        assert_eq!(schedule.unmask_chance(&still), 0.0);
    }

    #[test]
    fn grids_are_those_of_the_references() {
        let times = |grid, removal, eps| {
            let schedule = Schedule { grid, eps, removal, ..Schedule::PER_MASK };
            let steps = 4 + usize::from(removal);
            let at = |window_step| schedule.times(&Clock { window_step, window_steps: steps, ..Clock::default() });
            (0..steps).map(|k| [at(k).0, at(k).1].map(|t| (t * 1e4).round() / 1e4)).collect::<Vec<_>>()
        };
        assert_eq!(times(Grid::Even, true, 0.0), [[1.0, 0.75], [0.75, 0.5], [0.5, 0.25], [0.25, 0.0], [0.0, 0.0]]);
        assert_eq!(times(Grid::Inner, false, 0.1), [[0.7, 0.5], [0.5, 0.3], [0.3, 0.1], [0.1, 0.1]]);
        assert_eq!(times(Grid::Closed, false, 0.0), [[1.0, 0.75], [0.6667, 0.4167], [0.3333, 0.0833], [0.0, -0.25]]);
    }
}
