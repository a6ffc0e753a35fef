//! The index on Postgres as a backend: the calls of [`Index`].

use super::history_end::{HISTORY_END, HistoryEnd, number_of};
use super::index::PostgresIndex;
use super::snapshot::PostgresSnapshot;
use super::store_lock::SessionLock;
use super::transaction::PostgresTransaction;
use super::watch;
use crate::model::record::Durability;
use crate::storage::{
    ChangeMark, CommitWatch, Deadline, Index, LockGuard, Snapshot, StorageErrorKind, StorageResult,
    Transaction, WakeFn,
};

impl PostgresIndex {
    /// Reads the end of the history in one round trip, and checks that it contains what this handle
    /// saw.
    fn history_end(&self) -> StorageResult<HistoryEnd> {
        self.check_process()?;
        let seen = self.seen.last()?;
        let doing = "reading the end of the history";
        let rows = self.pool.rows(doing, HISTORY_END, &[&number_of(seen)])?;
        let end = HistoryEnd::of(&rows)?;
        self.seen.check(seen, &end)?;
        Ok(end)
    }
}

impl Index for PostgresIndex {
    fn snapshot(&self) -> StorageResult<Box<dyn Snapshot + '_>> {
        self.check_process()?;
        self.seen.last()?;
        Ok(Box::new(PostgresSnapshot::pooled(&self.pool)))
    }

    fn transaction(&self, durability: Durability) -> StorageResult<Box<dyn Transaction + '_>> {
        self.transaction_by(durability, self.deadline())
    }

    fn transaction_by(
        &self,
        _durability: Durability,
        deadline: Deadline,
    ) -> StorageResult<Box<dyn Transaction + '_>> {
        self.check_process()?;
        let deadline = self.before_closing(deadline);
        Ok(Box::new(PostgresTransaction::begin(self, deadline)?))
    }

    fn close_by(&self, moment: Deadline) {
        self.set_closing(moment);
    }

    fn lock_shared(&self) -> StorageResult<Box<dyn LockGuard + '_>> {
        self.check_process()?;
        let lock = SessionLock::take(&self.pool, self.locks.bodies, true, self.deadline())?;
        Ok(Box::new(lock))
    }

    fn lock_exclusive(&self) -> StorageResult<Box<dyn LockGuard + '_>> {
        self.check_process()?;
        let lock = SessionLock::take(&self.pool, self.locks.bodies, false, self.deadline())?;
        Ok(Box::new(lock))
    }

    fn change_mark(&self) -> Option<ChangeMark> {
        self.history_end().ok()?.mark
    }

    /// Asking for the mark is a round trip, so there is none without a wait. A notification arrives
    /// after its commit, so a mark that `LISTEN` updates would serve stale answers.
    fn change_mark_at_hand(&self) -> Option<ChangeMark> {
        None
    }

    fn watch(&self, wake: WakeFn) -> CommitWatch {
        watch::begin(self, wake)
    }

    fn check_location(&self) -> StorageResult<()> {
        match self.history_end() {
            Err(error) if error.kind() == StorageErrorKind::Replaced => Err(error),
            // The next call says why the server cannot be asked.
            _ => Ok(()),
        }
    }

    fn maintain(&self) -> StorageResult<bool> {
        Ok(false)
    }
}
