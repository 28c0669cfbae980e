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
    /// Read the text from a file
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    file: Option<PathBuf>,
}

impl Source {
    /// The file, if it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
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
            (Some(path), _) => {
                let name = path.display().to_string();
                (std::fs::read(path).with_context(|| format!("cannot read {name}"))?, name)
            }
            (None, None | Some("-")) => {
                let mut bytes = Vec::new();
                std::io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
                (bytes, "standard input".to_owned())
            }
            (None, Some(text)) => return Ok(text.to_owned()),
        };
        String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            anyhow!("{name} is not UTF-8 text: byte {at} does not belong to any character; convert it first")
        })
    }
}
