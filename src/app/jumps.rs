//! Where the caret was before it went far away: back and forth through such places, over all documents.

use crate::app::App;
use crate::app::panel::{Asked, Panel, Prompt};
use crate::text::change::{Bias, ChangeSet};
use crate::text::selection::Selection;

/// Going over so many lines or more at once is a jump.
const FAR: usize = 12;

/// So many places are remembered.
const MOST: usize = 100;

/// A place: which document, and where in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    document: u64,
    pos: usize,
    line: usize,
    revision: u64,
}

/// The places.
#[derive(Debug, Default)]
pub(crate) struct Jumps {
    list: Vec<Place>,
    /// How many of them lie behind.
    at: usize,
    /// The caret is being moved along the list, which is no jump.
    walking: bool,
}

impl Jumps {
    pub(crate) fn map(&mut self, document: u64, change: &ChangeSet) {
        for place in self.list.iter_mut().filter(|place| place.document == document) {
            place.pos = change.map(place.pos, Bias::Left);
        }
    }

    fn remember(&mut self, place: Place) {
        self.list.truncate(self.at);
        self.list.retain(|known| (known.document, known.line) != (place.document, place.line));
        self.list.push(place);
        if self.list.len() > MOST {
            self.list.remove(0);
        }
        self.at = self.list.len();
    }
}

impl App {
    /// Where the caret is.
    pub(crate) fn place(&self) -> Place {
        self.place_at(self.document.caret())
    }

    /// Where the caret is, or was before the search that is being typed.
    pub(crate) fn settled_place(&self) -> Place {
        match &self.panel {
            Panel::Prompt(Prompt { asked: Asked::Find { before, .. }, .. }) => self.place_at(before.head),
            _ => self.place(),
        }
    }

    fn place_at(&self, pos: usize) -> Place {
        let buffer = self.document.buffer();
        Place { document: self.document.id(), pos, line: buffer.line_of(pos), revision: buffer.revision() }
    }

    /// Remembers where the caret was, if it has gone far from there.
    pub(crate) fn note_jump(&mut self, before: Place) {
        let now = self.settled_place();
        let far =
            now.document != before.document || now.revision == before.revision && now.line.abs_diff(before.line) >= FAR;
        if far && !std::mem::take(&mut self.jumps.walking) {
            self.jumps.remember(before);
        }
        self.jumps.walking = false;
    }
}

pub(crate) fn back(app: &mut App) {
    let here = app.place();
    if app.jumps.at == app.jumps.list.len() {
        // So that forth leads here again.
        app.jumps.remember(here);
        app.jumps.at -= 1;
    }
    walk(app, -1);
}

pub(crate) fn forth(app: &mut App) {
    walk(app, 1);
}

/// Goes along the list to the next place whose document is still open.
fn walk(app: &mut App, by: isize) {
    let mut at = app.jumps.at as isize + by;
    while let Some(&Place { document, pos, .. }) = usize::try_from(at).ok().and_then(|at| app.jumps.list.get(at)) {
        app.jumps.at = at as usize;
        if let Some(place) = app.place_of(document) {
            app.jumps.walking = true;
            app.show_document(place);
            app.view.caret_cell = None;
            app.document.break_group();
            app.document.select(Selection::caret(pos.min(app.document.buffer().len())));
            return;
        }
        at += by;
    }
    app.inform("There is no further place.");
}
