//! What may be demanded of a hole's text, as plain data, and which of it an automaton can hold to exactly.
//!
//! All but the last two kinds are regular: they become one automaton, and no token that breaks them is ever proposed.
//! Brackets and grammars are not; whoever knows the text around the hole checks those on finished proposals.

use std::sync::Arc;

use super::ConstraintError;
use super::dfa::Dfa;

/// One demand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constraint {
    /// The text matches a regular expression from end to end.
    Match(String),
    /// The text has no other characters than these, written as in a class of a regular expression: `a-z0-9_`.
    Characters(String),
    /// The text has at most this many lines.
    MostLines(usize),
    /// Lines after the first begin with the blanks that the hole's own line begins with, or are empty.
    Indented,
    /// This is nowhere in the text.
    Without(String),
    /// This is somewhere in the text.
    With(String),
    /// The text closes the brackets that it opens, and those that are open around it stay as they were.
    Balanced,
    /// The document still parses, in the language named: no errors but those it had before.
    Parses(String),
}

impl Constraint {
    /// Whether what it asks of a text it asks of each part of that.
    pub fn holds_of_parts(&self) -> bool {
        !matches!(self, Self::Match(_) | Self::With(_))
    }

    /// The texts that meet it, `indent` being the blanks at the start of the hole's line; none where no automaton can say.
    ///
    /// # Errors
    /// An expression that cannot be read or is too large, and a demand that no text meets.
    pub fn exact(&self, indent: &str) -> Option<Result<Dfa, ConstraintError>> {
        Some(match self {
            Self::Match(pattern) => Dfa::regex(pattern),
            Self::Characters(class) => Dfa::regex(&format!("[{class}]*")),
            Self::MostLines(0) => Dfa::regex(""),
            Self::MostLines(lines) => Dfa::regex(&format!(r"[^\n]*(?:\n[^\n]*){{0,{}}}", lines - 1)),
            Self::Indented => {
                let indent = indent.replace('\t', r"\t");
                Dfa::regex(&format!(r"[^\n]*(?:\n(?:{indent}[^\n]*|[ \t]*))*"))
            }
            Self::Without(text) => Dfa::without(text.as_bytes()),
            Self::With(text) => Ok(Dfa::containing(text.as_bytes())),
            Self::Balanced | Self::Parses(_) => return None,
        })
    }
}

impl std::fmt::Display for Constraint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Match(pattern) => write!(f, "match {pattern}"),
            Self::Characters(class) => write!(f, "charset {class}"),
            Self::MostLines(lines) => write!(f, "max-lines {lines}"),
            Self::Indented => write!(f, "indented"),
            Self::Without(text) => write!(f, "ban {text}"),
            Self::With(text) => write!(f, "need {text}"),
            Self::Balanced => write!(f, "balanced"),
            Self::Parses(language) => write!(f, "must-parse {language}"),
        }
    }
}

/// How each is written.
const WRITTEN: [&str; 8] =
    ["match RE", "charset a-z", "max-lines N", "indented", "balanced", "ban TEXT", "need TEXT", "must-parse LANG"];

/// What is said of a word that is no demand, or not yet.
fn expected(name: &str) -> String {
    let begun: Vec<&str> =
        WRITTEN.into_iter().filter(|written| !name.is_empty() && written.starts_with(name)).collect();
    if begun.is_empty() {
        return format!("Demands are a length such as 3-40, /RE/, {}.", WRITTEN.join(", "));
    }
    format!("Go on to {}.", begun.join(", or "))
}

/// The demands of a list, with semicolons between them; one inside an expression between slashes is part of that.
pub fn pieces(text: &str) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), text.trim_start());
    while !rest.is_empty() {
        let end = if rest.starts_with('/') {
            let ends = |at: &usize| rest[at + 1..].trim_start().chars().next().is_none_or(|c| c == ';');
            let slash = rest.match_indices('/').map(|(at, _)| at).skip(1).find(ends);
            slash.map_or(rest.len(), |at| at + 1 + rest[at + 1..].find(';').unwrap_or(rest.len() - at - 1))
        } else {
            rest.find(';').unwrap_or(rest.len())
        };
        pieces.push(rest[..end].trim());
        rest = rest[end..].strip_prefix(';').unwrap_or_default().trim_start();
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// Demands as a list that [`pieces`] takes apart again.
pub fn listed(constraints: &[Constraint]) -> String {
    let written = |constraint: &Constraint| match constraint {
        Constraint::Match(pattern) if pattern.contains(';') => format!("/{pattern}/"),
        constraint => constraint.to_string(),
    };
    constraints.iter().map(written).collect::<Vec<_>>().join("; ")
}

/// Why these cannot be met together, as a sentence; none where they can, as far as an automaton can say.
pub fn contradiction(constraints: &[Constraint]) -> Option<String> {
    match together(constraints, "") {
        Ok(_) => None,
        Err(ConstraintError::Empty) => Some("No text can meet all of these together.".into()),
        Err(error) => Some(format!("This cannot be asked for: {error}.")),
    }
}

/// A demand as it is printed; `/RE/` is `match RE`.
impl std::str::FromStr for Constraint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(begun) = text.strip_prefix('/') {
            let pattern = begun.strip_suffix('/').filter(|pattern| !pattern.is_empty());
            let pattern = pattern.ok_or("An expression stands between two slashes, as in /[0-9]{4}/.")?;
            return format!("match {pattern}").parse();
        }
        let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
        let (rest, owned) = (rest.trim(), rest.trim().to_owned());
        let constraint = match name {
            "match" => Self::Match(owned),
            "charset" => Self::Characters(owned),
            "max-lines" => Self::MostLines(rest.parse().map_err(|_| "max-lines takes a number, as in max-lines 1")?),
            "indented" => Self::Indented,
            "ban" => Self::Without(owned),
            "need" => Self::With(owned),
            "balanced" => Self::Balanced,
            "must-parse" => Self::Parses(owned),
            _ => return Err(expected(name)),
        };
        let alone = matches!(constraint, Self::Indented | Self::Balanced);
        match (alone, rest.is_empty()) {
            (true, false) => Err(format!("Nothing comes after {name}.")),
            (false, true) => Err(format!("Type what comes after {name}.")),
            _ => constraint.exact("").and_then(Result::err).map_or(Ok(constraint), |error| Err(error.to_string())),
        }
    }
}

/// The texts that meet all demands that an automaton can hold to; none where there are no such demands.
///
/// # Errors
/// As [`Constraint::exact`], and demands that no text meets together.
pub fn together(constraints: &[Constraint], indent: &str) -> Result<Option<Dfa>, ConstraintError> {
    let mut all: Option<Dfa> = None;
    for dfa in constraints.iter().filter_map(|constraint| constraint.exact(indent)) {
        all = Some(match all {
            Some(all) => all.and(&dfa?)?,
            None => dfa?,
        });
    }
    Ok(all)
}

/// What a hole's text must be like: its demands, and what its place asks for as far as the demands leave room for that.
///
/// # Errors
/// As [`together`].
pub fn with_place(constraints: &[Constraint], indent: &str, place: Arc<Dfa>) -> Result<Arc<Dfa>, ConstraintError> {
    let Some(demands) = together(constraints, indent)? else { return Ok(place) };
    match demands.and(&place) {
        Ok(both) => Ok(Arc::new(both)),
        Err(ConstraintError::Empty | ConstraintError::TooLarge) => Ok(Arc::new(demands)),
        Err(error) => Err(error),
    }
}

/// Whether a text between two others closes what it opens: each of its closing brackets has its opening one in it, and
/// none is left open, but for those that the text after it closes and the text before it has not opened, and the reverse.
pub fn balanced(before: &str, text: &str, after: &str) -> bool {
    // What is open before, and what the text after wants closed, are equal where the document is whole without the hole;
    // where they are not, the hole may make up for the difference.
    let (mut stack, mut sound) = (Vec::new(), true);
    close(before, &mut stack, &mut true);
    let level = stack.len();
    close(text, &mut stack, &mut sound);
    let mut rest = stack.clone();
    let mut whole = sound;
    close(after, &mut rest, &mut whole);
    (sound && stack.len() == level) || (whole && rest.is_empty())
}

/// Pushes and pops brackets; `sound` becomes false at a closing one that does not fit.
fn close(text: &str, stack: &mut Vec<char>, sound: &mut bool) {
    for c in text.chars() {
        match c {
            '(' => stack.push(')'),
            '[' => stack.push(']'),
            '{' => stack.push('}'),
            ')' | ']' | '}' if stack.last() == Some(&c) => {
                stack.pop();
            }
            ')' | ']' | '}' => *sound = false,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(constraint: &Constraint, inside: &[&str], outside: &[&str]) {
        let dfa = constraint.exact("\t  ").unwrap().unwrap();
        assert!(inside.iter().all(|text| dfa.matches(text.as_bytes())), "{constraint}");
        assert!(!outside.iter().any(|text| dfa.matches(text.as_bytes())), "{constraint}");
    }

    #[test]
    fn demands_are_read_as_they_are_printed_and_mistakes_are_told() {
        let all = [
            Constraint::Match("[0-9]{4}|a b".into()),
            Constraint::Characters("a-z0-9 ".trim().into()),
            Constraint::MostLines(2),
            Constraint::Indented,
            Constraint::Without("the end".into()),
            Constraint::With("x".into()),
            Constraint::Balanced,
            Constraint::Parses("rust".into()),
        ];
        for constraint in all {
            assert_eq!(constraint.to_string().parse(), Ok(constraint));
        }
        for (text, why) in [
            ("", "Demands are"),
            ("rhyme", "Demands are"),
            ("match", "Type what comes after match"),
            ("balanced please", "Nothing comes after balanced"),
            ("max-lines many", "takes a number"),
            ("match [", "["),
            ("/[/", "["),
            ("/", "between two slashes"),
            ("/a", "between two slashes"),
            ("ma", "Go on to match RE, or max-lines N."),
            ("max-line", "Go on to max-lines N."),
        ] {
            let error = text.parse::<Constraint>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_list_is_taken_apart_at_semicolons_that_are_in_no_expression() {
        assert_eq!(pieces(" 3-40;/a;b/ ; max-lines 1; ;need / "), ["3-40", "/a;b/", "max-lines 1", "need /"]);
        assert_eq!(pieces("/a/b/; x"), ["/a/b/", "x"]);
        assert_eq!(pieces("/a;b"), ["/a;b"]);
        assert_eq!(pieces(" ; "), [""; 0]);
        let all = [Constraint::Match("a;b/c".into()), Constraint::Match("x".into()), Constraint::MostLines(1)];
        assert_eq!(listed(&all), "/a;b/c/; match x; max-lines 1");
        let read: Vec<Constraint> = pieces(&listed(&all)).into_iter().map(|piece| piece.parse().unwrap()).collect();
        assert_eq!(read, all);
        assert_eq!(contradiction(&all[1..]), None);
        let both = [Constraint::Match("x".into()), Constraint::With("y".into())];
        assert_eq!(contradiction(&both).as_deref(), Some("No text can meet all of these together."));
    }

    #[test]
    fn demands_are_what_they_say() {
        check(&Constraint::Match("[0-9]{4}".into()), &["1999"], &["199", "x1999"]);
        check(&Constraint::Characters("a-z é".into()), &["été la", ""], &["Été", "a1"]);
        check(&Constraint::MostLines(2), &["a", "a\nb", "\n"], &["a\nb\nc", "\n\n"]);
        check(&Constraint::MostLines(1), &["a b"], &["\n"]);
        check(&Constraint::Indented, &["a", "a\n\t  b\n\n\t  ", "a\n"], &["a\nb", "a\n\t b"]);
        check(&Constraint::Without("ab".into()), &["aab".split_at(2).0, "ba"], &["xab"]);
        check(&Constraint::With("ab".into()), &["xab"], &["ba", ""]);
    }

    #[test]
    fn demands_hold_together_and_give_way_to_none() {
        let demands =
            [Constraint::Characters("0-9".into()), Constraint::Match("..".into()), Constraint::Without("1".into())];
        let both = together(&demands, "").unwrap().unwrap();
        assert!(both.matches(b"23") && !both.matches(b"12") && !both.matches(b"ab") && !both.matches(b"234"));
        let none = [Constraint::MostLines(1), Constraint::With("\n".into())];
        assert_eq!(together(&none, ""), Err(ConstraintError::Empty));
        // A line break that was asked for is one, also inside a line.
        let place = Arc::new(Dfa::regex("[^\\n]*").unwrap());
        assert!(with_place(&[Constraint::Match("\\n".into())], "", place).unwrap().matches(b"\n"));
    }

    #[test]
    fn brackets_are_balanced_or_make_up_for_what_is_missing() {
        assert!(balanced("f(", "a[0]", ")") && !balanced("f(", "a)", ")") && !balanced("f(", "a[0", ")"));
        assert!(balanced("f(", "g(x)", ""), "the hole leaves what is open as it was");
        assert!(balanced("f((", "a)", ")"), "the hole closes what nobody else does");
        assert!(!balanced("f(", "]", ")"));
    }
}
