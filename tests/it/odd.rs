//! Odd worlds: forks, stores that are moved away, names of every script, clocks that go backwards, few open files.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::DateTime;
use promptbook::{
    Error, ErrorKind, NewPrompt, NewVersion, Operation, PromptFilter, Store, StoreOptions, backend,
};

use crate::child;
use crate::support::{Place, body, commit, create, is_sound};

/// SQLite's locks don't go over to a fork: what it would change, it could break.
#[test]
#[allow(unsafe_code, reason = "nothing else runs code in a fork")]
fn a_fork_is_refused() {
    let place = Place::new();
    let store = place.create();
    create(&store, "p");
    let refused = |answer: Result<(), Error>| match answer {
        Err(Error::Backend(error)) => error.kind() == backend::ErrorKind::Forked,
        _ => false,
    };
    let in_fork = store.clone();
    let mut command = Command::new("true");
    // Its error is all that a fork can tell.
    let look = move || {
        let new = NewVersion::new("p", body("in a fork")).map_err(|_| std::io::ErrorKind::Other)?;
        let all = refused(in_fork.commit(new).map(drop))
            && refused(in_fork.prompts(&PromptFilter::default(), None, 9).map(drop))
            && refused(in_fork.settle(|_| ()).map(drop))
            && refused(in_fork.verify(|_| ()).map(drop));
        Err(std::io::Error::from_raw_os_error(if all { 77 } else { 78 }))
    };
    // SAFETY: no other thread of this process holds a lock of the store while it forks: the store was idle.
    unsafe { command.pre_exec(look) };
    let told = command.spawn().unwrap_err();
    assert_eq!(told.raw_os_error(), Some(77), "{told}");
    commit(&store, "p", "the parent goes on");
    is_sound(&store);
}

/// Each call is refused, and both stores are as they were.
#[test]
fn a_store_that_is_moved_while_open_loses_nothing() {
    let place = Place::new();
    let (here, there) = (place.path().join("here"), place.path().join("there"));
    let store = Store::create(&here).unwrap();
    create(&store, "p");
    store.settle(|_| ()).unwrap();
    let waiting = commit(&store, "p", "in the journal");
    std::fs::rename(&here, &there).unwrap();
    let other = Store::create(&here).unwrap();
    create(&other, "other");
    other.settle(|_| ()).unwrap();

    let many = store.batch(|batch| {
        for turn in 0..100 {
            batch.commit(NewVersion::new("p", body(format!("many {turn}")))?)?;
        }
        Ok(())
    });
    let new = NewPrompt::new("moved", body("moved")).unwrap();
    for refused in [
        many,
        store.create_prompt(new).map(drop),
        store.settle(|_| ()).map(drop),
        store.repack().map(drop),
        store.collect_garbage(std::time::Duration::ZERO).map(drop),
    ] {
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused}");
        assert!(refused.to_string().contains("moved"), "{refused}");
    }
    drop(store);
    is_sound(&other);
    assert_eq!(other.prompt_count().unwrap(), 1);
    let store = Store::open(&there).unwrap();
    assert_eq!(store.resolve("p@latest").unwrap().version.id, waiting.id);
    store.settle(|_| ()).unwrap();
    is_sound(&store);
}

#[test]
fn names_of_any_script_are_names() {
    let place = Place::new();
    let store = place.create();
    let names = [
        "prompt",
        "ŝtato/ñandú",
        "名前",
        "مرحبا",
        "👩‍👩‍👧",
        "e\u{301}",
        "é",
        "a\u{202e}b",
        "\u{fdd0}",
        "i\u{307}",
        " ",
        "%",
        "NUL",
        "..",
    ];
    let mut made = Vec::new();
    for name in names {
        let Ok(new) = NewPrompt::new(name, body(name)) else {
            continue; // Refused before anything was written.
        };
        let created = store.create_prompt(new).unwrap();
        assert_eq!(created.prompt.name.as_str(), name);
        made.push((name, created.prompt.id));
    }
    assert!(made.len() >= 10, "{made:?}");
    store.settle(|_| ()).unwrap();
    drop(store);
    let store = place.open();
    for (name, id) in made {
        assert_eq!(store.prompt(id).unwrap().name.as_str(), name);
        assert_eq!(store.prompt(name).unwrap().id, id, "{name:?}");
        assert!(store.search(name, 99).is_ok());
    }
    is_sound(&store);
}

/// Numbers say what came first, whatever the clock says.
#[test]
fn a_clock_that_goes_backwards_orders_nothing() {
    let place = Place::new();
    let hours = AtomicI64::new(500_000);
    let clock = move || {
        let seconds = hours.fetch_sub(1, Ordering::Relaxed) * 3600;
        DateTime::from_timestamp(seconds, 0).unwrap()
    };
    let options = StoreOptions::new().clock(clock);
    let store = options.create(place.path()).unwrap();
    create(&store, "p");
    // So many that old operations are gathered.
    for turn in 1..200 {
        let version = commit(&store, "p", turn);
        assert_eq!(store.version("p@latest").unwrap().id, version.id);
        if turn % 50 == 0 {
            store.settle(|_| ()).unwrap();
            store.collect_garbage(Duration::from_secs(3600)).unwrap();
        }
    }
    store.repack().unwrap();
    let operations = store.operations(&Default::default(), None, 999).unwrap();
    let falls = |pair: &[Operation]| {
        pair[0].number == pair[1].number + 1 && pair[0].content.at < pair[1].content.at
    };
    assert!(operations.windows(2).all(falls));
    assert_eq!(operations.len(), 200);
    let last = store.undo_newest().unwrap().unwrap();
    assert_eq!(last.content.undoes, [200]);
    assert_eq!(
        store.version("p@latest").unwrap().number.to_string(),
        "1.198"
    );
    // A moment at which nothing was as it is told now: it answers all the same.
    store.at(operations[100].content.at).unwrap();
    drop(store);
    let store = place.open();
    assert_eq!(store.prompt("p").unwrap().versions, 199);
    is_sound(&store);
}

/// As many stores, threads and readers as fit; then an error that says why, and all goes on when there are fewer.
#[test]
fn few_open_files_are_enough() {
    let place = Place::new();
    create(&place.create(), "p");
    let this = std::env::current_exe().unwrap();
    let wrapper = ["prlimit", "--nofile=64:64"];
    child::passes(child::command(
        &this,
        &wrapper,
        "odd::few_files",
        place.path(),
    ));
}

#[test]
#[ignore = "run by the test above, with 64 files"]
fn few_files() {
    let directory = child::directory();
    let mut stores = Vec::new();
    let told = loop {
        match Store::open(&directory) {
            Ok(store) => match store.commit(NewVersion::new("p", body(stores.len())).unwrap()) {
                Ok(_) => stores.push(store),
                Err(error) => break error,
            },
            Err(error) => break error,
        }
    };
    assert!(matches!(told, Error::Backend(_)), "{told:?}");
    assert!(stores.len() > 3, "{} stores, then {told}", stores.len());
    let versions = stores[0].prompt("p").unwrap().versions;
    assert!(versions > stores.len() as u64);
    stores.truncate(1);
    commit(&stores[0], "p", "there is room again");
    is_sound(&stores[0]);
}
