//! The files of the current folder, for choosing one: as `.gitignore` and its like leave them, and those opened lately.

use std::path::Path;
use std::thread;

use ignore::WalkBuilder;
use tokio::sync::mpsc::UnboundedSender;

use crate::app::message::Message;
use crate::shell::remembered;
use crate::shell::session::Reply;

/// A folder with more files than this is listed in part.
const MOST: usize = 50_000;

/// Lists the files, on a thread of its own: a large folder takes its time.
pub(crate) fn start(replies: UnboundedSender<Reply>) {
    let list = move || drop(replies.send(Reply::Message(list())));
    // Without a thread there is no list, and the path can still be typed.
    let _ = thread::Builder::new().name("files".to_owned()).spawn(list);
}

/// What there is, as a message.
fn list() -> Message {
    let here = std::env::current_dir().unwrap_or_default();
    let recent: Vec<String> = remembered::recent_files().iter().map(|path| shown(path, &here)).collect();
    let others = files_in(&here).filter(|path| !recent.contains(path)).collect();
    Message::Files { recent, others }
}

fn files_in(folder: &Path) -> impl Iterator<Item = String> {
    let folder = folder.to_owned();
    let walk = WalkBuilder::new(&folder).sort_by_file_path(Ord::cmp).build();
    let files = walk.flatten().filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()));
    files.take(MOST).map(move |entry| shown(entry.path(), &folder))
}

/// A path from here where that is shorter.
fn shown(path: &Path, here: &Path) -> String {
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_ignored_or_hidden_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("b.txt", ""), ("a/c.txt", ""), ("target/x", ""), (".hidden", ""), (".ignore", "target\n")]
        {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let found: Vec<String> = files_in(folder.path()).collect();
        assert_eq!(found, ["a/c.txt", "b.txt"]);
    }
}
