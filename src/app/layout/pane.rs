//! What is laid out: a document as it stands in a window, be it the one that has the keys or the one beside it.

use crate::app::App;
use crate::app::document::Document;
use crate::app::find::Find;
use crate::app::heat::Heat;
use crate::app::highlight::Highlights;
use crate::app::infill::Infill;
use crate::app::layout::geometry;
use crate::app::settings::Settings;
use crate::app::view::{View, Window};
use crate::text::selection::Selections;

/// A document in a window.
#[derive(Debug, Clone, Copy)]
pub struct Pane<'a> {
    /// Where it is on the screen.
    pub window: Window,
    /// The document.
    pub document: &'a Document,
    /// What part of it is in the window; the size in it is of no use here.
    pub view: &'a View,
    /// What is selected in this window.
    pub selections: &'a Selections,
    /// The settings.
    pub settings: &'a Settings,
    /// It has the keys.
    pub has_keys: bool,
    pub(crate) infill: &'a Infill,
    pub(crate) heat: &'a Heat,
    pub(crate) highlights: &'a Highlights,
    /// The search, where it is one in this document.
    pub(crate) find: Option<&'a Find>,
}

impl Pane<'_> {
    /// Columns from one tab stop to the next, at least 1.
    pub(crate) fn tab_width(&self) -> usize {
        self.document.style().tab_width.unwrap_or(self.settings.tab_width).max(1)
    }
}

impl App {
    /// The window that has the keys.
    pub fn pane(&self) -> Pane<'_> {
        Pane {
            window: geometry(self).here,
            document: &self.document,
            view: &self.view,
            selections: self.document.selections(),
            settings: &self.settings,
            has_keys: true,
            infill: &self.infill,
            heat: &self.heat,
            highlights: &self.highlights,
            find: Some(&self.find),
        }
    }

    /// The window beside it, where there is one and room for it.
    pub fn other_pane(&self) -> Option<Pane<'_>> {
        let (window, split) = (geometry(self).other?, self.split.as_ref()?);
        let here = Pane { window, has_keys: false, highlights: &split.highlights, ..self.pane() };
        if let Some(twin) = &split.twin {
            return Some(Pane { view: &twin.view, selections: &twin.selections, ..here });
        }
        let parked = self.parked(split.document)?;
        Some(Pane {
            document: &parked.document,
            view: &parked.view,
            selections: parked.document.selections(),
            infill: &parked.infill,
            heat: &parked.heat,
            find: None,
            ..here
        })
    }
}
