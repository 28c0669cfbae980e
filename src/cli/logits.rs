//! `lacuna logits`: one forward pass over token ids, raw rows out.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::Args;
use serde_json::{Value, json};

use super::{Common, Precision, print, source};
use crate::model::{Attention, Input, LoadOptions};

#[derive(Debug, Args)]
pub(crate) struct LogitsArgs {
    /// A JSON file, or `-` for standard input: {"ids": [..]}, and optionally "time", "attention", "attention_mask", "position_ids", "token_type_ids"
    #[arg(long, value_name = "FILE")]
    ids: PathBuf,
    /// Only these rows, in this order: 0,4,8
    #[arg(long, value_name = "A,B,..", value_delimiter = ',')]
    rows: Vec<usize>,
}

/// The input file. What a network does not read (`time`, `token_type_ids`) changes nothing.
#[derive(Debug)]
pub(crate) struct IdsFile {
    /// What it is called.
    pub(crate) name: String,
    pub(crate) ids: Vec<u32>,
    attention: Option<Attention>,
    attention_mask: Option<Vec<u8>>,
    position_ids: Option<Vec<usize>>,
    token_type_ids: Option<Vec<u32>>,
    time: Option<f64>,
}

/// Reads an input file; `-` is standard input.
pub(crate) fn read_ids(path: &Path) -> anyhow::Result<IdsFile> {
    let (bytes, name) = source::bytes_of(path)?;
    ids_of(&bytes, name)
}

fn ids_of(bytes: &[u8], name: String) -> anyhow::Result<IdsFile> {
    let json: Value = serde_json::from_slice(bytes)
        .map_err(|error| anyhow!("{name} is not JSON, as in {{\"ids\": [3, 17]}} (line {})", error.line()))?;
    let Some(ids) = numbers(&json, "ids", &name)? else { bail!("{name} is not {{\"ids\": [token ids]}}") };
    let time = json.get("time").filter(|time| !time.is_null());
    if time.is_some_and(|time| !time.is_number()) {
        bail!("{name}: \"time\" is a number");
    }
    Ok(IdsFile {
        ids,
        attention: attention(&json).map_err(|why| anyhow!("{name}: \"attention\": {why}"))?,
        attention_mask: numbers(&json, "attention_mask", &name)?,
        position_ids: numbers(&json, "position_ids", &name)?,
        token_type_ids: numbers(&json, "token_type_ids", &name)?,
        time: time.and_then(Value::as_f64),
        name,
    })
}

/// A list of whole numbers; none where it is missing.
fn numbers<T: TryFrom<u64>>(json: &Value, key: &str, name: &str) -> anyhow::Result<Option<Vec<T>>> {
    let Some(value) = json.get(key).filter(|value| !value.is_null()) else { return Ok(None) };
    let number = |value: &Value| T::try_from(value.as_u64()?).ok();
    let Some(list) = value.as_array() else { bail!("{name}: \"{key}\" is a list of whole numbers, as [3, 17]") };
    match list.iter().find(|value| number(value).is_none()) {
        Some(value) => bail!("{name}: \"{key}\" is a list of whole numbers, and {value} is none that can stand there"),
        None => Ok(Some(list.iter().filter_map(number).collect())),
    }
}

fn attention(json: &Value) -> Result<Option<Attention>, String> {
    let Some(said) = json.get("attention").filter(|said| !said.is_null()) else { return Ok(None) };
    match (said.as_str(), said["block"].as_u64()) {
        (Some(name), _) => Attention::parse(name).map(Some),
        (None, Some(0)) => Err("a block length is at least 1".into()),
        (None, Some(block)) => Ok(Some(Attention::Block(block as usize))),
        (None, None) => Err("it is \"full\", or {\"block\": B} with blocks of B tokens".into()),
    }
}

pub(crate) fn run(args: &LogitsArgs, common: &Common) -> anyhow::Result<()> {
    let file = read_ids(&args.ids)?;
    let (found, checkpoint, options) = common.find_and_open(Precision::Exact)?;
    let mut model = checkpoint.load(&found.name, &LoadOptions { maskless: true, ..options })?;
    let attention = file.attention.unwrap_or(model.descriptor.attention);
    let all: Vec<usize>;
    let rows = if args.rows.is_empty() {
        all = (0..file.ids.len()).collect();
        &all
    } else {
        &args.rows
    };
    let visible: Option<Vec<bool>> = file.attention_mask.map(|mask| mask.iter().map(|seen| *seen != 0).collect());
    let input = Input {
        positions: file.position_ids.as_deref(),
        visible: visible.as_deref(),
        token_types: file.token_type_ids.as_deref(),
        time: file.time,
        ..Input::new(&file.ids, attention, rows)
    };
    let data = model.forward(&input, &|| false)?;
    let answers: Vec<&[f32]> = data.chunks(model.vocabulary_size()).collect();
    // JSON has no word for what is no number.
    let unsound = rows.iter().zip(&answers).find(|(_, answer)| answer.iter().any(|logit| !logit.is_finite()));
    if let Some((row, _)) = unsound {
        let name = &model.name;
        bail!(
            "row {row} of {name}'s answer holds what is no number; its weights are damaged, or --dtype is too narrow"
        );
    }
    print(&format!("{}\n", json!({ "logits": answers })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_the_input_is_said_without_the_parsers_words() {
        let read = |text: &str| ids_of(text.as_bytes(), "a.json".into()).map_err(|error| error.to_string());
        let file = read(r#"{"ids": [1, 2], "attention": {"block": 4}, "time": 0.5, "position_ids": null}"#).unwrap();
        assert_eq!(
            (file.ids.as_slice(), file.attention, file.time),
            (&[1, 2][..], Some(Attention::Block(4)), Some(0.5))
        );
        for (text, told) in [
            ("{", "a.json is not JSON"),
            ("[1]", "a.json is not {\"ids\": [token ids]}"),
            ("{\"ids\": [1, -2]}", "a.json: \"ids\" is a list of whole numbers, and -2 is none"),
            ("{\"ids\": [1], \"attention\": 7}", "a.json: \"attention\": it is \"full\""),
            ("{\"ids\": [1], \"attention\": {\"block\": 0}}", "a block length is at least 1"),
        ] {
            let why = read(text).unwrap_err();
            assert!(why.contains(told), "{why}");
        }
    }
}
