//! Which key does what: the keys that the program comes with, and what the user makes of them.
//!
//! A key that is bound to nothing and writes a character types that character where text is typed, and does nothing
//! elsewhere. A binding may be several keys one after the other; none is the beginning of another.

mod tables;

use std::fmt;

pub use self::tables::{Binding, KEYS, MODAL};
use crate::app::command::{COMMANDS, Command, find};
use crate::app::key::Key;

/// Who has the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// The text: every character types.
    Text,
    /// The run or the proposal: keys steer it. What is not bound here and is no character means what it means in the text.
    Run,
    /// The text, under a modal keymap: keys are commands. What is not bound here and is no character means what it means
    /// where text is typed.
    Normal,
    /// The same while motions select.
    Select,
}

/// The contexts by the names that the settings file has for them.
pub const CONTEXTS: [(Context, &str); 4] =
    [(Context::Text, "text"), (Context::Run, "run"), (Context::Normal, "normal"), (Context::Select, "select")];

impl Context {
    /// Its name in the settings file.
    pub fn name(self) -> &'static str {
        CONTEXTS.iter().find(|(context, _)| *context == self).map_or("", |(_, name)| name)
    }

    /// Whether a character types itself here.
    pub fn types(self) -> bool {
        self == Self::Text
    }

    /// Where a key is looked for that is not bound here.
    fn behind(self) -> Option<Self> {
        match self {
            Self::Text => None,
            Self::Select => Some(Self::Normal),
            Self::Run | Self::Normal => Some(Self::Text),
        }
    }
}

/// The keymaps that the program comes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// Keys type.
    #[default]
    Modeless,
    /// Keys are commands until one of them begins typing.
    Modal,
}

/// Keys and what they do.
#[derive(Clone, PartialEq)]
pub struct Bound {
    /// Where it holds.
    pub context: Context,
    /// The keys, one after the other.
    pub keys: Vec<Key>,
    /// The command.
    pub command: &'static Command,
}

impl Bound {
    /// The keys as they are written, with blanks between.
    pub fn written(&self) -> String {
        written(&self.keys)
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} = {}", self.context.name(), self.written(), self.command.name)
    }
}

/// Keys with blanks between.
pub fn written(keys: &[Key]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// What keys mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Meaning {
    /// A command.
    Command(&'static Command),
    /// More keys are to come.
    Begun,
    /// Nothing.
    Nothing,
}

/// All keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Keymap {
    bound: Vec<Bound>,
}

impl Keymap {
    /// The keys of a scheme.
    pub fn of(scheme: Scheme) -> Self {
        let mut keymap = Self { bound: Vec::new() };
        let modal: &[Binding] = if scheme == Scheme::Modal { MODAL } else { &[] };
        for binding in KEYS.iter().chain(modal) {
            let bound = keymap.bind(binding.context, binding.key, binding.command);
            debug_assert!(bound.is_ok(), "{binding:?}: {bound:?}");
        }
        // What is bound later goes before; here the tables are to have their own order.
        keymap.bound.reverse();
        keymap
    }

    /// Gives keys another meaning; `none` takes theirs away. They are then the first to be shown for their command. Returns
    /// what they meant before.
    ///
    /// # Errors
    /// A sentence: no such key, no such command, or keys that would hide others.
    pub fn bind(&mut self, context: Context, keys: &str, command: &str) -> Result<Option<&'static Command>, BindError> {
        let keys: Vec<Key> =
            keys.split_whitespace().map(str::parse).collect::<Result<_, String>>().map_err(BindError::Key)?;
        let Some(first) = keys.first() else {
            return Err(BindError::Key("there is no key in \"\"".to_owned()));
        };
        if context.types() && first.printable().is_some() {
            return Err(BindError::Key(format!("{first} types itself in the text; bind it with ctrl or alt")));
        }
        let new = match command {
            "none" => None,
            name => Some(find(name).ok_or(BindError::Command)?),
        };
        let before = self.bound.iter().position(|bound| bound.context == context && bound.keys == keys);
        let before = before.map(|at| self.bound.remove(at));
        if let Some(command) = new {
            let hides = |other: &&Bound| {
                other.context == context && (other.keys.starts_with(&keys) || keys.starts_with(&other.keys))
            };
            if let Some(other) = self.bound.iter().find(hides) {
                let (new, old) = (written(&keys), other.written());
                return Err(BindError::Key(format!(
                    "{new} and {old} ({}) begin alike, so one is never reached",
                    other.command.name
                )));
            }
            self.bound.insert(0, Bound { context, keys, command });
        }
        Ok(before.map(|bound| bound.command))
    }

    /// What these keys mean, looked for here and where [`Context`] says.
    pub fn meaning(&self, context: Context, keys: &[Key]) -> Meaning {
        let mut at = Some(context);
        while let Some(here) = at {
            let mut begun = false;
            for bound in self.bound.iter().filter(|bound| bound.context == here) {
                if bound.keys == keys {
                    return Meaning::Command(bound.command);
                }
                begun |= bound.keys.starts_with(keys);
            }
            if begun {
                return Meaning::Begun;
            }
            at = here.behind();
        }
        Meaning::Nothing
    }

    /// The key that one pressed at a terminal which tells keys apart is to be taken for: itself if it means something, else
    /// the one that an older terminal would have reported.
    pub fn taken_for(&self, key: Key) -> Key {
        let means_something = self.bound.iter().any(|bound| bound.keys.contains(&key));
        if means_something { key } else { key.of_older_terminals() }
    }

    /// The bindings, in the order of the tables.
    pub fn bound(&self) -> &[Bound] {
        &self.bound
    }

    /// The bindings of a command, the one to be shown first.
    pub fn keys_of<'k>(&'k self, command: &'k str) -> impl Iterator<Item = &'k Bound> {
        self.bound.iter().filter(move |bound| bound.command.name == command)
    }

    /// The key to be shown for a command: one that works while text is typed if there is one.
    pub fn key_of(&self, command: &str) -> Option<String> {
        let typing = self.keys_of(command).find(|bound| bound.context.types());
        typing.or_else(|| self.keys_of(command).next()).map(Bound::written)
    }

    /// The key of a command in this context.
    pub fn key_in(&self, context: Context, command: &str) -> Option<String> {
        self.keys_of(command).find(|bound| bound.context == context).map(Bound::written)
    }

    /// A sentence in which commands stand in braces, with their keys instead: `{undo} takes it back`.
    pub fn said(&self, sentence: &str) -> String {
        let mut out = String::with_capacity(sentence.len());
        let mut rest = sentence;
        while let Some((before, behind)) = rest.split_once('{') {
            out.push_str(before);
            rest = if let Some((name, after)) = behind.split_once('}').filter(|(name, _)| find(name).is_some()) {
                out.push_str(&self.key_of(name).unwrap_or_else(|| name.to_owned()));
                after
            } else {
                out.push('{');
                behind
            };
        }
        out + rest
    }
}

/// Why a key cannot be bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BindError {
    /// A sentence about the key.
    Key(String),
    /// There is no such command.
    Command,
}

/// The names that a key can be bound to.
pub fn command_names() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().map(|command| command.name).chain(["none"])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::app::command::COMMANDS;

    #[test]
    fn every_key_is_in_normal_form_names_a_command_and_is_bound_once() {
        for scheme in [Scheme::Modeless, Scheme::Modal] {
            let tables: &[&[Binding]] = if scheme == Scheme::Modal { &[KEYS, MODAL] } else { &[KEYS] };
            for table in tables {
                let mut keymap = Keymap { bound: Vec::new() };
                for binding in *table {
                    let keys: Vec<Key> = binding.key.split(' ').map(|key| key.parse().unwrap()).collect();
                    assert_eq!(written(&keys), binding.key, "not as a terminal reports it");
                    assert_eq!(keymap.bind(binding.context, binding.key, binding.command), Ok(None), "{binding:?}");
                }
            }
            assert_eq!(
                Keymap::of(scheme).bound().len(),
                if scheme == Scheme::Modal { KEYS.len() + MODAL.len() - 1 } else { KEYS.len() }
            );
        }
    }

    #[test]
    fn keys_are_given_another_meaning_or_none() {
        let mut keymap = Keymap::of(Scheme::Modal);
        let before = keymap.bind(Context::Text, "ctrl-s", "find").unwrap().unwrap();
        assert_eq!(before.name, "save");
        assert_eq!(keymap.meaning(Context::Run, &["ctrl-s".parse().unwrap()]), Meaning::Command(find("find").unwrap()));
        keymap.bind(Context::Text, "ctrl-s", "none").unwrap();
        assert_eq!(keymap.meaning(Context::Text, &["ctrl-s".parse().unwrap()]), Meaning::Nothing);
        assert_eq!(keymap.meaning(Context::Select, &["g".parse().unwrap()]), Meaning::Begun);
        let gg = ["g".parse().unwrap(), "g".parse().unwrap()];
        assert_eq!(keymap.meaning(Context::Select, &gg), Meaning::Command(find("select-start").unwrap()));
        assert_eq!(keymap.meaning(Context::Normal, &gg), Meaning::Command(find("start").unwrap()));
    }

    #[test]
    fn keys_that_cannot_work_are_refused_with_a_sentence() {
        let mut keymap = Keymap::of(Scheme::Modal);
        let mut refused = |context, key: &str, command: &str| keymap.bind(context, key, command).unwrap_err();
        let why = |error: BindError| if let BindError::Key(why) = error { why } else { String::new() };
        assert!(why(refused(Context::Text, "x", "save")).contains("types itself"));
        assert!(why(refused(Context::Text, "ctrl-", "save")).contains("no key named"));
        assert!(why(refused(Context::Text, "", "save")).contains("no key"));
        assert_eq!(refused(Context::Text, "ctrl-s", "sav"), BindError::Command);
        assert!(why(refused(Context::Normal, "g", "end")).contains("begin alike"));
        assert!(why(refused(Context::Normal, "u u", "end")).contains("undo"));
    }

    #[test]
    fn sentences_name_the_keys_that_there_are() {
        let mut keymap = Keymap::of(Scheme::Modeless);
        assert_eq!(keymap.said("{undo} takes {it} back {"), "ctrl-z takes {it} back {");
        keymap.bind(Context::Text, "ctrl-z", "none").unwrap();
        assert_eq!(keymap.said("{undo} takes it back"), "undo takes it back");
    }

    #[test]
    fn every_command_has_a_unique_name_and_one_sentence() {
        let mut names = BTreeSet::new();
        for command in COMMANDS {
            assert!(names.insert(command.name), "{} is there twice", command.name);
            assert!(
                command.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
                "{}",
                command.name
            );
            assert!(command.doc.ends_with('.') && command.doc.matches(". ").count() == 0, "{}", command.doc);
            assert!(command.doc.starts_with(char::is_uppercase), "{}", command.doc);
        }
    }

    #[test]
    fn tab_is_never_about_the_model() {
        for key in ["tab", "backtab"] {
            for scheme in [Scheme::Modeless, Scheme::Modal] {
                let keymap = Keymap::of(scheme);
                for bound in keymap.bound().iter().filter(|bound| bound.written() == key) {
                    assert!(bound.context == Context::Text && bound.command.name.ends_with("dent"), "{bound:?}");
                }
            }
        }
    }
}
