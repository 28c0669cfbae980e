//! Numbers as they stand in a sampler's notation: `clamp(0.7 * m, 5, 20)`, `exp(-lambda * pos) * conf`.
//!
//! One small language serves counts, thresholds, chances, scores and conditions, so that a schedule or a position prior of
//! a new paper is text and not code. Every word is a row of [`WORDS`] with what it means. A condition is a number: 0 is
//! no, all else is yes. Unit: f64 throughout. Limit: no loops and no names of one's own at this level, so that every
//! expression ends; reading one is in `parse.rs`.

pub mod parse;

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A number.
    Const(f64),
    /// A word of [`WORDS`].
    Var(Var),
    /// A function or an operator, with as many arguments as [`Func::arity`] says.
    Apply(Func, Vec<Expr>),
    /// Taken over all candidates of the rule.
    Fold(Fold, Box<Expr>),
}

/// What a word stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is told in its row of WORDS")]
pub enum Var {
    Step,
    Steps,
    Left,
    Progress,
    Time,
    NextTime,
    Alpha,
    NextAlpha,
    Unmask,
    Equal,
    Dream,
    Rounded,
    Masks,
    Candidates,
    Size,
    Post,
    Passes,
    Grown,
    Vocabulary,
    Acted,
    Settled,
    Stable,
    Position,
    Hole,
    Holes,
    Level,
    Masked,
    Taken,
    PastEnd,
    Kept,
    Age,
    Remasks,
    Conf,
    Margin,
    Entropy,
    Current,
    Rival,
    Gap,
    Differs,
    Frequency,
    Drift,
    Drift2,
    Independent,
    Uniform,
    Gumbel,
}

/// What must be known before a word has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// The clock and the canvas.
    Canvas,
    /// What earlier rules of the same step did.
    Rules,
    /// A row of logits.
    Row,
}

/// The words: how they are written, what they need, what they mean.
pub const WORDS: &[(&str, Var, Needs, &str)] = &[
    ("step", Var::Step, Needs::Canvas, "steps made in this window"),
    ("steps", Var::Steps, Needs::Canvas, "steps planned for this window"),
    ("left", Var::Left, Needs::Canvas, "steps left in this window, this one included"),
    ("r", Var::Progress, Needs::Canvas, "progress after this step: (step + 1) / steps"),
    ("t", Var::Time, Needs::Canvas, "the time that this step goes from; 1 is all noise"),
    ("s", Var::NextTime, Needs::Canvas, "the time that this step goes to"),
    ("alpha_t", Var::Alpha, Needs::Canvas, "the share of positions that are clean at t"),
    ("alpha_s", Var::NextAlpha, Needs::Canvas, "the share of positions that are clean at s"),
    ("unmask", Var::Unmask, Needs::Canvas, "the ancestral chance (alpha_s - alpha_t) / (1 - alpha_t)"),
    ("equal", Var::Equal, Needs::Canvas, "the masks split equally over the steps left (LLaDA)"),
    ("dream", Var::Dream, Needs::Canvas, "int(masks (1 - s / t)), as Dream counts"),
    ("rounded", Var::Rounded, Needs::Canvas, "round(masks (1 - s / t)) on the grid from 1 to 0, as dllm counts"),
    ("m", Var::Masks, Needs::Canvas, "masks in the window"),
    ("n", Var::Candidates, Needs::Canvas, "positions that the rule looks at"),
    ("size", Var::Size, Needs::Canvas, "masks in the window when it was entered"),
    ("post", Var::Post, Needs::Canvas, "steps made since nothing was masked in the window; 0 before"),
    ("passes", Var::Passes, Needs::Canvas, "passes of the network made"),
    ("grown", Var::Grown, Needs::Canvas, "masks that rules have put in"),
    ("vocab", Var::Vocabulary, Needs::Canvas, "tokens that may be proposed"),
    ("acted", Var::Acted, Needs::Rules, "positions that earlier rules of this step acted on"),
    ("settled", Var::Settled, Needs::Canvas, "1 once the frontier has settled (SlowFast)"),
    ("stable", Var::Stable, Needs::Canvas, "steps for which no best guess has changed"),
    ("pos", Var::Position, Needs::Canvas, "the position's place in its hole, from 0"),
    ("hole", Var::Hole, Needs::Canvas, "the number of the position's hole, from 0"),
    ("holes", Var::Holes, Needs::Canvas, "how many holes there are"),
    ("level", Var::Level, Needs::Canvas, "the share of the position's hole that is masked"),
    ("masked", Var::Masked, Needs::Canvas, "1 where the position is masked"),
    ("taken", Var::Taken, Needs::Rules, "1 where an earlier rule of this step acted"),
    ("past_end", Var::PastEnd, Needs::Rules, "1 where a token that ends the text stands, or was just proposed, before"),
    ("kept", Var::Kept, Needs::Canvas, "how likely the token in place was when it was written; 1 for the text's own"),
    ("age", Var::Age, Needs::Canvas, "steps since the token in place was written"),
    ("remasks", Var::Remasks, Needs::Canvas, "how often the position has been masked again"),
    ("conf", Var::Conf, Needs::Row, "the probability of the proposed token"),
    ("margin", Var::Margin, Needs::Row, "the best token's probability less the second's"),
    ("entropy", Var::Entropy, Needs::Row, "the entropy of the position, in nats"),
    ("current", Var::Current, Needs::Row, "the probability of the token in place; of the proposed one where none is"),
    ("rival", Var::Rival, Needs::Row, "the largest probability of a token other than the one in place"),
    ("gap", Var::Gap, Needs::Row, "the best token's logit less the second's"),
    ("differs", Var::Differs, Needs::Row, "1 where the proposed token is not the one in place"),
    ("freq", Var::Frequency, Needs::Row, "how frequent the proposed token is in the text around, smoothed"),
    ("drift", Var::Drift, Needs::Row, "divergence from the step before, in nats; infinite at first"),
    ("drift2", Var::Drift2, Needs::Row, "the larger of the last two drifts"),
    ("independent", Var::Independent, Needs::Row, "1 where probing found the position independent of surer ones"),
    ("uniform", Var::Uniform, Needs::Canvas, "a random number between 0 and 1"),
    ("gumbel", Var::Gumbel, Needs::Canvas, "a random number of the standard Gumbel distribution"),
];

/// Functions and operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as in any language; FUNCTIONS lists those that are written as calls")]
pub enum Func {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Neg,
    Less,
    AtMost,
    Equals,
    And,
    Or,
    Not,
    Min,
    Max,
    Clamp,
    If,
    Exp,
    Ln,
    Sqrt,
    Cos,
    Sin,
    Floor,
    Ceil,
    Round,
    Mod,
    /// Rounded to f32, where a reference computes so and rounds down after.
    Single,
    /// The share of known tokens around a position, weighted by a Gaussian kernel of this width.
    Density,
}

/// Functions that are written as calls.
pub const FUNCTIONS: &[(&str, Func)] = &[
    ("min", Func::Min),
    ("max", Func::Max),
    ("clamp", Func::Clamp),
    ("if", Func::If),
    ("exp", Func::Exp),
    ("ln", Func::Ln),
    ("sqrt", Func::Sqrt),
    ("cos", Func::Cos),
    ("sin", Func::Sin),
    ("floor", Func::Floor),
    ("ceil", Func::Ceil),
    ("round", Func::Round),
    ("mod", Func::Mod),
    ("single", Func::Single),
    ("density", Func::Density),
];

/// What is taken over all candidates of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// The sum.
    Sum,
    /// The mean; 0 over none.
    Mean,
}

/// Folds, as they are written.
pub const FOLDS: &[(&str, Fold)] = &[("sum", Fold::Sum), ("mean", Fold::Mean)];

/// Where the words of an expression get their values.
pub trait Scope {
    /// The value of a word.
    fn var(&self, var: Var) -> f64;
    /// An expression over all candidates.
    fn fold(&self, fold: Fold, inner: &Expr) -> f64;
    /// [`Func::Density`] here.
    fn density(&self, sigma: f64) -> f64;
}

impl Func {
    /// How many arguments it takes.
    pub fn arity(self) -> usize {
        use Func::{Ceil, Clamp, Cos, Density, Exp, Floor, If, Ln, Neg, Not, Round, Sin, Single, Sqrt};
        match self {
            Neg | Not | Exp | Ln | Sqrt | Cos | Sin | Floor | Ceil | Round | Single | Density => 1,
            Clamp | If => 3,
            _ => 2,
        }
    }
}

impl Expr {
    /// Its value. NaN is no condition and compares as false.
    pub fn value(&self, scope: &dyn Scope) -> f64 {
        match self {
            Expr::Const(value) => *value,
            Expr::Var(var) => scope.var(*var),
            Expr::Fold(fold, inner) => scope.fold(*fold, inner),
            Expr::Apply(func, arguments) => {
                let at = |index: usize| arguments.get(index).map_or(f64::NAN, |argument| argument.value(scope));
                apply(*func, &at, scope)
            }
        }
    }

    /// Whether it holds.
    pub fn holds(&self, scope: &dyn Scope) -> bool {
        is_yes(self.value(scope))
    }

    /// As a count: rounded down, from 0 up; NaN is 0.
    pub fn count(&self, scope: &dyn Scope) -> usize {
        self.value(scope).max(0.0) as usize
    }

    /// What must be known to have its value.
    pub fn needs(&self) -> Needs {
        match self {
            Expr::Const(_) => Needs::Canvas,
            Expr::Var(var) => WORDS.iter().find(|word| word.1 == *var).map_or(Needs::Canvas, |&(_, _, needs, _)| needs),
            Expr::Apply(_, arguments) => arguments.iter().map(Expr::needs).max().unwrap_or(Needs::Canvas),
            Expr::Fold(_, inner) => inner.needs(),
        }
    }

    /// How many numbers, words and functions it is made of.
    pub fn size(&self) -> usize {
        1 + match self {
            Expr::Const(_) | Expr::Var(_) => 0,
            Expr::Apply(_, arguments) => arguments.iter().map(Expr::size).sum(),
            Expr::Fold(_, inner) => inner.size(),
        }
    }

    /// Whether a word stands in it.
    pub fn mentions(&self, var: Var) -> bool {
        match self {
            Expr::Const(_) => false,
            Expr::Var(own) => *own == var,
            Expr::Apply(_, arguments) => arguments.iter().any(|argument| argument.mentions(var)),
            Expr::Fold(_, inner) => inner.mentions(var),
        }
    }
}

fn is_yes(value: f64) -> bool {
    value != 0.0 && !value.is_nan()
}

/// Arguments that do not matter are not evaluated: the other branch of an `if`, the right of a decided `and`.
fn apply(func: Func, at: &dyn Fn(usize) -> f64, scope: &dyn Scope) -> f64 {
    let yes = |condition: bool| f64::from(u8::from(condition));
    match func {
        Func::Add => at(0) + at(1),
        Func::Sub => at(0) - at(1),
        Func::Mul => at(0) * at(1),
        Func::Div => at(0) / at(1),
        Func::Pow => at(0).powf(at(1)),
        Func::Neg => -at(0),
        Func::Less => yes(at(0) < at(1)),
        Func::AtMost => yes(at(0) <= at(1)),
        Func::Equals => yes(at(0) == at(1)),
        Func::And => yes(is_yes(at(0)) && is_yes(at(1))),
        Func::Or => yes(is_yes(at(0)) || is_yes(at(1))),
        Func::Not => yes(!is_yes(at(0))),
        Func::Min => at(0).min(at(1)),
        Func::Max => at(0).max(at(1)),
        Func::Clamp => at(0).min(at(2)).max(at(1)),
        Func::If => at(if is_yes(at(0)) { 1 } else { 2 }),
        Func::Exp => at(0).exp(),
        Func::Ln => at(0).ln(),
        Func::Sqrt => at(0).sqrt(),
        Func::Cos => at(0).cos(),
        Func::Sin => at(0).sin(),
        Func::Floor => at(0).floor(),
        Func::Ceil => at(0).ceil(),
        Func::Round => at(0).round_ties_even(),
        Func::Mod => at(0).rem_euclid(at(1)),
        Func::Single => f64::from(at(0) as f32),
        Func::Density => scope.density(at(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::parse::{Names, Reader};
    use super::{Expr, Fold, Needs, Scope, Var, WORDS};

    struct Toy;

    impl Scope for Toy {
        fn var(&self, var: Var) -> f64 {
            match var {
                Var::Masks => 10.0,
                Var::Conf => 0.5,
                _ => f64::NAN,
            }
        }
        fn fold(&self, fold: Fold, inner: &Expr) -> f64 {
            inner.value(self) * if fold == Fold::Sum { 4.0 } else { 1.0 }
        }
        fn density(&self, sigma: f64) -> f64 {
            sigma
        }
    }

    fn read(text: &str) -> Expr {
        let mut reader = Reader::new(text).unwrap();
        let expr = reader.expr(&Names::new(&[("threshold", 0.9)])).unwrap();
        assert!(reader.is_at_end(), "{text}");
        expr
    }

    #[track_caller]
    fn is(text: &str, expected: f64) {
        let value = read(text).value(&Toy);
        assert!((value - expected).abs() < 1e-12, "{text} is {value}");
    }

    #[test]
    fn operators_bind_as_in_mathematics() {
        is("1 + 2 * 3 ^ 2 / 6 - 1", 3.0);
        is("-2 ^ 2", -4.0);
        is("(1 + 2) * 3", 9.0);
        is("2 ^ 3 ^ 2", 512.0);
        is("1 - 2 - 3", -4.0);
        is("1 < 2 and not 2 <= 1 or 0", 1.0);
        is("1e-3 * 1000", 1.0);
    }

    #[test]
    fn words_keys_functions_and_folds_have_their_values() {
        is("clamp(0.7 * m, 5, 20)", 7.0);
        is("threshold - conf", 0.4);
        is("sum(conf)", 2.0);
        is("if(m > 3, 1, 2) + if(m == 3, 1, 2)", 3.0);
        is("mod(7, 4) + round(2.5) + density(1)", 6.0);
    }

    #[test]
    fn what_is_needed_is_the_most_that_any_part_needs() {
        let needs = |text: &str| read(text).needs();
        assert_eq!(
            (needs("1 + m"), needs("acted - 1"), needs("m + mean(conf)")),
            (Needs::Canvas, Needs::Rules, Needs::Row)
        );
        assert!(read("exp(-drift)").mentions(Var::Drift) && !read("exp(-drift)").mentions(Var::Conf));
    }

    #[test]
    fn nothing_compares_with_nan_and_an_unneeded_branch_is_not_taken() {
        is("post < 1 or 1 <= post", 0.0);
        is("if(0, post, 3)", 3.0);
        assert_eq!(read("post").count(&Toy), 0);
    }

    #[test]
    fn no_word_stands_twice() {
        for (index, word) in WORDS.iter().enumerate() {
            assert!(WORDS[..index].iter().all(|other| other.0 != word.0 && other.1 != word.1), "{}", word.0);
        }
    }
}
