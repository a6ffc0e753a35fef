//! The pool of connections that read an index.

use std::cell::Cell;
use std::sync::{Arc, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::archive::{RowPosition, SegmentCache};
use super::connection;
use super::connection::ConnectionMode;
use super::error::SqliteResult;
use super::files::LocklessState;
use super::index::SqliteIndex;
use super::interned::InternedTexts;
use super::probe::OpenMode;

/// Maximum number of idle readers that are kept open. More than there are cores would not read
/// faster.
const MAX_IDLE_READERS: usize = 16;

/// A connection that reads all tables, with its caches.
#[derive(Debug)]
pub(super) struct ReadConnection {
    pub(super) connection: Connection,
    /// The segments that were read, shared by all connections.
    pub(super) segments: Arc<SegmentCache>,
    pub(super) interned: InternedTexts,
    /// The end of the history, once it was read in this transaction.
    pub(super) end: Cell<Option<RowPosition>>,
    /// The state of the index, for a connection that takes no locks.
    pub(super) unlocked: Option<Arc<LocklessState>>,
}

impl ReadConnection {
    /// Returns whether everything that was read belongs to one committed state.
    pub(super) fn is_consistent(&self) -> bool {
        self.unlocked
            .as_ref()
            .is_none_or(|unlocked| unlocked.holds())
    }

    pub(super) fn of(connection: Connection, segments: &Arc<SegmentCache>) -> Self {
        Self {
            connection,
            unlocked: None,
            segments: Arc::clone(segments),
            interned: InternedTexts::default(),
            end: Cell::default(),
        }
    }
}

impl SqliteIndex {
    pub(super) fn keep_first(&self, connection: Connection) {
        // A connection that takes no locks never checks again what it has read, so it must be
        // opened after the state is noted.
        if self.purpose != OpenMode::ReadUnwritable {
            let reader = ReadConnection::of(connection, &self.segments);
            self.readers().push(reader);
        }
    }

    /// Opens a connection to the files of the first one.
    pub(super) fn connect(&self) -> SqliteResult<ReadConnection> {
        let (access, unlocked) = self.access()?;
        let open = if self.is_damaged {
            connection::open_damaged
        } else {
            connection::open_within
        };
        let limit = self.lock.policy().limit;
        let connection = self.connect_by(|| open(&self.path, access, limit))?;
        Ok(ReadConnection {
            unlocked,
            ..ReadConnection::of(connection, &self.segments)
        })
    }

    pub(super) fn connect_by(
        &self,
        open: impl FnOnce() -> SqliteResult<Connection>,
    ) -> SqliteResult<Connection> {
        let opened = open().and_then(|connection| {
            connection::open_log(&self.path, &connection).map(|()| connection)
        });
        // If the files were replaced, the result of opening them does not matter.
        self.check_files()?;
        opened
    }

    /// Returns how a connection is opened now.
    ///
    /// For a connection that takes no locks, also returns the state of the index that it reads.
    pub(super) fn access(&self) -> SqliteResult<(ConnectionMode, Option<Arc<LocklessState>>)> {
        let access = connection::access(&self.path, self.purpose);
        let mut unlocked = self.unlocked.lock().unwrap_or_else(PoisonError::into_inner);
        if access != ConnectionMode::Immutable {
            *unlocked = None;
        } else if unlocked.as_ref().is_none_or(|state| !state.holds()) {
            *unlocked = Some(Arc::new(LocklessState::of(&self.path)?));
        }
        Ok((access, unlocked.clone()))
    }

    pub(super) fn is_unlocked(&self) -> bool {
        let unlocked = self.unlocked.lock();
        let unlocked = unlocked.unwrap_or_else(PoisonError::into_inner);
        unlocked.is_some()
    }

    pub(super) fn stuck(&self) -> MutexGuard<'_, Vec<ReadConnection>> {
        self.stuck.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn readers(&self) -> MutexGuard<'_, Vec<ReadConnection>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns an idle reader, or a new one.
    pub(super) fn reader(&self) -> SqliteResult<ReadConnection> {
        loop {
            let idle = self.readers().pop();
            match idle {
                // The index was written after this connection read it without locks.
                Some(idle) if !idle.is_consistent() => {}
                Some(idle) => return Ok(idle),
                None => return self.connect(),
            }
        }
    }

    /// Ends a connection's transaction, and keeps the connection for the next reader.
    ///
    /// The last connection must stay open. So one that cannot end its transaction stays open as
    /// long as the handle.
    pub(super) fn end_reading(&self, reader: ReadConnection) {
        let is_ended = |sql| connection::run(&reader.connection, sql).is_ok();
        if is_ended("COMMIT") || is_ended("ROLLBACK") {
            self.put_back(reader);
        } else {
            self.stuck().push(reader);
        }
    }

    /// Keeps a connection that has ended its transaction for the next reader.
    pub(super) fn put_back(&self, reader: ReadConnection) {
        let mut readers = self.readers();
        if readers.len() < MAX_IDLE_READERS {
            readers.push(reader);
        }
    }
}
