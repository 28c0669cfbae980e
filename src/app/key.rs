//! Keys as the program knows them: a code and three modifiers, in one normal form that parses and prints.
//!
//! Terminals report the same key in several ways (`A` with or without shift, shift-Tab as back-tab). [`Key::new`] folds
//! them into one form, so that the key table compares for equality and nothing else.

use std::fmt;
use std::str::FromStr;

/// Which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyCode {
    /// A key that writes this character.
    Char(char),
    /// Return.
    Enter,
    /// Tab.
    Tab,
    /// Tab with shift.
    BackTab,
    /// Delete to the left.
    Backspace,
    /// Delete to the right.
    Delete,
    /// Arrow.
    Left,
    /// Arrow.
    Right,
    /// Arrow.
    Up,
    /// Arrow.
    Down,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Escape.
    Esc,
    /// Insert.
    Insert,
    /// F1 and so on.
    F(u8),
}

/// A key with its modifiers, in normal form when made by [`Key::new`] or parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// Which key.
    pub code: KeyCode,
    /// Control was held.
    pub ctrl: bool,
    /// Alt (Option, Meta) was held.
    pub alt: bool,
    /// Shift was held; false where the character itself shows it.
    pub shift: bool,
}

/// The modifiers held with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Modifiers {
    /// Control.
    pub ctrl: bool,
    /// Alt.
    pub alt: bool,
    /// Shift.
    pub shift: bool,
}

const NAMED: &[(KeyCode, &str)] = &[
    (KeyCode::Enter, "enter"),
    (KeyCode::Tab, "tab"),
    (KeyCode::BackTab, "backtab"),
    (KeyCode::Backspace, "backspace"),
    (KeyCode::Delete, "delete"),
    (KeyCode::Left, "left"),
    (KeyCode::Right, "right"),
    (KeyCode::Up, "up"),
    (KeyCode::Down, "down"),
    (KeyCode::Home, "home"),
    (KeyCode::End, "end"),
    (KeyCode::PageUp, "pageup"),
    (KeyCode::PageDown, "pagedown"),
    (KeyCode::Esc, "esc"),
    (KeyCode::Insert, "insert"),
    (KeyCode::Char(' '), "space"),
];

impl Key {
    /// The key in normal form: a character without control or alt carries shift itself, letters with control or alt are
    /// lower case and keep the flag, and shift-Tab is [`KeyCode::BackTab`].
    pub fn new(code: KeyCode, held: Modifiers) -> Self {
        let Modifiers { ctrl, alt, mut shift } = held;
        let code = match code {
            KeyCode::Tab if shift => KeyCode::BackTab,
            KeyCode::Char(c) if ctrl || alt => {
                shift = c.is_alphabetic() && (shift || c.is_uppercase());
                KeyCode::Char(single_lowercase(c))
            }
            other => other,
        };
        if matches!(code, KeyCode::BackTab) || (matches!(code, KeyCode::Char(_)) && !ctrl && !alt) {
            shift = false;
        }
        Self { code, ctrl, alt, shift }
    }

    /// A key without modifiers.
    pub fn plain(code: KeyCode) -> Self {
        Self::new(code, Modifiers::default())
    }

    /// What terminals report for the key that cannot tell all keys apart: enter for shift-enter and for ctrl-m, say.
    pub fn of_older_terminals(self) -> Self {
        let code = match self.code {
            KeyCode::Char('[') if self.ctrl => KeyCode::Esc,
            KeyCode::Char('i') if self.ctrl => KeyCode::Tab,
            KeyCode::Char('m') if self.ctrl => KeyCode::Enter,
            KeyCode::Esc | KeyCode::Enter | KeyCode::Tab | KeyCode::Backspace => self.code,
            _ => return self,
        };
        Self { code, ctrl: false, shift: false, ..self }
    }

    /// The character that the key writes into a text, if it writes one.
    pub fn printable(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if !self.ctrl && !self.alt && !c.is_control() => Some(c),
            _ => None,
        }
    }
}

/// Lower case where that is one character.
fn single_lowercase(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (held, name) in [(self.ctrl, "ctrl-"), (self.alt, "alt-"), (self.shift, "shift-")] {
            if held {
                f.write_str(name)?;
            }
        }
        match (NAMED.iter().find(|(code, _)| *code == self.code), self.code) {
            (Some((_, name)), _) => f.write_str(name),
            (None, KeyCode::Char(c)) => write!(f, "{c}"),
            (None, KeyCode::F(n)) => write!(f, "f{n}"),
            (None, _) => Ok(()),
        }
    }
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut held = Modifiers::default();
        let mut rest = text;
        loop {
            let modifier =
                [("ctrl-", 0), ("alt-", 1), ("shift-", 2)].into_iter().find(|(name, _)| rest.starts_with(name));
            let Some((name, which)) = modifier else { break };
            match which {
                0 => held.ctrl = true,
                1 => held.alt = true,
                _ => held.shift = true,
            }
            rest = &rest[name.len()..];
        }
        let mut chars = rest.chars();
        let code = match (NAMED.iter().find(|(_, name)| *name == rest), chars.next(), chars.next()) {
            (Some((code, _)), ..) => *code,
            (None, Some(c), None) => KeyCode::Char(c),
            (None, Some('f'), Some(_)) => KeyCode::F(rest[1..].parse().map_err(|_| unknown(text))?),
            _ => return Err(unknown(text)),
        };
        Ok(Self::new(code, held))
    }
}

fn unknown(text: &str) -> String {
    format!("there is no key named {text:?}; keys look like ctrl-s, alt-enter, shift-right or f5")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_print_as_they_parse() {
        for name in
            ["ctrl-s", "alt-enter", "shift-right", "f1", "f12", "a", "A", "?", "-", "ctrl--", "space", "ctrl-shift-z"]
        {
            let key: Key = name.parse().unwrap();
            assert_eq!(key.to_string(), name);
        }
        assert!("ctrl-".parse::<Key>().is_err());
        assert!("fx".parse::<Key>().is_err());
        assert!("home2".parse::<Key>().is_err());
    }

    #[test]
    fn keys_that_were_one_to_older_terminals() {
        let older = |name: &str| name.parse::<Key>().unwrap().of_older_terminals().to_string();
        let cases = [
            ("ctrl-[", "esc"),
            ("ctrl-i", "tab"),
            ("ctrl-m", "enter"),
            ("shift-enter", "enter"),
            ("ctrl-shift-enter", "enter"),
            ("alt-shift-enter", "alt-enter"),
            ("shift-backspace", "backspace"),
            ("alt-m", "alt-m"),
            ("ctrl-right", "ctrl-right"),
            ("m", "m"),
        ];
        for (new, old) in cases {
            assert_eq!(older(new), old, "{new}");
        }
    }

    #[test]
    fn one_key_reported_in_two_ways_is_one_key() {
        let shift = Modifiers { shift: true, ..Modifiers::default() };
        assert_eq!(Key::new(KeyCode::Char('A'), shift), Key::plain(KeyCode::Char('A')));
        assert_eq!(Key::new(KeyCode::Tab, shift), Key::plain(KeyCode::BackTab));
        let ctrl_shift = Modifiers { ctrl: true, shift: true, alt: false };
        let ctrl = Modifiers { ctrl: true, ..Modifiers::default() };
        assert_eq!(Key::new(KeyCode::Char('Z'), ctrl), Key::new(KeyCode::Char('z'), ctrl_shift));
        assert_eq!(Key::plain(KeyCode::Char('é')).printable(), Some('é'));
        assert_eq!(Key::new(KeyCode::Char('e'), ctrl).printable(), None);
    }
}
