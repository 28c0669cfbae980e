//! From the logits of a step to its proposals and guesses: limits, control tokens, credit, DRY, leave-one-out,
//! reverse kernels.

use std::collections::BTreeMap;

use super::{Guess, Run, RunError};
use crate::diffusion::canvas::Kind;
use crate::diffusion::dry::repeated;
use crate::diffusion::noise::{Moment, Noise};
use crate::diffusion::pick::Picker;
use crate::diffusion::propose::{Fallback, Proposal, Propose};
use crate::diffusion::rng::{Draw, DrawKey, Purpose};
use crate::diffusion::sampler::Proposals;
use crate::diffusion::{Logits, TokenId, row_of};

impl<D: Draw> Run<D> {
    /// Proposals for the positions read and for all masked ones whose row is there.
    pub(super) fn propose(&mut self, logits: &Logits, read: &[usize]) -> Result<Proposals, RunError> {
        let (found, expected) = (logits.vocab(), self.vocabulary.size());
        if !logits.rows().is_empty() && found != expected {
            return Err(RunError::Width { found, expected });
        }
        let mut positions: Vec<usize> = self.canvas.masked().chain(read.iter().copied()).collect();
        positions.sort_unstable();
        positions.dedup();
        let (propose, alone) = (self.propose_now(), self.leaves_one_out());
        let mut proposals = Proposals::new();
        for position in positions {
            if let Some(raw) = logits.row(row_of(position, self.shift)) {
                let is_read = read.binary_search(&position).is_ok();
                let proposal = self.propose_at(&propose, position, raw, is_read.then_some(alone));
                proposals.insert(position, proposal);
            }
        }
        Ok(proposals)
    }

    /// How tokens are chosen in this step.
    fn propose_now(&self) -> Propose {
        let removes = self.clock.is_last() && self.sampler.reverse.is_some_and(|reverse| reverse.greedy_removal);
        let propose = Propose { greedy: self.sampler.propose.greedy || removes, ..self.sampler.propose };
        let Some(expr) = &self.sampler.temperature else { return propose };
        let value = self.before_rows(|picker| picker.window_value(expr));
        Propose { temperature: if value.is_nan() { 0.0 } else { value.clamp(0.0, 100.0) }, ..propose }
    }

    /// Whether logits are made those of a network that does not see the token in place, in this step.
    fn leaves_one_out(&self) -> bool {
        let when = self.sampler.leave_one_out.as_ref();
        when.is_some_and(|when| self.before_rows(|picker| picker.window_holds(when)))
    }

    /// What is known of the step before any row is.
    fn before_rows<T>(&self, read: impl FnOnce(&Picker<'_, D>) -> T) -> T {
        let (window, none, acts) = (self.window(), Proposals::new(), BTreeMap::new());
        read(&Picker::new(&self.sampler, &self.situation(&window, &none), &acts, &self.draws))
    }

    /// `alone`, where a rule reads the position: whether its own token is left out.
    fn propose_at(&mut self, propose: &Propose, position: usize, raw: &[f32], alone: Option<bool>) -> Proposal {
        let limit = self.canvas.limit(position);
        self.row.load(raw, &self.vocabulary, limit);
        if self.sampler.obeys() {
            self.restore_controls(position, raw);
        }
        let here = self.canvas.ids().get(position).copied().unwrap_or(self.canvas.mask());
        let in_place = Some(here).filter(|&id| id != self.canvas.mask());
        if let Some(alone) = alone {
            self.memory.see_row(position, self.row.logits());
            self.adjust(position, in_place.filter(|_| alone));
        }
        if let Some(dry) = self.sampler.dry {
            for (word, common) in repeated(&self.canvas, position, &self.vocabulary) {
                self.row.add(word, -dry.penalty(common));
            }
        }
        let key = DrawKey { purpose: Purpose::Token, step: self.clock.step, position, index: 0 };
        let uniform = if propose.temperature > 0.0 { self.draws.uniform(key) } else { 0.0 };
        let fallback = Fallback { vocabulary: &self.vocabulary, limit: self.canvas.limit(position) };
        let mut proposal = propose.propose(&self.row, fallback, in_place, uniform);
        if let Some(token) = self.reverse_draw(propose, position, here, raw) {
            (proposal.token, proposal.probability) = (token, self.row.probability(token));
        }
        proposal
    }

    /// Draws the next state of a position from the reverse kernel, if the sampler says so.
    fn reverse_draw(&self, propose: &Propose, position: usize, now: TokenId, raw: &[f32]) -> Option<TokenId> {
        let reverse = self.sampler.reverse?;
        let schedule = &self.sampler.schedule;
        let (removal, (t, s)) = (self.clock.is_last(), schedule.times(&self.clock));
        if removal && reverse.greedy_removal {
            return None;
        }
        let noisy = |t: f64| schedule.noise.move_chance(t);
        let mask = self.canvas.mask();
        let moment = Moment { t, s, noisy_t: noisy(t), noisy_s: noisy(s), now, mask, removal };
        let row = match self.noise {
            Noise::Score { .. } => raw.iter().map(|&score| f64::from(score).exp()).collect(),
            _ => propose.distribution(&self.row),
        };
        // A sampler that starts from random tokens undoes random tokens, whatever the network was trained on.
        let noise = match self.noise {
            Noise::Absorbing if self.sampler.starts_random => Noise::Uniform,
            noise => noise,
        };
        let mut weights = reverse.kernel.weights(noise, &row, &moment);
        for &banned in self.vocabulary.banned().iter().filter(|&&id| id != mask && id != now) {
            if let Some(weight) = weights.get_mut(banned as usize) {
                *weight = 0.0;
            }
        }
        reverse.draws.draw(&weights, self.clock.step, position, &self.draws)
    }

    /// Credit and leave-one-out: what is done to logits before a token is chosen.
    fn adjust(&mut self, position: usize, left_out: Option<TokenId>) {
        if let Some(token) = left_out {
            let alpha = self.sampler.schedule.noise.alpha(self.sampler.schedule.times(&self.clock).0);
            let known = self.vocabulary.proposable() as f64 * alpha / (1.0 - alpha).max(1e-9);
            self.row.add(token, -known.ln_1p());
        }
        if let Some(credit) = self.sampler.credit {
            let best = self
                .row
                .logits()
                .iter()
                .enumerate()
                .fold((0, f32::NEG_INFINITY), |best, (id, &logit)| if logit > best.1 { (id, logit) } else { best });
            let gain = self.row.probability(best.0 as TokenId).powf(credit.power);
            let row = &mut self.row;
            for (token, value) in self.memory.credit(position, best.0 as TokenId, gain, credit.decay) {
                row.add(token, credit.weight * value.ln_1p());
            }
        }
    }

    /// Control tokens may be proposed to a sampler that obeys them, but for those that were refused here.
    fn restore_controls(&mut self, position: usize, raw: &[f32]) {
        let controls = self.vocabulary.controls();
        let expand = controls.expand.filter(|_| self.room() > 0);
        let refused = |token: &TokenId| self.canvas.limit(position).is_some_and(|limit| limit.banned.contains(token));
        for token in expand.into_iter().chain(controls.delete).filter(|token| !refused(token)) {
            self.row.restore(token, raw);
        }
    }

    pub(super) fn guess(&mut self, x0: &Proposals) {
        let canvas = &self.canvas;
        for (&position, proposal) in x0 {
            let token = proposal.best();
            let (probability, entropy) = (proposal.max_probability(), proposal.entropy);
            let runners_up = proposal.runners_up(token);
            self.guesses.insert(position, Guess { position, token, probability, entropy, runners_up });
        }
        let banned = |token| self.vocabulary.is_banned(token);
        self.guesses.retain(|&position, guess| canvas.kind(position) == Kind::Masked && !banned(guess.token));
    }
}
