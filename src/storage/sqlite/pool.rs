//! The pool of connections that read an index.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::connection;
use super::read_connection::ReadConnection;

/// Maximum number of idle readers that are kept open. More than there are cores would not read
/// faster.
const MAX_IDLE_READERS: usize = 16;

/// The connections of a handle that no reader uses at the moment.
#[derive(Debug, Default)]
pub(super) struct ReaderPool {
    idle: Mutex<Vec<ReadConnection>>,
    /// Connections that could not end a transaction.
    stuck: Mutex<Vec<ReadConnection>>,
}

impl ReaderPool {
    /// Takes an idle connection whose reads are still valid, if there is one.
    pub(super) fn take(&self) -> Option<ReadConnection> {
        loop {
            let idle = lock(&self.idle).pop()?;
            // Otherwise the index was written after this connection read it without locks.
            if idle.is_consistent() {
                return Some(idle);
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
            lock(&self.stuck).push(reader);
        }
    }

    /// Keeps a connection that has ended its transaction for the next reader.
    pub(super) fn put_back(&self, reader: ReadConnection) {
        let mut idle = lock(&self.idle);
        if idle.len() < MAX_IDLE_READERS {
            idle.push(reader);
        }
    }
}

fn lock(connections: &Mutex<Vec<ReadConnection>>) -> MutexGuard<'_, Vec<ReadConnection>> {
    connections.lock().unwrap_or_else(PoisonError::into_inner)
}
