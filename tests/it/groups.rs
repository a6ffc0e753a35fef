//! Groups of operations: what one command made is undone at once.

use promptbook::history::GroupId;
use promptbook::{Error, NewPrompt, NewVersion, Store};

use crate::support::new_store;

const BODY: &str = r#"{"messages": []}"#;

fn new(name: &str) -> NewPrompt {
    NewPrompt::new(name, BODY)
}

fn commit(store: &Store, prompt: &str, text: &str) {
    let body = format!(r#"{{"messages": [], "text": "{text}"}}"#);
    store.commit(NewVersion::new(prompt, body)).unwrap();
}

fn groups(store: &Store) -> Vec<Option<GroupId>> {
    let operations = store.operations().page(None, 100);
    let operations = operations.unwrap().into_iter().rev();
    operations
        .map(|operation| operation.content.group)
        .collect()
}

#[test]
fn operations_have_the_group_of_the_handle_that_made_them() {
    let store = new_store();
    let (one, other) = (store.grouped(), store.grouped());
    assert_eq!(store.group(), None);
    assert_ne!(one.group(), other.group());
    one.create_prompt(new("a")).unwrap();
    store.create_prompt(new("b")).unwrap();
    other.create_prompt(new("c")).unwrap();
    one.batch(|batch| {
        batch.create_prompt(new("d"))?;
        batch.set_group(None);
        batch.create_prompt(new("e"))?;
        batch.set_group(other.group());
        batch.create_prompt(new("f")).map(drop)
    })
    .unwrap();
    let (first, second) = (one.group(), other.group());
    assert_eq!(groups(&store), [first, None, second, first, None, second]);
    let same = store.with_group(first.unwrap());
    assert_eq!(same.undo(2).unwrap().content.group, first);
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn a_group_is_undone_by_one_operation_and_redone_by_undoing_that() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path().join("store")).unwrap();
    store.create_prompt(new("kept")).unwrap();
    let grouped = store.grouped();
    grouped.create_prompt(new("a")).unwrap();
    commit(&store, "kept", "between");
    commit(&grouped, "a", "second");
    grouped.rename("a", "b").unwrap();
    let group = grouped.group().unwrap();
    let undone = store.undo_group(group).unwrap();
    assert_eq!(undone.content.undoes, [5, 4, 2]);
    assert_eq!(store.prompts().count().unwrap(), 1);
    assert_eq!(
        store.version("kept@latest").unwrap().number.to_string(),
        "1.1"
    );
    let again = store.undo_group(group).unwrap_err();
    assert!(
        matches!(
            again,
            Error::AlreadyUndone {
                operation: 5,
                by: 6
            }
        ),
        "{again}"
    );
    store.undo(&undone).unwrap();
    assert_eq!(store.version("b@latest").unwrap().number.to_string(), "1.1");
    // It is in effect again, so it can be undone again.
    assert_eq!(store.undo_group(group).unwrap().content.undoes, [5, 4, 2]);
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn members_that_were_undone_before_are_left_out() {
    let store = new_store();
    let grouped = store.grouped();
    grouped.create_prompt(new("a")).unwrap();
    grouped.create_prompt(new("b")).unwrap();
    store.undo(2).unwrap();
    let undone = store.undo_group(grouped.group().unwrap()).unwrap();
    assert_eq!(undone.content.undoes, [1]);
    assert_eq!(store.prompts().count().unwrap(), 0);
}

#[test]
fn others_that_depend_on_a_group_are_in_the_way() {
    let store = new_store();
    let grouped = store.grouped();
    grouped.create_prompt(new("a")).unwrap();
    grouped.create_prompt(new("b")).unwrap();
    commit(&store, "b", "depends");
    commit(&store.grouped(), "a", "depends too");
    let group = grouped.group().unwrap();
    match store.undo_group(group).unwrap_err() {
        Error::UndoBlocked { operation, later } => {
            assert_eq!((operation, later), (1, vec![3, 4]));
        }
        error => panic!("{error}"),
    }
    assert_eq!(
        store.prompts().count().unwrap(),
        2,
        "a refusal changes nothing"
    );
    store.undo(4).unwrap();
    store.undo(3).unwrap();
    store.undo_group(group).unwrap();
    assert_eq!(store.prompts().count().unwrap(), 0);
}

#[test]
fn an_unknown_group_is_not_found() {
    let store = new_store();
    store.create_prompt(new("a")).unwrap();
    let unknown = "00112233445566778899aabbccddeeff".parse().unwrap();
    let error = store.undo_group(unknown).unwrap_err();
    assert!(matches!(error, Error::OperationNotFound { .. }), "{error}");
    assert!(
        "00112233445566778899AABBCCDDEEFF"
            .parse::<GroupId>()
            .is_err()
    );
    assert!("0011".parse::<GroupId>().is_err());
}

/// Archives, bundles and imports keep it.
#[test]
fn a_bundle_keeps_groups() {
    let (from, to) = (new_store(), new_store());
    let grouped = from.grouped();
    grouped.create_prompt(new("a")).unwrap();
    grouped.create_prompt(new("b")).unwrap();
    let mut bundle = Vec::new();
    from.export_bundle(&mut bundle).unwrap();
    to.import_bundle(std::io::Cursor::new(bundle)).unwrap();
    assert_eq!(groups(&to), groups(&from));
    to.undo_group(grouped.group().unwrap()).unwrap();
    assert_eq!(to.prompts().count().unwrap(), 0);
}
