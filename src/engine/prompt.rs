//! The document as a canvas: which tokens stand around each hole, and how much of the text the model gets to see.
//!
//! Three things happen here. *Tokens*: the text before, between and after the holes is tokenised piece by piece, so
//! that a token boundary lies at each edge (`reference/models.md` 1.3). *Seams*: byte-level vocabularies keep a word's
//! space in front of it, so a space before a hole belongs to the hole's first token; it is taken off the text and the
//! first token is required to bring it (`reference/decoding.md` 4.5). *Window*: when the document is longer than the
//! window, each hole keeps the same number of tokens on both sides, as many as fit.
//!
//! Unit: tokens. What depends on the holes' lengths is built later, by [`Prompt::canvas`].

use std::sync::Arc;

use super::job::words::rebuilt;
use super::protocol::{HoleId, HolePart, Length, Part};
use crate::diffusion::TokenId;
use crate::diffusion::canvas::{Canvas, Cell};
use crate::model::{Model, ModelError, Tokenizer};

/// Tokens around the holes that are looked at, where the model could take more: what the default model was trained
/// on, and what keeps a pass short on a CPU.
const WINDOW: usize = 256;
/// More where a GPU makes it cheap.
const WINDOW_ON_GPU: usize = 1024;
/// A token is seldom shorter than this many bytes in text worth looking at; farther text is not even tokenised.
const BYTES_PER_TOKEN: usize = 16;

/// A hole as the canvas needs it.
#[derive(Debug, Clone)]
pub(crate) struct HolePlan {
    pub(crate) part: HolePart,
    /// The space before the hole was taken into it.
    pub(crate) leading_space: bool,
    /// Tokens of the original text, the space included.
    pub(crate) original: Vec<TokenId>,
}

impl HolePlan {
    pub(crate) fn id(&self) -> HoleId {
        self.part.id
    }

    /// Shortest and longest length that was asked for, or these where that was left open.
    pub(crate) fn bounds(&self, auto: (usize, usize)) -> (usize, usize) {
        match self.part.length {
            Length::Auto => auto,
            Length::Fixed(length) => (length.max(1), length.max(1)),
            Length::Range(from, to) => (from.min(to).max(1), from.max(to).max(1)),
        }
    }
}

/// The document, tokenised: `texts[0] holes[0] texts[1] holes[1] ... texts[n]`.
#[derive(Debug, Clone)]
pub(crate) struct Prompt {
    texts: Vec<Vec<TokenId>>,
    pub(crate) holes: Vec<HolePlan>,
    window: usize,
    context: usize,
    /// Put at the front when a hole would otherwise have no row to be predicted from.
    bos: Option<TokenId>,
    /// Tokens that may open a hole whose space was taken in.
    spaced: Arc<[bool]>,
}

impl Prompt {
    /// Tokenises a request.
    pub(crate) fn new(parts: &[Part], model: &Model, spaced: &Arc<[bool]>) -> Result<Self, ModelError> {
        let tokenizer = model.tokenizer()?;
        let context = crate::diffusion::Denoiser::context(model);
        let window = if model.device() == "cpu" { WINDOW } else { WINDOW_ON_GPU }.min(context);
        let (mut strings, parts) = split(parts);
        let heal = spaced.iter().any(|spaced| *spaced);
        let mut holes = Vec::with_capacity(parts.len());
        for (index, part) in parts.into_iter().enumerate() {
            let leading_space = heal && strings[index].ends_with(' ');
            if leading_space {
                strings[index].pop();
            }
            let original = if leading_space { format!(" {}", part.original) } else { part.original.clone() };
            let original = if part.original.is_empty() { Vec::new() } else { tokenizer.encode(&original)? };
            holes.push(HolePlan { part, leading_space, original });
        }
        let last = strings.len() - 1;
        let mut texts = Vec::with_capacity(strings.len());
        for (index, text) in strings.iter().enumerate() {
            texts.push(encode_near(tokenizer, text, index > 0, index < last, context)?);
        }
        let bos = if model.descriptor.shift == 1 { model.descriptor.bos } else { None };
        Ok(Self { texts, holes, window, context, bos, spaced: spaced.clone() })
    }

    /// The most tokens that one hole of open length can have while every other has at least its shortest length.
    pub(crate) fn longest_hole(&self) -> usize {
        let others: usize = self.holes.iter().map(|hole| hole.bounds((1, 1)).0).sum();
        (self.window / 2).saturating_sub(others).max(1)
    }

    /// The canvas with these cells in the holes.
    ///
    /// # Errors
    /// A sentence when the holes alone are longer than the model's context.
    pub(crate) fn canvas(&self, mask: TokenId, cells: &[Vec<Cell>]) -> Result<Canvas, ModelError> {
        let in_holes: usize = cells.iter().map(Vec::len).sum();
        if in_holes + 1 > self.context {
            let context = self.context;
            let message = format!(
                "the holes take {in_holes} tokens and the model's context is {context}; make them shorter or fill fewer at once"
            );
            return Err(ModelError::Input(message));
        }
        // Large holes still get their neighbourhood, as far as the context reaches.
        let budget = self.window.max(in_holes + self.window / 2).min(self.context) - in_holes - 1;
        let texts = window(&self.texts, budget);
        let mut builder = Canvas::builder(mask);
        if texts[0].is_empty() {
            builder = builder.fixed(self.bos.as_slice());
        }
        for (index, text) in texts.iter().enumerate() {
            builder = builder.fixed(text);
            if let Some(cells) = cells.get(index) {
                builder = builder.hole_from(cells.iter().copied());
            }
        }
        let mut canvas = builder.build();
        for (index, hole) in self.holes.iter().enumerate() {
            let range = canvas.hole_range(index);
            if hole.leading_space && !range.is_empty() {
                // Pinned positions take no constraint and need none.
                let _ = canvas.allow_only(range.start, self.spaced.clone());
            }
        }
        Ok(canvas)
    }

    /// The canvas with these words masked. With `keep_spaces`, a word that began with a space must again.
    pub(crate) fn remask(&self, canvas: &Canvas, words: &[std::ops::Range<usize>], keep_spaces: bool) -> Canvas {
        let chosen = |position: usize| words.iter().any(|word| word.contains(&position));
        let mut masked = rebuilt(canvas, |position, cell| if chosen(position) { Cell::Masked } else { cell });
        let spaced = |position: usize| {
            let id = canvas.ids().get(position).copied().unwrap_or_default();
            self.spaced.get(id as usize).copied().unwrap_or(false)
        };
        let first_of_hole = |position: usize| {
            let leads =
                |(index, hole): (usize, &HolePlan)| hole.leading_space && canvas.hole_range(index).start == position;
            self.holes.iter().enumerate().any(leads)
        };
        for word in words {
            if first_of_hole(word.start) || (keep_spaces && spaced(word.start)) {
                let _ = masked.allow_only(word.start, self.spaced.clone());
            }
        }
        masked
    }
}

/// Which tokens open a word after a space: a space, then something that is none.
pub(crate) fn spaced_tokens(tokenizer: &Tokenizer, vocabulary: usize) -> Arc<[bool]> {
    let opens = |id: usize| match tokenizer.bytes(id as TokenId) {
        [b' ', second, ..] => !second.is_ascii_whitespace(),
        _ => false,
    };
    (0..vocabulary).map(opens).collect()
}

/// Text and holes in turn, beginning and ending with text (which may be empty).
fn split(parts: &[Part]) -> (Vec<String>, Vec<HolePart>) {
    let mut strings = vec![String::new()];
    let mut holes = Vec::new();
    for part in parts {
        match part {
            Part::Text(text) => strings.last_mut().into_iter().for_each(|last| last.push_str(text)),
            Part::Hole(hole) => {
                holes.push(hole.clone());
                strings.push(String::new());
            }
        }
    }
    (strings, holes)
}

/// Tokenises what can matter of a text: its start when a hole lies before it, its end when one lies after it.
fn encode_near(
    tokenizer: &Tokenizer,
    text: &str,
    hole_before: bool,
    hole_after: bool,
    context: usize,
) -> Result<Vec<TokenId>, ModelError> {
    let reach = context * BYTES_PER_TOKEN;
    match (hole_before, hole_after) {
        (false, true) => tokenizer.encode(&text[cut(text, text.len().saturating_sub(reach))..]),
        (true, false) => tokenizer.encode(&text[..cut(text, reach.min(text.len()))]),
        _ if text.len() > 2 * reach => {
            let mut ids = tokenizer.encode(&text[..cut(text, reach)])?;
            ids.extend(tokenizer.encode(&text[cut(text, text.len() - reach)..])?);
            Ok(ids)
        }
        _ => tokenizer.encode(text),
    }
}

/// The next word's start at or after a byte, so that no character and, where words are of sane length, no word is cut.
fn cut(text: &str, byte: usize) -> usize {
    let mut start = byte.min(text.len());
    while !text.is_char_boundary(start) {
        start += 1;
    }
    if start == 0 {
        return 0;
    }
    text[start..].find(char::is_whitespace).map_or(start, |offset| start + offset)
}

/// Keeps of each text the tokens next to holes, the same number on each side of every hole, at most `budget` in all.
fn window(texts: &[Vec<TokenId>], budget: usize) -> Vec<Vec<TokenId>> {
    let last = texts.len() - 1;
    let sides = |index: usize| usize::from(index > 0) + usize::from(index < last);
    let taken = |reach: usize| -> usize {
        texts.iter().enumerate().map(|(index, text)| text.len().min(reach.saturating_mul(sides(index)))).sum()
    };
    let longest = texts.iter().map(Vec::len).max().unwrap_or(0);
    // `taken` grows with the reach: the largest reach that fits, by bisection.
    let (mut fits, mut too_far) = (0, longest + 1);
    while too_far - fits > 1 {
        let middle = usize::midpoint(fits, too_far);
        if taken(middle) <= budget { fits = middle } else { too_far = middle }
    }
    // What short outer texts leave over goes to the text before the first hole, then to the text after the last.
    let mut spare = budget.saturating_sub(taken(fits));
    let mut kept = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let mut reach = fits;
        if (index == 0 || index == last) && text.len() > reach {
            let more = spare.min(text.len() - reach);
            reach += more;
            spare -= more;
        }
        kept.push(match (index > 0, index < last) {
            (false, true) => text[text.len().saturating_sub(reach)..].to_vec(),
            (true, false) => text[..text.len().min(reach)].to_vec(),
            _ if text.len() > 2 * reach => [&text[..reach], &text[text.len() - reach..]].concat(),
            _ => text.clone(),
        });
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_document_is_seen_whole() {
        let texts = vec![vec![1, 2], vec![3], vec![4, 5, 6]];
        assert_eq!(window(&texts, 6), texts);
    }

    #[test]
    fn each_hole_keeps_its_neighbourhood() {
        let texts = vec![(0..100).collect::<Vec<_>>(), (100..200).collect(), (200..300).collect()];
        let kept = window(&texts, 40);
        assert_eq!(kept[0], (90..100).collect::<Vec<_>>());
        assert_eq!(kept[1], (100..110).chain(190..200).collect::<Vec<_>>());
        assert_eq!(kept[2], (200..210).collect::<Vec<_>>());
    }

    #[test]
    fn what_one_side_does_not_need_goes_to_the_other() {
        let texts = vec![(0..100).collect::<Vec<_>>(), vec![200, 201]];
        let kept = window(&texts, 20);
        assert_eq!(kept[0].len(), 18);
        assert_eq!(kept[1], vec![200, 201]);
    }

    #[test]
    fn nothing_fits_in_no_budget() {
        assert_eq!(window(&[vec![1], vec![2]], 0), vec![Vec::<u32>::new(), Vec::new()]);
    }

    #[test]
    fn cuts_lie_at_words() {
        let text = "one two drei";
        assert_eq!(cut(text, 0), 0);
        assert_eq!(&text[cut(text, 5)..], " drei");
        assert_eq!(cut("ééé", 1), 2);
        assert_eq!(cut(text, 99), text.len());
    }

    #[test]
    fn text_and_holes_alternate() {
        let hole =
            |id| Part::Hole(HolePart { id: HoleId(id), original: String::new(), length: Length::Auto, resume: None });
        let (strings, holes) = split(&[hole(1), Part::Text("a".into()), Part::Text("b".into()), hole(2), hole(3)]);
        assert_eq!(strings, ["", "ab", "", ""]);
        assert_eq!(holes.iter().map(|hole| hole.id.0).collect::<Vec<_>>(), [1, 2, 3]);
    }
}
