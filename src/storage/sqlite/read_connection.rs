//! A connection that reads an index, with its caches.

use std::cell::Cell;
use std::sync::Arc;

use rusqlite::Connection;

use super::archive::{RowPosition, SegmentCache};
use super::files::LocklessState;
use super::interned::InternedTexts;
use super::row_operations::RowsByPrompt;

/// A connection that reads all tables, with its caches.
#[derive(Debug)]
pub(super) struct ReadConnection {
    pub(super) connection: Connection,
    /// The segments that were read, shared by all connections.
    pub(super) segments: Arc<SegmentCache>,
    pub(super) interned: InternedTexts,
    /// The end of the history, once it was read in this transaction.
    pub(super) end: Cell<Option<RowPosition>>,
    pub(super) rows_by_prompt: RowsByPrompt,
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

    /// Forgets what a transaction has read that has ended.
    pub(super) fn reset(&self) {
        self.end.set(None);
        self.rows_by_prompt.reset();
    }

    /// Returns a connection with empty caches of its own. It takes SQLite's locks.
    pub(super) fn of(connection: Connection, segments: &Arc<SegmentCache>) -> Self {
        Self {
            connection,
            unlocked: None,
            segments: Arc::clone(segments),
            interned: InternedTexts::default(),
            end: Cell::default(),
            rows_by_prompt: RowsByPrompt::default(),
        }
    }
}
