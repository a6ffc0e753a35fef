//! [`PostgresSnapshot`], a connection with a transaction that only reads.

use std::cell::{Cell, OnceCell, RefCell, RefMut};

use tokio_postgres::Row;

use super::unused::UnusedIds;
use crate::storage::postgres::connection::{CommitFailure, Connection, Params};
use crate::storage::postgres::pool::ConnectionPool;
use crate::storage::postgres::sent_steps::SentSteps;
use crate::storage::postgres::transaction::PendingWrites;
use crate::storage::postgres::write_step::WriteStep;
use crate::storage::{StorageError, StorageErrorKind, StorageResult};

/// The beginning of a snapshot. It is sent together with the first read.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A snapshot, or the reads of a write transaction.
#[derive(Debug)]
pub(in crate::storage::postgres) struct PostgresSnapshot<'a> {
    /// `None` before the first read, and while it is being dropped.
    connection: OnceCell<Connection>,
    /// The pool that gets the connection back.
    pool: &'a ConnectionPool,
    is_begun: Cell<bool>,
    /// The writes of a transaction that are not sent yet.
    pending: RefCell<PendingWrites>,
    /// Writes that were sent, and whose answers are read before anything else is sent.
    sent: RefCell<SentSteps>,
    /// Ids that are known not to be in use.
    unused: RefCell<UnusedIds>,
    /// How writes before the last savepoint failed, if they did. It does not help to return to it.
    failure: Cell<Option<StorageErrorKind>>,
}

impl<'a> PostgresSnapshot<'a> {
    /// Creates a snapshot of the state at its first read. The call sends nothing.
    pub(in crate::storage::postgres) fn pooled(pool: &'a ConnectionPool) -> Self {
        Self {
            connection: OnceCell::new(),
            pool,
            is_begun: Cell::new(false),
            pending: RefCell::default(),
            sent: RefCell::default(),
            unused: RefCell::default(),
            failure: Cell::default(),
        }
    }

    /// Creates the reads of a connection on which a transaction has begun.
    ///
    /// The transaction is rolled back when this is dropped, unless it has ended.
    pub(in crate::storage::postgres) fn begun(
        connection: Connection,
        pool: &'a ConnectionPool,
    ) -> Self {
        Self {
            connection: OnceCell::from(connection),
            pool,
            is_begun: Cell::new(true),
            pending: RefCell::default(),
            sent: RefCell::default(),
            unused: RefCell::default(),
            failure: Cell::default(),
        }
    }

    /// Returns the connection of a transaction that has begun.
    #[allow(clippy::expect_used)] // Only `drop` takes it.
    pub(in crate::storage::postgres) fn connection(&self) -> &Connection {
        self.connection.get().expect("held until dropped")
    }

    /// Returns the writes that are not sent yet.
    pub(in crate::storage::postgres) fn pending(&self) -> RefMut<'_, PendingWrites> {
        self.pending.borrow_mut()
    }

    /// Returns the ids that are known not to be in use.
    pub(in crate::storage::postgres) fn unused(&self) -> RefMut<'_, UnusedIds> {
        self.unused.borrow_mut()
    }

    /// Sends the pending writes.
    pub(in crate::storage::postgres) fn send_pending(&self) -> StorageResult<()> {
        if self.pending.borrow().is_empty() {
            return Ok(());
        }
        self.with_pending(|connection, steps| connection.run(steps))
    }

    /// Sends the pending writes, without waiting for their answers unless there is a savepoint.
    ///
    /// The server executes them while the caller prepares the next ones. A failure is returned by a
    /// later call.
    pub(in crate::storage::postgres) fn send_ahead(&self) -> StorageResult<()> {
        if self.pending.borrow().has_savepoint() {
            return self.send_pending();
        }
        let due = self.pending.borrow_mut().take();
        let sent = self.connection().start(due.after)?;
        self.sent.replace(sent).finish()
    }

    /// Waits for the answers to the writes that were sent ahead.
    pub(in crate::storage::postgres) fn finish_sent(&self) -> StorageResult<()> {
        self.sent.take().finish()
    }

    /// Commits, with the pending writes if the server checks them.
    pub(in crate::storage::postgres) fn commit(&self) -> Result<(), CommitFailure> {
        self.finish_sent().map_err(CommitFailure::Before)?;
        let due = self.pending.borrow_mut().take();
        let mut steps = due.before;
        steps.extend(due.after);
        if steps.iter().all(WriteStep::is_guarded) {
            return self.connection().commit(&steps);
        }
        let written = self.connection().run(&steps);
        written.map_err(CommitFailure::Before)?;
        self.connection().commit(&[])
    }

    /// Makes a call that sends the pending writes.
    fn with_pending<T>(
        &self,
        send: impl FnOnce(&Connection, &[WriteStep]) -> StorageResult<T>,
    ) -> StorageResult<T> {
        self.finish_sent()?;
        let due = self.pending.borrow_mut().take();
        // A failure of writes before the savepoint is not undone by a return to it.
        let fail = |error: &StorageError| self.failure.set(Some(error.kind()));
        let connection = self.connection();
        if due.after.is_empty() {
            return send(connection, &due.before).inspect_err(fail);
        }
        connection.run(&due.before).inspect_err(fail)?;
        send(connection, &due.after)
    }

    /// Returns how writes before the last savepoint failed, if they did.
    pub(in crate::storage::postgres) fn failure(&self) -> Option<StorageErrorKind> {
        self.failure.get()
    }

    /// Notes that the transaction has ended.
    pub(in crate::storage::postgres) fn end(&self) {
        self.is_begun.set(false);
    }

    pub(in crate::storage::postgres) fn rows(
        &self,
        doing: &str,
        sql: &str,
        params: &Params<'_>,
    ) -> StorageResult<Vec<Row>> {
        if let Some(connection) = self.connection.get() {
            if self.pending.borrow().is_empty() {
                self.finish_sent()?;
                return connection.rows(doing, sql, params);
            }
            return self.with_pending(|connection, steps| {
                connection.rows_after_steps(steps, doing, sql, params)
            });
        }
        let (connection, rows) = self
            .pool
            .begin(|connection| connection.rows_after(doing, BEGIN, sql, params))?;
        self.is_begun.set(true);
        self.connection.get_or_init(|| connection);
        Ok(rows)
    }

    /// Returns the rows of a query, before which the pending writes are sent if they concern it.
    pub(super) fn rows_beside_pending(
        &self,
        is_concerned: bool,
        doing: &str,
        sql: &str,
        params: &Params<'_>,
    ) -> StorageResult<Vec<Row>> {
        match self.connection.get() {
            Some(connection) if !is_concerned => {
                self.finish_sent()?;
                connection.rows(doing, sql, params)
            }
            _ => self.rows(doing, sql, params),
        }
    }

    /// Returns the rows of each of several queries, in one round trip. The pending writes are sent
    /// before them if they concern one of them.
    pub(super) fn rows_of_all(
        &self,
        is_concerned: bool,
        doing: &str,
        queries: &[(&str, &Params<'_>)],
    ) -> StorageResult<Vec<Vec<Row>>> {
        let Some(connection) = self.connection.get() else {
            let rows = |(sql, params): &(&str, &Params<'_>)| self.rows(doing, sql, params);
            return queries.iter().map(rows).collect();
        };
        if is_concerned {
            self.send_pending()?;
        }
        self.finish_sent()?;
        connection.rows_of_all(doing, queries)
    }

    /// Returns the only row of a query, or the first one.
    pub(in crate::storage::postgres) fn row(
        &self,
        doing: &str,
        sql: &str,
        params: &Params<'_>,
    ) -> StorageResult<Option<Row>> {
        Ok(self.rows(doing, sql, params)?.into_iter().next())
    }

    /// Returns whether a query has a row.
    pub(in crate::storage::postgres) fn exists(
        &self,
        doing: &str,
        sql: &str,
        params: &Params<'_>,
    ) -> StorageResult<bool> {
        Ok(self.row(doing, sql, params)?.is_some())
    }
}

impl Drop for PostgresSnapshot<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            if self.is_begun.get() {
                connection.send("ROLLBACK");
            }
            self.pool.put_back(connection);
        }
    }
}
