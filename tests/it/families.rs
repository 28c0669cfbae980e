//! Traps of published checkpoints (`reference/models.md` section 7), on small ones made for them.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use lacuna::diffusion::continuous::{Choices, ContinuousDenoiser, Run};
use lacuna::diffusion::rng::Seeded;
use lacuna::diffusion::{DenoiseError, Denoiser};
use lacuna::model::{
    Attention, Checkpoint, DeviceChoice, DtypeChoice, Input, LoadOptions, Model, ModelError, Overrides,
};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{self, fixture, run};
use crate::tiny;

/// Name, shape, numbers.
type Tensors = Vec<(String, Vec<usize>, Vec<f32>)>;

fn options(mask: u32) -> LoadOptions {
    let overrides = Overrides { mask: Some(mask), ..Overrides::default() };
    LoadOptions { device: DeviceChoice::Cpu, dtype: DtypeChoice::F32, threads: 1, overrides, ..LoadOptions::default() }
}

fn open(folder: &Path) -> Result<Checkpoint, ModelError> {
    Checkpoint::open(folder, &Overrides { mask: Some(3), ..Overrides::default() })
}

fn load(folder: &Path) -> Model {
    open(folder).unwrap().load("test", &options(3)).unwrap()
}

/// Loads with what its files say alone.
fn load_with_its_own(folder: &Path) -> Model {
    let options = LoadOptions { overrides: Overrides::default(), ..options(0) };
    Checkpoint::open(folder, &options.overrides).unwrap().load("test", &options).unwrap()
}

fn logits(model: &mut Model, ids: &[u32]) -> Vec<f32> {
    let rows: Vec<usize> = (0..ids.len()).collect();
    let attention = model.descriptor.attention;
    model.forward(&Input::new(ids, attention, &rows), &|| false).unwrap()
}

fn config_of(name: &str) -> Value {
    serde_json::from_slice(&fs::read(fixture(name).join("config.json")).unwrap()).unwrap()
}

fn tensors_of(name: &str) -> Tensors {
    let bytes = fs::read(fixture(name).join("model.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let numbers = |view: &TensorView<'_>| {
        view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect::<Vec<_>>()
    };
    let read = |(name, view): (String, TensorView<'_>)| (name, view.shape().to_vec(), numbers(&view));
    file.tensors().into_iter().map(read).collect()
}

fn write(config: &Value, tensors: &Tensors) -> TempDir {
    let folder = TempDir::new().unwrap();
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, _, numbers)| numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
        .collect();
    let views: HashMap<String, TensorView<'_>> = tensors
        .iter()
        .zip(&bytes)
        .map(|((name, shape, _), bytes)| (name.clone(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()))
        .collect();
    fs::write(folder.path().join("model.safetensors"), safetensors::serialize(&views, None).unwrap()).unwrap();
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    folder
}

/// Numbers in -1..1 that look random.
fn numbers(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn bert_loads_under_the_old_and_the_new_names_of_its_norms() {
    let renamed: Tensors = tensors_of("bert")
        .into_iter()
        .map(|(name, shape, numbers)| {
            (
                name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias"),
                shape,
                numbers,
            )
        })
        .collect();
    assert!(renamed.iter().filter(|(name, ..)| name.contains("LayerNorm.weight")).count() == 6);
    let folder = write(&config_of("bert"), &renamed);
    let ids = [5, 3, 9, 3, 7];
    assert!(logits(&mut load(folder.path()), &ids) == logits(&mut load(&fixture("bert")), &ids));
    let unused = open(&fixture("bert")).unwrap().report().unused;
    assert!(unused.iter().all(|name| !name.contains("LayerNorm")), "{unused:?}");
}

#[test]
fn llada_moe_says_llada_and_is_told_by_its_class_or_its_experts() {
    let mut config = config_of("llada-moe");
    assert_eq!(config["model_type"], "llada");
    assert_eq!(open(&fixture("llada-moe")).unwrap().descriptor.family, "llada-moe");
    config.as_object_mut().unwrap().remove("architectures");
    let folder = write(&config, &tensors_of("llada-moe"));
    assert_eq!(open(folder.path()).unwrap().descriptor.family, "llada-moe");
    assert_eq!(open(&fixture("llada")).unwrap().descriptor.family, "llada");
}

#[test]
fn the_first_layer_of_modernbert_has_no_norm_before_its_attention() {
    let mut tensors = tensors_of("modernbert");
    assert!(!tensors.iter().any(|(name, ..)| name == "model.layers.0.attn_norm.weight"));
    tensors.retain(|(name, ..)| name != "model.layers.1.attn_norm.weight");
    let folder = write(&config_of("modernbert"), &tensors);
    assert_eq!(open(folder.path()).unwrap().report().missing, ["model.layers.1.attn_norm.weight"]);
}

#[test]
fn modernbert_loads_under_the_keys_of_transformers_5() {
    let mut config = config_of("modernbert");
    let map = config.as_object_mut().unwrap();
    let (global, local) = (map.remove("global_rope_theta").unwrap(), map.remove("local_rope_theta").unwrap());
    map.remove("global_attn_every_n_layers");
    let kind = |layer: usize| if layer.is_multiple_of(3) { "full_attention" } else { "sliding_attention" };
    map.insert("layer_types".into(), (0..4).map(kind).collect());
    let thetas = json!({ "full_attention": { "rope_theta": global }, "sliding_attention": { "rope_theta": local } });
    map.insert("rope_parameters".into(), thetas);
    let folder = write(&config, &tensors_of("modernbert"));
    let ids: Vec<u32> = (0..30).map(|i| i * 3 % 118).collect();
    assert!(logits(&mut load(folder.path()), &ids) == logits(&mut load(&fixture("modernbert")), &ids));
}

#[test]
fn a_dense_layer_a_shared_expert_and_a_partial_rotation_are_options_of_llada_moe() {
    let mut config = config_of("llada-moe");
    for (key, value) in [
        ("moe_layer_freq", json!([0, 1])),
        ("shared_expert_intermediate_size", json!(20)),
        ("partial_rotary_factor", json!(0.5)),
    ] {
        config[key] = value;
    }
    let mut tensors = tensors_of("llada-moe");
    tensors.retain(|(name, ..)| !name.starts_with("model.layers.0.mlp"));
    let swiglu = |before: &str, width: usize| {
        let shapes = [("gate_proj", [width, 48]), ("up_proj", [width, 48]), ("down_proj", [48, width])];
        let one = |(map, shape): (&str, [usize; 2])| {
            (format!("{before}.{map}.weight"), shape.to_vec(), numbers(width as u32, shape[0] * shape[1]))
        };
        shapes.map(one)
    };
    tensors.extend(swiglu("model.layers.0.mlp", 64));
    let without = write(&config, &tensors);
    assert_eq!(open(without.path()).unwrap().report().missing.len(), 3);
    tensors.extend(swiglu("model.layers.1.shared_expert", 20));
    let folder = write(&config, &tensors);
    let found = logits(&mut load(folder.path()), &[1, 2, 3, 4]);
    assert!(found.iter().all(|logit| logit.is_finite()));
    config["partial_rotary_factor"] = json!(1.0);
    let whole = write(&config, &tensors);
    assert!(found != logits(&mut load(whole.path()), &[1, 2, 3, 4]));
}

#[test]
fn queries_keys_and_values_of_llada2_lie_below_one_another_in_that_order() {
    // Swapping the rows of keys and values must not go unseen.
    let mut tensors = tensors_of("llada2");
    let mut before = load(&fixture("llada2"));
    for (name, shape, numbers) in &mut tensors {
        if name.ends_with("query_key_value.weight") {
            let (heads, kv_heads, columns) = (4 * 16, 2 * 16, shape[1]);
            assert_eq!(shape[0], heads + 2 * kv_heads);
            numbers[heads * columns..].rotate_left(kv_heads * columns);
        }
    }
    let folder = write(&config_of("llada2"), &tensors);
    assert!(logits(&mut load(folder.path()), &[1, 2, 3]) != logits(&mut before, &[1, 2, 3]));
}

#[test]
fn block_causal_models_are_known_by_their_files_and_see_nothing_after_their_block() {
    for (name, block) in [("sdar", 4), ("llada2", 32)] {
        let mut model = load(&fixture(name));
        assert_eq!(model.descriptor.attention, Attention::Block(block), "{name}");
        assert!(!model.descriptor.attention.sees_after());
        let v = model.vocabulary_size();
        let (mut one, mut other) = (vec![1; block + 2], vec![1; block + 2]);
        (one[block], other[block]) = (7, 8);
        let (a, b) = (logits(&mut model, &one), logits(&mut model, &other));
        assert!(a[..block * v] == b[..block * v], "{name}");
        assert!(a[block * v..] != b[block * v..], "{name}");
        assert!(model.descriptor.family.starts_with(name), "{}", model.descriptor.family);
    }
}

#[test]
fn fast_dllm_is_qwen2_block_by_block_and_shifted() {
    let mut config = config_of("open-dcoder");
    config["model_type"] = json!("Fast_dLLM_Qwen");
    config["bd_size"] = json!(8);
    let folder = write(&config, &tensors_of("open-dcoder"));
    let model = load(folder.path());
    assert_eq!((model.descriptor.shift, model.descriptor.attention), (1, Attention::Block(8)));
}

#[test]
fn rows_without_a_token_the_mask_and_special_tokens_are_never_proposed() {
    let folder = TempDir::new().unwrap();
    tiny::copy("llada", folder.path(), &Value::Null);
    tiny::give_tokenizer(folder.path());
    let model = load_with_its_own(folder.path());
    let (vocabulary, tokenizer) = (model.vocabulary(), model.tokenizer().unwrap());
    assert!(vocabulary.size() == 160 && tokenizer.size() == 151, "{}", tokenizer.size());
    let open: Vec<u32> = (0..160).filter(|id| !vocabulary.is_banned(*id)).collect();
    assert_eq!(open.len(), 40, "{open:?}");
    assert!(open.iter().all(|id| !tokenizer.bytes(*id).is_empty()));
}

#[test]
fn a_mask_that_is_a_token_of_texts_too_stays_where_it_stands() {
    // DiffuLLaMA and DiffuGPT took a rare token of their vocabulary as mask; here it is the letter q.
    let folder = TempDir::new().unwrap();
    tiny::model("llada", 150, folder.path());
    let mask = tiny::token('q').to_string();
    let at = folder.path().to_str().unwrap();
    let found =
        support::json(&run(&["fill", "q [MASK:3] qq", "--model", at, "--mask-id", &mask, "--seed", "3", "--json"]));
    let (text, inside) = (found["text"].as_str().unwrap(), found["holes"][0]["text"].as_str().unwrap());
    assert!(text.starts_with("q ") && text.ends_with(" qq") && text.len() == 8, "{text:?}");
    assert!(inside.len() == 3 && !inside.contains('q'), "{inside:?}");
}

#[cfg(unix)]
#[test]
fn a_hole_that_begins_a_text_has_the_beginning_of_text_before_it_where_rows_are_shifted() {
    // Row 0 predicts position 1, and no row predicts position 0.
    let home = crate::models::Home::new();
    let model = home.path("dream");
    tiny::model("dream", 170, &model);
    let canvas = |args: &[&str]| {
        let all = [&["--model", model.to_str().unwrap()], args, &["[MASK:2]bc"]].concat();
        crate::models::first_canvas(&home, &all)
    };
    let text = tiny::tokens("bc");
    let (shifted, plain) = (canvas(&[]), canvas(&["--shift", "0"]));
    assert!(shifted.len() == 5 && shifted[0] == 165 && shifted[3..] == text, "{shifted:?}");
    assert!(plain.len() == 4 && plain[0] != 165 && plain[2..] == text, "{plain:?}");
}

#[test]
fn impossible_mixtures_are_refused_in_a_sentence() {
    for (name, key, value, word) in [
        ("llada2", "n_group", json!(5), "n_group"),
        ("llada2", "topk_group", json!(9), "n_group"),
        ("llada2", "num_experts_per_tok", json!(9), "num_experts_per_tok"),
        ("llada-moe", "num_experts", json!(0), "num_experts"),
        ("llada-moe", "moe_layer_freq", json!([1]), "moe_layer_freq"),
        ("llada-moe", "partial_rotary_factor", json!(2.0), "partial_rotary_factor"),
        ("sdar", "block_size", json!(0), "block_size"),
        ("bert", "num_attention_heads", json!(5), "num_attention_heads"),
        ("roberta", "max_position_embeddings", json!(2), "max_position_embeddings"),
        ("modernbert", "num_hidden_layers", json!(1_u64 << 40), "num_hidden_layers"),
        ("tess2", "is_causal", json!(true), "is_causal"),
    ] {
        let mut config = config_of(name);
        config[key] = value;
        let folder = write(&config, &Vec::new());
        let error = open(folder.path()).err().unwrap().to_string();
        assert!(error.contains(word), "{name}: {error}");
    }
}

#[test]
fn a_model_of_vectors_is_no_model_of_tokens_and_says_so() {
    for name in ["plaid", "ssd-lm", "tess2", "diffusion-lm"] {
        let checkpoint = open(&fixture(name)).unwrap();
        assert!(checkpoint.is_continuous() && checkpoint.descriptor.family == name);
        let mut model = checkpoint.load(name, &options(3)).unwrap();
        assert!(model.continuous().is_some());
        let input = Input::new(&[4, 5, 6], Attention::Full, &[1]);
        let error = model.forward(&input, &|| false).err().unwrap().to_string();
        assert!(error.contains("vectors"), "{error}");
    }
    let error = open(&fixture("bert")).unwrap().load_continuous("bert", &options(3)).err().unwrap().to_string();
    assert!(error.contains("tokens"), "{error}");
}

#[test]
fn the_learned_schedule_of_plaid_is_the_references() {
    let cases: Value = serde_json::from_slice(&fs::read(fixture("plaid").join("cases.json")).unwrap()).unwrap();
    let list = |key: &str| serde_json::from_value::<Vec<f64>>(cases[key].clone()).unwrap();
    let (times, shares) = (list("noise_schedule_t"), list("noise_schedule_value"));
    let model = open(&fixture("plaid")).unwrap().load_continuous("plaid", &options(3)).unwrap();
    // Steps lie evenly from 1 to 0, so that a twentieth meets every time that was recorded.
    let levels = model.process(&Choices::steps(21)).levels;
    let (low, high) = (levels[20].gamma, levels[0].gamma);
    for (time, share) in times.iter().zip(&shares) {
        let level = levels[((1.0 - time) * 20.0).round() as usize];
        assert!(((level.gamma - low) / (high - low) - share).abs() < 1e-9, "{time}");
    }
}

#[test]
fn known_text_on_both_sides_stays_while_vectors_between_are_denoised() {
    for name in ["plaid", "ssd-lm", "tess2", "diffusion-lm"] {
        let mut model = open(&fixture(name)).unwrap().load_continuous(name, &options(3)).unwrap();
        let known = vec![Some(4), Some(5), None, None, Some(6)];
        let process = model.process(&Choices::steps(6));
        let mut run = Run::new(process, known.clone(), &model, Seeded(4)).unwrap();
        let mut touched = [false; 5];
        while !run.is_done() {
            for edit in run.step(&mut model, &|| false).unwrap() {
                touched[edit.position] = true;
            }
        }
        assert_eq!(touched, [false, false, true, true, false], "{name}");
        assert!(
            run.best().iter().zip(&known).all(|(best, known)| best.is_some() && (known.is_none() || best == known))
        );
    }
}

#[test]
fn a_cancelled_pass_over_vectors_ends_between_layers() {
    for name in ["plaid", "ssd-lm", "tess2", "diffusion-lm"] {
        let mut model = open(&fixture(name)).unwrap().load_continuous(name, &options(3)).unwrap();
        let process = model.process(&Choices::steps(6));
        let mut run = Run::new(process, vec![None; 3], &model, Seeded(4)).unwrap();
        let asked = AtomicUsize::new(0);
        let stop = || asked.fetch_add(1, Ordering::Relaxed) == 1;
        assert_eq!(run.step(&mut model, &stop), Err(DenoiseError::Cancelled), "{name}");
        assert_eq!(asked.load(Ordering::Relaxed), 2, "{name}");
    }
}

pub(crate) mod lfm2 {
    //! The network as loops over numbers, written from `models.md` section 2.9.

    use super::*;

    const HIDDEN: usize = 8;
    const HEADS: usize = 2;
    const KV_HEADS: usize = 1;
    const WIDTH: usize = 4;
    const FEED_FORWARD: usize = 6;
    const VOCAB: usize = 64;
    const EPS: f32 = 1e-5;
    const THETA: f32 = 1e6;

    fn config() -> Value {
        json!({
            "model_type": "lfm2", "architectures": ["Lfm2BidirectionalForMaskedLM"], "vocab_size": VOCAB,
            "hidden_size": HIDDEN, "num_hidden_layers": 3, "num_attention_heads": HEADS,
            "num_key_value_heads": KV_HEADS, "block_ff_dim": 8, "block_multiple_of": 6, "norm_eps": EPS,
            "rope_theta": THETA, "conv_L_cache": 3, "max_position_embeddings": 64,
            "layer_types": ["conv", "full_attention", "conv"],
        })
    }

    fn tensors(prefix: &str) -> Tensors {
        let mut list: Vec<(String, Vec<usize>)> =
            vec![("embed_tokens".into(), vec![VOCAB, HIDDEN]), ("embedding_norm".into(), vec![HIDDEN])];
        for layer in 0..3 {
            let mut add = |name: &str, shape: &[usize]| list.push((format!("layers.{layer}.{name}"), shape.to_vec()));
            add("operator_norm", &[HIDDEN]);
            add("ffn_norm", &[HIDDEN]);
            if layer == 1 {
                add("self_attn.q_proj", &[HEADS * WIDTH, HIDDEN]);
                add("self_attn.k_proj", &[KV_HEADS * WIDTH, HIDDEN]);
                add("self_attn.v_proj", &[KV_HEADS * WIDTH, HIDDEN]);
                add("self_attn.out_proj", &[HIDDEN, HEADS * WIDTH]);
                add("self_attn.q_layernorm", &[WIDTH]);
                add("self_attn.k_layernorm", &[WIDTH]);
            } else {
                add("conv.in_proj", &[3 * HIDDEN, HIDDEN]);
                add("conv.conv", &[HIDDEN, 1, 3]);
                add("conv.out_proj", &[HIDDEN, HIDDEN]);
            }
            add("feed_forward.w1", &[FEED_FORWARD, HIDDEN]);
            add("feed_forward.w3", &[FEED_FORWARD, HIDDEN]);
            add("feed_forward.w2", &[HIDDEN, FEED_FORWARD]);
        }
        let with_numbers = |(seed, (name, shape)): (usize, (String, Vec<usize>))| {
            let count = shape.iter().product();
            (format!("{prefix}{name}.weight"), shape, numbers(seed as u32 + 1, count))
        };
        list.into_iter().enumerate().map(with_numbers).collect()
    }

    /// Puts one into a folder.
    pub(crate) fn make(folder: &Path) {
        let made = write(&config(), &tensors("model."));
        fs::create_dir_all(folder).unwrap();
        for file in ["config.json", "model.safetensors"] {
            fs::copy(made.path().join(file), folder.join(file)).unwrap();
        }
    }

    struct Reference(HashMap<String, Vec<f32>>);

    impl Reference {
        fn linear(&self, name: &str, x: &[f32]) -> Vec<f32> {
            self.0[name].chunks(x.len()).map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum()).collect()
        }

        fn norm(&self, name: &str, x: &[f32]) -> Vec<f32> {
            let mean = x.iter().map(|x| x * x).sum::<f32>() / x.len() as f32;
            x.iter().zip(&self.0[name]).map(|(x, w)| x / (mean + EPS).sqrt() * w).collect()
        }

        fn rotated(x: &[f32], position: usize) -> Vec<f32> {
            let half = WIDTH / 2;
            let turn = |i: usize| {
                let (sin, cos) = (position as f32 / THETA.powf(2.0 * (i % half) as f32 / WIDTH as f32)).sin_cos();
                if i < half { x[i] * cos - x[i + half] * sin } else { x[i] * cos + x[i - half] * sin }
            };
            (0..WIDTH).map(turn).collect()
        }

        fn convolution(&self, layer: &str, x: &[Vec<f32>]) -> Vec<Vec<f32>> {
            let parts: Vec<Vec<f32>> = x.iter().map(|x| self.linear(&format!("{layer}.conv.in_proj"), x)).collect();
            let gated = |row: usize, d: usize| parts[row][d] * parts[row][2 * HIDDEN + d];
            let taps = &self.0[&format!("{layer}.conv.conv")];
            let mixed = |row: usize, d: usize| -> f32 {
                let near = (0..3).filter_map(|tap| (row + tap).checked_sub(1).map(|near| (tap, near)));
                near.filter(|(_, near)| *near < x.len()).map(|(tap, near)| taps[d * 3 + tap] * gated(near, d)).sum()
            };
            let row = |row: usize| {
                let out: Vec<f32> = (0..HIDDEN).map(|d| parts[row][HIDDEN + d] * mixed(row, d)).collect();
                self.linear(&format!("{layer}.conv.out_proj"), &out)
            };
            (0..x.len()).map(row).collect()
        }

        fn attention(&self, layer: &str, x: &[Vec<f32>]) -> Vec<Vec<f32>> {
            let heads = |map: &str, norm: Option<&str>| -> Vec<Vec<Vec<f32>>> {
                let of_row = |(position, x): (usize, &Vec<f32>)| {
                    let all = self.linear(&format!("{layer}.self_attn.{map}"), x);
                    let head = |head: &[f32]| match norm {
                        Some(norm) => Self::rotated(&self.norm(&format!("{layer}.self_attn.{norm}"), head), position),
                        None => head.to_vec(),
                    };
                    all.chunks(WIDTH).map(head).collect()
                };
                x.iter().enumerate().map(of_row).collect()
            };
            let (q, k) = (heads("q_proj", Some("q_layernorm")), heads("k_proj", Some("k_layernorm")));
            let v = heads("v_proj", None);
            let row = |row: usize| {
                let head = |head: usize| {
                    let key = head / (HEADS / KV_HEADS);
                    let dot = |other: usize| q[row][head].iter().zip(&k[other][key]).map(|(q, k)| q * k).sum::<f32>();
                    let weights: Vec<f32> =
                        (0..x.len()).map(|other| (dot(other) / (WIDTH as f32).sqrt()).exp()).collect();
                    let sum: f32 = weights.iter().sum();
                    let mix = |axis: usize| (0..x.len()).map(|other| weights[other] / sum * v[other][key][axis]).sum();
                    (0..WIDTH).map(mix).collect::<Vec<f32>>()
                };
                let mixed: Vec<f32> = (0..HEADS).flat_map(head).collect();
                self.linear(&format!("{layer}.self_attn.out_proj"), &mixed)
            };
            (0..x.len()).map(row).collect()
        }

        fn logits(&self, ids: &[u32]) -> Vec<f32> {
            let embedding: Vec<&[f32]> = self.0["embed_tokens"].chunks(HIDDEN).collect();
            let mut x: Vec<Vec<f32>> = ids.iter().map(|id| embedding[*id as usize].to_vec()).collect();
            let add = |x: &mut Vec<Vec<f32>>, more: Vec<Vec<f32>>| {
                x.iter_mut().zip(more).for_each(|(x, more)| x.iter_mut().zip(more).for_each(|(x, more)| *x += more));
            };
            for layer in 0..3 {
                let name = format!("layers.{layer}");
                let normed: Vec<Vec<f32>> = x.iter().map(|x| self.norm(&format!("{name}.operator_norm"), x)).collect();
                let mixed = if layer == 1 { self.attention(&name, &normed) } else { self.convolution(&name, &normed) };
                add(&mut x, mixed);
                let feed = |x: &Vec<f32>| {
                    let x = self.norm(&format!("{name}.ffn_norm"), x);
                    let gate = self.linear(&format!("{name}.feed_forward.w1"), &x);
                    let up = self.linear(&format!("{name}.feed_forward.w3"), &x);
                    let both: Vec<f32> = gate.iter().zip(up).map(|(g, u)| g / (1.0 + (-g).exp()) * u).collect();
                    self.linear(&format!("{name}.feed_forward.w2"), &both)
                };
                let fed: Vec<Vec<f32>> = x.iter().map(feed).collect();
                add(&mut x, fed);
            }
            x.iter().flat_map(|x| self.linear("embed_tokens", &self.norm("embedding_norm", x))).collect()
        }
    }

    #[test]
    fn lfm2_computes_what_its_description_says_under_both_prefixes() {
        let strip =
            |(name, _, numbers): (String, Vec<usize>, Vec<f32>)| (name.trim_end_matches(".weight").to_owned(), numbers);
        let reference = Reference(tensors("").into_iter().map(strip).collect());
        let ids = [1, 3, 5, 10, 3, 2];
        let expected = reference.logits(&ids);
        for prefix in ["model.", "lfm2."] {
            let folder = write(&config(), &tensors(prefix));
            assert!(open(folder.path()).unwrap().report().unused.is_empty());
            let found = logits(&mut load(folder.path()), &ids);
            let distance = found.iter().zip(&expected).map(|(found, expected)| (found - expected).abs());
            let distance = distance.fold(0.0, f32::max);
            assert!(found.len() == expected.len() && distance < 1e-4, "{distance}");
        }
    }

    #[test]
    fn padding_does_not_leak_through_the_convolutions() {
        let folder = write(&config(), &tensors("model."));
        let mut model = load(folder.path());
        let bare = logits(&mut model, &[1, 3, 5]);
        let visible = [true, true, true, false, false];
        let input = Input { visible: Some(&visible), ..Input::new(&[1, 3, 5, 9, 9], Attention::Full, &[0, 1, 2]) };
        let padded = model.forward(&input, &|| false).unwrap();
        assert!(bare.iter().zip(&padded).all(|(a, b)| (a - b).abs() < 1e-4));
    }

    #[test]
    fn its_causal_siblings_are_refused() {
        let mut config = config();
        config["architectures"] = json!(["Lfm2ForCausalLM"]);
        let folder = write(&config, &tensors("model."));
        let error = open(folder.path()).err().unwrap().to_string();
        assert!(error.contains("left to right"), "{error}");
    }
}
