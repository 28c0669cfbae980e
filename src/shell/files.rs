//! Reading documents: names as they are typed, bytes that must be a text, and what tells a file from a later one.
//!
//! Everything that goes wrong is one sentence: what, where, what to do. `"\r\n"` and a missing last newline are text like any
//! other and stay as they are. Saving is in [`super::save`].

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use directories::BaseDirs;

use crate::app::commands::file::split_place;
use crate::app::message::{Opened, Stamp};
use crate::shell::{FileArg, style};
use crate::text::buffer::{Buffer, Incoming};
use crate::text::encoding::Encoding;
pub(crate) use crate::text::encoding::decode;

/// See [`FileArg::parse`].
pub(crate) fn parse_argument(text: &str) -> FileArg {
    let whole = FileArg { path: PathBuf::from(text), at: None };
    if whole.path.exists() {
        return whole;
    }
    split_place(text).map_or(whole, |(path, at)| FileArg { path: PathBuf::from(path), at: Some(at) })
}

/// A file as typed at a prompt. As on the command line, a line and a column may stand behind the name.
pub(crate) fn typed(path: &Path) -> FileArg {
    let path = expand_home(path);
    match path.to_str() {
        Some(text) => parse_argument(text),
        None => FileArg { path, at: None },
    }
}

/// A path as typed at a prompt, where no other shell has put the home folder for `~`.
pub(crate) fn expand_home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), BaseDirs::new()) {
        (Ok(rest), Some(user)) => user.home_dir().join(rest),
        _ => path.to_owned(),
    }
}

/// What tells this file from a later one.
pub(crate) fn stamp(metadata: &Metadata) -> Stamp {
    let modified = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    Stamp { modified, len: metadata.len() }
}

/// Reads a document. A file that does not exist is a new, empty one. The error is a sentence.
pub(crate) fn open(path: &Path, at: Option<(usize, usize)>) -> Result<Opened, String> {
    let name = path.display();
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(Opened { style: style::of(path), path: Some(path.to_owned()), at, ..Opened::default() });
        }
        other => other.map_err(|error| unreadable(path, &error))?,
    };
    if metadata.is_dir() {
        return Err(format!("{name} is a folder; name a file in it"));
    }
    if !metadata.is_file() {
        return Err(format!("{name} is a device or a pipe and not a file; a pipe can be read as standard input"));
    }
    let (text, stamp) = read(path).map_err(|error| unreadable(path, &error))?;
    let (text, encoding) = text.map_err(|why| format!("{name} {why}"))?;
    let known = path.to_owned();
    let (path, read_only) = (Some(path.to_owned()), is_read_only(path));
    Ok(Opened {
        style: style::of(&known),
        path,
        text,
        encoding,
        stamp: Some(stamp),
        at,
        read_only,
        ..Opened::default()
    })
}

/// A text and how it was written, or what is wrong with it.
type Decoded = Result<(Buffer, Encoding), String>;

/// What is read at a time.
const PIECE: usize = 1 << 18;

/// The text of a file. The stamp is taken before reading: what is written in between is then noticed when saving.
fn read(path: &Path) -> io::Result<(Decoded, Stamp)> {
    let mut file = File::open(path)?;
    let stamp = stamp(&file.metadata()?);
    let mut bytes = Vec::new();
    // Where there is no room for it, that is said before the memory of everything else is used up.
    bytes.try_reserve_exact(stamp.len as usize).map_err(|_| ErrorKind::OutOfMemory)?;
    if let Some((text, is_marked)) = read_utf8(&mut file)? {
        let encoding = if is_marked { Encoding::MarkedUtf8 } else { Encoding::Utf8 };
        return Ok((Ok((text, encoding)), stamp));
    }
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok((decode(bytes).map(|(text, encoding)| (text.into(), encoding)), stamp))
}

/// The text of a file in UTF-8, never in memory twice, and whether a mark stood before it; none where it is in something else.
fn read_utf8(file: &mut File) -> io::Result<Option<(Buffer, bool)>> {
    let (mut incoming, mut piece) = (Incoming::default(), vec![0; PIECE]);
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(incoming.finish()),
            Ok(length) if !incoming.push(&piece[..length]) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn is_read_only(path: &Path) -> bool {
    // Only asked for, nothing is written: that takes owner, groups, access lists and the file system into account.
    let refused = OpenOptions::new().write(true).open(path).err().map(|error| error.kind());
    matches!(refused, Some(ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem))
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    let name = path.display();
    match error.kind() {
        ErrorKind::PermissionDenied => format!("{name} cannot be read: you are not allowed to; check its permissions"),
        ErrorKind::NotADirectory => format!("{name} cannot be read: a part of that path is a file; check the path"),
        ErrorKind::OutOfMemory => format!("{name} cannot be read: it does not fit into memory"),
        ErrorKind::InvalidFilename => format!("{name} cannot be read: that is no valid name; check the path"),
        _ => format!("{name} cannot be read: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn bytes_come_in_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "a\r\nb\r\n", "no newline", "\u{feff}with a mark\n", "lone \r and \u{2028}"] {
            let path = folder.path().join("a.txt");
            fs::write(&path, text).unwrap();
            let opened = open(&path, Some((2, 1))).unwrap();
            let (rest, is_marked) = text.strip_prefix('\u{feff}').map_or((text, false), |rest| (rest, true));
            assert_eq!((opened.text.text().as_str(), opened.at), (rest, Some((2, 1))));
            assert_eq!(opened.encoding == Encoding::MarkedUtf8, is_marked);
            assert_eq!(opened.stamp.map(|stamp| stamp.len), Some(text.len() as u64));
        }
    }

    #[test]
    fn missing_file_is_a_new_document() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new.txt");
        let opened = open(&path, None).unwrap();
        assert_eq!((opened.path, opened.stamp, opened.text), (Some(path.clone()), None, Buffer::new()));
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_text_is_refused_with_the_place() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |bytes: &[u8]| {
            let path = folder.path().join("b");
            fs::write(&path, bytes).unwrap();
            let why = open(&path, None).unwrap_err();
            assert!(why.starts_with(&path.display().to_string()), "{why}");
            why
        };
        assert!(refused(b"\xff\xfeh").contains("UTF-16"));
        assert!(refused(b"\x7fELF\0\0").contains("zero byte at offset 4"));
    }

    #[test]
    fn folders_devices_and_dead_ends_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(open(folder.path(), None).unwrap_err().contains("is a folder"));
        assert!(open(Path::new("/dev/zero"), None).unwrap_err().contains("device"));
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        assert!(open(&file.join("below"), None).unwrap_err().contains("part of that path"));
        let circle = folder.path().join("circle");
        symlink(&circle, &circle).unwrap();
        assert!(open(&circle, None).unwrap_err().contains("symbolic links"));
    }

    #[test]
    fn arguments_carry_line_and_column() {
        let parsed = |text: &str| {
            let FileArg { path, at } = FileArg::parse(text);
            (path.display().to_string(), at)
        };
        assert_eq!(parsed("a.txt"), ("a.txt".to_owned(), None));
        assert_eq!(parsed("a.txt:12"), ("a.txt".to_owned(), Some((12, 1))));
        assert_eq!(parsed("a.txt:12:5"), ("a.txt".to_owned(), Some((12, 5))));
        assert_eq!(parsed("a.txt:12:"), ("a.txt".to_owned(), Some((12, 1))));
        assert_eq!(parsed("a.txt:x"), ("a.txt:x".to_owned(), None));
        assert_eq!(parsed("a.txt:0"), ("a.txt:0".to_owned(), None));
        assert_eq!(parsed(":3"), (":3".to_owned(), None));
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join("odd:7");
        fs::write(&odd, "").unwrap();
        assert_eq!(FileArg::parse(&odd.display().to_string()), FileArg { path: odd, at: None });
    }

    #[test]
    fn tilde_is_the_home_folder_only_as_a_whole_part() {
        assert_eq!(expand_home(Path::new("a/~/b")), Path::new("a/~/b"));
        assert_eq!(expand_home(Path::new("~x/b")), Path::new("~x/b"));
        if let Some(user) = BaseDirs::new() {
            assert_eq!(expand_home(Path::new("~/b")), user.home_dir().join("b"));
        }
    }
}
