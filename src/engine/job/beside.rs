//! Several runs side by side, of which one becomes the proposal: best-of-n and particles.
//!
//! Shown is the first run while they go on, as a picture that jumps from run to run could not be read, and the likeliest in
//! the end. Each step is one pass for every run, and judging the texts
//! takes four more for each. Lengths are tried with one run each; only what is proposed is worth many.

use super::picture::Picture;
use super::trial::judging;
use super::{Cancelled, Job, Stage, words};
use crate::diffusion::refresh::RefreshPolicy;
use crate::diffusion::run::Run;
use crate::diffusion::search::particles::Particles;
use crate::diffusion::{DenoiseError, Denoiser};
use crate::model::Model;

/// The network remembers one canvas, and here it has several in turn: what lies in and around the holes is computed anew in
/// every pass, not only what one of the runs has changed.
pub(super) fn refresh(policy: RefreshPolicy) -> RefreshPolicy {
    if let RefreshPolicy::Dirty(reach) = policy { RefreshPolicy::Vicinity(reach) } else { policy }
}

/// The runs and what is shown of each.
pub(super) struct Beside {
    particles: Particles,
    pictures: Vec<Picture>,
}

impl Beside {
    /// So many copies of a run that has not begun.
    pub(super) fn new(run: &Run, picture: &Picture, seed: u64, (n, beta): (usize, f64)) -> Self {
        Self { particles: Particles::new(run, seed, n, beta), pictures: vec![picture.clone(); n.max(1)] }
    }

    /// The run that is shown.
    pub(super) fn shown(&self) -> &Run {
        self.particles.run(0)
    }

    pub(super) fn nfe(&self) -> usize {
        self.particles.nfe()
    }

    /// The network has read something else meanwhile.
    pub(super) fn forget_rows(&mut self) {
        self.particles.forget_rows();
    }
}

impl Job {
    pub(super) fn advance_beside(
        &mut self,
        mut beside: Box<Beside>,
        model: &mut Model,
        cancelled: Cancelled<'_>,
    ) -> Result<Stage, DenoiseError> {
        let Beside { particles, pictures } = &mut *beside;
        let parents = particles.turn(|slot, run| {
            run.revise(|canvas| {
                words::forbid_echoes(canvas, model);
                words::forbid(canvas, &self.unwanted);
            });
            let report = run.turn(model, true, cancelled)?;
            pictures[slot].step(run, &report, self.steps + 1);
            Ok::<_, DenoiseError>(report)
        })?;
        if let Some(parents) = parents {
            *pictures = parents.into_iter().map(|parent| pictures[parent].clone()).collect();
        }
        self.steps += 1;
        let done = particles.is_done();
        let shown = if done { self.likeliest(particles, model, cancelled)? } else { 0 };
        self.picture.show(pictures[shown].clone());
        if !done {
            return Ok(Stage::Beside(beside));
        }
        // The trail begins with what came of them, so that one can go on from there.
        let run = particles.run(shown).clone();
        (self.passes, self.skipped) = (self.passes + particles.nfe(), run.nfe());
        Ok(Stage::Denoising(Box::new(run)))
    }

    /// Which of the finished texts is the likeliest, equal ones judged once: not by what was said on the way, when little was
    /// known, but as it stands, by thirds, and by how well the text goes on after it (`decoding.md` 3.4).
    fn likeliest(
        &mut self,
        particles: &Particles,
        model: &mut Model,
        cancelled: Cancelled<'_>,
    ) -> Result<usize, DenoiseError> {
        let ranked = particles.ranked();
        let mut best = (f64::NEG_INFINITY, ranked.first().map_or(0, |(slot, _)| *slot));
        // Models whose noise is words have no mask to judge by: what was said on the way has to do.
        let can_judge = ranked.len() > 1 && !model.noise().starts_random();
        for (slot, _) in ranked.iter().filter(|_| can_judge) {
            let mut scoring = judging(particles.run(*slot).canvas(), model.shift());
            for fold in 0..scoring.fold_count() {
                scoring.judge(fold, model, cancelled)?;
                self.passes += 1;
            }
            let logs: Vec<f64> = scoring.log_probabilities().iter().copied().flatten().collect();
            let worth = logs.iter().sum::<f64>() / logs.len().max(1) as f64;
            if worth > best.0 {
                best = (worth, *slot);
            }
        }
        Ok(best.1)
    }

    /// Goes on with the run that is shown alone.
    pub(super) fn alone(&mut self, beside: &Beside) -> Stage {
        let run = beside.shown().clone();
        // The run counts its own passes from here on.
        self.passes += beside.nfe() - run.nfe().min(beside.nfe());
        self.skipped = 0;
        Stage::Denoising(Box::new(run))
    }
}
