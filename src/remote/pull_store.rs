//! A pull that may replace the index of the store.

use std::path::Path;

use super::error::RemoteError;
use super::pull::{PullOptions, PullSummary};
use crate::{Store, StoreOptions};

/// Opens the store in a directory, and pulls from a remote.
///
/// It does what [`Remotes::pull`](super::Remotes::pull) does. If the remote is a served store, and
/// both sides have new operations, the remote's are put before the store's own: a new index is built
/// beside the old one, verified, and takes its place. The own operations keep their content, except
/// for the numbers that [`PullOptions::renumber`] changes, and get other numbers and ids. The old
/// index is kept as `index.previous.db`. No process, this one included, may have the store open
/// then.
///
/// # Errors
///
/// Those of [`Remotes::pull`](super::Remotes::pull); [`RemoteError::AlreadyPushed`];
/// [`RemoteError::Store`] with the kind [`Busy`](crate::ErrorKind::Busy) if the index would be
/// replaced and a process has the store open. The store is then as it was. A crash leaves the old
/// index or the new one.
pub fn pull_store(
    path: impl AsRef<Path>,
    store: &StoreOptions,
    name: &str,
    options: PullOptions<'_>,
) -> Result<(Store, PullSummary), RemoteError> {
    let path = path.as_ref();
    let open = || store.open(path);
    let remotes = {
        let store = open()?;
        store.remotes()?
    };
    remotes.pull_exclusively(open, name, options)
}
