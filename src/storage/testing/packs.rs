//! The suite for packs.

use chrono::{DateTime, Utc};

use super::blobs::{bodies, get, list};
use crate::model::id::BlobId;
use crate::storage::{
    Blobs, CompactionScope, CompactionSummary, CompressionLevel, DeltaGroup, LockGuard,
};

/// Returns versions of a prompt, each of which shares most of its text with the previous one.
fn versions(prompt: u64, count: usize) -> Vec<Vec<u8>> {
    let mut rng = fastrand::Rng::with_seed(prompt);
    let mut text: Vec<String> = (0..60).map(|_| rng.u64(..).to_string()).collect();
    let mut next = || {
        let changed = rng.usize(..text.len());
        text[changed] = rng.u64(..).to_string();
        text.join(" ").into_bytes()
    };
    (0..count).map(|_| next()).collect()
}

fn pack<'a>(
    blobs: &'a dyn Blobs,
    bodies: impl IntoIterator<Item = (DeltaGroup, &'a Vec<u8>)>,
) -> Box<dyn LockGuard> {
    pack_written(blobs, bodies, hours(0))
}

fn pack_written<'a>(
    blobs: &'a dyn Blobs,
    bodies: impl IntoIterator<Item = (DeltaGroup, &'a Vec<u8>)>,
    written: DateTime<Utc>,
) -> Box<dyn LockGuard> {
    let mut pack = blobs.pack(CompressionLevel::Fast).unwrap();
    for (group, bytes) in bodies {
        pack.add(BlobId::of(bytes), bytes, group, written).unwrap();
    }
    pack.finish().unwrap()
}

/// Returns the time that is this many hours after a fixed one.
fn hours(hours: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_750_000_000 + hours * 60 * 60, 0).unwrap()
}

/// Removes all unreferenced bodies, however young.
fn compact(blobs: &dyn Blobs, scope: CompactionScope, live: &[Vec<u8>]) -> CompactionSummary {
    compact_older(blobs, scope, DateTime::<Utc>::MAX_UTC, live)
}

fn compact_older(
    blobs: &dyn Blobs,
    scope: CompactionScope,
    young_since: DateTime<Utc>,
    live: &[Vec<u8>],
) -> CompactionSummary {
    let mut visit =
        |visit: &mut dyn FnMut(BlobId, DeltaGroup) -> crate::storage::StorageResult<()>| {
            let mut bodies = live.iter();
            bodies.try_for_each(|bytes| visit(BlobId::of(bytes), DeltaGroup(1)))
        };
    blobs.compact(scope, young_since, &mut visit).unwrap()
}

fn assert_all(blobs: &dyn Blobs, bodies: &[Vec<u8>], what: &str) {
    for (number, bytes) in bodies.iter().enumerate() {
        let got = get(blobs, BlobId::of(bytes));
        assert!(got.as_ref() == Some(bytes), "{what}: body {number} is lost");
    }
}

/// Packed bodies of any size and delta group are returned byte for byte, and are not listed.
pub fn packed_bodies_are_returned(blobs: &dyn Blobs) {
    let mut all: Vec<Vec<u8>> = bodies().into_iter().map(|(_, bytes)| bytes).collect();
    let distinct = all.len();
    all.extend((0..5).flat_map(|prompt| versions(prompt, 70)));
    let groups = (0..).map(|number: u64| DeltaGroup(number.saturating_sub(distinct as u64) / 70));
    drop(pack(blobs, groups.zip(&all)));
    assert_all(blobs, &all, "packed");
    all.reverse();
    assert_all(blobs, &all, "read backwards");
    assert_eq!(list(blobs), [], "packed bodies must not be listed");
    let usage = blobs.usage().unwrap();
    assert_eq!(
        (usage.packed_bodies, usage.loose_bodies),
        (all.len() as u64, 0)
    );
    assert_eq!(
        usage.packed_bytes,
        all.iter().map(Vec::len).sum::<usize>() as u64
    );
    let wrong = blobs.check_packs(true).unwrap();
    assert_eq!(wrong, [""; 0], "intact packs were reported as damaged");
}

/// Only the writer of an unfinished pack can read its bodies.
///
/// An abandoned pack leaves no body.
pub fn an_unfinished_pack_is_read_by_its_writer_only(blobs: &dyn Blobs) {
    let all = versions(1, 3000);
    for finished in [false, true] {
        let mut pack = blobs.pack(CompressionLevel::Fast).unwrap();
        for bytes in &all {
            pack.add(BlobId::of(bytes), bytes, DeltaGroup(1), hours(0))
                .unwrap();
        }
        for bytes in all.iter().step_by(500).chain(all.last()) {
            let id = BlobId::of(bytes);
            assert!(
                pack.get(id).unwrap().unwrap().as_bytes() == bytes,
                "the writer of the pack cannot read its body"
            );
            assert!(
                get(blobs, id).is_none(),
                "a body of an unfinished pack was found"
            );
        }
        assert_eq!(pack.get(BlobId::of(b"other")).unwrap(), None);
        // A sweep removes only files of writers that have ended.
        blobs.sweep(DateTime::<Utc>::MAX_UTC).unwrap();
        if finished {
            drop(pack.finish().unwrap());
        } else {
            drop(pack);
        }
        for bytes in &all {
            assert_eq!(get(blobs, BlobId::of(bytes)).is_some(), finished);
        }
    }
}

/// An empty pack is not stored.
pub fn an_empty_pack_is_not_stored(blobs: &dyn Blobs) {
    drop(pack(blobs, []));
    assert_eq!(blobs.usage().unwrap().packs, 0);
}

/// Bodies that no version uses are removed, and referenced bodies remain.
pub fn unreferenced_bodies_are_removed(blobs: &dyn Blobs) {
    let all = versions(1, 200);
    drop(pack(blobs, all.iter().map(|bytes| (DeltaGroup(1), bytes))));
    let before = compact(blobs, CompactionScope::Wasteful, &all);
    assert_eq!(
        before,
        CompactionSummary::default(),
        "no body is unreferenced"
    );
    let live: Vec<Vec<u8>> = all.iter().skip(3).step_by(7).cloned().collect();
    let compacted = compact(blobs, CompactionScope::Wasteful, &live);
    assert_eq!(compacted.bodies, (all.len() - live.len()) as u64);
    assert!(compacted.bytes > 0);
    assert_all(blobs, &live, "compacted");
    let left = all
        .iter()
        .filter(|bytes| get(blobs, BlobId::of(bytes)).is_some());
    assert_eq!(left.count(), live.len(), "unreferenced bodies remain");
    compact(blobs, CompactionScope::Wasteful, &[]);
    assert_eq!(
        blobs.usage().unwrap().packs,
        0,
        "a pack of unreferenced bodies remains"
    );
}

/// Unreferenced bodies are removed once they are old enough.
///
/// Rewriting their pack does not change their age.
pub fn young_unreferenced_bodies_remain(blobs: &dyn Blobs) {
    let parts: Vec<Vec<Vec<u8>>> = (0..3).map(|part| versions(part, 20)).collect();
    for (part, day) in parts.iter().zip([0, 24, 48]) {
        let bodies = part.iter().map(|bytes| (DeltaGroup(1), bytes));
        drop(pack_written(blobs, bodies, hours(day)));
    }
    let live = &parts[1][..3];
    let left = |what: &str, left: [usize; 3]| {
        let found = parts.iter().map(|part| {
            let there = part
                .iter()
                .filter(|bytes| get(blobs, BlobId::of(bytes)).is_some());
            there.count()
        });
        assert_eq!(found.collect::<Vec<_>>(), left, "{what}");
    };
    for _ in 0..2 {
        for scope in [CompactionScope::Wasteful, CompactionScope::All] {
            compact_older(blobs, scope, hours(-2), live);
            left("nothing is old", [20, 20, 20]);
            blobs.join_packs().unwrap();
            left("joined", [20, 20, 20]);
        }
    }
    assert_eq!(
        compact_older(blobs, CompactionScope::All, hours(22), live).bodies,
        20
    );
    left("the first are old", [0, 20, 20]);
    assert_eq!(
        compact_older(blobs, CompactionScope::All, hours(46), live).bodies,
        17
    );
    left("the second are old, and three live", [0, 3, 20]);
    compact_older(blobs, CompactionScope::Wasteful, hours(50), live);
    left("all are old", [0, 3, 0]);
}

/// A body in several packs is as young as its youngest copy.
pub fn the_younger_copy_counts(blobs: &dyn Blobs) {
    let all = versions(1, 10);
    for day in [48, 0, 24] {
        let bodies = all.iter().map(|bytes| (DeltaGroup(1), bytes));
        drop(pack_written(blobs, bodies, hours(day)));
    }
    compact_older(blobs, CompactionScope::All, hours(-2), &all);
    compact_older(blobs, CompactionScope::Wasteful, hours(46), &[]);
    assert_all(blobs, &all, "young in one of them");
    compact_older(blobs, CompactionScope::Wasteful, hours(50), &[]);
    assert_eq!(blobs.usage().unwrap().packed_bodies, 0);
}

/// All packs can be replaced by new ones, which contain each body once.
pub fn everything_can_be_repacked(blobs: &dyn Blobs) {
    let all: Vec<Vec<u8>> = (0..4).flat_map(|prompt| versions(prompt, 40)).collect();
    for part in all.chunks(30) {
        drop(pack(blobs, part.iter().map(|bytes| (DeltaGroup(1), bytes))));
    }
    drop(pack(
        blobs,
        all.iter().take(10).map(|bytes| (DeltaGroup(1), bytes)),
    ));
    let mut live = all[20..].to_vec();
    // Versions may share a body.
    live.extend_from_slice(&all[50..60]);
    compact(blobs, CompactionScope::All, &live);
    assert_all(blobs, &all[20..], "repacked");
    let usage = blobs.usage().unwrap();
    assert_eq!((usage.packs, usage.packed_bodies), (1, 140));
}

/// The bodies of a pack count as referenced while its lock is held.
pub fn a_locked_pack_is_not_changed(blobs: &dyn Blobs) {
    let all = versions(1, 10);
    let held = pack(blobs, all.iter().map(|bytes| (DeltaGroup(1), bytes)));
    for scope in [CompactionScope::Wasteful, CompactionScope::All] {
        compact(blobs, scope, &[]);
        assert_all(blobs, &all, "held");
    }
    drop(held);
    compact(blobs, CompactionScope::Wasteful, &[]);
    assert_eq!(blobs.usage().unwrap().packed_bodies, 0);
}

/// Joining makes few packs of many, and loses no body.
pub fn joined_packs_have_every_body(blobs: &dyn Blobs) {
    let all = versions(1, 300);
    for part in all.chunks(10) {
        drop(pack(blobs, part.iter().map(|bytes| (DeltaGroup(1), bytes))));
        blobs.join_packs().unwrap();
    }
    assert_all(blobs, &all, "joined");
    let usage = blobs.usage().unwrap();
    assert_eq!(usage.packed_bodies, 300);
    assert!(usage.packs <= 6, "{} packs", usage.packs);
    let wrong = blobs.check_packs(true).unwrap();
    assert_eq!(wrong, [""; 0]);
}

/// A body that is loose and in a pack is read from either.
///
/// If it is removed from one, it remains in the other.
pub fn a_body_can_be_loose_and_packed(blobs: &dyn Blobs) {
    let (id, bytes) = (BlobId::of(b"{}"), b"{}".to_vec());
    blobs.put(id, &bytes).unwrap();
    drop(pack(blobs, [(DeltaGroup(1), &bytes)]));
    blobs.delete(id).unwrap();
    assert_all(blobs, std::slice::from_ref(&bytes), "its pack contains it");
    blobs.put(id, &bytes).unwrap();
    compact(blobs, CompactionScope::Wasteful, &[]);
    assert_all(blobs, std::slice::from_ref(&bytes), "it was put");
}

/// A referenced body is found at any time, whatever is done to packs.
pub fn readers_find_bodies_while_packs_are_rewritten(blobs: &dyn Blobs) {
    let all = versions(1, 60);
    drop(pack(blobs, all.iter().map(|bytes| (DeltaGroup(1), bytes))));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..20_u64 {
                let more = versions(100 + round, 10);
                drop(pack(blobs, more.iter().map(|bytes| (DeltaGroup(2), bytes))));
                match round % 3 {
                    0 => compact(blobs, CompactionScope::All, &all),
                    1 => compact(blobs, CompactionScope::Wasteful, &all),
                    _ => {
                        blobs.join_packs().unwrap();
                        CompactionSummary::default()
                    }
                };
            }
        });
        while !writer.is_finished() {
            assert_all(blobs, &all, "while packs change");
        }
    });
}
