//! Where accepted text is from: told, kept through edits, taken back, and kept in a file.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::Desk;
use crate::app::App;
use crate::app::document::Change;
use crate::app::effect::Effect;
use crate::app::message::{Message, Opened};
use crate::app::settings::Settings;
use crate::app::sources::{Provenance, Sources};
use crate::engine::protocol::{RunOptions, Verb};
use crate::text::buffer::Buffer;
use crate::text::change::{ChangeSet, Edit};
use crate::text::history::{EditKind, Written};

const NOBODY: &str = "No model wrote this, as far as is known.";

#[test]
fn what_was_accepted_says_where_it_is_from_and_undo_and_redo_keep_up() {
    let mut desk = Desk::new("one ⟦xx⟧ two[|]");
    desk.keys("f5").finish(&["+red +_fox"]).keys("enter");
    assert_eq!(desk.drawing(), "one ⟦red fox⟧ two[|]");
    desk.keys("alt-y");
    assert_eq!(desk.notice(), NOBODY);
    desk.keys("ctrl-home right right right right alt-y");
    let told = "Fill by tiny: sampler eb, seed 7; branch a, step 3; \"xx\" stood there before. alt-shift-y takes this run \
                back (1 place).";
    assert_eq!(desk.notice(), told);
    desk.keys("ctrl-z alt-y");
    assert_eq!((desk.text().as_str(), desk.notice()), ("one xx two", NOBODY));
    desk.keys("ctrl-y ctrl-home right right right right alt-y");
    assert_eq!(desk.notice(), told);
}

#[test]
fn typing_inside_marks_it_as_edited_typing_beside_does_not_and_deleting_all_forgets_it() {
    let mut desk = Desk::new("one ⟦⟧[|] two");
    desk.keys("f5").finish(&["+red +_fox"]).keys("enter alt-m");
    assert_eq!(desk.drawing(), "one red fox[|] two");
    desk.keys(r#" "!" left left alt-y "#);
    assert!(desk.notice().contains("nothing stood there before. "), "{}", desk.notice());
    desk.keys("end ctrl-left left alt-y");
    assert_eq!(desk.notice(), NOBODY, "what is typed behind it is the user's");
    desk.keys(r#" home right right right right right "x" alt-y "#);
    assert_eq!(desk.text(), "one rxed fox! two");
    assert!(desk.notice().ends_with("; you edited it since."), "{}", desk.notice());
    desk.keys("alt-shift-y");
    assert_eq!(desk.notice(), "Nothing was taken back: 1 place was edited since and stays.");
    desk.keys("ctrl-z alt-y");
    assert!(!desk.notice().contains("edited"), "{}", desk.notice());
    desk.keys("home ctrl-shift-right ctrl-shift-right ctrl-shift-right delete alt-y");
    assert_eq!((desk.text().as_str(), desk.notice()), ("! two", NOBODY));
}

#[test]
fn a_run_is_taken_back_where_it_was_not_edited_as_one_step_and_its_holes_are_open_again() {
    let mut desk = Desk::new("⟦a⟧ one ⟦bb⟧ two ⟦⟧[|]");
    desk.keys("f5").finish(&["+red", "+green", "+blue"]).keys("enter");
    assert_eq!(desk.drawing(), "⟦red⟧ one ⟦green⟧ two ⟦blue⟧[|]");
    // Behind the first character of the second.
    desk.keys(r#" alt-shift-y ctrl-z ctrl-home ctrl-right ctrl-right right right alt-m "x" "#);
    assert_eq!(desk.text(), "red one gxreen two blue");
    desk.keys("ctrl-home alt-shift-y");
    assert_eq!(desk.drawing(), "⟦a⟧[|] one gxreen two ⟦⟧");
    assert_eq!(desk.notice(), "Taken back in 2 places. 1 place was edited since and stays. ctrl-z puts it in again.");
    let open: Vec<u64> = desk.app.document().holes().iter().map(|hole| hole.id).collect();
    assert!(open.iter().all(|id| !desk.app.infill().is_accepted(*id)));
    desk.keys("ctrl-z");
    assert_eq!(desk.text(), "red one gxreen two blue");
    assert_eq!(desk.notice(), "Undone: taken back: fill · tiny · eb · seed 7.");
    desk.keys("alt-y");
    assert!(desk.notice().ends_with("takes this run back (2 places)."), "{}", desk.notice());
}

#[test]
fn of_a_rewrite_only_the_words_that_became_others_are_the_models_and_branches_say_their_parent() {
    let mut desk = Desk::new("[the old boat|] lay");
    desk.keys("alt-w enter").finish(&["=the +_new =_boat"]);
    desk.keys("R").finish_at(4, &["=the +_red =_boat"]).keys("enter");
    assert_eq!(desk.text(), "the red boat lay");
    desk.keys("ctrl-home alt-y");
    assert_eq!(desk.notice(), NOBODY);
    desk.keys("ctrl-right right right alt-y");
    let seed = desk.notice().split_once("seed ").map(|(_, rest)| rest.to_owned()).unwrap();
    assert!(desk.notice().starts_with("Rewrite 40 % by tiny: sampler eb, seed "), "{}", desk.notice());
    assert!(!seed.starts_with("7;"), "the branch has a seed of its own: {seed}");
    assert!(seed.contains("; branch a.1 from step 3 of a, step 4; \"old\" stood there before."), "{seed}");
    desk.keys("alt-shift-y");
    assert_eq!(desk.text(), "the old boat lay");
}

#[test]
fn words_that_a_rewrite_leaves_alone_stay_those_of_the_run_before() {
    let mut desk = Desk::new("the ⟦⟧[|]");
    desk.keys("f5").finish(&["+old +_boat"]).keys("enter");
    assert_eq!(desk.text(), "the old boat");
    desk.keys("alt-m home shift-end alt-w enter").finish(&["=the +_new =_boat"]).keys("enter");
    assert_eq!(desk.text(), "the new boat");
    desk.keys("end left alt-y");
    assert!(desk.notice().starts_with("Fill") && !desk.notice().contains("Rewrite"), "{}", desk.notice());
}

#[test]
fn a_hole_taken_from_another_branch_is_from_that() {
    let mut desk = Desk::new("⟦⟧ and ⟦⟧[|]");
    desk.keys("f5").finish(&["+one", "+two"]).keys("r").finish(&["+three", "+four"]);
    desk.keys("x enter enter");
    assert_eq!(desk.text(), "three and two");
    desk.keys("ctrl-home alt-y");
    assert!(!desk.notice().contains("seed 7;") && desk.notice().contains("; branch b.1 from "), "{}", desk.notice());
    desk.keys("ctrl-end alt-y");
    assert!(desk.notice().contains("seed 7; branch a, step 3;"), "{}", desk.notice());
    desk.keys("alt-shift-y");
    assert_eq!(desk.text(), "three and ", "each branch is taken back by itself");
}

#[test]
fn a_file_beside_says_it_to_the_next_session_where_it_is_about_the_same_text() {
    let mut desk = Desk::new("one ⟦xx⟧ two[|]");
    desk.keys("f5").finish(&["+red"]).keys("enter ctrl-s");
    let saved = |desk: &Desk| match desk.effects.last() {
        Some(Effect::Save(request)) => request.sidecar.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(saved(&desk), None, "off unless it is asked for");
    desk.refuse_save();
    desk.app.settings.sidecar = true;
    desk.keys("ctrl-s");
    let json = saved(&desk).unwrap();
    assert!(json.starts_with(crate::app::sources::sidecar::BEGINNING), "{json}");

    let mut later = Desk::new("one red two[|]");
    later.app.settings.sidecar = true;
    later.keys("ctrl-s");
    assert_eq!(saved(&later), None, "there is nothing to say");
    let found = |found: Result<String, String>| Message::SourcesFound { path: "a.txt".into(), found };
    later.send(found(Ok(json.clone())));
    later.keys("ctrl-home ctrl-right right right alt-y");
    assert!(
        later.notice().starts_with("Fill by tiny: sampler eb, seed 7; branch a, step 3; \"xx\""),
        "{}",
        later.notice()
    );
    later.keys("alt-shift-y");
    assert_eq!(later.text(), "one xx two");

    for (wrong, why) in [
        (Ok(json.replace("\"hash\":\"", "\"hash\":\"0")), "a.txt.lacuna.json is not used: it is about another text"),
        (Ok(json.replace("[[4,7,", "[[4,99,")), "it names places that are not in the text."),
        (Ok(json.replace("[[4,7,0", "[[4,7,1")), "it names places that are not in the text."),
        (Ok(json.replace("\"run\":0", "\"run\":3")), "it names a run that is not in it."),
        (Ok(json[1..].to_owned()), "it is no such file: "),
        (Err("It cannot be read.".to_owned()), "It cannot be read."),
    ] {
        let mut other = Desk::new("one red two[|]");
        other.send(found(wrong));
        assert!(other.notice().contains(why), "{}", other.notice());
        other.keys("alt-a alt-y");
        assert_eq!(other.notice(), NOBODY);
        other.app.settings.sidecar = true;
        other.keys("ctrl-s");
        assert!(saved(&other).is_some_and(|json| json.ends_with("\"spans\":[]}")), "what was wrong is not left there");
    }
}

fn made(seed: u64) -> Provenance {
    Provenance {
        verb: Verb::Fill,
        model: "tiny".into(),
        options: RunOptions { seed, ..RunOptions::default() },
        step: 1,
        branch: "a".into(),
        parent: None,
    }
}

#[derive(Clone, Debug)]
enum Op {
    Accept(usize, usize, &'static str),
    Edit(Vec<(usize, usize, &'static str)>),
    TakeBack(usize),
    Undo,
    Redo,
}

fn op() -> impl Strategy<Value = Op> {
    let word = proptest::sample::select(&["", "x", "yz", "wide"][..]);
    let edit = (0..24_usize, 0..5_usize, word.clone());
    prop_oneof![
        3 => (0..20_usize, 0..6_usize, word).prop_map(|(at, n, text)| Op::Accept(at, n, text)),
        4 => proptest::collection::vec(edit, 1..3).prop_map(Op::Edit),
        2 => (0..4_usize).prop_map(Op::TakeBack),
        2 => Just(Op::Undo),
        1 => Just(Op::Redo),
    ]
}

/// The oracle: each character with the text that it is of, and which texts are edited.
#[derive(Clone, Debug, Default, PartialEq)]
struct Labels {
    chars: Vec<(char, Option<u64>)>,
    edited: BTreeSet<u64>,
}

/// What the oracle knows of an accepted text: what it was, what stood there, and which of the texts in that were edited.
#[derive(Clone, Debug)]
struct Put {
    text: String,
    before: Vec<(char, Option<u64>)>,
    edited: BTreeSet<u64>,
}

impl Labels {
    fn change(&mut self, edits: &[Edit], label: Option<u64>) {
        for edit in edits.iter().rev() {
            let before = edit.range.start.checked_sub(1).and_then(|at| self.chars[at].1);
            let behind = self.chars.get(edit.range.end).and_then(|char| char.1);
            if edit.range.is_empty() {
                self.edited.extend(before.filter(|_| before == behind));
            }
            self.edited.extend(self.chars[edit.range.clone()].iter().filter_map(|char| char.1));
            self.chars.splice(edit.range.clone(), edit.text.chars().map(|c| (c, label)));
        }
    }

    fn count(&self, label: u64) -> usize {
        self.chars.iter().filter(|char| char.1 == Some(label)).count()
    }
}

fn check(app: &App, labels: &Labels, puts: &BTreeMap<u64, Put>) -> Result<(), TestCaseError> {
    let text: String = labels.chars.iter().map(|char| char.0).collect();
    prop_assert_eq!(app.document.buffer().text(), text);
    let sources: &Sources = app.document.sources();
    for (at, (_, label)) in labels.chars.iter().enumerate() {
        let known = sources.first_in(at..at + 1);
        prop_assert_eq!(known.as_ref().map(|known| known.source), *label, "at {}", at);
        if let Some(known) = known {
            prop_assert_eq!(known.edited, labels.edited.contains(&known.source), "at {}", at);
            if !known.edited {
                prop_assert_eq!(app.document.buffer().slice(known.range), puts[&known.source].text.as_str());
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn every_character_knows_whose_it_is_after_any_sequence(ops in proptest::collection::vec(op(), 1..20)) {
        let mut app = App::new(Settings::default());
        let opened = Opened { text: "some text to begin with".into(), ..Opened::default() };
        app.update(Duration::ZERO, Message::Opened(Ok(opened)));
        let chars = app.document.buffer().text().chars().map(|c| (c, None)).collect();
        let (mut states, mut at) = (vec![Labels { chars, ..Labels::default() }], 0);
        let mut puts = BTreeMap::new();
        for op in ops {
            let mut now = states[at].clone();
            let len = now.chars.len();
            match op {
                Op::Accept(start, n, text) => {
                    let start = start.min(len);
                    let range = start..(start + n).min(len);
                    let before = now.chars[range.clone()].to_vec();
                    let in_part = |label: &u64| {
                        before.iter().filter(|char| char.1 == Some(*label)).count() < now.count(*label)
                    };
                    let below: BTreeSet<u64> = before.iter().filter_map(|char| char.1).collect();
                    let edited = below.into_iter().filter(|label| in_part(label) || now.edited.contains(label)).collect();
                    let run = app.document.sources_mut().add_run(made(puts.len() as u64));
                    let old = before.iter().map(|char| char.0).collect();
                    let written = app.document.sources_mut().add(run, range.clone(), old);
                    prop_assert_eq!(written, Written { source: puts.len() as u64, edited: false });
                    puts.insert(written.source, Put { text: text.into(), before, edited });
                    let set = ChangeSet::replace(len, range, text);
                    now.change(set.edits(), Some(written.source));
                    let place = (start..start + text.len(), written);
                    app.document.edit(Change::new(set, EditKind::Other).writing(vec![place]), Duration::ZERO);
                }
                Op::Edit(edits) => {
                    let edit = |(start, n, text): (usize, usize, &str)| Edit { range: start..start + n, text: text.into() };
                    let set = ChangeSet::new(len, edits.into_iter().map(edit).collect());
                    now.change(set.edits(), None);
                    app.document.edit(Change::new(set, EditKind::Other), Duration::ZERO);
                }
                Op::TakeBack(back) => {
                    // Of every run there is one text here, and both have one number.
                    let Some(run) = puts.len().checked_sub(back + 1) else { continue };
                    app.take_back(run);
                    let source = run as u64;
                    if now.count(source) == 0 || now.edited.contains(&source) {
                        continue;
                    }
                    let put: &Put = &puts[&source];
                    let start = now.chars.iter().position(|char| char.1 == Some(source)).unwrap();
                    let end = start + now.count(source);
                    now.chars.splice(start..end, put.before.iter().copied());
                    let below: BTreeSet<u64> = put.before.iter().filter_map(|char| char.1).collect();
                    now.edited.retain(|label| !below.contains(label));
                    now.edited.extend(&put.edited);
                }
                Op::Undo => {
                    app.document.undo();
                    at = at.saturating_sub(1);
                    check(&app, &states[at], &puts)?;
                    continue;
                }
                Op::Redo => {
                    app.document.redo();
                    at = (at + 1).min(states.len() - 1);
                    check(&app, &states[at], &puts)?;
                    continue;
                }
            }
            states.truncate(at + 1);
            states.push(now);
            at += 1;
            check(&app, &states[at], &puts)?;
            let buffer: Buffer = app.document.buffer().clone();
            let read = Sources::of_json(&app.document.sources().to_json(&buffer), &buffer);
            let read = read.map_err(TestCaseError::fail)?;
            for place in 0..buffer.len() {
                let told = |sources: &Sources| {
                    sources.first_in(place..place + 1).map(|known| {
                        (known.range.clone(), known.edited, known.made.options.seed, known.before.to_owned())
                    })
                };
                prop_assert_eq!(told(&read), told(app.document.sources()));
            }
        }
    }
}
