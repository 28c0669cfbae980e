//! Tokenizers in the forms that they are published in: the lists of older ones, and those of llama.cpp's files.

use std::fs;
use std::path::Path;

use lacuna::model::{Checkpoint, LoadOptions, Overrides};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::models::{Home, first_canvas};
use crate::support::{json, refused, run};
use crate::tiny;

/// The tokens of a text, as the model's own tokenizer has them.
fn encoded(model: &Path, text: &str) -> Vec<u32> {
    let options = LoadOptions {
        threads: 1,
        overrides: Overrides { mask: Some(170), ..Overrides::default() },
        ..LoadOptions::default()
    };
    let model = Checkpoint::open(model, &options.overrides).unwrap().load("test", &options).unwrap();
    model.tokenizer().unwrap().encode(text).unwrap()
}

/// Writes the tokenizer of a tiny model as the lists that older ones come as; gives them.
pub(crate) fn make_lists(from: &Path, to: &Path, class: &str) -> [(&'static str, String); 4] {
    let whole: Value = serde_json::from_slice(&fs::read(from.join("tokenizer.json")).unwrap()).unwrap();
    let mut vocab = whole["model"]["vocab"].as_object().unwrap().clone();
    // One of the added tokens is described in one file, two are numbered in another; none is in `vocab.json`.
    for name in ["<|im_start|>", "<|im_end|>", "<|mask|>"] {
        vocab.remove(name);
    }
    vocab.insert("ab".into(), 99.into());
    vocab.insert("12".into(), 100.into());
    let described = json!({ tiny::START.to_string(): { "content": "<|im_start|>", "special": true } });
    let config = json!({
        "tokenizer_class": class, "added_tokens_decoder": described, "eos_token": "<|im_end|>",
        "chat_template": tiny::TEMPLATE,
    });
    let lists = [
        ("vocab.json", Value::Object(vocab).to_string()),
        ("merges.txt", "#version: 0.2\na b\n1 2\n".to_owned()),
        ("tokenizer_config.json", config.to_string()),
        ("added_tokens.json", json!({ "<|im_end|>": tiny::END, "<|mask|>": 170 }).to_string()),
    ];
    for (name, text) in &lists {
        fs::write(to.join(name), text).unwrap();
    }
    lists
}

/// A folder with the same checkpoint and such a tokenizer.
fn with_lists(from: &Path, to: &Path, class: &str) {
    fs::create_dir_all(to).unwrap();
    for file in ["config.json", "model.safetensors"] {
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
    make_lists(from, to, class);
}

#[test]
fn a_tokenizer_published_as_lists_is_read_carried_along_and_told_when_broken() {
    let home = Home::new();
    let (from, lists) = (home.path("from"), home.path("lists"));
    tiny::model("dream", 170, &from);
    with_lists(&from, &lists, "DreamTokenizer");
    // Merged as `merges.txt` says; digits one by one, as Qwen's class has them and GPT-2's has not.
    let qwen = [&[tiny::token('c'), 99][..], &tiny::tokens(" 12")].concat();
    let gpt = [&[tiny::token('c'), 99][..], &tiny::tokens(" "), &[100]].concat();
    assert_eq!(encoded(&lists, "cab 12"), qwen);
    with_lists(&from, &lists, "GPT2Tokenizer");
    assert_eq!(encoded(&lists, "cab 12"), gpt);
    with_lists(&from, &lists, "DreamTokenizer");
    // Marks of a conversation are tokens in a template and letters in a text.
    let instructed = first_canvas(
        &home,
        &["--model", lists.to_str().unwrap(), "--mask-id", "170", "--instruction", "x", "<|im_end|>[MASK:1]"],
    );
    assert_eq!(instructed[0], tiny::START);
    assert_eq!(instructed.iter().filter(|id| **id == tiny::END).count(), 2, "{instructed:?}");
    // A folder without one takes it from another.
    fs::remove_file(from.join("tokenizer.json")).unwrap();
    let bare = home.run(&["fill", "--model", from.to_str().unwrap(), "--mask-id", "170", "a[MASK:1]"]);
    refused(&bare, 1, &["no tokenizer.json", "merges.txt", "--tokenizer"]);
    let borrowed = ["--model", from.to_str().unwrap(), "--tokenizer", lists.to_str().unwrap(), "--mask-id", "170"];
    assert!(first_canvas(&home, &[&borrowed[..], &["cab\n[MASK:2]"]].concat()).starts_with(&[tiny::token('c'), 99]));
    // A packed file has it whole.
    let packed = home.path("packed.gguf");
    let args = ["models", "quantize", lists.to_str().unwrap(), "--to", "f16", "-o", packed.to_str().unwrap(), "--json"];
    json(&home.run(&[&args[..], &["--mask-id", "170"]].concat()));
    assert_eq!(encoded(&packed, "cab 12"), qwen);

    let source = home.path("source");
    tiny::model("dream", 170, &source);
    let spoil = |file: &str, text: &str, words: &[&str]| {
        with_lists(&source, &lists, "DreamTokenizer");
        fs::write(lists.join(file), text).unwrap();
        refused(&home.run(&["fill", "--model", lists.to_str().unwrap(), "a[MASK:1]"]), 1, words);
    };
    spoil("merges.txt", "a b\nab\n", &["merges.txt", "line 2", "no pair"]);
    spoil("vocab.json", "[1]", &["vocab.json", "no list of tokens"]);
    spoil("vocab.json", r#"{"a": 0, "b": 4000000000}"#, &["vocab.json", "4000000000", "no vocabulary has"]);
    spoil("vocab.json", r#"{"a": 0, "b": -1}"#, &["vocab.json"]);
    spoil("added_tokens.json", "{", &["added_tokens.json", "damaged"]);
}

#[test]
fn llama_cpps_files_are_cut_as_their_tokenizers_name_says() {
    const START: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|";
    const END: &str = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    const LING: &str =
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+";
    let folder = TempDir::new().unwrap();
    let bytes = |plain: bool| json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": plain });
    let by = |expression: &str| {
        let split =
            json!({ "type": "Split", "pattern": { "Regex": expression }, "behavior": "Isolated", "invert": false });
        json!({ "type": "Sequence", "pretokenizers": [split, bytes(false)] })
    };
    let apart = |text: &str| tiny::tokens(text);
    let (number, breaks) = (vec![100], vec![101]);
    for (name, step, cut) in [
        ("gpt-2", bytes(true), [number.clone(), apart("\n\n")]),
        ("qwen2", by(&[START, r"\p{N}", END].concat()), [apart("12"), breaks.clone()]),
        ("llama-bpe", by(&[START, r"\p{N}{1,3}", END].concat()), [number, breaks.clone()]),
        ("llada-moe", by(LING), [apart("12"), breaks]),
    ] {
        let (from, packed) = (folder.path().join(name), folder.path().join(format!("{name}.gguf")));
        tiny::model("dream", 170, &from);
        let mut tokenizer: Value = serde_json::from_slice(&fs::read(from.join("tokenizer.json")).unwrap()).unwrap();
        tokenizer["pre_tokenizer"] = step;
        tokenizer["model"]["vocab"]["12"] = json!(100);
        tokenizer["model"]["vocab"]["ĊĊ"] = json!(101);
        tokenizer["model"]["merges"] = json!([["1", "2"], ["Ċ", "Ċ"]]);
        fs::write(from.join("tokenizer.json"), tokenizer.to_string()).unwrap();
        let (source, target) = (from.to_str().unwrap(), packed.to_str().unwrap());
        json(&run(&["models", "quantize", source, "--to", "f16", "-o", target, "--json", "--mask-id", "170"]));
        let mut file = fs::File::open(&packed).unwrap();
        let said = candle_core::quantized::gguf_file::Content::read(&mut file).unwrap().metadata;
        assert_eq!(said["tokenizer.ggml.pre"].to_string().unwrap(), name);
        // As llama.cpp writes it: without the whole tokenizer.json in it.
        let mut content = fs::read(&packed).unwrap();
        let key = b"tokenizer.huggingface.json";
        let at = content.windows(key.len()).position(|window| window == key).unwrap();
        content[at + key.len() - 4..at + key.len()].copy_from_slice(b"none");
        fs::write(&packed, content).unwrap();
        for model in [&from, &packed] {
            assert_eq!(encoded(model, "12\n\nx"), [cut.concat(), apart("x")].concat(), "{name}, {model:?}");
        }
    }
}
