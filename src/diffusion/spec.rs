//! Reading a sampler's specification: `PRESET[:key=value,...]`, as `--sampler` and the settings have it.
//!
//! What a specification says wins over the separate flags, and those win over the preset's own values. Every refusal
//! is one sentence that names what would have been right. Unit: characters of one short line.

use crate::diffusion::preset::{self, Key, Knobs, PRESETS, Preset};
use crate::diffusion::sampler::Sampler;

/// Keys that every preset understands.
pub const COMMON_KEYS: &[&str] = &["steps", "temperature", "top-p", "top-k"];

/// Values given beside a specification: the flags of the command line, the settings.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Overrides {
    /// Steps in all.
    pub steps: Option<usize>,
    /// 0 takes the most likely token.
    pub temperature: Option<f64>,
    /// The nucleus; 1 keeps all.
    pub top_p: Option<f64>,
    /// The k most likely; 0 keeps all.
    pub top_k: Option<usize>,
}

/// Why a specification was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// No such preset.
    #[error("there is no sampler `{name}`; the nearest name is `{nearest}`, and all are {all}")]
    UnknownPreset {
        /// What was asked for.
        name: String,
        /// The nearest name.
        nearest: &'static str,
        /// All names.
        all: String,
    },
    /// No such key in this preset.
    #[error("the sampler `{preset}` has no key `{key}`; it has {all}")]
    UnknownKey {
        /// The preset.
        preset: &'static str,
        /// The key.
        key: String,
        /// All keys of the preset.
        all: String,
    },
    /// A part that is not `key=value`.
    #[error("`{0}` is not key=value, as in llada:block=8,steps=16")]
    NotAPair(String),
    /// A value out of its range.
    #[error("`{key}` cannot be `{value}`; it is {range}")]
    BadValue {
        /// The key.
        key: String,
        /// What was given.
        value: String,
        /// What it may be.
        range: &'static str,
    },
}

impl Key {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Key::Block => "block",
            Key::Eps => "eps",
            Key::Threshold => "threshold",
            Key::Gamma => "gamma",
        }
    }
}

/// Reads a specification into a sampler.
///
/// ```text
/// parse_spec("llada:block=8,steps=16", &Overrides::default())
/// ```
pub fn parse_spec(spec: &str, overrides: &Overrides) -> Result<Sampler, SpecError> {
    let (name, pairs) = spec.split_once(':').unwrap_or((spec, ""));
    let preset = preset::find(name.trim()).ok_or_else(|| unknown_preset(name.trim()))?;
    let mut knobs = preset.defaults;
    apply(&mut knobs, overrides)?;
    for pair in pairs.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or_else(|| SpecError::NotAPair(pair.into()))?;
        set(preset, &mut knobs, key.trim(), value.trim())?;
    }
    Ok((preset.build)(&knobs))
}

fn apply(knobs: &mut Knobs, overrides: &Overrides) -> Result<(), SpecError> {
    if let Some(steps) = overrides.steps {
        knobs.steps = Some(whole("steps", &steps.to_string(), 1)?);
    }
    if let Some(temperature) = overrides.temperature {
        knobs.temperature = temperature_in("temperature", &temperature.to_string())?;
    }
    if let Some(top_p) = overrides.top_p {
        knobs.top_p = share("top-p", &top_p.to_string())?;
    }
    knobs.top_k = overrides.top_k.unwrap_or(knobs.top_k);
    Ok(())
}

fn set(preset: &Preset, knobs: &mut Knobs, key: &str, value: &str) -> Result<(), SpecError> {
    match key {
        "steps" => knobs.steps = Some(whole(key, value, 1)?),
        "temperature" => knobs.temperature = temperature_in(key, value)?,
        "top-p" => knobs.top_p = share(key, value)?,
        "top-k" => knobs.top_k = whole(key, value, 0)?,
        _ => match preset.keys.iter().find(|known| known.name() == key) {
            Some(Key::Block) => knobs.block = whole(key, value, 0)?,
            Some(Key::Eps) => knobs.eps = number(key, value, |v| v > 0.0 && v < 1.0, "a number between 0 and 1")?,
            Some(Key::Threshold) => knobs.threshold = share(key, value)?,
            Some(Key::Gamma) => knobs.gamma = number(key, value, |v| v >= 0.0, "a number from 0 up")?,
            None => return Err(unknown_key(preset, key)),
        },
    }
    Ok(())
}

fn whole(key: &str, value: &str, least: usize) -> Result<usize, SpecError> {
    let range = if least == 0 { "a whole number from 0 up" } else { "a whole number from 1 up" };
    let parsed = value.parse().ok().filter(|&number: &usize| number >= least);
    parsed.ok_or_else(|| SpecError::BadValue { key: key.into(), value: value.into(), range })
}

fn share(key: &str, value: &str) -> Result<f64, SpecError> {
    number(key, value, |v| (0.0..=1.0).contains(&v), "a number from 0 to 1")
}

fn temperature_in(key: &str, value: &str) -> Result<f64, SpecError> {
    number(key, value, |v| (0.0..=100.0).contains(&v), "a number from 0 to 100")
}

fn number(key: &str, value: &str, within: fn(f64) -> bool, range: &'static str) -> Result<f64, SpecError> {
    let parsed = value.parse().ok().filter(|&number: &f64| number.is_finite() && within(number));
    parsed.ok_or_else(|| SpecError::BadValue { key: key.into(), value: value.into(), range })
}

fn unknown_preset(name: &str) -> SpecError {
    let names = || PRESETS.iter().map(|preset| preset.name);
    SpecError::UnknownPreset {
        name: name.into(),
        nearest: nearest(name, names()),
        all: names().collect::<Vec<_>>().join(", "),
    }
}

fn unknown_key(preset: &Preset, key: &str) -> SpecError {
    let own = preset.keys.iter().map(|known| known.name());
    let all = own.chain(COMMON_KEYS.iter().copied()).collect::<Vec<_>>().join(", ");
    SpecError::UnknownKey { preset: preset.name, key: key.into(), all }
}

/// Of these names the one that is most like what was written.
pub fn nearest(written: &str, names: impl Iterator<Item = &'static str>) -> &'static str {
    names.min_by_key(|known| distance(written, known)).unwrap_or_default()
}

/// Levenshtein's distance, in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{Overrides, SpecError, distance, parse_spec};
    use crate::diffusion::preset::PRESETS;
    use crate::diffusion::sampler::Window;
    use crate::diffusion::schedule::Steps;

    fn refusal(spec: &str) -> String {
        parse_spec(spec, &Overrides::default()).unwrap_err().to_string()
    }

    #[test]
    fn every_preset_can_be_named_alone_and_with_each_of_its_keys() {
        for preset in PRESETS {
            parse_spec(preset.name, &Overrides::default()).unwrap();
            for key in preset.keys {
                let value = if key.name() == "block" { "8" } else { "0.5" };
                let set =
                    parse_spec(&format!("{}:{}={value}", preset.name, key.name()), &Overrides::default()).unwrap();
                assert_ne!(set, parse_spec(preset.name, &Overrides::default()).unwrap(), "{}", key.name());
            }
        }
    }

    #[test]
    fn the_specification_wins_over_flags_and_flags_over_defaults() {
        let overrides = Overrides { steps: Some(4), temperature: Some(0.5), top_p: Some(0.9), top_k: Some(7) };
        let sampler = parse_spec("llada:block=8, steps=16", &overrides).unwrap();
        assert_eq!((sampler.window, sampler.schedule.steps), (Window::Blocks(8), Steps::Fixed(16)));
        let propose = sampler.propose;
        assert_eq!((propose.temperature, propose.top_p, propose.top_k), (0.5, 0.9, 7));
        assert_eq!(parse_spec("llada:block=0", &overrides).unwrap().window, Window::All);
    }

    #[test]
    fn refusals_say_what_would_be_right() {
        assert!(refusal("lada").contains("the nearest name is `llada`"));
        assert_eq!(
            refusal("eb:threshold=1"),
            "the sampler `eb` has no key `threshold`; it has gamma, block, steps, temperature, top-p, top-k"
        );
        assert_eq!(refusal("eb:gamma=-1"), "`gamma` cannot be `-1`; it is a number from 0 up");
        assert_eq!(refusal("eb:block"), "`block` is not key=value, as in llada:block=8,steps=16");
        for bad in ["eb:gamma=NaN", "eb:gamma=inf", "threshold:threshold=1.1", "llada:steps=0", "mdlm:eps=0", ""] {
            parse_spec(bad, &Overrides::default()).unwrap_err();
        }
    }

    #[test]
    fn flags_are_checked_like_keys() {
        let nan = Overrides { temperature: Some(f64::NAN), ..Overrides::default() };
        assert!(matches!(parse_spec("eb", &nan), Err(SpecError::BadValue { .. })));
        let none = Overrides { steps: Some(0), ..Overrides::default() };
        assert!(matches!(parse_spec("eb", &none), Err(SpecError::BadValue { .. })));
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!([distance("eb", "eb"), distance("lada", "llada"), distance("", "abc")], [0, 1, 3]);
    }
}
