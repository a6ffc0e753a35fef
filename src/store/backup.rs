//! Backups of a store, and stores made of them.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::StoreOptions;
use super::handle::{Place, Store, refuse_lost};
use super::location::{INDEX, Location};
use crate::engine::Report;
use crate::fs::io_error::failed;
use crate::fs::temporary::TemporaryFolder;
use crate::model::error::{Error, Result};
use crate::model::id::BlobId;
use crate::model::invalid_argument::Invalid;
use crate::model::record::OperationFilter;
use crate::storage;
use crate::storage::directory::BlobDirectory;
use crate::storage::directory::copy::Copied;
use crate::storage::sqlite::SqliteIndex;
use crate::storage::{Blobs as _, Index as _, Snapshot, StoredBlob};

/// What a backup did, and what was found in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Backup {
    /// Bodies and packs that were copied.
    pub copied: u64,
    /// Bytes of those.
    pub bytes: u64,
    /// Bodies and packs that were there already, and are what they should be.
    pub kept: u64,
    /// What a verification of the whole backup found; [clean](Report::is_clean) where it can be relied on.
    pub report: Report,
}

impl Store {
    /// Copies the store to a directory, as it is at one moment, while others read and write. What is copied is flushed, and
    /// then verified as [`verify`](Self::verify) does; the answer says what was found.
    ///
    /// The directory is then a store itself, with recorded inputs and settings, but without the secrets of a server, which makes
    /// new ones there: open it, or make a store of it by [`restore`](Self::restore). An earlier backup of this store in it is brought up to date: only what it lacks is copied,
    /// it is whole at every moment, and where this is interrupted the next one goes on. Nothing is removed from it; what
    /// it has and the store does not goes by [`repack`](Self::repack) of the backup. No process may have the earlier backup
    /// open, not even to read it.
    ///
    /// A process that copies the files of a store that it has open itself drops SQLite's locks on them, and may be ended by SIGBUS
    /// when another process commits; see [`Store`](Store#its-files).
    ///
    /// A damaged store is copied as far as it can be read. `progress` is told of each pack how many files there are.
    ///
    /// ```
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let (place, backup) = (directory.path().join("store"), directory.path().join("backup"));
    /// use promptbook::Store;
    ///
    /// let store = Store::create(place)?;
    /// let made = store.backup(&backup, |_| ())?;
    /// assert!(made.report.is_clean());
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Invalid`](Error::Invalid) for a store in memory, and for a directory within the store's;
    /// [`ForeignBackup`](Error::ForeignBackup), [`NotAStore`](Error::NotAStore) and [`IndexLost`](Error::IndexLost) where
    /// something else is there; [`Backend`](Error::Backend), and an earlier backup is as it was. Its kind is
    /// [`Busy`](crate::ErrorKind::Busy) if a process has the earlier backup open.
    pub fn backup(&self, to: impl AsRef<Path>, mut progress: impl FnMut(u64)) -> Result<Backup> {
        self.inner.queue.refuse_within()?;
        let to = to.as_ref();
        let Place::Directory {
            location: from,
            index: source_index,
            blobs: source,
        } = &self.inner.place
        else {
            let reason = "a store in memory has no files to copy";
            return Err(Invalid::new("backup", &to.to_string_lossy(), reason).into());
        };
        // A handle that is given up reads no more.
        drop(self.inner.index.snapshot()?);
        BlobDirectory::prepare(to)?;
        let to = Location::of(to)?;
        refuse_within(from.directory(), to.directory())?;
        refuse_lost(&to)?;
        if exists(to.index())? {
            SqliteIndex::check_unused(to.index())?;
            self.refuse_foreign(
                to.directory(),
                &**reader(to.directory())?.inner.index.snapshot()?,
            )?;
        }
        BlobDirectory::create(to.directory())?;
        let target = BlobDirectory::open(to.directory(), &self.inner.locks)?;
        let beside = TemporaryFolder::create(to.directory())?;
        let copy = beside.path().join(INDEX);
        let mut copied = Copied::default();
        // Until the new index is in place, a collection would remove what was copied.
        let target_hold = target.hold_all()?;
        // Where nobody may write, nobody removes bodies. Else they stay until all are copied or open.
        let hold = match crate::fs::place::writable(from.directory()) {
            Ok(()) => Some(source.hold_still()?),
            Err(_) => None,
        };
        let settled = self.settled_bodies()?;
        source_index.copy(&copy)?;
        let mut packs = source.copy_loose(&target, &mut copied)?;
        drop(hold);
        let mut progress = |copied: &Copied| progress(copied.files + copied.kept);
        target.copy_packs(&mut packs, &mut copied, &mut progress)?;
        crate::fs::place::flush_directory(&to.directory().join("blobs"))?;
        source_index.check_location()?;
        target.check_location()?;
        refuse_missing(&settled, source, &target)?;
        // The last step: until now an earlier backup was in its place.
        SqliteIndex::replace(&copy, to.index(), |old| {
            self.refuse_foreign(to.directory(), old)
        })?;
        drop((beside, target_hold));
        Ok(Backup {
            copied: copied.files,
            bytes: copied.bytes,
            kept: copied.kept,
            report: reader(to.directory())?.verify(|_| ())?,
        })
    }

    /// Makes a store in a directory of a backup, which stays as it is; the answer says whether what was made is sound.
    ///
    /// A backup has no secrets, so a server makes new ones: the key that let clients in, and signed URLs, don't work on the
    /// store that is made. The file `secrets`, copied from the earlier store's directory, keeps both.
    ///
    /// # Errors
    ///
    /// [`StoreExists`](Error::StoreExists) where the directory has a store already; those of [`open`](Self::open) for the
    /// backup; else as [`backup`](Self::backup).
    pub fn restore(
        backup: impl AsRef<Path>,
        to: impl AsRef<Path>,
        progress: impl FnMut(u64),
    ) -> Result<Backup> {
        let (backup, to) = (reader(backup.as_ref())?, to.as_ref());
        match exists(&to.join(INDEX))? {
            true => Err(Error::StoreExists { path: to.into() }),
            false => backup.backup(to, progress),
        }
    }

    fn settled_bodies(&self) -> Result<Vec<BlobId>> {
        let mut settled = Vec::new();
        self.inner
            .index
            .snapshot()?
            .each_blob(&mut |id, stored, _| {
                settled.extend(matches!(stored, StoredBlob::Settled(_)).then_some(id));
                Ok(())
            })?;
        Ok(settled)
    }

    /// Refuses an index whose history is not a beginning of this store's.
    fn refuse_foreign(&self, backup: &Path, theirs: &dyn Snapshot) -> Result<()> {
        let Some((number, id)) = theirs.last_operation()? else {
            return Ok(());
        };
        let ours = self.operations(&OperationFilter::default(), number.checked_add(1), 1)?;
        match ours.first().is_some_and(|ours| ours.id == id) {
            true => Ok(()),
            false => Err(Error::ForeignBackup {
                path: backup.into(),
                operation: number,
            }),
        }
    }
}

/// A body of the source is missing if it is at none of these looks: a directory that is exchanged and put back hides it from one.
const LOOKS: u32 = 5;

/// Between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

/// Fails if the source has a body, undamaged, that was not copied. Files are found by name, so a directory that was exchanged and put
/// back meanwhile hides some.
fn refuse_missing(ids: &[BlobId], source: &BlobDirectory, target: &BlobDirectory) -> Result<()> {
    source.check_location()?;
    for id in ids {
        if target.holds(*id)? {
            continue;
        }
        for _ in 0..LOOKS {
            match source.get(*id, &mut |bytes| BlobId::of(&bytes) == *id) {
                Ok(true) => {
                    let reason = format!("the body {id} was not there while the store was copied");
                    return Err(storage::Error::new(storage::ErrorKind::Replaced, reason).into());
                }
                Err(error) if error.kind() == storage::ErrorKind::Replaced => {
                    return Err(error.into());
                }
                Ok(false) | Err(_) => std::thread::sleep(BETWEEN_LOOKS),
            }
        }
        // It is missing or damaged in the source, too: the report says so.
    }
    Ok(source.check_location()?)
}

/// A backup may lie where a store that is written to may not.
fn reader(path: &Path) -> Result<Store> {
    let options = StoreOptions::new().read_only(true).allow_network(true);
    options.open(path)
}

/// Nothing is taken for missing that can't be looked for.
fn exists(path: &Path) -> Result<bool> {
    Ok(path.try_exists().map_err(failed("looking for", path))?)
}

fn refuse_within(store: &Path, to: &Path) -> Result<()> {
    let real = |path: &Path| path.canonicalize().map_err(failed("looking for", path));
    match real(to)?.starts_with(real(store)?) {
        true => {
            let reason = format!("it is within the store {}", store.display());
            Err(Invalid::new("backup", &to.to_string_lossy(), reason).into())
        }
        false => Ok(()),
    }
}
