//! What must hold of a store, whatever happened to whoever wrote to it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use promptbook::{
    Bump, Change, Error, NewPrompt, NewVersion, OperationFilter, PromptFilter, Store, VersionFilter,
};

use crate::ledger::{Ledger, Made, Outcome};
use crate::observed::{Observed, observe};
use crate::script::{Script, Start, Step, backup_of, body, options};
use crate::truth::{Possible, possible};

/// Holds a store against the ledger of who wrote to it:
///
/// 1. What was acknowledged is there, byte for byte, under the ids and numbers that were told.
/// 2. Anything else that was tried is there wholly or not at all, and nothing is there that was not tried.
/// 3. Each version has its body, of the right hash.
/// 4. Numbers are given once, operations are numbered without gaps, and each environment points to a version that is
///    there: the one it was last moved to, as far as anybody was told.
/// 5. Counters are what is counted.
/// 6. `verify` finds nothing wrong.
/// 7. It can be written to, settled and collected, and nothing is left over then.
/// 8. A backup of it is there if that was acknowledged, is sound, and of one moment; another brings it up to date.
///
/// It panics where one of them does not hold.
pub fn check(directory: &Path, ledger: &Ledger) {
    let store = match options().open(directory) {
        Err(Error::NotAStore { .. }) if !was_made(ledger) => options().open_or_create(directory),
        opened => opened,
    };
    let store = store.unwrap_or_else(|error| panic!("it can't be opened: {}", chain(&error)));
    is_sound(&store);
    let found = observe(&store).unwrap_or_else(|error| panic!("unreadable: {}", chain(&error)));
    let possible = possible(ledger);
    let history = possible.iter().find(|possible| *possible.observed == found);
    let history = history.unwrap_or_else(|| panic!("{}", unlike(&found, &possible)));
    is_as_acknowledged(&store, ledger, history);
    counters_hold(&store);
    backup_is_whole(&store, directory, ledger);
    goes_on(&store, directory, &found);
    drop(store);
    let store = options().open(directory).unwrap();
    is_sound(&store);
    is_as_before(&store, &found);
}

/// Whether a store was there from the start, or was acknowledged.
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
    let report = store.verify(|_| ());
    let report = report.unwrap_or_else(|error| panic!("not verified: {}", chain(&error)));
    assert_eq!(report.violations, [], "it is not sound");
}

/// Says what is there, and what might be.
fn unlike(found: &Observed, possible: &[Possible]) -> String {
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

/// What was acknowledged has the ids that were told, and of what was unknown the operation's id tells.
fn is_as_acknowledged(store: &Store, ledger: &Ledger, history: &Possible) {
    let mut operations = store
        .operations(&OperationFilter::default(), None, usize::MAX)
        .unwrap();
    operations.reverse();
    let mut made = Vec::new();
    for (place, operation) in operations.iter().enumerate() {
        assert_eq!(operation.number, place as u64 + 1, "operations have a gap");
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
                    assert!(made.contains(version), "{version:?} is another in {made:?}");
                }
            }
            Outcome::Unknown(number, id) => {
                let found = operations
                    .iter()
                    .find(|operation| operation.number == *number);
                let is_there = found.is_some_and(|operation| operation.id == *id);
                assert_eq!(
                    is_there, *took_place,
                    "its id does not tell whether it took place"
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
    assert!(is_there || !was_acknowledged, "the backup is gone");
    if !ledger.script.steps.contains(&Step::Backup) {
        return;
    }
    let operations = |store: &Store| {
        let newest_first = store.operations(&OperationFilter::default(), None, usize::MAX);
        let oldest_first = newest_first.unwrap().into_iter().rev();
        oldest_first.map(|one| one.id).collect::<Vec<_>>()
    };
    if is_there {
        let backup = options().read_only(true).open(&backup);
        let backup = backup.unwrap_or_else(|error| panic!("no backup: {}", chain(&error)));
        is_sound(&backup);
        let is_of_a_moment = operations(store).starts_with(&operations(&backup));
        assert!(is_of_a_moment, "the backup is of no moment of the store");
    }
    let report = store
        .backup(&backup, |_| ())
        .expect("it can't be backed up")
        .report;
    assert_eq!(report.violations, [], "the backup is not sound");
    let backup = options().read_only(true).open(&backup).unwrap();
    assert_eq!(operations(&backup), operations(store));
}

fn counters_hold(store: &Store) {
    let prompts = store
        .prompts(&PromptFilter::default(), None, usize::MAX)
        .unwrap();
    assert_eq!(
        store.prompt_count().unwrap(),
        prompts.len() as u64,
        "prompts"
    );
    for prompt in prompts {
        let versions = store
            .versions(prompt.id, &VersionFilter::default(), None, usize::MAX)
            .unwrap();
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
                "where {} points",
                environment.name
            );
        }
    }
}

/// It can be written to, and what is not used any more goes: afterwards there is a file for each body, and no other.
fn goes_on(store: &Store, directory: &Path, before: &Observed) {
    let new = NewPrompt::new("afterwards", body("afterwards"));
    let created = store.create_prompt(new).expect("it can't be written to");
    let new = NewVersion::new(created.prompt.id, body("again, afterwards"));
    let version = store.commit(new.bump(Bump::Minor)).unwrap();
    assert_eq!(version.number.to_string(), "1.1");
    store.checkpoint(|_| ()).expect("it can't be settled");
    is_sound(store);
    store
        .collect_garbage(Duration::ZERO)
        .expect("it can't be collected");
    let again = store.collect_garbage(Duration::ZERO).unwrap();
    assert_eq!(
        (again.bodies, again.leftovers),
        (0, 0),
        "a collection left something"
    );
    assert_eq!(
        store.stats().unwrap().waiting_bodies,
        0,
        "some wait for ever"
    );
    nothing_is_left(store, directory);
    is_sound(store);
    let operations = store.stats().unwrap().operations;
    assert_eq!(operations, before.operations.len() as u64 + 2);
    store.undo_newest().unwrap();
    store.undo_newest().unwrap();
    store.collect_garbage(Duration::ZERO).unwrap();
    is_as_before(store, before);
}

/// What came has gone; its operations stay.
fn is_as_before(store: &Store, before: &Observed) {
    let now = observe(store).unwrap();
    assert_eq!(now.prompts, before.prompts, "it has changed what was there");
}

/// Each body has its file or is in a pack, and nothing else lies there.
fn nothing_is_left(store: &Store, directory: &Path) {
    let mut bodies = BTreeSet::new();
    for prompt in store
        .prompts(&PromptFilter::default(), None, usize::MAX)
        .unwrap()
    {
        let versions = store.versions(prompt.id, &VersionFilter::default(), None, usize::MAX);
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
    assert!(stray.is_empty(), "files that are no bodies: {stray:?}");
    // Packs may have dead ones, but no more than live ones; what is missing was found by the verification.
    let packed = store.stats().unwrap().bodies;
    let (live, packed) = (
        bodies.difference(&files).count() as u64,
        packed.packed_bodies,
    );
    let only_packs = packed >= live || packed == 0 && live == 0;
    assert!(
        only_packs,
        "{live} bodies are no files, and {packed} in packs"
    );
}
