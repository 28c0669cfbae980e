//! Recording a run and showing it again: from the command line to files, and in a pseudo-terminal.

use std::fs;

use lacuna::app::recording::Recording;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{refused, run};
use crate::terminal::Place;

/// A recorded run of the default model, and the text that it printed.
fn recorded(folder: &TempDir) -> (String, String) {
    let path = folder.path().join("run.json").to_str().unwrap().to_owned();
    let text = "It was so cold that the lake had [MASK:1] over during the [MASK:1].";
    let filled = run(&["fill", text, "--seed", "1", "--record", &path]);
    assert!(filled.status.success(), "{}", String::from_utf8_lossy(&filled.stderr));
    (path, String::from_utf8(filled.stdout).unwrap())
}

#[test]
fn a_run_is_recorded_as_it_happened_and_every_kind_of_film_is_made_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (path, text) = recorded(&folder);
    let recording = Recording::from_json(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!((recording.model.as_str(), recording.options.seed), ("lacuna-135m", 1));
    let last = recording.frames.last().unwrap();
    let words: Vec<String> = last.holes.iter().map(|hole| hole.text()).collect();
    assert_eq!(text, format!("It was so cold that the lake had {} over during the {}.", words[0], words[1]));
    assert!(recording.frames.len() > 1 && last.masks_left == 0);
    for kind in ["cast", "svg", "gif"] {
        let film = folder.path().join(format!("run.{kind}"));
        let made = run(&["replay", &path, "--to", film.to_str().unwrap(), "--size", "60x10", "--theme", "light"]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let bytes = fs::read(&film).unwrap();
        match kind {
            "cast" => {
                let first: Value = serde_json::from_slice(bytes.split(|b| *b == b'\n').next().unwrap()).unwrap();
                assert_eq!((&first["width"], &first["height"]), (&60.into(), &10.into()));
            }
            "svg" => assert!(bytes.starts_with(b"<svg ")),
            _ => assert!(bytes.starts_with(b"GIF89a")),
        }
    }
}

#[test]
fn what_cannot_be_played_is_told_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    refused(&run(&["replay", &path("none.json"), "--to", &path("a.svg")]), 1, &["none.json"]);
    fs::write(path("bad.json"), "{\"lacuna\": 1}").unwrap();
    refused(&run(&["replay", &path("bad.json"), "--to", &path("a.svg")]), 1, &["bad.json", "not a recording"]);
    fs::write(path("binary.json"), [0xff, 0xfe, 0]).unwrap();
    refused(&run(&["replay", &path("binary.json")]), 1, &["binary.json"]);
    let (good, _) = recorded(&folder);
    refused(&run(&["replay", &good, "--to", &path("a.mp4")]), 2, &["a.mp4", ".gif"]);
    refused(&run(&["replay", &good, "--to", &path("a.svg"), "--speed", "0"]), 2, &["--speed"]);
    refused(&run(&["replay", &good]), 1, &["not a terminal"]);
}

#[test]
fn a_recording_is_played_in_the_terminal_and_can_be_played_again_and_accepted() {
    let place = Place::new();
    let folder = tempfile::tempdir().unwrap();
    let (path, text) = recorded(&folder);
    let mut session = place.lacuna(&["replay", &path]);
    session.wait_for("◆ proposal");
    let line = text.trim_end();
    session.wait_for(line);
    session.keys("r");
    session.wait_until("a second proposal", |screen| screen.contains("◆ proposal b"));
    session.keys("s");
    session.wait_for("record as");
    session.keys("ctrl-a");
    session.type_text("again.json");
    session.keys("enter");
    session.wait_for("recorded in again.json");
    session.keys("enter");
    session.wait_for("Accepted");
    session.wait_for(line);
    session.keys("ctrl-z");
    session.wait_for("2 holes marked");
    session.quit();
    let again = Recording::from_json(&fs::read_to_string(place.file("again.json")).unwrap()).unwrap();
    let first = Recording::from_json(&fs::read_to_string(&path).unwrap()).unwrap();
    let words = |recording: &Recording| {
        recording.frames.last().unwrap().holes.iter().map(|hole| hole.text()).collect::<Vec<_>>()
    };
    assert_eq!(words(&again), words(&first));
}
