//! The files of an open index, and checks that they were not replaced or changed.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use super::error::SqliteResult;
use super::index_directory::IndexDirectory;
use super::paths::beside;
use crate::fs::identity::identity;
use crate::fs::io_error::path_error;
use crate::storage::{StorageError, StorageErrorKind};

/// What distinguishes a file from another one that takes its name.
type FileIdentity = Option<(u64, u64)>;

/// The files that a connection opened, by name.
///
/// SQLite finds the log and its index by name. If another file takes one of the names, new
/// connections and other processes use that file, and commits to the old one are lost with its last
/// connection.
#[derive(Clone, Debug)]
pub(super) struct OpenFiles {
    index: (PathBuf, FileIdentity),
    /// The log and its shared memory. Empty for a connection that uses neither.
    log: Vec<(PathBuf, FileIdentity)>,
    place: Arc<IndexDirectory>,
}

impl OpenFiles {
    /// Returns the files that an index has in its directory now.
    ///
    /// A caller that opens a connection calls this before it opens the index and after its first
    /// read, and compares the results.
    pub(super) fn of(place: &Arc<IndexDirectory>) -> SqliteResult<Self> {
        let (index, (address, _)) = (place.index(), place.address());
        let found = fs::metadata(&address).map_err(path_error("inspecting", index))?;
        let log = ["-wal", "-shm"].into_iter().filter_map(|suffix| {
            let found = fs::metadata(beside(&address, suffix)).ok()?;
            Some((beside(index, suffix), identity(&found)))
        });
        Ok(Self {
            index: (index.to_owned(), identity(&found)),
            log: log.collect(),
            place: Arc::clone(place),
        })
    }

    /// Returns the directory of the files.
    pub(super) fn place(&self) -> &Arc<IndexDirectory> {
        &self.place
    }

    /// Checks whether the index is the same as `before`, and still at its path.
    ///
    /// The logs may differ, because the first connection creates the log.
    pub(super) fn is_unmoved_since(&self, before: &Self) -> bool {
        self.index == before.index && check(&self.index).is_ok()
    }

    /// Fails if a name leads to another file than the open one, or to none.
    pub(super) fn check(&self) -> SqliteResult<()> {
        std::iter::once(&self.index)
            .chain(&self.log)
            .try_for_each(check)
    }

    /// Like [`check`](Self::check), for the files that contain committed data.
    pub(super) fn check_durable(&self) -> SqliteResult<()> {
        check(&self.index)?;
        self.log.first().map_or(Ok(()), check)
    }
}

fn check((path, was): &(PathBuf, FileIdentity)) -> SqliteResult<()> {
    match fs::metadata(path) {
        Ok(found) if identity(&found) == *was => Ok(()),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(path_error("inspecting", path)(error))
        }
        _ => {
            let path = path.display();
            let reason = format!(
                "{path} was moved, removed or replaced while the store was open; open the store again"
            );
            Err(StorageError::new(StorageErrorKind::Replaced, reason))
        }
    }
}

/// The state of an index that is read without locks, as SQLite does with `immutable=1`.
///
/// A process that may not write cannot create the log's shared memory, so it takes no part in
/// SQLite's locks. What it reads is valid if nothing was written meanwhile: the log is absent or
/// empty, its shared memory is absent, and the index is as it was when it was opened. A writer
/// creates the shared memory before it writes anything.
#[derive(Debug)]
pub(super) struct LocklessState {
    index: PathBuf,
    was: FileStamp,
    /// Set for good by the first check that finds a difference.
    changed: AtomicBool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileStamp {
    identity: FileIdentity,
    bytes: u64,
    times: [Option<(i64, i64)>; 2],
}

/// The longest tick of a file system's clock in use. Two writes within one tick have the same time.
const TICK: Duration = Duration::from_millis(20);

impl LocklessState {
    /// Returns the state of an index now. Waits briefly if the index was written just before.
    pub(super) fn of(index: &Path) -> SqliteResult<Self> {
        let found = fs::metadata(index).map_err(path_error("inspecting", index))?;
        // The state is noted before the wait, so that a write during the wait counts as a change.
        let age = |time: SystemTime| time.elapsed().unwrap_or(Duration::ZERO);
        if found.modified().is_ok_and(|time| age(time) < TICK) {
            std::thread::sleep(TICK);
        }
        Ok(Self {
            index: index.to_owned(),
            was: stamp(&found),
            changed: AtomicBool::new(false),
        })
    }

    /// Checks whether nothing was written since.
    pub(super) fn holds(&self) -> bool {
        if self.changed.load(Ordering::Acquire) {
            return false;
        }
        let holds = !is_in_use(&self.index)
            && fs::metadata(&self.index).is_ok_and(|found| stamp(&found) == self.was);
        self.changed.fetch_or(!holds, Ordering::AcqRel);
        holds
    }
}

/// Checks whether a log has contents, or a process has the index open with SQLite's locks.
pub(super) fn is_in_use(index: &Path) -> bool {
    let log = fs::metadata(beside(index, "-wal")).is_ok_and(|found| found.len() > 0);
    log || beside(index, "-shm").exists()
}

fn stamp(found: &Metadata) -> FileStamp {
    #[cfg(unix)]
    let times = {
        use std::os::unix::fs::MetadataExt;
        [
            Some((found.mtime(), found.mtime_nsec())),
            Some((found.ctime(), found.ctime_nsec())),
        ]
    };
    #[cfg(not(unix))]
    let times = {
        let modified = found.modified().ok();
        let since = modified.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        #[allow(clippy::cast_possible_wrap)] // Seconds since 1970.
        [
            since.map(|since| (since.as_secs() as i64, i64::from(since.subsec_nanos()))),
            None,
        ]
    };
    FileStamp {
        identity: identity(found),
        bytes: found.len(),
        times,
    }
}
