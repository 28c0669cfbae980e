//! The command line, as a script would use it: the real binary, its output, its exit codes.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{fixture, json, lacuna, refused, run, run_with};

fn ids_file(folder: &TempDir, value: &Value) -> String {
    let path = folder.path().join("ids.json");
    fs::write(&path, value.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A copy of a golden folder that may be spoilt.
fn copy_of(name: &str, into: &TempDir) -> PathBuf {
    let copy = into.path().join(name);
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(fixture(name)).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
    }
    copy
}

const FRANCE: &str = "The capital of France is [MASK:1], and its river is the [MASK:1].";

#[test]
fn fill_prints_the_promised_document_and_the_same_seed_gives_the_same_text() {
    let fill = |threads| json(&run_with(&["fill", "--seed", "1", "--json", "--threads", threads], FRANCE.as_bytes()));
    let one = fill("1");
    let mut keys: Vec<&String> = one.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["holes", "model", "nfe", "seconds", "seed", "text"]);
    let filled = one["text"].as_str().unwrap();
    let holes = one["holes"].as_array().unwrap();
    assert_eq!(holes.len(), 2);
    for hole in holes {
        let (start, end) = (hole["start"].as_u64().unwrap() as usize, hole["end"].as_u64().unwrap() as usize);
        assert_eq!(&filled[start..end], hole["text"].as_str().unwrap());
        assert_eq!(hole["tokens"], 1);
        assert!(hole["mean_logprob"].as_f64().unwrap() < 0.0);
    }
    let (first, second) = (&holes[0], &holes[1]);
    assert!(filled.starts_with("The capital of France is ") && filled.ends_with('.'));
    assert_eq!(
        &filled[first["end"].as_u64().unwrap() as usize..second["start"].as_u64().unwrap() as usize],
        ", and its river is the "
    );
    assert_eq!((one["seed"].as_u64(), one["model"].as_str()), (Some(1), Some("lacuna-135m")));
    for threads in ["1", "3"] {
        assert_eq!(fill(threads)["text"], one["text"], "{threads} threads");
    }
}

#[test]
fn draws_depend_on_the_seed_and_not_on_the_threads() {
    let story = "She opened the door and [MASK:6] ran out into the garden.";
    let fill = |seed, threads| {
        let args = ["fill", "--seed", seed, "--threads", threads, "--temperature", "1.5", "--json", story];
        json(&run(&args))["text"].as_str().unwrap().to_owned()
    };
    let texts: Vec<String> = ["1", "2", "3"].map(|seed| fill(seed, "1")).to_vec();
    assert_eq!(fill("1", "3"), texts[0]);
    assert!(texts[0] != texts[1] || texts[1] != texts[2], "three seeds gave one text: {texts:?}");
}

#[test]
fn bytes_outside_of_holes_come_out_as_they_went_in() {
    let output = run_with(&["fill", "--seed", "1"], "a\r\n\tb é [MASK:1] \\[MASK] end".as_bytes());
    let filled = String::from_utf8(output.stdout).unwrap();
    assert!(filled.starts_with("a\r\n\tb é ") && filled.ends_with(" [MASK] end"), "{filled:?}");
}

#[test]
fn a_hole_with_no_context_at_all_is_filled() {
    let filled = json(&run(&["fill", "--seed", "1", "--json", "[MASK:3]"]));
    assert_eq!(filled["holes"][0]["tokens"], 3);
    assert!(!filled["text"].as_str().unwrap().is_empty());
}

#[test]
fn lengths_are_found_within_their_range_and_matches_become_holes() {
    let filled = json(&run(&["fill", "--seed", "1", "--json", "The cat sat [MASK:2-4] the mat."]));
    let tokens = filled["holes"][0]["tokens"].as_u64().unwrap();
    assert!((2..=4).contains(&tokens), "{tokens}");
    assert!(filled["nfe"].as_u64().unwrap() > 3, "lengths were not measured");
    let filled = json(&run(&["fill", "--seed", "1", "--json", "--mask-regex", "b+", "a bb c"]));
    assert_eq!(filled["holes"].as_array().unwrap().len(), 1);
    assert!(filled["text"].as_str().unwrap().starts_with("a "));
}

#[test]
fn holes_inside_words_complete_them() {
    for (text, hole, whole) in [
        ("The capi[MASK]l of France is Paris, they say.", "ta", "The capital of France is Paris, they say."),
        ("The capital of France is Par[MASK:1], they say.", "is", "The capital of France is Paris, they say."),
    ] {
        let filled = json(&run(&["fill", "--seed", "1", "--json", text]));
        let holes = filled["holes"].as_array().unwrap();
        assert_eq!((&holes[0]["text"], &filled["text"]), (&hole.into(), &whole.into()), "{filled}");
        assert!(holes[0].get("constraints").is_none());
    }
    let filled = json(&run(&["fill", "--seed", "1", "--json", "The capi[MASK]l of France is Par[MASK]."]));
    let text = filled["text"].as_str().unwrap();
    // Which word it is, is the model's matter; that it is one word is not.
    let word = text.strip_prefix("The capital of France is Par").and_then(|rest| rest.strip_suffix('.'));
    assert!(word.is_some_and(|rest| !rest.is_empty() && rest.chars().all(char::is_alphabetic)), "{text}");
    // A length that was asked for is kept, also where the word goes on.
    let filled = json(&run(&["fill", "--seed", "1", "--json", "He was walk[MASK:3] home, she said."]));
    let text = filled["text"].as_str().unwrap();
    assert!(text.starts_with("He was walk") && text.ends_with(" home, she said."), "{text}");
    assert_eq!(filled["holes"][0]["tokens"], 3);
}

#[test]
fn demands_are_met_and_reported() {
    let year = ["fill", "--seed", "1", "--json", "It ended in [MASK /[0-9]{4}/] with [MASK:3] dead.", "--ban", "e"];
    let filled = json(&run(&year));
    let holes = filled["holes"].as_array().unwrap();
    let text = |hole: usize| holes[hole]["text"].as_str().unwrap();
    assert!(text(0).len() == 4 && text(0).bytes().all(|byte| byte.is_ascii_digit()), "{filled}");
    assert!(!text(1).contains('e'), "{filled}");
    let said = |constraint: &str| serde_json::json!({ "constraint": constraint, "met": true });
    assert_eq!(holes[0]["constraints"], serde_json::json!([said("match [0-9]{4}"), said("ban e")]));
    assert_eq!(holes[1]["constraints"], serde_json::json!([said("ban e")]));
    let few = [
        "fill",
        "--seed",
        "1",
        "--json",
        "--charset",
        "a-z ",
        "--max-lines",
        "1",
        "--need",
        "fish",
        "We ate [MASK:4].",
    ];
    let filled = json(&run(&few));
    let text = filled["holes"][0]["text"].as_str().unwrap();
    assert!(text.contains("fish") && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_lowercase()), "{filled}");
}

#[test]
fn code_parses_with_its_hole_filled() {
    let code = "def area(width, height):\n    return [MASK:4]\n\nprint(area(2, 3))\n";
    let filled =
        json(&run_with(&["fill", "--seed", "1", "--json", "--must-parse", "python", "--balanced"], code.as_bytes()));
    let constraints = filled["holes"][0]["constraints"].as_array().unwrap();
    assert!(constraints.len() == 2 && constraints.iter().all(|it| it["met"] == true), "{filled}");
}

#[test]
fn demands_that_cannot_be_met_are_told_before_any_pass() {
    refused(&run(&["fill", "--match", "[0-9]{40}", "In [MASK:2]."]), 1, &["no text of 2 tokens", "[0-9]{40}"]);
    refused(&run(&["fill", "--match", "(a", "In [MASK:2]."]), 2, &["--match (a", "unclosed"]);
    refused(&run(&["fill", "--match", "a", "--ban", "a", "In [MASK:2]."]), 1, &["no text meets"]);
    refused(&run(&["fill", "--must-parse", "cobol", "In [MASK:2]."]), 2, &["cobol", "rust"]);
}

#[test]
fn rewriting_changes_only_the_range() {
    let sentence = "The old man was walking very slowly along the long and dusty road.";
    let args = ["fill", "--seed", "1", "--json", "--strength", "0.4", "--range", "12..38", sentence];
    let rewritten = json(&run(&args));
    let found = rewritten["text"].as_str().unwrap();
    assert!(found.starts_with(&sentence[..12]) && found.ends_with(&sentence[38..]), "{found}");
    // What is demanded holds though the text did not meet it.
    let args = ["fill", "--seed", "1", "--json", "--strength", "1", "--range", "12..16", "--match", "[A-Z][a-z]+"];
    let filled = json(&run(&[&args[..], &["The book is good."]].concat()));
    let text = filled["text"].as_str().unwrap();
    let word = text.strip_prefix("The book is ").and_then(|rest| rest.strip_suffix('.')).unwrap();
    assert!(word.starts_with(|c: char| c.is_ascii_uppercase()), "{text}");
    refused(&run(&["fill", "--strength", "0.4", "--range", "12..380", sentence]), 1, &["12..380", "66 bytes"]);
    refused(&run(&["fill", "--strength", "1.4", "--range", "1..3", sentence]), 2, &["--strength"]);
}

#[test]
fn a_line_that_is_missing_is_indented_as_its_place_asks() {
    let output = run_with(&["fill", "--seed", "1"], b"def double(x):\n[MASK:6]\n\nprint(double(2))\n");
    let filled = String::from_utf8(output.stdout).unwrap();
    let line = filled.strip_prefix("def double(x):\n    ").unwrap_or_default();
    assert!(line.starts_with(|c: char| c.is_ascii_alphabetic()), "{filled}");
}

#[test]
fn a_trace_has_one_line_a_step() {
    let folder = TempDir::new().unwrap();
    let trace = folder.path().join("trace.jsonl");
    json(&run(&["fill", "--seed", "1", "--json", "--sampler", "llada", "--trace", text(&trace), "one [MASK:3] five"]));
    let lines: Vec<Value> =
        fs::read_to_string(&trace).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    for (step, line) in lines.iter().enumerate() {
        assert_eq!((line["step"].as_u64(), line["nfe"].as_u64()), (Some(step as u64), Some(step as u64 + 1)));
        assert_eq!(line["edits"].as_array().unwrap().len(), 1);
        assert!(line["ids"].as_array().unwrap().len() >= 5);
    }
}

#[test]
fn what_cannot_be_filled_is_told_in_one_line() {
    refused(&run(&["fill", "no hole here"]), 1, &["[MASK]"]);
    // A file was meant, and named as a text.
    refused(&run(&["fill", "Cargo.toml"]), 1, &["--file Cargo.toml"]);
    refused(&run(&["fill", "[MASK:0]"]), 2, &["[MASK:0]", "at least 1"]);
    refused(&run_with(&["fill"], b"caf\xe9 [MASK]"), 1, &["UTF-8", "byte 3"]);
    refused(&run(&["fill", "--file", "/nowhere/at/all"]), 1, &["/nowhere/at/all"]);
    refused(&run(&["fill", "[MASK:5000]"]), 1, &["5000", "2048"]);
    refused(&run(&["fill", "[MASK:100000000]"]), 1, &["100000000", "2048"]);
    refused(&run(&["fill", "[MASK:18446744073709551615] [MASK:18446744073709551615]"]), 1, &["2048"]);
    refused(&run(&["fill", "--sampler", "nonsense", "[MASK]"]), 2, &["nonsense"]);
    refused(&run(&["fill", "--model", "/nowhere", "[MASK]"]), 1, &["/nowhere"]);
    refused(&run(&["fill", "--trace", "/nowhere/t", "[MASK:1]"]), 1, &["/nowhere/t"]);
    #[cfg(not(feature = "cuda"))]
    refused(&run(&["fill", "--device", "cuda", "[MASK:1]"]), 1, &["--features cuda"]);
}

#[test]
fn usage_errors_exit_with_two() {
    for args in [&["fill", "--nonsense"][..], &["logits"], &["fill", "--threads", "0", "x"], &["models", "check"]] {
        assert_eq!(run(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn the_editor_needs_a_terminal() {
    refused(&run(&[]), 1, &["terminal"]);
}

#[test]
fn logits_and_denoise_give_the_references_numbers() {
    let folder = TempDir::new().unwrap();
    let cases: Value = serde_json::from_slice(&fs::read(fixture("llada").join("cases.json")).unwrap()).unwrap();
    let case = &cases["cases"][0];
    let file = ids_file(&folder, &json!({ "ids": case["input_ids"] }));
    let model = fixture("llada");
    let answer = json(&run(&["logits", "--model", text(&model), "--ids", &file, "--rows", "8,0"]));
    for (found, row) in answer["logits"].as_array().unwrap().iter().zip(["8", "0"]) {
        let expected = case["logits"][row].as_array().unwrap();
        let found = found.as_array().unwrap();
        assert_eq!(found.len(), expected.len());
        let far = |(a, b): (&Value, &Value)| (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() > 3e-4;
        assert!(!found.iter().zip(expected).any(far));
    }
    let traces: Value = serde_json::from_slice(&fs::read(model.join("traces.json")).unwrap()).unwrap();
    let trace = &traces["traces"][1];
    let file = ids_file(&folder, &json!({ "ids": trace["initial"] }));
    let args = ["denoise", "--model", text(&model), "--ids", &file, "--sampler", "llada:block=8", "--steps", "8"];
    let answer = json(&run(&args));
    assert_eq!(answer["ids"], trace["final"]);
    assert_eq!(answer["nfe"], 8);
}

#[test]
fn ids_that_no_vocabulary_has_are_refused() {
    let folder = TempDir::new().unwrap();
    let model = fixture("llada");
    let file = ids_file(&folder, &json!({ "ids": [1, 999] }));
    refused(&run(&["logits", "--model", text(&model), "--ids", &file]), 1, &["999", "159"]);
    let file = ids_file(&folder, &json!({ "ids": [1, 2] }));
    refused(&run(&["logits", "--model", text(&model), "--ids", &file, "--rows", "7"]), 1, &["row 7"]);
    refused(&run(&["denoise", "--model", text(&model), "--ids", &file]), 1, &["150"]);
    let file = ids_file(&folder, &json!({ "tokens": [1] }));
    refused(&run(&["logits", "--model", text(&model), "--ids", &file]), 1, &["ids"]);
}

#[test]
fn the_golden_check_passes_and_notices_a_changed_number() {
    let folder = TempDir::new().unwrap();
    let copy = copy_of("a2d-qwen2", &folder);
    let report = json(&run(&["models", "check", text(&copy), "--golden", "--json"]));
    assert_eq!((report["family"].as_str(), report["cases"]["passed"].as_u64()), (Some("a2d-qwen2"), Some(5)));
    assert_eq!(report["traces"]["skipped"].as_u64(), Some(report["skipped"].as_array().unwrap().len() as u64));
    // One reported logit of one case, changed by a hundredth.
    let path = copy.join("cases.json");
    let mut cases: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let number = &mut cases["cases"][2]["logits"]["0"][17];
    *number = json!(number.as_f64().unwrap() + 0.01);
    fs::write(&path, cases.to_string()).unwrap();
    let output = run(&["models", "check", text(&copy), "--golden", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((report["cases"]["passed"].as_u64(), report["cases"]["failed"].as_u64()), (Some(4), Some(1)));
}

#[test]
fn a_changed_state_of_a_trace_is_noticed() {
    let folder = TempDir::new().unwrap();
    let copy = copy_of("llada", &folder);
    let path = copy.join("traces.json");
    let mut traces: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let state = &mut traces["traces"][0]["states"][3];
    let changed = state.as_array().unwrap().iter().position(|id| *id != json!(150)).unwrap();
    state[changed] = json!(1);
    fs::write(&path, traces.to_string()).unwrap();
    let output = run(&["models", "check", text(&copy), "--golden", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), report["traces"]["failed"].as_u64()), (Some(1), Some(1)));
}

#[test]
fn broken_checkpoints_are_told_apart() {
    let check = |copy: &Path| run(&["models", "check", text(copy)]);
    let spoilt = |spoil: fn(&Path)| {
        let folder = TempDir::new().unwrap();
        let copy = copy_of("llada", &folder);
        spoil(&copy);
        (check(&copy), folder)
    };
    let edit_config = |copy: &Path, from: &str, to: &str| {
        let path = copy.join("config.json");
        let config = fs::read_to_string(&path).unwrap();
        assert!(config.contains(from), "{from}");
        fs::write(&path, config.replace(from, to)).unwrap();
    };
    let (output, _keep) = spoilt(|copy| {
        let path = copy.join("model.safetensors");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    });
    refused(&output, 1, &["model.safetensors", "damaged"]);
    let (output, _keep) = spoilt(|copy| fs::remove_file(copy.join("config.json")).unwrap());
    refused(&output, 1, &["config.json"]);
    let (output, _keep) = spoilt(|copy| fs::remove_file(copy.join("model.safetensors")).unwrap());
    refused(&output, 1, &[".safetensors"]);
    let (output, _keep) = spoilt(|copy| fs::write(copy.join("config.json"), "{").unwrap());
    refused(&output, 1, &["config.json"]);
    for (from, to, named) in [
        ("\"n_layers\": 3,", "", "n_layers"),
        ("\"n_heads\": 4", "\"n_heads\": 0", "heads"),
        ("\"n_heads\": 4", "\"n_heads\": \"four\"", "n_heads"),
        ("\"model_type\": \"llada\"", "\"model_type\": \"mamba\"", "mamba"),
        ("\"activation_type\": \"silu\"", "\"activation_type\": \"relu\"", "activation_type"),
    ] {
        let folder = TempDir::new().unwrap();
        let copy = copy_of("llada", &folder);
        edit_config(&copy, from, to);
        refused(&check(&copy), 1, &[named]);
    }
    // A configuration that lies about a size: the report lists the tensors, the error counts them.
    let folder = TempDir::new().unwrap();
    let copy = copy_of("llada", &folder);
    edit_config(&copy, "\"mlp_hidden_size\": 96", "\"mlp_hidden_size\": 97");
    let output = check(&copy);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("misshapen"), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("9 have another shape"), "{output:?}");
    refused(&run(&["models", "check", "/nowhere"]), 1, &["/nowhere"]);
}

#[test]
fn a_damaged_gguf_and_a_foreign_tokenizer_are_refused() {
    let folder = TempDir::new().unwrap();
    let assets = crate::support::project("assets/lacuna-135m");
    let gguf = fs::read_dir(&assets)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|kind| kind == "gguf"))
        .unwrap();
    let bytes = fs::read(&gguf).unwrap();
    let cut = folder.path().join("cut.gguf");
    fs::write(&cut, &bytes[..bytes.len() - 1_000_000]).unwrap();
    refused(
        &run(&["fill", "--model", text(&cut), "--tokenizer", text(&assets.join("tokenizer.json")), "[MASK:1]"]),
        1,
        &["damaged"],
    );
    fs::write(&cut, b"GGUF and then nothing").unwrap();
    refused(&run(&["fill", "--model", text(&cut), "[MASK:1]"]), 1, &["cut.gguf"]);
    // A tokenizer of another model: fewer tokens than the mask's id.
    let tokenizer = folder.path().join("tokenizer.json");
    let other = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,"pre_tokenizer":null,
        "post_processor":null,"decoder":null,"model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,
        "end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"vocab":{"a":0,"b":1},"merges":[]}}"#;
    fs::write(&tokenizer, other).unwrap();
    refused(&run(&["fill", "--tokenizer", text(&tokenizer), "[MASK:1]"]), 1, &["tokenizer.json", "2 tokens", "49216"]);
    refused(&run(&["fill", "--model", text(&fixture("llada")), "[MASK:1]"]), 1, &["tokenizer.json"]);
}

#[test]
fn models_are_listed_and_shown() {
    let list = json(&run(&["models", "list", "--json"]));
    assert_eq!(list["models"][0]["name"], "lacuna-135m");
    let shown = json(&run(&["models", "show", "--json"]));
    assert_eq!((shown["family"].as_str(), shown["layers"].as_u64()), (Some("llada"), Some(30)));
    let samplers = String::from_utf8(run(&["samplers"]).stdout).unwrap();
    for preset in lacuna::diffusion::preset::presets() {
        assert!(samplers.contains(preset.name) && samplers.contains(preset.source));
    }
    let all = json(&run(&["samplers", "--json"]));
    assert_eq!(all["samplers"].as_array().unwrap().len(), lacuna::diffusion::preset::presets().count());
    let one = String::from_utf8(run(&["samplers", "fast-dllm"]).stdout).unwrap();
    assert!(one.contains("masked conf above(threshold) min=1 write"), "{one}");
    refused(&run(&["samplers", "fast-dlm"]), 2, &["fast-dllm"]);
    let words = String::from_utf8(run(&["samplers", "--words"]).stdout).unwrap();
    assert!(words.contains("the ancestral chance"), "{words}");
}

#[test]
fn a_sampler_of_ones_own_is_read_from_the_settings_and_named_like_any_other() {
    let config = TempDir::new().unwrap();
    let file = config.path().join("lacuna/config.toml");
    fs::create_dir(file.parent().unwrap()).unwrap();
    let with_settings = |text: &str, args: &[&str]| {
        fs::write(&file, text).unwrap();
        lacuna(args).env("XDG_CONFIG_HOME", config.path()).output().unwrap()
    };
    let own = "[samplers.mine]\ndoc = \"My own.\"\nnotation = \"masked -pos best(1) write\"\n";
    let fill = ["fill", "--seed", "1", "--json", "--sampler", "mine:temperature=0", "one [MASK:2] four"];
    if cfg!(target_os = "linux") {
        assert_eq!(json(&with_settings(own, &fill))["nfe"], 2);
        let listed = with_settings(own, &["samplers"]);
        assert!(String::from_utf8(listed.stdout).unwrap().contains("My own."));
        let wrong = with_settings(&own.replace("best", "bets"), &fill);
        refused(&wrong, 2, &["config.toml:1", "`mine`", "bets"]);
    }
    let written_out = ["fill", "--seed", "1", "--json", "--sampler", "masked -pos best(1) write", "one [MASK:2] four"];
    assert_eq!(json(&run(&written_out))["nfe"], 2);
}
