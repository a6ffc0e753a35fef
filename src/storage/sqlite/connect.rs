//! The opening of further connections by an open index.

use std::sync::{Arc, PoisonError};

use rusqlite::Connection;

use super::error::SqliteResult;
use super::files::LocklessState;
use super::index::SqliteIndex;
use super::open_mode::{ConnectionMode, OpenMode};
use super::read_connection::ReadConnection;
use super::{connection, open_mode};

impl SqliteIndex {
    /// Keeps the connection that opened the index for the first reader.
    pub(super) fn keep_first(&self, connection: Connection) {
        // A connection that takes no locks never checks again what it has read, so it must be
        // opened after the state is noted.
        if self.purpose != OpenMode::ReadUnwritable {
            self.readers
                .put_back(ReadConnection::of(connection, &self.segments));
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
        let connection = self.connect_by(|| open(self.files.place(), access, limit))?;
        Ok(ReadConnection {
            unlocked,
            ..ReadConnection::of(connection, &self.segments)
        })
    }

    /// Opens a connection by a function, and fails if the files were replaced meanwhile.
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
        let access = open_mode::access(&self.path, self.purpose);
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

    /// Returns an idle reader, or a new one.
    pub(super) fn reader(&self) -> SqliteResult<ReadConnection> {
        match self.readers.take() {
            Some(idle) => Ok(idle),
            None => self.connect(),
        }
    }
}
