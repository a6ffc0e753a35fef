//! Comparison of the stores with the ledgers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::time::Duration;

use promptbook::error::OpenError;
use promptbook::maintenance::GcOptions;
use promptbook::{OperationId, Result, Store};

use crate::history::{self, Replay, created, made, token};
use crate::ledger::{Attempt, Handle, Made, Outcome, Records, Seen, chain};
use crate::sites::World;
use crate::soak::{Soak, ids};

/// An operation that some stores contain.
struct Found {
    id: OperationId,
    number: u64,
    made: Vec<Made>,
    worlds: BTreeSet<usize>,
}

/// The contents of all stores.
#[derive(Default)]
struct All {
    /// Operations that were absent at the last check, by the token of their attempt.
    new: BTreeMap<String, Vec<Found>>,
    /// The stores that contain an item which a handle may have returned.
    seen: HashMap<Seen, BTreeSet<usize>>,
    /// By handle: the stores that contain everything that it did.
    common: HashMap<String, BTreeSet<usize>>,
    /// Handles already reported to belong to two stores.
    split: BTreeSet<String>,
    /// Stores that cannot be read, so their contents are unknown.
    unread: BTreeSet<usize>,
    wrong: Vec<String>,
}

/// Checks all stores against the ledgers of a round in which all workers have ended. Returns the
/// violations, and the number of operations of the largest store.
///
/// 1. Each acknowledged attempt is in the history exactly once, with the versions that were
///    returned. A refused attempt is not. An attempt whose outcome is unknown is there entirely or
///    not at all. Several operations of one attempt are consecutive.
/// 2. The history contains no other new operation, and it still contains every earlier one.
/// 3. Everything that one handle acknowledged and returned is in one store: the one that was at the
///    path when the handle was opened.
/// 4. A watch reported each operation once, in order.
/// 5. A replay of the history gives the prompts, versions and environments; `verify` is clean;
///    garbage collection succeeds.
/// 6. A restored backup exports the same bundle byte for byte.
pub fn check(soak: &mut Soak, records: &Records) -> (Vec<String>, usize) {
    let mut all = All::default();
    let mut sites = std::mem::take(&mut *soak.sites.lock().unwrap());
    let mut largest = 0;
    for number in 0..sites.worlds.len() {
        let world = &mut sites.worlds[number];
        if world.may_be_missing && world.before.is_empty() && !world.place.join("index.db").exists()
        {
            continue;
        }
        match all.take(number, world, &soak.known) {
            Ok(operations) => largest = largest.max(operations),
            Err(error) => {
                all.report(format!("{}: {}", world.name, chain(&error)));
                all.unread.insert(number);
            }
        }
    }
    for what in &records.broken {
        all.report(format!("a worker got a wrong answer: {what}"));
    }
    let mut found = std::mem::take(&mut all.new);
    for (token, attempt) in &records.attempts {
        let operations = found.remove(token).unwrap_or_default();
        all.compare(token, attempt, &operations);
        let handle = records.handles.get(&attempt.handle);
        for operation in &operations {
            let what = format!("operation {} of {token}", operation.number);
            all.is_of_handle(&sites, &attempt.handle, handle, &what, &operation.worlds);
            all.common(&attempt.handle, &what, &operation.worlds);
        }
    }
    for (token, operations) in &found {
        for operation in operations {
            let (number, id) = (operation.number, operation.id);
            all.report(format!(
                "operation {number} ({id}) exists without an attempt: {token}"
            ));
        }
    }
    all.handles_are_of_one_store(&sites, records);
    if all.wrong.is_empty() {
        if let Some(main) = sites.now_at("main")
            && let Err(why) = backup_is_the_same(soak, &sites.worlds[main].place)
        {
            all.report(format!("the restored backup: {why}"));
        }
        for world in &sites.worlds {
            soak.known.extend(&world.before);
        }
    }
    soak.sites = std::sync::Mutex::new(sites);
    (all.wrong, largest)
}

impl All {
    fn report(&mut self, what: String) {
        self.wrong.push(what);
    }

    /// Reads a store, and checks the rules that concern one store only.
    fn take(
        &mut self,
        number: usize,
        world: &mut World,
        known: &std::collections::HashSet<OperationId>,
    ) -> Result<usize> {
        let name = world.name.clone();
        let store = Store::open(&world.place)?;
        let report = store.verify()?;
        for violation in &report.violations {
            self.report(format!("{name}: verify: {violation}"));
        }
        let operations = history::operations(&store)?;
        let replay = Replay::of(&operations);
        for what in replay.wrong.iter().chain(&replay.differences(&store)?) {
            self.report(format!("{name}: {what}"));
        }
        let now: Vec<OperationId> = operations.iter().map(|operation| operation.id).collect();
        if !now.starts_with(&world.before) {
            let lost = world
                .before
                .iter()
                .zip(now.iter().map(Some).chain(std::iter::repeat(None)));
            let first = lost
                .enumerate()
                .find(|(_, (before, now))| Some(*before) != *now);
            self.report(format!(
                "{name}: the earlier operation {first:?} was changed or lost"
            ));
        }
        for operation in &operations {
            self.seen
                .entry(Seen::Operation(operation.id))
                .or_default()
                .insert(number);
            for version in created(operation) {
                self.seen
                    .entry(Seen::Version(version.id))
                    .or_default()
                    .insert(number);
            }
            if known.contains(&operation.id) {
                continue;
            }
            let found = self.new.entry(token(operation)).or_default();
            match found.iter_mut().find(|found| found.id == operation.id) {
                Some(found) => drop(found.worlds.insert(number)),
                None => found.push(Found {
                    id: operation.id,
                    number: operation.number,
                    made: made(operation),
                    worlds: BTreeSet::from([number]),
                }),
            }
        }
        world.before = now;
        store.checkpoint()?;
        store.collect_garbage_with(GcOptions::new().retention(Duration::ZERO))?;
        let again = store.collect_garbage_with(GcOptions::new().retention(Duration::ZERO))?;
        if (again.bodies, again.leftovers) != (0, 0) {
            self.report(format!(
                "{name}: a second garbage collection removed something: {again:?}"
            ));
        }
        let left: Vec<_> = fs::read_dir(world.place.join("tmp"))
            .map(|files| {
                files
                    .filter_map(|file| Some(file.ok()?.file_name()))
                    .collect()
            })
            .unwrap_or_default();
        if !left.is_empty() {
            self.report(format!("{name}: files are left in tmp: {left:?}"));
        }
        let report = store.verify()?;
        for violation in &report.violations {
            self.report(format!(
                "{name}: verify after garbage collection: {violation}"
            ));
        }
        Ok(operations.len())
    }

    /// Compares an attempt with the operations found for it.
    fn compare(&mut self, token: &str, attempt: &Attempt, found: &[Found]) {
        let there = found.len() as u64;
        let numbers: Vec<u64> = found.iter().map(|found| found.number).collect();
        match &attempt.outcome {
            Outcome::Done(count, _) if there < *count => {
                self.report(format!(
                    "lost: {token} was acknowledged, but {there} of its {count} operations exist"
                ));
            }
            Outcome::Done(count, _) if there > *count => {
                self.report(format!("{token} was acknowledged with {count} operations, but exists {there} times: {numbers:?}"));
            }
            Outcome::Done(_, versions) => {
                let made: Vec<&Made> = found.iter().flat_map(|found| &found.made).collect();
                if let Some(other) = versions.iter().find(|version| !made.contains(version)) {
                    self.report(format!(
                        "{token} was acknowledged as {other:?}, but exists as {made:?}"
                    ));
                }
            }
            Outcome::Refused(why) if there > 0 => {
                self.report(format!(
                    "{token} was refused ({why}), but exists: {numbers:?}"
                ));
            }
            Outcome::Unknown(Some(id)) if there == 1 && found[0].id != *id => {
                self.report(format!(
                    "{token} had an unknown outcome as {id}, but exists as {}",
                    found[0].id
                ));
            }
            Outcome::Open | Outcome::Unknown(_) if there != 0 && there != attempt.count => {
                let count = attempt.count;
                self.report(format!(
                    "{there} of {count} operations of {token} exist: {numbers:?}"
                ));
            }
            Outcome::Open | Outcome::Unknown(_) | Outcome::Refused(_) => {}
        }
        let is_in_a_row = numbers.windows(2).all(|pair| pair[1] == pair[0] + 1);
        if there == attempt.count && !is_in_a_row {
            self.report(format!(
                "others are between the operations of {token}: {numbers:?}"
            ));
        }
    }

    /// Checks that the operations of a handle are in the store that was at its path.
    fn is_of_handle(
        &mut self,
        sites: &crate::sites::Sites,
        name: &str,
        handle: Option<&Handle>,
        what: &str,
        worlds: &BTreeSet<usize>,
    ) {
        let Some((site, from, until)) = handle.and_then(|handle| handle.opened.as_ref()) else {
            return;
        };
        if let Some(world) = sites.during(site, *from, *until)
            && !worlds.contains(&world)
            && !self.unread.contains(&world)
        {
            let places: Vec<&str> = worlds
                .iter()
                .map(|world| &*sites.worlds[*world].name)
                .collect();
            let own = &sites.worlds[world].name;
            self.report(format!(
                "misplaced: {what} is in {places:?}; its handle {name} belongs to {own}"
            ));
        }
    }

    /// Narrows down the stores that contain everything that a handle did and returned.
    fn common(&mut self, handle: &str, what: &str, worlds: &BTreeSet<usize>) {
        let common = self
            .common
            .entry(handle.to_owned())
            .or_insert_with(|| worlds.clone());
        common.retain(|world| worlds.contains(world));
        if common.is_empty() && self.unread.is_empty() && self.split.insert(handle.to_owned()) {
            self.report(format!(
                "misplaced: {handle} belongs to two stores: {what} is not in the store of the rest"
            ));
        }
    }

    /// Checks that everything a handle returned is in one store.
    fn handles_are_of_one_store(&mut self, sites: &crate::sites::Sites, records: &Records) {
        for (name, handle) in &records.handles {
            for seen in &handle.saw {
                let what = format!("the answer {seen:?}");
                let Some(worlds) = self.seen.get(seen).cloned() else {
                    if !self.unread.is_empty() {
                        continue;
                    }
                    self.report(format!("{what} of {name} is in no store"));
                    continue;
                };
                self.is_of_handle(sites, name, Some(handle), &what, &worlds);
                self.common(name, &what, &worlds);
            }
            let next = handle
                .followed
                .windows(2)
                .find(|pair| pair[1] != pair[0] + 1);
            if let Some(pair) = next {
                self.report(format!(
                    "the watch {name} reported {} after {}",
                    pair[1], pair[0]
                ));
            }
        }
    }
}

/// Checks that a restored backup of the store exports the same bundle, and that a store which
/// imports the bundle does too.
fn backup_is_the_same(soak: &Soak, place: &Path) -> Result<(), String> {
    let told = |error: promptbook::Error| chain(&error);
    let unopened = |error: OpenError| chain(&error);
    let bundle = |store: &Store| -> Result<Vec<u8>, String> {
        let mut bundle = Vec::new();
        store.export_bundle(&mut bundle).map_err(told)?;
        Ok(bundle)
    };
    let [backup, again] = ["backup of a check", "restored by a check"]
        .map(|name| soak.root.join("scratch").join(name));
    let store = Store::open(place).map_err(unopened)?;
    store.backup(&backup).map_err(told)?;
    let restored = Store::restore(&backup, &again).map_err(told)?;
    if !restored.report.is_clean() {
        return Err(format!("{:?}", restored.report.violations));
    }
    let expected = bundle(&store)?;
    let restored = Store::open(&again).map_err(unopened)?;
    let imported = Store::in_memory().map_err(unopened)?;
    imported
        .import_bundle(Cursor::new(&expected))
        .map_err(told)?;
    for (what, other) in [
        ("the restored store", &restored),
        ("a store that imported the bundle", &imported),
    ] {
        if bundle(other)? != expected {
            return Err(format!("{what} exports a different bundle"));
        }
        if ids(other) != ids(&store) {
            return Err(format!("{what} has a different history"));
        }
    }
    drop(restored);
    for place in [backup, again] {
        fs::remove_dir_all(place).map_err(|error| error.to_string())?;
    }
    Ok(())
}
