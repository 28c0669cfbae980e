//! Searching a document for a literal or a regular expression.
//!
//! Read [`find_all`]: the others agree with it. Positions are `char` indices. Matches are found from the start of the text,
//! leftmost first, and do not overlap; empty matches are passed over, since there is nothing in them to select.
//!
//! A regular expression runs on a string, so what is searched is copied: in [`Pieces`] of whole lines, from where the search
//! begins, if no match can go over a line; else the whole text.

use std::ops::Range;

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Class, Hir, HirKind, Look};
use regex_syntax::{Parser, ParserBuilder};
use ropey::Rope;

use crate::text::buffer::Buffer;

/// Whether capitals and small letters are told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Case {
    /// They are.
    Sensitive,
    /// They are not.
    Insensitive,
    /// They are if the pattern contains a capital.
    #[default]
    Smart,
}

/// Something to search for.
#[derive(Clone, Debug)]
pub struct Query {
    pattern: String,
    matcher: Matcher,
    /// Whether a match is sure to be within one line, wherever the text around the lines begins and ends.
    stays_on_a_line: bool,
}

#[derive(Clone, Debug)]
enum Matcher {
    /// The pattern itself, by substring search.
    Exact,
    Regex(Regex),
}

/// How much is searched at once, in bytes: little enough to be copied in no time. The short texts of tests are cut as well.
const PIECE: usize = if cfg!(test) { 7 } else { 1 << 16 };

/// How far [`find_near`] looks, in bytes.
pub const NEAR: usize = if cfg!(test) { 40 } else { 1 << 25 };

/// Longer literals (in bytes) are compared exactly: an automaton for one is slow to build and slower to run.
const LONGEST_FOLDED: usize = 2000;

/// How a pattern is to be taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// As a regular expression.
    pub regex: bool,
    /// Only where no word goes on at its ends.
    pub words: bool,
    /// Whether capitals count.
    pub case: Case,
}

impl Query {
    /// Searches for `pattern` as the options say. The error is one sentence for the user.
    pub fn new(pattern: &str, options: Options) -> Result<Query, String> {
        let Options { regex, words, case } = options;
        if !words || pattern.is_empty() {
            return if regex { Self::regex(pattern, case) } else { Ok(Self::literal(pattern, case)) };
        }
        let inside = if regex { pattern.to_owned() } else { regex::escape(pattern) };
        // A pattern that is wrong by itself is told of as it was typed.
        Self::regex(&inside, case)?;
        let query = Self::regex(&format!(r"\b{{start-half}}(?:{inside})\b{{end-half}}"), case)?;
        Ok(Query { pattern: pattern.to_owned(), ..query })
    }

    /// Searches for `pattern` as it stands. An empty pattern matches nothing; one of more than 2000 bytes is always
    /// [`Case::Sensitive`].
    pub fn literal(pattern: &str, case: Case) -> Query {
        let insensitive = ignores_case(case, || pattern.chars().any(char::is_uppercase));
        let matcher = if insensitive && pattern.len() <= LONGEST_FOLDED {
            // An escaped pattern of this length is always accepted.
            builder(&regex::escape(pattern), insensitive).build().map_or(Matcher::Exact, Matcher::Regex)
        } else {
            Matcher::Exact
        };
        Query { pattern: pattern.to_owned(), matcher, stays_on_a_line: !pattern.contains('\n') }
    }

    /// Searches for a regular expression, in which `^` and `$` match at line ends and `.` matches within a line.
    ///
    /// The error is one sentence for the user.
    pub fn regex(pattern: &str, case: Case) -> Result<Query, String> {
        let insensitive = ignores_case(case, || has_literal_capital(pattern));
        let matcher = builder(pattern, insensitive).build().map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "The regular expression is too large; make it shorter.".to_owned(),
            error => {
                // The message draws the pattern over several lines; the last one says what is wrong.
                let message = error.to_string();
                let last = message.lines().last().unwrap_or_default();
                format!("This is not a regular expression: {}.", last.trim_start_matches("error: "))
            }
        })?;
        let hir = syntax(insensitive).parse(&with_breaks(pattern)).ok();
        if hir.as_ref().is_some_and(|hir| hir.properties().maximum_len() == Some(0)) {
            return Err("This is found between characters only, where there is no text to select.".to_owned());
        }
        let stays_on_a_line = hir.is_some_and(|hir| !goes_over_lines(&hir));
        Ok(Query { pattern: pattern.to_owned(), matcher: Matcher::Regex(matcher), stays_on_a_line })
    }

    /// The pattern as it was given.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }
}

/// The first match that starts at or behind `from`; failing that, the first of all.
pub fn find_next(buffer: &Buffer, from: usize, query: &Query) -> Option<Range<usize>> {
    let (pieces, from) = (Pieces::of(buffer, query), buffer.byte_of(from));
    let here = pieces.holding(from);
    let first = |at, accept: &dyn Fn(usize) -> bool| pieces.look(at, |mut found| found.find(|hit| accept(hit.start)));
    let behind = (here..pieces.count()).find_map(|at| first(at, &|start| start >= from));
    let found = behind.or_else(|| (0..=here).find_map(|at| first(at, &|_| true)));
    found.map(|found| to_positions(buffer, found))
}

/// The first match that starts at or behind `from` and within [`NEAR`] of it, or a little further, in a time that does not
/// depend on how long the text is: matches that may go over lines are none of it.
pub fn find_near(buffer: &Buffer, from: usize, query: &Query) -> Option<Range<usize>> {
    if !query.stays_on_a_line {
        return None;
    }
    let (pieces, from) = (Pieces::of(buffer, query), buffer.byte_of(from));
    let mut near = (pieces.holding(from)..pieces.count()).take_while(|piece| pieces.start(*piece) <= from + NEAR);
    let found = near.find_map(|at| pieces.look(at, |mut found| found.find(|hit| hit.start >= from)));
    found.map(|found| to_positions(buffer, found))
}

/// The last match that starts before `from`; failing that, the last of all.
pub fn find_prev(buffer: &Buffer, from: usize, query: &Query) -> Option<Range<usize>> {
    let (pieces, from) = (Pieces::of(buffer, query), buffer.byte_of(from));
    let here = pieces.holding(from);
    let last =
        |at, accept: &dyn Fn(usize) -> bool| pieces.look(at, |found| found.take_while(|hit| accept(hit.start)).last());
    let before = (0..=here).rev().find_map(|at| last(at, &|start| start < from));
    let found = before.or_else(|| (here..pieces.count()).rev().find_map(|at| last(at, &|_| true)));
    found.map(|found| to_positions(buffer, found))
}

/// The first `limit` matches in document order.
pub fn find_all(buffer: &Buffer, query: &Query, limit: usize) -> Vec<Range<usize>> {
    let pieces = Pieces::of(buffer, query);
    let mut all = Vec::new();
    for at in 0..pieces.count() {
        let room = limit - all.len();
        pieces.look(at, |found| all.extend(found.take(room)));
        if all.len() == limit {
            break;
        }
    }
    all.into_iter().map(|found| to_positions(buffer, found)).collect()
}

/// The matches that are found when one begins at position `from`, each with what replaces it. With `captures`, `$1` and
/// `$name` in the template stand for what the groups of a regular expression matched, and `$$` for a dollar.
pub fn replacements(
    buffer: &Buffer,
    (from, limit): (usize, usize),
    query: &Query,
    (template, captures): (&str, bool),
) -> Vec<(Range<usize>, String)> {
    let (pieces, from) = (Pieces::of(buffer, query), buffer.byte_of(from));
    let mut all = Vec::new();
    for piece in pieces.holding(from)..pieces.count() {
        let (start, text) = pieces.text(piece);
        let mut at = from.saturating_sub(start);
        while all.len() < limit
            && let Some((found, with)) = replacement(&text, at, query, (template, captures))
        {
            // What is empty is no match, and the next one begins a character later.
            let passed = if found.is_empty() { text[found.end..].chars().next().map_or(1, char::len_utf8) } else { 0 };
            at = found.end + passed;
            if !found.is_empty() {
                all.push((to_positions(buffer, start + found.start..start + found.end), with));
            }
        }
        if all.len() == limit {
            break;
        }
    }
    all
}

/// The first match in the text that begins at byte `at` or behind it, and what replaces it.
fn replacement(
    text: &str,
    at: usize,
    query: &Query,
    (template, captures): (&str, bool),
) -> Option<(Range<usize>, String)> {
    let rest = text.get(at..)?;
    match &query.matcher {
        Matcher::Exact => {
            let start = at + rest.find(&query.pattern)?;
            Some((start..start + query.pattern.len(), template.to_owned()))
        }
        Matcher::Regex(regex) => {
            let groups = regex.captures_at(text, at)?;
            let mut with = String::new();
            if captures {
                groups.expand(template, &mut with);
            } else {
                with.push_str(template);
            }
            Some((groups.get(0)?.range(), with))
        }
    }
}

/// The document in the pieces that are searched one by one: whole lines, or all of it where a match may go over lines.
struct Pieces<'a> {
    rope: &'a Rope,
    query: &'a Query,
    /// Bytes. Piece `k` begins with the first line that starts at `k` times this or behind it.
    size: usize,
}

impl<'a> Pieces<'a> {
    fn of(buffer: &'a Buffer, query: &'a Query) -> Self {
        let rope = buffer.rope();
        let size = if query.stays_on_a_line { PIECE } else { rope.len_bytes().max(1) };
        Self { rope, query, size }
    }

    fn count(&self) -> usize {
        self.rope.len_bytes().div_ceil(self.size)
    }

    /// The byte that a piece begins with.
    fn start(&self, piece: usize) -> usize {
        match piece * self.size {
            0 => 0,
            byte if byte >= self.rope.len_bytes() => self.rope.len_bytes(),
            byte => self.rope.try_line_to_byte(self.rope.byte_to_line(byte - 1) + 1).unwrap_or(self.rope.len_bytes()),
        }
    }

    /// The piece that a byte is in; the last one for the end of the text.
    fn holding(&self, byte: usize) -> usize {
        let last = (byte / self.size).min(self.count().saturating_sub(1));
        (0..=last).rev().find(|piece| self.start(*piece) <= byte).unwrap_or(0)
    }

    /// Where a piece begins, and its text, which is empty where a line is longer than a piece.
    fn text(&self, piece: usize) -> (usize, String) {
        let (start, end) = (self.start(piece), self.start(piece + 1));
        (start, self.rope.byte_slice(start..end).to_string())
    }

    /// What `look` sees in the matches of a piece, which are in bytes of the document.
    fn look<T>(&self, piece: usize, look: impl FnOnce(Box<dyn Iterator<Item = Range<usize>> + '_>) -> T) -> T {
        let (start, text) = self.text(piece);
        look(Box::new(matches(&text, self.query).map(|found| start + found.start..start + found.end)))
    }
}

fn matches<'t>(text: &'t str, query: &'t Query) -> impl Iterator<Item = Range<usize>> + 't {
    let (exact, regex) = match &query.matcher {
        Matcher::Exact => (Some(query.pattern.as_str()), None),
        Matcher::Regex(regex) => (None, Some(regex)),
    };
    let by_text = exact.into_iter().flat_map(|exact| text.match_indices(exact));
    let by_regex = regex.into_iter().flat_map(|regex| regex.find_iter(text));
    let ranges = by_text.map(|(start, found)| start..start + found.len()).chain(by_regex.map(|found| found.range()));
    ranges.filter(|range| !range.is_empty())
}

fn to_positions(buffer: &Buffer, bytes: Range<usize>) -> Range<usize> {
    buffer.pos_of_byte(bytes.start)..buffer.pos_of_byte(bytes.end)
}

fn builder(pattern: &str, insensitive: bool) -> RegexBuilder {
    let mut builder = RegexBuilder::new(&with_breaks(pattern));
    // With `crlf`, `$` matches before "\r\n" as well.
    builder.case_insensitive(insensitive).multi_line(true).crlf(true);
    builder
}

/// A regular expression in which `\n` is a line break, be that one character or two. Between brackets it stays one
/// character, since there it can be no more.
fn with_breaks(pattern: &str) -> String {
    let (mut out, mut brackets) = (String::with_capacity(pattern.len()), 0_usize);
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') if brackets == 0 => out.push_str(r"(?:\r?\n)"),
                escaped => out.extend(['\\'].into_iter().chain(escaped)),
            },
            '[' => {
                brackets += 1;
                out.push(c);
                out.extend(chars.next_if_eq(&'^'));
                // The first in brackets, a closing one is a character.
                out.extend(chars.next_if_eq(&']'));
            }
            ']' => {
                brackets = brackets.saturating_sub(1);
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

/// The parser that [`builder`] has within it.
fn syntax(insensitive: bool) -> Parser {
    ParserBuilder::new().case_insensitive(insensitive).multi_line(true).crlf(true).build()
}

/// Whether a match can hold a line break, or depends on where the whole text begins or ends.
fn goes_over_lines(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty => false,
        HirKind::Literal(literal) => literal.0.contains(&b'\n'),
        HirKind::Class(Class::Unicode(class)) => {
            class.iter().any(|range| (range.start()..=range.end()).contains(&'\n'))
        }
        HirKind::Class(Class::Bytes(class)) => class.iter().any(|range| (range.start()..=range.end()).contains(&b'\n')),
        HirKind::Look(look) => matches!(look, Look::Start | Look::End),
        HirKind::Repetition(repetition) => goes_over_lines(&repetition.sub),
        HirKind::Capture(capture) => goes_over_lines(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(goes_over_lines),
    }
}

fn ignores_case(case: Case, has_capital: impl FnOnce() -> bool) -> bool {
    match case {
        Case::Sensitive => false,
        Case::Insensitive => true,
        Case::Smart => !has_capital(),
    }
}

/// Whether a regular expression contains a capital that is not part of an escape such as `\W` or `\p{Lu}`.
fn has_literal_capital(pattern: &str) -> bool {
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\\' {
            chars.next();
            if chars.peek() == Some(&'{') {
                chars.by_ref().find(|&c| c == '}');
            }
        } else if c.is_uppercase() {
            return true;
        }
    }
    false
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a list of one range is what is meant")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::samples;

    fn regex(pattern: &str) -> Query {
        Query::regex(pattern, Case::Smart).expect("a valid pattern")
    }

    #[track_caller]
    fn check(text: &str, query: &Query, expected: &[Range<usize>]) {
        assert_eq!(find_all(&Buffer::from_text(text), query, usize::MAX), expected);
    }

    #[test]
    fn a_literal_is_taken_as_it_stands() {
        check("a.c abc a.c", &Query::literal("a.c", Case::Smart), &[0..3, 8..11]);
        check("aaaaa", &Query::literal("aa", Case::Smart), &[0..2, 2..4]);
        check("abc", &Query::literal("", Case::Smart), &[]);
    }

    #[test]
    fn smart_case_looks_for_capitals_in_the_pattern() {
        check("Word word", &Query::literal("word", Case::Smart), &[0..4, 5..9]);
        check("Word word", &Query::literal("Word", Case::Smart), &[0..4]);
        check("Word word", &Query::literal("WORD", Case::Insensitive), &[0..4, 5..9]);
        check("Word word", &Query::literal("word", Case::Sensitive), &[5..9]);
        check("Ä ä", &regex(r"\W*ä\p{Lu}?"), &[0..1, 1..3]);
    }

    #[test]
    fn line_anchors_hold_at_both_line_endings() {
        check("ab\r\nab\nab", &regex("b$"), &[1..2, 5..6, 8..9]);
        check("ab\r\nab\nab", &regex("^a"), &[0..1, 4..5, 7..8]);
        check("ab\r\ncd", &regex("b.*"), &[1..2]);
    }

    #[test]
    fn a_line_break_is_one_thing_at_both_line_endings() {
        check("one\r\ntree\ne", &regex(r"e\n"), &[2..5, 8..10]);
        check("a\r\n\r\nb", &regex(r"\n{2}"), &[1..5]);
        check("a\r\nb", &regex(r"[\n]"), &[2..3]);
        check(r"a]\n", &regex(r"[]\n]\\n"), &[1..4]);
        check("a\r\nb", &regex(r"\r\n"), &[1..3]);
    }

    #[test]
    fn empty_matches_are_passed_over() {
        check("axxb", &regex("x*"), &[1..3]);
        for nowhere in ["^", "$", "^$", "(?s)", r"\b"] {
            assert!(Query::regex(nowhere, Case::Smart).unwrap_err().contains("no text to select"));
        }
    }

    #[test]
    fn a_bad_pattern_is_one_sentence() {
        let error = Query::regex("a(b", Case::Smart).expect_err("unclosed");
        assert_eq!(error, "This is not a regular expression: unclosed group.");
        let error = Query::regex("(((a{999}){999}){999})", Case::Smart).expect_err("too large");
        assert_eq!(error.lines().count(), 1);
    }

    #[test]
    fn whole_words_and_groups() {
        let words =
            |pattern: &str, regex| Query::new(pattern, Options { regex, words: true, case: Case::Smart }).unwrap();
        check("cat concat cat's category", &words("cat", false), &[0..3, 11..14]);
        check("f(x) f(xy)", &words("f(x", false), &[0..3]);
        check("cat cot cats", &words("c.t", true), &[0..3, 4..7]);
        assert!(
            Query::new("a(b", Options { regex: true, words: true, case: Case::Smart })
                .unwrap_err()
                .contains("unclosed")
        );
        let buffer = Buffer::from_text("ä1 b2 c3");
        let replaced = |from, captures| replacements(&buffer, (from, 9), &regex(r"(\w)(\d)"), ("$2-${1}", captures));
        let all = [(0..2, "1-ä"), (3..5, "2-b"), (6..8, "3-c")].map(|(range, with)| (range, with.to_owned()));
        assert_eq!(replaced(0, true), all);
        assert_eq!(replaced(1, true), all[1..]);
        assert_eq!(replaced(6, false), [(6..8, "$2-${1}".to_owned())]);
        let none: [(Range<usize>, String); 0] = [];
        assert_eq!(replacements(&buffer, (0, 9), &regex("x*"), ("y", true)), none);
    }

    #[test]
    fn what_was_replaced_does_not_take_the_next_match_with_it() {
        // The first "aa" has become "a": the next begins behind it, wherever one from the start of the text would.
        let (buffer, with) = (Buffer::from_text("aaa"), ("a", false));
        for query in [Query::literal("aa", Case::Smart), Query::literal("aa", Case::Sensitive), regex("aa")] {
            assert_eq!(replacements(&buffer, (1, 9), &query, with), [(1..3, "a".to_owned())]);
        }
        // What stands before still says whether a word begins.
        let words = Query::new("b", Options { regex: false, words: true, case: Case::Smart }).unwrap();
        assert_eq!(replacements(&Buffer::from_text("ab b"), (1, 9), &words, with), [(3..4, "a".to_owned())]);
    }

    #[test]
    fn a_very_long_literal_still_matches() {
        let long = "Lang und länger ".repeat(20_000);
        check(&long, &Query::literal(&long, Case::Smart), &[0..long.chars().count()]);
    }

    #[test]
    fn next_and_previous_wrap_around() {
        let (buffer, query) = (Buffer::from_text("x.x.x"), Query::literal("x", Case::Smart));
        assert_eq!(find_next(&buffer, 3, &query), Some(4..5));
        assert_eq!(find_next(&buffer, 5, &query), Some(0..1));
        assert_eq!(find_prev(&buffer, 4, &query), Some(2..3));
        assert_eq!(find_prev(&buffer, 0, &query), Some(4..5));
        assert_eq!(find_next(&buffer, 0, &Query::literal("y", Case::Smart)), None);
    }

    fn find_slowly(text: &str, pattern: &str) -> Vec<Range<usize>> {
        let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
        let (mut found, mut pos) = (Vec::new(), 0);
        while pos + pattern.len() <= text.len() {
            if !pattern.is_empty() && text[pos..pos + pattern.len()] == pattern {
                found.push(pos..pos + pattern.len());
                pos += pattern.len();
            } else {
                pos += 1;
            }
        }
        found
    }

    /// Some stay on a line, some do not, and some seem to.
    const PATTERNS: [&str; 16] = [
        r"\w+",
        r"^.",
        r".$",
        r"\b\S",
        r"\B.",
        r"x*",
        r"a|b\r?$",
        r"[a-z ]+",
        r"\s+",
        r"[^a]",
        r"\A.",
        r".\z",
        r"(?-m:^).",
        r"(?s).a",
        r"\n?b",
        r"(?i)A.\r",
    ];

    proptest! {
        #[test]
        fn regular_expressions_find_in_pieces_what_they_find_in_the_whole(
            text in samples::text(), n in 0..PATTERNS.len(), from in 0..60_usize
        ) {
            let (buffer, query) = (Buffer::from_text(&text), regex(PATTERNS[n]));
            let whole = builder(PATTERNS[n], !has_literal_capital(PATTERNS[n])).build().unwrap();
            let position = |byte: usize| text[..byte].chars().count();
            let all: Vec<_> = whole.find_iter(&text).filter(|found| !found.is_empty()).map(|found| position(found.start())..position(found.end())).collect();
            prop_assert_eq!(find_all(&buffer, &query, usize::MAX), all.clone());
            let from = from.min(buffer.len());
            prop_assert_eq!(find_next(&buffer, from, &query), all.iter().find(|found| found.start >= from).or(all.first()).cloned());
            prop_assert_eq!(find_prev(&buffer, from, &query), all.iter().rfind(|found| found.start < from).or(all.last()).cloned());
            let replaced = replacements(&buffer, (0, usize::MAX), &query, ("", false));
            prop_assert_eq!(replaced.into_iter().map(|(range, _)| range).collect::<Vec<_>>(), all);
        }

        #[test]
        fn search_is_as_the_slow_one(text in samples::text(), at in 0..40_usize, n in 0..3_usize, from in 0..60_usize) {
            let pattern: String = text.chars().skip(at).take(n).collect();
            let (buffer, query) = (Buffer::from_text(&text), Query::literal(&pattern, Case::Sensitive));
            let all = find_slowly(&text, &pattern);
            prop_assert_eq!(find_all(&buffer, &query, usize::MAX), all.clone());
            prop_assert_eq!(find_all(&buffer, &query, 1), all.iter().take(1).cloned().collect::<Vec<_>>());
            let from = from.min(buffer.len());
            let near = find_near(&buffer, from, &query);
            let behind = all.iter().find(|found| found.start >= from);
            prop_assert!(near.is_none() || near.as_ref() == behind);
            prop_assert!(near.is_some() || pattern.contains('\n') || behind.is_none_or(|hit| buffer.byte_of(hit.start) > buffer.byte_of(from) + NEAR));
            let next = all.iter().find(|found| found.start >= from).or(all.first());
            let prev = all.iter().rfind(|found| found.start < from).or(all.last());
            prop_assert_eq!(find_next(&buffer, from, &query), next.cloned());
            prop_assert_eq!(find_prev(&buffer, from, &query), prev.cloned());
        }
    }
}
