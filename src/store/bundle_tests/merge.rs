//! Tests that two histories are merged entirely or not at all.

use super::*;
use crate::maintenance::GcOptions;

/// Creates a store from another store's bundle.
fn copy(bundle: &[u8]) -> Store {
    let store = Store::in_memory().unwrap();
    import(&store, bundle).unwrap();
    store
}

fn counts(imported: &ImportSummary) -> (u64, u64, bool) {
    (imported.present, imported.appended, imported.merged)
}

/// Checks that a store refuses a bundle. Returns the operation that was refused, and the reason.
fn refuses(store: &Store, bundle: &[u8]) -> (u64, String) {
    let before = all_answers(&*store.shared().index.snapshot().unwrap());
    let error = import(store, bundle).unwrap_err();
    assert_eq!(
        all_answers(&*store.shared().index.snapshot().unwrap()),
        before,
        "{error}"
    );
    match error {
        Error::MergeConflict {
            operation, reason, ..
        } => (operation, reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_longer_history_is_imported() {
    let source = filled();
    let early = export(&source);
    let target = copy(&early);
    let mut scribe = scribe(&source);
    scribe.commit(1, 20, "4.0");
    let back = version_restored(prompt_id(1), version_id(5));
    undo(&source, moment(200), vec![12], vec![back]);
    let late = export(&source);
    assert_eq!(counts(&import(&target, &late).unwrap()), (19, 2, false));
    assert_eq!(export(&target), late);
    assert_eq!(counts(&import(&target, &early).unwrap()), (19, 0, false));
    assert_eq!(counts(&import(&target, &late).unwrap()), (21, 0, false));
    assert_eq!(export(&target), late);
    is_sound(&target);
}

/// The body of the restored version was garbage-collected in the importing store.
#[test]
fn a_collected_body_is_restored_with_its_version() {
    let source = filled();
    let target = copy(&export(&source));
    target
        .collect_garbage_with(GcOptions::new().retention(std::time::Duration::ZERO))
        .unwrap();
    let id = BlobId::of(&body(5));
    assert_eq!(
        target.shared().index.snapshot().unwrap().blob(id).unwrap(),
        None
    );
    let back = version_restored(prompt_id(1), version_id(5));
    undo(&source, moment(200), vec![12], vec![back]);
    assert_eq!(import(&target, &export(&source)).unwrap().bodies, 1);
    assert_eq!(export(&target), export(&source));
    is_sound(&target);
    // This version was restored only for a while, and its body no longer exists anywhere.
    let mut scribe = scribe(&source);
    scribe.delete_version(1, 5);
    scribe.forget(&[id]);
    let late = export(&source);
    let target = copy(&export(&filled()));
    target
        .collect_garbage_with(GcOptions::new().retention(std::time::Duration::ZERO))
        .unwrap();
    assert_eq!(import(&target, &late).unwrap().bodies, 0);
    assert_eq!(export(&target), late);
    is_sound(&target);
}

#[test]
fn two_histories_are_merged() {
    let (one, other) = (filled(), filled());
    scribe(&one).create(11, "of one", &[]);
    scribe(&one).commit(11, 31, "1.0");
    let point = environment_change(prompt_id(11), "staging", None, Some(version_id(31)));
    let back = environment_change(prompt_id(11), "staging", Some(version_id(31)), None);
    scribe(&one).write(vec![point]); // operation 22
    undo(&one, moment(200), vec![22, 5], vec![back]);
    scribe(&other).create(12, "of the other", &[]);
    scribe(&other).commit_body(12, 32, "1.0", &body(4));
    let (of_one, of_other) = (export(&one), export(&other));
    assert_eq!(counts(&import(&one, &of_other).unwrap()), (19, 2, true));
    assert_eq!(counts(&import(&other, &of_one).unwrap()), (19, 4, true));
    assert_eq!(tables(&one), tables(&other));
    for store in [&one, &other] {
        is_sound(store);
        let before = export(store);
        for bundle in [&of_one, &of_other, &export(&one), &export(&other)] {
            let imported = import(store, bundle).unwrap();
            assert_eq!((imported.appended, imported.merged), (0, false));
        }
        assert_eq!(export(store), before);
    }
    // An undo names operations by their number in this store: 22 became 24, and 5 is common to
    // both.
    let operations = other.operations().page(None, 1).unwrap();
    assert_eq!(operations[0].content.undoes, [24, 5]);
    // Both stores can continue from there.
    scribe(&one).commit(11, 33, "2.0");
    assert_eq!(
        counts(&import(&other, &export(&one)).unwrap()),
        (25, 1, true)
    );
    assert_eq!(tables(&one), tables(&other));
}

/// If the clock does not advance, two operations can have the same content.
#[test]
fn operations_with_the_same_content_are_distinguished() {
    let there = environment_change(prompt_id(1), "x", None, Some(version_id(2)));
    let back = environment_change(prompt_id(1), "x", Some(version_id(2)), None);
    let (one, other) = (filled(), filled());
    scribe(&other).create(12, "of the other", &[]);
    // Each scribe starts at the same time.
    for change in [&there, &back, &there] {
        scribe(&one).write(vec![change.clone()]);
    }
    assert_eq!(
        counts(&import(&other, &export(&one)).unwrap()),
        (19, 3, true)
    );
    assert_eq!(
        counts(&import(&other, &export(&one)).unwrap()),
        (22, 0, false)
    );
    scribe(&one).write(vec![back]);
    assert_eq!(
        counts(&import(&other, &export(&one)).unwrap()),
        (22, 1, true)
    );
    is_sound(&other);
}

#[test]
fn conflicts_are_reported() {
    type Change<'a> = &'a dyn Fn(&mut HistoryWriter<'_>);
    let told = |here: Change<'_>, there: Change<'_>| {
        let (one, other) = (filled(), filled());
        here(&mut scribe(&one));
        // At another time, so that it is not the same operation.
        let mut late = scribe(&other);
        late.create(40, "late", &[]);
        there(&mut late);
        let in_memory = refuses(&one, &export(&other));
        let folder = tempfile::tempdir().unwrap();
        let directory = Store::create(folder.path()).unwrap();
        import(&directory, &export(&one)).unwrap();
        assert_eq!(refuses(&directory, &export(&other)), in_memory);
        assert_eq!(in_memory.0, 21);
        in_memory.1
    };
    let thirty = version_id(30);
    let commit = |scribe: &mut HistoryWriter<'_>| drop(scribe.commit(1, 30, "3.1"));
    let commit_another = |scribe: &mut HistoryWriter<'_>| drop(scribe.commit(1, 31, "3.1"));
    assert_eq!(
        told(&commit_another, &commit),
        "number 3.1 of prompt \"renamed\" is taken by another version of the store"
    );
    let commit_deleted = |scribe: &mut HistoryWriter<'_>| {
        scribe.commit(1, 31, "3.1");
        scribe.delete_version(1, 31);
    };
    assert_eq!(
        told(&commit_deleted, &commit),
        "number 3.1 of prompt \"renamed\" was used before"
    );
    let same_id = |scribe: &mut HistoryWriter<'_>| drop(scribe.commit(1, 30, "9.0"));
    assert_eq!(
        told(&same_id, &commit),
        format!("version id {thirty} is taken by version 9.0 of prompt \"renamed\"")
    );
    let create = |scribe: &mut HistoryWriter<'_>| scribe.create(5, "p", &[]);
    let taken = "prompt id 000005 is taken by prompt \"p\"";
    assert_eq!(told(&create, &create), taken);
    let create_deleted = |scribe: &mut HistoryWriter<'_>| {
        scribe.create(5, "p", &[]);
        scribe.delete_prompt(5);
    };
    assert_eq!(told(&create_deleted, &create), taken);
    let to = |number| move |scribe: &mut HistoryWriter<'_>| scribe.point(1, "production", number);
    assert_eq!(
        told(&to(Some(1)), &to(Some(3))),
        "production of prompt \"renamed\" is 1.0, but before the operation it was 1.1"
    );
    assert_eq!(
        told(&to(None), &to(Some(3))),
        "production of prompt \"renamed\" is unset, but before the operation it was 1.1"
    );
    let rename = |name| move |scribe: &mut HistoryWriter<'_>| scribe.change(1, name, &["c"]);
    assert_eq!(
        told(&rename("one"), &rename("other")),
        "the prompt is \"one\", tagged [\"c\"], but before the operation it was \"renamed\", tagged [\"c\"]"
    );
    let delete = |scribe: &mut HistoryWriter<'_>| scribe.delete_version(1, 3);
    assert_eq!(
        told(&delete, &to(Some(3))),
        "version 2.0 of prompt \"renamed\" is deleted"
    );
    let staged = |scribe: &mut HistoryWriter<'_>| scribe.point(1, "staging", Some(3));
    assert_eq!(
        told(&staged, &delete),
        "version 2.0 of prompt \"renamed\" is in staging and cannot be deleted"
    );
    let delete_prompt = |scribe: &mut HistoryWriter<'_>| scribe.delete_prompt(1);
    assert_eq!(
        told(&delete_prompt, &commit),
        "prompt \"renamed\" does not exist"
    );
}

/// Stores without a common history are merged like two parts of one store.
#[test]
fn stores_without_a_common_history_are_merged() {
    let (one, other) = (Store::in_memory().unwrap(), Store::in_memory().unwrap());
    scribe(&one).create(11, "p", &[]);
    scribe(&one).commit(11, 31, "1.0");
    scribe(&other).create(12, "p", &[]);
    scribe(&other).commit_body(12, 32, "1.0", &body(31));
    assert_eq!(
        counts(&import(&one, &export(&other)).unwrap()),
        (0, 2, true)
    );
    assert_eq!(
        import(&other, &export(&one)).unwrap().bodies,
        0,
        "a stored body was imported"
    );
    assert_eq!(tables(&one), tables(&other));
    is_sound(&one);
}

/// The current states may fit nevertheless, for example if a value was changed and changed back.
#[test]
fn changes_on_both_sides_conflict_regardless_of_the_current_state() {
    type Step<'a> = &'a dyn Fn(&Store);
    let told = |here: Step<'_>, there: Step<'_>| {
        let one = Store::in_memory().unwrap();
        scribe(&one).create(1, "p", &[]); // operation 1
        scribe(&one).commit(1, 1, "1.0");
        scribe(&one).commit(1, 2, "1.1");
        scribe(&one).point(1, "staging", Some(1)); // 4
        let other = copy(&export(&one));
        // If both sides do the same, the operations must still be different.
        scribe(&other).create(40, "late", &[]);
        here(&one);
        there(&other);
        let (of_one, of_other) = (export(&one), export(&other));
        let reason = refuses(&one, &of_other);
        refuses(&other, &of_one);
        let folder = tempfile::tempdir().unwrap();
        let directory = Store::create(folder.path()).unwrap();
        import(&directory, &of_one).unwrap();
        assert_eq!(refuses(&directory, &of_other), reason);
        reason.1
    };
    let commit: Step<'_> = &|store| drop(scribe(store).commit(1, 30, "2.0"));
    let delete: Step<'_> = &|store| {
        store.remove_environment("p", "staging").unwrap();
        store.delete_prompt("p").unwrap();
    };
    assert_eq!(
        told(commit, delete),
        "it changed whether prompt \"p\" exists, on which operation 5 of the store depends"
    );
    let delete_and_back: Step<'_> = &|store| {
        delete(store);
        let last = store.stats().unwrap().operations;
        store.undo(last).unwrap();
    };
    assert_eq!(told(commit, delete_and_back), told(commit, delete));
    let away: Step<'_> = &|store| drop(store.remove_environment("p", "staging").unwrap());
    let away_and_back: Step<'_> = &|store| {
        away(store);
        store.set_environment("p", "staging", "1.0").unwrap();
    };
    assert_eq!(
        told(away_and_back, away),
        "operation 5 of the store changed staging of prompt \"p\" too"
    );
    let rename: Step<'_> = &|store| drop(store.rename("p", "q").unwrap());
    let rename_and_back: Step<'_> = &|store| {
        rename(store);
        store.rename("q", "p").unwrap();
    };
    let tag: Step<'_> = &|store| drop(store.set_tags("p", &["t"]).unwrap());
    for change in [rename, rename_and_back, tag] {
        assert_eq!(
            told(rename_and_back, change),
            "operation 5 of the store changed the name or tags of prompt \"p\" too"
        );
    }
    let delete_version: Step<'_> = &|store| drop(store.delete_version(version_id(2)).unwrap());
    let point_and_away: Step<'_> = &|store| {
        store.set_environment("p", "next", "1.1").unwrap();
        store.remove_environment("p", "next").unwrap();
    };
    assert_eq!(
        told(point_and_away, delete_version),
        "it changed whether version 1.1 of prompt \"p\" exists, on which operation 5 of the store depends"
    );
    // For operations without changes, only the operations that they undo can conflict.
    let undo_nothing: Step<'_> = &|store| {
        let last = u32::try_from(store.stats().unwrap().operations).unwrap();
        undo(store, moment(500 + last), vec![4], Vec::new())
    };
    assert_eq!(
        told(undo_nothing, undo_nothing),
        "operation 5 of the store undid operation 4, or restored it, too"
    );
}

/// The deletion happened long ago, but until its import it could not be undone here.
#[test]
fn retention_starts_when_a_deletion_is_imported() {
    let source = Store::in_memory().unwrap();
    scribe(&source).create(1, "p", &[]);
    scribe(&source).commit(1, 1, "1.0");
    let early = export(&source);
    scribe(&source).delete_version(1, 1); // operation 3
    let late = export(&source);
    let folder = tempfile::tempdir().unwrap();
    let directory = Store::create(folder.path()).unwrap();
    import(&directory, &early).unwrap();
    for store in [copy(&early), directory] {
        import(&store, &late).unwrap();
        assert_eq!(store.collect_garbage().unwrap().bodies, 0);
        is_sound(&store);
        store.undo(3).unwrap();
        assert!(store.resolve(version_id(1)).is_ok());
    }
}
