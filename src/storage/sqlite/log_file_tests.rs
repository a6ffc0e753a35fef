//! Tests of logs that are written through SQLite, read by SQLite's own VFS.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rusqlite::Connection;
use tempfile::TempDir;

use crate::model::record::Durability;
use crate::storage::sqlite::connection;
use crate::storage::sqlite::index_directory::IndexDirectory;
use crate::storage::sqlite::open_mode::ConnectionMode;
use crate::storage::sqlite::paths::beside;

/// Rows by their key, each a number that its text repeats.
type Rows = BTreeMap<i64, i64>;

/// Opens a connection whose cache has few pages, so that long transactions write some early.
fn open(index: &Path) -> Connection {
    let place = IndexDirectory::of(index);
    assert!(place.address().1.is_some(), "the VFS is used");
    let connection = connection::open(&place, ConnectionMode::Create).unwrap();
    connection::enable_wal(&connection).unwrap();
    connection.execute_batch("PRAGMA cache_size = 10").unwrap();
    // The directory must stay open as long as the connection.
    std::mem::forget(place);
    connection
}

fn create(index: &Path) -> Connection {
    let connection = open(index);
    let sql = "CREATE TABLE t (key INTEGER PRIMARY KEY, number INTEGER, text TEXT)";
    connection.execute_batch(sql).unwrap();
    connection
}

fn put(connection: &Connection, key: i64, number: i64) {
    let sql = "INSERT OR REPLACE INTO t VALUES (?1, ?2, printf('%.1200c', ?2))";
    connection.execute(sql, (key, number)).unwrap();
}

/// Reads all rows by SQLite's own VFS, and checks the whole file.
fn read(index: &Path) -> Rows {
    let connection = Connection::open(index).unwrap();
    let check = "PRAGMA integrity_check";
    let found: String = connection.query_row(check, [], |row| row.get(0)).unwrap();
    assert_eq!(found, "ok");
    let sql = "SELECT key, number FROM t WHERE text = printf('%.1200c', number)";
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

/// Reads all rows from a copy of the database and its log, without the shared memory.
///
/// SQLite then reads the log from its beginning, and ignores all that follows a wrong checksum.
fn read_copy(index: &Path) -> Rows {
    let directory = TempDir::new().unwrap();
    let copy = directory.path().join("copy.db");
    fs::copy(index, &copy).unwrap();
    fs::copy(beside(index, "-wal"), beside(&copy, "-wal")).unwrap();
    read(&copy)
}

fn log_size(index: &Path) -> u64 {
    fs::metadata(beside(index, "-wal")).unwrap().len()
}

#[test]
fn a_transaction_is_written_when_it_commits() {
    let directory = TempDir::new().unwrap();
    let index = directory.path().join("index.db");
    let connection = create(&index);
    let before = log_size(&index);
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    for key in 0..40 {
        put(&connection, key, key);
    }
    assert_eq!(log_size(&index), before, "frames are in the buffer");
    connection.execute_batch("COMMIT").unwrap();
    assert!(log_size(&index) > before);
    let expected: Rows = (0..40).map(|key| (key, key)).collect();
    assert_eq!(read_copy(&index), expected);
}

#[test]
fn a_transaction_that_was_rolled_back_does_not_overwrite_a_later_one() {
    let directory = TempDir::new().unwrap();
    let index = directory.path().join("index.db");
    let (first, second) = (create(&index), open(&index));
    // A rollback then reads the database and not the log.
    connection::checkpoint(&first).unwrap();
    first.execute_batch("BEGIN IMMEDIATE").unwrap();
    (0..40).for_each(|key| put(&first, key, 1));
    first.execute_batch("ROLLBACK").unwrap();
    second.execute_batch("BEGIN IMMEDIATE").unwrap();
    (0..20).for_each(|key| put(&second, key, 2));
    second.execute_batch("COMMIT").unwrap();
    put(&first, 30, 3);
    let mut expected: Rows = (0..20).map(|key| (key, 2)).collect();
    expected.insert(30, 3);
    assert_eq!(read(&index), expected);
    assert_eq!(read_copy(&index), expected);
}

/// Compares transactions of two connections with a map, after each commit.
#[test]
fn any_transactions_of_two_connections_leave_what_they_committed() {
    let seed = fastrand::u64(..);
    let mut rng = fastrand::Rng::with_seed(seed);
    let directory = TempDir::new().unwrap();
    let index = directory.path().join("index.db");
    let connections = [create(&index), open(&index)];
    let mut committed = Rows::new();
    for _ in 0..60 {
        let connection = &connections[rng.usize(..2)];
        let mut rows = committed.clone();
        // After a commit that is not flushed, nothing else writes the rest of the buffer.
        let durability = rng.choice([Durability::Full, Durability::Relaxed]);
        connection::set_durability(connection, durability.unwrap()).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut savepoint: Option<Rows> = None;
        for _ in 0..rng.usize(1..120) {
            match rng.u8(..20) {
                0 => {
                    connection.execute_batch("SAVEPOINT s").unwrap();
                    savepoint = Some(rows.clone());
                }
                1 => {
                    if let Some(before) = &savepoint {
                        connection.execute_batch("ROLLBACK TO s").unwrap();
                        rows = before.clone();
                    }
                }
                2 => {
                    let key = rng.i64(..200);
                    let sql = "DELETE FROM t WHERE key = ?1";
                    connection.execute(sql, [key]).unwrap();
                    rows.remove(&key);
                }
                _ => {
                    let (key, number) = (rng.i64(..200), rng.i64(..1000));
                    put(connection, key, number);
                    rows.insert(key, number);
                }
            }
        }
        if rng.u8(..4) == 0 {
            connection.execute_batch("ROLLBACK").unwrap();
        } else {
            connection.execute_batch("COMMIT").unwrap();
            committed = rows;
        }
        if rng.u8(..3) == 0 {
            connection::checkpoint(connection).unwrap();
        }
        assert_eq!(read(&index), committed, "seed {seed}");
        assert_eq!(read_copy(&index), committed, "seed {seed}");
    }
}
