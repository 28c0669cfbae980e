//! Which demands finished holes meet: what the automatons hold to, and what only the whole document shows.

use super::boundary;
use super::parse::{Holed, breaks};
use super::protocol::{Constraint, HoleId, HolePart, Part};
use crate::diffusion::constraint::rules;

/// For each hole, and each of its demands in order, whether its text meets it. `texts` are the texts of the holes.
pub fn met(parts: &[Part], texts: &[String]) -> Vec<Vec<bool>> {
    let document = Document::new(parts, texts);
    let of_hole = |(index, hole): (usize, &&HolePart)| {
        hole.constraints.iter().map(|constraint| document.meets(index, constraint)).collect()
    };
    document.parts.iter().enumerate().map(of_hole).collect()
}

/// The demands that are not met, each with its hole.
pub(super) fn unmet(parts: &[Part], texts: &[String]) -> Vec<(HoleId, String)> {
    let holes = parts.iter().filter_map(|part| if let Part::Hole(hole) = part { Some(hole) } else { None });
    if holes.clone().all(|hole| hole.constraints.is_empty()) {
        return Vec::new();
    }
    let said = holes.zip(met(parts, texts));
    let unmet = said.flat_map(|(hole, met)| {
        let unmet = hole.constraints.iter().zip(met).filter(|(_, met)| !met);
        unmet.map(|(constraint, _)| (hole.id, constraint.to_string())).collect::<Vec<_>>()
    });
    unmet.collect()
}

/// Whether there are demands that only finished holes can be judged by.
pub(super) fn is_needed(parts: &[Part]) -> bool {
    parts.iter().any(|part| matches!(part, Part::Hole(hole) if hole.constraints.iter().any(is_late)))
}

/// Whether the holes meet those.
pub(super) fn passes(parts: &[Part], texts: &[String]) -> bool {
    let document = Document::new(parts, texts);
    let mut late = document
        .parts
        .iter()
        .enumerate()
        .flat_map(|(index, hole)| hole.constraints.iter().filter(|it| is_late(it)).map(move |it| (index, it)));
    late.all(|(index, constraint)| document.meets(index, constraint))
}

fn is_late(constraint: &Constraint) -> bool {
    matches!(constraint, Constraint::Balanced | Constraint::Parses(_))
}

/// A request with its holes as they were and as they are.
struct Document<'a> {
    parts: Vec<&'a HolePart>,
    before: Holed,
    after: Holed,
}

impl<'a> Document<'a> {
    fn new(parts: &'a [Part], texts: &[String]) -> Self {
        let (mut before, mut after, mut holes) = (Holed::default(), Holed::default(), Vec::new());
        let mut texts = texts.iter().map(String::as_str);
        for part in parts {
            let (old, new) = match part {
                Part::Text(text) => (text.as_str(), text.as_str()),
                Part::Hole(hole) => (hole.original.as_str(), texts.next().unwrap_or_default()),
            };
            for (document, text) in [(&mut before, old), (&mut after, new)] {
                let start = document.text.len();
                document.text.push_str(text);
                if matches!(part, Part::Hole(_)) {
                    document.holes.push(start..document.text.len());
                }
            }
            holes.extend(if let Part::Hole(hole) = part { Some(hole) } else { None });
        }
        Self { parts: holes, before, after }
    }

    fn meets(&self, hole: usize, constraint: &Constraint) -> bool {
        let range = self.after.holes[hole].clone();
        let text = &self.after.text;
        let (before, inside, after) = (&text[..range.start], &text[range.clone()], &text[range.end..]);
        match constraint {
            Constraint::Parses(language) => breaks(language, &self.before, &self.after) == Some(false),
            Constraint::Balanced => rules::balanced(before, inside, after),
            exact => match exact.exact(boundary::indent(before)) {
                Some(Ok(dfa)) => dfa.matches(inside.as_bytes()),
                _ => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::protocol::Length;

    #[test]
    fn each_hole_is_judged_by_its_own_demands() {
        let hole = |constraints| Part::Hole(HolePart { constraints, ..HolePart::new(HoleId(1), "", Length::Auto) });
        let parts = [
            Part::Text("  f(".into()),
            hole(vec![Constraint::Match("[0-9]+".into()), Constraint::Indented, Constraint::Balanced]),
            Part::Text(")\n".into()),
            hole(vec![Constraint::Indented]),
            hole(vec![]),
        ];
        let texts = ["1(\n  2)", "\nx", ""].map(str::to_owned);
        assert_eq!(met(&parts, &texts), [vec![false, true, true], vec![true], vec![]]);
        assert_eq!(unmet(&parts, &texts), [(HoleId(1), "match [0-9]+".to_owned())]);
        let texts = ["12)", "", ""].map(str::to_owned);
        assert_eq!(met(&parts, &texts)[0], [false, true, false]);
        assert!(is_needed(&parts) && !is_needed(&parts[3..]) && !passes(&parts, &texts));
    }

    #[test]
    fn the_document_must_parse_with_all_holes_filled() {
        let demands = || vec![Constraint::Parses("json".into())];
        let hole = || Part::Hole(HolePart { constraints: demands(), ..HolePart::new(HoleId(1), "", Length::Auto) });
        let parts = [Part::Text("[".into()), hole(), Part::Text(", ".into()), hole(), Part::Text("]\n".into())];
        let passes = |a: &str, b: &str| passes(&parts, &[a.to_owned(), b.to_owned()]);
        assert!(passes("1", "2") && !passes("[1", "2") && passes("[1", "2]"));
    }
}
