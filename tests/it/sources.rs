//! Where text is from: a person fills a hole, asks, saves, comes back another day, edits and takes it back.

use std::os::unix::fs::PermissionsExt;

use crate::editor::{READY, SENTENCE, with_a_hole};
use crate::terminal::Place;

#[test]
fn accepted_text_says_where_it_is_from_in_later_sessions_too_and_is_taken_back() {
    let place = Place::new();
    place.configure("[provenance]\nsidecar = true\n");
    let mut session = with_a_hole(&place, "a.txt", "2");
    session.keys("f5");
    session.wait_for("◆ proposal");
    session.keys("enter");
    session.wait_for("Accepted");
    session.keys("alt-y");
    session.wait_for("Fill by lacuna-135m: sampler ");
    session.wait_for("\"Qwxyz\"");
    session.save("a.txt");
    let accepted = place.read("a.txt");
    assert!(!accepted.contains("Qwxyz"), "{accepted}");
    session.quit();
    let beside = place.file("a.txt.lacuna.json");
    assert_eq!(std::fs::metadata(&beside).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(place.read("a.txt.lacuna.json").contains("\"model\":\"lacuna-135m\""));

    let mut session = place.lacuna(&["a.txt"]);
    session.wait_for(READY);
    session.keys("right*26 alt-y");
    session.wait_for("Fill by lacuna-135m: sampler ");
    session.type_text("X");
    session.keys("alt-y");
    session.wait_for("edited");
    session.keys("alt-Y");
    session.wait_for("Nothing was taken back: 1 place was edited since and stays.");
    session.keys("ctrl-z alt-Y");
    session.wait_for("Taken back in 1 place.");
    session.wait_for(SENTENCE.trim_end());
    session.keys("ctrl-z alt-y");
    session.wait_for("Fill by lacuna-135m: sampler ");
    session.keys("ctrl-y");
    session.save("a.txt");
    assert_eq!(place.read("a.txt"), SENTENCE);
    session.quit();

    place.write("a.txt", "Another text.\n");
    let session = place.lacuna(&["a.txt"]);
    session.wait_for("a.txt.lacuna.json is not used: it is about another text");
    session.quit();
}
