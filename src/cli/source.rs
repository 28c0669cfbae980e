//! Where a command's text comes from: an argument, a file, or standard input.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;

/// The text that a command works on.
#[derive(Debug, Args)]
pub(crate) struct Source {
    /// The text, or `-` for standard input (also read when neither TEXT nor --file is given)
    text: Option<String>,
    /// Read the text from a file; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    file: Option<PathBuf>,
}

impl Source {
    /// The file, if it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref().filter(|file| !is_standard_input(file))
    }

    /// The file that the text is the name of: what was meant, if the text itself makes no sense.
    pub(crate) fn named(&self) -> Option<&str> {
        self.text.as_deref().filter(|text| Path::new(text).is_file())
    }

    /// Reads it.
    ///
    /// # Errors
    /// A file that cannot be read, bytes that are no UTF-8.
    pub(crate) fn read(&self) -> anyhow::Result<String> {
        let (bytes, name) = match (&self.file, self.text.as_deref()) {
            (Some(path), _) => bytes_of(path)?,
            (None, None | Some("-")) => bytes_of(Path::new("-"))?,
            (None, Some(text)) => return Ok(text.to_owned()),
        };
        String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            anyhow!("{name} is not UTF-8 text: byte {at} does not belong to any character; convert it first")
        })
    }
}

/// Whether a path stands for standard input.
pub(crate) fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// The bytes of a file, or of standard input for `-`, and what it is called.
///
/// # Errors
/// What cannot be read.
pub(crate) fn bytes_of(path: &Path) -> anyhow::Result<(Vec<u8>, String)> {
    if is_standard_input(path) {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
        return Ok((bytes, "standard input".to_owned()));
    }
    let name = path.display().to_string();
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {name}"))?;
    Ok((bytes, name))
}
