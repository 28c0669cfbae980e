//! Kernels against formulas by hand, and whole chains against the distributions that enumeration says they have.

mod biased;

use std::collections::BTreeMap;

use super::{Draws, Kernel, Moment, Noise, sigma};
use crate::diffusion::canvas::Canvas;
use crate::diffusion::rng::{Draw, DrawKey, Purpose, Seeded};
use crate::diffusion::run::Run;
use crate::diffusion::spec::{Overrides, parse_spec};
use crate::diffusion::vocabulary::Vocabulary;
use crate::diffusion::{Logits, TokenId};

const P: [f64; 3] = [0.5, 0.2, 0.3];

fn moment(t: f64, s: f64, now: TokenId) -> Moment {
    Moment { t, s, noisy_t: t, noisy_s: s, now, mask: 3, removal: false }
}

fn normalised(weights: &[f64]) -> Vec<f64> {
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

#[track_caller]
fn close(found: &[f64], expected: &[f64]) {
    let distance = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(found.len() == expected.len() && distance < 1e-9, "{found:?} is not {expected:?}");
}

#[test]
fn the_absorbing_posterior_is_mdlms() {
    let q = Kernel::Posterior.weights(Noise::Absorbing, &[0.5, 0.2, 0.3, 0.0], &moment(0.8, 0.6, 3));
    close(&normalised(&q), &[0.125, 0.05, 0.075, 0.75]);
    let q = Kernel::Posterior.weights(Noise::Absorbing, &[0.5, 0.2, 0.3, 0.0], &moment(0.8, 0.6, 1));
    close(&normalised(&q), &[0.0, 1.0, 0.0, 0.0]);
    let removal = Moment { removal: true, ..moment(0.1, 0.0, 3) };
    close(&normalised(&Kernel::Posterior.weights(Noise::Absorbing, &[0.5, 0.2, 0.3], &removal)), &[0.5, 0.2, 0.3, 0.0]);
}

/// `q(x_s | x_t)` with `x0 ~ p` put in, by Bayes' rule over all states.
fn bayes(alpha: [f64; 2], level: [&[f64]; 2], p: &[f64], now: usize) -> Vec<f64> {
    let kept = alpha[0] / alpha[1];
    let arrived = |to: usize| level[0][to] - kept * level[1][to];
    let weight = |z: usize| {
        let before = alpha[1] * p[z] + level[1][z];
        before * (if z == now { kept } else { 0.0 } + arrived(now))
    };
    normalised(&(0..p.len()).map(weight).collect::<Vec<_>>())
}

#[test]
fn the_uniform_posterior_is_bayes_rule() {
    let (t, s) = (0.8, 0.6);
    let level = |noisy: f64| [noisy / 3.0; 3];
    for now in 0..3 {
        let q = Kernel::Posterior.weights(Noise::Uniform, &P, &Moment { mask: 9, ..moment(t, s, now) });
        close(&normalised(&q), &bayes([1.0 - t, 1.0 - s], [&level(t), &level(s)], &P, now as usize));
        // UDLM's own way of writing it.
        let (at, as_, v, ats) = (1.0 - t, 1.0 - s, 3.0, (1.0 - t) / (1.0 - s));
        let own = P[now as usize];
        let udlm = |z: usize| {
            let here = f64::from(u8::from(z == now as usize));
            let up = at * v * P[z] * here + (ats - at) * here + (as_ - at) * P[z] + (1.0 - ats) * (1.0 - as_) / v;
            up / (at * v * own + 1.0 - at)
        };
        close(&normalised(&q), &(0..3).map(udlm).collect::<Vec<_>>());
    }
}

#[test]
fn the_hybrid_posterior_is_bayes_rule_over_tokens_and_mask() {
    let (t, s, p_uniform) = (0.7, 0.5, 0.2);
    let b = 2.0 * p_uniform / (1.0 - p_uniform);
    let share = |time: f64| {
        let c = b * (time * (1.0 - time)).sqrt();
        // GIDD's `unif = (1 - mask) / (V - 1)`: random tokens are never the mask.
        let level: Vec<f64> = (0..4).map(|z| if z == 3 { time } else { c / 3.0 } / (1.0 + c)).collect();
        ((1.0 - time) / (1.0 + c), level)
    };
    let (p, (at, lt), (as_, ls)) = ([0.5, 0.2, 0.3, 0.0], share(t), share(s));
    assert!((at + lt.iter().sum::<f64>() - 1.0).abs() < 1e-12, "the mixture is a distribution");
    for now in 0..4 {
        let q = Kernel::Posterior.weights(Noise::Hybrid { p_uniform }, &p, &moment(t, s, now));
        close(&normalised(&q), &bayes([at, as_], [&lt, &ls], &p, now as usize));
    }
    let still = Kernel::Posterior.weights(Noise::Hybrid { p_uniform }, &p, &moment(1e-4, 1e-4, 2));
    close(&normalised(&still), &[0.0, 0.0, 1.0, 0.0]);
}

/// The scores of a position with clean distribution `p`, masked at `t`: `p e^-sigma / (1 - e^-sigma)`, and 1 in place.
fn scores(t: f64) -> Vec<f64> {
    let stay = (-sigma(t)).exp();
    P.iter().map(|p| p * stay / (1.0 - stay)).chain([1.0]).collect()
}

#[test]
fn sedds_analytic_step_on_absorbing_noise_is_the_ancestral_one() {
    let (t, s) = (0.8, 0.6);
    let scored = Noise::Score { absorbing: true };
    let q = normalised(&Kernel::Posterior.weights(scored, &scores(t), &moment(t, s, 3)));
    let absorbing = Moment { noisy_t: 0.999 * t, noisy_s: 0.999 * s, ..moment(t, s, 3) };
    close(&q, &normalised(&Kernel::Posterior.weights(Noise::Absorbing, &[0.5, 0.2, 0.3, 0.0], &absorbing)));
    let removal = Moment { removal: true, ..moment(1e-5, 0.0, 3) };
    close(&normalised(&Kernel::Posterior.weights(scored, &scores(1e-5), &removal)), &[0.5, 0.2, 0.3, 0.0]);
    // What is not masked stays.
    let kept = Kernel::Posterior.weights(scored, &[0.1, 1.0, 0.2, 0.3], &moment(t, s, 1));
    close(&normalised(&kept), &[0.0, 1.0, 0.0, 0.0]);
}

#[test]
fn sedds_euler_step_is_one_straight_piece_along_the_rates() {
    let (t, dt) = (0.5, 0.01);
    let scored = Noise::Score { absorbing: true };
    let q = Kernel::Euler.weights(scored, &scores(t), &moment(t, t - dt, 3));
    // dt sigma' e^-sigma / (1 - e^-sigma) is dt / t for log-linear noise.
    close(&q, &[0.5 * dt / t, 0.2 * dt / t, 0.3 * dt / t, 1.0 - dt / t]);
    let uniform = Kernel::Euler.weights(
        Noise::Score { absorbing: false },
        &[2.0, 1.0, 0.5],
        &Moment { mask: 9, ..moment(t, t - dt, 1) },
    );
    let rate = dt * 0.999 / (1.0 - 0.999 * t) / 3.0;
    close(&uniform, &[2.0 * rate, 1.0 - 2.5 * rate, 0.5 * rate]);
}

#[test]
fn sedds_analytic_step_on_uniform_noise_is_bayes_rule() {
    // One position, p the clean distribution: p_t = a p + (1 - a) / 3, score(y) = p_t(y) / p_t(x).
    let (t, s) = (0.8, 0.6);
    let alpha = |time: f64| (-sigma(time)).exp();
    let at = |time: f64| P.map(|p| alpha(time) * p + (1.0 - alpha(time)) / 3.0);
    for now in 0..3_usize {
        let score: Vec<f64> = at(t).iter().map(|p| p / at(t)[now]).collect();
        let q = Kernel::Posterior.weights(
            Noise::Score { absorbing: false },
            &score,
            &Moment { mask: 9, ..moment(t, s, now as TokenId) },
        );
        let kept = alpha(t) / alpha(s);
        let arrive = |z: usize| if z == now { kept } else { 0.0 } + (1.0 - kept) / 3.0;
        let expected: Vec<f64> = (0..3).map(|z| at(s)[z] * arrive(z) / at(t)[now]).collect();
        close(&q, &expected);
    }
}

#[test]
fn both_ways_to_draw_have_the_law_of_the_weights() {
    for draws in [Draws::Inverse, Draws::Categorical] {
        let mut counts = [0.0; 4];
        for step in 0..4000 {
            counts[draws.draw(&[5.0, 2.0, 0.0, 3.0], step, 7, &Seeded(5)).unwrap() as usize] += 1.0;
        }
        let expected = [0.5, 0.2, 0.3];
        // The 0.999 quantile for 2 degrees of freedom.
        assert!(chi_squared(&[counts[0], counts[1], counts[3]], &expected) < 13.82, "{draws:?} {counts:?}");
        assert_eq!((counts[2], draws.draw(&[0.0; 4], 0, 0, &Seeded(5))), (0.0, None));
    }
}

#[test]
fn recorded_numbers_are_consumed_token_by_token() {
    struct Recorded([f64; 3]);
    impl Draw for Recorded {
        fn uniform(&self, key: DrawKey) -> f64 {
            if let Purpose::Entry(token) = key.purpose { self.0[token as usize] } else { 0.0 }
        }
    }
    // weight / -ln(u): 0.5 / 0.693, 0.2 / 0.105, 0.3 / 0.223.
    assert_eq!(Draws::Categorical.draw(&P, 0, 0, &Recorded([0.5, 0.9, 0.8])), Some(1));
    assert_eq!(Draws::Inverse.draw(&P, 0, 0, &Recorded([0.5, 0.9, 0.8])), Some(0));
}

fn chi_squared(counts: &[f64], probabilities: &[f64]) -> f64 {
    let total: f64 = counts.iter().sum();
    counts.iter().zip(probabilities).map(|(n, p)| (n - total * p).powi(2) / (total * p)).sum()
}

// Whole chains on three tokens and two positions. The toy network knows the exact conditionals of this joint.

const JOINT: [[f64; 3]; 2] = [[0.30, 0.05, 0.05], [0.02, 0.20, 0.38]];

/// How often each pair was the result, over so many seeds, of a network that says `row` of a position.
fn pairs(spec: &str, noise: Noise, seeds: u64, row: impl Fn(&[TokenId], usize, Option<f64>) -> Vec<f64>) -> [f64; 9] {
    let vocabulary = Vocabulary::new(4, 3, None, []).unwrap();
    let sampler = parse_spec(spec, &Overrides::default()).unwrap();
    let mut counts = BTreeMap::new();
    for seed in 0..seeds {
        let canvas = Canvas::from_ids(&[3, 3], 3);
        let mut run = Run::new(canvas, sampler.clone(), &vocabulary, 0, Seeded(seed)).with_noise(noise);
        while !run.is_done() {
            let rows = run.rows_needed();
            let pass = run.pass(&rows);
            let data = rows.iter().flat_map(|&position| row(pass.ids, position, pass.time));
            let logits = Logits::new(rows.clone(), 4, data.map(|p| p.ln() as f32).collect()).unwrap();
            run.advance(&logits).unwrap();
        }
        let ids = run.canvas().ids();
        *counts.entry((ids[0], ids[1])).or_insert(0.0) += 1.0;
    }
    let cells = (0..3).flat_map(|a| (0..3).map(move |b| (a, b)));
    cells.map(|cell| counts.get(&cell).copied().unwrap_or_default()).collect::<Vec<_>>().try_into().unwrap()
}

/// The third row of the joint is what is left to 1 of none: rows 0 and 1 of the first position only.
fn joint(a: usize, b: usize) -> f64 {
    JOINT.get(a).map_or(0.0, |row| row[b])
}

/// The exact conditional of a position given what is known of the other; `likelihood(id, x)` is how likely the other shows
/// `id` where it is `x`.
fn conditional(ids: &[TokenId], position: usize, likelihood: impl Fn(TokenId, usize) -> f64) -> Vec<f64> {
    let other = ids[1 - position];
    let weight = |x: usize| -> f64 {
        let joint = |y: usize| if position == 0 { joint(x, y) } else { joint(y, x) };
        (0..3).map(|y| joint(y) * likelihood(other, y)).sum()
    };
    normalised(&(0..3).map(weight).chain([0.0]).collect::<Vec<_>>())
}

#[track_caller]
fn has_the_joint(counts: &[f64; 9]) {
    has_the_law(counts, &std::array::from_fn(|cell| joint(cell / 3, cell % 3)));
}

#[track_caller]
fn has_the_law(counts: &[f64; 9], law: &[f64; 9]) {
    assert_eq!(counts[6..], [0.0; 3], "what cannot be is not drawn");
    // The 0.999 quantile for 5 degrees of freedom.
    let chi = chi_squared(&counts[..6], &law[..6]);
    assert!(chi < 20.52, "{chi}: {counts:?} is not {law:?}");
}

fn known(id: TokenId, x: usize) -> f64 {
    f64::from(u8::from(id == 3 || id as usize == x))
}

#[test]
fn absorbing_chains_of_many_steps_sample_the_joint_distribution() {
    // Two positions unmasked in one step of 80 are drawn apart: an error of at most 1/80, below what 1500 runs see.
    let specs = ["mdlm", "md4-cosine", "sedd", "psi", "fhs"].map(|name| format!("{name}:steps=80"));
    for spec in specs.iter().map(String::as_str).chain(["ar-diffusion:steps=160"]) {
        has_the_joint(&pairs(spec, Noise::Absorbing, 1500, |ids, position, _| conditional(ids, position, known)));
    }
}

#[test]
fn remasking_keeps_the_distribution() {
    for name in ["remdm-cap", "remdm-rescale", "remdm-loop"] {
        let spec = format!("{name}:steps=80,top-p=1");
        has_the_joint(&pairs(&spec, Noise::Absorbing, 1500, |ids, position, _| conditional(ids, position, known)));
    }
}

#[test]
fn score_chains_sample_the_joint_distribution() {
    for spec in ["sedd:steps=80", "sedd-euler:steps=80"] {
        let counts = pairs(spec, Noise::Score { absorbing: true }, 1500, |ids, position, time| {
            let stay = (-time.unwrap()).exp();
            let mut row = conditional(ids, position, known);
            for p in &mut row {
                *p *= stay / (1.0 - stay);
            }
            row[ids[position] as usize] = 1.0;
            row
        });
        has_the_joint(&counts);
    }
}

/// What a network of uniform noise would say: the clean token given both noisy ones.
fn denoised(ids: &[TokenId], position: usize, alpha: f64) -> Vec<f64> {
    let shows = |id: TokenId, x: usize| (1.0 - alpha) / 3.0 + if id as usize == x { alpha } else { 0.0 };
    let row = conditional(ids, position, shows);
    let seen = |x: usize| row[x] * shows(ids[position], x);
    normalised(&(0..3).map(seen).chain([0.0]).collect::<Vec<_>>())
}

/// The time that a network of uniform noise is told of, as the share that is clean: sigma = -ln(1 - 0.999 t).
fn clean_share(sigma: f64) -> f64 {
    (1.0 - (1.0 - (-sigma).exp()) / 0.999).max(1e-6)
}

/// How likely a position that is clean shows each token at time `t` of GIDD's noise.
fn hybrid(t: f64, p_uniform: f64) -> impl Fn(TokenId, usize) -> f64 {
    let c = 2.0 * p_uniform / (1.0 - p_uniform) * (t * (1.0 - t)).sqrt();
    let clean = move |id: TokenId, x: usize| if id as usize == x { (1.0 - t) / (1.0 + c) } else { 0.0 };
    move |id, x| if id == 3 { t / (1.0 + c) } else { clean(id, x) + c / (1.0 + c) / 3.0 }
}

#[test]
fn three_routes_through_uniform_noise_sample_the_joint_distribution() {
    let row = |ids: &[TokenId], position, time: Option<f64>| denoised(ids, position, clean_share(time.unwrap()));
    has_the_joint(&pairs("uniform:steps=80", Noise::Uniform, 1500, row));
}

/// The posterior with a prediction put in for `x0`, as UDLM and GIDD have it, is Bayes' rule for a network that does not look
/// at the position's own token: `q(z_t | z_s) sum_x p(x | others) q(z_s | x)`. That is what their bound trains a network to
/// say (2605.22765); one that has counted its own token already counts it twice.
#[test]
fn posteriors_put_in_sample_the_joint_distribution_for_a_network_that_leaves_its_own_token_out() {
    let counts = pairs("udlm:steps=80", Noise::Uniform, 1500, |ids, position, time| {
        let alpha = clean_share(time.unwrap());
        conditional(ids, position, |id, x| (1.0 - alpha) / 3.0 + if id as usize == x { alpha } else { 0.0 })
    });
    has_the_joint(&counts);
    let p_uniform = 0.2;
    let counts = pairs("gidd:steps=80", Noise::Hybrid { p_uniform }, 1500, |ids, position, time| {
        conditional(ids, position, hybrid(time.unwrap(), p_uniform))
    });
    has_the_joint(&counts);
}

#[test]
fn a_greedy_tail_takes_the_likeliest_token_whatever_stands_there() {
    let row = |_: &[TokenId], _, time: Option<f64>| {
        if clean_share(time.unwrap()) > 0.99 { vec![0.2, 0.2, 0.6, 0.0] } else { vec![0.4, 0.4, 0.2, 0.0] }
    };
    assert_eq!(pairs("duo:steps=9", Noise::Uniform, 60, row)[8], 60.0);
    assert!(pairs("udlm:steps=9", Noise::Uniform, 60, row)[8] < 30.0);
}
