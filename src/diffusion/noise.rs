//! Kinds of noise and their reverse kernels: how likely each token is one step earlier, given what the network says now.
//!
//! A [`Kernel`] turns a row of probabilities (or of SEDD's scores) into the distribution of the position's next state, the
//! mask included; a sampler that says `draw posterior` draws from it instead of choosing positions and tokens apart. Formulas
//! are those of the reference code named beside each. Unit: one row, the width of the vocabulary, in f64.
//! Cost: linear in the vocabulary.

use crate::diffusion::rng::{Draw, DrawKey, Purpose};
use crate::diffusion::{Pass, TokenId};

/// What a network was trained to undo.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Noise {
    /// Tokens become the mask: MDLM, LLaDA, Dream, RADD.
    #[default]
    Absorbing,
    /// Tokens become any other: D3PM uniform, UDLM, Duo, DiffusionGemma.
    Uniform,
    /// Both: GIDD. `p_uniform` is the largest share of random tokens.
    Hybrid {
        /// As in the model's configuration.
        p_uniform: f64,
    },
    /// The rows are logarithms of SEDD's scores `p(y) / p(x)`, over absorbing or uniform noise.
    Score {
        /// Whether tokens become the mask; else any other.
        absorbing: bool,
    },
}

impl Noise {
    /// What the network is told of the time, if anything: sigma for scores and for uniform noise, `t` for hybrid noise.
    pub fn time(self, t: f64) -> Option<f64> {
        match self {
            Noise::Absorbing => None,
            Noise::Hybrid { .. } => Some(t),
            Noise::Uniform | Noise::Score { .. } => Some(sigma(t)),
        }
    }

    /// An exact pass over a canvas whose noise is that of time `t` in \[0, 1\].
    pub fn pass<'a>(self, t: f64, ids: &'a [TokenId], rows: &'a [usize]) -> Pass<'a> {
        Pass { time: self.time(t), ..Pass::new(ids, rows) }
    }

    /// Whether noise is random tokens from the start, not masks.
    pub fn starts_random(self) -> bool {
        matches!(self, Noise::Uniform | Noise::Score { absorbing: false })
    }
}

/// `sigma(t) = -ln(1 - 0.999 t)`: SEDD's and MDLM's log-linear noise.
pub fn sigma(t: f64) -> f64 {
    -(-(1.0 - 1e-3) * t).ln_1p()
}

/// `d sigma / dt` of [`sigma`].
fn sigma_rate(t: f64) -> f64 {
    (1.0 - 1e-3) / (1.0 - (1.0 - 1e-3) * t)
}

/// How a step back is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// The posterior `q(x_s | x_t, x0 = p)`; for scores the analytic step (Tweedie).
    Posterior,
    /// `x0` itself, with no noise left: first hitting, where positions are chosen apart.
    Clean,
    /// One step along the reverse rates: SEDD's Euler predictor. The posterior where the network gives no scores.
    Euler,
}

/// What a kernel reads besides the row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// The time now.
    pub t: f64,
    /// The time after the step, below `t`.
    pub s: f64,
    /// The share that is noise at `t`.
    pub noisy_t: f64,
    /// The share that is noise at `s`.
    pub noisy_s: f64,
    /// The token now.
    pub now: TokenId,
    /// The mask.
    pub mask: TokenId,
    /// The last step: what is left of the noise goes.
    pub removal: bool,
}

impl Kernel {
    /// Weights of the next state, not normalised, one for each token and, where it lies outside of the row, the mask.
    ///
    /// `row` holds probabilities of the clean token, or for [`Noise::Score`] the scores (not their logarithms).
    pub fn weights(self, noise: Noise, row: &[f64], moment: &Moment) -> Vec<f64> {
        // Noise that never masks knows no mask, whether the row has a place for it or not.
        let mask = moment.mask as usize;
        if self == Kernel::Clean {
            return row.iter().enumerate().map(|(id, p)| if id == mask { 0.0 } else { *p }).collect();
        }
        let width = if noise.starts_random() { row.len() } else { row.len().max(mask + 1) };
        let mut q = row.to_vec();
        q.resize(width.max(moment.now as usize + 1), 0.0);
        if let Some(weight) = q.get_mut(mask).filter(|_| noise.starts_random()) {
            *weight = 0.0;
        }
        // The mask is none of the tokens that uniform noise is spread over, in GIDD's mixture neither.
        let spread = noise.starts_random() || matches!(noise, Noise::Hybrid { .. });
        let tokens = (q.len() - usize::from(spread && mask < q.len())).max(1) as f64;
        match noise {
            Noise::Absorbing => absorbing(&mut q, moment),
            Noise::Uniform => plug_in(&mut q, moment, &Mixture::uniform(moment), tokens),
            Noise::Hybrid { p_uniform } => plug_in(&mut q, moment, &Mixture::hybrid(p_uniform, moment), tokens),
            Noise::Score { absorbing } if self == Kernel::Euler && !moment.removal => {
                euler(&mut q, moment, absorbing, tokens);
            }
            Noise::Score { absorbing } => analytic(&mut q, moment, absorbing, tokens),
        }
        let never = moment.removal || noise.starts_random();
        if let Some(weight) = q.get_mut(mask).filter(|_| never) {
            *weight = 0.0;
        }
        // Rounding may leave a weight below 0, and f64 has no more to say about it than that it is 0.
        for weight in &mut q {
            *weight = if *weight > 0.0 { *weight } else { 0.0 };
        }
        q
    }
}

/// MDLM `_ddpm_update`: `q = p (noisy_t - noisy_s)`, `q[mask] = noisy_s`; what is not masked stays.
fn absorbing(q: &mut [f64], moment: &Moment) {
    if moment.now != moment.mask {
        q.fill(0.0);
        q[moment.now as usize] = 1.0;
        return;
    }
    let moved = if moment.removal { 1.0 } else { moment.noisy_t - moment.noisy_s };
    for p in q.iter_mut() {
        *p *= moved;
    }
    q[moment.mask as usize] = moment.noisy_s;
}

/// Noise that leaves a share `alpha` and spreads the rest as `uniform` over all tokens and `mask` on the mask.
struct Mixture {
    alpha: [f64; 2],
    uniform: [f64; 2],
    mask: [f64; 2],
}

impl Mixture {
    /// UDLM, Duo: all noise is uniform.
    fn uniform(moment: &Moment) -> Self {
        let noisy = [moment.noisy_t, moment.noisy_s];
        Self { alpha: noisy.map(|noisy| 1.0 - noisy), uniform: noisy, mask: [0.0; 2] }
    }

    /// GIDD: `alpha = (1 - t) / C`, the mask `t / C`, uniform `c / C`, with `c = B sqrt(t (1 - t))`, `C = 1 + c` and
    /// `B = 2 p_u / (1 - p_u)`.
    fn hybrid(p_uniform: f64, moment: &Moment) -> Self {
        let b = 2.0 * p_uniform / (1.0 - p_uniform);
        let times = [moment.t, moment.s];
        let c = times.map(|t| b * (t * (1.0 - t)).max(0.0).sqrt());
        let of =
            |share: fn(f64, f64) -> f64| [share(times[0], c[0]) / (1.0 + c[0]), share(times[1], c[1]) / (1.0 + c[1])];
        Self { alpha: of(|t, _| 1.0 - t), uniform: of(|_, c| c), mask: of(|t, _| t) }
    }
}

/// `q(z_s | z_t) = q(z_t | z_s) q_s(z_s) / q_t(z_t)` with the prediction put in for `x0` (UDLM, GIDD `sampling.py`), which is
/// exact for a network that predicts from the other positions alone, as their training bound has it: the
/// denominator is the same for all `z_s` and falls away.
fn plug_in(q: &mut [f64], moment: &Moment, mixture: &Mixture, vocab: f64) {
    let (now, mask) = (moment.now as usize, moment.mask as usize);
    let level = |at: usize, id: usize| if id == mask { mixture.mask[at] } else { mixture.uniform[at] / vocab };
    let kept = if mixture.alpha[1] > 0.0 { mixture.alpha[0] / mixture.alpha[1] } else { 0.0 };
    // The chance that noise between s and t turned another token into the one in place.
    let arrived = (level(0, now) - kept * level(1, now)).max(0.0);
    for (id, p) in q.iter_mut().enumerate() {
        let before = mixture.alpha[1] * *p + level(1, id);
        *p = before * (arrived + if id == now { kept } else { 0.0 });
    }
}

/// SEDD's analytic predictor and, on removal, its denoiser: staggered score times transposed transition.
fn analytic(q: &mut [f64], moment: &Moment, absorbing: bool, vocab: f64) {
    let step = if moment.removal { sigma(moment.t) } else { sigma(moment.t) - sigma(moment.s) };
    let (grow, stay, now, mask) = (step.exp(), (-step).exp(), moment.now as usize, moment.mask as usize);
    let sum: f64 = q.iter().sum();
    for (id, score) in q.iter_mut().enumerate() {
        let (staggered, transition) = if absorbing {
            let extra = if id == mask { (1.0 - grow) * sum } else { 0.0 };
            let arrived = if now == mask { 1.0 - stay } else { 0.0 };
            (*score * grow + extra, arrived + if id == now { stay } else { 0.0 })
        } else {
            let arrived = (1.0 - stay) / vocab;
            ((stay - 1.0) / (vocab * stay) * sum + *score * grow, arrived + if id == now { stay } else { 0.0 })
        };
        *score = staggered * transition;
    }
}

/// SEDD's Euler predictor: `1[now] + dt sigma'(t) Q(score)`.
fn euler(q: &mut [f64], moment: &Moment, absorbing: bool, vocab: f64) {
    let rate = (moment.t - moment.s) * sigma_rate(moment.t);
    let now = moment.now as usize;
    let arriving = match absorbing {
        true if moment.now == moment.mask => 1.0,
        true => 0.0,
        false => 1.0 / vocab,
    };
    let mut leaving = 0.0;
    for (_, score) in q.iter_mut().enumerate().filter(|(id, _)| *id != now) {
        *score *= rate * arriving;
        leaving += *score;
    }
    q[now] = 1.0 - leaving;
}

/// How a category is drawn from weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Draws {
    /// One uniform number and the cumulative sum: exact, and one draw a position.
    #[default]
    Inverse,
    /// One uniform number for each token, and the largest `weight / (1e-10 - ln(u + 1e-10))`: how MDLM, SEDD, RADD and
    /// BD3-LM draw, so that their recorded numbers can be replayed. The same law but for the 1e-10.
    Categorical,
}

impl Draws {
    /// The category drawn at a position in a step; none if all weights are 0.
    pub fn draw(self, weights: &[f64], step: usize, position: usize, draws: &impl Draw) -> Option<TokenId> {
        match self {
            Draws::Inverse => {
                let key = DrawKey { purpose: Purpose::Token, step, position, index: 0 };
                inverse(weights, draws.uniform(key))
            }
            Draws::Categorical => {
                let noisy = |(id, &weight): (usize, &f64)| {
                    let purpose = Purpose::Entry(id as u32);
                    let uniform = draws.uniform(DrawKey { purpose, step, position, index: 0 });
                    (id, weight / (1e-10 - (uniform + 1e-10).ln()))
                };
                let candidates = weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0).map(noisy);
                // The first of equals, as torch's argmax on the CPU.
                candidates.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(id, _)| id as TokenId)
            }
        }
    }
}

/// The category whose stretch of the cumulative sum holds `uniform`.
pub(crate) fn inverse(weights: &[f64], uniform: f64) -> Option<TokenId> {
    let mut left = uniform * weights.iter().sum::<f64>();
    let mut last = None;
    for (id, &weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
        last = Some(id as TokenId);
        left -= weight;
        if left < 0.0 {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests;
