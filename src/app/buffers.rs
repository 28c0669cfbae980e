//! Several documents at once: one is on the screen, the others wait with all that belongs to them.
//!
//! What a document has of its own (text, window, run and proposals, what is kept safe of it) changes places with that of
//! another as a whole ([`App::swap`]), so the rest of the program knows of one document only. An answer from outside that
//! belongs to a document that waits is taken with that document swapped in for the while ([`App::with_document`]).

use std::path::{Path, PathBuf};

use crate::app::App;
use crate::app::document::Document;
use crate::app::heat::Heat;
use crate::app::infill::{Infill, Stage};
use crate::app::keymap::Context;
use crate::app::message::Stamp;
use crate::app::panel::{Panel, Question};
use crate::app::recovery::Recovery;
use crate::app::view::View;
use crate::engine::protocol::{Event, JobId};
use crate::text::buffer::Buffer;

/// A document that waits, with all that belongs to it.
#[derive(Debug)]
pub(crate) struct Parked {
    pub(crate) document: Document,
    pub(crate) view: View,
    pub(crate) infill: Infill,
    pub(crate) heat: Heat,
    focus: Context,
    recovery: Recovery,
}

/// The documents besides the one on the screen.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// In their order, with the one on the screen left out.
    parked: Vec<Parked>,
    /// The place of the one on the screen among all.
    current: usize,
    last_id: u64,
}

/// A document as the list of documents shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Unsaved, or what else is to be known.
    pub state: &'static str,
    /// The folder that it is in.
    pub folder: String,
}

impl App {
    /// How many documents there are, and the place of the one on the screen among them.
    pub fn documents(&self) -> (usize, usize) {
        (self.buffers.parked.len() + 1, self.buffers.current)
    }

    /// All documents, in their order.
    pub fn listed(&self) -> Vec<Listed> {
        let others = self.buffers.parked.iter().map(|parked| (&parked.document, &parked.infill));
        let mut all: Vec<(&Document, &Infill)> = others.collect();
        all.insert(self.buffers.current, (&self.document, &self.infill));
        all.into_iter().map(|(document, infill)| listed(document, infill)).collect()
    }

    /// The documents that fit what was typed, by their places.
    pub fn listed_for(&self, typed: &str) -> Vec<(usize, Listed)> {
        let typed = typed.trim().to_lowercase();
        let fits = |(_, listed): &(usize, Listed)| {
            listed.name.to_lowercase().contains(&typed) || listed.folder.to_lowercase().contains(&typed)
        };
        self.listed().into_iter().enumerate().filter(fits).collect()
    }

    /// The files of all documents as they were read or saved last.
    pub fn known_files(&self) -> Vec<(PathBuf, Stamp)> {
        let documents = self.buffers.parked.iter().map(|parked| &parked.document).chain([&self.document]);
        documents.filter_map(|document| document.path().cloned().zip(document.stamp())).collect()
    }

    fn swap(&mut self, at: usize) {
        let Some(parked) = self.buffers.parked.get_mut(at) else { return };
        // The counters of runs and the size of the screen are the program's, not a document's.
        parked.infill.count_on_from(&self.infill);
        parked.heat.count_on_from(&self.heat);
        (parked.view.width, parked.view.height) = self.view.size();
        std::mem::swap(&mut self.document, &mut parked.document);
        std::mem::swap(&mut self.view, &mut parked.view);
        std::mem::swap(&mut self.infill, &mut parked.infill);
        std::mem::swap(&mut self.heat, &mut parked.heat);
        std::mem::swap(&mut self.focus, &mut parked.focus);
        std::mem::swap(&mut self.recovery, &mut parked.recovery);
    }

    /// The place among the parked of the document that this holds for.
    fn parked_where(&self, test: impl Fn(&Parked) -> bool) -> Option<usize> {
        self.buffers.parked.iter().position(test)
    }

    /// A document that waits.
    pub(crate) fn parked(&self, id: u64) -> Option<&Parked> {
        self.buffers.parked.get(self.parked_where(|parked| parked.document.id() == id)?)
    }

    /// Does something with a document on the screen or off it; `None` if it is gone.
    pub(crate) fn with_document<T>(&mut self, id: u64, act: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.document.id() == id {
            return Some(act(self));
        }
        let at = self.parked_where(|parked| parked.document.id() == id)?;
        self.swap(at);
        let done = act(self);
        self.swap(at);
        Some(done)
    }

    /// The same with the document of a file.
    pub(crate) fn with_file<T>(&mut self, path: &Path, act: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let id = self.id_where(|document| document.path().is_some_and(|known| known == path))?;
        self.with_document(id, act)
    }

    /// Does something with every document, the one on the screen last.
    pub(crate) fn with_each(&mut self, act: impl Fn(&mut Self)) {
        for at in 0..self.buffers.parked.len() {
            self.swap(at);
            act(self);
            self.swap(at);
        }
        act(self);
    }

    /// What the engine tells, which may be about a run in a document that waits.
    pub(crate) fn take_event(&mut self, event: Event) {
        let job = match &event {
            Event::Frame(frame) => Some(frame.job),
            Event::Ended { job, .. } => Some(*job),
            _ => None,
        };
        if let Some(document) = job.and_then(|job| self.document_of_job(job)) {
            let panel = std::mem::take(&mut self.panel);
            self.with_document(document, |app| app.take_own_event(event));
            self.panel = panel;
            return;
        }
        self.take_own_event(event);
    }

    /// The document that a run belongs to, if that is not the one on the screen.
    fn document_of_job(&self, job: JobId) -> Option<u64> {
        let at = self.parked_where(|parked| parked.infill.run().is_some_and(|run| run.job == job))?;
        Some(self.buffers.parked[at].document.id())
    }

    /// The name of another document in which a run is going on.
    pub(crate) fn runs_elsewhere(&self) -> Option<String> {
        let running = |parked: &Parked| matches!(parked.infill.stage(), Stage::Running | Stage::Waiting);
        self.parked_where(running)
            .map(|at| listed(&self.buffers.parked[at].document, &self.buffers.parked[at].infill).name)
    }

    /// What is going on in another document, in words: a run, or a proposal that waits.
    pub(crate) fn told_of_others(&self) -> Option<String> {
        let name = |at: usize| listed(&self.buffers.parked[at].document, &self.buffers.parked[at].infill).name;
        let waiting = || self.parked_where(|parked| parked.infill.stage() == Stage::Review);
        let running = self.runs_elsewhere().map(|name| format!("a run goes on in {name}"));
        running.or_else(|| Some(format!("a proposal waits in {}", name(waiting()?))))
    }

    /// Shows the document at this place among all.
    pub(crate) fn show_document(&mut self, place: usize) {
        let current = self.buffers.current;
        if place == current || place > self.buffers.parked.len() {
            return;
        }
        self.leave_document();
        // Taken out of the row and put where the other was, so that all keep their places.
        let at = if place < current { place } else { place - 1 };
        self.swap(at);
        let left = self.buffers.parked.remove(at);
        self.buffers.parked.insert(if current < place { current } else { current - 1 }, left);
        self.buffers.current = place;
        self.arrive();
    }

    /// Whether something is being asked that only makes sense for the document on the screen. A question about text of an
    /// earlier session waits with its document, and holds up no other.
    pub(crate) fn is_asking(&self) -> bool {
        match &self.panel {
            Panel::Prompt(_) => true,
            Panel::Question(question) => !matches!(question, Question::Recovery { .. }),
            Panel::None | Panel::Help(_) => false,
        }
    }

    /// Says that a document was opened, though it is not on the screen.
    pub(crate) fn tell_of_waiting(&mut self, path: Option<&Path>) {
        let name = path.map_or_else(|| "The document".to_owned(), |path| path.display().to_string());
        self.inform(format!("{name} is open behind this document; {{documents}} shows it."));
    }

    /// What is unsaved is kept safe now: a document that waits does not change. A question about it waits with it.
    fn leave_document(&mut self) {
        self.put_question_back();
        self.document.break_group();
        self.heat.forget_wish();
        self.write_journal();
        self.write_recovery();
    }

    fn arrive(&mut self) {
        if matches!(self.panel, Panel::Prompt(_) | Panel::Question(_)) {
            // It was asked about the document from before.
            (self.panel, self.find.replacing, self.outbox.after_save) = (Panel::None, None, None);
        }
        self.find.hide();
        self.highlights.clear();
        self.pending.clear();
    }

    /// Puts an empty document in the place of the one on the screen, whatever is in that.
    pub(crate) fn discard_document(&mut self) {
        if self.recovery.is_kept() {
            self.forget_recovery();
        }
        self.document = Document::empty();
        self.put_document(Document::empty());
    }

    /// The text of the document at this place among all.
    pub(crate) fn buffer_of(&self, place: usize) -> Option<&Buffer> {
        let current = self.buffers.current;
        if place == current {
            return Some(self.document.buffer());
        }
        let parked = self.buffers.parked.get(if place < current { place } else { place - 1 })?;
        Some(parked.document.buffer())
    }

    /// The place of a document among all.
    pub(crate) fn place_of(&self, id: u64) -> Option<usize> {
        if self.document.id() == id {
            return Some(self.buffers.current);
        }
        let at = self.parked_where(|parked| parked.document.id() == id)?;
        Some(if at < self.buffers.current { at } else { at + 1 })
    }

    /// Puts a document on the screen: in the place of one that has nothing of the user's, else beside the others.
    pub(crate) fn put_document(&mut self, document: Document) {
        self.buffers.last_id += 1;
        let document = document.named(self.buffers.last_id);
        let (width, height) = self.view.size();
        let view = View { width, height, ..View::default() };
        if self.is_blank() {
            self.drop_session();
            if self.recovery.is_kept() {
                self.forget_recovery();
            }
            if let Some(split) = &mut self.split {
                split.follow(self.document.id(), document.id());
            }
            // Which of its holes were accepted is its own.
            let mut infill = Infill::default();
            infill.count_on_from(&self.infill);
            (self.document, self.view, self.infill) = (document, view, infill);
            self.heat.clear();
            self.arrive();
            return;
        }
        self.leave_document();
        let mut infill = Infill::default();
        infill.count_on_from(&self.infill);
        let mut heat = Heat::default();
        heat.count_on_from(&self.heat);
        let place = self.buffers.current + 1;
        let parked = Parked {
            document: std::mem::replace(&mut self.document, document),
            view: std::mem::replace(&mut self.view, view),
            infill: std::mem::replace(&mut self.infill, infill),
            heat: std::mem::replace(&mut self.heat, heat),
            focus: std::mem::replace(&mut self.focus, Context::Text),
            recovery: std::mem::take(&mut self.recovery),
        };
        self.buffers.parked.insert(self.buffers.current, parked);
        self.buffers.current = place;
        self.arrive();
    }

    /// Whether nothing of the user's is on the screen. What came through a pipe is in no file, but it is the user's.
    fn is_blank(&self) -> bool {
        let own = self.document.title().is_some() || self.document.buffer().is_empty();
        let asked = self.recovery.asks() || matches!(self.panel, Panel::Question(Question::Recovery { .. }));
        own && !asked && self.document.path().is_none() && !self.document.is_dirty() && self.infill.session().is_none()
    }

    /// Puts a document behind all others, and leaves the screen as it is unless nothing is on it.
    pub(crate) fn put_behind(&mut self, document: Document) -> u64 {
        if self.is_blank() && self.document.title().is_none() && !self.is_asking() {
            self.put_document(document);
            return self.document.id();
        }
        self.buffers.last_id += 1;
        let (width, height) = self.view.size();
        self.buffers.parked.push(Parked {
            document: document.named(self.buffers.last_id),
            view: View { width, height, ..View::default() },
            infill: Infill::default(),
            heat: Heat::default(),
            focus: Context::Text,
            recovery: Recovery::default(),
        });
        self.buffers.last_id
    }

    /// Takes the document off the screen for good; the one before it comes in its place. False if it was the only one.
    pub(crate) fn drop_document(&mut self) -> bool {
        if self.buffers.parked.is_empty() {
            return false;
        }
        self.drop_session();
        if self.recovery.is_kept() {
            self.forget_recovery();
        }
        let at = self.buffers.current.saturating_sub(1).min(self.buffers.parked.len() - 1);
        self.swap(at);
        self.buffers.parked.remove(at);
        self.buffers.current = at;
        self.arrive();
        true
    }

    /// The place of the document of this file, if it is open.
    pub(crate) fn place_of_file(&self, path: &Path) -> Option<usize> {
        self.place_of_file_where(|known| known == path)
    }

    /// The same, for a file that is told otherwise.
    pub(crate) fn place_of_file_where(&self, is_it: impl Fn(&Path) -> bool) -> Option<usize> {
        self.place_of(self.id_where(|document| document.path().is_some_and(|known| is_it(known)))?)
    }

    /// The place of the text of the program's own that is called so, if it is open.
    pub(crate) fn place_of_title(&self, title: &str) -> Option<usize> {
        self.place_of(self.id_where(|document| document.title() == Some(title))?)
    }

    /// The place of a document in no file that waits with a question about text of an earlier session.
    pub(crate) fn place_of_unnamed_found(&self) -> Option<usize> {
        let at = self.parked_where(|parked| parked.document.path().is_none() && parked.recovery.asks())?;
        self.place_of(self.buffers.parked[at].document.id())
    }

    /// The document that this holds for, the one on the screen first.
    fn id_where(&self, test: impl Fn(&Document) -> bool) -> Option<u64> {
        let parked = self.buffers.parked.iter().map(|parked| &parked.document);
        std::iter::once(&self.document).chain(parked).find(|document| test(document)).map(Document::id)
    }

    /// How many documents that are not on the screen have changes that are not saved.
    pub(crate) fn others_unsaved(&self) -> usize {
        self.buffers.parked.iter().filter(|parked| parked.document.is_dirty()).count()
    }

    /// The place of a document that quitting would lose something of, the one on the screen first.
    pub(crate) fn place_of_unsaved(&self) -> Option<usize> {
        let unsaved = |document: &Document, infill: &Infill| document.is_dirty() || infill.stage() == Stage::Review;
        if unsaved(&self.document, &self.infill) {
            return Some(self.buffers.current);
        }
        let at = self.parked_where(|parked| unsaved(&parked.document, &parked.infill))?;
        Some(if at < self.buffers.current { at } else { at + 1 })
    }
}

fn listed(document: &Document, infill: &Infill) -> Listed {
    let name = document.name();
    let folder =
        document.path().and_then(|path| path.parent()).map(|folder| folder.display().to_string()).unwrap_or_default();
    let state = match infill.stage() {
        Stage::Running | Stage::Waiting if document.is_dirty() => "running, not saved",
        Stage::Review if document.is_dirty() => "proposal, not saved",
        Stage::Running | Stage::Waiting => "running",
        Stage::Review => "proposal",
        Stage::Idle if document.is_dirty() => "not saved",
        Stage::Idle => "",
    };
    Listed { name, state, folder }
}
