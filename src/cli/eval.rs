//! `lacuna eval`: how well a model fills holes cut out of real text, by the length of the hole and how it is chosen.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use serde_json::json;

use super::{Common, Precision, print, progress};
use crate::engine::eval::{DOCUMENT_BREAK, Filled, Judged, LengthRule, Sample};
use crate::engine::score::Care;

#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// Text files, or folders of .txt files, to cut holes out of; a line of U+001E separates documents [default: some
    /// held-out prose, documentation and code that ships with the program]
    #[arg(value_name = "FILE|FOLDER")]
    texts: Vec<PathBuf>,
    /// How many holes
    #[arg(long, default_value_t = 200)]
    holes: usize,
    /// The longest hole, in tokens
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=64))]
    longest: u16,
    /// How lengths are chosen, each on the same holes: known, auto, or a number of tokens
    #[arg(long, value_name = "RULE,..", value_delimiter = ',', value_parser = LengthRule::parse,
          default_value = "known,auto,4,8,16,32")]
    lengths: Vec<LengthRule>,
}

/// Holes by their true length, both ends included.
const BUCKETS: [(usize, usize); 4] = [(1, 1), (2, 4), (5, 16), (17, 64)];

pub(crate) fn run(args: &EvalArgs, common: &Common) -> anyhow::Result<()> {
    let documents = documents(&args.texts)?;
    let (_, mut brain) = common.load_brain(Precision::Fast)?;
    let seed = common.seed.unwrap_or(1);
    let samples =
        brain.samples(&documents, args.holes, usize::from(args.longest), seed).map_err(|message| anyhow!(message))?;
    let options = common.run_options(seed)?;
    let (mut arms, mut judged) = (Vec::new(), Judged::with(Care::FULL));
    for rule in &args.lengths {
        let mut filled = Vec::with_capacity(samples.len());
        for (index, sample) in samples.iter().enumerate() {
            let result = brain.fill_sample(sample, *rule, &options, &mut judged);
            filled.push(result.map_err(|message| anyhow!(message))?);
            progress(&format!("{}: {} of {} holes", rule.name(), index + 1, samples.len()));
        }
        arms.push((*rule, filled));
    }
    progress("");
    let arms: Vec<Arm> = arms.iter().map(|(rule, filled)| Arm::of(*rule, &samples, filled)).collect();
    if common.json {
        let model = brain.info().name;
        let arms: Vec<_> = arms.iter().map(Arm::json).collect();
        return print(&format!(
            "{}\n",
            json!({ "model": model, "sampler": options.sampler, "seed": seed, "holes": samples.len(), "lengths": arms })
        ));
    }
    print(&table(&arms))
}

/// What one rule reached.
struct Arm {
    rule: LengthRule,
    /// All holes, then one entry for each bucket that has any.
    rows: Vec<(String, Means)>,
}

/// Means over some holes.
struct Means {
    holes: usize,
    exact: f64,
    similarity: f64,
    likelihood: f64,
    log_ratio: f64,
    nfe: f64,
    seconds: f64,
}

impl Arm {
    fn of(rule: LengthRule, samples: &[Sample], filled: &[Filled]) -> Self {
        let pairs: Vec<(&Sample, &Filled)> = samples.iter().zip(filled).collect();
        let mut rows = vec![("all".to_owned(), Means::of(&pairs))];
        for (least, most) in BUCKETS {
            let inside: Vec<_> =
                pairs.iter().copied().filter(|(sample, _)| (least..=most).contains(&sample.tokens)).collect();
            if !inside.is_empty() {
                let name = if least == most { least.to_string() } else { format!("{least}-{most}") };
                rows.push((name, Means::of(&inside)));
            }
        }
        Self { rule, rows }
    }

    fn json(&self) -> serde_json::Value {
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|(tokens, means)| {
                json!({
                    "tokens": tokens, "holes": means.holes, "exact_match": means.exact,
                    "edit_similarity": means.similarity, "mean_logprob": means.likelihood, "mean_abs_log_length_ratio": means.log_ratio,
                    "nfe": means.nfe, "seconds": means.seconds,
                })
            })
            .collect();
        json!({ "length": self.rule.name(), "by_tokens": rows })
    }
}

impl Means {
    fn of(pairs: &[(&Sample, &Filled)]) -> Self {
        let mean = |value: &dyn Fn(&Sample, &Filled) -> f64| {
            pairs.iter().map(|(sample, filled)| value(sample, filled)).sum::<f64>() / pairs.len().max(1) as f64
        };
        Self {
            holes: pairs.len(),
            exact: mean(&|_, filled| f64::from(u8::from(filled.exact))),
            similarity: mean(&|_, filled| filled.similarity),
            likelihood: mean(&|_, filled| filled.likelihood),
            log_ratio: mean(&|sample, filled| (filled.tokens.max(1) as f64 / sample.tokens as f64).ln().abs()),
            nfe: mean(&|_, filled| filled.nfe as f64),
            seconds: mean(&|_, filled| filled.seconds),
        }
    }
}

fn table(arms: &[Arm]) -> String {
    let mut out = format!(
        "{:<8}{:>8}{:>7}{:>9}{:>12}{:>12}{:>10}{:>9}{:>9}\n",
        "length", "tokens", "holes", "exact", "similarity", "likelihood", "off by", "passes", "seconds"
    );
    for arm in arms {
        for (tokens, means) in &arm.rows {
            let rule = if tokens == "all" { arm.rule.name() } else { String::new() };
            out += &format!(
                "{rule:<8}{tokens:>8}{:>7}{:>8.1}%{:>12.3}{:>12.3}{:>9.2}x{:>9.1}{:>9.2}\n",
                means.holes,
                100.0 * means.exact,
                means.similarity,
                means.likelihood,
                means.log_ratio.exp(),
                means.nfe,
                means.seconds
            );
        }
    }
    out
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
