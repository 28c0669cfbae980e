//! Stories with a gap: the third and the fourth of five sentences are taken out, as the infilling of ROCStories is measured
//! (Donahue et al. 2020; DiffuGPT, 2410.17891). Here the five sentences are five that follow each other in a text.

use super::{DOCUMENT_BREAK, Sample, boundary};
use crate::diffusion::rng::{Draw, DrawKey, Purpose, Seeded};

/// Words that a sentence of a story has.
const WORDS: std::ops::RangeInclusive<usize> = 5..=25;
/// Sentences of a story, and which of them are taken out.
const SENTENCES: usize = 5;
const TAKEN: std::ops::Range<usize> = 2..4;

/// Cuts so many stories out of texts, at places drawn by the seed, no two of them overlapping; fewer where there is no room.
pub fn stories(documents: &[(String, String)], count: usize, seed: u64) -> Vec<Sample> {
    let draws = Seeded(seed);
    let (mut found, mut taken): (Vec<Sample>, Vec<(usize, std::ops::Range<usize>)>) = (Vec::new(), Vec::new());
    for attempt in 0..count * 50 {
        if found.len() == count || documents.is_empty() {
            break;
        }
        let uniform = |step| draws.uniform(DrawKey { purpose: Purpose::Token, step, position: attempt, index: 0 });
        let number = (uniform(0) * documents.len() as f64) as usize;
        let text = &documents[number].1;
        let place = boundary(text, (uniform(1) * text.len() as f64) as usize);
        let Some(ends) = story_after(text, place) else { continue };
        let whole = ends[0]..ends[SENTENCES];
        if taken.iter().any(|(other, range)| *other == number && range.start < whole.end && whole.start < range.end) {
            continue;
        }
        let (start, end) = (ends[TAKEN.start], ends[TAKEN.end]);
        let hole = text[start..end].trim_end();
        found.push(Sample {
            domain: "story".into(),
            before: text[whole.start..start].to_owned(),
            hole: hole.to_owned(),
            after: text[start + hole.len()..whole.end].trim_end().to_owned(),
            tokens: 0,
        });
        taken.push((number, whole));
    }
    found
}

/// Where five sentences of a paragraph begin, and where the last of them ends: the first such at or after a place.
fn story_after(text: &str, place: usize) -> Option<Vec<usize>> {
    let mut line_start = text[..place].rfind('\n').map_or(0, |at| at + 1);
    for line in text[line_start..].split_inclusive('\n') {
        let starts = sentences(line);
        for five in starts.windows(SENTENCES + 1) {
            let is_said = |ends: &[usize]| WORDS.contains(&line[ends[0]..ends[1]].split_whitespace().count());
            if line_start + five[0] >= place && five.windows(2).all(is_said) {
                return Some(five.iter().map(|at| line_start + at).collect());
            }
        }
        line_start += line.len();
        if line == DOCUMENT_BREAK || line_start > place + 20_000 {
            break;
        }
    }
    None
}

/// Where the sentences of a line begin, and where the last whole one ends: behind marks that end one, quotation marks and
/// blanks.
fn sentences(line: &str) -> Vec<usize> {
    let mut starts = vec![0];
    let mut ended = false;
    for (at, c) in line.char_indices() {
        let is_behind_blank = line[..at].ends_with(char::is_whitespace);
        match c {
            '.' | '!' | '?' => ended = true,
            '"' | '\'' | '”' | '’' | ')' if ended && !is_behind_blank => {}
            _ if c.is_whitespace() && ended => {}
            _ if ended => {
                // A point inside a number or a name is no end, nor one before a small letter.
                if is_behind_blank && !c.is_lowercase() {
                    starts.push(at);
                }
                ended = false;
            }
            _ => {}
        }
    }
    if ended {
        starts.push(line.len());
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    const TALE: &str = "Once there was a small red boat. It lay on the sand for years. \"Who will sail it?\" asked the old man. \
        His son took 3.5 yards of rope. Then they went out to sea.";

    #[test]
    fn sentences_end_where_people_end_them() {
        let starts = sentences(TALE);
        let said: Vec<&str> = starts.windows(2).map(|ends| TALE[ends[0]..ends[1]].trim()).collect();
        assert_eq!(said.len(), 5, "{said:?}");
        assert_eq!(said[2], "\"Who will sail it?\" asked the old man.");
        assert_eq!(said[3], "His son took 3.5 yards of rope.");
    }

    #[test]
    fn a_story_is_five_sentences_of_one_paragraph_and_begins_where_it_was_looked_for() {
        let text = format!("Short. Too short.\n{TALE}\n");
        let ends = story_after(&text, 3).unwrap();
        assert_eq!(&text[ends[0]..ends[1]], "Once there was a small red boat. ");
        assert_eq!(
            text[ends[2]..ends[4]].trim(),
            "\"Who will sail it?\" asked the old man. His son took 3.5 yards of rope."
        );
        assert_eq!(story_after(&text, text.len() - 30), None);
    }
}
