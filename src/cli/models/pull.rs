//! `lacuna models pull` and `rm`: into the hub's cache and out of it again.

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use serde_json::json;

use crate::cli::{Common, Usage, print, progress};
use crate::engine::catalog::{self, Installed, Place, known, words};
use crate::engine::hub::{self, Fetching, Hub};

/// The bar is drawn at most so often.
const REDRAW: Duration = Duration::from_millis(100);
const BAR: usize = 24;

#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// A name from `lacuna models list`, or OWNER/REPO
    #[arg(value_name = "NAME|OWNER/REPO")]
    what: String,
    /// Which file of weights, where a repository has several
    #[arg(long, value_name = "NAME")]
    file: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// The model's name
    #[arg(value_name = "NAME")]
    name: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) fn pull(args: &PullArgs, common: &Common) -> anyhow::Result<()> {
    let known = known::by_name(&args.what);
    let repo = match known {
        Some(known) if known.repo.is_empty() => bail!("{} ships with the program", known.name),
        Some(known) => known.repo,
        None if hub::is_repo(&args.what) => &args.what,
        None => bail!("there is no published model {}; `lacuna models list` shows them", args.what),
    };
    if let Some(warning) = known.and_then(|known| known.licence.warning()) {
        let licence = known.map_or("", |known| known.licence.name());
        note(&format!("{repo}: the licence {licence} is not an open source one: {warning}"));
    }
    let mut progress = Progress::default();
    let pulled = Hub::of_user().and_then(|hub| hub.pull(repo, args.file.as_deref(), &mut |step| progress.take(step)));
    progress.clear();
    let pulled = pulled.map_err(|message| anyhow!(message))?;
    let name = known.map_or(repo, |known| known.name);
    if common.json {
        let document = json!({ "name": name, "path": pulled.path, "files": pulled.files, "bytes": pulled.bytes });
        return print(&format!("{document}\n"));
    }
    let (path, size) = (pulled.path.display(), words(pulled.bytes));
    print(&format!("{name}: {} files, {size}, in {path}\nUse it with --model {name}\n", pulled.files))
}

/// Says something on standard error; nothing can be done when even that fails.
fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A bar on a terminal, a line for each file elsewhere.
#[derive(Default)]
struct Progress {
    label: String,
    bytes: u64,
    drawn: Option<Instant>,
}

impl Progress {
    fn take(&mut self, step: Fetching) {
        match step {
            Fetching::File { name, bytes, number, of } => {
                self.label = format!("{number}/{of} {name}");
                self.bytes = bytes;
                self.drawn = None;
                if std::io::stderr().is_terminal() {
                    self.draw(0);
                } else {
                    note(&format!("{} {}", self.label, words(bytes)));
                }
            }
            Fetching::Bytes(done) => {
                let is_due = self.drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW);
                if is_due && std::io::stderr().is_terminal() {
                    self.draw(done);
                }
            }
            Fetching::Done => self.clear(),
        }
    }

    fn draw(&mut self, done: u64) {
        let share = if self.bytes == 0 { 1.0 } else { (done as f64 / self.bytes as f64).min(1.0) };
        let full = (share * BAR as f64) as usize;
        let bar = "█".repeat(full) + &"░".repeat(BAR - full);
        let (done, all) = (words(done), words(self.bytes));
        progress(&format!("{} {bar} {done} of {all}, {:.0} %", self.label, share * 100.0));
        self.drawn = Some(Instant::now());
    }

    fn clear(&mut self) {
        if self.drawn.take().is_some() {
            progress("");
        }
    }
}

pub(super) fn remove(args: &RmArgs, common: &Common) -> anyhow::Result<()> {
    let target = target(&args.name)?;
    let bytes = size_of(&target);
    let (path, size) = (target.display(), words(bytes));
    let told = |removed: bool, sentence: String| {
        let document = json!({ "name": args.name, "path": target, "bytes": bytes, "removed": removed });
        if common.json { print(&format!("{document}\n")) } else { print(&sentence) }
    };
    if !args.yes && !agrees(&format!("Remove {} ({size}) in {path}? [y/N] ", args.name))? {
        return told(false, "Nothing was removed.\n".into());
    }
    let metadata = std::fs::symlink_metadata(&target).with_context(|| format!("cannot read {path}"))?;
    // Of a link only the link goes; what it leads to is not ours.
    let removed = if metadata.is_dir() { std::fs::remove_dir_all(&target) } else { std::fs::remove_file(&target) };
    removed.with_context(|| format!("cannot remove {path}"))?;
    told(true, format!("Removed {} ({size}).\n", args.name))
}

/// What may be removed under this name: a repository's folder in the hub's cache, or a folder among the user's models.
fn target(name: &str) -> anyhow::Result<PathBuf> {
    let installed = catalog::installed();
    let known = known::by_name(name);
    let is_it = |model: &&Installed| model.name == name || model.known().is_some_and(|it| Some(it) == known);
    let cache = hub::cache_folder();
    let cached = |repo: &str| cache.as_deref().map(|cache| hub::folder_of(cache, repo)).filter(|path| path.is_dir());
    match installed.iter().find(is_it) {
        Some(Installed { place: Place::User, path, .. }) => Ok(path.clone()),
        Some(Installed { place: Place::Hub, .. }) | None => {
            let repo = known.map_or(name, |known| known.repo);
            // Of a download that was cut off there may be no more than parts.
            let folder = if hub::is_repo(repo) { cached(repo) } else { None };
            folder.ok_or_else(|| anyhow!("there is no model {name} here; `lacuna models list` shows what there is"))
        }
        Some(Installed { place: Place::Shipped, path, .. }) => {
            bail!("{name} ships with the program in {}; it is not removed", path.display())
        }
        Some(Installed { place: Place::Settings, path, .. }) => bail!(
            "{name} lies in {}, where `[models]` in config.toml says; remove its entry there, and the folder yourself",
            path.display()
        ),
    }
}

fn size_of(path: &Path) -> u64 {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
            entries.map(|entry| size_of(&entry.path())).sum()
        }
        Ok(metadata) if metadata.is_file() => metadata.len(),
        _ => 0,
    }
}

fn agrees(question: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!(Usage("nobody can be asked here whether to remove it; say --yes".into()));
    }
    let mut out = std::io::stderr().lock();
    out.write_all(question.as_bytes()).and_then(|()| out.flush()).context("cannot ask")?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("cannot read the answer")?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
