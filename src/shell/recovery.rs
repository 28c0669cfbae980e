//! Recovery files: unsaved text, kept where the next start finds it.
//!
//! One file per document and process, in the user's state folder, named after the document and readable by the user
//! alone: a line of JSON saying what it is, then the text. It is written beside and renamed, so it is always whole. As long
//! as the process that wrote it lives, it holds a lock on the file; a file without one was left behind and is offered. The
//! system drops the lock however a process ends, which a process id in the file could not promise.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{self, Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::app::effect::Unsaved;
use crate::app::message::{Recovered, Stamp};
use crate::engine::config::state_file;
use crate::shell::journal::lines::{self, StepLine};
use crate::shell::save;
use crate::text::buffer::Buffer;
use crate::text::fingerprint;

const EXTENSION: &str = ".recovery";

/// Longest readable part of a name, in characters.
const READABLE: usize = 40;

/// The first line of a recovery file.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    /// The document, for people who look into the folder.
    path: Option<PathBuf>,
    /// When it was written, in seconds since 1970.
    time: u64,
    /// Who wrote it.
    pid: u32,
    /// The file as the text was made from: when it was changed, in seconds and nanoseconds, and its length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base: Option<(u64, u32, u64)>,
    /// How the text came about, where no journal says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<StepLine>,
}

/// The recovery files of this process.
#[derive(Debug)]
pub(crate) struct Store {
    /// Why there is none, as a sentence, if there is none.
    folder: Result<PathBuf, String>,
    /// Whether unsaved text is kept there; else the folder only takes copies while files are overwritten.
    keeps: bool,
    held: Vec<Held>,
    /// The number that was given out last.
    last: u64,
}

/// A recovery file of ours.
#[derive(Debug)]
struct Held {
    key: String,
    /// Tells it from the others of this process.
    number: u64,
    /// The document of ours that it is about; `None` while the user is still to be asked about an earlier session's.
    document: Option<u64>,
    file: PathBuf,
    /// Locked; never read, but the lock goes with it.
    _lock: File,
}

/// A recovery file that somebody left behind.
struct Left {
    header: Header,
    text: String,
    held: Held,
}

impl Store {
    /// In the user's state folder, or data folder where the system knows no state folder.
    pub(crate) fn of_user() -> Self {
        let folder = state_file("recovery")
            .ok_or_else(|| "Unsaved text is not kept safe: there is no home folder; set HOME.".to_owned());
        let folder = folder.and_then(|folder| match make_folder(&folder) {
            Ok(()) => Ok(folder),
            Err(error) => Err(unkept(&folder, &error)),
        });
        Self { folder, keeps: true, held: Vec::new(), last: 0 }
    }

    /// The same, but no unsaved text is kept there: the user does not want it.
    pub(crate) fn keeping_nothing(self) -> Self {
        Self { keeps: false, ..self }
    }

    /// In this folder, which exists.
    #[cfg(test)]
    pub(crate) fn at(folder: &Path) -> Self {
        Self { folder: Ok(folder.to_owned()), keeps: true, held: Vec::new(), last: 0 }
    }

    /// Where the files are, if there is a place for them.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref().ok()
    }

    /// Keeps this text for this document, if any is kept: whether it is. The error is a sentence.
    pub(crate) fn write(&mut self, unsaved: &Unsaved, now: SystemTime) -> Result<bool, String> {
        if !self.keeps {
            return Ok(false);
        }
        let folder = self.folder.clone()?;
        let path = unsaved.path.as_deref();
        let (key, document) = (key(path), unsaved.document);
        let own = self.held.iter().position(|held| held.key == key && held.document == Some(document));
        let replaced = |held: &Held| held.document.is_none() && Some(held.number) == unsaved.replaces;
        let at = own.or_else(|| self.held.iter().position(|held| held.key == key && replaced(held)));
        let header = Header {
            path: path.map(absolute),
            time: seconds(now),
            pid: std::process::id(),
            base: unsaved
                .base
                .and_then(|Stamp { modified, len }| Some((modified?.as_secs(), modified?.subsec_nanos(), len))),
            steps: lines::step_lines(0, &unsaved.steps),
        };
        let former = at.map(|at| self.held[at].file.as_path());
        let held = write_held(&folder, key, former, &header, &unsaved.contents);
        let held = held.map_err(|error| unkept(&folder, &error))?;
        self.last += 1;
        let held = Held { document: Some(document), number: self.last, ..held };
        match at {
            Some(at) => self.held[at] = held,
            None => self.held.push(held),
        }
        // Where the document had a file of its own, the earlier session's is not needed beside it.
        self.held.retain(|held| !replaced(held) || fs::remove_file(&held.file).is_err());
        Ok(true)
    }

    /// The text of this document is safe elsewhere, or not wanted, and so is what an earlier session left, by its number.
    pub(crate) fn remove(&mut self, (document, path): (u64, Option<&Path>), replaced: Option<u64>) {
        let key = key(path);
        self.held.retain(|held| {
            let is_own = held.key == key && held.document == Some(document);
            let is_replaced = held.document.is_none() && Some(held.number) == replaced;
            // A file that cannot be removed is at worst offered once too often.
            !is_own && !is_replaced || fs::remove_file(&held.file).is_err()
        });
    }

    /// The newest text that an earlier session left for this document and that differs from `current`. It is ours from
    /// then on: no other process is offered it, and it stays until the user has answered. Of documents without a file there
    /// can be several: asked again, it is the next one's.
    pub(crate) fn find(&mut self, path: Option<&Path>, current: &Buffer, now: SystemTime) -> Option<Recovered> {
        let key = key(path);
        if !self.keeps || path.is_some() && self.held.iter().any(|held| held.key == key) {
            return None;
        }
        let mut newest: Option<Left> = None;
        for file in self.files_of(&key) {
            let Some(left) = read_left(&key, file) else { continue };
            if current.rope() == left.text.as_str() {
                let _ = fs::remove_file(&left.held.file);
            } else if newest.as_ref().is_none_or(|newest| newest.header.time <= left.header.time) {
                newest = Some(left);
            }
        }
        let Left { header, text, held } = newest?;
        self.last += 1;
        self.held.push(Held { number: self.last, ..held });
        let when = ago(seconds(now).saturating_sub(header.time));
        let base = header.base.map(|(secs, nanos, len)| Stamp { modified: Some(Duration::new(secs, nanos)), len });
        Some(Recovered { text, when, base, steps: lines::revisions(0, header.steps), kept: Some(self.last) })
    }

    /// In the order of their names.
    fn files_of(&self, key: &str) -> Vec<PathBuf> {
        let Some(entries) = self.folder().and_then(|folder| fs::read_dir(folder).ok()) else { return Vec::new() };
        let belongs = |name: &str| {
            let number = name.strip_prefix(key).and_then(|rest| rest.strip_suffix(EXTENSION));
            number.and_then(|number| number.strip_prefix('.')).is_some_and(|number| number.parse::<u32>().is_ok())
        };
        let mut files: Vec<PathBuf> = entries
            .flatten()
            .filter(|entry| entry.file_name().to_str().is_some_and(belongs))
            .map(|entry| entry.path())
            .collect();
        files.sort();
        files
    }
}

pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn unkept(folder: &Path, error: &io::Error) -> String {
    let why = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full; make room, and save".to_owned(),
        _ => format!("{error}; save often"),
    };
    format!("Unsaved text is not kept safe in {}: {why}.", folder.display())
}

/// Writes a recovery file over the former one, or under a name that is free.
fn write_held(
    folder: &Path,
    key: String,
    former: Option<&Path>,
    header: &Header,
    contents: &Buffer,
) -> io::Result<Held> {
    let mut new = NamedTempFile::new_in(folder)?;
    // Locked before it has its name: nobody ever sees it without.
    lock(new.as_file())?;
    let mut out = BufWriter::with_capacity(1 << 16, new.as_file_mut());
    serde_json::to_writer(&mut out, header)?;
    out.write_all(b"\n")?;
    for chunk in contents.rope().chunks() {
        out.write_all(chunk.as_bytes())?;
    }
    out.flush()?;
    drop(out);
    new.as_file().sync_all()?;
    if let Some(file) = former {
        return Ok(Held { key, number: 0, document: None, file: file.to_owned(), _lock: new.persist(file)? });
    }
    for number in 1..=u32::MAX {
        let file = folder.join(format!("{key}.{number}{EXTENSION}"));
        match new.persist_noclobber(&file) {
            Ok(lock) => return Ok(Held { key, number: 0, document: None, file, _lock: lock }),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => new = error.file,
            Err(error) => return Err(error.error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Where files cannot be locked, another session's text may be offered while that session lives: better than never.
pub(crate) fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

/// Reads a recovery file; `None` if its process lives or it is none.
fn read_left(key: &str, path: PathBuf) -> Option<Left> {
    let file = OpenOptions::new().read(true).write(true).open(&path).ok()?;
    lock(&file).ok()?;
    let mut reader = BufReader::new(&file);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let header = serde_json::from_str(&line).ok()?;
    let mut text = String::new();
    reader.read_to_string(&mut text).ok()?;
    Some(Left { header, text, held: Held { key: key.to_owned(), number: 0, document: None, file: path, _lock: file } })
}

/// Names the document: readable, and different for different paths.
pub(crate) fn key(path: Option<&Path>) -> String {
    let Some(path) = path else { return "untitled".to_owned() };
    let path = absolute(path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let plain = |c: char| if c.is_alphanumeric() || c == '-' || c == '.' { c } else { '_' };
    // Bytes, not characters, are limited by file systems, and a character has up to four.
    let readable: String = name.chars().take(READABLE).map(plain).collect();
    format!("{readable}-{:016x}", fingerprint::on(fingerprint::START, path.as_os_str().as_encoded_bytes()))
}

/// The file itself, however it was reached.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    let path = save::follow_links(path).unwrap_or_else(|_| path.to_owned());
    let path = path::absolute(&path).unwrap_or(path);
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    match (folder, path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => path,
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

/// A time in the past, in words.
fn ago(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..60 => return "less than a minute ago".to_owned(),
        60..3600 => (seconds / 60, "minute"),
        3600..86400 => (seconds / 3600, "hour"),
        _ => (seconds / 86400, "day"),
    };
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{s} ago")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::change::ChangeSet;
    use crate::text::history::{EditKind, Record, Revision, Snapshot};

    const NOW: SystemTime = UNIX_EPOCH;

    fn later(minutes: u64) -> SystemTime {
        NOW + Duration::from_secs(60 * minutes)
    }

    struct Place {
        folder: tempfile::TempDir,
        document: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap(), document: tempfile::tempdir().unwrap() }
        }

        /// Another process, as far as locks are concerned.
        fn session(&self) -> Store {
            Store::at(self.folder.path())
        }

        fn path(&self, name: &str) -> PathBuf {
            self.document.path().join(name)
        }

        fn count(&self) -> usize {
            fs::read_dir(self.folder.path()).unwrap().count()
        }
    }

    fn write(store: &mut Store, path: Option<&Path>, text: &str, now: SystemTime) {
        store.write(&unsaved(1, path, text), now).unwrap();
    }

    fn unsaved(document: u64, path: Option<&Path>, text: &str) -> Unsaved {
        let path = path.map(Path::to_owned);
        Unsaved { document, path, contents: text.into(), base: None, steps: Vec::new(), replaces: None }
    }

    fn text_of(found: Option<Recovered>) -> Option<String> {
        found.map(|found| found.text)
    }

    #[test]
    fn text_left_behind_is_offered_once() {
        let place = Place::new();
        let path = place.path("a.txt");
        let mut dying = place.session();
        write(&mut dying, Some(&path), "one", NOW);
        write(&mut dying, Some(&path), "two\r\nwith {\"json\"}\n", NOW);
        assert_eq!(place.count(), 1);
        assert_eq!(place.session().find(Some(&path), &"".into(), NOW), None, "its process lives");
        drop(dying);

        let mut next = place.session();
        let found = next.find(Some(&path), &"on disk".into(), later(12)).unwrap();
        assert_eq!((found.text.as_str(), found.when.as_str()), ("two\r\nwith {\"json\"}\n", "12 minutes ago"));
        assert_eq!(place.session().find(Some(&path), &"".into(), NOW), None, "it is taken");
        next.remove((1, Some(&path)), found.kept);
        assert_eq!(place.count(), 0);
    }

    #[test]
    fn restored_text_stays_safe_and_is_overwritten() {
        let place = Place::new();
        let path = place.path("a.txt");
        write(&mut place.session(), Some(&path), "one", NOW);
        let mut next = place.session();
        let found = next.find(Some(&path), &"".into(), NOW).unwrap();
        write(&mut next, Some(&path), "typed before the question came", NOW);
        assert_eq!(place.count(), 2, "what was found is not written over unasked");
        next.write(&Unsaved { replaces: found.kept, ..unsaved(1, Some(&path), "two") }, NOW).unwrap();
        assert_eq!(place.count(), 1);
        drop(next);
        assert_eq!(text_of(place.session().find(Some(&path), &"".into(), NOW)).as_deref(), Some("two"));
    }

    #[test]
    fn text_that_was_saved_after_all_is_not_offered() {
        let place = Place::new();
        let path = place.path("a.txt");
        write(&mut place.session(), Some(&path), "same", NOW);
        assert_eq!(place.session().find(Some(&path), &"same".into(), NOW), None);
        assert_eq!(place.count(), 0);
    }

    #[test]
    fn documents_do_not_share_files() {
        let place = Place::new();
        let (a, b) = (place.path("a.txt"), place.path("b/a.txt"));
        let mut dying = place.session();
        write(&mut dying, Some(&a), "a", NOW);
        write(&mut dying, Some(&b), "b", NOW);
        write(&mut dying, None, "none", NOW);
        dying.remove((1, Some(&a)), None);
        drop(dying);
        let mut next = place.session();
        assert_eq!(next.find(Some(&a), &"".into(), NOW), None);
        assert_eq!(text_of(next.find(Some(&b), &"".into(), NOW)).as_deref(), Some("b"));
        assert_eq!(text_of(next.find(None, &"".into(), NOW)).as_deref(), Some("none"));
    }

    #[test]
    fn two_sessions_with_one_document_keep_both_texts() {
        let place = Place::new();
        let (mut one, mut two) = (place.session(), place.session());
        write(&mut one, None, "one", later(1));
        write(&mut two, None, "two", later(2));
        write(&mut one, None, "one more", later(1));
        drop((one, two));
        let mut next = place.session();
        let found = next.find(None, &"".into(), NOW).unwrap();
        assert_eq!(
            (found.text.as_str(), place.session().find(None, &"".into(), NOW).map(|found| found.text)),
            ("two", Some("one more".into()))
        );
        next.remove((1, None), found.kept);
        assert_eq!(text_of(next.find(None, &"".into(), NOW)).as_deref(), Some("one more"));
        assert_eq!((next.find(None, &"".into(), NOW), place.count()), (None, 1));
    }

    #[test]
    fn documents_without_a_file_are_kept_apart() {
        let place = Place::new();
        let mut store = place.session();
        store.write(&unsaved(1, None, "one"), NOW).unwrap();
        store.write(&unsaved(2, None, "two"), later(1)).unwrap();
        assert_eq!(place.count(), 2);
        store.remove((1, None), None);
        drop(store);
        assert_eq!(text_of(place.session().find(None, &"".into(), NOW)).as_deref(), Some("two"));
    }

    #[test]
    fn steps_are_kept_with_a_text_that_has_no_journal() {
        let place = Place::new();
        let mut buffer = Buffer::new();
        let step = |parent, buffer: &mut Buffer, text: &str| {
            let forward = ChangeSet::insert(buffer.len(), 0, text);
            let inverse = buffer.apply(&forward).unwrap();
            let (before, after) = (Snapshot::default(), Snapshot::default());
            let (kind, origin, at) = (EditKind::Other, None, Duration::ZERO);
            Revision { parent, record: Record { forward, inverse, before, after, kind, origin, at } }
        };
        let steps = vec![step(0, &mut buffer, "two\n"), step(1, &mut buffer, "one\n")];
        let text = unsaved(1, None, &buffer.text());
        place.session().write(&Unsaved { steps: steps.clone(), ..text }, NOW).unwrap();
        let found = place.session().find(None, &"".into(), NOW).unwrap();
        assert_eq!((found.text.as_str(), found.steps), ("one\ntwo\n", steps));
    }

    #[test]
    fn a_file_is_the_same_by_any_path_to_it() {
        let place = Place::new();
        let path = place.path("a.txt");
        fs::write(&path, "").unwrap();
        std::os::unix::fs::symlink(&path, place.path("link")).unwrap();
        fs::create_dir(place.path("b")).unwrap();
        assert_eq!(key(Some(&path)), key(Some(&place.path("link"))));
        assert_eq!(key(Some(&path)), key(Some(&place.path("b/../a.txt"))));
        assert_ne!(key(Some(&path)), key(Some(&place.path("A.txt"))));
        assert!(key(Some(&path)).starts_with("a.txt-"));
    }

    #[test]
    fn junk_in_the_folder_is_passed_over() {
        let place = Place::new();
        let path = place.path("a.txt");
        let name = key(Some(&path));
        fs::write(place.folder.path().join(format!("{name}.1.recovery")), b"no header\n\xff").unwrap();
        fs::write(place.folder.path().join(format!("{name}.2.recovery")), b"").unwrap();
        assert_eq!(place.session().find(Some(&path), &"".into(), NOW), None);
        write(&mut place.session(), Some(&path), "text", NOW);
        assert_eq!(text_of(place.session().find(Some(&path), &"".into(), NOW)).as_deref(), Some("text"));
    }

    #[test]
    fn only_the_user_can_read_them() {
        use std::os::unix::fs::MetadataExt;
        let place = Place::new();
        let mut store = place.session();
        write(&mut store, None, "secret", NOW);
        assert_eq!(fs::metadata(&store.held[0].file).unwrap().mode() & 0o077, 0);
    }

    #[test]
    fn a_place_that_is_gone_is_a_sentence() {
        let place = Place::new();
        let mut store = Store::at(&place.path("gone"));
        let why = store.write(&unsaved(1, None, "x"), NOW).unwrap_err();
        assert!(why.starts_with("Unsaved text is not kept safe in "), "{why}");
    }

    #[test]
    fn times_in_words() {
        assert_eq!(ago(0), "less than a minute ago");
        assert_eq!(ago(61), "1 minute ago");
        assert_eq!(ago(2 * 3600), "2 hours ago");
        assert_eq!(ago(86400 * 3 + 5), "3 days ago");
    }
}
