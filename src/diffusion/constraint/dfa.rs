//! A set of texts as a deterministic automaton over bytes.
//!
//! Regular expressions are determinised by `regex-automata`'s lazy automaton, walked to its end; the rest is small enough
//! to be written down. Every automaton is trimmed: a state from which no allowed text can be reached does not exist.
//! Limit: [`MOST_STATES`] states.

use std::collections::BTreeMap;

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::DFA;
use regex_automata::nfa::thompson::{BuildError, NFA};
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};

use super::ConstraintError;

/// More states than this are refused.
pub const MOST_STATES: usize = 8192;

/// Bytes of an expression before it is determinised, and while it is.
const LARGEST_NFA: usize = 8 << 20;
const LARGEST_CACHE: usize = 64 << 20;

/// A state's number.
pub type State = u32;

/// Where nothing is allowed any more.
pub const DEAD: State = State::MAX;

/// A set of texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dfa {
    next: Vec<[State; 256]>,
    accepting: Vec<bool>,
}

impl Dfa {
    /// All texts, of any bytes.
    pub fn any() -> Self {
        Self { next: vec![[0; 256]], accepting: vec![true] }
    }

    /// All texts but the empty one.
    pub fn something() -> Self {
        Self { next: vec![[1; 256]; 2], accepting: vec![false, true] }
    }

    /// The texts that are whole characters of UTF-8 (Unicode 15, table 3-7).
    pub fn utf8() -> Self {
        // 0 between characters; then by what may follow: one, two, three bytes, and the first byte after E0, ED, F0, F4.
        const LEADS: [(u8, u8, State); 7] = [
            (0x00, 0x7F, 0),
            (0xC2, 0xDF, 1),
            (0xE0, 0xE0, 4),
            (0xE1, 0xEF, 2),
            (0xED, 0xED, 5),
            (0xF0, 0xF0, 6),
            (0xF1, 0xF3, 3),
        ];
        const FOLLOWERS: [(State, u8, u8, State); 7] = [
            (1, 0x80, 0xBF, 0),
            (2, 0x80, 0xBF, 1),
            (3, 0x80, 0xBF, 2),
            (4, 0xA0, 0xBF, 1),
            (5, 0x80, 0x9F, 1),
            (6, 0x90, 0xBF, 2),
            (7, 0x80, 0x8F, 2),
        ];
        let mut next = vec![[DEAD; 256]; 8];
        for (first, last, to) in LEADS.into_iter().chain([(0xF4, 0xF4, 7)]) {
            next[0][usize::from(first)..=usize::from(last)].fill(to);
        }
        for (from, first, last, to) in FOLLOWERS {
            next[from as usize][usize::from(first)..=usize::from(last)].fill(to);
        }
        let accepting = (0..next.len()).map(|state| state == 0).collect();
        Self { next, accepting }
    }

    /// The texts that a regular expression matches from end to end.
    ///
    /// # Errors
    /// An expression that cannot be read, has too many states, or matches nothing.
    pub fn regex(pattern: &str) -> Result<Self, ConstraintError> {
        let nfa = NFA::compiler()
            .configure(NFA::config().nfa_size_limit(Some(LARGEST_NFA)))
            .build(pattern)
            .map_err(|error| refused(pattern, &error))?;
        let config = DFA::config()
            .match_kind(MatchKind::All)
            .minimum_cache_clear_count(Some(0))
            .cache_capacity(LARGEST_CACHE)
            .skip_cache_capacity_check(true);
        let lazy = DFA::builder().configure(config).build_from_nfa(nfa).map_err(|_| ConstraintError::TooLarge)?;
        let mut cache = lazy.create_cache();
        let begin = lazy
            .start_state(&mut cache, &start::Config::new().anchored(Anchored::Yes))
            .map_err(|_| ConstraintError::TooLarge)?;
        let mut ids: BTreeMap<LazyStateID, State> = BTreeMap::from([(begin, 0)]);
        let mut found = vec![begin];
        let (mut next, mut accepting) = (Vec::new(), Vec::new());
        while let Some(&state) = found.get(next.len()) {
            let mut row = [DEAD; 256];
            for (byte, slot) in (0..=u8::MAX).zip(&mut row) {
                let to = lazy.next_state(&mut cache, state, byte).map_err(|_| ConstraintError::TooLarge)?;
                if to.is_dead() || to.is_quit() {
                    continue;
                }
                *slot = *ids.entry(to).or_insert_with(|| {
                    found.push(to);
                    (found.len() - 1) as State
                });
            }
            if found.len() > MOST_STATES {
                return Err(ConstraintError::TooLarge);
            }
            let end = lazy.next_eoi_state(&mut cache, state).map_err(|_| ConstraintError::TooLarge)?;
            next.push(row);
            accepting.push(end.is_match());
        }
        Self { next, accepting }.trimmed()
    }

    /// The texts with these bytes somewhere in them.
    pub fn containing(bytes: &[u8]) -> Self {
        let mut dfa = Self::searching(bytes);
        dfa.next[bytes.len()] = [bytes.len() as State; 256];
        dfa.accepting[bytes.len()] = true;
        dfa
    }

    /// The texts with these bytes nowhere in them; the empty sequence is in none.
    ///
    /// # Errors
    /// When the sequence is empty, as it is in every text.
    pub fn without(bytes: &[u8]) -> Result<Self, ConstraintError> {
        let mut dfa = Self::searching(bytes);
        dfa.accepting = (0..dfa.next.len()).map(|state| state < bytes.len()).collect();
        dfa.next[bytes.len()] = [DEAD; 256];
        dfa.trimmed()
    }

    /// Knuth, Morris and Pratt's automaton: state `k` has seen the first `k` of the bytes last; nothing accepts yet.
    fn searching(bytes: &[u8]) -> Self {
        let mut next = vec![[0; 256]; bytes.len() + 1];
        let mut fallback = 0;
        for (state, &byte) in bytes.iter().enumerate() {
            next[state] = if state == 0 { [0; 256] } else { next[fallback] };
            let after = next[state][usize::from(byte)];
            next[state][usize::from(byte)] = state as State + 1;
            fallback = if state == 0 { 0 } else { after as usize };
        }
        Self { accepting: vec![false; next.len()], next }
    }

    /// The texts that are in both sets.
    ///
    /// # Errors
    /// When there are none, or too many states.
    pub fn and(&self, other: &Self) -> Result<Self, ConstraintError> {
        let mut ids = BTreeMap::from([((0, 0), 0)]);
        let mut found: Vec<(State, State)> = vec![(0, 0)];
        let (mut next, mut accepting) = (Vec::new(), Vec::new());
        while let Some(&(a, b)) = found.get(next.len()) {
            let mut row = [DEAD; 256];
            for (byte, slot) in (0..=u8::MAX).zip(&mut row) {
                let to = (self.step(a, byte), other.step(b, byte));
                if to.0 == DEAD || to.1 == DEAD {
                    continue;
                }
                *slot = *ids.entry(to).or_insert_with(|| {
                    found.push(to);
                    (found.len() - 1) as State
                });
            }
            if found.len() > MOST_STATES {
                return Err(ConstraintError::TooLarge);
            }
            next.push(row);
            accepting.push(self.accepts(a) && other.accepts(b));
        }
        Self { next, accepting }.trimmed()
    }

    /// Where a text begins.
    pub fn start(&self) -> State {
        0
    }

    /// Where a byte leads; [`DEAD`] where it may not stand.
    pub fn step(&self, state: State, byte: u8) -> State {
        self.next.get(state as usize).map_or(DEAD, |row| row[usize::from(byte)])
    }

    /// Whether a text may end here.
    pub fn accepts(&self, state: State) -> bool {
        self.accepting.get(state as usize).copied().unwrap_or(false)
    }

    /// Whether a text is in the set.
    pub fn matches(&self, text: &[u8]) -> bool {
        self.accepts(text.iter().fold(self.start(), |state, byte| self.step(state, *byte)))
    }

    /// Cuts transitions to states from which nothing is accepted.
    fn trimmed(mut self) -> Result<Self, ConstraintError> {
        let mut into: Vec<Vec<State>> = vec![Vec::new(); self.next.len()];
        for (state, row) in self.next.iter().enumerate() {
            for &to in row {
                if let Some(from) = into.get_mut(to as usize).filter(|from| from.last() != Some(&(state as State))) {
                    from.push(state as State);
                }
            }
        }
        let mut alive = self.accepting.clone();
        let mut open: Vec<usize> = (0..alive.len()).filter(|state| alive[*state]).collect();
        while let Some(state) = open.pop() {
            for &from in &into[state] {
                if !std::mem::replace(&mut alive[from as usize], true) {
                    open.push(from as usize);
                }
            }
        }
        if !alive.first().copied().unwrap_or(false) {
            return Err(ConstraintError::Empty);
        }
        for to in self.next.iter_mut().flatten() {
            if !alive.get(*to as usize).copied().unwrap_or(false) {
                *to = DEAD;
            }
        }
        Ok(self)
    }
}

/// The sentence for an expression that was not compiled; the first error of the chain knows most.
fn refused(pattern: &str, error: &BuildError) -> ConstraintError {
    if error.size_limit().is_some() {
        return ConstraintError::TooLarge;
    }
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    let why = deepest.to_string();
    let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
    ConstraintError::Pattern { pattern: pattern.to_owned(), why }
}

#[cfg(test)]
mod tests {
    use super::{ConstraintError, Dfa};

    #[track_caller]
    fn check(dfa: &Dfa, inside: &[&str], outside: &[&str]) {
        assert!(inside.iter().all(|text| dfa.matches(text.as_bytes())), "{inside:?}");
        assert!(outside.iter().all(|text| !dfa.matches(text.as_bytes())), "{outside:?}");
    }

    #[test]
    fn expressions_match_from_end_to_end() {
        check(&Dfa::regex("[0-9]{4}").unwrap(), &["1984"], &["198", "19845", "x1984", ""]);
        check(&Dfa::regex("a|ab|(?i)x").unwrap(), &["a", "ab", "X"], &["abb", ""]);
        check(&Dfa::regex("é+.").unwrap(), &["éé€"], &["é", "e€"]);
    }

    #[test]
    fn what_cannot_be_is_told() {
        assert!(matches!(Dfa::regex("(a"), Err(ConstraintError::Pattern { why, .. }) if why.contains("unclosed")));
        assert_eq!(Dfa::regex("[a&&b]"), Err(ConstraintError::Empty));
        assert_eq!(Dfa::regex("a").unwrap().and(&Dfa::regex("b").unwrap()), Err(ConstraintError::Empty));
        assert_eq!(Dfa::regex(r"(\w{9}){999}"), Err(ConstraintError::TooLarge));
    }

    #[test]
    fn sets_intersect() {
        let both = Dfa::regex("[a-c]*").unwrap().and(&Dfa::regex("[b-d]{2}").unwrap()).unwrap();
        check(&both, &["bc", "cc"], &["b", "cd", "ac"]);
    }

    #[test]
    fn parts_are_found_and_forbidden_also_when_they_overlap_themselves() {
        check(&Dfa::containing(b"aab"), &["aaab", "xaaby"], &["aba", ""]);
        check(&Dfa::without(b"abab").unwrap(), &["abaab", "", "aba"], &["ababab", "aabab"]);
        assert_eq!(Dfa::without(b""), Err(ConstraintError::Empty));
    }

    #[test]
    fn whole_characters_are_those_that_the_standard_library_takes() {
        let utf8 = Dfa::utf8();
        let edges = [
            0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF3,
            0xF4, 0xF5,
        ];
        for a in edges {
            for b in edges {
                for c in edges {
                    for text in [&[a, b, c][..], &[a, b], &[a], &[a, b, c, 0x80]] {
                        assert_eq!(utf8.matches(text), std::str::from_utf8(text).is_ok(), "{text:x?}");
                    }
                }
            }
        }
    }
}
