//! The files of the current folder, for choosing one: as `.gitignore` and its like leave them, and those opened lately.

use std::path::Path;
use std::thread;

use ignore::WalkBuilder;
use tokio::sync::mpsc::UnboundedSender;

use crate::app::message::Message;
use crate::shell::session::Reply;
use crate::shell::{files, remembered};

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

/// So many names of a folder are looked at to complete a path.
const NAMES: usize = 1000;

/// Completes a path that is being typed, on a thread of its own: the folder may be far away.
pub(crate) fn complete(typed: String, replies: UnboundedSender<Reply>) {
    let answer = move || {
        let names = names_for(&typed);
        drop(replies.send(Reply::Message(Message::Completed { typed, names })));
    };
    let _ = thread::Builder::new().name("names".to_owned()).spawn(answer);
}

/// The names in the folder of what is typed that begin as its end does, folders with a slash; hidden ones where a dot asks.
fn names_for(typed: &str) -> Vec<String> {
    let (folder, begun) = typed.split_at(typed.rfind('/').map_or(0, |slash| slash + 1));
    let folder = if folder.is_empty() { Path::new(".").to_owned() } else { files::expand_home(Path::new(folder)) };
    let name = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let fits = name.starts_with(begun) && (begun.starts_with('.') || !name.starts_with('.'));
        let is_folder = || entry.path().is_dir();
        fits.then(|| if is_folder() { name + "/" } else { name })
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().take(NAMES);
    let mut names: Vec<String> = entries.filter_map(name).collect();
    names.sort();
    names
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

    #[test]
    fn names_are_those_that_begin_so_and_folders_have_a_slash() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("notes")).unwrap();
        for name in ["notes.txt", "other", ".note"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let names = |typed: &str| names_for(&format!("{}/{typed}", folder.path().display()));
        assert_eq!(names("not"), ["notes.txt", "notes/"]);
        assert_eq!(names("."), [".note"]);
        assert_eq!(names("").len(), 3);
        assert!(names("x").is_empty() && names("nowhere/").is_empty());
    }
}
