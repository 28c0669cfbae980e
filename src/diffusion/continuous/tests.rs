//! A network that knows the answer, and what the process makes of it.

use super::levels::{diffusion_lm, ssd_lm};
use super::*;
use crate::diffusion::rng::Seeded;

/// Says that position i holds token (i + 1) mod vocabulary, whatever it is shown; tokens lie at the corners of a cube.
struct Oracle {
    vocabulary: Vocabulary,
    width: usize,
    /// Smallest and largest share of noise that a known position was shown with, times 1000.
    seen: Vec<Vec<f64>>,
}

impl Oracle {
    fn new(width: usize, banned: &[TokenId]) -> Self {
        let vocabulary = Vocabulary::new(4, 4, None, banned.iter().copied()).unwrap();
        Self { vocabulary, width, seen: Vec::new() }
    }

    fn corner(&self, token: TokenId) -> impl Iterator<Item = f32> {
        (0..self.width).map(move |axis| if token >> (axis % 2) & 1 == 1 { 1.0 } else { -1.0 })
    }
}

impl ContinuousDenoiser for Oracle {
    fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    fn width(&self) -> usize {
        self.width
    }

    fn context(&self) -> usize {
        64
    }

    fn embed(&self, tokens: &[TokenId]) -> Result<Vec<f32>, DenoiseError> {
        Ok(tokens.iter().flat_map(|token| self.corner(*token)).collect())
    }

    fn process(&self, choices: &Choices) -> Process {
        process(Space::Embeddings, choices.motion.unwrap_or(Motion::Deterministic), diffusion_lm(choices.steps))
    }

    fn steps(&self) -> usize {
        20
    }

    fn predict(
        &mut self,
        noised: &Noised<'_>,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Prediction, DenoiseError> {
        if cancelled() {
            return Err(DenoiseError::Cancelled);
        }
        self.seen.push(noised.state.to_vec());
        let answer = |position: usize| (position as TokenId + 1) % 4;
        let row = |position: usize| (0..4).map(move |id| if id == answer(position) { 5.0 } else { id as f32 / 10.0 });
        let n = noised.known.len();
        let clean = (0..n).flat_map(|position| self.corner(answer(position))).collect();
        Ok(Prediction { logits: (0..n).flat_map(row).collect(), clean })
    }
}

fn process(space: Space, motion: Motion, levels: Vec<Level>) -> Process {
    Process { space, motion, levels, scale: 1.0, noise: 1.0, first_noise: 1.0, temperature: 1.0 }
}

fn finish(mut run: Run<Seeded>, network: &mut Oracle) -> Vec<Vec<Edit>> {
    let mut edits = Vec::new();
    while !run.is_done() {
        edits.push(run.step(network, &|| false).unwrap());
    }
    assert!(run.step(network, &|| false).unwrap().is_empty());
    edits
}

#[test]
fn every_motion_ends_at_the_vectors_that_the_network_means() {
    for motion in [Motion::Deterministic, Motion::Posterior, Motion::PosteriorWide, Motion::Renoise] {
        let mut network = Oracle::new(6, &[]);
        let process = process(Space::Embeddings, motion, diffusion_lm(20));
        let mut run = Run::new(process, vec![None; 3], &network, Seeded(7)).unwrap();
        while !run.is_done() {
            run.step(&mut network, &|| false).unwrap();
        }
        let expected = network.embed(&[1, 2, 3]).unwrap();
        let close =
            run.state().iter().zip(&expected).all(|(found, expected)| (found - f64::from(*expected)).abs() < 1e-9);
        assert!(close, "{motion:?} {:?}", run.state());
        assert_eq!((run.best(), run.nfe()), (&[Some(1), Some(2), Some(3)][..], 20));
    }
}

#[test]
fn known_positions_keep_their_token_and_just_the_noise_of_the_level() {
    for motion in [Motion::Deterministic, Motion::Posterior, Motion::Renoise] {
        let mut network = Oracle::new(400, &[]);
        let levels = diffusion_lm(12);
        let process = process(Space::Embeddings, motion, levels.clone());
        let mut run = Run::new(process, vec![Some(0), None], &network, Seeded(3)).unwrap();
        while !run.is_done() {
            let edits = run.step(&mut network, &|| false).unwrap();
            assert!(edits.iter().all(|edit| edit.position == 1));
        }
        assert_eq!(run.best()[0], Some(0));
        for (state, level) in network.seen.iter().zip(&levels) {
            let (alpha, sigma) = level.from();
            let vector = network.corner(0).map(f64::from);
            let squares: f64 = state[..400].iter().zip(vector).map(|(z, x)| (z - alpha * x).powi(2)).sum();
            let found = (squares / 400.0).sqrt();
            // 400 draws: the standard error of a deviation is 1 / sqrt(800).
            assert!((found / sigma - 1.0).abs() < 5.0 / 800_f64.sqrt(), "{motion:?}: {found} where {sigma} belongs");
        }
    }
}

#[test]
fn only_what_changed_is_an_edit_and_banned_tokens_are_never_written() {
    let mut network = Oracle::new(4, &[2]);
    let process = process(Space::Simplex { top_p: 0.0 }, Motion::Renoise, ssd_lm(5, 5));
    let run = Run::new(process, vec![None; 4], &network, Seeded(1)).unwrap();
    let edits = finish(run, &mut network);
    let written: Vec<_> = edits[0].iter().map(|edit| (edit.position, edit.act)).collect();
    let write = |token| EditAct::Write { token };
    assert_eq!(written, vec![(0, write(1)), (1, write(3)), (2, write(3)), (3, write(0))]);
    assert!(edits[1..].iter().all(Vec::is_empty));
    assert!(edits[0].iter().all(|edit| edit.runners_up.iter().all(|(token, _)| *token != 2)));
}

#[test]
fn a_seed_gives_the_same_run_and_another_seed_another() {
    let states = |seed| {
        let mut network = Oracle::new(4, &[]);
        let process = process(Space::Embeddings, Motion::Posterior, diffusion_lm(6));
        let mut run = Run::new(process, vec![None; 2], &network, Seeded(seed)).unwrap();
        run.step(&mut network, &|| false).unwrap();
        run.state().to_vec()
    };
    assert_eq!(states(5), states(5));
    assert_ne!(states(5), states(6));
}

#[test]
fn normal_draws_have_the_right_moments() {
    let draws: Vec<f64> = (0..100).flat_map(|p| (0..100).map(move |axis| Seeded(9).normal(1, p, axis))).collect();
    let n = draws.len() as f64;
    let moment = |power: i32| draws.iter().map(|draw| draw.powi(power)).sum::<f64>() / n;
    // Five standard errors of each.
    assert!(moment(1).abs() < 0.05 && (moment(2) - 1.0).abs() < 0.071 && (moment(4) - 3.0).abs() < 0.49);
}

#[test]
fn a_cancelled_pass_leaves_the_run_as_it_was() {
    let mut network = Oracle::new(4, &[]);
    let process = process(Space::Embeddings, Motion::Deterministic, diffusion_lm(6));
    let mut run = Run::new(process, vec![None; 2], &network, Seeded(5)).unwrap();
    let before = run.state().to_vec();
    assert_eq!(run.step(&mut network, &|| true), Err(DenoiseError::Cancelled));
    assert_eq!((run.state(), run.nfe()), (before.as_slice(), 0));
}

#[test]
fn a_known_token_outside_of_the_vocabulary_is_refused() {
    let network = Oracle::new(4, &[]);
    let process = process(Space::Simplex { top_p: 0.0 }, Motion::Renoise, ssd_lm(5, 5));
    assert!(matches!(Run::new(process, vec![Some(4)], &network, Seeded(1)), Err(DenoiseError::Failed(_))));
}
