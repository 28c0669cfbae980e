//! One step with all the passes that it needs: guidance, probes, lookahead, verified drafts.
//!
//! ```text
//! logits  <- the network on xt, or the memo if xt is one of the canvases tried before
//! guided  <- u + (w + 1) (logits - u), with u the network on xt without the text around
//! search  <- canvases tried besides xt; their logits go into the memo
//! xs      <- step on the guided logits
//! ```
//! A draft that turns out to be the next canvas has its logits in the memo already, and one that does not is forgotten: so
//! verified drafts change nothing but the order of passes. Limit: canvases are passed through the network one after
//! the other, so that on a CPU a draft that fails is a pass lost; [`Run::nfe`] counts them all.

use super::{Run, RunError, StepReport};
use crate::diffusion::canvas::{Canvas, Kind};
use crate::diffusion::refresh::RefreshPolicy;
use crate::diffusion::rng::Draw;
use crate::diffusion::search::{Search, lookahead, probe};
use crate::diffusion::{DenoiseError, Denoiser, Logits, Pass, Refresh, TokenId};

/// What asks whether to stop.
type Cancelled<'a> = &'a (dyn Fn() -> bool + Sync);

/// Logits of canvases that were tried.
#[derive(Debug, Clone, Default)]
pub(super) struct Memo(Vec<(Vec<TokenId>, Option<f64>, Logits)>);

impl Memo {
    fn find(&self, pass: &Pass<'_>) -> Option<&Logits> {
        let has = |(ids, time, logits): &&(Vec<TokenId>, Option<f64>, Logits)| {
            ids == pass.ids && *time == pass.time && pass.rows.iter().all(|row| logits.row(*row).is_some())
        };
        self.0.iter().find(has).map(|(_, _, logits)| logits)
    }
}

impl From<RunError> for DenoiseError {
    fn from(error: RunError) -> Self {
        DenoiseError::Failed(error.to_string())
    }
}

impl<D: Draw + Clone> Run<D> {
    /// Makes one step, asking the denoiser for whatever it needs; with `show` also for guesses where no rule reads any.
    ///
    /// # Errors
    /// What the denoiser says; the run is then as it was, but for passes counted.
    pub fn turn(
        &mut self,
        denoiser: &mut dyn Denoiser,
        show: bool,
        cancelled: Cancelled<'_>,
    ) -> Result<StepReport, DenoiseError> {
        let needed = self.rows_needed();
        if needed.is_empty() {
            return Ok(self.advance(&Logits::none())?);
        }
        let rows = if show { self.shown(needed) } else { needed };
        let known = self.memo.as_ref().and_then(|memo| memo.find(&self.pass(&rows))).cloned();
        let fresh = known.is_none();
        let logits = match known {
            Some(logits) => logits,
            None => self.guided(denoiser, &rows, cancelled)?,
        };
        let passes = self.clock.passes;
        match self.sampler.search {
            Search::Probe(divergence) => self.probe(denoiser, &logits, divergence, cancelled)?,
            // With guidance a draft would have to be computed twice, and nothing would be saved.
            Search::Verify(depth) if fresh && self.sampler.guidance == 0.0 => {
                self.draft(denoiser, &logits, depth, cancelled)?;
            }
            Search::Lookahead(n) | Search::Information(n) => {
                let report = self.look_ahead(denoiser, &logits, n, cancelled)?;
                self.clock.passes -= usize::from(!fresh);
                return Ok(StepReport { nfe: self.clock.passes, ..report });
            }
            _ => {}
        }
        debug_assert!(self.clock.passes >= passes);
        let report = self.advance(&logits)?;
        // What came from the memo was counted when it was tried.
        self.clock.passes -= usize::from(!fresh);
        Ok(StepReport { nfe: self.clock.passes, ..report })
    }

    /// The rows to show: where a refresh policy computes only some rows, only those.
    fn shown(&self, needed: Vec<usize>) -> Vec<usize> {
        match &self.refreshed {
            None => self.rows_to_show(),
            Some(refreshed) => {
                let mut rows = self.rows_to_show();
                rows.retain(|row| refreshed.binary_search(row).is_ok() || needed.binary_search(row).is_ok());
                rows
            }
        }
    }

    /// The logits of these rows, with guidance if the sampler has it.
    fn guided(
        &mut self,
        denoiser: &mut dyn Denoiser,
        rows: &[usize],
        cancelled: Cancelled<'_>,
    ) -> Result<Logits, DenoiseError> {
        if self.sampler.guidance == 0.0 {
            return denoiser.logits(&self.pass(rows), cancelled);
        }
        // The network remembers one canvas, not two: with guidance every pass is whole.
        self.refreshed = None;
        let conditional = denoiser.logits(&self.pass(rows), cancelled)?;
        let ids = without_context(&self.canvas);
        self.lead_away(&ids, &conditional, denoiser, cancelled)
    }

    /// Guidance: logits led away from those of the same canvas without the text around its holes.
    fn lead_away(
        &mut self,
        ids: &[TokenId],
        conditional: &Logits,
        denoiser: &mut dyn Denoiser,
        cancelled: Cancelled<'_>,
    ) -> Result<Logits, DenoiseError> {
        let pass = Pass { time: self.time(), ..Pass::new(ids, conditional.rows()) };
        let unconditional = denoiser.logits(&pass, cancelled)?;
        self.clock.passes += 1;
        conditional.guided(&unconditional, self.sampler.guidance)
    }

    /// The logits of another canvas than the run's own, counted, with guidance if the sampler has it.
    fn try_canvas(
        &mut self,
        denoiser: &mut dyn Denoiser,
        canvas: &Canvas,
        cancelled: Cancelled<'_>,
    ) -> Result<Logits, DenoiseError> {
        let rows = self.rows_of(canvas.masked().collect());
        if rows.is_empty() {
            return Ok(Logits::none());
        }
        let pass = Pass { time: self.time(), refresh: self.refresh_of_trial(&rows), ..Pass::new(canvas.ids(), &rows) };
        self.clock.passes += 1;
        let conditional = denoiser.logits(&pass, cancelled)?;
        if self.sampler.guidance == 0.0 {
            return Ok(conditional);
        }
        self.lead_away(&without_context(canvas), &conditional, denoiser, cancelled)
    }

    /// A canvas that is tried differs from the one before in a few tokens, which a denoiser with a memory computes anyhow:
    /// where not all rows need be, those that are asked for are enough.
    fn refresh_of_trial<'a>(&self, rows: &'a [usize]) -> Refresh<'a> {
        let exact = self.sampler.refresh == RefreshPolicy::All || self.sampler.guidance != 0.0;
        if exact { Refresh::All } else { Refresh::Only(rows) }
    }

    /// PUNT: finds which masks of the window do not depend on surer ones.
    fn probe(
        &mut self,
        denoiser: &mut dyn Denoiser,
        logits: &Logits,
        divergence: f64,
        cancelled: Cancelled<'_>,
    ) -> Result<(), DenoiseError> {
        let x0 = self.clone().plan(logits)?.x0;
        let window = self.window();
        let masked = |position: &usize| self.canvas.kind(*position) == Kind::Masked && x0.contains_key(position);
        let mut probe = probe::Probe::new(&x0, window.into_iter().filter(masked), divergence);
        while let Some(canvas) = probe.next(&self.canvas, &x0) {
            let revealed = self.try_canvas(denoiser, &canvas, cancelled)?;
            probe.report(logits, &revealed, self.shift);
        }
        self.memory.independent = Some(probe.independent());
        Ok(())
    }

    /// FreeDave: drafts steps ahead on the logits at hand and tries each draft.
    fn draft(
        &mut self,
        denoiser: &mut dyn Denoiser,
        logits: &Logits,
        depth: usize,
        cancelled: Cancelled<'_>,
    ) -> Result<(), DenoiseError> {
        let mut memo = Memo::default();
        let mut ahead = self.clone();
        for _ in 0..depth {
            // A draft that reads rows which are not here, or ends the run, is the last.
            if ahead.advance(logits).is_err() || ahead.is_done() {
                break;
            }
            let rows = ahead.rows_to_show();
            let pass = Pass { refresh: self.refresh_of_trial(&rows), ..ahead.pass(&rows) };
            let fresh = denoiser.logits(&pass, cancelled)?;
            self.clock.passes += 1;
            memo.0.push((ahead.canvas.ids().to_vec(), ahead.time(), fresh));
        }
        self.memo = Some(memo);
        Ok(())
    }

    /// LoPA, Info-Gain: tries several steps and makes the one that leaves the rest surest.
    fn look_ahead(
        &mut self,
        denoiser: &mut dyn Denoiser,
        logits: &Logits,
        n: usize,
        cancelled: Cancelled<'_>,
    ) -> Result<StepReport, DenoiseError> {
        let plan = self.plan(logits)?;
        let x0 = &plan.x0;
        let window = self.window();
        let branches = match self.sampler.search {
            Search::Information(_) => lookahead::actions(&self.canvas, &window, x0, n, self.clock.step, &self.draws),
            _ => lookahead::branches(&self.canvas, &window, x0, &plan.edits, n),
        };
        if branches.len() < 2 || self.clock.is_last() {
            return Ok(self.make(plan, logits)?);
        }
        let mut best: Option<(f64, usize)> = None;
        let mut memo = Memo::default();
        for (index, branch) in branches.iter().enumerate() {
            let mut canvas = self.canvas.clone();
            canvas.apply(branch, self.clock.step).map_err(RunError::from)?;
            let after = self.try_canvas(denoiser, &canvas, cancelled)?;
            let value = match self.sampler.search {
                Search::Information(_) => lookahead::information(&after, x0, branch, &self.vocabulary),
                _ => lookahead::confidence(&after, &self.vocabulary),
            };
            if best.is_none_or(|(most, _)| value > most) {
                best = Some((value, index));
            }
            memo.0.push((canvas.ids().to_vec(), self.time(), after));
        }
        let chosen = best.and_then(|(_, index)| branches.into_iter().nth(index));
        let plan = super::Plan { edits: chosen.unwrap_or_default(), ..plan };
        let report = self.make(plan, logits)?;
        self.memo = (self.sampler.guidance == 0.0).then_some(memo);
        Ok(report)
    }
}

/// The canvas with all that was given masked (LLaDA `generate.py`: the prompt): what guidance leads away from.
fn without_context(canvas: &Canvas) -> Vec<TokenId> {
    let given = |kind: &Kind| matches!(kind, Kind::Fixed | Kind::Pinned | Kind::Original);
    let masked = |(kind, &id): (&Kind, &TokenId)| if given(kind) { canvas.mask() } else { id };
    canvas.kinds().iter().zip(canvas.ids()).map(masked).collect()
}

#[cfg(test)]
mod tests;
