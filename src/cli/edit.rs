//! `lacuna [FILE...]`: the editor, with the engine behind it.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use tokio::sync::mpsc::unbounded_channel;

use super::markers::{Segment, parse};
use super::mistakes::nearly_a_command;
use super::{Common, Precision, Usage, cores};
use crate::app::keymap::Keymap;
use crate::app::message::Opened;
use crate::app::settings::Settings;
use crate::app::tour;
use crate::engine::catalog::settings::Described;
use crate::engine::catalog::{self, Found};
use crate::engine::protocol::{Event, Length};
use crate::engine::{Engine, EngineOptions};
use crate::shell::{self, EngineLink, FileArg, InitialDocument, Source, Start, remembered};
use crate::text::holes::HoleLength;

/// What the program opens on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Opens<'a> {
    /// These files, or the welcome text.
    Files(&'a [String]),
    /// The tour.
    Tour,
}

/// The text that a newcomer tries the program on.
const WELCOME: &str = include_str!("../../assets/welcome.md");

pub(super) fn run(what: Opens<'_>, common: &Common) -> anyhow::Result<()> {
    if let Opens::Files([word, ..]) = what
        && let Some(hint) = nearly_a_command(word)
    {
        bail!(hint);
    }
    if common.json || common.trace.is_some() {
        bail!(Usage("--json and --trace are for `lacuna fill` and `lacuna denoise`; the editor takes neither".into()));
    }
    shell::require_terminal()?;
    let read = shell::config::of_user();
    let (document, files) = match what {
        Opens::Files(files) => documents(files)?,
        Opens::Tour => (Some(tour(&read.settings.keys)), Vec::new()),
    };
    let seed = common.seed();
    let settings = Settings { seed, run: common.run_options(seed)?, ..read.settings };
    let Chosen { name, path, described, notice } = model(common);
    let notice = mistakes(&read.mistakes).or(notice);
    // One core stays free, so that a key is drawn while the model computes.
    let load = described.under(common.load_options(Precision::Fast, cores().saturating_sub(1).max(1)));
    let options = EngineOptions { name, path, load };
    shell::run(Start { settings, files, notice, document, runs: false, connect: Box::new(move || connect(options)) })
}

/// The first mistake in the settings.
pub(super) fn mistakes(all: &[String]) -> Option<String> {
    let first = all.first()?;
    let more = if all.len() > 1 { "; `lacuna config` tells the others" } else { "" };
    Some(format!("The settings are not all heeded: {first}{more}."))
}

/// The model to begin with.
struct Chosen {
    name: String,
    path: Result<PathBuf, String>,
    described: Described,
    /// What is to be said about it.
    notice: Option<String>,
}

/// The model asked for, else the one chosen last in the editor, else the default one.
fn model(common: &Common) -> Chosen {
    let last = if common.model_asked_for().is_none() { remembered::model() } else { None };
    let asked = last.as_deref().unwrap_or(common.model());
    let (found, notice) = match catalog::resolve(asked) {
        Err(why) if last.is_some() => {
            let notice = format!("The model chosen last is not used: {why}");
            (catalog::resolve(catalog::DEFAULT_MODEL), Some(notice))
        }
        found => (found, None),
    };
    match found {
        Ok(Found { name, path, described }) => Chosen { name, path: Ok(path), described, notice },
        Err(why) => Chosen { name: common.model().to_owned(), path: Err(why), described: Described::default(), notice },
    }
}

/// What is opened first: standard input, the files named, or the welcome text.
fn documents(files: &[String]) -> anyhow::Result<(Option<InitialDocument>, Vec<FileArg>)> {
    let (dashes, names): (Vec<&String>, Vec<&String>) = files.iter().partition(|file| *file == "-");
    let piped = names.is_empty() && !std::io::stdin().is_terminal();
    let document = if !dashes.is_empty() || piped {
        Some(shell::read_standard_input()?)
    } else if names.is_empty() {
        Some(welcome()?)
    } else {
        None
    };
    Ok((document, named(names)))
}

/// The files of a command line, with the lines to go to: `FILE:LINE:COL`, or `+LINE FILE` as other editors have it.
fn named(names: Vec<&String>) -> Vec<FileArg> {
    let (mut files, mut at) = (Vec::new(), None);
    for name in names {
        if let Some(place) = place(name).filter(|_| at.is_none() && !Path::new(name).exists()) {
            at = Some(place);
            continue;
        }
        let file = FileArg::parse(name);
        files.push(FileArg { at: at.take().or(file.at), ..file });
    }
    files
}

/// The line and column of `+LINE`, `+LINE:COL` or `+LINE,COL`.
fn place(argument: &str) -> Option<(usize, usize)> {
    let place = argument.strip_prefix('+')?;
    let (line, column) = place.split_once([':', ',']).unwrap_or((place, "1"));
    Some((line.parse().ok()?, column.parse().ok()?))
}

/// The tour, with the keys that are in use.
fn tour(keys: &Keymap) -> InitialDocument {
    let Opened { title, text, holes, .. } = tour::tour(keys);
    InitialDocument { title, text: text.text(), holes, name: None, source: Source::Input }
}

/// The welcome text with its holes, in characters.
fn welcome() -> anyhow::Result<InitialDocument> {
    let mut document = InitialDocument { title: Some("welcome"), ..InitialDocument::default() };
    let mut at = 0;
    for segment in parse(WELCOME).map_err(|message| anyhow!(message))? {
        match segment {
            Segment::Text(text) => {
                at += text.chars().count();
                document.text.push_str(&text);
            }
            Segment::Hole(marker) => {
                let length = match marker.length {
                    Length::Auto => HoleLength::Auto,
                    Length::Fixed(tokens) => HoleLength::Fixed(tokens),
                    Length::Range(least, most) => HoleLength::Range(least, most),
                };
                document.holes.push((at..at, length));
            }
        }
    }
    Ok(document)
}

/// Starts the engine and the two ways to it.
fn connect(options: EngineOptions) -> EngineLink {
    let (told, events) = unbounded_channel();
    let tell = {
        let told = told.clone();
        // Nobody listens any more when the editor is closing.
        move |event| drop(told.send(event))
    };
    let engine = Engine::start(options, tell);
    match engine {
        Ok(engine) => EngineLink { send: Box::new(move |command| engine.send(command)), events },
        Err(error) => {
            let message =
                format!("the system gives no thread for the model ({error}); close some programs and try again");
            let _ = told.send(Event::Unavailable(message));
            EngineLink { send: Box::new(|_| ()), events }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{named, welcome};

    #[test]
    fn a_line_may_be_named_before_its_file() {
        let named = |names: &[&str]| -> Vec<(String, Option<(usize, usize)>)> {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            named(names.iter().collect()).into_iter().map(|file| (file.path.display().to_string(), file.at)).collect()
        };
        assert_eq!(
            named(&["+3", "no.txt", "other:4"]),
            [("no.txt".into(), Some((3, 1))), ("other".into(), Some((4, 1)))]
        );
        assert_eq!(named(&["+3,7", "no.txt"]), [("no.txt".into(), Some((3, 7)))]);
        assert_eq!(named(&["+x", "+"]), [("+x".into(), None), ("+".into(), None)]);
    }

    #[test]
    fn the_welcome_text_has_holes_and_no_markers() {
        let document = welcome().unwrap();
        assert_eq!(document.holes.len(), 5);
        assert!(!document.text.contains("[MASK"));
        assert!(document.text.lines().all(|line| line.len() <= 72), "it must fit a narrow terminal");
    }
}
