//! A run whose holes may not hold just anything: what is proposed, and what of a step is made.

use super::{Run, RunError};
use crate::diffusion::canvas::{Edit, EditAct};
use crate::diffusion::constraint::limits::Limits;
use crate::diffusion::rng::Draw;

impl<D: Draw> Run<D> {
    /// The same run with limits on what its holes may hold.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Limits the canvas as it stands, and forgets guesses that are not allowed any more.
    pub fn limit(&mut self) -> Result<(), RunError> {
        self.limits.apply(&mut self.canvas)?;
        let canvas = &self.canvas;
        self.guesses.retain(|_, guess| canvas.limit(guess.position).is_some_and(|limit| limit.allows(guess.token)));
        Ok(())
    }

    /// Leaves out edits that are possible each but not together. A change of a hole's length that is refused is not
    /// proposed there again.
    pub(super) fn admit(&mut self, edits: &mut Vec<Edit>) -> Result<(), RunError> {
        let refused = self.limits.refused(&self.canvas, edits)?;
        let controls = self.vocabulary.controls();
        for edit in refused.iter().filter_map(|index| edits.get(*index)) {
            let control = match edit.act {
                EditAct::Insert { .. } => controls.expand,
                EditAct::Delete => controls.delete,
                _ => None,
            };
            if let Some(control) = control {
                self.canvas.forbid(edit.position, control)?;
            }
        }
        let mut index = 0..;
        edits.retain(|_| index.next().is_some_and(|index| !refused.contains(&index)));
        Ok(())
    }
}
