//! The file of a recording. What a file claims is checked before it is believed: places in the text, numbers of holes and
//! cells; a file of a megabyte cannot ask for more than some megabytes.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Recording, VERSION};
use crate::engine::protocol::{Cell, Frame, HoleFrame, HoleId, JobId, Phase, RunOptions, Verb};

/// A hole has at most so many cells.
const MOST_CELLS: usize = 1 << 14;

/// All pictures together have at most so many cells.
const MOST_CELLS_IN_ALL: usize = 1 << 22;

/// Why a file is not a recording, as a part of a sentence.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// It is no JSON, or lacks something.
    #[error("it is not a recording: {0}")]
    Json(#[from] serde_json::Error),
    /// A later program made it.
    #[error("it was made by a newer Lacuna (version {0} of the file, {VERSION} is known here)")]
    Newer(u32),
    /// It says something that cannot be.
    #[error("{0}")]
    Wrong(String),
}

#[derive(Serialize, Deserialize)]
struct File {
    lacuna: u32,
    name: String,
    model: String,
    device: String,
    verb: Verb,
    options: RunOptions,
    text: String,
    holes: Vec<Range<usize>>,
    steps: Vec<Picture>,
}

/// One picture.
#[derive(Serialize, Deserialize)]
struct Picture {
    step: usize,
    #[serde(rename = "of", default, skip_serializing_if = "Option::is_none")]
    planned: Option<usize>,
    phase: Phase,
    masks_left: usize,
    masks_total: usize,
    nfe: usize,
    seconds: f64,
    holes: Vec<Change>,
}

/// What became of one hole since the picture before: how many cells it has, and those that are others now.
#[derive(Serialize, Deserialize)]
struct Change {
    count: usize,
    cells: Vec<(usize, Cell)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mean_logprob: Option<f64>,
}

impl Recording {
    /// The recording as a file.
    pub fn to_json(&self) -> String {
        let mut before: Vec<&[Cell]> = vec![&[]; self.holes.len()];
        let steps = self.frames.iter().map(|frame| {
            let holes = frame.holes.iter().zip(&mut before).map(|(hole, before)| {
                let cells = hole.cells.iter().enumerate().filter(|(k, cell)| before.get(*k) != Some(*cell));
                let cells = cells.map(|(k, cell)| (k, cell.clone())).collect();
                *before = &hole.cells;
                Change { count: hole.cells.len(), cells, mean_logprob: hole.mean_logprob }
            });
            Picture {
                holes: holes.collect(),
                step: frame.step,
                planned: frame.steps,
                phase: frame.phase,
                masks_left: frame.masks_left,
                masks_total: frame.masks_total,
                nfe: frame.nfe,
                seconds: frame.seconds,
            }
        });
        let file = File {
            lacuna: VERSION,
            name: self.name.clone(),
            model: self.model.clone(),
            device: self.device.clone(),
            verb: self.verb,
            options: self.options.clone(),
            text: self.text.clone(),
            holes: self.holes.clone(),
            steps: steps.collect(),
        };
        // Every key is a text, and numbers that are none become null: nothing here can fail.
        serde_json::to_string(&file).unwrap_or_default()
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It is none, or says what cannot be.
    pub fn from_json(text: &str) -> Result<Self, RecordingError> {
        /// The version is looked at first: the rest may be something else in another.
        #[derive(Deserialize)]
        struct Head {
            lacuna: u32,
        }
        let head: Head = serde_json::from_str(text)?;
        if head.lacuna > VERSION {
            return Err(RecordingError::Newer(head.lacuna));
        }
        let file: File = serde_json::from_str(text)?;
        let len = file.text.chars().count();
        let mut at = 0;
        for hole in &file.holes {
            if hole.start < at || hole.end < hole.start || hole.end > len {
                let (start, end) = (hole.start, hole.end);
                return Err(wrong(format!(
                    "its hole {start}..{end} is not in its text of {len} characters, or not in order"
                )));
            }
            at = hole.end;
        }
        if file.holes.is_empty() || file.steps.is_empty() {
            return Err(wrong("it has no holes or no steps".into()));
        }
        let frames = frames(&file)?;
        let File { name, model, device, verb, options, text, holes, .. } = file;
        Ok(Self { name, text, holes, verb, model, device, options, frames })
    }
}

fn wrong(what: String) -> RecordingError {
    RecordingError::Wrong(what)
}

fn frames(file: &File) -> Result<Vec<Arc<Frame>>, RecordingError> {
    let mut cells: Vec<Vec<Cell>> = vec![Vec::new(); file.holes.len()];
    let mut all = 0;
    let mut frames = Vec::with_capacity(file.steps.len());
    for (number, step) in file.steps.iter().enumerate() {
        if step.holes.len() != cells.len() {
            return Err(wrong(format!("its step {number} has {} holes of {}", step.holes.len(), cells.len())));
        }
        for (hole, change) in cells.iter_mut().zip(&step.holes) {
            all += change.count;
            if change.count > MOST_CELLS || all > MOST_CELLS_IN_ALL {
                return Err(wrong(format!("its step {number} has more cells than can be shown")));
            }
            hole.resize(change.count, Cell::blank());
            for (k, cell) in &change.cells {
                let Some(place) = hole.get_mut(*k) else {
                    return Err(wrong(format!("its step {number} changes cell {k} of {}", change.count)));
                };
                place.clone_from(cell);
            }
        }
        let holes = cells.iter().zip(&step.holes).enumerate().map(|(place, (cells, change))| HoleFrame {
            id: HoleId(place as u64),
            cells: cells.clone(),
            mean_logprob: change.mean_logprob,
        });
        frames.push(Arc::new(Frame {
            job: JobId(0),
            holes: holes.collect(),
            step: step.step,
            steps: step.planned,
            phase: step.phase,
            masks_left: step.masks_left,
            masks_total: step.masks_total,
            nfe: step.nfe,
            unmet: Vec::new(),
            seconds: if step.seconds.is_finite() { step.seconds.max(0.0) } else { 0.0 },
        }));
    }
    Ok(frames)
}
