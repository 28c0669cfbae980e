//! Every colour, modifier and glyph of the program, as data.
//!
//! Modifiers are the same in every theme and tell every state apart on their own, with the glyphs' help: [`Theme::plain`]
//! is those alone. A [`Palette`] adds hues to it. The background of the terminal is not known, so a hue without a
//! background is of middling lightness (about 4:1 against black and against white), and where there is a background its
//! text colour comes with it. Hues are near those of Okabe and Ito, which most colour-blind readers can tell apart: orange
//! for holes, blue for what a run is writing, green for what waits for a decision, grey for noise.

pub(crate) mod glyphs;
pub(crate) mod palette;
pub mod tones;

use ratatui::style::{Color as Hue, Modifier, Style};

use crate::app::highlight::TONES;
use crate::app::layout::{Look, Marks};
use crate::app::settings::{Color, Settings};
use crate::engine::protocol::CellState;
use crate::ui::theme::glyphs::{GLYPHS, Glyphs};
use crate::ui::theme::palette::{FULL, Palette, SIXTEEN};
use crate::ui::theme::tones::{Hues, Tones, parse_style};

/// Ends words that are cut.
pub(crate) const ELLIPSIS: &str = "…";

/// How everything looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    pub(crate) page: Page,
    pub(crate) cells: Cells,
    pub(crate) words: Words,
    pub(crate) tones: Tones,
    /// Words that are a little unlikely, unlikely, and very unlikely.
    pub(crate) heat: [Style; 3],
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
    /// Carets besides the terminal's own, and the brackets of a pair.
    pub(crate) caret: Style,
    pub(crate) pair: Style,
    pub(crate) matched: Style,
    pub(crate) current_match: Style,
    /// The ground of the caret's line, and white space made visible.
    pub(crate) line_here: Style,
    pub(crate) blank: Style,
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
    /// Words that another version does not have.
    pub(crate) differs: Style,
}

/// What the ground of a terminal is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// Nearly black.
    Dark,
    /// Nearly white.
    Light,
}

impl Ground {
    /// What the variable `COLORFGBG` says: the last of its numbers is that of the ground's colour.
    pub fn of_variable(value: &str) -> Option<Self> {
        match value.rsplit(';').next()?.trim().parse::<u8>().ok()? {
            7 | 9..=15 => Some(Self::Light),
            0..=6 | 8 => Some(Self::Dark),
            _ => None,
        }
    }
}

/// What is known about the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terminal {
    /// The environment asks for no colours.
    pub no_color: bool,
    /// It says that it has 24 bits.
    pub truecolor: bool,
    /// What its ground is like, if it says so.
    pub ground: Option<Ground>,
}

/// The themes that the program comes with, by the names that the settings have for them.
pub const THEMES: [&str; 4] = ["auto", "dark", "light", "middle"];

/// The parts that a theme of the user's may set besides the tones of words.
pub const OWN_PARTS: [&str; 12] = [
    "text",
    "number-margin",
    "current-line",
    "selection",
    "match",
    "whitespace",
    "hole",
    "written",
    "proposed",
    "key",
    "warning",
    "error",
];

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
                caret: with(reversed | underlined),
                pair: with(bold | underlined),
                matched: with(bold | underlined),
                current_match: with(bold | underlined | reversed),
                line_here: Style::new(),
                blank: with(dim),
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
                differs: with(bold | underlined),
            },
            tones: tones::plain(),
            heat: [with(dim | underlined), with(dim | italic | underlined), with(bold | italic | underlined)],
            glyphs: GLYPHS,
        }
    }

    /// In the sixteen colours of every terminal.
    pub fn sixteen() -> Self {
        Self::plain().tinted(&SIXTEEN).toned(&tones::SIXTEEN)
    }

    /// In 24 bits.
    pub fn full() -> Self {
        Self::plain().tinted(&FULL).toned(&tones::MIDDLE)
    }

    /// In 24 bits, on a ground that is known.
    pub fn on(ground: Ground) -> Self {
        let (hues, here) = match ground {
            Ground::Dark => (&tones::DARK, Hue::Rgb(38, 41, 48)),
            Ground::Light => (&tones::LIGHT, Hue::Rgb(236, 239, 243)),
        };
        let mut theme = Self::plain().tinted(&FULL).toned(hues);
        theme.page.line_here = Style::new().bg(here);
        theme
    }

    /// The theme for the settings and a terminal. What the environment says counts where the setting leaves it open.
    pub fn choose(settings: &Settings, terminal: Terminal) -> Self {
        let color = match settings.color {
            Color::Auto if terminal.no_color => Color::None,
            Color::Auto if terminal.truecolor => Color::True,
            Color::Auto => Color::Sixteen,
            color => color,
        };
        let base = settings.theme_parts.iter().rev().find(|(part, _)| part == "base");
        let ground = match base.map_or(settings.theme.as_str(), |(_, name)| name.as_str()) {
            "dark" => Some(Ground::Dark),
            "light" => Some(Ground::Light),
            "middle" => None,
            _ => terminal.ground,
        };
        let mut theme = match (color, ground) {
            (Color::None, _) => return Self::plain(),
            (Color::Sixteen | Color::Auto, _) => Self::sixteen(),
            (Color::True, Some(ground)) => Self::on(ground),
            (Color::True, None) => Self::full(),
        };
        for (part, style) in &settings.theme_parts {
            // The reader of the settings has told what cannot be read.
            if let (Some(place), Ok(style)) = (theme.part(part), parse_style(style)) {
                *place = place.patch(style);
            }
        }
        theme
    }

    /// A part that a theme of the user's may set.
    fn part(&mut self, name: &str) -> Option<&mut Style> {
        if let Some(at) = TONES.iter().position(|(_, tone)| *tone == name) {
            return Some(&mut self.tones[at]);
        }
        let Self { page, cells, words, .. } = self;
        let parts: [(&str, &mut Style); OWN_PARTS.len()] = [
            ("text", &mut page.text),
            ("number-margin", &mut page.number),
            ("current-line", &mut page.line_here),
            ("selection", &mut page.selected),
            ("match", &mut page.matched),
            ("whitespace", &mut page.blank),
            ("hole", &mut page.hole),
            ("written", &mut cells.committed),
            ("proposed", &mut cells.proposed),
            ("key", &mut words.key),
            ("warning", &mut words.warning),
            ("error", &mut words.error),
        ];
        parts.into_iter().find(|(known, _)| *known == name).map(|(_, style)| style)
    }

    fn toned(mut self, hues: &Hues) -> Self {
        for (style, (tone, _)) in self.tones.iter_mut().zip(TONES) {
            *style = style.patch(hues.of(tone));
        }
        self
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
        tint(&mut self.words.differs, hues.run);
        tint(&mut self.words.warning, hues.warning);
        tint(&mut self.words.error, hues.error);
        for (style, hue) in self.heat.iter_mut().zip(hues.heat) {
            tint(style, hue);
        }
        self
    }

    /// The colour of a style without its modifiers, for a sign that stands for it.
    pub(crate) fn ink(style: Style) -> Style {
        Style { fg: style.fg, ..Style::new() }
    }

    /// How a glyph of the page looks.
    pub(crate) fn glyph(&self, look: Look, marks: Marks) -> Style {
        let mut style = self.look(look, marks.proposed);
        if let Some(tone) = marks.tone {
            style = style.patch(self.tones[tone as usize]);
        }
        if let Some(heat) = usize::from(marks.heat).checked_sub(1).and_then(|at| self.heat.get(at)) {
            style = style.patch(*heat);
        }
        for (is_on, over) in [
            (marks.pair, self.page.pair),
            (marks.selected, self.page.selected),
            (marks.matched, self.page.matched),
            (marks.current_match, self.page.current_match),
            (marks.caret, self.page.caret),
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
            Look::Blank => self.page.blank,
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
    use crate::app::highlight::Tone;
    use crate::ui::theme::glyphs::{GLYPHS, Glyphs};
    use crate::ui::theme::palette::{BLACK, WHITE};

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
        let bare = Terminal::default();
        let (none, full) = (Terminal { no_color: true, ..bare }, Terminal { truecolor: true, ..bare });
        let both = Terminal { no_color: true, ..full };
        let dark = Terminal { ground: Some(Ground::Dark), ..full };
        for (color, name, terminal, theme) in [
            (Color::Auto, "auto", both, Theme::plain()),
            (Color::Auto, "light", none, Theme::plain()),
            (Color::Auto, "auto", full, Theme::full()),
            (Color::Auto, "auto", dark, Theme::on(Ground::Dark)),
            (Color::Auto, "middle", dark, Theme::full()),
            (Color::Auto, "light", dark, Theme::on(Ground::Light)),
            (Color::Auto, "auto", bare, Theme::sixteen()),
            (Color::True, "auto", none, Theme::full()),
            (Color::Sixteen, "dark", both, Theme::sixteen()),
            (Color::None, "dark", full, Theme::plain()),
        ] {
            let settings = Settings { color, theme: name.into(), ..Settings::default() };
            assert_eq!(Theme::choose(&settings, terminal), theme, "{color:?} {name}");
        }
        assert_eq!(Ground::of_variable("15;0"), Some(Ground::Dark));
        assert_eq!(Ground::of_variable("0;default;15"), Some(Ground::Light));
        assert_eq!(Ground::of_variable("x"), None);
    }

    #[test]
    fn a_theme_of_the_users_own_sets_parts_of_another() {
        let parts = [("base", "light"), ("keyword", "#ff0000"), ("selection", "on yellow")];
        let theme_parts = parts.map(|(part, style)| (part.to_owned(), style.to_owned())).to_vec();
        let settings = Settings { theme: "mine".into(), theme_parts, color: Color::True, ..Settings::default() };
        let theme = Theme::choose(&settings, Terminal::default());
        let light = Theme::on(Ground::Light);
        assert_eq!(theme.tones[Tone::Keyword as usize].fg, Some(Hue::Rgb(255, 0, 0)));
        assert_eq!(theme.page.selected.bg, Some(Hue::Yellow));
        assert_eq!(theme.page.line_here, light.page.line_here);
        for part in OWN_PARTS {
            assert!(Theme::plain().part(part).is_some(), "{part}");
        }
    }

    #[test]
    fn no_word_of_a_language_looks_like_a_cell_or_a_hole() {
        for theme in [Theme::plain(), Theme::sixteen(), Theme::full(), Theme::on(Ground::Dark)] {
            // Masked cells are shade, which is no word.
            let cells =
                STATES.iter().filter(|state| **state != CellState::Masked).map(|state| theme.cell(*state, false));
            let others: Vec<Modifier> = cells
                .chain([theme.cells.proposed, theme.page.hole, theme.page.matched])
                .map(|s| s.add_modifier)
                .collect();
            for (style, (_, name)) in theme.tones.iter().zip(TONES) {
                assert!(style.bg.is_none() && !others.contains(&style.add_modifier), "{name}");
            }
        }
    }

    #[test]
    fn tones_can_be_read_on_their_ground() {
        let dark = Hue::Rgb(38, 41, 48);
        let light = Hue::Rgb(236, 239, 243);
        for (theme, grounds, least) in [
            (Theme::full(), &[BLACK, WHITE][..], 3.6),
            (Theme::on(Ground::Dark), &[BLACK, dark], 4.5),
            (Theme::on(Ground::Light), &[WHITE, light], 4.5),
        ] {
            for (style, (_, name)) in theme.tones.iter().zip(TONES) {
                let Some(hue) = style.fg else { continue };
                for ground in grounds {
                    assert!(contrast(hue, *ground) > least, "{name}: {:.2}", contrast(hue, *ground));
                }
            }
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
        let Glyphs { margin, rule, column, done, dirty, chosen, running, paused, waiting, review, .. } = GLYPHS;
        let rest = [GLYPHS.hole, GLYPHS.info, GLYPHS.warning, GLYPHS.error, GLYPHS.beyond_left, GLYPHS.beyond_right];
        for sign in
            [margin, rule, column, done, dirty, chosen, running, paused, waiting, review, ELLIPSIS].iter().chain(&rest)
        {
            assert_eq!(crate::ui::pen::width(sign), 1, "{sign}");
        }
    }
}
