//! What a project says about a file: its `.editorconfig`, read by `ec4rs`.

use std::path::Path;

use ec4rs::property::{EndOfLine, FinalNewline, IndentSize, IndentStyle, TabWidth, TrimTrailingWs};

use crate::app::message::FileStyle;
use crate::text::buffer::LineEnding;

/// The widest indentation that is heeded.
const WIDEST: usize = 16;

/// What the `.editorconfig` files above this one say. Where they cannot be read they say nothing.
pub(crate) fn of(path: &Path) -> FileStyle {
    let Ok(path) = std::path::absolute(path) else { return FileStyle::default() };
    let Ok(mut said) = ec4rs::properties_of(&path) else { return FileStyle::default() };
    said.use_fallbacks();
    let width = |width: usize| Some(width).filter(|width| (1..=WIDEST).contains(width));
    let tab_width = match said.get::<TabWidth>() {
        Ok(TabWidth::Value(columns)) => width(columns),
        Err(_) => None,
    };
    let size = match said.get::<IndentSize>() {
        Ok(IndentSize::Value(columns)) => width(columns),
        Ok(IndentSize::UseTabWidth) => tab_width,
        Err(_) => None,
    };
    FileStyle {
        indent: match said.get::<IndentStyle>() {
            Ok(IndentStyle::Tabs) => Some(0),
            Ok(IndentStyle::Spaces) => size.or(tab_width),
            Err(_) => None,
        },
        tab_width: tab_width.or(size),
        line_ending: match said.get::<EndOfLine>() {
            Ok(EndOfLine::Lf) => Some(LineEnding::Lf),
            Ok(EndOfLine::CrLf) => Some(LineEnding::CrLf),
            _ => None,
        },
        trim: match said.get::<TrimTrailingWs>() {
            Ok(TrimTrailingWs::Value(trim)) => Some(trim),
            Err(_) => None,
        },
        final_newline: match said.get::<FinalNewline>() {
            Ok(FinalNewline::Value(last)) => Some(last),
            Err(_) => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_project_tells_how_its_files_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let config = "root = true\n[*]\nindent_style = space\nindent_size = 2\ntrim_trailing_whitespace = true\n\
                      [*.go]\nindent_style = tab\ntab_width = 8\nend_of_line = crlf\ninsert_final_newline = false\n\
                      [*.odd]\nindent_size = 900\n";
        fs::write(folder.path().join(".editorconfig"), config).unwrap();
        let of = |name: &str| of(&folder.path().join(name));
        let prose = FileStyle { indent: Some(2), tab_width: Some(2), trim: Some(true), ..FileStyle::default() };
        assert_eq!(of("a.md"), prose);
        let go = of("sub/a.go");
        assert_eq!((go.indent, go.tab_width, go.line_ending), (Some(0), Some(8), Some(LineEnding::CrLf)));
        assert_eq!(go.final_newline, Some(false));
        assert_eq!(of("a.odd").indent, None);
    }
}
