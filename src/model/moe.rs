//! Mixtures of experts: a router that sends each row to a few of many feed-forward layers.
//!
//! LLaDA-MoE, LLaDA 2 and the Qwen3-MoE-shaped ones are the decoder with this in the place of its feed-forward layer
//! (`reference/models.md` section 2.4). Only the experts that a row was sent to are computed, once for all their rows;
//! their outputs are summed in the experts' order, so that the result does not depend on threads.

use candle_core::{DType, Tensor};

use super::config::Keys;
use super::error::ModelError;
use super::family::Expected;
use super::layers::{Linear, Packing, SwiGlu};
use super::weights::Weights;

/// The shape of a mixture and the rule of its router.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mixture {
    /// How many experts a layer has.
    pub(crate) experts: usize,
    /// How many a row goes to.
    pub(crate) chosen: usize,
    /// Feed-forward width of an expert.
    pub(crate) width: usize,
    /// A feed-forward layer that every row goes through too: its name (`#` is the block) and width.
    pub(crate) shared: Option<(&'static str, usize)>,
    /// Which blocks have experts; the others have a dense feed-forward layer.
    pub(crate) sparse: Vec<bool>,
    /// How the router's outputs become scores.
    pub(crate) scores: Scores,
    /// What is added to the scores for choosing: its full name.
    pub(crate) bias: Option<&'static str>,
    /// Whether the weights of the chosen contain that bias.
    pub(crate) weigh_with_bias: bool,
    /// (number of groups, groups kept): only experts of the best groups may be chosen.
    pub(crate) groups: Option<(usize, usize)>,
    /// Whether the weights of the chosen are scaled to sum to 1.
    pub(crate) normalise: bool,
    /// What the weights are multiplied with.
    pub(crate) scale: f32,
}

/// How the router's outputs become scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scores {
    /// Over all experts.
    Softmax,
    /// Each by itself.
    Sigmoid,
}

/// LLaDA-MoE: OLMoE's router. Softmax over all, the best k, not normalised; `norm_topk_prob`, groups and the scaling
/// factor of its configuration are read by no code of its authors.
pub(crate) fn llada_moe(keys: &Keys<'_>, layers: usize) -> Result<Mixture, ModelError> {
    let sparse = match keys.present("moe_layer_freq") {
        None => vec![true; layers],
        Some(list) => {
            let flags: Option<Vec<bool>> =
                list.as_array().map(|list| list.iter().map(|flag| flag.as_u64() != Some(0)).collect());
            let flags = flags.filter(|flags| flags.len() == layers);
            flags.ok_or_else(|| keys.error("moe_layer_freq", format!("is not a list of {layers} numbers")))?
        }
    };
    Ok(Mixture {
        experts: keys.size("num_experts")?,
        chosen: keys.size("num_experts_per_tok")?,
        width: keys.size("expert_intermediate_size")?,
        shared: keys
            .unless_minus_one("shared_expert_intermediate_size")?
            .map(|width| ("model.layers.#.shared_expert", width)),
        sparse,
        scores: Scores::Softmax,
        bias: keys.flag("moe_router_enable_expert_bias")?.then_some("model.layers.#.mlp.expert_bias"),
        weigh_with_bias: true,
        groups: None,
        normalise: false,
        scale: 1.0,
    })
}

/// LLaDA 2: DeepSeek-V3's router. Sigmoid, a bias for choosing only, the best groups, normalised and scaled.
pub(crate) fn llada2(keys: &Keys<'_>, layers: usize) -> Result<Mixture, ModelError> {
    keys.expect_text("score_function", "sigmoid")?;
    let width = keys.size("moe_intermediate_size")?;
    let dense = keys.optional("first_k_dense_replace")?.unwrap_or(0);
    let chosen = keys.size("num_experts_per_tok")?;
    let shared = match keys.optional("num_shared_experts")?.filter(|shared| *shared > 0) {
        None => None,
        Some(shared) => Some((
            "model.layers.#.mlp.shared_experts",
            width.checked_mul(shared).ok_or_else(|| keys.error("num_shared_experts", "is too large"))?,
        )),
    };
    Ok(Mixture {
        experts: keys.size("num_experts")?,
        chosen,
        width,
        shared,
        sparse: (0..layers).map(|layer| layer >= dense).collect(),
        scores: Scores::Sigmoid,
        bias: Some("model.layers.#.mlp.gate.expert_bias"),
        weigh_with_bias: false,
        groups: Some((keys.size("n_group")?, keys.size("topk_group")?)),
        normalise: chosen > 1,
        scale: keys.number("routed_scaling_factor")? as f32,
    })
}

/// One that is the same in every block, without a shared expert: what a GGUF file can say. LLaDA-MoE's weights are not
/// normalised, Qwen3-MoE's and RND1's are (llama.cpp's `build_moe_ffn` for each).
pub(crate) fn plain(experts: usize, chosen: usize, width: usize, layers: usize, normalise: bool) -> Mixture {
    Mixture {
        experts,
        chosen,
        width,
        shared: None,
        sparse: vec![true; layers],
        scores: Scores::Softmax,
        bias: None,
        weigh_with_bias: true,
        groups: None,
        normalise,
        scale: 1.0,
    }
}

/// Qwen3-MoE (SDAR-30B-A3B, RND1).
pub(crate) fn qwen3_moe(keys: &Keys<'_>, layers: usize) -> Result<Mixture, ModelError> {
    let every = keys.optional("decoder_sparse_step")?.unwrap_or(1).max(1);
    let dense: Vec<u64> = match keys.present("mlp_only_layers").and_then(|list| list.as_array()) {
        Some(list) => list.iter().filter_map(serde_json::Value::as_u64).collect(),
        None => Vec::new(),
    };
    let (experts, chosen) = (keys.size("num_experts")?, keys.size("num_experts_per_tok")?);
    let width = keys.size("moe_intermediate_size")?;
    let sparse = (0..layers).map(|layer| (layer + 1) % every == 0 && !dense.contains(&(layer as u64))).collect();
    Ok(Mixture { sparse, ..plain(experts, chosen, width, layers, keys.flag("norm_topk_prob")?) })
}

impl Mixture {
    /// Whether it is what [`plain`] makes: what can be written as GGUF.
    pub(crate) fn is_plain(&self) -> bool {
        *self == plain(self.experts, self.chosen, self.width, self.sparse.len(), self.normalise)
    }

    /// Refuses what no network can have.
    pub(crate) fn check(&self, keys: &Keys<'_>) -> Result<(), ModelError> {
        self.possible().map_err(|(key, why)| keys.error(key, why))
    }

    /// The same: what is wrong with which key of the configuration.
    pub(crate) fn possible(&self) -> Result<(), (&'static str, String)> {
        let wrong = |key, why: String| Err((key, why));
        if self.experts == 0 || self.experts > 1 << 12 {
            return wrong("num_experts", format!("is {}, which no network has", self.experts));
        }
        let widest = self.width.max(self.shared.map_or(0, |(_, width)| width));
        if self.width == 0 || widest > 1 << 20 {
            return wrong("expert width", format!("is {widest}, which no network has"));
        }
        let (groups, kept) = self.groups.unwrap_or((1, 1));
        if groups == 0 || kept == 0 || kept > groups || !self.experts.is_multiple_of(groups) {
            return wrong("n_group", format!("{groups} and topk_group {kept} do not fit {} experts", self.experts));
        }
        if self.chosen == 0 || self.chosen > self.experts / groups * kept {
            let why = format!("is {}, and only {} may be chosen", self.chosen, self.experts / groups * kept);
            return wrong("num_experts_per_tok", why);
        }
        if !self.scale.is_finite() {
            return wrong("routed_scaling_factor", "is not a number".into());
        }
        Ok(())
    }

    /// The experts that a row goes to and their weights, given the router's scores of all experts.
    fn choose(&self, scores: &[f32], bias: Option<&[f32]>) -> Vec<(usize, f32)> {
        let biased: Vec<f32> = match bias {
            Some(bias) => scores.iter().zip(bias).map(|(score, bias)| score + bias).collect(),
            None => scores.to_vec(),
        };
        let (groups, kept) = self.groups.unwrap_or((1, 1));
        let size = self.experts / groups;
        let group_scores: Vec<f32> = biased
            .chunks(size)
            .map(|group| best(group, 0..size, 2).iter().map(|expert| group[*expert]).sum())
            .collect();
        let open = best(&group_scores, 0..groups, kept);
        let open: Vec<usize> = open.iter().flat_map(|group| group * size..(group + 1) * size).collect();
        let chosen = best(&biased, open.into_iter(), self.chosen);
        let weighing = if self.weigh_with_bias { &biased } else { scores };
        let sum: f32 = chosen.iter().map(|expert| weighing[*expert]).sum();
        let factor = if self.normalise { self.scale / (sum + 1e-20) } else { self.scale };
        chosen.iter().map(|expert| (*expert, weighing[*expert] * factor)).collect()
    }
}

/// The `count` best of some indices, best first, the lower index first among equals.
fn best(values: &[f32], indices: impl Iterator<Item = usize>, count: usize) -> Vec<usize> {
    let mut indices: Vec<usize> = indices.collect();
    indices.sort_by(|a, b| values[*b].total_cmp(&values[*a]).then(a.cmp(b)));
    indices.truncate(count);
    indices
}

/// The names of a feed-forward layer's three maps.
pub(crate) fn swiglu_names(before: &str) -> [String; 3] {
    ["gate_proj", "up_proj", "down_proj"].map(|map| format!("{before}.{map}"))
}

fn mlp(block: usize) -> String {
    format!("model.layers.{block}.mlp")
}

/// Where a GGUF file keeps what Hugging Face's layout calls so: the name there, and which of the matrices that are
/// stacked under it (llama.cpp stacks the experts of a block).
pub(crate) fn in_gguf(name: &str) -> Option<(String, Option<usize>)> {
    let (block, place) = name.strip_prefix("model.layers.")?.split_once(".mlp.")?;
    block.parse::<usize>().ok()?;
    if place == "gate.weight" {
        return Some((format!("blk.{block}.ffn_gate_inp.weight"), None));
    }
    let (expert, map) = place.strip_prefix("experts.")?.split_once('.')?;
    let map = map.strip_suffix("_proj.weight").filter(|map| ["gate", "up", "down"].contains(map))?;
    Some((format!("blk.{block}.ffn_{map}_exps.weight"), Some(expert.parse().ok()?)))
}

/// Every tensor that the mixture of a block needs.
pub(crate) fn expected(mixture: &Mixture, hidden: usize, block: usize) -> Vec<Expected> {
    let mut list = Vec::new();
    let mut add = |name: String, shape: Vec<usize>| list.push(Expected { name, shape, required: true });
    let mlp = mlp(block);
    add(format!("{mlp}.gate.weight"), vec![mixture.experts, hidden]);
    if let Some(bias) = mixture.bias {
        add(bias.replace('#', &block.to_string()), vec![mixture.experts]);
    }
    let experts = (0..mixture.experts).map(|expert| (format!("{mlp}.experts.{expert}"), mixture.width));
    let shared = mixture.shared.map(|(name, width)| (name.replace('#', &block.to_string()), width));
    for (name, width) in experts.chain(shared) {
        for (map, shape) in swiglu_names(&name).into_iter().zip([[width, hidden], [width, hidden], [hidden, width]]) {
            add(format!("{map}.weight"), shape.to_vec());
        }
    }
    list
}

/// The loaded mixture of one block.
pub(crate) struct Experts {
    mixture: Mixture,
    router: Linear,
    bias: Option<Vec<f32>>,
    layers: Vec<SwiGlu>,
    shared: Option<SwiGlu>,
}

impl Experts {
    pub(crate) fn load(
        weights: &Weights,
        mixture: &Mixture,
        block: usize,
        packing: Packing,
    ) -> Result<Self, ModelError> {
        let mlp = mlp(block);
        let here = |name: &str| name.replace('#', &block.to_string());
        let swiglu = |name: &str| SwiGlu::load(weights, &swiglu_names(name), packing);
        let bias = match mixture.bias {
            Some(name) => Some(weights.get(&here(name))?.to_dtype(DType::F32)?.to_vec1()?),
            None => None,
        };
        Ok(Self {
            mixture: mixture.clone(),
            // Which experts are chosen hangs on small differences, so the router is never packed.
            router: Linear::load(weights, &format!("{mlp}.gate"), Packing::Dense)?,
            bias,
            layers: (0..mixture.experts)
                .map(|expert| swiglu(&format!("{mlp}.experts.{expert}")))
                .collect::<Result<_, _>>()?,
            shared: mixture.shared.map(|(name, _)| swiglu(&here(name))).transpose()?,
        })
    }

    /// x (n, d) -> (n, d).
    pub(crate) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let scores = self.router.forward(x)?.to_dtype(DType::F32)?;
        let scores = match self.mixture.scores {
            Scores::Softmax => candle_nn::ops::softmax_last_dim(&scores)?,
            Scores::Sigmoid => candle_nn::ops::sigmoid(&scores)?,
        };
        let mut sent: Vec<(Vec<u32>, Vec<f32>)> = vec![Default::default(); self.mixture.experts];
        for (row, scores) in scores.to_vec2::<f32>()?.iter().enumerate() {
            for (expert, weight) in self.mixture.choose(scores, self.bias.as_deref()) {
                sent[expert].0.push(row as u32);
                sent[expert].1.push(weight);
            }
        }
        let mut sum = match &self.shared {
            Some(shared) => shared.forward(x)?,
            None => x.zeros_like()?,
        };
        for (expert, (rows, weights)) in self.layers.iter().zip(sent) {
            if rows.is_empty() {
                continue;
            }
            let rows = Tensor::from_slice(&rows, rows.len(), x.device())?;
            let weights = Tensor::from_slice(&weights, (weights.len(), 1), x.device())?.to_dtype(x.dtype())?;
            let found = expert.forward(&x.index_select(&rows, 0)?)?.broadcast_mul(&weights)?;
            sum = sum.index_add(&rows, &found, 0)?;
        }
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixture() -> Mixture {
        Mixture {
            experts: 6,
            chosen: 2,
            width: 4,
            shared: None,
            sparse: vec![true],
            scores: Scores::Sigmoid,
            bias: Some("bias"),
            weigh_with_bias: false,
            groups: Some((3, 1)),
            normalise: true,
            scale: 2.5,
        }
    }

    #[test]
    fn the_best_group_is_found_with_the_bias_and_weighed_without() {
        let scores = [0.9, 0.1, 0.5, 0.4, 0.2, 0.2];
        // Sums of two with the bias: 1.0, 0.9, 1.4; so the last group is open, although its scores are the lowest.
        let chosen = mixture().choose(&scores, Some(&[0.0, 0.0, 0.0, 0.0, 0.5, 0.5]));
        assert_eq!(chosen, vec![(4, 1.25), (5, 1.25)]);
        let chosen = mixture().choose(&scores, None);
        assert_eq!(chosen.iter().map(|(expert, _)| *expert).collect::<Vec<_>>(), vec![0, 1]);
        assert!((chosen[0].1 - 2.25).abs() < 1e-6 && (chosen[1].1 - 0.25).abs() < 1e-6);
    }

    #[test]
    fn without_groups_and_normalising_the_best_keep_their_scores() {
        let plain = Mixture { groups: None, normalise: false, scale: 1.0, ..mixture() };
        assert_eq!(plain.choose(&[0.1, 0.3, 0.2, 0.3, 0.05, 0.05], None), vec![(1, 0.3), (3, 0.3)]);
    }
}
