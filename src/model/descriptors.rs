//! What published models do not say in their files, as one table: mask ids, shifts, who sees whom (`models.md` section 7,
//! traps 1 to 4).
//!
//! A row speaks for the checkpoints that fit all of its conditions; a later row speaks over an earlier one. What a file
//! says itself wins over every row, and what the user says over both.

use std::path::Path;

use serde_json::Value;

use super::config::{Attention, Descriptor};

/// Conditions, and what holds under them.
struct Known {
    /// Names of the family, in lower case.
    families: &'static [&'static str],
    /// One of `architectures`; any when empty.
    architecture: &'static str,
    /// Rows of the head; any when 0.
    vocab: usize,
    /// A part of the folder's or repository's name, in lower case.
    name: &'static str,
    says: Says,
}

/// What a row says; none where it says nothing.
#[derive(Default)]
struct Says {
    mask: Option<u32>,
    shift: Option<usize>,
    attention: Option<Attention>,
    /// The token behind the mask makes two masks of one, and the end of text takes a position away (DreamOn).
    elastic: bool,
}

const NOTHING: Says = Says { mask: None, shift: None, attention: None, elastic: false };
const ANY: Known = Known { families: &[], architecture: "", vocab: 0, name: "", says: NOTHING };

const fn mask(mask: u32) -> Says {
    Says { mask: Some(mask), ..NOTHING }
}

const TABLE: &[Known] = &[
    // Open-dCoder, and A2D of Qwen2.5: the first id behind Qwen2.5's tokens.
    Known { families: &["qwen2", "a2d-qwen2"], vocab: 151_936, says: mask(151_665), ..ANY },
    // Fast-dLLM v2: Qwen2.5's tokenizer; its code has it as the default of an argument.
    Known { families: &["fast_dllm_qwen"], vocab: 151_936, says: mask(151_665), ..ANY },
    // A2D of Qwen3, CoDA, SDAR: the first id behind Qwen3's.
    Known { families: &["qwen3", "a2d-qwen3", "coda", "sdar"], vocab: 151_936, says: mask(151_669), ..ANY },
    // Dream, Dream-Coder, DiffuCoder, DreamOn: 151665 is their beginning of text.
    Known { families: &["dream"], vocab: 152_064, says: mask(151_666), ..ANY },
    Known { families: &["dream"], name: "dreamon", says: Says { elastic: true, ..NOTHING }, ..ANY },
    // DreamReasoner calls itself Dream as well.
    Known {
        families: &["dream"],
        architecture: "DreamForCausalLM",
        says: Says { mask: Some(151_669), shift: Some(0), attention: Some(Attention::Block(32)), elastic: false },
        ..ANY
    },
    Known { families: &["llada"], vocab: 126_464, says: mask(126_336), ..ANY },
    // iLLaDA and Stable-DiffCoder: Seed-Coder's tokenizer.
    Known { families: &["llada", "illada"], vocab: 155_136, says: mask(5), ..ANY },
    Known {
        families: &["llama"],
        vocab: 155_136,
        says: Says { mask: Some(5), shift: Some(0), attention: Some(Attention::Block(4)), elastic: false },
        ..ANY
    },
    // DiffuLLaMA and the small DiffuGPT took a rare token of their vocabulary.
    Known { families: &["llama"], vocab: 32_000, says: mask(811), ..ANY },
    Known { families: &["gpt2"], vocab: 50_257, says: mask(10_541), ..ANY },
    // The block-diffusion siblings of the A2D models.
    Known {
        families: &["a2d-llama", "a2d-qwen2", "a2d-qwen3"],
        name: "bd3lm",
        says: Says { attention: Some(Attention::Block(32)), ..NOTHING },
        ..ANY
    },
];

/// Puts into a descriptor what the table says of a checkpoint in `folder` with this many rows.
pub(crate) fn apply(descriptor: &mut Descriptor, folder: &Path, json: &Value, vocab: usize) {
    let names = names(folder, json);
    let architecture = json.get("architectures").and_then(|list| list.get(0)).and_then(Value::as_str);
    let fitting = TABLE.iter().filter(|row| {
        row.families.contains(&descriptor.family.as_str())
            && (row.architecture.is_empty() || architecture == Some(row.architecture))
            && (row.vocab == 0 || row.vocab == vocab)
            && (row.name.is_empty() || names.iter().any(|name| name.contains(row.name)))
    });
    let rows: Vec<&Says> = fitting.map(|row| &row.says).collect();
    for says in rows {
        descriptor.mask = says.mask.or(descriptor.mask);
        descriptor.shift = says.shift.unwrap_or(descriptor.shift);
        descriptor.attention = says.attention.unwrap_or(descriptor.attention);
        descriptor.elastic |= says.elastic;
    }
}

/// What a checkpoint may be called: its folder, the repository of a folder in the hub's cache, and what its configuration
/// says that it was loaded from.
fn names(folder: &Path, json: &Value) -> Vec<String> {
    let cached = folder.parent().filter(|parent| parent.ends_with("snapshots")).and_then(Path::parent);
    // `.` has no name, and what a link leads to may have another.
    let real = folder.canonicalize().ok();
    let folders = [Some(folder), cached, real.as_deref()].into_iter().flatten().filter_map(Path::file_name);
    let said = json.get("_name_or_path").and_then(Value::as_str);
    folders.map(|name| name.to_string_lossy().to_lowercase()).chain(said.map(str::to_lowercase)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(family: &str, folder: &str, json: Value, vocab: usize) -> Descriptor {
        let mut descriptor = Descriptor { family: family.into(), shift: 1, ..Descriptor::default() };
        apply(&mut descriptor, Path::new(folder), &json, vocab);
        descriptor
    }

    #[test]
    fn masks_that_no_file_says_are_told_apart_by_vocabulary() {
        let mask = |family, vocab| of(family, "m", Value::Null, vocab).mask;
        assert_eq!(mask("qwen2", 151_936), Some(151_665));
        assert_eq!(mask("a2d-qwen3", 151_936), Some(151_669));
        assert_eq!(mask("dream", 152_064), Some(151_666));
        assert_eq!((mask("llada", 126_464), mask("llada", 155_136)), (Some(126_336), Some(5)));
        assert_eq!((mask("llama", 32_000), mask("gpt2", 50_257)), (Some(811), Some(10_541)));
        assert_eq!(mask("fast_dllm_qwen", 151_936), Some(151_665));
        // A folder without a name.
        assert_eq!(of("llama", ".", Value::Null, 32_000).mask, Some(811));
        assert_eq!(of("llama", "..", Value::Null, 155_136).shift, 0);
        assert_eq!((mask("qwen2", 500), mask("gpt2", 50_258)), (None, None));
    }

    #[test]
    fn models_of_one_type_are_told_apart_by_architecture_and_name() {
        let reasoner = of("dream", "m", json!({ "architectures": ["DreamForCausalLM"] }), 151_936);
        assert_eq!((reasoner.mask, reasoner.shift, reasoner.attention), (Some(151_669), 0, Attention::Block(32)));
        let cached = "/hub/models--Dream-org--DreamOn-v0-7B/snapshots/1234";
        assert!(of("dream", cached, Value::Null, 152_064).elastic);
        assert!(of("dream", "m", json!({ "_name_or_path": "Dream-org/DreamOn-v0-7B" }), 152_064).elastic);
        assert!(!of("dream", "/dreamon/other", Value::Null, 152_064).elastic);
        let blocks = of("a2d-qwen3", "Qwen3-0.6B-diffusion-bd3lm-v0.1", Value::Null, 151_936);
        assert_eq!(blocks.attention, Attention::Block(32));
    }
}
