//! [`PreparedRebase`], a pull that puts the remote's operations before the store's own.

use std::collections::HashMap;

use super::incoming::IncomingBundle;
use super::relation::HistoryRelation;
use crate::history::LogPosition;
use crate::remote::error::RemoteError;
use crate::remote::pull::PullSummary;
use crate::{Store, VersionId, VersionNumber};

/// A pull that is ready to replace the index of a store.
#[derive(Debug)]
pub(in crate::remote) struct PreparedRebase {
    pub(super) bundle: IncomingBundle,
    pub(super) relation: HistoryRelation,
    /// The new numbers of own versions.
    pub(super) numbers: HashMap<VersionId, VersionNumber>,
    pub(super) summary: PullSummary,
}

impl PreparedRebase {
    /// Replaces the index. Returns the summary, and the position that both sides have then.
    ///
    /// # Errors
    ///
    /// Those of [`Store::rebase`]. The store is then as it was.
    pub(in crate::remote) fn perform(
        self,
        store: Store,
    ) -> Result<(PullSummary, LogPosition), RemoteError> {
        let mut summary = self.summary;
        let HistoryRelation { theirs, common, .. } = self.relation;
        let rebased = store.rebase(self.bundle.file()?, common, self.numbers)?;
        summary.previous_index = Some(rebased.previous);
        Ok((summary, theirs))
    }
}
