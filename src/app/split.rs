//! Two windows: beside the document that has the keys another one is to be seen, or another place of the same.
//!
//! One window has the keys, and all commands are about its document, which is the one "on the screen" to the rest of the
//! program. Of the other it is remembered only which document it shows. Where that is another document, it waits with a
//! window of its own like all that wait; where it is the same, its place and selections are the [`Twin`]. Every way of
//! changing documents ends in [`App::settle_split`], which puts this into order again.

use crate::app::App;
use crate::app::document::Document;
use crate::app::highlight::Highlights;
use crate::app::layout::moves::Walker;
use crate::app::message::Mouse;
use crate::app::view::View;
use crate::text::buffer::Buffer;
use crate::text::change::ChangeSet;
use crate::text::selection::Selections;

/// The window that has not the keys.
#[derive(Debug)]
pub(crate) struct Split {
    /// The document in it.
    pub(crate) document: u64,
    /// What it shows of the document that has the keys; none where it shows another.
    pub(crate) twin: Option<Twin>,
    pub(crate) highlights: Highlights,
    /// It is the left or the upper one.
    second_has_keys: bool,
}

/// A second place in the document that has the keys.
#[derive(Debug)]
pub(crate) struct Twin {
    pub(crate) view: View,
    pub(crate) selections: Selections,
}

impl Split {
    /// Follows an edit of the document that has the keys; `buffer` is the text after it.
    pub(crate) fn map(&mut self, change: &ChangeSet, buffer: &Buffer) {
        if let Some(twin) = &mut self.twin {
            twin.view.map(change);
            twin.selections = twin.selections.map(change);
            self.highlights.map(change, buffer);
        }
    }

    /// The document has become another, as one that is read again does.
    pub(crate) fn follow(&mut self, old: u64, new: u64) {
        if self.document == old {
            (self.document, self.twin) = (new, None);
        }
    }
}

impl App {
    /// The document in the window without the keys, and whether the window that has them is the right or the lower one.
    pub(crate) fn document_beside(&self) -> Option<(&Document, bool)> {
        let split = self.split.as_ref()?;
        Some((self.shown_in(split)?.0, split.second_has_keys))
    }

    /// The document in a window without the keys, and what part of it.
    pub(crate) fn shown_in<'s>(&'s self, split: &'s Split) -> Option<(&'s Document, &'s View)> {
        match &split.twin {
            Some(twin) => Some((&self.document, &twin.view)),
            None => self.parked(split.document).map(|parked| (&parked.document, &parked.view)),
        }
    }

    /// Puts the other window into agreement with the documents that there are.
    pub(crate) fn settle_split(&mut self) {
        let Some(document) = self.split.as_ref().map(|split| split.document) else { return };
        if self.place_of(document).is_none() {
            self.split = None;
            return;
        }
        let Some(split) = &mut self.split else { return };
        if document == self.document.id() {
            let (view, selections) = (&self.view, self.document.selections());
            split.twin.get_or_insert_with(|| Twin { view: view.clone(), selections: selections.clone() });
        } else if let Some(twin) = split.twin.take() {
            self.with_document(document, |app| {
                app.view.top = twin.view.top;
                app.document.select_all(&twin.selections);
            });
        }
    }

    /// Gives the keys to the window at this place of the screen; true if it had not got them.
    pub(crate) fn take_keys_to(&mut self, mouse: Mouse) -> bool {
        let there = self.other_pane().is_some_and(|pane| pane.window.holds(mouse.column, mouse.row));
        if there {
            other(self);
        }
        there
    }

    /// Scrolls the other window, if the mouse is over it; false if not.
    pub(crate) fn scroll_other(&mut self, mouse: Mouse, rows: usize, step: fn(&mut Walker<'_>) -> bool) -> bool {
        let Some(pane) = self.other_pane().filter(|pane| pane.window.holds(mouse.column, mouse.row)) else {
            return false;
        };
        let mut walker = Walker::new(pane, pane.view.top);
        for _ in 0..rows {
            step(&mut walker);
        }
        let top = walker.top();
        match self.split.as_mut() {
            Some(Split { twin: Some(twin), .. }) => twin.view.top = top,
            Some(Split { document, .. }) => {
                let document = *document;
                self.with_document(document, |app| app.view.top = top);
            }
            None => {}
        }
        true
    }
}

/// Shows two windows, or one again: that which has the keys.
pub(crate) fn toggle(app: &mut App) {
    if app.split.take().is_some() {
        return;
    }
    let document = app.document.id();
    let highlights = Highlights::default();
    app.split = Some(Split { document, twin: None, highlights, second_has_keys: true });
    app.settle_split();
    if app.other_pane().is_none() {
        app.split = None;
        app.warn("There is no room for two windows here.");
    }
}

/// Gives the keys to the other window.
pub(crate) fn other(app: &mut App) {
    let Some(mut split) = app.split.take() else {
        app.inform("There is one window; {split} shows two.");
        return;
    };
    let here = app.document.id();
    std::mem::swap(&mut app.highlights, &mut split.highlights);
    split.second_has_keys = !split.second_has_keys;
    if let Some(twin) = &mut split.twin {
        let (width, height) = app.view.size();
        (twin.view.width, twin.view.height) = (width, height);
        std::mem::swap(&mut app.view, &mut twin.view);
        let selections = std::mem::replace(&mut twin.selections, app.document.selections().clone());
        app.document.break_group();
        app.document.select_all(&selections);
    } else if let Some(place) = app.place_of(split.document) {
        let highlights = std::mem::take(&mut app.highlights);
        app.show_document(place);
        app.highlights = highlights;
        split.document = here;
    }
    app.split = Some(split);
}
