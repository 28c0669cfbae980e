//! Reading a sampler's specification, as `--sampler` and the settings have it.
//!
//! It is `PRESET[:key=value,...]`, or a name that the user has given to a sampler of their own, or a sampler in its notation.
//! What a specification says wins over the separate flags, and those win over the preset's own values. Every refusal
//! is one sentence that names what would have been right. Unit: characters of one short text.

use crate::diffusion::dry::Dry;
use crate::diffusion::expr::parse::{Names, NotationError, Reader};
use crate::diffusion::notation;
use crate::diffusion::preset::{self, Key, Preset, Range};
use crate::diffusion::refresh::RefreshPolicy;
use crate::diffusion::sampler::Sampler;
use crate::diffusion::schedule::Steps;
use crate::diffusion::window::Window;

/// Keys that every sampler understands.
pub const COMMON_KEYS: &[&str] =
    &["steps", "temperature", "top-p", "top-k", "block", "cache", "guidance", "dry", "passes"];

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
    /// Which rows are computed anew, for samplers that compute all.
    pub refresh: Option<RefreshPolicy>,
}

/// A sampler of the user's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custom {
    /// What it is called in a specification.
    pub name: String,
    /// What it does, one sentence.
    pub doc: String,
    /// The sampler; what it defines with `name = number` is a key that a specification may set.
    pub notation: String,
}

/// The samplers that can be named: all presets, and the user's own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Registry {
    custom: Vec<Custom>,
}

/// Why a specification was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// No such sampler.
    #[error("there is no sampler `{}`; the nearest name is `{nearest}`, and all are {all}", one_line(.name))]
    UnknownPreset {
        /// What was asked for.
        name: String,
        /// The nearest name.
        nearest: String,
        /// All names.
        all: String,
    },
    /// No such key in this sampler.
    #[error("the sampler `{preset}` has no key `{}`; it has {}", one_line(.key), one_line(.all))]
    UnknownKey {
        /// The sampler.
        preset: String,
        /// The key.
        key: String,
        /// All keys of the sampler.
        all: String,
    },
    /// A part that is not `key=value`.
    #[error("`{}` is not key=value, as in llada:block=8,steps=16", one_line(.0))]
    NotAPair(String),
    /// A value out of its range.
    #[error("`{}` cannot be `{}`; it is {range}", one_line(.key), one_line(.value))]
    BadValue {
        /// The key.
        key: String,
        /// What was given.
        value: String,
        /// What it may be.
        range: String,
    },
    /// A name that a preset has, or that cannot be written in a specification.
    #[error(
        "a sampler of your own cannot be called `{0}`: a preset has this name, or it is not made of a-z, 0-9, - and ."
    )]
    BadName(String),
    /// A sampler's text that cannot be read.
    #[error("the sampler cannot be read: {0}")]
    Notation(#[from] NotationError),
}

impl Range {
    fn allows(self, value: f64) -> bool {
        match self {
            Range::Whole(least) => value.fract() == 0.0 && (f64::from(least)..=1e6).contains(&value),
            Range::Share => (0.0..=1.0).contains(&value),
            Range::Between => value > 0.0 && value < 1.0,
            Range::Positive => value >= 0.0 && value.is_finite(),
        }
    }

    /// As a sentence has it.
    pub fn text(self) -> String {
        match self {
            Range::Whole(least) => format!("a whole number from {least} to 1000000"),
            Range::Share => "a number from 0 to 1".into(),
            Range::Between => "a number between 0 and 1".into(),
            Range::Positive => "a number from 0 up".into(),
        }
    }
}

/// Reads a specification of a preset, or a sampler in its notation.
///
/// ```text
/// parse_spec("llada:block=8,steps=16", &Overrides::default())
/// parse_spec("masked conf above(0.9) min=1 write", &Overrides::default())
/// ```
pub fn parse_spec(spec: &str, overrides: &Overrides) -> Result<Sampler, SpecError> {
    Registry::default().parse(spec, overrides)
}

impl Registry {
    /// Adds a sampler of the user's own, after reading it once; a later one of the same name takes the earlier one's place.
    ///
    /// # Errors
    /// A name that is taken or cannot be written, or a text that cannot be read.
    pub fn add(&mut self, custom: Custom) -> Result<(), SpecError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        if custom.name.is_empty() || !custom.name.chars().all(plain) || preset::find(&custom.name).is_some() {
            return Err(SpecError::BadName(custom.name));
        }
        notation::parse(&custom.notation, &Names::default(), Sampler::blank())?;
        self.custom.retain(|other| other.name != custom.name);
        self.custom.push(custom);
        Ok(())
    }

    /// The user's own samplers.
    pub fn custom(&self) -> &[Custom] {
        &self.custom
    }

    /// A specification that means the same without this registry: one that names a sampler of the user's own becomes its
    /// notation, any other stays as it is.
    ///
    /// # Errors
    /// A key that the user's sampler does not have, or a value that is no number.
    pub fn resolve(&self, spec: &str) -> Result<String, SpecError> {
        let (name, pairs) = spec.split_once(':').unwrap_or((spec, ""));
        let Some(custom) = self.custom.iter().find(|custom| custom.name == name.trim()) else {
            return Ok(spec.to_owned());
        };
        let mut text = custom.notation.clone();
        for pair in pairs_of(pairs) {
            let (key, value) = pair?;
            text = with_key(custom, &text, key, value)?;
        }
        Ok(text)
    }

    /// Reads a specification of any sampler that can be named, or one in its notation.
    ///
    /// # Errors
    /// One sentence that names what would have been right.
    pub fn parse(&self, spec: &str, overrides: &Overrides) -> Result<Sampler, SpecError> {
        let spec = self.resolve(spec)?;
        if is_notation(&spec) {
            // Flags stand for what the text leaves open.
            let mut base = Sampler::blank();
            apply(&mut base, overrides)?;
            return Ok(notation::parse(&spec, &Names::default(), base)?);
        }
        let (name, pairs) = spec.split_once(':').unwrap_or((&spec, ""));
        let (preset, preset_keys) = preset::find(name.trim()).ok_or_else(|| self.unknown(name.trim()))?;
        let mut values: Vec<(&str, f64)> = preset.keys.iter().map(|key| (key.name, key.default)).collect();
        let mut common = Vec::new();
        for pair in pairs_of(preset_keys).chain(pairs_of(pairs)) {
            let (key, value) = pair?;
            match preset.keys.iter().position(|own| own.name == key) {
                Some(index) => values[index].1 = value_of(&preset.keys[index], value)?,
                None if COMMON_KEYS.contains(&key) => common.push((key, value)),
                None => return Err(unknown_key(preset, key)),
            }
        }
        let mut sampler = notation::parse(preset.notation, &Names::new(&values), Sampler::blank())?;
        apply(&mut sampler, overrides)?;
        for (key, value) in common {
            set(&mut sampler, key, value)?;
        }
        Ok(sampler)
    }

    fn unknown(&self, name: &str) -> SpecError {
        let names = || preset::names().chain(self.custom.iter().map(|custom| custom.name.as_str()));
        let nearest = nearest(name, names()).to_owned();
        SpecError::UnknownPreset { name: name.into(), nearest, all: names().collect::<Vec<_>>().join(", ") }
    }
}

/// What was written, fit for a message of one line.
fn one_line(written: &str) -> String {
    written.escape_debug().to_string()
}

/// Whether a text is a sampler and not the name of one.
fn is_notation(spec: &str) -> bool {
    spec.trim_start().split([':', ',']).next().is_some_and(|name| name.trim().contains([' ', '(', ';', '\n', '=']))
}

fn pairs_of(pairs: &str) -> impl Iterator<Item = Result<(&str, &str), SpecError>> {
    let parts = pairs.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| {
        let (key, value) = part.split_once('=').ok_or_else(|| SpecError::NotAPair(part.into()))?;
        Ok((key.trim(), value.trim()))
    })
}

/// A user's sampler with one of its keys set: the clause that sets it is replaced, or one is added.
fn with_key(custom: &Custom, text: &str, key: &str, value: &str) -> Result<String, SpecError> {
    let name = key.replace('-', "_");
    let number = || number(key, value, Range::Positive);
    let clause = match key {
        "steps" => Some(format!("steps {}", number()?)),
        "temperature" => Some(format!("temperature {}", number()?)),
        "top-p" | "top-k" | "guidance" => Some(format!("{key} {}", number()?)),
        "dry" => {
            let Dry { multiplier, base, allowed } = Dry::usual(number()?);
            Some(format!("dry({multiplier}, {base}, {allowed})"))
        }
        "block" => Some(format!("window blocks({})", number()?)),
        "passes" => Some(format!("stop passes({})", number()?)),
        "cache" => Some(format!("refresh {value}")),
        _ => None,
    };
    let defines = |line: &str| line.split_once('=').is_some_and(|(left, _)| left.trim() == name);
    if text.split([';', '\n']).any(defines) {
        let number = number()?;
        let lines = text.split([';', '\n']);
        let set = |line: &str| if defines(line) { format!("{name} = {number}") } else { line.trim().to_owned() };
        return Ok(lines.map(set).collect::<Vec<_>>().join("; "));
    }
    let clause = clause.ok_or_else(|| {
        let own =
            text.split([';', '\n']).filter_map(|line| line.split_once('=')).map(|(left, _)| left.trim().to_owned());
        let own = own.filter(|left| !left.is_empty() && !left.contains([' ', '(']));
        let all = own.chain(COMMON_KEYS.iter().map(|key| (*key).to_owned())).collect::<Vec<_>>().join(", ");
        SpecError::UnknownKey { preset: custom.name.clone(), key: key.into(), all }
    })?;
    Ok(format!("{text}; {clause}"))
}

fn apply(sampler: &mut Sampler, overrides: &Overrides) -> Result<(), SpecError> {
    let given = [
        ("steps", overrides.steps.map(|value| value.to_string())),
        ("temperature", overrides.temperature.map(|value| value.to_string())),
        ("top-p", overrides.top_p.map(|value| value.to_string())),
        ("top-k", overrides.top_k.map(|value| value.to_string())),
    ];
    for (key, value) in given.into_iter().filter_map(|(key, value)| Some((key, value?))) {
        set(sampler, key, &value)?;
    }
    if sampler.refresh == RefreshPolicy::All {
        sampler.refresh = overrides.refresh.unwrap_or_default();
    }
    Ok(())
}

/// Sets a key that every sampler has.
fn set(sampler: &mut Sampler, key: &str, value: &str) -> Result<(), SpecError> {
    match key {
        "steps" => sampler.schedule.steps = Steps::Fixed(number(key, value, Range::Whole(1))? as usize),
        "temperature" => {
            let temperature = number(key, value, Range::Positive)?;
            if temperature > 100.0 {
                return Err(bad_value(key, value, "a number from 0 to 100".into()));
            }
            (sampler.propose.temperature, sampler.temperature) = (temperature, None);
        }
        "top-p" => sampler.propose.top_p = number(key, value, Range::Share)?,
        "top-k" => sampler.propose.top_k = number(key, value, Range::Whole(0))? as usize,
        "guidance" => sampler.guidance = number(key, value, Range::Positive)?,
        "dry" => sampler.dry = Some(Dry::usual(number(key, value, Range::Positive)?)),
        "passes" => sampler.stop.passes = Some(number(key, value, Range::Whole(1))? as usize),
        "block" => {
            sampler.window = match number(key, value, Range::Whole(0))? as usize {
                0 => Window::All,
                size => Window::Blocks(size),
            };
        }
        _ => sampler.refresh = cache(key, value)?,
    }
    Ok(())
}

fn cache(key: &str, value: &str) -> Result<RefreshPolicy, SpecError> {
    let read = Reader::new(value).and_then(|mut reader| {
        let policy = notation::refresh(&mut reader, &Names::default())?;
        if reader.is_at_end() { Ok(policy) } else { Err(reader.error("there is more")) }
    });
    let range = || "none, prefix, dual, vicinity(N), dirty(N) or every(N)".into();
    read.map_err(|_| bad_value(key, value, range()))
}

fn value_of(key: &Key, value: &str) -> Result<f64, SpecError> {
    number(key.name, value, key.range)
}

fn number(key: &str, value: &str, range: Range) -> Result<f64, SpecError> {
    let parsed = value.parse().ok().filter(|&number: &f64| range.allows(number));
    parsed.ok_or_else(|| bad_value(key, value, range.text()))
}

fn bad_value(key: &str, value: &str, range: String) -> SpecError {
    SpecError::BadValue { key: key.into(), value: value.into(), range }
}

fn unknown_key(preset: &Preset, key: &str) -> SpecError {
    let own = preset.keys.iter().map(|known| known.name);
    let all = own.chain(COMMON_KEYS.iter().copied()).collect::<Vec<_>>().join(", ");
    SpecError::UnknownKey { preset: preset.name.into(), key: key.into(), all }
}

/// Of these names the one that is most like what was written: one that begins so, else the one fewest edits away.
pub fn nearest<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> &'a str {
    let begun = |known: &str| !written.is_empty() && known.starts_with(written);
    names.min_by_key(|known| (!begun(known), distance(written, known))).unwrap_or_default()
}

/// Levenshtein's distance, in characters.
pub fn distance(a: &str, b: &str) -> usize {
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
mod tests;
