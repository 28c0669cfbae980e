//! `lacuna models quantize`: one GGUF file with packed weights.

use std::path::PathBuf;

use anyhow::{anyhow, bail};
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::cli::{Common, Precision, Usage, cores, print};
use crate::engine::catalog::{self, words};
use crate::model::export::BlockType;
use crate::model::{Checkpoint, Overrides};

#[derive(Debug, Args)]
pub(crate) struct QuantizeArgs {
    /// The model's name, its folder, or a .gguf file
    #[arg(value_name = "NAME|DIR")]
    from: String,
    /// What to pack matrices into
    #[arg(long, value_enum)]
    to: To,
    /// The file to write
    #[arg(short, long, value_name = "FILE.gguf")]
    output: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum To {
    #[value(name = "q8_0")]
    Q8_0,
    #[value(name = "q5_0")]
    Q5_0,
    #[value(name = "q4_0")]
    Q4_0,
    #[value(name = "q4_k")]
    Q4K,
    F16,
}

pub(super) fn run(args: &QuantizeArgs, common: &Common) -> anyhow::Result<()> {
    let to = match args.to {
        To::Q8_0 => BlockType::Q8_0,
        To::Q5_0 => BlockType::Q5_0,
        To::Q4_0 => BlockType::Q4_0,
        To::Q4K => BlockType::Q4K,
        To::F16 => BlockType::F16,
    };
    let output = args.output.display();
    if args.output.extension().is_none_or(|kind| kind != "gguf") {
        bail!(Usage(format!("--output {output}: the file's name must end in .gguf, by which models are recognised")));
    }
    if args.output.exists() {
        bail!("{output} exists already; give another name or remove it first");
    }
    let found = catalog::resolve(&args.from).map_err(|message| anyhow!(message))?;
    let options = found.described.under(common.load_options(Precision::Exact, cores()));
    let exported = Checkpoint::open(&found.path, &options.overrides)?.export(to, &args.output)?;
    let says_mask = Checkpoint::open(&args.output, &Overrides::default())?.descriptor.mask.is_some();
    if common.json {
        let fallbacks: Vec<_> = exported
            .fallbacks
            .iter()
            .map(|(name, width, kind)| json!({ "tensor": name, "width": width, "type": kind.name() }))
            .collect();
        let document = json!({
            "path": args.output, "bytes": exported.bytes, "tensors": exported.tensors, "fallbacks": fallbacks,
            "says_mask": says_mask,
        });
        return print(&format!("{document}\n"));
    }
    let mut out = String::new();
    for (name, width, kind) in &exported.fallbacks {
        let (asked, given) = (to.name(), kind.name());
        out += &format!("{name}: rows of {width} are no multiple of {asked}'s blocks; written as {given}\n");
    }
    let name = found.name;
    out += &format!("{output}: {name}, {} tensors, {}\n", exported.tensors, words(exported.bytes));
    if !says_mask {
        out += "it does not say which token is the mask, as nothing did: load it with --mask-id N, or write it with that\n";
    }
    print(&out)
}
