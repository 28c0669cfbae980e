//! `lacuna models check DIR --golden`: a model's own golden cases and traces, compared number by number.
//!
//! A folder may hold `cases*.json` (inputs with the reference code's logits) and `traces*.json` (decoding, state by
//! state). Every entry is counted once: passed, failed, or skipped with the reason. Tolerances are DESIGN section 7's:
//! logits within 3e-4, argmax where a row's two best differ by more than 1e-3; traces exactly.

mod cases;
mod continuous;
mod json;
mod traces;

use std::path::Path;

use anyhow::{Context, bail};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Common, print};
use crate::model::{Checkpoint, LoadOptions, Overrides};
pub use cases::{ARGMAX_GAP, LOGIT_TOLERANCE};
use json::{entries, entry_name, golden_files, read};

/// What became of a folder's golden entries.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// The model's family.
    pub family: String,
    /// Entries of `cases*.json`.
    pub cases: CaseCounts,
    /// Entries of `traces*.json`.
    pub traces: Counts,
    /// Why entries were skipped.
    pub skipped: Vec<Skip>,
    /// What went wrong, one sentence an entry.
    pub failures: Vec<String>,
}

/// Counts of logit cases.
#[derive(Debug, Default, Serialize)]
pub struct CaseCounts {
    /// Within tolerance.
    pub passed: usize,
    /// Not.
    pub failed: usize,
    /// Not tried.
    pub skipped: usize,
    /// The largest distance of a logit from the reference's.
    pub max_abs_diff: f32,
}

/// Counts of traces.
#[derive(Debug, Default, Serialize)]
pub struct Counts {
    /// Every state equal.
    pub passed: usize,
    /// Not.
    pub failed: usize,
    /// Not tried.
    pub skipped: usize,
}

/// An entry that was not tried.
#[derive(Debug, Serialize)]
pub struct Skip {
    /// The entry.
    pub what: String,
    /// The reason.
    pub why: String,
}

/// What an entry came to.
enum Verdict {
    Passed,
    Failed(String),
    Skipped(String),
}

pub(crate) fn run(dir: &Path, options: &LoadOptions, common: &Common) -> anyhow::Result<()> {
    let report = check(dir, options)?;
    if common.json {
        print(&format!("{}\n", json!(report)))?;
    } else {
        let (cases, traces) = (&report.cases, &report.traces);
        let mut out = format!("{}: a {} model\n", dir.display(), report.family);
        out += &format!(
            "cases   {} passed, {} failed, {} skipped; largest difference {:.1e}\n",
            cases.passed, cases.failed, cases.skipped, cases.max_abs_diff
        );
        out += &format!("traces  {} passed, {} failed, {} skipped\n", traces.passed, traces.failed, traces.skipped);
        report.failures.iter().for_each(|failure| out += &format!("failed  {failure}\n"));
        report.skipped.iter().for_each(|skip| out += &format!("skipped {}: {}\n", skip.what, skip.why));
        print(&out)?;
    }
    let (cases, traces) = (&report.cases, &report.traces);
    if cases.passed + cases.failed + cases.skipped + traces.passed + traces.failed + traces.skipped == 0 {
        bail!("{}: its golden files have no entries, so nothing was checked", dir.display());
    }
    match cases.failed + traces.failed {
        0 => Ok(()),
        failed => bail!("{}: {failed} golden entries differ from the reference", dir.display()),
    }
}

/// Runs every golden entry of a folder.
///
/// # Errors
/// A model that cannot be loaded, a golden file that cannot be read, or no golden file at all.
pub fn check(dir: &Path, options: &LoadOptions) -> anyhow::Result<Report> {
    let (cases, traces) = (golden_files(dir, "cases")?, golden_files(dir, "traces")?);
    if cases.is_empty() && traces.is_empty() {
        bail!("{} has no cases*.json and no traces*.json to check against", dir.display());
    }
    let mut options = options.clone();
    for path in cases.iter().chain(&traces) {
        // The mask and the shift that the reference used stand in the golden files; half of the families' own
        // files do not say them.
        let json = read(path)?;
        options.overrides.mask = options.overrides.mask.or(json["mask_token_id"].as_u64().map(|id| id as u32));
        options.overrides.shift = options.overrides.shift.or(json["shift"].as_u64().map(|shift| shift as usize));
    }
    let checkpoint = Checkpoint::open(dir, &options.overrides)?;
    if checkpoint.is_continuous() {
        return continuous::check(dir, checkpoint, &options, &cases, &traces);
    }
    let name = dir.display().to_string();
    let mut model = checkpoint.load(&name, &options)?;
    let mut report = Report { family: model.descriptor.family.clone(), ..Report::default() };
    for path in &cases {
        let entries = entries(&read(path)?, "cases", path)?;
        // Cases that say sigma are of the network that is told it, whatever the configuration says.
        let mut told = None;
        if entries.iter().any(|case| case["sigma"].is_number()) && options.overrides.time_conditioning.is_none() {
            let overrides = Overrides { time_conditioning: Some(true), ..options.overrides.clone() };
            let checkpoint = Checkpoint::open(dir, &overrides)?;
            told = Some(checkpoint.load(&name, &LoadOptions { overrides, ..options.clone() })?);
        }
        let model = told.as_mut().unwrap_or(&mut model);
        let (counts, log) = report.cases();
        let CaseCounts { passed, failed, skipped, max_abs_diff } = counts;
        tally(path, &entries, [passed, failed, skipped], log, |_, case| {
            cases::check_case(model, dir, case, max_abs_diff)
        });
    }
    for path in &traces {
        let file = read(path)?;
        let entries = traces::entries(&file).with_context(|| path.display().to_string())?;
        let (Counts { passed, failed, skipped }, log) = report.traces();
        tally(path, &entries, [passed, failed, skipped], log, |_, trace| {
            traces::check_trace(&mut model, dir, &file, trace)
        });
    }
    Ok(report)
}

/// Where what went wrong, and why entries were skipped, is written down.
type Log<'a> = (&'a mut Vec<String>, &'a mut Vec<Skip>);

impl Report {
    fn cases(&mut self) -> (&mut CaseCounts, Log<'_>) {
        (&mut self.cases, (&mut self.failures, &mut self.skipped))
    }

    fn traces(&mut self) -> (&mut Counts, Log<'_>) {
        (&mut self.traces, (&mut self.failures, &mut self.skipped))
    }
}

/// Checks the entries of a file and counts each once.
fn tally(
    path: &Path,
    entries: &[Value],
    [passed, failed, skipped]: [&mut usize; 3],
    (failures, skips): Log<'_>,
    mut check: impl FnMut(usize, &Value) -> anyhow::Result<Verdict>,
) {
    for (index, entry) in entries.iter().enumerate() {
        let what = entry_name(path, index, entry);
        let why = match check(index, entry) {
            Ok(Verdict::Passed) => {
                *passed += 1;
                continue;
            }
            Ok(Verdict::Skipped(why)) => {
                *skipped += 1;
                skips.push(Skip { what, why });
                continue;
            }
            Ok(Verdict::Failed(why)) => why,
            // An entry that cannot even be read or run has not passed.
            Err(error) => format!("{error:#}"),
        };
        *failed += 1;
        failures.push(format!("{what}: {why}"));
    }
}
