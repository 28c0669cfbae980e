//! One owner of the model on a thread of its own: commands in, events out.
//!
//! [`protocol`] is all that the rest of the program sees; [`Engine`] starts the thread, and dropping it ends the thread.
//! Inside, `worker` is the loop, [`job`] the state machine of one request, `prompt` how a document becomes a canvas and
//! `spell` how tokens become text again. [`brain::Brain::run`] does the same without a thread, for the command line.
//!
//! **Invariants.** The caller never waits: sending a command returns at once, and a cancel is seen within one layer of
//! the network. A failed load, a failed job and a panic in the model are each one event with one sentence. No candle
//! type is named here, nothing is printed, and the document is never written to: frames are pictures.

pub mod bench;
pub mod brain;
mod calibrate;
pub mod catalog;
pub mod eval;
pub mod job;
mod lengths;
pub(crate) mod prompt;
pub mod protocol;
pub mod score;
pub(crate) mod spell;
mod worker;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use crate::diffusion::{DenoiseError, Denoiser, Pass};
use crate::model::{Checkpoint, LoadOptions};
use brain::Brain;
use protocol::{Command, Event, JobId};
use worker::{Interrupt, Worker, panic_message};

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
    loaded: Arc<AtomicBool>,
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
        let loaded = Arc::new(AtomicBool::new(false));
        let thread = std::thread::Builder::new().name("lacuna-engine".into()).spawn({
            let (interrupt, loaded) = (interrupt.clone(), loaded.clone());
            move || run(options, inbox, interrupt, &loaded, Box::new(tell))
        })?;
        Ok(Self { commands: Some(commands), interrupt, thread: Some(thread), loaded })
    }

    /// Hands a command over and returns at once. Commands sent before the model is loaded wait for it.
    pub fn send(&self, command: Command) {
        match &command {
            Command::Start(request) => {
                if let Some(before) = request.job.0.checked_sub(1) {
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
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.interrupt.raise(JobId(u64::MAX - 1));
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // Reading a model cannot be interrupted, and closing the program must not wait for it.
            if self.loaded.load(Ordering::Acquire) {
                // A panic there has been told as an event.
                let _ = thread.join();
            }
        }
    }
}

fn run(
    options: EngineOptions,
    commands: Receiver<Command>,
    interrupt: Arc<Interrupt>,
    done_loading: &AtomicBool,
    mut tell: Box<dyn FnMut(Event)>,
) {
    tell(Event::Loading { model: options.name.clone() });
    let loaded = catch_unwind(AssertUnwindSafe(|| load(&options)));
    let loaded = loaded.unwrap_or_else(|panic| {
        let why = panic_message(panic.as_ref());
        Err(format!("loading {} stopped with a defect ({why}); choose another with --model", options.name))
    });
    done_loading.store(true, Ordering::Release);
    match loaded {
        Ok(brain) => {
            tell(Event::Ready(brain.info()));
            Worker { brain, commands, interrupt, tell }.work();
        }
        Err(message) => {
            tell(Event::Unavailable(message.clone()));
            // Whoever starts a job all the same is told why it cannot be.
            for command in commands {
                if let Command::Start(request) = command {
                    let outcome = protocol::Outcome::Failed(message.clone());
                    tell(Event::Ended { job: request.job, outcome });
                }
            }
        }
    }
}

fn load(options: &EngineOptions) -> Result<Brain, String> {
    let path = options.path.clone()?;
    let sentence = |error: crate::model::ModelError| error.to_string();
    let checkpoint = Checkpoint::open(&path, &options.load.overrides).map_err(sentence)?;
    let mut brain = Brain::new(checkpoint.load(&options.name, &options.load).map_err(sentence)?).map_err(sentence)?;
    // The first pass packs the weights; better now than when the user waits for it.
    let mask = brain.model.vocabulary().mask();
    match brain.model.logits(&Pass::new(&[mask; 8], &[0]), &|| false) {
        Ok(_) => Ok(brain),
        Err(DenoiseError::Cancelled) => Err("loading was cancelled".into()),
        Err(DenoiseError::Failed(message)) => Err(message),
    }
}
