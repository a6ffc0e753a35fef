//! Opening a connection, and what each is set to.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::error::{Context, Result};
use super::files;
use super::files::OpenFiles;
use super::index::{Found, Probed, Purpose};
use super::schema;
use crate::fs::lock::policy::LockPolicy;
use crate::model::record::Durability;
use crate::storage::{Error, ErrorKind};

/// Older releases can lose an acknowledged commit when one connection folds the write-ahead log in while another
/// writes: the WAL-reset bug, <https://sqlite.org/wal.html#the_wal_reset_bug>.
pub(crate) const MINIMUM_VERSION: (i32, &str) = (3_051_003, "3.51.3");

/// The SQLite that is linked in, if it is older than [`MINIMUM_VERSION`] or not.
pub(crate) fn linked_version() -> (i32, &'static str) {
    (rusqlite::version_number(), rusqlite::version())
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Create,
    Write,
    Read,
    /// Without SQLite's locks: this process can't write, and the log has nothing. What is read holds if
    /// [`Unlocked`](super::files::Unlocked) says so.
    Immutable,
}

/// How a connection is opened for a purpose.
pub(super) fn access(path: &Path, purpose: Purpose) -> Access {
    match purpose {
        Purpose::Write => Access::Write,
        Purpose::Read => Access::Read,
        // With a log beside it, or others at work, SQLite reads through the files that they made.
        Purpose::ReadUnwritable if files::is_in_use(path) => Access::Read,
        Purpose::ReadUnwritable => Access::Immutable,
    }
}

/// Whether a write-ahead log holds something, and the file that it belongs to nothing.
pub(super) fn log_without_index(path: &Path) -> bool {
    file_size(path) == 0 && file_size(&beside(path, "-wal")) > 0
}

/// Whether the write-ahead log has been made.
pub(super) fn log_exists(path: &Path) -> bool {
    beside(path, "-wal").exists()
}

pub(super) fn beside(path: &Path, suffix: &str) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn file_size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

pub(super) fn open(path: &Path, access: Access) -> Result<Connection> {
    open_within(path, access, LockPolicy::default().limit)
}

/// A connection that waits no longer than this for SQLite's locks.
pub(super) fn open_within(path: &Path, access: Access, limit: Duration) -> Result<Connection> {
    let doing = format!("opening {}", path.display());
    let connection = open_file(path, access).context(&doing)?;
    limit_waits(&connection, limit)?;
    set_up(&connection).context(&doing)?;
    #[cfg(test)]
    let connection = counting(connection).context(&doing)?;
    Ok(connection)
}

/// Counts the steps of SQLite's virtual machine too.
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

/// Opens a file whose schema may be damaged, for reading: what of it can be read is used.
pub(super) fn open_damaged(path: &Path, access: Access, limit: Duration) -> Result<Connection> {
    let doing = format!("opening {}", path.display());
    let connection = open_file(path, access).context(&doing)?;
    limit_waits(&connection, limit)?;
    // Besides what its name says, it has errors in the schema ignored from the second statement on. Nothing is written.
    let _ = connection.execute_batch("PRAGMA writable_schema = ON");
    let _ = schema::is_empty(&connection);
    set_up(&connection).context(&doing)?;
    Ok(connection)
}

/// Has a connection wait no longer than this for SQLite's locks.
pub(super) fn limit_waits(connection: &Connection, limit: Duration) -> Result<()> {
    // SQLite counts in milliseconds, to about 24 days.
    let most = Duration::from_millis(i32::MAX as u64);
    let limited = connection.busy_timeout(limit.min(most));
    limited.context("limiting the waits of a connection")
}

/// Reads for the first time, which is what opens the log.
pub(super) fn open_log(path: &Path, connection: &Connection) -> Result<()> {
    let read = schema::format_of(connection).map(drop);
    let shared = beside(path, "-shm");
    match read {
        Err(error)
            if matches!(error.kind(), ErrorKind::Io | ErrorKind::ReadOnly) && !shared.exists() =>
        {
            let reason = format!(
                "{} has a log, and reading it needs {}, which this process can't make: a process that may write has to open the store first",
                path.display(),
                shared.display()
            );
            Err(Error::new(ErrorKind::Io, reason).because(error))
        }
        read => read,
    }
}

/// A connection that would sooner fail than wait.
pub(super) fn open_to_watch(path: &Path, access: Access) -> Result<Connection> {
    open_within(path, access, Duration::ZERO)
}

fn open_file(path: &Path, access: Access) -> rusqlite::Result<Connection> {
    let base = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    match access {
        Access::Create => Connection::open_with_flags(
            path,
            base | OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        ),
        Access::Write => {
            Connection::open_with_flags(path, base | OpenFlags::SQLITE_OPEN_READ_WRITE)
        }
        Access::Read => Connection::open_with_flags(path, base | OpenFlags::SQLITE_OPEN_READ_ONLY),
        Access::Immutable => Connection::open_with_flags(
            immutable_uri(path),
            base | OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
        ),
    }
}

/// A URI by which SQLite opens a path as immutable: <https://sqlite.org/uri.html>. Bytes that are no letters or digits are
/// escaped, so that any path is possible.
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
    // Closing folds nothing in: a process that commits once pays one flush, not three. The log stays for the
    // next one, and `checkpoint` folds it in when it is long.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // A plan does not depend on what is bound: else SQLite, compiled with STAT4, plans anew at each call.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // What another program put into the file does not run, and SQL can't damage what is not a table's rows.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.execute_batch(
        "PRAGMA fullfsync = 1;             -- macOS: without it a flush does not reach the medium
         PRAGMA checkpoint_fullfsync = 1;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;      -- finds damaged pages earlier
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -4096;        -- KiB; of the writer more, see `enlarge_cache`
         PRAGMA mmap_size = 0;             -- with it an I/O error is a signal
         PRAGMA wal_autocheckpoint = 8000; -- the backstop, where `checkpoint` never came to it: 32 MB
         PRAGMA journal_size_limit = 67108864;",
    )?;
    Ok(())
}

/// Has the file written through a log from now on: its readers and writers don't wait for each other, and no other
/// way is safe where SQLite is compiled not to flush directories.
pub(super) fn keep_log(connection: &Connection) -> Result<()> {
    let doing = "turning the log on";
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .context(doing)?;
    match mode.as_str() {
        "wal" => Ok(()),
        other => Err(Error::new(
            ErrorKind::Other,
            format!("index: {doing}: it stays {other}"),
        )),
    }
}

/// Only between transactions. A full commit flushes the relaxed ones before it too: they are in the same log.
pub(super) fn set_durability(connection: &Connection, durability: Durability) -> Result<()> {
    let level = match durability {
        Durability::Full => "PRAGMA synchronous = FULL",
        Durability::Relaxed => "PRAGMA synchronous = NORMAL",
    };
    connection
        .execute_batch(level)
        .context("setting the durability")
}

/// Gives a connection the pages of long transactions, which then need not be written twice. Readers are many, and the
/// system has their pages.
pub(super) fn enlarge_cache(connection: &Connection) -> Result<()> {
    let kib = "PRAGMA cache_size = -16384";
    run(connection, kib).context("opening the index to write")
}

/// Opens the first connection of a handle, and reads by it. The answer names the files that it opened.
pub(super) fn open_first(
    path: &Path,
    access: Access,
    limit: Duration,
    open: fn(&Path, Access, Duration) -> Result<Connection>,
) -> Result<(Connection, OpenFiles)> {
    // While it waits, such as for a backup that replaces the index, the name may come to lead to another file.
    for _ in 0..REPLACED_AT_MOST {
        let before = OpenFiles::of(path)?;
        let opened = open(path, access, limit)
            .and_then(|connection| open_log(path, &connection).map(|()| connection));
        let after = OpenFiles::of(path)?;
        // An index that was opened with the log of another says nothing of either.
        if after.is_same_index(&before) {
            return opened.map(|connection| (connection, after));
        }
    }
    let reason = format!("{} is replaced again and again", path.display());
    Err(Error::new(ErrorKind::Busy, reason))
}

/// More replacements than this while a file is opened are reported.
const REPLACED_AT_MOST: usize = 10;

/// A page of the smallest size, in bytes.
const SMALLEST_DATABASE: u64 = 512;

/// A page of the size that an index is made with.
const PAGE: u64 = 4096;

/// What a file is, without changing it.
pub(super) fn probe(path: &Path, access: Access, limit: Duration) -> Result<Probed> {
    let alone = |found| Probed {
        found,
        opened: None,
        damage: None,
    };
    match file_size(path) {
        0 => return Ok(alone(Found::Nothing)),
        // SQLite takes one of a single byte for an empty database, and would overwrite it.
        1..SMALLEST_DATABASE => return Ok(alone(Found::Foreign)),
        _ => {}
    }
    let identify = || -> Result<Probed> {
        let (connection, files) = open_first(path, access, limit, open_within)?;
        let application = schema::application_of(&connection)?;
        let found = match (application, schema::format_of(&connection)?) {
            (schema::APPLICATION_ID, format) => Found::Index(format),
            (schema::UNRELEASED_APPLICATION_ID, format) => Found::Unreleased(format),
            // WAL mode was set, and the tables were not committed.
            (0, 0) if schema::is_empty(&connection)? => Found::Nothing,
            _ => Found::Foreign,
        };
        let opened = Some((connection, files));
        Ok(Probed {
            found,
            opened,
            damage: None,
        })
    };
    match identify() {
        Err(error) if error.kind() == ErrorKind::Corrupt => Ok(Probed {
            damage: Some(error),
            ..alone(Found::Foreign)
        }),
        identified => identified,
    }
}

/// Whether a file begins as every SQLite database does. Only for a file that SQLite does not open: closing it takes SQLite's
/// locks on it away.
pub(super) fn begins_as_database(path: &Path) -> bool {
    use std::io::Read;
    let mut start = [0; 16];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && &start == b"SQLite format 3\0"
}

/// Whether a file is one page that was never written. A power cut may leave that of an index that was being made: where
/// SQLite does not flush directories, the journal that would take the page back can be gone. Only for who makes an index:
/// it closes the file, and with it SQLite's locks.
pub(super) fn is_unwritten(path: &Path) -> Result<bool> {
    if !(1..=PAGE).contains(&file_size(path)) || file_size(&beside(path, "-wal")) > 0 {
        return Ok(false);
    }
    let bytes = std::fs::read(path).map_err(|error| failed("reading", path, error))?;
    Ok(bytes.iter().all(|byte| *byte == 0))
}

/// Makes such a file an empty one.
pub(super) fn empty(path: &Path) -> Result<()> {
    let file = std::fs::File::options().write(true).open(path);
    let emptied = file.and_then(|file| file.set_len(0));
    emptied.map_err(|error| failed("emptying", path, error))
}

fn failed(doing: &str, path: &Path, error: std::io::Error) -> Error {
    Error::io(format!("{doing} {}", path.display()), error)
}

/// How many pages of the write-ahead log are not folded into the database yet.
pub(super) fn unfolded_pages(connection: &Connection) -> Result<i64> {
    connection
        .query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| {
            Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?)
        })
        .context("measuring the log")
}

/// How many pages are free, and how many are not.
pub(super) fn pages(connection: &Connection) -> Result<(i64, i64)> {
    let sql = "SELECT freelist_count, page_count - freelist_count FROM pragma_freelist_count, pragma_page_count";
    connection
        .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .context("counting free pages")
}

/// Writes all anew, without free pages, in one transaction: readers see nothing of it. The file is shorter once the log is
/// folded in.
pub(super) fn compact(connection: &Connection) -> Result<()> {
    connection
        .execute_batch("VACUUM")
        .context("giving free pages back")
}

/// Folds in and empties a log of this many pages or more, as far as nobody uses it.
pub(super) fn empty_log(connection: &Connection, pages: i64) -> rusqlite::Result<()> {
    let sql = "PRAGMA wal_checkpoint(NOOP)";
    let log: i64 = connection.query_row(sql, [], |row| row.get(1))?;
    if log < pages {
        return Ok(());
    }
    // Several may close at once.
    connection.busy_timeout(Duration::from_millis(50))?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// Folds the write-ahead log into the database, as far as readers allow. Two flushes.
pub(super) fn checkpoint(connection: &Connection) -> Result<()> {
    connection
        .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
        .context("folding the log in")
}

/// Runs a statement that gives no rows, such as `BEGIN`.
pub(super) fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}
