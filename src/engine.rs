//! tmp
pub mod brain;
pub mod catalog;
pub mod job;
mod lengths;
pub(crate) mod prompt;
pub mod protocol;
pub(crate) mod spell;
