//! GGUF files: the same network as the safetensors that they are made from, in every block type that is promised.

use std::collections::HashMap;
use std::path::Path;

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use lacuna::model::{Attention, Checkpoint, DeviceChoice, DtypeChoice, Input, LoadOptions, Model};
use tempfile::TempDir;

use crate::support::fixture;

const BLOCK_TYPES: [GgmlDType; 7] = [
    GgmlDType::F32,
    GgmlDType::F16,
    GgmlDType::BF16,
    GgmlDType::Q8_0,
    GgmlDType::Q5_0,
    GgmlDType::Q4_0,
    GgmlDType::Q4_1,
];

/// The same weights, differently laid out: only the order of summation may differ.
const TOLERANCE: f32 = 3e-4;

const NAMES: [(&str, &str); 9] = [
    ("attn_norm", "attn_norm"),
    ("q_proj", "attn_q"),
    ("k_proj", "attn_k"),
    ("v_proj", "attn_v"),
    ("attn_out", "attn_output"),
    ("ff_norm", "ffn_norm"),
    ("ff_proj", "ffn_gate"),
    ("up_proj", "ffn_up"),
    ("ff_out", "ffn_down"),
];

const HEADS: usize = 4;

/// llama.cpp's permutation of the rows of q and k: in each head, the two halves are interleaved.
fn interleaved(weight: &Tensor) -> Tensor {
    let (rows, columns) = weight.dims2().unwrap();
    let halves = weight.reshape((HEADS, 2, rows / HEADS / 2, columns)).unwrap();
    halves.transpose(1, 2).unwrap().contiguous().unwrap().reshape((rows, columns)).unwrap()
}

fn gguf_name(name: &str) -> String {
    match name.strip_prefix("model.transformer.").unwrap() {
        "wte.weight" => "token_embd.weight".into(),
        "ln_f.weight" => "output_norm.weight".into(),
        "ff_out.weight" => "output.weight".into(),
        block => {
            let parts: Vec<&str> = block.split('.').collect();
            let (_, place) = NAMES.iter().find(|(own, _)| *own == parts[2]).unwrap();
            format!("blk.{}.{place}.weight", parts[1])
        }
    }
}

/// Writes the llada fixture twice with its matrices rounded to one block type: as a GGUF file, and as the dense
/// safetensors of the rounded numbers.
fn write(folder: &Path, dtype: GgmlDType) {
    let tensors = candle_core::safetensors::load(fixture("llada").join("model.safetensors"), &Device::Cpu).unwrap();
    let mut quantised: Vec<(String, QTensor)> = Vec::new();
    let mut dense: HashMap<String, Tensor> = HashMap::new();
    for (name, tensor) in tensors {
        let dtype = if tensor.rank() == 1 { GgmlDType::F32 } else { dtype };
        let quantise = |tensor: &Tensor| QTensor::quantize(tensor, dtype).unwrap();
        dense.insert(name.clone(), quantise(&tensor).dequantize(&Device::Cpu).unwrap());
        let rotated = name.contains("q_proj") || name.contains("k_proj");
        let tensor = if rotated { interleaved(&tensor) } else { tensor };
        quantised.push((gguf_name(&name), quantise(&tensor)));
    }
    candle_core::safetensors::save(&dense, folder.join("model.safetensors")).unwrap();
    std::fs::copy(fixture("llada").join("config.json"), folder.join("config.json")).unwrap();
    let text = |text: &str| Value::String(text.into());
    let metadata: HashMap<&str, Value> = HashMap::from([
        ("general.architecture", text("llada")),
        ("llada.embedding_length", Value::U32(64)),
        ("llada.block_count", Value::U32(3)),
        ("llada.feed_forward_length", Value::U32(96)),
        ("llada.attention.head_count", Value::U32(4)),
        ("llada.attention.head_count_kv", Value::U32(4)),
        ("llada.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        ("llada.rope.freq_base", Value::F32(500_000.0)),
        ("llada.context_length", Value::U32(256)),
        ("diffusion.shift_logits", Value::Bool(false)),
        ("tokenizer.ggml.mask_token_id", Value::U32(150)),
    ]);
    let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(key, value)| (*key, value)).collect();
    let tensors: Vec<(&str, &QTensor)> = quantised.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    gguf_file::write(&mut std::fs::File::create(folder.join("model.gguf")).unwrap(), &metadata, &tensors).unwrap();
}

fn load(path: &Path) -> Model {
    let options =
        LoadOptions { device: DeviceChoice::Cpu, dtype: DtypeChoice::F32, threads: 1, ..LoadOptions::default() };
    Checkpoint::open(path, &options.overrides).unwrap().load("test", &options).unwrap()
}

fn logits(mut model: Model) -> Vec<f32> {
    let ids = [113, 150, 19, 69, 61, 4, 140, 150, 80, 150, 56, 81, 150];
    let rows: Vec<usize> = (0..ids.len()).collect();
    let input = Input::new(&ids, Attention::Full, &rows);
    model.forward(&input, &|| false).unwrap()
}

#[test]
fn every_block_type_is_read_and_permuted_rows_are_rotated_right() {
    for dtype in BLOCK_TYPES {
        let folder = TempDir::new().unwrap();
        write(folder.path(), dtype);
        let dense = logits(load(folder.path()));
        let found = logits(load(&folder.path().join("model.gguf")));
        let worst = dense.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(found.iter().all(|logit| logit.is_finite()) && worst <= TOLERANCE, "{dtype:?} is off by {worst}");
        assert!(dense.iter().any(|logit| logit.abs() > 1.0), "{dtype:?}: there is nothing to compare");
    }
}
