//! What the user can set and the program remembers. Plain data: the shell fills it from the config file and the
//! command line, the app changes it by commands.

use crate::engine::protocol::RunOptions;

/// Whether and which colours are used. Read by `ui` only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Color {
    /// As many as the terminal seems to have.
    #[default]
    Auto,
    /// None: glyphs and modifiers carry everything.
    None,
    /// The sixteen of every terminal.
    Sixteen,
    /// 24 bits.
    True,
}

/// How lively the screen is while text is denoised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Motion {
    /// Guesses are shown as they change.
    #[default]
    Full,
    /// Only what is written is shown.
    Reduced,
}

/// The settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Long lines are wrapped at words.
    pub soft_wrap: bool,
    /// Line numbers are shown.
    pub line_numbers: bool,
    /// Columns from one tab stop to the next, at least 1.
    pub tab_width: usize,
    /// The seed of the first run; later seeds are derived from it.
    pub seed: u64,
    /// Sampler and its knobs; the seed in here is not read.
    pub run: RunOptions,
    /// The share of tokens that a rewrite may change when not told otherwise, in percent.
    pub strength: u8,
    /// How lively the screen is.
    pub motion: Motion,
    /// Colours.
    pub color: Color,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            soft_wrap: true,
            line_numbers: true,
            tab_width: 4,
            seed: 0,
            run: RunOptions::default(),
            strength: 40,
            motion: Motion::Full,
            color: Color::Auto,
        }
    }
}

/// The seed of the run with this number: the first is the user's own, later ones are mixed from it and short enough
/// to be typed back.
pub fn seed_of_run(seed: u64, number: u64) -> u64 {
    if number == 0 {
        return seed;
    }
    // SplitMix64: a bijection of the counter, so neighbouring runs share nothing.
    let mut z = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_seed_is_the_users_and_later_ones_differ() {
        assert_eq!(seed_of_run(4821, 0), 4821);
        let later: std::collections::BTreeSet<u64> = (1..100).map(|n| seed_of_run(4821, n)).collect();
        assert!(later.len() > 95);
        assert!(later.iter().all(|&seed| seed < 1_000_000));
        assert_ne!(seed_of_run(1, 1), seed_of_run(2, 1));
    }
}
