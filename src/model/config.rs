//! What the files say about how a network is to be asked ([`Descriptor`]), and typed reading of their keys.
//!
//! Nothing is guessed silently: a key that a family needs and that is missing is an error naming the key. What no file
//! says (the mask id of half the published models) comes from [`Overrides`] or the tokenizer.

use std::path::Path;

use serde_json::Value;

use super::error::ModelError;
use super::weights::Weights;
use crate::diffusion::noise::Noise;

/// Which positions a row may attend to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Attention {
    /// All.
    #[default]
    Full,
    /// All of its own block of this length and of the blocks before it.
    Block(usize),
}

impl Attention {
    /// Whether a row sees the text after a hole that it is in, however long the hole is.
    pub fn sees_after(self) -> bool {
        self == Self::Full
    }

    /// Reads `full` or `block:B`, as `--attention` takes it.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "full" => Ok(Self::Full),
            Some(("block", size)) => match size.parse() {
                Ok(size) if size > 0 => Ok(Self::Block(size)),
                _ => Err(format!("attention block:{size} needs a block length of at least 1")),
            },
            _ => Err(format!("attention is `full` or `block:B`, not `{text}`")),
        }
    }
}

/// How a network is asked, beside its shape.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Descriptor {
    /// The family's name, as the table of families has it: `llada`, `dream`, `mdlm`, `gpt2`, ...
    pub family: String,
    /// The mask token, where the files say it.
    pub mask: Option<u32>,
    /// 1 where row i-1 predicts position i.
    pub shift: usize,
    /// Who sees whom.
    pub attention: Attention,
    /// Put before a hole at position 0 of a shifted model, which has no row to predict it from.
    pub bos: Option<u32>,
    /// End of text.
    pub eos: Option<u32>,
    /// What the network was trained to undo.
    pub noise: Noise,
    /// Whether it changes a hole's length itself: the two tokens below then say how.
    pub elastic: bool,
    /// A token that stands for two masks (DreamOn).
    pub expand: Option<u32>,
    /// A token that stands for nothing: its position goes (DreamOn).
    pub delete: Option<u32>,
    /// Whether one pass over some expand tokens tells how long a hole is, by those two (`diffusion/length/told.rs`).
    pub tells_lengths: bool,
}

/// What the user says about a model beyond its files (`--mask-id`, `--shift`, `--attention`, `--family`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// The mask token.
    pub mask: Option<u32>,
    /// The logit shift.
    pub shift: Option<usize>,
    /// The attention.
    pub attention: Option<Attention>,
    /// The family, where the files name another.
    pub family: Option<String>,
    /// Whether the network is told the noise level, where it can be run either way (MDLM).
    pub time_conditioning: Option<bool>,
}

impl Descriptor {
    /// The same with what the user said put over it.
    pub(crate) fn with(mut self, overrides: &Overrides) -> Self {
        self.mask = overrides.mask.or(self.mask);
        self.shift = overrides.shift.unwrap_or(self.shift);
        self.attention = overrides.attention.unwrap_or(self.attention);
        if self.elastic {
            // `models.md` section 2.1.1: the token behind the mask, and the end of text.
            self.expand = self.expand.or(self.mask.map(|mask| mask + 1));
            self.delete = self.delete.or(self.eos);
        }
        self
    }
}

/// Typed reading of a JSON object's keys with errors that name file and key.
#[derive(Clone, Copy)]
pub(crate) struct Keys<'a> {
    pub(crate) path: &'a Path,
    pub(crate) json: &'a Value,
    /// The tensors, for what only their shapes say; not there where a file is read for its keys alone.
    pub(crate) weights: Option<&'a Weights>,
    /// What the user says.
    pub(crate) overrides: &'a Overrides,
}

static NOTHING_SAID: Overrides =
    Overrides { mask: None, shift: None, attention: None, family: None, time_conditioning: None };

impl<'a> Keys<'a> {
    /// The keys of a file that stands for itself.
    pub(crate) fn new(path: &'a Path, json: &'a Value) -> Self {
        Self { path, json, weights: None, overrides: &NOTHING_SAID }
    }
}

impl Keys<'_> {
    pub(crate) fn error(&self, key: &str, why: impl Into<String>) -> ModelError {
        ModelError::Config { path: self.path.into(), key: key.into(), why: why.into() }
    }

    /// The shape of a tensor.
    pub(crate) fn shape(&self, tensor: &str) -> Option<Vec<usize>> {
        self.weights.and_then(|weights| weights.shape(tensor))
    }

    /// Refuses sizes (name, value, limit) that no network has, so that nothing later divides by zero or allocates without
    /// bound.
    pub(crate) fn check_sizes(&self, sizes: &[(&str, usize, usize)]) -> Result<(), ModelError> {
        match sizes.iter().find(|(_, size, limit)| *size == 0 || size > limit) {
            None => Ok(()),
            Some((key, size, _)) => Err(self.error(key, format!("is {size}, which no network has"))),
        }
    }

    /// Whether the network is told the noise level, where user or file say so.
    pub(crate) fn time_conditioning(&self) -> Result<Option<bool>, ModelError> {
        match (self.overrides.time_conditioning, self.present("time_conditioning")) {
            (Some(told), _) => Ok(Some(told)),
            (None, None) => Ok(None),
            (None, Some(_)) => self.flag("time_conditioning").map(Some),
        }
    }

    pub(crate) fn present(&self, key: &str) -> Option<&Value> {
        self.json.get(key).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, key: &str) -> Result<&str, ModelError> {
        let value = self.present(key).ok_or_else(|| self.error(key, "is missing"))?;
        value.as_str().ok_or_else(|| self.error(key, format!("is {value}, not a text")))
    }

    pub(crate) fn expect_text(&self, key: &str, expected: &str) -> Result<(), ModelError> {
        match self.present(key) {
            None => Ok(()),
            Some(value) if value.as_str() == Some(expected) => Ok(()),
            Some(value) => Err(self.error(key, format!("is {value}, and only \"{expected}\" is supported"))),
        }
    }

    pub(crate) fn optional(&self, key: &str) -> Result<Option<usize>, ModelError> {
        let Some(value) = self.present(key) else { return Ok(None) };
        let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
        number.map(Some).ok_or_else(|| self.error(key, format!("is {value}, not a whole number")))
    }

    /// A number that LLaDA-MoE's configuration class sets to -1 where there is none.
    pub(crate) fn unless_minus_one(&self, key: &str) -> Result<Option<usize>, ModelError> {
        if self.present(key).and_then(Value::as_i64) == Some(-1) { Ok(None) } else { self.optional(key) }
    }

    pub(crate) fn size(&self, key: &str) -> Result<usize, ModelError> {
        self.optional(key)?.ok_or_else(|| self.error(key, "is missing"))
    }

    pub(crate) fn number(&self, key: &str) -> Result<f64, ModelError> {
        let value = self.present(key).ok_or_else(|| self.error(key, "is missing"))?;
        value.as_f64().ok_or_else(|| self.error(key, format!("is {value}, not a number")))
    }

    /// Since transformers 5 the base lies in `rope_parameters`.
    pub(crate) fn rope_theta(&self) -> Result<f64, ModelError> {
        match self.json.get("rope_parameters").and_then(|nested| nested.get("rope_theta")).and_then(Value::as_f64) {
            Some(theta) => Ok(theta),
            None => self.number("rope_theta"),
        }
    }

    /// Refuses rotary positions that are scaled, in either place where that is said.
    pub(crate) fn expect_plain_rope(&self) -> Result<(), ModelError> {
        for place in ["rope_scaling", "rope_parameters"] {
            let Some(said) = self.present(place) else { continue };
            let kind = ["rope_type", "type"].iter().find_map(|key| said.get(key)?.as_str());
            let is_plain = kind == Some("default") || kind.is_none() && place == "rope_parameters";
            if !is_plain {
                return Err(self.error(place, "is set, and scaled rotary positions are not supported"));
            }
        }
        Ok(())
    }

    pub(crate) fn flag(&self, key: &str) -> Result<bool, ModelError> {
        self.flag_or(key, false)
    }

    /// A flag that the configuration's class sets where the file is silent.
    pub(crate) fn flag_or(&self, key: &str, usual: bool) -> Result<bool, ModelError> {
        match self.present(key) {
            None => Ok(usual),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(value) => Err(self.error(key, format!("is {value}, not true or false"))),
        }
    }

    /// A token id; some configurations hold a list, whose first entry counts.
    pub(crate) fn token(&self, key: &str) -> Result<Option<u32>, ModelError> {
        let Some(value) = self.present(key) else { return Ok(None) };
        let value = value.as_array().and_then(|list| list.first()).unwrap_or(value);
        let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
        id.map(Some).ok_or_else(|| self.error(key, format!("is {value}, not a token id")))
    }
}
