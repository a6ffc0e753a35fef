//! Cloning: a new store with all that a remote has.

use std::path::Path;

use super::error::RemoteError;
use super::http::RemoteUrl;
use super::options::StatusOptions;
use super::pull::{PullOptions, PullSummary};
use super::remote_service::RemoteService;
use super::remotes::DEFAULT_REMOTE;
use crate::{Store, StoreOptions, VersionNumber};

/// Creates a store in a directory, with everything that a remote has.
///
/// The store gets the remote under the name [`DEFAULT_REMOTE`]. If it is a served store, the new one
/// has the same history and settings. Otherwise its first versions have the number 0.0, as the
/// service's have. The remote is asked for a prompt before the store is created, so a
/// wrong URL or key leaves nothing behind.
///
/// # Errors
///
/// [`StoreExists`](crate::error::OpenError::StoreExists) if the directory contains a store; the
/// errors of [`Remotes::pull`](super::Remotes::pull). Once the store is created, a failure leaves
/// what was pulled until then, and [`Remotes::pull`](super::Remotes::pull) continues from there.
pub fn clone_store(
    url: &str,
    path: impl AsRef<Path>,
    store: &StoreOptions,
    allow_http: bool,
    options: StatusOptions<'_>,
) -> Result<(Store, PullSummary), RemoteError> {
    let remote_url = RemoteUrl::parse(url, allow_http)?;
    let (key, stop) = (options.key.clone(), options.stop.clone());
    let service = RemoteService::connect(remote_url, key, stop, allow_http, None)?;
    let store = match service.check()? {
        None => store.clone().first_version(0, 0),
        Some(head) => {
            let VersionNumber { major, minor } = head.first_version;
            store
                .clone()
                .first_version(major, minor)
                .policy(head.policy)
        }
    };
    let store = store.create(path)?;
    let remotes = store.remotes()?;
    remotes.add(DEFAULT_REMOTE, url, allow_http)?;
    let summary = remotes.pull(DEFAULT_REMOTE, PullOptions::new().with(options))?;
    Ok((store, summary))
}
