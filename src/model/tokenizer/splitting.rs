//! How byte-level vocabularies cut a text before they join its bytes to tokens, as one table: llama.cpp's names
//! (`tokenizer.ggml.pre`, `llama-vocab.cpp`) and the expressions of the `tokenizer.json` files that they stand for.
//!
//! A GGUF file has the name alone, `vocab.json` with `merges.txt` not even that; cut otherwise than in training, the same
//! text becomes other tokens. Expressions are compared whole: two that differ in a sign cut differently.

use serde_json::{Value, json};

/// A way to cut texts.
pub(crate) struct Splitting {
    /// llama.cpp's names; the first is written.
    names: &'static [&'static str],
    /// What cuts: an expression, or GPT-2's own that is built into the byte-level step.
    expression: Option<&'static str>,
    /// Digits are cut apart before that.
    digits: bool,
    /// Qwen's normal form of composed characters.
    composed: bool,
    /// A piece that is a token is that token, whatever the merges say.
    pub(crate) whole_pieces: bool,
}

const PLAIN: Splitting =
    Splitting { names: &[], expression: None, digits: false, composed: false, whole_pieces: false };

/// GPT-2's, and RoBERTa's.
pub(super) static GPT_2: Splitting =
    Splitting { names: &["gpt-2", "gpt2", "phi-2", "mpt", "olmo", "jais", "roberta-bpe"], ..PLAIN };

/// Qwen2's: Dream and its descendants, the A2D models, SDAR.
pub(super) static QWEN_2: Splitting = Splitting {
    names: &["qwen2", "deepseek-r1-qwen", "megrez", "stablelm2", "hunyuan"],
    expression: Some(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
    composed: true,
    ..PLAIN
};

/// The default model's.
static SMOLLM: Splitting =
    Splitting { names: &["smollm", "starcoder", "refact", "command-r", "codeshell"], digits: true, ..PLAIN };

static LLAMA_3: Splitting = Splitting {
    names: &["llama-bpe", "llama3", "llama-v3", "lfm2", "smaug-bpe"],
    expression: Some(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
    whole_pieces: true,
    ..PLAIN
};

/// Ling's: LLaDA-MoE and LLaDA 2.
static LING: Splitting = Splitting {
    names: &["llada-moe", "bailingmoe", "bailingmoe2"],
    expression: Some(
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
    ),
    ..PLAIN
};

/// iLLaDA's and Stable-DiffCoder's.
static SEED_CODER: Splitting = Splitting {
    names: &["seed-coder"],
    expression: Some(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
    ..PLAIN
};

/// The ways that published diffusion models use, and those of the models that they were made from.
static TABLE: [&Splitting; 6] = [&GPT_2, &QWEN_2, &SMOLLM, &LLAMA_3, &LING, &SEED_CODER];

impl Splitting {
    /// The one that llama.cpp calls so.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        TABLE.into_iter().find(|row| row.names.contains(&name))
    }

    /// llama.cpp's name for what a `tokenizer.json` does before tokens are joined; `default` for what is in no row.
    pub(crate) fn name_of(tokenizer: &Value) -> &'static str {
        let parts = parts(&tokenizer["pre_tokenizer"]);
        let expressions: Vec<_> = parts.iter().filter_map(|part| part.pointer("/pattern/Regex")?.as_str()).collect();
        let digits = parts.iter().any(|part| part["type"] == "Digits" && part["individual_digits"] == true);
        let plain = parts.iter().any(|part| part["type"] == "ByteLevel" && part["use_regex"] != false);
        let is = |row: &&&Splitting| match (row.expression, expressions.as_slice()) {
            (Some(expression), [one]) => *one == expression,
            (None, []) => plain && row.digits == digits,
            _ => false,
        };
        TABLE.iter().find(is).map_or("default", |row| row.names[0])
    }

    /// The step as `tokenizer.json` has it.
    pub(crate) fn pre_tokenizer(&self) -> Value {
        let bytes = json!({
            "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": self.expression.is_none(),
        });
        let split = self.expression.map(|expression| {
            json!({ "type": "Split", "pattern": { "Regex": expression }, "behavior": "Isolated", "invert": false })
        });
        let digits = self.digits.then(|| json!({ "type": "Digits", "individual_digits": true }));
        let steps: Vec<Value> = digits.into_iter().chain(split).chain([bytes]).collect();
        json!({ "type": "Sequence", "pretokenizers": steps })
    }

    /// The step before it, `null` where there is none.
    pub(crate) fn normalizer(&self) -> Value {
        if self.composed { json!({ "type": "NFC" }) } else { Value::Null }
    }
}

/// The steps of a pre-tokenizer, or itself.
fn parts(step: &Value) -> Vec<&Value> {
    step["pretokenizers"].as_array().map_or_else(|| vec![step], |steps| steps.iter().collect())
}

#[cfg(test)]
mod tests {
    use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer, PreTokenizerWrapper};

    use super::*;

    fn cut(name: &str, text: &str) -> Vec<String> {
        let step = Splitting::named(name).unwrap().pre_tokenizer();
        let step: PreTokenizerWrapper = serde_json::from_value(step).unwrap();
        let mut string = PreTokenizedString::from(text);
        step.pre_tokenize(&mut string).unwrap();
        let pieces = string.get_splits(OffsetReferential::Original, OffsetType::Byte);
        pieces.into_iter().map(|(_, (from, to), _)| text[from..to].to_owned()).collect()
    }

    #[test]
    fn texts_are_cut_as_the_names_promise() {
        let text = "I'LL pay 1234!\n\nNow";
        for (name, pieces) in [
            ("gpt-2", &["I", "'", "LL", " pay", " 1234", "!", "\n", "\n", "Now"][..]),
            ("smollm", &["I", "'", "LL", " pay", " ", "1", "2", "3", "4", "!", "\n", "\n", "Now"]),
            ("qwen2", &["I", "'LL", " pay", " ", "1", "2", "3", "4", "!\n\n", "Now"]),
            ("llama-bpe", &["I", "'LL", " pay", " ", "123", "4", "!\n\n", "Now"]),
            ("llada-moe", &["I", "'LL", " pay", " ", "1", "2", "3", "4", "!\n\n", "Now"]),
            ("seed-coder", &["I", "'LL", " pay", " ", "1", "2", "3", "4", "!", "\n\n", "Now"]),
        ] {
            assert_eq!(cut(name, text), pieces, "{name}");
        }
    }

    #[test]
    fn every_way_has_one_row_and_is_told_by_what_it_does() {
        for row in TABLE {
            let whole = json!({ "pre_tokenizer": row.pre_tokenizer() });
            assert_eq!(Splitting::name_of(&whole), row.names[0]);
            for name in row.names {
                assert!(std::ptr::eq(Splitting::named(name).unwrap(), row), "{name}");
            }
        }
        let of = |step: Value| Splitting::name_of(&json!({ "pre_tokenizer": step }));
        assert_eq!(of(json!({ "type": "ByteLevel", "use_regex": true })), "gpt-2");
        assert_eq!(of(json!({ "type": "ByteLevel" })), "gpt-2");
        assert_eq!(of(json!({ "type": "Split", "pattern": { "Regex": r"|\p{N}|" } })), "default");
        assert_eq!(of(json!({ "type": "Metaspace" })), "default");
        assert!(Splitting::named("default").is_none());
    }
}
