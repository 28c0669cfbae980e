//! One job: a request on its way to a proposal, one forward pass at a time.
//!
//! A job is a small state machine. *Fill* asks about the edges of its holes, measures lengths, tries the likeliest of
//! them, then denoises. *Rewrite* scores the text that is there, masks the least likely share of it, then denoises. *Refine* scores, masks the weakest words, denoises, scores
//! again and takes back what did not become likelier. Each [`Job::advance`] makes at most one pass and leaves a whole
//! picture in [`Job::frame`]; the caller decides between passes whether to go on, so that pausing, stepping, keeping
//! and typing into the run need no locks. What was done is kept step by step ([`trail`]), so that a job can be steered
//! ([`steer`]) and others can go on from any of its steps ([`branch`]).

mod beside;
pub(in crate::engine) mod branch;
mod denoise;
mod edges;
mod measure;
mod picture;
mod revise;
mod settle;
mod steer;
mod told;
pub(in crate::engine) mod trail;
pub(in crate::engine) mod trial;
mod vector;
pub(in crate::engine) mod words;

use std::ops::Range;
use std::time::Instant;

use super::chat;
use super::check;
use super::lengths::Lengths;
use super::prompt::{Choices, Prompt};
use super::protocol::{Frame, HoleFrame, JobId, Part, Phase, Request, RunOptions, Verb};
use crate::diffusion::canvas::{Canvas, Cell, Edit, Kind};
use crate::diffusion::constraint::ConstraintError;
use crate::diffusion::constraint::limits::Limits;
use crate::diffusion::length::LengthSearch;
use crate::diffusion::refresh::{NEIGHBOURS, RefreshPolicy};
use crate::diffusion::run::Run;
use crate::diffusion::sampler::Sampler;
use crate::diffusion::score::Scoring;
use crate::diffusion::spec::{self, Overrides};
use crate::diffusion::{DenoiseError, Denoiser, TokenId};
use crate::model::Model;
use beside::Beside;
use picture::Picture;
use settle::Settling;
use steer::Weighing;
use trail::Trail;
use trial::Trial;
use vector::Vectors;

/// What asks, between layers, whether to stop.
pub(crate) type Cancelled<'a> = &'a (dyn Fn() -> bool + Sync);

/// Whether a job goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// There is more to do.
    More,
    /// The frame is the result.
    Done,
}

/// One step as a trace records it.
pub struct Step<'a> {
    /// Steps made.
    pub step: usize,
    /// The canvas after it.
    pub ids: &'a [u32],
    /// What it did.
    pub edits: &'a [Edit],
    /// Passes made so far.
    pub nfe: usize,
}

enum Stage {
    /// Which edges of holes does a word go across?
    Asking,
    Measuring(LengthSearch),
    /// The model is asked how long the holes are.
    Hearing(told::Question),
    /// A few lengths are filled and judged.
    Trying(Box<Trial>),
    Scoring {
        scoring: Scoring,
        fold: usize,
        purpose: Purpose,
    },
    Denoising(Box<Run>),
    /// The same with several runs, of which one becomes the proposal.
    Beside(Box<Beside>),
    /// The user chose a word, and what depends on it is looked for.
    Weighing(Box<Weighing>),
    /// The same with a model of vectors.
    Vectors(Box<Vectors>),
    Done,
}

/// What scores are for.
enum Purpose {
    /// To find what to mask.
    Choose,
    /// To see which of the changed words became likelier than what the picture remembers.
    Judge { changed: Vec<Range<usize>>, run: Box<Run> },
}

/// A request being worked on.
pub(crate) struct Job {
    id: JobId,
    verb: Verb,
    parts: Vec<Part>,
    prompt: Prompt,
    limits: Limits,
    settling: Settling,
    sampler: Sampler,
    options: RunOptions,
    lengths: Lengths,
    stage: Stage,
    picture: Picture,
    /// Passes made outside of the current run: measuring, scoring, runs before a rebase.
    passes: usize,
    /// Passes that the current run counts but that the job it goes on from made.
    skipped: usize,
    steps: usize,
    seconds: f64,
    trail: Trail,
    /// Tokens that the user does not want anywhere.
    unwanted: Vec<TokenId>,
}

impl Job {
    /// Tokenises the request and plans the first stage. Makes no pass.
    ///
    /// # Errors
    /// One sentence for a sampler that cannot be read, a request without holes, holes longer than the context, or a
    /// model without a tokenizer.
    pub(crate) fn new(
        request: &Request,
        model: &Model,
        choices: &Choices,
        lengths: Lengths,
        is_chat: bool,
    ) -> Result<Self, DenoiseError> {
        let failed = |message: String| DenoiseError::Failed(message);
        let keeps = request.verb != Verb::Fill;
        let prompt = Prompt::new(&request.parts, keeps, model, choices).map_err(|error| failed(error.to_string()))?;
        let prompt = prompt.within(chat::frame_of(request, model, is_chat).map_err(failed)?);
        if prompt.holes.is_empty() {
            return Err(failed("there is no hole to fill; mark one first".into()));
        }
        let sampler = sampler_of(&request.options)?;
        let mut job = Self {
            id: request.job,
            verb: request.verb,
            parts: request.parts.clone(),
            limits: prompt.limits(),
            settling: Settling::default(),
            prompt,
            sampler,
            options: request.options.clone(),
            lengths,
            stage: Stage::Done,
            picture: Picture::default(),
            passes: 0,
            skipped: 0,
            steps: 0,
            seconds: 0.0,
            trail: Trail::new(request.verb),
            unwanted: Vec::new(),
        };
        job.stage = job.first_stage(model)?;
        job.open_trail();
        Ok(job)
    }

    fn first_stage(&mut self, model: &Model) -> Result<Stage, DenoiseError> {
        match (self.verb, model.continuous()) {
            (Verb::Fill, Some(_)) => self.measure(model),
            (Verb::Rewrite { .. } | Verb::Refine, Some(vectors)) => self.renoise(model, vectors),
            // Where noise is other tokens, there is no mask to ask about.
            (Verb::Fill, None) if model.noise().starts_random() => self.measure(model),
            (Verb::Fill, None) if self.prompt.holes.iter().any(|hole| hole.left.doubtful || hole.right.doubtful) => {
                self.ask(model)
            }
            (Verb::Fill, None) => self.measure(model),
            (Verb::Rewrite { .. } | Verb::Refine, None) => self.choose(model),
        }
    }

    /// Makes one pass.
    pub(crate) fn advance(&mut self, model: &mut Model, cancelled: Cancelled<'_>) -> Result<Turn, DenoiseError> {
        let started = Instant::now();
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        let next = match stage {
            Stage::Asking => self.decide(model, cancelled),
            Stage::Measuring(search) => self.try_length(search, model, cancelled),
            Stage::Hearing(question) => self.hear_lengths(question, model, cancelled),
            Stage::Trying(trial) => self.advance_trial(*trial, model, cancelled),
            Stage::Scoring { scoring, fold, purpose } => self.score_fold(scoring, fold, purpose, model, cancelled),
            Stage::Denoising(run) => self.denoise(run, model, cancelled),
            Stage::Beside(beside) => self.advance_beside(beside, model, cancelled),
            Stage::Weighing(weighing) => self.weigh(weighing, model, cancelled),
            Stage::Vectors(vectors) => self.denoise_vectors(vectors, model, cancelled),
            Stage::Done => Ok(Stage::Done),
        };
        self.seconds += started.elapsed().as_secs_f64();
        self.stage = next?;
        self.open_trail();
        Ok(if matches!(self.stage, Stage::Done) { Turn::Done } else { Turn::More })
    }

    /// Stop and keep: the current best guess everywhere, after at most one more pass for positions without one.
    pub(crate) fn keep(&mut self, model: &mut Model, cancelled: Cancelled<'_>) -> Result<(), DenoiseError> {
        let started = Instant::now();
        let stage = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Trying(trial) => trial.into_run().map_or(Stage::Done, Stage::Denoising),
            Stage::Beside(beside) => self.alone(&beside),
            Stage::Weighing(weighing) => Stage::Denoising(weighing.run),
            stage => stage,
        };
        match stage {
            Stage::Denoising(mut run) => {
                self.steps += self.finish(&mut run, |run, rows| model.logits(&run.pass(rows), cancelled))?;
                self.passes += run.nfe() - self.skipped;
            }
            Stage::Vectors(vectors) => self.keep_vectors(vectors, model, cancelled)?,
            Stage::Scoring { purpose: Purpose::Judge { run, .. }, .. } => self.picture.canvas = run.into_canvas(),
            // Nothing has been decided yet: the first guesses are not worth keeping.
            Stage::Asking
            | Stage::Measuring(_)
            | Stage::Hearing(_)
            | Stage::Trying(_)
            | Stage::Weighing(_)
            | Stage::Beside(_)
            | Stage::Scoring { .. }
            | Stage::Done => {}
        }
        self.seconds += started.elapsed().as_secs_f64();
        Ok(())
    }

    /// The document changed: the same job on new parts, each hole going on from the cells that it names.
    pub(crate) fn rebase(&mut self, parts: &[Part], model: &Model, choices: &Choices) -> Result<(), DenoiseError> {
        let keeps = self.verb != Verb::Fill;
        let prompt = Prompt::new(parts, keeps, model, choices);
        let prompt = prompt.map_err(|error| DenoiseError::Failed(error.to_string()))?;
        let prompt = prompt.within(self.prompt.frame.clone());
        let old = std::mem::replace(&mut self.prompt, prompt);
        self.parts = parts.to_vec();
        self.trail.close();
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Vectors(begun) => {
                self.stage = self.rebase_vectors(&old, &begun, model)?;
                return Ok(());
            }
            Stage::Weighing(weighing) => self.stage = Stage::Denoising(weighing.run),
            Stage::Beside(beside) => self.stage = self.alone(&beside),
            stage => self.stage = stage,
        }
        // Lengths and scores of the old text say little about the new, and a refinement that has lost its scores could not
        // take back what is no likelier: begin again.
        let (Stage::Denoising(run), true) = (&self.stage, self.verb != Verb::Refine) else {
            self.limits = self.prompt.limits();
            self.stage = self.first_stage(model)?;
            self.open_trail();
            return Ok(());
        };
        let cells = edges::carry(&old, &mut self.prompt, run.canvas());
        self.limits = self.prompt.limits();
        let mut canvas = self.canvas(model, &cells)?;
        edges::carry_bans((&old, run.canvas()), (&self.prompt, &mut canvas));
        self.passes += run.nfe() - self.skipped;
        self.skipped = 0;
        self.stage = self.begin(canvas, model);
        self.open_trail();
        Ok(())
    }

    /// The picture of the job as it stands.
    pub(crate) fn frame(&self, model: &Model, paused: bool) -> Frame {
        let phase = match &self.stage {
            _ if paused => Phase::Paused,
            Stage::Asking => Phase::Measuring { tried: 0, of: 1 },
            Stage::Measuring(search) => {
                let (tried, of) = search.progress();
                Phase::Measuring { tried, of }
            }
            Stage::Hearing(question) => {
                let (tried, of) = question.progress();
                Phase::Measuring { tried, of }
            }
            Stage::Trying(trial) => {
                let (tried, of) = trial.progress();
                Phase::Measuring { tried, of }
            }
            Stage::Scoring { scoring, fold, .. } => Phase::Scoring { done: *fold, of: scoring.fold_count() },
            Stage::Weighing(weighing) => {
                let (done, of) = weighing.progress();
                Phase::Scoring { done, of }
            }
            Stage::Denoising(_) | Stage::Beside(_) | Stage::Vectors(_) | Stage::Done => Phase::Denoising,
        };
        let left = match &self.stage {
            Stage::Denoising(run) => run.steps_left(),
            Stage::Beside(beside) => beside.shown().steps_left(),
            Stage::Vectors(vectors) => vectors.steps_left(),
            _ => 0,
        };
        let planned = model.continuous().is_some()
            || matches!(self.sampler.schedule.steps, crate::diffusion::schedule::Steps::Fixed(_));
        let holes = self.picture.holes(&self.prompt, model);
        let unmet = match &self.stage {
            Stage::Done => check::unmet(&self.parts, &holes.iter().map(HoleFrame::text).collect::<Vec<_>>()),
            _ => Vec::new(),
        };
        Frame {
            job: self.id,
            step: self.steps,
            steps: planned.then_some(self.steps + left),
            phase,
            masks_left: self.picture.canvas.masks_left(),
            masks_total: self.picture.masks_total,
            nfe: self.nfe(),
            seconds: self.seconds,
            holes,
            unmet,
        }
    }

    fn nfe(&self) -> usize {
        self.passes
            + match &self.stage {
                Stage::Denoising(run) => run.nfe() - self.skipped,
                Stage::Beside(beside) => beside.nfe(),
                Stage::Weighing(weighing) => weighing.run.nfe() - self.skipped,
                Stage::Trying(trial) => trial.nfe(),
                _ => 0,
            }
    }

    /// The canvas, token by token, and what the last step did to it.
    pub(crate) fn last_step(&self) -> Step<'_> {
        let ids = if let Stage::Vectors(vectors) = &self.stage { vectors.ids() } else { self.picture.canvas.ids() };
        Step { step: self.steps, ids, edits: &self.picture.edits, nfe: self.nfe() }
    }

    /// The tokens of each hole that are part of the result, for counting.
    pub(crate) fn token_counts(&self) -> Vec<usize> {
        let canvas = &self.picture.canvas;
        (0..canvas.hole_count()).map(|hole| self.prompt.own_range(canvas, hole).len()).collect()
    }

    pub(in crate::engine) fn masked_canvas(&self, model: &Model, lengths: &[usize]) -> Result<Canvas, DenoiseError> {
        let cells: Vec<Vec<Cell>> = lengths.iter().map(|length| vec![Cell::Masked; *length]).collect();
        self.canvas(model, &cells)
    }

    fn canvas(&self, model: &Model, cells: &[Vec<Cell>]) -> Result<Canvas, DenoiseError> {
        let canvas = self.prompt.canvas(model.vocabulary().mask(), cells);
        canvas.map_err(|error| DenoiseError::Failed(error.to_string()))
    }
}

fn sampler_of(options: &RunOptions) -> Result<Sampler, DenoiseError> {
    let overrides = Overrides {
        steps: options.steps,
        temperature: options.temperature,
        top_p: options.top_p,
        top_k: options.top_k,
        refresh: (!options.exact).then_some(RefreshPolicy::Dirty(NEIGHBOURS)),
    };
    let sampler = spec::parse_spec(&options.sampler, &overrides);
    let mut sampler = sampler.map_err(|error| DenoiseError::Failed(error.to_string()))?;
    if sampler.search.runs().is_some() {
        sampler.refresh = beside::refresh(sampler.refresh);
    }
    Ok(sampler)
}

/// What a position of a running canvas becomes on the next one.
fn cell_at(canvas: &Canvas, position: usize) -> Cell {
    let id = canvas.ids().get(position).copied().unwrap_or(canvas.mask());
    match canvas.kind(position) {
        Kind::Masked | Kind::Fixed => Cell::Masked,
        Kind::Pinned => Cell::Pinned(id),
        Kind::Committed { probability, .. } => Cell::Committed { id, probability },
        Kind::Original => Cell::Original(id),
    }
}

/// What may stand in the holes cannot be worked out.
fn impossible(error: ConstraintError) -> DenoiseError {
    DenoiseError::Failed(error.to_string())
}
