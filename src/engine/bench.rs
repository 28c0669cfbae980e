//! How long the network and whole infills take: what `lacuna bench` prints.
//!
//! Two ways are timed on the same texts: the one that users get ([`Brain::time_infill`]: window, rows, packed weights,
//! parallel commits, as the engine chooses), and the plain one of the papers' own loops ([`Brain::time_plain`]: the whole
//! text, every row of logits, one commit a pass). Their ratio in one process is what the first is worth. Unit: seconds.

use std::time::Instant;

use super::brain::Brain;
use super::eval::boundary;
use super::job::Turn;
use super::protocol::{HoleFrame, HoleId, HolePart, JobId, Length, Part, Phase, Request, RunOptions, Verb};
use crate::diffusion::canvas::Canvas;
use crate::diffusion::rng::Seeded;
use crate::diffusion::run::Run;
use crate::diffusion::spec::{self, Overrides};
use crate::diffusion::{DenoiseError, Denoiser, Pass};
use crate::model::Race;

/// One way to ask for a forward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Tokens of the canvas.
    pub canvas: usize,
    /// Rows of logits, at most the canvas.
    pub rows: usize,
}

/// How long passes of one shape took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PassTime {
    /// The shape.
    pub shape: Shape,
    /// The middle of all.
    pub median: f64,
    /// The shortest.
    pub least: f64,
}

/// How fast one way to multiply is.
#[derive(Debug, Clone, PartialEq)]
pub struct Lap {
    /// The path's name, or `candle`.
    pub name: String,
    /// Billions of multiplications and additions a second, at its best.
    pub gops: f64,
}

/// Times the 8-bit products of this CPU and candle's, which is the last, `repeats` times each in turn.
///
/// # Errors
/// One sentence when threads cannot be started or candle fails.
pub fn race(threads: usize, repeats: usize) -> Result<Vec<Lap>, String> {
    let race = Race::new(threads).map_err(|error| error.to_string())?;
    let ways = race.ways();
    let mut least = vec![f64::INFINITY; ways.len()];
    for _ in 0..repeats {
        for (way, least) in least.iter_mut().enumerate() {
            let started = Instant::now();
            race.once(way).map_err(|error| error.to_string())?;
            *least = least.min(started.elapsed().as_secs_f64());
        }
    }
    let gops = |seconds: f64| Race::OPERATIONS as f64 / seconds / 1e9;
    Ok(ways.into_iter().zip(least).map(|(name, least)| Lap { name, gops: gops(least) }).collect())
}

/// A text with holes of known length.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Short name.
    pub name: &'static str,
    /// Texts before, between and after the holes.
    pub texts: Vec<String>,
    /// Tokens of each hole; one fewer than texts.
    pub holes: Vec<usize>,
}

/// How an infill went.
#[derive(Debug, Clone, PartialEq)]
pub struct InfillTime {
    /// The case's name.
    pub name: &'static str,
    /// Tokens filled.
    pub tokens: usize,
    /// Forward passes.
    pub nfe: usize,
    /// Seconds until the first token was committed.
    pub first: f64,
    /// Seconds until all were.
    pub done: f64,
    /// What was filled in.
    pub texts: Vec<String>,
}

impl Case {
    /// Cuts holes of so many tokens, evenly spread, out of the middle of a text; each takes the place of about as much
    /// text as it will bring.
    pub fn cut(name: &'static str, text: &str, holes: &[usize]) -> Self {
        const BYTES_PER_TOKEN: usize = 4;
        let blank =
            |from: usize| text.get(from..).and_then(|rest| rest.find(' ')).map_or(text.len(), |at| from + at + 1);
        let floor = |byte| boundary(text, byte);
        let mut texts = Vec::new();
        let mut from = 0;
        for (index, tokens) in holes.iter().enumerate() {
            let start = blank(floor(text.len() * (index + 1) / (holes.len() + 1))).max(from);
            texts.push(text[from..start].to_owned());
            from = blank(floor(start + tokens * BYTES_PER_TOKEN)).saturating_sub(1).max(start);
        }
        texts.push(text[from..].to_owned());
        Self { name, texts, holes: holes.to_vec() }
    }

    fn request(&self, options: &RunOptions) -> Request {
        let mut parts = Vec::new();
        for (index, text) in self.texts.iter().enumerate() {
            parts.push(Part::Text(text.clone()));
            if let Some(tokens) = self.holes.get(index) {
                parts.push(Part::Hole(HolePart::new(HoleId(index as u64), "", Length::Fixed(*tokens))));
            }
        }
        Request { job: JobId(0), verb: Verb::Fill, parts, options: options.clone() }
    }
}

impl Brain {
    /// Times passes over a canvas of noise, one warm-up and then `repeats` for each shape.
    ///
    /// # Errors
    /// One sentence when the network fails.
    pub fn time_passes(&mut self, shapes: &[Shape], repeats: usize) -> Result<Vec<PassTime>, String> {
        let mut times = Vec::with_capacity(shapes.len());
        for &shape in shapes {
            let vocabulary = self.model.vocabulary();
            let (mask, size) = (vocabulary.mask(), vocabulary.size() as u32);
            let ids: Vec<u32> =
                (0..shape.canvas as u32).map(|i| if i % 4 == 0 { mask } else { i * 7919 % size }).collect();
            let first = (shape.canvas - shape.rows.min(shape.canvas)) / 2;
            let rows: Vec<usize> = (first..shape.canvas).take(shape.rows).collect();
            let mut seconds = Vec::with_capacity(repeats);
            for repeat in 0..=repeats {
                let started = Instant::now();
                self.model.logits(&Pass::new(&ids, &rows), &|| false).map_err(|error| error.to_string())?;
                if repeat > 0 {
                    seconds.push(started.elapsed().as_secs_f64());
                }
            }
            seconds.sort_by(f64::total_cmp);
            let median = seconds.get(seconds.len() / 2).copied().unwrap_or_default();
            times.push(PassTime { shape, median, least: seconds.first().copied().unwrap_or_default() });
        }
        Ok(times)
    }

    /// Times an infill as users get it.
    ///
    /// # Errors
    /// One sentence when the job cannot go on.
    pub fn time_infill(&mut self, case: &Case, options: &RunOptions) -> Result<InfillTime, String> {
        let sentence = |error: DenoiseError| error.to_string();
        let started = Instant::now();
        let mut job = self.job(&case.request(options)).map_err(sentence)?;
        let mut first = None;
        loop {
            let turn = self.advance(&mut job, &|| false).map_err(sentence)?;
            let frame = job.frame(&self.model, false);
            if frame.phase == Phase::Denoising && frame.masks_left < frame.masks_total && first.is_none() {
                first = Some(started.elapsed().as_secs_f64());
            }
            if turn == Turn::Done {
                let done = started.elapsed().as_secs_f64();
                return Ok(InfillTime {
                    name: case.name,
                    tokens: case.holes.iter().sum(),
                    nfe: frame.nfe,
                    first: first.unwrap_or(done),
                    done,
                    texts: frame.holes.iter().map(HoleFrame::text).collect(),
                });
            }
        }
    }

    /// Times the plain loop on the same text: nothing is cut off, all rows are computed, one token is committed a pass.
    ///
    /// # Errors
    /// One sentence when the text is longer than the model's context or the network fails.
    pub fn time_plain(&mut self, case: &Case) -> Result<InfillTime, String> {
        let started = Instant::now();
        let tokenizer = self.model.tokenizer().map_err(|error| error.to_string())?;
        let mut builder = Canvas::builder(self.model.vocabulary().mask());
        for (index, text) in case.texts.iter().enumerate() {
            builder = builder.fixed(&tokenizer.encode(text).map_err(|error| error.to_string())?);
            if let Some(tokens) = case.holes.get(index) {
                builder = builder.hole(*tokens);
            }
        }
        let canvas = builder.build();
        let rows: Vec<usize> = (0..canvas.len()).collect();
        let one_a_pass =
            spec::parse_spec("eb:gamma=0,block=0", &Overrides::default()).map_err(|error| error.to_string())?;
        let vocabulary = self.model.vocabulary().clone();
        let mut run = Run::new(canvas, one_a_pass, &vocabulary, self.model.shift(), Seeded(0));
        let mut first = None;
        while !run.is_done() {
            let logits = self
                .model
                .logits(&Pass::new(run.canvas().ids(), &rows), &|| false)
                .map_err(|error| error.to_string())?;
            run.advance(&logits).map_err(|error| error.to_string())?;
            first.get_or_insert_with(|| started.elapsed().as_secs_f64());
        }
        let done = started.elapsed().as_secs_f64();
        let tokenizer = self.model.tokenizer().map_err(|error| error.to_string())?;
        let text = |hole: usize| {
            let ids = &run.canvas().ids()[run.canvas().hole_range(hole)];
            let bytes: Vec<u8> = ids.iter().flat_map(|id| tokenizer.bytes(*id)).copied().collect();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Ok(InfillTime {
            name: case.name,
            tokens: case.holes.iter().sum(),
            nfe: run.nfe(),
            first: first.unwrap_or(done),
            done,
            texts: (0..case.holes.len()).map(text).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutting_leaves_one_more_text_than_holes_and_ends_at_words() {
        let text = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen";
        let case = Case::cut("test", text, &[2, 1]);
        assert_eq!((case.texts.len(), case.holes.len()), (3, 2));
        assert!(case.texts[0].ends_with(' ') && case.texts[1].starts_with(' '), "{:?}", case.texts);
        assert!(case.texts.iter().map(String::len).sum::<usize>() < text.len());
        let short = Case::cut("test", "x", &[4]);
        assert_eq!(short.texts.concat(), "x");
    }
}
