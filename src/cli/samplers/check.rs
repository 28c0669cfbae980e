//! `lacuna samplers --check`: every preset on the same holes, what it costs and how likely its text is.
//!
//! Two presets that make the same edits on all of the holes are one preset under two names: unless their rows say so
//! (aliases, twins), the check fails. All presets on two hundred holes take hours on a small machine, so each row is
//! printed when it is done, and `--out` keeps the rows: what is in that file and was made on the same holes with the same
//! settings is not made again, and checks of other presets that wrote their rows into one file are judged together.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::cli::eval::documents;
use crate::cli::{Common, Precision, Usage, output, print, progress};
use crate::diffusion::preset::{self, Preset, presets};
use crate::engine::brain::Brain;
use crate::engine::eval::{Filled, Judged, LengthRule, NEIGHBOURHOOD, Sample, fingerprint};
use crate::engine::protocol::RunOptions;
use crate::engine::score::Care;

/// The longest hole, in tokens.
const LONGEST: usize = 32;
/// Rows around a block that are computed anew in a pass, unless `--dtype f32` asks for exact ones: fewer than the editor's,
/// as this is many thousand fills, and the same for all presets.
const CACHE: &str = "cache=vicinity(8)";

/// What is checked on what.
pub(super) struct Check<'a> {
    /// Presets by name; all where there is none.
    pub(super) names: &'a [String],
    /// Text to cut holes out of.
    pub(super) texts: &'a [PathBuf],
    /// How many holes.
    pub(super) holes: usize,
    /// Where rows are kept.
    pub(super) out: Option<&'a Path>,
}

/// What one preset did, as `--out` keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    /// The preset.
    name: String,
    /// What its keys were.
    keys: String,
    /// Tells the holes, the model, and the preset with its settings from any others.
    made_of: u64,
    /// Passes per hole.
    passes: f64,
    tokens_per_pass: f64,
    /// Mean natural log-probability per token, when all is written.
    mean_logprob: f64,
    edit_similarity: f64,
    /// What tells its edits from those of others, hole by hole.
    prints: Vec<u64>,
}

/// Runs the check.
///
/// # Errors
/// A name that no preset has, a text that is too short, a model that fails, a file that cannot be read or written, presets
/// that cannot be told apart.
pub(super) fn run(check: &Check<'_>, common: &Common) -> anyhow::Result<()> {
    let chosen = chosen(check.names)?;
    if let Some(out) = check.out {
        output::check("--out", out, output::Kind::Rows, &check.texts.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
    }
    let kept = check.out.map(read).transpose()?.unwrap_or_default();
    let documents = documents(check.texts)?;
    let mut brain = Brain::new(common.load_model(Precision::Fast)?)?;
    let seed = common.seed.unwrap_or(1);
    let samples = brain.samples(&documents, check.holes, LONGEST, seed).map_err(|message| anyhow!(message))?;
    let samples: Vec<Sample> = samples.iter().map(|sample| sample.within(NEIGHBOURHOOD)).collect();
    let options = common.run_options(seed)?;
    let (mut rows, mut judged): (Vec<Row>, _) = (Vec::new(), Judged::with(Care::QUICK));
    if !common.json {
        print(HEAD)?;
    }
    for preset in presets() {
        let sampler = if options.exact { preset.name.to_owned() } else { format!("{}:{CACHE}", preset.name) };
        let options = RunOptions { sampler, ..options.clone() };
        let made_of = made_of(&brain.info().name, preset, &options, &samples)?;
        let kept =
            kept.iter().find(|row| row.name == preset.name && row.made_of == made_of && row.keys == keys(preset));
        let row = match kept {
            Some(row) => row.clone(),
            None if !chosen(preset) => continue,
            None => {
                let filled = fill(&mut brain, preset, &samples, &options, &mut judged)?;
                let row = Row::of(preset, made_of, &filled);
                check.out.map(|file| append(file, &row)).transpose()?;
                row
            }
        };
        if !common.json {
            print(&row.line())?;
        }
        rows.push(row);
    }
    if common.json {
        let list: Vec<_> = rows.iter().map(Row::json).collect();
        print(&format!(
            "{}\n",
            json!({ "model": brain.info().name, "holes": samples.len(), "seed": seed, "samplers": list })
        ))?;
    }
    let equal = undeclared(&rows);
    if equal.is_empty() {
        return Ok(());
    }
    let pairs: Vec<String> = equal.iter().map(|(one, other)| format!("{one} and {other}")).collect();
    bail!("these samplers made the same edits in every hole and do not say so: {}", pairs.join(", "))
}

/// Tells what a row was made of, beside [`keys`]: the model, the sampler, the holes, and the knobs that are not as usual, so
/// that rows outlive a version with one knob more.
fn made_of(model: &str, preset: &Preset, options: &RunOptions, samples: &[Sample]) -> anyhow::Result<u64> {
    let (usual, mut knobs) = (serde_json::to_value(RunOptions::default())?, serde_json::to_value(options)?);
    if let Some(knobs) = knobs.as_object_mut() {
        knobs.retain(|name, value| usual.get(name) != Some(value));
    }
    Ok(fingerprint(&format!("{model} {} {knobs} {samples:?}", preset.notation)))
}

/// The keys of a preset and what they are by default, as a specification has them.
fn keys(preset: &Preset) -> String {
    preset.keys.iter().map(|key| format!("{}={}", key.name, key.default)).collect::<Vec<_>>().join(",")
}

/// Whether a preset is to be run.
fn chosen(names: &[String]) -> anyhow::Result<impl Fn(&Preset) -> bool> {
    if let Some(name) = names.iter().find(|name| preset::find(name).is_none_or(|(preset, _)| preset.name != **name)) {
        bail!(Usage(format!("--check takes names of presets, and `{name}` is none; `lacuna samplers` lists them")));
    }
    let names = names.to_vec();
    Ok(move |preset: &Preset| names.is_empty() || names.iter().any(|name| name == preset.name))
}

fn fill(
    brain: &mut Brain,
    preset: &Preset,
    samples: &[Sample],
    options: &RunOptions,
    judged: &mut Judged,
) -> anyhow::Result<Vec<Filled>> {
    let mut filled = Vec::with_capacity(samples.len());
    for (index, sample) in samples.iter().enumerate() {
        let result = brain.fill_sample(sample, LengthRule::Known, options, Some(judged));
        filled.push(result.map_err(|message| anyhow!("{}: {message}", preset.name))?);
        progress(&format!("{}: {} of {} holes", preset.name, index + 1, samples.len()));
    }
    progress("");
    Ok(filled)
}

/// Whether a line is a row.
pub(super) fn is_row(line: &[u8]) -> bool {
    serde_json::from_slice::<Row>(line).is_ok()
}

/// The rows that are there; a line that was cut off ends them.
fn read(file: &Path) -> anyhow::Result<Vec<Row>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text.lines().map_while(|line| serde_json::from_str(line).ok()).collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// Writes one row to the end, in one piece, so that two checks can share a file.
fn append(file: &Path, row: &Row) -> anyhow::Result<()> {
    let line = format!("{}\n", serde_json::to_string(row)?);
    let opened = OpenOptions::new().create(true).append(true).open(file);
    let written = opened.and_then(|mut out| out.write_all(line.as_bytes()));
    written.with_context(|| format!("cannot write to {}", file.display()))
}

const HEAD: &str = "sampler               passes  tokens per pass  mean logprob   similarity\n";

impl Row {
    fn of(preset: &Preset, made_of: u64, filled: &[Filled]) -> Self {
        let count = filled.len().max(1) as f64;
        let sum = |value: &dyn Fn(&Filled) -> f64| filled.iter().map(value).sum::<f64>();
        let (passes, tokens) = (sum(&|filled| filled.nfe as f64), sum(&|filled| filled.tokens as f64));
        Self {
            name: preset.name.to_owned(),
            keys: keys(preset),
            made_of,
            passes: passes / count,
            tokens_per_pass: tokens / passes.max(1.0),
            mean_logprob: sum(&|filled| filled.likelihood) / count,
            edit_similarity: sum(&|filled| filled.similarity) / count,
            prints: filled.iter().map(|filled| filled.print).collect(),
        }
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "name": self.name, "passes": self.passes, "tokens_per_pass": self.tokens_per_pass,
            "mean_logprob": self.mean_logprob, "edit_similarity": self.edit_similarity,
        })
    }

    fn line(&self) -> String {
        format!(
            "{:<18}{:>10.2}{:>17.2}{:>14.3}{:>13.3}\n",
            self.name, self.passes, self.tokens_per_pass, self.mean_logprob, self.edit_similarity
        )
    }
}

/// Pairs that did the same everywhere without either row naming the other as its twin.
fn undeclared(rows: &[Row]) -> Vec<(&str, &str)> {
    let names = |one: &Row, other: &Row| {
        preset::find(&one.name).is_some_and(|(preset, _)| preset.twins.contains(&other.name.as_str()))
    };
    let mut pairs = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let equal = rows[..index].iter().filter(|other| other.prints == row.prints);
        let undeclared = equal.filter(|other| !names(other, row) && !names(row, other));
        pairs.extend(undeclared.map(|other| (other.name.as_str(), row.name.as_str())));
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, prints: &[u64]) -> Row {
        let (name, keys, prints, zero) = (name.to_owned(), "gamma=0.1".to_owned(), prints.to_vec(), 0.0);
        Row {
            name,
            keys,
            made_of: 7,
            passes: 1.5,
            tokens_per_pass: zero,
            mean_logprob: zero,
            edit_similarity: zero,
            prints,
        }
    }

    #[test]
    fn equal_edits_are_reported_unless_they_are_declared() {
        assert_eq!(undeclared(&[row("eb", &[1, 2]), row("llada", &[1, 3])]), []);
        assert_eq!(undeclared(&[row("eb", &[1, 2]), row("llada", &[1, 2])]), [("eb", "llada")]);
        assert_eq!(undeclared(&[row("sedd", &[1]), row("sedd-euler", &[1])]), []);
    }

    #[test]
    fn rows_are_kept_one_by_one_and_a_line_cut_off_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rows");
        assert_eq!(read(&file).unwrap(), []);
        let rows = [row("eb", &[u64::MAX]), row("llada", &[1, 2])];
        for row in &rows {
            append(&file, row).unwrap();
        }
        assert_eq!(read(&file).unwrap(), rows);
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, &text[..text.len() - 9]).unwrap();
        assert_eq!(read(&file).unwrap(), rows[..1]);
        assert!(chosen(&["eb".into()]).is_ok() && chosen(&["ebb".into()]).is_err());
    }
}
