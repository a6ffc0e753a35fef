//! Import of a bundle into a store, in one transaction.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::io::{Read, Seek};

use super::check::{BundleCheck, BundleRejection};
use super::conflict_reason::ConflictReason;
use super::format::{KIND, malformed, read_bundled};
use super::local_changes::LocalChanges;
use super::manifest::{Bundle, Manifest};
use super::shared_history::SharedHistory;
use super::summary::ImportSummary;
use crate::engine::visit;
use crate::engine::write::bulk_bodies::own_delta_group;
use crate::engine::write::writer::WriteTransaction;
use crate::model::body::Body;
use crate::model::error::{Error, Result};
use crate::model::id::{BlobId, OperationId, PromptId, VersionId};
use crate::model::operation_text;
use crate::model::progress::Reporter;
use crate::model::record::{Change, OperationContent};
use crate::model::version_number::VersionNumber;
use crate::storage::{StorageErrorKind, read_operation, write_operation};

/// How a bundle is merged with a store.
#[derive(Debug, Default)]
pub(crate) struct BundleRules {
    /// Whether the bundle must continue the store's last operation.
    pub(crate) refuses_merges: bool,
    /// The numbers that new versions of the bundle get instead of their own.
    pub(crate) numbers: HashMap<VersionId, VersionNumber>,
}

/// The bodies that the missing operations need.
#[derive(Default)]
struct NeededBodies {
    /// The bodies to take from the bundle.
    in_bundle: HashSet<BlobId>,
    /// The garbage collected bodies that neither the bundle nor the store contains, with their sizes.
    collected: HashMap<BlobId, u64>,
}

impl WriteTransaction<'_> {
    /// Appends the operations of a bundle that the store does not have, and stores their bodies.
    ///
    /// An operation that contradicts the store, or a bundle that is malformed or was altered since
    /// it was verified, is an error. The transaction must then be rolled back.
    pub(crate) fn import_bundle<R: Read + Seek>(
        &mut self,
        bundle: &mut Bundle<R>,
        rules: &BundleRules,
        progress: &mut Reporter<'_>,
    ) -> Result<ImportSummary> {
        progress.report()?;
        let (shared, local) = SharedHistory::of(bundle, self.transaction.snapshot(), self.last)?;
        let has_more = self.last.number > shared.common();
        let operations = bundle.contents.head.operations;
        let missing = shared.missing();
        let mut imported = ImportSummary {
            operations,
            present: operations - missing,
            appended: missing,
            merged: missing > 0 && has_more,
            bodies: 0,
            head: None,
            seal: bundle.seal,
        };
        if missing > 0 {
            let needed = self.needed(&bundle.contents, &shared)?;
            if rules.refuses_merges && has_more {
                return Err(Error::BundleDiverged {
                    common: shared.common(),
                });
            }
            imported.bodies = self.store_bodies(bundle, &needed, progress)?;
            self.append_operations(bundle, rules, shared, local, &needed, progress)?;
        }
        imported.head = (self.last.number > 0).then_some(self.last.id);
        Ok(imported)
    }

    fn needed(&self, contents: &Manifest, shared: &SharedHistory) -> Result<NeededBodies> {
        let mut needed = NeededBodies::default();
        let is_missing = |number: u64| shared.number(number) == 0;
        for (_, blob) in contents.created.iter().filter(|one| is_missing(one.0)) {
            self.need(
                contents,
                *blob,
                contents.without_body.get(blob).copied(),
                &mut needed,
            )?;
        }
        for (_, version) in contents.restored.iter().filter(|one| is_missing(one.0)) {
            // If the store does not have the version, an earlier missing operation creates it and
            // already accounts for its body.
            if let Some(row) = self.transaction.snapshot().version_even_deleted(*version)? {
                let (blob, size) = (row.version.blob, row.version.size);
                self.need(contents, blob, Some(size), &mut needed)?;
            }
        }
        Ok(needed)
    }

    fn need(
        &self,
        contents: &Manifest,
        blob: BlobId,
        recorded: Option<u64>,
        needed: &mut NeededBodies,
    ) -> Result<()> {
        if contents.bodies.binary_search(&blob).is_ok() {
            needed.in_bundle.insert(blob);
            return Ok(());
        }
        let Some(stored) = self.transaction.snapshot().blob(blob)? else {
            needed.collected.insert(blob, recorded.unwrap_or_default());
            return Ok(());
        };
        let stored = stored.size();
        match recorded {
            Some(recorded) if recorded != stored => Err(malformed(format!(
                "body {blob} is recorded with {recorded} bytes, but has {stored}"
            ))),
            _ => Ok(()),
        }
    }

    /// Stores the bodies that are needed, before the versions that refer to them are created.
    ///
    /// Returns how many of them the store did not have.
    fn store_bodies<R: Read + Seek>(
        &mut self,
        bundle: &mut Bundle<R>,
        needed: &NeededBodies,
        progress: &mut Reporter<'_>,
    ) -> Result<u64> {
        for (blob, size) in &needed.collected {
            self.change(|transaction| transaction.put_absent_body(*blob, *size))
                .map_err(|error| match error {
                    Error::Storage(error) if error.kind() == StorageErrorKind::Corrupt => {
                        malformed(format!(
                            "body {blob} is recorded with {size} bytes: {error}"
                        ))
                    }
                    error => error,
                })?;
        }
        let count = bundle.contents.head.bodies;
        let mut reader = bundle.file.bodies()?;
        let (mut stored, mut found) = (0, 0);
        for _ in 0..count {
            progress.advance(1)?;
            let (id, size) = reader.body_line()?;
            if !needed.in_bundle.contains(&id) {
                reader.skip_body(size)?;
                continue;
            }
            found += 1;
            let bytes = reader.body_bytes(id, size)?;
            if self.transaction.snapshot().blob(id)?.is_none() {
                self.store_body(&Body::from_store(bytes)?, own_delta_group(id))?;
                stored += 1;
            }
        }
        if found != needed.in_bundle.len() as u64 {
            // The file changed after it was verified.
            return Err(KIND.altered().into());
        }
        Ok(stored)
    }

    fn append_operations<R: Read + Seek>(
        &mut self,
        bundle: &mut Bundle<R>,
        rules: &BundleRules,
        mut shared: SharedHistory,
        mut local: LocalChanges,
        needed: &NeededBodies,
        progress: &mut Reporter<'_>,
    ) -> Result<()> {
        let now = self.context.now();
        let mut check = BundleCheck::default();
        let mut without_body: Vec<VersionId> = Vec::new();
        let created = self.created_prompts(bundle)?;
        bundle.each_operation_after(shared.common(), |number, id, text| {
            progress.advance(1)?;
            if shared.number(number) != 0 {
                return Ok(());
            }
            let (content, text) = rewritten(read_bundled(number, text)?, text, &shared, rules)?;
            let is_new = |prompt| created.get(&prompt) == Some(&number);
            check
                .operation(self.transaction.snapshot(), &content, is_new)
                .map_err(|rejection| match rejection {
                    BundleRejection::MergeConflict(reason) => self.conflict(number, id, &reason),
                    BundleRejection::Failed(error) => error,
                })?;
            // This follows the check against the current state, whose reasons are more specific.
            if let Some(reason) = local.conflict(number, &content.changes, |one| shared.number(one))
            {
                return Err(self.conflict(number, id, &reason));
            }
            if !needed.collected.is_empty() {
                without_body.extend(self.without_body(&content, needed)?);
            }
            match self.append_text(content, &text, now) {
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
        })?;
        for version in without_body {
            if self.transaction.snapshot().version(version)?.is_some() {
                return Err(malformed(format!(
                    "version {version} is live, but its body is neither in the bundle nor in the store"
                )));
            }
        }
        Ok(())
    }

    /// Returns the number of the operation that created each prompt, of those that the bundle creates.
    fn created_prompts<R: Read + Seek>(
        &self,
        bundle: &mut Bundle<R>,
    ) -> Result<HashMap<PromptId, u64>> {
        let mut first = std::mem::take(&mut bundle.contents.prompts);
        let start = bundle.contents.head.start().number;
        if start == 0 {
            return Ok(first);
        }
        let snapshot = self.transaction.snapshot();
        let mut earlier = Vec::new();
        for prompt in first.keys() {
            let existed = |number, text: &str| {
                let content = read_operation(number, text)?;
                let mut changes = content.changes.iter();
                Ok(changes
                    .any(|change| change.prompt() == Some(*prompt))
                    .then_some(()))
            };
            let found = visit::first(existed, |visit| {
                snapshot.each_operation_of(*prompt, start, visit)
            })?;
            earlier.extend(found.map(|()| *prompt));
        }
        for prompt in earlier {
            first.remove(&prompt);
        }
        Ok(first)
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
        needed: &NeededBodies,
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
            if blob.is_some_and(|blob| needed.collected.contains_key(&blob)) {
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
/// of versions as the rules say.
///
/// If the numbers are the same, the operation's text stays unchanged.
fn rewritten<'a>(
    mut content: OperationContent,
    text: &'a str,
    shared: &SharedHistory,
    rules: &BundleRules,
) -> Result<(OperationContent, Cow<'a, str>)> {
    let mut is_same = true;
    for change in &mut content.changes {
        if let Change::VersionCreated(version) = change
            && let Some(number) = rules.numbers.get(&version.id)
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
