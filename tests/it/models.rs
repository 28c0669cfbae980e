//! Models as the user has them: listed, fetched, removed, packed, described, asked to follow instructions.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use lacuna::engine::brain::Brain;
use lacuna::model::{Checkpoint, LoadOptions, Overrides};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::hub::{COMMIT, Server};
use crate::support::{fixture, json, lacuna, project, refused, run};
use crate::tiny;

/// A home of its own, so that nothing of the real one counts.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn lacuna(&self, args: &[&str]) -> Command {
        let mut command = lacuna(args);
        command.env("HOME", self.0.path()).env("HF_HOME", self.path("hf"));
        for (name, folder) in [("XDG_STATE_HOME", "state"), ("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "config")] {
            command.env(name, self.path(folder));
        }
        for name in [
            "HF_HUB_CACHE",
            "HF_TOKEN",
            "HF_ENDPOINT",
            "HF_HUB_OFFLINE",
            "http_proxy",
            "HTTP_PROXY",
            "ALL_PROXY",
            "all_proxy",
        ] {
            command.env_remove(name);
        }
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.lacuna(args).output().unwrap()
    }

    fn describe(&self, text: &str) {
        fs::create_dir_all(self.path("config/lacuna")).unwrap();
        fs::write(self.path("config/lacuna/models.toml"), text).unwrap();
    }
}

fn ids(folder: &Path) -> String {
    let path = folder.join("ids.json");
    fs::write(&path, r#"{"ids": [3, 150, 17, 42, 150, 9]}"#).unwrap();
    path.to_str().unwrap().to_owned()
}

fn names(list: &Value) -> Vec<&str> {
    list["models"].as_array().unwrap().iter().map(|model| model["name"].as_str().unwrap()).collect()
}

const REPO: &str = "tiny/llada";

#[test]
fn a_pull_that_is_cut_off_goes_on_and_the_model_is_the_same_and_can_be_removed() {
    let home = Home::new();
    let server = Server::start(REPO, fixture("llada-bf16-sharded"));
    let pull = || {
        let mut command = home.lacuna(&["models", "pull", REPO, "--json"]);
        command.env("HF_ENDPOINT", &server.endpoint).env("HF_TOKEN", "secret").output().unwrap()
    };

    server.with(|state| state.cut_after = Some(5000));
    refused_after_progress(&pull(), &["tiny/llada", "in the middle", "pull it again"]);
    assert!(!names(&json(&home.run(&["models", "list", "--json"]))).contains(&REPO), "half a model is none");

    server.with(|state| {
        state.cut_after = None;
        state.seen.clear();
    });
    let pulled = json(&pull());
    assert_eq!((pulled["name"].as_str(), pulled["files"].as_u64()), (Some(REPO), Some(5)));
    let resumed = |(path, from): &(String, usize)| path.ends_with(".safetensors") && *from >= 5000;
    server.with(|state| {
        assert!(state.seen.iter().any(resumed), "it began anew: {:?}", state.seen);
        assert_eq!(state.token.as_deref(), Some("Bearer secret"));
        assert!(state.seen.iter().all(|(path, _)| !path.contains("logits") && !path.contains("README")));
        state.seen.clear();
    });

    // What is there is not fetched again, and lies where other programs for the hub find it.
    json(&pull());
    assert!(server.with(|state| state.seen.iter().all(|(_, from)| *from == 0)));
    let folder = home.path("hf/hub/models--tiny--llada");
    assert!(folder.join("snapshots").join(COMMIT).join("config.json").is_file());
    assert_eq!(fs::read_to_string(folder.join("refs/main")).unwrap(), COMMIT);

    let list = json(&home.run(&["models", "list", "--json"]));
    let model = list["models"].as_array().unwrap().iter().find(|model| model["name"] == REPO).unwrap();
    assert_eq!(model["place"], "hub");
    assert!(model["memory"].as_u64() > model["bytes"].as_u64());
    let ids = ids(home.0.path());
    let logits = |model: &str| json(&home.run(&["logits", "--model", model, "--ids", &ids]));
    assert_eq!(logits(REPO), logits(fixture("llada-bf16-sharded").to_str().unwrap()));

    refused(&home.run(&["models", "rm", REPO]), 2, &["--yes"]);
    assert!(folder.is_dir());
    assert!(home.run(&["models", "rm", REPO, "--yes"]).status.success());
    assert!(!folder.exists() && !names(&json(&home.run(&["models", "list", "--json"]))).contains(&REPO));
    refused(&home.run(&["models", "rm", REPO, "--yes"]), 1, &["there is no model"]);
}

/// Like `refused`, where lines about files came before.
#[track_caller]
fn refused_after_progress(output: &Output, words: &[&str]) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    let last = error.lines().last().unwrap_or_default();
    for word in words {
        assert!(last.contains(word), "{word:?} is not in: {last}");
    }
}

#[test]
fn what_goes_wrong_while_fetching_is_one_sentence_with_a_way_out() {
    let home = Home::new();
    let server = Server::start(REPO, fixture("llada-bf16-sharded"));
    let pull = |repo: &str, endpoint: &str| {
        home.lacuna(&["models", "pull", repo]).env("HF_ENDPOINT", endpoint).output().unwrap()
    };
    server.with(|state| state.spoils = true);
    refused_after_progress(&pull(REPO, &server.endpoint), &["came out damaged", "checksum", "pull it again"]);
    assert!(
        !home
            .path("hf/hub/models--tiny--llada/snapshots")
            .join(COMMIT)
            .join("model-00001-of-00003.safetensors")
            .exists()
    );
    server.with(|state| (state.spoils, state.refuses) = (false, Some(403)));
    refused_after_progress(&pull(REPO, &server.endpoint), &["accept its terms", "HF_TOKEN"]);
    server.with(|state| state.refuses = None);
    refused_after_progress(&pull("tiny/other", &server.endpoint), &["no public repository tiny/other"]);
    let nowhere = "http://127.0.0.1:9";
    refused_after_progress(
        &pull(REPO, nowhere),
        &["cannot be reached", "config.json", "tokenizer.json", "safetensors", "data/lacuna/models/llada"],
    );
    refused_after_progress(&pull("no-such-thing", nowhere), &["no published model"]);
    refused(&pull(REPO, "nonsense"), 1, &["HF_ENDPOINT is nonsense", "https://"]);
    let offline = home.lacuna(&["models", "pull", REPO]).env("HF_HUB_OFFLINE", "1").output().unwrap();
    refused(&offline, 1, &["HF_HUB_OFFLINE"]);
}

#[test]
fn only_what_is_the_users_is_removed() {
    let home = Home::new();
    refused(&home.run(&["models", "rm", "lacuna-135m", "--yes"]), 1, &["ships with the program"]);
    refused(&home.run(&["models", "rm", "../..", "--yes"]), 1, &["there is no model"]);
    let own = home.path("elsewhere");
    tiny::model("llada", 150, &own);
    home.describe(&format!("[models.mine]\npath = {:?}\n", own.to_str().unwrap()));
    refused(&home.run(&["models", "rm", "mine", "--yes"]), 1, &["`[models]` in config.toml"]);
    // A link among the user's models goes, and what it leads to stays.
    let models = home.path("data/lacuna/models");
    fs::create_dir_all(&models).unwrap();
    std::os::unix::fs::symlink(&own, models.join("linked")).unwrap();
    assert!(home.run(&["models", "rm", "linked", "--yes"]).status.success());
    assert!(!models.join("linked").exists() && own.join("model.safetensors").is_file());
    tiny::model("llada", 150, &models.join("copied"));
    assert!(home.run(&["models", "rm", "copied", "--yes"]).status.success());
    assert!(!models.join("copied").exists());
}

#[test]
fn the_list_says_size_licence_and_whether_it_fits() {
    let home = Home::new();
    let list = json(&home.run(&["models", "list", "--json"]));
    assert_eq!(names(&list), ["lacuna-135m"]);
    let known = list["known"].as_array().unwrap();
    let of = |name: &str| known.iter().find(|known| known["name"] == name).unwrap();
    assert_eq!(
        (&of("coda-1.7b")["open"], &of("coda-1.7b")["warning"]),
        (&json!(false), &json!("not for commercial use"))
    );
    assert_eq!(of("open-dcoder-0.5b")["open"], true);
    assert_eq!((&of("lacuna-135m")["installed"], &of("dream-7b")["installed"]), (&json!(true), &json!(false)));
    let page = String::from_utf8(home.run(&["models"]).stdout).unwrap();
    let line = |name: &str| page.lines().find(|line| line.trim_start().starts_with(name)).unwrap().to_owned();
    assert!(line("lacuna-135m").contains("the default"));
    assert!(line("dream-7b ").contains("15.2 GB") && line("dream-7b ").contains("Apache-2.0"));
    assert!(line("coda-1.7b ").contains("!CC-BY-NC-4.0") && page.contains("! not an open source licence"));
    if let Some(available) = list["memory"]["available"].as_u64() {
        let known = of("llada-8b");
        assert_eq!(known["fit"] == "fits", known["memory"].as_u64().unwrap() <= available || known["fit"] != "tight");
    }
    let shown = String::from_utf8(home.run(&["models", "show", "coda-1.7b"]).stdout).unwrap();
    assert!(shown.contains("CC-BY-NC-4.0: not open source, not for commercial use") && shown.contains("models pull"));
    let shown = json(&home.run(&["models", "show", "--json"]));
    assert_eq!((&shown["licence"], &shown["family"]), (&json!("Apache-2.0"), &json!("llada")));
    refused(&home.run(&["models", "show", "dreamom-7b"]), 1, &["dreamon-7b"]);
    refused(&home.run(&["fill", "--model", "dreamon-7b", "a [MASK]"]), 1, &["models pull dreamon-7b", "15.2 GB"]);
}

/// The fixture's matrices rounded as packing rounds them, as dense safetensors: rows keep their place here, which
/// changes nothing as blocks lie within rows.
fn rounded(name: &str, to: GgmlDType, folder: &Path) {
    let tensors = candle_core::safetensors::load(fixture(name).join("model.safetensors"), &Device::Cpu).unwrap();
    let round = |tensor: Tensor| {
        let tensor = tensor.to_dtype(candle_core::DType::F32).unwrap();
        if tensor.rank() < 2 {
            return tensor;
        }
        let width = *tensor.dims().last().unwrap();
        let to = match to {
            GgmlDType::Q4K if !width.is_multiple_of(256) => GgmlDType::Q5_0,
            other => other,
        };
        let to = if width.is_multiple_of(to.block_size()) { to } else { GgmlDType::F16 };
        QTensor::quantize(&tensor, to).unwrap().dequantize(&Device::Cpu).unwrap()
    };
    let dense = tensors.into_iter().map(|(name, tensor)| (name, round(tensor))).collect();
    candle_core::safetensors::save(&dense, folder.join("model.safetensors")).unwrap();
    fs::copy(fixture(name).join("config.json"), folder.join("config.json")).unwrap();
}

fn rows(output: &Output) -> Vec<f64> {
    let logits = json(output);
    logits["logits"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|row| row.as_array().unwrap())
        .map(|x| x.as_f64().unwrap())
        .collect()
}

#[test]
fn a_packed_model_is_the_model_with_its_weights_rounded() {
    let types = [
        ("f16", GgmlDType::F16),
        ("q8_0", GgmlDType::Q8_0),
        ("q5_0", GgmlDType::Q5_0),
        ("q4_0", GgmlDType::Q4_0),
        ("q4_k", GgmlDType::Q4K),
    ];
    for (name, mask) in [("llada", 150), ("a2d-qwen3", 170), ("open-dcoder", 140), ("dream", 140), ("diffullama", 101)]
    {
        let folder = TempDir::new().unwrap();
        let ids = ids(folder.path()).replace("ids.json", "small.json");
        fs::write(&ids, r#"{"ids": [3, 77, 17, 42, 90, 9, 61, 5]}"#).unwrap();
        let mask = mask.to_string();
        let logits =
            |path: &Path| rows(&run(&["logits", "--model", path.to_str().unwrap(), "--mask-id", &mask, "--ids", &ids]));
        let exact = logits(&fixture(name));
        let mut errors = Vec::new();
        for (to, dtype) in types {
            let file = folder.path().join(format!("{to}.gguf"));
            let from = fixture(name);
            let args = [
                "models",
                "quantize",
                from.to_str().unwrap(),
                "--to",
                to,
                "-o",
                file.to_str().unwrap(),
                "--json",
                "--mask-id",
                &mask,
            ];
            let report = json(&run(&args));
            let dense = folder.path().join(format!("{to}-dense"));
            fs::create_dir(&dense).unwrap();
            rounded(name, dtype, &dense);
            let (packed, dense) = (logits(&file), logits(&dense));
            let worst = packed.iter().zip(&dense).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(packed.len() == exact.len() && worst < 3e-4, "{name} {to}: off by {worst}");
            let square = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
            let error = square(&mut packed.iter().zip(&exact).map(|(a, b)| a - b)) / square(&mut exact.iter().copied());
            errors.push(error);
            // Rows of 56 are no multiple of 32.
            let told = report["fallbacks"].as_array().unwrap().len();
            assert_eq!(told > 0, name == "open-dcoder" && to != "f16" || to == "q4_k", "{name} {to}: {report}");
            assert_eq!(report["bytes"].as_u64().unwrap(), fs::metadata(&file).unwrap().len());
            let permissions = |path: &Path| fs::metadata(path).unwrap().permissions();
            assert_eq!(permissions(&file), permissions(Path::new(&ids)), "those of any new file");
        }
        // Fewer bits, more error; that it is the error of rounding and no other, the test above has said.
        let [f16, q8, q5, q4, _] = errors[..] else { panic!("{errors:?}") };
        assert!(0.0 < f16 && f16 < 0.01 && f16 < q8 && q8 < q5.min(q4) && q5.max(q4) < 1.0, "{name}: {errors:?}");
        refused(
            &run(&[
                "models",
                "quantize",
                fixture(name).to_str().unwrap(),
                "--to",
                "f16",
                "-o",
                folder.path().join("f16.gguf").to_str().unwrap(),
            ]),
            1,
            &["exists already"],
        );
    }
}

#[test]
fn a_packed_model_carries_mask_shift_tokenizer_and_chat_template_and_can_be_packed_again() {
    let folder = TempDir::new().unwrap();
    let (from, alone) = (folder.path().join("from"), folder.path().join("alone"));
    tiny::chat_model("a2d-qwen3", 170, &from);
    let config = from.join("config.json");
    let mut said: Value = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();
    said["diffusion"]["tells_lengths"] = json!(true);
    fs::write(&config, said.to_string()).unwrap();
    fs::create_dir(&alone).unwrap();
    let path = |name: &str| alone.join(name).to_str().unwrap().to_owned();
    json(&run(&[
        "models",
        "quantize",
        from.to_str().unwrap(),
        "--to",
        "q8_0",
        "-o",
        &path("a.gguf"),
        "--json",
        "--shift",
        "1",
        "--attention",
        "block:8",
    ]));
    let shown = json(&run(&["models", "show", "--json", &path("a.gguf")]));
    assert_eq!(
        (&shown["mask token"], &shown["logit shift"], &shown["family"]),
        (&json!(170), &json!(1), &json!("qwen3"))
    );
    json(&run(&["models", "quantize", &path("a.gguf"), "--to", "q8_0", "-o", &path("b.gguf"), "--json"]));
    // llama.cpp's own lists are there too, and stay when a packed file is packed again.
    let mut file = fs::File::open(path("b.gguf")).unwrap();
    let said = candle_core::quantized::gguf_file::Content::read(&mut file).unwrap().metadata;
    let list = |key: &str| said[key].to_vec().unwrap();
    let (tokens, kinds) = (list("tokenizer.ggml.tokens"), list("tokenizer.ggml.token_type"));
    assert_eq!((tokens.len(), kinds.len(), list("tokenizer.ggml.merges").len()), (180, 180, 0));
    for (id, token, kind) in
        [(tiny::token('a'), "a", 1), (tiny::END, "<|im_end|>", 3), (170, "<|mask|>", 3), (179, "[PAD179]", 5)]
    {
        let at = id as usize;
        assert_eq!((tokens[at].to_string().unwrap().as_str(), kinds[at].to_i32().unwrap()), (token, kind));
    }
    assert_eq!(said["tokenizer.ggml.model"].to_string().unwrap(), "gpt2");
    assert!(said["diffusion.tells_lengths"].to_bool().unwrap());
    let ids = ids(folder.path());
    let logits = |name: &str| rows(&run(&["logits", "--model", &path(name), "--ids", &ids]));
    assert_eq!(logits("a.gguf"), logits("b.gguf"), "block attention and all");
    let full = rows(&run(&["logits", "--model", &path("b.gguf"), "--ids", &ids]));
    assert_eq!(full.len(), 6 * 180);
    let filled = json(&run(&[
        "fill",
        "--json",
        "--seed",
        "1",
        "--model",
        &path("b.gguf"),
        "--instruction",
        "warm",
        "abc [MASK:2] def",
    ]));
    assert!(filled["text"].as_str().unwrap().starts_with("abc "));
}

#[test]
fn a_mixture_of_experts_is_packed_and_read_as_llama_cpp_has_it() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let pack =
        |from: &str, to: &str, file: &str| json(&run(&["models", "quantize", from, "--to", to, "-o", file, "--json"]));
    let ids = path("ids.json");
    fs::write(&ids, json!({ "ids": [5, 9, 110, 30, 110, 7] }).to_string()).unwrap();
    let logits = |model: &str| rows(&run(&["logits", "--model", model, "--ids", &ids, "--mask-id", "110"]));
    let mut seen: Vec<Vec<f64>> = Vec::new();
    for (model_type, arch) in [("llada", "llada-moe"), ("rnd1", "rnd1"), ("qwen3_moe", "qwen3moe")] {
        let (from, one, two) = (path(arch), path(&format!("{arch}-1.gguf")), path(&format!("{arch}-2.gguf")));
        let class = if model_type == "llada" { "LLaDAMoEModelLM" } else { "Mixture" };
        let changes = json!({
            "model_type": model_type, "architectures": [class], "moe_intermediate_size": 32, "norm_topk_prob": true,
        });
        tiny::copy("llada-moe", Path::new(&from), &changes);
        pack(&from, "f16", &one);
        let mut file = fs::File::open(&one).unwrap();
        let content = candle_core::quantized::gguf_file::Content::read(&mut file).unwrap();
        let dims = |name: &str| content.tensor_infos[name].shape.dims().to_vec();
        assert_eq!(content.metadata["general.architecture"].to_string().unwrap(), arch);
        assert_eq!(dims("blk.1.ffn_down_exps.weight"), [8, 48, 32]);
        assert_eq!(
            (dims("blk.0.ffn_gate_exps.weight"), dims("blk.0.ffn_gate_inp.weight")),
            (vec![8, 32, 48], vec![8, 48])
        );
        let (whole, packed) = (logits(&from), logits(&one));
        let worst = whole.iter().zip(&packed).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        // Half floats: three digits.
        assert!(whole.len() == packed.len() && worst < 4e-2, "{arch}: {worst}");
        assert!(whole.iter().any(|logit| logit.abs() > 0.5));
        pack(&one, "f16", &two);
        assert_eq!(logits(&two), packed, "{arch}: packed again");
        let shown = json(&run(&["models", "show", "--json", &two]));
        assert_eq!((&shown["family"], &shown["logit shift"]), (&json!(arch), &json!(u8::from(arch == "rnd1"))));
        seen.push(packed);
    }
    let far = |a: &[f64], b: &[f64]| a.iter().zip(b).any(|(a, b)| (a - b).abs() > 0.1);
    assert!(far(&seen[0], &seen[1]), "LLaDA-MoE's weights of experts are not normalised, the others' are");
    assert_eq!(seen[1], seen[2]);
}

#[test]
fn a_network_that_gguf_has_no_names_for_is_not_packed() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("x.gguf");
    for name in ["gidd", "llada2", "bert"] {
        let from = fixture(name);
        let args = ["models", "quantize", from.to_str().unwrap(), "--to", "q8_0", "-o", file.to_str().unwrap()];
        refused(&run(&args), 1, &["as GGUF is not supported", "without convolutions"]);
        assert!(!file.exists());
    }
}

#[test]
fn what_the_user_says_of_a_model_counts_and_mistakes_have_a_line() {
    let home = Home::new();
    let ids = home.path("ids.json");
    fs::write(&ids, r#"{"ids": [3, 60, 17, 60, 9]}"#).unwrap();
    let ids = ids.to_str().unwrap();
    home.describe(&format!(
        "[models.\"mine\"]\npath = {:?}\nmask_id = 60\nshift = 0\n",
        fixture("open-dcoder").to_str().unwrap()
    ));
    let denoised = json(&home.run(&["denoise", "--seed", "1", "--model", "mine", "--ids", ids]));
    let dcoder = fixture("open-dcoder");
    let same = [
        "denoise",
        "--seed",
        "1",
        "--model",
        dcoder.to_str().unwrap(),
        "--mask-id",
        "60",
        "--shift",
        "0",
        "--ids",
        ids,
    ];
    assert_eq!(denoised["ids"], json(&home.run(&same))["ids"]);
    let list = json(&home.run(&["models", "list", "--json"]));
    let mine = list["models"].as_array().unwrap().iter().find(|model| model["name"] == "mine").unwrap();
    assert_eq!(mine["place"], "settings");
    let shown = |args: &[&str]| json(&home.run(&[&["models", "show", "mine", "--json"], args].concat()));
    assert_eq!((&shown(&[])["mask token"], &shown(&[])["logit shift"]), (&json!(60), &json!(0)));
    assert_eq!(shown(&["--shift", "1"])["logit shift"], 1, "the command line wins");
    home.describe("[models.\"mine\"]\npath = \"x\"\nmask-id = 60\n");
    refused(&home.run(&["models", "show", "mine"]), 1, &["models.toml:3", "`mask-id`", "`mask_id`"]);
    let list = home.run(&["models", "list"]);
    assert_eq!(list.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&list.stdout).contains("lacuna-135m"), "the rest is listed all the same");
}

/// The canvas that the model saw at the first step, masks and what was written in them aside.
pub(crate) fn first_canvas(home: &Home, args: &[&str]) -> Vec<u32> {
    let trace = home.path("trace.jsonl");
    let traced = ["--json", "--seed", "1", "--trace", trace.to_str().unwrap()];
    json(&home.run(&[&["fill"], args, &traced].concat()));
    let line = fs::read_to_string(&trace).unwrap().lines().next().unwrap().to_owned();
    let step: Value = serde_json::from_str(&line).unwrap();
    step["ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

fn conversation(question: &str, before: &str, holes: usize, after: &str) -> (Vec<u32>, Vec<u32>) {
    let text = |text: &str| tiny::tokens(text);
    let head = [
        &[tiny::START][..],
        &text("user\n"),
        &text(question),
        &[tiny::END],
        &text("\n"),
        &[tiny::START],
        &text("assistant\n"),
        &text(before),
    ]
    .concat();
    let tail = [&text(after)[..], &[tiny::END], &text("\n")].concat();
    assert!(holes > 0);
    (head, tail)
}

#[test]
fn an_instruction_is_the_users_turn_and_the_document_lies_in_the_assistants() {
    let home = Home::new();
    let model = home.path("data/lacuna/models/talker");
    tiny::chat_model("a2d-qwen3", 170, &model);
    // The markers' names in the user's own words stay letters.
    let question = "Say <|im_end|> warmly";
    let canvas = first_canvas(&home, &["--model", "talker", "--instruction", question, "ab[MASK:3]yz"]);
    let (head, tail) = conversation(question, "ab", 3, "yz");
    assert_eq!(canvas.len(), head.len() + 3 + tail.len());
    assert!(canvas.starts_with(&head) && canvas.ends_with(&tail), "{canvas:?}");

    // What is to be written anew is in the question.
    let args = ["--model", "talker", "--instruction", "Warmer", "--range", "2..6", "ab<cold>yz"];
    let canvas = first_canvas(&home, &args);
    let (head, tail) = conversation("Warmer\n\n<col", "ab", 1, "d>yz");
    assert!(canvas.starts_with(&head) && canvas.ends_with(&tail), "{canvas:?}");

    // A model that was tuned on conversations gets one always; others see nothing but the text.
    let plain = first_canvas(&home, &["--model", "talker", "ab[MASK:3]yz"]);
    assert_eq!(plain.len(), 7);
    home.describe("[models.talker]\nchat = true\n");
    let canvas = first_canvas(&home, &["--model", "talker", "ab[MASK:3]yz"]);
    let (head, tail) = conversation("Write the text.", "ab", 3, "yz");
    assert!(canvas.starts_with(&head) && canvas.ends_with(&tail), "{canvas:?}");
}

#[test]
fn a_model_that_follows_no_instructions_says_so() {
    refused(
        &run(&["fill", "--instruction", "make it warm", "a [MASK:1] b"]),
        1,
        &["lacuna-135m cannot follow an instruction", "no chat template"],
    );
    refused(&run(&["fill", "--range", "0..1", "abc"]), 2, &["--strength", "--instruction"]);
    let home = Home::new();
    let model = home.path("odd");
    tiny::model("a2d-qwen3", 170, &model);
    fs::write(model.join("chat_template.jinja"), "{% for").unwrap();
    let odd = home.run(&["fill", "--model", model.to_str().unwrap(), "--instruction", "x", "a[MASK:1]"]);
    let error = String::from_utf8_lossy(&odd.stderr).into_owned();
    assert!(error.lines().last().unwrap().contains("its chat template cannot be rendered"), "{error}");
}

/// What the self-test's answers cost the default model, as shares of an even guess, when asked with this mask and shift.
fn costs(mask: Option<u32>, shift: Option<usize>) -> [f64; 2] {
    let overrides = Overrides { mask, shift, ..Overrides::default() };
    let options = LoadOptions { threads: 1, overrides, ..LoadOptions::default() };
    let checkpoint = Checkpoint::open(&project("assets/lacuna-135m"), &options.overrides).unwrap();
    Brain::new(checkpoint.load("test", &options).unwrap()).unwrap().easy_question().unwrap().unwrap()
}

#[test]
fn an_easy_question_tells_a_wrong_mask_and_a_wrong_shift_from_the_right_ones() {
    let [lone, joined] = costs(None, None);
    assert!(lone < 0.2 && joined < 0.25, "{lone} {joined}");
    assert!(costs(None, Some(0))[0] > 0.4);
    for wrong in [0, 333, 7000, 20_000, 48_000] {
        assert!(costs(Some(wrong), None)[1] > 0.3, "{wrong}");
    }
}

#[test]
fn a_wrong_mask_or_shift_is_warned_of_and_the_default_model_is_not() {
    let text = "The cat sat on the [MASK:1].";
    let warned = |args: &[&str]| {
        let output = run(&[&["fill", "--seed", "1"], args, &[text]].concat());
        assert!(output.status.success());
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.lines().count() <= 1, "{error}");
        error
    };
    for right in [&[][..], &["--dtype", "f32"]] {
        assert_eq!(warned(right), "");
    }
    for wrong in [["--shift", "0"], ["--mask-id", "7000"]] {
        let error = warned(&wrong);
        assert!(error.contains("--mask-id") && error.contains("--shift") && error.contains("noise"), "{error}");
    }
}
