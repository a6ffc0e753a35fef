//! Statistics of a store.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::handle::Store;
use crate::engine::oldest_journaled;
use crate::model::error::{Error, Result};
use crate::model::record::Settings;
use crate::storage::BlobUsage;

/// Statistics of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StoreStats {
    /// The number of live prompts.
    pub prompts: u64,
    /// The number of operations in the history.
    pub operations: u64,
    /// The number of bodies in the journal, which wait for a checkpoint.
    pub journaled_bodies: u64,
    /// The size of these bodies in bytes.
    pub journaled_bytes: u64,
    /// The time of the operation whose body has waited longest, or none if no body waits.
    pub oldest_journaled: Option<DateTime<Utc>>,
    /// The bodies in the blob store.
    pub bodies: BlobUsage,
    /// The settings that the store was created with.
    pub settings: Settings,
}

impl Store {
    /// Refuses work on a store that is read only, and work inside a batch of this thread.
    pub(crate) fn writable(&self) -> Result<()> {
        if self.shared().read_only {
            Err(Error::ReadOnly)
        } else {
            self.shared().queue.check_not_reentrant()
        }
    }

    /// Returns statistics of the store.
    ///
    /// # Errors
    ///
    /// [`Storage`](Error::Storage) if the index or the blob store failed.
    pub fn stats(&self) -> Result<StoreStats> {
        self.as_view().look(|snapshot| {
            let waiting = snapshot.waiting()?;
            Ok(StoreStats {
                oldest_journaled: oldest_journaled(snapshot, waiting.bodies)?,
                bodies: self.shared().bodies.blobs().usage()?,
                prompts: snapshot.prompt_count()?,
                operations: snapshot.last_operation()?.map_or(0, |(number, _)| number),
                journaled_bodies: waiting.bodies,
                journaled_bytes: waiting.bytes,
                settings: self.settings(),
            })
        })
    }
}
