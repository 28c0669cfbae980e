//! `lacuna models`: what there is and what fits, what a model is, whether a folder holds one that can be loaded; fetching,
//! removing and packing.

mod list;
mod pull;
mod quantize;

use anyhow::{anyhow, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{Common, Precision, cores, golden, print};
use crate::engine::catalog::{self, Found, known, memory};
use crate::model::{Attention, Checkpoint, LoadOptions, TensorReport};

#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    command: Option<ModelsCommand>,
}

#[derive(Debug, Subcommand)]
enum ModelsCommand {
    /// The models on this machine, and the published ones that are not
    List,
    /// What a model is: family, shape, mask token, licence, memory
    Show {
        /// A model's name or folder, or a .gguf file
        #[arg(value_name = "NAME|DIR")]
        model: Option<String>,
    },
    /// Whether a folder holds a model that can be loaded, and why not
    Check {
        /// The folder, a .gguf file, or a model's name
        #[arg(value_name = "NAME|DIR")]
        dir: String,
        /// Also run its cases*.json and traces*.json and compare every number
        #[arg(long)]
        golden: bool,
    },
    /// Fetch a model from the hub; what was cut off goes on
    Pull(pull::PullArgs),
    /// Remove a model that was fetched, or one of the user's folder
    Rm(pull::RmArgs),
    /// Write a model as one GGUF file with packed weights
    Quantize(quantize::QuantizeArgs),
}

pub(crate) fn run(args: &ModelsArgs, common: &Common) -> anyhow::Result<()> {
    match &args.command {
        None | Some(ModelsCommand::List) => list::run(common),
        Some(ModelsCommand::Show { model }) => show(model.as_deref().unwrap_or(common.model()), common),
        Some(ModelsCommand::Check { dir, golden }) => {
            let found = catalog::resolve(dir).map_err(|message| anyhow!(message))?;
            // Whether the files can be loaded needs no mask token; what is decoded of golden traces does.
            let options = LoadOptions { maskless: !golden, ..common.load_options(Precision::Exact, cores()) };
            let options = found.described.under(options);
            if *golden { golden::run(&found.path, &options, common) } else { check(dir, &found, &options, common) }
        }
        Some(ModelsCommand::Pull(args)) => pull::pull(args, common),
        Some(ModelsCommand::Rm(args)) => pull::remove(args, common),
        Some(ModelsCommand::Quantize(args)) => quantize::run(args, common),
    }
}

fn show(name: &str, common: &Common) -> anyhow::Result<()> {
    let found = catalog::resolve(name);
    let known = known::by_name(found.as_ref().map_or(name, |found| &found.name));
    let mut facts: Vec<(&str, String)> = Vec::new();
    match (found, known) {
        (Ok(found), _) => {
            let options = found.described.under(common.load_options(Precision::Exact, cores()));
            let checkpoint = Checkpoint::open(&found.path, &options.overrides)?;
            let how = &checkpoint.descriptor;
            let mask = match how.mask {
                Some(mask) => mask.to_string(),
                None if checkpoint.is_continuous() => "none: it denoises vectors".into(),
                None => "said by the tokenizer, or by --mask-id".into(),
            };
            let sees = match how.attention {
                Attention::Full => "the whole text".to_owned(),
                Attention::Block(block) => format!("the text before, and its own block of {block} tokens"),
            };
            facts.extend([("path", found.path.display().to_string()), ("family", how.family.clone())]);
            facts.extend(checkpoint.facts());
            facts.extend([("mask token", mask), ("logit shift", how.shift.to_string()), ("a hole sees", sees)]);
            if let Some(size) = catalog::size_of(&found.path) {
                facts.extend(needs(size));
            }
            let chat = if found.is_chat() { "the document lies in the assistant's turn" } else { "no" };
            facts.push(("conversation", chat.to_owned()));
        }
        (Err(_), Some(known)) => {
            facts.extend([
                ("path", format!("not on this machine; `lacuna models pull {}` fetches it", known.name)),
                ("family", known.family.to_owned()),
                ("weights", format!("{} million", known.parameters)),
            ]);
            facts.extend(needs(u64::from(known.megabytes) * 1_000_000));
        }
        (Err(message), None) => return Err(anyhow!(message)),
    }
    if let Some(known) = known {
        let warning = known.licence.warning().map(|warning| format!(": not open source, {warning}"));
        facts.extend([
            ("licence", known.licence.name().to_owned() + &warning.unwrap_or_default()),
            ("good at", known.good_at.to_owned()),
        ]);
        if !known.repo.is_empty() {
            facts.push(("repository", known.repo.to_owned()));
        }
    }
    if common.json {
        let map: serde_json::Map<_, _> = facts.iter().map(|(key, value)| ((*key).to_owned(), as_json(value))).collect();
        return print(&format!("{}\n", serde_json::Value::Object(map)));
    }
    print(&facts.iter().map(|(key, value)| format!("{key:<12} {value}\n")).collect::<String>())
}

/// A fact as a script wants it: a whole number where it is one.
fn as_json(value: &str) -> serde_json::Value {
    value.parse::<u64>().map_or_else(|_| json!(value), |number| json!(number))
}

/// Size and memory of a model whose files have so many bytes.
fn needs(size: u64) -> [(&'static str, String); 2] {
    let needed = memory::needed(size);
    let machine = memory::of_machine();
    let fit = match memory::fit(needed, machine).words() {
        "" => String::new(),
        words => format!(", {words}"),
    };
    let free = machine.map(|machine| format!(" ({} free)", catalog::words(machine.available))).unwrap_or_default();
    [("size", catalog::words(size)), ("memory", format!("{}{fit}{free}", catalog::words(needed)))]
}

fn check(name: &str, found: &Found, options: &LoadOptions, common: &Common) -> anyhow::Result<()> {
    let checkpoint = Checkpoint::open(&found.path, &options.overrides)?;
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
        bail!("{name}: {} tensors are missing and {} have another shape", missing.len(), misshapen.len());
    }
    // Names and shapes fit; reading every tensor finds a file that is shorter than its header says.
    let family = checkpoint.descriptor.family.clone();
    let model = checkpoint.load(name, options)?;
    let (parameters, device) = (model.parameters, model.device());
    if !common.json {
        let millions = parameters as f64 / 1e6;
        out += &format!("{name}: a {family} model of {millions:.1} million weights, loads on {device}\n");
        if model.descriptor.mask.is_none() {
            out += "its files do not say which token is the mask: filling and denoising need --mask-id N\n";
        }
    }
    print(&out)
}
