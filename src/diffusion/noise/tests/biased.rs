//! Published rules that do not keep the law: what each says is enumerated on the toy, state by state. Our sampler draws from
//! just that distribution, and that distribution is not the joint one, however exact the network.
//!
//! - *remdm-conf* (2503.00307) masks a committed position with its own sigma, but unmasks as if sigma were 0: the identity
//!   `sigma alpha_t + (1 - alpha_s - sigma alpha_t) = 1 - alpha_s`, by which ReMDM keeps the share of masks, needs the same
//!   sigma on both sides. So more is masked than the schedule says, most is written late, and several at once.
//! - *informed* (2407.21243) and *loo-gibbs* (2605.22765) draw positions anew from their exact conditionals, which keeps any
//!   distribution when the positions are chosen without looking, and none when they are chosen by what stands there: with
//!   `w_i(x)` the chance of choosing `i`, the chain keeps `p` if `sum_i p(y_i | y_-i) sum_z p(z, y_-i) w_i(z, y_-i) = p(y)`.

use std::collections::BTreeMap;

use super::{Noise, clean_share, conditional, denoised, has_the_law, joint, known, pairs};
use crate::diffusion::TokenId;

/// Two tokens, and how likely each was when it was written (as bits, for the order of the map).
type State = ([TokenId; 2], [u64; 2]);
/// What becomes of a position, how likely that token was, and with which chance.
type Fate = (TokenId, f64, f64);
/// The chances of both positions to be drawn anew, given what stands there and what each would be, unseen.
type Chances<'a> = dyn Fn(&[TokenId; 2], &dyn Fn(usize) -> [f64; 3]) -> [f64; 2] + 'a;
/// Ways that a step can go, each with its chance: the two positions then move apart.
type Ways = Vec<(f64, [Vec<Fate>; 2])>;

const M: TokenId = 3;

/// The distribution after all steps, exactly.
fn enumerated(start: &[[TokenId; 2]], steps: usize, ways: impl Fn(usize, &State) -> Ways) -> BTreeMap<State, f64> {
    let share = 1.0 / start.len() as f64;
    let mut law: BTreeMap<State, f64> = start.iter().map(|ids| ((*ids, [0; 2]), share)).collect();
    for step in 0..steps {
        let mut next = BTreeMap::new();
        for (state, mass) in &law {
            for (chance, [left, right]) in ways(step, state) {
                for (a, kept_a, p) in &left {
                    for (b, kept_b, q) in &right {
                        let after = ([*a, *b], [kept_a.to_bits(), kept_b.to_bits()]);
                        *next.entry(after).or_insert(0.0) += mass * chance * p * q;
                    }
                }
            }
        }
        law = next;
    }
    law
}

fn of_pairs(law: &BTreeMap<State, f64>) -> [f64; 9] {
    let mut cells = [0.0; 9];
    for ((ids, _), mass) in law {
        cells[ids[0] as usize * 3 + ids[1] as usize] += mass;
    }
    cells
}

/// Half the sum of the differences from the joint distribution.
fn bias(law: &[f64; 9]) -> f64 {
    law.iter().enumerate().map(|(cell, mass)| (mass - joint(cell / 3, cell % 3)).abs()).sum::<f64>() / 2.0
}

/// A masked position of an absorbing chain: written with this chance, by the exact conditional.
fn unmasked(ids: [TokenId; 2], position: usize, chance: f64) -> Vec<Fate> {
    let row = conditional(&ids, position, known);
    let written = (0..3).map(|x| (x as TokenId, row[x], chance * row[x]));
    written.chain([(M, 0.0, 1.0 - chance)]).filter(|fate| fate.2 > 0.0).collect()
}

/// The time before a step of so many, as `time linear(1e-5)` has it.
fn time(step: usize, steps: usize) -> f64 {
    1.0 + (1e-5 - 1.0) * step as f64 / steps as f64
}

/// Masks a committed position with its own sigma, given the time, whether it is the last step, and how likely each was.
fn remasking(steps: usize, sigma: impl Fn(f64, f64, usize, &State) -> [f64; 2]) -> BTreeMap<State, f64> {
    enumerated(&[[M, M]], steps, |step, state| {
        let (t, s, last) = (time(step, steps), time(step + 1, steps), step + 1 == steps);
        let (ids, kept) = state;
        let sigma_of = |position: usize| if last { 0.0 } else { sigma(t, s, position, state)[0] };
        let fates = |position: usize| {
            if ids[position] == M {
                // What the rule takes sigma to be where nothing stands.
                let assumed = sigma(t, s, position, state)[1];
                let chance = if last { 1.0 } else { ((1.0 - s) - (1.0 - assumed) * (1.0 - t)) / t };
                return unmasked(*ids, position, chance);
            }
            let sigma = sigma_of(position);
            let stays = (ids[position], f64::from_bits(kept[position]), 1.0 - sigma);
            [stays, (M, 0.0, sigma)].into_iter().filter(|fate| fate.2 > 0.0).collect()
        };
        vec![(1.0, [fates(0), fates(1)])]
    })
}

/// `min(1, (1 - alpha_s) / alpha_t)`.
fn most(t: f64, s: f64) -> f64 {
    if t < 1.0 { (s / (1.0 - t)).min(1.0) } else { 1.0 }
}

#[test]
fn remasking_by_confidence_is_as_published_and_loses_the_share_of_masks() {
    let by_confidence = |steps| {
        remasking(steps, |t, s, position, (ids, kept)| {
            let weight = |i: usize| if ids[i] == M { 0.0 } else { (-f64::from_bits(kept[i])).exp() };
            [most(t, s) * weight(position) / (weight(0) + weight(1)), 0.0]
        })
    };
    // The same sigma on both sides: ReMDM's other rules.
    let by_a_cap = |steps| remasking(steps, |t, s, _, _| [most(t, s).min(0.008); 2]);
    let law = of_pairs(&by_confidence(80));
    has_the_law(
        &pairs("remdm-conf:steps=80,top-p=1", Noise::Absorbing, 3000, |ids, p, _| conditional(ids, p, known)),
        &law,
    );
    let bias_of = |law: &BTreeMap<State, f64>| bias(&of_pairs(law));
    assert!(bias(&law) > 0.03 && bias_of(&by_a_cap(80)) < 0.005);
    // Of several steps at once the bias falls with the square root of their number only, and not with the number.
    assert!(bias_of(&by_confidence(320)) > 0.4 * bias(&law));
    assert!(bias_of(&remasking(320, |_, _, _, _| [0.0; 2])) < 0.3 * bias_of(&remasking(80, |_, _, _, _| [0.0; 2])));
}

/// Chances to draw each position anew: of the one whose token leads its best rival by less, more.
fn by_lead(ids: [TokenId; 2], row: impl Fn(usize) -> [f64; 3]) -> [f64; 2] {
    let weight = |position: usize| {
        let (row, own) = (row(position), ids[position] as usize);
        let rival = (0..3).filter(|x| *x != own).map(|x| row[x]).fold(0.0, f64::max);
        rival / row[own]
    };
    let (a, b) = (weight(0), weight(1));
    [a / (a + b), b / (a + b)]
}

fn first_three(row: &[f64]) -> [f64; 3] {
    [row[0], row[1], row[2]]
}

#[test]
fn informed_correctors_are_as_published_and_choose_by_what_stands_there() {
    let corrected = |steps: usize, chances: &dyn Fn(&[TokenId; 2]) -> [f64; 2]| {
        let points = steps / 2;
        enumerated(&[[M, M]], steps, |step, (ids, _)| {
            let stays = |position: usize| vec![(ids[position], 0.0, 1.0)];
            let anew = |position: usize| {
                let row = conditional(ids, position, known);
                (0..3).map(|x| (x as TokenId, 0.0, row[x])).filter(|fate| fate.2 > 0.0).collect::<Vec<_>>()
            };
            if step % 2 == 1 {
                let (t, s) = (time(step / 2, points), time(step / 2 + 1, points));
                let chance = if step + 1 == steps { 1.0 } else { 1.0 - s / t };
                let fates = |p: usize| {
                    if ids[p] == M {
                        unmasked(*ids, p, chance).iter().map(|f| (f.0, 0.0, f.2)).collect()
                    } else {
                        stays(p)
                    }
                };
                return vec![(1.0, [fates(0), fates(1)])];
            }
            match ids.map(|id| id == M) {
                [true, true] => vec![(1.0, [stays(0), stays(1)])],
                [false, true] => vec![(1.0, [anew(0), stays(1)])],
                [true, false] => vec![(1.0, [stays(0), anew(1)])],
                [false, false] => {
                    let [first, second] = chances(ids);
                    vec![(first, [anew(0), stays(1)]), (second, [stays(0), anew(1)])]
                }
            }
        })
    };
    let informed = |ids: &[TokenId; 2]| by_lead(*ids, |p| first_three(&conditional(ids, p, known)));
    let blind = |_: &[TokenId; 2]| [0.5; 2];
    let law = of_pairs(&corrected(160, &informed));
    let counts = pairs("informed:steps=160", Noise::Absorbing, 1500, |ids, p, _| conditional(ids, p, known));
    has_the_law(&counts, &law);
    assert!(bias(&law) > 0.1 && bias(&of_pairs(&corrected(640, &informed))) > 0.1, "{law:?}");
    assert!(bias(&of_pairs(&corrected(160, &blind))) < 0.005, "chosen blindly they keep it");
}

#[test]
fn leave_one_out_correctors_are_as_published_and_choose_by_what_stands_there() {
    let steps = 240;
    let points = steps / 3;
    let corrected = |chances: &Chances<'_>| {
        let start: Vec<[TokenId; 2]> = (0..9).map(|cell| [cell / 3, cell % 3]).collect();
        enumerated(&start, steps, |step, (ids, _)| {
            let (t, s) = (time(step / 3, points), time(step / 3 + 1, points));
            let plain = |position: usize| denoised(ids, position, (1.0 - t).max(1e-6));
            let stays = |position: usize| vec![(ids[position], 0.0, 1.0)];
            if step % 3 < 2 {
                if step < 2 {
                    return vec![(1.0, [stays(0), stays(1)])];
                }
                // What the position would show at this level of noise, not having been seen.
                let alone = |position: usize| {
                    let shows = |id: TokenId, x: usize| t / 3.0 + if id as usize == x { 1.0 - t } else { 0.0 };
                    let row = conditional(ids, position, shows);
                    [0, 1, 2].map(|x| (1.0 - t) * row[x] + t / 3.0)
                };
                let anew = |position: usize| {
                    let row = alone(position);
                    (0..3).map(|x| (x as TokenId, 0.0, row[x])).collect::<Vec<_>>()
                };
                let [first, second] = chances(ids, &alone);
                return vec![(first, [anew(0), stays(1)]), (second, [stays(0), anew(1)])];
            }
            let fates = |position: usize| {
                let row = plain(position);
                if step + 1 == steps {
                    return (0..3).map(|x| (x as TokenId, 0.0, row[x])).collect();
                }
                let kept = (1.0 - t) / (1.0 - s);
                let mut fates = [0.0; 3];
                for (x, chance) in row.iter().enumerate().take(3) {
                    let same = if ids[position] as usize == x { 1.0 } else { 0.0 };
                    let clean = (1.0 - s) * (1.0 - kept) / 3.0 + kept * (1.0 - s) * same;
                    let taken = chance * clean / (clean + s / 3.0);
                    fates[x] += taken;
                    fates[ids[position] as usize] += (chance - taken) * kept;
                    for fate in &mut fates {
                        *fate += (chance - taken) * (1.0 - kept) / 3.0;
                    }
                }
                fates.iter().enumerate().map(|(x, chance)| (x as TokenId, 0.0, *chance)).collect()
            };
            vec![(1.0, [fates(0), fates(1)])]
        })
    };
    let law = of_pairs(&corrected(&|ids, alone| by_lead(*ids, alone)));
    let row = |ids: &[TokenId], position, time: Option<f64>| denoised(ids, position, clean_share(time.unwrap()));
    has_the_law(&pairs("loo-gibbs:steps=240", Noise::Uniform, 1500, row), &law);
    assert!(bias(&law) > 0.02, "{law:?}");
    assert!(bias(&of_pairs(&corrected(&|_, _| [0.5; 2]))) < 0.01, "chosen blindly they keep it");
}
