//! `lacuna eval`: how well a model fills holes cut out of real text, tells stories, and writes code that runs; and whether
//! another model does better on the same.
//!
//! Here is what is measured and in which order; `eval/report.rs` makes tables of it, `eval/python.rs` runs code.

mod python;
mod report;

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use flate2::read::GzDecoder;

use super::{Common, Precision, Usage, print, progress};
use crate::engine::brain::Brain;
use crate::engine::eval::task::{Task, spread, tasks};
use crate::engine::eval::text::rouge;
use crate::engine::eval::{DOCUMENT_BREAK, Filled, Given, Judged, LengthRule, Sample, story};
use crate::engine::score::Care;

#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// Text files, or folders of .txt files, to cut holes out of; a line of U+001E separates documents, and what stands
    /// before the first `-` of a file's name says what kind of text is in it [default: some held-out prose, documentation
    /// and code that ships with the program]
    #[arg(value_name = "FILE|FOLDER")]
    texts: Vec<PathBuf>,
    /// How many holes
    #[arg(long, value_name = "N", default_value_t = 200, allow_negative_numbers = true)]
    holes: usize,
    /// The longest hole, in tokens
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=64),
          allow_negative_numbers = true)]
    longest: u16,
    /// How lengths are chosen, each on the same holes: known, auto, or a number of tokens
    #[arg(long, value_name = "RULE,..", value_delimiter = ',', value_parser = LengthRule::parse,
          default_value = "known,auto,4,8,16,32")]
    lengths: Vec<LengthRule>,
    /// Fill nothing: only how likely what stood in the holes is
    #[arg(long, conflicts_with_all = ["stories", "code"])]
    no_fills: bool,
    /// Stories of five sentences cut out of the same text, two of them to be filled in: ROUGE
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    stories: usize,
    /// Tasks of HumanEval-Infilling (.jsonl, .jsonl.gz). What the model writes is run, by python3, with limits on time,
    /// memory and files, but with your rights
    #[arg(long, value_name = "FILE", requires = "run_code")]
    code: Option<PathBuf>,
    /// Says that what a model writes may be run on this machine
    #[arg(long)]
    run_code: bool,
    /// So many of the tasks, evenly spread over the file [default: all]
    #[arg(long, value_name = "N", requires = "code", allow_negative_numbers = true)]
    tasks: Option<usize>,
    /// Another model to measure on the same, and whether it is better by more than chance
    #[arg(long, value_name = "NAME|DIR")]
    beside: Option<String>,
}

/// What models are measured on.
struct Exam {
    holes: Vec<Sample>,
    stories: Vec<Sample>,
    tasks: Vec<Task>,
}

/// What one model reached.
struct Measured {
    model: String,
    /// How likely what stood in each hole is; none where the model does not say.
    given: Vec<Option<Given>>,
    fills: Vec<(LengthRule, Vec<Fill>)>,
    stories: Vec<(LengthRule, Vec<Told>)>,
    code: Vec<(LengthRule, Vec<Ran>)>,
}

/// One hole filled.
struct Fill {
    filled: Filled,
    /// Tokens that the model would have needed for what stood there.
    tokens: usize,
    seam: Option<f64>,
}

/// One story told to the end.
struct Told {
    rouge: [f64; 3],
    text: String,
}

/// One task's code, run.
struct Ran {
    passed: bool,
    exact: bool,
    seconds: f64,
}

pub(crate) fn run(args: &EvalArgs, common: &Common) -> anyhow::Result<()> {
    if args.holes == 0 && args.stories == 0 && args.code.is_none() {
        bail!(Usage("--holes 0 leaves nothing to measure; give a number of holes, --stories N or --code FILE".into()));
    }
    let mut tasks = args.code.as_deref().map(read_tasks).transpose()?.unwrap_or_default();
    if let Some(count) = args.tasks {
        tasks = spread(tasks, count);
    }
    if let Some(task) = tasks.first() {
        python::check(task)?;
    }
    let other = args.beside.as_deref().map(|name| common.with_model(name));
    if let Some(other) = &other {
        // The first model may take hours: what is wrong with the second one's name or files is said before.
        other.find_and_open(Precision::Fast)?;
    }
    let documents = documents(&args.texts)?;
    let (_, mut brain) = common.load_brain(Precision::Fast)?;
    let seed = common.seed.unwrap_or(1);
    let sentence = |message: String| anyhow!(message);
    let holes = brain.samples(&documents, args.holes, usize::from(args.longest), seed).map_err(sentence)?;
    let stories = story::stories(&documents, args.stories, seed);
    if stories.len() < args.stories {
        bail!("only {} stories could be cut out of the text; give more of it", stories.len());
    }
    let exam = Exam { holes, stories, tasks };
    let mut measured = vec![measure(&mut brain, &exam, args, common, seed)?];
    drop(brain);
    let second = other.map(|other| {
        let (_, mut brain) = other.load_brain(Precision::Fast)?;
        measure(&mut brain, &exam, args, &other, seed)
    });
    progress("");
    let failed = match second.transpose() {
        Ok(second) => {
            measured.extend(second);
            None
        }
        Err(error) => Some(error),
    };
    let report = if common.json { report::json(&exam, &measured, seed) } else { report::tables(&exam, &measured) };
    print(&report)?;
    // What the first one reached is told all the same.
    failed.map_or(Ok(()), Err)
}

/// Everything that is asked of one model.
fn measure(brain: &mut Brain, exam: &Exam, args: &EvalArgs, common: &Common, seed: u64) -> anyhow::Result<Measured> {
    let sentence = |message: String| anyhow!(message);
    let options = common.run_options(seed)?;
    let model = brain.info().name;
    let told = |what: &str, at: usize, of: usize| progress(&format!("{model}: {what}, {} of {of}", at + 1));
    let mut given = Vec::with_capacity(exam.holes.len());
    for (at, sample) in exam.holes.iter().enumerate() {
        told("what stood there", at, exam.holes.len());
        given.push(brain.says_likelihoods().then(|| brain.given(sample)).transpose().map_err(sentence)?);
    }
    let (mut fills, mut stories, mut code) = (Vec::new(), Vec::new(), Vec::new());
    let mut judged = Judged::with(Care::FULL);
    for &rule in args.lengths.iter().filter(|_| !args.no_fills) {
        let name = rule.name();
        let mut filled = Vec::with_capacity(exam.holes.len());
        for (at, sample) in exam.holes.iter().enumerate() {
            told(&format!("holes, {name} lengths"), at, exam.holes.len());
            let sample = counted(brain, sample).map_err(sentence)?;
            let fill = brain.fill_sample(&sample, rule, &options, Some(&mut judged)).map_err(sentence)?;
            let asked = brain.says_likelihoods().then(|| brain.seam(&sample, &fill.text));
            let seam = asked.transpose().map_err(sentence)?.flatten();
            filled.push(Fill { filled: fill, tokens: sample.tokens, seam });
        }
        fills.push((rule, filled));
        let mut ends = Vec::with_capacity(exam.stories.len());
        for (at, sample) in exam.stories.iter().enumerate() {
            told(&format!("stories, {name} lengths"), at, exam.stories.len());
            let sample = counted(brain, sample).map_err(sentence)?;
            let text = brain.fill_sample(&sample, rule, &options, None).map_err(sentence)?.text;
            ends.push(Told { rouge: rouge(&text, &sample.hole), text });
        }
        stories.push((rule, ends));
        let mut ran = Vec::with_capacity(exam.tasks.len());
        for (at, task) in exam.tasks.iter().enumerate() {
            told(&format!("code, {name} lengths"), at, exam.tasks.len());
            let sample = counted(brain, &task.sample()).map_err(sentence)?;
            let fill = brain.fill_sample(&sample, rule, &options, None).map_err(sentence)?;
            let passed = python::passes(&task.program(&fill.text))?;
            ran.push(Ran { passed, exact: fill.exact, seconds: fill.seconds });
        }
        code.push((rule, ran));
    }
    Ok(Measured { model, given, fills, stories, code })
}

/// A hole with the model's own count of its tokens, for where the length is known.
fn counted(brain: &Brain, sample: &Sample) -> Result<Sample, String> {
    Ok(Sample { tokens: brain.tokens_of(sample)?, ..sample.clone() })
}

fn read_tasks(path: &Path) -> anyhow::Result<Vec<Task>> {
    let unread = || format!("cannot read {}", path.display());
    let bytes = std::fs::read(path).with_context(unread)?;
    let mut text = String::new();
    let read = if bytes.starts_with(&[0x1f, 0x8b]) {
        GzDecoder::new(&bytes[..]).read_to_string(&mut text)
    } else {
        (&bytes[..]).read_to_string(&mut text)
    };
    read.with_context(unread)?;
    let tasks =
        tasks(&text).map_err(|message| anyhow!("{} is no file of HumanEval-Infilling: {message}", path.display()))?;
    if tasks.is_empty() {
        bail!("{} has no tasks in it; give a file of HumanEval-Infilling, .jsonl or .jsonl.gz", path.display());
    }
    Ok(tasks)
}

/// Held-out text that ships with the program; `assets/eval/README.md` says where it is from.
const HELD_OUT: [(&str, &str); 5] = [
    ("prose-classic", include_str!("../../assets/eval/prose-classic.txt")),
    ("prose-victorian", include_str!("../../assets/eval/prose-victorian.txt")),
    ("prose-speech", include_str!("../../assets/eval/prose-speech.txt")),
    ("docs-rust", include_str!("../../assets/eval/docs-rust.txt")),
    ("code-rust-std", include_str!("../../assets/eval/code-rust-std.txt")),
];

/// The documents of the files and folders, each with its file's name; of none, the text that ships with the program.
pub(crate) fn documents(paths: &[PathBuf]) -> anyhow::Result<Vec<(String, String)>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for path in paths {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
            files.extend(entries.flatten().map(|entry| entry.path()).filter(|path| is_text(path)));
        } else {
            files.push(path.clone());
        }
    }
    files.sort();
    let mut documents: Vec<(String, String)> = Vec::new();
    let mut add = |domain: &str, text: &str| {
        documents.extend(text.split(DOCUMENT_BREAK).map(|text| (domain.to_owned(), text.to_owned())));
    };
    if paths.is_empty() {
        for (domain, text) in HELD_OUT {
            add(domain, text);
        }
    }
    for file in &files {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        add(&file.file_stem().unwrap_or_default().to_string_lossy(), &text);
    }
    if documents.is_empty() {
        bail!("there is no .txt file to cut holes out of; give a text file or a folder of them");
    }
    Ok(documents)
}

fn is_text(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "txt") && path.is_file()
}
