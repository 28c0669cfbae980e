//! Everything that can happen to the program, as one closed enum of plain data: a session is a list of these.
//!
//! The shell translates the terminal, the engine and the disk into messages; [`super::App::update`] is the only reader.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use crate::app::highlight::Highlighted;
use crate::app::key::Key;
use crate::app::notice::Notice;
use crate::engine::protocol::Event;
use crate::text::buffer::{Buffer, LineEnding};
use crate::text::change::Edit;
use crate::text::encoding::Encoding;
use crate::text::history::Revision;
use crate::text::holes::HoleLength;

/// Something happened.
#[derive(Debug, Clone)]
pub enum Message {
    /// A key went down or repeats.
    Key(Key),
    /// Text was pasted by the terminal (bracketed paste).
    Paste(String),
    /// The mouse did something.
    Mouse(Mouse),
    /// The terminal has this many columns and rows.
    Resize {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// The engine reports.
    Engine(Event),
    /// The answer to [`super::Effect::Open`], and the first document. The error is a sentence for the user.
    Opened(Result<Opened, String>),
    /// The answer to [`super::Effect::Save`].
    Saved {
        /// [`crate::app::document::Document::id`] of what was to be saved.
        document: u64,
        /// How it went.
        result: Result<SavedFile, SaveError>,
    },
    /// The answer to [`super::Effect::ListFiles`]: paths to be shown and opened.
    Files {
        /// Those opened lately, the last one first.
        recent: Vec<String>,
        /// The others of the folder.
        others: Vec<String>,
    },
    /// The answer to [`super::Effect::Complete`].
    Completed {
        /// What was typed.
        typed: String,
        /// The names that the end of it can become, folders with a slash behind them.
        names: Vec<String>,
    },
    /// Another document of the command line, to be put behind the one on the screen. The error is a sentence for the user.
    OpenedBehind(Result<Opened, String>),
    /// Show the document at this place among those that are open, and this line and column of it.
    ShowDocument(usize, Option<(usize, usize)>),
    /// The answer to [`super::Effect::ReadClipboard`]; `None` where the system has none: then our own copy is pasted.
    Clipboard(Option<String>),
    /// The answer to [`super::Effect::Highlight`], if there is anything to say.
    Highlighted(Highlighted),
    /// This file on disk is not the one that was opened or saved last.
    DiskChanged(PathBuf),
    /// The file of a document is not there any more.
    DiskGone(PathBuf),
    /// The answer to [`super::Effect::LookAtDisk`]; the error is a sentence.
    OnDisk {
        /// [`crate::app::document::Document::id`].
        document: u64,
        /// [`crate::text::buffer::Buffer::revision`] of the text that the file was compared with.
        revision: u64,
        /// What was found.
        found: Result<OnDisk, String>,
    },
    /// An earlier session left unsaved text.
    RecoveryFound {
        /// Of which file; none where it was in no file.
        path: Option<PathBuf>,
        /// That.
        found: Recovered,
    },
    /// What was done to the document in earlier sessions.
    HistoryFound {
        /// Where it is kept.
        path: PathBuf,
        /// The steps.
        steps: Vec<Revision>,
        /// The number of the one that led to the text as it was read.
        at: usize,
    },
    /// Beside the document's file is one that says where its text is from: that, or a sentence why it cannot be read.
    SourcesFound {
        /// Where the document is kept.
        path: PathBuf,
        /// What stands in the file.
        found: Result<String, String>,
    },
    /// Fill the holes, as if the key for it had been pressed.
    Run,
    /// Something outside went wrong or is worth saying (the log, the recovery file, the clipboard).
    Notice(Notice),
    /// Time passed. Needed only while [`super::App::wants_ticks`], and at [`super::App::wakes_at`].
    Tick,
    /// The window is to be closed: the same as the quit key.
    QuitRequested,
}

/// What the mouse did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MouseKind {
    /// The left button went down.
    Down,
    /// The mouse moved with the left button down.
    Drag,
    /// The left button went up.
    Up,
    /// The wheel turned away from the user.
    ScrollUp,
    /// The wheel turned towards the user.
    ScrollDown,
}

/// A mouse event in screen cells, 0-based.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mouse {
    /// What.
    pub kind: MouseKind,
    /// Column of the screen.
    pub column: u16,
    /// Row of the screen.
    pub row: u16,
    /// 1 for a click, 2 for a double click, 3 for a triple click.
    pub clicks: u8,
    /// Shift was held: extend the selection.
    pub shift: bool,
}

/// What the shell remembers about a file to notice that it changed. The app only hands it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Time of the last change, since 1970.
    pub modified: Option<Duration>,
    /// Length in bytes.
    pub len: u64,
}

/// What a project says about a file; what it does not say follows from the text and the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileStyle {
    /// One level of indentation: so many spaces, 0 for a tab.
    pub indent: Option<usize>,
    /// Columns from one tab stop to the next.
    pub tab_width: Option<usize>,
    /// How lines end.
    pub line_ending: Option<LineEnding>,
    /// Whether blanks at the ends of lines are taken away when it is saved.
    pub trim: Option<bool>,
    /// Whether it is to end in a line break.
    pub final_newline: Option<bool>,
}

/// A document that was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Opened {
    /// Where it is kept; `None` for standard input and for a new document.
    pub path: Option<PathBuf>,
    /// What a text of the program's own is called.
    pub title: Option<&'static str>,
    /// Its text.
    pub text: Buffer,
    /// What its project says about it.
    pub style: FileStyle,
    /// How the file writes it as bytes.
    pub encoding: Encoding,
    /// The file as it was read; `None` where there is no file yet.
    pub stamp: Option<Stamp>,
    /// Where to put the caret: line and column, 1-based.
    pub at: Option<(usize, usize)>,
    /// The file cannot be written.
    pub read_only: bool,
    /// Holes that it comes with: those of the text to try the program on.
    pub holes: Vec<(Range<usize>, HoleLength)>,
}

/// A document that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedFile {
    /// Where.
    pub path: PathBuf,
    /// The file as it is now.
    pub stamp: Stamp,
    /// [`crate::text::buffer::Buffer::revision`] of the contents that were written.
    pub revision: u64,
}

/// A document's file as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnDisk {
    /// It has the document's text.
    Same(Stamp),
    /// The lines in which it differs, as a unified diff from the file to the document.
    Differs(String),
    /// How to come from the document's text to the file's.
    Other {
        /// By lines.
        edits: Vec<Edit>,
        /// The file.
        stamp: Stamp,
        /// How it writes its text as bytes.
        encoding: Encoding,
    },
}

/// Why a document was not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaveError {
    /// The file is not the one that was read: somebody else wrote it.
    ChangedOnDisk(PathBuf),
    /// A new document was to be saved where a file is already.
    Exists(PathBuf),
    /// A sentence: what, where, what to do.
    Failed(String),
}

/// Unsaved text of an earlier session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The text.
    pub text: String,
    /// When it was written, in words (`12 minutes ago`).
    pub when: String,
    /// The file as the text was made from, where that is known.
    pub base: Option<Stamp>,
    /// How it came about, where no journal says so.
    pub steps: Vec<Revision>,
    /// Tells its recovery file from others, where it has one.
    pub kept: Option<u64>,
}

impl Recovered {
    /// A text that only the journal has.
    pub fn of_journal(text: String) -> Self {
        Self { text, when: "its recovery file is gone".to_owned(), base: None, steps: Vec::new(), kept: None }
    }
}
