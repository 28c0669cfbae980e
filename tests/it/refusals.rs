//! What the command line refuses, before any work and without touching a file of the user's.

use std::fs;

use serde_json::json;

use crate::models::Home;
use crate::support::{fixture, json as document, refused, run, run_with};
use crate::tiny;

/// A home with a tiny model of text in it, and that model's folder.
fn home() -> (Home, String) {
    let home = Home::new();
    let model = home.path("tiny");
    tiny::model("llada", 150, &model);
    let model = model.to_str().unwrap().to_owned();
    (home, model)
}

#[test]
fn a_file_of_the_users_is_neither_written_over_nor_added_to() {
    let (home, model) = home();
    let path = |name: &str| home.path(name).to_str().unwrap().to_owned();
    let diary = "Dear diary [MASK:2].\n";
    for name in ["diary", "diary.json", "diary.svg", "rows"] {
        fs::write(path(name), diary).unwrap();
    }
    let fill = |args: &[&str]| home.run(&[&["fill", "--seed", "1", "--model", &model], args].concat());
    refused(&fill(&["--file", &path("diary"), "--trace", &path("diary")]), 2, &["--trace", "diary"]);
    refused(&fill(&["--file", &path("diary.json"), "--record", &path("diary.json")]), 2, &["--record"]);
    refused(&fill(&["a[MASK:2]", "--trace", &path("diary")]), 1, &["diary", "trace"]);
    refused(&fill(&["a[MASK:2]", "--record", &path("diary.svg")]), 1, &["diary.svg"]);
    refused(&fill(&["a[MASK:2]", "--record", &path("x.txt")]), 2, &["x.txt", ".gif"]);
    refused(&fill(&["a[MASK:2]", "--record", &path("y.json"), "--trace", &path("y.json")]), 2, &["y.json"]);
    refused(&home.run(&["samplers", "eb", "--check", "--out", &path("rows")]), 1, &["rows"]);
    fs::write(path("ids.json"), r#"{"ids": [3, 150]}"#).unwrap();
    let ids = ["denoise", "--model", &model, "--ids", &path("ids.json"), "--trace", &path("ids.json")];
    refused(&home.run(&ids), 2, &["ids.json"]);
    for name in ["diary", "diary.json", "diary.svg", "rows"] {
        assert_eq!(fs::read_to_string(path(name)).unwrap(), diary);
    }
    // What it wrote itself it may write again.
    for _ in 0..2 {
        let args = ["a[MASK:2]", "--trace", &path("t.jsonl"), "--record", &path("r.json")];
        assert!(fill(&args).status.success());
    }
    for kind in ["json", "cast", "svg", "gif"] {
        for _ in 0..2 {
            let film = path(&format!("film.{kind}"));
            let made = home.run(&["replay", &path("r.json"), "--to", &film, "--size", "40x10", "--json"]);
            assert_eq!(document(&made)["kind"], kind);
        }
    }
    refused(&home.run(&["replay", &path("r.json"), "--to", &path("r.json")]), 2, &["--to", "r.json"]);
}

#[test]
fn a_recording_that_cannot_be_written_does_not_cost_the_text() {
    let (home, model) = home();
    let place = home.path("nowhere/r.json");
    let args = ["fill", "--seed", "1", "--model", &model, "a[MASK:2]", "--record", place.to_str().unwrap()];
    let output = home.run(&args);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(out.starts_with('a') && out.len() > 1 && !out.contains("[MASK"), "{out}");
    assert!(err.contains("nowhere/r.json") && !err.contains("os error"), "{err}");
}

#[test]
fn what_is_typed_wrongly_is_wrong_usage_and_told_before_anything_is_loaded() {
    // A model that is not there would be told first, if anything was looked for.
    let nowhere = |args: &[&str]| run(&[args, &["--model", "/nowhere"]].concat());
    for (args, named) in [
        (&["fill", "a[MASK]", "--match", "["][..], "--match ["),
        (&["fill", "a[MASK]", "--charset", "z-a"], "--charset z-a"),
        (&["fill", "a[MASK]", "--ban", ""], "--ban"),
        (&["fill", "a[MASK]", "--record", "x.txt"], "--record x.txt"),
        (&["fill", "a[MASK]", "--range", "0..1", "--strength", "0.5"], "--range"),
        (&["fill", "a[MASK]", "--steps", "1000001"], "from 1 to 1000000"),
        (&["fill", "a[MASK]", "--temperature", "-1"], "`temperature` cannot be `-1`"),
        (&["score", "a", "--sampler", "foo"], "foo"),
        (&["score", "a", "--temperature", "nan"], "temperature"),
        (&["bench", "--passes-only", "--sampler", "foo"], "foo"),
        (&["eval", "--sampler", "foo"], "foo"),
        (&["eval", "--holes", "0"], "--holes 0"),
        (&["calibrate", "a.txt", "--sampler", "foo"], "foo"),
        (&["logits", "--ids", "a.json", "--trace", "t"], "--trace"),
        (&["models", "quantize", "x", "--to", "f16", "-o", "x.bin"], ".gguf"),
    ] {
        refused(&nowhere(args), 2, &[named]);
    }
    refused(&run(&["fill", "a[MASK]", "--model", ""]), 2, &["--model"]);
    assert_eq!(nowhere(&["fill", "ab", "--range", "0..1", "--mask-regex", "a"]).status.code(), Some(2));
    refused(&run(&["fil", "a[MASK]"]), 2, &["`lacuna fill`", "./fil"]);
    refused(&run(&["fill", "a", "--mask-regex", "z"]), 1, &["--mask-regex z matches nothing"]);
}

#[test]
fn the_second_model_is_looked_for_before_the_first_is_measured() {
    let (home, model) = home();
    refused(&home.run(&["eval", "--model", &model, "--beside", "lacunna"]), 1, &["lacunna"]);
}

#[test]
fn a_folder_that_lies_here_stands_in_the_way_of_no_name() {
    let (home, _) = home();
    fs::create_dir(home.path("lacuna-135m")).unwrap();
    let shown = |args: &[&str]| home.lacuna(args).current_dir(home.path(".")).output().unwrap();
    assert_eq!(document(&shown(&["models", "show", "--json"]))["family"], "llada");
    // What is called so nowhere else is a path.
    assert_eq!(document(&shown(&["models", "show", "tiny", "--json"]))["family"], "llada");
    refused(&shown(&["models", "show", "./lacuna-135m"]), 1, &["is not a model"]);
}

#[cfg(target_os = "linux")]
#[test]
fn mistakes_in_the_settings_keep_nobody_from_what_they_say_nothing_of() {
    let (home, model) = home();
    let file = home.path("config/lacuna/config.toml");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    for mistake in
        ["[editor]\ntab_width = = 3\n", "[edtior]\n", "[editor]\ncolor = 1\ncolor = 2\n", "[models.a]\nx = \n"]
    {
        fs::write(&file, mistake).unwrap();
        for args in [
            &["models", "check", &model][..],
            &["models", "show"],
            &["samplers", "eb"],
            &["fill", "--seed", "1", "--sampler", "llada", "--model", &model, "a[MASK:1]"],
        ] {
            let output = home.run(args);
            assert!(output.status.success(), "{mistake}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let told = home.run(&["config"]);
        let (out, err) = (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
        assert_eq!(told.status.code(), Some(1), "{mistake}");
        assert!(err.contains("config.toml:") && !out.contains("changes no setting"), "{mistake}: {out}{err}");
    }
    refused(&home.run(&["fill", "--model", "a", "x[MASK:1]"]), 1, &["config.toml:2"]);
    fs::write(&file, format!("[edtior]\n[models.a]\npath = {model:?}\n")).unwrap();
    assert!(home.run(&["models", "check", "a"]).status.success());
}

#[test]
fn a_model_without_a_mask_is_checked_and_asked_for_logits_and_packed_with_a_word_about_it() {
    let home = Home::new();
    let model = fixture("llada-moe");
    let model = model.to_str().unwrap();
    fs::write(home.path("ids.json"), r#"{"ids": [3, 17]}"#).unwrap();
    let ids = home.path("ids.json");
    let logits = |more: &[&str]| {
        document(&home.run(&[&["logits", "--model", model, "--ids", ids.to_str().unwrap()], more].concat()))
    };
    assert_eq!(logits(&[]), logits(&["--mask-id", "110"]));
    assert!(home.run(&["models", "check", model]).status.success());
    let packed = home.path("packed.gguf");
    let packed = packed.to_str().unwrap();
    let told = home.run(&["models", "quantize", model, "--to", "f16", "-o", packed]);
    assert!(String::from_utf8_lossy(&told.stdout).contains("--mask-id N"), "{told:?}");
    fs::write(home.path("ids.json"), r#"{"ids": [3, 110]}"#).unwrap();
    let args = ["denoise", "--seed", "1", "--model", packed, "--ids", ids.to_str().unwrap(), "--mask-id", "110"];
    assert_eq!(document(&home.run(&args))["ids"][0], 3);
}

#[test]
fn standard_input_is_read_by_its_name_and_json_is_one_document() {
    let (_home, model) = home();
    let ids = run_with(&["denoise", "--seed", "1", "--model", &model, "--ids", "-"], br#"{"ids": [3, 150]}"#);
    assert_eq!(document(&ids)["ids"][0], 3);
    let filled = run_with(&["fill", "--json", "--model", &model, "--file", "-"], b"a[MASK:1]");
    assert_eq!(document(&filled)["holes"][0]["tokens"], 1);
    let both = document(&run(&["samplers", "eb", "llada", "--json"]));
    assert_eq!(both["samplers"].as_array().unwrap().len(), 2);
    assert!(document(&run(&["config", "--commands", "--json"]))["commands"][0]["name"].is_string());
    assert!(document(&run(&["config", "--print-default", "--json"]))["default"].is_string());
    let wrong = run_with(&["logits", "--model", &model, "--ids", "-"], br#"{"ids": [1], "attention": 7}"#);
    refused(&wrong, 1, &["standard input", "\"attention\""]);
}

#[test]
fn demands_that_are_not_met_are_said_beside_the_text() {
    let (home, model) = home();
    // An open bracket that two tokens of that kind cannot close.
    let args = ["fill", "--seed", "1", "--model", &model, "a[MASK:2]", "--match", "[(]+", "--balanced"];
    let output = home.run(&args);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && output.stdout == b"a((", "{err}");
    assert!(err.lines().any(|line| line.contains("does not meet") && line.contains("balanced")), "{err}");
}

#[test]
fn forgetting_what_was_never_kept_writes_nothing() {
    let (home, model) = home();
    let output = home.run(&["calibrate", "--forget", "--model", &model]);
    assert_eq!(document(&output)["forgotten"], json!(null));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing is kept"), "{output:?}");
    assert!(!home.path("state/lacuna/lengths.json").exists());
}
