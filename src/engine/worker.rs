//! The engine's thread: it owns the model, takes commands between passes, and tells what happens.
//!
//! One job at a time, and words to be judged while there is none to work on. A cancel is seen inside a pass, within one
//! layer, through [`Interrupt`]; everything else waits for the pass to end. A panic in the model ends the job, not the thread.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Instant;

use super::brain::Brain;
use super::job::branch::FORGOTTEN;
use super::job::trail::History;
use super::job::{Job, Turn};
use super::load;
use super::protocol::{Command, Event, JobId, Outcome, Question, ScoreRequest, Scored};
use super::score::{Care, Judge};
use crate::diffusion::DenoiseError;

/// Which job must stop in the middle of a pass: all up to this number, plus one. Set by the engine's handle the
/// moment a command that ends a job is sent, before the thread can read it.
///
/// Words are judged only while nobody wants anything else, so any command stops that in the middle of a pass: their number
/// is counted after each is sent.
#[derive(Debug, Default)]
pub(super) struct Interrupt {
    jobs: AtomicU64,
    commands: AtomicU64,
}

impl Interrupt {
    /// Asks every job up to this one to stop.
    pub(super) fn raise(&self, job: JobId) {
        self.jobs.fetch_max(job.0.saturating_add(1), Ordering::Relaxed);
    }

    fn concerns(&self, job: JobId) -> bool {
        self.jobs.load(Ordering::Relaxed) > job.0
    }

    /// A command was sent, or there will be none any more.
    pub(super) fn count(&self) {
        self.commands.fetch_add(1, Ordering::Release);
    }

    fn counted(&self) -> u64 {
        self.commands.load(Ordering::Acquire)
    }

    /// What changes when any job is asked to stop.
    fn level(&self) -> u64 {
        self.jobs.load(Ordering::Relaxed)
    }
}

/// What the thread needs to work on jobs with one model.
pub(super) struct Worker<'a> {
    pub(super) brain: Brain,
    pub(super) commands: &'a Receiver<Command>,
    pub(super) interrupt: &'a Arc<Interrupt>,
    pub(super) tell: &'a mut dyn FnMut(Event),
    /// The steps of the jobs that are over.
    pub(super) history: History,
    /// What is asked about a cell and waits for an answer.
    pub(super) asked: Option<Question>,
    pub(super) judging: Option<Judging>,
}

/// Words that are judged while nothing else is to be done.
pub(super) struct Judging {
    request: ScoreRequest,
    /// What is known so far; none before the first turn.
    judge: Option<Judge>,
    passes: usize,
    seconds: f64,
}

/// Why the work with one model ends.
#[derive(Debug)]
pub(super) enum Asked {
    /// The handle was dropped.
    Over,
    /// This model is wanted instead.
    Load(String),
    /// No model is wanted.
    Unload,
}

/// A job with what the user asked of it.
struct Running {
    id: JobId,
    job: Job,
    paused: bool,
    /// Steps still allowed while paused.
    allowed: usize,
}

impl Running {
    /// Whether there is nothing to do before the user says so. A choice is weighed at once.
    fn waits(&self) -> bool {
        self.paused && self.allowed == 0 && !self.job.is_weighing()
    }
}

impl Worker<'_> {
    /// Works until the handle is dropped or another model is asked for; gives the model back.
    pub(super) fn work(mut self) -> (Brain, Asked) {
        let mut running = None;
        loop {
            if let ControlFlow::Break(asked) = self.turn(&mut running) {
                self.end(&mut running, |_| Outcome::Cancelled);
                return (self.brain, asked);
            }
        }
    }

    /// Takes what commands there are, then makes one pass; waits when there is nothing to do.
    fn turn(&mut self, running: &mut Option<Running>) -> ControlFlow<Asked> {
        let waits = running.as_ref().is_none_or(Running::waits);
        // Before the commands are looked for: one that comes later stops the judging.
        let counted = self.interrupt.counted();
        if waits && self.judging.is_none() {
            // No more commands can come once the handle is gone.
            let Ok(command) = self.commands.recv() else { return ControlFlow::Break(Asked::Over) };
            self.obey(command, running)?;
        }
        loop {
            match self.commands.try_recv() {
                Ok(command) => self.obey(command, running)?,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return ControlFlow::Break(Asked::Over),
            }
        }
        if let Some(question) = self.asked.take() {
            self.answer(question, running);
        }
        if let Some(mut current) = running.take_if(|running| !running.waits()) {
            if !current.job.is_weighing() {
                current.allowed = current.allowed.saturating_sub(1);
            }
            *running = self.advance(current);
        } else if let Some(judging) = self.judging.take() {
            self.judging = self.judge(judging, counted);
            if let Some(running) = running {
                running.job.forget_rows();
            }
        }
        ControlFlow::Continue(())
    }

    /// Judges words for one pass; a command that comes meanwhile stops it, and the pass is made again later.
    fn judge(&mut self, mut judging: Judging, counted: u64) -> Option<Judging> {
        let started = Instant::now();
        let interrupt = self.interrupt.clone();
        let stop = move || interrupt.counted() != counted;
        let step = self.guarded(|worker| {
            let model = &mut worker.brain.model;
            let judge = if let Some(judge) = &mut judging.judge {
                judge
            } else {
                let ScoreRequest { text, bytes, .. } = &judging.request;
                judging.judge.insert(Judge::new(model, text, bytes.clone(), Care::FULL).map_err(DenoiseError::Failed)?)
            };
            let before = judge.passes_left();
            judge.advance(model, &stop)?;
            judging.passes += before - judge.passes_left();
            Ok(if judge.passes_left() == 0 { Some(judge.words()) } else { None })
        });
        judging.seconds += started.elapsed().as_secs_f64();
        let id = judging.request.id;
        match step {
            Ok(None) | Err(DenoiseError::Cancelled) => return Some(judging),
            Ok(Some(words)) => {
                let Judging { passes, seconds, .. } = judging;
                (self.tell)(Event::Scored(Scored { id, words, passes, seconds }));
            }
            Err(DenoiseError::Failed(why)) => (self.tell)(Event::NotScored { id, why }),
        }
        None
    }

    fn obey(&mut self, command: Command, running: &mut Option<Running>) -> ControlFlow<Asked> {
        match command {
            Command::Load(name) => return ControlFlow::Break(Asked::Load(name)),
            Command::Unload => return ControlFlow::Break(Asked::Unload),
            Command::ListModels => (self.tell)(Event::Models(load::entries())),
            Command::Score(request) => {
                self.judging = Some(Judging { request, judge: None, passes: 0, seconds: 0.0 });
            }
            Command::StopScoring => self.judging = None,
            about_a_job => self.steer(about_a_job, running),
        }
        ControlFlow::Continue(())
    }

    fn steer(&mut self, command: Command, running: &mut Option<Running>) {
        let concerned = |running: &Option<Running>, job: JobId| running.as_ref().is_some_and(|it| it.id == job);
        match command {
            Command::Start(request) => {
                self.end(running, |_| Outcome::Cancelled);
                let job = self.guarded(|worker| worker.brain.job(&request));
                *running = self.started(request.job, job);
            }
            Command::Branch(request) => {
                self.end(running, |_| Outcome::Cancelled);
                let job = match self.history.trail(request.from) {
                    Some(trail) => self.guarded(|worker| worker.brain.branch(&request, &trail)),
                    None => Err(DenoiseError::Failed(FORGOTTEN.into())),
                };
                *running = self.started(request.job, job);
            }
            Command::Steer { job, acts } if concerned(running, job) => {
                let Some(current) = running.as_mut() else { return };
                let steered = self.guarded(|worker| Ok(worker.brain.steer(&mut current.job, &acts)));
                match steered {
                    Ok(Ok(())) => self.show(current),
                    Ok(Err(why)) => (self.tell)(Event::Refused { job, why }),
                    Err(error) => {
                        *running = None;
                        self.ended(job, failure(error));
                    }
                }
            }
            Command::Ask(question) => self.asked = Some(question),
            Command::Rebase { job, parts } if concerned(running, job) => {
                let Some(mut current) = running.take() else { return };
                match self.guarded(|worker| worker.brain.rebase(&mut current.job, &parts)) {
                    Ok(()) => {
                        self.show(&current);
                        *running = Some(current);
                    }
                    Err(error) => self.ended(job, failure(error)),
                }
            }
            Command::Pause(job) | Command::Step(job) | Command::Resume(job) if concerned(running, job) => {
                let Some(current) = running.as_mut() else { return };
                current.paused = !matches!(command, Command::Resume(_));
                current.allowed += usize::from(matches!(command, Command::Step(_)));
                let frame = current.job.frame(&self.brain.model, current.paused);
                (self.tell)(Event::Frame(Arc::new(frame)));
            }
            Command::Keep(job) if concerned(running, job) => {
                let Some(mut current) = running.take() else { return };
                let stop = self.interrupted(current.id);
                let kept = self.guarded(|worker| worker.brain.keep(&mut current.job, &stop));
                let outcome = match kept {
                    Ok(()) => Outcome::Kept(Arc::new(current.job.frame(&self.brain.model, false))),
                    Err(error) => failure(error),
                };
                self.over(current, outcome);
            }
            Command::Cancel(job) if concerned(running, job) => self.end(running, |_| Outcome::Cancelled),
            // Commands for a job that has ended meanwhile.
            _ => {}
        }
    }

    /// Whether this job is to end at once.
    fn interrupted(&self, id: JobId) -> impl Fn() -> bool + use<> {
        let interrupt = self.interrupt.clone();
        move || interrupt.concerns(id)
    }

    fn advance(&mut self, mut current: Running) -> Option<Running> {
        let stop = self.interrupted(current.id);
        match self.guarded(|worker| worker.brain.advance(&mut current.job, &stop)) {
            Ok(Turn::More) => {
                self.show(&current);
                Some(current)
            }
            Ok(Turn::Done) => {
                let frame = Arc::new(current.job.frame(&self.brain.model, false));
                self.over(current, Outcome::Finished(frame));
                None
            }
            Err(error) => {
                self.over(current, failure(error));
                None
            }
        }
    }

    fn started(&mut self, id: JobId, job: Result<Job, DenoiseError>) -> Option<Running> {
        match job {
            Ok(job) => {
                let started = Running { id, job, paused: false, allowed: 0 };
                self.show(&started);
                Some(started)
            }
            Err(error) => {
                self.ended(id, failure(error));
                None
            }
        }
    }

    /// Answers a question about a cell, unless something is asked to stop meanwhile, or nothing is known of it.
    fn answer(&mut self, question: Question, running: &mut Option<Running>) {
        let (interrupt, level) = (self.interrupt.clone(), self.interrupt.level());
        let stop = move || interrupt.level() != level;
        let own = running.as_ref().filter(|running| running.id == question.job);
        let kept = self.history.trail(question.job);
        let trail = match (&own, &kept) {
            (Some(own), _) => own.job.trail(),
            (None, Some(kept)) => kept,
            (None, None) => return,
        };
        let judged = self.guarded(|worker| worker.brain.judge(question, trail, &stop));
        if let Some(running) = running {
            running.job.forget_rows();
        }
        if let Ok(Some(judgement)) = judged {
            (self.tell)(Event::Judged(judgement));
        }
    }

    /// Runs a piece of work behind a wall: a panic in the model is a failed job.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, DenoiseError>) -> Result<T, DenoiseError> {
        catch_unwind(AssertUnwindSafe(|| work(self))).unwrap_or_else(|panic| {
            let why = panic_message(panic.as_ref());
            Err(DenoiseError::Failed(format!(
                "the model stopped with a defect of its own ({why}); your text is untouched"
            )))
        })
    }

    fn show(&mut self, running: &Running) {
        let frame = running.job.frame(&self.brain.model, running.waits());
        (self.tell)(Event::Frame(Arc::new(frame)));
    }

    fn end(&mut self, running: &mut Option<Running>, outcome: impl FnOnce(&Running) -> Outcome) {
        if let Some(ended) = running.take() {
            let outcome = outcome(&ended);
            self.over(ended, outcome);
        }
    }

    /// A job is over; others may go on from its steps.
    fn over(&mut self, job: Running, outcome: Outcome) {
        self.ended(job.id, outcome);
        self.history.keep(job.id, job.job.into_trail());
    }

    fn ended(&mut self, job: JobId, outcome: Outcome) {
        (self.tell)(Event::Ended { job, outcome });
    }
}

fn failure(error: DenoiseError) -> Outcome {
    match error {
        DenoiseError::Cancelled => Outcome::Cancelled,
        DenoiseError::Failed(message) => Outcome::Failed(message),
    }
}

/// What a panic said.
pub(super) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no reason given".into())
}
