//! Which tokens of a canvas make a word, and what becomes of words that are masked or taken back.
//!
//! A word is a token that opens one (a space or a sign before it) with the tokens that go on with it. Words are masked
//! and judged whole: the rest of a half-masked word gives it away (`reference/decoding.md` 4.3).

use std::ops::Range;

use crate::diffusion::Denoiser;
use crate::diffusion::canvas::{Canvas, Cell, Kind};
use crate::diffusion::vocabulary::Said;
use crate::model::Model;

/// The words in the holes of a canvas, as positions; line breaks and other blanks belong to none.
pub(in crate::engine) fn of_holes(canvas: &Canvas, model: &Model) -> Vec<Range<usize>> {
    let Ok(tokenizer) = model.tokenizer() else { return Vec::new() };
    let bytes = |position: usize| canvas.ids().get(position).map_or(&[][..], |id| tokenizer.bytes(*id));
    let mut words: Vec<Range<usize>> = Vec::new();
    for hole in 0..canvas.hole_count() {
        let mut open = false;
        for position in canvas.hole_range(hole) {
            let bytes = bytes(position);
            // What stands at the edge of a hole, or was pinned, is not asked about.
            if canvas.kind(position) == Kind::Pinned || bytes.iter().all(u8::is_ascii_whitespace) {
                open = false;
                continue;
            }
            let goes_on = open && bytes.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80);
            match words.last_mut() {
                Some(last) if goes_on => last.end = position + 1,
                _ => words.push(position..position + 1),
            }
            open = bytes.last().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80);
        }
    }
    words
}

/// Forbids, at each masked position, the word that stands right before or after it: small models like to say a word
/// twice where two positions want the same one ("the the"), and no text means that. Signs and code may repeat.
pub(super) fn forbid_echoes(canvas: &mut Canvas, model: &Model) {
    if model.tokenizer().is_err() {
        return;
    }
    let is_word = |id: u32| model.vocabulary().said(id) == Said::Word;
    let masked: Vec<usize> = canvas.masked().collect();
    for position in masked {
        for neighbour in [position.checked_sub(1), Some(position + 1)].into_iter().flatten() {
            let word = canvas.ids().get(neighbour).copied().filter(|id| *id != canvas.mask() && is_word(*id));
            if let Some(word) = word {
                // A masked position is in a hole, and there it may be forbidden.
                let _ = canvas.forbid(position, word);
            }
        }
    }
}

/// Forbids these tokens at each masked position.
pub(super) fn forbid(canvas: &mut Canvas, tokens: &[u32]) {
    let masked: Vec<usize> = if tokens.is_empty() { Vec::new() } else { canvas.masked().collect() };
    for (position, token) in masked.into_iter().flat_map(|position| tokens.iter().map(move |token| (position, token))) {
        // A masked position is in a hole, and there it may be forbidden.
        let _ = canvas.forbid(position, *token);
    }
}

/// Maximal runs of positions in holes whose kind is as asked.
pub(super) fn runs(canvas: &Canvas, wanted: impl Fn(Kind) -> bool) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for hole in 0..canvas.hole_count() {
        let range = canvas.hole_range(hole);
        for position in range.clone().filter(|position| wanted(canvas.kind(*position))) {
            match runs.last_mut() {
                Some(last) if last.end == position && position > range.start => last.end = position + 1,
                _ => runs.push(position..position + 1),
            }
        }
    }
    runs
}

/// The canvas with other cells in its holes; limits are not carried over.
pub(in crate::engine) fn rebuilt(canvas: &Canvas, change: impl Fn(usize, Cell) -> Cell) -> Canvas {
    let mut builder = Canvas::builder(canvas.mask());
    let mut next = 0;
    for hole in 0..canvas.hole_count() {
        let range = canvas.hole_range(hole);
        builder = builder.fixed(&canvas.ids()[next..range.start]);
        next = range.end;
        builder = builder.hole_from(range.map(|position| change(position, super::cell_at(canvas, position))));
    }
    builder.fixed(&canvas.ids()[next..]).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canvas() -> Canvas {
        let hole = [
            Cell::Original(1),
            Cell::Committed { id: 2, probability: 0.5 },
            Cell::Committed { id: 3, probability: 0.5 },
        ];
        Canvas::builder(99)
            .fixed(&[7, 8])
            .hole_from(hole)
            .hole_from([Cell::Committed { id: 4, probability: 0.5 }])
            .fixed(&[9])
            .build()
    }

    #[test]
    fn runs_end_at_the_edge_of_a_hole() {
        let runs = runs(&canvas(), |kind| matches!(kind, Kind::Committed { .. }));
        assert_eq!(runs, [3..5, 5..6]);
    }
}
