//! Samplers that try several canvases before they decide.

use super::{Preset, ROW, alias, positive, share, whole};

pub(super) const PRESETS: &[Preset] = &[
    Preset {
        name: "lopa",
        source: "LoPA, arXiv:2512.16229",
        doc: "Tries its own step and that step with one more token, and makes the one that leaves the rest surest.",
        keys: &[share("threshold", 0.9), whole("k", 3.0, 1)],
        notation: "window blocks(32); search lookahead(k); masked conf above(threshold) min=1 write",
        ..ROW
    },
    Preset {
        name: "info-gain",
        source: "Info-Gain sampler, arXiv:2602.18176",
        doc: "Tries several positions and commits the one that teaches most about the rest for the doubt it costs.",
        keys: &[whole("k", 8.0, 2)],
        notation: "window blocks(32); search information(k); masked conf best(1) write",
        ..ROW
    },
    Preset {
        name: "freedave",
        aliases: &[alias("verify")],
        twins: &["llada", "dllm"],
        source: "FreeDave, arXiv:2510.00294; SSD, arXiv:2510.04147",
        doc: "The same text as llada where no rows are cached: drafts steps ahead and keeps those that passes of their own \
              confirm.",
        keys: &[whole("depth", 4.0, 1)],
        notation: "window blocks(32); search verify(depth); masked conf best(equal) write",
    },
    Preset {
        name: "smc",
        aliases: &[alias("particles")],
        source: "Self-rewarding SMC, arXiv:2602.01849; drawing anew after any step, not at the end of a block, and beta are ours",
        doc: "Several runs at once, of which the likelier ones are copied and the others dropped on the way.",
        keys: &[whole("n", 4.0, 1), positive("beta", 0.1)],
        notation: "search particles(n, beta); temperature 0.7; masked conf best(1) write",
        ..ROW
    },
    Preset {
        name: "best-of",
        source: "Best of n by likelihood, as in arXiv:2512.21336",
        doc: "Several runs of their own seeds, of which the likeliest is kept.",
        keys: &[whole("n", 4.0, 1)],
        notation: "search best(n); temperature 0.7; masked margin best(1) write",
        ..ROW
    },
];
