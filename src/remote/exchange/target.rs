//! [`ExchangeTarget`], the store and the served store of a transfer.

use super::relation::HistoryRelation;
use super::service::StoreService;
use crate::Store;
use crate::history::LogPosition;
use crate::remote::error::RemoteError;
use crate::remote::state::{RemoteFolder, RemoteLock, RemoteState};

/// The store and the served store of a transfer, and the place of the remote's state.
pub(in crate::remote) struct ExchangeTarget<'a> {
    pub(in crate::remote) store: &'a Store,
    pub(in crate::remote) name: &'a str,
    pub(in crate::remote) folder: &'a RemoteFolder,
    pub(in crate::remote) lock: &'a RemoteLock,
    pub(in crate::remote) service: &'a StoreService,
}

impl ExchangeTarget<'_> {
    /// Compares the histories of both sides.
    pub(super) fn relation(&self, state: &RemoteState) -> Result<HistoryRelation, RemoteError> {
        HistoryRelation::find(self.store, self.service, state.settings.seen)
    }

    /// Records a position that both sides have.
    pub(super) fn saw(
        &self,
        state: &mut RemoteState,
        position: LogPosition,
    ) -> Result<(), RemoteError> {
        if state.settings.seen == Some(position) || position == LogPosition::START {
            return Ok(());
        }
        state.settings.seen = Some(position);
        self.folder.write(self.name, state, self.lock)
    }
}

/// Refuses an option that selects prompts, because a history is exchanged entirely.
pub(super) fn refuse_selection(prompts: &[String]) -> Result<(), RemoteError> {
    if prompts.is_empty() {
        Ok(())
    } else {
        Err(RemoteError::Selection)
    }
}
