//! [`Store`], the handle of an open store, and how one is opened.

#![expect(clippy::disallowed_types, reason = "it opens the files of a store")]

use super::StoreOptions;
use super::View;
#[cfg(feature = "server")]
use super::secrets;
use crate::store::damaged;
use crate::store::location;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use super::location::Location;
use crate::engine::{
    BodyReader, MaintenanceWorker, ResolvedSpecs, WriteContext, WriteQueue, WriteTransaction,
};
use crate::fs::lock::policy::LockPolicy;
use crate::model::error::{Error, Result};
use crate::model::id::GroupId;
use crate::model::record::{BumpPolicy, Settings};
#[cfg(feature = "server")]
use crate::storage::directory;
use crate::storage::directory::BlobDirectory;
use crate::storage::sqlite;
use crate::storage::sqlite::{IndexFile, OpenMode, Probe, SqliteIndex};
use crate::storage::{Blobs, Index, MemoryBlobs, MemoryIndex};

/// A store of prompts, in a directory or in memory.
///
/// A `Store` is cheap to clone and can be used from any number of threads. Any number of processes
/// can have the same directory open. When the last clone is dropped, bodies in the journal are
/// written to files. This may take some milliseconds, or up to about a second if other handles
/// write at the same time. If it never happens, nothing is lost.
///
/// ```
/// use promptbook::{NewPrompt, NewVersion, Store};
///
/// # fn main() -> promptbook::Result<()> {
/// let store = Store::in_memory()?;
/// let body = r#"{"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi {{hc:name:string}}"}]}"#;
/// let created = store.create_prompt(NewPrompt::new("greeting", body))?;
///
/// let body = body.replace("Hi", "Hello");
/// let version = store.commit(NewVersion::new(created.prompt.id, &body).message("Say hello"))?;
/// assert_eq!(version.number.to_string(), "1.1");
///
/// assert_eq!(store.resolve("greeting@latest")?.body.text(), body);
/// assert_eq!(store.resolve("greeting@production")?.version.number.to_string(), "1.0");
/// # Ok(())
/// # }
/// ```
///
/// The path is resolved only once, so a later change of the working directory or of a link does not
/// lead to another store. If the store's files are moved, removed or replaced while it is open, for
/// example by a restored copy, the handle refuses all further work with the kind
/// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable). Changes are refused immediately, and
/// answers from memory after about a second. In this case, open the store again.
///
/// All methods that read are methods of [`View`]. A store dereferences to the view of the present.
///
/// # Who can read it
///
/// A store's files get the permissions that the process's umask gives to any file. With most
/// umasks, all users of the machine can read them, and thereby all prompts, their history and
/// recorded inputs. To prevent this, put the store into a directory that only its owner may enter.
/// The secrets of a server, which are its API key and the key with which it signs URLs, are in the
/// file `secrets`, which only its owner can read. They are in no backup, bundle or other copy that
/// this crate creates. Root can read everything, and a copy of the whole directory by other means
/// contains the secrets too.
///
/// # Its files
///
/// A process that has a store open must not open the store's files by other means, for example to
/// copy them. When it closes `index.db` or `index.db-shm`, the system drops the locks that SQLite
/// has on them ([POSIX
/// locks](https://sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_)).
/// If another process then opens the store, it truncates the shared memory, and the first process
/// ends by SIGBUS. An app that copies its own data should call [`backup`](Self::backup) and leave
/// out the store's directory.
///
/// On a file system that copies on write, such as btrfs, a full disk can also end a process by
/// SIGBUS, even a process that only reads, because SQLite's shared memory is a mapped file.
/// Therefore the directory of a new store, if it is empty, gets the attribute "no copy on write"
/// (`chattr +C`). `blobs/` does not get it and keeps the checksums of btrfs. With the attribute,
/// reads succeed and changes are refused as [`Full`](crate::ErrorKind::Full). This was tested on
/// Linux 6.18. On a full disk, SIGBUS is still possible with older kernels, after a snapshot of the
/// subvolume, in a directory that contained other files, and in a store that was created without
/// the attribute. A [`restore`](Self::restore) of the store's backup has the attribute. On ext4 and
/// xfs a full disk never caused more than an error.
#[derive(Clone, Debug)]
pub struct Store {
    view: View,
    /// The author of the changes that are made through this handle.
    pub(super) author: Arc<str>,
    /// The group of the operations that are made through this handle.
    pub(super) group: Option<GroupId>,
}

impl Deref for Store {
    type Target = View;

    fn deref(&self) -> &View {
        &self.view
    }
}

#[derive(Debug)]
pub(crate) struct StoreShared {
    /// The first field, so that it is dropped first: it finishes the work on the other fields.
    pub(super) settler: MaintenanceWorker,
    pub(super) queue: WriteQueue,
    pub(super) locks: LockPolicy,
    pub(super) index: Arc<dyn Index>,
    pub(super) bodies: Arc<BodyReader>,
    pub(super) resolved: ResolvedSpecs,
    pub(super) context: WriteContext,
    pub(super) place: StoreLocation,
    pub(super) read_only: bool,
    #[cfg(feature = "cli")]
    pub(super) made: super::batch::LastTransaction,
}

impl StoreShared {
    /// Makes the maintenance worker check the store's files once a second.
    ///
    /// Answers from memory are returned without such a check.
    pub(super) fn watch_location(&self) {
        if !self.place.is_memory() {
            self.settler.watch_location();
        }
    }
}

#[derive(Debug)]
pub(super) enum StoreLocation {
    Directory {
        location: Location,
        index: Arc<SqliteIndex>,
        blobs: Arc<BlobDirectory>,
    },
    #[cfg_attr(not(feature = "server"), allow(dead_code))]
    Memory(MemoryImage),
    /// An index and a blob store that the caller opened.
    Given {
        #[cfg(feature = "server")]
        secrets: secrets::InMemory,
    },
}

impl StoreLocation {
    pub(super) fn is_memory(&self) -> bool {
        matches!(self, Self::Memory(_))
    }
}

/// The parts of a store in memory.
#[derive(Clone, Debug)]
pub(super) struct MemoryImage {
    settings: Settings,
    index: Arc<MemoryIndex>,
    blobs: Arc<MemoryBlobs>,
    #[cfg(feature = "server")]
    pub(super) secrets: Arc<secrets::InMemory>,
}

/// A store in memory as it was at one moment, from which new stores are created.
///
/// Nothing writes to it.
#[cfg(feature = "server")]
#[derive(Clone, Debug)]
pub(crate) struct Image(MemoryImage);

impl Store {
    /// Opens the store in a directory.
    ///
    /// # Errors
    ///
    /// - [`NotAStore`](Error::NotAStore) if the directory does not exist or contains no store.
    /// - [`NewerFormat`](Error::NewerFormat) or [`UnreleasedFormat`](Error::UnreleasedFormat) if
    ///   this release does not read the store's format.
    /// - [`NetworkFilesystem`](Error::NetworkFilesystem), [`NotWritable`](Error::NotWritable), or
    ///   [`SqliteTooOld`](Error::SqliteTooOld).
    /// - An error of the kind [`Corrupt`](crate::ErrorKind::Corrupt) if the store is damaged, or if
    ///   its index is missing ([`IndexLost`](Error::IndexMissing)). [`StoreOptions::verify`] reports
    ///   what is wrong with it.
    /// - [`Storage`](Error::Storage) if a lock, a read or a write failed.
    ///
    /// A failure leaves the store's contents unchanged.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        StoreOptions::new().open(path)
    }

    /// Creates a store in a directory. The directory is created if it does not exist.
    ///
    /// # Errors
    ///
    /// [`StoreExists`](Error::StoreExists) if the directory contains a store, otherwise as
    /// [`open`](Self::open). A failure may leave a directory and an unfinished store, which a later
    /// call completes.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
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
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self> {
        StoreOptions::new().open_or_create(path)
    }

    /// Creates a store in memory. It ends with its last clone.
    ///
    /// # Errors
    ///
    /// There are none today. The signature allows for later ones.
    pub fn in_memory() -> Result<Self> {
        StoreOptions::new().in_memory()
    }

    /// Removes the store in a directory, and no other files in it.
    ///
    /// No process may have the store open. The index is removed last, because bodies without an
    /// index are a loss.
    #[cfg(feature = "server")]
    pub(crate) fn remove(path: &Path) -> std::io::Result<()> {
        BlobDirectory::remove(path)?;
        directory::remove_secrets(path)?;
        SqliteIndex::remove(&path.join(location::INDEX))
    }

    /// Returns the absolute path of the store's directory, or none for a store in memory.
    ///
    /// The path contains no links.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.inner.place {
            StoreLocation::Directory { location, .. } => Some(location.directory()),
            StoreLocation::Memory(_) | StoreLocation::Given { .. } => None,
        }
    }

    /// Marks the store as about to be removed. Closing it then skips all outstanding work.
    #[cfg(feature = "server")]
    pub(crate) fn abandon(&self) {
        self.inner.settler.abandon();
    }

    /// Returns the current contents of a store in memory, or none for a directory.
    ///
    /// The cost does not depend on the size.
    #[cfg(feature = "server")]
    pub(crate) fn image(&self) -> Option<Image> {
        match &self.inner.place {
            StoreLocation::Directory { .. } | StoreLocation::Given { .. } => None,
            StoreLocation::Memory(memory) => Some(Image(memory.fork())),
        }
    }

    /// Returns the settings that the store was created with.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.inner.context.settings
    }

    /// Returns the bump policy of this handle.
    ///
    /// It is the store's policy, unless the handle was opened with another.
    #[must_use]
    pub fn policy(&self) -> BumpPolicy {
        self.inner.context.policy
    }

    /// Returns a handle of the same store whose changes have another author.
    ///
    /// It shares everything with this handle: files, locks, caches and the write queue. An app with
    /// many users opens its store once, and calls this for each request.
    ///
    /// ```
    /// use promptbook::{NewPrompt, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let new = NewPrompt::new("greeting", r#"{"messages": []}"#);
    /// let created = store.with_author("bob").create_prompt(new)?;
    /// assert_eq!(created.version.author, "bob");
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    #[must_use]
    pub fn with_author(&self, author: impl Into<String>) -> Self {
        Self {
            view: self.view.clone(),
            author: author.into().into(),
            group: self.group,
        }
    }

    /// Returns the author of the changes that are made through this handle.
    #[must_use]
    pub fn author(&self) -> &str {
        &self.author
    }

    /// Returns a handle of the same store whose operations form a new group.
    ///
    /// It shares everything with this handle: files, locks, caches and the write queue. What a
    /// command or a script changes through it can be undone by one [`undo_group`](Self::undo_group).
    ///
    /// ```
    /// use promptbook::{NewPrompt, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let grouped = store.grouped();
    /// for name in ["a", "b"] {
    ///     grouped.create_prompt(NewPrompt::new(name, r#"{"messages": []}"#))?;
    /// }
    /// let group = grouped.group().expect("it has a group");
    /// assert_eq!(store.undo_group(group)?.content.undoes, [2, 1]);
    /// assert_eq!(store.prompts().count()?, 0);
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    #[must_use]
    pub fn grouped(&self) -> Self {
        self.with_group(self.inner.context.draw_group())
    }

    /// Returns a handle as [`grouped`](Self::grouped) does, for a group that may exist already.
    #[must_use]
    pub fn with_group(&self, group: GroupId) -> Self {
        Self {
            group: Some(group),
            ..self.clone()
        }
    }

    /// Returns the group of the operations that are made through this handle.
    #[must_use]
    pub fn group(&self) -> Option<GroupId> {
        self.group
    }

    /// Makes a change in a transaction that it may share with other changes.
    pub(super) fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut WriteTransaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (author, group) = (Arc::clone(&self.author), self.group);
        self.inner.queue.write(&*self.inner, move |writer| {
            writer.set_author(&author);
            writer.set_group(group);
            change(writer)
        })
    }
}

impl StoreOptions {
    /// Opens the store in a directory with these options.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Store> {
        let path = path.as_ref();
        let location = Location::of(path)?;
        let purpose = self.admit(path, &location)?;
        let probed = SqliteIndex::probe(location.index(), purpose, &self.locks)?;
        match readable(path, probed.found)? {
            IndexFile::Index(format) => {
                self.bring_up_to_date(&location, purpose, format)?;
                self.wire(location, purpose, probed)
            }
            IndexFile::Nothing | IndexFile::Foreign | IndexFile::Unreleased(_) => {
                Err(damaged::unopened(path, &location, probed)?)
            }
        }
    }

    /// Migrates an older format, for a handle that only reads.
    ///
    /// Opening for writing migrates as well.
    fn bring_up_to_date(&self, location: &Location, purpose: OpenMode, format: u32) -> Result<()> {
        match purpose {
            OpenMode::Read if format < sqlite::FORMAT => self.wire_new(location.clone()).map(drop),
            OpenMode::ReadUnwritable if format < sqlite::FORMAT => Err(Error::NotWritable {
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
    pub fn create(&self, path: impl AsRef<Path>) -> Result<Store> {
        let path = path.as_ref();
        match self.make(path)? {
            (location, IndexFile::Nothing) => self.wire_new(location),
            (_, IndexFile::Index(_)) => Err(Error::StoreExists { path: path.into() }),
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
    pub fn open_or_create(&self, path: impl AsRef<Path>) -> Result<Store> {
        let path = path.as_ref();
        if self.read_only || path.join(location::INDEX).exists() {
            match self.open(path) {
                // The files may be from an interrupted creation.
                Err(Error::NotAStore { .. }) if !self.read_only => {}
                opened => return opened,
            }
        }
        match self.make(path)? {
            (location, IndexFile::Nothing | IndexFile::Index(_)) => self.wire_new(location),
            (location, IndexFile::Foreign | IndexFile::Unreleased(_)) => {
                Err(self.foreign(path, &location)?)
            }
        }
    }

    /// Creates a store in memory with these options.
    ///
    /// # Errors
    ///
    /// There are none today. The signature allows for later ones.
    pub fn in_memory(&self) -> Result<Store> {
        let settings = self.settings();
        Ok(self.join_memory(MemoryImage {
            settings,
            index: Arc::new(MemoryIndex::new(settings)),
            blobs: Arc::new(MemoryBlobs::new()),
            #[cfg(feature = "server")]
            secrets: Arc::default(),
        }))
    }

    /// Opens a store on an index and a blob store of other kinds than this crate's own.
    ///
    /// The store has the settings of the index. It needs no directory: options that concern files
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
    /// [`Storage`](Error::Storage) if the settings cannot be read from the index. A failure changes
    /// nothing.
    pub fn open_with(&self, index: Arc<dyn Index>, blobs: Arc<dyn Blobs>) -> Result<Store> {
        let settings = index.snapshot()?.settings()?;
        let place = StoreLocation::Given {
            #[cfg(feature = "server")]
            secrets: secrets::InMemory::default(),
        };
        Ok(self.join(index, blobs, settings, place))
    }

    /// Creates a store in memory from an image, with the image's settings.
    ///
    /// It shares the bodies with the image. A change of one store is not visible in any other. The
    /// cost does not depend on the size.
    #[cfg(feature = "server")]
    pub(crate) fn in_memory_from(&self, image: &Image) -> Store {
        self.join_memory(image.0.fork())
    }

    fn join_memory(&self, memory: MemoryImage) -> Store {
        let (index, blobs) = (Arc::clone(&memory.index), Arc::clone(&memory.blobs));
        self.join(index, blobs, memory.settings, StoreLocation::Memory(memory))
    }

    /// Checks whether the store can be opened here, and in which mode.
    fn admit(&self, path: &Path, location: &Location) -> Result<OpenMode> {
        let (found, version) = sqlite::linked_version();
        let (least, needed) = sqlite::MINIMUM_VERSION;
        if found < least {
            return Err(Error::SqliteTooOld {
                found: version.into(),
                needed,
            });
        }
        refuse_lost(location)?;
        if !location.index().is_file() {
            return Err(damaged::without_index(path, location)?);
        }
        self.refuse_network(location)?;
        let beside = location.index().parent();
        let unwritable = [Some(location.directory()), beside, Some(location.index())]
            .into_iter()
            .flatten()
            .find_map(|path| Some((path, crate::fs::permissions::check_writable(path).err()?)));
        match (self.read_only, unwritable) {
            (false, Some((path, source))) => Err(Error::NotWritable {
                path: path.into(),
                source,
            }),
            (false, None) => Ok(OpenMode::Write),
            (true, None) => Ok(OpenMode::Read),
            (true, Some(_)) => Ok(OpenMode::ReadUnwritable),
        }
    }

    fn refuse_network(&self, location: &Location) -> Result<()> {
        let directories = [Some(location.directory()), location.index().parent()];
        for path in directories.into_iter().flatten() {
            if let Some(filesystem) = crate::fs::network::network_filesystem(path)
                && !self.allow_network
            {
                return Err(Error::NetworkFilesystem {
                    path: path.into(),
                    filesystem,
                });
            }
        }
        Ok(())
    }

    /// Creates the missing parts of a store.
    ///
    /// Returns the location, and the kind of index file that was there before.
    fn make(&self, path: &Path) -> Result<(Location, IndexFile)> {
        BlobDirectory::prepare(path)?;
        let location = Location::of(path)?;
        let directory = location.directory();
        self.refuse_network(&location)?;
        if let Err(source) = crate::fs::permissions::check_writable(directory) {
            return Err(Error::NotWritable {
                path: path.into(),
                source,
            });
        }
        refuse_lost(&location)?;
        let (index, settings) = (location.index(), self.settings());
        let found = SqliteIndex::create(index, settings, &self.locks, || {
            if BlobDirectory::has_bodies(directory)? {
                let left = "a directory of bodies";
                return Err(Error::IndexMissing {
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
    fn foreign(&self, path: &Path, location: &Location) -> Result<Error> {
        let probed = SqliteIndex::probe(location.index(), OpenMode::Read, &self.locks)?;
        damaged::unopened(path, location, probed)
    }

    /// Opens an index that is known to have a format that this release reads.
    fn wire_new(&self, location: Location) -> Result<Store> {
        let probed = SqliteIndex::probe(location.index(), OpenMode::Write, &self.locks)?;
        self.wire(location, OpenMode::Write, probed)
    }

    fn wire(&self, location: Location, purpose: OpenMode, probed: Probe) -> Result<Store> {
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

    fn join(
        &self,
        index: Arc<dyn Index>,
        blobs: Arc<dyn Blobs>,
        settings: Settings,
        place: StoreLocation,
    ) -> Store {
        let bodies = Arc::new(BodyReader::new(blobs));
        let context = self.context(settings);
        let clock = Arc::clone(&context.clock);
        let author = Arc::clone(&context.author);
        let view = View::of_the_present(Arc::new(StoreShared {
            settler: MaintenanceWorker::new(Arc::clone(&index), Arc::clone(&bodies), clock),
            queue: WriteQueue::new(self.locks.limit),
            locks: self.locks.clone(),
            index,
            bodies,
            resolved: ResolvedSpecs::default(),
            context,
            read_only: self.read_only && !place.is_memory(),
            place,
            #[cfg(feature = "cli")]
            made: super::batch::LastTransaction::default(),
        }));
        Store {
            view,
            author,
            group: None,
        }
    }
}

#[cfg(feature = "server")]
impl MemoryImage {
    fn fork(&self) -> Self {
        // The index is copied first. The lock prevents garbage collection from removing a body
        // whose row that copy still contains.
        let _hold = self.index.lock_shared();
        Self {
            settings: self.settings,
            index: Arc::new(self.index.fork()),
            blobs: Arc::new(self.blobs.fork()),
            secrets: Arc::new(self.secrets.fork()),
        }
    }
}

/// Refuses a write-ahead log without its index.
///
/// It contains the only copy of some commits, and SQLite would delete it.
pub(super) fn refuse_lost(location: &Location) -> Result<()> {
    match SqliteIndex::log_without_index(location.index()) {
        true => Err(Error::IndexMissing {
            path: location.directory().into(),
            left: "a write-ahead log",
        }),
        false => Ok(()),
    }
}

/// Refuses an index with a format that this release does not read.
fn readable(path: &Path, found: IndexFile) -> Result<IndexFile> {
    match found {
        IndexFile::Unreleased(format) => Err(Error::UnreleasedFormat {
            path: path.into(),
            found: format,
        }),
        IndexFile::Index(format) if format > sqlite::FORMAT => Err(Error::NewerFormat {
            path: path.into(),
            found: format,
            supported: sqlite::FORMAT,
        }),
        found => Ok(found),
    }
}

#[cfg(feature = "server")]
#[cfg(test)]
#[path = "tests.rs"]
mod tests;
