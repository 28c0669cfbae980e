//! A pseudo-terminal with the built program in it: keys go in by name, the screen comes out as text.
//!
//! Nothing here waits for a time: [`Session::wait_for`] returns as soon as the screen says so, and gives up only after
//! [`PATIENCE`], which is long because the model computes on whatever machine this is. The screen is looked at between
//! frames only. Each session has a home of its own.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use tempfile::TempDir;

/// After so long without what was waited for, something is wrong.
const PATIENCE: Duration = Duration::from_secs(240);

/// Around each frame that the program draws.
const FRAME_BEGINS: &[u8] = b"\x1b[?2026h";
const FRAME_ENDS: &[u8] = b"\x1b[?2026l";

/// What every terminal that is in use answers, when it is asked what it is.
const ATTRIBUTES: (&[u8], &[u8]) = (b"\x1b[c", b"\x1b[?62;22c");

/// Columns and rows that a session begins with.
const SIZE: (u16, u16) = (100, 30);

/// A folder with the user's files and a home, kept from one session to the next.
pub(crate) struct Place {
    files: TempDir,
    home: TempDir,
}

/// Questions that a terminal answers besides the one that every terminal does, and its answers.
pub(crate) type Answers = &'static [(&'static [u8], &'static [u8])];

/// A program running in a terminal.
pub(crate) struct Session {
    seen: Arc<(Mutex<Seen>, Condvar)>,
    master: Box<dyn MasterPty + Send>,
    writer: Arc<Mutex<Box<dyn Write + Send>>>,
    child: Box<dyn Child + Send + Sync>,
}

/// What came out of the terminal so far.
struct Seen {
    parser: vt100::Parser,
    raw: Vec<u8>,
    /// The end of `raw` that the parser has not had, because its frame is not whole.
    pending: Vec<u8>,
    over: bool,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { files: TempDir::new().unwrap(), home: TempDir::new().unwrap() }
    }

    /// The path of one of the user's files.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// Writes one of the user's files.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.file(name), text).unwrap();
    }

    /// Reads one of the user's files.
    #[track_caller]
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }

    /// Writes the user's settings.
    pub(crate) fn configure(&self, text: &str) {
        let folder = self.config().join("lacuna");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("config.toml"), text).unwrap();
    }

    /// The folder of the user's settings.
    pub(crate) fn config(&self) -> PathBuf {
        self.home.path().join("config")
    }

    /// The folder in which programs keep their state.
    pub(crate) fn state(&self) -> PathBuf {
        self.home.path().join("state")
    }

    /// Where the user's own models are looked for.
    pub(crate) fn models(&self) -> PathBuf {
        self.home.path().join("data/lacuna/models")
    }

    /// Whether text is kept safe for the next session that holds all this.
    pub(crate) fn keeps(&self, text: &str) -> bool {
        let folder = self.home.path().join("state/lacuna/recovery");
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path());
        // A file that is still being written has another name, and is not kept yet.
        let mut kept = files.filter(|path| path.extension().is_some_and(|extension| extension == "recovery"));
        kept.any(|path| std::fs::read_to_string(path).is_ok_and(|kept| kept.contains(text)))
    }

    /// The editor on a file without a model, after it has said so: most things have nothing to do with one.
    #[track_caller]
    pub(crate) fn without_model(&self, name: &str) -> Session {
        let session = self.lacuna(&["--model", "/nowhere", name]);
        session.wait_for("no model");
        session
    }

    /// Starts the program in the folder of the user's files.
    pub(crate) fn lacuna(&self, args: &[&str]) -> Session {
        self.start(env!("CARGO_BIN_EXE_lacuna"), args, &[])
    }

    /// Starts any program there, with these variables on top of the usual ones.
    pub(crate) fn start(&self, program: &str, args: &[&str], variables: &[(&str, &str)]) -> Session {
        self.start_in(&[], program, args, variables)
    }

    /// The same in a terminal that answers these questions, too.
    pub(crate) fn start_in(
        &self,
        answers: Answers,
        program: &str,
        args: &[&str],
        variables: &[(&str, &str)],
    ) -> Session {
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.cwd(self.files.path());
        command.env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("TERM", "xterm-256color");
        command.env("HOME", self.home.path());
        for (name, folder) in [("XDG_STATE_HOME", "state"), ("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "config")] {
            command.env(name, self.home.path().join(folder));
        }
        for (name, value) in variables {
            command.env(name, value);
        }
        Session::start(command, answers)
    }
}

impl Session {
    fn start(command: CommandBuilder, answers: Answers) -> Self {
        let pair = native_pty_system().openpty(pty_size(SIZE)).unwrap();
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let (columns, rows) = cells(SIZE);
        let parser = vt100::Parser::new(rows, columns, 0);
        let seen = Seen { parser, raw: Vec::new(), pending: Vec::new(), over: false };
        let seen = Arc::new((Mutex::new(seen), Condvar::new()));
        let reader = pair.master.try_clone_reader().unwrap();
        let writer = Arc::new(Mutex::new(pair.master.take_writer().unwrap()));
        thread::spawn({
            let (seen, writer) = (seen.clone(), writer.clone());
            move || {
                read_all(reader, &seen, |new| {
                    for answer in answers_to(new, answers) {
                        // The program may have ended meanwhile.
                        let _ = writer.lock().unwrap_or_else(PoisonError::into_inner).write_all(answer);
                    }
                });
            }
        });
        Self { seen, master: pair.master, writer, child }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Presses keys, named as the help page names them and separated by blanks; `right*3` is three of one.
    pub(crate) fn keys(&mut self, names: &str) {
        let mut bytes = String::new();
        for name in names.split_whitespace() {
            assert!(!bytes.ends_with('\x1b'), "what follows esc at once would be taken for an alt key: {names}");
            let (name, times) = name.split_once('*').map_or((name, 1), |(name, times)| (name, times.parse().unwrap()));
            bytes.push_str(&sequence(name).repeat(times));
        }
        self.type_text(&bytes);
    }

    /// Types a text.
    pub(crate) fn type_text(&mut self, text: &str) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write_all(text.as_bytes()).unwrap();
        writer.flush().unwrap();
    }

    /// Waits until the screen shows a text.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait_until(&format!("{text:?} to be shown"), |screen| screen.contains(text));
    }

    /// Waits until the screen is as it should be.
    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, is_so: impl Fn(&str) -> bool) {
        self.wait(what, |seen| is_so(&seen.parser.screen().contents()));
    }

    #[track_caller]
    fn wait(&self, what: &str, is_so: impl Fn(&Seen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.seen();
        loop {
            if is_so(&seen) {
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let screen = seen.parser.screen().contents();
            assert!(!seen.over, "the program ended while waiting for {what}:\n{screen}");
            assert!(!left.is_zero(), "waited in vain for {what}:\n{screen}");
            seen = self.seen.1.wait_timeout(seen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What the screen shows.
    pub(crate) fn screen(&self) -> String {
        self.seen().parser.screen().contents()
    }

    /// The first place on the screen with this text: row and column.
    #[track_caller]
    pub(crate) fn place_of(&self, text: &str) -> (u16, u16) {
        let screen = self.screen();
        let found = screen.lines().enumerate().find_map(|(row, line)| Some((row, line.split_once(text)?.0)));
        let (row, before) = found.unwrap_or_else(|| panic!("{text:?} is not shown:\n{screen}"));
        (row as u16, before.chars().count() as u16)
    }

    /// Everything about the cell at a row and a column.
    pub(crate) fn cell(&self, (row, column): (u16, u16)) -> vt100::Cell {
        self.seen().parser.screen().cell(row, column).cloned().expect("a cell of the screen")
    }

    /// Every byte that the program has written to the terminal.
    pub(crate) fn raw(&self) -> Vec<u8> {
        self.seen().raw.clone()
    }

    /// Changes the size of the window, and waits until the program has drawn for it.
    #[track_caller]
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        let (wide, high) = cells((columns, rows));
        let before = {
            let mut seen = self.seen();
            seen.parser.set_size(high, wide);
            seen.raw.len()
        };
        self.master.resize(pty_size((columns, rows))).unwrap();
        self.wait("a frame of the new size", |seen| {
            let new = &seen.raw[before..];
            seen.pending.is_empty() && new.windows(4).any(|bytes| bytes == b"\x1b[2J")
        });
    }

    /// Sends a signal, by its name without `SIG`.
    pub(crate) fn signal(&self, name: &str) {
        let process = self.child.process_id().expect("the program runs").to_string();
        let sent = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &process]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits until the program has ended and everything it wrote is here.
    #[track_caller]
    pub(crate) fn wait_for_end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.seen();
        while !seen.over {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the program goes on:\n{}", seen.parser.screen().contents());
            seen = self.seen.1.wait_timeout(seen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(seen);
        self.child.wait().unwrap()
    }

    /// Saves a document that has changed since it was saved, and waits until it is.
    #[track_caller]
    pub(crate) fn save(&mut self, path: &str) {
        let changed = format!("{} ●", path.rsplit('/').next().unwrap_or(path));
        self.wait_for(&changed);
        self.keys("ctrl-s");
        let saved = format!("Saved {path}");
        self.wait_until(&saved, |screen| screen.contains(&saved) && !screen.contains(&changed));
    }

    /// Quits, discarding what is not saved, and checks that all went well and the terminal is as it was.
    #[track_caller]
    pub(crate) fn quit(mut self) {
        self.keys("ctrl-q");
        if self.asks_about_unsaved() {
            self.keys("d");
        }
        let status = self.wait_for_end();
        assert!(status.success(), "{status:?}:\n{}", self.screen());
        assert!(self.is_restored());
    }

    fn asks_about_unsaved(&self) -> bool {
        const QUESTION: &str = "changes that are not saved.";
        let asked = |seen: &Seen| seen.parser.screen().contents().contains(QUESTION);
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.seen();
        while !asked(&seen) && !seen.over {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "ctrl-q does nothing:\n{}", seen.parser.screen().contents());
            seen = self.seen.1.wait_timeout(seen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        asked(&seen)
    }

    /// Whether the terminal is as it was found.
    pub(crate) fn is_restored(&self) -> bool {
        let seen = self.seen();
        let screen = seen.parser.screen();
        let mouse = screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None;
        !screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste() && !mouse
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A test that failed leaves nothing running; one that went well has nothing left to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a fact outside of the screen holds, such as a file being there.
#[track_caller]
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// As the shell quotes it.
pub(crate) fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

fn pty_size((columns, rows): (u16, u16)) -> PtySize {
    PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }
}

fn cells((columns, rows): (u16, u16)) -> (NonZeroU16, NonZeroU16) {
    (NonZeroU16::new(columns).unwrap(), NonZeroU16::new(rows).unwrap())
}

/// What a terminal answers to the questions in this output, in their order. A question is written in one piece.
fn answers_to(output: &[u8], answers: Answers) -> Vec<&'static [u8]> {
    let known = answers.iter().copied().chain([ATTRIBUTES]);
    let mut found: Vec<(usize, &[u8])> = known
        .flat_map(|(question, answer)| {
            let places = output.windows(question.len()).enumerate().filter(move |(_, window)| *window == question);
            places.map(move |(at, _)| (at, answer))
        })
        .collect();
    found.sort_unstable_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, answer)| answer).collect()
}

fn read_all(mut reader: Box<dyn Read + Send>, (seen, news): &(Mutex<Seen>, Condvar), answer: impl Fn(&[u8])) {
    let mut bytes = [0; 1 << 14];
    loop {
        // Linux reports the end of the last program in the terminal as an error.
        let read = reader.read(&mut bytes).unwrap_or(0);
        answer(&bytes[..read]);
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.raw.extend_from_slice(&bytes[..read]);
        seen.pending.extend_from_slice(&bytes[..read]);
        seen.over = read == 0;
        let whole = if seen.over { seen.pending.len() } else { whole_frames(&seen.pending) };
        let shown: Vec<u8> = seen.pending.drain(..whole).collect();
        seen.parser.process(&shown);
        news.notify_all();
        if seen.over {
            return;
        }
    }
}

/// How many of these bytes may be shown: not those of a frame that has begun and not ended.
fn whole_frames(bytes: &[u8]) -> usize {
    let last = |sequence: &[u8]| bytes.windows(sequence.len()).rposition(|window| window == sequence);
    match (last(FRAME_BEGINS), last(FRAME_ENDS)) {
        (Some(begun), ended) if ended.is_none_or(|ended| ended < begun) => begun,
        _ => {
            let half = (1..FRAME_BEGINS.len()).rev().find(|&n| bytes.ends_with(&FRAME_BEGINS[..n]));
            bytes.len() - half.unwrap_or(0)
        }
    }
}

/// What a terminal like xterm sends for a key.
fn sequence(name: &str) -> String {
    let (mut rest, mut code) = (name, 1);
    for (prefix, bit) in [("ctrl-", 4), ("alt-", 2), ("shift-", 1)] {
        if let Some(key) = rest.strip_prefix(prefix) {
            (rest, code) = (key, code + bit);
        }
    }
    let csi = |last: char| if code == 1 { format!("\x1b[{last}") } else { format!("\x1b[1;{code}{last}") };
    let tilde = |n: u8| if code == 1 { format!("\x1b[{n}~") } else { format!("\x1b[{n};{code}~") };
    let plain = match rest {
        "up" => return csi('A'),
        "down" => return csi('B'),
        "right" => return csi('C'),
        "left" => return csi('D'),
        "home" => return csi('H'),
        "end" => return csi('F'),
        "delete" => return tilde(3),
        "pageup" => return tilde(5),
        "pagedown" => return tilde(6),
        "f5" => return tilde(15),
        "f6" => return tilde(17),
        "f7" => return tilde(18),
        "f8" => return tilde(19),
        "f1" => "\x1bOP",
        "f2" => "\x1bOQ",
        "enter" => "\r",
        "esc" => "\x1b",
        "tab" => "\t",
        "backspace" => "\x7f",
        "space" => " ",
        key => {
            assert_eq!(key.chars().count(), 1, "no such key: {name}");
            key
        }
    };
    match code {
        1 => plain.to_owned(),
        3 => format!("\x1b{plain}"),
        5 => plain.chars().map(|c| char::from(c as u8 & 0x1f)).collect(),
        _ => panic!("no such key: {name}"),
    }
}
