//! The vocabulary as a tree of bytes, so that a whole vocabulary is tried against an automaton in one walk that skips every
//! branch whose first bytes are not allowed.

use super::language::{Language, Spot};
use crate::diffusion::TokenId;

/// One byte of one or more tokens, in preorder.
#[derive(Debug, Clone)]
struct Node {
    byte: u8,
    /// Bytes before this one.
    depth: u32,
    /// The first node that is not below this one.
    past: u32,
    /// The tokens that end here, as a stretch of `tokens`.
    ending: (u32, u32),
}

/// The tokens that may be proposed, by their bytes.
#[derive(Debug, Clone)]
pub struct Lexicon {
    nodes: Vec<Node>,
    tokens: Vec<TokenId>,
    bytes: Vec<Vec<u8>>,
}

impl Lexicon {
    /// Takes the bytes of each id of a vocabulary; an id without bytes stands for no text and is in no set.
    pub fn new(bytes: Vec<Vec<u8>>) -> Self {
        let mut tokens: Vec<TokenId> =
            (0..bytes.len() as TokenId).filter(|&id| !bytes[id as usize].is_empty()).collect();
        tokens.sort_by(|a, b| bytes[*a as usize].cmp(&bytes[*b as usize]).then(a.cmp(b)));
        let mut nodes: Vec<Node> = Vec::new();
        // The nodes on the way to the token before.
        let mut path: Vec<usize> = Vec::new();
        for (index, id) in tokens.iter().enumerate() {
            let text = &bytes[*id as usize];
            let shared = path.iter().zip(text).take_while(|(node, byte)| nodes[**node].byte == **byte).count();
            let past = nodes.len() as u32;
            path.drain(shared..).for_each(|node| nodes[node].past = past);
            for (depth, byte) in text.iter().enumerate().skip(shared) {
                path.push(nodes.len());
                nodes.push(Node { byte: *byte, depth: depth as u32, past: 0, ending: (0, 0) });
            }
            if let Some(node) = path.last().and_then(|node| nodes.get_mut(*node)) {
                let begin = if node.ending.1 > node.ending.0 { node.ending.0 } else { index as u32 };
                node.ending = (begin, index as u32 + 1);
            }
        }
        let past = nodes.len() as u32;
        path.drain(..).for_each(|node| nodes[node].past = past);
        Self { nodes, tokens, bytes }
    }

    /// One more than the largest id.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// A token's bytes; none for ids that stand for no text.
    pub fn bytes(&self, id: TokenId) -> &[u8] {
        self.bytes.get(id as usize).map_or(&[], Vec::as_slice)
    }

    /// Calls `found` with each token that may come next, and where it leads. Cost: the part of the tree that is allowed.
    pub fn walk(&self, language: &Language, from: Spot, mut found: impl FnMut(TokenId, Spot)) {
        let mut way = vec![from];
        let mut at = 0;
        while let Some(node) = self.nodes.get(at) {
            way.truncate(node.depth as usize + 1);
            let Some(spot) = way.last().and_then(|spot| language.step(*spot, node.byte)) else {
                at = node.past as usize;
                continue;
            };
            way.push(spot);
            for id in &self.tokens[node.ending.0 as usize..node.ending.1 as usize] {
                found(*id, spot);
            }
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diffusion::constraint::dfa::Dfa;

    #[test]
    fn a_walk_finds_what_asking_every_token_finds() {
        let words = ["b", "a", "", "ab", "abc", "b", "é", "\n", "bca", "abd"];
        let lexicon = Lexicon::new(words.map(|word| word.as_bytes().to_vec()).to_vec());
        for pattern in ["a.*", "(?s).*", "b?ca*", "[^a]+"] {
            let language = Language::new(b"", Arc::new(Dfa::regex(pattern).unwrap()), b"");
            let mut walked = Vec::new();
            lexicon.walk(&language, language.start(), |id, spot| walked.push((id, spot)));
            walked.sort_unstable();
            let asked: Vec<_> = (0..10)
                .filter(|id| !lexicon.bytes(*id).is_empty())
                .filter_map(|id| Some((id, language.walk(language.start(), lexicon.bytes(id))?)))
                .collect();
            assert_eq!(walked, asked, "{pattern}");
        }
    }
}
