//! Replay of another index's operations in a new index of the same bodies.

use std::collections::HashSet;
use std::ops::ControlFlow;

use super::writer::WriteTransaction;
use crate::engine::visit;
use crate::model::error::Result;
use crate::model::log_position::LogPosition;
use crate::model::record::{Change, Version};
use crate::storage::{Snapshot, StoredBlob, read_operation};

impl WriteTransaction<'_> {
    /// Records the bodies of all versions that another index ever had, as they are stored there.
    ///
    /// Both indexes have the same blob store. The caller must ensure that no body is garbage
    /// collected until the transaction is committed.
    pub(crate) fn adopt_bodies(&mut self, from: &dyn Snapshot) -> Result<()> {
        let mut known = HashSet::new();
        each_created_version(from, |version| {
            let blob = version.blob;
            if !known.insert(blob) {
                return Ok(());
            }
            match from.blob(blob)? {
                Some(StoredBlob::Settled(size)) => {
                    self.change(|transaction| transaction.put_packed_body(blob, size).map(drop))
                }
                Some(StoredBlob::Journaled(bytes)) => {
                    self.change(|transaction| transaction.put_body(blob, &bytes))
                }
                None => self.change(|transaction| transaction.put_absent_body(blob, version.size)),
            }
        })
    }

    /// Appends the operations of another index up to a position, with the same ids.
    ///
    /// The bodies must have been [adopted](Self::adopt_bodies).
    pub(crate) fn replay(&mut self, from: &dyn Snapshot, until: LogPosition) -> Result<()> {
        visit::operations(from, 0, |number, _, text| {
            if number > until.number {
                return Ok(ControlFlow::Break(()));
            }
            let content = read_operation(number, text)?;
            let at = content.at;
            self.append_text(content, text, at)?;
            Ok(ControlFlow::Continue(()))
        })
    }

    /// Copies the recorded inputs of all versions of another index.
    pub(crate) fn adopt_inputs(&mut self, from: &dyn Snapshot) -> Result<()> {
        each_created_version(from, |version| {
            for inputs in from.inputs_of(version.id)? {
                self.change(|transaction| transaction.put_inputs(&inputs))?;
            }
            Ok(())
        })
    }
}

/// Visits each version that an index ever had, as it was created.
fn each_created_version(
    from: &dyn Snapshot,
    mut visit: impl FnMut(&Version) -> Result<()>,
) -> Result<()> {
    visit::operations(from, 0, |number, _, text| {
        for change in read_operation(number, text)?.changes {
            if let Change::VersionCreated(version) = change {
                visit(&version)?;
            }
        }
        Ok(ControlFlow::Continue(()))
    })
}
