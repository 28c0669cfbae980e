//! tmp
pub mod cli;
pub mod diffusion;
pub mod engine;
pub mod model;
pub mod text;
