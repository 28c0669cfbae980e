//! What stands in the place of the engine while a recording is played: it obeys the same commands and tells the same
//! events, with the pictures of the recording at the times at which they were made.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::unbounded_channel;

use crate::app::recording::Recording;
use crate::engine::protocol::{
    Command, Event, Frame, HoleFrame, HoleId, JobId, ModelInfo, Outcome, Part, Phase, Request,
};
use crate::shell::EngineLink;

/// A picture stands at least so long, in seconds.
const SHORTEST: f64 = 0.03;

/// Starts it on a thread of its own.
pub(super) fn connect(recording: Recording, speed: f64) -> EngineLink {
    let (told, events) = unbounded_channel();
    let (commands, inbox) = channel();
    let failed = told.clone();
    // Nobody listens any more when the editor is closing.
    let tell = move |event| drop(told.send(event));
    let thread = std::thread::Builder::new().name("projector".into()).spawn(move || {
        let info = ModelInfo {
            name: recording.model.clone(),
            device: "recording".into(),
            no_instructions: Some("This is a recording; there is no model to follow instructions.".into()),
            ..ModelInfo::default()
        };
        tell(Event::Ready(info));
        Projector { recording, speed, tell: Box::new(tell), inbox, reel: None }.run();
    });
    if let Err(error) = thread {
        let why = format!("the system gives no thread to play on ({error}); close some programs and try again");
        let _ = failed.send(Event::Unavailable(why));
    }
    // A projector that has ended has said why before.
    EngineLink { send: Box::new(move |command| drop(commands.send(command))), events }
}

struct Projector {
    recording: Recording,
    speed: f64,
    tell: Box<dyn Fn(Event)>,
    inbox: Receiver<Command>,
    reel: Option<Reel>,
}

/// The run being played.
struct Reel {
    job: JobId,
    holes: Vec<HoleId>,
    next: usize,
    paused: bool,
    due: Instant,
}

impl Projector {
    fn run(mut self) {
        loop {
            let wait = self.reel.as_ref().filter(|reel| !reel.paused);
            let command = match wait {
                None => self.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(reel) => self.inbox.recv_timeout(reel.due.saturating_duration_since(Instant::now())),
            };
            match command {
                Ok(command) => self.obey(command),
                Err(RecvTimeoutError::Timeout) => self.show_next(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn obey(&mut self, command: Command) {
        let reel = |reel: &mut Option<Reel>, job: JobId| reel.take_if(|reel| reel.job == job);
        match command {
            Command::Start(request) => self.start(&request),
            Command::Pause(job) | Command::Resume(job) => {
                let pauses = matches!(command, Command::Pause(_));
                if let Some(reel) = self.reel.as_mut().filter(|reel| reel.job == job) {
                    (reel.paused, reel.due) = (pauses, Instant::now());
                    self.show(self.shown());
                }
            }
            Command::Step(job) => {
                if let Some(reel) = self.reel.as_mut().filter(|reel| reel.job == job) {
                    reel.paused = true;
                    self.show_next();
                }
            }
            Command::Keep(job) => {
                let shown = self.shown();
                if let Some(reel) = reel(&mut self.reel, job) {
                    let outcome = self.frame(&reel, shown).map_or(Outcome::Cancelled, Outcome::Kept);
                    (self.tell)(Event::Ended { job, outcome });
                }
            }
            Command::Cancel(job) => {
                if reel(&mut self.reel, job).is_some() {
                    (self.tell)(Event::Ended { job, outcome: Outcome::Cancelled });
                }
            }
            Command::Rebase { job, .. } => {
                if reel(&mut self.reel, job).is_some() {
                    let outcome = Outcome::Failed("a recording cannot go on with another text; run it again".into());
                    (self.tell)(Event::Ended { job, outcome });
                }
            }
            Command::Branch(branch) => {
                self.reel = None;
                let why = "a recording cannot go another way: there is no model behind it".to_owned();
                (self.tell)(Event::Ended { job: branch.job, outcome: Outcome::Failed(why) });
            }
            // What happened happened, and there is nobody to judge words.
            Command::Steer { .. } | Command::Ask(_) | Command::Score(_) | Command::StopScoring => {}
            Command::ListModels => (self.tell)(Event::Models(Vec::new())),
            Command::Load(_) | Command::Unload => (self.tell)(Event::NotLoaded {
                why: "this is a recording; start the editor without `replay` to use a model".into(),
                kept: None,
                before: None,
            }),
        }
    }

    fn start(&mut self, request: &Request) {
        let id = |part: &Part| if let Part::Hole(hole) = part { Some(hole.id) } else { None };
        let holes: Vec<HoleId> = request.parts.iter().filter_map(id).collect();
        if holes.len() == self.recording.holes.len() {
            let reel = Reel { job: request.job, holes, next: 0, paused: false, due: Instant::now() };
            self.reel = Some(reel);
            return;
        }
        let why = format!(
            "the recording has {} holes, this text {}; undo to them first",
            self.recording.holes.len(),
            holes.len()
        );
        (self.tell)(Event::Ended { job: request.job, outcome: Outcome::Failed(why) });
    }

    /// The place of the picture on the screen.
    fn shown(&self) -> usize {
        self.reel.as_ref().map_or(0, |reel| reel.next.saturating_sub(1))
    }

    fn show(&self, place: usize) {
        if let Some(frame) = self.reel.as_ref().and_then(|reel| self.frame(reel, place)) {
            (self.tell)(Event::Frame(frame));
        }
    }

    fn show_next(&mut self) {
        let Some(reel) = &mut self.reel else { return };
        let frames = &self.recording.frames;
        let seconds = |place: usize| frames.get(place).map(|frame| frame.seconds);
        let Some(now) = seconds(reel.next) else {
            let (job, last) = (reel.job, reel.next.saturating_sub(1));
            let frame = self.reel.take().and_then(|reel| self.frame(&reel, last));
            (self.tell)(Event::Ended { job, outcome: frame.map_or(Outcome::Cancelled, Outcome::Finished) });
            return;
        };
        let until_next = seconds(reel.next + 1).map_or(0.0, |next| ((next - now) / self.speed).max(SHORTEST));
        reel.due = Instant::now() + Duration::from_secs_f64(until_next.min(3600.0));
        let place = reel.next;
        reel.next += 1;
        self.show(place);
    }

    /// A picture under the names that the holes have in this run.
    fn frame(&self, reel: &Reel, place: usize) -> Option<Arc<Frame>> {
        let frame = self.recording.frames.get(place)?;
        let holes = frame.holes.iter().zip(&reel.holes).map(|(hole, id)| HoleFrame { id: *id, ..hole.clone() });
        let phase = if reel.paused { Phase::Paused } else { frame.phase };
        Some(Arc::new(Frame { job: reel.job, phase, holes: holes.collect(), ..(**frame).clone() }))
    }
}
