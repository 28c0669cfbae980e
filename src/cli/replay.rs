//! `lacuna replay`: a recorded run, played in the terminal or written as a film.

mod projector;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use serde_json::json;

use super::source::{bytes_of, is_standard_input};
use super::{Common, Usage, edit, output, print};
use crate::app::recording::Recording;
use crate::app::settings::Settings;
use crate::shell::film::{self, Look};
use crate::shell::{self, InitialDocument, Source, Start};

/// Columns and rows of a film where nothing else is said.
const SIZE: (u16, u16) = (80, 24);

/// The largest and the smallest film.
const LARGEST: u16 = 400;
const SMALLEST: u16 = 10;

/// A recording of more bytes is not read.
const MOST_BYTES: u64 = 1 << 30;

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// A recording, as `run-record` in the editor and `lacuna fill --record` write it (.json); `-` is standard input
    #[arg(value_name = "FILE")]
    recording: PathBuf,
    /// Write a file instead of playing it: .cast (asciicast), .svg, .gif, or .json (the recording itself)
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Columns and rows of the film
    #[arg(long, value_name = "COLUMNSxROWS", value_parser = parse_size, requires = "to")]
    size: Option<(u16, u16)>,
    /// How many times as fast as it was
    #[arg(long, value_name = "X", default_value_t = 1.0, allow_negative_numbers = true)]
    speed: f64,
    /// The theme of the film: dark or light
    #[arg(long, value_name = "NAME", requires = "to", value_parser = ["dark", "light"])]
    theme: Option<String>,
}

fn parse_size(text: &str) -> Result<(u16, u16), String> {
    let sides = text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    let fits = |side: u16| (SMALLEST..=LARGEST).contains(&side);
    sides
        .filter(|(width, height)| fits(*width) && fits(*height))
        .ok_or_else(|| format!("a size is COLUMNSxROWS, each from {SMALLEST} to {LARGEST}, as 80x24"))
}

pub(crate) fn run(args: &ReplayArgs, common: &Common) -> anyhow::Result<()> {
    if !(args.speed > 0.0 && args.speed.is_finite()) {
        bail!(Usage(format!("--speed is more than 0, not {}", args.speed)));
    }
    if let Some(film) = &args.to {
        film::kind(film).map_err(Usage)?;
        output::check("--to", film, output::Kind::Film, &[&args.recording])?;
    }
    let recording = read(&args.recording)?;
    match &args.to {
        Some(path) => {
            film::write(&recording, path, &look(args.size, args.speed, args.theme.as_deref()))?;
            let written = json!({ "file": path, "kind": film::kind(path).unwrap_or_default() });
            if common.json { print(&format!("{written}\n")) } else { Ok(()) }
        }
        None if common.json => {
            bail!(Usage(
                "--json is for `lacuna replay --to FILE`; played in the terminal there is nothing to print".into()
            ))
        }
        None => play(recording, common, args.speed),
    }
}

/// Opens the editor on the recording's document, with the recording in the place of a model.
fn play(recording: Recording, common: &Common, speed: f64) -> anyhow::Result<()> {
    shell::require_terminal()?;
    let read = shell::config::of_user();
    let settings =
        Settings { seed: recording.options.seed, run: common.run_options(recording.options.seed)?, ..read.settings };
    let holes = recording.marked();
    let document =
        InitialDocument { text: recording.text.clone(), holes, source: Source::Input, ..InitialDocument::default() };
    shell::run(Start {
        settings,
        files: Vec::new(),
        notice: edit::mistakes(&read.mistakes),
        document: Some(document),
        runs: true,
        connect: Box::new(move || projector::connect(recording, speed)),
    })
}

fn read(path: &Path) -> anyhow::Result<Recording> {
    let name = path.display();
    let size = if is_standard_input(path) {
        0
    } else {
        fs::metadata(path).with_context(|| format!("cannot read {name}"))?.len()
    };
    if size > MOST_BYTES {
        bail!("{name} is too large for a recording ({size} bytes)");
    }
    let (bytes, name) = bytes_of(path)?;
    let text = String::from_utf8(bytes).map_err(|_| anyhow!("{name} is not a recording: it is no text"))?;
    Recording::from_json(&text).map_err(|why| anyhow!("{name} cannot be played: {why}"))
}

/// How a film looks: dark, unless something else is said.
pub(crate) fn look(size: Option<(u16, u16)>, speed: f64, theme: Option<&str>) -> Look {
    let settings = Settings { theme: theme.unwrap_or("dark").to_owned(), ..Settings::default() };
    Look { size: size.unwrap_or(SIZE), speed, settings }
}
