//! Power cuts at each step of a script, by replay.
//!
//! A child runs the script under `strace`, which records its changes to files. From the recording,
//! the directories that a power cut could leave are created (`disk.rs` describes the model), and
//! each is opened and checked. SQLite's `-shm` file is memory that processes share: it does not
//! exist after a power cut.

mod cuts;
mod disk;
mod failed_flushes;
mod recording;

use std::fs;
use std::path::{Path, PathBuf};

pub use self::failed_flushes::*;

use self::cuts::{Amount, Cut, cuts};
use self::disk::{Disk, Found};
use self::recording::{Event, Reader};
use crate::check::check;
use crate::child::Manner;
use crate::ledger::Ledger;
use crate::runs::Run;
use crate::scratch;
use crate::script::{Script, named, sequences};
use crate::strace;

/// A child's run: the state before it, its events, and its directory.
struct Recorded {
    before: Disk,
    events: Vec<Event>,
    root: PathBuf,
}

/// Records a run. The maintenance worker may be in the middle of a call when the process ends, and
/// then it is unknown whether the call was made. In that case another run is recorded.
fn record(script: &Script, manner: Manner) -> Recorded {
    record_by(script, manner, recording::wrapper)
}

/// Records a run by a command that writes the recording to a path.
fn record_by(script: &Script, manner: Manner, wrapper: impl Fn(&Path) -> Vec<String>) -> Recorded {
    const RUNS: usize = 5;
    let mut lacks = String::new();
    for _ in 0..RUNS {
        match try_to_record(script, manner, &wrapper) {
            Ok(recorded) => return recorded,
            Err(what) => lacks = what,
        }
    }
    panic!("{script}: the recording is incomplete: {lacks}");
}

fn try_to_record(
    script: &Script,
    manner: Manner,
    wrapper: impl Fn(&Path) -> Vec<String>,
) -> Result<Recorded, String> {
    let place = scratch::directory();
    let recording = place.path().join("recording");
    let mut before = Disk::default();
    let mut there = Vec::new();
    let wrapper = wrapper(&recording);
    let run = Run::prepared(script, &wrapper, manner, |root| {
        for (path, bytes) in files(root) {
            there.push((path.clone(), bytes.as_ref().map(|bytes| bytes.len() as u64)));
            before.add(path, bytes.as_deref());
        }
    });
    run.is_through();
    let root = run.store().parent().unwrap().to_owned();
    let reader = Reader::new(&root, &run.ledger_path(), &there);
    let events = reader.read(&fs::read_to_string(recording).unwrap())?;
    // The full replay must give the files that the child left, or the recording is useless.
    let mut after = before.clone();
    events.iter().for_each(|event| after.apply(event));
    let replayed = after.found(&[]);
    let mut left = files(&root);
    left.retain(|path, _| *path != run.ledger_path());
    if replayed != left {
        return Err(format!(
            "{:?} instead of {:?}",
            shown(&replayed),
            shown(&left)
        ));
    }
    Ok(Recorded {
        before,
        events,
        root,
    })
}

fn shown(found: &Found) -> Vec<String> {
    let line = |(path, bytes): (&PathBuf, &Option<Vec<u8>>)| {
        let size = bytes.as_ref().map(Vec::len);
        format!("{} {size:?}", path.display())
    };
    found.iter().map(line).collect()
}

/// Returns everything below a directory, except for shared memory.
fn files(root: &Path) -> Found {
    let mut found = Found::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
            found.insert(path, None);
        } else if !path.to_string_lossy().ends_with("-shm") {
            let bytes = fs::read(&path).unwrap();
            found.insert(path, Some(bytes));
        }
    }
    found
}

/// Creates the contents after a cut, and checks them.
fn survives(cut: &Cut, root: &Path) {
    survives_as(cut, root, &cut.ledger);
}

/// Does the same, with the latest acknowledged changes allowed to be lost.
fn survives_relaxed(cut: &Cut, root: &Path) {
    let ledger = Ledger {
        may_lose: true,
        ..(*cut.ledger).clone()
    };
    survives_as(cut, root, &ledger);
}

fn survives_as(cut: &Cut, root: &Path, ledger: &Ledger) {
    let place = scratch::directory();
    for (path, bytes) in &cut.found() {
        let path = place.path().join(path.strip_prefix(root).unwrap());
        match bytes {
            None => fs::create_dir_all(&path).unwrap(),
            Some(bytes) => fs::write(&path, bytes).unwrap(),
        }
    }
    check(&place.path().join("store"), ledger);
}

/// Returns the number of states that are tried for each moment, of named scripts and of others.
fn amounts() -> [Amount; 2] {
    let named = scratch::scaled(64).unwrap_or(1024);
    let some = (named / 2).min(400);
    [
        Amount { all: named, some },
        Amount {
            all: named.min(64),
            some: some.min(64),
        },
    ]
}

pub fn a_power_cut_at_any_moment_loses_nothing() {
    if !strace::is_there() {
        return;
    }
    let [of_named, of_others] = amounts();
    let named = named().into_iter().map(|script| (script, of_named));
    let others = scratch::choice(sequences(3), 10).into_iter();
    let others = others.map(|script| (script, of_others));
    let mut rng = scratch::rng();
    let (mut scripts, mut tried) = (0, 0);
    let all: Vec<(Script, Amount)> = named.chain(others).collect();
    let recorded = scratch::of_each(&all, |(script, _)| record(script, Manner::Honest));
    for ((script, amount), recorded) in all.into_iter().zip(recorded) {
        let cuts = cuts(recorded.before, &recorded.events, amount, &mut rng);
        scripts += 1;
        tried += cuts.len();
        println!("{script}: {} states tried", cuts.len());
        scratch::all_hold(&cuts, |cut| survives(cut, &recorded.root));
    }
    println!("{tried} states after power cuts tried, of {scripts} scripts");
}

/// With a durability that leaves flushes to the operating system, only the latest changes may be
/// lost: never an earlier change, a body, or the store.
pub fn with_relaxed_durability_a_power_cut_loses_only_the_last_commits() {
    if !strace::is_there() {
        return;
    }
    let [amount, _] = amounts();
    let mut rng = scratch::rng();
    let (mut tried, mut lossy) = (0, 0);
    for script in [
        "nothing: make create commit",
        "closed: open create commit move",
        "closed: open commit checkpoint commit",
        "closed: open commit checkpoint collect commit close",
        "closed: open bulk checkpoint repack commit",
        "closed: open batch import undo",
        "long-log: open move checkpoint commit close",
    ] {
        let script: Script = script.parse().unwrap();
        let recorded = record(&script, Manner::Relaxed);
        let cuts = cuts(recorded.before, &recorded.events, amount, &mut rng);
        tried += cuts.len();
        scratch::all_hold(&cuts, |cut| survives_relaxed(cut, &recorded.root));
        // Control: a check of the full promise finds losses.
        let some = scratch::choice(cuts, 40);
        lossy += scratch::failures(&some, |cut| survives(cut, &recorded.root)).len();
    }
    println!(
        "{tried} states after power cuts tried with relaxed durability; {lossy} of a selection had lost something"
    );
    assert!(
        lossy > 0,
        "no state had lost anything, so the flushes were made"
    );
}

/// Checks that a cut of a recording with this change is caught.
fn is_caught(what: &str, script: &str, change: impl FnOnce(&mut Vec<Event>), manner: Manner) {
    let script = script.parse().unwrap();
    let mut recorded = record(&script, manner);
    let before = recorded.events.len();
    change(&mut recorded.events);
    let amount = Amount { all: 64, some: 64 };
    let mut rng = scratch::rng();
    let mut cuts = cuts(recorded.before, &recorded.events, amount, &mut rng);
    rng.shuffle(&mut cuts);
    let mut tried = 0;
    for some in cuts.chunks(16) {
        let caught = scratch::failures(some, |cut| survives(cut, &recorded.root));
        tried += some.len();
        if let Some(first) = caught.first() {
            let kept = recorded.events.len();
            println!(
                "{what}: caught, {tried} of {} states tried, {kept} events of {before}",
                cuts.len()
            );
            println!("    {first:.300}");
            return;
        }
    }
    panic!("{what}: {tried} states tried, and nothing was caught");
}

fn is_log_flush(event: &Event) -> bool {
    matches!(event, Event::FlushFile(_, path) if path.ends_with("index.db-wal"))
}

/// Returns whether the event flushes a pack before it is renamed.
fn is_pack_flush(event: &Event) -> bool {
    matches!(event, Event::FlushFile(_, path) if path.parent().is_some_and(|folder| folder.ends_with("tmp")))
}

/// Controls: each flush of a store is necessary, so a recording without it must be caught.
pub fn a_flush_that_is_left_out_is_caught() {
    if !strace::is_there() {
        return;
    }
    is_caught(
        "no flush of the log",
        "closed: open commit",
        |events| events.retain(|event| !is_log_flush(event)),
        Manner::Honest,
    );
    is_caught(
        "no flush of bodies",
        "closed: open commit checkpoint commit",
        |events| events.retain(|event| !matches!(event, Event::FlushAll)),
        Manner::Honest,
    );
    is_caught(
        "no flush of directories",
        "nothing: make create",
        |events| events.retain(|event| !matches!(event, Event::FlushDirectory(_))),
        Manner::Honest,
    );
    is_caught(
        "no flush of the log before the WAL checkpoint",
        "long-log: open move checkpoint close",
        |events| events.retain(|event| !is_log_flush(event)),
        Manner::Honest,
    );
    is_caught(
        "no flush of a pack",
        "closed: open bulk commit",
        |events| events.retain(|event| !is_pack_flush(event)),
        Manner::Honest,
    );
    is_caught(
        "no flush of the packs' directory",
        "closed: open bulk commit",
        |events| {
            events.retain(
                |event| !matches!(event, Event::FlushDirectory(path) if path.ends_with("packs")),
            );
        },
        Manner::Honest,
    );
    is_caught(
        "no flush of a pack that replaces others",
        "closed: open bulk checkpoint repack commit",
        |events| {
            let last = events.iter().rposition(is_pack_flush);
            events.remove(last.expect("a flush of a pack"));
        },
        Manner::Honest,
    );
    let is_index =
        |event: &Event| matches!(event, Event::FlushFile(_, path) if path.ends_with("index.db"));
    is_caught(
        "no flush of the index after the WAL checkpoint",
        "long-log: open checkpoint commit close",
        |events| events.retain(|event| !is_index(event)),
        Manner::Honest,
    );
}

/// Controls: a step that comes too early must be caught.
pub fn a_step_that_comes_too_early_is_caught() {
    if !strace::is_there() {
        return;
    }
    is_caught(
        "bodies flushed after their removal from the journal",
        "closed: open commit checkpoint commit",
        |events| {
            let flush = events
                .iter()
                .position(|event| matches!(event, Event::FlushAll));
            let flush = events.remove(flush.expect("a flush of bodies"));
            events.push(flush);
        },
        Manner::Honest,
    );
    is_caught(
        "acknowledged before it is done",
        "closed: open commit",
        |_| (),
        Manner::Rash,
    );
}
