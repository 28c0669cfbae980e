//! Samplers that rank what is masked and commit the best, so many a step: LLaDA, Dream, MaskGIT.

use super::{Preset, ROW, alias, between, positive};

pub(super) const PRESETS: &[Preset] = &[
    Preset {
        name: "llada",
        aliases: &[alias("low-confidence")],
        twins: &["freedave", "dllm"],
        source: "LLaDA generate.py, low_confidence, arXiv:2502.09992",
        doc: "Commits an equal share of the likeliest tokens per step, block by block.",
        notation: "window blocks(32); masked conf best(equal) write",
        ..ROW
    },
    Preset {
        name: "dllm",
        twins: &["llada", "freedave"],
        source: "ZHZisZZ/dllm core/samplers/mdlm.py, its rounding of counts",
        doc: "Commits the likeliest tokens, as many per step as a linear schedule says, rounded.",
        notation: "window blocks(32); masked conf best(rounded) write",
        ..ROW
    },
    Preset {
        name: "llada-random",
        source: "LLaDA generate.py, random, arXiv:2502.09992",
        doc: "Commits an equal share of positions per step, whichever they are, block by block.",
        notation: "window blocks(32); masked uniform best(equal) write",
        ..ROW
    },
    Preset {
        name: "dream-entropy",
        source: "Dream generation_utils.py, entropy, arXiv:2508.15487",
        doc: "Commits the positions of least entropy, as many per step as the linear schedule says.",
        keys: &[between("eps", 1e-3), positive("alg-temp", 0.0)],
        notation: "time linear(eps); scores filtered
            masked if(alg_temp > 0, -entropy / alg_temp + gumbel, -entropy) best(dream) write",
        ..ROW
    },
    Preset {
        name: "dream-margin",
        aliases: &[alias("topk-margin")],
        source: "Dream generation_utils.py, topk_margin, arXiv:2508.15487; Kim et al. 2025, arXiv:2502.06768",
        doc: "Commits where the best token leads the second by most, as many per step as the linear schedule says.",
        keys: &[between("eps", 1e-3), positive("alg-temp", 0.0)],
        notation: "time linear(eps); scores filtered
            masked if(alg_temp > 0, margin / alg_temp + gumbel, margin) best(dream) write",
        ..ROW
    },
    Preset {
        name: "dream-maskgit",
        source: "Dream generation_utils.py, maskgit_plus, arXiv:2508.15487",
        doc: "Commits the likeliest tokens, as many per step as the linear schedule says.",
        keys: &[between("eps", 1e-3), positive("alg-temp", 0.0)],
        notation: "time linear(eps); scores filtered
            masked if(alg_temp > 0, conf / alg_temp + gumbel, conf) best(dream) write",
        ..ROW
    },
    Preset {
        name: "maskgit",
        source: "MaskGIT, Chang et al. 2022, arXiv:2202.04200",
        doc: "Commits the likeliest tokens, few at first and many at the end, on a cosine schedule, with Gumbel noise \
              on the ranking that fades.",
        keys: &[positive("noise", 4.5)],
        notation: "temperature 1
            masked ln(conf) + noise * (1 - r) * gumbel best(m - floor(size * cos(pi / 2 * r))) min=1 write",
        ..ROW
    },
    Preset {
        name: "dreamon",
        source: "DreamOn, arXiv:2602.01326",
        doc: "Commits the position of least entropy, and obeys the model where it says that a hole is to grow or to \
              shrink.",
        notation: "temperature 0.2; top-p 0.9; scores filtered; masked -entropy best(1) obey",
        ..ROW
    },
];
