//! The command line: what was typed, and one function per sub-command, each a thin wrapper over the floors.
//!
//! Exit codes: 0 done, 1 failed (one line on standard error: what, where, what to do), 2 wrong usage.

mod bench;
mod calibrate;
mod config;
mod denoise;
mod edit;
mod eval;
mod fill;
pub mod golden;
mod logits;
pub mod markers;
mod mistakes;
mod models;
mod output;
mod replay;
pub mod samplers;
mod score;
mod source;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::diffusion::preset;
use crate::diffusion::sampler::Sampler;
use crate::diffusion::spec::{self, Overrides as Settings};
use crate::engine::brain::Brain;
use crate::engine::catalog::{self, Found, memory};
use crate::engine::protocol::{Renoise, RunOptions};
use crate::model::{Attention, Checkpoint, DeviceChoice, DtypeChoice, LoadOptions, Model, Overrides};

pub(crate) use mistakes::Usage;

/// A terminal text editor that fills gaps: mark spans of your text as holes, and a diffusion language model on this
/// machine denoises them in place while you watch, steer, and go on typing.
#[derive(Debug, Parser)]
#[command(name = "lacuna", version, after_help = AFTER_HELP, disable_help_subcommand = true)]
struct Cli {
    /// Files to edit, as FILE, FILE:LINE or FILE:LINE:COL (or +LINE FILE); `-` reads standard input
    #[arg(value_name = "FILE")]
    files: Vec<String>,
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Option<Command>,
}

const AFTER_HELP: &str = "\
In the editor: select some words, alt-m makes them a hole, f5 fills it, enter keeps the result, f1 shows all keys.
Without a file it opens a short text to try this on; `lacuna tour` shows all that can be done.

Examples:
  lacuna notes.md
  lacuna fill 'The old man took off [MASK:3] and sat down by the fire.'
  lacuna fill --file draft.md --range 120..180 --strength 0.4
  lacuna models check path/to/model";

#[derive(Debug, Subcommand)]
enum Command {
    /// Open the editor on its tour: ten minutes in which you try what it can do
    Tour,
    /// Fill the holes of a text and print it: [MASK] of any length, [MASK:12] of 12 tokens, [MASK:3-40] of a range
    Fill(Box<fill::FillArgs>),
    /// Play a recorded run in the terminal, or make a film of it: asciicast, SVG, GIF
    Replay(replay::ReplayArgs),
    /// How likely each word of a text is, given the text on both sides
    Score(score::ScoreArgs),
    /// Denoise token ids: reads {"ids": [..]} with mask ids in place, prints {"ids", "nfe", "seconds"}
    Denoise(denoise::DenoiseArgs),
    /// One forward pass: prints {"logits": [[..], ..]}, the raw rows of the token ids in a file
    Logits(logits::LogitsArgs),
    /// What models there are, and whether a folder holds one that can be loaded
    Models(models::ModelsArgs),
    /// Fit the constants by which the length of a hole is chosen, for a model
    Calibrate(calibrate::CalibrateArgs),
    /// How fast the network, whole infills and the keyboard are on this machine
    Bench(bench::BenchArgs),
    /// How well a model fills holes cut out of real text
    Eval(eval::EvalArgs),
    /// The named samplers, what they do, their keys and sources; those of your own among them
    Samplers(samplers::SamplersArgs),
    /// Where the settings are, what they change, and whether they can be read
    Config(config::ConfigArgs),
}

/// Options that every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options for every command")]
pub(crate) struct Common {
    #[arg(long, global = true, value_name = "NAME|DIR", help = MODEL_HELP)]
    model: Option<String>,
    /// Where to compute
    #[arg(long, global = true, value_enum, default_value = "auto")]
    device: DeviceArg,
    /// What to compute in
    #[arg(long, global = true, value_enum, default_value = "auto")]
    dtype: DtypeArg,
    /// CPU threads [default: all cores; the editor leaves one free]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), allow_negative_numbers = true)]
    threads: Option<u16>,
    /// What all random draws are keyed by; the same seed gives the same text [default: a new one each time; 1 where something is measured]
    #[arg(long, global = true, value_name = "N", allow_negative_numbers = true)]
    seed: Option<u64>,
    /// A sampler: a name, NAME:key=value,..., or one written out (see `lacuna samplers`)
    #[arg(long, global = true, value_name = "PRESET|SPEC")]
    sampler: Option<String>,
    /// Steps, for samplers with a fixed number
    #[arg(long, global = true, value_name = "N", allow_negative_numbers = true)]
    steps: Option<usize>,
    /// 0 takes the most likely token; higher is more varied
    #[arg(long, global = true, value_name = "T", allow_negative_numbers = true)]
    temperature: Option<f64>,
    /// Draw only from the most likely tokens that make up this much probability
    #[arg(long, global = true, value_name = "P", allow_negative_numbers = true)]
    top_p: Option<f64>,
    /// Draw only from the K most likely tokens
    #[arg(long, global = true, value_name = "K", allow_negative_numbers = true)]
    top_k: Option<usize>,
    /// Print one JSON document
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Write every step of `fill` or `denoise` to a file, one JSON line each
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// The mask token's id, where the model's files do not say it
    #[arg(long, global = true, value_name = "N", allow_negative_numbers = true)]
    mask_id: Option<u32>,
    /// 1 where row i-1 predicts position i
    #[arg(long, global = true, value_name = "0|1", value_parser = clap::value_parser!(u8).range(0..=1), allow_negative_numbers = true)]
    shift: Option<u8>,
    /// Who sees whom: full, or block:B
    #[arg(long, global = true, value_name = "full|block:B", value_parser = Attention::parse)]
    attention: Option<Attention>,
    /// The model's family, where its files name another
    #[arg(long, global = true, value_name = "NAME")]
    family: Option<String>,
    /// A tokenizer.json elsewhere than beside the weights, or the folder of one
    #[arg(long, global = true, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
}

const MODEL_HELP: &str = "A model's name (see `lacuna models list`), its folder, or a .gguf file [default: lacuna-135m; the editor takes the one chosen last]";

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DeviceArg {
    Auto,
    Cpu,
    Cuda,
    Metal,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DtypeArg {
    Auto,
    F32,
    Bf16,
    Q8,
}

/// Whether a command defaults to the exact type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precision {
    /// f32 unless told otherwise: token-level commands.
    Exact,
    /// Whatever is fast on the device.
    Fast,
}

impl Common {
    /// How the model is to be loaded.
    pub(crate) fn load_options(&self, precision: Precision, threads: usize) -> LoadOptions {
        LoadOptions {
            device: match self.device {
                DeviceArg::Auto => DeviceChoice::Auto,
                DeviceArg::Cpu => DeviceChoice::Cpu,
                DeviceArg::Cuda => DeviceChoice::Cuda,
                DeviceArg::Metal => DeviceChoice::Metal,
            },
            dtype: match (self.dtype, precision) {
                (DtypeArg::Auto, Precision::Exact) | (DtypeArg::F32, _) => DtypeChoice::F32,
                (DtypeArg::Auto, Precision::Fast) => DtypeChoice::Auto,
                (DtypeArg::Bf16, _) => DtypeChoice::Bf16,
                (DtypeArg::Q8, _) => DtypeChoice::Q8,
            },
            threads: self.threads.map_or(threads, usize::from),
            overrides: Overrides {
                mask: self.mask_id,
                shift: self.shift.map(usize::from),
                attention: self.attention,
                family: self.family.clone(),
                ..Overrides::default()
            },
            tokenizer: self.tokenizer.clone(),
            maskless: false,
            machine: memory::of_machine().map(|machine| machine.total),
        }
    }

    /// The model asked for, or the default one.
    pub(crate) fn model(&self) -> &str {
        self.model.as_deref().unwrap_or(catalog::DEFAULT_MODEL)
    }

    /// The same with another model. What was said of the first one's files is not true of it.
    pub(crate) fn with_model(&self, name: &str) -> Self {
        Self {
            model: Some(name.to_owned()),
            mask_id: None,
            shift: None,
            attention: None,
            family: None,
            tokenizer: None,
            ..self.clone()
        }
    }

    /// The model asked for, where one was.
    pub(crate) fn model_asked_for(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Finds and loads the model.
    pub(crate) fn load_model(&self, precision: Precision) -> anyhow::Result<Model> {
        Ok(self.find_and_load(precision)?.1)
    }

    /// The same, with what the catalog says of it.
    pub(crate) fn find_and_load(&self, precision: Precision) -> anyhow::Result<(Found, Model)> {
        let (found, checkpoint, options) = self.find_and_open(precision)?;
        let model = checkpoint.load(&found.name, &options)?;
        Ok((found, model))
    }

    /// Finds the model and reads what its files say of it, but not its weights.
    pub(crate) fn find_and_open(&self, precision: Precision) -> anyhow::Result<(Found, Checkpoint, LoadOptions)> {
        let found = catalog::resolve(self.model()).map_err(|message| anyhow!(message))?;
        let options = found.described.under(self.load_options(precision, cores()));
        let checkpoint = Checkpoint::open(&found.path, &options.overrides)?;
        Ok((found, checkpoint, options))
    }

    /// Finds and loads the model, with what is known of the lengths of its holes.
    pub(crate) fn load_brain(&self, precision: Precision) -> anyhow::Result<(Found, Brain)> {
        let (found, model) = self.find_and_load(precision)?;
        let brain = Brain::new(model)?.with_lengths_of(&found.path).tuned_on_chat(found.is_chat());
        Ok((found, brain))
    }

    /// The seed asked for, or a new one.
    pub(crate) fn seed(&self) -> u64 {
        // Four to five digits are easy to read off the screen and type back.
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        self.seed.unwrap_or_else(|| (now() / 1000 % 90_000) as u64 + 10_000)
    }

    /// The sampler as it was typed, or the default; one of the user's own written out.
    fn sampler_text(&self) -> Result<String, Usage> {
        let typed = self.sampler.as_deref().unwrap_or(RunOptions::SAMPLER);
        // For what cannot be one of the user's own the settings are not read: a mistake in them keeps nobody from it.
        let name = typed.split(':').next().unwrap_or_default().trim();
        if preset::find(name).is_some() || name.contains(' ') {
            return Ok(typed.to_owned());
        }
        samplers::registry().and_then(|own| own.resolve(typed).map_err(|error| error.to_string())).map_err(Usage)
    }

    fn settings(&self) -> Settings {
        Settings {
            steps: self.steps,
            temperature: self.temperature,
            top_p: self.top_p,
            top_k: self.top_k,
            refresh: None,
        }
    }

    /// Refuses a sampler of tokens that was asked for by name, where the model denoises vectors.
    pub(crate) fn check_sampler_for(&self, model: &Model) -> Result<(), Usage> {
        match &self.sampler {
            Some(sampler) if model.continuous().is_some() => Err(Usage(format!(
                "--sampler {sampler}: {} denoises vectors in its own way; leave it out and choose --steps and --seed",
                model.name
            ))),
            _ => Ok(()),
        }
    }

    /// Refuses what no command can do anything with, before any work.
    fn check(&self) -> Result<(), Usage> {
        if self.model.as_deref() == Some("") {
            let default = catalog::DEFAULT_MODEL;
            return Err(Usage(format!(
                "--model is given no name; leave it out for {default}, or see `lacuna models list`"
            )));
        }
        self.sampler().map(drop)
    }

    /// The sampler asked for.
    pub(crate) fn sampler(&self) -> Result<Sampler, Usage> {
        spec::parse_spec(&self.sampler_text()?, &self.settings()).map_err(|error| Usage(error.to_string()))
    }

    /// The same, where a trace may be asked for.
    pub(crate) fn sampler_to_trace(&self) -> Result<Sampler, Usage> {
        let sampler = self.sampler()?;
        if self.trace.is_some() && sampler.search.runs().is_some() {
            return Err(Usage("a sampler of several runs has no single trace; leave --trace out".into()));
        }
        Ok(sampler)
    }

    /// The engine's form of the same.
    pub(crate) fn run_options(&self, seed: u64) -> Result<RunOptions, Usage> {
        Ok(RunOptions {
            sampler: self.sampler_text()?,
            steps: self.steps,
            temperature: self.temperature,
            top_p: self.top_p,
            top_k: self.top_k,
            seed,
            instruction: None,
            renoise: Renoise::default(),
            exact: matches!(self.dtype, DtypeArg::F32),
        })
    }
}

/// The program. Reads the process's arguments, does what they say, and tells how it went.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has had enough.
        Err(error) if mistakes::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing can be done when even this cannot be written.
            let _ = writeln!(std::io::stderr(), "lacuna: {}", mistakes::sentence(&error));
            mistakes::code(&error)
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    cli.common.check()?;
    let traces = matches!(cli.command, None | Some(Command::Fill(_) | Command::Denoise(_)));
    if cli.common.trace.is_some() && !traces {
        bail!(Usage("--trace is for `lacuna fill` and `lacuna denoise`, whose steps it writes; leave it out".into()));
    }
    match &cli.command {
        Some(Command::Tour) => edit::run(edit::Opens::Tour, &cli.common),
        Some(Command::Fill(args)) => fill::run(args, &cli.common),
        Some(Command::Replay(args)) => replay::run(args, &cli.common),
        Some(Command::Score(args)) => score::run(args, &cli.common),
        Some(Command::Denoise(args)) => denoise::run(args, &cli.common),
        Some(Command::Logits(args)) => logits::run(args, &cli.common),
        Some(Command::Models(args)) => models::run(args, &cli.common),
        Some(Command::Calibrate(args)) => calibrate::run(args, &cli.common),
        Some(Command::Bench(args)) => bench::run(args, &cli.common),
        Some(Command::Eval(args)) => eval::run(args, &cli.common),
        Some(Command::Samplers(args)) => samplers::run(args, &cli.common),
        Some(Command::Config(args)) => config::run(args, &cli.common),
        None => edit::run(edit::Opens::Files(&cli.files), &cli.common),
    }
}

/// Writes to standard output.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("cannot write to standard output")
}

/// Says on the terminal how far something is, in the place of what was said before, which the empty text takes away.
/// Says nothing where standard error is a file or a pipe, and does not stop for one that is closed: it is a courtesy.
pub(crate) fn progress(text: &str) {
    let mut out = std::io::stderr().lock();
    if out.is_terminal() {
        let _ = write!(out, "\r\x1b[K{text}").and_then(|()| out.flush());
    }
}

/// The machine's cores.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
