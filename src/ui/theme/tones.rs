//! Hues of the words of a language, for a ground that is dark, light or not known, and styles as users write them.
//!
//! Modifiers are the same everywhere and never those of a cell of a run, so that no word looks like a proposal.

use ratatui::style::{Color as Hue, Modifier, Style};

use crate::app::highlight::{TONES, Tone};
use crate::ui::theme::palette::ink;

/// How each tone looks, in the order of [`TONES`].
pub(crate) type Tones = [Style; TONES.len()];

/// Without colour.
pub(super) fn plain() -> Tones {
    TONES.map(|(tone, _)| match tone {
        Tone::Comment => Style::new().add_modifier(Modifier::DIM),
        Tone::Keyword | Tone::Heading | Tone::Strong => Style::new().add_modifier(Modifier::BOLD),
        _ => Style::new(),
    })
}

/// The hues of a ground.
pub(super) struct Hues {
    comment: Style,
    text: Style,
    number: Style,
    keyword: Style,
    function: Style,
    kind: Style,
    name: Style,
    added: Style,
    removed: Style,
}

const fn rgb(red: u8, green: u8, blue: u8) -> Style {
    ink(Hue::Rgb(red, green, blue))
}

/// For a ground that is not known: about 4:1 against black and against white.
pub(super) const MIDDLE: Hues = Hues {
    comment: rgb(118, 118, 118),
    text: rgb(62, 128, 48),
    number: rgb(176, 96, 40),
    keyword: rgb(148, 88, 190),
    function: rgb(38, 116, 196),
    kind: rgb(0, 128, 128),
    name: rgb(160, 98, 66),
    added: rgb(62, 128, 48),
    removed: rgb(206, 66, 66),
};

pub(super) const DARK: Hues = Hues {
    comment: rgb(138, 145, 153),
    text: rgb(152, 195, 121),
    number: rgb(222, 165, 110),
    keyword: rgb(198, 146, 233),
    function: rgb(110, 180, 255),
    kind: rgb(86, 200, 200),
    name: rgb(224, 160, 128),
    added: rgb(152, 195, 121),
    removed: rgb(240, 128, 128),
};

pub(super) const LIGHT: Hues = Hues {
    comment: rgb(98, 102, 108),
    text: rgb(40, 104, 24),
    number: rgb(150, 72, 10),
    keyword: rgb(120, 50, 170),
    function: rgb(10, 84, 160),
    kind: rgb(0, 98, 98),
    name: rgb(130, 68, 34),
    added: rgb(40, 104, 24),
    removed: rgb(176, 30, 30),
};

/// Of the sixteen colours those that can be read on black and on white in most palettes.
pub(super) const SIXTEEN: Hues = Hues {
    comment: Style::new(),
    text: ink(Hue::Green),
    number: ink(Hue::Cyan),
    keyword: ink(Hue::LightBlue),
    function: Style::new(),
    kind: ink(Hue::Cyan),
    name: ink(Hue::Cyan),
    added: ink(Hue::Green),
    removed: ink(Hue::Red),
};

impl Hues {
    pub(super) fn of(&self, tone: Tone) -> Style {
        match tone {
            // A hue of its own is quiet enough.
            Tone::Comment if self.comment.fg.is_some() => self.comment.remove_modifier(Modifier::DIM),
            Tone::Comment => self.comment,
            Tone::String | Tone::Code => self.text,
            Tone::Number | Tone::Constant | Tone::Escape => self.number,
            Tone::Keyword | Tone::Heading => self.keyword,
            Tone::Function | Tone::Link => self.function,
            Tone::Type => self.kind,
            Tone::Name => self.name,
            Tone::Added => self.added,
            Tone::Removed => self.removed,
            Tone::Strong | Tone::Stressed => Style::new(),
        }
    }
}

/// The names of the sixteen colours.
const NAMES: [(&str, Hue); 17] = [
    ("default", Hue::Reset),
    ("black", Hue::Black),
    ("red", Hue::Red),
    ("green", Hue::Green),
    ("yellow", Hue::Yellow),
    ("blue", Hue::Blue),
    ("magenta", Hue::Magenta),
    ("cyan", Hue::Cyan),
    ("gray", Hue::Gray),
    ("dark-gray", Hue::DarkGray),
    ("light-red", Hue::LightRed),
    ("light-green", Hue::LightGreen),
    ("light-yellow", Hue::LightYellow),
    ("light-blue", Hue::LightBlue),
    ("light-magenta", Hue::LightMagenta),
    ("light-cyan", Hue::LightCyan),
    ("white", Hue::White),
];

/// Reads a style: `bold #c678dd on black`. The error says what is not known.
pub fn parse_style(text: &str) -> Result<Style, String> {
    let mut style = Style::new();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        style = match word {
            "bold" => style.add_modifier(Modifier::BOLD),
            "dim" => style.add_modifier(Modifier::DIM),
            "italic" => style.add_modifier(Modifier::ITALIC),
            "underlined" => style.add_modifier(Modifier::UNDERLINED),
            "on" => style.bg(hue(words.next().unwrap_or_default())?),
            word => style.fg(hue(word)?),
        };
    }
    Ok(style)
}

fn hue(word: &str) -> Result<Hue, String> {
    if let Some((_, hue)) = NAMES.iter().find(|(name, _)| *name == word) {
        return Ok(*hue);
    }
    let digits = word.strip_prefix('#').filter(|digits| digits.len() == 6);
    let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let Some(number) = number else {
        return Err(format!(
            "`{word}` is no colour; take one such as #c678dd, green or light-blue, and bold, dim, italic or underlined"
        ));
    };
    let [_, red, green, blue] = number.to_be_bytes();
    Ok(Hue::Rgb(red, green, blue))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_are_read_as_they_are_written() {
        let style = parse_style("bold #c678dd on black").unwrap();
        assert_eq!(style, Style::new().fg(Hue::Rgb(0xc6, 0x78, 0xdd)).bg(Hue::Black).add_modifier(Modifier::BOLD));
        assert_eq!(parse_style(""), Ok(Style::new()));
        for wrong in ["purpel", "#12", "#gggggg", "on", "#1234567"] {
            assert!(parse_style(wrong).unwrap_err().contains("is no colour"), "{wrong}");
        }
    }
}
