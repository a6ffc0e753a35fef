//! Faults that tests plant, so that they see that their checks detect them.

/// A fault that a test plants by a parameter of the URL, with the feature `testing`.
#[cfg_attr(
    not(any(test, feature = "testing")),
    allow(dead_code, reason = "only tests plant a fault")
)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum PlantedFault {
    #[default]
    None,
    /// The first reading is in the statement that takes the lock.
    ReadsWithLock,
    /// All readings are of the time before the wait.
    SnapshotBeforeLock,
    NoLock,
    /// The lock is right, but a commit whose answer did not come is reported as not made.
    AssumesFailure,
    /// The lock is right, but commits are acknowledged before they are flushed.
    AcknowledgesEarly,
}

impl PlantedFault {
    /// Returns the fault that the parameter names.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn planted(name: &str) -> Option<Self> {
        Some(match name {
            "reads_with_lock" => Self::ReadsWithLock,
            "snapshot_before_lock" => Self::SnapshotBeforeLock,
            "no_lock" => Self::NoLock,
            "assumes_failure" => Self::AssumesFailure,
            "acknowledges_early" => Self::AcknowledgesEarly,
            _ => return None,
        })
    }
}
