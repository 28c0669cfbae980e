//! The mathematics of masked text diffusion: what a step does, and nothing about networks, files or screens.
//!
//! Start with [`sampler::step`], which reads like the algorithm box of a paper; [`run::Run`] drives it over a whole
//! reverse process, and [`preset::PRESETS`] is the table of named samplers. Unit: tokens and canvas positions.
//! Everything here is pure: no clock, thread, file or hash order, and every random number is keyed ([`rng::Draw`]).
//!
//! | here | in the literature | source |
//! |---|---|---|
//! | canvas `xt` | the sequence at time `t`, partly masked | MDLM (2406.07524), LLaDA (2502.09992) `generate.py` |
//! | `x0` | the clean sequence; a [`propose::Proposal`] is a guess of one token of it | LLaDA `x0` |
//! | time `t` in \[0, 1\] | 1 is all masked, 0 is clean; a step goes from `t` to `s < t` | MDLM |
//! | `alpha(t)` | share of positions still clean at `t`; [`schedule::NoiseSchedule::alpha`] | MDLM, MD4 (2406.04329) |
//! | move chance | `1 - alpha(t)`, the chance that a position is masked at `t` | MDLM `move_chance_t` |
//! | mask | the absorbing token, [`vocabulary::Vocabulary::mask`] | LLaDA `mask_id` |
//! | commit, unmask | masked becomes committed; LLaDA's "transfer" | dLLM |
//! | remask | committed becomes masked; LLaDA's `remasking` is *not* this but the choice of what to commit | ReMDM |
//! | confidence | the number that positions are ranked by, a word of [`expr::WORDS`] | LLaDA, Dream |
//! | block | part of the canvas finished before the next, [`window::Window::Blocks`] | LLaDA `block_length` |
//! | NFE | evaluations of the denoiser actually made, [`run::Run::nfe`] | Fast-dLLM `nfe` |
//! | logit shift | raw row `i - shift` predicts position `i`; [`row_of`] | Dream |

pub mod canvas;
pub mod constraint;
pub mod continuous;
pub mod dependence;
pub mod dry;
pub mod expr;
pub mod length;
mod memory;
pub mod noise;
pub mod notation;
mod pick;
pub mod preset;
pub mod propose;
pub mod refresh;
pub mod rng;
pub mod rule;
pub mod run;
pub mod sampler;
pub mod schedule;
pub mod score;
pub mod search;
pub mod spec;
pub mod trajectory;
pub mod vocabulary;
pub mod window;

use crate::diffusion::vocabulary::Vocabulary;

/// A token's number in its vocabulary.
pub type TokenId = u32;

/// A network that, given a noised sequence, says how likely each token of the clean one is.
pub trait Denoiser {
    /// The tokens it knows, and those that it must never propose.
    fn vocabulary(&self) -> &Vocabulary;

    /// 0 or 1: raw row `i - shift` predicts position `i`; with shift 1, position 0 is predicted by row 0.
    fn shift(&self) -> usize;

    /// What the network was trained to undo.
    fn noise(&self) -> noise::Noise {
        noise::Noise::Absorbing
    }

    /// The longest canvas, in tokens.
    fn context(&self) -> usize;

    /// One forward pass over the canvas: the raw rows asked for, nothing else.
    ///
    /// `cancelled` is asked often (at least once a layer); once it says yes the pass ends with
    /// [`DenoiseError::Cancelled`].
    fn logits(&mut self, pass: &Pass<'_>, cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Logits, DenoiseError>;
}

/// One forward pass asked of a denoiser.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pass<'a> {
    /// The canvas, masks in place.
    pub ids: &'a [TokenId],
    /// The raw rows wanted, sorted, unique.
    pub rows: &'a [usize],
    /// The noise level that the network reads, where it reads one.
    pub time: Option<f64>,
    /// Which rows are computed anew.
    pub refresh: Refresh<'a>,
}

impl<'a> Pass<'a> {
    /// An exact pass of a network that reads no time.
    pub fn new(ids: &'a [TokenId], rows: &'a [usize]) -> Self {
        Self { ids, rows, time: None, refresh: Refresh::All }
    }
}

/// Which rows of the network a pass computes anew (`decoding.md` section 2). A cost, never a meaning: with anything but
/// [`Refresh::All`] the logits are those of a canvas whose other rows are as the pass before left them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Refresh<'a> {
    /// All: exact.
    #[default]
    All,
    /// These (raw rows, sorted, unique), those asked for and those whose token has changed; keys and values of the others
    /// are those of the last pass that computed them. A denoiser without such a memory computes all, and so does one
    /// whose memory is of another length. At present the Llama- and Qwen-shaped stack alone has one.
    Only(&'a [usize]),
}

/// Why a forward pass gave no logits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DenoiseError {
    /// The caller no longer wants them.
    #[error("the pass was cancelled")]
    Cancelled,
    /// The network could not; one sentence says why.
    #[error("{0}")]
    Failed(String),
}

/// The raw row that predicts a position: `position - shift`, and row 0 for position 0.
pub fn row_of(position: usize, shift: usize) -> usize {
    position.saturating_sub(shift)
}

/// Raw rows of un-normalised scores, as they came out of the network (not shifted).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Logits {
    rows: Vec<usize>,
    vocab: usize,
    data: Vec<f32>,
}

impl Logits {
    /// Takes the rows named by `rows` (sorted, unique), each `vocab` long, one after the other in `data`.
    pub fn new(rows: Vec<usize>, vocab: usize, data: Vec<f32>) -> Result<Self, DenoiseError> {
        if rows.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(DenoiseError::Failed("the rows of logits are not sorted and unique".into()));
        }
        if rows.len().checked_mul(vocab) != Some(data.len()) {
            let (rows, len) = (rows.len(), data.len());
            return Err(DenoiseError::Failed(format!(
                "{rows} rows of {vocab} logits were promised, {len} numbers came"
            )));
        }
        Ok(Self { rows, vocab, data })
    }

    /// No rows at all: for a step that reads none, before which no pass is made.
    pub fn none() -> Self {
        Self::default()
    }

    /// The logits of one raw row, if it is here.
    pub fn row(&self, raw_row: usize) -> Option<&[f32]> {
        let index = self.rows.binary_search(&raw_row).ok()?;
        self.data.get(index * self.vocab..(index + 1) * self.vocab)
    }

    /// Classifier-free guidance: `u + (weight + 1) (c - u)` with these as `c` (LLaDA `generate.py`).
    ///
    /// # Errors
    /// The two are not of the same rows and width.
    pub fn guided(&self, unconditional: &Logits, weight: f64) -> Result<Logits, DenoiseError> {
        if self.rows != unconditional.rows || self.vocab != unconditional.vocab {
            return Err(DenoiseError::Failed("the logits with and without the text around have other rows".into()));
        }
        let scale = weight as f32 + 1.0;
        let guided = |(&c, &u): (&f32, &f32)| if u.is_finite() { u + scale * (c - u) } else { c };
        let data = self.data.iter().zip(&unconditional.data).map(guided).collect();
        Ok(Self { rows: self.rows.clone(), vocab: self.vocab, data })
    }

    /// Which raw rows are here, ascending.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// How long a row is.
    pub fn vocab(&self) -> usize {
        self.vocab
    }
}

#[cfg(test)]
mod tests {
    use super::{DenoiseError, Logits, row_of};

    #[test]
    fn logits_are_found_by_raw_row() {
        let logits = Logits::new(vec![2, 5], 2, vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        assert_eq!(logits.row(5), Some([3.0, 4.0].as_slice()));
        assert_eq!(logits.row(3), None);
    }

    #[test]
    fn wrong_sizes_and_orders_are_refused() {
        assert!(matches!(Logits::new(vec![0], 2, vec![1.0]), Err(DenoiseError::Failed(_))));
        assert!(matches!(Logits::new(vec![1, 1], 1, vec![1.0, 1.0]), Err(DenoiseError::Failed(_))));
    }

    #[test]
    fn position_zero_is_predicted_by_row_zero() {
        assert_eq!([row_of(0, 1), row_of(1, 1), row_of(7, 1), row_of(7, 0)], [0, 0, 6, 7]);
    }
}
