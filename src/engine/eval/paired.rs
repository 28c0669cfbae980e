//! Whether one model's measure is better than another's on the same holes, or only by chance: the paired bootstrap
//! (Efron and Tibshirani 1993; Koehn 2004 for comparing systems). Holes are drawn anew with repetition, both models' on
//! the same draw, and the difference is computed each time.

use crate::diffusion::rng::{Draw, DrawKey, Purpose, Seeded};

/// How often holes are drawn anew.
pub const DRAWS: usize = 10_000;

/// How much a ratio of sums changes from one model to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The second's ratio minus the first's.
    pub difference: f64,
    /// The middle 95 % of the differences of all draws.
    pub interval: (f64, f64),
    /// The share of draws in which the second's was not below the first's; never 0, as all draws might have been the others.
    pub p: f64,
}

/// Of pairs of an amount and its unit, such as nats and bytes, in the same order for both models; none where there are
/// none.
pub fn change(first: &[(f64, f64)], second: &[(f64, f64)]) -> Option<Change> {
    let holes = first.len().min(second.len());
    if holes == 0 {
        return None;
    }
    let of = |picked: &mut dyn Iterator<Item = usize>| {
        let sums = picked.fold([0.0; 4], |[a, n, b, m], hole| {
            [a + first[hole].0, n + first[hole].1, b + second[hole].0, m + second[hole].1]
        });
        sums[2] / sums[3] - sums[0] / sums[1]
    };
    let seeded = Seeded(1);
    let drawn = |step: usize, position: usize| {
        let key = DrawKey { purpose: Purpose::Search(0), step, position, index: 0 };
        ((seeded.uniform(key) * holes as f64) as usize).min(holes - 1)
    };
    let mut differences: Vec<f64> =
        (0..DRAWS).map(|step| of(&mut (0..holes).map(|position| drawn(step, position)))).collect();
    differences.sort_unstable_by(f64::total_cmp);
    let not_below = differences.iter().filter(|difference| **difference >= 0.0).count();
    Some(Change {
        difference: of(&mut (0..holes)),
        interval: (differences[DRAWS / 40], differences[DRAWS - 1 - DRAWS / 40]),
        p: (not_below + 1) as f64 / (DRAWS + 1) as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lower_everywhere_is_no_chance_and_noise_is() {
        let first: Vec<_> = (0..60).map(|i| (10.0 + f64::from(i % 7), 5.0)).collect();
        let lower: Vec<_> = first.iter().map(|(nats, bytes)| (nats - 1.0, *bytes)).collect();
        let found = change(&first, &lower).unwrap();
        assert!((found.difference + 0.2).abs() < 1e-9 && found.p < 0.001);
        assert!((found.interval.0 + 0.2).abs() < 1e-9 && (found.interval.1 + 0.2).abs() < 1e-9);
        let noise: Vec<_> =
            first.iter().enumerate().map(|(i, (nats, bytes))| (nats + [1.0, -1.0][i % 2], *bytes)).collect();
        let found = change(&first, &noise).unwrap();
        assert!((0.2..0.8).contains(&found.p) && found.interval.0 < 0.0 && found.interval.1 > 0.0, "{found:?}");
        assert_eq!(change(&first, &first).unwrap().p, 1.0);
        assert_eq!(change(&[], &[]), None);
    }
}
