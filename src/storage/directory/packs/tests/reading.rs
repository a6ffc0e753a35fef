//! Reading of packs, whole or damaged.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use super::support::{
    anchor, get, golden, only_file, place, records, versions, write, write_thoroughly, written,
};
use crate::fs::durable::prepare;
use crate::model::id::BlobId;
use crate::storage::directory::copy_search::CopySearch;
use crate::storage::directory::packs::format::PackEntry;
use crate::storage::directory::packs::pack::PackFile;
use crate::storage::directory::packs::pack_set::Packs;
use crate::storage::{CompressionLevel, DeltaGroup};

#[test]
fn the_golden_packs_are_read() {
    for (folder, bodies) in golden() {
        let file = fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
        let (directory, packs) = place();
        prepare(&packs.folder).unwrap();
        fs::copy(file.path(), packs.folder.join(file.file_name())).unwrap();
        packs.look().unwrap();
        for bytes in &bodies {
            assert!(get(&packs, bytes).as_ref() == Some(bytes));
        }
        let [number, count, bytes, _] = packs.usage().unwrap();
        assert_eq!((number, count), (1, bodies.len() as u64));
        assert_eq!(bytes, bodies.iter().map(Vec::len).sum::<usize>() as u64);
        assert_eq!(packs.check(true).unwrap(), [""; 0]);
        drop(directory);
    }
}

#[test]
fn everything_is_found_without_the_index() {
    for (folder, bodies) in golden() {
        let file = fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
        let mut told = PackFile::open(&file.path()).unwrap().entries().unwrap();
        told.sort_by_key(|entry| entry.offset);
        assert_eq!(told.len(), bodies.len());
        // Taken first, because an hour may begin in between.
        let now = chrono::Utc::now();
        let found = PackFile::open_without_index(&file.path()).unwrap().walk();
        let places = |entries: &[PackEntry]| -> Vec<_> {
            let entries = entries.iter();
            entries.map(|entry| (entry.prefix, entry.offset)).collect()
        };
        assert_eq!(places(&found[..told.len()]), places(&told));
        // The times were in the index, so all bodies count as new.
        assert!(found.iter().all(|entry| entry.written.is_after(now)));
    }
}

/// `cargo test write_the_golden_packs -- --ignored`, for a new format only. The old packs stay
/// beside the new ones.
#[test]
#[ignore = "it writes what another test reads"]
fn write_the_golden_packs() {
    for ((folder, bodies), write) in golden().into_iter().zip([write, write_thoroughly]) {
        let (directory, packs) = place();
        write(&packs, &bodies);
        fs::create_dir_all(&folder).unwrap();
        let file = only_file(directory.path());
        fs::copy(&file, folder.join(file.file_name().unwrap())).unwrap();
    }
}

/// A body depends on at most eight others, and every 32nd body on none.
#[test]
fn chains_are_short() {
    let (directory, packs) = place();
    let bodies = versions("long", 100);
    write(&packs, &bodies);
    let pack = PackFile::open(&only_file(directory.path())).unwrap();
    let bytes = fs::read(only_file(directory.path())).unwrap();
    let mut depths = std::collections::BTreeMap::new();
    let mut order = Vec::new();
    for (at, header) in records(&bytes, pack.records.end()) {
        let depth = match usize::try_from(header.back).unwrap() {
            0 => 0,
            back => depths[&(at - back)] + 1,
        };
        depths.insert(at, depth);
        order.push(depth);
    }
    assert_eq!(order.len(), 100);
    assert_eq!(order.iter().max(), Some(&8));
    let full: Vec<usize> = (0..100).filter(|number| order[*number] == 0).collect();
    assert_eq!(full, [0, 32, 64, 96]);
}

/// Similar bodies are stored as deltas, even if other bodies come between them.
#[test]
fn bodies_of_one_delta_group_take_little_space() {
    let size = |group: fn(usize) -> DeltaGroup| {
        let (directory, packs) = place();
        let mut pack = packs.begin(CompressionLevel::Fast, anchor(&packs)).unwrap();
        let mut rng = fastrand::Rng::with_seed(1);
        let mut text = || (0..50).map(|_| rng.u64(..).to_string()).collect::<String>();
        let (one, other) = (versions(&text(), 50), versions(&text(), 50));
        for (number, bytes) in one.iter().zip(&other).flat_map(|(a, b)| [a, b]).enumerate() {
            pack.add(BlobId::of(bytes), bytes, group(number), written())
                .unwrap();
        }
        drop(pack.finish().unwrap());
        fs::metadata(only_file(directory.path())).unwrap().len()
    };
    let (known, unknown) = (
        size(|number| DeltaGroup(number as u64 % 2)),
        size(|number| DeltaGroup(number as u64)),
    );
    assert!(known * 2 < unknown, "{known} bytes, and {unknown} without");
}

/// No flipped byte leads to a wrong body, and the pack is reported as damaged.
#[test]
fn every_flipped_byte_is_found() {
    let (directory, packs) = place();
    let bodies = versions("flipped", 12);
    write(&packs, &bodies);
    let file = only_file(directory.path());
    let bytes = fs::read(&file).unwrap();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(&file, damaged).unwrap();
        let packs = Packs::new(directory.path());
        packs.look().unwrap();
        for body in &bodies {
            assert!(get(&packs, body).is_none_or(|read| read == *body));
        }
        assert_ne!(packs.check(true).unwrap(), [""; 0], "byte {at}");
    }
    fs::write(&file, bytes).unwrap();
    assert_eq!(packs.check(true).unwrap(), [""; 0], "the undamaged pack");
}

#[test]
fn a_truncated_pack_is_reported() {
    let (directory, packs) = place();
    let bodies = versions("cut", 3);
    write(&packs, &bodies);
    let file = only_file(directory.path());
    let bytes = fs::read(&file).unwrap();
    for length in 0..bytes.len() {
        fs::write(&file, &bytes[..length]).unwrap();
        let packs = Packs::new(directory.path());
        packs.look().unwrap();
        let mut search = CopySearch::of(BlobId::of(&bodies[0]));
        let found = packs.find(&mut search);
        assert!(found.is_none() && search.unread.is_some(), "{length} bytes");
        assert_eq!(packs.check(false).unwrap().len(), 1);
    }
}

/// A handle that looks for packs for the first time while another process replaces them.
#[test]
#[expect(clippy::disallowed_methods, reason = "the test replaces packs")]
fn a_body_is_found_while_its_pack_is_replaced() {
    let (directory, packs) = place();
    let bodies = versions("moving", 3);
    write(&packs, &bodies);
    let id = BlobId::of(&bodies[0]);
    let first = only_file(directory.path());
    let folder = packs.folder.clone();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut current = first;
            for number in 0_u32..3000 {
                let copy = folder.join("copy");
                let next = folder.join(format!("{number:064x}.pack"));
                fs::copy(&current, &copy).unwrap();
                fs::rename(&copy, &next).unwrap();
                fs::remove_file(&current).unwrap();
                current = next;
            }
            is_done.store(true, Ordering::Relaxed);
        });
        let (mut looks, mut missing) = (0, 0);
        while !is_done.load(Ordering::Relaxed) {
            let packs = Packs::new(directory.path());
            let mut is_found = false;
            while !is_found && packs.look().unwrap() {
                is_found = packs.find(&mut CopySearch::of(id)).is_some();
            }
            looks += 1;
            missing += u32::from(!is_found);
        }
        assert_eq!(missing, 0, "a body was not found in some of {looks} looks");
    });
}
