//! Tampering with the index: whatever another program alters, `verify` names it.

use promptbook::{Bump, BumpPolicy, ErrorKind, NewPrompt, NewVersion, Store, StoreOptions};

use crate::support::{Place, body, commit, copy, create, is_sound, violations};

/// Returns a store with some history, closed.
fn filled() -> Place {
    let place = Place::new();
    let store = StoreOptions::new()
        .policy(BumpPolicy::Free)
        .create(place.path())
        .unwrap();
    let new = NewPrompt::new("greeting", body("first"))
        .tag("kind")
        .tag("short");
    let first = store.create_prompt(new).unwrap();
    commit(&store, "greeting", "second");
    let third = commit(&store, "greeting", "third");
    store.set_environment("greeting", "staging", "1.1").unwrap();
    store.delete_version(third.id).unwrap();
    create(&store, "other");
    let gone = create(&store, "gone");
    store.delete_prompt(gone.prompt.id).unwrap();
    let user = format!("{{{{hcp:{}:0:staging}}}}", first.prompt.id);
    let user = NewVersion::new("other", body(user));
    store.commit(user.bump(Bump::Major)).unwrap();
    store.checkpoint().unwrap();
    commit(&store, first.prompt.id.as_str(), "waiting");
    is_sound(&store);
    drop(store);
    place
}

/// Runs each statement on a new store, and expects a line of `verify` that contains all of `words`.
fn named(cases: &[(&str, &[&str])]) {
    for (statement, words) in cases {
        let place = filled();
        assert!(
            place.sql(statement) > 0,
            "nothing was altered by {statement}"
        );
        let found = violations(&place.open());
        let names = |line: &&String| words.iter().all(|word| line.contains(word));
        assert!(
            found.iter().any(|line| names(&line)),
            "{statement}: {words:?} not in {found:#?}"
        );
    }
}

#[test]
fn altered_listings_are_named() {
    named(&[
        (
            "UPDATE prompt SET folded = 'elsewhere' WHERE name = 'greeting'",
            &["searched", "elsewhere"],
        ),
        // The operations of this store are not archived, so none is listed.
        (
            "INSERT INTO operation_environment VALUES ('moon', 5, 1)",
            &["listed wrongly", "moon"],
        ),
        (
            "INSERT INTO operation_prompt VALUES (1, 2)",
            &["operation 2", "listed wrongly"],
        ),
    ]);
}

#[test]
fn altered_versions_are_named() {
    named(&[
        (
            "UPDATE version SET message = 'another' WHERE minor = 1",
            &["prompt ", "another"],
        ),
        (
            "UPDATE version SET author = 'nobody' WHERE minor = 1",
            &["prompt ", "nobody"],
        ),
        (
            "UPDATE version SET model = 'another-model' WHERE minor = 1",
            &["another-model"],
        ),
        (
            "UPDATE version SET minor = 77 WHERE minor = 1",
            &["prompt ", "77"],
        ),
        (
            "UPDATE version SET major = 78 WHERE minor = 1",
            &["prompt ", "78"],
        ),
        (
            "UPDATE version SET created_at = created_at + 1 WHERE minor = 1",
            &["version"],
        ),
        (
            "UPDATE version SET contract = zeroblob(8) WHERE minor = 1",
            &["prompt ", "0000000000000000"],
        ),
        (
            "UPDATE version SET base = NULL WHERE minor = 1",
            &["version"],
        ),
        (
            "UPDATE version SET id = zeroblob(16) WHERE minor = 1",
            &["00000000-0000"],
        ),
        ("UPDATE version SET blob = 1 WHERE minor = 1", &["version"]),
        (
            "UPDATE version SET deleted_at = NULL WHERE minor = 2",
            &["version"],
        ),
        (
            "UPDATE version SET deleted_at = 1 WHERE minor = 1",
            &["version"],
        ),
        (
            "DELETE FROM version WHERE minor = 2",
            &["versions", "operations say"],
        ),
        (
            "UPDATE interned SET text = 'another' WHERE text = 'm'",
            &["version", "another"],
        ),
        (
            "DELETE FROM interned WHERE text = 'm'",
            &["versions refer to text", "missing"],
        ),
    ]);
}

#[test]
fn altered_prompts_are_named() {
    named(&[
        (
            "UPDATE prompt SET name = 'Greeting' WHERE name = 'greeting'",
            &["name", "Greeting"],
        ),
        (
            "UPDATE prompt SET created_at = 1 WHERE name = 'greeting'",
            &["created at 1970"],
        ),
        (
            "UPDATE prompt SET updated_at = 1 WHERE name = 'greeting'",
            &["changed last at 1970"],
        ),
        (
            "UPDATE prompt SET deleted_at = 1 WHERE name = 'other'",
            &["operations say"],
        ),
        (
            "UPDATE prompt SET deleted_at = NULL WHERE name = 'gone'",
            &["operations say"],
        ),
        (
            "UPDATE tag SET tag = 'long' WHERE position = 1",
            &["tags", "long"],
        ),
        (
            "DELETE FROM tag WHERE position = 0",
            &["tags", "operations say"],
        ),
        (
            "INSERT INTO prompt (id, name, folded, created_at, updated_at) VALUES ('zzzzzz', 'z', 'z', 1, 1)",
            &["zzzzzz", "no operation"],
        ),
    ]);
}

#[test]
fn altered_counters_are_named() {
    named(&[
        (
            "UPDATE prompt SET versions = versions + 1 WHERE name = 'greeting'",
            &["counted"],
        ),
        (
            "UPDATE prompt SET latest = 1 WHERE name = 'greeting'",
            &["the latest"],
        ),
        (
            "UPDATE prompt SET latest = NULL WHERE name = 'other'",
            &["the latest"],
        ),
        (
            "UPDATE counter SET value = value + 1 WHERE name = 'prompts'",
            &["prompts are counted"],
        ),
        (
            "UPDATE blob SET live = live + 1 WHERE key = 1",
            &["live versions are counted"],
        ),
        ("UPDATE blob SET size = size + 1 WHERE key = 1", &["bytes"]),
    ]);
}

#[test]
fn altered_environments_are_named() {
    named(&[
        (
            "UPDATE environment SET version = 1 WHERE name = 'staging'",
            &["environments"],
        ),
        (
            "UPDATE environment SET name = 'canary' WHERE name = 'staging'",
            &["canary"],
        ),
        (
            "UPDATE environment SET moved_at = moved_at + 1 WHERE name = 'staging'",
            &["environments"],
        ),
        (
            "DELETE FROM environment WHERE name = 'staging'",
            &["environments"],
        ),
        (
            "UPDATE environment SET version = 99 WHERE name = 'staging'",
            &["missing row of version"],
        ),
    ]);
}

#[test]
fn altered_operations_are_named() {
    let kind = "UPDATE operation SET content = replace(content, '\"commit\"', '\"create\"')";
    let author =
        "UPDATE operation SET content = replace(content, '\"author\":\"', '\"author\":\"x')";
    named(&[
        (
            "UPDATE operation SET content = content || ' ' WHERE number = 2",
            &["operation 2", "its id is"],
        ),
        (
            "UPDATE operation SET content = '{' WHERE number = 2",
            &["operation 2", "cannot be read"],
        ),
        (
            "UPDATE operation SET hash = zeroblob(32) WHERE number = 2",
            &["operation 3", "its id is"],
        ),
        (
            "DELETE FROM operation WHERE number = 3",
            &["operation 3 is missing"],
        ),
        (
            "DELETE FROM operation WHERE number = (SELECT max(number) FROM operation)",
            &["operations say"],
        ),
        (author, &["operation 1", "its id is"]),
        (kind, &["operation 2", "its id is"]),
    ]);
}

#[test]
fn altered_bodies_are_named() {
    named(&[
        (
            "UPDATE blob_journal SET body = x'7b7d'",
            &["different hash"],
        ),
        ("UPDATE blob_journal SET blob = 1", &["different hash"]),
        ("UPDATE blob SET stored = 0 WHERE key = 1", &["not stored"]),
        (
            "UPDATE blob SET hash = zeroblob(32) WHERE key = 1",
            &["body 00000000", "missing"],
        ),
        ("DELETE FROM blob WHERE key = 1", &["missing row of blob"]),
    ]);
}

#[test]
fn an_altered_search_index_is_named() {
    let other = "(SELECT key FROM prompt WHERE name = 'other')";
    let unlisted = format!("DELETE FROM searchable WHERE prompt = {other}");
    let elsewhere = format!(
        "UPDATE searchable SET prompt = 3 WHERE version = (SELECT max(version) FROM searchable WHERE prompt = {other})"
    );
    named(&[
        (
            "DELETE FROM search_text WHERE rowid = (SELECT max(prompt) FROM searchable)",
            &["of the search index", "missing"],
        ),
        (&unlisted, &["prompt ", "is indexed with the versions"]),
        (
            "INSERT INTO search_text (rowid, name, text) VALUES (99, 'name', 'text')",
            &["of the search index", "has no prompt"],
        ),
        (&elsewhere, &["prompt ", "is indexed with the versions"]),
        (
            "DELETE FROM partial_use",
            &["is indexed with the versions", "staging"],
        ),
        (
            "UPDATE partial_use SET environment = 'moon'",
            &["is indexed with the versions", "moon"],
        ),
        (
            "INSERT INTO search_message (search_message) VALUES ('delete-all')",
            &["the message of", "is not indexed"],
        ),
        (
            "INSERT INTO search_message (rowid, message) VALUES (99, 'word')",
            &["of the messages", "has no version"],
        ),
        (
            "UPDATE counter SET value = value + 1 WHERE name = 'searchable'",
            &["is indexed with the versions"],
        ),
        (
            "UPDATE search_text_data SET block = zeroblob(64) WHERE id > 10",
            &["search_text"],
        ),
        (
            "UPDATE search_message_data SET block = zeroblob(64) WHERE id > 10",
            &["search_message"],
        ),
    ]);
}

/// Like [`filled`], with enough later operations that the earlier ones are archived in a segment.
fn with_archived_operations() -> Place {
    let place = filled();
    let store = place.open();
    for turn in 0..200 {
        commit(&store, "other", turn);
    }
    store.checkpoint().unwrap();
    is_sound(&store);
    drop(store);
    place
}

/// The unreadable part of an altered store is reported, and no operation is ever returned with
/// other contents.
#[test]
fn altered_segments_are_named() {
    let place = with_archived_operations();
    let history = |store: &Store| {
        let mut operations = Vec::new();
        let mut next = None;
        // Reads the operations one at a time, so that every readable one is returned.
        loop {
            match store.operations().page(next, 1).as_deref() {
                Ok([one]) => {
                    next = Some(one.number);
                    operations.push(one.clone());
                }
                Ok(_) => break,
                Err(_) => next = next.map(|next| next - 1).filter(|next| *next > 0),
            }
            if next.is_none_or(|next| next == 1) {
                break;
            }
        }
        operations
    };
    let before = history(&place.open());
    assert!(before.len() > 200);
    for (statement, words) in [
        (
            "UPDATE segment
             SET content = CAST(substr(content, 1, 300) || x'2a' || substr(content, 302) AS BLOB)",
            &["operation 1:", "its hash does not match"] as &[&str],
        ),
        (
            "UPDATE segment SET content = substr(content, 1, 300)",
            &["operations 1 to 128", "its hash does not match"],
        ),
        (
            "UPDATE segment SET hash = zeroblob(32)",
            &[
                "operations 1 to 128",
                "their hash is not the id of the last one",
            ],
        ),
        ("DELETE FROM segment", &["operation 1 is missing"]),
        (
            "UPDATE version SET id = zeroblob(16) WHERE key = 2",
            &["operations 1 to 128", "not the id"],
        ),
        (
            "UPDATE blob SET hash = zeroblob(32) WHERE key = 2",
            &["operations 1 to 128", "not the id"],
        ),
        (
            "UPDATE segment SET latest = latest + 1",
            &["the recorded time of operation 128 is wrong"],
        ),
        (
            "DELETE FROM operation_prompt WHERE operation = 128 AND prompt = 1",
            &["operation 128 is listed wrongly under prompt"],
        ),
        (
            "UPDATE operation_environment SET name = 'moon' WHERE name = 'staging'",
            &["listed wrongly", "moon"],
        ),
        (
            "UPDATE version SET message = 'another' WHERE key = 2",
            &["prompt ", "another"],
        ),
    ] {
        let altered = Place::new();
        copy(place.path(), altered.path());
        assert!(
            altered.sql(statement) > 0,
            "nothing was altered by {statement}"
        );
        let store = altered.open();
        let found = violations(&store);
        let names = |line: &&String| words.iter().all(|word| line.contains(word));
        assert!(
            found.iter().any(|line| names(&line)),
            "{statement}: {words:?} not in {found:#?}"
        );
        for operation in history(&store) {
            assert!(
                before.contains(&operation),
                "{statement}: an operation was returned with other contents: {operation:?}"
            );
        }
        commit(&store, "other", "it goes on");
    }
}

/// No unique index prevents duplicate rows.
#[test]
fn duplicate_rows_are_named() {
    named(&[
        (
            "INSERT INTO blob (hash, size, stored, live) SELECT hash, size, 0, 0 FROM blob WHERE key = 1",
            &["body ", "2 rows"],
        ),
        (
            "INSERT INTO version (id, prompt, major, minor, message, author, blob, created_at)
             SELECT id, prompt, 9, 9, message, author, blob, created_at FROM version WHERE key = 1",
            &["version ", "2 rows"],
        ),
    ]);
}

/// The damage prevents no commit.
#[test]
fn a_damaged_search_index_does_not_prevent_commits() {
    let place = filled();
    place.sql("DELETE FROM search_text_data WHERE id = 10");
    let store = place.open();
    for turn in 0..100 {
        commit(&store, "greeting", turn);
    }
    store.checkpoint().unwrap();
    assert!(
        store.search("greeting", 9).is_err(),
        "a damaged index was searched"
    );
    assert_eq!(store.version("greeting@latest").unwrap().number.minor, 103);
}

/// Code that another program adds to the index does not run: the store is refused, and the addition
/// is named.
#[test]
fn additions_to_the_schema_are_named() {
    let moves = "CREATE TRIGGER moves AFTER INSERT ON operation
                 BEGIN UPDATE environment SET version = (SELECT max(key) FROM version); END";
    for (added, name) in [
        (moves, "moves"),
        (
            "CREATE TRIGGER loses AFTER INSERT ON blob_journal BEGIN DELETE FROM blob_journal; END",
            "loses",
        ),
        ("CREATE VIEW shows AS SELECT * FROM version", "shows"),
        (
            "CREATE INDEX hides ON version (message) WHERE minor = 0",
            "hides",
        ),
    ] {
        let place = filled();
        place.sql(added);
        for refused in [Store::open(place.path()), place.open_read_only()] {
            let error = refused.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}

/// The same applies while a handle is open: the next write is refused, and the addition has not
/// run.
#[test]
fn additions_to_the_schema_under_a_handle_do_not_run() {
    let place = filled();
    let store = place.open();
    commit(&store, "greeting", "before");
    place.sql(
        "CREATE TRIGGER loses AFTER INSERT ON blob_journal BEGIN DELETE FROM blob_journal; END",
    );
    let new = NewVersion::new("greeting", body("after"));
    let error = store.commit(new).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(
        !violations(&store).is_empty(),
        "verify does not name the trigger"
    );
    place.sql("DROP TRIGGER loses");
    commit(&store, "greeting", "after");
    is_sound(&store);
}

/// The operations are authoritative: a store built from them and the bodies has the contents from
/// before the rows were altered.
#[test]
fn altered_rows_do_not_reach_a_bundle() {
    let bundle = |place: &Place| {
        let mut bundle = Vec::new();
        place.open().export_bundle(&mut bundle).map(|_| bundle)
    };
    for statement in [
        "UPDATE version SET message = 'another' WHERE minor = 1",
        "UPDATE version SET minor = 77 WHERE minor = 1",
        "UPDATE version SET model = 'another-model' WHERE minor = 1",
        "UPDATE prompt SET name = 'another' WHERE name = 'greeting'",
        "DELETE FROM environment WHERE name = 'staging'",
        "DELETE FROM version WHERE minor = 1",
    ] {
        let place = filled();
        let before = bundle(&place).unwrap();
        assert!(place.sql(statement) > 0, "{statement}");
        let store = place.open();
        assert!(!violations(&store).is_empty());
        drop(store);
        let after = bundle(&place).unwrap();
        assert!(after == before, "{statement}");
        let made = Place::new();
        let store = made.create();
        store.import_bundle(std::io::Cursor::new(after)).unwrap();
        is_sound(&store);
    }
}
