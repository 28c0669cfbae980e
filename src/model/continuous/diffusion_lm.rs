//! Diffusion-LM: BERT's layers between noised embeddings and clean ones, and a time.
//!
//! `transformer_model2.py` of XiangLi1999/Diffusion-LM. A folder holds a state dictionary, `training_args.json` and no
//! configuration of the network: sizes follow from the tensors; heads are 64 wide, as in BERT of any size, unless the
//! training arguments say otherwise.

use std::path::Path;

use candle_core::{Device, Module, Tensor};
use candle_nn::LayerNorm;

use super::{Described, VectorArchitecture, VectorNetwork, numbers, tensor};
use crate::diffusion::TokenId;
use crate::diffusion::continuous::{Choices, Motion, Noised, Prediction, Process, levels};
use crate::model::config::{Attention, Descriptor, Keys};
use crate::model::encoder::{self, Biases, Body, Encoded, Layer, Layout, Positions, Shape, layer_norm};
use crate::model::error::ModelError;
use crate::model::family::{Architecture, Expected};
use crate::model::files::read_json;
use crate::model::layers::{Linear, Packing};
use crate::model::weights::Weights;

/// What its authors decode with.
const STEPS: usize = 200;
const NORM_EPS: f64 = 1e-12;
const HEAD_DIM: usize = 64;

struct DiffusionLm {
    /// Of the layers; its vocabulary is the head's.
    shape: Shape,
    /// Width of an embedding.
    embedding: usize,
    /// Numbers that a time is told in.
    channels: usize,
    /// Width of the time's hidden layer.
    time_hidden: usize,
}

/// Reads the sizes from the tensors, and the training arguments.
pub(super) fn read(folder: &Path, weights: &Weights) -> Described {
    let path = folder.join("training_args.json");
    let json = if path.is_file() { read_json(&path)? } else { serde_json::Value::Null };
    let keys = Keys::new(&path, &json);
    for (key, expected) in [("model_arch", "transformer"), ("noise_schedule", "sqrt")] {
        keys.expect_text(key, expected)?;
    }
    if keys.present("predict_xstart").is_some() && !keys.flag("predict_xstart")? {
        return Err(
            keys.error("predict_xstart", "is false, and only networks that say the clean vectors are supported")
        );
    }
    let matrix = |name: &str| match weights.shape(name).as_deref() {
        Some([rows, columns]) if *rows > 0 && *columns > 0 => Ok((*rows, *columns)),
        _ => {
            let why = format!("tensor {name} is missing or no matrix, so that it is no Diffusion-LM");
            Err(ModelError::NotAModel { path: folder.into(), why })
        }
    };
    let (vocab, embedding) = matrix("lm_head.weight")?;
    let (hidden, _) = matrix("input_up_proj.0.weight")?;
    let (time_hidden, channels) = matrix("time_embed.0.weight")?;
    let (rows, _) = matrix("position_embeddings.weight")?;
    let (feed_forward, _) = matrix("input_transformers.layer.0.intermediate.dense.weight")?;
    let has = |layer: &usize| weights.has(&format!("input_transformers.layer.{layer}.output.dense.weight"));
    let count = (0..1 << 12).take_while(has).count();
    let told = json.pointer("/_tiny_bert/bert_heads").and_then(serde_json::Value::as_u64);
    let shape = Shape {
        vocab,
        hidden,
        layers: vec![Layer { reach: None, rope_theta: 0.0 }; count],
        heads: told.map_or((hidden / HEAD_DIM).max(1), |heads| heads as usize),
        feed_forward,
        norm_eps: NORM_EPS,
        positions: Positions::Learned { rows, first: 0, pad: None },
        types: 0,
        pre_norm: false,
        gated: false,
        biases: Biases::ALL,
        context: rows,
    };
    shape.check(&keys)?;
    Ok((Box::new(DiffusionLm { shape, embedding, channels, time_hidden }), Descriptor::default()))
}

impl Architecture for DiffusionLm {
    fn vocab(&self) -> usize {
        self.shape.vocab
    }

    fn context(&self) -> usize {
        self.shape.context
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = self.shape.facts();
        facts.push(("embedding", format!("{} numbers for each token", self.embedding)));
        facts
    }

    fn expected(&self) -> Vec<Expected> {
        let mut list = encoder::body(&self.shape, Layout::DiffusionLm);
        let (hidden, width) = (self.shape.hidden, self.embedding);
        let mut add = |name: &str, shape: &[usize]| {
            list.push(Expected { name: name.into(), shape: shape.to_vec(), required: true });
        };
        for (name, rows, columns) in [
            ("input_up_proj.0", hidden, width),
            ("input_up_proj.2", hidden, hidden),
            ("time_embed.0", self.time_hidden, self.channels),
            ("time_embed.2", hidden, self.time_hidden),
            ("output_down_proj.0", hidden, hidden),
            ("output_down_proj.2", width, hidden),
            ("lm_head", self.shape.vocab, width),
        ] {
            add(&format!("{name}.weight"), &[rows, columns]);
            add(&format!("{name}.bias"), &[rows]);
        }
        add("word_embedding.weight", &[self.shape.vocab, width]);
        add("position_embeddings.weight", &[self.shape.context, hidden]);
        add("LayerNorm.weight", &[hidden]);
        add("LayerNorm.bias", &[hidden]);
        list
    }

    fn vectors(&self) -> Option<&dyn VectorArchitecture> {
        Some(self)
    }
}

impl VectorArchitecture for DiffusionLm {
    fn load_vectors(
        &self,
        weights: &Weights,
        packing: Packing,
        device: &Device,
    ) -> Result<Box<dyn VectorNetwork>, ModelError> {
        // The maps around the layers are small.
        let linear = |name: &str| Linear::load(weights, name, Packing::Dense);
        Ok(Box::new(Network {
            tokens: weights.get("word_embedding.weight")?,
            up: [linear("input_up_proj.0")?, linear("input_up_proj.2")?],
            time: [linear("time_embed.0")?, linear("time_embed.2")?],
            positions: weights.get("position_embeddings.weight")?,
            norm: layer_norm(weights, "LayerNorm", NORM_EPS)?,
            body: Body::load(weights, Layout::DiffusionLm, &self.shape, packing, device)?,
            down: [linear("output_down_proj.0")?, linear("output_down_proj.2")?],
            head: linear("lm_head")?,
            width: self.embedding,
            channels: self.channels,
            device: device.clone(),
        }))
    }
}

struct Network {
    tokens: Tensor,
    up: [Linear; 2],
    time: [Linear; 2],
    positions: Tensor,
    norm: LayerNorm,
    body: Body,
    down: [Linear; 2],
    head: Linear,
    width: usize,
    channels: usize,
    device: Device,
}

impl Network {
    /// Cosines and sines of the time, in f32 as the reference (`nn.py`, `timestep_embedding`).
    fn time_waves(&self, time: f64) -> Vec<f64> {
        let half = self.channels / 2;
        let frequency = |i: usize| (-(10_000_f32.ln()) * i as f32 / half as f32).exp();
        let angles: Vec<f32> = (0..half).map(|i| time as f32 * frequency(i)).collect();
        let waves = angles.iter().map(|angle| angle.cos()).chain(angles.iter().map(|angle| angle.sin()));
        waves.map(f64::from).chain(std::iter::repeat_n(0.0, self.channels % 2)).collect()
    }
}

impl VectorNetwork for Network {
    fn width(&self) -> usize {
        self.width
    }

    fn embed(&self, tokens: &[TokenId]) -> Result<Vec<f32>, ModelError> {
        Ok(numbers(&self.tokens.index_select(&Tensor::new(tokens, &self.device)?, 0)?)?)
    }

    fn process(&self, choices: &Choices) -> Process {
        Process::on_embeddings(levels::diffusion_lm(choices.steps), Motion::PosteriorWide, 1.0, choices)
    }

    fn steps(&self) -> usize {
        STEPS
    }

    fn predict(
        &mut self,
        noised: &Noised<'_>,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Prediction, ModelError> {
        let between = |maps: &[Linear; 2], x: &Tensor, bend: fn(&Tensor) -> candle_core::Result<Tensor>| {
            maps[1].forward(&bend(&maps[0].forward(x)?)?)
        };
        let x = between(&self.up, &tensor(noised.state, self.width, &self.tokens)?, Tensor::tanh)?;
        let waves = tensor(&self.time_waves(noised.time), self.channels, &self.tokens)?;
        let time = between(&self.time, &waves, Tensor::silu)?;
        let x = (x + self.positions.narrow(0, 0, noised.known.len())?)?.broadcast_add(&time)?;
        let how = Encoded { positions: None, visible: None, attention: Attention::Full };
        let x = self.body.forward(self.norm.forward(&x)?, &how, cancelled)?;
        let clean = between(&self.down, &x, Tensor::tanh)?;
        Ok(Prediction { logits: numbers(&self.head.forward(&clean)?)?, clean: numbers(&clean)? })
    }
}
