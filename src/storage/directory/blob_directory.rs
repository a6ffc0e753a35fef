//! [`BlobDirectory`], the blob store of a directory.

use super::removal;
use crate::fs::io_error::path_error;
use crate::fs::nocow;
use std::fs::{self, File};
use std::io::ErrorKind as Io;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::copy_search::CopySearch;
use super::loose::LooseBodies;
use super::packs::Packs;
use crate::fs::durable::prepare;
use crate::fs::folder::Root;
use crate::fs::identity::DirectoryIdentity;
use crate::fs::owner::prepare_within;
use crate::fs::temporary::sweep;
use crate::model::id::BlobId;
use crate::model::verified_bytes::VerifiedBytes;
use crate::storage::{
    BlobUsage, Blobs, CompactionScope, CompactionSummary, CompressionLevel, LiveBodies, LockGuard,
    Pack, StorageResult,
};

/// A blob store in a directory.
#[derive(Debug)]
pub(crate) struct BlobDirectory {
    root: Root,
    pub(super) anchor: DirectoryIdentity,
    pub(super) loose: LooseBodies,
    pub(super) packs: Packs,
}

impl BlobDirectory {
    /// Creates the directory of a store, if it is missing.
    pub(crate) fn prepare(store: &Path) -> StorageResult<()> {
        prepare(store)?;
        nocow::overwrite_in_empty(store);
        Ok(())
    }

    /// Creates the folders of a new store. The caller must flush `store`.
    pub(crate) fn create(store: &Path) -> StorageResult<()> {
        ["blobs", "tmp"].iter().try_for_each(|folder| {
            let folder = store.join(folder);
            prepare_within(&folder)?;
            // The store's directory may have another attribute, meant for the index.
            nocow::copy_on_write(&folder);
            Ok(())
        })
    }

    /// Removes all files of a blob store from this directory, and no file of another name.
    ///
    /// No handle may have it open.
    pub(crate) fn remove(store: &Path) -> std::io::Result<()> {
        removal::remove(store)
    }

    /// Checks whether a store has its folder of bodies.
    pub(crate) fn exists(store: &Path) -> bool {
        store.join("blobs").is_dir()
    }

    /// Checks whether there is any body in this directory, of this store or another.
    pub(crate) fn has_bodies(store: &Path) -> StorageResult<bool> {
        let blobs = store.join("blobs");
        let folders = match fs::read_dir(&blobs) {
            Ok(folders) => folders,
            Err(error) if matches!(error.kind(), Io::NotFound | Io::NotADirectory) => {
                return Ok(false);
            }
            Err(error) => return Err(path_error("listing", &blobs)(error)),
        };
        for folder in folders {
            let folder = folder.map_err(path_error("listing", &blobs))?.path();
            if fs::read_dir(&folder).is_ok_and(|mut files| files.next().is_some()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Opens the blob store of a store.
    pub(crate) fn open(store: &Path) -> StorageResult<Self> {
        Ok(Self {
            root: Root::new(store),
            anchor: DirectoryIdentity::of(store)?,
            loose: LooseBodies::open(store)?,
            packs: Packs::new(store),
        })
    }

    /// Fails if the store's directory is not the one that was opened.
    pub(crate) fn check_location(&self) -> StorageResult<()> {
        self.anchor.holds()
    }
}

impl Blobs for BlobDirectory {
    fn put(&self, id: BlobId, bytes: &[u8]) -> StorageResult<()> {
        self.loose.put(id, bytes)
    }

    fn flush(&self, ids: &[BlobId]) -> StorageResult<()> {
        self.loose.flush(ids)?;
        // The caller removes the bodies from the journal next.
        self.anchor.holds()
    }

    fn get(&self, id: BlobId) -> StorageResult<Option<VerifiedBytes>> {
        let mut search = CopySearch::of(id);
        loop {
            if let Some(bytes) = self.packs.find(&mut search) {
                return Ok(Some(bytes));
            }
            match self.loose.get(id) {
                Ok(Some(copy)) => {
                    if let Some(bytes) = search.accept(copy) {
                        return Ok(Some(bytes));
                    }
                }
                Ok(None) => {}
                Err(error) => search.unread = Some(error),
            }
            // The body may have been packed meanwhile, or moved from one pack to another.
            if !self.packs.look()? {
                // A body is missing only if the directory is the one that was opened.
                self.anchor.holds()?;
                return search.into_error().map_or(Ok(None), Err);
            }
        }
    }

    fn delete(&self, id: BlobId) -> StorageResult<()> {
        self.loose.delete(id)
    }

    fn list(&self, visit: &mut dyn FnMut(BlobId) -> StorageResult<()>) -> StorageResult<()> {
        self.loose.list(visit)
    }

    fn pack(&self, level: CompressionLevel) -> StorageResult<Box<dyn Pack + '_>> {
        self.packs.begin(level, self.anchor.clone())
    }

    fn compact(
        &self,
        scope: CompactionScope,
        young_since: DateTime<Utc>,
        live: &mut LiveBodies<'_>,
    ) -> StorageResult<CompactionSummary> {
        let is_loose = |id| matches!(self.loose.get_intact(id), Ok(Some(_)));
        self.packs.compact(scope, young_since, &is_loose, live)
    }

    fn join_packs(&self) -> StorageResult<()> {
        self.packs.join()
    }

    fn holds(&self, id: BlobId) -> StorageResult<bool> {
        loop {
            if self.packs.holds(id)? || self.loose.holds(id) {
                return Ok(true);
            }
            if !self.packs.look()? {
                // A body is missing only if the directory is the one that was opened.
                self.anchor.holds()?;
                return Ok(false);
            }
        }
    }

    fn check_packs(&self, all: bool) -> StorageResult<Vec<String>> {
        self.packs.check(all)
    }

    fn usage(&self) -> StorageResult<BlobUsage> {
        let (mut loose_bodies, mut loose_bytes) = (0, 0);
        self.loose.list(&mut |id| {
            // Ignore a file that is removed meanwhile.
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
            failure: None,
        })
    }

    fn written(&self, id: BlobId) -> StorageResult<Option<DateTime<Utc>>> {
        self.loose.written(id)
    }

    fn newest(&self) -> StorageResult<Option<DateTime<Utc>>> {
        let mut newest = self.packs.newest()?;
        self.loose.list(&mut |id| {
            newest = newest.max(self.loose.written(id)?);
            Ok(())
        })?;
        Ok(newest)
    }

    fn sweep(&self, _deleted_before: DateTime<Utc>) -> StorageResult<()> {
        sweep(&self.root)
    }

    fn check_removable(&self) -> StorageResult<()> {
        // Bodies are moved and removed only in the store's own folders.
        self.root.open()?.blobs()?;
        Ok(())
    }
}

/// Closing the file releases its lock.
impl LockGuard for File {}

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
            Box::new(BlobDirectory::open(&store).unwrap())
        });
    }

    /// As in a backup by hard links.
    #[cfg(unix)]
    #[test]
    fn a_hard_link_elsewhere_does_not_count_as_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path();
        BlobDirectory::create(store).unwrap();
        let open = || BlobDirectory::open(store).unwrap();
        let (first, second) = (open(), open());
        let id = BlobId::of(b"{}");
        first.put(id, b"{}").unwrap();
        fs::hard_link(first.loose.path(id), store.join("backup")).unwrap();
        second.delete(id).unwrap();
        first.put(id, b"{}").unwrap();
        assert!(first.get(id).unwrap().is_some(), "it was not put again");
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
        let blobs = BlobDirectory::open(&store).unwrap();
        let id = BlobId::of(b"body");
        blobs.put(id, b"body").unwrap();
        assert!(blobs.holds(id).unwrap());
        fs::rename(&store, &aside).unwrap();
        fs::rename(&other, &store).unwrap();
        let error = blobs.holds(id).unwrap_err();
        assert_eq!(
            error.kind(),
            crate::storage::StorageErrorKind::Replaced,
            "{error}"
        );
    }
}
