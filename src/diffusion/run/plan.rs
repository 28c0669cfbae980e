//! How a run goes through its windows: which block is next, how many steps it gets, when it is over, how far it may grow.

use super::{Clock, Place, Proposals, Run, Steps};
use crate::diffusion::canvas::{Edit, EditAct};
use crate::diffusion::rng::Draw;

/// Where in its plan a run is: what [`Run::resume`] goes on from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mark {
    clock: Clock,
    block: Option<usize>,
    windows: usize,
    polished: usize,
    growth: usize,
    agreement: (f64, usize),
    masks: usize,
}

impl Mark {
    /// Steps made.
    pub fn step(&self) -> usize {
        self.clock.step
    }

    /// Passes made.
    pub fn nfe(&self) -> usize {
        self.clock.passes
    }
}

impl<D: Draw> Run<D> {
    /// Where in its plan the run is.
    pub fn mark(&self) -> Mark {
        let Self { clock, block, windows, polished, growth, agreement, .. } = self;
        let (clock, block, windows, polished) = (*clock, *block, *windows, *polished);
        let masks = self.canvas.masks_left();
        Mark { clock, block, windows, polished, growth: *growth, agreement: *agreement, masks }
    }

    /// Goes on from where another run of the same sampler was, on the canvas that it then had. Where the canvas has masks that
    /// the other had not, as if the user had masked them.
    #[must_use]
    pub fn resume(mut self, mark: Mark) -> Self {
        (self.clock, self.block, self.windows) = (mark.clock, mark.block, mark.windows);
        (self.polished, self.growth, self.agreement) = (mark.polished, mark.growth, mark.agreement);
        // Also where nothing is new: what the run is planned for may be written by now.
        self.replan(self.canvas.masks_left().saturating_sub(mark.masks));
        self
    }

    /// Whether there is nothing left to do.
    pub fn is_done(&self) -> bool {
        self.block.is_none()
    }

    /// An upper bound of the steps still to come, as long as nobody masks more and no hole grows.
    pub fn steps_left(&self) -> usize {
        let Some(block) = self.block else { return 0 };
        let (schedule, stop) = (&self.sampler.schedule, &self.sampler.stop);
        let masks = self.sampler.window.masks(&self.canvas);
        let planned = |masks: usize| match masks {
            0 => usize::from(stop.full) * schedule.planned(0, self.windows),
            masks => schedule.planned(masks, self.windows),
        };
        let others = masks.iter().enumerate().filter(|(other, _)| *other != block);
        let others: usize = others.map(|(_, &masks)| planned(masks) + stop.post).sum();
        let own_post = if self.clock.post == 0 { stop.post } else { 0 };
        self.clock.steps_left() + own_post + others
    }

    /// The positions that may change now, ascending.
    pub(super) fn window(&self) -> Vec<usize> {
        let Some(block) = self.block else { return Vec::new() };
        if self.clock.is_last() {
            // The last step is for the whole block, however narrow the window has been.
            let mut whole = self.sampler.window.blocks(&self.canvas).into_iter().nth(block).unwrap_or_default();
            whole.retain(|&position| self.canvas.kind(position).is_editable());
            return whole;
        }
        self.sampler.window.positions(&self.canvas, block, self.memory.frontier())
    }

    /// One step was made: goes on in the block, polishes it, or enters the next.
    pub(super) fn tick(&mut self, x0: &Proposals, edits: &[Edit]) {
        self.clock.step += 1;
        self.clock.window_step += 1;
        // A position that got masks before it is still one, and the step has not brought it nearer to its end.
        let added = edits.iter().map(|edit| if let EditAct::Insert { masks } = edit.act { masks + 1 } else { 0 }).sum();
        self.extend(added);
        let over = self.clock.ended || self.clock.window_step >= self.clock.window_steps;
        let masked = self.block.and_then(|block| self.sampler.window.masks(&self.canvas).get(block).copied());
        let (full, post) = (self.sampler.stop.full, self.sampler.stop.post);
        let goes_on = match masked.unwrap_or_default() {
            _ if self.clock.post > 0 => !over && !edits.is_empty() && !self.out_of_patience(x0),
            0 if full => !over,
            0 if post > 0 && !self.clock.ended => {
                // The steps after the last mask are a plan of their own.
                self.clock.window_steps = self.clock.window_step + post;
                true
            }
            0 => false,
            // The last step of a plan writes all that is masked, unless the user has let nothing be written.
            _ => true,
        };
        if goes_on && (masked == Some(0) || self.clock.post > 0) && !full {
            self.clock.post += 1;
        }
        if !goes_on {
            self.polished = self.polished.max(self.block.map_or(0, |block| block + 1));
            self.block = None;
            self.enter_window();
        }
        self.choose_refresh();
    }

    /// GIDD: whether the share of positions that are as the model would have them has not grown for long enough.
    fn out_of_patience(&mut self, x0: &Proposals) -> bool {
        let Some(patience) = self.sampler.stop.patience else { return false };
        let same = x0.iter().filter(|(position, p)| self.canvas.ids().get(**position) == Some(&p.best())).count();
        let share = same as f64 / x0.len().max(1) as f64;
        self.agreement = if share > self.agreement.0 { (share, 0) } else { (self.agreement.0, self.agreement.1 + 1) };
        self.agreement.1 >= patience
    }

    /// Looks for the first block with a mask, else for one that is still to be polished, and plans it if it is another
    /// one than before.
    pub(super) fn enter_window(&mut self) {
        let masks = self.sampler.window.masks(&self.canvas);
        let stop = &self.sampler.stop;
        let polishes = stop.post > 0 || stop.full;
        let editable = |block: usize| self.sampler.window.positions(&self.canvas, block, None).len();
        let unpolished = || (self.polished..masks.len()).find(|&block| polishes && editable(block) > 0);
        let block = masks.iter().position(|&masks| masks > 0).or_else(unpolished);
        if block == self.block {
            return;
        }
        self.block = block;
        let size = block.map_or(0, |block| masks[block]);
        self.clock.window_step = 0;
        self.clock.window_size = size;
        self.clock.ended = false;
        self.clock.post = usize::from(size == 0 && !stop.full);
        self.agreement = (-1.0, 0);
        self.clock.window_steps = match size {
            0 if !stop.full => stop.post.max(1),
            size => self.sampler.schedule.planned(size, self.windows),
        };
        self.choose_refresh();
    }

    /// The user changed the canvas, and so many masks are new.
    pub(super) fn replan(&mut self, added: usize) {
        let masks = self.sampler.window.masks(&self.canvas);
        let first = masks.iter().position(|&masks| masks > 0);
        let here = self.block.map(|block| masks.get(block).copied().unwrap_or_default());
        let earlier = first.is_some_and(|first| self.block.is_none_or(|block| first < block));
        // Masks in a block that was being polished are denoised as if it were entered anew.
        let again = added > 0 && self.clock.post > 0 && first == self.block;
        let emptied = here == Some(0) && self.clock.post == 0 && !self.sampler.stop.full;
        if earlier || again || emptied {
            self.block = None;
            self.polished = self.polished.min(first.unwrap_or(usize::MAX));
            self.enter_window();
        } else {
            self.extend(added);
        }
        self.choose_refresh();
    }

    fn extend(&mut self, added: usize) {
        if self.sampler.schedule.steps == Steps::PerMask {
            self.clock.window_steps += added;
        }
    }

    /// Decides which rows the next pass computes anew.
    fn choose_refresh(&mut self) {
        let positions = self.block_positions();
        let (canvas, block, shift) = (&self.canvas, self.block, self.shift);
        let place = Place { canvas, block, positions: &positions, shift };
        let rows = self.sampler.refresh.rows(&self.since, &place);
        // A row that is read is computed, whatever the policy says of it.
        self.refreshed = rows.map(|mut rows| {
            rows.extend(self.rows_needed());
            rows.sort_unstable();
            rows.dedup();
            rows
        });
    }

    /// The same run with at most so many positions added in all, and a canvas of at most so many.
    #[must_use]
    pub fn with_growth(mut self, most: usize, longest: usize) -> Self {
        (self.growth, self.longest) = (most, longest);
        self
    }

    /// How many positions may be added now.
    pub(super) fn room(&self) -> usize {
        self.growth.min(self.longest.saturating_sub(self.canvas.len()))
    }

    /// Insertions beyond what a canvas may grow by become nothing.
    pub(super) fn bound_growth(&mut self, edits: &mut Vec<Edit>) {
        let mut room = self.room();
        edits.retain_mut(|edit| {
            if let EditAct::Insert { masks } = &mut edit.act {
                *masks = (*masks).min(room);
                room -= *masks;
                self.growth -= *masks;
                self.clock.grown += *masks;
                return *masks > 0;
            }
            true
        });
    }
}
