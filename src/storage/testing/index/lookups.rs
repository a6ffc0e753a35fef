//! The suite for lookups: each gives the answers of the reads that it consists of.

use super::Test;
use crate::model::record::Durability;
use crate::model::record::Version;
use crate::model::selector::Selector;
use crate::model::version_spec::{PromptRef, VersionSpec};
use crate::storage::testing::HistoryWriter;
use crate::storage::testing::history_writer::append;
use crate::storage::testing::values::{environment_change, moment, prompt_id, version_id};
use crate::storage::{Index, Numbering, Resolution, Snapshot, StoredBlob, VersionSummary};

/// The tests of this topic.
pub const TESTS: &[Test] = &[
    a_reference_names_prompts_by_name_and_by_id,
    a_spec_resolves_as_its_parts_are_read,
    a_spec_resolves_with_the_environments_of_its_version,
    a_head_is_the_highest_version_with_its_numbers,
    an_environment_is_looked_up_with_the_next_version,
    an_environment_is_looked_up_with_what_any_selector_selects,
    an_environment_is_looked_up_as_the_transaction_left_it,
];

/// Writes two prompts `twin`, and the prompts 3 (`single`, with versions) and 4 (without any).
fn write(index: &dyn Index) {
    let mut writer = HistoryWriter::new(index);
    writer.create(1, "twin", &[]);
    writer.create(2, "twin", &[]);
    writer.create(3, "single", &[]);
    writer.commit(3, 1, "1.0");
    writer.commit(3, 2, "2.0");
    writer.commit(3, 3, "1.1");
    writer.point(3, "production", Some(1));
    // Its name is the id of another prompt.
    writer.create(4, prompt_id(3).as_str(), &[]);
}

fn reference(text: &str) -> PromptRef {
    text.parse().unwrap()
}

fn place(snapshot: &dyn Snapshot, version: Option<&Version>) -> Option<StoredBlob> {
    snapshot.blob(version?.blob).unwrap()
}

const UNKNOWN: &dyn Fn(&Version) -> bool = &|_| false;

/// Prompts are found by name, newest first, and then by id.
pub fn a_reference_names_prompts_by_name_and_by_id(index: &dyn Index) {
    write(index);
    let snapshot = index.snapshot().unwrap();
    let ids = |reference: &PromptRef| snapshot.prompts_of(reference).unwrap();
    assert_eq!(ids(&reference("twin")), [prompt_id(2), prompt_id(1)]);
    assert_eq!(ids(&reference("single")), [prompt_id(3)]);
    assert_eq!(ids(&PromptRef::Id(prompt_id(3))), [prompt_id(3)]);
    let text = prompt_id(3).to_string();
    assert_eq!(
        ids(&reference(&text)),
        [prompt_id(4), prompt_id(3)],
        "a text may be a name and an id"
    );
    assert_eq!(ids(&PromptRef::Id(prompt_id(9))), []);
    assert_eq!(ids(&reference("nothing")), []);
}

/// A version is found by any selector, with its body and the last operation.
pub fn a_spec_resolves_as_its_parts_are_read(index: &dyn Index) {
    write(index);
    let snapshot = &*index.snapshot().unwrap();
    let id = snapshot.highest_version(prompt_id(3), None).unwrap();
    let id = id.expect("a version").id.to_string();
    for selector in ["1.0", "latest", "^1", "production", "9.9", "staging", &id] {
        let selector: Selector = selector.parse().unwrap();
        for prompt in ["single", "id:000003", "twin", "id:000004", "id:000009"] {
            let prompt = reference(prompt);
            let spec = VersionSpec::new(prompt.clone(), selector.clone());
            let found = snapshot.resolve(&spec, true, UNKNOWN).unwrap();
            assert_eq!(found.last, snapshot.last_operation().unwrap());
            let prompts = snapshot.prompts_of(&prompt).unwrap();
            assert_eq!(found.prompts, prompts, "{spec:?}");
            if let [prompt] = prompts[..] {
                let selected = snapshot.selected(prompt, &selector).unwrap();
                assert_eq!(found.version, selected, "{spec:?}");
                assert_eq!(found.body, place(snapshot, selected.as_ref()), "{spec:?}");
            } else {
                assert_eq!((&found.version, &found.body), (&None, &None), "{spec:?}");
            }
            let without = snapshot.resolve(&spec, false, UNKNOWN).unwrap();
            let last = None;
            assert_eq!(without, Resolution { last, ..found }, "{spec:?}");
        }
    }
    let alone: VersionSpec = id.parse().unwrap();
    let found = snapshot.resolve(&alone, true, UNKNOWN).unwrap();
    assert_eq!(found.version.expect("a version").id.to_string(), id);
}

/// A version has all its environments, and only them, however many its prompt has.
pub fn a_spec_resolves_with_the_environments_of_its_version(index: &dyn Index) {
    write(index);
    let mut writer = HistoryWriter::new(index);
    for number in 0..40 {
        let name = format!("stage-{number:02}");
        writer.point(3, &name, Some(1 + number % 3));
        if ![1, 14, 15, 16, 17, 39].contains(&number) {
            continue;
        }
        let snapshot = &*index.snapshot().unwrap();
        for selector in ["latest", "production", "stage-00", &name] {
            let selector: Selector = selector.parse().unwrap();
            let spec = VersionSpec::new(reference("single"), selector.clone());
            let found = snapshot.resolve(&spec, true, UNKNOWN).unwrap();
            let selected = snapshot.selected(prompt_id(3), &selector).unwrap();
            assert_eq!(found.version, selected, "{spec:?}");
            let environments = selected.expect("a version").environments;
            assert!(environments.len() as u32 >= number / 3, "{environments:?}");
        }
    }
}

/// A head has the numbers that a commit on it needs.
pub fn a_head_is_the_highest_version_with_its_numbers(index: &dyn Index) {
    write(index);
    HistoryWriter::new(index).delete_version(3, 3);
    let snapshot = &*index.snapshot().unwrap();
    for prompt in ["single", "id:000003"] {
        let head = snapshot.head(&reference(prompt), UNKNOWN).unwrap();
        assert_eq!(head.prompts, [prompt_id(3)]);
        let highest = snapshot.highest_version(prompt_id(3), None).unwrap();
        assert_eq!(head.version, highest);
        assert_eq!(head.numbering, snapshot.numbering(prompt_id(3), 2).unwrap());
        assert_eq!(head.body, place(snapshot, highest.as_ref()));
    }
    let empty = snapshot.head(&reference("id:000004"), UNKNOWN).unwrap();
    assert_eq!(empty.prompts, [prompt_id(4)]);
    assert_eq!(
        (empty.version, empty.numbering),
        (None, Numbering::default())
    );
    let several = snapshot.head(&reference("twin"), UNKNOWN).unwrap();
    assert_eq!(several.prompts, [prompt_id(2), prompt_id(1)]);
    assert_eq!(several.version, None);
}

fn summary(version: Option<Version>) -> Option<VersionSummary> {
    version.as_ref().map(VersionSummary::from)
}

/// The current version of an environment and the next one are found together.
pub fn an_environment_is_looked_up_with_the_next_version(index: &dyn Index) {
    write(index);
    let snapshot = &*index.snapshot().unwrap();
    let (production, staging) = ("production".parse().unwrap(), "staging".parse().unwrap());
    let latest = Selector::Latest;
    for prompt in ["single", "id:000003"] {
        let prompt = reference(prompt);
        let found = snapshot.environment(&prompt, &production, Some(&latest));
        let found = found.unwrap();
        assert_eq!(found.prompts, [prompt_id(3)]);
        let highest = snapshot.highest_version(prompt_id(3), None).unwrap();
        assert_eq!(found.selected, summary(highest));
        let current = snapshot.version_in(prompt_id(3), &production).unwrap();
        assert!(current.is_some());
        assert_eq!(found.current, summary(current));
        let removal = snapshot.environment(&prompt, &staging, None).unwrap();
        assert_eq!(removal.prompts, [prompt_id(3)]);
        assert_eq!((removal.selected, removal.current), (None, None));
    }
    let missing = snapshot.environment(&reference("nothing"), &production, Some(&latest));
    assert_eq!(missing.unwrap().prompts, []);
}

/// The next version is the one that the selector selects, whichever selector it is.
pub fn an_environment_is_looked_up_with_what_any_selector_selects(index: &dyn Index) {
    write(index);
    let snapshot = &*index.snapshot().unwrap();
    let production = "production".parse().unwrap();
    let id = version_id(2).to_string();
    for selector in ["1.0", "latest", "^1", "production", "9.9", "staging", &id] {
        let selector: Selector = selector.parse().unwrap();
        for prompt in ["single", "id:000003", "twin", "id:000004", "id:000009"] {
            let prompt = reference(prompt);
            let found = snapshot.environment(&prompt, &production, Some(&selector));
            let found = found.unwrap();
            let prompts = snapshot.prompts_of(&prompt).unwrap();
            assert_eq!(found.prompts, prompts);
            let (selected, current) = match prompts[..] {
                [prompt] => (
                    snapshot.selected(prompt, &selector).unwrap(),
                    snapshot.version_in(prompt, &production).unwrap(),
                ),
                _ => (None, None),
            };
            let expected = (summary(selected), summary(current));
            let found = (found.selected, found.current);
            assert_eq!(found, expected, "{prompt:?} at {selector:?}");
        }
    }
}

/// A lookup includes the changes that the transaction made before it, by name and by id.
pub fn an_environment_is_looked_up_as_the_transaction_left_it(index: &dyn Index) {
    write(index);
    let mut transaction = index.transaction(Durability::Full).unwrap();
    let production = "production".parse().unwrap();
    let selectors = [Selector::Latest, Selector::Id(version_id(2))];
    let (mut at, mut before) = (100, 1);
    for prompt in ["single", "id:000003"] {
        for selector in &selectors {
            for after in [2, 3] {
                let moved = environment_change(
                    prompt_id(3),
                    "production",
                    Some(version_id(before)),
                    Some(version_id(after)),
                );
                append(&mut *transaction, moment(at), vec![moved]).unwrap();
                let snapshot = transaction.snapshot();
                let found = snapshot.environment(&reference(prompt), &production, Some(selector));
                let found = found.unwrap();
                assert_eq!(
                    found.current.map(|version| version.id),
                    Some(version_id(after))
                );
                assert_eq!(found.selected.unwrap().id, version_id(2));
                (at, before) = (at + 1, after);
            }
        }
    }
}
