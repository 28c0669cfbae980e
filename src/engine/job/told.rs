//! How long is each hole? Models that were taught to say it are asked once, all holes together; a hole that is longer than
//! could be told is asked about again with more masks. Lengths about the middle of what was told are then tried.

use std::ops::RangeInclusive;

use super::{Cancelled, Job, Stage};
use crate::diffusion::canvas::Canvas;
use crate::diffusion::length::told::Told;
use crate::diffusion::propose::Row;
use crate::diffusion::{DenoiseError, Denoiser, Logits, row_of};
use crate::model::Model;

/// Masks of the first question, and how many times as many the next ones have: 8 tell of up to 15 tokens, 32 of up to 63.
const MASKS: usize = 8;
const LONGER: usize = 4;
/// A hole that is likelier than this to be longer than could be told is asked about again.
const BEYOND: f64 = 0.25;
/// Where in the distribution the lengths lie that are tried, if more than one is.
const TRIED: [f64; 3] = [0.2, 0.5, 0.8];

/// A question about the lengths of holes.
pub(super) struct Question {
    /// The lengths that each may have.
    ranges: Vec<RangeInclusive<usize>>,
    /// How many masks each stands at.
    masks: Vec<usize>,
    asked: usize,
}

impl Question {
    /// Passes made, and how many there are at most.
    pub(super) fn progress(&self) -> (usize, usize) {
        (self.asked, 2)
    }
}

impl Job {
    /// Asks about holes that may have these lengths, at least 1; without a pass where each can only have one.
    pub(super) fn ask_lengths(
        &mut self,
        ranges: Vec<RangeInclusive<usize>>,
        model: &Model,
    ) -> Result<Stage, DenoiseError> {
        let masks: Vec<usize> = ranges.iter().map(|range| MASKS.clamp(*range.start(), *range.end())).collect();
        if ranges.iter().all(|range| range.start() == range.end()) {
            return self.begin_masked(&masks, model);
        }
        Ok(Stage::Hearing(Question { ranges, masks, asked: 0 }))
    }

    /// Makes the pass and takes what was told.
    pub(super) fn hear_lengths(
        &mut self,
        mut question: Question,
        model: &mut Model,
        cancelled: Cancelled<'_>,
    ) -> Result<Stage, DenoiseError> {
        let canvas = self.masked_canvas(model, &question.masks)?;
        let holes = 0..question.ranges.len();
        let rows: Vec<usize> =
            holes.clone().flat_map(|hole| canvas.hole_range(hole)).map(|at| row_of(at, model.shift())).collect();
        let logits = model.logits(&model.noise().pass(1.0, canvas.ids(), &rows), cancelled)?;
        self.passes += 1;
        question.asked += 1;
        let told: Vec<Told> = holes.clone().map(|hole| told(&logits, &canvas, hole, model)).collect();
        let mut again = false;
        for (hole, told) in told.iter().enumerate() {
            let (masks, most) = (question.masks[hole], *question.ranges[hole].end());
            if question.asked == 1 && told.beyond() > BEYOND && most >= 2 * masks {
                question.masks[hole] = (masks * LONGER).min(most);
                again = true;
            }
        }
        if again {
            return Ok(Stage::Hearing(question));
        }
        let shares = if self.lengths.trials { &TRIED[..] } else { &TRIED[1..2] };
        let mut plans: Vec<Vec<usize>> = Vec::new();
        for share in shares {
            let of = |hole: usize| told[hole].quantile(*share, question.ranges[hole].clone(), &self.prior(hole));
            let plan: Vec<usize> = holes.clone().map(of).collect();
            if !plans.contains(&plan) {
                plans.push(plan);
            }
        }
        self.try_lengths(plans, model)
    }
}

/// What a pass told of one hole.
fn told(logits: &Logits, canvas: &Canvas, hole: usize, model: &Model) -> Told {
    let (vocabulary, shift) = (model.vocabulary(), model.shift());
    let controls = vocabulary.controls();
    let mut row = Row::default();
    let (mut delete, mut expand) = (Vec::new(), Vec::new());
    for position in canvas.hole_range(hole) {
        let Some(raw) = logits.row(row_of(position, shift)) else { continue };
        row.load(raw, vocabulary, None);
        for control in [controls.delete, controls.expand].into_iter().flatten() {
            row.restore(control, raw);
        }
        let probability = |control: Option<u32>| control.map_or(0.0, |control| row.probability(control));
        delete.push(probability(controls.delete));
        expand.push(probability(controls.expand));
    }
    Told::new(&delete, &expand)
}
