//! The table is whole, and each sampler keeps the law that makes it the one it is named after.
//!
//! Laws that are distributions are in `noise/tests.rs`, those of searches in `run/turn/tests.rs`, counts against recorded
//! traces in `run/tests.rs`.

use std::collections::BTreeSet;

use super::{find, names, presets};
use crate::diffusion::canvas::{Canvas, Cell, EditAct, Kind};
use crate::diffusion::rng::Seeded;
use crate::diffusion::run::{Run, StepReport};
use crate::diffusion::spec::{Overrides, parse_spec};
use crate::diffusion::vocabulary::{Controls, Vocabulary};
use crate::diffusion::{Logits, TokenId};

#[test]
fn every_preset_has_its_own_name_a_source_and_one_sentence() {
    let mut seen = BTreeSet::new();
    for name in names() {
        assert!(seen.insert(name), "{name} twice");
    }
    for preset in presets() {
        assert!(!preset.source.is_empty());
        let sentence = preset.doc;
        assert!(sentence.ends_with('.') && sentence.matches(". ").count() == 0, "{sentence}");
        for twin in preset.twins {
            assert!(find(twin).unwrap().0.twins.contains(&preset.name), "{} and {twin}", preset.name);
        }
    }
}

const M: TokenId = 9;
const V: usize = 10;

/// A canvas: `_` is a mask, a digit a token of the text, a letter a committed token (a is 0).
fn canvas(text: &str) -> Canvas {
    let mut builder = Canvas::builder(M);
    for part in text.split_inclusive('|') {
        let cells = part.trim_end_matches('|').chars().map(|c| match c {
            '_' => Cell::Masked,
            'a'..='h' => Cell::Committed { id: c as u32 - 'a' as u32, probability: 0.5 },
            _ => Cell::Original(c.to_digit(10).unwrap()),
        });
        builder = builder.hole_from(cells).fixed(if part.ends_with('|') { &[8, 8, 8, 7] } else { &[] });
    }
    builder.build()
}

/// Runs a sampler on a network that gives probabilities of the ten tokens, by ids, position and step.
fn steps(
    spec: &str,
    start: Canvas,
    seed: u64,
    row: impl Fn(&[TokenId], usize, usize) -> [f64; V],
) -> (Vec<StepReport>, Canvas) {
    let controls = Controls { expand: Some(6), delete: Some(5) };
    let vocabulary = Vocabulary::new(V, M, None, []).unwrap().with_controls(controls);
    let sampler = parse_spec(spec, &Overrides::default()).unwrap();
    let mut run = Run::new(start, sampler, &vocabulary, 0, Seeded(seed));
    let mut reports = Vec::new();
    while !run.is_done() && reports.len() < 1000 {
        let rows = run.rows_needed();
        let ids = run.canvas().ids().to_vec();
        let step = reports.len();
        let data = rows.iter().flat_map(|&position| row(&ids, position, step)).map(|p| p.ln() as f32);
        let logits =
            if rows.is_empty() { Logits::none() } else { Logits::new(rows.clone(), V, data.collect()).unwrap() };
        reports.push(run.advance(&logits).unwrap());
    }
    (reports, run.into_canvas())
}

/// A row with so much on one token and the rest on the others, but for control tokens and the mask.
fn peak(token: TokenId, p: f64) -> [f64; V] {
    let others: Vec<usize> = (0..9).filter(|id| ![5, 6, token as usize].contains(id)).collect();
    std::array::from_fn(|id| match id {
        id if id == token as usize => p,
        id if others.contains(&id) => (1.0 - p) / others.len() as f64,
        _ => 0.0,
    })
}

/// Token `i % 4`, surer from left to right by 0.02.
fn rising(_: &[TokenId], position: usize, _: usize) -> [f64; V] {
    peak(position as u32 % 4, 0.3 + 0.02 * position as f64)
}

fn written(report: &StepReport) -> Vec<usize> {
    report.edits.iter().filter(|edit| matches!(edit.act, EditAct::Write { .. })).map(|edit| edit.position).collect()
}

fn masked(report: &StepReport) -> Vec<usize> {
    report.edits.iter().filter(|edit| edit.act == EditAct::Mask).map(|edit| edit.position).collect()
}

fn counts(spec: &str, masks: usize) -> Vec<usize> {
    let (reports, _) = steps(spec, canvas(&"_".repeat(masks)), 1, rising);
    reports.iter().map(|report| written(report).len()).collect()
}

/// The mean step at which each position was committed, over 200 seeds.
fn commit_steps(spec: &str, text: &str, row: impl Fn(&[TokenId], usize, usize) -> [f64; V] + Copy) -> Vec<f64> {
    let mut means = vec![0.0; canvas(text).len()];
    for seed in 0..200 {
        let (_, done) = steps(spec, canvas(text), seed, row);
        for (mean, kind) in means.iter_mut().zip(done.kinds()) {
            if let Kind::Committed { step, .. } = kind {
                *mean += *step as f64 / 200.0;
            }
        }
    }
    means
}

#[test]
fn llada_commits_equal_shares_of_the_surest() {
    assert_eq!(counts("llada:steps=3", 8), [3, 3, 2]);
    let (reports, _) = steps("llada:steps=3", canvas("________"), 1, rising);
    assert_eq!(written(&reports[0]), [5, 6, 7]);
    assert_eq!(counts("llada-random:steps=3", 8), [3, 3, 2]);
    let orders: BTreeSet<_> =
        (0..9).map(|seed| written(&steps("llada-random:steps=3", canvas("________"), seed, rising).0[0])).collect();
    assert!(orders.len() > 3, "{orders:?}");
}

#[test]
fn dreams_three_orders_differ_where_scores_do() {
    let row = |_: &[TokenId], position: usize, _: usize| match position {
        // The most probable token; the largest lead; the least entropy.
        0 => [0.5, 0.46, 0.01, 0.01, 0.01, 0.0, 0.0, 0.005, 0.005, 0.0],
        1 => peak(0, 0.48),
        _ => [0.49, 0.49, 0.02, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    };
    let first =
        |spec: &str| written(&steps(spec, canvas("___"), 1, row).0.into_iter().find(|r| !r.edits.is_empty()).unwrap());
    assert_eq!(first("dream-maskgit"), [0]);
    assert_eq!(first("dream-margin"), [1]);
    assert_eq!(first("dream-entropy"), [2]);
    let orders: BTreeSet<_> = (0..20)
        .map(|seed| {
            let (reports, _) = steps("dream-maskgit:alg-temp=5", canvas("___"), seed, row);
            reports.iter().flat_map(written).collect::<Vec<_>>()
        })
        .collect();
    assert!(orders.len() > 2, "a temperature on the order makes it random");
}

#[test]
fn maskgit_commits_few_at_first_and_its_noise_fades() {
    assert_eq!(counts("maskgit:steps=4,noise=0,temperature=0", 16), [2, 3, 5, 6]);
    let first = |seed, noise: &str| {
        written(
            &steps(&format!("maskgit:steps=4,temperature=0,noise={noise}"), canvas(&"_".repeat(16)), seed, rising).0[0],
        )
    };
    assert!((0..9).all(|seed| first(seed, "0") == [14, 15]));
    assert!((0..9).any(|seed| first(seed, "4.5") != [14, 15]));
}

#[test]
fn writing_all_and_masking_the_worst_leaves_what_the_schedule_says() {
    let left = |spec: &str| -> Vec<usize> {
        steps(spec, canvas("________"), 1, rising).0.iter().map(|report| report.masks_left).collect()
    };
    assert_eq!(left("mask-predict:steps=4"), [6, 4, 2, 0]);
    assert_eq!(left("p2:steps=4"), [6, 4, 2, 0]);
    // floor(8 cos(pi / 2 * k / 4)).
    assert_eq!(left("rdm:steps=4,temperature=0"), [7, 5, 3, 0]);
}

/// Position 0 is written first and looks bad afterwards.
fn regretted(ids: &[TokenId], position: usize, _: usize) -> [f64; V] {
    match position {
        0 if ids[0] == M => peak(1, 0.95),
        0 => peak(2, 0.8),
        _ => peak(3, 0.3 + 0.01 * position as f64),
    }
}

fn remasks(spec: &str) -> usize {
    let (reports, _) = steps(spec, canvas("______"), 1, regretted);
    reports.iter().filter(|report| masked(report).contains(&0)).count()
}

#[test]
fn what_is_masked_again_is_judged_by_its_own_time() {
    // Mask-predict keeps the probability at which a token was written; P2 and RDM look anew at what they would write.
    assert_eq!(remasks("mask-predict:steps=6"), 0);
    let late_doubt = |ids: &[TokenId], position: usize, _: usize| match position {
        0 if ids[0] == M => peak(1, 0.95),
        0 => peak(1, 0.2),
        _ => peak(3, 0.3 + 0.01 * position as f64),
    };
    let again = |spec: &str| {
        let (reports, _) = steps(spec, canvas("______"), 1, late_doubt);
        reports.iter().filter(|report| masked(report).contains(&0)).count()
    };
    assert!(again("p2:steps=6") > 0 && again("rdm:steps=6,temperature=0") > 0);
    assert!(again("rdm-cond:steps=6,temperature=0") > 0, "the same token, and less sure of it");
    assert_eq!(remasks("rdm-cond:steps=6,temperature=0"), 0, "another token is proposed");
    assert_eq!(again("p2:steps=6,eta=0"), 0);
}

#[test]
fn wino_takes_back_fewer_than_it_writes() {
    let doubting = |ids: &[TokenId], position: usize, _: usize| {
        if ids[position] == M { peak(1, 0.65) } else { peak(1, 0.5) }
    };
    let (reports, done) = steps("wino", canvas(&"_".repeat(40)), 1, doubting);
    assert_eq!(written(&reports[0]).len(), 20, "at most twenty");
    assert!(reports.iter().any(|report| !masked(report).is_empty()));
    assert!(reports.iter().all(|report| masked(report).len() < written(report).len()));
    assert_eq!(done.masks_left(), 0);
}

#[test]
fn t2t_replaces_and_t2m_masks_what_became_unlikely() {
    let (reports, done) = steps("t2t", canvas("______"), 1, regretted);
    assert!(reports.iter().all(|report| masked(report).is_empty()) && done.ids()[0] == 2);
    let suspect = |ids: &[TokenId], position: usize, _: usize| match position {
        0 if ids[0] == M => peak(1, 0.95),
        0 => peak(2, 0.8),
        _ => peak(3, 0.75),
    };
    for budget in [0, 1, 3] {
        let (reports, _) = steps(&format!("t2m:budget={budget}"), canvas("______"), 1, suspect);
        assert_eq!(reports.iter().filter(|report| masked(report).contains(&0)).count(), budget);
        assert!(reports.iter().all(|report| written(report).iter().all(|p| !masked(report).contains(p))));
    }
}

#[test]
fn correction_goes_on_after_the_last_mask_one_token_a_step() {
    let wrong = |_: &[TokenId], position: usize, _: usize| peak(position as u32 % 4, 0.6 + 0.05 * position as f64);
    let (reports, done) = steps("gidd-correct:temperature=0", canvas("3333"), 1, wrong);
    assert_eq!(reports.iter().map(written).collect::<Vec<_>>(), [vec![2], vec![1], vec![0], vec![]]);
    assert_eq!(done.ids(), [0, 1, 2, 3]);
    let (reports, _) = steps("gidd-correct:temperature=0,post=2", canvas("3333"), 1, wrong);
    assert_eq!(reports.len(), 2);
    // A network that always wants the other token is stopped when nothing gets better.
    let fickle = |ids: &[TokenId], position: usize, _: usize| peak((ids[position] + 1) % 4, 0.9);
    let (reports, _) = steps("gidd-correct:temperature=0,patience=5", canvas("3333"), 1, fickle);
    assert!(reports.len() <= 7, "{}", reports.len());
}

#[test]
fn informed_correctors_draw_the_least_certain_anew() {
    let row = |ids: &[TokenId], position: usize, _: usize| {
        if ids[position] == M || position > 1 { peak(1, 0.99) } else { peak(2, 0.6) }
    };
    let (reports, _) = steps("informed:steps=4,k=1", canvas("aa"), 3, row);
    assert!(reports.iter().enumerate().all(|(step, report)| step % 2 == 0 || report.edits.is_empty()));
    assert!(reports.iter().any(|report| !report.edits.is_empty()));
}

#[test]
fn parallel_rules_commit_what_they_are_sure_of() {
    let mixed = |_: &[TokenId], position: usize, _: usize| peak(1, if position.is_multiple_of(2) { 0.95 } else { 0.4 });
    let first = |spec: &str| written(&steps(spec, canvas("________"), 1, mixed).0[0]);
    assert_eq!(first("fast-dllm"), [0, 2, 4, 6]);
    assert_eq!(first("fast-dllm:threshold=0.99"), [0]);
    // (n + 1) 0.05 < 1 for all four, then 6 * 0.6 is too much.
    assert_eq!(first("fast-dllm-factor"), [0, 2, 4, 6]);
    assert_eq!(first("fast-dllm-factor:factor=0.19"), [0, 2]);
    assert_eq!(first("eb:gamma=0"), [0]);
    assert_eq!(first("eb:gamma=1"), [0, 2, 4, 6]);
    assert_eq!(first("hierarchical:threshold=0.99"), [0], "the best of the one run");
    let (reports, _) = steps("hierarchical:threshold=0.99", canvas("________"), 1, mixed);
    assert_eq!(written(&reports[1]), [2], "the run is still one");
    let (reports, _) = steps("hierarchical:threshold=0.99", canvas("___3___"), 1, mixed);
    assert_eq!(written(&reports[0]), [0, 4], "one in each of two runs");
}

#[test]
fn klass_waits_until_a_distribution_has_held_still_twice() {
    let still = |_: &[TokenId], _: usize, _: usize| peak(1, 0.95);
    let (reports, _) = steps("klass", canvas("______"), 1, still);
    assert_eq!(reports.iter().map(|report| written(report).len()).collect::<Vec<_>>(), [1, 1, 4]);
    let moving = |_: &[TokenId], _: usize, step: usize| peak(step as u32 % 2, 0.95);
    assert_eq!(steps("klass", canvas("______"), 1, moving).0.len(), 6);
}

#[test]
fn slowfast_explores_one_by_one_and_then_takes_all_up_to_the_frontier() {
    let sure_left = |_: &[TokenId], position: usize, _: usize| peak(1, if position < 6 { 0.95 } else { 0.2 });
    let (reports, _) = steps("slowfast", canvas("________"), 1, sure_left);
    let counts: Vec<usize> = reports.iter().map(|report| written(report).len()).collect();
    assert_eq!(counts[..3], [1, 1, 4]);
    assert!(reports[..3].iter().flat_map(written).all(|position| position < 6));
}

#[test]
fn prophet_writes_everything_once_the_lead_is_large() {
    let steps_of = |p: f64| steps("prophet", canvas("________"), 1, move |_, _, _| peak(1, p)).0.len();
    // The lead is ln(6 p / (1 - p)): 8.7, 0.9, and 4.0, which is enough from two thirds of the way on.
    assert_eq!((steps_of(0.999), steps_of(0.3)), (1, 8));
    assert!((2..8).contains(&steps_of(0.9)));
}

#[test]
fn credit_lets_a_token_through_that_was_best_again_and_again() {
    let steady = |_: &[TokenId], _: usize, _: usize| peak(1, 0.85);
    let plain = steps("fast-dllm", canvas("________"), 1, steady).0.len();
    assert!(steps("credit", canvas("________"), 1, steady).0.len() < plain);
    assert_eq!(steps("credit:weight=0", canvas("________"), 1, steady).0.len(), plain);
}

#[test]
fn dilated_rounds_are_the_logarithm_of_the_block() {
    assert_eq!(steps("dus:block=16", canvas(&"_".repeat(16)), 1, rising).0.len(), 4);
    assert_eq!(written(&steps("dus:block=16", canvas(&"_".repeat(16)), 1, rising).0[0]), [0, 8]);
}

#[test]
fn holes_grow_and_shrink_where_the_sampler_says_so() {
    let lost = |_: &[TokenId], position: usize, _: usize| peak(1, if position == 2 { 0.15 } else { 0.95 });
    let (reports, done) = steps("daedal:low=0.2", canvas("____"), 1, lost);
    assert!(reports[0].edits.iter().any(|edit| edit.act == EditAct::Insert { masks: 7 } && edit.position == 2));
    assert!(done.len() >= 11 && done.masks_left() == 0);
    let always_lost = |_: &[TokenId], _: usize, _: usize| peak(1, 0.15);
    let (_, done) = steps("daedal:low=0.2", canvas(&"_".repeat(40)), 1, always_lost);
    assert!(done.len() < 40 + 16 + 7, "{}: windows that are entered later give no more room", done.len());
    // DreamOn: token 6 expands, token 5 deletes.
    let wants_three = |ids: &[TokenId], _: usize, _: usize| peak(if ids.len() < 3 { 6 } else { 1 }, 0.9);
    let (_, done) = steps("dreamon:temperature=0", canvas("_"), 1, wants_three);
    assert_eq!(done.ids(), [1, 1, 1]);
    let wants_two = |ids: &[TokenId], _: usize, _: usize| peak(if ids.len() > 2 { 5 } else { 1 }, 0.9);
    for spec in ["dreamon:temperature=0", "llada2.2"] {
        assert!(steps(spec, canvas("_____"), 1, wants_two).1.len() <= 2, "{spec}");
    }
    let (_, done) = steps("eb", canvas("__"), 1, |_, _, _| peak(6, 0.9));
    assert!(done.ids().iter().all(|&id| id != 6), "whoever does not obey control tokens never proposes them");
    let (reports, _) = steps("dreamon:temperature=0", canvas("_"), 1, |_, _, _| peak(6, 0.9));
    assert!(reports.len() < 1000, "a hole that always wants more stops growing");
}

#[test]
fn a_control_token_that_was_refused_is_not_proposed_again() {
    let mut start = canvas("_");
    start.forbid(0, 5).unwrap();
    let (reports, done) = steps("dreamon:temperature=0", start, 1, |_, _, _| peak(5, 0.9));
    assert_eq!((reports.len(), done.masks_left(), done.len()), (1, 0, 1));
}

#[test]
fn with_dry_a_loop_is_left() {
    // Wherever token 1 stands before it the network wants 2, and elsewhere 1: a loop of two words.
    let loops = |ids: &[TokenId], position: usize, _: usize| {
        let after_one = position > 0 && ids[position - 1] == 1;
        peak(if after_one { 2 } else { 1 }, 0.5)
    };
    assert_eq!(steps("left-to-right", canvas("______"), 1, loops).1.ids(), [1, 2, 1, 2, 1, 2]);
    let (_, done) = steps("left-to-right:dry=3", canvas("______"), 1, loops);
    assert_eq!(done.ids()[..2], [1, 2]);
    assert_ne!(done.ids()[2..4], [1, 2], "{:?}", done.ids());
}

#[test]
fn orders_follow_places() {
    let flat = |_: &[TokenId], _: usize, _: usize| peak(1, 0.5);
    let order =
        |spec: &str, text: &str| steps(spec, canvas(text), 1, flat).0.iter().flat_map(written).collect::<Vec<_>>();
    assert_eq!(order("left-to-right", "____"), [0, 1, 2, 3]);
    assert_eq!(order("pc-sampler", "____"), [0, 1, 2, 3]);
    assert_eq!(order("certainty:sigma=1", "3____"), [1, 2, 3, 4], "text grows from what is there");
    let wave = commit_steps("ar-diffusion:steps=20", "________", flat);
    assert!(wave.windows(2).all(|pair| pair[0] < pair[1]), "{wave:?}");
    let holes = commit_steps("diffusion-forcing:steps=20", "___|___", flat);
    assert!(holes[0].max(holes[1]) + 2.0 < holes[7].min(holes[8]), "{holes:?}");
}

#[test]
fn orders_follow_words() {
    // Token 8 is frequent in the text around, token 4 is not in it.
    let words = |_: &[TokenId], position: usize, _: usize| peak(if position.is_multiple_of(2) { 8 } else { 4 }, 0.6);
    let order = steps("infodiffusion", canvas("____|"), 1, words).0.iter().flat_map(written).collect::<Vec<_>>();
    assert_eq!(order, [1, 3, 0, 2], "keywords first");
    let spindle = commit_steps("diffusionbert:steps=20,temperature=0", "____|", words);
    assert!(spindle[0] + 0.5 < spindle[1], "frequent words first: {spindle:?}");
    let debiased = steps("pc-sampler:lambda=0", canvas("____|"), 1, words).0;
    assert_eq!(written(&debiased[0]), [1], "what is frequent owes its probability to that");
    let hard = |_: &[TokenId], position: usize, _: usize| peak(1, if position.is_multiple_of(2) { 0.9 } else { 0.3 });
    let easy = commit_steps("mgdm:steps=20,temperature=0", "____", hard);
    assert!(easy[0] + 1.0 < easy[1], "easy ones first: {easy:?}");
}

#[test]
fn entropy_bound_noise_keeps_the_sure_and_scrambles_the_rest() {
    let half = |_: &[TokenId], position: usize, _: usize| peak(1, if position < 2 { 0.9999 } else { 0.15 });
    let (reports, done) = steps("diffusion-gemma:steps=8", canvas("______"), 1, half);
    let noised = |report: &StepReport| report.edits.iter().filter(|e| matches!(e.act, EditAct::Noise { .. })).count();
    // Three of six are no more than the budget allows; a random token is the one in place once in seven times.
    let all: usize = reports[..7].iter().map(noised).sum();
    assert!((14..=21).contains(&all), "all but the sure become other random tokens: {all}");
    assert_eq!((reports.len(), done.masks_left()), (8, 0));
    let sure = |_: &[TokenId], _: usize, _: usize| peak(1, 0.99999);
    assert!(
        steps("diffusion-gemma:steps=8", canvas("______"), 1, sure).0.len() <= 3,
        "what is stable and sure is over"
    );
}

#[test]
fn leave_one_out_takes_back_what_a_token_says_of_itself() {
    // The posterior of one noisy position, by Bayes' rule from a prior; leave-one-out finds the prior again.
    let prior = [0.6, 0.3, 0.1];
    let mut counts = [0.0; 3];
    for seed in 0..1500 {
        let vocabulary = Vocabulary::new(4, 3, None, []).unwrap();
        let sampler = parse_spec("loo-gibbs:steps=24,k=1", &Overrides::default()).unwrap();
        let mut run = Run::new(Canvas::from_ids(&[3], 3), sampler, &vocabulary, 0, Seeded(seed));
        while !run.is_done() {
            let (clock, now) = (*run.clock(), run.canvas().ids()[0] as usize);
            let alpha = 1.0 - run.sampler().schedule.times(&clock).0;
            let shows = |x: usize| (1.0 - alpha) / 3.0 + if x == now { alpha } else { 0.0 };
            let row: Vec<f32> = (0..4).map(|x| prior.get(x).map_or(0.0, |p| p * shows(x)).ln() as f32).collect();
            run.advance(&Logits::new(vec![0], 4, row).unwrap()).unwrap();
        }
        counts[run.canvas().ids()[0] as usize] += 1.0;
    }
    let chi: f64 = counts.iter().zip(prior).map(|(n, p): (&f64, f64)| (n - 1500.0 * p).powi(2) / (1500.0 * p)).sum();
    // The 0.999 quantile for 2 degrees of freedom.
    assert!(chi < 13.82, "{counts:?}");
}
