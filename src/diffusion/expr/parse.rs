//! Reading expressions, and the words and marks that a sampler's notation is made of.
//!
//! A [`Reader`] walks over the words of a text; [`Reader::expr`] reads as much as is one expression and stops, so that
//! the notation of rules can go on after it. Precedence, loosest first: `or`, `and`, `not`, comparison, `+ -`, `* /`,
//! unary `-`, `^`, and `25%` for a quarter of the candidates. Unit: bytes of the text. Limits: [`DEEPEST`] and [`LONGEST`], so that no text
//! from a file can exhaust the stack.

use crate::diffusion::expr::{Expr, FOLDS, FUNCTIONS, Func, Var, WORDS};

/// How deep parentheses may be nested.
pub const DEEPEST: usize = 32;
/// How many bytes a text may have.
pub const LONGEST: usize = 8192;
/// How many words one defined name may stand for: names in names multiply.
const LARGEST: usize = 256;

/// What is wrong with a text, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}, at `{near}`")]
pub struct NotationError {
    /// Byte offset into the text.
    pub at: usize,
    /// What stands there.
    pub near: String,
    /// What is wrong.
    pub message: String,
}

/// Names that stand for expressions: a preset's keys, and what a text defined before.
#[derive(Debug, Clone, Default)]
pub struct Names(Vec<(String, Expr)>);

impl Names {
    /// Keys with their values.
    pub fn new(keys: &[(&str, f64)]) -> Self {
        Self(keys.iter().map(|&(name, value)| (name.replace('-', "_"), Expr::Const(value))).collect())
    }

    /// One more name, unless it stands for too much; a later one hides an earlier one.
    pub fn define(&mut self, name: &str, expr: Expr) -> Result<(), String> {
        if expr.size() > LARGEST {
            return Err(format!("`{name}` stands for more than {LARGEST} words"));
        }
        self.0.push((name.to_owned(), expr));
        Ok(())
    }

    fn find(&self, name: &str) -> Option<&Expr> {
        self.0.iter().rev().find(|(own, _)| own == name).map(|(_, expr)| expr)
    }
}

/// A word or mark of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Token<'a> {
    Number(f64),
    Word(&'a str),
    Mark(&'a str),
}

/// Walks over a text.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    text: &'a str,
    tokens: Vec<(usize, Token<'a>)>,
    next: usize,
    depth: usize,
}

const MARKS: [&str; 18] = ["<=", ">=", "==", "<", ">", "=", "+", "-", "*", "/", "^", "(", ")", ",", "%", ";", "|", ":"];

impl<'a> Reader<'a> {
    /// Splits a text into words, numbers and marks. A new line is a `;`, and `#` begins a comment.
    pub fn new(text: &'a str) -> Result<Self, NotationError> {
        let mut reader = Self { text, tokens: Vec::new(), next: 0, depth: 0 };
        if text.len() > LONGEST {
            return Err(reader.error_at(0, format!("a sampler has at most {LONGEST} bytes")));
        }
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let rest = &text[at..];
            let while_is = |keep: fn(char) -> bool| rest.find(|c| !keep(c)).unwrap_or(rest.len());
            let length = if c == '\n' {
                reader.tokens.push((at, Token::Mark(";")));
                1
            } else if c == '#' {
                while_is(|c| c != '\n')
            } else if c.is_whitespace() {
                c.len_utf8()
            } else if c.is_ascii_digit() || c == '.' {
                let length = number_length(rest);
                let value = rest[..length].parse().ok().filter(|value: &f64| value.is_finite());
                let value = value.ok_or_else(|| reader.error_at(at, "this is no number"))?;
                reader.tokens.push((at, Token::Number(value)));
                length
            } else if c.is_ascii_alphabetic() {
                let length = while_is(|c| c.is_ascii_alphanumeric() || c == '_');
                reader.tokens.push((at, Token::Word(&rest[..length])));
                length
            } else {
                let mark = MARKS.iter().find(|mark| rest.starts_with(**mark));
                let mark = mark.ok_or_else(|| reader.error_at(at, "this has no meaning"))?;
                reader.tokens.push((at, Token::Mark(mark)));
                mark.len()
            };
            at += length;
        }
        Ok(reader)
    }

    /// Whether everything was read.
    pub fn is_at_end(&self) -> bool {
        self.next >= self.tokens.len()
    }

    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.next).map(|&(_, token)| token)
    }

    /// Reads the mark if it is next.
    pub fn mark(&mut self, mark: &str) -> bool {
        let is = self.peek() == Some(Token::Mark(mark));
        self.next += usize::from(is);
        is
    }

    /// Whether the mark is next but one.
    pub fn is_followed_by(&self, mark: &str) -> bool {
        matches!(self.tokens.get(self.next + 1), Some((_, Token::Mark(own))) if *own == mark)
    }

    /// Reads this word if it is next.
    pub fn word_is(&mut self, word: &str) -> bool {
        let is = self.peek() == Some(Token::Word(word));
        self.next += usize::from(is);
        is
    }

    /// The next word, not read yet.
    pub fn peek_word(&self) -> Option<&'a str> {
        if let Some(Token::Word(word)) = self.peek() { Some(word) } else { None }
    }

    /// Reads a word.
    pub fn word(&mut self, expected: &str) -> Result<&'a str, NotationError> {
        let word = self.peek_word().ok_or_else(|| self.error(format!("{expected} should stand here")))?;
        self.next += 1;
        Ok(word)
    }

    /// Reads a word and looks it up.
    pub fn one_of<T: Copy>(&mut self, expected: &str, known: &[(&str, T)]) -> Result<T, NotationError> {
        let found = self.peek_word().and_then(|word| known.iter().find(|(name, _)| *name == word));
        let names = || known.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let &(_, value) = found.ok_or_else(|| self.error(format!("{expected} should stand here: {}", names())))?;
        self.next += 1;
        Ok(value)
    }

    /// Requires a mark.
    pub fn expect(&mut self, mark: &str) -> Result<(), NotationError> {
        if self.mark(mark) { Ok(()) } else { Err(self.error(format!("`{mark}` should stand here"))) }
    }

    /// Reads `(expression)`.
    pub fn bracketed(&mut self, names: &Names) -> Result<Expr, NotationError> {
        self.expect("(")?;
        let expr = self.expr(names)?;
        self.expect(")")?;
        Ok(expr)
    }

    /// Reads one expression.
    pub fn expr(&mut self, names: &Names) -> Result<Expr, NotationError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.error(format!("more than {DEEPEST} parentheses are nested")));
        }
        let expr = self.any(names);
        self.depth -= 1;
        expr
    }

    /// Reads an expression that is a number whatever the state of a run.
    pub fn number(&mut self, names: &Names) -> Result<f64, NotationError> {
        let at = self.next;
        let value = constant(&self.expr(names)?);
        value.ok_or_else(|| {
            self.next = at;
            self.error("this should be a number that does not change during a run")
        })
    }

    fn any(&mut self, names: &Names) -> Result<Expr, NotationError> {
        let mut left = self.all(names)?;
        while self.word_is("or") {
            left = Expr::Apply(Func::Or, vec![left, self.all(names)?]);
        }
        Ok(left)
    }

    fn all(&mut self, names: &Names) -> Result<Expr, NotationError> {
        let mut left = self.comparison(names)?;
        while self.word_is("and") {
            left = Expr::Apply(Func::And, vec![left, self.comparison(names)?]);
        }
        Ok(left)
    }

    fn comparison(&mut self, names: &Names) -> Result<Expr, NotationError> {
        if self.word_is("not") {
            return Ok(Expr::Apply(Func::Not, vec![self.comparison(names)?]));
        }
        let left = self.sum(names)?;
        let marks = [
            ("<", Func::Less, false),
            (">", Func::Less, true),
            ("<=", Func::AtMost, false),
            (">=", Func::AtMost, true),
        ];
        for (mark, func, swapped) in marks.into_iter().chain([("==", Func::Equals, false)]) {
            if self.mark(mark) {
                let right = self.sum(names)?;
                return Ok(Expr::Apply(func, if swapped { vec![right, left] } else { vec![left, right] }));
            }
        }
        Ok(left)
    }

    fn sum(&mut self, names: &Names) -> Result<Expr, NotationError> {
        let mut left = self.product(names)?;
        loop {
            let func = if self.mark("+") {
                Func::Add
            } else if self.mark("-") {
                Func::Sub
            } else {
                return Ok(left);
            };
            left = Expr::Apply(func, vec![left, self.product(names)?]);
        }
    }

    fn product(&mut self, names: &Names) -> Result<Expr, NotationError> {
        let mut left = self.negated(names)?;
        loop {
            let func = if self.mark("*") {
                Func::Mul
            } else if self.mark("/") {
                Func::Div
            } else {
                return Ok(left);
            };
            left = Expr::Apply(func, vec![left, self.negated(names)?]);
        }
    }

    fn negated(&mut self, names: &Names) -> Result<Expr, NotationError> {
        if self.mark("-") {
            return Ok(Expr::Apply(Func::Neg, vec![self.power(names)?]));
        }
        self.power(names)
    }

    fn power(&mut self, names: &Names) -> Result<Expr, NotationError> {
        let base = self.atom(names)?;
        if self.mark("^") {
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err(self.error("there are too many powers of powers"));
            }
            let exponent = self.power(names)?;
            self.depth -= 1;
            return Ok(Expr::Apply(Func::Pow, vec![base, exponent]));
        }
        if self.mark("%") {
            let share = Expr::Apply(Func::Div, vec![base, Expr::Const(100.0)]);
            return Ok(Expr::Apply(Func::Mul, vec![share, Expr::Var(Var::Candidates)]));
        }
        Ok(base)
    }

    fn atom(&mut self, names: &Names) -> Result<Expr, NotationError> {
        match self.peek() {
            Some(Token::Number(value)) => {
                self.next += 1;
                Ok(Expr::Const(value))
            }
            Some(Token::Mark("(")) => self.bracketed(names),
            Some(Token::Word(word)) => self.named(word, names),
            _ => Err(self.error("a number, a word or a parenthesis should stand here")),
        }
    }

    fn named(&mut self, word: &str, names: &Names) -> Result<Expr, NotationError> {
        if self.is_followed_by("(") {
            if let Some(&(_, func)) = FUNCTIONS.iter().find(|(name, _)| *name == word) {
                self.next += 1;
                return self.call(word, func, names);
            }
            if let Some(&(_, fold)) = FOLDS.iter().find(|(name, _)| *name == word) {
                self.next += 1;
                return Ok(Expr::Fold(fold, Box::new(self.bracketed(names)?)));
            }
        }
        let expr = match word {
            "pi" => Some(Expr::Const(std::f64::consts::PI)),
            _ => names.find(word).cloned(),
        };
        let expr = expr.or_else(|| WORDS.iter().find(|(name, ..)| *name == word).map(|&(_, var, ..)| Expr::Var(var)));
        let expr = expr.ok_or_else(|| self.error(format!("`{word}` is no word of the notation")))?;
        self.next += 1;
        Ok(expr)
    }

    fn call(&mut self, word: &str, func: Func, names: &Names) -> Result<Expr, NotationError> {
        self.expect("(")?;
        let mut arguments = vec![self.expr(names)?];
        while self.mark(",") {
            arguments.push(self.expr(names)?);
        }
        if arguments.len() != func.arity() {
            return Err(self.error(format!("`{word}` takes {} values, not {}", func.arity(), arguments.len())));
        }
        self.expect(")")?;
        Ok(Expr::Apply(func, arguments))
    }

    /// An error at the next word.
    pub fn error(&self, message: impl Into<String>) -> NotationError {
        let at = self.tokens.get(self.next).map_or(self.text.len(), |&(at, _)| at);
        self.error_at(at, message)
    }

    fn error_at(&self, at: usize, message: impl Into<String>) -> NotationError {
        let near: String = self.text[at..].chars().take_while(|c| *c != '\n').take(24).collect();
        let near = if near.is_empty() { "the end".to_owned() } else { near };
        NotationError { at, near, message: message.into() }
    }
}

/// The length of the number that a text begins with: digits, a dot, an exponent.
fn number_length(text: &str) -> usize {
    let digits = |from: usize| text[from..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |n| from + n);
    let mut end = digits(0);
    if text[end..].starts_with('.') {
        end = digits(end + 1);
    }
    let exponent = ["e-", "e+", "e"].iter().find(|mark| text[end..].starts_with(**mark));
    match exponent.map(|mark| digits(end + mark.len()) - end - mark.len()) {
        Some(count) if count > 0 => digits(end + exponent.map_or(0, |mark| mark.len())),
        _ => end,
    }
}

/// The value of an expression that reads nothing.
fn constant(expr: &Expr) -> Option<f64> {
    struct Nothing;
    impl super::Scope for Nothing {
        fn var(&self, _: Var) -> f64 {
            f64::NAN
        }
        fn fold(&self, _: super::Fold, _: &Expr) -> f64 {
            f64::NAN
        }
        fn density(&self, _: f64) -> f64 {
            f64::NAN
        }
    }
    fn is_constant(expr: &Expr) -> bool {
        match expr {
            Expr::Const(_) => true,
            Expr::Var(_) | Expr::Fold(..) => false,
            Expr::Apply(func, arguments) => *func != Func::Density && arguments.iter().all(is_constant),
        }
    }
    is_constant(expr).then(|| expr.value(&Nothing)).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::{Names, Reader};

    fn refusal(text: &str) -> String {
        let read = Reader::new(text).and_then(|mut reader| reader.expr(&Names::default()));
        read.unwrap_err().to_string()
    }

    #[test]
    fn refusals_say_what_and_where() {
        assert_eq!(refusal("1 + nonsense"), "`nonsense` is no word of the notation, at `nonsense`");
        assert_eq!(refusal("min(1)"), "`min` takes 2 values, not 1, at `)`");
        assert_eq!(refusal("(1"), "`)` should stand here, at `the end`");
        assert_eq!(refusal("1 + §"), "this has no meaning, at `§`");
        assert_eq!(refusal("1e999"), "this is no number, at `1e999`");
    }

    #[test]
    fn deep_and_long_texts_are_refused() {
        assert!(refusal(&"(".repeat(500)).contains("nested"));
        assert!(refusal(&"2^".repeat(500)).contains("powers"));
        assert!(refusal(&"not ".repeat(500)).contains("should stand here"));
        assert!(refusal(&"1".repeat(9000)).contains("at most"));
    }
}
