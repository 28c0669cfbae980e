//! The table is whole.

use std::collections::BTreeSet;

use super::{find, names, presets};

#[test]
fn every_preset_has_its_own_name_a_source_and_one_sentence() {
    let mut seen = BTreeSet::new();
    for name in names() {
        assert!(seen.insert(name), "{name} twice");
    }
    for preset in presets() {
        assert!(!preset.source.is_empty());
        let sentence = preset.doc;
        assert!(sentence.ends_with('.') && sentence.matches(". ").count() == 0, "{sentence}");
        for twin in preset.twins {
            let (other, _) = find(twin).unwrap();
            assert!(other.twins.contains(&preset.name), "{} and {twin}", preset.name);
        }
    }
}
