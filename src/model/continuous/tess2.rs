//! TESS 2: Mistral with full attention, shown a simplex over the vocabulary and what it said the step before.
//!
//! `modeling_mixin.py` of hamishivi/tess-2. Known positions are plain tokens to it. Its rows come out shifted: row 0 is
//! zeros, row i is what the head says at i - 1.

use candle_core::{Device, Tensor};

use super::{VectorArchitecture, VectorNetwork, numbers, tensor};
use crate::diffusion::continuous::{Choices, Noised, Prediction, Process, levels};
use crate::model::config::{Attention, Keys};
use crate::model::decoder::names::Layout;
use crate::model::decoder::{Backbone, Decoder, Stack, mistral_shape};
use crate::model::error::ModelError;
use crate::model::family::{Architecture, Expected, Read};
use crate::model::layers::{Linear, Packing};
use crate::model::weights::Weights;

/// What its authors make.
const STEPS: usize = 100;
/// Their `simplex_value`.
const SCALE: f64 = 5.0;

struct Tess2 {
    decoder: Decoder,
    /// Whether the time is added (`disable_timestep_embed` false).
    timed: bool,
    /// Whether it is shown what it said before (`self_condition`).
    self_conditioned: bool,
}

/// Reads the `config.json`: Mistral's keys and those of the diffusion.
pub(crate) fn read(keys: &Keys<'_>, _family: &str) -> Read {
    keys.expect_text("self_condition", "logits_mean")?;
    let self_conditioned = keys.present("self_condition").is_some();
    if self_conditioned && !keys.flag("self_condition_mix_before_weights")? {
        return Err(keys.error("self_condition_mix_before_weights", "is not true, and no published TESS 2 is so"));
    }
    for key in ["is_causal", "self_condition_mlp_projection", "self_condition_mix_logits_before_weights"] {
        if keys.flag(key)? {
            return Err(keys.error(key, "is true, and no published TESS 2 is so"));
        }
    }
    let decoder = Decoder { shape: mistral_shape(keys)?, layout: Layout::HuggingFace, attention: Attention::Full };
    Ok(Box::new(Tess2 { decoder, timed: !keys.flag("disable_timestep_embed")?, self_conditioned }))
}

impl Tess2 {
    fn shape(&self) -> &Backbone {
        &self.decoder.shape
    }
}

impl Architecture for Tess2 {
    fn vocab(&self) -> usize {
        self.decoder.vocab()
    }

    fn context(&self) -> usize {
        self.decoder.context()
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        self.decoder.facts()
    }

    fn expected(&self) -> Vec<Expected> {
        let mut list = self.decoder.expected();
        if self.timed {
            let shape = vec![self.shape().hidden, 1];
            list.push(Expected { name: "timestep_embed.weight".into(), shape, required: true });
            let shape = vec![self.shape().hidden];
            list.push(Expected { name: "timestep_embed.bias".into(), shape, required: false });
        }
        list
    }

    fn vectors(&self) -> Option<&dyn VectorArchitecture> {
        Some(self)
    }
}

impl VectorArchitecture for Tess2 {
    fn load_vectors(
        &self,
        weights: &Weights,
        packing: Packing,
        device: &Device,
    ) -> Result<Box<dyn VectorNetwork>, ModelError> {
        let time = if self.timed { Some(Linear::load(weights, "timestep_embed", Packing::Dense)?) } else { None };
        Ok(Box::new(Network {
            stack: Stack::load(weights, self.decoder.layout, self.shape(), packing, device)?,
            time,
            self_conditioned: self.self_conditioned,
            vocab: self.shape().vocab,
            device: device.clone(),
        }))
    }
}

struct Network {
    stack: Stack,
    time: Option<Linear>,
    self_conditioned: bool,
    vocab: usize,
    device: Device,
}

impl VectorNetwork for Network {
    fn width(&self) -> usize {
        self.vocab
    }

    fn process(&self, choices: &Choices) -> Process {
        Process::on_simplex(levels::tess2(choices.steps), SCALE, 0.0, choices)
    }

    fn steps(&self) -> usize {
        STEPS
    }

    fn predict(
        &mut self,
        noised: &Noised<'_>,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Prediction, ModelError> {
        let n = noised.known.len();
        // Unknown positions are told a token too, and do not use it.
        let ids: Vec<u32> = noised.known.iter().map(|known| known.unwrap_or(0)).collect();
        let words = self.stack.embed(&ids)?;
        let mut shares = candle_nn::ops::softmax_last_dim(&tensor(noised.state, self.vocab, &words)?)?;
        if self.self_conditioned {
            let before = match noised.previous {
                Some(previous) => Tensor::from_slice(&previous.logits, (n, self.vocab), &self.device)?,
                None => Tensor::zeros((n, self.vocab), candle_core::DType::F32, &self.device)?,
            };
            let before = candle_nn::ops::softmax_last_dim(&before)?.to_dtype(words.dtype())?;
            shares = ((shares + before)? / 2.0)?;
        }
        let mut mixed = self.stack.embed_mixture(&shares)?;
        if let Some(time) = &self.time {
            mixed = mixed.broadcast_add(&time.forward(&tensor(&[noised.time], 1, &words)?)?)?;
        }
        let open: Vec<u8> = noised.known.iter().map(|known| u8::from(known.is_none())).collect();
        let open = Tensor::from_vec(open, (n, 1), &self.device)?.broadcast_as(mixed.shape())?;
        let logits = self.stack.of_embeddings(open.where_cond(&mixed, &words)?, cancelled)?;
        let mut shifted = vec![0.0; self.vocab];
        shifted.extend(numbers(&logits.narrow(0, 0, n - 1)?)?);
        Ok(Prediction { logits: shifted, clean: Vec::new() })
    }
}
