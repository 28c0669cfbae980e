//! The terminal: what is switched on, how a frame reaches it in one piece, and how it is surely switched off again.
//!
//! [`Terminal::leave`] undoes everything and may be called any number of times; dropping calls it, and so does the panic
//! hook before it lets the message out. A frame is collected in memory and written with one call inside a synchronized
//! update, so a panic while drawing writes nothing and a terminal never shows half a frame.

use std::cell::RefCell;
use std::io::{self, Write};
use std::panic;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crossterm::cursor::{Hide, Show};
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
    KeyboardEnhancementFlags, PopKeyboardEnhancementFlags, PushKeyboardEnhancementFlags,
};
use crossterm::style::{Attribute, Print, SetAttribute};
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
};
use crossterm::{queue, style, terminal};
use ratatui::Frame;
use ratatui::backend::CrosstermBackend;
use signal_hook::consts::SIGSTOP;

/// Mouse reports in SGR form. Crossterm's own command also asks for every motion without a button, which would wake us
/// whenever the mouse crosses the window; its command to switch the mouse off covers these.
const BUTTONS_AND_DRAGS: &str = "\x1b[?1000h\x1b[?1002h\x1b[?1006h";

/// Kitty's keyboard protocol: keys that are one to older terminals come as what they are, and a character with alt or control
/// comes as it is with shift, whatever the keyboard's layout.
const KEYS_APART: KeyboardEnhancementFlags =
    KeyboardEnhancementFlags::DISAMBIGUATE_ESCAPE_CODES.union(KeyboardEnhancementFlags::REPORT_ALTERNATE_KEYS);

type Collected = Rc<RefCell<Vec<u8>>>;

/// The terminal while it is ours.
pub(crate) struct Terminal {
    screen: ratatui::Terminal<CrosstermBackend<Collector>>,
    collected: Collected,
    held: Arc<Held>,
}

/// What of the terminal is ours, for whoever is to put it back.
#[derive(Debug, Default)]
struct Held {
    terminal: AtomicBool,
    /// Whether it tells, or is to tell once it is ours again, keys apart.
    keys_apart: AtomicBool,
}

/// Takes what a frame is made of; it is written by [`Terminal::draw`] only.
struct Collector(Collected);

impl Write for Collector {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Terminal {
    /// Takes the terminal: raw mode, alternate screen, mouse, bracketed paste, focus reports.
    pub(crate) fn enter() -> io::Result<Self> {
        // The theme alone decides about colours. Left to itself, crossterm writes empty colour codes under NO_COLOR, and
        // those reset bold and reverse, too.
        style::force_color_output(true);
        let held = Arc::new(Held::default());
        restore_on_panic(held.clone());
        let collected = Collected::default();
        match switch_on(&held).and_then(|()| new_screen(&collected)) {
            Ok(screen) => Ok(Self { screen, collected, held }),
            Err(error) => {
                switch_off(&held);
                Err(error)
            }
        }
    }

    /// Has a terminal that can do so tell keys apart, from now on and until it is put back.
    pub(crate) fn tell_keys_apart(&mut self) -> io::Result<()> {
        self.held.keys_apart.store(true, Ordering::SeqCst);
        let mut bytes = Vec::new();
        queue!(bytes, PushKeyboardEnhancementFlags(KEYS_APART))?;
        write_all(&bytes)
    }

    /// Columns and rows.
    pub(crate) fn size(&self) -> io::Result<(u16, u16)> {
        self.screen.size().map(|size| (size.width, size.height))
    }

    /// Draws a frame; only cells that changed are written.
    pub(crate) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.screen.draw(draw)?;
        let cells = std::mem::take(&mut *self.collected.borrow_mut());
        let mut bytes = Vec::with_capacity(cells.len() + 32);
        queue!(bytes, BeginSynchronizedUpdate)?;
        bytes.extend_from_slice(&cells);
        queue!(bytes, EndSynchronizedUpdate)?;
        write_all(&bytes)
    }

    /// Writes a control sequence between two frames.
    pub(crate) fn write(sequence: &str) -> io::Result<()> {
        write_all(sequence.as_bytes())
    }

    /// Gives the terminal back and stops the process; returns when it was told to go on and the terminal is ours again.
    pub(crate) fn suspend(&mut self) -> io::Result<()> {
        self.leave();
        // Not SIGTSTP: an orphaned process group would ignore that, and our own handler would take it.
        signal_hook::low_level::raise(SIGSTOP)?;
        self.enter_again()
    }

    /// Takes the terminal again after it was somebody else's; the next frame is drawn in full.
    pub(crate) fn enter_again(&mut self) -> io::Result<()> {
        // Raw mode is remembered by crossterm, so whoever reset it behind our back goes unnoticed unless it is left first.
        self.leave();
        switch_on(&self.held)?;
        self.collected.borrow_mut().clear();
        self.screen = new_screen(&self.collected)?;
        Ok(())
    }

    /// Puts the terminal back as it was found.
    pub(crate) fn leave(&mut self) {
        switch_off(&self.held);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.leave();
    }
}

/// A screen that believes the terminal to be empty, as it is after [`switch_on`].
fn new_screen(collected: &Collected) -> io::Result<ratatui::Terminal<CrosstermBackend<Collector>>> {
    ratatui::Terminal::new(CrosstermBackend::new(Collector(collected.clone())))
}

fn switch_on(held: &Held) -> io::Result<()> {
    terminal::enable_raw_mode()?;
    held.terminal.store(true, Ordering::SeqCst);
    let mut bytes = Vec::new();
    queue!(
        bytes,
        EnterAlternateScreen,
        Print(BUTTONS_AND_DRAGS),
        EnableBracketedPaste,
        EnableFocusChange,
        Hide,
        Clear(ClearType::All)
    )?;
    if held.keys_apart.load(Ordering::SeqCst) {
        queue!(bytes, PushKeyboardEnhancementFlags(KEYS_APART))?;
    }
    write_all(&bytes)
}

/// In the reverse order, and whatever fails: the rest may still work.
fn switch_off(held: &Held) {
    if !held.terminal.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut bytes = Vec::new();
    let queued = queue!(bytes, EndSynchronizedUpdate, SetAttribute(Attribute::Reset)).and_then(|()| {
        // The terminal remembers them for each of its two screens, so before the other one comes.
        if held.keys_apart.load(Ordering::SeqCst) {
            queue!(bytes, PopKeyboardEnhancementFlags)?;
        }
        queue!(bytes, DisableFocusChange, DisableBracketedPaste, DisableMouseCapture, LeaveAlternateScreen, Show)
    });
    debug_assert!(queued.is_ok(), "a vector takes everything");
    // A terminal that is gone needs no putting back.
    let _ = write_all(&bytes);
    let _ = terminal::disable_raw_mode();
}

/// Before a panic of this thread is reported, the terminal is put back. Other threads' panics end one job, which is
/// reported where that is: their messages would only be drawn across the screen.
fn restore_on_panic(held: Arc<Held>) {
    let ours = thread::current().id();
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if thread::current().id() == ours {
            switch_off(&held);
        }
        if !held.terminal.load(Ordering::SeqCst) {
            report(info);
        }
    }));
}

/// Writes everything, also to a terminal that some other program left in non-blocking mode.
fn write_all(mut bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(Duration::from_millis(1)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    flush(&mut out)
}

fn flush(out: &mut impl Write) -> io::Result<()> {
    loop {
        match out.flush() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(Duration::from_millis(1)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
