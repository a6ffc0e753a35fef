//! Replacement of a store's index by one in which other operations come before its own.
//!
//! It is the only change of a history that exists. The new index is built and verified beside the
//! old one, and takes its place while no process has the store open.

#![expect(clippy::disallowed_types, reason = "it opens the files of a store")]

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::StoreOptions;
use super::bundle::ExportOptions;
use super::handle::Store;
use super::location::{INDEX, Location, PREVIOUS_INDEX};
use super::secrets::InMemorySecrets;
use super::shared::StoreLocation;
use crate::engine::{Bundle, BundleRules, Depth};
use crate::fs::io_error::path_error;
use crate::fs::temporary::TemporaryFolder;
use crate::model::error::{OpenError, Result};
use crate::model::id::VersionId;
use crate::model::invalid_argument::InvalidArgument;
use crate::model::log_position::LogPosition;
use crate::model::progress::Reporter;
use crate::model::version_number::VersionNumber;
use crate::storage::directory::BlobDirectory;
use crate::storage::sqlite::body_locks::BodyLocks;
use crate::storage::sqlite::{OpenMode, SqliteIndex};
use crate::storage::{Snapshot, StorageError, StorageErrorKind};

/// The result of a rebase.
#[derive(Debug)]
pub(crate) struct RebaseSummary {
    /// The index as it was before. With the store's other files, it is a store.
    pub(crate) previous: PathBuf,
}

impl Store {
    /// Replaces the index by one in which the operations of a bundle come before the store's own.
    ///
    /// The bundle begins after `common`, which both have. Its operations keep their ids. The store's
    /// own operations after `common` keep their content, except that versions get the given numbers.
    ///
    /// This takes the handle: no process, this one included, may have the store open when the new
    /// index takes the place of the old one. A crash leaves the old index or the new one.
    ///
    /// # Errors
    ///
    /// [`MergeConflict`](crate::Error::MergeConflict) if an own operation contradicts those of the bundle.
    /// A storage error of the kind [`Busy`](crate::ErrorKind::Busy) if a process has the store open,
    /// or has written to it meanwhile. The store is then as it was.
    pub(crate) fn rebase(
        self,
        theirs: impl Read + Seek,
        common: LogPosition,
        numbers: HashMap<VersionId, VersionNumber>,
    ) -> Result<RebaseSummary> {
        let StoreLocation::Directory { location, .. } = &self.shared().place else {
            let reason = "only the index of a store in a directory can be replaced";
            return Err(InvalidArgument::new("store", "", reason).into());
        };
        let location = location.clone();
        self.checkpoint()?;
        // No body may be removed until the new index, which refers to it, is in place.
        let locks = BodyLocks::of(location.directory(), &self.shared().locks)?;
        let held = locks.take()?;
        let beside = TemporaryFolder::create(location.directory())?;
        let copy = beside.path().join(INDEX);
        let rebuilt = NewIndex::create(&self, &location, beside.path())?;
        let last = self.position()?;
        rebuilt.fill(&self, theirs, common, numbers)?;
        let previous = location.index().with_file_name(PREVIOUS_INDEX);
        // Its outstanding work needs the lock that is held here, and the next handle does it.
        self.abandon();
        drop(self);
        SqliteIndex::replace_and_keep(&copy, location.index(), &previous, |old| {
            rebuilt.finish(old, last, &copy)
        })?;
        drop((held, beside));
        Ok(RebaseSummary { previous })
    }
}

/// A new index beside the one of a store, with the same blob directory.
struct NewIndex {
    store: Store,
    index: Arc<SqliteIndex>,
    /// The folder of its files.
    folder: PathBuf,
}

impl NewIndex {
    fn create(old: &Store, location: &Location, folder: PathBuf) -> Result<Self> {
        let policy = &old.shared().locks;
        let settings = old.settings();
        let path = folder.join("new.db");
        SqliteIndex::create::<OpenError>(&path, settings, policy, || Ok(()))?;
        let probed = SqliteIndex::probe(&path, OpenMode::Write, policy)?;
        // Its locks on bodies are in its own folder: the caller holds those of the store.
        let index = SqliteIndex::open(&path, OpenMode::Write, probed, policy)?;
        let index = Arc::new(index);
        let blobs = BlobDirectory::open(location.directory())?;
        let place = StoreLocation::Given {
            secrets: InMemorySecrets::default(),
        };
        let mut options = StoreOptions::new();
        options.locks = policy.clone();
        let of_store = Arc::clone(&index);
        let store = options.join(of_store, Arc::new(blobs), settings, place);
        Ok(Self {
            store,
            index,
            folder,
        })
    }

    /// Appends the common operations, those of the bundle and the own ones, and verifies the result.
    fn fill(
        &self,
        old: &Store,
        theirs: impl Read + Seek,
        common: LogPosition,
        numbers: HashMap<VersionId, VersionNumber>,
    ) -> Result<()> {
        let progress = &mut Reporter::default();
        let mut theirs = Bundle::open(theirs, progress)?;
        let mut own = self.own_bundle(old, common)?;
        let snapshot = old.shared().index.snapshot()?;
        self.store.batch(|batch| {
            let writer = batch.writer();
            writer.adopt_bodies(&*snapshot)?;
            writer.replay(&*snapshot, common)?;
            writer.import_bundle(&mut theirs, &BundleRules::default(), progress)?;
            let rules = BundleRules {
                numbers,
                ..BundleRules::default()
            };
            writer.import_bundle(&mut own, &rules, progress)?;
            Ok(())
        })?;
        let report = self.store.verify_within(Depth::Quick, &[], progress)?;
        match report.violations.first() {
            None => Ok(()),
            Some(violation) => {
                let reason = format!("the new index is not sound: {violation}");
                Err(StorageError::new(StorageErrorKind::Corrupt, reason).into())
            }
        }
    }

    fn own_bundle(&self, old: &Store, common: LogPosition) -> Result<Bundle<File>> {
        let path = self.folder.join("own.bundle");
        let failed = || path_error("writing", &path);
        let mut file = File::options()
            .create_new(true)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(failed())?;
        let options = ExportOptions::new().after(common).unlocked();
        old.export_bundle_with(&mut file, options)?;
        file.rewind().map_err(failed())?;
        Bundle::open(file, &mut Reporter::default())
    }

    /// Completes the new index under the lock of the old one, which must be as it was, and copies it
    /// to one file.
    fn finish(self, old: &dyn Snapshot, last: LogPosition, to: &Path) -> Result<()> {
        if LogPosition::after_last(old.last_operation()?) != last {
            let reason = "the store was written while its history was rebuilt; nothing was changed";
            return Err(StorageError::new(StorageErrorKind::Busy, reason).into());
        }
        // They are no operations, so they may have been added since.
        self.store.batch(|batch| batch.writer().adopt_inputs(old))?;
        self.index.copy(to)?;
        self.store.abandon();
        Ok(())
    }
}
