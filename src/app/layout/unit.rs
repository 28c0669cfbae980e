//! One unit of the document laid out into rows.

use std::ops::Range;

use compact_str::{CompactString, format_compact};

use crate::app::infill::overlay::HoleCells;
use crate::app::layout::pane::Pane;
use crate::app::layout::{GUESS_SHOWN, Glyph, Look, Marks, Row, SEGMENT, Style};
use crate::app::settings::Blanks;
use crate::engine::protocol::{Cell, CellState, HoleId};
use crate::text::buffer::Buffer;
use crate::text::holes::Hole;
use crate::text::measure;
use crate::text::wrap::{WrapItem, is_breaking_space, may_break_between, wrap_hanging};

/// The cells over a hole together with the hole.
type Laid<'a> = (&'a Hole, &'a HoleCells);

/// The holes with cells over them, in document order.
fn laid(pane: Pane<'_>) -> impl DoubleEndedIterator<Item = Laid<'_>> {
    let settled = pane.infill.is_settled();
    let with_cells = pane.infill.overlay().iter().filter(move |cells| settled || !cells.cells.is_empty());
    with_cells.filter_map(|cells| Some((pane.document.holes().get(cells.id.0)?, cells)))
}

/// The hole with cells over it whose text a break at `pos` would cut.
fn cut_by(pane: Pane<'_>, pos: usize, is_line: bool) -> Option<&Hole> {
    laid(pane)
        .map(|(hole, _)| hole)
        .find(|hole| hole.range.start < pos && (pos < hole.range.end || is_line && pos == hole.range.end))
}

/// The unit that `pos` is in: from its first position up to the first of the next.
pub(crate) fn unit_at(pane: Pane<'_>, pos: usize) -> Range<usize> {
    let piece = piece_at(pane, pos);
    let (mut start, mut end) = (piece.start, piece.end);
    while let Some(hole) = cut_by(pane, start, is_line_start(pane, start)) {
        start = piece_at(pane, hole.range.start).start;
    }
    let len = pane.document.buffer().len();
    while end < len || is_line_start(pane, end) {
        let Some(hole) = cut_by(pane, end, is_line_start(pane, end)) else { break };
        let next = piece_at(pane, hole.range.end.max(end)).end;
        if next == end {
            break;
        }
        end = next;
    }
    start..end
}

fn is_line_start(pane: Pane<'_>, pos: usize) -> bool {
    pos > 0 && pane.document.buffer().char_at(pos - 1) == Some('\n')
}

/// The line or piece of a long line that `pos` is in, newline included.
fn piece_at(pane: Pane<'_>, pos: usize) -> Range<usize> {
    let buffer = pane.document.buffer();
    let pos = pos.min(buffer.len());
    let line = buffer.line_of(pos);
    let line_start = buffer.line_start(line);
    let line_stop = if line + 1 < buffer.line_count() { buffer.line_start(line + 1) } else { buffer.len() };
    // A piece ends only where much text follows: a line is never folded for its line break alone, nor within a word.
    let fold = |k: usize| match line_start + k * SEGMENT {
        at if k > 0 && at + 1 < line_stop => behind_blank(buffer, at),
        _ if k == 0 => line_start,
        _ => line_stop,
    };
    let mut k = (pos - line_start) / SEGMENT;
    while k > 0 && (fold(k) > pos || fold(k) >= line_stop) {
        k -= 1;
    }
    // The next piece may begin before its multiple.
    while fold(k + 1) <= pos && fold(k + 1) < line_stop {
        k += 1;
    }
    let start = fold(k);
    let mut next = k + 1;
    while fold(next) <= start && fold(next) < line_stop {
        next += 1;
    }
    start..fold(next)
}

/// Behind the last blank of so many characters before `at`, or where the grapheme cluster at `at` begins.
fn behind_blank(buffer: &Buffer, at: usize) -> usize {
    const BACK: usize = 64;
    let mut before = buffer.rope().chars_at(at);
    before.reverse();
    let letters = before.take(BACK).position(is_breaking_space).filter(|letters| {
        let next = buffer.char_at(at - letters);
        // What combines with the blank belongs to it.
        next.is_none_or(|c| !is_breaking_space(c)) && buffer.grapheme_at_or_before(at - letters) == at - letters
    });
    letters.map_or_else(|| buffer.grapheme_at_or_before(at), |letters| at - letters)
}

/// The unit behind this one.
pub(crate) fn next_unit(pane: Pane<'_>, unit: &Range<usize>) -> Option<Range<usize>> {
    let len = pane.document.buffer().len();
    let more = unit.end < len || unit.end > unit.start && is_line_start(pane, unit.end);
    let swallowed = cut_by(pane, unit.end, is_line_start(pane, unit.end)).is_some();
    (more && !swallowed).then(|| unit_at(pane, unit.end))
}

/// The unit before this one.
pub(crate) fn prev_unit(pane: Pane<'_>, unit: &Range<usize>) -> Option<Range<usize>> {
    (unit.start > 0).then(|| unit_at(pane, unit.start - 1))
}

/// The rows of a unit: at least one.
pub(crate) fn rows(pane: Pane<'_>, unit: &Range<usize>, style: Style) -> Vec<Row> {
    let buffer = pane.document.buffer();
    let text_end = text_end(pane, unit);
    // Behind a fold goes what stands in the next piece.
    let ends = text_end < unit.end || next_unit(pane, unit).is_none();
    let mut line = Line { pane, style, glyphs: Vec::new(), breaks: Vec::new(), column: 0 };
    let mut at = unit.start;
    let is_here = |hole: &Hole| hole.range.start < text_end || ends && hole.range.start == text_end;
    for (hole, cells) in laid(pane).filter(|(hole, _)| unit.start <= hole.range.start && is_here(hole)) {
        line.push_text(at..hole.range.start);
        line.push_cells(hole.range.start, cells);
        at = hole.range.end;
    }
    line.push_text(at..text_end.max(at));
    line.push_empty_holes(unit.start..text_end, is_here);
    let mut rows = line.into_rows(unit.start..text_end);
    if let Some(last) = rows.last_mut() {
        last.ends_unit = ends;
    }
    if is_line_start(pane, unit.start) || unit.start == 0 {
        rows[0].line = Some(buffer.line_of(unit.start));
    }
    rows
}

/// Where the text of a unit ends: before its line break, unless cells hide that.
fn text_end(pane: Pane<'_>, unit: &Range<usize>) -> usize {
    let buffer = pane.document.buffer();
    let hidden = laid(pane).any(|(hole, _)| hole.range.start < unit.end && unit.end <= hole.range.end);
    if unit.end > unit.start && is_line_start(pane, unit.end) && !hidden {
        let line = buffer.line_of(unit.end - 1);
        return buffer.line_end(line).max(unit.start);
    }
    unit.end
}

/// The glyphs of a unit while they are collected.
struct Line<'a> {
    pane: Pane<'a>,
    style: Style,
    glyphs: Vec<Glyph>,
    /// A row ends before each of these glyphs.
    breaks: Vec<usize>,
    column: usize,
}

impl Line<'_> {
    fn push(&mut self, glyph: Glyph) {
        self.column += glyph.width;
        self.glyphs.push(glyph);
    }

    fn push_text(&mut self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let text = self.pane.document.buffer().slice(range.clone());
        let mut holes = self.pane.document.holes().in_range(range.clone()).peekable();
        self.glyphs.reserve(range.len());
        for grapheme in measure::graphemes(&text, range.start, self.column, self.style.tab) {
            while holes.next_if(|hole| hole.range.end <= grapheme.pos).is_some() {}
            let in_hole = holes.peek().is_some_and(|hole| hole.range.contains(&grapheme.pos));
            let shows = !in_hole && self.style.blanks != Blanks::None;
            let sign = if shows { self.blank_sign(&grapheme, &range) } else { None };
            self.push(Glyph {
                look: if in_hole {
                    Look::Hole
                } else if sign.is_some() {
                    Look::Blank
                } else {
                    Look::Text
                },
                text: sign.unwrap_or(grapheme.text),
                width: grapheme.width,
                pos: grapheme.pos,
                cell: None,
                marks: Marks::default(),
            });
        }
    }

    /// What stands for white space that is to be seen, in the text of this range.
    fn blank_sign(&self, grapheme: &measure::Grapheme, range: &Range<usize>) -> Option<CompactString> {
        let buffer = self.pane.document.buffer();
        let sign = match buffer.char_at(grapheme.pos)? {
            ' ' => '·',
            '\t' => '→',
            '\u{a0}' => '⍽',
            _ => return None,
        };
        let trailing = || {
            let rest = buffer.rope().chars_at(grapheme.pos).take(range.end - grapheme.pos);
            range.end == buffer.line_end(buffer.line_of(grapheme.pos))
                && rest.into_iter().all(|c| matches!(c, ' ' | '\t'))
        };
        let shown = match self.style.blanks {
            Blanks::None => false,
            Blanks::Trailing => trailing(),
            Blanks::All => true,
        };
        shown.then(|| format_compact!("{sign}{:1$}", "", grapheme.width.saturating_sub(1)))
    }

    fn push_cells(&mut self, pos: usize, cells: &HoleCells) {
        if cells.cells.is_empty() {
            self.push(empty_hole(pos, Some((cells.id, 0))));
        }
        for (k, cell) in cells.cells.iter().enumerate() {
            self.push_cell(pos, (cells.id, k), cell, cells.width(k));
        }
    }

    fn push_cell(&mut self, pos: usize, name: (HoleId, usize), cell: &Cell, width: usize) {
        let state = cell.state;
        let glyph = |text: &str, width, look| Glyph {
            text: text.into(),
            width,
            pos,
            cell: Some(name),
            look,
            marks: Marks::default(),
        };
        let start = self.column;
        if let Some(shade) = self.shade(cell) {
            for _ in 0..width.max(1) {
                self.push(glyph(shade, 1, Look::Shade { state }));
            }
            return;
        }
        let lines = cell.text.matches('\n').count();
        for (i, piece) in cell.text.split('\n').enumerate() {
            // A line break is one thing, also where it is two characters.
            let piece = if i < lines { piece.strip_suffix('\r').unwrap_or(piece) } else { piece };
            if i > 0 {
                self.push(glyph("⏎", 1, Look::Break { state }));
                if self.style.settled || state == CellState::Original {
                    self.breaks.push(self.glyphs.len());
                    self.column = 0;
                }
            }
            for grapheme in measure::graphemes(piece, 0, self.column, self.style.tab) {
                let look = Look::Cell { state, probability: cell.probability };
                self.push(glyph(&grapheme.text, grapheme.width, look));
            }
        }
        // The user's own words do not change while they are looked at, so no box is held free for them.
        while !self.style.settled && state != CellState::Original && self.column < start + width {
            self.push(glyph(" ", 1, Look::Padding { state }));
        }
    }

    /// What stands for a cell that has nothing to show as text.
    fn shade(&self, cell: &Cell) -> Option<&'static str> {
        match cell.state {
            CellState::Masked => Some("░"),
            CellState::Tentative if !self.style.guesses => Some("░"),
            CellState::Tentative if cell.probability < GUESS_SHOWN || cell.text.is_empty() => Some("▒"),
            CellState::Remasked if !self.style.guesses || cell.text.is_empty() => Some("░"),
            _ => None,
        }
    }

    /// The signs of holes without text and without cells.
    fn push_empty_holes(&mut self, range: Range<usize>, is_here: impl Fn(&Hole) -> bool) {
        let pane = self.pane;
        let overlaid = |id: u64| laid(pane).any(|(_, cells)| cells.id.0 == id);
        let holes = pane.document.holes().in_range(range);
        for hole in holes.filter(|hole| hole.range.is_empty() && is_here(hole) && !overlaid(hole.id)) {
            let pos = hole.range.start;
            let at = self.glyphs.iter().position(|glyph| glyph.pos >= pos).unwrap_or(self.glyphs.len());
            self.glyphs.insert(at, empty_hole(pos, None));
            for later in self.breaks.iter_mut().filter(|later| **later > at) {
                *later += 1;
            }
        }
    }

    /// Columns by which rows behind the first of these glyphs are indented: as many as the first, if that leaves room.
    fn hanging(&self, glyphs: Range<usize>) -> usize {
        let is_blank = |glyph: &&Glyph| match glyph.look {
            Look::Text => glyph.text.chars().all(|c| c == ' '),
            Look::Blank => true,
            _ => false,
        };
        let indent: usize = self.glyphs[glyphs].iter().take_while(is_blank).map(|glyph| glyph.width).sum();
        if self.style.hanging && indent <= self.style.width / 2 { indent } else { 0 }
    }

    fn into_rows(self, range: Range<usize>) -> Vec<Row> {
        let mut ends: Vec<usize> = self.breaks.clone();
        ends.push(self.glyphs.len());
        let mut cuts = Vec::new();
        let mut start = 0;
        for end in ends {
            if self.style.wrap {
                let items: Vec<WrapItem> = (start..end).map(|i| wrap_item(&self.glyphs, i)).collect();
                let indent = self.hanging(start..end);
                let rows = wrap_hanging(&items, self.style.width, indent).into_iter();
                cuts.extend(rows.map(|row| {
                    let is_first = row.start == 0;
                    (row.start + start..row.end + start, if is_first { 0 } else { indent })
                }));
            } else {
                cuts.push((start..end, 0));
            }
            start = end;
        }
        let mut glyphs = self.glyphs.into_iter();
        let mut rows: Vec<Row> = cuts
            .into_iter()
            .map(|(cut, indent)| Row { glyphs: glyphs.by_ref().take(cut.len()).collect(), indent, ..Row::default() })
            .collect();
        let mut pos = range.start;
        for row in &mut rows {
            let start = row.glyphs.first().map_or(pos, |glyph| glyph.pos);
            pos = row.glyphs.last().map_or(pos, |glyph| glyph.pos);
            row.range = start..pos;
            let in_hole = |glyph: &Glyph| !matches!(glyph.look, Look::Text | Look::Blank);
            row.holds_hole = row.glyphs.iter().any(in_hole);
        }
        for i in 1..rows.len() {
            rows[i - 1].range.end = rows[i].range.start;
        }
        if let Some(last) = rows.last_mut() {
            last.range.end = range.end;
        }
        rows
    }
}

fn empty_hole(pos: usize, cell: Option<(HoleId, usize)>) -> Glyph {
    Glyph { text: "▢".into(), width: 1, pos, cell, look: Look::EmptyHole, marks: Marks::default() }
}

fn wrap_item(glyphs: &[Glyph], i: usize) -> WrapItem {
    let glyph = &glyphs[i];
    let is_space = match glyph.look {
        Look::Text | Look::Hole | Look::Cell { .. } => glyph.text.chars().all(is_breaking_space),
        Look::Blank => !glyph.text.starts_with('⍽'),
        Look::Padding { .. } => true,
        _ => false,
    };
    let after = glyphs.get(i + 1).and_then(|next| next.text.chars().next());
    let may_break_after = match glyph.look {
        Look::Shade { .. } => true,
        Look::Blank => !glyph.text.starts_with('⍽'),
        _ => glyph.text.chars().next_back().is_some_and(|before| may_break_between(before, after)),
    };
    WrapItem { width: glyph.width, is_space, may_break_after }
}
