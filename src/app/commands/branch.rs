//! Commands that go through the steps of a run and through the tree of its branches.

use crate::app::App;
use crate::app::commands::run::{self, has_session};
use crate::app::infill::Stage;
use crate::app::infill::branch::BranchId;
use crate::app::panel::{Asked, Besides, Panel, Prompt};
use crate::engine::protocol::RunOptions;

/// What is said to who wants to see another branch while a run goes on.
pub(crate) const NOT_YET: &str = "The branches can be looked through when the run is over or stopped.";

pub(crate) fn back(app: &mut App) {
    if has_session(app) {
        app.scrub_by(-1);
    }
}

pub(crate) fn start(app: &mut App) {
    if has_session(app) {
        app.scrub_to(0);
    }
}

pub(crate) fn end(app: &mut App) {
    if has_session(app) {
        app.scrub_to(usize::MAX);
    }
}

pub(crate) fn slower(app: &mut App) {
    if has_session(app) {
        app.change_speed(-1);
    }
}

pub(crate) fn faster(app: &mut App) {
    if has_session(app) {
        app.change_speed(1);
    }
}

pub(crate) fn previous(app: &mut App) {
    if has_session(app) {
        app.show_branch_by(-1);
    }
}

pub(crate) fn next(app: &mut App) {
    if has_session(app) {
        app.show_branch_by(1);
    }
}

/// Goes on from the step shown with another seed.
pub(crate) fn here(app: &mut App) {
    if has_session(app) {
        app.branch_with_another_seed();
    }
}

/// Asks with which knobs to go on from the step shown; [`take_options`] follows.
pub(crate) fn ask_options(app: &mut App) {
    if !has_session(app) {
        return;
    }
    if let Some(options) = app.shown_options() {
        app.panel = Panel::Prompt(Prompt::new(Asked::BranchOptions, written(&options)));
    }
}

/// Goes on from the step shown with these knobs.
pub(crate) fn take_options(app: &mut App, typed: &str) -> Option<&'static str> {
    let options = app.shown_options()?;
    match parse(typed, options) {
        Ok(options) => {
            app.branch_here(Vec::new(), options);
            None
        }
        Err(why) => Some(why),
    }
}

/// Shows the tree of branches.
pub(crate) fn list(app: &mut App) {
    if !has_session(app) {
        return;
    }
    let Some(session) = app.infill.session().filter(|session| session.run.is_none()) else {
        app.inform(NOT_YET);
        return;
    };
    let selected = session.walk().iter().position(|(at, _)| *at == session.current()).unwrap_or(0);
    app.panel = Panel::Prompt(Prompt::new(Asked::Branch { selected }, ""));
}

/// Asks what the branch shown is to be called; [`rename`] follows.
pub(crate) fn ask_name(app: &mut App) {
    if !has_session(app) {
        return;
    }
    if let Some(node) = app.infill.session().and_then(|session| session.node()) {
        app.panel = Panel::Prompt(Prompt::new(Asked::BranchName { id: node.id }, node.name.clone()));
    }
}

/// Gives a branch another name; a sentence when it cannot have that one.
pub(crate) fn rename(app: &mut App, id: BranchId, name: &str) -> Option<&'static str> {
    let session = app.infill.session_mut()?;
    if name.is_empty() || name.chars().count() > 24 {
        return Some("Type a name of 1 to 24 characters.");
    }
    let running = session.run.iter_mut().map(|run| &mut run.node);
    let mut nodes: Vec<_> = session.branches.iter_mut().map(|branch| &mut branch.node).chain(running).collect();
    if nodes.iter().any(|node| node.id != id && node.name == name) {
        return Some("Another branch has that name.");
    }
    if let Some(node) = nodes.iter_mut().find(|node| node.id == id) {
        name.clone_into(&mut node.name);
    }
    None
}

/// Asks how many proposals are to be made; [`take_candidates`] follows.
pub(crate) fn ask_candidates(app: &mut App) {
    app.panel = Panel::Prompt(Prompt::new(Asked::Candidates, "3"));
}

/// Makes so many proposals, with another seed each. Those that there are already stay.
pub(crate) fn take_candidates(app: &mut App, typed: &str) -> Option<&'static str> {
    let Some(count) = typed.parse::<usize>().ok().filter(|count| (2..=8).contains(count)) else {
        return Some("Type a number from 2 to 8.");
    };
    match app.infill.stage() {
        Stage::Idle => {
            run::start(app);
            run::remember(app, Besides::Candidates(count));
        }
        Stage::Review if run::is_busy_elsewhere(app) => return None,
        Stage::Review => app.run_again(),
        // The one that goes on is the first of them.
        Stage::Waiting | Stage::Running => {}
    }
    make(app, count);
    None
}

/// Has the run that goes on be followed by others, so that there are so many.
pub(crate) fn make(app: &mut App, count: usize) {
    if let Some(session) = app.infill.session_mut() {
        session.more = count;
    }
}

/// Asks from which branch the hole at the caret is to be taken, or the first.
pub(crate) fn ask_hole_from(app: &mut App) {
    if !has_session(app) {
        return;
    }
    let place = app.cell_at_caret();
    let Some(session) = app.infill.session() else { return };
    if session.run.is_some() || session.branches().len() < 2 {
        app.inform("There is no other branch to take from; {run-again} makes one, {candidates} makes several.");
        return;
    }
    let hole = place.and_then(|place| session.holes().iter().position(|id| *id == place.hole)).unwrap_or(0);
    app.panel = Panel::Prompt(Prompt::new(Asked::HoleFrom { hole, selected: 0 }, ""));
}

/// The knobs as they are typed.
fn written(options: &RunOptions) -> String {
    let mut all = format!("seed={} sampler={}", options.seed, options.sampler);
    let mut add = |name: &str, value: Option<String>| all.extend(value.map(|value| format!(" {name}={value}")));
    add("temperature", options.temperature.map(|value| value.to_string()));
    add("steps", options.steps.map(|value| value.to_string()));
    add("top_p", options.top_p.map(|value| value.to_string()));
    add("top_k", options.top_k.map(|value| value.to_string()));
    all
}

/// Knobs that were typed; those not named stay as they were.
fn parse(typed: &str, mut options: RunOptions) -> Result<RunOptions, &'static str> {
    const WRONG: &str = "Type knobs such as seed=7 temperature=0.8 sampler=llada:block=8 steps=20 top_p=0.9 top_k=40.";
    let number = |value: &str| value.parse::<f64>().ok().filter(|number| *number >= 0.0 && number.is_finite());
    for knob in typed.split_whitespace() {
        let (name, value) = knob.split_once('=').ok_or(WRONG)?;
        match name {
            "seed" => options.seed = value.parse().map_err(|_| "A seed is a whole number, 0 or more.")?,
            "sampler" if !value.is_empty() => value.clone_into(&mut options.sampler),
            "temperature" => options.temperature = Some(number(value).ok_or("A temperature is a number, 0 or more.")?),
            "steps" => options.steps = Some(value.parse().map_err(|_| "Steps are a whole number, 1 or more.")?),
            "top_p" => options.top_p = Some(number(value).filter(|p| *p <= 1.0).ok_or("top_p is between 0 and 1.")?),
            "top_k" => options.top_k = Some(value.parse().map_err(|_| "top_k is a whole number, 0 or more.")?),
            _ => return Err(WRONG),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knobs_parse_as_they_print() {
        let options = RunOptions { seed: 9, temperature: Some(0.5), top_k: Some(3), ..RunOptions::default() };
        assert_eq!(written(&options), "seed=9 sampler=eb-dry temperature=0.5 top_k=3");
        assert_eq!(parse(&written(&options), RunOptions::default()), Ok(options.clone()));
        let sampler = parse("sampler=llada:block=8,guidance=1.0 seed=1", options.clone()).unwrap();
        assert_eq!((sampler.sampler.as_str(), sampler.seed), ("llada:block=8,guidance=1.0", 1));
        for wrong in ["seed", "seed=x", "warmth=1", "temperature=-1", "top_p=2", "sampler="] {
            assert!(parse(wrong, options.clone()).is_err(), "{wrong}");
        }
    }
}
