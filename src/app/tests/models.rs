//! Choosing models: what the app asks for, and what it makes of the answers.

use super::Desk;
use crate::app::Model;
use crate::app::effect::Effect;
use crate::app::message::Message;
use crate::app::panel::{Asked, Panel, Prompt};
use crate::engine::protocol::{Command, Event, ModelEntry, ModelInfo, Verb};

fn entries() -> Event {
    let entry = |name: &str| ModelEntry { name: name.into(), ..ModelEntry::default() };
    Event::Models(vec![entry("large"), entry("tiny"), entry("other")])
}

fn ready(name: &str) -> Event {
    Event::Ready(ModelInfo { name: name.into(), ..ModelInfo::default() })
}

fn is_remembered(desk: &Desk, name: &str) -> bool {
    desk.effects.iter().any(|effect| matches!(effect, Effect::RememberModel(remembered) if remembered == name))
}

#[test]
fn a_model_is_chosen_from_the_list_and_remembered_once_it_is_there() {
    let mut desk = Desk::new("[|]one");
    desk.keys("f2");
    assert_eq!(desk.last_command(), &Command::ListModels);
    desk.send(Message::Engine(entries()));
    let selected = |desk: &Desk| match desk.app.panel() {
        Panel::Prompt(Prompt { asked: Asked::Model { selected }, .. }) => *selected,
        panel => panic!("{panel:?}"),
    };
    assert_eq!(selected(&desk), 1, "the one that is loaded");
    desk.keys("down down down");
    assert_eq!(selected(&desk), 2, "the last one stays");
    desk.keys("\"lar\" enter");
    assert_eq!(desk.last_command(), &Command::Load("large".into()));
    assert_eq!(desk.app.model(), &Model::Loading("large".into()));
    assert!(!is_remembered(&desk, "large"));
    desk.send(Message::Engine(ready("large")));
    assert!(is_remembered(&desk, "large") && desk.notice().contains("large is loaded"));
}

#[test]
fn a_list_that_comes_late_takes_no_keys_away() {
    let mut desk = Desk::new("[|]one");
    desk.keys("f2 ctrl-l");
    desk.send(Message::Engine(entries()));
    assert!(matches!(desk.app.panel(), Panel::Prompt(Prompt { asked: Asked::Line, .. })));
    desk.keys("esc");
    desk.send(Message::Engine(entries()));
    assert!(matches!(desk.app.panel(), Panel::None), "nobody asked for this one");
}

#[test]
fn a_model_that_fails_leaves_the_one_before_or_offers_it() {
    let mut desk = Desk::new("[|]one");
    let info = ModelInfo { name: "tiny".into(), ..ModelInfo::default() };
    let failed = |kept| Event::NotLoaded { why: "large is damaged".into(), kept, before: Some("tiny".into()) };
    desk.keys("f2");
    desk.send(Message::Engine(entries()));
    desk.keys("\"lar\" enter");
    desk.send(Message::Engine(failed(Some(info.clone()))));
    assert_eq!(desk.app.model(), &Model::Ready(info));
    assert!(desk.notice().contains("large is damaged; tiny stays") && !is_remembered(&desk, "large"));
    desk.send(Message::Engine(failed(None)));
    assert!(matches!(desk.app.model(), Model::Unavailable(_)));
    desk.keys("l");
    assert_eq!(desk.last_command(), &Command::Load("tiny".into()));
}

#[test]
fn another_model_is_not_taken_while_a_run_goes_on() {
    let mut desk = Desk::new("[|]⟦one⟧ two");
    desk.keys("f5");
    let commands = desk.effects.len();
    desk.keys("f6 f2");
    assert!(desk.notice().contains("A run is going on"));
    assert_eq!(desk.effects.len(), commands);
}

#[test]
fn an_instruction_goes_along_and_again_with_the_next_seed() {
    let mut desk = Desk::new("say [one|] now");
    desk.keys("alt-i \"warm\" enter");
    let first = desk.request();
    assert_eq!((first.verb, first.options.instruction.as_deref()), (Verb::Fill, Some("warm")));
    desk.finish(&["+uno"]).keys("r");
    let second = desk.request();
    assert_eq!(second.options.instruction.as_deref(), Some("warm"));
    assert_ne!(first.options.seed, second.options.seed);
    desk.finish(&["+due"]).keys("enter");
    assert_eq!(desk.text(), "say due now");
    desk.keys("f5");
    assert_eq!(desk.request().options.instruction, None, "the next run is another");
}

#[test]
fn a_model_that_follows_no_instructions_says_why() {
    let mut desk = Desk::new("say [one|] now");
    let why = Some("tiny cannot follow an instruction".to_owned());
    desk.send(Message::Engine(Event::Ready(ModelInfo {
        name: "tiny".into(),
        no_instructions: why,
        ..ModelInfo::default()
    })));
    desk.keys("alt-i");
    assert!(desk.notice().contains("tiny cannot follow") && matches!(desk.app.panel(), Panel::None));
}
