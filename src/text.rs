//! What a document is: text, edits, undo, selections, motions, holes, measuring and search, all as plain values.
//!
//! Read [`buffer::Buffer`] first, then [`change::ChangeSet`]: every edit of every kind is a change set, and everything
//! that must survive an edit (selections, holes, undo) is mapped through it.
//!
//! Words. A *position* is a `usize` counting Unicode scalar values (`char`s) from the start of the document; it lies
//! between two characters, so `0..=len` are the valid ones. A *line* is a 0-based index; only `"\n"` ends a line, and
//! `"\r\n"` is one grapheme. A *column* counts terminal cells from the start of a line. A *grapheme* is an extended
//! grapheme cluster (UAX #29), the least a caret moves over. A *hole* is a range that the user marked to be written by
//! the model.
//!
//! Invariants:
//! - [`buffer::Buffer::apply`] is the only way text changes, and it returns the inverse of what it did.
//! - Functions are total: a position past the end is treated as the end; nothing here panics on user input.
//! - Holes are sorted and disjoint after any sequence of edits, and are mapped, never searched for.
//! - Motions end on grapheme boundaries.
//! - No clock (times are passed in), no files, no threads, no terminal, and no knowledge that models exist.

pub mod brackets;
pub mod buffer;
pub mod change;
pub mod diff;
pub mod encoding;
pub mod fingerprint;
pub mod history;
pub mod holes;
pub mod journal;
pub mod lines;
pub mod measure;
pub mod motion;
pub mod prose;
#[cfg(test)]
mod samples;
pub mod search;
pub mod selection;
pub mod spans;
pub mod wrap;
