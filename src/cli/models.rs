//! `lacuna models`: what is installed, what a model is, and whether a folder holds one that can be loaded.

use std::path::PathBuf;

use anyhow::{anyhow, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{Common, Precision, cores, golden, print};
use crate::engine::catalog;
use crate::model::{Checkpoint, TensorReport};

#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    command: Option<ModelsCommand>,
}

#[derive(Debug, Subcommand)]
enum ModelsCommand {
    /// The models on this machine
    List,
    /// What a model is: family, shape, mask token
    Show {
        /// A model's name or folder
        model: Option<String>,
    },
    /// Whether a folder holds a model that can be loaded, and why not
    Check {
        /// The folder, or a .gguf file
        dir: PathBuf,
        /// Also run its cases*.json and traces*.json and compare every number
        #[arg(long)]
        golden: bool,
    },
}

pub(crate) fn run(args: &ModelsArgs, common: &Common) -> anyhow::Result<()> {
    match &args.command {
        None | Some(ModelsCommand::List) => list(common),
        Some(ModelsCommand::Show { model }) => show(model.as_deref().unwrap_or(&common.model), common),
        Some(ModelsCommand::Check { dir, golden: false }) => check(dir, common),
        Some(ModelsCommand::Check { dir, golden: true }) => golden::run(dir, common),
    }
}

fn list(common: &Common) -> anyhow::Result<()> {
    let models = catalog::installed();
    if common.json {
        let models: Vec<_> =
            models.iter().map(|model| json!({ "name": model.name, "path": model.path, "bytes": model.size })).collect();
        return print(&format!("{}\n", json!({ "models": models })));
    }
    let mut out = String::new();
    for model in &models {
        let note = if model.name == catalog::DEFAULT_MODEL { "  the default" } else { "" };
        let size = model.size as f64 / 1e6;
        out += &format!("{:<24} {size:>8.1} MB  {}{note}\n", model.name, model.path.display());
    }
    if models.is_empty() {
        out.push_str("No model is installed.\n");
    }
    if let Some(folder) = catalog::user_folder() {
        out += &format!("\nA model of your own: --model DIR, or a folder in {}\n", folder.display());
    }
    print(&out)
}

fn show(name: &str, common: &Common) -> anyhow::Result<()> {
    let path = catalog::find(name).map_err(|message| anyhow!(message))?;
    let options = common.load_options(Precision::Exact, cores());
    let checkpoint = Checkpoint::open(&path, &options.overrides)?;
    let how = &checkpoint.descriptor;
    let mask = how.mask.map_or("said by the tokenizer, or by --mask-id".into(), |mask| mask.to_string());
    let mut facts = vec![("path", path.display().to_string()), ("family", how.family.clone())];
    facts.extend(checkpoint.facts());
    facts.extend([("mask token", mask), ("logit shift", how.shift.to_string())]);
    if common.json {
        let map: serde_json::Map<_, _> = facts.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        return print(&format!("{}\n", serde_json::Value::Object(map)));
    }
    print(&facts.iter().map(|(key, value)| format!("{key:<12} {value}\n")).collect::<String>())
}

fn check(dir: &std::path::Path, common: &Common) -> anyhow::Result<()> {
    let options = common.load_options(Precision::Exact, cores());
    let checkpoint = Checkpoint::open(dir, &options.overrides)?;
    let TensorReport { missing, misshapen, unused } = checkpoint.report();
    let ok = missing.is_empty() && misshapen.is_empty();
    let mut out = String::new();
    for name in &missing {
        out += &format!("missing    {name}\n");
    }
    for tensor in &misshapen {
        out += &format!("misshapen  {}: {:?} where {:?} is asked for\n", tensor.name, tensor.found, tensor.expected);
    }
    for name in &unused {
        out += &format!("unused     {name}\n");
    }
    if common.json {
        let misshapen: Vec<_> = misshapen
            .iter()
            .map(|tensor| json!({ "name": tensor.name, "expected": tensor.expected, "found": tensor.found }))
            .collect();
        let report = json!({
            "family": checkpoint.descriptor.family, "missing": missing, "misshapen": misshapen, "unused": unused,
        });
        out = format!("{report}\n");
    }
    if !ok {
        print(&out)?;
        bail!("{}: {} tensors are missing and {} have another shape", dir.display(), missing.len(), misshapen.len());
    }
    // Names and shapes fit; reading every tensor finds a file that is shorter than its header says.
    let family = checkpoint.descriptor.family.clone();
    let model = checkpoint.load(&dir.display().to_string(), &options)?;
    if !common.json {
        out += &format!(
            "{}: a {family} model of {:.1} million weights, loads on {}\n",
            dir.display(),
            model.parameters as f64 / 1e6,
            model.device()
        );
    }
    print(&out)
}
