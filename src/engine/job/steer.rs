//! What the user does to a run that goes on: acts in terms of cells become acts on the canvas, and what no longer fits is
//! masked again.
//!
//! The rule is [`crate::diffusion::dependence`]'s: after a word was chosen or typed, four passes judge every other word
//! that the run has written, with and without the choice; one that is less than half as likely with it, and for which
//! another token is likelier now, is masked again, whole. The run then goes on from the step it was at, and its plan grows
//! by what was masked. What is pinned never changes, nor does the document's own text.

use super::{Cancelled, Job, Stage, words};
use crate::diffusion::canvas::{Canvas, Kind, UserAct};
use crate::diffusion::dependence::Dependence;
use crate::diffusion::rng::Seeded;
use crate::diffusion::run::{MOST_GROWTH, Mark, Run};
use crate::diffusion::{DenoiseError, Denoiser, TokenId};
use crate::engine::protocol::{Act, Place, Token};
use crate::model::{Model, Tokenizer};

/// What is typed into one cell takes at most so many tokens.
const MOST_TOKENS: usize = 64;

/// A cell that the run does not have, or no longer.
const GONE: &str = "that place is not part of the run any more";

/// Words being judged after a choice; the run waits.
pub(super) struct Weighing {
    pub(super) run: Box<Run>,
    dependence: Dependence,
}

impl Weighing {
    pub(super) fn progress(&self) -> (usize, usize) {
        self.dependence.progress()
    }
}

impl Job {
    /// Does all of these acts, or none.
    ///
    /// # Errors
    /// One sentence saying which cannot be done and why.
    pub(crate) fn steer(&mut self, acts: &[Act], model: &Model) -> Result<(), String> {
        let run = match &self.stage {
            Stage::Denoising(run) => run,
            Stage::Weighing(weighing) => &weighing.run,
            Stage::Vectors(_) => {
                return Err(format!("{} denoises vectors, so its words cannot be steered one by one", model.name));
            }
            _ => return Err("nothing is written yet; wait for the first words".into()),
        };
        let (before, mark) = (run.canvas().clone(), run.mark());
        let mut canvas = before.clone();
        let mut unwanted = self.unwanted.clone();
        let mut done: Vec<UserAct> = Vec::new();
        for act in acts {
            for act in self.on_canvas(act, &canvas, &mut unwanted, model)? {
                act.apply(&mut canvas).map_err(|error| error.to_string())?;
                done.push(act);
            }
        }
        let length = canvas.len() - canvas.hole_positions().count();
        if canvas.len() > before.len() && canvas.len() > model.context() {
            return Err(format!("there is no room: the text around takes {length} tokens of {}", model.context()));
        }
        self.unwanted = unwanted;
        self.take_acts(&done, &canvas);
        let run = Box::new(self.going_on(canvas.clone(), Some(mark), model));
        let chooses = |act: &UserAct| matches!(act, UserAct::PinAs(..) | UserAct::WriteOver(..));
        // Models whose noise is words have no mask to judge the other words by.
        if model.noise().starts_random() || !done.iter().any(chooses) {
            self.stage = self.go_on(run, model);
            return Ok(());
        }
        let mut origin = vec![None; canvas.len()];
        for then in 0..before.len() {
            if let Some(now) = done.iter().try_fold(then, |at, act| act.moved(at)) {
                origin[now] = Some(then);
            }
        }
        let words = words::of_holes(&canvas, model);
        let origin = |now: usize| origin.get(now).copied().flatten();
        let dependence = Dependence::new(&before, &canvas, &words, origin, model.shift());
        self.stage = if dependence.is_done() {
            self.go_on(run, model)
        } else {
            Stage::Weighing(Box::new(Weighing { run, dependence }))
        };
        Ok(())
    }

    /// Whether a choice is being weighed: passes that are made although the job is paused.
    pub(crate) fn is_weighing(&self) -> bool {
        matches!(self.stage, Stage::Weighing(_))
    }

    /// One pass of weighing; after the last, what fell is masked and the run goes on.
    pub(super) fn weigh(
        &mut self,
        mut weighing: Box<Weighing>,
        model: &mut Model,
        cancelled: Cancelled<'_>,
    ) -> Result<Stage, DenoiseError> {
        weighing.dependence.pass(model, cancelled)?;
        self.passes += 1;
        if !weighing.dependence.is_done() {
            return Ok(Stage::Weighing(weighing));
        }
        let fallen: Vec<UserAct> = weighing.dependence.fallen().into_iter().flatten().map(UserAct::MaskAgain).collect();
        if fallen.is_empty() {
            return Ok(self.go_on(weighing.run, model));
        }
        let (mut canvas, mark) = (weighing.run.canvas().clone(), weighing.run.mark());
        let refused = fallen.iter().try_for_each(|act| act.apply(&mut canvas));
        refused.map_err(|error| DenoiseError::Failed(error.to_string()))?;
        self.take_acts(&fallen, &canvas);
        Ok(Stage::Denoising(Box::new(self.going_on(canvas, Some(mark), model))))
    }

    /// Acts that led to a canvas are a step of the job.
    fn take_acts(&mut self, acts: &[UserAct], canvas: &Canvas) {
        self.steps += 1;
        self.trail.act(acts.to_vec());
        self.picture.steered(acts, canvas, self.steps);
        self.settling.begin_anew_from(unwritten(canvas));
        if acts.iter().any(|act| matches!(act, UserAct::WriteOver(_, tokens) if tokens.len() > 1)) {
            self.limits.forget_positions();
            // Positions are not those of the old text any more, so that there is nothing to compare with.
            self.picture.old_ids.clear();
            self.picture.old_log_probabilities.clear();
        }
    }

    /// A run of this job on a canvas, from a place in its plan.
    pub(super) fn going_on(&self, canvas: Canvas, mark: Option<Mark>, model: &Model) -> Run {
        let (sampler, seed) = self.drawing();
        let run = Run::new(canvas, sampler, model.vocabulary(), model.shift(), Seeded(seed))
            .with_noise(model.noise())
            .with_growth(MOST_GROWTH, model.context())
            .with_limits(self.limits.clone());
        match mark {
            Some(mark) => run.resume(mark),
            None => run,
        }
    }

    /// A run that may have nothing left to do.
    fn go_on(&mut self, run: Box<Run>, model: &Model) -> Stage {
        if run.is_done() { self.conclude(run, model) } else { Stage::Denoising(run) }
    }

    /// What an act in terms of cells is on the canvas.
    fn on_canvas(
        &self,
        act: &Act,
        canvas: &Canvas,
        unwanted: &mut Vec<TokenId>,
        model: &Model,
    ) -> Result<Vec<UserAct>, String> {
        let tokenizer = model.tokenizer().map_err(|error| error.to_string())?;
        let here = |position: usize| canvas.ids().get(position).copied();
        let choosable = |token: Token| {
            let known = (token.0 as usize) < model.vocabulary().size() && !model.vocabulary().is_banned(token.0);
            known.then_some(token.0).ok_or("that token is no text".to_owned())
        };
        Ok(match act {
            Act::Pin(place) => {
                let position = self.position(*place, canvas)?.1;
                match (canvas.kind(position), self.picture.guess(position)) {
                    (Kind::Masked, Some(guess)) => vec![UserAct::PinAs(position, guess)],
                    (Kind::Masked, None) => return Err("nothing stands there yet that could be held".into()),
                    _ => vec![UserAct::Pin(position)],
                }
            }
            Act::Unpin(place) => vec![UserAct::Unpin(self.position(*place, canvas)?.1)],
            Act::Choose(place, token) => vec![UserAct::PinAs(self.position(*place, canvas)?.1, choosable(*token)?)],
            Act::Mask(place) => vec![UserAct::MaskAgain(self.position(*place, canvas)?.1)],
            Act::Write(place, text) => {
                let (hole, position) = self.position(*place, canvas)?;
                let tokens = self.spelled(hole, position, text, canvas, model)?;
                match tokens.as_slice() {
                    [one] => vec![UserAct::PinAs(position, *one)],
                    several => vec![UserAct::WriteOver(position, several.into())],
                }
            }
            Act::Ban(place, token) => {
                let (position, token) = (self.position(*place, canvas)?.1, choosable(*token)?);
                let stands = here(position) == Some(token) && canvas.kind(position) != Kind::Masked;
                let again = stands.then_some(UserAct::MaskAgain(position));
                [UserAct::Forbid(position, token)].into_iter().chain(again).collect()
            }
            Act::BanEverywhere(token) => {
                let words = same_word(choosable(*token)?, model, tokenizer);
                let own = |hole| self.prompt.own_range(canvas, hole);
                let holes: Vec<usize> = (0..canvas.hole_count()).flat_map(own).collect();
                let stands = |position: &&usize| {
                    canvas.kind(**position).is_editable() && here(**position).is_some_and(|id| words.contains(&id))
                };
                let again: Vec<UserAct> = holes.iter().filter(stands).map(|at| UserAct::MaskAgain(*at)).collect();
                unwanted.extend(&words);
                let forbid = |at: &usize| words.iter().map(|word| UserAct::Forbid(*at, *word)).collect::<Vec<_>>();
                holes.iter().flat_map(forbid).chain(again).collect()
            }
        })
    }

    /// The hole and the canvas position of a cell.
    fn position(&self, place: Place, canvas: &Canvas) -> Result<(usize, usize), String> {
        let hole = self.prompt.holes.iter().position(|hole| hole.id() == place.hole).ok_or(GONE)?;
        let range = self.prompt.own_range(canvas, hole);
        let position = range.start.saturating_add(place.cell);
        if position < range.end { Ok((hole, position)) } else { Err(GONE.into()) }
    }

    /// The tokens of a text that is typed in the place of a cell. What the hole took in of the text around is spelled by the
    /// cells at its edges, and the space before a word is the word's.
    fn spelled(
        &self,
        hole: usize,
        position: usize,
        text: &str,
        canvas: &Canvas,
        model: &Model,
    ) -> Result<Vec<TokenId>, String> {
        let tokenizer = model.tokenizer().map_err(|error| error.to_string())?;
        let (range, plan) = (self.prompt.own_range(canvas, hole), &self.prompt.holes[hole]);
        if text.trim().is_empty() {
            return Err("type the word that is to stand there".into());
        }
        let stands = match canvas.kind(position) {
            Kind::Masked => self.picture.guess(position),
            _ => canvas.ids().get(position).copied(),
        };
        let spaced = |id: TokenId| tokenizer.bytes(id).starts_with(b" ");
        let before = position.checked_sub(1).and_then(|before| canvas.ids().get(before).copied());
        let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80);
        let left = if position == range.start { plan.left.left_spelled(tokenizer) } else { b"" };
        let mut bytes = left.to_vec();
        let touches = before
            .filter(|id| *id != canvas.mask())
            .is_some_and(|id| is_word(tokenizer.bytes(id).last()) && is_word(text.as_bytes().first()));
        let wants_space = left.is_empty() && stands.map_or(touches, spaced) && !text.starts_with(char::is_whitespace);
        bytes.extend(wants_space.then_some(b' '));
        bytes.extend(if left.ends_with(b" ") { text.trim_start() } else { text }.bytes());
        if position + 1 == range.end {
            bytes.extend(plan.right.right_spelled(tokenizer));
        }
        let Ok(text) = String::from_utf8(bytes) else {
            return Err("the hole ends inside a character here, so that only the model can write there".into());
        };
        let tokens = tokenizer.encode_inside(&text).map_err(|error| error.to_string())?;
        if tokens.len() > MOST_TOKENS {
            return Err(format!("that is longer than {MOST_TOKENS} tokens; leave the run and type it into the text"));
        }
        let is_text = |id: &TokenId| *id != canvas.mask() && !model.vocabulary().is_banned(*id);
        if tokens.is_empty() || !tokens.iter().all(is_text) {
            return Err("this model has no tokens for that text".into());
        }
        Ok(tokens)
    }
}

/// The canvas with everything masked that a sampler wrote.
pub(super) fn unwritten(canvas: &Canvas) -> Canvas {
    let mut fresh = canvas.clone();
    for position in canvas.hole_positions().filter(|at| matches!(canvas.kind(*at), Kind::Committed { .. })) {
        // It is in a hole, where masking is never refused.
        let _ = fresh.mask_again(position);
    }
    fresh
}

/// The tokens of the same word, with the space before it and without.
fn same_word(token: TokenId, model: &Model, tokenizer: &Tokenizer) -> Vec<TokenId> {
    let bare = |id: TokenId| {
        let bytes = tokenizer.bytes(id);
        bytes.strip_prefix(b" ").filter(|rest| !rest.is_empty()).unwrap_or(bytes)
    };
    let all = 0..model.vocabulary().size() as TokenId;
    all.filter(|id| *id == token || bare(*id) == bare(token)).filter(|id| !model.vocabulary().is_banned(*id)).collect()
}
