//! Import of a bundle into a store, in one transaction.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::io::{Read, Seek};

use super::check::{BundleCheck, BundleRejection};
use super::local_changes::LocalChanges;
use super::manifest::{Bundle, Manifest};
use super::shared_history::SharedHistory;
use super::{ImportSummary, KIND, malformed, read_operation};
use crate::engine::write::bulk_bodies::kin_of_none;
use crate::engine::write::operation_text;
use crate::engine::write::writer::WriteTransaction;
use crate::model::body::Body;
use crate::model::error::{Error, Result};
use crate::model::id::{BlobId, OperationId, VersionId};
use crate::model::progress::Reporter;
use crate::model::record::{Change, OperationContent};
use crate::storage::{StorageErrorKind, StoredBlob};

/// The bodies that the missing operations need.
#[derive(Default)]
struct NeededBodies {
    /// The bodies to take from the bundle.
    there: HashSet<BlobId>,
    /// The garbage collected bodies that neither the bundle nor the store contains, with their sizes.
    absent: HashMap<BlobId, u64>,
}

impl WriteTransaction<'_> {
    /// Appends the operations of a bundle that the store does not have, and stores their bodies.
    ///
    /// An operation that contradicts the store, or a bundle that is malformed or was altered since
    /// it was verified, is an error. The transaction must then be rolled back.
    pub(crate) fn import_bundle<R: Read + Seek>(
        &mut self,
        bundle: &mut Bundle<R>,
        progress: &mut Reporter<'_>,
    ) -> Result<ImportSummary> {
        progress.report()?;
        let (known, own) = SharedHistory::of(bundle, &*self.transaction, self.last)?;
        let has_more = self.last.0 > known.common();
        let operations = bundle.contents.head.operations;
        let missing = known.missing();
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
            let needed = self.needed(&bundle.contents, &known)?;
            imported.bodies = self.take_bodies(bundle, &needed, progress)?;
            self.take_operations(bundle, known, own, &needed, progress)?;
        }
        imported.head = (self.last.0 > 0).then_some(self.last.1);
        Ok(imported)
    }

    fn needed(&self, contents: &Manifest, known: &SharedHistory) -> Result<NeededBodies> {
        let mut needed = NeededBodies::default();
        let missing = |(number, _): &&(u64, _)| known.number(*number) == 0;
        for (_, blob) in contents.created.iter().filter(missing) {
            self.need(
                contents,
                *blob,
                contents.absent.get(blob).copied(),
                &mut needed,
            )?;
        }
        let missing = |(number, _): &&(u64, _)| known.number(*number) == 0;
        for (_, version) in contents.restored.iter().filter(missing) {
            // If the store does not have the version, an earlier missing operation creates it and
            // already accounts for its body.
            if let Some(row) = self.transaction.version_even_deleted(*version)? {
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
        told: Option<u64>,
        needed: &mut NeededBodies,
    ) -> Result<()> {
        if contents.bodies.binary_search(&blob).is_ok() {
            needed.there.insert(blob);
            return Ok(());
        }
        let stored = match self.transaction.blob(blob)? {
            Some(StoredBlob::Journaled(bytes)) => bytes.len() as u64,
            Some(StoredBlob::Settled(size)) => size,
            None => {
                needed.absent.insert(blob, told.unwrap_or_default());
                return Ok(());
            }
        };
        match told {
            Some(told) if told != stored => Err(malformed(format!(
                "body {blob} is recorded with {told} bytes, but has {stored}"
            ))),
            _ => Ok(()),
        }
    }

    /// Stores the bodies that are needed, before the versions that refer to them are created.
    ///
    /// Returns how many of them the store did not have.
    fn take_bodies<R: Read + Seek>(
        &mut self,
        bundle: &mut Bundle<R>,
        needed: &NeededBodies,
        progress: &mut Reporter<'_>,
    ) -> Result<u64> {
        for (blob, size) in &needed.absent {
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
        let (mut taken, mut found) = (0, 0);
        for _ in 0..count {
            progress.advance(1)?;
            let (id, size) = reader.body_line()?;
            if !needed.there.contains(&id) {
                reader.skip_body(size)?;
                continue;
            }
            found += 1;
            let bytes = reader.body_bytes(id, size)?;
            if self.transaction.blob(id)?.is_none() {
                self.store_body(&Body::from_store(id, bytes)?, kin_of_none(id))?;
                taken += 1;
            }
        }
        match found == needed.there.len() as u64 {
            true => Ok(taken),
            // The file changed after it was verified.
            false => Err(KIND.altered().into()),
        }
    }

    fn take_operations<R: Read + Seek>(
        &mut self,
        bundle: &mut Bundle<R>,
        mut known: SharedHistory,
        mut own: LocalChanges,
        needed: &NeededBodies,
        progress: &mut Reporter<'_>,
    ) -> Result<()> {
        let now = self.context.now();
        let mut check = BundleCheck::default();
        let mut without_body: Vec<VersionId> = Vec::new();
        let made = std::mem::take(&mut bundle.contents.prompts);
        each_behind(bundle, known.common(), |number, id, text| {
            progress.advance(1)?;
            if known.number(number) != 0 {
                return Ok(());
            }
            let contradiction = |reason: String| Error::MergeConflict {
                operation: number,
                id,
                reason,
            };
            let (content, text) = renumbered(read_operation(number, text)?, text, &known)?;
            let is_new = |prompt| made.get(&prompt) == Some(&number);
            check
                .operation(&*self.transaction, &content, is_new)
                .map_err(|misfit| match misfit {
                    BundleRejection::MergeConflict(reason) => contradiction(reason),
                    BundleRejection::Failed(error) => error,
                })?;
            // This follows the check against the current state, whose reasons are more specific.
            if let Some(reason) = own.against(number, &content.changes, &known) {
                return Err(contradiction(reason));
            }
            if !needed.absent.is_empty() {
                without_body.extend(self.lacking(&content, needed)?);
            }
            match self.append_text(content, &text, now) {
                Ok(appended) => known.give(number, appended.number),
                Err(Error::Storage(error)) if error.kind() == StorageErrorKind::Corrupt => {
                    let taken = self.number_in_use(&text);
                    return Err(taken.map_or(Error::Storage(error), contradiction));
                }
                Err(error) => return Err(error),
            }
            Ok(())
        })?;
        for version in without_body {
            if self.transaction.version(version)?.is_some() {
                return Err(malformed(format!(
                    "version {version} is live, but its body is neither in the bundle nor in the store"
                )));
            }
        }
        Ok(())
    }

    /// Returns the versions that an operation creates or restores without their bodies.
    fn lacking(&self, content: &OperationContent, needed: &NeededBodies) -> Result<Vec<VersionId>> {
        let mut lacking = Vec::new();
        for change in &content.changes {
            let (id, blob) = match change {
                Change::VersionCreated(version) => (version.id, Some(version.blob)),
                Change::VersionRestored { id, .. } => {
                    let row = self.transaction.version_even_deleted(*id)?;
                    (*id, row.map(|row| row.version.blob))
                }
                _ => continue,
            };
            if blob.is_some_and(|blob| needed.absent.contains_key(&blob)) {
                lacking.push(id);
            }
        }
        Ok(lacking)
    }

    /// Explains why the index refused an operation whose version numbers are already in use.
    ///
    /// It runs only after a refusal, because looking up each number beforehand takes time.
    fn number_in_use(&self, text: &str) -> Option<String> {
        let content: OperationContent = serde_json::from_str(text).ok()?;
        let mut created = content
            .changes
            .into_iter()
            .filter_map(|change| match change {
                Change::VersionCreated(version) => Some(version),
                _ => None,
            });
        created.find_map(|version| {
            let (prompt, number) = (version.prompt_id, version.number);
            let other = self.transaction.version_numbered(prompt, number).ok()?;
            if let Some(other) = other.filter(|other| other.id != version.id) {
                let taken = format!("number {number} of prompt {prompt} is taken by version");
                return Some(format!("{taken} {}", other.id));
            }
            let used = self.transaction.numbering(prompt, number.major).ok()?;
            (used.highest_minor >= Some(number.minor))
                .then(|| format!("number {number} of prompt {prompt} was used before"))
        })
    }
}

/// Visits the bundle's operations after the common ones, with their numbers, ids and texts.
///
/// Each text is compared with the hash from the verification.
pub(super) fn each_behind<R: Read + Seek>(
    bundle: &mut Bundle<R>,
    common: u64,
    mut visit: impl FnMut(u64, OperationId, &str) -> Result<()>,
) -> Result<()> {
    let ids = &bundle.contents.ids;
    let mut reader = bundle.file.operations()?;
    let mut last = OperationId::ROOT;
    for (number, id) in (1..).zip(ids) {
        let text = reader.operation(number)?;
        if number > common {
            if last.followed_by(text.as_bytes()) != *id {
                return Err(KIND.altered().into());
            }
            visit(number, *id, text)?;
        }
        last = *id;
    }
    Ok(())
}

/// Replaces the numbers of the operations that an operation undoes by the store's numbers.
///
/// If the numbers are the same, the operation's text stays unchanged.
fn renumbered<'a>(
    mut content: OperationContent,
    text: &'a str,
    known: &SharedHistory,
) -> Result<(OperationContent, Cow<'a, str>)> {
    let undoes = content.undoes.iter().map(|number| known.number(*number));
    let undoes: Vec<u64> = undoes.collect();
    if undoes == content.undoes {
        return Ok((content, text.into()));
    }
    content.undoes = undoes;
    let text = operation_text::write(&content)?;
    Ok((content, text.into()))
}
