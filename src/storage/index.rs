//! The index: the database of everything except bodies at rest.
//!
//! This crate implements it with SQLite and in memory. Another database can implement it too.

use std::fmt;
use std::time::Duration;

use super::{ChangeMark, CommitWatch, Deadline, Snapshot, StorageResult, Transaction, WakeFn};
use crate::model::record::Durability;

/// A transactional index of prompts, versions, environments, operations and journaled bodies.
///
/// - Any number of threads and processes use one index at the same time.
/// - Readers never wait for writers, and writers never wait for readers.
/// - Every snapshot that is taken after a commit shows the whole transaction, in any process.
///
/// # Errors
///
/// Every method that returns a [`StorageResult`] can fail for the reasons that
/// [`ErrorKind`](super::StorageErrorKind) lists. The documentation of a method names those that callers
/// rely on.
///
/// - A failure changes nothing that a snapshot shows. The only exception is
///   [`OutcomeUnknown`](super::StorageErrorKind::OutcomeUnknown), which leaves the outcome of a commit
///   open.
/// - [`Poisoned`](super::StorageErrorKind::Poisoned), [`Forked`](super::StorageErrorKind::Forked) and
///   [`Replaced`](super::StorageErrorKind::Replaced) are final: every later call through the handle fails
///   too. After any other failure the handle remains usable, unless it is poisoned.
pub trait Index: Send + Sync + fmt::Debug {
    /// Takes a snapshot.
    ///
    /// It shows the state as of this call, or as of its first read if that is later. From then on
    /// it does not change. Hold it only briefly. The call itself needs no round trip.
    ///
    /// # Errors
    ///
    /// A failure takes no snapshot and changes nothing.
    fn snapshot(&self) -> StorageResult<Box<dyn Snapshot + '_>>;

    /// Begins the write transaction.
    ///
    /// An index has at most one at a time: the call waits until the previous one has ended. A
    /// transaction that is dropped without a commit changes nothing. `durability` says what its
    /// commit guarantees.
    ///
    /// # Errors
    ///
    /// - [`Busy`](super::StorageErrorKind::Busy) if the previous transaction does not end within the
    ///   index's own limit, if it has one.
    /// - [`ReadOnly`](super::StorageErrorKind::ReadOnly) if the index was opened for reading only.
    ///
    /// After a failure no transaction is open, and nothing was changed.
    fn transaction(&self, durability: Durability) -> StorageResult<Box<dyn Transaction + '_>>;

    /// Begins the write transaction, and waits for it until `_deadline` at the latest.
    ///
    /// It does the same as [`transaction`](Self::transaction), and replaces the index's own limit.
    ///
    /// The provided method ignores the deadline. That suits an index whose transactions are all
    /// short.
    ///
    /// # Errors
    ///
    /// As [`transaction`](Self::transaction).
    fn transaction_by(
        &self,
        durability: Durability,
        _deadline: Deadline,
    ) -> StorageResult<Box<dyn Transaction + '_>> {
        self.transaction(durability)
    }

    /// Ends every wait for a lock at `_moment` at the latest, including the waits of later calls.
    ///
    /// It is called when the handle is being closed. A wait that ends this way fails as
    /// [`Busy`](super::StorageErrorKind::Busy). The provided method does nothing.
    fn close_by(&self, _moment: Deadline) {}

    /// Takes the shared lock, which protects writing bodies from the journal to the blob store.
    ///
    /// A writer holds it from reading the journal until the bodies are in the blob store; if it
    /// flushes them, until their journal rows are dropped. The call waits for the exclusive lock to
    /// be released. It also waits for other holders of the shared lock if a put could replace a
    /// file that another holder has flushed.
    ///
    /// # Errors
    ///
    /// [`Busy`](super::StorageErrorKind::Busy) if the wait exceeds the index's own limit, if it has
    /// one. After a failure no lock is held.
    fn lock_shared(&self) -> StorageResult<Box<dyn LockGuard + '_>>;

    /// Takes the exclusive lock, which protects the removal of bodies from the blob store.
    ///
    /// The holder keeps it from the check that no row names a body until the body is removed. The
    /// call waits until no other lock is held.
    ///
    /// # Errors
    ///
    /// As [`lock_shared`](Self::lock_shared).
    fn lock_exclusive(&self) -> StorageResult<Box<dyn LockGuard + '_>>;

    /// Returns the current change mark, or `None` if there is none.
    ///
    /// What was read remains current as long as the mark remains the same. The call takes
    /// microseconds at most, and waits for no other thread or process.
    ///
    /// - Two equal marks of one index mean that no transaction that changed anything was committed
    ///   between the two calls, by any thread of any process. An answer of a snapshot is therefore
    ///   current as long as the current mark equals a mark that was read *before* the snapshot was
    ///   taken.
    /// - The mark changes before any snapshot shows the commit. So a thread that has seen a commit
    ///   gets no earlier answer that another thread keeps with its mark.
    /// - Two different marks do not mean that a reader sees a change: dropping journal rows is a
    ///   commit too, and a rollback or maintenance may change the mark. Reading does not change the
    ///   mark, and neither do uncommitted writes.
    /// - `None` means that the index cannot determine a mark, for whatever reason. Then no earlier
    ///   answer may be assumed to be current. Reading from the index reports the problem, if there
    ///   is one.
    fn change_mark(&self) -> Option<ChangeMark>;

    /// Returns the current change mark if it can be had without a wait for a disk or a server.
    ///
    /// The provided method returns [`change_mark`](Self::change_mark).
    fn change_mark_at_hand(&self) -> Option<ChangeMark> {
        self.change_mark()
    }

    /// Calls a function when something may have been committed, until the result is dropped.
    ///
    /// An index that learns of commits by any process calls `_wake` for each of them. The call may
    /// come before a snapshot shows the commit, as long as that follows soon, and it may come
    /// without a commit. The provided method calls nothing: the caller compares
    /// [change marks](Self::change_mark) every 10 ms.
    fn watch(&self, _wake: WakeFn) -> CommitWatch {
        CommitWatch::polling(Duration::from_millis(10))
    }

    /// Does maintenance work that no caller waits for, such as a WAL checkpoint.
    ///
    /// It keeps the index fast and small. One call does a part of the work, and returns whether
    /// more is left. What snapshots show does not change, whether the call succeeds or fails.
    fn maintain(&self) -> StorageResult<bool>;

    /// Shortens the log that commits are appended to, if it is long.
    ///
    /// It is called between commits, after some dozens of them, because a commit that overwrites a
    /// log is faster than one that makes it longer. What snapshots show does not change, whether the
    /// call succeeds or fails. The provided method suits an index without such a log: it does
    /// nothing.
    fn shorten_log(&self) -> StorageResult<()> {
        Ok(())
    }

    /// Checks whether the index is still where it was opened.
    ///
    /// A handle that answers from memory calls this once a second. The provided method suits an
    /// index without files: it checks nothing.
    ///
    /// # Errors
    ///
    /// [`Replaced`](super::StorageErrorKind::Replaced) if the files of the index were moved, removed or
    /// replaced. The handle then refuses all further work.
    fn check_location(&self) -> StorageResult<()> {
        Ok(())
    }
}

/// A lock that is held until this value is dropped.
pub trait LockGuard: fmt::Debug {}
