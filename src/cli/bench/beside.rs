//! Other things on the same machine: a busy neighbour, and another program's forward pass in the same run.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, anyhow, bail};
use serde_json::{Value, json};

use crate::engine::bench::{PassTime, Shape};
use crate::engine::brain::Brain;

/// The canvas that is timed beside a neighbour.
const CANVAS: usize = 128;

/// A pass alone, and one while as many other threads compute as the machine has cores.
pub(super) struct Neighbour {
    alone: PassTime,
    beside: PassTime,
}

impl Neighbour {
    pub(super) fn time(brain: &mut Brain, repeats: usize) -> anyhow::Result<Self> {
        let shape = Shape { canvas: CANVAS.min(brain.info().context), rows: CANVAS.min(brain.info().context) };
        let mut one = || {
            let times = brain.time_passes(&[shape], repeats).map_err(|message| anyhow!(message))?;
            times.first().copied().context("no pass was timed")
        };
        let alone = one()?;
        let over = AtomicBool::new(false);
        let beside = std::thread::scope(|scope| {
            for _ in 0..crate::cli::cores() {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        std::hint::black_box((0..10_000u64).fold(1, |product: u64, i| product.wrapping_mul(i | 1)));
                    }
                });
            }
            let beside = one();
            over.store(true, Ordering::Relaxed);
            beside
        })?;
        Ok(Self { alone, beside })
    }

    fn ratio(&self) -> f64 {
        self.beside.median / self.alone.median
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "canvas": self.alone.shape.canvas, "alone_ms": 1e3 * self.alone.median,
            "beside_ms": 1e3 * self.beside.median, "ratio": self.ratio(),
        })
    }

    pub(super) fn table(&self) -> String {
        format!(
            "\nbeside a busy neighbour on every core: {:.1} ms a pass, {:.1}x of {:.1} ms alone ({} tokens)\n",
            1e3 * self.beside.median,
            self.ratio(),
            1e3 * self.alone.median,
            self.alone.shape.canvas
        )
    }
}

/// What another program says of its forward passes: the canvas, and the median and least milliseconds for all rows.
pub(super) struct Peer {
    laps: Vec<(usize, f64, f64)>,
}

impl Peer {
    /// Runs a command that prints one JSON document a line, `{"len": 128, "all_ms": {"median": 1.0, "min": 1.0}}`.
    pub(super) fn time(command: &str) -> anyhow::Result<Self> {
        let started = Command::new("sh").args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = started.with_context(|| format!("cannot start `{command}`"))?;
        let mut laps = Vec::new();
        for line in child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
            let line = line.with_context(|| format!("cannot read what `{command}` prints"))?;
            let Ok(told) = serde_json::from_str::<Value>(&line) else { continue };
            let number = |value: &Value| value.as_f64();
            let lap = told["len"].as_u64().zip(number(&told["all_ms"]["median"])).zip(number(&told["all_ms"]["min"]));
            laps.extend(lap.map(|((len, median), least)| (len as usize, median, least)));
        }
        let status = child.wait().with_context(|| format!("cannot wait for `{command}`"))?;
        if !status.success() || laps.is_empty() {
            bail!(
                "`{command}` gave no times ({status}); it is to print lines like {{\"len\": 128, \"all_ms\": {{\"median\": 1.0, \
                 \"min\": 1.0}}}}"
            );
        }
        Ok(Self { laps })
    }

    /// Its times beside ours for the same canvas and all rows.
    fn pairs<'a>(&'a self, passes: &'a [PassTime]) -> impl Iterator<Item = (usize, f64, f64)> + 'a {
        passes.iter().filter(|pass| pass.shape.rows == pass.shape.canvas).filter_map(|pass| {
            let (canvas, median, _) = self.laps.iter().find(|(canvas, ..)| *canvas == pass.shape.canvas)?;
            Some((*canvas, *median, *median / (1e3 * pass.median)))
        })
    }

    pub(super) fn json(&self, passes: &[PassTime]) -> Value {
        let list: Vec<Value> = self
            .pairs(passes)
            .map(|(canvas, median, ratio)| json!({ "canvas": canvas, "median_ms": median, "ratio": ratio }))
            .collect();
        json!(list)
    }

    pub(super) fn table(&self, passes: &[PassTime]) -> String {
        let line = |(canvas, median, ratio)| format!("{canvas:>6} tokens{median:>10.1} ms, {ratio:.2}x ours\n");
        format!("\nthe other program, all rows\n{}", self.pairs(passes).map(line).collect::<String>())
    }
}
