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

use crate::engine::protocol::{Frame, HoleFrame, HoleId, JobId, Part, RunOptions, Verb};

pub use json::RecordingError;
pub use play::Player;

/// The version of the file that is written, and the newest that is read.
pub const VERSION: u32 = 1;

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
