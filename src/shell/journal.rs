//! Histories on disk, so that undo survives a restart and unsaved text a power cut: one file a document, appended to.
//!
//! A file is lines, each a checksum and a piece of JSON: what the text was when it was read ([`Line::Base`]), what was done
//! to it ([`Line::Entry`]), what was saved ([`Line::Saved`]), and that the text is that of the last of these marks again
//! ([`Line::Back`]), whose later steps are then a branch that was left. A line that is cut or damaged ends the journal; what
//! stands before it still means something. A history is taken up only where the file on disk has the length and hash of a
//! text that the journal knows: undo never runs over another's changes.
//!
//! Files are the user's alone (0600), locked while they are used, and bounded: over [`COMPACT`] the oldest steps go when the
//! document is opened next, and over [`LONGEST`] no more is written, nor for a text longer than that.

pub(crate) mod lines;

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use self::lines::{Line, Mark, entry, entry_line, lines_of, mark_of};
use crate::shell::recovery;
use crate::text::buffer::Buffer;
use crate::text::history::{Record, Revision, way};
use crate::text::journal::{Entry, Replay};

/// A journal longer than this, in bytes, is made shorter when its document is opened.
const COMPACT: u64 = 4 << 20;

/// So many steps are kept then, and about so many bytes.
const KEPT: usize = 1000;

/// A journal does not grow beyond this.
const LONGEST: u64 = 64 << 20;

/// What a journal knows of a document.
#[derive(Debug)]
pub(crate) struct Past {
    /// The steps, those that were not saved included, and the number of the one that led to the text on disk.
    pub(crate) steps: Vec<Revision>,
    pub(crate) at: usize,
    /// The text that was not saved, if it differs from that on disk.
    pub(crate) unsaved: Option<String>,
}

/// The journals of this process, by the files themselves, however they were reached.
#[derive(Debug, Default)]
pub(crate) struct Journals {
    folder: Option<PathBuf>,
    open: HashMap<PathBuf, Open>,
    /// Texts as they were read, for journals that are not begun yet; `None` where a text is too long for one.
    bases: HashMap<PathBuf, Option<Mark>>,
}

#[derive(Debug)]
struct Open {
    /// Locked, and written at its end.
    file: File,
    len: u64,
}

impl Journals {
    /// In this folder, which is made when it is needed; nowhere without one.
    pub(crate) fn at(folder: Option<PathBuf>) -> Self {
        Self { folder, ..Self::default() }
    }

    fn file_of(&self, path: &Path) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("{}.undo", recovery::key(Some(path)))))
    }

    /// Takes up the journal of a document that was read from disk.
    pub(crate) fn open(&mut self, path: &Path, text: &Buffer) -> Option<Past> {
        let path = &recovery::absolute(path);
        self.open.remove(path);
        let rope = text.rope();
        let mark = (rope.len_bytes() as u64 <= LONGEST).then(|| mark_of(rope.chunks().map(str::as_bytes)));
        self.bases.insert(path.clone(), mark);
        let mark = mark?;
        let name = self.file_of(path)?;
        let mut open = open_locked(&name, false).ok()?;
        let bytes = read_all(&mut open.file).ok()?;
        let (lines, whole) = lines_of(&bytes);
        let (mut past, at_mark) = replay(lines, mark, text)?;
        let mut keep = || -> io::Result<()> {
            if bytes.len() as u64 > COMPACT {
                return compact(&mut open, &mut past, mark);
            }
            // What a power cut left half is cut off, and what is written next begins where the text on disk is.
            open.file.set_len(whole as u64)?;
            open.len = open.file.seek(SeekFrom::End(0))?;
            if at_mark { Ok(()) } else { append(&mut open, &Line::Back) }
        };
        if keep().is_ok() {
            self.open.insert(path.clone(), open);
        }
        Some(past)
    }

    /// Writes what was done.
    pub(crate) fn write(&mut self, path: &Path, entry: &Entry) -> io::Result<()> {
        self.line(path, &entry_line(entry))
    }

    /// The text was saved.
    pub(crate) fn saved(&mut self, path: &Path, contents: &Buffer) -> io::Result<()> {
        if !self.has(path) {
            return Ok(());
        }
        let mark = mark_of(contents.rope().chunks().map(str::as_bytes));
        self.line(path, &Line::Saved(mark))
    }

    /// What was not saved is not wanted, or was undone.
    pub(crate) fn back(&mut self, path: &Path) -> io::Result<()> {
        if self.has(path) { self.line(path, &Line::Back) } else { Ok(()) }
    }

    fn has(&self, path: &Path) -> bool {
        self.open.contains_key(&recovery::absolute(path))
    }

    fn line(&mut self, path: &Path, line: &Line) -> io::Result<()> {
        let path = &recovery::absolute(path);
        if !self.open.contains_key(path) {
            let base = self.bases.get(path).copied().unwrap_or_else(|| Some(mark_of(std::iter::empty())));
            let (Some(name), Some(base)) = (self.file_of(path), base) else { return Ok(()) };
            let mut open = open_locked(&name, true)?;
            append(&mut open, &Line::Base(base))?;
            self.open.insert(path.clone(), open);
        }
        let Some(open) = self.open.get_mut(path).filter(|open| open.len < LONGEST) else { return Ok(()) };
        append(open, line)?;
        open.file.sync_data()
    }
}

/// Opens a journal and locks it; a new one, or one that is to be begun anew, is empty.
fn open_locked(name: &Path, anew: bool) -> io::Result<Open> {
    if anew && let Some(folder) = name.parent() {
        recovery::make_folder(folder)?;
    }
    let mut file = OpenOptions::new().read(true).write(true).create(anew).truncate(false).mode(0o600).open(name)?;
    recovery::lock(&file)?;
    if anew {
        file.set_len(0)?;
    }
    let len = file.seek(SeekFrom::End(0))?;
    Ok(Open { file, len })
}

fn read_all(file: &mut File) -> io::Result<Vec<u8>> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.take(2 * LONGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn append(open: &mut Open, line: &Line) -> io::Result<()> {
    let line = lines::written(line)?;
    open.file.write_all(line.as_bytes())?;
    open.len += line.len() as u64;
    Ok(())
}

/// What the lines come to over the text on disk, and whether nothing was done since; `None` where they are about other texts.
fn replay(lines: Vec<Line>, disk: Mark, text: &Buffer) -> Option<(Past, bool)> {
    let is_disk = |line: &Line| matches!(line, Line::Base(mark) | Line::Saved(mark) if *mark == disk);
    let at = lines.iter().rposition(is_disk)?;
    let mut lines = lines.into_iter();
    let mut known = Replay::of(Buffer::new());
    // How the steps before the mark came about does not matter: they lead to the text on disk.
    let mut mark = 0;
    for line in lines.by_ref().take(at + 1) {
        match line {
            Line::Entry { from, steps, applied } => known.take_untold(entry(from, steps, applied))?,
            Line::Back => known.at = mark,
            Line::Base(_) | Line::Saved(_) => mark = known.at,
        }
    }
    let on_disk = known.at;
    let mut now = Replay { text: text.clone(), ..known };
    for line in lines {
        let fits = match line {
            Line::Entry { from, steps, applied } => now.take(entry(from, steps, applied)),
            Line::Back => now.go(mark),
            Line::Base(_) | Line::Saved(_) => {
                mark = now.at;
                Some(())
            }
        };
        if fits.is_none() {
            break;
        }
    }
    // What was saved once and is not on disk any more was taken back by somebody, and redo still leads to it.
    let unsaved = (now.at != mark && now.text != *text).then(|| now.text.text());
    let untouched = now.at == on_disk;
    Some((Past { steps: now.steps, at: on_disk, unsaved }, untouched))
}

/// Writes a journal anew with the last of the steps that led to the text, and no branches: they are the past then.
fn compact(open: &mut Open, past: &mut Past, mark: Mark) -> io::Result<()> {
    let mut size = 0;
    let (_, path) = way(&past.steps, 0, past.at);
    let records = path.iter().filter_map(|number| Some(&past.steps.get(number - 1)?.record));
    let mut records: Vec<&Record> = records.rev().take(KEPT).collect();
    let fits = |record: &&&Record| {
        size += record.weight();
        size < COMPACT as usize / 4
    };
    records.truncate(records.iter().take_while(fits).count());
    let steps: Vec<Revision> = (0..)
        .zip(records.into_iter().rev())
        .map(|(parent, record)| Revision { parent, record: record.clone() })
        .collect();
    open.file.set_len(0)?;
    open.len = open.file.seek(SeekFrom::Start(0))?;
    (past.at, past.steps) = (steps.len(), steps);
    append(open, &entry_line(&Entry { from: 0, at: past.at, steps: past.steps.clone() }))?;
    append(open, &Line::Saved(mark))?;
    open.file.sync_data()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::time::Duration;

    use super::*;
    use crate::text::change::ChangeSet;
    use crate::text::fingerprint;
    use crate::text::history::{EditKind, History, Snapshot};
    use crate::text::holes::HoleLength;
    use crate::text::selection::Selection;

    struct Desk {
        folder: tempfile::TempDir,
        journals: Journals,
        buffer: Buffer,
        history: History,
    }

    const PATH: &str = "/somewhere/a.txt";

    impl Desk {
        fn new(text: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let mut journals = Journals::at(Some(folder.path().to_owned()));
            assert!(journals.open(Path::new(PATH), &text.into()).is_none());
            Self { folder, journals, buffer: Buffer::from_text(text), history: History::new() }
        }

        /// One that is to be made shorter.
        fn with_long_journal() -> Self {
            let mut desk = Self::new("");
            for _ in 0..30 {
                desk.insert(0, &"x".repeat(200_000));
            }
            desk.write();
            desk.save();
            desk
        }

        fn insert(&mut self, pos: usize, text: &str) {
            let forward = ChangeSet::insert(self.buffer.len(), pos, text);
            let inverse = self.buffer.apply(&forward).unwrap();
            let mut after = Snapshot { selection: Selection::new(pos, pos + 1).into(), ..Snapshot::default() };
            after.holes.add(pos..pos + 1, HoleLength::Range(1, 3));
            let before = Snapshot::default();
            let (kind, at) = (EditKind::Other, Duration::ZERO);
            self.history.commit(Record { forward, inverse, before, after, kind, origin: Some("me".into()), at });
        }

        fn undo(&mut self) {
            let step = self.history.undo().unwrap();
            self.buffer.apply(&step.change).unwrap();
        }

        fn write(&mut self) {
            let entry = self.history.take_entry().unwrap();
            self.journals.write(Path::new(PATH), &entry).unwrap();
        }

        fn save(&mut self) {
            self.journals.saved(Path::new(PATH), &self.buffer).unwrap();
        }

        fn file(&self) -> PathBuf {
            self.journals.file_of(Path::new(PATH)).unwrap()
        }

        /// Another process, which finds this text on disk.
        fn reopen(&mut self, disk: &str) -> Option<Past> {
            self.journals = Journals::at(Some(self.folder.path().to_owned()));
            self.journals.open(Path::new(PATH), &disk.into())
        }
    }

    /// The texts that undoing everything shows, from a text and its past.
    fn undone(past: Past, disk: &str) -> Vec<String> {
        let (mut history, mut buffer) = (History::restored(past.steps, past.at), Buffer::from_text(disk));
        let step = || {
            let step = history.undo()?;
            buffer.apply(&step.change).unwrap();
            Some(buffer.text())
        };
        std::iter::from_fn(step).collect()
    }

    #[test]
    fn undo_goes_on_after_a_restart() {
        let mut desk = Desk::new("one");
        desk.insert(3, " two");
        desk.write();
        desk.insert(7, " three");
        desk.insert(0, "so ");
        desk.undo();
        desk.write();
        desk.save();
        let past = desk.reopen("one two three").unwrap();
        assert_eq!((past.at, past.steps.len(), past.unsaved.clone()), (2, 3, None));
        let names = past.steps.iter().flat_map(|step| [&step.record.before, &step.record.after]);
        let names: Vec<u64> = names.flat_map(|snapshot| snapshot.holes.iter().map(|hole| hole.id)).collect();
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len(), "{names:?}");
        let Record { after, origin, .. } = &past.steps[0].record;
        assert_eq!((after.selection.primary(), origin.as_deref()), (Selection::new(3, 4), Some("me")));
        assert_eq!(after.holes.iter().next().map(|hole| hole.length), Some(HoleLength::Range(1, 3)));
        assert_eq!(undone(past, "one two three"), ["one two", "one"]);
    }

    #[test]
    fn a_file_that_another_program_changed_has_no_past() {
        let mut desk = Desk::new("one");
        desk.insert(3, " two");
        desk.write();
        desk.save();
        assert!(desk.reopen("one twx").is_none());
        // What is written next begins a journal of its own.
        desk.buffer = Buffer::from_text("one twx");
        desk.history = History::new();
        desk.insert(0, "a");
        desk.write();
        desk.save();
        assert_eq!(undone(desk.reopen("aone twx").unwrap(), "aone twx"), ["one twx"]);
    }

    #[test]
    fn what_was_given_up_is_not_offered() {
        let mut desk = Desk::new("one");
        desk.insert(3, "!");
        desk.write();
        desk.save();
        desk.insert(0, "x");
        desk.write();
        assert_eq!(desk.reopen("one!").unwrap().unsaved.as_deref(), Some("xone!"));
        let mut desk = Desk::new("one");
        desk.insert(0, "x");
        desk.write();
        desk.journals.back(Path::new(PATH)).unwrap();
        let past = desk.reopen("one").unwrap();
        assert_eq!((past.unsaved, past.at), (None, 0));
    }

    #[test]
    fn what_was_saved_and_then_taken_back_by_others_is_not_offered() {
        let mut desk = Desk::new("");
        desk.insert(0, "one");
        desk.write();
        assert_eq!(desk.reopen("").unwrap().unsaved.as_deref(), Some("one"), "a file that never was");
        desk.journals.back(Path::new(PATH)).unwrap();
        desk.undo();
        desk.insert(0, "two");
        desk.write();
        desk.save();
        let past = desk.reopen("").unwrap();
        assert_eq!((past.unsaved, past.steps.len(), past.at), (None, 2, 0), "one that was removed");
    }

    #[test]
    fn going_back_to_what_was_saved_does_not_end_the_journal() {
        let mut desk = Desk::new("one");
        desk.insert(0, "x");
        desk.write();
        desk.undo();
        desk.journals.back(Path::new(PATH)).unwrap();
        desk.write();
        desk.insert(3, "!");
        desk.write();
        assert_eq!(desk.reopen("one").unwrap().unsaved.as_deref(), Some("one!"));
        let past = desk.reopen("one").unwrap();
        assert_eq!((past.unsaved, past.at, past.steps.len()), (None, 0, 2), "asked once, and still there");
        desk.history = History::restored(past.steps, past.at);
        desk.buffer = Buffer::from_text("one");
        assert_eq!(desk.history.redo().map(|step| desk.buffer.apply(&step.change).is_ok()), Some(true));
        desk.insert(4, "?");
        desk.write();
        desk.save();
        assert_eq!(undone(desk.reopen("one!?").unwrap(), "one!?"), ["one!", "one"]);
    }

    /// A power cut anywhere: what is left comes to a text that was, and the file can be written on.
    #[test]
    fn a_journal_cut_at_every_byte_still_means_something() {
        let mut desk = Desk::new("öne");
        let mut texts = vec!["öne".to_owned()];
        for (pos, text) in [(3, " two"), (0, "\"\n\""), (4, "é")] {
            desk.insert(pos, text);
            desk.write();
            texts.push(desk.buffer.text());
        }
        desk.undo();
        desk.write();
        texts.push(desk.buffer.text());
        let whole = fs::read(desk.file()).unwrap();
        let mut most = 0;
        for cut in 0..=whole.len() {
            fs::write(desk.file(), &whole[..cut]).unwrap();
            let Some(past) = desk.reopen("öne") else {
                assert!(cut <= whole.iter().position(|byte| *byte == b'\n').unwrap(), "{cut}");
                continue;
            };
            let unsaved = past.unsaved.clone().unwrap_or_else(|| "öne".to_owned());
            let at = texts.iter().rposition(|text| *text == unsaved).unwrap_or_else(|| panic!("{cut}: {unsaved:?}"));
            assert!(at >= most || texts[at..].contains(&texts[most]), "{cut}: less than before");
            most = most.max(at);
            assert_eq!(past.at, 0, "the text on disk is the one before all steps");
            let (lines, length) = lines_of(&fs::read(desk.file()).unwrap());
            assert!(!lines.is_empty() && length == fs::read(desk.file()).unwrap().len(), "{cut}: the rest is cut off");
        }
        assert_eq!(most, texts.len() - 1);
        // A flipped bit ends it, too.
        let mut damaged = whole.clone();
        let last = whole.len() - 20;
        damaged[last] ^= 1;
        fs::write(desk.file(), damaged).unwrap();
        assert!(desk.reopen("öne").unwrap().unsaved.is_some());
    }

    #[test]
    fn files_are_private_locked_and_made_shorter() {
        let mut desk = Desk::with_long_journal();
        assert_eq!(fs::metadata(desk.file()).unwrap().mode() & 0o777, 0o600);
        let mut other = Journals::at(Some(desk.folder.path().to_owned()));
        let text = desk.buffer.text();
        assert!(other.open(Path::new(PATH), &desk.buffer).is_none(), "it is another session's");
        assert!(fs::metadata(desk.file()).unwrap().len() > COMPACT);
        assert!(desk.reopen(&text).is_some());
        assert!(fs::metadata(desk.file()).unwrap().len() < COMPACT);
        let past = desk.reopen(&text).unwrap();
        assert!((1..30).contains(&past.at), "{}", past.at);
        assert!(undone(past, &text).iter().all(|text| text.len() % 200_000 == 0));
    }

    #[test]
    fn a_journal_of_this_process_goes_on_by_any_path_to_its_file() {
        let mut desk = Desk::new("one");
        desk.insert(3, "!");
        let entry = desk.history.take_entry().unwrap();
        fs::create_dir(desk.folder.path().join("sub")).unwrap();
        let [one, other] = ["a.txt", "sub/../a.txt"].map(|name| desk.folder.path().join(name));
        assert!(desk.journals.open(&one, &"one".into()).is_none());
        desk.journals.write(&one, &entry).unwrap();
        assert_eq!(desk.journals.open(&other, &"one".into()).and_then(|past| past.unsaved).as_deref(), Some("one!"));
        desk.journals.back(&one).unwrap();
        assert_eq!(desk.journals.open(&one, &"one".into()).and_then(|past| past.unsaved), None);
    }

    #[test]
    fn what_is_done_after_a_journal_was_made_shorter_goes_on_from_there() {
        let mut desk = Desk::with_long_journal();
        let text = desk.buffer.text();
        let past = desk.reopen(&text).unwrap();
        let kept = past.at;
        desk.history = History::restored(past.steps, past.at);
        desk.insert(0, "y");
        desk.write();
        desk.save();
        let text = desk.buffer.text();
        assert_eq!(desk.reopen(&text).map(|past| past.at), Some(kept + 1));
    }

    #[test]
    fn what_was_undone_and_left_is_there_after_a_restart() {
        let mut desk = Desk::new("one");
        desk.insert(3, " two");
        desk.undo();
        desk.insert(0, "not ");
        desk.write();
        desk.insert(0, "is ");
        desk.write();
        desk.save();
        let past = desk.reopen("is not one").unwrap();
        assert_eq!(past.steps.iter().map(|step| step.parent).collect::<Vec<_>>(), [0, 0, 2]);
        desk.history = History::restored(past.steps, past.at);
        let mut texts = Vec::new();
        while let steps @ [_, ..] = &desk.history.earlier()[..] {
            for step in steps {
                desk.buffer.apply(&step.change).unwrap();
            }
            texts.push(desk.buffer.text());
        }
        assert_eq!(texts, ["not one", "one two", "one"]);
        // A step that would follow itself or a later one is no step.
        let file = desk.file();
        let whole = fs::read_to_string(&file).unwrap();
        assert!(whole.contains("\"parent\":0"), "{whole}");
        let lines = whole.lines().map(|line| line.split_once(' ').unwrap().1.replace("\"parent\":0", "\"parent\":7"));
        let sum = |json: &str| fingerprint::on(fingerprint::START, json.as_bytes());
        let wrong: String = lines.map(|json| format!("{:016x} {json}\n", sum(&json))).collect();
        desk.journals = Journals::default();
        fs::write(&file, wrong).unwrap();
        assert!(desk.reopen("is not one").is_none());
    }
}
