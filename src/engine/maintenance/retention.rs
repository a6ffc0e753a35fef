//! The retention period of unreferenced bodies, and the check of the clock that it depends on.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::model::error::Result;
use crate::storage::{Blobs, ReleasedBefore, Snapshot};

/// The time that unreferenced bodies are kept by default: 30 days.
pub(crate) const DEFAULT_RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The time that unreferenced bodies are kept, as measured by a clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retention {
    pub(crate) now: DateTime<Utc>,
    /// Whether the retention period is zero; then the clock does not matter.
    is_none: bool,
    cutoff: DateTime<Utc>,
}

impl Retention {
    pub(crate) fn new(now: DateTime<Utc>, retention: Duration) -> Self {
        let cutoff = match chrono::Duration::from_std(retention) {
            _ if retention.is_zero() => Some(DateTime::<Utc>::MAX_UTC),
            Ok(retention) => now.checked_sub_signed(retention),
            Err(_) => None,
        };
        Self {
            now,
            is_none: retention.is_zero(),
            cutoff: cutoff.unwrap_or(DateTime::<Utc>::MIN_UTC),
        }
    }

    /// Returns the time after which nothing is removed.
    pub(crate) fn cutoff(self) -> DateTime<Utc> {
        self.cutoff
    }

    /// Returns which bodies have been unreferenced for the retention period.
    ///
    /// A deletion is no older than the operations before it. So the recorded time of a deletion is
    /// not trusted if an operation before it was made within the retention period: the clock was
    /// behind at the deletion. Operations with a time after the present are ignored for this.
    pub(crate) fn unused(self, snapshot: &dyn Snapshot) -> Result<ReleasedBefore> {
        let young = snapshot.first_operation_between(self.cutoff, self.now)?;
        Ok(ReleasedBefore {
            since: self.cutoff,
            before: young.unwrap_or(u64::MAX),
        })
    }

    /// Checks whether nothing in the store was made within the retention period, by this clock.
    ///
    /// In this case, either the store was idle for that long, or the clock is ahead.
    pub(crate) fn is_in_doubt(self, snapshot: &dyn Snapshot, blobs: &dyn Blobs) -> Result<bool> {
        if self.is_none
            || snapshot
                .first_operation_between(self.cutoff, self.now)?
                .is_some()
        {
            return Ok(false);
        }
        let newest = blobs.newest()?;
        Ok(newest.is_none_or(|newest| newest <= self.cutoff))
    }
}
