//! Removal of a store's files under open handles.
//!
//! After a removal, no write through an open handle may be acknowledged. Earlier writes are gone
//! with the files. A process that opens the store afterwards may write again if the store still
//! exists; writes acknowledged then must be present at the end.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use promptbook::error::OpenError;
use promptbook::{ErrorKind, Store};

use crate::history::{self, token};
use crate::ledger::{Outcome, Records, chain, now};
use crate::place;
use crate::settings::{Hazards, Orders, Role};
use crate::soak::{Round, make_store};
use crate::worker;

/// The files that are deleted.
const KINDS: [&str; 4] = ["the directory", "the index", "the log", "all but the index"];

/// Creates stores and deletes their files until the round is over, at least once.
pub fn remove(round: &Round<'_>) {
    let mut rng = round.rng(3);
    for number in 0.. {
        let kind = KINDS[rng.usize(..KINDS.len())];
        let pause = rng.u64(100..900);
        if let Err(what) = try_one(round, number, kind, pause, rng.u64(..)) {
            round.problem(format!("{kind} deleted after {pause} ms: {what}"));
        }
        round.count(|tally| tally.removals += 1);
        if round.is_over() {
            break;
        }
        std::thread::sleep(Duration::from_millis(rng.u64(500..3000)));
    }
}

fn try_one(
    round: &Round<'_>,
    number: usize,
    kind: &str,
    pause: u64,
    seed: u64,
) -> Result<(), String> {
    let place = place::directory();
    let (path, stop) = (place.path().join("store"), place.path().join("stop"));
    make_store(&path, "removed");
    let orders = Orders {
        name: format!("removal{}.{number}", round.soak.number),
        role: Role::Writer,
        site: "removed".into(),
        path: path.clone(),
        other: path.clone(),
        backup: place.path().join("backup"),
        ledgers: place.path().to_owned(),
        stop: stop.clone(),
        scratch: place.path().to_owned(),
        seed,
        hazards: Hazards::none(),
        plant: None,
    };
    let mut child = worker::start(&orders, &[]);
    std::thread::sleep(Duration::from_millis(pause));
    let from = now();
    let deleted = delete(&path, kind);
    let until = now();
    std::thread::sleep(Duration::from_millis(400));
    fs::write(&stop, "").unwrap();
    // A worker that waits for deleted files gets an error, or gives up.
    let ended = child.wait().unwrap();
    deleted.map_err(|error| format!("the files could not be deleted: {error}"))?;
    if !ended.success() && ended.code() != Some(worker::PANICKED) {
        return Err(format!("the worker ended by {ended}"));
    }
    holds(&path, &Records::read(place.path()), from, until)
}

fn delete(path: &Path, kind: &str) -> std::io::Result<()> {
    let names: &[&str] = match kind {
        "the directory" => return remove_all(path),
        "the index" => &["index.db"],
        "the log" => &["index.db-wal", "index.db-shm"],
        _ => &["index.db-wal", "index.db-shm", "write.lock"],
    };
    for name in names {
        match fs::remove_file(path.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Deletes a directory while other processes write to it.
fn remove_all(path: &Path) -> std::io::Result<()> {
    let aside = path.with_file_name("removed");
    fs::rename(path, &aside)?;
    for _ in 0..100 {
        if fs::remove_dir_all(&aside).is_ok() {
            break;
        }
    }
    Ok(())
}

fn holds(path: &Path, records: &Records, from: u64, until: u64) -> Result<(), String> {
    // `None` if the store reports damage: an index that lost its log lacks pages, and which
    // operations it lacks is unknown.
    let (there, answer): (Option<BTreeSet<String>>, String) = match Store::open(path) {
        Ok(store) => match history::operations(&store) {
            Ok(operations) => {
                let answer = format!("the store has {} operations", operations.len());
                (Some(operations.iter().map(token).collect()), answer)
            }
            Err(error) if error.kind() == ErrorKind::Corrupt => (None, chain(&error)),
            Err(error) => return Err(error.to_string()),
        },
        // Without its index the store is gone, and nothing was to be acknowledged.
        Err(error @ OpenError::IndexMissing { .. }) => (Some(BTreeSet::new()), chain(&error)),
        Err(error) if error.kind() == ErrorKind::Corrupt => (None, chain(&error)),
        Err(error) => (Some(BTreeSet::new()), chain(&error)),
    };
    for (token, attempt) in &records.attempts {
        if !matches!(attempt.outcome, Outcome::Done(1.., _)) || attempt.tried_at < until {
            continue;
        }
        let handle = records.handles.get(&attempt.handle);
        let opened = handle.and_then(|handle| handle.opened.as_ref());
        if opened.is_some_and(|(_, began, _)| *began < from) {
            return Err(format!(
                "{token} was acknowledged by a handle whose store was gone"
            ));
        }
        let is_lost = there.as_ref().is_some_and(|there| !there.contains(token));
        if is_lost && opened.is_some_and(|(_, began, _)| *began > until) {
            return Err(format!(
                "{token} was acknowledged afterwards, and is lost: {answer}"
            ));
        }
    }
    Ok(())
}
