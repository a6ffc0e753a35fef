//! Packs to test on, and bodies for them.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::fs::durable::prepare;
use crate::fs::identity::DirectoryIdentity;
use crate::model::id::BlobId;
use crate::model::verified_bytes::VerifiedBytes;
use crate::storage::directory::copy_search::CopySearch;
use crate::storage::directory::packs::format::{GAP, Header, MAGIC};
use crate::storage::directory::packs::pack_set::Packs;
use crate::storage::{CompressionLevel, DeltaGroup};

/// Returns versions of a prompt, each a word longer than the one before.
pub(super) fn versions(prompt: &str, count: usize) -> Vec<Vec<u8>> {
    let mut text = format!("{{\"prompt\": \"{prompt}\", \"text\": \"").repeat(8);
    let mut next = |number: usize| {
        text.push_str(&format!("word {number} "));
        format!("{text}\"}}").into_bytes()
    };
    (0..count).map(&mut next).collect()
}

pub(super) fn anchor(packs: &Packs) -> DirectoryIdentity {
    DirectoryIdentity::of(packs.root.path()).unwrap()
}

pub(super) fn written() -> DateTime<Utc> {
    DateTime::from_timestamp(1_750_000_000, 0).unwrap()
}

pub(super) fn place() -> (tempfile::TempDir, Packs) {
    let directory = tempfile::tempdir().unwrap();
    prepare(&directory.path().join("tmp")).unwrap();
    prepare(&directory.path().join("blobs")).unwrap();
    let packs = Packs::new(directory.path());
    (directory, packs)
}

pub(super) fn write(packs: &Packs, bodies: &[Vec<u8>]) {
    write_by(packs, CompressionLevel::Fast, bodies, |_| DeltaGroup(1));
}

pub(super) fn write_by(
    packs: &Packs,
    level: CompressionLevel,
    bodies: &[Vec<u8>],
    group: fn(u64) -> DeltaGroup,
) {
    let mut pack = packs.begin(level, anchor(packs)).unwrap();
    for (bytes, number) in bodies.iter().zip(0..) {
        pack.add(BlobId::of(bytes), bytes, group(number), written())
            .unwrap();
        assert!(pack.get(BlobId::of(bytes)).unwrap().unwrap().as_bytes() == bytes);
    }
    drop(pack.finish().unwrap());
    packs.look().unwrap();
}

/// Returns enough bodies for a dictionary in a thorough pack: similar prompts of three versions.
pub(super) fn many() -> Vec<Vec<u8>> {
    let prompts = (0..700).map(|prompt| versions(&format!("prompt {prompt} of a house"), 3));
    prompts.flatten().collect()
}

pub(super) fn get(packs: &Packs, bytes: &[u8]) -> Option<Vec<u8>> {
    let found = packs.find(&mut CopySearch::of(BlobId::of(bytes)));
    found.map(VerifiedBytes::into_bytes)
}

pub(super) fn only_file(store: &Path) -> PathBuf {
    let mut files = fs::read_dir(store.join("blobs/packs")).unwrap();
    let file = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none(), "more than one pack");
    file
}

/// A pack of an import, and one that was written thoroughly and has a dictionary.
pub(super) fn golden() -> [(PathBuf, Vec<Vec<u8>>); 2] {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    [
        (folder.join("pack"), versions("golden", 40)),
        (folder.join("pack-with-dictionary"), many()),
    ]
}

pub(super) fn write_thoroughly(packs: &Packs, bodies: &[Vec<u8>]) {
    write_by(packs, CompressionLevel::Best, bodies, |number| {
        DeltaGroup(number / 3)
    });
}

/// Returns the offset and the header of each record of a pack.
pub(super) fn records(bytes: &[u8], end: u64) -> Vec<(usize, Header)> {
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
