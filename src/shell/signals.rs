//! The signals that concern an editor, as one stream.

use std::io;

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
use tokio::signal::unix::{self, SignalKind};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// End, saving nothing but the recovery file; with the signal's number.
    End(i32),
    /// Stop until told to go on.
    Suspend,
    /// We were stopped and go on: the terminal may be in any state.
    Continued,
    /// The terminal has another size.
    Resized,
}

/// The signals being listened for.
pub(crate) struct Signals {
    terminate: unix::Signal,
    hang_up: unix::Signal,
    interrupt: unix::Signal,
    suspend: unix::Signal,
    go_on: unix::Signal,
    resize: unix::Signal,
}

impl Signals {
    /// Starts listening; from then on these signals do nothing by themselves. Needs the runtime's context.
    pub(crate) fn listen() -> io::Result<Self> {
        let listen = |number| unix::signal(SignalKind::from_raw(number));
        Ok(Self {
            terminate: listen(SIGTERM)?,
            hang_up: listen(SIGHUP)?,
            interrupt: listen(SIGINT)?,
            suspend: listen(SIGTSTP)?,
            go_on: listen(SIGCONT)?,
            resize: listen(SIGWINCH)?,
        })
    }

    /// The next signal. SIGINT is none: ctrl-c copies, and a stray one must not cost any text.
    pub(crate) async fn next(&mut self) -> Signal {
        loop {
            tokio::select! {
                Some(()) = self.terminate.recv() => return Signal::End(SIGTERM),
                Some(()) = self.hang_up.recv() => return Signal::End(SIGHUP),
                Some(()) = self.suspend.recv() => return Signal::Suspend,
                Some(()) = self.go_on.recv() => return Signal::Continued,
                Some(()) = self.resize.recv() => return Signal::Resized,
                Some(()) = self.interrupt.recv() => {}
                else => return std::future::pending().await,
            }
        }
    }
}
