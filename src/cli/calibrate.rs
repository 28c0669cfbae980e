//! `lacuna calibrate`: the constants of the length search for a model, from text of the kind it is to be used on.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;
use serde_json::json;

use super::{Common, Precision, print};
use crate::engine::brain::Brain;

#[derive(Debug, Args)]
pub(crate) struct CalibrateArgs {
    /// Text to cut holes out of, some pages at least
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How many holes to cut; each costs ten passes
    #[arg(long, default_value_t = 64)]
    holes: usize,
}

pub(crate) fn run(args: &CalibrateArgs, common: &Common) -> anyhow::Result<()> {
    let mut text = String::new();
    for path in &args.files {
        let file = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        text.push_str(&file);
        text.push_str("\n\n");
    }
    let mut brain = Brain::new(common.load_model(Precision::Fast)?)?;
    let progress = |done: usize| {
        // Progress is a courtesy; a closed standard error is no reason to stop.
        let _ = write!(std::io::stderr(), "\r{done} of {} holes", args.holes);
    };
    let fitted =
        brain.calibrate(&text, args.holes, common.seed.unwrap_or(1), progress).map_err(|message| anyhow!(message))?;
    let _ = writeln!(std::io::stderr());
    let bias = fitted.bias;
    print(&format!(
        "{}\n",
        json!({
            "model": brain.info().name, "a": bias.a, "b": bias.b, "c": bias.c, "d": bias.d, "e": bias.e,
            "holes": fitted.stretches, "mean_abs_log_ratio": fitted.error, "with_the_papers_constants": fitted.error_before,
        })
    ))
}
