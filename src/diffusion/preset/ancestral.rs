//! Samplers that follow the reverse process of the noise itself: D3PM, MDLM, SEDD, GIDD, uniform diffusion.

use super::{Alias, Key, Preset, ROW, alias, between, positive, share, whole};

const EPS: Key = between("eps", 1e-5);

pub(super) const PRESETS: &[Preset] = &[
    Preset {
        name: "mdlm",
        aliases: &[
            alias("d3pm"),
            alias("md4"),
            alias("radd"),
            alias("sedd-tweedie"),
            Alias { name: "dream-origin", keys: "eps=0.001" },
        ],
        source: "MDLM, arXiv:2406.07524; D3PM absorbing, arXiv:2107.03006; MD4, arXiv:2406.04329; RADD, arXiv:2406.03736",
        doc: "Ancestral sampling: each masked position is committed by the toss of a coin that follows the schedule.",
        keys: &[EPS],
        notation: "time linear(eps); temperature 1; masked coin(unmask) write",
        ..ROW
    },
    Preset {
        name: "md4-cosine",
        source: "MD4, Shi et al. 2024, arXiv:2406.04329",
        doc: "Ancestral sampling on a cosine schedule, which commits few tokens at first.",
        keys: &[EPS],
        notation: "time cosine(eps); temperature 1; masked coin(unmask) write",
        ..ROW
    },
    Preset {
        name: "fhs",
        source: "First-hitting sampler, Zheng et al. 2024, arXiv:2409.02908",
        doc: "Commits one position per pass in random order: the exact law of ancestral sampling in continuous time.",
        notation: "temperature 1; masked uniform best(1) write",
        ..ROW
    },
    Preset {
        name: "sedd",
        aliases: &[alias("sedd-analytic")],
        twins: &["sedd-euler"],
        source: "SEDD, Lou et al. 2024, arXiv:2310.16834, analytic predictor and denoiser",
        doc: "Draws every position's next state from the reverse kernel of the network's own noise.",
        keys: &[EPS],
        notation: "time loglinear(eps); temperature 1; draw posterior; stop full; both all write",
    },
    Preset {
        name: "sedd-euler",
        twins: &["sedd"],
        source: "SEDD, Lou et al. 2024, arXiv:2310.16834, Euler predictor and denoiser",
        doc: "Moves every position along the reverse rates of the network's scores, one straight piece per step.",
        keys: &[EPS],
        notation: "time loglinear(eps); temperature 1; draw euler; stop full; both all write",
        ..ROW
    },
    Preset {
        name: "gidd",
        source: "GIDD, von Ruette et al. 2025, arXiv:2503.04482, sampling.py",
        doc: "Draws every position's next state from the posterior of mixed noise, so that committed tokens change too.",
        keys: &[between("eps", 1e-4)],
        notation: "time linear(eps) inner; temperature 1; draw posterior; stop full; both all write",
        ..ROW
    },
    Preset {
        name: "udlm",
        source: "UDLM, arXiv:2412.10193",
        doc: "Uniform noise: from random tokens, every position's next state is drawn from the posterior.",
        keys: &[EPS],
        notation: "time linear(eps); temperature 1; start noise; draw posterior; stop full; both all write",
        ..ROW
    },
    Preset {
        name: "duo",
        source: "Duo, arXiv:2506.10892, s-sahoo/duo noise_removal greedy",
        doc: "As udlm, and what noise is left in the end gives way to the likeliest tokens.",
        keys: &[EPS],
        notation: "time linear(eps); temperature 1; start noise; draw posterior greedy; stop full; both all write",
        ..ROW
    },
    Preset {
        name: "uniform",
        aliases: &[alias("d3pm-uniform"), alias("ddim")],
        source: "D3PM uniform, arXiv:2107.03006; diffusers DiscreteDDIMScheduler",
        doc: "Uniform noise by three routes: each position takes the guess, stays, or becomes another random token.",
        keys: &[EPS],
        notation: "time linear(eps); temperature 1; start noise; stop full; a = alpha_t / alpha_s
            clean = alpha_s * (1 - a) / vocab + a * alpha_s * (1 - differs)
            both coin(clean / (clean + (1 - alpha_s) / vocab)) write
            both where(not taken) coin(1 - a) noise",
        ..ROW
    },
    Preset {
        name: "loo-gibbs",
        source: "Leave-one-out Gibbs corrector for uniform diffusion, arXiv:2605.22765; diffusers DiscreteDDIMScheduler, \
                 step_correct, lowest_log_margin",
        doc: "Uniform noise by three routes, and between the steps the least certain tokens are drawn anew as if they had \
              not been seen.",
        keys: &[EPS, whole("k", 1.0, 1), positive("tau", 1.0)],
        notation: "time linear(eps) sweeps(2); temperature 1; start noise; stop full; loo when(t == s)
            a = alpha_t / alpha_s; clean = alpha_s * (1 - a) / vocab + a * alpha_s * (1 - differs)
            both when(s < t) coin(clean / (clean + (1 - alpha_s) / vocab)) write
            both when(s < t) where(not taken) coin(1 - a) noise
            spread = (1 - alpha_s) / vocab; lead = (alpha_s * current + spread) / (alpha_s * rival + spread)
            both when(t == s and t < 1) ln(lead) - tau * gumbel worst(k) write
            both when(t == s and t < 1) where(taken) coin(1 - alpha_s) noise",
        ..ROW
    },
    Preset {
        name: "diffusion-gemma",
        aliases: &[alias("entropy-bound")],
        source: "DiffusionGemma, diffusers EntropyBoundScheduler, without self-conditioning",
        doc: "Uniform noise: keeps the surest tokens within an entropy budget and makes all others random again.",
        keys: &[positive("gamma", 0.1), positive("hot", 0.8), positive("cold", 0.4), share("sure", 0.005)],
        notation: "window blocks(256); temperature hot - (hot - cold) * r; start noise
            stop full when(stable >= 1 and mean(entropy) < sure)
            both -entropy entropy(gamma) min=1 write; both where(not taken) all noise",
        ..ROW
    },
];
