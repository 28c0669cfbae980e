//! What a cell of a screen looks like in plain colours, for files that have no terminal to look up colours in.

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use crate::text::measure;
use crate::ui::theme::Ground;

/// Red, green, blue.
pub(super) type Rgb = [u8; 3];

/// How a cell is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ink {
    pub(super) text: Rgb,
    pub(super) ground: Rgb,
    pub(super) bold: bool,
    pub(super) italic: bool,
    pub(super) underlined: bool,
    pub(super) crossed_out: bool,
}

/// The terminal's own colours: what is written on, and with.
pub(super) const fn defaults(ground: Ground) -> (Rgb, Rgb) {
    match ground {
        Ground::Dark => ([22, 24, 29], [214, 216, 220]),
        Ground::Light => ([250, 250, 248], [40, 42, 48]),
    }
}

/// The sixteen colours, those of xterm but for blue, which is too dark there to be read.
const SIXTEEN: [Rgb; 16] = [
    [0, 0, 0],
    [205, 49, 49],
    [13, 160, 80],
    [190, 150, 16],
    [36, 114, 200],
    [188, 63, 188],
    [17, 150, 190],
    [229, 229, 229],
    [102, 102, 102],
    [241, 76, 76],
    [35, 209, 139],
    [245, 245, 67],
    [59, 142, 234],
    [214, 112, 214],
    [41, 184, 219],
    [255, 255, 255],
];

impl Ink {
    pub(super) fn of(cell: &Cell, ground: Ground) -> Self {
        let (paper, ink) = defaults(ground);
        let mut text = rgb(cell.fg).unwrap_or(ink);
        let mut under = rgb(cell.bg).unwrap_or(paper);
        let has = |modifier| cell.modifier.contains(modifier);
        if has(Modifier::REVERSED) {
            std::mem::swap(&mut text, &mut under);
        }
        if has(Modifier::DIM) {
            text = between(text, under);
        }
        if has(Modifier::HIDDEN) {
            text = under;
        }
        Self {
            text,
            ground: under,
            bold: has(Modifier::BOLD),
            italic: has(Modifier::ITALIC),
            underlined: has(Modifier::UNDERLINED),
            crossed_out: has(Modifier::CROSSED_OUT),
        }
    }
}

/// Columns of the symbol in a cell of this column: the cells behind a wide one belong to it.
pub(super) fn columns(screen: &Buffer, x: u16, symbol: &str) -> u16 {
    let width = measure::display_width(symbol, 1).max(1);
    u16::try_from(width).unwrap_or(1).min(screen.area.width.saturating_sub(x)).max(1)
}

/// The colour in the middle, nearer to the first.
fn between(one: Rgb, other: Rgb) -> Rgb {
    [0, 1, 2].map(|k| ((u16::from(one[k]) * 3 + u16::from(other[k]) * 2) / 5) as u8)
}

/// The colour, where it is not left to the terminal.
fn rgb(color: Color) -> Option<Rgb> {
    let number = match color {
        Color::Reset => return None,
        Color::Rgb(r, g, b) => return Some([r, g, b]),
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
        Color::Indexed(number) => number,
    };
    Some(match number {
        0..=15 => SIXTEEN[usize::from(number)],
        // xterm's cube of 6 x 6 x 6, then its greys.
        16..=231 => {
            let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
            let cube = number - 16;
            [level(cube / 36), level(cube / 6 % 6), level(cube % 6)]
        }
        232.. => [8 + 10 * (number - 232); 3],
    })
}
