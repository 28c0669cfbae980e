//! Search: canvases that are tried besides the one. A kind of search is data in a sampler; what it needs of several canvases
//! are pure functions here and below, and a caller supplies the logits ([`crate::diffusion::run::Run::turn`] does).
//!
//! | search | in the literature | where |
//! |---|---|---|
//! | lookahead | LoPA (2512.16229), Info-Gain (2602.18176): which step leaves the rest surest | [`lookahead`] |
//! | verify | FreeDave (2510.00294), SSD: draft steps ahead, keep those that fresh logits confirm | `run/turn.rs` |
//! | probe | PUNT (2510.21961): which masks do not depend on surer ones | [`probe`] |
//! | particles | self-rewarding SMC (2602.01849) | [`particles`] |
//! | best of n | n seeds, the likeliest result | [`particles`] |

pub mod lookahead;
pub mod particles;
pub mod probe;

/// Which canvases are tried besides the one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Search {
    /// None.
    #[default]
    One,
    /// So many steps are tried, and the one that leaves the rest surest is made: mean confidence (LoPA).
    Lookahead(usize),
    /// The same, by how much entropy a step removes less what it costs (Info-Gain).
    Information(usize),
    /// So many steps are drafted from one pass and checked against passes of their own; the text is the same.
    Verify(usize),
    /// Masks that depend on surer ones by more than this divergence are left for later.
    Probe(f64),
    /// So many runs, drawn anew by weight when few carry it all; `beta` sharpens the weights.
    Particles {
        /// How many.
        n: usize,
        /// How much likelihood counts.
        beta: f64,
    },
    /// So many runs of their own seeds, of which the likeliest is kept.
    BestOf(usize),
}

impl Search {
    /// How many runs side by side it takes, and how their weights are sharpened; none if one run does it all.
    pub fn runs(self) -> Option<(usize, f64)> {
        match self {
            Search::Particles { n, beta } => Some((n, beta)),
            Search::BestOf(n) => Some((n, 0.0)),
            _ => None,
        }
    }
}
