//! States of the program to be drawn, each made by the messages that lead to it.

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::app::effect::Effect;
use crate::app::key::Key;
use crate::app::message::{Message, Opened, Recovered, SaveError};
use crate::app::settings::Settings;
use crate::engine::protocol::{
    Alternative, Cell, CellState, Command, Event, Frame, HoleFrame, HoleId, JobId, Judgement, ModelInfo, Outcome, Part,
    Phase, Place, Question, RunOptions, ScoreRequest, Scored, Token, WordScore,
};

pub(crate) const STORY: &str = "The keeper had not spoken to anyone in eleven days\nwhen the wind fell, and he ran down to the\nwater. \
                                Nobody aboard had seen the light, so he\ncalled again, louder.\n\nNo answer.\n";

/// The program and the last run that it asked for.
pub(crate) struct Scene {
    pub(crate) app: App,
    job: JobId,
    holes: Vec<HoleId>,
    /// The words that were asked about last.
    asked: Option<ScoreRequest>,
}

impl Scene {
    /// A program with a model and no document.
    pub(crate) fn empty() -> Self {
        let run = RunOptions { sampler: "eb".into(), ..RunOptions::default() };
        let app = App::new(Settings { seed: 4821, run, ..Settings::default() });
        let mut scene = Self { app, job: JobId(0), holes: Vec::new(), asked: None };
        let info = ModelInfo { name: "lacuna-135m".into(), device: "cpu".into(), ..ModelInfo::default() };
        scene.send(Message::Engine(Event::Ready(info)));
        scene
    }

    /// A document with the caret at line and column.
    pub(crate) fn with(text: &str, at: (usize, usize)) -> Self {
        let mut scene = Self::empty();
        let path = Some("lighthouse.md".into());
        scene.send(Message::Opened(Ok(Opened { path, text: text.into(), at: Some(at), ..Opened::default() })));
        scene
    }

    /// A document whose text stands in so many columns.
    pub(crate) fn in_columns(text: &str, column: usize) -> Self {
        let mut scene = Self::empty();
        scene.app = App::new(Settings { column, ..Settings::default() });
        scene.send(Message::Opened(Ok(Opened { text: text.into(), ..Opened::default() })));
        scene
    }

    pub(crate) fn send(&mut self, message: Message) {
        for effect in self.app.update(Duration::from_secs(1), message) {
            if let Effect::Engine(Command::Score(request)) = effect {
                self.asked = Some(request);
                continue;
            }
            let Effect::Engine(Command::Start(request)) = effect else { continue };
            self.job = request.job;
            let id = |part: &Part| if let Part::Hole(hole) = part { Some(hole.id) } else { None };
            self.holes = request.parts.iter().filter_map(id).collect();
        }
    }

    /// Presses keys separated by blanks; `key*3` three times; `"words"` are typed, `_` for a blank.
    pub(crate) fn keys(mut self, keys: &str) -> Self {
        for word in keys.split(' ') {
            let names: Vec<String> = match (word.strip_prefix('"'), word.split_once('*')) {
                (Some(typed), _) => {
                    typed.trim_end_matches('"').chars().map(|c| c.to_string().replace('_', "space")).collect()
                }
                (_, Some((key, times))) => vec![key.to_owned(); times.parse().unwrap()],
                _ => vec![word.to_owned()],
            };
            for name in names {
                let key: Key = name.parse().unwrap();
                self.send(Message::Key(key));
            }
        }
        self
    }

    /// A frame of the run: for each hole, cells separated by blanks, see [`cell`].
    fn frame_of(&self, holes: &[&str]) -> Arc<Frame> {
        self.frame_at(7, holes)
    }

    fn frame_at(&self, step: usize, holes: &[&str]) -> Arc<Frame> {
        let hole = |(&id, cells): (&HoleId, &&str)| HoleFrame {
            id,
            cells: cells.split_whitespace().map(cell).collect(),
            mean_logprob: None,
        };
        let holes: Vec<HoleFrame> = self.holes.iter().zip(holes).map(hole).collect();
        let cells = || holes.iter().flat_map(|hole| &hole.cells);
        Arc::new(Frame {
            job: self.job,
            step,
            steps: Some(16),
            phase: Phase::Denoising,
            masks_left: cells().filter(|cell| !cell.state.is_written()).count(),
            masks_total: cells().count(),
            nfe: step + 1,
            seconds: 0.4,
            holes,
            unmet: Vec::new(),
        })
    }

    /// A frame of the run after so many steps.
    pub(crate) fn step(mut self, step: usize, holes: &[&str]) -> Self {
        let frame = self.frame_at(step, holes);
        self.send(Message::Engine(Event::Frame(frame)));
        self
    }

    /// The engine says what the model thinks of a cell of the second hole.
    pub(crate) fn answered(mut self, cell: usize) -> Self {
        let at = Place { hole: self.holes[1], cell };
        let alternative =
            |token, text: &str, probability| Alternative { token: Token(token), text: text.into(), probability };
        let judgement = Judgement {
            question: Question { job: self.job, step: 7, at },
            probability: Some(0.5),
            entropy: 0.8,
            alternatives: vec![alternative(9, " call", 0.5), alternative(1, " ship", 0.3)],
        };
        self.send(Message::Engine(Event::Judged(judgement)));
        self
    }

    pub(crate) fn frame(mut self, holes: &[&str]) -> Self {
        let frame = self.frame_of(holes);
        self.send(Message::Engine(Event::Frame(frame)));
        self
    }

    pub(crate) fn finish(mut self, holes: &[&str]) -> Self {
        let outcome = Outcome::Finished(self.frame_of(holes));
        self.send(Message::Engine(Event::Ended { job: self.job, outcome }));
        self
    }

    /// The run ends without having met a demand on its second hole.
    pub(crate) fn finish_without(mut self, demand: &str, holes: &[&str]) -> Self {
        let frame = Frame { unmet: vec![(self.holes[1], demand.into())], ..(*self.frame_of(holes)).clone() };
        let outcome = Outcome::Finished(Arc::new(frame));
        self.send(Message::Engine(Event::Ended { job: self.job, outcome }));
        self
    }

    /// Judges the words that were asked about: those named have these probabilities, the others 60 %.
    pub(crate) fn judged(mut self, unlikely: &[(&str, f64)]) -> Self {
        let request = self.asked.take().unwrap();
        let start = |word: &str| word.as_ptr() as usize - request.text.as_ptr() as usize;
        let words = request.text.split_whitespace().map(|word| WordScore {
            bytes: start(word)..start(word) + word.len(),
            tokens: 1,
            log_probability: Some(unlikely.iter().find(|(known, _)| *known == word).map_or(0.6, |(_, p)| *p).ln()),
        });
        let scored = Scored { id: request.id, words: words.collect(), passes: 6, seconds: 0.5 };
        self.send(Message::Engine(Event::Scored(scored)));
        self
    }

    pub(crate) fn sent(mut self, message: Message) -> Self {
        self.send(message);
        self
    }
}

/// `+text` committed, `*text` just now, `?text` a likely guess, `~text` an unlikely one, `!text` taken back, `=text` the
/// document's own, `-` masked; `_` is a blank, `/` a line break.
fn cell(word: &str) -> Cell {
    let (state, probability) = match word.chars().next() {
        Some('+') => (CellState::Committed, 0.9),
        Some('*') => (CellState::JustCommitted, 0.8),
        Some('?') => (CellState::Tentative, 0.5),
        Some('~') => (CellState::Tentative, 0.1),
        Some('!') => (CellState::Remasked, 0.2),
        Some('#') => (CellState::Pinned, 1.0),
        Some('=') => (CellState::Original, 0.7),
        _ => (CellState::Masked, 0.0),
    };
    let text = word[1..].replace('_', " ").replace('/', "\n");
    let other = |token, text: &str, probability| Alternative { token: Token(token), text: text.into(), probability };
    let alternatives = vec![other(1, " ship", 0.12), other(2, " tug", 0.04)];
    let (token, entropy, step) = (Some(Token(9)), Some(1.3), Some(4));
    Cell { alternatives, token, entropy, step, ..Cell::new(text, state, probability) }
}

const ONE_FRAME: [&str; 2] = ["+the ?_storm -", "*had *_heard +_him ~_or !_her #_all -"];

pub(crate) fn text() -> Scene {
    Scene::with(STORY, (2, 6))
}

pub(crate) fn selection() -> Scene {
    text().keys("shift-down")
}

pub(crate) fn hole() -> Scene {
    text().keys("shift-right*13 alt-m ctrl-l \"3:22\" enter shift-right*18 alt-m ctrl-l \"6:4\" enter alt-m")
}

fn two_holes() -> Scene {
    text().keys("shift-right*13 alt-m ctrl-l \"3:22\" enter shift-right*18 alt-m")
}

pub(crate) fn run() -> Scene {
    two_holes().keys("f5").frame(&ONE_FRAME)
}

/// The keys steer a run that is paused, and the caret stands at one of its cells.
pub(crate) fn inspect() -> Scene {
    run().keys("space left*6")
}

pub(crate) fn review() -> Scene {
    two_holes().keys("f5").finish(&["+the +_storm +_broke", "+had +_heard +_him +_call"])
}

/// The third of four steps of a run that is over.
pub(crate) fn timeline() -> Scene {
    let run = two_holes().keys("f5").step(0, &["- - -", "- - - -"]).step(1, &["+the - -", "+had - - -"]);
    let run = run.step(2, &["+the +_storm -", "+had +_heard - -"]);
    run.finish(&["+the +_storm +_broke", "+had +_heard +_him +_call"]).keys(",")
}

/// Two branches beside each other.
pub(crate) fn compare() -> Scene {
    review().keys("r").finish(&["+the +_wind +_broke", "+had +_seen +_him"]).keys("d")
}

/// The same seed under two samplers, after the passes of a step of one of them.
pub(crate) fn lab() -> Scene {
    let lab = timeline().keys("> l \"eb\" space \"left-to-right\" enter").step(0, &["- - -", "- - - -"]);
    lab.step(1, &["+the - -", "- - - -"]).finish(&["+the +_wind +_broke", "+had +_seen +_him"]).keys(",")
}

/// Two windows: a text and, with the keys, the same with a hole further down.
pub(crate) fn split() -> Scene {
    hole().keys("alt-v ctrl-end")
}

/// Two windows on two documents; the one that has not the keys runs.
pub(crate) fn split_documents() -> Scene {
    let opened = Opened { path: Some("notes.md".into()), text: "Notes\n\n- the wind\n".into(), ..Opened::default() };
    let run = hole().keys("f5").step(0, &["- - -", "- - - -", "- -"]).step(1, &["+the - -", "- - - -", "- -"]);
    run.keys("alt-v").sent(Message::Opened(Ok(opened)))
}

/// A prompt with something that cannot be demanded of the second hole.
pub(crate) fn demand() -> Scene {
    two_holes().keys("alt-e").sent(Message::Paste("3-40; /[a-z/".into()))
}

/// The caret stands in a hole of which something is demanded.
pub(crate) fn demanded() -> Scene {
    two_holes().keys("alt-e").sent(Message::Paste("3-40; /[a-z ]+/; need sea".into())).keys("enter")
}

pub(crate) fn unmet() -> Scene {
    demanded().keys("f5").finish_without("need sea", &["+the +_storm +_broke", "+had +_heard +_him +_call"])
}

/// Where the second hole's text is from.
pub(crate) fn source() -> Scene {
    review().keys("enter left*3 alt-y")
}

/// The name of a film is asked for.
pub(crate) fn record() -> Scene {
    review().keys("s")
}

/// What the model thought of the last word of the proposal.
pub(crate) fn inspected() -> Scene {
    review().keys("v")
}

pub(crate) fn rewrite() -> Scene {
    text().keys("shift-right*13 f5 enter").finish(&["=the +_storm =_fell"])
}

pub(crate) fn find() -> Scene {
    text().keys("ctrl-f \"the\"")
}

pub(crate) fn complaint() -> Scene {
    two_holes().keys("alt-l \"many\" enter")
}

pub(crate) fn question() -> Scene {
    text().keys("\"x\" ctrl-q")
}

pub(crate) fn palette() -> Scene {
    text().keys("ctrl-p \"hole\" down")
}

pub(crate) fn help() -> Scene {
    text().keys("f1")
}

pub(crate) fn marks() -> Scene {
    text().keys("f1 down*46")
}

pub(crate) fn error() -> Scene {
    text().sent(Message::Saved {
        document: 1,
        result: Err(SaveError::Failed(
            "lighthouse.md could not be saved: no space is left on the disk; free some, or save elsewhere with alt-s."
                .into(),
        )),
    })
}

pub(crate) fn recovery() -> Scene {
    text().sent(Message::RecoveryFound {
        path: None,
        found: Recovered { text: "x".into(), when: "12 minutes ago".into(), base: None, steps: Vec::new(), kept: None },
    })
}

pub(crate) fn sideways() -> Scene {
    let long = "a long line without an end, ".repeat(12);
    Scene::with(&format!("short\n{long}\n\t灯台守は誰とも話さなかった\n"), (2, 1)).keys("alt-z end")
}

pub(crate) fn wide() -> Scene {
    Scene::with("灯台守 👨‍👩‍👧 a\u{301} ｶﾞ \u{202e}x\u{85}\ty\u{0} ❤️ end\nnext\n", (1, 1)).keys("shift-right*4")
}

pub(crate) fn heat() -> Scene {
    let words = [("fell,", 0.1), ("Nobody", 0.03), ("light,", 0.0005), ("louder.", 0.04)];
    text().keys("alt-h").judged(&words).keys("f7")
}

/// Where the states come from.
pub(crate) type Made = fn() -> Scene;

/// All of them with their names.
pub(crate) const ALL: [(&str, Made); 31] = [
    ("empty", Scene::empty),
    ("text", text),
    ("selection", selection),
    ("hole", hole),
    ("run", run),
    ("inspect", inspect),
    ("review", review),
    ("timeline", timeline),
    ("compare", compare),
    ("lab", lab),
    ("split", split),
    ("split documents", split_documents),
    ("inspected", inspected),
    ("demand", demand),
    ("demanded", demanded),
    ("unmet", unmet),
    ("source", source),
    ("record", record),
    ("rewrite", rewrite),
    ("strength", || text().keys("shift-right*13 f5")),
    ("find", find),
    ("complaint", complaint),
    ("question", question),
    ("palette", palette),
    ("help", help),
    ("marks", marks),
    ("error", error),
    ("recovery", recovery),
    ("sideways", sideways),
    ("wide", wide),
    ("heat", heat),
];
