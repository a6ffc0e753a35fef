//! Unusual environments: forks, stores that are moved, names in every script, clocks that go
//! backwards, and few open files.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::DateTime;
use promptbook::history::Operation;
use promptbook::maintenance::GcOptions;
use promptbook::{Error, ErrorKind, NewPrompt, NewVersion, Store, StoreOptions, storage};

use crate::child;
use crate::support::{Place, body, commit, create, is_sound};

/// SQLite's locks are not inherited by a fork, so a write there could corrupt the store.
#[test]
#[allow(unsafe_code, reason = "nothing else runs code in a fork")]
fn a_fork_is_refused() {
    let place = Place::new();
    let store = place.create();
    create(&store, "p");
    let refused = |answer: Result<(), Error>| match answer {
        Err(Error::Storage(error)) => error.kind() == storage::StorageErrorKind::Forked,
        _ => false,
    };
    let in_fork = store.clone();
    let mut command = Command::new("true");
    // The error code is the only result that a fork can return.
    let look = move || {
        let new = NewVersion::new("p", body("in a fork"));
        let all = refused(in_fork.commit(new).map(drop))
            && refused(in_fork.prompts().page(None, 9).map(drop))
            && refused(in_fork.checkpoint().map(drop))
            && refused(in_fork.verify().map(drop));
        Err(std::io::Error::from_raw_os_error(if all { 77 } else { 78 }))
    };
    // SAFETY: no other thread of this process holds a lock of the store during the fork: the store
    // is idle.
    unsafe { command.pre_exec(look) };
    let told = command.spawn().unwrap_err();
    assert_eq!(told.raw_os_error(), Some(77), "{told}");
    commit(&store, "p", "the parent goes on");
    is_sound(&store);
}

/// The fork has no maintenance thread, and its handle of that thread may refer to another thread
/// there.
#[test]
fn a_fork_may_drop_the_store() {
    let place = Place::new();
    create(&place.create(), "p");
    let this = std::env::current_exe().unwrap();
    let check = "odd::drop_a_store_in_a_fork";
    child::passes(child::command(&this, &[], check, place.path()));
}

#[test]
#[ignore = "run by the test above, without other threads"]
#[allow(unsafe_code, reason = "nothing else runs code in a fork")]
fn drop_a_store_in_a_fork() {
    let store = child::store();
    commit(&store, "p", "so that there is a thread");
    store.checkpoint().unwrap();
    // This is the only handle, so the fork drops the store itself.
    let mut inherited = Some(store);
    let place = child::directory();
    let mut command = Command::new("true");
    let look = move || {
        let work = || -> Result<(), Error> {
            for turn in 0..8 {
                // The new thread may get the memory of the thread that does not exist in the fork.
                let thread = std::thread::spawn(|| std::thread::sleep(Duration::from_millis(20)));
                drop(inherited.take());
                thread.join().map_err(|_| Error::Poisoned)?;
                let store = Store::open(&place)?;
                commit(&store, "p", turn);
            }
            Ok(())
        };
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        let told = if matches!(done, Ok(Ok(()))) { 77 } else { 78 };
        Err(std::io::Error::from_raw_os_error(told))
    };
    // SAFETY: no other thread of this process holds a lock during the fork: the store is idle.
    unsafe { command.pre_exec(look) };
    let told = command.spawn().unwrap_err();
    assert_eq!(told.raw_os_error(), Some(77), "{told}");
    drop(command);
    let store = child::store();
    commit(&store, "p", "the parent goes on");
    assert_eq!(store.prompt("p").unwrap().versions, 11);
    is_sound(&store);
}

/// The fork does not have the server's threads, so it must not wait for them.
#[cfg(feature = "server")]
#[test]
fn a_fork_may_drop_a_server() {
    let place = Place::new();
    let this = std::env::current_exe().unwrap();
    let (wrapper, check) = (["timeout", "60"], "odd::drop_a_server_in_a_fork");
    child::passes(child::command(&this, &wrapper, check, place.path()));
}

#[cfg(feature = "server")]
#[test]
#[ignore = "run by the test above, without other threads"]
#[allow(unsafe_code, reason = "nothing else runs code in a fork")]
fn drop_a_server_in_a_fork() {
    use promptbook::server::{Server, ServerOptions};
    let store = crate::support::new_store();
    let server = Server::bind(store, &ServerOptions::new(), "127.0.0.1:0").unwrap();
    let mut inherited = Some(server.start().unwrap());
    let mut command = Command::new("true");
    let look = move || {
        drop(inherited.take());
        Err(std::io::Error::from_raw_os_error(77))
    };
    // SAFETY: no other thread of this process holds a lock during the fork: the server has no
    // requests.
    unsafe { command.pre_exec(look) };
    let told = command.spawn().unwrap_err();
    assert_eq!(told.raw_os_error(), Some(77), "{told}");
    // The parent's server still stops normally.
    drop(command);
}

/// Each call is refused, and both stores are unchanged.
#[test]
fn a_store_that_is_moved_while_open_loses_nothing() {
    let place = Place::new();
    let (here, there) = (place.path().join("here"), place.path().join("there"));
    let store = Store::create(&here).unwrap();
    create(&store, "p");
    store.checkpoint().unwrap();
    let waiting = commit(&store, "p", "in the journal");
    std::fs::rename(&here, &there).unwrap();
    let other = Store::create(&here).unwrap();
    create(&other, "other");
    other.checkpoint().unwrap();

    let many = store.batch(|batch| {
        for turn in 0..100 {
            batch.commit(NewVersion::new("p", body(format!("many {turn}"))))?;
        }
        Ok(())
    });
    let new = NewPrompt::new("moved", body("moved"));
    for refused in [
        many,
        store.create_prompt(new).map(drop),
        store.checkpoint().map(drop),
        store.repack().map(drop),
        store
            .collect_garbage_with(GcOptions::new().retention(std::time::Duration::ZERO))
            .map(drop),
    ] {
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused}");
        assert!(refused.to_string().contains("moved"), "{refused}");
    }
    drop(store);
    is_sound(&other);
    assert_eq!(other.prompts().count().unwrap(), 1);
    let store = Store::open(&there).unwrap();
    assert_eq!(store.resolve("p@latest").unwrap().version.id, waiting.id);
    store.checkpoint().unwrap();
    is_sound(&store);
}

#[test]
fn names_in_any_script_are_accepted() {
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
        let created = match store.create_prompt(NewPrompt::new(name, body(name))) {
            // The name was refused before anything was written.
            Err(error) if error.kind() == ErrorKind::Invalid => continue,
            created => created.unwrap(),
        };
        assert_eq!(created.prompt.name.as_str(), name);
        made.push((name, created.prompt.id));
    }
    assert!(made.len() >= 10, "{made:?}");
    store.checkpoint().unwrap();
    drop(store);
    let store = place.open();
    for (name, id) in made {
        assert_eq!(store.prompt(id).unwrap().name.as_str(), name);
        assert_eq!(store.prompt(name).unwrap().id, id, "{name:?}");
        assert!(store.search(name, 99).is_ok());
    }
    is_sound(&store);
}

/// Operations are ordered by number, whatever the clock says.
#[test]
fn a_clock_that_goes_backwards_does_not_change_the_order() {
    let place = Place::new();
    let hours = AtomicI64::new(500_000);
    let clock = move || {
        let seconds = hours.fetch_sub(1, Ordering::Relaxed) * 3600;
        DateTime::from_timestamp(seconds, 0).unwrap()
    };
    let options = StoreOptions::new().clock(clock);
    let store = place.create_with(&options);
    create(&store, "p");
    // Enough commits that old operations are archived.
    for turn in 1..200 {
        let version = commit(&store, "p", turn);
        assert_eq!(store.version("p@latest").unwrap().id, version.id);
        if turn % 50 == 0 {
            store.checkpoint().unwrap();
            store
                .collect_garbage_with(GcOptions::new().retention(Duration::from_secs(3600)))
                .unwrap();
        }
    }
    store.repack().unwrap();
    let operations = store.operations().page(None, 999).unwrap();
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
    // The clock went back, so the store had no such state at this time. The call must still
    // succeed.
    store.at(operations[100].content.at).unwrap();
    drop(store);
    let store = place.open();
    assert_eq!(store.prompt("p").unwrap().versions, 199);
    is_sound(&store);
}

/// Opens as many stores, each with its threads and connections, as the limit allows. Then an error
/// reports the limit, and everything works again once some are closed.
#[test]
fn few_open_files_are_enough() {
    let place = Place::new();
    create(&place.create(), "p");
    let this = std::env::current_exe().unwrap();
    let wrapper = ["prlimit", "--nofile=64:64"];
    child::passes(child::command(
        &this,
        &wrapper,
        "odd::use_a_store_with_few_open_files",
        place.path(),
    ));
}

#[test]
#[ignore = "run by the test above, with 64 files"]
fn use_a_store_with_few_open_files() {
    let directory = child::directory();
    let mut stores = Vec::new();
    let told = loop {
        match Store::open(&directory) {
            Ok(store) => match store.commit(NewVersion::new("p", body(stores.len()))) {
                Ok(_) => stores.push(store),
                Err(error) => break error,
            },
            Err(error) => break error.into(),
        }
    };
    assert!(matches!(told, Error::Storage(_)), "{told:?}");
    assert!(stores.len() > 3, "{} stores, then {told}", stores.len());
    let versions = stores[0].prompt("p").unwrap().versions;
    assert!(versions > stores.len() as u64);
    stores.truncate(1);
    commit(&stores[0], "p", "there is room again");
    is_sound(&stores[0]);
}
