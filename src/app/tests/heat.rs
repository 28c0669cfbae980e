//! How likely the user's words are: what is asked of the engine and when, and what is kept while the text changes. The
//! engine of these tests calls a word the less likely the longer it is.

use proptest::prelude::*;

use super::Desk;
use crate::app::effect::Effect;
use crate::app::message::{Message, Opened};
use crate::app::status::status;
use crate::engine::protocol::{Command, Event, ModelInfo, ScoreRequest, Scored, Verb, WordScore};

/// The wish that is not answered yet.
fn wish(desk: &Desk) -> Option<ScoreRequest> {
    let about_words = desk.effects.iter().rev().find_map(|effect| match effect {
        Effect::Engine(Command::Score(request)) => Some(Some(request.clone())),
        Effect::Engine(Command::StopScoring) => Some(None),
        _ => None,
    });
    about_words.flatten()
}

fn answered(request: &ScoreRequest) -> Scored {
    let mut words = Vec::new();
    for (at, part) in request.text.split_inclusive(char::is_whitespace).scan(0, |at, part| {
        *at += part.len();
        Some((*at - part.len(), part.trim_end()))
    }) {
        let bytes = at..at + part.len();
        if !part.is_empty() && bytes.start < request.bytes.end && request.bytes.start < bytes.end {
            words.push(WordScore { tokens: 1, log_probability: Some(likelihood(part)), bytes });
        }
    }
    Scored { id: request.id, words, passes: 6, seconds: 0.5 }
}

fn likelihood(word: &str) -> f64 {
    -2.0 * word.chars().count() as f64
}

impl Desk {
    fn answer(&mut self) -> &mut Self {
        let request = wish(self).expect("something is asked");
        self.send(Message::Engine(Event::Scored(answered(&request))));
        self
    }

    /// Answers until nothing is asked; how often.
    fn settle(&mut self) -> usize {
        let mut last = None;
        for round in 0..1000 {
            match wish(self) {
                Some(request) if last != Some(request.id) => {
                    last = Some(request.id);
                    self.send(Message::Engine(Event::Scored(answered(&request))));
                }
                _ => return round,
            }
        }
        panic!("it never ends");
    }

    /// The text with a digit behind each word that is known: how unlikely it is.
    fn heated(&self) -> String {
        let (mut out, buffer) = (String::new(), self.app.document().buffer());
        for pos in 0..buffer.len() {
            out.extend(buffer.char_at(pos));
            let here = self.app.heat().word_at(pos).filter(|word| word.range.end == pos + 1);
            out.extend(here.and_then(|word| self.app.heat().step_at(word.range.start)).map(|step| step.to_string()));
        }
        out
    }

    fn asked_about(&self) -> String {
        let request = wish(self).expect("something is asked");
        request.text[request.bytes].to_owned()
    }
}

const TEXT: &str = "[|]a it it incomprehensibilities at it a";

#[test]
fn nothing_is_asked_before_it_is_wanted_and_nothing_after() {
    let mut desk = Desk::new(TEXT);
    desk.keys("x y backspace end");
    assert_eq!(wish(&desk), None);
    desk.keys("alt-h");
    assert_eq!(desk.asked_about(), "xa it it incomprehensibilities at it a");
    assert_eq!(status(&desk.app).activity, "heat 0 of 7 words · 0 passes · 0.0 s");
    desk.keys("alt-h");
    assert_eq!((wish(&desk), status(&desk.app).activity.as_str()), (None, ""));
    desk.keys("alt-h").answer();
    assert_eq!(desk.heated(), "xa0 it0 it0 incomprehensibilities3 at0 it0 a0");
    assert_eq!(status(&desk.app).activity, "heat 7 words · 6 passes · 0.5 s");
    assert_eq!(desk.settle(), 1, "the answer to the last wish is old, and nothing else is asked");
}

#[test]
fn the_least_likely_word_of_a_selection_comes_first() {
    let mut desk = Desk::new("[|]a word incomprehensibilities\n\nlonger it is\n");
    desk.keys("alt-h").settle();
    desk.keys("down down alt-a f7");
    let selected = |desk: &Desk| desk.app.document().buffer().slice(desk.app.document().selection().range());
    assert_eq!(selected(&desk), "longer");
    desk.keys("left f7");
    assert_eq!(selected(&desk), "incomprehensibilities", "with nothing selected it is the one of the whole text");
    desk.keys("f7");
    assert_eq!(selected(&desk), "longer", "and then the next less likely");
}

#[test]
fn rows_and_words_are_marked_by_how_unlikely_they_are() {
    let mut desk = Desk::new(TEXT);
    desk.keys("alt-h").answer();
    let row = &crate::app::layout::screen(&desk.app).rows[0];
    assert_eq!(row.heat, Some(3));
    let marked: String = row.glyphs.iter().filter(|glyph| glyph.marks.heat == 3).map(|g| g.text.as_str()).collect();
    assert_eq!(marked, "incomprehensibilities");
    desk.keys("alt-h");
    let row = &crate::app::layout::screen(&desk.app).rows[0];
    assert!(row.heat.is_none() && row.glyphs.iter().all(|glyph| glyph.marks.heat == 0));
}

#[test]
fn only_words_near_an_edit_are_judged_again_and_the_others_move() {
    let line = "one two three four five six seven eight nine ten\n";
    let mut desk = Desk::new(&format!("[|]{}", line.repeat(8)));
    desk.keys("alt-h").settle();
    assert_eq!(status(&desk.app).activity.split(" · ").next(), Some("heat 80 words"));
    desk.keys("ctrl-l \"5\" enter x");
    let again = desk.asked_about();
    assert!(again.contains("xone two") && again.len() < 4 * line.len(), "{again:?}");
    assert!(desk.app.heat().word_at(4 * line.len()).is_none(), "the word was touched");
    let (done, of) = desk.app.heat().progress();
    assert!(of == 80 && (40..75).contains(&done), "{done}");
    desk.settle();
    assert_eq!(desk.app.heat().progress(), (80, 80));
    assert_eq!(desk.app.heat().ranked()[0].value, likelihood("three"));
    desk.keys("ctrl-z").settle();
    assert_eq!(desk.app.heat().progress(), (80, 80));
}

#[test]
fn an_answer_that_was_on_its_way_is_carried_through_what_was_typed_meanwhile() {
    let mut desk = Desk::new("[|]one incomprehensible thing is here");
    desk.keys("alt-h");
    let first = wish(&desk).unwrap();
    desk.keys("\"The_\" end \"!\"");
    assert_eq!(wish(&desk).unwrap().id, first.id, "one at a time");
    desk.send(Message::Engine(Event::Scored(answered(&first))));
    assert_eq!(desk.heated(), "The one incomprehensible2 thing0 is0 here!");
    assert_eq!(desk.asked_about(), "The one incomprehensible thing is here!");
    desk.settle();
    assert_eq!(desk.app.heat().progress().0, 6);
    assert_eq!(desk.app.heat().ranked().len(), 6);
}

#[test]
fn what_is_in_the_window_is_judged_first_and_then_what_is_around_it() {
    let lines: String = (0..400).map(|n| format!("line {n} of a text that is long enough to be scrolled\n")).collect();
    let mut desk = Desk::new(&format!("[|]{lines}"));
    desk.keys("ctrl-l \"200\" enter alt-h");
    let window: Vec<String> = desk.rows();
    let first = desk.asked_about();
    assert!(first.contains(window[1].trim_end()), "{first:?} for {window:?}");
    let rounds = desk.settle();
    let (done, of) = desk.app.heat().progress();
    assert!(done == of && rounds < 80, "{done} of {of} in {rounds}");
    let known = |line: usize| desk.app.heat().word_at(desk.app.document().buffer().line_start(line)).is_some();
    assert!(known(199) && known(230) && known(150) && !known(0) && !known(399));
    desk.keys("ctrl-end");
    assert!(desk.asked_about().contains("line 39"), "{:?}", desk.asked_about());
}

#[test]
fn the_least_likely_words_are_gone_to_in_order_and_refined_from_there() {
    let mut desk = Desk::new("[|]some people antidisestablish everything --------------------");
    desk.keys("f7");
    assert!(desk.app.settings().heat && desk.notice().starts_with("Unlikely words are marked"));
    desk.keys("f7");
    assert_eq!(desk.notice(), "No word is judged yet; f7 goes to one in a moment.");
    desk.settle();
    desk.keys("f7");
    assert_eq!(desk.drawing(), "some people [antidisestablish|] everything --------------------");
    let said = "\"antidisestablish\": under 0.1 %, least likely of 4 words; alt-r mends it.";
    assert_eq!(desk.notice(), said);
    desk.keys("f7");
    assert_eq!(desk.drawing(), "some people antidisestablish [everything|] --------------------");
    assert!(desk.notice().contains("2nd least likely of 4 words"));
    assert_eq!(status(&desk.app).cell.as_deref(), Some("\"everything\" under 0.1 %, given both sides"));
    desk.keys("f7 f7 f7 shift-f7 shift-f7 shift-f7");
    assert_eq!(desk.drawing(), "some people antidisestablish [everything|] --------------------");
    desk.keys("alt-r");
    assert_eq!(desk.request().verb, Verb::Refine);
    let hole = desk.engine_holes()[0];
    let range = desk.app.document().holes().get(hole.0).unwrap().range.clone();
    assert_eq!(desk.app.document().buffer().slice(range), "everything");
}

#[test]
fn a_model_that_cannot_judge_says_so_once_and_another_one_begins_anew() {
    let mut desk = Desk::new(TEXT);
    desk.keys("alt-h");
    let id = wish(&desk).unwrap().id;
    desk.send(Message::Engine(Event::NotScored { id, why: "plaid cannot.".into() }));
    assert_eq!((desk.app.settings().heat, desk.notice()), (false, "plaid cannot."));
    desk.keys("alt-h").answer();
    assert!(desk.app.heat().word_at(0).is_some());
    desk.send(Message::Engine(Event::Loading { model: "other".into() }));
    assert!(desk.app.heat().word_at(0).is_none());
    let before = wish(&desk);
    desk.keys("end x");
    assert_eq!(wish(&desk), before, "nothing is asked while there is no model");
    desk.send(Message::Engine(Event::Ready(ModelInfo::default())));
    assert_eq!(desk.asked_about(), "a it it incomprehensibilities at it ax");
}

#[test]
fn each_document_keeps_its_own_and_answers_for_another_are_not_taken() {
    let mut desk = Desk::new("[|]first words");
    desk.keys("alt-h");
    let old = wish(&desk).unwrap();
    let opened = Opened { path: Some("b.txt".into()), text: "second".into(), ..Opened::default() };
    desk.send(Message::Opened(Ok(opened)));
    assert_eq!(desk.asked_about(), "second");
    desk.send(Message::Engine(Event::Scored(answered(&old))));
    assert_eq!(desk.heated(), "second");
    desk.settle();
    assert_eq!(desk.heated(), "second0");
    desk.keys("ctrl-pageup");
    assert_eq!((desk.asked_about().as_str(), desk.heated().as_str()), ("first words", "first words"));
    desk.settle();
    desk.keys("ctrl-pagedown");
    assert_eq!(desk.heated(), "second0");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is typed while answers are on their way: in the end every word is known, and as the text has it now.
    #[test]
    fn in_the_end_every_word_is_known_as_it_is(
        steps in prop::collection::vec((0..6_u8, 0..400_usize, 0..9_usize), 0..30)
    ) {
        let mut desk = Desk::new(&format!("[|]{}", "some words that are not all alike, ".repeat(9)));
        desk.keys("alt-h");
        let mut last = None;
        for (kind, at, n) in steps {
            desk.app.document.select(crate::text::selection::Selection::caret(at.min(desk.app.document().buffer().len())));
            match kind {
                0 => _ = desk.keys(&format!("\"{}\"", "x".repeat(n + 1))),
                1 => _ = desk.keys("space"),
                2 => _ = desk.keys(&"backspace ".repeat(n)),
                3 => _ = desk.keys("ctrl-z"),
                4 => _ = desk.keys("enter"),
                _ => if let Some(request) = wish(&desk).filter(|wish| last != Some(wish.id)) {
                    last = Some(request.id);
                    desk.send(Message::Engine(Event::Scored(answered(&request))));
                },
            }
        }
        desk.keys("ctrl-home");
        desk.settle();
        let (done, of) = desk.app.heat().progress();
        prop_assert_eq!(done, of);
        let text = desk.text();
        let words: Vec<&str> = text.split_whitespace().collect();
        let found = desk.app.heat().ranked();
        prop_assert_eq!(found.len(), words.len());
        for word in found {
            prop_assert_eq!(likelihood(&desk.app.document().buffer().slice(word.range)), word.value);
        }
    }
}
