//! Samplers that draw: their traces hold the random numbers of the reference.

use anyhow::{Context, bail};

use super::Source;
use crate::cli::golden::json::list;
use crate::cli::golden::traces::recorded::{Recorded, Rows, Step, steps_in, steps_of};
use crate::cli::golden::traces::{Recipe, When};
use crate::diffusion::TokenId;
use crate::diffusion::noise::Noise;
use crate::model::Attention;

/// At step `t` from `T - 1` down, what is masked is revealed with chance `1 / (t + 1)`: once, so that a position whose best
/// token was the mask then keeps it.
pub(super) fn diffullama(source: &Source<'_>) -> anyhow::Result<Recipe> {
    let steps = source.count("diffusion_steps").max(1);
    let mut recipe = source.after(format!("steps {}; masked coin(1 / ({steps} - step)) write", steps + 1))?;
    let (ids, given): (Vec<TokenId>, Vec<u8>) = (source.ids("input_ids")?, list(&source.trace["src_mask"])?);
    recipe.initial = ids.iter().zip(given).map(|(id, given)| if given == 1 { *id } else { source.mask }).collect();
    let mut uniforms: Vec<Vec<f64>> = list(&source.trace["uniforms"]).context("uniforms")?;
    uniforms.resize(steps, vec![0.0; ids.len()]);
    let mut revealed = vec![false; ids.len()];
    for (step, row) in uniforms.iter_mut().enumerate() {
        for (uniform, revealed) in row.iter_mut().zip(&mut revealed) {
            let now = *uniform < 1.0 / (steps - step) as f64;
            *uniform = if *revealed { 1.0 } else { *uniform };
            *revealed |= now;
        }
    }
    recipe.draws = Recorded::scalars(uniforms, Rows::Positions);
    recipe.expected.when = When::Before;
    (recipe.expected.last, recipe.expected.offset) = (source.ids("returned")?, 1);
    Ok(recipe)
}

/// `_ddpm_update` has a chance of `0.999 t` to be masked at `t`, its caching variant `t`.
pub(super) fn mdlm(source: &Source<'_>) -> anyhow::Result<Recipe> {
    let caching = source.trace["source"].as_str().is_some_and(|source| source.contains("_ddpm_caching_update"));
    let curve = if caching { "linear" } else { "loglinear" };
    let (steps, eps) = (source.steps(), source.number("eps"));
    let mut recipe = source.after(format!(
        "steps {steps}; time {curve}({eps}); temperature 1; draw posterior categorical greedy; masked all write"
    ))?;
    let name = source.trace["uniforms"].as_str().context("uniforms")?;
    recipe.draws = Recorded::new(steps_in(source.dir, name)?, Rows::Positions);
    recipe.bans_mask = true;
    Ok(recipe)
}

pub(super) fn sedd(source: &Source<'_>) -> anyhow::Result<Recipe> {
    let kernel = if source.text("predictor") == "euler" { "euler" } else { "posterior" };
    let (steps, eps) = (source.steps(), source.number("eps"));
    let mut recipe = source.after(format!(
        "steps {steps}; time loglinear({eps}); temperature 1; draw {kernel} categorical; masked all write"
    ))?;
    recipe.noise = Noise::Score { absorbing: true };
    recipe.bans_mask = true;
    recipe.draws = Recorded::new(uniforms(source)?, Rows::Positions);
    Ok(recipe)
}

/// The recorded numbers of a trace, one tensor a step.
fn uniforms(source: &Source<'_>) -> anyhow::Result<Vec<Step>> {
    let prefix = source.trace["uniforms_prefix"].as_str().context("uniforms_prefix")?;
    Ok(steps_of(source.dir, prefix)?.into_iter().map(|(_, step)| step).collect())
}

/// `direct` draws positions and tokens at once; `top_k` tosses a coin for every position of the canvas and then takes the
/// best token.
pub(super) fn radd(source: &Source<'_>) -> anyhow::Result<Recipe> {
    let (steps, length) = (source.steps(), source.count("length"));
    let direct = source.text("kind") == "direct";
    let mut recipe = source.after(if direct {
        format!("steps {steps}; time linear(1e-5); temperature 1; draw posterior categorical; masked all write")
    } else {
        format!("mdlm:steps={steps},temperature=0")
    })?;
    recipe.bans_mask = direct;
    recipe.draws = if direct {
        Recorded::new(uniforms(source)?, Rows::Masked)
    } else {
        let prefix = source.trace["uniforms_prefix"].as_str().context("uniforms_prefix")?;
        let coins = steps_of(source.dir, prefix)?.into_iter().filter(|(shape, _)| *shape == [1, length]);
        Recorded::scalars(coins.map(|(_, step)| step.concat()).collect(), Rows::Positions)
    };
    recipe.expected.when = When::Changed;
    recipe.expected.states.dedup();
    Ok(recipe)
}

pub(super) fn radd_ordered(source: &Source<'_>) -> anyhow::Result<Recipe> {
    let mut recipe = source.after("masked uniform best(1) write".into())?;
    let order: Vec<usize> = list(&source.trace["params"]["order"]).context("order")?;
    recipe.draws = Recorded::none().in_order(&order);
    recipe.bans_mask = true;
    Ok(recipe)
}

pub(super) fn gidd(source: &Source<'_>) -> anyhow::Result<Recipe> {
    let (steps, eps) = (source.count("num_denoising_steps").max(1), source.number("t_eps"));
    let mut recipe = source.after(format!(
        "steps {steps}; time linear({eps}) inner; temperature 1; draw posterior; stop full; both all write"
    ))?;
    recipe.noise = Noise::Hybrid { p_uniform: source.number("p_uniform") };
    recipe.bans_mask = true;
    recipe.from_start = true;
    recipe.draws = Recorded::new(uniforms(source)?, Rows::Positions);
    Ok(recipe)
}

/// One token a step: the one that the network, told `t0`, would most surely change.
pub(super) fn gidd_correction(source: &Source<'_>) -> anyhow::Result<Recipe> {
    let told = source.trace["source"].as_str().unwrap_or_default();
    let after = |word: &str, otherwise: f64| {
        let rest = told.split_once(word).map_or("", |(_, rest)| rest);
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        rest[..end].parse().unwrap_or(otherwise)
    };
    let (temperature, t0) = (after("temperature ", 2.0), after("t0 ", 0.01));
    let mut recipe = source.after(String::new())?;
    let mut canvases = std::mem::take(&mut recipe.expected.states);
    if canvases.is_empty() {
        bail!("the correction has no states");
    }
    recipe.initial = canvases.remove(0);
    recipe.expected.last = canvases.last().unwrap_or(&recipe.initial).clone();
    let steps = canvases.len() + 1;
    recipe.sampler = format!(
        "steps {steps}; temperature {temperature} greedy; scores filtered; stop full
         committed where(differs) conf best(1) write"
    );
    recipe.noise = Noise::Hybrid { p_uniform: 0.0 };
    recipe.circumstances.time = Some(t0);
    recipe.corrects = true;
    recipe.bans_mask = true;
    recipe.expected.states = canvases;
    Ok(recipe)
}

/// Block by block from the first token of text on; first hitting draws all tokens of a block and keeps one.
pub(super) fn bd3lm(source: &Source<'_>) -> anyhow::Result<Recipe> {
    let (block, blocks) = (source.count("block_size").max(1), source.count("num_blocks"));
    let first_hitting = source.flag("first_hitting");
    let steps = source.count("steps_per_block").max(1) * blocks;
    let mut recipe = source.after(if first_hitting {
        format!("window blocks({block}); temperature 1; draw clean categorical; masked uniform best(1) write")
    } else {
        format!(
            "steps {steps}; window blocks({block}); time linear(0) closed; temperature 1
             draw posterior categorical; masked all write"
        )
    })?;
    let bos = source.count("bos") as TokenId;
    recipe.initial = source.masks_after(&[bos], block * blocks - 1);
    recipe.from_start = true;
    recipe.circumstances.attention = Some(Attention::Block(block));
    let mut steps = uniforms(source)?;
    let times: Vec<f64> = list(&source.trace["times"]).context("times")?;
    for (step, _) in steps.iter_mut().zip(&times).filter(|(_, t)| **t == 0.0 && !first_hitting) {
        // Here the reference divides by a time of 0, and the first of its infinities is token 0.
        for row in step.iter_mut() {
            row.fill(0.0);
            row.iter_mut().take(1).for_each(|uniform| *uniform = 1.0 - 1e-9);
        }
    }
    recipe.draws = Recorded::new(steps, Rows::Block);
    recipe.bans_mask = true;
    if first_hitting {
        recipe.draws = recipe.draws.in_order(&list(&source.trace["first_hitting_choice"])?);
    }
    Ok(recipe)
}
