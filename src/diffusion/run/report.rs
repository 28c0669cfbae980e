//! What a run tells after each step: the edits, the guesses for what is still noise, or why no step was made.

use crate::diffusion::TokenId;
use crate::diffusion::canvas::{Edit, EditError};
use crate::diffusion::constraint::ConstraintError;

/// What the model would put at a position that is still masked.
#[derive(Debug, Clone, PartialEq)]
pub struct Guess {
    /// Where.
    pub position: usize,
    /// The most likely token, whatever the temperature.
    pub token: TokenId,
    /// How likely it is at temperature 1.
    pub probability: f64,
    /// How open the position is, in nats at temperature 1.
    pub entropy: f64,
    /// What else, most likely first.
    pub runners_up: Vec<(TokenId, f32)>,
}

/// What one step did.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReport {
    /// Which step it was, from 0.
    pub step: usize,
    /// What changed; positions are those before the step.
    pub edits: Vec<Edit>,
    /// Guesses for positions still masked, ascending; those whose row was not there keep their last one.
    pub guesses: Vec<Guess>,
    /// How many positions are still masked.
    pub masks_left: usize,
    /// Passes made so far.
    pub nfe: usize,
    /// Whether the run is over.
    pub done: bool,
}

/// Why a step was not made; the run is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The logits lack a row that was asked for.
    #[error("the logits lack row {0}, which the step reads")]
    MissingRow(usize),
    /// The rows are not as wide as the vocabulary.
    #[error("a row has {found} logits, the vocabulary has {expected} tokens")]
    Width {
        /// How long the rows are.
        found: usize,
        /// How many tokens there are.
        expected: usize,
    },
    /// What may stand in the holes cannot be worked out.
    #[error(transparent)]
    Constraint(#[from] ConstraintError),
    /// An edit was refused: a defect of the sampler.
    #[error(transparent)]
    Edit(#[from] EditError),
}
