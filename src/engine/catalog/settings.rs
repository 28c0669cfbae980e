//! The user's own descriptors of models: `models.toml` in the config folder.
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

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diffusion::spec;
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
}

const KEYS: [&str; 7] = ["mask_id", "path", "shift", "attention", "family", "tokenizer", "chat"];

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

/// All entries, by name, in the order of the file. No file is no entries.
///
/// # Errors
/// `file:line: ` and one sentence.
pub fn read(file: &Path) -> Result<Vec<(String, Described)>, String> {
    match std::fs::read_to_string(file) {
        Ok(text) => Reader { file, text: &text }.entries(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(format!("cannot read {}: {error}", file.display())),
    }
}

/// Where the file is looked for, if the system has such a place.
pub fn file() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "lacuna").map(|dirs| dirs.config_dir().join("models.toml"))
}

struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
}

type Entry<'a, 'v> = (&'v str, &'v Spanned<DeValue<'a>>);

impl Reader<'_> {
    fn error(&self, at: usize, why: &str) -> String {
        let line = self.text.get(..at).unwrap_or(self.text).matches('\n').count() + 1;
        format!("{}:{line}: {why}", self.file.display())
    }

    fn entries(&self) -> Result<Vec<(String, Described)>, String> {
        let table = DeTable::parse(self.text).map_err(|error| {
            let why = error.message().lines().next().unwrap_or_default().to_owned();
            self.error(error.span().map_or(0, |span| span.start), &why)
        })?;
        let mut entries = Vec::new();
        for (key, value) in table.get_ref() {
            if key.get_ref() != "models" {
                return Err(self.unknown(key.span().start, key.get_ref(), &["models"]));
            }
            let models = self.table("models", value)?;
            for (name, value) in models {
                let entry = self.described(name.get_ref(), value)?;
                entries.push((value.span().start, name.get_ref().to_string(), entry));
            }
        }
        entries.sort_by_key(|(at, ..)| *at);
        Ok(entries.into_iter().map(|(_, name, entry)| (name, entry)).collect())
    }

    fn table<'t, 'a>(&self, key: &str, value: &'t Spanned<DeValue<'a>>) -> Result<&'t DeTable<'a>, String> {
        let why = || self.error(value.span().start, &format!("`{key}` is a table, as in [models.\"my-model\"]"));
        value.get_ref().as_table().ok_or_else(why)
    }

    fn described(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<Described, String> {
        let mut entry = Described::default();
        for (key, value) in self.table(name, value)? {
            let said = (key.get_ref().as_ref(), value);
            match key.get_ref().as_ref() {
                "path" => entry.path = Some(self.path(said)?),
                "tokenizer" => entry.tokenizer = Some(self.path(said)?),
                "mask_id" => entry.overrides.mask = Some(self.number(said, u32::MAX)?),
                "shift" => entry.overrides.shift = Some(self.number(said, 1)? as usize),
                "family" => entry.overrides.family = Some(self.text(said)?.to_owned()),
                "attention" => {
                    let attention = Attention::parse(self.text(said)?);
                    entry.overrides.attention = Some(attention.map_err(|why| self.error(value.span().start, &why))?);
                }
                "chat" => {
                    let flag = value.get_ref().as_bool();
                    entry.chat = Some(flag.ok_or_else(|| self.wrong(said, "true or false"))?);
                }
                other => return Err(self.unknown(key.span().start, other, &KEYS)),
            }
        }
        Ok(entry)
    }

    fn unknown(&self, at: usize, key: &str, known: &[&'static str]) -> String {
        let nearest = spec::nearest(key, known.iter().copied());
        self.error(at, &format!("there is no key `{key}`; the nearest is `{nearest}`"))
    }

    fn wrong(&self, (key, value): Entry<'_, '_>, what: &str) -> String {
        self.error(value.span().start, &format!("`{key}` is {what}"))
    }

    fn text<'v>(&self, (key, value): Entry<'_, 'v>) -> Result<&'v str, String> {
        value.get_ref().as_str().ok_or_else(|| self.wrong((key, value), "a text in quotes"))
    }

    fn number(&self, (key, value): Entry<'_, '_>, most: u32) -> Result<u32, String> {
        let number = value.get_ref().as_integer().and_then(|number| {
            let digits = number.as_str().replace('_', "");
            u32::from_str_radix(&digits, number.radix()).ok()
        });
        let wrong = || self.wrong((key, value), &format!("a whole number from 0 to {most}"));
        number.filter(|number| *number <= most).ok_or_else(wrong)
    }

    /// A path; `~/` is the user's home, and what is relative is so to the folder of the file.
    fn path(&self, said: Entry<'_, '_>) -> Result<PathBuf, String> {
        let text = self.text(said)?;
        let home = || directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
        if let Some((rest, home)) = text.strip_prefix("~/").zip(home()) {
            return Ok(home.join(rest));
        }
        Ok(self.file.parent().unwrap_or(Path::new(".")).join(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<(String, Described)>, String> {
        Reader { file: Path::new("/config/models.toml"), text }.entries()
    }

    #[test]
    fn everything_that_can_be_said_is_read() {
        let text = "[models.\"my coder\"]\npath = \"coder\"\nmask_id = 151_665\nshift = 1\nattention = \"block:32\"\n\
                    family = \"qwen2\"\ntokenizer = \"/t/tokenizer.json\"\nchat = true\n[models.other]\n";
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
