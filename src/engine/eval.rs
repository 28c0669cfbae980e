//! Measuring how well holes are filled: stretches of real text are cut out, filled again, and compared. Beside it, what else
//! a model is measured by: what stood in the holes ([`given`]), stories ([`story`]), code that is run ([`task`]).
//!
//! Holes begin and end at words, have a length in tokens drawn evenly on a logarithmic scale, and know the text on both
//! sides. The same seed and text give the same holes, so that models, samplers and ways to choose a length are compared
//! on equal ones. *Edit similarity* is 1 - (Levenshtein's distance / the longer text's length), in characters, after
//! blanks at both ends are taken off; *exact match* compares the same two texts. *Likelihood* is how plausible a fill
//! is to the model itself once all is written: the mean log-probability of its tokens, fold by fold, given both sides
//! ([`Brain::score_within`]); unlike the confidence at commit it can be compared between samplers.

mod given;
pub mod paired;
pub mod story;
pub mod task;
pub mod text;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::brain::Brain;
use super::protocol::{HoleId, HolePart, JobId, Length, Part, Request, RunOptions, Verb};
use super::score::{Care, total};
use crate::diffusion::canvas::EditAct;
use crate::diffusion::rng::{Draw, DrawKey, Purpose, Seeded};
use crate::model::Tokenizer;
pub use given::Given;
use text::similarity;

/// Bytes of text kept on each side of a hole, at most.
const CONTEXT: usize = 1200;
/// The same where a comparison needs no more than the neighbourhood, and many runs are made.
pub const NEIGHBOURHOOD: usize = 320;
/// So many places in a row that were no good, and no more holes are sought in a kind of text.
const TRIES: usize = 50;
/// A line that holds only this separates documents in one file.
pub const DOCUMENT_BREAK: &str = "\u{1e}\n";

/// One stretch cut out of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// What kind of text it is from: the file's name.
    pub domain: String,
    /// Text before the hole.
    pub before: String,
    /// What stood in the hole.
    pub hole: String,
    /// Text after it.
    pub after: String,
    /// Tokens of `hole`; 0 where no tokenizer has counted them.
    pub tokens: usize,
}

/// How the length of a hole is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LengthRule {
    /// The true one.
    Known,
    /// As the editor does it.
    Auto,
    /// Always this.
    Fixed(usize),
}

impl LengthRule {
    /// Reads `known`, `auto` or a number.
    ///
    /// # Errors
    /// A sentence for anything else.
    pub fn parse(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("known", _) => Ok(Self::Known),
            ("auto", _) => Ok(Self::Auto),
            (_, Ok(length)) if length > 0 => Ok(Self::Fixed(length)),
            _ => Err(format!("a length is `known`, `auto` or a number of tokens, not `{text}`")),
        }
    }

    /// As it is written.
    pub fn name(self) -> String {
        match self {
            Self::Known => "known".into(),
            Self::Auto => "auto".into(),
            Self::Fixed(length) => length.to_string(),
        }
    }
}

/// What came of filling one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Filled {
    /// The text that was put in.
    pub text: String,
    /// Its tokens.
    pub tokens: usize,
    /// Whether it is what stood there.
    pub exact: bool,
    /// How similar it is, 0 to 1.
    pub similarity: f64,
    /// Mean natural log-probability of its tokens when all is written; 0 for no tokens, no number where it was not asked for
    /// or the model says none.
    pub likelihood: f64,
    /// Passes made.
    pub nfe: usize,
    /// Seconds of computing.
    pub seconds: f64,
    /// Tells the edits of all steps from any others: two samplers with equal prints did the same.
    pub print: u64,
}

/// How texts are judged, and the [`Filled::likelihood`] of those judged before: samplers and lengths often agree, and judging
/// costs as much as filling.
#[derive(Debug)]
pub struct Judged {
    care: Care,
    /// By text and the bytes of the hole; a look-up table, never gone through.
    known: HashMap<(String, usize, usize), f64>,
}

impl Judged {
    /// Nothing was judged yet.
    pub fn with(care: Care) -> Self {
        Self { care, known: HashMap::new() }
    }
}

/// Cuts `count` holes of 1 to `longest` tokens out of documents, each given with its domain; every domain gets the same
/// number while it has room.
///
/// # Errors
/// A sentence when the tokenizer fails or no document is long enough.
pub fn samples(
    documents: &[(String, String)],
    tokenizer: &Tokenizer,
    count: usize,
    longest: usize,
    seed: u64,
) -> Result<Vec<Sample>, String> {
    let draws = Seeded(seed);
    let mut domains: Vec<&str> = documents.iter().map(|(domain, _)| domain.as_str()).collect();
    domains.sort_unstable();
    domains.dedup();
    let mut found = Vec::with_capacity(count);
    // Each try draws a document, a place and a length; places that fall between words are tried again elsewhere.
    let mut in_vain = 0;
    for attempt in 0..count * 50 {
        if found.len() == count || domains.is_empty() {
            break;
        }
        let uniform = |step| draws.uniform(DrawKey { purpose: Purpose::Token, step, position: attempt, index: 0 });
        let turn = found.len() % domains.len();
        let domain = domains[turn];
        let of_domain: Vec<&String> =
            documents.iter().filter(|(name, _)| name == domain).map(|(_, text)| text).collect();
        let text = of_domain[(uniform(0) * of_domain.len() as f64) as usize];
        let length = (uniform(1) * (longest as f64 + 1.0).ln()).exp() as usize;
        let sample = cut(domain, text, tokenizer, length.clamp(1, longest), uniform(2))?;
        in_vain = if sample.is_some() { 0 } else { in_vain + 1 };
        if in_vain == TRIES {
            // A text too short, or without blanks: the others still have room.
            domains.remove(turn);
            in_vain = 0;
        }
        found.extend(sample);
    }
    if found.len() < count {
        return Err(format!("only {} holes could be cut out of the text; give more of it", found.len()));
    }
    Ok(found)
}

/// A hole of so many tokens at a place given as a share of the text; none if its ends are no ends of words.
fn cut(domain: &str, text: &str, tokenizer: &Tokenizer, length: usize, place: f64) -> Result<Option<Sample>, String> {
    let floor = |byte| boundary(text, byte);
    let middle = floor((place * text.len() as f64) as usize);
    let Some(start) = text[middle..].find([' ', '\n']).map(|blank| middle + blank + 1) else { return Ok(None) };
    let rest = &text[start..floor(start + 16 * length + 64)];
    if start < 64 || rest.starts_with([' ', '\n', '\t']) {
        return Ok(None);
    }
    let ids = tokenizer.encode(&text[start - 1..start + rest.len()]).map_err(|error| error.to_string())?;
    let bytes: usize = ids.iter().take(length).map(|id| tokenizer.bytes(*id).len()).sum();
    let end = start - 1 + bytes;
    let opens = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric());
    if ids.len() <= length
        || end <= start
        || end + 64 > text.len()
        || !text.is_char_boundary(end)
        || !opens(&text[end..])
    {
        return Ok(None);
    }
    Ok(Some(Sample {
        domain: domain.to_owned(),
        before: text[floor(start.saturating_sub(CONTEXT))..start].to_owned(),
        hole: text[start..end].to_owned(),
        after: text[end..floor(end + CONTEXT)].to_owned(),
        // The break that the text was cut at was encoded with it, as a token of its own where it ends a line.
        tokens: length - usize::from(tokenizer.bytes(ids[0]) == b"\n"),
    }))
}

impl Sample {
    /// What kind of text it is from: its domain up to the first `-`.
    pub fn kind(&self) -> &str {
        self.domain.split('-').next().unwrap_or_default()
    }

    /// The same hole with at most so many bytes of text on each side.
    #[must_use]
    pub fn within(&self, context: usize) -> Self {
        let from = self.before.len().saturating_sub(context);
        let from = (from..=self.before.len()).find(|at| self.before.is_char_boundary(*at)).unwrap_or_default();
        let (before, after) = (self.before[from..].to_owned(), self.after[..boundary(&self.after, context)].to_owned());
        Self { before, after, ..self.clone() }
    }
}

impl Brain {
    /// Fills one sample; `judged` is what is known of texts of this model, none where no likelihood is wanted.
    ///
    /// # Errors
    /// One sentence saying why the job could not go on.
    pub fn fill_sample(
        &mut self,
        sample: &Sample,
        rule: LengthRule,
        options: &RunOptions,
        judged: Option<&mut Judged>,
    ) -> Result<Filled, String> {
        let length = match rule {
            LengthRule::Known => Length::Fixed(sample.tokens),
            LengthRule::Auto => Length::Auto,
            LengthRule::Fixed(length) => Length::Fixed(length),
        };
        let hole = HolePart::new(HoleId(0), "", length);
        let parts = vec![Part::Text(sample.before.clone()), Part::Hole(hole), Part::Text(sample.after.clone())];
        let request = Request { job: JobId(0), verb: Verb::Fill, parts, options: options.clone() };
        let mut print = FNV_BASIS;
        let (frame, tokens) = self.run(&request, |glance| {
            let Some(step) = glance.step() else { return Ok(()) };
            print = step.edits.iter().fold(hashed(print, step.step as u64), |print, edit| {
                let act = match edit.act {
                    EditAct::Write { token } => [1, u64::from(token)],
                    EditAct::Mask => [2, 0],
                    EditAct::Insert { masks } => [3, masks as u64],
                    EditAct::Delete => [4, 0],
                    EditAct::Noise { token } => [5, u64::from(token)],
                };
                act.into_iter().fold(hashed(print, edit.position as u64), hashed)
            });
            Ok(())
        })?;
        let text: String = frame.holes.iter().map(super::protocol::HoleFrame::text).collect();
        let likelihood = match judged.filter(|_| self.says_likelihoods()) {
            Some(judged) => self.likelihood(sample, &text, judged)?,
            None => f64::NAN,
        };
        Ok(Filled {
            likelihood,
            exact: text.trim() == sample.hole.trim(),
            similarity: similarity(text.trim(), sample.hole.trim()),
            tokens: tokens.iter().sum(),
            nfe: frame.nfe,
            seconds: frame.seconds,
            print,
            text,
        })
    }

    /// The mean log-probability of a fill's tokens, judged once for each text.
    fn likelihood(&mut self, sample: &Sample, text: &str, judged: &mut Judged) -> Result<f64, String> {
        let whole = format!("{}{text}{}", sample.before, sample.after);
        let (start, end) = (sample.before.len(), sample.before.len() + text.len());
        Ok(match judged.known.entry((whole, start, end)) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(place) => {
                let (sum, tokens) = total(&self.score_within(&place.key().0, start..end, judged.care, |_, _| {})?);
                *place.insert(sum / tokens.max(1) as f64)
            }
        })
    }

    /// Cuts holes by the model's own tokens: [`samples`].
    ///
    /// # Errors
    /// As for [`samples`].
    pub fn samples(
        &self,
        documents: &[(String, String)],
        count: usize,
        longest: usize,
        seed: u64,
    ) -> Result<Vec<Sample>, String> {
        let tokenizer = self.model.tokenizer().map_err(|error| error.to_string())?;
        samples(documents, tokenizer, count, longest, seed)
    }
}

/// Tells a text from any other, as well as 64 bits can.
pub fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(FNV_BASIS, |hash, byte| hashed(hash, byte.into()))
}

const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// One step of the FNV-1a hash, by words.
fn hashed(hash: u64, word: u64) -> u64 {
    (hash ^ word).wrapping_mul(0x0100_0000_01b3)
}

/// The last character boundary at or before a byte.
pub fn boundary(text: &str, byte: usize) -> usize {
    (0..=byte.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_rules_are_read_and_written_alike() {
        for text in ["known", "auto", "8"] {
            assert_eq!(LengthRule::parse(text).unwrap().name(), text);
        }
        assert!(LengthRule::parse("0").is_err() && LengthRule::parse("long").is_err());
    }
}
