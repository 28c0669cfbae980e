//! Diffusion of vectors instead of tokens: every position holds numbers, which a network turns into text step by step.
//!
//! Plaid and Diffusion-LM noise the embeddings of tokens, SSD-LM and TESS 2 a simplex over the vocabulary. All four are
//! one process: the state is `z = alpha x + sigma e` with clean vectors `x` and noise `e`; the network is shown `z` and
//! says how likely each token is; from that follows a guess of `x`, and from it a `z` with less noise. What differs is
//! data ([`Process`]): where vectors live, how noise falls ([`levels`]), how a step moves. [`Run`] drives it. Each step
//! yields the same [`Edit`]s as a run on a masked canvas: the best text so far, where it changed.
//!
//! Known tokens are clamped: their clean vector is given instead of guessed, so that the step keeps them at just the
//! noise that the network expects (the forward process conditioned on them). Numbers are f64; unit: positions.
//! Sources: Plaid (2305.18619) `sample.py`, Diffusion-LM (2205.14217) `gaussian_diffusion.py`, SSD-LM (2210.17432)
//! `ssd_model_decode.py`, TESS 2 (2502.13917) `simplex_ddpm.py`.

pub mod levels;
mod process;

use crate::diffusion::canvas::{Edit, EditAct};
use crate::diffusion::propose::{Fallback, Propose, Row};
use crate::diffusion::rng::{Draw, DrawKey, Purpose};
use crate::diffusion::run::Guess;
use crate::diffusion::vocabulary::Vocabulary;
use crate::diffusion::{DenoiseError, TokenId};
use levels::Level;
pub use process::{Choices, Motion, Process, Space};

/// A network that, shown noised vectors, says how likely each token of the clean text is.
pub trait ContinuousDenoiser {
    /// The tokens it knows, and those that it must never propose.
    fn vocabulary(&self) -> &Vocabulary;

    /// Numbers at each position.
    fn width(&self) -> usize;

    /// The longest text, in tokens.
    fn context(&self) -> usize;

    /// The clean vectors of tokens, one after the other; not asked of networks on the simplex.
    ///
    /// # Errors
    /// A token that it does not know.
    fn embed(&self, tokens: &[TokenId]) -> Result<Vec<f32>, DenoiseError>;

    /// The reverse process that its authors use, with some choices left open.
    fn process(&self, choices: &Choices) -> Process;

    /// How many steps that takes where nobody says.
    fn steps(&self) -> usize;

    /// One forward pass. `cancelled` is asked at least once a layer.
    ///
    /// # Errors
    /// [`DenoiseError::Cancelled`], or why the network could not.
    fn predict(
        &mut self,
        noised: &Noised<'_>,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Prediction, DenoiseError>;
}

/// What a network is shown.
#[derive(Debug, Clone, Copy)]
pub struct Noised<'a> {
    /// The state, `width` numbers for each position.
    pub state: &'a [f64],
    /// The token of each position where it is known.
    pub known: &'a [Option<TokenId>],
    /// How far the process is, as the network reads it ([`Level::time`]).
    pub time: f64,
    /// What it said in the step before.
    pub previous: Option<&'a Prediction>,
}

/// What a network says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Prediction {
    /// A row of the vocabulary's length for each position.
    pub logits: Vec<f32>,
    /// Its guess of the clean vectors; empty where it follows from the logits (on the simplex).
    pub clean: Vec<f32>,
}

/// A source of standard normal numbers.
pub trait Normal {
    /// The number for one axis of one position; step 0 is the start, step `i + 1` the `i`-th step.
    fn normal(&self, step: usize, position: usize, axis: usize) -> f64;
}

impl<D: Draw> Normal for D {
    /// Box and Muller 1958: two uniform numbers for each pair of axes.
    fn normal(&self, step: usize, position: usize, axis: usize) -> f64 {
        let pair = axis as u32 & !1;
        let draw = |axis| self.uniform(DrawKey { purpose: Purpose::Axis(axis), step, position, index: 0 });
        let radius = (-2.0 * (1.0 - draw(pair)).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * draw(pair + 1)).sin_cos();
        radius * if axis.is_multiple_of(2) { cos } else { sin }
    }
}

/// A process at work on one text.
#[derive(Debug, Clone)]
pub struct Run<N> {
    process: Process,
    known: Vec<Option<TokenId>>,
    /// Clean vectors of known positions; of the others, zeros.
    clean: Vec<f64>,
    state: Vec<f64>,
    width: usize,
    previous: Option<Prediction>,
    best: Vec<Option<TokenId>>,
    guesses: Vec<Guess>,
    step: usize,
    /// Steps that were left out, as the run began with a text.
    skipped: usize,
    noise: N,
}

impl<N: Normal> Run<N> {
    /// Begins from noise.
    ///
    /// # Errors
    /// A known token that the network does not know.
    pub fn new(
        process: Process,
        known: Vec<Option<TokenId>>,
        network: &dyn ContinuousDenoiser,
        noise: N,
    ) -> Result<Self, DenoiseError> {
        let nothing = vec![None; known.len()];
        Self::going_on(process, known, &nothing, 0, network, noise)
    }

    /// Begins with a guess of the text, noised as it would be before step `skipped` (SDEdit, 2108.01073). Positions
    /// without a guess begin with noise. With all steps skipped the run is done, and its best text is the guess.
    ///
    /// # Errors
    /// A known or guessed token that the network does not know.
    pub fn going_on(
        process: Process,
        known: Vec<Option<TokenId>>,
        guess: &[Option<TokenId>],
        skipped: usize,
        network: &dyn ContinuousDenoiser,
        noise: N,
    ) -> Result<Self, DenoiseError> {
        let width = network.width();
        let clean = clean_vectors(&process, &known, network)?;
        let best: Vec<_> = (0..known.len()).map(|at| known[at].or(guess.get(at).copied().flatten())).collect();
        let meant = clean_vectors(&process, &best, network)?;
        let skipped = skipped.min(process.levels.len());
        let first = process.levels.get(skipped).map_or((0.0, 1.0), |level| level.from());
        let mut state = vec![0.0; meant.len()];
        for (position, best) in best.iter().enumerate() {
            for axis in 0..width {
                let at = position * width + axis;
                let draw = noise.normal(skipped, position, axis);
                state[at] = match best {
                    Some(_) => first.0 * meant[at] + first.1 * process.noise * draw,
                    None => process.first_noise * draw,
                };
            }
        }
        let (step, previous, guesses) = (skipped, None, Vec::new());
        Ok(Self { process, known, clean, state, width, previous, best, guesses, step, skipped, noise })
    }

    /// One step: a forward pass, the best text that follows from it, and less noise.
    ///
    /// # Errors
    /// The network's; the run is then as it was.
    pub fn step(
        &mut self,
        network: &mut dyn ContinuousDenoiser,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Edit>, DenoiseError> {
        let Some(level) = self.process.levels.get(self.step).copied() else { return Ok(Vec::new()) };
        let (state, known) = (&self.state, &self.known);
        let noised = Noised { state, known, time: level.time, previous: self.previous.as_ref() };
        let mut found = network.predict(&noised, cancelled)?;
        let vocabulary = network.vocabulary();
        self.check(&found, vocabulary.size())?;
        let mut guess = self.clean.clone();
        let mut edits = Vec::new();
        let mut guesses = Vec::new();
        let mut row = Row::default();
        for position in 0..self.known.len() {
            let here = position * self.width..(position + 1) * self.width;
            if self.known[position].is_some() {
                if let Some(clean) = found.clean.get_mut(here.clone()) {
                    let given = clean.iter_mut().zip(&self.clean[here]);
                    given.for_each(|(clean, given)| *clean = (given / self.process.scale) as f32);
                }
                continue;
            }
            row.load(&found.logits[position * vocabulary.size()..][..vocabulary.size()], vocabulary, None);
            let fallback = Fallback { vocabulary, limit: None };
            let proposal = Propose::default().propose(&row, fallback, None, 0.0);
            let (token, probability, entropy) = (proposal.token, proposal.probability, proposal.entropy);
            let runners_up = proposal.runners_up(token);
            if self.best[position] != Some(token) {
                self.best[position] = Some(token);
                let act = EditAct::Write { token };
                edits.push(Edit { position, act, probability, entropy, runners_up: runners_up.clone() });
            }
            guesses.push(Guess { position, token, probability, entropy, runners_up });
            match self.process.space {
                Space::Embeddings => {
                    let clean = guess[here.clone()].iter_mut().zip(&found.clean[here]);
                    clean.for_each(|(guess, clean)| *guess = f64::from(*clean) * self.process.scale);
                }
                Space::Simplex { top_p } => {
                    let meant = row.meant(top_p);
                    let clean = guess[here].iter_mut().zip(meant);
                    clean.for_each(|(guess, meant)| {
                        *guess = if meant { self.process.scale } else { -self.process.scale }
                    });
                }
            }
        }
        self.denoise(&level, &guess);
        self.previous = Some(found);
        self.guesses = guesses;
        self.step += 1;
        Ok(edits)
    }

    /// Moves the state along.
    fn denoise(&mut self, level: &Level, guess: &[f64]) {
        let Some(to) = level.to() else { return };
        let (from, ratio) = (level.from(), level.ratio());
        for position in 0..self.known.len() {
            // A given vector is no estimate, so there is nothing to be bold about.
            let temperature = if self.known[position].is_some() { 1.0 } else { self.process.temperature };
            for axis in 0..self.width {
                let at = position * self.width + axis;
                let (z, x) = (self.state[at], guess[at]);
                let draw = || self.process.noise * self.noise.normal(self.step + 1, position, axis);
                if self.process.motion == Motion::Renoise {
                    self.state[at] = to.0 * x + to.1 * draw();
                    continue;
                }
                let noise = if from.1 > 0.0 { (z - from.0 * x) / from.1 / temperature } else { 0.0 };
                let x = if temperature == 1.0 { x } else { (z - from.1 * noise) / from.0 };
                // The share of x in the posterior's mean, and its variance (VDM eq. 33; the same as DDPM eq. 7).
                let share = 1.0 - ratio;
                let mean = || ratio * to.0 / from.0 * z + share * to.0 * x;
                self.state[at] = match self.process.motion {
                    Motion::Deterministic | Motion::Renoise => to.0 * x + to.1 * noise,
                    Motion::Posterior => mean() + to.1 * share.sqrt() * draw(),
                    // No noise is added on the way to the clean end, where the wide variance is not 0.
                    Motion::PosteriorWide if to.1 == 0.0 => mean(),
                    Motion::PosteriorWide => mean() + (1.0 - (from.0 / to.0).powi(2)).max(0.0).sqrt() * draw(),
                };
            }
        }
    }

    fn check(&self, found: &Prediction, vocab: usize) -> Result<(), DenoiseError> {
        let clean = if self.process.space == Space::Embeddings { self.state.len() } else { found.clean.len() };
        if found.logits.len() == self.known.len() * vocab && found.clean.len() == clean {
            return Ok(());
        }
        let (logits, vectors) = (found.logits.len(), found.clean.len());
        Err(DenoiseError::Failed(format!("the network gave {logits} logits and {vectors} numbers of clean vectors")))
    }

    /// The best text so far; none where nothing has been read yet.
    pub fn best(&self) -> &[Option<TokenId>] {
        &self.best
    }

    /// How likely that text is, position by position, for those that are not known.
    pub fn guesses(&self) -> &[Guess] {
        &self.guesses
    }

    /// What the network said last.
    pub fn last(&self) -> Option<&Prediction> {
        self.previous.as_ref()
    }

    /// The vectors.
    pub fn state(&self) -> &[f64] {
        &self.state
    }

    /// Steps made, and forward passes: every step is one.
    pub fn nfe(&self) -> usize {
        self.step - self.skipped
    }

    /// Steps that are left.
    pub fn steps_left(&self) -> usize {
        self.process.levels.len().saturating_sub(self.step)
    }

    /// The step that comes next, of all that the process has.
    pub fn next_step(&self) -> usize {
        self.step
    }

    /// Whether the last step has been made.
    pub fn is_done(&self) -> bool {
        self.step >= self.process.levels.len()
    }
}

/// The clean vectors of known tokens, in the process's scale.
fn clean_vectors(
    process: &Process,
    known: &[Option<TokenId>],
    network: &dyn ContinuousDenoiser,
) -> Result<Vec<f64>, DenoiseError> {
    let width = network.width();
    let mut clean = vec![0.0; known.len() * width];
    let size = network.vocabulary().size();
    if let Some(token) = known.iter().flatten().find(|token| **token as usize >= size) {
        return Err(DenoiseError::Failed(format!("token {token} is outside the vocabulary of {size}")));
    }
    let given: Vec<TokenId> = known.iter().flatten().copied().collect();
    let vectors: Vec<f64> = match process.space {
        Space::Embeddings => network.embed(&given)?.into_iter().map(f64::from).collect(),
        Space::Simplex { .. } => {
            let of = |token: &TokenId| {
                let token = *token as usize;
                (0..width).map(move |id| if id == token { 1.0 } else { -1.0 })
            };
            given.iter().flat_map(of).collect()
        }
    };
    if vectors.len() != given.len() * width {
        let found = vectors.len();
        return Err(DenoiseError::Failed(format!("the network gave {found} numbers for {} tokens", given.len())));
    }
    let positions = known.iter().enumerate().filter(|(_, known)| known.is_some()).map(|(position, _)| position);
    for (position, vector) in positions.zip(vectors.chunks(width.max(1))) {
        let place = clean[position * width..(position + 1) * width].iter_mut();
        place.zip(vector).for_each(|(clean, number)| *clean = number * process.scale);
    }
    Ok(clean)
}

#[cfg(test)]
mod tests;
