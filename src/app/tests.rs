//! Tests of the whole floor through [`App::update`], with an engine that says what the test tells it to.

mod buffers;
mod demands;
mod editing;
mod fuzz;
mod heat;
mod lab;
mod layout;
mod modal;
mod models;
mod mouse;
mod multi;
mod prose;
mod random;
mod runs;
mod saving;
mod sources;
mod split;
mod steering;

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::app::effect::Effect;
use crate::app::layout::screen;
use crate::app::message::{Message, Opened, SaveError};
use crate::app::settings::Settings;
use crate::engine::protocol::{
    Alternative, Branch, Cell, CellState, Command, Event, Frame, HoleFrame, HoleId, JobId, ModelInfo, Outcome, Part,
    Phase, Request, RunOptions, Token,
};
use crate::text::holes::HoleLength;
use crate::text::selection::Selection;

/// The program, its clock and all it has asked for.
pub(super) struct Desk {
    pub(super) app: App,
    pub(super) now: Duration,
    pub(super) effects: Vec<Effect>,
}

impl Desk {
    /// A document drawn with its selection (`[ab|]`, a caret is `[|]`) and its holes (`⟦…⟧`), and a model that is ready.
    pub(super) fn new(drawing: &str) -> Self {
        let mut desk = Self::without_model(drawing);
        desk.send(Message::Engine(Event::Ready(ModelInfo {
            name: "tiny".into(),
            device: "cpu".into(),
            ..ModelInfo::default()
        })));
        desk
    }

    pub(super) fn without_model(drawing: &str) -> Self {
        let (mut text, mut at) = (String::new(), 0);
        let (mut start, mut end, mut head, mut holes, mut open) = (0, 0, 0, Vec::new(), 0);
        for c in drawing.chars() {
            match c {
                '[' => start = at,
                ']' => end = at,
                '|' => head = at,
                '⟦' => open = at,
                '⟧' => holes.push(open..at),
                c => {
                    text.push(c);
                    at += 1;
                }
            }
        }
        let run = RunOptions { sampler: "eb".into(), ..RunOptions::default() };
        let mut app = App::new(Settings { seed: 7, run, ..Settings::default() });
        let opened = Opened { path: Some("a.txt".into()), text: text.into(), ..Opened::default() };
        app.update(Duration::ZERO, Message::Opened(Ok(opened)));
        for range in holes {
            app.document.edit_holes(Duration::ZERO, |all| _ = all.add(range, HoleLength::Auto));
        }
        let anchor = if head == start { end } else { start };
        app.document.select(Selection::new(anchor, head));
        app.update(Duration::ZERO, Message::Resize { width: 40, height: 14 });
        Self { app, now: Duration::from_secs(1), effects: Vec::new() }
    }

    pub(super) fn send(&mut self, message: Message) -> Vec<Effect> {
        self.now += Duration::from_millis(10);
        let mut effects = self.app.update(self.now, message);
        // What follows every change of the text has tests of its own.
        effects.retain(|effect| {
            !matches!(effect, Effect::Highlight(_) | Effect::WriteJournal { .. } | Effect::MarkOnDisk { .. })
        });
        self.effects.extend(effects.iter().cloned());
        effects
    }

    /// Presses keys, named as in the key table and separated by blanks; `"words"` in quotes are typed, `_` for a blank.
    pub(super) fn keys(&mut self, keys: &str) -> &mut Self {
        for key in keys.split_whitespace() {
            match key.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
                Some(typed) => typed.chars().for_each(|c| {
                    let key = if c == '_' { "space".to_owned() } else { c.to_string() };
                    self.send(Message::Key(key.parse().unwrap()));
                }),
                None => _ = self.send(Message::Key(key.parse().unwrap())),
            }
        }
        self
    }

    /// The save that was asked for does not come about, and another may be asked for.
    pub(super) fn refuse_save(&mut self) {
        let result = Err(SaveError::Failed("the disk is full".into()));
        self.send(Message::Saved { document: self.app.document().id(), result });
    }

    pub(super) fn drawing(&self) -> String {
        let document = self.app.document();
        let (selection, len) = (document.selection(), document.buffer().len());
        let mut drawing = String::new();
        for pos in 0..=len {
            let ends = |pos: usize| document.holes().iter().filter(move |hole| hole.range.end == pos);
            drawing.extend(ends(pos).filter(|hole| !hole.range.is_empty()).map(|_| '⟧'));
            let range = selection.range();
            drawing.push_str(match pos {
                _ if selection.is_caret() && pos == range.start => "[|]",
                _ if pos == range.start && selection.head == pos => "[|",
                _ if pos == range.start => "[",
                _ if pos == range.end && selection.head == pos => "|]",
                _ if pos == range.end => "]",
                _ => "",
            });
            drawing.extend(document.holes().iter().filter(|hole| hole.range.start == pos).map(|_| '⟦'));
            drawing.extend(ends(pos).filter(|hole| hole.range.is_empty()).map(|_| '⟧'));
            drawing.extend(document.buffer().char_at(pos));
        }
        drawing
    }

    pub(super) fn text(&self) -> String {
        self.app.document().buffer().text()
    }

    /// The rows of the window as they are drawn.
    pub(super) fn rows(&self) -> Vec<String> {
        let rows = screen(&self.app).rows;
        rows.iter().map(|row| row.glyphs.iter().map(|glyph| glyph.text.as_str()).collect()).collect()
    }

    pub(super) fn notice(&self) -> &str {
        self.app.notice().map_or("", |notice| &notice.text)
    }

    pub(super) fn last_command(&self) -> &Command {
        let command = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Engine(command) => Some(command),
            _ => None,
        });
        command.unwrap()
    }

    /// The request of the run started last.
    pub(super) fn request(&self) -> Request {
        let start = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Engine(Command::Start(request)) => Some(request.clone()),
            _ => None,
        });
        start.unwrap()
    }

    /// The job that was begun last.
    pub(super) fn job(&self) -> JobId {
        let job = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Engine(Command::Start(Request { job, .. }) | Command::Branch(Branch { job, .. })) => Some(*job),
            _ => None,
        });
        job.unwrap()
    }

    /// The holes as the engine knows them now.
    pub(super) fn engine_holes(&self) -> Vec<HoleId> {
        let parts = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Engine(
                Command::Start(Request { parts, .. })
                | Command::Rebase { parts, .. }
                | Command::Branch(Branch { parts, .. }),
            ) => Some(parts),
            _ => None,
        });
        let id = |part: &Part| if let Part::Hole(hole) = part { Some(hole.id) } else { None };
        parts.unwrap().iter().filter_map(id).collect()
    }

    /// A frame of the newest run: one drawing of cells for each hole.
    pub(super) fn frame_of(&self, holes: &[&str]) -> Arc<Frame> {
        self.frame_at(3, holes)
    }

    /// The same after so many steps.
    pub(super) fn frame_at(&self, step: usize, holes: &[&str]) -> Arc<Frame> {
        let frames: Vec<HoleFrame> =
            self.engine_holes().iter().zip(holes).map(|(&id, drawing)| hole_frame(id, drawing)).collect();
        let cells = || frames.iter().flat_map(|hole| &hole.cells);
        Arc::new(Frame {
            job: self.job(),
            step,
            steps: Some(8),
            phase: Phase::Denoising,
            masks_left: cells().filter(|cell| !cell.state.is_written()).count(),
            masks_total: cells().count(),
            nfe: step,
            seconds: 0.5,
            holes: frames,
            unmet: Vec::new(),
        })
    }

    pub(super) fn frame(&mut self, holes: &[&str]) -> &mut Self {
        let frame = self.frame_of(holes);
        self.send(Message::Engine(Event::Frame(frame)));
        self
    }

    /// Frames of the newest run, one step each from this one on; each has one drawing for each hole.
    pub(super) fn frames(&mut self, first: usize, frames: &[&[&str]]) -> &mut Self {
        for (step, holes) in (first..).zip(frames) {
            let frame = self.frame_at(step, holes);
            self.send(Message::Engine(Event::Frame(frame)));
        }
        self
    }

    /// The newest run comes to its end after so many steps.
    pub(super) fn finish_at(&mut self, step: usize, holes: &[&str]) -> &mut Self {
        let ended = Event::Ended { job: self.job(), outcome: Outcome::Finished(self.frame_at(step, holes)) };
        self.send(Message::Engine(ended));
        self
    }

    pub(super) fn finish(&mut self, holes: &[&str]) -> &mut Self {
        let ended = Event::Ended { job: self.job(), outcome: Outcome::Finished(self.frame_of(holes)) };
        self.send(Message::Engine(ended));
        self
    }
}

/// Cells drawn as words: `+the` written, `?the` tentative, `=the` the document's own, `-` masked; `_` is a blank, `~` a break.
fn hole_frame(id: HoleId, drawing: &str) -> HoleFrame {
    let cell = |word: &str| {
        let state = match word.chars().next() {
            Some('+') => CellState::Committed,
            Some('?') => CellState::Tentative,
            Some('=') => CellState::Original,
            _ => CellState::Masked,
        };
        let text = word[1..].replace('_', " ").replace('~', "\n");
        // Every word is a token of its own, and the model considers its capitals too.
        let token = |text: &str| Token(text.bytes().fold(0, |sum, byte| sum * 31 + u32::from(byte)));
        let other = text.to_uppercase();
        let alternatives = vec![Alternative { token: token(&other), text: other, probability: 0.1 }];
        let known = !text.is_empty();
        let entropy = known.then_some(0.7);
        Cell { token: known.then(|| token(&text)), alternatives, entropy, ..Cell::new(text, state, 0.8) }
    };
    HoleFrame { id, cells: drawing.split_whitespace().map(cell).collect(), mean_logprob: None }
}

/// Keys turn one drawing into another.
#[track_caller]
pub(super) fn check(before: &str, keys: &str, after: &str) {
    let mut desk = Desk::new(before);
    assert_eq!(desk.drawing(), before, "the drawing itself");
    desk.keys(keys);
    assert_eq!(desk.drawing(), after);
}

#[test]
fn drawings_are_read_as_they_are_made() {
    for drawing in ["[|]", "a[b|]c", "a[|b]c", "⟦ab⟧[|]", "a[|]⟦⟧b", "x\n⟦yz⟧ [w|]"] {
        assert_eq!(Desk::new(drawing).drawing(), drawing);
    }
}
