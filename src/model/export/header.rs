//! The head of a GGUF file: its metadata and what is where, version 3 of the format, as llama.cpp's `gguf-py` writes it.

use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::{Value, ValueType};

use super::Planned;

/// Tensors begin at multiples of this in the file.
const ALIGNMENT: u64 = 32;

/// What is between a tensor of this length and the next.
pub(super) fn padding(length: u64) -> Vec<u8> {
    vec![0; (length.next_multiple_of(ALIGNMENT) - length) as usize]
}

/// Everything before the first tensor.
pub(super) fn bytes(metadata: &[(String, Value)], planned: &[Planned]) -> Vec<u8> {
    let mut out = Vec::from(*b"GGUF");
    out.extend(3_u32.to_le_bytes());
    out.extend((planned.len() as u64).to_le_bytes());
    out.extend((metadata.len() as u64).to_le_bytes());
    for (key, value) in metadata {
        put_text(&mut out, key);
        out.extend(kind(value).to_le_bytes());
        put(&mut out, value);
    }
    let mut offset = 0_u64;
    for tensor in planned {
        put_text(&mut out, &tensor.name);
        out.extend((tensor.shape.len() as u32).to_le_bytes());
        for size in tensor.shape.iter().rev() {
            out.extend((*size as u64).to_le_bytes());
        }
        out.extend(ggml_number(tensor.dtype).to_le_bytes());
        out.extend(offset.to_le_bytes());
        offset += tensor.bytes().next_multiple_of(ALIGNMENT);
    }
    let padding = padding(out.len() as u64);
    out.extend(padding);
    out
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

fn kind(value: &Value) -> u32 {
    match value.value_type() {
        ValueType::U8 => 0,
        ValueType::I8 => 1,
        ValueType::U16 => 2,
        ValueType::I16 => 3,
        ValueType::U32 => 4,
        ValueType::I32 => 5,
        ValueType::F32 => 6,
        ValueType::Bool => 7,
        ValueType::String => 8,
        ValueType::Array => 9,
        ValueType::U64 => 10,
        ValueType::I64 => 11,
        ValueType::F64 => 12,
    }
}

fn put(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::U8(value) => out.push(*value),
        Value::I8(value) => out.extend(value.to_le_bytes()),
        Value::U16(value) => out.extend(value.to_le_bytes()),
        Value::I16(value) => out.extend(value.to_le_bytes()),
        Value::U32(value) => out.extend(value.to_le_bytes()),
        Value::I32(value) => out.extend(value.to_le_bytes()),
        Value::U64(value) => out.extend(value.to_le_bytes()),
        Value::I64(value) => out.extend(value.to_le_bytes()),
        Value::F32(value) => out.extend(value.to_le_bytes()),
        Value::F64(value) => out.extend(value.to_le_bytes()),
        Value::Bool(value) => out.push(u8::from(*value)),
        Value::String(text) => put_text(out, text),
        Value::Array(list) => {
            // An empty list has a type all the same.
            out.extend(list.first().map_or(4, kind).to_le_bytes());
            out.extend((list.len() as u64).to_le_bytes());
            for value in list {
                put(out, value);
            }
        }
    }
}

/// ggml's number of a type that is written here.
fn ggml_number(dtype: GgmlDType) -> u32 {
    match dtype {
        GgmlDType::F32 => 0,
        GgmlDType::F16 => 1,
        GgmlDType::Q4_0 => 2,
        GgmlDType::Q5_0 => 6,
        GgmlDType::Q8_0 => 8,
        GgmlDType::Q4K => 12,
        other => unreachable!("{other:?} is never planned"),
    }
}
