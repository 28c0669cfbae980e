//! The thread that knows languages: syntect's grammars (those of `bat`, through `two-face`) over the lines of a text.
//!
//! It keeps the parser's state at every [`STRIDE`]th line, so an edit costs the lines from there to the end of the window and
//! no more; a newer request ends the work on an older one. A line longer than [`LONGEST`] has no colours, and a window
//! very far below anything parsed is begun in the middle: colours may then be wrong for a while, and nothing waits.

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet};
use tokio::sync::mpsc::UnboundedSender;

use crate::app::highlight::{HighlightRequest, Highlighted, Span, Tone};
use crate::app::message::Message;
use crate::shell::session::Reply;
use crate::text::buffer::Buffer;

/// Lines from one kept state to the next.
const STRIDE: usize = 32;

/// A line of more bytes is passed over: the grammars' regular expressions would take seconds for one of a megabyte.
const LONGEST: usize = 4096;

/// At most so many lines are parsed to get to a window.
const FAR: usize = 20_000;

/// After so many lines it is looked whether there is a newer request.
const GLANCE: usize = 16;

/// The thread. It ends when this is dropped, and nobody waits for it.
pub(crate) struct Highlighter {
    requests: Sender<HighlightRequest>,
}

impl Highlighter {
    pub(crate) fn start(replies: UnboundedSender<Reply>) -> io::Result<Self> {
        let (requests, queue) = mpsc::channel();
        thread::Builder::new().name("highlight".to_owned()).spawn(move || {
            let mut worker = None;
            let mut queue = Queue::new(queue);
            while let Some(request) = queue.next() {
                let worker = worker.get_or_insert_with(Worker::new);
                // A grammar that panics costs its colours.
                let done = panic::catch_unwind(AssertUnwindSafe(|| worker.answer(request, &mut queue)));
                match done {
                    Ok(Some(answer)) => drop(replies.send(Reply::Message(Message::Highlighted(answer)))),
                    Ok(None) => {}
                    Err(_) => worker.forget(),
                }
            }
        })?;
        Ok(Self { requests })
    }

    /// Asks; does not wait.
    pub(crate) fn send(&self, request: HighlightRequest) {
        // A thread that is gone leaves the text without colours.
        let _ = self.requests.send(request);
    }
}

/// The same without a thread, for who can wait.
pub(crate) struct Colourist {
    worker: Worker,
    /// Nothing ever comes here: nobody is in a hurry.
    queue: Queue,
}

impl Colourist {
    pub(crate) fn new() -> Self {
        Self { worker: Worker::new(), queue: Queue::new(mpsc::channel().1) }
    }

    pub(crate) fn answer(&mut self, request: HighlightRequest) -> Option<Highlighted> {
        self.worker.answer(request, &mut self.queue)
    }
}

/// What is asked, the newest request of each window, which answers for those before it.
struct Queue {
    requests: Receiver<HighlightRequest>,
    waiting: Vec<HighlightRequest>,
}

impl Queue {
    fn new(requests: Receiver<HighlightRequest>) -> Self {
        Self { requests, waiting: Vec::new() }
    }

    fn put(&mut self, newer: HighlightRequest) {
        match self.waiting.iter_mut().find(|older| older.beside == newer.beside) {
            Some(older) => *older = merged(older, newer),
            None => self.waiting.push(newer),
        }
    }

    fn look(&mut self) {
        while let Ok(request) = self.requests.try_recv() {
            self.put(request);
        }
    }

    /// The next request, waited for: of two, that of the window with the keys. `None` when there will be no more.
    fn next(&mut self) -> Option<HighlightRequest> {
        if self.waiting.is_empty() {
            self.waiting.push(self.requests.recv().ok()?);
        }
        self.look();
        self.waiting.sort_by_key(|request| request.beside);
        Some(self.waiting.remove(0))
    }

    /// What is asked now in the place of this request.
    fn newer(&mut self, than: &HighlightRequest) -> Option<HighlightRequest> {
        self.look();
        let at = self.waiting.iter().position(|newer| newer.beside == than.beside)?;
        Some(merged(than, self.waiting.remove(at)))
    }
}

fn merged(older: &HighlightRequest, mut newer: HighlightRequest) -> HighlightRequest {
    let same = older.document == newer.document && older.path == newer.path;
    newer.changed_from = if same { newer.changed_from.min(older.changed_from) } else { 0 };
    newer
}

/// The parser before a line.
#[derive(Debug, Clone)]
struct State {
    parser: ParseState,
    stack: ScopeStack,
}

impl State {
    fn fresh(syntax: &SyntaxReference) -> Self {
        Self { parser: ParseState::new(syntax), stack: ScopeStack::new() }
    }
}

struct Worker {
    grammars: SyntaxSet,
    rules: Vec<(Scope, Option<Tone>)>,
    document: Option<u64>,
    /// The newest text of that document that was seen.
    revision: u64,
    path: Option<std::path::PathBuf>,
    /// The language's index among the grammars; `None` for plain text.
    language: Option<usize>,
    /// The states before lines 0, [`STRIDE`], and so on.
    kept: Vec<State>,
}

impl Worker {
    fn new() -> Self {
        let rules = RULES.iter().filter_map(|(name, tone)| Some((Scope::new(name).ok()?, *tone))).collect();
        Self {
            grammars: two_face::syntax::extra_newlines(),
            rules,
            document: None,
            revision: 0,
            path: None,
            language: None,
            kept: Vec::new(),
        }
    }

    fn forget(&mut self) {
        self.document = None;
        self.kept.clear();
    }

    /// The answer, or `None` where there is nothing to say.
    fn answer(&mut self, mut request: HighlightRequest, queue: &mut Queue) -> Option<Highlighted> {
        loop {
            let revision = request.contents.revision();
            if self.document == Some(request.document) && revision < self.revision {
                // The other window showed the text after another edit, so this one asks again; the states kept are of that.
                return None;
            }
            if self.document != Some(request.document) || self.path != request.path {
                self.forget();
                self.document = Some(request.document);
                self.path.clone_from(&request.path);
                let first = request.contents.line_text(0).chars().take(200).collect::<String>();
                self.language = find(&self.grammars, request.path.as_deref(), &first);
            }
            self.revision = revision;
            // The state before a line depends on the lines above it.
            self.kept.truncate(request.changed_from / STRIDE + 1);
            match self.spans(&request, queue) {
                Ok(spans) => {
                    return Some(Highlighted { document: request.document, revision, lines: request.lines, spans });
                }
                Err(newer) => request = *newer,
            }
        }
    }

    /// The spans of the lines asked for, or the newer request that made them needless.
    fn spans(&mut self, request: &HighlightRequest, queue: &mut Queue) -> Result<Vec<Span>, Box<HighlightRequest>> {
        let Some(language) = self.language else { return Ok(Vec::new()) };
        let syntax = &self.grammars.syntaxes()[language];
        let (buffer, lines) = (&request.contents, request.lines.clone());
        if self.kept.is_empty() {
            self.kept.push(State::fresh(syntax));
        }
        let known = (lines.start / STRIDE).min(self.kept.len() - 1);
        let far = lines.start.saturating_sub(known * STRIDE) > FAR;
        let (mut line, mut state) = if far {
            (lines.start.saturating_sub(200), State::fresh(syntax))
        } else {
            (known * STRIDE, self.kept[known].clone())
        };
        let mut spans = Vec::new();
        while line < lines.end.min(buffer.line_count()) {
            if line.is_multiple_of(GLANCE)
                && let Some(newer) = queue.newer(request)
            {
                return Err(Box::new(newer));
            }
            if !far && line.is_multiple_of(STRIDE) && line / STRIDE == self.kept.len() {
                self.kept.push(state.clone());
            }
            let wanted = lines.contains(&line).then_some(&mut spans);
            parse(buffer, line, (&mut state, &self.grammars, &self.rules), wanted);
            line += 1;
        }
        Ok(spans)
    }
}

/// Parses a line and adds its spans.
fn parse(
    buffer: &Buffer,
    line: usize,
    (state, grammars, rules): (&mut State, &SyntaxSet, &[(Scope, Option<Tone>)]),
    spans: Option<&mut Vec<Span>>,
) {
    let start = buffer.line_start(line);
    let end = if line + 1 < buffer.line_count() { buffer.line_start(line + 1) } else { buffer.len() };
    if buffer.byte_of(end) - buffer.byte_of(start) > LONGEST {
        return;
    }
    let text = buffer.slice(start..end);
    let Ok(ops) = state.parser.parse_line(&text, grammars) else { return };
    let (mut byte, mut pos) = (0, start);
    let mut found: Vec<Span> = Vec::new();
    for (at, op) in ops.iter().map(|(at, op)| (*at, Some(op))).chain([(text.len(), None)]) {
        let chars = text.get(byte..at).map_or(0, |piece| piece.chars().count());
        if chars > 0
            && spans.is_some()
            && let Some(tone) = tone(&state.stack, rules)
        {
            match found.last_mut() {
                Some(last) if last.range.end == pos && last.tone == tone => last.range.end = pos + chars,
                _ => found.push(Span { range: pos..pos + chars, tone }),
            }
        }
        pos += chars;
        byte = at.max(byte);
        if let Some(op) = op
            && state.stack.apply(op).is_err()
        {
            state.stack = ScopeStack::new();
        }
    }
    if let Some(spans) = spans {
        spans.extend(found);
    }
}

/// What the scopes make of a word: the innermost that says anything.
fn tone(stack: &ScopeStack, rules: &[(Scope, Option<Tone>)]) -> Option<Tone> {
    let found = stack.as_slice().iter().rev().find_map(|scope| {
        // Of several rules the longest is meant.
        let fitting = rules.iter().filter(|(prefix, _)| prefix.is_prefix_of(*scope));
        fitting.max_by_key(|(prefix, _)| prefix.len()).map(|(_, tone)| *tone)
    });
    found.flatten()
}

/// Scopes as grammars name them, and what they are to us; some are words of the text like any other.
const RULES: &[(&str, Option<Tone>)] = &[
    ("comment", Some(Tone::Comment)),
    ("string", Some(Tone::String)),
    ("constant.character.escape", Some(Tone::Escape)),
    ("constant.numeric", Some(Tone::Number)),
    ("constant.language", Some(Tone::Constant)),
    ("constant.other", Some(Tone::Constant)),
    ("keyword", Some(Tone::Keyword)),
    ("keyword.operator", None),
    ("storage", Some(Tone::Keyword)),
    ("storage.type.function", Some(Tone::Keyword)),
    ("support.type", Some(Tone::Type)),
    ("support.class", Some(Tone::Type)),
    ("support.function", Some(Tone::Function)),
    ("support.constant", Some(Tone::Constant)),
    ("entity.name.function", Some(Tone::Function)),
    ("variable.function", Some(Tone::Function)),
    ("entity.name.type", Some(Tone::Type)),
    ("entity.name.class", Some(Tone::Type)),
    ("entity.name.struct", Some(Tone::Type)),
    ("entity.name.enum", Some(Tone::Type)),
    ("entity.name.trait", Some(Tone::Type)),
    ("entity.name.tag", Some(Tone::Name)),
    ("entity.other.attribute-name", Some(Tone::Name)),
    ("meta.mapping.key", Some(Tone::Name)),
    ("support.type.property-name", Some(Tone::Name)),
    ("entity.name.section", Some(Tone::Heading)),
    ("markup.heading", Some(Tone::Heading)),
    ("markup.bold", Some(Tone::Strong)),
    ("markup.italic", Some(Tone::Stressed)),
    ("markup.underline.link", Some(Tone::Link)),
    ("markup.raw", Some(Tone::Code)),
    ("markup.inserted", Some(Tone::Added)),
    ("markup.deleted", Some(Tone::Removed)),
];

/// The index of the language of a file: by its whole name, by what stands behind a dot in it, by its first line.
fn find(grammars: &SyntaxSet, path: Option<&Path>, first_line: &str) -> Option<usize> {
    let part = |part: Option<&std::ffi::OsStr>| part.and_then(|part| part.to_str()).map(str::to_owned);
    let name = part(path.and_then(Path::file_name));
    let extension = part(path.and_then(Path::extension));
    let by_name = [name, extension].into_iter().flatten().find_map(|token| grammars.find_syntax_by_extension(&token));
    let found = by_name.or_else(|| grammars.find_syntax_by_first_line(first_line))?;
    if found.name == "Plain Text" {
        return None;
    }
    grammars.syntaxes().iter().position(|syntax| syntax.name == found.name)
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;
    use crate::text::change::ChangeSet;

    fn ask(worker: &mut Worker, name: &str, text: &str, changed_from: usize, lines: Range<usize>) -> Vec<Span> {
        let (_keep, queue) = mpsc::channel();
        let request = HighlightRequest {
            document: 1,
            path: Some(name.into()),
            contents: Buffer::from_text(text),
            changed_from,
            lines,
            beside: false,
        };
        worker.answer(request, &mut Queue::new(queue)).unwrap().spans
    }

    /// The words of a tone.
    fn words(worker: &mut Worker, name: &str, text: &str, tone: Tone) -> Vec<String> {
        worker.forget();
        let buffer = Buffer::from_text(text);
        let spans = ask(worker, name, text, 0, 0..buffer.line_count());
        spans.iter().filter(|span| span.tone == tone).map(|span| buffer.slice(span.range.clone())).collect()
    }

    #[test]
    fn the_languages_are_known() {
        let mut worker = Worker::new();
        for (name, text, tone, word) in [
            ("a.rs", "fn main() { let x = \"a\"; } // é\n", Tone::Keyword, "fn"),
            ("a.py", "def f():\n    return 1  # no\n", Tone::Comment, "# no"),
            ("a.js", "const a = 'b';\n", Tone::String, "'b'"),
            ("a.ts", "let a: number = 12;\n", Tone::Number, "12"),
            ("a.c", "int main(void) { return 0; }\n", Tone::Keyword, "return"),
            ("a.cpp", "class A {};\n", Tone::Type, "A"),
            ("a.go", "package main\nfunc f() {}\n", Tone::Function, "f"),
            ("A.java", "class A { void f() { return; } }\n", Tone::Keyword, "return"),
            ("a.json", "{\"a\": true}\n", Tone::Constant, "true"),
            ("Cargo.toml", "# c\n[a]\nb = 1\n", Tone::Number, "1"),
            ("a.yaml", "a: 1 # b\n", Tone::Comment, "# b"),
            ("a.html", "<p class=\"x\">t</p>\n", Tone::Name, "class"),
            ("a.css", "a { color: red; /* b */ }\n", Tone::Comment, "/* b */"),
            ("a.sh", "if true; then echo \"x\"; fi\n", Tone::Keyword, "then"),
            ("a.md", "# One\n\nsome **bold** words\n", Tone::Strong, "**bold**"),
            ("a.tex", "\\section{One} % no\n", Tone::Comment, "% no"),
            ("Makefile", "# x\nall:\n", Tone::Comment, "# x"),
            ("script", "#!/bin/bash\nfi\n", Tone::Comment, "#!/bin/bash"),
        ] {
            let found = words(&mut worker, name, text, tone);
            assert!(found.iter().any(|found| found.trim() == word), "{name}: {tone:?} {word:?} is not in {found:?}");
        }
        assert_eq!(words(&mut worker, "a.txt", "fn if \"a\" 12\n", Tone::Keyword), [""; 0]);
    }

    #[test]
    fn after_an_edit_the_answer_is_as_from_scratch() {
        let mut worker = Worker::new();
        let lines: Vec<String> = (0..200).map(|i| format!("let a{i} = \"text {i}\"; // note")).collect();
        let before = lines.join("\n");
        let mut edited = lines.clone();
        edited[70] = "/* a comment begins".to_owned();
        edited[150] = "and ends */ let b = 2;".to_owned();
        let after = edited.join("\n");
        ask(&mut worker, "a.rs", &before, 0, 0..200);
        let incremental = ask(&mut worker, "a.rs", &after, 70, 100..180);
        worker.forget();
        let fresh = ask(&mut worker, "a.rs", &after, 0, 100..180);
        assert_eq!(incremental, fresh);
        let (a, b) = (Buffer::from_text(&after).line_start(120), Buffer::from_text(&after).line_start(160));
        let at = |pos: usize| fresh.iter().find(|span| span.range.contains(&pos)).map(|span| span.tone);
        assert_eq!((at(a), at(b)), (Some(Tone::Comment), Some(Tone::Keyword)));
    }

    #[test]
    fn a_newer_request_takes_the_place_of_an_older_one() {
        let (send, queue) = mpsc::channel();
        let mut queue = Queue::new(queue);
        let request = |text: &str, changed_from, document| HighlightRequest {
            document,
            path: Some("a.rs".into()),
            contents: Buffer::from_text(text),
            changed_from,
            lines: 0..1,
            beside: false,
        };
        send.send(request("fn", 9, 1)).unwrap();
        send.send(request("// fn", 7, 1)).unwrap();
        let merged = queue.newer(&request("x", 3, 1)).unwrap();
        assert_eq!((merged.contents.text().as_str(), merged.changed_from), ("// fn", 3));
        send.send(request("y", 5, 2)).unwrap();
        let other = queue.newer(&merged).unwrap();
        assert_eq!(other.changed_from, 0, "another document is new from its first line");
        let mut worker = Worker::new();
        send.send(request("// fn", 0, 2)).unwrap();
        let answer = worker.answer(request("fn", 0, 2), &mut queue).unwrap();
        assert_eq!(answer.spans, [Span { range: 0..5, tone: Tone::Comment }]);
    }

    #[test]
    fn two_windows_get_an_answer_each_and_none_about_a_former_text() {
        let (send, queue) = mpsc::channel();
        let mut queue = Queue::new(queue);
        let before = Buffer::from_text("let a = 1;\n// b\n");
        let mut after = before.clone();
        after.apply(&ChangeSet::insert(after.len(), 0, "/* ")).unwrap();
        let request = |contents: &Buffer, line: usize, beside| HighlightRequest {
            document: 1,
            path: Some("a.rs".into()),
            contents: contents.clone(),
            changed_from: 0,
            lines: line..line + 1,
            beside,
        };
        send.send(request(&before, 1, true)).unwrap();
        send.send(request(&before, 0, false)).unwrap();
        let mut worker = Worker::new();
        let mut lines = Vec::new();
        while lines.len() < 2 {
            let request = queue.next().unwrap();
            lines.extend(worker.answer(request, &mut queue).map(|answer| answer.lines));
        }
        assert_eq!(lines, [0..1, 1..2], "that with the keys is the first");
        send.send(request(&before, 1, true)).unwrap();
        assert!(worker.answer(request(&after, 0, false), &mut queue).is_some());
        let late = queue.next().unwrap();
        assert_eq!(worker.answer(late, &mut queue), None, "the parser's states are of the newer text");
        assert!(worker.answer(request(&after, 1, true), &mut queue).is_some_and(|answer| answer.revision == 1));
    }

    #[test]
    fn long_lines_and_far_windows_cost_little() {
        let mut worker = Worker::new();
        let text = format!("let a = 1;\nlet b = \"{}\";\nlet c = 2;\n", "x".repeat(10_000_000));
        let spans = ask(&mut worker, "a.rs", &text, 0, 0..3);
        assert!(spans.iter().all(|span| span.range.end < 11 || span.range.start > 10_000_000));
        assert!(spans.iter().any(|span| span.range.start > 10_000_000), "the line below has its colours");
        worker.forget();
        let text = "let a = 1; // b\n".repeat(300_000);
        let spans = ask(&mut worker, "a.rs", &text, 0, 290_000..290_040);
        assert!(spans.iter().any(|span| span.tone == Tone::Comment));
        assert!(worker.kept.len() < 3);
    }
}
