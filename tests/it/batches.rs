//! Batches: several changes that all take place or none does, whatever fails in between.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

use chrono::Utc;
use promptbook::maintenance::GcOptions;
use promptbook::{
    Batch, Bump, EnvironmentUpdate, Error, Expected, NewPrompt, NewVersion, Result, Store,
    StoreOptions,
};

use crate::support::{Place, body, commit, create, is_sound, new_store, new_store_with};

/// Returns everything that a store contains, to compare it before and after.
fn state(store: &Store) -> String {
    let operations = store.operations().page(None, usize::MAX).unwrap();
    let prompts = store.prompts().page(None, usize::MAX).unwrap();
    let versions = prompts
        .iter()
        .map(|prompt| store.versions(prompt.id).page(None, usize::MAX).unwrap());
    format!(
        "{operations:?} {prompts:?} {:?}",
        versions.collect::<Vec<_>>()
    )
}

/// Makes one change of each kind that a batch supports.
fn work(batch: &mut Batch<'_>) -> promptbook::Result<()> {
    let made = batch.create_prompt(NewPrompt::new("made", body("made")))?;
    batch.commit(NewVersion::new(made.prompt.id, body("more")))?;
    batch.commit(NewVersion::new("there", body("more")))?;
    batch.update_environments([EnvironmentUpdate::set("there", "staging", "1.0")])?;
    batch.delete_version("made@1.0")?;
    assert_eq!(
        batch.version("there")?.number.to_string(),
        "1.1",
        "a batch reads what it wrote"
    );
    Ok(())
}

#[test]
fn an_error_rolls_a_batch_back() {
    let place = Place::new();
    for store in [new_store(), place.create()] {
        create(&store, "there");
        let before = state(&store);
        let failed = store.batch(|batch| {
            work(batch)?;
            batch.delete_prompt("missing")
        });
        assert!(
            matches!(failed, Err(Error::PromptNotFound { .. })),
            "{failed:?}"
        );
        assert_eq!(state(&store), before, "a failed batch left changes");
        store.batch(work).unwrap();
        assert_ne!(state(&store), before);
        is_sound(&store);
    }
}

#[test]
fn a_panic_rolls_a_batch_back() {
    let place = Place::new();
    for store in [new_store(), place.create()] {
        create(&store, "there");
        let before = state(&store);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            store.batch(|batch| -> promptbook::Result<()> {
                work(batch)?;
                panic!("in the middle of a batch")
            })
        }));
        assert!(panicked.is_err());
        assert_eq!(state(&store), before, "a batch that panicked left changes");
        store.batch(work).unwrap();
        is_sound(&store);
    }
}

/// A refused change changes nothing, so a batch may continue after it.
#[test]
fn a_batch_continues_after_a_refusal() {
    let store = new_store();
    create(&store, "there");
    let result = store.batch(|batch| {
        let missing = batch.delete_prompt("missing");
        assert!(matches!(missing, Err(Error::PromptNotFound { .. })));
        work(batch)
    });
    result.unwrap();
    assert_eq!(store.prompts().count().unwrap(), 2);
    is_sound(&store);
}

/// A failure of the index may leave half an operation, or may have rolled back everything before
/// it. A batch that continues after such a failure commits nothing.
#[test]
fn a_batch_that_hides_a_failure_of_the_index_commits_nothing() {
    for how in ["ABORT", "FAIL", "ROLLBACK"] {
        let place = Place::new();
        let store = place.create();
        create(&store, "there");
        let before = state(&store);
        place.sql(&format!(
            "CREATE TRIGGER failure BEFORE INSERT ON version WHEN NEW.message = 'fail'
             BEGIN SELECT RAISE({how}, 'a failure'); END"
        ));
        let result = store.batch(|batch| {
            batch.create_prompt(NewPrompt::new("before", body("before")))?;
            let failing = NewVersion::new("there", body("failing")).message("fail");
            let failed = batch.commit(failing);
            assert!(
                matches!(failed, Err(Error::Storage(_))),
                "{how}: {failed:?}"
            );
            // The closure ignores the errors of these calls.
            let _ = batch.create_prompt(NewPrompt::new("behind", body("behind")));
            let _ = batch.update_environments([EnvironmentUpdate::set("there", "staging", "1.0")]);
            Ok(())
        });
        assert!(
            matches!(result, Err(Error::Storage(_))),
            "{how}: {result:?}"
        );
        assert_eq!(
            state(&store),
            before,
            "{how}: half of a batch was committed"
        );
        place.sql("DROP TRIGGER failure");
        commit(&store, "there", "as usual");
        is_sound(&store);
    }
}

/// Several moves are one operation, and the first one that fails rolls all of them back.
#[test]
fn moves_are_all_or_none() {
    let place = Place::new();
    for store in [new_store(), place.create()] {
        create(&store, "one");
        let two = create(&store, "two");
        commit(&store, "one", "more");
        let before = state(&store);
        let moves = |expected| {
            [
                EnvironmentUpdate::set("one", "production", "1.1"),
                EnvironmentUpdate::remove("two", "production").expect(expected),
            ]
        };
        let refused = store.update_environments(moves(Expected::Absent));
        assert!(
            matches!(refused, Err(Error::Conflict { .. })),
            "{refused:?}"
        );
        assert_eq!(state(&store), before, "half of the moves were made");
        store
            .update_environments(moves(Expected::Is(two.version.id)))
            .unwrap();
        let last = store.operations().page(None, 1).unwrap().remove(0);
        assert_eq!(
            last.content.changes.len(),
            2,
            "both moves are one operation"
        );
        let same = store.update_environments(moves(Expected::Absent)).unwrap();
        assert!(same.iter().all(|moved| moved.before == moved.after));
        let operations = store.operations().page(None, 1).unwrap();
        assert_eq!(
            operations[0], last,
            "a move without effect recorded an operation"
        );
        is_sound(&store);
    }
}

/// A refused commit leaves no version, no body and no number behind.
#[test]
fn a_refused_commit_leaves_nothing() {
    let place = Place::new();
    let store = place.create();
    create(&store, "there");
    let (before, stats) = (state(&store), store.stats().unwrap());
    let breaking = body("{{hc:name:string}}");
    let minor = NewVersion::new("there", &breaking).bump(Bump::Minor);
    let refused = store.commit(minor.clone());
    assert!(
        matches!(refused, Err(Error::Breaking { .. })),
        "{refused:?}"
    );
    let long = NewVersion::new("there", &breaking).message("m".repeat(65 * 1024));
    assert!(matches!(store.commit(long), Err(Error::InvalidArgument(_))));
    assert_eq!(state(&store), before);
    assert_eq!(store.stats().unwrap().operations, stats.operations);
    let forced = store.commit(minor.force(true)).unwrap();
    assert_eq!(forced.number.to_string(), "1.1");
}

/// Runs a closure that may hang, and fails if it does.
fn in_time(work: impl FnOnce() + Send + 'static) {
    let (done, waits) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        work();
        done.send(()).unwrap();
    });
    if let Err(mpsc::RecvTimeoutError::Timeout) = waits.recv_timeout(Duration::from_secs(60)) {
        panic!("the call hangs");
    }
    thread.join().unwrap();
}

/// The name of a call that would wait for the batch it is made in, and the call.
type Call = (&'static str, fn(&Store) -> Result<()>);

const CALLS: &[Call] = &[
    ("commit", |store| {
        store
            .commit(NewVersion::new("there", body("within")))
            .map(drop)
    }),
    ("move", |store| {
        store
            .update_environment(EnvironmentUpdate::set("there", "staging", "1.0"))
            .map(drop)
    }),
    ("rename", |store| store.rename("there", "other").map(drop)),
    ("undo", |store| store.undo_newest().map(drop)),
    ("batch", |store| store.batch(|_| Ok(()))),
    ("checkpoint", |store| store.checkpoint().map(drop)),
    ("collect", |store| {
        store
            .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
            .map(drop)
    }),
    ("repack", |store| store.repack().map(drop)),
    ("repair", |store| store.repair(&[]).map(drop)),
    ("backup", |store| {
        let directory = tempfile::tempdir().unwrap();
        store.backup(directory.path()).map(drop)
    }),
    ("export", |store| store.export_bundle(Vec::new()).map(drop)),
    ("import", |store| {
        store.import_bundle(Cursor::new(Vec::new())).map(drop)
    }),
    ("watch", |store| {
        let position = store.position()?;
        store
            .wait_for_changes(position, 1, Duration::from_secs(3600))
            .map(drop)
    }),
];

#[test]
fn a_call_inside_a_batch_that_would_wait_for_it_is_refused() {
    in_time(|| {
        let place = Place::new();
        for store in [new_store(), place.create()] {
            create(&store, "there");
            store
                .batch(|batch| {
                    batch.commit(NewVersion::new("there", body("before")))?;
                    for (name, call) in CALLS {
                        let refused = call(&store);
                        assert!(
                            matches!(refused, Err(Error::WithinBatch)),
                            "{name}: {refused:?}"
                        );
                    }
                    assert_eq!(store.version("there")?.number.to_string(), "1.0");
                    assert!(store.verify()?.is_clean());
                    batch.commit(NewVersion::new("there", body("behind")))
                })
                .unwrap();
            assert_eq!(store.prompt("there").unwrap().versions, 3);
            store
                .commit(NewVersion::new("there", body("after")))
                .unwrap();
            is_sound(&store);
        }
    });
}

/// A batch of another store does not refuse the call, and a batch of another thread makes it wait.
#[test]
fn a_call_is_refused_only_in_a_batch_of_the_same_store_and_thread() {
    in_time(|| {
        let (here, there) = (new_store(), new_store());
        let committing = here
            .batch(|_| {
                create(&there, "p");
                let store = here.clone();
                Ok(std::thread::spawn(move || create(&store, "p")))
            })
            .unwrap();
        committing.join().unwrap();
        assert_eq!(here.prompts().count().unwrap(), 1);
    });
}

/// The clock is called inside a transaction that several writers may share.
#[test]
fn a_clock_that_writes_is_refused() {
    in_time(|| {
        let (mine, theirs) = mpsc::channel::<Store>();
        let theirs = std::sync::Mutex::new(theirs);
        let clock = move || {
            if let Ok(store) = theirs.lock().unwrap().try_recv() {
                let refused = store.checkpoint();
                assert!(matches!(refused, Err(Error::WithinBatch)), "{refused:?}");
                let refused = store.rename("p", "q");
                assert!(matches!(refused, Err(Error::WithinBatch)), "{refused:?}");
            }
            Utc::now()
        };
        let store = new_store_with(&StoreOptions::new().clock(clock));
        create(&store, "p");
        mine.send(store.clone()).unwrap();
        commit(&store, "p", "by a clock that writes");
        assert_eq!(store.prompt("p").unwrap().versions, 2);
    });
}
