//! Documents and changes for the property tests of this floor: short texts of awkward fragments, so that few cases reach
//! cluster, line and edge conditions.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::text::change::{ChangeSet, Edit};

const FRAGMENTS: &[&str] = &[
    "a",
    "b",
    "Z",
    "_",
    "word",
    " ",
    "  ",
    "\t",
    "\n",
    "\n\n",
    "\r\n",
    "\r",
    "é",
    "e\u{301}",
    "\u{301}",
    "👨\u{200D}👩\u{200D}👧",
    "👍🏽",
    "🇩🇪",
    "🇫",
    "字",
    "漢字",
    "か",
    "カー",
    "한",
    "\u{1112}\u{1161}",
    "\u{200B}",
    "\u{200D}",
    "\u{FE0F}",
    "\0",
    "\u{7F}",
    "\u{85}",
    "\u{202E}",
    "\u{2028}",
    "क्षि",
    "don't",
    "-",
    ".",
    "(",
];

/// A text of up to 30 fragments.
pub(crate) fn text() -> impl Strategy<Value = String> {
    vec(proptest::sample::select(FRAGMENTS), 0..30).prop_map(|fragments| fragments.concat())
}

/// A text long enough to lie in several chunks of a rope, with clusters across their edges.
pub(crate) fn long_text() -> impl Strategy<Value = String> {
    (text(), text(), 1..16_usize, 1..16_usize).prop_map(|(a, b, m, n)| a.repeat(m) + &b.repeat(n))
}

/// A change that fits a document of `len` characters.
pub(crate) fn change(len: usize) -> impl Strategy<Value = ChangeSet> {
    let edit = (0..=len, 0..5_usize, proptest::sample::select(&["", "x", "yz", "\n", "\r", "字e\u{301}"][..]));
    vec(edit, 0..4).prop_map(move |edits| {
        let edits = edits.into_iter().map(|(start, n, text)| Edit { range: start..start + n, text: text.to_owned() });
        ChangeSet::new(len, edits.collect())
    })
}

/// What `change` makes of `text`, done the obvious way.
pub(crate) fn changed(text: &str, change: &ChangeSet) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for edit in change.edits().iter().rev() {
        chars.splice(edit.range.clone(), edit.text.chars());
    }
    chars.into_iter().collect()
}

/// The grapheme boundaries of `text` as positions, 0 and the end included.
pub(crate) fn boundaries(text: &str) -> Vec<usize> {
    use unicode_segmentation::UnicodeSegmentation;
    let mut found = vec![0];
    for cluster in text.graphemes(true) {
        found.push(found.last().copied().unwrap_or(0) + cluster.chars().count());
    }
    found
}
