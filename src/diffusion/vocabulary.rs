//! Which tokens there are, and which of them the sampler must never propose.
//!
//! Banned are the mask itself, other special tokens, and rows of the head that belong to no token: none of them may
//! reach the document (DESIGN, invariant 3). Unit: token ids. Limit: a vocabulary with every id banned is refused.

use std::sync::Arc;

use crate::diffusion::TokenId;

/// The tokens of a model as the sampler sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    size: usize,
    mask: TokenId,
    eos: Option<TokenId>,
    banned: Vec<TokenId>,
    controls: Controls,
    /// Those that are banned for nothing else.
    only_controls: Vec<TokenId>,
    /// What each token is in a text; without a tokenizer all count as words.
    said: Arc<[Said]>,
}

/// What a token is in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// A word, with the blank before it.
    Word,
    /// Anything else: signs, parts of words, names in code.
    Sign,
    /// A line break is in it.
    Break,
}

/// Tokens that say how a hole's length changes, in models that were trained with them (DreamOn, LLaDA2.2). Only a sampler
/// that obeys them may propose them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Controls {
    /// Two masks in place of one.
    pub expand: Option<TokenId>,
    /// The position is taken out.
    pub delete: Option<TokenId>,
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
        let (controls, only_controls, said) = (Controls::default(), Vec::new(), Arc::default());
        Ok(Self { size, mask, eos, banned, controls, only_controls, said })
    }

    /// The same with what its tokens are in a text, from token 0.
    #[must_use]
    pub fn saying(mut self, said: impl Iterator<Item = Said>) -> Self {
        self.said = said.collect();
        self
    }

    /// What a token is in a text.
    pub fn said(&self, id: TokenId) -> Said {
        self.said.get(id as usize).copied().unwrap_or(Said::Word)
    }

    /// The same with these control tokens in place of others; whoever does not obey them never proposes them.
    pub fn with_controls(mut self, controls: Controls) -> Self {
        let before = std::mem::take(&mut self.only_controls);
        self.banned.retain(|id| !before.contains(id));
        self.only_controls = [controls.expand, controls.delete].into_iter().flatten().collect();
        self.only_controls.retain(|id| self.banned.binary_search(id).is_err());
        self.banned.extend(&self.only_controls);
        self.banned.sort_unstable();
        self.banned.dedup();
        self.controls = controls;
        self
    }

    /// The same, but the mask may be proposed, and leaves a position masked where it is: for repeating what reference code
    /// does that does not ban it.
    pub fn proposing_mask(mut self) -> Self {
        self.banned.retain(|id| *id != self.mask);
        self
    }

    /// The control tokens.
    pub fn controls(&self) -> Controls {
        self.controls
    }

    /// The token that ends a text: that which takes positions out, or the model's own.
    pub fn end(&self) -> Option<TokenId> {
        self.controls.delete.or(self.eos)
    }

    /// How many tokens may be proposed; at least 1.
    pub fn proposable(&self) -> usize {
        let banned = self.banned.partition_point(|&id| (id as usize) < self.size);
        self.size.saturating_sub(banned).max(1)
    }

    /// The token that may be proposed with so many such below it.
    pub fn nth_proposable(&self, n: usize) -> TokenId {
        let ids = (0..self.size as TokenId).filter(|id| !self.is_banned(*id));
        ids.take(n + 1).last().unwrap_or_default()
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
    fn control_tokens_are_banned_and_counted_out() {
        let controls = super::Controls { expand: Some(1), delete: Some(9) };
        let vocabulary = Vocabulary::new(5, 4, None, []).unwrap().with_controls(controls);
        assert!(vocabulary.is_banned(1) && vocabulary.controls() == controls);
        assert_eq!((vocabulary.proposable(), vocabulary.nth_proposable(1), vocabulary.nth_proposable(70)), (3, 2, 3));
        // Others in their place: what was banned as a control token alone is text again.
        let others = super::Controls { expand: None, delete: Some(2) };
        assert_eq!(vocabulary.with_controls(others).banned(), [2, 4]);
    }

    #[test]
    fn a_vocabulary_of_specials_only_is_refused() {
        assert!(Vocabulary::new(2, 0, None, [1]).is_err());
        assert!(Vocabulary::new(0, 7, None, []).is_err());
    }
}
