//! An animated GIF: cells of 8 x 16 pixels in GNU Unifont, which has a glyph for nearly every character.
//!
//! After the first screen only the rectangle that changed is written. A GIF has 256 colours; a film with more, which takes
//! a theme of many colours, gets the nearest for the rest.

use std::borrow::Cow;

use gif::{DisposalMethod, Encoder, Extension, Frame, Repeat};
use ratatui::buffer::Buffer;
use unifont::Glyph;

use super::Film;
use super::ink::{Ink, Rgb, columns};

/// A cell in pixels.
const WIDTH: usize = 8;
const HEIGHT: usize = 16;

/// A comment in the file, by which the program knows its own.
pub(super) const MADE_BY: &str = "Lacuna: a recorded run";

/// Colours of a GIF.
const MOST_COLORS: usize = 256;

pub(super) fn write(film: &Film) -> Result<Vec<u8>, gif::EncodingError> {
    let (columns, rows) = (usize::from(film.size.0), usize::from(film.size.1));
    let mut palette = Palette::default();
    let pictures: Vec<Vec<u8>> = film.shots.iter().map(|shot| picture(film, &shot.screen, &mut palette)).collect();
    let side = |pixels: usize| u16::try_from(pixels).unwrap_or(u16::MAX);
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, side(columns * WIDTH), side(rows * HEIGHT), &palette.colors.concat())?;
    encoder.set_repeat(Repeat::Infinite)?;
    encoder.write_raw_extension(Extension::Comment.into(), &[MADE_BY.as_bytes()])?;
    let mut before: Option<&Vec<u8>> = None;
    // Rounded in the sum, so that many short pictures do not make the film run fast.
    let (mut at, mut told) = (0.0, 0);
    for (shot, picture) in film.shots.iter().zip(&pictures) {
        at += shot.seconds * 100.0;
        let delay = (at.round() as u64).saturating_sub(told).clamp(2, u64::from(u16::MAX));
        told += delay;
        let part = changed(before, picture, (columns * WIDTH, rows * HEIGHT));
        let pixels: Vec<u8> = (part.top..part.top + part.height)
            .flat_map(|y| &picture[y * columns * WIDTH + part.left..][..part.width])
            .copied()
            .collect();
        encoder.write_frame(&Frame {
            delay: delay as u16,
            dispose: DisposalMethod::Keep,
            left: side(part.left),
            top: side(part.top),
            width: side(part.width),
            height: side(part.height),
            buffer: Cow::Owned(pixels),
            ..Frame::default()
        })?;
        before = Some(picture);
    }
    drop(encoder);
    Ok(bytes)
}

/// A part of a picture, in pixels.
struct Part {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

/// The smallest rectangle that holds all that changed; at least a pixel, as a GIF cannot have less.
fn changed(before: Option<&Vec<u8>>, picture: &[u8], (width, height): (usize, usize)) -> Part {
    let Some(before) = before else { return Part { left: 0, top: 0, width, height } };
    let differ = || before.iter().zip(picture).enumerate().filter(|(_, (old, new))| old != new).map(|(at, _)| at);
    let (first, last) = (differ().next().unwrap_or(0), differ().next_back().unwrap_or(0));
    let left = differ().map(|at| at % width).min().unwrap_or(0);
    let right = differ().map(|at| at % width).max().unwrap_or(0);
    Part { left, top: first / width, width: right - left + 1, height: last / width - first / width + 1 }
}

/// The colours met so far.
#[derive(Default)]
struct Palette {
    colors: Vec<Rgb>,
}

impl Palette {
    fn index(&mut self, color: Rgb) -> u8 {
        if let Some(known) = self.colors.iter().position(|known| *known == color) {
            return known as u8;
        }
        if self.colors.len() < MOST_COLORS {
            self.colors.push(color);
            return (self.colors.len() - 1) as u8;
        }
        let distance = |other: &Rgb| -> u32 { (0..3).map(|k| u32::from(color[k].abs_diff(other[k])).pow(2)).sum() };
        let nearest = self.colors.iter().enumerate().min_by_key(|(_, other)| distance(other));
        nearest.map_or(0, |(at, _)| at as u8)
    }
}

/// A screen as indices of colours, row by row.
fn picture(film: &Film, screen: &Buffer, palette: &mut Palette) -> Vec<u8> {
    let (width, height) = (usize::from(film.size.0), usize::from(film.size.1));
    let mut pixels = vec![0; width * WIDTH * height * HEIGHT];
    for y in 0..film.size.1 {
        let mut x = 0;
        while x < film.size.0 {
            let Some(cell) = screen.cell((x, y)) else { break };
            let ink = Ink::of(cell, film.ground);
            let symbol = if cell.symbol().is_empty() { " " } else { cell.symbol() };
            let cells = columns(screen, x, symbol);
            let colors = (palette.index(ink.ground), palette.index(ink.text));
            for row in 0..HEIGHT {
                let start = (usize::from(y) * HEIGHT + row) * width * WIDTH + usize::from(x) * WIDTH;
                for (column, pixel) in pixels[start..][..usize::from(cells) * WIDTH].iter_mut().enumerate() {
                    *pixel = if is_ink(symbol, ink, (column, row)) { colors.1 } else { colors.0 };
                }
            }
            x += cells;
        }
    }
    pixels
}

/// Whether a pixel of a cell has the colour of the text. Marks that combine are drawn over their letter.
fn is_ink(symbol: &str, ink: Ink, (x, y): (usize, usize)) -> bool {
    if (ink.underlined && y == HEIGHT - 2) || (ink.crossed_out && y == HEIGHT / 2) {
        return true;
    }
    // Slanted to the right at the top, to the left at the bottom.
    let x = if ink.italic { (x + y / 5).wrapping_sub(1) } else { x };
    let has = |x: usize| symbol.chars().any(|c| unifont::get_glyph(c).is_none_or(|glyph| pixel(glyph, x, y)));
    symbol != " " && (has(x) || (ink.bold && x > 0 && has(x - 1)))
}

fn pixel(glyph: &Glyph, x: usize, y: usize) -> bool {
    glyph.get_pixel(x, y)
}
