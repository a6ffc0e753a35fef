//! The steps of putting and removing objects, between which a test ends the work.

use crate::storage::StorageResult;

/// The steps of a handle: each is one request to the database or to the object store.
#[derive(Debug, Default)]
pub(super) struct Steps {
    /// The number of steps that are still made; none if all are.
    #[cfg(test)]
    left: std::sync::Mutex<Option<u64>>,
}

impl Steps {
    /// Begins a step. In a test, it fails if the process would have ended by now.
    #[cfg_attr(
        not(test),
        expect(
            clippy::unused_self,
            clippy::unnecessary_wraps,
            reason = "only tests end the work"
        )
    )]
    pub(super) fn begin(&self) -> StorageResult<()> {
        #[cfg(test)]
        if let Some(left) = &mut *self.left.lock().unwrap() {
            let Some(rest) = left.checked_sub(1) else {
                let reason = "the process has ended";
                return Err(crate::storage::StorageError::new(
                    crate::storage::StorageErrorKind::Other,
                    reason,
                ));
            };
            *left = rest;
        }
        Ok(())
    }

    /// Makes all steps after this number of further ones fail.
    #[cfg(test)]
    pub(super) fn end_after(&self, steps: u64) {
        *self.left.lock().unwrap() = Some(steps);
    }
}
