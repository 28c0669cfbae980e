//! What each tensor of the stack is called in the layouts that checkpoints come in, as one table.

use super::{Backbone, smdm};
use crate::model::error::ModelError;
use crate::model::family::Expected;
use crate::model::layers::{Linear, Packing};
use crate::model::moe;
use crate::model::weights::Weights;

/// A layout of tensor names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `model.layers.0.self_attn.q_proj.weight` (Qwen, Llama, Dream, A2D).
    HuggingFace,
    /// `model.transformer.blocks.0.q_proj.weight` (LLaDA, after OLMo).
    Llada,
    /// `model.layers.0.attention.query_key_value.weight` (LLaDA 2, after Ling).
    Llada2,
    /// `model.layers.0.operator_norm.weight` (LFM2); the hub's file says `lfm2.` for `model.`.
    Lfm2,
    /// `blk.0.attn_q.weight` (llama.cpp).
    Gguf,
    /// `transformer.h.0.attn.attn.weight` (SMDM, after lit-gpt).
    Smdm,
}

/// A place in the stack. `ff_proj` of LLaDA is the gate, `up_proj` the multiplier, `ff_out` the way down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Embedding,
    FinalNorm,
    Head,
    AttentionNorm,
    Query,
    Key,
    Value,
    Output,
    QueryNorm,
    KeyNorm,
    FeedForwardNorm,
    Gate,
    Up,
    Down,
    /// LFM2's convolution: the map before it, its weights, the map after it.
    ConvolutionInput,
    ConvolutionTaps,
    ConvolutionOutput,
}

use Place::{
    AttentionNorm, ConvolutionInput, ConvolutionOutput, ConvolutionTaps, Down, Embedding, FeedForwardNorm, FinalNorm,
    Gate, Head, Key, KeyNorm, Output, Query, QueryNorm, Up, Value,
};

/// (place, Hugging Face, LLaDA, GGUF); `#` stands for the block's number.
const NAMES: [(Place, [&str; 3]); 14] = [
    (Embedding, ["model.embed_tokens", "model.transformer.wte", "token_embd"]),
    (FinalNorm, ["model.norm", "model.transformer.ln_f", "output_norm"]),
    (Head, ["lm_head", "model.transformer.ff_out", "output"]),
    (AttentionNorm, ["model.layers.#.input_layernorm", "model.transformer.blocks.#.attn_norm", "blk.#.attn_norm"]),
    (Query, ["model.layers.#.self_attn.q_proj", "model.transformer.blocks.#.q_proj", "blk.#.attn_q"]),
    (Key, ["model.layers.#.self_attn.k_proj", "model.transformer.blocks.#.k_proj", "blk.#.attn_k"]),
    (Value, ["model.layers.#.self_attn.v_proj", "model.transformer.blocks.#.v_proj", "blk.#.attn_v"]),
    (Output, ["model.layers.#.self_attn.o_proj", "model.transformer.blocks.#.attn_out", "blk.#.attn_output"]),
    (QueryNorm, ["model.layers.#.self_attn.q_norm", "model.transformer.blocks.#.q_norm", "blk.#.attn_q_norm"]),
    (KeyNorm, ["model.layers.#.self_attn.k_norm", "model.transformer.blocks.#.k_norm", "blk.#.attn_k_norm"]),
    (
        FeedForwardNorm,
        ["model.layers.#.post_attention_layernorm", "model.transformer.blocks.#.ff_norm", "blk.#.ffn_norm"],
    ),
    (Gate, ["model.layers.#.mlp.gate_proj", "model.transformer.blocks.#.ff_proj", "blk.#.ffn_gate"]),
    (Up, ["model.layers.#.mlp.up_proj", "model.transformer.blocks.#.up_proj", "blk.#.ffn_up"]),
    (Down, ["model.layers.#.mlp.down_proj", "model.transformer.blocks.#.ff_out", "blk.#.ffn_down"]),
];

/// Layouts by how they differ from Hugging Face's.
const OTHERWISE: [(Layout, Place, &str); 32] = [
    (Layout::Llada2, Embedding, "model.word_embeddings"),
    (Layout::Llada2, Query, "model.layers.#.attention.query_key_value"),
    (Layout::Llada2, Key, "model.layers.#.attention.query_key_value"),
    (Layout::Llada2, Value, "model.layers.#.attention.query_key_value"),
    (Layout::Llada2, Output, "model.layers.#.attention.dense"),
    (Layout::Llada2, QueryNorm, "model.layers.#.attention.query_layernorm"),
    (Layout::Llada2, KeyNorm, "model.layers.#.attention.key_layernorm"),
    (Layout::Smdm, Embedding, "transformer.wte"),
    (Layout::Smdm, FinalNorm, "transformer.ln_f"),
    (Layout::Smdm, AttentionNorm, "transformer.h.#.norm_1"),
    (Layout::Smdm, Query, "transformer.h.#.attn.attn"),
    (Layout::Smdm, Key, "transformer.h.#.attn.attn"),
    (Layout::Smdm, Value, "transformer.h.#.attn.attn"),
    (Layout::Smdm, Output, "transformer.h.#.attn.proj"),
    (Layout::Smdm, QueryNorm, "transformer.h.#.attn.q_norm"),
    (Layout::Smdm, KeyNorm, "transformer.h.#.attn.k_norm"),
    (Layout::Smdm, FeedForwardNorm, "transformer.h.#.norm_2"),
    (Layout::Smdm, Gate, "transformer.h.#.mlp.swiglu.w1"),
    (Layout::Smdm, Up, "transformer.h.#.mlp.swiglu.w2"),
    (Layout::Smdm, Down, "transformer.h.#.mlp.swiglu.w3"),
    (Layout::Lfm2, FinalNorm, "model.embedding_norm"),
    (Layout::Lfm2, AttentionNorm, "model.layers.#.operator_norm"),
    (Layout::Lfm2, Output, "model.layers.#.self_attn.out_proj"),
    (Layout::Lfm2, QueryNorm, "model.layers.#.self_attn.q_layernorm"),
    (Layout::Lfm2, KeyNorm, "model.layers.#.self_attn.k_layernorm"),
    (Layout::Lfm2, FeedForwardNorm, "model.layers.#.ffn_norm"),
    (Layout::Lfm2, Gate, "model.layers.#.feed_forward.w1"),
    (Layout::Lfm2, Up, "model.layers.#.feed_forward.w3"),
    (Layout::Lfm2, Down, "model.layers.#.feed_forward.w2"),
    (Layout::Lfm2, ConvolutionInput, "model.layers.#.conv.in_proj"),
    (Layout::Lfm2, ConvolutionTaps, "model.layers.#.conv.conv"),
    (Layout::Lfm2, ConvolutionOutput, "model.layers.#.conv.out_proj"),
];

impl Layout {
    /// The name of a place, without `.weight` or `.bias`.
    pub(crate) fn name(self, place: Place, block: usize) -> String {
        let column = match self {
            Self::HuggingFace | Self::Llada2 | Self::Lfm2 | Self::Smdm => 0,
            Self::Llada => 1,
            Self::Gguf => 2,
        };
        let own =
            OTHERWISE.iter().find(|(layout, named, _)| (*layout, *named) == (self, place)).map(|(.., name)| *name);
        let usual = || NAMES.iter().find(|(named, _)| *named == place).map(|(_, names)| names[column]);
        own.or_else(usual).unwrap_or_default().replace('#', &block.to_string())
    }

    /// How many rows the embedding of a vocabulary has.
    pub(crate) fn embedded(self, vocab: usize) -> usize {
        vocab + usize::from(self == Self::Smdm)
    }

    /// Whether queries, keys and values are one tensor; it is listed at the place of the first.
    fn is_fused(self) -> bool {
        matches!(self, Self::Llada2 | Self::Smdm)
    }

    /// Reads a linear map of a block.
    pub(crate) fn linear(
        self,
        weights: &Weights,
        place: Place,
        block: usize,
        shape: &Backbone,
        packing: Packing,
    ) -> Result<Linear, ModelError> {
        let name = self.name(place, block);
        let (queries, keys) = (shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim);
        let (from, rows) = match (self, place) {
            (Self::Llada2, Query) => (0, queries),
            (Self::Llada2, Key) => (queries, keys),
            (Self::Llada2, Value) => (queries + keys, keys),
            (Self::Smdm, Query | Key | Value) => {
                let fused = weights.get(&(name + ".weight"))?;
                return Linear::new(smdm::part(&fused, place, shape)?, None, packing);
            }
            _ => return Linear::load(weights, &name, packing),
        };
        let part = |suffix: &str| Ok::<_, ModelError>(weights.get(&format!("{name}.{suffix}"))?.narrow(0, from, rows)?);
        let bias = shape.qkv_bias.then(|| part("bias")).transpose()?;
        Linear::new(part("weight")?, bias, packing)
    }
}

/// Every tensor that the stack needs, with its shape.
pub(crate) fn expected(shape: &Backbone, layout: Layout) -> Vec<Expected> {
    let mut list = Vec::new();
    let mut add = |place: Place, block: usize, suffix: &str, dims: &[usize], required: bool| {
        list.push(Expected { name: layout.name(place, block) + suffix, shape: dims.to_vec(), required });
    };
    let (hidden, ff) = (shape.hidden, shape.feed_forward);
    let norm_parts = if shape.norm_bias { &[".weight", ".bias"][..] } else { &[".weight"] };
    let (queries, keys) = (shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim);
    add(Embedding, 0, ".weight", &[layout.embedded(shape.vocab), hidden], true);
    for block in 0..shape.layers {
        for part in norm_parts {
            add(AttentionNorm, block, part, &[hidden], true);
            add(FeedForwardNorm, block, part, &[hidden], true);
        }
        let sparse = shape.mixture.as_ref().is_some_and(|mixture| mixture.sparse[block]);
        let fused = layout.is_fused();
        let query_rows = if fused { queries + 2 * keys } else { queries };
        let kernel = shape.convolutions.as_ref().filter(|convolutions| convolutions.blocks[block]);
        let attends = kernel.is_none();
        if let Some(convolutions) = kernel {
            add(ConvolutionInput, block, ".weight", &[3 * hidden, hidden], true);
            add(ConvolutionTaps, block, ".weight", &[hidden, 1, convolutions.kernel], true);
            add(ConvolutionOutput, block, ".weight", &[hidden, hidden], true);
        }
        let places = [
            (Query, query_rows, hidden, shape.qkv_bias, attends),
            (Key, keys, hidden, shape.qkv_bias, attends && !fused),
            (Value, keys, hidden, shape.qkv_bias, attends && !fused),
            (Output, hidden, queries, shape.output_bias, attends),
            (Gate, ff, hidden, shape.feed_forward_bias, !sparse),
            (Up, ff, hidden, shape.feed_forward_bias, !sparse),
            (Down, hidden, ff, shape.feed_forward_bias, !sparse),
        ];
        for (place, rows, columns, bias, _) in places.into_iter().filter(|(.., present)| *present) {
            add(place, block, ".weight", &[rows, columns], true);
            if bias {
                add(place, block, ".bias", &[rows], true);
            }
        }
        if shape.qk_norm && attends {
            add(QueryNorm, block, ".weight", &[shape.head_dim], true);
            add(KeyNorm, block, ".weight", &[shape.head_dim], true);
        }
    }
    for part in norm_parts {
        add(FinalNorm, 0, part, &[hidden], true);
    }
    add(Head, 0, ".weight", &[shape.vocab, hidden], !shape.tied);
    if shape.head_bias {
        add(Head, 0, ".bias", &[shape.vocab], true);
    }
    if let Some(mixture) = &shape.mixture {
        let sparse = (0..shape.layers).filter(|block| mixture.sparse[*block]);
        list.extend(sparse.flat_map(|block| moe::expected(mixture, hidden, block)));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_one_row_and_names_differ() {
        for layout in [Layout::HuggingFace, Layout::Llada, Layout::Llada2, Layout::Lfm2, Layout::Gguf, Layout::Smdm] {
            let mut names: Vec<_> = NAMES.iter().map(|(place, _)| layout.name(*place, 3)).collect();
            names.sort();
            names.dedup();
            let fused = if layout.is_fused() { 2 } else { 0 };
            assert_eq!(names.len(), NAMES.len() - fused, "{layout:?}");
            assert!(names.iter().all(|name| !name.contains('#')));
        }
    }
}
