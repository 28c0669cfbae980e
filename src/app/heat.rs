//! How likely each word of the user's own text is, given the text on both sides: asked of the engine stretch by stretch, and
//! kept where it belongs while the text changes.
//!
//! One stretch is on its way at a time, those in the window first. What is known follows every edit; only words near one
//! are judged again. Positions are characters, likelihoods mean natural log-probabilities of a word's tokens. They are
//! shown against the text's own mean: plain probabilities hardly differ to the eye (`reference/ux.md` 2b).

use std::ops::Range;

use crate::app::effect::Effect;
use crate::app::{App, Model};
use crate::engine::protocol::{Command, Event, ScoreId, ScoreRequest, Scored};
use crate::text::buffer::Buffer;
use crate::text::change::ChangeSet;
use crate::text::prose;
use crate::text::spans::{Span, Spans};

/// Characters that are asked about at once: about what the engine judges in one window.
const STRETCH: usize = 320;
/// Characters that go along on each side of them: more than a window has.
const CONTEXT: usize = 512;
/// Words nearer to an edit than so many characters are judged again.
const REACH: usize = 80;
/// Characters above and below the window that are judged as well.
const AROUND: usize = 8192;
/// A word without a blank is cut after so many characters.
const LONGEST_WORD: usize = 48;

/// Likelihoods are clamped to so many standard deviations from their mean.
const CLAMP: f64 = 2.5;
/// Standard deviations below the mean from which on a word is a little unlikely, unlikely, and very unlikely.
const STEPS: [f64; 3] = [-0.5, -1.25, -2.0];
/// A word with this probability or more is never called unlikely, whatever the others have.
const LIKELY: f64 = 0.2;

/// What is known of one document.
#[derive(Debug, Default)]
pub struct Heat {
    words: Spans<f64>,
    /// What need not be judged.
    known: Spans<()>,
    asked: Option<Asked>,
    last_id: u64,
    passes: usize,
    seconds: f64,
    spread: Option<Spread>,
    words_done: (usize, usize),
    /// What the count was made of: revision, scope, and passes.
    counted: Option<(u64, Range<usize>, usize)>,
}

/// What the engine was asked.
#[derive(Debug)]
struct Asked {
    id: ScoreId,
    text: String,
    /// Where the text begins in the document, and the characters that are asked about, both as they were then.
    at: usize,
    range: Range<usize>,
    /// What was done to the document since.
    since: Option<ChangeSet>,
}

/// Mean and standard deviation of the log-probabilities.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spread {
    mean: f64,
    deviation: f64,
}

impl Heat {
    /// How unlikely the word at a position is: 0 for likely, 3 for very unlikely; none where nothing is known.
    pub fn step_at(&self, pos: usize) -> Option<u8> {
        self.words.at(pos).map(|word| self.step(word.value))
    }

    /// The same for the least likely word of a stretch.
    pub fn worst_in(&self, range: &Range<usize>) -> Option<u8> {
        self.words.in_range(range.clone()).iter().map(|word| self.step(word.value)).max()
    }

    /// The word at a position or right before it.
    pub fn word_at(&self, pos: usize) -> Option<&Span<f64>> {
        self.words.at(pos).or_else(|| self.words.at(pos.checked_sub(1)?))
    }

    /// The words, the least likely first.
    pub fn ranked(&self) -> Vec<Span<f64>> {
        let mut ranked: Vec<Span<f64>> = self.words.iter().cloned().collect();
        ranked.sort_by(|a, b| a.value.total_cmp(&b.value));
        ranked
    }

    /// Words that are judged, of those in the window and around it.
    pub fn progress(&self) -> (usize, usize) {
        self.words_done
    }

    /// Passes made so far, and seconds of computing.
    pub fn cost(&self) -> (usize, f64) {
        (self.passes, self.seconds)
    }

    fn step(&self, log: f64) -> u8 {
        let Some(Spread { mean, deviation }) = self.spread else { return 0 };
        if log >= LIKELY.ln() {
            return 0;
        }
        let below = ((log - mean) / deviation).clamp(-CLAMP, CLAMP);
        STEPS.iter().filter(|step| below < **step).count() as u8
    }

    /// Wishes are counted for all documents together.
    pub(crate) fn count_on_from(&mut self, other: &Heat) {
        self.last_id = self.last_id.max(other.last_id);
    }

    /// No answer is waited for any more.
    pub(crate) fn forget_wish(&mut self) -> bool {
        self.asked.take().is_some()
    }

    /// Forgets everything: another model or another text.
    pub(crate) fn clear(&mut self) {
        *self = Self { last_id: self.last_id, ..Self::default() };
    }

    /// Follows an edit; `buffer` is the text after it.
    pub(crate) fn map(&mut self, change: &ChangeSet, buffer: &Buffer) {
        self.words.retain(|word| !touches(change, &word.range));
        self.words.map(change);
        self.known.map(change);
        doubt(&mut self.known, change, buffer);
        if let Some(asked) = &mut self.asked {
            asked.since = Some(match asked.since.take() {
                Some(before) => before.compose(change.clone()),
                None => change.clone(),
            });
        }
    }

    /// Takes an answer, if it is the one waited for.
    fn take(&mut self, answer: &Scored, buffer: &Buffer) {
        let Some(asked) = self.asked.take_if(|asked| asked.id == answer.id) else { return };
        let mut now_known = Spans::default();
        now_known.set(asked.range.clone(), ());
        if let Some(change) = &asked.since {
            now_known.map(change);
            doubt(&mut now_known, change, buffer);
        }
        for piece in &now_known {
            let Range { start, end } = piece.range;
            self.words.retain(|word| word.range.end <= start || end <= word.range.start);
            self.known.set(start..end, ());
        }
        self.known.merge();
        let (mut byte, mut at) = (0, asked.at);
        for word in &answer.words {
            let mut go_to = |to: usize| {
                at += asked.text.get(byte..to).map_or(0, |part| part.chars().count());
                byte = to;
                at
            };
            let range = go_to(word.bytes.start)..go_to(word.bytes.end);
            let Some(log) = word.log_probability.filter(|log| log.is_finite()) else { continue };
            match &asked.since {
                Some(change) if touches(change, &range) => {}
                Some(change) => self.words.set(change.map_range(range), log),
                None => self.words.set(range, log),
            }
        }
        self.passes += answer.passes;
        self.seconds += answer.seconds;
        self.spread = spread(self.words.iter().map(|word| word.value));
    }

    /// What is to be judged next: in the window first, then below it, then above.
    fn next(&mut self, buffer: &Buffer, sight: &Range<usize>, scope: &Range<usize>) -> Option<ScoreRequest> {
        let below = self.known.gaps(sight.end..scope.end.max(sight.end));
        let above = self.known.gaps(scope.start..sight.start.max(scope.start)).into_iter().rev();
        let gaps = self.known.gaps(sight.clone()).into_iter().chain(below).chain(above);
        let range = gaps.into_iter().find_map(|gap| stretch(buffer, gap))?;
        self.last_id += 1;
        let id = ScoreId(self.last_id);
        let start = word_start(buffer, range.start.saturating_sub(CONTEXT));
        let end = word_end(buffer, (range.end + CONTEXT).min(buffer.len()));
        let text = buffer.slice(start..end);
        let byte = |pos: usize| buffer.byte_of(pos) - buffer.byte_of(start);
        let bytes = byte(range.start)..byte(range.end);
        self.asked = Some(Asked { id, text: text.clone(), at: start, range, since: None });
        Some(ScoreRequest { id, text, bytes })
    }

    /// Counts the words in the scope, and those of them that are known.
    fn count(&mut self, buffer: &Buffer, scope: &Range<usize>) {
        let now = (buffer.revision(), scope.clone(), self.passes);
        if self.counted.as_ref() != Some(&now) {
            let all = prose::words(&buffer.slice(scope.clone()));
            let gaps = self.known.gaps(scope.clone()).into_iter();
            let left: usize = gaps.map(|gap| prose::words(&buffer.slice(gap))).sum();
            self.words_done = (all.saturating_sub(left), all);
            self.counted = Some(now);
        }
    }
}

/// Whether an edit of the change is at a word: in it or at its edge.
fn touches(change: &ChangeSet, word: &Range<usize>) -> bool {
    let edits = change.edits();
    let first = edits.partition_point(|edit| edit.range.end < word.start);
    edits.get(first).is_some_and(|edit| edit.range.start <= word.end)
}

/// What is near the change, which was made, is not known any more.
fn doubt(known: &mut Spans<()>, change: &ChangeSet, buffer: &Buffer) {
    for placed in change.placed() {
        let start = word_start(buffer, placed.start.saturating_sub(REACH));
        let end = word_end(buffer, (placed.end + REACH).min(buffer.len()));
        known.cut(start..end);
    }
}

fn is_blank(buffer: &Buffer, pos: usize) -> bool {
    buffer.char_at(pos).is_none_or(char::is_whitespace)
}

/// Where the word around a position begins.
fn word_start(buffer: &Buffer, pos: usize) -> usize {
    let least = pos.saturating_sub(LONGEST_WORD);
    (least..pos).rev().find(|before| is_blank(buffer, *before)).map_or(least, |blank| blank + 1)
}

/// Where the word around a position ends.
fn word_end(buffer: &Buffer, pos: usize) -> usize {
    let most = (pos + LONGEST_WORD).min(buffer.len());
    (pos..most).find(|behind| is_blank(buffer, *behind)).unwrap_or(most)
}

/// The first part of a gap that is worth a question; none where it is blank.
fn stretch(buffer: &Buffer, gap: Range<usize>) -> Option<Range<usize>> {
    let start = gap.clone().find(|pos| !is_blank(buffer, *pos))?;
    let end = if gap.end - start > STRETCH { word_end(buffer, start + STRETCH).min(gap.end) } else { gap.end };
    Some(start..end)
}

fn spread(values: impl Iterator<Item = f64> + Clone) -> Option<Spread> {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let deviation = (values.map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
    (deviation > 1e-6).then_some(Spread { mean, deviation })
}

/// A probability in percent, as it is shown.
pub(crate) fn percent(log: f64) -> String {
    match log.exp() * 100.0 {
        p if p >= 10.0 => format!("{p:.0} %"),
        p if p >= 0.1 => format!("{p:.1} %"),
        _ => "under 0.1 %".to_owned(),
    }
}

impl App {
    /// How likely the words are.
    pub fn heat(&self) -> &Heat {
        &self.heat
    }

    /// Asks for what is to be judged next, if nothing is on its way.
    pub(crate) fn ask_for_heat(&mut self) {
        if !self.settings.heat {
            if self.heat.forget_wish() {
                self.emit(Effect::Engine(Command::StopScoring));
            }
            return;
        }
        let buffer = self.document.buffer();
        let first = buffer.line_of(self.view.top.pos);
        let last = (first + usize::from(self.view.height)).min(buffer.line_count() - 1);
        // A line may be longer than the window.
        let start = word_start(buffer, self.view.top.pos);
        let end = word_end(buffer, buffer.line_end(last).min(start + AROUND));
        let scope =
            word_start(buffer, start.saturating_sub(AROUND))..word_end(buffer, (end + AROUND).min(buffer.len()));
        if self.heat.asked.is_none() && matches!(self.model, Model::Ready(_)) {
            let request = self.heat.next(buffer, &(start..end), &scope);
            if let Some(request) = request {
                self.emit(Effect::Engine(Command::Score(request)));
            }
        }
        self.heat.count(self.document.buffer(), &scope);
    }

    /// The engine's answer.
    pub(crate) fn take_scores(&mut self, event: Event) {
        match event {
            Event::Scored(answer) => self.heat.take(&answer, self.document.buffer()),
            Event::NotScored { id, why } if self.heat.asked.as_ref().is_some_and(|asked| asked.id == id) => {
                self.heat.forget_wish();
                self.settings.heat = false;
                self.complain(why);
            }
            _ => {}
        }
    }
}
