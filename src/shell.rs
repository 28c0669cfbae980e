//! The outside world: the event loop, the terminal, files, recovery, the clipboard and signals.
//!
//! Read [`run`], then `session` (the loop: wait, take everything in, draw once) and `terminal` (what is switched on and how
//! it is surely switched off again). `disk` is the one thread that touches files, in order, so that neither a slow disk
//! nor a slow `fsync` delays a key. `input` reads keys on a thread of its own.
//!
//! Invariants:
//! - No decisions: everything the user can decide is `app`'s. What happens outside becomes a message, what `app` wishes is
//!   carried out in order.
//! - The terminal is as it was found after a return, a panic, SIGTERM, SIGHUP and while suspended; unsaved text is in a
//!   recovery file after all of them but a return.
//! - When nothing happens, nothing wakes up.
//!
//! Limits: Unix only. A document is held in memory as a whole.

mod clipboard;
pub mod config;
mod disk;
mod files;
pub mod film;
mod highlight;
mod input;
mod journal;
mod listing;
mod recovery;
pub mod remembered;
mod save;
mod session;
mod sidecar;
mod signals;
mod style;
mod terminal;
mod theme;

use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Read, Write};
use std::iter;
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context, anyhow, bail};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::app::message::{Message, Opened, Recovered};
use crate::app::notice::{Notice, Severity};
use crate::app::settings::Settings;
use crate::engine::config::state_file;
use crate::engine::protocol::{Command, Event};
use crate::shell::disk::{Disk, Habits, Kept};
use crate::shell::highlight::Highlighter;
use crate::shell::journal::{Journals, Past};
use crate::shell::recovery::Store;
use crate::shell::session::{Ending, Parts, Session};
use crate::shell::signals::Signals;
use crate::shell::terminal::Terminal;
use crate::text::holes::HoleLength;

/// A file named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileArg {
    /// Which file.
    pub path: PathBuf,
    /// Where to put the caret: line and column, 1-based.
    pub at: Option<(usize, usize)>,
}

impl FileArg {
    /// Reads `FILE`, `FILE:LINE` or `FILE:LINE:COL`. A file whose name ends like that wins.
    pub fn parse(text: &str) -> Self {
        files::parse_argument(text)
    }
}

/// A document that is in no file: the built-in text, or standard input.
#[derive(Debug, Clone, Default)]
pub struct InitialDocument {
    /// What a text of the program's own is called.
    pub title: Option<&'static str>,
    /// Its text.
    pub text: String,
    /// Its holes, in characters.
    pub holes: Vec<(Range<usize>, HoleLength)>,
    /// Where saving puts it without asking; usually nowhere.
    pub name: Option<PathBuf>,
    /// Where it comes from.
    pub source: Source,
}

/// Where a document that is in no file comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Source {
    /// From the program itself: unsaved text of an earlier session may take its place.
    #[default]
    BuiltIn,
    /// From the user, who wants to see this and nothing else.
    Input,
}

/// How the loop and the engine's thread talk. Plain functions and values, so that this floor needs no network.
pub struct EngineLink {
    /// Gives the engine a command; does not wait.
    pub send: Box<dyn Fn(Command) + Send>,
    /// What the engine tells.
    pub events: UnboundedReceiver<Event>,
}

/// Everything the editor starts from.
pub struct Start {
    /// The settings, with a seed.
    pub settings: Settings,
    /// Files to open; the first is shown.
    pub files: Vec<FileArg>,
    /// What there is to say at the start.
    pub notice: Option<String>,
    /// What is shown when there is no file.
    pub document: Option<InitialDocument>,
    /// Whether the holes are to be filled at once.
    pub runs: bool,
    /// Starts the engine; called once the first frame is drawn.
    pub connect: Box<dyn FnOnce() -> EngineLink>,
}

/// Fails with a sentence unless standard output is a terminal.
pub fn require_terminal() -> anyhow::Result<()> {
    if io::stdout().is_terminal() {
        return Ok(());
    }
    bail!("standard output is not a terminal; the editor needs one, `lacuna fill` works without")
}

/// Reads standard input to its end, as a document. Call [`require_terminal`] first: reading may take long.
pub fn read_standard_input() -> anyhow::Result<InitialDocument> {
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
    let (text, _) = files::decode(bytes).map_err(|why| anyhow!("standard input {why}"))?;
    Ok(InitialDocument { text, source: Source::Input, ..InitialDocument::default() })
}

/// Runs the editor until the user quits. An error is one sentence, and the terminal is as it was.
pub fn run(start: Start) -> anyhow::Result<()> {
    require_terminal()?;
    let mut files = start.files;
    let mut seen = BTreeSet::new();
    // A file that is named twice is open once.
    files.retain(|file| seen.insert(recovery::absolute(&file.path)));
    let First { opened, source } = first_document(&mut files, start.document.unwrap_or_default())?;
    let store = Store::of_user();
    let mut store = if start.settings.keep_unsaved { store } else { store.keeping_nothing() };
    let mut journals = Journals::at(state_file("undo").filter(|_| start.settings.keep_undo));
    let past = opened.path.as_deref().and_then(|path| journals.open(path, &opened.text));
    let path = opened.path.clone();
    if let Some(path) = path.as_deref().filter(|_| opened.stamp.is_some() && start.settings.keep_recent) {
        remembered::remember_file(path);
    }
    let known = path.clone().filter(|_| opened.stamp.is_some() && start.settings.sidecar);
    let sources = known.and_then(|path| Some((sidecar::read(&path)?, path)));
    let unsaved = past.as_ref().and_then(|past| past.unsaved.clone());
    // Of documents in no file there can be several.
    let most = match source {
        Source::BuiltIn if opened.path.is_none() => usize::MAX,
        Source::BuiltIn => 1,
        Source::Input => 0,
    };
    let find = || store.find(opened.path.as_deref(), &opened.text, SystemTime::now());
    let mut recovered: Vec<Recovered> = iter::from_fn(find).take(most).collect();
    if recovered.is_empty() {
        // A recovery file is newer than the journal, or as new.
        recovered.extend(unsaved.map(Recovered::of_journal));
    }

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the event loop; too many files may be open")?;
    let context = runtime.enter();
    let signals = Signals::listen().context("cannot listen for signals")?;
    let (replies, from_outside) = mpsc::unbounded_channel();
    let habits = Habits { keeps_recent: start.settings.keep_recent, reads_sidecars: start.settings.sidecar };
    let disk =
        Disk::start(store, journals, habits, replies.clone()).context("cannot start the thread that saves files")?;
    let highlighter = Highlighter::start(replies.clone()).context("cannot start the thread that knows languages")?;
    let theme = theme::of_terminal(&start.settings);
    let terminal =
        Terminal::enter().map_err(|e| anyhow!("there is no terminal to draw on and to read keys from ({e})"))?;
    let keys = input::read_keys().context("cannot start the thread that reads keys")?;

    let mut session = Session::new(
        start.settings,
        Parts { terminal, theme, disk, highlighter, signals, keys, replies, from_outside },
    );
    let connect = start.connect;
    let ended = panic::catch_unwind(AssertUnwindSafe(|| {
        session.begin(opened);
        if let Some((found, path)) = sources {
            session.update(Message::SourcesFound { path, found });
        }
        if let Some((Past { steps, at, .. }, path)) = past.zip(path.clone()) {
            session.update(Message::HistoryFound { path, steps, at });
        }
        for file in &files {
            session.open(file);
        }
        for found in recovered {
            session.update(Message::RecoveryFound { path: path.clone(), found });
        }
        if start.runs {
            session.update(Message::Run);
        }
        let warning = start.notice.map(|text| Notice::new(Severity::Warning, text));
        if let Some(notice) = warning {
            session.update(Message::Notice(notice));
        }
        runtime.block_on(session.run(connect))
    }));
    drop(context);
    finish(session, ended)
}

/// Leaves nothing behind: text in the recovery file unless the user quit, the terminal as it was, files written.
fn finish(mut session: Session, ended: std::thread::Result<Ending>) -> anyhow::Result<()> {
    let has_quit = matches!(ended, Ok(Ending::Quit));
    if !has_quit {
        session.keep_unsaved();
    }
    let kept = session.close();
    if !has_quit {
        tell_what_is_kept(&kept);
    }
    match ended {
        Ok(Ending::Quit) => Ok(()),
        Ok(Ending::Signal(signal)) => {
            // Whoever waits for us is to see that a signal ended us.
            signal_hook::low_level::emulate_default_handler(signal).context("ended by a signal")
        }
        Ok(Ending::TerminalLost(error)) => Err(anyhow!("the terminal is gone ({error})")),
        Err(panic) => panic::resume_unwind(panic),
    }
}

/// What to begin with.
struct First {
    opened: Opened,
    source: Source,
}

/// What is shown first: the user's input where there is some, else the first of the files, which is then taken from them.
fn first_document(files: &mut Vec<FileArg>, document: InitialDocument) -> anyhow::Result<First> {
    if files.is_empty() || document.source == Source::Input {
        let InitialDocument { title, text, holes, name, source } = document;
        let opened = Opened { path: name, title, text: text.into(), holes, ..Opened::default() };
        return Ok(First { opened, source });
    }
    let first = files.remove(0);
    let opened = files::open(&first.path, first.at).map_err(|why| anyhow!(why))?;
    Ok(First { opened, source: Source::BuiltIn })
}

/// Says what became of text that is not saved. Nowhere to say it when standard error is gone, too.
fn tell_what_is_kept(kept: &Kept) {
    if kept.values().any(Result::is_ok) {
        let _ = writeln!(
            io::stderr(),
            "lacuna: the unsaved text is kept and will be offered when the file is opened again"
        );
    }
    if let Some(why) = kept.values().find_map(|kept| kept.as_ref().err()) {
        let _ = writeln!(io::stderr(), "lacuna: {why}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_through_a_pipe_is_shown_and_the_files_that_are_named_besides_are_opened_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        let named = || vec![FileArg { path: path.clone(), at: None }];
        let piped = InitialDocument { text: "piped".into(), source: Source::Input, ..InitialDocument::default() };
        let mut files = named();
        let first = first_document(&mut files, piped).unwrap();
        assert_eq!((first.opened.text, files), ("piped".into(), named()));
        let mut files = named();
        let first = first_document(&mut files, InitialDocument::default()).unwrap();
        assert_eq!((first.opened.path, files), (Some(path.clone()), Vec::new()));
    }
}
