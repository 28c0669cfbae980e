//! Which sampler of ours a reference's trace is.
//!
//! A trace says which code made it and with what parameters; a recipe says the same in our notation. Where a reference
//! has a behaviour of its own (uneven blocks, forwards that commit nothing), it is named here beside its source.

mod drawn;

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::Value;

use super::recorded::{Recorded, Rows};
use super::{Circumstances, Expected, Recipe, When, states};
use crate::cli::golden::json::{list, optional};
use crate::diffusion::TokenId;
use crate::diffusion::noise::Noise;
use crate::diffusion::vocabulary::Controls;
use crate::model::Attention;

/// What a recipe is made from.
struct Source<'a> {
    dir: &'a Path,
    file: &'a Value,
    trace: &'a Value,
    mask: TokenId,
}

/// Makes a recipe of the traces of one source.
type Make = fn(&Source<'_>) -> anyhow::Result<Recipe>;

/// The recipe of a trace; none if no sampler here follows its source.
pub(super) fn recipe(dir: &Path, file: &Value, trace: &Value, mask: TokenId) -> anyhow::Result<Option<Recipe>> {
    let source = trace["source"].as_str().or(file["source"].as_str()).unwrap_or_default();
    let by: &[(&str, Make)] = &[
        ("ML-GSAI/LLaDA generate.py", llada),
        ("NVlabs/Fast-dLLM llada/", fast_dllm),
        ("NVlabs/Fast-dLLM dream/model/generation_utils_block.py", dream_blocks),
        ("NVlabs/Fast-dLLM dream/model/generation_utils.py", dream_threshold),
        ("HF Dream generation_utils.py", dream),
        ("pengzhangzhi/Open-dLLM", dream),
        ("DreamLM/DreamOn", dreamon),
        ("ZHZisZZ/dllm core/samplers/mdlm.py:MDLMSampler.sample", dllm),
        ("ZHZisZZ/dllm core/samplers/mdlm.py:MDLMSampler.infill", dllm_infill),
        ("ZHZisZZ/dllm core/samplers/bd3lm.py", dllm_blocks),
        ("HKUNLP/DiffuLLaMA", drawn::diffullama),
        ("ML-GSAI/SMDM", smdm),
        ("kuleshov-group/mdlm diffusion.py", drawn::mdlm),
        ("louaaron/Score-Entropy-Discrete-Diffusion", drawn::sedd),
        ("ML-GSAI/RADD sampling.py:DiffusionSampler", drawn::radd),
        ("ML-GSAI/RADD sampling.py:OrderedSampler", drawn::radd_ordered),
        ("dvruette/gidd gidd/sampling.py", drawn::gidd),
        ("greedy form of dvruette/gidd pipeline.py:self_correction", drawn::gidd_correction),
        ("kuleshov-group/bd3lms", drawn::bd3lm),
        ("LLaDA2.0 modeling_llada2_moe.py", llada2),
        ("JetAstra/SDAR generate.py", sdar),
    ];
    let made_by = by.iter().find(|(prefix, _)| source.starts_with(prefix));
    made_by.map(|(_, make)| make(&Source { dir, file, trace, mask })).transpose()
}

impl Source<'_> {
    fn number(&self, key: &str) -> f64 {
        self.trace["params"][key].as_f64().unwrap_or_default()
    }

    fn count(&self, key: &str) -> usize {
        self.trace["params"][key].as_u64().unwrap_or_default() as usize
    }

    fn text(&self, key: &str) -> &str {
        self.trace["params"][key].as_str().unwrap_or_default()
    }

    fn flag(&self, key: &str) -> bool {
        self.trace["params"][key].as_bool().unwrap_or_default()
    }

    fn threshold(&self) -> Option<f64> {
        self.trace["params"]["threshold"].as_f64()
    }

    fn steps(&self) -> usize {
        self.count("steps").max(1)
    }

    fn ids(&self, key: &str) -> anyhow::Result<Vec<TokenId>> {
        list(&self.trace[key]).with_context(|| key.to_owned())
    }

    /// A recipe whose `states` were taken after every step.
    fn after(&self, sampler: String) -> anyhow::Result<Recipe> {
        let ids = |key| optional(&self.trace[key]).map(Option::unwrap_or_default);
        let recorded = match self.trace["states"].get(0) {
            Some(Value::Array(_)) => states(self.trace, "states")?,
            _ => Vec::new(),
        };
        Ok(Recipe {
            sampler,
            initial: ids("initial")?,
            from_start: false,
            corrects: false,
            draws: Recorded::none(),
            noise: Noise::Absorbing,
            controls: None,
            bans_mask: false,
            growth: None,
            circumstances: Circumstances::default(),
            expected: Expected { when: When::After, states: recorded, last: ids("final")?, offset: 0, goes_on: false },
        })
    }

    /// `n` masks after given tokens.
    fn masks_after(&self, given: &[TokenId], n: usize) -> Vec<TokenId> {
        given.iter().copied().chain(std::iter::repeat_n(self.mask, n)).collect()
    }
}

fn llada(source: &Source<'_>) -> anyhow::Result<Recipe> {
    let preset = if source.text("remasking") == "random" { "llada-random" } else { "llada" };
    let (block, steps, guidance) = (source.count("block_length"), source.steps(), source.number("cfg_scale"));
    source.after(format!("{preset}:block={block},steps={steps},guidance={guidance}"))
}

/// Blocks, thresholds and caches. After a block that is finished by its first pass, the cached loops make one more that
/// commits nothing.
fn fast_dllm(source: &Source<'_>) -> anyhow::Result<Recipe> {
    let name = source.trace["source"].as_str().unwrap_or_default();
    let cache = match name {
        name if name.contains("dual_cache") => "dual",
        name if name.contains("prefix_cache") => "prefix",
        _ => "all",
    };
    let (block, steps) = (source.count("block_length"), source.steps());
    let sampler = match source.threshold() {
        Some(threshold) => format!("fast-dllm:block={block},threshold={threshold},cache={cache}"),
        None => format!("llada:block={block},steps={steps},cache={cache}"),
    };
    let mut recipe = source.after(sampler)?;
    drop_empty_passes(source, &mut recipe.expected.states)?;
    Ok(recipe)
}

/// Takes out the states of cached passes over a block in which nothing was masked any more.
fn drop_empty_passes(source: &Source<'_>, states: &mut Vec<Vec<TokenId>>) -> anyhow::Result<()> {
    let calls: Vec<(String, usize, usize)> = optional(&source.trace["calls"])?.unwrap_or_default();
    let block = source.count("block_length");
    let empty = |index: usize, states: &[Vec<TokenId>]| {
        let (Some((kind, start, _)), Some(before)) = (calls.get(index), index.checked_sub(1)) else { return false };
        let block = states[before].iter().skip(*start).take(block);
        kind != "full" && states[before] == states[index] && block.clone().all(|id| *id != source.mask)
    };
    let kept: Vec<Vec<TokenId>> =
        (0..states.len()).filter(|&index| !empty(index, states)).map(|index| states[index].clone()).collect();
    *states = kept;
    Ok(())
}

/// What Dream and Open-dLLM rank by.
fn dream_score(alg: &str) -> Option<&'static str> {
    match alg {
        "entropy" => Some("-entropy"),
        "maskgit_plus" => Some("conf"),
        "topk_margin" => Some("margin"),
        _ => None,
    }
}

fn dream(source: &Source<'_>) -> anyhow::Result<Recipe> {
    let (steps, eps, top_k) = (source.steps(), source.number("eps"), source.count("top_k"));
    let tail = format!("eps={eps},top-k={top_k},steps={steps},temperature=0");
    let alg = source.text("alg");
    let mut recipe = source.after(match alg {
        "p2" => format!("p2:steps={steps},top-k={top_k}"),
        "origin" => format!("mdlm:{tail}"),
        "entropy" => format!("dream-entropy:{tail}"),
        "maskgit_plus" => format!("dream-maskgit:{tail}"),
        "topk_margin" => format!("dream-margin:{tail}"),
        other => bail!("Dream has no algorithm {other}"),
    })?;
    if alg == "origin" {
        let uniforms = list(&source.trace["uniforms"]).context("uniforms")?;
        recipe.draws = Recorded::scalars(uniforms, Rows::Masked);
    }
    Ok(recipe)
}

/// NVIDIA's `confidence_threshold` without a cache: so many candidates a step, what is left over carried on, and more steps
/// at the end.
fn dream_threshold(source: &Source<'_>) -> anyhow::Result<Recipe> {
    let (steps, threshold, top_k) = (source.steps(), source.threshold().unwrap_or(0.9), source.count("top_k"));
    source.after(format!(
        "scores filtered; top-k {top_k}; quota = floor(size / {steps}) * min(step + 1, {steps}) - (size - m)
         masked conf above({threshold}) min=min(quota, 1) max=quota write"
    ))
}

/// The first pass over a block commits its first position, whose row lies in the block before; what follows sees the
/// block's own rows.
fn dream_blocks(source: &Source<'_>) -> anyhow::Result<Recipe> {
    let (block, top_k) = (source.count("block_length"), source.count("top_k"));
    let cache = if source.flag("dual_cache") { "dual" } else { "prefix" };
    let first = "masked when(step == 0) -pos best(1) write";
    let rest = match (source.text("alg"), source.threshold()) {
        ("confidence_threshold", threshold) => {
            format!("masked when(step > 0) conf above({}) min=1 write", threshold.unwrap_or(0.9))
        }
        // Any other algorithm behaves as entropy here.
        _ => format!("steps {}; masked when(step > 0) -entropy best(dream) write", source.steps()),
    };
    let mut recipe = source.after(format!(
        "window blocks({block}); time linear(0.001); scores filtered; top-k {top_k}; refresh {cache}; {first}; {rest}"
    ))?;
    drop_empty_passes(source, &mut recipe.expected.states)?;
    Ok(recipe)
}

/// One position a step; control tokens lengthen and shorten the canvas, of which positions beyond the window are no part.
fn dreamon(source: &Source<'_>) -> anyhow::Result<Recipe> {
    let Some(score) = dream_score(source.text("alg")) else { bail!("DreamOn has no such algorithm") };
    let token = |key: &str| source.file[key].as_u64().map(|id| id as TokenId);
    let to_the_end = if source.flag("pad_eos_to_right") { "; masked where(past_end) all close" } else { "" };
    // One step more than the reference may make, since the last one of a plan writes all.
    let steps = source.steps() + 1;
    let mut recipe =
        source.after(format!("steps {steps}; scores filtered; masked {score} best(1) obey{to_the_end}"))?;
    recipe.initial = source.ids("input_ids")?;
    let eos = token("eos_token_id");
    let delete = eos.filter(|_| source.flag("delete_eos_token"));
    recipe.controls = Some(Controls { expand: token("expand_token_id"), delete });
    let grown = recipe.initial.len() + source.count("max_gen_len") - source.count("min_gen_len");
    recipe.growth = Some((source.count("expand_budget"), grown.min(source.count("max_tokens"))));
    let mut canvases: Vec<Vec<TokenId>> = Vec::new();
    for state in source.trace["states"].as_array().context("states")? {
        let mut tokens: Vec<TokenId> = list(&state["tokens"]).context("tokens")?;
        tokens.truncate(state["window"].as_u64().context("window")? as usize);
        canvases.push(tokens);
    }
    let (first, middle) = (source.ids("prefix")?, source.ids("middle")?);
    let last = [first, middle, source.ids("suffix_with_eos")?].concat();
    recipe.expected = Expected { when: When::Before, states: canvases, last, offset: 0, goes_on: false };
    Ok(recipe)
}

/// dllm: the steps of each block rounded up.
fn dllm_steps(source: &Source<'_>, length: usize, block: usize, blocks_with_masks: usize) -> usize {
    source.steps().div_ceil(length.div_ceil(block.max(1)).max(1)) * blocks_with_masks
}

fn dllm(source: &Source<'_>) -> anyhow::Result<Recipe> {
    let (block, length) = (source.count("block_size"), source.count("max_new_tokens"));
    let steps = dllm_steps(source, length, block, length.div_ceil(block.max(1)));
    let guidance = source.number("cfg_scale");
    let mut recipe = source.after(format!("dllm:block={block},steps={steps},guidance={guidance}"))?;
    recipe.expected.when = When::Changed;
    Ok(recipe)
}

/// Blocks are counted over the whole sequence, given tokens included.
fn dllm_infill(source: &Source<'_>) -> anyhow::Result<Recipe> {
    let mut recipe = dllm(source)?;
    let (block, length) = (source.count("block_size").max(1), recipe.initial.len());
    let with_masks = recipe.initial.chunks(block).filter(|block| block.contains(&source.mask)).count();
    let steps = dllm_steps(source, length, block, with_masks);
    let guidance = source.number("cfg_scale");
    recipe.sampler = format!("dllm:block={block},steps={steps},guidance={guidance}");
    recipe.from_start = true;
    Ok(recipe)
}

/// The prompt is padded at its left to whole blocks; blocks see those before them. A canvas with all blocks in place says
/// the same as one that grows, since no block sees a later one.
fn dllm_blocks(source: &Source<'_>) -> anyhow::Result<Recipe> {
    let mut recipe = dllm(source)?;
    let padding = source.trace["pad_token_id"].as_u64().map(|id| id as TokenId);
    let visible: Vec<bool> = recipe.initial.iter().map(|id| Some(*id) != padding).collect();
    let new = source.count("max_new_tokens");
    recipe.initial = source.masks_after(&recipe.initial, new);
    let visible: Vec<bool> = visible.into_iter().chain(std::iter::repeat_n(true, new)).collect();
    let seen = visible.iter().scan(0, |seen, visible| {
        *seen += usize::from(*visible);
        Some(if *visible { *seen - 1 } else { 0 })
    });
    recipe.circumstances = Circumstances {
        attention: Some(Attention::Block(source.count("block_size"))),
        positions: Some(seen.collect()),
        visible: Some(visible),
        time: None,
    };
    Ok(recipe)
}

fn smdm(source: &Source<'_>) -> anyhow::Result<Recipe> {
    let (steps, eps, guidance) = (source.steps(), source.number("eps"), source.number("cfg_scale"));
    let origin = source.text("alg") == "origin";
    let preset = if origin { "mdlm" } else { "dream-maskgit" };
    let mut recipe = source.after(format!("{preset}:eps={eps},steps={steps},temperature=0,guidance={guidance}"))?;
    if origin {
        let uniforms = list(&source.trace["transfer_uniforms"]).context("transfer_uniforms")?;
        recipe.draws = Recorded::scalars(uniforms, Rows::Masked);
    }
    Ok(recipe)
}

/// So many of a block at a step, whatever of it was given.
fn share_of_block(block: usize, steps: usize) -> String {
    format!("floor({block} / {steps}) + (step < mod({block}, {steps}))")
}

/// A canvas of whole blocks that hold the prompt and what is to be written, and how many of them have masks.
fn whole_blocks(source: &Source<'_>, block: usize) -> anyhow::Result<(Vec<TokenId>, usize)> {
    let prompt = source.ids("prompt")?;
    let length = (prompt.len() + source.count("gen_length")).next_multiple_of(block);
    let canvas = source.masks_after(&prompt, length - prompt.len());
    let with_masks = canvas.chunks(block).filter(|block| block.contains(&source.mask)).count();
    Ok((canvas, with_masks))
}

fn llada2(source: &Source<'_>) -> anyhow::Result<Recipe> {
    let block = source.count("block_length").max(1);
    let steps = source.steps().min(source.count("gen_length")).max(1);
    let (initial, with_masks) = whole_blocks(source, block)?;
    let (all, share) = (steps * with_masks, share_of_block(block, steps));
    let threshold = source.threshold().unwrap_or(0.95);
    let mut recipe = source
        .after(format!("steps {all}; window blocks({block}); masked conf above({threshold}) min={share} write"))?;
    recipe.circumstances.attention = Some(Attention::Block(block));
    recipe.from_start = true;
    recipe.initial = initial;
    recipe.expected = Expected {
        when: When::Before,
        states: states(source.trace, "states_before_each_forward")?,
        last: source.ids("returned")?,
        offset: source.ids("prompt")?.len(),
        // It is cut after the first token that ends the text, and to the length asked for.
        goes_on: true,
    };
    Ok(recipe)
}

/// Each call feeds one block; finished blocks are fed once more for their keys and values.
fn sdar(source: &Source<'_>) -> anyhow::Result<Recipe> {
    let block = source.count("block_length").max(1);
    let steps = source.count("denoising_steps").max(1);
    let (initial, with_masks) = whole_blocks(source, block)?;
    let (all, share) = (steps * with_masks, share_of_block(block, steps));
    let rule = match source.text("remasking_strategy") {
        "low_confidence_static" => format!("masked conf best({share}) write"),
        "low_confidence_dynamic" => {
            format!("masked conf above({}) min={share} write", source.number("confidence_threshold"))
        }
        "sequential" => format!("masked -pos best({share}) write"),
        other => bail!("SDAR's {other} is not one of its strategies that work"),
    };
    let top_k = source.count("top_k");
    let mut recipe =
        source.after(format!("steps {all}; window blocks({block}); top-k {top_k}; scores filtered; {rule}"))?;
    let mut canvas = initial.clone();
    let mut fed = Vec::new();
    for call in source.trace["calls"].as_array().context("calls")? {
        let (ids, start): (Vec<TokenId>, usize) =
            (list(&call["block"])?, call["start"].as_u64().context("start")? as usize);
        let Some(place) = canvas.get_mut(start..start + ids.len()) else { bail!("a call lies outside of the canvas") };
        place.copy_from_slice(&ids);
        if call["store_kv"] == Value::Bool(false) {
            fed.push(canvas[..start + ids.len()].to_vec());
        }
    }
    recipe.circumstances.attention = Some(Attention::Block(block));
    recipe.from_start = true;
    recipe.initial = initial;
    (recipe.expected.when, recipe.expected.states) = (When::Before, fed);
    Ok(recipe)
}
