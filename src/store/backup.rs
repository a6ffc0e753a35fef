//! Backups of a store, and stores restored from them.

#![expect(clippy::disallowed_types, reason = "it opens the files of a store")]

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::StoreOptions;
use super::admission::refuse_lost;
use super::handle::Store;
use super::location::{INDEX, Location};
use super::remote_files::RemoteFiles;
use super::shared::StoreLocation;
use super::store_url::refuse_url;
use crate::engine::{Depth, VerifyReport};
use crate::fs::io_error::path_error;
use crate::fs::temporary::TemporaryFolder;
use crate::model::error::{Error, OpenError, Result};
use crate::model::id::BlobId;
use crate::model::invalid_argument::InvalidArgument;
use crate::model::progress::{Progress, ProgressAnswer, Reporter};
use crate::storage;
use crate::storage::directory::BlobDirectory;
use crate::storage::directory::copy::CopiedBodies;
use crate::storage::sqlite::SqliteIndex;
use crate::storage::sqlite::body_locks::BodyLocks;
use crate::storage::{Blobs as _, Index as _, Snapshot, StoredBlob};

/// The result of a backup, and of the verification of its copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BackupSummary {
    /// The number of loose bodies and packs that were copied.
    pub copied: u64,
    /// The size of the copied files in bytes.
    pub bytes: u64,
    /// The number of loose bodies and packs that the directory already contained intact.
    pub kept: u64,
    /// The result of verifying the whole backup.
    ///
    /// If it is [clean](VerifyReport::is_clean), the backup is sound.
    pub report: VerifyReport,
}

/// The options of a backup, and of a store that is restored from one.
#[derive(Debug, Default)]
pub struct BackupOptions<'a> {
    progress: Reporter<'a>,
}

impl<'a> BackupOptions<'a> {
    /// Returns the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls a closure as the call advances. A step is a file that was copied or found intact, or
    /// a body of the copy that was verified.
    ///
    /// The closure returns `()`, or a [`ControlFlow`] that can cancel the
    /// call with [`Cancelled`](crate::Error::Cancelled). An earlier backup stays complete, and
    /// the next call continues from there.
    #[must_use]
    pub fn progress<A: ProgressAnswer>(mut self, closure: impl FnMut(Progress) -> A + 'a) -> Self {
        self.progress = Reporter::new(closure);
        self
    }
}

impl Store {
    /// Copies the store, as it is at one moment, to a directory, while others read and write.
    ///
    /// The copy is flushed and then verified as [`verify`](Self::verify) does. The result contains
    /// the report.
    ///
    /// The directory then contains a store, with recorded inputs, settings and what is known of
    /// remotes, but without the secrets of a server. A server creates new secrets there. Open the copy as it is, or create a
    /// store from it with [`restore`](Self::restore).
    ///
    /// If the directory contains an earlier backup of this store, the backup is updated: only what
    /// it lacks is copied. The backup is complete at every moment, and the next call continues an
    /// interrupted one. Nothing is removed from the backup. Bodies that the store no longer
    /// contains disappear when the backup is [repacked](Self::repack). No process may have the
    /// earlier backup open, not even for reading.
    ///
    /// A process must not copy the files of a store that it has open itself. Doing so drops
    /// SQLite's locks on them, and the process may end by SIGBUS when another process commits; see
    /// [`Store`](Store#its-files).
    ///
    /// Of a damaged store, everything that can be read is copied.
    ///
    /// ```
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let (place, backup) = (directory.path().join("store"), directory.path().join("backup"));
    /// use promptbook::Store;
    ///
    /// let store = Store::create(place)?;
    /// let made = store.backup(&backup)?;
    /// assert!(made.report.is_clean());
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`InvalidArgument`](Error::InvalidArgument) if the store is not in a directory, or if the directory
    ///   is inside the store's directory.
    /// - [`MismatchedBackup`](Error::MismatchedBackup), [`NotAStore`](OpenError::NotAStore) or
    ///   [`IndexMissing`](OpenError::IndexMissing) if the directory contains something other than a
    ///   backup of this store.
    /// - [`WithinBatch`](Error::WithinBatch) inside a batch of this store.
    /// - [`Storage`](Error::Storage) if a lock, a read or a write failed. The kind is
    ///   [`Busy`](crate::ErrorKind::Busy) if a process has the earlier backup open.
    ///
    /// After a failure, an earlier backup is unchanged, except that it may contain more bodies. The
    /// next call continues from there.
    pub fn backup(&self, to: impl AsRef<Path>) -> Result<BackupSummary> {
        self.backup_with(to, BackupOptions::new())
    }

    /// Makes a backup as [`backup`](Self::backup) does, with options.
    ///
    /// # Errors
    ///
    /// As [`backup`](Self::backup); [`Cancelled`](Error::Cancelled). An earlier backup is then
    /// complete, either as it was or up to date but not verified. It may contain more bodies. The
    /// next call continues from there.
    pub fn backup_with(
        &self,
        to: impl AsRef<Path>,
        mut options: BackupOptions<'_>,
    ) -> Result<BackupSummary> {
        self.shared().queue.check_not_reentrant()?;
        let progress = &mut options.progress;
        let to = to.as_ref();
        refuse_url(to)?;
        let StoreLocation::Directory {
            location: from,
            index: source_index,
            blobs: source,
        } = &self.shared().place
        else {
            let reason = self.shared().place.reason_against_backups();
            return Err(InvalidArgument::new("backup", &to.to_string_lossy(), reason).into());
        };
        // This fails if the handle is no longer usable.
        drop(self.shared().index.snapshot()?);
        BlobDirectory::prepare(to)?;
        let to = Location::of(to)?;
        refuse_within(from.directory(), to.directory())?;
        refuse_lost(&to)?;
        if exists(to.index())? {
            SqliteIndex::check_unused(to.index())?;
            self.refuse_foreign(
                to.directory(),
                &*reader(to.directory())?.shared().index.snapshot()?,
            )?;
        }
        BlobDirectory::create(to.directory())?;
        let target = BlobDirectory::open(to.directory())?;
        let beside = TemporaryFolder::create(to.directory())?;
        let copy = beside.path().join(INDEX);
        let mut copied = CopiedBodies::default();
        // Until the new index is in place, garbage collection would remove the copied bodies.
        let target_locks = BodyLocks::of(to.directory(), &self.shared().locks)?;
        let target_hold = target_locks.take()?;
        target.check_removable()?;
        if progress.is_watched() {
            let files = source
                .usage()
                .map_or(0, |usage| usage.loose_bodies + usage.packs);
            progress.expect(files + self.body_count());
            progress.report()?;
        }
        // If no process can write the directory, no process removes bodies. Otherwise the lock
        // keeps them until all are copied or open.
        let hold = match crate::fs::permissions::check_writable(from.directory()) {
            Ok(()) => Some(source_index.lock_shared()?),
            Err(_) => None,
        };
        let remotes = RemoteFiles::read(from.directory());
        let remotes = remotes.map_err(path_error("reading the remotes of", from.directory()))?;
        let checkpointed = self.settled_bodies()?;
        source_index.copy(&copy)?;
        let mut packs = source.copy_loose(&target, &mut copied, progress)?;
        drop(hold);
        target.copy_packs(&mut packs, &mut copied, progress)?;
        crate::fs::durable::flush_directory(&to.directory().join("blobs"))?;
        source_index.check_location()?;
        target.check_location()?;
        refuse_missing(&checkpointed, source, &target)?;
        // Until now the earlier backup's index was in place.
        SqliteIndex::replace(&copy, to.index(), |old| {
            self.refuse_foreign(to.directory(), old)
        })?;
        remotes
            .write(to.directory())
            .map_err(path_error("writing the remotes of", to.directory()))?;
        drop((beside, target_hold));
        Ok(BackupSummary {
            copied: copied.files,
            bytes: copied.bytes,
            kept: copied.kept,
            report: reader(to.directory())?.verify_within(Depth::Full, &[], progress)?,
        })
    }

    /// Creates a store in a directory from a backup. The backup is not changed.
    ///
    /// The result contains the report of verifying the new store.
    ///
    /// A backup contains no secrets, so a server creates new ones: the old API key and signed URLs
    /// are not valid for the restored store. To keep them valid, copy the file `secrets` from the
    /// earlier store's directory.
    ///
    /// # Errors
    ///
    /// [`StoreExists`](OpenError::StoreExists) if the directory already contains a store; the errors of
    /// [`open`](Self::open) for the backup; otherwise as [`backup`](Self::backup). A failure may
    /// leave bodies in the directory, and the next call continues from there.
    pub fn restore(backup: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<BackupSummary> {
        Self::restore_with(backup, to, BackupOptions::new())
    }

    /// Creates a store from a backup as [`restore`](Self::restore) does, with options.
    ///
    /// # Errors
    ///
    /// As [`restore`](Self::restore); [`Cancelled`](Error::Cancelled). A cancelled call leaves
    /// bodies in the directory, from which the next call continues, or a complete store that was
    /// not verified.
    pub fn restore_with(
        backup: impl AsRef<Path>,
        to: impl AsRef<Path>,
        options: BackupOptions<'_>,
    ) -> Result<BackupSummary> {
        let (backup, to) = (reader(backup.as_ref())?, to.as_ref());
        refuse_url(to)?;
        if exists(&to.join(INDEX))? {
            Err(OpenError::StoreExists { path: to.into() }.into())
        } else {
            backup.backup_with(to, options)
        }
    }

    fn settled_bodies(&self) -> Result<Vec<BlobId>> {
        let mut checkpointed = Vec::new();
        self.shared()
            .index
            .snapshot()?
            .each_blob(&mut |id, stored, _| {
                checkpointed.extend(matches!(stored, StoredBlob::Settled(_)).then_some(id));
                ControlFlow::Continue(())
            })?;
        Ok(checkpointed)
    }

    /// Refuses an index whose history is not a prefix of this store's history.
    fn refuse_foreign(&self, backup: &Path, theirs: &dyn Snapshot) -> Result<()> {
        let Some((number, id)) = theirs.last_operation()? else {
            return Ok(());
        };
        let ours = self.operations().page(number.checked_add(1), 1)?;
        if ours.first().is_some_and(|ours| ours.id == id) {
            Ok(())
        } else {
            Err(Error::MismatchedBackup {
                path: backup.into(),
                operation: number,
            })
        }
    }
}

/// The number of attempts to find a body in the source.
///
/// While its directory is replaced for a moment, one attempt may miss a body that exists.
const LOOKS: u32 = 5;

/// The pause between two attempts.
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

/// Fails if the source contains an intact body that was not copied.
///
/// Files are found by name, so a directory that was replaced and put back during the copy hid some
/// of them.
fn refuse_missing(ids: &[BlobId], source: &BlobDirectory, target: &BlobDirectory) -> Result<()> {
    source.check_location()?;
    for id in ids {
        if target.holds(*id)? {
            continue;
        }
        for _ in 0..LOOKS {
            match source.get(*id) {
                Ok(Some(_)) => {
                    let reason = format!("the body {id} was not there while the store was copied");
                    return Err(storage::StorageError::new(
                        storage::StorageErrorKind::Replaced,
                        reason,
                    )
                    .into());
                }
                Err(error) if error.kind() == storage::StorageErrorKind::Replaced => {
                    return Err(error.into());
                }
                Ok(None) | Err(_) => std::thread::sleep(BETWEEN_LOOKS),
            }
        }
        // The body is missing or damaged in the source too, which the report will say.
    }
    Ok(source.check_location()?)
}

/// Opens a backup for reading. It may be on a network file system, unlike a store that is written.
fn reader(path: &Path) -> Result<Store, OpenError> {
    let options = StoreOptions::new().read_only(true).allow_network(true);
    options.open(path)
}

/// Returns whether a path exists. If this cannot be found out, it is an error.
fn exists(path: &Path) -> Result<bool> {
    Ok(path.try_exists().map_err(path_error("looking for", path))?)
}

fn refuse_within(store: &Path, to: &Path) -> Result<()> {
    let real = |path: &Path| path.canonicalize().map_err(path_error("looking for", path));
    if real(to)?.starts_with(real(store)?) {
        let reason = format!("it is within the store {}", store.display());
        Err(InvalidArgument::new("backup", &to.to_string_lossy(), reason).into())
    } else {
        Ok(())
    }
}
