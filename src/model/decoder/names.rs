//! What each tensor of the stack is called in the three layouts that checkpoints come in, as one table.

use super::Backbone;
use crate::model::family::Expected;

/// A layout of tensor names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `model.layers.0.self_attn.q_proj.weight` (Qwen, Llama, Dream, A2D).
    HuggingFace,
    /// `model.transformer.blocks.0.q_proj.weight` (LLaDA, after OLMo).
    Llada,
    /// `blk.0.attn_q.weight` (llama.cpp).
    Gguf,
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
}

use Place::{
    AttentionNorm, Down, Embedding, FeedForwardNorm, FinalNorm, Gate, Head, Key, KeyNorm, Output, Query, QueryNorm, Up,
    Value,
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

impl Layout {
    /// The name of a place, without `.weight` or `.bias`.
    pub(crate) fn name(self, place: Place, block: usize) -> String {
        let column = match self {
            Self::HuggingFace => 0,
            Self::Llada => 1,
            Self::Gguf => 2,
        };
        let row = NAMES.iter().find(|(named, _)| *named == place);
        row.map_or_else(String::new, |(_, names)| names[column].replace('#', &block.to_string()))
    }
}

/// Every tensor that the stack needs, with its shape.
pub(crate) fn expected(shape: &Backbone, layout: Layout) -> Vec<Expected> {
    let mut list = Vec::new();
    let mut add = |place: Place, block: usize, suffix: &str, dims: &[usize], required: bool| {
        list.push(Expected { name: layout.name(place, block) + suffix, shape: dims.to_vec(), required });
    };
    let (hidden, ff) = (shape.hidden, shape.feed_forward);
    let (queries, keys) = (shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim);
    add(Embedding, 0, ".weight", &[shape.vocab, hidden], true);
    for block in 0..shape.layers {
        add(AttentionNorm, block, ".weight", &[hidden], true);
        for (place, rows, columns, bias) in [
            (Query, queries, hidden, shape.qkv_bias),
            (Key, keys, hidden, shape.qkv_bias),
            (Value, keys, hidden, shape.qkv_bias),
            (Output, hidden, queries, shape.output_bias),
            (Gate, ff, hidden, shape.feed_forward_bias),
            (Up, ff, hidden, shape.feed_forward_bias),
            (Down, hidden, ff, shape.feed_forward_bias),
        ] {
            add(place, block, ".weight", &[rows, columns], true);
            if bias {
                add(place, block, ".bias", &[rows], true);
            }
        }
        if shape.qk_norm {
            add(QueryNorm, block, ".weight", &[shape.head_dim], true);
            add(KeyNorm, block, ".weight", &[shape.head_dim], true);
        }
        add(FeedForwardNorm, block, ".weight", &[hidden], true);
    }
    add(FinalNorm, 0, ".weight", &[hidden], true);
    add(Head, 0, ".weight", &[shape.vocab, hidden], !shape.tied);
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_one_row_and_names_differ() {
        for layout in [Layout::HuggingFace, Layout::Llada, Layout::Gguf] {
            let mut names: Vec<_> = NAMES.iter().map(|(place, _)| layout.name(*place, 3)).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), NAMES.len(), "{layout:?}");
            assert!(names.iter().all(|name| !name.contains('#')));
        }
    }
}
