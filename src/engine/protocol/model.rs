//! The loaded model, and those that can be taken, as the rest of the program knows them.

use super::Part;

/// A model that can be taken, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelEntry {
    /// What [`Command::Load`] takes.
    pub name: String,
    /// Bytes of its files.
    pub size: u64,
    /// Its size, the memory it takes and whether that fits, in words.
    pub needs: String,
    /// What it is good at, or where it lies.
    pub note: String,
}

/// What the loaded model is, for the status line.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelInfo {
    /// Short name, such as `lacuna-135m`.
    pub name: String,
    /// `cpu`, `cuda` or `metal`.
    pub device: String,
    /// Number of weights.
    pub parameters: u64,
    /// Longest canvas in tokens.
    pub context: usize,
    /// What seems to be wrong with it, as a sentence.
    pub warning: Option<String>,
    /// Why it cannot follow instructions, if it cannot.
    pub no_instructions: Option<String>,
    /// Whether it was made to read from left to right, so that it cannot see the text after a hole.
    pub blind_after: bool,
}

impl ModelInfo {
    /// What is to be said before these holes are filled: that the model cannot see what comes after one of them.
    pub fn caution(&self, parts: &[Part]) -> Option<String> {
        let is_text = |part: &Part| matches!(part, Part::Text(text) if !text.trim().is_empty());
        let first = parts.iter().position(|part| matches!(part, Part::Hole(_)))?;
        let seen_badly = self.blind_after && parts[first..].iter().any(is_text);
        seen_badly.then(|| {
            format!(
                "{} cannot see the text after a hole, it only continues the text before; read what it writes",
                self.name
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{HoleId, HolePart, Length};
    use super::*;

    #[test]
    fn a_model_that_is_blind_after_a_hole_says_so_where_there_is_text() {
        let blind = ModelInfo { name: "sdar".into(), blind_after: true, ..ModelInfo::default() };
        let hole = || {
            Part::Hole(HolePart {
                id: HoleId(0),
                original: String::new(),
                length: Length::Auto,
                resume: None,
                constraints: Vec::new(),
            })
        };
        let text = |text: &str| Part::Text(text.into());
        assert!(blind.caution(&[text("a"), hole(), text("b")]).unwrap().starts_with("sdar cannot see"));
        assert!(blind.caution(&[hole(), text("\n"), hole(), text("b")]).is_some());
        assert_eq!(blind.caution(&[text("a"), hole(), text(" \n")]), None);
        assert_eq!(blind.caution(&[text("a")]), None);
        assert_eq!(ModelInfo::default().caution(&[hole(), text("b")]), None);
    }
}
