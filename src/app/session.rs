//! A run from the key that starts it to the decision about its proposals: what [`App`] does with its [`super::infill`].

use std::sync::Arc;

use crate::app::commands::run;
use crate::app::document::Change;
use crate::app::effect::Effect;
use crate::app::infill::branch::Branch;
use crate::app::infill::{Run, Session, Stage, Told, demands, request};
use crate::app::keymap::Context;
use crate::app::layout::moves::{Spot, place_to_watch};
use crate::app::side::Side;
use crate::app::{App, Model};
use crate::engine::protocol::{Command, Event, Frame, HoleId, Outcome, Request, RunOptions, Verb, listed};
use crate::text::change::ChangeSet;
use crate::text::history::EditKind;
use crate::text::selection::Selection;

impl App {
    /// Starts a run on these holes, or lines it up until the model is there.
    pub(crate) fn begin_run(&mut self, verb: Verb, holes: Vec<HoleId>) {
        self.begin_run_as_told(verb, holes, None);
    }

    /// The same, with an instruction.
    pub(crate) fn begin_run_as_told(&mut self, verb: Verb, holes: Vec<HoleId>, instruction: Option<String>) {
        if let Model::Unavailable(why) = &self.model {
            let why = why.clone();
            self.document.drop_temporary();
            self.complain(why);
            return;
        }
        let options = RunOptions { instruction, ..self.fresh_options() };
        self.document.break_group();
        self.document.select(Selection::caret(place_to_watch(self, &holes)));
        self.infill.begin(verb, holes, options);
        self.focus = Context::Run;
        self.send_start();
    }

    /// Runs the task at hand once more for another text.
    pub(crate) fn run_again(&mut self) {
        match self.infill.stage() {
            Stage::Idle => self.inform("There is no run to repeat; {run} starts one."),
            Stage::Waiting => self.inform("The run starts as soon as the model is loaded."),
            Stage::Running | Stage::Review if run::is_busy_elsewhere(self) => {}
            Stage::Running | Stage::Review => {
                let instruction = self.infill.session().and_then(Session::instruction).map(str::to_owned);
                let options = RunOptions { instruction, ..self.fresh_options() }.varied();
                self.infill.again(options);
                self.send_start();
            }
        }
    }

    fn fresh_options(&mut self) -> RunOptions {
        let seed = self.infill.take_seed(self.settings.seed);
        RunOptions { seed, ..self.settings.run.clone() }
    }

    pub(crate) fn send_start(&mut self) {
        let (Model::Ready(info), Some(session)) = (&self.model, self.infill.session()) else { return };
        let Some(run) = &session.run else { return };
        let request = Request {
            job: run.job,
            verb: session.verb,
            parts: request::parts(&self.document, session, |_| None),
            options: run.options.clone(),
        };
        let caution = info.caution(&request.parts);
        let told = Told { revision: self.document.buffer().revision(), holes: session.holes.clone() };
        if let Some(run) = self.infill.run_mut() {
            run.told = Some(told);
        }
        self.emit(Effect::Engine(Command::Start(request)));
        if let Some(caution) = caution {
            self.warn(caution);
        }
    }

    /// Tells the engine of a document that changed under its run; ends a task that has lost all its holes.
    pub(crate) fn sync_run(&mut self) {
        let absorbed = self.document.take_absorbed();
        let holes = self.document.holes();
        let Some(session) = self.infill.session_mut() else { return };
        session.follow_splits(|id| holes.get(id.0).is_some(), |id, by| absorbed.contains(&(id.0, by.0)));
        let lost = session.retain(|id| holes.get(id.0).is_some());
        session.refresh_shown();
        if session.holes.is_empty() {
            self.cancel_job();
            self.end_session();
            self.warn("The hole is gone or no longer marked, so what ran there was dropped.");
            return;
        }
        let told = Told { revision: self.document.buffer().revision(), holes: session.holes.clone() };
        let Some(run) = &session.run else { return };
        if run.keeping || run.told.as_ref().is_none_or(|known| *known == told) {
            return;
        }
        let parts = request::parts(&self.document, session, |id| request::resume_of(run, id));
        let job = run.job;
        if let Some(run) = self.infill.run_mut() {
            run.told = Some(told);
            run.resumes.clear();
        }
        self.emit(Effect::Engine(Command::Rebase { job, parts }));
        if lost {
            self.inform("A hole is gone; the run goes on with the others.");
        }
    }

    /// An event that is about the document on the screen, or about none.
    pub(crate) fn take_own_event(&mut self, event: Event) {
        match event {
            Event::Loading { model } => {
                self.model = Model::Loading(model);
                self.with_each(|app| app.heat.clear());
            }
            scores @ (Event::Scored(_) | Event::NotScored { .. }) => self.take_scores(scores),
            Event::Ready(info) => self.model_is_ready(info),
            Event::Models(entries) => self.take_models(entries),
            Event::NotLoaded { why, kept, before } => self.model_is_not_loaded(why, kept, before),
            Event::Unloaded { model } => self.model_is_unloaded(&model),
            Event::Unavailable(why) => {
                self.model = Model::Unavailable(why.clone());
                self.with_each(App::abandon_run);
                self.complain(why);
            }
            Event::Frame(frame) => self.take_frame(frame),
            Event::Refused { job, why } => {
                if self.infill.run().is_some_and(|run| run.job == job) {
                    self.warn(format!("Nothing was changed: {why}."));
                }
            }
            Event::Judged(judgement) => self.take_judgement(judgement),
            Event::Ended { job, outcome } => {
                if self.infill.run().is_some_and(|run| run.job == job && run.told.is_some()) {
                    self.take_outcome(outcome);
                }
            }
        }
    }

    fn take_frame(&mut self, frame: Arc<Frame>) {
        let Some(Session { run: Some(run), holes, .. }) = self.infill.session_mut() else { return };
        if run.job == frame.job && run.told.is_some() {
            run.take_frame(frame, holes);
            self.bound_timelines();
        }
    }

    fn take_outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Finished(frame) | Outcome::Kept(frame) => self.take_proposal(&frame),
            Outcome::Cancelled => {
                self.abandon_run();
                self.inform("The run was stopped.");
            }
            Outcome::Failed(why) => {
                if let Some(session) = self.infill.session_mut() {
                    session.more = 0;
                }
                self.complain(why);
                if self.drop_contender() {
                    self.go_on_comparing();
                } else {
                    self.abandon_run();
                }
            }
        }
    }

    fn take_proposal(&mut self, frame: &Arc<Frame>) {
        let Some(branch) = self.branch_of_run(frame) else { return };
        let Some(verb) = self.infill.session().map(Session::verb) else { return };
        // Of a branch that someone asked for it is worth seeing that nothing came of it.
        let first = branch.node.from.is_none();
        let is_one_of_several = self.compares() || self.infill.session().is_some_and(|session| session.more > 0);
        if verb == Verb::Refine && first && !is_one_of_several && self.is_unchanged(&branch) {
            self.abandon_run();
            self.inform("Nothing here could be made likelier; the text stays as it is.");
            return;
        }
        let same = verb != Verb::Fill && self.is_unchanged(&branch);
        if let Some(session) = self.infill.session_mut() {
            session.propose(branch);
        }
        if same {
            self.inform("The rewrite came out as it was; {run-again} tries another seed.");
        } else if let Some(report) = demands::report(&self.document, frame) {
            self.inform(report);
        }
        self.bound_timelines();
        self.make_more();
    }

    fn is_unchanged(&self, branch: &Branch) -> bool {
        let text_of =
            |id: HoleId| self.document.holes().get(id.0).map(|hole| self.document.buffer().slice(hole.range.clone()));
        branch.holes.iter().all(|cells| text_of(cells.id).is_none_or(|text| text == cells.text()))
    }

    /// Drops the run; the branches before it are in review again.
    pub(crate) fn abandon_run(&mut self) {
        let Some(session) = self.infill.session_mut() else { return };
        session.drop_run();
        if session.branches.is_empty() {
            self.end_session();
        }
    }

    fn cancel_job(&mut self) {
        if let Some(Run { job, told: Some(_), .. }) = self.infill.run() {
            let cancel = Command::Cancel(*job);
            self.emit(Effect::Engine(cancel));
        }
    }

    pub(crate) fn end_session(&mut self) {
        self.drop_lab();
        self.infill.end();
        if self.side == Side::Lab {
            self.side = Side::None;
        }
        self.document.drop_temporary();
        self.focus = Context::Text;
        self.view.caret_cell = None;
    }

    /// Forgets whatever is going on, without a word: the document is about to be another.
    pub(crate) fn drop_session(&mut self) {
        self.cancel_job();
        self.end_session();
    }

    /// Drops the run, or in review the task with all its branches.
    pub(crate) fn reject(&mut self) {
        match self.infill.stage() {
            Stage::Idle => {}
            Stage::Waiting | Stage::Running => {
                if let Some(session) = self.infill.session_mut() {
                    session.more = 0;
                }
                self.cancel_job();
                self.drop_lab();
                self.reselect();
                self.abandon_run();
                self.inform("Dropped the run; nothing of it is in your text.");
            }
            Stage::Review => {
                self.reselect();
                self.end_session();
                self.inform("Dropped; nothing of it is in your text.");
            }
        }
    }

    /// A selection that was being rewritten is selected again, to be tried with another strength.
    fn reselect(&mut self) {
        let Some(Session { verb: Verb::Rewrite { .. }, holes, branches, run, .. }) = self.infill.session() else {
            return;
        };
        let ends = run.is_none() || branches.is_empty();
        if let ([id], true) = (holes.as_slice(), ends)
            && let Some(hole) = self.document.holes().get(id.0)
            && self.focus == Context::Run
        {
            self.document.select(Selection::new(hole.range.start, hole.range.end));
        }
    }

    /// Stops a run and keeps what there is, or puts the proposal into the text as one undo step.
    pub(crate) fn accept(&mut self) {
        match self.infill.stage() {
            Stage::Idle => {}
            Stage::Waiting => self.inform("The model is still being loaded; {run-reject} drops the run."),
            Stage::Running => {
                let Some(run) = self.infill.run_mut().filter(|run| !run.keeping) else { return };
                run.keeping = true;
                let job = run.job;
                self.emit(Effect::Engine(Command::Keep(job)));
            }
            Stage::Review => self.accept_proposal(),
        }
    }

    /// Types before cell `k` of a hole: the text becomes the user's, and the hole is two.
    pub(crate) fn type_in_hole(&mut self, id: HoleId, k: usize, text: &str) {
        if self.infill.session().is_some_and(|session| session.scrub.shown().is_some()) {
            self.inform("This is an earlier step; {timeline-end} goes to the newest one, where you can type.");
            return;
        }
        let (Some(hole), Some(cells)) = (self.document.holes().get(id.0), self.infill.cells_of(id)) else { return };
        let buffer = self.document.buffer();
        let (range, n) = (hole.range.clone(), cells.cells.len());
        let before: String = cells.cells[..k.min(n)].iter().map(|cell| cell.text.as_str()).collect();
        // Where the cells still say what the hole's own text says, that is divided too; else it stays before.
        let own = buffer.slice(range.clone());
        let at = if own.starts_with(&before) { range.start + before.chars().count() } else { range.end };
        let (gap, temporary) = (text.chars().count(), self.document.is_temporary(id.0));
        let set = ChangeSet::insert(buffer.len(), at, text);
        let mut holes = self.document.holes().clone();
        holes.map(&set);
        let Some((left, right)) = holes.split(id.0, at, gap) else { return };
        for (side, is_empty) in [(left, k == 0), (right, k >= n)] {
            if is_empty {
                holes.remove(side);
            }
        }
        let alive = |side: u64| holes.get(side).map(|hole| HoleId(hole.id));
        let sides = [alive(left), alive(right)];
        let ids: Vec<u64> = sides.iter().flatten().map(|side| side.0).collect();
        if temporary {
            self.document.replace_temporary(id.0, &ids);
        }
        // Of two halves nothing can be asked that was asked of the whole.
        let demands = self.document.demands(id.0).to_vec();
        let (kept, gone): (Vec<_>, Vec<_>) =
            demands.into_iter().partition(|demand| ids.len() == 1 || demand.holds_of_parts());
        let asked = self.document.number_demands(kept);
        for side in &ids {
            holes.set_asked(*side, asked);
        }
        if let Some(session) = self.infill.session_mut() {
            session.split(id, k, sides[0], sides[1]);
        }
        self.view.caret_cell = None;
        let selection = Selection::caret(at + gap);
        self.document.edit(Change::new(set, EditKind::Typing).selecting(selection).with_holes(holes), self.outbox.now);
        if !gone.is_empty() {
            self.inform(format!("The hole is two now, of which this is not demanded: {}.", listed(&gone)));
        }
    }

    /// Puts the caret into the hole, before the first cell that is not written, and gives the keys to the text.
    pub(crate) fn type_inside(&mut self) {
        let caret = self.document.caret();
        let Some(session) = self.infill.session() else { return };
        let ids = session.holes.iter().filter_map(|id| self.document.holes().get(id.0));
        let touched = |range: &std::ops::Range<usize>| (range.start..=range.end).contains(&caret);
        let hole = ids.clone().find(|hole| touched(&hole.range)).or_else(|| ids.clone().next());
        let Some(hole) = hole else { return };
        let spot = match self.infill.cells_of(HoleId(hole.id)) {
            Some(cells) => Spot::before_cell(hole, cells, cells.first_masked()),
            None => Spot::at(hole.range.start),
        };
        self.document.select(Selection::caret(spot.pos));
        self.view.caret_cell = spot.cell;
        self.focus = Context::Text;
        self.inform("What you type here stays; {leave} gives the keys back to the run.");
    }
}
