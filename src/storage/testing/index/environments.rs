//! The suite for environments: set, moved, removed and listed.

use super::Test;
use crate::model::record::Environment;
use crate::storage::Index;
use crate::storage::testing::HistoryWriter;
use crate::storage::testing::values::{environment, environment_change, prompt_id, version_id};

/// The tests of this topic.
pub const TESTS: &[Test] = &[
    an_environment_points_to_one_version,
    environments_are_listed_by_name,
    environments_in_use_are_sorted,
    several_moves_are_one_operation,
];

fn two_versions(index: &dyn Index) -> HistoryWriter<'_> {
    let mut scribe = HistoryWriter::new(index);
    scribe.create(1, "p", &[]);
    scribe.commit(1, 1, "1.0");
    scribe.commit(1, 2, "2.0");
    scribe
}

/// An environment belongs to one prompt, and points where it was last pointed.
///
/// It can be set, moved and removed.
pub fn an_environment_points_to_one_version(index: &dyn Index) {
    let mut scribe = two_versions(index);
    scribe.create(2, "other", &[]);
    scribe.commit(2, 3, "1.0");
    let production = environment("production");
    let found = |prompt| {
        let version = index
            .snapshot()
            .unwrap()
            .version_in(prompt_id(prompt), &production);
        version.unwrap().map(|version| version.id)
    };
    assert_eq!(found(1), None);
    scribe.point(1, "production", Some(1));
    assert_eq!(found(1), Some(version_id(1)));
    assert_eq!(found(2), None, "an environment belongs to one prompt");
    scribe.point(2, "production", Some(3));
    scribe.point(1, "production", Some(2));
    assert_eq!(
        (found(1), found(2)),
        (Some(version_id(2)), Some(version_id(3)))
    );
    let first = index
        .snapshot()
        .unwrap()
        .version(version_id(1))
        .unwrap()
        .unwrap();
    assert_eq!(
        first.environments,
        [],
        "the previous version still has the environment"
    );
    scribe.point(1, "production", None);
    assert_eq!((found(1), found(2)), (None, Some(version_id(3))));
    scribe.point(1, "production", Some(1));
    assert_eq!(found(1), Some(version_id(1)), "it can be set again");
    let snapshot = index.snapshot().unwrap();
    let other_case = snapshot.version_in(prompt_id(1), &environment("Production"));
    assert_eq!(other_case.unwrap(), None, "names are compared exactly");
}

/// An environment is listed with its version's number and the time of its last move.
pub fn environments_are_listed_by_name(index: &dyn Index) {
    let mut scribe = two_versions(index);
    let mut expected = Vec::new();
    for (name, number, numbered) in [("A", 1, "1.0"), ("b", 2, "2.0"), ("ä", 1, "1.0")] {
        scribe.point(1, name, Some(number));
        expected.push(Environment {
            name: environment(name),
            prompt_id: prompt_id(1),
            version_id: version_id(number),
            number: numbered.parse().unwrap(),
            moved_at: scribe.now(),
        });
    }
    let listed = || {
        index
            .snapshot()
            .unwrap()
            .environments(prompt_id(1))
            .unwrap()
    };
    assert_eq!(listed(), expected, "sorted by code points");
    scribe.point(1, "A", Some(2));
    expected[0].version_id = version_id(2);
    expected[0].number = "2.0".parse().unwrap();
    expected[0].moved_at = scribe.now();
    assert_eq!(
        listed(),
        expected,
        "a move has its own time, and does not change the others"
    );
    scribe.point(1, "b", None);
    expected.remove(1);
    assert_eq!(listed(), expected);
    let other = index.snapshot().unwrap().environments(prompt_id(9));
    assert_eq!(other.unwrap(), [], "a prompt that never existed");
}

/// The names in use by any prompt are listed once each.
pub fn environments_in_use_are_sorted(index: &dyn Index) {
    let mut scribe = two_versions(index);
    scribe.create(2, "other", &[]);
    scribe.commit(2, 3, "1.0");
    for (prompt, name, to) in [(1, "b", 1), (1, "A", 1), (2, "b", 3), (2, "ä", 3)] {
        scribe.point(prompt, name, Some(to));
    }
    let names = || {
        let names = index.snapshot().unwrap().environment_names().unwrap();
        names.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(names(), ["A", "b", "ä"], "sorted by code points, each once");
    scribe.point(1, "b", None);
    scribe.point(1, "A", None);
    assert_eq!(names(), ["b", "ä"]);
    scribe.delete_prompt(2);
    assert_eq!(names(), [""; 0], "a deleted prompt has none");
}

/// An operation applies its changes in order, even several of one environment.
pub fn several_moves_are_one_operation(index: &dyn Index) {
    let mut scribe = two_versions(index);
    let (one, two) = (Some(version_id(1)), Some(version_id(2)));
    let change = |name, before, after| environment_change(prompt_id(1), name, before, after);
    scribe.write(vec![
        change("a", None, one),
        change("b", None, one),
        change("a", one, two),
        change("b", one, None),
        change("b", None, two),
    ]);
    let listed = index
        .snapshot()
        .unwrap()
        .environments(prompt_id(1))
        .unwrap();
    let listed: Vec<_> = listed
        .iter()
        .map(|to| (to.name.as_str(), to.version_id))
        .collect();
    assert_eq!(listed, [("a", version_id(2)), ("b", version_id(2))]);
    let last = index.snapshot().unwrap().last_operation().unwrap();
    assert_eq!(
        last.map(|(number, _)| number),
        Some(4),
        "one operation, not five"
    );
}
