//! Fitting the constants of the length search for a model (`reference/decoding.md` section 3.4, arXiv 2602.00476).
//!
//! Stretches of known length are cut out of real text; `Phi(L)` is measured for every length of the grid. Away from the
//! true length it says how confident the model is in a hole of that length *as such*: that is the curve to divide by.
//! Unit: tokens. Cost: one pass per stretch and length.

use super::brain::Brain;
use crate::diffusion::canvas::Canvas;
use crate::diffusion::length::{GRID, LengthBias, fit, phi};
use crate::diffusion::rng::{Draw, DrawKey, Purpose, Seeded};
use crate::diffusion::{DenoiseError, Denoiser, row_of};

/// The longest length measured: what auto length goes to.
const LONGEST: usize = 32;
/// Context kept on each side.
const CONTEXT: usize = 64;

/// What came of a calibration.
#[derive(Debug, Clone)]
pub struct Calibration {
    /// The curve.
    pub bias: LengthBias,
    /// Stretches cut out.
    pub stretches: usize,
    /// How far the lengths chosen with the curve are from the true ones: the mean of |ln(chosen / true)|.
    pub error: f64,
    /// The same with the paper's curve.
    pub error_before: f64,
}

/// One stretch: its true length, and `Phi` at every length measured.
struct Stretch {
    length: usize,
    phis: Vec<(usize, f64)>,
}

impl Brain {
    /// Measures and fits. `done` is told after every stretch.
    ///
    /// # Errors
    /// A sentence when the text is too short or the model fails.
    pub fn calibrate(
        &mut self,
        text: &str,
        stretches: usize,
        seed: u64,
        mut done: impl FnMut(usize),
    ) -> Result<Calibration, String> {
        let tokenizer = self.model.tokenizer().map_err(|error| error.to_string())?;
        let ids = tokenizer.encode(text).map_err(|error| error.to_string())?;
        if ids.len() < 4 * CONTEXT {
            return Err(format!("{} tokens of text are too few to calibrate with; give some pages", ids.len()));
        }
        let draws = Seeded(seed);
        let mut measured = Vec::with_capacity(stretches);
        for index in 0..stretches {
            let uniform = |step| draws.uniform(DrawKey { purpose: Purpose::Token, step, position: index, index: 0 });
            let length = GRID[(uniform(0) * 9.0) as usize];
            let room = ids.len() - 2 * CONTEXT - length;
            let start = CONTEXT + (uniform(1) * room as f64) as usize;
            let (before, after) = (&ids[start - CONTEXT..start], &ids[start + length..start + length + CONTEXT]);
            measured.push(self.stretch(before, after, length).map_err(|error| error.to_string())?);
            done(index + 1);
        }
        let away = |stretch: &Stretch| {
            let far = |tried: usize| tried.abs_diff(stretch.length) > (stretch.length / 4).clamp(1, 4);
            stretch.phis.iter().copied().filter(|(tried, _)| far(*tried)).collect::<Vec<_>>()
        };
        let bias = fit(&measured.iter().flat_map(away).collect::<Vec<_>>());
        let error = |bias: &LengthBias| {
            measured.iter().map(|stretch| miss(stretch, bias)).sum::<f64>() / measured.len().max(1) as f64
        };
        Ok(Calibration { bias, stretches, error: error(&bias), error_before: error(&LengthBias::default()) })
    }

    fn stretch(&mut self, before: &[u32], after: &[u32], length: usize) -> Result<Stretch, DenoiseError> {
        let vocabulary = self.model.vocabulary().clone();
        let shift = self.model.shift();
        let mut phis = Vec::new();
        for tried in GRID.into_iter().filter(|tried| *tried <= LONGEST) {
            let canvas = Canvas::builder(vocabulary.mask()).fixed(before).hole(tried).fixed(after).build();
            let rows: Vec<usize> = canvas.hole_range(0).map(|position| row_of(position, shift)).collect();
            let logits = self.model.logits(&self.model.noise().pass(1.0, canvas.ids(), &rows), &|| false)?;
            phis.push((tried, phi(&logits, &canvas, 0, &vocabulary, shift)));
        }
        Ok(Stretch { length, phis })
    }
}

fn miss(stretch: &Stretch, bias: &LengthBias) -> f64 {
    let score = |(tried, phi): &(usize, f64)| phi / bias.at(*tried);
    let best = stretch.phis.iter().max_by(|a, b| score(a).total_cmp(&score(b)));
    best.map_or(0.0, |(chosen, _)| (*chosen as f64 / stretch.length as f64).ln().abs())
}
