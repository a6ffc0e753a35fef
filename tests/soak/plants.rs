//! Planted faults, one per soak: a soak that does not detect them proves nothing.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use promptbook::{Error, NewVersion, Result, Store, StoreOptions, Version};

use crate::hand::Handle;
use crate::ledger::{Book, now};
use crate::settings::{Orders, Plant, Settings};
use crate::soak::Soak;

/// Makes a commit. The first call makes it twice or in another store if a fault was ordered.
pub fn commit(
    orders: &Orders,
    book: &Book,
    handle: &Handle,
    token: &str,
    store: &Store,
    new: NewVersion,
) -> Result<Version> {
    static PLANTED: AtomicBool = AtomicBool::new(false);
    let plant = orders
        .plant
        .filter(|_| !PLANTED.swap(true, Ordering::SeqCst));
    let made = match plant {
        None => return store.commit(new),
        Some(Plant::Doubled) => store.commit(new.clone()).and_then(|_| store.commit(new)),
        Some(Plant::Misplaced) => StoreOptions::new()
            .author(&*handle.author)
            .open(&orders.other)
            .map_err(Error::from)
            .and_then(|elsewhere| elsewhere.commit(new)),
    };
    match &made {
        Ok(_) => book.line(&format!("planted {token}")),
        // The commit may fail, for example because it breaks callers; then the next one is used.
        Err(_) => PLANTED.store(false, Ordering::SeqCst),
    }
    made
}

/// Runs a soak with a fault and checks that the report says `what` about the operation.
fn is_caught(plant: Plant, what: &str) {
    let mut soak = Soak::new(&Settings::calm(2));
    soak.plant(plant);
    let found = soak.round(2);
    is_named(&found, &soak.planted(), what);
}

fn is_named(found: &[String], planted: &[String], what: &str) {
    assert!(!planted.is_empty(), "nothing was planted");
    let is_named = |line: &String| line.contains(&planted[0]) && line.contains(what);
    let line = found.iter().find(|line| is_named(line));
    let line = line.unwrap_or_else(|| panic!("{planted:?} was not caught: {found:?}"));
    println!("caught: {line}");
}

pub fn a_doubled_write_is_caught() {
    is_caught(Plant::Doubled, "exists 2 times");
}

pub fn a_misplaced_write_is_caught() {
    is_caught(Plant::Misplaced, "misplaced");
}

/// Acknowledges one commit, then puts an earlier copy of the index back.
pub fn a_lost_write_is_caught() {
    let mut soak = Soak::new(&Settings::calm(1));
    let found = soak.round(1);
    assert!(
        found.is_empty(),
        "violations before a fault was planted: {found:?}"
    );
    let (store, ledgers) = soak.begin();
    let earlier = soak.path().join("earlier");
    copy_index(&store, &earlier);
    let book = Book::create(&ledgers, "planted");
    let from = now();
    let handle = StoreOptions::new()
        .author("planted.0")
        .open(&store)
        .unwrap();
    book.line(&format!("open planted.0 main {from} {}", now()));
    let token = "planted.0#0";
    book.attempt(token, "planted.0", 1);
    let new = NewVersion::new(crate::actions::prompt(0), crate::actions::body(token));
    let version = handle.commit(new.message(token)).unwrap();
    book.done(token, 1, [&version]);
    drop(handle);
    copy_index(&earlier, &store);
    let found = soak.end(&ledgers);
    is_named(&found, &[token.to_owned()], "lost");
}

/// Copies the index of a store that is closed.
fn copy_index(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for name in ["index.db", "index.db-wal", "index.db-shm"] {
        let _ = fs::remove_file(to.join(name));
        if from.join(name).exists() {
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}
