//! What is demanded of holes, as it is typed and told, and what of it they meet.

use crate::app::App;
use crate::app::commands::hole;
use crate::app::document::Document;
use crate::app::status::count;
use crate::engine::protocol::{Constraint, Frame, HoleId, contradiction, language_named, languages, listed, pieces};
use crate::text::holes::{Hole, HoleLength};

/// Demands as they are typed: `3-40; /[a-z]+/; max-lines 1`. The error is a sentence that says what was expected.
pub(crate) fn parse(typed: &str, document: &Document) -> Result<(HoleLength, Vec<Constraint>), String> {
    let (mut length, mut demands) = (HoleLength::Auto, Vec::new());
    for piece in pieces(typed) {
        if piece.starts_with(|c: char| c.is_ascii_digit()) || piece.eq_ignore_ascii_case("auto") {
            let read = hole::parse_length(piece);
            length = read.ok_or("A length is auto, a number of tokens such as 12, or a range such as 3-40.")?;
            continue;
        }
        demands.push(match piece.parse()? {
            Constraint::Parses(language) => Constraint::Parses(known_language(&language, document)?),
            demand => demand,
        });
    }
    contradiction(&demands).map_or(Ok((length, demands)), Err)
}

/// The language of that name, or for `auto` that of the document's file.
fn known_language(name: &str, document: &Document) -> Result<String, String> {
    let file = document.path().map(|path| path.to_string_lossy()).unwrap_or_default();
    let known = language_named(name, &file);
    let all = || languages().collect::<Vec<_>>().join(", ");
    known.map(str::to_owned).ok_or_else(|| format!("must-parse takes one of {}, or auto in a file of one.", all()))
}

/// The demands of a hole as they are typed.
pub(crate) fn written(hole: &Hole, document: &Document) -> String {
    let length = (hole.length != HoleLength::Auto).then(|| hole::in_words(hole.length));
    let demands = Some(listed(document.demands(hole.id))).filter(|demands| !demands.is_empty());
    length.into_iter().chain(demands).collect::<Vec<_>>().join("; ")
}

/// The demands of a hole in words; nothing where there are none.
pub(crate) fn told(hole: &Hole, document: &Document) -> Option<String> {
    let length = match hole.length {
        HoleLength::Auto => None,
        HoleLength::Fixed(n) => Some(count(n, "token")),
        HoleLength::Range(least, most) => Some(format!("{least}-{most} tokens")),
    };
    let demands = Some(listed(document.demands(hole.id))).filter(|demands| !demands.is_empty());
    let all: Vec<String> = length.into_iter().chain(demands).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// The demands that are not met, of one hole or of several.
pub(crate) fn unmet(document: &Document, unmet: &[(HoleId, String)], holes: usize) -> Option<String> {
    let place = |id: HoleId| document.holes().iter().position(|hole| hole.id == id.0).unwrap_or_default() + 1;
    let said = |(id, what): &(HoleId, String)| {
        if holes > 1 { format!("{what} (hole {})", place(*id)) } else { what.clone() }
    };
    (!unmet.is_empty()).then(|| unmet.iter().map(said).collect::<Vec<_>>().join(", "))
}

/// What is to be said of a finished run; nothing where nothing was demanded of its holes.
pub(crate) fn report(document: &Document, frame: &Frame) -> Option<String> {
    if frame.holes.iter().all(|hole| document.demands(hole.id.0).is_empty()) {
        return None;
    }
    Some(match unmet(document, &frame.unmet, frame.holes.len()) {
        Some(unmet) => format!("Not met: {unmet}; {{run-again}} tries another seed."),
        None => "Every demand is met.".into(),
    })
}

impl App {
    /// A length that the holes have already is no step to undo.
    pub(crate) fn set_length(&mut self, holes: &[u64], length: HoleLength) {
        if holes.iter().any(|id| self.document.holes().get(*id).is_some_and(|hole| hole.length != length)) {
            self.document.edit_holes(self.outbox.now, |all| holes.iter().for_each(|id| all.set_length(*id, length)));
        }
    }

    /// `3-40; max-lines 1; balanced`, or nothing.
    pub(crate) fn take_demands(&mut self, holes: &[u64], typed: &str) -> Result<(), String> {
        let (length, demands) = parse(typed, &self.document)?;
        let is_new = |id: &u64| {
            let hole = self.document.holes().get(*id);
            hole.is_some_and(|hole| hole.length != length || self.document.demands(*id) != demands)
        };
        if holes.iter().any(is_new) {
            let asked = self.document.number_demands(demands);
            self.document.edit_holes(self.outbox.now, |all| {
                for id in holes {
                    all.set_length(*id, length);
                    all.set_asked(*id, asked);
                }
            });
        }
        Ok(())
    }
}
