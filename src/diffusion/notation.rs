//! The notation of samplers: one text, the same in the table of presets, in a user's settings and after `--sampler`.
//!
//! A sampler is clauses between `;` or on lines of their own; `#` begins a comment. Rules come in the order they act:
//! ```text
//! window blocks(32)
//! masked conf above(0.9) min=1 write
//! committed current below(0.3) max=25% mask
//! stop post(16)
//! ```
//! | clause | |
//! |---|---|
//! | `masked\|committed\|both ...` | a rule ([`crate::diffusion::rule`]) |
//! | `name = expression` | a name for what follows |
//! | `steps N` | so many steps; one per mask where this is not said |
//! | `time linear\|cosine\|loglinear [(eps)] [inner\|closed] [sweeps(N)]` | the noise schedule, its grid, and how often it stands still before each step |
//! | `window all\|holes\|blocks(N)\|dilated(N)\|frontier(P)` | which positions may change now |
//! | `temperature E [greedy]`, `top-p P`, `top-k K`, `scores raw\|filtered` | how a token is chosen and scored |
//! | `draw posterior\|euler\|clean [categorical] [greedy]` | the next state is drawn from the reverse kernel of the noise |
//! | `start noise` | masks are random tokens from the start |
//! | `guidance W`, `credit(D, P, W)`, `dry(M, B, N)`, `loo when(E)` | what is done to the logits |
//! | `stop full\|post(N)\|when(E)\|passes(N)\|patience(N) ...` | when it ends |
//! | `refresh all\|prefix\|dual\|vicinity(N)\|dirty(N)\|every(N)` | which rows are computed anew |
//! | `search one\|lookahead(N)\|information(N)\|verify(N)\|probe(E)\|particles(N, B)\|best(N)` | which canvases are tried |
//!
//! Words of expressions are in [`crate::diffusion::expr::WORDS`]. Unit: one text of at most 8 KiB.

use crate::diffusion::dry::Dry;
use crate::diffusion::expr::Expr;
use crate::diffusion::expr::parse::{Names, NotationError, Reader};
use crate::diffusion::noise::{Draws, Kernel};
use crate::diffusion::propose::{Propose, Scored};
use crate::diffusion::refresh::RefreshPolicy;
use crate::diffusion::rule::{Act, Group, Over, Pick, Rule};
use crate::diffusion::sampler::{Credit, Reverse, Sampler};
use crate::diffusion::schedule::{Grid, NoiseSchedule, Schedule, Steps, Stop};
use crate::diffusion::search::Search;
use crate::diffusion::window::Window;

/// Most rules a sampler may have: a rule's number keys its draws.
const MOST_RULES: usize = 64;

const OVERS: &[(&str, Over)] = &[("masked", Over::Masked), ("committed", Over::Committed), ("both", Over::Both)];

/// A pick by its number.
type MakePick = fn(Expr) -> Pick;

const PICKS: &[(&str, MakePick)] = &[
    ("best", Pick::Best),
    ("worst", Pick::Worst),
    ("above", Pick::Above),
    ("below", Pick::Below),
    ("coin", Pick::Coin),
    ("entropy", Pick::Entropy),
    ("factor", Pick::Factor),
    ("independent", Pick::Independent),
];

impl Sampler {
    /// A sampler without rules: greedy, one step per mask, everywhere, until no mask is left.
    pub fn blank() -> Self {
        Self {
            propose: Propose::default(),
            temperature: None,
            guidance: 0.0,
            reverse: None,
            leave_one_out: None,
            credit: None,
            dry: None,
            rules: Vec::new(),
            schedule: Schedule::PER_MASK,
            window: Window::All,
            stop: Stop::NO_MASKS,
            starts_random: false,
            refresh: RefreshPolicy::All,
            search: Search::One,
        }
    }
}

/// Reads a sampler; `names` are the keys that its text may mention, `base` is what it says nothing about.
pub fn parse(text: &str, names: &Names, base: Sampler) -> Result<Sampler, NotationError> {
    let (mut reader, mut names, mut sampler) = (Reader::new(text)?, names.clone(), base);
    while !reader.is_at_end() {
        if !reader.mark(";") {
            clause(&mut reader, &mut names, &mut sampler)?;
            if !reader.is_at_end() {
                reader.expect(";")?;
            }
        }
    }
    if sampler.rules.is_empty() || sampler.rules.len() > MOST_RULES {
        return Err(
            reader.error(format!("a sampler has from 1 to {MOST_RULES} rules, as in `masked conf best(1) write`"))
        );
    }
    Ok(sampler)
}

fn clause(reader: &mut Reader<'_>, names: &mut Names, sampler: &mut Sampler) -> Result<(), NotationError> {
    let start = reader.clone();
    let head = reader.word("a clause")?;
    match head {
        "masked" | "committed" | "both" => {
            *reader = start;
            sampler.rules.push(rule(reader, names)?);
        }
        "steps" => sampler.schedule.steps = Steps::Fixed(count(reader, names)?.max(1)),
        "time" => time(reader, names, &mut sampler.schedule)?,
        "window" => sampler.window = window(reader, names)?,
        "temperature" => temperature(reader, names, sampler)?,
        "top" => {
            reader.expect("-")?;
            match reader.word("`p` or `k`")? {
                "p" => sampler.propose.top_p = reader.number(names)?.clamp(0.0, 1.0),
                _ => sampler.propose.top_k = count(reader, names)?,
            }
        }
        "scores" => {
            let known = [("raw", Scored::Raw), ("filtered", Scored::Filtered)];
            sampler.propose.scored = reader.one_of("where scores come from", &known)?;
        }
        "guidance" => sampler.guidance = reader.number(names)?,
        "draw" => sampler.reverse = Some(draw(reader, &mut sampler.schedule)?),
        "start" => {
            reader.one_of("what a run starts from", &[("noise", ())])?;
            sampler.starts_random = true;
        }
        "credit" => {
            let [decay, power, weight] = numbers(reader, names)?;
            sampler.credit = Some(Credit { decay: decay.clamp(0.0, 1.0), power, weight });
        }
        "dry" => {
            let [multiplier, base, allowed] = numbers(reader, names)?;
            sampler.dry =
                Some(Dry { multiplier, base: base.clamp(1.0, 16.0), allowed: allowed.clamp(0.0, 64.0) as usize });
        }
        "loo" => {
            if !reader.word_is("when") {
                return Err(reader.error("leave-one-out says when, as in `loo when(t == s)`"));
            }
            sampler.leave_one_out = Some(reader.bracketed(names)?);
        }
        "stop" => stop(reader, names, &mut sampler.stop)?,
        "refresh" => sampler.refresh = refresh(reader, names)?,
        "search" => sampler.search = search(reader, names)?,
        name if reader.mark("=") => {
            let expr = reader.expr(names)?;
            names.define(name, expr).map_err(|message| start.error(message))?;
        }
        _ => return Err(start.error("no clause begins so; a rule begins with masked, committed or both")),
    }
    Ok(())
}

fn rule(reader: &mut Reader<'_>, names: &Names) -> Result<Rule, NotationError> {
    let over = reader.one_of("masked, committed or both", OVERS)?;
    let mut rule = Rule::new(over, Pick::All, Act::Write);
    if reader.word_is("when") {
        rule.when = reader.bracketed(names)?;
    }
    if reader.word_is("where") {
        rule.filter = reader.bracketed(names)?;
    }
    let is_pick = |word: &str| word == "all" || PICKS.iter().any(|(name, _)| *name == word);
    // `entropy` and `independent` are words as well as picks: a pick has its number in parentheses.
    let at_pick = |reader: &Reader<'_>| {
        reader.peek_word().is_some_and(|word| is_pick(word) && (word == "all" || reader.is_followed_by("(")))
    };
    if !at_pick(reader) {
        rule.score = reader.expr(names)?;
    }
    if !reader.word_is("all") {
        let pick = reader.one_of("a pick", PICKS)?;
        rule.pick = pick(reader.bracketed(names)?);
    }
    if reader.word_is("if") {
        rule.keep = reader.bracketed(names)?;
    }
    if reader.word_is("per") {
        rule.per = reader.one_of("what the pick counts in", &[("run", Group::Run), ("hole", Group::Hole)])?;
    }
    for (word, bound) in [("min", &mut rule.min), ("max", &mut rule.max)] {
        if reader.word_is(word) {
            reader.expect("=")?;
            *bound = reader.expr(names)?;
        }
    }
    let acts = [
        ("write", Act::Write),
        ("mask", Act::Mask),
        ("noise", Act::Noise),
        ("insert", Act::Insert(1)),
        ("delete", Act::Delete),
        ("obey", Act::Obey),
        ("close", Act::Close),
    ];
    rule.act = reader.one_of("what is done", &acts)?;
    if rule.act == Act::Insert(1) {
        let [masks] = numbers(reader, names)?;
        rule.act = Act::Insert(masks.clamp(0.0, 64.0) as u8);
    }
    Ok(rule)
}

fn time(reader: &mut Reader<'_>, names: &Names, schedule: &mut Schedule) -> Result<(), NotationError> {
    let curves =
        [("linear", NoiseSchedule::Linear), ("cosine", NoiseSchedule::Cosine), ("loglinear", NoiseSchedule::LogLinear)];
    schedule.noise = reader.one_of("a noise schedule", &curves)?;
    if reader.mark("(") {
        schedule.eps = reader.number(names)?.clamp(0.0, 0.5);
        reader.expect(")")?;
    }
    if let Some("inner" | "closed") = reader.peek_word() {
        schedule.grid = reader.one_of("a grid", &[("inner", Grid::Inner), ("closed", Grid::Closed)])?;
    }
    if reader.word_is("sweeps") {
        schedule.sweeps = bracketed_count(reader, names)?;
    }
    Ok(())
}

/// Reads a window.
pub(crate) fn window(reader: &mut Reader<'_>, names: &Names) -> Result<Window, NotationError> {
    match reader.word("a window")? {
        "all" => Ok(Window::All),
        "holes" => Ok(Window::PerHole),
        "blocks" => Ok(match bracketed_count(reader, names)? {
            0 => Window::All,
            size => Window::Blocks(size),
        }),
        "dilated" => Ok(Window::Dilated(bracketed_count(reader, names)?.max(1))),
        "frontier" => {
            let [least] = numbers(reader, names)?;
            Ok(Window::Frontier(least))
        }
        _ => Err(reader.error("no window has this name; there are all, holes, blocks(N), dilated(N), frontier(P)")),
    }
}

fn temperature(reader: &mut Reader<'_>, names: &Names, sampler: &mut Sampler) -> Result<(), NotationError> {
    let ahead = reader.clone();
    if let Ok(value) = reader.number(names) {
        (sampler.propose.temperature, sampler.temperature) = (value.max(0.0), None);
    } else {
        *reader = ahead;
        sampler.temperature = Some(reader.expr(names)?);
    }
    sampler.propose.greedy = reader.word_is("greedy");
    Ok(())
}

fn draw(reader: &mut Reader<'_>, schedule: &mut Schedule) -> Result<Reverse, NotationError> {
    let kernels = [("posterior", Kernel::Posterior), ("euler", Kernel::Euler), ("clean", Kernel::Clean)];
    let kernel = reader.one_of("a kernel", &kernels)?;
    let draws = if reader.word_is("categorical") { Draws::Categorical } else { Draws::Inverse };
    schedule.removal = true;
    Ok(Reverse { kernel, draws, greedy_removal: reader.word_is("greedy") })
}

fn stop(reader: &mut Reader<'_>, names: &Names, stop: &mut Stop) -> Result<(), NotationError> {
    loop {
        match reader.word("when to stop")? {
            "full" => stop.full = true,
            "post" => stop.post = bracketed_count(reader, names)?,
            "passes" => stop.passes = Some(bracketed_count(reader, names)?.max(1)),
            "patience" => stop.patience = Some(bracketed_count(reader, names)?.max(1)),
            "when" => stop.when = Some(reader.bracketed(names)?),
            _ => return Err(reader.error("a stop is full, post(N), when(E), passes(N) or patience(N)")),
        }
        if reader.peek_word().is_none() {
            return Ok(());
        }
    }
}

/// Reads a refresh policy.
pub(crate) fn refresh(reader: &mut Reader<'_>, names: &Names) -> Result<RefreshPolicy, NotationError> {
    match reader.word("a refresh policy")? {
        "all" | "none" => Ok(RefreshPolicy::All),
        "prefix" => Ok(RefreshPolicy::Prefix),
        "dual" => Ok(RefreshPolicy::Dual),
        "vicinity" => Ok(RefreshPolicy::Vicinity(bracketed_count(reader, names)?)),
        "dirty" => Ok(RefreshPolicy::Dirty(bracketed_count(reader, names)?)),
        "every" => Ok(RefreshPolicy::Every(bracketed_count(reader, names)?.max(1))),
        _ => Err(reader.error("a refresh is all, prefix, dual, vicinity(N), dirty(N) or every(N)")),
    }
}

fn search(reader: &mut Reader<'_>, names: &Names) -> Result<Search, NotationError> {
    match reader.word("a search")? {
        "one" => Ok(Search::One),
        "lookahead" => Ok(Search::Lookahead(bracketed_count(reader, names)?)),
        "information" => Ok(Search::Information(bracketed_count(reader, names)?)),
        "verify" => Ok(Search::Verify(bracketed_count(reader, names)?)),
        "probe" => {
            let [divergence] = numbers(reader, names)?;
            Ok(Search::Probe(divergence))
        }
        "particles" => {
            let [n, beta] = numbers(reader, names)?;
            Ok(Search::Particles { n: n.clamp(1.0, 64.0) as usize, beta })
        }
        "best" => Ok(Search::BestOf(bracketed_count(reader, names)?.clamp(1, 64))),
        _ => Err(reader
            .error("a search is one, lookahead(N), information(N), verify(N), probe(E), particles(N, B) or best(N)")),
    }
}

/// Reads a constant from 0 up, as a count.
fn count(reader: &mut Reader<'_>, names: &Names) -> Result<usize, NotationError> {
    let start = reader.clone();
    let value = reader.number(names)?;
    if (0.0..=1e6).contains(&value) { Ok(value as usize) } else { Err(start.error("this should be from 0 to 1000000")) }
}

fn bracketed_count(reader: &mut Reader<'_>, names: &Names) -> Result<usize, NotationError> {
    reader.expect("(")?;
    let count = count(reader, names)?;
    reader.expect(")")?;
    Ok(count)
}

/// Reads `(a, b, ..)`, constants.
fn numbers<const N: usize>(reader: &mut Reader<'_>, names: &Names) -> Result<[f64; N], NotationError> {
    let mut values = [0.0; N];
    reader.expect("(")?;
    for (index, value) in values.iter_mut().enumerate() {
        if index > 0 {
            reader.expect(",")?;
        }
        *value = reader.number(names)?;
    }
    reader.expect(")")?;
    Ok(values)
}

#[cfg(test)]
mod tests;
