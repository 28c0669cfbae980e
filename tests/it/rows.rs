//! Passes that compute some rows only: exact where nothing is stale, bounded where something is.

use lacuna::diffusion::canvas::Canvas;
use lacuna::diffusion::refresh::{NEIGHBOURS, RefreshPolicy};
use lacuna::diffusion::rng::Seeded;
use lacuna::diffusion::run::Run;
use lacuna::diffusion::{Denoiser, Logits, Refresh, spec};
use lacuna::model::{
    Attention, Checkpoint, DeviceChoice, DtypeChoice, Input, LoadOptions, Model, ModelError, Overrides,
};

use crate::support::{fixture, project};

fn load(folder: &std::path::Path, mask: Option<u32>) -> Model {
    let overrides = Overrides { mask, ..Overrides::default() };
    let options = LoadOptions {
        device: DeviceChoice::Cpu,
        dtype: DtypeChoice::F32,
        threads: 2,
        overrides,
        ..LoadOptions::default()
    };
    Checkpoint::open(folder, &options.overrides).unwrap().load("test", &options).unwrap()
}

fn forward(model: &mut Model, input: &Input<'_>) -> Vec<f32> {
    model.forward(input, &|| false).unwrap()
}

/// The largest distance of two sets of rows.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

const IDS: [u32; 8] = [1, 170, 3, 170, 5, 6, 170, 8];
const ALL: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

#[test]
fn computing_all_rows_anew_is_exact() {
    let mut model = load(&fixture("dream"), Some(170));
    let plain = Input::new(&IDS, Attention::Full, &ALL);
    let expected = forward(&mut model, &plain);
    let mut other = IDS;
    other[1] = 44;
    forward(&mut model, &Input { ids: &other, ..plain });
    assert!(forward(&mut model, &Input { refresh: Refresh::Only(&ALL), ..plain }) == expected);
}

#[test]
fn rows_of_an_unchanged_canvas_come_out_the_same_however_few_are_computed() {
    for attention in [Attention::Full, Attention::Block(3)] {
        for (family, mask) in [("dream", 170), ("a2d-qwen3", 176), ("llada", 150)] {
            let mut model = load(&fixture(family), Some(mask));
            let ids = IDS.map(|id| if id == 170 { mask } else { id });
            let visible = [true, true, true, true, true, true, true, false];
            let plain = Input { visible: Some(&visible), ..Input::new(&ids, attention, &[3, 1]) };
            let expected = forward(&mut model, &plain);
            // Rows asked for are computed even where the refresh forgets them.
            let found = forward(&mut model, &Input { refresh: Refresh::Only(&[0, 5, 6]), ..plain });
            assert!(distance(&expected, &found) < 1e-4, "{family} {attention:?}");
        }
    }
}

#[test]
fn a_row_that_is_not_refreshed_stays_as_it_was_but_its_own_token_is_never_stale() {
    let mut model = load(&fixture("dream"), Some(170));
    let plain = Input::new(&IDS, Attention::Full, &[3]);
    let before = forward(&mut model, &plain);
    let mut changed = IDS;
    changed[6] = 44;
    let changed = Input { ids: &changed, ..plain };
    // Row 6 is computed although only row 3 is asked for; the other rows still say what they said next to a mask.
    let cached = forward(&mut model, &Input { refresh: Refresh::Only(&[3]), ..changed });
    let exact = forward(&mut model, &changed);
    assert!(distance(&before, &cached) > 1e-3, "the token of row 6 is stale");
    assert!(distance(&cached, &exact) > 1e-6, "all rows were computed");
    assert!(
        forward(&mut model, &Input { refresh: Refresh::Only(&[3]), ..changed }) != cached,
        "all rows were refreshed"
    );
}

#[test]
fn a_memory_of_other_circumstances_is_not_used() {
    let mut model = load(&fixture("dream"), Some(170));
    let rows = [2];
    let plain = Input::new(&IDS, Attention::Full, &rows);
    let exact = |model: &mut Model, input: &Input<'_>| forward(model, &Input { refresh: Refresh::All, ..*input });
    let positions = [1, 2, 3, 4, 5, 6, 7, 9];
    let visible = [true, true, true, true, true, true, false, true];
    let others = [
        Input { ids: &IDS[..6], ..plain },
        Input { attention: Attention::Block(2), ..plain },
        Input { positions: Some(&positions), ..plain },
        Input { visible: Some(&visible), ..plain },
    ];
    for other in others {
        let expected = exact(&mut model, &other);
        exact(&mut model, &plain);
        let found = forward(&mut model, &Input { refresh: Refresh::Only(&rows), ..other });
        assert!(found == expected);
    }
}

#[test]
fn a_pass_that_was_cancelled_leaves_no_memory() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let mut model = load(&fixture("dream"), Some(170));
    let mut changed = IDS;
    changed[0] = 40;
    let plain = Input::new(&changed, Attention::Full, &[3]);
    let expected = forward(&mut model, &plain);
    forward(&mut model, &Input::new(&IDS, Attention::Full, &[3]));
    let asked = AtomicUsize::new(0);
    let second = || asked.fetch_add(1, Ordering::Relaxed) == 1;
    let cancelled = model.forward(&Input { refresh: Refresh::Only(&[3]), ..plain }, &second);
    assert!(matches!(cancelled, Err(ModelError::Cancelled)));
    assert!(forward(&mut model, &Input { refresh: Refresh::Only(&[3]), ..plain }) == expected);
}

const TEXT: &str = "The keeper had not spoken to anyone in eleven days when the boat came round the point, and he ran down \
to the water with his coat open. Nobody aboard answered his call, so he called again, louder, and waved the lantern \
over his head. The boat drifted past the rocks without touching them, turned slowly in the current, and showed him its \
other side, where a name had been painted over.";

/// Fills the masks; gives the canvas and the logits at each pass, and the canvas at the end.
fn fill(model: &mut Model, ids: &[u32], refresh: RefreshPolicy) -> (Vec<(Vec<u32>, Logits)>, Vec<u32>) {
    let mut sampler = spec::parse_spec("eb", &spec::Overrides::default()).unwrap();
    sampler.refresh = refresh;
    let canvas = Canvas::from_ids(ids, model.vocabulary().mask());
    let mut run = Run::new(canvas, sampler, &model.vocabulary().clone(), model.shift(), Seeded(1));
    let mut passes = Vec::new();
    while !run.is_done() {
        let rows = run.rows_needed();
        let logits = model.logits(&run.pass(&rows), &|| false).unwrap();
        passes.push((run.canvas().ids().to_vec(), logits.clone()));
        run.advance(&logits).unwrap();
    }
    (passes, run.canvas().ids().to_vec())
}

#[test]
fn the_editors_cache_rarely_changes_what_is_written() {
    // Measured: 20 of 20 tokens, 0.64; with eight other holes in a longer text 72 of 80, 0.25.
    const LEAST_SAME: f32 = 0.8;
    const LARGEST_DIFFERENCE: f32 = 1.0;
    let mut model = load(&project("assets/lacuna-135m"), None);
    let mask = model.vocabulary().mask();
    let text = model.tokenizer().unwrap().encode(TEXT).unwrap();
    let (mut same, mut all, mut largest) = (0, 0, 0.0_f32);
    for (start, length) in [(12, 6), (55, 14)] {
        let mut ids = text.clone();
        ids[start..start + length].fill(mask);
        let (exact_passes, exact) = fill(&mut model, &ids, RefreshPolicy::All);
        let (cached_passes, cached) = fill(&mut model, &ids, RefreshPolicy::Dirty(NEIGHBOURS));
        same += (start..start + length).filter(|&p| exact[p] == cached[p]).count();
        all += length;
        // As long as both look at the same canvas.
        for ((_, exact), (_, cached)) in exact_passes.iter().zip(&cached_passes).take_while(|(a, b)| a.0 == b.0) {
            for row in exact.rows() {
                largest = largest.max(distance(exact.row(*row).unwrap(), cached.row(*row).unwrap()));
            }
        }
    }
    assert!(largest > 0.0, "the cache was not used");
    assert!(same as f32 >= LEAST_SAME * all as f32, "{same} of {all}");
    assert!(largest < LARGEST_DIFFERENCE, "{largest}");
}
