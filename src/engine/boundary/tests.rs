//! Holes at every byte of a text: what is outside comes back exactly, and keeps its tokens.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::diffusion::constraint::language::Language;
use crate::diffusion::constraint::lattice::Lattice;
use crate::diffusion::constraint::lexicon::Lexicon;
use crate::diffusion::rng::{Draw, DrawKey, Purpose, Seeded};

const PROSE: &str = include_str!("../../../tests/fixtures/edges/prose.txt");
const CODE: &str = include_str!("../../../tests/fixtures/edges/code.py");

struct Desk {
    tokenizer: Tokenizer,
    lexicon: Arc<Lexicon>,
    /// Edges repeat, and so do their lattices.
    lattices: BTreeMap<(Vec<u8>, Vec<u8>), Lattice>,
}

impl Desk {
    fn new() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/lacuna-135m/tokenizer.json");
        let tokenizer = Tokenizer::from_file(&path).unwrap();
        let bytes = (0..tokenizer.size() as TokenId).map(|id| tokenizer.bytes(id).to_vec()).collect();
        Self { tokenizer, lexicon: Arc::new(Lexicon::new(bytes)), lattices: BTreeMap::new() }
    }

    fn lattice(&mut self, left: &Edge, right: &Edge) -> &mut Lattice {
        let lexicon = self.lexicon.clone();
        self.lattices
            .entry((left.bytes.clone(), right.bytes.clone()))
            .or_insert_with(|| Lattice::new(Language::new(&left.bytes, Arc::new(Dfa::any()), &right.bytes), lexicon))
    }

    fn spelled(&self, ids: &[TokenId]) -> Vec<u8> {
        ids.iter().flat_map(|id| self.tokenizer.bytes(*id)).copied().collect()
    }
}

/// A number from 0 to below `most`, by what it is for.
fn drawn(hole: usize, step: usize, most: usize) -> usize {
    let key = DrawKey { purpose: Purpose::Token, step, position: hole, index: 0 };
    ((Seeded(1).uniform(key) * most as f64) as usize).min(most - 1)
}

/// The positions of a hole in the order in which a denoiser writes them.
fn order(hole: usize, length: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..length).collect();
    order.sort_by_key(|position| drawn(hole, 1000 + position, 1 << 20));
    order
}

/// A hole of some bytes, filled with what was there and with something else.
fn check(desk: &mut Desk, text: &str, hole: Range<usize>) {
    let bytes = text.as_bytes();
    let left = Edge::before(&desk.tokenizer, &bytes[..hole.start]).unwrap();
    let right = Edge::after(&desk.tokenizer, &bytes[hole.end..]).unwrap();
    let outside = hole.start - left.bytes.len()..hole.end + right.bytes.len();
    assert!(bytes[..hole.start].ends_with(&left.bytes) && bytes[hole.end..].starts_with(&right.bytes), "{hole:?}");
    assert!(
        left.bytes.starts_with(&desk.spelled(&left.standing)) && right.bytes.ends_with(&desk.spelled(&right.standing))
    );
    let (before, after) = (&text[..outside.start], &text[outside.end..]);

    // The text outside has the tokens of the whole text.
    let all = desk.tokenizer.encode(text).unwrap();
    let whole = std::str::from_utf8(&bytes[..hole.start]).unwrap_or_else(|error| &text[..error.valid_up_to()]);
    let context = [
        desk.tokenizer.encode_until(whole, outside.start, true).unwrap(),
        desk.tokenizer.encode_inside(after).unwrap(),
    ];
    assert!(all.starts_with(&context[0]) && all.ends_with(&context[1]), "{hole:?} changes the tokens around it");
    let truth = &all[context[0].len()..all.len() - context[1].len()];
    assert_eq!(desk.spelled(truth), bytes[outside.clone()], "{hole:?}");

    // What was there can be written in any order.
    let lattice = desk.lattice(&left, &right);
    let mut cells = vec![None; truth.len()];
    for position in order(hole.start, cells.len()) {
        let allowed = lattice.allowed(&cells).unwrap().expect("what was there can be written");
        let set = allowed[position].as_ref().expect("masked positions have a set");
        assert!(set[truth[position] as usize], "{hole:?}: token {} at {position} of {cells:?}", truth[position]);
        cells[position] = Some(truth[position]);
    }

    // A denoiser that knows nothing writes anything that is allowed, and there is always something.
    let shortest = (0..truth.len() + 2).find(|length| lattice.completable(&vec![None; *length]).unwrap()).unwrap();
    let mut cells = vec![None; shortest + hole.start % 3];
    for position in order(hole.start, cells.len()) {
        let allowed = lattice.allowed(&cells).unwrap().expect("what is allowed can be completed");
        let set = allowed[position].as_ref().unwrap();
        let from = drawn(hole.start, position, set.len());
        let token = (0..set.len()).map(|id| (from + id) % set.len()).find(|id| set[*id]).unwrap();
        cells[position] = Some(token as TokenId);
    }
    let ids: Vec<TokenId> = cells.into_iter().flatten().collect();
    let filled = [before.as_bytes(), &desk.spelled(&ids), after.as_bytes()].concat();
    assert!(filled.starts_with(&bytes[..hole.start]) && filled.ends_with(&bytes[hole.end..]), "{hole:?}");
    assert!(filled.len() >= text.len() - hole.len(), "{hole:?}: the two sides overlap");
    assert!(std::str::from_utf8(&filled).is_ok(), "{hole:?}: {:?}", String::from_utf8_lossy(&filled));
}

#[test]
fn every_byte_can_be_the_edge_of_a_hole() {
    let mut desk = Desk::new();
    for text in [PROSE, CODE] {
        for at in 0..=text.len() {
            // From no byte at all to some words; each byte is a left edge here and a right edge further on.
            let length = [0, 1, 2, 4, 7, 12, 23][at % 7];
            check(&mut desk, text, at..(at + length).min(text.len()));
        }
        check(&mut desk, text, 0..text.len());
        desk.lattices.clear();
    }
}

#[test]
fn what_stands_at_an_edge_is_context_and_what_a_word_needs_is_not() {
    let desk = Desk::new();
    let stands = |edge: &Edge| String::from_utf8(desk.spelled(&edge.standing)).unwrap();
    let before = |text: &str| {
        let edge = Edge::before(&desk.tokenizer, text.as_bytes()).unwrap();
        (stands(&edge), edge.doubtful)
    };
    assert_eq!(before("The capital is "), (String::new(), false));
    assert_eq!(before("if x:\n    "), ("\n   ".into(), false));
    assert_eq!(before("is Par"), (" Par".into(), true));
    assert_eq!(before("print("), ("(".into(), true));
    let after = |text: &str| {
        let edge = Edge::after(&desk.tokenizer, text.as_bytes()).unwrap();
        (stands(&edge), edge.doubtful)
    };
    assert_eq!(after(" over"), (String::new(), false));
    assert_eq!(after(". Then"), (".".into(), false));
    assert_eq!(after(")\n"), (")".into(), true));
    assert_eq!(after("\n    return"), ("\n   ".into(), false));
}

#[test]
fn the_tokens_of_a_text_to_rewrite_are_those_of_the_whole() {
    let desk = Desk::new();
    let (before, text, after) = ("He is ", "walking slow", "ly, they say.");
    let mut left = Edge::before(&desk.tokenizer, before.as_bytes()).unwrap();
    let mut right = Edge::after(&desk.tokenizer, after.as_bytes()).unwrap();
    let own = share_out(&desk.tokenizer, &mut left, text, &mut right).unwrap();
    let all = [&left.standing[..], &own, &right.standing].concat();
    assert_eq!(all, desk.tokenizer.encode(" walking slowly").unwrap());
    assert_eq!(right.bytes, b"ly");
    assert!(right.is_open() && !left.doubtful);
}

#[test]
fn the_place_of_a_hole_says_what_its_text_is_like() {
    let fits = |before: &str, after: &str, inline: bool, text: &str| {
        body(before, after, inline).unwrap().matches(text.as_bytes())
    };
    assert!(fits("The ", " sea", true, "wide blue") && !fits("The ", " sea", true, " wide"));
    assert!(!fits("The ", " sea", true, "wide\nblue") && !fits("The ", " sea", true, "wide  blue"));
    assert!(fits("The", " sea", true, " wide") && !fits("The", " sea", true, " wide "));
    assert!(fits("x:\n    ", "\n", false, "a\nb") && !fits("x:\n    ", "\n", false, " a"));
    assert!(fits("\n", "\n", false, "  a"));
}

#[test]
fn no_mark_stands_before_the_mark_that_ends_a_clause() {
    let fits = |after: &str, text: &str| body("He ", after, true).unwrap().matches(text.as_bytes());
    for after in [".", ". Then", ".\n", "!\u{201d}", "?)"] {
        assert!(fits(after, "left") && fits(after, "left. He came") && fits(after, "left\""), "{after}");
        for text in ["left.", "left. Gone,", "left ", "left...", "?"] {
            assert!(!fits(after, text), "{text}{after}");
        }
    }
    // An abbreviation does, and in code some do.
    assert!(fits(", b", "U.S."));
    assert!(fits(", b", "get()?") && fits(";\n", "get()?") && !fits(", b", "a,") && !fits(";\n", "a;"));
    assert!(fits(".iter()", "get()?") && fits("..", "a.") && fits(":x", "a:") && fits(" b", "a.") && fits("", "a."));
}
