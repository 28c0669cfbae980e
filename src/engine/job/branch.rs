//! A job that goes on from a step of another one, and what the model thinks of a cell at any step.
//!
//! Where the document is as it was, the canvas of that step is taken as it is, with its bans and its place in the plan: a
//! branch with the same knobs and no acts then does what the other job did. (Where rows are refreshed sparsely its first
//! pass is whole, so that what is exact there may differ from what was approximate; with `exact` nothing does.) Where the
//! document has changed, each hole goes on from the cells that it names, as after typing beside a run.

use super::picture::{self, Picture};
use super::settle::Settling;
use super::steer::unwritten;
use super::trail::Trail;
use super::{Cancelled, Job, Stage, edges, sampler_of};
use crate::diffusion::canvas::{EditError, Kind};
use crate::diffusion::propose::{Fallback, Propose, Row};
use crate::diffusion::{DenoiseError, Denoiser, row_of};
use crate::engine::lengths::Lengths;
use crate::engine::prompt::{Choices, Prompt};
use crate::engine::protocol::{Branch, Judgement, Question, Verb};
use crate::model::Model;

/// What is said when steps are not kept.
pub(crate) const FORGOTTEN: &str = "the steps of that run are no longer kept; run it again";

fn failed(error: impl ToString) -> DenoiseError {
    DenoiseError::Failed(error.to_string())
}

impl Job {
    /// Begins a branch. Makes no pass.
    ///
    /// # Errors
    /// One sentence: the step is not kept, the sampler cannot be read, an act cannot be done, or the holes do not fit.
    pub(crate) fn branch(
        request: &Branch,
        trail: &Trail,
        model: &Model,
        choices: &Choices,
        lengths: Lengths,
    ) -> Result<Self, DenoiseError> {
        if model.continuous().is_some() {
            return Err(failed(format!(
                "{} denoises vectors, so no run can be gone on from one of its steps",
                model.name
            )));
        }
        let (stretch, made) = trail.at(request.step).ok_or_else(|| failed(FORGOTTEN))?;
        let broken = |error: EditError| failed(error);
        let then = stretch.trajectory.canvas_at(made).map_err(broken)?;
        let prompt = Prompt::new(&request.parts, trail.verb != Verb::Fill, model, choices).map_err(failed)?;
        let mut prompt = prompt.within(stretch.prompt.frame.clone());
        let cells = edges::carry(&stretch.prompt, &mut prompt, &then);
        let mut canvas = prompt.canvas(model.vocabulary().mask(), &cells).map_err(failed)?;
        let holes = 0..canvas.hole_count();
        let is_same = canvas.ids() == then.ids()
            && canvas.hole_count() == then.hole_count()
            && holes.into_iter().all(|hole| canvas.hole_range(hole) == then.hole_range(hole));
        let mut picture;
        let settling;
        if is_same {
            canvas = then;
            picture = Picture::of(&stretch.trajectory, made, stretch.base).map_err(broken)?;
            picture.old_ids.clone_from(&stretch.old_ids);
            picture.old_log_probabilities.clone_from(&stretch.old_log_probabilities);
            let redrawn = request.options != stretch.options;
            settling = if redrawn { stretch.settling.untried() } else { stretch.settling.clone() };
        } else {
            edges::carry_bans((&stretch.prompt, &then), (&prompt, &mut canvas));
            picture = Picture::new(canvas.clone());
            settling = Settling::of(unwritten(&canvas));
        }
        let mut job = Self {
            id: request.job,
            verb: trail.verb,
            parts: request.parts.clone(),
            limits: prompt.limits(),
            settling,
            prompt,
            sampler: sampler_of(&request.options)?,
            options: request.options.clone(),
            lengths,
            stage: Stage::Done,
            picture,
            passes: 0,
            skipped: 0,
            steps: request.step,
            seconds: 0.0,
            trail: Trail::new(trail.verb),
            unwanted: stretch.unwanted.clone(),
        };
        job.limits.keep(&canvas);
        let plan = |options: &crate::engine::protocol::RunOptions| (options.sampler.clone(), options.steps);
        let mark = (plan(&request.options) == plan(&stretch.options)).then(|| stretch.mark_at(made));
        job.skipped = mark.map_or(0, |mark| mark.nfe());
        let run = job.going_on(canvas, mark, model);
        let is_done = run.is_done();
        job.stage = Stage::Denoising(Box::new(run));
        job.open_trail();
        if !request.acts.is_empty() {
            job.steer(&request.acts, model).map_err(failed)?;
        } else if is_done {
            job.stage = Stage::Done;
        }
        Ok(job)
    }
}

/// The model's opinion of one cell with everything else in place: one pass, in which the cell is masked. None where the
/// step or the cell is not kept.
pub(crate) fn judge(
    question: Question,
    trail: &Trail,
    model: &mut Model,
    cancelled: Cancelled<'_>,
) -> Result<Option<Judgement>, DenoiseError> {
    let Some((stretch, made)) = trail.at(question.step) else { return Ok(None) };
    let canvas = stretch.trajectory.canvas_at(made).map_err(failed)?;
    let hole = stretch.prompt.holes.iter().position(|hole| hole.id() == question.at.hole);
    let position = hole.and_then(|hole| stretch.prompt.own_range(&canvas, hole).nth(question.at.cell));
    let Some(position) = position else { return Ok(None) };
    let mut ids = canvas.ids().to_vec();
    let stands = (canvas.kind(position) != Kind::Masked).then_some(ids[position]);
    ids[position] = canvas.mask();
    let row = row_of(position, model.shift());
    let rows = [row];
    let share = (canvas.masks_left() + 1) as f64 / canvas.hole_positions().count().max(1) as f64;
    let logits = model.logits(&model.noise().pass(share.min(1.0), &ids, &rows), cancelled)?;
    let (vocabulary, mut read) = (model.vocabulary(), Row::default());
    read.load(logits.row(row).unwrap_or_default(), vocabulary, None);
    let proposal = Propose::default().propose(&read, Fallback { vocabulary, limit: None }, None, 0.0);
    let tokenizer = model.tokenizer().map_err(failed)?;
    let limit = canvas.limit(position);
    let is_banned = |id| limit.is_some_and(|limit| limit.banned.contains(id));
    let top = proposal.top.iter().filter(|(id, _)| !is_banned(id));
    Ok(Some(Judgement {
        question,
        probability: stands.map(|id| read.probability(id) as f32),
        entropy: proposal.entropy as f32,
        alternatives: top.map(|top| picture::alternative(*top, tokenizer)).collect(),
    }))
}
