//! Freshness of cached answers: every read sees all changes acknowledged before it, by any writer.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use promptbook::{
    Bump, EnvironmentName, Error, NewPrompt, NewVersion, PromptId, Store, VersionNumber,
    VersionSpec,
};

use crate::support::{Done, Place, body, commit, create, new_store};

/// The number of moves of the environment: one to each version.
const MOVES: u32 = 300;

fn with_versions(store: &Store) -> PromptId {
    let id = create(store, "shared").prompt.id;
    let made = store.batch(|batch| {
        for minor in 1..=MOVES {
            let new = NewVersion::new(id, body(minor)).bump(Bump::Minor);
            batch.commit(new)?;
        }
        Ok(())
    });
    made.unwrap();
    id
}

fn move_on(store: &Store, id: PromptId, acknowledged: impl Fn(u32)) {
    for minor in 1..=MOVES {
        let to = VersionNumber::new(1, minor);
        store.set_environment(id, "production", to).unwrap();
        acknowledged(minor);
    }
}

/// Reads each handle repeatedly with two threads, so mostly from the cache, while `write` moves the
/// environment and publishes its progress.
fn never_stale(readers: &[&Store], id: PromptId, write: impl FnOnce(&AtomicU32)) {
    let (acknowledged, done) = (AtomicU32::new(0), AtomicBool::new(false));
    let production = VersionSpec::new(id, EnvironmentName::production());
    let read = |store: &Store| {
        let mut seen = 0;
        let mut is_fresh = |minor: u32, least: u32| {
            assert!(minor >= least, "a stale answer: {minor} after {least}");
            assert!(minor >= seen, "an answer went back: {minor} after {seen}");
            seen = minor;
        };
        loop {
            let last = done.load(Ordering::Acquire);
            let least = acknowledged.load(Ordering::Acquire);
            let version = store.version(production.clone()).unwrap();
            is_fresh(version.number.minor, least);
            let least = acknowledged.load(Ordering::Acquire);
            let found = store.resolve(production.clone()).unwrap();
            is_fresh(found.version.number.minor, least);
            assert_eq!(
                found.body.id(),
                found.version.blob,
                "the body is not the version's"
            );
            if last {
                break;
            }
        }
    };
    std::thread::scope(|scope| {
        let _done = Done(&done);
        for store in readers {
            scope.spawn(|| read(store));
            scope.spawn(|| read(store));
        }
        write(&acknowledged);
    });
    assert_eq!(
        acknowledged.into_inner(),
        MOVES,
        "not every move was acknowledged"
    );
}

#[test]
fn threads_of_one_handle_read_no_stale_answer() {
    let store = new_store();
    let id = with_versions(&store);
    never_stale(&[&store], id, |acknowledged| {
        move_on(&store, id, |minor| {
            acknowledged.store(minor, Ordering::Release);
        });
    });
}

#[test]
fn threads_of_two_handles_read_no_stale_answer() {
    let place = Place::new();
    let writer = place.create();
    let id = with_versions(&writer);
    let other = place.open_read_only().unwrap();
    never_stale(&[&writer, &other], id, |acknowledged| {
        move_on(&writer, id, |minor| {
            acknowledged.store(minor, Ordering::Release);
        });
    });
}

#[cfg(unix)]
#[test]
fn readers_see_the_moves_of_another_process() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let place = Place::new();
    let store = place.create();
    let id = with_versions(&store);
    let this = std::env::current_exe().unwrap();
    let check = "freshness::move_the_environment";
    let mut child = crate::child::command(&this, &[], check, place.name());
    let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
    let told = BufReader::new(child.stdout.take().unwrap());
    never_stale(&[&store], id, |acknowledged| {
        for line in told.lines() {
            if let Some(minor) = line.unwrap().strip_prefix(ACKNOWLEDGED) {
                acknowledged.store(minor.parse().unwrap(), Ordering::Release);
            }
        }
        assert!(child.wait().unwrap().success(), "the other process failed");
    });
}

const ACKNOWLEDGED: &str = "acknowledged ";

#[cfg(unix)]
#[test]
#[ignore = "run by the test above, as another process"]
#[allow(clippy::print_stdout, reason = "the parent process reads the output")]
fn move_the_environment() {
    let store = crate::child::store();
    let id = store.prompt("shared").unwrap().id;
    println!(); // Ends the line with the name of the test.
    move_on(&store, id, |minor| println!("{ACKNOWLEDGED}{minor}"));
}

/// Every kind of cached answer, and each kind of change that invalidates it.
#[test]
fn every_change_invalidates_every_cached_answer() {
    let place = Place::new();
    let writer = place.create();
    let id = create(&writer, "shared").prompt.id;
    let reader = place.open();
    let numbered = |spec: &str| match reader.version(spec) {
        Ok(version) => {
            // This read is answered from the cache.
            assert_eq!(reader.version(spec).unwrap(), version);
            assert_eq!(*reader.resolve(spec).unwrap().version, version);
            version.number.minor
        }
        Err(error) => panic!("{spec}: {error}"),
    };
    let gone = |spec: &str| {
        let twice = [reader.version(spec), reader.version(spec)];
        assert!(twice.iter().all(Result::is_err), "{spec} is still found");
    };
    let all = ["", "@latest", "@^1", "@1.*"].map(|selector| format!("shared{selector}"));
    let by_id = format!("id:{id}");
    for spec in all.iter().chain([&by_id]) {
        assert_eq!(numbered(spec), 0);
    }
    let first = commit(&writer, "shared", "first");
    for spec in all.iter().chain([&by_id]) {
        assert_eq!(numbered(spec), 1, "{spec}");
    }

    let first_id = first.id.to_string();
    assert_eq!(numbered(&first_id), 1);
    let environment = "staging".parse::<EnvironmentName>().unwrap();
    let point = |to: &str| writer.set_environment(id, environment.clone(), to);
    point("1.1").unwrap();
    let environments = reader.version(first.id).unwrap().environments;
    assert_eq!(
        environments,
        ["staging".parse().unwrap()],
        "the new environment is missing"
    );
    assert_eq!(numbered("shared@staging"), 1);
    point("1.0").unwrap();
    assert_eq!(numbered("shared@staging"), 0);
    writer.remove_environment(id, environment.clone()).unwrap();
    gone("shared@staging");

    writer.rename(id, "renamed").unwrap();
    gone("shared@latest");
    assert_eq!(numbered("renamed@latest"), 1);
    let duplicate = NewPrompt::new("renamed", body("another"));
    writer
        .create_prompt(duplicate.allow_duplicate_name())
        .unwrap();
    let ambiguous = reader.version("renamed@latest");
    assert!(matches!(ambiguous, Err(Error::AmbiguousPrompt { .. })));

    writer.delete_version(first.id).unwrap();
    gone(&first_id);
    assert_eq!(numbered(&by_id), 0);
    writer.delete_prompt(id).unwrap();
    gone(&by_id);
}
