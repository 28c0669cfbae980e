//! How likely words of a text are: what is asked of the engine while it has nothing better to do, and its answer.

use std::ops::Range;

/// Names one wish for likelihoods. Answers to another than the last one are ignored by `app`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScoreId(pub u64);

/// Some words to be judged, each given the text on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoreRequest {
    /// Its name.
    pub id: ScoreId,
    /// The words with some text on both sides of them.
    pub text: String,
    /// The bytes of `text` whose words are asked about; words that reach beyond are judged whole.
    pub bytes: Range<usize>,
}

/// One word of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct WordScore {
    /// Its bytes in the text, without the blank before it.
    pub bytes: Range<usize>,
    /// How many tokens it has.
    pub tokens: usize,
    /// Mean natural log-probability of its tokens, each read while the whole word was masked; none where the model has
    /// no row to predict it from.
    pub log_probability: Option<f64>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// What was asked.
    pub id: ScoreId,
    /// The words, in order.
    pub words: Vec<WordScore>,
    /// Forward passes that it took.
    pub passes: usize,
    /// Seconds of computing.
    pub seconds: f64,
}
