//! Turns on a toy network that reads the whole canvas: what each search and guidance does to passes and to the text.

use crate::diffusion::canvas::{Canvas, Kind};
use crate::diffusion::rng::Seeded;
use crate::diffusion::run::Run;
use crate::diffusion::search::particles::{Particles, mean_log_probability};
use crate::diffusion::spec::{Overrides, parse_spec};
use crate::diffusion::vocabulary::Vocabulary;
use crate::diffusion::{DenoiseError, Denoiser, Logits, Pass, TokenId};

const M: TokenId = 9;

/// Logits by a function of the canvas, the row and the token; remembers what it was asked.
struct Toy<F> {
    vocabulary: Vocabulary,
    logit: F,
    seen: Vec<Vec<TokenId>>,
}

impl<F: FnMut(&[TokenId], usize, TokenId) -> f32> Toy<F> {
    fn new(logit: F) -> Self {
        Self { vocabulary: Vocabulary::new(10, M, None, []).unwrap(), logit, seen: Vec::new() }
    }
}

impl<F: FnMut(&[TokenId], usize, TokenId) -> f32> Denoiser for Toy<F> {
    fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }
    fn shift(&self) -> usize {
        0
    }
    fn context(&self) -> usize {
        100
    }
    fn logits(&mut self, pass: &Pass<'_>, _: &(dyn Fn() -> bool + Sync)) -> Result<Logits, DenoiseError> {
        self.seen.push(pass.ids.to_vec());
        let mut data = Vec::new();
        for &row in pass.rows {
            data.extend((0..10).map(|id| (self.logit)(pass.ids, row, id)));
        }
        Logits::new(pass.rows.to_vec(), 10, data)
    }
}

/// A number from -2 to 2 that depends on everything it is given.
fn noise(ids: &[TokenId], row: usize, id: TokenId) -> f32 {
    let words = ids.iter().copied().chain([row as u32, id]);
    let hash = words.fold(17_u32, |hash, word| (hash ^ word).wrapping_mul(0x9e37_79b1).rotate_left(9));
    (hash % 4001) as f32 / 1000.0 - 2.0
}

fn run(spec: &str, ids: &[TokenId]) -> Run {
    let vocabulary = Vocabulary::new(10, M, None, []).unwrap();
    let sampler = parse_spec(spec, &Overrides::default()).unwrap();
    Run::new(Canvas::from_ids(ids, M), sampler, &vocabulary, 0, Seeded(3))
}

fn finish(run: &mut Run, toy: &mut dyn Denoiser) -> Vec<usize> {
    let mut written = Vec::new();
    while !run.is_done() {
        written.push(run.turn(toy, false, &|| false).unwrap().edits.len());
    }
    written
}

#[test]
fn guidance_leads_away_from_what_is_said_without_the_text_around() {
    let mut toy = Toy::new(|ids, _, id| match (ids[0] == M, id) {
        (_, 1) => 2.0,
        (false, 2) => 1.5,
        _ => 0.0,
    });
    let token = |spec: &str, toy: &mut dyn Denoiser| {
        let mut run = run(spec, &[5, M]);
        finish(&mut run, toy);
        (run.canvas().ids()[1], run.nfe())
    };
    assert_eq!(token("llada", &mut toy), (1, 1));
    // u + (1 + 1) (c - u): token 1 stays at 2, token 2 rises from 0 to 3.
    assert_eq!(token("llada:guidance=1", &mut toy), (2, 2));
    assert_eq!(toy.seen[1..], [vec![5, M], vec![M, M]]);
}

#[test]
fn verified_drafts_change_nothing_but_the_order_of_passes() {
    let canvas = [1, M, M, M, M, M, 2, M, M];
    let (mut plain, mut drafted) = (run("llada", &canvas), run("freedave:depth=3", &canvas));
    let mut toy = Toy::new(noise);
    finish(&mut plain, &mut toy);
    toy.seen.clear();
    finish(&mut drafted, &mut toy);
    assert_eq!(plain.canvas(), drafted.canvas());
    assert_eq!((drafted.nfe(), drafted.nfe() >= plain.nfe()), (toy.seen.len(), true));
    // A network whose rows do not depend on the canvas confirms every draft.
    let mut still = Toy::new(|_, row, id| noise(&[], row, id));
    let mut drafted = run("freedave:depth=3", &canvas);
    finish(&mut drafted, &mut still);
    assert_eq!(drafted.nfe(), 7, "no draft was lost");
}

#[test]
fn probing_commits_at_once_only_what_does_not_depend_on_surer_masks() {
    // Masks 1 and 2 are tied: once 1 is known, 2 is another token. Mask 4 hears of nobody.
    let mut toy = Toy::new(|ids, row, id| {
        let likes = match row {
            1 => 3,
            2 if ids[1] == 3 => 4,
            2 => 5,
            _ => 6,
        };
        if id == likes { 6.0 - row as f32 } else { 0.0 }
    });
    let mut run = run("punt:eps=0.5", &[0, M, M, 0, M]);
    let written = finish(&mut run, &mut toy);
    assert_eq!((run.canvas().ids(), written), ([0, 3, 4, 0, 6].as_slice(), vec![2, 1]));
    assert!(run.nfe() > 2, "trials are counted");
}

#[test]
fn looking_ahead_makes_the_step_that_leaves_the_rest_surest() {
    // Position 1 is a little surer than 2, but once 2 is known all is sure.
    let mut toy = Toy::new(|ids, row, id| {
        let sure = ids[2] != M;
        match (row, id) {
            (1, 1) => 1.2,
            (2, 2) => 1.0,
            (3, 3) if sure => 9.0,
            _ => 0.0,
        }
    });
    for spec in ["lopa:threshold=1,k=2", "info-gain:k=3"] {
        let mut run = run(spec, &[0, M, M, M]);
        let report = run.turn(&mut toy, false, &|| false).unwrap();
        assert!(report.edits.iter().any(|edit| edit.position == 2), "{spec}");
        let before = (run.nfe(), toy.seen.len());
        let memo = run.turn(&mut toy, false, &|| false).unwrap();
        assert!(memo.nfe >= before.0, "{spec}");
        finish(&mut run, &mut toy);
        assert_eq!(run.canvas().masks_left(), 0);
    }
}

#[test]
fn particles_differ_are_drawn_by_weight_and_ranked() {
    let mut toy = Toy::new(|ids, row, id| if row == 1 && id < 2 { 3.0 + id as f32 } else { noise(ids, row, id) });
    let start = run("smc:n=4", &[1, M, M, M, M, 2]);
    let mut particles = Particles::new(&start, 7, 4, 0.0);
    while !particles.is_done() {
        particles.turn(|_, run| run.turn(&mut toy, false, &|| false)).unwrap();
    }
    let ranked = particles.ranked();
    assert!(ranked.len() > 1, "four seeds gave one text");
    assert!(ranked.windows(2).all(|pair| pair[0].1 >= pair[1].1));
    assert!((ranked[0].1 - mean_log_probability(particles.run(ranked[0].0).canvas())).abs() < 1e-12);
    // A weight that sharpens without bound leaves the children of the likeliest.
    let mut spread = Toy::new(|_, row, id| if row == 1 { 2.0 + 0.2 * id as f32 } else { 0.0 });
    let mut sharp = Particles::new(&start, 7, 16, 1000.0);
    let parents = sharp.turn(|_, run| run.turn(&mut spread, false, &|| false)).unwrap();
    assert_eq!((sharp.ranked().len(), parents.map(|parents| parents.len())), (1, Some(16)));
    while !sharp.is_done() {
        sharp.turn(|_, run| run.turn(&mut toy, false, &|| false)).unwrap();
    }
    assert!(sharp.run(sharp.ranked()[0].0).canvas().kinds().iter().all(|kind| *kind != Kind::Masked));
}

#[test]
fn cached_turns_ask_for_no_more_than_the_policy_computes() {
    let mut toy = Toy::new(noise);
    let (mut exact, mut cached) =
        (run("llada:block=2", &[1, M, M, M, M]), run("llada:block=2,cache=dual", &[1, M, M, M, M]));
    finish(&mut exact, &mut toy);
    while !cached.is_done() {
        cached.turn(&mut toy, true, &|| false).unwrap();
    }
    assert_eq!(exact.canvas(), cached.canvas(), "a policy touches no token");
}
