//! llama.cpp's own lists of a tokenizer (`tokenizer.ggml.*` of the GGUF specification), for its readers; ours take the
//! whole `tokenizer.json` that lies beside them in the file.
//!
//! Only byte-level BPE is written so, as every diffusion model of llama.cpp has it.

use candle_core::quantized::gguf_file::Value;
use serde_json::Value as Json;

use crate::model::tokenizer::splitting::Splitting;

/// `gguf-py`'s `TokenType`.
const NORMAL: i32 = 1;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;
const UNUSED: i32 = 5;

/// The lists of a `tokenizer.json` for a network with so many rows; none for another kind of tokenizer.
pub(super) fn lists(text: &str, rows: usize) -> Vec<(&'static str, Value)> {
    let Ok(json) = serde_json::from_str::<Json>(text) else { return Vec::new() };
    let (Some(vocab), true) = (json.pointer("/model/vocab").and_then(Json::as_object), is_byte_level(&json)) else {
        return Vec::new();
    };
    let mut tokens: Vec<(String, i32)> = (0..rows).map(|id| (format!("[PAD{id}]"), UNUSED)).collect();
    let added = json["added_tokens"].as_array().into_iter().flatten().filter_map(|token| {
        let kind = if token["special"] == true { CONTROL } else { USER_DEFINED };
        Some((token["content"].as_str()?, token["id"].as_u64()?, kind))
    });
    let own = vocab.iter().filter_map(|(token, id)| Some((token.as_str(), id.as_u64()?, NORMAL)));
    for (token, id, kind) in own.chain(added) {
        if let Some(place) = usize::try_from(id).ok().and_then(|id| tokens.get_mut(id)) {
            *place = (token.to_owned(), kind);
        }
    }
    let merge = |merge: &Json| match merge {
        Json::String(pair) => Some(pair.clone()),
        Json::Array(pair) => Some(format!("{} {}", pair.first()?.as_str()?, pair.get(1)?.as_str()?)),
        _ => None,
    };
    let merges = json.pointer("/model/merges").and_then(Json::as_array);
    let merges = merges.into_iter().flatten().filter_map(merge).map(Value::String).collect();
    let (tokens, kinds): (Vec<_>, Vec<_>) = tokens.into_iter().unzip();
    vec![
        ("tokenizer.ggml.model", Value::String("gpt2".into())),
        ("tokenizer.ggml.pre", Value::String(Splitting::name_of(&json).into())),
        ("tokenizer.ggml.tokens", Value::Array(tokens.into_iter().map(Value::String).collect())),
        ("tokenizer.ggml.token_type", Value::Array(kinds.into_iter().map(Value::I32).collect())),
        ("tokenizer.ggml.merges", Value::Array(merges)),
    ]
}

fn is_byte_level(json: &Json) -> bool {
    let decoder = &json["decoder"];
    let parts = decoder["decoders"].as_array().map_or_else(|| vec![decoder], |parts| parts.iter().collect());
    let is_bpe = json.pointer("/model/type").and_then(Json::as_str) == Some("BPE");
    is_bpe && parts.iter().any(|part| part["type"] == "ByteLevel")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(value: &Value) -> Vec<String> {
        let Value::Array(list) = value else { panic!("{value:?}") };
        list.iter().map(|value| value.to_string().map_or_else(|_| format!("{value:?}"), Clone::clone)).collect()
    }

    fn tokenizer(merges: Json) -> Json {
        json!({
            "added_tokens": [{ "id": 4, "content": "<|mask|>", "special": true }, { "id": 3, "content": "<x>", "special": false }],
            "pre_tokenizer": { "type": "ByteLevel", "use_regex": true },
            "decoder": { "type": "ByteLevel" },
            "model": { "type": "BPE", "vocab": { "a": 0, "b": 1, "ab": 2 }, "merges": merges },
        })
    }

    #[test]
    fn tokens_types_and_merges_of_either_form_are_listed_by_id() {
        for merges in [json!(["a b"]), json!([["a", "b"]])] {
            let lists = lists(&tokenizer(merges).to_string(), 6);
            let names: Vec<&str> = lists.iter().map(|(name, _)| *name).collect();
            assert_eq!(names.len(), 5, "{names:?}");
            assert_eq!(text(&lists[2].1), ["a", "b", "ab", "<x>", "<|mask|>", "[PAD5]"]);
            let Value::Array(kinds) = &lists[3].1 else { panic!() };
            let kinds: Vec<i32> = kinds.iter().map(|kind| kind.to_i32().unwrap()).collect();
            assert_eq!(kinds, [1, 1, 1, 4, 3, 5]);
            assert_eq!(text(&lists[4].1), ["a b"]);
        }
    }

    #[test]
    fn other_tokenizers_have_no_such_lists() {
        let mut other = tokenizer(json!([]));
        other["model"]["type"] = json!("Unigram");
        assert!(lists(&other.to_string(), 6).is_empty() && lists("no json", 6).is_empty());
    }
}
