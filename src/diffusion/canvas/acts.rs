//! What a user does to a canvas between two steps: the only changes that reach pinned positions.

use std::sync::Arc;

use super::{Canvas, EditError, Kind};
use crate::diffusion::TokenId;

/// One act of a user on one position of a hole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserAct {
    /// [`Canvas::pin`].
    Pin(usize),
    /// [`Canvas::unpin`].
    Unpin(usize),
    /// [`Canvas::pin_as`].
    PinAs(usize, TokenId),
    /// [`Canvas::write_over`]: the only act that moves positions.
    WriteOver(usize, Arc<[TokenId]>),
    /// [`Canvas::mask_again`].
    MaskAgain(usize),
    /// [`Canvas::restore`].
    Restore(usize, TokenId),
    /// [`Canvas::forbid`].
    Forbid(usize, TokenId),
}

impl UserAct {
    /// Does it.
    ///
    /// # Errors
    /// The canvas refuses it, and is as it was.
    pub fn apply(&self, canvas: &mut Canvas) -> Result<(), EditError> {
        match self {
            UserAct::Pin(position) => canvas.pin(*position),
            UserAct::Unpin(position) => canvas.unpin(*position),
            UserAct::PinAs(position, token) => canvas.pin_as(*position, *token),
            UserAct::WriteOver(position, tokens) => canvas.write_over(*position, tokens),
            UserAct::MaskAgain(position) => canvas.mask_again(*position),
            UserAct::Restore(position, token) => canvas.restore(*position, *token),
            UserAct::Forbid(position, token) => canvas.forbid(*position, *token),
        }
    }

    /// Where a position is after it; none if there is no such position any more.
    pub fn moved(&self, position: usize) -> Option<usize> {
        match self {
            UserAct::WriteOver(at, tokens) if position > *at => Some(position + tokens.len() - 1),
            UserAct::WriteOver(at, tokens) if position == *at && tokens.len() != 1 => None,
            _ => Some(position),
        }
    }
}

impl Canvas {
    /// The user keeps the token at a position for good.
    pub fn pin(&mut self, position: usize) -> Result<(), EditError> {
        match self.kinds.get_mut(position) {
            None => Err(EditError::Outside(position)),
            Some(Kind::Fixed) => Err(EditError::NotEditable(position)),
            Some(Kind::Masked) => Err(EditError::NothingToPin(position)),
            Some(kind) => {
                *kind = Kind::Pinned;
                Ok(())
            }
        }
    }

    /// The user lets a sampler change a pinned position again. Whatever its token was thought of before, it is now as one
    /// that was surely written; other positions stay as they are.
    pub fn unpin(&mut self, position: usize) -> Result<(), EditError> {
        self.in_hole(position)?;
        if let Some(kind) = self.kinds.get_mut(position).filter(|kind| **kind == Kind::Pinned) {
            *kind = Kind::Committed { step: 0, probability: 1.0 };
        }
        Ok(())
    }

    /// The user puts a token of their own at a position of a hole, for good.
    pub fn pin_as(&mut self, position: usize, token: TokenId) -> Result<(), EditError> {
        if token == self.mask {
            return Err(EditError::MaskAsToken(position));
        }
        self.in_hole(position)?;
        self.set(position, token, Kind::Pinned);
        Ok(())
    }

    /// The user puts tokens of their own in the place of one position of a hole, for good. Positions behind it move.
    pub fn write_over(&mut self, position: usize, tokens: &[TokenId]) -> Result<(), EditError> {
        if tokens.is_empty() || tokens.contains(&self.mask) {
            return Err(EditError::MaskAsToken(position));
        }
        self.in_hole(position)?;
        if tokens.len() > 1 {
            self.splice(position..position + 1, tokens.len());
        }
        for (at, token) in (position..).zip(tokens) {
            self.set(at, *token, Kind::Pinned);
        }
        Ok(())
    }

    /// The user masks a position of a hole again, pinned or not.
    pub fn mask_again(&mut self, position: usize) -> Result<(), EditError> {
        self.in_hole(position)?;
        self.set(position, self.mask, Kind::Masked);
        Ok(())
    }

    /// A position of a hole holds the document's own token again.
    pub fn restore(&mut self, position: usize, token: TokenId) -> Result<(), EditError> {
        if token == self.mask {
            return Err(EditError::MaskAsToken(position));
        }
        self.in_hole(position)?;
        self.set(position, token, Kind::Original);
        Ok(())
    }

    /// Forbids one more token at a position of a hole; a token already there stays.
    pub fn forbid(&mut self, position: usize, token: TokenId) -> Result<(), EditError> {
        self.in_hole(position)?;
        if let Some(limit) = self.limits.get_mut(position).filter(|limit| !limit.banned.contains(&token)) {
            limit.banned.push(token);
        }
        Ok(())
    }

    /// The tokens forbidden at a position of a hole are these.
    pub(crate) fn set_banned(&mut self, position: usize, banned: &[TokenId]) {
        if let Some(limit) = self.limits.get_mut(position) {
            limit.banned = banned.to_vec();
        }
    }

    /// From now on only the tokens marked `true` may be proposed at a position of a hole. Bans that would leave none of
    /// them are lifted.
    pub fn allow_only(&mut self, position: usize, allowed: Arc<[bool]>) -> Result<(), EditError> {
        self.in_hole(position)?;
        if let Some(limit) = self.limits.get_mut(position) {
            let banned = |id: usize| limit.banned.contains(&(id as TokenId));
            if !allowed.iter().enumerate().any(|(id, allowed)| *allowed && !banned(id)) {
                limit.banned.clear();
            }
            limit.allowed = Some(allowed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Cell;
    use super::*;

    const M: TokenId = 99;

    fn two_holes() -> Canvas {
        Canvas::builder(M)
            .fixed(&[1])
            .hole(2)
            .fixed(&[2])
            .hole_from([Cell::Pinned(7), Cell::Original(8), Cell::Masked])
            .build()
    }

    #[test]
    fn the_user_pins_masks_and_forbids() {
        let mut canvas = two_holes();
        assert_eq!(canvas.pin(1), Err(EditError::NothingToPin(1)));
        assert_eq!(canvas.pin_as(0, 3), Err(EditError::NotEditable(0)));
        canvas.pin_as(1, 3).unwrap();
        canvas.pin(5).unwrap();
        canvas.mask_again(4).unwrap();
        canvas.forbid(2, 11).unwrap();
        assert_eq!(canvas.ids(), [1, 3, M, 2, M, 8, M]);
        assert!(!canvas.limit(2).unwrap().allows(11) && canvas.limit(2).unwrap().allows(12));
        canvas.unpin(5).unwrap();
        assert!(canvas.kind(5).is_editable() && canvas.kind(5).is_written());
        canvas.restore(4, 6).unwrap();
        assert_eq!((canvas.ids()[4], canvas.kind(4)), (6, Kind::Original));
    }

    #[test]
    fn words_of_several_tokens_make_room_and_say_where_everything_went() {
        let mut canvas = two_holes();
        let act = UserAct::WriteOver(1, [3, 4, 5].into());
        act.apply(&mut canvas).unwrap();
        assert_eq!(canvas.ids(), [1, 3, 4, 5, M, 2, 7, 8, M]);
        assert_eq!((canvas.hole_range(0), canvas.hole_range(1)), (1..5, 6..9));
        assert_eq!(canvas.kinds()[1..5], [Kind::Pinned, Kind::Pinned, Kind::Pinned, Kind::Masked]);
        assert_eq!([0, 1, 2, 5].map(|position| act.moved(position)), [Some(0), None, Some(4), Some(7)]);
        assert_eq!(UserAct::WriteOver(0, [3].into()).apply(&mut canvas), Err(EditError::NotEditable(0)));
        assert_eq!(canvas.write_over(1, &[M]), Err(EditError::MaskAsToken(1)));
    }
}
