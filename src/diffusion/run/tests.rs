//! Runs against recorded states, laws for random ones, and samples against the distributions they should have.

use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::Value;

use super::{Run, RunError};
use crate::diffusion::canvas::{Canvas, Cell, EditAct, Kind};
use crate::diffusion::expr::Var;
use crate::diffusion::preset::names;
use crate::diffusion::rng::{Draw, DrawKey, Purpose, Seeded};
use crate::diffusion::rule::{Act, Over, Pick};
use crate::diffusion::sampler::Sampler;
use crate::diffusion::spec::{Overrides, parse_spec};
use crate::diffusion::vocabulary::Vocabulary;
use crate::diffusion::{Logits, TokenId};

fn sampler(spec: &str) -> Sampler {
    parse_spec(spec, &Overrides::default()).unwrap()
}

/// Makes the logits of the rows asked for from a function of row and token.
fn rows(rows: &[usize], vocab: usize, logit: impl Fn(usize, TokenId) -> f32) -> Logits {
    let data = rows.iter().flat_map(|&row| (0..vocab as TokenId).map(move |id| (row, id)));
    Logits::new(rows.to_vec(), vocab, data.map(|(row, id)| logit(row, id)).collect()).unwrap()
}

// Recorded states of reference implementations.

fn traces(family: &str) -> (TokenId, Vec<Value>) {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    let text = std::fs::read_to_string(format!("{root}/{family}/traces.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    (file["mask_token_id"].as_u64().unwrap() as TokenId, file["traces"].as_array().unwrap().clone())
}

fn ids(value: &Value) -> Vec<TokenId> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as TokenId).collect()
}

struct Recorded(Vec<Vec<f64>>);

impl Draw for Recorded {
    fn uniform(&self, key: DrawKey) -> f64 {
        match key.purpose {
            Purpose::Coin(_) => self.0[key.step][key.index],
            _ => 0.5,
        }
    }
}

/// Replays a trace with logits that make each step's commits the surest of their block, and everything to the right
/// of the block surer still: the states agree only if counts, blocks and coins do.
#[track_caller]
fn replay(trace: &Value, mask: TokenId, spec: &str, shift: usize) {
    let states: Vec<Vec<TokenId>> = trace["states"].as_array().unwrap().iter().map(ids).collect();
    let (initial, last) = (ids(&trace["initial"]), ids(&trace["final"]));
    let vocab = 1 + mask.max(*last.iter().max().unwrap()) as usize;
    let vocabulary = Vocabulary::new(vocab, mask, None, []).unwrap();
    let block = trace["params"]["block_length"].as_u64().map_or(usize::MAX, |block| block as usize);
    let draws = trace["uniforms"].as_array().map_or(Vec::new(), |steps| {
        steps.iter().map(|step| step.as_array().unwrap().iter().map(|u| u.as_f64().unwrap()).collect()).collect()
    });
    let mut run = Run::new(Canvas::from_ids(&initial, mask), sampler(spec), &vocabulary, shift, Recorded(draws));
    let hole = run.canvas().hole_range(0).start;
    for (step, state) in states.iter().enumerate() {
        let before = run.canvas().ids().to_vec();
        let first_masked = before.iter().position(|&id| id == mask).unwrap();
        let window_end = ((first_masked - hole) / block).saturating_add(1).saturating_mul(block).saturating_add(hole);
        let logit = |row: usize, id: TokenId| {
            let position = row + shift;
            match last.get(position) {
                Some(&token) if token != id => 0.0,
                _ if position >= window_end => 20.0,
                _ if state.get(position) != before.get(position) => 15.0,
                _ => 1.0,
            }
        };
        let needed = run.rows_needed();
        let report = run.advance(&rows(&needed, vocab, logit)).unwrap();
        assert_eq!(run.canvas().ids(), state, "{spec}, step {step}");
        assert_eq!(report.nfe, run.nfe());
    }
    assert!(run.is_done() && run.canvas().ids() == last);
}

#[test]
fn llada_commits_as_recorded() {
    let (mask, traces) = traces("llada");
    let mut replayed = 0;
    for trace in &traces {
        let (source, params) = (trace["source"].as_str().unwrap(), &trace["params"]);
        let (steps, block) = (&params["steps"], &params["block_length"]);
        if source == "ML-GSAI/LLaDA generate.py:generate" && params["cfg_scale"].as_f64() == Some(0.0) {
            replay(trace, mask, &format!("llada:steps={steps},block={block}"), 0);
            replayed += 1;
        }
        if source == "NVlabs/Fast-dLLM llada/generate.py:generate (no cache)" {
            match params["threshold"].as_f64() {
                Some(tau) => replay(trace, mask, &format!("threshold:threshold={tau},block={block}"), 0),
                None => replay(trace, mask, &format!("llada:steps={steps},block={block}"), 0),
            }
            replayed += 1;
        }
    }
    assert!(replayed >= 16, "{replayed} traces were replayed");
}

#[test]
fn dream_commits_as_recorded() {
    let (mask, traces) = traces("dream");
    let mut replayed = 0;
    for trace in traces.iter().filter(|trace| trace["source"].as_str().unwrap().starts_with("HF Dream")) {
        let (steps, eps) = (&trace["params"]["steps"], &trace["params"]["eps"]);
        let name = match trace["params"]["alg"].as_str().unwrap() {
            "entropy" => "dream-entropy",
            "topk_margin" => "dream-margin",
            "maskgit_plus" => "dream-maskgit",
            "origin" => "mdlm",
            other => panic!("unknown alg {other}"),
        };
        replay(trace, mask, &format!("{name}:steps={steps},eps={eps},temperature=0"), 1);
        replayed += 1;
    }
    assert!(replayed >= 24, "{replayed} traces were replayed");
}

// Laws of any run.

/// A number that depends on its inputs alone.
fn hash(seed: u64, words: &[u64]) -> u64 {
    let mix = |state: u64, word: &u64| {
        let position = (state ^ word) as usize;
        (Seeded(state).uniform(DrawKey { purpose: Purpose::Token, step: 0, position, index: 0 }) * 2f64.powi(53)) as u64
    };
    words.iter().fold(seed, mix)
}

/// A denoiser with few distinct logits, so that ties, minus infinity and NaN are common; it reads the whole canvas.
fn toy_logits(seed: u64, canvas: &[TokenId], asked: &[usize], vocab: usize) -> Logits {
    let context = hash(seed, &canvas.iter().map(|&id| u64::from(id)).collect::<Vec<_>>());
    rows(asked, vocab, |row, id| match hash(context, &[row as u64, u64::from(id)]) % 12 {
        0 => f32::NAN,
        1 | 2 => f32::NEG_INFINITY,
        3 => 30.0,
        n => (n / 2) as f32,
    })
}

#[derive(Debug, Clone)]
struct Case {
    vocab: usize,
    parts: Vec<(usize, Vec<u8>)>,
    spec: String,
    shift: usize,
    seed: u64,
}

impl Case {
    fn mask(&self) -> TokenId {
        self.vocab as TokenId - 1
    }

    fn canvas(&self) -> Canvas {
        let text = |n: usize| n as TokenId % (self.vocab as TokenId - 1);
        let mut builder = Canvas::builder(self.mask());
        for (fixed, cells) in &self.parts {
            builder = builder.fixed(&(0..*fixed).map(text).collect::<Vec<_>>());
            builder = builder.hole_from(cells.iter().enumerate().map(|(i, cell)| match cell {
                0 => Cell::Pinned(text(i)),
                1 => Cell::Original(text(i)),
                2 => Cell::Committed { id: text(i), probability: 0.5 },
                _ => Cell::Masked,
            }));
        }
        builder.build()
    }

    fn run(&self) -> Run {
        let vocabulary = Vocabulary::new(self.vocab, self.mask(), None, []).unwrap();
        Run::new(self.canvas(), sampler(&self.spec), &vocabulary, self.shift, Seeded(self.seed))
    }

    fn logits(&self, run: &Run, asked: &[usize]) -> Logits {
        toy_logits(self.seed, run.canvas().ids(), asked, self.vocab)
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let parts = prop::collection::vec((0_usize..4, prop::collection::vec(0_u8..8, 0..9)), 0..4);
    let all: Vec<&str> = names().collect();
    let numbers = (0..all.len(), 0_usize..12, 0_usize..4, 0_usize..3, 0_usize..4);
    let spec = numbers.prop_map(move |(preset, steps, temperature, filter, block)| {
        let mut spec = format!("{}:", all[preset]);
        spec += ["", "temperature=0", "temperature=0.7", "temperature=1"][temperature];
        spec += ["", ",top-p=0.8", ",top-p=0.9,top-k=2"][filter];
        if steps > 0 {
            spec = format!("{spec},steps={steps}");
        }
        spec + ["", ",block=3", ",block=4", ",cache=dual"][block]
    });
    (2_usize..8, parts, spec, 0_usize..2, any::<u64>()).prop_map(|(vocab, parts, spec, shift, seed)| Case {
        vocab,
        parts,
        spec,
        shift,
        seed,
    })
}

/// Whether a sampler only ever writes what is masked.
fn only_commits(sampler: &Sampler) -> bool {
    let commits = sampler.rules.iter().all(|rule| rule.over == Over::Masked && rule.act == Act::Write);
    commits && sampler.reverse.is_none() && !sampler.starts_random
}

/// Whether nothing in a sampler is random at temperature 0.
fn draws_nothing(sampler: &Sampler) -> bool {
    let random = |pick: &Pick| matches!(pick, Pick::Coin(_));
    let words = sampler.mentions(Var::Uniform) || sampler.mentions(Var::Gumbel);
    let rules = sampler.rules.iter().any(|rule| random(&rule.pick) || rule.act == Act::Noise);
    !words && !rules && sampler.reverse.is_none() && !sampler.starts_random
}

/// What no sampler may change, in order.
fn fixed(canvas: &Canvas) -> Vec<TokenId> {
    let kept = canvas.kinds().iter().zip(canvas.ids()).filter(|(kind, _)| !kind.is_editable());
    kept.map(|(_, &id)| id).collect()
}

proptest! {
    #[test]
    fn any_run_keeps_what_is_fixed_and_ends_within_its_plan(case in cases()) {
        let mut run = case.run();
        let (planned, only_commits) = (run.steps_left(), only_commits(run.sampler()));
        let kept = fixed(run.canvas());
        let (mut steps, mut grown) = (0, 0);
        while !run.is_done() {
            prop_assert!(steps < planned + grown, "{} steps were planned", planned);
            let before = run.canvas().clone();
            let needed = run.rows_needed();
            prop_assert!(needed.windows(2).all(|pair| pair[0] < pair[1]));
            let report = run.advance(&case.logits(&run, &needed)).unwrap();
            prop_assert!(!only_commits || report.masks_left <= before.masks_left());
            prop_assert_eq!(report.masks_left, run.canvas().masks_left());
            prop_assert_eq!(report.done, run.is_done());
            for edit in &report.edits {
                prop_assert!(before.kind(edit.position).is_editable());
                prop_assert!(!only_commits || before.kind(edit.position) == Kind::Masked);
                grown += if let EditAct::Insert { masks } = edit.act { masks + 1 } else { 0 };
            }
            if run.canvas().len() == before.len() {
                for (position, (was, is)) in before.ids().iter().zip(run.canvas().ids()).enumerate() {
                    prop_assert!(was == is || report.edits.iter().any(|edit| edit.position == position));
                }
            }
            let guessed: Vec<usize> = report.guesses.iter().map(|guess| guess.position).collect();
            prop_assert!(guessed.iter().all(|&position| run.canvas().kind(position) == Kind::Masked));
            prop_assert!(report.guesses.iter().all(|guess| guess.token != case.mask()));
            prop_assert_eq!(&fixed(run.canvas()), &kept);
            steps += 1;
        }
        prop_assert!(run.nfe() <= steps);
        prop_assert_eq!((run.steps_left(), run.canvas().masks_left()), (0, 0));
        prop_assert!(run.canvas().ids().iter().all(|&id| id != case.mask()));
    }

    #[test]
    fn the_same_seed_gives_the_same_run_whichever_extra_rows_are_there(case in cases()) {
        let (mut bare, mut full) = (case.run(), case.run());
        while !bare.is_done() {
            let everything: Vec<usize> = (0..full.canvas().len()).collect();
            let some = bare.advance(&case.logits(&bare, &bare.rows_needed())).unwrap();
            let all = full.advance(&case.logits(&full, &everything)).unwrap();
            prop_assert_eq!(some.edits, all.edits);
            prop_assert_eq!(bare.canvas(), full.canvas());
        }
        prop_assert!(full.is_done());
    }

    #[test]
    fn greedy_runs_do_not_depend_on_the_seed(mut case in cases(), other in any::<u64>()) {
        case.spec += ",temperature=0";
        prop_assume!(draws_nothing(&sampler(&case.spec)));
        let vocabulary = Vocabulary::new(case.vocab, case.mask(), None, []).unwrap();
        let mut reseeded = Run::new(case.canvas(), sampler(&case.spec), &vocabulary, case.shift, Seeded(other));
        let mut run = case.run();
        while !run.is_done() {
            let logits = case.logits(&run, &run.rows_needed());
            prop_assert_eq!(run.advance(&logits).unwrap(), reseeded.advance(&logits).unwrap());
        }
    }

    #[test]
    fn stop_and_keep_writes_a_guess_everywhere(case in cases(), steps in 0_usize..3) {
        let mut run = case.run();
        for _ in 0..steps {
            // Otherwise nothing is left to guess.
            prop_assume!(!run.is_done());
            run.advance(&case.logits(&run, &run.rows_needed())).unwrap();
        }
        let lacking = run.rows_to_finish();
        let guesses = run.observe(&case.logits(&run, &lacking)).unwrap();
        let report = run.finish_now().unwrap();
        prop_assert!(report.masks_left == 0 && guesses.len() == report.edits.len());
        for (guess, edit) in guesses.iter().zip(&report.edits) {
            prop_assert_eq!(edit.act, EditAct::Write { token: guess.token });
        }
    }
}

#[test]
fn missing_and_misshapen_rows_are_refused_and_change_nothing() {
    let vocabulary = Vocabulary::new(4, 3, None, []).unwrap();
    let mut run = Run::new(Canvas::from_ids(&[0, 3, 3], 3), sampler("llada"), &vocabulary, 0, Seeded(0));
    let before = run.canvas().clone();
    assert_eq!(run.rows_needed(), [1, 2]);
    assert_eq!(run.advance(&rows(&[1], 4, |_, _| 0.0)), Err(RunError::MissingRow(2)));
    let width = RunError::Width { found: 5, expected: 4 };
    assert_eq!(run.advance(&rows(&[1, 2], 5, |_, _| 0.0)), Err(width));
    assert_eq!((run.canvas(), run.nfe(), run.clock().step), (&before, 0, 0));
}

#[test]
fn a_step_without_a_count_needs_no_pass() {
    let vocabulary = Vocabulary::new(4, 3, None, []).unwrap();
    let canvas = Canvas::from_ids(&[3; 16], 3);
    let mut run = Run::new(canvas, sampler("dream-entropy:steps=16"), &vocabulary, 1, Seeded(0));
    assert_eq!(run.rows_needed(), [0; 0], "int(16 * (1 - s / t)) is 0 at first");
    assert_eq!(run.rows_to_show().len(), 15, "positions 0 and 1 share row 0");
    let report = run.advance(&Logits::none()).unwrap();
    assert_eq!((report.edits.len(), report.nfe, report.step), (0, 0, 0));
    assert_eq!(run.rows_needed().len(), 15);
}

#[test]
fn a_users_pins_and_masks_are_taken_up_between_steps() {
    let vocabulary = Vocabulary::new(4, 3, None, []).unwrap();
    let mut run = Run::new(Canvas::from_ids(&[3, 3, 3], 3), sampler("llada"), &vocabulary, 0, Seeded(0));
    let likes_2 = |asked: &[usize]| rows(asked, 4, |_, id| if id == 2 { 5.0 } else { 0.0 });
    run.advance(&likes_2(&[0, 1, 2])).unwrap();
    assert_eq!(run.guesses().len(), 2);
    run.revise(|canvas| {
        canvas.pin_as(1, 0).unwrap();
        canvas.mask_again(0).unwrap();
        canvas.forbid(2, 2).unwrap();
    });
    assert_eq!(run.guesses().len(), 0, "one is pinned and the other forbidden");
    while !run.is_done() {
        run.advance(&likes_2(&run.rows_needed())).unwrap();
    }
    assert_eq!(run.canvas().ids(), [2, 0, 0]);
}

// Distributions.

/// Pearson's statistic of counts against probabilities.
fn chi_squared(counts: &[f64], probabilities: &[f64]) -> f64 {
    let total: f64 = counts.iter().sum();
    counts.iter().zip(probabilities).map(|(n, p)| (n - total * p).powi(2) / (total * p)).sum()
}

#[test]
fn ancestral_sampling_has_the_marginals_of_the_denoiser() {
    let vocabulary = Vocabulary::new(4, 3, None, []).unwrap();
    let p = [0.5, 0.2, 0.3];
    let (mut tokens, mut steps) = ([0.0; 3], [0.0; 4]);
    for seed in 0..2000 {
        let canvas = Canvas::from_ids(&[3, 0, 3], 3);
        let mut run = Run::new(canvas, sampler("mdlm:steps=4"), &vocabulary, 0, Seeded(seed));
        while !run.is_done() {
            let asked = run.rows_needed();
            run.advance(&rows(&asked, 4, |_, id| p.get(id as usize).map_or(9.0, |p: &f64| p.ln() as f32))).unwrap();
        }
        for position in [0, 2] {
            tokens[run.canvas().ids()[position] as usize] += 1.0;
            if let Kind::Committed { step, .. } = run.canvas().kind(position) {
                steps[step] += 1.0;
            }
        }
    }
    // The 0.999 quantiles for 2 and 3 degrees of freedom. Commit times are uniform, as alpha is linear.
    assert!(chi_squared(&tokens, &p) < 13.82, "{tokens:?}");
    assert!(chi_squared(&steps, &[0.25; 4]) < 16.27, "{steps:?}");
}

#[test]
fn one_random_position_per_pass_samples_the_joint_distribution() {
    let vocabulary = Vocabulary::new(4, 3, None, []).unwrap();
    let joint = [[0.30, 0.05, 0.05], [0.02, 0.20, 0.08], [0.10, 0.05, 0.15]];
    let mut counts: HashMap<(TokenId, TokenId), f64> = HashMap::new();
    for seed in 0..4000 {
        let mut run = Run::new(Canvas::from_ids(&[3, 3], 3), sampler("fhs"), &vocabulary, 0, Seeded(seed));
        while !run.is_done() {
            let ids = run.canvas().ids().to_vec();
            let weight = |row: usize, id: TokenId| -> f64 {
                let fits =
                    |a: usize, b: usize| (ids[0] == 3 || ids[0] as usize == a) && (ids[1] == 3 || ids[1] as usize == b);
                let cells = (0..3).flat_map(|a| (0..3).map(move |b| (a, b))).filter(|&(a, b)| fits(a, b));
                cells.filter(|&(a, b)| [a, b][row] == id as usize).map(|(a, b)| joint[a][b]).sum()
            };
            let asked = run.rows_needed();
            assert_eq!(asked.len(), 1, "only the position picked is read");
            run.advance(&rows(&asked, 4, |row, id| weight(row, id).ln() as f32)).unwrap();
        }
        *counts.entry((run.canvas().ids()[0], run.canvas().ids()[1])).or_default() += 1.0;
    }
    let cells = (0..3).flat_map(|a| (0..3).map(move |b| (a, b)));
    let counted: Vec<f64> = cells.map(|cell| counts.get(&cell).copied().unwrap_or_default()).collect();
    // The 0.999 quantile for 8 degrees of freedom.
    assert!(chi_squared(&counted, &joint.concat()) < 26.12, "{counted:?}");
}
