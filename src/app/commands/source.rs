//! Commands about text that a model wrote: where it is from, and taking it back.

use std::collections::BTreeSet;
use std::path::Path;

use crate::app::App;
use crate::app::sources::sidecar::EXTENSION;
use crate::app::sources::{Known, Sources};
use crate::app::status::count;

/// Says where the text at the caret is from.
pub(crate) fn why(app: &mut App) {
    if app.view.caret_cell.is_some() {
        app.inform("This is not in your text yet; {inspect} shows what the model thought of it.");
        return;
    }
    let said = here(app).map(|known| {
        let made = known.made.told();
        let (first, rest) = made.split_at(made.chars().next().map_or(0, char::len_utf8));
        let before = match known.before {
            "" => "nothing stood there before".to_owned(),
            before => format!("{} stood there before", shortened(before)),
        };
        let edited = if known.edited { "; you edited it since" } else { "" };
        let whole = app.document.sources().of_run(known.run).filter(|known| !known.edited);
        let back = match whole.map(|known| known.source).collect::<BTreeSet<u64>>().len() {
            0 => String::new(),
            n => format!(" {{take-back}} takes this run back ({}).", count(n, "place")),
        };
        format!("{}{rest}; {before}{edited}.{back}", first.to_uppercase())
    });
    app.inform(said.unwrap_or_else(|| "No model wrote this, as far as is known.".to_owned()));
}

/// Takes back what the run wrote that the text at the caret is from.
pub(crate) fn take_back(app: &mut App) {
    if app.infill.session().is_some() {
        app.inform("Accept or drop the run first.");
        return;
    }
    match here(app).map(|known| known.run) {
        Some(run) => app.take_back(run),
        None => app.inform("Put the caret into text that a model wrote; {why} says which is."),
    }
}

/// The shell found a file that says where the document's text is from, or could not read it.
pub(crate) fn found(app: &mut App, path: &Path, found: Result<String, String>) {
    if !app.document.sources().is_new() {
        return;
    }
    let read = found.and_then(|json| {
        let name = format!("{}{EXTENSION}", path.display());
        Sources::of_json(&json, app.document.buffer()).map_err(|why| format!("{name} is not used: it {why}."))
    });
    match read {
        Ok(sources) => *app.document.sources_mut() = sources,
        Err(why) => app.warn(why),
    }
    app.document.sources_mut().note_file();
}

fn here(app: &App) -> Option<Known<'_>> {
    app.document.sources().first_in(app.document.selection().range())
}

/// A text in quotes, and not too long.
fn shortened(text: &str) -> String {
    const MOST: usize = 40;
    let start: String = text.chars().take(MOST).collect();
    let more = if start.len() < text.len() { "…" } else { "" };
    format!("{start:?}{more}")
}
