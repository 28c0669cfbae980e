//! What a command writes beside its answer: a trace, a recording or film, the rows of a check. Only what this program wrote
//! there itself is written over; a file of the user's never is, the one that is read least of all.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::Value;

use super::{Usage, samplers};
use crate::shell::film;

/// So much of a file is looked at: its first line, which in a trace has all ids of a canvas, or the first bytes of a film.
const LINE: u64 = 1 << 24;
const HEAD: u64 = 1 << 12;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `--trace`: a JSON line a step.
    Trace,
    /// `--record` and `replay --to`: a recording, or a film of one.
    Film,
    /// `samplers --check --out`: a JSON line a preset.
    Rows,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Film => "recording or film",
            Self::Rows => "list of rows",
        }
    }

    /// Whether this program wrote the file, as this kind.
    fn is_in(self, file: File) -> std::io::Result<bool> {
        let mut head = Vec::new();
        if self == Self::Film {
            file.take(HEAD).read_to_end(&mut head)?;
        } else {
            BufReader::new(file.take(LINE)).read_until(b'\n', &mut head)?;
        }
        Ok(match self {
            Self::Trace => serde_json::from_slice::<Value>(&head)
                .is_ok_and(|step| ["step", "ids", "edits", "nfe"].iter().all(|key| step.get(key).is_some())),
            Self::Film => film::is_ours(&head),
            Self::Rows => samplers::is_row(&head),
        })
    }
}

/// Refuses a place for what `option` writes, before any work: one of the files that are `read`, or one where something lies
/// that this program did not write as this kind.
pub(crate) fn check(option: &str, path: &Path, kind: Kind, read: &[&Path]) -> anyhow::Result<()> {
    let name = path.display();
    if read.iter().any(|other| is_same(path, other)) {
        bail!(Usage(format!("{option} {name}: the command reads or writes that file already; give another name")));
    }
    // What is no plain file (a terminal, a pipe) is not looked into, as that would take from it or wait for it.
    let Ok(metadata) = std::fs::metadata(path) else { return Ok(()) };
    if metadata.is_dir() {
        bail!("{option} {name} is a folder; give the name of a file in it");
    }
    if !metadata.is_file() || metadata.len() == 0 {
        return Ok(());
    }
    let is_ours = File::open(path).and_then(|file| kind.is_in(file));
    if !is_ours.with_context(|| format!("cannot read {name}, which {option} would write over"))? {
        let kind = kind.name();
        bail!("{name} is there and is no {kind} of this program's, so it stays; give {option} another name");
    }
    Ok(())
}

/// Whether two paths are one file, by whatever name.
fn is_same(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().ok();
    one == other || whole(one).zip(whole(other)).is_some_and(|(one, other)| one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_program_wrote_itself_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let may = |kind, text: &str| {
            std::fs::write(&path, text).unwrap();
            check("--out", &path, kind, &[]).is_ok()
        };
        assert!(may(Kind::Trace, ""), "an empty file loses nothing");
        assert!(may(Kind::Trace, "{\"edits\":[],\"ids\":[1],\"nfe\":1,\"step\":0}\n{"));
        assert!(!may(Kind::Trace, "{\"ids\":[1]}\n"));
        assert!(!may(Kind::Trace, "Dear diary,\n"));
        assert!(may(Kind::Film, "{\"lacuna\":1,\"name\":\"\"}") && !may(Kind::Film, "{\"name\":\"lacuna\"}"));
        assert!(!may(Kind::Film, "<svg xmlns=\"a\"><title>A cat</title></svg>") && !may(Kind::Rows, "GIF89a"));
        assert!(check("--out", folder.path(), Kind::Trace, &[]).is_err());
    }

    #[test]
    fn the_file_that_is_read_is_told_by_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "").unwrap();
        let other = folder.path().join(".").join("a");
        assert!(check("--trace", &path, Kind::Trace, &[&other]).unwrap_err().is::<Usage>());
        assert!(check("--trace", &folder.path().join("b"), Kind::Trace, &[&path]).is_ok());
    }
}
