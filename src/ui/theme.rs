//! Every colour, modifier and glyph of the program, as data.
//!
//! Modifiers are the same in every theme and tell every state apart on their own, with the glyphs' help: [`Theme::plain`]
//! is those alone. A [`Palette`] adds hues to it. The background of the terminal is not known, so a hue without a
//! background is of middling lightness (about 4:1 against black and against white), and where there is a background its
//! text colour comes with it. Hues are near those of Okabe and Ito, which most colour-blind readers can tell apart: orange
//! for holes, blue for what a run is writing, green for what waits for a decision, grey for noise.

use ratatui::style::{Color as Hue, Modifier, Style};

use crate::app::layout::{Look, Marks};
use crate::app::settings::Color;
use crate::engine::protocol::CellState;

/// Ends words that are cut.
pub(crate) const ELLIPSIS: &str = "…";

/// How everything looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    pub(crate) page: Page,
    pub(crate) cells: Cells,
    pub(crate) words: Words,
    pub(crate) glyphs: Glyphs,
}

/// Styles of the user's text and its margin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) text: Style,
    /// Line numbers, and that of the caret's line.
    pub(crate) number: Style,
    pub(crate) number_here: Style,
    /// The bar of lines that hold a marked hole, and of those with a run or a proposal.
    pub(crate) bar_hole: Style,
    pub(crate) bar_run: Style,
    pub(crate) hole: Style,
    pub(crate) empty_hole: Style,
    pub(crate) selected: Style,
    pub(crate) matched: Style,
    pub(crate) current_match: Style,
    /// What an empty document says, and the signs of lines that go on beyond the window.
    pub(crate) aside: Style,
}

/// Styles of the cells of a run; `proposed` is a written cell of a proposal in review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cells {
    pub(crate) masked: Style,
    pub(crate) tentative: Style,
    pub(crate) just_committed: Style,
    pub(crate) committed: Style,
    pub(crate) remasked: Style,
    pub(crate) pinned: Style,
    pub(crate) original: Style,
    pub(crate) proposed: Style,
}

/// Styles of the lines around the text and of panels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) plain: Style,
    pub(crate) strong: Style,
    pub(crate) quiet: Style,
    pub(crate) key: Style,
    pub(crate) rule: Style,
    pub(crate) progress: Style,
    pub(crate) warning: Style,
    pub(crate) error: Style,
    pub(crate) chosen: Style,
}

/// The signs, each one column wide. Those of cells come from the layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Glyphs {
    pub(crate) margin: &'static str,
    pub(crate) rule: &'static str,
    pub(crate) done: &'static str,
    pub(crate) dirty: &'static str,
    pub(crate) chosen: &'static str,
    pub(crate) running: &'static str,
    pub(crate) paused: &'static str,
    pub(crate) waiting: &'static str,
    pub(crate) review: &'static str,
    pub(crate) hole: &'static str,
    pub(crate) info: &'static str,
    pub(crate) warning: &'static str,
    pub(crate) error: &'static str,
    pub(crate) beyond_left: &'static str,
    pub(crate) beyond_right: &'static str,
}

const GLYPHS: Glyphs = Glyphs {
    margin: "┃",
    rule: "─",
    done: "━",
    dirty: "●",
    chosen: "▸",
    running: "▸",
    paused: "‖",
    waiting: "…",
    review: "◆",
    hole: "▢",
    info: "·",
    warning: "!",
    error: "✗",
    beyond_left: "‹",
    beyond_right: "›",
};

/// The hues of a theme, without modifiers.
struct Palette {
    hole: Style,
    just_committed: Style,
    committed: Style,
    proposed: Style,
    remasked: Style,
    pinned: Style,
    matched: Style,
    current_match: Style,
    run: Style,
    warning: Style,
    error: Style,
}

const fn ink(hue: Hue) -> Style {
    Style::new().fg(hue)
}

const fn on(ground: Hue, hue: Hue) -> Style {
    Style::new().fg(hue).bg(ground)
}

const BLACK: Hue = Hue::Rgb(0, 0, 0);
const WHITE: Hue = Hue::Rgb(255, 255, 255);
const ORANGE: Hue = Hue::Rgb(179, 107, 0);
const VERMILLION: Hue = Hue::Rgb(213, 94, 0);
const BLUE: Hue = Hue::Rgb(0, 114, 178);

const FULL: Palette = Palette {
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
};

// Yellow on white and blue on black cannot be read in many palettes of sixteen, so neither is used as ink.
const SIXTEEN: Palette = Palette {
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
};

impl Theme {
    /// Without colour. No style sets a colour at all: a terminal library that is told not to use colours would wipe the
    /// modifiers together with them.
    pub fn plain() -> Self {
        let with = |modifier: Modifier| Style::new().add_modifier(modifier);
        let (bold, dim, italic) = (Modifier::BOLD, Modifier::DIM, Modifier::ITALIC);
        let (underlined, reversed) = (Modifier::UNDERLINED, Modifier::REVERSED);
        Self {
            page: Page {
                text: Style::new(),
                number: with(dim),
                number_here: Style::new(),
                bar_hole: Style::new(),
                bar_run: with(bold),
                hole: with(underlined),
                empty_hole: with(bold),
                selected: with(reversed),
                matched: with(bold | underlined),
                current_match: with(bold | underlined | reversed),
                aside: with(dim),
            },
            cells: Cells {
                masked: with(dim),
                tentative: with(dim | italic),
                just_committed: with(bold | italic),
                committed: with(italic),
                remasked: with(dim | Modifier::CROSSED_OUT),
                pinned: with(bold | underlined),
                original: with(underlined),
                proposed: with(italic | underlined),
            },
            words: Words {
                plain: Style::new(),
                strong: with(bold),
                quiet: with(dim),
                key: with(bold),
                rule: with(dim),
                progress: with(bold),
                warning: with(bold),
                error: with(bold),
                chosen: with(reversed),
            },
            glyphs: GLYPHS,
        }
    }

    /// In the sixteen colours of every terminal.
    pub fn sixteen() -> Self {
        Self::plain().tinted(&SIXTEEN)
    }

    /// In 24 bits.
    pub fn full() -> Self {
        Self::plain().tinted(&FULL)
    }

    /// The theme for a setting and a terminal. `no_color`: the environment asks for none; `truecolor`: the terminal says
    /// that it has 24 bits. Both count only where the setting leaves it open.
    pub fn choose(color: Color, no_color: bool, truecolor: bool) -> Self {
        match color {
            Color::None => Self::plain(),
            Color::Sixteen => Self::sixteen(),
            Color::True => Self::full(),
            Color::Auto if no_color => Self::plain(),
            Color::Auto if truecolor => Self::full(),
            Color::Auto => Self::sixteen(),
        }
    }

    fn tinted(mut self, hues: &Palette) -> Self {
        let tint = |style: &mut Style, hue: Style| *style = style.patch(hue);
        tint(&mut self.page.hole, hues.hole);
        tint(&mut self.page.empty_hole, hues.hole);
        tint(&mut self.page.bar_hole, hues.hole);
        tint(&mut self.page.bar_run, hues.run);
        tint(&mut self.page.matched, hues.matched);
        // The match is selected as well: its own ground stands, rather than the reverse of it.
        tint(&mut self.page.current_match, hues.current_match.remove_modifier(Modifier::REVERSED));
        tint(&mut self.cells.just_committed, hues.just_committed);
        tint(&mut self.cells.committed, hues.committed);
        tint(&mut self.cells.proposed, hues.proposed);
        tint(&mut self.cells.remasked, hues.remasked);
        tint(&mut self.cells.pinned, hues.pinned);
        tint(&mut self.cells.original, hues.hole);
        tint(&mut self.words.key, hues.run);
        tint(&mut self.words.progress, hues.run);
        tint(&mut self.words.warning, hues.warning);
        tint(&mut self.words.error, hues.error);
        self
    }

    /// How a glyph of the page looks.
    pub(crate) fn glyph(&self, look: Look, marks: Marks) -> Style {
        let mut style = self.look(look, marks.proposed);
        for (is_on, over) in [
            (marks.selected, self.page.selected),
            (marks.matched, self.page.matched),
            (marks.current_match, self.page.current_match),
        ] {
            if is_on {
                style = style.patch(over);
            }
        }
        style
    }

    fn look(&self, look: Look, proposed: bool) -> Style {
        match look {
            Look::Text => self.page.text,
            Look::Hole => self.page.hole,
            Look::EmptyHole => self.page.empty_hole,
            Look::Cell { state, .. } => self.cell(state, proposed),
            // Noise is no text: it is told by its glyph, and shade with a line through it would be neither.
            Look::Shade { state: CellState::Remasked } => self.cells.masked,
            Look::Shade { state } => self.cell(state, proposed),
            // A box is seen by its ground alone; a line under or through blanks would look like text.
            Look::Padding { state } => {
                let Style { fg, bg, .. } = self.cell(state, proposed);
                Style { fg, bg, ..Style::new() }
            }
            Look::Break { state } => self.cell(state, proposed).add_modifier(Modifier::DIM),
        }
    }

    /// How a cell looks. In a proposal, words that the run wrote are told from those it left as they were.
    pub(crate) fn cell(&self, state: CellState, proposed: bool) -> Style {
        match state {
            CellState::JustCommitted | CellState::Committed if proposed => self.cells.proposed,
            CellState::Masked => self.cells.masked,
            CellState::Tentative => self.cells.tentative,
            CellState::JustCommitted => self.cells.just_committed,
            CellState::Committed => self.cells.committed,
            CellState::Remasked => self.cells.remasked,
            CellState::Pinned => self.cells.pinned,
            CellState::Original => self.cells.original,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [CellState; 7] = [
        CellState::Masked,
        CellState::Tentative,
        CellState::JustCommitted,
        CellState::Committed,
        CellState::Remasked,
        CellState::Pinned,
        CellState::Original,
    ];

    #[test]
    fn states_differ_without_colour_and_from_the_users_text() {
        for theme in [Theme::plain(), Theme::sixteen(), Theme::full()] {
            let mut seen = vec![theme.page.text.add_modifier];
            let running = STATES.map(|state| theme.cell(state, false));
            for style in running.iter().chain([&theme.cells.proposed]) {
                assert!(!seen.contains(&style.add_modifier), "{style:?} looks like another state");
                seen.push(style.add_modifier);
            }
            for word in [theme.page.hole, theme.page.selected, theme.page.matched, theme.page.current_match] {
                assert!(!word.add_modifier.is_empty(), "{word:?} looks like text");
            }
        }
    }

    #[test]
    fn plain_sets_no_colour() {
        let drawn = format!("{:?}", Theme::plain());
        assert!(!drawn.contains("fg(") && !drawn.contains("bg(") && !drawn.contains("Some("), "{drawn}");
        assert!(format!("{:?}", Theme::full()).contains("Rgb"));
    }

    #[test]
    fn the_setting_goes_before_the_environment() {
        for (color, no_color, truecolor, theme) in [
            (Color::Auto, true, true, Theme::plain()),
            (Color::Auto, false, true, Theme::full()),
            (Color::Auto, false, false, Theme::sixteen()),
            (Color::True, true, false, Theme::full()),
            (Color::Sixteen, true, true, Theme::sixteen()),
            (Color::None, false, true, Theme::plain()),
        ] {
            assert_eq!(Theme::choose(color, no_color, truecolor), theme, "{color:?}");
        }
    }

    /// Relative luminance as WCAG has it.
    fn luminance(hue: Hue) -> f64 {
        let Hue::Rgb(r, g, b) = hue else { panic!("{hue:?} has no known lightness") };
        let [r, g, b] = [r, g, b].map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    fn contrast(a: Hue, b: Hue) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn hues_can_be_read_on_black_and_on_white() {
        let Palette { hole, just_committed, committed, proposed, remasked, pinned, matched, .. } = FULL;
        for style in [hole, just_committed, committed, proposed, remasked, pinned, matched].into_iter().chain([
            FULL.current_match,
            FULL.run,
            FULL.warning,
            FULL.error,
        ]) {
            let fg = style.fg.unwrap();
            match style.bg {
                Some(bg) => assert!(contrast(fg, bg) > 4.5, "{style:?}"),
                None => assert!(contrast(fg, BLACK).min(contrast(fg, WHITE)) > 3.8, "{style:?}"),
            }
        }
    }

    #[test]
    fn signs_are_one_column_wide() {
        let Glyphs { margin, rule, done, dirty, chosen, running, paused, waiting, review, .. } = GLYPHS;
        let rest = [GLYPHS.hole, GLYPHS.info, GLYPHS.warning, GLYPHS.error, GLYPHS.beyond_left, GLYPHS.beyond_right];
        for sign in [margin, rule, done, dirty, chosen, running, paused, waiting, review, ELLIPSIS].iter().chain(&rest)
        {
            assert_eq!(crate::ui::pen::width(sign), 1, "{sign}");
        }
    }
}
