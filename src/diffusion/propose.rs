//! From a row of logits to a proposal: which token, how likely, how sure, and what else.
//!
//! Order of work: bans, temperature, top-p, top-k, softmax in f64, one inverse-CDF draw. No Gumbel noise: one uniform
//! number per position is exact and cheap (Zheng et al. 2409.02908). Unit: one row, the width of the vocabulary. The
//! greedy path is two linear passes; only top-p sorts, and only the tokens that can be in the nucleus.
//! NaN counts as minus infinity. Limit: a row that allows nothing proposes its lowest allowed id at 1 / (ids allowed).

use crate::diffusion::TokenId;
use crate::diffusion::canvas::Limit;
use crate::diffusion::vocabulary::Vocabulary;

/// How many alternatives a proposal carries along.
pub const RUNNERS_UP: usize = 5;

/// Below this a temperature above 0 would overflow; a draw there is greedy but for exact ties.
const LEAST_TEMPERATURE: f64 = 1e-9;

/// Which distribution the scores of a proposal are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scored {
    /// At temperature 1, before top-p and top-k: LLaDA.
    Raw,
    /// After temperature, top-p and top-k: Dream.
    Filtered,
}

/// How a token is chosen from a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Propose {
    /// 0 takes the most likely token.
    pub temperature: f64,
    /// The smallest set of most likely tokens with at least this probability, the crossing one included; 1 keeps all.
    pub top_p: f64,
    /// Only the k most likely tokens, and those tied with the last of them; 0 keeps all.
    pub top_k: usize,
    /// Where the scores come from.
    pub scored: Scored,
    /// Takes the most likely token at any temperature, which then only shapes the scores.
    pub greedy: bool,
}

impl Default for Propose {
    fn default() -> Self {
        Self { temperature: 0.0, top_p: 1.0, top_k: 0, scored: Scored::Raw, greedy: false }
    }
}

/// What the denoiser suggests for one position.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// The token chosen.
    pub token: TokenId,
    /// How likely it is at temperature 1, after bans: what is shown and summed up.
    pub probability: f64,
    /// How likely it is in the distribution that scores are taken from ([`Propose::scored`]).
    pub confidence: f64,
    /// The most likely token's probability less the second's, in that distribution.
    pub margin: f64,
    /// Minus the entropy in nats, in that distribution; 0 is certain.
    pub neg_entropy: f64,
    /// The best token's logit less the second's; infinite if there is only one.
    pub gap: f64,
    /// How likely the token in place is at temperature 1; none where the position is masked.
    pub in_place: Option<f64>,
    /// The entropy of all that may stand here, in nats at temperature 1: how open the position is.
    pub entropy: f64,
    /// The most likely tokens at temperature 1, best first: one more than [`RUNNERS_UP`], or as many as are allowed.
    pub top: Vec<(TokenId, f32)>,
}

impl Proposal {
    /// The most likely tokens but for the one given.
    pub fn runners_up(&self, token: TokenId) -> Vec<(TokenId, f32)> {
        self.top.iter().filter(|(id, _)| *id != token).take(RUNNERS_UP).copied().collect()
    }

    /// The most likely token.
    pub fn best(&self) -> TokenId {
        self.top.first().map_or(self.token, |&(token, _)| token)
    }

    /// The probability of the most likely token at temperature 1.
    pub fn max_probability(&self) -> f64 {
        self.top.first().map_or(self.probability, |&(_, p)| f64::from(p))
    }
}

/// A row ready to be read: banned tokens at minus infinity, no NaN, nothing infinite above.
#[derive(Debug, Clone, Default)]
pub struct Row {
    logits: Vec<f32>,
}

/// A softmax as its largest logit and the sum over all others relative to it.
#[derive(Debug, Clone, Copy)]
struct Softmax {
    max: f64,
    sum: f64,
    scale: f64,
}

impl Softmax {
    fn probability(&self, logit: f32) -> f64 {
        ((f64::from(logit) - self.max) * self.scale).exp() / self.sum
    }
}

impl Row {
    /// Takes over a raw row. Ids past the vocabulary's size and ids that the limit excludes are banned.
    pub fn load(&mut self, raw: &[f32], vocabulary: &Vocabulary, limit: Option<&Limit>) {
        self.logits.clear();
        let clean = |&logit: &f32| if logit.is_nan() { f32::NEG_INFINITY } else { logit.min(f32::MAX) };
        self.logits.extend(raw.iter().take(vocabulary.size()).map(clean));
        let banned = limit.map_or(&[][..], |limit| &limit.banned);
        for &id in vocabulary.banned().iter().chain(banned) {
            if let Some(logit) = self.logits.get_mut(id as usize) {
                *logit = f32::NEG_INFINITY;
            }
        }
        if let Some(allowed) = limit.and_then(|limit| limit.allowed.as_ref()) {
            for (id, logit) in self.logits.iter_mut().enumerate() {
                if !allowed.get(id).copied().unwrap_or(false) {
                    *logit = f32::NEG_INFINITY;
                }
            }
        }
    }

    /// The logits, banned tokens at minus infinity.
    pub fn logits(&self) -> &[f32] {
        &self.logits
    }

    /// Adds to a token's logit, unless it is banned.
    pub fn add(&mut self, token: TokenId, amount: f64) {
        if let Some(logit) = self.logits.get_mut(token as usize).filter(|logit| **logit > f32::NEG_INFINITY) {
            *logit = (f64::from(*logit) + amount).clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32;
        }
    }

    /// Gives a banned token its logit back: control tokens, for samplers that obey them.
    pub fn restore(&mut self, token: TokenId, raw: &[f32]) {
        if let (Some(logit), Some(raw)) = (self.logits.get_mut(token as usize), raw.get(token as usize)) {
            *logit = if raw.is_nan() { f32::NEG_INFINITY } else { raw.min(f32::MAX) };
        }
    }

    /// The largest probability at temperature 1, and the entropy in nats; 0 in a row that allows nothing.
    pub fn peak(&self) -> (f64, f64) {
        if self.max() == f32::NEG_INFINITY {
            return (0.0, 0.0);
        }
        let (softmax, entropy) = self.softmax(f32::NEG_INFINITY, 1.0);
        (softmax.probability(self.max()), entropy)
    }

    /// How likely a token is at temperature 1; 0 in a row that allows nothing.
    pub fn probability(&self, token: TokenId) -> f64 {
        if self.max() == f32::NEG_INFINITY {
            return 0.0;
        }
        let (softmax, _) = self.softmax(f32::NEG_INFINITY, 1.0);
        self.logits.get(token as usize).map_or(0.0, |&logit| softmax.probability(logit))
    }

    fn max(&self) -> f32 {
        self.logits.iter().copied().fold(f32::NEG_INFINITY, f32::max)
    }

    /// The softmax over the tokens at or above `floor`, at the given temperature, and its entropy in nats.
    fn softmax(&self, floor: f32, temperature: f64) -> (Softmax, f64) {
        let (max, scale) = (f64::from(self.max()), 1.0 / temperature.max(LEAST_TEMPERATURE));
        let (mut sum, mut weighted) = (0.0, 0.0);
        for &logit in self.logits.iter().filter(|&&logit| logit >= floor && logit > f32::NEG_INFINITY) {
            let z = (f64::from(logit) - max) * scale;
            let mass = z.exp();
            sum += mass;
            weighted += if mass > 0.0 { mass * z } else { 0.0 };
        }
        (Softmax { max, sum, scale }, (sum.ln() - weighted / sum).max(0.0))
    }

    /// Which tokens belong to the most likely ones with the probability `top_p` together, at temperature 1.
    pub fn meant(&self, top_p: f64) -> Vec<bool> {
        let floor = Propose { top_p, ..Propose::default() }.floor(self);
        self.logits.iter().map(|logit| *logit >= floor && *logit > f32::NEG_INFINITY).collect()
    }

    /// The `n` most likely tokens, ties to the lower id.
    fn best(&self, n: usize) -> Vec<TokenId> {
        let mut best: Vec<TokenId> = Vec::with_capacity(n + 1);
        let mut last = f32::NEG_INFINITY;
        for (id, &logit) in self.logits.iter().enumerate() {
            if logit > last || (best.len() < n && logit > f32::NEG_INFINITY) {
                let at = best.partition_point(|&other| self.logits[other as usize] >= logit);
                best.insert(at, id as TokenId);
                best.truncate(n);
                if best.len() == n {
                    last = best.last().map_or(last, |&worst| self.logits[worst as usize]);
                }
            }
        }
        best
    }
}

impl Propose {
    /// Proposes a token for one position from its row. `in_place` is the token there now, if it is not masked;
    /// `uniform`, in \[0, 1), decides at temperatures above 0. Cost: linear in the vocabulary.
    pub fn propose(&self, row: &Row, fallback: Fallback<'_>, in_place: Option<TokenId>, uniform: f64) -> Proposal {
        let best = row.best(RUNNERS_UP + 1);
        let Some(&greedy) = best.first() else { return fallback.proposal() };
        let (raw, raw_entropy) = row.softmax(f32::NEG_INFINITY, 1.0);
        let at = |softmax: &Softmax, id: TokenId| {
            row.logits.get(id as usize).map_or(0.0, |&logit| softmax.probability(logit))
        };
        let (floor, temperature) = (self.floor(row), if self.temperature > 0.0 { self.temperature } else { 1.0 });
        let plain = floor == f32::NEG_INFINITY && temperature == 1.0;
        let (filtered, filtered_entropy) = if plain { (raw, raw_entropy) } else { row.softmax(floor, temperature) };
        let token = if self.temperature > 0.0 && !self.greedy {
            draw(row, floor, &filtered, uniform).unwrap_or(greedy)
        } else {
            greedy
        };
        let kept = |id: TokenId| if row.logits[id as usize] >= floor { at(&filtered, id) } else { 0.0 };
        let (confidence, entropy) = match self.scored {
            Scored::Raw => (at(&raw, token), raw_entropy),
            Scored::Filtered => (kept(token), filtered_entropy),
        };
        let second = best.get(1).map_or(0.0, |&id| if self.scored == Scored::Raw { at(&raw, id) } else { kept(id) });
        let first = if self.scored == Scored::Raw { at(&raw, greedy) } else { kept(greedy) };
        Proposal {
            token,
            probability: at(&raw, token),
            confidence,
            margin: first - second,
            neg_entropy: -entropy,
            gap: best.get(1).map_or(f64::INFINITY, |&id| {
                f64::from(row.logits[greedy as usize]) - f64::from(row.logits[id as usize])
            }),
            in_place: in_place.map(|id| at(&raw, id)),
            entropy: raw_entropy,
            top: best.iter().map(|&id| (id, at(&raw, id) as f32)).collect(),
        }
    }

    /// The distribution that tokens are drawn from, over the whole row: after temperature, top-p and top-k.
    pub fn distribution(&self, row: &Row) -> Vec<f64> {
        let floor = self.floor(row);
        let (softmax, _) = row.softmax(floor, if self.temperature > 0.0 { self.temperature } else { 1.0 });
        let kept = |&logit: &f32| {
            if logit >= floor && logit > f32::NEG_INFINITY { softmax.probability(logit) } else { 0.0 }
        };
        row.logits.iter().map(kept).collect()
    }

    /// The least logit that top-p and top-k keep; the most likely token is always kept.
    fn floor(&self, row: &Row) -> f32 {
        let mut floor = f32::NEG_INFINITY;
        if self.top_p < 1.0 {
            floor = self.nucleus_floor(row);
        }
        if self.top_k > 0 && self.top_k < row.logits.len() {
            let mut logits = row.logits.clone();
            let (_, kth, _) = logits.select_nth_unstable_by(self.top_k - 1, |a, b| b.total_cmp(a));
            floor = floor.max(*kth);
        }
        floor
    }

    fn nucleus_floor(&self, row: &Row) -> f32 {
        let temperature = if self.temperature > 0.0 { self.temperature } else { 1.0 };
        let (softmax, _) = row.softmax(f32::NEG_INFINITY, temperature);
        // Tokens below (1 - p) / V weigh less than 1 - p together, so none of them can be in the nucleus.
        let negligible = (1.0 - self.top_p) / row.logits.len() as f64;
        let max = row.max();
        let mut heavy: Vec<f32> = row.logits.clone();
        heavy.retain(|&logit| logit == max || softmax.probability(logit) >= negligible);
        heavy.sort_unstable_by(|a, b| b.total_cmp(a));
        let mut before = 0.0;
        let mut floor = max;
        for logit in heavy {
            if before > self.top_p {
                break;
            }
            floor = logit;
            before += softmax.probability(logit);
        }
        floor
    }
}

/// The token whose stretch of the cumulative distribution holds `uniform`.
fn draw(row: &Row, floor: f32, softmax: &Softmax, uniform: f64) -> Option<TokenId> {
    let mut left = uniform * softmax.sum;
    let mut last = None;
    for (id, &logit) in row.logits.iter().enumerate() {
        if logit < floor || logit == f32::NEG_INFINITY {
            continue;
        }
        let mass = ((f64::from(logit) - softmax.max) * softmax.scale).exp();
        if mass > 0.0 {
            last = Some(id as TokenId);
        }
        left -= mass;
        if left < 0.0 && mass > 0.0 {
            break;
        }
    }
    last
}

/// What is proposed where a row allows nothing: the lowest id that the vocabulary and, if it can be, the limit allow.
#[derive(Debug, Clone, Copy)]
pub struct Fallback<'a> {
    /// The vocabulary.
    pub vocabulary: &'a Vocabulary,
    /// The position's limit.
    pub limit: Option<&'a Limit>,
}

impl Fallback<'_> {
    fn proposal(&self) -> Proposal {
        let of_vocabulary = || (0..self.vocabulary.size() as TokenId).filter(|&id| !self.vocabulary.is_banned(id));
        let within = |id: &TokenId| self.limit.is_none_or(|limit| limit.allows(*id));
        let (first, count) = match of_vocabulary().find(within) {
            Some(id) => (id, of_vocabulary().filter(within).count()),
            None => (of_vocabulary().next().unwrap_or_default(), of_vocabulary().count()),
        };
        let probability = 1.0 / count.max(1) as f64;
        Proposal {
            token: first,
            probability,
            confidence: probability,
            margin: 0.0,
            neg_entropy: probability.ln(),
            gap: 0.0,
            in_place: None,
            entropy: -probability.ln(),
            top: vec![(first, probability as f32)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fallback, Proposal, Propose, Row, Scored};
    use crate::diffusion::canvas::Limit;
    use crate::diffusion::vocabulary::Vocabulary;

    /// Six tokens, the last one the mask.
    fn proposed(how: Propose, raw: &[f32], limit: &Limit, uniform: f64) -> Proposal {
        let vocabulary = Vocabulary::new(6, 5, None, []).unwrap();
        let mut row = Row::default();
        row.load(raw, &vocabulary, Some(limit));
        how.propose(&row, Fallback { vocabulary: &vocabulary, limit: Some(limit) }, Some(2), uniform)
    }

    fn logs(weights: [f32; 6]) -> [f32; 6] {
        weights.map(f32::ln)
    }

    #[track_caller]
    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-6, "{a} is not {b}");
    }

    #[test]
    fn greedy_takes_the_most_likely_token_and_never_the_mask() {
        let p = proposed(Propose::default(), &logs([1.0, 4.0, 2.0, 3.0, 0.0, 90.0]), &Limit::default(), 0.99);
        assert_eq!(p.token, 1);
        close(p.probability, 0.4);
        close(p.confidence, 0.4);
        close(p.margin, 0.1);
        close(p.in_place.unwrap(), 0.2);
        let entropy: f64 = [0.1, 0.2, 0.3, 0.4_f64].iter().map(|p| -p * p.ln()).sum();
        close(p.neg_entropy, -entropy);
        assert_eq!(p.runners_up(1).iter().map(|r| r.0).collect::<Vec<_>>(), [3, 2, 0]);
    }

    #[test]
    fn ties_go_to_the_lower_id() {
        let p = proposed(Propose::default(), &[0.0, 1.0, 1.0, 1.0, 0.0, 0.0], &Limit::default(), 0.0);
        assert_eq!((p.token, p.runners_up(1)[0].0, p.margin), (1, 2, 0.0));
    }

    #[test]
    fn a_limit_is_a_renormalised_distribution() {
        let limit = Limit { allowed: Some([true, false, true, true, true, true].into()), banned: vec![3] };
        let p = proposed(Propose::default(), &logs([1.0, 4.0, 3.0, 3.0, 0.0, 9.0]), &limit, 0.0);
        assert_eq!(p.token, 2);
        close(p.probability, 0.75);
    }

    #[test]
    fn draws_follow_the_cumulative_distribution() {
        let how = Propose { temperature: 1.0, ..Propose::default() };
        let raw = logs([1.0, 4.0, 2.0, 3.0, 0.0, 9.0]);
        let drawn = [0.0, 0.099, 0.101, 0.499, 0.501, 0.701, 0.999_999].map(|u| {
            let p = proposed(how, &raw, &Limit::default(), u);
            close(p.confidence, p.probability);
            p.token
        });
        assert_eq!(drawn, [0, 0, 1, 1, 2, 3, 3]);
    }

    #[test]
    fn temperature_sharpens_what_is_drawn_but_not_what_is_shown() {
        let raw = logs([1.0, 2.0, 0.0, 0.0, 0.0, 0.0]);
        let how = |scored| Propose { temperature: 0.5, scored, ..Propose::default() };
        let p = proposed(how(Scored::Filtered), &raw, &Limit::default(), 0.21);
        assert_eq!(p.token, 1);
        close(p.probability, 2.0 / 3.0);
        close(p.confidence, 0.8);
        close(proposed(how(Scored::Raw), &raw, &Limit::default(), 0.19).confidence, 1.0 / 3.0);
    }

    #[test]
    fn the_nucleus_keeps_the_crossing_token() {
        let how = Propose { temperature: 1.0, top_p: 0.65, scored: Scored::Filtered, ..Propose::default() };
        let raw = logs([1.0, 4.0, 2.0, 3.0, 0.0, 0.0]);
        close(proposed(how, &raw, &Limit::default(), 0.5).confidence, 4.0 / 7.0);
        assert_eq!(proposed(how, &raw, &Limit::default(), 0.999).token, 3);
        let none = Propose { top_p: 0.0, ..how };
        close(proposed(none, &raw, &Limit::default(), 0.999).confidence, 1.0);
    }

    #[test]
    fn top_k_keeps_ties_and_changes_the_scores_of_dream_only() {
        let raw = logs([1.0, 4.0, 3.0, 3.0, 0.0, 0.0]);
        let how = |scored| Propose { top_k: 2, scored, ..Propose::default() };
        close(proposed(how(Scored::Filtered), &raw, &Limit::default(), 0.0).confidence, 0.4);
        close(proposed(how(Scored::Raw), &raw, &Limit::default(), 0.0).confidence, 4.0 / 11.0);
    }

    #[test]
    fn nothing_allowed_falls_back_to_the_lowest_allowed_id() {
        let raw = [f32::NAN, f32::NEG_INFINITY, f32::NAN, f32::NAN, f32::NAN, f32::NAN];
        let limit = Limit { allowed: None, banned: vec![0] };
        let p = proposed(Propose::default(), &raw, &limit, 0.0);
        assert_eq!(p.token, 1);
        close(p.probability, 0.25);
        let nowhere = Limit { allowed: Some([].into()), banned: Vec::new() };
        assert_eq!(proposed(Propose::default(), &raw, &nowhere, 0.0).token, 0);
    }

    #[test]
    fn an_infinite_logit_is_certainty() {
        let raw = [0.0, f32::INFINITY, 1.0, f32::NAN, 0.0, 0.0];
        let how = Propose { temperature: 0.7, top_p: 0.9, top_k: 3, scored: Scored::Filtered, greedy: false };
        let p = proposed(how, &raw, &Limit::default(), 0.7);
        assert_eq!((p.token, p.confidence), (1, 1.0));
    }

    #[test]
    fn a_short_row_proposes_only_what_it_has() {
        assert_eq!(proposed(Propose::default(), &[0.0, 2.0], &Limit::default(), 0.0).token, 1);
    }

    #[test]
    fn tokens_too_rare_for_single_precision_are_drawn_as_often_as_they_are_likely() {
        // One token beside ten thousand that together weigh less than half an ulp of an f32 near 1: a cumulative sum, a
        // uniform number or a Gumbel noise in f32 draws none of them ever (`models.md` section 7, trap 6).
        const RARE: usize = 10_000;
        let vocabulary = Vocabulary::new(RARE + 2, RARE as u32 + 1, None, []).unwrap();
        let mass = f64::from(-27.0_f32).exp();
        let all = RARE as f64 * mass;
        assert!(all < f64::from(f32::EPSILON) / 4.0 && 1.0_f32 + mass as f32 == 1.0);
        let mut raw = vec![-27.0_f32; RARE + 2];
        raw[0] = 0.0;
        let mut row = Row::default();
        row.load(&raw, &vocabulary, None);
        let how = Propose { temperature: 1.0, ..Propose::default() };
        let drawn = |uniform: f64| {
            how.propose(&row, Fallback { vocabulary: &vocabulary, limit: None }, None, uniform).token as usize
        };
        for token in (1..=RARE).step_by(997) {
            let within = (1.0 + (token as f64 - 0.5) * mass) / (1.0 + all);
            assert_eq!((within as f32, drawn(within)), (1.0, token));
        }
        assert_eq!(drawn(1.0 / (1.0 + all) - mass), 0);
    }
}
