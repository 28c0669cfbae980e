//! A tiny checkpoint of each family, with a tokenizer made here, fills a hole in the editor: the built program in a
//! pseudo-terminal.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::families::lfm2;
use crate::support::project;
use crate::terminal::{Place, Session};
use crate::tiny;

/// A family by the name that its files give it, and a golden checkpoint that is one with these changes.
struct Family {
    name: &'static str,
    fixture: &'static str,
    changes: Value,
    /// Whether it cannot see the text after a hole.
    blind: bool,
}

fn family(name: &'static str, fixture: &'static str) -> Family {
    Family { name, fixture, changes: Value::Null, blind: false }
}

fn called(name: &'static str, fixture: &'static str) -> Family {
    with(name, fixture, json!({}))
}

fn with(name: &'static str, fixture: &'static str, mut changes: Value) -> Family {
    changes["model_type"] = json!(name);
    Family { changes, ..family(name, fixture) }
}

fn blind(family: Family) -> Family {
    Family { blind: true, ..family }
}

fn families() -> Vec<Family> {
    let experts = || json!({ "moe_intermediate_size": 32, "architectures": ["Mixture"], "mask_token_id": 110 });
    vec![
        family("llada", "llada"),
        called("illada", "llada"),
        family("dream", "dream"),
        family("qwen2", "open-dcoder"),
        family("llama", "diffullama"),
        called("coda", "a2d-qwen3"),
        called("a2d-llama", "diffullama"),
        family("a2d-qwen2", "a2d-qwen2"),
        family("a2d-qwen3", "a2d-qwen3"),
        called("qwen3", "a2d-qwen3"),
        family("llada-moe", "llada-moe"),
        with("lladamoe", "llada-moe", json!({ "architectures": [] })),
        with("rnd1", "llada-moe", experts()),
        with("qwen3_moe", "llada-moe", experts()),
        blind(family("llada2_moe", "llada2")),
        blind(called("llada21_moe", "llada2")),
        blind(family("sdar", "sdar")),
        blind(with("sdar_moe", "llada-moe", experts())),
        blind(with("fast_dllm_qwen", "open-dcoder", json!({ "bd_size": 8 }))),
        family("tess2", "tess2"),
        family("lfm2", ""),
        family("bert", "bert"),
        family("roberta", "roberta"),
        called("xlm-roberta", "roberta"),
        family("modernbert", "modernbert"),
        family("smdm", "smdm"),
        family("mdlm", "mdlm"),
        called("sdtt", "mdlm"),
        blind(family("bd3lm", "bd3lm")),
        with("udlm", "mdlm", json!({ "time_conditioning": null })),
        with("duo", "mdlm", json!({ "time_conditioning": null })),
        family("dit", "gidd"),
        called("gidd", "gidd"),
        family("sedd", "sedd"),
        family("radd", "radd"),
        family("gpt2", "diffugpt"),
        called("diffugpt", "diffugpt"),
        family("plaid", "plaid"),
        family("ssd-lm", "ssd-lm"),
        family("diffusion-lm", "diffusion-lm"),
    ]
}

/// What stands in quotes behind a key, in the lines of a table of a source file.
fn quoted(file: &str, table: &str, key: &str) -> Vec<String> {
    let text = fs::read_to_string(project(file)).unwrap();
    let table = text.split_once(table).unwrap().1.split_once("\n];").unwrap().0;
    let rests = table.lines().filter_map(|line| Some(line.split_once(key)?.1));
    rests.flat_map(|rest| rest.split('"').skip(1).step_by(2).map(str::to_owned)).collect()
}

#[test]
fn no_family_of_the_tables_is_left_out() {
    let mut names = quoted("src/model/family.rs", "const FAMILIES", "names: ");
    names.extend(quoted("src/model/continuous.rs", "const KINDS", "family: "));
    assert!(names.len() > 35, "{names:?}");
    let tried: Vec<&str> = families().iter().map(|family| family.name).collect();
    let left_out: Vec<_> = names.iter().filter(|name| !tried.contains(&name.as_str())).collect();
    assert!(left_out.is_empty(), "{left_out:?}");
}

fn make(family: &Family, folder: &Path) {
    if family.fixture.is_empty() {
        lfm2::make(folder);
    } else {
        tiny::copy(family.fixture, folder, &family.changes);
    }
    tiny::give_tokenizer(folder);
}

/// Chooses the model, fills the hole of the text, takes the result and takes it back.
fn fill_with(session: &mut Session, family: &Family) {
    let name = format!("its-{}", family.name);
    session.keys("f2");
    session.wait_for(" models ");
    session.type_text(&name);
    session.wait_until("the model to be listed", |screen| screen.contains(&format!("{name} ")));
    session.keys("enter");
    session.wait_until(&format!("{name} to be loaded"), |screen| {
        assert!(!screen.contains("stays."), "{screen}");
        screen.lines().next().is_some_and(|header| header.contains(&format!("{name} · cpu")))
    });
    session.keys("f5");
    if family.blind {
        session.wait_for("cannot see the text after a hole");
    }
    session.wait_for("◆ proposal");
    session.keys("enter");
    session.wait_for("Accepted; ctrl-z takes it back in one step");
    let screen = session.screen();
    let text = screen.lines().find(|line| line.contains("the ")).unwrap_or_else(|| panic!("{name}:\n{screen}"));
    assert!(text.contains(" man and the sea") && !text.contains("zzz"), "{name}:\n{screen}");
    session.keys("ctrl-z");
    session.wait_for("the zzz man and the sea");
}

fn fill_with_all(families: &[Family]) {
    let place = Place::new();
    for family in families {
        make(family, &place.models().join(format!("its-{}", family.name)));
    }
    place.write("a.txt", "the zzz man and the sea\n");
    let first = place.models().join(format!("its-{}", families[0].name));
    let mut session = place.lacuna(&["a.txt", "--model", first.to_str().unwrap()]);
    session.wait_for("· cpu");
    session.keys("right*4 shift-right*3");
    session.wait_for("(3 characters selected)");
    session.keys("alt-m");
    session.wait_for("1 hole marked");
    for family in families {
        fill_with(&mut session, family);
    }
    session.quit();
    assert_eq!(place.read("a.txt"), "the zzz man and the sea\n");
}

#[test]
fn a_tiny_checkpoint_of_each_family_fills_a_hole_in_the_editor() {
    let mut families = families();
    families.retain(|family| !["plaid", "ssd-lm", "diffusion-lm", "tess2"].contains(&family.name));
    fill_with_all(&families);
}

#[test]
fn a_tiny_checkpoint_of_each_family_of_vectors_fills_a_hole_in_the_editor() {
    let mut families = families();
    families.retain(|family| ["plaid", "ssd-lm", "diffusion-lm", "tess2"].contains(&family.name));
    assert_eq!(families.len(), 4);
    fill_with_all(&families);
}
