//! What the program remembers from one start to the next, in files of the state folder: the model that was chosen last, and
//! the files that were opened.

use std::path::{Path, PathBuf};

use crate::engine::config::state_file;

/// A longer name is none.
const LONGEST: usize = 400;

/// So many files are remembered.
const MOST_FILES: usize = 50;

/// The files opened last that are still there, the last one first.
pub(crate) fn recent_files() -> Vec<PathBuf> {
    let text = state_file("recent").and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
    text.lines().map(PathBuf::from).filter(|path| path.is_file()).collect()
}

/// Remembers a file that was opened. Where that cannot be, it is not in the list.
pub(crate) fn remember_file(path: &Path) {
    let (Some(file), Ok(path)) = (state_file("recent"), std::path::absolute(path)) else { return };
    let Some(name) = path.to_str().filter(|name| !name.contains('\n')) else { return };
    let others = recent_files().into_iter().filter(|known| *known != path).take(MOST_FILES - 1);
    let lines: Vec<String> = others.map(|path| path.display().to_string()).collect();
    let _ = write(&file, &[&[name.to_owned()], lines.as_slice()].concat().join("\n"));
}

/// The model chosen last, if one was.
pub fn model() -> Option<String> {
    read(&state_file("model")?)
}

fn read(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let name = text.trim();
    (!name.is_empty() && name.len() <= LONGEST && !name.contains(char::is_control)).then(|| name.to_owned())
}

/// Remembers the model chosen last. The error is a sentence.
pub(crate) fn remember_model(name: &str) -> Result<(), String> {
    let file =
        state_file("model").ok_or("The choice of the model is not remembered: there is no home folder; set HOME.")?;
    write(&file, name)
        .map_err(|error| format!("The choice of the model is not remembered: {} ({error}).", file.display()))
}

fn write(file: &Path, name: &str) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut new, format!("{name}\n").as_bytes())?;
    new.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_last_is_read_and_rubbish_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state/model");
        assert_eq!(read(&file), None);
        write(&file, "one").unwrap();
        write(&file, "owner/two").unwrap();
        assert_eq!(read(&file).as_deref(), Some("owner/two"));
        for rubbish in ["", " \n", "a\nb", &"x".repeat(500)] {
            std::fs::write(&file, rubbish).unwrap();
            assert_eq!(read(&file), None);
        }
    }
}
