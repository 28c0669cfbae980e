//! The document as a canvas: which tokens stand around each hole, and how much of the text the model gets to see.
//!
//! Three things happen here. *Edges*: each hole takes in what may share a token with it ([`super::boundary`]), so that the
//! text outside is tokenised as if the hole were not there. *Tokens*: the texts before, between and after the holes are
//! tokenised piece by piece. *Window*: when the document is longer than the window, each hole keeps the same number of
//! tokens on both sides, as many as fit.
//!
//! Unit: tokens. What depends on the holes' lengths is built later, by [`Prompt::canvas`].

use std::ops::Range;
use std::sync::Arc;

use super::boundary::{self, Edge};
use super::chat::Frame;
use super::job::words::rebuilt;
use super::protocol::{HoleId, HolePart, Length, Part};
use crate::diffusion::TokenId;
use crate::diffusion::canvas::{Canvas, Cell};
use crate::diffusion::constraint::dfa::Dfa;
use crate::diffusion::constraint::language::Language;
use crate::diffusion::constraint::lattice::Lattice;
use crate::diffusion::constraint::lexicon::Lexicon;
use crate::diffusion::constraint::limits::Limits;
use crate::diffusion::constraint::{ConstraintError, rules};
use crate::diffusion::vocabulary::Vocabulary;
use crate::model::{Model, ModelError, Tokenizer};

/// Tokens looked at for one hole, where the model could take more. Measured on 36 held-out holes of 4 tokens, nats per
/// token with the default model: 4.98 with 48 tokens of context, 4.74 with 96, 4.55 with 128, 4.52 with 256 (standard
/// error of the differences 0.15); the time grows with the length.
const WINDOW: usize = 128;
/// And for each further one, as their neighbourhoods seldom overlap.
const WINDOW_PER_HOLE: usize = 64;
/// What the default model was trained on, and what keeps a pass short on a CPU.
const LONGEST_WINDOW: usize = 256;
/// More where a GPU makes it cheap.
const WINDOW_ON_GPU: usize = 1024;
/// And no more for models that were tuned on conversations: their texts were this short, and they degrade on longer ones
/// (`models.md` section 7, trap 10).
const WINDOW_IN_CONVERSATION: usize = 512;
/// A token is seldom shorter than this many bytes in text worth looking at; farther text is not even tokenised.
const BYTES_PER_TOKEN: usize = 16;

/// A hole as the canvas needs it.
#[derive(Debug, Clone)]
pub(crate) struct HolePlan {
    pub(crate) part: HolePart,
    /// What it took in of the text before it.
    pub(crate) left: Edge,
    /// What it took in of the text after it.
    pub(crate) right: Edge,
    /// Tokens of the original text, but for those that stand at the edges.
    pub(crate) original: Vec<TokenId>,
    /// What its own text must be like.
    pub(crate) body: Arc<Dfa>,
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
    choices: Choices,
    /// The conversation around the document, which no window cuts.
    pub(crate) frame: Frame,
}

impl Prompt {
    /// Tokenises a request. With `keeps`, the holes' original text is what the job begins with.
    pub(crate) fn new(parts: &[Part], keeps: bool, model: &Model, choices: &Choices) -> Result<Self, ModelError> {
        let tokenizer = model.tokenizer()?;
        let context = crate::diffusion::Denoiser::context(model);
        let (strings, parts) = split(parts);
        let window = longest_window(parts.len(), model.device() != "cpu").min(context);
        let (kept, holes) = plan(&strings, parts, keeps, tokenizer, choices)?;
        let mut texts = Vec::with_capacity(kept.len());
        for (index, text) in kept.iter().enumerate() {
            let taken = holes.get(index).map(|hole| hole.left.bytes.len());
            texts.push(encode_near(tokenizer, text, index > 0, taken, context)?);
        }
        let bos = if model.descriptor.shift == 1 { model.descriptor.bos } else { None };
        Ok(Self { texts, holes, window, context, bos, choices: choices.clone(), frame: Frame::default() })
    }

    /// The same with a conversation around the document.
    pub(crate) fn within(self, frame: Frame) -> Self {
        Self { window: narrowed(self.window, &frame), frame, ..self }
    }

    /// About how much memory it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let texts = self.texts.iter().map(Vec::len).sum::<usize>() * size_of::<TokenId>();
        texts + self.holes.iter().map(|hole| size_of::<HolePlan>() + hole.part.original.len()).sum::<usize>()
    }

    /// The most tokens that one hole of open length can have while every other has at least its shortest length.
    pub(crate) fn longest_hole(&self) -> usize {
        let others = self.holes.iter().map(|hole| hole.bounds((1, 1)).0).fold(0, usize::saturating_add);
        (self.window / 2).saturating_sub(others).max(1)
    }

    /// How many tokens a canvas with so many in its holes can have.
    ///
    /// # Errors
    /// A sentence when that leaves nothing for the text around.
    pub(crate) fn room_for(&self, in_holes: usize) -> Result<usize, ModelError> {
        let context = self.context.saturating_sub(self.frame.len());
        if in_holes < context {
            return Ok(context);
        }
        let (room, most) = (if self.frame.len() == 0 { "is" } else { "has room for" }, context.saturating_sub(1));
        Err(ModelError::Input(format!(
            "the holes take {in_holes} tokens and the model's context {room} {context}, at most {most} of them in holes; make them shorter or fill fewer at once"
        )))
    }

    /// The canvas with these cells in the holes.
    ///
    /// # Errors
    /// A sentence when the holes alone are longer than the model's context.
    pub(crate) fn canvas(&self, mask: TokenId, cells: &[Vec<Cell>]) -> Result<Canvas, ModelError> {
        let standing: usize = self.holes.iter().map(|hole| hole.left.standing.len() + hole.right.standing.len()).sum();
        let in_holes = cells.iter().map(Vec::len).sum::<usize>() + standing;
        let context = self.room_for(in_holes)?;
        // Large holes still get their neighbourhood, as far as the context reaches.
        let budget = self.window.max(in_holes + self.window / 2).min(context) - in_holes - 1;
        let texts = window(&self.texts, budget);
        let mut builder = Canvas::builder(mask).fixed(&self.frame.head);
        if texts[0].is_empty() && self.frame.head.is_empty() {
            builder = builder.fixed(self.bos.as_slice());
        }
        for (index, text) in texts.iter().enumerate() {
            builder = builder.fixed(text);
            if let (Some(cells), Some(hole)) = (cells.get(index), self.holes.get(index)) {
                let standing = |edge: &'_ Edge| edge.standing.iter().map(|id| Cell::Pinned(*id)).collect::<Vec<_>>();
                let (left, right) = (standing(&hole.left), standing(&hole.right));
                builder = builder.hole_from(left.into_iter().chain(cells.iter().copied()).chain(right));
            }
        }
        Ok(builder.fixed(&self.frame.tail).build())
    }

    /// The positions of a hole on a canvas, but for those that stand at its edges.
    pub(crate) fn own_range(&self, canvas: &Canvas, hole: usize) -> Range<usize> {
        let range = canvas.hole_range(hole);
        let Some(plan) = self.holes.get(hole) else { return range };
        let (left, right) = (plan.left.standing.len(), plan.right.standing.len());
        let start = (range.start + left).min(range.end);
        start..range.end.saturating_sub(right).max(start)
    }

    /// What may stand in the holes: all that is demanded of each, and, where what is written already breaks that, only that
    /// the bytes on both sides come out again.
    pub(crate) fn limits(&self) -> Limits {
        let lattices = |hole: &HolePlan| {
            let lattice = |body: Arc<Dfa>| {
                let language = Language::new(&hole.left.bytes, body, &hole.right.bytes);
                Lattice::new(language, self.choices.lexicon.clone()).with_controls(&self.choices.controls)
            };
            vec![lattice(hole.body.clone()), lattice(Arc::new(Dfa::any()))]
        };
        Limits::new(self.holes.iter().map(lattices).collect())
    }

    /// The canvas with these words masked. With `keep_spaces`, a word that began with a space must again.
    pub(crate) fn remask(&self, canvas: &Canvas, words: &[Range<usize>], keep_spaces: bool) -> Canvas {
        let chosen = |position: usize| words.iter().any(|word| word.contains(&position));
        let mut masked = rebuilt(canvas, |position, cell| if chosen(position) { Cell::Masked } else { cell });
        let spaced = |position: usize| {
            let id = canvas.ids().get(position).copied().unwrap_or_default();
            self.choices.spaced.get(id as usize).copied().unwrap_or(false)
        };
        for word in words.iter().filter(|word| keep_spaces && spaced(word.start)) {
            let limited = masked.allow_only(word.start, self.choices.spaced.clone());
            debug_assert!(limited.is_ok(), "word {word:?} is in no hole");
        }
        masked
    }
}

/// What is derived from a vocabulary once.
#[derive(Debug, Clone)]
pub(crate) struct Choices {
    /// By id: whether a token is a space and the start of a word, or a space alone, as vocabularies that split numbers
    /// into digits need it before one.
    spaced: Arc<[bool]>,
    /// The bytes of all tokens that may be proposed.
    lexicon: Arc<Lexicon>,
    /// Tokens that change a hole's length.
    controls: Vec<TokenId>,
}

impl Choices {
    /// Reads them off a vocabulary.
    pub(crate) fn of(tokenizer: &Tokenizer, vocabulary: &Vocabulary) -> Self {
        let rows = vocabulary.size();
        let opens = |id: usize| match tokenizer.bytes(id as TokenId) {
            b" " => true,
            [b' ', second, ..] => !second.is_ascii_whitespace(),
            _ => false,
        };
        let text = |id: TokenId| if vocabulary.is_banned(id) { Vec::new() } else { tokenizer.bytes(id).to_vec() };
        let lexicon = Arc::new(Lexicon::new((0..rows as TokenId).map(text).collect()));
        let controls = vocabulary.controls();
        let controls = [controls.expand, controls.delete].into_iter().flatten().collect();
        Self { spaced: (0..rows).map(opens).collect(), lexicon, controls }
    }

    /// Whether words bring the space before them.
    fn has_spaces(&self) -> bool {
        self.spaced.contains(&true)
    }
}

/// The most tokens that are looked at for so many holes.
fn longest_window(holes: usize, on_gpu: bool) -> usize {
    if on_gpu { WINDOW_ON_GPU } else { (WINDOW + WINDOW_PER_HOLE * holes.saturating_sub(1)).min(LONGEST_WINDOW) }
}

/// What is left of a window inside a conversation.
fn narrowed(window: usize, frame: &Frame) -> usize {
    if frame.len() == 0 { window } else { window.min(WINDOW_IN_CONVERSATION) }
}

/// Gives each hole its edges: the texts without what the holes before them took in, and the holes.
fn plan(
    strings: &[String],
    parts: Vec<HolePart>,
    keeps: bool,
    tokenizer: &Tokenizer,
    choices: &Choices,
) -> Result<(Vec<String>, Vec<HolePlan>), ModelError> {
    let mut kept = strings.to_vec();
    let mut holes = Vec::with_capacity(parts.len());
    for (index, part) in parts.into_iter().enumerate() {
        let inline = is_inline(strings, index) && !part.original.contains('\n');
        let mut left = Edge::default();
        if choices.has_spaces() && !kept[index].is_empty() {
            left = Edge::before(tokenizer, kept[index].as_bytes())?;
        }
        let impossible = |error: ConstraintError| ModelError::Input(error.to_string());
        let place = boundary::body(&strings[index], &strings[index + 1], inline).map_err(impossible)?;
        let indent = boundary::indent(&strings[index]);
        let body = rules::with_place(&part.constraints, indent, place).map_err(impossible)?;
        holes.push(HolePlan { part, left, right: Edge::default(), original: Vec::new(), body });
    }
    // A text between two holes is shared: the one after it takes first, as words bring the space before them.
    for index in 0..holes.len() {
        let text = &mut kept[index + 1];
        let free = text.len() - holes.get(index + 1).map_or(0, |next| next.left.bytes.len());
        let hole = &mut holes[index];
        if choices.has_spaces() && free > 0 {
            hole.right = Edge::after(tokenizer, &text.as_bytes()[..free])?;
            text.drain(..hole.right.bytes.len());
            // A hole inside one word is one with it on both sides, and the model need not be asked.
            if hole.left.is_in_word(true) && hole.right.is_in_word(false) {
                hole.left.open();
                hole.right.open();
            }
        }
        let original = &hole.part.original;
        if keeps {
            hole.original = boundary::share_out(tokenizer, &mut hole.left, original, &mut hole.right)?;
            // The place asks of a rewriting what it asked of the text: nothing, where that was not so. What the user demands
            // holds as far as what stays allows it.
            if hole.part.constraints.is_empty() && !hole.body.matches(original.as_bytes()) {
                hole.body = Arc::new(Dfa::any());
            }
        } else if !original.is_empty() {
            hole.original = tokenizer.encode_inside(original)?;
        }
    }
    Ok((kept, holes))
}

/// Whether there is text both before and after a hole on its own line. A neighbouring hole counts as text.
fn is_inline(texts: &[String], hole: usize) -> bool {
    let (before, after) = (&texts[hole], &texts[hole + 1]);
    let filled = |line: &str, at_edge: bool| !at_edge || !line.trim().is_empty();
    let before_line = before.rsplit('\n').next().unwrap_or_default();
    let after_line = after.split('\n').next().unwrap_or_default();
    let open_before = hole == 0 || before.contains('\n');
    let open_after = hole + 2 == texts.len() || after.contains('\n');
    filled(before_line, open_before) && filled(after_line, open_after)
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

/// Tokenises what can matter of a text: its start when a hole lies before it, its end when one lies after it, which took
/// so many bytes of it.
fn encode_near(
    tokenizer: &Tokenizer,
    text: &str,
    hole_before: bool,
    taken: Option<usize>,
    context: usize,
) -> Result<Vec<TokenId>, ModelError> {
    let reach = context * BYTES_PER_TOKEN;
    let Some(taken) = taken else { return tokenizer.encode_inside(&text[..cut(text, reach.min(text.len()))]) };
    let until_hole = |start: usize| {
        let begins = start == 0 && !hole_before;
        tokenizer.encode_until(&text[start..], text.len().saturating_sub(taken + start), begins)
    };
    let near_end = cut(text, (text.len() - taken).saturating_sub(reach));
    if !hole_before {
        return until_hole(near_end);
    }
    if text.len() > 2 * reach + taken {
        let mut ids = tokenizer.encode_inside(&text[..cut(text, reach)])?;
        ids.extend(until_hole(near_end)?);
        return Ok(ids);
    }
    until_hole(0)
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
    fn a_gpu_sees_more_and_a_conversation_no_more_than_it_was_tuned_on() {
        assert_eq!([1, 2, 9].map(|holes| longest_window(holes, false)), [128, 192, 256]);
        assert_eq!(longest_window(1, true), 1024);
        let conversation = Frame { head: vec![1], tail: vec![2] };
        assert_eq!([1024, 192].map(|window| narrowed(window, &conversation)), [512, 192]);
        assert_eq!(narrowed(1024, &Frame::default()), 1024);
    }

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
    fn a_hole_is_inline_when_its_line_has_text_on_both_sides() {
        let inline = |texts: &[&str], hole| is_inline(&texts.iter().map(ToString::to_string).collect::<Vec<_>>(), hole);
        assert!(inline(&["a\nThe ", ", and\nb"], 0));
        assert!(!inline(&["for x in xs:\n        ", "\n    return"], 0));
        assert!(!inline(&["a word ", ""], 0));
        assert!(!inline(&["", " at the start"], 0));
        assert!(inline(&["one ", " ", " two"], 0) && inline(&["one ", "", " two"], 1));
        assert!(!inline(&["one ", "\n", " two"], 1));
    }

    #[test]
    fn text_and_holes_alternate() {
        let hole = |id| Part::Hole(HolePart::new(HoleId(id), "", Length::Auto));
        let (strings, holes) = split(&[hole(1), Part::Text("a".into()), Part::Text("b".into()), hole(2), hole(3)]);
        assert_eq!(strings, ["", "ab", "", ""]);
        assert_eq!(holes.iter().map(|hole| hole.id.0).collect::<Vec<_>>(), [1, 2, 3]);
    }
}
