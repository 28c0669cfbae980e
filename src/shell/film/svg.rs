//! An animated SVG that needs no script: all screens one below the other behind a window of one, moved by CSS in steps.
//!
//! A row that stands on many screens is written once and used by name. Who asks their system for less motion sees the
//! last screen. Shades are drawn as rectangles, so that they look alike in every font.

use std::collections::HashMap;
use std::fmt::Write;

use ratatui::buffer::Buffer;

use super::ink::{Ink, Rgb, columns, defaults};
use super::{Film, Shot};

/// A cell in pixels, and the font's size and base line in it.
const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 18.0;
const FONT: f64 = 14.0;
const BASE: f64 = 13.5;

/// Free space around the screen, in pixels.
const MARGIN: f64 = 12.0;

const FONTS: &str = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace";

pub(super) fn write(film: &Film) -> String {
    let (columns, rows) = (f64::from(film.size.0), f64::from(film.size.1));
    let (width, height) = (columns * WIDTH, rows * HEIGHT);
    let (paper, text) = defaults(film.ground);
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut drawn: Vec<String> = Vec::new();
    let mut screens = String::new();
    for (number, shot) in film.shots.iter().enumerate() {
        let top = number as f64 * height;
        for y in 0..film.size.1 {
            let row = row(film, shot, y);
            if row.is_empty() {
                continue;
            }
            let next = drawn.len();
            let id = *known.entry(row).or_insert_with_key(|row| {
                drawn.push(row.clone());
                next
            });
            put(&mut screens, format_args!("<use href=\"#r{id}\" y=\"{}\"/>\n", short(top + f64::from(y) * HEIGHT)));
        }
    }
    let mut svg = String::new();
    let (all_width, all_height) = (short(width + 2.0 * MARGIN), short(height + 2.0 * MARGIN));
    put(
        &mut svg,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {all_width} {all_height}\" width=\"{all_width}\" \
             height=\"{all_height}\" role=\"img\">\n<title>{}</title>\n<style>\n{}</style>\n<defs>\n",
            escaped(&film.title),
            style(film, height)
        ),
    );
    for (id, row) in drawn.iter().enumerate() {
        put(&mut svg, format_args!("<g id=\"r{id}\">{row}</g>\n"));
    }
    put(
        &mut svg,
        format_args!(
            "</defs>\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{}\"/>\n<svg x=\"{MARGIN}\" y=\"{MARGIN}\" \
             width=\"{}\" height=\"{}\"><g class=\"film\" fill=\"{}\">\n{screens}</g></svg>\n</svg>\n",
            hex(paper),
            short(width),
            short(height),
            hex(text)
        ),
    );
    svg
}

/// The text's font, and when which screen is in the window.
fn style(film: &Film, height: f64) -> String {
    let all: f64 = film.shots.iter().map(|shot| shot.seconds).sum();
    let mut style =
        format!("text{{font:{FONT}px {FONTS};white-space:pre}}\n.film{{animation:film {all:.2}s step-end infinite}}\n");
    style.push_str("@keyframes film{");
    let mut at = 0.0;
    for (number, shot) in film.shots.iter().enumerate() {
        let percent = 100.0 * at / all.max(f64::MIN_POSITIVE);
        let up = height * number as f64;
        put(&mut style, format_args!("{percent:.3}%{{transform:translateY({}px)}}", short(0.0 - up)));
        at += shot.seconds;
    }
    let last = short(-height * film.shots.len().saturating_sub(1) as f64);
    put(
        &mut style,
        format_args!(
            "}}\n@media (prefers-reduced-motion:reduce){{.film{{animation:none;transform:translateY({last}px)}}}}\n"
        ),
    );
    style
}

/// A row: grounds first, then what stands on them.
fn row(film: &Film, shot: &Shot, y: u16) -> String {
    let mut svg = String::new();
    let (paper, plain) = defaults(film.ground);
    let pieces = pieces(film, &shot.screen, y);
    for piece in pieces.iter().filter(|piece| piece.ink.ground != paper) {
        rect(&mut svg, piece, piece.ink.ground, None);
    }
    for piece in &pieces {
        if let Some(opacity) = shade(&piece.text) {
            rect(&mut svg, piece, piece.ink.text, Some(opacity));
            continue;
        }
        let blank = piece.text.trim().is_empty();
        if blank && !piece.ink.underlined && !piece.ink.crossed_out {
            continue;
        }
        let mut looks = String::new();
        if piece.ink.text != plain {
            put(&mut looks, format_args!(" fill=\"{}\"", hex(piece.ink.text)));
        }
        if piece.ink.bold {
            looks.push_str(" font-weight=\"bold\"");
        }
        if piece.ink.italic {
            looks.push_str(" font-style=\"italic\"");
        }
        match (piece.ink.underlined, piece.ink.crossed_out) {
            (true, true) => looks.push_str(" text-decoration=\"underline line-through\""),
            (true, false) => looks.push_str(" text-decoration=\"underline\""),
            (false, true) => looks.push_str(" text-decoration=\"line-through\""),
            (false, false) => {}
        }
        // Whatever font there is, a piece is as wide as its cells.
        put(
            &mut svg,
            format_args!(
                "<text x=\"{}\" y=\"{BASE}\" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\"{looks}>{}</text>",
                short(f64::from(piece.x) * WIDTH),
                short(f64::from(piece.columns) * WIDTH),
                escaped(&piece.text)
            ),
        );
    }
    svg
}

/// Cells that are written alike.
struct Piece {
    x: u16,
    columns: u16,
    text: String,
    ink: Ink,
}

fn pieces(film: &Film, screen: &Buffer, y: u16) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut x = 0;
    while x < film.size.0 {
        let Some(cell) = screen.cell((x, y)) else { break };
        let ink = Ink::of(cell, film.ground);
        let symbol = if cell.symbol().is_empty() { " " } else { cell.symbol() };
        let columns = columns(screen, x, symbol);
        let alike = |last: &Piece| {
            let shades = (shade(&last.text), shade(symbol));
            let narrow = last.columns as usize == last.text.chars().count() && columns == 1;
            last.ink == ink && shades.0 == shades.1 && narrow
        };
        match pieces.last_mut() {
            Some(last) if alike(last) => {
                last.columns += 1;
                last.text.push_str(symbol);
            }
            _ => pieces.push(Piece { x, columns, text: symbol.to_owned(), ink }),
        }
        x += columns;
    }
    pieces
}

/// How dark a shade is, where the text is nothing else.
fn shade(text: &str) -> Option<&'static str> {
    match text.chars().next()? {
        '░' => Some("0.25"),
        '▒' => Some("0.5"),
        '▓' => Some("0.75"),
        '█' => Some("1"),
        _ => None,
    }
}

fn rect(svg: &mut String, piece: &Piece, color: Rgb, opacity: Option<&str>) {
    let opacity = opacity.map(|opacity| format!(" opacity=\"{opacity}\"")).unwrap_or_default();
    put(
        svg,
        format_args!(
            "<rect x=\"{}\" width=\"{}\" height=\"{HEIGHT}\" fill=\"{}\"{opacity}/>",
            short(f64::from(piece.x) * WIDTH),
            short(f64::from(piece.columns) * WIDTH),
            hex(color)
        ),
    );
}

fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// A number without needless digits.
fn short(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Writing into a string cannot fail.
fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(what);
}
