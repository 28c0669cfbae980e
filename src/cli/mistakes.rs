//! How it is told what went wrong, and what was typed wrongly: one line each.

use std::io::Write;
use std::process::ExitCode;

use clap::CommandFactory;
use regex::Regex;

use super::Cli;
use crate::diffusion::spec::{distance, nearest};

/// A mistake in what was typed: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// The exit code of a failure.
pub(super) fn code(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
}

/// Says something beside the answer, which is what was asked for: a warning that cannot be written is none.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "lacuna: {text}");
}

/// Whether nobody reads on what is written.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// A failure as one sentence: every cause but those that what stands before has named already.
pub(super) fn sentence(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain() {
        let cause = plain(&cause.to_string());
        if said.is_empty() {
            said = cause;
        } else if !said.contains(&cause) {
            said += &format!(": {cause}");
        }
    }
    said
}

/// Without the number that stands behind what the system says, and without the name of a file that was there for a moment.
fn plain(text: &str) -> String {
    let Ok(noise) = Regex::new(r#" \(os error \d+\)( at path "[^"]*")?"#) else { return text.to_owned() };
    noise.replace_all(text, "").into_owned()
}

/// A word that is nearly a command and no file, where files are expected: what it may have been meant as.
pub(super) fn nearly_a_command(word: &str) -> Option<Usage> {
    let is_word = word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_lowercase());
    if !is_word || std::path::Path::new(word).exists() {
        return None;
    }
    let meant = if ["help", "version"].contains(&word) {
        format!("--{word}")
    } else {
        let program = Cli::command();
        let names: Vec<&str> = program.get_subcommands().map(clap::Command::get_name).collect();
        let near = nearest(word, names.into_iter());
        // The longer a word, the more of it may be mistyped.
        let close = near.starts_with(word) || distance(word, near) <= near.len() / 4;
        close.then(|| near.to_owned())?
    };
    Some(Usage(format!(
        "there is no file {word} here; `lacuna {meant}` may be what was meant (a new file of that name is ./{word})"
    )))
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn a_cause_is_told_once_and_without_the_systems_numbers() {
        let system = || std::io::Error::from_raw_os_error(2);
        let once = Err::<(), _>(system()).context("cannot read a").unwrap_err();
        assert_eq!(sentence(&once), "cannot read a: No such file or directory");
        let twice = Err::<(), _>(system()).context(format!("cannot read a: {}", system())).unwrap_err();
        assert_eq!(sentence(&twice), "cannot read a: No such file or directory");
        let inside = anyhow!("cannot write b: No such file (os error 2) at path \"/b/.tmp1\"");
        assert_eq!(sentence(&inside), "cannot write b: No such file");
    }

    #[test]
    fn a_word_that_is_nearly_a_command_gets_a_hint() {
        for (word, meant) in [("fil", "fill"), ("help", "--help"), ("sampler", "samplers"), ("calibarte", "calibrate")]
        {
            let told = nearly_a_command(word).unwrap().to_string();
            assert!(told.contains(&format!("`lacuna {meant}`")) && told.contains(&format!("./{word}")), "{told}");
        }
        for file in ["notes", "fil.md", "./fil", "Cargo.toml", "src", "a"] {
            assert!(nearly_a_command(file).is_none(), "{file}");
        }
    }
}
