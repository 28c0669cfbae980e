//! Steps on a canvas of four masks, two tokens and a pin.

use super::{Proposals, Sampler, Situation, positions_read, step};
use crate::diffusion::canvas::{Canvas, Cell, Edit, EditAct};
use crate::diffusion::expr::parse::Names;
use crate::diffusion::memory::Memory;
use crate::diffusion::notation::parse;
use crate::diffusion::propose::Proposal;
use crate::diffusion::rng::{Draw, DrawKey, Seeded};
use crate::diffusion::schedule::Clock;
use crate::diffusion::vocabulary::Vocabulary;

const M: u32 = 99;
const EARLY: Clock =
    Clock { step: 0, window_step: 0, window_steps: 9, window_size: 4, post: 0, passes: 0, grown: 0, ended: false };
const LAST: Clock = Clock { step: 8, window_step: 8, ..EARLY };

fn sampler(rules: &str) -> Sampler {
    parse(rules, &Names::default(), Sampler::blank()).unwrap()
}

/// Four masks, then a token of an earlier step and one of the document.
fn canvas() -> Canvas {
    let written = [Cell::Committed { id: 7, probability: 0.9 }, Cell::Original(8), Cell::Pinned(9)];
    Canvas::builder(M).hole(4).hole_from(written).build()
}

/// Confidence and entropy per position; the token proposed at position `i` is `10 + i`.
fn proposals(scores: &[(f64, f64)]) -> Proposals {
    let proposal = |(i, &(confidence, entropy)): (usize, &(f64, f64))| {
        let token = 10 + i as u32;
        let in_place = (i >= 4).then_some(confidence);
        let (probability, margin) = (confidence, confidence / 2.0);
        let (neg_entropy, gap) = (-entropy, 1.0);
        (
            i,
            Proposal {
                token,
                probability,
                confidence,
                margin,
                neg_entropy,
                gap,
                in_place,
                entropy: 0.0,
                top: Vec::new(),
            },
        )
    };
    scores.iter().enumerate().map(proposal).collect()
}

const SCORES: [(f64, f64); 6] = [(0.9, 0.06), (0.95, 0.05), (0.5, 0.07), (0.9, 0.4), (0.2, 1.0), (0.3, 2.0)];

/// A step's edits.
fn edits(rules: &str, x0: &Proposals, clock: &Clock) -> Vec<Edit> {
    let (canvas, memory) = (canvas(), Memory::default());
    let vocabulary = Vocabulary::new(100, M, None, []).unwrap();
    let window: Vec<usize> = (0..6).collect();
    let at = Situation { canvas: &canvas, window: &window, x0, clock, memory: &memory, vocabulary: &vocabulary };
    step(&sampler(rules), &at, &Seeded(1))
}

/// Where the rules write and where they mask.
fn acts(rules: &str, clock: &Clock) -> (Vec<usize>, Vec<usize>) {
    let edits = edits(rules, &proposals(&SCORES), clock);
    let at = |masks: bool| {
        edits.iter().filter(move |edit| (edit.act == EditAct::Mask) == masks).map(|edit| edit.position).collect()
    };
    (at(false), at(true))
}

#[track_caller]
fn commits(rule: &str, expected: &[usize]) {
    assert_eq!(acts(&format!("masked {rule} write"), &EARLY).0, expected, "{rule}");
}

#[test]
fn picks_take_what_they_say() {
    commits("all", &[0, 1, 2, 3]);
    commits("conf best(2)", &[0, 1]);
    commits("conf worst(2)", &[0, 2]);
    commits("conf above(0.9)", &[0, 1, 3]);
    commits("conf below(0.9)", &[2]);
    commits("-entropy best(3)", &[0, 1, 2]);
    commits("coin(0)", &[]);
    commits("coin(1)", &[0, 1, 2, 3]);
    commits("coin(pos > 1)", &[2, 3]);
}

#[test]
fn nan_comes_last_and_zero_has_no_sign() {
    let x0 = proposals(&[(f64::NAN, 0.0), (-0.0, 0.0), (0.0, 0.0), (-0.1, 0.0)]);
    let taken = |rule: &str| edits(rule, &x0, &EARLY).iter().map(|edit| edit.position).collect::<Vec<_>>();
    assert_eq!(taken("masked conf best(1) write"), [1]);
    assert_eq!(taken("masked conf best(3) write"), [1, 2, 3]);
}

#[test]
fn the_entropy_budget_bounds_all_but_the_largest() {
    // Sums less the largest: 0, 0.05, 0.11, 0.18.
    commits("-entropy entropy(0)", &[1]);
    commits("-entropy entropy(0.1)", &[0, 1]);
    commits("-entropy entropy(0.111)", &[0, 1, 2]);
    commits("-entropy entropy(0.19)", &[0, 1, 2, 3]);
}

#[test]
fn the_factor_counts_the_last_position_too() {
    // (n + 1) (1 - c): 2 * 0.05, 3 * 0.1, 4 * 0.1, 5 * 0.5.
    commits("conf factor(0.1)", &[]);
    commits("conf factor(0.11)", &[1]);
    commits("conf factor(0.41)", &[0, 1, 3]);
    commits("conf factor(2.51)", &[0, 1, 2, 3]);
}

#[test]
fn a_rule_takes_at_least_and_at_most_what_it_says() {
    commits("conf above(0.99)", &[]);
    commits("conf above(0.99) min=1", &[1]);
    commits("all max=3", &[0, 1, 2]);
    commits("conf best(4) max=3", &[0, 1, 3]);
    commits("conf best(4) max=25%", &[1]);
}

#[test]
fn conditions_filter_before_and_after_the_pick() {
    commits("where(conf < 0.95) conf best(1)", &[0]);
    commits("conf best(1) if(conf < 0.95)", &[]);
    commits("when(m < 4) all", &[]);
    commits("when(mean(conf) > 0.8 and sum(conf) < 4) all", &[0, 1, 2, 3]);
}

#[test]
fn a_pick_may_count_in_each_run_of_neighbours() {
    commits("where(not (pos == 1)) conf best(1) per run", &[0, 3]);
    commits("conf best(1) per hole", &[1]);
}

#[test]
fn a_later_rule_overrides_an_earlier_one_and_sees_what_it_did() {
    assert_eq!(acts("masked all write; both conf worst(3) mask", &EARLY), (vec![0, 1, 3], vec![4, 5]));
    let rules = "masked conf above(0.9) write; committed current below(0.9) max=acted - 2 mask";
    assert_eq!(acts(rules, &EARLY), (vec![0, 1, 3], vec![4]));
    assert_eq!(acts("masked conf best(1) write; masked where(not taken) conf best(1) write", &EARLY).0, [0, 1]);
}

#[test]
fn the_last_step_writes_all_masks_and_takes_nothing_back() {
    assert_eq!(acts("both current all mask", &LAST), (vec![0, 1, 2, 3], vec![]));
}

#[test]
fn pinned_positions_are_no_candidates() {
    assert_eq!(acts("committed uniform all mask", &EARLY), (vec![], vec![4, 5]));
}

#[test]
fn noise_is_a_random_token_that_may_be_proposed() {
    let edits = edits("both all noise", &Proposals::new(), &EARLY);
    assert_eq!(edits.len(), 6);
    assert!(edits.iter().all(|edit| matches!(edit.act, EditAct::Noise { token } if token < M)));
}

#[test]
fn only_what_a_rule_reads_is_read() {
    let (canvas, memory, x0) = (canvas(), Memory::default(), Proposals::new());
    let vocabulary = Vocabulary::new(100, M, None, []).unwrap();
    let window: Vec<usize> = (0..6).collect();
    let read = |rules: &str| {
        let at = Situation {
            canvas: &canvas,
            window: &window,
            x0: &x0,
            clock: &EARLY,
            memory: &memory,
            vocabulary: &vocabulary,
        };
        positions_read(&sampler(rules), &at, &Seeded(1))
    };
    assert_eq!(read("masked margin best(1) write"), [0, 1, 2, 3]);
    assert_eq!(read("masked margin best(0) write"), [0; 0]);
    assert_eq!(read("masked uniform best(1) write").len(), 1);
    assert_eq!(read("committed uniform all mask"), [0; 0]);
    assert_eq!(read("masked where(conf > 0.5) uniform best(1) write"), [0, 1, 2, 3]);
    assert_eq!(read("masked when(m < 2) conf best(1) write; committed kept best(1) write"), [5]);
    assert_eq!(read("masked uniform best(1) write; committed current below(0.3) max=acted - 1 mask").len(), 3);
    assert_eq!(read("masked -pos best(1) write; stop when(mean(entropy) < 0.1)"), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn gumbel_noise_reaches_as_far_as_a_number_of_53_bits_can_carry_it() {
    struct Always(f64);
    impl Draw for Always {
        fn uniform(&self, _: DrawKey) -> f64 {
            self.0
        }
    }
    // The largest noise: 36.7 from 53 bits, 22.2 from 32, 16.6 from an f32.
    let x0 = proposals(&SCORES);
    let (canvas, memory) = (canvas(), Memory::default());
    let vocabulary = Vocabulary::new(100, M, None, []).unwrap();
    let window: Vec<usize> = (0..6).collect();
    let at = Situation {
        canvas: &canvas,
        window: &window,
        x0: &x0,
        clock: &EARLY,
        memory: &memory,
        vocabulary: &vocabulary,
    };
    let written = |rules: &str, uniform: f64| step(&sampler(rules), &at, &Always(uniform)).len();
    let largest = 1.0 - f64::EPSILON / 2.0;
    assert_eq!(written("masked where(gumbel < 37) gumbel above(36) write", largest), 4);
    // And no number is so small that the noise is none.
    assert_eq!(written("masked where(gumbel > -7) gumbel below(-6) write", 0.0), 4);
}
