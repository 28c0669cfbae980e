//! Commands that measure a model and keep what they found: `calibrate`, `samplers --check`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{json, lacuna, refused, run};
use crate::tiny;

/// A tiny model of characters, some pages to cut holes out of, and folders of the user's own.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        tiny::model("llada", 150, &folder.path().join("tiny"));
        let words = ["the", "lake", "was", "cold", "and", "nobody", "came", "over", "it", "before", "spring", "again"];
        let text: Vec<&str> = (0..900).map(|i| words[(i * i + i / 7) % words.len()]).collect();
        fs::write(folder.path().join("pages.txt"), text.join(" ")).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn run(&self, args: &[&str]) -> std::process::Output {
        self.run_with("1", args)
    }

    fn run_with(&self, seed: &str, args: &[&str]) -> std::process::Output {
        let mut command = lacuna(args);
        command.args(["--model", &self.path("tiny"), "--seed", seed]);
        command.env("XDG_STATE_HOME", self.path("state")).env("XDG_CONFIG_HOME", self.path("config"));
        command.output().unwrap()
    }

    /// How many tokens a hole of auto length gets.
    fn tokens(&self) -> Value {
        json(&self.run(&["fill", "--json", "the lake was [MASK] again and nobody came"]))["holes"][0]["tokens"].clone()
    }
}

/// Writes what is kept of all models anew.
fn change(file: &Path, values: &Value) {
    let mut kept: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    for entry in kept.as_object_mut().unwrap().values_mut() {
        for (key, value) in values.as_object().unwrap() {
            entry[key] = value.clone();
        }
    }
    fs::write(file, kept.to_string()).unwrap();
}

#[test]
fn what_calibrating_found_is_kept_for_the_next_run_until_it_is_forgotten() {
    let desk = Desk::new();
    let before = desk.tokens();
    let pages = desk.path("pages.txt");
    let dry = json(&desk.run(&["calibrate", &pages, "--holes", "4", "--dry-run"]));
    assert_eq!(dry["kept"], Value::Null);
    let found = json(&desk.run(&["calibrate", &pages, "--holes", "4"]));
    let file = Path::new(found["kept"].as_str().unwrap()).to_owned();
    assert_eq!((found["holes"].as_u64(), found["model"].as_str()), (Some(4), Some("tiny")));
    for key in ["a", "b", "c", "d", "e", "confidence", "seam", "fluency", "trials", "longest"] {
        assert!(!found[key].is_null() && found[key] == dry[key], "{key}: {found}");
    }
    let said = |key: &str| found["edit_similarity"][key].as_f64().unwrap();
    assert!(said("after") >= said("before") && (0.0..=1.0).contains(&said("known")));
    // A curve that falls without end makes the longest hole the likeliest: so one sees whether it is used.
    let longest = json!({ "a": 0.0, "b": 1.0, "c": 1.0, "d": 1.0, "e": 0.0, "confidence": 1.0, "seam": 0.0,
                          "fluency": 0.0, "refinements": 0, "trials": false, "longest": 3 });
    change(&file, &longest);
    assert_eq!(desk.tokens(), 3);
    // The user's word wins.
    let settings = desk.folder.path().join("config/lacuna");
    fs::create_dir_all(&settings).unwrap();
    fs::write(settings.join("config.toml"), "[models.tiny]\nlongest = 5\n").unwrap();
    assert_eq!(desk.tokens(), 5);
    fs::remove_file(settings.join("config.toml")).unwrap();
    // Another model is not this one.
    let weights = desk.folder.path().join("tiny/config.json");
    let config = fs::read_to_string(&weights).unwrap();
    fs::write(&weights, format!("{config}\n")).unwrap();
    assert_eq!(desk.tokens(), before);
    fs::write(&weights, config).unwrap();
    assert_eq!(desk.tokens(), 3);
    json(&desk.run(&["calibrate", "--forget"]));
    assert_eq!(desk.tokens(), before);
    // A file that cannot be read says nothing.
    fs::write(&file, "{").unwrap();
    assert_eq!(desk.tokens(), before);
    let bare = run(&["calibrate"]);
    assert!(bare.status.code() == Some(2) && String::from_utf8_lossy(&bare.stderr).contains("<FILE|FOLDER>"));
}

#[test]
fn a_check_of_samplers_keeps_its_rows_and_goes_on_from_them() {
    let desk = Desk::new();
    let (pages, out) = (desk.path("pages.txt"), desk.path("rows"));
    let check = |names: &[&str], holes: &str| {
        let args = ["--check", "--text", &pages, "--holes", holes, "--out", &out, "--json"];
        desk.run(&[&["samplers"], names, &args].concat())
    };
    let rows = || fs::read_to_string(&out).unwrap().lines().count();
    let first = json(&check(&["eb", "mdlm"], "3"));
    let names = |value: &Value| -> Vec<String> {
        value["samplers"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((names(&first), rows()), (vec!["eb".to_owned(), "mdlm".to_owned()], 2));
    // Only what is not there is made; all that is there is judged together.
    let second = json(&check(&["left-to-right", "eb"], "3"));
    assert_eq!((names(&second), rows()), (["eb", "mdlm", "left-to-right"].map(str::to_owned).to_vec(), 3));
    assert_eq!(second["samplers"][0], first["samplers"][0]);
    // Other holes are other rows.
    json(&check(&["eb"], "2"));
    assert_eq!(rows(), 4);
    refused(&check(&["ebb"], "2"), 2, &["ebb"]);
}

#[test]
fn several_runs_side_by_side_are_a_sampler_like_any_other() {
    let desk = Desk::new();
    let fill = |sampler: &str| {
        json(&desk.run(&["fill", "--json", "--sampler", sampler, "the lake was [MASK:6] again and nobody came"]))
    };
    let one = fill("masked conf best(1) write");
    for sampler in ["best-of:n=3", "smc:n=3"] {
        let many = fill(sampler);
        assert_eq!(many["holes"][0]["tokens"], 6);
        // Three runs, and four passes to judge each of the texts that differ.
        let (passes, alone) = (many["nfe"].as_u64().unwrap(), one["nfe"].as_u64().unwrap());
        assert!([0, 8, 12].contains(&(passes - 3 * alone)), "{sampler}: {passes}, {alone}");
        assert_eq!(fill(sampler)["text"], many["text"], "the same seed, the same text");
    }
    // Judged as a text, the likeliest of sixteen is likelier than most of one.
    let likely = |filled: &Value| {
        let scored = json(&desk.run(&["score", "--json", filled["text"].as_str().unwrap()]));
        scored["mean_logprob"].as_f64().unwrap()
    };
    let best = likely(&fill("best-of:n=16,temperature=1"));
    let one = |seed: &str| {
        let sampler = "temperature 1; masked margin best(1) write";
        let args = ["fill", "--json", "--sampler", sampler, "the lake was [MASK:6] again and nobody came"];
        likely(&json(&desk.run_with(seed, &args)))
    };
    let worse = ["2", "3", "4", "5", "6", "7", "8"].iter().filter(|seed| one(seed) <= best).count();
    assert!(worse >= 4, "{worse} of 7");
    let trace = desk.path("trace");
    let refusal = desk.run(&["fill", "--sampler", "smc", "--trace", &trace, "a [MASK:2] b"]);
    refused(&refusal, 2, &["several runs", "--trace"]);
}

#[test]
fn models_are_measured_on_the_same_holes_stories_and_code() {
    let desk = Desk::new();
    let tale = "Once there was a small red boat. It lay on the sand for ten years. Then a boy came and bought it. \
        He took it out to sea at once. Nobody has seen the two again.\n";
    fs::write(desk.path("prose-tale.txt"), tale.repeat(9)).unwrap();
    let task = json!({ "task_id": "T/0", "entry_point": "one", "prompt": "def one():\n", "suffix": "    return one\n",
        "canonical_solution": "    one = 1\n", "test": "def check(f):\n    assert f() == 1" });
    let broken = json!({ "task_id": "T/1", "entry_point": "one", "prompt": "", "suffix": "", "canonical_solution": "x",
        "test": "" });
    fs::write(desk.path("tasks.jsonl"), format!("{task}\n{task}\n")).unwrap();
    fs::write(desk.path("broken.jsonl"), format!("{broken}\n")).unwrap();
    let (pages, tales, tasks) = (desk.path("pages.txt"), desk.path("prose-tale.txt"), desk.path("tasks.jsonl"));
    let eval = |more: &[&str]| {
        let always = ["eval", &pages, &tales, "--holes", "6", "--longest", "4", "--lengths", "known,3"];
        desk.run(&[&always, more].concat())
    };
    let tiny = desk.path("tiny");
    // Code needs its interpreter; all else is measured without.
    let has_python = std::process::Command::new("python3").arg("-V").output().is_ok();
    let code: &[&str] = if has_python { &["--code", &tasks, "--run-code", "--tasks", "1"] } else { &[] };
    let found = json(&eval(&[&["--stories", "2", "--beside", &tiny, "--json"], code].concat()));
    let [one, two] = &found["models"].as_array().unwrap()[..] else { panic!("{found}") };
    // The same model is neither better nor worse than itself, by any draw, and writes the same.
    let timeless = |model: &Value| {
        let mut model = model.clone();
        for table in ["fills", "code"] {
            model[table].as_array_mut().unwrap().iter_mut().for_each(|row| row["seconds"] = Value::Null);
        }
        model
    };
    assert_eq!(timeless(one), timeless(two));
    for change in found["change"].as_array().unwrap() {
        assert_eq!((&change["nats_per_byte"], &change["p"]), (&json!(0.0), &json!(1.0)));
    }
    let row = |table: &str, text: &str, length: &str| {
        let rows = one[table].as_array().unwrap();
        let fits = |row: &&Value| row["text"] == text && row["tokens"] == "all" && row["length"] == length;
        rows.iter().find(fits).unwrap_or_else(|| panic!("{text} {length}: {one}")).clone()
    };
    // Kinds of text are told by the file's name; a random network gives a character about one part in a hundred.
    let nats = |text: &str| {
        let of = |row: &&Value| row["text"] == text && row["tokens"] == "all";
        one["given"].as_array().unwrap().iter().find(of).unwrap()["nats_per_byte"].as_f64().unwrap()
    };
    assert!([nats("all"), nats("pages"), nats("prose")].iter().all(|nats| (2.0..12.0).contains(nats)), "{one}");
    let (known, three) = (row("fills", "all", "known"), row("fills", "prose", "3"));
    assert_eq!((&known["holes"], &three["holes"]), (&json!(6), &json!(3)));
    assert!(known["mean_abs_log_length_ratio"] == 0.0 && three["seam_logprob"].as_f64().unwrap() < 0.0);
    assert_eq!(one["stories"][0]["stories"], 2);
    assert_eq!(one["code"][1]["tasks"], if has_python { json!(1) } else { Value::Null });
    let table = String::from_utf8(eval(&["--no-fills", "--beside", &tiny]).stdout).unwrap();
    assert!(table.contains("nats/byte  nats/byte     change") && !table.contains("filled"), "{table}");
    refused(&eval(&["--code", &desk.path("broken.jsonl"), "--run-code"]), 1, &["T/1", "python3"]);
    refused(&eval(&["--code", &pages, "--run-code"]), 1, &["pages.txt", "line 1"]);
    refused(&eval(&["--stories", "99"]), 1, &["stories could be cut"]);
    let unsaid = eval(&["--code", &tasks]);
    assert!(unsaid.status.code() == Some(2) && String::from_utf8_lossy(&unsaid.stderr).contains("--run-code"));
}

#[test]
fn a_model_that_tells_lengths_is_asked_and_not_searched() {
    let desk = Desk::new();
    let fill = |more: &[&str]| {
        let filled =
            json(&desk.run(&[&["fill", "--json", "the lake was [MASK] again and [MASK:2] came"], more].concat()));
        let tokens: Vec<_> = (0..2).map(|hole| filled["holes"][hole]["tokens"].as_u64().unwrap()).collect();
        (tokens, filled["nfe"].as_u64().unwrap())
    };
    let (_, searched) = fill(&[]);
    let path = desk.path("tiny/config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    (config["expand_token_id"], config["eos_token_id"]) = (json!(99), json!(98));
    config["diffusion"]["tells_lengths"] = json!(true);
    fs::write(&path, config.to_string()).unwrap();
    let (tokens, told) = fill(&["--sampler", "left-to-right"]);
    // One or two questions, and a pass a token: a search makes ten or more passes before its first token.
    assert_eq!(tokens[1], 2);
    assert!((1..=2).contains(&(told - tokens[0] - tokens[1])) && searched > 10, "{told} {tokens:?} {searched}");
    refused(&desk.run(&["calibrate", &desk.path("pages.txt"), "--holes", "2"]), 1, &["says itself how long"]);
    // A sampler that obeys such tokens finds the length while it writes.
    let (_, obeyed) = fill(&["--sampler", "dreamon"]);
    assert!(obeyed > 0);
    config["diffusion"]["tells_lengths"] = json!("yes");
    fs::write(&path, config.to_string()).unwrap();
    refused(&desk.run(&["fill", "a [MASK] b"]), 1, &["tells_lengths"]);
}
