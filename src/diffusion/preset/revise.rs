//! Samplers that take back or change what was written: mask-predict, RDM, P2, ReMDM, correctors, editing.

use super::{Key, Preset, ROW, alias, between, positive, share, whole};

const EPS: Key = between("eps", 1e-5);

pub(super) const PRESETS: &[Preset] = &[
    Preset {
        name: "mask-predict",
        source: "Mask-predict, Ghazvininejad et al. 2019, arXiv:1904.09324",
        doc: "Writes everything, then masks again what was least likely when it was written, less of it at every step.",
        notation: "masked all write; both if(masked, conf, kept) worst(floor(n * (1 - r))) mask",
        ..ROW
    },
    Preset {
        name: "rdm",
        aliases: &[alias("rdm-uncond")],
        source: "RDM, Zheng et al. 2023, arXiv:2302.05737, unconditional routing",
        doc: "Writes everything, then masks again what is least likely now, less of it at every step on a cosine.",
        notation: "temperature 0.5 - 0.05 * r; masked all write; both conf worst(floor(n * cos(pi / 2 * r))) mask",
        ..ROW
    },
    Preset {
        name: "rdm-cond",
        source: "RDM, Zheng et al. 2023, arXiv:2302.05737, conditional routing",
        doc: "As rdm, but takes a token back only if the model still proposes it and is less sure of it than it was.",
        notation: "temperature 0.5 - 0.05 * r; masked all write
            both conf worst(floor(n * cos(pi / 2 * r))) if(masked or (not differs and conf < kept)) mask",
        ..ROW
    },
    Preset {
        name: "p2",
        source: "Path planning, Peng et al. 2025, arXiv:2502.03540, self-planning; Open-dLLM",
        doc: "Writes everything, then masks again what the model is least sure of, less of it at every step.",
        keys: &[positive("eta", 1.0)],
        notation: "masked all write
            both if(masked, conf, 1 - eta * (1 - conf)) worst(floor(single(n * single(1 - r)))) mask",
        ..ROW
    },
    Preset {
        name: "remdm-cap",
        source: "ReMDM, Wang et al. 2025, arXiv:2503.00307",
        doc: "Ancestral sampling that also masks committed tokens again with a small chance, capped.",
        keys: &[EPS, share("eta", 0.008)],
        notation: "time linear(eps); temperature 1; top-p 0.9; stop full
            sigma = min(eta, min(1, (1 - alpha_s) / alpha_t)); committed coin(sigma) mask
            masked coin((alpha_s - (1 - sigma) * alpha_t) / (1 - alpha_t)) write",
        ..ROW
    },
    Preset {
        name: "remdm-rescale",
        source: "ReMDM, Wang et al. 2025, arXiv:2503.00307",
        doc: "Ancestral sampling that also masks committed tokens again, with a share of the largest chance allowed.",
        keys: &[EPS, share("eta", 0.015)],
        notation: "time linear(eps); temperature 1; top-p 0.9; stop full
            sigma = eta * min(1, (1 - alpha_s) / alpha_t); committed coin(sigma) mask
            masked coin((alpha_s - (1 - sigma) * alpha_t) / (1 - alpha_t)) write",
        ..ROW
    },
    Preset {
        name: "remdm-conf",
        source: "ReMDM, Wang et al. 2025, arXiv:2503.00307",
        doc: "Ancestral sampling that also masks committed tokens again, rather those that were unlikely when written.",
        keys: &[EPS],
        notation: "time linear(eps); temperature 1; top-p 0.9; stop full
            committed coin(min(1, (1 - alpha_s) / alpha_t) * exp(-kept) / sum(exp(-kept))) mask
            masked coin(unmask) write",
        ..ROW
    },
    Preset {
        name: "remdm-loop",
        source: "ReMDM, Wang et al. 2025, arXiv:2503.00307",
        doc: "Ancestral sampling up to a tenth of masks, then masking and unmasking at that level, then to the end.",
        keys: &[EPS, share("eta", 0.02), between("on", 0.55), between("off", 0.05), between("level", 0.9)],
        notation: "time linear(eps); temperature 1; top-p 0.9; stop full
            now = if(t > on, level * (1 - t) / (1 - on), if(t > off, level, 1 - (1 - level) * t / off))
            then = if(s > on, level * (1 - s) / (1 - on), if(s > off, level, 1 - (1 - level) * s / off))
            looping = t <= on and t > off
            committed when(looping) coin(eta) mask
            masked when(looping) coin(level * eta / (1 - level)) write
            masked when(not looping) coin((then - now) / (1 - now)) write",
        ..ROW
    },
    Preset {
        name: "psi",
        source: "Psi-samplers, Duo II, ICLR 2026, arXiv:2602.21185; s-sahoo/duo _psi_update, kappa of mdlm_psi_pc.sh",
        doc: "Mixes the ancestral step with noising the model's guess anew, so that more steps keep helping.",
        keys: &[EPS, share("kappa", 0.99), share("low", 0.1)],
        notation: "time linear(eps); temperature 1; stop full; mixed = if(t > low, kappa, 1)
            committed coin((1 - mixed) * (1 - alpha_s)) mask
            masked coin(mixed * unmask + (1 - mixed) * alpha_s) write",
        ..ROW
    },
    Preset {
        name: "informed",
        aliases: &[alias("k-gibbs")],
        source: "Informed correctors, Zhao et al. 2024, arXiv:2407.21243, on the probabilities of the plain network; the \
                 default of k is ours",
        doc: "Ancestral sampling, before each step of which the committed tokens that lead their best rival least are drawn \
              anew.",
        keys: &[EPS, whole("k", 1.0, 1), positive("tau", 1.0)],
        notation: "time linear(eps) sweeps(1); temperature 1; stop full; masked coin(unmask) write
            committed when(t == s) ln(current / rival) - tau * gumbel worst(k) write",
        ..ROW
    },
    Preset {
        name: "gidd-correct",
        source: "GIDD self-correction, von Ruette et al. 2025, arXiv:2503.04482",
        doc: "Commits the likeliest tokens, then replaces, one a step, the token that the model would most surely change.",
        keys: &[whole("post", 128.0, 0), whole("patience", 32.0, 1)],
        notation: "temperature 0.1; scores filtered; stop post(post) patience(patience)
            masked conf best(equal) write; committed when(m == 0) where(differs) conf best(1) write",
        ..ROW
    },
    Preset {
        name: "wino",
        source: "WINO, arXiv:2507.18578; committed tokens are judged by the network as they stand, not in a shadow block",
        doc: "Commits many tokens a step, and masks again those that look unlikely in the new text, fewer than it wrote.",
        keys: &[share("wide", 0.6), share("narrow", 0.9)],
        notation: "window blocks(128); masked conf above(wide) min=1 max=clamp(0.7 * m, 5, 20) write
            committed current below(narrow) max=acted - 1 mask",
        ..ROW
    },
    Preset {
        name: "t2t",
        aliases: &[alias("llada2.1")],
        twins: &["llada2.2"],
        source: "LLaDA2.1 editing, arXiv:2602.08676, quality mode",
        doc: "Commits likely tokens and replaces committed ones where another is likely, also after the last mask.",
        keys: &[share("threshold", 0.7), share("edit", 0.5), whole("post", 16.0, 0)],
        notation: "window blocks(32); masked conf above(threshold) min=1 write
            committed where(differs) conf above(edit) write; stop post(post)",
    },
    Preset {
        name: "t2m",
        source: "Remask, don't replace, arXiv:2604.18738",
        doc: "Commits likely tokens and masks again those that have become unlikely, each at most so often.",
        keys: &[share("threshold", 0.7), share("low", 0.3), whole("budget", 1.0, 0), whole("post", 16.0, 0)],
        notation: "window blocks(32); masked conf above(threshold) min=1 write
            committed where(remasks < budget) current below(low) max=ceil(25%) mask; stop post(post)",
        ..ROW
    },
    Preset {
        name: "llada2.2",
        twins: &["t2t"],
        source: "LLaDA2.2 editing, technical report of July 2026",
        doc: "As t2t, and obeys the model where it says that the text is to grow or to shrink.",
        keys: &[share("threshold", 0.7), share("edit", 0.5), whole("post", 16.0, 0)],
        notation: "window blocks(32); masked conf above(threshold) min=1 obey
            committed where(differs) conf above(edit) obey; stop post(post)",
        ..ROW
    },
];
