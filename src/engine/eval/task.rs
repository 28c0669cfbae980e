//! HumanEval-Infilling (Bavarian et al. 2022, 2207.14255): a part of a Python function is missing, and a fill is right when
//! the function's tests pass. Here the tasks are read and the programs put together; running them is for whoever may.

use serde::Deserialize;

use super::Sample;

/// One task, as a line of the benchmark's files has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Task {
    /// Its name.
    pub task_id: String,
    /// The function that the tests call.
    pub entry_point: String,
    /// Code before the hole.
    pub prompt: String,
    /// Code after it.
    pub suffix: String,
    /// What stood there.
    pub canonical_solution: String,
    /// Code that defines `check`.
    pub test: String,
}

/// Reads a file of tasks, one JSON object a line.
///
/// # Errors
/// A sentence that names the line.
pub fn tasks(text: &str) -> Result<Vec<Task>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let read = |(at, line)| serde_json::from_str(line).map_err(|error| format!("line {}: {error}", at + 1));
    lines.map(read).collect()
}

/// So many of them, evenly spread over the file: neighbours are holes in the same function.
pub fn spread<T>(all: Vec<T>, count: usize) -> Vec<T> {
    let whole = all.len();
    let is_taken = |at: usize| at * count / whole != (at + 1) * count / whole;
    all.into_iter().enumerate().filter(|(at, _)| count >= whole || is_taken(*at)).map(|(_, item)| item).collect()
}

impl Task {
    /// The hole to fill. The line break at the end of a missing line is given: people mark a line, not its end.
    pub fn sample(&self) -> Sample {
        let hole = self.canonical_solution.strip_suffix('\n').unwrap_or(&self.canonical_solution);
        let end = &self.canonical_solution[hole.len()..];
        Sample {
            domain: "humaneval".into(),
            before: self.prompt.clone(),
            hole: hole.to_owned(),
            after: format!("{end}{}", self.suffix),
            tokens: 0,
        }
    }

    /// The program that tests a fill: it ends well if the fill is right.
    pub fn program(&self, fill: &str) -> String {
        let Sample { before, after, .. } = self.sample();
        format!("{before}{fill}{after}\n{}\ncheck({})\n", self.test, self.entry_point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"task_id": "T/0", "entry_point": "one", "prompt": "def one():\n", "suffix": "", "canonical_solution": "    return 1\n", "test": "def check(f):\n    assert f() == 1\n"}"#;

    #[test]
    fn a_line_is_a_hole_and_its_break_is_given() {
        let [task] = &tasks(&format!("{LINE}\n\n")).unwrap()[..] else { panic!() };
        let sample = task.sample();
        assert_eq!((&*sample.before, &*sample.hole, &*sample.after), ("def one():\n", "    return 1", "\n"));
        assert_eq!(
            task.program("    pass"),
            "def one():\n    pass\n\ndef check(f):\n    assert f() == 1\n\ncheck(one)\n"
        );
        assert!(tasks("{}").unwrap_err().starts_with("line 1: missing field"));
    }

    #[test]
    fn some_are_spread_over_all() {
        assert_eq!(spread((0..10).collect(), 3), [3, 6, 9]);
        assert_eq!(spread(vec![1, 2], 5), [1, 2]);
        assert_eq!(spread((0..1033).collect::<Vec<_>>(), 200).len(), 200);
        assert!(spread(Vec::<u8>::new(), 5).is_empty());
    }
}
