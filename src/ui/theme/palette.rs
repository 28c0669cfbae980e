//! Hues of cells, marks and words around the text, near those of Okabe and Ito.

use ratatui::style::{Color as Hue, Style};

/// The hues of a theme, without modifiers.
pub(super) struct Palette {
    pub(super) hole: Style,
    pub(super) just_committed: Style,
    pub(super) committed: Style,
    pub(super) proposed: Style,
    pub(super) remasked: Style,
    pub(super) pinned: Style,
    pub(super) matched: Style,
    pub(super) current_match: Style,
    pub(super) run: Style,
    pub(super) warning: Style,
    pub(super) error: Style,
    /// Words that are a little unlikely, unlikely, and very unlikely.
    pub(super) heat: [Style; 3],
}

pub(super) const fn ink(hue: Hue) -> Style {
    Style::new().fg(hue)
}

const fn on(ground: Hue, hue: Hue) -> Style {
    Style::new().fg(hue).bg(ground)
}

pub(super) const BLACK: Hue = Hue::Rgb(0, 0, 0);
pub(super) const WHITE: Hue = Hue::Rgb(255, 255, 255);
const ORANGE: Hue = Hue::Rgb(179, 107, 0);
const VERMILLION: Hue = Hue::Rgb(213, 94, 0);
const BLUE: Hue = Hue::Rgb(0, 114, 178);

pub(super) const FULL: Palette = Palette {
    hole: ink(ORANGE),
    just_committed: on(Hue::Rgb(86, 180, 233), BLACK),
    committed: on(Hue::Rgb(11, 92, 138), WHITE),
    proposed: on(Hue::Rgb(0, 102, 75), WHITE),
    remasked: ink(VERMILLION),
    pinned: ink(Hue::Rgb(168, 87, 143)),
    matched: on(Hue::Rgb(240, 228, 66), BLACK),
    current_match: on(Hue::Rgb(230, 159, 0), BLACK),
    run: ink(BLUE),
    warning: ink(ORANGE),
    error: ink(VERMILLION),
    heat: [ink(Hue::Rgb(140, 112, 134)), ink(Hue::Rgb(196, 78, 134)), ink(Hue::Rgb(214, 58, 68))],
};

// Yellow on white and blue on black cannot be read in many palettes of sixteen, so neither is used as ink.
pub(super) const SIXTEEN: Palette = Palette {
    hole: ink(Hue::Magenta),
    just_committed: on(Hue::Cyan, Hue::Black),
    committed: on(Hue::Blue, Hue::White),
    proposed: on(Hue::Green, Hue::Black),
    remasked: ink(Hue::Red),
    pinned: ink(Hue::LightBlue),
    matched: on(Hue::Yellow, Hue::Black),
    current_match: on(Hue::LightYellow, Hue::Black),
    run: ink(Hue::LightBlue),
    warning: ink(Hue::Magenta),
    error: ink(Hue::Red),
    heat: [Style::new(), ink(Hue::LightRed), ink(Hue::Red)],
};
