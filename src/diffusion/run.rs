//! A run: one sampler taking one canvas from masked to clean, step by step.
//!
//! [`Run::turn`] asks a denoiser for all that a step needs. A caller that makes the passes itself writes
//! ```text
//! while !run.is_done() {
//!     let rows = run.rows_needed();                      // or rows_to_show(), to see guesses everywhere
//!     let logits = if rows.is_empty() { Logits::none() } else { denoiser.logits(&run.pass(&rows), ..)? };
//!     let report = run.advance(&logits)?;
//! }
//! ```
//! Steps that read nothing (no count due, no coin fell) ask for no rows and cost no pass; that is exact for denoisers
//! that do not read the time. Extra rows change the guesses shown and nothing else. Unit: raw rows outside, canvas
//! positions inside. Limit: at most as many steps as planned, see [`Run::steps_left`], unless a step makes a hole longer.

mod finish;
mod guess;
mod limit;
mod plan;
mod report;
mod turn;

pub use plan::Mark;
pub use report::{Guess, RunError, StepReport};

use std::collections::BTreeMap;

use crate::diffusion::canvas::{Canvas, Edit, EditAct, Kind};
use crate::diffusion::constraint::limits::Limits;
use crate::diffusion::memory::Memory;
use crate::diffusion::noise::Noise;
use crate::diffusion::pick::Picker;
use crate::diffusion::propose::Row;
use crate::diffusion::refresh::{self, Place, Since};
use crate::diffusion::rng::{Draw, Seeded};
use crate::diffusion::sampler::{self, Proposals, Sampler, Situation};
use crate::diffusion::schedule::{Clock, Steps};
use crate::diffusion::vocabulary::Vocabulary;
use crate::diffusion::{Logits, Pass, Refresh, TokenId, row_of};

/// The most positions that control tokens and insertions may add to a canvas in one run.
pub const MOST_GROWTH: usize = 256;

/// A sampler at work on a canvas.
#[derive(Debug, Clone)]
pub struct Run<D = Seeded> {
    canvas: Canvas,
    sampler: Sampler,
    vocabulary: Vocabulary,
    shift: usize,
    noise: Noise,
    /// What may stand in the holes, found anew for every step.
    limits: Limits,
    draws: D,
    clock: Clock,
    /// The block that the clock is planned for; none when the run is over.
    block: Option<usize>,
    /// How many blocks had a mask at the start: a fixed number of steps is shared among them.
    windows: usize,
    /// Blocks from the left that have had their steps after the last mask.
    polished: usize,
    /// Positions that may still be added.
    growth: usize,
    /// The longest that the canvas may become.
    longest: usize,
    /// The best share of positions that were as the model would have them, and the steps since.
    agreement: (f64, usize),
    guesses: BTreeMap<usize, Guess>,
    memory: Memory,
    since: Since,
    refreshed: Option<Vec<usize>>,
    memo: Option<turn::Memo>,
    row: Row,
}

/// A step before it is made.
struct Plan {
    /// The positions whose proposals its rules read.
    read: Vec<usize>,
    x0: Proposals,
    edits: Vec<Edit>,
}

impl<D: Draw> Run<D> {
    /// Begins a run. `shift` is the denoiser's ([`crate::diffusion::Denoiser::shift`]).
    pub fn new(canvas: Canvas, sampler: Sampler, vocabulary: &Vocabulary, shift: usize, draws: D) -> Self {
        let windows = sampler.window.masks(&canvas).iter().filter(|&&masks| masks > 0).count();
        let mut run = Self {
            memory: Memory::new(&sampler, &canvas),
            canvas,
            sampler,
            vocabulary: vocabulary.clone(),
            shift,
            noise: Noise::Absorbing,
            limits: Limits::default(),
            draws,
            clock: Clock::default(),
            block: None,
            windows: windows.max(1),
            polished: 0,
            growth: MOST_GROWTH,
            longest: usize::MAX,
            agreement: (-1.0, 0),
            guesses: BTreeMap::new(),
            since: Since::default(),
            refreshed: None,
            memo: None,
            row: Row::default(),
        };
        if run.sampler.starts_random {
            run.randomise();
        }
        run.enter_window();
        run
    }

    /// The same run with a network of another kind of noise than the absorbing one.
    #[must_use]
    pub fn with_noise(mut self, noise: Noise) -> Self {
        self.noise = noise;
        if noise.starts_random() && !self.sampler.starts_random {
            self.sampler.starts_random = true;
            self.randomise();
        }
        self
    }

    /// The same run with other frequencies of tokens than those of the text around: how often each was counted.
    #[must_use]
    pub fn with_background(mut self, counts: BTreeMap<TokenId, u32>) -> Self {
        self.memory.set_background(counts);
        self
    }

    /// Uniform diffusion begins with random tokens where there are masks.
    fn randomise(&mut self) {
        let random = |position| {
            // One step before the first, so that no draw is used twice.
            let token = sampler::random_token(position, usize::MAX, &self.vocabulary, &self.draws);
            Edit::bare(position, EditAct::Noise { token })
        };
        let bare = |position: &usize| self.canvas.ids().get(*position) == Some(&self.canvas.mask());
        let edits: Vec<Edit> = self.canvas.masked().filter(bare).map(random).collect();
        // Only masks of holes are touched, and no proposable token is the mask: it cannot be refused.
        let refused = self.canvas.apply(&edits, 0);
        debug_assert_eq!(refused, Ok(()));
    }

    /// The same run from here on with other draws.
    #[must_use]
    pub fn with_draws(mut self, draws: D) -> Self {
        self.draws = draws;
        self
    }

    /// The canvas as it stands.
    pub fn canvas(&self) -> &Canvas {
        &self.canvas
    }

    /// The canvas, taken out of the run.
    pub fn into_canvas(self) -> Canvas {
        self.canvas
    }

    /// The sampler.
    pub fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    /// Where in the plan the run is.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Passes made so far: steps that needed logits, and passes beside them.
    pub fn nfe(&self) -> usize {
        self.clock.passes
    }

    /// The noise level that the network is to be told, if it reads one.
    pub fn time(&self) -> Option<f64> {
        self.noise.time(self.sampler.schedule.times(&self.clock).0)
    }

    /// The pass that gives these rows of the canvas as it stands.
    pub fn pass<'a>(&'a self, rows: &'a [usize]) -> Pass<'a> {
        let covers = |refreshed: &Vec<usize>| rows.iter().all(|row| refreshed.binary_search(row).is_ok());
        let refreshed = self.refreshed.as_ref().filter(|refreshed| covers(refreshed));
        let refresh = refreshed.map_or(Refresh::All, |rows| Refresh::Only(rows));
        Pass { ids: self.canvas.ids(), rows, time: self.time(), refresh }
    }

    /// The raw rows that the next step reads, ascending. Empty when it reads none: then make no pass and call
    /// [`Run::advance`] with [`Logits::none`].
    pub fn rows_needed(&self) -> Vec<usize> {
        self.rows_of(self.positions_read())
    }

    /// The raw rows of everything masked and of what the next step reads: for a screen that shows guesses everywhere.
    pub fn rows_to_show(&self) -> Vec<usize> {
        self.rows_of(self.positions_read().into_iter().chain(self.canvas.masked()).collect())
    }

    /// Makes one step. Does nothing, but for the report, when the run is done.
    pub fn advance(&mut self, logits: &Logits) -> Result<StepReport, RunError> {
        if self.is_done() {
            return Ok(self.report(self.clock.step, Vec::new()));
        }
        let plan = self.plan(logits)?;
        self.make(plan, logits)
    }

    /// What the next step reads, proposes and would do, on these logits.
    fn plan(&mut self, logits: &Logits) -> Result<Plan, RunError> {
        self.limits.apply(&mut self.canvas)?;
        let read = self.positions_read();
        if let Some(row) = read.iter().map(|&p| row_of(p, self.shift)).find(|&row| logits.row(row).is_none()) {
            return Err(RunError::MissingRow(row));
        }
        let x0 = self.propose(logits, &read)?;
        let window = self.window();
        self.clock.ended = self.ends(&window, &x0);
        let edits = sampler::step(&self.sampler, &self.situation(&window, &x0), &self.draws);
        Ok(Plan { read, x0, edits })
    }

    /// Makes a step as planned, but for edits that the limits of the holes do not admit together.
    fn make(&mut self, plan: Plan, logits: &Logits) -> Result<StepReport, RunError> {
        let Plan { read, mut x0, mut edits } = plan;
        self.bound_growth(&mut edits);
        self.admit(&mut edits)?;
        let step = self.clock.step;
        self.canvas.apply(&edits, step)?;
        self.count_pass(logits);
        let shifted = edits.iter().any(|edit| matches!(edit.act, EditAct::Insert { .. } | EditAct::Delete));
        if shifted {
            self.guesses.clear();
            self.limits.forget_positions();
        } else {
            self.guess(&x0);
        }
        // What is shown beside it must not change what a later step does.
        x0.retain(|position, _| read.binary_search(position).is_ok());
        self.memory.see_step(&x0, &edits, self.sampler.window, &self.canvas);
        self.since.changed(edits.iter().map(|edit| edit.position).collect());
        self.tick(&x0, &edits);
        Ok(self.report(step, edits))
    }

    /// The network has read another canvas meanwhile: the next pass computes all rows.
    pub fn forget_rows(&mut self) {
        (self.since, self.refreshed, self.memo) = (Since::default(), None, None);
    }

    /// Takes in logits without making a step, so that there are guesses; counts as a pass.
    pub fn observe(&mut self, logits: &Logits) -> Result<Vec<Guess>, RunError> {
        let x0 = self.propose(logits, &[])?;
        self.count_pass(logits);
        self.guess(&x0);
        Ok(self.guesses())
    }

    /// Lets the user act on the canvas between steps (pin, mask again, forbid). The plan grows by the masks added.
    pub fn revise<R>(&mut self, act: impl FnOnce(&mut Canvas) -> R) -> R {
        let before = self.canvas.masks_left();
        let unchanged = self.canvas.clone();
        let answer = act(&mut self.canvas);
        if self.canvas == unchanged {
            return answer;
        }
        let added = self.canvas.masks_left().saturating_sub(before);
        let canvas = &self.canvas;
        let stands = |guess: &Guess| {
            let allowed = canvas.limit(guess.position).is_some_and(|limit| limit.allows(guess.token));
            canvas.kind(guess.position) == Kind::Masked && allowed
        };
        self.guesses.retain(|_, guess| stands(guess));
        self.memo = None;
        self.replan(added);
        answer
    }

    /// The guesses for positions still masked, ascending.
    pub fn guesses(&self) -> Vec<Guess> {
        self.guesses.values().cloned().collect()
    }

    fn situation<'a>(&'a self, window: &'a [usize], x0: &'a Proposals) -> Situation<'a> {
        let (canvas, clock, memory, vocabulary) = (&self.canvas, &self.clock, &self.memory, &self.vocabulary);
        Situation { canvas, window, x0, clock, memory, vocabulary }
    }

    fn positions_read(&self) -> Vec<usize> {
        let (window, none) = (self.window(), Proposals::new());
        sampler::positions_read(&self.sampler, &self.situation(&window, &none), &self.draws)
    }

    /// Whether this step is to be the last, whatever was planned.
    fn ends(&self, window: &[usize], x0: &Proposals) -> bool {
        let stop = &self.sampler.stop;
        let situation = self.situation(window, x0);
        let acts = BTreeMap::new();
        let picker = Picker::new(&self.sampler, &situation, &acts, &self.draws);
        let reached = stop.when.as_ref().is_some_and(|when| picker.window_holds(when));
        reached || stop.passes.is_some_and(|passes| self.clock.passes + 1 >= passes)
    }

    fn count_pass(&mut self, logits: &Logits) {
        self.clock.passes += usize::from(!logits.rows().is_empty());
        if !logits.rows().is_empty() {
            let (all, positions) = (self.refreshed.is_none(), self.block_positions());
            let (canvas, block, shift) = (&self.canvas, self.block, self.shift);
            self.since.passed(all, &Place { canvas, block, positions: &positions, shift });
        }
    }

    fn rows_of(&self, positions: Vec<usize>) -> Vec<usize> {
        let mut rows: Vec<usize> = positions.into_iter().map(|position| row_of(position, self.shift)).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    fn block_positions(&self) -> Vec<usize> {
        let block = self.block.and_then(|block| self.sampler.window.blocks(&self.canvas).into_iter().nth(block));
        refresh::span(block.unwrap_or_default(), &self.canvas)
    }

    fn report(&self, step: usize, edits: Vec<Edit>) -> StepReport {
        let (masks_left, nfe, done) = (self.canvas.masks_left(), self.nfe(), self.is_done());
        StepReport { step, edits, guesses: self.guesses(), masks_left, nfe, done }
    }
}

#[cfg(test)]
mod tests;
