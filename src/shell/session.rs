//! The event loop: waits for whatever comes first, takes in everything that is queued, then draws once.
//!
//! A key, a click and the answer to a wish are drawn at once. The engine's frames come faster than eyes are and wait for
//! the next of [`FRAME`]; all of them reach `app` in order. Without a deadline the loop sleeps until something happens.

mod effects;
mod files;

use std::io;
use std::time::{Duration, Instant};

use crossterm::event::Event as TerminalEvent;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use crate::app::App;
use crate::app::message::{Message, Opened};
use crate::app::settings::Settings;
use crate::engine::protocol::Event;
use crate::shell::EngineLink;
use crate::shell::clipboard::Clipboard;
use crate::shell::disk::Disk;
use crate::shell::highlight::Highlighter;
use crate::shell::input::{Keys, Report, Translator};
use crate::shell::signals::{Signal, Signals};
use crate::shell::terminal::Terminal;
use crate::shell::theme::is_set;
use crate::ui;
use crate::ui::theme::Theme;

/// The least time between two frames that only the engine asks for.
const FRAME: Duration = Duration::from_millis(16);

/// Many terminals do not tell who has the keyboard: whoever presses no key for so long is taken to have been away.
const COMPARED_AGAIN: Duration = Duration::from_secs(2);

/// Time between two ticks, while there are any.
const TICK: Duration = Duration::from_millis(300);

/// After so long the screen is drawn although more is queued.
const PATIENCE: Duration = Duration::from_millis(16);

/// What a wish was answered with.
#[derive(Debug)]
pub(crate) enum Reply {
    /// A message for `app`.
    Message(Message),
    /// Several that belong together: no key comes between them.
    Messages(Vec<Message>),
    /// The system's clipboard could not take this text: the terminal is to take it.
    CopyThroughTerminal(String),
}

/// How the loop ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The user quit.
    Quit,
    /// A signal told us to.
    Signal(i32),
    /// The terminal cannot be read or written any more.
    TerminalLost(io::Error),
}

/// The ends of everything outside.
pub(crate) struct Parts {
    pub(crate) terminal: Terminal,
    pub(crate) theme: Theme,
    pub(crate) disk: Disk,
    pub(crate) highlighter: Highlighter,
    pub(crate) signals: Signals,
    pub(crate) keys: Keys,
    pub(crate) replies: UnboundedSender<Reply>,
    pub(crate) from_outside: UnboundedReceiver<Reply>,
}

/// The program while it runs.
pub(crate) struct Session {
    app: App,
    theme: Theme,
    terminal: Terminal,
    disk: Disk,
    highlighter: Highlighter,
    signals: Signals,
    keys: Keys,
    from_outside: UnboundedReceiver<Reply>,
    replies: UnboundedSender<Reply>,
    clipboard: Clipboard,
    translator: Translator,
    engine: Option<EngineLink>,
    picture: Picture,
    started: Instant,
    compared: Instant,
    drawn: Instant,
    ticked: Option<Instant>,
    ending: Option<Ending>,
}

/// Whether the screen shows the state of things, and how soon it must.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Picture {
    /// It does.
    Current,
    /// It does not; the next frame is soon enough.
    Stale,
    /// It does not, and the user waits for it.
    Wanted,
}

/// What ended a wait.
enum Woken {
    Terminal(Option<io::Result<Report>>),
    Reply(Reply),
    Engine(Option<Event>),
    Signal(Signal),
    Deadline,
}

impl Session {
    pub(crate) fn new(settings: Settings, parts: Parts) -> Self {
        Self {
            app: App::new(settings),
            theme: parts.theme,
            terminal: parts.terminal,
            disk: parts.disk,
            highlighter: parts.highlighter,
            signals: parts.signals,
            keys: parts.keys,
            from_outside: parts.from_outside,
            replies: parts.replies.clone(),
            clipboard: Clipboard::new(is_set, parts.replies),
            translator: Translator::default(),
            engine: None,
            picture: Picture::Wanted,
            started: Instant::now(),
            compared: Instant::now(),
            drawn: Instant::now(),
            ticked: None,
            ending: None,
        }
    }

    /// Puts the first document on the screen.
    pub(crate) fn begin(&mut self, opened: Opened) {
        self.measure();
        self.update(Message::Opened(Ok(opened)));
    }

    /// The loop. The engine is started when the first frame is on the screen.
    pub(crate) async fn run(&mut self, connect: Box<dyn FnOnce() -> EngineLink>) -> Ending {
        self.draw();
        self.engine = Some(connect());
        loop {
            if let Some(ending) = self.ending.take() {
                return ending;
            }
            let woken = self.wait().await;
            self.take(woken);
            self.take_queued();
            let due = match self.picture {
                Picture::Current => false,
                Picture::Stale => self.drawn.elapsed() >= FRAME,
                Picture::Wanted => true,
            };
            if due && self.ending.is_none() {
                self.draw();
            }
        }
    }

    async fn wait(&mut self) -> Woken {
        let deadline = self.deadline();
        let Self { keys, from_outside, signals, engine, .. } = self;
        let engine = async {
            match engine {
                Some(link) => link.events.recv().await,
                None => std::future::pending().await,
            }
        };
        let sleep = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            event = keys.recv() => Woken::Terminal(event),
            signal = signals.next() => Woken::Signal(signal),
            Some(reply) = from_outside.recv() => Woken::Reply(reply),
            event = engine => Woken::Engine(event),
            () = sleep => Woken::Deadline,
        }
    }

    /// When to wake up although nothing happens.
    fn deadline(&mut self) -> Option<Instant> {
        let tick = if self.app.wants_ticks() {
            Some(*self.ticked.get_or_insert_with(Instant::now) + TICK)
        } else {
            self.ticked = None;
            None
        };
        let frame = (self.picture == Picture::Stale).then(|| self.drawn + FRAME);
        let wished = self.app.wakes_at().map(|at| self.started + at);
        [tick, frame, wished].into_iter().flatten().min()
    }

    fn take(&mut self, woken: Woken) {
        match woken {
            Woken::Terminal(Some(Ok(Report::Event(event)))) => self.take_terminal_event(event),
            Woken::Terminal(Some(Ok(Report::CanTellKeysApart))) => {
                let asked = self.terminal.tell_keys_apart();
                self.note(asked);
            }
            Woken::Terminal(Some(Err(error))) => self.ending = Some(Ending::TerminalLost(error)),
            Woken::Terminal(None) => self.ending = Some(Ending::TerminalLost(io::ErrorKind::UnexpectedEof.into())),
            Woken::Reply(Reply::Message(message)) => self.update(message),
            Woken::Reply(Reply::Messages(messages)) => {
                for message in messages {
                    self.update(message);
                }
            }
            Woken::Reply(Reply::CopyThroughTerminal(text)) => {
                self.note(Terminal::write(&self.clipboard.sequence(&text)));
            }
            Woken::Engine(event) => self.take_engine_event(event),
            Woken::Signal(signal) => self.take_signal(signal),
            Woken::Deadline => self.take_deadline(),
        }
    }

    /// Takes in what is there already, without waiting.
    fn take_queued(&mut self) {
        let began = Instant::now();
        while self.ending.is_none() && began.elapsed() < PATIENCE {
            let queued = if let Ok(event) = self.keys.try_recv() {
                Woken::Terminal(Some(event))
            } else if let Ok(reply) = self.from_outside.try_recv() {
                Woken::Reply(reply)
            } else if let Some(event) = self.engine.as_mut().and_then(|link| link.events.try_recv().ok()) {
                Woken::Engine(Some(event))
            } else {
                return;
            };
            self.take(queued);
        }
    }

    fn take_terminal_event(&mut self, event: TerminalEvent) {
        if event == TerminalEvent::FocusGained || self.compared.elapsed() >= COMPARED_AGAIN {
            self.compare_with_disk();
        }
        if let Some(message) = self.translator.message(event, self.started.elapsed()) {
            self.update(message);
        }
    }

    fn take_engine_event(&mut self, event: Option<Event>) {
        let event = event.unwrap_or_else(|| {
            self.engine = None;
            Event::Unavailable("The model's thread has ended; start the editor again to use it.".to_owned())
        });
        let waits = matches!(event, Event::Frame(_));
        let before = self.picture;
        self.update(Message::Engine(event));
        if waits && self.ending.is_none() {
            self.picture = before.max(Picture::Stale);
        }
    }

    fn take_signal(&mut self, signal: Signal) {
        match signal {
            Signal::End(number) => self.ending = Some(Ending::Signal(number)),
            Signal::Suspend => self.suspend(),
            Signal::Continued => {
                let entered = self.terminal.enter_again();
                self.came_back(entered);
            }
            Signal::Resized => self.measure(),
        }
    }

    fn take_deadline(&mut self) {
        let ticks = self.ticked.is_some_and(|at| at.elapsed() >= TICK);
        if ticks {
            self.ticked = Some(Instant::now());
        }
        if ticks || self.app.wakes_at().is_some_and(|at| self.started.elapsed() >= at) {
            self.update(Message::Tick);
        }
    }

    /// Gives `app` a message and carries out what it wishes.
    pub(crate) fn update(&mut self, message: Message) {
        self.picture = Picture::Wanted;
        for effect in self.app.update(self.started.elapsed(), message) {
            self.carry_out(effect);
        }
    }

    fn suspend(&mut self) {
        let stopped = self.terminal.suspend();
        self.came_back(stopped);
    }

    fn came_back(&mut self, entered: io::Result<()>) {
        self.note(entered);
        self.compare_with_disk();
        self.measure();
    }

    /// Tells `app` the size of the terminal.
    fn measure(&mut self) {
        match self.terminal.size() {
            Ok((width, height)) => self.update(Message::Resize { width, height }),
            Err(error) => self.ending = Some(Ending::TerminalLost(error)),
        }
    }

    fn draw(&mut self) {
        let Self { app, theme, terminal, .. } = self;
        let drawn = terminal.draw(|frame| ui::draw(app, theme, frame));
        self.note(drawn);
        self.drawn = Instant::now();
        self.picture = Picture::Current;
    }

    /// A terminal that cannot be written ends the loop.
    fn note(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.ending = Some(Ending::TerminalLost(error));
        }
    }
}
