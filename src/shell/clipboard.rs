//! The clipboard: the system's own where there is a display, else the terminal's by the OSC 52 sequence.
//!
//! Over SSH it is always the terminal's: a forwarded display is not where the user looks. The system's clipboard may take
//! long to answer, so it is asked on a thread of its own, started at the first copy or paste; the loop writes OSC 52
//! itself, between two frames.

use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread;
use std::time::Duration;

use crossterm::Command;
use crossterm::clipboard::CopyToClipboard;
use tokio::sync::mpsc::UnboundedSender;

use crate::app::message::Message;
use crate::shell::session::Reply;

/// After so long a paste takes our own copy instead.
const PATIENCE: Duration = Duration::from_millis(400);

/// How long the end of the program waits for a clipboard manager to take over what we hold.
const FAREWELL: Duration = Duration::from_millis(300);

/// The way to a clipboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    System,
    Terminal,
}

/// Something asked of the system's clipboard.
enum Ask {
    Set(String),
    Get(SyncSender<Option<String>>),
}

/// The clipboard.
pub(crate) struct Clipboard {
    route: Route,
    in_tmux: bool,
    replies: UnboundedSender<Reply>,
    worker: Option<Worker>,
}

struct Worker {
    asks: Sender<Ask>,
    done: Receiver<()>,
}

impl Clipboard {
    /// `is_set` says whether an environment variable has a value.
    pub(crate) fn new(is_set: impl Fn(&str) -> bool, replies: UnboundedSender<Reply>) -> Self {
        Self { route: route(&is_set), in_tmux: is_set("TMUX"), replies, worker: None }
    }

    /// Puts a text into the clipboard. What is returned is to be written to the terminal by [`Clipboard::sequence`].
    pub(crate) fn set(&mut self, text: String) -> Option<String> {
        match self.route {
            Route::Terminal => Some(text),
            Route::System => match self.ask(Ask::Set(text)) {
                Err(Ask::Set(text)) => Some(text),
                _ => None,
            },
        }
    }

    /// Answers with [`Message::Clipboard`], soon.
    pub(crate) fn read(&mut self) {
        let (answer, text) = mpsc::sync_channel(1);
        let replies = self.replies.clone();
        let asked = self.route == Route::System && self.ask(Ask::Get(answer)).is_ok();
        let reply = move || {
            let text = if asked { text.recv_timeout(PATIENCE).ok().flatten() } else { None };
            // At the end of the program nobody listens any more.
            let _ = replies.send(Reply::Message(Message::Clipboard(text)));
        };
        if asked {
            thread::spawn(reply);
        } else {
            reply();
        }
    }

    fn ask(&mut self, ask: Ask) -> Result<(), Ask> {
        let worker = self.worker.get_or_insert_with(|| Worker::start(self.replies.clone()));
        worker.asks.send(ask).map_err(|unsent| unsent.0)
    }

    /// The control sequence that puts `text` into the terminal's clipboard.
    pub(crate) fn sequence(&self, text: &str) -> String {
        sequence(text, self.in_tmux)
    }

    /// Lets go of the system's clipboard.
    pub(crate) fn finish(&mut self) {
        if let Some(Worker { asks, done }) = self.worker.take() {
            drop(asks);
            let _ = done.recv_timeout(FAREWELL);
        }
    }
}

impl Worker {
    fn start(replies: UnboundedSender<Reply>) -> Self {
        let (asks, queue) = mpsc::channel();
        let (ended, done) = mpsc::channel();
        thread::spawn(move || {
            serve(&queue, &replies);
            let _ = ended.send(());
        });
        Self { asks, done }
    }
}

/// Serves the system's clipboard; it is opened when first needed and kept, because on X11 its owner must live.
fn serve(queue: &Receiver<Ask>, replies: &UnboundedSender<Reply>) {
    let mut system = None;
    while let Ok(ask) = queue.recv() {
        if system.is_none() {
            system = arboard::Clipboard::new().ok();
        }
        match ask {
            Ask::Set(text) => {
                let set = system.as_mut().is_some_and(|system| system.set_text(text.as_str()).is_ok());
                if !set {
                    let _ = replies.send(Reply::CopyThroughTerminal(text));
                }
            }
            Ask::Get(answer) => {
                // Nobody waits any more for an answer that came too late.
                let _ = answer.send(system.as_mut().and_then(|system| system.get_text().ok()));
            }
        }
    }
}

fn route(is_set: &impl Fn(&str) -> bool) -> Route {
    let is_remote = ["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"].into_iter().any(is_set);
    let has_display = cfg!(target_os = "macos") || is_set("WAYLAND_DISPLAY") || is_set("DISPLAY");
    if has_display && !is_remote { Route::System } else { Route::Terminal }
}

fn sequence(text: &str, in_tmux: bool) -> String {
    let mut plain = String::new();
    let written = CopyToClipboard::to_clipboard_from(text).write_ansi(&mut plain);
    debug_assert!(written.is_ok(), "a string takes everything");
    if !in_tmux {
        return plain;
    }
    // tmux either takes the sequence itself or lets a wrapped one through, as it is configured; what it does not, it drops.
    let wrapped = plain.replace('\x1b', "\x1b\x1b");
    format!("{plain}\x1bPtmux;{wrapped}\x1b\\")
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    #[test]
    fn remote_sessions_use_the_terminal() {
        let with = |set: &'static [&str]| route(&|name: &str| set.contains(&name));
        assert_eq!(with(&["DISPLAY", "SSH_CONNECTION"]), Route::Terminal);
        assert_eq!(with(&["WAYLAND_DISPLAY", "SSH_TTY"]), Route::Terminal);
        assert_eq!(with(&["DISPLAY"]), Route::System);
        assert_eq!(with(&["WAYLAND_DISPLAY"]), Route::System);
        let bare = if cfg!(target_os = "macos") { Route::System } else { Route::Terminal };
        assert_eq!(with(&[]), bare);
    }

    #[test]
    fn sequence_is_osc_52() {
        assert_eq!(sequence("hé", false), "\x1b]52;c;aMOp\x1b\\");
        assert_eq!(sequence("a", true), "\x1b]52;c;YQ==\x1b\\\x1bPtmux;\x1b\x1b]52;c;YQ==\x1b\x1b\\\x1b\\");
    }

    #[test]
    fn without_a_display_the_own_copy_is_pasted_at_once() {
        let (replies, mut answers) = unbounded_channel();
        let mut clipboard = Clipboard::new(|name| name == "SSH_TTY", replies);
        assert_eq!(clipboard.set("text".to_owned()).as_deref(), Some("text"));
        clipboard.read();
        assert!(matches!(answers.try_recv(), Ok(Reply::Message(Message::Clipboard(None)))));
    }
}
