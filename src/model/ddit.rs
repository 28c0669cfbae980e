//! The DDiT of text: a transformer whose norms are moved and whose branches are weighed by the noise level (adaLN).
//!
//! MDLM, SEDD, BD3-LM, GIDD, UDLM, Duo and SDTT are this network with other answers to three questions (`models.md` section
//! 2.6): what is told of the noise ([`Time`]), whether norms have a bias, and what the rows are ([`Rows`]). RADD is the
//! same without any word of the noise. SUBS of MDLM and the log-softmax of RADD are no part of the network: the mask's
//! column is banned for every model, and what is not masked is never asked about. This file reads the shape; `network`
//! runs it.

mod network;

use candle_core::Device;
use serde_json::Value;

use super::config::{Attention, Descriptor, Keys};
use super::error::ModelError;
use super::family::{Architecture, Expected, Network, Read};
use super::layers::Packing;
use super::weights::Weights;
use crate::diffusion::noise::Noise;

/// Width of the sinusoidal embedding of the noise level, in every published one.
const FREQUENCIES: usize = 256;

/// The shape of a DDiT.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape {
    /// What the names of tensors begin with.
    prefix: &'static str,
    /// Rows of the embedding and of the head.
    vocab: usize,
    hidden: usize,
    /// Width of the embedding of the noise level.
    condition: usize,
    blocks: usize,
    heads: usize,
    context: usize,
    time: Time,
    norm_bias: bool,
    rows: Rows,
    noise: Noise,
    attention: Attention,
}

/// What the network is told of the noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Time {
    /// Nothing, and it has no adaLN: RADD, BD3-LM without `adaln`.
    None,
    /// Always 0: what adaLN makes of it is computed once, at load (MDLM without `time_conditioning`, BD3-LM).
    Fixed,
    /// Sigma, the total noise: SEDD, UDLM, Duo, MDLM with `time_conditioning`.
    Sigma,
    /// `t` in (0, 1): GIDD.
    Level,
}

/// What a row of the output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    /// Logits of the clean token.
    Logits,
    /// SEDD's logarithms of scores, 0 at the token in place; `scaled` where sigma is taken out of them
    /// (`scale_by_sigma`).
    LogScores { scaled: bool },
}

/// Reads the `config.json` of the exports of MDLM, SDTT, BD3-LM, UDLM and Duo.
pub(crate) fn mdlm(keys: &Keys<'_>, family: &str) -> Read {
    if keys.flag("causal")? {
        return Err(keys.error("causal", "is true, and a network that sees only what is before cannot infill"));
    }
    if keys.flag("cfg")? {
        return Err(keys.error("cfg", "is true, and networks that are told a class are not supported"));
    }
    let uniform = matches!(family, "udlm" | "duo");
    // UDLM and Duo were trained with the time in any case, and Duo's configuration does not say so.
    let told = keys.time_conditioning()?.unwrap_or(uniform);
    let context = keys.size("model_length")?;
    // A block as long as the whole context is the full-attention network that the others were trained from.
    let attention = match keys.optional("block_size")? {
        Some(0) => return Err(keys.error("block_size", "is 0")),
        // Without `cross_attn` nothing is masked, whatever the blocks.
        Some(block) if family == "bd3lm" && block < context && keys.flag_or("cross_attn", true)? => {
            Attention::Block(block)
        }
        _ => Attention::Full,
    };
    let shape = Shape {
        prefix: prefix(keys, "backbone."),
        vocab: keys.size("vocab_size")?,
        hidden: keys.size("hidden_dim")?,
        condition: keys.size("cond_dim")?,
        blocks: keys.size("n_blocks")?,
        heads: keys.size("n_heads")?,
        context,
        time: match (keys.flag_or("adaln", true)?, told) {
            (false, _) => Time::None,
            (true, true) => Time::Sigma,
            (true, false) => Time::Fixed,
        },
        norm_bias: false,
        rows: Rows::Logits,
        noise: if uniform { Noise::Uniform } else { Noise::Absorbing },
        attention,
    };
    shape.checked(keys)
}

/// Reads the `config.json` of GIDD's small and base models (`model_type` `dit`).
pub(crate) fn gidd(keys: &Keys<'_>, _family: &str) -> Read {
    let p_uniform = if keys.present("p_uniform").is_some() { keys.number("p_uniform")? } else { 0.0 };
    if !(0.0..1.0).contains(&p_uniform) {
        return Err(keys.error("p_uniform", format!("is {p_uniform}, not a share below 1")));
    }
    let shape = Shape {
        prefix: prefix(keys, ""),
        vocab: keys.size("vocab_size")?,
        hidden: keys.size("hidden_size")?,
        condition: keys.size("timestep_cond_dim")?,
        blocks: keys.size("num_hidden_layers")?,
        heads: keys.size("num_attention_heads")?,
        context: keys.size("max_seq_len")?,
        time: Time::Level,
        norm_bias: false,
        rows: Rows::Logits,
        noise: Noise::Hybrid { p_uniform },
        attention: Attention::Full,
    };
    shape.checked(keys)
}

/// Whether a configuration is the one that SEDD or RADD was trained with, and which: `models.md` section 2.6.
pub(crate) fn trained_with(json: &Value) -> Option<&'static str> {
    json.get("tokens")?;
    match json.get("model")?.get("type")?.as_str()? {
        "ddit" => Some("sedd"),
        "ddit_wot" => Some("radd"),
        _ => None,
    }
}

/// Reads the training configuration of SEDD or RADD.
pub(crate) fn hydra(keys: &Keys<'_>, family: &str) -> Read {
    let nothing = Value::Null;
    let section = |name| Keys { json: keys.json.get(name).unwrap_or(&nothing), ..*keys };
    let (model, graph) = (section("model"), section("graph"));
    let radd = family == "radd";
    let absorbing = match graph.present("type").and_then(Value::as_str) {
        None | Some("absorb") => true,
        Some("uniform") if !radd => false,
        Some(other) => return Err(graph.error("graph.type", format!("is {other}, not absorb or uniform"))),
    };
    let (time, rows, noise) = if radd {
        (Time::None, Rows::Logits, Noise::Absorbing)
    } else {
        let scaled = model.flag("scale_by_sigma")?;
        (Time::Sigma, Rows::LogScores { scaled }, Noise::Score { absorbing })
    };
    let shape = Shape {
        prefix: prefix(keys, ""),
        vocab: keys.size("tokens")?.saturating_add(usize::from(absorbing)),
        hidden: model.size("hidden_size")?,
        condition: if radd { 1 } else { model.size("cond_dim")? },
        blocks: model.size("n_blocks")?,
        heads: model.size("n_heads")?,
        context: model.size("length")?,
        time,
        norm_bias: radd,
        rows,
        noise,
        attention: Attention::Full,
    };
    shape.checked(keys)
}

/// What the names begin with in this very file; exports of one network differ.
fn prefix(keys: &Keys<'_>, usual: &'static str) -> &'static str {
    let begins = |prefix: &&str| keys.shape(&format!("{prefix}vocab_embed.embedding")).is_some();
    ["", "backbone.", "model.", "model.backbone."].into_iter().find(begins).unwrap_or(usual)
}

impl Shape {
    /// Refuses sizes that no network can have.
    fn checked(self, keys: &Keys<'_>) -> Read {
        keys.check_sizes(&[
            ("vocabulary", self.vocab, 1 << 22),
            ("hidden size", self.hidden, 1 << 17),
            ("width of the noise level", self.condition, 1 << 17),
            ("number of blocks", self.blocks, 1 << 12),
            ("number of heads", self.heads, 1 << 12),
            ("context length", self.context, 1 << 28),
        ])?;
        if !self.hidden.is_multiple_of(2 * self.heads) {
            let why = format!("is {}, which {} heads of an even width do not make up", self.hidden, self.heads);
            return Err(keys.error("hidden size", why));
        }
        Ok(Box::new(self))
    }

    /// The mask is the last row where there is one; the others' noise is other tokens.
    fn mask(&self) -> Option<u32> {
        if self.noise.starts_random() { None } else { Some(self.vocab as u32 - 1) }
    }
}

impl Architecture for Shape {
    fn vocab(&self) -> usize {
        self.vocab
    }

    fn context(&self) -> usize {
        self.context
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let time = match self.time {
            Time::None => "not told",
            Time::Fixed => "not told (built in as 0)",
            Time::Sigma => "told as sigma",
            Time::Level => "told as t",
        };
        vec![
            ("layers", self.blocks.to_string()),
            ("width", self.hidden.to_string()),
            ("heads", format!("{} of {}", self.heads, self.hidden / self.heads)),
            ("noise level", time.to_owned()),
        ]
    }

    fn describe(&self, descriptor: &mut Descriptor) {
        descriptor.noise = self.noise;
        descriptor.attention = self.attention;
        // Where noise is other tokens a hole still needs an id of its own: one that no token has.
        descriptor.mask = self.mask().or(Some(self.vocab as u32));
    }

    fn expected(&self) -> Vec<Expected> {
        let (d, c) = (self.hidden, self.condition);
        let mut list = Vec::new();
        let mut add = |name: String, shape: &[usize]| {
            let name = format!("{}{name}", self.prefix);
            list.push(Expected { name, shape: shape.to_vec(), required: true });
        };
        add("vocab_embed.embedding".into(), &[self.vocab, d]);
        let adaptive = self.time != Time::None;
        if adaptive {
            for (name, inputs) in [("sigma_map.mlp.0", FREQUENCIES), ("sigma_map.mlp.2", c)] {
                add(format!("{name}.weight"), &[c, inputs]);
                add(format!("{name}.bias"), &[c]);
            }
        }
        let norm = |name: String, modulations: usize, add: &mut dyn FnMut(String, &[usize])| {
            add(format!("{name}.weight"), &[d]);
            if self.norm_bias {
                add(format!("{name}.bias"), &[d]);
            }
            if let (true, Some((place, _))) = (adaptive && modulations > 0, name.rsplit_once('.')) {
                add(format!("{place}.adaLN_modulation.weight"), &[modulations * d, c]);
                add(format!("{place}.adaLN_modulation.bias"), &[modulations * d]);
            }
        };
        for block in 0..self.blocks {
            let place = format!("blocks.{block}");
            norm(format!("{place}.norm1"), 6, &mut add);
            norm(format!("{place}.norm2"), 0, &mut add);
            add(format!("{place}.attn_qkv.weight"), &[3 * d, d]);
            add(format!("{place}.attn_out.weight"), &[d, d]);
            add(format!("{place}.mlp.0.weight"), &[4 * d, d]);
            add(format!("{place}.mlp.0.bias"), &[4 * d]);
            add(format!("{place}.mlp.2.weight"), &[d, 4 * d]);
            add(format!("{place}.mlp.2.bias"), &[d]);
        }
        norm("output_layer.norm_final".into(), 2, &mut add);
        add("output_layer.linear.weight".into(), &[self.vocab, d]);
        add("output_layer.linear.bias".into(), &[self.vocab]);
        list
    }

    fn load(&self, weights: &Weights, packing: Packing, device: &Device) -> Result<Box<dyn Network>, ModelError> {
        Ok(Box::new(network::Ddit::load(self, weights, packing, device)?))
    }
}
