//! Everything the program asks of the outside world, as plain data. The shell carries these out in order and turns
//! their results into messages; nothing here has happened yet.

use std::path::PathBuf;

use crate::app::highlight::HighlightRequest;
use crate::app::message::Stamp;
use crate::app::recording::Recording;
use crate::app::settings::Settings;
use crate::engine::protocol::Command;
use crate::text::buffer::Buffer;
use crate::text::encoding::Encoding;
use crate::text::history::Revision;
use crate::text::journal::Entry;

/// A wish.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Tell the engine.
    Engine(Command),
    /// Read this file and answer with [`super::Message::Opened`]. A file that does not exist is a new document.
    Open(PathBuf),
    /// Answer with [`super::Message::Files`].
    ListFiles,
    /// Answer with [`super::Message::Completed`]: what the path typed so far can become.
    Complete(String),
    /// Open the settings file, or say where it would be.
    OpenSettings,
    /// Write this and answer with [`super::Message::Saved`].
    Save(SaveRequest),
    /// Answer with [`super::Message::Highlighted`].
    Highlight(HighlightRequest),
    /// Write a recording of a run, and say so.
    Record(Box<RecordRequest>),
    /// Read the document's file beside its text and answer with [`super::Message::OnDisk`].
    LookAtDisk {
        /// [`crate::app::document::Document::id`].
        document: u64,
        /// Where the document is kept.
        path: PathBuf,
        /// Its text now.
        contents: Buffer,
        /// Whether the file's text is wanted, or only how it differs.
        take: bool,
    },
    /// Put this into the system clipboard.
    SetClipboard(String),
    /// Answer with [`super::Message::Clipboard`].
    ReadClipboard,
    /// Keep this text safe in the recovery file of the document.
    WriteRecovery(Unsaved),
    /// Add this to the journal of the document.
    WriteJournal {
        /// Where the document is kept.
        path: PathBuf,
        /// What was done.
        entry: Entry,
    },
    /// The file holds this text now, though it was not saved from here: the journal goes on from there.
    MarkOnDisk {
        /// Where the document is kept.
        path: PathBuf,
        /// Its text.
        contents: Buffer,
    },
    /// The recovery file of the document is not needed any more.
    RemoveRecovery {
        /// [`crate::app::document::Document::id`].
        document: u64,
        /// Where the document is kept.
        path: Option<PathBuf>,
        /// [`crate::app::message::Recovered::kept`] of the text of an earlier session that is not needed any more, either.
        replaced: Option<u64>,
    },
    /// Take this model at the next start, too.
    RememberModel(String),
    /// Hand the terminal back to the shell that started us, until told to go on.
    Suspend,
    /// End the program.
    Quit,
}

/// What must be true of the file for a save to go ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// There is no file.
    Nothing,
    /// The file is the one known by this stamp.
    Same(Stamp),
    /// Whatever is there may be overwritten: the user said so.
    Anything,
}

/// A document to be written.
#[derive(Debug, Clone)]
pub struct SaveRequest {
    /// [`crate::app::document::Document::id`].
    pub document: u64,
    /// Where.
    pub path: PathBuf,
    /// What: the text exactly as it is to stand in the file.
    pub contents: Buffer,
    /// How it is written as bytes.
    pub encoding: Encoding,
    /// Under which condition.
    pub expect: Expect,
    /// What is to stand in the file beside it that says where its text is from; none where there is to be no such file.
    pub sidecar: Option<String>,
}

/// A recording to be written.
#[derive(Debug, Clone)]
pub struct RecordRequest {
    /// Where; the end of the name says as what. A file that is there already is not written over.
    pub path: PathBuf,
    /// What.
    pub recording: Recording,
    /// Columns and rows of a film.
    pub size: (u16, u16),
    /// What a film looks like.
    pub settings: Settings,
}

/// Unsaved text that is to be kept safe.
#[derive(Debug, Clone)]
pub struct Unsaved {
    /// [`crate::app::document::Document::id`].
    pub document: u64,
    /// Where the document is kept.
    pub path: Option<PathBuf>,
    /// Its text now.
    pub contents: Buffer,
    /// The file as it was read or written last.
    pub base: Option<Stamp>,
    /// How it came about, where there is no journal that says so: without a file there is none.
    pub steps: Vec<Revision>,
    /// [`crate::app::message::Recovered::kept`] of the text of an earlier session that the user has taken up.
    pub replaces: Option<u64>,
}
