//! Cancelled calls: what each long call leaves when its progress closure cancels it at any point.

use std::cell::Cell;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::time::Duration;

use promptbook::bundle::{ExportOptions, ImportOptions};
use promptbook::maintenance::{
    BackupOptions, CheckpointOptions, GcOptions, Progress, RepackOptions, RepairOptions,
    VerifyOptions,
};
use promptbook::{Batch, Error, ErrorKind, NewPrompt, NewVersion, Result, Store};

use crate::support::{Place, body, create, is_sound, violations};

/// A closure that cancels when it is called for the time with a given number.
struct Canceller {
    left: Cell<u32>,
    steps: Cell<u64>,
}

impl Canceller {
    fn answer(&self, progress: Progress) -> ControlFlow<()> {
        assert!(progress.done >= self.steps.get(), "steps were taken back");
        assert!(progress.total.is_none_or(|total| total >= progress.done));
        self.steps.set(progress.done);
        match self.left.get() {
            0 => ControlFlow::Break(()),
            left => {
                self.left.set(left - 1);
                ControlFlow::Continue(())
            }
        }
    }
}

/// Makes a call repeatedly, cancelled one report later each time, until it succeeds.
///
/// After each cancelled call, `check` is called with the number of steps that were reported.
/// Returns the result, and how often the call was cancelled.
fn cancel_everywhere<T>(
    call: impl Fn(&Canceller) -> Result<T>,
    mut check: impl FnMut(u64),
) -> (T, u32) {
    for reports in 0.. {
        let canceller = Canceller {
            left: Cell::new(reports),
            steps: Cell::new(0),
        };
        match call(&canceller) {
            Ok(done) => {
                assert!(reports > 0, "the call reports nothing");
                return (done, reports);
            }
            Err(error) => {
                assert!(matches!(error, Error::Cancelled), "{error}");
                assert_eq!(error.kind(), ErrorKind::Cancelled);
                check(canceller.steps.get());
            }
        }
    }
    unreachable!("some call is not cancelled")
}

/// Adds a prompt with many versions, in one transaction, whose bodies become a pack.
fn import(store: &Store, name: &str, versions: usize) {
    let import = |batch: &mut Batch<'_>| {
        let new = NewPrompt::new(name, body(format!("{name} first")));
        let id = batch.create_prompt(new)?.prompt.id;
        for version in 1..versions {
            batch.commit(NewVersion::new(id, body(format!("{name} {version}"))))?;
        }
        Ok(())
    };
    store.batch(import).unwrap();
}

/// A store with a body of each kind: packed, a file, and in the journal.
fn filled() -> (Place, Store) {
    let place = Place::new();
    let store = place.create();
    import(&store, "packed", 600);
    import(&store, "packed too", 300);
    create(&store, "file");
    store.checkpoint().unwrap();
    create(&store, "journal");
    (place, store)
}

#[test]
fn a_cancelled_verification_changes_nothing() {
    let (_place, store) = filled();
    let verify = |canceller: &Canceller| {
        store.verify_with(VerifyOptions::new().progress(|steps| canceller.answer(steps)))
    };
    let mut most = 0;
    let (report, cancelled) = cancel_everywhere(verify, |steps| most = most.max(steps));
    assert!(report.is_clean());
    assert!(
        cancelled > 3 && most > 0,
        "it is not cancelled in the middle"
    );
    let quick = VerifyOptions::new().quick();
    let refused = store.verify_with(quick.progress(|_| ControlFlow::Break(())));
    assert!(matches!(refused, Err(Error::Cancelled)));
}

#[test]
fn a_cancelled_checkpoint_leaves_bodies_in_the_journal() {
    let place = Place::new();
    let store = place.create();
    // Each batch of a checkpoint has a mebibyte.
    for name in ["one", "two", "three"] {
        let large = format!("{name} {}", "x".repeat(700_000));
        store
            .create_prompt(NewPrompt::new(name, body(large)))
            .unwrap();
    }
    let checkpoint = |canceller: &Canceller| {
        store.checkpoint_with(CheckpointOptions::new().progress(|steps| canceller.answer(steps)))
    };
    let (_, cancelled) = cancel_everywhere(checkpoint, |_| is_sound(&store));
    assert!(cancelled > 0);
    assert_eq!(store.stats().unwrap().journaled_bodies, 0);
    is_sound(&store);
}

#[test]
fn a_cancelled_collection_is_continued() {
    let (_place, store) = filled();
    import(&store, "garbage", 1500);
    store.delete_prompt("garbage").unwrap();
    let collect = |dry_run: bool| {
        let store = &store;
        move |canceller: &Canceller| {
            let options = GcOptions::new().retention(Duration::ZERO).dry_run(dry_run);
            store.collect_garbage_with(options.progress(|steps| canceller.answer(steps)))
        }
    };
    let (garbage, _) = cancel_everywhere(collect(true), |_| ());
    assert_eq!(garbage.bodies, 1500);
    let mut most = 0;
    let check = |steps: u64| {
        most = most.max(steps);
        is_sound(&store);
    };
    cancel_everywhere(collect(false), check);
    assert!(most >= 500, "it is not cancelled after bodies were removed");
    let (left, _) = cancel_everywhere(collect(true), |_| ());
    assert_eq!((left.bodies, left.leftovers), (0, 0));
}

#[test]
fn a_cancelled_repack_keeps_the_old_packs() {
    let (_place, store) = filled();
    let repack = |canceller: &Canceller| {
        store.repack_with(RepackOptions::new().progress(|steps| canceller.answer(steps)))
    };
    let mut most = 0;
    let check = |steps: u64| {
        most = most.max(steps);
        is_sound(&store);
    };
    let (_, cancelled) = cancel_everywhere(repack, check);
    assert!(
        cancelled > 3 && most > 0,
        "it is not cancelled in the middle"
    );
    is_sound(&store);
}

#[test]
fn a_cancelled_backup_leaves_the_earlier_one() {
    let (_place, store) = filled();
    let backup = Place::new();
    store.backup(backup.path()).unwrap();
    let earlier = backup.open_read_only().unwrap().stats().unwrap().operations;
    import(&store, "later", 300);
    let operations = store.stats().unwrap().operations;
    let make = |canceller: &Canceller| {
        let options = BackupOptions::new().progress(|steps| canceller.answer(steps));
        store.backup_with(backup.path(), options)
    };
    let mut found = Vec::new();
    let check = |_| {
        let copy = backup.open_read_only().unwrap();
        is_sound(&copy);
        found.push(copy.stats().unwrap().operations);
    };
    let (made, _) = cancel_everywhere(make, check);
    assert!(made.report.is_clean());
    assert!(found.is_sorted());
    assert_eq!((found[0], found[found.len() - 1]), (earlier, operations));
}

#[test]
fn a_cancelled_restore_is_repeated() {
    let (_place, store) = filled();
    let (backup, restored) = (Place::new(), Place::new());
    store.backup(backup.path()).unwrap();
    let restore = |reports| {
        let canceller = Canceller {
            left: Cell::new(reports),
            steps: Cell::new(0),
        };
        let options = BackupOptions::new().progress(|steps| canceller.answer(steps));
        Store::restore_with(backup.path(), restored.path(), options)
    };
    for reports in [0, 1] {
        assert!(matches!(restore(reports), Err(Error::Cancelled)));
        assert!(!restored.index().exists(), "it is cancelled too late");
    }
    assert!(restore(u32::MAX).unwrap().report.is_clean());
}

#[test]
fn a_cancelled_repair_is_repeated() {
    let (place, store) = filled();
    let backup = Place::new();
    store.backup(backup.path()).unwrap();
    store.checkpoint().unwrap();
    let file = store.version("file@latest").unwrap().blob;
    std::fs::remove_file(place.body(file)).unwrap();
    drop(store);
    let store = place.open();
    assert_eq!(violations(&store).len(), 1);
    let sources = [backup.open_read_only().unwrap()];
    let repair = |canceller: &Canceller| {
        let options = RepairOptions::new().progress(|steps| canceller.answer(steps));
        store.repair_with(&sources, options)
    };
    let mut left = Vec::new();
    let (repaired, _) = cancel_everywhere(repair, |_| left.push(violations(&store).len()));
    assert!(repaired.report.is_clean());
    assert!(
        left.is_sorted_by(|before, after| before >= after),
        "{left:?}"
    );
    assert_eq!((left[0], left[left.len() - 1]), (1, 0));
}

#[test]
fn a_cancelled_export_or_import_changes_nothing() {
    let (_place, store) = filled();
    let export = |canceller: &Canceller| {
        let mut file = Vec::new();
        let options = ExportOptions::new().progress(|steps| canceller.answer(steps));
        store.export_bundle_with(&mut file, options).map(|_| file)
    };
    let (file, cancelled) = cancel_everywhere(export, |_| ());
    assert!(cancelled > 3);

    let copy = Store::in_memory().unwrap();
    let import = |canceller: &Canceller| {
        let options = ImportOptions::new().progress(|steps| canceller.answer(steps));
        copy.import_bundle_with(Cursor::new(&file), options)
    };
    let (imported, cancelled) = cancel_everywhere(import, |_| {
        assert_eq!(copy.stats().unwrap().operations, 0);
    });
    assert!(cancelled > 3);
    assert_eq!(imported.appended, store.stats().unwrap().operations);
    is_sound(&copy);
}

#[test]
fn a_closure_without_an_answer_cancels_nothing() {
    let (_place, store) = filled();
    let mut last = None;
    let options = VerifyOptions::new().progress(|steps| last = Some(steps));
    let bodies = store.verify_with(options).unwrap().bodies;
    let last = last.unwrap();
    assert_eq!((last.done, last.total), (bodies, Some(bodies)));
}
