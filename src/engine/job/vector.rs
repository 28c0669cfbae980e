//! Jobs with a model of vectors: the same holes, frames and verbs, another state behind them.
//!
//! The canvas stays masked while vectors are denoised, and each step's most likely tokens are its guesses, since none of
//! them is final before the last step. Then the guesses are written, as when a run of tokens is stopped and kept: what
//! may not stand in a hole (half a character, a line break inside a line, what the user demands otherwise) is left to
//! the likeliest text that may. Rewriting begins with the text noised by so much as its strength says, in place of noise
//! alone; so does a run that goes on after the document changed. Lengths are the prior's, as no pass of these networks
//! tells one.
//! Named samplers do not apply: steps, seed and the nucleus of a simplex are the knobs.

use super::picture::Picture;
use super::{Cancelled, Job, Stage, edges, words};
use crate::diffusion::canvas::{Canvas, Cell, Kind};
use crate::diffusion::continuous::{self, Choices, ContinuousDenoiser};
use crate::diffusion::rng::Seeded;
use crate::diffusion::run::Run;
use crate::diffusion::{DenoiseError, Denoiser, Logits, TokenId};
use crate::engine::prompt::{HolePlan, Prompt};
use crate::engine::protocol::Verb;
use crate::model::{ContinuousModel, Model};

/// Vectors being denoised.
pub(super) struct Vectors {
    run: continuous::Run<Seeded>,
    /// The best text so far, with the mask where there is none.
    ids: Vec<TokenId>,
}

impl Vectors {
    pub(super) fn steps_left(&self) -> usize {
        self.run.steps_left()
    }

    pub(super) fn ids(&self) -> &[TokenId] {
        &self.ids
    }

    fn read(&mut self, mask: TokenId) {
        self.ids = self.run.best().iter().map(|best| best.unwrap_or(mask)).collect();
    }
}

impl Job {
    /// Rewrites what the holes hold, with the noise that the verb asks for.
    pub(super) fn renoise(&mut self, model: &Model, vectors: &ContinuousModel) -> Result<Stage, DenoiseError> {
        let Verb::Rewrite { strength } = self.verb else {
            let name = &model.name;
            let message = format!(
                "{name} denoises vectors and cannot say which words are weak; select what to change and rewrite that"
            );
            return Err(DenoiseError::Failed(message));
        };
        let original = |hole: &HolePlan| hole.original.iter().map(|id| Cell::Original(*id)).collect();
        let cells: Vec<Vec<Cell>> = self.prompt.holes.iter().map(original).collect();
        let canvas = self.canvas(model, &cells)?;
        let levels = vectors.process(&self.choices(vectors)).levels.len();
        let skipped = ((1.0 - strength.clamp(0.0, 1.0)) * levels as f64).round() as usize;
        self.begin_vectors(&canvas, skipped, model, vectors)
    }

    /// Begins with what is written in the holes of a canvas, noised as before step `skipped`.
    pub(super) fn begin_vectors(
        &mut self,
        canvas: &Canvas,
        skipped: usize,
        model: &Model,
        vectors: &ContinuousModel,
    ) -> Result<Stage, DenoiseError> {
        let is_known = |position: usize| !canvas.kind(position).is_editable();
        let ids = || canvas.ids().iter().copied().enumerate();
        let known: Vec<_> = ids().map(|(position, id)| Some(id).filter(|_| is_known(position))).collect();
        let guess: Vec<_> =
            ids().map(|(position, id)| Some(id).filter(|_| canvas.kind(position) != Kind::Masked)).collect();
        let choices = self.choices(vectors);
        let draws = Seeded(self.options.seed);
        let run = continuous::Run::going_on(vectors.process(&choices), known, &guess, skipped, vectors, draws)?;
        if run.is_done() || !canvas.kinds().iter().any(|kind| kind.is_editable()) {
            self.picture = Picture::new(canvas.clone());
            return Ok(Stage::Done);
        }
        let masked = |_, cell: Cell| if matches!(cell, Cell::Pinned(_)) { cell } else { Cell::Masked };
        self.picture = Picture::new(words::rebuilt(canvas, masked));
        let mut begun = Vectors { run, ids: Vec::new() };
        begun.read(model.vocabulary().mask());
        Ok(Stage::Vectors(Box::new(begun)))
    }

    fn choices(&self, vectors: &ContinuousModel) -> Choices {
        Choices {
            // A nucleus of everything would mean every token.
            top_p: self.options.top_p.filter(|share| *share < 1.0),
            ..Choices::steps(self.options.steps.unwrap_or_else(|| vectors.steps()))
        }
    }

    /// One step; after the last, the text is written.
    pub(super) fn denoise_vectors(
        &mut self,
        mut vectors: Box<Vectors>,
        model: &mut Model,
        cancelled: Cancelled<'_>,
    ) -> Result<Stage, DenoiseError> {
        self.step_vectors(&mut vectors, model, cancelled)?;
        if !vectors.run.is_done() {
            return Ok(Stage::Vectors(vectors));
        }
        self.write_vectors(&vectors, model)?;
        let canvas = self.picture.canvas.clone();
        Ok(self.settle_demands(&canvas, model))
    }

    fn step_vectors(
        &mut self,
        vectors: &mut Vectors,
        model: &mut Model,
        cancelled: Cancelled<'_>,
    ) -> Result<(), DenoiseError> {
        let mask = model.vocabulary().mask();
        let Some(network) = model.continuous_mut() else { return Ok(()) };
        let edits = vectors.run.step(network, cancelled)?;
        self.passes += 1;
        self.steps += 1;
        vectors.read(mask);
        self.picture.watch(vectors.run.guesses(), edits);
        Ok(())
    }

    /// Stop and keep: the text as it stands, after one step where there was none yet.
    pub(super) fn keep_vectors(
        &mut self,
        mut vectors: Box<Vectors>,
        model: &mut Model,
        cancelled: Cancelled<'_>,
    ) -> Result<(), DenoiseError> {
        if vectors.run.nfe() == 0 {
            self.step_vectors(&mut vectors, model, cancelled)?;
        }
        self.write_vectors(&vectors, model)
    }

    /// Writes the likeliest text that may stand in the holes, by what the network said last.
    fn write_vectors(&mut self, vectors: &Vectors, model: &Model) -> Result<(), DenoiseError> {
        let vocabulary = model.vocabulary();
        let canvas = self.picture.canvas.clone();
        let said = vectors.run.last().map(|said| said.logits.as_slice()).unwrap_or_default();
        let rows: Vec<usize> = canvas.masked().collect();
        let row = |row: &usize| said.get(row * vocabulary.size()..(row + 1) * vocabulary.size()).unwrap_or_default();
        let data = rows.iter().flat_map(row).copied().collect();
        let logits = Logits::new(rows, vocabulary.size(), data)?;
        let mut sampler = self.sampler.clone();
        sampler.propose.temperature = 0.0;
        let mut run =
            Run::new(canvas, sampler, vocabulary, 0, Seeded(self.options.seed)).with_limits(self.limits.clone());
        self.finish(&mut run, |_, _| Ok(logits.clone())).map(drop)
    }

    /// The document changed: the same step on the new text, each hole from the tokens that it goes on with.
    pub(super) fn rebase_vectors(
        &mut self,
        old: &Prompt,
        begun: &Vectors,
        model: &Model,
    ) -> Result<Stage, DenoiseError> {
        let best = |position: usize, cell: Cell| match (cell, begun.run.best().get(position).copied().flatten()) {
            (Cell::Masked, Some(id)) => Cell::Committed { id, probability: 0.0 },
            _ => cell,
        };
        let canvas = words::rebuilt(&self.picture.canvas, best);
        let cells = edges::carry(old, &mut self.prompt, &canvas);
        self.limits = self.prompt.limits();
        let canvas = self.canvas(model, &cells)?;
        let Some(vectors) = model.continuous() else { return Ok(Stage::Done) };
        self.begin_vectors(&canvas, begun.run.next_step(), model, vectors)
    }
}
