//! Golden traces: decoding by a reference's sampler, replayed by the sampler of the same law, canvas by canvas.
//!
//! `recipes` says which sampler of ours a trace is, in the notation that users write too; `recorded` gives back the random
//! numbers that the reference drew. Nothing here decodes.

mod recipes;
mod recorded;

use std::path::Path;

use anyhow::{Context, anyhow};
use serde_json::Value;

use super::Verdict;
use super::json::batch;
use crate::diffusion::canvas::{Canvas, Cell};
use crate::diffusion::noise::Noise;
use crate::diffusion::run::Run;
use crate::diffusion::spec::{self, Overrides};
use crate::diffusion::vocabulary::{Controls, Vocabulary};
use crate::diffusion::{DenoiseError, Denoiser, Logits, Pass, TokenId};
use crate::model::{Attention, Input, Model, ModelError};
use recorded::Recorded;

/// A trace as our sampler is to repeat it.
struct Recipe {
    /// The sampler, in its notation or as a preset.
    sampler: String,
    /// The canvas before the first step.
    initial: Vec<TokenId>,
    /// Whether blocks are counted from the canvas' first position, and not from its first mask.
    from_start: bool,
    /// Whether unmasked tokens may change.
    corrects: bool,
    draws: Recorded,
    noise: Noise,
    controls: Option<Controls>,
    /// Whether the reference never proposes the mask.
    bans_mask: bool,
    /// The most positions to be added, and the longest canvas.
    growth: Option<(usize, usize)>,
    circumstances: Circumstances,
    expected: Expected,
}

/// Under what circumstances the network is run.
#[derive(Default)]
struct Circumstances {
    attention: Option<Attention>,
    positions: Option<Vec<usize>>,
    visible: Option<Vec<bool>>,
    time: Option<f64>,
}

/// What the reference's canvases were.
struct Expected {
    when: When,
    /// A canvas shorter than ours is the part of it that the reference has begun.
    states: Vec<Vec<TokenId>>,
    last: Vec<TokenId>,
    /// Where `last` begins.
    offset: usize,
    /// Whether the canvas goes on after it.
    goes_on: bool,
}

/// When the reference wrote down its canvas.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// Before each step.
    Before,
    /// After each step.
    After,
    /// After each step that changed it.
    Changed,
}

/// So many steps in a row may change nothing before a replay gives up.
const MOST_IDLE: usize = 1000;

/// Replays a trace, comparing the canvas at every step.
pub(super) fn check_trace(model: &mut Model, dir: &Path, file: &Value, trace: &Value) -> anyhow::Result<Verdict> {
    let mask = model.vocabulary().mask();
    let Some(recipe) = recipes::recipe(dir, file, trace, mask)? else {
        let source = trace["source"].as_str().or(file["source"].as_str()).unwrap_or("nobody");
        return Ok(Verdict::Failed(format!("there is no sampler here for the trace of {source}")));
    };
    replay(model, recipe)
}

fn replay(model: &mut Model, recipe: Recipe) -> anyhow::Result<Verdict> {
    let Recipe { draws, circumstances, expected, .. } = recipe;
    let mut vocabulary = model.vocabulary().clone().with_controls(recipe.controls.unwrap_or_default());
    if !recipe.bans_mask {
        vocabulary = vocabulary.proposing_mask();
    }
    let mask = vocabulary.mask();
    let sampler = spec::parse_spec(&recipe.sampler, &Overrides::default())
        .map_err(|error| anyhow!("{}: {error}", recipe.sampler))?;
    let canvas = canvas(&recipe.initial, mask, recipe.from_start, recipe.corrects);
    let mut run = Run::new(canvas, sampler, &vocabulary, model.shift(), draws.clone()).with_noise(recipe.noise);
    if let Some((most, longest)) = recipe.growth {
        run = run.with_growth(most, longest);
    }
    let mut under = Under { model, circumstances: &circumstances };
    let mut step = 0;
    for (index, state) in expected.states.iter().enumerate() {
        if expected.when == When::Before
            && let Some(why) = difference(run.canvas().ids(), state, mask)
        {
            return Ok(Verdict::Failed(format!("before step {index} {why}")));
        }
        for _ in 0..=MOST_IDLE {
            let before = run.canvas().ids().to_vec();
            draws.begin(step, run.canvas());
            if !run.is_done() {
                run.turn(&mut under, false, &|| false)?;
            }
            step += 1;
            if expected.when != When::Changed || run.is_done() || run.canvas().ids() != before {
                break;
            }
        }
        if expected.when != When::Before
            && let Some(why) = difference(run.canvas().ids(), state, mask)
        {
            return Ok(Verdict::Failed(format!("after step {index} {why}")));
        }
    }
    let mut last = run.canvas().ids().get(expected.offset..).unwrap_or_default();
    if expected.goes_on {
        last = last.get(..expected.last.len()).unwrap_or(last);
    }
    match difference(last, &expected.last, mask) {
        Some(why) => Ok(Verdict::Failed(format!("at the end {why}"))),
        None => Ok(Verdict::Passed),
    }
}

/// All is one hole where blocks are counted from the start, so that given tokens count as well.
fn canvas(ids: &[TokenId], mask: TokenId, from_start: bool, corrects: bool) -> Canvas {
    let cell = |&id: &TokenId| match id {
        id if id == mask => Cell::Masked,
        id if corrects => Cell::Original(id),
        id => Cell::Pinned(id),
    };
    if from_start || corrects {
        Canvas::builder(mask).hole_from(ids.iter().map(cell)).build()
    } else {
        Canvas::from_ids(ids, mask)
    }
}

/// Why two canvases are not the same, as far as the reference's goes; the rest of ours is to be masked.
fn difference(found: &[TokenId], expected: &[TokenId], mask: TokenId) -> Option<String> {
    if found.len() < expected.len() {
        return Some(format!("the canvas has {} positions, the reference's {}", found.len(), expected.len()));
    }
    let expected = expected.iter().chain(std::iter::repeat(&mask));
    let (position, (found, expected)) = found.iter().zip(expected).enumerate().find(|(_, (a, b))| a != b)?;
    Some(format!("position {position} is {found}, the reference's {expected}"))
}

/// A model under given circumstances.
struct Under<'a> {
    model: &'a mut Model,
    circumstances: &'a Circumstances,
}

impl Denoiser for Under<'_> {
    fn vocabulary(&self) -> &Vocabulary {
        self.model.vocabulary()
    }

    fn shift(&self) -> usize {
        self.model.shift()
    }

    fn context(&self) -> usize {
        self.model.context()
    }

    fn logits(&mut self, pass: &Pass<'_>, cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Logits, DenoiseError> {
        let under = self.circumstances;
        let attention = under.attention.unwrap_or(self.model.descriptor.attention);
        let input = Input {
            positions: under.positions.as_deref(),
            visible: under.visible.as_deref(),
            time: under.time.or(pass.time),
            refresh: pass.refresh,
            ..Input::new(pass.ids, attention, pass.rows)
        };
        let data = self.model.forward(&input, cancelled).map_err(|error| match error {
            ModelError::Cancelled => DenoiseError::Cancelled,
            other => DenoiseError::Failed(other.to_string()),
        })?;
        Logits::new(pass.rows.to_vec(), self.model.vocabulary_size(), data)
    }
}

/// The entries of a trace file: its traces, and GIDD's corrections beside them.
pub(super) fn entries(file: &Value) -> anyhow::Result<Vec<Value>> {
    let traces = file["traces"].as_array().context("there is no list \"traces\"")?;
    let corrections = file["self_correction"].as_array();
    Ok(traces.iter().chain(corrections.into_iter().flatten()).cloned().collect())
}

/// The list of canvases under this name.
fn states(trace: &Value, name: &str) -> anyhow::Result<Vec<Vec<TokenId>>> {
    batch(&trace[name]).with_context(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn canvases_differ_by_a_token_by_length_and_by_what_should_still_be_masked() {
        assert_eq!(difference(&[1, 2, 9], &[1, 2], 9), None);
        assert!(difference(&[1, 2, 3], &[1, 2], 9).unwrap().contains("position 2"));
        assert!(difference(&[1, 9], &[1, 2], 9).unwrap().contains("position 1"));
        assert!(difference(&[1], &[1, 2], 9).unwrap().contains("1 positions"));
    }
}
