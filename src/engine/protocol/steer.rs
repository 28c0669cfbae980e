//! Steering a run and going back in it: what is done to which cell, and from which step a branch goes on.
//!
//! A cell is named by its hole and its place in it; where several acts are sent at once, each is about the cells as the acts
//! before it have left them. Tokens are named by [`Token`], so that an alternative chosen on the screen is exactly the one
//! that was shown, although the run may have gone on meanwhile.

use serde::{Deserialize, Serialize};

use super::{HoleId, JobId, Part, RunOptions};

/// The name of a token of the loaded model. Nobody but the engine knows what it stands for; what it looks like comes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Token(pub u32);

/// A token that could stand at a position.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    /// Its name.
    pub token: Token,
    /// It as text; bytes that are no whole character show as a replacement character.
    pub text: String,
    /// How likely the model finds it, 0 to 1.
    pub probability: f32,
}

/// A cell of a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// The hole.
    pub hole: HoleId,
    /// Which of its cells.
    pub cell: usize,
}

/// What a user does to a run between two steps. Of what is written otherwise, only words that the model no longer means
/// because of it are masked again and redone; see [`crate::engine::job`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Hold what stands there, or the guess that is shown.
    Pin(Place),
    /// No longer hold it.
    Unpin(Place),
    /// Put this token there and hold it.
    Choose(Place, Token),
    /// Put this text there and hold it, in as many cells as it takes.
    Write(Place, String),
    /// Never this token there; if it stands there, something else is looked for.
    Ban(Place, Token),
    /// Never this word anywhere in this run, with or without the space before it.
    BanEverywhere(Token),
    /// Mask the cell again.
    Mask(Place),
}

/// A job that goes on from a step of another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// The new job's name.
    pub job: JobId,
    /// The job that it goes on from: the one that runs, or one of the last [`KEPT_JOBS`].
    pub from: JobId,
    /// After which of its steps.
    pub step: usize,
    /// The document as it is now; each hole may name the cells that it goes on from.
    pub parts: Vec<Part>,
    /// What is done to the cells first.
    pub acts: Vec<Act>,
    /// The knobs of the new job. Where sampler and steps are those of the other, its plan goes on; else one begins here.
    pub options: RunOptions,
}

/// The steps of so many jobs are kept by the engine, the newest ones, as long as the model stays loaded.
pub const KEPT_JOBS: usize = 16;

/// And no more than about so many bytes of them; the oldest go first.
pub const KEPT_BYTES: usize = 64 << 20;

/// How open a position is now, given all that stands around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// The job.
    pub job: JobId,
    /// After which of its steps.
    pub step: usize,
    /// The cell.
    pub at: Place,
}

/// What the model says of a position with everything else in place: the answer to a [`Question`].
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// What was asked.
    pub question: Question,
    /// How likely the token that stands there is; none where none does.
    pub probability: Option<f32>,
    /// The entropy in nats.
    pub entropy: f32,
    /// The likeliest tokens, best first, the one that stands there among them if it is one.
    pub alternatives: Vec<Alternative>,
}
