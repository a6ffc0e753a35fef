//! Diagnostics: the state of a store for a report of a problem, without its contents.

use std::path::Path;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::handle::Store;
use super::shared::StoreLocation;
use crate::engine::oldest_journaled;
use crate::model::error::{ErrorKind, Result};
use crate::model::id::OperationId;
use crate::model::record::Settings;
use crate::storage::BlobUsage;
use crate::storage::sqlite::{FORMAT, linked_version};

/// The state of a store, for a report of a problem.
///
/// It contains no bodies, and no names of prompts, tags, environments or authors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Diagnostics {
    /// The version of this crate.
    pub release: String,
    /// The version of the linked SQLite.
    pub sqlite: String,
    /// The format of the store; none for a store in memory.
    pub format: Option<u32>,
    /// Whether the handle can only read.
    pub read_only: bool,
    /// The size of the index file in bytes.
    pub index_bytes: u64,
    /// The size of the index's write-ahead log in bytes.
    pub log_bytes: u64,
    /// The number of live prompts.
    pub prompts: u64,
    /// The number of operations, which is the position of the history's head.
    pub operations: u64,
    /// The id of the last operation, which covers the whole history.
    pub head: Option<OperationId>,
    /// The number of operations that are not indexed for search yet.
    pub unindexed_operations: u64,
    /// The number of bodies in the journal.
    pub journaled_bodies: u64,
    /// The size of these bodies in bytes.
    pub journaled_bytes: u64,
    /// The time of the operation whose body has waited longest, or none if no body waits.
    pub oldest_journaled: Option<DateTime<Utc>>,
    /// The bodies in the blob store.
    pub bodies: BlobUsage,
    /// The settings that the store was created with.
    pub settings: Settings,
    /// The last failure of the maintenance worker of this handle.
    pub maintenance_failure: Option<MaintenanceFailure>,
}

/// A failure of the maintenance worker.
///
/// The worker tries again later, and no acknowledged change is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MaintenanceFailure {
    /// The time of the failure, by the system's clock.
    pub at: DateTime<Utc>,
    /// The kind of the error.
    pub kind: ErrorKind,
    /// The message of the error and of its causes. It may contain paths of the store's files.
    pub message: String,
}

impl Store {
    /// Returns the state of the store for a report of a problem.
    ///
    /// ```
    /// use promptbook::Store;
    ///
    /// let store = Store::in_memory()?;
    /// println!("{}", serde_json::to_string_pretty(&store.diagnostics()?).unwrap());
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Storage`](crate::Error::Storage) if the index or the blob store failed. Nothing is
    /// changed.
    pub fn diagnostics(&self) -> Result<Diagnostics> {
        let inner = self.shared();
        let index = match &inner.place {
            StoreLocation::Directory { location, .. } => Some(location.index()),
            #[cfg(feature = "postgres")]
            StoreLocation::Postgres(_) => None,
            StoreLocation::Memory(_) | StoreLocation::Given { .. } => None,
        };
        let failure = inner.settler.last_failure();
        self.as_view().look(|snapshot| {
            let waiting = snapshot.waiting()?;
            let last = snapshot.last_operation()?;
            let operations = last.map_or(0, |(number, _)| number);
            Ok(Diagnostics {
                release: env!("CARGO_PKG_VERSION").to_owned(),
                sqlite: linked_version().1.to_owned(),
                format: index.map(|_| FORMAT),
                read_only: inner.read_only,
                index_bytes: index.map_or(0, size),
                log_bytes: index.map_or(0, |index| {
                    let mut log = index.as_os_str().to_owned();
                    log.push("-wal");
                    size(Path::new(&log))
                }),
                prompts: snapshot.prompt_count()?,
                operations,
                head: last.map(|(_, id)| id),
                unindexed_operations: operations.saturating_sub(snapshot.indexed_through()?),
                journaled_bodies: waiting.bodies,
                journaled_bytes: waiting.bytes,
                oldest_journaled: oldest_journaled(snapshot, waiting.bodies)?,
                bodies: inner.bodies.blobs().usage()?,
                settings: self.settings(),
                maintenance_failure: failure.as_ref().map(|(at, kind, message)| {
                    MaintenanceFailure {
                        at: *at,
                        kind: *kind,
                        message: message.clone(),
                    }
                }),
            })
        })
    }
}

/// Returns the size of a file, or 0 if it does not exist.
fn size(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}
