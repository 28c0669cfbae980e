//! A reverse process as data: where vectors live, how noise falls, how a step moves.

use super::levels::Level;

/// What a user may choose about a process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choices {
    /// How many steps.
    pub steps: usize,
    /// How a step moves; none for the family's own way.
    pub motion: Option<Motion>,
    /// Which tokens count as meant, on the simplex; none for the family's own share.
    pub top_p: Option<f64>,
    /// What noise estimates are divided by; below 1 is bolder; none for the family's own.
    pub temperature: Option<f64>,
}

impl Choices {
    /// So many steps, everything else as the family does it.
    pub fn steps(steps: usize) -> Self {
        Self { steps: steps.max(1), motion: None, top_p: None, temperature: None }
    }
}

/// Where vectors live.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Space {
    /// Between embeddings of tokens; the network guesses the clean vector.
    Embeddings,
    /// Over the vocabulary: 1 for the tokens meant, -1 for all others. Meant are the most likely tokens with this
    /// probability together, at 0 the one most likely.
    Simplex {
        /// That probability.
        top_p: f64,
    },
}

/// How a step goes from noise `sigma_t` to less noise `sigma_s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    /// Along the noise that the guess implies, drawing nothing (DDIM, 2010.02502, eta 0).
    Deterministic,
    /// A draw of the posterior given the guess (DDPM, 2006.11239, with the smaller variance; VDM, 2107.00630, eq. 33).
    Posterior,
    /// The same with DDPM's larger variance, `1 - alpha_t^2 / alpha_s^2`.
    PosteriorWide,
    /// The guess noised anew.
    Renoise,
}

/// A reverse process as data.
#[derive(Debug, Clone, PartialEq)]
pub struct Process {
    /// Where vectors live.
    pub space: Space,
    /// How a step moves.
    pub motion: Motion,
    /// The noise of each step, most first.
    pub levels: Vec<Level>,
    /// What clean vectors are multiplied with.
    pub scale: f64,
    /// What draws are multiplied with.
    pub noise: f64,
    /// What the first draw is multiplied with instead.
    pub first_noise: f64,
    /// What the noise that a guess implies is divided by.
    pub temperature: f64,
}

impl Process {
    /// On the simplex: the guess is noised anew at each step, all in units of `scale`.
    pub fn on_simplex(levels: Vec<Level>, scale: f64, top_p: f64, choices: &Choices) -> Self {
        Self {
            space: Space::Simplex { top_p: choices.top_p.unwrap_or(top_p) },
            motion: choices.motion.unwrap_or(Motion::Renoise),
            levels,
            scale,
            noise: scale,
            first_noise: scale,
            temperature: choices.temperature.unwrap_or(1.0),
        }
    }

    /// Between embeddings, as the family moves unless something else is chosen.
    pub fn on_embeddings(levels: Vec<Level>, motion: Motion, temperature: f64, choices: &Choices) -> Self {
        Self {
            space: Space::Embeddings,
            motion: choices.motion.unwrap_or(motion),
            levels,
            scale: 1.0,
            noise: 1.0,
            first_noise: 1.0,
            temperature: choices.temperature.unwrap_or(temperature),
        }
    }
}
