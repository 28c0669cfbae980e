//! Tiny models for work on text: golden checkpoints with a tokenizer made here, in which every ASCII character is a token.

use std::fs;
use std::path::Path;

use lacuna::model::{Checkpoint, Overrides};
use serde_json::{Value, json};

use crate::support::fixture;

/// A template in the way of ChatML, whose markers are tokens.
pub(crate) const TEMPLATE: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/// The markers' tokens.
pub(crate) const START: u32 = 97;
pub(crate) const END: u32 = 98;

/// The token of a character: printable ASCII from the space on, then the line break.
pub(crate) fn token(c: char) -> u32 {
    if c == '\n' { 95 } else { u32::from(c) - 32 }
}

/// The tokens of a text.
pub(crate) fn tokens(text: &str) -> Vec<u32> {
    text.chars().map(token).collect()
}

/// `tokenizer.json` with a token for each character and a mask token of this id.
fn tokenizer(mask: u32) -> Value {
    let special = [("<|im_start|>", START), ("<|im_end|>", END), ("<|mask|>", mask)];
    of_characters((' '..='~').chain(['\n']).map(|c| (c, token(c))), &special)
}

/// `tokenizer.json` with these characters and special tokens.
fn of_characters(characters: impl Iterator<Item = (char, u32)>, special: &[(&str, u32)]) -> Value {
    let mut vocab = serde_json::Map::new();
    for (c, id) in characters {
        // GPT-2's stand-ins for the two that are not printable.
        let spelt = match c {
            ' ' => 'Ġ',
            '\n' => 'Ċ',
            c => c,
        };
        vocab.insert(spelt.to_string(), id.into());
    }
    for (name, id) in special {
        vocab.insert((*name).into(), (*id).into());
    }
    let added: Vec<Value> = special
        .iter()
        .map(|(name, id)| {
            json!({ "id": id, "content": name, "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": true })
        })
        .collect();
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
        // Every character is a piece of its own: a hole's edge is never inside one.
        "pre_tokenizer": { "type": "Sequence", "pretokenizers": [
            { "type": "Split", "pattern": { "Regex": "[\\s\\S]" }, "behavior": "Isolated", "invert": false },
            { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false },
        ]},
        "post_processor": null,
        "decoder": { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false },
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocab, "merges": [],
        },
    })
}

/// Makes a folder with a golden checkpoint and this tokenizer.
pub(crate) fn model(name: &str, mask: u32, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for entry in fs::read_dir(fixture(name)).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        if file == "config.json" || file.starts_with("model") {
            fs::copy(&path, folder.join(file)).unwrap();
        }
    }
    fs::write(folder.join("tokenizer.json"), tokenizer(mask).to_string()).unwrap();
}

/// The same with a chat template.
pub(crate) fn chat_model(name: &str, mask: u32, folder: &Path) {
    model(name, mask, folder);
    let config = json!({ "chat_template": TEMPLATE, "eos_token": "<|im_end|>" });
    fs::write(folder.join("tokenizer_config.json"), config.to_string()).unwrap();
}

/// What a small vocabulary can write.
const CHARACTERS: &str = "abcdefghijklmnopqrstuvwxyz \n.,0123456789";

/// Gives a checkpoint of any family a tokenizer: a token for each of a few characters, around the tokens that its files
/// name. What is masked is said by the checkpoint, or else by this tokenizer.
pub(crate) fn give_tokenizer(folder: &Path) {
    let checkpoint = Checkpoint::open(folder, &Overrides::default()).unwrap();
    let (how, rows) = (&checkpoint.descriptor, checkpoint.vocabulary_size() as u32);
    let mut special: Vec<(String, u32)> = Vec::new();
    if !checkpoint.is_continuous() {
        special.extend(how.mask.or(Some(rows - 1)).filter(|mask| *mask < rows).map(|mask| ("<|mask|>".into(), mask)));
    }
    for id in [how.bos, how.eos, how.expand, how.delete].into_iter().flatten() {
        if special.iter().all(|(_, other)| *other != id) {
            special.push((format!("<|special{id}|>"), id));
        }
    }
    let free = (0..rows).filter(|id| special.iter().all(|(_, other)| other != id));
    let names: Vec<(&str, u32)> = special.iter().map(|(name, id)| (name.as_str(), *id)).collect();
    let tokenizer = of_characters(CHARACTERS.chars().zip(free), &names);
    fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
}

/// Copies a golden checkpoint without its golden data, with other values at keys of its `config.json`.
pub(crate) fn copy(name: &str, folder: &Path, changes: &Value) {
    fs::create_dir_all(folder).unwrap();
    for entry in fs::read_dir(fixture(name)).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !["README", "cases", "traces", "logits_", "cont_", "trace_"].iter().any(|golden| file.starts_with(golden)) {
            fs::copy(&path, folder.join(file)).unwrap();
        }
    }
    let Some(changes) = changes.as_object() else { return };
    let path = folder.join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for (key, value) in changes {
        config[key] = value.clone();
    }
    fs::write(path, config.to_string()).unwrap();
}
