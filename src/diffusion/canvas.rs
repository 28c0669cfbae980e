//! The sequence being denoised, and the only place where one of its tokens changes.
//!
//! A canvas is fixed text with holes in it. A position outside of holes is fixed; inside it is pinned by the user,
//! masked, committed by a sampler, or still the document's own token. [`Canvas::apply`] takes a sampler's edits and
//! refuses any that touches a fixed or pinned position; the user's own acts ([`UserAct`]) may touch those that are pinned. Unit: token positions. Limit: holes are in document order and do not overlap.

mod acts;

pub use acts::UserAct;

use std::ops::Range;
use std::sync::Arc;

use crate::diffusion::TokenId;

/// What a position is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Context outside of every hole.
    Fixed,
    /// In a hole, and the user said that it stays.
    Pinned,
    /// Still noise: the mask, or with uniform noise a random token.
    Masked,
    /// Written by a sampler.
    Committed {
        /// At which step of the run.
        step: usize,
        /// How likely the token was then, at temperature 1.
        probability: f64,
    },
    /// In a hole, not masked, holding the document's own token; a rule that remasks may choose it.
    Original,
}

impl Kind {
    /// Whether a sampler may change it.
    pub fn is_editable(self) -> bool {
        !matches!(self, Kind::Fixed | Kind::Pinned)
    }

    /// Whether it is editable and holds a token.
    pub fn is_written(self) -> bool {
        matches!(self, Kind::Committed { .. } | Kind::Original)
    }
}

/// One position of a hole, as the canvas is built.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell {
    /// To be denoised.
    Masked,
    /// Never to change.
    Pinned(TokenId),
    /// Written by an earlier run that this one goes on from.
    Committed {
        /// Its token.
        id: TokenId,
        /// How likely it was when it was written.
        probability: f64,
    },
    /// The document's own token.
    Original(TokenId),
}

/// What an edit does to its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditAct {
    /// The position gets this token.
    Write {
        /// The token.
        token: TokenId,
    },
    /// The position is masked again.
    Mask,
    /// The position gets a random token and is noise again: uniform diffusion.
    Noise {
        /// The token.
        token: TokenId,
    },
    /// So many masks are put before the position, in the same hole.
    Insert {
        /// How many.
        masks: usize,
    },
    /// The position is taken out.
    Delete,
}

/// One change of a canvas: what a step yields, a screen animates and a trace records.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// Where, on the canvas as it was before the step.
    pub position: usize,
    /// What.
    pub act: EditAct,
    /// How likely the token written (or, for other acts, the token in place) is at temperature 1; 0 if not known.
    pub probability: f64,
    /// How open the position was, in nats at temperature 1; 0 if not known.
    pub entropy: f64,
    /// What else the model considered, most likely first.
    pub runners_up: Vec<(TokenId, f32)>,
}

impl Edit {
    /// An edit of which nothing is known but what it does.
    pub fn bare(position: usize, act: EditAct) -> Self {
        Self { position, act, probability: 0.0, entropy: 0.0, runners_up: Vec::new() }
    }
}

/// Why an edit was refused; the canvas is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// There is no such position.
    #[error("position {0} is outside of the canvas")]
    Outside(usize),
    /// It is fixed or pinned.
    #[error("position {0} is fixed or pinned and cannot change")]
    NotEditable(usize),
    /// The mask is not a token of any text.
    #[error("position {0} would get the mask as its token")]
    MaskAsToken(usize),
    /// It holds no token to keep.
    #[error("position {0} is masked, so there is no token to pin")]
    NothingToPin(usize),
}

/// What may be proposed at one position, beyond the vocabulary's own bans.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limit {
    /// `allowed[id]`: whether the token may stand here; none means that all may. Ids past its end may not.
    pub allowed: Option<Arc<[bool]>>,
    /// Tokens that may not stand here, in any order.
    pub banned: Vec<TokenId>,
}

impl Limit {
    /// Whether the token may stand here.
    pub fn allows(&self, id: TokenId) -> bool {
        let listed = self.allowed.as_ref().is_none_or(|allowed| allowed.get(id as usize).copied().unwrap_or(false));
        listed && !self.banned.contains(&id)
    }
}

/// A sequence with holes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Canvas {
    mask: TokenId,
    ids: Vec<TokenId>,
    kinds: Vec<Kind>,
    limits: Vec<Limit>,
    holes: Vec<Range<usize>>,
}

impl Canvas {
    /// Begins an empty canvas.
    pub fn builder(mask: TokenId) -> CanvasBuilder {
        let canvas = Self { mask, ids: Vec::new(), kinds: Vec::new(), limits: Vec::new(), holes: Vec::new() };
        CanvasBuilder { canvas }
    }

    /// A canvas from ids with masks in place: each run of masks is a hole, the rest is fixed.
    pub fn from_ids(ids: &[TokenId], mask: TokenId) -> Self {
        let runs = ids.chunk_by(|a, b| (*a == mask) == (*b == mask));
        let builder = runs.fold(Self::builder(mask), |builder, run| match run {
            [first, ..] if *first == mask => builder.hole(run.len()),
            _ => builder.fixed(run),
        });
        builder.build()
    }

    /// The tokens, masks in place: what the denoiser reads.
    pub fn ids(&self) -> &[TokenId] {
        &self.ids
    }

    /// The mask of this canvas.
    pub fn mask(&self) -> TokenId {
        self.mask
    }

    /// How many positions there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// What each position is.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// What one position is; outside of the canvas everything is fixed.
    pub fn kind(&self, position: usize) -> Kind {
        self.kinds.get(position).copied().unwrap_or(Kind::Fixed)
    }

    /// What may be proposed at a position; outside of the canvas, nothing is limited.
    pub fn limit(&self, position: usize) -> Option<&Limit> {
        self.limits.get(position)
    }

    /// How many holes there are.
    pub fn hole_count(&self) -> usize {
        self.holes.len()
    }

    /// Where a hole is; an empty range at the end for one that does not exist.
    pub fn hole_range(&self, hole: usize) -> Range<usize> {
        debug_assert!(hole < self.holes.len(), "hole {hole} does not exist");
        self.holes.get(hole).cloned().unwrap_or(self.len()..self.len())
    }

    /// Which hole a position belongs to.
    pub fn hole_of(&self, position: usize) -> Option<usize> {
        let hole = self.holes.partition_point(|range| range.end <= position);
        self.holes.get(hole).filter(|range| range.contains(&position)).map(|_| hole)
    }

    /// The positions of all holes, ascending, whatever they hold.
    pub fn hole_positions(&self) -> impl Iterator<Item = usize> + '_ {
        self.holes.iter().cloned().flatten()
    }

    /// The masked positions, ascending.
    pub fn masked(&self) -> impl Iterator<Item = usize> + '_ {
        self.hole_positions().filter(|&position| self.kind(position) == Kind::Masked)
    }

    /// How many positions are masked.
    pub fn masks_left(&self) -> usize {
        self.masked().count()
    }

    /// Applies a step's edits, all or none. Positions are those before the step; writes and masks come first, then
    /// insertions and deletions from right to left.
    pub fn apply(&mut self, edits: &[Edit], step: usize) -> Result<(), EditError> {
        for edit in edits {
            self.editable(edit.position)?;
            if matches!(edit.act, EditAct::Write { token } | EditAct::Noise { token } if token == self.mask) {
                return Err(EditError::MaskAsToken(edit.position));
            }
        }
        for edit in edits {
            match edit.act {
                EditAct::Write { token } => {
                    self.set(edit.position, token, Kind::Committed { step, probability: edit.probability });
                }
                EditAct::Mask => self.set(edit.position, self.mask, Kind::Masked),
                EditAct::Noise { token } => self.set(edit.position, token, Kind::Masked),
                EditAct::Insert { .. } | EditAct::Delete => {}
            }
        }
        let mut shifting: Vec<&Edit> =
            edits.iter().filter(|edit| matches!(edit.act, EditAct::Insert { .. } | EditAct::Delete)).collect();
        shifting.sort_by_key(|edit| std::cmp::Reverse(edit.position));
        shifting.dedup_by_key(|edit| edit.position);
        for edit in shifting {
            match edit.act {
                EditAct::Insert { masks } => self.splice(edit.position..edit.position, masks),
                _ => self.splice(edit.position..edit.position + 1, 0),
            }
        }
        Ok(())
    }

    fn editable(&self, position: usize) -> Result<(), EditError> {
        match self.kinds.get(position) {
            None => Err(EditError::Outside(position)),
            Some(kind) if kind.is_editable() => Ok(()),
            Some(_) => Err(EditError::NotEditable(position)),
        }
    }

    fn in_hole(&self, position: usize) -> Result<(), EditError> {
        match self.kinds.get(position) {
            None => Err(EditError::Outside(position)),
            Some(Kind::Fixed) => Err(EditError::NotEditable(position)),
            Some(_) => Ok(()),
        }
    }

    fn set(&mut self, position: usize, token: TokenId, kind: Kind) {
        if let (Some(id), Some(slot)) = (self.ids.get_mut(position), self.kinds.get_mut(position)) {
            (*id, *slot) = (token, kind);
        }
    }

    /// Replaces positions of one hole by so many masks. Limits that stood on removed positions go with them.
    fn splice(&mut self, range: Range<usize>, masks: usize) {
        let Some(hole) = self.hole_of(range.start) else { return };
        self.ids.splice(range.clone(), std::iter::repeat_n(self.mask, masks));
        self.kinds.splice(range.clone(), std::iter::repeat_n(Kind::Masked, masks));
        self.limits.splice(range.clone(), std::iter::repeat_with(Limit::default).take(masks));
        let moved = |position: usize| position + masks - range.len();
        self.holes[hole].end = moved(self.holes[hole].end);
        for later in &mut self.holes[hole + 1..] {
            *later = moved(later.start)..moved(later.end);
        }
    }
}

/// Puts a canvas together from left to right.
#[derive(Debug, Clone)]
pub struct CanvasBuilder {
    canvas: Canvas,
}

impl CanvasBuilder {
    /// Adds context that never changes.
    pub fn fixed(mut self, ids: &[TokenId]) -> Self {
        for &id in ids {
            self.push(id, Kind::Fixed);
        }
        self
    }

    /// Adds a hole of so many masks.
    pub fn hole(self, masks: usize) -> Self {
        self.hole_from(std::iter::repeat_n(Cell::Masked, masks))
    }

    /// Adds a hole of the given cells.
    pub fn hole_from(mut self, cells: impl IntoIterator<Item = Cell>) -> Self {
        let start = self.canvas.len();
        for cell in cells {
            match cell {
                Cell::Masked => self.push(self.canvas.mask, Kind::Masked),
                Cell::Pinned(id) => self.push(id, Kind::Pinned),
                Cell::Committed { id, probability } => self.push(id, Kind::Committed { step: 0, probability }),
                Cell::Original(id) => self.push(id, Kind::Original),
            }
        }
        let end = self.canvas.len();
        self.canvas.holes.push(start..end);
        self
    }

    /// The canvas.
    pub fn build(self) -> Canvas {
        self.canvas
    }

    fn push(&mut self, id: TokenId, kind: Kind) {
        self.canvas.ids.push(id);
        self.canvas.kinds.push(kind);
        self.canvas.limits.push(Limit::default());
    }
}

#[cfg(test)]
mod tests {
    use super::{Canvas, Cell, Edit, EditAct, EditError, Kind};

    const M: u32 = 99;

    fn edit(position: usize, act: EditAct) -> Edit {
        Edit { probability: 0.5, ..Edit::bare(position, act) }
    }

    fn two_holes() -> Canvas {
        Canvas::builder(M)
            .fixed(&[1])
            .hole(2)
            .fixed(&[2])
            .hole_from([Cell::Pinned(7), Cell::Original(8), Cell::Masked])
            .build()
    }

    #[test]
    fn a_canvas_is_built_left_to_right() {
        let canvas = two_holes();
        assert_eq!(canvas.ids(), [1, M, M, 2, 7, 8, M]);
        assert_eq!((canvas.hole_range(0), canvas.hole_range(1)), (1..3, 4..7));
        assert_eq!([0, 1, 3, 6].map(|p| canvas.hole_of(p)), [None, Some(0), None, Some(1)]);
        assert_eq!(canvas.masks_left(), 3);
    }

    #[test]
    fn fixed_and_pinned_positions_refuse_edits_and_nothing_is_half_applied() {
        for bad in [0, 3, 4] {
            let mut canvas = two_holes();
            let edits = [edit(1, EditAct::Write { token: 5 }), edit(bad, EditAct::Mask)];
            assert_eq!(canvas.apply(&edits, 1), Err(EditError::NotEditable(bad)));
            assert_eq!(canvas, two_holes());
        }
        assert_eq!(two_holes().apply(&[edit(70, EditAct::Mask)], 1), Err(EditError::Outside(70)));
    }

    #[test]
    fn the_mask_is_never_written_as_a_token() {
        let mut canvas = two_holes();
        assert_eq!(canvas.apply(&[edit(1, EditAct::Write { token: M })], 1), Err(EditError::MaskAsToken(1)));
    }

    #[test]
    fn insertions_and_deletions_use_positions_from_before_the_step() {
        let mut canvas = two_holes();
        let edits = [
            edit(1, EditAct::Insert { masks: 2 }),
            edit(2, EditAct::Write { token: 5 }),
            edit(5, EditAct::Delete),
            edit(6, EditAct::Write { token: 6 }),
        ];
        canvas.apply(&edits, 3).unwrap();
        assert_eq!(canvas.ids(), [1, M, M, M, 5, 2, 7, 6]);
        assert_eq!((canvas.hole_range(0), canvas.hole_range(1)), (1..5, 6..8));
        assert_eq!(canvas.kind(4), Kind::Committed { step: 3, probability: 0.5 });
    }

    #[test]
    fn a_hole_that_lost_its_last_position_is_empty_where_it_was() {
        let mut canvas = Canvas::builder(M).fixed(&[1]).hole(1).fixed(&[2]).hole(1).build();
        canvas.apply(&[edit(1, EditAct::Delete)], 0).unwrap();
        assert_eq!((canvas.hole_range(0), canvas.hole_range(1)), (1..1, 2..3));
        assert_eq!(canvas.hole_of(1), None);
        assert_eq!(canvas.hole_of(2), Some(1));
    }

    #[test]
    fn ids_with_masks_become_holes() {
        let canvas = Canvas::from_ids(&[M, M, 4, M], M);
        assert_eq!((canvas.hole_range(0), canvas.hole_range(1), canvas.ids()), (0..2, 3..4, [M, M, 4, M].as_slice()));
    }
}
