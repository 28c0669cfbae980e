//! The named samplers of the literature, as data: what `lacuna samplers` lists and `--sampler` names.
//!
//! A row says which paper or code it is from, which keys a specification may set, and builds the sampler from
//! [`Knobs`]. Reading a specification is in [`crate::diffusion::spec`]. Unit: none. Limit: absorbing noise only.

use crate::diffusion::propose::{Propose, Scored};
use crate::diffusion::rule::{Act, Num, Over, Pick, Rule, Score};
use crate::diffusion::sampler::{Sampler, Window};
use crate::diffusion::schedule::{NoiseSchedule, Schedule, Steps};

/// A named sampler.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// What it is called in a specification.
    pub name: &'static str,
    /// Where it is from.
    pub source: &'static str,
    /// What it does, one sentence.
    pub doc: &'static str,
    /// What a specification may set, beyond the keys common to all ([`crate::diffusion::spec::COMMON_KEYS`]).
    pub keys: &'static [Key],
    /// The values of the knobs where nothing is said.
    pub defaults: Knobs,
    /// Makes the sampler.
    pub build: fn(&Knobs) -> Sampler,
}

/// A key of a specification that only some presets have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// `block`: positions per block; 0 for no blocks.
    Block,
    /// `eps`: where the grid of times ends.
    Eps,
    /// `threshold`: the probability from which a token is committed.
    Threshold,
    /// `gamma`: the entropy budget of a step, in nats.
    Gamma,
}

/// The numbers that a specification may set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Knobs {
    /// Positions per block; 0 for no blocks.
    pub block: usize,
    /// Steps in all; none for one per mask.
    pub steps: Option<usize>,
    /// Where the grid of times ends.
    pub eps: f64,
    /// From which probability a token is committed.
    pub threshold: f64,
    /// The entropy budget of a step, in nats.
    pub gamma: f64,
    /// 0 takes the most likely token.
    pub temperature: f64,
    /// The nucleus; 1 keeps all.
    pub top_p: f64,
    /// The k most likely; 0 keeps all.
    pub top_k: usize,
}

const KNOBS: Knobs =
    Knobs { block: 0, steps: None, eps: 1e-3, threshold: 0.9, gamma: 0.1, temperature: 0.0, top_p: 1.0, top_k: 0 };
const BLOCKS: Knobs = Knobs { block: 32, ..KNOBS };

/// All presets.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "eb",
        source: "Ben-Hamu et al. 2025, arXiv:2505.24857",
        doc: "Commits the surest positions while their entropies stay within a budget, so easy text takes few passes.",
        keys: &[Key::Gamma, Key::Block],
        defaults: BLOCKS,
        build: |knobs| {
            let pick = Pick::Entropy(Num::Const(knobs.gamma));
            sampler(knobs, Scored::Raw, vec![Rule::commit(Score::NegEntropy, pick).at_least(1)])
        },
    },
    Preset {
        name: "threshold",
        source: "Fast-dLLM, Wu et al. 2025, arXiv:2505.22618",
        doc: "Commits every token that is likely enough, and at least the likeliest one.",
        keys: &[Key::Threshold, Key::Block],
        defaults: BLOCKS,
        build: above_threshold,
    },
    Preset {
        name: "fast-dllm",
        source: "Fast-dLLM, Wu et al. 2025, arXiv:2505.22618",
        doc: "Another name of threshold.",
        keys: &[Key::Threshold, Key::Block],
        defaults: BLOCKS,
        build: above_threshold,
    },
    Preset {
        name: "llada",
        source: "LLaDA generate.py, low_confidence, arXiv:2502.09992",
        doc: "Commits an equal share of the likeliest tokens per step, block by block.",
        keys: &[Key::Block],
        defaults: BLOCKS,
        build: |knobs| sampler(knobs, Scored::Raw, vec![Rule::commit(Score::Probability, Pick::Best(Num::EqualSplit))]),
    },
    Preset {
        name: "dream-entropy",
        source: "Dream generation_utils.py, entropy, arXiv:2508.15487",
        doc: "Commits the positions of least entropy, as many per step as the linear schedule says.",
        keys: &[Key::Eps],
        defaults: KNOBS,
        build: |knobs| dream(knobs, Score::NegEntropy),
    },
    Preset {
        name: "dream-margin",
        source: "Dream generation_utils.py, topk_margin, arXiv:2508.15487",
        doc: "Commits where the best token leads the second by most, as many per step as the linear schedule says.",
        keys: &[Key::Eps],
        defaults: KNOBS,
        build: |knobs| dream(knobs, Score::Margin),
    },
    Preset {
        name: "dream-maskgit",
        source: "Dream generation_utils.py, maskgit_plus, arXiv:2508.15487",
        doc: "Commits the likeliest tokens, as many per step as the linear schedule says.",
        keys: &[Key::Eps],
        defaults: KNOBS,
        build: |knobs| dream(knobs, Score::Probability),
    },
    Preset {
        name: "mdlm",
        source: "MDLM, Sahoo et al. 2024, arXiv:2406.07524; Dream origin with eps=0.001",
        doc: "Ancestral sampling: each masked position is committed by the toss of a coin that follows the schedule.",
        keys: &[Key::Eps],
        defaults: Knobs { eps: 1e-5, temperature: 1.0, ..KNOBS },
        build: |knobs| {
            let rule = Rule::commit(Score::Uniform, Pick::Coin(Num::UnmaskChance));
            sampler(knobs, Scored::Raw, vec![rule])
        },
    },
    Preset {
        name: "fhs",
        source: "First-hitting sampler, Zheng et al. 2024, arXiv:2409.02908",
        doc: "Commits one position per pass in random order: the exact law of ancestral sampling in continuous time.",
        keys: &[],
        defaults: Knobs { temperature: 1.0, ..KNOBS },
        build: |knobs| sampler(knobs, Scored::Raw, vec![Rule::commit(Score::Uniform, Pick::Best(Num::Const(1.0)))]),
    },
    Preset {
        name: "maskgit",
        source: "MaskGIT, Chang et al. 2022, arXiv:2202.04200, without its Gumbel noise",
        doc: "Commits the likeliest tokens, few at first and many at the end, on a cosine schedule.",
        keys: &[],
        defaults: KNOBS,
        build: |knobs| {
            let rule = Rule::commit(Score::Probability, Pick::Best(Num::Reveal)).at_least(1);
            let cosine = sampler(knobs, Scored::Raw, vec![rule]);
            Sampler { schedule: Schedule { noise: NoiseSchedule::Cosine, ..cosine.schedule }, ..cosine }
        },
    },
    Preset {
        name: "p2",
        source: "Path planning, Peng et al. 2025, arXiv:2502.03540, self-planning",
        doc: "Writes everything, then masks again what the model is least sure of, less of it at every step.",
        keys: &[],
        defaults: KNOBS,
        build: |knobs| {
            let pick = Pick::Worst(Num::StillMasked);
            let remask = Rule { over: Over::Both, act: Act::Mask, ..Rule::commit(Score::Probability, pick) };
            sampler(knobs, Scored::Raw, vec![Rule::commit(Score::Probability, Pick::All), remask])
        },
    },
];

/// The preset with this name.
pub fn find(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

fn above_threshold(knobs: &Knobs) -> Sampler {
    let pick = Pick::Above(Num::Const(knobs.threshold));
    sampler(knobs, Scored::Raw, vec![Rule::commit(Score::Probability, pick).at_least(1)])
}

fn dream(knobs: &Knobs, score: Score) -> Sampler {
    sampler(knobs, Scored::Filtered, vec![Rule::commit(score, Pick::Best(Num::Truncated))])
}

fn sampler(knobs: &Knobs, scored: Scored, rules: Vec<Rule>) -> Sampler {
    let Knobs { temperature, top_p, top_k, eps, .. } = *knobs;
    Sampler {
        propose: Propose { temperature, top_p, top_k, scored },
        rules,
        schedule: Schedule {
            steps: knobs.steps.map_or(Steps::PerMask, Steps::Fixed),
            noise: NoiseSchedule::Linear,
            eps,
        },
        window: if knobs.block == 0 { Window::All } else { Window::Blocks(knobs.block) },
    }
}

#[cfg(test)]
mod tests {
    use super::PRESETS;

    #[test]
    fn every_preset_has_its_own_name_a_source_and_one_sentence() {
        for (index, preset) in PRESETS.iter().enumerate() {
            assert!(PRESETS[..index].iter().all(|other| other.name != preset.name), "{} twice", preset.name);
            assert!(!preset.source.is_empty());
            let sentence = preset.doc;
            assert!(sentence.ends_with('.') && sentence.matches(". ").count() == 0, "{sentence}");
        }
    }
}
