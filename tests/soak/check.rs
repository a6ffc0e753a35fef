//! The stores held against the ledgers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::time::Duration;

use promptbook::maintenance::GcOptions;
use promptbook::{OperationId, Result, Store};

use crate::history::{self, Replay, created, made, token};
use crate::ledger::{Attempt, Handle, Made, Outcome, Records, Seen, chain};
use crate::sites::World;
use crate::soak::{Soak, ids};

/// An operation that is in some stores.
struct Found {
    id: OperationId,
    number: u64,
    made: Vec<Made>,
    worlds: BTreeSet<usize>,
}

/// What all stores have.
#[derive(Default)]
struct All {
    /// By the attempts that they are of: operations that were not there at the last check.
    new: BTreeMap<String, Vec<Found>>,
    /// Where what a handle may have answered with is.
    seen: HashMap<Seen, BTreeSet<usize>>,
    /// By handle: the stores that have all that it did.
    common: HashMap<String, BTreeSet<usize>>,
    /// Handles of which it was said that they are of two stores.
    split: BTreeSet<String>,
    /// Stores that can't be read: it is not known what is in them.
    unread: BTreeSet<usize>,
    wrong: Vec<String>,
}

/// Checks all stores against the ledgers of a round, in which all workers have ended. Gives what does not hold, and how
/// many operations the largest store has.
///
/// 1. Each attempt that was acknowledged is in the history exactly once, with the versions that were told; one that was
///    refused is not; one of which nobody was told is there wholly or not at all; several operations of one attempt
///    follow each other.
/// 2. Nothing else is there, and all that was there before is.
/// 3. All that one handle acknowledged and answered with is in one store: the one that was at the path when it was opened.
/// 4. A watch was told each operation once, in order.
/// 5. A replay of the history gives the prompts, versions and pointers; `verify` is clean; a collection goes through.
/// 6. A backup, restored, gives the same bundle byte for byte.
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
                all.say(format!("{}: {}", world.name, chain(&error)));
                all.unread.insert(number);
            }
        }
    }
    for what in &records.broken {
        all.say(format!("a worker was told: {what}"));
    }
    let mut found = std::mem::take(&mut all.new);
    for (token, attempt) in &records.attempts {
        let operations = found.remove(token).unwrap_or_default();
        all.hold(token, attempt, &operations);
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
            all.say(format!(
                "operation {number} ({id}) is there, of no attempt: {token}"
            ));
        }
    }
    all.handles_are_of_one_store(&sites, records);
    if all.wrong.is_empty() {
        if let Some(main) = sites.now_at("main")
            && let Err(why) = backup_is_the_same(soak, &sites.worlds[main].place)
        {
            all.say(format!("a backup that was restored: {why}"));
        }
        for world in &sites.worlds {
            soak.known.extend(&world.before);
        }
    }
    soak.sites = std::sync::Mutex::new(sites);
    (all.wrong, largest)
}

impl All {
    fn say(&mut self, what: String) {
        self.wrong.push(what);
    }

    /// Reads a store, and checks what holds of each by itself.
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
            self.say(format!("{name}: verify: {violation}"));
        }
        let operations = history::operations(&store)?;
        let replay = Replay::of(&operations);
        for what in replay.wrong.iter().chain(&replay.differences(&store)?) {
            self.say(format!("{name}: {what}"));
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
            self.say(format!(
                "{name}: of what was there before, {first:?} is another or lost"
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
            self.say(format!("{name}: a collection left something: {again:?}"));
        }
        let left: Vec<_> = fs::read_dir(world.place.join("tmp"))
            .map(|files| {
                files
                    .filter_map(|file| Some(file.ok()?.file_name()))
                    .collect()
            })
            .unwrap_or_default();
        if !left.is_empty() {
            self.say(format!("{name}: left in tmp: {left:?}"));
        }
        let report = store.verify()?;
        for violation in &report.violations {
            self.say(format!("{name}: verify after a collection: {violation}"));
        }
        Ok(operations.len())
    }

    /// Holds an attempt against the operations that are there of it.
    fn hold(&mut self, token: &str, attempt: &Attempt, found: &[Found]) {
        let there = found.len() as u64;
        let numbers: Vec<u64> = found.iter().map(|found| found.number).collect();
        match &attempt.outcome {
            Outcome::Done(count, _) if there < *count => {
                self.say(format!("lost: {token} was acknowledged, and {there} of its {count} operations are there"));
            }
            Outcome::Done(count, _) if there > *count => {
                self.say(format!("{token} was acknowledged with {count} operations, and is there {there} times: {numbers:?}"));
            }
            Outcome::Done(_, versions) => {
                let made: Vec<&Made> = found.iter().flat_map(|found| &found.made).collect();
                if let Some(other) = versions.iter().find(|version| !made.contains(version)) {
                    self.say(format!(
                        "{token} was acknowledged as {other:?}, and is there as {made:?}"
                    ));
                }
            }
            Outcome::Refused(why) if there > 0 => {
                self.say(format!(
                    "{token} was refused ({why}), and is there: {numbers:?}"
                ));
            }
            Outcome::Unknown(Some(id)) if there == 1 && found[0].id != *id => {
                self.say(format!(
                    "{token} was unknown as {id}, and is there as {}",
                    found[0].id
                ));
            }
            Outcome::Open | Outcome::Unknown(_) if there != 0 && there != attempt.count => {
                let count = attempt.count;
                self.say(format!(
                    "{there} of {count} operations of {token} are there: {numbers:?}"
                ));
            }
            Outcome::Open | Outcome::Unknown(_) | Outcome::Refused(_) => {}
        }
        let is_in_a_row = numbers.windows(2).all(|pair| pair[1] == pair[0] + 1);
        if there == attempt.count && !is_in_a_row {
            self.say(format!(
                "others are between the operations of {token}: {numbers:?}"
            ));
        }
    }

    /// What a handle did is in the store that was at its path.
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
            self.say(format!(
                "misplaced: {what} is in {places:?}; its handle {name} is of {own}"
            ));
        }
    }

    /// Narrows down in which stores all is that a handle did and answered with.
    fn common(&mut self, handle: &str, what: &str, worlds: &BTreeSet<usize>) {
        let common = self
            .common
            .entry(handle.to_owned())
            .or_insert_with(|| worlds.clone());
        common.retain(|world| worlds.contains(world));
        if common.is_empty() && self.unread.is_empty() && self.split.insert(handle.to_owned()) {
            self.say(format!(
                "misplaced: {handle} is of two stores: {what} is not where the rest is"
            ));
        }
    }

    /// All that a handle answered with is in one store.
    fn handles_are_of_one_store(&mut self, sites: &crate::sites::Sites, records: &Records) {
        for (name, handle) in &records.handles {
            for seen in &handle.saw {
                let what = format!("the answer {seen:?}");
                let Some(worlds) = self.seen.get(seen).cloned() else {
                    if !self.unread.is_empty() {
                        continue;
                    }
                    self.say(format!("{what} of {name} is in no store"));
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
                self.say(format!(
                    "the watch {name} was told {} after {}",
                    pair[1], pair[0]
                ));
            }
        }
    }
}

/// A backup of the store, made into a store again, exports the same bundle; so does a store that it was brought into.
fn backup_is_the_same(soak: &Soak, place: &Path) -> Result<(), String> {
    let told = |error: promptbook::Error| chain(&error);
    let bundle = |store: &Store| -> Result<Vec<u8>, String> {
        let mut bundle = Vec::new();
        store.export_bundle(&mut bundle).map_err(told)?;
        Ok(bundle)
    };
    let [backup, again] = ["backup of a check", "restored by a check"]
        .map(|name| soak.root.join("scratch").join(name));
    let store = Store::open(place).map_err(told)?;
    store.backup(&backup).map_err(told)?;
    let restored = Store::restore(&backup, &again).map_err(told)?;
    if !restored.report.is_clean() {
        return Err(format!("{:?}", restored.report.violations));
    }
    let expected = bundle(&store)?;
    let restored = Store::open(&again).map_err(told)?;
    let imported = Store::in_memory().map_err(told)?;
    imported
        .import_bundle(Cursor::new(&expected))
        .map_err(told)?;
    for (what, other) in [
        ("the restored store", &restored),
        ("a store that imported the bundle", &imported),
    ] {
        if bundle(other)? != expected {
            return Err(format!("{what} exports another bundle"));
        }
        if ids(other) != ids(&store) {
            return Err(format!("{what} has another history"));
        }
    }
    drop(restored);
    for place in [backup, again] {
        fs::remove_dir_all(place).map_err(|error| error.to_string())?;
    }
    Ok(())
}
