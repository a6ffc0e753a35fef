//! Copying of an index while it is in use, and replacement of an earlier copy.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode};

use super::connection;
use super::error::{SqliteContext, SqliteResult};
use super::files::OpenFiles;
use super::index::SqliteIndex;
use super::index_directory::IndexDirectory;
use super::open_mode::ConnectionMode;
use super::read_connection::ReadConnection;
use super::snapshot::SqliteSnapshot;
#[cfg(feature = "remote")]
use crate::fs::durable::link_durably;
use crate::fs::durable::replace_durably;
use crate::fs::owner::prepare_index;
use crate::storage::{Snapshot, StorageError, StorageErrorKind};

/// How long a replacement waits for processes that have the index open only briefly, such as a
/// command that reads it.
const WAIT_FOR_OTHERS: Duration = Duration::from_secs(2);

/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(10);

impl SqliteIndex {
    /// Copies the index as of one moment to a new file, which is not flushed.
    ///
    /// The copy is made page by page, so that an index with a damaged page is copied, too.
    pub(crate) fn copy(&self, to: &Path) -> SqliteResult<()> {
        self.usable()?;
        loop {
            let source = self.connect()?;
            copy(&source.connection, to)?;
            if source.is_consistent() {
                return Ok(());
            }
        }
    }

    /// Puts a copy in the place of the index at `path`, durably.
    ///
    /// An existing index is replaced together with its log.
    ///
    /// No other connection may have the index open, because its log would be taken for that of the
    /// new one. So the index is locked until the new one has its name, and processes that open it
    /// wait for that. `check` reads the index under the lock; if it fails, nothing is changed.
    pub(crate) fn replace<E: From<StorageError>>(
        copy: &Path,
        path: &Path,
        check: impl FnOnce(&dyn Snapshot) -> Result<(), E>,
    ) -> Result<(), E> {
        Self::replace_after(copy, path, check, || Ok(()))
    }

    /// Replaces an index as [`replace`](Self::replace) does, and gives the old one another name.
    #[cfg(feature = "remote")]
    pub(crate) fn replace_and_keep<E: From<StorageError>>(
        copy: &Path,
        path: &Path,
        kept: &Path,
        check: impl FnOnce(&dyn Snapshot) -> Result<(), E>,
    ) -> Result<(), E> {
        // The old index has both names until the new one takes the first.
        Self::replace_after(copy, path, check, || link_durably(path, kept))
    }

    fn replace_after<E: From<StorageError>>(
        copy: &Path,
        path: &Path,
        check: impl FnOnce(&dyn Snapshot) -> Result<(), E>,
        before: impl FnOnce() -> SqliteResult<()>,
    ) -> Result<(), E> {
        // Locked until the connection is dropped, after the renaming.
        let (_place, locked) = lock_whole(path)?.unzip();
        let old =
            locked.map(|old| SqliteSnapshot::apart(ReadConnection::of(old, &Default::default())));
        if let Some(old) = &old {
            check(old)?;
            // What remains of the log is empty, and belongs to no index.
            old.tables()
                .connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
                .context("emptying the log of the replaced index")?;
        }
        before()?;
        Ok(replace_durably(copy, path)?)
    }

    /// Fails as busy if a connection of any process has the index at `path` open.
    ///
    /// The index could not be replaced now.
    pub(crate) fn check_unused(path: &Path) -> SqliteResult<()> {
        lock_whole(path).map(drop)
    }
}

fn copy(source: &Connection, to: &Path) -> SqliteResult<()> {
    prepare_index(to)?;
    let place = IndexDirectory::of(to);
    let mut target = connection::open(&place, ConnectionMode::Create)?;
    let doing = "copying the index";
    let backup = Backup::new(source, &mut target).context(doing)?;
    // In one step, because a commit of another connection would restart the copy.
    match backup.step(-1).context(doing)? {
        StepResult::Done => {}
        other => {
            let reason = format!("index: {doing} ended with {other:?}");
            return Err(StorageError::new(StorageErrorKind::Other, reason));
        }
    }
    drop(backup);
    target.close().map_err(|(_, error)| error).context(doing)
}

/// Returns a connection that holds all locks of an index, and the index's directory.
///
/// Returns `None` if there is no index.
///
/// The locks are held until the connection is closed. In the exclusive locking mode the first read
/// takes SQLite's exclusive lock. Any other open connection to a database with a log prevents that
/// (<https://sqlite.org/wal.html#use_of_wal_without_shared_memory>).
fn lock_whole(path: &Path) -> SqliteResult<Option<(Arc<IndexDirectory>, Connection)>> {
    let doing = format!("locking {}", path.display());
    let deadline = Instant::now() + WAIT_FOR_OTHERS;
    while path
        .try_exists()
        .map_err(|error| StorageError::io(&doing, error))?
    {
        let place = Arc::new(IndexDirectory::of(path));
        let before = OpenFiles::of(&place)?;
        let connection = connection::open(&place, ConnectionMode::Write)?;
        let is_locked = is_locked_whole(&connection).context(&doing)?;
        let after = OpenFiles::of(&place)?;
        if is_locked && after.is_unmoved_since(&before) {
            return Ok(Some((place, connection)));
        }
        drop(connection);
        if Instant::now() >= deadline {
            let path = path.display();
            let reason = format!(
                "{path} cannot be replaced while a process has it open; nothing was changed"
            );
            return Err(StorageError::new(StorageErrorKind::Busy, reason));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(None)
}

fn is_locked_whole(connection: &Connection) -> rusqlite::Result<bool> {
    connection.busy_timeout(Duration::ZERO)?;
    let sql = "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT";
    match connection.execute_batch(sql) {
        Ok(()) => Ok(true),
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Ok(false),
            _ => Err(error),
        },
    }
}
