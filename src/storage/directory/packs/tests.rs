use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::super::format::{GAP, Header, MAGIC, PackEntry};
use super::{PackFile, Packs};
use crate::fs::place::{DirectoryIdentity, prepare};
use crate::model::id::BlobId;
use crate::storage::{DeltaGroup, Effort, Extent};

/// Returns versions of a prompt, each a word longer than the one before.
fn versions(prompt: &str, count: usize) -> Vec<Vec<u8>> {
    let mut text = format!("{{\"prompt\": \"{prompt}\", \"text\": \"").repeat(8);
    let mut next = |number: usize| {
        text.push_str(&format!("word {number} "));
        format!("{text}\"}}").into_bytes()
    };
    (0..count).map(&mut next).collect()
}

fn anchor(packs: &Packs) -> DirectoryIdentity {
    DirectoryIdentity::of(packs.root.path()).unwrap()
}

fn written() -> DateTime<Utc> {
    DateTime::from_timestamp(1_750_000_000, 0).unwrap()
}

fn place() -> (tempfile::TempDir, Packs) {
    let directory = tempfile::tempdir().unwrap();
    prepare(&directory.path().join("tmp")).unwrap();
    prepare(&directory.path().join("blobs")).unwrap();
    let packs = Packs::new(directory.path());
    (directory, packs)
}

fn write(packs: &Packs, bodies: &[Vec<u8>]) {
    write_by(packs, Effort::Quick, bodies, |_| DeltaGroup(1));
}

fn write_by(packs: &Packs, effort: Effort, bodies: &[Vec<u8>], kin: fn(u64) -> DeltaGroup) {
    let mut pack = packs.begin(effort, anchor(packs)).unwrap();
    for (bytes, number) in bodies.iter().zip(0..) {
        pack.add(BlobId::of(bytes), bytes, kin(number), written())
            .unwrap();
        assert!(pack.get(BlobId::of(bytes)).unwrap().as_ref() == Some(bytes));
    }
    drop(pack.finish().unwrap());
    packs.look().unwrap();
}

/// Returns enough bodies for a dictionary in a thorough pack: similar prompts of three versions.
fn many() -> Vec<Vec<u8>> {
    let prompts = (0..700).map(|prompt| versions(&format!("prompt {prompt} of a house"), 3));
    prompts.flatten().collect()
}

fn get(packs: &Packs, bytes: &[u8]) -> Option<Vec<u8>> {
    let (id, mut sound) = (BlobId::of(bytes), None);
    packs.offer(
        id,
        &mut |bytes| {
            sound = (BlobId::of(&bytes) == id).then_some(bytes);
            sound.is_some()
        },
        &mut None,
    );
    sound
}

fn only_file(store: &Path) -> PathBuf {
    let mut files = fs::read_dir(store.join("blobs/packs")).unwrap();
    let file = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none(), "more than one pack");
    file
}

/// A pack of an import, and one that was written thoroughly and has a dictionary.
fn golden() -> [(PathBuf, Vec<Vec<u8>>); 2] {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    [
        (folder.join("pack"), versions("golden", 40)),
        (folder.join("pack-with-dictionary"), many()),
    ]
}

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
        let found = PackFile::open_without_index(&file.path()).unwrap().walk();
        let places = |entries: &[PackEntry]| -> Vec<_> {
            let entries = entries.iter();
            entries.map(|entry| (entry.prefix, entry.offset)).collect()
        };
        assert_eq!(places(&found[..told.len()]), places(&told));
        // The times were in the index, so all bodies count as new.
        let now = chrono::Utc::now();
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
    let size = |kin: fn(usize) -> DeltaGroup| {
        let (directory, packs) = place();
        let mut pack = packs.begin(Effort::Quick, anchor(&packs)).unwrap();
        let mut rng = fastrand::Rng::with_seed(1);
        let mut text = || (0..50).map(|_| rng.u64(..).to_string()).collect::<String>();
        let (one, other) = (versions(&text(), 50), versions(&text(), 50));
        for (number, bytes) in one.iter().zip(&other).flat_map(|(a, b)| [a, b]).enumerate() {
            pack.add(BlobId::of(bytes), bytes, kin(number), written())
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
        let mut failed = None;
        let id = BlobId::of(&bodies[0]);
        let offered = packs.offer(id, &mut |bytes| BlobId::of(&bytes) == id, &mut failed);
        assert!(!offered && failed.is_some(), "{length} bytes");
        assert_eq!(packs.check(false).unwrap().len(), 1);
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
    for extent in [Extent::Wasteful, Extent::All] {
        let packs = Packs::new(directory.path());
        let few = &bodies[..4];
        let compacted = packs.compact(extent, DateTime::<Utc>::MAX_UTC, &|_| false, &mut |visit| {
            let mut live = few.iter();
            live.try_for_each(|bytes| visit(BlobId::of(bytes), DeltaGroup(1)))
        });
        compacted.unwrap();
        assert!(file.exists(), "{extent:?}");
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
            Extent::All,
            DateTime::<Utc>::MAX_UTC,
            &|_| false,
            &mut |visit| all(visit),
        )
        .unwrap();
    let file = only_file(directory.path());
    packs
        .compact(
            Extent::All,
            DateTime::<Utc>::MAX_UTC,
            &|_| false,
            &mut |visit| all(visit),
        )
        .unwrap();
    assert_eq!(only_file(directory.path()), file, "the same again");
    // As if the disk is full once the pack is in its place.
    let mut renewal = super::super::repacker::Repacker::new(&packs);
    let mut old =
        super::super::repack_source::RepackSource::of_all(&packs.known.load(), false).unwrap();
    for bytes in &bodies {
        renewal
            .take(BlobId::of(bytes), DeltaGroup(1), &|_| false, &mut old)
            .unwrap();
    }
    renewal.publish().unwrap();
    drop((renewal, old));
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

fn write_thoroughly(packs: &Packs, bodies: &[Vec<u8>]) {
    write_by(packs, Effort::Thorough, bodies, |number| {
        DeltaGroup(number / 3)
    });
}

/// Returns the offset and the header of each record of a pack.
fn records(bytes: &[u8], end: u64) -> Vec<(usize, Header)> {
    let (mut at, mut records) = (MAGIC.len(), Vec::new());
    while (at as u64) < end {
        let header = Header::read(&bytes[at..]).unwrap();
        records.push((at, header));
        at += header.length + header.stored;
        if header.is_dictionary() && bytes[at..].starts_with(&[0; GAP]) {
            at += GAP;
        }
    }
    records
}

/// A dictionary is made only if it is worth its space.
#[test]
fn many_full_bodies_depend_on_a_dictionary() {
    let bodies = many();
    let written = |effort: fn(&Packs, &[Vec<u8>]), bodies: &[Vec<u8>]| {
        let (directory, packs) = place();
        effort(&packs, bodies);
        for bytes in bodies {
            assert!(get(&packs, bytes).as_ref() == Some(bytes));
        }
        assert_eq!(packs.check(true).unwrap(), [""; 0]);
        let file = only_file(directory.path());
        let bytes = fs::read(&file).unwrap();
        let records = records(&bytes, PackFile::open(&file).unwrap().records.end());
        let dictionaries = records.iter().filter(|(_, header)| header.is_dictionary());
        (dictionaries.count(), bytes.len())
    };
    let quick = |packs: &Packs, bodies: &[Vec<u8>]| {
        write_by(packs, Effort::Quick, bodies, |number| {
            DeltaGroup(number / 3)
        });
    };
    let (none, without) = written(quick, &bodies);
    let (two, with) = written(write_thoroughly, &bodies);
    assert_eq!((none, two), (0, 2));
    assert!(with * 4 < without * 3, "{with} bytes, {without} without");
    let (none, _) = written(write_thoroughly, &bodies[..2000]);
    assert_eq!(none, 0, "few bodies");
}

/// Any damage to the dictionary in use is repaired by its copy. If both are damaged, no body is
/// read wrong.
#[test]
fn a_damaged_dictionary_loses_no_body() {
    let (directory, packs) = place();
    let bodies = many();
    write_thoroughly(&packs, &bodies);
    let file = only_file(directory.path());
    let bytes = fs::read(&file).unwrap();
    let records = records(&bytes, packs.known.load().packs[0].records.end());
    let [(copy, _), (used, header), ..] = records[..] else {
        panic!("no records");
    };
    let some = [&bodies[0], &bodies[3], &bodies[2000]];
    let read = |damaged: &[u8]| -> Vec<bool> {
        fs::write(&file, damaged).unwrap();
        let packs = Packs::new(directory.path());
        packs.look().unwrap();
        assert_ne!(packs.check(true).unwrap(), [""; 0]);
        let sound = some.iter().map(|body| {
            let read = get(&packs, body);
            read.map(|read| assert!(read == **body)).is_some()
        });
        sound.collect()
    };
    let end = used + header.length + header.stored;
    let all = (used..end).filter(|at| *at < used + 40 || at % 97 == 0 || *at + 40 > end);
    for at in all {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        assert_eq!(read(&damaged), [true; 3], "byte {at}");
    }
    // Records that depend on the dictionary follow it, and must not be hit.
    for sector in (copy..end).step_by(64) {
        let mut damaged = bytes.clone();
        damaged[sector..end.min(sector + GAP)].fill(0);
        assert_eq!(read(&damaged), [true; 3], "a sector at {sector}");
    }
    let mut damaged = bytes.clone();
    damaged[copy + 100] ^= 1;
    assert_eq!(read(&damaged), [true; 3], "the copy alone");
    damaged[used + 100] ^= 1;
    assert_eq!(read(&damaged), [false; 3], "both");
}

/// In a joined pack, bodies still depend on their dictionary. In a quick repack, full bodies are
/// stored alone.
#[test]
fn dictionaries_survive_a_join() {
    let (directory, packs) = place();
    let bodies = many();
    write_thoroughly(&packs, &bodies);
    let others: Vec<_> = bodies
        .iter()
        .map(|body| [body, &b" "[..]].concat())
        .collect();
    write_thoroughly(&packs, &others);
    packs.join().unwrap();
    let file = only_file(directory.path());
    let sound = |packs: &Packs, bodies: &[Vec<u8>]| {
        for bytes in bodies {
            assert!(get(packs, bytes).as_ref() == Some(bytes));
        }
        assert_eq!(packs.check(true).unwrap(), [""; 0]);
    };
    sound(&packs, &bodies);
    sound(&packs, &others);
    let joined = fs::metadata(&file).unwrap().len();
    let live = &bodies[..900];
    let compacted = packs.compact(
        Extent::Wasteful,
        DateTime::<Utc>::MAX_UTC,
        &|_| false,
        &mut |visit| {
            let mut live = live.iter();
            live.try_for_each(|bytes| visit(BlobId::of(bytes), DeltaGroup(1)))
        },
    );
    assert_eq!(compacted.unwrap().bodies as usize, 2 * bodies.len() - 900);
    sound(&packs, live);
    let file = only_file(directory.path());
    let bytes = fs::read(&file).unwrap();
    assert!((bytes.len() as u64) < joined);
    let records = records(&bytes, packs.known.load().packs[0].records.end());
    let full = records.iter().filter(|(_, header)| header.back == 0);
    assert_eq!(
        full.count(),
        300,
        "each prompt's versions are one delta group"
    );
}
