//! Every path that this CPU can take, against plain sums.

use std::ops::Range;

use proptest::prelude::*;

use super::attention::{Heads, HeadsShape, attend};
use super::int8::Packed;
use super::product::Finish;
use super::{PATHS, Path, best, pays};

/// Numbers that look random, without a source of randomness.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(next).collect()
}

fn packed(outputs: usize, inputs: usize, weights: &[f32]) -> Packed {
    let rows = |rows: Range<usize>| Ok::<_, ()>(weights[rows.start * inputs..rows.end * inputs].to_vec());
    Packed::new(best(), outputs, inputs, rows).unwrap()
}

fn multiply(path: &Path, weight: &Packed, x: &[f32], finish: Finish<'_>) -> Vec<f32> {
    weight.multiply(path, x, finish)
}

/// x Wᵀ in f64, and for each sum how much the rounding of x and W to bytes may have changed it.
fn expected(x: &[f32], w: &[f32], k: usize) -> Vec<(f64, f64)> {
    let steps = |row: &[f32]| -> Vec<f64> {
        let largest = |block: &[f32]| f64::from(block.iter().fold(0.0f32, |largest, x| largest.max(x.abs())));
        row.chunks(32).flat_map(|block| vec![largest(block) / 254.0; block.len()]).collect()
    };
    let mut sums = Vec::new();
    for x in x.chunks(k) {
        for w in w.chunks(k) {
            let (mut sum, mut error) = (0.0, 1e-5);
            for (((x, w), dx), dw) in x.iter().zip(w).zip(steps(x)).zip(steps(w)) {
                let (x, w) = (f64::from(*x), f64::from(*w));
                sum += x * w;
                error += (x.abs() + dx) * dw * 1.001 + w.abs() * dx * 1.001 + 1e-6 * (x * w).abs();
            }
            sums.push((sum, error));
        }
    }
    sums
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_path_multiplies_any_shape(m in 1usize..20, n in 1usize..140, k in 1usize..150, seed: u32) {
        let (x, w) = (numbers(m * k, seed), numbers(n * k, seed ^ 1));
        let weight = packed(n, k, &w);
        let expected = expected(&x, &w, k);
        for path in PATHS.iter() {
            let y = multiply(path, &weight, &x, Finish::Plain);
            for (y, (sum, error)) in y.iter().zip(&expected) {
                prop_assert!((f64::from(*y) - sum).abs() <= *error, "{} {m}x{n}x{k}: {y} {sum} {error}", path.name);
            }
        }
    }

    /// The largest weights and activations of either sign are among them, as nothing else would overflow.
    #[test]
    fn narrow_weights_give_the_same_as_wide_ones(
        m in 1usize..10, n in 1usize..80, blocks in 1usize..6, bits in prop::collection::vec(any::<u8>(), 1..99)
    ) {
        let k = 32 * blocks;
        let bit = |at: usize| bits[at % bits.len()].rotate_left((at / bits.len()) as u32);
        let weight = |at: usize| if at.is_multiple_of(32) { -16.0 } else { f32::from(bit(at) % 33) - 16.0 };
        let w: Vec<f32> = (0..n * k).map(|at| weight(at) * 0.01).collect();
        let x: Vec<f32> = (0..m * k).map(|at| if bit(at) & 1 == 0 { -1.27 } else { 1.27 }).collect();
        let mut weight = packed(n, k, &w);
        prop_assert!(weight.narrow);
        let narrow: Vec<Vec<f32>> = PATHS.iter().map(|path| multiply(path, &weight, &x, Finish::Plain)).collect();
        weight.narrow = false;
        for (path, narrow) in PATHS.iter().zip(narrow) {
            prop_assert!(multiply(path, &weight, &x, Finish::Plain) == narrow, "{}", path.name);
        }
        prop_assert!(!packed(n, k, &numbers(n * k, 17)).narrow);
    }

    #[test]
    fn no_input_crashes_a_path(bits in prop::collection::vec(any::<u32>(), 1..100), m in 1usize..4) {
        let x: Vec<f32> = bits.iter().map(|bits| f32::from_bits(*bits)).collect();
        let x = x.repeat(m);
        let weight = packed(40, bits.len(), &x.repeat(40)[..40 * bits.len()]);
        for path in PATHS.iter() {
            let y = multiply(path, &weight, &x, Finish::Plain);
            let finite = x.iter().all(|x| x.is_finite() && x.abs() < 1e15);
            prop_assert!(!finite || y.iter().all(|y| y.is_finite()));
        }
    }
}

#[test]
fn the_paths_with_fused_products_agree_in_every_bit() {
    let (m, n, k) = (13, 70, 200);
    let weight = packed(n, k, &numbers(n * k, 3));
    let x = numbers(m * k, 4);
    let fused: Vec<&Path> = PATHS.iter().filter(|path| path.name != "portable").collect();
    let results: Vec<Vec<f32>> = fused.iter().map(|path| multiply(path, &weight, &x, Finish::Plain)).collect();
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_row_is_the_same_alone_and_among_others_and_with_any_number_of_threads() {
    let (m, n, k) = (50, 333, 500);
    let weight = packed(n, k, &numbers(n * k, 5));
    let x = numbers(m * k, 6);
    for path in PATHS.iter() {
        let run = |threads: usize, x: &[f32]| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| multiply(path, &weight, x, Finish::Plain))
        };
        let all = run(1, &x);
        assert!(all == run(2, &x) && all == run(5, &x), "{}", path.name);
        for r in [0, 7, 49] {
            assert!(all[r * n..(r + 1) * n] == run(2, &x[r * k..(r + 1) * k]), "{}", path.name);
        }
    }
}

#[test]
fn what_is_no_number_shows_in_its_row_and_in_no_other() {
    let (n, k) = (40, 70);
    let weight = packed(n, k, &numbers(n * k, 7));
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut x = numbers(3 * k, 8);
        x[k + 65] = bad;
        for path in PATHS.iter() {
            let y = multiply(path, &weight, &x, Finish::Plain);
            assert!(y[n..2 * n].iter().all(|y| !y.is_finite()), "{}", path.name);
            assert!(y[..n].iter().chain(&y[2 * n..]).all(|y| y.is_finite()), "{}", path.name);
        }
    }
}

#[test]
fn weights_of_four_five_and_eight_bits_are_kept_exactly() {
    for (largest, least) in [(7i32, -8i32), (15, -16), (127, -127)] {
        let step = 0.013_671_875; // as Q8_0 keeps it, in 16 bits
        let mut row: Vec<f32> = (0..32).map(|i| (least + i * 37 % (largest - least + 1)) as f32 * step).collect();
        row[5] = least as f32 * step;
        let weight = packed(1, 32, &row);
        assert!(weight.row(0).zip(&row).all(|(found, w)| (found - w).abs() <= w.abs() * 2e-7), "{least}");
    }
}

#[test]
fn a_bias_is_added_and_a_gate_lets_through() {
    let (m, k, half) = (7, 64, 48);
    let (gate, through) = (numbers(half * k, 9), numbers(half * k, 10));
    let x = numbers(m * k, 11);
    let both = Packed::gated(&packed(half, k, &gate), &packed(half, k, &through));
    for path in PATHS.iter() {
        let plain = |weights: &[f32]| multiply(path, &packed(half, k, weights), &x, Finish::Plain);
        let bias = numbers(half, 12);
        let with_bias = multiply(path, &packed(half, k, &gate), &x, Finish::Bias(&bias));
        let (gates, others) = (plain(&gate), plain(&through));
        let found = multiply(path, &both, &x, Finish::Gate);
        for i in 0..m * half {
            assert!((with_bias[i] - (gates[i] + bias[i % half])).abs() < 1e-6);
            let gated = gates[i] / (1.0 + (-gates[i]).exp()) * others[i];
            assert!((found[i] - gated).abs() < 1e-5, "{}", path.name);
        }
    }
}

#[test]
fn a_thread_that_sleeps_holds_up_no_more_than_its_item() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;
    // The law that `multiply` rests on: items are taken one by one, so the others do all that the sleeper has not.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let done = AtomicUsize::new(0);
    let others = pool.install(|| {
        super::work::each(64, |item| {
            if item == 0 {
                // Waits for the rest, at most a minute: were they queued behind it, they would never come.
                let rest = (0..6000).any(|_| {
                    std::thread::sleep(Duration::from_millis(10));
                    done.load(Ordering::SeqCst) == 63
                });
                assert!(rest, "{} of 63", done.load(Ordering::SeqCst));
            } else {
                done.fetch_add(1, Ordering::SeqCst);
            }
        });
        done.load(Ordering::SeqCst)
    });
    assert_eq!(others, 63);
}

#[test]
fn packing_pays_where_a_faster_path_is() {
    assert_eq!(pays(), PATHS.iter().any(|path| path.name != "portable"));
}

#[test]
fn matrices_beside_each_other_give_what_they_give_alone() {
    let k = 90;
    let (a, b) = (numbers(64 * k, 13), numbers(32 * k, 14));
    let x = numbers(5 * k, 15);
    let both = Packed::beside(vec![packed(64, k, &a), packed(32, k, &b)]);
    let alone: Vec<Vec<f32>> =
        [(64, &a), (32, &b)].map(|(n, w)| multiply(best(), &packed(n, k, w), &x, Finish::Plain)).into();
    let found = multiply(best(), &both, &x, Finish::Plain);
    for r in 0..5 {
        assert_eq!(found[r * 96..r * 96 + 64], alone[0][r * 64..(r + 1) * 64]);
        assert_eq!(found[r * 96 + 64..(r + 1) * 96], alone[1][r * 32..(r + 1) * 32]);
    }
    assert!(!packed(33, k, &numbers(33 * k, 16)).fits_beside(&packed(32, k, &b)));
}

/// Attention in f64, as its formula is written.
fn plain_attention(heads: &Heads<'_>) -> Vec<f64> {
    let HeadsShape { h, g, m, n, e } = heads.shape;
    let mut y = vec![0.0; m * h * e];
    for head in 0..h {
        let kv = head * g / h * n * e;
        for i in 0..m {
            let q = &heads.q[(head * m + i) * e..][..e];
            let dot = |k: &[f32]| -> f64 { q.iter().zip(k).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum() };
            let bias = |j: usize| heads.bias.map_or(0.0, |bias| f64::from(bias[i * n + j]));
            let score = |j| dot(&heads.k[kv + j * e..][..e]) / (e as f64).sqrt() + bias(j);
            let scores: Vec<f64> = (0..n).map(score).collect();
            let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<f64> = scores.iter().map(|score| (score - max).exp()).collect();
            let total: f64 = weights.iter().sum();
            for (j, weight) in weights.iter().enumerate() {
                for c in 0..e {
                    y[i * h * e + head * e + c] += weight / total * f64::from(heads.v[kv + j * e + c]);
                }
            }
        }
    }
    y
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn every_path_attends_in_any_shape(
        g in 1usize..4, per in 1usize..4, m in 1usize..60, n in 1usize..300, e in 1usize..70, blocks: bool, seed: u32
    ) {
        let shape = HeadsShape { h: g * per, g, m, n, e };
        let of = |rows: usize, seed| -> Vec<f32> { numbers(rows * e, seed).iter().map(|x| x * 3.0).collect() };
        let (q, k, v) = (of(shape.h * m, seed), of(g * n, seed ^ 1), of(g * n, seed ^ 2));
        let bias: Vec<f32> = (0..m * n).map(|at| if at % n > at / n + 3 { f32::MIN } else { 0.0 }).collect();
        let heads = Heads { q: &q, k: &k, v: &v, bias: blocks.then_some(&bias), shape };
        let expected = plain_attention(&heads);
        for path in PATHS.iter() {
            let y = attend(path, &heads);
            for (y, expected) in y.iter().zip(&expected) {
                prop_assert!((f64::from(*y) - expected).abs() < 2e-5, "{}: {y} {expected}", path.name);
            }
        }
    }
}

#[test]
fn attention_is_the_same_with_any_number_of_threads_and_survives_what_is_no_number() {
    let shape = HeadsShape { h: 4, g: 2, m: 50, n: 140, e: 20 };
    let (mut q, k, v) = (numbers(4 * 50 * 20, 1), numbers(2 * 140 * 20, 2), numbers(2 * 140 * 20, 3));
    for path in PATHS.iter() {
        let run = |threads: usize, q: &[f32]| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| attend(path, &Heads { q, k: &k, v: &v, bias: None, shape }))
        };
        assert!(run(1, &q) == run(3, &q), "{}", path.name);
        let good = q[7];
        q[7] = f32::NAN; // head 0, row 0
        let bad = run(2, &q);
        q[7] = good;
        assert!(bad[..20].iter().all(|y| y.is_nan()), "{}", path.name);
        assert!(bad[20..].iter().all(|y| y.is_finite()), "{}", path.name);
    }
}
