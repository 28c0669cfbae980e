//! Specifications read, and refused.

use super::{Custom, Overrides, Registry, SpecError, distance, parse_spec};
use crate::diffusion::preset::{Range, names, presets};
use crate::diffusion::refresh::RefreshPolicy;
use crate::diffusion::schedule::Steps;
use crate::diffusion::window::Window;

fn refusal(spec: &str) -> String {
    parse_spec(spec, &Overrides::default()).unwrap_err().to_string()
}

#[test]
fn every_preset_can_be_named_alone_and_with_each_of_its_keys() {
    for name in names() {
        parse_spec(name, &Overrides::default()).unwrap();
    }
    for preset in presets() {
        for key in preset.keys {
            let value = if let Range::Whole(_) = key.range { "7" } else { "0.45" };
            let spec = format!("{}:{}={value}", preset.name, key.name);
            let set = parse_spec(&spec, &Overrides::default()).unwrap();
            assert_ne!(set, parse_spec(preset.name, &Overrides::default()).unwrap(), "{spec}");
        }
    }
}

#[test]
fn the_specification_wins_over_flags_and_flags_over_defaults() {
    let overrides =
        Overrides { steps: Some(4), temperature: Some(0.5), top_p: Some(0.9), top_k: Some(7), refresh: None };
    let sampler = parse_spec("llada:block=8, steps=16", &overrides).unwrap();
    assert_eq!((sampler.window, sampler.schedule.steps), (Window::Blocks(8), Steps::Fixed(16)));
    let propose = sampler.propose;
    assert_eq!((propose.temperature, propose.top_p, propose.top_k), (0.5, 0.9, 7));
    assert_eq!(parse_spec("llada:block=0", &overrides).unwrap().window, Window::All);
}

#[test]
fn the_specifications_of_the_contract_are_read() {
    let sampler = parse_spec("llada:block=8,guidance=1.0", &Overrides::default()).unwrap();
    assert_eq!((sampler.window, sampler.guidance), (Window::Blocks(8), 1.0));
    let sampler = parse_spec("fast-dllm:block=32,threshold=0.9,cache=dual", &Overrides::default()).unwrap();
    assert_eq!((sampler.window, sampler.refresh), (Window::Blocks(32), RefreshPolicy::Dual));
    let sampler = parse_spec("eb:cache=dirty(16)", &Overrides::default()).unwrap();
    assert_eq!(sampler.refresh, RefreshPolicy::Dirty(16));
    let alias = parse_spec("dream-origin", &Overrides::default()).unwrap();
    assert_eq!(alias, parse_spec("mdlm:eps=0.001", &Overrides::default()).unwrap());
}

#[test]
fn a_cache_of_its_own_wins_over_the_callers_also_when_it_is_none() {
    let overrides = Overrides { refresh: Some(RefreshPolicy::Dirty(16)), ..Overrides::default() };
    let refresh = |spec| parse_spec(spec, &overrides).unwrap().refresh;
    assert_eq!(refresh("eb"), RefreshPolicy::Dirty(16));
    assert_eq!(refresh("eb:cache=none"), RefreshPolicy::All);
    assert_eq!(refresh("eb:cache=dual"), RefreshPolicy::Dual);
    assert_eq!(refresh("refresh none; masked conf best(1) write"), RefreshPolicy::All);
    assert_eq!(refresh("masked conf best(1) write"), RefreshPolicy::Dirty(16));
}

#[test]
fn a_sampler_may_be_written_out_and_flags_stand_for_what_it_leaves_open() {
    let overrides = Overrides { steps: Some(4), temperature: Some(0.5), ..Overrides::default() };
    let sampler = parse_spec("steps 9; masked conf best(equal) write", &overrides).unwrap();
    assert_eq!((sampler.schedule.steps, sampler.propose.temperature), (Steps::Fixed(9), 0.5));
    assert_eq!(
        refusal("masked conf best(equal) wirte").split(',').next(),
        Some("the sampler cannot be read: what is done should stand here: write")
    );
}

#[test]
fn refusals_say_what_would_be_right() {
    assert!(refusal("lada").contains("the nearest name is `llada`"));
    assert_eq!(
        refusal("eb:threshold=1"),
        "the sampler `eb` has no key `threshold`; it has gamma, steps, temperature, top-p, top-k, block, cache, \
         guidance, dry, passes"
    );
    assert_eq!(refusal("eb:gamma=-1"), "`gamma` cannot be `-1`; it is a number from 0 up");
    assert_eq!(refusal("eb:block"), "`block` is not key=value, as in llada:block=8,steps=16");
    let bad =
        ["eb:gamma=NaN", "eb:gamma=inf", "threshold:threshold=1.1", "llada:steps=0", "mdlm:eps=0", "", "eb:cache=x"];
    for bad in bad {
        parse_spec(bad, &Overrides::default()).unwrap_err();
    }
}

#[test]
fn flags_are_checked_like_keys() {
    let nan = Overrides { temperature: Some(f64::NAN), ..Overrides::default() };
    assert!(matches!(parse_spec("eb", &nan), Err(SpecError::BadValue { .. })));
    let none = Overrides { steps: Some(0), ..Overrides::default() };
    assert!(matches!(parse_spec("eb", &none), Err(SpecError::BadValue { .. })));
}

fn mine() -> Registry {
    let mut registry = Registry::default();
    let notation = "tau = 0.8\nwindow blocks(16)\nmasked conf above(tau) min=1 write".to_owned();
    registry.add(Custom { name: "mine".into(), doc: "My own.".into(), notation }).unwrap();
    registry
}

#[test]
fn a_users_sampler_is_named_like_a_preset_and_has_the_keys_it_defines() {
    let read = |spec: &str| mine().parse(spec, &Overrides::default());
    let same = |spec: &str, notation: &str| {
        assert_eq!(read(spec).unwrap(), parse_spec(notation, &Overrides::default()).unwrap(), "{spec}");
    };
    same("mine", "window blocks(16); masked conf above(0.8) min=1 write");
    same("mine:tau=0.5", "window blocks(16); masked conf above(0.5) min=1 write");
    same("mine:block=4,cache=dual", "window blocks(4); refresh dual; masked conf above(0.8) min=1 write");
    let unknown = read("mine:gamma=1").unwrap_err().to_string();
    assert!(unknown.starts_with("the sampler `mine` has no key `gamma`; it has tau, steps"), "{unknown}");
    assert!(read("mien").unwrap_err().to_string().contains("nearest name is `mine`"));
    assert_eq!(mine().resolve("llada:block=8").unwrap(), "llada:block=8");
}

#[test]
fn a_users_sampler_cannot_hide_a_preset_or_be_unreadable() {
    let add = |name: &str, notation: &str| {
        let custom = Custom { name: name.into(), doc: String::new(), notation: notation.into() };
        Registry::default().add(custom).unwrap_err()
    };
    assert!(matches!(add("llada", "masked all write"), SpecError::BadName(_)));
    assert!(matches!(add("my own", "masked all write"), SpecError::BadName(_)));
    assert!(matches!(add("mine", "masked all"), SpecError::Notation(_)));
}

#[test]
fn distance_counts_edits() {
    assert_eq!([distance("eb", "eb"), distance("lada", "llada"), distance("", "abc")], [0, 1, 3]);
}
