//! A loaded model with what the engine derives from it once, and the way to run a job to its end in one call.

use super::chat;
use super::job::trail::Trail;
use super::job::{Job, Step, Turn, branch};
use super::lengths::Lengths;
use super::prompt::Choices;
use super::protocol::{Act, Branch, Frame, Judgement, ModelInfo, Part, Question, Request};
use crate::diffusion::{DenoiseError, Denoiser};
use crate::model::{Model, ModelError};

/// A model ready for jobs on text.
pub struct Brain {
    pub(super) model: Model,
    choices: Choices,
    pub(super) lengths: Lengths,
    is_chat: bool,
    /// What the self-test said.
    pub(super) warning: Option<String>,
}

/// A job between two passes.
pub struct Glance<'a> {
    job: &'a Job,
    model: &'a Model,
    /// Steps made before the pass.
    known: usize,
}

impl Glance<'_> {
    /// The step just made, if the pass made one.
    pub fn step(&self) -> Option<Step<'_>> {
        Some(self.job.last_step()).filter(|step| step.step > self.known)
    }

    /// The picture of the job as it stands.
    pub fn frame(&self) -> Frame {
        self.job.frame(self.model, false)
    }
}

impl Brain {
    /// Takes a loaded model.
    ///
    /// # Errors
    /// A sentence when it came without a tokenizer.
    pub fn new(model: Model) -> Result<Self, ModelError> {
        let choices = Choices::of(model.tokenizer()?, model.vocabulary());
        let lengths = Lengths::shipped(&model.name);
        Ok(Self { model, choices, lengths, is_chat: false, warning: None })
    }

    /// The same, with what is known of its lengths beyond what ships with the program; `path` is where it lies.
    pub fn with_lengths_of(self, path: &std::path::Path) -> Self {
        Self { lengths: Lengths::of_model(&self.model.name, path), ..self }
    }

    /// The same, tuned on conversations or not: then every text lies in the assistant's turn.
    pub fn tuned_on_chat(self, is_chat: bool) -> Self {
        Self { is_chat, ..self }
    }

    /// What the status line says of it.
    pub fn info(&self) -> ModelInfo {
        ModelInfo {
            name: self.model.name.clone(),
            device: self.model.device().to_owned(),
            parameters: self.model.parameters,
            context: self.model.context(),
            warning: self.warning.clone(),
            no_instructions: chat::frame(&self.model, chat::PLAIN).err(),
            blind_after: !self.model.descriptor.attention.sees_after(),
        }
    }

    /// Runs a request to its end on the caller's thread: for the command line. Gives the last picture and how many
    /// tokens each hole has. `watch` sees the job before the first pass and after each.
    ///
    /// # Errors
    /// One sentence saying why the job could not go on.
    pub fn run(
        &mut self,
        request: &Request,
        mut watch: impl FnMut(&Glance<'_>) -> Result<(), String>,
    ) -> Result<(Frame, Vec<usize>), String> {
        let sentence = |error: DenoiseError| error.to_string();
        let mut job = self.job(request).map_err(sentence)?;
        let mut steps = 0;
        watch(&Glance { job: &job, model: &self.model, known: steps })?;
        loop {
            let turn = self.advance(&mut job, &|| false).map_err(sentence)?;
            watch(&Glance { job: &job, model: &self.model, known: steps })?;
            steps = job.last_step().step;
            if turn == Turn::Done {
                return Ok((job.frame(&self.model, false), job.token_counts()));
            }
        }
    }

    pub(super) fn job(&self, request: &Request) -> Result<Job, DenoiseError> {
        Job::new(request, &self.model, &self.choices, self.lengths, self.is_chat)
    }

    pub(super) fn advance(
        &mut self,
        job: &mut Job,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Turn, DenoiseError> {
        job.advance(&mut self.model, cancelled)
    }

    pub(super) fn branch(&self, request: &Branch, trail: &Trail) -> Result<Job, DenoiseError> {
        Job::branch(request, trail, &self.model, &self.choices, self.lengths)
    }

    pub(super) fn steer(&self, job: &mut Job, acts: &[Act]) -> Result<(), String> {
        job.steer(acts, &self.model)
    }

    pub(super) fn judge(
        &mut self,
        question: Question,
        trail: &Trail,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Judgement>, DenoiseError> {
        branch::judge(question, trail, &mut self.model, cancelled)
    }

    pub(super) fn rebase(&self, job: &mut Job, parts: &[Part]) -> Result<(), DenoiseError> {
        job.rebase(parts, &self.model, &self.choices)
    }

    pub(super) fn keep(&mut self, job: &mut Job, cancelled: &(dyn Fn() -> bool + Sync)) -> Result<(), DenoiseError> {
        job.keep(&mut self.model, cancelled)
    }
}
