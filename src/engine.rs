//! One owner of the model on a thread of its own: commands in, events out.
//!
//! [`protocol`] is all that the rest of the program sees; [`Engine`] starts the thread, and dropping it ends the thread. The
//! thread has a model or none, and can be told to take another.
//! Inside, `worker` is the loop, [`job`] the state machine of one request, `prompt` how a document becomes a canvas and
//! `spell` how tokens become text again. [`brain::Brain::run`] does the same without a thread, for the command line.
//!
//! **Invariants.** The caller never waits: sending a command returns at once, and a cancel is seen within one layer of
//! the network. A failed load, a failed job and a panic in the model are each one event with one sentence. No candle
//! type is named here, nothing is printed, and the document is never written to: frames are pictures.

pub mod bench;
mod boundary;
pub mod brain;
pub mod calibrate;
pub mod catalog;
pub(crate) mod chat;
pub mod check;
pub mod config;
pub mod eval;
pub mod hub;
pub mod job;
pub(crate) mod lengths;
mod load;
pub mod parse;
pub(crate) mod prompt;
pub mod protocol;
pub mod score;
mod selftest;
pub(crate) mod spell;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use crate::model::LoadOptions;
use brain::Brain;
use load::Loader;
use protocol::{Command, Event, JobId, Request};
use worker::{Asked, Interrupt, Worker};

/// What the engine is to load.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// What the model is called on the screen.
    pub name: String,
    /// Where it is, or the sentence that says why it is nowhere.
    pub path: Result<PathBuf, String>,
    /// How it is loaded.
    pub load: LoadOptions,
}

/// The handle: sends commands, and ends the thread when dropped.
pub struct Engine {
    commands: Option<Sender<Command>>,
    interrupt: Arc<Interrupt>,
    thread: Option<JoinHandle<()>>,
    state: Arc<State>,
}

/// What handle and thread know of each other.
#[derive(Debug, Default)]
struct State {
    /// A model is being read, which cannot be interrupted.
    loading: AtomicBool,
    /// The handle is gone: nothing more is to be loaded.
    closing: AtomicBool,
}

impl Engine {
    /// Starts the thread, which loads the model first. `tell` is called on that thread with every event and must not
    /// wait for anything.
    ///
    /// # Errors
    /// The operating system's reason when it gives no thread.
    pub fn start(options: EngineOptions, tell: impl FnMut(Event) + Send + 'static) -> std::io::Result<Self> {
        let (commands, inbox) = channel();
        let interrupt = Arc::new(Interrupt::default());
        let state = Arc::new(State::default());
        let thread = std::thread::Builder::new().name("lacuna-engine".into()).spawn({
            let (interrupt, state) = (interrupt.clone(), state.clone());
            let loader = Loader::new(options);
            move || Thread { loader, commands: inbox, interrupt, state, tell: Box::new(tell) }.run()
        })?;
        Ok(Self { commands: Some(commands), interrupt, thread: Some(thread), state })
    }

    /// Hands a command over and returns at once. Commands sent before the model is loaded wait for it.
    pub fn send(&self, command: Command) {
        match &command {
            Command::Start(Request { job, .. }) | Command::Branch(protocol::Branch { job, .. }) => {
                if let Some(before) = job.0.checked_sub(1) {
                    self.interrupt.raise(JobId(before));
                }
            }
            Command::Cancel(job) => self.interrupt.raise(*job),
            _ => {}
        }
        // A thread that has ended has said why before; there is nobody left to tell.
        if let Some(commands) = &self.commands {
            let _ = commands.send(command);
        }
        self.interrupt.count();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.interrupt.raise(JobId(u64::MAX - 1));
        self.state.closing.store(true, Ordering::SeqCst);
        self.commands = None;
        self.interrupt.count();
        if let Some(thread) = self.thread.take() {
            // Reading a model cannot be interrupted, and closing the program must not wait for it.
            if !self.state.loading.load(Ordering::SeqCst) {
                // A panic there has been told as an event.
                let _ = thread.join();
            }
        }
    }
}

/// What the thread works with, whatever model there is.
struct Thread {
    loader: Loader,
    commands: Receiver<Command>,
    interrupt: Arc<Interrupt>,
    state: Arc<State>,
    tell: Box<dyn FnMut(Event)>,
}

impl Thread {
    fn run(mut self) {
        let name = self.loader.first_name().to_owned();
        let mut brain = match self.loading(&name, |loader| loader.first()) {
            Some(Ok(brain)) => {
                (self.tell)(Event::Ready(brain.info()));
                Ok(brain)
            }
            Some(Err(why)) => {
                (self.tell)(Event::Unavailable(why.clone()));
                Err(why)
            }
            None => return,
        };
        loop {
            let (left, asked) = match brain {
                Ok(brain) => {
                    let (commands, interrupt) = (&self.commands, &self.interrupt);
                    let (history, asked, judging) = (job::trail::History::default(), None, None);
                    let worker = Worker { brain, commands, interrupt, tell: &mut self.tell, history, asked, judging };
                    let (brain, asked) = worker.work();
                    (Ok(brain), asked)
                }
                Err(why) => {
                    let asked = self.without_model(&why);
                    (Err(why), asked)
                }
            };
            brain = match asked {
                Asked::Over => return,
                Asked::Unload => self.unload(left),
                Asked::Load(name) => match self.switch(left, &name) {
                    Some(brain) => brain,
                    None => return,
                },
            };
        }
    }

    /// Loads behind a flag, so that closing the program does not wait for it; nothing when it is closing already.
    fn loading<T>(&mut self, name: &str, load: impl FnOnce(&Loader) -> T) -> Option<T> {
        self.state.loading.store(true, Ordering::SeqCst);
        if self.state.closing.load(Ordering::SeqCst) {
            return None;
        }
        (self.tell)(Event::Loading { model: name.to_owned() });
        let loaded = load(&self.loader);
        self.state.loading.store(false, Ordering::SeqCst);
        Some(loaded)
    }

    /// Waits for a model to be asked for. Whoever starts a job all the same is told why it cannot be.
    fn without_model(&mut self, why: &str) -> Asked {
        for command in &self.commands {
            match command {
                Command::Start(Request { job, .. }) | Command::Branch(protocol::Branch { job, .. }) => {
                    let outcome = protocol::Outcome::Failed(why.to_owned());
                    (self.tell)(Event::Ended { job, outcome });
                }
                Command::ListModels => (self.tell)(Event::Models(load::entries())),
                Command::Score(request) => {
                    (self.tell)(Event::NotScored { id: request.id, why: why.to_owned() });
                }
                Command::Load(name) => return Asked::Load(name),
                _ => {}
            }
        }
        Asked::Over
    }

    fn unload(&mut self, brain: Result<Brain, String>) -> Result<Brain, String> {
        let brain = brain?;
        let model = brain.info().name;
        drop(brain);
        (self.tell)(Event::Unloaded { model: model.clone() });
        Err(format!("{model} was unloaded; choose a model first"))
    }

    /// Takes another model. The one before stays until the new one is there, unless memory is short.
    fn switch(&mut self, brain: Result<Brain, String>, name: &str) -> Option<Result<Brain, String>> {
        let mut brain = brain.ok();
        let before = brain.as_ref().map(|brain| brain.info().name);
        if !load::has_room_for(name) {
            brain = None;
        }
        Some(match self.loading(name, |loader| loader.load(name))? {
            Ok(new) => {
                (self.tell)(Event::Ready(new.info()));
                Ok(new)
            }
            Err(why) => {
                let kept = brain.as_ref().map(Brain::info);
                (self.tell)(Event::NotLoaded { why: why.clone(), kept, before });
                brain.ok_or(why)
            }
        })
    }
}
