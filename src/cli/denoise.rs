//! `lacuna denoise`: token ids with masks in, token ids without out. No tokenizer is needed.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};

use super::logits::read_ids;
use super::{Common, Precision, output, print};
use crate::diffusion::Denoiser;
use crate::diffusion::canvas::{Canvas, Edit, EditAct};
use crate::diffusion::continuous::{self, Choices, ContinuousDenoiser};
use crate::diffusion::rng::{Draw, Seeded};
use crate::diffusion::run::{MOST_GROWTH, Run, StepReport};
use crate::diffusion::search::particles::Particles;
use crate::model::{ContinuousModel, Model};

#[derive(Debug, Args)]
pub(crate) struct DenoiseArgs {
    /// A JSON file, or `-` for standard input: {"ids": [..]} with the model's mask id in place of each token to be found
    #[arg(long, value_name = "FILE")]
    ids: PathBuf,
}

pub(crate) fn run(args: &DenoiseArgs, common: &Common) -> anyhow::Result<()> {
    let sampler = common.sampler_to_trace()?;
    if let Some(trace) = &common.trace {
        output::check("--trace", trace, output::Kind::Trace, &[&args.ids])?;
    }
    let file = read_ids(&args.ids)?;
    let mut model = common.load_model(Precision::Exact)?;
    common.check_sampler_for(&model)?;
    let canvas = Canvas::from_ids(&file.ids, model.vocabulary().mask());
    if canvas.masks_left() == 0 {
        let mask = model.vocabulary().mask();
        bail!("{} has no mask id ({mask}), so there is nothing to denoise", file.name);
    }
    let mut trace = common.trace.as_deref().map(TraceFile::create).transpose()?;
    if let Some(vectors) = model.continuous_mut() {
        return denoise_vectors(&canvas, vectors, common, trace);
    }
    let started = Instant::now();
    let (seed, vocabulary) = (common.seed(), model.vocabulary().clone());
    let mut run = Run::new(canvas, sampler, &vocabulary, model.shift(), Seeded(seed))
        .with_noise(model.noise())
        .with_growth(MOST_GROWTH, model.context());
    if let Some((n, beta)) = run.sampler().search.runs() {
        let mut particles = Particles::new(&run, seed, n, beta);
        while !particles.is_done() {
            particles.turn(|_, run| run.turn(&mut model, false, &|| false))?;
        }
        let seconds = started.elapsed().as_secs_f64();
        let ids = particles.ranked().first().map(|(slot, _)| particles.run(*slot).canvas().ids().to_vec());
        return print(&format!("{}\n", json!({ "ids": ids, "nfe": particles.nfe(), "seconds": seconds })));
    }
    while !run.is_done() {
        let report = one_step(&mut run, &mut model)?;
        if let Some(trace) = &mut trace {
            trace.write(report.step, run.canvas().ids(), &report.edits, report.nfe)?;
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    print(&format!("{}\n", json!({ "ids": run.canvas().ids(), "nfe": run.nfe(), "seconds": seconds })))
}

/// The same with vectors: what is no mask is known.
fn denoise_vectors(
    canvas: &Canvas,
    vectors: &mut ContinuousModel,
    common: &Common,
    mut trace: Option<TraceFile>,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let known = canvas.ids().iter().map(|id| Some(*id).filter(|id| *id != canvas.mask())).collect();
    let process = vectors.process(&Choices::steps(common.steps.unwrap_or_else(|| vectors.steps())));
    let mut run = continuous::Run::new(process, known, vectors, Seeded(common.seed()))?;
    let best = |run: &continuous::Run<Seeded>| -> Vec<u32> {
        run.best().iter().map(|best| best.unwrap_or(canvas.mask())).collect()
    };
    while !run.is_done() {
        let edits = run.step(vectors, &|| false)?;
        if let Some(trace) = &mut trace {
            trace.write(run.nfe() - 1, &best(&run), &edits, run.nfe())?;
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    print(&format!("{}\n", json!({ "ids": best(&run), "nfe": run.nfe(), "seconds": seconds })))
}

/// One step of a run that nobody watches: only the rows that a rule reads.
pub(crate) fn one_step<D: Draw + Clone>(run: &mut Run<D>, model: &mut Model) -> anyhow::Result<StepReport> {
    Ok(run.turn(model, false, &|| false)?)
}

/// `--trace`: one JSON line per step.
pub(crate) struct TraceFile {
    path: PathBuf,
    out: BufWriter<File>,
}

impl TraceFile {
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot write the trace to {}", path.display()))?;
        Ok(Self { path: path.to_owned(), out: BufWriter::new(file) })
    }

    pub(crate) fn write(&mut self, step: usize, ids: &[u32], edits: &[Edit], nfe: usize) -> anyhow::Result<()> {
        let edits: Vec<Value> = edits.iter().map(edit_json).collect();
        let line = json!({ "step": step, "ids": ids, "edits": edits, "nfe": nfe });
        let written = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
        written.with_context(|| format!("cannot write the trace to {}", self.path.display()))
    }
}

fn edit_json(edit: &Edit) -> Value {
    let mut json = match edit.act {
        EditAct::Write { token } => json!({ "act": "write", "token": token }),
        EditAct::Mask => json!({ "act": "mask" }),
        EditAct::Noise { token } => json!({ "act": "noise", "token": token }),
        EditAct::Insert { masks } => json!({ "act": "insert", "masks": masks }),
        EditAct::Delete => json!({ "act": "delete" }),
    };
    json["position"] = json!(edit.position);
    json["probability"] = json!(edit.probability);
    json["runners_up"] = json!(edit.runners_up);
    json
}
