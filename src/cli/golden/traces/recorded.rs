//! Random numbers that a reference drew, given back in its order.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use crate::cli::golden::json::{Shaped, tensors};
use crate::diffusion::canvas::Canvas;
use crate::diffusion::rng::{Draw, DrawKey, Purpose};

/// What the rows of a step's numbers stand for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// Positions of the canvas.
    Positions,
    /// Positions of the canvas' part that has as many as there are rows and holds the first mask: blocks.
    Block,
    /// Masked positions, ascending.
    Masked,
}

/// One step's numbers: a row for each position, a number for each token or one for all.
pub(super) type Step = Vec<Vec<f64>>;

/// Gives back recorded numbers; the run's own source of randomness is this.
#[derive(Clone)]
pub(super) struct Recorded(Rc<RefCell<Tape>>);

struct Tape {
    steps: Vec<Step>,
    rows: Rows,
    /// Positions to be taken first, by step.
    order: Vec<Option<usize>>,
    now: usize,
    /// The row of each position.
    row_of: BTreeMap<usize, usize>,
    /// The masked positions at the step's start.
    masked: Vec<usize>,
    first: usize,
}

impl Recorded {
    /// No numbers: for samplers that draw none.
    pub(super) fn none() -> Self {
        Self::new(Vec::new(), Rows::Positions)
    }

    pub(super) fn new(steps: Vec<Step>, rows: Rows) -> Self {
        let (row_of, masked) = (BTreeMap::new(), Vec::new());
        Self(Rc::new(RefCell::new(Tape { steps, rows, order: Vec::new(), now: 0, row_of, masked, first: 0 })))
    }

    /// One number for each row.
    pub(super) fn scalars(steps: Vec<Vec<f64>>, rows: Rows) -> Self {
        Self::new(steps.into_iter().map(|step| step.into_iter().map(|u| vec![u]).collect()).collect(), rows)
    }

    /// In ranking by chance, these come first: positions, or among masks of the block where there are blocks.
    pub(super) fn in_order(self, order: &[usize]) -> Self {
        self.0.borrow_mut().order = order.iter().copied().map(Some).collect();
        self
    }

    /// The next numbers are those of this step on this canvas.
    pub(super) fn begin(&self, step: usize, canvas: &Canvas) {
        let tape = &mut *self.0.borrow_mut();
        tape.now = step;
        tape.masked = canvas.masked().collect();
        let count = tape.steps.get(step).map_or(0, Vec::len);
        let first = tape.masked.first().copied().unwrap_or_default();
        tape.first = if tape.rows == Rows::Block { first - first % count.max(1) } else { 0 };
        tape.row_of = match tape.rows {
            Rows::Positions | Rows::Block => (tape.first..canvas.len()).enumerate().map(|(row, p)| (p, row)).collect(),
            Rows::Masked => tape.masked.iter().enumerate().map(|(row, p)| (*p, row)).collect(),
        };
    }
}

impl Draw for Recorded {
    fn uniform(&self, key: DrawKey) -> f64 {
        let tape = self.0.borrow();
        if let (Purpose::Rank(_), Some(Some(first))) = (key.purpose, tape.order.get(tape.now)) {
            let chosen = match tape.rows {
                Rows::Block => tape.masked.get(*first).copied(),
                _ => Some(*first),
            };
            return if chosen == Some(key.position) { 1.0 } else { 0.0 };
        }
        let entry = if let Purpose::Entry(token) = key.purpose { token as usize } else { 0 };
        let row = tape.row_of.get(&key.position).and_then(|row| tape.steps.get(tape.now)?.get(*row));
        row.and_then(|row| row.get(entry)).copied().unwrap_or_default()
    }
}

/// The tensors `prefix000`, `prefix001`, .. as one step's numbers each, with their shapes.
pub(super) fn steps_of(dir: &Path, prefix: &str) -> anyhow::Result<Vec<(Vec<usize>, Step)>> {
    let named = tensors(&dir.join("trace_uniforms.safetensors"), |name| {
        name.strip_prefix(prefix).is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()))
    })?;
    let step = |(shape, values): Shaped| {
        let width = if shape.len() > 1 { shape.last().copied().unwrap_or(1) } else { 1 };
        (shape, values.chunks(width.max(1)).map(<[f64]>::to_vec).collect())
    };
    Ok(named.into_values().map(step).collect())
}

/// The steps of a tensor (steps, positions, tokens).
pub(super) fn steps_in(dir: &Path, name: &str) -> anyhow::Result<Vec<Step>> {
    let named = tensors(&dir.join("trace_uniforms.safetensors"), |other| other == name)?;
    let Some((shape, values)) = named.into_values().next() else { anyhow::bail!("there are no recorded {name}") };
    let [_, positions, tokens] = shape[..] else { anyhow::bail!("{name} is not (steps, positions, tokens)") };
    let step = |step: &[f64]| step.chunks(tokens.max(1)).map(<[f64]>::to_vec).collect();
    Ok(values.chunks((positions * tokens).max(1)).map(step).collect())
}

#[cfg(test)]
mod tests {
    use super::{Recorded, Rows};
    use crate::diffusion::canvas::Canvas;
    use crate::diffusion::rng::{Draw, DrawKey, Purpose};

    fn key(purpose: Purpose, position: usize) -> DrawKey {
        DrawKey { purpose, step: 0, position, index: 0 }
    }

    #[test]
    fn numbers_are_found_by_what_their_rows_stand_for() {
        let canvas = Canvas::from_ids(&[1, 2, 9, 9], 9);
        let steps = vec![vec![vec![0.1, 0.2], vec![0.3, 0.4]]];
        for (rows, expected) in [(Rows::Masked, [0.2, 0.4]), (Rows::Block, [0.2, 0.4]), (Rows::Positions, [0.0, 0.0])] {
            let recorded = Recorded::new(steps.clone(), rows);
            recorded.begin(0, &canvas);
            assert_eq!([2, 3].map(|p| recorded.uniform(key(Purpose::Entry(1), p))), expected);
        }
        let ordered = Recorded::none().in_order(&[3, 2]);
        ordered.begin(0, &canvas);
        assert_eq!([2, 3].map(|p| ordered.uniform(key(Purpose::Rank(0), p))), [0.0, 1.0]);
    }
}
