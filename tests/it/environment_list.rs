//! The environment list: what it refuses, what passes it, and its history.

use promptbook::error::OpenError;
use promptbook::history::{Change, OperationKind};
use promptbook::{
    EnvironmentName, EnvironmentUpdate, Error, ErrorKind, NewPrompt, NewVersion, Store,
    StoreOptions,
};

use crate::support::{
    Place, body, commit, create, is_sound, new_store, new_store_with, violations,
};

/// Calls `test` with a store in memory and one in a directory, both with this list.
fn with_list(list: &[&str], test: impl Fn(&Store)) {
    let options = StoreOptions::new().environments(list.iter().copied());
    test(&new_store_with(&options));
    let place = Place::new();
    test(&place.create_with(&options));
}

fn list(store: &Store) -> Option<Vec<String>> {
    let list = store.environment_list().unwrap();
    list.map(|names| names.iter().map(EnvironmentName::to_string).collect())
}

fn names(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|name| (*name).to_owned()).collect())
}

/// Asserts that a call is refused because of the list.
fn refused<T: std::fmt::Debug>(answer: promptbook::Result<T>, name: &str) {
    let error = answer.expect_err("an environment that is not in the list was accepted");
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    let Error::EnvironmentNotListed { environment, list } = &error else {
        panic!("{error}");
    };
    assert_eq!(environment.as_str(), name);
    let text = error.to_string();
    assert!(text.contains(&format!("{name:?}")), "{text}");
    assert!(list.iter().all(|one| text.contains(one.as_str())), "{text}");
}

#[test]
fn changes_refuse_an_environment_that_is_not_in_the_list() {
    with_list(&["dev", "production"], |store| {
        create(store, "greeting");
        let before = store.position().unwrap();
        let set = |name: &str| EnvironmentUpdate::set("greeting", name, "1.0");
        refused(store.set_environment("greeting", "qa", "1.0"), "qa");
        refused(store.update_environments([set("dev"), set("qa")]), "qa");
        let new = || NewVersion::new("greeting", body("two")).environment("qa");
        refused(store.commit(new()), "qa");
        refused(store.commit_if_changed(new()), "qa");
        let same = NewVersion::new("greeting", body("greeting")).environment("qa");
        refused(store.commit_if_changed(same), "qa");
        let new = || NewPrompt::new("other", body("x")).environment("qa");
        refused(store.create_prompt(new()), "qa");
        refused(store.ensure_prompt(new()), "qa");
        let batch = store.batch(|batch| batch.set_environment("greeting", "qa", "1.0"));
        refused(batch, "qa");
        assert_eq!(
            store.position().unwrap(),
            before,
            "a refusal left something"
        );
        store.set_environment("greeting", "dev", "1.0").unwrap();
        let new = NewVersion::new("greeting", body("two")).environment("dev");
        store.commit(new).unwrap();
    });
}

#[test]
fn a_new_prompt_goes_to_production_if_the_list_contains_it() {
    with_list(&["dev", "production"], |store| {
        assert_eq!(create(store, "p").version.environments.len(), 1);
    });
    with_list(&["dev"], |store| {
        assert_eq!(create(store, "p").version.environments, []);
        let named = NewPrompt::new("q", body("q")).environment("production");
        refused(store.create_prompt(named), "production");
        let named = NewPrompt::new("q", body("q")).environment("dev");
        assert_eq!(
            store
                .create_prompt(named)
                .unwrap()
                .version
                .environments
                .len(),
            1
        );
    });
}

#[test]
fn an_environment_that_is_not_in_the_list_can_be_removed_only() {
    with_list(&["production"], |store| {
        create(store, "p");
        commit(store, "p", "two");
        let free = store.accepting_unlisted();
        free.set_environment("p", "qa", "1.0").unwrap();
        refused(store.set_environment("p", "qa", "1.1"), "qa");
        // The list does not mind what it did not allow before.
        store.add_to_environment_list(["dev"]).unwrap();
        store.remove_from_environment_list(["dev"]).unwrap();
        store.remove_environment("p", "qa").unwrap();
        is_sound(store);
    });
}

#[test]
fn a_list_contains_every_environment_in_use() {
    let store = new_store();
    assert_eq!(list(&store), None);
    for name in ["a", "b", "c", "d", "e", "f", "g"] {
        create(&store, name);
    }
    store.set_environment("c", "prodution", "1.0").unwrap();
    let error = store.add_to_environment_list(["dev"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(
        error.to_string(),
        "the environment list must contain every environment in use: \
         production, of \"g\", \"f\", \"e\", \"d\", \"c\" and 2 more; prodution, of \"c\""
    );
    assert_eq!(list(&store), None, "a refusal left something");
    store.remove_environment("c", "prodution").unwrap();
    store
        .add_to_environment_list(["dev", "production", "dev"])
        .unwrap();
    assert_eq!(list(&store), names(&["dev", "production"]));
    let error = store.remove_from_environment_list(["production"]);
    assert!(matches!(error, Err(Error::EnvironmentInUse { .. })));
    store
        .remove_from_environment_list(["dev", "other"])
        .unwrap();
    assert_eq!(list(&store), names(&["production"]));
}

#[test]
fn changes_without_effect_are_no_operations() {
    with_list(&["production"], |store| {
        let before = store.position().unwrap();
        store.add_to_environment_list(["production"]).unwrap();
        store.remove_from_environment_list(["dev"]).unwrap();
        let none: [&str; 0] = [];
        store.add_to_environment_list(none).unwrap();
        assert_eq!(store.position().unwrap(), before);
        let error = store
            .remove_from_environment_list(["production"])
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        store.remove_environment_list().unwrap();
        let before = store.position().unwrap();
        store.remove_environment_list().unwrap();
        assert_eq!(store.remove_from_environment_list(["dev"]).unwrap(), None);
        assert!(store.add_to_environment_list(none).is_err());
        assert!(store.add_to_environment_list([""]).is_err());
        assert_eq!(store.position().unwrap(), before);
    });
}

#[test]
fn the_list_of_a_new_store_is_its_first_operation() {
    let place = Place::new();
    let options = StoreOptions::new()
        .author("ann")
        .environments(["dev", "production"]);
    // An interrupted creation leaves a store without operations.
    drop(place.create());
    let store = place.open_or_create_with(&options);
    let operations = store.operations().page(None, 9).unwrap();
    assert_eq!(operations.len(), 1);
    let content = &operations[0].content;
    assert_eq!(
        (content.author.as_str(), content.kind),
        ("ann", OperationKind::EnvironmentList)
    );
    drop(store);
    // A store that has operations keeps its list.
    let other = StoreOptions::new().environments(["other"]);
    let store = place.open_or_create_with(&other);
    assert_eq!(list(&store), names(&["dev", "production"]));
    for wrong in [&[][..], &["dev", "dev"], &[""]] {
        let place = Place::new();
        let path = place.path().join("store");
        let options = StoreOptions::new().environments(wrong.iter().copied());
        let error = options.create(&path).unwrap_err();
        assert!(matches!(error, OpenError::InvalidArgument(_)), "{error}");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(!path.exists(), "a refused list left a store");
        assert!(options.in_memory().is_err());
    }
}

#[test]
fn changes_of_the_list_are_undone_and_redone() {
    with_list(&["production"], |store| {
        create(store, "p"); // 2
        store.add_to_environment_list(["dev"]).unwrap(); // 3
        commit(store, "p", "two"); // 4
        store.add_to_environment_list(["qa"]).unwrap(); // 5
        let blocked = store.undo(3).unwrap_err();
        assert!(
            matches!(&blocked, Error::UndoBlocked { later, .. } if *later == [5]),
            "{blocked}"
        );
        let undone = store.undo_with_later(3).unwrap();
        assert_eq!(undone.content.undoes, [5, 3]);
        assert_eq!(list(store), names(&["production"]));
        assert!(matches!(store.undo(5), Err(Error::AlreadyUndone { .. })));
        store.undo(&undone).unwrap();
        assert_eq!(list(store), names(&["production", "dev", "qa"]));
        store.undo(5).unwrap();
        assert_eq!(store.undo_newest().unwrap().unwrap().content.undoes, [4]);
        assert_eq!(store.undo_newest().unwrap().unwrap().content.undoes, [3]);
        // An undo does not follow the list.
        assert_eq!(store.undo_newest().unwrap().unwrap().content.undoes, [2]);
        assert_eq!(store.undo_newest().unwrap().unwrap().content.undoes, [1]);
        assert_eq!(list(store), None);
        is_sound(store);
    });
}

#[test]
fn a_group_with_the_list_is_undone_as_a_whole() {
    let store = new_store();
    let grouped = store.grouped();
    grouped.add_to_environment_list(["dev"]).unwrap();
    create(&grouped, "p");
    store.add_to_environment_list(["qa"]).unwrap();
    let group = grouped.group().unwrap();
    let blocked = store.undo_group(group).unwrap_err();
    assert!(
        matches!(&blocked, Error::UndoBlocked { later, .. } if *later == [3]),
        "{blocked}"
    );
    store.undo(3).unwrap();
    let undone = store.undo_group(group).unwrap();
    assert_eq!((list(&store), store.prompts().count().unwrap()), (None, 0));
    create(&store, "q");
    store.undo(&undone).unwrap();
    assert_eq!(list(&store), names(&["dev"]));
    is_sound(&store);
}

#[test]
fn the_history_shows_earlier_lists() {
    let place = Place::new();
    let store = place.create_with(&StoreOptions::new().environments(["a", "production"]));
    create(&store, "p");
    store.add_to_environment_list(["b"]).unwrap();
    // Enough operations that the first ones are archived.
    for number in 0..300 {
        commit(&store, "p", number);
    }
    drop(store);
    let store = place.open();
    store.remove_environment_list().unwrap();
    let at = |number: u64| {
        let list = store.at(number).unwrap().environment_list().unwrap();
        list.map(|names| names.len())
    };
    assert_eq!([at(0), at(1), at(2)], [None, Some(2), Some(2)]);
    assert_eq!(
        [at(3), at(200), at(303), at(304)],
        [Some(3), Some(3), Some(3), None]
    );
    let prompt = store.operations().prompt(store.prompt("p").unwrap().id);
    assert_eq!(prompt.page(None, usize::MAX).unwrap().len(), 301);
    is_sound(&store);
}

#[test]
fn watchers_see_the_list_and_cached_answers_stay() {
    with_list(&["production"], |store| {
        create(store, "p");
        let cached = store.resolve("p@production").unwrap();
        let here = store.position().unwrap();
        store.add_to_environment_list(["dev"]).unwrap();
        let events = store.changes_since(here, 9).unwrap();
        let change = &events[0].operation.content.changes[0];
        assert!(matches!(change, Change::EnvironmentList { .. }));
        assert_eq!(change.prompt(), None);
        let text = serde_json::to_string(&events[0].operation).unwrap();
        assert_eq!(events[0].operation, serde_json::from_str(&text).unwrap());
        assert_eq!(
            store.resolve("p@production").unwrap().version,
            cached.version
        );
    });
}

#[test]
fn a_backup_and_a_bundle_contain_the_list() {
    let (place, backup) = (Place::new(), Place::new());
    let store = StoreOptions::new()
        .environments(["dev", "production"])
        .create(place.path())
        .unwrap();
    create(&store, "p");
    store.backup(backup.path().join("b")).unwrap();
    let copy = Store::open(backup.path().join("b")).unwrap();
    assert_eq!(list(&copy), names(&["dev", "production"]));
    refused(copy.set_environment("p", "qa", "1.0"), "qa");
    let mut bundle = Vec::new();
    store.export_bundle(&mut bundle).unwrap();
    let other = new_store();
    other.import_bundle(std::io::Cursor::new(&bundle)).unwrap();
    assert_eq!(list(&other), names(&["dev", "production"]));
    is_sound(&other);
}

#[test]
fn bundles_merge_unless_both_sides_changed_the_list() {
    let base = new_store();
    create(&base, "p");
    let bundle = |store: &Store| {
        let mut bundle = Vec::new();
        store.export_bundle(&mut bundle).unwrap();
        bundle
    };
    let copy = || {
        let store = new_store();
        store
            .import_bundle(std::io::Cursor::new(bundle(&base)))
            .unwrap();
        store
    };
    let (one, other) = (copy(), copy());
    one.add_to_environment_list(["production"]).unwrap();
    other.set_environment("p", "qa", "1.0").unwrap();
    // The list of one side does not refuse what the other side did without it.
    let merged = one
        .import_bundle(std::io::Cursor::new(bundle(&other)))
        .unwrap();
    assert!(merged.merged);
    assert_eq!(one.environments("p").unwrap().len(), 2);
    refused(one.set_environment("p", "qa", "1.0"), "qa");
    is_sound(&one);
    let third = copy();
    third
        .add_to_environment_list(["production", "dev"])
        .unwrap();
    let error = third
        .import_bundle(std::io::Cursor::new(bundle(&one)))
        .unwrap_err();
    assert!(matches!(error, Error::MergeConflict { .. }), "{error}");
    assert!(
        error.to_string().contains("the environment list"),
        "{error}"
    );
    assert_eq!(list(&third), names(&["production", "dev"]));
}

#[test]
fn an_altered_list_is_named() {
    let place = Place::new();
    drop(
        StoreOptions::new()
            .environments(["dev", "qa"])
            .create(place.path())
            .unwrap(),
    );
    for (statement, words) in [
        (
            r#"UPDATE setting SET value = '["dev"]' WHERE name = 'environments'"#,
            "[dev]",
        ),
        (
            "UPDATE setting SET value = 'no list' WHERE name = 'environments'",
            "environment list",
        ),
        ("DELETE FROM setting WHERE name = 'environments'", "absent"),
    ] {
        assert_eq!(place.sql(statement), 1);
        let found = violations(&place.open());
        assert!(
            found.len() == 1 && found[0].contains(words),
            "{statement}: {found:?}"
        );
    }
}
