//! Damage in a closed store: flipped bits, zeroed blocks and truncated files.
//!
//! Either opening, reading or `verify` reports the damage, or every answer is right, because the
//! byte is not used. A version's body is never another body. The end of the log may be lost
//! silently: SQLite takes everything after a damaged frame for the remains of a crash. The store is
//! then entirely in an earlier state.
//!
//! A read of a damaged row can return wrong data without an error, because SQLite's pages have no
//! checksum. `verify` finds it.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::observed::{Observed, observe};
use crate::script::{Start, options};
use crate::{scratch, starts};

#[derive(Clone, Copy, Debug)]
enum Damage {
    /// This bit of the byte is flipped.
    Bit(u8),
    /// 512 bytes from here on are zero.
    Zeros,
    /// The file ends here.
    Cut,
}

struct Case {
    /// Relative to the store's directory.
    file: PathBuf,
    at: usize,
    damage: Damage,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, at, damage } = self;
        write!(f, "{} at {at}: {damage:?}", file.display())
    }
}

/// A store, and every state that its answers may show.
struct Subject {
    store: PathBuf,
    now: Observed,
    /// Its state after each operation.
    earlier: Vec<Observed>,
}

impl Subject {
    fn of(store: &Path) -> Self {
        let store = store.to_owned();
        let opened = options().open(&store).unwrap();
        let now = observe(opened.as_view()).unwrap();
        let after = |number| observe(&opened.at(number).unwrap()).unwrap();
        let earlier = (0..now.operations.len() as u64).map(after).collect();
        drop(opened);
        Self {
            store,
            now,
            earlier,
        }
    }

    /// Returns all ways in which its files can be damaged, with one flipped bit per byte.
    fn cases(&self) -> Vec<Case> {
        let mut rng = scratch::rng();
        let mut cases = Vec::new();
        for (file, size) in files(&self.store, Path::new("")) {
            let mut add = |at, damage| {
                let file = file.clone();
                cases.push(Case { file, at, damage });
            };
            for at in 0..size {
                add(at, Damage::Bit(rng.u8(..8)));
                // Zeroing and truncating are tried at a few offsets only.
                if at % 512 == 0 {
                    add(at, Damage::Zeros);
                    add(at, Damage::Cut);
                } else if at % 509 == 0 {
                    add(at, Damage::Cut);
                }
            }
        }
        cases
    }

    /// Damages a copy of the store and checks what reading it returns.
    fn withstands(&self, case: &Case) {
        let place = scratch::directory();
        let store = place.path().join("store");
        starts::copy(&self.store, &store);
        let path = store.join(&case.file);
        let mut bytes = fs::read(&path).unwrap();
        match case.damage {
            Damage::Bit(bit) => bytes[case.at] ^= 1 << bit,
            Damage::Zeros => {
                let end = bytes.len().min(case.at + 512);
                bytes[case.at..end].fill(0);
            }
            Damage::Cut => bytes.truncate(case.at),
        }
        fs::write(&path, bytes).unwrap();
        let Some(found) = read(&store) else {
            return;
        };
        let is_log = case.file.ends_with("index.db-wal");
        let is_right = found == self.now || is_log && self.earlier.contains(&found);
        assert!(
            is_right,
            "the damage is not reported, and the answers are wrong: {found:?}"
        );
    }
}

/// Returns everything that can be read from a store, or `None` if it reports damage.
fn read(store: &Path) -> Option<Observed> {
    let store = options().open(store).ok()?;
    let found = observe(store.as_view()).ok()?;
    let report = store.verify().ok()?;
    report.is_clean().then_some(found)
}

/// Returns the files below a directory that are not empty, with their sizes.
fn files(root: &Path, within: &Path) -> Vec<(PathBuf, usize)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join(within)).unwrap() {
        let entry = entry.unwrap();
        let (path, metadata) = (within.join(entry.file_name()), entry.metadata().unwrap());
        if metadata.is_dir() {
            found.extend(files(root, &path));
        } else if !path.to_string_lossy().ends_with("-shm") {
            found.push((path, usize::try_from(metadata.len()).unwrap()));
        }
    }
    found
}

/// Checkpoints the write-ahead log, so that the database file contains everything.
fn checkpoint_wal(store: &Path) {
    let index = store.join("index.db");
    let connection = rusqlite::Connection::open(&index).unwrap();
    let fold = "PRAGMA wal_checkpoint(TRUNCATE)";
    let busy: i64 = connection.query_row(fold, [], |row| row.get(0)).unwrap();
    assert_eq!(busy, 0);
}

pub fn damage_is_reported_or_has_no_effect() {
    for is_folded in [true, false] {
        let place = scratch::directory();
        let store = place.path().join("store");
        starts::place(Start::Closed, &store);
        if is_folded {
            checkpoint_wal(&store);
        }
        let subject = Subject::of(&store);
        let all = subject.cases();
        let number = all.len();
        let tried = scratch::choice(all, 1000);
        println!(
            "{} damages of {number} tried, after a WAL checkpoint: {is_folded}",
            tried.len()
        );
        scratch::all_hold(&tried, |case| subject.withstands(case));
    }
}

/// Control: a reader that does not verify is caught.
pub fn unverified_damage_is_caught() {
    let place = scratch::directory();
    let store = place.path().join("store");
    starts::place(Start::Closed, &store);
    checkpoint_wal(&store);
    let now = Subject::of(&store).now;
    // The message's text, which occurs in its row and in its operation.
    let index = store.join("index.db");
    let mut bytes = fs::read(&index).unwrap();
    let places = bytes.windows(15).enumerate();
    let is_message = |(at, text): (usize, &[u8])| (text == b"Initial version").then_some(at);
    let at: Vec<usize> = places.filter_map(is_message).collect();
    assert!(!at.is_empty());
    for at in at {
        bytes[at] ^= 1;
    }
    fs::write(&index, bytes).unwrap();
    let opened = options().open(&store).unwrap();
    assert_ne!(
        observe(opened.as_view()).unwrap(),
        now,
        "the answers are right"
    );
    drop(opened);
    assert_eq!(read(&store), None, "the damage is not reported");
}
