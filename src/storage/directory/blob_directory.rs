//! TODO

#[cfg(feature = "server")]
use super::removal;
use crate::fs::in_place;
use crate::fs::io_error::failed;
use std::fs::{self, File};
use std::io::ErrorKind as Io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::loose::LooseBodies;
use super::packs::Packs;
use crate::fs::folder::Root;
use crate::fs::lock::file_lock::FileLock;
use crate::fs::lock::policy::LockPolicy;
use crate::fs::owner::prepare_within;
use crate::fs::place::{Anchor, prepare};
use crate::fs::temporary::sweep;
use crate::model::id::BlobId;
use crate::storage::{
    BlobUsage, Blobs, Compacted, Deadline, Effort, Extent, Hold, LiveBodies, Pack, Result,
};

/// A blob store in a directory.
#[derive(Debug)]
pub(crate) struct BlobDirectory {
    root: Root,
    pub(super) anchor: Anchor,
    pub(super) loose: LooseBodies,
    pub(super) packs: Packs,
    gate: FileLock,
    lock: FileLock,
}

impl BlobDirectory {
    /// Makes the directory of a store, if it is missing.
    pub(crate) fn prepare(store: &Path) -> Result<()> {
        prepare(store)?;
        in_place::overwrite_in_empty(store);
        Ok(())
    }

    /// Makes the folders of a new store. The caller flushes `store`.
    pub(crate) fn create(store: &Path) -> Result<()> {
        ["blobs", "tmp"].iter().try_for_each(|folder| {
            let folder = store.join(folder);
            prepare_within(&folder)?;
            // The store's directory may have another attribute, for the index.
            in_place::copy_on_write(&folder);
            Ok(())
        })
    }

    /// Removes all that a blob store has in this directory, and no file of another name. No handle may have it open.
    #[cfg(feature = "server")]
    pub(crate) fn remove(store: &Path) -> std::io::Result<()> {
        removal::remove(store)
    }

    /// Whether a store has its folder of bodies.
    pub(crate) fn exists(store: &Path) -> bool {
        store.join("blobs").is_dir()
    }

    /// Whether a body lies in this directory, whoever's it is.
    pub(crate) fn has_bodies(store: &Path) -> Result<bool> {
        let blobs = store.join("blobs");
        let folders = match fs::read_dir(&blobs) {
            Ok(folders) => folders,
            Err(error) if matches!(error.kind(), Io::NotFound | Io::NotADirectory) => {
                return Ok(false);
            }
            Err(error) => return Err(failed("listing", &blobs)(error)),
        };
        for folder in folders {
            let folder = folder.map_err(failed("listing", &blobs))?.path();
            if fs::read_dir(&folder).is_ok_and(|mut files| files.next().is_some()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The blob store of a store.
    pub(crate) fn open(store: &Path, policy: &LockPolicy) -> Result<Self> {
        let lock = |name| FileLock::by_name(store.join(name), index_of(store), policy.clone());
        Ok(Self {
            root: Root::new(store),
            anchor: Anchor::of(store)?,
            loose: LooseBodies::open(store)?,
            packs: Packs::new(store),
            gate: lock("blobs.gate"),
            lock: lock("blobs.lock"),
        })
    }

    /// Fails if the store's directory is not the one that was opened.
    pub(crate) fn check_location(&self) -> Result<()> {
        self.anchor.holds()
    }

    /// Holds off everything that would move or remove a body. The holder does neither.
    pub(crate) fn hold_still(&self) -> Result<Box<dyn Hold + '_>> {
        self.take()
    }

    /// Takes the lock, in the order in which all who want it came to the gate.
    fn take(&self) -> Result<Box<dyn Hold + '_>> {
        let deadline = self.lock.policy().deadline();
        let gate = self.gate.lock(deadline)?;
        let lock = self.lock.lock(deadline)?;
        drop(gate);
        // Who holds it puts and removes files by their names.
        self.anchor.holds()?;
        Ok(Box::new(lock))
    }
}

/// The index whose bodies these are: its owner's.
fn index_of(store: &Path) -> PathBuf {
    store.join("index.db")
}

impl Blobs for BlobDirectory {
    fn put(&self, id: BlobId, bytes: &[u8]) -> Result<()> {
        self.loose.put(id, bytes)
    }

    fn flush(&self, ids: &[BlobId]) -> Result<()> {
        self.loose.flush(ids)?;
        // The journal is about to let go of them.
        self.anchor.holds()
    }

    fn get(&self, id: BlobId, accept: &mut dyn FnMut(Vec<u8>) -> bool) -> Result<bool> {
        let mut failed = None;
        loop {
            if self.packs.offer(id, accept, &mut failed) {
                return Ok(true);
            }
            match self.loose.get(id) {
                Ok(Some(bytes)) => {
                    if accept(bytes) {
                        return Ok(true);
                    }
                }
                Ok(None) => {}
                Err(error) => failed = Some(error),
            }
            // It may have been packed since, or been moved from one pack to another.
            if !self.packs.look()? {
                // It is not missing where its directory is.
                self.anchor.holds()?;
                return failed.map_or(Ok(false), Err);
            }
        }
    }

    fn delete(&self, id: BlobId) -> Result<()> {
        self.loose.delete(id)
    }

    fn list(&self, visit: &mut dyn FnMut(BlobId) -> Result<()>) -> Result<()> {
        self.loose.list(visit)
    }

    fn pack(&self, effort: Effort) -> Result<Box<dyn Pack + '_>> {
        self.packs.begin(effort, self.anchor.clone())
    }

    fn compact(
        &self,
        extent: Extent,
        young_since: DateTime<Utc>,
        live: &mut LiveBodies<'_>,
    ) -> crate::Result<Compacted> {
        let is_loose = |id| {
            let body = self.loose.get(id);
            matches!(body, Ok(Some(bytes)) if BlobId::of(&bytes) == id)
        };
        self.packs.compact(extent, young_since, &is_loose, live)
    }

    fn join_packs(&self) -> Result<()> {
        self.packs.join()
    }

    fn holds(&self, id: BlobId) -> Result<bool> {
        loop {
            if self.packs.holds(id)? || self.loose.holds(id) {
                return Ok(true);
            }
            if !self.packs.look()? {
                // It is not missing where its directory is.
                self.anchor.holds()?;
                return Ok(false);
            }
        }
    }

    fn check_packs(&self, all: bool) -> Result<Vec<String>> {
        self.packs.check(all)
    }

    fn usage(&self) -> Result<BlobUsage> {
        let (mut loose_bodies, mut loose_bytes) = (0, 0);
        self.loose.list(&mut |id| {
            // One that goes meanwhile is no concern.
            if let Ok(file) = fs::metadata(self.loose.path(id)) {
                loose_bodies += 1;
                loose_bytes += file.len();
            }
            Ok(())
        })?;
        let [packs, packed_bodies, packed_bytes, pack_bytes] = self.packs.usage()?;
        Ok(BlobUsage {
            loose_bodies,
            loose_bytes,
            packs,
            packed_bodies,
            packed_bytes,
            pack_bytes,
        })
    }

    fn written(&self, id: BlobId) -> Result<Option<DateTime<Utc>>> {
        self.loose.written(id)
    }

    fn newest(&self) -> Result<Option<DateTime<Utc>>> {
        let mut newest = self.packs.newest()?;
        self.loose.list(&mut |id| {
            newest = newest.max(self.loose.written(id)?);
            Ok(())
        })?;
        Ok(newest)
    }

    fn sweep(&self) -> Result<()> {
        sweep(&self.root)
    }

    fn hold(&self) -> Result<Box<dyn Hold + '_>> {
        // No sharing: one who looked into the journal before a body was settled would replace its flushed file
        // by one that nobody flushes.
        self.take()
    }

    fn hold_all(&self) -> Result<Box<dyn Hold + '_>> {
        let hold = self.take()?;
        // Refused before anything is changed: bodies are moved and removed in the store's own folders only.
        self.root.open()?.blobs()?;
        Ok(hold)
    }

    fn close_by(&self, moment: Deadline) {
        self.gate.close_by(moment);
        self.lock.close_by(moment);
    }
}

/// Closing the file releases its lock.
impl Hold for File {}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::storage::testing;

    #[test]
    fn it_passes_the_suite() {
        let directory = tempfile::tempdir().unwrap();
        let made = Cell::new(0);
        testing::blobs::all(&|| {
            made.set(made.get() + 1);
            let store = directory.path().join(made.get().to_string());
            fs::create_dir(&store).unwrap();
            BlobDirectory::create(&store).unwrap();
            Box::new(BlobDirectory::open(&store, &LockPolicy::default()).unwrap())
        });
    }

    /// As a backup by hard links has it.
    #[cfg(unix)]
    #[test]
    fn a_link_elsewhere_does_not_stand_for_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path();
        BlobDirectory::create(store).unwrap();
        let open = || BlobDirectory::open(store, &LockPolicy::default()).unwrap();
        let (first, second) = (open(), open());
        let id = BlobId::of(b"{}");
        first.put(id, b"{}").unwrap();
        fs::hard_link(first.loose.path(id), store.join("backup")).unwrap();
        let hold = second.hold_all().unwrap();
        second.delete(id).unwrap();
        drop(hold);
        first.put(id, b"{}").unwrap();
        assert!(
            first.get(id, &mut |_| true).unwrap(),
            "it was not put again"
        );
    }

    /// Else one who looked into the journal earlier could replace a flushed file by one that nobody flushes.
    #[test]
    fn two_never_settle_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path();
        BlobDirectory::create(store).unwrap();
        let open = || BlobDirectory::open(store, &LockPolicy::default()).unwrap();
        let (first, second) = (open(), open());
        let given = std::sync::atomic::AtomicBool::new(false);
        let held = first.hold().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _second = second.hold().unwrap();
                given.store(true, std::sync::atomic::Ordering::Release);
            });
            std::thread::sleep(std::time::Duration::from_millis(100));
            assert!(
                !given.load(std::sync::atomic::Ordering::Acquire),
                "two settle at once"
            );
            drop(held);
        });
    }

    #[test]
    fn a_body_is_not_missing_in_another_directory() {
        let directory = tempfile::tempdir().unwrap();
        let [store, other, aside] =
            ["store", "other", "aside"].map(|name| directory.path().join(name));
        for directory in [&store, &other] {
            BlobDirectory::prepare(directory).unwrap();
            BlobDirectory::create(directory).unwrap();
        }
        let blobs = BlobDirectory::open(&store, &LockPolicy::default()).unwrap();
        let id = BlobId::of(b"body");
        blobs.put(id, b"body").unwrap();
        assert!(blobs.holds(id).unwrap());
        fs::rename(&store, &aside).unwrap();
        fs::rename(&other, &store).unwrap();
        let error = blobs.holds(id).unwrap_err();
        assert_eq!(error.kind(), crate::storage::ErrorKind::Replaced, "{error}");
    }
}
