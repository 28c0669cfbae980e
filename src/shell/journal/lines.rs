//! The lines of a journal: checksums, texts told apart by their hashes, and steps of a history as JSON.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::text::change::{ChangeSet, Edit};
use crate::text::fingerprint;
use crate::text::history::{EditKind, Record, Revision, Snapshot};
use crate::text::holes::{HoleLength, Holes};
use crate::text::journal::Entry;
use crate::text::selection::{Selection, Selections};

/// What stands in a line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Line {
    /// The text as it was read.
    Base(Mark),
    /// What was done. `applied`: the number of the step that led to the text.
    Entry { from: usize, steps: Vec<StepLine>, applied: usize },
    /// The text as it was saved.
    Saved(Mark),
    /// The text is that of the last mark again.
    Back,
}

/// Tells a text from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    hash: u64,
    len: u64,
}

type EditLine = (usize, usize, String);
type HoleLine = (usize, usize, Option<(usize, usize)>);

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StepLine {
    /// The number of the step that it followed, where that is not the one before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<usize>,
    /// Characters before and after.
    len: (usize, usize),
    forward: Vec<EditLine>,
    inverse: Vec<EditLine>,
    before: SnapshotLine,
    after: SnapshotLine,
    kind: u8,
    origin: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SnapshotLine {
    /// Anchors and heads.
    selections: Vec<(usize, usize)>,
    primary: usize,
    /// Starts, ends and lengths.
    holes: Vec<HoleLine>,
}

/// A line as it is written, with its checksum.
pub(super) fn written(line: &Line) -> io::Result<String> {
    let json = serde_json::to_string(line)?;
    Ok(format!("{:016x} {json}\n", fingerprint::on(fingerprint::START, json.as_bytes())))
}

/// The lines up to the first that is cut or damaged, and the bytes that they take.
pub(super) fn lines_of(bytes: &[u8]) -> (Vec<Line>, usize) {
    let (mut lines, mut whole) = (Vec::new(), 0);
    for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(line) = line_of(piece) else { break };
        lines.push(line);
        whole += piece.len();
    }
    (lines, whole)
}

fn line_of(piece: &[u8]) -> Option<Line> {
    let text = std::str::from_utf8(piece.strip_suffix(b"\n")?).ok()?;
    let (sum, json) = text.split_once(' ')?;
    let right = u64::from_str_radix(sum, 16).ok()? == fingerprint::on(fingerprint::START, json.as_bytes());
    if right { serde_json::from_str(json).ok() } else { None }
}

pub(super) fn mark_of<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Mark {
    let (mut hash, mut len) = (fingerprint::START, 0);
    for chunk in chunks {
        hash = fingerprint::on(hash, chunk);
        len += chunk.len() as u64;
    }
    Mark { hash, len }
}

pub(super) fn entry_line(entry: &Entry) -> Line {
    Line::Entry { from: entry.from, steps: step_lines(entry.from, &entry.steps), applied: entry.at }
}

/// Steps behind so many others.
pub(crate) fn step_lines(from: usize, steps: &[Revision]) -> Vec<StepLine> {
    let line = |(before, step): (usize, &Revision)| {
        let parent = Some(step.parent).filter(|parent| *parent != before);
        StepLine { parent, ..step_line(&step.record) }
    };
    (from..).zip(steps).map(line).collect()
}

pub(super) fn entry(from: usize, steps: Vec<StepLine>, at: usize) -> Entry {
    Entry { from, steps: revisions(from, steps), at }
}

/// What [`step_lines`] wrote.
pub(crate) fn revisions(from: usize, steps: Vec<StepLine>) -> Vec<Revision> {
    let step = |(before, step): (usize, StepLine)| Revision {
        parent: step.parent.unwrap_or(before),
        record: record(step, before),
    };
    (from..).zip(steps).map(step).collect()
}

fn step_line(record: &Record) -> StepLine {
    let edits = |set: &ChangeSet| {
        set.edits().iter().map(|edit| (edit.range.start, edit.range.end, edit.text.clone())).collect()
    };
    StepLine {
        parent: None,
        len: (record.forward.len_before(), record.forward.len_after()),
        forward: edits(&record.forward),
        inverse: edits(&record.inverse),
        before: snapshot_line(&record.before),
        after: snapshot_line(&record.after),
        kind: record.kind as u8,
        origin: record.origin.clone(),
    }
}

fn record(line: StepLine, number: usize) -> Record {
    let set = |len: usize, edits: Vec<EditLine>| {
        ChangeSet::new(len, edits.into_iter().map(|(start, end, text)| Edit { range: start..end, text }).collect())
    };
    Record {
        forward: set(line.len.0, line.forward),
        inverse: set(line.len.1, line.inverse),
        before: snapshot(&line.before, 2 * number as u64),
        after: snapshot(&line.after, 2 * number as u64 + 1),
        // A step that is read never grows.
        kind: EditKind::Other,
        origin: line.origin,
        at: Duration::ZERO,
    }
}

/// Holes of earlier sessions have identities from here on.
const EARLIER: u64 = 1 << 40;

/// And those of one snapshot so far from those of the next: which of them are the same is not known any more, and a run must
/// not land on another hole.
const APART: u64 = 1 << 20;

fn snapshot_line(snapshot: &Snapshot) -> SnapshotLine {
    let length = |length: HoleLength| match length {
        HoleLength::Auto => None,
        HoleLength::Fixed(n) => Some((n, n)),
        HoleLength::Range(least, most) => Some((least, most)),
    };
    SnapshotLine {
        selections: snapshot.selection.all().iter().map(|s| (s.anchor, s.head)).collect(),
        primary: snapshot.selection.primary_index(),
        holes: snapshot.holes.iter().map(|hole| (hole.range.start, hole.range.end, length(hole.length))).collect(),
    }
}

fn snapshot(line: &SnapshotLine, number: u64) -> Snapshot {
    // None of them is one of this session, which may be under other demands.
    let mut holes = Holes::numbered_from(EARLIER + number * APART);
    for &(start, end, length) in &line.holes {
        let length = match length {
            None => HoleLength::Auto,
            Some((least, most)) if least == most => HoleLength::Fixed(least),
            Some((least, most)) => HoleLength::Range(least, most),
        };
        holes.add(start..end.max(start), length);
    }
    let list = line.selections.iter().map(|&(anchor, head)| Selection::new(anchor, head)).collect();
    Snapshot { selection: Selections::new(list, line.primary), holes, written: None }
}
