//! What the editor itself knows of languages: how a comment is written, by the name of the file.

use std::path::Path;

use crate::text::lines::CommentMarks;

const fn line(open: &'static str) -> CommentMarks {
    CommentMarks { open, close: "" }
}

const fn block(open: &'static str, close: &'static str) -> CommentMarks {
    CommentMarks { open, close }
}

/// File names and what stands behind the last dot of one, and how a comment is written there.
const COMMENTS: &[(&[&str], CommentMarks)] = &[
    (
        &[
            "rs", "c", "h", "cc", "cpp", "cxx", "hpp", "hh", "js", "mjs", "cjs", "jsx", "ts", "tsx", "mts", "go",
            "java", "kt", "kts", "swift", "cs", "scala", "dart", "php", "zig", "proto", "scss", "less", "jsonc",
            "json5", "groovy", "v",
        ],
        line("//"),
    ),
    (
        &[
            "py",
            "pyi",
            "sh",
            "bash",
            "zsh",
            "fish",
            "rb",
            "pl",
            "pm",
            "r",
            "toml",
            "yaml",
            "yml",
            "mk",
            "Makefile",
            "makefile",
            "Dockerfile",
            "cmake",
            "CMakeLists.txt",
            "conf",
            "ini",
            "cfg",
            "nix",
            "tf",
            "jl",
            "ex",
            "exs",
            "ps1",
            "graphql",
            ".gitignore",
            ".editorconfig",
            "gitignore",
            "tcl",
            "awk",
        ],
        line("#"),
    ),
    (&["sql", "lua", "hs", "elm", "adb", "ads", "vhd"], line("--")),
    (&["tex", "sty", "cls", "bib", "erl", "hrl", "m"], line("%")),
    (&["el", "lisp", "clj", "cljs", "scm", "rkt", "asm", "s"], line(";")),
    (&["vim", ".vimrc"], line("\"")),
    (&["html", "htm", "xml", "svg", "md", "markdown", "vue", "xhtml"], block("<!--", "-->")),
    (&["css"], block("/*", "*/")),
    (&["ml", "mli"], block("(*", "*)")),
];

/// How a comment is written in this file, if that is known.
pub fn comment_marks(path: Option<&Path>) -> Option<CommentMarks> {
    let part = |part: Option<&std::ffi::OsStr>| part.and_then(|part| part.to_str()).map(str::to_owned);
    let names = [part(path.and_then(Path::file_name)), part(path.and_then(Path::extension))];
    names.into_iter().flatten().find_map(|name| {
        let found = COMMENTS.iter().find(|(known, _)| known.contains(&name.as_str()));
        found.map(|(_, marks)| *marks)
    })
}

/// Whether a line that ends in a colon begins a block.
pub fn indents_after_colon(path: Option<&Path>) -> bool {
    path.and_then(Path::extension)
        .is_some_and(|extension| ["py", "pyi", "yaml", "yml", "nim"].iter().any(|known| extension == *known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_known_by_name_and_by_extension() {
        let open = |name: &str| comment_marks(Some(Path::new(name))).map(|marks| marks.open);
        assert_eq!(open("src/a.rs"), Some("//"));
        assert_eq!(open("Makefile"), Some("#"));
        assert_eq!(open("a.html"), Some("<!--"));
        assert_eq!(open("a.txt"), None);
        assert_eq!(comment_marks(None), None);
        let mut names: Vec<&str> = COMMENTS.iter().flat_map(|(names, _)| names.iter().copied()).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "a name is there twice");
    }
}
