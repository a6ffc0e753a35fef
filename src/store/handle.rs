//! TODO

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
use crate::engine::{Bodies, Context, ResolvedSpecs, Settler, WriteQueue, Writer};
use crate::fs::lock::policy::LockPolicy;
use crate::model::error::{Error, Result};
use crate::model::record::{Policy, Settings};
#[cfg(feature = "server")]
use crate::storage::directory;
use crate::storage::directory::BlobDirectory;
use crate::storage::sqlite;
use crate::storage::sqlite::{Found, Probed, Purpose, SqliteIndex};
use crate::storage::{Blobs, Index, MemoryBlobs, MemoryIndex};

/// A store of prompts: in a directory, or in memory.
///
/// Cheap to clone, and usable from any number of threads; a directory can be open in any number of processes
/// at once. When the last clone is dropped, bodies that wait are written to their files, which may take some
/// milliseconds, and about a second at most while others write; nothing is lost if that never happens.
///
/// ```
/// use promptbook::{NewPrompt, NewVersion, Store};
///
/// # fn main() -> promptbook::Result<()> {
/// let store = Store::in_memory()?;
/// let body = r#"{"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi {{hc:name:string}}"}]}"#;
/// let created = store.create_prompt(NewPrompt::new("greeting", body)?)?;
///
/// let body = body.replace("Hi", "Hello");
/// let version = store.commit(NewVersion::new(created.prompt.id, &body)?.message("Say hello"))?;
/// assert_eq!(version.number.to_string(), "1.1");
///
/// assert_eq!(store.resolve("greeting@latest")?.body.text(), body);
/// assert_eq!(store.resolve("greeting@production")?.version.number.to_string(), "1.0");
/// # Ok(())
/// # }
/// ```
///
/// The path is resolved once: a later change of the working directory, or of a link, does not lead to another store. If the
/// store's files are moved, removed or replaced while it is open, as by a restored copy, the handle refuses all further work
/// ([`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable)), at once for changes and within a second or so for answers from
/// memory. Open the store again then.
///
/// Everything that is read of a store is a method of [`View`], which a store is too: the one of the present.
///
/// # Who can read it
///
/// The files of a store get the rights that the process's umask gives to any file: mostly, all users of the machine can read
/// them, and with them all prompts, their history and recorded inputs. A directory that only its owner may enter keeps
/// them from others. The secrets of a server, its API key and what it signs URLs with, are in the file `secrets`, which only
/// its owner can read, and in no backup, bundle or other copy that is made by this crate. Root reads everything, and a copy
/// of the whole directory by other means has the secrets, too.
///
/// # Its files
///
/// A process that has a store open must not open the files of the store by other means, such as to copy them: as it closes
/// `index.db` or `index.db-shm`, the system drops the locks that SQLite has on them
/// ([POSIX locks](https://sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_)). When another
/// process then opens the store, it cuts the memory that they share, and the process ends by SIGBUS. An app that copies its own
/// data calls [`backup`](Self::backup), and leaves the store's directory out.
///
/// On a full disk of a file system that copies what it writes, such as btrfs, that memory can end a process by SIGBUS as well,
/// even one that only reads. So the directory of a new store, if it is empty, gets the attribute "no copy on write"
/// (`chattr +C`), and `blobs/`, which keeps the checksums of btrfs, does not. With it reads go on, and changes are refused as
/// [`Full`](crate::ErrorKind::Full). This was tried on Linux 6.18. SIGBUS is still possible on a full disk with older
/// kernels, after a snapshot of the subvolume, in a directory that had other files, and in a store that was made without the
/// attribute: a [`restore`](Self::restore) of its backup has it. On ext4 and xfs a full disk was never more than an error.
#[derive(Clone, Debug)]
pub struct Store(View);

impl Deref for Store {
    type Target = View;

    fn deref(&self) -> &View {
        &self.0
    }
}

#[derive(Debug)]
pub(crate) struct Inner {
    /// First, so that it is dropped first: it finishes the work on the other two.
    pub(super) settler: Settler,
    pub(super) queue: WriteQueue,
    pub(super) locks: LockPolicy,
    pub(super) index: Arc<dyn Index>,
    pub(super) bodies: Arc<Bodies>,
    pub(super) resolved: ResolvedSpecs,
    pub(super) context: Context,
    pub(super) place: Place,
    pub(super) read_only: bool,
    #[cfg(feature = "cli")]
    pub(super) made: super::batch::Made,
}

impl Inner {
    /// Has the files looked at once a second: answers from memory are given without a look at them.
    pub(super) fn watch_location(&self) {
        if let Place::Directory { .. } = self.place {
            self.settler.watch_location();
        }
    }
}

#[derive(Debug)]
pub(super) enum Place {
    Directory {
        location: Location,
        index: Arc<SqliteIndex>,
        blobs: Arc<BlobDirectory>,
    },
    #[cfg_attr(not(feature = "server"), allow(dead_code))]
    Memory(Memory),
}

/// What a store in memory is made of.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    settings: Settings,
    index: Arc<MemoryIndex>,
    blobs: Arc<MemoryBlobs>,
    #[cfg(feature = "server")]
    pub(super) secrets: Arc<secrets::InMemory>,
}

/// A store in memory as it was at one moment, for others to start from: nobody writes to it.
#[cfg(feature = "server")]
#[derive(Clone, Debug)]
pub(crate) struct Image(Memory);

impl Store {
    /// Opens the store in a directory.
    ///
    /// # Errors
    ///
    /// [`NotAStore`](Error::NotAStore), [`NewerFormat`](Error::NewerFormat),
    /// [`NetworkFilesystem`](Error::NetworkFilesystem), [`NotWritable`](Error::NotWritable),
    /// [`SqliteTooOld`](Error::SqliteTooOld), or [`Backend`](Error::Backend). A store that is damaged, or whose index is missing
    /// ([`IndexLost`](Error::IndexLost)), is an error of the kind [`Corrupt`](crate::ErrorKind::Corrupt):
    /// [`StoreOptions::verify`] names what is wrong with it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        StoreOptions::new().open(path)
    }

    /// Makes a store in a directory, which is made too where it is missing.
    ///
    /// # Errors
    ///
    /// [`StoreExists`](Error::StoreExists), or as [`open`](Self::open).
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        StoreOptions::new().create(path)
    }

    /// Opens the store in a directory, or makes one where there is none. Several processes may do so at once.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self> {
        StoreOptions::new().open_or_create(path)
    }

    /// A new store in memory, gone with its last clone.
    ///
    /// # Errors
    ///
    /// None today; the signature leaves room.
    pub fn in_memory() -> Result<Self> {
        StoreOptions::new().in_memory()
    }

    /// Removes the store in a directory, and nothing else that somebody may have put beside it. Nobody may have it open. The
    /// index is the last to go, as bodies without one are a loss.
    #[cfg(feature = "server")]
    pub(crate) fn remove(path: &Path) -> std::io::Result<()> {
        BlobDirectory::remove(path)?;
        directory::remove_secrets(path)?;
        SqliteIndex::remove(&path.join(location::INDEX))
    }

    /// The store's directory as an absolute path without links; none for a store in memory.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.inner.place {
            Place::Directory { location, .. } => Some(location.directory()),
            Place::Memory(_) => None,
        }
    }

    /// Gives up a store that is about to be removed: closing it costs nothing then, whatever waits to be settled.
    #[cfg(feature = "server")]
    pub(crate) fn abandon(&self) {
        self.inner.settler.abandon();
    }

    /// What a store in memory holds now; none for a directory. It costs the same at any size.
    #[cfg(feature = "server")]
    pub(crate) fn image(&self) -> Option<Image> {
        match &self.inner.place {
            Place::Directory { .. } => None,
            Place::Memory(memory) => Some(Image(memory.fork())),
        }
    }

    /// What the store was made with.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.inner.context.settings
    }

    /// The bump policy of this handle: the store's own, unless it was opened with another.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.inner.context.policy
    }

    /// Makes a change that may share its transaction with others.
    pub(super) fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Writer<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.inner.queue.write(&*self.inner, change)
    }
}

impl StoreOptions {
    /// Opens the store in a directory.
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
            Found::Index(format) => {
                self.bring_up_to_date(&location, purpose, format)?;
                self.wire(location, purpose, probed)
            }
            Found::Nothing | Found::Foreign | Found::Unreleased(_) => {
                Err(damaged::unopened(path, &location, probed)?)
            }
        }
    }

    /// Opening a store for writing brings an older format up to date; what is only to be read must be so before.
    fn bring_up_to_date(&self, location: &Location, purpose: Purpose, format: u32) -> Result<()> {
        match purpose {
            Purpose::Read if format < sqlite::FORMAT => self.wire_new(location.clone()).map(drop),
            Purpose::ReadUnwritable if format < sqlite::FORMAT => Err(Error::NotWritable {
                path: location.directory().into(),
                source: std::io::ErrorKind::PermissionDenied.into(),
            }),
            _ => Ok(()),
        }
    }

    /// Makes a store in a directory, which is made too where it is missing.
    ///
    /// # Errors
    ///
    /// As [`Store::create`].
    pub fn create(&self, path: impl AsRef<Path>) -> Result<Store> {
        let path = path.as_ref();
        match self.make(path)? {
            (location, Found::Nothing) => self.wire_new(location),
            (_, Found::Index(_)) => Err(Error::StoreExists { path: path.into() }),
            (location, Found::Foreign | Found::Unreleased(_)) => {
                Err(self.foreign(path, &location)?)
            }
        }
    }

    /// Opens the store in a directory, or makes one where there is none.
    ///
    /// # Errors
    ///
    /// As [`Store::open_or_create`].
    pub fn open_or_create(&self, path: impl AsRef<Path>) -> Result<Store> {
        let path = path.as_ref();
        if self.read_only || path.join(location::INDEX).exists() {
            match self.open(path) {
                // It may be what an interrupted creation left.
                Err(Error::NotAStore { .. }) if !self.read_only => {}
                opened => return opened,
            }
        }
        match self.make(path)? {
            (location, Found::Nothing | Found::Index(_)) => self.wire_new(location),
            (location, Found::Foreign | Found::Unreleased(_)) => {
                Err(self.foreign(path, &location)?)
            }
        }
    }

    /// A new store in memory.
    ///
    /// # Errors
    ///
    /// None today; the signature leaves room.
    pub fn in_memory(&self) -> Result<Store> {
        let settings = self.settings();
        Ok(self.join_memory(Memory {
            settings,
            index: Arc::new(MemoryIndex::new(settings)),
            blobs: Arc::new(MemoryBlobs::new()),
            #[cfg(feature = "server")]
            secrets: Arc::default(),
        }))
    }

    /// A store in memory that starts with what an image holds, its settings too, and shares the bodies with it. What is
    /// changed in one is in no other. It costs the same at any size.
    #[cfg(feature = "server")]
    pub(crate) fn in_memory_from(&self, image: &Image) -> Store {
        self.join_memory(image.0.fork())
    }

    fn join_memory(&self, memory: Memory) -> Store {
        let (index, blobs) = (Arc::clone(&memory.index), Arc::clone(&memory.blobs));
        self.join(index, blobs, memory.settings, Place::Memory(memory))
    }

    /// Says why a store must not be opened here, or for what it can be.
    fn admit(&self, path: &Path, location: &Location) -> Result<Purpose> {
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
            .find_map(|path| Some((path, crate::fs::place::writable(path).err()?)));
        match (self.read_only, unwritable) {
            (false, Some((path, source))) => Err(Error::NotWritable {
                path: path.into(),
                source,
            }),
            (false, None) => Ok(Purpose::Write),
            (true, None) => Ok(Purpose::Read),
            (true, Some(_)) => Ok(Purpose::ReadUnwritable),
        }
    }

    fn refuse_network(&self, location: &Location) -> Result<()> {
        let directories = [Some(location.directory()), location.index().parent()];
        for path in directories.into_iter().flatten() {
            if let Some(filesystem) = crate::fs::place::network_filesystem(path)
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

    /// Makes what is missing of a store, and answers what index was there before.
    fn make(&self, path: &Path) -> Result<(Location, Found)> {
        BlobDirectory::prepare(path)?;
        let location = Location::of(path)?;
        let directory = location.directory();
        self.refuse_network(&location)?;
        if let Err(source) = crate::fs::place::writable(directory) {
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
                return Err(Error::IndexLost {
                    path: path.into(),
                    left,
                });
            }
            BlobDirectory::create(directory)?;
            Ok(crate::fs::place::flush_directory(directory)?)
        })?;
        readable(path, found).map(|found| (location, found))
    }

    /// Returns the error for a directory whose file of the index's name is another.
    fn foreign(&self, path: &Path, location: &Location) -> Result<Error> {
        let probed = SqliteIndex::probe(location.index(), Purpose::Read, &self.locks)?;
        damaged::unopened(path, location, probed)
    }

    /// Opens what is known to be an index of a format that this release knows.
    fn wire_new(&self, location: Location) -> Result<Store> {
        let probed = SqliteIndex::probe(location.index(), Purpose::Write, &self.locks)?;
        self.wire(location, Purpose::Write, probed)
    }

    fn wire(&self, location: Location, purpose: Purpose, probed: Probed) -> Result<Store> {
        let index = SqliteIndex::open(location.index(), purpose, probed, &self.locks)?;
        let index = Arc::new(index);
        let settings = index.snapshot()?.settings()?;
        let blobs = Arc::new(BlobDirectory::open(location.directory(), &self.locks)?);
        // Both are opened by name: the directory may have been exchanged in between.
        index.check_location()?;
        let place = Place::Directory {
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
        place: Place,
    ) -> Store {
        let bodies = Arc::new(Bodies::new(blobs));
        let context = self.context(settings);
        let clock = Arc::clone(&context.clock);
        Store(View::of_the_present(Arc::new(Inner {
            settler: Settler::new(Arc::clone(&index), Arc::clone(&bodies), clock),
            queue: WriteQueue::new(self.locks.limit),
            locks: self.locks.clone(),
            index,
            bodies,
            resolved: ResolvedSpecs::default(),
            context,
            read_only: self.read_only && matches!(place, Place::Directory { .. }),
            place,
            #[cfg(feature = "cli")]
            made: super::batch::Made::default(),
        })))
    }
}

#[cfg(feature = "server")]
impl Memory {
    fn fork(&self) -> Self {
        // Keeps a collection from removing a body whose row the index, looked at first, still has.
        let _hold = self.blobs.hold();
        Self {
            settings: self.settings,
            index: Arc::new(self.index.fork()),
            blobs: Arc::new(self.blobs.fork()),
            secrets: Arc::new(self.secrets.fork()),
        }
    }
}

/// A log without the index that it belongs to is the last that there is of some commits, and SQLite would delete it.
pub(super) fn refuse_lost(location: &Location) -> Result<()> {
    match SqliteIndex::log_without_index(location.index()) {
        true => Err(Error::IndexLost {
            path: location.directory().into(),
            left: "a write-ahead log",
        }),
        false => Ok(()),
    }
}

/// Refuses an index of a format that this release does not read.
fn readable(path: &Path, found: Found) -> Result<Found> {
    match found {
        Found::Unreleased(format) => Err(Error::UnreleasedFormat {
            path: path.into(),
            found: format,
        }),
        Found::Index(format) if format > sqlite::FORMAT => Err(Error::NewerFormat {
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
