//! The line that is typed at a prompt: its text, its caret, and the keys that edit it.

use crate::app::key::{Key, KeyCode};

/// A line of input with a caret.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Input {
    text: String,
    /// The caret, in characters.
    caret: usize,
    /// The text was offered and not touched yet: the first key typed replaces it.
    offered: bool,
}

impl Input {
    /// A line with the caret at its end.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let caret = text.chars().count();
        Self { text, caret, offered: false }
    }

    /// The same, offered: what is typed first replaces it, moving the caret keeps it.
    pub(crate) fn offered(text: impl Into<String>) -> Self {
        Self { offered: true, ..Self::new(text) }
    }

    fn replace_offer(&mut self) {
        if std::mem::take(&mut self.offered) {
            self.text.clear();
            self.caret = 0;
        }
    }

    /// What was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The caret, in characters from the start.
    pub fn caret(&self) -> usize {
        self.caret
    }

    fn byte(&self, at: usize) -> usize {
        self.text.char_indices().nth(at).map_or(self.text.len(), |(byte, _)| byte)
    }

    /// Types a text; line breaks and other control characters are left out.
    pub(crate) fn insert(&mut self, text: &str) {
        self.replace_offer();
        let clean: String = text.chars().filter(|c| !c.is_control()).collect();
        let at = self.byte(self.caret);
        self.text.insert_str(at, &clean);
        self.caret += clean.chars().count();
    }

    /// Moves the caret, to the end at most.
    pub(crate) fn go(&mut self, caret: usize) {
        self.offered = false;
        self.caret = caret.min(self.text.chars().count());
    }

    /// Deletes from the caret to `to`.
    pub(crate) fn delete_to(&mut self, to: usize) {
        self.replace_offer();
        let to = to.min(self.text.chars().count());
        let range = self.byte(self.caret.min(to))..self.byte(self.caret.max(to));
        self.text.replace_range(range, "");
        self.caret = self.caret.min(to);
    }

    /// Where the word before the caret begins.
    pub(crate) fn word_start(&self) -> usize {
        let chars: Vec<char> = self.text.chars().take(self.caret).collect();
        let word = chars.iter().rposition(|c| c.is_alphanumeric()).map_or(0, |last| last + 1);
        chars[..word].iter().rposition(|c| !c.is_alphanumeric()).map_or(0, |before| before + 1)
    }

    /// Edits the line; whether its text changed.
    pub(crate) fn take_key(&mut self, key: Key) -> bool {
        let before = self.text().to_owned();
        let caret = self.caret();
        let by_word = key.ctrl || key.alt;
        match key.code {
            KeyCode::Left if by_word => self.go(self.word_start()),
            KeyCode::Left => self.go(caret.saturating_sub(1)),
            KeyCode::Right => self.go(caret + 1),
            KeyCode::Home => self.go(0),
            KeyCode::End => self.go(usize::MAX),
            KeyCode::Backspace if by_word => self.delete_to(self.word_start()),
            KeyCode::Char('h') if key.ctrl => self.delete_to(self.word_start()),
            KeyCode::Char('u' | 'k') if key.ctrl => *self = Self::new(""),
            KeyCode::Backspace => self.delete_to(caret.saturating_sub(1)),
            KeyCode::Delete => self.delete_to(caret + 1),
            _ => {
                if let Some(c) = key.printable() {
                    self.insert(c.encode_utf8(&mut [0; 4]));
                }
            }
        }
        self.text() != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_is_replaced_by_the_first_key_and_kept_by_a_motion() {
        let mut input = Input::offered("40");
        input.insert("6");
        input.insert("0");
        assert_eq!(input.text(), "60");
        let mut input = Input::offered("draft.md");
        input.go(5);
        input.insert("2");
        assert_eq!(input.text(), "draft2.md");
        let mut input = Input::offered("40");
        input.delete_to(1);
        assert_eq!(input.text(), "");
    }

    #[test]
    fn input_edits_by_characters() {
        let mut input = Input::new("naïve été");
        assert_eq!(input.word_start(), 6);
        input.delete_to(6);
        input.insert("x\ny");
        assert_eq!((input.text(), input.caret()), ("naïve xy", 8));
        input.go(2);
        input.delete_to(3);
        assert_eq!(input.text(), "nave xy");
        input.delete_to(99);
        assert_eq!(input.text(), "na");
    }
}
