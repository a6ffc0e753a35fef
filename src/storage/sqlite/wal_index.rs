//! The header of SQLite's WAL index, read in place: whether anybody has committed since, for the price of a few loads.
//!
//! In WAL mode every commit, of every process, ends by writing this header into memory that all of them share: its second
//! copy first, then the first, with a barrier between (<https://sqlite.org/walformat.html#the_wal_index_header>, and
//! `walIndexWriteHdr` in SQLite's `wal.c`). So a reader that loads the first copy, then the second, and finds them equal has
//! the header of one commit; and once a commit is acknowledged, everybody who looks finds its header or a later one. It
//! counts commits, and has checksums of the log, so a header does not come back.
//!
//! This is the crate's only `unsafe` code. What it relies on:
//!
//! - The pointer is what SQLite's own VFS answers for this file (`xShmMap`), and holds while a connection has the file open:
//!   [`WalIndex`] keeps one for that, and uses it for nothing else.
//! - The first region is at least 32 KiB, page-aligned, and is not moved while it is mapped.
//! - Others write to it, so it is read through atomics only.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering, fence};

use rusqlite::{Connection, ffi};

/// How many 32-bit words the header has.
pub(super) const WORDS: usize = 12;

/// The word whose first byte says that the header was written (`isInit`).
const IS_INITIALIZED: usize = 3;

/// The header as it lies in memory: twice, one behind the other.
type Copies = [[AtomicU32; WORDS]; 2];

/// The size of a region, as SQLite's `WALINDEX_PGSZ` has it.
const REGION: i32 = 32 * 1024;

/// The header of the WAL index of one file.
#[derive(Debug)]
pub(super) struct WalIndex {
    copies: NonNull<Copies>,
    /// Keeps the index mapped. Nobody uses it.
    _connection: Mutex<Connection>,
}

// SAFETY: the memory is shared by design, is read through atomics only, and stays mapped as long as the connection, which is
// dropped with this.
unsafe impl Send for WalIndex {}
// SAFETY: as above.
unsafe impl Sync for WalIndex {}

impl WalIndex {
    /// The header of the file that a connection has read from, in WAL mode; else the connection is given back.
    pub(super) fn of(connection: Connection) -> Result<Self, Connection> {
        // Of another file, asking would make one.
        let mode = connection.query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0));
        let mapped = mode
            .is_ok_and(|mode| mode == "wal")
            .then(|| map(&connection));
        match mapped.flatten() {
            Some(copies) => Ok(Self {
                copies,
                _connection: Mutex::new(connection),
            }),
            None => Err(connection),
        }
    }

    /// The header as of now; none while somebody writes it, or where there is no valid one.
    pub(super) fn header(&self) -> Option<[u32; WORDS]> {
        // SAFETY: `map` checked the pointer, and the connection keeps it mapped.
        agreed(unsafe { self.copies.as_ref() })
    }
}

/// What both copies say, if they agree and are initialized.
fn agreed([first, second]: &Copies) -> Option<[u32; WORDS]> {
    let first = first.each_ref().map(|word| word.load(Ordering::Acquire));
    fence(Ordering::Acquire);
    let second = second.each_ref().map(|word| word.load(Ordering::Acquire));
    let is_initialized = first[IS_INITIALIZED].to_ne_bytes()[0] != 0;
    (first == second && is_initialized).then_some(first)
}

/// Where the VFS has mapped the header.
fn map(connection: &Connection) -> Option<NonNull<Copies>> {
    let mut file: *mut ffi::sqlite3_file = ptr::null_mut();
    // SAFETY: the handle is open, `main` is its file, and for this operation the argument is a place for a pointer to the
    // file, which belongs to the connection (<https://sqlite.org/c3ref/c_fcntl_begin_atomic_write.html>).
    let answer = unsafe {
        ffi::sqlite3_file_control(
            connection.handle(),
            c"main".as_ptr(),
            ffi::SQLITE_FCNTL_FILE_POINTER,
            ptr::from_mut(&mut file).cast::<c_void>(),
        )
    };
    if answer != ffi::SQLITE_OK {
        return None;
    }
    // SAFETY: SQLite answered with its open file or with null, and a file's methods are null or a table that outlives it.
    let methods = unsafe { file.as_ref()?.pMethods.as_ref()? };
    // Before the second version, tables had no such method.
    let map = (methods.iVersion >= 2).then_some(methods.xShmMap)??;
    let mut region: *mut c_void = ptr::null_mut();
    // SAFETY: this is how SQLite itself asks for the region (`walIndexPageRealloc`), but that it is not to be made where it
    // does not exist. The connection has read in WAL mode, so its file is connected to the shared memory.
    let answer = unsafe { map(file, 0, REGION, 0, ptr::from_mut(&mut region).cast()) };
    let copies = NonNull::new(region.cast::<Copies>())?;
    (answer == ffi::SQLITE_OK && copies.is_aligned()).then_some(copies)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copies(first: [u32; WORDS], second: [u32; WORDS]) -> Copies {
        [first.map(AtomicU32::new), second.map(AtomicU32::new)]
    }

    #[test]
    fn a_header_is_one_that_both_copies_have() {
        let header = std::array::from_fn(|at| at as u32 + 0x0101_0101);
        assert_eq!(agreed(&copies(header, header)), Some(header));
        for word in 0..WORDS {
            let mut other = header;
            other[word] ^= 1 << 20;
            assert_eq!(agreed(&copies(header, other)), None, "word {word} is torn");
        }
        let mut unwritten = header;
        unwritten[IS_INITIALIZED] &= !u32::from_ne_bytes([0xff, 0, 0, 0]);
        assert_eq!(agreed(&copies(unwritten, unwritten)), None);
    }

    #[test]
    fn it_is_had_for_a_file_in_wal_mode_and_each_commit_changes_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("index.db");
        let writer = Connection::open(&path).unwrap();
        let make = "PRAGMA journal_mode = WAL; CREATE TABLE t (a);";
        writer.execute_batch(make).unwrap();
        let reader = Connection::open(&path).unwrap();
        let count = |reader: &Connection| -> u32 {
            let sql = "SELECT count(*) FROM t";
            reader.query_row(sql, [], |row| row.get(0)).unwrap()
        };
        assert_eq!(count(&reader), 0);
        let index = WalIndex::of(reader).unwrap();
        for _ in 0..100 {
            let before = index.header().unwrap();
            assert_eq!(index.header(), Some(before), "nothing was committed");
            writer
                .execute_batch("BEGIN; INSERT INTO t VALUES (1); ROLLBACK")
                .unwrap();
            writer.execute_batch("INSERT INTO t VALUES (1)").unwrap();
            assert_ne!(index.header().unwrap(), before, "a commit was not seen");
        }
    }

    #[test]
    fn it_is_not_had_for_other_files() {
        let directory = tempfile::tempdir().unwrap();
        let plain = Connection::open(directory.path().join("plain.db")).unwrap();
        plain.execute_batch("CREATE TABLE t (a)").unwrap();
        assert!(WalIndex::of(plain).is_err(), "a rollback journal has none");
        let memory = Connection::open_in_memory().unwrap();
        memory.execute_batch("CREATE TABLE t (a)").unwrap();
        assert!(WalIndex::of(memory).is_err(), "memory has no file");
    }
}
