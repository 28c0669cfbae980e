//! What the engine is told: the document as text and holes.

use crate::app::document::Document;
use crate::app::infill::{Run, Session};
use crate::engine::protocol::{Constraint, HoleId, HolePart, Length, Part, Resume};
use crate::text::holes::{Hole, HoleLength};

/// So much of the document goes along before a hole and behind it, in characters: more than any model reads, little enough
/// that a keystroke in a huge file stays cheap.
const CONTEXT: usize = 1 << 18;

/// The document around and between the session's holes, each with what it goes on from. Holes that do not take part are
/// text.
pub(crate) fn parts(document: &Document, session: &Session, resume: impl Fn(HoleId) -> Option<Resume>) -> Vec<Part> {
    let buffer = document.buffer();
    let holes: Vec<&Hole> = document.holes().iter().filter(|hole| session.holes.contains(&HoleId(hole.id))).collect();
    let Some((first, last)) = holes.first().zip(holes.last()) else { return Vec::new() };
    let mut at = buffer.grapheme_at_or_before(first.range.start.saturating_sub(CONTEXT));
    let end = buffer.grapheme_at_or_before((last.range.end + CONTEXT).min(buffer.len()));
    // Of what is between two holes the engine looks at both ends, unless the document is to be well-formed as a whole.
    let is_whole = |demand: &Constraint| matches!(demand, Constraint::Balanced | Constraint::Parses(_));
    let is_read_whole = holes.iter().any(|hole| document.demands(hole.id).iter().any(is_whole));
    let mut parts = Vec::new();
    for hole in holes {
        let gap = at..hole.range.start.max(at);
        if gap.len() > 2 * CONTEXT && !parts.is_empty() && !is_read_whole {
            let [end, start] = [gap.start + CONTEXT, gap.end - CONTEXT].map(|pos| buffer.grapheme_at_or_before(pos));
            push_text(&mut parts, buffer.slice(gap.start..end) + &buffer.slice(start..gap.end));
        } else {
            push_text(&mut parts, buffer.slice(gap));
        }
        parts.push(Part::Hole(HolePart {
            id: HoleId(hole.id),
            original: buffer.slice(hole.range.clone()),
            length: length(hole.length),
            constraints: document.demands(hole.id).to_vec(),
            resume: resume(HoleId(hole.id)),
        }));
        at = hole.range.end;
    }
    push_text(&mut parts, buffer.slice(at..end.max(at)));
    parts
}

fn push_text(parts: &mut Vec<Part>, text: String) {
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
}

/// Which of the running job's cells the hole goes on from: none where it has not shown any yet.
pub(crate) fn resume_of(run: &Run, id: HoleId) -> Option<Resume> {
    if let Some((_, resume)) = run.resumes.iter().find(|(hole, _)| *hole == id) {
        return Some(resume.clone());
    }
    let cells = run.cells.iter().find(|cells| cells.id == id).filter(|cells| run.known && !cells.cells.is_empty())?;
    Some(Resume { from: id, cells: 0..cells.cells.len() })
}

fn length(length: HoleLength) -> Length {
    match length {
        HoleLength::Auto => Length::Auto,
        HoleLength::Fixed(n) => Length::Fixed(n),
        HoleLength::Range(least, most) => Length::Range(least, most),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::infill::Infill;
    use crate::app::message::Opened;
    use crate::engine::protocol::{RunOptions, Verb};

    #[test]
    fn of_a_long_text_between_two_holes_only_both_ends_are_sent() {
        let text = format!("{}{}", "a".repeat(2 * CONTEXT), "b".repeat(2 * CONTEXT));
        let ends = [0, text.len()];
        let holes = ends.map(|at| (at..at, HoleLength::Auto)).to_vec();
        let document = Document::opened(&Opened { text: text.as_str().into(), holes, ..Opened::default() });
        let mut infill = Infill::default();
        let ids = document.holes().iter().map(|hole| HoleId(hole.id)).collect();
        infill.begin(Verb::Fill, ids, RunOptions::default());
        let parts = infill.session().map(|session| parts(&document, session, |_| None)).unwrap_or_default();
        let [Part::Hole(_), Part::Text(between), Part::Hole(_)] = &parts[..] else { panic!("{} parts", parts.len()) };
        assert_eq!(*between, format!("{}{}", "a".repeat(CONTEXT), "b".repeat(CONTEXT)));
    }
}
