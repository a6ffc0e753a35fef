//! Many threads on one store: no change is lost, applied twice, seen in part or seen late.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use promptbook::list::PromptFilter;
use promptbook::maintenance::GcOptions;
use promptbook::{Bump, EnvironmentUpdate, Error, Expected, NewVersion, Store, VersionNumber};

use crate::support::{Done, Place, body, commit, create, is_sound};

const THREADS: u32 = 8;

/// Runs half of the threads on one handle and half on another, as if it were in another process.
fn with_threads(handles: &[Store; 2], work: impl Fn(u32, &Store) + Sync) {
    std::thread::scope(|scope| {
        for number in 0..THREADS {
            let store = handles[number as usize % 2].clone();
            let work = &work;
            scope.spawn(move || work(number, &store));
        }
    });
}

fn two_handles(place: &Place) -> [Store; 2] {
    let first = place.create();
    create(&first, "shared");
    [first, place.open()]
}

#[test]
fn every_number_is_assigned_once() {
    const EACH: u32 = 10;
    let place = Place::new();
    let handles = two_handles(&place);
    let given = std::sync::Mutex::new(Vec::new());
    with_threads(&handles, |thread, store| {
        for round in 0..EACH {
            let version = commit(store, "shared", format!("{thread}, {round}"));
            given.lock().unwrap().push(version.number);
        }
    });
    let mut given = given.into_inner().unwrap();
    given.sort();
    let expected: Vec<_> = (1..=THREADS * EACH)
        .map(|minor| VersionNumber::new(1, minor))
        .collect();
    assert_eq!(given, expected, "a number was lost or assigned twice");
    let kept = handles[0]
        .versions("shared")
        .page(None, usize::MAX)
        .unwrap();
    assert_eq!(kept.len(), expected.len() + 1, "a commit was lost");
    is_sound(&handles[0]);
}

/// Each move advances the environment by one version from where the thread saw it. The number of
/// successful moves equals the number of steps, unless a move overwrote another one unseen.
#[test]
fn no_move_of_an_environment_is_lost() {
    const VERSIONS: u32 = 60;
    let place = Place::new();
    let handles = two_handles(&place);
    for minor in 1..=VERSIONS {
        commit(&handles[0], "shared", minor);
    }
    let (moved, refused) = (AtomicU32::new(0), AtomicU32::new(0));
    with_threads(&handles, |_, store| {
        loop {
            let now = store.version("shared@production").unwrap();
            if now.number.minor == VERSIONS {
                break;
            }
            let next = VersionNumber::new(1, now.number.minor + 1);
            let count = match store.update_environment(
                EnvironmentUpdate::set("shared", "production", next).expect(now.id),
            ) {
                Ok(_) => &moved,
                Err(Error::Conflict { .. }) => &refused,
                Err(other) => panic!("{other}"),
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    assert_eq!(moved.into_inner(), VERSIONS, "a move overwrote another one");
    assert!(
        refused.into_inner() > 0,
        "no moves conflicted, so nothing was tested"
    );
    is_sound(&handles[0]);
}

/// Each commit adds one to the count in the body of its base.
#[test]
fn no_commit_on_an_expected_head_is_lost() {
    const EACH: u32 = 5;
    let place = Place::new();
    let handles = two_handles(&place);
    let count = |text: &str| {
        text.split('#')
            .nth(1)
            .map_or(0, |count| count.parse().unwrap())
    };
    with_threads(&handles, |_, store| {
        let mut done = 0;
        while done < EACH {
            let head = store.resolve("shared").unwrap();
            let next: u32 = count(head.body.text()) + 1;
            let new = NewVersion::new("shared", body(format!("#{next}#")));
            let new = new.bump(Bump::Minor).expect_head(head.version.id);
            match store.commit(new) {
                Ok(_) => done += 1,
                Err(Error::Conflict { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
    });
    let head = handles[1].resolve("shared").unwrap();
    assert_eq!(
        count(head.body.text()),
        THREADS * EACH,
        "a commit overwrote another one"
    );
}

/// One operation moves two environments to one version, and one batch creates a prompt and deletes
/// another. No reader sees one half without the other.
#[test]
fn readers_see_whole_operations_only() {
    let place = Place::new();
    let [writer, other] = two_handles(&place);
    let prompt = writer.prompt("shared").unwrap().id;
    commit(&writer, "shared", "second");
    let both = |to: &str| {
        [
            EnvironmentUpdate::set(prompt, "a", to),
            EnvironmentUpdate::set(prompt, "b", to),
        ]
    };
    writer.update_environments(both("1.0")).unwrap();
    let mut passing = create(&writer, "passing 0").prompt.id;
    let done = AtomicBool::new(false);
    let seen = AtomicU32::new(0);
    std::thread::scope(|scope| {
        let _done = Done(&done);
        for reader in [writer.clone(), other] {
            let (done, seen) = (&done, &seen);
            scope.spawn(move || {
                while !done.load(Ordering::Acquire) {
                    let pointers = reader.environments(prompt).unwrap();
                    let to: BTreeSet<_> = pointers
                        .iter()
                        .filter(|to| to.name.as_str() != "production")
                        .map(|to| to.version_id)
                        .collect();
                    assert_eq!(to.len(), 1, "half of a move was seen");
                    let filter = PromptFilter::default().name_contains("passing");
                    let found = reader
                        .prompts()
                        .with_filter(&filter)
                        .page(None, 10)
                        .unwrap();
                    assert_eq!(found.len(), 1, "half of a batch was seen");
                    assert_eq!(
                        reader.prompts().count().unwrap(),
                        2,
                        "half of a batch was counted"
                    );
                    let resolved = reader
                        .resolve((prompt, "a".parse::<promptbook::EnvironmentName>().unwrap()));
                    assert!(resolved.is_ok(), "a visible version has no body");
                    seen.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 1..=60 {
            writer
                .update_environments(both(["1.0", "1.1"][round % 2]))
                .unwrap();
            let made = writer.batch(|batch| {
                let new = promptbook::NewPrompt::new(format!("passing {round}"), body(round));
                let made = batch.create_prompt(new)?;
                batch.delete_prompt(passing)?;
                Ok(made)
            });
            passing = made.unwrap().prompt.id;
        }
    });
    assert!(seen.into_inner() > 0, "no reader ran");
    is_sound(&writer);
}

/// No stale reads: the next read of one handle sees what the other one has acknowledged.
#[test]
fn two_stores_on_one_directory_see_each_other_at_once() {
    let place = Place::new();
    let handles = two_handles(&place);
    for round in 1..=40 {
        let (writer, reader) = (&handles[round % 2], &handles[(round + 1) % 2]);
        let before = reader.resolve("shared@production").unwrap().version.clone();
        let version = commit(writer, "shared", round);
        assert_eq!(
            reader.version("shared").unwrap().id,
            version.id,
            "a stale head"
        );
        let expected = Expected::Is(before.id);
        writer
            .update_environment(
                EnvironmentUpdate::set("shared", "production", version.id).expect(expected),
            )
            .unwrap();
        let found = reader.resolve("shared@production").unwrap();
        assert_eq!(found.version.id, version.id, "a stale pointer");
        assert_eq!(found.body.text(), body(round), "a stale body");
    }
    handles[0].delete_prompt("shared").unwrap();
    let gone = handles[1].resolve("shared@production");
    assert!(
        matches!(gone, Err(Error::PromptNotFound { .. })),
        "a deleted prompt was read"
    );
}

/// Commits, checkpoints and garbage collection run at the same time, on bodies that are added and
/// removed. No version is ever without its body.
#[test]
fn garbage_collection_never_removes_a_used_body() {
    let place = Place::new();
    let handles = two_handles(&place);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _done = Done(&done);
        for collector in &handles {
            let done = &done;
            scope.spawn(move || {
                while !done.load(Ordering::Acquire) {
                    collector
                        .collect_garbage_with(GcOptions::new().retention(std::time::Duration::ZERO))
                        .unwrap();
                    collector.checkpoint().unwrap();
                }
            });
        }
        with_threads(&handles, |thread, store| {
            for round in 0..6 {
                let text = format!("{}", (thread + round) % 3);
                let version = commit(store, "shared", &text);
                let found = store.resolve(version.id).unwrap();
                assert_eq!(found.body.text(), body(&text));
                store.delete_version(version.id).unwrap();
            }
        });
    });
    is_sound(&place.open());
}
