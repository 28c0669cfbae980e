//! Random numbers by key instead of by order: the same key gives the same number, whatever else is drawn.
//!
//! A draw is keyed by seed, purpose, step and position, so no draw depends on batch size, cache policy, thread count or
//! on which other positions exist. Numbers are 53-bit f64 in \[0, 1): 32-bit draws truncate the tail of categorical
//! samples and so lower the temperature (Zheng et al. 2409.02908). Limit: not for cryptography.

/// What a number is drawn for. The payload is the index of the rule that draws, so that two rules never share a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// Choosing the token of a position.
    Token,
    /// Ranking positions at random ([`crate::diffusion::rule::Score::Uniform`]).
    Rank(u8),
    /// Deciding for each position by itself ([`crate::diffusion::rule::Pick::Coin`]).
    Coin(u8),
    /// One axis of a position's vector ([`crate::diffusion::continuous`]).
    Axis(u32),
    /// A random token in place of another: uniform noise.
    Noise,
    /// One number for each token of the vocabulary, as references draw categories ([`crate::diffusion::noise::Draws`]).
    Entry(u32),
    /// Choosing among canvases: particles, lookahead.
    Search(u8),
}

/// What identifies one draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DrawKey {
    /// What it is for.
    pub purpose: Purpose,
    /// The step of the run.
    pub step: usize,
    /// The position on the canvas.
    pub position: usize,
    /// The position's place among the candidates of its rule, ascending; 0 for tokens. Reference code draws arrays
    /// over the masked positions, so a recording is read by it; a seeded source ignores it.
    pub index: usize,
}

/// A source of uniform numbers.
pub trait Draw {
    /// A number in \[0, 1) that depends on the key alone.
    fn uniform(&self, key: DrawKey) -> f64;
}

/// The usual source: a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seeded(pub u64);

impl Draw for Seeded {
    fn uniform(&self, key: DrawKey) -> f64 {
        let purpose = match key.purpose {
            Purpose::Token => 0,
            Purpose::Rank(rule) => 0x100 + u64::from(rule),
            Purpose::Coin(rule) => 0x200 + u64::from(rule),
            Purpose::Axis(axis) => 0x2_0000_0000 + u64::from(axis),
            Purpose::Noise => 0x300,
            Purpose::Search(which) => 0x400 + u64::from(which),
            Purpose::Entry(token) => 0x1_0000_0000 + u64::from(token),
        };
        let words = [purpose, key.step as u64, key.position as u64];
        let hash = words.iter().fold(splitmix64(self.0), |state, word| splitmix64(state ^ word));
        (hash >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }
}

/// The output function of SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators").
fn splitmix64(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Draw, DrawKey, Purpose, Seeded, splitmix64};

    fn key(purpose: Purpose, step: usize, position: usize) -> DrawKey {
        DrawKey { purpose, step, position, index: 0 }
    }

    #[test]
    fn splitmix64_matches_its_reference_output() {
        // The first two outputs of Vigna's splitmix64.c for seed 0.
        assert_eq!(splitmix64(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(splitmix64(0x9e37_79b9_7f4a_7c15), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn every_part_of_the_key_but_the_index_matters() {
        let draw = |seed: u64, k: DrawKey| Seeded(seed).uniform(k);
        let base = key(Purpose::Token, 3, 5);
        let others = [
            draw(8, base),
            draw(7, key(Purpose::Rank(0), 3, 5)),
            draw(7, key(Purpose::Coin(0), 3, 5)),
            draw(7, key(Purpose::Coin(1), 3, 5)),
            draw(7, key(Purpose::Token, 5, 3)),
        ];
        assert!(others.iter().all(|&other| other != draw(7, base)));
        assert_eq!(draw(7, base), draw(7, DrawKey { index: 9, ..base }));
    }

    #[test]
    fn a_seed_typed_back_next_year_gives_the_same_draws() {
        let drawn = [key(Purpose::Token, 0, 0), key(Purpose::Coin(1), 3, 70)].map(|k| Seeded(4821).uniform(k));
        assert_eq!(drawn, [0.3660852153555456, 0.3721896682557808]);
    }

    #[test]
    fn draws_are_uniform_by_chi_squared() {
        let mut bins = [0_u32; 16];
        for step in 0..100 {
            for position in 0..100 {
                let u = Seeded(1).uniform(key(Purpose::Token, step, position));
                assert!((0.0..1.0).contains(&u));
                bins[(u * 16.0) as usize] += 1;
            }
        }
        let expected = 10_000.0 / 16.0;
        let chi: f64 = bins.iter().map(|&n| (f64::from(n) - expected).powi(2) / expected).sum();
        // 15 degrees of freedom: 37.7 is the 0.999 quantile.
        assert!(chi < 37.7, "chi squared {chi}");
    }

    #[test]
    fn numbers_are_finer_than_what_single_precision_and_32_bits_can_tell_apart() {
        let mut counts = [0_u32; 3];
        for step in 0..10_000 {
            let u = Seeded(3).uniform(key(Purpose::Token, step, 0));
            let on_grid = |bits: i32| (u * 2_f64.powi(bits)).fract() == 0.0;
            assert!(on_grid(53), "{u}");
            counts[0] += u32::from(on_grid(52));
            counts[1] += u32::from(on_grid(32));
            counts[2] += u32::from(f64::from(u as f32) == u);
        }
        // The last of 53 bits is drawn too: five standard deviations around a half.
        assert!(counts[0].abs_diff(5000) < 250 && counts[1..] == [0, 0], "{counts:?}");
    }
}
