//! Opening and creation of stores: the probe of the files, and the assembly of the handle.

#![expect(clippy::disallowed_types, reason = "it opens the files of a store")]

use std::path::Path;
use std::sync::Arc;

use super::StoreOptions;
use super::admission::{readable, refuse_lost, unopened};
use super::handle::Store;
use super::location::{INDEX, Location, PREVIOUS_INDEX};
use super::remote_files;
use super::secrets::InMemorySecrets;
#[cfg(feature = "cli")]
use super::shared::LastTransaction;
use super::shared::{MemoryParts, StoreLocation, StoreShared};
use super::store_url::refuse_url;
use crate::engine::{BodyReader, MaintenanceWorker, ResolvedSpecs, WriteQueue};
use crate::fs::durable;
use crate::fs::io_error::path_error;
use crate::model::error::{Error, ErrorKind, OpenError, Result};
use crate::model::id::EnvironmentName;
use crate::model::log_position::LogPosition;
use crate::model::record::Settings;
use crate::storage::directory;
use crate::storage::directory::BlobDirectory;
use crate::storage::sqlite;
use crate::storage::sqlite::{IndexFile, OpenMode, Probe, SqliteIndex};
use crate::storage::{Blobs, Index, MemoryBlobs, MemoryIndex, StorageError, StorageErrorKind};

impl Store {
    /// Opens the store in a directory.
    ///
    /// # Errors
    ///
    /// - [`NotAStore`](OpenError::NotAStore) if the directory does not exist or contains no store.
    /// - [`NewerFormat`](OpenError::NewerFormat) or [`UnreleasedFormat`](OpenError::UnreleasedFormat) if
    ///   this release does not read the store's format.
    /// - [`NetworkFilesystem`](OpenError::NetworkFilesystem), [`NotWritable`](OpenError::NotWritable), or
    ///   [`SqliteTooOld`](OpenError::SqliteTooOld).
    /// - An error of the kind [`Corrupt`](crate::ErrorKind::Corrupt) if the store is damaged, or if
    ///   its index is missing ([`IndexMissing`](OpenError::IndexMissing)). [`StoreOptions::verify`] reports
    ///   what is wrong with it.
    /// - [`Storage`](OpenError::Storage) if a lock, a read or a write failed.
    ///
    /// A failure leaves the store's contents unchanged.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        StoreOptions::new().open(path)
    }

    /// Creates a store in a directory. The directory is created if it does not exist.
    ///
    /// # Errors
    ///
    /// [`StoreExists`](OpenError::StoreExists) if the directory contains a store, otherwise as
    /// [`open`](Self::open). A failure may leave a directory and an unfinished store, which a later
    /// call completes.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        StoreOptions::new().create(path)
    }

    /// Opens the store in a directory, or creates one if there is none.
    ///
    /// Several processes may call this at the same time.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open). A failure may leave a directory and an unfinished store, which a
    /// later call completes.
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        StoreOptions::new().open_or_create(path)
    }

    /// Creates a store in memory. It ends with its last clone.
    ///
    /// # Errors
    ///
    /// There are none today. The signature allows for later ones.
    pub fn in_memory() -> Result<Self, OpenError> {
        StoreOptions::new().in_memory()
    }

    /// Removes the store in a directory: all its files, and no files of other names.
    ///
    /// This cannot be undone. The caller must ensure that no process has the store open; a handle
    /// that is still open refuses all further work. The directory itself remains. If it contains no
    /// store, the call removes what an interrupted removal left.
    ///
    /// ```
    /// use promptbook::Store;
    ///
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let directory = directory.path().join("prompts");
    /// drop(Store::create(&directory)?);
    /// Store::remove(&directory)?;
    /// assert!(directory.read_dir().unwrap().next().is_none());
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Storage`](crate::Error::Storage) if a file cannot be removed. The index is removed last, so a
    /// store that was removed in part opens as a damaged one, and the call can be repeated.
    pub fn remove(path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        refuse_url(path)?;
        let remove = || {
            BlobDirectory::remove(path)?;
            directory::remove_secrets(path)?;
            remote_files::remove(path)?;
            durable::remove(&path.join(PREVIOUS_INDEX))?;
            SqliteIndex::remove(&path.join(INDEX))
        };
        Ok(remove().map_err(path_error("removing the store in", path))?)
    }
}

impl StoreOptions {
    /// Opens the store in a directory with these options.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Store, OpenError> {
        let path = path.as_ref();
        refuse_url(path)?;
        let location = Location::of(path)?;
        let purpose = self.admit(path, &location)?;
        let probed = SqliteIndex::probe(location.index(), purpose, &self.locks)?;
        match readable(path, probed.found)? {
            IndexFile::Index(format) => {
                self.bring_up_to_date(&location, purpose, format)?;
                self.wire(location, purpose, probed)
            }
            IndexFile::Nothing | IndexFile::Foreign | IndexFile::Unreleased(_) => {
                Err(unopened(path, &location, probed)?)
            }
        }
    }

    /// Migrates an older format, for a handle that only reads.
    ///
    /// Opening for writing migrates as well.
    fn bring_up_to_date(
        &self,
        location: &Location,
        purpose: OpenMode,
        format: u32,
    ) -> Result<(), OpenError> {
        match purpose {
            OpenMode::Read if format < sqlite::FORMAT => self.wire_new(location.clone()).map(drop),
            OpenMode::ReadUnwritable if format < sqlite::FORMAT => Err(OpenError::NotWritable {
                path: location.directory().into(),
                source: std::io::ErrorKind::PermissionDenied.into(),
            }),
            _ => Ok(()),
        }
    }

    /// Creates a store in a directory with these options.
    ///
    /// The directory is created if it does not exist.
    ///
    /// # Errors
    ///
    /// As [`Store::create`].
    pub fn create(&self, path: impl AsRef<Path>) -> Result<Store, OpenError> {
        let path = path.as_ref();
        refuse_url(path)?;
        let list = self.environment_list()?;
        match self.make(path)? {
            (location, IndexFile::Nothing) => begun(self.wire_new(location)?, list),
            (_, IndexFile::Index(_)) => Err(OpenError::StoreExists { path: path.into() }),
            (location, IndexFile::Foreign | IndexFile::Unreleased(_)) => {
                Err(self.foreign(path, &location)?)
            }
        }
    }

    /// Opens the store in a directory with these options, or creates one if there is none.
    ///
    /// # Errors
    ///
    /// As [`Store::open_or_create`].
    pub fn open_or_create(&self, path: impl AsRef<Path>) -> Result<Store, OpenError> {
        let path = path.as_ref();
        refuse_url(path)?;
        let list = self.environment_list()?.filter(|_| !self.read_only);
        if self.read_only || path.join(INDEX).exists() {
            match self.open(path) {
                // The files may be from an interrupted creation.
                Err(OpenError::NotAStore { .. }) if !self.read_only => {}
                opened => return begun(opened?, list),
            }
        }
        match self.make(path)? {
            (location, IndexFile::Nothing | IndexFile::Index(_)) => {
                begun(self.wire_new(location)?, list)
            }
            (location, IndexFile::Foreign | IndexFile::Unreleased(_)) => {
                Err(self.foreign(path, &location)?)
            }
        }
    }

    /// Creates a store in memory with these options.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](OpenError::InvalidArgument) if the [environment list](Self::environments)
    /// is not accepted.
    pub fn in_memory(&self) -> Result<Store, OpenError> {
        let list = self.environment_list()?;
        let settings = self.settings();
        let store = self.join_memory(MemoryParts {
            settings,
            index: Arc::new(MemoryIndex::new(settings)),
            blobs: Arc::new(MemoryBlobs::new()),
            secrets: Arc::default(),
        });
        begun(store, list)
    }

    /// Opens a store on an index and a blob store of other kinds than this crate's own.
    ///
    /// The store has the settings of the index; if that has no operation, the first one sets the
    /// [environment list](Self::environments). It needs no directory: options that concern files
    /// have no effect. The caller must ensure that every handle of the index is opened together with
    /// the same blob store.
    ///
    /// The module [`storage::testing`](crate::storage), with the feature `testing`, contains the
    /// suites that an index and a blob store must pass.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use promptbook::storage::{MemoryBlobs, MemoryIndex};
    /// use promptbook::{Settings, StoreOptions};
    ///
    /// let index = Arc::new(MemoryIndex::new(Settings::default()));
    /// let store = StoreOptions::new().open_with(index, Arc::new(MemoryBlobs::new()))?;
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Storage`](OpenError::Storage) if the settings cannot be read from the index, or the environment
    /// list cannot be set; [`InvalidArgument`](OpenError::InvalidArgument) if that list is not accepted.
    /// A failure changes nothing.
    pub fn open_with(
        &self,
        index: Arc<dyn Index>,
        blobs: Arc<dyn Blobs>,
    ) -> Result<Store, OpenError> {
        let list = self.environment_list()?;
        let settings = index.snapshot()?.settings()?;
        let place = StoreLocation::Given {
            secrets: InMemorySecrets::default(),
        };
        begun(self.join(index, blobs, settings, place), list)
    }

    pub(super) fn join_memory(&self, memory: MemoryParts) -> Store {
        let (index, blobs) = (Arc::clone(&memory.index), Arc::clone(&memory.blobs));
        self.join(index, blobs, memory.settings, StoreLocation::Memory(memory))
    }

    /// Creates the missing parts of a store.
    ///
    /// Returns the location, and the kind of index file that was there before.
    fn make(&self, path: &Path) -> Result<(Location, IndexFile), OpenError> {
        BlobDirectory::prepare(path)?;
        let location = Location::of(path)?;
        let directory = location.directory();
        self.refuse_network(&location)?;
        if let Err(source) = crate::fs::permissions::check_writable(directory) {
            return Err(OpenError::NotWritable {
                path: path.into(),
                source,
            });
        }
        refuse_lost(&location)?;
        let (index, settings) = (location.index(), self.settings());
        let found = SqliteIndex::create(index, settings, &self.locks, || {
            if BlobDirectory::has_bodies(directory)? {
                let left = "a directory of bodies";
                return Err(OpenError::IndexMissing {
                    path: path.into(),
                    left,
                });
            }
            BlobDirectory::create(directory)?;
            Ok(crate::fs::durable::flush_directory(directory)?)
        })?;
        readable(path, found).map(|found| (location, found))
    }

    /// Returns the error for a directory that contains another file with the index's name.
    fn foreign(&self, path: &Path, location: &Location) -> Result<OpenError, OpenError> {
        let probed = SqliteIndex::probe(location.index(), OpenMode::Read, &self.locks)?;
        unopened(path, location, probed)
    }

    /// Opens an index that is known to have a format that this release reads.
    fn wire_new(&self, location: Location) -> Result<Store, OpenError> {
        let probed = SqliteIndex::probe(location.index(), OpenMode::Write, &self.locks)?;
        self.wire(location, OpenMode::Write, probed)
    }

    fn wire(
        &self,
        location: Location,
        purpose: OpenMode,
        probed: Probe,
    ) -> Result<Store, OpenError> {
        let index = SqliteIndex::open(location.index(), purpose, probed, &self.locks)?
            .with_bodies_in(location.directory())?;
        let index = Arc::new(index);
        let settings = index.snapshot()?.settings()?;
        let blobs = Arc::new(BlobDirectory::open(location.directory())?);
        // Index and blobs are opened by name, and the directory may have been replaced in between.
        index.check_location()?;
        let place = StoreLocation::Directory {
            location,
            index: Arc::clone(&index),
            blobs: Arc::clone(&blobs),
        };
        Ok(self.join(index, blobs, settings, place))
    }

    pub(super) fn join(
        &self,
        index: Arc<dyn Index>,
        blobs: Arc<dyn Blobs>,
        settings: Settings,
        place: StoreLocation,
    ) -> Store {
        let bodies = Arc::new(BodyReader::new(blobs));
        let context = self.context(settings);
        let clock = Arc::clone(&context.clock);
        Store::new(StoreShared {
            settler: MaintenanceWorker::new(Arc::clone(&index), Arc::clone(&bodies), clock)
                .keeping_journal(place.keeps_journal()),
            queue: WriteQueue::new(self.locks.limit),
            waiters: Arc::default(),
            locks: self.locks.clone(),
            index,
            bodies,
            resolved: ResolvedSpecs::default(),
            context,
            read_only: self.read_only && !place.is_memory(),
            place,
            #[cfg(feature = "cli")]
            made: LastTransaction::default(),
        })
    }
}

/// Sets the environment list of a store that has no operation yet.
///
/// An interrupted creation leaves a store without operations, which the next call completes.
pub(super) fn begun(store: Store, list: Option<Vec<EnvironmentName>>) -> Result<Store, OpenError> {
    let Some(list) = list else {
        return Ok(store);
    };
    let set = store.position().and_then(|position| {
        if position != LogPosition::START {
            return Ok(());
        }
        store.write(move |writer| writer.begin_with_environment_list(list))
    });
    match set {
        Ok(()) => Ok(store),
        Err(Error::Storage(error)) => Err(error.into()),
        Err(error) => {
            let kind = match error.kind() {
                ErrorKind::ReadOnly => StorageErrorKind::ReadOnly,
                ErrorKind::OutcomeUnknown => StorageErrorKind::OutcomeUnknown,
                _ => StorageErrorKind::Other,
            };
            Err(StorageError::new(kind, "setting the environment list")
                .because(error)
                .into())
        }
    }
}
