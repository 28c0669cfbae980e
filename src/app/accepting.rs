//! Putting a proposal into the text, and taking back what was put there: each is one undo step, and what came from where is
//! remembered.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::app::App;
use crate::app::document::Change;
use crate::app::infill::Session;
use crate::app::infill::branch::Branch;
use crate::app::sources::Provenance;
use crate::app::status::count;
use crate::engine::protocol::HoleId;
use crate::text::buffer::LineEnding;
use crate::text::change::{Bias, ChangeSet, Edit};
use crate::text::diff;
use crate::text::history::{EditKind, Written};
use crate::text::holes::HoleLength;
use crate::text::selection::Selection;

/// What is to be put into the text, collected place by place in document order.
#[derive(Default)]
struct Placing {
    edits: Vec<Edit>,
    /// How much longer the text has become so far.
    shift: isize,
    /// Where which texts are afterwards.
    written: Vec<(Range<usize>, Written)>,
    /// Holes that are marked afterwards: where, how long, and the name they had.
    marked: Vec<(Range<usize>, HoleLength, u64)>,
}

impl Placing {
    /// Puts a text in the place of a range; where it is then.
    fn put(&mut self, range: Range<usize>, text: String) -> Range<usize> {
        let start = range.start.saturating_add_signed(self.shift);
        let end = start + text.chars().count();
        self.shift += (end - start) as isize - range.len() as isize;
        self.edits.push(Edit { range, text });
        start..end
    }
}

impl App {
    /// Puts what is shown into the text.
    pub(crate) fn accept_proposal(&mut self) {
        let (Some(branch), Some(session)) = (self.infill.branch(), self.infill.session()) else { return };
        let place = session.place().filter(|_| session.scrub.shown().is_some());
        let moment = place.and_then(|(at, _)| branch.timeline.moment(at));
        let masks = moment.map_or(branch.masks_left, |moment| moment.masks.0);
        if masks > 0 {
            let masks = count(masks, "position");
            self.inform(format!(
                "{masks} still masked here: {{timeline-end}} goes to the end, {{branch}} goes on from here."
            ));
            return;
        }
        let own = session.provenance(branch, moment.map_or(branch.steps, |moment| moment.step));
        let origin = match place {
            Some((at, of)) => format!("{} · {} step {} of {of}", own.tag(), branch.node.name, at + 1),
            None => own.tag(),
        };
        let origin = branch.taken.iter().fold(origin, |origin, (id, other)| {
            let hole = session.holes.iter().position(|hole| hole == id).map_or(0, |at| at + 1);
            format!("{origin} · hole {hole} of {}", other.branch)
        });
        let taken = branch.taken.clone();
        let texts: Vec<(HoleId, String)> = self.infill.overlay().iter().map(|cells| (cells.id, cells.text())).collect();

        let caret = self.document.caret();
        let mut holes = self.document.holes().clone();
        let (mut placing, mut selection, mut runs) = (Placing::default(), None, Vec::new());
        for (id, text) in texts {
            let Some(hole) = holes.remove(id.0) else { continue };
            let text = with_line_endings(&text, self.document.line_ending());
            let before = self.document.buffer().slice(hole.range.clone());
            let is_temporary = self.document.is_temporary(hole.id);
            let start = hole.range.start.saturating_add_signed(placing.shift);
            let made = taken.iter().find(|(hole, _)| *hole == id).map_or(&own, |(_, made)| made);
            let run = self.run_of(made, &mut runs);
            let (old, new): (Vec<char>, Vec<char>) = (before.chars().collect(), text.chars().collect());
            // Of a text that was rewritten, only the words that became others are touched and are the model's.
            let whole = vec![(0..old.len(), 0..new.len())];
            let parts = if is_temporary { diff::changes(&before, &text) } else { whole };
            for (gone, come) in parts {
                let range = hole.range.start + gone.start..hole.range.start + gone.end;
                let written = self.document.sources_mut().add(run, range.clone(), old[gone].iter().collect());
                let placed = placing.put(range, new[come].iter().collect());
                placing.written.push((placed, written));
            }
            let end = hole.range.end.saturating_add_signed(placing.shift);
            if (hole.range.start..=hole.range.end).contains(&caret) {
                selection = Some(Selection::caret(end));
            }
            if !is_temporary {
                placing.marked.push((start..end, hole.length, hole.id));
            }
        }
        let selection = selection.unwrap_or_else(|| {
            let set = ChangeSet::new(self.document.buffer().len(), placing.edits.clone());
            Selection::caret(set.map(caret, Bias::Right))
        });
        for hole in self.put_in(placing, selection, origin) {
            self.infill.mark_accepted(hole);
        }
        self.end_session();
        self.inform("Accepted; {undo} takes it back in one step, {why} says where it is from.");
    }

    /// The number of the run that was made so, among those of this acceptance.
    fn run_of(&mut self, made: &Provenance, runs: &mut Vec<(Provenance, usize)>) -> usize {
        if let Some((_, run)) = runs.iter().find(|(known, _)| known == made) {
            return *run;
        }
        let run = self.document.sources_mut().add_run(made.clone());
        runs.push((made.clone(), run));
        run
    }

    /// Puts back what stood in the places of a run that nobody has edited since.
    pub(crate) fn take_back(&mut self, run: usize) {
        let mut holes = self.document.holes().clone();
        let (mut placing, mut edited, mut first) = (Placing::default(), BTreeSet::new(), None);
        let known: Vec<_> = self.document.sources().of_run(run).collect();
        let tag = known.first().map(|known| known.made.tag()).unwrap_or_default();
        for known in known {
            if known.edited {
                edited.insert(known.source);
                continue;
            }
            let new = placing.put(known.range.clone(), known.before.to_owned());
            first = first.or(Some(new.end));
            for span in known.below {
                placing.written.push((new.start + span.range.start..new.start + span.range.end, span.value));
            }
            let hole = holes.iter().find(|hole| hole.range == known.range).map(|hole| hole.id);
            if let Some(hole) = hole.and_then(|id| holes.remove(id)) {
                placing.marked.push((new, hole.length, hole.id));
            }
        }
        let left = match edited.len() {
            0 => String::new(),
            1 => "1 place was edited since and stays".to_owned(),
            n => format!("{n} places were edited since and stay"),
        };
        let Some(first) = first else {
            self.inform(format!("Nothing was taken back: {left}."));
            return;
        };
        let places = count(placing.edits.len(), "place");
        self.view.caret_cell = None;
        self.put_in(placing, Selection::caret(first), format!("taken back: {tag}"));
        let left = if left.is_empty() { left } else { format!(" {left}.") };
        self.inform(format!("Taken back in {places}.{left} {{undo}} puts it in again."));
    }

    /// Makes it one change; the new names of the holes that are marked.
    fn put_in(&mut self, placing: Placing, selection: Selection, origin: String) -> Vec<u64> {
        let Placing { edits, written, marked, .. } = placing;
        let set = ChangeSet::new(self.document.buffer().len(), edits);
        let mut holes = self.document.holes().clone();
        for (.., hole) in &marked {
            holes.remove(*hole);
        }
        holes.map(&set);
        let mut named = Vec::new();
        for (range, length, old) in marked {
            let new = holes.add(range, length);
            let asked = self.document.holes().get(old).map_or(0, |hole| hole.asked);
            holes.set_asked(new, asked);
            named.push(new);
        }
        self.document.break_group();
        let change = Change::new(set, EditKind::Other).selecting(selection).with_holes(holes);
        self.document.edit(change.writing(written).from(origin), self.outbox.now);
        named
    }
}

impl Session {
    /// How a branch of this task was made, when it is taken after so many steps.
    pub(crate) fn provenance(&self, branch: &Branch, step: usize) -> Provenance {
        let parent = |(id, step)| {
            let parent = self.branches.iter().find(|other| other.node.id == id);
            (parent.map_or_else(|| "one that is gone".to_owned(), |parent| parent.node.name.clone()), step)
        };
        Provenance {
            verb: self.verb,
            model: branch.model.clone(),
            options: branch.options.clone(),
            step,
            branch: branch.node.name.clone(),
            parent: branch.node.from.map(parent),
        }
    }
}

/// The text with the line endings of the document.
fn with_line_endings(text: &str, ending: LineEnding) -> String {
    match ending {
        LineEnding::CrLf => text.replace("\r\n", "\n").replace('\n', "\r\n"),
        LineEnding::Lf => text.to_owned(),
    }
}
