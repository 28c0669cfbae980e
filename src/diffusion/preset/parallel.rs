//! Samplers that commit as many tokens a step as it is safe to: thresholds, budgets, stability, independence.

use super::{Alias, Key, Preset, ROW, Range, alias, positive, share, whole};

const THRESHOLD: Key = share("threshold", 0.9);

pub(super) const PRESETS: &[Preset] = &[
    Preset {
        name: "eb",
        // What Lacuna fills with where nothing else is asked for.
        aliases: &[Alias { name: "eb-dry", keys: "dry=1.5" }],
        source: "EB-Sampler, Ben-Hamu et al. 2025, arXiv:2505.24857",
        doc: "Commits the surest positions while their entropies stay within a budget, so easy text takes few passes.",
        keys: &[positive("gamma", 0.1)],
        notation: "window blocks(32); masked -entropy entropy(gamma) min=1 write",
        ..ROW
    },
    Preset {
        name: "fast-dllm",
        aliases: &[alias("threshold"), alias("fast-dllm-threshold")],
        source: "Fast-dLLM, Wu et al. 2025, arXiv:2505.22618",
        doc: "Commits every token that is likely enough, and at least the likeliest one.",
        keys: &[THRESHOLD],
        notation: "window blocks(32); masked conf above(threshold) min=1 write",
        ..ROW
    },
    Preset {
        name: "fast-dllm-factor",
        aliases: &[alias("factor")],
        source: "Fast-dLLM, Wu et al. 2025, arXiv:2505.22618, without the reference's off-by-one",
        doc: "Commits the n likeliest tokens while (n + 1) times the doubt in the least of them stays below a factor.",
        keys: &[positive("factor", 1.0)],
        notation: "window blocks(32); masked conf factor(factor) min=1 write",
        ..ROW
    },
    Preset {
        name: "klass",
        source: "KLASS, arXiv:2511.05664, shkim0116/KLASS llada_klass.py; of the bounds that it names the least strict, as a \
                 small model is seldom as sure as 0.9",
        doc: "Commits every token that is likely and whose distribution has held still for two steps, else an equal share \
              of the likeliest.",
        keys: &[positive("eps", 0.015), share("threshold", 0.6)],
        notation: "window blocks(64); masked where(drift2 < eps) conf above(threshold) write
            masked conf best(if(acted == 0, equal, 0)) write",
        ..ROW
    },
    Preset {
        name: "slowfast",
        source: "SlowFast, arXiv:2506.10848",
        doc: "Commits one token a step until it is clear how far the sure text reaches, then all that are likely up to \
              there.",
        keys: &[THRESHOLD, share("low", 0.3)],
        notation: "window frontier(low); masked when(not settled) conf best(1) write
            masked when(settled) conf above(threshold) min=1 write",
        ..ROW
    },
    Preset {
        name: "prophet",
        source: "Prophet, arXiv:2508.19982, pixeli99/Prophet generate_earlyexit.py; the masks of the block stand for its \
                 region of the answer",
        doc: "Commits like LLaDA until the best tokens lead by enough on average, then everything at once.",
        keys: &[positive("early", 7.5), positive("middle", 5.0), positive("late", 2.5)],
        notation: "window blocks(32); lead = if(r < 0.33, early, if(r < 0.67, middle, late))
            masked when(mean(gap) >= lead) all write
            masked when(mean(gap) < lead) conf best(equal) write",
        ..ROW
    },
    Preset {
        name: "credit",
        source: "CreditDecoding, arXiv:2510.06133, dInfer CreditThresholdParallelDecoder",
        doc: "Commits every token that is likely enough once those that were best before have been given credit.",
        keys: &[THRESHOLD, share("decay", 0.8), positive("power", 0.2), positive("weight", 0.7)],
        notation: "window blocks(32); credit(decay, power, weight); masked conf above(threshold) min=1 write",
        ..ROW
    },
    Preset {
        name: "hierarchical",
        source: "Hierarchical decoding, dInfer, arXiv:2510.08666",
        doc: "Commits all that is likely, and in every run of masks its likeliest token if that is fairly likely.",
        keys: &[THRESHOLD, share("low", 0.4)],
        notation: "window blocks(32); masked conf best(1) if(conf > low) per run write
            masked conf above(threshold) write; masked conf best(if(acted == 0, 1, 0)) write",
        ..ROW
    },
    Preset {
        name: "dus",
        source: "Dilated unmasking, arXiv:2506.19037",
        doc: "Commits far-apart positions at once, halving their distance round by round: log2 of the block's size \
              rounds.",
        keys: &[Key { name: "block", default: 32.0, range: Range::Whole(1) }],
        notation: "window dilated(block); masked all write",
        ..ROW
    },
    Preset {
        name: "punt",
        aliases: &[alias("independent")],
        source: "PUNT, arXiv:2510.21961; DAPD (arXiv:2603.12996) with probes in place of attention; the default of eps is ours",
        doc: "Commits masks that do not depend on surer ones, which it finds out with a few passes on trial.",
        keys: &[positive("eps", 0.1)],
        notation: "window blocks(32); search probe(eps); masked conf independent(eps) write",
        ..ROW
    },
    Preset {
        name: "daedal",
        source: "DAEDAL, arXiv:2508.00819, its insertion during denoising",
        doc: "Commits every token that is likely enough, and puts more masks where the model is most at a loss.",
        keys: &[THRESHOLD, share("low", 0.1), whole("most", 16.0, 0)],
        notation: "window blocks(32); masked conf above(threshold) min=1 write
            masked when(grown < most) conf worst(1) if(conf < low) insert(7)",
        ..ROW
    },
];
