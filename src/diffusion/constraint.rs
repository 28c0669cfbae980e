//! What a hole's text must look like, exactly: which tokens may still stand at each masked position, such that the whole
//! can be completed with the masks that remain.
//!
//! Read from the bottom: [`rules`] are what may be demanded; a [`dfa::Dfa`] says which texts are allowed, byte by byte; a [`language::Language`] puts the
//! bytes before and after that a hole has taken in around it, and demands whole characters; a [`lexicon::Lexicon`] walks
//! the vocabulary byte by byte; a [`lattice::Lattice`] lifts the automaton to tokens and answers for a row of cells,
//! some written and some masked, in any order;
//! [`limits::Limits`] asks the lattices of all holes of a canvas. This is the reachability half of DINGO (2505.23061) on a lattice of
//! positions: forward sets of states, backward sets of states, and in between the tokens that join them. Unit: bytes
//! inside, tokens outside.

pub mod dfa;
pub mod language;
pub mod lattice;
pub mod lexicon;
pub mod limits;
pub mod rules;

/// Why a constraint cannot be worked with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConstraintError {
    /// The expression cannot be read.
    #[error("`{pattern}` is no regular expression: {why}")]
    Pattern {
        /// What was written.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
    /// The automaton would have too many states.
    #[error("the constraints of a hole are too large to be checked exactly; use a shorter expression or fewer of them")]
    TooLarge,
    /// No text at all is allowed.
    #[error("no text meets all constraints of the hole")]
    Empty,
}
