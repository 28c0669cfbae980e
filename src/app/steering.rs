//! The run as a place to work in: going through its steps, playing them, going on from any of them as a branch, and doing
//! something to single cells.
//!
//! While the newest step of a run that goes on is shown, what is done to a cell is told to that run; at an earlier step, or
//! when the run is over, it begins a branch there. Looking never changes the document or a run, but for pausing it.

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::app::commands::branch::NOT_YET;
use crate::app::commands::run;
use crate::app::effect::Effect;
use crate::app::infill::branch::Branch;
use crate::app::infill::overlay::HoleCells;
use crate::app::infill::{Session, Stage, Told, overlay, request, timeline};
use crate::app::settings::Motion;
use crate::app::side::{Side, in_one_row};
use crate::engine::protocol::{Act, Command, Frame, HoleId, RunOptions};

/// There is nothing to go through.
const NO_STEPS: &str = "There are no steps to go through yet; {run} starts a run.";

/// A branch as the list of branches shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Which of the task's branches.
    pub at: usize,
    /// Its name, set in by its depth in the tree.
    pub name: String,
    /// How it was made.
    pub made: String,
    /// What it says.
    pub text: String,
}

impl App {
    /// Pauses the run or lets it go on; at an earlier step, or when the run is over, plays the steps or stops playing.
    pub(crate) fn pause(&mut self) {
        let Some(session) = self.infill.session() else {
            self.inform("Nothing is running now.");
            return;
        };
        let steers_run = session.scrub.shown().is_none() && session.scrub.due().is_none() && session.run.is_some();
        if steers_run {
            self.pause_run();
        } else {
            self.play_or_stop();
        }
    }

    fn pause_run(&mut self) {
        let Some(run) = self.infill.run_mut().filter(|run| run.told.is_some() && !run.keeping) else {
            self.inform("Nothing is running now.");
            return;
        };
        run.paused = !run.paused;
        let command = if run.paused { Command::Pause(run.job) } else { Command::Resume(run.job) };
        self.emit(Effect::Engine(command));
    }

    fn play_or_stop(&mut self) {
        let (now, reduced) = (self.outbox.now, self.settings.motion == Motion::Reduced);
        if self.infill.is_settled() && !reduced {
            self.show_longest();
        }
        let Some(session) = self.infill.session_mut() else { return };
        if session.scrub.due().is_some() {
            session.scrub.stop();
            return;
        }
        match session.place() {
            None | Some((_, 0 | 1)) => self.inform(NO_STEPS),
            Some(_) if reduced => self.inform("Motion is reduced: {timeline-back} and {run-step} go step by step."),
            Some((at, count)) => {
                if at + 1 == count {
                    session.show_step(0);
                }
                session.scrub.play_on(now);
            }
        }
    }

    /// Shows the next step, or makes one and pauses.
    pub(crate) fn step(&mut self) {
        if self.infill.session().is_some_and(|session| session.scrub.shown().is_some()) {
            self.scrub_by(1);
            return;
        }
        let Some(run) = self.infill.run_mut().filter(|run| run.told.is_some() && !run.keeping) else {
            let over = self.infill.stage() == Stage::Review;
            self.inform(if over {
                "This is the last step; {timeline-back} goes back."
            } else {
                "Nothing is running now."
            });
            return;
        };
        let (job, was_paused) = (run.job, run.paused);
        run.paused = true;
        if !was_paused {
            self.emit(Effect::Engine(Command::Pause(job)));
        }
        self.emit(Effect::Engine(Command::Step(job)));
    }

    /// Shows a step so many after the one that is shown.
    pub(crate) fn scrub_by(&mut self, by: isize) {
        if let Some((at, _)) = self.infill.session().and_then(|session| session.place()) {
            self.scrub_to(at.saturating_add_signed(by));
        } else {
            self.inform(NO_STEPS);
        }
    }

    /// Shows a step of the timeline. A run that goes on is paused, so that there is something to look at.
    pub(crate) fn scrub_to(&mut self, at: usize) {
        let newest =
            self.infill.session().and_then(|session| session.place()).map(|(_, count)| count.saturating_sub(1));
        let goes_back = newest.is_some_and(|newest| at < newest);
        if goes_back && self.infill.run().is_some_and(|run| run.told.is_some() && !run.paused && !run.keeping) {
            self.pause_run();
        }
        let Some(session) = self.infill.session_mut() else { return };
        session.scrub.stop();
        let gone = session.timeline().map_or(0, timeline::Timeline::dropped);
        if !session.show_step(at) {
            self.inform(if newest.is_none() { NO_STEPS } else { "The holes were others at that step." });
        } else if at == 0 && gone > 0 {
            self.inform(format!("{gone} steps before this one are no longer kept."));
        }
    }

    /// Plays on if the time has come.
    pub(crate) fn play(&mut self) {
        let now = self.outbox.now;
        let Some(session) = self.infill.session_mut() else { return };
        if session.scrub.due().is_none_or(|due| due > now) {
            return;
        }
        let Some((at, count)) = session.place() else { return };
        let shown = session.show_step(at + 1);
        if shown && at + 2 < count {
            session.scrub.play_on(now);
        } else {
            session.scrub.stop();
        }
    }

    /// When [`crate::app::message::Message::Tick`] is needed to the moment: steps are being played.
    pub fn wakes_at(&self) -> Option<Duration> {
        self.infill.session()?.scrub.due()
    }

    /// Plays faster or slower.
    pub(crate) fn change_speed(&mut self, by: isize) {
        let Some(session) = self.infill.session_mut() else { return };
        session.scrub.change_speed(by);
        let speed = session.scrub.speed();
        self.inform(format!("Plays {speed} steps a second; {{run-pause}} plays."));
    }

    /// Begins a branch at the step that is shown. A run that goes on is stopped and becomes a branch of its own.
    pub(crate) fn branch_here(&mut self, acts: Vec<Act>, options: RunOptions) {
        if run::is_busy_elsewhere(self) {
            return;
        }
        let Some(session) = self.infill.session() else { return };
        let resumes = session.fork().and_then(|at| Some((at, session.resumes_at(at)?)));
        let Some((at, resumes)) = resumes else {
            self.inform(if session.timeline().is_none_or(timeline::Timeline::is_empty) {
                "Nothing is written yet that could be gone on from."
            } else {
                "The holes were others at that step; choose a later one."
            });
            return;
        };
        let shown = self.infill.overlay().to_vec();
        let frame = self.infill.run().and_then(|run| run.frame.clone());
        if let Some(stopped) = frame.and_then(|frame| self.branch_of_run(&frame))
            && let Some(session) = self.infill.session_mut()
        {
            session.propose(stopped);
        }
        let Some(session) = self.infill.session() else { return };
        let resume = |id| resumes.iter().find(|(hole, _)| *hole == id).map(|(_, resume)| resume.clone());
        let parts = request::parts(&self.document, session, resume);
        let told = Told { revision: self.document.buffer().revision(), holes: session.holes.clone() };
        let (Some(timeline), Some(node)) = (session.timeline(), session.node()) else { return };
        let Some(step) = timeline.moment(at).map(|moment| moment.step) else { return };
        let (from, shown) = ((node.id, step), (timeline.up_to(at), shown));
        let job = self.infill.run_on(from, options.clone(), told, shown);
        let request = self.infill.session().and_then(|session| session.branch_request((at, job), parts, acts, options));
        if let Some(request) = request {
            self.emit(Effect::Engine(Command::Branch(request)));
        }
    }

    /// The branch that the run going on comes to with this frame.
    pub(crate) fn branch_of_run(&mut self, frame: &Arc<Frame>) -> Option<Branch> {
        let model = self.model.name().to_owned();
        let session = self.infill.session_mut()?;
        session.run.as_mut()?.timeline.take(frame);
        // A hole may have been parted while the last pass was computed: the frame knows the whole, the session its parts.
        let newest = || session.cells_at(session.timeline()?.len().checked_sub(1)?);
        let of_frame = overlay::of_frame(frame, &session.holes, &[]);
        let known = of_frame.or_else(newest);
        let Session { run: Some(run), holes, .. } = session else { return None };
        let is_known = known.is_some();
        let cells = known.unwrap_or_else(|| run.cells.clone());
        let blanks = cells.iter().flat_map(|hole| &hole.cells).filter(|cell| !cell.state.is_written()).count();
        let likelihood = |id: &HoleId| Some((*id, frame.holes.iter().find(|hole| hole.id == *id)?.mean_logprob?));
        Some(Branch {
            node: run.node.clone(),
            holes: cells.into_iter().map(HoleCells::settled).collect(),
            masks_left: if is_known { frame.masks_left } else { blanks },
            model,
            steps: frame.step,
            taken: Vec::new(),
            options: run.options.clone(),
            nfe: frame.nfe,
            seconds: frame.seconds,
            likelihood: holes.iter().filter_map(likelihood).collect(),
            unmet: frame.unmet.clone(),
            timeline: std::mem::take(&mut run.timeline),
        })
    }

    /// The knobs of what is shown.
    pub(crate) fn shown_options(&self) -> Option<RunOptions> {
        let run = self.infill.run().map(|run| run.options.clone());
        run.or_else(|| self.infill.branch().map(|branch| branch.options.clone()))
    }

    /// Goes on from the step that is shown with another seed.
    pub(crate) fn branch_with_another_seed(&mut self) {
        if let Some(options) = self.shown_options() {
            let seed = self.infill.take_seed(self.settings.seed);
            self.branch_here(Vec::new(), RunOptions { seed, ..options }.varied());
        }
    }

    /// Does something to cells of what is shown.
    pub(crate) fn steer(&mut self, acts: Vec<Act>) {
        let Some(session) = self.infill.session() else { return };
        match &session.run {
            Some(run) if run.told.is_none() => self.inform("The run starts as soon as the model is loaded."),
            Some(run) if run.keeping => {}
            Some(run) if session.scrub.shown().is_none() => {
                let command = Command::Steer { job: run.job, acts };
                self.emit(Effect::Engine(command));
            }
            _ => {
                if let Some(options) = self.shown_options() {
                    self.branch_here(acts, options);
                }
            }
        }
    }

    /// Shows the branch after this one in the tree, or before it.
    pub(crate) fn show_branch_by(&mut self, step: isize) {
        let Some(session) = self.infill.session().filter(|session| session.run.is_none()) else {
            self.inform(NOT_YET);
            return;
        };
        let order: Vec<usize> = session.walk().into_iter().map(|(at, _)| at).collect();
        let here = order.iter().position(|at| *at == session.current).unwrap_or(0);
        let next = here.saturating_add_signed(step).min(order.len().saturating_sub(1));
        if next == here {
            self.inform("There is no further branch; {run-again} makes one, {branch} makes one from this step.");
        } else {
            self.show_branch(order[next]);
        }
    }

    /// The branches whose name or text fits what was typed, as the tree is drawn.
    pub fn branches_for(&self, typed: &str) -> Vec<Listed> {
        let Some(session) = self.infill.session() else { return Vec::new() };
        let typed = typed.trim().to_lowercase();
        let listed = |(at, depth): (usize, usize)| {
            let branch = session.branches().get(at)?;
            let texts: Vec<String> = branch.holes.iter().map(|hole| in_one_row(hole.text().trim())).collect();
            let stopped = if branch.masks_left > 0 { "stopped · " } else { "" };
            let from = branch.node.from.map_or_else(String::new, |(_, step)| format!("from step {step} · "));
            let likelihood = branch.mean_likelihood().map_or_else(String::new, |mean| format!("{mean:.1} nats · "));
            Some(Listed {
                at,
                name: format!("{}{}", "  ".repeat(depth), branch.node.name),
                made: format!("{stopped}{from}{likelihood}seed {}", branch.options.seed),
                text: texts.join(" … "),
            })
        };
        let fits = |listed: &Listed| {
            listed.name.to_lowercase().contains(&typed) || listed.text.to_lowercase().contains(&typed)
        };
        session.walk().into_iter().filter_map(listed).filter(fits).collect()
    }

    /// One hole as the branches have it, for the one shown to take from; the likeliest is marked as such.
    pub fn versions_of(&self, hole: usize, typed: &str) -> Vec<Listed> {
        let Some(session) = self.infill.session() else { return Vec::new() };
        let id = session.holes().get(hole).copied();
        let best = id.and_then(|id| session.likeliest(id));
        let listed = |(at, _): (usize, usize)| {
            let branch = session.branches().get(at).filter(|_| at != session.current())?;
            let cells = branch.holes.iter().find(|cells| Some(cells.id) == id)?;
            let nats = branch.likelihood_of(cells.id);
            let nats = nats.map_or_else(String::new, |nats| format!("{nats:.1} nats"));
            let best = if best == Some(at) { " · likeliest" } else { "" };
            let text = in_one_row(cells.text().trim());
            Some(Listed { at, name: branch.node.name.clone(), made: format!("{nats}{best}"), text })
        };
        let typed = typed.trim().to_lowercase();
        let fits = |listed: &Listed| {
            listed.name.to_lowercase().contains(&typed) || listed.text.to_lowercase().contains(&typed)
        };
        session.walk().into_iter().filter_map(listed).filter(fits).collect()
    }

    /// Shows a mix: the branch on the screen with one hole as another branch has it.
    pub(crate) fn take_hole_from(&mut self, hole: usize, branch: usize) {
        if let Some(session) = self.infill.session_mut() {
            session.mix(hole, branch);
        }
        self.bound_timelines();
    }

    /// Makes the next of several proposals; after the last, they are put beside each other.
    pub(crate) fn make_more(&mut self) {
        if self.compares() {
            self.next_contender();
            return;
        }
        let Some(session) = self.infill.session_mut() else { return };
        match session.more {
            0 => {}
            1 => {
                session.more = 0;
                self.side = Side::Compare;
                self.inform("Here they are: {branch-previous} and {branch-next} go through them, {branch-take-hole} takes one hole from another.");
            }
            _ => {
                session.more -= 1;
                self.run_again();
            }
        }
    }

    /// Shows a branch.
    pub(crate) fn show_branch(&mut self, at: usize) {
        if let Some(session) = self.infill.session_mut().filter(|session| at < session.branches.len()) {
            session.scrub.leave();
            session.current = at;
        }
    }

    /// Keeps the timelines within their bound, and says so once something had to go.
    pub(crate) fn bound_timelines(&mut self) {
        let Some(session) = self.infill.session_mut() else { return };
        let own = session.run.iter_mut().map(|run| &mut run.timeline);
        let timelines = session.branches.iter_mut().map(|branch| &mut branch.timeline).chain(own);
        if timeline::bound(timelines, timeline::MOST_BYTES) && !std::mem::replace(&mut session.told_of_bound, true) {
            let most = timeline::MOST_BYTES >> 20;
            self.inform(format!("The steps fill {most} MB, so the oldest ones are dropped from now on."));
        }
    }
}
