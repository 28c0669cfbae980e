//! `lacuna bench`: how fast the network, whole infills and the keyboard are on this machine.
//!
//! With `--baseline` the plain way (the whole text, f32, every row, one commit a pass) is timed in the same process, so
//! that each gain is a ratio of two figures of one run. Times mean little from one machine to the next; ratios do.

mod beside;
mod editor;
mod keys;

use std::time::Instant;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Common, Precision, Usage, cores, print};
use crate::engine::bench::{Case, InfillTime, Lap, PassTime, Shape, race};
use crate::engine::brain::Brain;
use crate::engine::eval::boundary;
use beside::{Neighbour, Peer};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    what: Option<What>,
    /// Also time the plain way: the whole text, f32, all rows, one commit a pass
    #[arg(long)]
    baseline: bool,
    /// Passes of each shape
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=1000),
          allow_negative_numbers = true)]
    repeats: u16,
    /// Canvas lengths, in tokens [default: 64,128,256,512, as far as the model's context goes]
    #[arg(long, value_delimiter = ',', value_name = "N,..", allow_negative_numbers = true)]
    canvas: Vec<usize>,
    /// Leave out the infills
    #[arg(long)]
    passes_only: bool,
    /// Also run this command, which times another program's forward passes, and give the ratios: lines of JSON like
    /// {"len": 128, "all_ms": {"median": 9.5, "min": 9.1}}
    #[arg(long, value_name = "COMMAND")]
    beside: Option<String>,
    /// Keys to type in a pseudo-terminal, idle and during a run; 0 leaves that out
    #[arg(long, value_name = "N", default_value_t = 100, allow_negative_numbers = true)]
    keys: usize,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Opening files and typing, beside other editors that are installed
    Editor(editor::EditorArgs),
}

/// Canvases that are timed where none is asked for.
const USUAL: [usize; 4] = [64, 128, 256, 512];
/// Rows of logits asked for beside "all": a hole of usual size.
const FEW_ROWS: usize = 16;
const PROSE: &str = include_str!("../../assets/bench/prose.txt");
const CODE: &str = include_str!("../text/selection.rs");
/// Tokens of the longest infill that is made the plain way too: every one of them costs a second or more.
const MOST_PLAIN: usize = 32;
/// Bytes of a text: about 512 tokens.
const TEXT: usize = 2200;

pub(crate) fn run(args: &BenchArgs, common: &Common) -> anyhow::Result<()> {
    if let Some(What::Editor(args)) = &args.what {
        return editor::run(args, common);
    }
    let started = Instant::now();
    let mut brain = Brain::new(common.load_model(Precision::Fast)?)?;
    let load = started.elapsed().as_secs_f64();
    let context = brain.info().context;
    let lengths = lengths(&args.canvas, context)?;
    let shapes: Vec<Shape> = lengths.into_iter().flat_map(shapes_of).collect();
    let repeats = usize::from(args.repeats);
    let passes = brain.time_passes(&shapes, repeats).map_err(|message| anyhow!(message))?;
    let peer = args.beside.as_deref().map(Peer::time).transpose()?;
    let neighbour = Neighbour::time(&mut brain, repeats)?;
    let race = race(common.load_options(Precision::Fast, cores()).threads, 10 * repeats)
        .map_err(|message| anyhow!(message))?;
    let cases = if args.passes_only { Vec::new() } else { cases() };
    let options = common.run_options(common.seed.unwrap_or(1))?;
    let infills = cases.iter().map(|case| brain.time_infill(case, &options)).collect::<Result<Vec<_>, _>>();
    let infills = infills.map_err(|message| anyhow!(message))?;
    let model = brain.info();
    drop(brain);
    let memory = peak_memory();
    let baseline = if args.baseline { Some(Baseline::time(common, &shapes, repeats, &cases)?) } else { None };
    let keys = if args.keys > 0 { Some(keys::time(common, args.keys)?) } else { None };
    if common.json {
        let document = json!({
            "model": model.name, "device": model.device, "load_seconds": load, "peak_memory_bytes": memory,
            "passes": passes.iter().map(pass_json).collect::<Vec<_>>(),
            "beside": peer.as_ref().map(|peer| peer.json(&passes)),
            "busy_neighbour": neighbour.json(),
            "kernels": race.iter().map(lap_json).collect::<Vec<_>>(),
            "infills": infills.iter().map(infill_json).collect::<Vec<_>>(),
            "baseline": baseline.as_ref().map(|baseline| baseline.json(&passes, &infills)),
            "keys": keys.as_ref().map(keys::Keys::json),
        });
        return print(&format!("{document}\n"));
    }
    let mut out = format!("{} on {}, loaded in {load:.2} s", model.name, model.device);
    if let Some(memory) = memory {
        out += &format!(", {:.0} MB at most", memory as f64 / 1e6);
    }
    out += &format!("\n\n{:<24}{:>10}{:>10}", "forward pass", "median", "least");
    out += if baseline.is_some() { "   plain  gain\n" } else { "\n" };
    for (index, pass) in passes.iter().enumerate() {
        let Shape { canvas, rows } = pass.shape;
        let rows = if rows == canvas { "all rows".to_owned() } else { format!("{rows} rows") };
        let name = format!("{canvas} tokens, {rows}");
        out += &format!("{name:<24}{:>8.1}ms{:>8.1}ms", 1e3 * pass.median, 1e3 * pass.least);
        out += &baseline.as_ref().map_or_else(String::new, |baseline| {
            gain(baseline.passes.get(index).map(|plain| plain.least), pass.least, 1e3, "ms")
        });
        out.push('\n');
    }
    out += &peer.map_or_else(String::new, |peer| peer.table(&passes));
    out += &neighbour.table();
    out += &kernels(&race);
    if !infills.is_empty() {
        out +=
            &format!("\n{:<24}{:>8}{:>8}{:>10}{:>10}{:>9}", "infill", "tokens", "passes", "first", "done", "tokens/s");
        out += if baseline.is_some() { "   plain  gain\n" } else { "\n" };
    }
    for infill in &infills {
        let InfillTime { name, tokens, nfe, first, done, .. } = infill;
        out += &format!("{name:<24}{tokens:>8}{nfe:>8}{first:>9.2}s{done:>9.2}s{:>9.1}", *tokens as f64 / done);
        out += &baseline.as_ref().map_or_else(String::new, |baseline| {
            let plain = baseline.infills.iter().find(|plain| plain.name == *name);
            gain(plain.map(|plain| plain.done), *done, 1.0, "s")
        });
        out.push('\n');
    }
    out += &keys.map_or_else(String::new, |keys| keys.table());
    print(&out)
}

/// The canvases asked for, each of which the model must take; those of the usual ones that it takes, where none is.
fn lengths(asked: &[usize], context: usize) -> Result<Vec<usize>, Usage> {
    if let Some(length) = asked.iter().find(|length| !(1..=context).contains(*length)) {
        return Err(Usage(format!("--canvas {length}: a canvas of this model has from 1 to {context} tokens")));
    }
    let usual = USUAL.iter().filter(|length| **length <= context);
    Ok(if asked.is_empty() { usual.copied().collect() } else { asked.to_vec() })
}

/// All rows of a canvas, and a few of them where it has more than those.
fn shapes_of(canvas: usize) -> impl Iterator<Item = Shape> {
    let few = (canvas > FEW_ROWS).then_some(FEW_ROWS);
    std::iter::once(canvas).chain(few).map(move |rows| Shape { canvas, rows })
}

/// The plain figure and how many times longer it is.
fn gain(plain: Option<f64>, ours: f64, unit: f64, name: &str) -> String {
    plain.map_or_else(String::new, |plain| format!("{:>8.1}{name}{:>5.1}x", plain * unit, plain / ours))
}

/// The same shapes and texts, the plain way.
struct Baseline {
    passes: Vec<PassTime>,
    infills: Vec<InfillTime>,
}

impl Baseline {
    fn time(common: &Common, shapes: &[Shape], repeats: usize, cases: &[Case]) -> anyhow::Result<Self> {
        let mut brain = Brain::new(common.load_model(Precision::Exact)?)?;
        // The plain way computes every row, whichever are read.
        let all: Vec<Shape> = shapes.iter().map(|shape| Shape { rows: shape.canvas, ..*shape }).collect();
        let passes = brain.time_passes(&all, repeats).map_err(|message| anyhow!(message))?;
        let short = cases.iter().filter(|case| case.holes.iter().sum::<usize>() <= MOST_PLAIN);
        let infills = short.map(|case| brain.time_plain(case)).collect::<Result<Vec<_>, _>>();
        Ok(Self { passes, infills: infills.map_err(|message| anyhow!(message))? })
    }

    fn json(&self, passes: &[PassTime], infills: &[InfillTime]) -> Value {
        let pass_gain: Vec<f64> =
            self.passes.iter().zip(passes).map(|(plain, ours)| plain.least / ours.least).collect();
        let gain = |plain: &InfillTime| Some(plain.done / infills.iter().find(|ours| ours.name == plain.name)?.done);
        let infill_gain: Vec<f64> = self.infills.iter().filter_map(gain).collect();
        json!({
            "passes": self.passes.iter().map(pass_json).collect::<Vec<_>>(), "pass_gain": pass_gain,
            "infills": self.infills.iter().map(infill_json).collect::<Vec<_>>(), "infill_gain": infill_gain,
        })
    }
}

fn cases() -> Vec<Case> {
    let start = |text: &'static str| &text[..boundary(text, TEXT)];
    let (prose, code) = (start(PROSE), start(CODE));
    vec![
        Case::cut("prose, 8 tokens", prose, &[8]),
        Case::cut("prose, 32 tokens", prose, &[32]),
        Case::cut("code, 16 tokens", code, &[16]),
        Case::cut("code, 64 tokens", code, &[64]),
        Case::cut("prose, 3 holes at once", prose, &[6, 10, 8]),
    ]
}

fn pass_json(time: &PassTime) -> Value {
    json!({
        "canvas": time.shape.canvas, "rows": time.shape.rows, "median_ms": 1e3 * time.median, "least_ms": 1e3 * time.least,
    })
}

fn lap_json(lap: &Lap) -> Value {
    json!({ "name": lap.name, "gops": lap.gops })
}

/// The kernels of this CPU, and candle's, which is last, as the measure.
fn kernels(race: &[Lap]) -> String {
    let candle = race.last().map_or(f64::NAN, |lap| lap.gops);
    let line = |lap: &Lap| format!("{:<24}{:>8.0}{:>9.1}x\n", lap.name, lap.gops, lap.gops / candle);
    format!("\n{:<24}{:>8}{:>10}\n{}", "8-bit product", "Gop/s", "candle's", race.iter().map(line).collect::<String>())
}

fn infill_json(time: &InfillTime) -> Value {
    json!({
        "name": time.name, "tokens": time.tokens, "nfe": time.nfe, "first_seconds": time.first, "seconds": time.done,
        "tokens_per_second": time.tokens as f64 / time.done, "texts": time.texts,
    })
}

/// The most memory that this process has held, where the system tells.
fn peak_memory() -> Option<u64> {
    peak_memory_of("self")
}

/// The same of any process.
fn peak_memory_of(process: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canvas_that_the_model_does_not_take_is_refused_and_a_short_one_is_timed_once() {
        assert_eq!(lengths(&[], 256).unwrap(), [64, 128, 256]);
        assert!(lengths(&[16, 99_999], 256).is_err() && lengths(&[0], 256).is_err());
        let rows = |canvas| shapes_of(canvas).map(|shape| shape.rows).collect::<Vec<_>>();
        assert_eq!((rows(16), rows(64)), (vec![16], vec![64, 16]));
    }
}
