//! A change to the text on its way through the one door.

use std::ops::Range;

use crate::text::change::ChangeSet;
use crate::text::history::{EditKind, Written};
use crate::text::holes::Holes;
use crate::text::selection::{Selection, Selections};

/// A change to the text with everything the history wants to know.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(super) set: ChangeSet,
    pub(super) kind: EditKind,
    pub(super) origin: Option<String>,
    pub(super) selection: Option<Selections>,
    pub(super) holes: Option<Holes>,
    pub(super) written: Vec<(Range<usize>, Written)>,
}

impl Change {
    /// A change after which selection and holes are where the change moves them.
    pub(crate) fn new(set: ChangeSet, kind: EditKind) -> Self {
        Self { set, kind, origin: None, selection: None, holes: None, written: Vec::new() }
    }

    /// The selection afterwards.
    pub(crate) fn selecting(self, selection: Selection) -> Self {
        self.selecting_all(selection.into())
    }

    /// The selections afterwards.
    pub(crate) fn selecting_all(self, selections: Selections) -> Self {
        Self { selection: Some(selections), ..self }
    }

    /// The holes afterwards, where mapping them is not what is wanted.
    pub(crate) fn with_holes(self, holes: Holes) -> Self {
        Self { holes: Some(holes), ..self }
    }

    /// Which of the text afterwards is whose.
    pub(crate) fn writing(self, written: Vec<(Range<usize>, Written)>) -> Self {
        Self { written, ..self }
    }

    /// Where the text came from.
    pub(crate) fn from(self, origin: String) -> Self {
        Self { origin: Some(origin), ..self }
    }
}
