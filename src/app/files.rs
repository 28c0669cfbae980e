//! Finding a file by a few letters of its path: what there is, and what fits best.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use crate::app::App;
use crate::app::commands::file;
use crate::app::effect::Effect;
use crate::app::input::Input;
use crate::app::panel::{Asked, Panel, Prompt};

/// So many of those that fit are listed.
const MOST: usize = 200;

/// The files of the folder, and those that fit what was typed.
#[derive(Debug, Default)]
pub struct Files {
    /// Paths as they are shown and opened; the ones opened last come first.
    all: Vec<String>,
    /// How many of them were opened lately.
    recent: usize,
    /// Those that fit, best first.
    fitting: Vec<usize>,
    /// They were asked for and the list opens when they come.
    wanted: bool,
    /// What the end of a path that is being typed can become, and the path.
    names: (String, Vec<String>),
}

impl Files {
    /// The files that fit what was typed, best first, each with a word about it.
    pub fn fitting(&self) -> Vec<(&str, &'static str)> {
        let word = |at: usize| if at < self.recent { "recent" } else { "" };
        self.fitting.iter().map(|&at| (self.all[at].as_str(), word(at))).collect()
    }

    /// What the end of this path can become, as far as it was asked for: nothing where it is only one thing.
    pub fn names(&self, typed: &str) -> &[String] {
        if self.names.0 == typed && self.names.1.len() > 1 { &self.names.1 } else { &[] }
    }

    /// Finds what fits. Without a word typed, all do, in their order.
    fn rank(&mut self, typed: &str) {
        let pattern = Pattern::parse(typed.trim(), CaseMatching::Smart, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT.match_paths());
        let mut letters = Vec::new();
        let score = |(at, path): (usize, &String)| {
            let score = pattern.score(Utf32Str::new(path, &mut letters), &mut matcher)?;
            Some((std::cmp::Reverse(score), at))
        };
        let mut found: Vec<_> = self.all.iter().enumerate().filter_map(score).collect();
        found.sort_unstable();
        self.fitting = found.into_iter().take(MOST).map(|(_, at)| at).collect();
    }
}

/// Asks the shell for the files.
pub(crate) fn ask(app: &mut App) {
    app.files.wanted = true;
    app.inform("Looking for files.");
    app.emit(Effect::ListFiles);
}

impl App {
    /// The files come.
    pub(crate) fn take_files(&mut self, recent: Vec<String>, others: Vec<String>) {
        if !std::mem::take(&mut self.files.wanted) || !matches!(self.panel, Panel::None) {
            return;
        }
        self.files.recent = recent.len();
        self.files.all = recent;
        self.files.all.extend(others);
        if self.files.all.is_empty() {
            self.inform("There is no file in this folder.");
            return;
        }
        self.notice = None;
        self.files.rank("");
        self.panel = Panel::Prompt(Prompt::new(Asked::File { selected: 0 }, ""));
    }

    /// Asks what the path that is typed can become.
    pub(crate) fn ask_for_names(&mut self) {
        if let Panel::Prompt(prompt) = &self.panel {
            let typed = prompt.input.text().to_owned();
            self.emit(Effect::Complete(typed));
        }
    }

    /// Completes the path as far as all names go together; what has been typed since is not touched.
    pub(crate) fn take_names(&mut self, typed: &str, names: Vec<String>) {
        let Panel::Prompt(prompt) = &mut self.panel else { return };
        if !matches!(prompt.asked, Asked::Open | Asked::SaveAs) || prompt.input.text() != typed {
            return;
        }
        let Some(common) = common(&names) else {
            prompt.complaint = Some("There is nothing whose name begins so.".to_owned());
            return;
        };
        let folder = &typed[..typed.rfind('/').map_or(0, |slash| slash + 1)];
        let path = format!("{folder}{common}");
        prompt.input = Input::new(path.clone());
        self.files.names = (path, names);
    }

    /// Other letters are typed.
    pub(crate) fn rank_files(&mut self, typed: &str) {
        self.files.rank(typed);
    }

    /// Opens the file that was chosen.
    pub(crate) fn take_file(&mut self, selected: usize) -> Option<&'static str> {
        let chosen = self.files.fitting.get(selected).map(|&at| self.files.all[at].clone());
        match chosen {
            Some(path) => {
                file::open_path(self, path.into());
                None
            }
            None => Some("No file fits; esc leaves."),
        }
    }
}

/// What all names begin with; none where there is no name.
fn common(names: &[String]) -> Option<&str> {
    let (first, others) = names.split_first()?;
    let shared = |other: &String| {
        first.chars().zip(other.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum::<usize>()
    };
    let end: usize = others.iter().map(shared).min().unwrap_or(first.len());
    Some(&first[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_letters_find_a_path_and_recent_files_come_first() {
        let all = ["notes/diary.md", "src/app/files.rs", "src/shell/files.rs", "README.md"];
        let mut files = Files { all: all.map(str::to_owned).to_vec(), recent: 1, ..Files::default() };
        files.rank("");
        assert_eq!(files.fitting()[..2], [("notes/diary.md", "recent"), ("src/app/files.rs", "")]);
        files.rank("shfil");
        assert_eq!(files.fitting()[0], ("src/shell/files.rs", ""));
        files.rank("readme");
        assert_eq!(files.fitting(), [("README.md", "")]);
        files.rank("qqq");
        assert!(files.fitting().is_empty());
    }
}
