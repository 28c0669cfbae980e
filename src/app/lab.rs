//! The lab: the same holes and the same seed under several samplers or models, in columns on one timeline.
//!
//! Contenders run one after the other, each from the beginning, and each becomes a branch like any other. A column shows a
//! branch after as many passes as the step on the screen has taken, so that one sees who is how far for the same work.
//! Where a contender is of another model, that is loaded for it, and the one from before when all is over.

use std::collections::VecDeque;

use crate::app::commands::run;
use crate::app::infill::branch::{Branch, Node};
use crate::app::infill::overlay::HoleCells;
use crate::app::infill::timeline::Moment;
use crate::app::infill::{Session, Stage};
use crate::app::notice::Severity;
use crate::app::panel::{Asked, Besides, Panel, Prompt};
use crate::app::side::Side;
use crate::app::{App, Model};
use crate::engine::protocol::{Cell, CellState, RunOptions};

/// No more contenders than branches are kept.
const MOST: usize = 8;

/// What is to be compared: a sampler, and a model if it is not the one at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contender {
    sampler: String,
    model: Option<String>,
}

/// A comparison that is being made.
#[derive(Debug)]
pub(crate) struct Lab {
    /// Those whose turn is yet to come.
    waiting: VecDeque<Contender>,
    /// The knobs that all have in common.
    options: RunOptions,
    /// The model from before.
    home: String,
}

/// A branch, or the run that goes on, as a column shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Column<'a> {
    /// Its name.
    pub name: String,
    /// The sampler.
    pub sampler: String,
    /// The model, where the columns are of several.
    pub model: Option<String>,
    /// The seed, where the columns have several.
    pub seed: Option<u64>,
    /// It is the one on the screen.
    pub is_shown: bool,
    /// Passes at the moment shown, and in all so far.
    pub passes: (usize, usize),
    /// Seconds of computing at the moment shown.
    pub seconds: f64,
    /// The natural log-probability of what is written then, each token when it was written, on average.
    pub likelihood: Option<f64>,
    /// The cells then, hole by hole.
    pub holes: Vec<Vec<&'a Cell>>,
}

/// A column has at least so many columns of the terminal.
const LEAST: u16 = 19;

/// Which columns there is room for, that of the branch on the screen among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// The first one.
    pub first: usize,
    /// How many.
    pub count: usize,
    /// Columns of the terminal that each has.
    pub width: u16,
}

impl Placed {
    /// Divides so many columns of the terminal.
    pub fn new(columns: &[Column<'_>], width: u16) -> Self {
        let count = columns.len().min(usize::from((width / LEAST).max(1))).max(1);
        let shown = columns.iter().position(|column| column.is_shown).unwrap_or(0);
        Self { first: (shown + 1).saturating_sub(count), count, width: width / count as u16 }
    }

    /// The one at a column of the terminal.
    pub(crate) fn at(self, column: u16) -> usize {
        self.first + usize::from(column / self.width.max(1)).min(self.count - 1)
    }
}

/// Asks what is to be compared; [`take`] follows.
pub(crate) fn ask(app: &mut App) {
    match &app.model {
        Model::Ready(info) if info.device == "recording" => {
            app.inform("A recording is what one sampler did; the lab needs a model that runs.");
        }
        Model::Ready(_) => app.panel = Panel::Prompt(Prompt::new(Asked::Lab, app.settings.lab.clone())),
        Model::Loading(_) => app.inform("The lab needs the model, which is still being loaded."),
        Model::Unavailable(why) => app.warn(why.clone()),
    }
}

/// Shows the branches in columns, or hides them.
pub(crate) fn columns(app: &mut App) {
    if run::has_session(app) {
        app.side.toggle(Side::Lab);
    }
}

/// Begins a comparison of what was typed: samplers, each with `@` and a model if it is another's.
pub(crate) fn take(app: &mut App, typed: &str) -> Option<&'static str> {
    compare(app, typed, run::start)
}

/// The same, where there is no run yet with this one.
pub(crate) fn compare(app: &mut App, typed: &str, start: impl FnOnce(&mut App)) -> Option<&'static str> {
    let contender = |word: &str| match word.split_once('@') {
        Some((sampler, model)) => Contender { sampler: sampler.to_owned(), model: Some(model.to_owned()) },
        None => Contender { sampler: word.to_owned(), model: None },
    };
    let mut waiting: VecDeque<Contender> = typed.split_whitespace().map(contender).collect();
    let is_whole = |it: &Contender| !it.sampler.is_empty() && it.model.as_deref() != Some("");
    if !(2..=MOST).contains(&waiting.len()) || !waiting.iter().all(is_whole) {
        return Some(
            "Type 2 to 8 samplers with spaces between them, such as eb llada left-to-right or eb@another-model.",
        );
    }
    if run::is_busy_elsewhere(app) {
        return None;
    }
    let Model::Ready(info) = &app.model else { return Some("The lab needs a model that is loaded.") };
    let home = info.name.clone();
    typed.clone_into(&mut app.settings.lab);
    if app.infill.stage() == Stage::Idle {
        begin(app, &mut waiting, &home, start);
        run::remember(app, Besides::Lab(typed.to_owned()));
        app.infill.session()?;
    }
    let options = app.shown_options()?;
    let session = app.infill.session_mut()?;
    let made = |it: &Contender| {
        let is_it = |node: &Node, knobs: &RunOptions, model: &str| {
            let same_model = it.model.as_deref().unwrap_or(&home) == model;
            node.from.is_none() && knobs.seed == options.seed && knobs.sampler == it.sampler && same_model
        };
        let run = session.run.iter().any(|run| is_it(&run.node, &run.options, &home));
        run || session.branches.iter().any(|branch| is_it(&branch.node, &branch.options, &branch.model))
    };
    // A run that goes on may be one of them.
    let waiting = waiting.iter().filter(|it| !made(it)).cloned().collect();
    session.lab = Some(Lab { waiting, options, home });
    app.side = Side::Lab;
    if app.infill.stage() == Stage::Review {
        app.next_contender();
    }
    None
}

/// Starts the first contender of the model at hand, or where there is none of it, the first one, whose model is then loaded.
fn begin(app: &mut App, waiting: &mut VecDeque<Contender>, home: &str, start: impl FnOnce(&mut App)) {
    let at_hand = |it: &Contender| it.model.as_deref().is_none_or(|model| model == home);
    let Some(first) = waiting.remove(waiting.iter().position(at_hand).unwrap_or(0)) else { return };
    let usual = std::mem::replace(&mut app.settings.run.sampler, first.sampler.clone());
    let foreign = first.model.clone().filter(|_| !at_hand(&first));
    // What is started now waits for its own model, if anything is: a strength may be asked for first.
    let ready = foreign.as_ref().map(|model| std::mem::replace(&mut app.model, Model::Loading(model.clone())));
    start(app);
    app.settings.run.sampler = usual;
    if let Some(ready) = ready {
        app.model = ready;
    }
    if let Some(model) = foreign.filter(|_| app.infill.session().is_some()) {
        app.go_to_model(model);
    }
}

impl App {
    /// Whether a comparison waits for the run that goes on.
    pub(crate) fn compares(&self) -> bool {
        self.infill.session().is_some_and(|session| session.lab.is_some())
    }

    /// Starts the next contender; after the last, the model from before is taken again.
    pub(crate) fn next_contender(&mut self) {
        let Some(session) = self.infill.session_mut() else { return };
        let Some(lab) = &mut session.lab else { return };
        let Some(next) = lab.waiting.pop_front() else {
            self.end_lab();
            return;
        };
        let wanted = next.model.unwrap_or_else(|| lab.home.clone());
        let options = RunOptions { sampler: next.sampler, ..lab.options.clone() };
        self.infill.again(options);
        self.go_to_model(wanted);
        self.send_start();
    }

    fn end_lab(&mut self) {
        let Some(session) = self.infill.session_mut() else { return };
        let Some(lab) = session.lab.take() else { return };
        if session.branches.is_empty() {
            self.end_session();
        } else if self.notice.as_ref().is_none_or(|notice| notice.severity != Severity::Error) {
            // Why the last one could not run is worth more.
            self.inform("Here they are: {run-pause} plays them on one timeline, {branch-next} goes to the next.");
        }
        self.go_to_model(lab.home);
    }

    /// A comparison that is dropped leaves no other model behind.
    pub(crate) fn drop_lab(&mut self) {
        let lab = self.infill.session_mut().and_then(|session| session.lab.take());
        if let Some(lab) = lab {
            self.go_to_model(lab.home);
        }
    }

    /// Goes on with a comparison whose last contender was dropped.
    pub(crate) fn go_on_comparing(&mut self) {
        if self.compares() && self.infill.run().is_none() {
            self.next_contender();
        }
    }

    /// Drops the run of a contender that cannot go on. Whether there was one; [`App::go_on_comparing`] is then due.
    pub(crate) fn drop_contender(&mut self) -> bool {
        let Some(session) = self.infill.session_mut().filter(|session| session.lab.is_some()) else { return false };
        session.drop_run();
        true
    }

    fn go_to_model(&mut self, name: String) {
        if self.model.name() != name {
            self.load_for_now(name);
        }
    }

    /// Shows the branch that took most passes, for all columns to be played to their end.
    pub(crate) fn show_longest(&mut self) {
        if self.side != Side::Lab {
            return;
        }
        let Some(session) = self.infill.session().filter(|session| session.run.is_none()) else { return };
        let passes = |branch: &Branch| branch.timeline.last().map_or(0, |moment| moment.nfe);
        let longest =
            session.branches.iter().enumerate().max_by_key(|(at, branch)| (passes(branch), *at == session.current));
        if let Some((at, _)) = longest {
            self.show_branch(at);
        }
    }

    /// The branches, in the order of the tree, and the run, at the step on the screen.
    pub fn lab_columns(&self) -> Vec<Column<'_>> {
        let Some(session) = self.infill().session() else { return Vec::new() };
        let passes = passes_shown(session);
        let shown = session.node().map(|node| node.id);
        let mut columns: Vec<Column<'_>> = session
            .walk()
            .into_iter()
            .filter_map(|(at, _)| session.branches.get(at))
            .map(|branch| {
                let is_shown = shown == Some(branch.node.id);
                let moment = moment_at(branch, passes, session.place().filter(|_| is_shown).map(|(at, _)| at));
                column(branch, moment, is_shown)
            })
            .collect();
        if let Some(run) = &session.run {
            let place = session.place().and_then(|(at, _)| run.timeline.moment(at));
            let holes =
                place.filter(|_| session.scrub.shown().is_some()).map_or_else(|| cells_over(&run.cells), cells_of);
            columns.push(Column {
                name: run.node.name.clone(),
                sampler: run.options.sampler.clone(),
                model: Some(self.model.name().to_owned()),
                seed: Some(run.options.seed),
                is_shown: true,
                passes: (place.map_or(0, |moment| moment.nfe), run.frame.as_ref().map_or(0, |frame| frame.nfe)),
                seconds: place.map_or(0.0, |moment| moment.seconds),
                likelihood: mean_log(&holes),
                holes,
            });
        }
        let differ = |key: fn(&Column<'_>) -> String| columns.windows(2).any(|pair| key(&pair[0]) != key(&pair[1]));
        let models = differ(|column| format!("{:?}", column.model));
        let seeds = differ(|column| format!("{:?}", column.seed));
        for column in &mut columns {
            column.model = column.model.take().filter(|_| models);
            column.seed = column.seed.filter(|_| seeds);
        }
        columns
    }
}

/// How many passes the step on the screen has taken; none where all is shown as it came out.
fn passes_shown(session: &Session) -> Option<usize> {
    let (at, _) = session.place()?;
    let is_end = session.run.is_none() && session.scrub.shown().is_none();
    session.timeline()?.moment(at).filter(|_| !is_end).map(|moment| moment.nfe)
}

/// The step of a branch after so many passes; none for its end.
fn moment_at(branch: &Branch, passes: Option<usize>, own: Option<usize>) -> Option<&Moment> {
    let passes = passes?;
    if let Some(at) = own {
        return branch.timeline.moment(at);
    }
    let moments = (0..branch.timeline.len()).filter_map(|at| branch.timeline.moment(at));
    let mut reached = moments.clone().take_while(|moment| moment.nfe <= passes);
    let at = reached.by_ref().last().or_else(|| moments.clone().next())?;
    // At its last step it is what came out, which the last step need not be to the letter.
    (branch.timeline.last() != Some(at)).then_some(at)
}

fn column<'a>(branch: &'a Branch, moment: Option<&'a Moment>, is_shown: bool) -> Column<'a> {
    let holes = moment.map_or_else(|| cells_over(&branch.holes), cells_of);
    Column {
        name: branch.node.name.clone(),
        sampler: branch.options.sampler.clone(),
        model: Some(branch.model.clone()),
        seed: Some(branch.options.seed),
        is_shown,
        passes: (moment.map_or(branch.nfe, |moment| moment.nfe), branch.nfe),
        seconds: moment.map_or(branch.seconds, |moment| moment.seconds),
        likelihood: if moment.is_some() { mean_log(&holes) } else { branch.mean_likelihood() },
        holes,
    }
}

fn cells_of(moment: &Moment) -> Vec<Vec<&Cell>> {
    moment.holes.iter().map(|(_, cells)| cells.iter().map(AsRef::as_ref).collect()).collect()
}

fn cells_over(holes: &[HoleCells]) -> Vec<Vec<&Cell>> {
    holes.iter().map(|hole| hole.cells.iter().collect()).collect()
}

fn mean_log(holes: &[Vec<&Cell>]) -> Option<f64> {
    let is_own = |cell: &&&Cell| matches!(cell.state, CellState::JustCommitted | CellState::Committed);
    let logs: Vec<f64> = holes
        .iter()
        .flatten()
        .filter(is_own)
        .filter(|cell| cell.probability > 0.0)
        .map(|cell| f64::from(cell.probability).ln())
        .collect();
    (!logs.is_empty()).then(|| logs.iter().sum::<f64>() / logs.len() as f64)
}
