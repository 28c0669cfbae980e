//! A `tokenizer.json` made of the lists that older tokenizers come as: `vocab.json`, `merges.txt`, and the added tokens.
//!
//! Dream and its descendants are published so, their tokenizer being Python code of their own around Qwen2's lists. How
//! texts are cut stands in no file; the tokenizer's class says it, or the vocabulary that Qwen's is.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::MOST_TOKENS;
use super::splitting::{GPT_2, QWEN_2};
use crate::model::error::ModelError;
use crate::model::files::read_json;

/// Tokens of Qwen2's vocabulary before any is added, which no other published vocabulary has.
const OF_QWEN: usize = 151_643;

/// Keys that name special tokens, in `tokenizer_config.json` and `special_tokens_map.json`.
const NAMED: [&str; 7] = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// The tokenizer of a folder with `vocab.json` and `merges.txt`, as the text of a `tokenizer.json`.
///
/// # Errors
/// Lists that cannot be read or are none.
pub(super) fn read(folder: &Path) -> Result<String, ModelError> {
    let path = folder.join("vocab.json");
    let Value::Object(mut vocab) = read_json(&path)? else {
        return Err(ModelError::Damaged { path, why: "it is no list of tokens".into() });
    };
    let known = vocab.len();
    let said = |file: &str| {
        let path = folder.join(file);
        if path.is_file() { read_json(&path) } else { Ok(Value::Null) }
    };
    let (config, map, numbered) =
        (said("tokenizer_config.json")?, said("special_tokens_map.json")?, said("added_tokens.json")?);
    let added = added(&mut vocab, &config, &map, &numbered);
    if let Some(id) = vocab.values().filter_map(Value::as_u64).find(|id| *id >= MOST_TOKENS as u64) {
        return Err(ModelError::Damaged {
            path,
            why: format!("it has a token with the id {id}, which no vocabulary has"),
        });
    }
    let class = config["tokenizer_class"].as_str().unwrap_or_default().to_lowercase();
    let is_qwen = known == OF_QWEN || ["qwen2", "dream"].iter().any(|name| class.starts_with(name));
    let splitting = if is_qwen { &QWEN_2 } else { &GPT_2 };
    let bytes = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false });
    let whole = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": splitting.normalizer(), "pre_tokenizer": splitting.pre_tokenizer(),
        "post_processor": null, "decoder": bytes,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": vocab, "merges": merges(&folder.join("merges.txt"))?,
        },
    });
    Ok(whole.to_string())
}

/// Pairs that become one token, the first before the later ones. A first line may say a version.
fn merges(path: &Path) -> Result<Vec<Value>, ModelError> {
    let text = std::fs::read_to_string(path).map_err(|source| ModelError::Read { path: path.into(), source })?;
    let lines = text.lines().enumerate().filter(|(at, line)| !line.is_empty() && (*at > 0 || !line.starts_with("#v")));
    lines
        .map(|(at, line)| match line.split_once(' ') {
            Some((left, right)) => Ok(json!([left, right])),
            None => Err(ModelError::Damaged { path: path.into(), why: format!("line {} is no pair", at + 1) }),
        })
        .collect()
}

/// The added tokens, ascending. They are put into the vocabulary too, where their ids cannot be mistaken.
fn added(vocab: &mut Map<String, Value>, config: &Value, map: &Value, numbered: &Value) -> Vec<Value> {
    // (id, name, whether it stands for no text)
    let mut tokens: Vec<(u64, String, bool)> = Vec::new();
    let described = config["added_tokens_decoder"].as_object().into_iter().flatten();
    let described = described.filter_map(|(id, token)| {
        Some((id.parse().ok()?, token["content"].as_str()?.to_owned(), token["special"] == true))
    });
    tokens.extend(described);
    let is_new = |tokens: &[(u64, String, bool)], name: &str| tokens.iter().all(|(_, other, _)| other != name);
    for (name, id) in numbered.as_object().into_iter().flatten() {
        if let Some(id) = id.as_u64().filter(|_| is_new(&tokens, name)) {
            // These files do not say; names in angle brackets are none that a text has.
            let special = name.starts_with('<') && name.ends_with('>');
            tokens.push((id, name.clone(), special));
        }
    }
    let named = [config, map].into_iter().flat_map(|file| NAMED.iter().map(|key| &file[*key]));
    let more = [config, map].into_iter().filter_map(|file| file["additional_special_tokens"].as_array()).flatten();
    let name = |token: &Value| token.as_str().or_else(|| token["content"].as_str()).map(str::to_owned);
    for name in named.chain(more).filter_map(name).chain(["<|endoftext|>".to_owned()]) {
        match tokens.iter_mut().find(|(_, other, _)| *other == name) {
            Some(token) => token.2 = true,
            None => tokens.extend(vocab.get(&name).and_then(Value::as_u64).map(|id| (id, name, true))),
        }
    }
    tokens.sort();
    for (id, name, _) in &tokens {
        vocab.insert(name.clone(), (*id).into());
    }
    let whole = |(id, name, special): (u64, String, bool)| {
        json!({ "id": id, "content": name, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": special })
    };
    tokens.into_iter().map(whole).collect()
}
