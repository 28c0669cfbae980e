//! What the commands do, in families. A function here resolves a place with a pure function of `text` or `layout`,
//! makes one change or asks for one effect, and returns; decisions that span several messages live in their own modules.

pub(crate) mod branch;
pub(crate) mod cell;
pub(crate) mod edit;
pub(crate) mod file;
pub(crate) mod habit;
pub(crate) mod heat;
pub(crate) mod hole;
pub(crate) mod lines;
pub(crate) mod mode;
pub(crate) mod motion;
pub(crate) mod multi;
pub(crate) mod replace;
pub(crate) mod run;
pub(crate) mod source;
pub(crate) mod view;
