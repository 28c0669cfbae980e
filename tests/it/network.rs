//! Networks against the golden numbers of their reference implementations, and the default model against its own.

use std::fs;
use std::path::Path;

use lacuna::cli::golden;
use lacuna::diffusion::{Denoiser, Pass};
use lacuna::model::{Attention, Checkpoint, DeviceChoice, DtypeChoice, Input, LoadOptions, Model, Overrides};

use crate::support::{fixture, project};

fn exact(threads: usize) -> LoadOptions {
    LoadOptions { device: DeviceChoice::Cpu, dtype: DtypeChoice::F32, threads, ..LoadOptions::default() }
}

fn load(folder: &Path, options: &LoadOptions) -> Model {
    Checkpoint::open(folder, &options.overrides).unwrap().load("test", options).unwrap()
}

fn with_mask(mask: u32) -> LoadOptions {
    LoadOptions { overrides: Overrides { mask: Some(mask), ..Overrides::default() }, ..exact(1) }
}

#[track_caller]
fn check_family(name: &str, cases: usize, traces: usize) {
    let report = golden::check(&fixture(name), &exact(1)).unwrap();
    assert_eq!(report.failures, Vec::<String>::new(), "{name}");
    assert_eq!((report.cases.passed, report.cases.failed, report.cases.skipped), (cases, 0, 0), "{name}");
    assert!(report.cases.max_abs_diff > 0.0 && report.cases.max_abs_diff < golden::LOGIT_TOLERANCE, "{name}");
    assert_eq!((report.traces.passed, report.traces.failed), (traces, 0), "{name}");
    assert_eq!(report.traces.skipped, report.skipped.len(), "{name}");
}

#[test]
fn llada_gives_the_references_numbers_and_states() {
    check_family("llada", 6, 47);
}

#[test]
fn dream_gives_the_references_numbers_and_states() {
    check_family("dream", 6, 53);
}

#[test]
fn dreamon_gives_the_references_numbers_and_grows_and_shrinks_as_it_does() {
    check_family("dreamon", 2, 10);
}

#[test]
fn open_dcoder_gives_the_references_numbers() {
    check_family("open-dcoder", 4, 26);
}

#[test]
fn a2d_models_give_the_references_numbers() {
    check_family("a2d-qwen2", 5, 15);
    check_family("a2d-qwen3", 6, 29);
}

#[test]
fn diffullama_gives_the_references_numbers() {
    check_family("diffullama", 4, 3);
}

#[test]
fn masked_language_models_give_the_references_numbers() {
    check_family("bert", 6, 8);
    check_family("roberta", 5, 8);
    check_family("modernbert", 5, 8);
}

#[test]
fn mixtures_of_experts_and_block_causal_models_give_the_references_numbers() {
    check_family("sdar", 5, 17);
    check_family("llada-moe", 3, 10);
    check_family("llada2", 5, 10);
}

#[test]
fn models_of_vectors_give_the_references_numbers_and_runs() {
    check_family("plaid", 3, 2);
    check_family("ssd-lm", 3, 2);
    check_family("tess2", 3, 2);
    check_family("diffusion-lm", 3, 2);
}

#[test]
fn ddit_models_give_the_references_numbers() {
    check_family("mdlm", 7, 3);
    check_family("sedd", 5, 4);
    check_family("radd", 4, 4);
    check_family("gidd", 4, 6);
}

#[test]
fn bd3lm_gives_the_references_numbers_but_for_the_layout_of_its_training() {
    let report = golden::check(&fixture("bd3lm"), &exact(1)).unwrap();
    assert_eq!(report.failures, Vec::<String>::new());
    assert_eq!((report.cases.passed, report.cases.failed, report.cases.skipped), (3, 0, 1));
    assert!(report.skipped[0].why.contains("training-only layout"), "{:?}", report.skipped[0]);
    assert_eq!((report.traces.passed, report.traces.failed, report.traces.skipped), (4, 0, 0));
}

#[test]
fn diffugpt_and_smdm_give_the_references_numbers() {
    check_family("diffugpt", 4, 3);
    check_family("smdm", 4, 10);
}

#[test]
fn sharded_bfloat16_checkpoints_load_exactly() {
    check_family("llada-bf16-sharded", 2, 0);
    check_family("dream-bf16-sharded", 2, 0);
}

#[test]
fn the_default_models_own_rows_hold() {
    let golden = fs::read(fixture("lacuna-135m-golden.json")).unwrap();
    let golden: serde_json::Value = serde_json::from_slice(&golden).unwrap();
    let mut model = load(&project("assets/lacuna-135m"), &exact(2));
    assert_eq!((model.shift(), model.vocabulary().mask()), (1, 49152));
    for case in golden["cases"].as_array().unwrap() {
        let ids: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
        let rows = case["rows"].as_array().unwrap();
        let numbers: Vec<usize> = rows.iter().map(|row| row["row"].as_u64().unwrap() as usize).collect();
        let input = Input::new(&ids, Attention::Full, &numbers);
        let logits = model.forward(&input, &|| false).unwrap();
        for (row, found) in rows.iter().zip(logits.chunks(model.vocabulary_size())) {
            let top: Vec<usize> = serde_json::from_value(row["top_ids"].clone()).unwrap();
            let expected: Vec<f32> = serde_json::from_value(row["top_logits"].clone()).unwrap();
            for (id, expected) in top.iter().zip(&expected) {
                // The golden file has four decimals.
                assert!((found[*id] - expected).abs() < golden::LOGIT_TOLERANCE + 5e-5, "{} {expected}", found[*id]);
            }
            assert!(found.iter().all(|logit| *logit <= expected[0] + 1e-3));
        }
    }
}

#[test]
fn some_rows_are_the_same_as_all_rows() {
    let mut model = load(&fixture("dream"), &with_mask(170));
    let ids = [1, 170, 3, 170, 5, 6];
    let v = model.vocabulary_size();
    let mut forward = |rows: &[usize]| {
        let input = Input::new(&ids, Attention::Full, rows);
        model.forward(&input, &|| false).unwrap()
    };
    let all = forward(&[0, 1, 2, 3, 4, 5]);
    let some = forward(&[4, 1]);
    let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(close(&some[..v], &all[4 * v..5 * v]) && close(&some[v..], &all[v..2 * v]));
    assert!(forward(&[]).is_empty());
}

#[test]
fn every_row_sees_the_last_token_and_with_blocks_only_its_own() {
    let mut model = load(&fixture("a2d-qwen3"), &with_mask(176));
    let mut forward = |ids: &[u32], attention| {
        let input = Input::new(ids, attention, &[0]);
        model.forward(&input, &|| false).unwrap()
    };
    let (one, other) = ([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 7]);
    assert_ne!(forward(&one, Attention::Full), forward(&other, Attention::Full));
    assert_eq!(forward(&one, Attention::Block(3)), forward(&other, Attention::Block(3)));
}

#[test]
fn padding_that_nobody_sees_changes_nothing() {
    let mut model = load(&fixture("llada"), &with_mask(150));
    let mut forward = |ids: &[u32], visible: Option<&[bool]>| {
        let input = Input { visible, ..Input::new(ids, Attention::Full, &[0, 1, 2]) };
        model.forward(&input, &|| false).unwrap()
    };
    let bare = forward(&[7, 150, 9], None);
    let padded = forward(&[7, 150, 9, 149, 149], Some(&[true, true, true, false, false]));
    assert!(bare.iter().zip(&padded).all(|(a, b)| (a - b).abs() < 1e-4));
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let ids: Vec<u32> = (0..70).map(|i| if i % 3 == 0 { 49152 } else { 500 + i }).collect();
    let rows: Vec<usize> = (0..70).step_by(3).collect();
    for dtype in [DtypeChoice::F32, DtypeChoice::Q8] {
        let logits = |threads| {
            let options = LoadOptions { dtype, ..exact(threads) };
            let mut model = load(&project("assets/lacuna-135m"), &options);
            model.logits(&Pass::new(&ids, &rows), &|| false).unwrap()
        };
        assert!(logits(1) == logits(3), "{dtype:?}");
    }
}

#[test]
fn packed_weights_hardly_change_what_is_likely() {
    // The mean Kullback-Leibler divergence in nats that 8 bits may cost on these rows; measured 0.027.
    const BUDGET: f64 = 0.05;
    let golden: serde_json::Value =
        serde_json::from_slice(&fs::read(fixture("lacuna-135m-golden.json")).unwrap()).unwrap();
    let load = |dtype| load(&project("assets/lacuna-135m"), &LoadOptions { dtype, ..exact(2) });
    let (mut exact, mut packed) = (load(DtypeChoice::F32), load(DtypeChoice::Q8));
    let mut divergences = Vec::new();
    for case in golden["cases"].as_array().unwrap() {
        let ids: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
        let rows: Vec<usize> =
            case["rows"].as_array().unwrap().iter().map(|row| row["row"].as_u64().unwrap() as usize).collect();
        let input = Input::new(&ids, Attention::Full, &rows);
        let (p, q) = (exact.forward(&input, &|| false).unwrap(), packed.forward(&input, &|| false).unwrap());
        let v = exact.vocabulary_size();
        divergences.extend(p.chunks(v).zip(q.chunks(v)).map(|(p, q)| divergence(&log_softmax(p), &log_softmax(q))));
    }
    let mean = divergences.iter().sum::<f64>() / divergences.len() as f64;
    assert!(mean > 0.0 && mean < BUDGET, "{mean}");
}

fn log_softmax(row: &[f32]) -> Vec<f64> {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = row.iter().map(|logit| f64::from(logit - max).exp()).sum();
    row.iter().map(|logit| f64::from(logit - max) - sum.ln()).collect()
}

fn divergence(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(p, q)| p.exp() * (p - q)).sum()
}

#[test]
fn a_pass_is_cancelled_between_layers() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let mut model = load(&fixture("llada"), &with_mask(150));
    let asked = AtomicUsize::new(0);
    let stop_at_second = || asked.fetch_add(1, Ordering::Relaxed) == 1;
    let error = model.logits(&Pass::new(&[1, 2, 3], &[0]), &stop_at_second).unwrap_err();
    assert_eq!(error, lacuna::diffusion::DenoiseError::Cancelled);
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}
