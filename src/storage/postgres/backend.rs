//! The index on Postgres as a backend: the calls of [`Index`].

use super::change_mark;
use super::index::PostgresIndex;
use super::snapshot::PostgresSnapshot;
use super::store_lock::SessionLock;
use super::transaction::PostgresTransaction;
use crate::model::record::Durability;
use crate::storage::{
    ChangeMark, Deadline, Index, LockGuard, Snapshot, StorageResult, Transaction,
};

impl Index for PostgresIndex {
    fn snapshot(&self) -> StorageResult<Box<dyn Snapshot + '_>> {
        self.check_process()?;
        Ok(Box::new(PostgresSnapshot::pooled(&self.pool)?))
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
        self.check_process().ok()?;
        let connection = self.pool.take().ok()?;
        let mark = change_mark::read(&connection).ok()?;
        self.pool.put_back(connection);
        mark
    }

    fn maintain(&self) -> StorageResult<bool> {
        Ok(false)
    }
}
