//! The user's settings: one file, `config.toml` in the config folder, and the one reader of such files.
//!
//! Each floor reads the tables that are its own: the catalogue `[models]`, the command line `[samplers]`, the editor
//! `[editor]`, `[provenance]`, `[keys]` and `[themes]`. What they share is here: where the file is, which tables there are, and how a mistake
//! is told, as `file:line: ` and one sentence that names the nearest known word.

use std::borrow::Cow;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diffusion::spec::nearest;

/// The tables of the settings file.
pub const TABLES: [&str; 6] = ["editor", "provenance", "keys", "themes", "samplers", "models"];

/// A file of the config folder, if the system has such a place.
pub fn file(name: &str) -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "lacuna").map(|dirs| dirs.config_dir().join(name))
}

/// A file of the state folder, where the program keeps what it found out itself, if the system has such a place.
pub fn state_file(name: &str) -> Option<PathBuf> {
    let user = directories::ProjectDirs::from("", "", "lacuna")?;
    Some(user.state_dir().unwrap_or(user.data_local_dir()).join(name))
}

/// The settings file.
pub fn settings_file() -> Option<PathBuf> {
    file("config.toml")
}

/// Of these names the one most like what was written.
pub fn nearest_of<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> &'a str {
    nearest(written, names)
}

/// The text of a settings file; a file that is not there is empty.
///
/// # Errors
/// One sentence.
pub fn load(file: &Path) -> Result<String, String> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(format!("cannot read {}: {error}", file.display())),
    }
}

/// A path as it stands in a settings file: `~/` is the user's home, and what is relative is so to the folder of the file.
fn path_in(file: &Path, text: &str) -> PathBuf {
    let home = || directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
    match text.strip_prefix("~/").zip(home()) {
        Some((rest, home)) => home.join(rest),
        None => file.parent().unwrap_or(Path::new(".")).join(text),
    }
}

/// A file and its text, for telling where something stands.
#[derive(Debug, Clone, Copy)]
pub struct Source<'s> {
    /// What the file is called.
    pub file: &'s Path,
    /// What stands in it.
    pub text: &'s str,
}

impl<'s> Source<'s> {
    /// A sentence about what stands at a byte of the file.
    pub fn error(self, at: usize, why: &str) -> String {
        format!("{}:{}: {why}", self.file.display(), self.line(at))
    }

    /// Parses the file, which has no other tables than `known`. What is no TOML costs the line that it is on, and at the
    /// head of a table that table: the rest is read, from `room`, and [`Parsed`] tells the mistakes.
    pub fn parse<'t>(self, known: &[&str], room: &'t mut String) -> Parsed<'t>
    where
        's: 't,
    {
        let mut mistakes = Vec::new();
        self.text.clone_into(room);
        while let Some(error) = DeTable::parse(room.as_str()).err() {
            let at = error.span().map_or(0, |span| span.start);
            let why = self.error(at, error.message().lines().next().unwrap_or_default());
            let lines = lines_lost(room, self.line(at));
            let is_hopeless = mistakes.len() >= MOST_MISTAKES || room[lines.clone()].trim().is_empty();
            let table = (!is_hopeless).then(|| self.table_at(at).to_owned());
            mistakes.push(Mistake { line: self.line(at), table, why });
            if is_hopeless {
                room.clear();
                break;
            }
            // As many blanks, so that all else stays where it is.
            let blanks: String = room[lines.clone()].bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }).collect();
            room.replace_range(lines, &blanks);
        }
        let text: &'t str = room;
        let table = DeTable::parse(text).map(Spanned::into_inner).unwrap_or_default();
        let mut parsed = Parsed { source: Source { file: self.file, text }, mistakes, table };
        let unknown = parsed.root().items().into_iter().filter(|item| !known.contains(&item.name()));
        let unknown = unknown.map(|item| Mistake {
            line: item.line(),
            table: Some(item.name().to_owned()),
            why: item.unknown("key", known.iter().copied()),
        });
        let unknown: Vec<Mistake> = unknown.collect();
        parsed.mistakes.extend(unknown);
        parsed.mistakes.sort_by_key(|mistake| mistake.line);
        parsed
    }

    /// The line of a byte, from 1.
    fn line(self, at: usize) -> usize {
        self.text.get(..at).unwrap_or(self.text).matches('\n').count() + 1
    }

    /// The table that a byte stands in, by the last line before it that begins one; empty before the first.
    fn table_at(self, at: usize) -> &'s str {
        let lines = self.text.lines().take(self.line(at));
        let header = lines.filter(|line| line.trim_start().starts_with('[')).last().unwrap_or_default();
        let name = header.trim_start().trim_start_matches('[').trim_start();
        name.split(['.', ']', ' ', '#']).next().unwrap_or_default().trim_matches(['"', '\''])
    }
}

/// A file with more mistakes than this is none of settings.
const MOST_MISTAKES: usize = 32;

/// What a mistake on a line costs, in bytes: that line, or all up to the next table where it is the head of one.
fn lines_lost(text: &str, line: usize) -> Range<usize> {
    let is_head = |line: &str| line.trim_start().starts_with('[');
    let mut lines = text.split_inclusive('\n').skip(line - 1);
    let start = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let lost = lines.next().unwrap_or_default();
    let below = lines.take_while(|below| is_head(lost) && !is_head(below));
    start..start + lost.len() + below.map(str::len).sum::<usize>()
}

/// What is wrong with a file, whoever reads it: no TOML, or a table that there is not.
#[derive(Debug)]
struct Mistake {
    line: usize,
    /// The table that it is in; none where it keeps all of them from being read.
    table: Option<String>,
    /// `file:line: ` and one sentence.
    why: String,
}

/// A file that has been parsed.
#[derive(Debug)]
pub struct Parsed<'s> {
    source: Source<'s>,
    mistakes: Vec<Mistake>,
    table: DeTable<'s>,
}

impl<'s> Parsed<'s> {
    fn root(&self) -> Table<'_, 's> {
        Table { source: self.source, table: &self.table }
    }

    /// What is no TOML and which tables there are not, by line: `file:line: ` and one sentence each.
    pub fn mistakes(&self) -> impl Iterator<Item = &str> {
        self.mistakes.iter().map(|mistake| mistake.why.as_str())
    }

    /// What stands in one of the file's tables, in order; nothing where it is missing.
    ///
    /// # Errors
    /// `file:line: ` and one sentence for what is no table.
    pub fn items(&self, name: &str) -> Result<Vec<Item<'_, 's>>, String> {
        let item = self.root().items().into_iter().find(|item| item.name() == name);
        Ok(item.map(Item::table).transpose()?.map(Table::items).unwrap_or_default())
    }

    /// The same of a table that has to be right as a whole.
    ///
    /// # Errors
    /// As [`Parsed::items`], and the first mistake in the table. What is wrong elsewhere does not count.
    pub fn sound_items(&self, name: &str) -> Result<Vec<Item<'_, 's>>, String> {
        match self.mistakes.iter().find(|mistake| mistake.table.as_deref().is_none_or(|table| table == name)) {
            Some(mistake) => Err(mistake.why.clone()),
            None => self.items(name),
        }
    }
}

/// A table of the file.
#[derive(Debug, Clone, Copy)]
pub struct Table<'t, 'a> {
    source: Source<'t>,
    table: &'t DeTable<'a>,
}

impl<'t, 'a> Table<'t, 'a> {
    /// What stands in it, in the order of the file.
    pub fn items(self) -> Vec<Item<'t, 'a>> {
        let mut items: Vec<Item<'t, 'a>> =
            self.table.iter().map(|(key, value)| Item { source: self.source, key, value }).collect();
        items.sort_by_key(|item| item.key.span().start);
        items
    }
}

/// A key and its value.
#[derive(Debug, Clone, Copy)]
pub struct Item<'t, 'a> {
    source: Source<'t>,
    key: &'t Spanned<Cow<'a, str>>,
    value: &'t Spanned<DeValue<'a>>,
}

impl<'t, 'a> Item<'t, 'a> {
    /// The key.
    pub fn name(self) -> &'t str {
        self.key.get_ref()
    }

    /// The line that it stands on, from 1.
    pub fn line(self) -> usize {
        self.source.line(self.key.span().start)
    }

    /// A sentence about the key.
    pub fn error_at_key(self, why: &str) -> String {
        self.source.error(self.key.span().start, why)
    }

    /// A sentence about the value.
    pub fn error(self, why: &str) -> String {
        self.source.error(self.value.span().start, why)
    }

    /// The key is none of those there are.
    pub fn unknown<'k>(self, thing: &str, known: impl Iterator<Item = &'k str>) -> String {
        let name = self.name();
        self.error_at_key(&format!("there is no {thing} `{name}`; the nearest is `{}`", nearest(name, known)))
    }

    /// The value is a text that names nothing known.
    pub fn unknown_value<'k>(self, thing: &str, known: impl Iterator<Item = &'k str>) -> String {
        let text = self.value.get_ref().as_str().unwrap_or_default();
        self.error(&format!("there is no {thing} `{text}`; the nearest is `{}`", nearest(text, known)))
    }

    /// The value is not what it should be.
    pub fn wrong(self, what: &str) -> String {
        self.error(&format!("`{}` is {what}", self.name()))
    }

    /// The value, a table.
    pub fn table(self) -> Result<Table<'t, 'a>, String> {
        let table = self.value.get_ref().as_table();
        table
            .map(|table| Table { source: self.source, table })
            .ok_or_else(|| self.wrong("a table, with lines of its own"))
    }

    /// The value, a text.
    pub fn text(self) -> Result<&'t str, String> {
        self.value.get_ref().as_str().ok_or_else(|| self.wrong("a text in quotes"))
    }

    /// The value, yes or no.
    pub fn flag(self) -> Result<bool, String> {
        self.value.get_ref().as_bool().ok_or_else(|| self.wrong("true or false"))
    }

    /// The value, a whole number of at most `most`.
    pub fn number(self, most: u32) -> Result<u32, String> {
        self.integer()
            .filter(|number| *number <= most)
            .ok_or_else(|| self.wrong(&format!("a whole number from 0 to {most}")))
    }

    /// The value if it is a whole number, not negative.
    pub fn integer(self) -> Option<u32> {
        let number = self.value.get_ref().as_integer()?;
        u32::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()
    }

    /// The value, a path.
    pub fn path(self) -> Result<PathBuf, String> {
        Ok(path_in(self.source.file, self.text()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_by_line_and_the_nearest_word() {
        let table = |text: &str| {
            let source = Source { file: Path::new("config.toml"), text };
            let mut room = String::new();
            let parsed = source.parse(&TABLES, &mut room);
            if let Some(mistake) = parsed.mistakes().next() {
                return Err(mistake.to_owned());
            }
            parsed.items("editor")?.into_iter().try_for_each(|item| item.number(9).map(|_| ()))
        };
        assert_eq!(table(""), Ok(()));
        assert_eq!(table("[editor]\na = 0x7\n"), Ok(()));
        assert_eq!(
            table("\n[editer]").unwrap_err(),
            "config.toml:2: there is no key `editer`; the nearest is `editor`"
        );
        assert_eq!(table("editor = 1").unwrap_err(), "config.toml:1: `editor` is a table, with lines of its own");
        assert_eq!(table("[editor]\na = 1\nb = 12").unwrap_err(), "config.toml:3: `b` is a whole number from 0 to 9");
        assert!(table("[editor").unwrap_err().starts_with("config.toml:1: "));
    }

    #[test]
    fn what_is_no_toml_costs_its_line_and_keeps_nobody_from_the_other_tables() {
        let text = "[editor]\na = 1\nb = = 2\na = 3\nc = 4\n[modles.x]\n[models.y]\npath = \"z\"\n[samplers.s]\nd = \n";
        let source = Source { file: Path::new("config.toml"), text };
        let mut room = String::new();
        let parsed = source.parse(&TABLES, &mut room);
        let lines: Vec<usize> = parsed.mistakes.iter().map(|mistake| mistake.line).collect();
        assert_eq!(lines, [3, 4, 6, 10], "{:?}", parsed.mistakes);
        let names = |items: Vec<Item<'_, '_>>| items.iter().map(|item| item.name().to_owned()).collect::<Vec<_>>();
        assert_eq!(names(parsed.items("editor").unwrap()), ["a", "c"]);
        assert_eq!(names(parsed.sound_items("models").unwrap()), ["y"]);
        assert!(parsed.sound_items("samplers").unwrap_err().starts_with("config.toml:10: "));
        assert!(parsed.sound_items("editor").unwrap_err().starts_with("config.toml:3: "));
        // The head of a table takes the table with it, and what has no end all of the file.
        let source = |text| Source { file: Path::new("config.toml"), text };
        let (mut headless, mut endless) = (String::new(), String::new());
        let text = "[models.a]\nshift = 1\n[editor\na = 1\nb\n[models.b]\n";
        let parsed = source(text).parse(&TABLES, &mut headless);
        assert_eq!(names(parsed.sound_items("models").unwrap()), ["a", "b"]);
        assert_eq!((parsed.mistakes().count(), parsed.items("editor").unwrap().len()), (1, 0));
        let parsed = source("[models.a]\n[editor]\na = \"\"\"\n").parse(&TABLES, &mut endless);
        assert!(parsed.mistakes().count() > 0 && parsed.items("editor").is_ok_and(|items| items.is_empty()));
    }
}
