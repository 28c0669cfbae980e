//! What a text is like beside another, and by itself: similarity, ROUGE, variety, repetition.

use std::collections::HashMap;
use std::collections::HashSet;

use crate::diffusion::spec::distance;

/// 1 - (Levenshtein's distance / the longer length), in characters; 1 for two empty texts.
pub fn similarity(a: &str, b: &str) -> f64 {
    let longer = a.chars().count().max(b.chars().count());
    if longer == 0 { 1.0 } else { 1.0 - distance(a, b) as f64 / longer as f64 }
}

/// ROUGE-1, ROUGE-2 and ROUGE-L (Lin 2004): F1 of the words that two texts share, of pairs of neighbouring words, and of the
/// longest common subsequence. Words are runs of `[a-z0-9]` in lower case, as in Google's implementation, without stemming.
pub fn rouge(found: &str, true_text: &str) -> [f64; 3] {
    let [a, b] = [found, true_text].map(|text| {
        let text = text.to_ascii_lowercase();
        let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        words.map(str::to_owned).collect::<Vec<_>>()
    });
    let f1 = |common: usize, n: usize, m: usize| if n + m == 0 { 0.0 } else { 2.0 * common as f64 / (n + m) as f64 };
    let shared = |size: usize| {
        let mut left: HashMap<&[String], usize> = HashMap::new();
        for gram in a.windows(size) {
            *left.entry(gram).or_default() += 1;
        }
        let mut common = 0;
        for gram in b.windows(size) {
            if let Some(count) = left.get_mut(gram).filter(|count| **count > 0) {
                *count -= 1;
                common += 1;
            }
        }
        f1(common, a.windows(size).count(), b.windows(size).count())
    };
    let mut longest = vec![0; b.len() + 1];
    for word in &a {
        let mut diagonal = 0;
        for (at, other) in b.iter().enumerate() {
            let above = longest[at + 1];
            longest[at + 1] = if word == other { diagonal + 1 } else { above.max(longest[at]) };
            diagonal = above;
        }
    }
    [shared(1), shared(2), f1(longest[b.len()], a.len(), b.len())]
}

/// The share of the runs of `n` words of some texts that are different from all others (distinct-n, Li et al. 2016);
/// none where no text has as many words.
pub fn distinct<'a>(texts: impl IntoIterator<Item = &'a str>, n: usize) -> Option<f64> {
    let (mut count, mut seen) = (0, HashSet::new());
    for text in texts {
        for gram in words(text).windows(n) {
            count += 1;
            seen.insert(gram.to_vec());
        }
    }
    (count > 0).then(|| seen.len() as f64 / count as f64)
}

/// The share of a text's pairs of neighbouring words that stood in it before (rep-2, Welleck et al. 2020); 0 of none.
pub fn repetition(text: &str) -> f64 {
    distinct([text], 2).map_or(0.0, |distinct| 1.0 - distinct)
}

/// Runs of letters and digits, and every other character that is no blank, each a word.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let run = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len()).max(first.len_utf8());
        words.push(&rest[..run]);
        rest = rest[run..].trim_start();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similarity_counts_edits_against_the_longer_text() {
        assert_eq!(similarity("", ""), 1.0);
        assert_eq!(similarity("abcd", "abed"), 0.75);
        assert_eq!(similarity("abcd", ""), 0.0);
        assert_eq!(similarity("ü", "u"), 0.0);
    }

    #[test]
    fn rouge_counts_words_pairs_and_what_is_in_the_same_order() {
        // By hand: five words each; the, cat, sat shared and "the cat" the one pair; "the cat sat" in this order.
        let [one, two, long] = rouge("The cat sat down, here", "the cat -- then it sat");
        assert!(
            (one - 0.6).abs() < 1e-9 && (two - 0.25).abs() < 1e-9 && (long - 0.6).abs() < 1e-9,
            "{one} {two} {long}"
        );
        // A word counts as often as both have it.
        assert!((rouge("a a a", "a b c")[0] - 1.0 / 3.0).abs() < 1e-9);
        assert_eq!(rouge("", ""), [0.0; 3]);
        assert_eq!(rouge("same words", "same words"), [1.0; 3]);
    }

    #[test]
    fn what_is_said_twice_is_repetition() {
        assert_eq!(words("for i in 0..n {"), ["for", "i", "in", "0", ".", ".", "n", "{"]);
        assert_eq!(repetition("the end"), 0.0);
        assert_eq!(repetition("no no no no"), 1.0 - 1.0 / 3.0);
        assert_eq!((repetition(""), distinct([], 2)), (0.0, None));
        assert_eq!(distinct(["a b", "a b", "b a"], 2), Some(2.0 / 3.0));
    }
}
