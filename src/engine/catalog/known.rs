//! The published diffusion language models that Lacuna knows of, as one table.
//!
//! From `reference/models.md` sections 2 to 5. Sizes are what a download takes, in megabytes, as far as the model pages
//! say it, else weights times their stored width. Licences are the cards' own words; who ships a product reads the card.

/// A published model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// What `--model` and `models pull` take.
    pub name: &'static str,
    /// The repository on the hub; empty for the model that ships with the program.
    pub repo: &'static str,
    /// The family of networks.
    pub family: &'static str,
    /// Weights, in millions.
    pub parameters: u32,
    /// What it takes to download and on disk, in megabytes.
    pub megabytes: u32,
    /// The licence of its weights.
    pub licence: Licence,
    /// How it was tuned, which says how text is put before it.
    pub tuned: Tuned,
    /// What it is good at.
    pub good_at: &'static str,
}

/// A licence, and whether it is an open source one (`models.md` section 7, trap 11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Licence {
    /// Open source by the OSI's list.
    Open(&'static str),
    /// Free to download, with limits on what it may be used for; the second text says which.
    Limited(&'static str, &'static str),
}

impl Licence {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open(name) | Self::Limited(name, _) => name,
        }
    }

    /// What to be careful about, where it is not an open source licence.
    pub fn warning(self) -> Option<&'static str> {
        match self {
            Self::Open(_) => None,
            Self::Limited(_, warning) => Some(warning),
        }
    }
}

/// What a model was trained to continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tuned {
    /// Plain text.
    Text,
    /// Conversations: the document belongs into the assistant's turn (`models.md` 1.3).
    Chat,
}

use Licence::{Limited, Open};
use Tuned::{Chat, Text};

const APACHE: Licence = Open("Apache-2.0");
const MIT: Licence = Open("MIT");
const APPLE: Licence = Limited("Apple", "for research only");
const CC_BY_NC: Licence = Limited("CC-BY-NC-4.0", "not for commercial use");
const LFM: Licence = Limited("lfm1.0", "free below a yearly revenue that the licence names");
const UNSTATED: Licence = Limited("not stated", "the page names no licence for the weights: ask before using them");

const fn row(
    (name, repo, family): (&'static str, &'static str, &'static str),
    (parameters, megabytes): (u32, u32),
    (licence, tuned): (Licence, Tuned),
    good_at: &'static str,
) -> Known {
    Known { name, repo, family, parameters, megabytes, licence, tuned, good_at }
}

const CODER_MDLM: &str = "dllm-hub/Qwen2.5-Coder-0.5B-Instruct-diffusion-mdlm-v0.1";
const CODER_BD3LM: &str = "dllm-hub/Qwen2.5-Coder-0.5B-Instruct-diffusion-bd3lm-v0.1";
const SIGHTLESS: &str = "continuing and rewriting by instruction; does not see the text after a hole";

/// All of them: the shipped one, then by what they are good at and by size.
pub const KNOWN: &[Known] = &[
    row(
        (super::DEFAULT_MODEL, "", "llada"),
        (135, 98),
        (APACHE, Text),
        "a start: single words and short holes; ships with the program",
    ),
    row(
        ("open-dcoder-0.5b", "fredzzp/open-dcoder-0.5B", "qwen2"),
        (494, 990),
        (APACHE, Text),
        "code: holes in the middle of functions; the best small one",
    ),
    row(("qwen2.5-coder-0.5b-mdlm", CODER_MDLM, "a2d-qwen2"), (494, 990), (APACHE, Chat), "code by instruction"),
    row(
        ("qwen3-0.6b-mdlm", "dllm-hub/Qwen3-0.6B-diffusion-mdlm-v0.1", "a2d-qwen3"),
        (752, 1500),
        (APACHE, Chat),
        "prose in many languages, rewriting by instruction",
    ),
    row(("diffugpt-s", "diffusionfamily/diffugpt-s", "diffugpt"), (127, 500), (APACHE, Text), "short English prose"),
    row(
        ("diffugpt-m", "diffusionfamily/diffugpt-m", "diffugpt"),
        (355, 1420),
        (APACHE, Text),
        "English prose: the best published numbers below a billion weights",
    ),
    row(
        ("lfm2.5-350m-diffusion", "LiquidAI/LFM2.5-Encoder-350M-Diffusion", "lfm2"),
        (354, 710),
        (LFM, Chat),
        "rewriting by instruction, fast on a CPU, 8192 tokens of context",
    ),
    row(
        ("modernbert-base-chat", "dllm-hub/ModernBERT-base-chat-v0.1", "modernbert"),
        (149, 600),
        (APACHE, Chat),
        "small and fast; answers and short holes",
    ),
    row(
        ("modernbert-large-chat", "dllm-hub/ModernBERT-large-chat-v0.1", "modernbert"),
        (395, 1580),
        (APACHE, Chat),
        "answers and short holes",
    ),
    row(
        ("modernbert-base", "answerdotai/ModernBERT-base", "modernbert"),
        (149, 600),
        (APACHE, Text),
        "holes of one to eight tokens, in text and code",
    ),
    row(
        ("modernbert-large", "answerdotai/ModernBERT-large", "modernbert"),
        (395, 1580),
        (APACHE, Text),
        "holes of one to eight tokens, in text and code",
    ),
    row(
        ("mdlm-owt", "kuleshov-group/mdlm-owt", "mdlm"),
        (170, 680),
        (APACHE, Text),
        "English web prose; needs GPT-2's tokenizer.json beside it",
    ),
    row(
        ("sedd-small", "louaaron/sedd-small", "sedd"),
        (170, 680),
        (MIT, Text),
        "English web prose by score; needs GPT-2's tokenizer.json",
    ),
    row(
        ("sedd-medium", "louaaron/sedd-medium", "sedd"),
        (424, 1700),
        (MIT, Text),
        "English web prose by score; needs GPT-2's tokenizer.json",
    ),
    row(
        ("radd-t-dce", "JingyangOu/radd-t-dce", "radd"),
        (162, 650),
        (APACHE, Text),
        "English web prose, for study; needs GPT-2's tokenizer.json",
    ),
    row(
        ("gidd-small", "dvruette/gidd-small-p_unif-0.2", "gidd"),
        (170, 680),
        (MIT, Text),
        "finding and mending weak words of text that is there",
    ),
    row(
        ("gidd-base", "dvruette/gidd-base-p_unif-0.2", "gidd"),
        (424, 1700),
        (MIT, Text),
        "finding and mending weak words of text that is there",
    ),
    row(
        ("duo", "s-sahoo/duo", "duo"),
        (170, 680),
        (APACHE, Text),
        "uniform noise, for study; needs GPT-2's tokenizer.json",
    ),
    row(
        ("duo-distilled", "s-sahoo/duo-distilled", "duo"),
        (170, 680),
        (APACHE, Text),
        "few steps, uniform noise; needs GPT-2's tokenizer.json",
    ),
    row(
        ("bd3lm-owt-16", "kuleshov-group/bd3lm-owt-block_size16", "bd3lm"),
        (170, 680),
        (APACHE, Text),
        "continuing English web prose, for study; needs GPT-2's tokenizer.json",
    ),
    row(("ssd-lm", "xhan77/ssdlm", "ssd-lm"), (355, 1420), (UNSTATED, Text), "simplex diffusion in blocks, for study"),
    row(
        ("coda-1.7b", "Salesforce/CoDA-v0-Base", "coda"),
        (1720, 6900),
        (CC_BY_NC, Text),
        "code: holes in the middle of functions",
    ),
    row(
        ("coda-1.7b-instruct", "Salesforce/CoDA-v0-Instruct", "coda"),
        (1720, 6900),
        (CC_BY_NC, Chat),
        "code by instruction",
    ),
    row(
        ("dreamon-7b", "Dream-org/DreamOn-v0-7B", "dream"),
        (7620, 15200),
        (APACHE, Text),
        "code: finds the length of a hole by itself; the best at it",
    ),
    row(
        ("dream-coder-7b", "Dream-org/Dream-Coder-v0-Base-7B", "dream"),
        (7620, 15200),
        (APACHE, Text),
        "code: holes of a given length",
    ),
    row(
        ("dream-coder-7b-instruct", "Dream-org/Dream-Coder-v0-Instruct-7B", "dream"),
        (7620, 15200),
        (APACHE, Chat),
        "code by instruction",
    ),
    row(
        ("diffucoder-7b", "apple/DiffuCoder-7B-Base", "dream"),
        (7620, 15200),
        (APPLE, Text),
        "code: holes of a given length",
    ),
    row(
        ("diffucoder-7b-instruct", "apple/DiffuCoder-7B-cpGRPO", "dream"),
        (7620, 15200),
        (APPLE, Chat),
        "code by instruction",
    ),
    row(("dream-7b", "Dream-org/Dream-v0-Base-7B", "dream"), (7620, 15200), (APACHE, Text), "prose and code"),
    row(
        ("dream-7b-instruct", "Dream-org/Dream-v0-Instruct-7B", "dream"),
        (7620, 15200),
        (APACHE, Chat),
        "prose by instruction",
    ),
    row(("llada-8b", "GSAI-ML/LLaDA-8B-Base", "llada"), (8020, 16000), (MIT, Text), "prose and code"),
    row(
        ("llada-8b-instruct", "GSAI-ML/LLaDA-8B-Instruct", "llada"),
        (8020, 16000),
        (MIT, Chat),
        "prose by instruction",
    ),
    row(("llada-1.5", "GSAI-ML/LLaDA-1.5", "llada"), (8020, 16000), (MIT, Chat), "prose by instruction"),
    row(("illada-8b", "GSAI-ML/iLLaDA-8B-Base", "llada"), (8300, 16600), (APACHE, Text), "prose and code"),
    row(
        ("illada-8b-instruct", "GSAI-ML/iLLaDA-8B-Instruct", "llada"),
        (8300, 16600),
        (APACHE, Chat),
        "prose by instruction",
    ),
    row(("diffullama-7b", "diffusionfamily/diffullama", "llama"), (6740, 13500), (APACHE, Text), "English prose"),
    row(
        ("llada-moe-7b-a1b", "inclusionAI/LLaDA-MoE-7B-A1B-Base", "llada-moe"),
        (7360, 14700),
        (APACHE, Text),
        "prose and code at the speed of a much smaller model",
    ),
    row(
        ("llada-moe-7b-a1b-instruct", "inclusionAI/LLaDA-MoE-7B-A1B-Instruct", "llada-moe"),
        (7360, 14700),
        (APACHE, Chat),
        "prose by instruction at the speed of a much smaller model",
    ),
    row(
        ("qwen3-0.6b-bd3lm", "dllm-hub/Qwen3-0.6B-diffusion-bd3lm-v0.1", "a2d-qwen3"),
        (752, 1500),
        (APACHE, Chat),
        SIGHTLESS,
    ),
    row(("qwen2.5-coder-0.5b-bd3lm", CODER_BD3LM, "a2d-qwen2"), (494, 990), (APACHE, Chat), SIGHTLESS),
    row(
        ("fast-dllm-v2-1.5b", "Efficient-Large-Model/Fast_dLLM_v2_1.5B", "fast-dllm"),
        (1540, 3100),
        (APACHE, Chat),
        SIGHTLESS,
    ),
    row(("sdar-1.7b-chat", "JetLM/SDAR-1.7B-Chat", "sdar"), (1720, 3450), (APACHE, Chat), SIGHTLESS),
    row(("sdar-4b-chat", "JetLM/SDAR-4B-Chat", "sdar"), (4020, 8050), (APACHE, Chat), SIGHTLESS),
    row(("llada2-mini", "inclusionAI/LLaDA2.0-mini", "llada2-moe"), (16000, 32500), (APACHE, Chat), SIGHTLESS),
];

/// The entry that a name, or a repository's, means. Upper and lower case are one.
pub fn by_name(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name.eq_ignore_ascii_case(name) || known.repo.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_repositories_are_there_once_and_well_formed() {
        for (index, known) in KNOWN.iter().enumerate() {
            assert!(by_name(known.name).is_some_and(|found| found == known), "{}", known.name);
            assert!(!known.name.contains(['/', ' ']) && known.name == known.name.to_lowercase(), "{}", known.name);
            assert!(index == 0 || known.repo.split('/').filter(|part| !part.is_empty()).count() == 2, "{}", known.repo);
            assert!(KNOWN[..index].iter().all(|other| other.repo != known.repo), "{}", known.repo);
            // Stored in two or four bytes a weight, but for the shipped one.
            let bytes = f64::from(known.megabytes) / f64::from(known.parameters);
            assert!(index == 0 || (1.8..4.3).contains(&bytes), "{}: {bytes} bytes a weight", known.name);
        }
    }

    #[test]
    fn licences_that_are_not_open_source_say_so() {
        for name in ["diffucoder-7b", "coda-1.7b", "lfm2.5-350m-diffusion", "ssd-lm"] {
            assert!(by_name(name).unwrap().licence.warning().is_some(), "{name}");
        }
        assert!(by_name("fredzzp/OPEN-dcoder-0.5b").unwrap().licence.warning().is_none());
    }
}
