//! The settings file: what it changes in the editor, and how its mistakes are told.

use crate::support::run;
use crate::terminal::Place;

#[test]
fn keys_are_remapped_and_what_the_screen_says_follows() {
    let place = Place::new();
    place.configure("[editor]\nline_numbers = false\n\n[keys.text]\n\"alt-e\" = \"hole\"\n\"alt-m\" = \"none\"\n\"alt-q\" = \"save\"\n\"ctrl-s\" = \"none\"\n",
    );
    place.write("a.txt", "text\n");
    let mut session = place.lacuna(&["a.txt"]);
    session.wait_for("alt-e mark hole");
    session.wait_for("alt-q save");
    session.type_text("x");
    session.keys("ctrl-s");
    session.wait_for("ctrl-s does nothing here");
    session.keys("alt-q");
    session.wait_for("Saved");
    assert_eq!(place.read("a.txt"), "xtext\n");
    assert!(session.screen().lines().nth(1).unwrap().trim_start().starts_with("xtext"), "{}", session.screen());
    session.quit();
}

#[test]
fn a_mistake_is_told_by_its_line_and_the_rest_holds() {
    let place = Place::new();
    place.configure("[editor]\nline_numbers = false\ntab_with = 3\n");
    place.write("a.txt", "text\n");
    let session = place.lacuna(&["a.txt"]);
    session.wait_for("`tab_with`");
    assert!(!session.screen().contains("1   text"), "{}", session.screen());
    session.quit();
}

#[test]
fn the_modal_keymap_edits_and_saves() {
    let place = Place::new();
    place.configure("[editor]\nkeymap = \"modal\"\n");
    place.write("a.txt", "one two\n");
    let mut session = place.lacuna(&["a.txt"]);
    session.wait_for("NORMAL");
    session.type_text("wdi");
    session.wait_for("INSERT");
    session.type_text("x");
    session.keys("esc");
    session.wait_for("NORMAL");
    session.type_text("g");
    session.wait_for("line-start");
    session.type_text("l");
    session.type_text("a!");
    session.wait_for("INSERT");
    session.keys("esc");
    // Otherwise the next key comes right behind the escape character, which makes another key of both.
    session.wait_for("NORMAL");
    session.wait_for("xtwo!");
    session.save("a.txt");
    assert_eq!(place.read("a.txt"), "xtwo!\n");
    session.quit();
}

#[test]
fn the_default_file_is_printed_and_read_without_a_word() {
    let text = String::from_utf8(run(&["config", "--print-default"]).stdout).unwrap();
    assert!(text.contains("[editor]") && text.contains("#tab_width = 4") && text.contains("#\"ctrl-s\" = \"save\""));
    let place = Place::new();
    place.configure(&text);
    let config = place.config();
    let output = crate::support::lacuna(&["config", "--json"]).env("XDG_CONFIG_HOME", &config).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["mistakes"], serde_json::json!([]));
    assert_eq!(told["changed"], serde_json::json!([]));
    place.configure("[editor]\ncolor = 3\ntab_width = 8\n[samplers.a]\nnote = 1\n");
    let output = crate::support::lacuna(&["config"]).env("XDG_CONFIG_HOME", &config).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(out.contains("tab_width = 8"), "{out}");
    assert!(err.contains("config.toml:2: `color` is one of") && err.contains("config.toml:5: "), "{err}");
}
