//! The user's own descriptors of models: the table `[models]` of the settings file, or a file `models.toml` beside it.
//!
//! ```toml
//! [models."my-coder"]
//! path = "/data/models/coder"
//! mask_id = 151665
//! shift = 1
//! ```
//!
//! An entry with a `path` names a model of the user's; one without says more about a model of that name that is found
//! elsewhere. What is given on the command line wins over both. Every mistake is told as `file:line`.

use std::path::PathBuf;

use crate::engine::config::{self, Item, Source};
use crate::model::{Attention, LoadOptions, Overrides};

/// What the user says about a model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Described {
    /// Where it is.
    pub path: Option<PathBuf>,
    /// What its files do not say, or say wrongly.
    pub overrides: Overrides,
    /// A tokenizer elsewhere than beside the weights.
    pub tokenizer: Option<PathBuf>,
    /// Whether it was tuned on conversations.
    pub chat: Option<bool>,
    /// The longest hole, in tokens, that is tried where no length is given.
    pub longest: Option<usize>,
}

const KEYS: [&str; 8] = ["mask_id", "path", "shift", "attention", "family", "tokenizer", "chat", "longest"];

impl Described {
    /// The options with this behind them: what they say already stays.
    pub fn under(&self, mut options: LoadOptions) -> LoadOptions {
        let Overrides { mask, shift, attention, family, time_conditioning } = &self.overrides;
        let said = &mut options.overrides;
        said.mask = said.mask.or(*mask);
        said.shift = said.shift.or(*shift);
        said.attention = said.attention.or(*attention);
        said.time_conditioning = said.time_conditioning.or(*time_conditioning);
        said.family = said.family.take().or_else(|| family.clone());
        options.tokenizer = options.tokenizer.take().or_else(|| self.tokenizer.clone());
        options
    }
}

/// All entries of the settings file and of the file that held them once, by name, in the order of the files.
///
/// # Errors
/// `file:line: ` and one sentence.
pub fn read_all() -> Result<Vec<(String, Described)>, String> {
    let mut entries = Vec::new();
    for (name, known) in [("config.toml", &config::TABLES[..]), ("models.toml", &["models"])] {
        if let Some(file) = config::file(name) {
            entries.extend(entries_of(Source { file: &file, text: &config::load(&file)? }, known)?);
        }
    }
    Ok(entries)
}

/// The first mistake in those files outside of what they say of models: why a name may not have been read.
pub fn first_mistake() -> Option<String> {
    let file = config::settings_file()?;
    let text = config::load(&file).ok()?;
    let mut room = String::new();
    let parsed = Source { file: &file, text: &text }.parse(&config::TABLES, &mut room);
    parsed.mistakes().next().map(str::to_owned)
}

/// The models of one settings file that may hold the tables `known`.
///
/// # Errors
/// As for [`read_all`].
pub fn entries_of(source: Source<'_>, known: &[&str]) -> Result<Vec<(String, Described)>, String> {
    let mut room = String::new();
    let parsed = source.parse(known, &mut room);
    // A file of models alone has to be right as a whole.
    if let (1, Some(mistake)) = (known.len(), parsed.mistakes().next()) {
        return Err(mistake.to_owned());
    }
    parsed.sound_items("models")?.into_iter().map(|item| Ok((item.name().to_owned(), described(item)?))).collect()
}

fn described(model: Item<'_, '_>) -> Result<Described, String> {
    let mut entry = Described::default();
    for item in model.table()?.items() {
        match item.name() {
            "path" => entry.path = Some(item.path()?),
            "tokenizer" => entry.tokenizer = Some(item.path()?),
            "mask_id" => entry.overrides.mask = Some(item.number(u32::MAX)?),
            "shift" => entry.overrides.shift = Some(item.number(1)? as usize),
            "family" => entry.overrides.family = Some(item.text()?.to_owned()),
            "attention" => {
                let attention = Attention::parse(item.text()?);
                entry.overrides.attention = Some(attention.map_err(|why| item.error(&why))?);
            }
            "chat" => entry.chat = Some(item.flag()?),
            "longest" => entry.longest = Some((item.number(64)? as usize).max(1)),
            _ => return Err(item.unknown("key", KEYS.into_iter())),
        }
    }
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parse(text: &str) -> Result<Vec<(String, Described)>, String> {
        entries_of(Source { file: Path::new("/config/models.toml"), text }, &["models"])
    }

    #[test]
    fn everything_that_can_be_said_is_read() {
        let text = "[models.\"my coder\"]\npath = \"coder\"\nmask_id = 151_665\nshift = 1\nattention = \"block:32\"\n\
                    family = \"qwen2\"\ntokenizer = \"/t/tokenizer.json\"\nchat = true\nlongest = 24\n[models.other]\n";
        let entries = parse(text).unwrap();
        let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["my coder", "other"]);
        let expected = Described {
            path: Some("/config/coder".into()),
            overrides: Overrides {
                mask: Some(151_665),
                shift: Some(1),
                attention: Some(Attention::Block(32)),
                family: Some("qwen2".into()),
                time_conditioning: None,
            },
            tokenizer: Some("/t/tokenizer.json".into()),
            chat: Some(true),
            longest: Some(24),
        };
        assert_eq!(entries[0].1, expected);
        assert_eq!(entries[1].1, Described::default());
    }

    #[test]
    fn mistakes_are_told_with_file_line_and_the_nearest_key() {
        for (text, expected) in [
            ("[models.a]\n\nmask = 3\n", "/config/models.toml:3: there is no key `mask`; the nearest is `mask_id`"),
            ("[model.a]\n", "/config/models.toml:1: there is no key `model`; the nearest is `models`"),
            ("[models.a]\nshift = 2\n", "/config/models.toml:2: `shift` is a whole number from 0 to 1"),
            ("[models.a]\nmask_id = -1\n", "models.toml:2: `mask_id` is a whole number"),
            ("[models.a]\nmask_id = \"1\"\n", "models.toml:2: `mask_id` is a whole number"),
            ("[models.a]\nattention = \"block\"\n", "models.toml:2: attention is `full` or `block:B`"),
            ("models = 3\n", "models.toml:1: `models` is a table"),
            ("[models.a]\npath = \n", "models.toml:2: "),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }

    #[test]
    fn the_command_line_wins() {
        let said = Described {
            overrides: Overrides { mask: Some(5), shift: Some(1), ..Overrides::default() },
            ..Described::default()
        };
        let typed =
            LoadOptions { overrides: Overrides { mask: Some(7), ..Overrides::default() }, ..LoadOptions::default() };
        let both = said.under(typed);
        assert_eq!((both.overrides.mask, both.overrides.shift), (Some(7), Some(1)));
    }
}
