//! Golden entries of models that denoise vectors: forward passes on recorded states, and runs on recorded noise.
//!
//! Their tensors lie in `cont_tensors.safetensors` beside the JSON files. A run is compared by the most likely token of
//! every row after every forward pass, exactly; vectors of Diffusion-LM loosely, as its first steps divide by almost
//! nothing and amplify the noise of f32 (the fixture's README).

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use serde_json::Value;

use super::cases::{best_and_gap, distance};
use super::json::{entries, list, optional, read};
use super::{ARGMAX_GAP, CaseCounts, Counts, LOGIT_TOLERANCE, Report, Verdict, tally};
use crate::diffusion::TokenId;
use crate::diffusion::continuous::{
    Choices, ContinuousDenoiser, Motion, Noised, Normal, Prediction, Process, Run, levels,
};
use crate::model::{Checkpoint, ContinuousModel, LoadOptions};

/// How far Diffusion-LM's last vectors may be from the reference's.
const VECTOR_TOLERANCE: f64 = 0.05;

/// Runs every golden entry of a folder.
pub(super) fn check(
    dir: &Path,
    checkpoint: Checkpoint,
    options: &LoadOptions,
    cases: &[PathBuf],
    traces: &[PathBuf],
) -> anyhow::Result<Report> {
    let family = checkpoint.descriptor.family.clone();
    let mut model = checkpoint.load_continuous(&dir.display().to_string(), options)?;
    let tensors = Tensors::read(&dir.join("cont_tensors.safetensors"))?;
    let mut report = Report { family: family.clone(), ..Report::default() };
    for path in cases {
        let entries = entries(&read(path)?, "cases", path)?;
        let (CaseCounts { passed, failed, skipped, max_abs_diff }, log) = report.cases();
        tally(path, &entries, [passed, failed, skipped], log, |index, case| {
            check_case(&mut model, &tensors, index, case, max_abs_diff)
        });
    }
    for path in traces {
        let entries = entries(&read(path)?, "traces", path)?;
        let (Counts { passed, failed, skipped }, log) = report.traces();
        tally(path, &entries, [passed, failed, skipped], log, |_, trace| {
            check_trace(&family, &mut model, &tensors, trace)
        });
    }
    Ok(report)
}

/// The numbers beside the JSON files.
struct Tensors {
    bytes: Vec<u8>,
    path: PathBuf,
}

impl Tensors {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self { bytes, path: path.to_owned() })
    }

    fn get(&self, name: &str) -> anyhow::Result<Vec<f64>> {
        let path = self.path.display();
        let file = safetensors::SafeTensors::deserialize(&self.bytes).with_context(|| format!("{path} is damaged"))?;
        let view = file.tensor(name).with_context(|| format!("{path} has no tensor {name}"))?;
        match view.dtype() {
            safetensors::Dtype::F32 => {
                Ok(view.data().as_chunks::<4>().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect())
            }
            safetensors::Dtype::F64 => {
                Ok(view.data().as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
            }
            other => bail!("{path}: tensor {name} holds {other:?}, not f32 or f64"),
        }
    }

    /// The tensor that the first of these keys names.
    fn named(&self, entry: &Value, keys: &[&str]) -> anyhow::Result<Option<Vec<f64>>> {
        keys.iter().find_map(|key| entry[*key].as_str()).map(|name| self.get(name)).transpose()
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_ok()
    }
}

fn narrow(numbers: Vec<f64>) -> Vec<f32> {
    numbers.into_iter().map(|number| number as f32).collect()
}

/// Which positions of an entry are known: tokens before (`context_ids`), or all outside of a span; `free` more.
fn known(entry: &Value, free: usize) -> anyhow::Result<Vec<Option<TokenId>>> {
    if let Some(ids) = optional::<TokenId>(&entry["input_ids"])? {
        let span: Vec<Value> = list(&entry["span_mask"]).context("span_mask")?;
        let open = |flag: &Value| flag.as_bool().unwrap_or(flag.as_u64() == Some(1));
        return Ok(ids.into_iter().zip(&span).map(|(id, flag)| (!open(flag)).then_some(id)).collect());
    }
    let before: Vec<TokenId> = optional(&entry["context_ids"])?.unwrap_or_default();
    Ok(before.into_iter().map(Some).chain(std::iter::repeat_n(None, free)).collect())
}

/// One forward pass on the recorded state, its logits and clean vectors against the reference's.
fn check_case(
    model: &mut ContinuousModel,
    tensors: &Tensors,
    index: usize,
    case: &Value,
    max_abs_diff: &mut f32,
) -> anyhow::Result<Verdict> {
    if case["bias_scale"].as_f64().is_some_and(|scale| scale != 1.0) {
        return Ok(Verdict::Failed("its bias_scale is not 1, with which alone the model is used".into()));
    }
    let rows = case["logits_shape"][1].as_u64().context("logits_shape")? as usize;
    let known = known(case, rows)?;
    let before = known.len().checked_sub(rows).context("there are more rows than positions")?;
    let recorded = tensors.named(case, &["xt", "simplex", "z", "x"])?.context("the case names no state")?;
    let state: Vec<f64> = std::iter::repeat_n(0.0, before * model.width()).chain(recorded).collect();
    let times = ["t_progress", "timestep_scaled", "gamma", "timestep"];
    let time = times.iter().find_map(|key| case[*key].as_f64()).context("the case says no time")?;
    let said = tensors.named(case, &["previous_pred"])?.map(narrow);
    let guessed = tensors.named(case, &["x_selfcond"])?.map(narrow);
    let previous = (said.is_some() || guessed.is_some())
        .then(|| Prediction { logits: said.unwrap_or_default(), clean: guessed.unwrap_or_default() });
    let noised = Noised { state: &state, known: &known, time, previous: previous.as_ref() };
    let found = model.predict(&noised, &|| false)?;
    let vocab = model.vocabulary().size();
    let logits = &found.logits[before * vocab..];
    let whole = narrow(tensors.get(&format!("case{index}_logits"))?);
    let argmax: Vec<usize> = list(&case["argmax"]).context("argmax")?;
    if whole.len() != logits.len() || argmax.len() != rows {
        return Ok(Verdict::Failed(format!("there are {} logits, the reference has {}", logits.len(), whole.len())));
    }
    let mut compared: Vec<(String, Vec<f32>, Vec<f32>)> = Vec::new();
    for (row, found) in logits.chunks(vocab).enumerate() {
        compared.push((format!("row {row}"), found.to_vec(), whole[row * vocab..(row + 1) * vocab].to_vec()));
        if let Some(reported) = optional(&case["logits"][row.to_string()])? {
            compared.push((format!("row {row}"), found.to_vec(), reported));
        }
        let (best, gap) = best_and_gap(found);
        if gap > ARGMAX_GAP && best != argmax[row] {
            return Ok(Verdict::Failed(format!("the argmax of row {row} is {best}, the reference's {}", argmax[row])));
        }
    }
    for name in ["x_reconst", "x0_pred"].map(|name| format!("case{index}_{name}")) {
        if tensors.has(&name) {
            compared.push((name.clone(), found.clean.clone(), narrow(tensors.get(&name)?)));
        }
    }
    for (what, found, expected) in compared {
        let Some(distance) = distance(&found, &expected) else {
            return Ok(Verdict::Failed(format!(
                "{what} has {} numbers, the reference {}",
                found.len(),
                expected.len()
            )));
        };
        *max_abs_diff = max_abs_diff.max(distance);
        if distance.is_nan() || distance > LOGIT_TOLERANCE {
            return Ok(Verdict::Failed(format!("{what} is {distance:.1e} from the reference")));
        }
    }
    Ok(Verdict::Passed)
}

/// Noise from a recording, for the positions from `first` on.
struct Recorded {
    /// Of the start, then of each step.
    draws: Vec<Vec<f64>>,
    first: usize,
    width: usize,
}

impl Normal for Recorded {
    fn normal(&self, step: usize, position: usize, axis: usize) -> f64 {
        let at = position.checked_sub(self.first).map(|position| position * self.width + axis);
        let drawn = at.and_then(|at| self.draws.get(step)?.get(at));
        drawn.copied().unwrap_or(0.0)
    }
}

/// A run as its reference made it.
struct Replay {
    process: Process,
    /// Blocks of so many unknown positions, each known to the next; 0 for one run on the positions as they are.
    block: usize,
    blocks: usize,
    /// Draws of a block, the start among them.
    draws: usize,
    /// Name of the start, where it is not the first of the numbered draws.
    start: Option<String>,
    /// The best tokens of each forward pass.
    argmax: Vec<Vec<TokenId>>,
    last: Option<Vec<TokenId>>,
}

fn replay(family: &str, model: &ContinuousModel, trace: &Value) -> anyhow::Result<Result<Replay, String>> {
    let (source, params) = (trace["source"].as_str().unwrap_or_default(), &trace["params"]);
    let number = |key: &str| params[key].as_f64();
    let size = |key: &str| params[key].as_u64().map(|size| size as usize).with_context(|| format!("params.{key}"));
    let tokens = |value: &Value| -> anyhow::Result<Vec<Vec<TokenId>>> {
        value.as_array().context("the trace has no tokens of its passes")?.iter().map(list).collect()
    };
    let plain = |process: Process, argmax: Vec<Vec<TokenId>>, last: Option<Vec<TokenId>>| {
        let draws = process.levels.len() + 1;
        Replay { process, block: 0, blocks: 1, draws, start: None, argmax, last }
    };
    Ok(Ok(match family {
        "ssd-lm" => {
            let (steps, total) = (size("sigma_num_steps")?, size("total_t")?);
            let top_p = number("projection_top_p");
            let mut process = model.process(&Choices { top_p, ..Choices::steps(steps) });
            process.levels = levels::ssd_lm(steps, total);
            process.scale = number("one_hot_value").unwrap_or(process.scale);
            process.noise = process.scale * number("noise_manual_scale").unwrap_or(1.0);
            process.first_noise = process.noise;
            let argmax = tokens(&trace["argmax_of_each_forward"])?;
            let (block, blocks) = (size("block")?, size("decode_depth")?);
            Replay { block, blocks, ..plain(process, argmax, Some(list(&trace["generated"])?)) }
        }
        "tess2" => {
            if !params["top_p"].is_null() {
                return Ok(Err("sampling of the simplex's tokens".into()));
            }
            let mut process = model.process(&Choices::steps(size("num_steps")?));
            process.scale = number("simplex_value").unwrap_or(process.scale);
            (process.noise, process.first_noise) = (process.scale, process.scale);
            let published: Vec<f64> = list(&trace["alphas_cumprod"]).context("alphas_cumprod")?;
            for (level, share) in process.levels.iter().rev().zip(&published) {
                if (level.from().0.powi(2) - share).abs() > 1e-5 {
                    bail!("the noise at time {} is not alphas_cumprod {share}", level.time);
                }
            }
            plain(process, tokens(&trace["argmax_of_logits_per_step"])?, None)
        }
        "plaid" => {
            let guided = params["guidance_tokens_(id,weight,position,complement)"].as_array();
            if guided.is_some_and(|guided| !guided.is_empty()) {
                return Ok(Err("gradient guidance".into()));
            }
            let motion = if params["ddim_sampler"] == true { Motion::Deterministic } else { Motion::Posterior };
            let temperature = number("score_temp");
            let choices = Choices { motion: Some(motion), temperature, ..Choices::steps(size("sampling_timesteps")?) };
            let mut process = model.process(&choices);
            process.first_noise = number("initial_noise_scale").unwrap_or(1.0);
            plain(process, tokens(&trace["argmax_of_each_forward"])?, Some(list(&trace["final"])?))
        }
        "diffusion-lm" => {
            let motion = if source.contains("ddim") { Motion::Deterministic } else { Motion::PosteriorWide };
            let process = model.process(&Choices { motion: Some(motion), ..Choices::steps(size("diffusion_steps")?) });
            let passes = trace["per_forward"].as_array().context("per_forward")?;
            for (level, pass) in process.levels.iter().zip(passes) {
                if pass["t"][0].as_f64().is_none_or(|time| (time - level.time).abs() > 1e-3) {
                    bail!("a pass is at time {}, the reference's at {}", level.time, pass["t"]);
                }
            }
            let argmax = passes.iter().map(|pass| list(&pass["argmax"])).collect::<Result<_, _>>()?;
            let start = trace["z"].as_str().map(str::to_owned);
            Replay { start, ..plain(process, argmax, Some(list(&trace["final_ids"])?)) }
        }
        other => bail!("no trace of {other} is known"),
    }))
}

/// Replays a run on its recorded noise.
fn check_trace(family: &str, model: &mut ContinuousModel, tensors: &Tensors, trace: &Value) -> anyhow::Result<Verdict> {
    let replay = match replay(family, model, trace)? {
        Ok(replay) => replay,
        Err(why) => return Ok(Verdict::Skipped(why)),
    };
    let prefix = trace["noise_prefix"].as_str().context("noise_prefix")?;
    let free = if replay.block > 0 { replay.block } else { replay.argmax.first().map_or(0, Vec::len) };
    let mut known = known(trace, free)?;
    let (mut passes, mut written) = (0, Vec::<TokenId>::new());
    for block in 0..replay.blocks {
        let first = if replay.block > 0 { known.len() - free } else { 0 };
        // Names of draws are numbered on; those that a reference did not need are not there.
        let from = block * replay.draws;
        let number = |index: usize| format!("{prefix}{index:03}");
        let names = match &replay.start {
            Some(start) => [start.clone()].into_iter().chain((0..replay.draws - 1).map(number)).collect(),
            None => (from..from + replay.draws).map(number).collect::<Vec<_>>(),
        };
        let draws = names.iter().map(|name| tensors.get(name).unwrap_or_default()).collect();
        let recorded = Recorded { draws, first, width: model.width() };
        let mut run =
            Run::new(replay.process.clone(), known.clone(), model, recorded).map_err(|error| anyhow!(error))?;
        let mut best: Vec<TokenId> = Vec::new();
        while !run.is_done() {
            run.step(model, &|| false).map_err(|error| anyhow!(error))?;
            let logits = run.last().map(|said| said.logits.as_slice()).unwrap_or_default();
            let rows = logits.chunks(model.vocabulary().size()).skip(first);
            best = rows.map(|row| best_and_gap(row).0 as TokenId).collect();
            if replay.argmax.get(passes) != Some(&best) {
                return Ok(Verdict::Failed(format!("after pass {passes} the best tokens are {best:?}")));
            }
            passes += 1;
        }
        written.extend(&best);
        let vectors = prefix.replace("_noise", "_x0");
        if tensors.has(&vectors) {
            let pairs = run.state().iter().zip(tensors.get(&vectors)?);
            let distance = pairs.map(|(found, expected)| (found - expected).abs()).fold(0.0, f64::max);
            if distance > VECTOR_TOLERANCE {
                return Ok(Verdict::Failed(format!("the last vectors are {distance:.1e} from the reference's")));
            }
        }
        for (known, token) in known[first..].iter_mut().zip(&best) {
            *known = Some(*token);
        }
        if block + 1 < replay.blocks {
            known.extend(std::iter::repeat_n(None, replay.block));
        }
    }
    if passes != replay.argmax.len() {
        return Ok(Verdict::Failed(format!("there were {passes} passes, the reference made {}", replay.argmax.len())));
    }
    match replay.last {
        Some(last) if last != written => Ok(Verdict::Failed("the final tokens differ".into())),
        _ => Ok(Verdict::Passed),
    }
}
