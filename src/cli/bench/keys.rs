//! From a key to the screen: the program itself in a pseudo-terminal, typed into at a steady pace.
//!
//! Each key is a letter that stands nowhere else, so that its bytes come out of the terminal when, and only when, it has
//! been drawn. First with nothing else going on, then while a hole of [`HOLE`] tokens denoises, then with the panel of a
//! word's numbers open as well; the caret is in the text, at no word of the run.

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use serde_json::{Value, json};

use super::Common;

/// Tokens of the hole that denoises meanwhile: enough passes to outlast the typing.
const HOLE: usize = 512;
/// No more keys in each state: there are only so many letters.
const MOST: usize = 85;
/// Between two keys: a fast typist.
const PACE: Duration = Duration::from_millis(30);
/// After so long without what was waited for, something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);
/// The question what a terminal is, to which every one has an answer that programs wait for.
const ATTRIBUTES: &[u8] = b"\x1b[c";
/// Letters that the bench's text does not hold: Cyrillic and its supplement.
const LETTERS: std::ops::RangeInclusive<char> = '\u{410}'..='\u{52f}';

/// Seconds from key to screen.
pub(super) struct Keys {
    idle: Vec<f64>,
    running: Vec<f64>,
    inspecting: Vec<f64>,
}

impl Keys {
    pub(super) fn json(&self) -> Value {
        let figures = |sorted: &[f64]| json!({ "keys": sorted.len(), "median_ms": 1e3 * quantile(sorted, 0.5), "p99_ms": 1e3 * quantile(sorted, 0.99) });
        json!({ "idle": figures(&self.idle), "during_a_run": figures(&self.running), "with_a_panel": figures(&self.inspecting) })
    }

    pub(super) fn table(&self) -> String {
        let mut out = format!("\n{:<24}{:>10}{:>10}\n", "key to screen", "median", "p99");
        let rows = [("idle", &self.idle), ("during a run", &self.running), ("and a panel open", &self.inspecting)];
        for (name, sorted) in rows {
            out +=
                &format!("{name:<24}{:>8.1}ms{:>8.1}ms\n", 1e3 * quantile(sorted, 0.5), 1e3 * quantile(sorted, 0.99));
        }
        out
    }
}

pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((share * last as f64).round() as usize).copied().unwrap_or_default()
}

fn write(to: &Mutex<Box<dyn Write + Send>>, bytes: &[u8]) -> std::io::Result<()> {
    let mut to = to.lock().unwrap_or_else(PoisonError::into_inner);
    to.write_all(bytes).and_then(|()| to.flush())
}

/// Types so many keys in each of the two states.
pub(super) fn time(common: &Common, keys: usize) -> anyhow::Result<Keys> {
    let folder = tempfile::tempdir().context("cannot make a folder for the bench")?;
    let mut terminal = Terminal::open(common, folder.path())?;
    terminal.wait_for(" · ").context("the editor's model did not load")?;
    let mut letters = LETTERS.filter(|letter| letter.is_alphabetic());
    let idle = terminal.type_letters(&mut letters, keys.min(MOST))?;
    // A hole at the end, of many tokens, filled while the caret is back at the start.
    // Sentences come out in pieces, as only changed cells are drawn; single words come whole.
    terminal.press(b"\x1b[1;5F\x1bm")?;
    terminal.wait_for("marked")?;
    terminal.press(b"\x1bl")?;
    std::thread::sleep(Duration::from_millis(300));
    terminal.press(format!("\x15{HOLE}\r").as_bytes())?;
    std::thread::sleep(Duration::from_millis(100));
    terminal.press(b"\x1b[15~")?;
    terminal.wait_for("░")?;
    terminal.press(b"\x1b[17~\x1b[1;5H")?;
    std::thread::sleep(Duration::from_millis(300));
    let running = terminal.type_letters(&mut letters, keys.min(MOST))?;
    terminal.press(b"\x1b[17~v")?;
    terminal.wait_for("──")?;
    terminal.press(b"\x1b[17~\x1b[1;5H")?;
    std::thread::sleep(Duration::from_millis(300));
    let inspecting = terminal.type_letters(&mut letters, keys.min(MOST))?;
    terminal.end();
    Ok(Keys { idle, running, inspecting })
}

/// The program in a terminal, and what comes out of it with the time it came.
pub(super) struct Terminal {
    writer: Arc<Mutex<Box<dyn Write + Send>>>,
    output: Receiver<(Instant, Vec<u8>)>,
    child: Box<dyn portable_pty::Child + Send + Sync>,
    /// Held open for as long as the program runs.
    _master: Box<dyn portable_pty::MasterPty + Send>,
    seen: Vec<u8>,
}

impl Terminal {
    fn open(common: &Common, folder: &std::path::Path) -> anyhow::Result<Self> {
        let text = folder.join("bench.txt");
        std::fs::write(&text, super::PROSE).with_context(|| format!("cannot write {}", text.display()))?;
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut command = CommandBuilder::new(program);
        command.args(["--model", common.model()]);
        command.arg(&text);
        command.cwd(std::env::current_dir().context("there is no current folder")?);
        command.env("TERM", "xterm-256color");
        // The user's own settings and recovery files stay out of it.
        for name in ["XDG_STATE_HOME", "XDG_CONFIG_HOME"] {
            command.env(name, folder);
        }
        Self::start(command)
    }

    /// Starts any program in a terminal of usual size.
    pub(super) fn start(command: CommandBuilder) -> anyhow::Result<Self> {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let failed = |error: anyhow::Error| anyhow!("no pseudo-terminal can be opened ({error}); use --keys 0");
        let pair = native_pty_system().openpty(size).map_err(failed)?;
        let child = pair.slave.spawn_command(command).map_err(failed)?;
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().map_err(failed)?;
        let writer = Arc::new(Mutex::new(pair.master.take_writer().map_err(failed)?));
        let (send, output) = channel();
        let answers = writer.clone();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if buffer[..count].windows(ATTRIBUTES.len()).any(|window| window == ATTRIBUTES) {
                    let _ = write(&answers, b"\x1b[?62;22c");
                }
                if send.send((Instant::now(), buffer[..count].to_vec())).is_err() {
                    break;
                }
            }
        });
        Ok(Self { writer, output, child, _master: pair.master, seen: Vec::new() })
    }

    /// The most memory that the program has held, where the system tells.
    pub(super) fn peak_memory(&self) -> Option<u64> {
        super::peak_memory_of(&self.child.process_id()?.to_string())
    }

    /// Types so many letters that stand nowhere else; the sorted times until each was drawn.
    pub(super) fn type_some(&mut self, keys: usize) -> anyhow::Result<Vec<f64>> {
        let mut letters = LETTERS.filter(|letter| letter.is_alphabetic());
        self.type_letters(&mut letters, keys.min(260))
    }

    pub(super) fn press(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.seen.clear();
        write(&self.writer, bytes).context("the editor takes no keys any more")
    }

    /// Waits until a text comes out, and says when.
    pub(super) fn wait_for(&mut self, text: &str) -> anyhow::Result<Instant> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let Ok((at, bytes)) = self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) else {
                bail!("the editor did not show {text:?} in time");
            };
            self.seen.extend(bytes);
            if self.seen.windows(text.len()).any(|window| window == text.as_bytes()) {
                return Ok(at);
            }
        }
    }

    /// Types letters at a steady pace; the sorted times until each was drawn.
    fn type_letters(&mut self, letters: &mut impl Iterator<Item = char>, keys: usize) -> anyhow::Result<Vec<f64>> {
        let mut seconds = Vec::with_capacity(keys);
        for letter in letters.take(keys) {
            let next = Instant::now() + PACE;
            let letter = letter.to_string();
            // Before it is written: on busy cores it may be drawn before the writing returns.
            let pressed = Instant::now();
            self.press(letter.as_bytes())?;
            let drawn = self.wait_for(&letter)?;
            seconds.push(drawn.saturating_duration_since(pressed).as_secs_f64());
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        seconds.sort_by(f64::total_cmp);
        Ok(seconds)
    }

    pub(super) fn end(mut self) {
        // It has nothing worth saving: its text is a copy in a folder that goes away.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
