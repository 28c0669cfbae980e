//! Commands that start a run and decide about it.

use std::path::PathBuf;

use crate::app::effect::{Effect, RecordRequest};
use crate::app::infill::Stage;
use crate::app::keymap::Context;
use crate::app::panel::{Asked, Besides, Panel, Prompt};
use crate::app::recording::{KINDS, Recording};
use crate::app::side::Side;
use crate::app::{App, Model};
use crate::engine::protocol::{HoleId, Renoise, Verb};
use crate::text::holes::Hole;
use crate::text::motion;

/// What the run key does now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// Fill these holes.
    Fill(Vec<HoleId>),
    /// Rewrite the selection.
    Rewrite,
    /// Refine the paragraph.
    Refine,
}

/// The verb follows from what there is: the selection's holes are filled, or else it is rewritten; with nothing selected
/// all holes are filled that have not been, then the one at the caret again; and where there is none, the paragraph is
/// refined. So words that were just accepted are not noise again only because another hole is to be filled.
pub(crate) fn target(app: &App) -> Target {
    let (holes, selection) = (app.document.holes(), app.document.selection());
    let named = |hole: &Hole| HoleId(hole.id);
    if !selection.is_caret() {
        let selected: Vec<HoleId> = holes.in_range(selection.range()).map(named).collect();
        return if selected.is_empty() { Target::Rewrite } else { Target::Fill(selected) };
    }
    let open: Vec<HoleId> = holes.iter().filter(|hole| !app.infill.is_accepted(hole.id)).map(named).collect();
    if !open.is_empty() {
        return Target::Fill(open);
    }
    holes.at(selection.head).map_or(Target::Refine, |hole| Target::Fill(vec![named(hole)]))
}

/// Does what [`target`] says.
pub(crate) fn start(app: &mut App) {
    if !may_start(app) {
        return;
    }
    match target(app) {
        Target::Fill(holes) => app.begin_run(Verb::Fill, holes),
        Target::Rewrite => rewrite(app),
        Target::Refine => refine(app),
    }
}

/// Asks how much of the selection may change; [`rewrite_by`] follows.
pub(crate) fn rewrite(app: &mut App) {
    if !may_start(app) {
        return;
    }
    if has_words_selected(app) {
        let offered = written_strength(app.settings.strength, app.settings.run.renoise);
        app.panel = Panel::Prompt(Prompt::new(Asked::Strength { besides: Besides::Nothing }, offered));
    }
}

/// Remembers what else is wanted, where [`start`] asks for a strength before it begins.
pub(crate) fn remember(app: &mut App, wanted: Besides) {
    if let Panel::Prompt(Prompt { asked: Asked::Strength { besides }, .. }) = &mut app.panel {
        *besides = wanted;
    }
}

/// Whether there is a selection that can be rewritten; else it is said why not.
fn has_words_selected(app: &mut App) -> bool {
    let range = app.document.selection().range();
    if app.document.buffer().slice(range.clone()).trim().is_empty() {
        app.inform("Select the text that is to be rewritten first.");
    } else if app.document.holes().in_range(range).next().is_some() {
        app.inform("There is a hole in the selection; {run} fills it, {hole} unmarks it.");
    } else {
        return true;
    }
    false
}

/// Asks what is to be done with the selection; [`instruct_by`] follows. Models that cannot be told say why.
pub(crate) fn instruct(app: &mut App) {
    if !may_start(app) {
        return;
    }
    let why = match &app.model {
        Model::Ready(info) => info.no_instructions.clone(),
        Model::Loading(_) => Some("Whether the model follows instructions is known once it is loaded.".to_owned()),
        Model::Unavailable(why) => Some(why.clone()),
    };
    match why {
        Some(why) => app.warn(why),
        None if has_words_selected(app) => app.panel = Panel::Prompt(Prompt::new(Asked::Instruction, "")),
        None => {}
    }
}

/// Writes the selection anew as it is told.
pub(crate) fn instruct_by(app: &mut App, instruction: &str) {
    let id = app.document.add_temporary(app.document.selection().range());
    app.begin_run_as_told(Verb::Fill, vec![HoleId(id)], Some(instruction.to_owned()));
}

/// `40`, `40 %` or `40 words`: how much of a text may change, 10 to 100 %, and what chooses it.
pub(crate) fn parse_strength(typed: &str) -> Option<(u8, Renoise)> {
    let mut words = typed.split(|c: char| c == '%' || c.is_whitespace()).filter(|word| !word.is_empty());
    let percent = words.next()?.parse().ok().filter(|percent| (10..=100).contains(percent))?;
    let renoise = words.next().map_or(Some(Renoise::default()), Renoise::named)?;
    words.next().is_none().then_some((percent, renoise))
}

/// The same as it is typed.
pub(crate) fn written_strength(percent: u8, renoise: Renoise) -> String {
    match Renoise::ALL.iter().find(|(_, known)| *known == renoise && renoise != Renoise::default()) {
        Some((name, _)) => format!("{percent} {name}"),
        None => percent.to_string(),
    }
}

/// Rewrites the selection; `percent` of it may change.
pub(crate) fn rewrite_by(app: &mut App, percent: u8, renoise: Renoise) {
    app.settings.strength = percent;
    app.settings.run.renoise = renoise;
    let id = app.document.add_temporary(app.document.selection().range());
    app.begin_run(Verb::Rewrite { strength: f64::from(percent) / 100.0 }, vec![HoleId(id)]);
}

/// Refines the paragraph at the caret, or the selection.
pub(crate) fn refine(app: &mut App) {
    if !may_start(app) {
        return;
    }
    let selection = app.document.selection();
    let mut range = selection.range();
    if range.is_empty() {
        range = motion::paragraph_range_at(app.document.buffer(), selection.head);
    }
    let text = app.document.buffer().slice(range.clone());
    let range = range.start..range.end - (text.chars().count() - text.trim_end().chars().count());
    if range.is_empty() {
        app.inform("There is nothing to refine here: put the caret into a paragraph, or mark a hole with {hole}.");
    } else if app.document.holes().in_range(range.clone()).next().is_some() {
        app.inform("There is a hole in this paragraph; {run} fills it, {hole} unmarks it.");
    } else {
        let id = app.document.add_temporary(range);
        app.begin_run(Verb::Refine, vec![HoleId(id)]);
    }
}

/// Whether a run goes on in another document; if one does, it is said.
pub(crate) fn is_busy_elsewhere(app: &mut App) -> bool {
    let other = app.runs_elsewhere();
    if let Some(name) = &other {
        app.inform(format!("A run is going on in {name}; one runs at a time."));
    }
    other.is_some()
}

/// Whether no other run or proposal is in the way; if one is, it gets the keys.
pub(crate) fn may_start(app: &mut App) -> bool {
    if is_busy_elsewhere(app) {
        return false;
    }
    let notice = match app.infill.stage() {
        Stage::Idle => return true,
        Stage::Waiting => "The run starts as soon as the model is loaded; {run-reject} drops it.",
        Stage::Running => "A run is going on: {run-accept} stops it and keeps what there is, {run-reject} drops it.",
        Stage::Review => {
            "A proposal is waiting: {run-accept} accepts it, {run-reject} drops it, {run-again} makes another."
        }
    };
    app.focus = Context::Run;
    app.inform(notice);
    false
}

pub(crate) fn pause(app: &mut App) {
    app.pause();
}

pub(crate) fn step(app: &mut App) {
    app.step();
}

pub(crate) fn accept(app: &mut App) {
    if has_session(app) {
        app.accept();
    }
}

/// Closes what is open beside the text first: whoever wants that away does not mean the branches.
pub(crate) fn reject(app: &mut App) {
    if !has_session(app) {
        return;
    }
    if app.side() == Side::None {
        app.reject();
    } else {
        app.side = Side::None;
    }
}

pub(crate) fn again(app: &mut App) {
    app.run_again();
}

pub(crate) fn type_inside(app: &mut App) {
    if has_session(app) {
        app.type_inside();
    }
}

pub(crate) fn toggle_focus(app: &mut App) {
    if has_session(app) {
        app.focus = if app.focus == Context::Run { Context::Text } else { Context::Run };
    }
}

pub(crate) fn ask_seed(app: &mut App) {
    app.panel = Panel::Prompt(Prompt::new(Asked::Seed, ""));
}

pub(crate) fn has_session(app: &mut App) -> bool {
    let there = app.infill.session().is_some();
    if !there {
        app.inform("There is no run and no proposal; {run} starts one.");
    }
    there
}

/// Asks into which file the run is to be recorded; [`record_as`] follows.
pub(crate) fn record(app: &mut App) {
    if !has_session(app) {
        return;
    }
    let name = app.document.path().and_then(|path| path.file_stem());
    let name = name.map_or_else(String::new, |name| format!("{}.", name.to_string_lossy()));
    app.panel = Panel::Prompt(Prompt::new(Asked::Record, format!("{name}run.svg")));
}

/// Has the run written; what is wrong with the file's name.
pub(crate) fn record_as(app: &mut App, name: &str) -> Option<&'static str> {
    let kind = name.rsplit_once('.').map(|(_, kind)| kind.to_lowercase()).unwrap_or_default();
    if !KINDS.contains(&kind.as_str()) {
        return Some("End the name in .json, .cast, .svg or .gif.");
    }
    let recording = Recording::of_app(app)?;
    let (path, size, settings) = (PathBuf::from(name), app.view.size(), app.settings.clone());
    app.emit(Effect::Record(Box::new(RecordRequest { path, recording, size, settings })));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strengths_parse_as_they_print() {
        for (typed, found) in [
            ("40", Some((40, Renoise::LeastLikely))),
            (" 40 % ", Some((40, Renoise::LeastLikely))),
            ("100% words", Some((100, Renoise::Words))),
            ("10 tokens", Some((10, Renoise::Tokens))),
            ("9", None),
            ("101", None),
            ("40 letters", None),
            ("40 words tokens", None),
            ("words", None),
            ("", None),
        ] {
            assert_eq!(parse_strength(typed), found, "{typed}");
            assert!(found.is_none_or(|(percent, how)| parse_strength(&written_strength(percent, how)) == found));
        }
    }
}
