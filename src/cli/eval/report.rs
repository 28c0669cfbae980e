//! What `lacuna eval` found, as tables and as JSON: by kind of text and by the length of the hole.

use serde_json::{Value, json};

use super::{Exam, Fill, Measured, Ran, Told};
use crate::engine::eval::paired::{Change, change};
use crate::engine::eval::text::{distinct, repetition};
use crate::engine::eval::{Given, LengthRule, Sample};

/// Holes by their true length in tokens, both ends included.
const BUCKETS: [(usize, usize); 4] = [(1, 1), (2, 4), (5, 16), (17, 64)];
const ALL: &str = "all";

/// Some of the holes: those of a kind of text, or of a length, or both.
struct Cell {
    kind: String,
    tokens: String,
    holes: Vec<usize>,
}

/// All holes, then those of each length; the same for each kind of text, where there are several.
fn cells(holes: &[Sample]) -> Vec<Cell> {
    let mut kinds: Vec<&str> = holes.iter().map(Sample::kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let kinds = if kinds.len() > 1 { kinds } else { Vec::new() };
    let mut cells = Vec::new();
    for kind in std::iter::once(ALL).chain(kinds) {
        for (least, most) in std::iter::once((1, usize::MAX)).chain(BUCKETS) {
            let is_in =
                |sample: &Sample| (kind == ALL || sample.kind() == kind) && (least..=most).contains(&sample.tokens);
            let tokens = match (least, most) {
                (_, usize::MAX) => ALL.to_owned(),
                _ if least == most => least.to_string(),
                _ => format!("{least}-{most}"),
            };
            let inside: Vec<usize> = (0..holes.len()).filter(|&at| is_in(&holes[at])).collect();
            if !inside.is_empty() {
                cells.push(Cell { kind: kind.to_owned(), tokens, holes: inside });
            }
        }
    }
    cells
}

/// Means over the fills of a cell.
struct Means {
    exact: f64,
    similarity: f64,
    likelihood: f64,
    seam: f64,
    log_ratio: f64,
    distinct: [f64; 2],
    repetition: f64,
    passes: f64,
    seconds: f64,
}

impl Means {
    fn of(cell: &Cell, fills: &[Fill]) -> Self {
        let fills: Vec<&Fill> = cell.holes.iter().map(|&at| &fills[at]).collect();
        let over = |value: &dyn Fn(&Fill) -> Option<f64>| {
            let values: Vec<f64> = fills.iter().filter_map(|fill| value(fill)).filter(|v| !v.is_nan()).collect();
            if values.is_empty() { f64::NAN } else { values.iter().sum::<f64>() / values.len() as f64 }
        };
        let mean = |value: &dyn Fn(&Fill) -> f64| over(&|fill| Some(value(fill)));
        let texts = || fills.iter().map(|fill| &*fill.filled.text);
        Self {
            exact: mean(&|fill| f64::from(u8::from(fill.filled.exact))),
            similarity: mean(&|fill| fill.filled.similarity),
            likelihood: mean(&|fill| fill.filled.likelihood),
            seam: over(&|fill| fill.seam),
            log_ratio: mean(&|fill| (fill.filled.tokens.max(1) as f64 / fill.tokens as f64).ln().abs()),
            distinct: [1, 2].map(|n| distinct(texts(), n).unwrap_or(f64::NAN)),
            repetition: mean(&|fill| repetition(&fill.filled.text)),
            passes: mean(&|fill| fill.filled.nfe as f64),
            seconds: mean(&|fill| fill.filled.seconds),
        }
    }

    fn json(&self) -> Value {
        json!({
            "exact_match": self.exact, "edit_similarity": self.similarity, "mean_logprob": self.likelihood,
            "seam_logprob": self.seam, "mean_abs_log_length_ratio": self.log_ratio, "distinct_1": self.distinct[0],
            "distinct_2": self.distinct[1], "rep_2": self.repetition, "nfe": self.passes, "seconds": self.seconds,
        })
    }
}

/// Nats and bytes of a cell's holes; none where the model does not say.
fn nats(cell: &Cell, given: &[Option<Given>]) -> Vec<(f64, f64)> {
    cell.holes.iter().filter_map(|&at| given[at]).map(|given| (given.nats, given.bytes as f64)).collect()
}

fn per_byte(pairs: &[(f64, f64)]) -> f64 {
    let (nats, bytes) = pairs.iter().fold((0.0, 0.0), |(a, b), (nats, bytes)| (a + nats, b + bytes));
    nats / bytes
}

/// The second model against the first.
fn changes(cell: &Cell, measured: &[Measured]) -> Option<Change> {
    let [first, second] = measured else { return None };
    change(&nats(cell, &first.given), &nats(cell, &second.given))
}

fn mean<T>(all: &[T], value: impl Fn(&T) -> f64) -> f64 {
    all.iter().map(value).sum::<f64>() / all.len() as f64
}

/// ROUGE-1, ROUGE-2, ROUGE-L and repetition of some stories.
fn of_stories(told: &[Told]) -> [f64; 4] {
    let [one, two, longest] = [0, 1, 2].map(|n| mean(told, |told| told.rouge[n]));
    [one, two, longest, mean(told, |told| repetition(&told.text))]
}

/// The share of some code that passed its tests, the share that is what stood there, and seconds.
fn of_code(ran: &[Ran]) -> [f64; 3] {
    let share = |is: bool| f64::from(u8::from(is));
    [mean(ran, |ran| share(ran.passed)), mean(ran, |ran| share(ran.exact)), mean(ran, |ran| ran.seconds)]
}

/// One JSON document.
pub(super) fn json(exam: &Exam, measured: &[Measured], seed: u64) -> String {
    let cells = cells(&exam.holes);
    let with = |cell: &Cell, mut row: Value| {
        (row["text"], row["tokens"], row["holes"]) = (json!(cell.kind), json!(cell.tokens), json!(cell.holes.len()));
        row
    };
    let model = |one: &Measured| {
        let given = cells.iter().map(|cell| {
            let pairs = nats(cell, &one.given);
            with(
                cell,
                json!({ "bytes": pairs.iter().map(|pair| pair.1).sum::<f64>(), "nats_per_byte": per_byte(&pairs) }),
            )
        });
        let fills = one.fills.iter().flat_map(|(rule, fills)| {
            cells.iter().map(|cell| {
                let mut row = with(cell, Means::of(cell, fills).json());
                row["length"] = json!(rule.name());
                row
            })
        });
        let stories = one.stories.iter().filter(|(_, told)| !told.is_empty()).map(|(rule, told)| {
            let [one, two, longest, repeats] = of_stories(told);
            json!({ "length": rule.name(), "stories": told.len(), "rouge_1": one, "rouge_2": two, "rouge_l": longest,
                    "rep_2": repeats })
        });
        let code = one.code.iter().filter(|(_, ran)| !ran.is_empty()).map(|(rule, ran)| {
            let [passed, exact, seconds] = of_code(ran);
            json!({ "length": rule.name(), "tasks": ran.len(), "pass_1": passed, "exact_match": exact,
                    "seconds": seconds })
        });
        json!({ "model": one.model, "given": given.collect::<Vec<_>>(), "fills": fills.collect::<Vec<_>>(),
                "stories": stories.collect::<Vec<_>>(), "code": code.collect::<Vec<_>>() })
    };
    let change = cells.iter().filter_map(|cell| {
        let change = changes(cell, measured)?;
        Some(with(
            cell,
            json!({ "nats_per_byte": change.difference, "low": change.interval.0, "high": change.interval.1,
                                "p": change.p }),
        ))
    });
    let document = json!({
        "seed": seed, "holes": exam.holes.len(), "models": measured.iter().map(model).collect::<Vec<_>>(),
        "change": change.collect::<Vec<_>>(),
    });
    format!("{document}\n")
}

/// A number, or that there is none.
fn number(value: f64, width: usize, digits: usize) -> String {
    if value.is_finite() { format!("{value:>width$.digits$}") } else { format!("{:>width$}", "-") }
}

fn percent(value: f64, width: usize) -> String {
    format!("{}%", number(100.0 * value, width - 1, 1))
}

/// Tables, those of both models beside each other row by row.
pub(super) fn tables(exam: &Exam, measured: &[Measured]) -> String {
    let cells = cells(&exam.holes);
    let names: Vec<&str> = measured.iter().map(|one| &*one.model).collect();
    let mut out = format!("{} holes; {}\n", exam.holes.len(), names.join(", then "));
    if !exam.holes.is_empty() {
        out += &given_table(&cells, measured);
    }
    for (at, (rule, fills)) in measured[0].fills.iter().enumerate().filter(|_| !exam.holes.is_empty()) {
        out += &format!("\nfilled, {}\n{FILLED}", lengths(*rule));
        for cell in &cells {
            let all = std::iter::once(fills).chain(measured[1..].iter().map(|other| &other.fills[at].1));
            for (number, fills) in all.enumerate() {
                out += &fills_row(cell, fills, number == 0);
            }
        }
    }
    if !exam.stories.is_empty() {
        out += &format!("\n{} stories\nlength    ROUGE-1  ROUGE-2  ROUGE-L  repeats\n", exam.stories.len());
        for (rule, told) in rows(measured, |one| &one.stories) {
            let [one, two, longest, repeats] = of_stories(told);
            let [one, two, longest] = [one, two, longest].map(|score| number(100.0 * score, 9, 1));
            out += &format!("{rule:<8}{one}{two}{longest}{}\n", percent(repeats, 9));
        }
    }
    if !exam.tasks.is_empty() {
        out += &format!("\n{} tasks of HumanEval-Infilling\nlength     pass@1    exact  seconds\n", exam.tasks.len());
        for (rule, ran) in rows(measured, |one| &one.code) {
            let [passed, exact, seconds] = of_code(ran);
            out += &format!("{rule:<8}{}{}{}\n", percent(passed, 9), percent(exact, 9), number(seconds, 9, 2));
        }
    }
    out
}

/// The rows of each rule, one a model; the rule is named in the first of them.
fn rows<'a, T>(
    measured: &'a [Measured],
    table: impl Fn(&'a Measured) -> &'a Vec<(LengthRule, Vec<T>)>,
) -> Vec<(String, &'a [T])> {
    let first = measured.first().map(&table).map_or(&[][..], Vec::as_slice);
    let of_rule = |(at, (rule, _)): (usize, &(LengthRule, Vec<T>))| {
        let name = rule.name();
        let table = &table;
        measured
            .iter()
            .enumerate()
            .map(move |(number, one)| (if number == 0 { name.clone() } else { String::new() }, &*table(one)[at].1))
    };
    first.iter().enumerate().flat_map(of_rule).collect()
}

fn lengths(rule: LengthRule) -> String {
    match rule {
        LengthRule::Known => "lengths known".into(),
        LengthRule::Auto => "lengths open".into(),
        LengthRule::Fixed(length) => format!("always {length} tokens"),
    }
}

/// How likely what stood in the holes is, given both sides, in nats a byte; and by how much the second model's is lower.
fn given_table(cells: &[Cell], measured: &[Measured]) -> String {
    let mut out = "\nwhat stood there, given both sides\ntext       tokens  holes".to_owned();
    out += &"  nats/byte".repeat(measured.len());
    out += if measured.len() == 2 { "     change      95 % of resamplings         p\n" } else { "\n" };
    for cell in cells {
        out += &format!("{:<11}{:>6}{:>7}", cell.kind, cell.tokens, cell.holes.len());
        for one in measured {
            out += &number(per_byte(&nats(cell, &one.given)), 11, 4);
        }
        if let Some(Change { difference, interval: (low, high), p }) = changes(cell, measured) {
            out += &format!("{difference:>+11.4}{low:>+14.4} to {high:>+7.4}{p:>10.4}");
        }
        out.push('\n');
    }
    out
}

const FILLED: &str =
    "text       tokens  holes    exact  similar   likely     seam   off by  repeats  distinct   passes  seconds\n";

fn fills_row(cell: &Cell, fills: &[Fill], is_first: bool) -> String {
    let means = Means::of(cell, fills);
    let named = || format!("{:<11}{:>6}{:>7}", cell.kind, cell.tokens, cell.holes.len());
    let mut out = if is_first { named() } else { " ".repeat(24) };
    out += &percent(means.exact, 9);
    out += &number(means.similarity, 9, 3);
    out += &number(means.likelihood, 9, 3);
    out += &number(means.seam, 9, 3);
    out += &format!("{}x", number(means.log_ratio.exp(), 8, 2));
    out += &percent(means.repetition, 9);
    out += &percent(means.distinct[1], 10);
    out += &number(means.passes, 9, 1);
    out += &number(means.seconds, 9, 2);
    out.push('\n');
    out
}
