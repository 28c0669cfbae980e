//! Saving: the file is either the old one or the new one, never half of each.
//!
//! Usually the text is written to a temporary file in the same folder, synced, given the old file's mode and owner, and
//! renamed over it. Where that cannot be (a folder we may not write in, an owner we cannot give away, several hard links),
//! the file itself is written, after a copy of it was put into the recovery folder; room for the longer text is taken
//! first, so that a full disk is met before a byte is lost. Symbolic links are followed and stay links.
//!
//! Limits: access lists and extended attributes beyond the mode are those of a new file.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, BufWriter, ErrorKind, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::app::effect::{Expect, SaveRequest};
use crate::app::message::{SaveError, SavedFile};
use crate::shell::files;
use crate::text::buffer::Buffer;
use crate::text::encoding::encode;

/// Links that are followed before we call it a circle, as Linux does.
const MOST_LINKS: usize = 40;

/// Writes a document. `safety` is the folder for the copy that is made before a file is overwritten in place.
pub(crate) fn save(request: &SaveRequest, safety: Option<&Path>) -> Result<SavedFile, SaveError> {
    let failed = |error: io::Error| SaveError::Failed(sentence(&request.path, &error));
    let target = follow_links(&request.path).map_err(failed)?;
    let found = match fs::metadata(&target) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(failed(error)),
    };
    if found.as_ref().is_some_and(Metadata::is_dir) {
        return Err(failed(ErrorKind::IsADirectory.into()));
    }
    check(request, found.as_ref())?;
    let encoded = encode(&request.contents, request.encoding).map_err(|why| {
        let (name, line) = (request.path.display(), why.line + 1);
        SaveError::Failed(format!(
            "{name} was not saved: {} has no {:?}, which is on line {line}; the command utf-8 saves it as UTF-8.",
            request.encoding.name(),
            why.character
        ))
    })?;
    let contents = &Contents { buffer: &request.contents, encoded };
    match &found {
        None => create(&target, contents, request.expect),
        Some(found) if !found.is_file() => {
            OpenOptions::new().write(true).open(&target).and_then(|file| write(file, contents))
        }
        Some(found) if found.nlink() > 1 => overwrite(&target, contents, safety),
        Some(found) => match replace(&target, contents, found) {
            Err(Unreplaced::MustStay) => overwrite(&target, contents, safety),
            Err(Unreplaced::Failed(error)) => Err(error),
            Ok(()) => Ok(()),
        },
    }
    .map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => SaveError::Exists(request.path.clone()),
        _ => failed(error),
    })?;
    let stamp = files::stamp(&fs::metadata(&target).map_err(failed)?);
    Ok(SavedFile { path: request.path.clone(), stamp, revision: request.contents.revision() })
}

/// What is to stand in the file.
struct Contents<'a> {
    buffer: &'a Buffer,
    /// Its bytes, where they are not the buffer's own.
    encoded: Option<Vec<u8>>,
}

impl Contents<'_> {
    fn len(&self) -> u64 {
        self.encoded.as_ref().map_or(self.buffer.rope().len_bytes(), Vec::len) as u64
    }

    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        match &self.encoded {
            Some(bytes) => out.write_all(bytes),
            None => self.buffer.rope().chunks().try_for_each(|chunk| out.write_all(chunk.as_bytes())),
        }
    }
}

fn check(request: &SaveRequest, found: Option<&Metadata>) -> Result<(), SaveError> {
    match (request.expect, found) {
        (Expect::Nothing, Some(_)) => Err(SaveError::Exists(request.path.clone())),
        (Expect::Same(known), Some(found)) if files::stamp(found) != known => {
            Err(SaveError::ChangedOnDisk(request.path.clone()))
        }
        _ => Ok(()),
    }
}

/// The file that a path leads to; it need not exist.
pub(crate) fn follow_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        if !fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink()) {
            return Ok(path);
        }
        let link = fs::read_link(&path)?;
        path = folder_of(&path).join(link);
    }
    Err(io::Error::other("its symbolic links lead in a circle"))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Why a file was not replaced by another.
enum Unreplaced {
    /// It cannot be without changing what it is: it must be written itself.
    MustStay,
    /// Nothing can be written.
    Failed(io::Error),
}

impl Unreplaced {
    fn of(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::MustStay,
            _ => Self::Failed(error),
        }
    }
}

/// A file where there is none.
fn create(target: &Path, contents: &Contents<'_>, expect: Expect) -> io::Result<()> {
    let folder = folder_of(target);
    // What the user's mask leaves of this, as for any new file.
    let new = Builder::new().prefix(".lacuna-").permissions(Permissions::from_mode(0o666)).tempfile_in(folder)?;
    write(new.as_file(), contents)?;
    match expect {
        Expect::Nothing => new.persist_noclobber(target)?,
        Expect::Same(_) | Expect::Anything => new.persist(target)?,
    };
    sync_folder(folder);
    Ok(())
}

/// Another file in the place of this one.
fn replace(target: &Path, contents: &Contents<'_>, found: &Metadata) -> Result<(), Unreplaced> {
    // Renaming over a file needs no leave to write it, but the user took that leave away for a reason.
    drop(OpenOptions::new().write(true).open(target).map_err(Unreplaced::Failed)?);
    let folder = folder_of(target);
    let new = Builder::new().prefix(".lacuna-").tempfile_in(folder).map_err(Unreplaced::of)?;
    write(new.as_file(), contents).map_err(Unreplaced::Failed)?;
    let made = new.as_file().metadata().map_err(Unreplaced::Failed)?;
    if (made.uid(), made.gid()) != (found.uid(), found.gid()) {
        fchown(new.as_file(), Some(found.uid()), Some(found.gid())).map_err(|_| Unreplaced::MustStay)?;
    }
    // After the owner, whose change takes the set-user bits away.
    new.as_file().set_permissions(found.permissions()).map_err(|_| Unreplaced::MustStay)?;
    new.persist(target).map_err(|error| Unreplaced::of(error.error))?;
    sync_folder(folder);
    Ok(())
}

/// Makes the new name last. Some file systems cannot, and the file is whole either way.
fn sync_folder(folder: &Path) {
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

/// Writes the file itself.
fn overwrite(target: &Path, contents: &Contents<'_>, safety: Option<&Path>) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(target)?;
    let safety = safety.ok_or_else(|| io::Error::other("there is no folder for a copy to be safe"))?;
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let mut copy = Builder::new().prefix(&format!("copy-of-{name}-")).tempfile_in(safety)?;
    io::copy(&mut file, copy.as_file_mut())?;
    copy.as_file().sync_all()?;
    make_room(&mut file, contents)?;
    rewrite(&mut file, contents).or_else(|error| put_back(&mut file, copy, error))
}

/// Takes the room that a longer text needs, or leaves the file as it was.
fn make_room(file: &mut File, contents: &Contents<'_>) -> io::Result<()> {
    let len = file.metadata()?.len();
    let more = (contents.len()).saturating_sub(len);
    file.seek(SeekFrom::End(0))?;
    // Zeros are written rather than the length set: that would take no room.
    let taken = io::copy(&mut io::Read::take(io::repeat(0), more), file).and_then(|_| file.sync_all());
    if taken.is_err() {
        file.set_len(len)?;
    }
    taken
}

fn rewrite(file: &mut File, contents: &Contents<'_>) -> io::Result<()> {
    file.rewind()?;
    write(&*file, contents)?;
    file.set_len(contents.len())?;
    file.sync_all()
}

/// Undoes a failed [`rewrite`]; where that fails too, the copy stays and the error says where.
fn put_back(file: &mut File, mut copy: NamedTempFile, error: io::Error) -> io::Result<()> {
    let mut restore = || {
        file.rewind()?;
        copy.as_file_mut().rewind()?;
        let len = io::copy(copy.as_file_mut(), file)?;
        file.set_len(len)?;
        file.sync_all()
    };
    match restore() {
        Ok(()) => Err(error),
        Err(_) => match copy.keep() {
            Ok((_, place)) => Err(io::Error::other(format!("{error}; the file as it was is in {}", place.display()))),
            Err(_) => Err(error),
        },
    }
}

fn write(file: impl Write + Syncable, contents: &Contents<'_>) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, file);
    contents.write_to(&mut out)?;
    out.into_inner()?.sync()
}

/// What can be made to last.
trait Syncable {
    fn sync(&self) -> io::Result<()>;
}

impl Syncable for File {
    fn sync(&self) -> io::Result<()> {
        (&self).sync()
    }
}

impl Syncable for &File {
    fn sync(&self) -> io::Result<()> {
        match self.sync_all() {
            // Devices and pipes cannot be synced.
            Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
            done => done,
        }
    }
}

fn sentence(path: &Path, error: &io::Error) -> String {
    let folder = folder_of(path).display();
    let why = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "the disk is full; make room, or save it somewhere else".to_owned()
        }
        ErrorKind::PermissionDenied => "you are not allowed to write there; save it under another name".to_owned(),
        ErrorKind::ReadOnlyFilesystem => "that disk is read-only; save it somewhere else".to_owned(),
        ErrorKind::NotFound => format!("the folder {folder} does not exist; make it, or save somewhere else"),
        ErrorKind::NotADirectory => format!("{folder} is not a folder; save it somewhere else"),
        ErrorKind::IsADirectory => "that is a folder; name a file in it".to_owned(),
        ErrorKind::InvalidFilename => "that is no valid name for a file; save it under another name".to_owned(),
        _ => format!("{error}; save it somewhere else"),
    };
    format!("{} was not saved: {why}.", path.display())
}

#[cfg(test)]
mod tests;
