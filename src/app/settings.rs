//! What the user can set. Plain data: the shell fills it from the settings file and the command line, the app changes it
//! by commands. [`SETTING_TABLES`] are the tables that the file's reader, `lacuna config` and its checks are made of.

use crate::app::keymap::{Keymap, Scheme};
use crate::engine::protocol::RunOptions;

/// Whether and which colours are used. Read by `ui` only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Color {
    /// As many as the terminal seems to have.
    #[default]
    Auto,
    /// None: glyphs and modifiers carry everything.
    None,
    /// The sixteen of every terminal.
    Sixteen,
    /// 24 bits.
    True,
}

/// How lively the screen is while text is denoised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Motion {
    /// Guesses are shown as they change.
    #[default]
    Full,
    /// Only what is written is shown.
    Reduced,
}

/// Which white space is made visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Blanks {
    /// None.
    #[default]
    None,
    /// That at the ends of lines.
    Trailing,
    /// All.
    All,
}

/// The settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Long lines are wrapped at words.
    pub soft_wrap: bool,
    /// Line numbers are shown.
    pub line_numbers: bool,
    /// Columns from one tab stop to the next, at least 1.
    pub tab_width: usize,
    /// The seed of the first run; later seeds are derived from it.
    pub seed: u64,
    /// Sampler and its knobs; the seed in here is not read.
    pub run: RunOptions,
    /// The share of tokens that a rewrite may change when not told otherwise, in percent.
    pub strength: u8,
    /// What the lab compares.
    pub lab: String,
    /// How lively the screen is.
    pub motion: Motion,
    /// Colours.
    pub color: Color,
    /// The words of a language have colours.
    pub syntax: bool,
    /// The line of the caret has a ground of its own, where the theme has one.
    pub current_line: bool,
    /// Words that are unlikely, given the text on both sides, are marked.
    pub heat: bool,
    /// Which white space is made visible.
    pub blanks: Blanks,
    /// The name of the theme.
    pub theme: String,
    /// What the user's theme of that name says: parts and their styles.
    pub theme_parts: Vec<(String, String)>,
    /// Rows behind the first of a wrapped line are indented like it.
    pub wrap_indent: bool,
    /// Columns of a column in the middle of the window that text is wrapped to; 0 for all there are.
    pub column: usize,
    /// White space at the ends of lines is taken away when a file is saved.
    pub trim: bool,
    /// A file that is saved ends in a line break.
    pub final_newline: bool,
    /// What was done to a file is kept, so that it can be undone after a restart.
    pub keep_undo: bool,
    /// Unsaved text is kept, to be offered after a crash.
    pub keep_unsaved: bool,
    /// Which files were opened is remembered.
    pub keep_recent: bool,
    /// Where accepted text came from is written to a file beside the document's, and read from there.
    pub sidecar: bool,
    /// Which keys there are to begin with.
    pub scheme: Scheme,
    /// What the keys do: those of the scheme, and the user's own.
    pub keys: Keymap,
}

/// A value as it stands in the settings file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Number(u32),
    /// A text in quotes.
    Text(String),
}

/// What a setting takes, and where it goes.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Flag {
        get: fn(&Settings) -> bool,
        set: fn(&mut Settings, bool),
    },
    Number {
        least: u32,
        most: u32,
        get: fn(&Settings) -> u32,
        set: fn(&mut Settings, u32),
    },
    /// A name, which whoever reads the file knows.
    Name {
        get: fn(&Settings) -> &str,
        set: fn(&mut Settings, &str),
    },
    /// One of these words, by its place among them.
    Choice {
        words: &'static [&'static str],
        get: fn(&Settings) -> usize,
        set: fn(&mut Settings, usize),
    },
}

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Its key.
    pub name: &'static str,
    /// What it is for, one sentence.
    pub doc: &'static str,
    kind: Kind,
}

impl Setting {
    /// The value in these settings.
    pub fn get(&self, settings: &Settings) -> Value {
        match self.kind {
            Kind::Flag { get, .. } => Value::Flag(get(settings)),
            Kind::Number { get, .. } => Value::Number(get(settings)),
            Kind::Name { get, .. } => Value::Text(get(settings).to_owned()),
            Kind::Choice { words, get, .. } => Value::Text(words[get(settings)].to_owned()),
        }
    }

    /// Sets it. The error says what the setting takes and goes after its name.
    pub fn set(&self, settings: &mut Settings, value: &Value) -> Result<(), String> {
        match (self.kind, value) {
            (Kind::Flag { set, .. }, Value::Flag(flag)) => set(settings, *flag),
            (Kind::Number { least, most, set, .. }, Value::Number(number)) if (least..=most).contains(number) => {
                set(settings, *number);
            }
            (Kind::Name { set, .. }, Value::Text(name)) => set(settings, name),
            (Kind::Choice { words, set, .. }, Value::Text(text)) if words.contains(&text.as_str()) => {
                set(settings, words.iter().position(|word| word == text).unwrap_or_default());
            }
            _ => return Err(self.takes()),
        }
        Ok(())
    }

    /// What it takes, in words.
    pub fn takes(&self) -> String {
        match self.kind {
            Kind::Flag { .. } => "true or false".to_owned(),
            Kind::Number { least, most, .. } => format!("a whole number from {least} to {most}"),
            Kind::Name { .. } => "a name in quotes".to_owned(),
            Kind::Choice { words, .. } => {
                format!("one of {}", words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// Places of the words of [`Setting`]s in their enums, in the order of the words.
const COLORS: [Color; 4] = [Color::Auto, Color::None, Color::Sixteen, Color::True];

/// The settings of the table `[editor]`, in the order in which they are printed.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "keymap",
        doc: "Which keys there are: \"modeless\", where keys type, or \"modal\", where keys are commands until i is pressed.",
        kind: Kind::Choice {
            words: &["modeless", "modal"],
            get: |settings| usize::from(settings.scheme == Scheme::Modal),
            set: |settings, at| {
                settings.scheme = if at == 1 { Scheme::Modal } else { Scheme::Modeless };
                settings.keys = Keymap::of(settings.scheme);
            },
        },
    },
    Setting {
        name: "color",
        doc: "Colours: what the terminal seems to have, none, the sixteen of every terminal, or 24 bits.",
        kind: Kind::Choice {
            words: &["auto", "none", "16", "true"],
            get: |settings| COLORS.iter().position(|color| *color == settings.color).unwrap_or_default(),
            set: |settings, at| settings.color = COLORS[at],
        },
    },
    Setting {
        name: "theme",
        doc: "How it looks: \"dark\", \"light\", \"middle\" for any ground, \"auto\" for what the terminal says, or a theme of your own.",
        kind: Kind::Name {
            get: |settings| &settings.theme,
            set: |settings, name| name.clone_into(&mut settings.theme),
        },
    },
    Setting {
        name: "syntax",
        doc: "The words of programming languages and Markdown have colours.",
        kind: Kind::Flag { get: |settings| settings.syntax, set: |settings, on| settings.syntax = on },
    },
    Setting {
        name: "current_line",
        doc: "The line of the caret has a ground of its own, in dark and light themes.",
        kind: Kind::Flag { get: |settings| settings.current_line, set: |settings, on| settings.current_line = on },
    },
    Setting {
        name: "heat",
        doc: "Words that are unlikely given the text on both sides are marked; the model judges them while nothing runs.",
        kind: Kind::Flag { get: |settings| settings.heat, set: |settings, on| settings.heat = on },
    },
    Setting {
        name: "whitespace",
        doc: "White space is made visible: none, that at the ends of lines, or all.",
        kind: Kind::Choice {
            words: &["none", "trailing", "all"],
            get: |settings| settings.blanks as usize,
            set: |settings, at| settings.blanks = [Blanks::None, Blanks::Trailing, Blanks::All][at],
        },
    },
    Setting {
        name: "soft_wrap",
        doc: "Long lines are wrapped at words.",
        kind: Kind::Flag { get: |settings| settings.soft_wrap, set: |settings, on| settings.soft_wrap = on },
    },
    Setting {
        name: "wrap_indent",
        doc: "The rows of a wrapped line are indented like its first.",
        kind: Kind::Flag { get: |settings| settings.wrap_indent, set: |settings, on| settings.wrap_indent = on },
    },
    Setting {
        name: "column",
        doc: "For prose: text is wrapped to a column of so many characters in the middle of the window; 0 takes all there is.",
        kind: Kind::Number {
            least: 0,
            most: 1000,
            get: |settings| settings.column as u32,
            set: |settings, columns| settings.column = columns as usize,
        },
    },
    Setting {
        name: "trim_on_save",
        doc: "White space at the ends of lines is taken away when a file is saved.",
        kind: Kind::Flag { get: |settings| settings.trim, set: |settings, on| settings.trim = on },
    },
    Setting {
        name: "final_newline",
        doc: "A file that is saved ends in a line break.",
        kind: Kind::Flag { get: |settings| settings.final_newline, set: |settings, on| settings.final_newline = on },
    },
    Setting {
        name: "line_numbers",
        doc: "Line numbers are shown.",
        kind: Kind::Flag { get: |settings| settings.line_numbers, set: |settings, on| settings.line_numbers = on },
    },
    Setting {
        name: "tab_width",
        doc: "Columns from one tab stop to the next, and spaces of one level of indentation.",
        kind: Kind::Number {
            least: 1,
            most: 16,
            get: |settings| settings.tab_width as u32,
            set: |settings, width| settings.tab_width = width as usize,
        },
    },
    Setting {
        name: "reduce_motion",
        doc: "While text is denoised, only what is written is shown, and no guesses.",
        kind: Kind::Flag {
            get: |settings| settings.motion == Motion::Reduced,
            set: |settings, on| settings.motion = if on { Motion::Reduced } else { Motion::Full },
        },
    },
    Setting {
        name: "keep_undo",
        doc: "What was done to a file is kept in the state folder, for you alone to read, and can be undone after a restart.",
        kind: Kind::Flag { get: |settings| settings.keep_undo, set: |settings, on| settings.keep_undo = on },
    },
    Setting {
        name: "keep_unsaved",
        doc: "Unsaved text is kept in the state folder, for you alone to read, and offered after a crash.",
        kind: Kind::Flag { get: |settings| settings.keep_unsaved, set: |settings, on| settings.keep_unsaved = on },
    },
    Setting {
        name: "keep_recent",
        doc: "The names of files that were opened are kept in the state folder, to be offered again.",
        kind: Kind::Flag { get: |settings| settings.keep_recent, set: |settings, on| settings.keep_recent = on },
    },
    Setting {
        name: "strength",
        doc: "How much of its words a rewrite may change when it is not told otherwise, in percent.",
        kind: Kind::Number {
            least: 10,
            most: 100,
            get: |settings| settings.strength.into(),
            set: |settings, strength| settings.strength = strength as u8,
        },
    },
    Setting {
        name: "lab",
        doc: "What the lab compares, unless told otherwise: samplers, with @ and a model where that is another.",
        kind: Kind::Name { get: |settings| &settings.lab, set: |settings, typed| typed.clone_into(&mut settings.lab) },
    },
];

/// The settings of the table `[provenance]`.
const PROVENANCE: &[Setting] = &[Setting {
    name: "sidecar",
    doc: "Which model wrote which text is saved with a file as FILE.lacuna.json, and read when it is opened as it was.",
    kind: Kind::Flag { get: |settings| settings.sidecar, set: |settings, on| settings.sidecar = on },
}];

/// The tables of settings, by their names in the file.
pub const SETTING_TABLES: [(&str, &[Setting]); 2] = [("editor", SETTINGS), ("provenance", PROVENANCE)];

impl Default for Settings {
    fn default() -> Self {
        Self {
            soft_wrap: true,
            line_numbers: true,
            tab_width: 4,
            seed: 0,
            run: RunOptions::default(),
            strength: 40,
            lab: "eb-dry llada left-to-right".into(),
            motion: Motion::Full,
            color: Color::Auto,
            syntax: true,
            current_line: true,
            heat: false,
            blanks: Blanks::None,
            theme: "auto".to_owned(),
            theme_parts: Vec::new(),
            wrap_indent: true,
            column: 0,
            trim: false,
            final_newline: false,
            keep_undo: true,
            keep_unsaved: true,
            keep_recent: true,
            sidecar: false,
            scheme: Scheme::Modeless,
            keys: Keymap::of(Scheme::Modeless),
        }
    }
}

/// The seed of the run with this number: the first is the user's own, later ones are mixed from it and short enough
/// to be typed back.
pub fn seed_of_run(seed: u64, number: u64) -> u64 {
    if number == 0 {
        return seed;
    }
    // SplitMix64: a bijection of the counter, so neighbouring runs share nothing.
    let mut z = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_takes_its_own_value_and_refuses_others() {
        for setting in SETTING_TABLES.iter().flat_map(|(_, table)| table.iter()) {
            let mut settings = Settings::default();
            let value = setting.get(&settings);
            assert_eq!(setting.set(&mut settings, &value), Ok(()), "{}", setting.name);
            assert_eq!(settings, Settings::default(), "{}", setting.name);
            let wrong = if matches!(value, Value::Flag(_)) { Value::Number(1) } else { Value::Flag(true) };
            assert_eq!(setting.set(&mut settings, &wrong), Err(setting.takes()));
            assert!(setting.doc.ends_with('.') && setting.doc.starts_with(char::is_uppercase), "{}", setting.doc);
        }
        let named = |name: &str| SETTINGS.iter().find(|setting| setting.name == name).unwrap();
        let mut settings = Settings::default();
        assert!(named("tab_width").set(&mut settings, &Value::Number(0)).is_err());
        assert_eq!(named("color").set(&mut settings, &Value::Text("none".into())), Ok(()));
        assert_eq!(named("reduce_motion").set(&mut settings, &Value::Flag(true)), Ok(()));
        assert_eq!((settings.color, settings.motion, settings.tab_width), (Color::None, Motion::Reduced, 4));
    }

    #[test]
    fn first_seed_is_the_users_and_later_ones_differ() {
        assert_eq!(seed_of_run(4821, 0), 4821);
        let later: std::collections::BTreeSet<u64> = (1..100).map(|n| seed_of_run(4821, n)).collect();
        assert!(later.len() > 95);
        assert!(later.iter().all(|&seed| seed < 1_000_000));
        assert_ne!(seed_of_run(1, 1), seed_of_run(2, 1));
    }
}
