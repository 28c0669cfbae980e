//! Fitting CAL's curve to what a model said of text cut out at random: least squares with no negative height.

use super::LengthBias;

/// Fits the curve to samples `(length, Phi)` measured away from the true length, by least squares with no negative
/// height. The two rates are searched on a grid that is narrowed; the heights follow exactly. Fewer than three samples
/// give the default curve. Cost: some thousand solutions of three equations.
pub fn fit(samples: &[(usize, f64)]) -> LengthBias {
    let usable: Vec<(f64, f64)> =
        samples.iter().filter(|(_, phi)| phi.is_finite()).map(|&(length, phi)| (length as f64, phi)).collect();
    if usable.len() < 3 {
        return LengthBias::default();
    }
    let (mut fast, mut slow) = ((0.15, 6.0), (0.002, 0.15));
    let mut best = (f64::INFINITY, LengthBias::default());
    for _ in 0..6 {
        for b in geometric(fast) {
            for d in geometric(slow) {
                let (error, bias) = heights(&usable, b, d);
                if error < best.0 {
                    best = (error, bias);
                }
            }
        }
        fast = narrowed(fast, best.1.b);
        slow = narrowed(slow, best.1.d);
    }
    best.1
}

const POINTS: i32 = 13;

fn geometric((low, high): (f64, f64)) -> impl Iterator<Item = f64> {
    (0..POINTS).map(move |i| low * (high / low).powf(f64::from(i) / f64::from(POINTS - 1)))
}

fn narrowed((low, high): (f64, f64), center: f64) -> (f64, f64) {
    let factor = (high / low).powf(2.0 / f64::from(POINTS - 1));
    (center / factor, center * factor)
}

/// The heights that fit best at given rates, and the squared error: every subset of the three terms is solved, and the
/// best that has no negative height is taken.
fn heights(samples: &[(f64, f64)], b: f64, d: f64) -> (f64, LengthBias) {
    let terms = |length: f64| [(-b * length).exp(), (-d * length).exp(), 1.0];
    let mut normal = [[0.0; 4]; 3];
    for &(length, phi) in samples {
        let term = terms(length);
        for (row, left) in normal.iter_mut().zip(term) {
            for (slot, right) in row.iter_mut().zip(term.into_iter().chain([phi])) {
                *slot += left * right;
            }
        }
    }
    let mut best = (f64::INFINITY, LengthBias { a: 0.0, b, c: 0.0, d, e: 0.0 });
    for subset in 1..8_u8 {
        let [a, c, e] = solve(normal, subset);
        if a < 0.0 || c < 0.0 || e < 0.0 {
            continue;
        }
        let residual = |&(length, phi): &(f64, f64)| {
            let [fast, slow, one] = terms(length);
            (a * fast + c * slow + e * one - phi).powi(2)
        };
        let error: f64 = samples.iter().map(residual).sum();
        if error < best.0 {
            best = (error, LengthBias { a, b, c, d, e });
        }
    }
    best
}

/// Solves the normal equations restricted to the terms in `subset` (bits), the others being 0, by elimination. A term
/// that adds nothing of its own gets 0.
fn solve(mut rows: [[f64; 4]; 3], subset: u8) -> [f64; 3] {
    let used = |i: usize| subset >> i & 1 == 1;
    for pivot in (0..3).filter(|&i| used(i)) {
        let lead = rows[pivot];
        if lead[pivot].abs() < 1e-12 {
            continue;
        }
        for (_, row) in rows.iter_mut().enumerate().filter(|&(i, _)| i != pivot && used(i)) {
            let factor = row[pivot] / lead[pivot];
            for (slot, value) in row.iter_mut().zip(lead) {
                *slot -= factor * value;
            }
        }
    }
    std::array::from_fn(|i| if used(i) && rows[i][i].abs() >= 1e-12 { rows[i][3] / rows[i][i] } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::{LengthBias, fit};
    use proptest::prelude::*;

    #[test]
    fn the_fit_recovers_a_curve_of_its_own_form() {
        let truth = LengthBias { a: 0.8, b: 1.2, c: 0.5, d: 0.04, e: 0.2 };
        let samples: Vec<_> = (1..=64).map(|length| (length, truth.at(length))).collect();
        let fitted = fit(&samples);
        for length in 1..=64 {
            assert!((fitted.at(length) - truth.at(length)).abs() < 2e-3, "{fitted:?} at {length}");
        }
        assert_eq!(fit(&samples[..2]), LengthBias::default());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn any_fit_is_positive_and_finite(samples in prop::collection::vec((1_usize..65, -1.0..2.0_f64), 0..30)) {
            let fitted = fit(&samples);
            prop_assert!((1..=64).all(|length| fitted.at(length) > 0.0 && fitted.at(length).is_finite()));
        }
    }
}
