//! `lacuna samplers`: the named samplers, one line each, those of the user's own among them; one of them in full; and the
//! words that a sampler's notation is made of.
//!
//! The user's own are in `config.toml` in the config folder:
//! ```toml
//! [samplers.careful]
//! doc = "Commits what is nearly certain."
//! notation = "tau = 0.95; window blocks(16); masked conf above(tau) min=1 write"
//! ```
//! Other tables of that file are none of this page's business ([`crate::engine::config`] has the reader they share).

mod check;

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use serde_json::{Value, json};

use super::{Common, Usage, print};
use crate::diffusion::expr::{FOLDS, FUNCTIONS, WORDS};
use crate::diffusion::preset::{self, Preset};
use crate::diffusion::spec::{COMMON_KEYS, Custom, Registry, nearest};
use crate::engine::config::{self, Item, Source};

#[derive(Debug, Args)]
pub(crate) struct SamplersArgs {
    /// Tell all about these: their keys, their sources, and the samplers themselves
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// List the words that a sampler of your own may be written with
    #[arg(long)]
    words: bool,
    /// Run every preset, or only NAME.., on the same holes: passes, tokens per pass, mean log-probability
    #[arg(long)]
    check: bool,
    /// Text to cut the holes out of, as for `lacuna eval`
    #[arg(long, value_name = "FILE|FOLDER", requires = "check")]
    text: Vec<PathBuf>,
    /// How many holes
    #[arg(long, value_name = "N", default_value_t = 200, requires = "check", allow_negative_numbers = true)]
    holes: usize,
    /// Keep each row in a file when it is done; rows that are in it already are not made again
    #[arg(long, value_name = "FILE", requires = "check")]
    out: Option<PathBuf>,
}

/// Whether a line is one of those that `--out` keeps.
pub(crate) fn is_row(line: &[u8]) -> bool {
    check::is_row(line)
}

pub(crate) fn run(args: &SamplersArgs, common: &Common) -> anyhow::Result<()> {
    if args.check {
        let (names, texts, holes) = (&args.names, &args.text, args.holes);
        return check::run(&check::Check { names, texts, holes, out: args.out.as_deref() }, common);
    }
    match &args.names[..] {
        _ if args.words => words(common.json),
        [] => {
            let registry = registry();
            list(registry.as_ref().unwrap_or(&Registry::default()), common.json)?;
            // What there is without the user's own is listed all the same.
            registry.map(drop).map_err(|message| anyhow!(message))
        }
        names => show(names, common.json),
    }
}

fn list(registry: &Registry, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let presets = preset::presets().map(preset_json);
        let all: Vec<Value> = presets.chain(registry.custom().iter().map(custom_json)).collect();
        return print(&format!("{}\n", json!({ "samplers": all, "common_keys": COMMON_KEYS })));
    }
    let mut out = String::new();
    for preset in preset::presets() {
        out += &format!("{:<18} {}{}\n", preset.name, preset.doc, in_brackets(preset));
    }
    for custom in registry.custom() {
        out += &format!("{:<18} {} [yours]\n", custom.name, custom.doc);
    }
    out += &format!("\nEvery sampler takes {}.\n", COMMON_KEYS.join(", "));
    out +=
        "`lacuna samplers NAME` tells all about one; `lacuna samplers --words` what one of your own is written with.\n";
    print(&out)
}

/// Keys with their defaults, other names and the source, in brackets.
fn in_brackets(preset: &Preset) -> String {
    let keys: Vec<String> = preset.keys.iter().map(|key| format!("{}={}", key.name, key.default)).collect();
    let aliases: Vec<&str> = preset.aliases.iter().map(|alias| alias.name).collect();
    let keys = if keys.is_empty() { String::new() } else { format!("{}; ", keys.join(", ")) };
    let aliases = if aliases.is_empty() { String::new() } else { format!("also {}; ", aliases.join(", ")) };
    format!(" [{keys}{aliases}{}]", preset.source)
}

/// A sampler that was asked for by its name.
enum Named<'r> {
    Preset(&'static Preset),
    Own(&'r Custom),
}

/// All about the samplers of these names; with `as_json` one document, a list where there are several.
fn show(names: &[String], as_json: bool) -> anyhow::Result<()> {
    // A mistake in the settings keeps nobody from reading about a preset.
    let needs_own = names.iter().any(|name| preset::find(name).is_none());
    let registry = if needs_own { registry().map_err(|message| anyhow!(message))? } else { Registry::default() };
    let named = |name: &String| {
        let own = || registry.custom().iter().find(|custom| custom.name == *name).map(Named::Own);
        let preset = preset::find(name).map(|(preset, _)| Named::Preset(preset));
        preset.or_else(own).ok_or_else(|| unknown(name, &registry))
    };
    let all: Vec<Named<'_>> = names.iter().map(named).collect::<Result<_, Usage>>()?;
    if !as_json {
        return print(&all.iter().map(described).collect::<String>());
    }
    let mut values: Vec<Value> = all.iter().map(named_json).collect();
    let document = if values.len() == 1 { values.remove(0) } else { json!({ "samplers": values }) };
    print(&format!("{document}\n"))
}

fn named_json(named: &Named<'_>) -> Value {
    match named {
        Named::Preset(preset) => preset_json(preset),
        Named::Own(custom) => custom_json(custom),
    }
}

fn described(named: &Named<'_>) -> String {
    let (doc, notation) = match named {
        Named::Preset(preset) => (format!("{}\n{}", preset.doc, in_brackets(preset).trim()), preset.notation),
        Named::Own(custom) => (custom.doc.clone(), custom.notation.as_str()),
    };
    let lines: Vec<String> = notation
        .split([';', '\n'])
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|l| format!("  {l}\n"))
        .collect();
    format!("{doc}\n{}", lines.concat())
}

fn unknown(name: &str, registry: &Registry) -> Usage {
    let names = preset::names().chain(registry.custom().iter().map(|custom| custom.name.as_str()));
    Usage(format!("there is no sampler `{name}`; the nearest name is `{}`", nearest(name, names)))
}

fn words(as_json: bool) -> anyhow::Result<()> {
    let functions: Vec<&str> =
        FUNCTIONS.iter().map(|(name, _)| *name).chain(FOLDS.iter().map(|(name, _)| *name)).collect();
    if as_json {
        let words: Vec<Value> = WORDS.iter().map(|(word, .., doc)| json!({ "word": word, "doc": doc })).collect();
        return print(&format!("{}\n", json!({ "words": words, "functions": functions })));
    }
    let words: String = WORDS.iter().map(|(word, .., doc)| format!("{word:<12} {doc}\n")).collect();
    print(&format!("{words}\nFunctions: {}.\n", functions.join(", ")))
}

fn preset_json(preset: &Preset) -> Value {
    let keys: Vec<Value> = preset
        .keys
        .iter()
        .map(|key| json!({ "name": key.name, "default": key.default, "range": key.range.text() }))
        .collect();
    let aliases: Vec<Value> =
        preset.aliases.iter().map(|alias| json!({ "name": alias.name, "keys": alias.keys })).collect();
    json!({
        "name": preset.name,
        "doc": preset.doc,
        "source": preset.source,
        "keys": keys,
        "aliases": aliases,
        "twins": preset.twins,
        "notation": preset.notation,
    })
}

fn custom_json(custom: &Custom) -> Value {
    json!({ "name": custom.name, "doc": custom.doc, "source": "config.toml", "notation": custom.notation })
}

/// The presets and the user's own samplers.
///
/// # Errors
/// `file:line: ` and one sentence.
pub(crate) fn registry() -> Result<Registry, String> {
    match config::settings_file() {
        Some(file) => read(Source { file: &file, text: &config::load(&file)? }),
        None => Ok(Registry::default()),
    }
}

/// Reads the table `[samplers]` of a settings file.
///
/// # Errors
/// `file:line: ` and one sentence.
pub fn read(source: Source<'_>) -> Result<Registry, String> {
    let mut registry = Registry::default();
    let mut room = String::new();
    for item in source.parse(&config::TABLES, &mut room).sound_items("samplers")? {
        let added = registry.add(custom(item)?);
        added.map_err(|why| item.error_at_key(&format!("`{}`: {why}", item.name())))?;
    }
    Ok(registry)
}

fn custom(sampler: Item<'_, '_>) -> Result<Custom, String> {
    let mut custom = Custom { name: sampler.name().to_owned(), doc: String::new(), notation: String::new() };
    for item in sampler.table()?.items() {
        let place = match item.name() {
            "doc" => &mut custom.doc,
            "notation" => &mut custom.notation,
            _ => return Err(item.unknown("key", ["doc", "notation"].into_iter())),
        };
        item.text()?.clone_into(place);
    }
    Ok(custom)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Source;
    use crate::diffusion::spec::{Overrides, Registry, parse_spec};

    fn read(text: &str) -> Result<Registry, String> {
        super::read(Source { file: Path::new("config.toml"), text })
    }

    #[test]
    fn a_users_samplers_are_read_and_other_tables_left_alone() {
        let text = "[keys]\nsave = \"f2\"\n\n[samplers.careful]\ndoc = \"Sure.\"\nnotation = \"\"\"\ntau = 0.95\n\
                    masked conf above(tau) min=1 write\"\"\"\n";
        let registry = read(text).unwrap();
        assert_eq!((registry.custom().len(), registry.custom()[0].doc.as_str()), (1, "Sure."));
        let own = registry.parse("careful:tau=0.9", &Overrides::default()).unwrap();
        assert_eq!(own, parse_spec("masked conf above(0.9) min=1 write", &Overrides::default()).unwrap());
        assert_eq!(read("").unwrap(), Registry::default());
    }

    #[test]
    fn mistakes_are_told_by_line() {
        let starts = |text: &str, start: &str| {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(start), "{error}");
        };
        starts(
            "\n[samplers.a]\nnotatoin = \"\"",
            "config.toml:3: there is no key `notatoin`; the nearest is `notation`",
        );
        starts("[samplers.a]\nnotation = 3", "config.toml:2: `notation` is a text in quotes");
        starts("[samplers]\na = 3", "config.toml:2: `a` is a table");
        starts("[samplers.llada]\nnotation = \"masked all write\"", "config.toml:1: `llada`: a sampler of your own");
        starts("[samplers.a]\nnotation = \"masked al write\"", "config.toml:1: `a`: the sampler cannot be read: `al`");
        starts("[samplers.a", "config.toml:1: ");
    }
}
