//! `lacuna samplers --check`: every preset on the same holes, what it costs and how likely its text is.
//!
//! Two presets that make the same edits on all of the holes are one preset under two names: unless their rows say so
//! (aliases, twins), the check fails.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{anyhow, bail};
use serde_json::json;

use crate::cli::eval::documents;
use crate::cli::{Common, Precision, print};
use crate::diffusion::preset::{Preset, presets};
use crate::engine::brain::Brain;
use crate::engine::eval::{Filled, LengthRule};

/// The longest hole, in tokens.
const LONGEST: usize = 32;

/// What one preset did.
struct Row {
    preset: &'static Preset,
    passes: f64,
    tokens_per_pass: f64,
    likelihood: f64,
    similarity: f64,
    /// What tells its edits from those of others, hole by hole.
    prints: Vec<u64>,
}

/// Runs the check.
///
/// # Errors
/// A text that is too short, a model that fails, presets that cannot be told apart.
pub(super) fn run(only: Option<&str>, texts: &[PathBuf], holes: usize, common: &Common) -> anyhow::Result<()> {
    let documents = documents(texts)?;
    let mut brain = Brain::new(common.load_model(Precision::Fast)?)?;
    let seed = common.seed.unwrap_or(1);
    let samples = brain.samples(&documents, holes, LONGEST, seed).map_err(|message| anyhow!(message))?;
    let chosen = presets().filter(|preset| only.is_none_or(|name| preset.name == name));
    let mut rows: Vec<Row> = Vec::new();
    for preset in chosen {
        let mut options = common.run_options(seed)?;
        preset.name.clone_into(&mut options.sampler);
        let mut filled = Vec::with_capacity(samples.len());
        for (index, sample) in samples.iter().enumerate() {
            let result = brain.fill_sample(sample, LengthRule::Known, &options);
            filled.push(result.map_err(|message| anyhow!("{}: {message}", preset.name))?);
            // Progress is a courtesy; a closed standard error is no reason to stop.
            let _ = write!(std::io::stderr(), "\r{}: {} of {} holes\x1b[K", preset.name, index + 1, samples.len());
        }
        rows.push(Row::of(preset, &filled));
    }
    let _ = writeln!(std::io::stderr());
    if common.json {
        let list: Vec<_> = rows.iter().map(Row::json).collect();
        print(&format!(
            "{}\n",
            json!({ "model": brain.info().name, "holes": samples.len(), "seed": seed, "samplers": list })
        ))?;
    } else {
        print(&table(&rows))?;
    }
    let equal = undeclared(&rows);
    if equal.is_empty() {
        return Ok(());
    }
    let pairs: Vec<String> = equal.iter().map(|(one, other)| format!("{one} and {other}")).collect();
    bail!("these samplers made the same edits in every hole and do not say so: {}", pairs.join(", "))
}

impl Row {
    fn of(preset: &'static Preset, filled: &[Filled]) -> Self {
        let count = filled.len().max(1) as f64;
        let sum = |value: &dyn Fn(&Filled) -> f64| filled.iter().map(value).sum::<f64>();
        let (passes, tokens) = (sum(&|filled| filled.nfe as f64), sum(&|filled| filled.tokens as f64));
        Self {
            preset,
            passes: passes / count,
            tokens_per_pass: tokens / passes.max(1.0),
            likelihood: sum(&|filled| filled.likelihood) / count,
            similarity: sum(&|filled| filled.similarity) / count,
            prints: filled.iter().map(|filled| filled.print).collect(),
        }
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "name": self.preset.name, "passes": self.passes, "tokens_per_pass": self.tokens_per_pass,
            "mean_logprob": self.likelihood, "edit_similarity": self.similarity,
        })
    }
}

fn table(rows: &[Row]) -> String {
    let mut out = format!(
        "{:<18}{:>10}{:>17}{:>14}{:>13}\n",
        "sampler", "passes", "tokens per pass", "mean logprob", "similarity"
    );
    for row in rows {
        out += &format!(
            "{:<18}{:>10.2}{:>17.2}{:>14.3}{:>13.3}\n",
            row.preset.name, row.passes, row.tokens_per_pass, row.likelihood, row.similarity
        );
    }
    out
}

/// Pairs that did the same everywhere without either row naming the other as its twin.
fn undeclared(rows: &[Row]) -> Vec<(&'static str, &'static str)> {
    let twins = |one: &Preset, other: &Preset| one.twins.contains(&other.name) || other.twins.contains(&one.name);
    let mut pairs = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let equal = rows[..index].iter().filter(|other| other.prints == row.prints && !twins(other.preset, row.preset));
        pairs.extend(equal.map(|other| (other.preset.name, row.preset.name)));
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_edits_are_reported_unless_they_are_declared() {
        let row = |name: &str, prints: &[u64]| {
            let preset = presets().find(|preset| preset.name == name).unwrap();
            let zero = 0.0;
            Row {
                preset,
                passes: zero,
                tokens_per_pass: zero,
                likelihood: zero,
                similarity: zero,
                prints: prints.to_vec(),
            }
        };
        assert_eq!(undeclared(&[row("eb", &[1, 2]), row("llada", &[1, 3])]), []);
        assert_eq!(undeclared(&[row("eb", &[1, 2]), row("llada", &[1, 2])]), [("eb", "llada")]);
        assert_eq!(undeclared(&[row("sedd", &[1]), row("sedd-euler", &[1])]), []);
    }
}
