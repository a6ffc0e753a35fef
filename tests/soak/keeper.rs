//! What a worker does that looks after a store: settles, collects, packs, verifies, backs up, restores, exports, watches.

use std::fs;
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use promptbook::{Cursor as Place, Error, Result, Store};

use crate::hand::{Hand, Handle};
use crate::ledger::Seen;
use crate::worker::Worker;

/// Looks after the store, and changes it in between.
pub fn keep(worker: &Worker<'_>) {
    let mut hand = worker.hand(0);
    for number in 0_u64.. {
        if worker.is_over() {
            break;
        }
        let Some(handle) = worker.handle(&mut hand.rng) else {
            continue;
        };
        let done = match hand.rng.u32(..3) {
            0 => upkeep(worker, &mut hand, &handle, number),
            1 => hand.read(&handle),
            _ => hand.change(&handle),
        };
        worker.judge(&mut hand.rng, &handle, done);
    }
}

fn upkeep(worker: &Worker<'_>, hand: &mut Hand<'_>, handle: &Handle, number: u64) -> Result<()> {
    let store = &handle.store;
    let broken = |what: String| hand.book.line(&format!("broken {} {what}", handle.author));
    match hand.rng.u32(..14) {
        0 | 1 => drop(store.settle(|_| ())?),
        2 | 3 => drop(store.collect_garbage(Duration::ZERO)?),
        4 => drop(store.collect_garbage(Store::RETENTION)?),
        5 => drop(store.repack()?),
        6 => {
            let report = store.verify(|_| ())?;
            if !report.is_clean() {
                broken(format!("verify found {:?}", report.violations));
            }
            report
                .head
                .into_iter()
                .for_each(|id| hand.saw(handle, Seen::Operation(id)));
        }
        7 => drop(store.garbage(Duration::ZERO)?),
        8 | 9 => {
            let made = store.backup(&worker.orders.backup, |_| ())?;
            if !made.report.is_clean() {
                broken(format!("the backup has {:?}", made.report.violations));
            }
        }
        10 => {
            let place = worker
                .orders
                .scratch
                .join(format!("restored {} {number}", worker.orders.name));
            let restored = Store::restore(&worker.orders.backup, &place, |_| ());
            let removed = fs::remove_dir_all(&place);
            if let Ok(restored) = &restored {
                removed.unwrap();
                if !restored.report.is_clean() {
                    broken(format!("restored: {:?}", restored.report.violations));
                }
            }
            match restored {
                Err(Error::NotAStore { .. }) => {}
                restored => drop(restored?),
            }
        }
        11 => {
            let operations = store.verify_quickly(|_| ())?;
            if !operations.is_clean() {
                broken(format!("verify --quick found {:?}", operations.violations));
            }
        }
        _ => {
            let mut bundle = Vec::new();
            let summary = store.export_bundle(&mut bundle)?;
            let elsewhere = Store::in_memory()?;
            let imported = elsewhere.import_bundle(Cursor::new(&bundle));
            if !imported
                .as_ref()
                .is_ok_and(|imported| imported.head == summary.head)
            {
                broken(format!("a bundle of {summary:?} came in as {imported:?}"));
            }
            summary
                .head
                .into_iter()
                .for_each(|id| hand.saw(handle, Seen::Operation(id)));
        }
    }
    Ok(())
}

/// Follows the store's history, and takes down each operation that it is told.
pub fn watch(worker: &Worker<'_>) {
    let mut hand = worker.hand(1);
    while !worker.is_over() {
        let Some(handle) = worker.handle(&mut hand.rng) else {
            continue;
        };
        let done = follow(worker, &mut hand, &handle);
        worker.judge(&mut hand.rng, &handle, done);
    }
}

/// A watch of one handle, which begins some operations before the end.
fn follow(worker: &Worker<'_>, hand: &mut Hand<'_>, handle: &Arc<Handle>) -> Result<()> {
    let watch = format!("{}~{}", handle.author, hand.rng.u32(..));
    let store = &handle.store;
    let recent = store.operations(&Default::default(), None, 50)?;
    let mut place = recent.last().map_or(Place::START, Place::from);
    for _ in 0..hand.rng.u32(1..200) {
        if worker.is_over() {
            break;
        }
        for event in store.wait_for_changes(place, 100, Duration::from_millis(50))? {
            place = event.cursor;
            let (number, id) = (event.operation.number, event.operation.id);
            hand.book.line(&format!("follows {watch} {number} {id}"));
            hand.saw(handle, Seen::Operation(id));
        }
    }
    Ok(())
}
