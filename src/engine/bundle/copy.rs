//! The copy of a store's history to another store, part by part: each part is one transaction.

use std::ops::ControlFlow;

use crate::engine::read::bodies::BodyReader;
use crate::engine::read::lookup::version_label;
use crate::engine::visit;
use crate::engine::write::bulk_bodies::delta_group_of;
use crate::engine::write::writer::WriteTransaction;
use crate::model::body::Body;
use crate::model::error::{Error, Result};
use crate::model::id::OperationId;
use crate::model::log_position::LogPosition;
use crate::model::record::{Change, OperationContent, Version};
use crate::storage::{AnnouncedIds, Snapshot, StorageError, StorageErrorKind, read_operation};

/// The maximum number of operations in a part.
const MAX_PART_OPERATIONS: usize = 4096;

/// The size of the operations and bodies of a part from which it is full.
const MAX_PART_BYTES: u64 = 32 * 1024 * 1024;

/// The store that is copied, as it is at one moment.
#[derive(Clone, Copy)]
pub(crate) struct CopySource<'a> {
    pub(crate) snapshot: &'a dyn Snapshot,
    pub(crate) bodies: &'a BodyReader,
}

/// Successive operations that are appended to the target in one transaction.
#[derive(Debug)]
pub(crate) struct CopyPart {
    /// The operation before the first one.
    after: LogPosition,
    operations: Vec<(OperationId, OperationContent, String)>,
    bytes: u64,
}

/// What a part added to the target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CopiedPart {
    /// The last operation of the target.
    pub(crate) last: LogPosition,
    /// The number of bodies that the target did not have.
    pub(crate) bodies: u64,
}

impl<'a> CopySource<'a> {
    /// Returns the last operation of the store.
    pub(crate) fn last(&self) -> Result<LogPosition> {
        Ok(LogPosition::after_last(self.snapshot.last_operation()?))
    }

    /// Checks whether the history of the target is the beginning of this one, which its last
    /// operation decides: its id covers all operations before it.
    pub(crate) fn continues(&self, target: LogPosition) -> Result<()> {
        let Some(before) = target.number.checked_sub(1) else {
            return Ok(());
        };
        let mut found = None;
        visit::operations(self.snapshot, before, |_, id, _| {
            found = Some(id);
            Ok(ControlFlow::Break(()))
        })?;
        if found == Some(target.id) {
            Ok(())
        } else {
            Err(Error::MismatchedCopy {
                operation: target.number,
            })
        }
    }

    /// Reads the operations after `after`, until a part is full. It is empty at the end.
    pub(crate) fn part(&self, after: LogPosition) -> Result<CopyPart> {
        let mut part = CopyPart {
            after,
            operations: Vec::new(),
            bytes: 0,
        };
        visit::operations(self.snapshot, after.number, |number, id, text| {
            part.add(id, read_operation(number, text)?, text.to_owned());
            Ok(if part.is_full() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })?;
        Ok(part)
    }

    /// Reads the body of a version; none if it was garbage collected.
    fn body(&self, version: &Version) -> Result<Option<Body>> {
        if self.snapshot.blob(version.blob)?.is_none() {
            return match self.snapshot.version(version.id)? {
                Some(live) => Err(Error::CorruptBody {
                    blob: version.blob,
                    version: Some(version_label(self.snapshot, &live)?),
                    reason: "the index does not contain it".into(),
                }),
                None => Ok(None),
            };
        }
        let bytes = self.bodies.read_checked(self.snapshot, version.blob)?;
        Ok(Some(Body::from_store(bytes)?))
    }
}

impl CopyPart {
    fn add(&mut self, id: OperationId, content: OperationContent, text: String) {
        let sizes = created(&content).map(|version| version.size);
        self.bytes += text.len() as u64 + sizes.sum::<u64>();
        self.operations.push((id, content, text));
    }

    fn is_full(&self) -> bool {
        self.operations.len() >= MAX_PART_OPERATIONS || self.bytes >= MAX_PART_BYTES
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Returns the number of operations.
    pub(crate) fn len(&self) -> u64 {
        self.operations.len() as u64
    }
}

impl WriteTransaction<'_> {
    /// Appends operations of another store with their ids, bodies and recorded inputs.
    ///
    /// An error leaves the transaction unusable.
    pub(crate) fn append_part(
        &mut self,
        part: CopyPart,
        source: CopySource<'_>,
    ) -> Result<CopiedPart> {
        if self.position() != part.after {
            // Another writer changed the target meanwhile.
            return Err(Error::MismatchedCopy {
                operation: self.position().number,
            });
        }
        let now = self.context.now();
        let new = part.operations.iter();
        let new: Vec<&Version> = new.flat_map(|(_, content, _)| created(content)).collect();
        self.transaction.announce(&AnnouncedIds {
            bodies: new.iter().map(|version| version.blob).collect(),
            ..AnnouncedIds::default()
        })?;
        let mut bodies = 0;
        for (id, content, text) in part.operations {
            let versions: Vec<Version> = created(&content).cloned().collect();
            for version in &versions {
                bodies += u64::from(self.copy_body(version, source)?);
            }
            let appended = self.append_text(content, &text, now)?;
            if appended.id != id {
                let message = format!(
                    "operation {}: its id does not match the history up to it",
                    appended.number
                );
                return Err(StorageError::new(StorageErrorKind::Corrupt, message).into());
            }
            for version in &versions {
                for inputs in source.snapshot.inputs_of(version.id)? {
                    self.record_inputs(&inputs)?;
                }
            }
        }
        let last = self.position();
        Ok(CopiedPart { last, bodies })
    }

    /// Stores a version's body. Returns whether the store did not have it.
    fn copy_body(&mut self, version: &Version, source: CopySource<'_>) -> Result<bool> {
        if self.transaction.snapshot().blob(version.blob)?.is_some() {
            return Ok(false);
        }
        match source.body(version)? {
            Some(body) => {
                let group = delta_group_of(version.prompt_id, version.number.major);
                self.store_body(&body, group)?;
                Ok(true)
            }
            None => {
                let (blob, size) = (version.blob, version.size);
                self.change(|transaction| transaction.put_absent_body(blob, size))?;
                Ok(false)
            }
        }
    }
}

/// Returns the versions that an operation creates.
fn created(content: &OperationContent) -> impl Iterator<Item = &Version> {
    content.changes.iter().filter_map(|change| match change {
        Change::VersionCreated(version) => Some(&**version),
        _ => None,
    })
}
