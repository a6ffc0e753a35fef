//! The append of a bundle's operations, chunk by chunk.

use std::borrow::Cow;
use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::check::{BundleCheck, BundleRejection};
use super::conflict_reason::ConflictReason;
use super::format::read_bundled;
use super::local_changes::LocalChanges;
use super::shared_history::SharedHistory;
use crate::engine::write::writer::WriteTransaction;
use crate::model::error::{Error, Result};
use crate::model::id::{BlobId, OperationId, PromptId, VersionId};
use crate::model::operation_text;
use crate::model::record::{Change, OperationContent};
use crate::model::version_number::VersionNumber;
use crate::storage::{AnnouncedIds, StorageErrorKind, write_operation};

/// The number of operations that make a chunk full.
const MAX_OPERATIONS: usize = 4096;
/// The size of the operations' texts that makes a chunk full, in bytes.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// What the operations of a bundle are compared with, and what the append found out.
pub(super) struct BundleAppend<'a> {
    /// The number of the operation that created each prompt, of those that the bundle creates.
    pub(super) created: HashMap<PromptId, u64>,
    pub(super) shared: SharedHistory,
    pub(super) local: LocalChanges,
    /// The numbers that new versions of the bundle get instead of their own.
    pub(super) numbers: &'a HashMap<VersionId, VersionNumber>,
    /// The garbage collected bodies that neither the bundle nor the store contains.
    pub(super) collected: &'a HashMap<BlobId, u64>,
    pub(super) now: DateTime<Utc>,
    pub(super) check: BundleCheck,
    /// The versions that were created or restored without their bodies.
    pub(super) without_body: Vec<VersionId>,
}

/// Operations of a bundle that the store does not have, whose ids are looked up together.
#[derive(Default)]
pub(super) struct OperationChunk {
    operations: Vec<BundledOperation>,
    bytes: usize,
}

struct BundledOperation {
    number: u64,
    id: OperationId,
    content: OperationContent,
    text: String,
}

impl OperationChunk {
    /// Adds the next operation.
    pub(super) fn add(&mut self, number: u64, id: OperationId, text: &str) -> Result<()> {
        self.bytes += text.len();
        self.operations.push(BundledOperation {
            number,
            id,
            content: read_bundled(number, text)?,
            text: text.to_owned(),
        });
        Ok(())
    }

    pub(super) fn is_full(&self) -> bool {
        self.operations.len() >= MAX_OPERATIONS || self.bytes >= MAX_BYTES
    }

    /// Returns the ids that the operations bring into use.
    fn new_ids(&self) -> AnnouncedIds {
        let mut ids = AnnouncedIds::default();
        for change in self.operations.iter().flat_map(|one| &one.content.changes) {
            match change {
                Change::VersionCreated(version) => ids.versions.push(version.id),
                Change::Prompt {
                    id, before: None, ..
                } => ids.prompts.push(*id),
                _ => {}
            }
        }
        ids
    }
}

impl WriteTransaction<'_> {
    /// Appends the operations of a chunk.
    pub(super) fn append_chunk(
        &mut self,
        append: &mut BundleAppend<'_>,
        chunk: OperationChunk,
    ) -> Result<()> {
        self.transaction.announce(&chunk.new_ids())?;
        let mut operations = chunk.operations.into_iter();
        operations.try_for_each(|operation| self.append_bundled(append, operation))
    }

    fn append_bundled(
        &mut self,
        append: &mut BundleAppend<'_>,
        operation: BundledOperation,
    ) -> Result<()> {
        let (number, id) = (operation.number, operation.id);
        let BundleAppend { shared, local, .. } = append;
        let (content, text) =
            rewritten(operation.content, &operation.text, shared, append.numbers)?;
        let is_new = |prompt| append.created.get(&prompt) == Some(&number);
        append
            .check
            .operation(self.transaction.snapshot(), &content, is_new)
            .map_err(|rejection| match rejection {
                BundleRejection::MergeConflict(reason) => self.conflict(number, id, &reason),
                BundleRejection::Failed(error) => error,
            })?;
        // This follows the check against the current state, whose reasons are more specific.
        if let Some(reason) = local.conflict(number, &content.changes, |one| shared.number(one)) {
            return Err(self.conflict(number, id, &reason));
        }
        if !append.collected.is_empty() {
            let without_body = self.without_body(&content, append.collected)?;
            append.without_body.extend(without_body);
        }
        match self.append_text(content, &text, append.now) {
            Ok(appended) => shared.set_number(number, appended.number),
            Err(Error::Storage(error)) if error.kind() == StorageErrorKind::Corrupt => {
                let taken = self.number_in_use(&text);
                return Err(taken.map_or(Error::Storage(error), |reason| {
                    self.conflict(number, id, &reason)
                }));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Returns the error for an operation of a bundle that conflicts with the store.
    fn conflict(&self, operation: u64, id: OperationId, reason: &ConflictReason) -> Error {
        let described = reason.described(self.transaction.snapshot());
        match described {
            Ok(reason) => Error::MergeConflict {
                operation,
                id,
                reason,
            },
            Err(error) => error,
        }
    }

    /// Returns the versions that an operation creates or restores without their bodies.
    fn without_body(
        &self,
        content: &OperationContent,
        collected: &HashMap<BlobId, u64>,
    ) -> Result<Vec<VersionId>> {
        let mut found = Vec::new();
        for change in &content.changes {
            let (id, blob) = match change {
                Change::VersionCreated(version) => (version.id, Some(version.blob)),
                Change::VersionRestored { id, .. } => {
                    let row = self.transaction.snapshot().version_even_deleted(*id)?;
                    (*id, row.map(|row| row.version.blob))
                }
                _ => continue,
            };
            if blob.is_some_and(|blob| collected.contains_key(&blob)) {
                found.push(id);
            }
        }
        Ok(found)
    }

    /// Explains why the index refused an operation whose version numbers are already in use.
    ///
    /// It runs only after a refusal, because looking up each number beforehand takes time.
    fn number_in_use(&self, text: &str) -> Option<ConflictReason> {
        let content = operation_text::read(text).ok()?;
        let mut created = content
            .changes
            .into_iter()
            .filter_map(|change| match change {
                Change::VersionCreated(version) => Some(version),
                _ => None,
            });
        created.find_map(|version| {
            let (prompt, number) = (version.prompt_id, version.number);
            let other = self
                .transaction
                .snapshot()
                .version_numbered(prompt, number)
                .ok()?;
            let reason = ConflictReason::from(format!("number {number} of ")).prompt(prompt);
            if other.is_some_and(|other| other.id != version.id) {
                return Some(reason.text(" is taken by another version of the store"));
            }
            let used = self
                .transaction
                .snapshot()
                .numbering(prompt, number.major)
                .ok()?;
            (used.highest_minor >= Some(number.minor)).then(|| reason.text(" was used before"))
        })
    }
}

/// Replaces the numbers of the operations that an operation undoes by the store's numbers, and those
/// of versions as `numbers` says.
///
/// If the numbers are the same, the operation's text stays unchanged.
fn rewritten<'a>(
    mut content: OperationContent,
    text: &'a str,
    shared: &SharedHistory,
    numbers: &HashMap<VersionId, VersionNumber>,
) -> Result<(OperationContent, Cow<'a, str>)> {
    let mut is_same = true;
    for change in &mut content.changes {
        if let Change::VersionCreated(version) = change
            && let Some(number) = numbers.get(&version.id)
        {
            is_same = is_same && version.number == *number;
            version.number = *number;
        }
    }
    let renumbered: Vec<u64> = content
        .undoes
        .iter()
        .map(|number| shared.number(*number))
        .collect();
    if is_same && renumbered == content.undoes {
        return Ok((content, text.into()));
    }
    content.undoes = renumbered;
    let new_text = write_operation(&content)?;
    Ok((content, new_text.into()))
}
