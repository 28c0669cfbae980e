//! Rewrite and refine: how likely is each word, given both sides, and what follows from that.

use std::ops::Range;

use super::picture::Picture;
use super::{Cancelled, Job, Purpose, Stage, words};
use crate::diffusion::canvas::{Cell, Kind, UserAct};
use crate::diffusion::rng::{Draw, Seeded};
use crate::diffusion::run::Run;
use crate::diffusion::score::{self, FOLDS, Scoring};
use crate::diffusion::{DenoiseError, Denoiser};
use crate::engine::prompt::HolePlan;
use crate::engine::protocol::{Renoise, Verb};
use crate::model::Model;

/// Refine masks words whose tokens are on average less likely than this. The paper's range is 0.05 to 0.3
/// (`reference/decoding.md` 4.2); a small model doubts more words than are wrong.
const WEAK: f64 = 0.02;
/// Refine masks at most this share of a paragraph's tokens.
const WEAK_SHARE: f64 = 0.15;
/// A new word must be likelier per token than the old one by this many nats: the model's own choice is always a little
/// likelier to it, and a change that says no more is not worth proposing.
const GAIN: f64 = 1.0;

/// Words, a strength and a source of chance; what is to be masked.
type ByChance = fn(&[Range<usize>], f64, &dyn Draw) -> Vec<Range<usize>>;

impl Job {
    pub(super) fn choose(&mut self, model: &Model) -> Result<Stage, DenoiseError> {
        let original = |hole: &HolePlan| hole.original.iter().map(|id| Cell::Original(*id)).collect();
        let cells: Vec<Vec<Cell>> = self.prompt.holes.iter().map(original).collect();
        let canvas = self.canvas(model, &cells)?;
        let words = words::of_holes(&canvas, model);
        if words.is_empty() {
            return Err(DenoiseError::Failed("there are no words to change here; select or write some first".into()));
        }
        if let (Verb::Rewrite { strength }, Some(noise)) = (self.verb, self.by_chance()) {
            self.picture = Picture::new(canvas);
            return Ok(self.mask(&noise(&words, strength, &Seeded(self.options.seed)), &[], model));
        }
        let scoring = Scoring::new(canvas.ids().to_vec(), &words, FOLDS, canvas.mask(), model.shift());
        self.picture = Picture::new(canvas);
        Ok(Stage::Scoring { scoring, fold: 0, purpose: Purpose::Choose })
    }

    /// What chooses words for a rewrite, where that is chance.
    fn by_chance(&self) -> Option<ByChance> {
        match self.options.renoise {
            Renoise::LeastLikely => None,
            Renoise::Tokens => Some(score::noised_tokens),
            Renoise::Words => Some(|words, strength, draw| {
                score::noised_words(words, strength, draw).into_iter().map(|index| words[index].clone()).collect()
            }),
        }
    }

    pub(super) fn judge(run: Box<Run>, model: &Model) -> Stage {
        let canvas = run.canvas();
        let changed = words::runs(canvas, |kind| matches!(kind, Kind::Committed { .. }));
        let scoring = Scoring::new(canvas.ids().to_vec(), &changed, FOLDS, canvas.mask(), model.shift());
        Stage::Scoring { scoring, fold: 0, purpose: Purpose::Judge { changed, run } }
    }

    pub(super) fn score_fold(
        &mut self,
        mut scoring: Scoring,
        fold: usize,
        purpose: Purpose,
        model: &mut Model,
        cancelled: Cancelled<'_>,
    ) -> Result<Stage, DenoiseError> {
        scoring.judge(fold, model, cancelled)?;
        self.passes += 1;
        if fold + 1 < scoring.fold_count() {
            return Ok(Stage::Scoring { scoring, fold: fold + 1, purpose });
        }
        Ok(match purpose {
            Purpose::Choose => self.mask_chosen(scoring.log_probabilities(), model),
            Purpose::Judge { changed, run } => {
                let (new, before) = (scoring.log_probabilities(), &self.picture.old_log_probabilities);
                let worse = |word: &&Range<usize>| {
                    let (new, old) = (score::mean(word, new), score::mean(word, before));
                    new.zip(old).is_none_or(|(new, old)| new < old + GAIN)
                };
                let old = |at: usize| Some(UserAct::Restore(at, self.picture.old_ids.get(at).copied()?));
                let worse: Vec<UserAct> = changed.iter().filter(worse).cloned().flatten().filter_map(old).collect();
                let mut canvas = run.into_canvas();
                let refused = worse.iter().try_for_each(|act| act.apply(&mut canvas));
                refused.map_err(|error| DenoiseError::Failed(error.to_string()))?;
                if !worse.is_empty() {
                    self.steps += 1;
                    self.trail.act(worse.clone());
                }
                self.picture.steered(&worse, &canvas, self.steps);
                Stage::Done
            }
        })
    }

    fn mask_chosen(&mut self, log_probabilities: &[Option<f64>], model: &Model) -> Stage {
        let canvas = self.picture.canvas.clone();
        let words = words::of_holes(&canvas, model);
        let chosen = match self.verb {
            Verb::Rewrite { strength } => score::rewrite(&words, log_probabilities, strength),
            Verb::Fill | Verb::Refine => score::weakest(&words, log_probabilities, WEAK, WEAK_SHARE),
        };
        let chosen: Vec<Range<usize>> = chosen.into_iter().filter_map(|index| words.get(index).cloned()).collect();
        self.mask(&chosen, log_probabilities, model)
    }

    /// Begins with these stretches of the text masked.
    fn mask(&mut self, chosen: &[Range<usize>], log_probabilities: &[Option<f64>], model: &Model) -> Stage {
        let canvas = self.picture.canvas.clone();
        let masked = self.prompt.remask(&canvas, chosen, matches!(self.verb, Verb::Refine));
        let stage = self.begin(masked, model);
        self.picture.old_ids = canvas.ids().to_vec();
        self.picture.old_log_probabilities = log_probabilities.to_vec();
        stage
    }
}
