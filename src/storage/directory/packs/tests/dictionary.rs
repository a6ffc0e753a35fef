//! Dictionaries of thorough packs.

use std::fs;

use chrono::{DateTime, Utc};

use super::support::{get, many, only_file, place, records, write_by, write_thoroughly};
use crate::model::id::BlobId;
use crate::storage::directory::packs::format::GAP;
use crate::storage::directory::packs::pack::PackFile;
use crate::storage::directory::packs::pack_set::Packs;
use crate::storage::{CompactionScope, CompressionLevel, DeltaGroup};

/// A dictionary is made only if it is worth its space.
#[test]
fn many_full_bodies_depend_on_a_dictionary() {
    let bodies = many();
    let written = |write: fn(&Packs, &[Vec<u8>]), bodies: &[Vec<u8>]| {
        let (directory, packs) = place();
        write(&packs, bodies);
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
        write_by(packs, CompressionLevel::Fast, bodies, |number| {
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
        CompactionScope::Wasteful,
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
