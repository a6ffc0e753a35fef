//! The invariants of a store, which hold whatever happened to the process that wrote to it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use promptbook::error::OpenError;
use promptbook::history::Change;
use promptbook::maintenance::GcOptions;
use promptbook::{Bump, NewPrompt, NewVersion, Store};

use crate::ledger::{Ledger, Made, Outcome};
use crate::observed::{Observed, observe};
use crate::script::{Script, Start, Step, backup_of, body, options};
use crate::truth::{Possible, possible};

/// Compares a store with the ledger of the process that wrote to it:
///
/// 1. Every acknowledged change is there, byte for byte, under the ids and numbers that were
///    returned.
/// 2. Any other change that was tried is there entirely or not at all, and nothing is there that
///    was not tried.
/// 3. Each version has its body, with the right hash.
/// 4. No number is given twice, operations are numbered without gaps, and each environment points
///    to an existing version: the one of the last acknowledged move.
/// 5. Counters equal what they count.
/// 6. `verify` finds no violation.
/// 7. The store accepts writes, checkpoints and garbage collection, and leaves no other files then.
/// 8. If a backup was acknowledged, it exists, is sound, and shows one moment; another backup
///    updates it.
///
/// Panics if one of them does not hold.
pub fn check(directory: &Path, ledger: &Ledger) {
    let store = match options().open(directory) {
        Err(OpenError::NotAStore { .. }) if !was_made(ledger) => {
            options().open_or_create(directory)
        }
        opened => opened,
    };
    let store =
        store.unwrap_or_else(|error| panic!("the store can't be opened: {}", chain(&error)));
    is_sound(&store);
    let found = observe(store.as_view())
        .unwrap_or_else(|error| panic!("the store can't be read: {}", chain(&error)));
    let possible = possible(ledger);
    let history = possible.iter().find(|possible| *possible.observed == found);
    let history = history.unwrap_or_else(|| panic!("{}", mismatch(&found, &possible)));
    is_as_acknowledged(&store, ledger, history);
    counters_hold(&store);
    backup_is_whole(&store, directory, ledger);
    remains_usable(&store, directory, &found);
    drop(store);
    let store = options().open(directory).unwrap();
    is_sound(&store);
    is_as_before(&store, &found);
}

/// Returns whether a store was there from the start, or its creation was acknowledged.
fn was_made(ledger: &Ledger) -> bool {
    let Script { start, steps } = &ledger.script;
    let mut tries = steps.iter().zip(&ledger.tries);
    let is_made =
        |step: &Step, outcome: &Outcome| *step == Step::Make && matches!(outcome, Outcome::Done(_));
    *start != Start::Nothing || tries.any(|(step, tried)| is_made(step, &tried.outcome))
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn is_sound(store: &Store) {
    let report = store.verify();
    let report =
        report.unwrap_or_else(|error| panic!("the verification failed: {}", chain(&error)));
    assert_eq!(report.violations, [], "the verification found violations");
}

/// Describes the store's contents and the allowed histories.
fn mismatch(found: &Observed, possible: &[Possible]) -> String {
    let mut text = String::from("no history that the ledger allows");
    for possible in possible {
        let expected = &possible.observed;
        text += &format!("\n  with {:?}:", possible.took_place);
        if expected.operations != found.operations {
            let (expected, found) = (&expected.operations, &found.operations);
            text += &format!("\n    operations {found:?}\n    instead of {expected:?}");
        }
        for name in expected.prompts.keys().chain(found.prompts.keys()) {
            let (expected, found) = (expected.prompts.get(name), found.prompts.get(name));
            if expected != found {
                let [expected, found] = [expected, found].map(|prompt| {
                    let text = format!("{prompt:?}");
                    text.chars().take(2000).collect::<String>()
                });
                text += &format!("\n    {name}: {found}\n    instead of {expected}");
            }
        }
    }
    text
}

/// Checks that acknowledged versions have the ids that were returned, and that the operation's id
/// decides each unknown outcome.
fn is_as_acknowledged(store: &Store, ledger: &Ledger, history: &Possible) {
    let mut operations = store.operations().page(None, usize::MAX).unwrap();
    operations.reverse();
    let mut made = Vec::new();
    for (place, operation) in operations.iter().enumerate() {
        assert_eq!(
            operation.number,
            place as u64 + 1,
            "the operation numbers have a gap"
        );
        for change in &operation.content.changes {
            if let Change::VersionCreated(version) = change {
                made.push(Made {
                    id: version.id,
                    number: version.number,
                    blob: version.blob,
                });
            }
        }
    }
    let ids: BTreeSet<_> = made.iter().map(|made| made.id).collect();
    assert_eq!(ids.len(), made.len(), "an id was given twice");
    for (tried, took_place) in ledger.tries.iter().zip(&history.took_place) {
        match &tried.outcome {
            Outcome::Done(told) if *took_place => {
                for version in told {
                    assert!(made.contains(version), "{version:?} is not in {made:?}");
                }
            }
            Outcome::Unknown(number, id) => {
                let found = operations
                    .iter()
                    .find(|operation| operation.number == *number);
                let is_there = found.is_some_and(|operation| operation.id == *id);
                assert_eq!(
                    is_there, *took_place,
                    "the operation's id does not decide whether it took place"
                );
            }
            Outcome::Done(_) | Outcome::Open | Outcome::Failed(_) => {}
        }
    }
}

fn backup_is_whole(store: &Store, directory: &Path, ledger: &Ledger) {
    let mut tries = ledger.script.steps.iter().zip(&ledger.tries);
    let was_acknowledged = tries
        .any(|(step, tried)| *step == Step::Backup && matches!(tried.outcome, Outcome::Done(_)));
    let backup = backup_of(directory);
    let is_there = backup.join("index.db").exists();
    assert!(is_there || !was_acknowledged, "the backup is missing");
    if !ledger.script.steps.contains(&Step::Backup) {
        return;
    }
    let operations = |store: &Store| {
        let newest_first = store.operations().page(None, usize::MAX);
        let oldest_first = newest_first.unwrap().into_iter().rev();
        oldest_first.map(|one| one.id).collect::<Vec<_>>()
    };
    if is_there {
        let backup = options().read_only(true).open(&backup);
        let backup =
            backup.unwrap_or_else(|error| panic!("the backup can't be opened: {}", chain(&error)));
        is_sound(&backup);
        let is_of_a_moment = operations(store).starts_with(&operations(&backup));
        assert!(is_of_a_moment, "the backup equals no state of the store");
    }
    let report = store
        .backup(&backup)
        .expect("the store can't be backed up")
        .report;
    assert_eq!(report.violations, [], "the backup is not sound");
    let backup = options().read_only(true).open(&backup).unwrap();
    assert_eq!(operations(&backup), operations(store));
}

fn counters_hold(store: &Store) {
    let prompts = store.prompts().page(None, usize::MAX).unwrap();
    assert_eq!(
        store.prompts().count().unwrap(),
        prompts.len() as u64,
        "prompts"
    );
    for prompt in prompts {
        let versions = store.versions(prompt.id).page(None, usize::MAX).unwrap();
        let latest = versions.iter().map(|version| version.number).max();
        assert_eq!(
            prompt.versions,
            versions.len() as u64,
            "versions of {}",
            prompt.name
        );
        assert_eq!(prompt.latest, latest, "the latest of {}", prompt.name);
        for environment in store.environments(prompt.id).unwrap() {
            let target = versions
                .iter()
                .find(|version| version.id == environment.version_id);
            let target = target.map(|version| version.number);
            assert_eq!(
                target,
                Some(environment.number),
                "the version that {} points to",
                environment.name
            );
        }
    }
}

/// Checks that the store accepts writes and that unused bodies are removed: afterwards there is a
/// file for each body, and no other file.
fn remains_usable(store: &Store, directory: &Path, before: &Observed) {
    let new = NewPrompt::new("afterwards", body("afterwards"));
    let created = store
        .create_prompt(new)
        .expect("the store can't be written to");
    let new = NewVersion::new(created.prompt.id, body("again, afterwards"));
    let version = store.commit(new.bump(Bump::Minor)).unwrap();
    assert_eq!(version.number.to_string(), "1.1");
    store.checkpoint().expect("the checkpoint failed");
    is_sound(store);
    store
        .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
        .expect("the garbage collection failed");
    let again = store
        .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
        .unwrap();
    assert_eq!(
        (again.bodies, again.leftovers),
        (0, 0),
        "a second garbage collection removed something"
    );
    assert_eq!(
        store.stats().unwrap().journaled_bodies,
        0,
        "bodies remain in the journal"
    );
    has_no_stray_files(store, directory);
    is_sound(store);
    let operations = store.stats().unwrap().operations;
    assert_eq!(operations, before.operations.len() as u64 + 2);
    store.undo_newest().unwrap();
    store.undo_newest().unwrap();
    store
        .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
        .unwrap();
    is_as_before(store, before);
}

/// Checks that the new prompts are gone; their operations remain.
fn is_as_before(store: &Store, before: &Observed) {
    let now = observe(store.as_view()).unwrap();
    assert_eq!(now.prompts, before.prompts, "earlier contents were changed");
}

/// Checks that each body has its file or is in a pack, and that there is no other file.
fn has_no_stray_files(store: &Store, directory: &Path) {
    let mut bodies = BTreeSet::new();
    for prompt in store.prompts().page(None, usize::MAX).unwrap() {
        let versions = store.versions(prompt.id).page(None, usize::MAX);
        bodies.extend(
            versions
                .unwrap()
                .iter()
                .map(|version| version.blob.to_string()),
        );
    }
    let names = |folder: &Path| -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
        entries
            .map(|entry| name(entry).to_string_lossy().into_owned())
            .collect()
    };
    assert_eq!(
        names(&directory.join("tmp")),
        [""; 0],
        "files are left in tmp"
    );
    let mut files = BTreeSet::new();
    for folder in names(&directory.join("blobs")) {
        if folder == "packs" {
            continue;
        }
        for file in names(&directory.join("blobs").join(&folder)) {
            files.insert(format!("{folder}{file}"));
        }
    }
    let stray: Vec<_> = files.difference(&bodies).collect();
    assert!(
        stray.is_empty(),
        "files that are not referenced bodies: {stray:?}"
    );
    // Packs may contain unreferenced bodies, but no more than referenced ones. Missing bodies were
    // found by the verification.
    let packed = store.stats().unwrap().bodies;
    let (live, packed) = (
        bodies.difference(&files).count() as u64,
        packed.packed_bodies,
    );
    let only_packs = packed >= live || packed == 0 && live == 0;
    assert!(
        only_packs,
        "{live} referenced bodies have no file, and the packs contain {packed}"
    );
}
