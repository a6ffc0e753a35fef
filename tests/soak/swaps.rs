//! Exchanges of store directories under open handles.

use std::fs;
use std::time::Duration;

use promptbook::{Error, Store, StoreOptions};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::ledger::{Book, chain, now};
use crate::settings::Hazard;
use crate::soak::Round;

/// Exchanges, hides and restores the main store until the round is over. Afterwards every store is
/// at its path, or at the one that a restore gave it.
pub fn swap(round: &Round<'_>) {
    let mut rng = round.rng(2);
    let book = Book::create(&round.ledgers, "swaps");
    let mut number = 0;
    while !round.is_over() {
        std::thread::sleep(Duration::from_millis(rng.u64(50..700)));
        let from = now();
        let pause = Duration::from_millis(rng.u64(..300));
        let kind = rng.u32(..10);
        match kind {
            0..4 => {
                exchange(round);
                std::thread::sleep(pause);
                exchange(round);
            }
            4..7 => hide(round, pause),
            7 if round.has(Hazard::Backups) => {
                retire_backup(round, number);
            }
            _ => restore(round, number),
        }
        book.note("swaps", from, &format!("{kind}: number {number}"));
        number += 1;
        round.count(|tally| tally.swaps += 1);
    }
}

/// Exchanges the main store's directory and another one atomically.
fn exchange(round: &Round<'_>) {
    let [main, away] = ["main/store", "away/store"].map(|place| round.soak.root.join(place));
    let mut sites = round.soak.sites.lock().unwrap();
    let [here, there] = ["main", "away"].map(|site| sites.now_at(site));
    let from = now();
    renameat_with(CWD, &main, CWD, &away, RenameFlags::EXCHANGE).unwrap();
    let until = now();
    sites.turn("main", from, until, there);
    sites.turn("away", from, until, here);
}

/// Moves the store away for a while.
fn hide(round: &Round<'_>, pause: Duration) {
    let [main, hidden] = ["main/store", "main/hidden"].map(|place| round.soak.root.join(place));
    let from = now();
    fs::rename(&main, &hidden).unwrap();
    std::thread::sleep(pause);
    let back = fs::rename(&hidden, &main);
    let until = now();
    if let Err(error) = back {
        round.problem(format!(
            "the store's path was created again while the store was away: {error}"
        ));
        return;
    }
    let mut sites = round.soak.sites.lock().unwrap();
    let here = sites.now_at("main");
    sites.turn("main", from, until, here);
}

/// Replaces the store by a restored backup, as an operator does after a loss. The store itself is
/// moved aside.
fn restore(round: &Round<'_>, number: u64) {
    let root = &round.soak.root;
    let (main, copy) = (
        root.join("main/store"),
        root.join(format!("scratch/copy {number}")),
    );
    let store = StoreOptions::new().read_only(true).open(&main);
    let copied = store
        .map_err(Error::from)
        .and_then(|store| store.backup(&copy));
    match copied {
        Ok(copied) if copied.report.is_clean() => {}
        Ok(copied) => {
            return round.problem(format!(
                "the backup has violations: {:?}",
                copied.report.violations
            ));
        }
        Err(error) => return round.problem(format!("the backup failed: {}", chain(&error))),
    }
    let retired = root.join(format!("retired/{number}"));
    let from = now();
    fs::rename(&main, &retired).unwrap();
    let restored = Store::restore(&copy, &main);
    let until = now();
    let mut sites = round.soak.sites.lock().unwrap();
    let before = sites.now_at("main").unwrap();
    sites.worlds[before].place = retired;
    let after = sites.add_later("restored", &main);
    sites.worlds[after].before = sites.worlds[before].before.clone();
    sites.turn("main", from, until, Some(after));
    drop(sites);
    match restored {
        Ok(restored) if restored.report.is_clean() => {}
        Ok(restored) => round.problem(format!(
            "the restored store has violations: {:?}",
            restored.report.violations
        )),
        Err(error) => round.problem(format!("the restore failed: {}", chain(&error))),
    }
    // The backup may contain operations that the restored store lacks.
    retire_backup(round, number);
}

/// Moves the backup away permanently; the next backup is a new one.
fn retire_backup(round: &Round<'_>, number: u64) {
    let backup = round.soak.backup();
    let retired = round.soak.root.join(format!("retired/backup {number}"));
    let from = now();
    if fs::rename(&backup, &retired).is_err() {
        return;
    }
    let until = now();
    let mut sites = round.soak.sites.lock().unwrap();
    let before = sites.now_at("backup").unwrap();
    sites.worlds[before].place = retired;
    let after = sites.add_later("backup", &backup);
    sites.worlds[after].may_be_missing = true;
    sites.turn("backup", from, until, Some(after));
}
