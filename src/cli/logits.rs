//! `lacuna logits`: one forward pass over token ids, raw rows out.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use serde::Deserialize;
use serde_json::json;

use super::{Common, Precision, print};
use crate::model::{Attention, Input};

#[derive(Debug, Args)]
pub(crate) struct LogitsArgs {
    /// A JSON file: {"ids": [..]}, and optionally "time", "attention", "attention_mask", "position_ids", "token_type_ids"
    #[arg(long, value_name = "FILE")]
    ids: PathBuf,
    /// Only these rows, in this order: 0,4,8
    #[arg(long, value_name = "A,B,..", value_delimiter = ',')]
    rows: Vec<usize>,
}

/// The input file. What a network does not read (`time`, `token_type_ids`) changes nothing.
#[derive(Debug, Deserialize)]
pub(crate) struct IdsFile {
    pub(crate) ids: Vec<u32>,
    attention: Option<AttentionField>,
    attention_mask: Option<Vec<u8>>,
    position_ids: Option<Vec<usize>>,
    token_type_ids: Option<Vec<u32>>,
    time: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum AttentionField {
    Named(String),
    Block { block: usize },
}

/// Reads an input file.
pub(crate) fn read_ids(path: &std::path::Path) -> anyhow::Result<IdsFile> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not {{\"ids\": [token ids]}}", path.display()))
}

pub(crate) fn run(args: &LogitsArgs, common: &Common) -> anyhow::Result<()> {
    let file = read_ids(&args.ids)?;
    let mut model = common.load_model(Precision::Exact)?;
    let attention = match &file.attention {
        None => model.descriptor.attention,
        Some(AttentionField::Block { block: 0 }) => bail!("\"attention\": a block length is at least 1"),
        Some(AttentionField::Block { block }) => Attention::Block(*block),
        Some(AttentionField::Named(name)) => match Attention::parse(name) {
            Ok(attention) => attention,
            Err(why) => bail!("\"attention\": {why}"),
        },
    };
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
    let rows: Vec<&[f32]> = data.chunks(model.vocabulary_size()).collect();
    print(&format!("{}\n", json!({ "logits": rows })))
}
