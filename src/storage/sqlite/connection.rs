//! Opening of connections, and their settings.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::error::{SqliteContext, SqliteResult};
use super::files::OpenFiles;
use super::index_directory::IndexDirectory;
use super::open_mode::ConnectionMode;
use super::paths::beside;
use super::schema;
use crate::fs::lock::policy::LockPolicy;
use crate::model::record::Durability;
use crate::storage::{StorageError, StorageErrorKind};

/// The oldest release of SQLite without the WAL-reset bug,
/// <https://sqlite.org/wal.html#the_wal_reset_bug>.
///
/// Older releases can lose an acknowledged commit if one connection checkpoints the write-ahead log
/// while another writes.
pub(crate) const MINIMUM_VERSION: (i32, &str) = (3_051_003, "3.51.3");

/// Returns the version of the linked SQLite, which may be older than [`MINIMUM_VERSION`].
pub(crate) fn linked_version() -> (i32, &'static str) {
    (rusqlite::version_number(), rusqlite::version())
}

/// Opens a connection that may write.
pub(super) fn open(place: &IndexDirectory, access: ConnectionMode) -> SqliteResult<Connection> {
    let connection = open_within(place, access, LockPolicy::default().limit)?;
    prepare_commits(&connection)?;
    Ok(connection)
}

/// Opens a connection that waits no longer than `limit` for SQLite's locks.
pub(super) fn open_within(
    place: &IndexDirectory,
    access: ConnectionMode,
    limit: Duration,
) -> SqliteResult<Connection> {
    let doing = format!("opening {}", place.index().display());
    let connection = open_file(place, access).context(&doing)?;
    limit_waits(&connection, limit)?;
    set_up(&connection).context(&doing)?;
    #[cfg(test)]
    let connection = counting(connection).context(&doing)?;
    Ok(connection)
}

/// Also counts the steps of SQLite's virtual machine.
#[cfg(test)]
fn counting(mut connection: Connection) -> rusqlite::Result<Connection> {
    const STEPS: u8 = 50;
    let count = || {
        crate::model::work_counter::add(STEPS.into());
        false
    };
    connection.progress_handler(STEPS.into(), Some(count))?;
    Ok(connection)
}

/// Opens a file whose schema may be damaged, for reading. Whatever can be read of it is used.
pub(super) fn open_damaged(
    place: &IndexDirectory,
    access: ConnectionMode,
    limit: Duration,
) -> SqliteResult<Connection> {
    let doing = format!("opening {}", place.index().display());
    let connection = open_file(place, access).context(&doing)?;
    limit_waits(&connection, limit)?;
    // In addition to what its name says, this makes SQLite ignore errors in the schema, from the
    // second statement on. Nothing is written.
    let _ = connection.execute_batch("PRAGMA writable_schema = ON");
    let _ = schema::is_empty(&connection);
    set_up(&connection).context(&doing)?;
    Ok(connection)
}

/// Makes a connection wait no longer than `limit` for SQLite's locks.
pub(super) fn limit_waits(connection: &Connection, limit: Duration) -> SqliteResult<()> {
    // SQLite counts in milliseconds, up to about 24 days.
    let most = Duration::from_millis(i32::MAX as u64);
    let limited = connection.busy_timeout(limit.min(most));
    limited.context("limiting the waits of a connection")
}

/// Makes the first read, which opens the log.
///
/// If this process cannot create a file that the log needs, the error says what to do.
pub(super) fn open_log(path: &Path, connection: &Connection) -> SqliteResult<()> {
    let read = schema::format_of(connection).map(drop);
    let shared = beside(path, "-shm");
    match read {
        Err(error)
            if matches!(
                error.kind(),
                StorageErrorKind::Io | StorageErrorKind::ReadOnly
            ) && !shared.exists() =>
        {
            let reason = format!(
                "{} has a log, and reading it needs {}, which this process cannot make; first open the store in a process that may write to it",
                path.display(),
                shared.display()
            );
            Err(StorageError::new(StorageErrorKind::Io, reason).because(error))
        }
        read => read,
    }
}

/// Opens a connection that fails instead of waiting.
pub(super) fn open_to_watch(
    place: &IndexDirectory,
    access: ConnectionMode,
) -> SqliteResult<Connection> {
    open_within(place, access, Duration::ZERO)
}

fn open_file(place: &IndexDirectory, access: ConnectionMode) -> rusqlite::Result<Connection> {
    let (path, vfs) = place.address();
    let mode = match access {
        ConnectionMode::Create => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        ConnectionMode::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
        ConnectionMode::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        ConnectionMode::Immutable => OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
    };
    let name = if access == ConnectionMode::Immutable {
        immutable_uri(&path)
    } else {
        path.into_os_string()
    };
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE | mode;
    let opened = match vfs {
        Some(vfs) => Connection::open_with_flags_and_vfs(name, flags, vfs),
        None => Connection::open_with_flags(name, flags),
    };
    // The message contains the name by which SQLite opens the file, which callers do not know.
    opened.map_err(|error| match error {
        rusqlite::Error::SqliteFailure(failure, _) => rusqlite::Error::SqliteFailure(failure, None),
        other => other,
    })
}

/// Returns a URI by which SQLite opens a path as immutable: <https://sqlite.org/uri.html>.
///
/// Bytes other than letters, digits and a few marks are escaped, so that any path is possible.
fn immutable_uri(path: &Path) -> OsString {
    let mut uri = OsString::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                uri.push(char::from(*byte).encode_utf8(&mut [0; 4]));
            }
            byte => uri.push(format!("%{byte:02x}")),
        }
    }
    uri.push("?immutable=1");
    uri
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(96);
    for (setting, value) in SETTINGS {
        connection.set_db_config(setting, value)?;
    }
    connection.execute_batch(
        "PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -4096;   -- KiB; the writer has more, see `prepare_commits`
         PRAGMA mmap_size = 0;        -- with mapped files, an I/O error is a signal",
    )
}

/// The settings of every connection that need no statement.
const SETTINGS: [(DbConfig, bool); 7] = [
    // Closing a connection checkpoints nothing: a process that commits once pays one flush, not
    // three. The log stays for the next process, and `checkpoint` moves its pages when it is long.
    (DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true),
    // A plan must not depend on bound values. Otherwise SQLite, if compiled with STAT4, plans again
    // at each call.
    (DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true),
    // Triggers and views that another program put into the file do not run, and SQL can damage
    // nothing but the rows of tables.
    (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
    (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
];

/// Sets what matters only to commits. Most processes only read.
///
/// Also enlarges the cache: with a small one, pages of long transactions are written twice. Readers
/// keep theirs, because there are many, and the system caches their pages.
pub(super) fn prepare_commits(connection: &Connection) -> SqliteResult<()> {
    prepare_checkpoints(connection)?;
    let settings = "
        PRAGMA cell_size_check = ON;      -- a write must not spread the damage of a page
        PRAGMA cache_size = -16384;
        PRAGMA wal_autocheckpoint = 24000; -- 96 MB: a limit in case `checkpoint` never runs";
    let set = connection.execute_batch(settings);
    set.context("opening the index to write")
}

/// The smallest and the largest page cache of a connection that checks the index, in KiB.
const CHECK_CACHE: (i64, i64) = (64 * 1024, 192 * 1024);

/// Enlarges the page cache for a check of the whole index. Returns the size before.
///
/// The cache holds the index of hashes, which is looked up in random order: about a thirtieth of the
/// file.
pub(super) fn enlarge_cache(connection: &Connection) -> SqliteResult<i64> {
    let sizes = "SELECT cache_size, page_count * page_size / 1024
                 FROM pragma_cache_size, pragma_page_count, pragma_page_size";
    let (before, file): (i64, i64) = connection
        .query_row(sizes, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .context("checking the index")?;
    let (least, most) = CHECK_CACHE;
    set_cache(connection, -(file / 30).clamp(least, most))?;
    Ok(before)
}

/// Sets the size of the page cache. A smaller cache drops its pages.
pub(super) fn set_cache(connection: &Connection, size: i64) -> SqliteResult<()> {
    let set = connection.execute_batch(&format!("PRAGMA cache_size = {size}"));
    set.context("checking the index")
}

/// Sets what matters to whatever flushes: commits and WAL checkpoints.
fn prepare_checkpoints(connection: &Connection) -> SqliteResult<()> {
    let settings = "
        PRAGMA fullfsync = 1;             -- macOS: without it a flush does not reach the medium
        PRAGMA checkpoint_fullfsync = 1;
        PRAGMA synchronous = FULL;
        PRAGMA journal_size_limit = 67108864;";
    let set = connection.execute_batch(settings);
    set.context("setting how the index is flushed")
}

/// Turns on the write-ahead log: readers and writers then do not wait for each other.
///
/// No other mode is safe if SQLite is compiled not to flush directories.
pub(super) fn enable_wal(connection: &Connection) -> SqliteResult<()> {
    let doing = "turning on the write-ahead log";
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .context(doing)?;
    match mode.as_str() {
        "wal" => Ok(()),
        other => Err(StorageError::new(
            StorageErrorKind::Other,
            format!("index: {doing}: the journal mode is still {other}"),
        )),
    }
}

/// Sets the durability of commits. May only be called between transactions.
///
/// A full commit also flushes the relaxed ones before it, because they are in the same log.
pub(super) fn set_durability(connection: &Connection, durability: Durability) -> SqliteResult<()> {
    let level = match durability {
        Durability::Full => "PRAGMA synchronous = FULL",
        Durability::Relaxed => "PRAGMA synchronous = NORMAL",
    };
    connection
        .execute_batch(level)
        .context("setting the durability")
}

/// Opens the first connection of a handle, and reads by it.
///
/// Returns it with the files that it opened.
///
/// Fails as busy if the index is replaced again and again.
pub(super) fn open_first(
    path: &Path,
    access: ConnectionMode,
    limit: Duration,
    open: fn(&IndexDirectory, ConnectionMode, Duration) -> SqliteResult<Connection>,
) -> SqliteResult<(Connection, OpenFiles)> {
    // While it waits, for example for a backup that replaces the index, the name may come to lead
    // to another file.
    for _ in 0..REPLACED_AT_MOST {
        let place = Arc::new(IndexDirectory::of(path));
        let before = OpenFiles::of(&place)?;
        let opened = open(&place, access, limit)
            .and_then(|connection| open_log(path, &connection).map(|()| connection));
        let after = OpenFiles::of(&place)?;
        // If the index was replaced meanwhile, it may have been opened with the log of another, and
        // the result is meaningless.
        if after.is_unmoved_since(&before) {
            return opened.map(|connection| (connection, after));
        }
    }
    let reason = format!(
        "{} was replaced again and again while it was being opened",
        path.display()
    );
    Err(StorageError::new(StorageErrorKind::Busy, reason))
}

/// Maximum number of replacements while a file is opened.
const REPLACED_AT_MOST: usize = 10;

/// Returns the number of pages of the write-ahead log that are not in the database yet.
pub(super) fn pages_to_checkpoint(connection: &Connection) -> SqliteResult<i64> {
    connection
        .query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| {
            Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?)
        })
        .context("measuring the log")
}

/// Returns the number of free pages, and the number of the others.
pub(super) fn pages(connection: &Connection) -> SqliteResult<(i64, i64)> {
    let sql = "SELECT freelist_count, page_count - freelist_count FROM pragma_freelist_count, pragma_page_count";
    connection
        .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .context("counting free pages")
}

/// Rewrites the database without free pages, in one transaction that readers do not see.
///
/// The file gets shorter with the WAL checkpoint that follows.
pub(super) fn compact(connection: &Connection) -> SqliteResult<()> {
    connection
        .execute_batch("VACUUM")
        .context("giving free pages back")
}

/// Checkpoints and truncates a log of at least this many pages, unless another connection uses it.
pub(super) fn empty_log(connection: &Connection, pages: i64) -> rusqlite::Result<()> {
    let sql = "PRAGMA wal_checkpoint(NOOP)";
    let log: i64 = connection.query_row(sql, [], |row| row.get(1))?;
    if log < pages {
        return Ok(());
    }
    // Several handles may be closed at the same time.
    connection.busy_timeout(Duration::from_millis(50))?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// Checkpoints the write-ahead log, except for what readers still need. Costs two flushes.
///
/// The connection is one that reads: its commits would be durable from now on.
pub(super) fn checkpoint(connection: &Connection) -> SqliteResult<()> {
    prepare_checkpoints(connection)?;
    connection
        .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
        .context("checkpointing the log")
}

/// Runs a statement that returns no rows, such as `BEGIN`.
pub(super) fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

/// Calls a function that reads, within one transaction: each would otherwise take SQLite's locks.
pub(super) fn in_transaction<T>(
    connection: &Connection,
    read: impl FnOnce(&Connection) -> SqliteResult<T>,
) -> SqliteResult<T> {
    run(connection, "BEGIN").context("starting to read")?;
    let answer = read(connection);
    let ended = run(connection, "COMMIT").context("ending a read");
    answer.and_then(|answer| ended.map(|()| answer))
}
