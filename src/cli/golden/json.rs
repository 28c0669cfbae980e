//! Reading golden files: which there are, and the lists in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

pub(super) fn golden_files(dir: &Path, prefix: &str) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let is_golden = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(prefix) && path.extension().is_some_and(|extension| extension == "json")
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| is_golden(path)).collect();
    files.sort();
    Ok(files)
}

pub(super) fn read(path: &Path) -> anyhow::Result<Value> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is not JSON", path.display()))
}

pub(super) fn entries(json: &Value, key: &str, path: &Path) -> anyhow::Result<Vec<Value>> {
    json[key].as_array().cloned().with_context(|| format!("{} has no list \"{key}\"", path.display()))
}

pub(super) fn entry_name(path: &Path, index: usize, entry: &Value) -> String {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let name = entry["name"].as_str().or(entry["source"].as_str()).unwrap_or_default();
    format!("{file}[{index}] {name}")
}

pub(super) fn list<T: serde::de::DeserializeOwned>(value: &Value) -> anyhow::Result<Vec<T>> {
    Ok(serde_json::from_value(value.clone())?)
}

pub(super) fn optional<T: serde::de::DeserializeOwned>(value: &Value) -> anyhow::Result<Option<Vec<T>>> {
    if value.is_null() { Ok(None) } else { list(value).map(Some) }
}

/// A list of lists, or one list for a batch of one.
pub(super) fn batch<T: serde::de::DeserializeOwned>(value: &Value) -> anyhow::Result<Vec<Vec<T>>> {
    match value.get(0) {
        Some(Value::Array(_)) => list(value),
        _ => Ok(vec![list(value)?]),
    }
}

pub(super) fn optional_batch<T: serde::de::DeserializeOwned>(value: &Value) -> anyhow::Result<Option<Vec<Vec<T>>>> {
    if value.is_null() { Ok(None) } else { batch(value).map(Some) }
}

/// A tensor: its shape and its numbers.
pub(super) type Shaped = (Vec<usize>, Vec<f64>);

/// The tensors of a safetensors file whose names are `wanted`, with their shapes, in f64.
pub(super) fn tensors(path: &Path, wanted: impl Fn(&str) -> bool) -> anyhow::Result<BTreeMap<String, Shaped>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = SafeTensors::deserialize(&bytes).with_context(|| format!("{} is damaged", path.display()))?;
    let mut found = BTreeMap::new();
    for (name, view) in file.iter().filter(|(name, _)| wanted(name)) {
        let values = match view.dtype() {
            Dtype::F32 => view.data().as_chunks::<4>().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
            Dtype::F64 => view.data().as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
            other => bail!("{}: {name} is of type {other:?}, and f32 or f64 are read", path.display()),
        };
        found.insert(name.to_owned(), (view.shape().to_vec(), values));
    }
    Ok(found)
}
