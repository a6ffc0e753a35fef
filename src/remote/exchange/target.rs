//! [`ExchangeTarget`], the transfer target of an exchange, and what it knows of both histories.

use super::relation::HistoryRelation;
use super::service::StoreService;
use crate::history::LogPosition;
use crate::remote::error::RemoteError;
use crate::remote::pull::TransferTarget;
use crate::remote::state::RemoteState;

/// The store and the served store of a transfer.
pub(super) type ExchangeTarget<'a> = TransferTarget<'a, StoreService>;

impl ExchangeTarget<'_> {
    /// Compares the histories of both sides.
    pub(super) fn relation(&self, state: &RemoteState) -> Result<HistoryRelation, RemoteError> {
        HistoryRelation::find(self.store, self.remote, state.settings.seen)
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
        self.save(state)
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
