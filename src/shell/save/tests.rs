//! Saving on a real file system. Some tests are about leave to write, which the superuser always has: those hold for
//! both, and say more for anybody else.

use std::os::unix::fs::symlink;

use super::*;
use crate::app::message::Stamp;
use crate::text::encoding::Encoding;

struct Place {
    folder: tempfile::TempDir,
    safety: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), safety: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn save(&self, path: &Path, text: &str, expect: Expect) -> Result<SavedFile, SaveError> {
        let request = SaveRequest {
            document: 1,
            path: path.to_owned(),
            contents: Buffer::from_text(text),
            encoding: Encoding::Utf8,
            expect,
            sidecar: None,
        };
        save(&request, Some(self.safety.path()))
    }

    /// Nothing is left over: no temporary file, no copy.
    fn names(&self) -> Vec<String> {
        assert_eq!(fs::read_dir(self.safety.path()).unwrap().count(), 0, "a copy is left");
        let mut names: Vec<String> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

fn stamp_of(path: &Path) -> Stamp {
    files::stamp(&fs::metadata(path).unwrap())
}

fn why(result: Result<SavedFile, SaveError>) -> String {
    match result {
        Err(SaveError::Failed(why)) => why,
        other => panic!("expected a sentence, got {other:?}"),
    }
}

#[test]
fn encodings_are_written_as_they_were_read_and_what_they_lack_is_told() {
    let place = Place::new();
    let path = place.file("a.txt", "");
    for bytes in [&b"caf\xe9\r\n"[..], b"\xff\xfea\0\n\0", b"\xfe\xff\0a", b"\xef\xbb\xbfa"] {
        fs::write(&path, bytes).unwrap();
        let opened = files::open(&path, None).unwrap();
        let contents = opened.text.clone();
        let request = SaveRequest {
            document: 1,
            path: path.clone(),
            contents,
            encoding: opened.encoding,
            expect: Expect::Anything,
            sidecar: None,
        };
        save(&request, None).unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
    let contents = Buffer::from_text("a\n字");
    let request = SaveRequest {
        document: 1,
        path,
        contents,
        encoding: Encoding::Windows1252,
        expect: Expect::Anything,
        sidecar: None,
    };
    let why = why(save(&request, None));
    assert!(why.contains("Windows-1252") && why.contains("'字'") && why.contains("line 2"), "{why}");
}

#[test]
fn every_byte_is_written_as_it_is() {
    let place = Place::new();
    let path = place.path("a.txt");
    let long = "ünïcödé\r\n".repeat(50_000);
    for text in ["", "a\r\nb\r\n", "no newline", "\u{feff}mark\n", "lone \r\n\r and \u{2028}", &long, "short"] {
        let saved = place.save(&path, text, Expect::Anything).unwrap();
        assert_eq!(fs::read(&path).unwrap(), text.as_bytes());
        assert_eq!(saved.stamp, stamp_of(&path));
        assert_eq!(place.names(), ["a.txt"]);
    }
}

#[test]
fn mode_stays() {
    let place = Place::new();
    let path = place.file("run.sh", "old");
    for mode in [0o755, 0o600, 0o664, 0o640] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        place.save(&path, "new", Expect::Same(stamp_of(&path))).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, mode);
    }
}

#[test]
fn new_files_are_made_like_any_other() {
    let place = Place::new();
    let usual = fs::metadata(place.file("usual", "")).unwrap().mode();
    let path = place.path("new");
    place.save(&path, "text", Expect::Nothing).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode(), usual);
}

#[test]
fn foreign_changes_are_noticed() {
    let place = Place::new();
    let path = place.file("a", "one");
    let known = stamp_of(&path);
    fs::write(&path, "two and more").unwrap();
    assert_eq!(place.save(&path, "mine", Expect::Same(known)), Err(SaveError::ChangedOnDisk(path.clone())));
    assert_eq!(place.save(&path, "mine", Expect::Nothing), Err(SaveError::Exists(path.clone())));
    assert_eq!(fs::read_to_string(&path).unwrap(), "two and more");
    place.save(&path, "mine", Expect::Anything).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn a_file_that_vanished_is_written_again() {
    let place = Place::new();
    let path = place.file("a", "one");
    let known = stamp_of(&path);
    fs::remove_file(&path).unwrap();
    place.save(&path, "mine", Expect::Same(known)).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn links_stay_links() {
    let place = Place::new();
    let path = place.file("file", "old");
    let (near, far) = (place.path("near"), place.path("far"));
    symlink("file", &near).unwrap();
    symlink(&near, &far).unwrap();
    place.save(&far, "new", Expect::Same(stamp_of(&far))).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert!(fs::symlink_metadata(&far).unwrap().is_symlink() && fs::symlink_metadata(&near).unwrap().is_symlink());

    let dangling = place.path("dangling");
    symlink("made", &dangling).unwrap();
    place.save(&dangling, "new", Expect::Nothing).unwrap();
    assert_eq!(fs::read_to_string(place.path("made")).unwrap(), "new");

    let circle = place.path("circle");
    symlink("circle", &circle).unwrap();
    assert!(why(place.save(&circle, "new", Expect::Nothing)).contains("circle"));
}

#[test]
fn hard_links_stay_one_file() {
    let place = Place::new();
    let (one, two) = (place.file("one", "the old text"), place.path("two"));
    fs::hard_link(&one, &two).unwrap();
    for text in ["new", "a new text that is longer than the old one", ""] {
        place.save(&one, text, Expect::Same(stamp_of(&one))).unwrap();
        assert_eq!(fs::read_to_string(&two).unwrap(), text);
        assert_eq!(place.names(), ["one", "two"]);
    }
}

#[test]
fn without_a_safe_copy_nothing_is_overwritten() {
    let place = Place::new();
    let one = place.file("one", "old");
    fs::hard_link(&one, place.path("two")).unwrap();
    let request = SaveRequest {
        document: 1,
        path: one.clone(),
        contents: Buffer::from_text("new"),
        encoding: Encoding::Utf8,
        expect: Expect::Anything,
        sidecar: None,
    };
    assert!(why(save(&request, None)).contains("no folder for a copy"));
    assert_eq!(fs::read_to_string(&one).unwrap(), "old");
}

#[test]
fn folder_without_leave_to_write() {
    let place = Place::new();
    let path = place.file("a", "old");
    fs::set_permissions(place.folder.path(), Permissions::from_mode(0o555)).unwrap();
    let is_superuser = fs::write(place.path("probe"), "").is_ok();
    let saved = place.save(&path, "new", Expect::Anything);
    let refused = place.save(&place.path("b"), "new", Expect::Nothing);
    fs::set_permissions(place.folder.path(), Permissions::from_mode(0o755)).unwrap();
    saved.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    if !is_superuser {
        assert!(why(refused).contains("not allowed"));
        assert_eq!(place.names(), ["a"]);
    }
}

#[test]
fn file_without_leave_to_write() {
    let place = Place::new();
    let path = place.file("a", "old");
    fs::set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
    let is_superuser = OpenOptions::new().write(true).open(&path).is_ok();
    let saved = place.save(&path, "new", Expect::Anything);
    if !is_superuser {
        assert!(why(saved).contains("not allowed"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    }
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o444);
}

#[test]
fn places_where_nothing_can_be_written() {
    let place = Place::new();
    let file = place.file("file", "x");
    assert!(why(place.save(place.folder.path(), "x", Expect::Anything)).contains("is a folder"));
    assert!(why(place.save(&place.path("no/such/a"), "x", Expect::Nothing)).contains("does not exist"));
    assert!(why(place.save(&file.join("a"), "x", Expect::Nothing)).contains("is not a folder"));
    let long = place.path(&"n".repeat(300));
    assert!(why(place.save(&long, "x", Expect::Nothing)).contains("no valid name"));
    assert_eq!(place.names(), ["file"]);
}

#[test]
fn full_disk_is_a_sentence() {
    let place = Place::new();
    let why = why(place.save(Path::new("/dev/full"), "text", Expect::Anything));
    assert_eq!(why, "/dev/full was not saved: the disk is full; make room, or save it somewhere else.");
}

#[test]
fn a_name_as_long_as_can_be_is_saved() {
    let place = Place::new();
    let path = place.path(&"n".repeat(255));
    place.save(&path, "x", Expect::Nothing).unwrap();
    place.save(&path, "y", Expect::Same(stamp_of(&path))).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "y");
}

#[test]
fn what_cannot_be_written_is_put_back() {
    let place = Place::new();
    let path = place.file("a", "half of the new te");
    let mut copy = NamedTempFile::new_in(place.safety.path()).unwrap();
    copy.write_all(b"the old text").unwrap();
    let mut file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let error = put_back(&mut file, copy, ErrorKind::StorageFull.into()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    assert_eq!(fs::read_to_string(&path).unwrap(), "the old text");
    assert_eq!(place.names(), ["a"]);
}
