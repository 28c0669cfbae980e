//! Golden cases: inputs with the logits of the reference code, compared number by number.

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::Value;

use super::Verdict;
use super::json::{batch, optional, optional_batch, tensors};
use crate::model::{Attention, Input, Model};

/// How far a logit may be from the reference's.
pub const LOGIT_TOLERANCE: f32 = 3e-4;
/// Rows whose two best are closer than this have no clear argmax.
pub const ARGMAX_GAP: f32 = 1e-3;

/// One forward pass for each sequence of the case, against the rows reported and, where it is there, the whole file.
pub(super) fn check_case(
    model: &mut Model,
    dir: &Path,
    case: &Value,
    max_abs_diff: &mut f32,
) -> anyhow::Result<Verdict> {
    if case["mode"].as_str().is_some_and(|mode| mode.starts_with("training")) {
        return Ok(Verdict::Skipped("a training-only layout".into()));
    }
    let sequences: Vec<Vec<u32>> = batch(&case["input_ids"]).context("input_ids")?;
    let masks: Option<Vec<Vec<u8>>> = optional_batch(&case["attention_mask"]).context("attention_mask")?;
    let positions: Option<Vec<Vec<usize>>> = optional_batch(&case["position_ids"]).context("position_ids")?;
    let types: Option<Vec<Vec<u32>>> = optional_batch(&case["token_type_ids"]).context("token_type_ids")?;
    let attention = attention_of(case)?.unwrap_or(model.descriptor.attention);
    let argmax: Vec<Vec<usize>> = batch(&case["argmax"]).context("argmax")?;
    let vocab = model.vocabulary_size();
    let whole = match case["logits_file"].as_str() {
        Some(name) => Some(whole_logits(&dir.join(name), sequences.iter().map(Vec::len).sum::<usize>() * vocab)?),
        None => None,
    };
    let mut compared = 0;
    for (index, ids) in sequences.iter().enumerate() {
        let visible: Option<Vec<bool>> =
            masks.as_ref().and_then(|masks| masks.get(index)).map(|mask| mask.iter().map(|seen| *seen != 0).collect());
        let rows: Vec<usize> = (0..ids.len()).collect();
        let input = Input {
            positions: positions.as_ref().and_then(|positions| positions.get(index)).map(Vec::as_slice),
            visible: visible.as_deref(),
            token_types: types.as_ref().and_then(|types| types.get(index)).map(Vec::as_slice),
            time: ["sigma", "timestep"].iter().find_map(|key| case[*key].as_f64()),
            ..Input::new(ids, attention, &rows)
        };
        let logits = model.forward(&input, &|| false)?;
        let reported = case["logits"].get(index).unwrap_or(&case["logits"]);
        for (row, found) in logits.chunks(vocab).enumerate() {
            // Rows of padding mean nothing.
            if visible.as_ref().is_some_and(|visible| !visible[row]) {
                continue;
            }
            let mut expected: Vec<Vec<f32>> = Vec::new();
            expected.extend(optional(&reported[row.to_string()])?);
            let offset = (sequences[..index].iter().map(Vec::len).sum::<usize>() + row) * vocab;
            expected.extend(whole.as_ref().map(|whole| whole[offset..offset + vocab].to_vec()));
            for expected in expected {
                let Some(distance) = distance(found, &expected) else {
                    return Ok(Verdict::Failed(format!(
                        "row {row} has {} logits, the reference {}",
                        vocab,
                        expected.len()
                    )));
                };
                compared += 1;
                *max_abs_diff = max_abs_diff.max(distance);
                if distance.is_nan() || distance > LOGIT_TOLERANCE {
                    return Ok(Verdict::Failed(format!("row {row} is {distance:.1e} from the reference")));
                }
            }
            let (best, gap) = best_and_gap(found);
            let expected = argmax.get(index).and_then(|argmax| argmax.get(row)).context("argmax is too short")?;
            if gap > ARGMAX_GAP && best != *expected {
                return Ok(Verdict::Failed(format!("the argmax of row {row} is {best}, the reference's {expected}")));
            }
        }
    }
    if compared == 0 {
        return Ok(Verdict::Failed("the case reports no logits to compare".into()));
    }
    Ok(Verdict::Passed)
}

/// What a case says of its attention: `full`, `block causal, ...` with `block_size`, or the size alone.
fn attention_of(case: &Value) -> anyhow::Result<Option<Attention>> {
    match case["attention"].as_str() {
        None => Ok(case["block_size"].as_u64().filter(|size| *size > 0).map(|size| Attention::Block(size as usize))),
        Some("full") => Ok(Some(Attention::Full)),
        Some(text) if text.starts_with("block causal") => {
            let size = case["block_size"].as_u64().filter(|size| *size > 0).context("block_size")?;
            Ok(Some(Attention::Block(size as usize)))
        }
        Some(text) => bail!("attention `{text}` is not known"),
    }
}

/// The `logits` tensor of a safetensors file, all of it.
fn whole_logits(path: &Path, expected: usize) -> anyhow::Result<Vec<f32>> {
    let found = tensors(path, |name| name == "logits")?.remove("logits");
    let (_, values) = found.with_context(|| format!("{} has no tensor logits", path.display()))?;
    if values.len() != expected {
        bail!("{}: logits are not the {expected} numbers that the case's shape asks for", path.display());
    }
    Ok(values.into_iter().map(|value| value as f32).collect())
}

/// The largest distance between two rows; none when their lengths differ. NaN where one is NaN.
pub(super) fn distance(found: &[f32], expected: &[f32]) -> Option<f32> {
    let distances = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs());
    let largest = distances
        .fold(0.0, |largest: f32, next| if largest.is_nan() || next.is_nan() { f32::NAN } else { largest.max(next) });
    (found.len() == expected.len()).then_some(largest)
}

pub(super) fn best_and_gap(row: &[f32]) -> (usize, f32) {
    let (mut best, mut first, mut second) = (0, f32::NEG_INFINITY, f32::NEG_INFINITY);
    for (index, value) in row.iter().enumerate() {
        if *value > first {
            (best, second, first) = (index, first, *value);
        } else if *value > second {
            second = *value;
        }
    }
    (best, first - second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nan_is_no_small_distance() {
        assert!(distance(&[1.0, f32::NAN, 2.0], &[1.0, 1.0, 2.0]).unwrap().is_nan());
        assert_eq!(distance(&[1.0, 3.0], &[1.0, 2.5]), Some(0.5));
        assert_eq!(distance(&[1.0], &[1.0, 2.0]), None);
    }

    #[test]
    fn the_gap_is_between_the_two_best() {
        assert_eq!(best_and_gap(&[1.0, 5.0, 4.5]), (1, 0.5));
    }
}
