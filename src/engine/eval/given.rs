//! How likely the text is that stood in a hole, and the text right after a fill, each given both sides.
//!
//! *What stood there*: by the chain rule in at most [`PASSES`] passes. The first token and every fourth after it are asked
//! for while the whole hole is masked, then, those being there, the second and every fourth after it, and so on. Within a
//! pass tokens are taken as independent, so that this is a bound of `-ln p(hole)` from above, and exact up to four tokens:
//! what a decoder of that many steps can make of the model. Any order gives a likelihood of its own in an any-order model
//! (2111.14819); one that is the same for all makes models comparable, and by byte so are those with other tokenizers. The
//! length is known, so that control tokens count nothing. *The seam*: the first tokens after a fill, masked together in
//! one pass; a fill that does not lead on to them makes them unlikely.

use super::Sample;
use crate::diffusion::length::SEAM;
use crate::diffusion::score::log_probability;
use crate::diffusion::{Denoiser, TokenId, row_of};
use crate::engine::brain::Brain;

/// Tokens of the text on each side that are seen.
const AROUND: usize = 96;
/// In how many passes a hole's tokens are asked for.
const PASSES: usize = 4;
/// What a token costs that the network excludes, in nats.
const EXCLUDED: f64 = 50.0;

/// How likely what stood in a hole is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Given {
    /// Minus its natural log-probability.
    pub nats: f64,
    /// Its bytes.
    pub bytes: usize,
}

/// Tokens around a stretch of text, and which of them belong to it: all that have a byte inside.
struct Window {
    ids: Vec<TokenId>,
    inside: std::ops::Range<usize>,
}

impl Window {
    /// The stretch between two texts, with at most [`AROUND`] tokens on each side and the token that begins a text.
    fn new(brain: &Brain, before: &str, middle: &str, after: &str) -> Result<Self, String> {
        let tokenizer = brain.model.tokenizer().map_err(|error| error.to_string())?;
        let text = format!("{before}{middle}{after}");
        let ids = tokenizer.encode(&text).map_err(|error| error.to_string())?;
        let (start, end) = tokens_between(&tokenizer.ends(&text, &ids), before.len(), before.len() + middle.len());
        let from = start.saturating_sub(AROUND);
        let first = brain.model.descriptor.bos.filter(|_| brain.model.shift() == 1 && from == 0);
        let shift = first.iter().count();
        let ids = first.into_iter().chain(ids[from..ids.len().min(end + AROUND)].iter().copied()).collect();
        Ok(Self { ids, inside: start - from + shift..end - from + shift })
    }
}

/// Of tokens that end at these places, those that have a byte between two places.
fn tokens_between(ends: &[usize], start: usize, end: usize) -> (usize, usize) {
    let first = ends.partition_point(|&token_end| token_end <= start);
    let last = ends.partition_point(|&token_end| token_end < end);
    (first, (last + 1).min(ends.len()).max(first))
}

impl Brain {
    /// Whether the model says of words how likely they are; one that works on vectors does not.
    pub fn says_likelihoods(&self) -> bool {
        self.model.continuous().is_none()
    }

    /// How many tokens what stood in a hole is to this model. A blank right before it counts where it is a token of its own
    /// (before digits, in the default model): what is put in begins with it.
    ///
    /// # Errors
    /// One sentence when the tokenizer fails.
    pub fn tokens_of(&self, sample: &Sample) -> Result<usize, String> {
        let (before, blank) = match sample.before.strip_suffix(' ') {
            Some(before) => (before, " "),
            None => (&sample.before[..], ""),
        };
        Ok(Window::new(self, before, &format!("{blank}{}", sample.hole), &sample.after)?.inside.len().max(1))
    }

    /// How likely what stood in a hole is, in at most [`PASSES`] passes.
    ///
    /// # Errors
    /// One sentence when the tokenizer or the network fails.
    pub fn given(&mut self, sample: &Sample) -> Result<Given, String> {
        let window = Window::new(self, &sample.before, &sample.hole, &sample.after)?;
        let mut nats = 0.0;
        for pass in 0..PASSES.min(window.inside.len()) {
            let of = |taken: &dyn Fn(usize) -> bool| -> Vec<usize> {
                window.inside.clone().enumerate().filter(|(at, _)| taken(at % PASSES)).map(|(_, place)| place).collect()
            };
            nats += self.surprise(&window.ids, &of(&|turn| turn >= pass), &of(&|turn| turn == pass))?;
        }
        Ok(Given { nats, bytes: sample.hole.len() })
    }

    /// The mean natural log-probability of the first tokens after a fill; none where no text follows.
    ///
    /// # Errors
    /// As for [`Brain::given`].
    pub fn seam(&mut self, sample: &Sample, fill: &str) -> Result<Option<f64>, String> {
        let before = format!("{}{fill}", sample.before);
        let window = Window::new(self, &before, &sample.after, "")?;
        let (start, end) = (window.inside.start, window.inside.end.min(window.inside.start + SEAM));
        if start == end {
            return Ok(None);
        }
        // What is far behind the seam is not needed, as before the hole.
        let ids = &window.ids[..window.ids.len().min(end + AROUND)];
        let places: Vec<usize> = (start..end).collect();
        Ok(Some(-self.surprise(ids, &places, &places)? / places.len() as f64))
    }

    /// The nats of the tokens at some places when others, those among them, are masked.
    fn surprise(&mut self, ids: &[TokenId], masked: &[usize], asked: &[usize]) -> Result<f64, String> {
        let (shift, share) = (self.model.shift(), masked.len() as f64 / ids.len().max(1) as f64);
        let mut canvas = ids.to_vec();
        for &place in masked {
            canvas[place] = self.model.vocabulary().mask();
        }
        let rows: Vec<usize> = asked.iter().map(|&place| row_of(place, shift)).collect();
        let pass = self.model.noise().pass(share, &canvas, &rows);
        let logits = self.model.logits(&pass, &|| false).map_err(|error| error.to_string())?;
        let nats = |&place: &usize| {
            let row = logits.row(row_of(place, shift))?;
            Some(-log_probability(row, ids[place], self.model.vocabulary()).max(-EXCLUDED))
        };
        Ok(asked.iter().filter_map(nats).sum())
    }
}
