//! The age from which a collection removes what no version has any more, and whether the clock can be trusted with it.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::model::error::Result;
use crate::storage::{Blobs, Snapshot, Unused};

/// How long what is not used any more is kept, by a clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retention {
    pub(crate) now: DateTime<Utc>,
    /// Nothing is kept for a time; then no clock matters.
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

    /// What came after this moment stays.
    pub(crate) fn cutoff(self) -> DateTime<Utc> {
        self.cutoff
    }

    /// The bodies that have been unused for so long.
    ///
    /// A deletion is no older than what was done before it. So one by a clock that was behind does not count by what that clock
    /// said, if an operation before it says a later moment; one that is ahead of the clock of today says nothing.
    pub(crate) fn unused(self, snapshot: &dyn Snapshot) -> Result<Unused> {
        let young = snapshot.first_operation_between(self.cutoff, self.now)?;
        Ok(Unused {
            since: self.cutoff,
            before: young.unwrap_or(u64::MAX),
        })
    }

    /// Whether nothing in the store was made within the retention, by this clock: either the store was idle for as long, or the
    /// clock is ahead.
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
