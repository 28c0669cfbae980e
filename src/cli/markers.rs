//! Holes written in text: `[MASK]`, `[MASK:12]`, `[MASK:3-40]`; `\[MASK]` is those characters themselves. What is demanded
//! of one hole stands behind that, as the editor takes it: `[MASK /[0-9]{4}/]`, `[MASK:1-4 /[A-Z]\w*/; ban The]`.

use regex::Regex;

use crate::engine::protocol::{Constraint, Length};

/// A stretch of a text with holes.
#[derive(Debug, Clone, PartialEq)]
pub enum Segment {
    /// What stays.
    Text(String),
    /// What is to be filled.
    Hole(Marker),
}

/// What a hole says of itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Marker {
    /// How many tokens it gets.
    pub length: Length,
    /// What its text must be like.
    pub demands: Vec<Constraint>,
}

/// Splits a text at its holes.
///
/// # Errors
/// One sentence for a marker with a length that cannot be.
pub fn parse(text: &str) -> Result<Vec<Segment>, String> {
    let mut segments = Vec::new();
    let mut kept = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("[MASK") {
        let marker = &rest[at..];
        let Some((end, read)) = parse_marker(marker) else {
            kept.push_str(&rest[..at + 5]);
            rest = &rest[at + 5..];
            continue;
        };
        if let Some(before) = rest[..at].strip_suffix('\\') {
            kept.push_str(before);
            kept.push_str(&marker[..end]);
        } else {
            kept.push_str(&rest[..at]);
            let hole = read.map_err(|why| format!("{}: {why}", &marker[..end]))?;
            if !kept.is_empty() {
                segments.push(Segment::Text(std::mem::take(&mut kept)));
            }
            segments.push(Segment::Hole(hole));
        }
        rest = &marker[end..];
    }
    kept.push_str(rest);
    if !kept.is_empty() {
        segments.push(Segment::Text(kept));
    }
    Ok(segments)
}

/// A marker's end and what it says; `None` when it is no marker at all.
fn parse_marker(marker: &str) -> Option<(usize, Result<Marker, String>)> {
    const DEMANDS: [&str; 8] = ["match", "charset", "max-lines", "indented", "balanced", "ban", "need", "must-parse"];
    let inner = &marker[5..];
    let head = inner.find([' ', ']'])?;
    let length = parse_length(&inner[..head])?;
    let mut at = head;
    let mut demands = Vec::new();
    while !inner[at..].starts_with(']') {
        at += 1 + inner[at + 1..].len() - inner[at + 1..].trim_start_matches(' ').len();
        let rest = &inner[at..];
        let end = match rest.strip_prefix('/') {
            // An expression may hold brackets and slashes, but not the two that end it.
            Some(_) => {
                let ends = |at: &usize| rest[at + 1..].trim_start_matches(' ').starts_with([']', ';']);
                let slash = rest.match_indices('/').map(|(at, _)| at).skip(1).find(ends)?;
                slash + 1 + rest[slash + 1..].find([']', ';'])?
            }
            None => rest.find([']', ';'])?,
        };
        let piece = rest[..end].trim();
        let is_demand = piece.starts_with('/') || DEMANDS.contains(&piece.split(' ').next().unwrap_or_default());
        if piece == "//" || piece.contains('\n') || demands.is_empty() && !is_demand {
            return None;
        }
        demands.push(piece.parse());
        at += end;
    }
    let demands: Result<Vec<Constraint>, String> = demands.into_iter().collect();
    Some((5 + at + 1, length.and_then(|length| Ok(Marker { length, demands: demands? }))))
}

/// What stands between `[MASK` and `]`; `None` when that is no marker at all.
fn parse_length(inner: &str) -> Option<Result<Length, String>> {
    if inner.is_empty() {
        return Some(Ok(Length::Auto));
    }
    let inner = inner.strip_prefix(':')?;
    let number = |text: &str| text.parse::<usize>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    let length = match inner.split_once('-') {
        None => Length::Fixed(number(inner)?),
        Some((from, to)) => Length::Range(number(from)?, number(to)?),
    };
    Some(match length {
        Length::Fixed(0) | Length::Range(0, _) => Err("a hole has at least 1 token".into()),
        Length::Range(from, to) if from > to => Err(format!("{from} is more than {to}; write the smaller first")),
        length => Ok(length),
    })
}

/// Makes each match of a regular expression in the text segments a hole of any length.
///
/// # Errors
/// One sentence when the expression cannot be read.
pub(crate) fn mask_matches(segments: Vec<Segment>, pattern: &str) -> Result<Vec<Segment>, String> {
    let regex = Regex::new(pattern).map_err(|error| {
        let why = error.to_string();
        format!("--mask-regex {pattern}: {}", why.lines().last().unwrap_or_default().trim_start_matches("error: "))
    })?;
    let mut masked = Vec::new();
    for segment in segments {
        let Segment::Text(text) = segment else {
            masked.push(segment);
            continue;
        };
        let mut last = 0;
        for found in regex.find_iter(&text).filter(|found| !found.is_empty()) {
            if found.start() > last {
                masked.push(Segment::Text(text[last..found.start()].to_owned()));
            }
            masked.push(Segment::Hole(Marker::default()));
            last = found.end();
        }
        if last < text.len() {
            masked.push(Segment::Text(text[last..].to_owned()));
        }
    }
    Ok(masked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let drawn = parse(text).map(|segments| {
            let draw = |segment: &Segment| match segment {
                Segment::Text(text) => text.clone(),
                Segment::Hole(marker) => {
                    let length = match marker.length {
                        Length::Auto => "auto".to_owned(),
                        Length::Fixed(length) => length.to_string(),
                        Length::Range(from, to) => format!("{from}..{to}"),
                    };
                    format!(
                        "<{length}{}>",
                        marker.demands.iter().map(|demand| format!(" {demand}")).collect::<String>()
                    )
                }
            };
            segments.iter().map(draw).collect::<String>()
        });
        assert_eq!(drawn.unwrap_or_else(|error| format!("error {error}")), expected);
    }

    #[test]
    fn markers_of_all_kinds() {
        check("a [MASK] b [MASK:12] c [MASK:3-40]", "a <auto> b <12> c <3..40>");
        check("[MASK][MASK:1]", "<auto><1>");
    }

    #[test]
    fn an_expression_stands_between_slashes() {
        check("in [MASK:4 /[0-9]{4}/], [MASK /a/b]/]", "in <4 match [0-9]{4}>, <auto match a/b]>");
        check(r"\[MASK /x/] [MASK //] [MASK:0 /x] [MASK /a", "[MASK /x/] [MASK //] [MASK:0 /x] [MASK /a");
        check("[MASK:3-9 /a;b/; max-lines 1;ban x y]!", "<3..9 match a;b max-lines 1 ban x y>!");
        check("[MASK balanced] [MASK balance] [MASK: indented]", "<auto balanced> [MASK balance] [MASK: indented]");
        check("[MASK max-lines x]", "error [MASK max-lines x]: max-lines takes a number, as in max-lines 1");
        check("[MASK balanced; ma]", "error [MASK balanced; ma]: Go on to match RE, or max-lines N.");
        check("[MASK:0 /x/]", "error [MASK:0 /x/]: a hole has at least 1 token");
    }

    #[test]
    fn an_escaped_marker_is_text() {
        check(r"a \[MASK] b", "a [MASK] b");
        check(r"a \[MASK:0] b", "a [MASK:0] b");
    }

    #[test]
    fn what_only_looks_like_a_marker_is_text() {
        check("[MASK", "[MASK");
        check("[MASK:x] [MASKED] [MASK:] [MASK:+1] [MASK:1-]", "[MASK:x] [MASKED] [MASK:] [MASK:+1] [MASK:1-]");
        check(r"a\b", r"a\b");
    }

    #[test]
    fn impossible_lengths_are_told() {
        check("[MASK:0]", "error [MASK:0]: a hole has at least 1 token");
        check("[MASK:9-3]", "error [MASK:9-3]: 9 is more than 3; write the smaller first");
    }

    #[test]
    fn matches_become_holes() {
        let segments = mask_matches(parse("x = TODO; y = TODO").unwrap(), "TODO").unwrap();
        assert_eq!(segments.iter().filter(|segment| **segment == Segment::Hole(Marker::default())).count(), 2);
        assert!(mask_matches(Vec::new(), "(").unwrap_err().starts_with("--mask-regex (:"));
    }
}
