//! [`StoreShared`], the state behind the handles and views of an open store, and its transactions.

#![expect(
    clippy::disallowed_types,
    reason = "it keeps the backends of a store open"
)]

#[cfg(feature = "cli")]
use std::ops::RangeInclusive;
use std::sync::Arc;
#[cfg(feature = "cli")]
use std::sync::{Mutex, PoisonError};

use super::location::Location;
use super::secrets::InMemorySecrets;
use super::waiting::ChangeWaiters;
use crate::engine::{
    BodyReader, MaintenanceWorker, ResolvedSpecs, Transactions, WriteContext, WriteQueue,
    WriteTransaction,
};
use crate::fs::lock::policy::LockPolicy;
use crate::model::record::Settings;
use crate::storage::directory::BlobDirectory;
#[cfg(feature = "postgres")]
use crate::storage::postgres::PostgresIndex;
use crate::storage::sqlite::SqliteIndex;
use crate::storage::{
    Deadline, Index, MemoryBlobs, MemoryIndex, StorageError, StorageErrorKind, StorageResult,
};
use crate::trace::Span;

/// The state that all handles and views of an open store share.
#[derive(Debug)]
pub(crate) struct StoreShared {
    /// The first field, so that it is dropped first: it finishes the work on the other fields.
    pub(super) settler: MaintenanceWorker,
    pub(super) queue: WriteQueue,
    pub(super) waiters: Arc<ChangeWaiters>,
    pub(super) locks: LockPolicy,
    pub(super) index: Arc<dyn Index>,
    pub(super) bodies: Arc<BodyReader>,
    pub(super) resolved: ResolvedSpecs,
    pub(super) context: WriteContext,
    pub(super) place: StoreLocation,
    pub(super) read_only: bool,
    #[cfg(feature = "cli")]
    pub(super) made: LastTransaction,
}

impl StoreShared {
    /// Makes the maintenance worker check the store's files once a second.
    ///
    /// Answers from memory are returned without such a check.
    pub(super) fn watch_location(&self) {
        if !self.place.is_memory() {
            self.settler.watch_location();
        }
    }
}

impl Transactions for StoreShared {
    fn begin(&self, deadline: Deadline) -> StorageResult<WriteTransaction<'_>> {
        if self.read_only {
            let reason = "the store was opened for reading only";
            return Err(StorageError::new(StorageErrorKind::ReadOnly, reason));
        }
        WriteTransaction::begin(&*self.index, &self.bodies, &self.context, deadline)
    }

    fn commit(&self, writer: WriteTransaction<'_>) -> StorageResult<()> {
        #[cfg(feature = "cli")]
        let last = writer.position().number;
        let span = Span::commit();
        let journaled = writer.commit()?;
        span.record("operations", journaled.operations);
        span.record("bodies", journaled.bodies);
        span.record("bytes", journaled.bytes);
        drop(span);
        #[cfg(feature = "cli")]
        self.made.set(last, journaled.operations);
        if self.place.is_memory() {
            self.settler.committed_in_memory(&journaled);
        } else {
            self.settler.committed(journaled);
        }
        Ok(())
    }
}

/// The operations of the last transaction that a store committed.
#[cfg(feature = "cli")]
#[derive(Debug, Default)]
pub(super) struct LastTransaction(Mutex<Option<RangeInclusive<u64>>>);

#[cfg(feature = "cli")]
impl LastTransaction {
    fn set(&self, last: u64, operations: u64) {
        if operations > 0 {
            let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *made = Some(last + 1 - operations..=last);
        }
    }

    /// Returns the numbers of the operations, or none if nothing was committed yet.
    pub(super) fn get(&self) -> Option<RangeInclusive<u64>> {
        let made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        made.clone()
    }
}

/// The place of a store's data, and the backends that are open there.
#[derive(Debug)]
pub(super) enum StoreLocation {
    Directory {
        location: Location,
        index: Arc<SqliteIndex>,
        blobs: Arc<BlobDirectory>,
    },
    Memory(MemoryParts),
    /// A schema of a Postgres database.
    #[cfg(feature = "postgres")]
    Postgres(Arc<PostgresIndex>),
    /// An index and a blob store that the caller opened.
    Given {
        secrets: InMemorySecrets,
    },
}

impl StoreLocation {
    pub(super) fn is_memory(&self) -> bool {
        matches!(self, Self::Memory(_))
    }

    /// Returns why the store has no files that a backup can copy, and what copies it.
    pub(super) fn reason_against_backups(&self) -> String {
        #[cfg(feature = "postgres")]
        if let Self::Postgres(index) = self {
            let schema = index.schema();
            return format!(
                "the store is in Postgres, not in files; pg_dump --schema={schema} copies it, and a \
                 bundle contains its history"
            );
        }
        "the store has no files to copy".into()
    }

    /// Returns whether the journal is as good a place for bodies as the blob store.
    pub(super) fn keeps_journal(&self) -> bool {
        #[cfg(feature = "postgres")]
        if let Self::Postgres(index) = self {
            return index.keeps_journal();
        }
        self.is_memory()
    }
}

/// The parts of a store in memory.
#[derive(Clone, Debug)]
pub(super) struct MemoryParts {
    pub(super) settings: Settings,
    pub(super) index: Arc<MemoryIndex>,
    pub(super) blobs: Arc<MemoryBlobs>,
    pub(super) secrets: Arc<InMemorySecrets>,
}
