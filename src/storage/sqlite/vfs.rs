//! A VFS of SQLite that opens a file by exactly the path that it is given, and writes the frames of a
//! commit together.
//!
//! SQLite's own VFS for Unix replaces every link in a path by its target before it opens the file
//! (<https://sqlite.org/c3ref/vfs.html>, `xFullPathname`). The name of a descriptor in `/proc` is
//! such a link. Its target is the current path of the directory, which another directory may take,
//! so the link must remain. [`log_file`] describes how logs are written. Everything
//! else is done by SQLite's own VFS.
//!
//! The `unsafe` code relies on the following:
//!
//! - `sqlite3_vfs_find` returns a structure that is valid for the life of the process and is not
//!   changed after its registration, except for its link to the next VFS.
//! - The methods of the VFS for Unix use no other member of the structure than those copied here.
//!   SQLite itself registers several copies of the structure under different names. A file may have
//!   more bytes than they use.
//! - A registered structure must stay valid, so it is never freed. There is one for each process.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int};
use std::sync::OnceLock;

use rusqlite::ffi;

use super::log_file;

const NAME: &CStr = c"promptbook";

type Open = unsafe extern "C" fn(
    *mut ffi::sqlite3_vfs,
    *const c_char,
    *mut ffi::sqlite3_file,
    c_int,
    *mut c_int,
) -> c_int;

/// The method of the VFS for Unix that opens a file.
static OPEN: OnceLock<Open> = OnceLock::new();

/// Registers the VFS, once for each process, and returns its name.
///
/// Returns `None` if the program has replaced SQLite's default VFS by one of its own.
pub(super) fn verbatim_paths() -> Option<&'static str> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let registered = REGISTERED.get_or_init(register);
    registered.then(|| NAME.to_str().ok()).flatten()
}

#[expect(non_snake_case, reason = "the members have SQLite's names")]
fn register() -> bool {
    // SAFETY: the first call initializes SQLite. A null name asks for the default VFS.
    let default = unsafe {
        if ffi::sqlite3_initialize() != ffi::SQLITE_OK {
            return false;
        }
        ffi::sqlite3_vfs_find(std::ptr::null())
    };
    // SAFETY: a VFS that was found is valid, and so is its name.
    let Some(default) = (unsafe { default.as_ref() }) else {
        return false;
    };
    // SAFETY: as above.
    if unsafe { CStr::from_ptr(default.zName) } != c"unix" {
        return false;
    }
    let (Some(xOpen), Some(szOsFile)) = (default.xOpen, log_file::with_state(default.szOsFile))
    else {
        return false;
    };
    OPEN.get_or_init(|| xOpen);
    let vfs = Box::leak(Box::new(ffi::sqlite3_vfs {
        szOsFile,
        zName: NAME.as_ptr(),
        pNext: std::ptr::null_mut(),
        xFullPathname: Some(copy_path),
        xOpen: Some(open),
        ..*default
    }));
    // SAFETY: the structure is never freed, and its methods are those of SQLite and the two below.
    unsafe { ffi::sqlite3_vfs_register(vfs, 0) == ffi::SQLITE_OK }
}

/// Opens a file as the VFS for Unix does.
///
/// # Safety
///
/// As SQLite calls it: `file` has room for a file of this VFS.
unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    let Some(original) = OPEN.get() else {
        return ffi::SQLITE_CANTOPEN;
    };
    // SAFETY: SQLite has called this function with these arguments.
    let answer = unsafe { original(vfs, name, file, flags, flags_out) };
    if answer != ffi::SQLITE_OK {
        return answer;
    }
    if flags & ffi::SQLITE_OPEN_MAIN_DB != 0 {
        // SAFETY: the file was opened, and is as large as this VFS requires.
        unsafe { log_file::database_opened(file) };
    } else if flags & ffi::SQLITE_OPEN_WAL != 0 {
        // SAFETY: as above.
        unsafe { log_file::log_opened(name, file) };
    }
    ffi::SQLITE_OK
}

/// Copies a path to where SQLite wants the full one.
///
/// # Safety
///
/// As SQLite calls it: `path` is a string, and `full` has room for `size` bytes.
unsafe extern "C" fn copy_path(
    _vfs: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    size: c_int,
    full: *mut c_char,
) -> c_int {
    // SAFETY: by the contract of this function.
    let path = unsafe { CStr::from_ptr(path) }.to_bytes_with_nul();
    if usize::try_from(size).is_ok_and(|size| path.len() <= size) {
        // SAFETY: `full` has room for the path, and does not overlap with it.
        unsafe { std::ptr::copy_nonoverlapping(path.as_ptr().cast(), full, path.len()) };
        ffi::SQLITE_OK
    } else {
        ffi::SQLITE_CANTOPEN
    }
}
