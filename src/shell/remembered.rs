//! What the program remembers from one start to the next: the model that was chosen last, a line in a file of the state
//! folder.

use std::path::{Path, PathBuf};

use directories::ProjectDirs;

/// A longer name is none.
const LONGEST: usize = 400;

fn file() -> Option<PathBuf> {
    let user = ProjectDirs::from("", "", "lacuna")?;
    Some(user.state_dir().unwrap_or(user.data_local_dir()).join("model"))
}

/// The model chosen last, if one was.
pub fn model() -> Option<String> {
    read(&file()?)
}

fn read(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let name = text.trim();
    (!name.is_empty() && name.len() <= LONGEST && !name.contains(char::is_control)).then(|| name.to_owned())
}

/// Remembers the model chosen last. The error is a sentence.
pub(crate) fn remember_model(name: &str) -> Result<(), String> {
    let file = file().ok_or("The choice of the model is not remembered: there is no home folder; set HOME.")?;
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
