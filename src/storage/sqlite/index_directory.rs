//! The directory of an index, held open while connections use its files.
//!
//! SQLite opens an index by its path, and the log and its shared memory by their paths at the first
//! read. If another directory takes the path in between, SQLite opens the index of one store with
//! the log of another, and may write the state of one log into the shared memory of the other.
//! Processes that use the other store would then read and write a log that does not exist.
//!
//! On Linux, connections therefore name all files relative to an open directory. Elsewhere they use
//! the path, and the files are compared afterwards.

use std::path::{Path, PathBuf};

#[cfg(any(target_os = "linux", target_os = "android"))]
use self::held::HeldDirectory;

/// An index and its directory. Every connection needs it for as long as the connection exists.
#[derive(Debug)]
pub(super) struct IndexDirectory {
    index: PathBuf,
    #[cfg(any(target_os = "linux", target_os = "android"))]
    held: Option<HeldDirectory>,
}

impl IndexDirectory {
    /// Opens the directory of an index. The index need not exist.
    pub(super) fn of(index: &Path) -> Self {
        Self {
            index: index.to_owned(),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            held: HeldDirectory::of(index),
        }
    }

    /// Returns the path of the index, for messages and for comparisons with what it leads to now.
    pub(super) fn index(&self) -> &Path {
        &self.index
    }

    /// Returns the path that leads to the index in this directory, and the VFS that opens it.
    pub(super) fn address(&self) -> (PathBuf, Option<&'static str>) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(held) = &self.held
            && let Some(vfs) = super::vfs::verbatim_paths()
        {
            return (held.path_of_index(), Some(vfs));
        }
        (self.index.clone(), None)
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod held {
    use std::ffi::OsString;
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::path::{Path, PathBuf};

    use rustix::fs::{Mode, OFlags};

    /// A directory and the name of the index in it.
    #[derive(Debug)]
    pub(super) struct HeldDirectory {
        directory: OwnedFd,
        name: OsString,
    }

    impl HeldDirectory {
        /// Opens the directory of an index; `None` if it cannot be named by its descriptor.
        pub(super) fn of(index: &Path) -> Option<Self> {
            let (parent, name) = (index.parent()?, index.file_name()?);
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let directory = rustix::fs::open(parent, flags, Mode::empty()).ok()?;
            let held = Self {
                directory,
                name: name.to_owned(),
            };
            // Without `/proc`, descriptors have no names.
            held.path().exists().then_some(held)
        }

        fn path(&self) -> PathBuf {
            format!("/proc/self/fd/{}", self.directory.as_raw_fd()).into()
        }

        pub(super) fn path_of_index(&self) -> PathBuf {
            self.path().join(&self.name)
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test exchanges directories")]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::storage::sqlite::connection;
    use crate::storage::sqlite::open_mode::ConnectionMode;

    fn index_in(directory: &Path) -> PathBuf {
        fs::create_dir(directory).unwrap();
        let index = directory.join("index.db");
        let place = IndexDirectory::of(&index);
        let connection = connection::open(&place, ConnectionMode::Create).unwrap();
        connection::enable_wal(&connection).unwrap();
        connection
            .execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
            .unwrap();
        index
    }

    fn rows(connection: &rusqlite::Connection) -> i64 {
        let sql = "SELECT count(*) FROM t";
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Between the opening of a connection and its first read, another store takes the path.
    ///
    /// The connection must read its own log, and must not touch the files of the other store.
    #[test]
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn a_connection_uses_no_file_of_a_directory_that_takes_the_path() {
        let root = tempfile::tempdir().unwrap();
        let [here, there, aside] = ["here", "there", "aside"].map(|name| root.path().join(name));
        let index = index_in(&here);
        drop(index_in(&there));
        // What an orderly end of the last connection leaves, or a restored store has.
        for suffix in ["-wal", "-shm"] {
            fs::remove_file(there.join(format!("index.db{suffix}"))).unwrap_or_default();
        }
        let before = files(&there);
        let place = IndexDirectory::of(&index);
        let connection =
            connection::open_within(&place, ConnectionMode::Write, Duration::ZERO).unwrap();
        fs::rename(&here, &aside).unwrap();
        fs::rename(&there, &here).unwrap();
        assert_eq!(rows(&connection), 1);
        connection
            .execute_batch("INSERT INTO t VALUES (2)")
            .unwrap();
        assert_eq!(files(&here), before);
        let moved = IndexDirectory::of(&aside.join("index.db"));
        let other = connection::open(&moved, ConnectionMode::Write).unwrap();
        assert_eq!(rows(&other), 2);
    }

    fn files(directory: &Path) -> Vec<(String, u64)> {
        let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
        let mut files: Vec<_> = entries
            .map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                (name, entry.metadata().unwrap().len())
            })
            .collect();
        files.sort();
        files
    }
}
