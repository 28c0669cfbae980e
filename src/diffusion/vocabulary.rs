//! Which tokens there are, and which of them the sampler must never propose.
//!
//! Banned are the mask itself, other special tokens, and rows of the head that belong to no token: none of them may
//! reach the document (DESIGN, invariant 3). Unit: token ids. Limit: a vocabulary with every id banned is refused.

use crate::diffusion::TokenId;

/// The tokens of a model as the sampler sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    size: usize,
    mask: TokenId,
    eos: Option<TokenId>,
    banned: Vec<TokenId>,
}

/// A vocabulary that leaves nothing to propose.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("all {size} tokens of the vocabulary are special, so there is nothing to propose")]
pub struct NothingToPropose {
    /// How many tokens there are.
    pub size: usize,
}

impl Vocabulary {
    /// A vocabulary of `size` rows of the head; the mask is banned whether `banned` names it or not.
    ///
    /// `mask` may lie outside of `size`: some models embed more tokens than they predict.
    pub fn new(
        size: usize,
        mask: TokenId,
        eos: Option<TokenId>,
        banned: impl IntoIterator<Item = TokenId>,
    ) -> Result<Self, NothingToPropose> {
        let mut banned: Vec<TokenId> = banned.into_iter().chain([mask]).collect();
        banned.sort_unstable();
        banned.dedup();
        let inside = banned.iter().filter(|&&id| (id as usize) < size).count();
        if inside >= size {
            return Err(NothingToPropose { size });
        }
        Ok(Self { size, mask, eos, banned })
    }

    /// The width of a row of logits.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The absorbing token.
    pub fn mask(&self) -> TokenId {
        self.mask
    }

    /// The token that ends a text, if the model has one.
    pub fn eos(&self) -> Option<TokenId> {
        self.eos
    }

    /// The ids that are never proposed, ascending; the mask is among them.
    pub fn banned(&self) -> &[TokenId] {
        &self.banned
    }

    /// Whether the id is never proposed; ids outside of the vocabulary are not.
    pub fn is_banned(&self, id: TokenId) -> bool {
        id as usize >= self.size || self.banned.binary_search(&id).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Vocabulary;

    #[test]
    fn the_mask_is_banned_without_being_named() {
        let vocabulary = Vocabulary::new(5, 4, Some(0), [2, 2]).unwrap();
        assert_eq!(vocabulary.banned(), [2, 4]);
        assert!(vocabulary.is_banned(4) && vocabulary.is_banned(9) && !vocabulary.is_banned(0));
    }

    #[test]
    fn a_vocabulary_of_specials_only_is_refused() {
        assert!(Vocabulary::new(2, 0, None, [1]).is_err());
        assert!(Vocabulary::new(0, 7, None, []).is_err());
    }
}
