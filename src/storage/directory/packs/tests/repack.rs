//! Repacks that meet damage or are abandoned.

use std::fs;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::support::{get, only_file, place, versions, write};
use crate::model::id::BlobId;
use crate::storage::directory::packs::format::Prefix;
use crate::storage::directory::packs::pack::PackFile;
use crate::storage::directory::packs::pack_set::Packs;
use crate::storage::directory::packs::repack_source::RepackSource;
use crate::storage::directory::packs::repacker::Repacker;
use crate::storage::{CompactionScope, DeltaGroup};

/// Returns whether a body of the only pack depends on no other.
fn is_full(store: &Path, bytes: &[u8]) -> bool {
    let pack = PackFile::open(&only_file(store)).unwrap();
    let prefix = Prefix::of(BlobId::of(bytes));
    let entries = pack.entries().unwrap();
    let entry = entries.iter().find(|entry| entry.prefix == prefix).unwrap();
    pack.records.is_full(entry.offset).unwrap()
}

/// The newest version of a prompt is read most.
#[test]
fn the_last_body_of_a_group_depends_on_no_other() {
    let (directory, packs) = place();
    let bodies = versions("newest", 30);
    write(&packs, &bodies);
    let full = |store: &Path, bodies: &[Vec<u8>]| -> Vec<usize> {
        let all = 0..bodies.len();
        all.filter(|at| is_full(store, &bodies[*at])).collect()
    };
    assert_eq!(full(directory.path(), &bodies), [29]);
    // The full body goes first, and then all but a few young ones.
    let mut left = &bodies[..];
    for (scope, young_since, live, expected) in [
        (
            CompactionScope::Wasteful,
            DateTime::<Utc>::MAX_UTC,
            12,
            &[11][..],
        ),
        (CompactionScope::All, DateTime::<Utc>::MAX_UTC, 8, &[7]),
        (CompactionScope::All, DateTime::<Utc>::MIN_UTC, 4, &[3, 7]),
    ] {
        let live = &bodies[..live];
        packs
            .compact(scope, young_since, &|_| false, &mut |visit| {
                let mut live = live.iter();
                live.try_for_each(|bytes| visit(BlobId::of(bytes), DeltaGroup(9)))
            })
            .unwrap();
        if young_since == DateTime::<Utc>::MAX_UTC {
            left = live;
        }
        assert_eq!(full(directory.path(), left), expected, "{scope:?}");
    }
}

/// Bodies that cannot be read are not removed together with unreferenced ones.
#[test]
fn a_damaged_pack_is_not_removed_by_a_repack() {
    let (directory, packs) = place();
    let bodies = versions("damaged", 20);
    write(&packs, &bodies);
    let file = only_file(directory.path());
    let mut bytes = fs::read(&file).unwrap();
    bytes[40] ^= 1;
    fs::write(&file, bytes).unwrap();
    for scope in [CompactionScope::Wasteful, CompactionScope::All] {
        let packs = Packs::new(directory.path());
        let few = &bodies[..4];
        let compacted = packs.compact(scope, DateTime::<Utc>::MAX_UTC, &|_| false, &mut |visit| {
            let mut live = few.iter();
            live.try_for_each(|bytes| visit(BlobId::of(bytes), DeltaGroup(1)))
        });
        compacted.unwrap();
        assert!(file.exists(), "{scope:?}");
    }
}

/// A new pack may be the same file as the old one, which must remain if the repack is abandoned.
#[test]
fn an_abandoned_repack_leaves_the_old_packs() {
    let (directory, packs) = place();
    let bodies = versions("given up", 20);
    write(&packs, &bodies);
    let all = |visit: &mut dyn FnMut(BlobId, DeltaGroup) -> crate::storage::StorageResult<()>| {
        let mut live = bodies.iter();
        live.try_for_each(|bytes| visit(BlobId::of(bytes), DeltaGroup(1)))
    };
    packs
        .compact(
            CompactionScope::All,
            DateTime::<Utc>::MAX_UTC,
            &|_| false,
            &mut |visit| all(visit),
        )
        .unwrap();
    let file = only_file(directory.path());
    packs
        .compact(
            CompactionScope::All,
            DateTime::<Utc>::MAX_UTC,
            &|_| false,
            &mut |visit| all(visit),
        )
        .unwrap();
    assert_eq!(only_file(directory.path()), file, "the same again");
    // As if the disk is full once the pack is in its place.
    let mut repacker = Repacker::new(&packs);
    let mut old = RepackSource::of_all(&packs.known.load(), false).unwrap();
    for bytes in &bodies {
        repacker
            .copy(BlobId::of(bytes), DeltaGroup(1), &|_| false, &mut old)
            .unwrap();
    }
    repacker.publish().unwrap();
    drop((repacker, old));
    assert_eq!(only_file(directory.path()), file);
    packs.look().unwrap();
    for bytes in &bodies {
        assert!(get(&packs, bytes).as_ref() == Some(bytes));
    }
}

/// If one copy of a body is damaged, the other one is found.
#[test]
fn an_intact_copy_is_found_after_a_damaged_one() {
    let (directory, packs) = place();
    let bodies = versions("copied", 5);
    write(&packs, &bodies);
    let file = only_file(directory.path());
    let damage = |file: &Path| {
        let mut bytes = fs::read(file).unwrap();
        bytes[30] ^= 1;
        fs::write(file, bytes).unwrap();
    };
    // The same bodies in another order are another pack.
    let mut again = bodies.clone();
    again.rotate_left(1);
    write(&packs, &again);
    damage(&file);
    for bytes in &bodies {
        assert!(get(&packs, bytes).as_ref() == Some(bytes));
    }
}
