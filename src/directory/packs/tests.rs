use std::fs;
use std::path::{Path, PathBuf};

use super::format::{Header, MAGIC};
use super::{Pack, Packs};
use crate::backend::{Effort, Extent, Kin};
use crate::directory::prepare;
use crate::id::BlobId;

/// Versions of a prompt, each a word longer.
fn versions(prompt: &str, count: usize) -> Vec<Vec<u8>> {
    let mut text = format!("{{\"prompt\": \"{prompt}\", \"text\": \"").repeat(8);
    let mut next = |number: usize| {
        text.push_str(&format!("word {number} "));
        format!("{text}\"}}").into_bytes()
    };
    (0..count).map(&mut next).collect()
}

fn place() -> (tempfile::TempDir, Packs) {
    let directory = tempfile::tempdir().unwrap();
    prepare(&directory.path().join("tmp")).unwrap();
    prepare(&directory.path().join("blobs")).unwrap();
    let packs = Packs::new(directory.path());
    (directory, packs)
}

fn write(packs: &Packs, bodies: &[Vec<u8>]) {
    let mut pack = packs.begin(Effort::Quick).unwrap();
    for bytes in bodies {
        pack.add(BlobId::of(bytes), bytes, Kin(1)).unwrap();
    }
    drop(pack.finish().unwrap());
    packs.look().unwrap();
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

#[test]
fn the_golden_pack_is_read() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pack");
    let file = fs::read_dir(&golden).unwrap().next().unwrap().unwrap();
    let (directory, packs) = place();
    prepare(&packs.folder).unwrap();
    fs::copy(file.path(), packs.folder.join(file.file_name())).unwrap();
    packs.look().unwrap();
    let bodies = versions("golden", 40);
    for bytes in &bodies {
        assert!(get(&packs, bytes).as_ref() == Some(bytes));
    }
    let [number, count, bytes, _] = packs.usage().unwrap();
    assert_eq!((number, count), (1, 40));
    assert_eq!(bytes, bodies.iter().map(Vec::len).sum::<usize>() as u64);
    assert_eq!(packs.check(true).unwrap(), [""; 0]);
    drop(directory);
}

/// `cargo test write_the_golden_pack -- --ignored`, for a new format only: the old one stays beside it.
#[test]
#[ignore = "it writes what another test reads"]
fn write_the_golden_pack() {
    let (directory, packs) = place();
    write(&packs, &versions("golden", 40));
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pack");
    fs::create_dir_all(&golden).unwrap();
    let file = only_file(directory.path());
    fs::copy(&file, golden.join(file.file_name().unwrap())).unwrap();
}

/// A body hangs on eight others at most, and each 32nd on none.
#[test]
fn chains_are_short() {
    let (directory, packs) = place();
    let bodies = versions("long", 100);
    write(&packs, &bodies);
    let pack = Pack::open(&only_file(directory.path())).unwrap();
    let bytes = fs::read(only_file(directory.path())).unwrap();
    let mut depths = std::collections::BTreeMap::new();
    let (mut at, mut order) = (MAGIC.len(), Vec::new());
    while (at as u64) < pack.records.end() {
        let header = Header::read(&bytes[at..]).unwrap();
        let depth = match usize::try_from(header.back).unwrap() {
            0 => 0,
            back => depths[&(at - back)] + 1,
        };
        depths.insert(at, depth);
        order.push(depth);
        at += header.length + header.stored;
    }
    assert_eq!(order.len(), 100);
    assert_eq!(order.iter().max(), Some(&8));
    let full: Vec<usize> = (0..100).filter(|number| order[*number] == 0).collect();
    assert_eq!(full, [0, 32, 64, 96]);
}

/// What is alike is kept by its differences, also where others came between.
#[test]
fn bodies_of_one_kin_take_little_room() {
    let size = |kin: fn(usize) -> Kin| {
        let (directory, packs) = place();
        let mut pack = packs.begin(Effort::Quick).unwrap();
        let mut rng = fastrand::Rng::with_seed(1);
        let mut text = || (0..50).map(|_| rng.u64(..).to_string()).collect::<String>();
        let (one, other) = (versions(&text(), 50), versions(&text(), 50));
        for (number, bytes) in one.iter().zip(&other).flat_map(|(a, b)| [a, b]).enumerate() {
            pack.add(BlobId::of(bytes), bytes, kin(number)).unwrap();
        }
        drop(pack.finish().unwrap());
        fs::metadata(only_file(directory.path())).unwrap().len()
    };
    let (known, unknown) = (
        size(|number| Kin(number as u64 % 2)),
        size(|number| Kin(number as u64)),
    );
    assert!(known * 2 < unknown, "{known} bytes, and {unknown} without");
}

/// Whichever byte is wrong, no body is read wrong, and the pack is told to be damaged.
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
    assert_eq!(packs.check(true).unwrap(), [""; 0], "the control");
}

#[test]
fn a_pack_that_is_cut_off_is_told() {
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

/// What can't be read is not thrown away with what is dead.
#[test]
fn a_damaged_pack_is_not_compacted_away() {
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
        let compacted = packs.compact(extent, &mut |visit| {
            let mut live = few.iter();
            live.try_for_each(|bytes| visit(BlobId::of(bytes), Kin(1)))
        });
        compacted.unwrap();
        assert!(file.exists(), "{extent:?}");
    }
}

/// What is made anew may be the very file that was there, and must outlast that the work is given up.
#[test]
fn a_compaction_that_is_given_up_leaves_what_was_there() {
    let (directory, packs) = place();
    let bodies = versions("given up", 20);
    write(&packs, &bodies);
    let all = |visit: &mut dyn FnMut(BlobId, Kin) -> crate::Result<()>| {
        let mut live = bodies.iter();
        live.try_for_each(|bytes| visit(BlobId::of(bytes), Kin(1)))
    };
    packs.compact(Extent::All, &mut |visit| all(visit)).unwrap();
    let file = only_file(directory.path());
    packs.compact(Extent::All, &mut |visit| all(visit)).unwrap();
    assert_eq!(only_file(directory.path()), file, "the same again");
    // As where the disk is full once the pack is in its place.
    let mut renewal = super::compact::Renewal::new(&packs);
    let mut old = super::compact::Locked::of_all(&packs.known.load()).unwrap();
    for bytes in &bodies {
        renewal.take(BlobId::of(bytes), Kin(1), &mut old).unwrap();
    }
    renewal.publish().unwrap();
    drop((renewal, old));
    assert_eq!(only_file(directory.path()), file);
    packs.look().unwrap();
    for bytes in &bodies {
        assert!(get(&packs, bytes).as_ref() == Some(bytes));
    }
}

/// One copy of a body may be damaged: the other one is found.
#[test]
fn a_sound_copy_is_found_behind_a_damaged_one() {
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
