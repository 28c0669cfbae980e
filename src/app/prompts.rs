//! Keys while a panel is open: editing the line of a prompt, answering a question, scrolling the help page.

use std::path::PathBuf;

use crate::app::commands::{branch, cell, file, habit, hole, replace, run, view};
use crate::app::effect::Expect;
use crate::app::help;
use crate::app::infill::demands;
use crate::app::input::Input;
use crate::app::key::{Key, KeyCode};
use crate::app::layout;
use crate::app::listing::Listing;
use crate::app::panel::{Asked, Besides, Panel, Prompt, Question};
use crate::app::{App, lab, ondisk, recovery};
use crate::engine::protocol::Renoise;
use crate::text::search;

/// Rows that a page of help scrolls.
const PAGE: usize = 10;

impl App {
    pub(crate) fn key_in_panel(&mut self, key: Key) {
        match &self.panel {
            Panel::None => {}
            Panel::Prompt(_) => self.key_in_prompt(key),
            Panel::Question(question) => {
                let question = question.clone();
                self.answer(question, key);
            }
            Panel::Help(top) => {
                let (top, last) = (*top, help::page(&self.settings.keys).len().saturating_sub(1));
                let to = match key.code {
                    KeyCode::Up => top.saturating_sub(1),
                    KeyCode::Down => top + 1,
                    KeyCode::PageUp => top.saturating_sub(PAGE),
                    KeyCode::PageDown | KeyCode::Char(' ') => top + PAGE,
                    KeyCode::Home => 0,
                    KeyCode::End => last,
                    _ => {
                        self.panel = Panel::None;
                        return;
                    }
                };
                self.panel = Panel::Help(to.min(last));
            }
        }
    }

    fn key_in_prompt(&mut self, key: Key) {
        let Panel::Prompt(prompt) = &mut self.panel else { return };
        prompt.complaint = None;
        let up_or_down = match key.code {
            KeyCode::Up => -1,
            KeyCode::Down | KeyCode::Tab => 1,
            KeyCode::PageUp => -8,
            KeyCode::PageDown => 8,
            _ => 0,
        };
        match key.code {
            KeyCode::Esc => self.leave_prompt(),
            KeyCode::Enter => self.take_prompt(),
            KeyCode::Char('r' | 'w' | 'c') if key.alt && matches!(prompt.asked, Asked::Find { .. }) => {
                self.toggle_find_option(key);
            }
            KeyCode::Tab if matches!(prompt.asked, Asked::Open | Asked::SaveAs) => self.ask_for_names(),
            KeyCode::Char('q') if key.ctrl => self.leave_prompt(),
            KeyCode::Char('v') if key.ctrl => self.emit(crate::app::effect::Effect::ReadClipboard),
            KeyCode::Char('g') | KeyCode::F(3) if key.ctrl || key.code == KeyCode::F(3) => self.find_from_prompt(key),
            _ if up_or_down != 0 => self.up_or_down(up_or_down, key.alt),
            _ => {
                if prompt.input.take_key(key) {
                    prompt.recalled = None;
                    self.prompt_changed();
                }
            }
        }
    }

    /// Up and down: through the palette, the matches, the strength, or what was typed before.
    fn up_or_down(&mut self, by: isize, with_alt: bool) {
        let Panel::Prompt(prompt) = &mut self.panel else { return };
        match &mut prompt.asked {
            Asked::Find { .. } if with_alt => self.recall(by),
            Asked::Strength { .. } => {
                let (strength, renoise) = run::parse_strength(prompt.input.text()).unwrap_or((40, Renoise::default()));
                let strength = (isize::from(strength) - 10 * by.signum()).clamp(10, 100) as u8;
                prompt.input = Input::offered(run::written_strength(strength, renoise));
            }
            // Without a query there is nothing to go to, and what is being typed stays.
            Asked::Find { .. } if self.find.query().is_none() => {}
            Asked::Find { .. } if by < 0 => view::find_previous(self),
            Asked::Find { .. } => view::find_next(self),
            asked if asked.selected().is_some() => self.go_through_list(by),
            _ => self.recall(by),
        }
    }

    /// Brings back what was typed into such a prompt before.
    fn recall(&mut self, by: isize) {
        let Panel::Prompt(prompt) = &mut self.panel else { return };
        if self.typed.recall(prompt, by) {
            self.prompt_changed();
        }
    }

    /// Has Enter take another entry of the prompt's list, where it has one.
    pub(crate) fn go_through_list(&mut self, by: isize) {
        let Some((entries, selected)) = self.listed_in_prompt() else { return };
        let to = selected.saturating_add_signed(by).min(entries.saturating_sub(1));
        if let Panel::Prompt(prompt) = &mut self.panel {
            prompt.asked.select(to);
        }
    }

    /// How many entries the list of the prompt has, and which one Enter takes.
    fn listed_in_prompt(&self) -> Option<(usize, usize)> {
        let Panel::Prompt(prompt) = &self.panel else { return None };
        let typed = prompt.input.text();
        let entries = match prompt.asked {
            Asked::Palette { .. } => prompt.palette().len(),
            Asked::Document { .. } => self.listed_for(typed).len(),
            Asked::File { .. } => self.files.fitting().len(),
            Asked::Branch { .. } => self.branches_for(typed).len(),
            Asked::HoleFrom { hole, .. } => self.versions_of(hole, typed).len(),
            Asked::Model { .. } => self.choice.listed(prompt).len(),
            _ => return None,
        };
        Some((entries, prompt.asked.selected()?))
    }

    /// A click on an entry of the list takes that.
    pub(crate) fn click_in_prompt(&mut self, row: u16) {
        let Some(listed) = self.listed_in_prompt() else { return };
        let geometry = layout::geometry(self);
        let y = geometry.status.unwrap_or(self.view.height.saturating_sub(1));
        let Some(entry) = Listing::new(geometry, y, listed).entry_at(row) else { return };
        if let Panel::Prompt(prompt) = &mut self.panel {
            prompt.asked.select(entry);
            self.take_prompt();
        }
    }

    /// alt-r, alt-w and alt-c while a search is typed: regular expression, whole words, capitals.
    fn toggle_find_option(&mut self, key: Key) {
        let options = &mut self.find.options;
        match key.code {
            KeyCode::Char('r') => options.regex = !options.regex,
            KeyCode::Char('w') => options.words = !options.words,
            _ => {
                options.case = match options.case {
                    search::Case::Smart => search::Case::Sensitive,
                    search::Case::Sensitive => search::Case::Insensitive,
                    search::Case::Insensitive => search::Case::Smart,
                };
            }
        }
        self.prompt_changed();
    }

    fn find_from_prompt(&mut self, key: Key) {
        let is_find = matches!(&self.panel, Panel::Prompt(Prompt { asked: Asked::Find { .. }, .. }));
        if is_find && self.find.query().is_some() {
            if key.shift { view::find_previous(self) } else { view::find_next(self) }
        }
    }

    /// What was typed is another text now.
    pub(crate) fn prompt_changed(&mut self) {
        let Panel::Prompt(prompt) = &mut self.panel else { return };
        if let Asked::File { selected } = &mut prompt.asked {
            *selected = 0;
            let typed = prompt.input.text().to_owned();
            self.rank_files(&typed);
            return;
        }
        match &mut prompt.asked {
            Asked::Demands { .. } => {
                prompt.complaint = demands::parse(prompt.input.text(), &self.document).err();
            }
            Asked::Find { before, .. } => {
                let (from, before) = (before.range().start, *before);
                prompt.complaint = self.find.set(prompt.input.text(), self.document.buffer()).err();
                match self.find.while_typed(self.document.buffer(), from) {
                    Some(hit) => view::select_match(self, hit),
                    None => self.document.select(before),
                }
            }
            other => other.select(0),
        }
    }

    fn leave_prompt(&mut self) {
        if let Panel::Prompt(Prompt { asked: Asked::Find { before, .. }, .. }) = &self.panel {
            let before = *before;
            self.document.select(before);
            self.find.hide();
        }
        self.outbox.after_save = None;
        self.panel = Panel::None;
    }

    /// Enter: does what was asked for, or says what is wrong with what was typed.
    fn take_prompt(&mut self) {
        let Panel::Prompt(prompt) = std::mem::take(&mut self.panel) else { return };
        self.typed.keep(&prompt);
        let typed = prompt.input.text().trim().to_owned();
        let complaint = match &prompt.asked {
            Asked::Find { .. } if self.find.is_wrong() => {
                self.panel = Panel::Prompt(prompt);
                self.prompt_changed();
                return;
            }
            Asked::Find { replace: true, within, before } if !prompt.input.text().is_empty() => {
                replace::ask(self, within.then(|| before.range()))
            }
            Asked::Find { .. } => {
                if self.find.is_only_not_near() {
                    view::find_next(self);
                }
                None
            }
            Asked::Replacement => {
                replace::begin(self, prompt.input.text());
                None
            }
            Asked::Open | Asked::SaveAs if typed.is_empty() => Some("Type the name of a file."),
            Asked::Open => {
                file::open_path(self, PathBuf::from(typed));
                None
            }
            Asked::SaveAs => {
                file::save_to(self, PathBuf::from(typed));
                None
            }
            Asked::Line => self.take_line(&typed),
            Asked::Length { holes } => self.take_length(holes, &typed),
            Asked::Demands { holes } => {
                if let Err(why) = self.take_demands(holes, &typed) {
                    self.panel = Panel::Prompt(Prompt { complaint: Some(why), ..prompt });
                    return;
                }
                None
            }
            Asked::Strength { besides } => match run::parse_strength(&typed) {
                Some((percent, renoise)) => {
                    let rewrite = |app: &mut Self| run::rewrite_by(app, percent, renoise);
                    match besides {
                        Besides::Nothing => {
                            rewrite(self);
                            None
                        }
                        Besides::Candidates(count) => {
                            rewrite(self);
                            branch::make(self, *count);
                            None
                        }
                        Besides::Lab(contenders) => lab::compare(self, contenders, rewrite),
                    }
                }
                None => {
                    Some("Type a number from 10 to 100, and behind it words or tokens to have them chosen by chance.")
                }
            },
            Asked::Seed => match typed.parse() {
                Ok(seed) => {
                    self.infill.set_next_seed(seed);
                    self.inform(format!("The next run takes seed {seed}."));
                    None
                }
                Err(_) => Some("A seed is a whole number, 0 or more."),
            },
            Asked::Record => run::record_as(self, &typed),
            Asked::Instruction if typed.is_empty() => Some("Type what is to be done with the text."),
            Asked::Instruction => {
                run::instruct_by(self, &typed);
                None
            }
            Asked::Model { selected } => self.take_model(&prompt, *selected),
            Asked::File { selected } => self.take_file(*selected),
            Asked::Branch { selected } => match self.branches_for(&typed).get(*selected) {
                Some(entry) => {
                    self.show_branch(entry.at);
                    None
                }
                None => Some("There is no such branch; esc leaves."),
            },
            Asked::BranchName { id } => branch::rename(self, *id, &typed),
            Asked::BranchOptions => branch::take_options(self, &typed),
            Asked::Word { hole, cell } => cell::take_word(self, (*hole, *cell), prompt.input.text()),
            Asked::Candidates => branch::take_candidates(self, &typed),
            Asked::Lab => lab::take(self, &typed),
            Asked::HoleFrom { hole, selected } => match self.versions_of(*hole, &typed).get(*selected) {
                Some(entry) => {
                    self.take_hole_from(*hole, entry.at);
                    None
                }
                None => Some("There is no such branch; esc leaves."),
            },
            Asked::Document { selected } => match self.listed_for(&typed).get(*selected) {
                Some((place, _)) => {
                    self.show_document(*place);
                    None
                }
                None => Some("There is no such document; esc leaves."),
            },
            Asked::Palette { .. } if habit::is_line(&typed) => self.take_line(&typed),
            Asked::Palette { selected } => match prompt.palette().get(*selected) {
                Some(command) => {
                    command.run(self);
                    None
                }
                None => Some("There is no such command; esc leaves."),
            },
        };
        if let Some(complaint) = complaint {
            self.panel = Panel::Prompt(Prompt { complaint: Some(complaint.to_owned()), ..prompt });
        }
    }

    /// `12` or `12:5`.
    fn take_line(&mut self, typed: &str) -> Option<&'static str> {
        let (line, column) = typed.split_once(':').unwrap_or((typed, "1"));
        match (line.trim().parse(), column.trim().parse()) {
            (Ok(line), Ok(column)) => {
                file::go_to(self, line, column);
                None
            }
            _ => Some("Type a line number, such as 12, or line and column, such as 12:5."),
        }
    }

    fn take_length(&mut self, holes: &[u64], typed: &str) -> Option<&'static str> {
        let Some(length) = hole::parse_length(typed) else {
            return Some("Type auto, a number of tokens such as 12, or a range such as 3-40.");
        };
        self.set_length(holes, length);
        None
    }

    fn answer(&mut self, question: Question, key: Key) {
        let name = key.to_string();
        if !question.choices().iter().any(|(keys, ..)| keys.split(' ').any(|key| key == name)) {
            return;
        }
        self.panel = Panel::None;
        match (question, name.as_str()) {
            (Question::Unsaved(then, ..), "s") => {
                self.outbox.after_save = Some((self.document.id(), then));
                file::save(self);
            }
            (Question::Unsaved(then, ..), "d") => file::discard(self, then),
            (Question::Proposal(then), "d") => {
                self.drop_session();
                file::go_on(self, then);
            }
            (Question::Overwrite(path) | Question::ChangedOnDisk(path), "o") => {
                file::request_save(self, path, Expect::Anything);
            }
            (Question::ChangedOnDisk(_), "d") => ondisk::differ(self),
            (Question::ChangedOnDisk(_), "r") => ondisk::take_over(self),
            (Question::Replace { hit, with, .. }, "y") => replace::replace(self, hit, with),
            (Question::Replace { hit, .. }, "n") => replace::pass(self, &hit),
            (Question::Replace { hit, .. }, "a") => replace::replace_rest(self, hit.start),
            (Question::Replace { .. }, _) => replace::end(self),
            (Question::ModelLost { before, .. }, "l") => self.load_model(before),
            (Question::Recovery { found, is_stale, .. }, "r") => {
                recovery::restore(self, &found);
                if is_stale {
                    // What another program wrote is not overwritten without a question.
                    self.document.set_stamp(found.base);
                }
                self.go_on_asking();
            }
            (Question::Recovery { found, .. }, _) => {
                recovery::leave_out(self, &found);
                self.go_on_asking();
            }
            _ => self.outbox.after_save = None,
        }
    }
}
