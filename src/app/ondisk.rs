//! The file of a document as another program left it: told, shown as differences, taken over as one undo step.
//!
//! The shell reads and compares, so that a large file holds up nobody; what comes back says of which text it speaks, and is
//! asked for again if that was edited meanwhile.

use std::path::Path;

use crate::app::App;
use crate::app::document::{Change, Document};
use crate::app::effect::Effect;
use crate::app::message::{OnDisk, Opened};
use crate::text::change::ChangeSet;
use crate::text::history::EditKind;

/// What the differences are called, as a text of the program's own; a diff by its end.
pub(crate) const TITLE: &str = "differences.diff";

/// Shows how the file differs from the document.
pub(crate) fn differ(app: &mut App) {
    look(app, false);
}

/// Makes the document's text that of the file.
pub(crate) fn take_over(app: &mut App) {
    look(app, true);
}

fn look(app: &mut App, take: bool) {
    let Some(path) = app.document.path().cloned() else {
        app.inform("The document is in no file yet; {save} saves it.");
        return;
    };
    // Who looks does not go on to what was to follow a save.
    app.outbox.after_save = None;
    app.document.break_group();
    let (document, contents) = (app.document.id(), app.document.buffer().clone());
    app.emit(Effect::LookAtDisk { document, path, contents, take });
}

/// Another program wrote this file.
pub(crate) fn changed(app: &mut App, path: &Path) {
    let name = path.display();
    app.warn(format!(
        "{name} was changed on disk by another program: {{palette}} disk-diff shows how, {{palette}} disk-read takes it over."
    ));
}

/// Another program removed this file, or gave it another name.
pub(crate) fn gone(app: &mut App, path: &Path) {
    app.warn(format!("{} is not there any more; {{save}} writes it again.", path.display()));
}

/// What the shell found, beside the document's text of this revision.
pub(crate) fn found(app: &mut App, document: u64, revision: u64, found: Result<OnDisk, String>) {
    match found {
        Err(why) => app.complain(why),
        // The document on the screen may be another by now; the differences are shown beside that.
        Ok(OnDisk::Differs(text)) => show(app, text),
        Ok(OnDisk::Same(stamp)) => {
            app.with_document(document, |app| {
                app.document.found_on_disk(stamp, revision);
                if !app.document.is_dirty() {
                    app.found_on_disk();
                }
                app.inform(format!("{} is on disk what it is here.", app.document.name()));
            });
        }
        Ok(OnDisk::Other { edits, stamp, encoding }) => {
            app.with_document(document, |app| {
                if revision != app.document.buffer().revision() {
                    take_over(app);
                    return;
                }
                let set = ChangeSet::new(app.document.buffer().len(), edits);
                let change = Change::new(set, EditKind::Other).from("what is on disk".to_owned());
                app.document.edit(change, app.outbox.now);
                app.document.set_encoding(encoding);
                app.document.found_on_disk(stamp, app.document.buffer().revision());
                app.found_on_disk();
                app.inform(format!("{} was read again; {{undo}} brings back what was here.", app.document.name()));
            });
        }
    }
}

fn show(app: &mut App, differences: String) {
    let opened = Opened { title: Some(TITLE), text: differences.into(), ..Opened::default() };
    if app.is_asking() {
        // The answer is to be about the document that is on the screen.
        app.put_behind(Document::opened(&opened));
        app.tell_of_waiting(Some(Path::new(TITLE)));
        return;
    }
    if let Some(place) = app.place_of_title(TITLE) {
        app.show_document(place);
    }
    app.put_document(Document::opened(&opened));
    app.inform("Lines with - are on disk, those with + are yours; {close} goes back.");
}
