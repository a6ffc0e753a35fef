//! The suite for prompts: found, listed, filtered, counted and deleted.

use super::Test;
use crate::model::id::PromptId;
use crate::model::record::{PromptFilter, PromptOrder};
use crate::storage::testing::HistoryWriter;
use crate::storage::testing::history_writer::prompt_ids;
use crate::storage::testing::values::{prompt_id, version_id};
use crate::storage::{Index, Snapshot};

/// The tests of this topic.
pub const TESTS: &[Test] = &[
    a_prompt_is_read_as_it_is_now,
    prompts_of_a_name_come_newest_first,
    prompts_are_listed_newest_first,
    pages_continue_after_the_last_prompt,
    names_are_searched_in_any_letter_case,
    any_text_is_a_name_and_a_tag,
    tags_are_searched_any_of,
    filters_combine_with_each_other_and_with_pages,
    prompts_are_listed_in_each_order,
    a_row_has_its_environments_and_its_last_change,
    tags_in_use_are_sorted,
    a_deleted_prompt_is_not_found_and_keeps_its_id,
];

fn ids(
    snapshot: &dyn Snapshot,
    filter: &PromptFilter,
    before: Option<u32>,
    limit: usize,
) -> Vec<PromptId> {
    let prompts = snapshot.prompts(filter, before.map(prompt_id), limit);
    prompts
        .unwrap()
        .into_iter()
        .map(|prompt| prompt.id)
        .collect()
}

fn all(index: &dyn Index, filter: &PromptFilter) -> Vec<PromptId> {
    ids(&*index.snapshot().unwrap(), filter, None, usize::MAX)
}

/// The latest name and tags of a prompt are returned exactly, and its versions are counted.
pub fn a_prompt_is_read_as_it_is_now(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    let tags = ["b", "a", "", "b", "Ünï\u{0}cödé \"quoted\" \\ \n"];
    scribe.create(1, "  First name — 名前 ", &tags);
    let created_at = scribe.now();
    let read = || {
        let found = index.snapshot().unwrap().prompt(prompt_id(1));
        found.unwrap().expect("a live prompt")
    };
    let prompt = read();
    assert_eq!(prompt.id, prompt_id(1));
    assert_eq!(
        prompt.name.as_str(),
        "  First name — 名前 ",
        "a name is stored exactly"
    );
    assert_eq!(
        prompt.tags, tags,
        "tags are stored exactly, with their order and repetitions"
    );
    assert_eq!(
        prompt.created_at, created_at,
        "times are stored to the microsecond"
    );
    assert_eq!((prompt.versions, prompt.latest), (0, None));

    scribe.commit(1, 1, "1.0");
    scribe.commit(1, 2, "2.0");
    scribe.commit(1, 3, "1.1");
    let prompt = read();
    assert_eq!(prompt.versions, 3);
    assert_eq!(
        prompt.latest,
        Some("2.0".parse().unwrap()),
        "the latest is the highest number, not the newest version"
    );

    scribe.change(1, "Second name", &["c"]);
    let prompt = read();
    assert_eq!(
        (prompt.name.as_str(), &*prompt.tags),
        ("Second name", &["c".to_owned()][..])
    );
    assert_eq!(
        prompt.created_at, created_at,
        "a change must not change the creation time"
    );

    scribe.change(1, "Second name", &[]);
    scribe.delete_version(1, 2);
    let prompt = read();
    assert_eq!(prompt.tags, [""; 0]);
    assert_eq!(
        (prompt.versions, prompt.latest),
        (2, Some("1.1".parse().unwrap()))
    );
    scribe.delete_version(1, 1);
    scribe.delete_version(1, 3);
    assert_eq!(
        (read().versions, read().latest),
        (0, None),
        "no live version is left"
    );
}

/// Prompts with exactly a name are found, newest first.
///
/// A previous name of a prompt does not find it.
pub fn prompts_of_a_name_come_newest_first(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    for (number, name) in [
        (5, "same"),
        (3, "Same"),
        (4, "same"),
        (1, "same "),
        (2, "same"),
    ] {
        scribe.create(number, name, &[]);
    }
    let named = |name: &str| {
        let found = index
            .snapshot()
            .unwrap()
            .prompts_named(&name.parse().unwrap());
        found.unwrap()
    };
    assert_eq!(
        named("same"),
        prompt_ids(&[2, 4, 5]),
        "newest first, by exact name"
    );
    assert_eq!(named("Same"), prompt_ids(&[3]));
    assert_eq!(named("sam"), []);
    scribe.change(4, "other", &[]);
    scribe.delete_prompt(5);
    assert_eq!(
        named("same"),
        prompt_ids(&[2]),
        "renamed and deleted prompts are not found"
    );
    assert_eq!(named("other"), prompt_ids(&[4]));
}

/// The newest prompt is the one created last, whatever its id, its changes and its time are.
pub fn prompts_are_listed_newest_first(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    for number in [3, 9, 1, 5] {
        scribe.create(number, "p", &[]);
    }
    // The clock went backwards.
    HistoryWriter::new(index).create(7, "p", &[]);
    scribe.change(9, "changed", &["x"]);
    scribe.commit(3, 1, "1.0");
    let everything = all(index, &PromptFilter::default());
    assert_eq!(
        everything,
        prompt_ids(&[7, 5, 1, 9, 3]),
        "the order is that of creation"
    );
    let snapshot = index.snapshot().unwrap();
    for prompt in snapshot
        .prompts(&PromptFilter::default(), None, usize::MAX)
        .unwrap()
    {
        let alone = snapshot.prompt(prompt.id).unwrap();
        assert_eq!(
            alone.as_ref(),
            Some(&prompt),
            "a list must contain what a read of one prompt returns"
        );
    }
}

/// A page contains prompts created before its cursor, even if that prompt is deleted.
pub fn pages_continue_after_the_last_prompt(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    for number in 1..=7 {
        scribe.create(number, "p", &[]);
    }
    scribe.delete_prompt(3);
    let page = |before, limit| {
        let snapshot = index.snapshot().unwrap();
        ids(&*snapshot, &PromptFilter::default(), before, limit)
    };
    assert_eq!(page(None, 2), prompt_ids(&[7, 6]));
    assert_eq!(page(Some(6), 2), prompt_ids(&[5, 4]));
    scribe.delete_prompt(4);
    assert_eq!(
        page(Some(4), 2),
        prompt_ids(&[2, 1]),
        "after a deleted prompt"
    );
    assert_eq!(page(Some(1), 2), [], "after the oldest");
    assert_eq!(page(None, 0), [], "a page of size 0");
    assert_eq!(page(Some(99), 2), [], "after a prompt that never existed");
}

/// Case folding follows Unicode, not ASCII.
///
/// Greek has two small sigmas, and `ß` folds to `ss`.
pub fn names_are_searched_in_any_letter_case(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    let names = [
        "ΟΔΥΣΣΕΎΣ reads",
        "Hauptstraße",
        "HAUPTSTRASSE",
        "50% off_er",
        "plain",
    ];
    for (number, name) in (1..).zip(names) {
        scribe.create(number, name, &[]);
    }
    let found = |text: &str| all(index, &PromptFilter::default().name_contains(text));
    assert_eq!(found("οδυσσεύς"), prompt_ids(&[1]), "a name in capitals");
    assert_eq!(found("ΥΣΣΕΎΣ"), prompt_ids(&[1]), "a part of it");
    assert_eq!(found("STRASSE"), prompt_ids(&[3, 2]), "ß and ss are equal");
    assert_eq!(found("straße"), prompt_ids(&[3, 2]), "in both directions");
    assert_eq!(found("PLAIN"), prompt_ids(&[5]));
    assert_eq!(found("%"), prompt_ids(&[4]), "no character is a wildcard");
    assert_eq!(found("f_e"), prompt_ids(&[4]));
    assert_eq!(found("l_i"), [], "no character is a wildcard");
    assert_eq!(
        found(""),
        prompt_ids(&[5, 4, 3, 2, 1]),
        "every name contains the empty text"
    );
    assert_eq!(found("missing"), []);
    scribe.change(5, "ΝΈΟ", &[]);
    assert_eq!(found("plain"), [], "the old name is not searched");
    assert_eq!(found("νέο"), prompt_ids(&[5]), "the new one is");
}

/// Empty texts, NUL and characters that text formats escape are stored like any others.
///
/// Texts of 64 KiB are compared up to the last character.
pub fn any_text_is_a_name_and_a_tag(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    let long = |end: &str| "\u{1b}é\0".repeat(13_107) + end;
    let texts = [
        "",
        "\0",
        "a\0",
        "a\0b",
        "a\0B\0",
        "a",
        "\u{1}\n\r\t\"\\\u{7f}\u{2028}\u{fffe}",
        "\u{301}",
        "%_*'",
        &long("x"),
        &long("y"),
    ];
    for (number, text) in (1..).zip(texts) {
        scribe.create(number, text, &[text, "a\0c"]);
    }
    let snapshot = index.snapshot().unwrap();
    for (number, text) in (1..).zip(texts) {
        let prompt = snapshot.prompt(prompt_id(number)).unwrap();
        let prompt = prompt.expect("a live prompt");
        assert_eq!(prompt.name.as_str(), text, "a name is stored exactly");
        assert_eq!(prompt.tags, [text, "a\0c"], "tags are stored exactly");
        let named = snapshot.prompts_named(&text.parse().unwrap()).unwrap();
        assert_eq!(
            named,
            prompt_ids(&[number]),
            "{text:.20?} is compared entirely"
        );
        let tagged = PromptFilter::default().tag(text);
        assert_eq!(
            all(index, &tagged),
            prompt_ids(&[number]),
            "{text:.20?} is compared entirely"
        );
    }
    let found = |text: &str| all(index, &PromptFilter::default().name_contains(text));
    assert_eq!(
        found("\0B"),
        prompt_ids(&[5, 4]),
        "the text after a NUL is searched"
    );
    assert_eq!(found("A\0b\0"), prompt_ids(&[5]));
    assert_eq!(found("\u{1b}É\0Y"), prompt_ids(&[11]), "up to the end");
    assert_eq!(found("\0").len(), 6, "a NUL is a character");
    let mut sorted: Vec<&str> = texts.into_iter().chain(["a\0c"]).collect();
    sorted.sort();
    assert_eq!(
        snapshot.tags().unwrap(),
        sorted,
        "sorted by code points, each once"
    );
}

/// One of the tags is enough. A prompt with several of them is listed once.
pub fn tags_are_searched_any_of(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    scribe.create(1, "p", &["a", "b", "a"]);
    scribe.create(2, "p", &["b"]);
    scribe.create(3, "p", &["A"]);
    scribe.create(4, "p", &[]);
    let found = |tags: &[&str]| {
        let filter = tags
            .iter()
            .fold(PromptFilter::default(), |filter, tag| filter.tag(*tag));
        all(index, &filter)
    };
    assert_eq!(found(&["a"]), prompt_ids(&[1]), "tags are compared exactly");
    assert_eq!(
        found(&["a", "b"]),
        prompt_ids(&[2, 1]),
        "one of the tags is enough, each prompt once"
    );
    assert_eq!(found(&["b", "A", "missing"]), prompt_ids(&[3, 2, 1]));
    assert_eq!(found(&["missing"]), []);
    assert_eq!(found(&[""]), [], "an empty tag is a tag");
    scribe.change(1, "p", &["c"]);
    assert_eq!(
        found(&["a", "b"]),
        prompt_ids(&[2]),
        "only current tags are searched"
    );
}

/// A prompt must pass all filters, and a limit counts the listed prompts.
pub fn filters_combine_with_each_other_and_with_pages(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    for number in 1..=8 {
        let name = if number % 2 == 0 { "even" } else { "odd" };
        let tag = if number <= 4 { "low" } else { "high" };
        scribe.create(number, name, &[tag]);
    }
    scribe.delete_prompt(6);
    let filter = PromptFilter::default().name_contains("EVEN");
    assert_eq!(all(index, &filter), prompt_ids(&[8, 4, 2]));
    let snapshot = index.snapshot().unwrap();
    let page = ids(&*snapshot, &filter, Some(6), 1);
    assert_eq!(page, prompt_ids(&[4]), "a page of the filtered list");
    let filter = filter.tag("low");
    assert_eq!(
        all(index, &filter),
        prompt_ids(&[4, 2]),
        "both filters together"
    );
    assert_eq!(ids(&*snapshot, &filter, Some(4), 5), prompt_ids(&[2]));
}

/// Pages continue in the filter's order, even after a prompt that was deleted.
pub fn prompts_are_listed_in_each_order(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    for (number, name) in [(1, "b"), (2, "C"), (3, "a"), (4, "B"), (5, "É")] {
        scribe.create(number, name, &["tag"]);
    }
    scribe.change(2, "c", &[]);
    let by = |order| PromptFilter::default().order_by(order);
    let orders = [
        (PromptOrder::Newest, [5, 4, 3, 2, 1]),
        (PromptOrder::Name, [3, 4, 1, 2, 5]),
        (PromptOrder::LastChange, [2, 5, 4, 3, 1]),
    ];
    for (order, expected) in orders {
        assert_eq!(all(index, &by(order)), prompt_ids(&expected), "{order:?}");
        let snapshot = index.snapshot().unwrap();
        for (at, before) in expected.iter().enumerate() {
            let page = ids(&*snapshot, &by(order), Some(*before), 2);
            let rest = &expected[at + 1..];
            assert_eq!(page, prompt_ids(&rest[..rest.len().min(2)]), "{order:?}");
        }
        assert_eq!(
            ids(&*snapshot, &by(order), Some(99), 9),
            [],
            "never a prompt"
        );
        let tagged = by(order).tag("tag");
        assert_eq!(snapshot.prompt_count_of(&tagged).unwrap(), 4);
        assert_eq!(snapshot.prompt_count_of(&by(order)).unwrap(), 5);
    }
    scribe.delete_prompt(4);
    let snapshot = index.snapshot().unwrap();
    let after = |order| ids(&*snapshot, &by(order), Some(4), 9);
    assert_eq!(after(PromptOrder::Newest), prompt_ids(&[3, 2, 1]));
    assert_eq!(
        after(PromptOrder::Name),
        prompt_ids(&[1, 2, 5]),
        "its last name"
    );
    let changed = prompt_ids(&[2, 5, 3, 1]);
    assert_eq!(
        after(PromptOrder::LastChange),
        changed,
        "the deletion is its last change"
    );
}

/// A row of a list equals the prompt that is read alone.
pub fn a_row_has_its_environments_and_its_last_change(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    for prompt in 1..=9 {
        scribe.create(prompt, "p", &[]);
        scribe.commit(prompt, prompt, "1.0");
        if prompt % 3 == 0 {
            scribe.point(prompt, "staging", Some(prompt));
            scribe.point(prompt, "production", Some(prompt));
        }
    }
    let updated = |prompt| {
        let snapshot = index.snapshot().unwrap();
        let found = snapshot.prompt(prompt_id(prompt)).unwrap();
        found.unwrap().updated_at
    };
    let is_last =
        |scribe: &HistoryWriter<'_>, what: &str| assert_eq!(updated(1), scribe.now(), "{what}");
    scribe.change(1, "one", &["tag"]);
    is_last(&scribe, "a change of the name");
    scribe.commit(1, 11, "1.1");
    is_last(&scribe, "a version");
    scribe.point(1, "production", Some(11));
    is_last(&scribe, "an environment");
    scribe.point(1, "production", Some(1));
    is_last(&scribe, "a moved environment");
    scribe.point(1, "production", None);
    is_last(&scribe, "a removed environment");
    scribe.delete_version(1, 11);
    is_last(&scribe, "a deleted version");
    let before = updated(1);
    scribe.change(2, "two", &[]);
    assert_eq!(updated(1), before, "another prompt");

    let snapshot = index.snapshot().unwrap();
    // Some keys are next to each other, and some are not.
    let filters = [
        PromptFilter::default(),
        PromptFilter::default().name_contains("o"),
        PromptFilter::default().order_by(PromptOrder::LastChange),
    ];
    for filter in filters {
        for (limit, before) in [(9, None), (2, Some(7)), (3, None)] {
            let page = snapshot.prompts(&filter, before.map(prompt_id), limit);
            for row in page.unwrap() {
                let environments = snapshot.environments(row.id).unwrap();
                assert_eq!(row.environments, environments);
                assert_eq!(Some(&row), snapshot.prompt(row.id).unwrap().as_ref());
            }
        }
    }
}

/// The tags in use are the current tags of live prompts, each once.
pub fn tags_in_use_are_sorted(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    scribe.create(1, "p", &["b", "a", "Z"]);
    scribe.create(2, "p", &["a", "ä", ""]);
    let tags = || index.snapshot().unwrap().tags().unwrap();
    assert_eq!(
        tags(),
        ["", "Z", "a", "b", "ä"],
        "sorted by code points, each once"
    );
    scribe.change(1, "p", &["new"]);
    assert_eq!(tags(), ["", "a", "new", "ä"]);
    scribe.delete_prompt(2);
    assert_eq!(
        tags(),
        ["new"],
        "the tags of a deleted prompt are not in use"
    );
}

/// A deleted prompt is found only by reads that include deleted ones; its id remains taken.
pub fn a_deleted_prompt_is_not_found_and_keeps_its_id(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    scribe.create(1, "gone", &["tag"]);
    scribe.commit(1, 1, "1.0");
    scribe.point(1, "production", Some(1));
    scribe.create(2, "kept", &[]);
    assert_eq!(index.snapshot().unwrap().prompt_count().unwrap(), 2);
    scribe.delete_prompt(1);
    let id = prompt_id(1);
    let production = "production".parse().unwrap();
    let snapshot = index.snapshot().unwrap();
    assert_eq!(snapshot.prompt(id).unwrap(), None);
    assert_eq!(
        snapshot.prompts_named(&"gone".parse().unwrap()).unwrap(),
        []
    );
    assert_eq!(snapshot.prompt_count().unwrap(), 1);
    assert_eq!(snapshot.tags().unwrap(), [""; 0]);
    assert_eq!(snapshot.environment_names().unwrap(), []);
    assert_eq!(snapshot.version(version_id(1)).unwrap(), None);
    assert_eq!(snapshot.version_in(id, &production).unwrap(), None);
    assert_eq!(snapshot.highest_version(id, None).unwrap(), None);
    assert_eq!(
        snapshot
            .version_numbered(id, "1.0".parse().unwrap())
            .unwrap(),
        None
    );
    let versions = snapshot.versions(id, &Default::default(), None, 10);
    assert_eq!(versions.unwrap(), []);
    assert_eq!(snapshot.environments(id).unwrap(), []);
    assert!(
        snapshot.prompt_id_taken(id).unwrap(),
        "the id remains taken"
    );
    assert!(
        snapshot
            .version_even_deleted(version_id(1))
            .unwrap()
            .is_some(),
        "the id of its version remains taken"
    );
    assert!(!snapshot.prompt_id_taken(prompt_id(3)).unwrap());
}
