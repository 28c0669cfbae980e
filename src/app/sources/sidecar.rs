//! What is known of a document's text as a file beside it, `FILE.lacuna.json`. What a file claims is checked before it is
//! believed: that it is about this very text, places, and numbers of runs and texts.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Accepted, Provenance, Sources};
use crate::text::buffer::Buffer;
use crate::text::fingerprint;
use crate::text::history::Written;
use crate::text::spans::Span;

/// What its name has more than the document's.
pub const EXTENSION: &str = ".lacuna.json";

/// What tells such a file from others: it begins so.
pub const BEGINNING: &str = "{\"lacuna\":\"provenance\",";

/// The version of the file that is written, and the newest that is read.
const VERSION: u32 = 1;

/// Start, end, number of the text, and whether it was edited since.
type SpanLine = (usize, usize, u64, bool);

#[derive(Serialize, Deserialize)]
struct File {
    lacuna: String,
    version: u32,
    /// Of the text as UTF-8.
    hash: String,
    runs: Vec<Provenance>,
    texts: Vec<TextLine>,
    spans: Vec<SpanLine>,
}

#[derive(Serialize, Deserialize)]
struct TextLine {
    run: usize,
    before: String,
    below: Vec<SpanLine>,
}

fn hash(text: &Buffer) -> String {
    format!("{:016x}", fingerprint::of(text))
}

fn line(span: &Span<Written>) -> SpanLine {
    (span.range.start, span.range.end, span.value.source, span.value.edited)
}

impl Sources {
    /// The file for this text. What nothing in the text is from is left out.
    pub(crate) fn to_json(&self, text: &Buffer) -> String {
        let (mut runs, mut texts, mut numbers) = (Vec::new(), Vec::new(), BTreeMap::new());
        let mut run_numbers = BTreeMap::new();
        let mut open: Vec<u64> = self.spans.iter().map(|span| span.value.source).collect();
        while let Some(source) = open.pop() {
            let Some(accepted) = usize::try_from(source).ok().and_then(|at| self.texts.get(at)) else { continue };
            if numbers.contains_key(&source) {
                continue;
            }
            numbers.insert(source, numbers.len() as u64);
            texts.push(accepted);
            open.extend(accepted.below.iter().map(|span| span.value.source));
        }
        let renumbered = |span: &Span<Written>| {
            let (start, end, source, edited) = line(span);
            (start, end, numbers.get(&source).copied().unwrap_or(source), edited)
        };
        let mut text_line = |accepted: &&Accepted| {
            let run = *run_numbers.entry(accepted.run).or_insert_with(|| {
                runs.extend(self.runs.get(accepted.run).cloned());
                runs.len() - 1
            });
            let below = accepted.below.iter().map(renumbered).collect();
            TextLine { run, before: accepted.before.clone(), below }
        };
        let texts = texts.iter().map(&mut text_line).collect();
        let spans = self.spans.iter().map(renumbered).collect();
        let file = File { lacuna: "provenance".into(), version: VERSION, hash: hash(text), runs, texts, spans };
        // Strings and numbers under names that are strings: there is nothing to fail.
        serde_json::to_string(&file).unwrap_or_default()
    }

    /// What such a file says of this text.
    ///
    /// # Errors
    /// Why it cannot be used, as the end of a sentence.
    pub(crate) fn of_json(json: &str, text: &Buffer) -> Result<Self, String> {
        let file: File = serde_json::from_str(json).map_err(|error| format!("is no such file: {error}"))?;
        if file.lacuna != "provenance" || file.version > VERSION {
            return Err("was made by another program or a newer Lacuna".into());
        }
        if file.hash != hash(text) {
            return Err("is about another text than is in the file now".into());
        }
        let texts = file.texts.len() as u64;
        let spans = |lines: &[SpanLine], len: usize| {
            let mut at = 0;
            let span = |&(start, end, source, edited): &SpanLine| {
                let fits = at <= start && start < end && end <= len && source < texts;
                at = end;
                fits.then_some(Span { range: Range { start, end }, value: Written { source, edited } })
            };
            lines.iter().map(span).collect::<Option<Vec<_>>>().ok_or("names places that are not in the text")
        };
        let mut sources = Self::default();
        for Span { range, value } in spans(&file.spans, text.len())? {
            sources.spans.set(range, value);
        }
        for line in file.texts {
            if line.run >= file.runs.len() {
                return Err("names a run that is not in it".into());
            }
            let below = spans(&line.below, line.before.chars().count())?;
            sources.texts.push(Accepted { run: line.run, before: line.before, below });
        }
        sources.runs = file.runs;
        Ok(sources)
    }
}
