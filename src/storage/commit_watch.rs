//! [`CommitWatch`], by which an index wakes those that wait for changes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Called by an index when something may have been committed. It does not block.
pub type WakeFn = Arc<dyn Fn() + Send + Sync>;

/// How a caller notices the commits of an index, until this is dropped.
pub struct CommitWatch {
    guard: Option<Box<dyn Send + Sync>>,
    interval: Duration,
}

impl CommitWatch {
    /// Creates a watch without calls: the caller compares change marks at this interval.
    #[must_use]
    pub fn polling(interval: Duration) -> Self {
        Self {
            guard: None,
            interval,
        }
    }

    /// Creates a watch whose index wakes the caller until `guard` is dropped.
    ///
    /// In case that a call is lost, the caller also compares change marks at this interval.
    #[must_use]
    pub fn waking(guard: Box<dyn Send + Sync>, interval: Duration) -> Self {
        Self {
            guard: Some(guard),
            interval,
        }
    }

    /// Returns the interval at which the caller compares change marks.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.interval
    }
}

impl fmt::Debug for CommitWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommitWatch")
            .field("wakes", &self.guard.is_some())
            .field("interval", &self.interval)
            .finish()
    }
}
