//! The words of the header and the status line, as a pure function of the program's state.

use crate::app::commands::run::{Target, target};
use crate::app::heat::percent;
use crate::app::infill::{Run, Session, Stage, demands};
use crate::app::keymap::{Context, Meaning, Scheme, written};
use crate::app::notice::Notice;
use crate::app::side::Side;
use crate::app::{App, Model};
use crate::engine::protocol::{CellState, Frame, Phase, Verb};
use crate::text::encoding::Encoding;

/// A key and what it does, in one or two words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The key.
    pub key: String,
    /// What it does.
    pub does: &'static str,
}

/// How far a run is, for a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Done.
    pub done: usize,
    /// To be done in all, at least 1.
    pub of: usize,
}

/// Which step is shown, for a bar with a handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeline {
    /// Which step, from 0.
    pub at: usize,
    /// How many there are, at least 2.
    pub of: usize,
    /// They are being played.
    pub plays: bool,
}

/// What the header and the status line say.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// The file's name.
    pub name: String,
    /// Which of several documents it is; empty where there is only one.
    pub documents: String,
    /// There are unsaved changes.
    pub dirty: bool,
    /// The file cannot be written.
    pub read_only: bool,
    /// How the file is written, where that is not UTF-8.
    pub encoding: Option<&'static str>,
    /// Line and column of the caret, 1-based, and how much is selected.
    pub place: String,
    /// The model and where it runs, or why there is none.
    pub model: String,
    /// The mode of a modal keymap, and the keys of a sequence that has begun.
    pub mode: String,
    /// What is going on in the holes; empty when nothing is.
    pub activity: String,
    /// How far it is.
    pub progress: Option<Progress>,
    /// The steps that can be gone through, while none is made.
    pub timeline: Option<Timeline>,
    /// What the cell at the caret is: its text, how likely, what else it could have been; or how likely the word is.
    pub cell: Option<String>,
    /// What there is to say.
    pub notice: Option<Notice>,
    /// The keys worth knowing now.
    pub hints: Vec<Hint>,
}

/// `1 hole`, `2 holes`.
pub fn count(n: usize, thing: &str) -> String {
    format!(
        "{n} {thing}{}",
        if n == 1 {
            ""
        } else if thing.ends_with("ss") || thing.ends_with("ch") {
            "es"
        } else {
            "s"
        }
    )
}

/// What the header and the status line say now.
pub fn status(app: &App) -> Status {
    let document = app.document();
    Status {
        name: document.name(),
        documents: match app.documents() {
            (1, _) => String::new(),
            (count, current) => format!("{}/{count}", current + 1),
        },
        dirty: document.is_dirty(),
        read_only: document.is_read_only(),
        encoding: Some(document.encoding()).filter(|encoding| *encoding != Encoding::Utf8).map(Encoding::name),
        place: place(app),
        model: model(app.model()),
        mode: mode(app),
        activity: app.infill().session().map_or_else(|| marked(app), |session| activity(app, session)),
        progress: app.infill().run().and_then(Run::frame).map(progress),
        timeline: timeline(app),
        cell: cell(app),
        notice: app.notice().cloned(),
        hints: hints(app),
    }
}

fn place(app: &App) -> String {
    let (buffer, selection) = (app.document().buffer(), app.document().selection());
    let line = buffer.line_of(selection.head);
    let start = buffer.line_start(line);
    // In characters, as `FILE:LINE:COL` and ctrl-l count them.
    let column = selection.head - start;
    let place = format!("{}:{}", line + 1, column + 1);
    match selection.range().len() {
        _ if !app.document().selections().is_one() => {
            format!("{place} ({} places)", app.document().selections().all().len())
        }
        0 => place,
        n => format!("{place} ({} selected)", count(n, "character")),
    }
}

fn mode(app: &App) -> String {
    let name = match app.context() {
        Context::Normal => "NORMAL",
        Context::Select => "SELECT",
        Context::Text if app.settings().scheme == Scheme::Modal => "INSERT",
        _ => "",
    };
    format!("{name} {}", written(app.pending())).trim().to_owned()
}

fn model(model: &Model) -> String {
    match model {
        Model::Loading(name) if name.is_empty() => "loading the model".to_owned(),
        Model::Loading(name) => format!("loading {name}"),
        Model::Ready(info) => format!("{} · {}", info.name, info.device),
        Model::Unavailable(_) => "no model".to_owned(),
    }
}

/// What is demanded of the hole at the caret, holes that wait to be filled, and how far it is with the words that are judged.
fn marked(app: &App) -> String {
    let holes = match app.document().holes().len() {
        0 => None,
        n => Some(format!("{} marked", count(n, "hole"))),
    };
    let here = app.document().holes().at(app.document().caret());
    let here = here.and_then(|hole| demands::told(hole, app.document())).map(|told| format!("this hole: {told}"));
    let heat = app.settings().heat.then(|| heat(app));
    app.told_of_others().into_iter().chain(here).chain(holes).chain(heat).collect::<Vec<_>>().join(" · ")
}

/// How far judging the words is, and what it has cost.
fn heat(app: &App) -> String {
    let ((done, of), (passes, seconds)) = (app.heat().progress(), app.heat().cost());
    let how_far = if done < of { format!("{done} of {}", count(of, "word")) } else { count(of, "word") };
    let s = if passes == 1 { "" } else { "es" };
    format!("heat {how_far} · {passes} pass{s} · {seconds:.1} s")
}

fn activity(app: &App, session: &Session) -> String {
    let what = match session.verb() {
        _ if session.instruction().is_some() => "rewriting as told".to_owned(),
        Verb::Fill => format!("filling {}", count(session.holes().len(), "hole")),
        Verb::Rewrite { strength } => format!("rewriting {:.0} %", strength * 100.0),
        Verb::Refine => "refining the paragraph".to_owned(),
    };
    if let (Some((at, of)), Some(node), Some(_)) = (session.place(), session.node(), session.scrub.shown()) {
        let moment = session.timeline().and_then(|timeline| timeline.moment(at));
        let left =
            moment.map_or_else(String::new, |moment| format!(" · {} of {} left", moment.masks.0, moment.masks.1));
        let plays = if session.scrub.due().is_some() { "playing" } else { "looking at" };
        return format!("{plays} {}   step {}/{of}{left}", node.name, at + 1);
    }
    match (app.infill().run(), app.infill().branch()) {
        (Some(_), _) if app.infill().stage() == Stage::Waiting => format!("{what} as soon as the model is loaded"),
        (Some(run), _) => running(&what, run),
        (None, Some(branch)) => {
            let stopped = if branch.masks_left > 0 { " stopped" } else { "" };
            let which = match session.branches().len() {
                1 => format!("proposal{stopped}"),
                n => format!("proposal {}{stopped} · one of {n}", branch.node.name),
            };
            let passes = match branch.nfe {
                1 => "1 pass".to_owned(),
                n => format!("{n} passes"),
            };
            let unmet = demands::unmet(app.document(), &branch.unmet, branch.holes.len());
            let unmet = unmet.map_or_else(String::new, |unmet| format!(" · not met: {unmet}"));
            format!("{which}{unmet} · {passes} · {:.1} s · seed {}", branch.seconds, branch.options.seed)
        }
        (None, None) => what,
    }
}

fn running(what: &str, run: &Run) -> String {
    let seed = run.options().seed;
    let Some(frame) = run.frame() else { return format!("{what}   starting · seed {seed}") };
    let state = match frame.phase {
        _ if run.is_keeping() => "stopping".to_owned(),
        Phase::Measuring { tried, of } => format!("trying lengths {tried}/{of}"),
        Phase::Scoring { done, of } => format!("judging the words {done}/{of}"),
        Phase::Denoising | Phase::Paused => {
            let steps = frame.steps.map(|steps| format!("/{steps}")).unwrap_or_default();
            let paused = if run.is_paused() || frame.phase == Phase::Paused { "paused at " } else { "" };
            format!("{paused}step {}{steps} · {} of {} left", frame.step, frame.masks_left, frame.masks_total)
        }
    };
    let passes = if frame.nfe == 1 { "1 pass".to_owned() } else { format!("{} passes", frame.nfe) };
    let speed = frame.tokens_per_second();
    let speed = if speed >= 0.5 { format!(" · {speed:.0} tok/s") } else { String::new() };
    format!("{what}   {state} · {passes} · {:.1} s{speed} · seed {seed}", frame.seconds)
}

fn progress(frame: &Frame) -> Progress {
    let (done, of) = match frame.phase {
        Phase::Measuring { tried, of } => (tried, of),
        Phase::Scoring { done, of } => (done, of),
        Phase::Denoising | Phase::Paused => (frame.masks_total.saturating_sub(frame.masks_left), frame.masks_total),
    };
    Progress { done: done.min(of.max(1)), of: of.max(1) }
}

/// The steps, where there is more than one and none is made now.
fn timeline(app: &App) -> Option<Timeline> {
    let session = app.infill().session()?;
    let makes = session.run.as_ref().is_some_and(|run| !run.is_paused()) && session.scrub.shown().is_none();
    let (at, of) = session.place().filter(|(_, of)| *of > 1 && !makes)?;
    Some(Timeline { at, of, plays: session.scrub.due().is_some() })
}

fn cell(app: &App) -> Option<String> {
    let Some((id, k)) = app.view().caret_cell() else { return word(app) };
    let cell = app.infill().cells_of(id)?.cells.get(k)?;
    if cell.text.is_empty() {
        return None;
    }
    let others: Vec<String> = cell
        .alternatives
        .iter()
        .take(3)
        .map(|other| format!("{:?} {:.0} %", other.text, other.probability * 100.0))
        .collect();
    let others = if others.is_empty() { String::new() } else { format!(" · or {}", others.join(", ")) };
    let own = match cell.state {
        CellState::Pinned => "held by you".to_owned(),
        _ => format!("{:.0} %", cell.probability * 100.0),
    };
    Some(format!("{:?} {own}{others}", cell.text))
}

/// How likely the word at the caret is, or the first one that is selected.
fn word(app: &App) -> Option<String> {
    let start = app.document().selection().range().start;
    let word = app.heat().word_at(start).filter(|_| app.settings().heat)?;
    let text = app.document().buffer().slice(word.range.clone());
    Some(format!("{text:?} {}, given both sides", percent(word.value)))
}

fn hints(app: &App) -> Vec<Hint> {
    if !app.pending().is_empty() {
        return continuations(app);
    }
    let (run, text) = (Context::Run, Context::Text);
    let pairs: Vec<(Context, &str, &'static str)> = match (app.focus(), app.infill().stage()) {
        (Context::Run, Stage::Waiting) => vec![(run, "run-reject", "drop"), (text, "focus", "to the text")],
        (Context::Run, _) if app.infill().session().is_some_and(|session| session.scrub.shown().is_some()) => {
            let plays = app.wakes_at().is_some();
            vec![
                (run, "timeline-back", "back"),
                (run, "run-step", "forward"),
                (run, "run-pause", if plays { "stop" } else { "play" }),
                (run, "branch", "branch here"),
                (run, "timeline-end", "newest"),
                (text, "focus", "to the text"),
            ]
        }
        (Context::Run, Stage::Running) => {
            let paused = app.infill().run().is_some_and(Run::is_paused);
            vec![
                (run, "run-pause", if paused { "go on" } else { "pause" }),
                (run, "run-accept", "keep"),
                (run, "run-reject", "drop"),
                (run, "run-again", "again"),
                (run, "run-step", "step"),
                (run, "timeline-back", "back"),
                (run, "run-type", "type"),
                (text, "focus", "to the text"),
            ]
        }
        (Context::Run, Stage::Review) => {
            let session = app.infill().session();
            let several = session.is_some_and(|session| session.branches().len() > 1);
            let steps = session.and_then(|session| session.place()).is_some_and(|(_, of)| of > 1);
            let mut pairs =
                vec![(run, "run-accept", "accept"), (run, "run-reject", "reject"), (run, "run-again", "again")];
            if several {
                pairs.extend([(run, "branch-previous", "previous"), (run, "branch-next", "next")]);
                pairs.push((run, "branches", "branches"));
            }
            pairs.extend(steps.then_some((run, "timeline-back", "back")));
            pairs.extend([(run, "run-type", "type here"), (text, "focus", "to the text")]);
            pairs
        }
        (_, Stage::Idle) => idle_hints(app),
        _ => vec![(text, "focus", "to the run"), (text, "save", "save")],
    };
    let here = if app.focus() == run { run } else { app.context() };
    let keys = &app.settings().keys;
    let closes = app.focus() == run && app.side() != Side::None;
    let hint = |(context, command, does): (Context, &str, &'static str)| {
        let does = if closes && command == "run-reject" { "close" } else { does };
        let key = keys.key_in(context, command).or_else(|| keys.key_of(command))?;
        Some(Hint { key, does })
    };
    pairs.into_iter().chain([(here, "help", "help")]).filter_map(hint).collect()
}

/// What the next key of a sequence can be.
fn continuations(app: &App) -> Vec<Hint> {
    let (begun, context) = (app.pending(), app.context());
    let more = app.settings().keys.bound().iter().filter(|bound| {
        let alike = bound.keys.starts_with(begun) && bound.keys.len() > begun.len();
        alike && app.settings().keys.meaning(context, &bound.keys) == Meaning::Command(bound.command)
    });
    more.map(|bound| Hint { key: written(&bound.keys[begun.len()..]), does: bound.command.name }).collect()
}

/// What is worth knowing while nothing runs, in the context that the keys are shown of.
fn idle_hints(app: &App) -> Vec<(Context, &'static str, &'static str)> {
    let in_hole = app.document().holes().at(app.document().caret()).is_some();
    let mark = if in_hole { "unmark hole" } else { "mark hole" };
    let run = match target(app) {
        Target::Fill(_) => "fill",
        Target::Rewrite => "rewrite",
        Target::Refine => "refine",
    };
    let here = app.context();
    let mut hints = match here {
        Context::Normal => vec![(here, "mode-insert", "type")],
        Context::Select => vec![(here, "mode-normal", "end selecting")],
        _ => Vec::new(),
    };
    hints.push((here, "hole", mark));
    // Without text or hole there is nothing to run on.
    let runs = !app.document().buffer().is_empty() || !app.document().holes().is_empty();
    hints.extend(runs.then_some((here, "run", run)));
    hints.extend(in_hole.then_some((here, "demands", "demands")));
    hints.extend([(here, "save", "save"), (here, "quit", "quit")]);
    hints
}
