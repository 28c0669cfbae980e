//! Golden traces: decoding by a reference's sampler, replayed by the sampler of the same law, canvas by canvas.

use anyhow::{Context, anyhow};
use serde_json::Value;

use super::Verdict;
use super::json::{batch, list};
use crate::cli::denoise::one_step;
use crate::diffusion::Denoiser;
use crate::diffusion::canvas::Canvas;
use crate::diffusion::rng::Seeded;
use crate::diffusion::run::Run;
use crate::diffusion::spec::{self, Overrides as Settings};
use crate::model::Model;

/// Replays a trace with the sampler that its source and parameters name, comparing the canvas after every step.
pub(super) fn check_trace(model: &mut Model, trace: &Value) -> anyhow::Result<Verdict> {
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
