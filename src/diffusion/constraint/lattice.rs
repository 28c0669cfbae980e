//! A language over bytes, lifted to the tokens of a hole: position by position, what may stand where.
//!
//! Forward, the states that the cells up to a position can lead to; backward, those of them from which the cells after it
//! can still end well. A token is allowed at a masked position when it leads from one of the second kind to another. So
//! whatever is written first, the rest can be completed with exactly the masks that are left: `d |Q| (|Q| + V)` as in DINGO
//! (2505.23061), with the tokens between two states found once and kept. Unit: cells of one hole. Limit: [`MOST_STEPS`]
//! tokens remembered in all.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::ConstraintError;
use super::language::{Language, Spot};
use super::lexicon::Lexicon;
use crate::diffusion::TokenId;

/// Tokens remembered over all states: 4 bytes each.
pub const MOST_STEPS: usize = 1 << 25;

/// Sets of tokens kept for the next pass.
const MOST_SETS: usize = 256;

/// The tokens that may stand at a position, by id.
pub type Allowed = Arc<[bool]>;

/// Where tokens lead from one state: the states after it, each with the tokens that lead there.
type Steps = Vec<(u32, Vec<TokenId>)>;

/// The lattice of one hole.
#[derive(Debug, Clone)]
pub struct Lattice {
    language: Language,
    lexicon: Arc<Lexicon>,
    spots: Vec<Spot>,
    numbers: BTreeMap<Spot, u32>,
    steps: BTreeMap<u32, Arc<Steps>>,
    remembered: usize,
    sets: BTreeMap<(Vec<u32>, Vec<u32>), Allowed>,
    /// Tokens that are no text and may be proposed anywhere: they change a hole's length.
    controls: Vec<TokenId>,
}

impl Lattice {
    /// A language over the tokens of a vocabulary.
    pub fn new(language: Language, lexicon: Arc<Lexicon>) -> Self {
        let start = language.start();
        Self {
            language,
            lexicon,
            spots: vec![start],
            numbers: BTreeMap::from([(start, 0)]),
            steps: BTreeMap::new(),
            remembered: 0,
            sets: BTreeMap::new(),
            controls: Vec::new(),
        }
    }

    /// The same with tokens that are no text and may be proposed anywhere.
    #[must_use]
    pub fn with_controls(mut self, controls: &[TokenId]) -> Self {
        self.controls = controls.to_vec();
        self
    }

    /// Which tokens may stand at each masked cell (`None`), the written ones staying; nothing for written cells. Nothing at
    /// all when the cells cannot be completed.
    ///
    /// # Errors
    /// [`ConstraintError::TooLarge`] when the language has too many states.
    pub fn allowed(&mut self, cells: &[Option<TokenId>]) -> Result<Option<Vec<Option<Allowed>>>, ConstraintError> {
        let Some(layers) = self.layers(cells)? else { return Ok(None) };
        let mut sets = Vec::with_capacity(cells.len());
        for (cell, pair) in cells.iter().zip(layers.windows(2)) {
            sets.push(if cell.is_none() { Some(self.between(&pair[0], &pair[1])?) } else { None });
        }
        Ok(Some(sets))
    }

    /// Whether the cells can be completed.
    ///
    /// # Errors
    /// [`ConstraintError::TooLarge`] when the language has too many states.
    pub fn completable(&mut self, cells: &[Option<TokenId>]) -> Result<bool, ConstraintError> {
        Ok(self.layers(cells)?.is_some())
    }

    /// Writes to masked cells in the order given, leaving out what would keep the rest from being completed; says which
    /// were written. Several positions written at once are each possible, but not always together.
    ///
    /// # Errors
    /// [`ConstraintError::TooLarge`] when the language has too many states.
    pub fn admit(
        &mut self,
        cells: &mut [Option<TokenId>],
        writes: &[(usize, TokenId)],
    ) -> Result<Vec<bool>, ConstraintError> {
        let mut admitted = Vec::with_capacity(writes.len());
        for &(index, token) in writes {
            let Some(slot) = cells.get_mut(index) else {
                admitted.push(false);
                continue;
            };
            let before = slot.replace(token);
            let fits = self.completable(cells)?;
            if !fits {
                cells[index] = before;
            }
            admitted.push(fits);
        }
        Ok(admitted)
    }

    /// Which numbers of masked cells between what stands before and after them can be completed, of those in a range.
    /// Cost: one step per mask.
    ///
    /// # Errors
    /// [`ConstraintError::TooLarge`] when the language has too many states.
    pub fn lengths(
        &mut self,
        before: &[TokenId],
        after: &[TokenId],
        lengths: Range<usize>,
    ) -> Result<Vec<usize>, ConstraintError> {
        let mut states = vec![0];
        for token in before {
            states = self.forward(&states, Some(*token))?;
        }
        let mut possible = Vec::new();
        for length in 0..lengths.end {
            if length >= lengths.start {
                let mut ends = states.clone();
                for token in after {
                    ends = self.forward(&ends, Some(*token))?;
                }
                if ends.iter().any(|end| self.language.accepts(self.spots[*end as usize])) {
                    possible.push(length);
                }
            }
            let next = self.forward(&states, None)?;
            if next.is_empty() {
                break;
            }
            states = next;
        }
        Ok(possible)
    }

    /// The states between the cells that lie on a way from the start to an end; none when there is no way.
    fn layers(&mut self, cells: &[Option<TokenId>]) -> Result<Option<Vec<Vec<u32>>>, ConstraintError> {
        let mut layers = vec![vec![0]];
        for cell in cells {
            let next = self.forward(layers.last().map_or(&[], Vec::as_slice), *cell)?;
            if next.is_empty() {
                return Ok(None);
            }
            layers.push(next);
        }
        if let Some(last) = layers.last_mut() {
            last.retain(|state| self.language.accepts(self.spots[*state as usize]));
        }
        for (index, cell) in cells.iter().enumerate().rev() {
            let (left, right) = layers.split_at_mut(index + 1);
            let (states, after) = (&mut left[index], &right[0]);
            let mut kept = Vec::with_capacity(states.len());
            for state in states.iter() {
                if self.successors(*state, *cell)?.iter().any(|next| after.binary_search(next).is_ok()) {
                    kept.push(*state);
                }
            }
            *states = kept;
        }
        Ok(layers.first().is_some_and(|first| !first.is_empty()).then_some(layers))
    }

    /// All states after one more cell, ascending.
    fn forward(&mut self, states: &[u32], cell: Option<TokenId>) -> Result<Vec<u32>, ConstraintError> {
        let mut next = Vec::new();
        for state in states {
            next.extend(self.successors(*state, cell)?);
        }
        next.sort_unstable();
        next.dedup();
        Ok(next)
    }

    fn successors(&mut self, state: u32, cell: Option<TokenId>) -> Result<Vec<u32>, ConstraintError> {
        let Some(token) = cell else {
            return Ok(self.steps(state)?.iter().map(|(next, _)| *next).collect());
        };
        let bytes = self.lexicon.bytes(token);
        let next = self.language.walk(self.spots[state as usize], bytes);
        Ok(next.map(|spot| number(&mut self.spots, &mut self.numbers, spot)).into_iter().collect())
    }

    fn steps(&mut self, state: u32) -> Result<Arc<Steps>, ConstraintError> {
        if let Some(steps) = self.steps.get(&state) {
            return Ok(steps.clone());
        }
        let mut groups: BTreeMap<Spot, Vec<TokenId>> = BTreeMap::new();
        // Neighbours in the tree mostly lead to the same state.
        let mut run: (Option<Spot>, Vec<TokenId>) = (None, Vec::new());
        self.lexicon.walk(&self.language, self.spots[state as usize], |token, spot| {
            if run.0 != Some(spot)
                && let Some(before) = run.0.replace(spot)
            {
                groups.entry(before).or_default().append(&mut run.1);
            }
            run.1.push(token);
        });
        if let (Some(spot), mut tokens) = run {
            groups.entry(spot).or_default().append(&mut tokens);
        }
        self.remembered += groups.values().map(Vec::len).sum::<usize>();
        if self.remembered > MOST_STEPS {
            return Err(ConstraintError::TooLarge);
        }
        let steps: Steps = groups
            .into_iter()
            .map(|(spot, tokens)| (number(&mut self.spots, &mut self.numbers, spot), tokens))
            .collect();
        let steps = Arc::new(steps);
        self.steps.insert(state, steps.clone());
        Ok(steps)
    }

    /// The tokens that lead from one of the first states to one of the second.
    fn between(&mut self, from: &[u32], to: &[u32]) -> Result<Allowed, ConstraintError> {
        let key = (from.to_vec(), to.to_vec());
        if let Some(set) = self.sets.get(&key) {
            return Ok(set.clone());
        }
        let mut allowed = vec![false; self.lexicon.size()];
        for state in from {
            for (next, tokens) in self.steps(*state)?.iter() {
                if to.binary_search(next).is_ok() {
                    for token in tokens {
                        allowed[*token as usize] = true;
                    }
                }
            }
        }
        for control in &self.controls {
            if let Some(allowed) = allowed.get_mut(*control as usize) {
                *allowed = true;
            }
        }
        if self.sets.len() >= MOST_SETS {
            self.sets.clear();
        }
        let set: Allowed = allowed.into();
        self.sets.insert(key, set.clone());
        Ok(set)
    }
}

fn number(spots: &mut Vec<Spot>, numbers: &mut BTreeMap<Spot, u32>, spot: Spot) -> u32 {
    *numbers.entry(spot).or_insert_with(|| {
        spots.push(spot);
        spots.len() as u32 - 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diffusion::constraint::dfa::Dfa;

    const WORDS: [&str; 9] = ["a", "b", "ab", "ba", "aab", "1", "", "é", "1b"];

    fn lattice(before: &str, pattern: &str, after: &str) -> Lattice {
        let body = Arc::new(Dfa::regex(pattern).unwrap());
        let lexicon = Lexicon::new(WORDS.map(|word| word.as_bytes().to_vec()).to_vec());
        Lattice::new(Language::new(before.as_bytes(), body, after.as_bytes()), Arc::new(lexicon))
    }

    /// All ways to fill the masked cells.
    fn fillings(cells: &[Option<u32>]) -> Vec<Vec<u32>> {
        cells.iter().fold(vec![Vec::new()], |ways, cell| {
            let choices: Vec<u32> = cell.map_or_else(|| (0..9).filter(|id| *id != 6).collect(), |id| vec![id]);
            ways.iter().flat_map(|way| choices.iter().map(move |id| [&way[..], &[*id]].concat())).collect()
        })
    }

    #[test]
    fn what_is_allowed_is_exactly_what_some_completion_has() {
        let rows: [&[Option<u32>]; 6] =
            [&[None], &[None; 2], &[None; 3], &[None, Some(0), None], &[Some(2), None, None], &[None, None, Some(1)]];
        for (before, pattern, after) in [
            ("", "(a|b)*", ""),
            ("a", "(?s).*", "b"),
            ("ab", "1*", "ab"),
            ("", "(ab)+", "b"),
            ("b", "[a1]{2}", ""),
            ("", "é?", "a"),
        ] {
            let mut lattice = lattice(before, pattern, after);
            let body = Dfa::regex(pattern).unwrap();
            for cells in rows {
                let good: Vec<Vec<u32>> = fillings(cells)
                    .into_iter()
                    .filter(|way| {
                        let text: String = way.iter().map(|id| WORDS[*id as usize]).collect();
                        let inside = text.strip_prefix(before).and_then(|text| text.strip_suffix(after));
                        inside.is_some_and(|inside| body.matches(inside.as_bytes()))
                    })
                    .collect();
                let found = lattice.allowed(cells).unwrap();
                assert_eq!(found.is_some(), !good.is_empty(), "{before}|{pattern}|{after} {cells:?}");
                for (position, set) in found.unwrap_or_default().into_iter().enumerate() {
                    let Some(set) = set else { continue };
                    let expected: Vec<bool> = (0..9).map(|id| good.iter().any(|way| way[position] == id)).collect();
                    assert_eq!(&set[..], expected, "{before}|{pattern}|{after} {cells:?} at {position}");
                }
            }
        }
    }

    #[test]
    fn tokens_written_at_once_are_possible_together() {
        let mut lattice = lattice("", "(ab|ba)1", "");
        // "a" may stand first and "a" may stand second, but not both.
        let mut cells = vec![None; 3];
        assert_eq!(lattice.admit(&mut cells, &[(0, 0), (1, 0), (2, 5), (9, 0)]).unwrap(), [true, false, true, false]);
        assert_eq!(cells, [Some(0), None, Some(5)]);
    }

    #[test]
    fn possible_lengths_are_known_beforehand() {
        assert_eq!(lattice("", "[ab]{2}", "").lengths(&[], &[], 0..5).unwrap(), [1, 2]);
        assert_eq!(lattice("a", "(?s).*", "b").lengths(&[], &[], 0..3).unwrap(), [1, 2]);
        assert_eq!(lattice("ab", "1", "a").lengths(&[2], &[0], 0..9).unwrap(), [1]);
        assert_eq!(lattice("", "z", "").lengths(&[], &[], 0..3).unwrap(), [0; 0]);
    }
}
