//! The header of SQLite's WAL index, read in place: it shows commits at the cost of a few loads.
//!
//! In WAL mode every commit, of any process, ends by writing this header into memory that all
//! processes share: first its second copy, then the first, with a barrier in between
//! (<https://sqlite.org/walformat.html#the_wal_index_header>, and `walIndexWriteHdr` in SQLite's
//! `wal.c`). So a reader that loads the first copy, then the second, and finds them equal has the
//! header of one commit. Once a commit is acknowledged, every reader finds its header or a later
//! one. The header counts commits and contains checksums of the log, so no header occurs twice.
//!
//! The `unsafe` code relies on the following:
//!
//! - The pointer is the one that SQLite's own VFS returns for this file (`xShmMap`). It is valid
//!   while a connection has the file open: [`WalIndex`] keeps one for that, and uses it for nothing
//!   else; [`WalHeader::of`] borrows one.
//! - The first region is at least 32 KiB, page-aligned, and is not moved while it is mapped.
//! - Other processes write to it, so it is only read through atomics.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering, fence};

use rusqlite::{Connection, ffi};

/// Number of 32-bit words in the header.
pub(super) const WORDS: usize = 12;

/// The word that counts commits since the log was recovered from its file (`iChange`).
const COMMITS: usize = 2;

/// The word whose first byte says whether the header was written (`isInit`), and whose second half
/// is the page size (`szPage`).
const IS_INITIALIZED: usize = 3;

/// The word that contains the number of committed frames of the log (`mxFrame`).
const FRAMES: usize = 4;

/// The words of the checksum of the log's last frame, and of its salts (`aFrameCksum`, `aSalt`).
const CHECKSUM: [usize; 2] = [6, 7];
const SALTS: [usize; 2] = [8, 9];

/// The sizes in bytes of the log's own header and of a frame's.
const LOG_HEADER_BYTES: u64 = 32;
const FRAME_HEADER_BYTES: u64 = 24;

/// The header in memory: two copies, one after the other.
type HeaderCopies = [[AtomicU32; WORDS]; 2];

/// The size of a region: SQLite's `WALINDEX_PGSZ`.
const REGION: i32 = 32 * 1024;

/// The header of the WAL index of one file.
#[derive(Debug)]
pub(super) struct WalIndex {
    copies: NonNull<HeaderCopies>,
    /// Keeps the index mapped, and is not used otherwise.
    _connection: Mutex<Connection>,
}

// SAFETY: the memory is shared by design, is only read through atomics, and stays mapped as long as
// the connection, which is dropped with this.
unsafe impl Send for WalIndex {}
// SAFETY: as above.
unsafe impl Sync for WalIndex {}

impl WalIndex {
    /// Returns the header of the file that a connection has read from, in WAL mode.
    ///
    /// Otherwise, returns the connection.
    pub(super) fn of(connection: Connection) -> Result<Self, Connection> {
        let mapped = has_wal(&connection).then(|| map(&connection));
        match mapped.flatten() {
            Some(copies) => Ok(Self {
                copies,
                _connection: Mutex::new(connection),
            }),
            None => Err(connection),
        }
    }

    /// Returns the current header; `None` while it is being written, or if there is no valid one.
    pub(super) fn header(&self) -> Option<[u32; WORDS]> {
        // SAFETY: `map` checked the pointer, and the connection keeps it mapped.
        agreed(unsafe { self.copies.as_ref() })
    }
}

/// Returns whether a connection is in WAL mode.
///
/// In another mode, a request for the header would create shared memory.
pub(super) fn has_wal(connection: &Connection) -> bool {
    let mode = connection.query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0));
    mode.is_ok_and(|mode| mode == "wal")
}

/// The contents of the header at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WalHeader([u32; WORDS]);

impl WalHeader {
    /// Returns the current header of the log that a connection in WAL mode has read from.
    ///
    /// Returns `None` while it is being written, or if it cannot be mapped. It costs no system
    /// call.
    pub(super) fn of(connection: &Connection) -> Option<Self> {
        let copies = map(connection)?;
        // SAFETY: `map` checked the pointer, and the connection keeps it mapped.
        agreed(unsafe { copies.as_ref() }).map(Self)
    }

    /// Returns whether a connection has committed since the log was recovered from its file.
    pub(super) fn has_commits(self) -> bool {
        self.0[COMMITS] != 0
    }

    /// Returns the size in bytes of the committed part of the log.
    pub(super) fn log_bytes(self) -> u64 {
        let [_, _, page @ ..] = self.0[IS_INITIALIZED].to_ne_bytes();
        let page = match u16::from_ne_bytes(page) {
            1 => 65_536,
            bytes => u64::from(bytes),
        };
        match self.0[FRAMES] {
            0 => 0,
            frames => LOG_HEADER_BYTES + u64::from(frames) * (FRAME_HEADER_BYTES + page),
        }
    }

    /// Returns what identifies the contents of the log: the number of frames, checksum and salts.
    pub(super) fn log_state(self) -> [u32; 5] {
        let [checksum, more_checksum] = CHECKSUM;
        let [salt, more_salt] = SALTS;
        [FRAMES, checksum, more_checksum, salt, more_salt].map(|word| self.0[word])
    }
}

/// Returns the header if both copies agree and are initialized.
fn agreed([first, second]: &HeaderCopies) -> Option<[u32; WORDS]> {
    let first = first.each_ref().map(|word| word.load(Ordering::Acquire));
    fence(Ordering::Acquire);
    let second = second.each_ref().map(|word| word.load(Ordering::Acquire));
    let is_initialized = first[IS_INITIALIZED].to_ne_bytes()[0] != 0;
    (first == second && is_initialized).then_some(first)
}

/// Returns the address at which the VFS has mapped the header.
fn map(connection: &Connection) -> Option<NonNull<HeaderCopies>> {
    let mut file: *mut ffi::sqlite3_file = ptr::null_mut();
    // SAFETY: the handle is open, `main` is its file, and for this operation the argument is a
    // place for a pointer to the file, which belongs to the connection
    // (<https://sqlite.org/c3ref/c_fcntl_begin_atomic_write.html>).
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
    // SAFETY: SQLite returned its open file or null, and a file's methods are null or a table that
    // outlives it.
    let methods = unsafe { file.as_ref()?.pMethods.as_ref()? };
    // Method tables before version 2 do not have this method.
    let map = (methods.iVersion >= 2).then_some(methods.xShmMap)??;
    let mut region: *mut c_void = ptr::null_mut();
    // SAFETY: SQLite requests the region in this way (`walIndexPageRealloc`), except that it is not
    // created here if it does not exist. The connection has read in WAL mode, so its file is
    // connected to the shared memory.
    let answer = unsafe { map(file, 0, REGION, 0, ptr::from_mut(&mut region).cast()) };
    let copies = NonNull::new(region.cast::<HeaderCopies>())?;
    (answer == ffi::SQLITE_OK && copies.is_aligned()).then_some(copies)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copies(first: [u32; WORDS], second: [u32; WORDS]) -> HeaderCopies {
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
    fn a_file_in_wal_mode_has_a_header_that_each_commit_changes() {
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
    fn other_files_have_no_header() {
        let directory = tempfile::tempdir().unwrap();
        let plain = Connection::open(directory.path().join("plain.db")).unwrap();
        plain.execute_batch("CREATE TABLE t (a)").unwrap();
        assert!(WalIndex::of(plain).is_err(), "a rollback journal has none");
        let memory = Connection::open_in_memory().unwrap();
        memory.execute_batch("CREATE TABLE t (a)").unwrap();
        assert!(WalIndex::of(memory).is_err(), "memory has no file");
    }
}
