//! SSD-LM: RoBERTa shown a simplex over the vocabulary at each position of a block, and tokens before it.
//!
//! `ssd_model_decode.py` of xhan77/ssd-lm. Known tokens before the first unknown one are plain tokens to it; those after
//! it are clamped in the block. What the network says of the tokens before the block is read by nobody.

use std::path::Path;

use candle_core::{Device, Tensor};

use super::{Described, VectorArchitecture, VectorNetwork, numbers, tensor};
use crate::diffusion::continuous::{Choices, Noised, Prediction, Process, levels};
use crate::model::config::{Descriptor, Keys};
use crate::model::encoder::{self, Layout, MaskedLanguageModel, Shape};
use crate::model::error::ModelError;
use crate::model::family::{Architecture, Expected};
use crate::model::files::read_json;
use crate::model::layers::{Linear, Packing};
use crate::model::weights::Weights;

/// Its authors make up to 1000; a person waits for these.
const STEPS: usize = 100;
/// Their `one_hot_value`.
const SCALE: f64 = 5.0;
/// Their decoding's share of meant tokens, `projection_top_p`.
const TOP_P: f64 = 0.2;

struct SsdLm {
    shape: Shape,
}

/// Reads the `config.json`, which is RoBERTa's.
pub(super) fn read(folder: &Path, _weights: &Weights) -> Described {
    let path = folder.join("config.json");
    let json = read_json(&path)?;
    let keys = Keys::new(&path, &json);
    let shape = encoder::roberta_shape(&keys)?;
    shape.check(&keys)?;
    let (bos, eos) = (keys.token("bos_token_id")?, keys.token("eos_token_id")?);
    Ok((Box::new(SsdLm { shape }), Descriptor { bos, eos, ..Descriptor::default() }))
}

impl Architecture for SsdLm {
    fn vocab(&self) -> usize {
        self.shape.vocab
    }

    fn context(&self) -> usize {
        self.shape.context
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        self.shape.facts()
    }

    fn expected(&self) -> Vec<Expected> {
        let mut list = encoder::expected(&self.shape, Layout::Roberta);
        let (vocab, hidden) = (self.shape.vocab, self.shape.hidden);
        for (name, shape) in [
            ("embed_sum_layer.weight", vec![hidden, vocab]),
            ("timestep_layer.weight", vec![hidden, 1]),
            ("timestep_layer.bias", vec![hidden]),
        ] {
            list.push(Expected { name: name.into(), shape, required: true });
        }
        list
    }

    fn vectors(&self) -> Option<&dyn VectorArchitecture> {
        Some(self)
    }
}

impl VectorArchitecture for SsdLm {
    fn load_vectors(
        &self,
        weights: &Weights,
        packing: Packing,
        device: &Device,
    ) -> Result<Box<dyn VectorNetwork>, ModelError> {
        Ok(Box::new(Network {
            roberta: MaskedLanguageModel::load(weights, Layout::Roberta, &self.shape, packing, device)?,
            // A mixture of thousands of embeddings; packing would cost its small shares.
            sum: Linear::load(weights, "embed_sum_layer", Packing::Dense)?,
            time: Linear::load(weights, "timestep_layer", Packing::Dense)?,
            like: weights.get("timestep_layer.bias")?,
            vocab: self.shape.vocab,
        }))
    }
}

struct Network {
    roberta: MaskedLanguageModel,
    sum: Linear,
    time: Linear,
    like: Tensor,
    vocab: usize,
}

impl VectorNetwork for Network {
    fn width(&self) -> usize {
        self.vocab
    }

    fn process(&self, choices: &Choices) -> Process {
        Process::on_simplex(levels::ssd_lm(choices.steps, choices.steps), SCALE, TOP_P, choices)
    }

    fn steps(&self) -> usize {
        STEPS
    }

    fn predict(
        &mut self,
        noised: &Noised<'_>,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Prediction, ModelError> {
        let before: Vec<u32> = noised.known.iter().map_while(|known| *known).collect();
        let mut parts = Vec::new();
        if !before.is_empty() {
            parts.push(self.roberta.embed(&before)?);
        }
        if before.len() < noised.known.len() {
            let state = tensor(&noised.state[before.len() * self.vocab..], self.vocab, &self.like)?;
            let mixed = self.sum.forward(&candle_nn::ops::softmax_last_dim(&state)?)?;
            let time = self.time.forward(&tensor(&[noised.time], 1, &self.like)?)?;
            parts.push(mixed.broadcast_add(&time)?);
        }
        let logits = self.roberta.of_embeddings(Tensor::cat(&parts, 0)?, cancelled)?;
        Ok(Prediction { logits: numbers(&logits)?, clean: Vec::new() })
    }
}
