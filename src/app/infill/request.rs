//! What the engine is told: the document as text and holes.

use crate::app::document::Document;
use crate::app::infill::{Run, Session};
use crate::engine::protocol::{HoleId, HolePart, Length, Part, Resume};
use crate::text::holes::{Hole, HoleLength};

/// So much of the document goes along before the first hole and after the last, in characters: more than any model
/// reads, little enough that a keystroke in a huge file stays cheap.
const CONTEXT: usize = 1 << 18;

/// The document around and between the session's holes, each with what it goes on from. Holes that do not take part are
/// text.
pub(crate) fn parts(document: &Document, session: &Session, resume: impl Fn(HoleId) -> Option<Resume>) -> Vec<Part> {
    let buffer = document.buffer();
    let holes: Vec<&Hole> = document.holes().iter().filter(|hole| session.holes.contains(&HoleId(hole.id))).collect();
    let Some((first, last)) = holes.first().zip(holes.last()) else { return Vec::new() };
    let mut at = buffer.grapheme_at_or_before(first.range.start.saturating_sub(CONTEXT));
    let end = buffer.grapheme_at_or_before((last.range.end + CONTEXT).min(buffer.len()));
    let mut parts = Vec::new();
    for hole in holes {
        push_text(&mut parts, buffer.slice(at..hole.range.start.max(at)));
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
