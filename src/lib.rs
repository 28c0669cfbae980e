//! Lacuna: a terminal text editor that fills gaps.
//!
//! In go a text with holes in it and a diffusion language model on this machine; out comes the text without the holes.
//! On the way the holes are *denoised*: every position starts as a mask, and pass after pass the network says what is
//! likely there given the text on both sides, and the sampler commits what is likely enough. The user sees each step in
//! place, steers it, and goes on typing. This page is the map; `DESIGN` in the project's papers is the law behind it.
//!
//! # The floors
//!
//! Lower floors never know higher ones; `tests/it/architecture.rs` holds the law as one table and fails when a file
//! breaks it. From the ground up:
//!
//! **[`text`]**: what a document is. Read [`text::change::ChangeSet`] first: an edit is a value that can be applied,
//! inverted, composed, and that moves positions. Undo, selections and holes all follow from it.
//! *Invariant:* `text` does not know that models exist, reads no clock and cannot fail.
//!
//! **[`diffusion`]**: the mathematics. Read [`diffusion::sampler`] first: one step of the reverse process on one page.
//! Named samplers are rows of a table, [`diffusion::preset`].
//! *Invariant:* no tensor, no tokenizer, no file, no thread; all randomness is counter-based and keyed.
//!
//! **[`model`]**: networks on candle. Token ids in, raw logits out; the only floor that names candle.
//! *Invariant:* it chooses no token and draws no number.
//!
//! **[`engine`]**: the thread that owns the model. Read [`engine::protocol`] first: commands in, events out, plain data.
//! *Invariant:* nobody waits for it; a failure or a panic in the model is one sentence in one event.
//!
//! **[`app`]**: everything the user can change. [`app::App::update`] takes a message and returns effects; it cannot
//! fail, and a session is a list of messages. Of the engine it knows the protocol alone.
//! *Invariant:* no terminal, no file, no clock; a run is an overlay and never changes the document before it is accepted.
//!
//! **[`ui`]**: draws `&App`. *Invariant:* a frame is a pure function of the app, its size and the theme.
//!
//! **[`shell`]**: the outside world: the event loop, the terminal, files, the clipboard. *Invariant:* no decisions.
//!
//! **[`cli`]**: the command line, thin wrappers over the floors.
//!
//! `text` and `diffusion` meet in one place only: `app` turns holes into a request, and the engine turns the request
//! into a canvas (`engine/prompt.rs`).
//!
//! # What runs across the floors
//!
//! *Positions.* In a document they are character indices; on a canvas, token positions; in a file, bytes. A hole's
//! tokens never cross into `text`: the engine hands over strings, cell by cell.
//!
//! *Errors* are typed below and one sentence above: what, where, what to do. *Cancelling* is by job number, seen within
//! one layer of the network. *Seeds* are shown, and the same seed, model and text give the same bytes whatever the
//! number of threads. *Tests*: laws against stupid oracles beside the code, golden numbers of the reference
//! implementations in `tests/fixtures`, and the real program in a pseudo-terminal in `tests/it`.

pub mod app;
pub mod cli;
pub mod diffusion;
pub mod engine;
pub mod model;

pub mod shell;
pub mod text;
pub mod ui;
