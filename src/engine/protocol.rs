//! What the engine and the rest of the program say to each other: plain data and nothing else.
//!
//! `app` builds [`Command`]s, the engine's thread answers with [`Event`]s. No tensor and no terminal type crosses this line,
//! and a token only as a name to hand back ([`Token`]); text does, as UTF-8 strings, and positions are indices of [`Cell`]s
//! within a hole. What steers a run is in `steer`.

mod model;
mod options;
mod steer;

pub mod likelihood;

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::likelihood::{ScoreId, ScoreRequest, Scored, WordScore};
pub use self::model::{ModelEntry, ModelInfo};
pub use self::options::{Renoise, RunOptions};
pub use self::steer::{Act, Alternative, Branch, Judgement, KEPT_BYTES, KEPT_JOBS, Place, Question, Token};
pub use crate::diffusion::constraint::rules::{Constraint, contradiction, listed, pieces};
pub use crate::engine::parse::{language_named, languages};

/// Names one run of the engine. Events that carry another id than the current one are ignored by `app`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u64);

/// Names one hole, in the document and in every frame about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HoleId(pub u64);

/// How many tokens a hole gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Length {
    /// The engine tries several lengths on the first forward pass and takes the most plausible one.
    #[default]
    Auto,
    /// Exactly this many tokens, at least 1.
    Fixed(usize),
    /// The most plausible length between the two, both included.
    Range(usize, usize),
}

/// What a run does with its holes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Replace the whole of each hole; its original text is not looked at.
    Fill,
    /// Keep the hole's original text but for this share of its tokens (0 to 1), least likely first.
    Rewrite {
        /// The share of tokens that may change.
        strength: f64,
    },
    /// Find the weakest words of the hole's original text and change only those that become likelier.
    Refine,
}

/// A stretch of the request: text that stays, or a hole. Adjacent holes are allowed.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Context that the model reads and never changes.
    Text(String),
    /// A hole to be denoised.
    Hole(HolePart),
}

/// A hole as the engine needs to know it.
#[derive(Debug, Clone, PartialEq)]
pub struct HolePart {
    /// The hole's name.
    pub id: HoleId,
    /// The document's text in the hole, for [`Verb::Rewrite`] and [`Verb::Refine`].
    pub original: String,
    /// How many tokens it gets, for [`Verb::Fill`].
    pub length: Length,
    /// What its text must be like.
    pub constraints: Vec<Constraint>,
    /// In [`Command::Rebase`] only: which cells of the running job this hole goes on from.
    pub resume: Option<Resume>,
}

impl HolePart {
    /// A hole of which nothing is demanded, and which begins anew.
    pub fn new(id: HoleId, original: &str, length: Length) -> Self {
        Self { id, original: original.to_owned(), length, constraints: Vec::new(), resume: None }
    }
}

/// Cells of the running job that a hole of a rebased request goes on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// The hole that the cells belonged to.
    pub from: HoleId,
    /// Which of its cells.
    pub cells: Range<usize>,
}

/// One infill asked of the engine.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Its name.
    pub job: JobId,
    /// Fill, rewrite or refine.
    pub verb: Verb,
    /// The document, in order; the engine cuts it to the model's context.
    pub parts: Vec<Part>,
    /// The knobs.
    pub options: RunOptions,
}

/// What `app` asks of the engine.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Start a run; a run that is going on is cancelled first.
    Start(Request),
    /// The document changed while the job runs: go on from the cells named in the parts.
    Rebase {
        /// The running job.
        job: JobId,
        /// The document as it is now.
        parts: Vec<Part>,
    },
    /// Start a run that goes on from a step of another; one that is going on is cancelled first.
    Branch(Branch),
    /// Do this to the cells of the running job.
    Steer {
        /// The running job.
        job: JobId,
        /// What, in order; all of it or, if one cannot be done, nothing.
        acts: Vec<Act>,
    },
    /// Say what the model thinks of a position now. A newer question takes the place of one that waits.
    Ask(Question),
    /// Stop before the next step and wait.
    Pause(JobId),
    /// One step of a paused job.
    Step(JobId),
    /// Go on with a paused job.
    Resume(JobId),
    /// Stop now and keep the current best guess of every position.
    Keep(JobId),
    /// Stop now and forget the job.
    Cancel(JobId),
    /// Judge some words while no job is at work, instead of those that were asked about before.
    Score(ScoreRequest),
    /// Judge no more words.
    StopScoring,
    /// Say which models there are.
    ListModels,
    /// Take this model instead; a run that is going on is cancelled first.
    Load(String),
    /// Give the model's memory back.
    Unload,
}

/// What the engine is busy with inside a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Trying lengths: so many of so many tried.
    Measuring {
        /// Lengths tried.
        tried: usize,
        /// Lengths to try, an upper bound.
        of: usize,
    },
    /// Judging the text that is there: so many of so many passes.
    Scoring {
        /// Passes done.
        done: usize,
        /// Passes to do.
        of: usize,
    },
    /// Denoising.
    Denoising,
    /// Denoising, paused before the next step.
    Paused,
}

/// The state of one position of a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellState {
    /// Still noise, and no guess yet or an unlikely one.
    Masked,
    /// Still noise; `text` is the model's current best guess.
    Tentative,
    /// Written in the step just made.
    JustCommitted,
    /// Written earlier.
    Committed,
    /// Written earlier and taken back in the step just made; `text` is what it was.
    Remasked,
    /// Held by the user: no rule may change it.
    Pinned,
    /// The document's own token, which this run has not touched (rewrite and refine).
    Original,
}

impl CellState {
    /// Whether the cell's text is part of the proposal.
    pub fn is_written(self) -> bool {
        matches!(self, Self::JustCommitted | Self::Committed | Self::Pinned | Self::Original)
    }
}

/// One position of a hole: one token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The token as text. Whole characters only: a token that ends inside one shows at the token that completes it.
    pub text: String,
    /// Its state.
    pub state: CellState,
    /// The model's probability of `text` (when written: at that moment), 0 to 1; 0 when there is none.
    pub probability: f32,
    /// The most likely other tokens, best first: now while it is masked, else when it was written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
    /// The token that `text` shows, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
    /// How open the position is, in nats: now while it is masked, else when it was written; none where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entropy: Option<f32>,
    /// After which step of the job it was written or held, where that was in this job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
}

impl Cell {
    /// A cell of which nothing is known but this.
    pub fn new(text: impl Into<String>, state: CellState, probability: f32) -> Self {
        Self { text: text.into(), state, probability, alternatives: Vec::new(), token: None, entropy: None, step: None }
    }

    /// A position of which nothing is known.
    pub fn blank() -> Self {
        Self::new("", CellState::Masked, 0.0)
    }
}

/// One hole at one step.
#[derive(Debug, Clone, PartialEq)]
pub struct HoleFrame {
    /// The hole.
    pub id: HoleId,
    /// Its positions, in order.
    pub cells: Vec<Cell>,
    /// Mean natural log-probability of the written tokens at commit.
    pub mean_logprob: Option<f64>,
}

impl HoleFrame {
    /// The written cells' text: what accepting would put into the document.
    pub fn text(&self) -> String {
        self.cells.iter().filter(|cell| cell.state.is_written()).map(|cell| cell.text.as_str()).collect()
    }
}

/// The whole picture of a job after one step. Frames are complete: a reader that misses some loses nothing but history.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// The job.
    pub job: JobId,
    /// Steps made.
    pub step: usize,
    /// Steps planned, where the sampler has a fixed number.
    pub steps: Option<usize>,
    /// What the engine is doing.
    pub phase: Phase,
    /// Positions still masked.
    pub masks_left: usize,
    /// Positions that were masked at the start.
    pub masks_total: usize,
    /// Forward passes made, those for measuring included.
    pub nfe: usize,
    /// Seconds of computing, waiting while paused not included.
    pub seconds: f64,
    /// The holes, in document order.
    pub holes: Vec<HoleFrame>,
    /// Once the job is done, which demands its holes do not meet.
    pub unmet: Vec<(HoleId, String)>,
}

impl Frame {
    /// Tokens written per second of computing.
    pub fn tokens_per_second(&self) -> f64 {
        let written = self.masks_total.saturating_sub(self.masks_left);
        if self.seconds > 0.0 { written as f64 / self.seconds } else { 0.0 }
    }
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Every hole is written.
    Finished(Arc<Frame>),
    /// The user stopped it and keeps what there is.
    Kept(Arc<Frame>),
    /// The user dropped it, or another job took its place.
    Cancelled,
    /// It could not go on: one sentence saying what, where and what to do.
    Failed(String),
}

/// What the engine tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The model is being read.
    Loading {
        /// Which one.
        model: String,
    },
    /// The model can be used.
    Ready(ModelInfo),
    /// The models there are.
    Models(Vec<ModelEntry>),
    /// The model that was asked for cannot be used.
    NotLoaded {
        /// One sentence saying what, where and what to do.
        why: String,
        /// The model from before, if it is still there.
        kept: Option<ModelInfo>,
        /// The name of the model that had to make room for it.
        before: Option<String>,
    },
    /// The model was given up as the user wished.
    Unloaded {
        /// Its name.
        model: String,
    },
    /// There is no model: one sentence saying what, where and what to do.
    Unavailable(String),
    /// A step was made. Newer frames replace older ones.
    Frame(Arc<Frame>),
    /// What the user wanted done to a job was not done: one sentence saying why. The job goes on as it was.
    Refused {
        /// The job.
        job: JobId,
        /// Why, and what to do.
        why: String,
    },
    /// What the model thinks of a position.
    Judged(Judgement),
    /// The job is over; nothing more comes from it.
    Ended {
        /// The job.
        job: JobId,
        /// How.
        outcome: Outcome,
    },
    /// Words were judged.
    Scored(Scored),
    /// Words cannot be judged.
    NotScored {
        /// What was asked.
        id: ScoreId,
        /// One sentence saying why and what to do.
        why: String,
    },
}
