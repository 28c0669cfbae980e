//! What each tensor of an encoder is called, as one table.

use super::{Positions, Shape};
use crate::model::family::Expected;

/// A layout of tensor names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `bert.encoder.layer.0.attention.self.query.weight`
    Bert,
    /// `roberta.encoder.layer.0...`, another head.
    Roberta,
    /// `model.layers.0.attn.Wqkv.weight`
    ModernBert,
    /// `input_transformers.layer.0...`: BERT's layers inside of Diffusion-LM, without embedding and head.
    DiffusionLm,
}

/// A place in the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Tokens,
    Positions,
    Types,
    EmbeddingNorm,
    /// Queries, keys and values below one another.
    Fused,
    Query,
    Key,
    Value,
    Output,
    AttentionNorm,
    Up,
    Down,
    FeedForwardNorm,
    FinalNorm,
    HeadDense,
    HeadNorm,
    /// The map to logits, tied to the token embedding where it is absent.
    Decoder,
    /// Its bias, under its full name.
    LogitBias,
}

use Place::{
    AttentionNorm, Decoder, Down, EmbeddingNorm, FeedForwardNorm, FinalNorm, Fused, HeadDense, HeadNorm, Key,
    LogitBias, Output, Query, Tokens, Types, Up, Value,
};

/// (place, BERT, RoBERTa, ModernBERT); `#` stands for the layer's number, `@` for what comes before `.layer`.
const NAMES: [(Place, [&str; 3]); 18] = [
    (Tokens, ["@.word_embeddings", "@.word_embeddings", "model.embeddings.tok_embeddings"]),
    (Place::Positions, ["@.position_embeddings", "@.position_embeddings", ""]),
    (Types, ["@.token_type_embeddings", "@.token_type_embeddings", ""]),
    (EmbeddingNorm, ["@.LayerNorm", "@.LayerNorm", "model.embeddings.norm"]),
    (Fused, ["", "", "model.layers.#.attn.Wqkv"]),
    (Query, ["@.layer.#.attention.self.query", "@.layer.#.attention.self.query", ""]),
    (Key, ["@.layer.#.attention.self.key", "@.layer.#.attention.self.key", ""]),
    (Value, ["@.layer.#.attention.self.value", "@.layer.#.attention.self.value", ""]),
    (Output, ["@.layer.#.attention.output.dense", "@.layer.#.attention.output.dense", "model.layers.#.attn.Wo"]),
    (
        AttentionNorm,
        ["@.layer.#.attention.output.LayerNorm", "@.layer.#.attention.output.LayerNorm", "model.layers.#.attn_norm"],
    ),
    (Up, ["@.layer.#.intermediate.dense", "@.layer.#.intermediate.dense", "model.layers.#.mlp.Wi"]),
    (Down, ["@.layer.#.output.dense", "@.layer.#.output.dense", "model.layers.#.mlp.Wo"]),
    (FeedForwardNorm, ["@.layer.#.output.LayerNorm", "@.layer.#.output.LayerNorm", "model.layers.#.mlp_norm"]),
    (FinalNorm, ["", "", "model.final_norm"]),
    (HeadDense, ["cls.predictions.transform.dense", "lm_head.dense", "head.dense"]),
    (HeadNorm, ["cls.predictions.transform.LayerNorm", "lm_head.layer_norm", "head.norm"]),
    (Decoder, ["cls.predictions.decoder.weight", "lm_head.decoder.weight", "decoder.weight"]),
    (LogitBias, ["cls.predictions.bias", "lm_head.bias", "decoder.bias"]),
];

impl Layout {
    /// The name, without `.weight` and `.bias` but for the last two places; empty where the layout has no such place.
    pub(crate) fn name(self, place: Place, layer: usize) -> String {
        let (column, before) = match self {
            Self::Bert => (0, "bert"),
            Self::Roberta => (1, "roberta"),
            Self::ModernBert => (2, ""),
            Self::DiffusionLm => (0, "input_transformers"),
        };
        let name = NAMES.iter().find(|(named, _)| *named == place).map_or("", |(_, names)| names[column]);
        let inside = match (self, name.starts_with("@.layer")) {
            (Self::DiffusionLm, _) => before.to_owned(),
            (_, true) => format!("{before}.encoder"),
            (_, false) => format!("{before}.embeddings"),
        };
        name.replace('@', &inside).replace('#', &layer.to_string())
    }

    /// The maps to queries, keys and values: one or three.
    pub(crate) fn attention_inputs(self, layer: usize) -> Vec<String> {
        let places: &[Place] = if self == Self::ModernBert { &[Fused] } else { &[Query, Key, Value] };
        places.iter().map(|place| self.name(*place, layer)).collect()
    }

    /// Whether the layer has a norm before its attention: ModernBERT's first has none (`models.md` section 7).
    pub(crate) fn has_attention_norm(self, layer: usize) -> bool {
        self != Self::ModernBert || layer > 0
    }
}

struct List(Vec<Expected>);

impl List {
    fn weight(&mut self, name: &str, shape: &[usize], bias: bool) {
        self.0.push(Expected { name: format!("{name}.weight"), shape: shape.to_vec(), required: true });
        if bias {
            self.0.push(Expected { name: format!("{name}.bias"), shape: vec![shape[0]], required: true });
        }
    }
}

/// Every tensor of a masked language model.
pub(crate) fn expected(shape: &Shape, layout: Layout) -> Vec<Expected> {
    [embedding(shape, layout), body(shape, layout), head(shape, layout)].concat()
}

/// Tokens, positions and segments.
fn embedding(shape: &Shape, layout: Layout) -> Vec<Expected> {
    let mut list = List(Vec::new());
    list.weight(&layout.name(Tokens, 0), &[shape.vocab, shape.hidden], false);
    if let Positions::Learned { rows, .. } = shape.positions {
        list.weight(&layout.name(Place::Positions, 0), &[rows, shape.hidden], false);
    }
    if shape.types > 0 {
        list.weight(&layout.name(Types, 0), &[shape.types, shape.hidden], false);
    }
    list.weight(&layout.name(EmbeddingNorm, 0), &[shape.hidden], shape.biases.norms);
    list.0
}

/// The layers.
pub(crate) fn body(shape: &Shape, layout: Layout) -> Vec<Expected> {
    let mut list = List(Vec::new());
    let (hidden, biases) = (shape.hidden, shape.biases);
    for layer in 0..shape.layers.len() {
        let inputs = layout.attention_inputs(layer);
        let rows = 3 / inputs.len() * hidden;
        for name in &inputs {
            list.weight(name, &[rows, hidden], biases.attention);
        }
        list.weight(&layout.name(Output, layer), &[hidden, hidden], biases.attention);
        if layout.has_attention_norm(layer) {
            list.weight(&layout.name(AttentionNorm, layer), &[hidden], biases.norms);
        }
        let wide = if shape.gated { 2 * shape.feed_forward } else { shape.feed_forward };
        list.weight(&layout.name(Up, layer), &[wide, hidden], biases.feed_forward);
        list.weight(&layout.name(Down, layer), &[hidden, shape.feed_forward], biases.feed_forward);
        list.weight(&layout.name(FeedForwardNorm, layer), &[hidden], biases.norms);
    }
    if shape.pre_norm {
        list.weight(&layout.name(FinalNorm, 0), &[hidden], biases.norms);
    }
    list.0
}

/// The head, whose map to logits may be absent (tied).
fn head(shape: &Shape, layout: Layout) -> Vec<Expected> {
    let mut list = List(Vec::new());
    list.weight(&layout.name(HeadDense, 0), &[shape.hidden, shape.hidden], shape.biases.head);
    list.weight(&layout.name(HeadNorm, 0), &[shape.hidden], shape.biases.norms);
    let mut list = list.0;
    let decoder = layout.name(Decoder, 0);
    list.push(Expected { name: decoder, shape: vec![shape.vocab, shape.hidden], required: false });
    if shape.biases.logits {
        list.push(Expected { name: layout.name(LogitBias, 0), shape: vec![shape.vocab], required: true });
    }
    list
}
