//! Repair: damaged bodies replaced by intact copies.

use serde::{Deserialize, Serialize};

use super::handle::Store;
use crate::engine::{Depth, VerifyReport, repair};
use crate::model::error::Result;
use crate::model::id::BlobId;
use crate::model::progress::{Progress, ProgressAnswer, Reporter};

/// The result of a repair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RepairSummary {
    /// The bodies that were restored from other stores.
    pub bodies: Vec<BlobId>,
    /// The result of verifying the store after the repair.
    pub report: VerifyReport,
}

/// The options of a repair.
#[derive(Debug, Default)]
pub struct RepairOptions<'a> {
    progress: Reporter<'a>,
}

impl<'a> RepairOptions<'a> {
    /// Returns the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls a closure as the call advances. A step is a body that was checked, before the repair
    /// or after it, or moved to a new pack.
    ///
    /// The closure returns `()`, or a [`ControlFlow`](std::ops::ControlFlow) that can cancel the
    /// call with [`Cancelled`](crate::Error::Cancelled). The bodies that were restored until then
    /// stay restored.
    #[must_use]
    pub fn progress<A: ProgressAnswer>(mut self, closure: impl FnMut(Progress) -> A + 'a) -> Self {
        self.progress = Reporter::new(closure);
        self
    }
}

impl Store {
    /// Replaces damaged and missing bodies by those of other stores, such as backups.
    ///
    /// The store is verified before and after. The result lists the bodies that were restored, and
    /// the violations that remain. Damaged packs are rewritten. If only the index of a pack is
    /// damaged, everything in the pack is found without it. Operations and rows are not repaired.
    /// To repair those, create a store from a backup with [`restore`](Self::restore). If the
    /// operations are sound, importing a [bundle](Self::export_bundle) into a new store creates new
    /// rows.
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](crate::Error::ReadOnly); [`WithinBatch`](crate::Error::WithinBatch) inside a
    /// batch of this store; [`Storage`](crate::Error::Storage) if a lock, a read or a write failed.
    /// The bodies that were restored until then stay, and the call may be repeated.
    pub fn repair(&self, sources: &[Store]) -> Result<RepairSummary> {
        self.repair_with(sources, RepairOptions::new())
    }

    /// Repairs the store as [`repair`](Self::repair) does, with options.
    ///
    /// # Errors
    ///
    /// As [`repair`](Self::repair); [`Cancelled`](crate::Error::Cancelled). The bodies that were
    /// restored until then stay, and the call may be repeated.
    pub fn repair_with(
        &self,
        sources: &[Store],
        mut options: RepairOptions<'_>,
    ) -> Result<RepairSummary> {
        let progress = &mut options.progress;
        // After this, every body that is not in a pack is in a file of its own.
        self.checkpoint()?;
        if progress.is_watched() {
            progress.expect(2 * self.body_count());
        }
        let report = self.verify_within(Depth::Full, &[], progress)?;
        let blobs = self.shared().bodies.blobs();
        let mut find = |id| sources.iter().find_map(|source| source.body(id).ok());
        let bodies = repair(&*self.shared().index, blobs, &report, &mut find, progress)?;
        Ok(RepairSummary {
            bodies,
            report: self.verify_within(Depth::Full, &[], progress)?,
        })
    }
}
