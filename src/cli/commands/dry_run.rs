//! Changes that are made to see their effects, and rolled back.

use crate::{Batch, Error, Store};

/// Returns the answer of changes, without making them.
pub(super) fn dry_run<T: Default>(
    store: &Store,
    make: impl FnOnce(&mut Batch<'_>) -> crate::Result<T>,
) -> crate::Result<T> {
    let mut answer = T::default();
    let made = store.batch(|batch| {
        answer = make(batch)?;
        // An error rolls the batch back.
        Err::<(), _>(Error::Cancelled)
    });
    match made {
        Err(Error::Cancelled) | Ok(()) => Ok(answer),
        Err(error) => Err(error),
    }
}
