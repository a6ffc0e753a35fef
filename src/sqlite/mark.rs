//! Whether anybody has committed since: `PRAGMA data_version`, on a connection of its own.
//!
//! SQLite steps it when it finds that another connection has committed, of this process or of another, and for that
//! reason throws the connection's page cache away: it is as fresh as SQLite's own reads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use crate::backend::ChangeMark;

/// The connection that watches for commits. It never writes: of its own commits it would not be told.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Steps when a thread comes to ask, and when a look at the index begins.
    clock: AtomicU64,
    watcher: Mutex<Watcher>,
}

#[derive(Debug, Default)]
struct Watcher {
    /// Opened by the first who asks, and never replaced: marks of two connections can't be compared.
    connection: Option<Connection>,
    /// When the last look began, and what it saw.
    last: Option<(u64, ChangeMark)>,
}

impl Watch {
    /// The mark as of now, or as of any moment since this was called: threads that wait for each other share a look.
    pub(super) fn mark(&self, connect: impl FnOnce() -> Option<Connection>) -> Option<ChangeMark> {
        // What this thread knows of is before its step, and a look that began later is after it.
        let came = self.clock.fetch_add(1, Ordering::AcqRel);
        let mut watcher = self.watcher();
        if let Some((began, mark)) = watcher.last
            && began > came
        {
            return Some(mark);
        }
        if watcher.connection.is_none() {
            watcher.connection = connect();
        }
        let began = self.clock.fetch_add(1, Ordering::AcqRel);
        let mark = data_version(watcher.connection.as_ref()?).ok()?;
        watcher.last = Some((began, mark));
        Some(mark)
    }

    fn watcher(&self) -> MutexGuard<'_, Watcher> {
        self.watcher.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn data_version(connection: &Connection) -> rusqlite::Result<ChangeMark> {
    connection
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))
        .map(|version: u32| ChangeMark::new(version.into()))
}
