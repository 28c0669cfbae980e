//! Texts read, and refused.

use proptest::prelude::*;

use super::parse;
use crate::diffusion::expr::parse::Names;
use crate::diffusion::refresh::RefreshPolicy;
use crate::diffusion::rule::{Act, Group, Over, Pick};
use crate::diffusion::sampler::Sampler;
use crate::diffusion::schedule::{Grid, NoiseSchedule, Steps};
use crate::diffusion::search::Search;
use crate::diffusion::window::Window;

fn read(text: &str) -> Sampler {
    parse(text, &Names::new(&[("tau", 0.7)]), Sampler::blank()).unwrap()
}

fn refusal(text: &str) -> String {
    parse(text, &Names::default(), Sampler::blank()).unwrap_err().to_string()
}

#[test]
fn every_clause_sets_what_it_says() {
    let sampler = read(
        "# a comment; it ends here
        half = tau / 2; steps 12; time cosine(0.01) inner sweeps(2); window dilated(16)
        temperature 0.8 - 0.4 * r; top-p 0.9; top-k 50; scores filtered; guidance 1.5
        draw euler categorical greedy; start noise; credit(0.8, 0.2, 0.7); dry(0.8, 2, 1); loo when(t == s)
        stop full post(3) passes(40) patience(2) when(stable > 2)
        refresh vicinity(8); search particles(4, 0.5)
        both when(r < 1) where(conf > half) -entropy worst(3) if(not masked) per hole min=1 max=25% insert(2)",
    );
    assert_eq!((sampler.schedule.steps, sampler.schedule.noise), (Steps::Fixed(12), NoiseSchedule::Cosine));
    assert_eq!((sampler.schedule.grid, sampler.schedule.eps, sampler.schedule.removal), (Grid::Inner, 0.01, true));
    assert_eq!(sampler.schedule.sweeps, 2);
    assert_eq!((sampler.window, sampler.refresh), (Window::Dilated(16), RefreshPolicy::Vicinity(8)));
    assert_eq!((sampler.propose.top_p, sampler.propose.top_k, sampler.guidance), (0.9, 50, 1.5));
    assert!(sampler.temperature.is_some() && sampler.starts_random && sampler.leave_one_out.is_some());
    assert!(sampler.reverse.is_some_and(|reverse| reverse.greedy_removal));
    assert_eq!((sampler.stop.post, sampler.stop.passes, sampler.stop.patience), (3, Some(40), Some(2)));
    assert_eq!(sampler.search, Search::Particles { n: 4, beta: 0.5 });
    let rule = &sampler.rules[0];
    assert_eq!((rule.over, rule.per, rule.act), (Over::Both, Group::Hole, Act::Insert(2)));
    assert!(matches!(rule.pick, Pick::Worst(_)));
}

#[test]
fn refusals_say_what_and_where() {
    assert_eq!(
        refusal("maskd all write"),
        "no clause begins so; a rule begins with masked, committed or both, at `maskd all write`"
    );
    assert!(refusal("masked conf bets(1) write").contains("`bets"), "{}", refusal("masked conf bets(1) write"));
    assert!(refusal("steps m; masked all write").contains("does not change during a run, at `m;"));
    assert!(refusal("window blocks(-1); masked all write").contains("from 0 to 1000000"));
    assert!(refusal("").contains("from 1 to 64 rules"));
    assert!(refusal(&"masked all write;".repeat(65)).contains("from 1 to 64 rules"));
    let doubling: String = (0..40).map(|_| "a = m + m; m = a + a;").collect();
    assert!(refusal(&format!("{doubling} masked all write")).contains("more than 256 words"));
}

proptest! {
    #[test]
    fn no_text_panics(text in "[a-z0-9 =+*(),;.%<>-]{0,60}") {
        let _ = parse(&text, &Names::default(), Sampler::blank());
    }

    #[test]
    fn no_mutated_sampler_panics(cut in 0_usize..200, with in "[a-z0-9 ();=%^-]{0,3}") {
        let text = "steps 3; window blocks(32); masked where(conf > 0.3) conf ^ 2 above(0.9) min=1 max=25% write; stop post(2)";
        let cut = cut.min(text.len());
        let _ = parse(&format!("{}{with}{}", &text[..cut], &text[cut..]), &Names::default(), Sampler::blank());
    }
}
