//! The editor's part of the settings file: the tables of settings, and `[keys]`, read into [`Settings`] and printed from them.
//!
//! A mistake costs the line that it is on and no more: the rest holds, and the editor starts.

use std::fmt::Write as _;

use crate::app::highlight::TONES;
use crate::app::keymap::{BindError, CONTEXTS, Context, KEYS, MODAL, command_names};
use crate::app::settings::{SETTING_TABLES, Setting, Settings, Value};
use crate::engine::config::{self, Item, Source, TABLES};
use crate::ui::theme::tones::parse_style;
use crate::ui::theme::{OWN_PARTS, THEMES};

/// What was read.
#[derive(Debug, Clone, Default)]
pub struct Read {
    /// The settings.
    pub settings: Settings,
    /// `file:line: ` and one sentence, for each line that is not heeded.
    pub mistakes: Vec<String>,
    /// Keys that mean something else than they do by default, in words.
    pub rebound: Vec<String>,
}

/// The user's settings.
pub fn of_user() -> Read {
    let Some(file) = config::settings_file() else { return Read::default() };
    match config::load(&file) {
        Ok(text) => read(Source { file: &file, text: &text }),
        Err(why) => Read { mistakes: vec![why], ..Read::default() },
    }
}

/// Reads a settings file.
pub fn read(source: Source<'_>) -> Read {
    let mut read = Read::default();
    let mut room = String::new();
    let parsed = source.parse(&TABLES, &mut room);
    read.mistakes.extend(parsed.mistakes().map(str::to_owned));
    let mut items = |name| {
        parsed.items(name).unwrap_or_else(|why| {
            read.mistakes.push(why);
            Vec::new()
        })
    };
    let tables = SETTING_TABLES.map(|(name, table)| (items(name), table));
    let [keys, themes] = ["keys", "themes"].map(&mut items);
    for (items, table) in tables {
        for item in items {
            let set = set(item, table, &mut read.settings);
            read.mistakes.extend(set.err());
        }
    }
    for item in keys {
        let bound = bind_all(item, &mut read);
        read.mistakes.extend(bound.err());
    }
    for item in &themes {
        let parts = theme_parts(*item, &mut read.mistakes);
        match parts {
            Ok(parts) if item.name() == read.settings.theme => read.settings.theme_parts = parts,
            Ok(_) => {}
            Err(why) => read.mistakes.push(why),
        }
    }
    let theme = read.settings.theme.as_str();
    let known = THEMES.into_iter().chain(themes.iter().map(|item| item.name()));
    if !known.clone().any(|name| name == theme) {
        let near = config::nearest_of(theme, known);
        read.mistakes.push(format!("{}: there is no theme `{theme}`; the nearest is `{near}`", source.file.display()));
    }
    read
}

/// The parts of a theme of the user's, of which those that cannot be read are told.
fn theme_parts(theme: Item<'_, '_>, mistakes: &mut Vec<String>) -> Result<Vec<(String, String)>, String> {
    let mut parts = Vec::new();
    let known = || ["base"].into_iter().chain(OWN_PARTS).chain(TONES.map(|(_, name)| name));
    for item in theme.table()?.items() {
        let said = match (item.name(), item.text()) {
            (_, Err(why)) => Err(why),
            ("base", Ok(name)) if THEMES.contains(&name) => Ok(()),
            ("base", Ok(_)) => Err(item.unknown_value("theme", THEMES.into_iter())),
            (part, Ok(_)) if !known().any(|name| name == part) => Err(item.unknown("part", known())),
            (_, Ok(style)) => parse_style(style).map(|_| ()).map_err(|why| item.error(&why)),
        };
        match said.and_then(|()| item.text()) {
            Ok(text) => parts.push((item.name().to_owned(), text.to_owned())),
            Err(why) => mistakes.push(why),
        }
    }
    Ok(parts)
}

fn set(item: Item<'_, '_>, table: &[Setting], settings: &mut Settings) -> Result<(), String> {
    let Some(setting) = table.iter().find(|setting| setting.name == item.name()) else {
        return Err(item.unknown("setting", table.iter().map(|setting| setting.name)));
    };
    let number = || item.integer().map(Value::Number);
    let value = match item.flag() {
        Ok(flag) => Some(Value::Flag(flag)),
        Err(_) => item.text().map(|text| Value::Text(text.to_owned())).ok().or_else(number),
    };
    let taken = value.map_or_else(|| Err(setting.takes()), |value| setting.set(settings, &value));
    taken.map_err(|takes| item.wrong(&takes))
}

/// One of the tables `[keys.text]`, `[keys.run]` and so on.
fn bind_all(table: Item<'_, '_>, read: &mut Read) -> Result<(), String> {
    let Some(&(context, _)) = CONTEXTS.iter().find(|(_, name)| *name == table.name()) else {
        return Err(table.unknown("place for keys", CONTEXTS.iter().map(|(_, name)| *name)));
    };
    let mut seen: Vec<(String, usize)> = Vec::new();
    for item in table.table()?.items() {
        let bound = bind(item, context, read, &mut seen);
        read.mistakes.extend(bound.err());
    }
    Ok(())
}

fn bind(item: Item<'_, '_>, context: Context, read: &mut Read, seen: &mut Vec<(String, usize)>) -> Result<(), String> {
    let (keys, command) = (item.name(), item.text()?);
    let before = read.settings.keys.bind(context, keys, command).map_err(|error| match error {
        BindError::Key(why) => item.error_at_key(&why),
        BindError::Command => item.unknown_value("command", command_names()),
    })?;
    let normal: Vec<String> = keys
        .split_whitespace()
        .filter_map(|key| key.parse().ok())
        .map(|key: crate::app::key::Key| key.to_string())
        .collect();
    let normal = normal.join(" ");
    if let Some((_, line)) = seen.iter().find(|(keys, _)| *keys == normal) {
        return Err(item.error_at_key(&format!("{keys} is bound on line {line} already; the later one holds")));
    }
    if let Some(before) = before.filter(|before| before.name != command) {
        read.rebound.push(format!("{normal} ({}) is {command}, and was {}", context.name(), before.name));
    }
    seen.push((normal, item.line()));
    Ok(())
}

/// A settings file in which everything is as it is without one, each line with its explanation and commented out.
pub fn default_file() -> String {
    let settings = Settings::default();
    let mut out = String::from(
        "# Settings of Lacuna. Each line stands for what holds without it: take the # away to change it.\n",
    );
    for (name, table) in SETTING_TABLES {
        // Writing to a string cannot fail.
        let _ = write!(out, "\n[{name}]\n");
        for setting in table {
            let value = match setting.get(&settings) {
                Value::Flag(flag) => flag.to_string(),
                Value::Number(number) => number.to_string(),
                Value::Text(text) => format!("{text:?}"),
            };
            let _ = write!(out, "\n# {}\n# It is {}.\n#{} = {value}\n", setting.doc, setting.takes(), setting.name);
        }
    }
    out += "\n# Keys: one or several with blanks between, and a command (`lacuna config --commands` lists them), or \"none\".\n";
    let places = [
        (Context::Text, KEYS, "Where text is typed."),
        (
            Context::Run,
            KEYS,
            "While a run or a proposal has the keys; what is not bound here means what it means in the text.",
        ),
        (Context::Normal, MODAL, "With keymap = \"modal\", while keys are commands; esc in the text leads here."),
        (
            Context::Select,
            MODAL,
            "With keymap = \"modal\", while motions select; what is not bound here means what it means in normal.",
        ),
    ];
    for (context, table, doc) in places {
        let _ = write!(out, "\n# {doc}\n[keys.{}]\n", context.name());
        for binding in table.iter().filter(|binding| binding.context == context) {
            let _ = writeln!(out, "#{:?} = {:?}", binding.key, binding.command);
        }
    }
    let all = OWN_PARTS.into_iter().chain(TONES.map(|(_, name)| name)).collect::<Vec<_>>().join(", ");
    let _ = write!(
        out,
        "\n# A theme of your own, chosen by theme = \"mine\": colours such as #c678dd or light-blue, `on` and another for\n\
         # the ground, bold, dim, italic, underlined. The parts are {all}.\n#[themes.mine]\n#base = \"dark\"\n\
         #keyword = \"bold #c678dd\"\n#selection = \"on dark-gray\"\n"
    );
    out
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::app::settings::Color;

    fn of(text: &str) -> Read {
        read(Source { file: Path::new("config.toml"), text })
    }

    #[test]
    fn what_should_be_a_table_is_told_for_each_and_what_is_wrong_with_the_file_once() {
        let told = |text: &str| of(text).mistakes;
        assert_eq!(
            told("themes = 1\nkeys = 2"),
            [
                "config.toml:2: `keys` is a table, with lines of its own",
                "config.toml:1: `themes` is a table, with lines of its own",
            ]
        );
        assert_eq!(told("[editor").len(), 1);
    }

    /// The default file with every setting switched on.
    fn uncommented() -> String {
        let on = |line: &str| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => rest.to_owned(),
            _ => line.to_owned(),
        };
        default_file().lines().map(on).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_default_file_changes_nothing_as_it_is_and_with_its_lines_switched_on() {
        let read = of(&default_file());
        assert_eq!((read.settings, read.mistakes), (Settings::default(), Vec::new()));
        let modal = uncommented().replace("keymap = \"modeless\"", "keymap = \"modal\"");
        assert!(modal.contains("keymap = \"modal\""));
        let (read, plain) = (of(&modal), of("[editor]\nkeymap = \"modal\""));
        assert_eq!((read.mistakes, read.rebound.len()), (Vec::new(), 1), "esc is another key in the modal keymap");
        assert_eq!(plain.settings.keys.bound().len(), read.settings.keys.bound().len());
    }

    #[test]
    fn a_mistake_costs_its_line_and_is_told_by_it() {
        let text = "[editor]\ntab_width = 40\nsoft_wrap = false\nline_nubmers = true\ncolor = \"none\"\n\n[keys.text]\n\
                    \"ctrl-e\" = \"line-end\"\n\"ctrl-x\" = \"unod\"\n\"x\" = \"save\"\n\"ctrl-E\" = \"save\"\n\
                    \"ctrl-shift-e\" = \"open\"\n[keys.nromal]\n";
        let read = of(text);
        assert_eq!((read.settings.soft_wrap, read.settings.color, read.settings.tab_width), (false, Color::None, 4));
        let keys: Vec<String> = read.settings.keys.keys_of("line-end").map(|bound| bound.written()).collect();
        assert_eq!(keys, ["ctrl-e", "end"], "one's own is shown first");
        assert_eq!(
            read.mistakes,
            [
                "config.toml:2: `tab_width` is a whole number from 1 to 16",
                "config.toml:4: there is no setting `line_nubmers`; the nearest is `line_numbers`",
                "config.toml:9: there is no command `unod`; the nearest is `undo`",
                "config.toml:10: x types itself in the text; bind it with ctrl or alt",
                "config.toml:12: ctrl-shift-e is bound on line 11 already; the later one holds",
                "config.toml:13: there is no place for keys `nromal`; the nearest is `normal`",
            ]
        );
    }

    #[test]
    fn what_is_no_settings_file_is_one_mistake() {
        assert_eq!(of("[editor").mistakes.len(), 1);
        assert_eq!(of("[edit]").mistakes, ["config.toml:1: there is no key `edit`; the nearest is `editor`"]);
    }

    #[test]
    fn themes_are_read_and_their_mistakes_told() {
        let read = of("[editor]\ntheme = \"mine\"\n[themes.mine]\nbase = \"dark\"\nkeyword = \"bold red\"\n");
        let parts = [("base", "dark"), ("keyword", "bold red")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!((read.settings.theme_parts, read.mistakes), (parts.to_vec(), Vec::new()));
        let read =
            of("[themes.mine]\nbase = \"drak\"\nkeywrod = \"red\"\ncomment = \"redd\"\n[editor]\ntheme = \"mien\"\n");
        assert_eq!(read.mistakes.len(), 4, "{:?}", read.mistakes);
        assert_eq!(read.mistakes[0], "config.toml:2: there is no theme `drak`; the nearest is `dark`");
        assert_eq!(read.mistakes[1], "config.toml:3: there is no part `keywrod`; the nearest is `keyword`");
        assert!(read.mistakes[2].starts_with("config.toml:4: `redd` is no colour"));
        assert_eq!(read.mistakes[3], "config.toml: there is no theme `mien`; the nearest is `mine`");
    }

    #[test]
    fn keys_that_lose_their_meaning_are_told() {
        let read = of("[keys.text]\n\"ctrl-s\" = \"none\"\n\"ctrl-e\" = \"save\"\n\"ctrl-q\" = \"quit\"");
        assert_eq!(read.rebound, ["ctrl-s (text) is none, and was save"]);
        assert_eq!(read.settings.keys.key_of("save").as_deref(), Some("ctrl-e"));
    }
}
