//! What may stand where in the holes of a running canvas, found anew before each step.
//!
//! Each hole has its lattices, the strictest first: all demands, and where what is already written breaks those, only
//! that the bytes on both sides come out again. A hole that meets neither is not limited: what the user wrote into it
//! counts for more.

use std::collections::BTreeMap;
use std::ops::Range;

use super::ConstraintError;
use super::lattice::{Allowed, Lattice};
use crate::diffusion::TokenId;
use crate::diffusion::canvas::{Canvas, Edit, EditAct, Kind};

/// The limits of all holes of a canvas; a hole without lattices has none.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    holes: Vec<Vec<Lattice>>,
    /// Further limits of single positions, which came with the canvas.
    further: BTreeMap<usize, Allowed>,
}

impl Limits {
    /// The lattices of each hole, in order.
    pub fn new(holes: Vec<Vec<Lattice>>) -> Self {
        Self { holes, further: BTreeMap::new() }
    }

    /// Remembers what already limits single positions of a canvas.
    pub fn keep(&mut self, canvas: &Canvas) {
        let limited = |position: usize| Some((position, canvas.limit(position)?.allowed.clone()?));
        self.further = canvas.hole_positions().filter_map(limited).collect();
    }

    /// Forgets those: positions have moved.
    pub fn forget_positions(&mut self) {
        self.further.clear();
    }

    /// Limits every masked position to what leaves its hole completable.
    ///
    /// # Errors
    /// [`ConstraintError::TooLarge`] when a language has too many states.
    pub fn apply(&mut self, canvas: &mut Canvas) -> Result<(), ConstraintError> {
        for hole in 0..canvas.hole_count().min(self.holes.len()) {
            let range = canvas.hole_range(hole);
            let cells = cells(canvas, range.clone());
            if !cells.contains(&None) {
                continue;
            }
            let Some(sets) = self.allowed(hole, &cells)? else { continue };
            for (position, set) in range.zip(sets) {
                let Some(set) = set else { continue };
                let set = self.further.get(&position).and_then(|further| both(&set, further)).unwrap_or(set);
                // The positions of a hole can be limited.
                let _ = canvas.allow_only(position, set);
            }
        }
        Ok(())
    }

    fn allowed(
        &mut self,
        hole: usize,
        cells: &[Option<TokenId>],
    ) -> Result<Option<Vec<Option<Allowed>>>, ConstraintError> {
        match self.fitting(hole, cells)? {
            Some(lattice) => lattice.allowed(cells),
            None => Ok(None),
        }
    }

    /// Which of a step's edits are possible each but not together, as indices: changes of a length that a hole cannot have,
    /// then writes, the most likely ones having precedence.
    ///
    /// # Errors
    /// [`ConstraintError::TooLarge`] when a language has too many states.
    pub fn refused(&mut self, canvas: &Canvas, edits: &[Edit]) -> Result<Vec<usize>, ConstraintError> {
        let mut refused = Vec::new();
        for hole in 0..canvas.hole_count().min(self.holes.len()) {
            let range = canvas.hole_range(hole);
            let before = cells(canvas, range.clone());
            let Some(lattice) = self.fitting(hole, &before)? else { continue };
            let inside = || edits.iter().enumerate().filter(|(_, edit)| range.contains(&edit.position));
            let shifts: Vec<usize> = inside().filter(|(_, edit)| shifts(edit)).map(|(index, _)| index).collect();
            if !shifts.is_empty() {
                let mut after = canvas.clone();
                let of_hole: Vec<Edit> = inside().map(|(_, edit)| edit.clone()).collect();
                let applied = after.apply(&of_hole, 0).is_ok();
                if applied && lattice.completable(&cells(&after, after.hole_range(hole)))? {
                    continue;
                }
                refused.extend(shifts);
            }
            let mut cells = before;
            let mut writes = Vec::new();
            for (index, edit) in inside() {
                let at = edit.position - range.start;
                match edit.act {
                    EditAct::Write { token } => writes.push((index, at, token)),
                    EditAct::Mask | EditAct::Noise { .. } => cells[at] = None,
                    EditAct::Insert { .. } | EditAct::Delete => {}
                }
            }
            writes.sort_by(|a, b| edits[b.0].probability.total_cmp(&edits[a.0].probability).then(a.0.cmp(&b.0)));
            let placed: Vec<(usize, TokenId)> = writes.iter().map(|(_, at, token)| (*at, *token)).collect();
            // A write that takes another's place must leave the rest as possible as that one did.
            let admitted = lattice.admit(&mut cells, &placed)?;
            refused.extend(writes.iter().zip(admitted).filter(|(_, fits)| !fits).map(|(write, _)| write.0));
        }
        Ok(refused)
    }

    /// The strictest lattice that the cells can be completed in.
    fn fitting(&mut self, hole: usize, cells: &[Option<TokenId>]) -> Result<Option<&mut Lattice>, ConstraintError> {
        let Some(lattices) = self.holes.get_mut(hole) else { return Ok(None) };
        for (index, lattice) in lattices.iter_mut().enumerate() {
            if lattice.completable(cells)? {
                return Ok(self.holes[hole].get_mut(index));
            }
        }
        Ok(None)
    }

    /// Whether every hole is, or can become, what is demanded of it.
    pub fn holds(&mut self, canvas: &Canvas) -> bool {
        (0..canvas.hole_count()).all(|hole| {
            let cells = cells(canvas, canvas.hole_range(hole));
            let lattice = self.holes.get_mut(hole).and_then(|lattices| lattices.first_mut());
            lattice.is_none_or(|lattice| lattice.completable(&cells).unwrap_or(false))
        })
    }

    /// Which lengths of a hole in a range are possible, given what stands at its edges.
    ///
    /// # Errors
    /// [`ConstraintError::TooLarge`] when a language has too many states.
    pub fn possible(
        &mut self,
        hole: usize,
        (before, after): (&[TokenId], &[TokenId]),
        lengths: Range<usize>,
    ) -> Result<Vec<usize>, ConstraintError> {
        match self.holes.get_mut(hole).and_then(|lattices| lattices.first_mut()) {
            Some(lattice) => lattice.lengths(before, after, lengths),
            None => Ok(lengths.collect()),
        }
    }
}

fn shifts(edit: &Edit) -> bool {
    matches!(edit.act, EditAct::Insert { .. } | EditAct::Delete)
}

fn cells(canvas: &Canvas, range: Range<usize>) -> Vec<Option<TokenId>> {
    let cell = |position: usize| {
        let written = canvas.kind(position) != Kind::Masked;
        canvas.ids().get(position).copied().filter(|_| written)
    };
    range.map(cell).collect()
}

/// The tokens in both sets; none when there are none.
fn both(a: &Allowed, b: &Allowed) -> Option<Allowed> {
    let both: Vec<bool> = a.iter().zip(b.iter()).map(|(a, b)| *a && *b).collect();
    both.contains(&true).then(|| both.into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diffusion::canvas::Cell;
    use crate::diffusion::constraint::dfa::Dfa;
    use crate::diffusion::constraint::language::Language;
    use crate::diffusion::constraint::lexicon::Lexicon;

    const MASK: u32 = 9;

    /// Holes that hold two letters, `a` (0), `b` (1) or `ab` (2), the second unlike the first.
    fn limits() -> Limits {
        let lexicon = Arc::new(Lexicon::new(["a", "b", "ab"].map(|text| text.as_bytes().to_vec()).to_vec()));
        let lattice = |pattern: &str| {
            let body = Arc::new(Dfa::regex(pattern).unwrap());
            Lattice::new(Language::new(b"", body, b""), lexicon.clone())
        };
        Limits::new(vec![vec![lattice("ab|ba"), lattice("[ab]*")]; 2])
    }

    fn edit(position: usize, act: EditAct, probability: f64) -> Edit {
        Edit { probability, ..Edit::bare(position, act) }
    }

    #[test]
    fn each_hole_is_limited_by_what_is_written_in_it() {
        let mut canvas =
            Canvas::builder(MASK).hole(2).fixed(&[0]).hole_from([Cell::Pinned(0), Cell::Masked, Cell::Masked]).build();
        limits().apply(&mut canvas).unwrap();
        let allowed = |position: usize| canvas.limit(position).unwrap().allowed.as_deref().map(<[bool]>::to_vec);
        assert_eq!(allowed(0), Some(vec![true, true, false]));
        // Three letters break what is demanded; what is left is looser.
        assert_eq!((allowed(3), allowed(4)), (None, Some(vec![true; 3])));
    }

    #[test]
    fn edits_that_do_not_go_together_give_way_to_the_likelier() {
        let canvas = Canvas::builder(MASK).hole(2).build();
        let write = |position, token, probability| edit(position, EditAct::Write { token }, probability);
        assert_eq!(limits().refused(&canvas, &[write(0, 0, 0.4), write(1, 0, 0.6)]).unwrap(), [0]);
        assert_eq!(limits().refused(&canvas, &[write(0, 0, 0.4), write(1, 1, 0.6)]).unwrap(), [0; 0]);
        // "ab" is one token or two, and never three.
        assert_eq!(limits().refused(&canvas, &[edit(1, EditAct::Delete, 0.5)]).unwrap(), [0; 0]);
        assert_eq!(limits().refused(&canvas, &[edit(1, EditAct::Insert { masks: 1 }, 0.5)]).unwrap(), [0]);
    }

    #[test]
    fn without_lattices_nothing_is_limited() {
        let mut canvas = Canvas::builder(MASK).hole(2).build();
        let before = canvas.clone();
        Limits::default().apply(&mut canvas).unwrap();
        assert_eq!(canvas, before);
        assert_eq!(Limits::default().refused(&canvas, &[edit(1, EditAct::Delete, 0.5)]).unwrap(), [0; 0]);
    }
}
