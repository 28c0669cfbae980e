//! The file beside a document's that says where its text is from: written whole or not at all, for the user alone to read.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::Builder;

use crate::app::sources::sidecar::{BEGINNING, EXTENSION};

/// A longer file is not read.
const LONGEST: u64 = 64 << 20;

/// Where it is.
fn place(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(EXTENSION);
    name.into()
}

/// Writes it, unless there is a file of that name that is another's. The error is a sentence.
pub(crate) fn write(path: &Path, json: &str) -> Result<(), String> {
    let place = place(path);
    let failed = |why: &str| format!("{} was not written: {why}.", place.display());
    match is_ours(&place) {
        Ok(true) => {}
        Ok(false) => return Err(failed("there is a file of that name that is not Lacuna's; rename that")),
        Err(error) => return Err(failed(&error.to_string())),
    }
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = || -> io::Result<()> {
        // Such a file is the user's alone from its beginning.
        let mut new = Builder::new().prefix(".lacuna-").tempfile_in(folder)?;
        new.write_all(json.as_bytes())?;
        new.as_file().sync_all()?;
        new.persist(&place)?;
        Ok(())
    };
    written().map_err(|error| match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => failed("the disk is full; make room and save again"),
        ErrorKind::PermissionDenied => failed("you are not allowed to write in that folder"),
        _ => failed(&error.to_string()),
    })
}

/// Whether there is nothing at this place, or what we wrote.
fn is_ours(place: &Path) -> io::Result<bool> {
    let mut beginning = Vec::new();
    match File::open(place) {
        Ok(file) => file.take(BEGINNING.len() as u64).read_to_end(&mut beginning)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    Ok(beginning == BEGINNING.as_bytes())
}

/// What stands in it, if there is one. The error is a sentence.
pub(crate) fn read(path: &Path) -> Option<Result<String, String>> {
    let place = place(path);
    let read = || -> io::Result<String> {
        let file = File::open(&place)?;
        if file.metadata()?.len() > LONGEST {
            return Err(io::Error::other(format!("it is longer than {} MB", LONGEST >> 20)));
        }
        let mut json = String::new();
        file.take(LONGEST).read_to_string(&mut json)?;
        Ok(json)
    };
    match read() {
        Ok(json) => Some(Ok(json)),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => Some(Err(format!("{} is not used: it cannot be read ({error}).", place.display()))),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_written_is_read_and_the_users_alone_and_another_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        assert_eq!(read(&path), None);
        for json in ["1}", "2}"] {
            let json = format!("{BEGINNING}{json}");
            write(&path, &json).unwrap();
            assert_eq!(read(&path), Some(Ok(json)));
        }
        let place = folder.path().join("a.txt.lacuna.json");
        assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
        fs::write(&place, "{\"mine\":1}").unwrap();
        let why = write(&path, BEGINNING).unwrap_err();
        assert!(why.contains("a.txt.lacuna.json was not written: there is a file of that name"), "{why}");
        assert_eq!(fs::read_to_string(&place).unwrap(), "{\"mine\":1}");
        let nowhere = folder.path().join("none/a.txt");
        assert!(write(&nowhere, BEGINNING).unwrap_err().contains("none/a.txt.lacuna.json was not written: "));
        fs::remove_file(&place).unwrap();
        fs::create_dir(&place).unwrap();
        assert!(read(&path).unwrap().unwrap_err().contains("is not used: it cannot be read"));
    }
}
