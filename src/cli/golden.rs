//! `lacuna models check DIR --golden`: a model's own golden cases and traces, compared number by number.
//!
//! A folder may hold `cases*.json` (inputs with the reference code's logits) and `traces*.json` (decoding, state by
//! state). Every entry is counted once: passed, failed, or skipped with the reason. Tolerances are DESIGN section 7's:
//! logits within 3e-4, argmax where a row's two best differ by more than 1e-3; traces exactly.

mod continuous;

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use serde::Serialize;
use serde_json::{Value, json};

use super::denoise::one_step;
use super::{Common, Precision, cores, print};
use crate::diffusion::Denoiser;
use crate::diffusion::canvas::Canvas;
use crate::diffusion::rng::Seeded;
use crate::diffusion::run::Run;
use crate::diffusion::spec::{self, Overrides as Settings};
use crate::model::{Attention, Checkpoint, Input, LoadOptions, Model, Overrides};

/// How far a logit may be from the reference's.
pub const LOGIT_TOLERANCE: f32 = 3e-4;
/// Rows whose two best are closer than this have no clear argmax.
pub const ARGMAX_GAP: f32 = 1e-3;

/// What became of a folder's golden entries.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// The model's family.
    pub family: String,
    /// Entries of `cases*.json`.
    pub cases: CaseCounts,
    /// Entries of `traces*.json`.
    pub traces: Counts,
    /// Why entries were skipped.
    pub skipped: Vec<Skip>,
    /// What went wrong, one sentence an entry.
    pub failures: Vec<String>,
}

/// Counts of logit cases.
#[derive(Debug, Default, Serialize)]
pub struct CaseCounts {
    /// Within tolerance.
    pub passed: usize,
    /// Not.
    pub failed: usize,
    /// Not tried.
    pub skipped: usize,
    /// The largest distance of a logit from the reference's.
    pub max_abs_diff: f32,
}

/// Counts of traces.
#[derive(Debug, Default, Serialize)]
pub struct Counts {
    /// Every state equal.
    pub passed: usize,
    /// Not.
    pub failed: usize,
    /// Not tried.
    pub skipped: usize,
}

/// An entry that was not tried.
#[derive(Debug, Serialize)]
pub struct Skip {
    /// The entry.
    pub what: String,
    /// The reason.
    pub why: String,
}

/// What an entry came to.
enum Verdict {
    Passed,
    Failed(String),
    Skipped(String),
}

pub(crate) fn run(dir: &Path, common: &Common) -> anyhow::Result<()> {
    let report = check(dir, &common.load_options(Precision::Exact, cores()))?;
    if common.json {
        print(&format!("{}\n", json!(report)))?;
    } else {
        let (cases, traces) = (&report.cases, &report.traces);
        let mut out = format!("{}: a {} model\n", dir.display(), report.family);
        out += &format!(
            "cases   {} passed, {} failed, {} skipped; largest difference {:.1e}\n",
            cases.passed, cases.failed, cases.skipped, cases.max_abs_diff
        );
        out += &format!("traces  {} passed, {} failed, {} skipped\n", traces.passed, traces.failed, traces.skipped);
        report.failures.iter().for_each(|failure| out += &format!("failed  {failure}\n"));
        report.skipped.iter().for_each(|skip| out += &format!("skipped {}: {}\n", skip.what, skip.why));
        print(&out)?;
    }
    match report.cases.failed + report.traces.failed {
        0 => Ok(()),
        failed => bail!("{}: {failed} golden entries differ from the reference", dir.display()),
    }
}

/// Runs every golden entry of a folder.
///
/// # Errors
/// A model that cannot be loaded, a golden file that cannot be read, or no golden file at all.
pub fn check(dir: &Path, options: &LoadOptions) -> anyhow::Result<Report> {
    let (cases, traces) = (golden_files(dir, "cases")?, golden_files(dir, "traces")?);
    if cases.is_empty() && traces.is_empty() {
        bail!("{} has no cases*.json and no traces*.json to check against", dir.display());
    }
    let mut options = options.clone();
    for path in cases.iter().chain(&traces) {
        // The mask and the shift that the reference used stand in the golden files; half of the families' own
        // files do not say them.
        let json = read(path)?;
        options.overrides.mask = options.overrides.mask.or(json["mask_token_id"].as_u64().map(|id| id as u32));
        options.overrides.shift = options.overrides.shift.or(json["shift"].as_u64().map(|shift| shift as usize));
    }
    let checkpoint = Checkpoint::open(dir, &options.overrides)?;
    if checkpoint.is_continuous() {
        return continuous::check(dir, checkpoint, &options, &cases, &traces);
    }
    let name = dir.display().to_string();
    let mut model = checkpoint.load(&name, &options)?;
    let mut report = Report { family: model.descriptor.family.clone(), ..Report::default() };
    for path in &cases {
        let entries = entries(&read(path)?, "cases", path)?;
        // Cases that say sigma are of the network that is told it, whatever the configuration says.
        let mut told = None;
        if entries.iter().any(|case| case["sigma"].is_number()) && options.overrides.time_conditioning.is_none() {
            let overrides = Overrides { time_conditioning: Some(true), ..options.overrides.clone() };
            let checkpoint = Checkpoint::open(dir, &overrides)?;
            told = Some(checkpoint.load(&name, &LoadOptions { overrides, ..options.clone() })?);
        }
        let model = told.as_mut().unwrap_or(&mut model);
        for (index, case) in entries.iter().enumerate() {
            let what = entry_name(path, index, case);
            let verdict = check_case(model, dir, case, &mut report.cases.max_abs_diff);
            let counts = &mut report.cases;
            let skipped = count(
                verdict,
                what,
                [&mut counts.passed, &mut counts.failed, &mut counts.skipped],
                &mut report.failures,
            );
            report.skipped.extend(skipped);
        }
    }
    for path in &traces {
        for (index, trace) in entries(&read(path)?, "traces", path)?.iter().enumerate() {
            let what = entry_name(path, index, trace);
            let verdict = check_trace(&mut model, trace);
            let counts = &mut report.traces;
            let skipped = count(
                verdict,
                what,
                [&mut counts.passed, &mut counts.failed, &mut counts.skipped],
                &mut report.failures,
            );
            report.skipped.extend(skipped);
        }
    }
    Ok(report)
}

fn count(
    verdict: anyhow::Result<Verdict>,
    what: String,
    [passed, failed, skipped]: [&mut usize; 3],
    failures: &mut Vec<String>,
) -> Option<Skip> {
    match verdict {
        Ok(Verdict::Passed) => *passed += 1,
        Ok(Verdict::Failed(why)) => {
            *failed += 1;
            failures.push(format!("{what}: {why}"));
        }
        Ok(Verdict::Skipped(why)) => {
            *skipped += 1;
            return Some(Skip { what, why });
        }
        // An entry that cannot even be read or run has not passed.
        Err(error) => {
            *failed += 1;
            failures.push(format!("{what}: {error:#}"));
        }
    }
    None
}

/// One forward pass for each sequence of the case, against the rows reported and, where it is there, the whole file.
fn check_case(model: &mut Model, dir: &Path, case: &Value, max_abs_diff: &mut f32) -> anyhow::Result<Verdict> {
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

/// Replays a trace with the sampler that its source and parameters name, comparing the canvas after every step.
fn check_trace(model: &mut Model, trace: &Value) -> anyhow::Result<Verdict> {
    let (spec, steps) = match sampler_of(trace) {
        Ok(named) => named,
        Err(why) => return Ok(Verdict::Skipped(why)),
    };
    let initial: Vec<u32> = list(&trace["initial"]).context("initial")?;
    let states: Vec<Vec<u32>> = batch(&trace["states"]).context("states")?;
    let settings = Settings { steps: Some(steps), ..Settings::default() };
    let sampler = spec::parse_spec(&spec, &settings).map_err(|error| anyhow!(error))?;
    let canvas = Canvas::from_ids(&initial, model.vocabulary().mask());
    let mut run = Run::new(canvas, sampler, &model.vocabulary().clone(), model.shift(), Seeded(0));
    for (step, expected) in states.iter().enumerate() {
        if !run.is_done() {
            one_step(&mut run, model)?;
        }
        if run.canvas().ids() != expected {
            let differ = run.canvas().ids().iter().zip(expected).position(|(found, expected)| found != expected);
            return Ok(Verdict::Failed(format!("after step {step} position {} differs", differ.unwrap_or(0))));
        }
    }
    let last: Vec<u32> = list(&trace["final"]).context("final")?;
    if !run.is_done() || run.canvas().ids() != last {
        return Ok(Verdict::Failed("the final canvas differs".into()));
    }
    Ok(Verdict::Passed)
}

/// The sampler specification and the steps of a trace, or why it cannot be replayed.
fn sampler_of(trace: &Value) -> Result<(String, usize), String> {
    let source = trace["source"].as_str().unwrap_or_default();
    let params = &trace["params"];
    let steps = params["steps"].as_u64().unwrap_or(0) as usize;
    let not_yet = |what: &str| Err(format!("{what} is not built in yet"));
    if source.starts_with("ML-GSAI/LLaDA generate.py") {
        if params["cfg_scale"].as_f64().unwrap_or(0.0) > 0.0 {
            return not_yet("classifier-free guidance");
        }
        return Ok((format!("llada:block={}", params["block_length"].as_u64().unwrap_or(0)), steps));
    }
    if source.starts_with("HF Dream generation_utils.py") {
        let top_k = params["top_k"].as_u64().unwrap_or(0);
        let preset = match params["alg"].as_str() {
            Some("entropy") => "dream-entropy",
            Some("maskgit_plus") => "dream-maskgit",
            Some("topk_margin") => "dream-margin",
            other => return not_yet(&format!("Dream's {}", other.unwrap_or("unnamed algorithm"))),
        };
        return Ok((format!("{preset}:top-k={top_k}"), steps));
    }
    not_yet(&format!("the sampler of {source}"))
}

fn golden_files(dir: &Path, prefix: &str) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let is_golden = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(prefix) && path.extension().is_some_and(|extension| extension == "json")
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| is_golden(path)).collect();
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> anyhow::Result<Value> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is not JSON", path.display()))
}

fn entries(json: &Value, key: &str, path: &Path) -> anyhow::Result<Vec<Value>> {
    json[key].as_array().cloned().with_context(|| format!("{} has no list \"{key}\"", path.display()))
}

fn entry_name(path: &Path, index: usize, entry: &Value) -> String {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let name = entry["name"].as_str().or(entry["source"].as_str()).unwrap_or_default();
    format!("{file}[{index}] {name}")
}

fn list<T: serde::de::DeserializeOwned>(value: &Value) -> anyhow::Result<Vec<T>> {
    Ok(serde_json::from_value(value.clone())?)
}

fn optional<T: serde::de::DeserializeOwned>(value: &Value) -> anyhow::Result<Option<Vec<T>>> {
    if value.is_null() { Ok(None) } else { list(value).map(Some) }
}

/// A list of lists, or one list for a batch of one.
fn batch<T: serde::de::DeserializeOwned>(value: &Value) -> anyhow::Result<Vec<Vec<T>>> {
    match value.get(0) {
        Some(Value::Array(_)) => list(value),
        _ => Ok(vec![list(value)?]),
    }
}

fn optional_batch<T: serde::de::DeserializeOwned>(value: &Value) -> anyhow::Result<Option<Vec<Vec<T>>>> {
    if value.is_null() { Ok(None) } else { batch(value).map(Some) }
}

/// The `logits` tensor of a safetensors file, all of it.
fn whole_logits(path: &Path, expected: usize) -> anyhow::Result<Vec<f32>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file =
        safetensors::SafeTensors::deserialize(&bytes).with_context(|| format!("{} is damaged", path.display()))?;
    let view = file.tensor("logits").with_context(|| format!("{} has no tensor logits", path.display()))?;
    let (values, rest) = view.data().as_chunks::<4>();
    if view.dtype() != safetensors::Dtype::F32 || !rest.is_empty() || values.len() != expected {
        bail!("{}: logits are not the {expected} f32 numbers that the case's shape asks for", path.display());
    }
    Ok(values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

/// The largest distance between two rows; none when their lengths differ. NaN where one is NaN.
fn distance(found: &[f32], expected: &[f32]) -> Option<f32> {
    let distances = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs());
    let largest = distances
        .fold(0.0, |largest: f32, next| if largest.is_nan() || next.is_nan() { f32::NAN } else { largest.max(next) });
    (found.len() == expected.len()).then_some(largest)
}

fn best_and_gap(row: &[f32]) -> (usize, f32) {
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
