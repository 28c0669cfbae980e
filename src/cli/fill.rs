//! `lacuna fill`: a text with holes in, the text without them out. Bytes outside of the holes come out as they went in.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{anyhow, bail};
use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};

use super::denoise::TraceFile;
use super::markers::{Marker, Segment, mask_matches, parse};
use super::mistakes::note;
use super::source::Source;
use super::{Common, Precision, Usage, output, print, replay};
use crate::app::recording::{Made, Recording};
use crate::engine::brain::Brain;
use crate::engine::protocol::{
    Constraint, Frame, HoleFrame, HoleId, HolePart, JobId, Length, ModelInfo, Part, Renoise, Request, RunOptions, Verb,
};
use crate::engine::{check, parse};
use crate::shell::film;

#[derive(Debug, Args)]
pub(crate) struct FillArgs {
    #[command(flatten)]
    source: Source,
    /// Make each match of a regular expression a hole of any length
    #[arg(long, value_name = "RE", conflicts_with_all = ["strength", "range"])]
    mask_regex: Option<String>,
    /// Rewrite instead: how much of the range may change, from 0 to 1
    #[arg(long, value_name = "0..1", requires = "range", allow_negative_numbers = true)]
    strength: Option<f64>,
    /// What a rewrite masks: the words that are least likely where they stand, single tokens by chance, or words by chance
    #[arg(long, value_name = "WHICH", requires = "strength", value_parser = PossibleValuesParser::new(Renoise::ALL.map(|(name, _)| name)))]
    renoise: Option<String>,
    /// The bytes to rewrite; then the text has no other holes
    #[arg(long, value_name = "A..B", value_parser = parse_range, allow_hyphen_values = true)]
    range: Option<Range<usize>>,
    #[command(flatten)]
    demands: Demands,
    /// What to write, for models that were tuned to follow instructions; with --range it is done to that
    #[arg(long, value_name = "TEXT")]
    instruction: Option<String>,
    /// Record the run as a file: .json for `lacuna replay`, .cast, .svg or .gif
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

/// What the text of every hole must be like.
#[derive(Debug, Args)]
#[command(next_help_heading = "What the holes' text must be like")]
struct Demands {
    /// It matches a regular expression from end to end; [MASK /RE/] asks it of one hole
    #[arg(long = "match", value_name = "RE")]
    matching: Option<String>,
    /// It has no other characters than these, as in `a-z0-9 `
    #[arg(long, value_name = "CLASS")]
    charset: Option<String>,
    /// It has at most so many lines
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), allow_negative_numbers = true)]
    max_lines: Option<u16>,
    /// Its further lines are indented at least as its first one
    #[arg(long)]
    indented: bool,
    /// It closes the brackets that it opens
    #[arg(long)]
    balanced: bool,
    /// The whole text still parses with it, in a language or that of the --file (auto)
    #[arg(long, value_name = "LANG|auto")]
    must_parse: Option<String>,
    /// This is nowhere in it (can be given again)
    #[arg(long, value_name = "TEXT")]
    ban: Vec<String>,
    /// This is somewhere in it (can be given again)
    #[arg(long, value_name = "TEXT")]
    need: Vec<String>,
}

impl Demands {
    fn constraints(&self, file: Option<&Path>) -> anyhow::Result<Vec<Constraint>> {
        let mut all = Vec::new();
        all.extend(self.matching.iter().map(|text| readable("--match", text, Constraint::Match)));
        all.extend(self.charset.iter().map(|text| readable("--charset", text, Constraint::Characters)));
        all.extend(self.max_lines.map(|lines| Ok(Constraint::MostLines(lines.into()))));
        all.extend(self.indented.then_some(Ok(Constraint::Indented)));
        all.extend(self.ban.iter().map(|text| readable("--ban", text, Constraint::Without)));
        all.extend(self.need.iter().map(|text| readable("--need", text, Constraint::With)));
        all.extend(self.balanced.then_some(Ok(Constraint::Balanced)));
        let mut all = all.into_iter().collect::<Result<Vec<_>, Usage>>()?;
        if let Some(language) = &self.must_parse {
            all.push(Constraint::Parses(known_language(language, file)?));
        }
        Ok(all)
    }
}

/// A demand of an option, if its text is one that an automaton can be made of.
fn readable(option: &str, text: &str, demand: fn(String) -> Constraint) -> Result<Constraint, Usage> {
    if text.is_empty() {
        return Err(Usage(format!("{option} is given no text; say what it asks for, or leave it out")));
    }
    let demand = demand(text.to_owned());
    match demand.exact("") {
        Some(Err(error)) => Err(Usage(format!("{option} {text}: {error}"))),
        _ => Ok(demand),
    }
}

/// The language of that name, or for `auto` that of the file.
fn known_language(name: &str, file: Option<&Path>) -> anyhow::Result<String> {
    let file = file.map(|file| file.to_string_lossy()).unwrap_or_default();
    let known = parse::language_named(name, &file);
    let known = known.ok_or_else(|| {
        let languages = parse::languages().collect::<Vec<_>>().join(", ");
        Usage(format!("must-parse {name}: name one of {languages}, or auto with a --file of one of them"))
    })?;
    Ok(known.to_owned())
}

fn parse_range(text: &str) -> Result<Range<usize>, String> {
    let numbers = text.split_once("..").and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    match numbers {
        Some((start, end)) if start < end => Ok(start..end),
        _ => Err(format!("a range is A..B with A less than B, in bytes, not `{text}`")),
    }
}

pub(crate) fn run(args: &FillArgs, common: &Common) -> anyhow::Result<()> {
    common.sampler_to_trace()?;
    if args.range.is_some() && args.strength.is_none() && args.instruction.is_none() {
        bail!(Usage("--range needs --strength S, or --instruction TEXT for a model that follows instructions".into()));
    }
    check_outputs(args, common)?;
    let demands = args.demands.constraints(args.source.file())?;
    let text = args.source.read()?;
    let (mut parts, verb) = parts(args, &text)?;
    for part in &mut parts {
        if let Part::Hole(hole) = part {
            hole.constraints.extend(demands.iter().cloned());
        }
    }
    let seed = common.seed();
    let (found, model) = common.find_and_load(Precision::Fast)?;
    common.check_sampler_for(&model)?;
    let mut brain = Brain::new(model)?.with_lengths_of(&found.path).tuned_on_chat(found.is_chat());
    let caution = brain.info().caution(&parts);
    for warning in brain.self_test()?.into_iter().chain(caution) {
        note(&warning);
    }
    let renoise = args.renoise.as_deref().and_then(Renoise::named).unwrap_or_default();
    let options = RunOptions { instruction: args.instruction.clone(), renoise, ..common.run_options(seed)? };
    let request = Request { job: JobId(0), verb, parts, options };
    let mut trace = common.trace.as_deref().map(TraceFile::create).transpose()?;
    let mut frames = Vec::new();
    let (frame, tokens) = brain
        .run(&request, |glance| {
            if args.record.is_some() {
                frames.push(Arc::new(glance.frame()));
            }
            match (&mut trace, glance.step()) {
                (Some(trace), Some(step)) => {
                    trace.write(step.step - 1, step.ids, step.edits, step.nfe).map_err(|error| format!("{error:#}"))
                }
                _ => Ok(()),
            }
        })
        .map_err(|message| anyhow!(message))?;
    let recorded = args.record.as_deref().map_or(Ok(()), |path| {
        frames.push(Arc::new(frame.clone()));
        let name = args.source.file().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        let ModelInfo { name: model, device, .. } = brain.info();
        let options = request.options.clone();
        let made = Made { name: name.unwrap_or_default(), verb, model, device, options };
        film::write(&Recording::of_parts(&request.parts, &frames, made), path, &replay::look(None, 1.0, None))
    });
    let (text, holes) = assemble(&request.parts, &frame, &tokens);
    if common.json {
        let document = json!({
            "text": text, "holes": holes, "nfe": frame.nfe, "seconds": frame.seconds, "seed": seed,
            "model": brain.info().name,
        });
        print(&format!("{document}\n"))?;
    } else {
        print(&text)?;
        for line in unmet(&holes) {
            note(&line);
        }
    }
    // The text is there by now, whatever became of its recording.
    recorded
}

/// What holes were to be like and are not, in words; the JSON document says it itself.
fn unmet(holes: &[Value]) -> Vec<String> {
    let of_hole = |(index, hole): (usize, &Value)| {
        let said = hole["constraints"].as_array().into_iter().flatten().filter(|said| said["met"] == false);
        let unmet: Vec<&str> = said.filter_map(|said| said["constraint"].as_str()).collect();
        let number = if holes.len() > 1 { format!(" {}", index + 1) } else { String::new() };
        let told = || format!("the text of hole{number} does not meet what is demanded of it: {}", unmet.join("; "));
        (!unmet.is_empty()).then(told)
    };
    holes.iter().enumerate().filter_map(of_hole).collect()
}

/// Refuses what could not be written or would take a file of the user's, before anything is loaded.
fn check_outputs(args: &FillArgs, common: &Common) -> anyhow::Result<()> {
    let mut taken: Vec<&Path> = args.source.file().into_iter().collect();
    if let Some(trace) = &common.trace {
        output::check("--trace", trace, output::Kind::Trace, &taken)?;
        taken.push(trace);
    }
    if let Some(record) = &args.record {
        film::kind(record).map_err(|why| Usage(format!("--record {why}")))?;
        output::check("--record", record, output::Kind::Film, &taken)?;
    }
    Ok(())
}

/// The request's parts and what is to be done with its holes.
fn parts(args: &FillArgs, text: &str) -> anyhow::Result<(Vec<Part>, Verb)> {
    if let Some(range) = &args.range {
        let verb = args.strength.map_or(Verb::Fill, |strength| Verb::Rewrite { strength });
        if let Some(strength) = args.strength.filter(|strength| !(0.0..=1.0).contains(strength)) {
            bail!(Usage(format!("--strength is from 0 to 1, not {strength}")));
        }
        let (Some(before), Some(original), Some(after)) =
            (text.get(..range.start), text.get(range.clone()), text.get(range.end..))
        else {
            let (start, end, len) = (range.start, range.end, text.len());
            bail!("--range {start}..{end} does not lie on characters of the text, which has {len} bytes");
        };
        let marked = |segments: Vec<Segment>| segments.iter().any(|segment| matches!(segment, Segment::Hole(_)));
        if parse(text).map_or(true, marked) {
            let why =
                "--range rewrites that part and nothing else, and the text has a [MASK] too; leave one of them out";
            bail!(Usage(why.into()));
        }
        let hole = Part::Hole(HolePart::new(HoleId(0), original, Length::Auto));
        return Ok((vec![Part::Text(before.into()), hole, Part::Text(after.into())], verb));
    }
    let mut segments = parse(text).map_err(Usage)?;
    if let Some(pattern) = &args.mask_regex {
        segments = mask_matches(segments, pattern).map_err(Usage)?;
    }
    if !segments.iter().any(|segment| matches!(segment, Segment::Hole(_))) {
        if let Some(name) = args.source.named() {
            bail!("there is no hole in the text {name:?}; to fill the holes of that file, say --file {name}");
        }
        if let Some(pattern) = &args.mask_regex {
            bail!("--mask-regex {pattern} matches nothing in the text, so there is no hole to fill");
        }
        bail!("there is no hole in the text; write [MASK] where something is to be filled in");
    }
    let part = |(index, segment)| match segment {
        Segment::Text(text) => Ok(Part::Text(text)),
        Segment::Hole(Marker { length, demands }) => {
            let known = |demand| match demand {
                Constraint::Parses(language) => known_language(&language, args.source.file()).map(Constraint::Parses),
                demand => Ok(demand),
            };
            let constraints = demands.into_iter().map(known).collect::<anyhow::Result<_>>()?;
            Ok(Part::Hole(HolePart { constraints, ..HolePart::new(HoleId(index as u64), "", length) }))
        }
    };
    let parts = segments.into_iter().enumerate().map(part).collect::<anyhow::Result<_>>()?;
    Ok((parts, Verb::Fill))
}

/// The whole text with the holes filled, and where each is in it.
fn assemble(parts: &[Part], frame: &Frame, tokens: &[usize]) -> (String, Vec<Value>) {
    let mut text = String::new();
    let mut holes = Vec::new();
    let mut filled = frame.holes.iter().zip(tokens);
    let met = check::met(parts, &frame.holes.iter().map(HoleFrame::text).collect::<Vec<_>>());
    let mut met = met.into_iter();
    for part in parts {
        match part {
            Part::Text(kept) => text.push_str(kept),
            Part::Hole(part) => {
                let (Some((hole, tokens)), Some(met)) = (filled.next(), met.next()) else { continue };
                let (start, inside) = (text.len(), hole.text());
                text.push_str(&inside);
                let mut hole = json!({
                    "start": start, "end": text.len(), "text": inside, "tokens": tokens, "mean_logprob": hole.mean_logprob,
                });
                if !part.constraints.is_empty() {
                    let said = part.constraints.iter().zip(met);
                    let said = said.map(|(what, met)| json!({ "constraint": what.to_string(), "met": met }));
                    hole["constraints"] = said.collect();
                }
                holes.push(hole);
            }
        }
    }
    (text, holes)
}
