//! Samplers whose order comes from places and words: waves from the left, keywords first, levels of their own.

use super::{Key, Preset, ROW, alias, between, positive};

const EPS: Key = between("eps", 1e-5);

pub(super) const PRESETS: &[Preset] = &[
    Preset {
        name: "left-to-right",
        aliases: &[alias("ar")],
        source: "The order of autoregressive models, as in AR-Diffusion's limit",
        doc: "Commits one position per pass, the leftmost of each block.",
        notation: "masked -pos - hole * 1000000 best(1) write",
        ..ROW
    },
    Preset {
        name: "ar-diffusion",
        source: "AR-Diffusion, Wu et al. 2023, arXiv:2305.09515, on masks; the default of width is ours",
        doc: "Ancestral sampling as a wave: positions on the left leave the noise earlier than those on the right.",
        keys: &[EPS, positive("width", 2.0)],
        notation: "time linear(eps); temperature 1; late = 1 - pos / size
            now = clamp(t * (1 + width) - width * late, 0, 1); then = clamp(s * (1 + width) - width * late, 0, 1)
            masked coin(1 - then / now) write; masked where(now <= 0) all write",
        ..ROW
    },
    Preset {
        name: "infodiffusion",
        aliases: &[alias("keyword-first")],
        source: "InfoDiffusion, Wang et al. 2023, arXiv:2310.11976",
        doc: "Commits the words that carry most information first: rare ones that the model is sure of.",
        notation: "masked -conf * ln(freq) best(equal) write",
        ..ROW
    },
    Preset {
        name: "diffusionbert",
        aliases: &[alias("frequent-first")],
        source: "DiffusionBERT, He et al. 2022, arXiv:2211.15029, spindle schedule",
        doc: "Ancestral sampling on a spindle: frequent tokens leave the noise before rare ones.",
        keys: &[EPS, positive("lambda", 0.3)],
        notation: "time linear(eps); temperature 1; rare = 1 - mean(-ln(freq)) / -ln(freq)
            now = clamp(1 - t - lambda * sin(pi * t) * rare, 0, 1)
            then = clamp(1 - s - lambda * sin(pi * s) * rare, 0, 1)
            masked coin((then - now) / (1 - now)) write",
        ..ROW
    },
    Preset {
        name: "diffusion-forcing",
        source: "Diffusion Forcing, Chen et al. 2024, arXiv:2407.01392, its pyramid over holes; the default of width is ours",
        doc: "Ancestral sampling with a noise level of its own for each hole: earlier holes are clean sooner.",
        keys: &[EPS, positive("width", 1.0)],
        notation: "time linear(eps); temperature 1; late = 1 - hole / max(holes - 1, 1)
            now = clamp(t * (1 + width) - width * late, 0, 1); then = clamp(s * (1 + width) - width * late, 0, 1)
            masked coin(1 - then / now) write; masked where(now <= 0) all write",
        ..ROW
    },
    Preset {
        name: "mgdm",
        source: "MGDM, Ye et al. 2024, arXiv:2410.14157, its weight of difficult tokens, made an order by us",
        doc: "Ancestral sampling in which hard positions wait: the chance falls with the difficulty of the guess.",
        keys: &[EPS, positive("beta", 1.0)],
        notation: "time linear(eps); temperature 1; ease = 1 - (1 - conf) ^ beta
            masked coin(unmask * ease / max(mean(ease), 0.000001)) min=if(left <= m, 1, 0) write",
        ..ROW
    },
    Preset {
        name: "pc-sampler",
        aliases: &[alias("uncode")],
        source: "PC-Sampler, UNCODE, arXiv:2508.13021, NEUIR/PC-Sampler generate.py; frequencies are those of the text around",
        doc: "Commits likely tokens from the left, with what frequent tokens owe to their frequency taken off.",
        keys: &[positive("lambda", 0.25), positive("alpha", 10.0)],
        notation: "masked exp(-lambda * pos) * min(-conf * ln(freq), alpha) best(equal) write",
        ..ROW
    },
    Preset {
        name: "certainty",
        aliases: &[alias("d2cache-order")],
        source: "d2Cache's certainty prior, arXiv:2509.23094",
        doc: "Commits likely tokens that have known ones around, so that text grows from what is there.",
        keys: &[positive("sigma", 10.0)],
        notation: "masked conf * density(sigma) best(equal) write",
        ..ROW
    },
];
