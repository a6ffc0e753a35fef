//! Limits of waits for locks, and notices of long waits.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::holders::{LockHolder, holders};
use crate::storage::{Deadline, StorageError, StorageErrorKind};

/// The duration after which a wait for a lock causes a notice.
pub(crate) const NOTICE_AFTER: Duration = Duration::from_secs(1);

/// The default limit of a wait for a lock.
const DEFAULT_LIMIT: Duration = Duration::from_secs(10);

type WaitNotice = Arc<dyn Fn(&LockWait) + Send + Sync>;

/// The limit of waits for locks, and the callback for long waits.
#[derive(Clone)]
pub(crate) struct LockPolicy {
    pub(crate) limit: Duration,
    pub(crate) notice: Option<WaitNotice>,
}

/// A wait for a lock that has lasted a second.
///
/// Its text names the locked file and the processes that hold the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockWait {
    /// The file that is locked.
    pub path: PathBuf,
    /// How long the call has waited.
    pub waited: Duration,
    /// The processes that hold the lock; empty if the system does not report them.
    pub holders: Vec<LockHolder>,
}

impl Default for LockPolicy {
    fn default() -> Self {
        Self {
            limit: DEFAULT_LIMIT,
            notice: None,
        }
    }
}

impl LockPolicy {
    /// Returns the deadline of a call that begins now.
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::after(self.limit)
    }

    pub(crate) fn gives_notice(&self) -> bool {
        self.notice.is_some()
    }

    /// Reports that a call has waited this long for a lock on a file.
    pub(crate) fn notify(&self, path: &Path, waited: Duration) {
        if let Some(notice) = &self.notice {
            notice(&LockWait::of(path, waited));
        }
    }

    /// Returns the error of a call that has waited this long for a lock on a file and not got it.
    pub(crate) fn busy(&self, path: &Path, waited: Duration) -> StorageError {
        let wait = LockWait::of(path, waited);
        let waited = waited.as_secs_f64();
        let reason = format!("waited {waited:.1} s for {wait}");
        StorageError::new(StorageErrorKind::Busy, reason)
    }
}

impl fmt::Debug for LockPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockPolicy")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl LockWait {
    fn of(path: &Path, waited: Duration) -> Self {
        Self {
            path: path.to_owned(),
            waited,
            holders: holders(path),
        }
    }
}

impl fmt::Display for LockWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the lock on {}", self.path.display())?;
        for (number, holder) in self.holders.iter().enumerate() {
            let before = match number {
                0 => ", held by",
                _ => " and",
            };
            write!(f, "{before} {holder}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_names_the_file_and_the_holders() {
        let mut wait = LockWait {
            path: "store/write.lock".into(),
            waited: NOTICE_AFTER,
            holders: Vec::new(),
        };
        assert_eq!(wait.to_string(), "the lock on store/write.lock");
        wait.holders = vec![
            LockHolder {
                process: 12,
                name: Some("promptbook".into()),
                is_stopped: true,
            },
            LockHolder {
                process: 13,
                name: None,
                is_stopped: false,
            },
        ];
        assert_eq!(
            wait.to_string(),
            "the lock on store/write.lock, held by process 12 (promptbook, stopped) and process 13, which has ended: \
             a process that it started has inherited the lock"
        );
    }
}
