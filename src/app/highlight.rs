//! What the words of a text are in its language: asked for a window at a time, and kept where they belong while the answer
//! is on its way.
//!
//! The shell has the grammars and a thread for them. [`Highlights`] asks whenever the text or the window has changed, and
//! maps what it has through every edit meanwhile, so typing never waits and colours never stand on the wrong word.

use std::ops::Range;
use std::path::PathBuf;

use crate::app::App;
use crate::app::document::Document;
use crate::app::effect::Effect;
use crate::text::buffer::Buffer;
use crate::text::change::{Bias, ChangeSet};

/// Lines asked for above and below the window, so that scrolling shows no bare text.
const MARGIN: usize = 60;

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    /// For people only.
    Comment,
    /// A text in quotes.
    String,
    /// An escape in a text.
    Escape,
    /// A number.
    Number,
    /// A named value of the language, such as `true`.
    Constant,
    /// A word of the language.
    Keyword,
    /// The name of a function.
    Function,
    /// The name of a type.
    Type,
    /// The name of a tag, a key or an attribute.
    Name,
    /// A heading of prose.
    Heading,
    /// Strong words of prose.
    Strong,
    /// Stressed words of prose.
    Stressed,
    /// Where a link leads.
    Link,
    /// Code in prose.
    Code,
    /// An added line of a diff.
    Added,
    /// A removed line of a diff.
    Removed,
}

/// All tones and their names, in the order of the enum.
pub const TONES: [(Tone, &str); 16] = [
    (Tone::Comment, "comment"),
    (Tone::String, "string"),
    (Tone::Escape, "escape"),
    (Tone::Number, "number"),
    (Tone::Constant, "constant"),
    (Tone::Keyword, "keyword"),
    (Tone::Function, "function"),
    (Tone::Type, "type"),
    (Tone::Name, "name"),
    (Tone::Heading, "heading"),
    (Tone::Strong, "strong"),
    (Tone::Stressed, "stressed"),
    (Tone::Link, "link"),
    (Tone::Code, "code"),
    (Tone::Added, "added"),
    (Tone::Removed, "removed"),
];

/// Some characters of the text and what they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Which, by position.
    pub range: Range<usize>,
    /// What.
    pub tone: Tone,
}

/// What is asked of the shell.
#[derive(Debug, Clone)]
pub struct HighlightRequest {
    /// Which document: another number is another text.
    pub document: u64,
    /// Where it is kept, which tells the language.
    pub path: Option<PathBuf>,
    /// The text.
    pub contents: Buffer,
    /// The first line that may differ from the last request's for this document.
    pub changed_from: usize,
    /// The lines that are wanted.
    pub lines: Range<usize>,
    /// They are for the window that has not the keys.
    pub beside: bool,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Highlighted {
    /// For which document.
    pub document: u64,
    /// For which text.
    pub revision: u64,
    /// For which lines.
    pub lines: Range<usize>,
    /// The spans, sorted and disjoint.
    pub spans: Vec<Span>,
}

/// What is known of the document in a window.
#[derive(Debug, Default)]
pub struct Highlights {
    spans: Vec<Span>,
    /// What the last request was about: document, revision and lines.
    asked: Option<(u64, u64, Range<usize>)>,
    /// And under which name.
    path: Option<PathBuf>,
    /// The first line changed since.
    changed_from: Option<usize>,
}

impl Highlights {
    /// What the character at a position is.
    pub fn at(&self, pos: usize) -> Option<Tone> {
        let i = self.spans.partition_point(|span| span.range.end <= pos);
        self.spans.get(i).filter(|span| span.range.start <= pos).map(|span| span.tone)
    }

    /// Follows an edit; `buffer` is the text after it.
    pub(crate) fn map(&mut self, change: &ChangeSet, buffer: &Buffer) {
        for span in &mut self.spans {
            // What is typed at the end of a word belongs to it until the answer comes, or says otherwise.
            let start = change.map(span.range.start, Bias::Right);
            span.range = start..change.map(span.range.end, Bias::Right).max(start);
        }
        if let Some(first) = change.placed().first() {
            let line = buffer.line_of(first.start);
            self.changed_from = Some(self.changed_from.map_or(line, |known| known.min(line)));
        }
    }

    /// Takes an answer, if it is the one waited for.
    pub(crate) fn take(&mut self, answer: &Highlighted) {
        let Highlighted { document, revision, lines, spans } = answer;
        if self.asked.as_ref().is_some_and(|asked| *asked == (*document, *revision, lines.clone())) {
            self.spans.clone_from(spans);
        }
    }

    /// What a window of so many rows needs and nobody has been asked for yet; `top` is the first position in it.
    fn wish(&mut self, document: &Document, top: usize, rows: usize) -> Option<HighlightRequest> {
        let (id, buffer) = (document.id(), document.buffer());
        let first = buffer.line_of(top);
        let window = first..(first + rows).min(buffer.line_count());
        let revision = buffer.revision();
        let known = self.asked.as_ref();
        // The program's own texts are Markdown, unless their names end otherwise.
        let own = |title: &str| if title.contains('.') { title.into() } else { format!("{title}.md").into() };
        let path = document.path().cloned().or_else(|| document.title().map(own));
        let same = known.is_some_and(|(known, ..)| *known == id) && self.path == path;
        if !same {
            self.clear();
        } else if known.is_some_and(|(_, asked, lines)| {
            *asked == revision && lines.start <= window.start && window.end <= lines.end
        }) {
            return None;
        }
        let lines = window.start.saturating_sub(MARGIN)..(window.end + MARGIN).min(buffer.line_count());
        let changed_from = if same { self.changed_from.take().unwrap_or(usize::MAX) } else { 0 };
        self.asked = Some((id, revision, lines.clone()));
        self.path.clone_from(&path);
        Some(HighlightRequest { document: id, path, contents: buffer.clone(), changed_from, lines, beside: false })
    }

    /// Forgets everything: another document is on the screen, or none is wanted.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl App {
    /// Asks for what the windows need and nobody has been asked for yet.
    pub(crate) fn ask_for_highlights(&mut self) {
        let rows = usize::from(self.view.height);
        if !self.settings.syntax {
            self.highlights.clear();
        } else if let Some(wish) = self.highlights.wish(&self.document, self.view.top.pos, rows) {
            self.emit(Effect::Highlight(wish));
        }
        let Some(mut split) = self.split.take() else { return };
        let mut highlights = std::mem::take(&mut split.highlights);
        if !self.settings.syntax {
            highlights.clear();
        } else if let Some((document, view)) = self.shown_in(&split)
            && let Some(wish) = highlights.wish(document, view.top.pos, rows)
        {
            self.emit(Effect::Highlight(HighlightRequest { beside: true, ..wish }));
        }
        split.highlights = highlights;
        self.split = Some(split);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::message::Stamp;

    #[test]
    fn spans_follow_edits_and_late_answers_are_dropped() {
        let mut buffer = Buffer::from_text("let x = 1;");
        let mut known = Highlights::default();
        let span = |range, tone| Span { range, tone };
        let answer = |revision, spans: &[Span]| Highlighted { document: 1, revision, lines: 0..1, spans: spans.into() };
        known.asked = Some((1, 0, 0..1));
        known.take(&answer(0, &[span(0..3, Tone::Keyword), span(8..9, Tone::Number)]));
        assert_eq!(
            [0, 2, 3, 8, 9].map(|pos| known.at(pos)),
            [Some(Tone::Keyword), Some(Tone::Keyword), None, Some(Tone::Number), None]
        );
        let change = ChangeSet::insert(10, 3, "ter");
        buffer.apply(&change).unwrap();
        known.map(&change, &buffer);
        assert_eq!((known.at(5), known.at(11), known.at(12)), (Some(Tone::Keyword), Some(Tone::Number), None));
        assert_eq!(known.changed_from, Some(0));
        known.asked = Some((1, 1, 0..1));
        known.take(&answer(0, &[]));
        known.take(&Highlighted { lines: 7..9, ..answer(1, &[]) });
        assert_eq!(known.at(5), Some(Tone::Keyword), "an answer about a former text or another window changes nothing");
        known.take(&answer(1, &[]));
        assert_eq!(known.at(5), None);
    }

    #[test]
    fn another_name_of_the_file_is_asked_about() {
        let (mut document, mut known) = (Document::empty(), Highlights::default());
        assert_eq!(known.wish(&document, 0, 9).map(|wish| wish.path), Some(None));
        assert!(known.wish(&document, 0, 9).is_none());
        document.saved("a.rs".into(), Stamp { modified: None, len: 0 }, 0);
        assert_eq!(known.wish(&document, 0, 9).map(|wish| wish.path), Some(Some("a.rs".into())));
        assert!(known.wish(&document, 0, 9).is_none());
    }

    #[test]
    fn the_names_are_in_the_order_of_the_tones() {
        assert!(TONES.is_sorted_by_key(|(tone, _)| *tone));
        assert_eq!(TONES[Tone::Removed as usize].0, Tone::Removed);
    }
}
