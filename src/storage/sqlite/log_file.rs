//! The methods by which SQLite writes a log through a [`FrameBuffer`].
//!
//! The files stay those of SQLite's VFS for Unix. Each main database and each log has a few bytes
//! behind SQLite's own structure, and a table of methods in which some are replaced. Every replaced
//! method ends in the original one.
//!
//! A buffer contains frames only while its connection holds the log's write lock. When SQLite
//! releases that lock, all frames of a commit are in the file, and the others are forgotten: another
//! process may write at their position from then on.
//!
//! If a buffer cannot be written, every later write and flush of the transaction fails, so that
//! SQLite cannot commit a transaction without all its frames.
//!
//! The `unsafe` code relies on the following:
//!
//! - SQLite calls a method with a file that it has opened and not closed, and no two methods of a
//!   connection's files at the same time: connections are not shared between threads.
//! - A file has the number of bytes that the VFS asks for, and SQLite moves none of them.
//! - The VFS for Unix keeps the table of methods that a file got when it was opened.
//! - SQLite opens the log of a database after the database, and closes it before.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::slice;
use std::sync::OnceLock;

use rusqlite::ffi;

use super::frame_buffer::{FrameBuffer, NextStep};

/// The state of a log behind SQLite's own structure, or null.
///
/// A main database has the state of its log, and a log has its own.
type StatePointer = *mut LogState;

/// The state of an open log.
struct LogState {
    frames: FrameBuffer,
    /// The result of the first write of the transaction that failed.
    failure: Option<c_int>,
    /// The main database.
    database: *mut ffi::sqlite3_file,
}

/// A table of methods, beside the one that it was made from.
struct Methods {
    original: &'static ffi::sqlite3_io_methods,
    replaced: ffi::sqlite3_io_methods,
}

/// The position of the state behind a file: the size of SQLite's own structure.
static STATE_AT: OnceLock<usize> = OnceLock::new();
static DATABASE_METHODS: OnceLock<Option<Methods>> = OnceLock::new();
static LOG_METHODS: OnceLock<Option<Methods>> = OnceLock::new();

/// Returns the size of a file with its state, if SQLite's own structure has `size` bytes.
pub(super) fn with_state(size: c_int) -> Option<c_int> {
    let own = usize::try_from(size).ok()?;
    let at = own.next_multiple_of(align_of::<StatePointer>());
    let at = *STATE_AT.get_or_init(|| at);
    c_int::try_from(at + size_of::<StatePointer>()).ok()
}

/// Replaces methods of a main database that was just opened.
///
/// # Safety
///
/// SQLite's VFS has opened the file, which has the size that [`with_state`] returned.
pub(super) unsafe fn database_opened(file: *mut ffi::sqlite3_file) {
    // SAFETY: by the contract of this function.
    if let Some(place) = unsafe { replace(file, &DATABASE_METHODS, database_methods) } {
        // SAFETY: the place is that of an open file.
        unsafe { place.write(ptr::null_mut()) };
    }
}

/// Replaces methods of a log that was just opened.
///
/// # Safety
///
/// As for [`database_opened`]. `name` is the one that SQLite passed to the VFS.
pub(super) unsafe fn log_opened(name: *const c_char, file: *mut ffi::sqlite3_file) {
    if name.is_null() {
        return;
    }
    // SAFETY: the name is that of a log. SQLite has opened the database before.
    let of_database = unsafe {
        let database = ffi::sqlite3_database_file_object(name);
        state_of(database, &DATABASE_METHODS).map(|place| (database, place))
    };
    // A database with another open log does not occur.
    let Some((database, of_database)) =
        of_database.filter(|(_, place)| unsafe { place.read().is_null() })
    else {
        return;
    };
    // SAFETY: by the contract of this function.
    if let Some(of_log) = unsafe { replace(file, &LOG_METHODS, log_methods) } {
        let state = Box::into_raw(Box::new(LogState {
            frames: FrameBuffer::default(),
            failure: None,
            database,
        }));
        // SAFETY: the places are those of open files.
        unsafe {
            of_log.write(state);
            of_database.write(state);
        }
    }
}

/// Replaces the table of methods of a file, and returns the place of its state.
///
/// Does nothing if SQLite has several tables for files of this kind, or if one lacks a method.
///
/// # Safety
///
/// As for [`database_opened`].
unsafe fn replace(
    file: *mut ffi::sqlite3_file,
    tables: &'static OnceLock<Option<Methods>>,
    replaced: fn(&ffi::sqlite3_io_methods) -> Option<ffi::sqlite3_io_methods>,
) -> Option<*mut StatePointer> {
    // SAFETY: an open file has a table, which is valid as long as the process runs.
    let original = unsafe { file.as_ref()?.pMethods.as_ref()? };
    let tables =
        tables.get_or_init(|| replaced(original).map(|replaced| Methods { original, replaced }));
    let tables = tables
        .as_ref()
        .filter(|tables| ptr::eq(tables.original, original))?;
    let at = *STATE_AT.get()?;
    // SAFETY: the file is open, and has room for a state at this position.
    unsafe {
        (*file).pMethods = &raw const tables.replaced;
        Some(file.byte_add(at).cast())
    }
}

/// Returns the place of the state of a file; `None` if its methods were not replaced.
///
/// # Safety
///
/// The file is null or open.
unsafe fn state_of(
    file: *mut ffi::sqlite3_file,
    tables: &OnceLock<Option<Methods>>,
) -> Option<*mut StatePointer> {
    let tables = tables.get()?.as_ref()?;
    // SAFETY: by the contract of this function.
    let methods = unsafe { file.as_ref()?.pMethods };
    let at = *STATE_AT
        .get()
        .filter(|_| ptr::eq(&raw const tables.replaced, methods))?;
    // SAFETY: a file whose methods were replaced has room for a state at this position.
    Some(unsafe { file.byte_add(at).cast() })
}

/// Returns the state of the log that a file is, or that a database has.
///
/// # Safety
///
/// The file is open, and nothing else uses the state until the log is closed.
unsafe fn open_log<'a>(
    file: *mut ffi::sqlite3_file,
    tables: &OnceLock<Option<Methods>>,
) -> Option<&'a mut LogState> {
    // SAFETY: by the contract of this function.
    unsafe { state_of(file, tables)?.read().as_mut() }
}

fn database_methods(original: &ffi::sqlite3_io_methods) -> Option<ffi::sqlite3_io_methods> {
    // Older tables end before this method.
    let is_usable = original.iVersion >= 2 && original.xShmLock.is_some();
    is_usable.then_some(ffi::sqlite3_io_methods {
        xShmLock: Some(lock_shared_memory),
        ..*original
    })
}

fn log_methods(original: &ffi::sqlite3_io_methods) -> Option<ffi::sqlite3_io_methods> {
    Some(ffi::sqlite3_io_methods {
        xClose: original.xClose.map(|_| close as _),
        xRead: original.xRead.map(|_| read as _),
        xWrite: original.xWrite.map(|_| write as _),
        xTruncate: original.xTruncate.map(|_| truncate as _),
        xSync: original.xSync.map(|_| sync as _),
        xFileSize: original.xFileSize.map(|_| file_size as _),
        ..*original
    })
}

/// Calls the original method of a file with the same arguments.
macro_rules! original {
    ($tables:ident . $method:ident ( $($argument:expr),* )) => {{
        let tables = $tables.get().and_then(Option::as_ref);
        match tables.and_then(|tables| tables.original.$method) {
            // SAFETY: SQLite has called the replaced method with these arguments.
            Some(method) => unsafe { method($($argument),*) },
            None => ffi::SQLITE_IOERR,
        }
    }};
}

/// Writes the frames that are not in the file of a log, and then calls the original method.
macro_rules! after_flush {
    ($method:ident ( $file:ident $(, $argument:expr)* )) => {
        // SAFETY: SQLite has called the replaced method with an open log.
        match unsafe { flush($file) } {
            ffi::SQLITE_OK => original!(LOG_METHODS.$method($file $(, $argument)*)),
            failure => failure,
        }
    };
}

/// Locks or unlocks the shared memory of a log: `xShmLock` of a main database.
///
/// # Safety
///
/// As SQLite calls it.
unsafe extern "C" fn lock_shared_memory(
    file: *mut ffi::sqlite3_file,
    first: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    const RELEASE: c_int = ffi::SQLITE_SHM_UNLOCK | ffi::SQLITE_SHM_EXCLUSIVE;
    if first == WRITE_LOCK && flags & RELEASE == RELEASE {
        // SAFETY: the file is open, and its log lives at least until the log is closed.
        let state = unsafe { open_log(file, &DATABASE_METHODS) };
        if let Some(state) = state {
            state.frames.end_transaction();
            state.failure = None;
        }
    }
    original!(DATABASE_METHODS.xShmLock(file, first, count, flags))
}

/// The number of the write lock among those of the shared memory:
/// <https://sqlite.org/walformat.html#locks>.
const WRITE_LOCK: c_int = 0;

/// Writes the frames that are not in the file of a log. Returns SQLite's result code.
///
/// # Safety
///
/// The log is open.
unsafe fn flush(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: by the contract of this function; the state lives until the log is closed.
    let state = unsafe { open_log(file, &LOG_METHODS) };
    let Some(state) = state else {
        return ffi::SQLITE_OK;
    };
    if let Some(failure) = state.failure {
        return failure;
    }
    let written = state.frames.flush(|bytes, position| {
        let (Ok(size), Ok(position)) = (bytes.len().try_into(), position.try_into()) else {
            return Err(ffi::SQLITE_IOERR_WRITE);
        };
        match original!(LOG_METHODS.xWrite(file, bytes.as_ptr().cast(), size, position)) {
            ffi::SQLITE_OK => Ok(()),
            failure => Err(failure),
        }
    });
    state.failure = written.err();
    state.failure.unwrap_or(ffi::SQLITE_OK)
}

/// Writes to a log: `xWrite`.
///
/// # Safety
///
/// As SQLite calls it.
unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    size: c_int,
    position: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: the log is open, and its state lives until it is closed.
    let state = unsafe { open_log(file, &LOG_METHODS) };
    let step = match (state, usize::try_from(size), u64::try_from(position)) {
        (Some(state), Ok(size), Ok(position)) => {
            // SAFETY: SQLite passes this number of bytes.
            let bytes = unsafe { slice::from_raw_parts(bytes.cast(), size) };
            state.frames.add(bytes, position)
        }
        _ => NextStep::WriteApart,
    };
    if step == NextStep::Wait {
        return ffi::SQLITE_OK;
    }
    // SAFETY: the log is open.
    let flushed = unsafe { flush(file) };
    if flushed != ffi::SQLITE_OK || step == NextStep::Flush {
        return flushed;
    }
    original!(LOG_METHODS.xWrite(file, bytes, size, position))
}

/// Reads from a log: `xRead`.
///
/// # Safety
///
/// As SQLite calls it.
unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    bytes: *mut c_void,
    size: c_int,
    position: ffi::sqlite3_int64,
) -> c_int {
    after_flush!(xRead(file, bytes, size, position))
}

/// Truncates a log: `xTruncate`.
///
/// # Safety
///
/// As SQLite calls it.
unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    after_flush!(xTruncate(file, size))
}

/// Flushes a log to the medium: `xSync`.
///
/// # Safety
///
/// As SQLite calls it.
unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    after_flush!(xSync(file, flags))
}

/// Returns the size of a log: `xFileSize`.
///
/// # Safety
///
/// As SQLite calls it.
unsafe extern "C" fn file_size(
    file: *mut ffi::sqlite3_file,
    size: *mut ffi::sqlite3_int64,
) -> c_int {
    after_flush!(xFileSize(file, size))
}

/// Closes a log: `xClose`. What is not written belongs to no commit.
///
/// # Safety
///
/// As SQLite calls it.
unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: both files are open until this returns, and nothing else has the state afterwards.
    unsafe {
        if let Some(of_log) = state_of(file, &LOG_METHODS) {
            let state = of_log.replace(ptr::null_mut());
            if !state.is_null() {
                let state = Box::from_raw(state);
                if let Some(of_database) = state_of(state.database, &DATABASE_METHODS) {
                    of_database.write(ptr::null_mut());
                }
            }
        }
    }
    original!(LOG_METHODS.xClose(file))
}

#[cfg(test)]
#[path = "log_file_tests.rs"]
mod tests;
