//! The work of a keeper: checkpoints, garbage collection, repacking, verification, backups,
//! restores, exports, watching.

use std::fs;
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use promptbook::error::OpenError;
use promptbook::history::LogPosition as Place;
use promptbook::maintenance::GcOptions;
use promptbook::maintenance::VerifyOptions;
use promptbook::{Error, Result, Store};

use crate::hand::{Hand, Handle};
use crate::ledger::{Seen, chain, now};
use crate::worker::Worker;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Settle,
    Collect,
    CollectOld,
    Repack,
    Verify,
    VerifyQuickly,
    Garbage,
    Backup,
    Restore,
    Bundle,
}

/// The kinds to choose from; frequent kinds are listed more than once.
const KINDS: [Kind; 14] = [
    Kind::Settle,
    Kind::Settle,
    Kind::Collect,
    Kind::Collect,
    Kind::CollectOld,
    Kind::Repack,
    Kind::Verify,
    Kind::VerifyQuickly,
    Kind::Garbage,
    Kind::Backup,
    Kind::Backup,
    Kind::Restore,
    Kind::Bundle,
    Kind::Bundle,
];

/// Maintains the store, and reads and changes it in between.
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
            0 => {
                let from = now();
                let kind = hand.rng.usize(..KINDS.len());
                let done = upkeep(worker, &mut hand, &handle, number, KINDS[kind]);
                let how = done
                    .as_ref()
                    .map_or_else(|error| chain(error), |()| "done".into());
                let what = format!("{:?}: {how}", KINDS[kind]);
                hand.book.note(&handle.author, from, &what);
                done
            }
            1 => hand.read(&handle),
            _ => hand.change(&handle),
        };
        worker.judge(&mut hand.rng, &handle, done);
    }
}

fn upkeep(
    worker: &Worker<'_>,
    hand: &mut Hand<'_>,
    handle: &Handle,
    number: u64,
    kind: Kind,
) -> Result<()> {
    let store = &handle.store;
    let broken = |what: String| hand.book.line(&format!("broken {} {what}", handle.author));
    match kind {
        Kind::Settle => drop(store.checkpoint()?),
        Kind::Collect => {
            store.collect_garbage_with(GcOptions::new().retention(Duration::ZERO))?;
        }
        Kind::CollectOld => drop(store.collect_garbage()?),
        Kind::Repack => drop(store.repack()?),
        Kind::Verify => {
            let report = store.verify()?;
            if !report.is_clean() {
                broken(format!("verify found {:?}", report.violations));
            }
            report
                .head
                .into_iter()
                .for_each(|id| hand.saw(handle, Seen::Operation(id)));
        }
        Kind::Garbage => drop(
            store.collect_garbage_with(GcOptions::new().retention(Duration::ZERO).dry_run(true))?,
        ),
        Kind::Backup => {
            let made = store.backup(&worker.orders.backup)?;
            if !made.report.is_clean() {
                broken(format!(
                    "the backup has violations: {:?}",
                    made.report.violations
                ));
            }
        }
        Kind::Restore => {
            let place = worker
                .orders
                .scratch
                .join(format!("restored {} {number}", worker.orders.name));
            let restored = Store::restore(&worker.orders.backup, &place);
            let removed = fs::remove_dir_all(&place);
            if let Ok(restored) = &restored {
                removed.unwrap();
                if !restored.report.is_clean() {
                    broken(format!(
                        "the restored store has violations: {:?}",
                        restored.report.violations
                    ));
                }
            }
            match restored {
                Err(Error::Open(OpenError::NotAStore { .. })) => {}
                restored => drop(restored?),
            }
        }
        Kind::VerifyQuickly => {
            let operations = store.verify_with(VerifyOptions::new().quick())?;
            if !operations.is_clean() {
                broken(format!("verify --quick found {:?}", operations.violations));
            }
        }
        Kind::Bundle => {
            let mut bundle = Vec::new();
            let summary = store.export_bundle(&mut bundle)?;
            let elsewhere = Store::in_memory()?;
            let imported = elsewhere.import_bundle(Cursor::new(&bundle));
            if !imported
                .as_ref()
                .is_ok_and(|imported| imported.head == summary.head)
            {
                broken(format!(
                    "a bundle of {summary:?} was imported as {imported:?}"
                ));
            }
            summary
                .head
                .into_iter()
                .for_each(|id| hand.saw(handle, Seen::Operation(id)));
        }
    }
    Ok(())
}

/// Follows the store's history and records each operation that it is notified of.
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

/// Watches through one handle for a while, starting some operations before the end of the history.
fn follow(worker: &Worker<'_>, hand: &mut Hand<'_>, handle: &Arc<Handle>) -> Result<()> {
    let watch = format!("{}~{}", handle.author, hand.rng.u32(..));
    let store = &handle.store;
    let recent = store.operations().page(None, 50)?;
    let mut place = recent.last().map_or(Place::START, Place::from);
    for _ in 0..hand.rng.u32(1..200) {
        if worker.is_over() {
            break;
        }
        for event in store.wait_for_changes(place, 100, Duration::from_millis(50))? {
            place = event.position;
            let (number, id) = (event.operation.number, event.operation.id);
            hand.book.line(&format!("follows {watch} {number} {id}"));
            hand.saw(handle, Seen::Operation(id));
        }
    }
    Ok(())
}
