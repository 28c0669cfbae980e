//! Checkpoints as they lie on disks: kinds of files, what files leave out, and files that are broken or lie.

use std::fs;
use std::path::Path;

use candle_core::{Device, Tensor};
use lacuna::diffusion::Denoiser;
use lacuna::diffusion::noise::Noise;
use lacuna::diffusion::vocabulary::Controls;
use lacuna::model::{Attention, Checkpoint, DeviceChoice, DtypeChoice, Input, LoadOptions, Model, Overrides};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::fixture;

fn options(overrides: Overrides) -> LoadOptions {
    LoadOptions { device: DeviceChoice::Cpu, dtype: DtypeChoice::F32, threads: 1, overrides, ..LoadOptions::default() }
}

fn load(folder: &Path) -> Model {
    let options = options(Overrides::default());
    Checkpoint::open(folder, &options.overrides).unwrap().load("test", &options).unwrap()
}

/// Some files of a fixture in a folder of their own.
fn copy(name: &str, files: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        fs::copy(fixture(name).join(file), folder.path().join(file)).unwrap();
    }
    folder
}

fn config(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("config.json")).unwrap()).unwrap()
}

/// Puts keys into a folder's configuration; `null` takes a key away.
fn configure(folder: &Path, changes: &Value) {
    let mut json = config(folder);
    for (key, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => json.as_object_mut().unwrap().remove(key),
            value => json.as_object_mut().unwrap().insert(key.clone(), value.clone()),
        };
    }
    fs::write(folder.join("config.json"), json.to_string()).unwrap();
}

/// Renames and drops tensors of a folder's safetensors.
fn rewrite(folder: &Path, file: &str, change: impl Fn(&str, Tensor) -> Vec<(String, Tensor)>) {
    let path = folder.join(file);
    let tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    let changed = tensors.into_iter().flat_map(|(name, tensor)| change(&name, tensor)).collect();
    candle_core::safetensors::save(&changed, path).unwrap();
}

const IDS: [u32; 7] = [3, 9, 14, 1, 8, 22, 5];

fn logits(model: &mut Model, time: Option<f64>) -> Vec<f32> {
    let rows = [0, 2, 6];
    let input = Input { time, ..Input::new(&IDS, model.descriptor.attention, &rows) };
    model.forward(&input, &|| false).unwrap()
}

/// What opening, and if that works loading, a folder says.
#[track_caller]
fn refusal(folder: &Path, overrides: Overrides) -> String {
    let options = options(overrides);
    let loaded = Checkpoint::open(folder, &options.overrides).and_then(|checkpoint| checkpoint.load("test", &options));
    let said = loaded.err().expect("it is refused").to_string();
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[track_caller]
fn refused(folder: &Path, parts: &[&str]) {
    let said = refusal(folder, Overrides::default());
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
}

#[test]
fn pytorch_files_give_the_numbers_of_safetensors() {
    let pickled = copy("radd", &["config.json", "pytorch_model.bin"]);
    let (mut one, mut other) = (load(&fixture("radd")), load(pickled.path()));
    assert_eq!(logits(&mut one, None), logits(&mut other, None));
    // Under any name, and as parts with an index.
    for name in ["net.pth", "net.pt", "other.bin"] {
        let moved = copy("radd", &["config.json"]);
        fs::copy(pickled.path().join("pytorch_model.bin"), moved.path().join(name)).unwrap();
        fs::write(moved.path().join("training_args.bin"), "no tensors").unwrap();
        assert_eq!(logits(&mut load(moved.path()), None), logits(&mut one, None));
    }
    let sharded = copy("radd", &["config.json"]);
    fs::copy(pickled.path().join("pytorch_model.bin"), sharded.path().join("part-1.bin")).unwrap();
    let index =
        json!({ "weight_map": { "vocab_embed.embedding": "part-1.bin", "output_layer.linear.bias": "part-1.bin" } });
    fs::write(sharded.path().join("pytorch_model.bin.index.json"), index.to_string()).unwrap();
    assert_eq!(logits(&mut load(sharded.path()), None), logits(&mut one, None));
    fs::remove_file(sharded.path().join("part-1.bin")).unwrap();
    refused(sharded.path(), &["part-1.bin is missing"]);
}

#[test]
fn safetensors_are_preferred_and_a_file_is_taken_by_its_path() {
    let both = copy("radd", &["config.json", "model.safetensors"]);
    fs::write(both.path().join("pytorch_model.bin"), "spoilt").unwrap();
    load(both.path());
    refused(&both.path().join("pytorch_model.bin"), &["pytorch_model.bin", "no zip archive"]);
    let several = copy("smdm", &["mdm-6M-1e18.safetensors"]);
    let path = several.path().join("mdm-6M-1e18.safetensors");
    fs::copy(&path, several.path().join("ar-6M-1e18.safetensors")).unwrap();
    refused(several.path(), &["several .safetensors", "path of one"]);
    assert_eq!(load(&path).descriptor.family, "smdm");
}

#[test]
fn broken_pytorch_files_are_told_and_never_a_panic() {
    let folder = copy("radd", &["config.json", "pytorch_model.bin"]);
    let file = folder.path().join("pytorch_model.bin");
    let whole = fs::read(&file).unwrap();
    for end in [0, 3, 4, 100, whole.len() / 2, whole.len() - 30, whole.len() - 1] {
        fs::write(&file, &whole[..end]).unwrap();
        refused(folder.path(), &["pytorch_model.bin", "fetch it again"]);
    }
    // Random bytes of the pickle and of the archive's tables, replaced.
    let find = |what: &[u8]| whole.windows(what.len()).position(|window| window == what).unwrap();
    let places = [(find(b"data.pkl"), 3200), (whole.len() - 3000, 3000)];
    let (mut seed, mut told) = (1_u64, 0);
    for round in 0..1500 {
        let mut broken = whole.clone();
        for _ in 0..=round % 3 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (from, length) = places[round % 2];
            broken[from + (seed >> 33) as usize % length] = (seed >> 20) as u8;
        }
        fs::write(&file, &broken).unwrap();
        let options = options(Overrides::default());
        let opened = Checkpoint::open(folder.path(), &options.overrides);
        told += usize::from(opened.and_then(|checkpoint| checkpoint.load("test", &options)).is_err());
    }
    assert!(told > 500, "{told}");
}

#[test]
fn compressed_entries_and_lying_tables_are_refused() {
    let folder = copy("radd", &["config.json", "pytorch_model.bin"]);
    let file = folder.path().join("pytorch_model.bin");
    let whole = fs::read(&file).unwrap();
    // The central directory's record of an entry: method at 10, sizes at 20 and 24.
    let record = |bytes: &[u8]| bytes.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    let mut bomb = whole.clone();
    let at = record(&bomb);
    bomb[at + 10] = 8;
    fs::write(&file, &bomb).unwrap();
    refused(folder.path(), &["is compressed"]);
    let mut long = whole.clone();
    let at = record(&long);
    long[at + 20..at + 28].copy_from_slice(&[0xf0; 8]);
    fs::write(&file, &long).unwrap();
    refused(folder.path(), &["past the end of the file"]);
}

#[test]
fn a_configuration_that_lies_is_told_by_its_key() {
    let cases = [
        ("mdlm", json!({ "vocab_size": 102 }), ["vocab_embed.embedding", "[102, 64]"]),
        ("mdlm", json!({ "n_blocks": 3 }), ["blocks.2", "missing"]),
        ("mdlm", json!({ "n_heads": 0 }), ["number of heads", "is 0"]),
        ("mdlm", json!({ "n_heads": 5 }), ["hidden size", "5 heads"]),
        ("mdlm", json!({ "hidden_dim": 1_u64 << 60 }), ["hidden size", "no network has"]),
        ("mdlm", json!({ "n_blocks": u64::MAX }), ["number of blocks", "no network has"]),
        ("mdlm", json!({ "vocab_size": -1 }), ["vocab_size", "not a whole number"]),
        ("mdlm", json!({ "model_length": null }), ["model_length", "missing"]),
        ("mdlm", json!({ "time_conditioning": "yes" }), ["time_conditioning", "not true or false"]),
        ("bd3lm", json!({ "block_size": 0 }), ["block_size", "is 0"]),
        ("bd3lm", json!({ "causal": true }), ["causal", "cannot infill"]),
        ("gidd", json!({ "p_uniform": 1.5 }), ["p_uniform", "1.5"]),
        ("sedd", json!({ "tokens": 95 }), ["vocab_embed.embedding", "[96, 48]"]),
        ("sedd", json!({ "tokens": u64::MAX }), ["vocabulary", "no network has"]),
        ("sedd", json!({ "graph": { "type": "other" } }), ["graph.type", "other"]),
        ("sedd", json!({ "model": { "type": "unet" } }), ["model_type", "missing"]),
        ("radd", json!({ "model": { "type": "ddit_wot" } }), ["hidden_size", "missing"]),
        ("diffugpt", json!({ "n_head": 3 }), ["n_head", "does not divide"]),
        ("diffugpt", json!({ "n_inner": 100 }), ["mlp.c_fc.weight", "[64, 100]"]),
        ("diffugpt", json!({ "activation_function": "relu" }), ["activation_function", "relu"]),
        ("dreamon", json!({ "mask_token_id": 200 }), ["mask id 200", "outside the 140 rows"]),
    ];
    for (name, changes, parts) in cases {
        let folder = copy(name, &["config.json", "model.safetensors"]);
        configure(folder.path(), &changes);
        refused(folder.path(), &parts);
    }
}

#[test]
fn what_can_never_fit_into_memory_is_refused_before_it_is_read() {
    let load = |machine: u64, dtype| {
        let options = LoadOptions { machine: Some(machine), dtype, ..options(Overrides::default()) };
        Checkpoint::open(&fixture("mdlm"), &options.overrides).unwrap().load("test", &options)
    };
    let weights = load(u64::MAX, DtypeChoice::F32).unwrap().parameters;
    assert!(load(4 * weights, DtypeChoice::F32).is_ok() && load(weights * 9 / 8 + 1, DtypeChoice::Q8).is_ok());
    for (machine, dtype) in [(4 * weights - 1, DtypeChoice::F32), (weights, DtypeChoice::Q8)] {
        let said = load(machine, dtype).err().unwrap().to_string();
        assert!(said.contains("mdlm") && said.contains("GB") && said.contains("lacuna models list"), "{said}");
        assert_eq!(said.lines().count(), 1);
    }
}

#[test]
fn models_that_read_only_from_left_to_right_are_refused() {
    let gpt2 = copy("diffugpt", &["config.json", "model.safetensors"]);
    rewrite(gpt2.path(), "model.safetensors", |name, tensor| {
        vec![(name.replace("denoise_model", "transformer").replace("embed_tokens", "transformer.wte"), tensor)]
    });
    refused(gpt2.path(), &["GPT-2 itself", "left to right"]);
    let ar = copy("smdm", &["mdm-6M-1e18.safetensors"]);
    rewrite(ar.path(), "mdm-6M-1e18.safetensors", |name, tensor| {
        let tensor = if name == "transformer.wte.weight" { tensor.narrow(0, 0, 64).unwrap() } else { tensor };
        vec![(name.to_owned(), tensor)]
    });
    refused(ar.path(), &["transformer.wte.weight", "left to right"]);
}

#[test]
fn smdm_needs_no_configuration_and_believes_the_one_that_is_there() {
    let bare = copy("smdm", &["mdm-6M-1e18.safetensors"]);
    let mut model = load(bare.path());
    assert_eq!((model.descriptor.mask, model.vocabulary_size(), model.context()), (Some(64), 64, 2048));
    assert_eq!(logits(&mut model, None), logits(&mut load(&fixture("smdm")), None));
    fs::write(bare.path().join("lit_config.json"), json!({ "n_head": 7, "block_size": 64 }).to_string()).unwrap();
    refused(bare.path(), &["lit_config.json", "heads of 18 do not make up"]);
    fs::write(bare.path().join("lit_config.json"), json!({ "block_size": 64 }).to_string()).unwrap();
    assert_eq!(load(bare.path()).context(), 64);
}

#[test]
fn the_noise_level_is_told_where_it_counts_and_only_there() {
    let mut folded = load(&fixture("mdlm"));
    assert_eq!(logits(&mut folded, None), logits(&mut folded, Some(0.7)));
    let overrides = Overrides { time_conditioning: Some(true), ..Overrides::default() };
    let mut told = Checkpoint::open(&fixture("mdlm"), &overrides).unwrap().load("test", &options(overrides)).unwrap();
    let at = |model: &mut Model, time| logits(model, Some(time));
    assert_ne!(at(&mut told, 0.7), at(&mut told, 0.1));
    // A level of 0 is what is folded into the other.
    let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(close(&at(&mut told, 0.0), &logits(&mut folded, None)));
    // When nobody says the level, the share of masks is it: here 3 of 4.
    let mut sedd = load(&fixture("sedd"));
    let rows = [0, 1];
    let mut of = |time| {
        let input = Input { time, ..Input::new(&[5, 96, 96, 96], Attention::Full, &rows) };
        sedd.forward(&input, &|| false)
    };
    assert_eq!(of(None).unwrap(), of(Some(-(-0.999 * 0.75_f64).ln_1p())).unwrap());
    for impossible in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(of(Some(impossible)).unwrap_err().to_string().contains("noise level"), "{impossible}");
    }
    assert!(of(Some(800.0)).unwrap().iter().all(|logit| logit.is_finite()));
    let input = Input { time: Some(1.5), ..Input::new(&[5], Attention::Full, &[0]) };
    assert!(load(&fixture("gidd")).forward(&input, &|| false).unwrap_err().to_string().contains("noise level"));
}

#[test]
fn kinds_of_noise_are_the_familys() {
    let noise = |name: &str| load(&fixture(name)).descriptor.noise;
    assert_eq!((noise("mdlm"), noise("radd"), noise("bd3lm")), (Noise::Absorbing, Noise::Absorbing, Noise::Absorbing));
    assert_eq!((noise("sedd"), noise("gidd")), (Noise::Score { absorbing: true }, Noise::Hybrid { p_uniform: 0.1 }));
    // UDLM and Duo: the network of MDLM, told sigma; a hole has an id of its own.
    for name in ["udlm", "DUO"] {
        let folder = copy("mdlm", &["config.json", "model.safetensors"]);
        configure(folder.path(), &json!({ "model_type": name, "time_conditioning": null }));
        let mut model = load(folder.path());
        assert_eq!((model.descriptor.noise, model.descriptor.mask), (Noise::Uniform, Some(101)));
        let overrides = Overrides { time_conditioning: Some(true), ..Overrides::default() };
        let mdlm = Checkpoint::open(&fixture("mdlm"), &overrides).unwrap();
        let mut mdlm = mdlm.load("test", &options(overrides)).unwrap();
        assert_eq!(logits(&mut model, Some(0.4)), logits(&mut mdlm, Some(0.4)));
        let input = Input::new(&IDS, Attention::Full, &[0]);
        assert!(model.forward(&input, &|| false).unwrap_err().to_string().contains("has to be told the noise level"));
    }
}

#[test]
fn bd3lm_reads_block_by_block_unless_the_block_is_the_context() {
    let model = load(&fixture("bd3lm"));
    assert_eq!(model.descriptor.attention, Attention::Block(4));
    let whole = copy("bd3lm", &["config.json", "model.safetensors"]);
    configure(whole.path(), &json!({ "block_size": 24 }));
    assert_eq!(load(whole.path()).descriptor.attention, Attention::Full);
    configure(whole.path(), &json!({ "block_size": 4, "cross_attn": false }));
    assert_eq!(load(whole.path()).descriptor.attention, Attention::Full, "nothing is masked without it");
    // Without `adaln` there is neither a noise level nor what it would move.
    let plain = copy("bd3lm", &["config.json", "model.safetensors"]);
    configure(plain.path(), &json!({ "adaln": false }));
    let moved = |name: &str| name.contains("adaLN") || name.contains("sigma_map");
    rewrite(
        plain.path(),
        "model.safetensors",
        |name, tensor| {
            if moved(name) { Vec::new() } else { vec![(name.to_owned(), tensor)] }
        },
    );
    let mut plain = load(plain.path());
    assert_eq!(logits(&mut plain, None), logits(&mut plain, Some(0.3)));
}

#[test]
fn biases_of_lladas_norms_and_head_count_where_its_configuration_says_so() {
    let folder = copy("llada", &["config.json", "model.safetensors"]);
    let plain = logits(&mut load(folder.path()), None);
    let with = |value: f64, changes: &Value| {
        let folder = copy("llada", &["config.json", "model.safetensors"]);
        configure(folder.path(), changes);
        rewrite(folder.path(), "model.safetensors", |name, tensor| {
            let rows = tensor.dim(0).unwrap();
            let bias = (Tensor::ones(rows, tensor.dtype(), &Device::Cpu).unwrap() * value).unwrap();
            let place = name.trim_end_matches(".weight");
            let normed = place.ends_with("norm") || place.ends_with("ln_f");
            let all = changes["include_bias"] == json!(true) && !place.ends_with("wte");
            let own = (name.to_owned(), tensor);
            if normed || all { vec![own, (format!("{place}.bias"), bias)] } else { vec![own] }
        });
        logits(&mut load(folder.path()), None)
    };
    let norms = json!({ "bias_for_layer_norm": true });
    assert_eq!(with(0.0, &norms), plain);
    assert_ne!(with(0.1, &norms), plain);
    // Where the key is silent, `include_bias` means the norms too; the head has one as well.
    let all = json!({ "bias_for_layer_norm": null, "include_bias": true });
    assert_eq!(with(0.0, &all), plain);
    assert_ne!(with(0.1, &all), with(0.1, &norms));
}

#[test]
fn what_a_configurations_class_sets_counts_where_the_file_is_silent() {
    let same = |name: &str, changes: Value| {
        let folder = copy(name, &["config.json", "model.safetensors"]);
        let before = logits(&mut load_with_mask(folder.path(), 110), None);
        configure(folder.path(), &changes);
        assert_eq!(logits(&mut load_with_mask(folder.path(), 110), None), before, "{name}: {changes}");
    };
    same("llada2", json!({ "use_qk_norm": null, "partial_rotary_factor": null, "use_bias": null }));
    // LLaDA-MoE without dense layers: their width may be -1, or not there.
    same("llada-moe", json!({ "dense_intermediate_size": -1, "shared_expert_intermediate_size": -1 }));
    same("llada-moe", json!({ "dense_intermediate_size": null }));
}

#[test]
fn dreamon_names_the_tokens_that_change_a_holes_length() {
    let model = load(&fixture("dreamon"));
    let descriptor = &model.descriptor;
    assert_eq!((descriptor.elastic, descriptor.expand, descriptor.delete), (true, Some(131), Some(125)));
    // And a run is told of them, so that a sampler which obeys can.
    assert_eq!(model.vocabulary().controls(), Controls { expand: Some(131), delete: Some(125) });
    let descriptor = load(&fixture("dream")).descriptor;
    assert_eq!((descriptor.elastic, descriptor.expand, descriptor.delete), (false, None, None));
}

#[test]
fn the_head_of_diffugpt_may_have_either_name_or_both() {
    let mut whole = load(&fixture("diffugpt"));
    assert_eq!((whole.descriptor.mask, whole.shift(), whole.vocabulary_size()), (Some(97), 1, 98));
    for names in [&["lm_head.weight"][..], &["embed_tokens.weight", "lm_head.weight"]] {
        let folder = copy("diffugpt", &["config.json", "model.safetensors"]);
        rewrite(folder.path(), "model.safetensors", |name, tensor| match name {
            "embed_tokens.weight" => names.iter().map(|name| ((*name).to_owned(), tensor.copy().unwrap())).collect(),
            _ => vec![(name.to_owned(), tensor)],
        });
        assert_eq!(logits(&mut load(folder.path()), None), logits(&mut whole, None), "{names:?}");
    }
    let neither = copy("diffugpt", &["config.json", "model.safetensors"]);
    rewrite(neither.path(), "model.safetensors", |name, tensor| match name {
        "embed_tokens.weight" => vec![],
        _ => vec![(name.to_owned(), tensor)],
    });
    refused(neither.path(), &["embed_tokens.weight", "missing"]);
}

#[test]
fn families_that_share_a_type_or_an_architecture_are_told_apart() {
    let open = |folder: &Path| Checkpoint::open(folder, &Overrides::default()).unwrap().descriptor;
    // CoDA: Qwen3 with a shift, its head tied though its file is silent.
    let coda = copy("a2d-qwen3", &["config.json", "model.safetensors"]);
    configure(coda.path(), &json!({ "model_type": "CoDA", "tie_word_embeddings": null }));
    rewrite(coda.path(), "model.safetensors", |name, tensor| match name {
        "lm_head.weight" => vec![],
        _ => vec![(name.to_owned(), tensor)],
    });
    assert_eq!((open(coda.path()).shift, load_with_mask(coda.path(), 176).descriptor.attention), (1, Attention::Full));
    // DreamReasoner: a Dream by type and a Qwen3 by shape, block by block and without a shift.
    let reasoner = copy("a2d-qwen3", &["config.json", "model.safetensors"]);
    configure(reasoner.path(), &json!({ "model_type": "Dream", "architectures": ["DreamForCausalLM"] }));
    let descriptor = load_with_mask(reasoner.path(), 176).descriptor;
    assert_eq!((descriptor.shift, descriptor.attention), (0, Attention::Block(32)));
    // iLLaDA: a LLaDA with Hugging Face's keys.
    let illada = copy("llada", &["config.json", "model.safetensors"]);
    configure(
        illada.path(),
        &json!({
            "d_model": null, "n_layers": null, "n_heads": null, "n_kv_heads": null, "mlp_hidden_size": null,
            "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 96,
            "max_position_embeddings": 256, "vocab_size": config(illada.path())["embedding_size"],
        }),
    );
    let one = logits(&mut load_with_mask(illada.path(), 150), None);
    assert_eq!(one, logits(&mut load_with_mask(&fixture("llada"), 150), None));
}

fn load_with_mask(folder: &Path, mask: u32) -> Model {
    let options = options(Overrides { mask: Some(mask), ..Overrides::default() });
    Checkpoint::open(folder, &options.overrides).unwrap().load("test", &options).unwrap()
}

#[test]
fn what_the_user_says_wins_over_files_and_tables() {
    let overrides =
        Overrides { mask: Some(7), shift: Some(1), attention: Some(Attention::Full), ..Overrides::default() };
    let descriptor = Checkpoint::open(&fixture("bd3lm"), &overrides).unwrap().descriptor;
    assert_eq!((descriptor.mask, descriptor.shift, descriptor.attention), (Some(7), 1, Attention::Full));
    let family = Overrides { family: Some("radd".into()), ..Overrides::default() };
    let said = refusal(&fixture("sedd"), family);
    assert!(said.contains("blocks.0.norm1.bias"), "{said}");
}
