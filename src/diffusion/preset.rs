//! The named samplers of the literature, as data: what `lacuna samplers` lists and `--sampler` names.
//!
//! A row is a name, its source, one sentence, its keys with their defaults, and the sampler in its notation
//! ([`crate::diffusion::notation`]) with the keys in it. A sampler of a new paper is a row in one of the files below.
//! Where two rows do the same they are one row with an alias, or name each other as twins.
//! Defects of reference code that are left out on purpose are in `decoding.md` section 6.5.

mod ancestral;
mod order;
mod parallel;
mod ranked;
mod revise;
mod search;

/// A named sampler.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// What it is called in a specification.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [Alias],
    /// Presets that make the same edits with a network of absorbing noise and without control tokens.
    pub twins: &'static [&'static str],
    /// Where it is from.
    pub source: &'static str,
    /// What it does, one sentence.
    pub doc: &'static str,
    /// What a specification may set, beyond the keys common to all ([`crate::diffusion::spec::COMMON_KEYS`]).
    pub keys: &'static [Key],
    /// The sampler.
    pub notation: &'static str,
}

/// Another name of a preset, perhaps with other values of its keys.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alias {
    /// The name.
    pub name: &'static str,
    /// `key=value,..`, or nothing.
    pub keys: &'static str,
}

/// A key of a specification, which stands for its value in the notation (with `_` for `-`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// Its value where nothing is said.
    pub default: f64,
    /// What it may be.
    pub range: Range,
}

/// What a key may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// A whole number from this up.
    Whole(u32),
    /// From 0 to 1.
    Share,
    /// Between 0 and 1, neither included.
    Between,
    /// From 0 up.
    Positive,
}

const fn whole(name: &'static str, default: f64, least: u32) -> Key {
    Key { name, default, range: Range::Whole(least) }
}

const fn share(name: &'static str, default: f64) -> Key {
    Key { name, default, range: Range::Share }
}

const fn positive(name: &'static str, default: f64) -> Key {
    Key { name, default, range: Range::Positive }
}

const fn between(name: &'static str, default: f64) -> Key {
    Key { name, default, range: Range::Between }
}

const fn alias(name: &'static str) -> Alias {
    Alias { name, keys: "" }
}

/// What rows leave out.
const ROW: Preset = Preset { name: "", aliases: &[], twins: &[], source: "", doc: "", keys: &[], notation: "" };

/// All presets, group by group.
pub const GROUPS: [&[Preset]; 6] =
    [ranked::PRESETS, parallel::PRESETS, revise::PRESETS, ancestral::PRESETS, order::PRESETS, search::PRESETS];

/// All presets.
pub fn presets() -> impl Iterator<Item = &'static Preset> {
    GROUPS.into_iter().flatten()
}

/// The preset with this name, and what its alias sets.
pub fn find(name: &str) -> Option<(&'static Preset, &'static str)> {
    presets().find_map(|preset| {
        let alias = || preset.aliases.iter().find(|alias| alias.name == name).map(|alias| (preset, alias.keys));
        if preset.name == name { Some((preset, "")) } else { alias() }
    })
}

/// All names, aliases included.
pub fn names<'a>() -> impl Iterator<Item = &'a str> {
    presets().flat_map(|preset| std::iter::once(preset.name).chain(preset.aliases.iter().map(|alias| alias.name)))
}

#[cfg(test)]
mod tests;
