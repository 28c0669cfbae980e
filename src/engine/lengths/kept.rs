//! What `lacuna calibrate` found, kept in one file of the state folder for the next fill and the editor.
//!
//! A model is known by its bytes and not by its name: the size of each of its files with the hash of its first and last
//! 64 KiB, so that another training of the same architecture is another model. A file that is not there, cannot be read or
//! is of another version says nothing, and nothing is lost: the constants can be fitted again. Unit: one file of a few kB.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Lengths;
use crate::diffusion::length::{Evidence, LengthBias};
use crate::engine::config;

/// How much of each end of a file counts.
const END: u64 = 64 * 1024;

/// What is kept of one model: [`Lengths`] by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// What the model was called, for whoever reads the file.
    model: String,
    a: f64,
    b: f64,
    c: f64,
    d: f64,
    e: f64,
    confidence: f64,
    seam: f64,
    fluency: f64,
    refinements: usize,
    trials: bool,
    longest: usize,
}

impl Entry {
    pub(crate) fn new(model: &str, lengths: Lengths) -> Self {
        let Lengths { bias, evidence, trials, longest } = lengths;
        let LengthBias { a, b, c, d, e } = bias;
        let Evidence { confidence, seam, fluency, refinements } = evidence;
        let model = model.to_owned();
        Self { model, a, b, c, d, e, confidence, seam, fluency, refinements, trials, longest }
    }

    fn lengths(&self) -> Lengths {
        let Self { a, b, c, d, e, confidence, seam, fluency, refinements, trials, longest, .. } = *self;
        let evidence = Evidence { confidence, seam, fluency, refinements };
        Lengths { bias: LengthBias { a, b, c, d, e }, evidence, trials, longest: longest.max(1) }
    }
}

type Entries = BTreeMap<String, Entry>;

/// Where constants are kept, if the system has such a place.
pub(crate) fn file() -> Option<PathBuf> {
    config::state_file("lengths.json")
}

/// What was found for the model at a path.
pub(super) fn read(model: &Path) -> Option<Lengths> {
    let entries = entries(&file()?);
    // Most people never calibrate: then no model is hashed.
    if entries.is_empty() {
        return None;
    }
    entries.get(&identity(model).ok()?).map(Entry::lengths)
}

/// Keeps what was found for a model.
///
/// # Errors
/// A file of the model that cannot be read, or a folder that cannot be written to.
pub(crate) fn write(model: &Path, name: &str, lengths: Lengths) -> std::io::Result<PathBuf> {
    let file = place()?;
    let mut entries = entries(&file);
    entries.insert(identity(model)?, Entry::new(name, lengths));
    keep(&entries, &file)?;
    Ok(file)
}

/// Forgets what was found for a model, and gives the file that it was in; where there was nothing, nothing is written.
///
/// # Errors
/// As for [`write`].
pub(crate) fn forget(model: &Path) -> std::io::Result<Option<PathBuf>> {
    let file = place()?;
    let mut entries = entries(&file);
    if entries.remove(&identity(model)?).is_none() {
        return Ok(None);
    }
    keep(&entries, &file)?;
    Ok(Some(file))
}

fn place() -> std::io::Result<PathBuf> {
    file().ok_or_else(|| std::io::Error::other("there is no home folder; set HOME"))
}

fn keep(entries: &Entries, file: &Path) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(&serde_json::to_vec_pretty(entries)?)?;
    new.persist(file)?;
    Ok(())
}

fn entries(file: &Path) -> Entries {
    std::fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// What tells a model's files from those of any other; names of folders do not count.
fn identity(model: &Path) -> std::io::Result<String> {
    let mut files = vec![model.to_owned()];
    if model.is_dir() {
        files = std::fs::read_dir(model)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
        files.retain(|path| path.is_file());
        files.sort();
    }
    let mut hash = Sha256::new();
    for path in files {
        let mut file = File::open(&path)?;
        let size = file.metadata()?.len();
        hash.update(size.to_le_bytes());
        for start in [0, size.saturating_sub(END)] {
            let mut end = Vec::new();
            file.seek(SeekFrom::Start(start))?;
            Read::by_ref(&mut file).take(END).read_to_end(&mut end)?;
            hash.update(&end);
        }
    }
    Ok(hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_by_its_bytes_wherever_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let model = |name: &str, weights: &[u8]| {
            let path = folder.path().join(name);
            std::fs::create_dir(&path).unwrap();
            std::fs::write(path.join("config.json"), "{}").unwrap();
            std::fs::write(path.join("model.safetensors"), weights).unwrap();
            identity(&path).unwrap()
        };
        let mut weights = vec![7; 300_000];
        let one = model("one", &weights);
        assert_eq!(one, model("two", &weights));
        *weights.last_mut().unwrap() = 8;
        assert_ne!(one, model("three", &weights));
        assert!(identity(&folder.path().join("none")).is_err());
    }

    #[test]
    fn a_file_that_says_nothing_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lengths.json");
        assert!(entries(&file).is_empty());
        std::fs::write(&file, "[1, 2").unwrap();
        assert!(entries(&file).is_empty());
        let kept = Entries::from([("a".into(), Entry::new("m", Lengths::shipped("m")))]);
        std::fs::write(&file, serde_json::to_vec(&kept).unwrap()).unwrap();
        assert_eq!(entries(&file), kept);
        assert_eq!(kept["a"].lengths(), Lengths::shipped("m"));
    }
}
