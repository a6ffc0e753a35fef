//! The suite for versions: found in every way, listed, numbered and deleted.

use super::Test;
use crate::model::id::VersionId;
use crate::model::record::VersionFilter;
use crate::storage::testing::HistoryWriter;
use crate::storage::testing::values::{body, prompt_id, version_id};
use crate::storage::{Index, Numbering};

/// The tests of this topic.
pub const TESTS: &[Test] = &[
    a_version_is_read_as_it_was_written,
    a_version_is_found_by_number,
    the_highest_version_is_found,
    the_highest_version_that_meets_a_requirement_is_found,
    versions_are_listed_newest_first,
    pages_continue_after_the_last_version,
    filters_combine_with_pages,
    deleted_versions_keep_ids_and_numbers_taken,
    prompts_are_numbered_apart,
];

fn ids(numbers: &[u32]) -> Vec<VersionId> {
    numbers.iter().copied().map(version_id).collect()
}

fn list(
    index: &dyn Index,
    filter: &VersionFilter,
    before: Option<u32>,
    limit: usize,
) -> Vec<VersionId> {
    let before = before.map(version_id);
    let versions = index
        .snapshot()
        .unwrap()
        .versions(prompt_id(1), filter, before, limit);
    versions
        .unwrap()
        .into_iter()
        .map(|version| version.id)
        .collect()
}

/// Writes versions of two majors in turns. Version 3 belongs to another prompt.
fn two_majors(index: &dyn Index) -> HistoryWriter<'_> {
    let mut scribe = HistoryWriter::new(index);
    scribe.create(1, "p", &[]);
    scribe.create(2, "other", &[]);
    scribe.commit(1, 9, "1.0");
    scribe.commit(1, 8, "2.0");
    scribe.commit(2, 3, "1.0");
    scribe.commit(1, 7, "1.1");
    scribe.commit(1, 6, "2.1");
    scribe.commit(1, 5, "1.2");
    scribe.commit(1, 4, "2.10");
    scribe
}

/// Every field of a version is read as it was written.
///
/// Its environments are sorted. Two versions may share a body.
pub fn a_version_is_read_as_it_was_written(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    scribe.create(1, "p", &[]);
    let first = scribe.commit(1, 1, "1.0");
    let mut second = scribe.commit_body(1, 2, "1.1", &body(1));
    assert_eq!(second.base, Some(first.id), "a test of the base needs one");
    for name in ["b", "production", "ä", "A"] {
        scribe.point(1, name, Some(2));
    }
    let snapshot = index.snapshot().unwrap();
    assert_eq!(snapshot.version(first.id).unwrap().as_ref(), Some(&first));
    second.environments = ["A", "b", "production", "ä"]
        .map(|name| name.parse().unwrap())
        .to_vec();
    let found = snapshot.version(second.id).unwrap();
    assert_eq!(
        found.as_ref(),
        Some(&second),
        "environments are sorted by code points"
    );
    let production = snapshot
        .version_in(prompt_id(1), &second.environments[2])
        .unwrap();
    assert_eq!(
        production.as_ref(),
        Some(&second),
        "every read returns the whole version"
    );
    let highest = snapshot.highest_version(prompt_id(1), None).unwrap();
    assert_eq!(highest.as_ref(), Some(&second));
    let listed = snapshot.versions(prompt_id(1), &VersionFilter::default(), None, 10);
    assert_eq!(listed.unwrap(), [second, first]);
    assert_eq!(snapshot.version(version_id(3)).unwrap(), None);
}

/// A version is found by its number within its prompt.
pub fn a_version_is_found_by_number(index: &dyn Index) {
    two_majors(index);
    let snapshot = index.snapshot().unwrap();
    let numbered = |prompt, number: &str| {
        let found = snapshot.version_numbered(prompt_id(prompt), number.parse().unwrap());
        found.unwrap().map(|version| version.id)
    };
    assert_eq!(numbered(1, "2.10"), Some(version_id(4)));
    assert_eq!(numbered(1, "2.1"), Some(version_id(6)), "2.1 is not 2.10");
    assert_eq!(
        numbered(2, "1.0"),
        Some(version_id(3)),
        "another prompt's 1.0 is another version"
    );
    assert_eq!(numbered(2, "2.0"), None);
    assert_eq!(numbered(1, "3.0"), None);
    assert_eq!(numbered(3, "1.0"), None, "a prompt that never existed");
}

/// The highest version is found by number, not by time; 10 is greater than 9.
///
/// If it is deleted, the next highest is found.
pub fn the_highest_version_is_found(index: &dyn Index) {
    let mut scribe = two_majors(index);
    scribe.commit(1, 10, "1.3");
    let highest = || {
        let found = index
            .snapshot()
            .unwrap()
            .highest_version(prompt_id(1), None);
        found.unwrap().map(|version| version.id)
    };
    assert_eq!(
        highest(),
        Some(version_id(4)),
        "2.10 is greater than 2.1 and than the newer 1.3"
    );
    scribe.delete_version(1, 4);
    assert_eq!(highest(), Some(version_id(6)));
    for number in [6, 8, 10, 5, 7, 9] {
        scribe.delete_version(1, number);
    }
    assert_eq!(highest(), None, "all are deleted");
    scribe.commit(1, 11, "3.0");
    assert_eq!(
        highest(),
        Some(version_id(11)),
        "a new one after all were deleted"
    );
}

/// Requirements follow the semver crate, with `2.1` read as `2.1.0`.
pub fn the_highest_version_that_meets_a_requirement_is_found(index: &dyn Index) {
    let mut scribe = two_majors(index);
    let cases = [
        ("^1", Some(5)),
        ("1.*", Some(5)),
        ("~1.1", Some(7)),
        ("=1.0", Some(9)),
        ("<1.2", Some(7)),
        ("<2", Some(5)),
        ("<=2.1", Some(6)),
        (">=1.1, <2", Some(5)),
        (">1.2", Some(4)),
        ("*", Some(4)),
        ("^2", Some(4)),
        ("^3", None),
        (">2.10", None),
        (">=2, <2", None),
        ("<1", None),
    ];
    let highest = |requirement: &str| {
        let requirement = requirement.parse().unwrap();
        let snapshot = index.snapshot().unwrap();
        let found = snapshot.highest_version(prompt_id(1), Some(&requirement));
        found.unwrap().map(|version| version.id)
    };
    for (requirement, expected) in cases {
        assert_eq!(
            highest(requirement),
            expected.map(version_id),
            "{requirement}"
        );
    }
    scribe.delete_version(1, 4);
    assert_eq!(
        highest("^2"),
        Some(version_id(6)),
        "a deleted version meets no requirement"
    );
}

/// Versions are listed in the order of their commits, not by number or id.
pub fn versions_are_listed_newest_first(index: &dyn Index) {
    two_majors(index);
    let everything = list(index, &VersionFilter::default(), None, usize::MAX);
    assert_eq!(everything, ids(&[4, 5, 6, 7, 8, 9]));
    let major = |major| {
        list(
            index,
            &VersionFilter::default().major(major),
            None,
            usize::MAX,
        )
    };
    assert_eq!(major(1), ids(&[5, 7, 9]));
    assert_eq!(major(2), ids(&[4, 6, 8]));
    assert_eq!(major(3), []);
    let missing = index.snapshot().unwrap();
    let missing = missing.versions(prompt_id(3), &VersionFilter::default(), None, 10);
    assert_eq!(missing.unwrap(), [], "a prompt that never existed");
}

/// A page contains versions committed before its cursor.
///
/// The cursor may be deleted or of another major.
pub fn pages_continue_after_the_last_version(index: &dyn Index) {
    let mut scribe = two_majors(index);
    let all = VersionFilter::default();
    assert_eq!(list(index, &all, None, 2), ids(&[4, 5]));
    assert_eq!(list(index, &all, Some(5), 2), ids(&[6, 7]));
    scribe.delete_version(1, 7);
    scribe.delete_version(1, 6);
    assert_eq!(
        list(index, &all, Some(7), 2),
        ids(&[8, 9]),
        "after a deleted version"
    );
    assert_eq!(
        list(index, &all, Some(5), 1),
        ids(&[8]),
        "deleted versions are not counted"
    );
    assert_eq!(list(index, &all, Some(9), 2), [], "after the oldest");
    assert_eq!(list(index, &all, None, 0), [], "a page of size 0");
    assert_eq!(
        list(index, &all, Some(3), 9),
        [],
        "after another prompt's version"
    );
    assert_eq!(
        list(index, &all, Some(99), 9),
        [],
        "after a version that never existed"
    );
}

/// Filtered lists have pages too, even with several filters.
pub fn filters_combine_with_pages(index: &dyn Index) {
    let mut scribe = two_majors(index);
    let one = VersionFilter::default().major(1);
    assert_eq!(list(index, &one, None, 2), ids(&[5, 7]));
    assert_eq!(list(index, &one, Some(7), 2), ids(&[9]));
    assert_eq!(
        list(index, &one, Some(6), 2),
        ids(&[7, 9]),
        "after a version of another major"
    );
    scribe.delete_version(1, 7);
    assert_eq!(
        list(index, &one, Some(7), 2),
        ids(&[9]),
        "after a deleted version"
    );
    let low = VersionFilter::default().requirement("<2.1".parse().unwrap());
    assert_eq!(list(index, &low, None, 2), ids(&[5, 8]));
    assert_eq!(list(index, &low, Some(8), 2), ids(&[9]));
    let both = low.major(2);
    assert_eq!(
        list(index, &both, None, 9),
        ids(&[8]),
        "both filters together"
    );
    let version = index.snapshot().unwrap().version(version_id(5));
    let own = one.author(version.unwrap().unwrap().author);
    assert_eq!(list(index, &own, None, 9), ids(&[5]));
    let others = VersionFilter::default().author("a stranger");
    assert_eq!(list(index, &others, None, 9), []);
}

/// A deleted version is not found. Its id and number remain taken.
pub fn deleted_versions_keep_ids_and_numbers_taken(index: &dyn Index) {
    let mut scribe = two_majors(index);
    scribe.delete_version(1, 4);
    scribe.delete_version(1, 6);
    let snapshot = index.snapshot().unwrap();
    assert_eq!(snapshot.version(version_id(4)).unwrap(), None);
    let number = "2.10".parse().unwrap();
    assert_eq!(
        snapshot.version_numbered(prompt_id(1), number).unwrap(),
        None
    );
    assert!(
        snapshot
            .version_even_deleted(version_id(4))
            .unwrap()
            .is_some(),
        "the id remains taken"
    );
    assert!(
        snapshot
            .version_even_deleted(version_id(5))
            .unwrap()
            .is_some()
    );
    assert!(
        snapshot
            .version_even_deleted(version_id(99))
            .unwrap()
            .is_none()
    );
    let used = |highest_major, highest_minor| Numbering {
        highest_major,
        highest_minor,
    };
    let numbering = |major| snapshot.numbering(prompt_id(1), major).unwrap();
    assert_eq!(
        numbering(2),
        used(Some(2), Some(10)),
        "numbers remain taken"
    );
    assert_eq!(numbering(1), used(Some(2), Some(2)));
    assert_eq!(numbering(3), used(Some(2), None));
    drop(snapshot);
    scribe.delete_prompt(1);
    let snapshot = index.snapshot().unwrap();
    assert_eq!(
        snapshot.numbering(prompt_id(1), 2).unwrap(),
        used(Some(2), Some(10)),
        "even if the prompt is deleted"
    );
}

/// The numbers of one prompt do not depend on those of another.
pub fn prompts_are_numbered_apart(index: &dyn Index) {
    let mut scribe = two_majors(index);
    scribe.create(4, "without versions", &[]);
    let snapshot = index.snapshot().unwrap();
    let numbering = |prompt| snapshot.numbering(prompt_id(prompt), 1).unwrap();
    assert_eq!(
        (numbering(2).highest_major, numbering(2).highest_minor),
        (Some(1), Some(0))
    );
    assert_eq!(numbering(4), Numbering::default());
    assert_eq!(
        numbering(5),
        Numbering::default(),
        "a prompt that never existed"
    );
    scribe.commit(4, 20, "4294967295.4294967295");
    let found = index
        .snapshot()
        .unwrap()
        .highest_version(prompt_id(4), None)
        .unwrap();
    assert_eq!(
        found.map(|version| version.id),
        Some(version_id(20)),
        "numbers have 32 bits"
    );
}
