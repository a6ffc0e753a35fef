//! The index on SQLite as a backend: the calls of [`Index`].

use super::connection;
use super::error::{SqliteContext as _, SqliteResult};
use super::index::SqliteIndex;
use super::open_mode::OpenMode;
#[cfg(any(target_os = "linux", target_os = "android"))]
use super::paths::beside;
use super::read_connection::ReadConnection;
use super::snapshot::SqliteSnapshot;
use super::transaction::SqliteTransaction;
#[cfg(any(target_os = "linux", target_os = "android"))]
use crate::fs::file_watch::FileWatch;
use crate::model::record::Durability;
use crate::storage::{ChangeMark, Deadline, Index, LockGuard, Snapshot, Transaction};
#[cfg(any(target_os = "linux", target_os = "android"))]
use crate::storage::{CommitWatch, WakeFn};

/// The interval of looks for commits in addition to the watch of the log, or in place of it.
#[cfg(any(target_os = "linux", target_os = "android"))]
const WATCHED_LOOK_INTERVAL: std::time::Duration = std::time::Duration::from_millis(250);

impl Index for SqliteIndex {
    fn snapshot(&self) -> SqliteResult<Box<dyn Snapshot + '_>> {
        self.usable()?;
        self.check_files_of_reads()?;
        let tables = self.reader()?;
        connection::run(&tables.connection, "BEGIN").context("starting to read")?;
        tables.reset();
        Ok(Box::new(SqliteSnapshot::pooled(tables, &self.readers)))
    }

    fn transaction(&self, durability: Durability) -> SqliteResult<Box<dyn Transaction + '_>> {
        self.transaction_by(durability, self.deadline())
    }

    fn transaction_by(
        &self,
        durability: Durability,
        deadline: Deadline,
    ) -> SqliteResult<Box<dyn Transaction + '_>> {
        let mut write_lock = self.write_lock_by(deadline)?;
        write_lock.set_durability(durability)?;
        Ok(Box::new(SqliteTransaction::begin(write_lock, self)?))
    }

    fn close_by(&self, moment: Deadline) {
        self.lock.close_by(moment);
        self.bodies.close_by(moment);
    }

    fn lock_shared(&self) -> SqliteResult<Box<dyn LockGuard + '_>> {
        self.bodies.take()
    }

    fn lock_exclusive(&self) -> SqliteResult<Box<dyn LockGuard + '_>> {
        self.bodies.take()
    }

    fn change_mark(&self) -> Option<ChangeMark> {
        // SQLite does not notice a change of a file that it reads without locks.
        let may_be_unlocked = self.purpose == OpenMode::ReadUnwritable;
        if self.is_given_up() || may_be_unlocked && self.is_unlocked() {
            return None;
        }
        self.watcher.mark(|| match self.access() {
            Ok((access, None)) => {
                let open = || connection::open_to_watch(self.files.place(), access);
                self.connect_by(open).ok()
            }
            _ => None,
        })
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn watch(&self, wake: WakeFn) -> CommitWatch {
        // Every commit writes its frames to the log before it is visible.
        let log = beside(&self.path, "-wal");
        match FileWatch::of(&log, wake) {
            Some(watch) => CommitWatch::waking(Box::new(watch), WATCHED_LOOK_INTERVAL),
            None => CommitWatch::polling(WATCHED_LOOK_INTERVAL),
        }
    }

    fn shorten_log(&self) -> SqliteResult<()> {
        self.with_maintainer(Self::checkpoint_wal_beside_commits)
    }

    fn check_location(&self) -> SqliteResult<()> {
        self.usable()?;
        self.check_files()
    }

    fn maintain(&self) -> SqliteResult<bool> {
        self.with_maintainer(Self::maintain_by)
    }
}

impl SqliteIndex {
    /// Does maintenance work by a pooled connection. An index that is only read needs none.
    fn with_maintainer<T: Default>(
        &self,
        work: fn(&Self, &ReadConnection) -> SqliteResult<T>,
    ) -> SqliteResult<T> {
        self.usable()?;
        if self.writer.is_none() {
            return Ok(T::default());
        }
        let reader = self.reader()?;
        let done = work(self, &reader);
        self.readers.put_back(reader);
        done
    }
}

#[cfg(test)]
#[path = "backend_tests.rs"]
mod tests;
