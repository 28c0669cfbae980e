//! Where text came from that was not typed: which run wrote it, and what stood there before.
//!
//! What is accepted is remembered as spans, carried through every edit. Typing inside one divides it, since what is typed is
//! the user's, and marks its parts as edited; a span of which nothing is left is gone. Undo and redo bring back what was known
//! at that moment. Invariant: a source that is not marked as edited has one span, and that holds what was accepted.
//!
//! Limits: text that is cut and pasted, or moved with its line, is the user's from then on.

pub mod sidecar;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::engine::protocol::{RunOptions, Verb};
use crate::text::change::ChangeSet;
use crate::text::history::Written;
use crate::text::spans::{Span, Spans};

/// How a text that was accepted was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// What was done with what stood there.
    pub verb: Verb,
    /// The model.
    pub model: String,
    /// Sampler, seed and the other knobs.
    pub options: RunOptions,
    /// After how many steps.
    pub step: usize,
    /// The name of the branch.
    pub branch: String,
    /// The branch that it went on from, and after which of its steps.
    pub parent: Option<(String, usize)>,
}

impl Provenance {
    /// Fill, rewrite or refine, in words.
    fn what(&self) -> String {
        match self.verb {
            _ if self.options.instruction.is_some() => "rewrite by instruction".to_owned(),
            Verb::Fill => "fill".to_owned(),
            Verb::Rewrite { strength } => format!("rewrite {:.0} %", strength * 100.0),
            Verb::Refine => "refine".to_owned(),
        }
    }

    /// The tag of the undo step that it becomes.
    pub(crate) fn tag(&self) -> String {
        format!("{} · {} · {} · seed {}", self.what(), self.model, self.options.sampler, self.options.seed)
    }

    /// All of it, as a sentence without its full stop.
    pub(crate) fn told(&self) -> String {
        let options = &self.options;
        let model = if self.model.is_empty() { "a model" } else { &self.model };
        let mut told = format!("{} by {model}: sampler {}", self.what(), options.sampler);
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                // Writing to a string cannot fail.
                let _ = write!(told, ", {name} {value}");
            }
        };
        add("seed", Some(options.seed.to_string()));
        add("temperature", options.temperature.map(|value| value.to_string()));
        add("steps", options.steps.map(|value| value.to_string()));
        add("top_p", options.top_p.map(|value| value.to_string()));
        add("top_k", options.top_k.map(|value| value.to_string()));
        add("told", options.instruction.as_ref().map(|told| format!("{told:?}")));
        let parent = self.parent.as_ref().map(|(name, step)| format!(" from step {step} of {name}"));
        let _ = write!(told, "; branch {}{}, step {}", self.branch, parent.unwrap_or_default(), self.step);
        told
    }
}

/// A text that was accepted in one place.
#[derive(Debug, Clone, PartialEq)]
struct Accepted {
    /// Which of the runs.
    run: usize,
    /// What stood there before.
    before: String,
    /// What was known of that, in characters from its start.
    below: Vec<Span<Written>>,
}

/// A span of text that was accepted, with all that is known of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Known<'s> {
    /// Where it is.
    pub(crate) range: Range<usize>,
    /// Something was typed into it or taken out of it since.
    pub(crate) edited: bool,
    /// The number of its run, and its own.
    pub(crate) run: usize,
    pub(crate) source: u64,
    /// How it was made.
    pub(crate) made: &'s Provenance,
    /// What stood there before.
    pub(crate) before: &'s str,
    /// What was known of that, in characters from its start.
    pub(crate) below: &'s [Span<Written>],
}

/// What is known of a document's text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sources {
    spans: Spans<Written>,
    /// What was accepted together and made alike, by number.
    runs: Vec<Provenance>,
    /// What was accepted, by the number of its source.
    texts: Vec<Accepted>,
    /// A file beside the document's says something of it, true or not.
    has_file: bool,
}

impl Sources {
    /// Whether nothing was ever accepted.
    pub(crate) fn is_new(&self) -> bool {
        self.runs.is_empty()
    }

    /// Whether there is something to be said in a file, or to be taken back there.
    pub(crate) fn wants_file(&self) -> bool {
        self.has_file || !self.is_new()
    }

    /// A file was found.
    pub(crate) fn note_file(&mut self) {
        self.has_file = true;
    }

    /// A run of which something is accepted.
    pub(crate) fn add_run(&mut self, made: Provenance) -> usize {
        self.runs.push(made);
        self.runs.len() - 1
    }

    /// Something of a run that is about to be put in the place of `range`, of which this is the text.
    pub(crate) fn add(&mut self, run: usize, range: Range<usize>, before: String) -> Written {
        let below = self.spans.in_range(range.clone()).iter().map(|span| {
            let part = span.range.start.max(range.start)..span.range.end.min(range.end);
            // A part of a text is not that text.
            let value = Written { edited: span.value.edited || part != span.range, ..span.value };
            Span { range: part.start - range.start..part.end - range.start, value }
        });
        let below = below.filter(|span| !span.range.is_empty()).collect();
        let accepted = Accepted { run, before, below };
        self.texts.push(accepted);
        Written { source: self.texts.len() as u64 - 1, edited: false }
    }

    /// Follows a change of the text, after which this is known of what it wrote.
    pub(crate) fn follow(&mut self, change: &ChangeSet, written: &[(Range<usize>, Written)]) {
        let hurt: BTreeSet<u64> = self.spans.hurt_by(change).map(|span| span.value.source).collect();
        self.spans.map(change);
        if !hurt.is_empty() {
            self.spans.update(|written| written.edited |= hurt.contains(&written.source));
        }
        for (range, written) in written {
            self.spans.set(range.clone(), *written);
        }
    }

    /// What is known now, for undo; none where that is nothing.
    pub(crate) fn snapshot(&self) -> Option<Spans<Written>> {
        (!self.spans.is_empty()).then(|| self.spans.clone())
    }

    /// What was known at a moment that undo or redo leads back to by this change.
    pub(crate) fn restore(&mut self, known: Option<Spans<Written>>, change: &ChangeSet) {
        match known {
            Some(known) => self.spans = known,
            None => self.follow(change, &[]),
        }
    }

    fn known(&self, span: &Span<Written>) -> Option<Known<'_>> {
        let Span { range, value: Written { source, edited } } = span.clone();
        let accepted = self.texts.get(usize::try_from(source).ok()?)?;
        let (made, before, below) = (self.runs.get(accepted.run)?, accepted.before.as_str(), accepted.below.as_slice());
        Some(Known { range, edited, run: accepted.run, source, made, before, below })
    }

    /// The first span in a range; for an empty one, that of the character behind or before it.
    pub(crate) fn first_in(&self, range: Range<usize>) -> Option<Known<'_>> {
        let start = range.start;
        let here = if range.is_empty() {
            self.spans.at(start).or_else(|| self.spans.at(start.checked_sub(1)?))
        } else {
            self.spans.in_range(range).first()
        };
        self.known(here?)
    }

    /// The spans of a run, in document order.
    pub(crate) fn of_run(&self, run: usize) -> impl Iterator<Item = Known<'_>> {
        self.spans.iter().filter_map(|span| self.known(span)).filter(move |known| known.run == run)
    }
}
