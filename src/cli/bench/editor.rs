//! `lacuna bench editor`: opening and typing, beside the other editors that are installed.
//!
//! Each program runs in a pseudo-terminal of its own over the same files. *First frame* is the time until the first line of
//! a small file is on the screen; *open* the same for large ones; a key is a letter that stands nowhere else, timed until its
//! bytes come out. Memory is the most that the process itself has held.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use portable_pty::CommandBuilder;
use serde_json::{Value, json};

use super::keys::{Terminal, quantile};
use crate::cli::{Common, print};

#[derive(Debug, Args)]
pub(crate) struct EditorArgs {
    /// Sizes of the large files, in MiB
    #[arg(long, value_delimiter = ',', value_name = "MIB,..", default_value = "100,1024")]
    sizes: Vec<u64>,
    /// Keys to type
    #[arg(long, value_name = "N", default_value_t = 100)]
    typed: usize,
    /// Programs to compare with, those of them that are installed
    #[arg(long, value_delimiter = ',', value_name = "NAME,..", default_value = "micro,nano,vim,hx")]
    beside: Vec<String>,
}

/// The first line of every file here, and what is waited for.
const FIRST: &str = "Zwölf";

/// What one program did.
struct Report {
    name: String,
    first: Option<f64>,
    opened: Vec<(u64, Option<f64>, Option<u64>)>,
    keys: Vec<f64>,
}

pub(crate) fn run(args: &EditorArgs, common: &Common) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("cannot make a folder for the bench")?;
    let small = folder.path().join("small.txt");
    write_file(&small, 4)?;
    let mut large = Vec::new();
    for &size in &args.sizes {
        let path = folder.path().join(format!("large-{size}.txt"));
        write_file(&path, size * 1024)?;
        large.push((size, path));
    }
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut reports = Vec::new();
    for name in std::iter::once("lacuna").chain(args.beside.iter().map(String::as_str)) {
        let command = |file: &Path| command(&program, name, file, folder.path());
        if name != "lacuna" && !is_installed(name) {
            continue;
        }
        let timed = |file: &Path| time_open(command(file));
        let first = timed(&small).ok().map(|(seconds, _)| seconds);
        let opened = large.iter().map(|(size, path)| match timed(path) {
            Ok((seconds, memory)) => (*size, Some(seconds), memory),
            Err(_) => (*size, None, None),
        });
        let opened = opened.collect();
        let keys = time_keys(command(&small), name, args.typed).unwrap_or_default();
        reports.push(Report { name: name.to_owned(), first, opened, keys });
    }
    if common.json {
        let all: Vec<Value> = reports.iter().map(report_json).collect();
        return print(&format!("{}\n", json!({ "editors": all })));
    }
    print(&table(&reports, &args.sizes))
}

/// A file of prose-like lines, so many KiB.
fn write_file(path: &Path, kib: u64) -> anyhow::Result<()> {
    let file = std::fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let mut written = 0;
    let mut line = 0_u64;
    while written < kib * 1024 {
        let text = format!("{FIRST} words stand on line {line}, and none of them is more than a word.\n");
        out.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
        written += text.len() as u64;
        line += 1;
    }
    out.flush().with_context(|| format!("cannot write {}", path.display()))
}

fn is_installed(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// How a program opens a file, with no settings of the user's.
fn command(ours: &Path, name: &str, file: &Path, home: &Path) -> CommandBuilder {
    let program = if name == "lacuna" { ours.to_owned() } else { PathBuf::from(name) };
    let mut command = CommandBuilder::new(program);
    if name == "lacuna" {
        // Others have no model to load either.
        command.args(["--model", "/nowhere"]);
    }
    if name == "vim" {
        command.args(["-u", "NONE", "-N"]);
    }
    command.arg(file);
    command.cwd(home);
    command.env("TERM", "xterm-256color");
    command.env("LANG", "C.UTF-8");
    command.env("HOME", home);
    for folder in ["XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"] {
        command.env(folder, home);
    }
    command
}

/// Seconds until the file is on the screen, and the most memory held until then.
fn time_open(command: CommandBuilder) -> anyhow::Result<(f64, Option<u64>)> {
    let began = Instant::now();
    let mut terminal = Terminal::start(command)?;
    let shown = terminal.wait_for(FIRST)?;
    let memory = terminal.peak_memory();
    terminal.end();
    Ok((shown.saturating_duration_since(began).as_secs_f64(), memory))
}

/// The sorted times from key to screen.
fn time_keys(command: CommandBuilder, name: &str, keys: usize) -> anyhow::Result<Vec<f64>> {
    let mut terminal = Terminal::start(command)?;
    terminal.wait_for(FIRST)?;
    std::thread::sleep(std::time::Duration::from_millis(500));
    if matches!(name, "vim" | "hx") {
        terminal.press(b"i")?;
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    let seconds = terminal.type_some(keys)?;
    terminal.end();
    Ok(seconds)
}

fn report_json(report: &Report) -> Value {
    let opened: Vec<Value> = report
        .opened
        .iter()
        .map(|(size, seconds, memory)| json!({ "mib": size, "seconds": seconds, "peak_memory_bytes": memory }))
        .collect();
    json!({
        "name": report.name, "first_frame_seconds": report.first, "open": opened, "keys": report.keys.len(),
        "key_median_ms": 1e3 * quantile(&report.keys, 0.5), "key_p99_ms": 1e3 * quantile(&report.keys, 0.99),
    })
}

fn table(reports: &[Report], sizes: &[u64]) -> String {
    let mut out = format!("{:<10}{:>12}", "", "first frame");
    for size in sizes {
        out += &format!("{:>14}{:>12}", format!("{size} MiB"), "memory");
    }
    out += &format!("{:>12}{:>10}\n", "key median", "p99");
    let seconds = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{:.0} ms", 1e3 * value));
    for report in reports {
        out += &format!("{:<10}{:>12}", report.name, seconds(report.first));
        for (_, opened, memory) in &report.opened {
            let memory = memory.map_or_else(|| "-".to_owned(), |bytes| format!("{:.0} MB", bytes as f64 / 1e6));
            out += &format!("{:>14}{memory:>12}", seconds(*opened));
        }
        let key = |share: f64| if report.keys.is_empty() { None } else { Some(quantile(&report.keys, share)) };
        let millis =
            |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{:.1} ms", 1e3 * value));
        out += &format!("{:>12}{:>10}\n", millis(key(0.5)), millis(key(0.99)));
    }
    out
}
