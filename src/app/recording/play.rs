//! A recording shown again: a program with its document, and the events that the engine told.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::Recording;
use crate::app::App;
use crate::app::effect::Effect;
use crate::app::infill::Told;
use crate::app::keymap::Context;
use crate::app::message::{Message, Opened, Stamp};
use crate::app::settings::Settings;
use crate::engine::protocol::{Event, Frame, HoleFrame, HoleId, JobId, ModelInfo, Outcome};
use crate::text::holes::HoleLength;

/// A recording being shown.
pub struct Player {
    /// The program.
    pub app: App,
    job: JobId,
    /// The document's holes, and which of the recording's each stands for: holes that touch are one in a document.
    holes: Vec<(HoleId, Vec<usize>)>,
    frames: Vec<Arc<Frame>>,
    next: usize,
    wishes: Vec<Effect>,
}

impl Recording {
    /// The holes as a document takes them.
    pub fn marked(&self) -> Vec<(Range<usize>, HoleLength)> {
        self.holes.iter().map(|range| (range.clone(), HoleLength::Auto)).collect()
    }

    /// The document with its holes, as a file that is there.
    fn opened(&self) -> Opened {
        let path = Some(&self.name).filter(|name| !name.is_empty()).map(Into::into);
        let stamp = path.is_some().then_some(Stamp { modified: None, len: self.text.len() as u64 });
        let at = self.holes.first().map(|hole| place_of(&self.text, hole.start));
        Opened { path, text: self.text.as_str().into(), holes: self.marked(), at, stamp, ..Opened::default() }
    }

    /// Shows it in a window of this many columns and rows; nothing has happened yet.
    pub fn play(&self, settings: Settings, (width, height): (u16, u16)) -> Player {
        let mut app = App::new(settings);
        let info = ModelInfo { name: self.model.clone(), device: self.device.clone(), ..ModelInfo::default() };
        let beginning = [
            Message::Resize { width, height },
            Message::Engine(Event::Ready(info)),
            Message::Opened(Ok(self.opened())),
        ];
        let wishes = beginning.map(|message| app.update(Duration::ZERO, message)).into_iter().flatten().collect();
        let holes = app.document().holes().iter().map(|hole| {
            let stands_for =
                |recorded: &Range<usize>| hole.range.start <= recorded.start && recorded.end <= hole.range.end;
            let recorded = self.holes.iter().enumerate().filter(|(_, range)| stands_for(range));
            (HoleId(hole.id), recorded.map(|(place, _)| place).collect())
        });
        let holes = holes.collect();
        Player { app, job: JobId(0), holes, frames: self.frames.clone(), next: 0, wishes }
    }
}

/// Line and column of a character, 1-based.
fn place_of(text: &str, at: usize) -> (usize, usize) {
    let before: String = text.chars().take(at).collect();
    let line = before.matches('\n').count() + 1;
    (line, before.chars().rev().take_while(|c| *c != '\n').count() + 1)
}

impl Player {
    /// The run begins. Its pictures come from the recording, and no engine is told.
    pub fn begin(&mut self, recording: &Recording) {
        let holes: Vec<HoleId> = self.holes.iter().map(|(id, _)| *id).collect();
        let app = &mut self.app;
        app.infill.begin(recording.verb, holes.clone(), recording.options.clone());
        app.focus = Context::Run;
        let revision = app.document.buffer().revision();
        if let Some(run) = app.infill.run_mut() {
            run.told = Some(Told { revision, holes });
            self.job = run.job;
        }
    }

    /// Gives the program the next picture. The seconds from the one before to it, or nothing at the end.
    pub fn step(&mut self) -> Option<f64> {
        let frame = self.frames.get(self.next)?;
        let before = self.next.checked_sub(1).and_then(|last| self.frames.get(last)).map_or(0.0, |frame| frame.seconds);
        let (seconds, event) = ((frame.seconds - before).max(0.0), Event::Frame(self.renamed(frame)));
        self.next += 1;
        self.tell(event);
        Some(seconds)
    }

    /// Whether the last picture shows every hole written.
    pub fn is_whole(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.masks_left == 0)
    }

    /// The run is over: what there is becomes a proposal.
    pub fn end(&mut self) {
        if let Some(last) = self.frames.last() {
            let frame = self.renamed(last);
            let outcome = if self.is_whole() { Outcome::Finished(frame) } else { Outcome::Kept(frame) };
            self.tell(Event::Ended { job: self.job, outcome });
        }
    }

    /// The proposal becomes text.
    pub fn accept(&mut self) {
        self.app.accept();
        self.send(Message::Tick);
    }

    /// Gives the program a message.
    pub fn send(&mut self, message: Message) {
        let wishes = self.app.update(Duration::ZERO, message);
        self.wishes.extend(wishes);
    }

    /// What the program has wished of the outside world since the last call.
    pub fn wishes(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.wishes)
    }

    fn tell(&mut self, event: Event) {
        self.send(Message::Engine(event));
    }

    fn renamed(&self, frame: &Frame) -> Arc<Frame> {
        let holes = self.holes.iter().map(|(id, recorded)| {
            let parts = || recorded.iter().filter_map(|place| frame.holes.get(*place));
            let mean_logprob = parts().next().and_then(|hole| hole.mean_logprob);
            HoleFrame { id: *id, cells: parts().flat_map(|hole| hole.cells.clone()).collect(), mean_logprob }
        });
        Arc::new(Frame { job: self.job, holes: holes.collect(), ..frame.clone() })
    }
}
