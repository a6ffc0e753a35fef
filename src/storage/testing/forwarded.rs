//! Methods of an index that a test wraps to change others.

/// Implements the locks and the maintenance of an [`Index`](crate::storage::Index) by the one in a
/// field.
macro_rules! forwarded_upkeep {
    ($field:tt) => {
        fn lock_shared(
            &self,
        ) -> $crate::storage::StorageResult<Box<dyn $crate::storage::LockGuard + '_>> {
            self.$field.lock_shared()
        }

        fn lock_exclusive(
            &self,
        ) -> $crate::storage::StorageResult<Box<dyn $crate::storage::LockGuard + '_>> {
            self.$field.lock_exclusive()
        }

        fn shorten_log(&self) -> $crate::storage::StorageResult<()> {
            self.$field.shorten_log()
        }

        fn maintain(&self) -> $crate::storage::StorageResult<bool> {
            self.$field.maintain()
        }
    };
}

pub(crate) use forwarded_upkeep;
