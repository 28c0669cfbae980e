//! A run as a file: the document around its holes, how it was made, and every picture of it.
//!
//! The file is one JSON document (version [`VERSION`]). Pictures are kept as differences: a step names the cells that are
//! not what they were before. [`Recording::play`] shows one again by the way it was shown first, as the engine's events
//! to a program with the same document; so a film of it, and the player in the terminal, are the editor itself.
//! Positions are characters of the text, times are seconds of computing since the run began.

mod json;
mod play;

use std::ops::Range;
use std::sync::Arc;

use crate::app::infill::overlay::HoleCells;
use crate::app::{App, Model};
use crate::engine::protocol::{Frame, HoleFrame, HoleId, JobId, Part, Phase, RunOptions, Verb};

pub use json::RecordingError;
pub use play::Player;

/// The version of the file that is written, and the newest that is read.
pub const VERSION: u32 = 1;

/// The kinds of file that a recording can be written as, by the end of their names: itself, and films of it.
pub const KINDS: [&str; 4] = ["json", "cast", "svg", "gif"];

/// So much text is kept before the first hole and after the last, in characters, and then to the end of the line.
const CONTEXT: usize = 1 << 14;

/// A recorded run.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// The document's file name; empty where it has none.
    pub name: String,
    /// Its text, or what is around the holes.
    pub text: String,
    /// Where the holes are in it, in order, in characters.
    pub holes: Vec<Range<usize>>,
    /// What was done with them.
    pub verb: Verb,
    /// The model's name.
    pub model: String,
    /// What it ran on.
    pub device: String,
    /// How the run was made.
    pub options: RunOptions,
    /// Its pictures, in order; a hole's name in them is its place in `holes`.
    pub frames: Vec<Arc<Frame>>,
}

impl Recording {
    /// Of a request that was run without an editor: its text, its holes and its pictures.
    pub fn of_parts(parts: &[Part], frames: &[Arc<Frame>], made: Made) -> Self {
        let (mut text, mut at) = (String::new(), 0);
        let (mut holes, mut ids) = (Vec::new(), Vec::new());
        for part in parts {
            let (piece, hole) = match part {
                Part::Text(kept) => (kept, None),
                Part::Hole(hole) => (&hole.original, Some(hole.id)),
            };
            text.push_str(piece);
            let end = at + piece.chars().count();
            if let Some(id) = hole {
                holes.push(at..end);
                ids.push(id);
            }
            at = end;
        }
        made.recording(text, holes, &ids, frames)
    }

    /// Of what the program shows: the branch on the screen, or the run going on, with all its steps.
    pub(crate) fn of_app(app: &App) -> Option<Self> {
        let session = app.infill().session()?;
        let (options, mut frames, at_last) = match (&session.run, app.infill().branch()) {
            (Some(run), _) => (run.options.clone(), run.timeline.frames(), None),
            (None, Some(branch)) => (branch.options.clone(), branch.timeline.frames(), Some(&branch.holes)),
            (None, None) => return None,
        };
        // A branch that was put together from others has no steps of its own.
        if let Some(holes) = at_last.filter(|_| frames.is_empty()) {
            frames.push(Arc::new(still(holes)));
        }
        let (buffer, holes) = (app.document().buffer(), app.document().holes());
        let mut ids: Vec<HoleId> = session.holes().to_vec();
        ids.retain(|id| holes.get(id.0).is_some());
        let ranges: Vec<Range<usize>> =
            ids.iter().filter_map(|id| holes.get(id.0)).map(|hole| hole.range.clone()).collect();
        let (first, last) = ranges.first().zip(ranges.last())?;
        let start = buffer.line_start(buffer.line_of(first.start.saturating_sub(CONTEXT)));
        let end = buffer.line_end(buffer.line_of((last.end + CONTEXT).min(buffer.len())));
        let name = app.document().path().and_then(|path| path.file_name());
        let (model, device) = match app.model() {
            Model::Ready(info) => (info.name.clone(), info.device.clone()),
            _ => Default::default(),
        };
        let made = Made {
            name: name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            verb: session.verb(),
            model,
            device,
            options,
        };
        let ranges = ranges.iter().map(|range| range.start - start..range.end - start).collect();
        Some(made.recording(buffer.slice(start..end), ranges, &ids, &frames))
    }
}

/// What is shown without having been made step by step.
fn still(holes: &[HoleCells]) -> Frame {
    let cells = || holes.iter().flat_map(|hole| &hole.cells);
    Frame {
        job: JobId(0),
        step: 0,
        steps: None,
        phase: Phase::Denoising,
        masks_left: cells().filter(|cell| !cell.state.is_written()).count(),
        masks_total: cells().count(),
        nfe: 0,
        seconds: 0.0,
        holes: holes
            .iter()
            .map(|hole| HoleFrame { id: hole.id, cells: hole.cells.clone(), mean_logprob: None })
            .collect(),
    }
}

/// How a run was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// The document's file name; empty where it has none.
    pub name: String,
    /// What was done with the holes.
    pub verb: Verb,
    /// The model's name.
    pub model: String,
    /// What it ran on.
    pub device: String,
    /// The knobs.
    pub options: RunOptions,
}

impl Made {
    fn recording(self, text: String, holes: Vec<Range<usize>>, ids: &[HoleId], frames: &[Arc<Frame>]) -> Recording {
        let Self { name, verb, model, device, options } = self;
        let frames = frames.iter().filter_map(|frame| renamed(frame, ids)).map(Arc::new).collect();
        Recording { name, text, holes, verb, model, device, options, frames }
    }
}

/// The frame with each hole called by its place among `ids`. `None` where it lacks one: then it is from before a hole was
/// split by what was typed inside it.
fn renamed(frame: &Frame, ids: &[HoleId]) -> Option<Frame> {
    let holes = ids.iter().enumerate().map(|(place, id)| {
        let hole = frame.holes.iter().find(|hole| hole.id == *id)?;
        Some(HoleFrame { id: HoleId(place as u64), ..hole.clone() })
    });
    Some(Frame { job: JobId(0), holes: holes.collect::<Option<_>>()?, ..frame.clone() })
}

#[cfg(test)]
mod tests;
