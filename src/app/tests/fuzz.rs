//! Random sessions of every key there is, drawn after each: nothing panics, no invariant breaks, and what the journal was
//! told comes to the text that is on the screen.
//!
//! Bounded here; `LACUNA_FUZZ_SECONDS=600 cargo test --lib fuzz` goes on for ten minutes with other seeds. A failure names its
//! seed, and `LACUNA_FUZZ_SEED=N` runs that one alone.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::Desk;
use super::random::check_invariants;
use crate::app::effect::Effect;
use crate::app::infill::Stage;
use crate::app::message::{Message, Mouse, MouseKind, OnDisk, Opened, SavedFile, Stamp};
use crate::app::settings::{SETTINGS, Value};
use crate::engine::protocol::{Event, Outcome};
use crate::text::buffer::Buffer;
use crate::text::diff;
use crate::text::encoding::Encoding;
use crate::text::journal::Replay;
use crate::ui;
use crate::ui::theme::{Ground, Theme};

const TEXT: &str =
    "one two three\n    fn main() {\n\tlet e\u{301} = [(1, \"字\")]; // 👨\u{200D}👩\u{200D}👧\r\n}\n\nlast ";
const TYPED: [&str; 16] = ["a", "é", "字", " ", "\n", "}", ")", "(", "\"", "1", "$1", "\\w", ".", "-", "👍🏽", "\u{301}"];
const CELLS: [&str; 4] = ["+x -", "+one ?_two -", "+a~b", "- -"];
const DONE: [&str; 3] = ["+x", "+one +_two", "+a~b"];

/// A stream of random numbers that depends on nothing but its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }
}

struct Fuzz {
    dice: Dice,
    desk: Desk,
    theme: Theme,
    /// What the journal of each file comes to.
    journals: HashMap<PathBuf, Replay>,
    opened: usize,
}

impl Fuzz {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let mut desk = Desk::new("");
        if dice.roll(2) == 0 {
            let keymap = SETTINGS.iter().find(|setting| setting.name == "keymap").unwrap();
            keymap.set(&mut desk.app.settings, &Value::Text("modal".into())).unwrap();
            desk.app.mode = crate::app::keymap::Context::Normal;
        }
        let theme = match dice.roll(3) {
            0 => Theme::plain(),
            1 => Theme::full(),
            _ => Theme::on(Ground::Dark),
        };
        let mut fuzz = Self { dice, desk, theme, journals: HashMap::new(), opened: 0 };
        fuzz.open();
        fuzz
    }

    fn open(&mut self) {
        self.opened += 1;
        let path: PathBuf = format!("{}.rs", self.opened).into();
        let text = TEXT.repeat(1 + self.dice.roll(3));
        self.journals.insert(path.clone(), Replay::of(Buffer::from_text(&text)));
        self.send(Message::Opened(Ok(Opened { path: Some(path), text: text.into(), ..Opened::default() })));
    }

    fn send(&mut self, message: Message) {
        self.desk.now += Duration::from_millis(300);
        for effect in self.desk.app.update(self.desk.now, message) {
            if let Effect::WriteJournal { path, entry } = &effect {
                // Under another name the journal is another, and begins with a text that is not known here.
                let Some(journal) = self.journals.get_mut(path) else { continue };
                journal.take(entry.clone()).expect("an entry that fits");
            }
            self.desk.effects.push(effect);
        }
    }

    fn key(&mut self) -> Message {
        let keys = self.desk.app.settings().keys.bound();
        let bound = &keys[self.dice.roll(keys.len())];
        let key = bound.keys[self.dice.roll(bound.keys.len())];
        Message::Key(key)
    }

    fn step(&mut self) {
        let running = self.desk.app.infill().stage() == Stage::Running;
        let message = match self.dice.roll(20) {
            0..=9 => self.key(),
            10..=13 => {
                let typed = TYPED[self.dice.roll(TYPED.len())];
                match typed.chars().next() {
                    Some('\n') => Message::Key("enter".parse().unwrap()),
                    Some(c) if typed.chars().count() == 1 && !c.is_control() => {
                        Message::Key(crate::app::key::Key::plain(crate::app::key::KeyCode::Char(c)))
                    }
                    _ => Message::Paste(typed.to_owned()),
                }
            }
            14 => Message::Resize { width: self.dice.roll(90) as u16, height: self.dice.roll(30) as u16 },
            15 => {
                let kinds =
                    [MouseKind::Down, MouseKind::Drag, MouseKind::Up, MouseKind::ScrollDown, MouseKind::ScrollUp];
                let (column, row) = (self.dice.roll(80) as u16, self.dice.roll(24) as u16);
                let clicks = 1 + self.dice.roll(3) as u8;
                Message::Mouse(Mouse {
                    kind: kinds[self.dice.roll(5)],
                    column,
                    row,
                    clicks,
                    shift: self.dice.roll(4) == 0,
                })
            }
            16 if self.opened < 4 => return self.open(),
            17 if running => Message::Engine(Event::Frame(self.desk.frame_of(&[CELLS[self.dice.roll(4)]; 40]))),
            18 if running => {
                let frame = self.desk.frame_of(&[DONE[self.dice.roll(3)]; 40]);
                let job = self.desk.job();
                Message::Engine(Event::Ended { job, outcome: Outcome::Finished(frame) })
            }
            19 if self.dice.roll(2) == 0 => return self.answer_look(),
            19 => return self.answer_save(),
            _ => Message::Tick,
        };
        self.send(message);
    }

    /// The shell looked at a file that was last asked about.
    fn answer_look(&mut self) {
        let last = self.desk.effects.iter().rev().find_map(|effect| match effect {
            Effect::LookAtDisk { document, contents, take, .. } => Some((*document, contents.clone(), *take)),
            _ => None,
        });
        let Some((document, contents, take)) = last else { return };
        let stamp = Stamp { modified: None, len: contents.len() as u64 };
        let edits = diff::line_edits(&contents.text(), TEXT);
        let other = if take {
            OnDisk::Other { edits, stamp, encoding: Encoding::Utf8 }
        } else {
            OnDisk::Differs(diff::unified(("there", TEXT), ("here", &contents.text())))
        };
        let found = [Ok(other), Ok(OnDisk::Same(stamp)), Err("it is gone.".to_owned())];
        let found = found[self.dice.roll(3)].clone();
        self.send(Message::OnDisk { document, revision: contents.revision(), found });
    }

    /// The shell saved what was last asked for.
    fn answer_save(&mut self) {
        let last = self.desk.effects.iter().rev().find_map(|effect| match effect {
            Effect::Save(request) => Some(request.clone()),
            _ => None,
        });
        let Some(request) = last else { return };
        let stamp = Stamp { modified: None, len: request.contents.len() as u64 };
        let file = SavedFile { path: request.path, stamp, revision: request.contents.revision() };
        self.send(Message::Saved { document: request.document, result: Ok(file) });
    }

    fn check(&mut self) {
        check_invariants(&self.desk);
        let app = &self.desk.app;
        let selections = app.document().selections().all();
        assert!(selections.is_sorted_by_key(|s| s.range().start));
        assert!(selections.windows(2).all(|pair| pair[0].range().end <= pair[1].range().start), "{selections:?}");
        let (width, height) = app.view().size();
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| ui::draw(app, &self.theme, frame)).unwrap();
        let document = app.document();
        if let Some(journal) = document.path().and_then(|path| self.journals.get(path))
            && !document.has_entry()
        {
            assert_eq!(journal.text.text(), document.buffer().text(), "the journal comes to another text");
        }
    }
}

fn run(seed: u64, steps: usize) {
    let done = std::panic::catch_unwind(|| {
        let mut fuzz = Fuzz::new(seed);
        for _ in 0..steps {
            fuzz.step();
            fuzz.check();
        }
    });
    assert!(done.is_ok(), "LACUNA_FUZZ_SEED={seed} fails");
}

#[test]
fn no_session_of_keys_breaks_anything() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    if let Some(seed) = number("LACUNA_FUZZ_SEED") {
        return run(seed, 400);
    }
    let seconds = number("LACUNA_FUZZ_SECONDS").unwrap_or(0);
    let began = Instant::now();
    let mut seed = 0;
    while seed < 12 || began.elapsed() < Duration::from_secs(seconds) {
        run(seed, if seconds > 0 { 400 } else { 120 });
        seed += 1;
    }
}
