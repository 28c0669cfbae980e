//! What was demanded of holes, and what of it they meet, in words.

use crate::app::document::Document;
use crate::engine::protocol::{Frame, HoleId};

/// What is to be said of a finished run; nothing where nothing was demanded of its holes.
pub(crate) fn report(document: &Document, frame: &Frame) -> Option<String> {
    if frame.holes.iter().all(|hole| document.demands(hole.id.0).is_empty()) {
        return None;
    }
    let place = |id: HoleId| document.holes().iter().position(|hole| hole.id == id.0).unwrap_or_default() + 1;
    let many = frame.holes.len() > 1;
    let said =
        |(id, what): &(HoleId, String)| if many { format!("{what} (hole {})", place(*id)) } else { what.clone() };
    let unmet: Vec<String> = frame.unmet.iter().map(said).collect();
    if unmet.is_empty() {
        return Some("Every demand is met.".into());
    }
    Some(format!("Not met: {}; {{run-again}} tries another seed.", unmet.join(", ")))
}
