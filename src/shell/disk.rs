//! The thread that touches files: one job after the other, in the order they were given, each answered by a message.
//!
//! Order is what makes it safe: a recovery file is removed after the save that made it needless, never before.

use std::collections::BTreeMap;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use tokio::sync::mpsc::UnboundedSender;

use crate::app::effect::{SaveRequest, Unsaved};
use crate::app::message::{Message, OnDisk, Opened, Recovered, SaveError, Stamp};
use crate::app::notice::{Notice, Severity};
use crate::shell::FileArg;
use crate::shell::journal::{Journals, Past};
use crate::shell::recovery::Store;
use crate::shell::session::Reply;
use crate::shell::{files, remembered, save, sidecar};
use crate::text::buffer::Buffer;
use crate::text::diff;
use crate::text::journal::Entry;

/// Something to be done with files.
#[derive(Debug)]
pub(crate) enum Job {
    /// Answered with [`Message::Opened`], and with [`Message::RecoveryFound`] if there is something.
    Open(FileArg),
    /// The same with [`Message::OpenedBehind`], for one more file of the command line: what is on the screen stays there.
    OpenBehind(FileArg),
    /// Answered with [`Message::Saved`].
    Save(SaveRequest),
    /// Answered only if it fails, and then once.
    WriteRecovery(Unsaved),
    /// Answered only if it fails, and then once.
    WriteJournal { path: PathBuf, entry: Entry },
    /// Answered only if it fails, and then once.
    MarkOnDisk { path: PathBuf, contents: Buffer },
    /// Not answered.
    RemoveRecovery { document: u64, path: Option<PathBuf>, replaced: Option<u64> },
    /// Answered only if it fails.
    RememberModel(String),
    /// Answered with [`Message::OnDisk`].
    Look { document: u64, path: PathBuf, contents: Buffer, take: bool },
    /// Answered with [`Message::DiskChanged`] if the file is another, once for each other file, and with
    /// [`Message::DiskGone`] once if there is none any more.
    Compare { path: PathBuf, stamp: Stamp },
}

/// What the user wants done with files besides.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Habits {
    /// Files that were opened are remembered.
    pub(crate) keeps_recent: bool,
    /// Files that say where text is from are looked for.
    pub(crate) reads_sidecars: bool,
}

/// The documents whose unsaved text is in a recovery file as it was last, and those whose text could not be written, with a
/// sentence why.
pub(crate) type Kept = BTreeMap<u64, Result<(), String>>;

/// The thread.
pub(crate) struct Disk {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<Kept>>,
}

impl Disk {
    /// Starts the thread.
    pub(crate) fn start(
        store: Store,
        journals: Journals,
        habits: Habits,
        replies: UnboundedSender<Reply>,
    ) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel();
        let (told, kept) = (BTreeMap::new(), Kept::new());
        let mut worker = Worker { store, journals, habits, replies, complained: false, told, kept };
        let thread = thread::Builder::new().name("disk".to_owned()).spawn(move || {
            worker.run(&queue);
            worker.kept
        })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Gives it a job; does not wait.
    pub(crate) fn send(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            let sent = jobs.send(job);
            debug_assert!(sent.is_ok(), "the thread lives until it is told to finish");
        }
    }

    /// Waits until everything is done, and says what became of unsaved text.
    pub(crate) fn finish(&mut self) -> Kept {
        self.jobs = None;
        // It catches its panics.
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

struct Worker {
    store: Store,
    journals: Journals,
    habits: Habits,
    replies: UnboundedSender<Reply>,
    /// The user was told that recovery files cannot be written.
    complained: bool,
    /// What was saved, or is foreign and was told to the user; none where there is no file any more.
    told: BTreeMap<PathBuf, Option<Stamp>>,
    kept: Kept,
}

impl Worker {
    fn run(&mut self, queue: &Receiver<Job>) {
        while let Ok(job) = queue.recv() {
            let failure = answer_to_failure(&job);
            if panic::catch_unwind(AssertUnwindSafe(|| self.carry_out(job))).is_err() {
                self.reply(failure);
            }
        }
    }

    fn reply(&self, message: Message) {
        // At the end of the program nobody listens any more.
        let _ = self.replies.send(Reply::Message(message));
    }

    fn carry_out(&mut self, job: Job) {
        match job {
            Job::Open(file) => self.open(&file.path, file.at, Message::Opened),
            Job::OpenBehind(file) => self.open(&file.path, file.at, Message::OpenedBehind),
            Job::Save(mut request) => {
                request.path = files::expand_home(&request.path);
                let saved = save::save(&request, self.store.folder());
                if let Ok(file) = &saved {
                    // Who asks before the answer is there asks about the file from before.
                    self.told.insert(file.path.clone(), Some(file.stamp));
                    let marked = self.journals.saved(&request.path, &request.contents);
                    self.complain_of_journal(marked);
                }
                let beside = request.sidecar.as_ref().filter(|_| saved.is_ok());
                let failed = beside.and_then(|json| sidecar::write(&request.path, json).err());
                self.reply(Message::Saved { document: request.document, result: saved });
                if let Some(why) = failed {
                    self.reply(Message::Notice(Notice::new(Severity::Warning, why)));
                }
            }
            Job::WriteRecovery(unsaved) => {
                let written = self.store.write(&unsaved, SystemTime::now());
                let kept = written.clone().map(|is_kept| is_kept.then_some(())).transpose();
                if let Some(kept) = kept {
                    self.kept.insert(unsaved.document, kept);
                }
                self.complain(written.err());
            }
            Job::WriteJournal { path, entry } => {
                let written = self.journals.write(&files::expand_home(&path), &entry);
                self.complain_of_journal(written);
            }
            Job::MarkOnDisk { path, contents } => {
                let marked = self.journals.saved(&files::expand_home(&path), &contents);
                self.complain_of_journal(marked);
            }
            Job::RememberModel(name) => {
                if let Err(why) = remembered::remember_model(&name) {
                    self.reply(Message::Notice(Notice::new(Severity::Warning, why)));
                }
            }
            Job::RemoveRecovery { document, path, replaced } => {
                self.store.remove((document, path.as_deref()), replaced);
                self.kept.remove(&document);
                let back = path.as_deref().map_or(Ok(()), |path| self.journals.back(path));
                self.complain_of_journal(back);
            }
            Job::Look { document, path, contents, take } => {
                let found = look(&files::expand_home(&path), &contents, take);
                self.reply(Message::OnDisk { document, revision: contents.revision(), found });
            }
            Job::Compare { path, stamp } => self.compare(&path, stamp),
        }
    }

    /// Says what went wrong with keeping text safe, the first time that something does.
    fn complain(&mut self, why: Option<String>) {
        if let Some(why) = why
            && !std::mem::replace(&mut self.complained, true)
        {
            self.reply(Message::Notice(Notice::new(Severity::Warning, why)));
        }
    }

    fn complain_of_journal(&mut self, done: io::Result<()>) {
        self.complain(done.err().map(|error| unjournalled(&error)));
    }

    fn open(&mut self, path: &Path, at: Option<(usize, usize)>, message: fn(Result<Opened, String>) -> Message) {
        match files::open(path, at) {
            Ok(opened) => {
                let known = opened.path.as_deref().filter(|_| opened.stamp.is_some());
                if let Some(path) = known.filter(|_| self.habits.keeps_recent) {
                    remembered::remember_file(path);
                }
                let past = opened.path.as_deref().and_then(|path| self.journals.open(path, &opened.text));
                let sources = known.filter(|_| self.habits.reads_sidecars).and_then(sidecar::read);
                let recovered = self.store.find(opened.path.as_deref(), &opened.text, SystemTime::now());
                let file = opened.path.clone();
                // A key that came before the rest of what is known of the document would be typed over it.
                let mut messages = vec![message(Ok(opened))];
                if let Some(found) = sources {
                    messages.push(Message::SourcesFound { path: path.to_owned(), found });
                }
                let mut unsaved = None;
                if let Some(Past { steps, at, unsaved: text }) = past {
                    messages.push(Message::HistoryFound { path: path.to_owned(), steps, at });
                    unsaved = text;
                }
                let recovered = recovered.or_else(|| unsaved.map(Recovered::of_journal));
                messages.extend(recovered.map(|found| Message::RecoveryFound { path: file, found }));
                let _ = self.replies.send(Reply::Messages(messages));
            }
            Err(why) => self.reply(message(Err(format!("{why}.")))),
        }
    }

    fn compare(&mut self, path: &Path, known: Stamp) {
        let found = match path.metadata() {
            Ok(metadata) => Some(files::stamp(&metadata)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(_) => return,
        };
        if found == Some(known) {
            self.told.remove(path);
        } else if self.told.insert(path.to_owned(), found) != Some(found) {
            let path = path.to_owned();
            self.reply(if found.is_some() { Message::DiskChanged(path) } else { Message::DiskGone(path) });
        }
    }
}

/// Reads a file beside the text that is in the editor.
fn look(path: &Path, contents: &Buffer, take: bool) -> Result<OnDisk, String> {
    let name = path.display();
    let opened = files::open(path, None).map_err(|why| format!("{why}."))?;
    let Some(stamp) = opened.stamp else {
        return Err(format!("{name} is not there any more; saving writes it again."));
    };
    if opened.text == *contents {
        return Ok(OnDisk::Same(stamp));
    }
    let (theirs, ours) = (opened.text.text(), contents.text());
    Ok(if take {
        OnDisk::Other { edits: diff::line_edits(&ours, &theirs), stamp, encoding: opened.encoding }
    } else {
        OnDisk::Differs(diff::unified((&format!("{name} on disk"), &theirs), (&format!("{name} here"), &ours)))
    })
}

fn unjournalled(error: &io::Error) -> String {
    let why = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full; make room".to_owned(),
        io::ErrorKind::WouldBlock => "another lacuna has this file open".to_owned(),
        _ => error.to_string(),
    };
    format!("Undo will not go back beyond this session: {why}.")
}

/// What `app` hears when a job panics: it must not wait for an answer for ever.
fn answer_to_failure(job: &Job) -> Message {
    let why = |path: &Path, what: &str| {
        format!("{} was not {what}: this is a mistake in lacuna; try another name.", path.display())
    };
    match job {
        Job::Open(FileArg { path, .. }) => Message::Opened(Err(why(path, "opened"))),
        Job::OpenBehind(FileArg { path, .. }) => Message::OpenedBehind(Err(why(path, "opened"))),
        Job::Save(request) => {
            Message::Saved { document: request.document, result: Err(SaveError::Failed(why(&request.path, "saved"))) }
        }
        Job::Look { document, path, contents, .. } => {
            Message::OnDisk { document: *document, revision: contents.revision(), found: Err(why(path, "compared")) }
        }
        Job::RememberModel(_) => Message::Notice(Notice::new(
            Severity::Warning,
            "The choice of the model is not remembered: this is a mistake in lacuna.",
        )),
        Job::WriteRecovery(_)
        | Job::WriteJournal { .. }
        | Job::MarkOnDisk { .. }
        | Job::RemoveRecovery { .. }
        | Job::Compare { .. } => Message::Notice(Notice::new(
            Severity::Warning,
            "The recovery file could not be written: this is a mistake in lacuna; save often.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;
    use crate::app::effect::Expect;

    fn start() -> (Disk, UnboundedReceiver<Reply>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let recovery = folder.path().join("recovery");
        fs::create_dir(&recovery).unwrap();
        let (replies, answers) = unbounded_channel();
        (Disk::start(Store::at(&recovery), Journals::default(), Habits::default(), replies).unwrap(), answers, folder)
    }

    fn unsaved(path: Option<PathBuf>, text: &str) -> Unsaved {
        Unsaved { document: 1, path, contents: text.into(), base: None, steps: Vec::new(), replaces: None }
    }

    fn save(path: &Path, text: &str, expect: Expect) -> Job {
        let (path, contents) = (path.to_owned(), Buffer::from_text(text));
        let encoding = crate::text::encoding::Encoding::Utf8;
        Job::Save(SaveRequest { document: 1, path, contents, encoding, expect, sidecar: None })
    }

    fn next(answers: &mut UnboundedReceiver<Reply>) -> Message {
        match answers.blocking_recv() {
            Some(Reply::Message(message)) => message,
            Some(Reply::Messages(mut messages)) if messages.len() == 1 => messages.remove(0),
            other => panic!("no message but {other:?}"),
        }
    }

    #[test]
    fn jobs_are_done_in_order_and_all_of_them() {
        let (mut disk, mut answers, folder) = start();
        let path = folder.path().join("a.txt");
        disk.send(Job::WriteRecovery(unsaved(Some(path.clone()), "text")));
        disk.send(save(&path, "text", Expect::Nothing));
        disk.send(Job::RemoveRecovery { document: 1, path: Some(path.clone()), replaced: None });
        disk.send(Job::Open(FileArg { path: path.clone(), at: None }));
        disk.finish();
        assert!(matches!(next(&mut answers), Message::Saved { document: 1, result: Ok(_) }));
        assert!(matches!(next(&mut answers), Message::Opened(Ok(opened)) if opened.text == "text".into()));
        assert_eq!(fs::read_dir(folder.path().join("recovery")).unwrap().count(), 0);
    }

    #[test]
    fn what_is_known_of_a_document_comes_with_it_and_what_became_of_unsaved_text_is_told_at_the_end() {
        let (mut disk, _, folder) = start();
        let path = folder.path().join("a.txt");
        disk.send(Job::WriteRecovery(unsaved(Some(path.clone()), "text")));
        disk.send(Job::WriteRecovery(Unsaved { document: 2, ..unsaved(None, "gone") }));
        disk.send(Job::RemoveRecovery { document: 2, path: None, replaced: None });
        assert_eq!(disk.finish(), Kept::from([(1, Ok(()))]));
        let recovery = folder.path().join("recovery");
        let (replies, mut answers) = unbounded_channel();
        let mut next = Disk::start(Store::at(&recovery), Journals::default(), Habits::default(), replies).unwrap();
        next.send(Job::Open(FileArg { path, at: None }));
        next.finish();
        let Some(Reply::Messages(messages)) = answers.blocking_recv() else { panic!("not at once") };
        let [Message::Opened(Ok(_)), Message::RecoveryFound { found, .. }] = &messages[..] else {
            panic!("{messages:?}")
        };
        assert_eq!(found.text, "text");
    }

    #[test]
    fn a_foreign_change_is_told_once() {
        let (mut disk, mut answers, folder) = start();
        let path = folder.path().join("a.txt");
        fs::write(&path, "one").unwrap();
        let stamp = files::stamp(&path.metadata().unwrap());
        let compare = |disk: &Disk| disk.send(Job::Compare { path: path.clone(), stamp });
        compare(&disk);
        disk.send(Job::Open(FileArg { path: folder.path().to_owned(), at: None }));
        assert!(matches!(next(&mut answers), Message::Opened(Err(_))), "unchanged is not worth a word");
        fs::write(&path, "two, longer").unwrap();
        compare(&disk);
        compare(&disk);
        assert!(matches!(next(&mut answers), Message::DiskChanged(_)));
        fs::remove_file(&path).unwrap();
        compare(&disk);
        compare(&disk);
        assert!(matches!(next(&mut answers), Message::DiskGone(_)));
        disk.finish();
        drop(disk);
        assert!(answers.blocking_recv().is_none());
    }

    #[test]
    fn what_was_saved_is_not_foreign_before_its_answer_is_there() {
        let (mut disk, mut answers, folder) = start();
        let path = folder.path().join("a.txt");
        fs::write(&path, "one").unwrap();
        let stamp = files::stamp(&path.metadata().unwrap());
        disk.send(save(&path, "two, longer", Expect::Same(stamp)));
        disk.send(Job::Compare { path: path.clone(), stamp });
        disk.finish();
        assert!(matches!(next(&mut answers), Message::Saved { result: Ok(_), .. }));
        drop(disk);
        assert!(answers.blocking_recv().is_none());
    }

    #[test]
    fn recovery_that_fails_is_told_once() {
        let (mut disk, mut answers, folder) = start();
        fs::remove_dir(folder.path().join("recovery")).unwrap();
        for _ in 0..3 {
            disk.send(Job::WriteRecovery(unsaved(None, "x")));
        }
        disk.finish();
        assert!(matches!(next(&mut answers), Message::Notice(_)));
        assert!(answers.blocking_recv().is_none());
    }
}
