//! Everything the user can do, as one table: name, one sentence, function. Key table, palette and help are views of it.

use crate::app::App;
use crate::app::commands::motion::{self, Motion, Reach};
use crate::app::commands::{branch, cell, edit, file, habit, heat, hole, lines, mode, multi, run, source, view};
use crate::app::{files, jumps, lab, models, ondisk, split};

/// Something the user can do.
#[derive(Debug)]
pub struct Command {
    /// Its name, lower case with hyphens.
    pub name: &'static str,
    /// What it does, one sentence.
    pub doc: &'static str,
    action: Action,
}

/// What a command calls.
#[derive(Debug, Clone, Copy)]
enum Action {
    Do(fn(&mut App)),
    Move(Motion, Reach),
}

/// A command is its name.
impl PartialEq for Command {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Command {
    pub(crate) fn run(&self, app: &mut App) {
        match self.action {
            Action::Do(function) => function(app),
            Action::Move(motion, reach) => motion::go(app, motion, reach),
        }
    }
}

const fn command(name: &'static str, doc: &'static str, function: fn(&mut App)) -> Command {
    Command { name, doc, action: Action::Do(function) }
}

const fn moves(name: &'static str, doc: &'static str, motion: Motion) -> Command {
    Command { name, doc, action: Action::Move(motion, Reach::Move) }
}

const fn takes(name: &'static str, doc: &'static str, motion: Motion) -> Command {
    Command { name, doc, action: Action::Move(motion, Reach::Take) }
}

const fn selects(name: &'static str, doc: &'static str, motion: Motion) -> Command {
    Command { name, doc, action: Action::Move(motion, Reach::Select) }
}

/// The command of this name.
pub fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// All commands, in the order of the help page.
pub const COMMANDS: &[Command] = &[
    command("run", "Fill the holes, rewrite the selection, or refine the paragraph: whatever there is.", run::start),
    command("rewrite", "Rewrite the selection; asks how much of it may change.", run::rewrite),
    command("instruct", "Rewrite the selection by an instruction, such as: make this warmer.", run::instruct),
    command("refine", "Find the weakest words of the paragraph and change those that become likelier.", run::refine),
    command(
        "run-pause",
        "Pause the run, or go on with it; when it is over, play its steps or stop playing.",
        run::pause,
    ),
    command("run-step", "Show the next step; at the newest one, make one step of the run and pause.", run::step),
    command("timeline-back", "Show the step before; a run that goes on is paused.", branch::back),
    command("timeline-start", "Show the first step.", branch::start),
    command("timeline-end", "Show the newest step.", branch::end),
    command("timeline-slower", "Play the steps slower.", branch::slower),
    command("timeline-faster", "Play the steps faster.", branch::faster),
    command("run-accept", "Stop the run and keep what there is, or accept what is shown.", run::accept),
    command(
        "run-reject",
        "Close what is open beside the text; else drop the run, or all branches: the text is as it was.",
        run::reject,
    ),
    command(
        "run-again",
        "Run again from the beginning for another text, drawn with another seed; the branches so far are kept.",
        run::again,
    ),
    command("branch", "Go on from the step that is shown, drawn with another seed, as a branch.", branch::here),
    command(
        "branch-with",
        "Go on from the step that is shown with knobs that you type, as a branch.",
        branch::ask_options,
    ),
    command("branch-previous", "Show the branch before this one.", branch::previous),
    command("branch-next", "Show the branch after this one.", branch::next),
    command("branches", "Show the tree of branches and choose one.", branch::list),
    command("branch-name", "Give the branch another name.", branch::ask_name),
    command("compare", "Show what the branches say, word by word beside each other, or hide it.", cell::compare),
    command("candidates", "Make several proposals, one after the other; asks how many.", branch::ask_candidates),
    command("lab", "Run the same seed under several samplers or models, to be seen in columns; asks which.", lab::ask),
    command("lab-columns", "Show the branches in columns, each after as many passes, or hide them.", lab::columns),
    command(
        "branch-take-hole",
        "Take this hole from another branch; a mix of both is then shown.",
        branch::ask_hole_from,
    ),
    command(
        "inspect",
        "Show what the model thought of the word at the caret, and what else could stand there.",
        cell::inspect,
    ),
    command("cell-choose-1", "Put the first alternative in the place of the word at the caret.", cell::choose::<1>),
    command("cell-choose-2", "Put the second alternative there.", cell::choose::<2>),
    command("cell-choose-3", "Put the third alternative there.", cell::choose::<3>),
    command("cell-choose-4", "Put the fourth alternative there.", cell::choose::<4>),
    command("cell-choose-5", "Put the fifth alternative there.", cell::choose::<5>),
    command("cell-choose-6", "Put the sixth alternative there.", cell::choose::<6>),
    command(
        "cell-write",
        "Type a word of your own to stand at the caret; what depends on it is redone.",
        cell::ask_word,
    ),
    command("cell-pin", "Hold the word at the caret: the run cannot change it.", cell::pin),
    command("cell-unpin", "No longer hold the word at the caret.", cell::unpin),
    command("cell-ban", "Never this word at this place.", cell::ban),
    command("cell-ban-everywhere", "Never this word anywhere in this run.", cell::ban_everywhere),
    command("cell-mask", "Mask the word at the caret again.", cell::mask),
    command("run-record", "Record the run: to be replayed, or as a film (asciicast, SVG, GIF).", run::record),
    command("run-type", "Put the caret into the hole and type there.", run::type_inside),
    command("focus", "Give the keys to the run, or back to the text.", run::toggle_focus),
    command("seed", "Type the seed that the next run takes.", run::ask_seed),
    command("hole", "Mark the selection as a hole, put one at the caret, or unmark the one there.", hole::toggle),
    command("hole-length", "Set how many tokens the hole gets.", hole::ask_length),
    command(
        "demands",
        "Say what the text of the hole must be like: length, expression, lines, characters, bans.",
        hole::ask_demands,
    ),
    command("hole-next", "Go to the next hole.", hole::next),
    command("hole-previous", "Go to the hole before.", hole::previous),
    command("holes-clear", "Unmark all holes.", hole::clear),
    command("why", "Say which model wrote the text at the caret, how, and what stood there before.", source::why),
    command(
        "take-back",
        "Take back what the run of the text at the caret wrote, but for what was edited.",
        source::take_back,
    ),
    command("heat", "Mark words that are unlikely given the text on both sides, or stop marking them.", heat::toggle),
    command(
        "heat-next",
        "Select the least likely word, of the selection if there is one, then the next less likely.",
        heat::next,
    ),
    command("heat-previous", "Select the word before that, which is less likely.", heat::previous),
    command("model", "Choose another model.", models::choose),
    command("model-unload", "Give the memory that the model takes back.", models::unload),
    command("save", "Save the document.", file::save),
    command("save-as", "Save the document under another name.", file::save_as),
    command("utf-8", "Save the document as UTF-8 from now on, whatever it was read as.", file::to_utf8),
    command("disk-diff", "Show how the file on disk differs from the document.", ondisk::differ),
    command("disk-read", "Read the file again, as one undo step.", ondisk::take_over),
    command("open", "Open a file.", file::open),
    command("files", "Find a file of this folder, or one opened lately, by letters of its path.", files::ask),
    command("new", "Begin a new document.", file::new),
    command("close", "Close the document; asks first if it is not saved.", file::close),
    command("documents", "Show another of the open documents.", file::choose),
    command("document-next", "Show the next document.", file::next),
    command("document-previous", "Show the document before.", file::previous),
    command("split", "Show two windows, of one document or of two, or one again.", split::toggle),
    command("other-window", "Give the keys to the other window.", split::other),
    command("quit", "Quit; asks first if something is not saved.", file::quit),
    command("save-quit", "Save the document and quit; asks first if something else is not saved.", habit::save_quit),
    command(
        "suspend",
        "Go back to the shell that started the program, until it is called to the foreground.",
        file::suspend,
    ),
    command("undo", "Undo the last change.", edit::undo),
    command("redo", "Redo what was undone.", edit::redo),
    command(
        "earlier",
        "Go to the text as it was a change earlier, also to what was undone and then left.",
        edit::earlier,
    ),
    command("later", "Go to the text as it was a change later.", edit::later),
    command("cut", "Cut the selection, or the line.", edit::cut),
    command("copy", "Copy the selection, or the line.", edit::copy),
    command("paste", "Paste the clipboard.", edit::paste),
    command("newline", "Begin a line with the indentation of this one.", edit::newline),
    command("indent", "Indent: insert a tab as this file does, or move the selected lines right.", edit::indent),
    command("outdent", "Move the lines left.", edit::outdent),
    command("indent-lines", "Move the line, or the selected lines, right.", edit::indent_lines),
    command("paste-after", "Paste the clipboard behind the selection.", edit::paste_after),
    command("delete-left", "Delete the character before the caret, or the selection.", edit::delete_left),
    command("delete-right", "Delete the character after the caret, or the selection.", edit::delete_right),
    command("delete-word-left", "Delete the word before the caret.", edit::delete_word_left),
    command("delete-word-right", "Delete the word after the caret.", edit::delete_word_right),
    command("delete-line", "Delete the line, or the selected lines.", edit::delete_line),
    command("duplicate-lines", "Duplicate the line, or the selected lines.", lines::duplicate),
    command("move-lines-up", "Move the line, or the selected lines, up.", lines::move_up),
    command("move-lines-down", "Move the line, or the selected lines, down.", lines::move_down),
    command("join-lines", "Join the line with the next, or the selected lines.", lines::join),
    command("sort-lines", "Sort the selected lines, or those of the paragraph.", lines::sort),
    command("comment", "Make the line, or the selected lines, a comment, or text again.", lines::toggle_comment),
    command("upper-case", "Write the word, or what is selected, in capitals.", lines::upper_case),
    command("lower-case", "Write the word, or what is selected, in small letters.", lines::lower_case),
    command("find", "Find a text.", view::find),
    command("replace", "Find a text and put another in its place, one match after the other or all.", view::replace),
    command("find-next", "Go to the next match.", view::find_next),
    command("find-previous", "Go to the match before.", view::find_previous),
    command("find-elsewhere", "Go to the next match in another open document.", view::find_elsewhere),
    command("go-to-line", "Go to a line by its number.", view::go_to_line),
    command("jump-back", "Go back to where the caret was before it went far away.", jumps::back),
    command("jump-forth", "Go forth again to where it went.", jumps::forth),
    command("matching-bracket", "Go to the partner of the bracket at the caret.", lines::matching_bracket),
    command("palette", "Find a command by its name.", view::palette),
    command("settings", "Open config.toml, the file with the settings, or say where it would be.", view::settings),
    command("tour", "Open the tour: ten minutes in which you try what the program can do.", file::tour),
    command("help", "Show the keys, the commands, and what the marks on the screen mean.", view::help),
    command("wrap", "Wrap long lines, or stop wrapping them.", view::toggle_wrap),
    command("line-numbers", "Show line numbers, or hide them.", view::toggle_line_numbers),
    command("count-words", "Say how many words there are, and how long reading them takes.", view::count_words),
    command("whitespace", "Show white space at the ends of lines, all of it, or none.", view::toggle_whitespace),
    command("syntax", "Give the words of a language colours, or take them away.", view::toggle_syntax),
    command("reduce-motion", "Show guesses while text is denoised, or only what is written.", view::toggle_motion),
    command("leave", "Leave what is in front: the selection, the marked matches; the keys go to the run.", view::leave),
    command("select-all", "Select everything.", motion::select_all),
    command("select-word", "Select the word at the caret.", motion::select_word),
    command(
        "add-next-match",
        "Select the word, then also where it stands next: a caret at each.",
        multi::add_next_match,
    ),
    command(
        "select-matches",
        "Select all matches, or all places where the word or the selection stands.",
        multi::select_matches,
    ),
    command("split-lines", "Put a caret at the end of each selected line.", multi::split_lines),
    command("cursor-above", "Put another caret on the row above.", multi::cursor_above),
    command("cursor-below", "Put another caret on the row below.", multi::cursor_below),
    command("keep-primary", "Leave one caret of several.", multi::keep_primary),
    command("select-line", "Select the line.", motion::select_line),
    command("select-paragraph", "Select the paragraph.", motion::select_paragraph),
    command("select-line-below", "Select the line, or one line more.", motion::select_line_below),
    command("collapse", "Select nothing; the caret stays.", motion::collapse),
    command("mode-normal", "Modal keymap: keys are commands.", mode::normal),
    command("mode-select", "Modal keymap: motions select.", mode::select),
    command("mode-insert", "Modal keymap: type before the selection.", mode::insert),
    command("mode-append", "Modal keymap: type behind the selection.", mode::append),
    command("mode-insert-line-start", "Modal keymap: type at the start of the line.", mode::insert_line_start),
    command("mode-append-line-end", "Modal keymap: type at the end of the line.", mode::append_line_end),
    command("open-below", "Begin a line below this one.", mode::open_below),
    command("open-above", "Begin a line above this one.", mode::open_above),
    command("change", "Delete the selection and type in its place.", mode::change),
    moves("left", "Move the caret left.", Motion::Left),
    moves("right", "Move the caret right.", Motion::Right),
    moves("up", "Move the caret a row up.", Motion::Up),
    moves("down", "Move the caret a row down.", Motion::Down),
    moves("word-left", "Move the caret to the start of a word.", Motion::WordLeft),
    moves("word-right", "Move the caret to the end of a word.", Motion::WordRight),
    moves("next-word", "Move the caret to the start of the next word.", Motion::NextWord),
    moves("line-start", "Move the caret to the start of the line.", Motion::LineStart),
    moves("line-end", "Move the caret to the end of the line.", Motion::LineEnd),
    moves("page-up", "Move the caret a window up.", Motion::PageUp),
    moves("page-down", "Move the caret a window down.", Motion::PageDown),
    moves("paragraph-up", "Move the caret to the paragraph before.", Motion::ParagraphUp),
    moves("paragraph-down", "Move the caret to the next paragraph.", Motion::ParagraphDown),
    moves("start", "Move the caret to the start of the document.", Motion::Start),
    moves("end", "Move the caret to the end of the document.", Motion::End),
    selects("select-left", "Select to the left.", Motion::Left),
    selects("select-right", "Select to the right.", Motion::Right),
    selects("select-up", "Select a row up.", Motion::Up),
    selects("select-down", "Select a row down.", Motion::Down),
    selects("select-word-left", "Select to the start of a word.", Motion::WordLeft),
    selects("select-word-right", "Select to the end of a word.", Motion::WordRight),
    selects("select-next-word", "Select to the start of the next word.", Motion::NextWord),
    selects("select-line-start", "Select to the start of the line.", Motion::LineStart),
    selects("select-line-end", "Select to the end of the line.", Motion::LineEnd),
    selects("select-page-up", "Select a window up.", Motion::PageUp),
    selects("select-page-down", "Select a window down.", Motion::PageDown),
    selects("select-paragraph-up", "Select to the paragraph before.", Motion::ParagraphUp),
    selects("select-paragraph-down", "Select to the next paragraph.", Motion::ParagraphDown),
    selects("select-start", "Select to the start of the document.", Motion::Start),
    selects("select-end", "Select to the end of the document.", Motion::End),
    takes("take-next-word", "Select from the caret to the start of the next word.", Motion::NextWord),
    takes("take-word-left", "Select from the caret to the start of a word.", Motion::WordLeft),
    takes("take-word-right", "Select from the caret to the end of a word.", Motion::WordRight),
];
