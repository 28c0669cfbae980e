//! Fitting how a model's lengths are searched (`reference/decoding.md` section 3.4, arXiv 2602.00476).
//!
//! Holes are cut out of real text as for [`super::eval`], with less text around. For every length of the grid a pass says
//! what it says of the masked hole ([`Signs`]), the hole is filled, and the fill is judged and compared with what stood
//! there. From what the passes said away from the true length follows CAL's curve: how confident the model is in a hole of
//! that length *as such*. Then every rule of a small family is tried on paper, since all it could ask is known: the one
//! after which the fills are most like the text is taken, if a rule chosen so on one half of the holes is better on the
//! other than the rule before. Unit: tokens. Cost: for each hole and length two passes, one run and four passes more.

use super::brain::Brain;
use super::eval::text::similarity;
use super::eval::{NEIGHBOURHOOD, Sample};
use super::job::Turn;
use super::job::trial::Judged;
use super::lengths::{Lengths, kept};
use super::protocol::{HoleFrame, HoleId, HolePart, JobId, Length, Part, Request, RunOptions, Verb};
use crate::diffusion::Denoiser;
use crate::diffusion::length::{Evidence, GRID, LengthBias, LengthSearch, Prior, REFINEMENTS, Signs, fit};

/// The longest hole, and the longest length tried.
const LONGEST: usize = 32;

/// What came of a calibration.
#[derive(Debug, Clone)]
pub struct Calibration {
    /// How lengths are to be searched.
    pub lengths: Lengths,
    /// Holes cut out.
    pub holes: usize,
    /// Mean edit similarity of the fills with the rule before.
    pub before: f64,
    /// The same with a rule that was chosen on the other half of the holes.
    pub after: f64,
    /// The same with the true lengths, or those of the grid next to them.
    pub known: f64,
}

/// A length of one hole: what a pass says of it, and what its fill is worth.
#[derive(Debug, Clone, Copy)]
struct Tried {
    length: usize,
    /// With the text after the hole masked too, as rules that listen to it ask.
    signs: Signs,
    /// The confidence as rules ask that listen to nothing else: with the text after the hole in sight.
    alone: f64,
    judged: Judged,
    similarity: f64,
}

/// One hole at every length of the grid, ascending.
#[derive(Debug)]
struct Stretch {
    length: usize,
    tried: Vec<Tried>,
}

impl Brain {
    /// Measures and fits. `done` is told after every hole.
    ///
    /// # Errors
    /// A sentence when the text is too short, when no pass of the model tells a length, or when it fails.
    pub fn calibrate(
        &mut self,
        documents: &[(String, String)],
        holes: usize,
        options: &RunOptions,
        mut done: impl FnMut(usize),
    ) -> Result<Calibration, String> {
        if self.model.continuous().is_some() || self.model.noise().starts_random() {
            return Err(format!("no pass of {} tells how long a hole is: nothing is masked in it", self.model.name));
        }
        if self.model.descriptor.tells_lengths {
            return Err(format!("{} says itself how long a hole is; there is nothing to fit", self.model.name));
        }
        let samples = self.samples(documents, holes, LONGEST, options.seed)?;
        let mut stretches = Vec::with_capacity(samples.len());
        for sample in &samples {
            stretches.push(self.stretch(sample, options)?);
            done(stretches.len());
        }
        Ok(chosen(&stretches, self.lengths))
    }

    fn stretch(&mut self, sample: &Sample, options: &RunOptions) -> Result<Stretch, String> {
        let tried = GRID.into_iter().filter(|length| *length <= LONGEST);
        let tried = tried.map(|length| self.tried(sample, length, options)).collect::<Result<_, _>>()?;
        Ok(Stretch { length: sample.tokens, tried })
    }

    fn tried(&mut self, sample: &Sample, length: usize, options: &RunOptions) -> Result<Tried, String> {
        let Sample { before, after, hole, .. } = sample.within(NEIGHBOURHOOD);
        let part = Part::Hole(HolePart::new(HoleId(0), "", Length::Fixed(length)));
        let parts = vec![Part::Text(before), part, Part::Text(after)];
        let request = Request { job: JobId(0), verb: Verb::Fill, parts, options: options.clone() };
        let mut measured = || -> Result<_, crate::diffusion::DenoiseError> {
            let mut job = self.job(&request)?;
            let canvas = job.limited_canvas(&self.model, &[length])?;
            let mut asked = |seam| {
                let evidence = Evidence { seam, ..Evidence::default() };
                job.signs(&canvas, 0, evidence, &mut self.model, &|| false)
            };
            let (signs, alone) = (asked(1.0)?, asked(0.0)?.phi);
            while self.advance(&mut job, &|| false)? != Turn::Done {}
            let judged = job.judged(0, &mut self.model)?;
            Ok((signs, alone, judged, job.frame(&self.model, false)))
        };
        let (signs, alone, judged, frame) = measured().map_err(|error| error.to_string())?;
        let text: String = frame.holes.iter().map(HoleFrame::text).collect();
        Ok(Tried { length, signs, alone, judged, similarity: similarity(text.trim(), hole.trim()) })
    }

    /// Keeps how the lengths of the model at a path are searched, for the next time it is loaded; says where.
    ///
    /// # Errors
    /// A sentence.
    pub fn keep_lengths(&self, path: &std::path::Path, lengths: Lengths) -> Result<std::path::PathBuf, String> {
        kept::write(path, &self.model.name, lengths).map_err(|error| format!("the constants cannot be kept: {error}"))
    }
}

/// Forgets what was kept of the model at a path.
///
/// # Errors
/// A sentence.
pub fn forget(path: &std::path::Path) -> Result<Option<std::path::PathBuf>, String> {
    kept::forget(path).map_err(|error| format!("the constants cannot be forgotten: {error}"))
}

/// The constants by name, as they are kept.
pub fn constants(model: &str, lengths: Lengths) -> serde_json::Value {
    serde_json::to_value(kept::Entry::new(model, lengths)).unwrap_or_default()
}

/// The rule to take from here on, `before` being the one so far.
fn chosen(stretches: &[Stretch], before: Lengths) -> Calibration {
    let curves =
        Curves { beside_seam: curve(stretches, |tried| tried.signs.phi), alone: curve(stretches, |tried| tried.alone) };
    let all: Vec<&Stretch> = stretches.iter().collect();
    let half = |odd: usize| stretches.iter().skip(odd).step_by(2).collect::<Vec<_>>();
    let halves = [half(0), half(1)];
    let crossed = |odd: usize| {
        let rule = best(&halves[odd], &curves, before);
        halves[1 - odd].iter().map(|stretch| stretch.with(&rule)).sum::<f64>()
    };
    let before_it = mean(&all, &before);
    let after = (crossed(0) + crossed(1)) / stretches.len().max(1) as f64;
    let lengths = if after > before_it { best(&all, &curves, before) } else { before };
    let known = stretches.iter().map(Stretch::with_known_length).sum::<f64>() / stretches.len().max(1) as f64;
    Calibration { lengths, holes: stretches.len(), before: before_it, after: after.max(before_it), known }
}

/// CAL's curve for each way of asking.
struct Curves {
    beside_seam: LengthBias,
    alone: LengthBias,
}

impl Curves {
    fn of(&self, evidence: Evidence) -> LengthBias {
        if evidence.seam > 0.0 { self.beside_seam } else { self.alone }
    }
}

/// CAL's curve: what the passes said of lengths that are not the true one.
fn curve(stretches: &[Stretch], phi: impl Fn(&Tried) -> f64) -> LengthBias {
    let away = |stretch: &Stretch| {
        let far = |tried: &&Tried| tried.length.abs_diff(stretch.length) > (stretch.length / 4).clamp(1, 4);
        stretch.tried.iter().filter(far).map(|tried| (tried.length, phi(tried))).collect::<Vec<_>>()
    };
    fit(&stretches.iter().flat_map(away).collect::<Vec<_>>())
}

/// The rules that are tried: the one before with and without the fitted curve, and then all the others.
fn rules(curves: &Curves, before: Lengths) -> Vec<Lengths> {
    let mut rules = vec![before, Lengths { bias: curves.of(before.evidence), ..before }];
    for longest in [8, 16, 32] {
        for confidence in [0.0, 0.5, 1.0] {
            for seam in [0.0, 0.15, 0.45, 1.0] {
                if confidence + seam == 0.0 {
                    continue;
                }
                // Halving the gaps of the grid is for a confidence that is to be believed.
                let refinements = if confidence > 0.0 && seam == 0.0 { REFINEMENTS } else { 0 };
                let rule = |trials, fluency| {
                    let evidence = Evidence { confidence, seam, fluency, refinements };
                    Lengths { bias: curves.of(evidence), evidence, trials, longest }
                };
                rules.push(rule(false, 0.0));
                rules.extend([0.5, 1.0, 2.0].map(|fluency| rule(true, fluency)));
            }
        }
    }
    rules
}

/// The first of the best.
fn best(stretches: &[&Stretch], curves: &Curves, before: Lengths) -> Lengths {
    let mut best = (f64::NEG_INFINITY, before);
    for rule in rules(curves, before) {
        let similarity = mean(stretches, &rule);
        if similarity > best.0 {
            best = (similarity, rule);
        }
    }
    best.1
}

fn mean(stretches: &[&Stretch], rule: &Lengths) -> f64 {
    stretches.iter().map(|stretch| stretch.with(rule)).sum::<f64>() / stretches.len().max(1) as f64
}

impl Stretch {
    fn at(&self, length: usize) -> Option<&Tried> {
        self.tried.iter().min_by_key(|tried| tried.length.abs_diff(length))
    }

    fn with_known_length(&self) -> f64 {
        self.at(self.length).map_or(0.0, |tried| tried.similarity)
    }

    /// How similar the fill is that a rule would come to. Lengths between those of the grid are not tried here.
    fn with(&self, rule: &Lengths) -> f64 {
        let evidence = Evidence { refinements: 0, ..rule.evidence };
        let mut search =
            LengthSearch::new(&[1..=rule.longest.min(LONGEST)], rule.bias).with_priors(&[Prior::NONE], evidence);
        while let Some(candidate) = search.next_candidate() {
            let said = |tried: &Tried| {
                if evidence.seam > 0.0 { tried.signs } else { Signs { phi: tried.alone, seam: 0.0 } }
            };
            search.report(self.at(candidate.lengths[0]).map(said).unwrap_or_default());
        }
        let plans = if rule.trials { search.plans() } else { vec![search.best()] };
        let tried = plans.iter().filter_map(|plan| self.at(plan[0]));
        let worth =
            |tried: &Tried| rule.evidence.worth(tried.length, tried.judged.seam, tried.judged.fluency, &Prior::NONE);
        // Of equals the shorter, which is tried first.
        let best = tried.reduce(|best, next| if worth(next) > worth(best) { next } else { best });
        best.map_or(0.0, |tried| tried.similarity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Holes whose fills are right at the true length; `says` is what a pass says of a length, given the true one.
    fn stretches(says: impl Fn(usize, usize) -> Signs) -> Vec<Stretch> {
        let grid = || GRID.into_iter().filter(|length| *length <= LONGEST);
        let tried = |length: usize, truth: usize| Tried {
            length,
            signs: says(length, truth),
            alone: says(length, truth).phi,
            judged: Judged { seam: 0.0, fluency: 0.0 },
            similarity: if length == truth { 1.0 } else { 0.0 },
        };
        let stretch = |truth| Stretch { length: truth, tried: grid().map(|length| tried(length, truth)).collect() };
        grid().take(7).chain(grid().take(7)).map(stretch).collect()
    }

    #[test]
    fn the_rule_taken_listens_to_what_tells_the_length() {
        // The text after the hole tells it, and the confidence lies.
        let found = chosen(
            &stretches(|length, truth| Signs {
                phi: 1.0 / length as f64,
                seam: if length == truth { 0.0 } else { -9.0 },
            }),
            Lengths::shipped("any"),
        );
        assert!(found.after > 0.99 && found.before < 0.5 && found.known == 1.0, "{found:?}");
        assert!(found.lengths.evidence.seam > 0.0);
        // The confidence tells it once it is divided by its own curve.
        let curve = LengthBias { a: 0.0, b: 1.0, c: 0.9, d: 0.12, e: 0.01 };
        let surer = |length, truth| curve.at(length) * if length == truth { 1.3 } else { 1.0 };
        let found =
            chosen(&stretches(|length, truth| Signs { phi: surer(length, truth), seam: 0.0 }), Lengths::shipped("any"));
        assert!(found.after > 0.9 && found.lengths.evidence.confidence > 0.0, "{found:?}");
        let fitted = found.lengths.bias;
        assert!((1..=32).all(|length| (fitted.at(length) / curve.at(length)).ln().abs() < 0.1), "{fitted:?}");
    }

    #[test]
    fn where_nothing_tells_the_length_the_rule_stays_as_it_was() {
        // What seems to help on a few holes by chance does not on the others.
        let noise = |length: usize, truth: usize| {
            let hash = (length * 31 + truth * 17) * 2_654_435_761 % 1000;
            Signs { phi: 0.5, seam: -(hash as f64) / 100.0 }
        };
        let before = Lengths { longest: 2, ..Lengths::shipped("any") };
        let found = chosen(&stretches(|length, _| noise(length, 1)), before);
        assert!(found.lengths == before && found.after == found.before || found.after > found.before, "{found:?}");
    }
}
